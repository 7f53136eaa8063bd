package vec

import (
	"bytes"
	"fmt"
	"math"
)

// Differ adds to rows those positions at which a and b, two columns of one
// layout and length, hold different values. Two nulls are the same, and so are
// two NaNs of any bits; 0 and −0 are not.
func Differ(rows *Bitmap, a, b *Vec) error {
	if a.Len != rows.Len || b.Len != rows.Len {
		return fmt.Errorf("vec: columns of %d and %d values compared over %d rows", a.Len, b.Len, rows.Len)
	}
	if a.Kind == Null || b.Kind == Null {
		for w := range rows.Words {
			rows.Words[w] |= validWord(a, w<<6) | validWord(b, w<<6)
		}
		return nil
	}
	if a.Kind != b.Kind || len(a.Children) != len(b.Children) {
		return fmt.Errorf("vec: a column of layout %v compared with one of layout %v", a.Kind, b.Kind)
	}
	for w := range rows.Words {
		at := w << 6
		va, vb := a.ValidWord(at), b.ValidWord(at)
		rows.Words[w] |= va ^ vb | va&vb&differing(a, b, at, min(64, a.Len-at))
	}
	return nil
}

// validWord is [Vec.ValidWord], for the layout without buffers too.
func validWord(v *Vec, at int) uint64 {
	if v.Kind == Null {
		return 0
	}
	return v.ValidWord(at)
}

// differing compares n ≤ 64 values from at on; bits of nulls mean nothing.
func differing(a, b *Vec, at, n int) uint64 {
	switch a.Kind {
	case Bool:
		return a.BoolWord(at) ^ b.BoolWord(at)
	case Int8:
		return differingFixed(Values[int8](a)[at:at+n], Values[int8](b)[at:at+n])
	case Int16:
		return differingFixed(Values[int16](a)[at:at+n], Values[int16](b)[at:at+n])
	case Int32:
		return differingFixed(Values[int32](a)[at:at+n], Values[int32](b)[at:at+n])
	case Int64:
		return differingFixed(Values[int64](a)[at:at+n], Values[int64](b)[at:at+n])
	case Decimal128:
		return differingFixed(Values[[16]byte](a)[at:at+n], Values[[16]byte](b)[at:at+n])
	}
	var w uint64
	for i := range n {
		if !a.IsNull(at+i) && !b.IsNull(at+i) && differ(a, b, at+i) {
			w |= 1 << i
		}
	}
	return w
}

func differingFixed[T comparable](a, b []T) uint64 {
	var w uint64
	for i := range a {
		if a[i] != b[i] {
			w |= 1 << i
		}
	}
	return w
}

// differ compares value i of both, which is not null.
func differ(a, b *Vec, i int) bool {
	switch a.Kind {
	case Float32:
		x, y := Values[float32](a)[i], Values[float32](b)[i]
		return math.Float32bits(x) != math.Float32bits(y) && (x == x || y == y)
	case Float64:
		x, y := Values[float64](a)[i], Values[float64](b)[i]
		return math.Float64bits(x) != math.Float64bits(y) && (x == x || y == y)
	case Bytes:
		return !bytes.Equal(a.At(i), b.At(i))
	case Struct:
		return differChildren(a, b, a.Off+i, 1, b.Off+i, 1)
	case List, Map:
		af, at := a.Slice(i, i+1).span()
		bf, bt := b.Slice(i, i+1).span()
		return at-af != bt-bf || differChildren(a, b, af, at-af, bf, bt-bf)
	}
	return !Equal(a.Slice(i, i+1), b.Slice(i, i+1))
}

func differChildren(a, b *Vec, af, an, bf, bn int) bool {
	for c := range a.Children {
		rows := NewBitmap(an)
		err := Differ(rows, a.Children[c].Slice(af, af+an), b.Children[c].Slice(bf, bf+bn))
		if err != nil || rows.Count() > 0 {
			return true
		}
	}
	return false
}
