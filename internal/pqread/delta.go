package pqread

import (
	"encoding/binary"

	"github.com/parquet-go/bitpack"
)

// maxDeltaBlock bounds the values a delta block is said to hold. Writers use
// 128; the specification sets no limit.
const maxDeltaBlock = 1 << 16

// A deltaReader reads DELTA_BINARY_PACKED, as many values at a time as the
// caller wants. INT32 values are computed with T = int32, so that they wrap at
// 32 bits as the specification demands.
type deltaReader[T int32 | int64] struct {
	src     []byte // capacity reaches padding bytes further
	perMini int
	minis   int
	left    int // values not yet given, those in buf included
	fresh   bool
	last    T

	minDelta T
	widths   []byte // of the block's mini-blocks not yet entered

	buf []T // values decoded but not given
	mem []T
}

// init reads the header. The reader's memory is kept from page to page.
func (r *deltaReader[T]) init(src []byte) error {
	mem := r.mem
	*r = deltaReader[T]{src: src, fresh: true, mem: mem}
	c := cursor{b: src}
	block, minis, total := c.uvarint(), c.uvarint(), c.uvarint()
	first := c.i64()
	if c.err != nil {
		return c.err
	}
	if block == 0 || block > maxDeltaBlock || minis == 0 || minis > block || block%minis != 0 || block/minis%8 != 0 {
		return corruptf("delta blocks of %d values in %d mini-blocks", block, minis)
	}
	if total > 1<<31-1 {
		return corruptf("delta encoding states %d values", total)
	}
	r.src = src[c.i:]
	r.perMini, r.minis, r.left, r.last = int(block/minis), int(minis), int(total), T(first)
	if cap(r.mem) < r.perMini {
		r.mem = make([]T, r.perMini)
	}
	return nil
}

// block enters the next block.
func (r *deltaReader[T]) block() error {
	c := cursor{b: r.src}
	r.minDelta = T(c.i64())
	if c.err != nil {
		return c.err
	}
	if r.minis > len(r.src)-c.i {
		return errShort
	}
	r.widths = r.src[c.i : c.i+r.minis]
	r.src = r.src[c.i+r.minis:]
	return nil
}

// mini finds the next mini-block: its packed bytes and width. n is how many of
// its values are wanted at least.
func (r *deltaReader[T]) mini(n int) (packed []byte, width uint, err error) {
	if len(r.widths) == 0 {
		if err := r.block(); err != nil {
			return nil, 0, err
		}
	}
	width = uint(r.widths[0])
	r.widths = r.widths[1:]
	var z T
	limit := uint(64)
	if _, ok := any(z).(int32); ok {
		limit = 32
	}
	if width > limit {
		return nil, 0, corruptf("delta bit width %d exceeds %d", width, limit)
	}
	if (n*int(width)+7)/8 > len(r.src) {
		return nil, 0, errShort
	}
	packed = r.src[:cap(r.src)]
	r.src = r.src[min(len(r.src), r.perMini*int(width)/8):]
	return packed, width, nil
}

// read reads len(dst) values.
func (r *deltaReader[T]) read(dst []T) error {
	if len(dst) > r.left {
		return corruptf("%d values are missing: %w", len(dst)-r.left, errShort)
	}
	r.left -= len(dst)
	if r.fresh && len(dst) > 0 {
		r.fresh = false
		dst[0] = r.last
		dst = dst[1:]
	}
	n := copy(dst, r.buf)
	r.buf, dst = r.buf[n:], dst[n:]
	for len(dst) > 0 {
		rest := r.left + len(dst) // values that are still in src
		n := min(r.perMini, rest)
		packed, width, err := r.mini(n)
		if err != nil {
			return err
		}
		if n <= len(dst) {
			r.expand(dst[:n], packed, width)
			dst = dst[n:]
			continue
		}
		r.buf = r.mem[:n]
		r.expand(r.buf, packed, width)
		n = copy(dst, r.buf)
		r.buf, dst = r.buf[n:], dst[n:]
	}
	return nil
}

