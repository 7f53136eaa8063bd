package delta_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/internal/faultstore"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
	"github.com/deltalog/deltalog/txlog/schema"
)

// foreign makes a commit as another engine does.
func foreign(t *testing.T, st logstore.Store, operation string, f func(s *txlog.Snapshot, add func(...txlog.Action))) {
	t.Helper()
	s, err := txlog.Load(t.Context(), st, nil)
	require.NoError(t, err)
	txn := s.Begin(&txlog.TxnOptions{Operation: operation, Env: virtual("foreign-" + operation)})
	f(s, txn.Add)
	_, err = txn.Commit(t.Context())
	require.NoError(t, err)
}

// liveFiles returns the live files that keep selects, all if it is nil. There must
// be one.
func liveFiles(t *testing.T, s *txlog.Snapshot, keep func(*txlog.AddFile) bool) (files []*txlog.AddFile) {
	t.Helper()
	for f, err := range s.Files(t.Context(), nil) {
		require.NoError(t, err)
		if keep == nil || keep(f) {
			files = append(files, f)
		}
	}
	require.NotEmpty(t, files)
	return files
}

// moveFiles does what a compaction does to rows: the same ones are in other files.
func moveFiles(t *testing.T, st *memstore.Store, keep func(*txlog.AddFile) bool) {
	foreign(t, st, "OPTIMIZE", func(s *txlog.Snapshot, add func(...txlog.Action)) {
		for _, f := range liveFiles(t, s, keep) {
			name, err := f.ObjectName(st.URL())
			require.NoError(t, err)
			data, err := st.Read(t.Context(), name, 0)
			require.NoError(t, err)
			moved := *f
			moved.Path, moved.DataChange = strings.Replace(f.Path, ".parquet", "-moved.parquet", 1), false
			newName, err := moved.ObjectName(st.URL())
			require.NoError(t, err)
			require.NoError(t, st.Put(t.Context(), newName, data, logstore.IfAbsent))
			add(f.Remove(1, false), &moved)
		}
	})
}

// holdsID selects files whose smallest id begins with these digits.
func holdsID(low string) func(*txlog.AddFile) bool {
	return func(f *txlog.AddFile) bool { return strings.Contains(f.Stats, `"minValues":{"id":`+low) }
}

