package sim

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing/synctest"
	"time"

	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
)

// latency is the time that every call takes.
const latency = 2 * time.Millisecond

// A world is one history that is being played: the store, the processes, and the
// scheduler, which is the goroutine that runs it.
type world struct {
	plan   *Plan
	script *Script // what has been decided; in a replay what is to happen
	replay *replay // nil: decisions are drawn
	rng    *rand.Rand
	store  *memstore.Store
	broken Broken

	mu     sync.Mutex // held for a moment, never over a call
	procs  map[string]*proc
	parked []*request
	live   int // actors that have not ended
	step   int
	wake   chan struct{}

	late    []*landing
	objects map[string][][]byte // contents of names that are overwritten, oldest first
	last    *request            // the call that was chosen last
	lastID  callID              // its process, and how often that was chosen
	budget  int                 // of faults that may still be drawn
	ended   string              // why the history was cut off; empty: it was not

	bodies  map[string][]body // what was ever stored under names of commits, in order
	deleted map[string]bool   // names of commits that clean-up has removed
	lost    map[string]bool   // names of data files that somebody removed
	damaged bool              // a checkpoint or a data file was read damaged or cut short

	counts Counts
	hash   hasher
	trace  []string // if the plan wants it

	intents map[string]*Intent
	records []*Record
	reads   []*Read
	checks  []Violation // found on the way
}

// A body is a commit that was stored: its bytes and the step.
type body struct {
	data []byte
	step int
	time time.Time
}

// A landing is a request that is still on its way.
type landing struct {
	due time.Time
	req *request
}

// A request is one call to the store, from the moment it is made.
type request struct {
	proc  *proc
	ord   int // in the process, from 1, in the order in which the scheduler saw them; 0: not seen yet
	verb  logstore.Verb
	name  string
	after string // of a listing
	from  int64  // of a range
	phase int    // of a listing that is made in two pages
	data  []byte
	cut   int    // of a Create: the writer breaks after so many bytes; -1: it does not
	call  func() // makes it; sets what it answers
	fault *Fault
	since int // step at which it was parked
	hold  time.Time

	err       error
	done      chan struct{}
	answered  bool
	abandoned bool
}

func (r *request) String() string { return fmt.Sprintf("%s %s %s", r.proc.id, r.verb, r.name) }

func (r *request) mutates() bool {
	switch r.verb {
	case logstore.VerbPutIfAbsent, logstore.VerbOverwrite, logstore.VerbDelete, logstore.VerbClose:
		return true
	}
	return false
}

// commit reports whether the request is the one that a transaction lives by.
func (r *request) commit() bool { return r.verb == logstore.VerbPutIfAbsent && isCommit(r.name) }

// park hands a request to the scheduler and waits for the answer.
func (w *world) park(r *request) error {
	w.mu.Lock()
	if r.proc.dead {
		w.mu.Unlock()
		return errCrashed
	}
	r.since = w.step
	w.parked = append(w.parked, r)
	w.mu.Unlock()
	w.signal()
	return nil
}

func (w *world) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (w *world) now() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.step
}

// A history may not take more steps or virtual time than this.
const (
	maxSteps = 20_000
	maxTime  = 24 * time.Hour
)

// schedule is the loop of the history. It returns when every actor has ended.
func (w *world) schedule() {
	start := time.Now()
	for {
		//repolint:allow sleep: virtual time, in a bubble of testing/synctest
		time.Sleep(latency)
		synctest.Wait()
		w.observe()
		w.land(time.Now())
		w.mu.Lock()
		over := w.live == 0
		w.mu.Unlock()
		switch {
		case over:
			w.finish()
			return
		case w.step >= maxSteps:
			w.cutOff(fmt.Sprintf("not over after %d calls", w.step))
			continue
		case time.Since(start) > maxTime:
			w.cutOff(fmt.Sprintf("not over after %s", maxTime))
			continue
		}
		if r := w.pick(w.eligible()); r != nil {
			r.proc.chosen++
			w.last, w.lastID = r, callID{r.proc.id, r.proc.chosen}
			w.serve(r)
		} else {
			w.idle()
		}
	}
}

// finish lets everything arrive that is still on its way.
func (w *world) finish() {
	synctest.Wait()
	w.observe()
	slices.SortStableFunc(w.late, func(a, b *landing) int { return a.due.Compare(b.due) })
	for _, l := range w.late {
		w.arrive(l.req)
	}
	w.late = nil
}

// cutOff kills all processes: the history cannot go on.
func (w *world) cutOff(why string) {
	if w.ended == "" {
		w.ended = why
		w.violate("L1", "the history is %s", why)
	}
	for _, p := range w.allProcs() {
		w.kill(p)
	}
	w.idle()
}

func (w *world) allProcs() []*proc {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []*proc
	for _, p := range w.procs {
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b *proc) int { return strings.Compare(a.id, b.id) })
	return all
}

