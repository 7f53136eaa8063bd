package join

import (
	"encoding/binary"
	"math"

	"github.com/deltalog/deltalog/internal/vec"
)

// A builder makes a column out of rows and of encoded columns.
type builder struct {
	kind     vec.Kind
	width    int
	n        int
	valid    []byte // nil while there are no nulls
	data     []byte
	offsets  []int32
	children []*builder
}

// newBuilder returns a builder of columns like v, with room for rows values.
func newBuilder(v *vec.Vec, rows int) *builder {
	b := &builder{kind: v.Kind, width: v.Kind.Width()}
	switch v.Kind {
	case vec.Bool:
		b.data = make([]byte, 0, vec.BitmapLen(rows))
	case vec.Bytes, vec.List, vec.Map:
		b.offsets = make([]int32, 1, rows+1)
	default:
		b.data = make([]byte, 0, rows*b.width)
	}
	for _, c := range v.Children {
		if v.Kind != vec.Struct {
			rows = 0
		}
		b.children = append(b.children, newBuilder(c, rows))
	}
	return b
}

// vec returns what has been built.
func (b *builder) vec() *vec.Vec {
	v := &vec.Vec{Kind: b.kind, Len: b.n, Valid: b.valid, Data: b.data, Offsets: b.offsets}
	for _, c := range b.children {
		v.Children = append(v.Children, c.vec())
	}
	return v
}

// extend makes bits long enough for n more after those there are, the new ones
// zero.
func extend(bits []byte, n int) []byte {
	return append(bits, make([]byte, max(0, vec.BitmapLen(n)-len(bits)))...)
}

// addNulls makes room for n more validity bits, which the caller sets.
func (b *builder) addNulls(n int) {
	if b.valid == nil {
		b.valid = extend(nil, b.n)
		vec.SetBits(b.valid, 0, b.n)
	}
	b.valid = extend(b.valid, b.n+n)
}

// addRows appends the values of a node in rows that start at the given places of
// buf. It returns vec.ErrTooLarge, or not ok if the rows are not what was written.
func (b *builder) addRows(n *node, buf []byte, at []int, head int) (ok bool, err error) {
	if b.kind == vec.Null {
		b.n += len(at)
		return true, nil
	}
	b.addValidity(n, buf, at)
	switch b.kind {
	case vec.Bool:
		b.data = extend(b.data, b.n+len(at))
		for i, p := range at {
			if hasBit(buf[p:], n.bit+1) {
				b.data[(b.n+i)>>3] |= 1 << ((b.n + i) & 7)
			}
		}
	case vec.Struct:
		for i, c := range b.children {
			if ok, err := c.addRows(n.children[i], buf, at, head); !ok || err != nil {
				return ok, err
			}
		}
	case vec.Bytes:
		for _, p := range at {
			s, ok := n.value(rowAt(buf, p), head)
			if !ok {
				return false, nil
			}
			if len(b.data)+len(s) > math.MaxInt32 {
				return true, vec.ErrTooLarge
			}
			b.data = append(b.data, s...)
			b.offsets = append(b.offsets, int32(len(b.data)))
		}
	case vec.List, vec.Map:
		for _, p := range at {
			s, ok := n.value(rowAt(buf, p), head)
			if ok && len(s) > 0 {
				ok, err = b.addList(s)
			} else {
				b.offsets = append(b.offsets, b.offsets[len(b.offsets)-1])
			}
			if !ok || err != nil {
				return ok, err
			}
		}
	default:
		b.addFixed(n, buf, at)
	}
	b.n += len(at)
	return true, nil
}

// rowAt returns the row that starts at p. Its length has been checked.
func rowAt(buf []byte, p int) []byte {
	return buf[p : p+int(binary.LittleEndian.Uint32(buf[p:]))]
}

func (b *builder) addValidity(n *node, buf []byte, at []int) {
	if b.valid != nil {
		b.valid = extend(b.valid, b.n+len(at))
	}
	for i, p := range at {
		if hasBit(buf[p:], n.bit) {
			if b.valid != nil {
				b.valid[(b.n+i)>>3] |= 1 << ((b.n + i) & 7)
			}
			continue
		}
		if b.valid == nil {
			b.valid = extend(nil, b.n+len(at))
			vec.SetBits(b.valid, 0, b.n+i)
		}
	}
}

