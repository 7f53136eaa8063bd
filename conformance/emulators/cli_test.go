package emulators

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const deltactl = "../../cmd/deltactl"

// build runs a go command in deltactl's directory.
func build(t *testing.T, args ...string) {
	t.Helper()
	c := exec.Command("go", args...)
	c.Dir = deltactl
	out, err := c.CombinedOutput()
	require.NoError(t, err, "go %s\n%s", strings.Join(args, " "), out)
}

// onlyLocal are the scripts that have no meaning on a server. The demo makes a
// table of its own on local disk.
var onlyLocal = []string{"demo"}

var outcome = regexp.MustCompile(`(?m)^ +--- (PASS|SKIP|FAIL): TestScripts/(\S+)`)

// All that scripts rely on, on local disk, holds on each server: the same scripts
// are run by the command's own test, with deltactl as it is built for users.
func TestCommandLine(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	bin, suite := filepath.Join(dir, "bin"), filepath.Join(dir, "deltactl.test")
	build(t, "build", "-o", bin+"/deltactl", ".")
	build(t, "test", "-c", "-o", suite, ".")
	files, err := filepath.Glob(deltactl + "/testdata/script/*.txt")
	require.NoError(t, err)
	var want []string
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".txt")
		if !slices.Contains(onlyLocal, name) {
			want = append(want, name)
		}
	}
	each(t, func(t *testing.T, s *Server) {
		// The clouds' variables of whoever runs the test must not get in.
		env := append([]string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + os.TempDir(), "HOME=" + t.TempDir()}, s.Env()...)
		c := exec.Command(suite, "-test.v", "-test.run=^TestScripts$")
		c.Dir = deltactl
		c.Env = append(slices.Clone(env), "DELTACTL_SCRIPT_ROOT="+s.Root(), "DELTACTL_SCRIPT_PATH="+bin)
		out, err := c.CombinedOutput()
		require.NoError(t, err, "%s", out)
		byOutcome := map[string][]string{}
		for _, m := range outcome.FindAllStringSubmatch(string(out), -1) {
			byOutcome[m[1]] = append(byOutcome[m[1]], m[2])
		}
		require.ElementsMatch(t, want, byOutcome["PASS"], "scripts that ran")
		require.ElementsMatch(t, onlyLocal, byOutcome["SKIP"], "scripts that did not run")
		if s.Name != "versitygw" {
			return // the others ask for no credentials
		}
		c = exec.Command(bin+"/deltactl", "inspect", s.Root())
		c.Env = append(slices.Clone(env), "AWS_SECRET_ACCESS_KEY=wrong")
		out, err = c.CombinedOutput()
		require.Error(t, err)
		require.Equal(t, 4, c.ProcessState.ExitCode(), "wrong credentials are told from a table that is not there: %s", out)
	})
}
