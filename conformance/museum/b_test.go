package museum_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/internal/faultstore"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore"
)

// Two writers take rows of one file; both are gone, whichever way rows leave it.
func TestB1_delta7163_DeleteBesideDelete(t *testing.T) {
	for name, properties := range map[string]map[string]string{"rewritten": nil, "by vectors": withDVs} {
		t.Run(name, func(t *testing.T) {
			o := &delta.ChangeOptions{}
			if properties != nil {
				o.Strategy = delta.StrategyVectors
			}
			l := newLab(t, properties)
			l.append("a|1|x", "a|2|y", "a|3|z")
			tbl, _ := l.faulty(meanwhile(2, func() {
				_, err := l.open().Delete(context.Background(), "id = 2", o)
				require.NoError(t, err)
			}))
			res, err := tbl.Delete(t.Context(), "id = 1", o)
			committed(t, 3, res, err)
			require.Equal(t, []string{"a|3|z"}, l.rows())
			l.sound()
		})
	}
}

// The log refuses two removes of one file by itself, whoever writes them.
func TestB1_delta7163_TheLogRefusesTheSecondRemove(t *testing.T) {
	l := newLab(t, nil)
	l.append("a|1|x")
	remove := func(st logstore.Store) *txlog.Transaction {
		s, err := txlog.Load(t.Context(), st, nil)
		require.NoError(t, err)
		txn := s.Begin(&txlog.TxnOptions{Operation: "DELETE", Env: process("remover"), SkipPostCommit: true})
		for f, err := range s.Files(t.Context(), nil) {
			require.NoError(t, err)
			txn.Add(f.Remove(1, true))
		}
		return txn
	}
	first, second := remove(l.st), remove(l.st)
	_, err := first.Commit(t.Context())
	require.NoError(t, err)
	res, err := second.Commit(t.Context())
	require.ErrorIs(t, err, delta.ErrConflict)
	require.Equal(t, delta.NotCommitted, res.State)
	require.Len(t, l.commits(2), 1)
}

// compact moves the rows of every live file to a new file, as another engine's
// OPTIMIZE of single files does: no row changes.
func compact(l *lab) {
	l.t.Helper()
	s := l.snapshot()
	txn := s.Begin(&txlog.TxnOptions{Operation: "OPTIMIZE", Env: process("optimizer"), SkipPostCommit: true})
	for f, err := range s.Files(context.Background(), nil) {
		require.NoError(l.t, err)
		name, err := f.ObjectName(l.st.URL())
		require.NoError(l.t, err)
		body, err := l.st.Read(context.Background(), name, 0)
		require.NoError(l.t, err)
		moved := *f
		moved.Path, moved.DataChange = "moved-"+f.Path, false
		require.NoError(l.t, l.st.Put(context.Background(), "moved-"+name, body, logstore.IfAbsent))
		txn.ReadFile(f.Path)
		txn.Add(f.Remove(1, false), &moved)
	}
	_, err := txn.Commit(context.Background())
	require.NoError(l.t, err)
}

// A file is compacted, its vector and all, while rows are taken from it.
func TestB2_delta3981_CompactionBesideADeletionVector(t *testing.T) {
	l := newLab(t, withDVs)
	o := &delta.ChangeOptions{Strategy: delta.StrategyVectors}
	l.append("a|1|x", "a|2|y", "a|3|z", "a|4|u")
	_, err := l.open().Delete(t.Context(), "id = 4", o)
	require.NoError(t, err)
	tbl, _ := l.faulty(meanwhile(3, func() { compact(l) }))
	res, err := tbl.Delete(t.Context(), "id = 1", o)
	committed(t, 4, res, err)
	require.Equal(t, []string{"a|2|y", "a|3|z"}, l.rows())
	l.sound()
}

// Two of the same file with different vectors are two files to the log: a remove
// of the one leaves the other, before a checkpoint and after it.
func TestB3_trino31253_RemoveWithoutTheVector(t *testing.T) {
	l := newLab(t, withDVs)
	l.append("a|1|x", "a|2|y")
	_, err := l.open().Delete(t.Context(), "id = 1", &delta.ChangeOptions{Strategy: delta.StrategyVectors})
	require.NoError(t, err)
	s := l.snapshot()
	for f, err := range s.Files(t.Context(), nil) {
		require.NoError(t, err)
		require.NotNil(t, f.DeletionVector)
		r := f.Remove(1, true)
		r.DeletionVector = nil // as the other engine wrote it
		txn := s.Begin(&txlog.TxnOptions{Operation: "OPTIMIZE", Env: process("foreign"), SkipPostCommit: true})
		txn.Add(r)
		_, err := txn.Commit(t.Context())
		require.NoError(t, err)
	}
	require.Equal(t, []string{"a|2|y"}, l.rows())
	_, err = l.open().Checkpoint(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"a|2|y"}, l.rows(), "by the checkpoint")
}

