package pqread

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"math/rand"
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/txlog/schema"
)

var compact thrift.CompactProtocol

func marshal(t testing.TB, v any) []byte {
	b, err := thrift.Marshal(&compact, v)
	require.NoError(t, err)
	return b
}

// A page of a file built by hand. Header fields that are zero are filled in.
type page struct {
	header format.PageHeader
	body   []byte
}

func dataPage(values int, enc format.Encoding, body []byte) page {
	return page{format.PageHeader{Type: format.DataPage, DataPageHeader: thrift.New(format.DataPageHeader{
		NumValues: int32(values), Encoding: enc,
		DefinitionLevelEncoding: format.RLE, RepetitionLevelEncoding: format.RLE,
	})}, body}
}

func dataPageV2(values, rows, rep, def int, enc format.Encoding, body []byte) page {
	return page{format.PageHeader{Type: format.DataPageV2, DataPageHeaderV2: thrift.New(format.DataPageHeaderV2{
		NumValues: int32(values), NumRows: int32(rows), Encoding: enc,
		RepetitionLevelsByteLength: int32(rep), DefinitionLevelsByteLength: int32(def), IsCompressed: thrift.New(true),
	})}, body}
}

func dictPage(values int, body []byte) page {
	return page{format.PageHeader{Type: format.DictionaryPage, DictionaryPageHeader: thrift.New(format.DictionaryPageHeader{
		NumValues: int32(values), Encoding: format.Plain,
	})}, body}
}

// A crafted file has one column, "c".
type crafted struct {
	typ     format.Type
	rep     format.FieldRepetitionType
	length  int32
	codec   format.CompressionCodec
	rows    int64
	values  int64 // rows when 0
	pages   []page
	logical format.LogicalType
	edit    func(*format.FileMetaData)
}

func (c crafted) build(t testing.TB) []byte {
	out := []byte(magic)
	for _, p := range c.pages {
		if p.header.CompressedPageSize == 0 {
			p.header.CompressedPageSize = int32(len(p.body))
		}
		if p.header.UncompressedPageSize == 0 {
			p.header.UncompressedPageSize = int32(len(p.body))
		}
		out = append(append(out, marshal(t, &p.header)...), p.body...)
	}
	if c.values == 0 {
		c.values = c.rows
	}
	leaf := format.SchemaElement{Type: thrift.New(c.typ), RepetitionType: thrift.New(c.rep), Name: "c", LogicalType: c.logical}
	if c.length > 0 {
		leaf.TypeLength = thrift.New(c.length)
	}
	chunk := format.ColumnMetaData{
		Type: c.typ, PathInSchema: []string{"c"}, Codec: c.codec, NumValues: c.values,
		TotalUncompressedSize: int64(len(out) - 4), TotalCompressedSize: int64(len(out) - 4), DataPageOffset: 4,
	}
	meta := format.FileMetaData{
		Version: 1, NumRows: c.rows,
		Schema:    []format.SchemaElement{{Name: "root", NumChildren: thrift.New(int32(1))}, leaf},
		RowGroups: []format.RowGroup{{NumRows: c.rows, Columns: []format.ColumnChunk{{MetaData: chunk}}}},
	}
	if c.edit != nil {
		c.edit(&meta)
	}
	return withFooter(out, marshal(t, &meta))
}

func withFooter(data, footer []byte) []byte {
	out := append(append([]byte{}, data...), footer...)
	out = binary.LittleEndian.AppendUint32(out, uint32(len(footer)))
	return append(out, magic...)
}

// readAll reads whatever a file has.
func readAll(data []byte, o *Options) (rows int, err error) {
	ctx := context.Background()
	f, err := Open(ctx, &memory{b: data}, o)
	if err != nil {
		return 0, err
	}
	s, err := f.Schema()
	if err != nil {
		return 0, err
	}
	p, err := f.Project(s, ByName)
	if err != nil {
		return 0, err
	}
	for b, err := range p.Batches(ctx, nil) {
		if err != nil {
			return rows, err
		}
		rows += b.Rows
		renderBatch(b, s)
		if rows > 1<<19 {
			break // a file may state any number of rows that are all null
		}
	}
	return rows, nil
}

