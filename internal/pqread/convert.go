package pqread

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"unsafe"

	"github.com/parquet-go/parquet-go/format"

	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// A leafType says how a leaf's stored values become values of the wanted type.
//
// Stored values of fixed width are first laid out as PLAIN stores them, width
// stored; convert turns n of them into n values of width bytes. A dictionary is
// converted once, so that its pages are gathered in the wanted type.
type leafType struct {
	kind    vec.Kind
	width   int                                  // bytes per value; 0 for Bool and Bytes
	stored  int                                  // bytes per stored value; 0 for BOOLEAN and BYTE_ARRAY
	convert func(dst, src []byte, n int) error   // nil: stored and wanted are the same bytes
	decode  func(dst []byte, value []byte) error // BYTE_ARRAY to fixed width
}

// typed returns n values that share b's memory.
func typed[T vec.Fixed](b []byte, n int) []T {
	if n == 0 {
		return nil
	}
	var z T
	_ = b[n*int(unsafe.Sizeof(z))-1]
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), n)
}

var kindOf = map[schema.Kind]struct {
	kind  vec.Kind
	width int
}{
	schema.KindBoolean: {vec.Bool, 0}, schema.KindByte: {vec.Int8, 1}, schema.KindShort: {vec.Int16, 2},
	schema.KindInteger: {vec.Int32, 4}, schema.KindDate: {vec.Int32, 4}, schema.KindLong: {vec.Int64, 8},
	schema.KindTimestamp: {vec.Int64, 8}, schema.KindTimestampNTZ: {vec.Int64, 8},
	schema.KindFloat: {vec.Float32, 4}, schema.KindDouble: {vec.Float64, 8},
	schema.KindDecimal: {vec.Decimal128, 16}, schema.KindString: {vec.Bytes, 0}, schema.KindBinary: {vec.Bytes, 0},
}

// resolveLeaf decides how n is read as want. What is allowed is the Delta
// protocol's "Type Widening", the physical forms of "Schema Serialization
// Format", and lossless or truncating reads of what other writers store.
func resolveLeaf(n *node, want schema.DataType) (leafType, error) {
	k, ok := kindOf[want.Kind()]
	t := leafType{kind: k.kind, width: k.width}
	if ok {
		switch n.elem.typ {
		case format.Boolean:
			ok = t.kind == vec.Bool
		case format.Int32:
			t.stored = 4
			t.convert, ok = fromInt32(n.elem.logical, want)
		case format.Int64:
			t.stored = 8
			t.convert, ok = fromInt64(n.elem.logical, want)
		case format.Int96:
			t.stored = 12
			t.convert, ok = int96ToMicros, isTimestamp(want)
		case format.Float:
			t.stored = 4
			t.convert, ok = fromFloat(want)
		case format.Double:
			t.stored = 8
			ok = want.Kind() == schema.KindDouble
		case format.ByteArray:
			t.decode, ok = fromByteArray(n.elem.logical, want)
		case format.FixedLenByteArray:
			t.stored = int(n.elem.typeLength)
			t.convert, ok = fromFixed(n.elem, want)
		}
	}
	if !ok {
		return t, fmt.Errorf("parquet: column %q is %s and cannot be read as %s", n.path, n.typeName(), want)
	}
	return t, nil
}

func isTimestamp(t schema.DataType) bool {
	return t.Kind() == schema.KindTimestamp || t.Kind() == schema.KindTimestampNTZ
}

type convertFunc = func(dst, src []byte, n int) error

