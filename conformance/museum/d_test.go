package museum_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/internal/faultstore"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore"
)

const pointer = "_delta_log/_last_checkpoint"

func checkpointName(v delta.Version) string {
	return fmt.Sprintf("_delta_log/%020d.checkpoint.parquet", v)
}

// grown is a table with one row for each version up to last, and checkpoints.
func grown(t *testing.T, last delta.Version, checkpoints ...delta.Version) (*lab, []string) {
	t.Helper()
	l := newLab(t, map[string]string{"delta.checkpointInterval": "1000"}, byPart...)
	var want []string
	tbl := l.open()
	for v := delta.Version(1); v <= last; v++ {
		row := fmt.Sprintf("p %d|%d|x", v%3, v)
		want = append(want, row)
		res, err := tbl.Append(t.Context(), rows(row), &delta.WriteOptions{Key: fmt.Sprint("job/", v)})
		committed(t, v, res, err)
		if slices.Contains(checkpoints, v) {
			at, err := tbl.Checkpoint(t.Context())
			require.NoError(t, err)
			require.Equal(t, v, at)
		}
	}
	slices.Sort(want)
	return l, want
}

func (l *lab) read(name string) []byte {
	l.t.Helper()
	data, err := l.st.Read(context.Background(), name, 0)
	require.NoError(l.t, err)
	return data
}

func (l *lab) put(name string, data []byte) {
	l.t.Helper()
	require.NoError(l.t, l.st.Put(context.Background(), name, data, logstore.Overwrite))
}

func (l *lab) remove(names ...string) {
	l.t.Helper()
	for _, n := range names {
		require.NoError(l.t, l.st.Delete(context.Background(), n))
	}
}

// cleanUp removes the commits before version v, as other engines do.
func (l *lab) cleanUp(v delta.Version) {
	l.t.Helper()
	for i := range v {
		l.remove(commitName(i))
	}
}

// bulk is a table of many files that are not there, in one commit, and a
// checkpoint of them that is read in several requests.
func bulk(t *testing.T, files int) *lab {
	t.Helper()
	l := newLab(t, map[string]string{"delta.feature.domainMetadata": "supported"}, byPart...)
	lines := make([]string, 0, files+2)
	rng := rand.New(rand.NewPCG(1, 2))
	for range files {
		lines = append(lines, fmt.Sprintf(`{"add":{"path":"f%016x%016x","partitionValues":{"part":"p"},"size":1,"modificationTime":1,"dataChange":true,"stats":"{\"numRecords\":1}"}}`, rng.Uint64(), rng.Uint64()))
	}
	lines = append(lines, `{"txn":{"appId":"last","version":7,"lastUpdated":1}}`, `{"domainMetadata":{"domain":"last","configuration":"{}","removed":false}}`)
	l.put(commitName(1), []byte(strings.Join(lines, "\n")+"\n"))
	return l
}

func (l *lab) numFiles() int {
	l.t.Helper()
	n, _, err := l.snapshot().NumFiles(context.Background())
	require.NoError(l.t, err)
	return int(n)
}

// While a checkpoint is written, reading the older one that goes into it fails, or
// writing: there is none then, and never one that lacks files. Every call fails in
// turn, in a way that blames the file and in one that does not.
func TestD1_delta7174_TruncatedCheckpoint(t *testing.T) {
	const files = 12_000
	base := bulk(t, files)
	_, err := base.open().Checkpoint(t.Context())
	require.NoError(t, err)
	base.append("p|1|x")
	for _, broken := range []error{io.ErrUnexpectedEOF, errors.New("503 Slow Down")} {
		for n, done := 0, false; !done; n++ {
			l := &lab{t: t, st: base.st.Clone()}
			calls, read := -1, 0
			tbl, _ := l.faulty(func(c faultstore.Call) faultstore.Fault {
				switch c.Verb {
				case logstore.VerbReadRange:
					read++
				case logstore.VerbCreate, logstore.VerbWrite, logstore.VerbClose:
				default:
					return faultstore.Pass
				}
				if calls++; calls == n {
					return faultstore.Cut(7, broken)
				}
				return faultstore.Pass
			})
			_, err := tbl.Checkpoint(t.Context())
			if done = calls < n; done {
				require.NoError(t, err)
				require.Greater(t, read, 3, "what is read takes several requests")
			}
			if _, serr := l.st.Stat(t.Context(), checkpointName(2)); serr == nil {
				l.cleanUp(3) // then it is all there is
				l.remove(checkpointName(1))
			} else {
				require.ErrorIs(t, serr, logstore.ErrNotExist)
				require.Error(t, err)
			}
			require.Equal(t, files+1, l.numFiles(), "call %d: %v", n, err)
		}
	}
}

