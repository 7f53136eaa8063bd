// Package inorder reads pieces ahead of whoever wants their rows, several at once,
// and gives the rows in the order of the pieces.
package inorder

import (
	"context"
	"iter"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"
)

// Options say how far to read ahead.
type Options struct {
	Parallel int // pieces that are read at once
	// Ahead is how many pieces, beside that whose turn it is, may have been begun.
	Ahead int
	// Limit ends the sequence after so many rows. 0: no limit.
	Limit int64
	// Ended makes the error of a context that has ended. Nil: the context's own.
	Ended func(error) error
}

type result struct {
	rec arrow.RecordBatch
	err error
}

// Batches yields what read yields for each of the pieces. The sequence ends at its
// first error, one of pieces or of read, which ends its own at the first. Goroutines
// have ended when the loop over it does. Each piece holds one batch, which with the
// one being read bounds the memory.
func Batches[P any](ctx context.Context, o Options, pieces iter.Seq2[P, error], read func(context.Context, P) iter.Seq2[arrow.RecordBatch, error]) iter.Seq2[arrow.RecordBatch, error] {
	return func(yield func(arrow.RecordBatch, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		var wg sync.WaitGroup
		defer wg.Wait()
		defer cancel()
		left := o.Limit
		for piece := range begin(ctx, &wg, o, pieces, read) {
			for r := range piece {
				if r.err != nil {
					yield(nil, r.err)
					return
				}
				if o.Limit > 0 && r.rec.NumRows() >= left {
					yield(r.rec.NewSlice(0, left), nil)
					return
				}
				left -= r.rec.NumRows()
				if !yield(r.rec, nil) {
					return
				}
			}
			// Whoever reads a piece gives it up without a word when ctx is done: what
			// comes after it must not follow.
			if ctx.Err() != nil {
				break
			}
		}
		if err := ctx.Err(); err != nil {
			if o.Ended != nil {
				err = o.Ended(err)
			}
			yield(nil, err)
		}
	}
}

// begin sends, in the order of the pieces, a channel for each.
func begin[P any](ctx context.Context, wg *sync.WaitGroup, o Options, pieces iter.Seq2[P, error], read func(context.Context, P) iter.Seq2[arrow.RecordBatch, error]) <-chan chan result {
	all := make(chan chan result, o.Ahead)
	slots := make(chan struct{}, o.Parallel)
	wg.Go(func() {
		defer close(all)
		for p, err := range pieces {
			out := make(chan result, 1)
			if err != nil {
				out <- result{err: err}
				close(out)
				send(ctx, all, out)
				return
			}
			if !send(ctx, slots, struct{}{}) || !send(ctx, all, out) {
				return
			}
			wg.Go(func() {
				defer func() { <-slots }()
				defer close(out)
				for rec, err := range read(ctx, p) {
					if !send(ctx, out, result{rec, err}) {
						return
					}
				}
			})
		}
	})
	return all
}

func send[T any](ctx context.Context, to chan<- T, v T) bool {
	select {
	case to <- v:
		return true
	case <-ctx.Done():
		return false
	}
}
