// Package pqwrite writes Parquet files from columns in Arrow's layout.
//
// A [Writer] takes batches of [vec.Vec], one for each field of a
// [schema.Struct], and writes one file to an io.Writer, front to back. It is
// used for table data and for checkpoints alike. [Writer.Close] returns a
// [FileInfo] with what a Delta "add" action says about the file: rows, size,
// null counts and bounds, counted while encoding and never again.
//
// There are no rows and no boxed values on the way. A column's values go from
// the caller's memory into an encoded page directly; a validity bitmap becomes
// definition levels as it is; nested columns are shredded level by level over
// runs of positions. Pages are encoded by several goroutines at once, each page
// on its own, so that one wide column does not hold up the others. They live
// for the length of one call of Write or Close.
//
// The bytes of a file depend on the rows, the schema and the options, not on
// Parallel, nor (unless a row group ends because of its bytes) on how the rows
// were cut into batches.
//
// # What is written
//
// Data pages of at most 20,000 rows and about 1 MiB, with a CRC each; column and
// offset indexes; both the converted and the logical type of each column.
// Integers, dates, timestamps and decimals of up to 18 digits are
// DELTA_BINARY_PACKED, strings and binary DELTA_LENGTH_BYTE_ARRAY, all others
// PLAIN. A column whose first page repeats itself gets a dictionary for the row
// group, which is given up when it grows past Options.DictionaryBytes.
// BYTE_STREAM_SPLIT is never written: Spark reads it fast only since 2026.
package pqwrite

