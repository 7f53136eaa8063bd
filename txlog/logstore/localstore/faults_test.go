//go:build linux

package localstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/internal/diskcall"
	"github.com/deltalog/deltalog/txlog/logstore"
)

// opened is a store in a new directory that has a hint object already.
func opened(t *testing.T, variant string) *Store {
	t.Helper()
	s, err := openVariant(variant + ":" + filepath.Join(t.TempDir(), "table"))
	require.NoError(t, err)
	local := s.(*Store)
	path := filepath.Join(local.path, hintName)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o750))
	require.NoError(t, os.WriteFile(path, oldHint, 0o640))
	return local
}

// calls records the system calls that change something, but for flushes of
// directories above those of the test.
func calls(s *Store) *[]string {
	var trace []string
	inner := s.hook
	s.hook = func(c diskcall.Call, call func() error) error {
		do := call
		if inner != nil {
			do = func() error { return inner(c, call) }
		}
		err := do()
		name := c.Path
		if c.File != nil {
			name = path.Base(name)
		}
		line := c.Op + " " + strings.ReplaceAll(name, s.path, "ROOT")
		line = strings.ReplaceAll(line, filepath.Dir(s.path), "PARENT")
		if err != nil {
			line += " FAILED"
		}
		if !aboveTests(c.Path) {
			trace = append(trace, line)
		}
		return err
	}
	return &trace
}

// aboveTests reports whether a directory is above every one of t.TempDir.
func aboveTests(dir string) bool {
	depth := func(dir string) int { return strings.Count(filepath.Clean(dir), "/") }
	return filepath.IsAbs(dir) && depth(dir) < depth(os.TempDir())+2
}

// What survives a power cut depends on the order of calls: content is flushed
// before it has a name, and a name before it is reported.
func TestOrderOfCalls(t *testing.T) {
	const commit = "00000000000000000001.json"
	// The directory was made by another store, or process: whether it was
	// flushed is not known.
	meet := []string{"sync dir PARENT", "sync dir ."}
	for _, c := range []struct {
		variant, action string
		want            []string
	}{
		{variantPlain, "put", []string{
			"open anonymous " + commit, "write " + commit, "sync file " + commit, "link " + commit, "sync dir _delta_log",
		}},
		{variantNamed, "put", []string{
			"open temp " + commit, "write " + commit, "sync file " + commit, "link " + commit, "remove temp " + commit, "sync dir _delta_log",
		}},
		{variantRename, "put", []string{
			"open temp " + commit, "write " + commit, "sync file " + commit, "link " + commit + " FAILED", "rename " + commit, "sync dir _delta_log",
		}},
		{variantPlain, "overwrite", []string{
			"open temp _last_checkpoint", "write _last_checkpoint", "sync file _last_checkpoint", "replace _last_checkpoint", "sync dir _delta_log",
		}},
		{variantPlain, "write", []string{
			"open anonymous part-00000.parquet", "write part-00000.parquet", "write part-00000.parquet",
			"sync file part-00000.parquet", "link part-00000.parquet", "sync dir d=1",
		}},
	} {
		t.Run(c.variant+"/"+c.action, func(t *testing.T) {
			s := opened(t, c.variant)
			for _, name := range []string{"d=1/other", "_delta_log/other"} {
				require.NoError(t, s.Put(t.Context(), name, nil, logstore.IfAbsent))
			}
			trace := calls(s)
			require.NoError(t, act(s, c.action))
			require.Equal(t, c.want, *trace)

			again, err := openVariant(c.variant + ":" + s.path)
			require.NoError(t, err)
			trace = calls(again.(*Store))
			require.NoError(t, again.Delete(t.Context(), commitName))
			require.NoError(t, again.Delete(t.Context(), dataName))
			*trace = nil
			require.NoError(t, act(again.(*Store), c.action))
			require.Equal(t, append(meet, c.want...), *trace)
		})
	}
}

