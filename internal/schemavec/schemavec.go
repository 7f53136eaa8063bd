// Package schemavec joins Delta's types with column vectors: which layout a type
// has, and which scalar a value is.
package schemavec

import (
	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// Empty returns an empty column of the type's layout.
func Empty(t schema.DataType) *vec.Vec {
	v := &vec.Vec{Kind: Layout(t)}
	switch t := t.(type) {
	case *schema.Struct:
		for i := range t.Fields {
			v.Children = append(v.Children, Empty(t.Fields[i].Type))
		}
	case *schema.Array:
		v.Offsets, v.Children = []int32{0}, []*vec.Vec{Empty(t.Element)}
	case *schema.Map:
		v.Offsets, v.Children = []int32{0}, []*vec.Vec{Empty(t.Key), Empty(t.Value)}
	}
	if v.Kind == vec.Bytes {
		v.Offsets = []int32{0}
	}
	return v
}

// Typed returns v, a column of type t: nulls without a layout get that of t.
func Typed(v *vec.Vec, t schema.DataType) *vec.Vec {
	if v.Kind == vec.Null {
		return vec.AllNull(Empty(t), v.Len)
	}
	return v
}

// Layout returns the memory layout of the values of type t.
func Layout(t schema.DataType) vec.Kind {
	switch t.Kind() {
	case schema.KindBoolean:
		return vec.Bool
	case schema.KindByte:
		return vec.Int8
	case schema.KindShort:
		return vec.Int16
	case schema.KindInteger, schema.KindDate:
		return vec.Int32
	case schema.KindLong, schema.KindTimestamp, schema.KindTimestampNTZ:
		return vec.Int64
	case schema.KindFloat:
		return vec.Float32
	case schema.KindDouble:
		return vec.Float64
	case schema.KindDecimal:
		return vec.Decimal128
	case schema.KindString, schema.KindBinary:
		return vec.Bytes
	case schema.KindStruct:
		return vec.Struct
	case schema.KindArray:
		return vec.List
	case schema.KindMap:
		return vec.Map
	}
	return vec.Null
}

// Value returns value i of a column of a primitive type.
func Value(v *vec.Vec, t schema.DataType, i int) schema.Value {
	if v.IsNull(i) {
		return schema.Null(t)
	}
	switch t.Kind() {
	case schema.KindBoolean:
		return schema.BooleanValue(v.Bool(i))
	case schema.KindByte:
		return schema.ByteValue(vec.Values[int8](v)[i])
	case schema.KindShort:
		return schema.ShortValue(vec.Values[int16](v)[i])
	case schema.KindInteger:
		return schema.IntegerValue(vec.Values[int32](v)[i])
	case schema.KindLong:
		return schema.LongValue(vec.Values[int64](v)[i])
	case schema.KindFloat:
		return schema.FloatValue(vec.Values[float32](v)[i])
	case schema.KindDouble:
		return schema.DoubleValue(vec.Values[float64](v)[i])
	case schema.KindDate:
		return schema.DateValue(vec.Values[int32](v)[i])
	case schema.KindTimestamp:
		return schema.TimestampValue(vec.Values[int64](v)[i])
	case schema.KindTimestampNTZ:
		return schema.TimestampNTZValue(vec.Values[int64](v)[i])
	case schema.KindDecimal:
		return schema.DecimalValue(schema.Decimal128FromLittleEndian(vec.Values[[16]byte](v)[i]), t.(schema.Decimal).Scale)
	case schema.KindString:
		return schema.StringValue(string(v.At(i)))
	}
	return schema.BinaryValue(string(v.At(i)))
}

// Constant returns a column of n values v, which are of the primitive type t.
// The only error matches [vec.ErrTooLarge].
func Constant(v schema.Value, t schema.DataType, n int) (*vec.Vec, error) {
	if v.IsNull() {
		return vec.AllNull(Empty(t), n), nil
	}
	return vec.Repeat(one(v, t), 0, n)
}

// one returns the column that holds v only.
func one(v schema.Value, t schema.DataType) *vec.Vec {
	switch t.Kind() {
	case schema.KindBoolean:
		return vec.OfBools([]bool{v.Bool()}, nil)
	case schema.KindByte:
		return vec.Of(vec.Int8, []int8{int8(v.Int64())}, nil)
	case schema.KindShort:
		return vec.Of(vec.Int16, []int16{int16(v.Int64())}, nil)
	case schema.KindInteger, schema.KindDate:
		return vec.Of(vec.Int32, []int32{int32(v.Int64())}, nil)
	case schema.KindFloat:
		return vec.Of(vec.Float32, []float32{float32(v.Float64())}, nil)
	case schema.KindDouble:
		return vec.Of(vec.Float64, []float64{v.Float64()}, nil)
	case schema.KindDecimal:
		d, _ := v.Decimal()
		return vec.Of(vec.Decimal128, [][16]byte{d.LittleEndian()}, nil)
	case schema.KindString, schema.KindBinary:
		s := v.Text()
		return &vec.Vec{Kind: vec.Bytes, Len: 1, Data: []byte(s), Offsets: []int32{0, int32(len(s))}}
	}
	return vec.Of(vec.Int64, []int64{v.Int64()}, nil)
}
