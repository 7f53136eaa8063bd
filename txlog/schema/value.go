package schema

import (
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"math"
	"strconv"
	"strings"
)

// A Value is one typed scalar, or null. It is immutable and small enough to
// pass by value. The zero Value is a null of no type.
//
// Use [Value.Equal] and [Compare], not ==: equal decimals may differ in scale,
// and NaN equals NaN here.
type Value struct {
	kind  Kind
	null  bool
	scale int16  // decimal
	lo    uint64 // integers, dates, timestamps, booleans; bits of floats; decimal's low word
	hi    int64  // decimal's high word
	s     string // string, binary
}

// Null returns the null of type t.
func Null(t DataType) Value { return Value{kind: t.Kind(), null: true} }

// BooleanValue returns a boolean.
func BooleanValue(v bool) Value {
	if v {
		return Value{kind: KindBoolean, lo: 1}
	}
	return Value{kind: KindBoolean}
}

// ByteValue returns a byte, Spark's tinyint.
func ByteValue(v int8) Value { return Value{kind: KindByte, lo: uint64(v)} }

// ShortValue returns a short.
func ShortValue(v int16) Value { return Value{kind: KindShort, lo: uint64(v)} }

// IntegerValue returns an integer.
func IntegerValue(v int32) Value { return Value{kind: KindInteger, lo: uint64(v)} }

// LongValue returns a long.
func LongValue(v int64) Value { return Value{kind: KindLong, lo: uint64(v)} }

// FloatValue returns a float.
func FloatValue(v float32) Value {
	return Value{kind: KindFloat, lo: math.Float64bits(float64(v))}
}

// DoubleValue returns a double.
func DoubleValue(v float64) Value { return Value{kind: KindDouble, lo: math.Float64bits(v)} }

// DecimalValue returns unscaled·10^-scale. scale is that of a [Decimal] type,
// or what [ParseDecimal] returned.
func DecimalValue(unscaled Decimal128, scale int) Value {
	return Value{kind: KindDecimal, lo: unscaled.lo, hi: unscaled.hi, scale: int16(max(math.MinInt16, min(scale, math.MaxInt16)))}
}

// StringValue returns a string.
func StringValue(v string) Value { return Value{kind: KindString, s: v} }

// BinaryValue returns a binary whose bytes are v's.
func BinaryValue(v string) Value { return Value{kind: KindBinary, s: v} }

// DateValue returns a date, days since 1970-01-01.
func DateValue(days int32) Value { return Value{kind: KindDate, lo: uint64(days)} }

// TimestampValue returns a timestamp, microseconds since 1970-01-01T00:00:00Z.
func TimestampValue(micros int64) Value { return Value{kind: KindTimestamp, lo: uint64(micros)} }

// TimestampNTZValue returns a timestamp without time zone, microseconds since
// 1970-01-01T00:00:00 on the wall.
func TimestampNTZValue(micros int64) Value { return Value{kind: KindTimestampNTZ, lo: uint64(micros)} }

// Kind returns the kind of v's type, also if v is null.
func (v Value) Kind() Kind { return v.kind }

// IsNull reports whether v is null.
func (v Value) IsNull() bool { return v.null || v.kind == KindInvalid }

// Bool returns a boolean; false for null and other kinds.
func (v Value) Bool() bool { return v.kind == KindBoolean && v.lo != 0 }

// Int64 returns a byte, short, integer, long, date (days) or timestamp
// (microseconds); 0 for null and other kinds.
func (v Value) Int64() int64 {
	switch v.kind {
	case KindByte, KindShort, KindInteger, KindLong, KindDate, KindTimestamp, KindTimestampNTZ:
		return int64(v.lo)
	}
	return 0
}

// Float64 returns a float or double; 0 for null and other kinds.
func (v Value) Float64() float64 {
	if v.kind == KindFloat || v.kind == KindDouble {
		return math.Float64frombits(v.lo)
	}
	return 0
}

// Decimal returns a decimal's unscaled value and its scale; 0 for null and
// other kinds.
func (v Value) Decimal() (unscaled Decimal128, scale int) {
	if v.kind != KindDecimal {
		return Decimal128{}, 0
	}
	return Decimal128{lo: v.lo, hi: v.hi}, int(v.scale)
}

// Text returns the bytes of a string or binary; "" for null and other kinds.
func (v Value) Text() string { return v.s }

// String returns v for people: strings as they are, binary in hexadecimal,
// timestamps in ISO 8601.
func (v Value) String() string {
	if v.IsNull() {
		return "null"
	}
	switch v.kind {
	case KindString:
		return v.s
	case KindBinary:
		return "0x" + hex.EncodeToString([]byte(v.s))
	}
	return string(v.appendText(nil))
}

