package vec

import "math/bits"

// Filter returns the values of v's window whose rows are in sel, in order.
// sel.Len must be v.Len.
//
// The result may share v's memory (it does when everything is kept), or own
// memory proportional to what is kept. Null lists and maps come out empty where
// values are copied.
func Filter(v *Vec, sel *Bitmap) *Vec { return filter(v, sel, sel.Count()) }

// filter is Filter for a set of n rows.
func filter(v *Vec, sel *Bitmap, n int) *Vec {
	if n == v.Len {
		return v
	}
	out := &Vec{Kind: v.Kind, Len: n}
	if v.Kind == Null {
		return out
	}
	if v.Valid != nil {
		out.Valid = filterBits(v.Valid, v.Off, sel, n)
	}
	switch v.Kind {
	case Bool:
		out.Data = filterBits(v.Data, v.Off, sel, n)
	case Int8:
		out.Data = BytesOf(filterFixed(Values[int8](v), sel, n))
	case Int16:
		out.Data = BytesOf(filterFixed(Values[int16](v), sel, n))
	case Int32, Float32:
		out.Data = BytesOf(filterFixed(Values[uint32](v), sel, n))
	case Int64, Float64:
		out.Data = BytesOf(filterFixed(Values[uint64](v), sel, n))
	case Decimal128:
		out.Data = BytesOf(filterFixed(Values[[16]byte](v), sel, n))
	case Bytes:
		out.Offsets, out.Data = filterBytes(v, sel, n)
	case Struct:
		for _, c := range v.Children {
			out.Children = append(out.Children, filter(c.Slice(v.Off, v.Off+v.Len), sel, n))
		}
	case List, Map:
		filterList(out, v, sel)
	}
	return out
}

func filterFixed[T int8 | int16 | uint32 | uint64 | [16]byte](src []T, sel *Bitmap, n int) []T {
	dst := make([]T, n)
	k := 0
	for wi, w := range sel.Words {
		if w == 0 {
			continue
		}
		if w == ^uint64(0) {
			k += copy(dst[k:], src[wi<<6:wi<<6+64])
			continue
		}
		s := src[wi<<6:]
		for ; w != 0; w &= w - 1 {
			dst[k] = s[bits.TrailingZeros64(w)]
			k++
		}
	}
	return dst
}

// filterBits packs the bits of b, from bit off on, whose rows are in sel.
func filterBits(b []byte, off int, sel *Bitmap, n int) []byte {
	dst := make([]byte, BitmapLen(n))
	k := 0
	for wi, w := range sel.Words {
		if w == 0 {
			continue
		}
		from := word(b, off+wi<<6, sel.Len-wi<<6)
		if w == ^uint64(0) {
			putWord(dst, k, from)
			k += 64
			continue
		}
		var packed uint64
		c := 0
		for ; w != 0; w &= w - 1 {
			packed |= from >> bits.TrailingZeros64(w) & 1 << c
			c++
		}
		putWord(dst, k, packed)
		k += c
	}
	return dst
}

// putWord ors w's bits into dst from bit off on; bits that fall past dst's end
// must be zero.
func putWord(dst []byte, off int, w uint64) {
	p, s := off>>3, off&7
	lo, hi := w<<s, w>>(64-s)
	for ; lo != 0; lo >>= 8 {
		dst[p] |= byte(lo)
		p++
	}
	if hi != 0 {
		dst[off>>3+8] |= byte(hi)
	}
}

func filterBytes(v *Vec, sel *Bitmap, n int) ([]int32, []byte) {
	src := v.Offsets[v.Off : v.Off+v.Len+1]
	offsets := make([]int32, n+1)
	var size int32
	k := 0
	for wi, w := range sel.Words {
		s := src[wi<<6:]
		for ; w != 0; w &= w - 1 {
			i := bits.TrailingZeros64(w)
			size += s[i+1] - s[i] // cannot overflow: at most the source's size
			k++
			offsets[k] = size
		}
	}
	data := make([]byte, 0, size)
	for wi, w := range sel.Words {
		s := src[wi<<6:]
		for w != 0 {
			i := bits.TrailingZeros64(w)
			run := bits.TrailingZeros64(^(w >> i))
			data = append(data, v.Data[s[i]:s[i+run]]...)
			w &= ^uint64(0) << (i + run) // a shift by 64 leaves nothing
		}
	}
	return offsets, data
}

func filterList(out, v *Vec, sel *Bitmap) {
	src := v.Offsets[v.Off : v.Off+v.Len+1]
	base, end := src[0], src[v.Len]
	out.Offsets = make([]int32, 1, out.Len+1)
	kept := NewBitmap(int(end - base))
	var size int32
	for r := range sel.Ranges() {
		for i := r.From; i < r.To; i++ {
			if !v.IsNull(i) {
				kept.SetRange(int(src[i]-base), int(src[i+1]-base))
				size += src[i+1] - src[i]
			}
			out.Offsets = append(out.Offsets, size)
		}
	}
	for _, c := range v.Children {
		out.Children = append(out.Children, filter(c.Slice(int(base), int(end)), kept, int(size)))
	}
}
