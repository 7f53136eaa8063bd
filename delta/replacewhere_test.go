package delta_test

import (
	"context"
	"iter"
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
)

// The rows for which a predicate is true are replaced, and no others; it is false for
// a null, on both sides.
func TestReplaceWhereReplacesRows(t *testing.T) {
	t.Parallel()
	inside := func(s stock) bool { return s.Qty != nil && *s.Qty >= 3 }
	for _, k := range tableKinds() {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(12) {
				r := rand.New(rand.NewPCG(seed, 3))
				before, source := randomStocks(r, r.IntN(60), 30, false), randomStocks(r, 1+r.IntN(9), 40, false)
				tbl := newStocks(t, memstore.New(nil), k, before, 1+r.IntN(4))
				var want []stock
				var gone, bad int64
				for _, s := range before {
					if inside(s) {
						gone++
					} else {
						want = append(want, s)
					}
				}
				first := int64(-1)
				for i, s := range source {
					if !inside(s) {
						if bad++; first < 0 {
							first = int64(i)
						}
					}
				}
				o := &delta.WriteOptions{Key: "k"}
				res, err := tbl.ReplaceWhere(t.Context(), "t.qty >= 3", stocks(t, source), o)
				if bad > 0 {
					var outside *delta.PredicateError
					require.ErrorAs(t, err, &outside, "seed %d", seed)
					require.Equal(t, [2]int64{bad, first}, [2]int64{outside.Rows, outside.Row}, "seed %d", seed)
					require.False(t, res.Retryable)
					require.Equal(t, texts(before), stocksOf(t, tbl))
					for i := range source {
						source[i].Qty = ptr(int32(3 + i))
					}
					res, err = tbl.ReplaceWhere(t.Context(), "t.qty >= 3", stocks(t, source), o)
				}
				require.NoError(t, err, "seed %d", seed)
				require.Equal(t, delta.Committed, res.State)
				require.Equal(t, [2]int64{gone, int64(len(source))}, [2]int64{res.Rows.Deleted, res.Rows.Inserted}, "seed %d", seed)
				want = append(want, source...)
				require.Equal(t, texts(want), stocksOf(t, tbl), "seed %d", seed)
				res, err = tbl.ReplaceWhere(t.Context(), "t.qty >= 3", stocks(t, source), o)
				require.NoError(t, err)
				require.Equal(t, delta.AlreadyApplied, res.State, "seed %d", seed)
				res, err = tbl.ReplaceWhere(t.Context(), "t.qty >= 3", stocks(t, source), nil)
				require.NoError(t, err)
				require.Equal(t, delta.Committed, res.State)
				require.Equal(t, texts(want), stocksOf(t, tbl), "seed %d, again", seed)
			}
		})
	}
}

// A busy source is one that something is done while it is read.
type busy struct {
	delta.Source
	do func()
}

func (b *busy) Batches(ctx context.Context) iter.Seq2[arrow.RecordBatch, error] {
	b.do()
	return b.Source.Batches(ctx)
}

// A row that another writer adds while the replacement is under way is replaced too,
// and one that has nothing to do with it stays.
func TestReplaceWhereSeesRowsOfOthers(t *testing.T) {
	t.Parallel()
	st := memstore.New(nil)
	tbl := newStocks(t, st, tableKind{}, []stock{{ID: ptr(int64(1)), Qty: ptr(int32(5))}, {ID: ptr(int64(2)), Qty: ptr(int32(1))}}, 1)
	src := &busy{stocks(t, []stock{{ID: ptr(int64(3)), Qty: ptr(int32(7))}}), func() {
		other, err := delta.Open(t.Context(), "mem://", &delta.Options{Store: st})
		require.NoError(t, err)
		for _, s := range []stock{{ID: ptr(int64(4)), Qty: ptr(int32(6))}, {ID: ptr(int64(5)), Qty: ptr(int32(0))}} {
			_, err = other.Append(t.Context(), stocks(t, []stock{s}), nil)
			require.NoError(t, err)
		}
	}}
	res, err := tbl.ReplaceWhere(t.Context(), "qty > 4", src, nil)
	require.NoError(t, err)
	require.EqualValues(t, 2, res.Rows.Plans)
	require.EqualValues(t, 2, res.Rows.Deleted)
	require.Equal(t, []string{"-/2/1/-", "-/3/7/-", "-/5/0/-"}, stocksOf(t, tbl))
}

func TestReplaceWhereGuards(t *testing.T) {
	t.Parallel()
	before := []stock{{ID: ptr(int64(1)), Qty: ptr(int32(5))}, {ID: ptr(int64(2)), Qty: ptr(int32(5))}}
	tbl := newStocks(t, memstore.New(nil), tableKind{}, before, 1)
	one := []stock{{ID: ptr(int64(3)), Qty: ptr(int32(7))}}
	var guard *delta.GuardError
	_, err := tbl.ReplaceWhere(t.Context(), "qty > 4", stocks(t, one), &delta.WriteOptions{MaxShrink: 0.4})
	require.ErrorAs(t, err, &guard)
	_, err = tbl.ReplaceWhere(t.Context(), "qty > 4", stocks(t, one), &delta.WriteOptions{MinRows: 2})
	require.ErrorAs(t, err, &guard)
	_, err = tbl.ReplaceWhere(t.Context(), "qty > 4", stocks(t, nil), nil)
	require.ErrorIs(t, err, delta.ErrEmptyInput)
	require.Equal(t, texts(before), stocksOf(t, tbl))
	_, err = tbl.Merge(stocks(t, one)).OnColumns("id").Upsert().Run(t.Context(), &delta.ChangeOptions{WriteOptions: delta.WriteOptions{MaxShrink: 0.4}})
	var wrong *delta.StatementError
	require.ErrorAs(t, err, &wrong, "a guard that guards nothing is refused")
	_, err = tbl.ReplaceWhere(t.Context(), "qty > 4", stocks(t, one), &delta.WriteOptions{MaxShrink: 0.5})
	require.NoError(t, err)
	_, err = tbl.ReplaceWhere(t.Context(), "qty > 4", stocks(t, nil), &delta.WriteOptions{OnEmpty: delta.EmptyTruncate})
	require.NoError(t, err)
	require.Empty(t, stocksOf(t, tbl))
}
