package files

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"path/filepath"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/deltalog/deltalog/internal/arrowvec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// A csvFile is RFC 4180: fields in quotes may hold delimiters and line breaks. An
// empty field is null, in quotes or not: the format cannot tell them apart
// everywhere.
type csvFile struct {
	*file
	names  []string
	types  *schema.Struct
	reader *csv.Reader // of a stream, past its header; else nil
	sample [][]string  // rows of a stream that were read to infer types
	lines  []int64     // their lines
	closer io.Closer
}

func (f *csvFile) newReader(r io.Reader) *csv.Reader {
	c := csv.NewReader(r)
	c.FieldsPerRecord = -1 // checked here, with a better message
	switch {
	case f.s.opts.Delimiter != 0:
		c.Comma = f.s.opts.Delimiter
	case strings.Contains(strings.ToLower(filepath.Base(f.name)), ".tsv"):
		c.Comma = '\t'
	}
	return c
}

// start opens the file and reads its header.
func (f *csvFile) start() (*csv.Reader, io.Closer, error) {
	r, err := f.open()
	if err != nil {
		return nil, nil, err
	}
	c := f.newReader(r)
	if f.s.opts.NoHeader {
		if f.s.opts.Schema == nil {
			return nil, nil, errors.Join(errors.New("a CSV without a header needs a table that tells its columns"), r.Close())
		}
		f.names = nil
		for i := range f.s.opts.Schema.Fields {
			f.names = append(f.names, f.s.opts.Schema.Fields[i].Name)
		}
		return c, r, nil
	}
	names, err := c.Read()
	if errors.Is(err, io.EOF) {
		err = errors.New("the file is empty: there is no header line")
	}
	if err != nil {
		return nil, nil, errors.Join(f.parseError(err), r.Close())
	}
	names = slices.Clone(names)
	names[0] = strings.TrimPrefix(names[0], "\ufeff")
	for i, n := range names {
		if n == "" {
			return nil, nil, errors.Join(fmt.Errorf("column %d of the header has no name", i+1), r.Close())
		}
		if slices.ContainsFunc(names[:i], func(m string) bool { return strings.EqualFold(m, n) }) {
			return nil, nil, errors.Join(fmt.Errorf("the header has the column %q twice", n), r.Close())
		}
	}
	f.names = names
	return c, r, nil
}

func (f *csvFile) columns(context.Context) (*schema.Struct, error) {
	c, closer, err := f.start()
	if err != nil {
		return nil, err
	}
	guesses := make([]guess, len(f.names))
	f.types = &schema.Struct{}
	known := true
	for _, n := range f.names {
		t := schema.DataType(nil)
		if s := f.s.opts.Schema; s != nil {
			if i := s.Find(n); i >= 0 {
				t = s.Fields[i].Type
			}
		}
		known = known && t != nil
		f.types.Fields = append(f.types.Fields, schema.Field{Name: n, Type: t, Nullable: true})
	}
	if !known {
		if err := f.infer(c, guesses); err != nil {
			return nil, errors.Join(err, closer.Close())
		}
	}
	for i := range f.types.Fields {
		if f.types.Fields[i].Type == nil {
			f.types.Fields[i].Type = guesses[i].kind()
		}
	}
	if f.stream != nil {
		f.reader, f.closer = c, closer
		return f.types, nil
	}
	f.sample, f.lines = nil, nil
	return f.types, closer.Close()
}

// infer looks at the first rows.
func (f *csvFile) infer(c *csv.Reader, guesses []guess) error {
	for range sampleRows {
		row, err := c.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return f.parseError(err)
		}
		line, _ := c.FieldPos(0)
		if err := f.width(row, int64(line)); err != nil {
			return err
		}
		for i, v := range row {
			if !f.null(v) {
				guesses[i].see(v)
			}
		}
		if f.stream != nil {
			f.sample, f.lines = append(f.sample, slices.Clone(row)), append(f.lines, int64(line))
		}
	}
	return nil
}

func (f *csvFile) null(v string) bool { return v == "" || slices.Contains(f.s.opts.Null, v) }

func (f *csvFile) width(row []string, line int64) error {
	if len(row) != len(f.names) {
		return &InputError{File: f.name, Line: line, Err: fmt.Errorf("the line has %d fields, the header %d", len(row), len(f.names))}
	}
	return nil
}

func (f *csvFile) parseError(err error) error {
	var p *csv.ParseError
	if errors.As(err, &p) {
		return &InputError{File: f.name, Line: int64(p.Line), Err: p.Err}
	}
	return f.fail(err)
}

func (f *csvFile) batches(ctx context.Context) iter.Seq2[arrow.RecordBatch, error] {
	return func(yield func(arrow.RecordBatch, error) bool) {
		c, closer := f.reader, f.closer
		if f.stream == nil {
			var err error
			if c, closer, err = f.start(); err != nil {
				yield(nil, f.fail(err))
				return
			}
		}
		defer closer.Close()
		c.ReuseRecord = true
		b, err := f.builder()
		if err != nil {
			yield(nil, err)
			return
		}
		for i, row := range f.sample {
			if err := b.append(row, f.lines[i]); err != nil {
				yield(nil, err)
				return
			}
		}
		f.sample, f.lines = nil, nil
		for {
			row, err := c.Read()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				yield(nil, f.parseError(err))
				return
			}
			line, _ := c.FieldPos(0)
			if err := b.append(row, int64(line)); err != nil {
				yield(nil, err)
				return
			}
			if b.n < f.s.opts.BatchRows {
				continue
			}
			if err := ctx.Err(); err != nil {
				yield(nil, err)
				return
			}
			if !yield(b.batch(), nil) {
				return
			}
		}
		if b.n > 0 {
			yield(b.batch(), nil)
		}
	}
}

// A csvBuilder makes batches of rows.
type csvBuilder struct {
	f   *csvFile
	rec *array.RecordBuilder
	put []textAppender
	n   int
}

func (f *csvFile) builder() (*csvBuilder, error) {
	b := &csvBuilder{f: f, rec: array.NewRecordBuilder(memory.DefaultAllocator, arrowvec.Schema(f.types))}
	for i := range f.types.Fields {
		p, err := appenderOf(f.types.Fields[i].Type, b.rec.Field(i))
		if err != nil {
			return nil, &InputError{File: f.name, Column: f.names[i], Err: err}
		}
		b.put = append(b.put, p)
	}
	return b, nil
}

func (b *csvBuilder) append(row []string, line int64) error {
	if err := b.f.width(row, line); err != nil {
		return err
	}
	for i, v := range row {
		if b.f.null(v) {
			b.rec.Field(i).AppendNull()
			continue
		}
		if err := b.put[i](v); err != nil {
			if looksNull(v) {
				err = fmt.Errorf("%w; if it means null, say so: --null %s (files.Options.Null)", err, v)
			}
			return &InputError{File: b.f.name, Line: line, Column: b.f.names[i], Err: err}
		}
	}
	b.n++
	return nil
}

// looksNull tells spellings of null that other programs write.
func looksNull(v string) bool {
	return slices.ContainsFunc([]string{"na", "n/a", "null", "none", "nil", "nan", `\n`, "-", "?"}, func(s string) bool { return strings.EqualFold(s, v) })
}

func (b *csvBuilder) batch() arrow.RecordBatch {
	b.n = 0
	return b.rec.NewRecordBatch()
}
