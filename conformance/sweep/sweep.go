// Package sweep lets each storage call of each operation fail, in every way that a
// call can, and judges what is left: whether what the caller was told is true, and
// whether the same work sent again by another process leaves the table as if it had
// been done once.
//
// Authors of stores run it over theirs:
//
//	func TestSweep(t *testing.T) {
//		sweep.Run(t, sweep.Options{Store: func(tb testing.TB) logstore.Store { … }})
//	}
//
// One fault is tried at every call: that is complete. Of two faults there are too
// many for every day; they are drawn by a seed. The oracle is package model.
package sweep

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/conformance/ops"
	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
)

// Options say what is swept. The zero value sweeps all with single faults, in memory.
type Options struct {
	// Store returns an empty store, for one run. Nil: in memory.
	Store func(tb testing.TB) logstore.Store
	// Cases are the operations. Nil: all of [Cases].
	Cases []Case
	// Variants are the ways to keep the table. Nil: all of them.
	Variants []ops.Variant
	// Doubles is how many pairs of faults are tried, for each case and variant; -1:
	// all of them, in an order that Seed gives, as far as Share allows.
	Doubles int
	Seed    uint64
	Share   time.Duration // for the pairs of one case on one variant; 0: no limit
}

// A Report counts what was done.
type Report struct {
	Cases            int // on one variant each
	Singles, Doubles int // runs with one and with two faults
	Pairs            int // how many pairs of faults there are in all
	Modes            map[Mode]int
	Told             map[delta.State]int // what processes that met a fault were told
	Recovered        int                 // how often the log had to be read back
	Crashed          int
}

// Run sweeps. A failure names the case, the call and the seed.
func Run(t *testing.T, o Options) *Report {
	t.Helper()
	o = o.withDefaults()
	var mu sync.Mutex
	sum := &Report{Modes: map[Mode]int{}, Told: map[delta.State]int{}}
	t.Run("sweep", func(t *testing.T) {
		for _, v := range o.Variants {
			base, err := ops.NewBase(t.Context(), v)
			require.NoError(t, err)
			for _, c := range o.Cases {
				t.Run(v.Name+"/"+c.Name, func(t *testing.T) {
					t.Parallel()
					s := newSweeper(t, &o, c, base)
					require.NoError(t, s.all(t.Context()))
					mu.Lock()
					defer mu.Unlock()
					sum.add(&s.rep)
				})
			}
		}
	})
	return sum
}

func (o Options) withDefaults() Options {
	if o.Store == nil {
		o.Store = func(testing.TB) logstore.Store { return memstore.New(nil) }
	}
	if o.Cases == nil {
		o.Cases = Cases()
	}
	if o.Variants == nil {
		o.Variants = ops.Variants()
	}
	return o
}

func (r *Report) add(o *Report) {
	r.Cases += o.Cases
	r.Singles, r.Doubles, r.Pairs = r.Singles+o.Singles, r.Doubles+o.Doubles, r.Pairs+o.Pairs
	r.Recovered, r.Crashed = r.Recovered+o.Recovered, r.Crashed+o.Crashed
	for m, n := range o.Modes {
		r.Modes[m] += n
	}
	for s, n := range o.Told {
		r.Told[s] += n
	}
}

// String is one line for people.
func (r *Report) String() string {
	return fmt.Sprintf("%d cases: %d runs with one fault, %d with two (of %d pairs); told %v, recovered %d times, crashed %d times; faults %v",
		r.Cases, r.Singles, r.Doubles, r.Pairs, r.Told, r.Recovered, r.Crashed, r.Modes)
}

// A sweeper sweeps one case on one variant.
type sweeper struct {
	tb      testing.TB
	o       *Options
	c       Case
	base    *ops.Base
	perform performer
	rep     Report
}

func newSweeper(tb testing.TB, o *Options, c Case, b *ops.Base) *sweeper {
	return &sweeper{
		tb: tb, o: o, c: c, base: b, perform: (*ops.Table).Do,
		rep: Report{Cases: 1, Modes: map[Mode]int{}, Told: map[delta.State]int{}},
	}
}

