package check

import (
	"cmp"
	"fmt"
	"slices"
)

// A Level is what events may notice of each other.
type Level string

// The levels.
const (
	// Serializable: there is an order of all events that explains everything.
	Serializable Level = "serializable"
	// SnapshotIsolation: each event read one state of the table, and no two events
	// that changed one thing overlap. Write skew is allowed.
	SnapshotIsolation Level = "snapshot isolation"
)

// IsolationOptions say how strictly a history is judged. Nil means defaults.
type IsolationOptions struct {
	Level Level // Default: Serializable.
	// AnyTime allows events to be ordered against real time: a read may show a table
	// of the past.
	AnyTime bool
}

// Isolation looks for what the level forbids.
//
// The order of changes is that of the versions that clients were told. What a read
// has seen is found by comparing its rows with the states that this order gives, so
// rows must be told from each other (see [Event]). From both come the dependencies:
// who changed what after whom (ww), who saw whose change (wr), who did not see whose
// change (rw), and who was answered before whom was called (rt). A cycle of them is
// forbidden at Serializable; at SnapshotIsolation it is unless two rw follow each
// other in it. Changes of which no client knows the version are given the place
// among the versions nobody holds at which they explain most of what was read.
//
// The error says what is wrong with the history itself.
func Isolation(h *History, o *IsolationOptions) ([]*Violation, error) {
	if err := h.Validate(); err != nil {
		return nil, err
	}
	c := &cycles{h: h, level: Serializable, index: map[*Event]int{}, applied: memo{}}
	if o != nil {
		c.level, c.anyTime = cmp.Or(o.Level, Serializable), o.AnyTime
	}
	c.order()
	for _, p := range h.partitions() {
		c.partition(p)
	}
	if !c.anyTime {
		c.realTime()
	}
	c.find()
	return c.found, nil
}

// cycles is one run of Isolation.
type cycles struct {
	h       *History
	level   Level
	anyTime bool

	writers []*Event         // by version
	version map[*Event]int64 // of writers
	nodes   []*Event
	index   map[*Event]int // into nodes
	out     [][]edge
	found   []*Violation
	applied memo
}

// An edge is a dependency of one event on another.
type edge struct {
	to   int
	kind string // ww, wr, rw, rt
	part string
}

func (c *cycles) report(a Anomaly, p string, events []*Event, format string, args ...any) {
	c.found = append(c.found, &Violation{Anomaly: a, Partition: p, Events: events, Detail: fmt.Sprintf(format, args...)})
}

// order puts the writers in the order of versions.
func (c *cycles) order() {
	c.version = map[*Event]int64{}
	var open []*Event
	for _, e := range c.h.Events {
		switch {
		case len(e.Changes) == 0 || e.Outcome == Failed:
		case e.Version != NoVersion:
			c.version[e] = e.Version
		case e.Outcome == Unknown:
			open = append(open, e)
		}
	}
	c.place(open)
	for e := range c.version {
		c.writers = append(c.writers, e)
	}
	slices.SortFunc(c.writers, func(a, b *Event) int { return cmp.Compare(c.version[a], c.version[b]) })
	for _, e := range c.h.Events {
		if _, writer := c.version[e]; writer || e.Outcome == Done && len(e.Reads) > 0 {
			c.index[e] = len(c.nodes)
			c.nodes = append(c.nodes, e)
		}
	}
	c.out = make([][]edge, len(c.nodes))
}

// A timeline is what a partition holds after each of its changes.
type timeline struct {
	writers []*Event   // that change it, in order
	states  [][]string // states[k] is after k of them
}

func (c *cycles) timeline(p string, writers []*Event, without *Event) *timeline {
	t := &timeline{states: [][]string{sorted(c.h.Start[p])}}
	for _, w := range writers {
		change, ok := w.Changes[p]
		if !ok || w == without {
			continue
		}
		t.writers = append(t.writers, w)
		t.states = append(t.states, c.applied.to(w, p, &change, t.states[len(t.states)-1]))
	}
	return t
}

// at returns how many changes of the partition a version has.
func (c *cycles) at(t *timeline, version int64) int {
	k := 0
	for k < len(t.writers) && c.version[t.writers[k]] <= version {
		k++
	}
	return k
}

// where returns the positions at which the partition held rows.
func (t *timeline) where(rows []string) (ks []int) {
	for k := range t.states {
		if slices.Equal(t.states[k], rows) {
			ks = append(ks, k)
		}
	}
	return ks
}

