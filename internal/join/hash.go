package join

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// Odd constants with about half of their bits set.
const (
	k0 = 0xa0761d6478bd642f
	k1 = 0xe7037ed1a0b428db
	k2 = 0x8ebc6af09c88c6e3
	k3 = 0x589965cc75374cc3
)

// mix folds the 128-bit product of two words.
func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// hashWord hashes a key of one word.
func hashWord(w uint64) uint64 { return mix(w^k0, k1) }

// A hashRange is the hashes from lo to hi, both included.
type hashRange struct{ lo, hi uint64 }

var allHashes = hashRange{hi: math.MaxUint64}

func (r hashRange) has(h uint64) bool { return r.lo <= h && h <= r.hi }

// A scale maps the hashes of a range to the numbers below n, evenly and in order.
type scale struct {
	lo     uint64
	shift  int
	factor uint64
}

func (r hashRange) scale(n uint64) scale {
	// Distances from lo are shifted to take up all bits, and are then a share of
	// last+1, which is more than half of 1<<64.
	s := scale{lo: r.lo, shift: bits.LeadingZeros64(r.hi - r.lo), factor: n}
	last := (r.hi-r.lo)<<s.shift | (1<<s.shift - 1)
	if last != math.MaxUint64 {
		s.factor, _ = bits.Div64(n, 0, last+1)
	}
	return s
}

func (s *scale) of(hash uint64) uint64 {
	n, _ := bits.Mul64((hash-s.lo)<<s.shift, s.factor)
	return n
}

// hashBytes hashes a key of bytes, sixteen at a time.
func hashBytes(p []byte) uint64 {
	h := mix(uint64(len(p))^k0, k1)
	for len(p) > 16 {
		h = mix(binary.LittleEndian.Uint64(p)^k1, binary.LittleEndian.Uint64(p[8:])^h)
		p = p[16:]
	}
	var x, y uint64
	switch {
	case len(p) >= 8: // the two words may overlap
		x, y = binary.LittleEndian.Uint64(p), binary.LittleEndian.Uint64(p[len(p)-8:])
	case len(p) >= 4:
		x, y = uint64(binary.LittleEndian.Uint32(p)), uint64(binary.LittleEndian.Uint32(p[len(p)-4:]))
	case len(p) > 0:
		x = uint64(p[0])<<16 | uint64(p[len(p)>>1])<<8 | uint64(p[len(p)-1])
	}
	return mix(mix(x^k2, y^h), k3)
}