func plainInt64(v ...int64) (b []byte) {
	for _, x := range v {
		b = binary.LittleEndian.AppendUint64(b, uint64(x))
	}
	return b
}

func plainStrings(v ...string) (b []byte) {
	for _, s := range v {
		b = append(binary.LittleEndian.AppendUint32(b, uint32(len(s))), s...)
	}
	return b
}

// v1Levels are levels as V1 pages have them.
func v1Levels(b ...byte) []byte {
	return append(binary.LittleEndian.AppendUint32(nil, uint32(len(b))), b...)
}

func join2(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// The crafted file has to be readable when nothing is wrong with it, or else
// the tests that damage it prove nothing.
func TestCraftedFilesAreReadable(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]crafted{
		"plain":      {typ: format.Int64, rows: 3, pages: []page{dataPage(2, format.Plain, plainInt64(1, 2)), dataPage(1, format.Plain, plainInt64(3))}},
		"dictionary": {typ: format.Int64, rows: 3, pages: []page{dictPage(2, plainInt64(7, 8)), dataPage(3, format.RLEDictionary, []byte{1, 1<<1 | 1, 0b010})}},
		"optional":   {typ: format.Int64, rep: format.Optional, rows: 3, pages: []page{dataPage(3, format.Plain, join2(v1Levels(1<<1|1, 0b101), plainInt64(1, 2)))}},
		"repeated": {typ: format.Int64, rep: format.Repeated, rows: 2, values: 3, pages: []page{
			dataPage(3, format.Plain, join2(v1Levels(1<<1|1, 0b010), v1Levels(3<<1, 1), plainInt64(1, 2, 3))),
		}},
		"a row over two pages": {typ: format.Int64, rep: format.Repeated, rows: 2, values: 4, pages: []page{
			dataPage(2, format.Plain, join2(v1Levels(1<<1|1, 0b00), v1Levels(2<<1, 1), plainInt64(1, 2))),
			dataPage(2, format.Plain, join2(v1Levels(1<<1|1, 0b11), v1Levels(2<<1, 1), plainInt64(3, 4))),
		}},
		"version 2": {typ: format.Int64, rep: format.Optional, rows: 3, pages: []page{dataPageV2(3, 3, 0, 2, format.Plain, join2([]byte{1<<1 | 1, 0b101}, plainInt64(1, 2)))}},
		"index page": {typ: format.Int64, rows: 1, pages: []page{
			{format.PageHeader{Type: format.IndexPage}, []byte("any")},
			{format.PageHeader{Type: 77}, []byte("future")},
			dataPage(0, format.Plain, nil), dataPage(1, format.Plain, plainInt64(1)),
		}},
		"legacy levels": {typ: format.Int64, rep: format.Optional, rows: 3, pages: []page{func() page {
			p := dataPage(3, format.Plain, join2([]byte{0b10100000}, plainInt64(1, 2)))
			p.header.DataPageHeader.V.DefinitionLevelEncoding = format.BitPacked
			return p
		}()}},
	} {
		rows, err := readAll(c.build(t), nil)
		require.NoError(t, err, name)
		require.EqualValues(t, c.rows, rows, name)
	}
}

