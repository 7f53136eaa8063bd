//go:build linux

package localstore

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/internal/diskcall"
	"github.com/deltalog/deltalog/txlog/logstore"
)

// crashEnv tells the test binary to be a process that is killed. Its value is
// "directory|variant|action|n|when": do the action, and die at the n-th system
// call that changes something, before or after it; or with n = -1 do it for ever.
const crashEnv = "LOCALSTORE_CRASH"

const (
	commitName = "_delta_log/00000000000000000001.json"
	hintName   = "_delta_log/_last_checkpoint"
	dataName   = "d=1/part-00000.parquet"
)

var (
	oldHint = []byte("old hint")
	newBody = bytes.Repeat([]byte("new content "), 50_000)
)

func init() {
	if job, ok := os.LookupEnv(crashEnv); ok {
		crashJob = func() { crashMain(job) }
	}
}

func crashMain(job string) {
	part := strings.Split(job, "|")
	s, err := openVariant(part[1] + ":" + part[0])
	check(err)
	n, err := strconv.Atoi(part[3])
	check(err)
	if n < 0 {
		commitForEver(s)
	}
	local := s.(*Store)
	inner, calls := local.hook, 0
	local.hook = func(c diskcall.Call, call func() error) error {
		do := call
		if inner != nil {
			do = func() error { return inner(c, call) }
		}
		calls++
		if calls-1 != n {
			return do()
		}
		if part[4] == "after" {
			_ = do() // a link that is refused is a call too
		}
		die()
		return nil
	}
	check(act(local, part[2]))
	os.Exit(3) // n is beyond the last call
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func die() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

// act does what dies.
func act(s *Store, action string) error {
	ctx := context.Background()
	switch action {
	case "put":
		return s.Put(ctx, commitName, newBody, logstore.IfAbsent)
	case "overwrite":
		return s.Put(ctx, hintName, newBody, logstore.Overwrite)
	case "write":
		w, err := s.Create(ctx, dataName)
		if err != nil {
			return err
		}
		defer w.Abort()
		for _, part := range [][]byte{newBody[:1000], newBody[1000:]} {
			if _, err := w.Write(part); err != nil {
				return err
			}
		}
		return w.Close()
	}
	return fmt.Errorf("no action %q", action)
}

// commitForEver puts commits and replaces a hint, and says each that is done.
func commitForEver(s logstore.Store) {
	for i := 0; ; i++ {
		body := fmt.Appendf(nil, "%d %s", i, newBody[:(i*7919)%100_000])
		check(s.Put(context.Background(), fmt.Sprintf("_delta_log/%020d.json", i), body, logstore.IfAbsent))
		check(s.Put(context.Background(), hintName, body, logstore.Overwrite))
		fmt.Println(i)
	}
}

func crashCommand(dir, variant, action string, n int, when string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), crashEnv+"="+strings.Join([]string{dir, variant, action, strconv.Itoa(n), when}, "|"))
	return cmd
}

// killed runs a process that dies at a call, and reports whether it came to it.
func killed(t *testing.T, cmd *exec.Cmd) bool {
	t.Helper()
	out, err := cmd.CombinedOutput()
	require.Error(t, err, "the process ended by itself\n%s", out)
	status := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if status.Signaled() {
		require.Equal(t, syscall.SIGKILL, status.Signal(), "%s", out)
		return true
	}
	require.Equal(t, 3, status.ExitStatus(), "%s", out)
	return false
}

// files returns every file below dir with its content, temporary ones apart.
func files(t *testing.T, dir string) (objects map[string]string, temps []string) {
	t.Helper()
	objects = map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		require.NoError(t, err)
		if isTemp(d.Name()) {
			temps = append(temps, name)
			return nil
		}
		data, err := os.ReadFile(path)
		objects[name] = string(data)
		return err
	}))
	return objects, temps
}

