package pqwrite

import "sync"

// Block sizes. A writer starts with small blocks, so that many writers of small
// files may be open at once, and goes on with large ones.
var blockSizes = [...]int{16 << 10, 64 << 10, 256 << 10}

var blockPools [len(blockSizes)]sync.Pool

// An arena holds the encoded pages of a row group. Each belongs to one encoder at
// a time. Blocks are never grown, and go back to the pools when the row group is
// written.
type arena struct {
	blocks [][]byte // len is what is used
	used   int64    // bytes stored
	held   int64    // bytes of the blocks
}

// store copies parts behind one another and returns where they are.
func (a *arena) store(parts ...[]byte) [][]byte {
	var segments [][]byte
	for _, p := range parts {
		a.used += int64(len(p))
		for len(p) > 0 {
			k := len(a.blocks) - 1
			if k < 0 || len(a.blocks[k]) == cap(a.blocks[k]) {
				a.grow()
				k++
			}
			b := a.blocks[k]
			n := copy(b[len(b):cap(b)], p)
			a.blocks[k] = b[:len(b)+n]
			seg := b[len(b) : len(b)+n]
			if m := len(segments) - 1; m >= 0 && len(b) > 0 && follows(segments[m], b) {
				segments[m] = segments[m][:len(segments[m])+n]
			} else {
				segments = append(segments, seg)
			}
			p = p[n:]
		}
	}
	return segments
}

// follows reports whether seg ends where block b, not empty, does.
func follows(seg, b []byte) bool { return &seg[len(seg)-1] == &b[len(b)-1] }

func (a *arena) grow() {
	class := min(len(a.blocks)/4, len(blockSizes)-1)
	b, _ := blockPools[class].Get().(*[]byte)
	if b == nil {
		fresh := make([]byte, 0, blockSizes[class])
		b = &fresh
	}
	a.blocks = append(a.blocks, (*b)[:0])
	a.held += int64(cap(*b))
}

// release gives the blocks back; segments of them must not be used any more.
func (a *arena) release() {
	for _, b := range a.blocks {
		for class, size := range blockSizes {
			if cap(b) == size {
				blockPools[class].Put(&b)
			}
		}
	}
	clear(a.blocks)
	a.blocks, a.used, a.held = a.blocks[:0], 0, 0
}
