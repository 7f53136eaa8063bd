package expr

import (
	"math"

	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// Eval returns the rows of a batch of n rows for which p is true.
//
// batch[i] is the column of field i of the schema that p was bound to; it may be
// nil, and batch shorter, where p reads no such column. An [*EvalError] says which
// row failed; other errors that a vector is missing, is not of the layout of its
// type, or would be too large.
func (p *Predicate) Eval(batch []*vec.Vec, n int) (*vec.Bitmap, error) {
	in, err := p.load(batch, n)
	if err != nil {
		return nil, err
	}
	t, err := p.root.eval(in)
	if err != nil {
		return nil, err
	}
	return &vec.Bitmap{Words: t.yes, Len: n}, nil
}

// A truth is for which rows a condition is true and for which false; it is null
// for the others. Bits past the last row are zero. The words are read-only: they
// may be shared.
type truth struct{ yes, no []uint64 }

// load looks up the columns that p reads.
func (p *Predicate) load(batch []*vec.Vec, n int) (*inputs, error) {
	return loadInputs(p.columns, p.slots, p.fixed, batch, n, func(f func(int)) { eachColumn(p.root, f) })
}

// eachColumn calls f for every column that c reads.
func eachColumn(c cond, f func(i int)) {
	column := func(i int) {
		if i < slotBase {
			f(i)
		}
	}
	switch c := c.(type) {
	case logicCond:
		for _, x := range c.args {
			eachColumn(x, f)
		}
	case notCond:
		eachColumn(c.x, f)
	case isNullCond:
		eachColumn(c.x, f)
	case isTrueCond:
		eachColumn(c.x, f)
	case boolCompare:
		eachColumn(c.x, f)
		eachColumn(c.y, f)
	case valueCond:
		c.x.each(f)
	case *nullValue:
		c.x.each(f)
	case *matchCond:
		c.x.each(f)
	case *letCond:
		c.x.each(f)
		eachColumn(c.body, f)
	case boolColumn:
		column(c.i)
	case nullColumn:
		column(c.i)
	case columnLiteral:
		column(c.i)
	case columnCompare:
		column(c.i)
		column(c.j)
	case likeColumn:
		column(c.i)
	case *setColumn:
		column(c.i)
	case nestedCompare:
		column(c.i)
		column(c.j)
	case patternColumn:
		column(c.i)
		column(c.j)
	}
}

// constants are columns that have one value each, as a batch of one row.
type constants struct {
	in     inputs
	values map[int]schema.Value
}

func newConstants(columns []BoundColumn, slots int, values map[int]schema.Value) *constants {
	k := &constants{inputs{n: 1, columns: make([]input, len(columns)), slots: make([]input, slots)}, values}
	for i, v := range values {
		if i >= 0 && i < len(columns) {
			if one := oneValue(columns[i].Type, v); one != nil {
				k.in.columns[i] = input{one, narrow(nil, one)}
			}
		}
	}
	return k
}

func (k *constants) has(i int) bool {
	if i >= slotBase {
		return k.in.slots[i-slotBase].v != nil
	}
	return k.in.columns[i].v != nil
}

// eval returns the outcome of c, all of whose columns are constant; c itself if
// it fails, so that it fails for the rows that need it.
func (k *constants) eval(c cond) cond {
	t, err := c.eval(&k.in)
	if err != nil {
		return c
	}
	return constCond{single(t)}
}

// oneValue returns a vector of v in the layout of t; nil if v is not of type t.
func oneValue(t schema.DataType, v schema.Value) *vec.Vec {
	if v.IsNull() {
		return vec.AllNull(emptyOf(t), 1)
	}
	if v.Kind() != t.Kind() && !(isInteger(v.Kind()) && t.Kind() == schema.KindLong) {
		return nil
	}
	n := v.Int64()
	switch layout := layoutOf(t); layout {
	case vec.Bool:
		return vec.OfBools([]bool{v.Bool()}, nil)
	case vec.Int8:
		return vec.Of(layout, []int8{int8(n)}, nil)
	case vec.Int16:
		return vec.Of(layout, []int16{int16(n)}, nil)
	case vec.Int32:
		return vec.Of(layout, []int32{int32(n)}, nil)
	case vec.Int64:
		return vec.Of(layout, []int64{n}, nil)
	case vec.Float32:
		return vec.Of(layout, []float32{float32(v.Float64())}, nil)
	case vec.Float64:
		return vec.Of(layout, []float64{v.Float64()}, nil)
	case vec.Decimal128:
		d, scale := v.Decimal()
		if d, exact, ok := d.Rescale(scale, scaleOf(t)); ok && exact {
			return vec.Of(layout, [][16]byte{d.LittleEndian()}, nil)
		}
	case vec.Bytes:
		s := v.Text()
		if len(s) <= math.MaxInt32 {
			return &vec.Vec{Kind: vec.Bytes, Len: 1, Offsets: []int32{0, int32(len(s))}, Data: []byte(s)}
		}
	}
	return nil
}
