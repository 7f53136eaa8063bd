package expr

import (
	"math"

	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// fieldOf binds x.name: the field of a struct, or of each struct of an array, or
// the value of a map.
func (b *binder) fieldOf(e Expr, x node, name string) (node, error) {
	switch t := x.typ().(type) {
	case *schema.Struct:
		i, err := fieldIndex(e, t, name, e)
		if err != nil {
			return nil, err
		}
		f := &t.Fields[i]
		return fieldNode(e, x, i, f.Type, f.Nullable), nil
	case *schema.Array:
		s, is := t.Element.(*schema.Struct)
		if !is {
			break
		}
		i, err := fieldIndex(e, s, name, e)
		if err != nil {
			return nil, err
		}
		f := &s.Fields[i]
		list := &schema.Array{Element: f.Type, ContainsNull: t.ContainsNull || f.Nullable}
		return strictApply(e, list, false, func(b *batch) (*vec.Vec, error) {
			v, err := all(b.args[0], b.n)
			if err != nil || v.Children[0].Kind != vec.Struct {
				return v, err
			}
			out := *v
			out.Children = []*vec.Vec{typedNulls(fieldVec(v.Children[0], i), f.Type)}
			return &out, nil
		}, x), nil
	case *schema.Map:
		if t.Key.Kind() == schema.KindString {
			key, err := literalNode(&literal{value: schema.StringValue(name)})
			if err != nil {
				return nil, err
			}
			return b.mapValue(e, x, key)
		}
	}
	return nil, errorAt(e, "%s: type %s has no field %s", show(e), typeText(x.typ()), clip(name))
}

func fieldNode(e Expr, x node, i int, t schema.DataType, null bool) node {
	n := strictApply(e, t, false, func(b *batch) (*vec.Vec, error) {
		v, err := all(b.args[0], b.n)
		if err != nil || v.Kind == vec.Null {
			return vec.AllNull(emptyOf(t), b.n), err
		}
		return typedNulls(fieldVec(v, i), t), nil
	}, x)
	if a, is := n.(*apply); is {
		a.null = a.null || null
	}
	return n
}

// typedNulls gives a column without a layout, which a file does not have, that of
// its type.
func typedNulls(v *vec.Vec, t schema.DataType) *vec.Vec {
	if v.Kind == vec.Null {
		return vec.AllNull(emptyOf(t), v.Len)
	}
	return v
}

// index binds x[i]: element i of an array, from 0, or the value of a map.
func (b *binder) index(e *index, depth int) (node, error) {
	x, err := b.value(e.x, depth)
	if err != nil {
		return nil, err
	}
	i, err := b.value(e.i, depth)
	if err != nil {
		return nil, err
	}
	switch x.typ().(type) {
	case *schema.Array:
		return b.element(e, x, i, elementFrom0)
	case *schema.Map:
		return b.mapValue(e, x, i)
	}
	return nil, errorAt(e, "%s: type %s has no elements", show(e), typeText(x.typ()))
}

// How an element is named and what happens if there is none.
const (
	elementFrom0   = iota // x[i]
	elementFrom1          // element_at(x, i): from 1, or from the end
	elementOrNull0        // get(x, i)
	elementOrNull1        // try_element_at(x, i)

)

// element binds the element of an array.
func (b *binder) element(e Expr, x, i node, how int) (node, error) {
	t := x.typ().(*schema.Array)
	if !isInteger(i.typ().Kind()) && i.typ().Kind() != schema.KindVoid {
		return nil, errorAt(e, "%s: the position is of type %s, want an integer", show(e), typeText(i.typ()))
	}
	i, err := b.castNode(e, i, schema.Long)
	if err != nil {
		return nil, err
	}
	n := strictApply(e, t.Element, how != elementOrNull0, func(b *batch) (*vec.Vec, error) {
		v, err := all(b.args[0], b.n)
		if err != nil {
			return nil, err
		}
		at := colOf[int64](b.args[1])
		idx := make([]int32, b.n)
		for k := range idx {
			idx[k] = -1
			if !b.isValid(k) {
				continue
			}
			from, to := span32(v, k)
			p, wrong := position(at.at(k), to-from, how)
			if wrong != "" {
				return nil, rowError(k, "element %d of an array of %d elements: %s", at.at(k), to-from, wrong)
			}
			if p >= 0 {
				idx[k] = int32(from + p)
			}
		}
		return takeTyped(v.Children[0], idx, t.Element)
	}, x, i)
	if a, is := n.(*apply); is {
		a.null = true
	}
	return n, nil
}

// position returns the element that i names, negative for none; and what is
// wrong with it.
func position(i int64, n, how int) (p int, wrong string) {
	from1 := how == elementFrom1 || how == elementOrNull1
	switch {
	case from1 && i == 0:
		return -1, "the first is 1"
	case from1 && i > 0:
		i--
	case from1:
		i += int64(n)
	}
	if i >= 0 && i < int64(n) {
		return int(i), ""
	}
	if how == elementOrNull0 || how == elementOrNull1 {
		return -1, ""
	}
	return -1, "there is none"
}

func takeTyped(v *vec.Vec, idx []int32, t schema.DataType) (*vec.Vec, error) {
	if v.Kind == vec.Null {
		return vec.AllNull(emptyOf(t), len(idx)), nil
	}
	return vec.Take(v, idx)
}

// mapValue binds the value of a key; null if the map does not have it.
func (b *binder) mapValue(e Expr, x, key node) (node, error) {
	t := x.typ().(*schema.Map)
	o := orderOf(t.Key)
	if _, ok := commonType(t.Key, key.typ()); !ok || o == nil {
		return nil, errorAt(e, "%s: the key is of type %s, want %s", show(e), typeText(key.typ()), typeText(t.Key))
	}
	key, err := b.castNode(e, key, t.Key)
	if err != nil {
		return nil, err
	}
	n := strictApply(e, t.Value, false, func(b *batch) (*vec.Vec, error) {
		v, err := all(b.args[0], b.n)
		if err != nil {
			return nil, err
		}
		k, fixed := b.args[1].Vec, b.args[1].Const
		idx := make([]int32, b.n)
		for i := range idx {
			idx[i] = -1
			at := i
			if fixed {
				at = 0
			}
			for p, to := span32(v, i); p < to && b.isValid(i); p++ {
				if o(v.Children[0], p, k, at) == 0 {
					idx[i] = int32(p)
					break
				}
			}
		}
		return takeTyped(v.Children[1], idx, t.Value)
	}, x, key)
	if a, is := n.(*apply); is {
		a.null = true
	}
	return n, nil
}

// elementAt binds ELEMENT_AT and its kin.
func (b *binder) elementAt(e *call, depth int, how int) (node, error) {
	args, err := b.values(e.args, depth)
	if err != nil {
		return nil, err
	}
	switch args[0].typ().(type) {
	case *schema.Array:
		return b.element(e, args[0], args[1], how)
	case *schema.Map:
		if how == elementFrom1 || how == elementOrNull1 {
			return b.mapValue(e, args[0], args[1])
		}
	}
	return nil, errorAt(e, "%s: type %s has no elements", show(e), typeText(args[0].typ()))
}

// size binds SIZE: the number of elements, null for null.
func (b *binder) size(e *call, depth int) (node, error) {
	x, err := b.value(e.args[0], depth)
	if err != nil {
		return nil, err
	}
	if k := x.typ().Kind(); k != schema.KindArray && k != schema.KindMap {
		return nil, errorAt(e, "%s: type %s has no size, want an array or a map", show(e), typeText(x.typ()))
	}
	return strictApply(e, schema.Integer, false, func(b *batch) (*vec.Vec, error) {
		v, err := all(b.args[0], b.n)
		if err != nil {
			return nil, err
		}
		out := make([]int32, b.n)
		for i := range out {
			out[i] = v.Offsets[v.Off+i+1] - v.Offsets[v.Off+i]
		}
		return vec.Of(vec.Int32, out, nil), nil
	}, x), nil
}

// namedStruct binds NAMED_STRUCT(name, value, …).
func (b *binder) namedStruct(e *call, depth int) (node, error) {
	if len(e.args) == 0 || len(e.args)%2 != 0 {
		return nil, errorAt(e, "%s wants names and values in turn", e.name)
	}
	t := &schema.Struct{}
	var fields []node
	for i := 0; i < len(e.args); i += 2 {
		name, err := b.value(e.args[i], depth)
		if err != nil {
			return nil, err
		}
		text, ok := operand{nil, name}.constant()
		if !ok || text.Kind() != schema.KindString || text.IsNull() {
			return nil, errorAt(e.args[i], "%s: the name of a field must be a constant string", show(e))
		}
		x, err := b.value(e.args[i+1], depth)
		if err != nil {
			return nil, err
		}
		if isInterval(x.typ()) {
			return nil, errorAt(e.args[i+1], "%s: an interval cannot be stored", show(e))
		}
		fields = append(fields, x)
		t.Fields = append(t.Fields, schema.Field{Name: text.Text(), Type: x.typ(), Nullable: x.nullable()})
	}
	return foldApply(&apply{src: e, args: fields, t: t, fails: anyNode(fields, node.fallible), run: func(b *batch) (*vec.Vec, error) {
		children := make([]*vec.Vec, len(b.args))
		for i, a := range b.args {
			v, err := all(a, b.n)
			if err != nil {
				return nil, err
			}
			children[i] = v
		}
		return vec.OfStruct(b.n, nil, children...), nil
	}}), nil
}

// array binds ARRAY(x, …).
func (b *binder) array(e *call, depth int) (node, error) {
	args, err := b.common(e, e.args, depth)
	if err != nil {
		return nil, err
	}
	t := &schema.Array{Element: schema.Void, ContainsNull: anyNode(args, node.nullable)}
	if len(args) > 0 {
		t.Element = args[0].typ()
	}
	if isInterval(t.Element) {
		return nil, errorAt(e, "%s: an interval cannot be stored", show(e))
	}
	return foldApply(&apply{src: e, args: args, t: t, fails: anyNode(args, node.fallible), run: func(b *batch) (*vec.Vec, error) {
		child, err := interleave(b, 0, 1)
		if err != nil {
			return nil, err
		}
		return vec.OfLists(vec.List, steps(b.n, len(b.args)), nil, child), nil
	}}), nil
}

// steps returns the offsets of n lists of k elements each.
func steps(n, k int) []int32 {
	out := make([]int32, n+1)
	for i := range out {
		out[i] = int32(i * k)
	}
	return out
}

// interleave returns, row by row, the arguments from first on, by step.
func interleave(b *batch, first, step int) (*vec.Vec, error) {
	var vs []*vec.Vec
	for k := first; k < len(b.args); k += step {
		v, err := all(b.args[k], b.n)
		if err != nil {
			return nil, err
		}
		vs = append(vs, v)
	}
	if len(vs) == 0 {
		return &vec.Vec{Kind: vec.Null}, nil
	}
	if len(vs)*b.n > math.MaxInt32 {
		return nil, vec.ErrTooLarge
	}
	v, err := vec.Concat(vs)
	if err != nil || v.Kind == vec.Null {
		return v, err
	}
	idx := make([]int32, 0, len(vs)*b.n)
	for i := range b.n {
		for k := range vs {
			idx = append(idx, int32(k*b.n+i))
		}
	}
	return vec.Take(v, idx)
}

// mapOf binds MAP(key, value, …). A key that is null, or there twice, is an error.
func (b *binder) mapOf(e *call, depth int) (node, error) {
	if len(e.args)%2 != 0 {
		return nil, errorAt(e, "map wants keys and values in turn")
	}
	var keys, vals []Expr
	for i := 0; i < len(e.args); i += 2 {
		keys, vals = append(keys, e.args[i]), append(vals, e.args[i+1])
	}
	k, err := b.common(e, keys, depth)
	if err != nil {
		return nil, err
	}
	v, err := b.common(e, vals, depth)
	if err != nil {
		return nil, err
	}
	t := &schema.Map{Key: schema.Void, Value: schema.Void, ValueContainsNull: anyNode(v, node.nullable)}
	var args []node
	for i := range k {
		t.Key, t.Value = k[i].typ(), v[i].typ()
		args = append(args, k[i], v[i])
	}
	o := orderOf(t.Key)
	if o == nil || isInterval(t.Key) || isInterval(t.Value) {
		return nil, errorAt(e, "%s: a map from %s to %s is not possible", show(e), typeText(t.Key), typeText(t.Value))
	}
	return foldApply(&apply{src: e, args: args, t: t, fails: len(args) > 0, run: func(b *batch) (*vec.Vec, error) {
		keys, err := interleave(b, 0, 2)
		if err != nil {
			return nil, err
		}
		values, err := interleave(b, 1, 2)
		if err != nil {
			return nil, err
		}
		each := len(b.args) / 2
		for i := range b.n {
			if err := checkKeys(keys, i, each, o); err != nil {
				return nil, err
			}
		}
		return vec.OfLists(vec.Map, steps(b.n, each), nil, keys, values), nil
	}}), nil
}

func checkKeys(keys *vec.Vec, row, n int, o order) error {
	for p := row * n; p < (row+1)*n; p++ {
		if keys.IsNull(p) {
			return rowError(row, "a key of a map is null")
		}
		for q := row * n; q < p; q++ {
			if o(keys, p, keys, q) == 0 {
				return rowError(row, "a map has a key twice")
			}
		}
	}
	return nil
}

// concat binds l || r on strings, binaries and arrays.
func (b *binder) concat(e *arith, l, r node) (node, error) {
	lt, rt := l.typ(), r.typ()
	if lt.Kind() == schema.KindArray || rt.Kind() == schema.KindArray {
		both, err := b.toCommon(e, []node{l, r})
		if err != nil {
			return nil, err
		}
		return strictApply(e, both[0].typ(), false, concatLists, both...), nil
	}
	var t schema.DataType = schema.String
	if lt.Kind() == schema.KindBinary && rt.Kind() == schema.KindBinary {
		t = schema.Binary
	}
	args := []node{l, r}
	for i, x := range args {
		if !isAtomic(x.typ().Kind()) && x.typ().Kind() != schema.KindVoid {
			return nil, errorAt(e, "%s: || is not defined for %s and %s", show(e), typeText(lt), typeText(rt))
		}
		n, err := b.castNode(e, x, t)
		if err != nil {
			return nil, err
		}
		args[i] = n
	}
	return strictApply(e, t, false, concatBytes, args...), nil
}

func concatBytes(b *batch) (*vec.Vec, error) {
	x, err := all(b.args[0], b.n)
	if err != nil {
		return nil, err
	}
	y, err := all(b.args[1], b.n)
	if err != nil {
		return nil, err
	}
	t := newTextBuilder(b.n)
	for i := range b.n {
		if b.isValid(i) {
			t.data = append(append(t.data, x.At(i)...), y.At(i)...)
		}
		if err := t.end(); err != nil {
			return nil, err
		}
	}
	return t.vec(), nil
}

func concatLists(b *batch) (*vec.Vec, error) {
	x, err := all(b.args[0], b.n)
	if err != nil {
		return nil, err
	}
	y, err := all(b.args[1], b.n)
	if err != nil {
		return nil, err
	}
	elements, err := vec.Concat([]*vec.Vec{x.Children[0], y.Children[0]})
	if err != nil {
		return nil, err
	}
	var idx []int32
	offsets := make([]int32, 1, b.n+1)
	for i := range b.n {
		if b.isValid(i) {
			for p, to := span32(x, i); p < to; p++ {
				idx = append(idx, int32(p))
			}
			for p, to := span32(y, i); p < to; p++ {
				idx = append(idx, int32(x.Children[0].Len+p))
			}
		}
		if len(idx) > math.MaxInt32 {
			return nil, vec.ErrTooLarge
		}
		offsets = append(offsets, int32(len(idx)))
	}
	child, err := vec.Take(elements, idx)
	if err != nil {
		return nil, err
	}
	return vec.OfLists(vec.List, offsets, nil, child), nil
}
