package schema

import (
	"iter"
	"strings"
)

// The steps of a path into an array or map, as in Parquet and in Spark's errors.
const (
	stepElement = "element"
	stepKey     = "key"
	stepValue   = "value"
)

// Index returns the position of the field named name exactly; -1 if there is none.
func (s *Struct) Index(name string) int {
	for i := range s.Fields {
		if s.Fields[i].Name == name {
			return i
		}
	}
	return -1
}

// Find returns the position of the field named name in any case, as SQL means
// it; -1 if there is none. A field whose name is exactly name comes first.
func (s *Struct) Find(name string) int {
	if i := s.Index(name); i >= 0 {
		return i
	}
	for i := range s.Fields {
		if strings.EqualFold(s.Fields[i].Name, name) {
			return i
		}
	}
	return -1
}

// Walk yields every field at every level, a struct before its fields, with its
// path. The steps into an array are "element", into a map "key" and "value".
// The path is reused: clone it to keep it.
func (s *Struct) Walk() iter.Seq2[[]string, *Field] {
	return func(yield func([]string, *Field) bool) {
		walkType(s, nil, true, yield)
	}
}

// Leaves yields the columns that are not structs, in schema order: fields of
// the table and of structs in it. An array or map is one leaf. The path is
// reused: clone it to keep it.
func (s *Struct) Leaves() iter.Seq2[[]string, *Field] {
	return func(yield func([]string, *Field) bool) {
		walkType(s, nil, false, func(path []string, f *Field) bool {
			return f.Type.Kind() == KindStruct || yield(path, f)
		})
	}
}

// walkType returns false when yield did.
func walkType(t DataType, path []string, all bool, yield func([]string, *Field) bool) bool {
	switch t := t.(type) {
	case *Struct:
		for i := range t.Fields {
			f := &t.Fields[i]
			inner := append(path, f.Name)
			if !yield(inner, f) || !walkType(f.Type, inner, all, yield) {
				return false
			}
		}
	case *Array:
		return !all || walkType(t.Element, append(path, stepElement), all, yield)
	case *Map:
		return !all || walkType(t.Key, append(path, stepKey), all, yield) &&
			walkType(t.Value, append(path, stepValue), all, yield)
	}
	return true
}

// Equal reports whether two types are the same: names, types and nullability,
// but not metadata.
func Equal(a, b DataType) bool {
	switch a := a.(type) {
	case *Struct:
		b, ok := b.(*Struct)
		if !ok || len(a.Fields) != len(b.Fields) {
			return false
		}
		for i := range a.Fields {
			f, g := &a.Fields[i], &b.Fields[i]
			if f.Name != g.Name || f.Nullable != g.Nullable || !Equal(f.Type, g.Type) {
				return false
			}
		}
		return true
	case *Array:
		b, ok := b.(*Array)
		return ok && a.ContainsNull == b.ContainsNull && Equal(a.Element, b.Element)
	case *Map:
		b, ok := b.(*Map)
		return ok && a.ValueContainsNull == b.ValueContainsNull && Equal(a.Key, b.Key) && Equal(a.Value, b.Value)
	default:
		return a == b
	}
}
