package txlog

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/deltalog/deltalog/internal/vec"
)

// rows gives access to a struct column by field. Fields that the file does not
// have are null.
type rows struct {
	v        *vec.Vec
	children []*vec.Vec
}

func rowsOf(v *vec.Vec) rows {
	r := rows{v: v}
	if v.Kind == vec.Null {
		return r
	}
	r.children = v.Children
	if v.Off > 0 {
		r.children = make([]*vec.Vec, len(v.Children))
		for i, c := range v.Children {
			r.children[i] = c.Slice(v.Off, v.Off+v.Len)
		}
	}
	return r
}

// has reports whether row i is not null.
func (r rows) has(i int) bool { return r.v.Kind != vec.Null && !r.v.IsNull(i) }

// text returns a copy of a string, and whether it is there.
func text(v *vec.Vec, i int) (string, bool) {
	if v.IsNull(i) {
		return "", false
	}
	return string(v.At(i)), true
}

func textOf(v *vec.Vec, i int) string {
	t, _ := text(v, i)
	return t
}

func longOf(v *vec.Vec, i int) *int64 {
	if v.IsNull(i) {
		return nil
	}
	n := vec.Values[int64](v)[i]
	return &n
}

func intOf(v *vec.Vec, i int) *int32 {
	if v.IsNull(i) {
		return nil
	}
	n := vec.Values[int32](v)[i]
	return &n
}

func boolOf(v *vec.Vec, i int) bool { return !v.IsNull(i) && v.Bool(i) }

// textsOf returns a copy of a map of strings; nil for null. Null values count as
// absent.
func textsOf(v *vec.Vec, i int) (map[string]string, error) {
	if v.IsNull(i) {
		return nil, nil
	}
	m := map[string]string{}
	for j := int(v.Offsets[v.Off+i]); j < int(v.Offsets[v.Off+i+1]); j++ {
		k, ok := text(v.Children[0], j)
		if _, dup := m[k]; dup || !ok {
			return nil, errBadMap
		}
		if t, ok := text(v.Children[1], j); ok {
			m[k] = t
		}
	}
	return m, nil
}

var errBadMap = errors.New("a map has a key twice, or null as a key")

func textListOf(v *vec.Vec, i int) []string {
	if v.IsNull(i) {
		return nil
	}
	l := []string{}
	for j := int(v.Offsets[v.Off+i]); j < int(v.Offsets[v.Off+i+1]); j++ {
		l = append(l, textOf(v.Children[0], j))
	}
	return l
}

func featuresOf(v *vec.Vec, i int) []Feature {
	l := textListOf(v, i)
	if l == nil {
		return nil
	}
	fs := make([]Feature, len(l))
	for j, f := range l {
		fs[j] = Feature(f)
	}
	return fs
}

// dvOf returns a copy of a deletion vector's descriptor; nil for null.
func dvOf(v *vec.Vec, i int) (*DVDescriptor, error) {
	if v.IsNull(i) {
		return nil, nil
	}
	r := rowsOf(v)
	size, card := intOf(r.children[3], i), longOf(r.children[4], i)
	kind, ok := text(r.children[0], i)
	path, ok2 := text(r.children[1], i)
	if !ok || !ok2 || size == nil || card == nil || *size < 0 || *card < 0 {
		return nil, errors.New("a deletion vector lacks a field or has a negative size")
	}
	return &DVDescriptor{
		StorageType: kind, PathOrInlineDV: path, Offset: intOf(r.children[2], i),
		SizeInBytes: *size, Cardinality: *card, MaxRowIndex: longOf(r.children[5], i),
	}, nil
}

// A valuesReader turns rows of a partitionValues column into maps, and gives
// equal rows one map.
type valuesReader struct {
	intern intern[*values]
	key    []byte // encoding of the row read last
	last   *values
	buf    []byte
}

// values are one partition's values, and what the caller said about them.
type values struct {
	m      map[string]*string
	asked  bool
	wanted bool
}

// is asks once whether the partition is wanted.
func (v *values) is(wanted func(map[string]*string) bool) bool {
	if !v.asked {
		v.asked, v.wanted = true, wanted(v.m)
	}
	return v.wanted
}

// at returns the partition values of row i; the map is never nil.
func (r *valuesReader) at(v *vec.Vec, i int) (*values, error) {
	r.buf = r.buf[:0]
	var from, to int
	if !v.IsNull(i) {
		from, to = int(v.Offsets[v.Off+i]), int(v.Offsets[v.Off+i+1])
	}
	for j := from; j < to; j++ {
		keys, values := v.Children[0], v.Children[1]
		if keys.IsNull(j) {
			return nil, errBadMap
		}
		r.buf = appendSized(r.buf, keys.At(j))
		if values.IsNull(j) {
			r.buf = append(r.buf, 0)
		} else {
			r.buf = appendSized(append(r.buf, 1), values.At(j))
		}
	}
	if r.last != nil && bytes.Equal(r.buf, r.key) {
		return r.last, nil
	}
	p, ok := r.intern.m[string(r.buf)]
	if !ok {
		p = &values{m: noValues}
		if from < to {
			p.m = make(map[string]*string, to-from)
		}
		for j := from; j < to; j++ {
			k := string(v.Children[0].At(j))
			if _, dup := p.m[k]; dup {
				return nil, errBadMap
			}
			p.m[k] = nil
			if t, ok := text(v.Children[1], j); ok {
				p.m[k] = &t
			}
		}
		r.intern.put(string(r.buf), p)
	}
	r.key, r.last = append(r.key[:0], r.buf...), p
	return p, nil
}

// appendSized appends b behind its length, so that joined texts stay apart.
func appendSized(dst, b []byte) []byte {
	n := len(b)
	for ; n >= 0x80; n >>= 7 {
		dst = append(dst, byte(n)|0x80)
	}
	return append(append(dst, byte(n)), b...)
}

// missing says that a required field of an action is null.
func missing(field string) error { return fmt.Errorf("%s is required and missing", field) }
