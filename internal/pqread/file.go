package pqread

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"runtime"

	"github.com/deltalog/deltalog/txlog/schema"
)

// An Input is the object that holds a file's bytes. It must be safe for
// concurrent use.
type Input interface {
	// Size returns the object's length in bytes.
	Size() int64
	// ReadRange returns exactly n bytes from offset off, or an error. The
	// caller does not write to them.
	ReadRange(ctx context.Context, off, n int64) ([]byte, error)
}

// Options are limits and sizes. The zero value of a field stands for its
// default.
type Options struct {
	// FooterGuess is how many bytes from the end Open asks for first; a file
	// whose footer fits is opened with one request. Default 64 KiB.
	FooterGuess int64
	// MaxFooter is the longest footer accepted. Default 64 MiB.
	MaxFooter int64
	// MaxPage is the longest page accepted, compressed and uncompressed.
	// Default 256 MiB. A page of more than 16 MiB must also not be more than
	// 1,000 times its compressed size, and the pages that are open at once, one
	// per column, not be larger than 8 times MaxPage.
	MaxPage int64
	// MaxBuffered is how many compressed bytes of a row group are held in
	// memory. A row group with more is read piece by piece, each column with
	// its share. Twice as much is held while the next row group is fetched.
	// Default 128 MiB.
	MaxBuffered int64
	// BatchBytes is how large a decoded batch should be; batches get fewer
	// rows when rows are wide. Default 32 MiB.
	BatchBytes int64
	// MaxBatchBytes bounds the memory of a decoded batch. Batches get fewer
	// rows when it would be exceeded; a single row that exceeds it is an error.
	// Default 1 GiB.
	MaxBatchBytes int64
	// Parallel is how many columns are decoded, and how many requests made, at
	// once. Default GOMAXPROCS.
	Parallel int
}

func (o *Options) withDefaults() Options {
	var r Options
	if o != nil {
		r = *o
	}
	def := func(v *int64, d int64) {
		if *v <= 0 {
			*v = d
		}
	}
	def(&r.FooterGuess, 64<<10)
	def(&r.MaxFooter, 64<<20)
	def(&r.MaxPage, 256<<20)
	def(&r.MaxBuffered, 128<<20)
	def(&r.BatchBytes, 32<<20)
	def(&r.MaxBatchBytes, 1<<30)
	// What is read at once has to be a slice.
	r.FooterGuess = min(r.FooterGuess, math.MaxInt)
	r.MaxFooter = min(r.MaxFooter, math.MaxInt-footerSuffix)
	r.MaxPage = min(r.MaxPage, 1<<31-1, math.MaxInt-padding)
	r.MaxBatchBytes = min(r.MaxBatchBytes, math.MaxInt)
	if r.Parallel <= 0 {
		r.Parallel = runtime.GOMAXPROCS(0)
	}
	return r
}

// A File is an opened Parquet file.
type File struct {
	in   Input
	opt  Options
	meta *fileMeta
	root *node
	leaf []*node // by column index

	tail    []byte // the end of the file, as fetched by Open
	tailOff int64
}

const (
	magic          = "PAR1"
	magicEncrypted = "PARE"
	footerSuffix   = 8 // footer length, magic
)

// Open reads the footer of in. It makes one request when the footer is no
// longer than [Options.FooterGuess], else two.
//
// It returns a [*CorruptError] when the bytes are not a Parquet file, the input's
// own error when they cannot be read, and another error when the file is
// encrypted or in several pieces.
func Open(ctx context.Context, in Input, o *Options) (*File, error) {
	f := &File{in: in, opt: o.withDefaults()}
	footer, err := f.readFooter(ctx)
	if err != nil {
		return nil, err
	}
	if f.meta, err = parseFooter(footer); err != nil {
		return nil, f.corrupt(in.Size()-footerSuffix-int64(len(footer)), fmt.Errorf("reading the footer: %w", err))
	}
	if err := f.buildTree(); err != nil {
		return nil, f.corrupt(-1, err)
	}
	if err := f.checkGroups(); err != nil {
		return nil, err
	}
	return f, nil
}

func (f *File) corrupt(off int64, err error) error {
	return wrap("", -1, off, err)
}

