package delta

import (
	"context"
	"iter"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/deltalog/deltalog/writer"
)

// A Source is rows to write.
//
// Batches yields Arrow record batches of Schema. A batch is the consumer's only
// until the next step. The sequence ends at its first error; the write then ends
// too, and nothing is committed. A source that can be read more than once says so
// with [Repeatable]; a replay of a large load is then recognised without writing
// it again.
type Source interface {
	Schema() *arrow.Schema
	Batches(ctx context.Context) iter.Seq2[arrow.RecordBatch, error]
}

// Repeatable is a [Source] whose Batches may be called again and yields the same
// rows each time.
type Repeatable interface {
	Source
	Repeatable() bool
}

// Batches returns the source of seq, whose batches have the schema s. It can be
// read once.
func Batches(s *arrow.Schema, seq iter.Seq2[arrow.RecordBatch, error]) Source {
	return &batches{schema: s, seq: func(context.Context) iter.Seq2[arrow.RecordBatch, error] { return seq }}
}

// Records returns the source of batches that are in memory. There must be one at
// least, and all have the schema of the first.
func Records(recs ...arrow.RecordBatch) Source {
	return &batches{schema: recs[0].Schema(), again: true, seq: func(context.Context) iter.Seq2[arrow.RecordBatch, error] {
		return func(yield func(arrow.RecordBatch, error) bool) {
			for _, r := range recs {
				if !yield(r, nil) {
					return
				}
			}
		}
	}}
}

// Rows returns the source of Go structs. T's exported fields are the columns,
// with the struct tags of package writer. It can be read once.
func Rows[T any](seq iter.Seq2[T, error]) (Source, error) { return rows(seq, false) }

// Slice returns the source of Go structs that are in memory; see [Rows].
func Slice[T any](s []T) (Source, error) {
	return rows(func(yield func(T, error) bool) {
		for _, r := range s {
			if !yield(r, nil) {
				return
			}
		}
	}, true)
}

func rows[T any](seq iter.Seq2[T, error], again bool) (Source, error) {
	s, err := writer.ArrowSchemaOf[T]()
	if err != nil {
		return nil, err
	}
	return &batches{schema: s, again: again, seq: func(context.Context) iter.Seq2[arrow.RecordBatch, error] {
		return writer.Records(seq)
	}}, nil
}

type batches struct {
	schema *arrow.Schema
	seq    func(context.Context) iter.Seq2[arrow.RecordBatch, error]
	again  bool
}

func (b *batches) Schema() *arrow.Schema { return b.schema }
func (b *batches) Repeatable() bool      { return b.again }
func (b *batches) Batches(ctx context.Context) iter.Seq2[arrow.RecordBatch, error] {
	return b.seq(ctx)
}
