package conformance

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A Row is a row of every table of the scenarios: id BIGINT, p STRING, v BIGINT,
// partitioned by p. All columns are nullable; no scenario writes nulls.
type Row struct {
	ID int64
	P  string
	V  int64
}

func (r Row) String() string { return fmt.Sprintf("(%d, %q, %d)", r.ID, r.P, r.V) }

// Compare orders rows.
func (r Row) Compare(o Row) int {
	return cmp.Or(cmp.Compare(r.P, o.P), cmp.Compare(r.ID, o.ID), cmp.Compare(r.V, o.V))
}

// A bag is rows with how often each is there.
type bag map[Row]int

func bagOf(rows []Row) bag {
	b := bag{}
	for _, r := range rows {
		b[r]++
	}
	return b
}

// without returns the rows that keep does not accept.
func (b bag) without(drop func(Row) bool) bag {
	out := bag{}
	for r, n := range b {
		if !drop(r) {
			out[r] = n
		}
	}
	return out
}

func (b bag) plus(rows []Row) bag {
	out := maps.Clone(b)
	for _, r := range rows {
		out[r]++
	}
	return out
}

func (b bag) equal(o bag) bool { return maps.Equal(b, o) }

// String lists the rows in order, with a count where it is not one.
func (b bag) String() string {
	if len(b) == 0 {
		return "no rows"
	}
	rows := slices.SortedFunc(maps.Keys(b), Row.Compare)
	var parts []string
	for i, r := range rows {
		if i == 8 {
			parts = append(parts, fmt.Sprintf("and %d more", len(rows)-i))
			break
		}
		if b[r] == 1 {
			parts = append(parts, r.String())
		} else {
			parts = append(parts, fmt.Sprintf("%s × %d", r, b[r]))
		}
	}
	return strings.Join(parts, ", ")
}

// against says how b differs from what was wanted.
func (b bag) against(want bag) string {
	missing, extra := bag{}, bag{}
	for r, n := range want {
		if n > b[r] {
			missing[r] = n - b[r]
		}
	}
	for r, n := range b {
		if n > want[r] {
			extra[r] = n - want[r]
		}
	}
	var parts []string
	if len(missing) > 0 {
		parts = append(parts, "missing: "+missing.String())
	}
	if len(extra) > 0 {
		parts = append(parts, "too many: "+extra.String())
	}
	return strings.Join(parts, "; ")
}

// size counts the differences between two bags.
func (b bag) distance(o bag) (n int) {
	for r, k := range o {
		n += max(0, k-b[r])
	}
	for r, k := range b {
		n += max(0, k-o[r])
	}
	return n
}
