package delta_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/txlog/schema"
)

// MERGE and UPDATE keep the rules too, with and without a change data feed.
func TestChangesOfRowsKeepEveryRule(t *testing.T) {
	ctx := t.Context()
	for _, feed := range []string{"false", "true"} {
		s := cols("id", schema.Long, "k", schema.Long, "n", schema.Long, "twice", schema.Long, "d", schema.String, "nn!", schema.Long)
		with(s, "id", always(1, 1)...)
		with(s, "twice", "delta.generationExpression", `"n * 2"`)
		with(s, "d", "CURRENT_DEFAULT", `"'new'"`)
		with(s, "nn", "CURRENT_DEFAULT", `"0"`, "delta.invariants", `"{\"expression\":{\"expression\":\"nn < 9\"}}"`)
		tbl, _ := table(t, s, &delta.CreateOptions{Properties: map[string]string{"delta.constraints.positive": "n > 0", "delta.enableChangeDataFeed": feed}})
		in := cols("k", schema.Long, "n", schema.Long)
		_, err := tbl.Append(ctx, rows(t, in, `{"k":1,"n":1}`, `{"k":2,"n":2}`), nil)
		require.NoError(t, err)

		_, err = tbl.Update(ctx, delta.Set{"n": "n + 10"}, "k = 1", nil)
		require.NoError(t, err)
		merge := func(src ...string) error {
			_, err := tbl.Merge(rows(t, in, src...)).OnColumns("k").
				WhenMatched().Update(delta.Set{"n": "s.n"}).
				WhenNotMatched().Insert(delta.Set{"k": "s.k", "n": "s.n"}).Run(ctx, nil)
			return err
		}
		require.NoError(t, merge(`{"k":2,"n":20}`, `{"k":3,"n":30}`))
		want := []string{
			`{"d":"new","id":1,"k":1,"n":11,"nn":0,"twice":22}`,
			`{"d":"new","id":2,"k":2,"n":20,"nn":0,"twice":40}`,
			`{"d":"new","id":3,"k":3,"n":30,"nn":0,"twice":60}`,
		}
		require.Equal(t, want, dump(t, tbl))

		var broken *delta.ConstraintError
		for name, err := range map[string]error{
			"update":            second(tbl.Update(ctx, delta.Set{"n": "-n"}, "k = 1", nil)),
			"update to null":    second(tbl.Update(ctx, delta.Set{"n": "NULL"}, "k = 1", nil)),
			"update not null":   second(tbl.Update(ctx, delta.Set{"nn": "NULL"}, "k = 1", nil)),
			"update invariant":  second(tbl.Update(ctx, delta.Set{"nn": "9"}, "k = 1", nil)),
			"update generated":  second(tbl.Update(ctx, delta.Set{"twice": "7"}, "k = 1", nil)),
			"merge that sets":   merge(`{"k":2,"n":-20}`),
			"merge that adds":   merge(`{"k":9,"n":-1}`),
			"merge that adds 0": merge(`{"k":9,"n":null}`),
		} {
			require.ErrorAs(t, err, &broken, name)
		}
		require.Equal(t, want, dump(t, tbl))
		_, err = tbl.Delete(ctx, "k = 2", nil)
		require.NoError(t, err)
		require.Equal(t, slices.Delete(want, 1, 2), dump(t, tbl))
	}
}

func second[T any](_ T, err error) error { return err }

// Merges and appends that number rows at once: no number twice.
func TestNumbersOfMergesAndAppendsAreDistinct(t *testing.T) {
	s := with(cols("id", schema.Long, "k", schema.Long), "id", always(1, 1)...)
	in := cols("k", schema.Long)
	tbl, st := table(t, s, nil)
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			h, err := delta.Open(t.Context(), "mem://", &delta.Options{Store: st})
			if err != nil {
				t.Error(err)
				return
			}
			src := rows(t, in, fmt.Sprintf(`{"k":%d}`, 2*w), fmt.Sprintf(`{"k":%d}`, 2*w+1))
			if w%2 == 0 {
				_, err = h.Append(t.Context(), src, nil)
			} else {
				_, err = h.Merge(src).OnColumns("k").WhenNotMatched().InsertAll().Run(t.Context(), nil)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	got := ids(t, tbl)
	require.Len(t, got, 16)
	require.Len(t, slices.Compact(slices.Clone(got)), 16, "a number twice: %v", got)
	require.GreaterOrEqual(t, mark(t, tbl), got[15])
}
