package expr

import (
	"fmt"
	"math"
	"slices"

	"github.com/deltalog/deltalog/internal/schemavec"
	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// Eval returns the rows of a batch of n rows for which p is true.
//
// batch[i] is the column of field i of the schema that p was bound to; it may be
// nil, and batch shorter, where p reads no such column. An error says that a
// vector is missing or is not of the layout of its type.
func (p *Predicate) Eval(batch []*vec.Vec, n int) (*vec.Bitmap, error) {
	in := &inputs{n: n, columns: make([]input, len(p.columns))}
	if err := in.load(p, batch); err != nil {
		return nil, err
	}
	return &vec.Bitmap{Words: p.root.eval(in).yes, Len: n}, nil
}

// A truth is for which rows a condition is true and for which false; it is null
// for the others. Bits past the last row are zero. The words are read-only: they
// may be shared.
type truth struct{ yes, no []uint64 }

// inputs are the columns of a batch.
type inputs struct {
	n       int
	columns []input // as Predicate.columns; without a vec if not read
}

type input struct {
	v     *vec.Vec
	valid []uint64 // nil: no nulls
}

func (in *inputs) words() []uint64 { return make([]uint64, (in.n+63)>>6) }

// all returns all rows.
func (in *inputs) all() []uint64 { return vec.FullBitmap(in.n).Words }

// load looks up the columns that p reads.
func (in *inputs) load(p *Predicate, batch []*vec.Vec) error {
	var err error
	eachColumn(p.root, func(i int) {
		switch {
		case err != nil || in.columns[i].v != nil:
		case p.fixed != nil && p.fixed.has(i):
			var v *vec.Vec
			if v, err = vec.Repeat(p.fixed.in.columns[i].v, 0, in.n); err == nil {
				in.columns[i] = input{v, narrow(nil, v)}
			}
		default:
			in.columns[i], err = lookup(p.columns[i], batch, in.n)
		}
	})
	return err
}

// eachColumn calls f for every column that c reads.
func eachColumn(c cond, f func(i int)) {
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
	case boolColumn:
		f(c.i)
	case nullColumn:
		f(c.i)
	case columnLiteral:
		f(c.i)
	case columnCompare:
		f(c.i)
		f(c.j)
	case likeColumn:
		f(c.i)
	case *setColumn:
		f(c.i)
	}
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
	valid := narrow(nil, v)
	for _, i := range c.Index[1:] {
		if v.Kind == vec.Null {
			break
		}
		if v.Kind != vec.Struct || i >= len(v.Children) {
			return input{}, fmt.Errorf("expr: column %s: a %v vector without that field", schema.ColumnPath(c.Path), v.Kind)
		}
		v = v.Children[i].Slice(v.Off, v.Off+v.Len)
		valid = narrow(valid, v)
	}
	if want := layoutOf(c.Type); v.Kind != vec.Null && v.Kind != want {
		return input{}, fmt.Errorf("expr: column %s of type %v is a %v vector, want %v",
			schema.ColumnPath(c.Path), c.Type, v.Kind, want)
	}
	return input{v, valid}, nil
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

// layoutOf is [schemavec.Layout], and for a variant the struct that it is read as.
func layoutOf(t schema.DataType) vec.Kind {
	if t.Kind() == schema.KindVariant {
		return vec.Struct
	}
	return schemavec.Layout(t)
}

// constants are columns that have one value each, as a batch of one row.
type constants struct {
	in     inputs
	values map[int]schema.Value
}

func newConstants(columns []BoundColumn, values map[int]schema.Value) *constants {
	k := &constants{inputs{n: 1, columns: make([]input, len(columns))}, values}
	for i, v := range values {
		if i >= 0 && i < len(columns) {
			if one := oneValue(columns[i].Type, v); one != nil {
				k.in.columns[i] = input{one, narrow(nil, one)}
			}
		}
	}
	return k
}

func (k *constants) has(i int) bool { return k.in.columns[i].v != nil }

func (k *constants) eval(c cond) cond {
	t := c.eval(&k.in)
	return constantOrNull(t.yes[0] != 0, t.yes[0]|t.no[0] == 0)
}

// oneValue returns a vector of v in the layout of t; nil if v is not of type t.
func oneValue(t schema.DataType, v schema.Value) *vec.Vec {
	if v.IsNull() {
		return &vec.Vec{Kind: vec.Null, Len: 1}
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

func (c constCond) eval(in *inputs) truth {
	switch c.is {
	case mayTrue:
		return truth{in.all(), in.words()}
	case mayFalse:
		return truth{in.words(), in.all()}
	}
	return truth{in.words(), in.words()}
}

func (c logicCond) eval(in *inputs) truth {
	first := c.args[0].eval(in)
	// An AND is an OR with the roles of true and false exchanged.
	either, both := append([]uint64(nil), first.yes...), append([]uint64(nil), first.no...)
	if !c.or {
		either, both = both, either
	}
	all := in.all()
	for _, x := range c.args[1:] {
		if slices.Equal(either, all) {
			break // every row is decided
		}
		t := x.eval(in)
		e, b := t.yes, t.no
		if !c.or {
			e, b = b, e
		}
		for i := range either {
			either[i] |= e[i]
			both[i] &= b[i]
		}
	}
	if c.or {
		return truth{either, both}
	}
	return truth{both, either}
}

func (c notCond) eval(in *inputs) truth {
	t := c.x.eval(in)
	return truth{t.no, t.yes}
}

func (c isNullCond) eval(in *inputs) truth {
	t := c.x.eval(in)
	no := in.words()
	for i := range no {
		no[i] = t.yes[i] | t.no[i]
	}
	return truth{complement(in, no), no}
}

func (c isTrueCond) eval(in *inputs) truth {
	t := c.x.eval(in)
	yes := t.yes
	if !c.want {
		yes = t.no
	}
	return truth{yes, complement(in, yes)}
}

// complement returns the rows that are not in words.
func complement(in *inputs, words []uint64) []uint64 {
	all := in.all()
	for i, w := range words {
		all[i] &^= w
	}
	return all
}

func (c boolCompare) eval(in *inputs) truth {
	x, y := c.x.eval(in), c.y.eval(in)
	out := truth{in.words(), in.words()}
	for i := range out.yes {
		known := (x.yes[i] | x.no[i]) & (y.yes[i] | y.no[i])
		var w uint64
		switch c.op {
		case Eq, Ne, EqNullSafe:
			w = x.yes[i]&y.yes[i] | x.no[i]&y.no[i]
		case Lt, Ge:
			w = x.no[i] & y.yes[i]
		case Gt, Le:
			w = x.yes[i] & y.no[i]
		}
		if op := normalize(c.op); op.negate {
			w = known &^ w
		}
		out.yes[i], out.no[i] = w, known&^w
	}
	if c.op == EqNullSafe {
		for i, m := range in.all() {
			anyKnown := x.yes[i] | x.no[i] | y.yes[i] | y.no[i]
			out.yes[i] |= m &^ anyKnown // null <=> null
			out.no[i] = m &^ out.yes[i]
		}
	}
	return out
}

func (c nullColumn) eval(in *inputs) truth {
	valid := in.columns[c.i].valid
	if valid == nil {
		return truth{in.words(), in.all()}
	}
	return truth{complement(in, valid), valid}
}

func (c boolColumn) eval(in *inputs) truth {
	col := in.columns[c.i]
	w := in.words()
	if col.v.Kind != vec.Null {
		for i := range w {
			w[i] = col.v.BoolWord(i << 6)
		}
	}
	return finish(in, w, normalOp{}, col.valid, nil)
}

// finish turns the rows for which a comparison's base holds, and anything for
// nulls, into a truth. It takes w over. A second validity may be nil.
func finish(in *inputs, w []uint64, op normalOp, valid, valid2 []uint64) truth {
	no := in.all()
	for i, m := range no {
		v := m
		if valid != nil {
			v &= valid[i]
		}
		if valid2 != nil {
			v &= valid2[i]
		}
		if op.negate {
			w[i] = ^w[i]
		}
		w[i] &= v
		if op.nullSafe {
			v = m
		}
		no[i] = v &^ w[i]
	}
	return truth{w, no}
}
