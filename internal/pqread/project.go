package pqread

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// A Mapping says how wanted fields find their columns. See the Delta protocol's
// "Column Mapping".
type Mapping uint8

const (
	// ByName resolves by name, where the wanted fields carry the names that are
	// in files: the physical names under column mapping mode name.
	ByName Mapping = iota
	// ByID resolves by Parquet field id, from the wanted fields'
	// "delta.columnMapping.id" metadata. Elements, keys and values of lists and
	// maps are found by their place.
	ByID
)

const idKey = "delta.columnMapping.id"

// FindByName is a key of a wanted field's metadata: with it, the field is found
// by its exact name also where others are found by id. It is for columns that are
// no part of the table's schema.
const FindByName = "deltalog.findByName"

// A Projection is a set of wanted columns, resolved against one file.
type Projection struct {
	file   *File
	want   *schema.Struct
	fields []*outNode
	leaves []leafPlan
	groups int          // nodes that have structure of their own
	owned  [][]*outNode // by leaf: the nodes whose structure its levels give
}

// An outNode is a node of the wanted schema, with where its values come from.
type outNode struct {
	kind     vec.Kind
	leaf     int // of a leaf: index of its plan
	children []*outNode

	group            int   // index of its structure; -1 when every slot is valid
	slotRep, slotDef uint8 // an entry is a slot: rep ≤ slotRep and def ≥ slotDef
	def              uint8 // the slot is not null: def ≥ this
	elemRep, elemDef uint8 // of List, Map: an entry is an element
}

// Project resolves the fields of want, at every nested level.
//
// A field the file lacks becomes a column of nulls, of kind [vec.Null]. Columns
// the file has beyond want are not read. A name is matched exactly, or without
// regard to case if only one column matches so. Values are converted where the
// Delta protocol allows the type change, and where the same values are stored
// in another form (see the forms below); any other pair of types is an error
// that names the column, its type and the wanted type.
//
// Decimals are read from all four physical forms and may gain digits; integers
// of 8 to 32 bits widen to larger ones, to double and to decimal, and narrow
// when every value fits; float widens to double; a date becomes midnight of a
// timestamp_ntz. Timestamps of milliseconds, nanoseconds (rounded down) and
// INT96 become microseconds. Strings need no annotation. Lists of two levels
// and maps and lists by the older names are understood; see the Parquet
// specification, "Nested Types". A variant becomes a struct of two binaries,
// metadata and value.
func (f *File) Project(want *schema.Struct, mapping Mapping) (*Projection, error) {
	p := &Projection{file: f, want: want}
	r := resolver{p: p, mapping: mapping}
	fields, err := r.fields(f.root, want, slot{})
	if err != nil {
		return nil, err
	}
	p.fields = fields
	return p, nil
}

// A slot says which entries of a leaf are values of the innermost list around
// a node; the zero slot stands for the rows.
type slot struct{ rep, def uint8 }

type resolver struct {
	p       *Projection
	mapping Mapping
}

func (r *resolver) fields(parent *node, want *schema.Struct, s slot) ([]*outNode, error) {
	find, err := r.finder(parent, len(want.Fields))
	if err != nil {
		return nil, err
	}
	out := make([]*outNode, 0, len(want.Fields))
	for i := range want.Fields {
		n, err := find(&want.Fields[i])
		if err != nil {
			return nil, err
		}
		o, err := r.field(n, want.Fields[i].Type, s)
		if err != nil {
			return nil, err
		}
		out = append(out, o)
	}
	return out, nil
}

