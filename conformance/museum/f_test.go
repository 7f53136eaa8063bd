package museum_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/internal/faultstore"
	"github.com/deltalog/deltalog/txlog/logstore"
)

// The key names the work: a process that shares nothing with the first but the
// key and the rows finds it done, also by what the first had prepared.
func TestF1_iceberg16008_KeysOutliveProcesses(t *testing.T) {
	l := newLab(t, nil)
	o := &delta.WriteOptions{Key: "job/2026-01-05"}
	p, _, err := l.open().Prepare(t.Context(), "append", "", rows("a|1|x"), o)
	require.NoError(t, err)
	saved, err := p.MarshalBinary()
	require.NoError(t, err)

	var restored delta.Prepared
	require.NoError(t, restored.UnmarshalBinary(saved))
	res, err := l.open().Commit(t.Context(), &restored)
	committed(t, 1, res, err)
	res, err = l.open().Append(t.Context(), rows("a|1|x"), o)
	applied(t, 1, res, err)
	res, err = l.open().Commit(t.Context(), p)
	applied(t, 1, res, err)
	require.Equal(t, []string{"a|1|x"}, l.rows())
	l.sound()
}

// The first process has died with its commit on its way. The second looks, finds
// nothing, and the first one's lands right before its own.
func TestF2_iceberg14425_DelayedLandingAfterRestart(t *testing.T) {
	l := newLab(t, nil)
	o := &delta.WriteOptions{Key: "checkpoint/7"}
	first, late := l.faulty(atCommit(1, 0, faultstore.Delay(nil)))
	res, err := first.Append(t.Context(), rows("a|1|x"), o)
	require.ErrorIs(t, err, delta.ErrCommitUnknown)
	require.Equal(t, delta.Unknown, res.State)
	late.Crash()

	second, _ := l.faulty(meanwhile(1, func() { late.Release() }))
	res, err = second.Append(t.Context(), rows("a|1|x"), o)
	applied(t, 1, res, err)
	require.Equal(t, []string{"a|1|x"}, l.rows())
	require.Len(t, l.commits(1), 1)
	l.sound()
}

// Other content under a used key is never passed over in silence.
func TestF3_iceberg10892_RegressionWithOtherContentIsNoSilentSkip(t *testing.T) {
	l := newLab(t, nil, byPart...)
	o := &delta.WriteOptions{Key: "checkpoint/7"}
	_, err := l.open().Append(t.Context(), rows("a|1|x"), o)
	require.NoError(t, err)
	res, err := l.open().Append(t.Context(), rows("a|1|x", "a|2|more"), o)
	require.ErrorIs(t, err, delta.ErrKeyReused)
	require.Equal(t, delta.NotCommitted, res.State)
	require.False(t, res.Retryable)
	// A replacement takes the other content, and says that it did.
	res, err = l.open().ReplacePartitions(t.Context(), rows("a|2|again"), o)
	committed(t, 2, res, err)
	require.Equal(t, []string{"a|2|again"}, l.rows())
	l.sound()
}

// Numbers that begin again under an old name are told to have been applied, which
// the caller sees; under a key, other rows are refused.
func TestF4_foreachBatch_NewStreamWithAnOldName(t *testing.T) {
	l := newLab(t, nil)
	for batch := range int64(3) {
		res, err := l.open().Append(t.Context(), rows(fmt.Sprintf("old|%d|x", batch)), &delta.WriteOptions{Txn: &delta.Txn{AppID: "stream", Version: batch}})
		committed(t, delta.Version(1+batch), res, err)
	}
	res, err := l.open().Append(t.Context(), rows("new|0|x"), &delta.WriteOptions{Txn: &delta.Txn{AppID: "stream", Version: 0}})
	require.NoError(t, err)
	require.Equal(t, delta.AlreadyApplied, res.State, "the caller is told that nothing was written")
	require.Zero(t, res.RowsAdded)
	require.Len(t, res.Warnings, 1, "and that the number is an old one")
	a, err := l.open().Lookup(t.Context(), "stream")
	require.NoError(t, err)
	require.Equal(t, int64(2), a.Recorded)
	require.Len(t, l.rows(), 3)
}

