package expr

import (
	"github.com/deltalog/deltalog/txlog/schema"
)

// arith binds l op r.
func (b *binder) arith(e *arith, depth int) (node, error) {
	l, err := b.value(e.l, depth)
	if err != nil {
		return nil, err
	}
	r, err := b.value(e.r, depth)
	if err != nil {
		return nil, err
	}
	if e.op == opConcat {
		return b.concat(e, l, r)
	}
	if n, err := b.temporal(e, l, r); n != nil || err != nil {
		return n, err
	}
	lt, rt, ok := arithTypes(e.op, l, r)
	if !ok {
		return nil, errorAt(e, "%s: %s is not defined for %s and %s", show(e), e.op, typeText(l.typ()), typeText(r.typ()))
	}
	if lt.Kind() == schema.KindVoid {
		return nullNode(schema.Void), nil
	}
	if l, err = b.castNode(e, l, lt); err != nil {
		return nil, err
	}
	if r, err = b.castNode(e, r, rt); err != nil {
		return nil, err
	}
	divides := e.op == opDiv || e.op == opMod || e.op == opIntDiv
	var n node
	if d, is := lt.(schema.Decimal); is {
		n = decimalArith(e, d, rt.(schema.Decimal), l, r)
	} else {
		n = strictApply(e, lt, divides || !isFloat(lt.Kind()), numberKernel(e.op, lt.Kind()), l, r)
	}
	if a, is := n.(*apply); is {
		a.last = divides
	}
	return n, nil
}

// arithTypes returns the types that the sides are cast to: the same one, or two
// decimals.
func arithTypes(op arithOp, l, r node) (lt, rt schema.DataType, ok bool) {
	lt, rt = l.typ(), r.typ()
	switch { // a text is the number that it is used with
	case lt.Kind() == schema.KindString && isNumber(rt.Kind()):
		lt = withText(rt)
	case rt.Kind() == schema.KindString && isNumber(lt.Kind()):
		rt = withText(lt)
	case lt.Kind() == schema.KindString && rt.Kind() == schema.KindString:
		lt, rt = schema.Double, schema.Double
	}
	switch {
	case lt.Kind() == schema.KindVoid && rt.Kind() == schema.KindVoid:
		return lt, rt, true
	case lt.Kind() == schema.KindVoid:
		lt = rt
	case rt.Kind() == schema.KindVoid:
		rt = lt
	}
	k, m := lt.Kind(), rt.Kind()
	if !isNumber(k) || !isNumber(m) {
		return nil, nil, false
	}
	if (k == schema.KindDecimal || m == schema.KindDecimal) && !isFloat(k) && !isFloat(m) {
		return exactDecimal(l, lt), exactDecimal(r, rt), true
	}
	t := commonNumber(lt, rt)
	switch {
	case op == opIntDiv:
		if !isInteger(t.Kind()) {
			return nil, nil, false
		}
		t = schema.Long
	case op == opDiv && !isFloat(t.Kind()):
		t = schema.Double
	case op == opDiv && t.Kind() == schema.KindFloat:
		t = schema.Double
	}
	return t, t, true
}

// exactDecimal returns the decimal type of a number beside a decimal: an integer
// literal has the digits that it needs.
func exactDecimal(n node, t schema.DataType) schema.Decimal {
	if c, is := n.(constNode); is && isInteger(t.Kind()) && t == n.typ() {
		if v, ok := c.value(); ok && !v.IsNull() {
			return schema.Decimal{Precision: schema.Decimal128FromInt64(v.Int64()).Precision()}
		}
	}
	return decimalOf(t)
}

// negate binds -x.
func (b *binder) negate(e *negate, depth int) (node, error) {
	x, err := b.value(e.x, depth)
	if err != nil {
		return nil, err
	}
	t := x.typ()
	switch k := t.Kind(); {
	case k == schema.KindVoid:
		return x, nil
	case k == schema.KindString:
		if x, err = b.castNode(e, x, schema.Double); err != nil {
			return nil, err
		}
		t = schema.Double
	case !isNumber(k) && !isInterval(t):
		return nil, errorAt(e, "%s: - is not defined for %s", show(e), typeText(t))
	}
	return strictApply(e, t, !isFloat(t.Kind()) && t.Kind() != schema.KindDecimal, negateKernel(t), x), nil
}
