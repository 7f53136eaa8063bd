package inorder_test

import (
	"context"
	"errors"
	"iter"
	"sync/atomic"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/internal/inorder"
)

var one = arrow.NewSchema([]arrow.Field{{Name: "n", Type: arrow.PrimitiveTypes.Int64}}, nil)

func record(values ...int64) arrow.RecordBatch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, one)
	b.Field(0).(*array.Int64Builder).AppendValues(values, nil)
	return b.NewRecordBatch()
}

func pieces(n int, end error) iter.Seq2[int, error] {
	return func(yield func(int, error) bool) {
		for i := range n {
			if !yield(i, nil) {
				return
			}
		}
		if end != nil {
			yield(0, end)
		}
	}
}

// A reading reads pieces of two batches of two rows; piece bad fails after its first.
type reading struct {
	bad       int
	now, most atomic.Int64
	begun     atomic.Int64
}

var errBad = errors.New("bad piece")

func (r *reading) read(_ context.Context, p int) iter.Seq2[arrow.RecordBatch, error] {
	return func(yield func(arrow.RecordBatch, error) bool) {
		r.begun.Add(1)
		now := r.now.Add(1)
		for m := r.most.Load(); now > m && !r.most.CompareAndSwap(m, now); m = r.most.Load() {
		}
		defer r.now.Add(-1)
		at := int64(p) * 4
		if !yield(record(at, at+1), nil) {
			return
		}
		if p == r.bad {
			yield(nil, errBad)
			return
		}
		yield(record(at+2, at+3), nil)
	}
}

func collect(seq iter.Seq2[arrow.RecordBatch, error], most int) (got []int64, err error) {
	for rec, err := range seq {
		if err != nil {
			return got, err
		}
		got = append(got, rec.Column(0).(*array.Int64).Int64Values()...)
		if most > 0 && len(got) >= most {
			return got, nil
		}
	}
	return got, nil
}

func upTo(n int64) (all []int64) {
	for i := range n {
		all = append(all, i)
	}
	return all
}

func TestBatchesComeInOrder(t *testing.T) {
	t.Parallel()
	for _, o := range []inorder.Options{{Parallel: 1}, {Parallel: 1, Ahead: 1}, {Parallel: 3}, {Parallel: 4, Ahead: 4}, {Parallel: 64, Ahead: 2}} {
		r := &reading{bad: -1}
		got, err := collect(inorder.Batches(t.Context(), o, pieces(50, nil), r.read), 0)
		require.NoError(t, err)
		require.Equal(t, upTo(200), got)
		require.LessOrEqual(t, r.most.Load(), int64(o.Parallel))
		require.Zero(t, r.now.Load())
	}
}

func TestTheFirstErrorEnds(t *testing.T) {
	t.Parallel()
	o := inorder.Options{Parallel: 4, Ahead: 4}
	r := &reading{bad: 7}
	got, err := collect(inorder.Batches(t.Context(), o, pieces(50, nil), r.read), 0)
	require.ErrorIs(t, err, errBad)
	require.Equal(t, upTo(30), got)
	require.Zero(t, r.now.Load())

	end := errors.New("no list")
	r = &reading{bad: -1}
	got, err = collect(inorder.Batches(t.Context(), o, pieces(3, end), r.read), 0)
	require.ErrorIs(t, err, end)
	require.Equal(t, upTo(12), got)
	require.Zero(t, r.now.Load())
}

func TestLimitAndBreakEndTheReaders(t *testing.T) {
	t.Parallel()
	for limit := int64(1); limit < 12; limit++ {
		r := &reading{bad: -1}
		got, err := collect(inorder.Batches(t.Context(), inorder.Options{Parallel: 2, Limit: limit}, pieces(50, nil), r.read), 0)
		require.NoError(t, err)
		require.Equal(t, upTo(limit), got)
		require.Zero(t, r.now.Load())
		require.Less(t, r.begun.Load(), int64(50))
	}
	r := &reading{bad: -1}
	got, err := collect(inorder.Batches(t.Context(), inorder.Options{Parallel: 2, Ahead: 2}, pieces(50, nil), r.read), 3)
	require.NoError(t, err)
	require.Equal(t, upTo(4), got)
	require.Zero(t, r.now.Load())
	require.Less(t, r.begun.Load(), int64(50))
}

// A context that ends is an error, not an end that looks like that of the rows.
func TestAnEndedContextIsAnError(t *testing.T) {
	t.Parallel()
	for after := range 20 {
		ctx, cancel := context.WithCancel(t.Context())
		named := errors.New("named")
		o := inorder.Options{Parallel: 2, Ahead: 2, Ended: func(err error) error { return errors.Join(named, err) }}
		var rows int
		var last error
		for rec, err := range inorder.Batches(ctx, o, pieces(50, nil), (&reading{bad: -1}).read) {
			if last = err; err == nil {
				rows += int(rec.NumRows())
			}
			if rows >= after {
				cancel()
			}
		}
		cancel()
		require.ErrorIs(t, last, context.Canceled)
		require.ErrorIs(t, last, named)
		require.Less(t, rows, 200)
	}
}
