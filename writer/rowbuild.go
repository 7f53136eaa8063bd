package writer

import (
	"errors"
	"math"
	"reflect"
	"unsafe"

	"github.com/deltalog/deltalog/internal/vec"
)

// A builder collects the values of one column. append reads a value of the
// builder's Go type at p.
type builder interface {
	append(p unsafe.Pointer) error
	appendNull()
	finish() *vec.Vec
	bytes() int
}

var errTooLong = errors.New("more than 2 GiB of text or elements in one batch")

// validity is a bitmap that is made when the first null comes.
type validity struct {
	bits  []byte
	n     int
	nulls bool
}

func (v *validity) add(valid bool) {
	if !valid && !v.nulls {
		v.nulls = true
		v.bits = make([]byte, vec.BitmapLen(v.n+1))
		vec.SetBits(v.bits, 0, v.n)
	}
	if v.nulls {
		if v.n>>3 >= len(v.bits) {
			v.bits = append(v.bits, 0)
		}
		if valid {
			v.bits[v.n>>3] |= 1 << (v.n & 7)
		}
	}
	v.n++
}

// A fixedBuilder collects values of one width. A nil f means that F is T.
type fixedBuilder[F any, T vec.Fixed] struct {
	validity
	kind   vec.Kind
	f      func(F) (T, error)
	values []T
}

func (b *fixedBuilder[F, T]) append(p unsafe.Pointer) error {
	x, err := b.f(*(*F)(p))
	if err != nil {
		return err
	}
	b.values = append(b.values, x)
	b.add(true)
	return nil
}

func (b *fixedBuilder[F, T]) appendNull() {
	var zero T
	b.values = append(b.values, zero)
	b.add(false)
}

func (b *fixedBuilder[F, T]) finish() *vec.Vec {
	return &vec.Vec{Kind: b.kind, Len: b.n, Valid: b.bits, Data: vec.BytesOf(b.values)}
}

func (b *fixedBuilder[F, T]) bytes() int { return len(b.values) * b.kind.Width() }

type boolBuilder struct {
	validity
	values []bool
}

func (b *boolBuilder) append(p unsafe.Pointer) error {
	b.values = append(b.values, *(*bool)(p))
	b.add(true)
	return nil
}

func (b *boolBuilder) appendNull() {
	b.values = append(b.values, false)
	b.add(false)
}

func (b *boolBuilder) finish() *vec.Vec {
	return &vec.Vec{Kind: vec.Bool, Len: b.n, Valid: b.bits, Data: vec.PackBools(b.values)}
}

func (b *boolBuilder) bytes() int { return len(b.values) }

// text collects bytes of any length.
type text struct {
	validity
	data    []byte
	offsets []int32
}

func (b *text) put(p []byte) error {
	if len(b.data)+len(p) > math.MaxInt32 {
		return errTooLong
	}
	if b.offsets == nil {
		b.offsets = []int32{0}
	}
	b.data = append(b.data, p...)
	b.offsets = append(b.offsets, int32(len(b.data)))
	b.add(true)
	return nil
}

func (b *text) appendNull() {
	if b.offsets == nil {
		b.offsets = []int32{0}
	}
	b.offsets = append(b.offsets, int32(len(b.data)))
	b.add(false)
}

func (b *text) finish() *vec.Vec {
	if b.offsets == nil {
		b.offsets = []int32{0}
	}
	return &vec.Vec{Kind: vec.Bytes, Len: b.n, Valid: b.bits, Data: b.data, Offsets: b.offsets}
}

func (b *text) bytes() int { return len(b.data) + 4*len(b.offsets) }

type stringBuilder struct{ text }

func (b *stringBuilder) append(p unsafe.Pointer) error {
	s := *(*string)(p)
	return b.put(unsafe.Slice(unsafe.StringData(s), len(s)))
}

type bytesBuilder struct {
	text
	optional bool
}

func (b *bytesBuilder) append(p unsafe.Pointer) error {
	s := *(*[]byte)(p)
	if s == nil && b.optional {
		b.appendNull()
		return nil
	}
	return b.put(s)
}

type arrayBuilder struct {
	text
	size int
}

