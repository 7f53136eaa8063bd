// Package interleave runs two operations on one table at once, in every order of
// their storage calls that takes no more than two preemptions: A runs up to its i-th
// call, B up to its j-th, A to its end, B to its end, for all i and j. It judges that
// the table is what one of them after the other makes of it, at every version, that
// both were told the truth, that nobody was refused who need not be, and that a loser
// has left nothing. The oracle is package model.
//
// Authors of stores run it over theirs with [Run].
package interleave

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/conformance/model"
	"github.com/deltalog/deltalog/conformance/ops"
	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
)

// Options say what is run. The zero value runs all schedules, in memory.
type Options struct {
	// Store returns an empty store, for one schedule. Nil: in memory.
	Store func(tb testing.TB) logstore.Store
	// Pairs are the operations. Nil: all of [Pairs].
	Pairs []Pair
	// Variant is the way to keep the table.
	Variant ops.Variant
	// EveryCall stops processes at all calls. Else they stop at those of the log,
	// which are all that can make a difference.
	EveryCall bool
	// Preemptions is 1 or 2; 0 means 2.
	Preemptions int
	// Sample is how many schedules are drawn for each pair, by Seed; 0: all.
	Sample int
	Seed   uint64        // also of the order of pairs
	Time   time.Duration // pairs are left out when it is over; 0: no limit
}

// A Report counts what was done.
type Report struct {
	Pairs, Schedules int
	Told             map[delta.State]int
	Refused          map[string]int // by the error
	Replanned        int            // operations that lost a version at first
}

// String is one line for people.
func (r *Report) String() string {
	return fmt.Sprintf("%d pairs, %d schedules; told %v, of whom %d had lost a version; refused %v", r.Pairs, r.Schedules, r.Told, r.Replanned, r.Refused)
}

func (o Options) withDefaults() Options {
	if o.Store == nil {
		o.Store = func(testing.TB) logstore.Store { return memstore.New(nil) }
	}
	if o.Pairs == nil {
		o.Pairs = Pairs()
	}
	if o.Preemptions == 0 {
		o.Preemptions = 2
	}
	return o
}

// Run runs the pairs. A failure names the schedule and shows all calls of it.
func Run(t *testing.T, o Options) *Report {
	t.Helper()
	o = o.withDefaults()
	base, err := ops.NewBase(t.Context(), o.Variant)
	require.NoError(t, err)
	sum := &Report{Told: map[delta.State]int{}, Refused: map[string]int{}}
	var mu sync.Mutex
	began, pairs := time.Now(), slices.Clone(o.Pairs)
	rand.New(rand.NewPCG(o.Seed, 0)).Shuffle(len(pairs), func(i, j int) { pairs[i], pairs[j] = pairs[j], pairs[i] })
	t.Run("interleave", func(t *testing.T) {
		for _, p := range pairs {
			t.Run(o.Variant.Name+"/"+p.Name, func(t *testing.T) {
				t.Parallel()
				if o.Time > 0 && time.Since(began) > o.Time {
					return
				}
				r := newRunner(t, &o, p, base)
				r.note = func(f func(*Report)) { mu.Lock(); defer mu.Unlock(); f(sum) }
				require.NoError(t, r.all(t.Context()))
				r.note(func(s *Report) { s.Pairs++ })
			})
		}
	})
	return sum
}

// A runner runs the schedules of one pair.
type runner struct {
	tb   testing.TB
	o    *Options
	p    Pair
	base *ops.Base
	note func(func(*Report))

	// Tests put here what is wrong.
	perform func(t *ops.Table, ctx context.Context, op model.Op, intent string) (*delta.Result, error)
	wrap    func(st logstore.Store, process string) logstore.Store
}

func newRunner(tb testing.TB, o *Options, p Pair, base *ops.Base) *runner {
	return &runner{
		tb: tb, o: o, p: p, base: base, note: func(func(*Report)) {},
		perform: (*ops.Table).Do, wrap: func(st logstore.Store, _ string) logstore.Store { return st },
	}
}

