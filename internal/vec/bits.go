package vec

import (
	"encoding/binary"
	"math/bits"
)

// BitmapLen returns the bytes that a bitmap of n bits takes.
func BitmapLen(n int) int { return int((uint(n) + 7) >> 3) }

// CountBits returns how many of the n bits of b from bit off on are set.
func CountBits(b []byte, off, n int) int {
	c := 0
	for ; n > 0; off, n = off+64, n-64 {
		c += bits.OnesCount64(word(b, off, n))
	}
	return c
}

// CopyBits copies n bits of src from bit srcOff on to dst from bit dstOff on,
// and leaves dst's other bits alone. The two must not overlap.
func CopyBits(dst []byte, dstOff int, src []byte, srcOff, n int) {
	if dstOff&7 == 0 && srcOff&7 == 0 {
		whole := n >> 3
		copy(dst[dstOff>>3:], src[srcOff>>3:srcOff>>3+whole])
		dstOff, srcOff, n = dstOff+whole<<3, srcOff+whole<<3, n&7
	}
	for n > 0 {
		// Up to the end of dst's byte, then by the 56 bits that fit any shift.
		k := min(n, 8-dstOff&7)
		if k == 8 && n >= 64 {
			binary.LittleEndian.PutUint64(dst[dstOff>>3:], word(src, srcOff, 64))
			dstOff, srcOff, n = dstOff+64, srcOff+64, n-64
			continue
		}
		w := byte(word(src, srcOff, k))
		mask := byte(1<<k-1) << (dstOff & 7)
		dst[dstOff>>3] = dst[dstOff>>3]&^mask | w<<(dstOff&7)
		dstOff, srcOff, n = dstOff+k, srcOff+k, n-k
	}
}

// SetBits sets n bits of b from bit off on.
func SetBits(b []byte, off, n int) {
	for n > 0 {
		if off&7 == 0 && n >= 8 {
			b[off>>3] = 0xff
			off, n = off+8, n-8
			continue
		}
		b[off>>3] |= 1 << (off & 7)
		off, n = off+1, n-1
	}
}

// word returns the bits [off, off+min(n, 64)) of b in its low bits, the others
// zero. It reads no byte that holds none of them.
func word(b []byte, off, n int) uint64 {
	if n <= 0 {
		return 0
	}
	p, s := off>>3, uint(off&7)
	var w uint64
	if len(b)-p >= 8 {
		w = binary.LittleEndian.Uint64(b[p:]) >> s
		if s != 0 && n > 64-int(s) {
			w |= uint64(b[p+8]) << (64 - s)
		}
	} else {
		for i, c := range b[p:] {
			w |= uint64(c) << (8 * i)
		}
		w >>= s
	}
	if n < 64 {
		w &= 1<<n - 1
	}
	return w
}

// NullCount returns how many values of the window are null.
func (v *Vec) NullCount() int {
	switch {
	case v.Kind == Null:
		return v.Len
	case v.Valid == nil:
		return 0
	}
	return v.Len - CountBits(v.Valid, v.Off, v.Len)
}

// ValidWord returns the validity of the window's values i … i+63, value i in the
// lowest bit; bits past the window's end are zero.
func (v *Vec) ValidWord(i int) uint64 {
	n := v.Len - i
	switch {
	case n <= 0 || v.Kind == Null:
		return 0
	case v.Valid != nil:
		return word(v.Valid, v.Off+i, n)
	case n < 64:
		return 1<<n - 1
	}
	return ^uint64(0)
}

// BoolWord returns the values i … i+63 of a [Bool] vec's window, value i in the
// lowest bit; bits past the window's end are zero, bits of nulls are arbitrary.
func (v *Vec) BoolWord(i int) uint64 { return word(v.Data, v.Off+i, v.Len-i) }

// EmptyAsNull returns v with its empty byte strings null, sharing all else: v itself
// if it has none. It is about [Bytes] only.
func EmptyAsNull(v *Vec) *Vec {
	if v.Kind != Bytes {
		return v
	}
	var valid []byte
	for i := range v.Len {
		if v.IsNull(i) || v.Offsets[v.Off+i] < v.Offsets[v.Off+i+1] {
			continue
		}
		if valid == nil {
			valid = make([]byte, BitmapLen(v.Off+v.Len))
			if v.Valid == nil {
				SetBits(valid, v.Off, v.Len)
			} else {
				CopyBits(valid, v.Off, v.Valid, v.Off, v.Len)
			}
		}
		at := v.Off + i
		valid[at>>3] &^= 1 << (at & 7)
	}
	if valid == nil {
		return v
	}
	w := *v
	w.Valid = valid
	return &w
}
