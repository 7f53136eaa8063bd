package delta_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/internal/faultstore"
	"github.com/deltalog/deltalog/internal/join"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
)

// manyStocks are more rows than a little memory holds.
func manyStocks(n int) (rows []stock) {
	for i := range int64(n) {
		rows = append(rows, stockOf(i, "a", int32(i), strings.Repeat("n", 50)))
	}
	return rows
}

// breaking is a source that ends with an error after its first batch.
func breaking(t *testing.T, err error) delta.Source {
	src := stocks(t, changeSourceRows())
	return delta.Batches(src.Schema(), func(yield func(arrow.RecordBatch, error) bool) {
		for rec, rerr := range src.Batches(context.Background()) {
			require.NoError(t, rerr)
			if !yield(rec, nil) {
				return
			}
		}
		yield(nil, err)
	})
}

// A change that fails for a reason of its own commits nothing, leaves nothing, and
// says what was wrong.
func TestChangesThatFail(t *testing.T) {
	t.Parallel()
	type in = context.Context
	boom := errors.New("the upstream has gone away")
	overwrite := func(t *testing.T, st *memstore.Store, part string, data func([]byte) []byte) {
		for _, name := range dataFiles(st) {
			if strings.Contains(name, part) {
				old, err := st.Read(t.Context(), name, 0)
				require.NoError(t, err)
				require.NoError(t, st.Put(t.Context(), name, data(old), logstore.Overwrite))
			}
		}
	}
	nowhere := filepath.Join(t.TempDir(), "not", "there")
	for _, c := range []struct {
		name   string
		kind   tableKind
		damage func(*testing.T, *memstore.Store)
		run    func(ctx in, t *testing.T, tbl *delta.Table) (*delta.Result, error)
		check  func(t *testing.T, err error)
		text   []string
	}{
		{
			name: "the source breaks", kind: sweptAll,
			run: func(ctx in, t *testing.T, tbl *delta.Table) (*delta.Result, error) {
				return tbl.Merge(breaking(t, boom)).OnColumns("id").Upsert().Run(ctx, keyedChange())
			},
			check: func(t *testing.T, err error) { require.ErrorIs(t, err, boom) },
			text:  []string{"source after row 4"},
		},
		{
			name: "a directory for spilling that is not there", kind: sweptCow,
			run: func(ctx in, t *testing.T, tbl *delta.Table) (*delta.Result, error) {
				o := keyedChange()
				o.SpillDir, o.MaxMemory = nowhere, 1<<20
				return tbl.Merge(stocks(t, manyStocks(60_000))).OnColumns("id").Upsert().Run(ctx, o)
			},
			check: func(t *testing.T, err error) {
				var se *join.SpillError
				require.ErrorAs(t, err, &se)
			},
			text: []string{nowhere},
		},
		{
			name: "too little memory", kind: sweptCow,
			run: func(ctx in, t *testing.T, tbl *delta.Table) (*delta.Result, error) {
				o := keyedChange()
				o.SpillDir, o.MaxMemory = t.TempDir(), 1
				return tbl.Merge(stocks(t, manyStocks(100))).OnColumns("id").Upsert().Run(ctx, o)
			},
			check: func(t *testing.T, err error) {
				var be *join.BudgetError
				require.ErrorAs(t, err, &be)
			},
			text: []string{"allow more memory"},
		},
		{
			name: "a data file is not there", kind: sweptCow,
			damage: func(t *testing.T, st *memstore.Store) {
				for _, f := range dataFiles(st) {
					require.NoError(t, st.Delete(t.Context(), f))
				}
			},
			run: func(ctx in, t *testing.T, tbl *delta.Table) (*delta.Result, error) {
				return tbl.Merge(stocks(t, changeSourceRows())).OnColumns("id").Upsert().Run(ctx, keyedChange())
			},
			check: func(t *testing.T, err error) { require.ErrorIs(t, err, logstore.ErrNotExist) },
			text:  []string{".parquet"},
		},
		{
			name: "a data file is cut short", kind: sweptCow,
			damage: func(t *testing.T, st *memstore.Store) {
				overwrite(t, st, ".parquet", func(b []byte) []byte { return b[:len(b)/2] })
			},
			run: func(ctx in, t *testing.T, tbl *delta.Table) (*delta.Result, error) {
				return tbl.Update(ctx, delta.Set{"qty": "qty + 1"}, "", keyedChange())
			},
			text: []string{".parquet"},
		},
		{
			name: "a deletion vector is not there", kind: sweptDV,
			damage: func(t *testing.T, st *memstore.Store) {
				for _, f := range dataFiles(st) {
					if strings.HasSuffix(f, ".bin") {
						require.NoError(t, st.Delete(t.Context(), f))
					}
				}
			},
			run: func(ctx in, t *testing.T, tbl *delta.Table) (*delta.Result, error) {
				return tbl.Update(ctx, delta.Set{"qty": "qty + 1"}, "id = 2", keyedChange())
			},
			check: func(t *testing.T, err error) { require.ErrorIs(t, err, logstore.ErrNotExist) },
			text:  []string{"deletion_vector"},
		},
		{
			name: "a deletion vector has a flipped bit", kind: sweptDV,
			damage: func(t *testing.T, st *memstore.Store) {
				overwrite(t, st, ".bin", func(b []byte) []byte { b[len(b)-6] ^= 4; return b })
			},
			run: func(ctx in, t *testing.T, tbl *delta.Table) (*delta.Result, error) {
				return tbl.Delete(ctx, "id = 2", keyedChange())
			},
			text: []string{"deletion_vector", "damaged"},
		},
		{
			name: "rows leave another partition", kind: sweptAll,
			run: func(ctx in, t *testing.T, tbl *delta.Table) (*delta.Result, error) {
				o := keyedChange()
				o.Partitions = []delta.Partition{delta.Part("grp", "a")}
				return tbl.Merge(stocks(t, changeSourceRows())).OnColumns("id").Upsert().Run(ctx, o)
			},
			check: func(t *testing.T, err error) {
				var pe *delta.PartitionError
				require.ErrorAs(t, err, &pe)
				require.Equal(t, "grp=b", pe.Partition)
			},
		},
		{
			name: "rows go to another partition", kind: sweptAll,
			run: func(ctx in, t *testing.T, tbl *delta.Table) (*delta.Result, error) {
				o := keyedChange()
				o.Partitions = []delta.Partition{delta.Part("grp", "a")}
				return tbl.Update(ctx, delta.Set{"grp": "'c'"}, "id = 2", o)
			},
			check: func(t *testing.T, err error) {
				var pe *delta.PartitionError
				require.ErrorAs(t, err, &pe)
				require.Equal(t, "grp=c", pe.Partition)
			},
		},
		{
			name: "whole files of another partition", kind: sweptAll,
			run: func(ctx in, t *testing.T, tbl *delta.Table) (*delta.Result, error) {
				o := keyedChange()
				o.Partitions = []delta.Partition{delta.Part("grp", "a")}
				return tbl.Delete(ctx, "grp = 'b'", o)
			},
			check: func(t *testing.T, err error) {
				var pe *delta.PartitionError
				require.ErrorAs(t, err, &pe)
			},
			text: []string{"grp=b"},
		},
		{
			name: "a constraint", kind: sweptAll,
			damage: func(t *testing.T, st *memstore.Store) {
				tbl := must(delta.Open(t.Context(), "mem://", &delta.Options{Store: st}))
				_, err := tbl.AddConstraint(t.Context(), "few", "qty < 8", nil)
				require.NoError(t, err)
			},
			run: func(ctx in, t *testing.T, tbl *delta.Table) (*delta.Result, error) {
				return tbl.Update(ctx, delta.Set{"qty": "qty + 1"}, "", keyedChange())
			},
			check: func(t *testing.T, err error) {
				var ce *delta.ConstraintError
				require.ErrorAs(t, err, &ce)
			},
			text: []string{"few"},
		},
		{
			name: "an overflow", kind: sweptAll,
			run: func(ctx in, t *testing.T, tbl *delta.Table) (*delta.Result, error) {
				return tbl.Update(ctx, delta.Set{"qty": "qty + 2147483641"}, "", keyedChange())
			},
			text: []string{".parquet"},
		},
		{
			name: "one key twice", kind: sweptAll,
			run: func(ctx in, t *testing.T, tbl *delta.Table) (*delta.Result, error) {
				rows := append(changeSourceRows(), stockOf(102, "b", 5, "twice"))
				return tbl.Merge(stocks(t, rows)).OnColumns("id").WhenMatched().UpdateAll().WhenNotMatched().InsertAll().Run(ctx, keyedChange())
			},
			check: func(t *testing.T, err error) {
				var de *delta.DuplicateKeyError
				require.ErrorAs(t, err, &de)
			},
			text: []string{"id=102"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			st := memstore.New(nil)
			changeBase(t, st, "mem://", c.kind)
			if c.damage != nil {
				c.damage(t, st)
			}
			before := st.Names()
			tbl, err := delta.Open(t.Context(), "mem://", &delta.Options{Store: st, Env: virtual("op")})
			require.NoError(t, err)
			res, err := c.run(t.Context(), t, tbl)
			require.Error(t, err)
			if c.check != nil {
				c.check(t, err)
			}
			for _, text := range c.text {
				require.ErrorContains(t, err, text)
			}
			require.Equal(t, delta.NotCommitted, res.State)
			require.Equal(t, before, st.Names())
			require.Empty(t, res.Warnings)
		})
	}
}

