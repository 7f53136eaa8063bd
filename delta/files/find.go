package files

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/deltalog/deltalog/txlog/schema"
)

// stdin is the name of standard input.
const stdin = "-"

// expand turns patterns into names of files.
func expand(patterns []string) ([]string, error) {
	var names []string
	seen := map[string]bool{}
	for _, p := range patterns {
		found, err := match(p)
		if err != nil {
			return nil, err
		}
		for _, n := range found {
			key := filepath.Clean(n)
			if seen[key] {
				return nil, &InputError{File: n, Err: errors.New("the file is given twice: its rows would be written twice")}
			}
			seen[key] = true
			names = append(names, n)
		}
	}
	if len(names) == 0 {
		return nil, errors.New("files: no input: name a file, a directory, a glob, or - for stdin")
	}
	return names, nil
}

func match(pattern string) ([]string, error) {
	if pattern == stdin {
		return []string{stdin}, nil
	}
	_, err := os.Stat(pattern)
	if !errors.Is(err, fs.ErrNotExist) || !strings.ContainsAny(pattern, "*?[") {
		return walk(pattern)
	}
	matches, err := filepath.Glob(pattern)
	if err != nil {
		return nil, fmt.Errorf("files: pattern %q: %w", pattern, err)
	}
	var names []string
	for _, m := range matches {
		if hidden(filepath.Base(m)) && !hidden(filepath.Base(pattern)) {
			continue
		}
		found, err := walk(m)
		if err != nil {
			return nil, err
		}
		names = append(names, found...)
	}
	if len(names) == 0 {
		return nil, &InputError{File: pattern, Err: errors.New("no file matches")}
	}
	return names, nil
}

// hidden reports whether a name is one that other programs keep for themselves:
// _SUCCESS, .part-0.crc.
func hidden(name string) bool { return strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") }

// walk returns root, or the files in it if it is a directory.
func walk(root string) (names []string, err error) {
	st, err := os.Stat(root)
	if err != nil {
		return nil, failed(root, err)
	}
	if !st.IsDir() {
		return []string{root}, nil
	}
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if path != root && hidden(d.Name()) {
			if d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		st, err := os.Stat(path) // follows links to files, as mounted volumes have them
		if err == nil && st.Mode().IsRegular() {
			names = append(names, path)
		}
		return err
	})
	if err != nil {
		return nil, failed(root, err)
	}
	if len(names) == 0 {
		return nil, &InputError{File: root, Err: errors.New("the directory has no files")}
	}
	return names, nil
}

// failed returns the error about a file as a whole. A file that may not be read is
// not an input that is wrong; nor is a context that has ended.
func failed(name string, err error) error {
	var e *InputError
	var c *columnError
	switch {
	case err == nil, errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.Is(err, errSpool):
		return err
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("files: read %s: %w", name, err)
	case errors.As(err, &e):
		if e.File == "" {
			e.File = name
		}
		return err
	case errors.As(err, &c):
		return &InputError{File: name, Column: c.path, Err: c.err}
	}
	if p, ok := err.(*fs.PathError); ok && p.Path == name {
		err = p.Err // the name is said once
	}
	return &InputError{File: name, Err: err}
}

// A file is one of the input.
type file struct {
	s      *Source
	name   string // for people
	path   string // "" for a stream
	stream *stream
	format Format
	rows   rowReader
}

// A rowReader reads one file of one format. It is a typed or an untyped one too.
type rowReader interface {
	// batches need not look at ctx: Source.Batches does, after each.
	batches(ctx context.Context) iter.Seq2[arrow.RecordBatch, error]
}

// A typed reader's file tells the types of its columns.
type typed interface {
	columns(ctx context.Context) (*schema.Struct, error)
}

// An untyped reader's file is text. The guess of its rows is narrowed by the first
// of them.
type untyped interface {
	sample(ctx context.Context, row *guess) error
}

func (f *file) fail(err error) error { return failed(f.name, err) }

func (s *Source) newFile(name string) (*file, error) {
	f := &file{s: s, name: name, path: name, format: s.opts.Format}
	if f.format == "" {
		f.format = FormatOf(name)
	}
	if err := f.find(); err != nil {
		return nil, f.fail(err)
	}
	switch f.format {
	case Parquet:
		f.rows = &parquetFile{f}
	case Arrow:
		f.rows = &arrowFile{f}
	case NDJSON:
		f.rows = &jsonFile{f}
	case CSV:
		f.rows = &csvFile{f}
	default:
		return nil, &InputError{File: f.name, Err: errors.New("cannot tell the format by name or content; say it: --format parquet, csv, ndjson or arrow (files.Options.Format)")}
	}
	return f, nil
}

// find settles the format, and makes a stream a file where it must be.
func (f *file) find() error {
	if f.name == stdin {
		f.name = "stdin"
		return f.openStream(f.s.opts.Stdin)
	}
	st, err := os.Stat(f.path)
	if err != nil {
		return err
	}
	if !st.Mode().IsRegular() { // a named pipe, or <(command) of a shell
		o, err := os.Open(f.path)
		if err != nil {
			return err
		}
		f.s.close = append(f.s.close, o)
		return f.openStream(o)
	}
	if f.format != "" {
		return nil
	}
	r, err := f.open()
	if err != nil {
		return err
	}
	head, err := r.Peek(headBytes)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	f.format = sniff(head)
	return errors.Join(err, r.Close())
}

// headBytes are looked at to tell the format.
const headBytes = 4096

// sniff tells a format by its first bytes; "" if they do not say.
func sniff(head []byte) Format {
	switch text := bytes.TrimLeft(bytes.TrimPrefix(head, bom), " \t\r\n"); {
	case bytes.HasPrefix(head, []byte("PAR1")):
		return Parquet
	case bytes.HasPrefix(head, []byte("ARROW1")), bytes.HasPrefix(head, []byte{0xff, 0xff, 0xff, 0xff}):
		return Arrow
	case bytes.HasPrefix(text, []byte("{")):
		return NDJSON
	case bytes.ContainsAny(head, ",;\t\n") && bytes.IndexByte(head, 0) < 0:
		return CSV
	}
	return ""
}
