package delta_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/internal/faultstore"
	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
)

// commitName is the object of a version.
func commitName(v delta.Version) string { return fmt.Sprintf("_delta_log/%020d.json", v) }

// paused is a script that runs each of these once, in this order: before the
// commit of version v is sent, and between its loss and what follows, when the
// commits since have been read and nothing newer has been asked for.
func paused(v delta.Version, beforeCommit, afterLoss func()) func(faultstore.Call) faultstore.Fault {
	state := 0
	return func(c faultstore.Call) (f faultstore.Fault) {
		switch {
		case state == 0 && c.Verb == logstore.VerbPutIfAbsent && c.Name == commitName(v):
			f.Run, state = beforeCommit, 1
		case state == 1 && c.Verb == logstore.VerbRead && c.Name == commitName(v+1):
			state = 2
		case state == 2:
			f.Run, state = afterLoss, 3
		}
		return f
	}
}

// upsertOf merges rows under the sweep's key.
func upsertOf(policy delta.ReplayPolicy, rows ...stock) operation {
	return operation{name: "merge", run: func(ctx context.Context, t *delta.Table) (*delta.Result, error) {
		o := keyedChange()
		o.OnReplay = policy
		return t.Merge(must(delta.Slice(rows))).OnColumns("id").Upsert().Run(ctx, o)
	}}
}

// addTo adds to qty under the sweep's key, which no second application may do.
func addTo(policy delta.ReplayPolicy, n int) operation {
	return operation{name: "update", run: func(ctx context.Context, t *delta.Table) (*delta.Result, error) {
		o := keyedChange()
		o.OnReplay = policy
		return t.Update(ctx, delta.Set{"qty": fmt.Sprintf("qty + %d", n)}, "id = 2", o)
	}}
}

// A zombie is an attempt that was paused after its plan, and goes on when another
// attempt under its key has been committed.
func TestZombies(t *testing.T) {
	t.Parallel()
	type test struct {
		name          string
		kind          tableKind
		zombie, other operation
		fenced        bool
	}
	was, is := stockOf(1, "a", 70, "zombie"), stockOf(1, "a", 80, "newer")
	tests := []test{
		{"merge, same content", sweptCow, upsertOf(0, was), upsertOf(0, was), false},
		{"merge, other content", sweptCow, upsertOf(0, was), upsertOf(0, is), true},
		{"merge, other content and rows", sweptAll, upsertOf(0, was), upsertOf(0, stockOf(103, "b", 1, "newer")), true},
		{"merge, other content, verified", sweptAll, upsertOf(delta.ReplayVerify, was), upsertOf(delta.ReplayVerify, is), true},
		{"merge, other content, skipped", sweptAll, upsertOf(delta.ReplaySkip, was), upsertOf(delta.ReplaySkip, is), false},
		{"merge, same content, only once", sweptAll, upsertOf(delta.ReplayFail, was), upsertOf(delta.ReplayFail, was), true},
		{"update, same content", sweptDV, addTo(0, 1), addTo(0, 1), false},
		{"update, other content", sweptDV, addTo(0, 1), addTo(0, 5), true},
		{"update, other content, replaced", sweptDV, addTo(delta.ReplayReplace, 1), addTo(delta.ReplayReplace, 5), true},
	}
	check := func(t *testing.T, c test, st *memstore.Store, want []string, other, res *delta.Result, err error) {
		t.Helper()
		require.Equal(t, delta.Committed, other.State)
		if c.fenced {
			require.Equal(t, delta.NotCommitted, res.State)
			var ke *delta.KeyError
			require.ErrorAs(t, err, &ke)
			require.True(t, ke.Fenced)
			require.Equal(t, other.Version, ke.Version)
			require.ErrorIs(t, err, delta.ErrKeyReused)
			require.False(t, res.Retryable)
		} else {
			require.NoError(t, err)
			require.Equal(t, delta.AlreadyApplied, res.State)
			require.Equal(t, other.Version, res.Version)
		}
		require.Equal(t, want, rowsIn(t, st))
		require.Equal(t, []delta.Version{other.Version}, landed(t, st))
		noOrphans(t, st, "after the zombie")
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			op := changeOp{operation: c.zombie, kind: c.kind}
			op.base = func(t *testing.T, st logstore.Store, url string) { changeBase(t, st, url, c.kind) }
			var other *delta.Result
			newer := func(st logstore.Store) func() {
				return func() {
					var err error
					other, err = attempt(t.Context(), c.other, st, "newer")
					require.NoError(t, err)
				}
			}

			// Committed before the zombie sends its commit.
			st := op.memory(t)
			alone := st.Clone()
			_, err := attempt(t.Context(), c.other, alone, "alone")
			require.NoError(t, err)
			res, err := attempt(t.Context(), c.zombie, faultstore.New(st, paused(4, newer(st), nil)), "zombie")
			check(t, c, st, rowsIn(t, alone), other, res, err)

			// Committed after the zombie has lost to a third, before it plans again.
			third := func(st logstore.Store) {
				tbl, err := delta.Open(t.Context(), "mem://", &delta.Options{Store: st, Env: virtual("third")})
				require.NoError(t, err)
				_, err = tbl.Update(t.Context(), delta.Set{"note": "'third'"}, "id <= 2", nil)
				require.NoError(t, err)
			}
			st = op.memory(t)
			alone = st.Clone()
			third(alone)
			_, err = attempt(t.Context(), c.other, alone, "alone")
			require.NoError(t, err)
			other = nil
			res, err = attempt(t.Context(), c.zombie, faultstore.New(st, paused(4, func() { third(st) }, newer(st))), "zombie")
			require.NotNil(t, other, "the zombie did not lose")
			check(t, c, st, rowsIn(t, alone), other, res, err)
		})
	}
}

