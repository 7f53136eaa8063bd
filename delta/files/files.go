// Package files reads rows to write from files, and writes rows that were read
// into files: Parquet, CSV, NDJSON and Arrow IPC.
//
// [Open] gives a [Source] for package delta: files, globs, directories or stdin,
// plain or compressed with gzip or zstd. [NewWriter] is the other direction.
//
// Values are read exactly or not at all: a text that is no value of its column's
// type, or has more digits than the type, is an [*InputError] that names file,
// line, column and value. So is a file that is damaged or cut off. Memory is
// bounded by a batch and by the longest row (64 MiB), whatever the size of the
// input and whatever lengths it states.
//
// # Columns
//
// Columns are found by name, in any case, and are nullable. Parquet and Arrow files
// have types. Text is read as the table's types, [Options.Schema]; columns that the
// table does not have, or all if there is none, get the narrowest of boolean, long,
// double, date, timestamp and string that the first 10,000 rows of each file have
// without loss (007 and 12345678901234567890 are strings). A later row that does not
// fit is an error. Several files have the columns of all; one that lacks a column
// has nulls there, and integers and floats are read as the widest of their types.
// Values in the names of directories (date=2013-01-01) are not read.
//
// # Text
//
// Dates are yyyy-MM-dd, timestamps ISO 8601; a timestamp without a zone is in UTC.
// Binary is base64. Text must be UTF-8; a byte order mark is passed over.
//
// CSV is RFC 4180 with a header. An empty field is null; the empty string is "" in
// quotes. [Options.Null] adds other spellings, which in quotes are strings in a
// string column. Arrays, maps and structs are JSON. Blank lines are passed over,
// except in a file of one column, where each is a null.
//
// NDJSON is an object per line, without duplicate keys. A key that is absent is
// null. Numbers keep all digits; where a column is a number, its text in quotes is
// read too, NaN, Infinity and -Infinity among it. No other conversions are made.
package files

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/deltalog/deltalog/internal/arrowvec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// A Format is how rows are written in a file.
type Format string

// The formats.
const (
	Parquet Format = "parquet"
	CSV     Format = "csv"
	NDJSON  Format = "ndjson"
	Arrow   Format = "arrow"
)

// Valid reports whether f is one of the formats.
func (f Format) Valid() bool { return slices.Contains([]Format{Parquet, CSV, NDJSON, Arrow}, f) }

var extensions = map[string]Format{
	".parquet": Parquet, ".csv": CSV, ".tsv": CSV, ".ndjson": NDJSON, ".jsonl": NDJSON, ".json": NDJSON,
	".arrow": Arrow, ".arrows": Arrow, ".feather": Arrow, ".ipc": Arrow,
}

// FormatOf tells a file's format by its name; "" if the name does not say.
func FormatOf(name string) Format {
	name = strings.ToLower(name)
	for _, c := range []string{".gz", ".gzip", ".zst", ".zstd"} {
		name = strings.TrimSuffix(name, c)
	}
	return extensions[filepath.Ext(name)]
}

// Options say how an input is read. Nil means defaults.
type Options struct {
	// Format of all files. Default: by name, else by content.
	Format Format
	// Schema is the table's: texts are read as its types. Nil: types are inferred
	// from the first rows of all files.
	Schema *schema.Struct
	// OnlySeen leaves out, of NDJSON, the columns of Schema that no key of the first
	// rows names; a later row that has one is an error then. Without it they are there,
	// and null: an update of all columns would put those nulls into the table.
	OnlySeen bool
	// Null are texts that mean null in CSV, beside the empty field.
	Null []string
	// Delimiter is the character between fields of CSV. Default: comma, tab for .tsv.
	Delimiter rune
	// NoHeader says that CSV begins with data; its columns are Schema's, in order.
	NoHeader bool
	// BatchRows is the most rows of a batch. Default: 65,536.
	BatchRows int
	// Stdin is read for the name "-". Default: os.Stdin.
	Stdin io.Reader
}

// Types are inferred from so many rows, or so much text if that is less. No input
// has more columns than maxColumns, at one level.
const (
	sampleRows  = 10_000
	sampleBytes = 64 << 20
	maxColumns  = 20_000
)

// An InputError says what in the input is wrong, and where.
type InputError struct {
	File   string
	Line   int64 // 0: not known
	Column string
	Err    error
}

// Error names file, line and column.
func (e *InputError) Error() string {
	s := e.File
	if e.Line > 0 {
		s += fmt.Sprintf(", line %d", e.Line)
	}
	if e.Column != "" {
		s += ", column " + e.Column
	}
	return fmt.Sprintf("%s: %v", s, e.Err)
}

// Unwrap returns the cause.
func (e *InputError) Unwrap() error { return e.Err }

