package join

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/deltalog/deltalog/internal/vec"
)

// Gather returns the rows with the given ids, in that order; ids may repeat and
// need not be sorted, but sorted ones are read faster from disk. Only the wanted
// columns are returned, in the order wanted. It returns an error that matches
// [vec.ErrTooLarge] when a column's values are more than 2 GiB: ask for fewer ids
// then. Safe for concurrent use after [Source.Build].
func (s *Source) Gather(ctx context.Context, ids []int64, columns []int) ([]*vec.Vec, error) {
	if err := s.check(columns); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	refs := make([]ref, len(ids))
	disk, ascending := 0, true
	for i, id := range ids {
		if id < 0 || id >= s.n {
			return nil, fmt.Errorf("join: row %d of a source of %d rows", id, s.n)
		}
		ascending = ascending && (i == 0 || ids[i-1] < id)
		if s.rows.onDisk(id) {
			disk++
			continue
		}
		refs[i].part, refs[i].row = s.rows.locate(id)
	}
	var read []*vec.Vec
	if disk > 0 {
		wanted := ids[:disk] // those in memory come after those on disk
		if !ascending {
			wanted = s.placeOnDisk(ids, refs)
		} else {
			for i := range wanted {
				refs[i] = ref{part: int32(len(s.rows.chunks)), row: int32(i)}
			}
		}
		var err error
		if read, err = s.rows.file.gather(ctx, wanted, columns); err != nil {
			return nil, err
		}
		if ascending && disk == len(ids) {
			return read, nil
		}
	}
	out := make([]*vec.Vec, len(columns))
	parts := make([]*vec.Vec, 0, len(s.rows.chunks)+1)
	for k, c := range columns {
		parts = parts[:0]
		for i := range s.rows.chunks {
			parts = append(parts, s.rows.chunks[i].cols[c])
		}
		if disk > 0 {
			parts = append(parts, read[k])
		}
		v, err := gatherParts(s.like[c], parts, refs)
		if err != nil {
			return nil, err
		}
		out[k] = v
	}
	return out, nil
}

// placeOnDisk returns the ids of rows on disk, ascending and each once, and sets
// the refs to them: they will be one more part, after the chunks.
func (s *Source) placeOnDisk(ids []int64, refs []ref) []int64 {
	order := make([]uint64, 0, len(ids)) // id and position
	for i, id := range ids {
		if s.rows.onDisk(id) {
			order = append(order, uint64(id)<<32|uint64(i))
		}
	}
	slices.Sort(order)
	wanted := make([]int64, 0, len(order))
	for _, o := range order {
		if id := int64(o >> 32); len(wanted) == 0 || wanted[len(wanted)-1] != id {
			wanted = append(wanted, id)
		}
		refs[uint32(o)] = ref{part: int32(len(s.rows.chunks)), row: int32(len(wanted) - 1)}
	}
	return wanted
}

// A ref is a row of one of several parts of a column.
type ref struct{ part, row int32 }

// gatherParts returns the values of a column whose parts are compact vectors of
// the layout of like.
func gatherParts(like *vec.Vec, parts []*vec.Vec, refs []ref) (*vec.Vec, error) {
	out := &vec.Vec{Kind: like.Kind, Len: len(refs)}
	if like.Kind == vec.Null {
		return out, nil
	}
	if int64(len(refs))*int64(like.Kind.Width()) > math.MaxInt {
		return nil, vec.ErrTooLarge
	}
	if slices.ContainsFunc(parts, func(p *vec.Vec) bool { return p.Valid != nil }) {
		out.Valid = gatherValid(parts, refs)
	}
	var err error
	switch like.Kind {
	case vec.Bool:
		out.Data = make([]byte, vec.BitmapLen(len(refs)))
		for i, r := range refs {
			if parts[r.part].Bool(int(r.row)) {
				out.Data[i>>3] |= 1 << (i & 7)
			}
		}
	case vec.Bytes:
		err = gatherBytes(out, parts, refs)
	case vec.Struct:
		err = gatherChildren(out, like, parts, refs)
	case vec.List, vec.Map:
		var elements []ref
		if elements, err = gatherLists(out, parts, refs); err == nil {
			err = gatherChildren(out, like, parts, elements)
		}
	default:
		out.Data = gatherFixed(like.Kind.Width(), parts, refs)
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}

func gatherValid(parts []*vec.Vec, refs []ref) []byte {
	valid := make([]byte, vec.BitmapLen(len(refs)))
	for i, r := range refs {
		if !parts[r.part].IsNull(int(r.row)) {
			valid[i>>3] |= 1 << (i & 7)
		}
	}
	return valid
}

func gatherFixed(w int, parts []*vec.Vec, refs []ref) []byte {
	dst := make([]byte, len(refs)*w)
	switch w {
	case 4:
		for i, r := range refs {
			x := binary.NativeEndian.Uint32(parts[r.part].Data[int(r.row)*4:])
			binary.NativeEndian.PutUint32(dst[i*4:], x)
		}
	case 8:
		for i, r := range refs {
			x := binary.NativeEndian.Uint64(parts[r.part].Data[int(r.row)*8:])
			binary.NativeEndian.PutUint64(dst[i*8:], x)
		}
	default:
		for i, r := range refs {
			copy(dst[i*w:][:w], parts[r.part].Data[int(r.row)*w:])
		}
	}
	return dst
}

func gatherBytes(out *vec.Vec, parts []*vec.Vec, refs []ref) error {
	out.Offsets = make([]int32, len(refs)+1)
	size := int64(0)
	for i, r := range refs {
		o := parts[r.part].Offsets[r.row:]
		if size += int64(o[1] - o[0]); size > math.MaxInt32 {
			return vec.ErrTooLarge
		}
		out.Offsets[i+1] = int32(size)
	}
	out.Data = make([]byte, size)
	for i, r := range refs {
		copy(out.Data[out.Offsets[i]:], parts[r.part].At(int(r.row)))
	}
	return nil
}

// gatherLists sets the offsets of lists and returns where their elements are.
func gatherLists(out *vec.Vec, parts []*vec.Vec, refs []ref) ([]ref, error) {
	out.Offsets = make([]int32, len(refs)+1)
	size := int64(0)
	for i, r := range refs {
		if p := parts[r.part]; !p.IsNull(int(r.row)) {
			size += int64(p.Offsets[r.row+1] - p.Offsets[r.row])
		}
		if size > math.MaxInt32 {
			return nil, vec.ErrTooLarge
		}
		out.Offsets[i+1] = int32(size)
	}
	if size > math.MaxInt/8 { // a ref has eight bytes
		return nil, vec.ErrTooLarge
	}
	elements := make([]ref, 0, size)
	for i, r := range refs {
		from := parts[r.part].Offsets[r.row]
		for e := range out.Offsets[i+1] - out.Offsets[i] {
			elements = append(elements, ref{part: r.part, row: from + e})
		}
	}
	return elements, nil
}

func gatherChildren(out, like *vec.Vec, parts []*vec.Vec, refs []ref) error {
	children := make([]*vec.Vec, len(parts))
	for c, l := range like.Children {
		for i, p := range parts {
			children[i] = p.Children[c]
		}
		v, err := gatherParts(l, children, refs)
		if err != nil {
			return err
		}
		out.Children = append(out.Children, v)
	}
	return nil
}