// Rows may go on in the next page, where there is no offset index.
func TestRowsAreReadAcrossPages(t *testing.T) {
	t.Parallel()
	list := func(rep byte, v ...int64) page {
		return dataPage(2, format.Plain, join2(v1Levels(1<<1|1, rep), v1Levels(2<<1, 1), plainInt64(v...)))
	}
	c := crafted{typ: format.Int64, rep: format.Repeated, rows: 3, values: 6, pages: []page{list(0b10, 1, 2), list(0b01, 3, 4), list(0b10, 5, 6)}}
	f, err := Open(context.Background(), &memory{b: c.build(t)}, nil)
	require.NoError(t, err)
	s, err := f.Schema()
	require.NoError(t, err)
	for _, rows := range []int{1, 2, 3} {
		got, err := renderRows(f, s, &ScanOptions{BatchRows: rows})
		require.NoError(t, err)
		require.Equal(t, []string{"c=[1 2 3 ]", "c=[4 ]", "c=[5 6 ]"}, got)
	}
	got, err := renderRows(f, s, &ScanOptions{Select: func(int) (Selection, error) { return Selection{{1, 2}}, nil }})
	require.NoError(t, err)
	require.Equal(t, []string{"c=[4 ]"}, got)

	// With one, they may not: rows would be counted wrong after a jump.
	p := project(t, f, "c")
	k := &f.meta.groups[0].chunks[0]
	size := k.size / 3
	pages := []pageSpan{{4, size, 0, 1}, {4 + size, size, 1, 2}, {4 + 2*size, size, 2, 3}}
	var l leafReader
	l.init(&p.leaves[0], k, 1<<20, chunkSource{file: f, end: 4 + k.size}, pages, nil)
	col := column{kind: p.leaves[0].typ.kind, width: 8}
	require.NoError(t, col.reset(1))
	require.NoError(t, l.readRows(context.Background(), 1, &col, &levels{}))
	require.ErrorContains(t, l.readRows(context.Background(), 1, &col, &levels{}), "a page begins inside a row")
}

