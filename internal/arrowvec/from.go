// Package arrowvec turns Arrow arrays into column vectors and back.
//
// [FromArray] and [ToArray] share memory wherever the layouts agree, which is
// everywhere but for types that Delta does not have: those are converted to the
// type that [FromArrowSchema] names for them, without loss or not at all.
//
// Memory is kept alive by Go's garbage collector: nobody needs to call Release,
// and a Release by the array's other users does no harm. This holds for arrays
// in Go memory, as arrow-go makes them by default. Memory of a C library, which
// Release really frees, must be kept until its Vecs are out of use.
package arrowvec

import (
	"fmt"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/deltalog/deltalog/internal/vec"
)

// maxDepth is how deep types may nest.
const maxDepth = 100

// FromArray returns a's values in the layout of the Delta type that [FromArrowSchema]
// gives for a's type. Dictionary and run-end encoded arrays are decoded, string
// views copied; times of seconds, milliseconds and nanoseconds become
// microseconds.
//
// It is an error if a's type has no Delta type, if a value would lose precision
// or range, if strings or list elements need offsets of more than 31 bits, and if
// a's buffers are too short or its offsets lead outside of them.
func FromArray(a arrow.Array) (*vec.Vec, error) {
	v, err := fromData(a.Data(), maxDepth)
	if err == nil {
		err = vec.Check(v)
	}
	if err != nil {
		return nil, fmt.Errorf("arrowvec: array of type %s: %w", a.DataType(), err)
	}
	return v, nil
}

// fixed are the types whose memory is a Vec's as it is.
var fixed = map[arrow.Type]vec.Kind{
	arrow.BOOL: vec.Bool, arrow.INT8: vec.Int8, arrow.INT16: vec.Int16, arrow.INT32: vec.Int32,
	arrow.INT64: vec.Int64, arrow.FLOAT32: vec.Float32, arrow.FLOAT64: vec.Float64,
	arrow.DATE32: vec.Int32, arrow.DECIMAL128: vec.Decimal128,
}

func fromData(d arrow.ArrayData, depth int) (*vec.Vec, error) {
	if depth == 0 {
		return nil, fmt.Errorf("nested deeper than %d levels", maxDepth)
	}
	t := d.DataType()
	if k, ok := fixed[t.ID()]; ok {
		return flat(d, k), nil
	}
	switch t := t.(type) {
	case *arrow.NullType:
		return &vec.Vec{Kind: vec.Null, Len: d.Len()}, nil
	case *arrow.StringType, *arrow.BinaryType:
		v := flat(d, vec.Bytes)
		v.Offsets, v.Data = words[int32](d, 1), buffer(d, 2)
		return v, nil
	case *arrow.LargeStringType, *arrow.LargeBinaryType:
		v := flat(d, vec.Bytes)
		return v, narrowOffsets(v, d, func(from, to int64) error {
			data := buffer(d, 2)
			if from < 0 || to < from || to > int64(len(data)) {
				return fmt.Errorf("offsets %d … %d in %d bytes of data", from, to, len(data))
			}
			v.Data = data[from:to]
			return nil
		})
	case *arrow.StringViewType, *arrow.BinaryViewType:
		return fromViews(d)
	case *arrow.FixedSizeBinaryType:
		return fromFixedBinary(d, t.ByteWidth)
	case *arrow.StructType:
		v := flat(d, vec.Struct)
		return v, fromChildren(v, d, depth)
	case *arrow.MapType:
		return fromMap(d, depth)
	case *arrow.ListType:
		v := flat(d, vec.List)
		v.Offsets = words[int32](d, 1)
		return v, fromChildren(v, d, depth)
	case *arrow.LargeListType:
		v := flat(d, vec.List)
		if err := fromChildren(v, d, depth); err != nil {
			return nil, err
		}
		return v, narrowOffsets(v, d, func(from, to int64) error {
			if from < 0 || to < from || to > int64(v.Children[0].Len) {
				return fmt.Errorf("offsets %d … %d in %d elements", from, to, v.Children[0].Len)
			}
			v.Children[0] = v.Children[0].Slice(int(from), int(to))
			return nil
		})
	case *arrow.FixedSizeListType:
		v := flat(d, vec.List)
		if err := stepOffsets(v, int(t.Len())); err != nil {
			return nil, err
		}
		return v, fromChildren(v, d, depth)
	case *arrow.DictionaryType:
		return fromDictionary(d, depth)
	case *arrow.RunEndEncodedType:
		return fromRuns(d, depth)
	case arrow.ExtensionType:
		return fromData(storage(d, t), depth-1)
	}
	return convert(d)
}

