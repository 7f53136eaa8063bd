package delta_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
)

// Merges of many writers leave the table as if they had come one after the other,
// in the order of their versions, and every writer was told its own.
func TestConcurrentMergesAreSerial(t *testing.T) {
	t.Parallel()
	for _, k := range tableKinds() {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(3) {
				concurrentMerges(t, k, seed)
			}
		})
	}
}

func concurrentMerges(t *testing.T, k tableKind, seed uint64) {
	t.Helper()
	const writers, rounds = 8, 3
	r := rand.New(rand.NewPCG(seed, 11))
	before := randomStocks(r, 40, 40, true)
	st := memstore.New(nil)
	newStocks(t, st, k, before, 4)

	type work struct {
		c      mergeCase
		source []stock
		res    *delta.Result
	}
	cases := slices.DeleteFunc(mergeCases(), func(c mergeCase) bool { return c.name == "without a key" })
	var all []*work
	for range writers * rounds {
		all = append(all, &work{c: cases[r.IntN(len(cases))], source: randomStocks(r, 1+r.IntN(12), 45, true)})
	}
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			tbl, err := delta.Open(t.Context(), "mem://", &delta.Options{Store: st})
			if err != nil {
				t.Error(err)
				return
			}
			for i := range rounds {
				work := all[w*rounds+i]
				var src delta.Source
				if !work.c.noSource {
					if src, err = delta.Slice(work.source); err != nil {
						t.Error(err)
						return
					}
				}
				work.res, err = work.c.run(t.Context(), tbl, src, nil)
				if err != nil {
					t.Errorf("seed %d: %s: %v", seed, work.c.name, err)
				}
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	slices.SortFunc(all, func(a, b *work) int { return int(a.res.Version - b.res.Version) })
	state, last := before, delta.Version(0)
	for _, w := range all {
		if w.res.State == delta.NoOp {
			continue
		}
		require.Equal(t, delta.Committed, w.res.State)
		require.Greater(t, w.res.Version, last, "two writers were told one version")
		last = w.res.Version
		next, n, err := w.c.apply(state, w.source)
		require.NoError(t, err)
		require.Equal(t, n, modelCounts{w.res.Rows.Inserted, w.res.Rows.Updated, w.res.Rows.Deleted, w.res.Rows.Unchanged},
			"seed %d, version %d: %s", seed, w.res.Version, w.c.name)
		state = next
	}
	tbl, err := delta.Open(t.Context(), "mem://", &delta.Options{Store: st})
	require.NoError(t, err)
	require.Equal(t, texts(state), stocksOf(t, tbl), "seed %d", seed)
}

// Merges of partitions that have nothing to do with each other are planned once,
// though no condition names a partition.
func TestMergesOfDisjointPartitionsDoNotMeet(t *testing.T) {
	t.Parallel()
	const writers = 64
	st := memstore.New(nil)
	var before []stock
	for w := range writers {
		for id := range int64(5) {
			before = append(before, stock{ID: ptr(id), Grp: ptr(fmt.Sprint("g", w)), Qty: ptr(int32(0)), Note: ptr("old")})
		}
	}
	newStocks(t, st, tableKind{partition: []string{"grp"}}, before, 1)
	results := make([]*delta.Result, writers)
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			tbl, err := delta.Open(t.Context(), "mem://", &delta.Options{Store: st})
			if err == nil {
				var src delta.Source
				src, err = delta.Slice([]stock{
					{ID: ptr(int64(1)), Grp: ptr(fmt.Sprint("g", w)), Qty: ptr(int32(w)), Note: ptr("new")},
					{ID: ptr(int64(9)), Grp: ptr(fmt.Sprint("g", w)), Qty: ptr(int32(w)), Note: ptr("new")},
				})
				if err == nil {
					results[w], err = tbl.Merge(src).OnColumns("grp", "id").Upsert().Run(t.Context(), nil)
				}
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	var want []stock
	for w := range writers {
		require.Equal(t, delta.Committed, results[w].State)
		require.Equal(t, int64(1), results[w].Rows.Plans)
		require.LessOrEqual(t, results[w].Attempts, writers)
		for _, id := range []int64{0, 2, 3, 4} {
			want = append(want, stock{ID: ptr(id), Grp: ptr(fmt.Sprint("g", w)), Qty: ptr(int32(0)), Note: ptr("old")})
		}
		for _, id := range []int64{1, 9} {
			want = append(want, stock{ID: ptr(id), Grp: ptr(fmt.Sprint("g", w)), Qty: ptr(int32(w)), Note: ptr("new")})
		}
	}
	tbl, err := delta.Open(t.Context(), "mem://", &delta.Options{Store: st})
	require.NoError(t, err)
	require.Equal(t, texts(want), stocksOf(t, tbl))
}

// Merges of keys in ranges that do not overlap do not meet either, where the
// statistics say so.
func TestMergesOfDisjointKeysDoNotMeet(t *testing.T) {
	t.Parallel()
	const writers = 8
	st := memstore.New(nil)
	var before []stock
	for id := range int64(100 * writers) {
		before = append(before, stock{ID: ptr(id), Qty: ptr(int32(0))})
	}
	newStocks(t, st, tableKind{}, before, writers)
	var wg sync.WaitGroup
	for w := range int64(writers) {
		wg.Go(func() {
			tbl, err := delta.Open(t.Context(), "mem://", &delta.Options{Store: st})
			if err == nil {
				var src delta.Source
				src, err = delta.Slice([]stock{{ID: ptr(w * 100), Qty: ptr(int32(1))}, {ID: ptr(w*100 + 99), Qty: ptr(int32(2))}})
				if err == nil {
					var res *delta.Result
					res, err = tbl.Merge(src).OnColumns("id").WhenMatched().UpdateAll().Run(t.Context(), nil)
					if err == nil && (res.Rows.Plans != 1 || res.Rows.FilesPruned == 0) {
						err = fmt.Errorf("planned %d times, %d files ruled out", res.Rows.Plans, res.Rows.FilesPruned)
					}
				}
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}
