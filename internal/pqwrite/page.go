package pqwrite

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"math/bits"
	"slices"
	"sync"
	"unsafe"

	"github.com/parquet-go/parquet-go/encoding/delta"
	"github.com/parquet-go/parquet-go/encoding/rle"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"

	"github.com/deltalog/deltalog/internal/vec"
)

// An encoder turns values into pages. It is one goroutine's at a time and keeps
// its buffers between uses.
type encoder struct {
	w       *Writer
	arena   *arena
	shred   shredder
	direct  values // a page that lies in the caller's memory
	indices []int32
	body    []byte
	packed  []byte
	header  bytes.Buffer
	thrift  *thrift.Encoder
}

var encoderPool sync.Pool

func getEncoder(w *Writer, k int) *encoder {
	e, _ := encoderPool.Get().(*encoder)
	if e == nil {
		e = &encoder{}
		e.thrift = thrift.NewEncoder(new(thrift.CompactProtocol).NewWriter(&e.header))
	}
	e.w, e.arena = w, &w.arenas[k]
	return e
}

// putEncoder keeps buffers for the next user, but not those of huge rows.
func putEncoder(e *encoder) {
	e.w, e.arena = nil, nil
	e.direct.reset()
	if e.direct.bytes()+cap(e.body)+cap(e.packed) < 16<<20 {
		encoderPool.Put(e)
	}
}

// next encodes the next page of a column in order, by its dictionary if it has
// one that still takes values.
func (e *encoder) next(c *column, p *values) (page, error) {
	if !c.dictOK {
		return e.encode(c, p, nil)
	}
	var ok bool
	if e.indices, ok = c.dict.add(e.indices[:0], p); !ok {
		// The whole page goes without: pages before it keep the dictionary.
		c.dictOK = false
		return e.encode(c, p, nil)
	}
	return e.encode(c, p, e.indices)
}

// encode makes a data page of p. With indices, values are encoded as these
// numbers of dictionary entries.
func (e *encoder) encode(c *column, p *values, indices []int32) (page, error) {
	pg := page{rows: p.rows, entries: p.entries, n: p.n, enc: c.encoding(), bounds: c.boundsOf(p)}
	if c.phys == format.ByteArray && pg.bounds.ok {
		pg.bounds.keep(c.text())
	}
	if indices != nil {
		pg.enc = format.RLEDictionary
	}
	if !c.flat() {
		pg.levels = make([]int64, c.maxDef+1)
		for _, d := range p.def {
			pg.levels[d]++
		}
	}
	v2 := e.w.opts.DataPageV2
	body, repLen := appendRep(e.body[:0], c, p, !v2)
	body = appendDef(body, c, p, !v2)
	levels := len(body)
	body, err := appendValues(body, c, p, indices, pg.enc)
	if err != nil {
		return pg, err
	}
	e.body = body
	if len(body) > math.MaxInt32 {
		return pg, fmt.Errorf("a page of %d rows takes %d bytes, more than Parquet allows; write smaller values", p.rows, len(body))
	}

	keep := 0 // bytes before the compressed part
	if v2 {
		keep = levels
	}
	bits := pg.enc == format.RLEDictionary || pg.enc == format.DeltaBinaryPacked
	packed, err := e.w.codec.compress(e.packed, body[keep:], bits)
	if err != nil {
		return pg, err
	}
	if e.w.codec.encode != nil {
		e.packed = packed
	}
	h := format.PageHeader{
		UncompressedPageSize: int32(len(body)),
		CompressedPageSize:   int32(keep + len(packed)),
		CRC:                  int32(crc32.Update(crc32.ChecksumIEEE(body[:keep]), crc32.IEEETable, packed)),
	}
	if v2 {
		h.Type = format.DataPageV2
		h.DataPageHeaderV2 = thrift.New(format.DataPageHeaderV2{
			NumValues: int32(p.entries), NumNulls: int32(p.nulls()), NumRows: int32(p.rows), Encoding: pg.enc,
			DefinitionLevelsByteLength: int32(levels - repLen), RepetitionLevelsByteLength: int32(repLen),
			IsCompressed: thrift.New(e.w.codec.encode != nil),
			Statistics:   format.Statistics{NullCount: int64(p.nulls())},
		})
	} else {
		h.DataPageHeader = thrift.New(format.DataPageHeader{
			NumValues: int32(p.entries), Encoding: pg.enc,
			DefinitionLevelEncoding: format.RLE, RepetitionLevelEncoding: format.RLE,
			Statistics: format.Statistics{NullCount: int64(p.nulls())},
		})
	}
	return pg, e.store(&pg, &h, body[:keep], packed)
}

