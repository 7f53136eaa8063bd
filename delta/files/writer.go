package files

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/deltalog/deltalog/internal/arrowvec"
	"github.com/deltalog/deltalog/internal/pqwrite"
	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// A Writer writes record batches of one schema. The output is complete only if
// Close succeeds; Close does not close what is underneath.
type Writer interface {
	Write(rec arrow.RecordBatch) error
	Close() error
}

// A Compression is how the bytes of a file are compressed as a whole.
type Compression string

// The compressions.
const (
	Uncompressed Compression = ""
	Gzip         Compression = "gzip"
	Zstd         Compression = "zstd"
)

// CompressionOf tells a file's compression by its name.
func CompressionOf(name string) Compression {
	switch name = strings.ToLower(name); {
	case strings.HasSuffix(name, ".gz"), strings.HasSuffix(name, ".gzip"):
		return Gzip
	case strings.HasSuffix(name, ".zst"), strings.HasSuffix(name, ".zstd"):
		return Zstd
	}
	return Uncompressed
}

// WriterOptions say how rows are written. Nil means defaults.
type WriterOptions struct {
	// Compression of the file as a whole; not for Parquet, which compresses inside.
	Compression Compression
	// Codec compresses the pages of Parquet: snappy (the default), zstd, gzip,
	// lz4_raw or uncompressed.
	Codec string
	// Delimiter is the character between fields of CSV. Default: comma.
	Delimiter rune
	// NoHeader leaves out CSV's line of names.
	NoHeader bool
}

// NewWriter returns a Writer of batches with the schema s to w.
//
// Parquet and Arrow (an IPC stream) hold all values as they are. NDJSON is an
// object per row: numbers and decimals with all of their digits, doubles that JSON
// has no number for as "NaN", "Infinity" and "-Infinity", binary as base64, dates
// and timestamps as ISO 8601 text (a timestamp in UTC with a Z, one without time
// zone without), maps as objects whose keys are the text of the map's keys. CSV
// (RFC 4180, lines end with LF) has the same texts without JSON's quotes, null as
// the empty field, an empty string as "" in quotes, and nested values as JSON.
// [Open] reads all of them back.
//
// It is an error if Delta has no type for a column of s.
func NewWriter(w io.Writer, f Format, s *arrow.Schema, o *WriterOptions) (Writer, error) {
	if o == nil {
		o = &WriterOptions{}
	}
	types, err := arrowvec.FromArrowSchema(s)
	if err != nil {
		return nil, fmt.Errorf("files: write %s: %w", f, err)
	}
	if f == Parquet && o.Compression != Uncompressed {
		return nil, fmt.Errorf("files: a Parquet file is compressed inside, not as a whole with %s: use Codec", o.Compression)
	}
	out, z, err := compress(w, o.Compression)
	if err != nil {
		return nil, err
	}
	inner, err := newWriter(out, f, s, types, o)
	if err != nil {
		return nil, fmt.Errorf("files: write %s: %w", f, err)
	}
	return &outer{format: f, schema: s, inner: inner, z: z}, nil
}

func newWriter(w io.Writer, f Format, s *arrow.Schema, types *schema.Struct, o *WriterOptions) (Writer, error) {
	switch f {
	case Parquet:
		p, err := pqwrite.NewWriter(w, types, &pqwrite.Options{Codec: o.Codec})
		return &parquetWriter{p}, err
	case Arrow:
		return ipc.NewWriter(w, ipc.WithSchema(s)), nil
	case NDJSON:
		return newJSONWriter(w, types)
	case CSV:
		return newCSVWriter(w, types, o)
	}
	return nil, errors.New("unknown format: want parquet, csv, ndjson or arrow")
}

// outer does what the writers of all formats have in common.
type outer struct {
	format Format
	schema *arrow.Schema
	inner  Writer
	z      io.Closer // nil: not compressed
	closed bool
	err    error
}

// Write appends the batch's rows.
func (o *outer) Write(rec arrow.RecordBatch) error {
	switch {
	case o.err != nil:
		return o.err
	case o.closed:
		return fmt.Errorf("files: write %s: the writer is closed", o.format)
	case !rec.Schema().Equal(o.schema):
		return fmt.Errorf("files: write %s: the batch has other columns than the writer: %v", o.format, rec.Schema())
	}
	return o.fail(o.inner.Write(rec))
}

// Close writes what is left.
func (o *outer) Close() error {
	if o.closed || o.err != nil {
		return o.err
	}
	o.closed = true
	err := o.inner.Close()
	if err == nil && o.z != nil {
		err = o.z.Close()
	}
	return o.fail(err)
}

func (o *outer) fail(err error) error {
	if err != nil {
		o.err = fmt.Errorf("files: write %s: %w", o.format, err)
	}
	return o.err
}

func compress(w io.Writer, c Compression) (io.Writer, io.Closer, error) {
	switch c {
	case Uncompressed:
		return w, nil, nil
	case Gzip:
		z := gzip.NewWriter(w)
		return z, z, nil
	case Zstd:
		z, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
		return z, z, err
	}
	return nil, nil, fmt.Errorf("files: compression %q: want gzip or zstd", c)
}

// columnsOf returns a batch's columns in Delta's layouts.
func columnsOf(rec arrow.RecordBatch) ([]*vec.Vec, error) {
	cols := make([]*vec.Vec, rec.NumCols())
	for i := range cols {
		var err error
		if cols[i], err = arrowvec.FromArray(rec.Column(i)); err != nil {
			return nil, fmt.Errorf("column %s: %w", rec.ColumnName(i), err)
		}
	}
	return cols, nil
}

type parquetWriter struct{ w *pqwrite.Writer }

// Write and Close do not wait for anything that a context could end but w.

func (p *parquetWriter) Write(rec arrow.RecordBatch) error {
	cols, err := columnsOf(rec)
	if err != nil {
		return err
	}
	return p.w.Write(context.Background(), cols, int(rec.NumRows()))
}

func (p *parquetWriter) Close() error {
	_, err := p.w.Close(context.Background())
	return err
}
