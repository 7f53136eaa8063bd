package check

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

// RegisterOptions bound the search of [Registers] and [Puts]. Nil means defaults.
type RegisterOptions struct {
	// Timeout is for one partition. Default: 10 seconds.
	Timeout time.Duration
	// MaxOps is the most operations on one partition. Default: 100.
	MaxOps int
}

func (o *RegisterOptions) withDefaults() RegisterOptions {
	var d RegisterOptions
	if o != nil {
		d = *o
	}
	if d.Timeout <= 0 {
		d.Timeout = 10 * time.Second
	}
	if d.MaxOps <= 0 {
		d.MaxOps = 100
	}
	return d
}

// A BudgetError says that a history was too long to be judged, which is no pass:
// make histories shorter.
type BudgetError struct {
	Partition string
	Ops       int
	Timeout   time.Duration // 0: there were too many operations to try
}

func (e *BudgetError) Error() string {
	if e.Timeout == 0 {
		return fmt.Sprintf("check: partition %s has %d operations, which is too many to judge", e.Partition, e.Ops)
	}
	return fmt.Sprintf("check: %d operations on partition %s could not be judged within %s", e.Ops, e.Partition, e.Timeout)
}

// An access is what one event does to one partition.
type access struct {
	e      *Event
	reads  bool
	want   string  // what was read
	change *Change // nil: none
	idle   bool    // the change made no difference
}

// Registers takes each partition for a register that starts with what the history
// says, and asks whether its reads and changes can be put into an order in which
// each of them happens between its call and its return and each read gives what it
// gave. A change that failed is left out; one of which the outcome is not known may
// happen at any time after its call, or never.
//
// An event that reads and changes one partition does both at once. The error is a
// *BudgetError, or says what is wrong with the history itself.
func Registers(h *History, o *RegisterOptions) ([]*Violation, error) {
	if err := h.Validate(); err != nil {
		return nil, err
	}
	opts := o.withDefaults()
	var found []*Violation
	for _, p := range h.partitions() {
		ops := accesses(h, p)
		v, err := linearize(p, text(sorted(h.Start[p])), ops, &opts)
		if err != nil {
			return found, err
		}
		if v != nil {
			found = append(found, v)
		}
	}
	return found, nil
}

// accesses returns the operations on a partition.
func accesses(h *History, p string) []porcupine.Operation {
	clients := map[string]int{}
	var ops []porcupine.Operation
	for _, e := range h.Events {
		rows, reads := e.Reads[p]
		change, changes := e.Changes[p]
		a := &access{e: e, reads: reads && e.Outcome == Done, want: text(sorted(rows))}
		if changes && e.Outcome != Failed {
			a.change = &change
			a.idle = e.Outcome == Done && e.Version == NoVersion
		}
		if !a.reads && a.change == nil {
			continue
		}
		if _, known := clients[e.Client]; !known {
			clients[e.Client] = len(clients)
		}
		ret := e.Return
		if e.Outcome == Unknown {
			ret = Never
		}
		ops = append(ops, porcupine.Operation{ClientId: clients[e.Client], Input: a, Call: e.Call, Return: ret})
	}
	return ops
}

// A register is the model of a partition. Its state is the text of its rows.
type register struct {
	p       string
	applied map[memoKey]string
}

func (r *register) step(state, input, _ any) (bool, any) {
	a, s := input.(*access), state.(string)
	if a.reads && a.want != s {
		return false, s
	}
	if a.change == nil {
		return true, s
	}
	k := memoKey{a.e, r.p, s}
	after, known := r.applied[k]
	if !known {
		after = text(a.change.apply(rowsOf(s)))
		r.applied[k] = after
	}
	if a.idle && after != s {
		return false, s
	}
	return true, after
}

func rowsOf(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, "\x00")
}

func linearize(p, start string, ops []porcupine.Operation, o *RegisterOptions) (*Violation, error) {
	if len(ops) > o.MaxOps {
		return nil, &BudgetError{Partition: p, Ops: len(ops)}
	}
	r := &register{p, map[memoKey]string{}}
	m := porcupine.Model{Init: func() any { return start }, Step: r.step}
	result, info := porcupine.CheckOperationsVerbose(m, ops, o.Timeout)
	switch result {
	case porcupine.Ok:
		return nil, nil
	case porcupine.Unknown:
		return nil, &BudgetError{Partition: p, Ops: len(ops), Timeout: o.Timeout}
	}
	return r.stuck(start, ops, info), nil
}

// stuck says how far an order of the operations can be made, and which of those
// that must come next cannot.
func (r *register) stuck(start string, ops []porcupine.Operation, info porcupine.LinearizationInfo) *Violation {
	var best []porcupine.Operation
	for _, part := range info.PartialLinearizationsOperations() {
		for _, l := range part {
			if len(l) > len(best) {
				best = l
			}
		}
	}
	state := any(start)
	placed := map[*Event]bool{}
	for _, op := range best {
		_, state = r.step(state, op.Input, nil)
		placed[op.Input.(*access).e] = true
	}
	v := &Violation{Anomaly: NotLinearizable, Partition: r.p}
	var rest []string
	slices.SortStableFunc(ops, func(a, b porcupine.Operation) int { return int(min(max(a.Return-b.Return, -1), 1)) })
	for _, op := range ops {
		a := op.Input.(*access)
		if placed[a.e] || len(rest) == 3 {
			continue
		}
		v.Events = append(v.Events, a.e)
		line := a.e.String()
		if a.reads {
			line += " read " + show(rowsOf(a.want))
		}
		rest = append(rest, line)
	}
	v.Detail = fmt.Sprintf("%d of %d operations can be put in order, which gives %s; then none of these can follow: %s",
		len(best), len(ops), show(rowsOf(state.(string))), strings.Join(rest, "; "))
	return v
}