// A write that adds a column, and so is planned again when the metadata changes,
// looks for newer attempts since it began, not since it was planned again.
func TestZombiesThatEvolve(t *testing.T) {
	t.Parallel()
	evolving := func(extra string) operation {
		return operation{name: "replace", run: func(ctx context.Context, t *delta.Table) (*delta.Result, error) {
			src := must(delta.Slice([]widerStock{{1, "a", 1, "x", extra}}))
			return t.ReplacePartitions(ctx, src, &delta.WriteOptions{Key: sweepKey, EvolveSchema: true, Parallel: 1})
		}}
	}
	for name, newerText := range map[string]string{"same content": "zombie", "other content": "newer"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kind := tableKind{partition: []string{"grp"}}
			st := memstore.New(nil)
			changeBase(t, st, "mem://", kind)
			var other *delta.Result
			third := func() {
				tbl, err := delta.Open(t.Context(), "mem://", &delta.Options{Store: st, Env: virtual("third")})
				require.NoError(t, err)
				_, err = tbl.SetProperties(t.Context(), map[string]string{"third": "was here"}, nil)
				require.NoError(t, err)
			}
			newer := func() {
				var err error
				other, err = attempt(t.Context(), evolving(newerText), st, "newer")
				require.NoError(t, err)
				require.Equal(t, delta.Committed, other.State)
			}
			res, err := attempt(t.Context(), evolving("zombie"), faultstore.New(st, paused(4, third, newer)), "zombie")
			require.NotNil(t, other, "the zombie did not lose")
			if newerText == "zombie" {
				require.NoError(t, err)
				require.Equal(t, delta.AlreadyApplied, res.State)
				require.Equal(t, other.Version, res.Version)
			} else {
				var ke *delta.KeyError
				require.ErrorAs(t, err, &ke)
				require.True(t, ke.Fenced)
				require.Equal(t, delta.NotCommitted, res.State)
			}
			require.Equal(t, []delta.Version{other.Version}, landed(t, st))
			require.Contains(t, rowsIn(t, st), "1/a/1/x/"+newerText)
			noOrphans(t, st, "after the zombie")
		})
	}
}

// Many attempts at once under one key and with one content: one does the work,
// the others are told where it is.
func TestOneKeyAtOnce(t *testing.T) {
	t.Parallel()
	const attempts = 8
	for _, op := range changeOps() {
		t.Run(op.name, func(t *testing.T) {
			t.Parallel()
			st := op.memory(t)
			alone := st.Clone()
			_, err := attempt(t.Context(), op.operation, alone, "alone")
			require.NoError(t, err)
			results, errs := atOnce(t, st, attempts, func(int) operation { return op.operation })
			at := landed(t, st)
			require.Len(t, at, 1)
			committed := 0
			for i, res := range results {
				require.NoError(t, errs[i])
				require.Equal(t, at[0], res.Version)
				if res.State == delta.Committed {
					committed++
				} else {
					require.Equal(t, delta.AlreadyApplied, res.State)
				}
			}
			require.Equal(t, 1, committed)
			require.Equal(t, rowsIn(t, alone), rowsIn(t, st))
			noOrphans(t, st, "afterwards")
		})
	}
}

// Many attempts at once under one key with contents of their own: what the policy
// says, and what is committed is what the committed were told.
func TestOneKeyAtOnceOtherContent(t *testing.T) {
	t.Parallel()
	const attempts = 8
	for _, policy := range []delta.ReplayPolicy{delta.ReplayVerify, delta.ReplaySkip, delta.ReplayReplace, delta.ReplayFail} {
		t.Run(fmt.Sprint(policy), func(t *testing.T) {
			t.Parallel()
			st := memstore.New(nil)
			changeBase(t, st, "mem://", sweptDV)
			results, errs := atOnce(t, st, attempts, func(i int) operation { return addTo(policy, 10+i) })
			sum, committed := 2, 0
			for i, res := range results {
				switch {
				case errs[i] == nil && res.State == delta.Committed:
					committed++
					sum += 10 + i
				case policy == delta.ReplaySkip:
					require.NoError(t, errs[i])
					require.Equal(t, delta.AlreadyApplied, res.State)
				default:
					require.ErrorIs(t, errs[i], delta.ErrKeyReused)
					require.Equal(t, delta.NotCommitted, res.State)
				}
			}
			require.Len(t, landed(t, st), committed)
			if policy == delta.ReplayReplace {
				require.Positive(t, committed) // one that began when another was done may be a re-run
			} else {
				require.Equal(t, 1, committed)
			}
			require.Contains(t, rowsIn(t, st), fmt.Sprintf("2/a/%d/old", sum))
			noOrphans(t, st, "afterwards")
		})
	}
}

// atOnce makes attempts at the same time, each a process of its own.
func atOnce(t *testing.T, st logstore.Store, n int, op func(i int) operation) ([]*delta.Result, []error) {
	t.Helper()
	results, errs := make([]*delta.Result, n), make([]error, n)
	begin := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-begin
			results[i], errs[i] = attempt(t.Context(), op(i), st, fmt.Sprint("process-", i))
		})
	}
	close(begin)
	wg.Wait()
	return results, errs
}
