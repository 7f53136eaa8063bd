package pqread

import (
	"github.com/deltalog/deltalog/internal/vec"
)

// A group is the structure of a struct, list or map in one batch: which slots
// are null, and where the elements of each begin.
type group struct {
	slots   int
	valid   []byte
	nulls   int
	offsets []int32 // of List, Map
}

// build computes the structure from the entries of a leaf below the node.
// repeated says that the leaf has repetition levels.
func (g *group) build(o *outNode, lv *levels, repeated bool, memory *budget) error {
	n := len(lv.def)
	*g = group{}
	size := int64(n)/8 + 1
	if o.kind != vec.Struct {
		size += 4 * (int64(n) + 1)
	}
	if err := memory.take(size); err != nil {
		return err
	}
	g.valid = make([]byte, bitmapBytes(n))
	switch {
	case o.kind != vec.Struct:
		g.offsets = make([]int32, n+1)
		g.lists(o, lv)
	case repeated:
		g.structs(o, lv)
	default:
		g.slots = n
		present := markAtLeast(g.valid, lv.def, o.def)
		g.nulls = n - present
	}
	return nil
}

func (g *group) structs(o *outNode, lv *levels) {
	rep := lv.rep[:len(lv.def)]
	for i, d := range lv.def {
		if rep[i] > o.slotRep || d < o.slotDef {
			continue
		}
		g.slot(d >= o.def)
	}
}

func (g *group) slot(valid bool) {
	if valid {
		g.valid[g.slots>>3] |= 1 << (g.slots & 7)
	} else {
		g.nulls++
	}
	g.slots++
}

func (g *group) lists(o *outNode, lv *levels) {
	rep := lv.rep[:len(lv.def)]
	elements := int32(0)
	for i, d := range lv.def {
		if rep[i] <= o.slotRep && d >= o.slotDef {
			g.offsets[g.slots] = elements
			g.slot(d >= o.def)
		}
		if rep[i] <= o.elemRep && d >= o.elemDef {
			elements++
		}
	}
	g.offsets[g.slots] = elements
	g.offsets = g.offsets[:g.slots+1]
}

// markAtLeast sets the bits of dst where the level is at least want, and
// returns how many.
func markAtLeast(dst []byte, lv []uint8, want uint8) (n int) {
	for i, v := range lv {
		b := 0
		if v >= want {
			b = 1
		}
		dst[i>>3] |= byte(b << (i & 7))
		n += b
	}
	return n
}

// assemble makes the vec of a node of n slots out of the batch's columns and
// groups.
func (o *outNode) assemble(n int, columns []column, groups []group) *vec.Vec {
	switch o.kind {
	case vec.Null:
		return &vec.Vec{Kind: vec.Null, Len: n}
	case vec.Struct, vec.List, vec.Map:
	default:
		return columns[o.leaf].vec()
	}
	v := &vec.Vec{Kind: o.kind, Len: n}
	elements := n
	if o.group >= 0 {
		g := &groups[o.group]
		if g.nulls > 0 {
			v.Valid = g.valid[:bitmapBytes(n)]
		}
		if o.kind != vec.Struct {
			v.Offsets = g.offsets
			elements = int(g.offsets[n])
		}
	}
	for _, c := range o.children {
		v.Children = append(v.Children, c.assemble(elements, columns, groups))
	}
	return v
}

// check makes sure that the columns of a batch agree on their lengths: those
// of one struct or list come from different pages and may not.
func (o *outNode) check(n int, columns []column, groups []group) error {
	switch o.kind {
	case vec.Null:
		return nil
	case vec.Struct, vec.List, vec.Map:
	default:
		if got := columns[o.leaf].n; got != n {
			return corruptf("%d values where its neighbours have %d", got, n)
		}
		return nil
	}
	if o.group >= 0 {
		g := &groups[o.group]
		if g.slots != n {
			return corruptf("%d groups where its neighbours have %d", g.slots, n)
		}
		if o.kind != vec.Struct {
			n = int(g.offsets[n])
		}
	}
	for _, c := range o.children {
		if err := c.check(n, columns, groups); err != nil {
			return err
		}
	}
	return nil
}