// Each directory that gets an entry is flushed before anything in it is reported.
func TestNewDirectoriesAreFlushed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	s, err := Open(dir, nil)
	require.NoError(t, err)
	trace := calls(s)
	require.NoError(t, s.Put(t.Context(), "x=1/y=2/f", nil, logstore.IfAbsent))
	above := filepath.Dir(filepath.Dir(dir))
	for i, line := range *trace {
		(*trace)[i] = strings.ReplaceAll(line, above, "ABOVE")
	}
	require.Equal(t, []string{
		"mkdir ROOT FAILED", "mkdir PARENT", "mkdir ROOT", "mkdir x=1", "mkdir x=1/y=2",
		"sync dir ABOVE", "sync dir PARENT", "sync dir .", "sync dir x=1",
		"open anonymous f", "write f", "sync file f", "link f", "sync dir x=1/y=2",
	}, *trace)

	*trace = nil
	require.NoError(t, s.Put(t.Context(), "x=1/y=3/f", nil, logstore.IfAbsent))
	require.Equal(t, []string{
		"mkdir x=1/y=3", "sync dir x=1", "open anonymous f", "write f", "sync file f", "link f", "sync dir x=1/y=3",
	}, *trace, "a directory above is flushed again only for a new entry")
}

// Another process made the directories above the table, and was killed before it
// had flushed them. (The crash suite found tables that were lost.)
func TestDirectoriesOfTheDeadAreFlushed(t *testing.T) {
	top := t.TempDir()
	dir := filepath.Join(top, "a", "b", "c")
	require.NoError(t, os.MkdirAll(filepath.Dir(dir), 0o750))
	s, err := Open(dir, nil)
	require.NoError(t, err)
	trace := calls(s)
	require.NoError(t, s.Put(t.Context(), "f", nil, logstore.IfAbsent))
	for i, line := range *trace {
		(*trace)[i] = strings.ReplaceAll(strings.ReplaceAll(line, "PARENT", filepath.Dir(dir)), top, "TOP")
	}
	require.Equal(t, []string{
		"mkdir ROOT", "sync dir TOP", "sync dir TOP/a", "sync dir TOP/a/b",
		"open anonymous f", "write f", "sync file f", "link f", "sync dir .",
	}, *trace)
}

// A directory that cannot be flushed for want of permission is no concern of a store
// that found it, and an error for one that has made a directory in it.
func TestDirectoryThatMayNotBeFlushed(t *testing.T) {
	for _, made := range []bool{false, true} {
		top := t.TempDir()
		dir := filepath.Join(top, "a", "table")
		if !made {
			require.NoError(t, os.MkdirAll(dir, 0o750))
		}
		s, err := Open(dir, nil)
		require.NoError(t, err)
		s.hook = func(c diskcall.Call, call func() error) error {
			if c.Op == diskcall.SyncDir && c.Path == top {
				return syscall.EACCES
			}
			return call()
		}
		err = s.Put(t.Context(), "f", nil, logstore.IfAbsent)
		if made {
			require.ErrorIs(t, err, logstore.ErrPermission)
		} else {
			require.NoError(t, err)
		}
	}
}

// Flush makes what another process has written survive a power cut, and says when
// it could not.
func TestFlush(t *testing.T) {
	s := opened(t, variantPlain)
	require.ErrorIs(t, s.Flush(t.Context(), commitName), logstore.ErrNotExist)
	require.NoError(t, act(s, "put"))
	again, err := Open(s.path, nil)
	require.NoError(t, err)
	trace := calls(again)
	require.NoError(t, again.Flush(t.Context(), commitName))
	require.Equal(t, []string{"sync dir PARENT", "sync dir .", "sync dir _delta_log"}, *trace)
	*trace = nil
	require.NoError(t, logstore.Flush(t.Context(), logstore.Traced(again, func(logstore.Call) {}), commitName))
	require.Equal(t, []string{"sync dir _delta_log"}, *trace)
	again.hook = func(diskcall.Call, func() error) error { return syscall.EIO }
	require.ErrorIs(t, again.Flush(t.Context(), commitName), syscall.EIO)
}

