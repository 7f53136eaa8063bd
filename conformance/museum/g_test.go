package museum_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/internal/faultstore"
	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/txlog/logstore/localstore"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
)

// racerEnv tells a process that a test has started where to race.
const racerEnv = "DELTALOG_MUSEUM_RACER"

const raced = 200 // names

func TestMain(m *testing.M) {
	if dir := os.Getenv(racerEnv); dir != "" {
		if err := racer(dir, fmt.Sprint(os.Getpid())); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// racer puts every name, and prints those that it won.
func racer(dir, who string) error {
	st, err := localstore.Open(dir, &localstore.Options{NoSync: true})
	if err != nil {
		return err
	}
	defer st.Close()
	for i := range raced {
		name := commitName(delta.Version(i))
		err := st.Put(context.Background(), name, []byte(strings.Repeat(who+"\n", 1000)), logstore.IfAbsent)
		switch {
		case err == nil:
			fmt.Println("won", name)
		case !errors.Is(err, logstore.ErrExist):
			return err
		}
	}
	return nil
}

// Four processes put the same versions: each has one winner, whose bytes are there.
func TestG1_ClickHouse112077_ProcessesOnLocalDisk(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "table")
	self, err := os.Executable()
	require.NoError(t, err)
	outs := make([]bytes.Buffer, 4)
	cmds := make([]*exec.Cmd, len(outs))
	for i := range cmds {
		cmds[i] = exec.CommandContext(t.Context(), self, "-test.run", "^$")
		cmds[i].Env = append(os.Environ(), racerEnv+"="+dir)
		cmds[i].Stdout, cmds[i].Stderr = &outs[i], os.Stderr
		require.NoError(t, cmds[i].Start())
	}
	winner := map[string]string{}
	for i, cmd := range cmds {
		require.NoError(t, cmd.Wait())
		for line := range strings.Lines(outs[i].String()) {
			if name, ok := strings.CutPrefix(strings.TrimSpace(line), "won "); ok {
				require.Empty(t, winner[name], "%s has two winners", name)
				winner[name] = fmt.Sprint(cmd.Process.Pid)
			}
		}
	}
	require.Len(t, winner, raced)
	for name, who := range winner {
		data, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		require.Equal(t, strings.Repeat(who+"\n", 1000), string(data))
	}
}

// The same with tables: writers through stores of their own.
func TestG1_ClickHouse112077_WritersOnLocalDisk(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "table")
	open := func() *delta.Table {
		st, err := localstore.Open(dir, &localstore.Options{NoSync: true})
		require.NoError(t, err)
		tbl, err := delta.OpenOrCreate(t.Context(), dir, columns, &delta.CreateOptions{Options: delta.Options{Store: st}})
		require.NoError(t, err)
		return tbl
	}
	var wg sync.WaitGroup
	const writers, each = 4, 8
	errs := make([]error, writers)
	for w := range writers {
		wg.Go(func() {
			tbl := open()
			for i := range each {
				_, err := tbl.Append(t.Context(), rows(fmt.Sprintf("a|%d|x", w*each+i)), nil)
				errs[w] = errors.Join(errs[w], err)
			}
		})
	}
	wg.Wait()
	require.NoError(t, errors.Join(errs...))
	scan, err := open().Scan(t.Context(), nil)
	require.NoError(t, err)
	n := map[string]bool{}
	for rec, err := range scan.Batches(t.Context()) {
		require.NoError(t, err)
		for _, r := range texts(rec) {
			n[r] = true
		}
	}
	require.Len(t, n, writers*each)
}

// Every write and close of a data file finds the disk full, after some bytes.
func TestG2_delta91_DiskFull(t *testing.T) {
	for _, verb := range []logstore.Verb{logstore.VerbCreate, logstore.VerbWrite, logstore.VerbClose} {
		for after := range 3 {
			l := newLab(t, nil)
			tbl, _ := l.faulty(faultstore.On(verb, ".parquet", 1, faultstore.Cut(after*5, logstore.ErrNoSpace)))
			res, err := tbl.Append(t.Context(), rows("a|1|x"), nil)
			require.ErrorIs(t, err, logstore.ErrNoSpace, verb)
			require.Equal(t, delta.NotCommitted, res.State)
			require.Empty(t, l.dataFiles(), "%s after %d bytes", verb, after*5)
			require.Empty(t, l.rows())
			require.Len(t, l.commits(1), 0)
		}
	}
}