// Two handles of one snapshot overwrite the table: the later one's rows are all.
func TestB4_deltars3622_OverwriteBesideOverwrite(t *testing.T) {
	l := newLab(t, nil)
	l.append("a|0|old")
	first, second := l.open(), l.open()
	res, err := first.Overwrite(t.Context(), rows("a|1|first"), nil)
	committed(t, 2, res, err)
	res, err = second.Overwrite(t.Context(), rows("a|2|second"), nil)
	committed(t, 3, res, err)
	require.Equal(t, []string{"a|2|second"}, l.rows())
	l.sound()
}

// Neither of them finds a file to remove when it begins.
func TestB5_hudi19720_ReplaceOfAnEmptyPartition(t *testing.T) {
	l := newLab(t, nil, byPart...)
	l.append("b|0|other")
	tbl, _ := l.faulty(meanwhile(2, func() {
		_, err := l.open().ReplacePartitions(context.Background(), rows("a|1|first"), nil)
		require.NoError(t, err)
	}))
	res, err := tbl.ReplacePartitions(t.Context(), rows("a|2|second"), nil)
	committed(t, 3, res, err)
	require.Equal(t, int64(1), res.RowsRemoved)
	require.Equal(t, []string{"a|2|second", "b|0|other"}, l.rows())
	l.sound()
}

// A row that comes meanwhile and is none of those replaced stays; one that is
// goes, because the replacement comes after it.
func TestB6_paimon7595_ReplaceBesideAppend(t *testing.T) {
	l := newLab(t, nil)
	l.append("a|1|keep", "a|11|old")
	tbl, _ := l.faulty(meanwhile(2, func() { l.append("a|5|came", "a|15|came") }))
	res, err := tbl.ReplaceWhere(t.Context(), "id >= 10", rows("a|12|new"), nil)
	committed(t, 3, res, err)
	require.Equal(t, []string{"a|12|new", "a|1|keep", "a|5|came"}, l.rows())
	l.sound()
}

func TestB7_HIVE29744_AppendsToANewPartition(t *testing.T) {
	l := newLab(t, nil, byPart...)
	tbl, _ := l.faulty(meanwhile(1, func() { l.append("new|1|first") }))
	res, err := tbl.Append(t.Context(), rows("new|2|second"), nil)
	committed(t, 2, res, err)
	require.Equal(t, []string{"new|1|first", "new|2|second"}, l.rows())
	l.sound()
}

// Under every isolation level a row that is deleted beside an update is gone.
func TestB8_Fizzbee_DeleteBesideUpdate(t *testing.T) {
	for _, level := range []string{"Serializable", "WriteSerializable"} {
		for _, strategy := range []delta.Strategy{delta.StrategyRewrite, delta.StrategyVectors} {
			l := newLab(t, map[string]string{"delta.enableDeletionVectors": "true", "delta.isolationLevel": level})
			l.append("a|1|x", "a|2|y")
			o := &delta.ChangeOptions{Strategy: strategy}
			tbl, _ := l.faulty(meanwhile(2, func() {
				_, err := l.open().Update(context.Background(), delta.Set{"note": "'updated'"}, "id = 1", o)
				require.NoError(t, err)
			}))
			res, err := tbl.Delete(t.Context(), "id = 1", o)
			committed(t, 3, res, err)
			require.Equal(t, []string{"a|2|y"}, l.rows(), "%s, strategy %d", level, strategy)
			l.sound()

			// And the other way round.
			tbl, _ = l.faulty(meanwhile(4, func() {
				_, err := l.open().Delete(context.Background(), "id = 2", o)
				require.NoError(t, err)
			}))
			_, err = tbl.Update(t.Context(), delta.Set{"note": "'updated'"}, "id = 2", o)
			require.NoError(t, err)
			require.Empty(t, l.rows(), "%s, strategy %d", level, strategy)
		}
	}
}

// A merge that has seen an empty table sees the rows that came first.
func TestB9_icebergGo1298_EmptyBase(t *testing.T) {
	l := newLab(t, nil)
	tbl, _ := l.faulty(meanwhile(1, func() { l.append("a|1|first") }))
	res, err := tbl.Merge(rows("a|1|merged", "a|2|merged")).OnColumns("id").Upsert().Run(t.Context(), nil)
	committed(t, 2, res, err)
	require.Equal(t, []string{"a|1|merged", "a|2|merged"}, l.rows())
	l.sound()
}

