package pqwrite

import (
	"bytes"
	"encoding/binary"
	"math"

	"github.com/parquet-go/parquet-go/format"

	"github.com/deltalog/deltalog/internal/vec"
)

// maxBound is how many bytes of a string are kept as a bound. It is more than
// any prefix that Delta's statistics keep.
const maxBound = 4096

// A bound is the smallest or largest value of a column; which field holds it
// follows from the column's type.
type bound struct {
	int   int64 // boolean, integer, date, timestamp, low word of a decimal
	high  int64 // high word of a decimal
	float float64
	bytes []byte
}

// bounds are the bounds of some of a column's values.
type bounds struct {
	ok       bool // there are bounds
	nan      bool // there is a NaN
	maxCut   bool // max.bytes is a prefix: less than the largest value
	min, max bound
}

// boundsOf finds the bounds of p. Byte bounds refer to p's memory until kept.
func (c *column) boundsOf(p *values) bounds {
	if p.n == 0 {
		return bounds{}
	}
	switch {
	case c.phys == format.Boolean:
		ones := vec.CountBits(p.fixed, 0, p.n)
		b := bounds{ok: true}
		if ones == p.n {
			b.min.int = 1
		}
		if ones > 0 {
			b.max.int = 1
		}
		return b
	case c.phys == format.ByteArray:
		return bytesBounds(p)
	case c.phys == format.FixedLenByteArray:
		return decimalBounds(p.fixed, c.width)
	case c.phys == format.Float:
		return floatBounds(typed[float32](p.fixed))
	case c.phys == format.Double:
		return floatBounds(typed[float64](p.fixed))
	case c.width == 4:
		lo, hi := minMax(typed[int32](p.fixed))
		return intBounds(int64(lo), int64(hi), c.kind)
	}
	lo, hi := minMax(typed[int64](p.fixed))
	return intBounds(lo, hi, c.kind)
}

func intBounds(lo, hi int64, k vec.Kind) bounds {
	b := bounds{ok: true, min: bound{int: lo}, max: bound{int: hi}}
	if k == vec.Decimal128 {
		b.min.high, b.max.high = lo>>63, hi>>63
	}
	return b
}

// minMax runs four lanes, as one comparison waits for the one before it.
func minMax[T int32 | int64](v []T) (lo, hi T) {
	lo = v[0]
	l0, l1, l2, l3 := lo, lo, lo, lo
	h0, h1, h2, h3 := lo, lo, lo, lo
	for len(v) >= 4 {
		a, b, c, d := v[0], v[1], v[2], v[3]
		l0, l1, l2, l3 = min(l0, a), min(l1, b), min(l2, c), min(l3, d)
		h0, h1, h2, h3 = max(h0, a), max(h1, b), max(h2, c), max(h3, d)
		v = v[4:]
	}
	lo, hi = min(l0, l1, l2, l3), max(h0, h1, h2, h3)
	for _, x := range v {
		lo, hi = min(lo, x), max(hi, x)
	}
	return lo, hi
}

// floatBounds leaves NaNs out, and widens a bound of zero to the zero of the
// sign that holds for both (Parquet, ColumnOrder): min -0.0, max +0.0.
func floatBounds[T float32 | float64](v []T) bounds {
	lo, hi := T(math.Inf(1)), T(math.Inf(-1))
	nans := 0
	for _, x := range v {
		if x < lo {
			lo = x
		}
		if x > hi {
			hi = x
		}
		if x != x {
			nans++
		}
	}
	b := bounds{ok: nans < len(v), nan: nans > 0}
	if !b.ok {
		return b
	}
	// A column of infinities alone never passes x < +Inf, and needs not.
	b.min.float, b.max.float = float64(lo), float64(hi)
	if lo == 0 {
		b.min.float = math.Copysign(0, -1)
	}
	if hi == 0 {
		b.max.float = 0
	}
	return b
}

// bytesBounds compares the first 8 bytes of values as numbers, and all of them
// only where those are equal.
func bytesBounds(p *values) bounds {
	lo := p.data[p.offsets[0]:p.offsets[1]]
	hi := lo
	loKey := key(p.data, p.offsets[0], p.offsets[1])
	hiKey := loKey
	at := p.offsets[1]
	for _, end := range p.offsets[2 : p.n+1] {
		var k uint64
		if end-at >= 8 { // as in key, but inlined
			k = binary.BigEndian.Uint64(p.data[at : at+8 : at+8])
		} else {
			k = key(p.data, at, end)
		}
		// Most values are strictly between the bounds.
		if k-loKey-1 < hiKey-loKey-1 && loKey < hiKey {
			at = end
			continue
		}
		x := p.data[at:end]
		if k < loKey || k == loKey && bytes.Compare(x, lo) < 0 {
			lo, loKey = x, k
		}
		if k > hiKey || k == hiKey && bytes.Compare(x, hi) > 0 {
			hi, hiKey = x, k
		}
		at = end
	}
	return bounds{ok: true, min: bound{bytes: lo}, max: bound{bytes: hi}}
}