func (b *arrayBuilder) append(p unsafe.Pointer) error { return b.put(unsafe.Slice((*byte)(p), b.size)) }

// A pointerBuilder collects what pointers point to.
type pointerBuilder struct{ builder }

func (b *pointerBuilder) append(p unsafe.Pointer) error {
	q := *(*unsafe.Pointer)(p)
	if q == nil {
		b.appendNull()
		return nil
	}
	return b.builder.append(q)
}

type structBuilder struct {
	validity
	fields []fieldPlan
	cols   []builder
}

func (b *structBuilder) append(p unsafe.Pointer) error {
	for i := range b.fields {
		if err := b.cols[i].append(b.fields[i].at(p)); err != nil {
			return err
		}
	}
	b.add(true)
	return nil
}

func (b *structBuilder) appendNull() {
	for _, c := range b.cols {
		c.appendNull()
	}
	b.add(false)
}

func (b *structBuilder) finish() *vec.Vec {
	v := &vec.Vec{Kind: vec.Struct, Len: b.n, Valid: b.bits}
	for _, c := range b.cols {
		v.Children = append(v.Children, c.finish())
	}
	return v
}

func (b *structBuilder) bytes() (n int) {
	for _, c := range b.cols {
		n += c.bytes()
	}
	return n
}

type sliceBuilder struct {
	validity
	size     uintptr // of an element
	elem     builder
	optional bool
	offsets  []int32
}

func (b *sliceBuilder) append(p unsafe.Pointer) error {
	s := *(*[]struct{})(p) // the header is the same for every element type
	if s == nil && b.optional {
		b.appendNull()
		return nil
	}
	last := int(b.offsets[len(b.offsets)-1])
	if last+len(s) > math.MaxInt32 {
		return errTooLong
	}
	first := unsafe.Pointer(unsafe.SliceData(s))
	for i := range uintptr(len(s)) {
		if err := b.elem.append(unsafe.Add(first, i*b.size)); err != nil {
			return err
		}
	}
	b.offsets = append(b.offsets, int32(last+len(s)))
	b.add(true)
	return nil
}

func (b *sliceBuilder) appendNull() {
	b.offsets = append(b.offsets, b.offsets[len(b.offsets)-1])
	b.add(false)
}

func (b *sliceBuilder) finish() *vec.Vec {
	return &vec.Vec{Kind: vec.List, Len: b.n, Valid: b.bits, Offsets: b.offsets, Children: []*vec.Vec{b.elem.finish()}}
}

func (b *sliceBuilder) bytes() int { return b.elem.bytes() + 4*len(b.offsets) }

type mapBuilder struct {
	validity
	typ          reflect.Type
	keys, values builder
	optional     bool
	offsets      []int32
}

func (b *mapBuilder) append(p unsafe.Pointer) error {
	m := reflect.NewAt(b.typ, p).Elem()
	if m.IsNil() && b.optional {
		b.appendNull()
		return nil
	}
	last := int(b.offsets[len(b.offsets)-1])
	if last+m.Len() > math.MaxInt32 {
		return errTooLong
	}
	k, v := reflect.New(b.typ.Key()), reflect.New(b.typ.Elem())
	for it := m.MapRange(); it.Next(); {
		k.Elem().Set(it.Key())
		v.Elem().Set(it.Value())
		if err := b.keys.append(k.UnsafePointer()); err != nil {
			return err
		}
		if err := b.values.append(v.UnsafePointer()); err != nil {
			return err
		}
	}
	b.offsets = append(b.offsets, int32(last+m.Len()))
	b.add(true)
	return nil
}

func (b *mapBuilder) appendNull() {
	b.offsets = append(b.offsets, b.offsets[len(b.offsets)-1])
	b.add(false)
}

func (b *mapBuilder) finish() *vec.Vec {
	return &vec.Vec{
		Kind: vec.Map, Len: b.n, Valid: b.bits, Offsets: b.offsets,
		Children: []*vec.Vec{b.keys.finish(), b.values.finish()},
	}
}

func (b *mapBuilder) bytes() int { return b.keys.bytes() + b.values.bytes() + 4*len(b.offsets) }
