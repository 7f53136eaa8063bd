package expr

import (
	"github.com/deltalog/deltalog/txlog/schema"
)

// compare binds l op r.
func (b *binder) compare(e *compare, depth int) (cond, error) {
	l, err := b.value(e.l, depth)
	if err != nil {
		return nil, err
	}
	r, err := b.value(e.r, depth)
	if err != nil {
		return nil, err
	}
	return b.compareNodes(e, e.op, operand{e.l, l}, operand{e.r, r})
}

// An operand is a side of a comparison.
type operand struct {
	src Expr
	node
}

// constant returns the value of a side that has one.
func (o operand) constant() (schema.Value, bool) {
	c, is := o.node.(constNode)
	if !is || isInterval(c.t) {
		return schema.Value{}, false
	}
	return c.value()
}

// compareNodes binds l op r: as a comparison of a column with a literal if one
// side is constant, for that is fast and can be decided by statistics.
func (b *binder) compareNodes(e Expr, op Op, l, r operand) (cond, error) {
	lv, lConst := l.constant()
	rv, rConst := r.constant()
	switch {
	case lConst && rConst:
		return b.compareLiterals(e, op, lv, rv)
	case lConst:
		return b.compareTo(e, op.flip(), r, lv)
	case rConst:
		return b.compareTo(e, op, l, rv)
	}
	return b.compareBoth(e, op, l, r)
}

// compareTo binds x op v.
func (b *binder) compareTo(e Expr, op Op, x operand, v schema.Value) (cond, error) {
	t := x.typ()
	if _, is := x.node.(columnNode); !is && t.Kind() == schema.KindBoolean {
		c := newValueCond(x.node)
		var err error
		switch {
		case v.IsNull():
			return boolCompare{op, c, isUnknown}, nil
		case v.Kind() == schema.KindString:
			if v, err = castText(v.Text(), schema.Boolean, b.options.location()); err != nil {
				return nil, errorAt(e, "%s: %v", show(e), err)
			}
		case v.Kind() != schema.KindBoolean:
			return nil, errorAt(e, "%s compares a condition with a value of type %v", show(e), literalType(v))
		}
		return boolCompare{op, c, constant(v.Bool())}, nil
	}
	return b.withSlot(x, -1, func(i int) (cond, error) { return b.compareColumn(e, op, i, v) })
}

// withSlot binds a condition on a value as if it were a column.
func (b *binder) withSlot(x operand, guard int, bind func(i int) (cond, error)) (cond, error) {
	if c, is := x.node.(columnNode); is {
		return bind(c.i)
	}
	i := b.newSlot(x.typ(), x.src)
	body, err := bind(i)
	if err != nil {
		return nil, err
	}
	return &letCond{slot: i, x: x.node, guard: guard, body: body}, nil
}

// compareLiterals decides a comparison of two literals, as that of a column
// which has the one value with the other.
func (b *binder) compareLiterals(e Expr, op Op, l, r schema.Value) (cond, error) {
	if l.Kind() == schema.KindString || l.IsNull() { // a string is cast to the other's type, not the other way round
		l, r, op = r, l, op.flip()
	}
	if l.IsNull() {
		return constantOrNull(op == EqNullSafe && r.IsNull(), op != EqNullSafe), nil
	}
	sub := &binder{options: b.options, columns: []BoundColumn{{Type: literalType(l)}}}
	c, err := sub.compareColumn(e, op, 0, r)
	if err != nil {
		return nil, err
	}
	return fold(c, newConstants(sub.columns, 0, map[int]schema.Value{0: l})), nil
}

// compareBoth binds a comparison of two values that are not constant.
func (b *binder) compareBoth(e Expr, op Op, l, r operand) (cond, error) {
	lt, rt := l.typ(), r.typ()
	var err error
	switch {
	case lt.Kind() == schema.KindBoolean && rt.Kind() == schema.KindBoolean:
		return boolCompare{op, newValueCond(l.node), newValueCond(r.node)}, nil
	case sameDomain(lt, rt, b.options):
	default:
		t, ok := commonType(lt, rt)
		if !ok || t.Kind() == schema.KindVariant || t.Kind() == schema.KindMap {
			return nil, errorAt(e, "%s: type %s cannot be compared with type %s", show(e), typeText(lt), typeText(rt))
		}
		if l.node, err = b.castNode(l.src, l.node, t); err != nil {
			return nil, err
		}
		if r.node, err = b.castNode(r.src, r.node, t); err != nil {
			return nil, err
		}
		if t.Kind() == schema.KindBoolean || isConst(l.node) || isConst(r.node) {
			if isAtomic(t.Kind()) {
				return b.compareNodes(e, op, l, r)
			}
		}
	}
	return b.withSlot(l, -1, func(i int) (cond, error) {
		guard := i
		if op == EqNullSafe {
			guard = -1
		}
		return b.withSlot(r, guard, func(j int) (cond, error) { return b.compareColumns(e, op, i, j) })
	})
}

func isConst(n node) bool {
	_, is := n.(constNode)
	return is
}

// sameDomain reports whether values of two types can be compared as they are.
func sameDomain(a, b schema.DataType, o *Options) bool {
	k, l := a.Kind(), b.Kind()
	switch {
	case isInterval(a) && isInterval(b):
		_, ok := commonInterval(a, b)
		return ok
	case isNumber(k) && isNumber(l), isBytes(k) && isBytes(l):
		return true
	case isTime(k) && isTime(l):
		return k == l || o.location() == timeUTC || k != schema.KindTimestamp && l != schema.KindTimestamp
	}
	return false
}

func (b *binder) between(e *between, depth int) (cond, error) {
	x, err := b.value(e.x, depth)
	if err != nil {
		return nil, err
	}
	ends, err := b.values([]Expr{e.lo, e.hi}, depth)
	if err != nil {
		return nil, err
	}
	return b.once(operand{e.x, x}, func(x operand) (cond, error) {
		lo, err := b.compareNodes(e, Ge, x, operand{e.lo, ends[0]})
		if err != nil {
			return nil, err
		}
		hi, err := b.compareNodes(e, Le, x, operand{e.hi, ends[1]})
		if err != nil {
			return nil, err
		}
		return newLogicCond(false, lo, hi), nil
	})
}

// once binds a condition that reads x more than once.
func (b *binder) once(x operand, bind func(x operand) (cond, error)) (cond, error) {
	if isConst(x.node) {
		return bind(x)
	}
	null := x.nullable()
	return b.withSlot(x, -1, func(i int) (cond, error) {
		return bind(operand{x.src, columnNode{i, x.typ(), null}})
	})
}

func (b *binder) in(e *in, depth int) (cond, error) {
	x, err := b.value(e.x, depth)
	if err != nil {
		return nil, err
	}
	list, err := b.values(e.list, depth)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return constant(false), nil
	}
	return b.once(operand{e.x, x}, func(x operand) (cond, error) {
		terms := make([]cond, len(list))
		for i, n := range list {
			c, err := b.compareNodes(&compare{e.at, Eq, e.x, e.list[i]}, Eq, x, operand{e.list[i], n})
			if err != nil {
				return nil, err
			}
			terms[i] = c
		}
		if set, ok := newSet(terms); ok {
			return set, nil
		}
		return newLogicCond(true, terms...), nil
	})
}
