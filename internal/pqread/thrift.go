package pqread

import (
	"encoding/binary"
	"math"
)

// A cursor reads the Thrift compact protocol from bytes in memory.
//
// It allocates nothing: strings and binaries are sub-slices. The first fault
// sticks in err and every later read returns zero, so that structures are read
// without a check per field and the caller looks at err once.
type cursor struct {
	b   []byte
	i   int
	err error
}

// Compact protocol type codes.
const (
	tStop   = 0
	tTrue   = 1
	tFalse  = 2
	tByte   = 3
	tI16    = 4
	tI32    = 5
	tI64    = 6
	tDouble = 7
	tBinary = 8
	tList   = 9
	tSet    = 10
	tMap    = 11
	tStruct = 12
)

// maxThriftDepth bounds the nesting of structures that are skipped.
const maxThriftDepth = 32

func (c *cursor) fail(err error) {
	if c.err == nil {
		c.err = err
	}
	c.i = len(c.b)
}

func (c *cursor) u8() byte {
	if c.i >= len(c.b) {
		c.fail(errShort)
		return 0
	}
	c.i++
	return c.b[c.i-1]
}

func (c *cursor) uvarint() uint64 {
	u, n := binary.Uvarint(c.b[c.i:])
	if n <= 0 {
		if n == 0 {
			c.fail(errShort)
		} else {
			c.fail(corruptf("a number has more than 64 bits"))
		}
		return 0
	}
	c.i += n
	return u
}

func (c *cursor) i64() int64 {
	u := c.uvarint()
	return int64(u>>1) ^ -int64(u&1)
}

func (c *cursor) i32() int32 {
	v := c.i64()
	if v < math.MinInt32 || v > math.MaxInt32 {
		c.fail(corruptf("number %d does not fit 32 bits", v))
		return 0
	}
	return int32(v)
}

func (c *cursor) binary() []byte {
	n := c.uvarint()
	if n > uint64(len(c.b)-c.i) {
		c.fail(errShort)
		return nil
	}
	c.i += int(n)
	return c.b[c.i-int(n) : c.i : c.i]
}

// A fieldIter walks the fields of one structure.
type fieldIter struct {
	last int16
	id   int16
	typ  byte
}

// next moves to the following field and reports whether there is one.
func (f *fieldIter) next(c *cursor) bool {
	h := c.u8()
	if c.err != nil || h&15 == tStop {
		return false
	}
	f.typ = h & 15
	if d := int16(h >> 4); d != 0 {
		f.id = f.last + d
	} else {
		f.id = int16(c.i64())
	}
	f.last = f.id
	return true
}

// is reports whether the field has the id and type; a boolean field may have
// either of the two boolean types.
func (f *fieldIter) is(id int16, typ byte) bool {
	return f.id == id && (f.typ == typ || typ == tTrue && f.typ == tFalse)
}

// list reads a list header of the element type and returns the count, which is
// at most the number of bytes left: every element takes one or more.
func (c *cursor) list(elem byte) int {
	typ, n := c.anyList()
	if n > 0 && typ != elem && !(elem == tTrue && typ == tFalse) {
		c.fail(corruptf("list of Thrift type %d where %d is expected", typ, elem))
		return 0
	}
	return n
}

func (c *cursor) anyList() (typ byte, n int) {
	h := c.u8()
	size := uint64(h >> 4)
	if size == 15 {
		size = c.uvarint()
	}
	if size > uint64(len(c.b)-c.i) {
		c.fail(errShort)
		return 0, 0
	}
	return h & 15, int(size)
}

func (c *cursor) skip(typ byte) { c.skipDepth(typ, maxThriftDepth) }

func (c *cursor) skipDepth(typ byte, depth int) {
	if depth == 0 {
		c.fail(corruptf("structures are nested more than %d deep", maxThriftDepth))
		return
	}
	switch typ {
	case tTrue, tFalse: // the value is the type
	case tByte:
		c.u8()
	case tI16, tI32, tI64:
		c.uvarint()
	case tDouble:
		c.advance(8)
	case tBinary:
		c.binary()
	case tList, tSet:
		elem, n := c.anyList()
		for range n {
			if c.err != nil {
				return
			}
			c.skipElem(elem, depth-1)
		}
	case tMap:
		n := c.uvarint()
		if n == 0 {
			return
		}
		if n > uint64(len(c.b)-c.i) {
			c.fail(errShort)
			return
		}
		kv := c.u8()
		for range n {
			if c.err != nil {
				return
			}
			c.skipElem(kv>>4, depth-1)
			c.skipElem(kv&15, depth-1)
		}
	case tStruct:
		var f fieldIter
		for f.next(c) {
			c.skipDepth(f.typ, depth-1)
		}
	default:
		c.fail(corruptf("unknown Thrift type %d", typ))
	}
}

// skipElem skips an element of a collection, where a boolean takes a byte.
func (c *cursor) skipElem(typ byte, depth int) {
	if typ == tTrue || typ == tFalse {
		c.u8()
		return
	}
	c.skipDepth(typ, depth)
}

func (c *cursor) advance(n int) {
	if n > len(c.b)-c.i {
		c.fail(errShort)
		return
	}
	c.i += n
}