// store writes the header and puts header and parts into the arena.
func (e *encoder) store(pg *page, h *format.PageHeader, parts ...[]byte) error {
	e.header.Reset()
	if err := e.thrift.Encode(h); err != nil {
		return err
	}
	pg.size = e.header.Len() + int(h.CompressedPageSize)
	pg.rawSize = e.header.Len() + int(h.UncompressedPageSize)
	pg.segments = e.arena.store(append([][]byte{e.header.Bytes()}, parts...)...)
	return nil
}

// dictionaryPage encodes c's dictionary.
func (e *encoder) dictionaryPage(c *column) (page, error) {
	d := c.dict
	var pg page
	body := e.body[:0]
	switch {
	case d.width == 4 || d.width == 8:
		body = slices.Grow(body, d.n*d.width)
		for _, k := range d.keys[:d.n] {
			if d.width == 4 {
				body = binary.LittleEndian.AppendUint32(body, uint32(k))
			} else {
				body = binary.LittleEndian.AppendUint64(body, k)
			}
		}
	case d.width > 0:
		body = append(body, d.fixed...)
	default:
		body = appendPlain(body, d.data, d.offsets)
	}
	e.body = body
	packed, err := e.w.codec.compress(e.packed, body, false)
	if err != nil {
		return pg, err
	}
	if e.w.codec.encode != nil {
		e.packed = packed
	}
	h := format.PageHeader{
		Type:                 format.DictionaryPage,
		UncompressedPageSize: int32(len(body)),
		CompressedPageSize:   int32(len(packed)),
		CRC:                  int32(crc32.ChecksumIEEE(packed)),
		DictionaryPageHeader: thrift.New(format.DictionaryPageHeader{NumValues: int32(d.n), Encoding: format.Plain}),
	}
	return pg, e.store(&pg, &h, packed)
}

// appendRep appends the repetition levels, and returns their length.
func appendRep(dst []byte, c *column, p *values, prefix bool) ([]byte, int) {
	if c.maxRep == 0 {
		return dst, 0
	}
	from := len(dst)
	dst = appendLevels(dst, p.rep, c.maxRep, prefix)
	return dst, len(dst) - from
}

// appendDef appends the definition levels.
func appendDef(dst []byte, c *column, p *values, prefix bool) []byte {
	if c.maxDef == 0 {
		return dst
	}
	if !c.flat() {
		return appendLevels(dst, p.def, c.maxDef, prefix)
	}
	from := len(dst)
	if prefix {
		dst = append(dst, 0, 0, 0, 0)
	}
	switch {
	case p.n == p.entries || p.n == 0: // one run of 1 or of 0
		dst = binary.AppendUvarint(dst, uint64(p.entries)<<1)
		dst = append(dst, byte(min(p.n, 1)))
	default: // Arrow's validity bitmap is Parquet's bit-packed levels
		groups := vec.BitmapLen(p.entries)
		dst = binary.AppendUvarint(dst, uint64(groups)<<1|1)
		dst = append(dst, p.valid[:groups]...)
	}
	if prefix {
		binary.LittleEndian.PutUint32(dst[from:], uint32(len(dst)-from-4))
	}
	return dst
}