// A write that is interrupted at any of its calls publishes all of an object or
// nothing, on a real disk.
func TestG3_delta782_Interrupted(t *testing.T) {
	for n := 0; ; n++ {
		dir := filepath.Join(t.TempDir(), "table")
		st, err := localstore.Open(dir, &localstore.Options{NoSync: true})
		require.NoError(t, err)
		_, err = delta.Create(t.Context(), dir, columns, &delta.CreateOptions{Options: delta.Options{Store: st}})
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		fs := faultstore.New(st, func(c faultstore.Call) faultstore.Fault {
			if c.N == n {
				cancel()
			}
			return faultstore.Pass
		})
		var res *delta.Result
		tbl, err := delta.Open(ctx, dir, &delta.Options{Store: fs})
		if err == nil {
			res, err = tbl.Append(ctx, rows("a|1|x"), nil)
		}
		interrupted := ctx.Err() != nil
		cancel()
		var files []string
		require.NoError(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			if err == nil && !d.IsDir() && !strings.Contains(path, "_delta_log") {
				files = append(files, path)
			}
			return err
		}))
		if err != nil {
			require.Empty(t, files, "call %d: %v", n, err)
		} else {
			require.Equal(t, delta.Committed, res.State)
			require.Len(t, files, 1)
		}
		if !interrupted {
			require.Greater(t, n, 4)
			return
		}
	}
}

// An upload whose context has ended publishes nothing, whoever closes it.
func TestG3_delta782_EndedContextPublishesNothing(t *testing.T) {
	st, err := localstore.Open(filepath.Join(t.TempDir(), "table"), nil)
	require.NoError(t, err)
	defer st.Close()
	ctx, cancel := context.WithCancel(t.Context())
	w, err := st.Create(ctx, "half.parquet")
	require.NoError(t, err)
	_, err = w.Write([]byte("half of it"))
	require.NoError(t, err)
	cancel()
	require.ErrorIs(t, w.Close(), context.Canceled)
	_, err = st.Stat(t.Context(), "half.parquet")
	require.ErrorIs(t, err, logstore.ErrNotExist)
}

// What is written to the disk before a name is given to it, and after, is pinned by
// the driver's own tests (localstore, TestOrderOfCalls), because no test can cut
// the power here. What can be seen from here is that a name is never there before
// its content: whoever lists sees whole objects.
func TestG4_cockroach60477_NameAndContentComeTogether(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "table")
	st, err := localstore.Open(dir, nil)
	require.NoError(t, err)
	defer st.Close()
	w, err := st.Create(t.Context(), "data/file.parquet")
	require.NoError(t, err)
	seen := func() (names []string) {
		for o, err := range st.List(t.Context(), logstore.ListOptions{}) {
			require.NoError(t, err)
			names = append(names, fmt.Sprintf("%s %d", o.Name, o.Size))
		}
		return names
	}
	body := bytes.Repeat([]byte("x"), 1<<20)
	for range 3 {
		_, err = w.Write(body)
		require.NoError(t, err)
		require.Empty(t, seen())
	}
	require.NoError(t, w.Close())
	require.Equal(t, []string{fmt.Sprint("data/file.parquet ", 3<<20)}, seen())
}

// A process that was killed has left a file that it was writing: it is none.
func TestG4_cockroach60477_TemporaryNamesAreNoObjects(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "table")
	st, err := localstore.Open(dir, nil)
	require.NoError(t, err)
	defer st.Close()
	require.NoError(t, st.Put(t.Context(), commitName(0), []byte("whole"), logstore.IfAbsent))
	temp := "." + filepath.Base(commitName(1)) + ".0123456789abcdef.tmp"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "_delta_log", temp), []byte("ha"), 0o640))
	var names []string
	for o, err := range st.List(t.Context(), logstore.ListOptions{}) {
		require.NoError(t, err)
		names = append(names, o.Name)
	}
	require.Equal(t, []string{commitName(0)}, names)
	_, err = st.Read(t.Context(), "_delta_log/"+temp, 0)
	require.ErrorIs(t, err, logstore.ErrBadName)
}