// What a merge depends on is the rows that it could meet, also those to come.
func TestB10_deltars2208_MergeSeesRowsThatCome(t *testing.T) {
	l := newLab(t, nil, byPart...)
	l.append("a|1|x", "b|9|far")
	tbl, _ := l.faulty(meanwhile(2, func() { l.append("a|2|came") }))
	res, err := tbl.Merge(rows("a|1|merged", "a|2|merged")).OnColumns("part", "id").Upsert().Run(t.Context(), nil)
	committed(t, 3, res, err)
	require.Equal(t, []string{"a|1|merged", "a|2|merged", "b|9|far"}, l.rows())
	require.Equal(t, int64(2), res.Rows.Plans)
	l.sound()
}

// now() is one time for all of an operation, however often it is planned, and
// what has no fixed meaning is refused.
func TestB11_delta39aac66_PredicatesMeanOneThing(t *testing.T) {
	l := newLab(t, nil)
	l.append("a|1|x", "a|2|y")
	env := process("slow")
	fs := faultstore.New(l.st, meanwhile(2, func() {
		l.append("a|3|came")
		_ = env.Sleep(context.Background(), 48*3600*1e9)
	}))
	tbl, err := delta.Open(t.Context(), root, &delta.Options{Store: fs, Env: env})
	require.NoError(t, err)
	day := env.Now().UTC().Format("2006-01-02")
	res, err := tbl.Delete(t.Context(), fmt.Sprintf("id >= 2 AND current_date() = DATE '%s'", day), nil)
	committed(t, 3, res, err)
	require.Equal(t, []string{"a|1|x"}, l.rows())
	for _, unclear := range []string{"rand() < 0.5", "uuid() = note"} {
		_, err = l.open().Delete(t.Context(), unclear, nil)
		require.Error(t, err, unclear)
	}
	require.Equal(t, []string{"a|1|x"}, l.rows())
}

// Of three winners it is the last that stands in the way.
func TestB12_deltars44c104b_ThreeWinners(t *testing.T) {
	l := newLab(t, nil, byPart...)
	l.append("a|1|x")
	tbl, _ := l.faulty(meanwhile(2, func() {
		l.append("b|1|one")
		l.append("c|1|two")
		l.append("a|2|three")
	}))
	res, err := tbl.Delete(t.Context(), "part = 'a' AND id >= 1 AND note <> ''", nil)
	committed(t, 5, res, err)
	require.Equal(t, []string{"b|1|one", "c|1|two"}, l.rows())
	l.sound()
}

// Each time the writer has compared itself with all winners, one more comes.
func TestB13_trino21725_WinnersBetweenComparisonAndPut(t *testing.T) {
	l := newLab(t, nil)
	l.append("a|0|x")
	came := 0
	tbl, _ := l.faulty(func(c faultstore.Call) (f faultstore.Fault) {
		if c.Verb == logstore.VerbPutIfAbsent && c.Name == commitName(delta.Version(2+came)) && came < 5 {
			f.Run = func() { came++; l.append(fmt.Sprintf("a|%d|x", came)) }
		}
		return f
	})
	res, err := tbl.Update(t.Context(), delta.Set{"note": "'seen'"}, "note = 'x'", nil)
	require.NoError(t, err)
	require.Equal(t, 5, came)
	committed(t, 7, res, err)
	require.Equal(t, []string{"a|0|seen", "a|1|seen", "a|2|seen", "a|3|seen", "a|4|seen", "a|5|seen"}, l.rows())
	l.sound()
}

// Like B5, by a predicate, on partitions and on rows.
func TestB14_delta9_ReplaceWhereOfNothing(t *testing.T) {
	for _, where := range []string{"part = 'a'", "part = 'a' AND id > 0"} {
		l := newLab(t, nil, byPart...)
		tbl, _ := l.faulty(meanwhile(1, func() {
			_, err := l.open().ReplaceWhere(context.Background(), where, rows("a|1|first"), nil)
			require.NoError(t, err)
		}))
		res, err := tbl.ReplaceWhere(t.Context(), where, rows("a|2|second"), nil)
		committed(t, 2, res, err)
		require.Equal(t, []string{"a|2|second"}, l.rows(), where)
		l.sound()
	}
}

// A commit that names one file twice is refused before it is sent.
func TestB15_delta6892_TwoActionsForOneFile(t *testing.T) {
	l := newLab(t, nil)
	f := &txlog.AddFile{Path: "a%20b", PartitionValues: map[string]*string{}, Size: 1, DataChange: true}
	g := *f
	g.Path = "a b"
	for name, actions := range map[string][]txlog.Action{
		"add twice":                {f, f},
		"add in two spellings":     {f, &g},
		"add and remove":           {f, f.Remove(1, true)},
		"remove in two spellings":  {f.Remove(1, true), g.Remove(1, true)},
		"one application twice":    {&txlog.SetTransaction{AppID: "k", Version: 1}, &txlog.SetTransaction{AppID: "k", Version: 2}},
		"metadata of a table, two": {l.snapshot().Metadata(), l.snapshot().Metadata()},
	} {
		fs := faultstore.New(l.st, nil)
		s, err := txlog.Load(t.Context(), fs, nil)
		require.NoError(t, err)
		txn := s.Begin(&txlog.TxnOptions{Operation: "WRITE", Env: process("writer")})
		txn.Add(actions...)
		res, err := txn.Commit(t.Context())
		require.Error(t, err, name)
		require.Equal(t, delta.NotCommitted, res.State, name)
		require.Zero(t, puts(fs, commitName(1)), name)
	}
}

