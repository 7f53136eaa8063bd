package delta_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/internal/faultstore"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
)

// A batch that says after which offset it comes is refused when another consumer has
// moved the stream, at whatever moment, and also if it would not overlap by number.
// Without After its rows would be in the table twice. (The rebalance of
// conformance/retry found them.)
func TestTxnAfter(t *testing.T) {
	t.Parallel()
	base := memstore.New(nil)
	changeBase(t, base, "mem://", sweptCow)
	batch := func(after, version int64, prepared bool) operation {
		return operation{run: func(ctx context.Context, t *delta.Table) (*delta.Result, error) {
			o := &delta.WriteOptions{Parallel: 1, Txn: &delta.Txn{AppID: "topic-0", Version: version, After: &after}}
			if !prepared {
				return t.Append(ctx, streamed(after+1, version), o)
			}
			p, res, err := t.Prepare(ctx, "append", "", streamed(after+1, version), o)
			if err != nil || p == nil {
				return res, err
			}
			q := new(delta.Prepared)
			if err := q.UnmarshalBinary(must(p.MarshalBinary())); err != nil {
				return nil, err
			}
			return t.Commit(ctx, q)
		}}
	}
	for _, prepared := range []bool{false, true} {
		dry := faultstore.New(base.Clone(), nil)
		_, err := attempt(t.Context(), batch(-1, 7, prepared), dry, "dry")
		require.NoError(t, err)
		for n := range dry.Calls() {
			st := base.Clone()
			var owner *delta.Result
			var oerr error
			fs := faultstore.New(st, func(c faultstore.Call) (f faultstore.Fault) {
				if c.N == n {
					f.Run = func() { owner, oerr = attempt(t.Context(), batch(-1, 4, false), st, "owner") }
				}
				return f
			})
			res, err := attempt(t.Context(), batch(-1, 7, prepared), fs, "zombie")
			msg := fmt.Sprintf("prepared %t, the owner before call %d: %s %v, %s %v", prepared, n, owner.State, oerr, res.State, err)
			if err == nil { // then the zombie was first
				require.Equal(t, delta.Committed, res.State, msg)
				require.Equal(t, delta.AlreadyApplied, owner.State, msg)
				continue
			}
			require.NoError(t, oerr, msg)
			var ke *delta.KeyError
			require.ErrorAs(t, err, &ke, msg)
			require.True(t, ke.Moved && ke.Fenced, msg)
			require.Equal(t, owner.Version, ke.Version, msg)
			require.Equal(t, delta.NotCommitted, res.State, msg)
			require.False(t, res.Retryable, msg)

			next, err := attempt(t.Context(), batch(4, 7, prepared), st, "next")
			require.NoError(t, err, msg)
			require.Equal(t, delta.Committed, next.State, msg)
			gap, err := attempt(t.Context(), batch(8, 9, prepared), st, "gap")
			require.ErrorAs(t, err, &ke, msg)
			require.Equal(t, delta.NotCommitted, gap.State, msg)
		}
	}
	res, err := attempt(t.Context(), batch(3, 5, false), base.Clone(), "not the first")
	require.ErrorIs(t, err, delta.ErrKeyReused)
	require.ErrorContains(t, err, "does not stand where this work goes on")
	require.Equal(t, delta.NotCommitted, res.State)
	_, err = attempt(t.Context(), batch(5, 5, false), base.Clone(), "mistake")
	require.ErrorContains(t, err, "After is 5")
}

// streamed are the rows of a stream's offsets.
func streamed(first, last int64) delta.Source {
	var rows []stock
	for at := first; at <= last; at++ {
		rows = append(rows, stockOf(5000+at, "a", 1, "stream"))
	}
	return must(delta.Slice(rows))
}
