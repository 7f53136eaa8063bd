package delta

import (
	"fmt"
	"slices"

	"github.com/deltalog/deltalog/txlog/schema"
)

// exists reports whether the schema has the field.
func exists(s *schema.Struct, path []string) bool {
	_, _, err := findField(s, path)
	return err == nil
}

// findField looks a field of structs up, in any case, and returns its path as the
// schema spells it.
func findField(s *schema.Struct, path []string) ([]string, *schema.Field, error) {
	if len(path) == 0 {
		return nil, nil, fmt.Errorf("no column is named")
	}
	at := slices.Clone(path)
	for i := range at {
		k := s.Find(at[i])
		if k < 0 {
			return nil, nil, fmt.Errorf("the table has no column %s", schema.ColumnPath(path[:i+1]))
		}
		f := &s.Fields[k]
		at[i] = f.Name
		if i == len(at)-1 {
			return at, f, nil
		}
		inner, ok := f.Type.(*schema.Struct)
		if !ok {
			return nil, nil, fmt.Errorf("column %s is of type %s, and has no field %s", schema.ColumnPath(at[:i+1]), f.Type, at[i+1])
		}
		s = inner
	}
	return at, nil, nil
}

// changeField returns a copy of s in which change was applied to the field at a
// path that findField returned: it gets the struct, its own to change, and the
// field's position.
func changeField(s *schema.Struct, at []string, change func(parent *schema.Struct, i int) error) (*schema.Struct, error) {
	out := &schema.Struct{Fields: slices.Clone(s.Fields)}
	i := out.Index(at[0])
	if len(at) == 1 {
		if err := change(out, i); err != nil {
			return nil, fmt.Errorf("column %s: %w", at[0], err)
		}
		return out, nil
	}
	inner, err := changeField(out.Fields[i].Type.(*schema.Struct), at[1:], change)
	if err != nil {
		return nil, err
	}
	out.Fields[i].Type = inner
	return out, nil
}