// Two writers of one domain: the second is told; another domain is no matter.
func TestB16_delta4712_DomainsBesideEachOther(t *testing.T) {
	l := newLab(t, map[string]string{"delta.feature.domainMetadata": "supported"})
	set := func(s *txlog.Snapshot, domain, text string) (*txlog.CommitResult, error) {
		txn := s.Begin(&txlog.TxnOptions{Operation: "SET", Env: process("setter"), SkipPostCommit: true})
		txn.Add(&txlog.DomainMetadata{Domain: domain, Configuration: text})
		return txn.Commit(t.Context())
	}
	s := l.snapshot()
	_, err := set(s, "x", "first")
	require.NoError(t, err)
	_, err = set(s, "y", "other")
	require.NoError(t, err)
	_, err = set(s, "x", "second")
	require.ErrorIs(t, err, delta.ErrConflict)
	d, err := l.snapshot().Domain(t.Context(), "x")
	require.NoError(t, err)
	require.Equal(t, "first", d.Configuration)
}

// Rows that a transaction has read move to another file, and leave the table there.
func TestB2_delta3981_RowsThatMoveTwice(t *testing.T) {
	l := newLab(t, nil)
	l.append("a|1|x", "a|2|y")
	txn := l.snapshot().Begin(&txlog.TxnOptions{Operation: "UPDATE", Env: process("reader"), SkipPostCommit: true})
	for f, err := range l.snapshot().Files(t.Context(), nil) {
		require.NoError(t, err)
		txn.ReadFile(f.Path)
	}
	txn.Add(&txlog.AddFile{Path: "of what was read", PartitionValues: map[string]*string{}, Size: 1, DataChange: true})
	compact(l)
	l.delete("id = 1")
	_, err := txn.Commit(t.Context())
	var ce *delta.ConflictError
	require.ErrorAs(t, err, &ce)
	require.Equal(t, txlog.ConcurrentDeleteRead, ce.Kind)
}

// A commit of another engine says that it is a blind append, which the table allows
// beside a delete, and is none.
func TestB8_Fizzbee_ClaimsOfOthers(t *testing.T) {
	l := newLab(t, map[string]string{"delta.isolationLevel": "WriteSerializable"}, byPart...)
	l.append("a|1|x", "a|2|y", "b|9|z")
	p, _, err := l.open().Prepare(t.Context(), "append", "", rows("a|2|came"), nil)
	require.NoError(t, err)
	blind := true
	foreign := &txlog.Commit{Version: 2, Actions: []txlog.Action{
		&txlog.CommitInfo{Operation: "WRITE", IsBlindAppend: &blind}, p.Files[0].AddFile(),
	}}
	for f, err := range l.snapshot().Files(t.Context(), nil) {
		require.NoError(t, err)
		if *f.PartitionValues["part"] == "b" {
			foreign.Actions = append(foreign.Actions, f.Remove(1, true))
		}
	}
	body, err := txlog.EncodeCommit(foreign)
	require.NoError(t, err)
	tbl, _ := l.faulty(meanwhile(2, func() { l.put(commitName(2), body) }))
	res, err := tbl.Delete(t.Context(), "part = 'a' AND id = 2", nil)
	committed(t, 3, res, err)
	require.Equal(t, []string{"a|1|x"}, l.rows())
	l.sound()
}

// A merge has met a row that is deleted before it commits: the row is none of the
// table's then, and the source's is inserted.
func TestB8_Fizzbee_MergeBesideDelete(t *testing.T) {
	for _, strategy := range []delta.Strategy{delta.StrategyRewrite, delta.StrategyVectors} {
		l := newLab(t, withDVs)
		o := &delta.ChangeOptions{Strategy: strategy}
		l.append("a|1|x", "a|2|y", "a|3|z")
		tbl, _ := l.faulty(meanwhile(2, func() {
			_, err := l.open().Delete(context.Background(), "id = 1", o)
			require.NoError(t, err)
		}))
		res, err := tbl.Merge(rows("a|1|merged", "a|2|merged")).OnColumns("id").Upsert().Run(t.Context(), o)
		committed(t, 3, res, err)
		require.Equal(t, int64(1), res.Rows.Inserted)
		require.Equal(t, []string{"a|1|merged", "a|2|merged", "a|3|z"}, l.rows())
		l.sound()
	}
}