func TestLosersDoNotFlush(t *testing.T) {
	s := opened(t, variantPlain)
	require.NoError(t, act(s, "put"))
	trace := calls(s)
	require.ErrorIs(t, act(s, "put"), logstore.ErrExist)
	require.Empty(t, *trace)

	// Another process takes the name while this one writes.
	s = opened(t, variantPlain)
	flushed := false
	s.hook = func(c diskcall.Call, call func() error) error {
		if c.Op == "write" {
			require.NoError(t, os.WriteFile(filepath.Join(s.path, commitName), nil, 0o640))
		}
		flushed = flushed || strings.HasPrefix(c.Op, "sync file")
		return call()
	}
	require.ErrorIs(t, act(s, "put"), logstore.ErrExist)
	require.False(t, flushed)
}

// Of many goroutines that race for a name one flushes, and a waiting one can be
// cancelled.
func TestWritersOfOneNameTakeTurns(t *testing.T) {
	s := opened(t, variantPlain)
	flushing, goOn := make(chan struct{}), make(chan struct{})
	var flushes atomic.Int32
	s.hook = func(c diskcall.Call, call func() error) error {
		if c.Op == "sync file" && flushes.Add(1) == 1 {
			close(flushing)
			<-goOn
		}
		return call()
	}
	var wg sync.WaitGroup
	var won, lost atomic.Int32
	put := func() {
		switch err := act(s, "put"); {
		case err == nil:
			won.Add(1)
		case errors.Is(err, logstore.ErrExist):
			lost.Add(1)
		default:
			t.Error(err)
		}
	}
	wg.Go(put)
	<-flushing
	for range 7 {
		wg.Go(put)
	}
	ctx, cancel := context.WithCancel(t.Context())
	wg.Go(func() {
		err := s.Put(ctx, commitName, nil, logstore.IfAbsent)
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, logstore.ErrUnavailable)
	})
	for waiting := false; !waiting; runtime.Gosched() {
		s.turns.mu.Lock()
		waiting = s.turns.names[commitName].users == 9
		s.turns.mu.Unlock()
	}
	cancel()
	for waiting := true; waiting; runtime.Gosched() {
		s.turns.mu.Lock()
		waiting = s.turns.names[commitName].users == 9
		s.turns.mu.Unlock()
	}
	require.NoError(t, s.Put(t.Context(), "_delta_log/another", nil, logstore.IfAbsent), "other names do not wait")
	close(goOn)
	wg.Wait()
	require.EqualValues(t, 1, won.Load())
	require.EqualValues(t, 7, lost.Load())
	require.EqualValues(t, 2, flushes.Load())
	require.Empty(t, s.turns.names)
}

func TestNoSync(t *testing.T) {
	s, err := Open(filepath.Join(t.TempDir(), "table"), &Options{NoSync: true})
	require.NoError(t, err)
	trace := calls(s)
	for _, action := range []string{"put", "overwrite", "write"} {
		require.NoError(t, act(s, action))
	}
	require.NotContains(t, strings.Join(*trace, "\n"), "sync")
}

// Every call fails in turn, with and without having had its effect, with the
// errors that systems give. Whatever the store then answers is true.
func TestEveryCallFails(t *testing.T) {
	errnos := []error{syscall.EIO, syscall.ENOSPC, syscall.EDQUOT, syscall.EACCES, syscall.EROFS, syscall.ETIMEDOUT, syscall.ESTALE, syscall.EMFILE, syscall.EEXIST}
	for _, variant := range []string{variantPlain, variantNamed, variantRename} {
		for _, action := range []string{"put", "overwrite", "write"} {
			t.Run(variant+"/"+action, func(t *testing.T) {
				t.Parallel()
				for n, more := 0, true; more; n++ {
					for _, errno := range errnos {
						for _, applied := range []bool{false, true} {
							more = failAt(t, variant, action, n, errno, applied)
						}
					}
				}
			})
		}
	}
}

