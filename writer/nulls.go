package writer

import (
	"sort"

	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// strict reports whether a column of type t may hold a null that is an error.
func strict(t schema.DataType, nullable bool) bool {
	if !nullable {
		return true
	}
	switch t := t.(type) {
	case *schema.Struct:
		for i := range t.Fields {
			if strict(t.Fields[i].Type, t.Fields[i].Nullable) {
				return true
			}
		}
	case *schema.Array:
		return strict(t.Element, t.ContainsNull)
	case *schema.Map:
		return true // keys are never null
	}
	return false
}

// A badNull is a null where there must be none.
type badNull struct {
	column string
	row    int
}

// A nullSearch looks for nulls that are errors. What lies under a null does not
// count: rows says which row an element belongs to, negative if to none.
type nullSearch struct{ rows func(i int) int }

func (s nullSearch) row(i int) int {
	if s.rows == nil {
		return i
	}
	return s.rows(i)
}

func (s nullSearch) in(v *vec.Vec, t schema.DataType, nullable bool, name string) *badNull {
	if !nullable && (v.Kind == vec.Null || v.Valid != nil) {
		for i := range v.Len {
			if v.IsNull(i) && s.row(i) >= 0 {
				return &badNull{name, s.row(i)}
			}
		}
	}
	if v.Kind == vec.Null {
		return nil
	}
	switch t := t.(type) {
	case *schema.Struct:
		inner := nullSearch{s.below(v)}
		for i := range t.Fields {
			f := &t.Fields[i]
			if !strict(f.Type, f.Nullable) {
				continue
			}
			if n := inner.in(v.Children[i].Slice(v.Off, v.Off+v.Len), f.Type, f.Nullable, name+"."+f.Name); n != nil {
				return n
			}
		}
	case *schema.Array:
		if strict(t.Element, t.ContainsNull) {
			return s.elements(v, 0, t.Element, t.ContainsNull, name+".element")
		}
	case *schema.Map:
		if n := s.elements(v, 0, t.Key, false, name+".key"); n != nil {
			return n
		}
		if strict(t.Value, t.ValueContainsNull) {
			return s.elements(v, 1, t.Value, t.ValueContainsNull, name+".value")
		}
	}
	return nil
}

// below returns the rows of v's values, none for nulls.
func (s nullSearch) below(v *vec.Vec) func(int) int {
	if v.Valid == nil {
		return s.rows
	}
	return func(i int) int {
		if v.IsNull(i) {
			return -1
		}
		return s.row(i)
	}
}

// elements looks at what lists or maps hold.
func (s nullSearch) elements(v *vec.Vec, child int, t schema.DataType, nullable bool, name string) *badNull {
	offsets := v.Offsets[v.Off : v.Off+v.Len+1]
	base := offsets[0]
	above := nullSearch{s.below(v)}
	inner := nullSearch{func(e int) int {
		at := base + int32(e)
		return above.row(sort.Search(v.Len, func(i int) bool { return offsets[i+1] > at }))
	}}
	return inner.in(v.Children[child].Slice(int(base), int(offsets[v.Len])), t, nullable, name)
}
