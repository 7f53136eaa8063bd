package conformance

import (
	"fmt"
	"strings"
)

// A told is an operation and what its writer was told.
type told struct {
	name string // of the writer, for the report
	op   Op
	Answer
}

// explain returns nil if an order of the operations, each done at most once, gives
// the rows that are there: those that were acknowledged are in it, those that were
// refused are not, others may be. Of operations with one key one counts, and one
// that was already applied stands for another that is in it.
func explain(before bag, all []told, after bag) error {
	best, bestText := -1, ""
	found := false
	var try func(rows bag, used []bool, order []string)
	try = func(rows bag, used []bool, order []string) {
		if found {
			return
		}
		if complete(all, used) {
			if rows.equal(after) {
				found = true
				return
			}
			if d := after.distance(rows); best < 0 || d < best {
				best = d
				bestText = after.against(rows)
			}
		}
		for i, t := range all {
			if used[i] || t.Said == Skipped || t.Said == Refused || keyUsed(all, used, i) {
				continue
			}
			used[i] = true
			try(t.op.apply(rows), used, append(order, t.name))
			used[i] = false
		}
	}
	try(before, make([]bool, len(all)), nil)
	if found {
		return nil
	}
	if best < 0 {
		return fmt.Errorf("what was told cannot all be true; the table has %s", after)
	}
	return fmt.Errorf("no order of the acknowledged operations gives these rows (%s)", bestText)
}

// complete says that every acknowledged operation is in the order, itself or
// another with its key.
func complete(all []told, used []bool) bool {
	for i, t := range all {
		acknowledged := t.Said == Done || t.Said == Skipped
		if acknowledged && !used[i] && !keyUsed(all, used, i) && !(t.Said == Skipped && newer(all, used, i)) {
			return false
		}
	}
	return true
}

// keyUsed says that another operation with the key of the i-th is in the order.
func keyUsed(all []told, used []bool, i int) bool {
	if all[i].op.App == "" {
		return false
	}
	for j := range all {
		if j != i && used[j] && all[j].op.App == all[i].op.App && all[j].op.Version == all[i].op.Version {
			return true
		}
	}
	return false
}

// newer says that work of the i-th operation's App with a greater version is in the
// order: a sequence number that is not greater counts as applied, if its writer is
// told so.
func newer(all []told, used []bool, i int) bool {
	for j := range all {
		if used[j] && all[i].op.App != "" && all[j].op.App == all[i].op.App && all[j].op.Version > all[i].op.Version {
			return true
		}
	}
	return false
}

// list says who was told what.
func list(all []told) string {
	var parts []string
	for _, t := range all {
		parts = append(parts, fmt.Sprintf("%s (%s) was told %s", t.name, t.op, t.Answer))
	}
	return strings.Join(parts, "; ")
}
