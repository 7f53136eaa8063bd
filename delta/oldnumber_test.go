package delta_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
)

// Work that is passed over because its number is older than the recorded one is
// passed over aloud: it may be other work. (delta-io's caution on foreachBatch.)
func TestOldNumbersArePassedOverAloud(t *testing.T) {
	t.Parallel()
	st := memstore.New(nil)
	changeBase(t, st, "mem://", sweptCow)
	txn := func(n int64) delta.WriteOptions {
		return delta.WriteOptions{Txn: &delta.Txn{AppID: "query", Version: n}, Parallel: 1}
	}
	rows := func() delta.Source { return must(delta.Slice(changeSourceRows())) }
	for name, run := range map[string]func(ctx context.Context, t *delta.Table, n int64) (*delta.Result, error){
		"append": func(ctx context.Context, t *delta.Table, n int64) (*delta.Result, error) {
			o := txn(n)
			return t.Append(ctx, rows(), &o)
		},
		"merge": func(ctx context.Context, t *delta.Table, n int64) (*delta.Result, error) {
			return t.Merge(rows()).OnColumns("id").Upsert().Run(ctx, &delta.ChangeOptions{WriteOptions: txn(n)})
		},
		"prepared": func(ctx context.Context, t *delta.Table, n int64) (*delta.Result, error) {
			o := txn(n)
			p, res, err := t.Prepare(ctx, "append", "", rows(), &o)
			if err != nil || p == nil {
				return res, err
			}
			return t.Commit(ctx, p)
		},
	} {
		own := st.Clone()
		attemptAt := func(n int64, process string) *delta.Result {
			op := operation{run: func(ctx context.Context, t *delta.Table) (*delta.Result, error) { return run(ctx, t, n) }}
			res, err := attempt(t.Context(), op, own, process)
			require.NoError(t, err, name)
			return res
		}
		require.Equal(t, delta.Committed, attemptAt(7, "first").State, name)
		again := attemptAt(7, "again")
		require.Equal(t, delta.AlreadyApplied, again.State, name)
		require.Empty(t, again.Warnings, name)
		old := attemptAt(3, "old")
		require.Equal(t, delta.AlreadyApplied, old.State, name)
		require.Len(t, old.Warnings, 1, name)
		require.ErrorContains(t, old.Warnings[0], `number 3 of "query" is older than 7`, name)
	}
}
