package join

import (
	"encoding/binary"
	"math"

	"github.com/deltalog/deltalog/internal/vec"
)

// A rowEncoder turns columns into rows, some at a time.
type rowEncoder struct {
	format *rowFormat
	vars   []varColumn // of format.vars, for the rows at hand
	ends   []int64     // of the encoded rows
	heads  []uint32    // where to go on in each row
}

// A varColumn is the values of one node of variable length.
type varColumn struct {
	v    *vec.Vec // strings, from row 0 on
	ends []int    // lists: where their encoded forms end in buf
	buf  []byte
}

// encodeRows is how many rows are encoded at a time, at most.
const encodeRows = 256

// measure takes the rows from … from+n-1, n ≤ encodeRows, as the rows at hand and
// sets where each ends when they are encoded one after the other.
func (e *rowEncoder) measure(cols []*vec.Vec, from, n int) error {
	if e.vars == nil {
		e.vars = make([]varColumn, len(e.format.vars))
	}
	next := 0
	for i, c := range cols {
		e.collect(e.format.cols[i], c.Slice(from, from+n), &next)
	}
	e.ends = e.ends[:0]
	end := int64(0)
	for i := range n {
		row := int64(e.format.head)
		for k := range e.vars {
			row += int64(e.vars[k].size(i))
		}
		if row > math.MaxInt32 {
			return vec.ErrTooLarge
		}
		end += row
		e.ends = append(e.ends, end)
	}
	return nil
}

// collect finds the nodes of variable length under a node and encodes their lists.
func (e *rowEncoder) collect(n *node, v *vec.Vec, next *int) {
	switch v.Kind {
	case vec.Struct:
		for i, c := range n.children {
			e.collect(c, v.Children[i].Slice(v.Off, v.Off+v.Len), next)
		}
	case vec.Bytes:
		e.vars[*next].v = v
		*next++
	case vec.List, vec.Map:
		c := &e.vars[*next]
		*next++
		c.buf, c.ends = c.buf[:0], c.ends[:0]
		for i := range v.Len {
			if !v.IsNull(i) {
				from, to := int(v.Offsets[v.Off+i]), int(v.Offsets[v.Off+i+1])
				c.buf = binary.AppendUvarint(c.buf, uint64(to-from))
				for _, child := range v.Children {
					c.buf = appendColumn(c.buf, child.Slice(from, to))
				}
			}
			c.ends = append(c.ends, len(c.buf))
		}
	}
}

func (c *varColumn) size(i int) int {
	if c.v == nil {
		from := 0
		if i > 0 {
			from = c.ends[i-1]
		}
		return c.ends[i] - from
	}
	if c.v.IsNull(i) {
		return 0
	}
	return len(c.v.At(i))
}

// value returns the bytes of value i.
func (c *varColumn) value(i int) []byte {
	if c.v == nil {
		return c.buf[c.ends[i]-c.size(i) : c.ends[i]]
	}
	if c.v.IsNull(i) {
		return nil
	}
	return c.v.At(i)
}

// encode writes n of the rows at hand, from row skip on, to dst, which is as long
// as they are and zero.
func (e *rowEncoder) encode(dst []byte, cols []*vec.Vec, from, skip, n int) {
	start := int64(0)
	if skip > 0 {
		start = e.ends[skip-1]
	}
	e.heads = e.heads[:0]
	at := int64(0)
	for i := range n {
		end := e.ends[skip+i] - start
		binary.LittleEndian.PutUint32(dst[at:], uint32(end-at))
		e.heads = append(e.heads, uint32(at))
		at = end
	}
	next := 0
	for k, c := range cols {
		e.write(dst, e.format.cols[k], c.Slice(from+skip, from+skip+n), skip, &next)
	}
}

// write writes one column of the rows; heads are their starts.
func (e *rowEncoder) write(dst []byte, n *node, v *vec.Vec, skip int, next *int) {
	if v.Kind == vec.Null {
		return
	}
	if v.Valid == nil {
		for _, h := range e.heads {
			setBit(dst[h:], n.bit)
		}
	} else {
		for i, h := range e.heads {
			if !v.IsNull(i) {
				setBit(dst[h:], n.bit)
			}
		}
	}
	switch v.Kind {
	case vec.Bool:
		for i, h := range e.heads {
			if v.Bool(i) && !v.IsNull(i) {
				setBit(dst[h:], n.bit+1)
			}
		}
	case vec.Struct:
		for i, c := range n.children {
			e.write(dst, c, v.Children[i].Slice(v.Off, v.Off+v.Len), skip, next)
		}
	case vec.Bytes, vec.List, vec.Map:
		e.writeVar(dst, n, &e.vars[*next], skip)
		*next++
	default:
		writeFixed(dst, n, v, e.heads)
	}
}

