package sqlfn

import (
	"encoding/binary"
	"math/bits"
)

// XXH64.

const (
	xx1 = 0x9E3779B185EBCA87
	xx2 = 0xC2B2AE3D27D4EB4F
	xx3 = 0x165667B19E3779F9
	xx4 = 0x85EBCA77C2B2AE63
	xx5 = 0x27D4EB2F165667C5
)

func xxEnd(h uint64) uint64 {
	h ^= h >> 33
	h *= xx2
	h ^= h >> 29
	h *= xx3
	return h ^ h>>32
}

func xxRound(acc, k uint64) uint64 { return bits.RotateLeft64(acc+k*xx2, 31) * xx1 }

func xxMix8(h, k uint64) uint64 { return bits.RotateLeft64(h^xxRound(0, k), 27)*xx1 + xx4 }

func xxMix4(h uint64, k uint32) uint64 { return bits.RotateLeft64(h^uint64(k)*xx1, 23)*xx2 + xx3 }

func xx32(v int32, seed uint64) uint64 { return xxEnd(xxMix4(seed+xx5+4, uint32(v))) }

func xx64(v int64, seed uint64) uint64 { return xxEnd(xxMix8(seed+xx5+8, uint64(v))) }

func xxBytes(b []byte, seed uint64) uint64 {
	n := uint64(len(b))
	h := seed + xx5
	if len(b) >= 32 {
		v1, v2, v3, v4 := seed+xx1, seed, seed, seed
		v1 += xx2
		v2 += xx2
		v4 -= xx1
		for ; len(b) >= 32; b = b[32:] {
			v1 = xxRound(v1, binary.LittleEndian.Uint64(b))
			v2 = xxRound(v2, binary.LittleEndian.Uint64(b[8:]))
			v3 = xxRound(v3, binary.LittleEndian.Uint64(b[16:]))
			v4 = xxRound(v4, binary.LittleEndian.Uint64(b[24:]))
		}
		h = bits.RotateLeft64(v1, 1) + bits.RotateLeft64(v2, 7) + bits.RotateLeft64(v3, 12) + bits.RotateLeft64(v4, 18)
		for _, v := range [...]uint64{v1, v2, v3, v4} {
			h = (h^xxRound(0, v))*xx1 + xx4
		}
	}
	h += n
	for ; len(b) >= 8; b = b[8:] {
		h = xxMix8(h, binary.LittleEndian.Uint64(b))
	}
	if len(b) >= 4 {
		h = xxMix4(h, binary.LittleEndian.Uint32(b))
		b = b[4:]
	}
	for _, c := range b {
		h = bits.RotateLeft64(h^uint64(c)*xx5, 11) * xx1
	}
	return xxEnd(h)
}