// finder returns a function that finds a wanted field's node; nil when the file
// lacks it.
func (r *resolver) finder(parent *node, wanted int) (func(*schema.Field) (*node, error), error) {
	if r.mapping == ByID {
		return r.finderByID(parent)
	}
	exact := make(map[string]*node, len(parent.children))
	for _, c := range parent.children {
		if _, twice := exact[c.elem.name]; twice {
			return nil, fmt.Errorf("parquet: the file has two columns %q", c.path)
		}
		exact[c.elem.name] = c
	}
	return func(f *schema.Field) (*node, error) {
		if n := exact[f.Name]; n != nil {
			return n, nil
		}
		var found *node
		for _, c := range parent.children {
			if !strings.EqualFold(c.elem.name, f.Name) {
				continue
			}
			if found != nil {
				return nil, fmt.Errorf("parquet: column %q could be %q or %q of the file; they differ only in case", f.Name, found.path, c.path)
			}
			found = c
		}
		return found, nil
	}, nil
}

func (r *resolver) finderByID(parent *node) (func(*schema.Field) (*node, error), error) {
	byID := make(map[int32]*node, len(parent.children))
	for _, c := range parent.children {
		if !c.elem.hasFieldID {
			continue
		}
		if n := byID[c.elem.fieldID]; n != nil {
			return nil, fmt.Errorf("parquet: columns %q and %q have the same field id %d", n.path, c.path, c.elem.fieldID)
		}
		byID[c.elem.fieldID] = c
	}
	return func(f *schema.Field) (*node, error) {
		if _, named := f.Metadata[FindByName]; named {
			return parent.named(f.Name)
		}
		id, err := strconv.ParseInt(f.Metadata[idKey], 10, 32)
		if err != nil {
			return nil, fmt.Errorf("parquet: field %q has no %s to find its column by", f.Name, idKey)
		}
		return byID[int32(id)], nil
	}, nil
}

// named returns the only child of the name; nil if there is none.
func (n *node) named(name string) (found *node, err error) {
	for _, c := range n.children {
		if c.elem.name != name {
			continue
		}
		if found != nil {
			return nil, fmt.Errorf("parquet: the file has two columns %q", c.path)
		}
		found = c
	}
	return found, nil
}

// field resolves a field; a repeated node without LIST around it is a list of
// itself.
func (r *resolver) field(n *node, want schema.DataType, s slot) (*outNode, error) {
	if n == nil || want.Kind() == schema.KindVoid {
		return &outNode{kind: vec.Null, group: -1}, nil
	}
	if !n.repeated() {
		return r.value(n, want, s)
	}
	array, ok := want.(*schema.Array)
	if !ok {
		return nil, mismatch(n, want)
	}
	return r.list(n, n.parent.maxDef, n, n, array, s)
}

func mismatch(n *node, want schema.DataType) error {
	return fmt.Errorf("parquet: column %q is %s and cannot be read as %s", n.path, n.typeName(), want)
}

// value resolves what n holds, apart from its being repeated.
func (r *resolver) value(n *node, want schema.DataType, s slot) (*outNode, error) {
	switch want := want.(type) {
	case *schema.Struct:
		if n.isLeaf() {
			break
		}
		children, err := r.fields(n, want, s)
		if err != nil {
			return nil, err
		}
		return r.structure(n, &outNode{kind: vec.Struct, children: children, def: n.maxDef}, s), nil
	case *schema.Array:
		elem, ok := n.listElement()
		if !ok {
			break
		}
		return r.list(n, n.maxDef, n.children[0], elem, want, s)
	case *schema.Map:
		return r.mapOf(n, want, s)
	case schema.Primitive:
		if want == schema.Variant {
			return r.variant(n, s)
		}
		return r.leaf(n, want, s)
	case schema.Decimal:
		return r.leaf(n, want, s)
	}
	return nil, mismatch(n, want)
}

// list resolves a list whose slots are valid from level def on; rep is the
// repeated node and elem the element, which may be the same.
func (r *resolver) list(n *node, def uint8, rep, elem *node, want *schema.Array, s slot) (*outNode, error) {
	inner := slot{rep: rep.maxRep, def: rep.maxDef}
	resolve := r.value
	if elem != rep {
		resolve = r.field
	}
	child, err := resolve(elem, want.Element, inner)
	if err != nil {
		return nil, err
	}
	o := &outNode{kind: vec.List, children: []*outNode{child}, def: def, elemRep: inner.rep, elemDef: inner.def}
	return r.structure(n, o, s), nil
}

