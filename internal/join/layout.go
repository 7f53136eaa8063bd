package join

import (
	"fmt"
	"unsafe"

	"github.com/deltalog/deltalog/internal/schemavec"
	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// emptyOf returns an empty column of the type's layout, where a variant is the
// struct of two binaries that it is read as.
func emptyOf(t schema.DataType) *vec.Vec {
	if t.Kind() == schema.KindVariant {
		return &vec.Vec{Kind: vec.Struct, Children: []*vec.Vec{emptyOf(schema.Binary), emptyOf(schema.Binary)}}
	}
	v := &vec.Vec{Kind: schemavec.Layout(t)}
	switch t := t.(type) {
	case *schema.Struct:
		for i := range t.Fields {
			v.Children = append(v.Children, emptyOf(t.Fields[i].Type))
		}
	case *schema.Array:
		v.Offsets, v.Children = []int32{0}, []*vec.Vec{emptyOf(t.Element)}
	case *schema.Map:
		v.Offsets, v.Children = []int32{0}, []*vec.Vec{emptyOf(t.Key), emptyOf(t.Value)}
	}
	if v.Kind == vec.Bytes {
		v.Offsets = []int32{0}
	}
	return v
}

// conform returns v, after checking that its layout is that of like. Parts of
// layout Null, which stand for nulls of any type, get the layout.
func conform(v, like *vec.Vec) (*vec.Vec, error) {
	if v.Kind == vec.Null && like.Kind != vec.Null {
		return vec.AllNull(like, v.Len), nil
	}
	if v.Kind != like.Kind || len(v.Children) != len(like.Children) {
		return nil, fmt.Errorf("join: a column of layout %v where %v is wanted", v.Kind, like.Kind)
	}
	out := v
	for i, c := range v.Children {
		d, err := conform(c, like.Children[i])
		if err != nil {
			return nil, err
		}
		if d == c {
			continue
		}
		if out == v {
			w := *v
			w.Children = append([]*vec.Vec(nil), v.Children...)
			out = &w
		}
		out.Children[i] = d
	}
	return out, nil
}

// conformAll is conform for the columns of a batch of n rows.
func conformAll(vs, like []*vec.Vec, n int, what string) ([]*vec.Vec, error) {
	if len(vs) != len(like) {
		return nil, fmt.Errorf("join: %d %s columns, want %d", len(vs), what, len(like))
	}
	out := make([]*vec.Vec, len(vs))
	for i, v := range vs {
		if v.Len != n {
			return nil, fmt.Errorf("join: %s column %d has %d values, want %d", what, i, v.Len, n)
		}
		w, err := conform(v, like[i])
		if err != nil {
			return nil, fmt.Errorf("%w (%s column %d)", err, what, i)
		}
		out[i] = w
	}
	return out, nil
}

// windows returns the rows [i, j) of the columns.
func windows(cols []*vec.Vec, i, j int) []*vec.Vec {
	out := make([]*vec.Vec, len(cols))
	for k, c := range cols {
		out[k] = c.Slice(i, j)
	}
	return out
}

// copySize returns the memory that copies of the columns take.
func copySize(cols []*vec.Vec) int64 {
	n := int64(0)
	for _, v := range cols {
		n += 8 + copySizeOf(v)
	}
	return n
}

func copySizeOf(v *vec.Vec) int64 {
	n := vec.MemorySize(&vec.Vec{})
	if v.Valid != nil {
		n += int64(vec.BitmapLen(v.Len))
	}
	from, to := v.Off, v.Off+v.Len // of the children
	switch v.Kind {
	case vec.Null:
		return n
	case vec.Bool:
		n += int64(vec.BitmapLen(v.Len))
	case vec.Bytes, vec.List, vec.Map:
		n += int64(v.Len+1) * 4
		from, to = 0, 0
		if v.Len > 0 {
			from, to = int(v.Offsets[v.Off]), int(v.Offsets[v.Off+v.Len])
		}
		if v.Kind == vec.Bytes {
			n += int64(to - from)
		}
	default:
		n += int64(v.Len * v.Kind.Width())
	}
	for _, c := range v.Children {
		n += int64(unsafe.Sizeof(c)) + copySizeOf(c.Slice(from, to))
	}
	return n
}