// all sweeps, up to the first run that shows something wrong.
func (s *sweeper) all(ctx context.Context) error {
	faults, err := s.faults(ctx)
	if err != nil {
		return fmt.Errorf("without a fault: %w", err)
	}
	for _, f := range faults {
		s.rep.Singles++
		if err := s.try(ctx, f); err != nil {
			return err
		}
	}
	// The second fault strikes the same attempt later, or the next one.
	s.rep.Pairs = len(faults) * len(faults) * 2
	r, began := rand.New(rand.NewPCG(s.o.Seed, uint64(len(faults)))), time.Now()
	for i := range s.order(r) {
		if s.o.Share > 0 && time.Since(began) > s.o.Share {
			break
		}
		a, b := faults[i/2%len(faults)], faults[i/2/len(faults)]
		if b.attempt = i % 2; b.attempt == 0 && b.call <= a.call {
			continue // it is the other way round, or the same call
		}
		s.rep.Doubles++
		if err := s.try(ctx, a, b); err != nil {
			return err
		}
	}
	return nil
}

// order yields the numbers of the pairs to try.
func (s *sweeper) order(r *rand.Rand) func(func(int) bool) {
	return func(yield func(int) bool) {
		if s.o.Doubles < 0 {
			// A step that has no factor in common with the number visits all, far apart.
			n := s.rep.Pairs
			step := n/3 + 1
			for gcd(step, n) != 1 {
				step++
			}
			for i, at := 0, r.IntN(max(n, 1)); i < n; i, at = i+1, (at+step)%n {
				if !yield(at) {
					return
				}
			}
			return
		}
		for range s.o.Doubles {
			if !yield(r.IntN(s.rep.Pairs)) {
				return
			}
		}
	}
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// faults runs the case without faults, and returns all single faults there are.
func (s *sweeper) faults(ctx context.Context) (all []fault, err error) {
	trace, err := s.newRun().dry(ctx)
	if err != nil {
		return nil, err
	}
	for n, call := range trace {
		for _, m := range Modes() {
			if m.alters(call) {
				all = append(all, fault{call: n, mode: m, what: call.String()})
			}
		}
	}
	return all, nil
}

// try runs the case with these faults.
func (s *sweeper) try(ctx context.Context, faults ...fault) error {
	run := s.newRun()
	err := run.do(ctx, faults)
	for _, f := range faults {
		s.rep.Modes[f.mode]++
	}
	for _, a := range run.attempts[:min(len(run.attempts), run.faulty)] {
		s.rep.Told[a.Result.State]++
		if a.Result.Recovered {
			s.rep.Recovered++
		}
		if a.Crashed {
			s.rep.Crashed++
		}
	}
	if err != nil {
		return fmt.Errorf("with %v (seed %d): %w\n%s", faults, s.o.Seed, err, run.story())
	}
	return nil
}

func (s *sweeper) newRun() *run {
	return &run{c: s.c, base: s.base, perform: s.perform, st: &recorder{Store: s.o.Store(s.tb), bodies: map[string]string{}}}
}

// A recorder remembers which bodies the versions of the log were given, at any time.
type recorder struct {
	logstore.Store
	mu     sync.Mutex
	bodies map[string]string // name of a commit → the first body that the store took
	twice  error
}

var errTwoBodies = errors.New("the store took two bodies for one version")

// Put implements [logstore.Store].
func (r *recorder) Put(ctx context.Context, name string, data []byte, mode logstore.PutMode) error {
	err := r.Store.Put(ctx, name, data, mode)
	if err != nil || !isCommit(name) {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, twice := r.bodies[name]; twice {
		r.twice = errors.Join(r.twice, fmt.Errorf("%w: %s", errTwoBodies, name))
	}
	r.bodies[name] = string(data)
	return nil
}
