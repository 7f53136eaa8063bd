package vec

import "math"

// Of returns a vec of a fixed-width kind that shares values' memory. A nil valid
// means no nulls; otherwise it has an entry per value.
func Of[T Fixed](kind Kind, values []T, valid []bool) *Vec {
	return &Vec{Kind: kind, Len: len(values), Data: BytesOf(values), Valid: PackBools(valid)}
}

// OfBools returns a [Bool] vec.
func OfBools(values, valid []bool) *Vec {
	return &Vec{Kind: Bool, Len: len(values), Data: PackBools(values), Valid: PackBools(valid)}
}

// OfBytes returns a [Bytes] vec of copies of values. Its only error matches
// [ErrTooLarge].
func OfBytes[T string | []byte](values []T, valid []bool) (*Vec, error) {
	size := int64(0)
	for _, s := range values {
		if size += int64(len(s)); size > math.MaxInt32 {
			return nil, ErrTooLarge
		}
	}
	v := &Vec{
		Kind: Bytes, Len: len(values), Valid: PackBools(valid),
		Offsets: make([]int32, 1, len(values)+1), Data: make([]byte, 0, size),
	}
	for _, s := range values {
		v.Data = append(v.Data, s...)
		v.Offsets = append(v.Offsets, int32(len(v.Data)))
	}
	return v, nil
}

// OfStruct returns a [Struct] vec of n rows over children of n values each.
func OfStruct(n int, valid []bool, children ...*Vec) *Vec {
	return &Vec{Kind: Struct, Len: n, Valid: PackBools(valid), Children: children}
}

// OfLists returns a [List] (one child) or [Map] (two: keys and values) vec whose
// value i is the elements offsets[i] … offsets[i+1] of the children.
func OfLists(kind Kind, offsets []int32, valid []bool, children ...*Vec) *Vec {
	return &Vec{Kind: kind, Len: len(offsets) - 1, Valid: PackBools(valid), Offsets: offsets, Children: children}
}

// PackBools returns bs as a bitmap; nil for nil.
func PackBools(bs []bool) []byte {
	if bs == nil {
		return nil
	}
	b := make([]byte, BitmapLen(len(bs)))
	for i, set := range bs {
		if set {
			b[i>>3] |= 1 << (i & 7)
		}
	}
	return b
}
