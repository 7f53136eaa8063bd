package reader

import (
	"context"
	"fmt"
	"iter"
	"sort"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/deltalog/deltalog/internal/dv"
	"github.com/deltalog/deltalog/internal/expr"
	"github.com/deltalog/deltalog/internal/pqread"
	"github.com/deltalog/deltalog/internal/stats"
	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog"
)

// FileOptions choose rows of one file. Nil means all that are live.
type FileOptions struct {
	// Rows are the only positions that are read, ascending; nil: all. Those of
	// deleted rows are passed over.
	Rows []int64
	// Except are positions that are passed over, beside those of deleted rows. It
	// is not changed.
	Except *dv.Bitmap
	// RowIDs appends the columns that Options.RowIDs appends.
	RowIDs bool
}

// A FileBatch is rows of one file, in file order.
type FileBatch struct {
	arrow.RecordBatch
	// Positions are those of the rows in the file, counted from 0 over all row
	// groups and deleted rows: what a deletion vector names rows by.
	Positions []int64
	// FileRows is how many rows the file has, deleted ones included, whatever its
	// statistics say.
	FileRows int64
}

// ReadFile yields the rows of one file that are live, that the scan's predicate
// selects and that o chooses. Options.Limit does not count. The file is one of the
// scan's snapshot, or of another version of the table with the same columns.
//
// Row groups and pages without a row that may be wanted are not fetched. The
// sequence ends at its first error, which names the file. Calls may be made
// concurrently; each takes as much memory as one of the files that Batches reads
// at once.
func (s *Scan) ReadFile(ctx context.Context, add *txlog.AddFile, o *FileOptions) iter.Seq2[FileBatch, error] {
	var opts FileOptions
	if o != nil {
		opts = *o
	}
	opts.RowIDs = opts.RowIDs || s.opts.RowIDs
	return func(yield func(FileBatch, error) bool) {
		f, err := s.openOne(ctx, add, &opts)
		if err != nil {
			yield(FileBatch{}, s.wrap(add, err))
			return
		}
		if f == nil {
			return
		}
		for b, err := range f.batches(ctx) {
			if err == nil {
				s.metrics.rows.Add(b.NumRows())
			}
			if !yield(b, s.wrap(add, err)) {
				return
			}
		}
	}
}

func (s *Scan) openOne(ctx context.Context, add *txlog.AddFile, o *FileOptions) (*fileScan, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if o.RowIDs && s.ids.err != nil {
		return nil, s.ids.err
	}
	if o.Rows != nil && len(o.Rows) == 0 {
		return nil, nil
	}
	for i, row := range o.Rows {
		if row < 0 || i > 0 && row <= o.Rows[i-1] {
			return nil, fmt.Errorf("FileOptions.Rows has position %d as number %d: they must ascend from 0", row, i)
		}
	}
	f, err := s.openFile(ctx, add, o)
	if f != nil {
		f.at = true
	}
	return f, err
}

// choose settles which rows are passed over, once the file and its deletion
// vector are known.
func (f *fileScan) choose() error {
	if n := len(f.opts.Rows); n > 0 && f.opts.Rows[n-1] >= f.file.Rows() {
		return fmt.Errorf("row %d is wanted of a file of %d rows", f.opts.Rows[n-1], f.file.Rows())
	}
	switch {
	case f.opts.Except == nil:
	case f.dead == nil:
		f.dead = f.opts.Except
	default:
		f.dead.Union(f.opts.Except)
	}
	return nil
}

// picked returns those of FileOptions.Rows that are in a row group and not passed
// over.
func (f *fileScan) picked(g pqread.RowGroup) pqread.Selection {
	rows := f.opts.Rows
	from := sort.Search(len(rows), func(i int) bool { return rows[i] >= g.FirstRow })
	sel := pqread.Selection{}
	for _, row := range rows[from:] {
		if row -= g.FirstRow; row >= g.Rows {
			break
		}
		if f.dead != nil && f.dead.Contains(row+g.FirstRow) {
			continue
		}
		if n := len(sel); n > 0 && sel[n-1].End == row {
			sel[n-1].End++
			continue
		}
		sel = append(sel, pqread.Range{Start: row, End: row + 1})
	}
	return sel
}

// positions lists the positions of the rows of a batch, which are in ranges of the
// file; sel chooses n of them, nil all.
func positions(ranges []pqread.Range, sel *vec.Bitmap, n int) []int64 {
	out := make([]int64, 0, n)
	if sel == nil {
		for _, r := range ranges {
			for row := r.Start; row < r.End; row++ {
				out = append(out, row)
			}
		}
		return out
	}
	i, before := 0, int64(0) // rows in ranges[:i]
	for keep := range sel.Ranges() {
		for row := int64(keep.From); row < int64(keep.To); row++ {
			for row-before >= ranges[i].End-ranges[i].Start {
				before += ranges[i].End - ranges[i].Start
				i++
			}
			out = append(out, ranges[i].Start+row-before)
		}
	}
	return out
}

// Rows returns how many rows a file has, deleted ones included: what its
// statistics say, or else its footer, which is read then.
func (s *Scan) Rows(ctx context.Context, add *txlog.AddFile) (int64, error) {
	if n, err := add.NumRecords(); err == nil {
		return n, nil
	}
	name, err := add.ObjectName(s.snap.Store().URL())
	if err != nil {
		return 0, s.wrap(add, err)
	}
	f, err := s.open(ctx, name, add.Size)
	if err != nil {
		return 0, s.wrap(add, err)
	}
	return f.Rows(), nil
}

// Deleted returns which rows of a file are deleted; nil if it has no deletion
// vector. The bitmap is the caller's.
func (s *Scan) Deleted(ctx context.Context, add *txlog.AddFile) (*dv.Bitmap, error) {
	if add.DeletionVector == nil {
		return nil, nil
	}
	rows, err := s.Rows(ctx, add)
	if err != nil {
		return nil, err
	}
	b, err := s.deletionVector(ctx, add, rows)
	return b, s.wrap(add, err)
}

// MayMatch reports whether a file can hold a row that the predicate selects, by
// partition values and statistics. It does no I/O. What it does not understand
// says that the file can.
func (s *Scan) MayMatch(add *txlog.AddFile) bool { return s.verdict(add) != expr.None }

// OutsidePartition reports whether the partition values of a file say by themselves
// that it holds no row that the predicate selects.
func (s *Scan) OutsidePartition(add *txlog.AddFile) bool {
	if s.where == nil {
		return false
	}
	p, err := s.whereFor(add.PartitionValues)
	if err != nil {
		return false
	}
	m, constant := p.Constant()
	return constant && m != expr.All
}

// AllMatch reports whether the predicate selects each live row of a file, by
// partition values and statistics. It does no I/O.
func (s *Scan) AllMatch(add *txlog.AddFile) bool { return s.verdict(add) == expr.All }

func (s *Scan) verdict(add *txlog.AddFile) expr.Match {
	if s.where == nil {
		return expr.All
	}
	p, err := s.whereFor(add.PartitionValues)
	if err != nil {
		return expr.Some // reading the file reports it
	}
	if m, constant := p.Constant(); constant {
		if m == expr.All {
			return m
		}
		return expr.None
	}
	return s.prune(p, add, new(stats.File))
}
