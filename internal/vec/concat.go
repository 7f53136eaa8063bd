package vec

import (
	"fmt"
	"math"
	"unsafe"
)

// Width returns the bytes of a value of a fixed-width kind, 0 for the others.
func (k Kind) Width() int {
	switch k {
	case Int8:
		return 1
	case Int16:
		return 2
	case Int32, Float32:
		return 4
	case Int64, Float64:
		return 8
	case Decimal128:
		return 16
	}
	return 0
}

// String returns the kind's name in lower case.
func (k Kind) String() string {
	names := [...]string{
		"null", "bool", "int8", "int16", "int32", "int64", "float32", "float64",
		"decimal128", "bytes", "struct", "list", "map",
	}
	if int(k) < len(names) {
		return names[k]
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// Concat returns the values of all vs, one after the other. The vs have the same
// layout, down to the children, but a part of kind [Null] stands for nulls of any
// layout. Concat of one vec returns it; otherwise the result owns its memory.
//
// Errors: layouts that differ, and [ErrTooLarge].
func Concat(vs []*Vec) (*Vec, error) {
	if len(vs) == 1 {
		return vs[0], nil
	}
	return concat(vs)
}

// Compact returns v as a vec with Off 0, offsets that start at 0, children no
// longer than needed and buffers of exactly the window's size, all the way down,
// so that its memory is proportional to its window. Buffers that are so already
// are shared.
func Compact(v *Vec) *Vec {
	if v.compact() {
		return v
	}
	out, err := concat([]*Vec{v})
	if err != nil {
		panic(err) // not reached: one vec has one layout and fits its own offsets
	}
	return out
}

// Copy is [Compact] with memory of its own.
func Copy(v *Vec) *Vec {
	out, err := concat([]*Vec{v})
	if err != nil {
		panic(err) // not reached: one vec has one layout and fits its own offsets
	}
	return out
}

// MemorySize returns the bytes of v's buffers and of its children's, whole, and of
// the structs that describe them. Shared memory counts each time.
func MemorySize(v *Vec) int64 {
	n := int64(unsafe.Sizeof(*v)) + int64(len(v.Valid)) + int64(len(v.Data)) + 4*int64(len(v.Offsets))
	for _, c := range v.Children {
		n += MemorySize(c) + int64(unsafe.Sizeof(c))
	}
	return n
}

func (v *Vec) compact() bool {
	if v.Off != 0 || v.Valid != nil && len(v.Valid) != BitmapLen(v.Len) {
		return false
	}
	n := v.Len
	switch v.Kind {
	case Null:
		return true
	case Bool:
		return len(v.Data) == BitmapLen(n)
	case Bytes, List, Map:
		if len(v.Offsets) != n+1 || v.Offsets[0] != 0 {
			return false
		}
		n = int(v.Offsets[n])
		if v.Kind == Bytes {
			return len(v.Data) == n
		}
	case Struct:
	default:
		return len(v.Data) == n*v.Kind.Width()
	}
	for _, c := range v.Children {
		if c.Len != n || !c.compact() {
			return false
		}
	}
	return true
}

// concat always copies.
func concat(vs []*Vec) (*Vec, error) {
	out := &Vec{Kind: Null}
	var like *Vec // the first part that has a layout
	nulls := false
	size := int64(0)
	for _, v := range vs {
		if size += int64(v.Len); size > math.MaxInt32 {
			return nil, ErrTooLarge
		}
		nulls = nulls || v.Valid != nil || v.Kind == Null
		switch {
		case v.Kind == Null:
		case like == nil:
			like = v
		case v.Kind != like.Kind || len(v.Children) != len(like.Children):
			return nil, fmt.Errorf("vec: concat %v with %d children after %v with %d",
				v.Kind, len(v.Children), like.Kind, len(like.Children))
		}
	}
	out.Len = int(size)
	if like == nil {
		return out, nil
	}
	out.Kind = like.Kind
	if nulls {
		out.Valid = concatValid(vs, out.Len)
	}
	switch out.Kind {
	case Bool:
		out.Data = concatBits(vs, out.Len)
	case Bytes:
		return out, concatBytes(out, vs)
	case Struct:
		return out, concatChildren(out, len(like.Children), func(i, c int) *Vec {
			return vs[i].Children[c].Slice(vs[i].Off, vs[i].Off+vs[i].Len)
		}, vs)
	case List, Map:
		return out, concatList(out, like, vs)
	default:
		w := out.Kind.Width()
		if size*int64(w) > math.MaxInt {
			return nil, ErrTooLarge
		}
		out.Data = make([]byte, 0, out.Len*w)
		for _, v := range vs {
			switch {
			case v.Kind == Null:
				out.Data = out.Data[:len(out.Data)+v.Len*w] // zero, as made
			case v.Len > 0:
				out.Data = append(out.Data, v.Data[v.Off*w:(v.Off+v.Len)*w]...)
			}
		}
	}
	return out, nil
}

func concatValid(vs []*Vec, n int) []byte {
	dst := make([]byte, BitmapLen(n))
	at := 0
	for _, v := range vs {
		switch {
		case v.Kind == Null:
		case v.Valid == nil:
			SetBits(dst, at, v.Len)
		default:
			CopyBits(dst, at, v.Valid, v.Off, v.Len)
		}
		at += v.Len
	}
	return dst
}

func concatBits(vs []*Vec, n int) []byte {
	dst := make([]byte, BitmapLen(n))
	at := 0
	for _, v := range vs {
		if v.Kind != Null {
			CopyBits(dst, at, v.Data, v.Off, v.Len)
		}
		at += v.Len
	}
	return dst
}

// span returns where the window's bytes or elements lie in Data or the children.
func (v *Vec) span() (from, to int) {
	if v.Kind == Null || v.Len == 0 {
		return 0, 0
	}
	return int(v.Offsets[v.Off]), int(v.Offsets[v.Off+v.Len])
}

func concatBytes(out *Vec, vs []*Vec) error {
	size := int64(0)
	for _, v := range vs {
		from, to := v.span()
		if size += int64(to - from); size > math.MaxInt32 {
			return ErrTooLarge
		}
	}
	out.Offsets = make([]int32, 1, out.Len+1)
	out.Data = make([]byte, 0, size)
	for _, v := range vs {
		from, to := v.span()
		out.Offsets = appendOffsets(out.Offsets, v, int32(len(out.Data)-from))
		out.Data = append(out.Data, v.Data[from:to]...)
	}
	return nil
}

// appendOffsets appends where v's values end, moved by shift.
func appendOffsets(dst []int32, v *Vec, shift int32) []int32 {
	if v.Kind == Null {
		for range v.Len {
			dst = append(dst, dst[len(dst)-1])
		}
		return dst
	}
	if v.Len == 0 {
		return dst
	}
	for _, o := range v.Offsets[v.Off+1 : v.Off+v.Len+1] {
		dst = append(dst, o+shift)
	}
	return dst
}

func concatList(out, like *Vec, vs []*Vec) error {
	size := int64(0)
	for _, v := range vs {
		from, to := v.span()
		if size += int64(to - from); size > math.MaxInt32 {
			return ErrTooLarge
		}
	}
	out.Offsets = make([]int32, 1, out.Len+1)
	at := 0
	for _, v := range vs {
		from, to := v.span()
		out.Offsets = appendOffsets(out.Offsets, v, int32(at-from))
		at += to - from
	}
	return concatChildren(out, len(like.Children), func(i, c int) *Vec {
		from, to := vs[i].span()
		return vs[i].Children[c].Slice(from, to)
	}, vs)
}

// concatChildren sets out's n children to the concatenation of part(i, c), child
// c of vs[i]; the children of a null part are null.
func concatChildren(out *Vec, n int, part func(i, c int) *Vec, vs []*Vec) error {
	parts := make([]*Vec, len(vs))
	for c := range n {
		for i, v := range vs {
			switch {
			case v.Kind != Null:
				parts[i] = part(i, c)
			case out.Kind == Struct:
				parts[i] = &Vec{Kind: Null, Len: v.Len}
			default:
				parts[i] = &Vec{Kind: Null}
			}
		}
		child, err := concat(parts)
		if err != nil {
			return err
		}
		out.Children = append(out.Children, child)
	}
	return nil
}
