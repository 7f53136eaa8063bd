package museum_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/internal/faultstore"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
)

// One commit, told as one, and one insert of each row in the change feed.
func TestA1_delta7345_ResponseLost(t *testing.T) {
	l := newLab(t, withCDF)
	tbl, _ := l.faulty(atCommit(1, 1, faultstore.Lose(io.ErrUnexpectedEOF)))
	res, err := tbl.Append(t.Context(), rows("a|1|x", "a|2|y"), nil)
	committed(t, 1, res, err)
	require.True(t, res.Recovered)
	require.Equal(t, []string{"insert a|1|x", "insert a|2|y"}, l.changes(1))
	require.Len(t, l.commits(1), 1)
	l.sound()
}

// What a retry sends is what was sent before: if the first request lands late, the
// second meets its own bytes.
func TestA1_delta7345_TheFirstRequestLandsBeforeTheSecond(t *testing.T) {
	l := newLab(t, nil)
	var fs *faultstore.Store
	tbl, fs := l.faulty(faultstore.First(
		atCommit(1, 1, faultstore.Delay(nil)),
		atCommit(1, 2, faultstore.Fault{Run: func() { fs.Release() }}),
	))
	res, err := tbl.Append(t.Context(), rows("a|1|x"), nil)
	committed(t, 1, res, err)
	require.Equal(t, []string{"a|1|x"}, l.rows())
	require.Len(t, l.commits(1), 1)
	l.sound()
}

// Rows that others deleted after the commit had landed stay deleted.
func TestA1b_derived_Resurrection(t *testing.T) {
	l := newLab(t, nil)
	tbl, _ := l.faulty(thenRun(atCommit(1, 1, faultstore.Lose(nil)), func() { l.delete("id = 1") }))
	res, err := tbl.Append(t.Context(), rows("a|1|x", "a|2|y"), nil)
	committed(t, 1, res, err)
	require.Equal(t, []string{"a|2|y"}, l.rows())
	require.Len(t, l.commits(1), 2)
	l.sound()
}

// After the commit nothing works any more; the caller hears of the commit.
func TestA1c_deltars_PostCommitFailure(t *testing.T) {
	l := newLab(t, nil)
	for i := range 9 {
		l.append(fmt.Sprintf("a|%d|x", i))
	}
	over := false
	tbl, _ := l.faulty(func(c faultstore.Call) faultstore.Fault {
		if over {
			return faultstore.Fail(logstore.ErrPermission)
		}
		over = c.Name == commitName(10)
		return faultstore.Pass
	})
	res, err := tbl.Append(t.Context(), rows("a|9|x"), &delta.WriteOptions{Key: "k"})
	committed(t, 10, res, err)
	require.NotEmpty(t, res.Warnings, "the checksum and the checkpoint failed")
	res, err = l.open().Append(t.Context(), rows("a|9|x"), &delta.WriteOptions{Key: "k"})
	applied(t, 10, res, err)
	require.Len(t, l.rows(), 10)
	l.sound()
}

func TestA1d_deltars_TxnSentAgain(t *testing.T) {
	l := newLab(t, nil)
	o := &delta.WriteOptions{Txn: &delta.Txn{AppID: "stream", Version: 5}}
	tbl, fs := l.faulty(atCommit(1, 1, faultstore.Fault{CrashAfter: true}))
	_, err := tbl.Append(t.Context(), rows("a|1|x"), o)
	require.Error(t, err)
	require.True(t, fs.Crashed())
	res, err := l.open().Append(t.Context(), rows("a|1|x"), o)
	applied(t, 1, res, err)
	require.Equal(t, []string{"a|1|x"}, l.rows())
}

func txnID(c *txlog.Commit) string { return c.Info().TxnID }

