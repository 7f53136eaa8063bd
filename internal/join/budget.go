package join

import "math"

// A budget counts the bytes that a source or a collection of pairs keeps in
// memory. It has one owner, like what it counts.
type budget struct {
	max  int64
	used int64
	peak int64 // the most ever used
}

const defaultMemory = 256 << 20

func newBudget(o *Options) budget {
	if o == nil || o.MaxMemory <= 0 {
		return budget{max: defaultMemory}
	}
	return budget{max: min(o.MaxMemory, math.MaxInt/2)} // a slice may take all of it
}

func (b *budget) take(n int64) {
	b.used += n
	b.peak = max(b.peak, b.used)
}

func (b *budget) give(n int64) { b.used -= n }

// free is what is left for keys, rows and buffers; negative when more is used than
// allowed. Something is kept back for what is only counted when it is there: the
// places of rows and keys on disk.
func (b *budget) free() int64 { return b.max - b.max/32 - b.used }

// share returns a part of the whole budget, within limits.
func (b *budget) share(part, least, most int64) int {
	return int(max(least, min(b.max/part, most)))
}
