package reader

import (
	"context"

	"github.com/deltalog/deltalog/internal/pqread"
	"github.com/deltalog/deltalog/internal/schemavec"
	"github.com/deltalog/deltalog/internal/vec"
)

// A predicate that few rows pass is evaluated before the other columns are
// fetched, of which only the pages with such a row are needed then. Where many
// pass, that would be to decode its columns twice.

const (
	lateBytes = 1 << 20 // a row group with fewer is fetched at once
	lateShare = 8       // one row in so many, or fewer, must pass
	lateGap   = 64      // rows in between that are decoded rather than skipped
)

// sparse reports whether the predicate is to be evaluated first, judged by what
// the scan has seen so far.
func (f *fileScan) sparse(g pqread.RowGroup) bool {
	m := f.s.metrics
	return g.Bytes >= lateBytes && m.passed.Load()*lateShare <= m.tested.Load()
}

// survivors returns those of the selected rows of a group for which the predicate
// is true, and few others.
func (f *fileScan) survivors(ctx context.Context, group int, sel pqread.Selection) (pqread.Selection, error) {
	begin := f.file.RowGroup(group).FirstRow
	only := func(g int) (pqread.Selection, error) {
		if g == group {
			return sel, nil
		}
		return pqread.Selection{}, nil
	}
	passed := int64(0)
	left := pqread.Selection{}
	cols := make([]*vec.Vec, len(f.s.cols))
	for b, err := range f.test.Batches(ctx, &pqread.ScanOptions{BatchRows: f.s.opts.BatchRows, Select: only}) {
		if err != nil {
			return nil, err
		}
		for i, c := range f.s.whereCols {
			cols[c] = schemavec.Typed(b.Columns[i], f.s.cols[c].field.Type)
		}
		keep, err := f.where.Eval(cols, b.Rows)
		if err != nil {
			return nil, placed(err, b.Positions)
		}
		passed += int64(keep.Count())
		left = appendRows(left, b.Positions, begin, keep)
	}
	rows := count(sel)
	if passed*lateShare > rows {
		return sel, nil // assemble counts them
	}
	f.s.metrics.tested.Add(rows)
	return left, nil
}

// appendRows appends those of the rows at the given positions of the file that
// keep has, counted from the row at which the group begins.
func appendRows(sel pqread.Selection, at []pqread.Range, begin int64, keep *vec.Bitmap) pqread.Selection {
	p, base := 0, int64(0) // row base of the batch is the first of at[p]
	for r := range keep.Ranges() {
		for from, to := int64(r.From), int64(r.To); from < to; {
			for from >= base+at[p].End-at[p].Start {
				base += at[p].End - at[p].Start
				p++
			}
			start := at[p].Start - begin + from - base
			end := min(start+to-from, at[p].End-begin)
			from += end - start
			// Rows that are not in at may be deleted ones: a gap must lie in at[p].
			if n := len(sel); n > 0 && sel[n-1].End+lateGap >= start && sel[n-1].End >= at[p].Start-begin {
				sel[n-1].End = end
				continue
			}
			sel = append(sel, pqread.Range{Start: start, End: end})
		}
	}
	return sel
}

// all returns sel, with its ranges if it stands for all rows.
func all(sel pqread.Selection, rows int64) pqread.Selection {
	if sel == nil && rows > 0 {
		return pqread.Selection{{Start: 0, End: rows}}
	}
	return sel
}

func count(sel pqread.Selection) (rows int64) {
	for _, r := range sel {
		rows += r.End - r.Start
	}
	return rows
}

// first returns the first n rows of sel.
func first(sel pqread.Selection, n int64) pqread.Selection {
	out := pqread.Selection{}
	for _, r := range sel {
		if n <= 0 {
			break
		}
		r.End = min(r.End, r.Start+n)
		n -= r.End - r.Start
		out = append(out, r)
	}
	return out
}

// intersect returns the rows that are in both; nil is all rows.
func intersect(a, b pqread.Selection) pqread.Selection {
	if a == nil {
		return b
	}
	if b == nil {
		return a
	}
	out := pqread.Selection{}
	for i, j := 0, 0; i < len(a) && j < len(b); {
		if r := (pqread.Range{Start: max(a[i].Start, b[j].Start), End: min(a[i].End, b[j].End)}); r.Start < r.End {
			out = append(out, r)
		}
		if a[i].End < b[j].End {
			i++
		} else {
			j++
		}
	}
	return out
}