// failAt lets call n fail and judges the answer. It reports whether there was one.
func failAt(t *testing.T, variant, action string, n int, errno error, applied bool) bool {
	t.Helper()
	s := opened(t, variant)
	inner, count, failed, outside := s.hook, 0, "", false
	s.hook = func(c diskcall.Call, call func() error) error {
		do := call
		if inner != nil {
			do = func() error { return inner(c, call) }
		}
		if strings.HasPrefix(c.Op, "sync") {
			do = func() error { return nil } // a real flush only takes time here
		}
		count++
		if count-1 != n {
			return do()
		}
		failed, outside = c.Op, filepath.IsAbs(c.Path)
		if c.Op == "open temp" && errors.Is(errno, syscall.EEXIST) {
			return errno // a name in use: another is tried
		}
		if applied {
			if err := do(); err != nil {
				return err
			}
		}
		return errno
	}
	err := act(s, action)
	if failed == "" {
		require.NoError(t, err)
		return false
	}
	what := fmt.Sprintf("call %d, %s, fails with %v, applied %t: %v", n, failed, errno, applied, err)
	name, before := commitName, ""
	switch action {
	case "overwrite":
		name, before = hintName, string(oldHint)
	case "write":
		name = dataName
	}
	objects, temps := files(t, s.path)
	landed := objects[name] == string(newBody)
	require.True(t, landed || objects[name] == before, "%s: the object is half written", what)
	switch {
	case err == nil:
		require.True(t, landed, "%s: reported as written, is not there", what)
	case definite(err):
		require.False(t, landed, "%s: reported as not written, is there", what)
	}
	// What is known not to have been published is said to be so.
	switch failed {
	case "mkdir", "open anonymous", "open temp", "write", "sync file", "remove":
		if err != nil {
			require.True(t, definite(err), "%s: nothing was published, but the error does not say so", what)
		}
	case "sync dir":
		if outside && errors.Is(errno, syscall.EACCES) {
			require.NoError(t, err, "%s: a directory that is not ours to read was not made by us", what)
			break
		}
		require.Error(t, err, what)
		if landed {
			require.False(t, definite(err), what)
			require.NotErrorIs(t, err, errno, "%s: the error of the flush is not that of the write", what)
		}
	case "link", "rename", "replace":
		if applied {
			require.NoError(t, err, "%s: its own file has the name", what)
		}
		if !applied && (errors.Is(errno, syscall.EIO) || errors.Is(errno, syscall.ETIMEDOUT) || errors.Is(errno, syscall.ESTALE)) {
			require.Error(t, err)
			require.False(t, definite(err), "%s: a file server may still do it", what)
		}
	}
	if failed != "remove temp" && !(strings.HasPrefix(failed, "open") && applied) {
		require.Empty(t, temps, "%s: left behind", what)
	}
	for class, errs := range map[error][]error{
		logstore.ErrNoSpace:    {syscall.ENOSPC, syscall.EDQUOT},
		logstore.ErrPermission: {syscall.EACCES, syscall.EROFS},
	} {
		for _, e := range errs {
			if errors.Is(errno, e) && definite(err) {
				require.ErrorIs(t, err, class, what)
			}
		}
	}
	if errors.Is(errno, syscall.EMFILE) && err != nil && !landed {
		require.ErrorIs(t, err, logstore.ErrUnavailable, "%s: the system did nothing", what)
	}
	s.hook = nil
	if err != nil && !landed {
		require.NoError(t, act(s, action), "%s: and then again", what)
	}
	return true
}

