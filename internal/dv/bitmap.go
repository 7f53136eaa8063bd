package dv

import (
	"fmt"
	"iter"
	"math"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/deltalog/deltalog/internal/vec"
)

// A Bitmap is a set of row positions ≥ 0. The zero Bitmap is empty.
//
// Methods that only read may be called concurrently.
type Bitmap struct {
	buckets []bucket // ascending by high; none empty
}

// A bucket is the rows with the same upper 32 bits.
type bucket struct {
	high uint32
	low  *roaring.Bitmap
}

// Of returns the set of the given rows. It panics on a negative row.
func Of(rows ...int64) *Bitmap {
	b := &Bitmap{}
	for _, r := range rows {
		b.Add(r)
	}
	return b
}

// Add adds a row. It panics when the row is negative.
func (b *Bitmap) Add(row int64) { b.bucket(row).Add(uint32(row)) }

// AddRange adds the rows [from, to). It panics when from is negative.
func (b *Bitmap) AddRange(from, to int64) {
	for from < to {
		end := min(to, (from>>32+1)<<32)
		if from>>32 == math.MaxInt32 { // the bucket's end would overflow
			end = to
		}
		low := uint64(uint32(from))
		b.bucket(from).AddRange(low, low+uint64(end-from))
		from = end
	}
}

// bucket returns the bucket for a row, which it makes when there is none.
func (b *Bitmap) bucket(row int64) *roaring.Bitmap {
	if row < 0 {
		panic(fmt.Sprintf("dv: row %d", row))
	}
	high := uint32(row >> 32)
	i := b.find(high)
	if i == len(b.buckets) || b.buckets[i].high != high {
		b.buckets = append(b.buckets, bucket{})
		copy(b.buckets[i+1:], b.buckets[i:])
		b.buckets[i] = bucket{high, roaring.New()}
	}
	return b.buckets[i].low
}

// find returns the first bucket that is not below high.
func (b *Bitmap) find(high uint32) int {
	i := 0
	for i < len(b.buckets) && b.buckets[i].high < high { // almost always one bucket
		i++
	}
	return i
}

// Union adds the rows of o, which it leaves alone.
func (b *Bitmap) Union(o *Bitmap) {
	for _, p := range o.buckets {
		b.bucket(int64(p.high) << 32).Or(p.low)
	}
}

// Clone returns a copy that can be changed without changing b.
func (b *Bitmap) Clone() *Bitmap {
	c := &Bitmap{buckets: make([]bucket, len(b.buckets))}
	for i, p := range b.buckets {
		c.buckets[i] = bucket{p.high, p.low.Clone()}
	}
	return c
}

// Contains reports whether a row is in the set.
func (b *Bitmap) Contains(row int64) bool {
	if row < 0 {
		return false
	}
	high := uint32(row >> 32)
	i := b.find(high)
	return i < len(b.buckets) && b.buckets[i].high == high && b.buckets[i].low.Contains(uint32(row))
}

// Cardinality returns the number of rows in the set.
func (b *Bitmap) Cardinality() int64 {
	var n int64
	for _, p := range b.buckets {
		n += int64(p.low.GetCardinality())
	}
	return n
}

// Max returns the largest row; ok is false when the set is empty.
func (b *Bitmap) Max() (row int64, ok bool) {
	if len(b.buckets) == 0 {
		return 0, false
	}
	last := b.buckets[len(b.buckets)-1]
	return int64(last.high)<<32 | int64(last.low.Maximum()), true
}

// Equal reports whether the two sets hold the same rows.
func (b *Bitmap) Equal(o *Bitmap) bool {
	if len(b.buckets) != len(o.buckets) {
		return false
	}
	for i, p := range b.buckets {
		if p.high != o.buckets[i].high || !p.low.Equals(o.buckets[i].low) {
			return false
		}
	}
	return true
}

// Rows yields the rows of the set in [from, to), ascending.
func (b *Bitmap) Rows(from, to int64) iter.Seq[int64] {
	return func(yield func(int64) bool) {
		from = max(from, 0)
		for _, p := range b.buckets[b.find(uint32(from>>32)):] {
			base := int64(p.high) << 32
			if base >= to {
				return
			}
			it := p.low.Iterator()
			if from > base {
				it.AdvanceIfNeeded(uint32(from))
			}
			for it.HasNext() {
				row := base | int64(it.Next())
				if row >= to || !yield(row) {
					return
				}
			}
		}
	}
}

// Keep returns which of the n rows from row from on are not in the set, row from
// being 0: what a scan leaves of a batch after deletion.
func (b *Bitmap) Keep(from int64, n int) *vec.Bitmap {
	keep := vec.FullBitmap(n)
	for row := range b.Rows(from, from+int64(n)) {
		keep.Clear(int(row - from))
	}
	return keep
}

// A Range is the rows [From, To).
type Range struct{ From, To int64 }

// KeepRanges yields the rows [from, to) that are not in the set as ascending
// ranges that do not touch, relative to from. A window without deleted rows is
// one range.
func (b *Bitmap) KeepRanges(from, to int64) iter.Seq[Range] {
	return func(yield func(Range) bool) {
		start := from
		for row := range b.Rows(from, to) {
			if row > start && !yield(Range{From: start - from, To: row - from}) {
				return
			}
			start = row + 1
		}
		if start < to {
			yield(Range{From: start - from, To: to - from})
		}
	}
}