// A process is killed before and after each system call that a write makes. The
// write is then done or not, never half, and nothing is left but temporary files,
// which another process can sweep; and the write can be done again.
func TestKillAtEveryCall(t *testing.T) {
	for _, variant := range []string{variantPlain, variantNamed, variantRename} {
		for _, c := range []struct {
			action, name string
			before       map[string]string
		}{
			{"put", commitName, map[string]string{hintName: string(oldHint)}},
			{"overwrite", hintName, map[string]string{hintName: string(oldHint)}},
			{"write", dataName, map[string]string{hintName: string(oldHint)}},
		} {
			t.Run(variant+"/"+c.action, func(t *testing.T) {
				t.Parallel()
				done, undone, steps := 0, 0, 0
				for n := 0; ; n++ {
					alive := false
					for _, when := range []string{"before", "after"} {
						dir := filepath.Join(t.TempDir(), "table")
						s, err := Open(dir, nil)
						require.NoError(t, err)
						require.NoError(t, s.Put(t.Context(), hintName, oldHint, logstore.Overwrite))
						alive = !killed(t, crashCommand(dir, variant, c.action, n, when))
						if alive {
							break
						}
						objects, temps := files(t, dir)
						if objects[c.name] == string(newBody) {
							done++
						} else {
							undone++
							require.Equal(t, c.before, objects, "killed %s call %d", when, n)
						}
						require.LessOrEqual(t, len(temps), 1)
						require.False(t, variant == variantPlain && c.action != "overwrite" && len(temps) > 0,
							"anonymous files leave nothing behind")
						again := act(s, c.action)
						if objects[c.name] == string(newBody) && c.action != "overwrite" {
							require.ErrorIs(t, again, logstore.ErrExist)
						} else {
							require.NoError(t, again)
						}
						objects, _ = files(t, dir)
						require.Equal(t, string(newBody), objects[c.name])
					}
					if alive {
						break
					}
					steps++
				}
				require.GreaterOrEqual(t, steps, 5, "the hook does not see the calls")
				require.Positive(t, done)
				require.Positive(t, undone)
			})
		}
	}
}

// A process that commits without pause is killed at any moment. What it said was
// done is there, what is there is whole, and nothing else is but temporary files.
func TestKillAtAnyMoment(t *testing.T) {
	const seed, rounds = 20260105, 12
	random := rand.New(rand.NewPCG(seed, 0))
	for round := range rounds {
		variant := []string{variantPlain, variantNamed, variantRename}[round%3]
		dir := filepath.Join(t.TempDir(), "table")
		cmd := crashCommand(dir, variant, "", -1, "")
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		lines := bufio.NewScanner(out)
		last := -1
		for range 1 + random.IntN(12) {
			require.True(t, lines.Scan(), "seed %d round %d: the process ended by itself", seed, round)
			last, err = strconv.Atoi(lines.Text())
			require.NoError(t, err)
		}
		for range random.IntN(200_000) { // somewhere within the next commits
		}
		require.NoError(t, cmd.Process.Kill())
		for lines.Scan() {
			last, err = strconv.Atoi(lines.Text())
			require.NoError(t, err)
		}
		require.Error(t, cmd.Wait())

		objects, _ := files(t, dir)
		hint := objects[hintName]
		delete(objects, hintName)
		require.Contains(t, []int{last + 1, last + 2}, len(objects), "seed %d round %d: commits after %d was reported", seed, round, last)
		for i := range len(objects) {
			want := fmt.Sprintf("%d %s", i, newBody[:(i*7919)%100_000])
			require.Equal(t, want, objects[fmt.Sprintf("_delta_log/%020d.json", i)], "seed %d round %d", seed, round)
			if strings.HasPrefix(hint, fmt.Sprintf("%d ", i)) {
				require.Equal(t, want, hint)
				require.GreaterOrEqual(t, i, last)
				hint = ""
			}
		}
		require.Empty(t, hint, "the hint is none that was written")
	}
}
