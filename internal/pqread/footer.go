package pqread

import (
	"github.com/parquet-go/parquet-go/format"
)

// The structures of parquet.thrift, with the fields this package uses. Byte
// slices share the footer's memory.

type fileMeta struct {
	schema    []element
	rows      int64
	groups    []groupMeta
	createdBy string
	keyValues []keyValue
	ordered   []bool // per leaf: min_value and max_value follow the type's order
}

type keyValue struct{ key, value string }

type element struct {
	name       string
	typ        format.Type // meaningful when children == 0
	hasType    bool
	typeLength int32
	repetition format.FieldRepetitionType
	children   int32
	fieldID    int32
	hasFieldID bool
	logical    logicalType
}

// A logicalType is what annotates an element, from LogicalType when it is
// there and from ConvertedType otherwise.
type logicalType struct {
	kind      logicalKind
	unit      timeUnit // timestamp, time
	utc       bool     // timestamp, time
	bits      int8     // integer
	signed    bool     // integer
	precision int32    // decimal
	scale     int32    // decimal
}

type logicalKind uint8

const (
	logicalNone logicalKind = iota
	logicalString
	logicalMap
	logicalMapKeyValue
	logicalList
	logicalEnum
	logicalDecimal
	logicalDate
	logicalTime
	logicalTimestamp
	logicalInt
	logicalNull
	logicalJSON
	logicalBSON
	logicalUUID
	logicalFloat16
	logicalVariant
	logicalInterval
	logicalOther // an annotation this package does not know
)

type timeUnit uint8

const (
	millis timeUnit = iota
	micros
	nanos
)

type groupMeta struct {
	rows   int64
	first  int64 // rows in the groups before
	chunks []chunkMeta
}

type chunkMeta struct {
	filePath   string
	typ        format.Type
	codec      format.CompressionCodec
	values     int64
	size       int64 // compressed, with headers
	plainSize  int64 // uncompressed, with headers
	dataOffset int64
	dictOffset int64
	stats      statistics
	offsetIdx  span
	columnIdx  span
	bloom      span // the length is 0 when not stated
	hasMeta    bool
	encrypted  bool
}

// start is where the chunk's first page is.
func (c *chunkMeta) start() int64 {
	if c.dictOffset > 0 && c.dictOffset < c.dataOffset {
		return c.dictOffset
	}
	return c.dataOffset
}

type span struct {
	off int64
	n   int64
}

type statistics struct {
	min, max       []byte // min_value, max_value
	oldMin, oldMax []byte // deprecated min, max: signed byte order
	nulls          int64  // -1: not stated
}

const (
	maxElements   = 1 << 17 // of a schema
	minChunkBytes = 16      // a column chunk's required fields take more
)

func parseFooter(b []byte) (*fileMeta, error) {
	c := &cursor{b: b}
	m := &fileMeta{rows: -1}
	for f := (fieldIter{}); f.next(c); {
		switch {
		case f.is(2, tList):
			n := c.list(tStruct)
			if n > maxElements {
				c.fail(corruptf("the schema has %d elements, more than %d", n, maxElements))
			}
			m.schema = make([]element, 0, min(n, 1024))
			for i := 0; i < n && c.err == nil; i++ {
				m.schema = append(m.schema, parseElement(c))
			}
		case f.is(3, tI64):
			m.rows = c.i64()
		case f.is(4, tList):
			n := c.list(tStruct)
			for i := 0; i < n && c.err == nil; i++ {
				m.groups = append(m.groups, parseGroup(c))
			}
		case f.is(5, tList):
			n := c.list(tStruct)
			for i := 0; i < n && c.err == nil; i++ {
				m.keyValues = append(m.keyValues, parseKeyValue(c))
			}
		case f.is(6, tBinary):
			m.createdBy = string(c.binary())
		case f.is(7, tList):
			n := c.list(tStruct)
			for i := 0; i < n && c.err == nil; i++ {
				m.ordered = append(m.ordered, parseColumnOrder(c))
			}
		case f.is(8, tStruct):
			c.fail(&unsupportedError{"the file is encrypted"})
		default:
			c.skip(f.typ)
		}
	}
	if c.err != nil {
		return nil, c.err
	}
	return m, nil
}