// A merge that does not fit in memory leaves no file behind.
func TestMergeThatSpills(t *testing.T) {
	t.Parallel()
	st := memstore.New(nil)
	changeBase(t, st, "mem://", sweptCow)
	tbl, err := delta.Open(t.Context(), "mem://", &delta.Options{Store: st, Env: virtual("op")})
	require.NoError(t, err)
	o := keyedChange()
	o.SpillDir, o.MaxMemory = t.TempDir(), 1<<20
	res, err := tbl.Merge(stocks(t, manyStocks(30_000))).OnColumns("id").WhenMatched().Delete().Run(t.Context(), o)
	require.NoError(t, err)
	require.Equal(t, delta.Committed, res.State)
	require.Positive(t, res.Rows.Spilled)
	require.Equal(t, int64(15), res.Rows.Deleted)
	require.Empty(t, rowsIn(t, st))
	left, err := os.ReadDir(o.SpillDir)
	require.NoError(t, err)
	require.Empty(t, left)
}

// A file that goes between the first look at it and the second.
func TestFileVanishesDuringMerge(t *testing.T) {
	t.Parallel()
	for _, kind := range []tableKind{sweptCow, sweptAll} {
		base := memstore.New(nil)
		changeBase(t, base, "mem://", kind)
		op := upsertOf(0, stockOf(1, "a", 70, "new"))
		dry := faultstore.New(base.Clone(), nil)
		_, err := attempt(t.Context(), op, dry, "dry")
		require.NoError(t, err)
		vanished := 0
		for n, call := range dry.Trace() {
			if call.Verb != logstore.VerbReadRange || !strings.HasSuffix(call.Name, ".parquet") || strings.Contains(call.Name, "checkpoint") {
				continue
			}
			st := base.Clone()
			fs := faultstore.New(st, func(c faultstore.Call) (f faultstore.Fault) {
				if c.N == n {
					f.Run = func() { require.NoError(t, st.Delete(t.Context(), call.Name)) }
				}
				return f
			})
			res, err := attempt(t.Context(), op, fs, "op")
			require.ErrorIs(t, err, logstore.ErrNotExist)
			require.ErrorContains(t, err, call.Name)
			require.Equal(t, delta.NotCommitted, res.State)
			require.Len(t, dataFiles(st), len(dataFiles(base))-1)
			vanished++
		}
		require.Positive(t, vanished)
	}
}

