package writer

import (
	"bytes"
	"fmt"

	"github.com/deltalog/deltalog/internal/schemavec"
	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// A splitter finds the partition of each row. Partitions are numbered in the
// order of their first rows, and keep their numbers over all batches.
type splitter struct {
	cols   []coder
	types  []schema.DataType
	pairs  []map[uint64]uint32 // of column k: (number so far, code) → number
	count  []uint32            // how many numbers pairs[k] has given
	codes  []uint32
	ids    []uint32
	starts []int32 // of each partition's rows in order
	order  []int32
	counts []int32 // rows of each partition in the batch
}

func newSplitter(types []schema.DataType) *splitter {
	s := &splitter{types: types}
	for _, t := range types {
		s.cols = append(s.cols, newCoder(t))
		s.pairs = append(s.pairs, map[uint64]uint32{})
		s.count = append(s.count, 0)
	}
	return s
}

// A run is the rows of one partition in a batch that is in the splitter's order.
type run struct {
	id       uint32
	first    int32 // row of the batch, before ordering
	from, to int
}

// split numbers the rows by partition. A nil order means that the batch is in
// order as it stands; else rows are to be taken in that order, which keeps the
// order of rows within a partition.
func (s *splitter) split(parts []*vec.Vec, rows int) (runs []run, order []int32) {
	if rows == 0 {
		return nil, nil
	}
	s.ids = grow(s.ids, rows)
	clear(s.ids)
	s.codes = grow(s.codes, rows)
	total := uint32(1)
	for k, v := range parts {
		s.cols[k].codes(v, s.codes)
		total = s.combine(k)
	}
	counts := grow(s.counts, int(total))
	clear(counts)
	s.counts = counts
	sorted := true
	for i, id := range s.ids {
		counts[id]++
		sorted = sorted && (i == 0 || id >= s.ids[i-1])
	}
	s.starts = grow(s.starts, int(total))
	at := int32(0)
	for id, n := range counts {
		s.starts[id] = at
		if n > 0 {
			runs = append(runs, run{id: uint32(id), from: int(at), to: int(at + n)})
		}
		at += n
	}
	if sorted {
		for i := range runs {
			runs[i].first = int32(runs[i].from)
		}
		return runs, nil
	}
	s.order = grow(s.order, rows)
	for i, id := range s.ids {
		s.order[s.starts[id]] = int32(i)
		s.starts[id]++
	}
	for i := range runs {
		runs[i].first = s.order[runs[i].from]
	}
	return runs, s.order
}

// combine joins column k's codes to the numbers so far, and returns how many
// numbers there are.
func (s *splitter) combine(k int) uint32 {
	pairs, last, number := s.pairs[k], uint64(0), uint32(0)
	for i, c := range s.codes[:len(s.ids)] {
		key := uint64(s.ids[i])<<32 | uint64(c)
		if i == 0 || key != last {
			n, ok := pairs[key]
			if !ok {
				n = s.count[k]
				s.count[k]++
				pairs[key] = n
			}
			last, number = key, n
		}
		s.ids[i] = number
	}
	return s.count[k]
}

func grow[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}

// A coder numbers the values of one partition column. Null and the empty text,
// which the log cannot tell apart, have one number.
type coder interface {
	codes(v *vec.Vec, out []uint32)
}

func newCoder(t schema.DataType) coder {
	switch t.Kind() {
	case schema.KindBoolean:
		return boolCoder{}
	case schema.KindByte:
		return &fixedCoder[int8, int8]{key: same[int8]}
	case schema.KindShort:
		return &fixedCoder[int16, int16]{key: same[int16]}
	case schema.KindInteger, schema.KindDate:
		return &fixedCoder[int32, int32]{key: same[int32]}
	case schema.KindFloat:
		return &fixedCoder[float32, uint64]{key: func(f float32) uint64 { return vec.FloatBits(float64(f)) }}
	case schema.KindDouble:
		return &fixedCoder[float64, uint64]{key: vec.FloatBits}
	case schema.KindDecimal:
		return &fixedCoder[[16]byte, [16]byte]{key: same[[16]byte]}
	case schema.KindString, schema.KindBinary:
		return &bytesCoder{}
	}
	return &fixedCoder[int64, int64]{key: same[int64]}
}

func same[T any](x T) T { return x }

type boolCoder struct{}

func (boolCoder) codes(v *vec.Vec, out []uint32) {
	for i := range v.Len {
		switch {
		case v.IsNull(i):
			out[i] = 0
		case v.Bool(i):
			out[i] = 2
		default:
			out[i] = 1
		}
	}
}

type fixedCoder[T vec.Fixed, K comparable] struct {
	key  func(T) K
	seen map[K]uint32
}

func (c *fixedCoder[T, K]) codes(v *vec.Vec, out []uint32) {
	if v.Kind == vec.Null {
		clear(out[:v.Len])
		return
	}
	if c.seen == nil {
		c.seen = map[K]uint32{}
	}
	var last K
	code, known := uint32(0), false
	for i, x := range vec.Values[T](v) {
		if v.IsNull(i) {
			out[i] = 0
			continue
		}
		if k := c.key(x); !known || k != last {
			n, ok := c.seen[k]
			if !ok {
				n = uint32(len(c.seen) + 1)
				c.seen[k] = n
			}
			last, code, known = k, n, true
		}
		out[i] = code
	}
}

type bytesCoder struct{ seen map[string]uint32 }

func (c *bytesCoder) codes(v *vec.Vec, out []uint32) {
	if v.Kind == vec.Null {
		clear(out[:v.Len])
		return
	}
	if c.seen == nil {
		c.seen = map[string]uint32{}
	}
	var last []byte
	code := uint32(0)
	for i := range v.Len {
		if v.IsNull(i) {
			out[i] = 0
			continue
		}
		b := v.At(i)
		if len(b) == 0 {
			out[i] = 0
			continue
		}
		if code == 0 || !bytes.Equal(b, last) {
			n, ok := c.seen[string(b)]
			if !ok {
				n = uint32(len(c.seen) + 1)
				c.seen[string(b)] = n
			}
			last, code = b, n
		}
		out[i] = code
	}
}

// partitionAt returns the partition of row i.
func (t *target) partitionAt(parts []*vec.Vec, i int) (Partition, error) {
	p := Partition{Raw: map[string]*string{}}
	for k, v := range parts {
		f := &t.Schema.Fields[t.partCols[k]]
		value := positiveZero(schemavec.Value(v, f.Type, i))
		raw, err := schema.FormatPartition(value)
		if err != nil {
			return p, fmt.Errorf("column %s: %w", f.Name, err)
		}
		if raw == nil {
			value = schema.Null(f.Type)
		}
		p.Values, p.Raw[t.physical[k]] = append(p.Values, value), raw
	}
	return p, nil
}

// positiveZero spells the two zeros, which are one partition, as one, whichever
// came first.
func positiveZero(v schema.Value) schema.Value {
	switch {
	case v.IsNull() || v.Float64() != 0:
		return v
	case v.Kind() == schema.KindFloat:
		return schema.FloatValue(0)
	case v.Kind() == schema.KindDouble:
		return schema.DoubleValue(0)
	}
	return v
}
