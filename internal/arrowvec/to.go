package arrowvec

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/deltalog/deltalog/internal/vec"
)

// ToArray returns v as an array of type t that shares v's memory. t is the type
// that [Type] gives for v's Delta type, or one of the same layout; a [vec.Null]
// becomes any type. It is an error if the layouts do not agree.
//
// The array must not be written to, and needs no Release.
func ToArray(v *vec.Vec, t arrow.DataType) (arrow.Array, error) {
	d, err := toData(v, t, maxDepth)
	if err != nil {
		return nil, fmt.Errorf("arrowvec: array of type %s: %w", t, err)
	}
	return array.MakeFromData(d), nil
}

func toData(v *vec.Vec, t arrow.DataType, depth int) (arrow.ArrayData, error) {
	if depth == 0 {
		return nil, fmt.Errorf("nested deeper than %d levels", maxDepth)
	}
	if v.Kind == vec.Null {
		return array.MakeArrayOfNull(memory.DefaultAllocator, t, v.Len).Data(), nil
	}
	if want, ok := layout(t); !ok || want != v.Kind {
		return nil, fmt.Errorf("the values are %v", v.Kind)
	}
	buffers := []*memory.Buffer{wrap(v.Valid)}
	var children []arrow.ArrayData
	var err error
	switch v.Kind {
	case vec.Struct:
		fields := t.(*arrow.StructType).Fields()
		children, err = toChildren(v.Children, fields, depth)
	case vec.List:
		buffers = append(buffers, offsets(v))
		children, err = toChildren(v.Children, t.(*arrow.ListType).Fields(), depth)
	case vec.Map:
		buffers = append(buffers, offsets(v))
		children, err = toEntries(v, t.(*arrow.MapType), depth)
	case vec.Bytes:
		buffers = append(buffers, offsets(v), wrap(nonNil(v.Data)))
	default:
		buffers = append(buffers, wrap(nonNil(v.Data)))
	}
	if err != nil {
		return nil, err
	}
	nulls := 0
	if v.Valid != nil {
		nulls = array.UnknownNullCount
	}
	return array.NewData(t, v.Len, buffers, children, nulls, v.Off), nil
}

// layout returns the kind of Vec whose memory is an array of type t.
func layout(t arrow.DataType) (vec.Kind, bool) {
	if k, ok := fixed[t.ID()]; ok {
		return k, true
	}
	switch t := t.(type) {
	case *arrow.TimestampType:
		return vec.Int64, t.Unit == arrow.Microsecond
	case *arrow.StringType, *arrow.BinaryType:
		return vec.Bytes, true
	case *arrow.StructType:
		return vec.Struct, true
	case *arrow.ListType:
		return vec.List, true
	case *arrow.MapType:
		return vec.Map, true
	}
	return 0, false
}

func toChildren(vs []*vec.Vec, fields []arrow.Field, depth int) ([]arrow.ArrayData, error) {
	if len(vs) != len(fields) {
		return nil, fmt.Errorf("%d columns for %d fields", len(vs), len(fields))
	}
	out := make([]arrow.ArrayData, len(vs))
	for i, c := range vs {
		var err error
		if out[i], err = toData(c, fields[i].Type, depth-1); err != nil {
			return nil, fmt.Errorf("%s: %w", fields[i].Name, err)
		}
	}
	return out, nil
}

// toEntries makes the struct of a map's keys and values.
func toEntries(v *vec.Vec, t *arrow.MapType, depth int) ([]arrow.ArrayData, error) {
	pair := t.Elem().(*arrow.StructType)
	keys, err := liveKeys(v)
	if err != nil {
		return nil, err
	}
	children, err := toChildren([]*vec.Vec{keys, v.Children[1]}, pair.Fields(), depth-1)
	if err != nil {
		return nil, err
	}
	n := min(v.Children[0].Len, v.Children[1].Len)
	return []arrow.ArrayData{array.NewData(pair, n, []*memory.Buffer{nil}, children, 0, 0)}, nil
}

// liveKeys returns a map's keys without their validity, which an Arrow map must
// not have: a key that is null may lie only where no map reaches.
func liveKeys(v *vec.Vec) (*vec.Vec, error) {
	keys := *v.Children[0]
	if keys.NullCount() == 0 {
		return &keys, nil
	}
	for i := range v.Len {
		from, to := v.Offsets[v.Off+i], v.Offsets[v.Off+i+1]
		if !v.IsNull(i) && keys.Slice(int(from), int(to)).NullCount() > 0 {
			return nil, fmt.Errorf("value %d is a map with a null key", i)
		}
	}
	if keys.Kind == vec.Null {
		return nil, fmt.Errorf("a map whose keys have no type")
	}
	keys.Valid = nil
	return &keys, nil
}

// offsets returns v's offsets; an empty Vec may have none, an array has one.
func offsets(v *vec.Vec) *memory.Buffer {
	if len(v.Offsets) == 0 {
		return wrap(make([]byte, 4))
	}
	return wrap(vec.BytesOf(v.Offsets))
}

// nonNil returns b, or an empty slice: arrays without a buffer are taken apart by
// some kernels.
func nonNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
