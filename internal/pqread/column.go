package pqread

import (
	"math"
	"sync/atomic"

	"github.com/deltalog/deltalog/internal/vec"
)

// maxBytes is how many bytes a Bytes column holds: offsets have 32 bits, and
// short copies reach past the end.
const maxBytes = math.MaxInt32 - shortCopy

// A budget is memory that may still be used, by many goroutines. A nil budget
// has no limit.
type budget struct{ left atomic.Int64 }

func newBudget(n int64) *budget {
	b := new(budget)
	b.left.Store(n)
	return b
}

func (b *budget) take(n int64) error {
	if b != nil && b.left.Add(-n) < 0 {
		return errTooWide
	}
	return nil
}

// A column collects one leaf's values for one batch, in Arrow's layout.
type column struct {
	kind   vec.Kind
	width  int // bytes per value; 0 for Bool and Bytes
	memory *budget
	expect float64 // of Bytes: bytes per slot, as far as is known

	n       int     // slots filled
	room    int     // slots there is memory for
	data    []byte  // values; of Bool a bitmap; of Bytes all bytes
	offsets []int32 // of Bytes
	valid   []byte  // nil until the first null; room bits
	nulls   int
}

// reset begins a batch of about n slots, in fresh memory: the batch before is
// the caller's.
func (c *column) reset(n int) error {
	if c.n > 0 {
		c.expect = float64(len(c.data)) / float64(c.n)
	}
	*c = column{kind: c.kind, width: c.width, memory: c.memory, expect: c.expect}
	if c.kind == vec.Bytes {
		size := int(min(1.05*c.expect*float64(n), maxExpected))
		if err := c.reserveData(size, shortCopy); err != nil {
			return err
		}
	}
	return c.reserve(n)
}

// maxExpected bounds the memory set aside before any value was seen: what a
// footer says of a column's size may not be true.
const maxExpected = 16 << 20

// reserve makes room for k more slots.
func (c *column) reserve(k int) error {
	need := int64(c.n) + int64(k)
	if need <= int64(c.room) && c.room > 0 {
		return nil
	}
	need = max(need, 1)
	if c.room > 0 {
		need = max(need, 2*int64(c.room))
	}
	need = (need + 7) &^ 7
	if c.slotBytes(need) > math.MaxInt || need >= math.MaxInt {
		return errTooWide
	}
	if err := c.memory.take(c.slotBytes(need)); err != nil {
		return err
	}
	room := int(need)
	switch c.kind {
	case vec.Null:
	case vec.Bool:
		c.data = regrow(c.data, bitmapBytes(c.n), room/8)
	case vec.Bytes:
		offsets := make([]int32, room+1)
		copy(offsets, c.offsets[:min(len(c.offsets), c.n+1)])
		c.offsets = offsets
	default:
		c.data = regrow(c.data, c.n*c.width, room*c.width)
	}
	if c.valid != nil {
		c.valid = regrow(c.valid, bitmapBytes(c.n), room/8)
	}
	c.room = room
	return nil
}

// slotBytes is what n slots take, without the bytes of a Bytes column.
func (c *column) slotBytes(n int64) int64 {
	width := int64(c.width)
	if c.kind == vec.Bytes {
		width = 4
	}
	return n*width + n/4
}

func regrow(b []byte, used, size int) []byte {
	grown := make([]byte, size)
	copy(grown, b[:used])
	return grown
}

// bitmap returns the validity bitmap, made when the first null comes.
func (c *column) bitmap() []byte {
	if c.valid == nil {
		c.valid = make([]byte, bitmapBytes(c.room))
		setBits(c.valid, 0, c.n, true)
	}
	return c.valid
}

// reserveData makes room for k more bytes of a Bytes column, and slack bytes
// that may be scribbled on, and returns data with that capacity.
func (c *column) reserveData(k, slack int) error {
	if int64(len(c.data))+int64(k) > maxBytes {
		return errTooWide
	}
	need := len(c.data) + k
	if need+slack <= cap(c.data) {
		return nil
	}
	size := need
	if len(c.data) > 0 {
		size = int(min(max(int64(need), 2*int64(len(c.data))), maxBytes))
	}
	if err := c.memory.take(int64(size)); err != nil {
		return err
	}
	grown := make([]byte, len(c.data), size+slack)
	copy(grown, c.data)
	c.data = grown
	return nil
}

// vec returns what was collected.
func (c *column) vec() *vec.Vec {
	v := &vec.Vec{Kind: c.kind, Len: c.n}
	switch c.kind {
	case vec.Null:
		return v
	case vec.Bool:
		v.Data = c.data[:bitmapBytes(c.n)]
	case vec.Bytes:
		v.Data, v.Offsets = c.data, c.offsets[:c.n+1]
	default:
		v.Data = c.data[:c.n*c.width]
	}
	if c.nulls > 0 {
		v.Valid = c.valid[:bitmapBytes(c.n)]
	}
	return v
}

// size returns the bytes of memory in use.
func (c *column) size() int64 {
	return int64(len(c.data)) + 4*int64(len(c.offsets)) + int64(len(c.valid))
}

// spread moves the first dense values of the k slots at c.n to the slots that
// are valid, and zeroes the others. It works from the end, in place.
func (c *column) spread(k, dense int) {
	switch {
	case c.kind == vec.Bool:
		c.spreadBits(k, dense)
	case c.kind == vec.Bytes:
		c.spreadOffsets(k, dense)
	case c.width == 1:
		spreadFixed(typed[int8](c.data[c.n:], k), c.valid, c.n, dense)
	case c.width == 2:
		spreadFixed(typed[int16](c.data[2*c.n:], k), c.valid, c.n, dense)
	case c.width == 4:
		spreadFixed(typed[int32](c.data[4*c.n:], k), c.valid, c.n, dense)
	case c.width == 8:
		spreadFixed(typed[int64](c.data[8*c.n:], k), c.valid, c.n, dense)
	case c.width == 16:
		spreadFixed(typed[[16]byte](c.data[16*c.n:], k), c.valid, c.n, dense)
	}
}

func spreadFixed[T vec.Fixed](dst []T, valid []byte, off, dense int) {
	var zero T
	// When as many values are left as slots, they are in their places.
	for i := len(dst) - 1; i >= dense; i-- {
		at := off + i
		if at&7 == 7 && dense >= 8 && valid[at>>3] == 0xFF {
			copy(dst[i-7:i+1], dst[dense-8:dense])
			i, dense = i-7, dense-8
			continue
		}
		if bit(valid, at) {
			dense--
			dst[i] = dst[dense]
		} else {
			dst[i] = zero
		}
	}
}

func (c *column) spreadOffsets(k, dense int) {
	o := c.offsets[c.n : c.n+k+1]
	for i := k; i > dense; i-- {
		o[i] = o[dense]
		if bit(c.valid, c.n+i-1) {
			dense--
		}
	}
}

func (c *column) spreadBits(k, dense int) {
	for i := c.n + k - 1; dense <= i-c.n; i-- {
		mask := byte(1) << (i & 7)
		c.data[i>>3] &^= mask
		if c.valid[i>>3]&mask != 0 {
			dense--
			if bit(c.data, c.n+dense) {
				c.data[i>>3] |= mask
			}
		}
	}
}