func (e *rowEncoder) writeVar(dst []byte, n *node, c *varColumn, skip int) {
	for i, h := range e.heads {
		row := dst[h:]
		at := uint32(e.format.head)
		if n.previous != 0 {
			at = binary.LittleEndian.Uint32(row[n.previous:])
		}
		at += uint32(copy(row[at:], c.value(skip+i)))
		binary.LittleEndian.PutUint32(row[n.slot:], at)
	}
}

func writeFixed(dst []byte, n *node, v *vec.Vec, heads []uint32) {
	switch n.width {
	case 4:
		src := v.Data[v.Off*4:]
		for i, h := range heads {
			copy(dst[h+uint32(n.slot):][:4], src[i*4:][:4])
		}
	case 8:
		src := v.Data[v.Off*8:]
		for i, h := range heads {
			copy(dst[h+uint32(n.slot):][:8], src[i*8:][:8])
		}
	default:
		w := n.width
		src := v.Data[v.Off*w:]
		for i, h := range heads {
			copy(dst[int(h)+n.slot:][:w], src[i*w:][:w])
		}
	}
}

// appendColumn appends the values of v's window, whose number is known to the
// reader: whether any are null, their validity if so, and then
//
//	booleans               a bitmap
//	fixed width            the values
//	strings, lists, maps   their lengths, then the bytes or the columns of elements
//	structs                the columns of the fields
func appendColumn(dst []byte, v *vec.Vec) []byte {
	if v.Kind == vec.Null {
		return dst
	}
	nulls := v.NullCount() > 0
	if nulls {
		dst = appendBits(append(dst, 1), v.Valid, v.Off, v.Len)
	} else {
		dst = append(dst, 0)
	}
	switch v.Kind {
	case vec.Bool:
		return appendBits(dst, v.Data, v.Off, v.Len)
	case vec.Struct:
		for _, c := range v.Children {
			dst = appendColumn(dst, c.Slice(v.Off, v.Off+v.Len))
		}
		return dst
	case vec.Bytes:
		for i := range v.Len {
			n := 0
			if !v.IsNull(i) {
				n = len(v.At(i))
			}
			dst = binary.AppendUvarint(dst, uint64(n))
		}
		for i := range v.Len {
			if !v.IsNull(i) {
				dst = append(dst, v.At(i)...)
			}
		}
		return dst
	case vec.List, vec.Map:
		return appendLists(dst, v)
	}
	if v.Len == 0 {
		return dst
	}
	w := v.Kind.Width()
	return append(dst, v.Data[v.Off*w:(v.Off+v.Len)*w]...)
}

func appendLists(dst []byte, v *vec.Vec) []byte {
	for i := range v.Len {
		n := 0
		if !v.IsNull(i) {
			n = int(v.Offsets[v.Off+i+1] - v.Offsets[v.Off+i])
		}
		dst = binary.AppendUvarint(dst, uint64(n))
	}
	for _, c := range v.Children {
		if v.NullCount() == 0 {
			from, to := 0, 0
			if v.Len > 0 {
				from, to = int(v.Offsets[v.Off]), int(v.Offsets[v.Off+v.Len])
			}
			dst = appendColumn(dst, c.Slice(from, to))
			continue
		}
		// Elements under null lists are left out.
		dst = appendColumn(dst, elements(v, c))
	}
	return dst
}

// elements returns those of a list's child that are in lists that are not null.
func elements(v, child *vec.Vec) *vec.Vec {
	from, to := int(v.Offsets[v.Off]), int(v.Offsets[v.Off+v.Len])
	keep := vec.NewBitmap(to - from)
	for i := range v.Len {
		if !v.IsNull(i) {
			keep.SetRange(int(v.Offsets[v.Off+i])-from, int(v.Offsets[v.Off+i+1])-from)
		}
	}
	return vec.Filter(child.Slice(from, to), keep)
}

func appendBits(dst, src []byte, off, n int) []byte {
	if n == 0 {
		return dst
	}
	at := len(dst)
	dst = append(dst, make([]byte, vec.BitmapLen(n))...)
	vec.CopyBits(dst[at:], 0, src, off, n)
	return dst
}
