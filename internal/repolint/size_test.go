package repolint

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// ceilings are the largest stripped binaries that we accept, in MiB. Raise one
// only with a reason in the commit.
var ceilings = []struct {
	name string
	dir  string // the package that must exist for the ceiling to mean something
	src  string // a program to build; empty: dir itself is one
	mib  float64
}{
	{"deltactl", "cmd/deltactl", "", 64},
	{"an embedder with local disk only", "delta", "package main\n\nimport _ \"" + module + "/delta\"\n\nfunc main() {}\n", 24},
	{"an embedder with S3", "delta/s3", "package main\n\nimport (\n\t_ \"" + module + "/delta\"\n\t_ \"" + module + "/delta/s3\"\n)\n\nfunc main() {}\n", 36},
}

func TestBinarySizes(t *testing.T) {
	t.Parallel()
	dir := root(t)
	for _, c := range ceilings {
		if found, err := filepath.Glob(filepath.Join(dir, c.dir, "*.go")); err != nil || len(found) == 0 {
			t.Logf("%s: no package %s yet", c.name, c.dir)
			continue
		}
		target := "./" + c.dir
		if c.src != "" {
			target = filepath.Join(t.TempDir(), "main.go")
			require.NoError(t, os.WriteFile(target, []byte(c.src), 0o600))
		}
		bin := filepath.Join(t.TempDir(), "bin")
		cmd := exec.Command("go", "build", "-ldflags=-s -w", "-o", bin, target)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s: %s", c.name, out)
		info, err := os.Stat(bin)
		require.NoError(t, err)
		mib := float64(info.Size()) / (1 << 20)
		t.Logf("%s: %.1f MiB of %.0f", c.name, mib, c.mib)
		require.LessOrEqual(t, mib, c.mib, "%s has grown", c.name)
	}
}
