package expr

import (
	"fmt"
	"math/bits"

	"github.com/deltalog/deltalog/internal/schemavec"
	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// slotBase is where the positions of slots begin: values that are computed once
// and then compared as if they were columns.
const slotBase = 1 << 24

// inputs are the columns of a batch, or of some of its rows.
type inputs struct {
	n       int
	columns []input // as Predicate.columns; without a vec if not read
	slots   []input
	parent  *inputs // of which these are the rows in sel; nil: none
	sel     *vec.Bitmap
}

type input struct {
	v     *vec.Vec
	valid []uint64 // nil: no nulls
}

func (in *inputs) words() []uint64 { return make([]uint64, (in.n+63)>>6) }

// all returns all rows.
func (in *inputs) all() []uint64 { return vec.FullBitmap(in.n).Words }

// column returns a column or slot. Those of some rows are taken from all rows
// when they are first wanted.
func (in *inputs) column(i int) input {
	var c *input
	if i >= slotBase {
		c = &in.slots[i-slotBase]
	} else {
		c = &in.columns[i]
	}
	if c.v == nil && in.parent != nil {
		v := vec.Filter(in.parent.column(i).v, in.sel)
		*c = input{v, narrow(nil, v)}
	}
	return *c
}

func (in *inputs) setSlot(i int, v *vec.Vec) { in.slots[i-slotBase] = input{v, narrow(nil, v)} }

// only returns the inputs of some rows.
func (in *inputs) only(rows []uint64) *inputs {
	sel := &vec.Bitmap{Words: rows, Len: in.n}
	return &inputs{
		n: sel.Count(), columns: make([]input, len(in.columns)), slots: make([]input, len(in.slots)),
		parent: in, sel: sel,
	}
}

// spread returns bits of the rows of in as bits of its parent's rows.
func (in *inputs) spread(w []uint64) []uint64 {
	out := in.parent.words()
	k := 0
	for i, sel := range in.sel.Words {
		for ; sel != 0; sel &= sel - 1 {
			if w[k>>6]&(1<<(k&63)) != 0 {
				out[i] |= sel & -sel
			}
			k++
		}
	}
	return out
}

// positions returns, for each of the parent's rows, its position among in's,
// offset by from; for rows that in does not have it leaves what is there.
func (in *inputs) positions(idx []int32, from int) {
	k := int32(from)
	for i, sel := range in.sel.Words {
		for ; sel != 0; sel &= sel - 1 {
			idx[i<<6+bits.TrailingZeros64(sel)] = k
			k++
		}
	}
}

// lift returns an error of in's rows as one of its parent's.
func (in *inputs) lift(err error) error {
	bad, is := err.(*EvalError)
	if !is {
		return err
	}
	k := int(bad.Row)
	for i, sel := range in.sel.Words {
		if n := bits.OnesCount64(sel); k >= n {
			k -= n
			continue
		}
		for ; k > 0; k-- {
			sel &= sel - 1
		}
		return &EvalError{int64(i<<6 + bits.TrailingZeros64(sel)), bad.Expr, bad.Err}
	}
	return err
}

// loadInputs looks up the columns that reads names.
func loadInputs(columns []BoundColumn, slots []schema.DataType, fixed *constants, batch []*vec.Vec, n int, reads func(func(int))) (*inputs, error) {
	in := &inputs{n: n, columns: make([]input, len(columns)), slots: make([]input, len(slots))}
	var err error
	reads(func(i int) {
		switch {
		case err != nil || in.columns[i].v != nil:
		case fixed != nil && fixed.has(i):
			var v *vec.Vec
			if v, err = vec.Repeat(fixed.in.columns[i].v, 0, in.n); err == nil {
				in.columns[i] = input{v, narrow(nil, v)}
			}
		default:
			in.columns[i], err = lookup(columns[i], batch, n)
		}
	})
	return in, err
}

// lookup finds a column in a batch. A field of a null struct is null.
func lookup(c BoundColumn, batch []*vec.Vec, n int) (input, error) {
	if c.Index[0] >= len(batch) || batch[c.Index[0]] == nil {
		return input{}, fmt.Errorf("expr: column %s is not in the batch", schema.ColumnPath(c.Path))
	}
	v := batch[c.Index[0]]
	if v.Len != n {
		return input{}, fmt.Errorf("expr: column %s has %d values, the batch %d rows", schema.ColumnPath(c.Path), v.Len, n)
	}
	for _, i := range c.Index[1:] {
		if v.Kind == vec.Null {
			break
		}
		if v.Kind != vec.Struct || i >= len(v.Children) {
			return input{}, fmt.Errorf("expr: column %s: a %v vector without that field", schema.ColumnPath(c.Path), v.Kind)
		}
		v = fieldVec(v, i)
	}
	if v.Kind == vec.Null {
		v = vec.AllNull(emptyOf(c.Type), n)
	}
	if want := layoutOf(c.Type); v.Kind != want && v.Kind != vec.Null {
		return input{}, fmt.Errorf("expr: column %s of type %v is a %v vector, want %v",
			schema.ColumnPath(c.Path), c.Type, v.Kind, want)
	}
	return input{v, narrow(nil, v)}, nil
}

// fieldVec returns a field of a struct, null where the struct is.
func fieldVec(v *vec.Vec, i int) *vec.Vec {
	f := v.Children[i].Slice(v.Off, v.Off+v.Len)
	if v.Valid == nil || f.Kind == vec.Null {
		return f
	}
	return withValid(f, v.Valid, v.Off)
}

// withValid returns v with the rows null that are not set in a bitmap, which
// begins at bit off.
func withValid(v *vec.Vec, valid []byte, off int) *vec.Vec {
	if valid == nil || v.Kind == vec.Null {
		return v
	}
	out := *v
	out.Valid = make([]byte, vec.BitmapLen(v.Off+v.Len))
	vec.CopyBits(out.Valid, v.Off, valid, off, v.Len)
	if v.Valid != nil {
		for i := range out.Valid {
			out.Valid[i] &= v.Valid[i]
		}
	}
	return &out
}

// narrow returns valid less the nulls of v.
func narrow(valid []uint64, v *vec.Vec) []uint64 {
	if v.NullCount() == 0 {
		return valid
	}
	words := make([]uint64, (v.Len+63)>>6)
	for i := range words {
		words[i] = v.ValidWord(i << 6)
		if valid != nil {
			words[i] &= valid[i]
		}
	}
	return words
}

// layoutOf is [schemavec.Layout], for a variant the struct that it is read as
// and for an interval a number.
func layoutOf(t schema.DataType) vec.Kind {
	switch {
	case t.Kind() == schema.KindVariant:
		return vec.Struct
	case isInterval(t):
		return vec.Int64
	}
	return schemavec.Layout(t)
}

// emptyOf returns an empty column of the type's layout.
func emptyOf(t schema.DataType) *vec.Vec {
	if isInterval(t) {
		return &vec.Vec{Kind: vec.Int64}
	}
	return schemavec.Empty(t)
}
