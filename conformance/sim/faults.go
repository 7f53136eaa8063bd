package sim

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/deltalog/deltalog/txlog/logstore"
)

// A Fault strikes one call of one process, or begins a spell of bad luck with it.
type Fault struct {
	ID   string
	Proc string
	Ord  int // of the process's calls
	// D is how long it lasts, and N how much of it there is: calls, bytes, percent.
	D time.Duration `json:",omitempty"`
	N int           `json:",omitempty"`
	// Way is which of several forms it takes.
	Way int `json:",omitempty"`
}

func (f *Fault) is(id string) bool { return f != nil && f.ID == id }

// A FaultKind describes a fault of the table in docs/conformance.md.
type FaultKind struct {
	ID     string
	Name   string
	Weight int // how often it is chosen among those that fit a call
	fits   func(w *world, r *request) bool
}

// faultKinds is the table. Faults that need no call to strike are in other places:
// F16 clock skew and F18 copies are in the plan, F19 maintenance and F22 foreign
// writers are actors. F13 is about file systems, F25 about memory: neither can be
// seen in a store.
var faultKinds = []FaultKind{
	{"F1", "crash before a call", 3, always},
	{"F2", "crash after a call", 3, always},
	{"F3", "done, answer lost", 4, (*world).fitsMutation},
	{"F4", "not done, connection lost", 3, always},
	{"F5", "answer lost, lands later", 4, (*world).fitsMutation},
	{"F6", "delivered twice", 3, func(w *world, r *request) bool { return r.mutates() && w.plan.Profile != Posix }},
	{"F7", "409 conflict, not done", 3, func(w *world, r *request) bool {
		return r.verb == logstore.VerbPutIfAbsent && w.plan.Profile == S3
	}},
	{"F8", "partial upload or body", 3, func(_ *world, r *request) bool {
		return r.verb == logstore.VerbCreate || r.verb == logstore.VerbReadRange || r.verb == logstore.VerbList
	}},
	{"F9", "slow down", 2, func(w *world, _ *request) bool { return w.plan.Profile != Posix }},
	{"F10", "stall", 4, always},
	{"F11", "stale hint", 3, func(w *world, r *request) bool { return len(w.objects[r.name]) > 0 && r.verb == logstore.VerbRead }},
	{"F12", "listing that overlaps with writes, or lags", 4, func(_ *world, r *request) bool { return r.verb == logstore.VerbList && r.phase == 0 }},
	{"F14", "no space left", 1, func(w *world, r *request) bool {
		return w.plan.Profile == Posix && (r.verb == logstore.VerbPutIfAbsent || r.verb == logstore.VerbCreate)
	}},
	{"F15", "access denied on a prefix", 1, always},
	{"F16", "clock jumps", 1, always},
	{"F17", "pause", 3, always},
	{"F20", "cancelled", 3, func(_ *world, r *request) bool { return r.proc.role == "writer" || r.proc.role == "reader" }},
	{"F21", "damaged hint or checkpoint", 4, func(_ *world, r *request) bool {
		return r.verb == logstore.VerbRead && isHint(r.name) || r.verb == logstore.VerbReadRange && strings.HasPrefix(r.name, logPrefix)
	}},
	{"F23", "credentials expire", 1, always},
	{"F24", "data file removed", 9, func(w *world, r *request) bool {
		return w.plan.Tier == Parquet && r.verb == logstore.VerbList && w.plan.Seed%8 == 0
	}},
	{"F26", "hint removed by a lifecycle rule", 2, func(_ *world, r *request) bool { return r.verb == logstore.VerbList }},
}

func always(*world, *request) bool { return true }

func (w *world) fitsMutation(r *request) bool { return r.mutates() }

// isHint reports whether the object may be damaged or lost without harm.
func isHint(name string) bool {
	return name == logPrefix+"_last_checkpoint" || strings.HasSuffix(name, ".crc")
}

// decide says what strikes a call, nil for nothing.
func (w *world) decide(r *request) *Fault {
	if w.replay != nil {
		return w.replay.faults[callID{r.proc.id, r.ord}]
	}
	p := w.plan.Faults
	if r.commit() || r.verb == logstore.VerbRead && isHint(r.name) {
		p *= 4
	}
	if w.budget == 0 || w.rng.Float64() >= p {
		return nil
	}
	var fit []FaultKind
	sum := 0
	for _, k := range faultKinds {
		if k.fits(w, r) {
			fit = append(fit, k)
			sum += k.Weight
		}
	}
	n := w.rng.IntN(sum)
	i := slices.IndexFunc(fit, func(k FaultKind) bool { n -= k.Weight; return n < 0 })
	w.budget--
	f := &Fault{ID: fit[i].ID, Proc: r.proc.id, Ord: r.ord}
	w.shape(f, r)
	w.script.Faults = append(w.script.Faults, f)
	return f
}

