package museum_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/internal/faultstore"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore"
)

// We have no vacuum. What does delete files, writes that fail and Discard, deletes
// those that they have written themselves, and nothing else: not what others have
// staged, not what nobody knows.
func TestE1_deltarsf1727c9_StagedFilesOfOthersStay(t *testing.T) {
	l := newLab(t, nil, byPart...)
	l.append("a|1|x")
	staged, _, err := l.open().Prepare(t.Context(), "append", "", rows("a|2|staged"), nil)
	require.NoError(t, err)
	l.put("a/unknown.parquet", []byte("not ours"))
	before := l.dataFiles()

	for _, fail := range []faultstore.Fault{faultstore.Fail(logstore.ErrPermission), faultstore.Fail(logstore.ErrNoSpace)} {
		tbl, fs := l.faulty(atCommit(2, 0, fail))
		_, err := tbl.ReplacePartitions(t.Context(), rows("a|3|failed"), nil)
		require.Error(t, err)
		_, err = tbl.Merge(rows("a|1|failed")).OnColumns("id").Upsert().Run(t.Context(), nil)
		require.Error(t, err)
		deleted := 0
		for _, c := range fs.Trace() {
			if c.Verb == logstore.VerbDelete {
				deleted++
				require.NotContains(t, before, c.Name)
			}
		}
		require.Equal(t, 2, deleted, "their own")
		require.Equal(t, before, l.dataFiles())
	}
	other, _, err := l.open().Prepare(t.Context(), "append", "", rows("a|4|discarded"), nil)
	require.NoError(t, err)
	require.NoError(t, l.open().Discard(t.Context(), other))
	require.Equal(t, before, l.dataFiles())

	res, err := l.open().Commit(t.Context(), staged)
	committed(t, 2, res, err)
	require.Error(t, l.open().Discard(t.Context(), staged), "it is in the table")
	require.Equal(t, []string{"a|1|x", "a|2|staged"}, l.rows())
	l.sound()
}

// A file, or its vector, whose path is absolute and inside the table is the table's.
func TestE5_delta5771_AbsolutePathsInsideTheTable(t *testing.T) {
	l := newLab(t, withDVs)
	l.append("a|1|x", "a|2|y")
	_, err := l.open().Delete(t.Context(), "id = 1", &delta.ChangeOptions{Strategy: delta.StrategyVectors})
	require.NoError(t, err)
	commit := func(as ...txlog.Action) {
		txn := l.snapshot().Begin(&txlog.TxnOptions{Operation: "CLONE", Env: process("foreign"), SkipPostCommit: true})
		txn.Add(as...)
		_, err := txn.Commit(t.Context())
		require.NoError(t, err)
	}
	for f, err := range l.snapshot().Files(t.Context(), nil) {
		require.NoError(t, err)
		require.Equal(t, "u", f.DeletionVector.StorageType)
		g, v := *f, *f.DeletionVector
		v.StorageType, v.PathOrInlineDV = "p", root+"/"+l.suffixed(".bin")
		g.Path, g.DeletionVector = root+"/"+f.Path, &v
		commit(f.Remove(1, true))
		commit(&g)
	}
	require.Equal(t, []string{"a|2|y"}, l.rows())
	l.delete("id = 2")
	require.Empty(t, l.rows())
	l.sound()
}

// suffixed returns the one object whose name ends so.
func (l *lab) suffixed(s string) string {
	l.t.Helper()
	names := slices.DeleteFunc(l.dataFiles(), func(n string) bool { return !strings.HasSuffix(n, s) })
	require.Len(l.t, names, 1)
	return names[0]
}

// The files of a version are gone: who asks for its changes is told.
func TestE7_delta1515_ChangesOfFilesThatAreGone(t *testing.T) {
	l := newLab(t, withCDF)
	l.append("a|1|x")
	l.delete("id = 1")
	l.append("a|2|y")
	for _, name := range l.dataFiles() {
		if _, err := l.st.Stat(context.Background(), name); err == nil && !l.live(name) {
			l.remove(name)
		}
	}
	require.Equal(t, []string{"a|2|y"}, l.rows())
	c, err := l.open().Changes(t.Context(), delta.AtVersion(1), delta.At{}, nil)
	require.NoError(t, err)
	for _, err = range c.Batches(t.Context()) {
		if err != nil {
			break
		}
	}
	require.ErrorIs(t, err, delta.ErrChangesUnavailable)
	require.Equal(t, []string{"insert a|2|y"}, l.changes(3))
}

func (l *lab) live(name string) bool {
	l.t.Helper()
	for f, err := range l.snapshot().Files(context.Background(), nil) {
		require.NoError(l.t, err)
		if n, err := f.ObjectName(l.st.URL()); err == nil && n == name {
			return true
		}
	}
	return false
}

// The commit landed, the caller was told that nobody knows, and the files are there.
func TestE9_ModelarDB384_FailedWritesKeepWhatMayHaveLanded(t *testing.T) {
	l := newLab(t, nil)
	l.append("a|1|old")
	tbl, _ := l.faulty(faultstore.First(
		atCommit(2, 1, faultstore.Lose(nil)), atCommit(2, 0, faultstore.Fail(logstore.ErrPermission)),
		faultstore.On(logstore.VerbRead, commitName(2), 0, faultstore.Fail(nil)),
	))
	res, err := tbl.Overwrite(t.Context(), rows("a|2|new"), &delta.WriteOptions{Key: "k"})
	require.ErrorIs(t, err, delta.ErrCommitUnknown)
	require.Equal(t, delta.Unknown, res.State)
	require.Equal(t, []string{"a|2|new"}, l.rows())
	l.sound()
	a, err := l.open().Lookup(t.Context(), "k")
	require.NoError(t, err)
	require.Equal(t, delta.Version(2), a.Version)
}