func TestDamagedPagesAreErrors(t *testing.T) {
	t.Parallel()
	snappyBomb := binary.AppendUvarint(nil, 100<<20)
	with := func(p page, edit func(*format.PageHeader)) page {
		edit(&p.header)
		return p
	}
	body := plainInt64(1, 2, 3)
	for want, c := range map[string]crafted{
		"fewer values than its row group has rows": {typ: format.Int64, rows: 4, pages: []page{dataPage(3, format.Plain, body)}},
		"more values than their chunk states":      {typ: format.Int64, rows: 2, pages: []page{dataPage(3, format.Plain, body)}},
		"data ends too early":                      {typ: format.Int64, rows: 4, pages: []page{dataPage(4, format.Plain, body)}},
		"at byte 4: data ends too early":           {typ: format.Boolean, rows: 20, pages: []page{dataPage(20, format.Plain, []byte{1, 2})}},
		"checksum": {typ: format.Int64, rows: 3, pages: []page{with(dataPage(3, format.Plain, body), func(h *format.PageHeader) {
			h.CRC = int32(crc32.ChecksumIEEE(body)) + 1
		})}},
		"reaches beyond its chunk": {typ: format.Int64, rows: 3, pages: []page{with(dataPage(3, format.Plain, body), func(h *format.PageHeader) {
			h.CompressedPageSize = 1 << 30
		})}},
		"page header states no size": {typ: format.Int64, rows: 3, pages: []page{with(dataPage(3, format.Plain, body), func(h *format.PageHeader) {
			h.CompressedPageSize = -1
		})}},
		"states a negative count": {typ: format.Int64, rows: 3, pages: []page{dataPage(-1, format.Plain, body)}},
		"lacks its own part": {typ: format.Int64, rows: 3, pages: []page{with(dictPage(3, body), func(h *format.PageHeader) {
			h.Type = format.DataPage
		})}},
		"an uncompressed page of 24 bytes states 25": {typ: format.Int64, rows: 3, pages: []page{with(dataPage(3, format.Plain, body), func(h *format.PageHeader) {
			h.UncompressedPageSize = 25
		})}},
		"exceeds the limit of": {typ: format.Int64, rows: 3, codec: format.Snappy, pages: []page{with(dataPage(3, format.Plain, body), func(h *format.PageHeader) {
			h.UncompressedPageSize = math.MaxInt32
		})}},
		"claims 104857600 uncompressed": {typ: format.Int64, rows: 3, codec: format.Snappy, pages: []page{with(dataPage(3, format.Plain, snappyBomb), func(h *format.PageHeader) {
			h.UncompressedPageSize = 100 << 20
		})}},
		"decompressing SNAPPY": {typ: format.Int64, rows: 3, codec: format.Snappy, pages: []page{dataPage(3, format.Plain, body)}},
		"decompressing ZSTD":   {typ: format.Int64, rows: 3, codec: format.Zstd, pages: []page{dataPage(3, format.Plain, body)}},
		"3 bytes where the page header states 24": {typ: format.Int64, rows: 3, codec: format.Snappy, pages: []page{with(dataPage(3, format.Plain, s2.EncodeSnappy(nil, []byte("abc"))), func(h *format.PageHeader) {
			h.UncompressedPageSize = 24
		})}},
		"a dictionary that is not there":      {typ: format.Int64, rows: 3, pages: []page{dataPage(3, format.RLEDictionary, []byte{1, 3 << 1, 0})}},
		"index 2 in a dictionary of 2 values": {typ: format.Int64, rows: 3, pages: []page{dictPage(2, plainInt64(1, 2)), dataPage(3, format.RLEDictionary, []byte{2, 3 << 1, 2})}},
		"index 4294967295 in a dictionary of 1": {typ: format.Int64, rows: 3, pages: []page{dictPage(1, plainInt64(1)), dataPage(3, format.RLEDictionary,
			[]byte{32, 3 << 1, 255, 255, 255, 255})}},
		"dictionary indexes of 33 bits":       {typ: format.Int64, rows: 3, pages: []page{dictPage(1, plainInt64(1)), dataPage(3, format.RLEDictionary, []byte{33, 3 << 1, 0})}},
		"a dictionary of 9 values in 8 bytes": {typ: format.Int64, rows: 3, pages: []page{dictPage(9, plainInt64(1)), dataPage(3, format.RLEDictionary, []byte{1, 3 << 1, 0})}},
		"a second dictionary page":            {typ: format.Int64, rows: 3, pages: []page{dictPage(1, plainInt64(1)), dictPage(1, plainInt64(1))}},
		"booleans have no dictionary":         {typ: format.Boolean, rows: 3, pages: []page{dictPage(1, []byte{1})}},
		"a value has length -1":               {typ: format.ByteArray, rows: 1, pages: []page{dataPage(1, format.DeltaLengthByteArray, []byte{128, 1, 4, 1, 1})}},
		"shares 5 bytes with one of 0":        {typ: format.ByteArray, rows: 1, pages: []page{dataPage(1, format.DeltaByteArray, []byte{128, 1, 4, 1, 10, 128, 1, 4, 1, 0})}},
		"a value has 2 bytes where the type":  {typ: format.FixedLenByteArray, length: 3, rows: 1, pages: []page{dataPage(1, format.DeltaByteArray, []byte{128, 1, 4, 1, 0, 128, 1, 4, 1, 4, 'a', 'b'})}},
		"do not split into values of 8":       {typ: format.Int64, rows: 3, pages: []page{dataPage(3, format.ByteStreamSplit, body[:23])}},
		"a page begins inside a row":          {typ: format.Int64, rep: format.Repeated, rows: 3, pages: []page{dataPage(3, format.Plain, join2(v1Levels(3<<1, 1), v1Levels(3<<1, 1), body))}},
		"a definition level exceeds 2":        {typ: format.Int64, rep: format.Repeated, rows: 3, pages: []page{dataPage(3, format.Plain, join2(v1Levels(3<<1, 0), v1Levels(3<<1, 3), body))}, edit: nest},
		"run value 9 has more than 1 bits":    {typ: format.Int64, rep: format.Optional, rows: 3, pages: []page{dataPage(3, format.Plain, join2(v1Levels(3<<1, 9), body))}},
		"levels in encoding PLAIN":            {typ: format.Int64, rep: format.Optional, rows: 3, pages: []page{with(dataPage(3, format.Plain, body), func(h *format.PageHeader) { h.DataPageHeader.V.DefinitionLevelEncoding = format.Plain })}},
		"levels of 90 and 0 bytes in a page":  {typ: format.Int64, rows: 3, pages: []page{dataPageV2(3, 3, 90, 0, format.Plain, body)}},
		"a dictionary page in encoding RLE":   {typ: format.Int64, rows: 3, pages: []page{with(dictPage(3, body), func(h *format.PageHeader) { h.DictionaryPageHeader.V.Encoding = format.RLE })}},
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			_, err := readAll(c.build(t), nil)
			var corrupt *CorruptError
			require.ErrorAs(t, err, &corrupt)
			require.ErrorContains(t, err, want)
			require.Contains(t, corrupt.Column, "c")
			require.Zero(t, corrupt.RowGroup)
			require.GreaterOrEqual(t, corrupt.Offset, int64(4))
			require.ErrorContains(t, err, "restore the file or write it anew")
		})
	}
}

