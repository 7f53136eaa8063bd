package pqwrite

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"sync"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

const magic = "PAR1"

// Bounds in the footer and in column indexes are cut to this many bytes: they
// are read with every file that is opened.
const (
	maxFooterBound = 256
	maxIndexBound  = 64
)

// An output counts what goes to the io.Writer.
type output struct {
	w   io.Writer
	buf *bufio.Writer // while a row group or the footer is written
	off int64
}

var bufPool = sync.Pool{New: func() any { return bufio.NewWriterSize(nil, 64<<10) }}

func (o *output) begin() {
	o.buf = bufPool.Get().(*bufio.Writer)
	o.buf.Reset(o.w)
	if o.off == 0 {
		o.write([]byte(magic))
	}
}

// end passes on what is buffered; it returns the first error since begin.
func (o *output) end() error {
	err := o.buf.Flush()
	o.buf.Reset(nil)
	bufPool.Put(o.buf)
	o.buf = nil
	return err
}

// write leaves its error to end: a bufio.Writer keeps the first one.
func (o *output) write(b []byte) {
	o.buf.Write(b)
	o.off += int64(len(b))
}

// A chunkIndex is the column and offset index of a column chunk.
type chunkIndex struct {
	column  *format.ColumnIndex // nil: a page has no valid bounds
	offsets format.OffsetIndex
}

// flush encodes what is held and writes the row group.
func (w *Writer) flush(ctx context.Context) error {
	if len(w.groups) == math.MaxInt16 {
		return fmt.Errorf("pqwrite: %d row groups in one file; use larger row groups or begin a new file", len(w.groups))
	}
	if err := w.finish(ctx); err != nil {
		return err
	}
	w.out.begin()
	g := format.RowGroup{NumRows: int64(w.groupRows), Ordinal: int16(len(w.groups)), FileOffset: w.out.off}
	var err error
	for _, c := range w.cols {
		if err == nil {
			err = w.writeChunk(c, &g)
		}
	}
	if endErr := w.out.end(); err == nil {
		err = endErr
	}
	if err != nil {
		return fmt.Errorf("pqwrite: write row group %d at byte %d: %w", len(w.groups), g.FileOffset, err)
	}
	w.groups = append(w.groups, g)
	w.groupRows = 0
	for _, c := range w.cols {
		c.endGroup()
	}
	for i := range w.arenas {
		w.arenas[i].release()
	}
	return nil
}

// writeChunk writes c's pages and adds its metadata and index.
func (w *Writer) writeChunk(c *column, g *format.RowGroup) error {
	m := format.ColumnMetaData{
		Type: c.phys, Encoding: []format.Encoding{format.RLE}, PathInSchema: c.path, Codec: w.codec.id,
	}
	start := w.out.off
	if c.dict != nil && c.pages[0].enc == format.RLEDictionary {
		if err := w.writeDictionary(c, &m); err != nil {
			return err
		}
	}
	m.DataPageOffset = w.out.off
	var all bounds
	var index chunkIndex
	row, nulls := int64(0), int64(0)
	for i := range c.pages {
		p := &c.pages[i]
		index.offsets.PageLocations = append(index.offsets.PageLocations, format.PageLocation{
			Offset: w.out.off, CompressedPageSize: int32(p.size), FirstRowIndex: row,
		})
		for _, s := range p.segments {
			w.out.write(s)
		}
		row += int64(p.rows)
		nulls += int64(p.entries - p.n)
		m.NumValues += int64(p.entries)
		m.TotalUncompressedSize += int64(p.rawSize)
		addEncoding(&m, format.DataPage, p.enc, w.opts.DataPageV2)
		all.merge(&p.bounds, c)
		c.count(p)
	}
	m.TotalCompressedSize = w.out.off - start
	m.Statistics = c.statistics(&all, nulls)
	c.bounds.merge(&all, c)
	index.column = c.columnIndex()
	w.indexes = append(w.indexes, index)
	g.Columns = append(g.Columns, format.ColumnChunk{MetaData: m})
	g.TotalByteSize += m.TotalUncompressedSize
	g.TotalCompressedSize += m.TotalCompressedSize
	return nil
}

func (w *Writer) writeDictionary(c *column, m *format.ColumnMetaData) error {
	e := getEncoder(w, 0)
	defer putEncoder(e)
	p, err := e.dictionaryPage(c)
	if err != nil {
		return err
	}
	m.DictionaryPageOffset = w.out.off
	m.TotalUncompressedSize += int64(p.rawSize)
	addEncoding(m, format.DictionaryPage, format.Plain, false)
	for _, s := range p.segments {
		w.out.write(s)
	}
	return nil
}

// addEncoding counts a page in the chunk's encodings.
func addEncoding(m *format.ColumnMetaData, t format.PageType, enc format.Encoding, v2 bool) {
	if t == format.DataPage && v2 {
		t = format.DataPageV2
	}
	if !slices.Contains(m.Encoding, enc) {
		m.Encoding = append(m.Encoding, enc)
	}
	for i := range m.EncodingStats {
		if s := &m.EncodingStats[i]; s.PageType == t && s.Encoding == enc {
			s.Count++
			return
		}
	}
	m.EncodingStats = append(m.EncodingStats, format.PageEncodingStats{PageType: t, Encoding: enc, Count: 1})
}