// A handle that has looked at no file writes a checkpoint of all of them.
func TestD2_deltars3049_CheckpointOfAHandleWithoutFiles(t *testing.T) {
	l, want := grown(t, 7, 3)
	_, err := l.open().Checkpoint(t.Context())
	require.NoError(t, err)
	l.cleanUp(8)
	require.Equal(t, want, l.rows())
	tbl := l.open()
	for v := range 7 {
		res, err := tbl.Append(t.Context(), rows("again|0|x"), &delta.WriteOptions{Key: fmt.Sprint("job/", v+1), OnReplay: delta.ReplaySkip})
		require.NoError(t, err)
		require.Equal(t, delta.AlreadyApplied, res.State, "keys are in the checkpoint too")
	}
}

// Files of the checkpoint are replaced by commits after it, whose paths say the
// same in another way.
func TestD3_deltars3047_CheckpointBetweenReplacements(t *testing.T) {
	l := newLab(t, nil, byPart...)
	parts := func(note string) (all []string) {
		for i, v := range strangeValues {
			all = append(all, fmt.Sprintf("%s|%d|%s", v, i, note))
		}
		slices.Sort(all)
		return all
	}
	l.append(parts("old")...)
	for _, note := range []string{"first", "second", "third"} {
		_, err := l.open().Checkpoint(t.Context())
		require.NoError(t, err)
		_, err = l.open().ReplacePartitions(t.Context(), rows(parts(note)...), nil)
		require.NoError(t, err)
		require.Equal(t, parts(note), l.rows())
	}
	// Another engine names files by their values, and spells the paths otherwise
	// when it removes them.
	rename(l)
	_, err := l.open().Checkpoint(t.Context())
	require.NoError(t, err)
	s := l.snapshot()
	txn := s.Begin(&txlog.TxnOptions{Operation: "DELETE", Env: process("foreign"), SkipPostCommit: true})
	for f, err := range s.Files(t.Context(), nil) {
		require.NoError(t, err)
		r := f.Remove(1, true)
		r.Path = strings.ReplaceAll(strings.ReplaceAll(r.Path, "%20", " "), "%3A", "%3a")
		require.NotEqual(t, f.Path, r.Path)
		txn.Add(r)
	}
	_, err = txn.Commit(t.Context())
	require.NoError(t, err)
	require.Empty(t, l.rows())
	l.sound()
}

// Many write the checkpoint of one version at once; each reads back a whole one.
func TestD4_deltars4433_TwoWritersOfOneCheckpoint(t *testing.T) {
	l, want := grown(t, 6)
	other := func() {
		_, err := l.open().Checkpoint(context.Background())
		require.NoError(t, err)
	}
	for _, verb := range []logstore.Verb{logstore.VerbCreate, logstore.VerbWrite, logstore.VerbClose} {
		l := &lab{t: t, st: l.st.Clone()}
		tbl, _ := l.faulty(faultstore.On(verb, checkpointName(6), 1, faultstore.Fault{Run: func() {
			_, err := l.open().Checkpoint(context.Background())
			require.NoError(t, err)
		}}))
		_, err := tbl.Checkpoint(t.Context())
		require.NoError(t, err)
		l.cleanUp(7)
		require.Equal(t, want, l.rows(), verb)
	}
	other()
	require.Equal(t, want, l.rows())
}

