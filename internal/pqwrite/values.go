package pqwrite

import (
	"encoding/binary"
	"slices"
	"sync"
	"unsafe"

	"github.com/parquet-go/parquet-go/format"

	"github.com/deltalog/deltalog/internal/vec"
)

// values are entries of one column in Parquet's terms: levels, and the values
// that are not null, dense and in the physical type. It holds at most a page.
type values struct {
	rows    int
	entries int
	n       int // values; entries - n are null or empty

	// Levels. A column of one optional level keeps its validity as a bitmap, from
	// the first null on; a nested one keeps a byte for each entry.
	valid    []byte
	rep, def []byte

	// Values. fixed holds n values of the column's width, or n bits; strings have
	// offsets into data. They are views, of the caller's memory or of the buffers.
	fixed   []byte
	offsets []int32 // n+1, not always from 0
	data    []byte

	fixedBuf   []byte
	offsetsBuf []int32
	dataBuf    []byte
}

// valuesPool holds empty values for pages that fill up over several batches.
var valuesPool = sync.Pool{New: func() any { return &values{} }}

// recycle gives p to the next page that wants one, unless a huge row made it large.
func (p *values) recycle() {
	p.reset()
	if p.bytes() < 2<<20 {
		valuesPool.Put(p)
	}
}

func (p *values) reset() {
	p.rows, p.entries, p.n = 0, 0, 0
	p.valid, p.rep, p.def = p.valid[:0], p.rep[:0], p.def[:0]
	p.fixedBuf, p.offsetsBuf, p.dataBuf = p.fixedBuf[:0], p.offsetsBuf[:0], p.dataBuf[:0]
	p.fixed, p.offsets, p.data = nil, nil, nil
}

// bytes returns the memory that the values take.
func (p *values) bytes() int {
	return cap(p.fixedBuf) + 4*cap(p.offsetsBuf) + cap(p.dataBuf) + cap(p.valid) + cap(p.rep) + cap(p.def)
}

// nulls is the null count of Parquet's statistics: entries without a value.
func (p *values) nulls() int { return p.entries - p.n }

// add appends n rows of column c. If alias is set, p is empty and may refer to
// the caller's memory until it is encoded.
func (p *values) add(c *column, s *shredder, cols []*vec.Vec, from, n int, alias bool) {
	v := s.walk(c.steps, cols, from, n)
	p.addLevels(c, s, v, from)
	switch c.phys {
	case format.Boolean:
		p.addBits(v, s.runs)
	case format.ByteArray:
		p.addBytes(v, s.runs, alias)
	default:
		p.addFixed(c, v, s.runs, alias)
	}
	p.rows += n
	p.entries += s.entries
	p.n += s.alive
}

func (p *values) addLevels(c *column, s *shredder, v *vec.Vec, from int) {
	switch {
	case c.maxDef == 0:
	case c.flat():
		if s.alive == s.entries && p.nulls() == 0 {
			return
		}
		had := p.entries
		if p.nulls() == 0 {
			p.valid = grow(p.valid, vec.BitmapLen(had))
			vec.SetBits(p.valid, 0, had)
		}
		p.valid = grow(p.valid, vec.BitmapLen(had+s.entries))
		switch {
		case v.Kind == vec.Null:
		case v.Valid == nil:
			vec.SetBits(p.valid, had, s.entries)
		default:
			vec.CopyBits(p.valid, had, v.Valid, v.Off+from, s.entries)
		}
	default:
		if s.full {
			p.def = appendN(p.def, byte(c.maxDef), s.entries)
		} else {
			p.def = append(p.def, s.def[:s.entries]...)
		}
		if s.repeated {
			p.rep = append(p.rep, s.rep...)
		} else if c.maxRep > 0 {
			p.rep = appendN(p.rep, 0, s.entries)
		}
	}
}

// grow extends b with zeros to length n.
func grow(b []byte, n int) []byte {
	had := len(b)
	if n <= had {
		return b
	}
	b = slices.Grow(b, n-had)[:n]
	clear(b[had:])
	return b
}

func appendN(b []byte, x byte, n int) []byte {
	had := len(b)
	b = slices.Grow(b, n)[:had+n]
	for i := had; i < len(b); i++ {
		b[i] = x
	}
	return b
}

func (p *values) addBits(v *vec.Vec, runs []run) {
	at := p.n
	for _, r := range runs {
		p.fixedBuf = grow(p.fixedBuf, vec.BitmapLen(at+r.n))
		vec.CopyBits(p.fixedBuf, at, v.Data, v.Off+r.from, r.n)
		at += r.n
	}
	p.fixed = p.fixedBuf
}

func (p *values) addBytes(v *vec.Vec, runs []run, alias bool) {
	if alias && len(runs) == 1 {
		r := runs[0]
		p.offsets = v.Offsets[v.Off+r.from : v.Off+r.from+r.n+1]
		p.data = v.Data
		return
	}
	if len(p.offsetsBuf) == 0 {
		p.offsetsBuf = append(p.offsetsBuf, 0)
	}
	for _, r := range runs {
		offsets := v.Offsets[v.Off+r.from : v.Off+r.from+r.n+1]
		shift := int32(len(p.dataBuf)) - offsets[0]
		p.dataBuf = append(p.dataBuf, v.Data[offsets[0]:offsets[r.n]]...)
		if r.n == 1 {
			p.offsetsBuf = append(p.offsetsBuf, offsets[1]+shift)
			continue
		}
		had := len(p.offsetsBuf)
		p.offsetsBuf = slices.Grow(p.offsetsBuf, r.n)[:had+r.n]
		dst := p.offsetsBuf[had:]
		for i, o := range offsets[1:] {
			dst[i] = o + shift
		}
	}
	p.offsets, p.data = p.offsetsBuf, p.dataBuf
}

