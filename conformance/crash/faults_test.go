package crash_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/deltalog/deltalog/conformance/crash"
	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/internal/diskcall"
	"github.com/deltalog/deltalog/internal/effort"
	"github.com/deltalog/deltalog/txlog"
)

// errnos are what system calls on a disk fail with.
var errnos = []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS, syscall.EACCES, syscall.EMFILE, syscall.EIO}

// A fault is a system call that fails.
type fault struct {
	n       int // which call, from 0
	errno   syscall.Errno
	applied bool // it had its effect all the same
	lasting bool // and so do all after it
}

func (f fault) String() string {
	how := "once"
	if f.lasting {
		how = "from then on"
	}
	return fmt.Sprintf("call %d fails with %v %s, applied %t", f.n, f.errno, how, f.applied)
}

// hook lets calls fail as the fault says, and tells in met that it came to that.
func (f fault) hook(inner diskcall.Hook, met *bool) diskcall.Hook {
	calls := 0
	return func(c diskcall.Call, do func() error) error {
		calls++
		if n := calls - 1; n < f.n || n > f.n && !f.lasting {
			return inner(c, do)
		}
		*met = true
		flush := c.Op == diskcall.SyncDir || c.Op == diskcall.SyncFile // what one that fails has done is not known
		if f.applied && !flush {
			if err := inner(c, do); err != nil {
				return err
			}
		}
		return f.errno
	}
}

// failing are the steps whose calls fail, and the steps before them.
var failing = [][]step{
	{createStep},
	{firstStep},
	{createStep, appendStep, appendAgain("append-2")},
	{createStep, appendStep, replaceStep},
	{createStep, appendStep, replaceStep, mergeStep}, // which is followed by a checkpoint
	{createStep, appendStep, deleteStep},
	{createStep, appendStep, updateStep},
	{createStep, appendStep, reloadStep},
	{createStep, appendStep, prepareStep, commitStep},
	{createStep, appendStep, checkpointStep},
}

// appendAgain is an append under another name: one to a partition that is there.
func appendAgain(name string) step {
	return onTable(name, func(ctx context.Context, t *delta.Table, o delta.WriteOptions) (*delta.Result, error) {
		return t.Append(ctx, source(item{50, "a", 5}), &o)
	}, func(rows []item) []item { return append(slices.Clone(rows), item{50, "a", 5}) })
}

// A failure is a step under faults: what is there before it.
type failure struct {
	r      *recording // of the steps before
	before *crash.Image
	step   step
	want   []string // the rows afterwards
}

func newFailure(t *testing.T, steps []step) *failure {
	t.Helper()
	last := len(steps) - 1
	f := &failure{r: record(t, steps[:last], systems["plain"]), step: steps[last], want: texts(outcomes(steps)[last+1])}
	f.before = f.r.disk.Crash(f.r.disk.Len(), crash.Damage{Percent: 100})
	return f
}

// run does the step under a fault, and checks what was told of it, and that it can
// be done again. It reports whether it came to the fault.
func (f *failure) run(ctx context.Context, top string, x fault) (met bool, err error) {
	if err := f.before.Write(top); err != nil {
		return false, err
	}
	disk := crash.NewDisk(top)
	disk.Start(f.before)
	st := openOn(top, x.hook(disk.Hook(filepath.Join(top, below)), &met))
	kept := f.r.kept
	res, err := f.step.run(ctx, st, "first", &kept)
	if cerr := st.Close(); cerr != nil {
		return met, cerr
	}
	if terr := f.truth(ctx, top, res, err); terr != nil {
		return met, fmt.Errorf("told %v, %w: %w", res, err, terr)
	}
	if err == nil && !f.step.silent {
		if derr := f.durable(ctx, disk, top+"-cut"); derr != nil {
			return met, fmt.Errorf("told %v, but after a power cut: %w", res, derr)
		}
	}

	st = openOn(top, nil) // the fault has ended
	defer st.Close()
	again, err := f.step.run(ctx, st, "second", &kept)
	if err != nil {
		return met, fmt.Errorf("done again after %v: %w", res, err)
	}
	s, err := txlog.Load(ctx, st, nil)
	if err != nil {
		return met, err
	}
	if rows, err := rowsAt(ctx, s); err != nil || !slices.Equal(rows, f.want) {
		return met, fmt.Errorf("done again after %v, the table holds %q, want %q: %w", res, rows, f.want, err)
	}
	at, err := keyed(ctx, s)
	if n := len(at[f.step.name]); err == nil && n > 1 {
		err = fmt.Errorf("%v and %v: done in versions %d", res, again, at[f.step.name])
	}
	return met, errors.Join(err, liveFilesThere(ctx, s))
}

