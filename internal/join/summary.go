package join

import (
	"slices"

	"github.com/deltalog/deltalog/internal/schemavec"
	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// A KeyRange says which values a key column has in the rows that can match.
type KeyRange struct {
	Type     schema.DataType
	Min, Max schema.Value   // null values if there are none; NaN does not count
	NaN      bool           // some values are NaN
	Nulls    int64          // null values, whether they can match or not
	Distinct []schema.Value // all values other than null, ascending, NaN last; nil if there are too many
}

// distinctMost is how many distinct values of a column are remembered, and
// distinctBytes how many bytes of them.
const (
	distinctMost  = 1024
	distinctBytes = 64 << 10
)

// KeySummary returns what is known of each key column's values, to decide which
// files of the target can hold matches. Distinct values are returned when there
// are at most maxDistinct, and never more than 1024 or 64 KiB of strings. Rows
// that match nothing, for a null in a column that is not null-safe, count only in
// Nulls. It may be called at any time before [Source.Close].
func (s *Source) KeySummary(maxDistinct int) []KeyRange {
	out := make([]KeyRange, len(s.summary))
	for i, k := range s.summary {
		out[i] = KeyRange{Type: k.t, Min: k.min, Max: k.max, NaN: k.nan, Nulls: k.nulls}
		if k.distinct == nil || len(k.distinct) > maxDistinct {
			continue
		}
		out[i].Distinct = make([]schema.Value, 0, len(k.distinct))
		for _, v := range k.distinct {
			out[i].Distinct = append(out[i].Distinct, v)
		}
		slices.SortFunc(out[i].Distinct, schema.Compare)
	}
	return out
}

// A keySummary follows the values of one key column.
type keySummary struct {
	t        schema.DataType
	min, max schema.Value
	nan      bool
	nulls    int64
	distinct map[string]schema.Value // by their bytes; nil when there are too many
	size     int
	last     []byte // the value seen last, if it is in distinct
}

func newKeySummary(t schema.DataType) *keySummary {
	return &keySummary{t: t, min: schema.Null(t), max: schema.Null(t), distinct: map[string]schema.Value{}}
}

// add counts the values of the rows of a batch.
func (k *keySummary) add(v *vec.Vec, b *keyBatch) {
	k.nulls += int64(v.NullCount())
	var lo, hi int
	switch v.Kind {
	case vec.Bool:
		lo, hi = extremes(v, b, func(i, j int) bool { return !v.Bool(i) && v.Bool(j) })
	case vec.Int8:
		lo, hi = extremesOf[int8](k, v, b)
	case vec.Int16:
		lo, hi = extremesOf[int16](k, v, b)
	case vec.Int32:
		lo, hi = extremesOf[int32](k, v, b)
	case vec.Int64:
		lo, hi = extremesOf[int64](k, v, b)
	case vec.Float32:
		lo, hi = extremesOf[float32](k, v, b)
	case vec.Float64:
		lo, hi = extremesOf[float64](k, v, b)
	default:
		lo, hi = extremes(v, b, func(i, j int) bool { return compareValues(v, i, v, j) < 0 })
	}
	if lo >= 0 {
		if x := schemavec.Value(v, k.t, lo); k.min.IsNull() || schema.Compare(x, k.min) < 0 {
			k.min = x
		}
		if x := schemavec.Value(v, k.t, hi); k.max.IsNull() || schema.Compare(x, k.max) > 0 {
			k.max = x
		}
	}
	k.addDistinct(v, b)
}

// extremesOf returns where the smallest and the greatest value are, or -1.
func extremesOf[T int8 | int16 | int32 | int64 | float32 | float64](k *keySummary, v *vec.Vec, b *keyBatch) (lo, hi int) {
	lo, hi = -1, -1
	var least, most T
	xs := vec.Values[T](v)
	whole := v.Valid == nil && !b.anySkip
	for i, x := range xs {
		if !whole && (v.IsNull(i) || b.skip[i]) {
			continue
		}
		switch {
		case x != x:
			k.nan = true
		case lo < 0:
			lo, hi, least, most = i, i, x, x
		case x < least:
			lo, least = i, x
		case x > most:
			hi, most = i, x
		}
	}
	return lo, hi
}

// extremes is extremesOf for values that are compared by their places.
func extremes(v *vec.Vec, b *keyBatch, less func(i, j int) bool) (lo, hi int) {
	lo, hi = -1, -1
	for i := range v.Len {
		switch {
		case v.IsNull(i) || b.anySkip && b.skip[i]:
		case lo < 0:
			lo, hi = i, i
		case less(i, lo):
			lo = i
		case less(hi, i):
			hi = i
		}
	}
	return lo, hi
}

// addDistinct remembers the values, until there are too many.
func (k *keySummary) addDistinct(v *vec.Vec, b *keyBatch) {
	var buf [16]byte
	for i := 0; i < v.Len && k.distinct != nil; i++ {
		if v.IsNull(i) || b.anySkip && b.skip[i] {
			continue
		}
		p := canonical(v, i, &buf)
		if k.last != nil && string(k.last) == string(p) {
			continue
		}
		if _, seen := k.distinct[string(p)]; !seen {
			if k.size += len(p); len(k.distinct) == distinctMost || k.size > distinctBytes {
				k.distinct, k.last = nil, nil
				return
			}
			k.distinct[string(p)] = schemavec.Value(v, k.t, i)
		}
		k.last = append(k.last[:0], p...)
	}
}

// canonical returns bytes that are the same for equal values of a column.
func canonical(v *vec.Vec, i int, buf *[16]byte) []byte {
	switch v.Kind {
	case vec.Bool:
		buf[0] = 0
		if v.Bool(i) {
			buf[0] = 1
		}
		return buf[:1]
	case vec.Bytes:
		return v.At(i)
	case vec.Float32:
		return putWord(buf, uint64(floatBits32(vec.Values[float32](v)[i])))
	case vec.Float64:
		return putWord(buf, vec.FloatBits(vec.Values[float64](v)[i]))
	}
	w := v.Kind.Width()
	return v.Data[(v.Off+i)*w : (v.Off+i+1)*w]
}

func putWord(buf *[16]byte, w uint64) []byte {
	for i := range 8 {
		buf[i] = byte(w >> (8 * i))
	}
	return buf[:8]
}
