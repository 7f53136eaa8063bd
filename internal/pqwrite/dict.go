package pqwrite

import (
	"encoding/binary"
	"math/bits"

	"github.com/parquet-go/parquet-go/format"
)

// maxProbes is how many slots a look-up may pass. At the load of at most one half
// that the tables keep, only values made to collide come near it: then the
// dictionary is given up, and adversarial input costs no more than other input.
const maxProbes = 128

// A dictionary numbers the distinct values of a column chunk in the order in
// which they appear.
type dictionary struct {
	width int      // bytes of a fixed-width value; 0: byte arrays
	limit int      // bytes that the dictionary page may take
	table []uint32 // number + 1, or 0; a power of two long
	n     int

	fixed   []byte // width > 0
	keys    []uint64
	data    []byte // width == 0
	offsets []int32
}

func newDictionary(c *column, limit int) *dictionary {
	d := &dictionary{width: c.width, limit: limit, table: make([]uint32, 1<<10)}
	if c.phys == format.ByteArray {
		d.offsets = append(d.offsets, 0)
	}
	return d
}

// bytes returns the size of the dictionary page before compression.
func (d *dictionary) bytes() int {
	if d.width == 0 {
		return len(d.data) + 4*d.n
	}
	return d.width * d.n
}

// add appends the numbers of p's values to dst. If the dictionary would outgrow
// its limit it returns false and is as before the call, but takes no more values.
func (d *dictionary) add(dst []int32, p *values) ([]int32, bool) {
	n, data := d.n, len(d.data)
	var ok bool
	switch d.width {
	case 0:
		dst, ok = d.addBytes(dst, p)
	case 4:
		dst, ok = addWords(d, dst, typed[uint32](p.fixed))
	case 8:
		dst, ok = addWords(d, dst, typed[uint64](p.fixed))
	default:
		dst, ok = d.addFixed(dst, p)
	}
	if !ok {
		d.n, d.data, d.table = n, d.data[:data], nil
		if d.width == 0 {
			d.offsets = d.offsets[:n+1]
		} else {
			d.fixed = d.fixed[:min(len(d.fixed), n*d.width)]
			d.keys = d.keys[:min(len(d.keys), n)]
		}
	}
	return dst, ok
}

// addWords numbers integers and floats, by their bits.
func addWords[T uint32 | uint64](d *dictionary, dst []int32, v []T) ([]int32, bool) {
	for _, x := range v {
		h := bits.RotateLeft64(uint64(x)*0x9e3779b97f4a7c15, 32)
		mask := uint64(len(d.table) - 1)
		for probe := 0; ; probe++ {
			slot := &d.table[(h+uint64(probe))&mask]
			if *slot == 0 {
				d.keys = append(d.keys, uint64(x))
				*slot = uint32(len(d.keys))
				d.n++
				dst = append(dst, int32(d.n-1))
				if d.n*d.width > d.limit {
					return dst, false
				}
				if 2*d.n > len(d.table) {
					d.rehash(func(i int) uint64 {
						return bits.RotateLeft64(d.keys[i]*0x9e3779b97f4a7c15, 32)
					})
				}
				break
			}
			if d.keys[*slot-1] == uint64(x) {
				dst = append(dst, int32(*slot-1))
				break
			}
			if probe == maxProbes {
				return dst, false
			}
		}
	}
	return dst, true
}

func (d *dictionary) addBytes(dst []int32, p *values) ([]int32, bool) {
	at := p.offsets[0]
	for _, end := range p.offsets[1 : p.n+1] {
		i, ok := d.find(p.data[at:end])
		if !ok {
			return dst, false
		}
		dst = append(dst, i)
		at = end
	}
	return dst, true
}

func (d *dictionary) addFixed(dst []int32, p *values) ([]int32, bool) {
	for b := p.fixed; len(b) >= d.width; b = b[d.width:] {
		i, ok := d.find(b[:d.width])
		if !ok {
			return dst, false
		}
		dst = append(dst, i)
	}
	return dst, true
}

// value returns value i of a dictionary of byte arrays or decimals.
func (d *dictionary) value(i int) []byte {
	if d.width == 0 {
		return d.data[d.offsets[i]:d.offsets[i+1]]
	}
	return d.fixed[i*d.width : (i+1)*d.width]
}