// Staged files that cannot be deleted, when a change is planned again, are a
// warning and no failure: they are in no commit.
func TestStagedFilesStayWhenPlannedAgain(t *testing.T) {
	t.Parallel()
	st := memstore.New(nil)
	changeBase(t, st, "mem://", sweptAll)
	third := func() {
		tbl := must(delta.Open(t.Context(), "mem://", &delta.Options{Store: st, Env: virtual("third")}))
		_, err := tbl.Update(t.Context(), delta.Set{"note": "'third'"}, "id <= 2", nil)
		require.NoError(t, err)
	}
	fs := faultstore.New(st, faultstore.First(paused(4, third, nil), func(c faultstore.Call) faultstore.Fault {
		if c.Verb == logstore.VerbDelete {
			return faultstore.Fail(logstore.ErrUnavailable)
		}
		return faultstore.Pass
	}))
	res, err := attempt(t.Context(), addTo(0, 1), fs, "op")
	require.NoError(t, err)
	require.Equal(t, delta.Committed, res.State)
	require.Equal(t, int64(2), res.Rows.Plans)
	require.NotEmpty(t, res.Warnings)
	require.Contains(t, rowsIn(t, st), "2/a/3/third")
	allNeeded(t, st, "afterwards")
	s, err := txlog.Load(t.Context(), st, nil)
	require.NoError(t, err)
	require.Equal(t, res.Version, s.Version())
}