// What was prepared first is committed last, and is there.
func TestF5_connectors473_LateCommits(t *testing.T) {
	l := newLab(t, nil)
	var prepared []*delta.Prepared
	for i := range 4 {
		p, _, err := l.open().Prepare(t.Context(), "append", "", rows(fmt.Sprintf("a|%d|x", i)), nil)
		require.NoError(t, err)
		prepared = append(prepared, p)
	}
	for i, which := range []int{3, 1, 0, 2} {
		res, err := l.open().Commit(t.Context(), prepared[which])
		committed(t, delta.Version(1+i), res, err)
	}
	for _, p := range prepared {
		res, err := l.open().Commit(t.Context(), p)
		require.NoError(t, err)
		require.Equal(t, delta.AlreadyApplied, res.State)
	}
	require.Len(t, l.rows(), 4)
	l.sound()
}

// Many coordinators commit the same files at once.
func TestF6_iceberg17340_SameFilesTwice(t *testing.T) {
	l := newLab(t, nil)
	p, _, err := l.open().Prepare(t.Context(), "append", "", rows("a|1|x", "a|2|y"), nil)
	require.NoError(t, err)
	results, errs := make([]*delta.Result, 8), make([]error, 8)
	begin := make(chan struct{})
	var wg sync.WaitGroup
	for i := range results {
		tbl := l.open()
		wg.Go(func() {
			<-begin
			results[i], errs[i] = tbl.Commit(t.Context(), p)
		})
	}
	close(begin)
	wg.Wait()
	require.NoError(t, errors.Join(errs...))
	for _, res := range results {
		require.Contains(t, []delta.State{delta.Committed, delta.AlreadyApplied}, res.State)
		require.Equal(t, delta.Version(1), res.Version)
	}
	require.Len(t, l.commits(1), 1)
	require.Equal(t, []string{"a|1|x", "a|2|y"}, l.rows())
	l.sound()
}

// A coordinator sleeps between its plan and its commit; its successor does the
// work anew, with what has come since. The sleeper is fenced.
func TestF7_iceberg17637_ZombieCoordinator(t *testing.T) {
	l := newLab(t, nil, byPart...)
	l.append("a|1|old")
	o := &delta.WriteOptions{Key: "job/a"}
	tbl, _ := l.faulty(meanwhile(2, func() {
		res, err := l.open().ReplacePartitions(context.Background(), rows("a|1|successor", "a|2|successor"), o)
		committed(t, 2, res, err)
	}))
	res, err := tbl.ReplacePartitions(t.Context(), rows("a|1|zombie"), o)
	var ke *delta.KeyError
	require.ErrorAs(t, err, &ke)
	require.True(t, ke.Fenced)
	require.Equal(t, delta.NotCommitted, res.State)
	require.Equal(t, []string{"a|1|successor", "a|2|successor"}, l.rows())

	// The same with a merge, which is planned again before it learns of it.
	c := &delta.ChangeOptions{WriteOptions: delta.WriteOptions{Key: "merge/a"}}
	tbl, _ = l.faulty(thenRun(meanwhile(3, func() {
		_, err := l.open().Update(context.Background(), delta.Set{"note": "'third'"}, "id = 1", nil)
		require.NoError(t, err)
	}), func() {
		_, err := l.open().Merge(rows("a|1|successor")).OnColumns("id").Upsert().Run(context.Background(), c)
		require.NoError(t, err)
	}))
	res, err = tbl.Merge(rows("a|1|zombie")).OnColumns("id").Upsert().Run(t.Context(), c)
	require.ErrorAs(t, err, &ke)
	require.True(t, ke.Fenced)
	require.Equal(t, delta.NotCommitted, res.State)
	require.Equal(t, []string{"a|1|successor", "a|2|successor"}, l.rows())
	l.sound()
}

// An aborted batch is sent together with the next one: of each key the last counts,
// deletes too, in whatever order they stand.
func TestF8_iceberg10431_TwoBatchesInOne(t *testing.T) {
	for _, batch := range [][]string{
		{"upsert|1|1", "delete|1|2", "upsert|2|3", "upsert|2|4"},
		{"upsert|2|4", "delete|1|2", "upsert|2|3", "upsert|1|1"},
	} {
		l := newLab(t, nil)
		res, err := l.open().ApplyChanges(t.Context(), rows(batch...), &delta.ApplyOptions{Keys: []string{"id"}, Order: "note", Op: "part"})
		require.NoError(t, err)
		require.Equal(t, delta.Committed, res.State)
		require.Equal(t, []string{"upsert|2|4"}, l.rows())
		l.sound()
	}
}