// all runs all schedules, or the sample. How many calls there are shows as they
// run: a process that met the other makes more.
func (r *runner) all(ctx context.Context) error {
	if r.o.Sample > 0 {
		return r.sample(ctx)
	}
	for i := 0; ; i++ {
		for j := 1; ; j++ {
			if r.o.Preemptions == 1 {
				j = unlimited
			}
			endedA, endedB, err := r.schedule(ctx, i, j)
			switch {
			case err != nil:
				return err
			case endedA:
				return nil // before its i-th call, so that all has been tried
			}
			if endedB {
				break
			}
		}
	}
}

// sample runs schedules by chance, among those that are possible if the processes
// make about as many calls as each alone does.
func (r *runner) sample(ctx context.Context) error {
	rnd := rand.New(rand.NewPCG(r.o.Seed, uint64(len(r.p.Name))))
	_, calls, err := r.run(ctx, unlimited, unlimited)
	if err != nil {
		return err
	}
	for range r.o.Sample {
		j := unlimited
		if r.o.Preemptions == 2 {
			j = 1 + rnd.IntN(calls[1]+3)
		}
		if _, _, err := r.schedule(ctx, rnd.IntN(calls[0]+1), j); err != nil {
			return err
		}
	}
	return nil
}

// schedule runs A up to its i-th call, B up to its j-th, and both to the end. It
// reports whether A, or B, ended before that call.
func (r *runner) schedule(ctx context.Context, i, j int) (endedA, endedB bool, err error) {
	ended, _, err := r.run(ctx, i, j)
	return ended[0], ended[1], err
}

// A process does one of the operations.
type process struct {
	ops.Attempt
	gate *gate
	tbl  *ops.Table
}

func (r *runner) run(ctx context.Context, i, j int) (ended [2]bool, calls [2]int, err error) {
	st, log := r.o.Store(r.tb), &journal{}
	if err := r.base.Put(ctx, st); err != nil {
		return ended, calls, err
	}
	witness, err := ops.NewWitness(ctx, st, r.base.Table)
	if err != nil {
		return ended, calls, err
	}
	var ps [2]*process
	for n, op := range []model.Op{r.p.A, r.p.B} {
		if ps[n], err = r.process(ctx, st, string(rune('A'+n)), op, log); err != nil {
			return ended, calls, err
		}
	}
	var wg sync.WaitGroup
	for _, p := range ps {
		wg.Go(func() {
			defer p.gate.end()
			p.Result, p.Err = r.perform(p.tbl, ctx, p.Op, p.Intent)
		})
	}
	ended[0] = ps[0].gate.runTo(i)
	ended[1] = ps[1].gate.runTo(j)
	ps[0].gate.runTo(unlimited)
	ps[1].gate.runTo(unlimited)
	wg.Wait()
	calls = [2]int{ps[0].gate.made, ps[1].gate.made}
	r.count(ps)
	err = r.judge(ctx, witness, ps)
	switch {
	case err != nil:
	case ended[0]:
		err = r.serial(ps)
	case ended[1] && i > 0: // with its first call A has looked at the log
		err = r.overtaken(ps)
	}
	if err != nil {
		err = fmt.Errorf("%s, A to its call %d, B to its call %d (seed %d): %w\n%s\n%s\n%s", r.p.Name, i, j, r.o.Seed, err,
			&ps[0].Attempt, &ps[1].Attempt, strings.Join(log.lines, "\n"))
		return ended, calls, err
	}
	return ended, calls, nil
}

// process opens a handle, and makes it ready to begin.
func (r *runner) process(ctx context.Context, st logstore.Store, name string, op model.Op, log *journal) (*process, error) {
	p := &process{Attempt: ops.Attempt{Intent: name, Op: op}, gate: newGate(r.wrap(st, name), name, r.o.EveryCall, log)}
	p.gate.allowed = unlimited
	var err error
	p.tbl, err = ops.Open(ctx, r.base.Options(p.gate, name))
	p.gate.made, p.gate.allowed, log.lines = 0, 0, nil
	return p, err
}

