package pqread

import (
	"encoding/binary"
	"math/bits"
)

// Bitmaps are least significant bit first, as in Arrow and in Parquet's
// bit-packed runs of width 1.

func bitmapBytes(n int) int { return (n + 7) / 8 }

func bit(b []byte, i int) bool { return b[i>>3]&(1<<(i&7)) != 0 }

// setBits sets n bits of dst from off on to v.
func setBits(dst []byte, off, n int, v bool) {
	if n <= 0 {
		return
	}
	first, last := off>>3, (off+n-1)>>3
	head := byte(0xFF) << (off & 7)
	tail := byte(0xFF) >> (7 - (off+n-1)&7)
	fill := byte(0)
	if v {
		fill = 0xFF
	}
	if first == last {
		mask := head & tail
		dst[first] = dst[first]&^mask | fill&mask
		return
	}
	dst[first] = dst[first]&^head | fill&head
	mid := dst[first+1 : last]
	for i := range mid {
		mid[i] = fill
	}
	dst[last] = dst[last]&^tail | fill&tail
}

// copyBits copies n bits.
func copyBits(dst []byte, dstOff int, src []byte, srcOff, n int) {
	for n > 0 && dstOff&7 != 0 {
		k := min(n, 8-dstOff&7)
		v := loadBits(src, srcOff, k)
		mask := byte(1<<k-1) << (dstOff & 7)
		dst[dstOff>>3] = dst[dstOff>>3]&^mask | v<<(dstOff&7)&mask
		dstOff, srcOff, n = dstOff+k, srcOff+k, n-k
	}
	if n == 0 {
		return
	}
	d, shift := dstOff>>3, srcOff&7
	if shift == 0 {
		d += copy(dst[d:d+n>>3], src[srcOff>>3:])
		srcOff += n &^ 7
		n &= 7
	} else {
		s := srcOff >> 3
		for ; n >= 64; n -= 64 {
			w := binary.LittleEndian.Uint64(src[s:])>>shift | uint64(src[s+8])<<(64-shift)
			binary.LittleEndian.PutUint64(dst[d:], w)
			d, s, srcOff = d+8, s+8, srcOff+64
		}
		for ; n >= 8; n -= 8 {
			dst[d] = loadBits(src, srcOff, 8)
			d, srcOff = d+1, srcOff+8
		}
	}
	if n > 0 {
		mask := byte(1<<n - 1)
		dst[d] = dst[d]&^mask | loadBits(src, srcOff, n)&mask
	}
}

// loadBits returns k ≤ 8 bits from bit off on; higher bits are not defined.
func loadBits(b []byte, off, k int) byte {
	v := b[off>>3] >> (off & 7)
	if s := off & 7; s+k > 8 {
		v |= b[off>>3+1] << (8 - s)
	}
	return v
}

// countBits returns how many of n bits from off on are set.
func countBits(b []byte, off, n int) (ones int) {
	for n > 0 && off&7 != 0 {
		if bit(b, off) {
			ones++
		}
		off, n = off+1, n-1
	}
	b = b[off>>3:]
	for ; n >= 64; n -= 64 {
		ones += bits.OnesCount64(binary.LittleEndian.Uint64(b))
		b = b[8:]
	}
	for ; n >= 8; n -= 8 {
		ones += bits.OnesCount8(b[0])
		b = b[1:]
	}
	if n > 0 {
		ones += bits.OnesCount8(b[0] & (1<<n - 1))
	}
	return ones
}
