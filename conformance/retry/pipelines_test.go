package retry_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/delta"
)

// Materialisations of sets of partitions, as Dagster has them: a run makes several
// partitions in one commit, a partial re-run some of them again, and runs overlap in
// any order. Every version holds each partition as one run made it.
func TestDagsterPartitionSets(t *testing.T) {
	const days = 5
	worlds(t, 40, 800, func(w *world) {
		random := w.random(3)
		sets := map[string][]int{} // run → its partitions
		var runs sync.WaitGroup
		for run := range 4 {
			name := fmt.Sprint("run-", run+1)
			first := random.IntN(days)
			set := []int{first}
			for day := first + 1; day < days && random.IntN(3) > 0; day++ {
				set = append(set, day)
			}
			if run == 3 {
				set = sets["run-1"][:1] // a part of the first run fails, and is run again
			}
			sets[name] = set
			later := time.Duration(random.IntN(6000)) * time.Millisecond
			runs.Go(func() {
				pause(later)
				w.schedule(name, fmt.Sprintf("asset/%v/%s", set, name), uint64(50+run), func(ctx context.Context, t *delta.Table, o delta.WriteOptions) (*delta.Result, error) {
					var rows []item
					for _, day := range set {
						rows = append(rows, dayRows(day, run+1)...)
						o.Partitions = append(o.Partitions, delta.Part("part", fmt.Sprint("day-", day)))
					}
					return t.ReplacePartitions(ctx, rowsOf(rows...), &o)
				})
			})
		}
		runs.Wait()
		w.wg.Wait()
		made, seen := map[int]int{}, map[string]bool{}
		for _, c := range w.commits() {
			name, _, _ := strings.Cut(c.by, ".")
			require.False(w.t, seen[name], "seed %d: %s is in the table twice", w.seed, name)
			seen[name] = true
			for _, day := range sets[name] {
				made[day] = int(name[len(name)-1] - '0')
			}
			var want []item
			for day, run := range made {
				want = append(want, dayRows(day, run)...)
			}
			require.Equal(w.t, textsOf(want), w.at(c.version), "seed %d: version %d, by %s", w.seed, c.version, c.by)
		}
		require.Len(w.t, seen, len(sets), "seed %d", w.seed)
	})
}

// Full reloads, as dbt does them, one invocation after the other and now and then two
// at once, and one with half of its input. Whoever reads meanwhile sees the rows of one
// invocation, all of them.
func TestFullReload(t *testing.T) {
	const size = 6
	load := func(invocation int) (rows []item) {
		for i := range size {
			rows = append(rows, item{int64(i), fmt.Sprint("p-", i%2), int64(invocation)})
		}
		return rows
	}
	reads := 0
	worlds(t, 30, 500, func(w *world) {
		random := w.random(4)
		reading, stop := context.WithCancel(context.Background())
		seen := map[delta.Version][]string{}
		var readers, runs sync.WaitGroup
		readers.Go(func() {
			tbl := must(delta.Open(context.Background(), "mem://", &delta.Options{Store: w.st}))
			for reading.Err() == nil {
				s := must(tbl.Snapshot(context.Background(), delta.At{}))
				seen[s.Version()] = rowsAt(w.t, s)
				pause(170 * time.Millisecond)
			}
		})
		for invocation := range 4 {
			later := time.Duration(random.IntN(8000)) * time.Millisecond
			half := invocation == 2
			runs.Go(func() {
				pause(later)
				name := fmt.Sprint("invocation-", invocation)
				a := w.schedule(name, "model/"+name, uint64(70+invocation), func(ctx context.Context, t *delta.Table, o delta.WriteOptions) (*delta.Result, error) {
					rows := load(invocation)
					o.MaxShrink = 0.1
					if half {
						o.MinRows, rows = size, rows[:size/2]
					}
					return t.Reload(ctx, rowsOf(rows...), &o)
				})
				require.Equal(w.t, half, !a.ok(), "seed %d: %s", w.seed, a)
			})
		}
		runs.Wait()
		w.wg.Wait()
		stop()
		readers.Wait()
		commits := w.commits()
		require.Len(w.t, commits, 3, "seed %d", w.seed)
		for v, rows := range seen {
			reads++
			if v == 0 {
				require.Empty(w.t, rows)
				continue
			}
			var invocation int
			_, err := fmt.Sscanf(commits[v-1].by, "invocation-%d", &invocation)
			require.NoError(w.t, err)
			require.Equal(w.t, textsOf(load(invocation)), rows, "seed %d: version %d", w.seed, v)
		}
	})
	t.Logf("%d versions were read while others were written", reads)
}

// Side effects outside of the table happen after the commit, under ids that are made
// from the key and the row: whoever receives them sees each once, and none of work
// that is not in the table, whatever happens to the workers.
func TestSideEffects(t *testing.T) {
	repeated := 0
	worlds(t, 40, 800, func(w *world) {
		var mu sync.Mutex
		received := map[string]int{} // by id, as a receiver that knows ids keeps them
		send := func(key string, row item) {
			mu.Lock()
			defer mu.Unlock()
			received[fmt.Sprintf("%x", sha256.Sum256(fmt.Appendf(nil, "%s\x00%d", key, row.ID)))]++
		}
		var tasks sync.WaitGroup
		want := map[string]bool{}
		for day := range 3 {
			key, rows := fmt.Sprint("mail/day-", day), dayRows(day, 1)
			for _, row := range rows {
				want[fmt.Sprintf("%x", sha256.Sum256(fmt.Appendf(nil, "%s\x00%d", key, row.ID)))] = true
			}
			tasks.Go(func() {
				random := w.random(uint64(90 + day))
				for try := 0; ; try++ {
					a := w.schedule(fmt.Sprintf("mail-%d-%d", day, try), key, uint64(1000*day+try), func(ctx context.Context, t *delta.Table, o delta.WriteOptions) (*delta.Result, error) {
						return t.Append(ctx, rowsOf(rows...), &o)
					})
					require.True(w.t, a.ok(), "seed %d: %s", w.seed, a)
					sent := len(rows)
					if random.IntN(2) == 0 {
						sent = random.IntN(len(rows)) // and then the worker dies
					}
					for _, row := range rows[:sent] {
						send(key, row)
					}
					if sent == len(rows) {
						return
					}
				}
			})
		}
		tasks.Wait()
		w.wg.Wait()
		require.Equal(w.t, slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(received)), "seed %d", w.seed)
		for _, times := range received {
			repeated += times - 1
		}
		var all []item
		for day := range 3 {
			all = append(all, dayRows(day, 1)...)
		}
		require.Equal(w.t, textsOf(all), rowsIn(w.t, w.st), "seed %d", w.seed)
	})
	t.Logf("%d effects were repeated under their ids", repeated)
	require.Positive(t, repeated)
}
