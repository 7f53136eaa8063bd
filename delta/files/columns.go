package files

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/deltalog/deltalog/internal/arrowvec"
	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// record makes a batch of columns that have the source's types.
func (s *Source) record(cols []*vec.Vec, rows int) (arrow.RecordBatch, error) {
	out := make([]arrow.Array, len(cols))
	for i, v := range cols {
		var err error
		if out[i], err = arrowvec.ToArray(v, s.schema.Field(i).Type); err != nil {
			return nil, fmt.Errorf("column %s: %w", s.schema.Field(i).Name, err)
		}
	}
	return array.NewRecordBatch(s.schema, out, int64(rows)), nil
}

// nullable returns t with everything in it nullable: that a file's writer promised
// no nulls is checked where rows are written, by their values.
func nullable(t schema.DataType) schema.DataType {
	switch t := t.(type) {
	case *schema.Struct:
		return nullableFields(t)
	case *schema.Array:
		return &schema.Array{Element: nullable(t.Element), ContainsNull: true}
	case *schema.Map:
		return &schema.Map{Key: nullable(t.Key), Value: nullable(t.Value), ValueContainsNull: true}
	}
	return t
}

func nullableFields(s *schema.Struct) *schema.Struct {
	out := &schema.Struct{}
	for i := range s.Fields {
		out.Fields = append(out.Fields, schema.Field{Name: s.Fields[i].Name, Type: nullable(s.Fields[i].Type), Nullable: true})
	}
	return out
}

// unite returns columns that hold those of both: by name in any case, new ones at
// the end, integers and floats of the wider type.
func unite(a, b *schema.Struct, at string) (*schema.Struct, error) {
	out := &schema.Struct{Fields: append([]schema.Field(nil), a.Fields...)}
	for i := range b.Fields {
		f := &b.Fields[i]
		k := a.Find(f.Name)
		if k < 0 {
			out.Fields = append(out.Fields, *f)
			continue
		}
		t, err := uniteTypes(a.Fields[k].Type, f.Type, at+f.Name)
		if err != nil {
			return nil, err
		}
		out.Fields[k].Type = t
	}
	return out, nil
}

func uniteTypes(a, b schema.DataType, at string) (schema.DataType, error) {
	switch a := a.(type) {
	case *schema.Struct:
		if b, ok := b.(*schema.Struct); ok {
			return unite(a, b, at+".")
		}
	case *schema.Array:
		if b, ok := b.(*schema.Array); ok {
			e, err := uniteTypes(a.Element, b.Element, at+".element")
			return &schema.Array{Element: e, ContainsNull: true}, err
		}
	case *schema.Map:
		if b, ok := b.(*schema.Map); ok {
			k, err := uniteTypes(a.Key, b.Key, at+".key")
			if err != nil {
				return nil, err
			}
			v, err := uniteTypes(a.Value, b.Value, at+".value")
			return &schema.Map{Key: k, Value: v, ValueContainsNull: true}, err
		}
	}
	switch {
	case schema.Equal(a, b), b.Kind() == schema.KindVoid, widens(b, a):
		return a, nil
	case a.Kind() == schema.KindVoid, widens(a, b):
		return b, nil
	}
	return nil, &InputError{Column: at, Err: fmt.Errorf("the type is %s here and %s in a file before; write them with one type", b, a)}
}

// widens reports whether conform turns values of one type into the other.
func widens(from, to schema.DataType) bool {
	f, t := from.Kind(), to.Kind()
	integers := f >= schema.KindByte && f < t && t <= schema.KindLong
	return integers || f == schema.KindFloat && t == schema.KindDouble
}

// conform returns v, of type from, as a column of type to, which unite made of
// from and others.
func conform(v *vec.Vec, from, to schema.DataType) (*vec.Vec, error) {
	if v.Kind == vec.Null || schema.Equal(from, to) {
		return v, nil
	}
	if from.Kind() != to.Kind() {
		return widen(v, to)
	}
	out := *v
	var err error
	switch to := to.(type) {
	case *schema.Struct:
		from := from.(*schema.Struct)
		out.Children = make([]*vec.Vec, len(to.Fields))
		for i := range to.Fields {
			out.Children[i] = &vec.Vec{Kind: vec.Null, Len: v.Off + v.Len}
			if k := from.Find(to.Fields[i].Name); k >= 0 {
				if out.Children[i], err = conform(v.Children[k], from.Fields[k].Type, to.Fields[i].Type); err != nil {
					return nil, err
				}
			}
		}
		return &out, nil
	case *schema.Array:
		e, err := conform(v.Children[0], from.(*schema.Array).Element, to.Element)
		out.Children = []*vec.Vec{e}
		return &out, err
	case *schema.Map:
		from := from.(*schema.Map)
		k, err := conform(v.Children[0], from.Key, to.Key)
		if err != nil {
			return nil, err
		}
		e, err := conform(v.Children[1], from.Value, to.Value)
		out.Children = []*vec.Vec{k, e}
		return &out, err
	}
	return nil, fmt.Errorf("a column of type %s was %s when the file was opened", from, to)
}

func widen(v *vec.Vec, to schema.DataType) (*vec.Vec, error) {
	integer := v.Kind >= vec.Int8 && v.Kind <= vec.Int32
	switch k := to.Kind(); {
	case k == schema.KindDouble && v.Kind == vec.Float32:
		return widened(v, vec.Float64, vec.Values[float32](v), func(x float32) float64 { return float64(x) }), nil
	case k == schema.KindLong && integer:
		return fromInts(v, vec.Int64, func(x int64) int64 { return x }), nil
	case k == schema.KindInteger && integer:
		return fromInts(v, vec.Int32, func(x int64) int32 { return int32(x) }), nil
	case k == schema.KindShort && integer:
		return fromInts(v, vec.Int16, func(x int64) int16 { return int16(x) }), nil
	}
	return nil, fmt.Errorf("values of kind %v do not become %s", v.Kind, to)
}

func fromInts[T vec.Fixed](v *vec.Vec, kind vec.Kind, f func(int64) T) *vec.Vec {
	switch v.Kind {
	case vec.Int8:
		return widened(v, kind, vec.Values[int8](v), func(x int8) T { return f(int64(x)) })
	case vec.Int16:
		return widened(v, kind, vec.Values[int16](v), func(x int16) T { return f(int64(x)) })
	}
	return widened(v, kind, vec.Values[int32](v), func(x int32) T { return f(int64(x)) })
}

func widened[F, T vec.Fixed](v *vec.Vec, kind vec.Kind, values []F, f func(F) T) *vec.Vec {
	out := make([]T, len(values))
	for i, x := range values {
		out[i] = f(x)
	}
	w := &vec.Vec{Kind: kind, Len: len(out), Data: vec.BytesOf(out)}
	if v.Valid != nil {
		w.Valid = make([]byte, vec.BitmapLen(len(out)))
		vec.CopyBits(w.Valid, 0, v.Valid, v.Off, len(out))
	}
	return w
}

// checkNames refuses columns that differ in case only, which a table cannot have,
// and names that are no text.
func checkNames(s *schema.Struct) error {
	seen := map[string]bool{}
	for i := range s.Fields {
		name := strings.ToLower(s.Fields[i].Name)
		if seen[name] {
			return &InputError{Column: s.Fields[i].Name, Err: errors.New("the file has the column twice, or in two cases")}
		}
		seen[name] = true
	}
	for path := range s.Walk() {
		if name := path[len(path)-1]; !utf8.ValidString(name) {
			return &InputError{Err: fmt.Errorf("the name of column %q is not UTF-8", name)}
		}
	}
	return nil
}
