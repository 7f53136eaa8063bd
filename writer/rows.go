package writer

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/deltalog/deltalog/internal/arrowvec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// SchemaOf returns the columns of T, a struct: its exported fields in order,
// those of embedded structs among them.
//
// Types: bool, integers (unsigned ones as the next larger signed type), int as
// long, floats, string, []byte and byte arrays as binary, time.Time as timestamp
// (whole microseconds, rounded down), structs, slices as arrays, maps. A pointer is nullable; anything else is not,
// and a zero value is a value. The tag `parquet:"name,option,…"` is that of
// parquet-go:
//
//   - leave the field out
//     optional                 nullable although it is no pointer (nil slices and maps are null then)
//     timestamp(microsecond)   an int64, or of milli- and nanoseconds, is a timestamp
//     timestamp(microsecond:local)  … is a timestamp_ntz
//     date                     a time.Time, or an int32 of days since 1970, is a date
//     decimal(scale:precision) an int32, int64 or decimal text is a decimal
//
// Encoding and compression options are accepted and have no effect: the table
// decides those.
func SchemaOf[T any]() (*schema.Struct, error) {
	p, err := planOf[T]()
	if err != nil {
		return nil, err
	}
	return p.schema, nil
}

// ArrowSchemaOf returns [SchemaOf] as an Arrow schema.
func ArrowSchemaOf[T any]() (*arrow.Schema, error) {
	s, err := SchemaOf[T]()
	if err != nil {
		return nil, err
	}
	return arrowvec.Schema(s), nil
}

// Sizes at which a batch of structs ends.
const (
	structRows  = 1 << 16
	structBytes = 32 << 20
)

// Records turns structs into record batches of [ArrowSchemaOf]. The sequence ends
// at the first error, which says the row's number if it is about a row.
func Records[T any](seq iter.Seq2[T, error]) iter.Seq2[arrow.RecordBatch, error] {
	return func(yield func(arrow.RecordBatch, error) bool) {
		b, err := newRowBuilder[T]()
		if err != nil {
			yield(nil, err)
			return
		}
		for row, err := range seq {
			if err == nil {
				err = b.append(&row)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if !b.full() {
				continue
			}
			if rec, err := b.batch(); !yield(rec, err) || err != nil {
				return
			}
		}
		if b.n > 0 {
			yield(b.batch())
		}
	}
}

// An Appender is a [Writer] that takes structs.
type Appender[T any] struct {
	w   *Writer
	b   *rowBuilder[T]
	err error // sticks: a row that failed may be there in part
}

// NewAppender returns an Appender of a new Writer. It does no I/O.
func NewAppender[T any](c *Config) (*Appender[T], error) {
	b, err := newRowBuilder[T]()
	if err != nil {
		return nil, err
	}
	w, err := New(c)
	if err != nil {
		return nil, err
	}
	return &Appender[T]{w: w, b: b}, nil
}

// Append takes rows. They are copied; they are written when a batch is full, or
// at Close. After an error the input is lost: call Abort.
func (a *Appender[T]) Append(ctx context.Context, rows ...T) error {
	for i := range rows {
		if a.err == nil {
			a.err = a.b.append(&rows[i])
		}
		if a.err == nil && a.b.full() {
			a.err = a.flush(ctx)
		}
		if a.err != nil {
			return a.err
		}
	}
	return a.err
}

func (a *Appender[T]) flush(ctx context.Context) error {
	rec, err := a.b.batch()
	if err != nil {
		return err
	}
	return a.w.Write(ctx, rec)
}

// Close writes what is left; see [Writer.Close].
func (a *Appender[T]) Close(ctx context.Context) (*Output, error) {
	if a.err == nil && a.b.n > 0 {
		a.err = a.flush(ctx)
	}
	if a.err != nil {
		return nil, a.err
	}
	return a.w.Close(ctx)
}

// Abort: see [Writer.Abort].
func (a *Appender[T]) Abort(ctx context.Context) error { return a.w.Abort(ctx) }

// A rowBuilder collects structs as columns.
type rowBuilder[T any] struct {
	plan *plan
	out  *arrow.Schema
	cols []builder
	n    int
	rows int64 // of earlier batches
}

func newRowBuilder[T any]() (*rowBuilder[T], error) {
	p, err := planOf[T]()
	if err != nil {
		return nil, err
	}
	b := &rowBuilder[T]{plan: p, out: arrowvec.Schema(p.schema)}
	b.reset()
	return b, nil
}

func (b *rowBuilder[T]) reset() {
	b.cols = b.cols[:0]
	for i := range b.plan.fields {
		b.cols = append(b.cols, b.plan.fields[i].make())
	}
	b.n = 0
}

func (b *rowBuilder[T]) append(row *T) error {
	p := unsafe.Pointer(row)
	for i := range b.plan.fields {
		f := &b.plan.fields[i]
		if err := b.cols[i].append(f.at(p)); err != nil {
			return fmt.Errorf("writer: row %d, column %s: %w", b.rows+int64(b.n), f.name, err)
		}
	}
	b.n++
	return nil
}

func (b *rowBuilder[T]) full() bool {
	if b.n >= structRows {
		return true
	}
	if b.n%1024 != 0 {
		return false
	}
	size := 0
	for _, c := range b.cols {
		size += c.bytes()
	}
	return size >= structBytes
}

func (b *rowBuilder[T]) batch() (arrow.RecordBatch, error) {
	arrays := make([]arrow.Array, len(b.cols))
	for i, c := range b.cols {
		a, err := arrowvec.ToArray(c.finish(), b.out.Field(i).Type)
		if err != nil {
			return nil, fmt.Errorf("writer: column %s: %w", b.out.Field(i).Name, err)
		}
		arrays[i] = a
	}
	rec := array.NewRecordBatch(b.out, arrays, int64(b.n))
	b.rows += int64(b.n)
	b.reset()
	return rec, nil
}

// A plan is how the fields of a struct become columns.
type plan struct {
	schema *schema.Struct
	fields []fieldPlan
}

type fieldPlan struct {
	name   string
	offset uintptr
	make   func() builder
}

func (f *fieldPlan) at(p unsafe.Pointer) unsafe.Pointer { return unsafe.Add(p, f.offset) }

var errNoStruct = errors.New("writer: rows must be structs")

func planOf[T any]() (*plan, error) {
	t := reflect.TypeFor[T]()
	if t.Kind() != reflect.Struct {
		return nil, fmt.Errorf("%w: %s is a %s", errNoStruct, t, t.Kind())
	}
	p, err := planStruct(t, 0)
	if err != nil {
		return nil, fmt.Errorf("writer: rows of type %s: %w", t, err)
	}
	return p, nil
}