// One version has a checkpoint in one file, one in a part of one, and half of one
// in two parts.
func TestD5_deltars2643_TwoLayoutsOfOneVersion(t *testing.T) {
	l, want := grown(t, 6, 4)
	body := l.read(checkpointName(4))
	l.put("_delta_log/00000000000000000004.checkpoint.0000000001.0000000001.parquet", body)
	l.put("_delta_log/00000000000000000006.checkpoint.0000000001.0000000002.parquet", body)
	require.Equal(t, want, l.rows())
	l.cleanUp(4)
	require.Equal(t, want, l.rows())
	l.remove(checkpointName(4))
	require.Equal(t, want, l.rows(), "by the one part")
	_, err := l.open().Checkpoint(t.Context())
	require.NoError(t, err)
	require.Equal(t, want, l.rows())
}

// Whatever _last_checkpoint holds, the table is the same.
func TestD6_delta5272_PointerIsOnlyAHint(t *testing.T) {
	l, want := grown(t, 8, 2, 5)
	good := l.read(pointer)
	for name, content := range map[string][]byte{
		"empty": {}, "torn": good[:len(good)/2], "garbage": []byte("\x00\xff"), "a list": []byte("[]"),
		"older":      []byte(`{"version":2,"size":5}`),
		"newer":      []byte(`{"version":7,"size":9}`),
		"far beyond": []byte(`{"version":9000,"size":9}`),
		"in parts":   []byte(`{"version":5,"size":9,"parts":4}`),
		"too many":   []byte(`{"version":5,"size":999,"numOfAddFiles":999}`),
	} {
		l.put(pointer, content)
		require.Equal(t, want, l.rows(), name)
	}
	l.put(pointer, []byte(`{"version":5,`))
	_, err := l.open().Checkpoint(t.Context())
	require.NoError(t, err)
	require.Contains(t, string(l.read(pointer)), `"version":8`, "the next checkpoint repairs it")
	require.Equal(t, want, l.rows())
}

// Killed before and after each call of a checkpoint.
func TestD7_deltars2258_KilledBetweenCheckpointAndPointer(t *testing.T) {
	base, want := grown(t, 6, 3)
	for n := 0; ; n++ {
		done := false
		for _, when := range []faultstore.Moment{faultstore.Before, faultstore.After} {
			l := &lab{t: t, st: base.st.Clone()}
			calls := -1
			tbl, fs := l.faulty(func(faultstore.Call) faultstore.Fault {
				calls++
				return faultstore.Fault{CrashBefore: calls == n && when == faultstore.Before, CrashAfter: calls == n && when == faultstore.After}
			})
			_, err := tbl.Checkpoint(t.Context())
			done = err == nil && !fs.Crashed()
			require.Equal(t, want, l.rows(), "%s call %d", when, n)
			_, err = l.open().Checkpoint(t.Context())
			require.NoError(t, err)
			require.Equal(t, want, l.rows())
		}
		if done {
			require.Greater(t, n, 5)
			return
		}
	}
}

// The newest checkpoint is damaged in every kilobyte: an older one, and commits.
func TestD8_delta5458_DamagedCheckpoint(t *testing.T) {
	l, want := grown(t, 8, 3, 6)
	good := l.read(checkpointName(6))
	damaged := map[string][]byte{"empty": {}, "no Parquet": []byte("PAR1 but not so"), "cut": good[:len(good)-40], "zeros": make([]byte, len(good))}
	for at := 4; at < len(good); at += 997 {
		bad := bytes.Clone(good)
		bad[at] ^= 0x55
		damaged[fmt.Sprint("byte ", at)] = bad
	}
	for name, content := range damaged {
		l.put(checkpointName(6), content)
		require.Equal(t, want, l.rows(), name)
	}
}

// Nothing that we do deletes anything of the log.
func TestD9_deltars2016_NothingOfTheLogIsDeleted(t *testing.T) {
	l := newLab(t, map[string]string{"delta.checkpointInterval": "2", "delta.logRetentionDuration": "interval 0 seconds", "delta.enableExpiredLogCleanup": "true"}, byPart...)
	tbl, fs := l.faulty(func(faultstore.Call) faultstore.Fault { return faultstore.Pass })
	for i := range 9 {
		_, err := tbl.Append(t.Context(), rows(fmt.Sprintf("a|%d|x", i)), nil)
		require.NoError(t, err)
	}
	_, err := tbl.Overwrite(t.Context(), rows("b|1|y"), nil)
	require.NoError(t, err)
	for _, c := range fs.Trace() {
		require.False(t, c.Verb == logstore.VerbDelete && strings.HasPrefix(c.Name, "_delta_log/"), c.String())
	}
	l.sound()
}

