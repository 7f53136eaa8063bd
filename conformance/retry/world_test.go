package retry_test

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/internal/effort"
	"github.com/deltalog/deltalog/internal/faultstore"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
	"github.com/deltalog/deltalog/writer"
)

// A world is a table and the processes around it, in virtual time. All that happens
// by chance follows from the seed.
type world struct {
	t    *testing.T
	seed uint64
	st   *memstore.Store
	wg   sync.WaitGroup

	mu       sync.Mutex
	attempts []*attempt
}

// An attempt is one process that does a task once.
type attempt struct {
	id, key string
	begun   time.Time // when it had looked its key up
	res     *delta.Result
	err     error
	died    bool // then nobody was told anything
}

func (a *attempt) ok() bool { return a.err == nil && !a.died }

func (a *attempt) String() string {
	if a.died {
		return a.id + " died"
	}
	return fmt.Sprintf("%s was told %s, version %d, %v", a.id, a.res.State, a.res.Version, a.err)
}

// worlds runs a scenario with many seeds.
func worlds(t *testing.T, quick, ci int, scenario func(w *world)) {
	t.Helper()
	t.Parallel()
	for seed := range uint64(effort.Pick(quick, ci)) {
		synctest.Test(t, func(t *testing.T) {
			w := &world{t: t, seed: seed, st: memstore.New(&memstore.Options{Now: time.Now})}
			tbl, err := delta.Create(t.Context(), "mem://", must(writer.SchemaOf[item]()), &delta.CreateOptions{
				Options: delta.Options{Store: w.st, Env: w.env("creator", w.random(0))}, PartitionBy: []string{"part"},
				Properties: map[string]string{"delta.checkpointInterval": "5"},
			})
			require.NoError(t, err)
			require.NoError(t, tbl.Close())
			scenario(w)
			w.wg.Wait()
			w.truth()
		})
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func (w *world) random(n uint64) *rand.Rand { return rand.New(rand.NewPCG(w.seed, n)) }

// pause waits in virtual time.
func pause(d time.Duration) { <-time.After(d) }

func (w *world) env(process string, random *rand.Rand) *txlog.Env {
	var mu sync.Mutex
	ids := 0
	return &txlog.Env{
		Now: time.Now,
		Sleep: func(ctx context.Context, d time.Duration) error {
			select {
			case <-time.After(d):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		},
		NewID:  func() string { mu.Lock(); defer mu.Unlock(); ids++; return fmt.Sprintf("%s-%d", process, ids) },
		Jitter: func() float64 { mu.Lock(); defer mu.Unlock(); return random.Float64() },
	}
}

// do lets a process attempt a task: on a slow store that fails now and then, and it
// may die. Its commits carry its id.
func (w *world) do(id, key string, n uint64, task func(ctx context.Context, t *delta.Table, o delta.WriteOptions) (*delta.Result, error)) *attempt {
	a := &attempt{id: id, key: key}
	w.mu.Lock()
	w.attempts = append(w.attempts, a)
	w.mu.Unlock()
	tbl, fs, err := w.open(a, n)
	a.res = &delta.Result{State: delta.NotCommitted, Version: delta.NoVersion, Retryable: true}
	if a.err = err; err == nil {
		a.res, a.err = task(context.Background(), tbl, delta.WriteOptions{Key: key, UserMetadata: id, Parallel: 1})
	}
	a.died = fs.Crashed()
	return a
}

// open lets an attempt's process open the table.
func (w *world) open(a *attempt, n uint64) (*delta.Table, *faultstore.Store, error) {
	random := w.random(n + 1)
	slow := time.Duration(1+random.IntN(400)) * time.Millisecond
	if random.IntN(4) == 0 {
		slow *= 10 // one that its scheduler gives up
	}
	dies := -1
	if random.IntN(4) == 0 {
		dies = random.IntN(25)
	}
	open := true
	var mu sync.Mutex // commits are read several at once
	var fs *faultstore.Store
	fs = faultstore.New(w.st, func(c faultstore.Call) (f faultstore.Fault) {
		mu.Lock()
		if a.begun.IsZero() && !open && !strings.HasPrefix(c.Name, "_delta_log/") {
			a.begun = time.Now()
		}
		mu.Unlock()
		// By the call, not in turn: so chance does not depend on who asks first.
		h := fnv.New64a()
		fmt.Fprintf(h, "%d %s %s %d", n, c.Verb, c.Name, c.Nth)
		random := w.random(h.Sum64())
		switch random.IntN(40) {
		case 0:
			f = faultstore.Fail(logstore.ErrUnavailable)
		case 1:
			f = faultstore.Lose(io.ErrUnexpectedEOF)
		case 2:
			f = faultstore.Delay(io.ErrUnexpectedEOF)
			late := time.Duration(random.IntN(20_000)) * time.Millisecond
			w.wg.Go(func() { pause(late); fs.Release() })
		}
		f.CrashBefore = c.N == dies
		d := time.Duration(random.Int64N(int64(slow)))
		f.Run = func() { pause(d) }
		return f
	})
	tbl, err := delta.Open(context.Background(), "mem://", &delta.Options{Store: fs, Env: w.env(a.id, random), CommitTimeout: time.Minute})
	mu.Lock()
	open = false
	mu.Unlock()
	return tbl, fs, err
}

// A schedule runs a task as Airflow does: it waits for a worker for some time only,
// then starts another, whether the first is alive or not; it tries again after a
// failure; and it stops at the first success.
func (w *world) schedule(name, key string, n uint64, task func(ctx context.Context, t *delta.Table, o delta.WriteOptions) (*delta.Result, error)) *attempt {
	random := w.random(n)
	for try := 1; ; try++ {
		require.Less(w.t, try, 100, "seed %d: %s never succeeds", w.seed, name)
		done := make(chan *attempt, 1)
		id := fmt.Sprintf("%s.%d", name, try)
		w.wg.Go(func() { done <- w.do(id, key, n*1000+uint64(try), task) })
		select {
		case a := <-done:
			if a.ok() {
				return a
			}
			if a.err != nil && !a.died && !a.res.Retryable {
				return a // refused: a person has to look
			}
			pause(time.Duration(random.IntN(1000)) * time.Millisecond)
		case <-time.After(time.Duration(500+random.IntN(8000)) * time.Millisecond): // no heartbeat
		}
	}
}

// A commitOf is a version of the table, and who made it.
type commitOf struct {
	version delta.Version
	by      string // the attempt's id
	key     string
	at      time.Time
}

// commits is the log.
func (w *world) commits() (all []commitOf) {
	s, err := txlog.Load(context.Background(), w.st, nil)
	require.NoError(w.t, err)
	for v := delta.Version(1); v <= s.Version(); v++ {
		c, err := s.CommitAt(context.Background(), v)
		require.NoError(w.t, err)
		o, err := w.st.Stat(context.Background(), fmt.Sprintf("_delta_log/%020d.json", v))
		require.NoError(w.t, err)
		of := commitOf{version: v, at: o.Modified}
		for _, a := range c.Actions {
			switch a := a.(type) {
			case *txlog.CommitInfo:
				of.by = a.UserMetadata
			case *txlog.SetTransaction:
				of.key = a.AppID
			}
		}
		all = append(all, of)
	}
	return all
}

// truth checks what every attempt was told against the log, when all that was under
// way has arrived.
func (w *world) truth() {
	by := map[string]delta.Version{}
	keyOf := map[delta.Version]string{}
	for _, c := range w.commits() {
		require.NotContains(w.t, by, c.by, "seed %d: %s committed twice", w.seed, c.by)
		by[c.by], keyOf[c.version] = c.version, c.key
	}
	for _, a := range w.attempts {
		v, landed := by[a.id]
		switch {
		case a.died:
		case a.res.State == delta.Committed:
			require.True(w.t, landed && v == a.res.Version, "seed %d: %s", w.seed, a)
		case a.res.State == delta.AlreadyApplied:
			require.False(w.t, landed, "seed %d: %s", w.seed, a)
			require.Equal(w.t, a.key, keyOf[a.res.Version], "seed %d: %s", w.seed, a)
		case a.res.State == delta.Unknown:
			require.ErrorIs(w.t, a.err, delta.ErrCommitUnknown)
		default:
			require.False(w.t, landed, "seed %d: %s, and is version %d", w.seed, a, v)
			require.True(w.t, a.err != nil || a.res.State == delta.NoOp, "seed %d: %s", w.seed, a)
		}
	}
}

// at returns the rows of a version.
func (w *world) at(v delta.Version) []string {
	s, err := txlog.Load(context.Background(), w.st, &txlog.LoadOptions{Version: &v})
	require.NoError(w.t, err)
	return rowsAt(w.t, s)
}

func isFenced(err error) bool {
	var ke *delta.KeyError
	return errors.As(err, &ke) && ke.Fenced
}
