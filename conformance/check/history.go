package check

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Never is the Return of an event that was not answered: the client crashed, or
// still waited when the history ended.
const Never int64 = math.MaxInt64

// NoVersion says that a version is not known, or that there is none.
const NoVersion int64 = -1

// A History is what clients of one table did and saw. The order of events means
// nothing.
type History struct {
	// Start is what the partitions held before the first event. Those that it does
	// not name were empty.
	Start  map[string][]string `json:"start,omitempty"`
	Events []*Event            `json:"events"`
}

// An Event is one piece of work of one client.
//
// How to fill it:
//
//   - Call and Return are moments of one clock that all clients share: a counter that
//     grows with each call and each return, or virtual time if no two moments are
//     equal. Take Call before the first request is sent, and Return after the answer
//     is known.
//   - All attempts at one piece of work under one idempotency key are one event: the
//     Call of the first, the Return of the first that was told the outcome, however
//     many of them were made, by whichever processes. An attempt that is told
//     "already applied" has done nothing of its own; it only tells the outcome.
//   - Outcome is what the client was told at the end, not what became of it. A client
//     that crashed was told nothing: Unknown and Never.
//   - Rows are texts in which each row is told from all others, best with the name of
//     the event that wrote it, such as "7=w3": then what was read says who wrote it.
//   - Partitions are the finest things of which somebody reads or writes one and
//     not another. Work on a whole table names all partitions of the history.
//   - Work that decides by what is there (delete, update, merge, insert-new) gives a
//     Change with Func. What it read on the way need not be in Reads.
//   - Work that changed nothing because there was nothing to change is a Done event
//     with its Changes and NoVersion: Registers takes it for a change that made no
//     difference, Isolation passes it over.
type Event struct {
	Client string `json:"client"`
	// Name is the event for people, and tells it from all others: "w3 replace eu".
	Name    string  `json:"name"`
	Call    int64   `json:"call"`
	Return  int64   `json:"return"`
	Outcome Outcome `json:"outcome"`
	// Version is the one that holds the event's changes or, of an event without any,
	// the one that it read. Only Isolation uses it.
	Version int64 `json:"version"`
	// Reads are the rows that the client was given of each partition that it read,
	// in any order. An empty list is a partition that was read and found empty.
	Reads map[string][]string `json:"reads,omitempty"`
	// Changes are what the event does to each partition that it may change.
	Changes map[string]Change `json:"changes,omitempty"`
}

func (e *Event) String() string {
	s := fmt.Sprintf("%s (%s, %s", e.Name, e.Client, e.Outcome)
	if e.Version != NoVersion {
		s += fmt.Sprintf(" version %d", e.Version)
	}
	return s + ")"
}

// An Outcome is what a client was told.
type Outcome string

// The outcomes.
const (
	// Done: the changes are in the table, the reads are the answer.
	Done Outcome = "done"
	// Failed: nothing was changed, and nothing ever will be; nothing was read.
	Failed Outcome = "failed"
	// Unknown: the changes may be there, or come later.
	Unknown Outcome = "unknown"
)

// A Change is what is done to a partition. The rows after it are those before it,
// none if Replace is set, without Remove and with Add; or else what Func says.
type Change struct {
	Replace bool     `json:"replace,omitempty"`
	Remove  []string `json:"remove,omitempty"`
	Add     []string `json:"add,omitempty"`
	// Func, if not nil, makes the rows after the change of those before it, which are
	// sorted and must not be changed. It must be pure.
	Func func(rows []string) []string `json:"-"`
}

// Put is the change after which a partition holds rows and no others.
func Put(rows ...string) Change { return Change{Replace: true, Add: rows} }

// Add is the change that adds rows.
func Add(rows ...string) Change { return Change{Add: rows} }

// apply returns the rows after the change, sorted.
func (c *Change) apply(rows []string) []string {
	if c.Func != nil {
		return sorted(c.Func(slices.Clone(rows)))
	}
	var out []string
	if !c.Replace {
		out = slices.Clone(rows)
	}
	for _, r := range c.Remove {
		if i := slices.Index(out, r); i >= 0 {
			out = slices.Delete(out, i, i+1)
		}
	}
	return sorted(append(out, c.Add...))
}

// A memo remembers what changes make of which rows: Funcs may be slow, and searches
// ask again and again.
type memo map[memoKey][]string

type memoKey struct {
	e       *Event
	p, rows string
}

func (m memo) to(e *Event, p string, c *Change, rows []string) []string {
	k := memoKey{e, p, text(rows)}
	after, known := m[k]
	if !known {
		after = c.apply(rows)
		m[k] = after
	}
	return after
}

func sorted(rows []string) []string {
	rows = slices.Clone(rows)
	slices.Sort(rows)
	return rows
}

func text(rows []string) string { return strings.Join(rows, "\x00") }

func show(rows []string) string { return "{" + strings.Join(rows, " ") + "}" }

// Validate says what of a history cannot be judged: an event that returns before it
// is called, two events with one name or one version, an outcome that is none.
func (h *History) Validate() error {
	names, versions := map[string]bool{}, map[int64]*Event{}
	for _, e := range h.Events {
		switch {
		case e.Name == "" || names[e.Name]:
			return fmt.Errorf("check: event %q: the name is empty, or another event's", e.Name)
		case e.Return <= e.Call:
			return fmt.Errorf("check: event %s returns at %d and was called at %d", e.Name, e.Return, e.Call)
		case e.Outcome != Done && e.Outcome != Failed && e.Outcome != Unknown:
			return fmt.Errorf("check: event %s has the outcome %q", e.Name, e.Outcome)
		case e.Outcome == Done && e.Return == Never:
			return fmt.Errorf("check: event %s is done, and was never answered", e.Name)
		}
		names[e.Name] = true
		if len(e.Changes) == 0 || e.Version == NoVersion || e.Outcome != Done {
			continue
		}
		if other := versions[e.Version]; other != nil {
			return fmt.Errorf("check: events %s and %s were both told that they are version %d", other.Name, e.Name, e.Version)
		}
		versions[e.Version] = e
	}
	return nil
}

// partitions returns the names of all partitions of the history, in order.
func (h *History) partitions() []string {
	all := map[string]bool{}
	for p := range h.Start {
		all[p] = true
	}
	for _, e := range h.Events {
		for p := range e.Reads {
			all[p] = true
		}
		for p := range e.Changes {
			all[p] = true
		}
	}
	out := make([]string, 0, len(all))
	for p := range all {
		out = append(out, p)
	}
	slices.Sort(out)
	return out
}