// What another writer does between the plan of a change and its commit is either
// honoured, as if the change had come after it, or refused with an error that says
// what it was. Nothing is staged after a refusal.
func TestChangesMeanwhile(t *testing.T) {
	t.Parallel()
	metadata := func(f func(m *txlog.Metadata)) func(*testing.T, *memstore.Store, *delta.Table) {
		return func(t *testing.T, st *memstore.Store, _ *delta.Table) {
			foreign(t, st, "ALTER", func(s *txlog.Snapshot, add func(...txlog.Action)) {
				m := *s.Metadata()
				f(&m)
				add(&m)
			})
		}
	}
	property := func(key, value string) func(*testing.T, *memstore.Store, *delta.Table) {
		return func(t *testing.T, _ *memstore.Store, tbl *delta.Table) {
			_, err := tbl.SetProperties(t.Context(), map[string]string{key: value}, nil)
			require.NoError(t, err)
		}
	}
	constraint := func(sql string) func(*testing.T, *memstore.Store, *delta.Table) {
		return func(t *testing.T, _ *memstore.Store, tbl *delta.Table) {
			_, err := tbl.AddConstraint(t.Context(), "meanwhile", sql, nil)
			require.NoError(t, err)
		}
	}
	merge := upsertOf(0, stockOf(1, "a", 70, "new"), stockOf(50, "a", 71, "new"))
	insertOnly := operation{run: func(ctx context.Context, t *delta.Table) (*delta.Result, error) {
		src := must(delta.Slice([]stock{stockOf(0, "a", 70, "new"), stockOf(5, "a", 70, "new")}))
		return t.InsertNew(ctx, src, []string{"id"}, keyedChange())
	}}
	evolving := operation{run: func(ctx context.Context, t *delta.Table) (*delta.Result, error) {
		o := keyedChange()
		o.EvolveSchema = true
		return t.Merge(must(delta.Slice([]widerStock{{1, "a", 70, "new", "x"}}))).OnColumns("id").Upsert().Run(ctx, o)
	}}
	for _, c := range []struct {
		name    string
		kind    tableKind
		op      operation
		between func(*testing.T, *memstore.Store, *delta.Table)
		refused string // part of the error; empty: the change comes after it
		plans   int64
	}{
		{name: "an unrelated property", kind: sweptAll, op: merge, between: property("note", "x"), plans: 1},
		{name: "a property of statistics", kind: sweptCow, op: merge, between: property("delta.dataSkippingNumIndexedCols", "1"), plans: 1},
		{name: "append only", kind: sweptCow, op: merge, between: property("delta.appendOnly", "true"), refused: "delta.appendOnly"},
		{name: "deletion vectors", kind: sweptCow, op: merge, between: property("delta.enableDeletionVectors", "true"), refused: "delta.enableDeletionVectors"},
		{name: "change data feed", kind: sweptDV, op: merge, between: property("delta.enableChangeDataFeed", "true"), refused: "delta.enableChangeDataFeed"},
		{name: "column mapping", kind: sweptCow, op: merge, between: property("delta.columnMapping.mode", "name"), refused: "columns are others"},
		{name: "a constraint that it breaks", kind: sweptCow, op: merge, between: constraint("qty < 70"), refused: "delta.constraints.meanwhile"},
		{name: "a constraint that it keeps", kind: sweptCow, op: merge, between: constraint("qty < 700"), refused: "delta.constraints.meanwhile"},
		{name: "a constraint, update", kind: sweptDV, op: addTo(0, 100), between: constraint("qty < 70"), refused: "delta.constraints.meanwhile"},
		{name: "a column", kind: sweptCow, op: merge, between: func(t *testing.T, _ *memstore.Store, tbl *delta.Table) {
			_, err := tbl.AddColumns(t.Context(), &schema.Struct{Fields: []schema.Field{{Name: "more", Type: schema.Long, Nullable: true}}}, nil)
			require.NoError(t, err)
		}, refused: "columns are others"},
		{name: "a column, evolving", kind: sweptCow, op: evolving, between: func(t *testing.T, _ *memstore.Store, tbl *delta.Table) {
			_, err := tbl.AddColumns(t.Context(), &schema.Struct{Fields: []schema.Field{{Name: "extra", Type: schema.String, Nullable: true}}}, nil)
			require.NoError(t, err)
		}, refused: "columns are others"},
		{name: "an unrelated property, evolving", kind: sweptCow, op: evolving, between: property("note", "x"), plans: 2},
		{name: "another table", kind: sweptCow, op: merge, between: metadata(func(m *txlog.Metadata) { m.ID = "another" }), refused: "its id is now another"},
		{name: "other partition columns", kind: sweptCow, op: merge, between: metadata(func(m *txlog.Metadata) { m.PartitionColumns = []string{"note"} }), refused: "partitioned by"},
		{name: "a protocol for later writers", kind: sweptAll, op: merge, between: func(t *testing.T, st *memstore.Store, _ *delta.Table) {
			foreign(t, st, "UPGRADE", func(s *txlog.Snapshot, add func(...txlog.Action)) {
				p := *s.Protocol()
				p.WriterFeatures = append(slices.Clone(p.WriterFeatures), "fromTheFuture")
				add(&p)
			})
		}, refused: "fromTheFuture"},
		{name: "a protocol that is known", kind: sweptAll, op: merge, between: func(t *testing.T, st *memstore.Store, _ *delta.Table) {
			foreign(t, st, "UPGRADE", func(s *txlog.Snapshot, add func(...txlog.Action)) {
				p := *s.Protocol()
				p.WriterFeatures = append(slices.Clone(p.WriterFeatures), "appendOnly")
				add(&p)
			})
		}, plans: 1},
		{name: "compaction of its file", kind: sweptAll, op: merge, between: func(t *testing.T, st *memstore.Store, _ *delta.Table) {
			moveFiles(t, st, nil)
		}, plans: 2},
		{name: "compaction of its file, update", kind: sweptDV, op: addTo(0, 1), between: func(t *testing.T, st *memstore.Store, _ *delta.Table) {
			moveFiles(t, st, nil)
		}, plans: 2},
		{name: "compaction of another file", kind: sweptAll, op: merge, between: func(t *testing.T, st *memstore.Store, _ *delta.Table) {
			moveFiles(t, st, holdsID("100"))
		}, plans: 1},
		{name: "compaction, insert only", kind: sweptAll, op: insertOnly, between: func(t *testing.T, st *memstore.Store, _ *delta.Table) {
			moveFiles(t, st, nil)
		}, plans: 1},
		{name: "rows with its keys", kind: sweptCow, op: merge, between: func(t *testing.T, _ *memstore.Store, tbl *delta.Table) {
			_, err := tbl.Append(t.Context(), stocks(t, []stock{stockOf(50, "b", 1, "theirs")}), nil)
			require.NoError(t, err)
		}, plans: 2},
		{name: "rows with other keys", kind: sweptCow, op: merge, between: func(t *testing.T, _ *memstore.Store, tbl *delta.Table) {
			_, err := tbl.Append(t.Context(), stocks(t, []stock{stockOf(500, "b", 1, "theirs")}), nil)
			require.NoError(t, err)
		}, plans: 1},
		{name: "the row is gone", kind: sweptDV, op: merge, between: func(t *testing.T, _ *memstore.Store, tbl *delta.Table) {
			_, err := tbl.Delete(t.Context(), "id = 1", nil)
			require.NoError(t, err)
		}, plans: 2},
		{name: "a row beside it is gone", kind: sweptDV, op: merge, between: func(t *testing.T, _ *memstore.Store, tbl *delta.Table) {
			_, err := tbl.Delete(t.Context(), "id = 7", nil)
			require.NoError(t, err)
		}, plans: 2},
		{name: "all rows are gone", kind: sweptAll, op: addTo(0, 1), between: func(t *testing.T, _ *memstore.Store, tbl *delta.Table) {
			_, err := tbl.Delete(t.Context(), "", nil)
			require.NoError(t, err)
		}, plans: 2},
		{name: "a deleted row is back, insert only", kind: sweptDV, op: insertOnly, between: undelete, plans: 2},
		{name: "a deleted row is back", kind: sweptDV, op: upsertOf(0, stockOf(0, "a", 70, "new")), between: undelete, plans: 2},
		{name: "a deleted row is back beside a match", kind: sweptDV, op: upsertOf(0, stockOf(0, "a", 70, "new"), stockOf(3, "a", 70, "new")), between: undelete, plans: 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			st := memstore.New(nil)
			changeBase(t, st, "mem://", c.kind)
			serial := st.Clone()
			open := func(st logstore.Store) *delta.Table {
				return must(delta.Open(t.Context(), "mem://", &delta.Options{Store: st, Env: virtual("between")}))
			}
			c.between(t, serial, open(serial))
			if c.refused == "" {
				_, err := attempt(t.Context(), c.op, serial, "serial")
				require.NoError(t, err)
			}
			came := false
			between := func() { came = true; c.between(t, st, open(st)) }
			res, err := attempt(t.Context(), c.op, faultstore.New(st, paused(4, between, nil)), "op")
			require.True(t, came)
			if c.refused != "" {
				require.ErrorContains(t, err, c.refused)
				require.Equal(t, delta.NotCommitted, res.State)
				require.Empty(t, landed(t, st))
			} else {
				require.NoError(t, err)
				require.Contains(t, []delta.State{delta.Committed, delta.NoOp}, res.State)
				require.Equal(t, c.plans, res.Rows.Plans)
			}
			require.Equal(t, rowsIn(t, serial), rowsIn(t, st))
			noOrphans(t, st, "afterwards")
		})
	}
}