var (
	shortTimes = []time.Duration{7 * time.Millisecond, 60 * time.Millisecond, 400 * time.Millisecond, 3 * time.Second}
	longTimes  = []time.Duration{3 * time.Second, 35 * time.Second, 150 * time.Second, 11 * time.Minute}
)

// shape draws the particulars of a fault.
func (w *world) shape(f *Fault, r *request) {
	pick := func(ds []time.Duration) time.Duration { return ds[w.rng.IntN(len(ds))] }
	switch f.ID {
	case "F4", "F20", "F12", "F16":
		f.Way = w.rng.IntN(3)
	case "F5", "F6":
		f.D = pick(append(shortTimes, longTimes...))
	case "F8":
		f.N = w.rng.IntN(100)
	case "F9", "F15":
		f.N, f.Way = 1+w.rng.IntN(12), w.rng.IntN(2)
	case "F10":
		f.D = pick(append(shortTimes, longTimes...))
		f.N = w.rng.IntN(3) * (1 + w.rng.IntN(60)) // lands after so many seconds if nobody waits; 0: never
	case "F11":
		f.N = w.rng.IntN(len(w.objects[r.name]))
	case "F17":
		f.D = pick(longTimes)
	case "F21", "F24", "F26":
		f.Way, f.N = w.rng.IntN(4), w.rng.IntN(1000)
	}
}

// serve makes a call as its fault says, and answers it.
func (w *world) serve(r *request) {
	p, f := r.proc, r.fault
	w.mu.Lock()
	p.calls++
	if r.commit() && p.firstPut == 0 {
		p.firstPut = w.step
	}
	if p.role == "maintainer" {
		w.maintained()
	}
	w.mu.Unlock()
	if s := p.spell(r); s != nil {
		p.struck++
		w.refuse(r, s.fault)
		return
	}
	if f == nil {
		w.make(r)
		return
	}
	if f.ID != "F10" {
		w.mu.Lock()
		p.struck++
		p.delayed += f.D
		w.mu.Unlock()
	}
	if !w.strikes(r, f) {
		w.make(r)
	}
}

// make makes the call and answers truly.
func (w *world) make(r *request) {
	r.call()
	w.note(r, "call", r.err)
	w.answer(r, r.err)
}

// strikes lets a fault act, and reports whether the call is over with it.
func (w *world) strikes(r *request, f *Fault) bool {
	hit := func() { w.counts.hit(f.ID) }
	switch f.ID {
	case "F1":
		hit()
		w.note(r, "crash before", nil)
		w.kill(r.proc)
	case "F2":
		hit()
		r.call()
		w.note(r, "crash after", r.err)
		w.kill(r.proc)
	case "F3":
		hit()
		r.call()
		w.lose(r, "lost answer", errReset)
	case "F4":
		hit()
		w.lose(r, "not done", []error{errReset, context.DeadlineExceeded, errBusy}[f.Way])
	case "F5":
		hit()
		w.late = append(w.late, &landing{time.Now().Add(f.D), r})
		w.lose(r, "on its way", errReset)
	case "F6":
		hit()
		r.call()
		if r.verb == logstore.VerbPutIfAbsent {
			r.call() // the hidden retry meets the first
			return w.told(r, "twice")
		}
		again := *r
		w.late = append(w.late, &landing{time.Now().Add(f.D), &again})
		return w.told(r, "twice")
	case "F7":
		hit()
		w.lose(r, "409", errRace)
	case "F14":
		hit()
		w.lose(r, "full", fmt.Errorf("sim: %s: %w", r.name, logstore.ErrNoSpace))
	case "F9", "F15", "F23":
		hit()
		r.proc.rest = append(r.proc.rest, newSpell(f, r))
		w.refuse(r, f)
	case "F8":
		hit()
		if r.verb == logstore.VerbCreate {
			r.cut = f.N
		}
		return false // acts on what is read or written
	case "F16":
		hit()
		r.proc.jump(f.Way)
		return false
	case "F17":
		return w.pause(r, f)
	case "F20":
		hit()
		return w.cancelled(r, f)
	case "F24":
		if name := w.lostFile(f.N); name != "" {
			hit()
			w.note(r, "somebody removes "+name, nil)
		}
		return false
	case "F26":
		return w.expire(r, f)
	default:
		return false // F10: it has been late; F11, F12, F21: they act on what is read
	}
	return true
}

func (w *world) told(r *request, what string) bool {
	w.note(r, what, r.err)
	w.answer(r, r.err)
	return true
}

// lose answers with an error, whatever became of the call.
func (w *world) lose(r *request, what string, err error) {
	err = fmt.Errorf("sim: %s %s: %w", r.verb, r.name, err)
	w.note(r, what, err)
	w.answer(r, err)
}