// partition adds the dependencies of one partition.
func (c *cycles) partition(p string) {
	t := c.timeline(p, c.writers, nil)
	for k := 1; k < len(t.writers); k++ {
		c.edge(t.writers[k-1], t.writers[k], "ww", p)
	}
	for _, e := range c.h.Events {
		rows, reads := e.Reads[p]
		if !reads || e.Outcome != Done {
			continue
		}
		k, ok := c.position(p, t, e, sorted(rows))
		if !ok {
			continue
		}
		if k > 0 {
			c.edge(t.writers[k-1], e, "wr", p)
		}
		if k < len(t.writers) {
			c.edge(e, t.writers[k], "rw", p)
		}
	}
}

// position returns how many changes of the partition a read has seen; false if that
// cannot be told. It reports reads that show no state of the partition, or not that
// of their version.
func (c *cycles) position(p string, t *timeline, e *Event, rows []string) (int, bool) {
	ks := t.where(rows)
	if len(ks) == 0 {
		c.impossible(p, t, e, rows)
		return 0, false
	}
	if len(e.Changes) == 0 && e.Version != NoVersion {
		told := c.at(t, e.Version)
		if slices.Contains(ks, told) {
			return told, true
		}
		c.report(WrongVersion, p, []*Event{e}, "%s read %s, and at version %d it was %s", e, show(rows), e.Version, show(t.states[told]))
	}
	if own := slices.Index(t.writers, e); own >= 0 {
		// It read before it wrote: the latest state before its own that fits.
		before := slices.DeleteFunc(slices.Clone(ks), func(k int) bool { return k > own })
		switch {
		case len(before) > 0:
			return before[len(before)-1], true
		case ks[0] == own+1:
			c.report(Circular, p, []*Event{e}, "%s read %s, which is there only after it", e, show(rows))
			return 0, false
		}
		return ks[0], true
	}
	return ks[0], len(ks) == 1
}

// impossible names what is wrong with a read that shows no state.
func (c *cycles) impossible(p string, t *timeline, e *Event, rows []string) {
	for _, f := range c.h.Events {
		change, changes := f.Changes[p]
		if !changes || f.Outcome != Failed {
			continue
		}
		seen := slices.ContainsFunc(change.Add, func(r string) bool { return slices.Contains(rows, r) })
		for k := range t.states {
			seen = seen || slices.Equal(change.apply(t.states[k]), rows)
		}
		if seen {
			c.report(DirtyRead, p, []*Event{e, f}, "%s read %s, and %s did not happen", e, show(rows), f)
			return
		}
	}
	for _, w := range t.writers {
		if ks := c.timeline(p, c.writers, w).where(rows); len(ks) > 0 {
			c.report(LostUpdate, p, []*Event{e, w}, "%s read %s, which lacks what %s did and has what was done later", e, show(rows), w)
			return
		}
	}
	for _, w := range t.writers {
		change := w.Changes[p]
		if some, all := overlap(change.Add, rows); some && !all {
			c.report(TornRead, p, []*Event{e, w}, "%s read %s, and %s wrote %s at once", e, show(rows), w, show(change.Add))
			return
		}
	}
	c.report(ImpossibleRead, p, []*Event{e}, "%s read %s, which was never there", e, show(rows))
}

// overlap reports whether some, and whether all, of a are in b.
func overlap(a, b []string) (some, all bool) {
	all = true
	for _, r := range a {
		in := slices.Contains(b, r)
		some, all = some || in, all && in
	}
	return some, all
}

func (c *cycles) edge(from, to *Event, kind, p string) {
	i, j := c.index[from], c.index[to]
	if i != j {
		c.out[i] = append(c.out[i], edge{j, kind, p})
	}
}

// realTime adds the dependencies of time, those that follow from others left out,
// and reports changes whose versions are against it.
func (c *cycles) realTime() {
	for i, a := range c.nodes {
		next := Never // the first return of those that were called after a returned
		for _, b := range c.nodes {
			if a.Return < b.Call {
				next = min(next, b.Return)
			}
		}
		for j, b := range c.nodes {
			if a.Return >= b.Call || a.Outcome != Done {
				continue
			}
			if b.Call <= next {
				c.out[i] = append(c.out[i], edge{j, "rt", ""})
			}
			va, wa := c.version[a]
			if vb, wb := c.version[b]; wa && wb && va > vb {
				c.report(RealTime, "", []*Event{a, b}, "%s was answered before %s was called", a, b)
			}
		}
	}
}
