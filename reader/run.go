package reader

import (
	"context"
	"fmt"
	"iter"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/deltalog/deltalog/txlog"
)

// Batches runs the scan. The sequence ends at its first error. Goroutines that
// read ahead have ended when the loop over it does.
//
// Rows come in the snapshot's order of files, and within a file in file order.
func (s *Scan) Batches(ctx context.Context) iter.Seq2[arrow.RecordBatch, error] {
	return func(yield func(arrow.RecordBatch, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		var wg sync.WaitGroup
		defer wg.Wait()
		defer cancel()
		left := s.opts.Limit
		for file := range s.start(ctx, &wg) {
			for b := range file {
				if b.err != nil {
					yield(nil, b.err)
					return
				}
				rec := b.rec
				if s.opts.Limit > 0 && rec.NumRows() >= left {
					rec = rec.NewSlice(0, left)
					s.metrics.rows.Add(left)
					yield(rec, nil)
					return
				}
				left -= rec.NumRows()
				s.metrics.rows.Add(rec.NumRows())
				if !yield(rec, nil) {
					return
				}
			}
			// Whoever reads a file gives it up without a word when ctx is done: what
			// comes after it must not follow.
			if ctx.Err() != nil {
				break
			}
		}
		if err := ctx.Err(); err != nil {
			yield(nil, fmt.Errorf("reader: %s: %w", s.snap.Store().URL(), err))
		}
	}
}

type result struct {
	rec arrow.RecordBatch
	err error
}

// start reads files ahead: it sends, in the order of the files, a channel for
// each, and at most Parallel of them are being read. A file's channel holds one
// batch, which with the one being decoded bounds the memory.
func (s *Scan) start(ctx context.Context, wg *sync.WaitGroup) <-chan chan result {
	ahead := s.opts.Parallel
	if s.opts.Limit > 0 && s.opts.Limit <= int64(s.opts.BatchRows) && s.where == nil {
		ahead = 0 // most likely the first file has all rows wanted
	}
	files := make(chan chan result, ahead)
	slots := make(chan struct{}, s.opts.Parallel)
	wg.Go(func() {
		defer close(files)
		for add, err := range s.snap.Files(ctx, s.files(s.metrics)) {
			out := make(chan result, 1)
			if err != nil {
				out <- result{err: fmt.Errorf("reader: files of version %d of %s: %w", s.snap.Version(), s.snap.Store().URL(), err)}
				close(out)
				send(ctx, files, out)
				return
			}
			if !send(ctx, slots, struct{}{}) || !send(ctx, files, out) {
				return
			}
			wg.Go(func() {
				defer func() { <-slots }()
				defer close(out)
				s.readFile(ctx, add, out)
			})
		}
	})
	return files
}

func send[T any](ctx context.Context, c chan<- T, v T) bool {
	select {
	case c <- v:
		return true
	case <-ctx.Done():
		return false
	}
}

func (s *Scan) readFile(ctx context.Context, add *txlog.AddFile, out chan<- result) {
	f, err := s.openFile(ctx, add, &FileOptions{RowIDs: s.opts.RowIDs})
	if err != nil {
		send(ctx, out, result{err: s.wrap(add, err)})
		return
	}
	if f == nil {
		return
	}
	if f.where == nil && s.opts.Limit > 0 {
		f.head = s.opts.Limit
	}
	for b, err := range f.batches(ctx) {
		if !send(ctx, out, result{b.RecordBatch, s.wrap(add, err)}) {
			return
		}
	}
}

// Files yields the files that the scan reads: those that partition values and
// statistics do not rule out. No data file is opened.
func (s *Scan) Files(ctx context.Context) iter.Seq2[*txlog.AddFile, error] {
	return s.snap.Files(ctx, s.files(&counters{}))
}

// Count returns the number of rows that the scan selects. It is taken from the
// log where that knows it; else the columns of the predicate are read, and no
// others.
func (s *Scan) Count(ctx context.Context) (int64, error) {
	if n, known, err := s.KnownCount(ctx); known || err != nil {
		return n, err
	}
	c := &Scan{snap: s.snap, opts: s.opts, metrics: s.metrics}
	c.opts.Columns, c.opts.RowIDs = []string{}, false
	if err := c.plan(); err != nil {
		return 0, err
	}
	var rows int64
	for rec, err := range c.Batches(ctx) {
		if err != nil {
			return 0, err
		}
		rows += rec.NumRows()
	}
	return rows, nil
}

// KnownCount returns the number of rows that the scan selects if the log knows
// it: the statistics of every file count its rows, and the predicate, if there is
// one, is about partition columns only. No data file is opened.
func (s *Scan) KnownCount(ctx context.Context) (rows int64, known bool, err error) {
	if len(s.whereCols) > 0 {
		return 0, false, nil
	}
	for add, err := range s.Files(ctx) {
		if err != nil {
			return 0, false, fmt.Errorf("reader: files of version %d of %s: %w", s.snap.Version(), s.snap.Store().URL(), err)
		}
		n, err := add.NumRecords()
		if err != nil || !s.AllMatch(add) {
			return 0, false, nil
		}
		if add.DeletionVector != nil {
			n -= add.DeletionVector.Cardinality
		}
		if n < 0 {
			return 0, false, nil // reading the file says what is wrong
		}
		rows += n
	}
	if s.opts.Limit > 0 {
		rows = min(rows, s.opts.Limit)
	}
	return rows, true, nil
}