// truth checks what was told against the log that can be seen.
func (f *failure) truth(ctx context.Context, top string, res *delta.Result, err error) error {
	if res == nil || f.step.silent || f.step.name == createStep.name {
		return nil // the table could not even be opened, or there is no commit to tell of
	}
	st := openOn(top, nil)
	defer st.Close()
	landed := []delta.Version(nil)
	s, lerr := txlog.Load(ctx, st, nil)
	if lerr == nil {
		at, kerr := keyed(ctx, s)
		landed, lerr = at[f.step.name], kerr
	}
	if lerr != nil && !errors.Is(lerr, txlog.ErrTableNotFound) {
		return lerr
	}
	switch {
	case res.State == delta.Committed && err == nil && slices.Equal(landed, []delta.Version{res.Version}):
	case res.State == delta.NotCommitted && err != nil && len(landed) == 0:
	case res.State == delta.Unknown && errors.Is(err, delta.ErrCommitUnknown) && len(landed) <= 1:
	default:
		return fmt.Errorf("the log has it in versions %d", landed)
	}
	return nil
}

// durable checks that what was acknowledged is there when the power goes now.
func (f *failure) durable(ctx context.Context, disk *crash.Disk, top string) error {
	if err := os.Mkdir(top, 0o750); err != nil {
		return err
	}
	img := disk.Crash(disk.Len(), crash.Damage{})
	if err := img.Write(top); err != nil {
		return err
	}
	st := openOn(top, nil)
	defer st.Close()
	s, err := txlog.Load(ctx, st, nil)
	if err != nil {
		return err
	}
	rows, err := rowsAt(ctx, s)
	if err == nil && !slices.Equal(rows, f.want) {
		err = fmt.Errorf("the table holds %q, want %q", rows, f.want)
	}
	return errors.Join(err, os.RemoveAll(top))
}

// Every system call of every operation fails: the disk is full, over quota, read-only,
// forbidden or broken, or there are too many files. Whatever was told is true, also
// after a power cut; when the fault ends the task can be done again; and neither
// goroutines nor open files are left.
func TestEveryCallFails(t *testing.T) {
	files := openFiles(t)
	every := effort.Pick(9, 1)
	t.Run("steps", func(t *testing.T) {
		for _, steps := range failing {
			name := steps[len(steps)-1].name
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				f := newFailure(t, steps)
				dir, runs := t.TempDir(), 0
				for n := 0; ; n++ {
					anyMet := false
					for i, x := range faultsAt(n) {
						if (i+n)%every != 0 {
							continue
						}
						runs++
						top := filepath.Join(dir, fmt.Sprint(runs))
						require.NoError(t, os.Mkdir(top, 0o750))
						met, err := f.run(t.Context(), top, x)
						require.NoError(t, err, "%s: %s", name, x)
						require.NoError(t, os.RemoveAll(top))
						anyMet = anyMet || met
					}
					if !anyMet {
						require.Greater(t, n, 4, "the hook does not see the calls")
						break
					}
				}
				t.Logf("%d faults", runs)
			})
		}
	})
	require.Equal(t, files, openFiles(t), "open files")
	goleak.VerifyNone(t)
}

func faultsAt(n int) (all []fault) {
	for _, errno := range errnos {
		all = append(all, fault{n, errno, false, false}, fault{n, errno, true, false}, fault{n, errno, false, true})
	}
	return all
}

// openFiles are what this process has open, but for the listing itself.
func openFiles(t *testing.T) (open []string) {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	for _, e := range entries {
		to, err := os.Readlink("/proc/self/fd/" + e.Name())
		if err == nil && !strings.HasPrefix(to, "/proc/") {
			open = append(open, e.Name()+" "+to)
		}
	}
	return open
}
