package join

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/deltalog/deltalog/internal/vec"
)

// A keyCoder turns key columns into keys whose bytes are equal when the keys are:
// one word each if they fit, else bytes.
type keyCoder struct {
	cols  []KeyColumn
	like  []*vec.Vec
	words bool   // a key is a word
	shift []uint // of each column in the word
	raw   bool   // a key is the bytes of the only column
	fixed int    // bytes of a key before those of its strings
	mask  uint64 // kept bits of a hash: all, but in tests of collisions
}

func newKeyCoder(cols []KeyColumn) (*keyCoder, error) {
	c := &keyCoder{cols: cols, mask: math.MaxUint64}
	bits := uint(0)
	strings := 0
	for i, col := range cols {
		if col.Type == nil {
			return nil, fmt.Errorf("join: key column %d has no type", i)
		}
		e := emptyOf(col.Type)
		w := slotWidth(e.Kind)
		switch e.Kind {
		case vec.Null, vec.Struct, vec.List, vec.Map:
			return nil, fmt.Errorf("join: key column %d is of type %v, by which rows cannot be looked up", i, col.Type)
		case vec.Bytes:
			strings++
		}
		c.like = append(c.like, e)
		c.shift = append(c.shift, min(bits, 63))
		c.fixed += w
		bits += uint(w) * 8
		if col.NullSafe {
			c.fixed++
			bits++
		}
	}
	c.words = strings == 0 && bits <= 64
	c.raw = len(cols) == 1 && strings == 1 && !cols[0].NullSafe
	return c, nil
}

// slotWidth returns the bytes of a value in a key; of its length, for strings.
func slotWidth(k vec.Kind) int {
	switch k {
	case vec.Bool:
		return 1
	case vec.Bytes:
		return 4
	}
	return k.Width()
}

// keyRows and keyBytes limit how many keys are encoded at a time.
const (
	keyRows  = 1024
	keyBytes = 256 << 10
)

// A keyBatch is keys side by side, with what it takes to make them. In words is
// the key itself, or the hash of its bytes.
type keyBatch struct {
	n       int
	words   []uint64
	hashes  []uint64
	skip    []bool // those that match nothing, for a null
	anySkip bool
	raw     *vec.Vec // the keys, when they are the values of one column
	ends    []int    // of the keys in buf, otherwise
	heads   []int    // where to go on writing strings
	buf     []byte
}

// key returns the bytes of key i.
func (b *keyBatch) key(i int) []byte {
	switch {
	case b.raw != nil:
		return b.raw.At(i)
	case i == 0:
		return b.buf[:b.ends[0]]
	}
	return b.buf[b.ends[i-1]:b.ends[i]]
}

// encode makes the keys of rows from, from+1 …, as many as fit a batch. The
// columns have the coder's layout.
func (c *keyCoder) encode(keys []*vec.Vec, from, n int, b *keyBatch) {
	b.n = min(n-from, keyRows)
	b.raw = nil
	if b.words == nil {
		b.words = make([]uint64, keyRows)
		b.hashes = make([]uint64, keyRows)
		b.skip = make([]bool, keyRows)
	}
	b.words, b.hashes, b.skip = b.words[:b.n], b.hashes[:b.n], b.skip[:b.n]
	switch {
	case c.words:
		c.encodeWords(keys, from, b)
	case c.raw:
		b.raw = keys[0].Slice(from, from+b.n)
		c.hashAll(b)
	default:
		c.encodeBytes(keys, from, b)
		c.hashAll(b)
	}
	c.findNulls(keys, from, b)
}

// findNulls marks the keys that match nothing.
func (c *keyCoder) findNulls(keys []*vec.Vec, from int, b *keyBatch) {
	if b.anySkip {
		clear(b.skip[:cap(b.skip)])
		b.anySkip = false
	}
	for k, v := range keys {
		if v.Valid == nil || c.cols[k].NullSafe {
			continue
		}
		for i := 0; i < b.n; i++ {
			if i&63 == 0 && b.n-i >= 64 && v.ValidWord(from+i) == math.MaxUint64 {
				i += 63
				continue
			}
			if v.IsNull(from + i) {
				b.skip[i] = true
				b.anySkip = true
			}
		}
	}
}

