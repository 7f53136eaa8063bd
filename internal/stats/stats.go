// Package stats reads and writes the statistics of data files: the JSON text in
// add.stats.
//
// A [Layout] is the list of columns that are of interest; it is made once and
// used for many files. [Layout.Append] writes a [File], [Layout.Parse] and
// [Layout.ParseEscaped] read one, and skip columns that the layout does not
// have. [Select] says which columns a table wants statistics for.
//
// Statistics only ever let a reader leave a file out, so that what is absent or
// not understood costs time and never rows: a bound that cannot be read is
// absent, and a bound that writers are known to round is widened.
//
// A Layout is safe for concurrent use; a File is not. Rules are cited from the
// Delta protocol specification, "Per-file Statistics".
package stats

import (
	"slices"

	"github.com/deltalog/deltalog/txlog/schema"
)

// A Leaf is a column with statistics. An array or map is one leaf, with a null
// count only.
type Leaf struct {
	Path []string // physical names
	Type schema.DataType
	// Widened says that the column once had a narrower type (delta.typeChanges),
	// so that bounds may have been written for that.
	Widened bool
}

// A Column is what is known of one column of a file. Min and Max bound the
// values that are neither null nor deleted, from outside.
type Column struct {
	Min, Max       schema.Value
	HasMin, HasMax bool
	NullCount      int64 // -1: not known
}

// A File is what is known of one file.
type File struct {
	// NumRecords is the number of rows, deleted ones included; -1: not known.
	NumRecords int64
	// TightBounds says that Min and Max are values of rows that are not deleted,
	// as far as their form allows, and NullCount counts such rows. If it is
	// false, which it is once a file has a deletion vector, NullCount means
	// something only if it is 0 or NumRecords.
	TightBounds bool
	Columns     []Column // parallel to the layout's leaves
}

// Reset makes f a file of which nothing is known, with n columns.
func (f *File) Reset(n int) {
	f.NumRecords, f.TightBounds = -1, true
	f.Columns = slices.Grow(f.Columns[:0], n)[:n]
	for i := range f.Columns {
		f.Columns[i] = Column{NullCount: -1}
	}
}

// A Layout is a list of columns, prepared for reading and writing.
type Layout struct {
	leaves []Leaf
	root   node
}

// A node is one level of the tree of columns.
type node struct {
	names []string
	kids  []*node
	index map[string]int // name → kid, if there are too many to search

	// How the name and its colon are written; empty if it needs an escape.
	plain, escaped string

	leaf    int // position in the layout; -1: a struct
	kind    schema.Kind
	decimal schema.Decimal // if the kind is decimal
	widened bool
}

// linear is up to how many names a search through a list is faster than a map.
const linear = 8

// NewLayout prepares leaves. They are not copied. A leaf that has the path of
// one before it, or of a struct around it, which no valid schema has, is never
// found and never written.
func NewLayout(leaves []Leaf) *Layout {
	l := &Layout{leaves: leaves, root: node{leaf: -1}}
	for i := range leaves {
		l.root.insert(&leaves[i], i)
	}
	l.root.finish()
	return l
}

// Leaves returns the layout's columns. Do not change them.
func (l *Layout) Leaves() []Leaf { return l.leaves }

func newNode(name string) *node {
	n := &node{leaf: -1}
	if quoted := string(appendString(nil, name)); quoted == `"`+name+`"` {
		n.plain = quoted + ":"
		n.escaped = `\"` + name + `\":`
	}
	return n
}

func (n *node) insert(leaf *Leaf, i int) {
	for _, name := range leaf.Path {
		if n.leaf >= 0 {
			return
		}
		k, ok := n.index[name]
		if !ok {
			if n.index == nil {
				n.index = map[string]int{}
			}
			k = len(n.kids)
			n.index[name] = k
			n.names = append(n.names, name)
			n.kids = append(n.kids, newNode(name))
		}
		n = n.kids[k]
	}
	if n.leaf >= 0 || len(n.kids) > 0 || len(leaf.Path) == 0 {
		return
	}
	n.leaf, n.kind, n.widened = i, leaf.Type.Kind(), leaf.Widened
	if d, ok := leaf.Type.(schema.Decimal); ok {
		n.decimal = d
	}
}

func (n *node) finish() {
	if len(n.names) <= linear {
		n.index = nil
	}
	for _, k := range n.kids {
		k.finish()
	}
}

// find returns the position of the kid named name, or -1. The guess is the
// position after the last one found.
func (n *node) find(name string, guess int) int {
	if guess < len(n.names) && n.names[guess] == name {
		return guess
	}
	if n.index != nil {
		if k, ok := n.index[name]; ok {
			return k
		}
		return -1
	}
	return slices.Index(n.names, name)
}

// bounded reports whether files have a min and max for a type. Booleans and
// binaries have none, as in Spark.
func bounded(k schema.Kind) bool {
	switch k {
	case schema.KindByte, schema.KindShort, schema.KindInteger, schema.KindLong,
		schema.KindFloat, schema.KindDouble, schema.KindDecimal, schema.KindString,
		schema.KindDate, schema.KindTimestamp, schema.KindTimestampNTZ:
		return true
	}
	return false
}
