package join

import (
	"encoding/binary"
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

// hashWord hashes a key of one word. Ranges of the result are the parts of a
// source, [place] spreads it over a table.
func hashWord(w uint64) uint64 { return mix(w^k0, k1) }

// place returns which of n slots comes first for a hash. It depends on all bits,
// so that the keys of a narrow range of hashes fill the whole table.
func place(hash, n uint64) uint64 {
	hi, _ := bits.Mul64(hash*k3, n)
	return hi
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
