package emulators

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// deltactl builds the command once for all servers.
func deltactl(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "deltactl")
	build := exec.Command("go", "build", "-o", bin, "./cmd/deltactl")
	build.Dir = "../.."
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))
	return bin
}

// A shell runs deltactl as a user's script does, with the clouds' own variables.
type shell struct {
	t   *testing.T
	bin string
	env []string
	dir string
}

func (s *shell) run(want int, args ...string) string {
	s.t.Helper()
	c := exec.Command(s.bin, args...)
	c.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.dir}, s.env...)
	c.Dir = s.dir
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	err := c.Run()
	code := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else {
		require.NoError(s.t, err)
	}
	require.Equal(s.t, want, code, "deltactl %s\n%s%s", strings.Join(args, " "), stdout.String(), stderr.String())
	return stdout.String()
}

// result runs a write, and returns its document.
func (s *shell) result(want int, args ...string) map[string]any {
	s.t.Helper()
	var r map[string]any
	require.NoError(s.t, json.Unmarshal([]byte(s.run(want, append(args, "-o", "json")...)), &r))
	return r
}

func (s *shell) file(name, text string) {
	s.t.Helper()
	require.NoError(s.t, os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600))
}

// What scripts rely on, against each server, as on local disk.
func TestCommandLine(t *testing.T) {
	bin := deltactl(t)
	each(t, func(t *testing.T, srv *Server) {
		s := &shell{t: t, bin: bin, env: srv.Env(), dir: t.TempDir()}
		table := srv.Root() + "/orders"
		s.file("a.csv", "ds,id,note\n2026-01-05,1,a b\n2026-01-05,2,\n2026-01-06,3,c\n")
		s.file("day.csv", "ds,id,note\n2026-01-05,10,x\n")
		s.file("empty.csv", "ds,id,note\n")
		s.file("bad.csv", "ds,id,note\n2026-01-05,NA,x\n")

		s.run(5, "inspect", table)
		s.run(0, "store", "check", srv.Root())
		r := s.result(0, "append", table, "--from", "a.csv", "--create", "--partition-by", "ds", "--key", "load")
		require.Equal(t, "committed", r["state"])
		require.EqualValues(t, 3, r["rows_added"])
		version := r["version"]

		// The same rows, from another format, in a new process, after a checkpoint.
		s.run(0, "checkpoint", table)
		s.run(0, "export", table, "--to", "a.parquet")
		r = s.result(0, "append", table, "--from", "a.parquet", "--key", "load")
		require.Equal(t, "already_applied", r["state"])
		require.Equal(t, version, r["version"])
		r = s.result(7, "append", table, "--from", "day.csv", "--key", "load")
		require.Equal(t, "not_committed", r["state"])

		r = s.result(0, "replace-partition", table, "--from", "day.csv", "--partition", "ds=2026-01-05", "--key", "day")
		require.Equal(t, []any{"ds=2026-01-05"}, r["partitions"])
		require.EqualValues(t, 2, r["rows_removed"])
		s.run(10, "replace-partition", table, "--from", "a.csv", "--partition", "ds=2026-01-05")
		s.run(10, "replace-partition", table, "--from", "bad.csv")
		s.run(10, "reload", table, "--from", "empty.csv")
		r = s.result(0, "replace-partition", table, "--from", "empty.csv", "--partition", "ds=2026-01-06", "--on-empty", "truncate", "--dry-run")
		require.Equal(t, true, r["dry_run"])
		require.EqualValues(t, 1, r["rows_removed"])

		require.Contains(t, s.run(0, "status", table, "--key", "day"), "landed as version")
		s.run(3, "status", table, "--key", "never")
		lines := func(at string) int {
			return strings.Count(s.run(0, "export", table+at, "--format", "csv"), "\n") - 1
		}
		require.Equal(t, 2, lines(""))
		require.Equal(t, 3, lines("@v1"))
		s.run(5, "export", table+"@v99")
		require.Contains(t, s.run(0, "head", table, "--where", "ds = '2026-01-05'"), "10")
		for _, verb := range []string{"inspect", "history", "schema", "files", "partitions", "txns"} {
			require.NotEmpty(t, s.run(0, verb, table), verb)
			require.NotEmpty(t, s.run(0, verb, table, "-o", "json"), verb)
		}
		r = s.result(0, "reload", table, "--from", "a.csv", "--key", "all")
		require.Equal(t, "committed", r["state"])
		require.Equal(t, 3, lines(""))

		// Wrong credentials are told from a table that is not there. fake-gcs-server
		// asks for none.
		if srv.Name == "versitygw" {
			wrong := *s
			wrong.env = append(append([]string{}, s.env...), "AWS_SECRET_ACCESS_KEY=wrong")
			wrong.run(4, "inspect", table)
		}
	})
}