// observe numbers the calls that are new, decides what strikes them, and takes
// back those whose callers have given up.
func (w *world) observe() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.step++
	select {
	case <-w.wake:
	default:
	}
	slices.SortStableFunc(w.parked, compareRequests)
	keep := w.parked[:0]
	for _, r := range w.parked {
		if r.ord == 0 {
			r.proc.ords++
			r.ord = r.proc.ords
			r.fault = w.decide(r)
			if f := r.fault; f.is("F10") {
				r.hold = time.Now().Add(f.D)
				r.proc.struck++
				r.proc.delayed += f.D
				w.counts.hit("F10")
			}
		}
		switch {
		case r.answered:
		case r.abandoned:
			w.abandon(r)
		default:
			keep = append(keep, r)
		}
	}
	w.parked = keep
}

func compareRequests(a, b *request) int {
	return cmp.Or(strings.Compare(a.proc.id, b.proc.id), strings.Compare(string(a.verb), string(b.verb)),
		strings.Compare(a.name, b.name), cmp.Compare(a.from, b.from), strings.Compare(a.after, b.after), cmp.Compare(a.phase, b.phase))
}

// abandon decides what becomes of a request whose caller does not wait any more:
// it may have been lost, or it may still arrive.
func (w *world) abandon(r *request) {
	f := r.fault
	w.note(r, "abandoned", nil)
	if !r.mutates() || f == nil || f.N == 0 {
		return
	}
	w.counts.hit("F5")
	w.late = append(w.late, &landing{time.Now().Add(time.Duration(f.N) * time.Second), r})
}

// eligible returns the calls that may be made now, in order.
func (w *world) eligible() []*request {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	var es []*request
	for _, r := range w.parked {
		if !r.abandoned && !r.proc.paused(now) && !r.hold.After(now) {
			es = append(es, r)
		}
	}
	return es
}

// idle lets time pass until something happens.
func (w *world) idle() {
	wait := time.Hour
	w.mu.Lock()
	now := time.Now()
	for _, r := range w.parked {
		for _, due := range []time.Time{r.hold, r.proc.pausedUntil} {
			if due.After(now) {
				wait = min(wait, due.Sub(now))
			}
		}
	}
	for _, l := range w.late {
		if l.due.After(now) {
			wait = min(wait, l.due.Sub(now))
		}
	}
	w.mu.Unlock()
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-w.wake:
		w.signal()
	case <-t.C:
	}
}

// land makes the requests arrive whose time has come.
func (w *world) land(now time.Time) {
	slices.SortStableFunc(w.late, func(a, b *landing) int { return a.due.Compare(b.due) })
	for len(w.late) > 0 && !w.late[0].due.After(now) {
		r := w.late[0].req
		w.late = w.late[1:]
		w.arrive(r)
	}
}

// arrive makes a call whose caller does not wait for it.
func (w *world) arrive(r *request) {
	r.err = nil
	r.call()
	if r.commit() && r.err == nil {
		w.counts.Late++
	}
	w.note(r, "lands late", r.err)
}

// pick chooses one of the calls that may be made, nil for none.
//
// Without a decision the process that made the last call goes on as long as it
// can, and then the first one does. Everything else is a switch, which is what a
// script records.
func (w *world) pick(es []*request) *request {
	if len(es) == 0 {
		return nil
	}
	usual := 0
	if w.last != nil {
		usual = max(0, slices.IndexFunc(es, func(r *request) bool { return r.proc == w.last.proc }))
	}
	if w.replay != nil {
		return es[w.replay.choose(w.lastID, es, usual)]
	}
	i := usual
	if w.rng.Float64() < w.plan.Switch {
		i = w.rng.IntN(len(es))
	}
	if i != usual {
		s := Switch{After: w.lastID.proc, Ord: w.lastID.ord, To: es[i].proc.id}
		for _, e := range es[:i] {
			if e.proc == es[i].proc {
				s.Index++
			}
		}
		w.script.Switches = append(w.script.Switches, s)
	}
	return es[i]
}

// answer ends a request and lets its caller go on.
func (w *world) answer(r *request, err error) {
	w.mu.Lock()
	r.err, r.answered = err, true
	i := slices.Index(w.parked, r)
	if i >= 0 {
		w.parked = slices.Delete(w.parked, i, i+1)
	}
	w.mu.Unlock()
	close(r.done)
}

// kill ends a process: none of its calls is made any more.
func (w *world) kill(p *proc) {
	w.mu.Lock()
	if p.dead {
		w.mu.Unlock()
		return
	}
	p.dead = true
	w.parked = slices.DeleteFunc(w.parked, func(r *request) bool { return r.proc == p })
	w.mu.Unlock()
	close(p.died)
	p.end()
}

// note adds a line to the trace.
func (w *world) note(r *request, what string, err error) {
	line := fmt.Sprintf("%d %d %s %s#%d %s %s: %s", w.step, time.Since(epoch).Milliseconds(), what, r.proc.id, r.ord, r.verb, r.name, class(err))
	w.hash.add(line)
	if w.plan.Trace {
		w.trace = append(w.trace, line)
	}
}

var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func (w *world) violate(rule, format string, args ...any) {
	w.checks = append(w.checks, Violation{Rule: rule, Text: fmt.Sprintf(format, args...)})
}

// A hasher is the digest of a trace.
type hasher uint64

func (h *hasher) add(line string) {
	f := fnv.New64a()
	f.Write([]byte(line))
	*h = (*h ^ hasher(f.Sum64())) * 1099511628211
}