// Hundreds of commits, checkpoints and a clean-up lie between two attempts.
func TestF9_Daft6932_KeyOfLongAgo(t *testing.T) {
	l := newLab(t, map[string]string{"delta.checkpointInterval": "50"})
	o := &delta.WriteOptions{Key: "long ago"}
	res, err := l.open().Append(t.Context(), rows("a|0|x"), o)
	committed(t, 1, res, err)
	tbl := l.open()
	for i := range 120 {
		_, err := tbl.Append(t.Context(), rows(fmt.Sprintf("a|%d|x", i)), nil)
		require.NoError(t, err)
	}
	res, err = l.open().Append(t.Context(), rows("a|0|x"), o)
	applied(t, 1, res, err)
	l.cleanUp(100)
	res, err = l.open().Append(t.Context(), rows("a|0|x"), o)
	applied(t, delta.NoVersion, res, err)
	_, err = l.open().Append(t.Context(), rows("a|0|other"), o)
	require.ErrorIs(t, err, delta.ErrKeyReused)
	require.Len(t, l.rows(), 121)
}

// Every number up to the last one has been applied.
func TestF10_qbeast274_OlderNumbers(t *testing.T) {
	l := newLab(t, nil)
	write := func(n int64) (*delta.Result, error) {
		return l.open().Append(t.Context(), rows(fmt.Sprintf("a|%d|x", n)), &delta.WriteOptions{Txn: &delta.Txn{AppID: "stream", Version: n}})
	}
	res, err := write(3)
	committed(t, 1, res, err)
	res, err = write(7)
	committed(t, 2, res, err)
	for _, n := range []int64{7, 6, 3, 0} {
		res, err = write(n)
		applied(t, 2, res, err)
	}
	require.Equal(t, []string{"a|3|x", "a|7|x"}, l.rows())
}

// A file that a reader needs is gone: an error that names it, not fewer rows.
func TestF11_delta6298_MissingFilesAreErrors(t *testing.T) {
	l := newLab(t, nil)
	l.append("a|1|x")
	l.append("a|2|y")
	gone := l.dataFiles()[0]
	l.remove(gone)
	scan, err := l.open().Scan(t.Context(), nil)
	require.NoError(t, err)
	for _, err = range scan.Batches(t.Context()) {
		if err != nil {
			break
		}
	}
	require.ErrorContains(t, err, gone)
	c, err := l.open().Changes(t.Context(), delta.AtVersion(0), delta.At{}, &delta.ChangesOptions{Derived: true})
	require.NoError(t, err)
	for _, err = range c.Batches(t.Context()) {
		if err != nil {
			break
		}
	}
	require.ErrorIs(t, err, delta.ErrChangesUnavailable)
	require.ErrorIs(t, err, logstore.ErrNotExist)
}

// Work that had nothing to do has been done: the same key, later, does nothing
// either, whatever rows have come.
func TestF10_qbeast274_KeyOfWorkThatHadNothingToDo(t *testing.T) {
	l := newLab(t, nil)
	l.append("a|1|x")
	o := &delta.ChangeOptions{WriteOptions: delta.WriteOptions{Key: "expire/2026-01-05"}}
	res, err := l.open().Delete(t.Context(), "id > 10", o)
	committed(t, 2, res, err)
	l.append("a|11|came later")
	res, err = l.open().Delete(t.Context(), "id > 10", o)
	applied(t, 2, res, err)
	require.Equal(t, []string{"a|11|came later", "a|1|x"}, l.rows())
	a, err := l.open().Lookup(t.Context(), "expire/2026-01-05")
	require.NoError(t, err)
	require.NotNil(t, a)
}

// The same rows with another meaning are other content.
func TestF3_iceberg10892_SameRowsInAnotherOperation(t *testing.T) {
	l := newLab(t, nil, byPart...)
	l.append("a|0|old")
	o := &delta.WriteOptions{Key: "k", OnReplay: delta.ReplayVerify}
	_, err := l.open().Append(t.Context(), rows("a|1|x"), o)
	require.NoError(t, err)
	_, err = l.open().ReplacePartitions(t.Context(), rows("a|1|x"), o)
	require.ErrorIs(t, err, delta.ErrKeyReused)
	declared := *o
	declared.Key, declared.Partitions = "d", []delta.Partition{delta.Part("part", "a")}
	_, err = l.open().ReplacePartitions(t.Context(), rows("a|2|y"), &declared)
	require.NoError(t, err)
	declared.Partitions = append(declared.Partitions, delta.Part("part", "b"))
	_, err = l.open().ReplacePartitions(t.Context(), rows("a|2|y"), &declared)
	require.ErrorIs(t, err, delta.ErrKeyReused)
}
