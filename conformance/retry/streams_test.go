package retry_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
)

// records are what a partition of a source has at the offsets from first to last.
func records(partition int, first, last int64) (rows []item) {
	for at := first; at <= last; at++ {
		rows = append(rows, item{int64(partition)*1000 + at, fmt.Sprint("p-", partition), at})
	}
	return rows
}

// everyRecordOnce checks that the table holds the records of so many partitions of a
// source, each once.
func (w *world) everyRecordOnce(partitions int, last int64) {
	var want []item
	for p := range partitions {
		want = append(want, records(p, 0, last)...)
	}
	require.Equal(w.t, textsOf(want), rowsIn(w.t, w.st), "seed %d", w.seed)
}

// Consumers of one group, of which two have a partition at any time: the one that it
// is assigned to, and one that has not noticed that it no longer is. Where a batch
// begins the table says, and the last offset travels with the rows. Batches end at
// the same offsets for everybody, or say after which offset they come.
func TestKafkaRebalance(t *testing.T) {
	const partitions, last, batch = 2, 19, 5
	late, moved := 0, 0
	worlds(t, 40, 800, func(w *world) {
		for p := range partitions {
			app := fmt.Sprint("orders-topic-", p)
			cut := w.random(uint64(600+p)).IntN(2) == 0 // do batches end where they like?
			for consumer := range 2 {
				w.wg.Go(func() {
					random := w.random(uint64(700 + 10*p + consumer))
					for n := 0; ; n++ {
						require.Less(w.t, n, 200, "seed %d", w.seed)
						length := 1 + random.Int64N(2*batch)
						end := int64(-1)
						a := w.do(fmt.Sprintf("consumer-%d-%d.%d", consumer, p, n), app, uint64(10_000*consumer+1000*p+n), func(ctx context.Context, t *delta.Table, o delta.WriteOptions) (*delta.Result, error) {
							first := int64(0)
							at, err := t.Lookup(ctx, app)
							if err != nil {
								return &delta.Result{State: delta.NotCommitted}, err
							}
							if at != nil {
								first = at.Recorded + 1
							}
							if first > last {
								return &delta.Result{State: delta.NoOp}, nil
							}
							end = first/batch*batch + batch - 1
							o.Key, o.Txn = "", &delta.Txn{AppID: app, Version: end}
							if cut {
								before := first - 1
								end = min(first+length-1, last)
								o.Txn.Version, o.Txn.After = end, &before
							}
							return t.Append(ctx, rowsOf(records(p, first, end)...), &o)
						})
						if a.ok() && a.res.State == delta.NoOp {
							return
						}
						pause(time.Duration(n%3) * 100 * time.Millisecond)
					}
				})
			}
		}
		w.wg.Wait()
		w.everyRecordOnce(partitions, last)
		for _, a := range w.attempts {
			switch {
			case a.died:
			case a.res.State == delta.AlreadyApplied:
				late++
			case isFenced(a.err):
				moved++
			}
		}
	})
	t.Logf("%d batches came late, %d after the stream had moved", late, moved)
	require.Positive(t, late)
	require.Positive(t, moved)
}

// A checkpoint of a job that writes in two phases: how far the source was read, and
// the files that were written until then.
type checkpoint struct {
	id        int
	next      int64 // offset
	committed [][]byte
}

// A job with checkpoints: its writers prepare files, and another process commits them
// when the checkpoint is complete. Writers and committers die, checkpoints fail, the
// job is restored from the newest one that is complete, and commits again what that
// one holds, beside a committer that is still alive.
func TestFlinkCheckpoints(t *testing.T) {
	const last, batch = 19, 4
	again := 0
	worlds(t, 40, 800, func(w *world) {
		random := w.random(2)
		state := checkpoint{}
		attempts := uint64(0)
		prepare := func(id string, rows []item, key string) []byte {
			for {
				attempts++
				a := &attempt{id: fmt.Sprint(id, ".", attempts), key: key}
				tbl, fs, err := w.open(a, attempts*10)
				if err != nil {
					continue
				}
				p, _, err := tbl.Prepare(context.Background(), "append", "", rowsOf(rows...), &delta.WriteOptions{Key: key, UserMetadata: key, Parallel: 1})
				if err == nil && !fs.Crashed() {
					return must(p.MarshalBinary())
				}
			}
		}
		commit := func(id string, files []byte, n uint64) *attempt {
			p := new(delta.Prepared)
			require.NoError(w.t, p.UnmarshalBinary(files))
			return w.do(id, p.Key, n, func(ctx context.Context, t *delta.Table, _ delta.WriteOptions) (*delta.Result, error) {
				return t.Commit(ctx, p)
			})
		}
		for state.next <= last {
			c := checkpoint{id: state.id + 1, next: state.next + batch}
			for sub := range 2 {
				rows := slices.DeleteFunc(records(0, state.next, c.next-1), func(i item) bool { return int(i.Qty)%2 != sub })
				c.committed = append(c.committed, prepare(fmt.Sprintf("writer-%d-%d", c.id, sub), rows, fmt.Sprintf("job/checkpoint-%d/%d", c.id, sub)))
			}
			if random.IntN(4) == 0 {
				continue // the checkpoint fails: back to the one before
			}
			state = c
			for sub, files := range c.committed {
				for try := 0; ; try++ {
					attempts++
					id, n := fmt.Sprintf("committer-%d-%d.%d", c.id, sub, try), attempts*10
					if random.IntN(3) == 0 {
						w.wg.Go(func() { commit(id+"-old", files, n+1) })
					}
					a := commit(id, files, n)
					if a.ok() {
						if a.res.State == delta.AlreadyApplied {
							again++
						}
						break
					}
				}
			}
		}
		w.wg.Wait()
		w.everyRecordOnce(1, last)
		w.attempts = nil // prepared writes carry their key, not the attempt
	})
	t.Logf("%d commits were made again", again)
	require.Positive(t, again)
}

