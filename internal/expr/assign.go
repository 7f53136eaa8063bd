package expr

import (
	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// As returns v for a column of type t: cast as Spark's store assignment does in
// ANSI mode. Numbers become other numbers, checked row by row, all primitive
// types strings, dates and timestamps each other; the fields of structs are
// matched by name. The error names both types. Nulls are not looked at.
func (v *Value) As(t schema.DataType) (*Value, error) {
	b := v.binder()
	root, err := b.assign(v.src, v.root, t)
	if err != nil {
		return nil, err
	}
	return b.finish(v.src, root), nil
}

// assign returns x as a value of a column of type t.
func (b *binder) assign(src Expr, x node, t schema.DataType) (node, error) {
	from := x.typ()
	if !assignable(from, t) {
		hint := ""
		if from.Kind() == schema.KindString && isAtomic(t.Kind()) {
			hint = "; write CAST(… AS " + typeText(t) + ")"
		}
		return nil, errorAt(src, "%s is of type %s, which cannot be stored as %s%s", show(src), typeText(from), typeText(t), hint)
	}
	return b.castNode(src, inOrder(src, x, t), t)
}

// assignable reports whether a value of one type may be stored as another.
func assignable(from, to schema.DataType) bool {
	k, l := from.Kind(), to.Kind()
	switch {
	case isInterval(from) || isInterval(to):
		return false
	case k == schema.KindVoid, isNumber(k) && isNumber(l), isTime(k) && isTime(l),
		isAtomic(k) && l == schema.KindString, k == l && isAtomic(k):
		return true
	}
	switch from := from.(type) {
	case *schema.Array:
		to, is := to.(*schema.Array)
		return is && assignable(from.Element, to.Element)
	case *schema.Map:
		to, is := to.(*schema.Map)
		return is && assignable(from.Key, to.Key) && assignable(from.Value, to.Value)
	case *schema.Struct:
		to, is := to.(*schema.Struct)
		if !is || len(from.Fields) != len(to.Fields) {
			return false
		}
		for i := range to.Fields {
			k := from.Find(to.Fields[i].Name)
			if k < 0 || !assignable(from.Fields[k].Type, to.Fields[i].Type) {
				return false
			}
		}
		return true
	}
	return schema.Equal(from, to)
}

// inOrder returns x with the fields of its structs in the order of those of a
// type that it is assignable to.
func inOrder(src Expr, x node, to schema.DataType) node {
	t, changed := reordered(x.typ(), to)
	if !changed {
		return x
	}
	from := x.typ()
	return strictApply(src, t, false, func(b *batch) (*vec.Vec, error) {
		v, err := all(b.args[0], b.n)
		if err != nil {
			return nil, err
		}
		return reorder(v, from, to), nil
	}, x)
}

// reordered returns from with the order of fields of to.
func reordered(from, to schema.DataType) (schema.DataType, bool) {
	switch from := from.(type) {
	case *schema.Array:
		if to, is := to.(*schema.Array); is {
			e, changed := reordered(from.Element, to.Element)
			return &schema.Array{Element: e, ContainsNull: from.ContainsNull}, changed
		}
	case *schema.Map:
		if to, is := to.(*schema.Map); is {
			k, c1 := reordered(from.Key, to.Key)
			v, c2 := reordered(from.Value, to.Value)
			return &schema.Map{Key: k, Value: v, ValueContainsNull: from.ValueContainsNull}, c1 || c2
		}
	case *schema.Struct:
		to, is := to.(*schema.Struct)
		if !is {
			return from, false
		}
		out, changed := &schema.Struct{}, false
		for i := range to.Fields {
			k := from.Find(to.Fields[i].Name)
			f := from.Fields[k]
			inner, c := reordered(f.Type, to.Fields[i].Type)
			changed = changed || c || k != i
			out.Fields = append(out.Fields, schema.Field{Name: f.Name, Type: inner, Nullable: f.Nullable})
		}
		return out, changed
	}
	return from, false
}

func reorder(v *vec.Vec, from, to schema.DataType) *vec.Vec {
	if v.Kind == vec.Null {
		return v
	}
	out := *v
	out.Children = append([]*vec.Vec(nil), v.Children...)
	switch from := from.(type) {
	case *schema.Array:
		out.Children[0] = reorder(v.Children[0], from.Element, to.(*schema.Array).Element)
	case *schema.Map:
		out.Children[0] = reorder(v.Children[0], from.Key, to.(*schema.Map).Key)
		out.Children[1] = reorder(v.Children[1], from.Value, to.(*schema.Map).Value)
	case *schema.Struct:
		to := to.(*schema.Struct)
		for i := range to.Fields {
			k := from.Find(to.Fields[i].Name)
			out.Children[i] = reorder(v.Children[k], from.Fields[k].Type, to.Fields[i].Type)
		}
	}
	return &out
}
