package fsck

import (
	"bytes"
	"slices"
	"strings"

	"github.com/deltalog/deltalog/internal/stats"
	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// A measure is the bounds and the number of nulls of each column, as they are.
type measure struct {
	columns []measured // parallel to the leaves
	index   map[string]int
	types   []schema.DataType
	parts   map[string]bool
}

// A measured column.
type measured struct {
	seen     bool // the column was measured
	ok       bool // there are bounds: a value that is neither null nor NaN
	min, max schema.Value
	nulls    int64
}

func newMeasure(leaves []stats.Leaf, parts map[string]bool) *measure {
	m := &measure{columns: make([]measured, len(leaves)), index: map[string]int{}, parts: parts}
	for i, l := range leaves {
		m.index[strings.Join(l.Path, "\x00")] = i
		m.types = append(m.types, l.Type)
	}
	return m
}

// batch takes in n rows.
func (m *measure) batch(table *schema.Struct, mode schema.MappingMode, cols []*vec.Vec, n int) {
	for i := range table.Fields {
		f := &table.Fields[i]
		if name := f.PhysicalName(mode); !m.parts[name] {
			m.field(f, mode, []string{name}, cols[i], nil)
		}
	}
}

// field measures a column, whose rows are null where above says so, and what is in
// it.
func (m *measure) field(f *schema.Field, mode schema.MappingMode, path []string, v *vec.Vec, above []bool) {
	null := func(i int) bool { return v.IsNull(i) || above != nil && above[i] }
	if s, ok := f.Type.(*schema.Struct); ok {
		nulls := make([]bool, v.Len)
		for i := range nulls {
			nulls[i] = null(i)
		}
		for i := range s.Fields {
			child := &vec.Vec{Kind: vec.Null, Len: v.Len}
			if v.Kind != vec.Null {
				child = v.Children[i].Slice(v.Off, v.Off+v.Len)
			}
			m.field(&s.Fields[i], mode, append(slices.Clone(path), s.Fields[i].PhysicalName(mode)), child, nulls)
		}
		return
	}
	at, there := m.index[strings.Join(path, "\x00")]
	if !there {
		return
	}
	c := &m.columns[at]
	c.seen = true
	lo, hi := -1, -1 // the rows of the bounds
	less := lessIn(v, f.Type)
	for i := range v.Len {
		if null(i) {
			c.nulls++
			continue
		}
		if less == nil || isNaN(v, i) {
			continue
		}
		if lo < 0 || less(i, lo) {
			lo = i
		}
		if hi < 0 || less(hi, i) {
			hi = i
		}
	}
	if lo < 0 {
		return
	}
	c.bound(valueAt(v, lo, f.Type), valueAt(v, hi, f.Type))
}

// bound takes in the bounds of a batch.
func (c *measured) bound(lo, hi schema.Value) {
	if !c.ok || less(lo, c.min) {
		c.min = lo
	}
	if !c.ok || less(c.max, hi) {
		c.max = hi
	}
	c.ok = true
}

// lessIn compares two values of a vec; nil if its type has no bounds.
func lessIn(v *vec.Vec, t schema.DataType) func(i, j int) bool {
	switch v.Kind {
	case vec.Int8:
		return lessOf(vec.Values[int8](v))
	case vec.Int16:
		return lessOf(vec.Values[int16](v))
	case vec.Int32:
		return lessOf(vec.Values[int32](v))
	case vec.Int64:
		return lessOf(vec.Values[int64](v))
	case vec.Float32:
		return lessOf(vec.Values[float32](v))
	case vec.Float64:
		return lessOf(vec.Values[float64](v))
	case vec.Decimal128:
		return func(i, j int) bool { return less(valueAt(v, i, t), valueAt(v, j, t)) }
	case vec.Bytes:
		return func(i, j int) bool { return bytes.Compare(v.At(i), v.At(j)) < 0 }
	}
	return nil
}

func lessOf[T int8 | int16 | int32 | int64 | float32 | float64](s []T) func(i, j int) bool {
	return func(i, j int) bool { return s[i] < s[j] }
}

func isNaN(v *vec.Vec, i int) bool {
	switch v.Kind {
	case vec.Float32:
		x := vec.Values[float32](v)[i]
		return x != x
	case vec.Float64:
		x := vec.Values[float64](v)[i]
		return x != x
	}
	return false
}

// valueAt returns a value of a type that has bounds.
func valueAt(v *vec.Vec, i int, t schema.DataType) schema.Value {
	switch v.Kind {
	case vec.Int8:
		return schema.ByteValue(vec.Values[int8](v)[i])
	case vec.Int16:
		return schema.ShortValue(vec.Values[int16](v)[i])
	case vec.Int32:
		if t == schema.Date {
			return schema.DateValue(vec.Values[int32](v)[i])
		}
		return schema.IntegerValue(vec.Values[int32](v)[i])
	case vec.Int64:
		x := vec.Values[int64](v)[i]
		switch t {
		case schema.Timestamp:
			return schema.TimestampValue(x)
		case schema.TimestampNTZ:
			return schema.TimestampNTZValue(x)
		}
		return schema.LongValue(x)
	case vec.Float32:
		return schema.FloatValue(vec.Values[float32](v)[i])
	case vec.Float64:
		return schema.DoubleValue(vec.Values[float64](v)[i])
	case vec.Decimal128:
		return schema.DecimalValue(schema.Decimal128FromLittleEndian(vec.Values[[16]byte](v)[i]), t.(schema.Decimal).Scale)
	}
	if t == schema.Binary {
		return schema.BinaryValue(string(v.At(i)))
	}
	return schema.StringValue(string(v.At(i)))
}

// nullIn returns the name of what is null in v and must not be, "" for nothing.
// What lies under a null does not count: dead says where.
func nullIn(v *vec.Vec, t schema.DataType, nullable bool, name string, dead []bool) string {
	skip := func(i int) bool { return dead != nil && dead[i] }
	if !nullable {
		for i := range v.Len {
			if v.IsNull(i) && !skip(i) {
				return name
			}
		}
	}
	if v.Kind == vec.Null || !strict(t) {
		return ""
	}
	switch t := t.(type) {
	case *schema.Struct:
		below := make([]bool, v.Len)
		for i := range below {
			below[i] = skip(i) || v.IsNull(i)
		}
		for i := range t.Fields {
			f := &t.Fields[i]
			if bad := nullIn(v.Children[i].Slice(v.Off, v.Off+v.Len), f.Type, f.Nullable, name+"."+f.Name, below); bad != "" {
				return bad
			}
		}
	case *schema.Array:
		return nullInElements(v, 0, t.Element, t.ContainsNull, name+".element", skip)
	case *schema.Map:
		if bad := nullInElements(v, 0, t.Key, false, name+".key", skip); bad != "" {
			return bad
		}
		return nullInElements(v, 1, t.Value, t.ValueContainsNull, name+".value", skip)
	}
	return ""
}

func nullInElements(v *vec.Vec, child int, t schema.DataType, nullable bool, name string, skip func(int) bool) string {
	from, to := int(v.Offsets[v.Off]), int(v.Offsets[v.Off+v.Len])
	dead := make([]bool, to-from)
	for i := range v.Len {
		if skip(i) || v.IsNull(i) {
			for at := v.Offsets[v.Off+i]; at < v.Offsets[v.Off+i+1]; at++ {
				dead[int(at)-from] = true
			}
		}
	}
	return nullIn(v.Children[child].Slice(from, to), t, nullable, name, dead)
}

// strict reports whether there are values in a type that must not be null.
func strict(t schema.DataType) bool {
	switch t := t.(type) {
	case *schema.Struct:
		return slices.ContainsFunc(t.Fields, func(f schema.Field) bool { return !f.Nullable || strict(f.Type) })
	case *schema.Array:
		return !t.ContainsNull || strict(t.Element)
	case *schema.Map:
		return true
	}
	return false
}