// A job that is restored from an older checkpoint cuts the same source into other
// pieces. Under keys of its checkpoints that is refused, not passed over. (F-3 of the
// catalogue, iceberg#10892.)
func TestRestoreFromAnOlderCheckpointIsRefused(t *testing.T) {
	st := memstore.New(nil)
	baseOf(item{1, "a", 1})(t, st)
	write := func(process string, id int, first, last int64) (*delta.Result, error) {
		tbl, err := delta.Open(t.Context(), "mem://", &delta.Options{Store: st, Env: virtual(process)})
		require.NoError(t, err)
		p, res, err := tbl.Prepare(t.Context(), "append", "", rowsOf(records(0, first, last)...), &delta.WriteOptions{Key: fmt.Sprint("job/checkpoint-", id), Parallel: 1})
		if err != nil || p == nil {
			return res, err
		}
		return tbl.Commit(t.Context(), p)
	}
	for id, until := range []int64{4, 9, 14} {
		res, err := write(fmt.Sprint("first-", id), id, until-4, until)
		require.NoError(t, err)
		require.Equal(t, delta.Committed, res.State)
	}
	before := rowsIn(t, st)
	res, err := write("restored-1", 1, 5, 12) // after checkpoint 0, with larger batches
	require.ErrorIs(t, err, delta.ErrKeyReused)
	require.Equal(t, delta.NotCommitted, res.State)
	require.Equal(t, before, rowsIn(t, st))
	res, err = write("restored-same", 1, 5, 9) // the same batches are found
	require.NoError(t, err)
	require.Equal(t, delta.AlreadyApplied, res.State)
}

// Micro-batches as Spark's foreachBatch writes them, each until it succeeds, beside
// the driver that was thought dead.
func TestForeachBatch(t *testing.T) {
	const batches, batch = 5, 4
	worlds(t, 40, 800, func(w *world) {
		write := func(n int) func(ctx context.Context, t *delta.Table, o delta.WriteOptions) (*delta.Result, error) {
			return func(ctx context.Context, t *delta.Table, o delta.WriteOptions) (*delta.Result, error) {
				o.Key, o.Txn = "", &delta.Txn{AppID: "query", Version: int64(n)}
				return t.Append(ctx, rowsOf(records(0, int64(n*batch), int64(n*batch+batch-1))...), &o)
			}
		}
		var drivers sync.WaitGroup
		for driver := range 2 {
			drivers.Go(func() {
				for n := range batches {
					a := w.schedule(fmt.Sprintf("driver-%d-batch-%d", driver, n), "query", uint64(100*driver+n), write(n))
					require.True(w.t, a.ok(), "seed %d: %s", w.seed, a)
				}
			})
		}
		drivers.Wait()
		w.wg.Wait()
		w.everyRecordOnce(1, batches*batch-1)
	})
}

// A new checkpoint under the old application id begins to count at 0 again. What it
// sends has numbers that the table has seen: it is not added, and whoever sends it is
// told that the number is an old one. (F-4 of the catalogue, the caution in Delta's
// documentation of foreachBatch.) Under an id of its own it is added.
func TestNewCheckpointUnderAnOldId(t *testing.T) {
	st := memstore.New(nil)
	baseOf(item{1, "a", 1})(t, st)
	write := func(app string, n, first int64) *delta.Result {
		tbl, err := delta.Open(t.Context(), "mem://", &delta.Options{Store: st, Env: virtual(fmt.Sprint(app, n, first))})
		require.NoError(t, err)
		res, err := tbl.Append(t.Context(), rowsOf(records(0, first, first+1)...), &delta.WriteOptions{Txn: &delta.Txn{AppID: app, Version: n}})
		require.NoError(t, err)
		return res
	}
	for n := range int64(3) {
		require.Equal(t, delta.Committed, write("query", n, 10*n).State)
	}
	require.Empty(t, write("query", 2, 20).Warnings, "the last batch again is what every restart sends")
	before := rowsIn(t, st)
	res := write("query", 0, 500)
	require.Equal(t, delta.AlreadyApplied, res.State)
	require.Len(t, res.Warnings, 1)
	require.ErrorContains(t, res.Warnings[0], `number 0 of "query" is older than 2`)
	require.Equal(t, before, rowsIn(t, st))
	require.Equal(t, delta.Committed, write("query-2", 0, 500).State)
	require.Len(t, rowsIn(t, st), len(before)+2)
}