// Two writers write the same row at the same moment: two rows, each with its own
// commit, also when the first request of one is lost without a trace.
func TestA2_delta4132011_IdenticalCommits(t *testing.T) {
	l := newLab(t, nil)
	f := &txlog.AddFile{Path: "f", PartitionValues: map[string]*string{}, Size: 1, DataChange: true}
	begin := func(st logstore.Store, env *txlog.Env) *txlog.Transaction {
		s, err := txlog.Load(t.Context(), st, nil)
		require.NoError(t, err)
		txn := s.Begin(&txlog.TxnOptions{Operation: "WRITE", SkipPostCommit: true, Env: env})
		txn.Add(f)
		return txn
	}
	other := begin(l.st, process("one"))
	mine := begin(faultstore.New(l.st, atCommit(1, 1, faultstore.Fault{Err: io.ErrUnexpectedEOF, Run: func() {
		_, err := other.Commit(context.Background())
		require.NoError(t, err)
	}})), process("two"))
	res, err := mine.Commit(t.Context())
	require.NoError(t, err)
	require.Equal(t, delta.Version(2), res.Version, "version 1 has the same content, and is not ours")
	all := l.commits(1)
	require.Len(t, all, 2)
	require.NotEmpty(t, txnID(all[0]))
	require.NotEqual(t, txnID(all[0]), txnID(all[1]))
}

// The process stands still for an hour while its commit lands.
func TestA3_deltars268_PauseLongerThanAnyLease(t *testing.T) {
	l := newLab(t, nil)
	env := process("paused")
	var mu sync.Mutex
	var slept time.Duration
	now := env.Now
	env.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); return now().Add(slept) }
	fs := faultstore.New(l.st, atCommit(1, 1, faultstore.Fault{Err: io.ErrUnexpectedEOF, Applied: true, Run: func() {
		mu.Lock()
		defer mu.Unlock()
		slept = time.Hour
	}}))
	tbl, err := delta.Open(t.Context(), root, &delta.Options{Store: fs, Env: env, CommitTimeout: time.Second})
	require.NoError(t, err)
	res, err := tbl.Append(t.Context(), rows("a|1|x"), nil)
	committed(t, 1, res, err)
	require.Equal(t, []string{"a|1|x"}, l.rows())
}

// The answer is lost, and another writer commits after it.
func TestA4_deltars2279_SuccessBesideOthers(t *testing.T) {
	l := newLab(t, nil)
	tbl, _ := l.faulty(thenRun(atCommit(1, 1, faultstore.Lose(nil)), func() { l.append("b|2|other") }))
	res, err := tbl.Append(t.Context(), rows("a|1|x"), nil)
	committed(t, 1, res, err)
	require.Equal(t, []string{"a|1|x", "b|2|other"}, l.rows())
}