// expand unpacks deltas and sums them up.
func (r *deltaReader[T]) expand(dst []T, packed []byte, width uint) {
	last, minDelta := r.last, r.minDelta
	if width == 0 {
		for i := range dst {
			last += minDelta
			dst[i] = last
		}
		r.last = last
		return
	}
	bitpack.Unpack(dst, packed, width)
	for i, d := range dst {
		last += d + minDelta
		dst[i] = last
	}
	r.last = last
}

// skip passes over n values. Deltas add up, so they have to be decoded.
func (r *deltaReader[T]) skip(n int) error {
	var scratch [256]T
	for n > 0 {
		k := min(n, len(scratch))
		if err := r.read(scratch[:k]); err != nil {
			return err
		}
		n -= k
	}
	return nil
}

// rest returns the bytes that follow the encoding, without decoding it.
func (r deltaReader[T]) rest() ([]byte, error) {
	for n := r.left - 1; n > 0; n -= r.perMini {
		if _, _, err := r.mini(min(n, r.perMini)); err != nil {
			return nil, err
		}
	}
	return r.src, nil
}

// A lengthReader reads DELTA_LENGTH_BYTE_ARRAY: lengths, then all bytes.
type lengthReader struct {
	lengths deltaReader[int32]
	data    []byte
	block   [512]int32
}

func (r *lengthReader) init(src []byte) (err error) {
	if err := r.lengths.init(src); err != nil {
		return err
	}
	r.data, err = r.lengths.rest()
	return err
}

// next reads the lengths of up to n values, and returns them with the bytes.
func (r *lengthReader) next(n int) (lengths []int32, data []byte, err error) {
	lengths = r.block[:min(n, len(r.block))]
	if err := r.lengths.read(lengths); err != nil {
		return nil, nil, err
	}
	sum := int64(0)
	for _, l := range lengths {
		if l < 0 {
			return nil, nil, corruptf("a value has length %d", l)
		}
		sum += int64(l)
	}
	if sum > int64(len(r.data)) {
		return nil, nil, errShort
	}
	data, r.data = r.data[:sum], r.data[sum:]
	return lengths, data, nil
}

// A prefixReader reads DELTA_BYTE_ARRAY: each value is a prefix of the one
// before it, and a suffix.
type prefixReader struct {
	prefixes deltaReader[int32]
	suffixes lengthReader
	last     []byte // the value given last, own memory
	block    [512]int32
}

func (r *prefixReader) init(src []byte) error {
	r.last = r.last[:0]
	if err := r.prefixes.init(src); err != nil {
		return err
	}
	rest, err := r.prefixes.rest()
	if err != nil {
		return err
	}
	return r.suffixes.init(rest)
}

// next reads up to n values and hands each to add, in order. What add gets is
// only good during the call.
func (r *prefixReader) next(n int, add func(value []byte) error) (done int, err error) {
	suffixes, data, err := r.suffixes.next(min(n, len(r.block)))
	if err != nil {
		return 0, err
	}
	prefixes := r.block[:len(suffixes)]
	if err := r.prefixes.read(prefixes); err != nil {
		return 0, err
	}
	for i, p := range prefixes {
		if p < 0 || int(p) > len(r.last) {
			return 0, corruptf("a value shares %d bytes with one of %d", p, len(r.last))
		}
		r.last = append(r.last[:p], data[:suffixes[i]]...)
		data = data[suffixes[i]:]
		if err := add(r.last); err != nil {
			return 0, err
		}
	}
	return len(prefixes), nil
}

// byteStreamSplit gathers n values of width bytes from streams: byte k of every
// value is in stream k, and each stream is total bytes long.
func byteStreamSplit(dst []byte, src []byte, width, total, from, n int) {
	switch width {
	case 4:
		s0, s1 := src[from:from+n], src[total+from:total+from+n]
		s2, s3 := src[2*total+from:2*total+from+n], src[3*total+from:3*total+from+n]
		for i := range s0 {
			binary.LittleEndian.PutUint32(dst[4*i:], uint32(s0[i])|uint32(s1[i])<<8|uint32(s2[i])<<16|uint32(s3[i])<<24)
		}
	default:
		for k := range width {
			s := src[k*total+from : k*total+from+n]
			for i, b := range s {
				dst[i*width+k] = b
			}
		}
	}
}