// appendLevels appends levels in the RLE/bit-packing hybrid, behind their length
// if prefix is set.
func appendLevels(dst, levels []byte, maxLevel int, prefix bool) []byte {
	enc := rle.Encoding{BitWidth: bits.Len(uint(maxLevel))}
	from := len(dst)
	if prefix {
		dst = append(dst, 0, 0, 0, 0)
	}
	dst = slices.Grow(dst, len(levels)+64)
	out, _ := enc.EncodeLevels(tail(dst), levels) // fails only for levels of more bits
	dst = adopt(dst, out)
	if prefix {
		binary.LittleEndian.PutUint32(dst[from:], uint32(len(dst)-from-4))
	}
	return dst
}

// tail is the free capacity behind b, for encoders that write from the start.
func tail(b []byte) []byte { return b[len(b):len(b):cap(b)] }

// adopt appends out to b, without copying if it lies there already.
func adopt(b, out []byte) []byte {
	if cap(b)-len(b) >= len(out) && unsafe.SliceData(out) == unsafe.SliceData(tail(b)) {
		return b[:len(b)+len(out)]
	}
	return append(b, out...)
}

// appendValues appends p's values.
func appendValues(dst []byte, c *column, p *values, indices []int32, enc format.Encoding) ([]byte, error) {
	var out []byte
	var err error
	switch {
	case p.n == 0 && enc != format.DeltaBinaryPacked && enc != format.DeltaLengthByteArray && enc != format.RLEDictionary:
		return dst, nil
	case enc == format.RLEDictionary:
		dst = slices.Grow(dst, 4*len(indices)+64)
		out, err = new(rle.DictionaryEncoding).EncodeInt32(tail(dst), indices)
	case enc == format.DeltaBinaryPacked && c.width == 4:
		dst = slices.Grow(dst, deltaLen(p.n, 4))
		out, err = new(delta.BinaryPackedEncoding).EncodeInt32(tail(dst), typed[int32](p.fixed))
	case enc == format.DeltaBinaryPacked:
		dst = slices.Grow(dst, deltaLen(p.n, 8))
		out, err = new(delta.BinaryPackedEncoding).EncodeInt64(tail(dst), typed[int64](p.fixed))
	case enc == format.DeltaLengthByteArray:
		offsets, data := p.offsets, p.data
		if p.n == 0 {
			offsets, data = []int32{0}, nil
		}
		data = data[offsets[0]:offsets[p.n]]
		dst = slices.Grow(dst, deltaLen(p.n, 4)+len(data))
		u := unsafe.Slice((*uint32)(unsafe.Pointer(unsafe.SliceData(offsets))), p.n+1)
		out, err = new(delta.LengthByteArrayEncoding).EncodeByteArray(tail(dst), data, u)
	case c.phys == format.ByteArray:
		return appendPlain(dst, p.data, p.offsets[:p.n+1]), nil
	default:
		return append(dst, p.fixed...), nil
	}
	if err != nil {
		return dst, err
	}
	return adopt(dst, out), nil
}

// deltaLen bounds the length of n delta-encoded values of the width, with the
// room that the encoders want to have beyond it.
func deltaLen(n, width int) int { return n*width + (n/128+2)*(16+128*width/8) + 1024 }

// appendPlain appends byte arrays, each behind its length.
func appendPlain(dst, data []byte, offsets []int32) []byte {
	n := len(offsets) - 1
	from := len(dst)
	dst = slices.Grow(dst, 4*n+int(offsets[n]-offsets[0]))
	dst = dst[:from+4*n+int(offsets[n]-offsets[0])]
	at := offsets[0]
	to := from
	for _, end := range offsets[1:] {
		binary.LittleEndian.PutUint32(dst[to:], uint32(end-at))
		copy(dst[to+4:], data[at:end])
		to += 4 + int(end-at)
		at = end
	}
	return dst
}
