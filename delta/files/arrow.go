package files

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/deltalog/deltalog/internal/arrowvec"
	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

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

func (f *arrowFile) batches(context.Context) iter.Seq2[arrow.RecordBatch, error] {
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
		for {
			rec, err := r.next()
			if err == io.EOF {
				return
			}
			if err == nil {
				rec, err = f.conform(rec, types)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if !f.slices(rec, yield) {
				return
			}
		}
	}
}

// slices yields a batch in pieces of the size wanted, which share its memory. It
// reports whether to go on.
func (f *arrowFile) slices(rec arrow.RecordBatch, yield func(arrow.RecordBatch, error) bool) bool {
	step := int64(f.s.opts.BatchRows)
	for from := int64(0); from < rec.NumRows(); from += step {
		if !yield(rec.NewSlice(from, min(from+step, rec.NumRows())), nil) {
			return false
		}
	}
	return true
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
	if err := checkTexts(cols.Children, types.Fields); err != nil {
		return nil, err
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
			_ = o.Close()
		}
	}()
	var head [8]byte // of a file: the magic and two bytes that fill up
	n, err := io.ReadFull(o, head[:])
	switch {
	case n == 0 && err == io.EOF:
		return nil, errors.New("the file is empty")
	case err != nil && !(err == io.ErrUnexpectedEOF):
		return nil, err
	case bytes.HasPrefix(head[:n], ipc.Magic):
		if err := o.Close(); err != nil {
			return nil, err
		}
		return f.fileReader()
	}
	m := &messages{r: io.MultiReader(bytes.NewReader(head[:n]), o)}
	in, err := ipc.NewReaderFromMessageReader(m, ipc.WithAllocator(boundedAllocator{memory.DefaultAllocator, &m.body}))
	if err != nil {
		return nil, err
	}
	return &arrowReader{
		schema: in.Schema(),
		next: func() (rec arrow.RecordBatch, err error) {
			defer recovered(&err)
			return in.Read()
		},
		close: func() { in.Release(); _ = o.Close() },
	}, nil
}

// fileReader reads the form with a footer, which must be sought in.
func (f *arrowFile) fileReader() (_ *arrowReader, err error) {
	path, err := f.plain()
	if err != nil {
		return nil, err
	}
	in, err := openInput(path)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = in.f.Close()
		}
	}()
	foot, err := footer(in.f, in.size)
	if err != nil {
		return nil, err
	}
	for _, b := range foot.dictionaries {
		if _, err := b.check(in.f, in.size); err != nil {
			return nil, err
		}
	}
	body := in.size
	r, err := ipc.NewFileReader(in.f, ipc.WithBodySizeLimit(maxArrowBody), ipc.WithMetadataSizeLimit(maxArrowMeta),
		ipc.WithAllocator(boundedAllocator{memory.DefaultAllocator, &body}))
	if err != nil {
		return nil, err
	}
	i := 0
	return &arrowReader{
		schema: r.Schema(),
		next: func() (rec arrow.RecordBatch, err error) {
			defer recovered(&err)
			if i == len(foot.batches) {
				return nil, io.EOF
			}
			if body, err = foot.batches[i].check(in.f, in.size); err != nil {
				return nil, err
			}
			i++
			if rec, err = r.RecordBatchAt(i - 1); err != nil {
				err = cutOff(err)
			}
			return rec, err
		},
		close: func() { _, _ = r.Close(), in.f.Close() },
	}, nil
}

func recovered(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("not valid Arrow IPC: %v", p)
	}
}

// A boundedAllocator refuses lengths that only a damaged file states: of a buffer
// that is not compressed, more than the format's limit; of one that is, also more
// than a thousand times the message.
type boundedAllocator struct {
	memory.Allocator
	body *int64 // length of the message
}

func (a boundedAllocator) Allocate(n int) []byte {
	a.check(n)
	return a.Allocator.Allocate(n)
}

func (a boundedAllocator) Reallocate(n int, b []byte) []byte {
	a.check(n)
	return a.Allocator.Reallocate(n, b)
}

func (a boundedAllocator) check(n int) {
	if n < 0 || int64(n) > min(maxArrowBody, 16<<20+1000*min(*a.body, maxArrowBody)) {
		panic(fmt.Sprintf("a buffer of %d bytes from a message of %d", n, *a.body))
	}
}
