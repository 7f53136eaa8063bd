package schema

import (
	"fmt"
	"slices"
	"strings"
)

// A MismatchError says that a column of the input cannot be written to the
// table's. Want or Got is nil if the column is only in the other.
type MismatchError struct {
	Column string   // path
	Want   DataType // in the table
	Got    DataType // in the input
}

func (e *MismatchError) Error() string {
	switch {
	case e.Want == nil:
		return fmt.Sprintf("schema: column %s (%s) is not in the table; drop it from the input, or let the schema grow", e.Column, typeString(e.Got))
	case e.Got == nil:
		return fmt.Sprintf("schema: column %s (%s) is not in the input and not nullable in the table", e.Column, e.Want)
	default:
		return fmt.Sprintf("schema: column %s is %s in the table, and %s in the input cannot be converted to it without loss", e.Column, e.Want, e.Got)
	}
}

// CanCast reports whether every value of type from can be written to a column
// of type to without loss; the error is a [*MismatchError]. That is so between
// equal types; from an integer to a wider one, and to float, double or decimal
// where all of its values are exact; from float to double; from decimal to one
// with as many digits on both sides of the point; from date to timestamp_ntz;
// and from void to anything.
//
// Fields of structs are matched by name in any case. The input may lack
// nullable fields, and have none that the table lacks. Nullability is otherwise
// not looked at: whoever writes the values checks those.
func CanCast(from, to DataType) error { return canCast(from, to, nil) }

func canCast(from, to DataType, path []string) error {
	mismatch := func(want, got DataType, path []string) error {
		return &MismatchError{Column: ColumnPath(path), Want: want, Got: got}
	}
	switch to := to.(type) {
	case *Struct:
		from, ok := from.(*Struct)
		if !ok {
			break
		}
		used := make([]bool, len(from.Fields))
		for i := range to.Fields {
			f := &to.Fields[i]
			inner := append(slices.Clip(path), f.Name)
			k := from.Find(f.Name)
			if k < 0 {
				if !f.Nullable {
					return mismatch(f.Type, nil, inner)
				}
				continue
			}
			used[k] = true
			if err := canCast(from.Fields[k].Type, f.Type, inner); err != nil {
				return err
			}
		}
		if k := slices.Index(used, false); k >= 0 {
			return mismatch(nil, from.Fields[k].Type, append(slices.Clip(path), from.Fields[k].Name))
		}
		return nil
	case *Array:
		if from, ok := from.(*Array); ok {
			return canCast(from.Element, to.Element, append(slices.Clip(path), stepElement))
		}
	case *Map:
		if from, ok := from.(*Map); ok {
			if err := canCast(from.Key, to.Key, append(slices.Clip(path), stepKey)); err != nil {
				return err
			}
			return canCast(from.Value, to.Value, append(slices.Clip(path), stepValue))
		}
	}
	if from == to || from.Kind() == KindVoid || lossless(from, to) {
		return nil
	}
	return mismatch(to, from, path)
}

// integerDigits is how many decimal digits an integer kind can have; 0 for
// other kinds.
func integerDigits(k Kind) int {
	switch k {
	case KindByte:
		return 3
	case KindShort:
		return 5
	case KindInteger:
		return 10
	case KindLong:
		return 19
	}
	return 0
}

func lossless(from, to DataType) bool {
	f, t := from.Kind(), to.Kind()
	digits := integerDigits(f)
	switch t {
	case KindShort, KindInteger, KindLong:
		return digits > 0 && digits <= integerDigits(t)
	case KindFloat:
		return f == KindByte || f == KindShort
	case KindDouble:
		return f == KindFloat || digits > 0 && f != KindLong
	case KindTimestampNTZ:
		return f == KindDate
	case KindDecimal:
		t := to.(Decimal)
		if d, ok := from.(Decimal); ok {
			return t.Scale >= d.Scale && t.Precision-t.Scale >= d.Precision-d.Scale
		}
		return digits > 0 && t.Precision-t.Scale >= digits
	}
	return false
}

// CanWiden reports whether the type widening feature lets a column go from one
// type to the other, so that files with the old type are read as the new.
//
// PROTOCOL.md, "Type Widening".
func CanWiden(from, to DataType) bool {
	switch f, t := from.Kind(), to.Kind(); {
	case from == to:
		return false
	case t == KindFloat:
		return false
	case t == KindDecimal && f != KindDecimal:
		// Integers go to decimals that hold 10 digits, long to 20.
		digits := 10
		if f == KindLong {
			digits = 20
		}
		d := to.(Decimal)
		return integerDigits(f) > 0 && d.Precision-d.Scale >= digits
	default:
		return lossless(from, to)
	}
}

