// Package vectest makes and prints column vectors for tests.
//
// A value is boxed as Go would hold it: nil for null, bool, int8 … int64,
// float32, float64, [16]byte, string (for [vec.Bytes]), []any (struct fields or
// list elements) and [][2]any (map entries).
package vectest

import (
	"fmt"
	"math/rand/v2"

	"github.com/deltalog/deltalog/internal/vec"
)

// A Shape is a layout: a kind and, for nested kinds, its children.
type Shape struct {
	Kind     vec.Kind
	Children []Shape
}

// New returns a vec of the given boxed values. It panics when a value does not
// fit the shape.
func New(s Shape, values ...any) *vec.Vec {
	valid := make([]bool, len(values))
	nulls := false
	for i, v := range values {
		valid[i] = v != nil
		nulls = nulls || v == nil
	}
	if !nulls {
		valid = nil
	}
	switch s.Kind {
	case vec.Null:
		return &vec.Vec{Kind: vec.Null, Len: len(values)}
	case vec.Bool:
		return vec.OfBools(unbox[bool](values), valid)
	case vec.Int8:
		return vec.Of(s.Kind, unbox[int8](values), valid)
	case vec.Int16:
		return vec.Of(s.Kind, unbox[int16](values), valid)
	case vec.Int32:
		return vec.Of(s.Kind, unbox[int32](values), valid)
	case vec.Int64:
		return vec.Of(s.Kind, unbox[int64](values), valid)
	case vec.Float32:
		return vec.Of(s.Kind, unbox[float32](values), valid)
	case vec.Float64:
		return vec.Of(s.Kind, unbox[float64](values), valid)
	case vec.Decimal128:
		return vec.Of(s.Kind, unbox[[16]byte](values), valid)
	case vec.Bytes:
		v, err := vec.OfBytes(unbox[string](values), valid)
		if err != nil {
			panic(err)
		}
		return v
	case vec.Struct:
		return newStruct(s, values, valid)
	}
	return newLists(s, values, valid)
}

func unbox[T any](values []any) []T {
	out := make([]T, len(values))
	for i, v := range values {
		if v != nil {
			out[i] = v.(T)
		}
	}
	return out
}

func newStruct(s Shape, values []any, valid []bool) *vec.Vec {
	var children []*vec.Vec
	for c, child := range s.Children {
		column := make([]any, len(values))
		for i, v := range values {
			if v != nil {
				column[i] = v.([]any)[c]
			}
		}
		children = append(children, New(child, column...))
	}
	return vec.OfStruct(len(values), valid, children...)
}

func newLists(s Shape, values []any, valid []bool) *vec.Vec {
	offsets := make([]int32, 1, len(values)+1)
	columns := make([][]any, len(s.Children))
	for _, v := range values {
		switch v := v.(type) {
		case []any:
			columns[0] = append(columns[0], v...)
		case [][2]any:
			for _, e := range v {
				columns[0], columns[1] = append(columns[0], e[0]), append(columns[1], e[1])
			}
		}
		offsets = append(offsets, int32(len(columns[0])))
	}
	var children []*vec.Vec
	for c, child := range s.Children {
		children = append(children, New(child, columns[c]...))
	}
	return vec.OfLists(s.Kind, offsets, valid, children...)
}

// Values returns v's values, boxed.
func Values(v *vec.Vec) []any {
	out := make([]any, v.Len)
	for i := range out {
		out[i] = Value(v, i)
	}
	return out
}

// Value returns value i of v, boxed.
func Value(v *vec.Vec, i int) any {
	if v.IsNull(i) {
		return nil
	}
	switch v.Kind {
	case vec.Bool:
		return v.Bool(i)
	case vec.Int8:
		return vec.Values[int8](v)[i]
	case vec.Int16:
		return vec.Values[int16](v)[i]
	case vec.Int32:
		return vec.Values[int32](v)[i]
	case vec.Int64:
		return vec.Values[int64](v)[i]
	case vec.Float32:
		return vec.Values[float32](v)[i]
	case vec.Float64:
		return vec.Values[float64](v)[i]
	case vec.Decimal128:
		return vec.Values[[16]byte](v)[i]
	case vec.Bytes:
		return string(v.At(i))
	case vec.Struct:
		fields := []any{}
		for _, c := range v.Children {
			fields = append(fields, Value(c, v.Off+i))
		}
		return fields
	case vec.List:
		from, to := v.Offsets[v.Off+i], v.Offsets[v.Off+i+1]
		return Values(v.Children[0].Slice(int(from), int(to)))
	case vec.Map:
		entries := [][2]any{}
		for e := v.Offsets[v.Off+i]; e < v.Offsets[v.Off+i+1]; e++ {
			entries = append(entries, [2]any{Value(v.Children[0], int(e)), Value(v.Children[1], int(e))})
		}
		return entries
	}
	panic(fmt.Sprintf("vectest: value of %v", v.Kind))
}

// Random returns n random values of the shape, about a fifth of them null. With
// nullable false the outermost values are not.
func Random(r *rand.Rand, s Shape, n int, nullable bool) []any {
	out := make([]any, n)
	for i := range out {
		if !nullable || r.IntN(5) > 0 {
			out[i] = random(r, s)
		}
	}
	return out
}

func random(r *rand.Rand, s Shape) any {
	switch s.Kind {
	case vec.Bool:
		return r.IntN(2) == 0
	case vec.Int8:
		return int8(r.Uint32())
	case vec.Int16:
		return int16(r.Uint32())
	case vec.Int32:
		return int32(r.Uint32())
	case vec.Int64:
		return int64(r.Uint64())
	case vec.Float32:
		return r.Float32()
	case vec.Float64:
		return r.NormFloat64()
	case vec.Decimal128:
		var d [16]byte
		for i := range d {
			d[i] = byte(r.Uint32())
		}
		return d
	case vec.Bytes:
		return fmt.Sprintf("%0*d", r.IntN(12), r.IntN(1000))
	case vec.Struct:
		fields := []any{}
		for _, c := range s.Children {
			fields = append(fields, Random(r, c, 1, true)[0])
		}
		return fields
	case vec.List:
		return Random(r, s.Children[0], r.IntN(4), true)
	case vec.Map:
		entries := [][2]any{}
		for range r.IntN(4) {
			entries = append(entries, [2]any{Random(r, s.Children[0], 1, false)[0], Random(r, s.Children[1], 1, true)[0]})
		}
		return entries
	}
	return nil
}

// RandomShape returns a random layout nested at most depth deep.
func RandomShape(r *rand.Rand, depth int) Shape {
	kinds := int(vec.Map) + 1
	if depth == 0 {
		kinds = int(vec.Struct)
	}
	s := Shape{Kind: vec.Kind(r.IntN(kinds))}
	children := 0
	switch s.Kind {
	case vec.Struct:
		children = 1 + r.IntN(3)
	case vec.List:
		children = 1
	case vec.Map:
		children = 2
	}
	for range children {
		s.Children = append(s.Children, RandomShape(r, depth-1))
	}
	return s
}

// Window returns a vec equal to New(s, values...) that is a window of a longer
// one, so that its Off is not 0 and more values lie on both sides.
func Window(r *rand.Rand, s Shape, values ...any) *vec.Vec {
	before, after := r.IntN(70), r.IntN(70)
	all := Random(r, s, before, true)
	all = append(all, values...)
	all = append(all, Random(r, s, after, true)...)
	return New(s, all...).Slice(before, before+len(values))
}
