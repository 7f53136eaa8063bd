package writer

import (
	"fmt"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/deltalog/deltalog/internal/arrowvec"
	"github.com/deltalog/deltalog/internal/rules"
	"github.com/deltalog/deltalog/internal/schemavec"
	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// A NullError says that a column that is not nullable has a null.
type NullError struct {
	Column string // path
	Row    int64  // of the input, from 0
	Empty  bool   // a partition column, of which an empty text cannot be told from null
}

// Error names column and row.
func (e *NullError) Error() string {
	null := "null"
	if e.Empty {
		null = "null, or empty, which is null in a partition column,"
	}
	return fmt.Sprintf("writer: column %s is %s in row %d, and not nullable in the table", e.Column, null, e.Row)
}

// Unwrap returns e as what it is among the promises of a table.
func (e *NullError) Unwrap() error {
	return &ConstraintError{Constraint: rules.NotNull, Column: e.Column, Expression: e.Column + " IS NOT NULL", Row: e.Row}
}

// A caster turns batches of one Arrow schema into columns of the table.
type caster struct {
	in      *arrow.Schema
	fields  []fieldCast
	present []bool // columns that the batch has
}

// A fieldCast makes one column of the table.
type fieldCast struct {
	name     string
	source   int // column of the batch; -1: none
	typ      schema.DataType
	nullable bool
	strict   bool // nulls are to be looked for, here or below
	convert  convert
	absent   *vec.Vec // a vec of the column's layout, where there is no source
}

// A convert changes a column's layout; nil leaves it as it is.
type convert func(*vec.Vec) (*vec.Vec, error)

// newCaster plans the conversion; the error is a [*schema.MismatchError], or
// names a column whose Arrow type Delta does not have. Columns that rs makes may
// be absent.
func newCaster(in *arrow.Schema, table *schema.Struct, rs *rules.Rules) (*caster, error) {
	from, err := arrowvec.FromArrowSchema(in)
	if err != nil {
		return nil, err
	}
	if err := distinct(from); err != nil {
		return nil, err
	}
	if err := schema.CanCast(from, lenient(table, rs)); err != nil {
		return nil, err
	}
	c := &caster{in: in}
	for i := range table.Fields {
		f := &table.Fields[i]
		fc := fieldCast{name: f.Name, source: from.Find(f.Name), typ: f.Type, nullable: f.Nullable, strict: strict(f.Type, f.Nullable)}
		if fc.source >= 0 {
			fc.convert = converter(from.Fields[fc.source].Type, f.Type)
		} else {
			fc.absent = schemavec.Empty(f.Type)
		}
		c.fields = append(c.fields, fc)
		c.present = append(c.present, fc.source >= 0)
	}
	return c, nil
}

// distinct refuses columns whose names differ in case at most: which of them is
// meant is not for us to guess.
func distinct(s *schema.Struct) error {
	seen := map[string]string{}
	for i := range s.Fields {
		name := s.Fields[i].Name
		lower := strings.ToLower(name)
		if other, ok := seen[lower]; ok {
			return fmt.Errorf("writer: the input has columns %s and %s; names must differ in more than case", other, name)
		}
		seen[lower] = name
	}
	return nil
}

// cast returns the batch's columns in the table's order; row is the number of its
// first row.
func (c *caster) cast(rec arrow.RecordBatch, row int64) ([]*vec.Vec, error) {
	rows := int(rec.NumRows())
	cols := make([]*vec.Vec, len(c.fields))
	for i := range c.fields {
		f := &c.fields[i]
		if f.source < 0 {
			cols[i] = vec.AllNull(f.absent, rows)
			continue
		}
		v, err := arrowvec.FromArray(rec.Column(f.source))
		if err == nil && f.convert != nil {
			v, err = f.convert(v)
		}
		if err != nil {
			return nil, fmt.Errorf("writer: column %s, rows %d to %d: %w", f.name, row, row+int64(rows)-1, err)
		}
		cols[i] = v
	}
	return cols, nil
}

// nulls looks for nulls where there must be none, in columns whose first row is
// row row of the input.
func (c *caster) nulls(cols []*vec.Vec, parts []int, row int64) error {
	for i := range c.fields {
		f := &c.fields[i]
		if !f.strict {
			continue
		}
		if n := (nullSearch{}).in(cols[i], f.typ, f.nullable, f.name); n != nil {
			return &NullError{Column: n.column, Row: row + int64(n.row), Empty: slices.Contains(parts, i) && cols[i].Kind == vec.Bytes}
		}
	}
	return nil
}

// converter returns the conversion from one type to another that
// schema.CanCast allows.
func converter(from, to schema.DataType) convert {
	if from.Kind() == schema.KindVoid && to.Kind() != schema.KindVoid {
		like := schemavec.Empty(to)
		return func(v *vec.Vec) (*vec.Vec, error) { return vec.AllNull(like, v.Len), nil }
	}
	switch to := to.(type) {
	case *schema.Struct:
		return structConverter(from.(*schema.Struct), to)
	case *schema.Array:
		return childrenConverter(converter(from.(*schema.Array).Element, to.Element))
	case *schema.Map:
		f := from.(*schema.Map)
		return childrenConverter(converter(f.Key, to.Key), converter(f.Value, to.Value))
	case schema.Decimal:
		return decimalConverter(from, to)
	}
	if from.Kind() == to.Kind() {
		return nil
	}
	switch to.Kind() {
	case schema.KindTimestampNTZ: // from date
		return numbers(vec.Int64, func(d int32) int64 { return int64(d) * 86_400_000_000 })
	case schema.KindShort:
		return numbers(vec.Int16, func(x int8) int16 { return int16(x) })
	case schema.KindInteger:
		return fromInteger(from, vec.Int32, func(x int64) int32 { return int32(x) })
	case schema.KindLong:
		return fromInteger(from, vec.Int64, func(x int64) int64 { return x })
	case schema.KindFloat:
		return fromInteger(from, vec.Float32, func(x int64) float32 { return float32(x) })
	case schema.KindDouble:
		if from.Kind() == schema.KindFloat {
			return numbers(vec.Float64, func(x float32) float64 { return float64(x) })
		}
		return fromInteger(from, vec.Float64, func(x int64) float64 { return float64(x) })
	}
	return nil
}

// numbers converts a fixed-width column value by value; nulls stay where they are.
func numbers[F, T vec.Fixed](kind vec.Kind, f func(F) T) convert {
	return func(v *vec.Vec) (*vec.Vec, error) {
		out := make([]T, v.Len)
		for i, x := range vec.Values[F](v) {
			out[i] = f(x)
		}
		return withValidity(v, &vec.Vec{Kind: kind, Len: v.Len, Data: vec.BytesOf(out)}), nil
	}
}

func fromInteger[T vec.Fixed](from schema.DataType, kind vec.Kind, f func(int64) T) convert {
	switch from.Kind() {
	case schema.KindByte:
		return numbers(kind, func(x int8) T { return f(int64(x)) })
	case schema.KindShort:
		return numbers(kind, func(x int16) T { return f(int64(x)) })
	case schema.KindInteger:
		return numbers(kind, func(x int32) T { return f(int64(x)) })
	default:
		return numbers(kind, f)
	}
}

// withValidity gives out, which starts at 0, the validity of v's window.
func withValidity(v, out *vec.Vec) *vec.Vec {
	if v.Valid != nil {
		out.Valid = make([]byte, vec.BitmapLen(v.Len))
		vec.CopyBits(out.Valid, 0, v.Valid, v.Off, v.Len)
	}
	return out
}

func decimalConverter(from schema.DataType, to schema.Decimal) convert {
	scale := 0
	if d, ok := from.(schema.Decimal); ok {
		if d.Scale == to.Scale {
			return nil
		}
		scale = d.Scale
		return func(v *vec.Vec) (*vec.Vec, error) {
			return rescale(v, scale, to.Scale, vec.Values[[16]byte](v), schema.Decimal128FromLittleEndian)
		}
	}
	widen := fromInteger(from, vec.Int64, func(x int64) int64 { return x })
	return func(v *vec.Vec) (*vec.Vec, error) {
		w, err := widen(v)
		if err != nil {
			return nil, err
		}
		return rescale(w, 0, to.Scale, vec.Values[int64](w), schema.Decimal128FromInt64)
	}
}

func rescale[F any](v *vec.Vec, from, to int, values []F, read func(F) schema.Decimal128) (*vec.Vec, error) {
	out := make([][16]byte, v.Len)
	for i, x := range values {
		d, _, ok := read(x).Rescale(from, to)
		if !ok {
			if v.IsNull(i) {
				continue
			}
			return nil, fmt.Errorf("value %s does not fit 38 digits with a scale of %d", read(x).Text(from), to)
		}
		out[i] = d.LittleEndian()
	}
	return withValidity(v, &vec.Vec{Kind: vec.Decimal128, Len: v.Len, Data: vec.BytesOf(out)}), nil
}

// structConverter matches fields by name, and adds nulls for absent ones.
func structConverter(from, to *schema.Struct) convert {
	type child struct {
		source  int
		convert convert
		absent  *vec.Vec
	}
	same := len(from.Fields) == len(to.Fields)
	children := make([]child, len(to.Fields))
	for i := range to.Fields {
		c := child{source: from.Find(to.Fields[i].Name)}
		if c.source >= 0 {
			c.convert = converter(from.Fields[c.source].Type, to.Fields[i].Type)
		} else {
			c.absent = schemavec.Empty(to.Fields[i].Type)
		}
		same = same && c.source == i && c.convert == nil
		children[i] = c
	}
	if same {
		return nil
	}
	return func(v *vec.Vec) (*vec.Vec, error) {
		out := *v
		out.Children = make([]*vec.Vec, len(children))
		for i, c := range children {
			if c.source < 0 {
				out.Children[i] = vec.AllNull(c.absent, v.Off+v.Len)
				continue
			}
			w := v.Children[c.source]
			if c.convert != nil {
				var err error
				if w, err = c.convert(w); err != nil {
					return nil, err
				}
			}
			out.Children[i] = w
		}
		return &out, nil
	}
}

// childrenConverter converts what the elements or entries of a column are.
func childrenConverter(convs ...convert) convert {
	some := false
	for _, c := range convs {
		some = some || c != nil
	}
	if !some {
		return nil
	}
	return func(v *vec.Vec) (*vec.Vec, error) {
		out := *v
		out.Children = make([]*vec.Vec, len(v.Children))
		for i, c := range v.Children {
			out.Children[i] = c
			if convs[i] != nil {
				w, err := convs[i](c)
				if err != nil {
					return nil, err
				}
				out.Children[i] = w
			}
		}
		return &out, nil
	}
}
