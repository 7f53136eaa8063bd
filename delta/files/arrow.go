package files

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/deltalog/deltalog/internal/arrowvec"
	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// maxArrow bounds one buffer or message of Arrow IPC, whatever the file says of it.
const maxArrow = 1 << 30

// An arrowFile is Arrow IPC: a stream, or a file with a footer (Feather 2).
type arrowFile struct{ *file }

// An arrowReader gives the record batches of either form.
type arrowReader struct {
	schema *arrow.Schema
	next   func() (arrow.RecordBatch, error) // io.EOF at the end
	close  func()
}

func (f *arrowFile) columns(context.Context) (*schema.Struct, error) {
	r, err := f.reader()
	if err != nil {
		return nil, err
	}
	defer r.close()
	return arrowvec.FromArrowSchema(r.schema)
}

func (f *arrowFile) batches(ctx context.Context) iter.Seq2[arrow.RecordBatch, error] {
	return func(yield func(arrow.RecordBatch, error) bool) {
		r, err := f.reader()
		if err != nil {
			yield(nil, err)
			return
		}
		defer r.close()
		types, err := arrowvec.FromArrowSchema(r.schema)
		if err != nil {
			yield(nil, err)
			return
		}
		types = nullableFields(types)
		for ctx.Err() == nil {
			rec, err := r.next()
			if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				return
			}
			if err == nil {
				rec, err = f.conform(rec, types)
			}
			if !yield(rec, err) || err != nil {
				return
			}
		}
		yield(nil, ctx.Err())
	}
}

// conform gives a batch the source's columns. Values share its memory where the
// types are Delta's.
func (f *arrowFile) conform(rec arrow.RecordBatch, types *schema.Struct) (arrow.RecordBatch, error) {
	cols := &vec.Vec{Kind: vec.Struct, Len: int(rec.NumRows())}
	for i := range types.Fields {
		v, err := arrowvec.FromArray(rec.Column(i))
		if err != nil {
			return nil, &InputError{File: f.name, Column: types.Fields[i].Name, Err: err}
		}
		cols.Children = append(cols.Children, v)
	}
	out, err := conform(cols, types, f.s.types)
	if err != nil {
		return nil, err
	}
	return f.s.record(out.Children, out.Len)
}

// reader opens either form. The decoder is not ours: should it panic on bytes
// that it does not expect, that is an error of the file.
func (f *arrowFile) reader() (r *arrowReader, err error) {
	defer recovered(&err)
	o, err := f.open()
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, o.Close())
		}
	}()
	head := make([]byte, len(ipc.Magic))
	n, err := io.ReadFull(o, head)
	if n == 0 && err == io.EOF {
		return nil, errors.New("the file is empty")
	}
	if err == nil && bytes.Equal(head, ipc.Magic) {
		if err = o.Close(); err != nil {
			return nil, err
		}
		return f.fileReader()
	}
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	return streamReader(io.MultiReader(bytes.NewReader(head[:n]), o), o)
}

func arrowOptions() []ipc.Option {
	return []ipc.Option{
		ipc.WithAllocator(boundedAllocator{memory.DefaultAllocator}),
		ipc.WithBodySizeLimit(maxArrow), ipc.WithMetadataSizeLimit(maxArrow >> 4),
	}
}

func (f *arrowFile) fileReader() (*arrowReader, error) {
	path, err := f.plain()
	if err != nil {
		return nil, err
	}
	o, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	r, err := ipc.NewFileReader(o, arrowOptions()...)
	if err != nil {
		return nil, errors.Join(err, o.Close())
	}
	i := 0
	return &arrowReader{
		schema: r.Schema(),
		next: func() (rec arrow.RecordBatch, err error) {
			defer recovered(&err)
			if i == r.NumRecords() {
				return nil, io.EOF
			}
			i++
			return noEOF(r.RecordBatchAt(i - 1))
		},
		close: func() { _, _ = r.Close(), o.Close() },
	}, nil
}

// noEOF keeps an end in the middle from being taken for the end.
func noEOF(rec arrow.RecordBatch, err error) (arrow.RecordBatch, error) {
	if errors.Is(err, io.EOF) {
		err = fmt.Errorf("%v: %w", err, io.ErrUnexpectedEOF)
	}
	return rec, err
}

func streamReader(in io.Reader, c io.Closer) (*arrowReader, error) {
	end := &tail{r: in}
	r, err := ipc.NewReaderFromMessageReader(ipc.NewMessageReader(end, arrowOptions()...), arrowOptions()...)
	if err != nil {
		_, err = noEOF(nil, err)
		return nil, err
	}
	return &arrowReader{
		schema: r.Schema(),
		next: func() (rec arrow.RecordBatch, err error) {
			defer recovered(&err)
			from := end.n
			rec, err = r.Read()
			if err == io.EOF {
				err = end.check(from)
			}
			return rec, err
		},
		close: func() { r.Release(); _ = c.Close() },
	}, nil
}

// A tail remembers the last bytes read. A stream may end without its end marker,
// says the format; but so does one that was cut off between two batches, and rows
// that are missing must not go unnoticed.
type tail struct {
	r    io.Reader
	n    int64
	last [8]byte
}

func (t *tail) Read(p []byte) (int, error) {
	n, err := t.r.Read(p)
	t.n += int64(n)
	b := p[max(0, n-len(t.last)):n]
	copy(t.last[:], t.last[len(b):])
	copy(t.last[len(t.last)-len(b):], b)
	return n, err
}

// check returns io.EOF if what was read since position from is the end marker (a
// length of zero, behind the continuation marker of formats since 0.15), and the
// end of all. Two streams in one file are not one: the second would be lost.
func (t *tail) check(from int64) error {
	if t.last != [8]byte{0xff, 0xff, 0xff, 0xff} && (t.n != from+4 || binary.LittleEndian.Uint32(t.last[4:]) != 0) {
		return fmt.Errorf("the stream has no end marker: it may be cut off: %w", io.ErrUnexpectedEOF)
	}
	_, err := io.ReadFull(t.r, make([]byte, 1))
	if err == nil {
		return errors.New("there are bytes after the end of the stream; give each stream a file of its own")
	}
	return err
}

func recovered(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("not valid Arrow IPC: %v", p)
	}
}

// A boundedAllocator refuses lengths that only a damaged file states.
type boundedAllocator struct{ memory.Allocator }

func (a boundedAllocator) Allocate(n int) []byte {
	bounded(n)
	return a.Allocator.Allocate(n)
}

func (a boundedAllocator) Reallocate(n int, b []byte) []byte {
	bounded(n)
	return a.Allocator.Reallocate(n, b)
}

func bounded(n int) {
	if n < 0 || n > maxArrow {
		panic(fmt.Sprintf("a buffer of %d bytes", n))
	}
}
