package files

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/deltalog/deltalog/txlog/schema"
)

// maxRow bounds the text of a row.
const maxRow = 64 << 20

// maxDepth bounds how deep values nest whose type is not known.
const maxDepth = 64

// A jsonFile is NDJSON: an object per line. Keys are unique and text is UTF-8, as
// I-JSON (RFC 7493) has it.
type jsonFile struct{ *file }

// A lineReader gives lines without their end, and counts them.
type lineReader struct {
	r    *bufio.Reader
	max  int // bytes of a line
	long []byte
	n    int64
}

// next returns a line that is not blank; io.EOF if there is none.
func (l *lineReader) next() ([]byte, error) {
	for {
		line, err := l.read()
		if l.n++; l.n == 1 {
			line = bytes.TrimPrefix(line, bom)
		}
		line = bytes.TrimRight(line, " \t\r\n")
		switch {
		case err != nil && !errors.Is(err, io.EOF):
			return nil, err
		case len(line) > 0:
			return line, nil
		case err != nil:
			return nil, io.EOF
		}
	}
}

var bom = []byte("\ufeff")

func (l *lineReader) read() ([]byte, error) {
	line, err := l.r.ReadSlice('\n')
	if !errors.Is(err, bufio.ErrBufferFull) {
		return line, err
	}
	l.long = append(l.long[:0], line...)
	for errors.Is(err, bufio.ErrBufferFull) {
		if len(l.long) > l.max {
			return nil, fmt.Errorf("the line is longer than %d bytes", l.max)
		}
		line, err = l.r.ReadSlice('\n')
		l.long = append(l.long, line...)
	}
	return l.long, err
}

// each calls row for each object, with a decoder of its line. It ends at the
// first error, which it places, and without one when row returns errEnough.
func (f *jsonFile) each(row func(d *jsontext.Decoder, bytes int) error) (err error) {
	r, err := f.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	lines := &lineReader{r: r.Reader, max: maxRow}
	var in bytes.Buffer
	d := jsontext.NewDecoder(&in)
	for {
		line, err := lines.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return f.at(lines.n, err)
		}
		in = *bytes.NewBuffer(line)
		d.Reset(&in)
		if d.PeekKind() != '{' {
			err = notAnObject(line)
		} else if err = row(d, len(line)); err == nil {
			err = ended(d)
		}
		if errors.Is(err, errEnough) {
			return nil
		}
		if err != nil {
			return f.at(lines.n, err)
		}
	}
}

// errEnough ends each without an error.
var errEnough = errors.New("enough")

func notAnObject(line []byte) error {
	if line[0] == '[' {
		return errors.New("the line is an array, where NDJSON has an object on each line; jq -c '.[]' makes one of the other")
	}
	return fmt.Errorf("the line %s is no object", quote(line))
}

// ended reports what follows the object on its line.
func ended(d *jsontext.Decoder) error {
	switch _, err := d.ReadToken(); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return err
	}
	return errors.New("there is something after the object; each needs a line of its own")
}

// at places an error.
func (f *jsonFile) at(line int64, err error) error {
	var in *InputError
	if errors.As(err, &in) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	out := &InputError{File: f.name, Line: line, Err: err}
	var c *columnError
	if errors.As(err, &c) {
		out.Column, out.Err = c.path, c.err
	}
	var s *jsontext.SyntacticError
	if errors.As(err, &s) {
		out.Err = fmt.Errorf("not valid JSON at byte %d of the line: %w", s.ByteOffset+1, s.Err)
		if errors.Is(s.Err, io.ErrUnexpectedEOF) {
			out.Err = fmt.Errorf("the line ends before its object does; each object needs one line: %w", s.Err)
		}
		if errors.Is(s.Err, jsontext.ErrDuplicateName) {
			out.Err = fmt.Errorf("the key %q is there twice: %w", s.JSONPointer.LastToken(), s.Err)
		}
	}
	return out
}

func (f *jsonFile) sample(ctx context.Context, row *guess) error {
	rows, size := 0, 0
	return f.each(func(d *jsontext.Decoder, bytes int) error {
		if rows == sampleRows || size > sampleBytes {
			return errEnough
		}
		rows, size = rows+1, size+bytes
		if err := ctx.Err(); err != nil {
			return err
		}
		return row.object(d, maxDepth)
	})
}

func (f *jsonFile) batches(context.Context) iter.Seq2[arrow.RecordBatch, error] {
	return func(yield func(arrow.RecordBatch, error) bool) {
		b, err := f.s.builder()
		if err != nil {
			yield(nil, err)
			return
		}
		err = f.each(func(d *jsontext.Decoder, bytes int) error {
			if err := b.row.appendJSON(d); err != nil {
				return err
			}
			return b.added(bytes, yield)
		})
		b.end(err, yield)
	}
}

// A rowBuilder makes batches of rows of text.
type rowBuilder struct {
	s     *Source
	row   *column // a struct that is never null
	max   int     // rows of a batch
	limit int     // rows of this batch
	bytes int
	done  bool // the consumer wants no more
}

func (s *Source) builder() (*rowBuilder, error) {
	row, err := newColumn("", s.types)
	if err != nil {
		return nil, err
	}
	for _, c := range row.kids {
		c.infer(s.opts.Schema)
	}
	most := row.batchRows(s.opts.BatchRows)
	return &rowBuilder{s: s, row: row, max: most, limit: min(most, firstRows)}, nil
}

// infer marks a column whose type is not the table's.
func (c *column) infer(table *schema.Struct) {
	c.inferred = table == nil || table.Find(c.name) < 0
	for _, k := range c.kids {
		k.inferred = c.inferred
	}
}

// added counts a row, and yields a batch when there are enough.
func (b *rowBuilder) added(bytes int, yield func(arrow.RecordBatch, error) bool) error {
	b.bytes += bytes
	if b.row.n < b.limit && b.bytes < batchBytes {
		return nil
	}
	rec, err := b.record()
	if err != nil {
		return err
	}
	if !yield(rec, nil) {
		b.done = true
		return errEnough
	}
	return nil
}

func (b *rowBuilder) record() (arrow.RecordBatch, error) {
	b.bytes, b.limit = 0, b.max
	v := b.row.finish(b.max)
	return b.s.record(v.Children, v.Len)
}

// end yields the last batch, or the error.
func (b *rowBuilder) end(err error, yield func(arrow.RecordBatch, error) bool) {
	switch {
	case b.done:
	case err != nil:
		yield(nil, err)
	case b.row.n > 0:
		yield(b.record())
	}
}