// Every version that is in the log can be read, checkpoints in between or not.
func TestD10_deltars3692_EveryVersionCanBeRead(t *testing.T) {
	l, _ := grown(t, 9, 3, 6)
	for v := delta.Version(0); v <= 9; v++ {
		require.Len(t, l.rowsAt(delta.AtVersion(v)), int(v))
	}
}

// Others have cleaned up: what is left can be read, what is not says so.
func TestD11_delta255_VersionsAreReadableOrGone(t *testing.T) {
	l, want := grown(t, 9, 3, 6)
	l.cleanUp(5)
	l.remove(checkpointName(3))
	require.Equal(t, want, l.rows())
	for v := delta.Version(6); v <= 9; v++ {
		require.Len(t, l.rowsAt(delta.AtVersion(v)), int(v))
	}
	for v := delta.Version(0); v <= 5; v++ {
		_, err := l.open().Snapshot(t.Context(), delta.AtVersion(v))
		require.ErrorIs(t, err, delta.ErrVersionNotFound, "version %d", v)
	}
}

// The version of a checkpoint is that of what it holds, however old the handle.
func TestD12_deltarscdf52df_CheckpointOfAStaleHandle(t *testing.T) {
	l, _ := grown(t, 3)
	stale := l.open()
	old, err := stale.Snapshot(t.Context(), delta.AtVersion(3))
	require.NoError(t, err)
	l.append("late|4|x")
	l.append("late|5|x")
	_, err = old.WriteCheckpoint(t.Context(), nil)
	require.NoError(t, err)
	require.Contains(t, string(l.read(pointer)), `"version":3`)
	at, err := stale.Checkpoint(t.Context())
	require.NoError(t, err)
	require.Equal(t, delta.Version(5), at)
	_, err = old.WriteCheckpoint(t.Context(), nil)
	require.NoError(t, err)
	require.Contains(t, string(l.read(pointer)), `"version":5`, "it never points back")
	l.cleanUp(6)
	require.Len(t, l.rows(), 5)
	require.Len(t, l.rowsAt(delta.AtVersion(3)), 3)
}

func TestD13_delta6495_PointerToWhatIsGone(t *testing.T) {
	l, want := grown(t, 6, 2, 4)
	l.remove(checkpointName(4))
	require.Equal(t, want, l.rows())
	l.cleanUp(3)
	require.Equal(t, want, l.rows(), "by the older checkpoint")
	l.remove(checkpointName(2))
	_, err := delta.Open(t.Context(), root, &delta.Options{Store: l.st})
	require.ErrorIs(t, err, delta.ErrCorrupt, "there is not enough, and it says so")
}

// listings edits every listing that a new process sees.
func (l *lab) listed(edit func([]logstore.Object) []logstore.Object) (*delta.Table, error) {
	fs := faultstore.New(l.st, func(c faultstore.Call) (f faultstore.Fault) {
		if c.Verb == logstore.VerbList {
			f.Edit = edit
		}
		return f
	})
	return delta.Open(context.Background(), root, &delta.Options{Store: fs, Env: process("reader")})
}

func TestD14_deltaf7ce276_DuplicateListingEntries(t *testing.T) {
	l, want := grown(t, 6, 3)
	tbl, err := l.listed(func(all []logstore.Object) (out []logstore.Object) {
		for _, o := range all {
			out = append(out, o, o)
		}
		return out
	})
	require.NoError(t, err)
	s, err := tbl.Snapshot(t.Context(), delta.At{})
	require.NoError(t, err)
	n, _, err := s.NumFiles(t.Context())
	require.NoError(t, err)
	require.Equal(t, int64(len(want)), n)
	res, err := tbl.Append(t.Context(), rows("p|7|x"), nil)
	committed(t, 7, res, err)
	l.sound()
}