import (
	"context"
	"errors"
	"io"
	"runtime"

	"github.com/parquet-go/parquet-go/format"

	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// Options say how a file is written. The zero value of each field is its
// default, and nil Options are all defaults.
type Options struct {
	// Codec compresses pages, spelt as in the table property
	// delta.parquet.compression.codec, in any case: snappy, zstd, gzip, lz4_raw,
	// uncompressed or none. "lz4" is written as LZ4_RAW, which replaces it.
	// The default is snappy, the fastest to write and what other engines' tables
	// hold; whoever knows the table decides otherwise.
	Codec string

	// Compat restricts encodings to PLAIN and dictionaries, for readers older
	// than Spark 3.3 or Trino 400. Files are larger and slower to write.
	Compat bool

	// DataPageV2 writes data pages of version 2 (delta.parquet.format.version 2.x).
	DataPageV2 bool

	// PageRows and PageBytes end a page: rows, default 20,000, and bytes of
	// values before encoding, default 1 MiB. A page holds whole rows and at
	// least one.
	PageRows, PageBytes int

	// DictionaryBytes is how large a column's dictionary may become, default
	// 1 MiB; negative: no dictionaries.
	DictionaryBytes int

	// RowGroupRows and RowGroupBytes end a row group: rows, default 1,048,576,
	// and bytes as encoded, default 128 MiB. A row group is held encoded in
	// memory until it ends; RowGroupBytes may be passed by what 64 MiB of one
	// batch encode to.
	RowGroupRows  int
	RowGroupBytes int64

	// CreatedBy names the writing program in the file's footer, in the format's
	// form "name version 1.2.3", which some readers parse. Default: "deltalog
	// version 0.0.0".
	CreatedBy string

	// Metadata is the footer's key-value metadata, written in key order.
	Metadata map[string]string

	// FieldIDs writes each column's delta.columnMapping.id as its field id.
	// The names in the schema are physical names then.
	FieldIDs bool
	// Extra is how many columns at the end of the schema are not the table's: they
	// may be without an id.
	Extra int

	// Parallel is how many goroutines encode at once; default GOMAXPROCS.
	Parallel int
}

// The defaults of Options.
const (
	defaultPageRows        = 20_000
	defaultPageBytes       = 1 << 20
	defaultDictionaryBytes = 1 << 20
	defaultRowGroupRows    = 1 << 20
	defaultRowGroupBytes   = 128 << 20
	defaultCreatedBy       = "deltalog version 0.0.0"

	// stepBytes is about how much of a batch is encoded before the size of the
	// row group is looked at.
	stepBytes = 64 << 20
)

func (o *Options) withDefaults() (Options, error) {
	var d Options
	if o != nil {
		d = *o
	}
	if d.PageRows < 0 || d.PageBytes < 0 || d.RowGroupRows < 0 || d.RowGroupBytes < 0 || d.Parallel < 0 {
		return d, errors.New("pqwrite: options: negative limit; use 0 for the default")
	}
	if max(d.PageRows, d.PageBytes, d.DictionaryBytes) > 1<<30 {
		return d, errors.New("pqwrite: options: a page or dictionary of more than 1 GiB, which the format has no room for")
	}
	if d.DictionaryBytes == 0 {
		d.DictionaryBytes = defaultDictionaryBytes
	}
	d.PageRows = orDefault(d.PageRows, defaultPageRows)
	d.PageBytes = orDefault(d.PageBytes, defaultPageBytes)
	d.RowGroupRows = orDefault(d.RowGroupRows, defaultRowGroupRows)
	d.RowGroupBytes = orDefault(d.RowGroupBytes, defaultRowGroupBytes)
	d.CreatedBy = orDefault(d.CreatedBy, defaultCreatedBy)
	d.Parallel = orDefault(d.Parallel, runtime.GOMAXPROCS(0))
	return d, nil
}

func orDefault[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}

// A Writer writes one Parquet file. It is used by one goroutine at a time.
//
// A Writer that is not wanted any more may be dropped without Close; the
// io.Writer then holds part of a file.
type Writer struct {
	opts   Options
	codec  codec
	root   *node
	fields []field // one for each field of the schema
	cols   []*column
	out    output
	arenas []arena // one for each encoder

	groupRows int // rows in the row group being built
	fileRows  int64
	groups    []format.RowGroup
	indexes   []chunkIndex // one for each column chunk, row group by row group
	tasks     []task
	err       error // sticks: the file is broken or closed
}

// A field is a top-level field of the schema; node is nil for a void column,
// which is not in the file.
type field struct {
	name string
	node *node
}

// ErrClosed is returned by every method of a [Writer] after Close.
var ErrClosed = errors.New("pqwrite: writer is closed")

// NewWriter returns a Writer of a file with s's columns, in s's order. Nothing is
// written to w before the first row group ends.
//
// Columns of type void at the top level or inside a struct are left out of the
// file. It is an error for void to be an array's or map's element, for a struct
// to have no column in the file, and for s to nest deeper than 100 levels.
func NewWriter(w io.Writer, s *schema.Struct, o *Options) (*Writer, error) {
	opts, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	c, err := codecFor(opts.Codec)
	if err != nil {
		return nil, err
	}
	t, err := buildTree(s, opts.FieldIDs, opts.Extra)
	if err != nil {
		return nil, err
	}
	wr := &Writer{
		opts: opts, codec: c, root: t.root, fields: t.fields, cols: t.cols,
		out: output{w: w}, arenas: make([]arena, opts.Parallel),
	}
	for _, c := range wr.cols {
		c.opts = &wr.opts
	}
	return wr, nil
}

// Write appends rows rows. cols holds one Vec for each field of the schema, each
// of length rows; the Vec of a void column may be nil.
//
// Layouts are those of the types: [vec.Int8] for byte, [vec.Int16] for short,
// [vec.Int32] for integer and date, [vec.Int64] for long and timestamps (in
// microseconds), [vec.Decimal128] for decimals, [vec.Bytes] for string and
// binary, for a variant a [vec.Struct] of two Bytes, metadata then value.
// [vec.Null] stands for any column that is null throughout.
//
// The batch is checked before any of it is taken: layouts, lengths and offsets,
// nulls in columns that are not nullable, text that is not UTF-8, decimals of too
// many digits. After such an error the Writer is as before. After any other error
// every call returns that error.
//
// Write keeps no reference to cols.
func (w *Writer) Write(ctx context.Context, cols []*vec.Vec, rows int) error {
	if w.err != nil {
		return w.err
	}
	if err := w.check(ctx, cols, rows); err != nil {
		return err
	}
	step := stepRows(cols, rows)
	for from := 0; from < rows; {
		n := min(rows-from, step, w.opts.RowGroupRows-w.groupRows)
		if err := w.encode(ctx, cols, from, n); err != nil {
			w.err = err
			return err
		}
		from += n
		w.groupRows += n
		w.fileRows += int64(n)
		if w.groupRows >= w.opts.RowGroupRows || w.encoded() >= w.opts.RowGroupBytes {
			if err := w.Flush(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// Flush ends the row group being built, if it has rows, and writes it out. It
// frees the memory that [Writer.Buffered] tells of, at the price of a file with
// smaller row groups.
func (w *Writer) Flush(ctx context.Context) error {
	if w.err != nil {
		return w.err
	}
	if w.groupRows == 0 {
		return nil
	}
	if w.err = w.flush(ctx); w.err != nil {
		return w.err
	}
	return nil
}

// Size returns about how long the file will be: the bytes written and the pages
// that are encoded, without pages not yet full and the footer. Use it to roll to
// a new file.
func (w *Writer) Size() int64 { return w.out.off + w.encoded() }

// Buffered returns the bytes that the row group being built holds in memory:
// encoded pages and values of pages not yet full.
func (w *Writer) Buffered() int64 {
	var n int64
	for i := range w.arenas {
		n += w.arenas[i].held
	}
	for _, c := range w.cols {
		if c.pend != nil {
			n += int64(c.pend.bytes())
		}
	}
	return n
}

func (w *Writer) encoded() int64 {
	var n int64
	for i := range w.arenas {
		n += w.arenas[i].used
	}
	return n
}

// Close writes what is left and the footer and returns what the file holds. It
// does not close the io.Writer. The file is complete only if Close succeeds.
func (w *Writer) Close(ctx context.Context) (*FileInfo, error) {
	if err := w.Flush(ctx); err != nil {
		return nil, err
	}
	w.err = ErrClosed
	if err := w.writeFooter(); err != nil {
		w.err = err
		return nil, err
	}
	return w.info(), nil
}

// stepRows returns how many rows of the batch are about stepBytes.
func stepRows(cols []*vec.Vec, rows int) int {
	if rows == 0 {
		return 0
	}
	size := int64(0)
	for _, v := range cols {
		size += vecBytes(v)
	}
	return int(max(1, min(int64(rows)*stepBytes/max(size, 1), int64(rows))))
}

// vecBytes returns about how many bytes of values v's window covers.
func vecBytes(v *vec.Vec) int64 {
	if v == nil || v.Len == 0 {
		return 0
	}
	switch v.Kind {
	case vec.Null:
		return 0
	case vec.Bool:
		return int64(v.Len) / 8
	case vec.Bytes:
		return int64(v.Offsets[v.Off+v.Len]-v.Offsets[v.Off]) + 4*int64(v.Len)
	case vec.List, vec.Map:
		from, to := int(v.Offsets[v.Off]), int(v.Offsets[v.Off+v.Len])
		n := 4 * int64(v.Len)
		for _, c := range v.Children {
			n += vecBytes(c.Slice(from, to))
		}
		return n
	case vec.Struct:
		n := int64(0)
		for _, c := range v.Children {
			n += vecBytes(c.Slice(v.Off, v.Off+v.Len))
		}
		return n
	default:
		return int64(v.Len) * int64(v.Kind.Width())
	}
}