// flat returns a Vec of d's window with d's validity and, for kinds of one
// buffer, d's data.
func flat(d arrow.ArrayData, k vec.Kind) *vec.Vec {
	v := &vec.Vec{Kind: k, Len: d.Len(), Off: d.Offset()}
	if d.NullN() != 0 {
		v.Valid = buffer(d, 0)
	}
	if k != vec.Bytes && k < vec.Struct {
		v.Data = buffer(d, 1)
	}
	return v
}

// buffer returns d's buffer i; nil if there is none.
func buffer(d arrow.ArrayData, i int) []byte {
	if b := d.Buffers(); i < len(b) && b[i] != nil {
		return b[i].Bytes()
	}
	return nil
}

// words views d's buffer i as numbers.
func words[T vec.Fixed](d arrow.ArrayData, i int) []T {
	b := buffer(d, i)
	return vec.Values[T](&vec.Vec{Len: len(b) / width[T](), Data: b})
}

func width[T vec.Fixed]() int {
	var z [1]T
	return len(vec.BytesOf(z[:]))
}

func fromChildren(v *vec.Vec, d arrow.ArrayData, depth int) error {
	for _, c := range d.Children() {
		child, err := fromData(c, depth-1)
		if err != nil {
			return err
		}
		v.Children = append(v.Children, child)
	}
	return nil
}

// fromMap takes the entries apart: a Map's positions count from the beginning of
// the entries' window.
func fromMap(d arrow.ArrayData, depth int) (*vec.Vec, error) {
	v := flat(d, vec.Map)
	v.Offsets = words[int32](d, 1)
	if len(d.Children()) != 1 || len(d.Children()[0].Children()) != 2 {
		return nil, fmt.Errorf("a map without keys and values")
	}
	entries := d.Children()[0]
	if err := fromChildren(v, entries, depth-1); err != nil {
		return nil, err
	}
	from, to := entries.Offset(), entries.Offset()+entries.Len()
	for i, c := range v.Children {
		if c.Len < to {
			return nil, fmt.Errorf("a map of %d entries with %d keys or values", to, c.Len)
		}
		v.Children[i] = c.Slice(from, to)
	}
	return v, nil
}

// narrowOffsets makes v's offsets of d's 64-bit ones, counting from the first,
// and calls cut with the range they cover.
func narrowOffsets(v *vec.Vec, d arrow.ArrayData, cut func(from, to int64) error) error {
	if v.Len == 0 {
		return cut(0, 0)
	}
	wide := words[int64](d, 1)
	if len(wide) < v.Off+v.Len+1 {
		return fmt.Errorf("%d offsets for %d values", len(wide), v.Off+v.Len)
	}
	first, last := wide[v.Off], wide[v.Off+v.Len]
	if last-first > math.MaxInt32 {
		return vec.ErrTooLarge
	}
	v.Offsets = make([]int32, v.Off+v.Len+1)
	for i, o := range wide[v.Off : v.Off+v.Len+1] {
		if o < first || o > last {
			return fmt.Errorf("offset %d outside of %d … %d", o, first, last)
		}
		v.Offsets[v.Off+i] = int32(o - first)
	}
	return cut(first, last)
}

// stepOffsets gives v offsets that are size apart.
func stepOffsets(v *vec.Vec, size int) error {
	if int64(v.Off+v.Len)*int64(size) > math.MaxInt32 {
		return vec.ErrTooLarge
	}
	v.Offsets = make([]int32, v.Off+v.Len+1)
	for i := range v.Offsets {
		v.Offsets[i] = int32(i * size)
	}
	return nil
}

func fromFixedBinary(d arrow.ArrayData, width int) (*vec.Vec, error) {
	v := flat(d, vec.Bytes)
	v.Data = buffer(d, 1)
	return v, stepOffsets(v, width)
}

// fromViews copies: a view's bytes lie in any number of buffers.
func fromViews(d arrow.ArrayData) (*vec.Vec, error) {
	a, ok := array.MakeFromData(d).(array.ViewLike)
	if !ok {
		return nil, fmt.Errorf("%s is not a view array", d.DataType())
	}
	size := 0
	for i := range a.Len() {
		if a.IsValid(i) {
			size += a.ValueHeader(i).Len()
		}
	}
	if size > math.MaxInt32 {
		return nil, vec.ErrTooLarge
	}
	v := &vec.Vec{Kind: vec.Bytes, Len: a.Len(), Offsets: make([]int32, a.Len()+1), Data: make([]byte, 0, size)}
	if a.NullN() > 0 {
		v.Valid = make([]byte, vec.BitmapLen(a.Len()))
		vec.CopyBits(v.Valid, 0, buffer(d, 0), d.Offset(), a.Len())
	}
	value := viewBytes(a)
	for i := range a.Len() {
		if a.IsValid(i) {
			v.Data = append(v.Data, value(i)...)
		}
		v.Offsets[i+1] = int32(len(v.Data))
	}
	return v, nil
}