// A Source is rows of files, for package delta. Close it after use.
type Source struct {
	opts   Options
	files  []*file
	types  *schema.Struct
	schema *arrow.Schema // types
	temps  []string
	close  []io.Closer
}

// Open finds the files and settles their columns: it reads the head of each. The
// patterns are paths, globs, directories (their files, not hidden ones, at every
// depth), or "-" for stdin. Files are read in the order of the patterns, and by
// name within one.
func Open(ctx context.Context, patterns []string, o *Options) (*Source, error) {
	s := &Source{}
	if o != nil {
		s.opts = *o
	}
	if s.opts.BatchRows <= 0 {
		s.opts.BatchRows = 1 << 16
	}
	if s.opts.Stdin == nil {
		//repolint:allow print: the caller named it, as "-"
		s.opts.Stdin = os.Stdin
	}
	if f := s.opts.Format; f != "" && !f.Valid() {
		return nil, fmt.Errorf("files: format %q: want parquet, csv, ndjson or arrow", f)
	}
	if _, err := delimiter(s.opts.Delimiter, ','); err != nil {
		return nil, err
	}
	if err := s.open(ctx, patterns); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Source) open(ctx context.Context, patterns []string) error {
	names, err := expand(patterns)
	if err != nil {
		return err
	}
	for _, n := range names {
		f, err := s.newFile(n)
		if err != nil {
			return err
		}
		s.files = append(s.files, f)
	}
	return s.settle(ctx)
}

// Schema returns the columns of the input.
func (s *Source) Schema() *arrow.Schema { return s.schema }

// Repeatable reports whether the input can be read more than once: always, except
// for text from stdin or from a named pipe.
func (s *Source) Repeatable() bool {
	return !slices.ContainsFunc(s.files, func(f *file) bool { return f.stream != nil })
}

// Batches yields the rows of all files. It may be called again if Repeatable.
func (s *Source) Batches(ctx context.Context) iter.Seq2[arrow.RecordBatch, error] {
	return func(yield func(arrow.RecordBatch, error) bool) {
		for _, f := range s.files {
			for rec, err := range f.rows.batches(ctx) {
				if err == nil {
					err = ctx.Err()
				}
				if err != nil {
					yield(nil, f.fail(err))
					return
				}
				if !yield(rec, nil) {
					return
				}
			}
		}
	}
}

// Close removes what was spooled.
func (s *Source) Close() error {
	var errs []error
	for _, c := range s.close {
		errs = append(errs, c.Close())
	}
	for _, t := range s.temps {
		errs = append(errs, os.Remove(t))
	}
	s.close, s.temps = nil, nil
	return errors.Join(errs...)
}

// settle finds the columns of the input: those of files that tell their types,
// then what the first rows of the others are, which have the types of the former,
// or of the table, where they have them.
func (s *Source) settle(ctx context.Context) error {
	all := &schema.Struct{}
	for _, f := range s.files {
		t, ok := f.rows.(typed)
		if !ok {
			continue
		}
		cols, err := t.columns(ctx)
		if err == nil {
			err = checkNames(cols)
		}
		if err == nil {
			all, err = unite(all, nullableFields(cols), "")
		}
		if err != nil {
			return f.fail(err)
		}
	}
	row := s.guess(all)
	for _, f := range s.files {
		if t, ok := f.rows.(untyped); ok {
			if err := t.sample(ctx, row); err != nil {
				return f.fail(err)
			}
		}
	}
	if s.opts.OnlySeen {
		row.forget()
	}
	texts, err := row.row()
	if err == nil {
		s.types, err = unite(all, nullableFields(texts), "")
	}
	if err == nil && slices.ContainsFunc(s.files, func(f *file) bool { _, ok := f.rows.(untyped); return ok }) {
		_, err = newColumn("", s.types) // that all have a form as text
	}
	if err != nil {
		return s.files[0].fail(err)
	}
	s.schema = arrowvec.Schema(s.types)
	return nil
}

// guess returns what is known of rows of text before the first is read. JSON may
// leave out keys: all of the table's columns may come that text can hold.
func (s *Source) guess(all *schema.Struct) *guess {
	row := &guess{}
	for i := range all.Fields {
		row.add(declare(all.Fields[i].Name, all.Fields[i].Type))
	}
	isJSON := func(f *file) bool { return f.format == NDJSON }
	if s.opts.Schema != nil && slices.ContainsFunc(s.files, isJSON) {
		for i := range s.opts.Schema.Fields {
			f := &s.opts.Schema.Fields[i]
			if _, err := newColumn(f.Name, f.Type); err == nil && row.names[strings.ToLower(f.Name)] == nil {
				row.add(declare(f.Name, f.Type)).maybe = true
			}
		}
	}
	return row
}