// nest puts an optional group with a repeated column in place of the column.
func nest(m *format.FileMetaData) {
	m.Schema = []format.SchemaElement{
		m.Schema[0],
		{Name: "g", RepetitionType: thrift.New(format.Optional), NumChildren: thrift.New(int32(1))},
		m.Schema[1],
	}
}

func TestDamagedFootersAreErrors(t *testing.T) {
	t.Parallel()
	good := crafted{typ: format.Int64, rows: 3, pages: []page{dataPage(3, format.Plain, plainInt64(1, 2, 3))}}
	edit := func(f func(*format.FileMetaData)) []byte {
		c := good
		c.edit = f
		return c.build(t)
	}
	chunk := func(m *format.FileMetaData) *format.ColumnMetaData { return &m.RowGroups[0].Columns[0].MetaData }
	whole := good.build(t)
	for want, data := range map[string][]byte{
		"too few for a Parquet file":   []byte("PAR1PAR1"),
		`does not end in "PAR1"`:       append(append([]byte{}, whole...), 0),
		`does not begin with "PAR1"`:   append([]byte("PAR2"), whole[4:]...),
		"does not fit a file of":       append(append([]byte{}, whole[:len(whole)-8]...), 0xFF, 0xFF, 0xFF, 0x7F, 'P', 'A', 'R', '1'),
		"reading the footer: data end": withFooter(whole, []byte{0x19, 0x2C, 0x15}),
		"the schema is empty":          edit(func(m *format.FileMetaData) { m.Schema = nil }),
		"states 5 children":            edit(func(m *format.FileMetaData) { m.Schema[0].NumChildren = thrift.New(int32(5)) }),
		"states -1 children":           edit(func(m *format.FileMetaData) { m.Schema[0].NumChildren = thrift.New(int32(-1)) }),
		"1 elements outside its root":  edit(func(m *format.FileMetaData) { m.Schema = append(m.Schema, m.Schema[1]) }),
		"unknown type 99":              edit(func(m *format.FileMetaData) { m.Schema[1].Type = thrift.New(format.Type(99)) }),
		"unknown repetition 9":         edit(func(m *format.FileMetaData) { m.Schema[1].RepetitionType = thrift.New(format.FieldRepetitionType(9)) }),
		"has values of 0 bytes":        edit(func(m *format.FileMetaData) { m.Schema[1].Type = thrift.New(format.FixedLenByteArray) }),
		"nested more than 100 deep": edit(func(m *format.FileMetaData) {
			g := format.SchemaElement{Name: "g", RepetitionType: thrift.New(format.Required), NumChildren: thrift.New(int32(1))}
			leaf := m.Schema[1]
			m.Schema = m.Schema[:1]
			for range 200 {
				m.Schema = append(m.Schema, g)
			}
			m.Schema = append(m.Schema, leaf)
		}),
		"states -5 rows":                edit(func(m *format.FileMetaData) { m.RowGroups[0].NumRows = -5 }),
		"0 column chunks for 1 columns": edit(func(m *format.FileMetaData) { m.RowGroups[0].Columns = nil }),
		"states 4 rows, its row groups": edit(func(m *format.FileMetaData) { m.NumRows = 4 }),
		"the chunk's type is DOUBLE":    edit(func(m *format.FileMetaData) { chunk(m).Type = format.Double }),
		"states 9 values for 3 rows":    edit(func(m *format.FileMetaData) { chunk(m).NumValues = 9 }),
		"states -9 values":              edit(func(m *format.FileMetaData) { chunk(m).NumValues = -9 }),
		"is not inside the file":        edit(func(m *format.FileMetaData) { chunk(m).TotalCompressedSize = 1 << 62 }),
		"bytes at -7 is not inside":     edit(func(m *format.FileMetaData) { chunk(m).DataPageOffset = -7 }),
		"add up to more than 2^56": edit(func(m *format.FileMetaData) {
			m.RowGroups[0].NumRows, chunk(m).NumValues = 1<<56, 1<<56
			m.RowGroups = append(m.RowGroups, m.RowGroups[0])
		}),
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			_, err := readAll(data, nil)
			var corrupt *CorruptError
			require.ErrorAs(t, err, &corrupt)
			require.ErrorContains(t, err, want)
		})
	}
}

