package files

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/deltalog/deltalog/txlog/schema"
)

// A csvFile is RFC 4180, with a header unless the options say otherwise.
//
// An empty field without quotes is null; in quotes it is the empty string, or null
// in a column that is no string and no binary. The same holds for Options.Null. Blank lines are
// passed over, but in a file of one column, where each is a null.
type csvFile struct{ *file }

// A csvReader is an opened csvFile, past its header.
type csvReader struct {
	f     *csvFile
	c     io.Closer
	scan  *csvScanner
	names []string
	json  *jsontext.Decoder // of fields of nested types
	in    bytes.Buffer
}

func (f *csvFile) reader() (*csvReader, error) {
	comma := byte(',')
	if strings.Contains(strings.ToLower(filepath.Base(f.name)), ".tsv") {
		comma = '\t'
	}
	comma, err := delimiter(f.s.opts.Delimiter, comma)
	if err != nil {
		return nil, err
	}
	o, err := f.open()
	if err != nil {
		return nil, err
	}
	r := &csvReader{f: f, c: o, scan: newCSVScanner(o, comma)}
	if err := r.header(); err != nil {
		return nil, errors.Join(f.place(err), o.Close())
	}
	r.scan.columns = len(r.names)
	return r, nil
}

func (r *csvReader) header() error {
	if err := r.scan.fill(); err != nil {
		return err
	}
	if bytes.HasPrefix(r.scan.buf[:r.scan.end], bom) {
		r.scan.pos = len(bom)
	}
	if r.f.s.opts.NoHeader {
		s := r.f.s.opts.Schema
		if s == nil {
			return errors.New("CSV without a header needs a table that tells its columns; make the table first, or add a header")
		}
		for i := range s.Fields {
			r.names = append(r.names, s.Fields[i].Name)
		}
		return nil
	}
	err := r.scan.scan()
	if errors.Is(err, io.EOF) {
		return errors.New("the file is empty: there is no header line")
	}
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for i, field := range r.scan.fields {
		n := string(field.text)
		low := strings.ToLower(n)
		switch {
		case i == maxColumns:
			err = fmt.Errorf("there are more than %d columns", maxColumns)
		case n == "":
			err = fmt.Errorf("column %d of the header has no name", i+1)
		case !utf8.ValidString(n) || strings.ContainsRune(n, 0):
			err = fmt.Errorf("the header is not UTF-8 (%s); convert the file, with iconv for example", quote(n))
		case seen[low]:
			err = fmt.Errorf("the header has the column %q twice", n)
		}
		if err != nil {
			return &csvError{r.scan.line, err}
		}
		seen[low] = true
		r.names = append(r.names, n)
	}
	return nil
}

// next scans a row.
func (r *csvReader) next() error {
	if err := r.scan.scan(); err != nil {
		return err
	}
	if n := len(r.scan.fields); n != len(r.names) {
		return &csvError{r.scan.line, fmt.Errorf("the line has %d fields, where there are %d columns", n, len(r.names))}
	}
	return nil
}

// place says where an error was.
func (f *csvFile) place(err error) error {
	var in *InputError
	var e *csvError
	if errors.As(err, &in) || !errors.As(err, &e) {
		return f.fail(err)
	}
	out := &InputError{File: f.name, Line: e.line, Err: e.err}
	var c *columnError
	if errors.As(err, &c) {
		out.Column, out.Err = c.path, c.err
	}
	return out
}

// sample narrows the guesses of columns by the first rows.
func (f *csvFile) sample(ctx context.Context, row *guess) (err error) {
	r, err := f.reader()
	if err != nil {
		return err
	}
	defer func() { err = f.place(errors.Join(err, r.c.Close())) }()
	cols := make([]*guess, len(r.names))
	known := true
	for i, n := range r.names {
		if cols[i], err = row.column(n, f.s.opts.Schema); err != nil {
			return err
		}
		known = known && cols[i].declared != nil
	}
	size := 0
	for n := 0; n < sampleRows && size < sampleBytes && !known; n++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := r.next(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		for i, v := range r.scan.fields {
			size += len(v.text)
			if g := cols[i]; g.declared == nil && !f.null(v, false) {
				g.text(string(v.text))
			}
		}
	}
	return nil
}

// null reports whether a field means null.
func (f *csvFile) null(v csvField, isText bool) bool {
	if v.quoted && isText {
		return false
	}
	return len(v.text) == 0 || len(f.s.opts.Null) > 0 && slices.Contains(f.s.opts.Null, view(v.text))
}

func (f *csvFile) batches(context.Context) iter.Seq2[arrow.RecordBatch, error] {
	return func(yield func(arrow.RecordBatch, error) bool) {
		b, err := f.s.builder()
		if err != nil {
			yield(nil, err)
			return
		}
		b.end(f.read(b, yield), yield)
	}
}

func (f *csvFile) read(b *rowBuilder, yield func(arrow.RecordBatch, error) bool) (err error) {
	r, err := f.reader()
	if err != nil {
		return err
	}
	defer func() { err = f.place(errors.Join(err, r.c.Close())) }()
	cols := make([]*column, len(r.names))
	for i, n := range r.names {
		if cols[i] = b.row.find([]byte(n)); cols[i] == nil {
			return &csvError{1, fmt.Errorf("the column %q was not there when the file was opened", n)}
		}
	}
	absent := slices.DeleteFunc(slices.Clone(b.row.kids), func(c *column) bool { return slices.Contains(cols, c) })
	for {
		if err := r.next(); errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		} else if err != nil {
			return err
		}
		bytes := 0
		for i, v := range r.scan.fields {
			bytes += len(v.text)
			if err := r.put(cols[i], v); err != nil {
				return &csvError{r.scan.line, within(cols[i].name, err)}
			}
		}
		for _, c := range absent {
			c.appendNull()
		}
		b.row.appended()
		if err := b.added(bytes, yield); err != nil {
			return err
		}
	}
}

// put appends a field to its column.
func (r *csvReader) put(c *column, v csvField) error {
	if (len(v.text) == 0 || len(r.f.s.opts.Null) > 0) && r.f.null(v, c.kind == schema.KindString || c.kind == schema.KindBinary) {
		c.appendNull()
		return nil
	}
	if c.isInt && c.appendDigits(v.text) {
		return nil
	}
	if c.kids != nil {
		return r.nested(c, v.text)
	}
	err := c.appendText(v.text)
	if err != nil && c.kind != schema.KindString && looksNull(view(v.text)) {
		err = fmt.Errorf("%w; if it means null, say so: --null %s (files.Options.Null)", err, v.text)
	}
	return err
}

// nested appends a field that is JSON.
func (r *csvReader) nested(c *column, text []byte) error {
	r.in = *bytes.NewBuffer(text)
	if r.json == nil {
		r.json = jsontext.NewDecoder(&r.in)
	} else {
		r.json.Reset(&r.in)
	}
	err := c.appendJSON(r.json)
	if err == nil {
		err = ended(r.json)
	}
	var s *jsontext.SyntacticError
	if errors.As(err, &s) {
		return fmt.Errorf("%s is no %s, which CSV has as JSON: %w", quote(text), c.typ, s.Err)
	}
	return err
}

// looksNull tells spellings of null that other programs write.
func looksNull(v string) bool {
	return slices.ContainsFunc([]string{"na", "n/a", "null", "none", "nil", "nan", `\n`, "-", "?"}, func(s string) bool { return strings.EqualFold(s, v) })
}
