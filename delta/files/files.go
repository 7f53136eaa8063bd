// Package files reads rows to write from files, and writes rows that were read
// into files: Parquet, CSV, NDJSON and Arrow IPC.
//
// [Open] gives a [Source] for package delta: files, globs, directories or stdin,
// plain or compressed with gzip or zstd. [NewWriter] is the other direction.
//
// Values are read exactly or not at all: a text that is no value of its column's
// type is an [*InputError] that names file, line, column and value. Memory is
// bounded by a batch, whatever the size of the input.
package files

import (
	"bytes"
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
	// from the first rows of the first file, and hold for all.
	Schema *schema.Struct
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

// sampleRows is how many rows types are inferred from.
const sampleRows = 10_000

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
	schema *arrow.Schema
	temps  []string
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
		s.opts.Stdin = os.Stdin
	}
	if f := s.opts.Format; f != "" && !f.Valid() {
		return nil, fmt.Errorf("files: format %q: want parquet, csv, ndjson or arrow", f)
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
// for text from stdin.
func (s *Source) Repeatable() bool {
	return !slices.ContainsFunc(s.files, func(f *file) bool { return f.stream != nil })
}

// Batches yields the rows of all files. It may be called again if Repeatable.
func (s *Source) Batches(ctx context.Context) iter.Seq2[arrow.RecordBatch, error] {
	return func(yield func(arrow.RecordBatch, error) bool) {
		for _, f := range s.files {
			for rec, err := range f.batches(ctx) {
				if err == nil {
					err = ctx.Err()
				}
				if err != nil {
					yield(nil, err)
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
	for _, t := range s.temps {
		errs = append(errs, os.Remove(t))
	}
	s.temps = nil
	return errors.Join(errs...)
}

// expand turns patterns into names of files.
func expand(patterns []string) ([]string, error) {
	var names []string
	for _, p := range patterns {
		if p == "-" {
			names = append(names, p)
			continue
		}
		matches := []string{p}
		if _, err := os.Stat(p); errors.Is(err, os.ErrNotExist) && strings.ContainsAny(p, "*?[") {
			if matches, err = filepath.Glob(p); err != nil {
				return nil, fmt.Errorf("files: pattern %q: %w", p, err)
			}
			if len(matches) == 0 {
				return nil, &InputError{File: p, Err: errors.New("no file matches")}
			}
		}
		for _, m := range matches {
			found, err := walk(m)
			if err != nil {
				return nil, err
			}
			names = append(names, found...)
		}
	}
	if len(names) == 0 {
		return nil, errors.New("files: no input")
	}
	return names, nil
}

func walk(root string) (names []string, err error) {
	st, err := os.Stat(root)
	if err != nil {
		return nil, &InputError{File: root, Err: err}
	}
	if !st.IsDir() {
		return []string{root}, nil
	}
	err = filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		switch hidden := strings.HasPrefix(d.Name(), ".") || strings.HasPrefix(d.Name(), "_"); {
		case err != nil:
			return err
		case hidden && path != root && d.IsDir():
			return filepath.SkipDir
		case !hidden && d.Type().IsRegular():
			names = append(names, path)
		}
		return nil
	})
	if err != nil {
		return nil, &InputError{File: root, Err: err}
	}
	if len(names) == 0 {
		return nil, &InputError{File: root, Err: errors.New("the directory has no files")}
	}
	return names, nil
}

// A file is one of the input.
type file struct {
	s      *Source
	name   string // for people
	path   string // "" for a stream
	stream io.Reader
	format Format
	rows   rowReader
}

// A rowReader reads one file of one format.
type rowReader interface {
	// columns returns what the file holds, as far as it can be told from its head.
	columns(ctx context.Context) (*schema.Struct, error)
	batches(ctx context.Context) iter.Seq2[arrow.RecordBatch, error]
}

func (f *file) batches(ctx context.Context) iter.Seq2[arrow.RecordBatch, error] {
	return f.rows.batches(ctx)
}

// fail wraps an error about the file as a whole.
func (f *file) fail(err error) error {
	var e *InputError
	if err == nil || errors.As(err, &e) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return &InputError{File: f.name, Err: err}
}

func (s *Source) newFile(name string) (*file, error) {
	f := &file{s: s, name: name, path: name, format: s.opts.Format}
	if name == "-" {
		f.name, f.path = "stdin", ""
	}
	if f.format == "" {
		f.format = FormatOf(name)
	}
	if name == "-" {
		if err := f.readStdin(); err != nil {
			return nil, f.fail(err)
		}
	} else if f.format == "" {
		head, err := f.head()
		if err != nil {
			return nil, f.fail(err)
		}
		f.format = sniff(head)
	}
	switch f.format {
	case Parquet:
		f.rows = &parquetFile{file: f}
	case Arrow:
		f.rows = &arrowFile{file: f}
	case NDJSON:
		f.rows = &jsonFile{file: f}
	case CSV:
		f.rows = &csvFile{file: f}
	default:
		return nil, &InputError{File: f.name, Err: errors.New("cannot tell the format from name or content; say it (parquet, csv, ndjson, arrow)")}
	}
	return f, nil
}

// readStdin settles the format of stdin, and spools what must be sought in.
func (f *file) readStdin() error {
	r, err := decompress(f.s.opts.Stdin)
	if err != nil {
		return err
	}
	if f.format == "" {
		head, _ := r.Peek(headBytes)
		f.format = sniff(head)
	}
	if f.format != Parquet && f.format != Arrow {
		f.stream = r
		return nil
	}
	t, err := os.CreateTemp("", "deltalog-stdin-*")
	if err != nil {
		return err
	}
	f.s.temps = append(f.s.temps, t.Name())
	f.path = t.Name()
	_, err = io.Copy(t, r)
	return errors.Join(err, t.Close())
}

// headBytes are looked at to tell the format.
const headBytes = 4096

func (f *file) head() ([]byte, error) {
	r, err := f.open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	head := make([]byte, headBytes)
	n, err := io.ReadFull(r, head)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return head[:n], err
}

// sniff tells a format by its first bytes; "" if they do not say.
func sniff(head []byte) Format {
	switch text := bytes.TrimLeft(head, " \t\r\n\ufeff"); {
	case bytes.HasPrefix(head, []byte("PAR1")):
		return Parquet
	case bytes.HasPrefix(head, []byte("ARROW1")), bytes.HasPrefix(head, []byte{0xff, 0xff, 0xff, 0xff}):
		return Arrow
	case bytes.HasPrefix(text, []byte("{")):
		return NDJSON
	case bytes.ContainsAny(head, ",;\t\n") && !bytes.ContainsRune(head, 0):
		return CSV
	}
	return ""
}

// settle finds the columns of the input.
func (s *Source) settle(ctx context.Context) error {
	var all *schema.Struct
	for _, f := range s.files {
		cols, err := f.rows.columns(ctx)
		if err != nil {
			return f.fail(err)
		}
		if all == nil {
			all = cols
			continue
		}
		merged, err := schema.Merge(all, cols)
		if err != nil {
			return &InputError{File: f.name, Err: fmt.Errorf("its columns do not go with those of %s: %w", s.files[0].name, err)}
		}
		all = merged
	}
	s.schema = arrowvec.Schema(all)
	return nil
}
