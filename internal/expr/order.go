package expr

import (
	"bytes"
	"cmp"
	"math"
	"strings"

	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// An order compares value i of one column with value j of another of the same
// type: -1, 0 or 1. Nulls, of which there are some within arrays and structs,
// are equal and least.
type order func(a *vec.Vec, i int, b *vec.Vec, j int) int

// orderOf returns the order of a type; nil if it has none.
func orderOf(t schema.DataType) order {
	switch t := t.(type) {
	case *schema.Array:
		element := orderOf(t.Element)
		if element == nil {
			return nil
		}
		return listOrder(nullsFirst(element))
	case *schema.Struct:
		fields := make([]order, len(t.Fields))
		for i := range t.Fields {
			f := orderOf(t.Fields[i].Type)
			if f == nil {
				return nil
			}
			fields[i] = nullsFirst(f)
		}
		return structOrder(fields)
	case *schema.Map:
		return nil
	}
	switch layoutOf(t) {
	case vec.Bool:
		return func(a *vec.Vec, i int, b *vec.Vec, j int) int {
			return int(bit(a.Bool(i))) - int(bit(b.Bool(j)))
		}
	case vec.Int8:
		return fixedOrder(cmp.Compare[int8])
	case vec.Int16:
		return fixedOrder(cmp.Compare[int16])
	case vec.Int32:
		return fixedOrder(cmp.Compare[int32])
	case vec.Int64:
		return fixedOrder(cmp.Compare[int64])
	case vec.Float32:
		return fixedOrder(func(x, y float32) int { return vec.CompareFloats(float64(x), float64(y)) })
	case vec.Float64:
		return fixedOrder(vec.CompareFloats)
	case vec.Decimal128:
		return fixedOrder(func(x, y [16]byte) int {
			return schema.Decimal128FromLittleEndian(x).Cmp(schema.Decimal128FromLittleEndian(y))
		})
	case vec.Bytes:
		return func(a *vec.Vec, i int, b *vec.Vec, j int) int { return bytes.Compare(a.At(i), b.At(j)) }
	case vec.Null:
		if t.Kind() == schema.KindVoid {
			return func(*vec.Vec, int, *vec.Vec, int) int { return 0 }
		}
	}
	return nil
}

func fixedOrder[T vec.Fixed](compare func(x, y T) int) order {
	return func(a *vec.Vec, i int, b *vec.Vec, j int) int {
		return compare(vec.Values[T](a)[i], vec.Values[T](b)[j])
	}
}

func nullsFirst(o order) order {
	return func(a *vec.Vec, i int, b *vec.Vec, j int) int {
		x, y := a.IsNull(i), b.IsNull(j)
		switch {
		case x && y:
			return 0
		case x:
			return -1
		case y:
			return 1
		}
		return o(a, i, b, j)
	}
}

func structOrder(fields []order) order {
	return func(a *vec.Vec, i int, b *vec.Vec, j int) int {
		for k, f := range fields {
			if c := f(a.Children[k], a.Off+i, b.Children[k], b.Off+j); c != 0 {
				return c
			}
		}
		return 0
	}
}

func listOrder(element order) order {
	return func(a *vec.Vec, i int, b *vec.Vec, j int) int {
		from, to := span32(a, i)
		other, end := span32(b, j)
		for ; from < to && other < end; from, other = from+1, other+1 {
			if c := element(a.Children[0], from, b.Children[0], other); c != 0 {
				return c
			}
		}
		return cmp.Compare(to-from, end-other)
	}
}

// span32 returns where the elements of value i of a list or map are.
func span32(v *vec.Vec, i int) (from, to int) {
	return int(v.Offsets[v.Off+i]), int(v.Offsets[v.Off+i+1])
}

// A nestedCompare compares two columns of one type with parts.
type nestedCompare struct {
	i, j  int
	op    normalOp
	order order
}

func (b *binder) compareNested(e Expr, op Op, i, j int) (cond, error) {
	t := b.typeAt(i)
	o := orderOf(t)
	if o == nil || !schema.Equal(t, b.typeAt(j)) {
		return nil, errorAt(e, "%s: type %s cannot be compared with type %s", show(e), typeText(t), typeText(b.typeAt(j)))
	}
	return nestedCompare{i, j, normalize(op), o}, nil
}

func (nestedCompare) fallible() bool { return false }

func (nestedCompare) prune([]known) outcomes { return mayTrue | mayFalse | mayNull }

func (c nestedCompare) eval(in *inputs) (truth, error) {
	x, y := in.column(c.i), in.column(c.j)
	w := in.words()
	each(w, in.n, func(i int) bool {
		return !x.v.IsNull(i) && !y.v.IsNull(i) && holds(c.op.base, c.order(x.v, i, y.v, i))
	})
	return compared(in, w, c.op, x, y), nil
}

// greatest binds GREATEST and LEAST, which pass over nulls.
func (b *binder) greatest(e *call, depth int) (node, error) {
	args, err := b.common(e, e.args, depth)
	if err != nil {
		return nil, err
	}
	t := args[0].typ()
	o := orderOf(t)
	if o == nil {
		return nil, errorAt(e, "%s: values of type %s have no order", show(e), typeText(t))
	}
	sign := 1
	if strings.EqualFold(e.name, "least") {
		sign = -1
	}
	a := &apply{src: e, args: args, t: t, null: true, fails: anyNode(args, node.fallible)}
	a.run = func(b *batch) (*vec.Vec, error) { return pick(b, o, sign) }
	return foldApply(a), nil
}

// pick returns the greatest (or, for a negative sign, the least) argument of each
// row.
func pick(b *batch, o order, sign int) (*vec.Vec, error) {
	vs := make([]*vec.Vec, len(b.args))
	if len(vs)*b.n > math.MaxInt32 {
		return nil, vec.ErrTooLarge
	}
	for k, a := range b.args {
		v, err := all(a, b.n)
		if err != nil {
			return nil, err
		}
		vs[k] = v
	}
	idx := make([]int32, b.n)
	for i := range idx {
		best := -1
		for k, v := range vs {
			if !v.IsNull(i) && (best < 0 || o(v, i, vs[best], i)*sign > 0) {
				best = k
			}
		}
		idx[i] = -1
		if best >= 0 {
			idx[i] = int32(best*b.n + i)
		}
	}
	v, err := vec.Concat(vs)
	if err != nil {
		return nil, err
	}
	if v.Kind == vec.Null {
		return v, nil
	}
	return vec.Take(v, idx)
}
