package sdk

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/txlog/logstore"
)

// A job is work that a writer is to do once, in as many attempts as it takes.
type job struct {
	name string // of the job; with the attempt's number it is the commit's userMetadata
	op   string
	rows []row
	key  string // "" for opPlain
}

// Operations of jobs.
const (
	opAppend  = "append"
	opReplace = "replace-partitions"
	opReload  = "reload"
	opTxn     = "append-txn"
	opPlain   = "append without a key"
)

// An attempt is one process that does a job, or that settles it in the end.
type attempt struct {
	job      *job
	process  string
	meta     string
	result   delta.Result
	err      error
	killed   bool
	requests int
}

// A history is a run of several processes on one table under faults.
type history struct {
	seed  uint64
	w     *world
	sched *scheduler
	ctx   context.Context
	large bool
	wrap  func(logstore.Store) logstore.Store // nil, or what breaks a store

	mu       sync.Mutex
	rng      *rand.Rand // of the plan, drawn from before anything runs
	cancels  map[string]context.CancelFunc
	attempts []*attempt
	readings []reading
	failed   int           // readings that ended with an error
	virtual  time.Duration // that it took
	told     delta.Version
	problems []string
}

// newHistory plans one. It must be played in the bubble that it is made in.
func newHistory(ctx context.Context, w *world, seed uint64) *history {
	h := &history{seed: seed, w: w, ctx: ctx, rng: rand.New(rand.NewPCG(seed, 11)), cancels: map[string]context.CancelFunc{}}
	one := 4
	if w.cloud.name() == "s3" {
		one = 11 // 5 MiB are dear
	}
	h.large = h.rng.IntN(one) == 0
	h.sched = &scheduler{
		w: w, rng: rand.New(rand.NewPCG(seed, 12)), armed: arm(h.rng, w.cloud, h.large),
		fired: map[string]int{}, met: map[string]int{}, kill: h.kill, done: make(chan struct{}), ended: make(chan struct{}),
	}
	h.sched.calm.Store(true)
	w.kill = h.kill
	w.parks = true
	return h
}

// problem notes what must not be.
func (h *history) problem(format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.problems = append(h.problems, fmt.Sprintf(format, args...))
}

// kill ends a process: nothing that it sends arrives any more, and nobody hears of
// what it is told.
func (h *history) kill(process string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if cancel := h.cancels[process]; cancel != nil {
		h.w.net.kill(process)
		cancel()
	}
}

// play runs the history to its end.
func (h *history) play() {
	began := time.Now()
	go h.sched.run()
	if err := createTable(h.ctx, h.w, "founder"); err != nil {
		h.problem("create the table: %v", err)
	}
	plans := make([][]plan, 2+h.rng.IntN(3))
	for i := range plans {
		plans[i] = h.plan(i)
	}
	reads := make([]time.Duration, 3)
	for i := range reads {
		reads[i] = between(h.rng, 0, 20)
	}
	h.sched.calm.Store(false)
	var wg sync.WaitGroup
	for i := range plans {
		wg.Go(func() { h.writer(plans[i]) })
	}
	wg.Go(func() { h.reader(reads) })
	wg.Wait()
	h.sched.calm.Store(true)
	h.settle()
	h.w.wait(5 * time.Minute) // what is slow has arrived
	h.w.releaseAll()
	h.sched.stop()
	h.virtual = time.Since(began)
}

// A plan is a job and how it is gone about.
type plan struct {
	*job
	pause  time.Duration
	copies int             // attempts that start at once
	limits []time.Duration // of attempts; 0: none
	seeds  []uint64
}

const attemptsMost = 4

// plan draws the jobs of a writer.
func (h *history) plan(writer int) (plans []plan) {
	ops := []string{opAppend, opAppend, opAppend, opReplace, opReplace, opTxn, opPlain, opReload}
	for j := range 2 + h.rng.IntN(2) {
		b := &job{name: fmt.Sprintf("w%d-j%d", writer, j), op: ops[h.rng.IntN(len(ops))]}
		if b.op != opPlain {
			b.key = "key of " + b.name
		}
		parts := []string{"a", "b c", "d%20"}
		for k := range 1 + h.rng.IntN(3) {
			b.rows = append(b.rows, row{ID: int64(writer*1000 + j*100 + k), Part: parts[h.rng.IntN(len(parts))], Note: b.name})
		}
		if h.large && h.rng.IntN(3) == 0 {
			b.rows[0].Note = h.noise(largeSize(h.w.cloud))
		}
		p := plan{job: b, pause: between(h.rng, 0, 8), copies: 1}
		if b.key != "" && h.rng.IntN(5) == 0 {
			p.copies = 2
		}
		for range attemptsMost + 2 {
			limit := time.Duration(0)
			if h.rng.IntN(5) == 0 {
				limit = between(h.rng, 1, 50)
			}
			p.limits = append(p.limits, limit)
			p.seeds = append(p.seeds, h.rng.Uint64())
		}
		plans = append(plans, p)
	}
	return plans
}

// noise is text that no codec makes smaller.
func (h *history) noise(n int) string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	b := make([]byte, n+n/2) // six bits of eight
	for i := range b {
		b[i] = letters[h.rng.IntN(64)]
	}
	return string(b)
}

