package files

import (
	"context"
	"fmt"
	"io"
	"iter"
	"os"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/deltalog/deltalog/internal/pqread"
	"github.com/deltalog/deltalog/txlog/schema"
)

// A parquetFile is read by row groups, with what the other files have beyond it
// as nulls.
type parquetFile struct{ *file }

func (f *parquetFile) columns(ctx context.Context) (*schema.Struct, error) {
	in, err := openInput(f.path)
	if err != nil {
		return nil, err
	}
	defer in.f.Close()
	p, err := pqread.Open(ctx, in, nil)
	if err != nil {
		return nil, err
	}
	return p.Schema()
}

func (f *parquetFile) batches(ctx context.Context) iter.Seq2[arrow.RecordBatch, error] {
	return func(yield func(arrow.RecordBatch, error) bool) {
		in, err := openInput(f.path)
		if err != nil {
			yield(nil, err)
			return
		}
		defer in.f.Close()
		p, err := pqread.Open(ctx, in, nil)
		if err != nil {
			yield(nil, err)
			return
		}
		cols, err := p.Project(f.s.types, pqread.ByName)
		if err != nil {
			yield(nil, err)
			return
		}
		for b, err := range cols.Batches(ctx, &pqread.ScanOptions{BatchRows: f.s.opts.BatchRows}) {
			if err != nil {
				yield(nil, err)
				return
			}
			var rec arrow.RecordBatch
			if err = checkTexts(b.Columns, f.s.types.Fields); err == nil {
				rec, err = f.s.record(b.Columns, b.Rows)
			}
			if !yield(rec, err) || err != nil {
				return
			}
		}
	}
}

// An input is a local file to pqread.
type input struct {
	f    *os.File
	size int64
}

func openInput(path string) (*input, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return &input{f, st.Size()}, nil
}

// Size returns the file's length.
func (in *input) Size() int64 { return in.size }

// ReadRange returns n bytes from off on.
func (in *input) ReadRange(ctx context.Context, off, n int64) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if off < 0 || n < 0 || n > in.size-off {
		return nil, fmt.Errorf("%d bytes at %d in a file of %d: %w", n, off, in.size, io.ErrUnexpectedEOF)
	}
	b := make([]byte, n)
	_, err := in.f.ReadAt(b, off)
	return b, err
}
