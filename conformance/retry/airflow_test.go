package retry_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/delta"
)

// dayRows are the rows of a day as some generation of the code and the data makes them.
func dayRows(day, generation int) (rows []item) {
	for i := range 3 {
		rows = append(rows, item{int64(day*10 + i), fmt.Sprint("day-", day), int64(generation)})
	}
	return rows
}

func textsOf(rows []item) (out []string) {
	for _, r := range rows {
		out = append(out, fmt.Sprintf("%d/%s/%d", r.ID, r.Part, r.Qty))
	}
	slices.Sort(out)
	return out
}

func loadDay(day, generation int) func(ctx context.Context, t *delta.Table, o delta.WriteOptions) (*delta.Result, error) {
	return func(ctx context.Context, t *delta.Table, o delta.WriteOptions) (*delta.Result, error) {
		o.Partitions = []delta.Partition{delta.Part("part", fmt.Sprint("day-", day))}
		return t.ReplacePartitions(ctx, rowsOf(dayRows(day, generation)...), &o)
	}
}

// Daily loads by a scheduler that loses sight of workers: retries beside workers that
// are alive, backfills of the same days in any order, and days that are cleared and
// run again, with the same run id, by new code. A day is always whole; an attempt of
// an older generation that had begun before a newer one was done changes nothing.
func TestAirflow(t *testing.T) {
	const days = 4
	fenced, applied := 0, 0
	worlds(t, 60, 1500, func(w *world) {
		random := w.random(1)
		var wg sync.WaitGroup
		var mu sync.Mutex
		last := map[int]int{} // day → the generation that its last run was of
		run := func(name string, day, generation int, n uint64) {
			a := w.schedule(name, fmt.Sprint("sales/day-", day), n, loadDay(day, generation))
			mu.Lock()
			defer mu.Unlock()
			if a.ok() {
				last[day] = max(last[day], generation)
			} else {
				require.True(w.t, isFenced(a.err), "seed %d: %s", w.seed, a)
			}
		}
		for day := range days {
			cleared := random.IntN(2) == 0
			early := time.Duration(random.IntN(4000)) * time.Millisecond
			running := random.IntN(2) == 0
			wg.Go(func() {
				done := make(chan struct{})
				wg.Go(func() { run(fmt.Sprintf("scheduled-%d", day), day, 1, uint64(10+day)); close(done) })
				if !cleared {
					return
				}
				if running { // a person clears the task while it runs, or after its success
					pause(early)
				} else {
					<-done
				}
				run(fmt.Sprintf("cleared-%d", day), day, 2, uint64(20+day))
			})
			if random.IntN(2) == 0 {
				wg.Go(func() { run(fmt.Sprintf("backfill-%d", day), day, 1, uint64(30+day)) })
			}
		}
		wg.Wait()
		w.wg.Wait()
		for _, a := range w.attempts {
			switch {
			case !a.died && isFenced(a.err):
				fenced++
			case !a.died && a.res.State == delta.AlreadyApplied:
				applied++
			}
		}
		w.days(days, last)
	})
	t.Logf("%d attempts were refused as zombies, %d found their work done", fenced, applied)
	require.Positive(t, fenced, "no zombie was ever refused")
	require.Positive(t, applied, "no attempt ever found its work done")
}

// days checks every version: each day is whole, and no attempt undid a newer
// generation that was committed when it had begun already.
func (w *world) days(days int, last map[int]int) {
	generations := map[string]int{} // of attempts
	for _, a := range w.attempts {
		generations[a.id] = 1
		if strings.HasPrefix(a.id, "cleared") {
			generations[a.id] = 2
		}
	}
	begun := map[string]*attempt{}
	for _, a := range w.attempts {
		begun[a.id] = a
	}
	now, since := map[int]int{}, map[int]commitOf{}
	for _, c := range w.commits() {
		var day int
		_, err := fmt.Sscanf(c.key, "sales/day-%d", &day)
		require.NoError(w.t, err)
		g := generations[c.by]
		if now[day] != 0 {
			require.NotEqual(w.t, now[day], g, "seed %d: %s did again what was done", w.seed, c.by)
			require.False(w.t, begun[c.by].begun.Before(since[day].at),
				"seed %d: %s had begun before version %d, of other content, and came after it as version %d", w.seed, c.by, since[day].version, c.version)
		}
		now[day], since[day] = g, c
		var want []item
		for day, g := range now {
			want = append(want, dayRows(day, g)...)
		}
		require.Equal(w.t, textsOf(want), w.at(c.version), "seed %d: version %d", w.seed, c.version)
	}
	for day := range days {
		require.NotZero(w.t, now[day], "seed %d: day %d was never loaded", w.seed, day)
		require.NotZero(w.t, last[day])
	}
}