func fromInt32(l logicalType, want schema.DataType) (convertFunc, bool) {
	integer := l.kind == logicalNone || l.kind == logicalInt
	unsigned := l.kind == logicalInt && !l.signed
	switch want.Kind() {
	case schema.KindByte:
		return int32ToInt8, integer && (!unsigned || l.bits < 8)
	case schema.KindShort:
		return int32ToInt16, integer && (!unsigned || l.bits < 16)
	case schema.KindInteger:
		return nil, integer && (!unsigned || l.bits < 32)
	case schema.KindLong:
		if unsigned {
			return uint32ToInt64, integer
		}
		return int32ToInt64, integer
	case schema.KindDouble:
		return int32ToFloat64, integer && !unsigned
	case schema.KindDate:
		return nil, l.kind == logicalDate || l.kind == logicalNone
	case schema.KindTimestampNTZ:
		return daysToMicros, l.kind == logicalDate
	case schema.KindDecimal:
		if integer && !unsigned {
			l = logicalType{precision: 10}
			integer = true
		} else if integer = l.kind == logicalDecimal; !integer {
			return nil, false
		}
		scale, ok := rescale(l, want.(schema.Decimal))
		return func(dst, src []byte, n int) error {
			out := typed[[16]byte](dst, n)
			for i := range out {
				if err := scale.put(&out[i], int64(int32(binary.LittleEndian.Uint32(src[4*i:])))); err != nil {
					return err
				}
			}
			return nil
		}, ok
	}
	return nil, false
}

func fromInt64(l logicalType, want schema.DataType) (convertFunc, bool) {
	integer := l.kind == logicalNone || l.kind == logicalInt
	unsigned := l.kind == logicalInt && !l.signed
	switch want.Kind() {
	case schema.KindLong:
		if unsigned {
			return uint64ToInt64, true
		}
		return nil, integer
	case schema.KindTimestamp, schema.KindTimestampNTZ:
		if l.kind != logicalTimestamp {
			return nil, false
		}
		return [...]convertFunc{millis: millisToMicros, micros: nil, nanos: nanosToMicros}[l.unit], true
	case schema.KindDecimal:
		switch {
		case unsigned:
			l = logicalType{precision: 20}
		case integer:
			l = logicalType{precision: 19}
		case l.kind != logicalDecimal:
			return nil, false
		}
		scale, ok := rescale(l, want.(schema.Decimal))
		return func(dst, src []byte, n int) error {
			out := typed[[16]byte](dst, n)
			for i := range out {
				v := binary.LittleEndian.Uint64(src[8*i:])
				if unsigned && v>>63 != 0 {
					if err := scale.putWide(&out[i], schema.NewDecimal128(0, v)); err != nil {
						return err
					}
					continue
				}
				if err := scale.put(&out[i], int64(v)); err != nil {
					return err
				}
			}
			return nil
		}, ok
	}
	return nil, false
}

func fromFloat(want schema.DataType) (convertFunc, bool) {
	switch want.Kind() {
	case schema.KindFloat:
		return nil, true
	case schema.KindDouble:
		return float32ToFloat64, true
	}
	return nil, false
}

func fromByteArray(l logicalType, want schema.DataType) (func(dst, value []byte) error, bool) {
	switch want.Kind() {
	case schema.KindString, schema.KindBinary:
		return nil, l.kind != logicalDecimal
	case schema.KindDecimal:
		if l.kind != logicalDecimal {
			return nil, false
		}
		scale, ok := rescale(l, want.(schema.Decimal))
		return func(dst, value []byte) error {
			d, ok := schema.Decimal128FromBigEndian(value)
			if !ok {
				return corruptf("a decimal of %d bytes has more than 128 bits", len(value))
			}
			return scale.putWide((*[16]byte)(dst), d)
		}, ok
	}
	return nil, false
}

func fromFixed(e element, want schema.DataType) (convertFunc, bool) {
	width := int(e.typeLength)
	switch want.Kind() {
	case schema.KindBinary:
		return nil, e.logical.kind != logicalDecimal
	case schema.KindFloat:
		return float16ToFloat32, e.logical.kind == logicalFloat16 && width == 2
	case schema.KindDouble:
		return float16ToFloat64, e.logical.kind == logicalFloat16 && width == 2
	case schema.KindDecimal:
		if e.logical.kind != logicalDecimal {
			return nil, false
		}
		scale, ok := rescale(e.logical, want.(schema.Decimal))
		return func(dst, src []byte, n int) error { return scale.fixed(typed[[16]byte](dst, n), src, width) }, ok
	}
	return nil, false
}