// A commit of thousands of actions counts to its last one.
func TestD15_delta6001_CommitsOfManyActions(t *testing.T) {
	const files = 20_000
	l := bulk(t, files)
	check := func() {
		s := l.snapshot()
		require.Equal(t, files, l.numFiles())
		x, err := s.Txn(t.Context(), "last")
		require.NoError(t, err)
		require.NotNil(t, x)
		d, err := s.Domain(t.Context(), "last")
		require.NoError(t, err)
		require.NotNil(t, d)
	}
	check()
	_, err := l.open().Checkpoint(t.Context())
	require.NoError(t, err)
	l.cleanUp(2)
	check()
}

// A listing without one of the commits in between is never taken for the table.
func TestD16_delta6339_ListingWithAGap(t *testing.T) {
	l, want := grown(t, 6)
	for gap := range 6 {
		name := commitName(delta.Version(gap))
		times := 0
		tbl, err := l.listed(func(all []logstore.Object) []logstore.Object {
			if times++; times > 1 {
				return all
			}
			return slices.DeleteFunc(all, func(o logstore.Object) bool { return o.Name == name })
		})
		require.NoError(t, err, "it lists again")
		s, err := tbl.Snapshot(t.Context(), delta.At{})
		require.NoError(t, err)
		require.Equal(t, delta.Version(6), s.Version())
		n, _, err := s.NumFiles(t.Context())
		require.NoError(t, err)
		require.Equal(t, int64(len(want)), n)

		_, err = l.listed(func(all []logstore.Object) []logstore.Object {
			return slices.DeleteFunc(all, func(o logstore.Object) bool { return o.Name == name })
		})
		require.ErrorIs(t, err, delta.ErrCorrupt, "version %d is never listed", gap)
	}
	// One who follows the table comes across the gap too.
	follower := l.open()
	l.remove(commitName(4))
	c, err := follower.Changes(t.Context(), delta.AtVersion(2), delta.At{}, &delta.ChangesOptions{Derived: true})
	if err == nil {
		for _, err = range c.Batches(t.Context()) {
			if err != nil {
				break
			}
		}
	}
	require.Error(t, err)
}

// Commits land between the calls of a history; each entry says its own version.
func TestD17_deltars4488_HistoryTellsItsVersions(t *testing.T) {
	l, _ := grown(t, 4)
	tbl, _ := l.faulty(faultstore.First(
		faultstore.On(logstore.VerbList, "", 1, faultstore.Fault{Run: func() { l.append("late|5|x") }}),
		faultstore.On(logstore.VerbRead, commitName(2), 1, faultstore.Fault{Run: func() { l.append("late|6|x") }}),
	))
	last := delta.Version(-1)
	for e, err := range tbl.History(t.Context(), nil) {
		require.NoError(t, err)
		c, err := l.snapshot().CommitAt(t.Context(), e.Version)
		require.NoError(t, err)
		require.Equal(t, txnID(c), e.Info.TxnID)
		require.True(t, last < 0 || e.Version == last-1, "%d after %d", e.Version, last)
		last = e.Version
	}
	require.Zero(t, last)
}

// Cold starts: an old pointer, none, and a newest checkpoint that is damaged.
func TestD18_delta7483_ColdStarts(t *testing.T) {
	l, want := grown(t, 9, 3, 6)
	old := []byte(`{"version":3,"size":5}`)
	l.put(pointer, old)
	require.Equal(t, want, l.rows())
	l.remove(pointer)
	require.Equal(t, want, l.rows())
	l.put(checkpointName(6), []byte("damaged"))
	require.Equal(t, want, l.rows())
	l.put(pointer, old)
	require.Equal(t, want, l.rows())
	l.cleanUp(4)
	require.Equal(t, want, l.rows(), "by checkpoint 3 and the commits since")
	var unwrapped *txlog.CorruptError
	l.put(checkpointName(3), []byte("damaged"))
	_, err := delta.Open(t.Context(), root, &delta.Options{Store: l.st})
	require.True(t, errors.As(err, &unwrapped), "%v", err)
}