func (r *runner) count(ps [2]*process) {
	r.note(func(s *Report) {
		s.Schedules++
		for _, p := range ps {
			s.Told[p.Result.State]++
			if p.Result.Attempts > 1 {
				s.Replanned++
			}
			if p.Result.State == delta.NotCommitted {
				s.Refused[reason(p.Err)]++
			}
		}
	})
}

// reason is what kind of refusal an error is.
func reason(err error) string {
	if c, ok := errors.AsType[*delta.ConflictError](err); ok {
		return string(c.Kind)
	}
	if k, ok := errors.AsType[*delta.KeyError](err); ok && k.Fenced {
		return "fenced"
	}
	if errors.Is(err, delta.ErrKeyReused) {
		return "key reused"
	}
	text := err.Error()
	return text[strings.LastIndex(text, ": ")+2:]
}

// serial judges a schedule in which A had ended when B began: both must be told
// exactly what the model says, though B's handle had not seen what A did.
func (r *runner) serial(ps [2]*process) error {
	t := r.base.Table
	for _, p := range ps {
		after, e, want := t.Apply(p.Op)
		if err := ops.Told(p.Op, p.Result, p.Err, e, want); err != nil {
			return fmt.Errorf("%s, one after the other: %w", p.Intent, err)
		}
		t = after
	}
	return nil
}

// overtaken judges a schedule in which A had looked at the log before B began, and B
// had ended before A went on: unless A had committed by then, it must be told what
// became of the key that both use.
func (r *runner) overtaken(ps [2]*process) error {
	a, b := ps[0], ps[1]
	if a.Op.Key == "" || a.Op.Key != b.Op.Key || b.Result.State != delta.Committed ||
		a.Result.State == delta.Committed && a.Result.Version < b.Result.Version {
		return nil
	}
	after, _, err := r.base.Table.Apply(b.Op)
	if err != nil {
		return err
	}
	_, e, want := after.ApplySince(a.Op, r.base.Table.Version)
	if err := ops.Told(a.Op, a.Result, a.Err, e, want); err != nil {
		return fmt.Errorf("the first, overtaken by the second: %w", err)
	}
	return nil
}

// judge judges the table, what both were told, and what they left.
func (r *runner) judge(ctx context.Context, w *ops.Witness, ps [2]*process) error {
	err := w.Follow(ctx, func(intent string) (model.Op, bool) {
		for _, p := range ps {
			if p.Intent == intent {
				return p.Op, true
			}
		}
		return model.Op{}, false
	})
	if err != nil {
		return err
	}
	for n, p := range ps {
		if err := w.Judge(&p.Attempt); err != nil {
			return err
		}
		if p.Result.State == delta.Unknown {
			return fmt.Errorf("%s: nothing failed, and its outcome is unknown", p.Intent)
		}
		if p.Result.State == delta.NotCommitted && !mayLose(p.Op, ps[1-n].Op) {
			return fmt.Errorf("%s was refused: %w", p.Intent, p.Err)
		}
	}
	if r.o.Variant.Properties["delta.enableChangeDataFeed"] == "true" {
		if err := w.Changes(ctx); err != nil {
			return err
		}
	}
	if r.p.Check != nil {
		if err := r.p.Check(w.Last()); err != nil {
			return err
		}
	}
	left, err := w.Orphans(ctx, r.base.Names())
	for _, name := range left {
		if p := ps[owner(name)]; p.Op.Kind != model.Optimize { // the other engine leaves that to its vacuum
			return fmt.Errorf("%s has left %s", p.Intent, name)
		}
	}
	return err
}

// owner tells who made a file, by the ids that are in its name.
func owner(name string) int {
	if strings.Contains(name, "B-") {
		return 1
	}
	return 0
}