func (b *builder) addFixed(n *node, buf []byte, at []int) {
	from := len(b.data)
	b.data = append(b.data, make([]byte, len(at)*b.width)...)
	dst := b.data[from:]
	switch b.width {
	case 4:
		for i, p := range at {
			copy(dst[i*4:][:4], buf[p+n.slot:][:4])
		}
	case 8:
		for i, p := range at {
			copy(dst[i*8:][:8], buf[p+n.slot:][:8])
		}
	default:
		w := b.width
		for i, p := range at {
			copy(dst[i*w:][:w], buf[p+n.slot:][:w])
		}
	}
}

// addList appends one list or map.
func (b *builder) addList(p []byte) (ok bool, err error) {
	n, k := binary.Uvarint(p)
	last := b.offsets[len(b.offsets)-1]
	if k <= 0 || n > math.MaxInt32 {
		return false, nil
	}
	if int64(last)+int64(n) > math.MaxInt32 {
		return true, vec.ErrTooLarge
	}
	p = p[k:]
	for _, c := range b.children {
		if p, ok, err = c.addColumn(p, int(n)); !ok || err != nil {
			return ok, err
		}
	}
	b.offsets = append(b.offsets, last+int32(n))
	return len(p) == 0, nil
}

// addColumn appends n values as [appendColumn] wrote them and returns what
// follows them.
func (b *builder) addColumn(p []byte, n int) (rest []byte, ok bool, err error) {
	if b.kind == vec.Null {
		b.n += n
		return p, true, nil
	}
	if p, ok = b.addColumnValidity(p, n); !ok {
		return nil, false, nil
	}
	switch b.kind {
	case vec.Bool:
		size := vec.BitmapLen(n)
		if len(p) < size {
			return nil, false, nil
		}
		b.data = extend(b.data, b.n+n)
		vec.CopyBits(b.data, b.n, p, 0, n)
		p = p[size:]
	case vec.Struct:
		for _, c := range b.children {
			if p, ok, err = c.addColumn(p, n); !ok || err != nil {
				return nil, ok, err
			}
		}
	case vec.Bytes, vec.List, vec.Map:
		p, ok, err = b.addLengths(p, n)
	default:
		size := n * b.width
		if len(p) < size {
			return nil, false, nil
		}
		b.data = append(b.data, p[:size]...)
		p = p[size:]
	}
	b.n += n
	return p, ok, err
}

func (b *builder) addColumnValidity(p []byte, n int) (rest []byte, ok bool) {
	if len(p) == 0 {
		return nil, false
	}
	nulls := p[0] != 0
	p = p[1:]
	if !nulls {
		if b.valid != nil {
			b.valid = extend(b.valid, b.n+n)
			vec.SetBits(b.valid, b.n, n)
		}
		return p, true
	}
	size := vec.BitmapLen(n)
	if len(p) < size {
		return nil, false
	}
	b.addNulls(n)
	vec.CopyBits(b.valid, b.n, p, 0, n)
	return p[size:], true
}

// addLengths appends n strings, lists or maps.
func (b *builder) addLengths(p []byte, n int) (rest []byte, ok bool, err error) {
	first := b.offsets[len(b.offsets)-1]
	last := int64(first)
	for range n {
		size, k := binary.Uvarint(p)
		if k <= 0 || size > math.MaxInt32 {
			return nil, false, nil
		}
		if last += int64(size); last > math.MaxInt32 {
			return nil, true, vec.ErrTooLarge
		}
		b.offsets = append(b.offsets, int32(last))
		p = p[k:]
	}
	size := int(last) - int(first)
	if b.kind == vec.Bytes {
		if len(p) < size {
			return nil, false, nil
		}
		b.data = append(b.data, p[:size]...)
		return p[size:], true, nil
	}
	for _, c := range b.children {
		if p, ok, err = c.addColumn(p, size); !ok || err != nil {
			return nil, ok, err
		}
	}
	return p, true, nil
}
