package arrowvec

import (
	"fmt"
	"math"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/deltalog/deltalog/internal/vec"
)

// number is any element type of an Arrow buffer.
type number interface {
	int8 | uint8 | int16 | uint16 | int32 | uint32 | int64 | uint64 | [4]uint64
}

// numbers returns the values of d's window in buffer i.
func numbers[T number](d arrow.ArrayData, i int) ([]T, error) {
	var z T
	b := buffer(d, i)
	if d.Len() == 0 {
		return nil, nil
	}
	if have := len(b) / int(unsafe.Sizeof(z)); have < d.Offset()+d.Len() {
		return nil, fmt.Errorf("a buffer of %d values for %d", have, d.Offset()+d.Len())
	}
	p := unsafe.Add(unsafe.Pointer(unsafe.SliceData(b)), uintptr(d.Offset())*unsafe.Sizeof(z))
	return unsafe.Slice((*T)(p), d.Len()), nil
}

// mapped returns a Vec of kind k of what f makes of d's values. What f says of
// nulls is not listened to.
func mapped[From number, To vec.Fixed](d arrow.ArrayData, k vec.Kind, f func(From) (To, bool)) (*vec.Vec, error) {
	src, err := numbers[From](d, 1)
	if err != nil {
		return nil, err
	}
	validity := flat(d, vec.Int8)
	out := make([]To, len(src))
	for i, x := range src {
		y, ok := f(x)
		if !ok {
			if validity.IsNull(i) {
				continue
			}
			return nil, fmt.Errorf("value %v (in row %d) has no exact counterpart in a Delta table", x, i)
		}
		out[i] = y
	}
	v := &vec.Vec{Kind: k, Len: len(out), Data: vec.BytesOf(out)}
	if validity.Valid != nil {
		v.Valid = make([]byte, vec.BitmapLen(len(out)))
		vec.CopyBits(v.Valid, 0, validity.Valid, validity.Off, len(out))
	}
	return v, nil
}

// convert handles types that Delta has under another width, unit or sign.
func convert(d arrow.ArrayData) (*vec.Vec, error) {
	switch t := d.DataType().(type) {
	case *arrow.Uint8Type:
		return mapped(d, vec.Int16, func(x uint8) (int16, bool) { return int16(x), true })
	case *arrow.Uint16Type:
		return mapped(d, vec.Int32, func(x uint16) (int32, bool) { return int32(x), true })
	case *arrow.Uint32Type:
		return mapped(d, vec.Int64, func(x uint32) (int64, bool) { return int64(x), true })
	case *arrow.Uint64Type:
		return mapped(d, vec.Decimal128, func(x uint64) ([16]byte, bool) { return decimal(0, x), true })
	case *arrow.Float16Type:
		return mapped(d, vec.Float32, func(x uint16) (float32, bool) { return fromHalf(x), true })
	case *arrow.Date64Type:
		return mapped(d, vec.Int32, func(ms int64) (int32, bool) {
			const day = 24 * 60 * 60 * 1000
			days := ms / day
			return int32(days), ms%day == 0 && days == int64(int32(days))
		})
	case *arrow.TimestampType:
		return timestamps(d, t.Unit)
	case *arrow.Decimal32Type:
		return mapped(d, vec.Decimal128, func(x int32) ([16]byte, bool) { return decimal(int64(x)>>63, uint64(x)), true })
	case *arrow.Decimal64Type:
		return mapped(d, vec.Decimal128, func(x int64) ([16]byte, bool) { return decimal(x>>63, uint64(x)), true })
	case *arrow.Decimal256Type:
		return mapped(d, vec.Decimal128, func(x [4]uint64) ([16]byte, bool) {
			sign := uint64(int64(x[1]) >> 63)
			return decimal(int64(x[1]), x[0]), x[2] == sign && x[3] == sign
		})
	}
	return nil, unsupported(d.DataType())
}

func unsupported(t arrow.DataType) error {
	return fmt.Errorf("type %s has no counterpart in a Delta table; cast it to one that has", t)
}

func decimal(hi int64, lo uint64) (d [16]byte) {
	copy(d[:], vec.BytesOf([]uint64{lo, uint64(hi)}))
	return d
}

func timestamps(d arrow.ArrayData, unit arrow.TimeUnit) (*vec.Vec, error) {
	times := func(k int64) func(int64) (int64, bool) {
		return func(x int64) (int64, bool) { return x * k, x >= math.MinInt64/k && x <= math.MaxInt64/k }
	}
	switch unit {
	case arrow.Second:
		return mapped(d, vec.Int64, times(1_000_000))
	case arrow.Millisecond:
		return mapped(d, vec.Int64, times(1000))
	case arrow.Microsecond:
		return flat(d, vec.Int64), nil
	}
	return mapped(d, vec.Int64, func(ns int64) (int64, bool) { return ns / 1000, ns%1000 == 0 })
}

// fromHalf widens an IEEE 754 half.
func fromHalf(h uint16) float32 {
	sign, exp, frac := uint32(h>>15)<<31, int(h>>10&31), uint32(h&1023)
	switch {
	case exp == 31: // infinity, NaN
		return math.Float32frombits(sign | 0xff<<23 | frac<<13)
	case exp == 0: // zero, subnormal: frac * 2^-24
		return math.Float32frombits(sign | math.Float32bits(float32(frac)*(1.0/(1<<24))))
	}
	return math.Float32frombits(sign | uint32(exp-15+127)<<23 | frac<<13)
}
