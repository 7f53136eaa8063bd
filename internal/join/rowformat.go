package join

import (
	"encoding/binary"

	"github.com/deltalog/deltalog/internal/vec"
)

// A row on disk is
//
//	its length in bytes       4 bytes
//	validity and booleans     a bit each
//	values of fixed width     in place
//	ends of the others        4 bytes each, from the start of the row
//	the others                strings as they are, lists and maps as columns
//
// so that any column is found without looking at those before it. The fields of a
// struct are stored as columns of their own, next to the struct's validity.
type rowFormat struct {
	cols []*node
	head int // bytes before the values of variable length
	bits int
	vars []*node // the nodes of variable length, in order
}

// A node says where a column, or a field of a struct, is in a row.
type node struct {
	like     *vec.Vec
	bit      int // of its validity; the value of a boolean is the next one
	slot     int // of its value or of its end
	width    int
	previous int // the slot with its start; 0: it starts after the head
	children []*node
}

const lengthBytes = 4

func newRowFormat(like []*vec.Vec) *rowFormat {
	f := &rowFormat{}
	for _, v := range like {
		f.cols = append(f.cols, f.bitsOf(v))
	}
	f.head = lengthBytes + vec.BitmapLen(f.bits)
	for _, n := range f.cols {
		f.place(n)
	}
	return f
}

// bitsOf makes the nodes and gives them their bits.
func (f *rowFormat) bitsOf(v *vec.Vec) *node {
	n := &node{like: v, bit: f.bits}
	switch v.Kind {
	case vec.Null:
		return n
	case vec.Bool:
		f.bits++
	case vec.Struct:
		f.bits++
		for _, c := range v.Children {
			n.children = append(n.children, f.bitsOf(c))
		}
		return n
	}
	f.bits++
	return n
}

// place gives the nodes their slots.
func (f *rowFormat) place(n *node) {
	switch n.like.Kind {
	case vec.Null, vec.Bool:
	case vec.Struct:
		for _, c := range n.children {
			f.place(c)
		}
	case vec.Bytes, vec.List, vec.Map:
		n.slot, n.width = f.head, 4
		if len(f.vars) > 0 {
			n.previous = f.vars[len(f.vars)-1].slot
		}
		f.vars = append(f.vars, n)
		f.head += 4
	default:
		n.slot, n.width = f.head, n.like.Kind.Width()
		f.head += n.width
	}
}

// value returns the bytes of a node of variable length in a row; not ok if they
// are not within it.
func (n *node) value(row []byte, head int) (p []byte, ok bool) {
	from := uint32(head)
	if n.previous != 0 {
		from = binary.LittleEndian.Uint32(row[n.previous:])
	}
	to := binary.LittleEndian.Uint32(row[n.slot:])
	if from > to || uint64(to) > uint64(len(row)) || from < uint32(head) {
		return nil, false
	}
	return row[from:to], true
}

func setBit(row []byte, bit int) { row[lengthBytes+bit>>3] |= 1 << (bit & 7) }

func hasBit(row []byte, bit int) bool { return row[lengthBytes+bit>>3]&(1<<(bit&7)) != 0 }
