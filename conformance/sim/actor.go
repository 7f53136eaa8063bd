package sim

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"sync"
	"time"

	"github.com/deltalog/deltalog/conformance/ops"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore"
)

// Limits of an actor's patience.
const (
	// maxAttempts is how often a task is tried, by new processes where needed.
	maxAttempts = 5
	// lease is how long an attempt may take before another one is started beside it.
	lease = 9 * time.Minute
	// maxPlans is how often one attempt plans its work again after a conflict.
	maxPlans = 4
	// maxStale is how old a snapshot may be that is used without looking for a newer
	// one, by a process whose clock does not tell how old it is.
	maxStale = 30 * time.Minute
)

// An actor is an orchestrator with one worker: it has its tasks done one after
// the other, starts a new process where one has died, and does not wait for ever
// for one that is silent.
type actor struct {
	w    *world
	spec Actor
	wg   sync.WaitGroup // of attempts, left alone ones included
}

// A worker is a process and what it knows.
type worker struct {
	p      *proc
	snap   *txlog.Snapshot
	table  *ops.Table // of the tier with rows
	loaded time.Time  // when that was the newest
	parcel *parcel    // of the task at hand
}

func (a *actor) run() {
	defer a.w.retire()
	defer a.wg.Wait()
	a.wait(a.spec.Start)
	var own *worker
	for i, t := range a.spec.Tasks {
		a.wait(t.Wait)
		name := fmt.Sprintf("%s.%d", a.spec.Name, i)
		for c := range t.Copies {
			a.w.struck("F18")
			a.wg.Go(func() { a.do(t, name, fmt.Sprintf("%s.c%d", name, c), nil) })
		}
		own = a.do(t, name, name, own)
	}
}

// wait lets time pass; no two actors wait until the same moment.
func (a *actor) wait(d time.Duration) {
	h := fnv.New32a()
	h.Write([]byte(a.spec.Name))
	//repolint:allow sleep: virtual time, in a bubble of testing/synctest
	time.Sleep(d + time.Duration(h.Sum32()%1_000_003))
}

// retire counts an actor out.
func (w *world) retire() {
	w.mu.Lock()
	w.live--
	w.mu.Unlock()
	w.signal()
}

// start makes a process of the actor.
func (a *actor) start(id string) *worker {
	p := a.w.newProc(id, a.spec.Skew)
	if a.spec.Frozen {
		p.frozen.Store(p.clock().UnixNano())
	}
	return &worker{p: p}
}

// do has a task done, and returns the worker that did it, for the next one.
func (a *actor) do(t Task, task, id string, wk *worker) *worker {
	sent := new(parcel)
	for n := range maxAttempts {
		if wk == nil || wk.p.isDead() {
			wk = a.start(fmt.Sprintf("%s.%d", id, n))
		}
		wk.parcel = sent
		now := wk
		done := make(chan *Record, 1)
		a.wg.Go(func() { done <- now.attempt(t, task) })
		rec := a.await(done, t)
		switch {
		case rec == nil:
			wk = nil // a zombie, perhaps; another one takes over
			known := *sent
			sent = &known
		case rec.Crashed:
			if t.Op.writes() && t.Key == "" {
				return nil // who retries this asks for trouble
			}
		case rec.over(t):
			return wk
		case errors.Is(rec.Err, logstore.ErrPermission):
			wk = nil
		}
	}
	return wk
}

// await returns an attempt's record, nil if it takes too long and may be tried
// again beside it.
func (a *actor) await(done <-chan *Record, t Task) *Record {
	if t.Op.writes() && t.Key == "" {
		return <-done
	}
	timer := time.NewTimer(lease + 77*time.Nanosecond)
	defer timer.Stop()
	select {
	case r := <-done:
		return r
	case <-timer.C:
		return nil
	}
}