// statistics returns the chunk's statistics for the footer.
func (c *column) statistics(b *bounds, nulls int64) format.Statistics {
	s := format.Statistics{NullCount: nulls}
	if !b.ok {
		return s
	}
	s.MinValue, s.MaxValue = c.footerBounds(b, maxFooterBound)
	return s
}

// footerBounds spells b's bounds in at most limit bytes; max is nil if no such
// value is large enough.
func (c *column) footerBounds(b *bounds, limit int) (lo, hi []byte) {
	lo, hi = c.plain(b.min), c.plain(b.max)
	if c.phys != format.ByteArray {
		return lo, hi
	}
	text := c.text()
	lo = cutBytes(lo, limit, text)
	if b.maxCut || len(hi) > limit {
		hi = successor(cutBytes(hi, limit, text), text)
	}
	return lo, hi
}

// cutBytes returns at most limit bytes of b, whole runes if it is text.
func cutBytes(b []byte, limit int, text bool) []byte {
	if len(b) <= limit {
		return b
	}
	if text {
		for limit > 0 && !utf8.RuneStart(b[limit]) {
			limit--
		}
	}
	return b[:limit]
}

// successor returns a value larger than everything that begins with b, or nil.
func successor(b []byte, text bool) []byte {
	b = bytes.Clone(b)
	for len(b) > 0 {
		if !text {
			if k := len(b) - 1; b[k] != 0xff {
				b[k]++
				return b
			}
			b = b[:len(b)-1]
			continue
		}
		r, n := utf8.DecodeLastRune(b)
		b = b[:len(b)-n]
		if r++; utf8.ValidRune(r) { // not behind the last one, nor a surrogate
			return utf8.AppendRune(b, r)
		}
	}
	return nil
}

// columnIndex returns the bounds of c's pages, or nil if those of a page are not
// known: the format has no way to say so of one page.
func (c *column) columnIndex() *format.ColumnIndex {
	x := &format.ColumnIndex{}
	ascending, descending := true, true
	var last *bounds
	for i := range c.pages {
		p := &c.pages[i]
		x.NullPages = append(x.NullPages, p.n == 0)
		x.NullCounts = append(x.NullCounts, int64(p.entries-p.n))
		if p.n == 0 {
			x.MinValues = append(x.MinValues, []byte{})
			x.MaxValues = append(x.MaxValues, []byte{})
			continue
		}
		lo, hi := c.footerBounds(&p.bounds, maxIndexBound)
		if !p.bounds.ok || hi == nil {
			return nil
		}
		x.MinValues = append(x.MinValues, lo)
		x.MaxValues = append(x.MaxValues, hi)
		if last != nil {
			ascending = ascending && c.compare(last.min, p.bounds.min) <= 0 && c.compare(last.max, p.bounds.max) <= 0
			descending = descending && c.compare(last.min, p.bounds.min) >= 0 && c.compare(last.max, p.bounds.max) >= 0
		}
		last = &p.bounds
	}
	switch {
	case ascending:
		x.BoundaryOrder = format.Ascending
	case descending:
		x.BoundaryOrder = format.Descending
	}
	return x
}

// writeFooter writes the indexes of all chunks and the file's metadata.
func (w *Writer) writeFooter() error {
	w.out.begin()
	err := w.appendFooter()
	if endErr := w.out.end(); err == nil {
		err = endErr
	}
	if err != nil {
		return fmt.Errorf("pqwrite: write footer: %w", err)
	}
	return nil
}

func (w *Writer) appendFooter() error {
	var buf bytes.Buffer
	enc := thrift.NewEncoder(new(thrift.CompactProtocol).NewWriter(&buf))
	put := func(v any) (off int64, n int32, err error) {
		buf.Reset()
		off = w.out.off
		if err = enc.Encode(v); err == nil {
			w.out.write(buf.Bytes())
		}
		return off, int32(buf.Len()), err
	}
	var err error
	chunk := func(i int) *format.ColumnChunk {
		return &w.groups[i/len(w.cols)].Columns[i%len(w.cols)]
	}
	for i := range w.indexes {
		if x := w.indexes[i].column; x != nil {
			c := chunk(i)
			if c.ColumnIndexOffset, c.ColumnIndexLength, err = put(x); err != nil {
				return err
			}
		}
	}
	for i := range w.indexes {
		c := chunk(i)
		if c.OffsetIndexOffset, c.OffsetIndexLength, err = put(&w.indexes[i].offsets); err != nil {
			return err
		}
	}
	m := format.FileMetaData{
		Version: 2, Schema: w.root.elements(), NumRows: w.fileRows, RowGroups: w.groups, CreatedBy: w.opts.CreatedBy,
	}
	if w.opts.Compat {
		m.Version = 1
	}
	if m.RowGroups == nil {
		m.RowGroups = []format.RowGroup{}
	}
	for range w.cols {
		m.ColumnOrders = append(m.ColumnOrders, format.ColumnOrder{Value: &format.TypeDefinedOrder{}})
	}
	for _, k := range slices.Sorted(maps.Keys(w.opts.Metadata)) {
		m.KeyValueMetadata = append(m.KeyValueMetadata, format.KeyValue{Key: k, Value: w.opts.Metadata[k]})
	}
	_, n, err := put(&m)
	if err != nil {
		return err
	}
	w.out.write(binary.LittleEndian.AppendUint32(nil, uint32(n)))
	w.out.write([]byte(magic))
	return nil
}