func (c *keyCoder) encodeWords(keys []*vec.Vec, from int, b *keyBatch) {
	clear(b.words)
	for k, v := range keys {
		w := v.Slice(from, from+b.n)
		s := c.shift[k]
		switch v.Kind {
		case vec.Bool:
			for i := range b.words {
				if w.Bool(i) {
					b.words[i] |= 1 << s
				}
			}
		case vec.Int8:
			orWords(b.words, vec.Values[int8](w), s, func(x int8) uint64 { return uint64(uint8(x)) })
		case vec.Int16:
			orWords(b.words, vec.Values[int16](w), s, func(x int16) uint64 { return uint64(uint16(x)) })
		case vec.Int32:
			orWords(b.words, vec.Values[int32](w), s, func(x int32) uint64 { return uint64(uint32(x)) })
		case vec.Int64:
			if s == 0 && !c.cols[k].NullSafe && len(keys) == 1 {
				copy(b.words, vec.Values[uint64](w))
			} else {
				orWords(b.words, vec.Values[int64](w), s, func(x int64) uint64 { return uint64(x) })
			}
		case vec.Float32:
			orWords(b.words, vec.Values[float32](w), s, func(x float32) uint64 { return uint64(floatBits32(x)) })
		case vec.Float64:
			orWords(b.words, vec.Values[float64](w), s, vec.FloatBits)
		}
		if c.cols[k].NullSafe && v.Valid != nil {
			// What lies under a null is not part of the key; one more bit is set.
			width := uint(slotWidth(v.Kind)) * 8
			for i := range b.words {
				if w.IsNull(i) {
					b.words[i] = b.words[i]&^((1<<width-1)<<s) | 1<<(s+width)
				}
			}
		}
	}
	for i, w := range b.words {
		b.hashes[i] = hashWord(w) & c.mask
	}
}

func orWords[T vec.Fixed](dst []uint64, src []T, shift uint, word func(T) uint64) {
	for i, x := range src {
		dst[i] |= word(x) << shift
	}
}

func (c *keyCoder) hashAll(b *keyBatch) {
	for i := range b.words {
		h := hashBytes(b.key(i)) & c.mask
		b.words[i], b.hashes[i] = h, h
	}
}

// encodeBytes lays out each key as a fixed part, with the value of every column or
// the length of its string, and the strings after it.
func (c *keyCoder) encodeBytes(keys []*vec.Vec, from int, b *keyBatch) {
	b.measure(c, keys, from)
	size := 0
	if b.n > 0 {
		size = b.ends[b.n-1]
	}
	if cap(b.buf) < size {
		b.buf = make([]byte, size)
	}
	b.buf = b.buf[:size]
	at := 0
	for k, v := range keys {
		at += c.encodeColumn(v, from, at, c.cols[k].NullSafe, b)
	}
}

// measure sets where each key of the batch ends, and shortens the batch if the
// keys are long.
func (b *keyBatch) measure(c *keyCoder, keys []*vec.Vec, from int) {
	b.ends, b.heads = b.ends[:0], b.heads[:0]
	end := 0
	for i := range b.n {
		b.heads = append(b.heads, end+c.fixed)
		end += c.fixed
		for _, v := range keys {
			if v.Kind == vec.Bytes && !v.IsNull(from+i) {
				end += len(v.At(from + i))
			}
		}
		b.ends = append(b.ends, end)
		if end >= keyBytes {
			b.n = i + 1
			break
		}
	}
	b.words, b.hashes, b.skip = b.words[:b.n], b.hashes[:b.n], b.skip[:b.n]
}

// encodeColumn writes the values of one column at byte at of the fixed parts and
// returns how many bytes of those it took.
func (c *keyCoder) encodeColumn(v *vec.Vec, from, at int, nullSafe bool, b *keyBatch) int {
	width := slotWidth(v.Kind)
	w := v.Slice(from, from+b.n)
	start := 0
	for i := range b.n {
		p := b.buf[start+at:]
		start = b.ends[i]
		null := w.IsNull(i)
		if nullSafe {
			p[0] = 0
			if null {
				p[0] = 1
			}
			p = p[1:]
		}
		p = p[:width]
		if null {
			clear(p)
			continue
		}
		switch v.Kind {
		case vec.Bool:
			p[0] = 0
			if w.Bool(i) {
				p[0] = 1
			}
		case vec.Float32:
			binary.LittleEndian.PutUint32(p, floatBits32(vec.Values[float32](w)[i]))
		case vec.Float64:
			binary.LittleEndian.PutUint64(p, vec.FloatBits(vec.Values[float64](w)[i]))
		case vec.Bytes:
			s := w.At(i)
			binary.LittleEndian.PutUint32(p, uint32(len(s)))
			copy(b.buf[b.heads[i]:], s)
			b.heads[i] += len(s)
		default:
			copy(p, w.Data[(w.Off+i)*width:])
		}
	}
	if nullSafe {
		width++
	}
	return width
}

func floatBits32(f float32) uint32 {
	switch {
	case f == 0:
		return 0
	case f != f:
		return 0x7fc00000
	}
	return math.Float32bits(f)
}
