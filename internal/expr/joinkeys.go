package expr

import (
	"slices"

	"github.com/deltalog/deltalog/txlog/schema"
)

// A KeyPair is one equality of a join condition between an expression over
// relation 0, the target, and one over relation 1, the source.
type KeyPair struct {
	Target, Source Expr
	// TargetKey and SourceKey are the two, cast to the type in which = compares
	// them. They are bound to the scope of both relations. Two keys are equal if
	// [schema.Value.Equal] says so: NaN equals NaN and -0.0 equals 0.0.
	TargetKey, SourceKey *Value
	Type                 schema.DataType // of both keys; primitive
	NullSafe             bool            // <=>: null equals null; else null equals nothing
}

// JoinKeys takes a join condition over relation 0, the target, and relation 1,
// the source, apart: the equalities between the two by which rows can be looked
// up, and the other conjuncts by what they read. The condition is the conjunction
// of them all; conjuncts that read no column are in both.
//
// The whole condition is bound first, so that its errors are those of [BindIn].
func JoinKeys(e Expr, sc *Scope, o *Options) (keys []KeyPair, targetOnly, sourceOnly, both []Expr, err error) {
	if _, err := BindIn(e, sc, o); err != nil {
		return nil, nil, nil, nil, err
	}
	for _, term := range Split(e) {
		if k, ok, err := keyOf(term, sc, o); err != nil {
			return nil, nil, nil, nil, err
		} else if ok {
			keys = append(keys, k)
			continue
		}
		reads, err := relationsOf(term, sc, o)
		if err != nil {
			return nil, nil, nil, nil, err
		}
		switch {
		case slices.Equal(reads, []int{0}):
			targetOnly = append(targetOnly, term)
		case slices.Equal(reads, []int{1}):
			sourceOnly = append(sourceOnly, term)
		default:
			both = append(both, term)
		}
	}
	return keys, targetOnly, sourceOnly, both, nil
}

// relationsOf returns the relations whose columns e reads, ascending.
func relationsOf(e Expr, sc *Scope, o *Options) ([]int, error) {
	var reads []int
	var err error
	b := newBinder(sc, o)
	walk(e, func(c *column) {
		i, bad := b.resolve(c)
		if bad != nil {
			err = bad
			return
		}
		r := sc.RelationOf(b.columns[i].Index[0])
		if !slices.Contains(reads, r) {
			reads = append(reads, r)
		}
	})
	slices.Sort(reads)
	return reads, err
}

// keyOf returns a conjunct as a pair of keys, if it is one.
func keyOf(term Expr, sc *Scope, o *Options) (k KeyPair, ok bool, err error) {
	eq, is := term.(*compare)
	if !is || eq.op != Eq && eq.op != EqNullSafe {
		return k, false, nil
	}
	l, err := relationsOf(eq.l, sc, o)
	if err != nil {
		return k, false, err
	}
	r, err := relationsOf(eq.r, sc, o)
	if err != nil {
		return k, false, err
	}
	k = KeyPair{Target: eq.l, Source: eq.r, NullSafe: eq.op == EqNullSafe}
	switch {
	case slices.Equal(l, []int{0}) && slices.Equal(r, []int{1}):
	case slices.Equal(l, []int{1}) && slices.Equal(r, []int{0}):
		k.Target, k.Source = eq.r, eq.l
	default:
		return k, false, nil
	}
	t, err := BindValue(k.Target, sc, o)
	if err != nil {
		return k, false, nil // an interval: it can be compared, but is no key
	}
	s, err := BindValue(k.Source, sc, o)
	if err != nil {
		return k, false, nil
	}
	if k.Type, ok = keyType(t.Type(), s.Type()); !ok {
		return k, false, nil
	}
	if k.TargetKey, err = t.castTo(k.Type); err != nil {
		return k, false, err
	}
	k.SourceKey, err = s.castTo(k.Type)
	return k, true, err
}

// keyType returns the type in which = compares two types; ok is false if it does
// not cast both to one, or the type has parts.
func keyType(a, b schema.DataType) (t schema.DataType, ok bool) {
	t, ok = commonType(a, b)
	if !ok || !isAtomic(t.Kind()) {
		return nil, false
	}
	if d, is := t.(schema.Decimal); is { // which must hold every digit of both
		x, y := decimalOf(a), decimalOf(b)
		whole := max(x.Precision-x.Scale, y.Precision-y.Scale)
		if d.Scale != max(x.Scale, y.Scale) || d.Precision-d.Scale < whole {
			return nil, false
		}
	}
	return t, true
}

// castTo returns v as CAST does.
func (v *Value) castTo(t schema.DataType) (*Value, error) {
	b := v.binder()
	root, err := b.castNode(v.src, v.root, t)
	if err != nil {
		return nil, err
	}
	return b.finish(v.src, root), nil
}

// binder returns a binder that goes on where v's ended.
func (v *Value) binder() *binder {
	return &binder{options: v.options, columns: v.columns, slots: slices.Clip(v.slots)}
}