// writer does its jobs one after the other. A job is tried again, by a new
// process, until one attempt has said that it is done.
func (h *history) writer(plans []plan) {
	for _, p := range plans {
		h.w.wait(p.pause)
		var wg sync.WaitGroup
		for n := 1; n < p.copies; n++ { // copies that nobody waits for
			wg.Go(func() { h.attempt(p.job, attemptsMost+n, p.limits[attemptsMost+n-1], p.seeds[attemptsMost+n-1]) })
		}
		for n := range attemptsMost {
			a := h.attempt(p.job, n+1, p.limits[n], p.seeds[n])
			if a.done() || p.key == "" {
				break
			}
		}
		wg.Wait()
	}
}

// done says that somebody was told that the job is done.
func (a *attempt) done() bool {
	return !a.killed && (a.result.State == delta.Committed || a.result.State == delta.AlreadyApplied)
}

// attempt is one process.
func (h *history) attempt(b *job, n int, limit time.Duration, seed uint64) *attempt {
	a := &attempt{job: b, process: fmt.Sprintf("%s.%d", b.name, n)}
	a.meta = a.process
	ctx, cancel := context.WithCancel(h.ctx)
	if limit > 0 {
		ctx, cancel = context.WithTimeout(h.ctx, limit)
	}
	defer cancel()
	h.mu.Lock()
	h.cancels[a.process] = cancel
	h.mu.Unlock()
	res, err := h.write(ctx, b, a, seed)
	a.result, a.err = *res, err
	h.mu.Lock()
	defer h.mu.Unlock()
	a.killed = h.w.net.isDead(a.process)
	if !a.killed && res.State == delta.Committed {
		h.told = max(h.told, res.Version)
	}
	h.attempts = append(h.attempts, a)
	return a
}

func (h *history) write(ctx context.Context, b *job, a *attempt, seed uint64) (*delta.Result, error) {
	nothing := &delta.Result{State: delta.NotCommitted, Version: delta.NoVersion}
	s, err := h.open(ctx, a.process, seed)
	if err != nil {
		return nothing, err
	}
	defer s.Close()
	o := tableOptions(s, seed)
	tbl, err := delta.Open(ctx, rootOf(h.w.cloud), &o)
	if err != nil {
		return nothing, err
	}
	wo := &delta.WriteOptions{UserMetadata: a.meta, Key: b.key, Parallel: 1}
	var res *delta.Result
	switch b.op {
	case opReplace:
		res, err = tbl.ReplacePartitions(ctx, rowsOf(b.rows...), wo)
	case opReload:
		res, err = tbl.Reload(ctx, rowsOf(b.rows...), wo)
	case opTxn:
		wo.Key, wo.Txn = "", &delta.Txn{AppID: b.key, Version: 7}
		res, err = tbl.Append(ctx, rowsOf(b.rows...), wo)
	default:
		res, err = tbl.Append(ctx, rowsOf(b.rows...), wo)
	}
	if res == nil {
		res = nothing
	}
	return res, err
}

func (h *history) open(ctx context.Context, process string, seed uint64) (logstore.Store, error) {
	s, err := h.w.open(ctx, process, clientOptions{seed: seed})
	if err == nil && h.wrap != nil {
		s = h.wrap(s)
	}
	return s, err
}

// reader reads the newest version now and then, each time as a new process.
func (h *history) reader(pauses []time.Duration) {
	for i, d := range pauses {
		h.w.wait(d)
		process := fmt.Sprintf("reader.%d", i)
		h.mu.Lock()
		told := h.told
		h.mu.Unlock()
		r, err := h.read(process, uint64(i))
		h.mu.Lock()
		if err == nil {
			h.readings = append(h.readings, r)
			if r.version < told {
				h.problems = append(h.problems, fmt.Sprintf("%s saw version %d after version %d was reported", process, r.version, told))
			}
		} else {
			h.failed++
			h.leaks(err)
		}
		h.mu.Unlock()
	}
}

func (h *history) read(process string, seed uint64) (r reading, err error) {
	s, err := h.open(h.ctx, process, seed)
	if err != nil {
		return r, err
	}
	defer s.Close()
	o := tableOptions(s, seed)
	tbl, err := delta.Open(h.ctx, rootOf(h.w.cloud), &o)
	if err != nil {
		return r, err
	}
	return rowsAt(h.ctx, tbl, delta.At{})
}

// settle finds out by the key what became of every job, without any more faults.
func (h *history) settle() {
	done, seen := map[*job]bool{}, map[*job]bool{}
	var order []*job
	for _, a := range h.attempts {
		if !seen[a.job] {
			order = append(order, a.job)
		}
		seen[a.job] = true
		done[a.job] = done[a.job] || a.done()
	}
	for i, b := range order {
		if b.key == "" || done[b] {
			continue
		}
		if a := h.attempt(b, 99, 0, h.seed+uint64(i)); !a.done() {
			h.problem("%s could not be settled: %s, %v", b.name, a.result.State, a.err)
		}
	}
}

// leaks notes an error that shows a secret. It is called with the lock held.
func (h *history) leaks(err error) {
	for _, text := range []string{err.Error(), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", err)} {
		if strings.Contains(strings.ToLower(text), secretCanary) {
			h.problems = append(h.problems, "a secret in an error: "+text)
		}
	}
}