// What this package does not read is no damage, and restoring a file from a copy
// does not help.
func TestWhatIsNotSupportedIsNotCalledDamage(t *testing.T) {
	t.Parallel()
	body := plainInt64(1, 2, 3)
	good := crafted{typ: format.Int64, rows: 3, pages: []page{dataPage(3, format.Plain, body)}}
	whole := good.build(t)
	lzo, encoding, elsewhere, encrypted := good, good, good, good
	lzo.codec = format.LZO
	encoding.pages = []page{dataPage(3, format.DeltaByteArray, body)}
	elsewhere.edit = func(m *format.FileMetaData) { m.RowGroups[0].Columns[0].FilePath = "../../etc/passwd" }
	encrypted.edit = func(m *format.FileMetaData) {
		m.RowGroups[0].Columns[0].CryptoMetadata.Value = &format.EncryptionWithFooterKey{}
	}
	for want, data := range map[string][]byte{
		`column "c": a page is compressed by codec LZO (3), which is not supported`:                    lzo.build(t),
		`column "c": a page has INT64 values in encoding DELTA_BYTE_ARRAY (7), which is not supported`: encoding.build(t),
		`column "c": the column is in another file, "../../etc/passwd", which is not supported`:        elsewhere.build(t),
		`column "c": the column is encrypted, which is not supported`:                                  encrypted.build(t),
		`parquet: the file is encrypted, which is not supported`:                                       append(whole[:len(whole)-4:len(whole)-4], "PARE"...),
	} {
		_, err := readAll(data, nil)
		require.ErrorContains(t, err, want)
		var corrupt *CorruptError
		require.False(t, errors.As(err, &corrupt), "%v", err)
	}
}

func TestFooterLimitIsKept(t *testing.T) {
	t.Parallel()
	c := crafted{typ: format.Int64, rows: 1, pages: []page{dataPage(1, format.Plain, plainInt64(1))}}
	c.edit = func(m *format.FileMetaData) { m.CreatedBy = string(make([]byte, 10_000)) }
	data := c.build(t)
	_, err := readAll(data, &Options{MaxFooter: 20_000})
	require.NoError(t, err)
	_, err = readAll(data, &Options{MaxFooter: 10_000})
	require.ErrorContains(t, err, "exceeds the limit of 10000")
}