// Merge returns the table's schema with the columns that only the input has, at
// the end of their struct and nullable at every level. Columns are matched by
// name in any case and keep the table's name, type and metadata; the input's
// type must be the same or one that [CanCast] allows. If there is nothing new
// the result is table itself. The error is a [*MismatchError], or tells of a
// name that the input has twice.
//
// Metadata of new columns is kept except for keys that begin with "delta.",
// which only the table may give.
func Merge(table, input *Struct) (*Struct, error) {
	merged, err := mergeStruct(table, input, nil)
	if err != nil {
		return nil, err
	}
	return merged, nil
}

func mergeStruct(table, input *Struct, path []string) (*Struct, error) {
	out := table
	change := func() {
		if out == table {
			out = &Struct{Fields: slices.Clone(table.Fields)}
		}
	}
	seen := make(map[string]bool, len(input.Fields))
	for i := range input.Fields {
		in := &input.Fields[i]
		inner := append(slices.Clip(path), in.Name)
		if lower := strings.ToLower(in.Name); seen[lower] {
			return nil, fmt.Errorf("schema: column %s: the input has the name twice; names must differ in more than case", ColumnPath(inner))
		} else {
			seen[lower] = true
		}
		k := table.Find(in.Name)
		if k < 0 {
			change()
			out.Fields = append(out.Fields, newField(*in))
			continue
		}
		old := table.Fields[k].Type
		inner[len(path)] = table.Fields[k].Name
		t, err := mergeType(old, in.Type, inner)
		if err != nil {
			return nil, err
		}
		if t != old {
			change()
			out.Fields[k].Type = t
		}
	}
	return out, nil
}

// mergeType returns table itself if there is nothing new in input.
func mergeType(table, input DataType, path []string) (DataType, error) {
	switch t := table.(type) {
	case *Struct:
		if in, ok := input.(*Struct); ok {
			return mergeStruct(t, in, path)
		}
	case *Array:
		if in, ok := input.(*Array); ok {
			element, err := mergeType(t.Element, in.Element, append(slices.Clip(path), stepElement))
			if err != nil || element == t.Element {
				return t, err
			}
			return &Array{Element: element, ContainsNull: t.ContainsNull}, nil
		}
	case *Map:
		if in, ok := input.(*Map); ok {
			return mergeMap(t, in, path)
		}
	}
	return table, canCast(input, table, path)
}

func mergeMap(t, in *Map, path []string) (DataType, error) {
	key, err := mergeType(t.Key, in.Key, append(slices.Clip(path), stepKey))
	if err != nil {
		return t, err
	}
	value, err := mergeType(t.Value, in.Value, append(slices.Clip(path), stepValue))
	if err != nil || key == t.Key && value == t.Value {
		return t, err
	}
	return &Map{Key: key, Value: value, ValueContainsNull: t.ValueContainsNull}, nil
}

// newField is f as a column of a table that has rows without it.
func newField(f Field) Field {
	out := mapFields(&Struct{Fields: []Field{f}}, func(f Field) Field {
		f.Nullable = true
		f.Metadata = withoutDelta(f.Metadata)
		return f
	}).Fields[0]
	out.Type = nullableInside(out.Type)
	return out
}

func withoutDelta(m Metadata) Metadata {
	var out Metadata
	for k, v := range m {
		if !strings.HasPrefix(k, "delta.") {
			out = out.With(k, v)
		}
	}
	return out
}

// nullableInside lets elements and values of arrays and maps be null too.
func nullableInside(t DataType) DataType {
	switch t := t.(type) {
	case *Struct:
		out := &Struct{Fields: slices.Clone(t.Fields)}
		for i := range out.Fields {
			out.Fields[i].Type = nullableInside(out.Fields[i].Type)
		}
		return out
	case *Array:
		return &Array{Element: nullableInside(t.Element), ContainsNull: true}
	case *Map:
		return &Map{Key: nullableInside(t.Key), Value: nullableInside(t.Value), ValueContainsNull: true}
	default:
		return t
	}
}
