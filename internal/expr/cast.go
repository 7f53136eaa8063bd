package expr

import (
	"time"

	"github.com/deltalog/deltalog/internal/sqlfn"
	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// A caster casts one column to a type. It looks at all rows; what it makes of
// nulls does not count.
type caster func(v *vec.Vec, f *failures) (*vec.Vec, error)

// failures are the rows that have no value of the type that they are cast to.
type failures struct {
	of   *vec.Vec // the column, whose nulls do not fail
	try  bool     // failed rows become null
	null []int    // rows that become null
	err  error
}

// bad says that row i failed, and returns whether the caster may as well stop.
func (f *failures) bad(i int, format string, args ...any) bool {
	switch {
	case f.of.IsNull(i):
		return false
	case f.try:
		f.null = append(f.null, i)
		return false
	}
	f.err = rowError(i, format, args...)
	return true
}

// run casts v.
func (c caster) run(v *vec.Vec, try bool) (*vec.Vec, error) {
	f := &failures{of: v, try: try}
	out, err := c(v, f)
	if err == nil {
		err = f.err
	}
	if err != nil || len(f.null) == 0 {
		return out, err
	}
	valid := make([]byte, vec.BitmapLen(out.Len))
	vec.SetBits(valid, 0, out.Len)
	for _, i := range f.null {
		valid[i>>3] &^= 1 << (i & 7)
	}
	return withValid(out, valid, 0), nil
}

// castNode returns x as type to, as CAST does; an error if there is no such cast.
func (b *binder) castNode(src Expr, x node, to schema.DataType) (node, error) {
	return b.castNodeAs(src, x, to, false)
}

func (b *binder) castNodeAs(src Expr, x node, to schema.DataType, try bool) (node, error) {
	from := x.typ()
	switch {
	case schema.Equal(from, to):
		return x, nil
	case from.Kind() == schema.KindVoid && !isInterval(from):
		if _, is := x.(constNode); is {
			return nullNode(to), nil
		}
		return strictApply(src, to, false, func(b *batch) (*vec.Vec, error) {
			return vec.AllNull(emptyOf(to), b.n), nil
		}, x), nil
	}
	c, fails, ok := castFrom(from, to, b.options.location())
	if !ok {
		return nil, errorAt(src, "%s: type %s cannot be cast to type %s", show(src), typeText(from), typeText(to))
	}
	n := strictApply(src, to, fails && !try, func(b *batch) (*vec.Vec, error) {
		v, err := c.run(b.args[0].Vec, try)
		if err != nil || !b.args[0].Const {
			return v, err
		}
		return vec.Repeat(v, 0, b.n)
	}, x)
	if a, is := n.(*apply); is && (try || isFloat(from.Kind()) && to.Kind() == schema.KindDecimal) {
		a.null = true
	}
	return n, nil
}

// castFrom returns the cast from one type to another that is not the same, and
// whether it fails for some values; ok is false if there is none.
func castFrom(from, to schema.DataType, loc *time.Location) (c caster, fails, ok bool) {
	k, l := from.Kind(), to.Kind()
	switch {
	case isInterval(from) || isInterval(to):
		same := isInterval(from) && isInterval(to) && (from == intervalMonths) == (to == intervalMonths)
		return asItIs, false, same
	case l == schema.KindString && isAtomic(k):
		return toText(from, loc), false, true
	case k == schema.KindString && isAtomic(l):
		return fromTextTo(to, loc), l != schema.KindBinary, true
	case isNumber(k) && isNumber(l):
		return numberTo(from, to), !lossless(from, to), true
	case k == schema.KindBoolean && isNumber(l):
		return boolToNumber(to), l == schema.KindDecimal, true
	case isNumber(k) && l == schema.KindBoolean:
		return numberToBool(from), false, true
	case isTime(k) && isTime(l):
		return timeTo(k, l, loc), true, true
	case k == schema.KindTimestamp && isNumber(l):
		return secondsTo(to), true, true
	case isNumber(k) && l == schema.KindTimestamp:
		return numberToTimestamp(from), true, true
	}
	return castParts(from, to, loc)
}

func asItIs(v *vec.Vec, _ *failures) (*vec.Vec, error) { return v, nil }

// lossless reports whether a cast between numbers never fails.
func lossless(from, to schema.DataType) bool {
	k, l := from.Kind(), to.Kind()
	switch {
	case isFloat(l):
		return true
	case isInteger(k) && isInteger(l):
		return rank(k) <= rank(l)
	case l == schema.KindDecimal && !isFloat(k):
		f, t := decimalOf(from), to.(schema.Decimal)
		return f.Scale <= t.Scale && f.Precision-f.Scale <= t.Precision-t.Scale
	}
	return false
}

// castParts casts arrays, maps and structs, part by part.
func castParts(from, to schema.DataType, loc *time.Location) (caster, bool, bool) {
	var pairs [][2]schema.DataType
	switch from := from.(type) {
	case *schema.Array:
		to, is := to.(*schema.Array)
		if !is {
			return nil, false, false
		}
		pairs = [][2]schema.DataType{{from.Element, to.Element}}
	case *schema.Map:
		to, is := to.(*schema.Map)
		if !is {
			return nil, false, false
		}
		pairs = [][2]schema.DataType{{from.Key, to.Key}, {from.Value, to.Value}}
	case *schema.Struct:
		to, is := to.(*schema.Struct)
		if !is || len(from.Fields) != len(to.Fields) {
			return nil, false, false
		}
		for i := range from.Fields {
			pairs = append(pairs, [2]schema.DataType{from.Fields[i].Type, to.Fields[i].Type})
		}
	default:
		return nil, false, false
	}
	casters := make([]caster, len(pairs))
	fails, same := false, true
	for i, p := range pairs {
		if schema.Equal(p[0], p[1]) {
			continue
		}
		same = false
		if p[0].Kind() == schema.KindVoid {
			casters[i] = func(v *vec.Vec, _ *failures) (*vec.Vec, error) { return vec.AllNull(emptyOf(p[1]), v.Len), nil }
			continue
		}
		c, mayFail, ok := castFrom(p[0], p[1], loc)
		if !ok {
			return nil, false, false
		}
		casters[i], fails = c, fails || mayFail
	}
	if same { // the names or whether there may be nulls differ
		return asItIs, false, true
	}
	return partsCaster(casters), fails, true
}

// partsCaster casts the children of a column. A child's failure is that of the
// row that it is in.
func partsCaster(casters []caster) caster {
	return func(v *vec.Vec, f *failures) (*vec.Vec, error) {
		v = vec.Compact(v)
		out := *v
		out.Children = make([]*vec.Vec, len(v.Children))
		for i, child := range v.Children {
			if child.Kind == vec.Null || casters[i] == nil {
				out.Children[i] = child
				continue
			}
			live := child
			if v.Kind == vec.Struct && v.Valid != nil {
				live = withValid(child, v.Valid, 0) // fields of a null struct do not fail
			}
			inner := &failures{of: live, try: false}
			c, err := casters[i](live, inner)
			if err == nil {
				err = inner.err
			}
			if row, is := err.(*sqlfn.RowError); is {
				at := row.Row
				if v.Kind != vec.Struct {
					at = rowOfElement(v, at)
				}
				if !f.try {
					f.bad(at, "%w", row.Err)
					return v, nil
				}
			}
			if err != nil {
				return nil, err
			}
			out.Children[i] = withValid(c, child.Valid, child.Off)
		}
		return &out, nil
	}
}

// rowOfElement returns the row of a list or map that element k is in.
func rowOfElement(v *vec.Vec, k int) int {
	for i := range v.Len {
		if int(v.Offsets[v.Off+i+1]) > k {
			return i
		}
	}
	return 0
}