// appendText writes a value that is neither null, string nor binary in its
// serialised form.
func (v Value) appendText(dst []byte) []byte {
	switch v.kind {
	case KindBoolean:
		return strconv.AppendBool(dst, v.lo != 0)
	case KindFloat:
		return AppendFloat(dst, v.Float64(), 32)
	case KindDouble:
		return AppendFloat(dst, v.Float64(), 64)
	case KindDecimal:
		return Decimal128{lo: v.lo, hi: v.hi}.Append(dst, int(v.scale))
	case KindDate:
		return AppendDate(dst, int32(v.lo))
	case KindTimestamp:
		return AppendTimestamp(dst, int64(v.lo))
	case KindTimestampNTZ:
		return AppendTimestampNTZ(dst, int64(v.lo))
	default:
		return strconv.AppendInt(dst, int64(v.lo), 10)
	}
}

// A class is a set of kinds whose values compare with each other. Its numbers
// are part of keys.
type class uint8

const (
	classNull class = iota
	classBoolean
	classInteger
	classFloat
	classDecimal
	classString
	classBinary
	classDate
	classTimestamp
	classTimestampNTZ
)

var classes = [256]class{
	KindBoolean: classBoolean,
	KindByte:    classInteger, KindShort: classInteger, KindInteger: classInteger, KindLong: classInteger,
	KindFloat: classFloat, KindDouble: classFloat,
	KindDecimal:   classDecimal,
	KindString:    classString,
	KindBinary:    classBinary,
	KindDate:      classDate,
	KindTimestamp: classTimestamp, KindTimestampNTZ: classTimestampNTZ,
}

func (v Value) class() class {
	if v.null {
		return classNull
	}
	return classes[v.kind]
}

// Compare returns -1, 0 or 1. The order is Spark's: null first, false before
// true, NaN after all other numbers and equal to itself, -0.0 equal to 0.0,
// decimals by their number whatever the scale, strings and binaries by bytes.
//
// Values compare by number within: byte, short, integer and long; float and
// double; decimal. Between other kinds the order is arbitrary but fixed: cast
// first.
func Compare(a, b Value) int {
	c, d := a.class(), b.class()
	if c != d {
		return cmp.Compare(c, d)
	}
	switch c {
	case classNull:
		return 0
	case classFloat:
		return compareFloat(math.Float64frombits(a.lo), math.Float64frombits(b.lo))
	case classDecimal:
		return CompareDecimals(Decimal128{a.lo, a.hi}, int(a.scale), Decimal128{b.lo, b.hi}, int(b.scale))
	case classString, classBinary:
		return strings.Compare(a.s, b.s)
	default:
		return cmp.Compare(int64(a.lo), int64(b.lo))
	}
}

// compareFloat is the order with NaN greatest; cmp.Compare has it least.
func compareFloat(x, y float64) int {
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	case x == y:
		return 0
	case x != x && y != y:
		return 0
	case x != x:
		return 1
	default:
		return -1
	}
}

// Equal reports whether [Compare] returns 0. Nulls are equal.
func (v Value) Equal(w Value) bool { return Compare(v, w) == 0 }

// AppendKey appends bytes that are equal for values that are [Value.Equal], and
// for no others. Keys delimit themselves, so those of several values in a row
// are a key of the tuple. They are no order, and not for storage.
func (v Value) AppendKey(dst []byte) []byte {
	c := v.class()
	dst = append(dst, byte(c))
	switch c {
	case classNull:
		return dst
	case classFloat:
		return binary.LittleEndian.AppendUint64(dst, canonicalFloat(v.lo))
	case classDecimal:
		return v.appendDecimalKey(dst)
	case classString, classBinary:
		return append(binary.AppendUvarint(dst, uint64(len(v.s))), v.s...)
	default:
		return binary.AppendVarint(dst, int64(v.lo))
	}
}

func canonicalFloat(b uint64) uint64 {
	switch f := math.Float64frombits(b); {
	case f == 0:
		return 0
	case f != f:
		return math.Float64bits(math.NaN())
	default:
		return b
	}
}

// appendDecimalKey writes the number without zeros at its end.
func (v Value) appendDecimalKey(dst []byte) []byte {
	d, scale := Decimal128{lo: v.lo, hi: v.hi}, int64(v.scale)
	u := d.abs()
	if u == (uint128{}) {
		scale = 0
	}
	for u != (uint128{}) {
		q, rem := u.div(10)
		if rem != 0 {
			break
		}
		u, scale = q, scale-1
	}
	d = u.signed(d.hi < 0)
	dst = binary.AppendVarint(dst, scale)
	dst = binary.AppendVarint(dst, d.hi)
	return binary.AppendUvarint(dst, d.lo)
}
