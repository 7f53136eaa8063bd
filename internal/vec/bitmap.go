package vec

import (
	"iter"
	"math/bits"
)

// A Bitmap is a set of the rows 0 … Len-1 of a batch: what a predicate selects,
// what a deletion vector leaves.
//
// Row i is bit i&63 of Words[i>>6]. Bits past Len are zero; whoever writes Words
// keeps that so.
type Bitmap struct {
	Words []uint64
	Len   int
}

// A Range is the rows [From, To).
type Range struct{ From, To int }

// NewBitmap returns an empty set of n rows.
func NewBitmap(n int) *Bitmap { return &Bitmap{Words: make([]uint64, (uint(n)+63)>>6), Len: n} }

// FullBitmap returns the set of all n rows.
func FullBitmap(n int) *Bitmap {
	b := NewBitmap(n)
	b.SetRange(0, n)
	return b
}

// BitmapOf returns the set of the rows in the given ranges, each within [0, n).
func BitmapOf(n int, ranges ...Range) *Bitmap {
	b := NewBitmap(n)
	for _, r := range ranges {
		b.SetRange(r.From, r.To)
	}
	return b
}

// Set adds row i.
func (b *Bitmap) Set(i int) { b.Words[i>>6] |= 1 << (i & 63) }

// Clear removes row i.
func (b *Bitmap) Clear(i int) { b.Words[i>>6] &^= 1 << (i & 63) }

// Get reports whether row i is in the set.
func (b *Bitmap) Get(i int) bool { return b.Words[i>>6]&(1<<(i&63)) != 0 }

// SetRange adds the rows [i, j).
func (b *Bitmap) SetRange(i, j int) {
	if i >= j {
		return
	}
	first, last := i>>6, (j-1)>>6
	head, tail := ^uint64(0)<<(i&63), ^uint64(0)>>(63-(j-1)&63)
	if first == last {
		b.Words[first] |= head & tail
		return
	}
	b.Words[first] |= head
	for k := first + 1; k < last; k++ {
		b.Words[k] = ^uint64(0)
	}
	b.Words[last] |= tail
}

// Count returns the number of rows in the set.
func (b *Bitmap) Count() int {
	c := 0
	for _, w := range b.Words {
		c += bits.OnesCount64(w)
	}
	return c
}

// And keeps the rows that are in both sets. The two have the same Len.
func (b *Bitmap) And(o *Bitmap) {
	for i, w := range o.Words {
		b.Words[i] &= w
	}
}

// Or adds o's rows. The two have the same Len.
func (b *Bitmap) Or(o *Bitmap) {
	for i, w := range o.Words {
		b.Words[i] |= w
	}
}

// Not turns the set into its complement.
func (b *Bitmap) Not() {
	for i, w := range b.Words {
		b.Words[i] = ^w
	}
	b.trim()
}

// trim clears the bits past Len.
func (b *Bitmap) trim() {
	if r := b.Len & 63; r != 0 {
		b.Words[len(b.Words)-1] &= 1<<r - 1
	}
}

// Ranges yields the set as ascending, disjoint ranges that do not touch.
func (b *Bitmap) Ranges() iter.Seq[Range] {
	return func(yield func(Range) bool) {
		for i := b.next(0, 0); i < b.Len; {
			j := b.next(i, ^uint64(0))
			if !yield(Range{i, j}) {
				return
			}
			i = b.next(j, 0)
		}
	}
}

// next returns the first row from i on that is set (flip = 0) or clear (flip =
// all ones), or Len.
func (b *Bitmap) next(i int, flip uint64) int {
	if i >= b.Len {
		return b.Len
	}
	k := i >> 6
	w := (b.Words[k] ^ flip) & (^uint64(0) << (i & 63))
	for w == 0 {
		if k++; k == len(b.Words) {
			return b.Len
		}
		w = b.Words[k] ^ flip
	}
	return min(k<<6+bits.TrailingZeros64(w), b.Len)
}

// Indices appends the rows of the set to dst, ascending.
func (b *Bitmap) Indices(dst []int32) []int32 {
	for k, w := range b.Words {
		for ; w != 0; w &= w - 1 {
			dst = append(dst, int32(k<<6+bits.TrailingZeros64(w)))
		}
	}
	return dst
}
