package conformance

import (
	"fmt"
	"slices"
	"strings"
)

// A Verb is an operation that engines have under one name or another, and so a
// Feature that a harness may lack.
type Verb = Feature

// The verbs.
const (
	Create  Verb = "create"  // an empty table, partitioned by p; an error if there is one
	Append  Verb = "append"  // adds Rows; makes the table, partitioned by p, if there is none
	Replace Verb = "replace" // makes the partitions Parts hold Rows and no others
	Reload  Verb = "reload"  // makes the table hold Rows and no others
	Merge   Verb = "merge"   // by (id, p): updates v of rows that meet, inserts the others
	Update  Verb = "update"  // sets v = Value where id is one of IDs
	Delete  Verb = "delete"  // removes rows whose id is one of IDs
)

// An Op is one piece of work for a client.
type Op struct {
	Verb  Verb
	Rows  []Row
	Parts []string // of Replace
	IDs   []int64  // of Update and Delete
	Value int64    // of Update
	// Properties are those of a table that Create makes.
	Properties map[string]string

	// App and Version are the idempotency key, Spark's txnAppId and txnVersion;
	// App is empty for work without a key. Work with a key is applied once.
	App     string
	Version int64
}

func (o Op) String() string {
	var b strings.Builder
	b.WriteString(string(o.Verb))
	if o.App != "" {
		fmt.Fprintf(&b, " under %s:%d", o.App, o.Version)
	}
	if len(o.Parts) > 0 {
		fmt.Fprintf(&b, " of p=%s", strings.Join(o.Parts, ","))
	}
	if len(o.IDs) > 0 {
		fmt.Fprintf(&b, " of id %s", strings.Trim(fmt.Sprint(o.IDs), "[]"))
	}
	if len(o.Rows) > 0 {
		fmt.Fprintf(&b, " of %s", bagOf(o.Rows))
	}
	return b.String()
}

// Apply returns what an operation makes of rows.
func Apply(op Op, rows []Row) []Row {
	var out []Row
	for r, n := range op.apply(bagOf(rows)) {
		for range n {
			out = append(out, r)
		}
	}
	return out
}

// apply is the reference: what the operation makes of a table's rows.
func (o Op) apply(b bag) bag {
	switch o.Verb {
	case Append:
		return b.plus(o.Rows)
	case Replace:
		return b.without(func(r Row) bool { return slices.Contains(o.Parts, r.P) }).plus(o.Rows)
	case Reload:
		return bag{}.plus(o.Rows)
	case Merge:
		type key struct {
			id int64
			p  string
		}
		source := map[key]bool{}
		for _, r := range o.Rows {
			source[key{r.ID, r.P}] = true
		}
		out := b.without(func(r Row) bool { return source[key{r.ID, r.P}] })
		for _, r := range o.Rows {
			n := 0 // rows of the table with the source row's key, all of which become it
			for t, k := range b {
				if t.ID == r.ID && t.P == r.P {
					n += k
				}
			}
			out[r] += max(1, n)
		}
		return out
	case Update:
		out := bag{}
		for r, n := range b {
			if slices.Contains(o.IDs, r.ID) {
				r.V = o.Value
			}
			out[r] += n
		}
		return out
	case Delete:
		return b.without(func(r Row) bool { return slices.Contains(o.IDs, r.ID) })
	}
	return b // Create
}