func (p *values) addFixed(c *column, v *vec.Vec, runs []run, alias bool) {
	if c.kind.Width() == c.width && c.kind != vec.Decimal128 {
		if alias && len(runs) == 1 {
			r := runs[0]
			p.fixed = v.Data[(v.Off+r.from)*c.width : (v.Off+r.from+r.n)*c.width]
			return
		}
		p.fixedBuf = appendRuns(p.fixedBuf, v, runs, c.width)
		p.fixed = p.fixedBuf
		return
	}
	total := 0
	for _, r := range runs {
		total += r.n
	}
	had := len(p.fixedBuf)
	p.fixedBuf = slices.Grow(p.fixedBuf, total*c.width)[:had+total*c.width]
	dst := p.fixedBuf[had:]
	for _, r := range runs {
		w := vec.Vec{Kind: v.Kind, Len: r.n, Off: v.Off + r.from, Data: v.Data}
		switch {
		case c.kind == vec.Int8:
			widen[int8](dst, &w)
		case c.kind == vec.Int16:
			widen[int16](dst, &w)
		case c.phys == format.Int32:
			for i, d := range vec.Values[[16]byte](&w) {
				copy(dst[4*i:4*i+4], d[:4])
			}
		case c.phys == format.Int64:
			for i, d := range vec.Values[[16]byte](&w) {
				copy(dst[8*i:8*i+8], d[:8])
			}
		default:
			putDecimals(dst, &w, c.width)
		}
		dst = dst[r.n*c.width:]
	}
	p.fixed = p.fixedBuf
}

// appendRuns appends v's values at the positions of runs.
func appendRuns(dst []byte, v *vec.Vec, runs []run, width int) []byte {
	for _, r := range runs {
		at := (v.Off + r.from) * width
		switch { // short runs are many: spare them the call that append makes
		case r.n == 1 && width == 8:
			dst = binary.LittleEndian.AppendUint64(dst, binary.LittleEndian.Uint64(v.Data[at:]))
		case r.n == 1 && width == 4:
			dst = binary.LittleEndian.AppendUint32(dst, binary.LittleEndian.Uint32(v.Data[at:]))
		default:
			dst = append(dst, v.Data[at:at+r.n*width]...)
		}
	}
	return dst
}

func widen[T int8 | int16](dst []byte, v *vec.Vec) {
	for i, x := range vec.Values[T](v) {
		binary.LittleEndian.PutUint32(dst[4*i:], uint32(int32(x)))
	}
}

// putDecimals writes decimals as big-endian two's complement of width bytes.
func putDecimals(dst []byte, v *vec.Vec, width int) {
	for i, d := range vec.Values[[16]byte](v) {
		var be [16]byte
		binary.BigEndian.PutUint64(be[:], binary.LittleEndian.Uint64(d[8:]))
		binary.BigEndian.PutUint64(be[8:], binary.LittleEndian.Uint64(d[:]))
		copy(dst[i*width:(i+1)*width], be[16-width:])
	}
}

// typed views dense values as a slice of T.
func typed[T vec.Fixed](b []byte) []T {
	var z T
	if len(b) == 0 {
		return nil
	}
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/int(unsafe.Sizeof(z)))
}

// span returns how many rows of c from row from on, at most limit and at least
// one, hold no more than budget bytes. A row's size is that of its values as they
// lie in memory, nulls included: it is known without looking at them.
func span(c *column, cols []*vec.Vec, from, limit int, budget int64) int {
	if extent(c, cols, from, limit) <= budget {
		return limit
	}
	lo, hi := 1, limit // lo rows fit or are one; hi rows do not fit
	for lo+1 < hi {
		mid := lo + (hi-lo)/2
		if extent(c, cols, from, mid) <= budget {
			lo = mid
		} else {
			hi = mid
		}
	}
	return lo
}

// extent returns about how many bytes n rows of c from row from on have.
func extent(c *column, cols []*vec.Vec, from, n int) int64 {
	v, from, n, levels := c.reach(cols, from, n)
	switch {
	case v == nil || n == 0:
		return levels
	case c.phys == format.ByteArray:
		return levels + 4*int64(n) + int64(v.Offsets[v.Off+from+n]-v.Offsets[v.Off+from])
	case c.phys == format.Boolean:
		return levels + int64(n)
	}
	return levels + int64(n)*int64(c.width)
}

// reach returns c's Vec and the positions [at, at+m) of it that n rows from row
// from on reach, those under nulls included, and how many list entries are on the
// way. The Vec is nil if all is null.
func (c *column) reach(cols []*vec.Vec, from, n int) (v *vec.Vec, at, m int, levels int64) {
	v = cols[c.steps[0].index]
	for k := 0; v.Kind != vec.Null; k++ {
		if k == len(c.steps)-1 {
			return v, from, n, levels
		}
		next := v.Children[c.steps[k+1].index]
		if c.steps[k].node.kind == vec.Struct {
			from += v.Off
		} else if n > 0 {
			a, b := int(v.Offsets[v.Off+from]), int(v.Offsets[v.Off+from+n])
			levels += int64(n)
			from, n = a, b-a
		}
		v = next
	}
	return nil, 0, 0, levels
}