func parseKeyValue(c *cursor) (kv keyValue) {
	for f := (fieldIter{}); f.next(c); {
		switch {
		case f.is(1, tBinary):
			kv.key = string(c.binary())
		case f.is(2, tBinary):
			kv.value = string(c.binary())
		default:
			c.skip(f.typ)
		}
	}
	return kv
}

// parseColumnOrder reports whether the order is TYPE_ORDER, the only one known.
func parseColumnOrder(c *cursor) (typeOrder bool) {
	for f := (fieldIter{}); f.next(c); {
		typeOrder = f.id == 1
		c.skip(f.typ)
	}
	return typeOrder
}

func parseElement(c *cursor) element {
	e := element{repetition: format.Required}
	converted, precision, scale := int32(-1), int32(0), int32(0)
	for f := (fieldIter{}); f.next(c); {
		switch {
		case f.is(1, tI32):
			e.typ, e.hasType = format.Type(c.i32()), true
		case f.is(2, tI32):
			e.typeLength = c.i32()
		case f.is(3, tI32):
			e.repetition = format.FieldRepetitionType(c.i32())
		case f.is(4, tBinary):
			e.name = string(c.binary())
		case f.is(5, tI32):
			e.children = c.i32()
		case f.is(6, tI32):
			converted = c.i32()
		case f.is(7, tI32):
			scale = c.i32()
		case f.is(8, tI32):
			precision = c.i32()
		case f.is(9, tI32):
			e.fieldID, e.hasFieldID = c.i32(), true
		case f.is(10, tStruct):
			e.logical = parseLogicalType(c)
		default:
			c.skip(f.typ)
		}
	}
	if e.logical.kind == logicalNone && converted >= 0 {
		e.logical = fromConvertedType(converted, precision, scale)
	}
	return e
}

func parseLogicalType(c *cursor) (t logicalType) {
	for f := (fieldIter{}); f.next(c); {
		if f.typ != tStruct {
			c.skip(f.typ)
			continue
		}
		switch f.id {
		case 1:
			t.kind = logicalString
		case 2:
			t.kind = logicalMap
		case 3:
			t.kind = logicalList
		case 4:
			t.kind = logicalEnum
		case 5:
			t = parseDecimalType(c)
			continue
		case 6:
			t.kind = logicalDate
		case 7:
			t = parseTimeType(c, logicalTime)
			continue
		case 8:
			t = parseTimeType(c, logicalTimestamp)
			continue
		case 10:
			t = parseIntType(c)
			continue
		case 11:
			t.kind = logicalNull
		case 12:
			t.kind = logicalJSON
		case 13:
			t.kind = logicalBSON
		case 14:
			t.kind = logicalUUID
		case 15:
			t.kind = logicalFloat16
		case 16:
			t.kind = logicalVariant
		default:
			t.kind = logicalOther
		}
		c.skip(f.typ)
	}
	return t
}

func parseDecimalType(c *cursor) logicalType {
	t := logicalType{kind: logicalDecimal}
	for f := (fieldIter{}); f.next(c); {
		switch {
		case f.is(1, tI32):
			t.scale = c.i32()
		case f.is(2, tI32):
			t.precision = c.i32()
		default:
			c.skip(f.typ)
		}
	}
	return t
}

func parseTimeType(c *cursor, kind logicalKind) logicalType {
	t := logicalType{kind: kind}
	for f := (fieldIter{}); f.next(c); {
		switch {
		case f.is(1, tTrue):
			t.utc = f.typ == tTrue
		case f.is(2, tStruct):
			for u := (fieldIter{}); u.next(c); {
				switch u.id {
				case 1:
					t.unit = millis
				case 2:
					t.unit = micros
				case 3:
					t.unit = nanos
				default:
					t.kind = logicalOther
				}
				c.skip(u.typ)
			}
		default:
			c.skip(f.typ)
		}
	}
	return t
}

