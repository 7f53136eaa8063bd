package check

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/anishathalye/porcupine"

	"github.com/deltalog/deltalog/txlog/logstore"
)

// An Answer is what a store said to a conditional Put or to a Read.
type Answer string

// The answers.
const (
	Stored   Answer = "stored"    // of a Put: nil
	Exists   Answer = "exists"    // of a Put: [logstore.ErrExist]
	Found    Answer = "found"     // of a Read: nil
	Absent   Answer = "absent"    // of a Read: [logstore.ErrNotExist]
	NoEffect Answer = "no effect" // another definite error, or a Read that failed
	Unclear  Answer = "unclear"   // of a Put: any other error
)

// A StoreEvent is one Put with [logstore.IfAbsent], or one Read, of one client.
type StoreEvent struct {
	Client       int
	Name         string // of the object
	Call, Return int64  // as in [Event]
	Put          bool
	Body         string // what was sent, or what a Read found; tells writers apart
	Answer       Answer
}

func (e *StoreEvent) String() string {
	verb := "read"
	if e.Put {
		verb = "put " + e.Body + " to"
	}
	s := fmt.Sprintf("client %d %s %s: %s", e.Client, verb, e.Name, e.Answer)
	if !e.Put && e.Answer == Found {
		s += " " + e.Body
	}
	return s
}

// Puts asks whether each name is a register that is written once: one Put is
// stored, every other one is told that the name exists, and every Read finds what
// was stored, once it is. The errors are those of [Registers].
func Puts(events []StoreEvent, o *RegisterOptions) ([]*Violation, error) {
	opts := o.withDefaults()
	byName := map[string][]porcupine.Operation{}
	var names []string
	for i := range events {
		e := &events[i]
		if e.Return <= e.Call {
			return nil, fmt.Errorf("check: %s returns at %d and was called at %d", e, e.Return, e.Call)
		}
		if e.Answer == NoEffect {
			continue
		}
		op := porcupine.Operation{ClientId: e.Client, Input: e, Call: e.Call, Return: e.Return}
		if e.Answer == Unclear {
			op.Return = Never
		}
		if byName[e.Name] == nil {
			names = append(names, e.Name)
		}
		byName[e.Name] = append(byName[e.Name], op)
	}
	slices.Sort(names)
	var found []*Violation
	for _, name := range names {
		ops := byName[name]
		if len(ops) > opts.MaxOps {
			return found, &BudgetError{Partition: name, Ops: len(ops)}
		}
		switch porcupine.CheckOperationsTimeout(object, ops, opts.Timeout) {
		case porcupine.Unknown:
			return found, &BudgetError{Partition: name, Ops: len(ops), Timeout: opts.Timeout}
		case porcupine.Illegal:
			found = append(found, &Violation{Anomaly: NotLinearizable, Partition: name, Detail: explain(ops)})
		}
	}
	return found, nil
}

// object is the model of one name. Its state is the body, empty for none.
var object = porcupine.Model{
	Init: func() any { return "" },
	Step: func(state, input, _ any) (bool, any) {
		e, body := input.(*StoreEvent), state.(string)
		switch {
		case e.Answer == Stored:
			return body == "", e.Body
		case e.Answer == Exists:
			return body != "", body
		case e.Answer == Unclear && body == "":
			return true, e.Body
		case e.Answer == Found:
			return body == e.Body, body
		case e.Answer == Absent:
			return body == "", body
		}
		return true, body
	},
}

// explain says, for a store's author, what is wrong.
func explain(ops []porcupine.Operation) string {
	slices.SortFunc(ops, func(a, b porcupine.Operation) int { return int(a.Call - b.Call) })
	var stored, lines []string
	for _, op := range ops {
		e := op.Input.(*StoreEvent)
		lines = append(lines, fmt.Sprintf("  %d–%d %s", e.Call, e.Return, e))
		if e.Answer == Stored {
			stored = append(stored, e.Body)
		}
	}
	what := "what was read or answered is not what one Put that came first explains"
	if len(stored) > 1 {
		what = fmt.Sprintf("%d Puts of one name with IfAbsent were told that they were stored (%s): the store ignores the condition, or does not look and write at once",
			len(stored), strings.Join(stored, ", "))
	}
	return what + ":\n" + strings.Join(lines, "\n")
}

// DriveOptions say how a store is driven. Nil means defaults.
type DriveOptions struct {
	Clients int // at the same time. Default: 4.
	Names   int // of objects. Default: 4.
	Ops     int // of each client. Default: 12.
	Seed    uint64
	// Prefix begins all names. Default: "_delta_log/check-".
	Prefix string
}

// Drive lets clients put and read a few names at the same time, and returns what
// they were told. The objects stay.
func Drive(ctx context.Context, s logstore.Store, o *DriveOptions) []StoreEvent {
	d := DriveOptions{Clients: 4, Names: 4, Ops: 12, Prefix: "_delta_log/check-"}
	if o != nil {
		d.Seed = o.Seed
		if o.Clients > 0 {
			d.Clients = o.Clients
		}
		if o.Names > 0 {
			d.Names = o.Names
		}
		if o.Ops > 0 {
			d.Ops = o.Ops
		}
		if o.Prefix != "" {
			d.Prefix = o.Prefix
		}
	}
	var clock atomic.Int64
	all := make([][]StoreEvent, d.Clients)
	var wg sync.WaitGroup
	for client := range d.Clients {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(d.Seed, uint64(client)))
			for i := range d.Ops {
				e := StoreEvent{Client: client, Name: fmt.Sprintf("%s%d", d.Prefix, r.IntN(d.Names)), Put: r.IntN(5) > 1}
				e.Call = clock.Add(1)
				if e.Put {
					e.Body = fmt.Sprintf("c%d.%d", client, i)
					e.Answer = putAnswer(s.Put(ctx, e.Name, []byte(e.Body), logstore.IfAbsent))
				} else {
					data, err := s.Read(ctx, e.Name, 0)
					e.Body, e.Answer = string(data), readAnswer(err)
				}
				e.Return = clock.Add(1)
				all[client] = append(all[client], e)
			}
		})
	}
	wg.Wait()
	return slices.Concat(all...)
}

func putAnswer(err error) Answer {
	if err == nil {
		return Stored
	}
	if errors.Is(err, logstore.ErrExist) {
		return Exists
	}
	for _, definite := range []error{logstore.ErrPermission, logstore.ErrNoSpace, logstore.ErrBadName, logstore.ErrTooLarge, logstore.ErrRefused, logstore.ErrUnavailable} {
		if errors.Is(err, definite) {
			return NoEffect
		}
	}
	return Unclear
}

func readAnswer(err error) Answer {
	switch {
	case err == nil:
		return Found
	case errors.Is(err, logstore.ErrNotExist):
		return Absent
	}
	return NoEffect
}
