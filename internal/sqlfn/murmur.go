package sqlfn

import (
	"encoding/binary"
	"math/bits"
)

// Murmur3_x86_32 as Spark has it: the bytes after the last whole word are each
// mixed in as a word of their own, sign extended.

const (
	murmurC1 = 0xcc9e2d51
	murmurC2 = 0x1b873593
)

func murmurMix(h, k uint32) uint32 {
	k *= murmurC1
	k = bits.RotateLeft32(k, 15)
	k *= murmurC2
	h ^= k
	h = bits.RotateLeft32(h, 13)
	return h*5 + 0xe6546b64
}

func murmurEnd(h, length uint32) uint32 {
	h ^= length
	h ^= h >> 16
	h *= 0x85ebca6b
	h ^= h >> 13
	h *= 0xc2b2ae35
	return h ^ h>>16
}

func murmur32(v int32, seed uint32) uint32 { return murmurEnd(murmurMix(seed, uint32(v)), 4) }

func murmur64(v int64, seed uint32) uint32 {
	return murmurEnd(murmurMix(murmurMix(seed, uint32(v)), uint32(v>>32)), 8)
}

func murmurBytes(b []byte, seed uint32) uint32 {
	h, n := seed, uint32(len(b))
	for ; len(b) >= 4; b = b[4:] {
		h = murmurMix(h, binary.LittleEndian.Uint32(b))
	}
	for _, c := range b {
		h = murmurMix(h, uint32(int8(c)))
	}
	return murmurEnd(h, n)
}