// A file system with neither hard links nor a rename that does not replace
// cannot decide races, and is not written to.
func TestRefusesWithoutAtomicNames(t *testing.T) {
	for _, errno := range []error{syscall.EINVAL, syscall.ENOSYS, syscall.ENOTSUP} {
		s := opened(t, variantRename)
		inner := s.hook
		s.hook = func(c diskcall.Call, call func() error) error {
			if c.Op == "rename" {
				return errno
			}
			return inner(c, call)
		}
		for _, action := range []string{"put", "write"} {
			err := act(s, action)
			require.ErrorIs(t, err, logstore.ErrRefused)
			require.ErrorContains(t, err, "can neither link nor rename without replacing")
		}
		objects, temps := files(t, s.path)
		require.Len(t, objects, 1)
		require.Empty(t, temps)
	}
}

// Where anonymous files do not work, whether that shows at once or only when
// they are named (no /proc), named ones are used.
func TestFallsBackToNamedFiles(t *testing.T) {
	for _, op := range []string{"open anonymous", "link"} {
		for _, errno := range []error{syscall.EOPNOTSUPP, syscall.ENOENT} {
			s := opened(t, variantPlain)
			s.hook = func(c diskcall.Call, call func() error) error {
				if c.Op == op && !s.onlyNamed() {
					return errno
				}
				return call()
			}
			require.NoError(t, act(s, "put"))
			require.True(t, s.onlyNamed())
			objects, temps := files(t, s.path)
			require.Equal(t, string(newBody), objects[commitName])
			require.Empty(t, temps)
		}
	}
	// A stream cannot be written again by the store, but by its caller.
	s := opened(t, variantPlain)
	s.hook = func(c diskcall.Call, call func() error) error {
		if c.Op == "link" && !s.onlyNamed() {
			return syscall.ENOENT
		}
		return call()
	}
	require.ErrorIs(t, act(s, "write"), logstore.ErrUnavailable)
	require.NoError(t, act(s, "write"))
}

// A name that somebody else's file has is lost, even when the link that failed
// did so for another reason.
func TestLostReplyDoesNotStealAName(t *testing.T) {
	for _, variant := range []string{variantPlain, variantNamed} {
		s := opened(t, variant)
		s.hook = func(c diskcall.Call, call func() error) error {
			if c.Op == "link" {
				require.NoError(t, os.WriteFile(filepath.Join(s.path, commitName), []byte("theirs"), 0o640))
				_ = call()
				return syscall.EEXIST
			}
			return call()
		}
		require.ErrorIs(t, act(s, "put"), logstore.ErrExist)
		objects, _ := files(t, s.path)
		require.Equal(t, "theirs", objects[commitName])
	}
}

// A context that ends at any moment leaves the store with a true answer.
func TestCancelAtEveryCall(t *testing.T) {
	for _, mode := range []logstore.PutMode{logstore.IfAbsent, logstore.Overwrite} {
		outcomes := map[bool]int{}
		for n := 0; ; n++ {
			s := opened(t, variantPlain)
			ctx, cancel := context.WithCancel(t.Context())
			count, during := 0, ""
			s.hook = func(c diskcall.Call, call func() error) error {
				if count++; count-1 == n {
					during = c.Op
					cancel()
				}
				return call()
			}
			err := s.Put(ctx, commitName, newBody, mode)
			over := ctx.Err() != nil
			cancel()
			objects, temps := files(t, s.path)
			require.Empty(t, temps)
			_, landed := objects[commitName]
			require.Equal(t, err == nil, landed)
			if during == "write" || during == "sync file" {
				require.False(t, landed, "published for a caller that had given up")
			}
			if err != nil {
				require.ErrorIs(t, err, context.Canceled)
				require.ErrorIs(t, err, logstore.ErrUnavailable, "nothing was written, and the error says so")
			}
			if !over {
				break
			}
			outcomes[landed]++
		}
		require.Positive(t, outcomes[true])
		require.Positive(t, outcomes[false])
	}
}
