package join

import (
	"context"
	"encoding/binary"
)

// Parts are the keys of rows on disk, parted by the first bits of their hashes
// and within a part in the order of the rows. A key of one word is 12 bytes: the
// id of its row and the key; another is its id, its length and its bytes.
type parts struct {
	budget *budget
	file   *spillFile
	words  bool
	bits   int
	buf    int      // bytes of a buffer
	bufs   [][]byte // of each part; nil after flush
	where  [][]extent
	rows   []int64 // of each part
}

// An extent is a piece of a part in the file. It holds whole keys.
type extent struct {
	off int64
	n   int64
}

const extentBytes = 16

// partsOf returns the logarithm of how many parts there are, 16 with little memory
// and 64 with more, and how long the buffer of each is.
func partsOf(b *budget) (bits, buf int) {
	bits = 4
	if b.max >= 4<<20 {
		bits = 6
	}
	return bits, b.share(16<<bits, 256, 64<<10)
}

func partsMemory(b *budget) int64 {
	bits, buf := partsOf(b)
	return int64(buf) << bits
}

func newParts(d *disk, b *budget, words bool) (*parts, error) {
	f, err := d.create()
	if err != nil {
		return nil, err
	}
	p := &parts{budget: b, file: f, words: words}
	p.bits, p.buf = partsOf(b)
	p.bufs = make([][]byte, 1<<p.bits)
	p.where = make([][]extent, 1<<p.bits)
	p.rows = make([]int64, 1<<p.bits)
	for i := range p.bufs {
		p.bufs[i] = make([]byte, 0, p.buf)
	}
	b.take(int64(p.buf) << p.bits)
	return p, nil
}

// of returns the part of a hash.
func (p *parts) of(hash uint64) int { return int(hash >> (64 - p.bits)) }

func (p *parts) addWord(hash, word uint64, id uint32) error {
	part := p.of(hash)
	if err := p.reserve(part, 12); err != nil {
		return err
	}
	b := binary.LittleEndian.AppendUint32(p.bufs[part], id)
	p.bufs[part] = binary.LittleEndian.AppendUint64(b, word)
	return nil
}

func (p *parts) addBytes(hash uint64, key []byte, id uint32) error {
	part := p.of(hash)
	size := entryHead + len(key)
	if err := p.reserve(part, size); err != nil {
		return err
	}
	var b []byte
	if size <= p.buf {
		b = p.bufs[part]
	}
	b = binary.LittleEndian.AppendUint32(b, id)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(key)))
	b = append(b, key...)
	if size > p.buf {
		return p.write(part, b) // reserve has emptied the buffer, so the order holds
	}
	p.bufs[part] = b
	return nil
}

// reserve counts a row and makes room for it in its part's buffer, or empties
// that if it is too small.
func (p *parts) reserve(part, size int) error {
	p.rows[part]++
	if len(p.bufs[part])+size <= p.buf {
		return nil
	}
	return p.flushPart(part)
}

func (p *parts) flushPart(part int) error {
	if len(p.bufs[part]) == 0 {
		return nil
	}
	err := p.write(part, p.bufs[part])
	p.bufs[part] = p.bufs[part][:0]
	return err
}

func (p *parts) write(part int, b []byte) error {
	p.where[part] = append(p.where[part], extent{off: p.file.size, n: int64(len(b))})
	p.budget.take(extentBytes)
	return p.file.append(b)
}

// flush writes what is buffered and gives the buffers back. Nothing can be added
// after it.
func (p *parts) flush() error {
	if p.bufs == nil {
		return nil
	}
	for i := range p.bufs {
		if err := p.flushPart(i); err != nil {
			return err
		}
	}
	p.budget.give(int64(p.buf) << p.bits)
	p.bufs = nil
	return nil
}

// whole returns the range of part i.
func (p *parts) whole(i int) hashRange {
	lo := uint64(i) << (64 - p.bits)
	return hashRange{lo: lo, hi: lo | ^uint64(0)>>p.bits}
}

// each calls word or key with the keys in a range of hashes; it stops when they
// return false.
func (p *parts) each(ctx context.Context, c *keyCoder, r hashRange,
	word func(word, hash uint64, id uint32) bool, key func(hash uint64, key []byte, id uint32) bool,
) error {
	buf := make([]byte, p.buf)
	p.budget.take(int64(p.buf))
	defer p.budget.give(int64(p.buf))
	for part := p.of(r.lo); part <= p.of(r.hi); part++ {
		for _, e := range p.where[part] {
			if err := ctx.Err(); err != nil {
				return err
			}
			b := buf
			if e.n > int64(len(b)) {
				b = make([]byte, e.n)
			}
			b = b[:e.n]
			if err := p.file.read(b, e.off); err != nil {
				return err
			}
			var more, ok bool
			if p.words {
				more, ok = eachWord(b, c, r, word)
			} else {
				more, ok = eachKey(b, c, r, key)
			}
			if !ok {
				return p.file.corrupt()
			}
			if !more {
				return nil
			}
		}
	}
	return nil
}

func eachWord(b []byte, c *keyCoder, r hashRange, f func(word, hash uint64, id uint32) bool) (more, ok bool) {
	for ; len(b) >= 12; b = b[12:] {
		w := binary.LittleEndian.Uint64(b[4:])
		if h := hashWord(w) & c.mask; r.has(h) && !f(w, h, binary.LittleEndian.Uint32(b)) {
			return false, true
		}
	}
	return true, len(b) == 0
}

func eachKey(b []byte, c *keyCoder, r hashRange, f func(hash uint64, key []byte, id uint32) bool) (more, ok bool) {
	for len(b) >= entryHead {
		n := int64(binary.LittleEndian.Uint32(b[4:]))
		if n > int64(len(b)-entryHead) {
			return false, false
		}
		key := b[entryHead : entryHead+n]
		if h := hashBytes(key) & c.mask; r.has(h) && !f(h, key, binary.LittleEndian.Uint32(b)) {
			return false, true
		}
		b = b[entryHead+n:]
	}
	return true, len(b) == 0
}

func (p *parts) close() error {
	if p.file == nil {
		return nil
	}
	n := int64(0)
	for _, w := range p.where {
		n += int64(len(w)) * extentBytes
	}
	p.budget.give(n)
	err := p.file.close()
	p.file, p.where = nil, nil
	return err
}
