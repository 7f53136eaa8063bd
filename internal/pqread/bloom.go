package pqread

import (
	"context"
	"encoding/binary"
	"math"

	"github.com/parquet-go/parquet-go/bloom/xxhash"
	"github.com/parquet-go/parquet-go/format"

	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

const (
	maxBloom       = 32 << 20 // a larger filter is not read
	bloomBlock     = 32       // bytes
	bloomHeader    = 64       // bytes that a header takes at most, about
	maxBloomHeader = 4 << 10  // of which unknown fields may make more
)

// Blooms are the bloom filters of one column. See the Parquet specification,
// "Bloom Filter".
type Blooms struct {
	file *File
	leaf *node
	want schema.DataType
}

// Blooms returns the bloom filters of the column at path, the names in the wanted
// schema from the outermost on. It makes no request. It returns nil when no row
// group has one, or when values of the wanted type cannot be looked up in them.
func (p *Projection) Blooms(path ...string) *Blooms {
	o := p.find(path)
	if o == nil || o.kind == vec.Null {
		return nil
	}
	b := &Blooms{file: p.file, leaf: p.leaves[o.leaf].node, want: wantedAt(p.want, path)}
	if !b.hashable() {
		return nil
	}
	for i := range p.file.meta.groups {
		if p.file.meta.groups[i].chunks[b.leaf.column].bloom.off > 0 {
			return b
		}
	}
	return nil
}

func wantedAt(s *schema.Struct, path []string) schema.DataType {
	var t schema.DataType = s
	for _, name := range path {
		t = t.(*schema.Struct).Fields[t.(*schema.Struct).Index(name)].Type
	}
	return t
}

// hashable reports whether each value of the wanted type is stored in one form, or
// not at all.
func (b *Blooms) hashable() bool {
	e := &b.leaf.elem
	switch b.want.Kind() {
	case schema.KindByte, schema.KindShort, schema.KindInteger, schema.KindLong:
		plain := e.logical.kind == logicalNone || e.logical.kind == logicalInt && e.logical.signed
		return plain && (e.typ == format.Int32 || e.typ == format.Int64)
	case schema.KindDate:
		return e.typ == format.Int32 && e.logical.kind == logicalDate
	case schema.KindTimestamp, schema.KindTimestampNTZ:
		return e.typ == format.Int64 && e.logical.kind == logicalTimestamp && e.logical.unit != nanos
	case schema.KindFloat:
		return e.typ == format.Float
	case schema.KindDouble:
		return e.typ == format.Double
	case schema.KindDecimal:
		// As a byte array, a number may have any count of leading zeros.
		return e.logical.kind == logicalDecimal && e.typ != format.ByteArray && e.logical.scale >= 0
	case schema.KindString, schema.KindBinary:
		return e.typ == format.ByteArray && e.logical.kind != logicalDecimal
	}
	return false
}

// Hashes appends the hashes of the forms in which v may be stored, none if the
// column cannot hold it. ok is false if that is not known: for null and NaN, which
// filters do not have, and values of another type.
func (b *Blooms) Hashes(dst []uint64, v schema.Value) (hashes []uint64, ok bool) {
	want := b.want.Kind()
	if v.IsNull() || v.Kind() != want && !(isInteger(v.Kind()) && isInteger(want)) {
		return dst, false
	}
	switch want {
	case schema.KindFloat, schema.KindDouble:
		return b.floats(dst, v.Float64())
	case schema.KindDecimal:
		return b.decimal(dst, v)
	case schema.KindString, schema.KindBinary:
		return append(dst, xxhash.Sum64([]byte(v.Text()))), true
	}
	n := v.Int64()
	if b.leaf.elem.logical.kind == logicalTimestamp && b.leaf.elem.logical.unit == millis {
		if n%1000 != 0 {
			return dst, true
		}
		n /= 1000
	}
	return b.integer(dst, n), true
}

func isInteger(k schema.Kind) bool {
	switch k {
	case schema.KindByte, schema.KindShort, schema.KindInteger, schema.KindLong:
		return true
	}
	return false
}

func (b *Blooms) integer(dst []uint64, n int64) []uint64 {
	if b.leaf.elem.typ == format.Int64 {
		return append(dst, hashInt64(uint64(n)))
	}
	if n != int64(int32(n)) {
		return dst
	}
	return append(dst, hashInt32(uint32(n)))
}

func (b *Blooms) floats(dst []uint64, f float64) ([]uint64, bool) {
	if f != f {
		return dst, false // many forms
	}
	forms := []float64{f}
	if f == 0 {
		forms = []float64{0, math.Copysign(0, -1)}
	}
	for _, f := range forms {
		if b.leaf.elem.typ == format.Double {
			dst = append(dst, hashInt64(math.Float64bits(f)))
		} else if float64(float32(f)) == f {
			dst = append(dst, hashInt32(math.Float32bits(float32(f))))
		}
	}
	return dst, true
}

func (b *Blooms) decimal(dst []uint64, v schema.Value) ([]uint64, bool) {
	d, scale := v.Decimal()
	d, exact, fits := d.Rescale(scale, int(b.leaf.elem.logical.scale))
	if !fits {
		return dst, false
	}
	if !exact {
		return dst, true
	}
	if b.leaf.elem.typ == format.FixedLenByteArray {
		n := int(b.leaf.elem.typeLength)
		if n < 1 || n > 16 {
			return dst, false
		}
		big := d.AppendBigEndian(nil, n)
		if back, ok := schema.Decimal128FromBigEndian(big); !ok || back.Cmp(d) != 0 {
			return dst, true // it has more bytes than the column
		}
		return append(dst, xxhash.Sum64(big)), true
	}
	n, ok := d.Int64()
	if !ok {
		return dst, true
	}
	return b.integer(dst, n), true
}

func hashInt32(v uint32) uint64 { return xxhash.Sum64(binary.LittleEndian.AppendUint32(nil, v)) }

func hashInt64(v uint64) uint64 { return xxhash.Sum64(binary.LittleEndian.AppendUint64(nil, v)) }

// A Bloom is the bloom filter of one column in one row group. The zero Bloom may
// contain everything.
type Bloom struct{ blocks []byte }

// Group reads the filter of a row group; nil if there is none, or none that this
// package understands. It makes one request, or two where the footer does not
// state the filter's length.
func (b *Blooms) Group(ctx context.Context, group int) (*Bloom, error) {
	s := b.file.meta.groups[group].chunks[b.leaf.column].bloom
	if s.off <= 0 {
		return nil, nil
	}
	end := b.file.in.Size() - footerSuffix
	fail := func(err error) error { return wrap(b.leaf.path, group, s.off, err) }
	if s.n < 0 || s.off >= end || s.n > end-s.off {
		return nil, fail(corruptf("the bloom filter of %d bytes is not inside the file of %d", s.n, b.file.in.Size()))
	}
	if s.n > maxBloom+bloomHeader {
		return nil, nil
	}
	head := s
	if s.n == 0 {
		head.n = min(maxBloomHeader, end-s.off)
	}
	got, err := b.file.fetch(ctx, [][]span{{head}})
	if err != nil {
		return nil, err
	}
	data := join(got[0])
	h, err := parseBloomHeader(data)
	switch {
	case err != nil:
		return nil, fail(err)
	case !h.known:
		return nil, nil
	case h.bytes <= 0 || h.bytes%bloomBlock != 0:
		return nil, fail(corruptf("a bloom filter of %d bytes", h.bytes))
	case h.bytes > maxBloom:
		return nil, nil
	}
	n := int64(h.length) + h.bytes
	if s.n == 0 && n > int64(len(data)) {
		if n > end-s.off {
			return nil, fail(corruptf("the bloom filter of %d bytes is not inside the file of %d", n, b.file.in.Size()))
		}
		rest := span{s.off + head.n, n - head.n}
		if got, err = b.file.fetch(ctx, [][]span{{rest}}); err != nil {
			return nil, err
		}
		data = append(data[:len(data):len(data)], join(got[0])...)
	}
	if n > int64(len(data)) {
		return nil, fail(corruptf("the bloom filter is said to take %d bytes, and has %d", s.n, n))
	}
	return &Bloom{data[h.length:n]}, nil
}

// MayContain reports whether a value with this hash may be in the row group.
func (b *Bloom) MayContain(hash uint64) bool {
	n := uint64(len(b.blocks) / bloomBlock)
	if n == 0 {
		return true
	}
	block := b.blocks[hash>>32*n>>32*bloomBlock:][:bloomBlock]
	for i, salt := range bloomSalts {
		if bit := uint32(hash) * salt >> 27; binary.LittleEndian.Uint32(block[4*i:])>>bit&1 == 0 {
			return false
		}
	}
	return true
}

// bloomSalts are the multipliers that the specification gives, one for each word
// of a block.
var bloomSalts = [...]uint32{
	0x47b6137b, 0x44974d91, 0x8824ad5b, 0xa2b7289d, 0x705495c7, 0x2df1424b, 0x9efc4947, 0x5c6bfb31,
}

// A bloomHead is a BloomFilterHeader.
type bloomHead struct {
	bytes  int64 // of the filter
	known  bool  // split blocks, XXH64, not compressed
	length int   // of the header
}

func parseBloomHeader(b []byte) (h bloomHead, err error) {
	c := &cursor{b: b}
	var seen [5]bool
	for f := (fieldIter{}); f.next(c); {
		switch {
		case f.is(1, tI32):
			h.bytes, seen[1] = int64(c.i32()), true
		case f.is(2, tStruct), f.is(3, tStruct), f.is(4, tStruct):
			seen[f.id] = isFirstMember(c)
		default:
			c.skip(f.typ)
		}
	}
	h.known, h.length = seen[1] && seen[2] && seen[3] && seen[4], c.i
	if c.err != nil {
		return h, corruptf("bloom filter: %w", c.err)
	}
	return h, nil
}

// isFirstMember reports whether a union has its member number 1.
func isFirstMember(c *cursor) (first bool) {
	for f := (fieldIter{}); f.next(c); {
		first = f.id == 1
		c.skip(f.typ)
	}
	return first
}
