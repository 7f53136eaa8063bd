package reader

import (
	"context"
	"fmt"
	"iter"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/deltalog/deltalog/internal/inorder"
	"github.com/deltalog/deltalog/txlog"
)

// Batches runs the scan. The sequence ends at its first error. Goroutines that
// read ahead have ended when the loop over it does.
//
// Rows come in the snapshot's order of files, and within a file in file order.
func (s *Scan) Batches(ctx context.Context) iter.Seq2[arrow.RecordBatch, error] {
	o := inorder.Options{
		Parallel: s.opts.Parallel, Ahead: s.opts.Parallel, Limit: s.opts.Limit,
		Ended: func(err error) error { return fmt.Errorf("reader: %s: %w", s.snap.Store().URL(), err) },
	}
	if s.opts.Limit > 0 && s.opts.Limit <= int64(s.opts.BatchRows) && s.where == nil {
		o.Ahead = 0 // most likely the first file has all rows wanted
	}
	return func(yield func(arrow.RecordBatch, error) bool) {
		for rec, err := range inorder.Batches(ctx, o, s.adds(ctx), s.readFile) {
			if err == nil {
				s.metrics.rows.Add(rec.NumRows())
			}
			if !yield(rec, err) {
				return
			}
		}
	}
}

// adds yields the files that are to be read.
func (s *Scan) adds(ctx context.Context) iter.Seq2[*txlog.AddFile, error] {
	return func(yield func(*txlog.AddFile, error) bool) {
		for add, err := range s.snap.Files(ctx, s.files(s.metrics)) {
			if err != nil {
				err = fmt.Errorf("reader: files of version %d of %s: %w", s.snap.Version(), s.snap.Store().URL(), err)
			}
			if !yield(add, err) {
				return
			}
		}
	}
}

// readFile yields the wanted rows of a file.
func (s *Scan) readFile(ctx context.Context, add *txlog.AddFile) iter.Seq2[arrow.RecordBatch, error] {
	return func(yield func(arrow.RecordBatch, error) bool) {
		f, err := s.openFile(ctx, add, &FileOptions{RowIDs: s.opts.RowIDs})
		if err != nil {
			yield(nil, s.wrap(add, err))
			return
		}
		if f == nil {
			return
		}
		if f.where == nil && s.opts.Limit > 0 {
			f.head = s.opts.Limit
		}
		for b, err := range f.batches(ctx) {
			if !yield(b.RecordBatch, s.wrap(add, err)) {
				return
			}
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