// A reader sees one of the two contents, whole, while they replace each other.
func TestG5_delta2893_ReadersOfWhatIsOverwritten(t *testing.T) {
	st, err := localstore.Open(filepath.Join(t.TempDir(), "table"), &localstore.Options{NoSync: true})
	require.NoError(t, err)
	defer st.Close()
	short, long := bytes.Repeat([]byte("s"), 10), bytes.Repeat([]byte("l"), 300_000)
	require.NoError(t, st.Put(t.Context(), pointer, short, logstore.Overwrite))
	var wg sync.WaitGroup
	var werr error
	done := make(chan struct{})
	wg.Go(func() {
		defer close(done)
		for i := range 100 {
			body := short
			if i%2 == 0 {
				body = long
			}
			if werr = st.Put(context.Background(), pointer, body, logstore.Overwrite); werr != nil {
				return
			}
		}
	})
	for over := false; !over; {
		select {
		case <-done:
			over = true
		default:
		}
		data, err := st.Read(t.Context(), pointer, 0)
		require.NoError(t, err)
		require.True(t, bytes.Equal(data, short) || bytes.Equal(data, long), "%d bytes", len(data))
	}
	wg.Wait()
	require.NoError(t, werr)
}

// The loser of a race leaves the winner's object, and all beside it, as it is.
func TestG6_gocloud3725_LosersChangeNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "table")
	st, err := localstore.Open(dir, nil)
	require.NoError(t, err)
	defer st.Close()
	require.NoError(t, st.Put(t.Context(), commitName(0), []byte("winner"), logstore.IfAbsent))
	state := func() (all []string) {
		require.NoError(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			require.NoError(t, err)
			info, err := d.Info()
			require.NoError(t, err)
			if !d.IsDir() {
				data, err := os.ReadFile(path)
				require.NoError(t, err)
				all = append(all, fmt.Sprint(path, info.ModTime(), info.Mode(), string(data)))
			}
			return nil
		}))
		return all
	}
	before := state()
	require.Len(t, before, 1)
	require.ErrorIs(t, st.Put(t.Context(), commitName(0), []byte("loser"), logstore.IfAbsent), logstore.ErrExist)
	w, err := st.Create(t.Context(), commitName(0))
	if err == nil {
		_, err = w.Write([]byte("loser"))
		require.NoError(t, err)
		err = w.Close()
	}
	require.ErrorIs(t, err, logstore.ErrExist)
	require.Equal(t, before, state())
}

// Threads race for names that one of them takes at the last moment.
func TestG7_deltarse7a5fe3_NoRenameOverAVersion(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "table")
	for v := range delta.Version(20) {
		var wg sync.WaitGroup
		won := make([]bool, 8)
		begin := make(chan struct{})
		for i := range won {
			st, err := localstore.Open(dir, &localstore.Options{NoSync: true})
			require.NoError(t, err)
			wg.Go(func() {
				<-begin
				won[i] = st.Put(context.Background(), commitName(v), fmt.Append(nil, i), logstore.IfAbsent) == nil
				st.Close()
			})
		}
		close(begin)
		wg.Wait()
		winners := 0
		for i, w := range won {
			if w {
				winners++
				data, err := os.ReadFile(filepath.Join(dir, commitName(v)))
				require.NoError(t, err)
				require.Equal(t, fmt.Sprint(i), string(data))
			}
		}
		require.Equal(t, 1, winners)
	}
}

// A liar takes the condition and ignores it.
type liar struct{ *memstore.Store }

func (liar) NeedsProbe() bool { return true }

func (l liar) Put(ctx context.Context, name string, data []byte, _ logstore.PutMode) error {
	return l.Store.Put(ctx, name, data, logstore.Overwrite)
}

// The first write through a handle finds it out, and writes nothing.
func TestG8_versitygw2183_StoresThatIgnoreTheCondition(t *testing.T) {
	l := newLab(t, nil)
	before := l.st.Names()
	tbl := l.on(liar{l.st})
	res, err := tbl.Append(t.Context(), rows("a|1|x"), nil)
	require.ErrorIs(t, err, logstore.ErrUnsafe)
	require.Equal(t, delta.NotCommitted, res.State)
	_, err = l.on(liar{l.st}).Delete(t.Context(), "id = 1", nil)
	require.ErrorIs(t, err, logstore.ErrUnsafe)
	require.Equal(t, before, l.st.Names())
}