// key returns the first 8 bytes of data[from:to] as a number that orders as they
// do, as far as it can: a shorter value equals one that goes on with zeros.
func key(data []byte, from, to int32) uint64 {
	if int(from)+8 <= len(data) {
		k := binary.BigEndian.Uint64(data[from:])
		if n := to - from; n < 8 {
			k &= ^uint64(0) << (64 - 8*uint(n))
		}
		return k
	}
	var k uint64
	for i, x := range data[from:to] {
		k |= uint64(x) << (56 - 8*i) // fewer than 8 bytes are left
	}
	return k
}

// decimalBounds compares big-endian two's complement values of one width: as
// bytes, once the sign bit is turned over.
func decimalBounds(b []byte, width int) bounds {
	less := func(x, y []byte) bool {
		if x[0] != y[0] {
			return int8(x[0]) < int8(y[0])
		}
		return bytes.Compare(x, y) < 0
	}
	lo, hi := b[:width], b[:width]
	for b = b[width:]; len(b) >= width; b = b[width:] {
		x := b[:width]
		if less(x, lo) {
			lo = x
		} else if less(hi, x) {
			hi = x
		}
	}
	return bounds{ok: true, min: decimalBound(lo), max: decimalBound(hi)}
}

func decimalBound(b []byte) bound {
	var be [16]byte
	if int8(b[0]) < 0 {
		for i := range be {
			be[i] = 0xff
		}
	}
	copy(be[16-len(b):], b)
	return bound{high: int64(binary.BigEndian.Uint64(be[:])), int: int64(binary.BigEndian.Uint64(be[8:]))}
}

// keep makes byte bounds the owner's own, cut to maxBound and, if they are text,
// between runes. They are not nil: an
// empty string is a bound, too.
func (b *bounds) keep(text bool) {
	own := func(v []byte) []byte { return append([]byte{}, cutBytes(v, maxBound, text)...) }
	b.maxCut = len(b.max.bytes) > maxBound
	b.min.bytes, b.max.bytes = own(b.min.bytes), own(b.max.bytes) // a prefix is a lower bound as well
}

// merge widens b by o.
func (b *bounds) merge(o *bounds, c *column) {
	nan := b.nan || o.nan
	switch {
	case !o.ok:
	case !b.ok:
		*b = *o
	default:
		if c.compare(o.min, b.min) < 0 {
			b.min = o.min
		}
		// Of two equal prefixes the cut one stands for the larger value.
		if d := c.compare(o.max, b.max); d > 0 || d == 0 && o.maxCut {
			b.max, b.maxCut = o.max, o.maxCut
		}
	}
	b.nan = nan
}

// compare orders two bounds of c's type.
func (c *column) compare(a, b bound) int {
	switch {
	case c.phys == format.ByteArray:
		return bytes.Compare(a.bytes, b.bytes)
	case c.phys == format.Float || c.phys == format.Double:
		return compareOf(a.float, b.float)
	case a.high != b.high:
		return compareOf(a.high, b.high)
	case c.kind == vec.Decimal128:
		return compareOf(uint64(a.int), uint64(b.int))
	}
	return compareOf(a.int, b.int)
}

func compareOf[T int64 | uint64 | float64](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// plain returns a bound as Parquet's statistics spell it.
func (c *column) plain(b bound) []byte {
	switch c.phys {
	case format.Boolean:
		return []byte{byte(b.int)}
	case format.Int32:
		return binary.LittleEndian.AppendUint32(nil, uint32(b.int))
	case format.Int64:
		return binary.LittleEndian.AppendUint64(nil, uint64(b.int))
	case format.Float:
		return binary.LittleEndian.AppendUint32(nil, math.Float32bits(float32(b.float)))
	case format.Double:
		return binary.LittleEndian.AppendUint64(nil, math.Float64bits(b.float))
	case format.FixedLenByteArray:
		var be [16]byte
		binary.BigEndian.PutUint64(be[:], uint64(b.high))
		binary.BigEndian.PutUint64(be[8:], uint64(b.int))
		return be[16-c.width:]
	}
	return b.bytes
}