// undelete takes a file's deletion vector away, as a restore of an older version
// does: rows are back in a file that had been read.
func undelete(t *testing.T, st *memstore.Store, _ *delta.Table) {
	foreign(t, st, "RESTORE", func(s *txlog.Snapshot, add func(...txlog.Action)) {
		for _, f := range liveFiles(t, s, func(f *txlog.AddFile) bool { return f.DeletionVector != nil }) {
			whole := *f
			whole.DeletionVector, whole.DataChange = nil, true
			add(f.Remove(1, true), &whole)
		}
	})
}

// A change that finds nothing to do, and records that under its key, says so of the
// version that it gets: rows that came in between are looked at too.
func TestNothingToDoIsTrueOfItsVersion(t *testing.T) {
	t.Parallel()
	op := operation{run: func(ctx context.Context, t *delta.Table) (*delta.Result, error) {
		return t.Delete(ctx, "id >= 500", keyedChange())
	}}
	st := memstore.New(nil)
	changeBase(t, st, "mem://", sweptCow)
	arrives := func() {
		tbl := must(delta.Open(t.Context(), "mem://", &delta.Options{Store: st, Env: virtual("append")}))
		_, err := tbl.Append(t.Context(), stocks(t, []stock{stockOf(500, "b", 1, "late")}), nil)
		require.NoError(t, err)
	}
	before := rowsIn(t, st)
	res, err := attempt(t.Context(), op, faultstore.New(st, paused(4, arrives, nil)), "op")
	require.NoError(t, err)
	require.Equal(t, delta.Committed, res.State)
	require.Equal(t, int64(1), res.Rows.Deleted)
	require.Equal(t, int64(2), res.Rows.Plans)
	require.Equal(t, before, rowsIn(t, st))
}

