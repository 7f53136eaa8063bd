package bucket

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/deltalog/deltalog/conformance"
	"github.com/deltalog/deltalog/conformance/ours"
	"github.com/deltalog/deltalog/internal/faultstore"
)

// The sweep's table and the operations that are killed in it.
var (
	sweepBase = conformance.Op{Verb: conformance.Append, Rows: []conformance.Row{{ID: 1, P: "a", V: 1}, {ID: 2, P: "b", V: 2}}}
	sweepOps  = []conformance.Op{
		{Verb: conformance.Append, Rows: []conformance.Row{{ID: 3, P: "a", V: 3}, {ID: 4, P: "c", V: 4}}, App: "sweep", Version: 1},
		{Verb: conformance.Replace, Parts: []string{"a"}, Rows: []conformance.Row{{ID: 5, P: "a", V: 5}}, App: "sweep", Version: 1},
		{Verb: conformance.Merge, Rows: []conformance.Row{{ID: 1, P: "a", V: 6}, {ID: 7, P: "b", V: 7}}, App: "sweep", Version: 1},
	}
)

// A mode is how a request fails.
type mode struct {
	name  string
	fault faultstore.Fault
	// all: requests that only read too.
	all bool
}

var modes = []mode{
	{"killed before", faultstore.Fault{CrashBefore: true}, true},
	{"killed after", faultstore.Fault{CrashAfter: true}, false},
	{"answer lost at", faultstore.Lose(errors.New("connection reset")), false},
}

// planSweep plans one check for each operation and way to fail: at each request in
// turn, and then the same work again by a next process.
func (r *run) planSweep() {
	for _, op := range sweepOps {
		for _, m := range modes {
			name := fmt.Sprintf("%s, %s each request", op.Verb, m.name)
			r.plan = append(r.plan, planned{
				Check: Check{Part: "sweep", Name: name, Promise: "the work of a job that is stopped at any request and run again is done once, and its writer is told the truth"},
				run: func(ctx context.Context) ([]string, string) {
					return r.sweep(ctx, op, m), followsTable
				},
			})
		}
	}
}

// sweep fails request after request until the operation no longer makes one more.
func (r *run) sweep(ctx context.Context, op conformance.Op, m mode) (seen []string) {
	for n := 0; ctx.Err() == nil; n++ {
		at := fmt.Sprintf("sweep/%s-%s-%03d", op.Verb, slug(m.name), n)
		problem, more := r.stopAt(ctx, r.place(at), op, m, n)
		if problem != "" {
			return append(seen, fmt.Sprintf("%s request %d: %s", m.name, n, problem))
		}
		if !more {
			return nil
		}
	}
	return nil
}

// stopAt makes the table, fails the operation's n-th request, and lets the next
// process do the same work. It returns what is wrong, and whether there was such a
// request.
func (r *run) stopAt(ctx context.Context, p ours.Place, op conformance.Op, m mode, n int) (problem string, more bool) {
	if a, err := r.attempt(ctx, p, sweepBase, nil); err != nil || a.Said != conformance.Done {
		return fmt.Sprintf("the table could not be made: %v %v", a, err), false
	}
	var hit bool
	seen := -1
	first, err := r.attempt(ctx, p, op, func(c faultstore.Call) faultstore.Fault {
		if !m.all && !c.Mutates() {
			return faultstore.Pass
		}
		if seen++; seen != n {
			return faultstore.Pass
		}
		hit = true
		return m.fault
	})
	if err != nil {
		return err.Error(), false
	}
	if !hit {
		return "", false
	}
	rows, err := r.rows(ctx, p)
	if err != nil {
		return "the table cannot be read: " + err.Error(), true
	}
	landed := !slices.Equal(rows, sorted(sweepBase.Rows))
	if first.Said == conformance.Done && !landed {
		return fmt.Sprintf("the writer was told %s, and its rows are not there", first), true
	}
	if first.Said == conformance.Refused && landed {
		return fmt.Sprintf("the writer was told %s, and its rows are there", first), true
	}
	second, err := r.attempt(ctx, p, op, nil)
	if err != nil {
		return err.Error(), true
	}
	if second.Said != conformance.Done && second.Said != conformance.Skipped {
		return fmt.Sprintf("the next process was told %s", second), true
	}
	want := conformance.Apply(op, sweepBase.Rows)
	if rows, err = r.rows(ctx, p); err != nil {
		return "the table cannot be read: " + err.Error(), true
	}
	if !slices.Equal(rows, sorted(want)) {
		return fmt.Sprintf("the first process was told %s, the next one %s, and the table has %v, want %v", first, second, rows, sorted(want)), true
	}
	if bad := r.fsck(ctx, p, false); len(bad) > 0 {
		return bad[0], true
	}
	return "", true
}

// attempt does an operation in a process of its own, as far as one process has
// several, whose requests a script fails.
func (r *run) attempt(ctx context.Context, p ours.Place, op conformance.Op, script func(faultstore.Call) faultstore.Fault) (conformance.Answer, error) {
	s, err := p.Open(ctx)
	if err != nil {
		return conformance.Answer{}, err
	}
	c := ours.NewClient(p.URL, s, script)
	a, err := c.Do(ctx, op)
	return a, errors.Join(err, c.Close())
}

// rows are those of the newest version, in order.
func (r *run) rows(ctx context.Context, p ours.Place) ([]conformance.Row, error) {
	s, err := p.Open(ctx)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	rows, err := conformance.ReadRows(ctx, s)
	return sorted(rows), err
}

func sorted(rows []conformance.Row) []conformance.Row {
	rows = slices.Clone(rows)
	slices.SortFunc(rows, conformance.Row.Compare)
	return rows
}

func slug(name string) string {
	out := []byte(name)
	for i, c := range out {
		if c == ' ' {
			out[i] = '-'
		}
	}
	return string(out)
}
