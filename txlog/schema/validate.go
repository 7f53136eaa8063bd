package schema

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// forbidden are the characters that a column's name may not have unless column
// mapping is on: older Parquet readers split at them.
const forbidden = " ,;{}()\n\t="

// Validate checks a schema that is to become a table's: names are not empty,
// differ in more than case within a struct, and without column mapping have no
// character of " ,;{}()=", tab and newline; decimals are in range; nesting is at
// most 200 deep; with column mapping all fields have an id and a physical name,
// unique. The error tells of everything that is wrong.
//
// A table that exists may break these rules and still be readable.
func (s *Struct) Validate(mode MappingMode) error {
	v := validator{mode: mode, ids: map[int32]string{}}
	v.structs(s, nil)
	return errors.Join(v.errs...)
}

type validator struct {
	mode MappingMode
	ids  map[int32]string
	errs []error
}

func (v *validator) add(path []string, format string, args ...any) {
	where := "table"
	if len(path) > 0 {
		where = "column " + ColumnPath(path)
	}
	v.errs = append(v.errs, fmt.Errorf("schema: %s: "+format, append([]any{where}, args...)...))
}

func (v *validator) structs(s *Struct, path []string) {
	names := make(map[string]string, len(s.Fields))
	physical := make(map[string]string, len(s.Fields))
	for i := range s.Fields {
		f := &s.Fields[i]
		inner := append(slices.Clip(path), f.Name)
		v.name(f, inner)
		if other, dup := names[strings.ToLower(f.Name)]; dup {
			v.add(inner, "name is used twice in one struct (%s): names must differ in more than case", quoteName(other))
		}
		names[strings.ToLower(f.Name)] = f.Name
		if v.mode != MappingNone {
			v.mapped(f, inner, physical)
		}
		v.dataType(f.Type, inner)
	}
}

func (v *validator) name(f *Field, path []string) {
	if f.Name == "" {
		v.add(path, "name is empty")
	}
	if i := strings.IndexAny(f.Name, forbidden); i >= 0 && v.mode == MappingNone {
		v.add(path, "name has the character %q: choose another name, or turn on column mapping", f.Name[i])
	}
}

func (v *validator) mapped(f *Field, path []string, physical map[string]string) {
	id, ok := f.ID()
	if !ok {
		v.add(path, "column mapping is on, but the field has no %s", metaMappingID)
	} else if other, dup := v.ids[id]; dup {
		v.add(path, "%s %d is also that of column %s", metaMappingID, id, other)
	} else {
		v.ids[id] = ColumnPath(path)
	}
	name, ok := f.Metadata.Text(metaPhysicalName)
	if !ok || name == "" {
		v.add(path, "column mapping is on, but the field has no %s", metaPhysicalName)
	} else if other, dup := physical[name]; dup {
		v.add(path, "%s %q is also that of %s", metaPhysicalName, name, quoteName(other))
	} else {
		physical[name] = f.Name
	}
}

func (v *validator) dataType(t DataType, path []string) {
	if len(path) > maxDepth {
		v.add(path[:1], "nested deeper than %d", maxDepth)
		return
	}
	switch t := t.(type) {
	case *Struct:
		v.structs(t, path)
	case *Array:
		v.dataType(t.Element, append(slices.Clip(path), stepElement))
	case *Map:
		v.dataType(t.Key, append(slices.Clip(path), stepKey))
		v.dataType(t.Value, append(slices.Clip(path), stepValue))
	case Decimal:
		if !t.valid() {
			v.add(path, "%s: want 1 to %d digits, and a scale from 0 to that", t, MaxPrecision)
		}
	case Primitive:
		if t.Kind() < KindBoolean || t.Kind() > KindVariant || t.Kind() == KindDecimal {
			v.add(path, "type %s is not a primitive", t)
		}
	default:
		v.add(path, "field has no type")
	}
}

// ValidateData checks that data files can be written for s, which is the schema
// without partition columns: a void column is not written, so that none may
// stand in an array or map, and no struct may have only void columns.
func (s *Struct) ValidateData() error {
	var errs []error
	if !hasData(s) {
		errs = append(errs, errors.New("schema: the table has no column that a data file can hold"))
	}
	for path, f := range s.Walk() {
		errs = append(errs, checkData(f.Type, path)...)
	}
	return errors.Join(errs...)
}

func checkData(t DataType, path []string) (errs []error) {
	void := func(inner DataType, what string) {
		if inner.Kind() == KindVoid || !hasData(inner) {
			errs = append(errs, fmt.Errorf("schema: column %s: %s has no type that a data file can hold", ColumnPath(path), what))
		} else {
			errs = append(errs, checkData(inner, path)...)
		}
	}
	switch t := t.(type) {
	case *Struct:
		if !hasData(t) {
			errs = append(errs, fmt.Errorf("schema: column %s: the struct has no column that a data file can hold", ColumnPath(path)))
		}
	case *Array:
		void(t.Element, "the array's element")
	case *Map:
		void(t.Key, "the map's key")
		void(t.Value, "the map's value")
	}
	return errs
}

// hasData reports whether a column of type t is written to data files.
func hasData(t DataType) bool {
	switch t := t.(type) {
	case *Struct:
		return slices.ContainsFunc(t.Fields, func(f Field) bool { return hasData(f.Type) })
	default:
		return t.Kind() != KindVoid
	}
}