func (r *resolver) mapOf(n *node, want *schema.Map, s slot) (*outNode, error) {
	entry, key, value, ok := n.mapEntry()
	if !ok || key.repeated() {
		return nil, mismatch(n, want)
	}
	inner := slot{rep: entry.maxRep, def: entry.maxDef}
	k, err := r.value(key, want.Key, inner)
	if err != nil {
		return nil, err
	}
	v, err := r.field(value, want.Value, inner)
	if err != nil {
		return nil, err
	}
	o := &outNode{kind: vec.Map, children: []*outNode{k, v}, def: n.maxDef, elemRep: inner.rep, elemDef: inner.def}
	return r.structure(n, o, s), nil
}

// variant resolves to a struct of metadata and value, in that order.
func (r *resolver) variant(n *node, s slot) (*outNode, error) {
	if n.isLeaf() {
		return nil, mismatch(n, schema.Variant)
	}
	metadata, value, err := n.variantParts()
	if err != nil {
		return nil, err
	}
	o := &outNode{kind: vec.Struct, def: n.maxDef}
	for _, part := range []*node{metadata, value} {
		child, err := r.leaf(part, schema.Binary, s)
		if err != nil {
			return nil, err
		}
		o.children = append(o.children, child)
	}
	return r.structure(n, o, s), nil
}

func (r *resolver) leaf(n *node, want schema.DataType, s slot) (*outNode, error) {
	if !n.isLeaf() {
		return nil, mismatch(n, want)
	}
	t, err := resolveLeaf(n, want)
	if err != nil {
		return nil, err
	}
	o := &outNode{kind: t.kind, leaf: r.add(leafPlan{node: n, typ: t, slotDef: s.def}), group: -1}
	return o, nil
}

func (r *resolver) add(plan leafPlan) int {
	r.p.leaves = append(r.p.leaves, plan)
	r.p.owned = append(r.p.owned, nil)
	return len(r.p.leaves) - 1
}

// structure gives a node that can be null, empty or have several elements a
// leaf whose levels say which: one that is read anyway, or else the smallest.
func (r *resolver) structure(n *node, o *outNode, s slot) *outNode {
	o.slotRep, o.slotDef, o.group = s.rep, s.def, -1
	if o.kind == vec.Struct && o.def <= s.def {
		return o
	}
	owner := r.owner(n)
	if owner < 0 {
		leaf := r.p.file.smallestLeaf(n)
		if leaf == nil { // a group without columns says nothing: null
			return &outNode{kind: vec.Null, group: -1}
		}
		owner = r.add(leafPlan{node: leaf, typ: leafType{kind: vec.Null}, bare: true})
	}
	r.p.leaves[owner].levels = true
	o.group = r.p.groups
	r.p.groups++
	r.p.owned[owner] = append(r.p.owned[owner], o)
	return o
}

// owner returns the plan under n that costs least to get levels from: the least
// repeated, and among those one that gives levels already.
func (r *resolver) owner(n *node) int {
	best := -1
	for i := range r.p.leaves {
		l := &r.p.leaves[i]
		if !l.node.under(n) {
			continue
		}
		if best < 0 || l.node.maxRep < r.p.leaves[best].node.maxRep {
			best = i
		}
	}
	return best
}

func (n *node) under(ancestor *node) bool {
	for ; n != nil; n = n.parent {
		if n == ancestor {
			return true
		}
	}
	return false
}

// smallestLeaf returns the leaf under n with the fewest bytes among the least
// repeated.
func (f *File) smallestLeaf(n *node) *node {
	var best *node
	var bestSize int64
	for _, l := range f.leaf {
		if !l.under(n) || best != nil && l.maxRep > best.maxRep {
			continue
		}
		var size int64
		for i := range f.meta.groups {
			size += f.meta.groups[i].chunks[l.column].size
		}
		if best == nil || l.maxRep < best.maxRep || size < bestSize {
			best, bestSize = l, size
		}
	}
	return best
}
