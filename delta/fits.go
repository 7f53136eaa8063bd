package delta

import (
	"fmt"

	"github.com/deltalog/deltalog/txlog/schema"
)

// written compares the schema that files were written for with the one that a
// table has now.
type written struct{ mode schema.MappingMode }

// fits returns nil if files of schema w are right for a table of schema t: every
// column they have is there, under the same physical name and with the same
// type; what they lack is nullable.
func (c written) fits(w, t *schema.Struct, at string) error {
	for i := range w.Fields {
		f := &w.Fields[i]
		j := t.Index(f.Name)
		if j < 0 {
			return fmt.Errorf("column %s%s is gone", at, f.Name)
		}
		if err := c.field(f, &t.Fields[j], at+f.Name); err != nil {
			return err
		}
	}
	for i := range t.Fields {
		if f := &t.Fields[i]; w.Index(f.Name) < 0 && !f.Nullable {
			return fmt.Errorf("column %s%s was added, and is not nullable", at, f.Name)
		}
	}
	return nil
}

func (c written) field(w, t *schema.Field, at string) error {
	if w.PhysicalName(c.mode) != t.PhysicalName(c.mode) {
		return fmt.Errorf("column %s is another column now", at)
	}
	if w.Nullable && !t.Nullable {
		return fmt.Errorf("column %s is not nullable any more", at)
	}
	return c.dataType(w.Type, t.Type, at)
}

func (c written) dataType(w, t schema.DataType, at string) error {
	if w.Kind() != t.Kind() {
		return fmt.Errorf("column %s changed its type from %s to %s", at, w, t)
	}
	switch w := w.(type) {
	case *schema.Struct:
		return c.fits(w, t.(*schema.Struct), at+".")
	case *schema.Array:
		t := t.(*schema.Array)
		if w.ContainsNull && !t.ContainsNull {
			return fmt.Errorf("elements of column %s are not nullable any more", at)
		}
		return c.dataType(w.Element, t.Element, at+".element")
	case *schema.Map:
		t := t.(*schema.Map)
		if w.ValueContainsNull && !t.ValueContainsNull {
			return fmt.Errorf("values of column %s are not nullable any more", at)
		}
		if err := c.dataType(w.Key, t.Key, at+".key"); err != nil {
			return err
		}
		return c.dataType(w.Value, t.Value, at+".value")
	}
	if !schema.Equal(w, t) {
		return fmt.Errorf("column %s changed its type from %s to %s", at, w, t)
	}
	return nil
}
