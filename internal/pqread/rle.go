package pqread

import (
	"encoding/binary"
	"math"

	"github.com/parquet-go/bitpack"
)

// padding is how many readable bytes follow the last byte of every page:
// unpacking reads words past the values it wants.
const padding = 64

// A hybrid reads the RLE/bit-packing hybrid of the specification's "Run Length
// Encoding / Bit-Packing Hybrid": levels, dictionary indexes, booleans.
//
// It reads as many values at a time as the caller wants, so that neither
// levels nor indexes of a page are ever held whole.
type hybrid struct {
	src   []byte // runs not yet entered; capacity reaches padding bytes further
	width uint

	left   int // values left in the current run
	packed bool
	value  uint32 // of an RLE run
	run    []byte // of a bit-packed run, with all the capacity behind it
	pos    int    // values of the packed run consumed
}

func newHybrid(src []byte, width uint) hybrid { return hybrid{src: src, width: width} }

// fill enters the next run.
func (h *hybrid) fill() error {
	for h.left == 0 {
		u, n := binary.Uvarint(h.src)
		if n <= 0 {
			return errShort
		}
		h.src = h.src[n:]
		if u>>1 > math.MaxInt32 {
			return corruptf("a run states %d values", u>>1)
		}
		count := int(u >> 1)
		if h.packed = u&1 != 0; h.packed {
			if err := h.enterPacked(count); err != nil {
				return err
			}
			continue
		}
		size := int(h.width+7) / 8
		if size > len(h.src) {
			return errShort
		}
		h.value = 0
		for i := size - 1; i >= 0; i-- {
			h.value = h.value<<8 | uint32(h.src[i])
		}
		if h.width < 32 && h.value>>h.width != 0 {
			return corruptf("run value %d has more than %d bits", h.value, h.width)
		}
		h.src = h.src[size:]
		h.left = count
	}
	return nil
}

// enterPacked begins a run of groups of 8 values. Some writers cut the last
// group's unused bytes off: the run then has the values that are there.
func (h *hybrid) enterPacked(groups int) error {
	h.run, h.pos = h.src[:cap(h.src)], 0
	size, left := int64(groups)*int64(h.width), 8*int64(groups)
	if size > int64(len(h.src)) {
		size = int64(len(h.src))
		left = size * 8 / int64(h.width)
		if left == 0 && groups > 0 {
			return errShort
		}
	}
	h.left = int(min(left, math.MaxInt32)) // a page has no more values
	h.src = h.src[size:]
	return nil
}

// uints reads len(dst) values.
func (h *hybrid) uints(dst []int32) error {
	for len(dst) > 0 {
		if h.left == 0 {
			if err := h.fill(); err != nil {
				return err
			}
		}
		n := min(h.left, len(dst))
		if !h.packed {
			v := int32(h.value)
			for i := range dst[:n] {
				dst[i] = v
			}
		} else {
			h.unpack(dst[:n])
		}
		h.left -= n
		dst = dst[n:]
	}
	return nil
}

func (h *hybrid) unpack(dst []int32) {
	for len(dst) > 0 && h.pos&7 != 0 {
		dst[0] = int32(h.at(h.pos))
		h.pos++
		dst = dst[1:]
	}
	if len(dst) == 0 {
		return
	}
	if h.width == 0 {
		clear(dst)
	} else {
		bitpack.Unpack(dst, h.run[h.pos>>3*int(h.width):], h.width)
	}
	h.pos += len(dst)
}

// at returns value i of the packed run.
func (h *hybrid) at(i int) uint32 {
	off := uint64(i) * uint64(h.width)
	w := binary.LittleEndian.Uint64(h.run[off>>3:])
	return uint32(w >> (off & 7) & (1<<h.width - 1))
}

// bytes reads len(dst) values of at most 8 bits.
func (h *hybrid) bytes(dst []uint8) error {
	for len(dst) > 0 {
		if h.left == 0 {
			if err := h.fill(); err != nil {
				return err
			}
		}
		n := min(h.left, len(dst))
		if !h.packed {
			v := uint8(h.value)
			for i := range dst[:n] {
				dst[i] = v
			}
		} else {
			h.unpackBytes(dst[:n])
		}
		h.left -= n
		dst = dst[n:]
	}
	return nil
}

func (h *hybrid) unpackBytes(dst []uint8) {
	for len(dst) > 0 && h.pos&7 != 0 {
		dst[0] = uint8(h.at(h.pos))
		h.pos++
		dst = dst[1:]
	}
	width, mask := h.width, uint64(1)<<h.width-1
	src := h.run[h.pos>>3*int(width):]
	h.pos += len(dst)
	for ; len(dst) >= 8; dst = dst[8:] {
		w := binary.LittleEndian.Uint64(src)
		d := dst[:8:8]
		for i := range d {
			d[i] = uint8(w & mask)
			w >>= width
		}
		src = src[width:]
	}
	if len(dst) > 0 {
		w := binary.LittleEndian.Uint64(src)
		for i := range dst {
			dst[i] = uint8(w & mask)
			w >>= width
		}
	}
}

// bits reads n values of width 1 into dst from bit off on.
func (h *hybrid) bits(dst []byte, off, n int) error {
	for n > 0 {
		if h.left == 0 {
			if err := h.fill(); err != nil {
				return err
			}
		}
		k := min(h.left, n)
		if h.packed {
			copyBits(dst, off, h.run, h.pos, k)
			h.pos += k
		} else {
			setBits(dst, off, k, h.value != 0)
		}
		h.left -= k
		off, n = off+k, n-k
	}
	return nil
}

// constant reports whether the next n values are one RLE run, and of what.
func (h *hybrid) constant(n int) (value uint32, ok bool, err error) {
	if h.left == 0 {
		if err := h.fill(); err != nil {
			return 0, false, err
		}
	}
	return h.value, !h.packed && h.left >= n, nil
}

// skip passes over n values and returns how many equal v.
func (h *hybrid) skip(n int, v uint32) (equal int, err error) {
	for n > 0 {
		if h.left == 0 {
			if err := h.fill(); err != nil {
				return 0, err
			}
		}
		k := min(h.left, n)
		switch {
		case !h.packed:
			if h.value == v {
				equal += k
			}
		case h.width == 1:
			ones := countBits(h.run, h.pos, k)
			if v == 0 {
				ones = k - ones
			}
			equal += ones
			h.pos += k
		default:
			for i := range k {
				if h.at(h.pos+i) == v {
					equal++
				}
			}
			h.pos += k
		}
		h.left -= k
		n -= k
	}
	return equal, nil
}

// drop passes over n values.
func (h *hybrid) drop(n int) error {
	for n > 0 {
		if h.left == 0 {
			if err := h.fill(); err != nil {
				return err
			}
		}
		k := min(h.left, n)
		h.left -= k
		h.pos += k
		n -= k
	}
	return nil
}

// fromBitPacked reads n levels of the deprecated BIT_PACKED encoding, which
// packs from the most significant bit, by turning them around into one run.
func fromBitPacked(src []byte, width uint, n int) (hybrid, error) {
	end := int64(n) * int64(width)
	size := (end + 7) / 8
	if size > int64(len(src)) {
		return hybrid{}, errShort
	}
	run := make([]byte, size+padding)
	for i := range end {
		// Bit k of a level, counted from its most significant, is bit
		// width-1-k of it in the run.
		if src[i>>3]>>(7-i&7)&1 != 0 {
			to := i - i%int64(width) + int64(width) - 1 - i%int64(width)
			run[to>>3] |= 1 << (to & 7)
		}
	}
	return hybrid{width: width, packed: true, left: n, run: run}, nil
}