// Compactions move files all the time while merges and updates go on: no row is
// lost, doubled or updated twice.
func TestChangesWhileFilesMove(t *testing.T) {
	t.Parallel()
	const writers, rounds = 4, 4
	for _, kind := range []tableKind{sweptCow, sweptAll} {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			st := memstore.New(nil)
			changeBase(t, st, "mem://", kind)
			var wg, moving sync.WaitGroup
			done := make(chan struct{})
			moves := 0
			moving.Go(func() {
				for range 50 {
					select {
					case <-done:
						return
					default:
						if moveSome(t, st) {
							moves++
						}
					}
				}
			})
			for w := range writers {
				wg.Go(func() {
					tbl, err := delta.Open(t.Context(), "mem://", &delta.Options{Store: st})
					if err != nil {
						t.Error(err)
						return
					}
					for i := range rounds {
						if _, err := tbl.Update(t.Context(), delta.Set{"qty": "qty + 1"}, "id IN (2, 103)", nil); err != nil {
							t.Error(err)
						}
						row := stockOf(int64(200+10*w+i), "a", 1, "new")
						if _, err := tbl.Merge(must(delta.Slice([]stock{row}))).OnColumns("id").Upsert().Run(t.Context(), nil); err != nil {
							t.Error(err)
						}
					}
				})
			}
			wg.Wait()
			close(done)
			moving.Wait()
			require.Positive(t, moves)
			rows := rowsIn(t, st)
			require.Len(t, rows, 15+writers*rounds)
			require.Contains(t, rows, fmt.Sprintf("2/a/%d/old", 2+writers*rounds))
			require.Contains(t, rows, fmt.Sprintf("103/b/%d/old", 3+writers*rounds))
		})
	}
}

// moveSome moves every file, unless another commit comes first.
func moveSome(t *testing.T, st *memstore.Store) bool {
	s, err := txlog.Load(t.Context(), st, nil)
	if err != nil {
		t.Error(err)
		return false
	}
	txn := s.Begin(&txlog.TxnOptions{Operation: "OPTIMIZE"})
	for f, err := range s.Files(t.Context(), nil) {
		if err != nil {
			t.Error(err)
			return false
		}
		name := must(f.ObjectName(st.URL()))
		moved := *f
		moved.Path, moved.DataChange = fmt.Sprintf("v%d-%s", s.Version(), f.Path[strings.Index(f.Path, "part-"):]), false
		newName := must(moved.ObjectName(st.URL()))
		if err := st.Put(t.Context(), newName, must(st.Read(t.Context(), name, 0)), logstore.Overwrite); err != nil {
			t.Error(err)
			return false
		}
		txn.Add(f.Remove(1, false), &moved)
	}
	_, err = txn.Commit(t.Context())
	if err != nil && !errors.Is(err, delta.ErrConflict) {
		t.Error(err)
	}
	return err == nil
}