// find returns the number of x, a new one if need be.
func (d *dictionary) find(x []byte) (int32, bool) {
	h := hash(x)
	mask := uint64(len(d.table) - 1)
	for probe := range uint64(maxProbes) {
		slot := &d.table[(h+probe)&mask]
		if *slot != 0 {
			if string(d.value(int(*slot-1))) == string(x) {
				return int32(*slot - 1), true
			}
			continue
		}
		if d.bytes()+len(x)+4 > d.limit {
			return 0, false
		}
		d.n++
		*slot = uint32(d.n)
		if d.width == 0 {
			d.data = append(d.data, x...)
			d.offsets = append(d.offsets, int32(len(d.data)))
		} else {
			d.fixed = append(d.fixed, x...)
		}
		if 2*d.n > len(d.table) {
			d.rehash(func(i int) uint64 { return hash(d.value(i)) })
		}
		return int32(d.n - 1), true
	}
	return 0, false
}

// rehash doubles the table.
func (d *dictionary) rehash(hash func(i int) uint64) {
	d.table = make([]uint32, 2*len(d.table))
	mask := uint64(len(d.table) - 1)
	for i := range d.n {
		at := hash(i) & mask
		for d.table[at] != 0 {
			at = (at + 1) & mask
		}
		d.table[at] = uint32(i + 1)
	}
}

// hash mixes 16 bytes a step with one wide multiplication.
func hash(b []byte) uint64 {
	const k0, k1 = 0xa0761d6478bd642f, 0xe7037ed1a0b428db
	h := uint64(len(b)) ^ k0
	for len(b) > 16 {
		h = mix(binary.LittleEndian.Uint64(b)^k1, binary.LittleEndian.Uint64(b[8:])^h)
		b = b[16:]
	}
	var x, y uint64
	switch n := len(b); {
	case n >= 8:
		x, y = binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[n-8:])
	case n >= 4:
		x, y = uint64(binary.LittleEndian.Uint32(b)), uint64(binary.LittleEndian.Uint32(b[n-4:]))
	case n > 0:
		x, y = uint64(b[0])<<16|uint64(b[n/2])<<8|uint64(b[n-1]), 0
	}
	return mix(x^k1, y^h)
}

func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// Sampling: a column is encoded with a dictionary if the first page of the row
// group makes it worthwhile.
const (
	sampleSize = 2048
	sampleMin  = 64 // fewer values gain nothing worth a page of its own
)

// worthDictionary decides from p, a column's first page.
func (c *column) worthDictionary(p *values) bool {
	if c.phys == format.Boolean || c.opts.DictionaryBytes < 0 || p.n < sampleMin {
		return false
	}
	s := p.sample(c)
	d := newDictionary(c, c.opts.DictionaryBytes)
	if _, ok := d.add(nil, &s); !ok {
		return false
	}
	switch {
	case c.phys == format.ByteArray:
		return 2*d.n <= s.n
	case c.encoding() == format.DeltaBinaryPacked:
		// Deltas take fewer bits than values as it is: look at neighbours, which
		// the sample has not.
		return 8*d.n <= s.n && 4*bits.Len(uint(d.n)) <= 3*c.deltaBits(p)
	}
	return 4*d.n <= s.n
}

// sample returns sampleSize values from all over p.
func (p *values) sample(c *column) values {
	if p.n <= sampleSize {
		return *p
	}
	s := values{n: sampleSize}
	if c.phys == format.ByteArray {
		s.offsets = append(s.offsets, 0)
	}
	for i := range sampleSize {
		at := i * p.n / sampleSize
		if c.phys == format.ByteArray {
			s.data = append(s.data, p.data[p.offsets[at]:p.offsets[at+1]]...)
			s.offsets = append(s.offsets, int32(len(s.data)))
			continue
		}
		s.fixed = append(s.fixed, p.fixed[at*c.width:(at+1)*c.width]...)
	}
	return s
}

// deltaBits returns about how many bits a value takes as a delta: the range of
// the deltas in a block, on average over some blocks of p.
func (c *column) deltaBits(p *values) int {
	const block = 128
	total, blocks := 0, 0
	stride := max(block, p.n/8)
	for at := 0; at+block < p.n || blocks == 0; at += stride {
		n := min(block+1, p.n-at)
		if c.width == 4 {
			total += rangeBits(typed[int32](p.fixed)[at : at+n])
		} else {
			total += rangeBits(typed[int64](p.fixed)[at : at+n])
		}
		blocks++
	}
	return total / blocks
}

func rangeBits[T int32 | int64](v []T) int {
	if len(v) < 2 {
		return 0
	}
	lo, hi := int64(v[1])-int64(v[0]), int64(v[1])-int64(v[0])
	for i := 2; i < len(v); i++ {
		d := int64(v[i]) - int64(v[i-1])
		lo, hi = min(lo, d), max(hi, d)
	}
	return bits.Len64(uint64(hi - lo))
}
