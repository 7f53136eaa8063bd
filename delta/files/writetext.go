package files

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// flushBytes is how much text is gathered before it is written.
const flushBytes = 256 << 10

// A printer writes the values of one type as text.
type printer struct {
	name  string
	kind  schema.Kind
	scale int
	keys  [][]byte   // of a struct: its fields' names as JSON, with comma and colon
	kids  []*printer // fields; element; key, value
}

func newPrinter(name string, t schema.DataType) (*printer, error) {
	p := &printer{name: name, kind: t.Kind()}
	var kids []schema.Field
	switch t := t.(type) {
	case schema.Decimal:
		p.scale = t.Scale
	case *schema.Array:
		kids = []schema.Field{{Name: "element", Type: t.Element}}
	case *schema.Map:
		if k := t.Key.Kind(); k == schema.KindStruct || k == schema.KindArray || k == schema.KindMap {
			return nil, fmt.Errorf("column %s: a map whose keys are %s has no text form; write parquet or arrow", name, t.Key)
		}
		kids = []schema.Field{{Name: "key", Type: t.Key}, {Name: "value", Type: t.Value}}
	case *schema.Struct:
		kids = t.Fields
		for i := range kids {
			key, err := jsontext.AppendQuote([]byte{'{'}, kids[i].Name)
			if err != nil {
				return nil, fmt.Errorf("the name of column %s: %w", kids[i].Name, err)
			}
			if i > 0 {
				key[0] = ','
			}
			p.keys = append(p.keys, append(key, ':'))
		}
	}
	for i := range kids {
		k, err := newPrinter(kids[i].Name, kids[i].Type)
		if err != nil {
			return nil, err
		}
		p.kids = append(p.kids, k)
	}
	return p, nil
}

var errText = errors.New("text that is not UTF-8")

// appendJSON appends value i of v.
func (p *printer) appendJSON(dst []byte, v *vec.Vec, i int) ([]byte, error) {
	if v.IsNull(i) {
		return append(dst, "null"...), nil
	}
	switch p.kind {
	case schema.KindString:
		dst, err := jsontext.AppendQuote(dst, v.At(i))
		if err != nil {
			err = fmt.Errorf("column %s: %w", p.name, errText)
		}
		return dst, err
	case schema.KindBinary, schema.KindDate, schema.KindTimestamp, schema.KindTimestampNTZ:
		dst = p.appendText(append(dst, '"'), v, i)
		return append(dst, '"'), nil
	case schema.KindFloat, schema.KindDouble:
		at := len(dst)
		dst = p.appendText(append(dst, '"'), v, i)
		if c := dst[len(dst)-1]; c >= '0' && c <= '9' {
			return append(dst[:at], dst[at+1:]...), nil
		}
		return append(dst, '"'), nil
	case schema.KindStruct:
		return p.appendObject(dst, v, i)
	case schema.KindArray:
		return p.appendArray(dst, v, i)
	case schema.KindMap:
		return p.appendMap(dst, v, i)
	}
	return p.appendText(dst, v, i), nil
}

func (p *printer) appendObject(dst []byte, v *vec.Vec, i int) (_ []byte, err error) {
	for k, f := range p.kids {
		dst = append(dst, p.keys[k]...)
		if dst, err = f.appendJSON(dst, v.Children[k], v.Off+i); err != nil {
			return dst, err
		}
	}
	if len(p.kids) == 0 {
		dst = append(dst, '{')
	}
	return append(dst, '}'), nil
}

func (p *printer) appendArray(dst []byte, v *vec.Vec, i int) (_ []byte, err error) {
	dst = append(dst, '[')
	from, to := v.Offsets[v.Off+i], v.Offsets[v.Off+i+1]
	for j := from; j < to; j++ {
		if j > from {
			dst = append(dst, ',')
		}
		if dst, err = p.kids[0].appendJSON(dst, v.Children[0], int(j)); err != nil {
			return dst, err
		}
	}
	return append(dst, ']'), nil
}

