package sqlfn

import (
	"fmt"

	"github.com/deltalog/deltalog/internal/schemavec"
	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

func arrayFuncs() []def {
	return []def{
		{"size cardinality", resolveSize("an array or map", schema.KindArray, schema.KindMap)},
		{"array_size", resolveSize("an array", schema.KindArray)},
		{"array_contains", resolveContains},
	}
}

func resolveSize(name string, kinds ...schema.Kind) resolver {
	return fixed(schema.Integer, func(c *call) (*vec.Vec, error) {
		a := c.args[0]
		return each(c, vec.Int32, func(i int) (int32, error) { return a.Offsets[a.Off+i+1] - a.Offsets[a.Off+i], nil })
	}, want{name, func(t schema.DataType) (schema.DataType, bool) {
		for _, k := range kinds {
			if t.Kind() == k {
				return t, true
			}
		}
		return t, t.Kind() == schema.KindVoid
	}})
}

// resolveReverse reverses a string or an array.
func resolveReverse(b *binding) (Signature, error) {
	to, err := b.cast([]want{{"a string or array", func(t schema.DataType) (schema.DataType, bool) {
		if t.Kind() == schema.KindArray {
			return t, true
		}
		return implicit(t, schema.String)
	}}}, 0)
	if err != nil {
		return Signature{}, err
	}
	if to[0].Kind() == schema.KindArray {
		return strict(to, to[0], evalReverseArray), nil
	}
	return strict(to, to[0], func(c *call) (*vec.Vec, error) {
		s := textOf(c.args[0])
		return eachText(c, func(dst []byte, i int) ([]byte, error) { return appendReversed(dst, s.at(i)), nil })
	}), nil
}

func evalReverseArray(c *call) (*vec.Vec, error) {
	a := c.args[0]
	offsets := a.Offsets[a.Off : a.Off+a.Len+1]
	idx := make([]int32, 0, offsets[a.Len]-offsets[0])
	out := make([]int32, 1, c.n+1)
	for i := range c.n {
		if c.isValid(i) {
			for e := offsets[i+1] - 1; e >= offsets[i]; e-- {
				idx = append(idx, e)
			}
		}
		out = append(out, int32(len(idx)))
	}
	child, err := vec.Take(a.Children[0], idx)
	if err != nil {
		return nil, err
	}
	return vec.OfLists(vec.List, out, nil, child), nil
}

// resolveContains looks for a value among elements of its type. If it is not
// there but a null is, nobody knows: null.
func resolveContains(b *binding) (Signature, error) {
	if len(b.args) != 2 {
		return Signature{}, b.countError(2, 2)
	}
	if b.args[0].Kind() == schema.KindVoid {
		b.args = []schema.DataType{&schema.Array{Element: b.args[1], ContainsNull: true}, b.args[1]}
	}
	a, ok := b.args[0].(*schema.Array)
	if !ok {
		return Signature{}, fmt.Errorf("argument 1 is %v, want an array", b.args[0])
	}
	common, ok := commonType(a.Element, b.args[1])
	if !ok {
		return Signature{}, fmt.Errorf("argument 2 is %v, want %v, as the elements of argument 1", b.args[1], a.Element)
	}
	if common.Kind() == schema.KindMap {
		return Signature{}, fmt.Errorf("argument 2 is %v, and maps cannot be compared", common)
	}
	to := []schema.DataType{&schema.Array{Element: common, ContainsNull: a.ContainsNull}, common}
	return strict(to, schema.Boolean, evalContains), nil
}

func evalContains(c *call) (*vec.Vec, error) {
	a, x := c.args[0], c.args[1]
	out := &vec.Vec{Kind: vec.Bool, Len: c.n, Data: make([]byte, vec.BitmapLen(c.n))}
	for i := range c.n {
		if !c.isValid(i) {
			continue
		}
		ai, xi := i, i
		if a.Const {
			ai = 0
		}
		if x.Const {
			xi = 0
		}
		null, found := false, false
		for e := a.Offsets[a.Off+ai]; e < a.Offsets[a.Off+ai+1] && !found; e++ {
			if a.Children[0].IsNull(int(e)) {
				null = true
				continue
			}
			found = sameValue(c.types[1], a.Children[0], int(e), x.Vec, xi)
		}
		switch {
		case found:
			out.Data[i>>3] |= 1 << (i & 7)
		case null:
			if err := failed(out, i, errNull); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// sameValue compares two values that are not null. NaN equals itself, and 0 is -0.
func sameValue(t schema.DataType, v *vec.Vec, i int, w *vec.Vec, j int) bool {
	switch t := t.(type) {
	case *schema.Struct:
		for k := range t.Fields {
			if !sameOrNull(t.Fields[k].Type, v.Children[k], v.Off+i, w.Children[k], w.Off+j) {
				return false
			}
		}
		return true
	case *schema.Array:
		from, to := int(v.Offsets[v.Off+i]), int(v.Offsets[v.Off+i+1])
		at, end := int(w.Offsets[w.Off+j]), int(w.Offsets[w.Off+j+1])
		if to-from != end-at {
			return false
		}
		for ; from < to; from, at = from+1, at+1 {
			if !sameOrNull(t.Element, v.Children[0], from, w.Children[0], at) {
				return false
			}
		}
		return true
	}
	return schemavec.Value(v, t, i).Equal(schemavec.Value(w, t, j))
}

func sameOrNull(t schema.DataType, v *vec.Vec, i int, w *vec.Vec, j int) bool {
	if v.IsNull(i) || w.IsNull(j) {
		return v.IsNull(i) && w.IsNull(j)
	}
	return sameValue(t, v, i, w, j)
}