// over reports whether there is no use in another attempt.
func (r *Record) over(t Task) bool {
	if !t.Op.writes() {
		return r.Err == nil || errors.Is(r.Err, txlog.ErrTableNotFound)
	}
	switch r.State {
	case txlog.NotCommitted:
		return errors.Is(r.Err, txlog.ErrKeyReused) || errors.Is(r.Err, txlog.ErrConflict) ||
			errors.Is(r.Err, txlog.ErrTableExists) || errors.Is(r.Err, txlog.ErrTableNotFound)
	case txlog.Unknown:
		return t.Key == ""
	}
	return true
}

// attempt does a task once.
func (wk *worker) attempt(t Task, task string) *Record {
	p := wk.p
	ctx, cancel := p.begin(t.Op.role())
	defer cancel()
	rec := &Record{Task: task, Op: t.Op, Proc: p.id, Call: p.w.now(), State: txlog.NotCommitted, Version: txlog.NoVersion}
	start := time.Now()
	rows := p.w.plan.Tier == Parquet
	rec.ids[0] = p.ids.Load()
	switch {
	case t.Op == OpWork:
		rec.Key, rec.Seq, rec.Number = t.Key, t.Seq > 0, t.number()
		wk.work(ctx, t, rec)
	case rows && t.Op == OpForeign:
		rec.Err = wk.wipe(ctx, t, rec)
	case rows && t.Op.role() == "maintainer":
		rec.Err = wk.upkeep(ctx, t)
	case rows:
		rec.Err = wk.look(ctx, t)
	case t.Op.writes():
		rec.Key, rec.Seq, rec.Number = t.Key, t.Seq > 0, t.number()
		wk.write(ctx, t, rec)
	case t.Op == OpForeign:
		rec.Err = wk.foreign(ctx, t, rec)
	case t.Op.role() == "maintainer":
		rec.Err = wk.maintain(ctx, t)
	default:
		rec.Err = wk.read(ctx, t)
	}
	rec.Took, rec.ids[1] = time.Since(start), p.ids.Load()
	w := p.w
	w.mu.Lock()
	defer w.mu.Unlock()
	rec.Return, rec.Crashed = w.step, p.dead
	rec.Calls, rec.Struck, rec.Delayed, rec.FirstPut = p.calls, p.struck, p.delayed, p.firstPut
	w.records = append(w.records, rec)
	return rec
}

// number is what the task's key records.
func (t *Task) number() int64 {
	switch {
	case t.Work != nil:
		return workNumber(t.Work)
	case t.Seq > 0:
		return t.Seq
	}
	h := fnv.New64a()
	fmt.Fprint(h, t.Op, t.Parts, t.Rows, t.Content)
	return int64(h.Sum64() >> 12) // exact in every JSON reader
}

// mayBeOld reports whether the task begins with what the process knows. That may be
// older than what is left of the log, if the process can tell so by its clock.
func (wk *worker) mayBeOld(t Task) bool {
	return t.Stale && (time.Since(wk.loaded) < maxStale || wk.p.frozen.Load() == 0 && wk.p.skew.Load() >= -int64(time.Hour))
}

// latest makes wk.snap the newest version. Reads fail now and then; it tries a few
// times.
func (wk *worker) latest(ctx context.Context, t Task) (err error) {
	if wk.snap != nil && wk.snap.Version() != txlog.NoVersion && wk.mayBeOld(t) {
		return nil
	}
	for range 3 {
		var s *txlog.Snapshot
		at := time.Now()
		if wk.snap != nil && t.Variant%2 == 0 {
			s, err = wk.snap.Update(ctx)
		} else {
			s, err = txlog.Load(ctx, wk.p.store(), &txlog.LoadOptions{Parallel: max(1, t.Parallel)})
		}
		if err == nil {
			wk.snap, wk.loaded = s, at
			return nil
		}
		if errors.Is(err, txlog.ErrTableNotFound) || ctx.Err() != nil {
			return err
		}
		if serr := wk.p.env().Sleep(ctx, 50*time.Millisecond); serr != nil {
			return err
		}
	}
	return err
}