func (f *File) readFooter(ctx context.Context) ([]byte, error) {
	size := f.in.Size()
	if size < int64(len(magic))+footerSuffix {
		return nil, f.corrupt(0, corruptf("%d bytes are too few for a Parquet file", size))
	}
	n := min(size, f.opt.FooterGuess)
	n = max(n, footerSuffix)
	tail, err := f.readRange(ctx, size-n, n)
	if err != nil {
		return nil, fmt.Errorf("parquet: reading the footer: %w", err)
	}
	switch string(tail[n-4:]) {
	case magic:
	case magicEncrypted:
		return nil, f.corrupt(size-4, &unsupportedError{"the file is encrypted"})
	default:
		return nil, f.corrupt(size-4, corruptf("the file does not end in %q", magic))
	}
	if size == n && string(tail[:4]) != magic {
		return nil, f.corrupt(0, corruptf("the file does not begin with %q", magic))
	}
	length := int64(binary.LittleEndian.Uint32(tail[n-8:]))
	if length > size-int64(len(magic))-footerSuffix {
		return nil, f.corrupt(size-8, corruptf("a footer of %d bytes does not fit a file of %d", length, size))
	}
	if length > f.opt.MaxFooter {
		return nil, f.corrupt(size-8, corruptf("a footer of %d bytes exceeds the limit of %d", length, f.opt.MaxFooter))
	}
	if length+footerSuffix > n {
		n = length + footerSuffix
		if tail, err = f.readRange(ctx, size-n, n); err != nil {
			return nil, fmt.Errorf("parquet: reading the footer: %w", err)
		}
	}
	f.tail, f.tailOff = tail, size-n
	return tail[n-footerSuffix-length : n-footerSuffix], nil
}

// readRange reads from the input and holds it to its contract.
func (f *File) readRange(ctx context.Context, off, n int64) ([]byte, error) {
	b, err := f.in.ReadRange(ctx, off, n)
	if err != nil {
		return nil, err
	}
	if int64(len(b)) != n {
		return nil, fmt.Errorf("got %d bytes of %d at offset %d", len(b), n, off)
	}
	return b, nil
}

// checkGroups checks what later code relies on: that every row group has a
// chunk for every leaf, inside the file, with the schema's type, and counts
// that add up.
func (f *File) checkGroups() error {
	var total int64
	for i := range f.meta.groups {
		g := &f.meta.groups[i]
		fail := func(column string, err error) error {
			return wrap(column, i, -1, err)
		}
		if g.rows < 0 || g.rows > 1<<56 {
			return fail("", corruptf("the footer states %d rows", g.rows))
		}
		if len(g.chunks) != len(f.leaf) {
			return fail("", corruptf("%d column chunks for %d columns", len(g.chunks), len(f.leaf)))
		}
		g.first = total
		if total += g.rows; total > 1<<56 {
			return fail("", corruptf("row counts add up to more than 2^56"))
		}
		for j := range g.chunks {
			if err := f.checkChunk(&g.chunks[j], f.leaf[j], g.rows); err != nil {
				return fail(f.leaf[j].path, err)
			}
		}
	}
	if f.meta.rows < 0 {
		f.meta.rows = total
	}
	if f.meta.rows != total {
		return f.corrupt(-1, corruptf("the footer states %d rows, its row groups %d", f.meta.rows, total))
	}
	return nil
}

func (f *File) checkChunk(k *chunkMeta, leaf *node, rows int64) error {
	switch {
	case k.filePath != "":
		return &unsupportedError{fmt.Sprintf("the column is in another file, %q", k.filePath)}
	case k.encrypted:
		return &unsupportedError{"the column is encrypted"}
	case !k.hasMeta:
		return corruptf("the chunk's metadata is missing")
	case k.typ != leaf.elem.typ:
		return corruptf("the chunk's type is %v, the schema's %v", k.typ, leaf.elem.typ)
	case k.values < 0:
		return corruptf("the chunk states %d values", k.values)
	case leaf.maxRep == 0 && k.values != rows:
		return corruptf("the chunk states %d values for %d rows", k.values, rows)
	}
	start, dataEnd := k.start(), f.in.Size()-footerSuffix
	if k.size < 0 || start < 0 || k.dataOffset < 0 || start > dataEnd || k.size > dataEnd-start {
		return corruptf("the chunk of %d bytes at %d is not inside the file of %d", k.size, start, f.in.Size())
	}
	return nil
}

// Rows returns the number of rows in the file.
func (f *File) Rows() int64 { return f.meta.rows }

// NumRowGroups returns the number of row groups.
func (f *File) NumRowGroups() int { return len(f.meta.groups) }

// CreatedBy returns what the writer calls itself; "" when it does not say.
func (f *File) CreatedBy() string { return f.meta.createdBy }

// Value returns the value of a key of the file's key-value metadata.
func (f *File) Value(key string) (string, bool) {
	for _, kv := range f.meta.keyValues {
		if kv.key == key {
			return kv.value, true
		}
	}
	return "", false
}

// A RowGroup describes one row group.
type RowGroup struct {
	Rows     int64
	FirstRow int64 // position in the file of the group's first row
	Bytes    int64 // compressed size of all columns
}

// RowGroup returns what the footer says about row group i,
// 0 ≤ i < [File.NumRowGroups].
func (f *File) RowGroup(i int) RowGroup {
	g := &f.meta.groups[i]
	r := RowGroup{Rows: g.rows, FirstRow: g.first}
	for j := range g.chunks {
		r.Bytes += g.chunks[j].size
	}
	return r
}

// Schema returns the Delta schema that holds the file's columns: what a table
// made from the file would have.
//
// It returns an error that names the column when Delta has no type for it
// (TIME, INTERVAL, unsigned nested forms and the like).
func (f *File) Schema() (*schema.Struct, error) { return f.root.inferStruct() }