// A decimalScale changes the scale of decimals and checks that they fit.
type decimalScale struct {
	from, to  int
	factor    uint64 // 10^(to-from) when it fits 64 bits, else 0
	precision int
	check     bool // the file allows values that the wanted type does not hold
}

// rescale says how decimals of type l become want. Scales can grow; digits
// after the point are never dropped. Fewer digits before the point are
// accepted, and then checked value by value.
func rescale(l logicalType, want schema.Decimal) (decimalScale, bool) {
	from := int(l.scale)
	if from < 0 || from > want.Scale || want.Precision < 1 || want.Precision > 38 || want.Scale > want.Precision {
		return decimalScale{}, false
	}
	s := decimalScale{from: from, to: want.Scale, precision: want.Precision}
	s.check = want.Precision-want.Scale < int(l.precision)-from
	if d := s.to - s.from; d <= 18 {
		s.factor = 1
		for range d {
			s.factor *= 10
		}
	}
	return s, true
}

func (s *decimalScale) put(dst *[16]byte, v int64) error {
	if s.factor == 0 || s.check {
		return s.putWide(dst, schema.Decimal128FromInt64(v))
	}
	// |v|·factor < 2^63·10^18 < 2^127
	hi, lo := bits.Mul64(uint64(v), s.factor)
	if v < 0 {
		hi -= s.factor
	}
	binary.LittleEndian.PutUint64(dst[:8], lo)
	binary.LittleEndian.PutUint64(dst[8:], hi)
	return nil
}

func (s *decimalScale) putWide(dst *[16]byte, d schema.Decimal128) error {
	r := d
	if s.from != s.to {
		var ok bool
		if r, _, ok = d.Rescale(s.from, s.to); !ok {
			return corruptf("decimal %s does not fit decimal(%d,%d)", d.Text(s.from), s.precision, s.to)
		}
	}
	if s.check && !r.Fits(s.precision) {
		return corruptf("decimal %s does not fit decimal(%d,%d)", d.Text(s.from), s.precision, s.to)
	}
	*dst = r.LittleEndian()
	return nil
}

func (s *decimalScale) fixed(dst [][16]byte, src []byte, width int) error {
	for i := range dst {
		v := src[i*width : (i+1)*width]
		if width <= 8 {
			var x uint64
			for _, b := range v {
				x = x<<8 | uint64(b)
			}
			shift := 64 - 8*width
			if err := s.put(&dst[i], int64(x<<shift)>>shift); err != nil {
				return err
			}
			continue
		}
		d, ok := schema.Decimal128FromBigEndian(v)
		if !ok {
			return corruptf("a decimal of %d bytes has more than 128 bits", width)
		}
		if err := s.putWide(&dst[i], d); err != nil {
			return err
		}
	}
	return nil
}

func int32ToInt8(dst, src []byte, n int) error {
	out := typed[int8](dst, n)
	for i := range out {
		v := int32(binary.LittleEndian.Uint32(src[4*i:]))
		if out[i] = int8(v); int32(out[i]) != v {
			return corruptf("value %d does not fit a byte", v)
		}
	}
	return nil
}

func int32ToInt16(dst, src []byte, n int) error {
	out := typed[int16](dst, n)
	for i := range out {
		v := int32(binary.LittleEndian.Uint32(src[4*i:]))
		if out[i] = int16(v); int32(out[i]) != v {
			return corruptf("value %d does not fit a short", v)
		}
	}
	return nil
}

func int32ToInt64(dst, src []byte, n int) error {
	out := typed[int64](dst, n)
	for i := range out {
		out[i] = int64(int32(binary.LittleEndian.Uint32(src[4*i:])))
	}
	return nil
}

func uint32ToInt64(dst, src []byte, n int) error {
	out := typed[int64](dst, n)
	for i := range out {
		out[i] = int64(binary.LittleEndian.Uint32(src[4*i:]))
	}
	return nil
}