func parseIntType(c *cursor) logicalType {
	t := logicalType{kind: logicalInt}
	for f := (fieldIter{}); f.next(c); {
		switch {
		case f.is(1, tByte):
			t.bits = int8(c.u8())
		case f.is(2, tTrue):
			t.signed = f.typ == tTrue
		default:
			c.skip(f.typ)
		}
	}
	return t
}

func fromConvertedType(t, precision, scale int32) logicalType {
	integer := func(bits int8, signed bool) logicalType {
		return logicalType{kind: logicalInt, bits: bits, signed: signed}
	}
	switch t {
	case 0:
		return logicalType{kind: logicalString}
	case 1:
		return logicalType{kind: logicalMap}
	case 2:
		return logicalType{kind: logicalMapKeyValue}
	case 3:
		return logicalType{kind: logicalList}
	case 4:
		return logicalType{kind: logicalEnum}
	case 5:
		return logicalType{kind: logicalDecimal, precision: precision, scale: scale}
	case 6:
		return logicalType{kind: logicalDate}
	case 7:
		return logicalType{kind: logicalTime, unit: millis, utc: true}
	case 8:
		return logicalType{kind: logicalTime, unit: micros, utc: true}
	case 9:
		return logicalType{kind: logicalTimestamp, unit: millis, utc: true}
	case 10:
		return logicalType{kind: logicalTimestamp, unit: micros, utc: true}
	case 11, 12, 13, 14:
		return integer(8<<(t-11), false)
	case 15, 16, 17, 18:
		return integer(8<<(t-15), true)
	case 19:
		return logicalType{kind: logicalJSON}
	case 20:
		return logicalType{kind: logicalBSON}
	case 21:
		return logicalType{kind: logicalInterval}
	}
	return logicalType{kind: logicalOther}
}

func parseGroup(c *cursor) (g groupMeta) {
	g.rows = -1
	for f := (fieldIter{}); f.next(c); {
		switch {
		case f.is(1, tList):
			n := c.list(tStruct)
			if n > (len(c.b)-c.i)/minChunkBytes {
				c.fail(errShort)
				return g
			}
			g.chunks = make([]chunkMeta, 0, min(n, 1024))
			for i := 0; i < n && c.err == nil; i++ {
				g.chunks = append(g.chunks, parseChunk(c))
			}
		case f.is(3, tI64):
			g.rows = c.i64()
		default:
			c.skip(f.typ)
		}
	}
	return g
}

func parseChunk(c *cursor) (k chunkMeta) {
	k.stats.nulls = -1
	for f := (fieldIter{}); f.next(c); {
		switch {
		case f.is(1, tBinary):
			k.filePath = string(c.binary())
		case f.is(3, tStruct):
			parseChunkMeta(c, &k)
			k.hasMeta = true
		case f.is(4, tI64):
			k.offsetIdx.off = c.i64()
		case f.is(5, tI32):
			k.offsetIdx.n = int64(c.i32())
		case f.is(6, tI64):
			k.columnIdx.off = c.i64()
		case f.is(7, tI32):
			k.columnIdx.n = int64(c.i32())
		case f.is(8, tStruct):
			k.encrypted = true
			c.skip(f.typ)
		default:
			c.skip(f.typ)
		}
	}
	return k
}

func parseChunkMeta(c *cursor, k *chunkMeta) {
	for f := (fieldIter{}); f.next(c); {
		switch {
		case f.is(1, tI32):
			k.typ = format.Type(c.i32())
		case f.is(4, tI32):
			k.codec = format.CompressionCodec(c.i32())
		case f.is(5, tI64):
			k.values = c.i64()
		case f.is(6, tI64):
			k.plainSize = c.i64()
		case f.is(7, tI64):
			k.size = c.i64()
		case f.is(9, tI64):
			k.dataOffset = c.i64()
		case f.is(11, tI64):
			k.dictOffset = c.i64()
		case f.is(12, tStruct):
			parseStatistics(c, &k.stats)
		case f.is(14, tI64):
			k.bloom.off = c.i64()
		case f.is(15, tI32):
			k.bloom.n = int64(c.i32())
		default:
			c.skip(f.typ)
		}
	}
}

