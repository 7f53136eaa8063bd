package join

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math"

	"github.com/deltalog/deltalog/internal/vec"
)

// compareValues orders value i of a and value j of b, columns of one layout: null
// first, numbers by value with NaN last, strings by bytes, structs by their
// fields, lists and maps by their elements as stored. Only values that are the
// same to the bit are equal: -0.0 comes before 0.0.
func compareValues(a *vec.Vec, i int, b *vec.Vec, j int) int {
	if x, y := a.IsNull(i), b.IsNull(j); x || y {
		return compareBools(!x, !y)
	}
	switch a.Kind {
	case vec.Bool:
		return compareBools(a.Bool(i), b.Bool(j))
	case vec.Int8:
		return cmp.Compare(vec.Values[int8](a)[i], vec.Values[int8](b)[j])
	case vec.Int16:
		return cmp.Compare(vec.Values[int16](a)[i], vec.Values[int16](b)[j])
	case vec.Int32:
		return cmp.Compare(vec.Values[int32](a)[i], vec.Values[int32](b)[j])
	case vec.Int64:
		return cmp.Compare(vec.Values[int64](a)[i], vec.Values[int64](b)[j])
	case vec.Float32:
		x, y := vec.Values[float32](a)[i], vec.Values[float32](b)[j]
		if c := vec.CompareFloats(float64(x), float64(y)); c != 0 {
			return c
		}
		return compareBits(uint64(math.Float32bits(x)), uint64(math.Float32bits(y)), 31)
	case vec.Float64:
		x, y := vec.Values[float64](a)[i], vec.Values[float64](b)[j]
		if c := vec.CompareFloats(x, y); c != 0 {
			return c
		}
		return compareBits(math.Float64bits(x), math.Float64bits(y), 63)
	case vec.Decimal128:
		x, y := vec.Values[[16]byte](a)[i], vec.Values[[16]byte](b)[j]
		return compareDecimals(x, y)
	case vec.Bytes:
		return bytes.Compare(a.At(i), b.At(j))
	case vec.Struct:
		for k, c := range a.Children {
			if c := compareValues(c, a.Off+i, b.Children[k], b.Off+j); c != 0 {
				return c
			}
		}
	case vec.List, vec.Map:
		return compareLists(a, a.Off+i, b, b.Off+j)
	}
	return 0
}

func compareLists(a *vec.Vec, i int, b *vec.Vec, j int) int {
	from, to := int(a.Offsets[i]), int(a.Offsets[i+1])
	other, end := int(b.Offsets[j]), int(b.Offsets[j+1])
	for k := range min(to-from, end-other) {
		for c := range a.Children {
			if c := compareValues(a.Children[c], from+k, b.Children[c], other+k); c != 0 {
				return c
			}
		}
	}
	return cmp.Compare(to-from, end-other)
}

func compareBools(x, y bool) int {
	switch {
	case x == y:
		return 0
	case y:
		return -1
	}
	return 1
}

// compareBits orders floats that SQL calls equal: those with the sign bit first.
func compareBits(x, y uint64, sign int) int {
	flip := uint64(1) << sign
	return cmp.Compare(x^flip, y^flip)
}

func compareDecimals(x, y [16]byte) int {
	if c := cmp.Compare(int64(binary.LittleEndian.Uint64(x[8:])), int64(binary.LittleEndian.Uint64(y[8:]))); c != 0 {
		return c
	}
	return cmp.Compare(binary.LittleEndian.Uint64(x[:8]), binary.LittleEndian.Uint64(y[:8]))
}