func newSpell(f *Fault, r *request) *spell {
	s := &spell{fault: f, left: f.N}
	switch f.ID {
	case "F15":
		if f.Way == 0 {
			s.prefix = r.name[:strings.LastIndexByte(r.name, '/')+1]
		}
	case "F23":
		s.left = 1 << 30 // until the process is over
	}
	return s
}

// spell returns the spell that strikes the call, nil for none.
func (p *proc) spell(r *request) *spell {
	for _, s := range p.rest {
		if s.left > 0 && strings.HasPrefix(r.name, s.prefix) {
			s.left--
			return s
		}
	}
	return nil
}

// refuse answers a call in a spell.
func (w *world) refuse(r *request, f *Fault) {
	switch f.ID {
	case "F9":
		w.lose(r, "busy", errBusy)
	case "F15":
		w.lose(r, "denied", errDenied)
	default:
		w.lose(r, "expired", errExpired)
	}
}

// jump changes the process's clock.
func (p *proc) jump(way int) {
	switch way {
	case 0:
		p.skew.Add(-int64(time.Hour))
	case 1:
		p.skew.Add(int64(time.Hour))
	default:
		p.frozen.Store(p.clock().UnixNano())
	}
}

// pause stops the process before the call, once.
func (w *world) pause(r *request, f *Fault) bool {
	w.counts.hit("F17")
	r.fault = nil
	w.mu.Lock()
	r.proc.stopped, r.proc.pausedUntil = true, time.Now().Add(f.D)
	w.mu.Unlock()
	w.note(r, "pause", nil)
	return true // it stays parked
}

// cancelled ends the operation while the call is on its way.
func (w *world) cancelled(r *request, f *Fault) bool {
	if f.Way == 1 {
		r.call()
		w.note(r, "cancelled after", r.err)
		r.fault = nil
	} else {
		w.note(r, "cancelled", nil)
		r.fault = &Fault{N: f.Way * 10} // Way 2: it lands nevertheless, late
	}
	if r.proc.cancel != nil {
		r.proc.cancel()
	}
	return true // the caller gives up by itself
}

// expire removes a hint behind everybody's back.
func (w *world) expire(r *request, f *Fault) bool {
	var hints []string
	for _, n := range w.store.Names() {
		if isHint(n) {
			hints = append(hints, n)
		}
	}
	if len(hints) == 0 {
		return false
	}
	w.counts.hit("F26")
	name := hints[f.N%len(hints)]
	if err := w.store.Delete(context.Background(), name); err != nil {
		panic(err) // of a map
	}
	w.note(r, "lifecycle removes "+name, nil)
	return false
}

// tamper changes what a Read returns.
func (w *world) tamper(r *request, data []byte) []byte {
	f := r.fault
	switch {
	case f.is("F11") && len(w.objects[r.name]) > 0:
		w.counts.hit("F11")
		return slices.Clone(w.objects[r.name][f.N%len(w.objects[r.name])])
	case f.is("F21") && len(data) > 0:
		w.counts.hit("F21")
		// The highest bit, so that it is no text any more: a digit that has become
		// another is a claim that nothing in these objects could show to be false.
		return damage(data, f, 7)
	}
	return data
}

// damage returns data with a flipped bit of some byte, cut short, empty, or with zeros.
func damage(data []byte, f *Fault, bit int) []byte {
	at := f.N % len(data)
	switch f.Way {
	case 0:
		out := slices.Clone(data)
		out[at] ^= 1 << bit
		return out
	case 1:
		return data[:at]
	case 2:
		return nil
	}
	out := slices.Clone(data)
	clear(out[at:])
	return out
}

// body makes the body of a range, which may end early.
func (w *world) body(r *request, data []byte) *rangeBody {
	b := newRangeBody(data)
	if r.fault.is("F21") && len(data) > 0 {
		w.counts.hit("F21")
		b = newRangeBody(damage(data, r.fault, r.fault.N%8))
		w.damaged = true
	}
	if r.fault.is("F8") {
		b = newRangeBody(data[:len(data)*r.fault.N/100])
		b.err = errBroken
		w.damaged = true
	}
	return b
}

// overlap returns a listing that was under way while second came to be: what was
// there all the time is in it, what is new may be. Listings of a legacy store also
// lack what is older.
func (w *world) overlap(r *request, first, second []logstore.Object) []logstore.Object {
	f := r.fault
	var out []logstore.Object
	n := 0
	for _, o := range second {
		old := slices.ContainsFunc(first, func(p logstore.Object) bool { return p.Name == o.Name })
		if !old {
			n++
			if (f.Way+n)%2 == 0 {
				continue // written while the listing ran: seen by chance
			}
		}
		out = append(out, o)
	}
	if w.plan.Profile == Legacy && len(out) > 0 {
		k := min(1+f.Way, len(out)-1)
		out = out[:len(out)-k]
	}
	w.counts.hit("F12")
	return out
}