func viewBytes(a array.ViewLike) func(i int) []byte {
	switch a := a.(type) {
	case *array.StringView:
		return func(i int) []byte { return []byte(a.Value(i)) }
	case *array.BinaryView:
		return a.Value
	}
	return nil
}

// fromDictionary takes the values that the indices name.
func fromDictionary(d arrow.ArrayData, depth int) (*vec.Vec, error) {
	values, err := fromData(d.Dictionary(), depth-1)
	if err != nil {
		return nil, err
	}
	if err := vec.Check(values); err != nil {
		return nil, err
	}
	idx := make([]int32, d.Len())
	switch d.DataType().(*arrow.DictionaryType).IndexType.ID() {
	case arrow.INT8:
		err = indices[int8](idx, d, values.Len)
	case arrow.UINT8:
		err = indices[uint8](idx, d, values.Len)
	case arrow.INT16:
		err = indices[int16](idx, d, values.Len)
	case arrow.UINT16:
		err = indices[uint16](idx, d, values.Len)
	case arrow.INT32:
		err = indices[int32](idx, d, values.Len)
	case arrow.UINT32:
		err = indices[uint32](idx, d, values.Len)
	case arrow.INT64:
		err = indices[int64](idx, d, values.Len)
	default:
		err = indices[uint64](idx, d, values.Len)
	}
	if err != nil {
		return nil, err
	}
	return vec.Take(values, idx)
}

// indices fills idx with d's numbers, -1 for null.
func indices[T int8 | uint8 | int16 | uint16 | int32 | uint32 | int64 | uint64](idx []int32, d arrow.ArrayData, n int) error {
	w, err := numbers[T](d, 1)
	if err != nil {
		return err
	}
	v := flat(d, vec.Null)
	v.Kind = vec.Int8 // for its validity only
	for i, x := range w {
		switch {
		case v.IsNull(i):
			idx[i] = -1
		case x < 0 || uint64(x) >= uint64(n):
			return fmt.Errorf("index %d into a dictionary of %d values", x, n)
		default:
			idx[i] = int32(x)
		}
	}
	return nil
}

// fromRuns repeats each value up to where its run ends.
func fromRuns(d arrow.ArrayData, depth int) (*vec.Vec, error) {
	if len(d.Children()) != 2 {
		return nil, fmt.Errorf("run-end encoding without ends and values")
	}
	values, err := fromData(d.Children()[1], depth-1)
	if err != nil {
		return nil, err
	}
	if err := vec.Check(values); err != nil {
		return nil, err
	}
	ends := d.Children()[0]
	idx := make([]int32, d.Len())
	switch ends.DataType().ID() {
	case arrow.INT16:
		err = runs[int16](idx, d.Offset(), ends, values.Len)
	case arrow.INT32:
		err = runs[int32](idx, d.Offset(), ends, values.Len)
	default:
		err = runs[int64](idx, d.Offset(), ends, values.Len)
	}
	if err != nil {
		return nil, err
	}
	return vec.Take(values, idx)
}

// runs fills idx with the run that each position, from offset on, is in.
func runs[T int16 | int32 | int64](idx []int32, offset int, ends arrow.ArrayData, n int) error {
	w, err := numbers[T](ends, 1)
	if err != nil {
		return err
	}
	run := 0
	for i := range idx {
		for run < len(w) && int64(w[run]) <= int64(offset+i) {
			run++
		}
		if run == len(w) || run >= n {
			return fmt.Errorf("runs that end before position %d", offset+i)
		}
		idx[i] = int32(run)
	}
	return nil
}

// storage returns an extension array's data as its storage type's.
func storage(d arrow.ArrayData, t arrow.ExtensionType) arrow.ArrayData {
	s := array.NewData(t.StorageType(), d.Len(), d.Buffers(), d.Children(), d.NullN(), d.Offset())
	if dict := d.Dictionary(); dict != nil {
		if dict, ok := dict.(*array.Data); ok {
			s.SetDictionary(dict)
		}
	}
	return s
}

// wrap returns b as an Arrow buffer that the garbage collector owns; nil for nil.
func wrap(b []byte) *memory.Buffer {
	if b == nil {
		return nil
	}
	return memory.NewBufferBytes(b)
}
