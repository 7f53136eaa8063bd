package sqlfn

import (
	"fmt"
	"math"

	"github.com/deltalog/deltalog/internal/schemavec"
	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

func hashFuncs() []def {
	return []def{
		{"hash", hashFunc(schema.Integer, murmurHash, func(h []uint32) *vec.Vec {
			return &vec.Vec{Kind: vec.Int32, Len: len(h), Data: vec.BytesOf(h)}
		})},
		{"xxhash64", hashFunc(schema.Long, xxHash, func(h []uint64) *vec.Vec {
			return &vec.Vec{Kind: vec.Int64, Len: len(h), Data: vec.BytesOf(h)}
		})},
	}
}

// A hashing folds one value into a hash. Each value's hash is the seed of the
// next; a null changes nothing.
type hashing[S uint32 | uint64] struct {
	i32   func(v int32, seed S) S
	i64   func(v int64, seed S) S
	bytes func(v []byte, seed S) S
	// column folds the columns that are the most frequent; false for others.
	column func(h []S, a Arg) bool
}

var (
	murmurHash = hashing[uint32]{murmur32, murmur64, murmurBytes, murmurColumn}
	xxHash     = hashing[uint64]{xx32, xx64, xxBytes, xxColumn}
)

// hashSeed is Spark's.
const hashSeed = 42

func hashFunc[S uint32 | uint64](result schema.DataType, f hashing[S], out func([]S) *vec.Vec) resolver {
	return func(b *binding) (Signature, error) {
		if len(b.args) == 0 {
			return Signature{}, b.countError(1, -1)
		}
		for i, t := range b.args {
			if why := unhashable(t); why != nil {
				return Signature{}, fmt.Errorf("argument %d is %v, and there is no hash of %v", i+1, t, why)
			}
		}
		return signature(b.args, result, func(c *call) (*vec.Vec, error) {
			h := make([]S, c.n)
			for i := range h {
				h[i] = hashSeed
			}
			for k, a := range c.args {
				f.fold(h, a, c.types[k])
			}
			return out(h), nil
		}), nil
	}
}

// unhashable returns the type within t that has no hash. Equal maps may differ
// in the order of their entries, so Spark refuses them.
func unhashable(t schema.DataType) schema.DataType {
	switch t := t.(type) {
	case *schema.Map:
		return t
	case *schema.Array:
		return unhashable(t.Element)
	case *schema.Struct:
		for i := range t.Fields {
			if why := unhashable(t.Fields[i].Type); why != nil {
				return why
			}
		}
	case schema.Primitive:
		if t == schema.Variant {
			return t
		}
	}
	return nil
}

// fold folds a column into the hashes of its rows.
func (f *hashing[S]) fold(h []S, a Arg, t schema.DataType) {
	if a.Kind == vec.Null || a.Const && a.IsNull(0) || f.column(h, a) {
		return
	}
	if a.Const {
		for i := range h {
			h[i] = f.value(h[i], a.Vec, t, 0)
		}
		return
	}
	for i := range h {
		h[i] = f.value(h[i], a.Vec, t, i)
	}
}

// value folds value i of v into a hash.
func (f *hashing[S]) value(h S, v *vec.Vec, t schema.DataType, i int) S {
	if v.IsNull(i) {
		return h
	}
	switch t := t.(type) {
	case *schema.Struct:
		for k := range t.Fields {
			h = f.value(h, v.Children[k], t.Fields[k].Type, v.Off+i)
		}
		return h
	case *schema.Array:
		for e := v.Offsets[v.Off+i]; e < v.Offsets[v.Off+i+1]; e++ {
			h = f.value(h, v.Children[0], t.Element, int(e))
		}
		return h
	case schema.Decimal:
		d := schema.Decimal128FromLittleEndian(vec.Values[[16]byte](v)[i])
		if t.Precision <= 18 {
			return f.i64(int64(d.Lo()), h)
		}
		return f.bytes(minimalBytes(d), h)
	}
	switch schemavec.Layout(t) {
	case vec.Bool:
		if v.Bool(i) {
			return f.i32(1, h)
		}
		return f.i32(0, h)
	case vec.Int8:
		return f.i32(int32(vec.Values[int8](v)[i]), h)
	case vec.Int16:
		return f.i32(int32(vec.Values[int16](v)[i]), h)
	case vec.Int32:
		return f.i32(vec.Values[int32](v)[i], h)
	case vec.Int64:
		return f.i64(vec.Values[int64](v)[i], h)
	case vec.Float32:
		return f.i32(floatBits(vec.Values[float32](v)[i]), h)
	case vec.Float64:
		return f.i64(doubleBits(vec.Values[float64](v)[i]), h)
	case vec.Bytes:
		return f.bytes(v.At(i), h)
	}
	return h
}

// minimalBytes returns d in the fewest bytes that hold it, most significant first.
func minimalBytes(d schema.Decimal128) []byte {
	b := d.AppendBigEndian(make([]byte, 0, 16), 16)
	for len(b) > 1 && (b[0] == 0 && b[1] < 0x80 || b[0] == 0xFF && b[1] >= 0x80) {
		b = b[1:]
	}
	return b
}

// floatBits has one zero and one NaN.
func floatBits(v float32) int32 {
	switch {
	case v == 0:
		return 0
	case v != v:
		return 0x7FC00000
	}
	return int32(math.Float32bits(v))
}

func doubleBits(v float64) int64 {
	switch {
	case v == 0:
		return 0
	case v != v:
		return 0x7FF8000000000000
	}
	return int64(math.Float64bits(v))
}

// murmurColumn and xxColumn are alike but for what they call: called through a variable
// it costs an eighth more for each number.
func murmurColumn(h []uint32, a Arg) bool {
	switch {
	case a.Const:
		return false
	case a.Kind == vec.Int32:
		for i, v := range vec.Values[int32](a.Vec) {
			if a.Valid == nil || !a.IsNull(i) {
				h[i] = murmur32(v, h[i])
			}
		}
	case a.Kind == vec.Int64:
		for i, v := range vec.Values[int64](a.Vec) {
			if a.Valid == nil || !a.IsNull(i) {
				h[i] = murmur64(v, h[i])
			}
		}
	case a.Kind == vec.Bytes:
		s := textOf(a)
		for i := range h {
			if a.Valid == nil || !a.IsNull(i) {
				h[i] = murmurBytes(s.at(i), h[i])
			}
		}
	default:
		return false
	}
	return true
}

func xxColumn(h []uint64, a Arg) bool {
	switch {
	case a.Const:
		return false
	case a.Kind == vec.Int32:
		for i, v := range vec.Values[int32](a.Vec) {
			if a.Valid == nil || !a.IsNull(i) {
				h[i] = xx32(v, h[i])
			}
		}
	case a.Kind == vec.Int64:
		for i, v := range vec.Values[int64](a.Vec) {
			if a.Valid == nil || !a.IsNull(i) {
				h[i] = xx64(v, h[i])
			}
		}
	case a.Kind == vec.Bytes:
		s := textOf(a)
		for i := range h {
			if a.Valid == nil || !a.IsNull(i) {
				h[i] = xxBytes(s.at(i), h[i])
			}
		}
	default:
		return false
	}
	return true
}