// Tiny files that claim to hold much must not make the reader set memory aside
// for it. The limits are far above what decoding takes and far below the claims.
func TestSmallFilesDoNotTakeMuchMemory(t *testing.T) {
	zeros := make([]byte, 200<<20)
	enc, err := zstd.NewWriter(nil)
	require.NoError(t, err)
	bomb := enc.EncodeAll(zeros, nil)
	zeros = nil
	claim := func(p page, plain int32) page {
		p.header.UncompressedPageSize = plain
		return p
	}
	huge := binary.AppendUvarint(binary.AppendUvarint(binary.AppendUvarint(nil, 1<<16), 1), 1<<31-1)
	huge = append(huge, 0)
	for range 1 << 15 {
		huge = append(huge, 0, 0)
	}
	dictOfOneLong := func() []page {
		long := string(make([]byte, 1<<20))
		return []page{dictPage(1, plainStrings(long)), dataPage(1<<20, format.RLEDictionary, append([]byte{1}, binary.AppendUvarint(nil, 1<<21)...))}
	}
	lists := []byte{1<<1 | 1, 0b11111110}
	for name, c := range map[string]crafted{
		"zstd bomb behind a small claim": {typ: format.ByteArray, codec: format.Zstd, rows: 3, pages: []page{claim(dataPage(3, format.Plain, bomb), 1000)}},
		"zstd bomb":                      {typ: format.ByteArray, codec: format.Zstd, rows: 3, pages: []page{claim(dataPage(3, format.Plain, bomb), 200<<20)}},
		"a string of 2 GiB":              {typ: format.ByteArray, rows: 1, pages: []page{dataPage(1, format.Plain, []byte{255, 255, 255, 127})}},
		"2^31 delta values":              {typ: format.Int64, rows: 1<<31 - 1, pages: []page{dataPage(1<<31-1, format.DeltaBinaryPacked, huge)}},
		"2^31 delta lengths":             {typ: format.ByteArray, rows: 1<<31 - 1, pages: []page{dataPage(1<<31-1, format.DeltaLengthByteArray, huge)}},
		"2^31 elements of one list": {typ: format.Int64, rep: format.Repeated, rows: 1, values: 1<<31 - 1, pages: []page{dataPage(1<<31-1, format.Plain,
			join2(v1Levels(append(lists, binary.AppendUvarint(nil, (1<<31-9)<<1)...)...), v1Levels(binary.AppendUvarint(nil, (1<<31-1)<<1)...), []byte{1}))}},
		"a dictionary of one long string": {typ: format.ByteArray, rows: 1 << 20, pages: dictOfOneLong()},
	} {
		t.Run(name, func(t *testing.T) {
			data := c.build(t)
			// HeapAlloc counts garbage too: keep that to a tenth of what is live.
			defer debug.SetGCPercent(debug.SetGCPercent(10))
			runtime.GC()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := readAll(data, &Options{MaxBatchBytes: 8 << 20, Parallel: 1})
			runtime.ReadMemStats(&after)
			if name != "a dictionary of one long string" && name != "2^31 delta lengths" && name != "2^31 delta values" {
				require.Error(t, err)
			}
			live := int64(after.HeapAlloc) - int64(before.HeapAlloc)
			require.Less(t, live, int64(64<<20), "%v", err)
			if name != "a dictionary of one long string" && name != "2^31 delta lengths" && name != "2^31 delta values" {
				require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(64<<20), "%v", err)
			}
		})
	}
}

// A file with its bytes changed is an error or reads as other values, but never
// a panic or a hang. With checksums it is an error or reads as before.
func TestChangedBytesNeverPanic(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewSource(11))
	leaves := everyLeaf()
	for range 6 {
		cols := []*shape{opt(leaves[r.Intn(len(leaves))]), opt(listOf(opt(leaves[r.Intn(len(leaves))]))), leaves[r.Intn(len(leaves))]}
		s := makeSample(t, r, cols, sampleOptions{rows: 30, version: 1 + r.Intn(2), page: 150, group: 50, nulls: 0.2, codec: &parquet.Snappy})
		for at := range s.data {
			data := append([]byte{}, s.data...)
			data[at] ^= 1 << r.Intn(8)
			if r.Intn(3) == 0 {
				data[at] = byte(r.Intn(256))
			}
			_, _ = readAll(data, &Options{MaxBatchBytes: 1 << 20, Parallel: 1})
		}
	}
}

func TestCutFilesAreErrors(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewSource(12))
	s := makeSample(t, r, []*shape{opt(leafShape(parquet.ByteArrayType, nil, someBytes))}, sampleOptions{rows: 50, version: 1, page: 150, group: 50})
	for n := range s.data {
		_, err := readAll(s.data[:n], nil)
		require.Error(t, err, "cut to %d bytes", n)
	}
}

// What a dependency panics with becomes an error that names the place.
func TestPanicsBecomeErrors(t *testing.T) {
	t.Parallel()
	c := crafted{typ: format.Int32, rows: 1, pages: []page{dataPage(1, format.Plain, []byte{1, 2, 3, 4})}}
	f, err := Open(context.Background(), &memory{b: c.build(t)}, nil)
	require.NoError(t, err)
	p, err := f.Project(&schema.Struct{Fields: []schema.Field{{Name: "c", Type: schema.Long}}}, ByName)
	require.NoError(t, err)
	p.leaves[0].typ.convert = func([]byte, []byte, int) error { panic(fmt.Sprint("out of ", "order")) }
	for _, err := range p.Batches(context.Background(), nil) {
		var corrupt *CorruptError
		require.ErrorAs(t, err, &corrupt)
		require.ErrorContains(t, err, `column "c", at byte 4: decoder fault: out of order`)
	}
}
