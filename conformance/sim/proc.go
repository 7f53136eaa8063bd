package sim

import (
	"context"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/deltalog/deltalog/txlog"
)

// A proc is one process: its own connection to the store, clock, randomness and
// names. It ends when its actor is done with it, or is killed.
type proc struct {
	id   string
	w    *world
	died chan struct{}
	ctx  context.Context // of the process
	end  context.CancelFunc

	ids    atomic.Int64
	rng    *rand.Rand   // jitter; one goroutine at a time commits
	skew   atomic.Int64 // of the clock, in nanoseconds
	frozen atomic.Int64 // if not 0: what the clock shows, in nanoseconds since 1970

	// Under the world's lock.
	dead        bool
	stopped     bool // paused, and does not notice that time goes by
	pausedUntil time.Time
	ords        int                // calls seen by the scheduler
	chosen      int                // how often one of them was chosen
	cancel      context.CancelFunc // of the operation under way
	role        string             // of the operation under way: writer, maintainer, reader, foreign
	struck      int                // faults that struck since the operation began
	calls       int                // made since then
	firstPut    int                // step at which it sent its first commit; 0: it did not
	delayed     time.Duration      // by faults since then
	rest        []*spell           // faults that go on
}

// A spell is a fault that strikes several calls of a process.
type spell struct {
	fault  *Fault
	left   int
	prefix string // of the names that it is about
}

func (w *world) newProc(id string, skew time.Duration) *proc {
	p := &proc{id: id, w: w, died: make(chan struct{})}
	p.ctx, p.end = context.WithCancel(context.Background())
	h := fnv.New64a()
	h.Write([]byte(id))
	p.rng = rand.New(rand.NewPCG(w.plan.Seed, h.Sum64()))
	p.skew.Store(int64(skew))
	w.mu.Lock()
	defer w.mu.Unlock()
	w.procs[id] = p
	return p
}

func (p *proc) paused(now time.Time) bool {
	if p.stopped && !p.pausedUntil.After(now) {
		p.stopped = false
	}
	return p.stopped
}

// isDead reports whether the process was killed.
func (p *proc) isDead() bool {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	return p.dead
}

// store returns the process's connection.
func (p *proc) store() *handle { return &handle{p.w, p} }

// env returns the process's surroundings.
func (p *proc) env() *txlog.Env {
	return &txlog.Env{
		Now: p.clock,
		Sleep: func(ctx context.Context, d time.Duration) error {
			t := time.NewTimer(d)
			defer t.Stop()
			select {
			case <-t.C:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			case <-p.died:
				return errCrashed
			}
		},
		NewID:  p.newID,
		Jitter: p.rng.Float64,
	}
}

func (p *proc) newID() string { return fmt.Sprintf("%s-%d", p.id, p.ids.Add(1)) }

// clock is the wall clock as the process sees it.
func (p *proc) clock() time.Time {
	if at := p.frozen.Load(); at != 0 {
		return time.Unix(0, at)
	}
	return time.Now().Add(time.Duration(p.skew.Load()))
}

// begin starts an operation: what it does may be cancelled from now on.
func (p *proc) begin(role string) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(p.ctx)
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	p.cancel, p.role, p.struck, p.calls, p.delayed, p.firstPut = cancel, role, 0, 0, 0, 0
	return ctx, cancel
}