func (p *printer) appendMap(dst []byte, v *vec.Vec, i int) (_ []byte, err error) {
	dst = append(dst, '{')
	from, to := v.Offsets[v.Off+i], v.Offsets[v.Off+i+1]
	for j := from; j < to; j++ {
		if j > from {
			dst = append(dst, ',')
		}
		if p.kids[0].kind == schema.KindString {
			dst, err = p.kids[0].appendJSON(dst, v.Children[0], int(j))
		} else {
			dst = append(p.kids[0].appendText(append(dst, '"'), v.Children[0], int(j)), '"')
		}
		if err != nil {
			return dst, err
		}
		if dst, err = p.kids[1].appendJSON(append(dst, ':'), v.Children[1], int(j)); err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}

// appendText appends value i, which is not null, of a type that is not nested, as
// CSV has it, without quotes.
func (p *printer) appendText(dst []byte, v *vec.Vec, i int) []byte {
	switch p.kind {
	case schema.KindBoolean:
		return strconv.AppendBool(dst, v.Bool(i))
	case schema.KindByte:
		return strconv.AppendInt(dst, int64(vec.Values[int8](v)[i]), 10)
	case schema.KindShort:
		return strconv.AppendInt(dst, int64(vec.Values[int16](v)[i]), 10)
	case schema.KindInteger:
		return strconv.AppendInt(dst, int64(vec.Values[int32](v)[i]), 10)
	case schema.KindLong:
		return strconv.AppendInt(dst, vec.Values[int64](v)[i], 10)
	case schema.KindFloat:
		return schema.AppendFloat(dst, float64(vec.Values[float32](v)[i]), 32)
	case schema.KindDouble:
		return schema.AppendFloat(dst, vec.Values[float64](v)[i], 64)
	case schema.KindDecimal:
		return schema.Decimal128FromLittleEndian(vec.Values[[16]byte](v)[i]).Append(dst, p.scale)
	case schema.KindDate:
		return schema.AppendDate(dst, vec.Values[int32](v)[i])
	case schema.KindTimestamp:
		return schema.AppendTimestamp(dst, vec.Values[int64](v)[i])
	case schema.KindTimestampNTZ:
		return schema.AppendDateTime(dst, vec.Values[int64](v)[i], 'T', 6)
	case schema.KindBinary:
		return base64.StdEncoding.AppendEncode(dst, v.At(i))
	}
	return append(dst, v.At(i)...)
}

// A textWriter writes rows as lines.
type textWriter struct {
	w    io.Writer
	buf  []byte
	rows int64 // written before this batch
	row  func(dst []byte, cols []*vec.Vec, i int) ([]byte, error)
}

// Write appends the batch's rows.
func (t *textWriter) Write(rec arrow.RecordBatch) error {
	cols, err := columnsOf(rec)
	if err != nil {
		return err
	}
	for i := range int(rec.NumRows()) {
		if t.buf, err = t.row(t.buf, cols, i); err != nil {
			return fmt.Errorf("row %d: %w", t.rows+int64(i)+1, err)
		}
		if len(t.buf) >= flushBytes {
			if err := t.flush(); err != nil {
				return err
			}
		}
	}
	t.rows += rec.NumRows()
	return nil
}

func (t *textWriter) flush() error {
	_, err := t.w.Write(t.buf)
	t.buf = t.buf[:0]
	return err
}

// Close writes what is left.
func (t *textWriter) Close() error { return t.flush() }

func newJSONWriter(w io.Writer, s *schema.Struct) (*textWriter, error) {
	p, err := newPrinter("", s)
	if err != nil {
		return nil, err
	}
	row := &vec.Vec{Kind: vec.Struct}
	return &textWriter{w: w, row: func(dst []byte, cols []*vec.Vec, i int) ([]byte, error) {
		row.Children = cols
		dst, err := p.appendObject(dst, row, i)
		return append(dst, '\n'), err
	}}, nil
}

// A csvPrinter writes rows as CSV.
type csvPrinter struct {
	*printer
	comma   byte
	scratch []byte
}

func newCSVWriter(w io.Writer, s *schema.Struct, o *WriterOptions) (*textWriter, error) {
	p, err := newPrinter("", s)
	if err != nil {
		return nil, err
	}
	c := &csvPrinter{printer: p}
	if c.comma, err = delimiter(o.Delimiter, ','); err != nil {
		return nil, err
	}
	t := &textWriter{w: w, row: c.row}
	if !o.NoHeader {
		for i := range s.Fields {
			t.buf = c.field(c.separate(t.buf, i), []byte(s.Fields[i].Name))
		}
		t.buf = append(t.buf, '\n')
	}
	return t, nil
}

// delimiter checks an option.
func delimiter(r rune, otherwise byte) (byte, error) {
	switch {
	case r == 0:
		return otherwise, nil
	case r >= utf8.RuneSelf || r == '"' || r == '\n' || r == '\r' || r < 0:
		return 0, fmt.Errorf("files: delimiter %q: want one ASCII character that is no quote and no line break", r)
	}
	return byte(r), nil
}

func (c *csvPrinter) separate(dst []byte, i int) []byte {
	if i > 0 {
		return append(dst, c.comma)
	}
	return dst
}

func (c *csvPrinter) row(dst []byte, cols []*vec.Vec, i int) (_ []byte, err error) {
	for k, v := range cols {
		dst = c.separate(dst, k)
		if v.IsNull(i) {
			continue
		}
		switch p := c.kids[k]; p.kind {
		case schema.KindString:
			s := v.At(i)
			if !utf8.Valid(s) {
				return dst, fmt.Errorf("column %s: %w", p.name, errText)
			}
			dst = c.field(dst, s)
		case schema.KindStruct, schema.KindArray, schema.KindMap:
			if c.scratch, err = p.appendJSON(c.scratch[:0], v, i); err != nil {
				return dst, err
			}
			dst = c.field(dst, c.scratch)
		default:
			at := len(dst)
			dst = p.appendText(dst, v, i)
			if len(dst) == at || c.comma > ' ' && c.special(dst[at:]) {
				c.scratch = append(c.scratch[:0], dst[at:]...)
				dst = c.field(dst[:at], c.scratch)
			}
		}
	}
	return append(dst, '\n'), nil
}

// special reports whether a field must be in quotes.
func (c *csvPrinter) special(s []byte) bool {
	for _, b := range s {
		if b == c.comma || b == '"' || b == '\n' || b == '\r' {
			return true
		}
	}
	return false
}

// field appends a field, in quotes if it must be or is empty: a field that is
// empty without quotes is null.
func (c *csvPrinter) field(dst, s []byte) []byte {
	if len(s) > 0 && !c.special(s) && s[0] != 0xef {
		return append(dst, s...)
	}
	dst = append(dst, '"')
	for _, b := range s {
		if b == '"' {
			dst = append(dst, '"')
		}
		dst = append(dst, b)
	}
	return append(dst, '"')
}
