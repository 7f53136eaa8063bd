package vec

import (
	"errors"
	"math"
)

// ErrTooLarge says that a column's bytes or list elements do not fit the 31-bit
// offsets of a [Vec]. Callers split their input and try again.
var ErrTooLarge = errors.New("vec: a column would hold more than 2147483647 bytes or elements; use smaller batches")

// Take returns v's values at the window positions idx, in that order; a value
// may be taken many times. A negative index takes a null.
//
// The result owns its memory. The only error matches [ErrTooLarge].
// Sorted indices run several times faster than random ones.
func Take(v *Vec, idx []int32) (*Vec, error) {
	nulls := false
	for _, i := range idx {
		if i < 0 {
			nulls = true
			break
		}
	}
	return take(v, idx, nulls)
}

func take(v *Vec, idx []int32, nulls bool) (*Vec, error) {
	out := &Vec{Kind: v.Kind, Len: len(idx)}
	if v.Kind == Null {
		return out, nil
	}
	if int64(len(idx))*int64(v.Kind.Width()) > math.MaxInt {
		return nil, ErrTooLarge
	}
	if nulls || v.Valid != nil {
		out.Valid = takeValid(v, idx)
	}
	var err error
	switch v.Kind {
	case Bool:
		out.Data = takeBits(v, idx)
	case Int8:
		out.Data = BytesOf(takeFixed(Values[int8](v), idx, nulls))
	case Int16:
		out.Data = BytesOf(takeFixed(Values[int16](v), idx, nulls))
	case Int32, Float32:
		out.Data = BytesOf(takeFixed(Values[uint32](v), idx, nulls))
	case Int64, Float64:
		out.Data = BytesOf(takeFixed(Values[uint64](v), idx, nulls))
	case Decimal128:
		out.Data = BytesOf(takeFixed(Values[[16]byte](v), idx, nulls))
	case Bytes:
		out.Offsets, out.Data, err = takeBytes(v, idx)
	case Struct:
		err = takeChildren(out, v, v.Off, v.Off+v.Len, idx, nulls)
	case List, Map:
		err = takeList(out, v, idx)
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}

func takeChildren(out, v *Vec, from, to int, idx []int32, nulls bool) error {
	for _, c := range v.Children {
		t, err := take(c.Slice(from, to), idx, nulls)
		if err != nil {
			return err
		}
		out.Children = append(out.Children, t)
	}
	return nil
}

func takeFixed[T int8 | int16 | uint32 | uint64 | [16]byte](src []T, idx []int32, nulls bool) []T {
	dst := make([]T, len(idx))
	if !nulls {
		for k, i := range idx {
			dst[k] = src[i]
		}
		return dst
	}
	for k, i := range idx {
		if i >= 0 {
			dst[k] = src[i]
		}
	}
	return dst
}

func takeValid(v *Vec, idx []int32) []byte {
	dst := make([]byte, BitmapLen(len(idx)))
	for k, i := range idx {
		if i >= 0 && !v.IsNull(int(i)) {
			dst[k>>3] |= 1 << (k & 7)
		}
	}
	return dst
}

func takeBits(v *Vec, idx []int32) []byte {
	dst := make([]byte, BitmapLen(len(idx)))
	for k, i := range idx {
		if i >= 0 && v.Bool(int(i)) {
			dst[k>>3] |= 1 << (k & 7)
		}
	}
	return dst
}

func takeBytes(v *Vec, idx []int32) ([]int32, []byte, error) {
	var src []int32
	if len(v.Offsets) > 0 {
		src = v.Offsets[v.Off : v.Off+v.Len+1]
	}
	offsets := make([]int32, len(idx)+1)
	var size int64
	for k, i := range idx {
		if i >= 0 {
			size += int64(src[i+1] - src[i])
			if size > math.MaxInt32 {
				return nil, nil, ErrTooLarge
			}
		}
		offsets[k+1] = int32(size)
	}
	data := make([]byte, size)
	for k, i := range idx {
		if i >= 0 {
			copy(data[offsets[k]:offsets[k+1]], v.Data[src[i]:])
		}
	}
	return offsets, data, nil
}

func takeList(out, v *Vec, idx []int32) error {
	var src []int32
	if len(v.Offsets) > 0 {
		src = v.Offsets[v.Off : v.Off+v.Len+1]
	}
	out.Offsets = make([]int32, 1, len(idx)+1)
	var size int64
	for _, i := range idx {
		if i >= 0 && !v.IsNull(int(i)) {
			size += int64(src[i+1] - src[i])
			if size > math.MaxInt32 {
				return ErrTooLarge
			}
		}
		out.Offsets = append(out.Offsets, int32(size))
	}
	if size > math.MaxInt/4 { // positions of four bytes
		return ErrTooLarge
	}
	var base, end int32
	if len(src) > 0 {
		base, end = src[0], src[v.Len]
	}
	elems := make([]int32, 0, size)
	for k, i := range idx {
		if out.Offsets[k] == out.Offsets[k+1] {
			continue
		}
		for e := src[i]; e < src[i+1]; e++ {
			elems = append(elems, e-base)
		}
	}
	return takeChildren(out, v, int(base), int(end), elems, false)
}

// Repeat returns n copies of v's value i: a partition value as a column.
// The only error matches [ErrTooLarge].
func Repeat(v *Vec, i, n int) (*Vec, error) {
	if v.IsNull(i) {
		return AllNull(v, n), nil
	}
	idx := make([]int32, n)
	return Take(v.Slice(i, i+1), idx)
}

// AllNull returns n nulls of the layout of like.
func AllNull(like *Vec, n int) *Vec {
	out := &Vec{Kind: like.Kind, Len: n}
	if like.Kind == Null {
		return out
	}
	out.Valid = make([]byte, BitmapLen(n))
	switch like.Kind {
	case Bool:
		out.Data = make([]byte, BitmapLen(n))
	case Struct:
		for _, c := range like.Children {
			out.Children = append(out.Children, AllNull(c, n))
		}
	case Bytes, List, Map:
		out.Offsets = make([]int32, n+1)
		for _, c := range like.Children {
			out.Children = append(out.Children, AllNull(c, 0))
		}
	default:
		out.Data = make([]byte, n*like.Kind.Width())
	}
	return out
}
