package pqread

import (
	"bytes"
	"context"
	"encoding/binary"
	"math"
	"strings"

	"github.com/parquet-go/parquet-go/format"

	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// Bounds are the statistics of one column, for the row groups of a file or the
// pages of a row group.
//
// Entry i says that rows Rows[i] have Nulls[i] nulls, and that every other
// value v among them has Min[i] ≤ v ≤ Max[i], in the order of the column's
// wanted type: numbers by value with NaN left out, strings and binaries byte by
// byte. A bound need not be a value that occurs.
type Bounds struct {
	Rows     []Range  // of row groups: from the file's first row; of pages: from the group's
	Min, Max *vec.Vec // of the wanted type; null where not known
	Nulls    []int64  // -1 where not known
}

// GroupBounds returns the statistics of the column at path, the names in the
// wanted schema from the outermost on, for every row group. It makes no
// request. It returns nil when path is not a column of plain values, or is
// inside a list or map.
func (p *Projection) GroupBounds(path ...string) *Bounds {
	o := p.find(path)
	if o == nil {
		return nil
	}
	groups := p.file.meta.groups
	b := newBounds(len(groups))
	d := p.boundDecoder(o)
	for i := range groups {
		g := &groups[i]
		b.Rows[i] = Range{g.first, g.first + g.rows}
		if d == nil {
			b.Nulls[i] = g.rows
			continue
		}
		s := &g.chunks[d.leaf.column].stats
		if s.nulls >= 0 && s.nulls <= g.rows {
			b.Nulls[i] = s.nulls
		}
		lo, hi := s.min, s.max
		if lo == nil && hi == nil && d.signedOrder() {
			lo, hi = s.oldMin, s.oldMax
		}
		d.add(lo, hi, b.Nulls[i] == g.rows)
	}
	d.finish(b)
	return b
}

// PageBounds returns the statistics of columns, each given by its path, for
// every page of a row group: an entry for each path, in order. An entry is nil
// when the file has no page index for the column, and as for
// [Projection.GroupBounds].
//
// It makes no request when the page index was near enough to the footer to be
// read by Open, and else few: indexes are usually side by side.
func (p *Projection) PageBounds(ctx context.Context, group int, paths ...[]string) ([]*Bounds, error) {
	g := &p.file.meta.groups[group]
	out := make([]*Bounds, len(paths))
	leaves := make([]*outNode, len(paths))
	wanted := make([][]span, 2*len(paths))
	for i, path := range paths {
		o := p.find(path)
		if o == nil {
			continue
		}
		if o.kind == vec.Null {
			out[i] = newBounds(1)
			out[i].Rows[0], out[i].Nulls[0] = Range{0, g.rows}, g.rows
			continue
		}
		k := &g.chunks[p.leaves[o.leaf].node.column]
		if p.file.inside(k.columnIdx) && p.file.inside(k.offsetIdx) {
			leaves[i] = o
			wanted[2*i], wanted[2*i+1] = []span{k.offsetIdx}, []span{k.columnIdx}
		}
	}
	got, err := p.file.fetch(ctx, wanted)
	if err != nil {
		return nil, err
	}
	for i, o := range leaves {
		if o == nil {
			continue
		}
		leaf := p.leaves[o.leaf].node
		if out[i], err = p.pageBounds(o, g, join(got[2*i]), join(got[2*i+1])); err != nil {
			return nil, &CorruptError{Column: leaf.path, RowGroup: group, Offset: wanted[2*i+1][0].off, Err: err}
		}
	}
	return out, nil
}

func (p *Projection) pageBounds(o *outNode, g *groupMeta, offsets, column []byte) (*Bounds, error) {
	k := &g.chunks[p.leaves[o.leaf].node.column]
	pages, err := parseOffsetIndex(offsets, k, g.rows)
	if err != nil {
		return nil, err
	}
	x, err := parseColumnIndex(column)
	if err != nil {
		return nil, corruptf("column index: %w", err)
	}
	n := len(pages)
	if len(x.nullPages) != n || len(x.min) != n || len(x.max) != n || x.nulls != nil && len(x.nulls) != n {
		return nil, corruptf("column index: not of the %d pages in the offset index", n)
	}
	b := newBounds(n)
	d := p.boundDecoder(o)
	for i, page := range pages {
		b.Rows[i] = Range{page.first, page.end}
		rows := page.end - page.first
		switch {
		case x.nullPages[i]:
			b.Nulls[i] = rows
		case x.nulls != nil && x.nulls[i] >= 0 && x.nulls[i] <= rows:
			b.Nulls[i] = x.nulls[i]
		}
		d.add(x.min[i], x.max[i], x.nullPages[i])
	}
	d.finish(b)
	return b, nil
}

func newBounds(n int) *Bounds {
	b := &Bounds{Rows: make([]Range, n), Nulls: make([]int64, n)}
	b.Min = &vec.Vec{Kind: vec.Null, Len: n}
	b.Max = &vec.Vec{Kind: vec.Null, Len: n}
	for i := range b.Nulls {
		b.Nulls[i] = -1
	}
	return b
}

// find returns the leaf or missing column at a path of wanted names.
func (p *Projection) find(path []string) *outNode {
	fields, nodes := p.want, p.fields
	for depth, name := range path {
		i := 0
		for i < len(fields.Fields) && fields.Fields[i].Name != name {
			i++
		}
		if i == len(fields.Fields) {
			return nil
		}
		o := nodes[i]
		inner, isStruct := fields.Fields[i].Type.(*schema.Struct)
		switch {
		case o.kind == vec.Null:
			return o
		case depth == len(path)-1 && (o.kind == vec.Struct || o.kind == vec.List || o.kind == vec.Map):
			return nil
		case depth == len(path)-1:
			return o
		case !isStruct:
			return nil
		}
		fields, nodes = inner, o.children
	}
	return nil
}

// A boundDecoder turns stored bounds into values of the wanted type. A nil one
// is for a column that is not in the file.
type boundDecoder struct {
	leaf     *node
	typ      leafType
	trusted  bool
	lo, hi   column
	unsigned bool
}

func (p *Projection) boundDecoder(o *outNode) *boundDecoder {
	if o.kind == vec.Null {
		return nil
	}
	l := &p.leaves[o.leaf]
	d := &boundDecoder{leaf: l.node, typ: l.typ}
	d.lo.kind, d.lo.width = l.typ.kind, l.typ.width
	d.hi.kind, d.hi.width = l.typ.kind, l.typ.width
	logical := l.node.elem.logical
	d.unsigned = logical.kind == logicalInt && !logical.signed
	ordered := l.node.column < len(p.file.meta.ordered) && p.file.meta.ordered[l.node.column]
	switch l.node.elem.typ {
	case format.Int96: // has no order
	case format.ByteArray, format.FixedLenByteArray:
		d.trusted = ordered
		switch logical.kind {
		case logicalDecimal:
			// parquet-go compared these byte by byte, without their sign
			// (its issue 592).
			d.trusted = ordered && !strings.Contains(p.file.meta.createdBy, "parquet-go")
		case logicalInterval, logicalOther, logicalVariant:
			d.trusted = false
		}
	default:
		d.trusted = ordered || !d.unsigned
	}
	return d
}

// signedOrder reports whether the deprecated min and max, which compare values
// as signed numbers or not at all, order as the type does.
func (d *boundDecoder) signedOrder() bool {
	switch d.leaf.elem.typ {
	case format.Boolean, format.Int32, format.Int64, format.Float, format.Double:
		return !d.unsigned
	}
	return false
}

// add appends the bounds of one entry. none says that there is no value to
// bound.
func (d *boundDecoder) add(lo, hi []byte, none bool) {
	if none || !d.trusted || d.isNaN(lo) || d.isNaN(hi) {
		lo, hi = nil, nil
	}
	if d.typ.kind == vec.Bytes && len(hi) > 0 && len(bytes.TrimLeft(hi, "\xFF")) == 0 {
		// A long value has no next one of fewer bytes when they are all 0xFF;
		// parquet-go 0.32 cuts it off all the same, which is less than it.
		hi = nil
	}
	d.append(&d.lo, lo, math.Copysign(0, -1))
	d.append(&d.hi, hi, 0)
}

// append appends a bound; it is null when b is nil or no value of the type. A
// zero bound becomes the given zero: writers do not tell 0 and -0 apart.
func (d *boundDecoder) append(c *column, b []byte, zero float64) {
	// Without a limit on memory, reserving cannot fail: there is an entry for
	// every row group or page, whose bounds are in memory already.
	_ = c.reserve(1)
	ok := b != nil
	if ok {
		switch {
		case c.kind == vec.Bool:
			ok = len(b) == 1 && b[0] <= 1
			setBits(c.data, c.n, 1, ok && b[0] == 1)
		case c.kind == vec.Bytes:
			ok = len(c.data)+len(b) <= maxBytes
			if ok {
				c.data = append(c.data, b...)
			}
		default:
			ok = d.fixed(c.data[c.n*c.width:(c.n+1)*c.width], b, zero)
		}
	}
	if c.kind == vec.Bytes {
		c.offsets[c.n+1] = int32(len(c.data))
	}
	setBits(c.bitmap(), c.n, 1, ok)
	if !ok {
		c.nulls++
	}
	c.n++
}

// isNaN reports whether a bound is NaN: such bounds say nothing about the values
// that are numbers.
func (d *boundDecoder) isNaN(b []byte) bool {
	switch {
	case d.leaf.elem.typ == format.Double && len(b) == 8:
		f := math.Float64frombits(binary.LittleEndian.Uint64(b))
		return f != f
	case d.leaf.elem.typ == format.Float && len(b) == 4:
		f := math.Float32frombits(binary.LittleEndian.Uint32(b))
		return f != f
	case d.leaf.elem.logical.kind == logicalFloat16 && len(b) == 2:
		f := halfToFloat(binary.LittleEndian.Uint16(b))
		return f != f
	}
	return false
}

func (d *boundDecoder) fixed(dst, b []byte, zero float64) (ok bool) {
	switch {
	case d.typ.stored == 0:
		ok = d.typ.decode(dst, b) == nil
	case len(b) != d.typ.stored:
	case d.typ.convert == nil:
		copy(dst, b)
		ok = true
	default:
		ok = d.typ.convert(dst, b, 1) == nil
	}
	switch d.typ.kind {
	case vec.Float32:
		if f := typed[float32](dst, 1); f[0] == 0 {
			f[0] = float32(zero)
		}
	case vec.Float64:
		if f := typed[float64](dst, 1); f[0] == 0 {
			f[0] = zero
		}
	}
	return ok
}

func (d *boundDecoder) finish(b *Bounds) {
	if d != nil && d.lo.n > 0 {
		b.Min, b.Max = d.lo.vec(), d.hi.vec()
	}
}

type columnIndex struct {
	nullPages []bool
	min, max  [][]byte
	nulls     []int64 // nil when not stated
}

func parseColumnIndex(b []byte) (x columnIndex, err error) {
	c := &cursor{b: b}
	for f := (fieldIter{}); f.next(c); {
		switch {
		case f.is(1, tList):
			for n := c.list(tTrue); n > 0 && c.err == nil; n-- {
				x.nullPages = append(x.nullPages, c.u8() == tTrue)
			}
		case f.is(2, tList):
			x.min = c.binaries()
		case f.is(3, tList):
			x.max = c.binaries()
		case f.is(5, tList):
			x.nulls = []int64{}
			for n := c.list(tI64); n > 0 && c.err == nil; n-- {
				x.nulls = append(x.nulls, c.i64())
			}
		default:
			c.skip(f.typ)
		}
	}
	return x, c.err
}

func (c *cursor) binaries() (out [][]byte) {
	for n := c.list(tBinary); n > 0 && c.err == nil; n-- {
		out = append(out, c.binary())
	}
	return out
}