func parseStatistics(c *cursor, s *statistics) {
	for f := (fieldIter{}); f.next(c); {
		switch {
		case f.is(1, tBinary):
			s.oldMax = c.binary()
		case f.is(2, tBinary):
			s.oldMin = c.binary()
		case f.is(3, tI64):
			s.nulls = c.i64()
		case f.is(5, tBinary):
			s.max = c.binary()
		case f.is(6, tBinary):
			s.min = c.binary()
		default:
			c.skip(f.typ)
		}
	}
}

// A pageHeader is a PageHeader with one of its type-specific parts.
type pageHeader struct {
	typ      format.PageType
	size     int32 // compressed
	plain    int32 // uncompressed
	crc      uint32
	hasCRC   bool
	values   int32
	encoding format.Encoding

	// DATA_PAGE
	defEncoding, repEncoding format.Encoding

	// DATA_PAGE_V2
	rows, nulls, defBytes, repBytes int32
	compressed                      bool

	length int // of the header
}

func parsePageHeader(b []byte) (h pageHeader, err error) {
	c := &cursor{b: b}
	h.typ, h.size, h.plain, h.compressed = -1, -1, -1, true
	part := int16(0)
	for f := (fieldIter{}); f.next(c); {
		switch {
		case f.is(1, tI32):
			h.typ = format.PageType(c.i32())
		case f.is(2, tI32):
			h.plain = c.i32()
		case f.is(3, tI32):
			h.size = c.i32()
		case f.is(4, tI32):
			h.crc, h.hasCRC = uint32(c.i32()), true
		case f.is(5, tStruct):
			part = f.id
			parseDataPage(c, &h)
		case f.is(7, tStruct):
			part = f.id
			parseDictPage(c, &h)
		case f.is(8, tStruct):
			part = f.id
			parseDataPageV2(c, &h)
		default:
			c.skip(f.typ)
		}
	}
	if c.err != nil {
		return h, c.err
	}
	h.length = c.i
	want := int16(0)
	switch h.typ {
	case format.DataPage:
		want = 5
	case format.DictionaryPage:
		want = 7
	case format.DataPageV2:
		want = 8
	}
	switch {
	case h.size < 0 || h.plain < 0:
		return h, corruptf("page header states no size")
	case want != 0 && part != want:
		return h, corruptf("page header of type %v lacks its own part", h.typ)
	case h.values < 0 || h.rows < 0 || h.nulls < 0 || h.defBytes < 0 || h.repBytes < 0:
		return h, corruptf("page header states a negative count")
	}
	return h, nil
}

func parseDataPage(c *cursor, h *pageHeader) {
	for f := (fieldIter{}); f.next(c); {
		switch {
		case f.is(1, tI32):
			h.values = c.i32()
		case f.is(2, tI32):
			h.encoding = format.Encoding(c.i32())
		case f.is(3, tI32):
			h.defEncoding = format.Encoding(c.i32())
		case f.is(4, tI32):
			h.repEncoding = format.Encoding(c.i32())
		default:
			c.skip(f.typ)
		}
	}
}

func parseDictPage(c *cursor, h *pageHeader) {
	for f := (fieldIter{}); f.next(c); {
		switch {
		case f.is(1, tI32):
			h.values = c.i32()
		case f.is(2, tI32):
			h.encoding = format.Encoding(c.i32())
		default:
			c.skip(f.typ)
		}
	}
}

func parseDataPageV2(c *cursor, h *pageHeader) {
	for f := (fieldIter{}); f.next(c); {
		switch {
		case f.is(1, tI32):
			h.values = c.i32()
		case f.is(2, tI32):
			h.nulls = c.i32()
		case f.is(3, tI32):
			h.rows = c.i32()
		case f.is(4, tI32):
			h.encoding = format.Encoding(c.i32())
		case f.is(5, tI32):
			h.defBytes = c.i32()
		case f.is(6, tI32):
			h.repBytes = c.i32()
		case f.is(7, tTrue):
			h.compressed = f.typ == tTrue
		default:
			c.skip(f.typ)
		}
	}
}