// A caller who gives up while the answer is on its way is told what the log says.
func TestA4_deltars2279_CancelledAfterItLanded(t *testing.T) {
	l := newLab(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	tbl, _ := l.faulty(thenRun(atCommit(1, 1, faultstore.Lose(context.Canceled)), cancel))
	res, err := tbl.Append(ctx, rows("a|1|x"), nil)
	committed(t, 1, res, err)
	require.Equal(t, []string{"a|1|x"}, l.rows())
}

// The real clients are in conformance/sdk; this is what reaches the writer.
func TestA5_trino27402_OwnObjectExists(t *testing.T) {
	l := newLab(t, withCDF)
	tbl, _ := l.faulty(atCommit(1, 1, faultstore.Fault{Twice: true}))
	res, err := tbl.Append(t.Context(), rows("a|1|x"), nil)
	committed(t, 1, res, err)
	require.True(t, res.Recovered)
	require.Equal(t, []string{"insert a|1|x"}, l.changes(1))
	require.Len(t, l.commits(1), 1)
}

// Below us a request is sent twice and the second answer is a 503.
func TestA6_awssdk6580_RepeatedBelowAndThen503(t *testing.T) {
	l := newLab(t, nil)
	tbl, _ := l.faulty(atCommit(1, 1, faultstore.Fault{Twice: true, Err: errors.New("503 Slow Down"), Applied: true}))
	res, err := tbl.Append(t.Context(), rows("a|1|x"), nil)
	committed(t, 1, res, err)
	require.Equal(t, []string{"a|1|x"}, l.rows())
	require.Len(t, l.commits(1), 1)
}

// A writer whose answer was lost, and who cannot read either, deletes nothing.
func TestA7_ClickHouse112081_NothingIsDeletedAfterALostAnswer(t *testing.T) {
	l := newLab(t, nil)
	sent := false
	tbl, fs := l.faulty(func(c faultstore.Call) faultstore.Fault {
		if c.Name == commitName(1) && c.Verb == logstore.VerbPutIfAbsent {
			sent = true
			return faultstore.Lose(nil)
		}
		if sent {
			return faultstore.Fail(nil)
		}
		return faultstore.Pass
	})
	res, err := tbl.Append(t.Context(), rows("a|1|x"), nil)
	require.ErrorIs(t, err, delta.ErrCommitUnknown)
	require.Equal(t, delta.Unknown, res.State)
	for _, c := range fs.Trace() {
		require.NotEqual(t, logstore.VerbDelete, c.Verb, c.String())
	}
	require.Equal(t, []string{"a|1|x"}, l.rows())
	l.sound()
}

// The store says that version 1 exists, and there is none.
func TestA8_ClickHouse113994_SpuriousExists(t *testing.T) {
	l := newLab(t, nil)
	tbl, _ := l.faulty(faultstore.First(
		atCommit(1, 1, faultstore.Fail(logstore.ErrExist)), atCommit(1, 2, faultstore.Fail(logstore.ErrExist))))
	res, err := tbl.Append(t.Context(), rows("a|1|x"), nil)
	committed(t, 1, res, err)
	require.Equal(t, []string{"a|1|x"}, l.rows())
	l.sound()
}

// The request lands after the writer has given up; its files are still there.
func TestA9_iceberg2317_LandsAfterTheLastLook(t *testing.T) {
	l := newLab(t, nil)
	tbl, fs := l.faulty(atCommit(1, 0, faultstore.Delay(nil)))
	o := &delta.WriteOptions{Key: "k"}
	res, err := tbl.Append(t.Context(), rows("a|1|x"), o)
	require.ErrorIs(t, err, delta.ErrCommitUnknown)
	require.Equal(t, delta.Unknown, res.State)
	require.True(t, res.Retryable)
	require.Empty(t, l.rows())
	fs.Release()
	require.Equal(t, []string{"a|1|x"}, l.rows())
	l.sound()
	res, err = l.open().Append(t.Context(), rows("a|1|x"), o)
	applied(t, 1, res, err)
}

// Every conditional put of a whole day is delivered twice.
func TestA10_iceberg11814_EverythingIsSentTwice(t *testing.T) {
	l := newLab(t, nil, byPart...)
	tbl, _ := l.faulty(func(c faultstore.Call) faultstore.Fault {
		return faultstore.Fault{Twice: c.Verb == logstore.VerbPutIfAbsent}
	})
	write := []func() (*delta.Result, error){
		func() (*delta.Result, error) { return tbl.Append(t.Context(), rows("a|1|x", "b|2|y"), nil) },
		func() (*delta.Result, error) { return tbl.ReplacePartitions(t.Context(), rows("a|3|z"), nil) },
		func() (*delta.Result, error) {
			return tbl.Merge(rows("b|2|merged", "b|4|new")).OnColumns("id").Upsert().Run(t.Context(), nil)
		},
		func() (*delta.Result, error) { return tbl.Delete(t.Context(), "id = 4", nil) },
	}
	for i, w := range write {
		res, err := w()
		committed(t, delta.Version(i+1), res, err)
	}
	require.Equal(t, []string{"a|3|z", "b|2|merged"}, l.rows())
	require.Len(t, l.commits(1), len(write))
	l.sound()
}

// A merge whose outcome is not known keeps its files.
func TestA11_trino10462_UnclearChangeKeepsItsFiles(t *testing.T) {
	l := newLab(t, nil)
	l.append("a|1|x")
	tbl, fs := l.faulty(atCommit(2, 0, faultstore.Delay(nil)))
	res, err := tbl.Merge(rows("a|1|merged", "a|2|new")).OnColumns("id").Upsert().Run(t.Context(), nil)
	require.ErrorIs(t, err, delta.ErrCommitUnknown)
	require.Equal(t, delta.Unknown, res.State)
	fs.Release()
	require.Equal(t, []string{"a|1|merged", "a|2|new"}, l.rows())
	l.sound()
}

// 409 says that nothing landed: the same version is tried again.
func TestA12_arrowrs852_ConflictIsNotExists(t *testing.T) {
	l := newLab(t, nil)
	tbl, fs := l.faulty(atCommit(1, 1, faultstore.Fail(logstore.ErrUnavailable)))
	res, err := tbl.Append(t.Context(), rows("a|1|x"), nil)
	committed(t, 1, res, err)
	require.False(t, res.Recovered)
	require.Equal(t, 2, puts(fs, commitName(1)))
	require.Equal(t, []string{"a|1|x"}, l.rows())
}

func puts(fs *faultstore.Store, name string) (n int) {
	for _, c := range fs.Trace() {
		if c.Name == name && c.Verb == logstore.VerbPutIfAbsent {
			n++
		}
	}
	return n
}

// Passing failures are waited out, a refusal ends the write at once.
func TestA13_slatedb766_RetriesEnd(t *testing.T) {
	l := newLab(t, nil)
	tbl, _ := l.faulty(faultstore.First(
		atCommit(1, 1, faultstore.Fail(nil)), atCommit(1, 2, faultstore.Fail(logstore.ErrUnavailable)), atCommit(1, 3, faultstore.Fail(nil))))
	res, err := tbl.Append(t.Context(), rows("a|1|x"), nil)
	committed(t, 1, res, err)

	for _, refusal := range []error{logstore.ErrPermission, logstore.ErrNoSpace, logstore.ErrRefused} {
		tbl, fs := l.faulty(atCommit(2, 0, faultstore.Fail(refusal)))
		res, err := tbl.Append(t.Context(), rows("a|2|y"), nil)
		require.ErrorIs(t, err, refusal)
		require.Equal(t, delta.NotCommitted, res.State)
		require.Equal(t, 1, puts(fs, commitName(2)), "a refusal is asked for once")
	}
	tbl, fs := l.faulty(atCommit(2, 0, faultstore.Fail(logstore.ErrUnavailable)))
	res, err = tbl.Append(t.Context(), rows("a|2|y"), nil)
	require.ErrorIs(t, err, logstore.ErrUnavailable)
	require.Equal(t, delta.NotCommitted, res.State)
	require.Less(t, puts(fs, commitName(2)), 50)
	require.Equal(t, []string{"a|1|x"}, l.rows())
	l.sound()
}

// Everybody who comes first makes the table; one does, the others add to it.
func TestA14_deltars3505_ConcurrentCreation(t *testing.T) {
	l := &lab{t: t, st: memstore.New(&memstore.Options{URL: root})}
	var wg sync.WaitGroup
	begin := make(chan struct{})
	errs := make([]error, 8)
	for i := range errs {
		wg.Go(func() {
			tbl, err := delta.OpenOrCreate(t.Context(), root, columns, &delta.CreateOptions{Options: delta.Options{Store: l.st, Env: process("creator")}})
			<-begin
			if err == nil {
				_, err = tbl.Append(t.Context(), rows(fmt.Sprintf("a|%d|x", i)), nil)
			}
			errs[i] = err
		})
	}
	close(begin)
	wg.Wait()
	require.NoError(t, errors.Join(errs...))
	require.Len(t, l.rows(), len(errs))
	require.Len(t, l.commits(0), len(errs))
	l.sound()
}

// The same key, from a process that knows nothing of the first.
func TestA15_kernelrs1819_KeyIsComparedWithTheLog(t *testing.T) {
	l := newLab(t, nil)
	o := &delta.WriteOptions{Key: "job/1"}
	tbl, _ := l.faulty(atCommit(1, 1, faultstore.Fault{CrashAfter: true}))
	_, err := tbl.Append(t.Context(), rows("a|1|x", "a|2|y"), o)
	require.Error(t, err)
	res, err := l.open().Append(t.Context(), rows("a|2|y", "a|1|x"), o)
	applied(t, 1, res, err)
	require.Equal(t, []string{"a|1|x", "a|2|y"}, l.rows())
	l.sound()
}

// Another writer has version 1, and for a while nobody can read it.
func TestA16_delta7402_WinnerCannotBeReadYet(t *testing.T) {
	l := newLab(t, nil)
	tbl, _ := l.faulty(faultstore.First(
		meanwhile(1, func() { l.append("b|2|other") }),
		faultstore.On(logstore.VerbRead, commitName(1), 1, faultstore.Fail(logstore.ErrNotExist)),
		faultstore.On(logstore.VerbRead, commitName(1), 2, faultstore.Fail(nil)),
	))
	res, err := tbl.Append(t.Context(), rows("a|1|x"), nil)
	committed(t, 2, res, err)
	require.Equal(t, []string{"a|1|x", "b|2|other"}, l.rows())
	l.sound()
}

// A request that arrives when its version is long superseded changes nothing.
func TestA17_delta1410_LateCopy(t *testing.T) {
	l := newLab(t, nil)
	tbl, fs := l.faulty(atCommit(1, 0, faultstore.Delay(nil)))
	_, err := tbl.Append(t.Context(), rows("a|1|late"), nil)
	require.ErrorIs(t, err, delta.ErrCommitUnknown)
	l.append("b|1|first")
	l.append("b|2|second")
	before, err := l.st.Read(t.Context(), commitName(1), 0)
	require.NoError(t, err)
	for _, err := range fs.Release() {
		require.ErrorIs(t, err, logstore.ErrExist)
	}
	after, err := l.st.Read(t.Context(), commitName(1), 0)
	require.NoError(t, err)
	require.Equal(t, string(before), string(after))
	require.Equal(t, []string{"b|1|first", "b|2|second"}, l.rows())
	require.NotContains(t, strings.Join(l.rows(), ","), "late")
	l.sound()
}

// The table is made by another at the last moment.
func TestA14_deltars3505_SecondByAMoment(t *testing.T) {
	l := &lab{t: t, st: memstore.New(&memstore.Options{URL: root})}
	create := func(st logstore.Store) *delta.Table {
		tbl, err := delta.OpenOrCreate(context.Background(), root, columns, &delta.CreateOptions{Options: delta.Options{Store: st, Env: process("creator")}})
		require.NoError(t, err)
		return tbl
	}
	late := create(faultstore.New(l.st, meanwhile(0, func() {
		_, err := create(l.st).Append(context.Background(), rows("a|1|first"), nil)
		require.NoError(t, err)
	})))
	res, err := late.Append(t.Context(), rows("a|2|second"), nil)
	committed(t, 1, res, err)
	require.Equal(t, []string{"a|1|first", "a|2|second"}, l.rows())
	l.sound()
}

// What came first among the commits that a writer lost to contradicts it, and a
// later one is its own work, by another attempt: it is done.
func TestA4_deltars2279_KeyIsThereBeyondAConflict(t *testing.T) {
	l := newLab(t, nil)
	l.append("a|1|x")
	remove := func(st logstore.Store) *txlog.Transaction {
		s, err := txlog.Load(t.Context(), st, nil)
		require.NoError(t, err)
		txn := s.Begin(&txlog.TxnOptions{Operation: "DELETE", Key: &txlog.Key{AppID: "k", Version: 7}, Env: process("remover"), SkipPostCommit: true})
		for f, err := range s.Files(t.Context(), nil) {
			require.NoError(t, err)
			txn.Add(f.Remove(1, true))
		}
		return txn
	}
	late, early := remove(l.st), remove(l.st)
	first, err := early.Commit(t.Context())
	require.NoError(t, err)
	require.Equal(t, delta.Version(2), first.Version)
	res, err := late.Commit(t.Context())
	require.NoError(t, err, "removing the file a second time would be a conflict")
	require.Equal(t, delta.AlreadyApplied, res.State)
	require.Equal(t, delta.Version(2), res.Version)
}