func uint64ToInt64(dst, src []byte, n int) error {
	out := typed[int64](dst, n)
	for i := range out {
		v := binary.LittleEndian.Uint64(src[8*i:])
		if out[i] = int64(v); out[i] < 0 {
			return corruptf("unsigned value %d does not fit a long; read the column as decimal(20,0)", v)
		}
	}
	return nil
}

func int32ToFloat64(dst, src []byte, n int) error {
	out := typed[float64](dst, n)
	for i := range out {
		out[i] = float64(int32(binary.LittleEndian.Uint32(src[4*i:])))
	}
	return nil
}

func float32ToFloat64(dst, src []byte, n int) error {
	out := typed[float64](dst, n)
	for i := range out {
		out[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(src[4*i:])))
	}
	return nil
}

const microsPerDay = 24 * 60 * 60 * 1_000_000

func daysToMicros(dst, src []byte, n int) error {
	out := typed[int64](dst, n)
	for i := range out {
		d := int64(int32(binary.LittleEndian.Uint32(src[4*i:])))
		if d > math.MaxInt64/microsPerDay || d < math.MinInt64/microsPerDay {
			return corruptf("day %d does not fit a timestamp", d)
		}
		out[i] = d * microsPerDay
	}
	return nil
}

func millisToMicros(dst, src []byte, n int) error {
	out := typed[int64](dst, n)
	for i := range out {
		v := int64(binary.LittleEndian.Uint64(src[8*i:]))
		if v > math.MaxInt64/1000 || v < math.MinInt64/1000 {
			return corruptf("millisecond %d does not fit a timestamp", v)
		}
		out[i] = v * 1000
	}
	return nil
}

// nanosToMicros rounds down, so that an instant before 1970 stays in its
// microsecond.
func nanosToMicros(dst, src []byte, n int) error {
	out := typed[int64](dst, n)
	for i := range out {
		v := int64(binary.LittleEndian.Uint64(src[8*i:]))
		q := v / 1000
		if v%1000 < 0 {
			q--
		}
		out[i] = q
	}
	return nil
}

// julianEpoch is the Julian day of 1970-01-01.
const julianEpoch = 2_440_588

// int96ToMicros reads nanoseconds of the day and a Julian day, as Impala,
// Hive and Spark store timestamps.
func int96ToMicros(dst, src []byte, n int) error {
	out := typed[int64](dst, n)
	for i := range out {
		nanos := int64(binary.LittleEndian.Uint64(src[12*i:]))
		day := int64(int32(binary.LittleEndian.Uint32(src[12*i+8:]))) - julianEpoch
		// One day less than would fit leaves room for the time of day.
		if day > math.MaxInt64/microsPerDay-1 || day < math.MinInt64/microsPerDay+1 {
			return corruptf("Julian day %d does not fit a timestamp", day+julianEpoch)
		}
		if nanos < -microsPerDay*1000 || nanos > microsPerDay*1000 {
			return corruptf("an INT96 timestamp states nanosecond %d of a day", nanos)
		}
		micros := nanos / 1000
		if nanos%1000 < 0 {
			micros--
		}
		out[i] = day*microsPerDay + micros
	}
	return nil
}

func float16ToFloat32(dst, src []byte, n int) error {
	out := typed[float32](dst, n)
	for i := range out {
		out[i] = halfToFloat(binary.LittleEndian.Uint16(src[2*i:]))
	}
	return nil
}

func float16ToFloat64(dst, src []byte, n int) error {
	out := typed[float64](dst, n)
	for i := range out {
		out[i] = float64(halfToFloat(binary.LittleEndian.Uint16(src[2*i:])))
	}
	return nil
}

func halfToFloat(h uint16) float32 {
	sign, exp, frac := uint32(h>>15)<<31, uint32(h>>10&31), uint32(h&1023)
	switch exp {
	case 0: // zero or subnormal
		f := float32(frac) / (1 << 24)
		return math.Float32frombits(math.Float32bits(f) | sign)
	case 31: // infinity or NaN
		return math.Float32frombits(sign | 255<<23 | frac<<13)
	}
	return math.Float32frombits(sign | (exp+112)<<23 | frac<<13)
}
