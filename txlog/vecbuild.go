package txlog

import (
	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// A builder collects the values of one column of a checkpoint. Its memory is
// used again for the next batch.
type builder struct {
	v        vec.Vec
	nulls    int
	width    int // of fixed values; 0: none
	children []*builder
}

func newBuilder(t schema.DataType) *builder {
	b := &builder{}
	add := func(kind vec.Kind, types ...schema.DataType) {
		b.v.Kind = kind
		for _, t := range types {
			c := newBuilder(t)
			b.children = append(b.children, c)
			b.v.Children = append(b.v.Children, &c.v)
		}
	}
	switch t := t.(type) {
	case *schema.Struct:
		types := make([]schema.DataType, len(t.Fields))
		for i := range t.Fields {
			types[i] = t.Fields[i].Type
		}
		add(vec.Struct, types...)
	case *schema.Map:
		add(vec.Map, t.Key, t.Value)
	case *schema.Array:
		add(vec.List, t.Element)
	default:
		switch t.Kind() {
		case schema.KindLong:
			b.v.Kind, b.width = vec.Int64, 8
		case schema.KindInteger:
			b.v.Kind, b.width = vec.Int32, 4
		case schema.KindBoolean:
			b.v.Kind = vec.Bool
		default:
			b.v.Kind = vec.Bytes
		}
	}
	b.reset()
	return b
}

// reset forgets the values and keeps the memory.
func (b *builder) reset() {
	b.v.Len, b.nulls = 0, 0
	b.v.Valid, b.v.Data = b.v.Valid[:0], b.v.Data[:0]
	switch b.v.Kind {
	case vec.Bytes, vec.List, vec.Map:
		b.v.Offsets = append(b.v.Offsets[:0], 0)
	}
	for _, c := range b.children {
		c.reset()
	}
}

// vec returns the column, which is good until reset.
func (b *builder) vec() *vec.Vec {
	v := b.v
	v.Children = make([]*vec.Vec, len(b.children))
	for i, c := range b.children {
		v.Children[i] = c.vec()
	}
	if b.nulls == 0 {
		v.Valid = nil
	}
	return &v
}

// next makes room for a value.
func (b *builder) next(valid bool) {
	i := b.v.Len
	b.v.Len++
	if i&7 == 0 {
		b.v.Valid = append(b.v.Valid, 0)
		if b.v.Kind == vec.Bool {
			b.v.Data = append(b.v.Data, 0)
		}
	}
	if valid {
		b.v.Valid[i>>3] |= 1 << (i & 7)
	} else {
		b.nulls++
	}
}

func (b *builder) null() {
	b.next(false)
	switch b.v.Kind {
	case vec.Bytes:
		b.v.Offsets = append(b.v.Offsets, int32(len(b.v.Data)))
	case vec.List, vec.Map:
		b.v.Offsets = append(b.v.Offsets, int32(b.children[0].v.Len))
	case vec.Struct:
		for _, c := range b.children {
			c.null()
		}
	default:
		for range b.width {
			b.v.Data = append(b.v.Data, 0)
		}
	}
}

func (b *builder) text(s string) {
	b.next(true)
	b.v.Data = append(b.v.Data, s...)
	b.v.Offsets = append(b.v.Offsets, int32(len(b.v.Data)))
}

func (b *builder) textIf(s string) {
	if s == "" {
		b.null()
		return
	}
	b.text(s)
}

func (b *builder) textPtr(s *string) {
	if s == nil {
		b.null()
		return
	}
	b.text(*s)
}

// integer appends to a column of longs or of integers.
func (b *builder) integer(n int64) {
	b.next(true)
	for i := range b.width {
		b.v.Data = append(b.v.Data, byte(n>>(8*i)))
	}
}

func (b *builder) integerPtr(n *int64) {
	if n == nil {
		b.null()
		return
	}
	b.integer(*n)
}

func (b *builder) boolean(v bool) {
	i := b.v.Len
	b.next(true)
	if v {
		b.v.Data[i>>3] |= 1 << (i & 7)
	}
}

// close ends a list or map whose elements were appended to its children.
func (b *builder) close() {
	b.next(true)
	b.v.Offsets = append(b.v.Offsets, int32(b.children[0].v.Len))
}

func (b *builder) texts(m map[string]string) {
	if m == nil {
		b.null()
		return
	}
	for _, k := range sortedKeys(m) {
		b.children[0].text(k)
		b.children[1].text(m[k])
	}
	b.close()
}

func (b *builder) textList(l []string) {
	for _, s := range l {
		b.children[0].text(s)
	}
	b.close()
}

func (b *builder) features(fs []Feature) {
	if fs == nil {
		b.null()
		return
	}
	for _, f := range fs {
		b.children[0].text(string(f))
	}
	b.close()
}

// partitionValues writes the keys in the given order if m has exactly those,
// else sorted.
func (b *builder) partitionValues(m map[string]*string, order []string) {
	keys := order
	if len(m) != len(order) {
		keys = sortedKeys(m)
	} else {
		for _, k := range order {
			if _, ok := m[k]; !ok {
				keys = sortedKeys(m)
				break
			}
		}
	}
	for _, k := range keys {
		b.children[0].text(k)
		b.children[1].textPtr(m[k])
	}
	b.close()
}

func (b *builder) deletionVector(d *DVDescriptor) {
	if d == nil {
		b.null()
		return
	}
	b.next(true)
	c := b.children
	c[0].text(d.StorageType)
	c[1].text(d.PathOrInlineDV)
	if d.Offset == nil {
		c[2].null()
	} else {
		c[2].integer(int64(*d.Offset))
	}
	c[3].integer(int64(d.SizeInBytes))
	c[4].integer(d.Cardinality)
	c[5].integerPtr(d.MaxRowIndex)
}
