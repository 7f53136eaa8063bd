package delta

import (
	"context"
	"fmt"
	"slices"

	"github.com/deltalog/deltalog/internal/dv"
	"github.com/deltalog/deltalog/internal/stats"
	"github.com/deltalog/deltalog/reader"
	"github.com/deltalog/deltalog/txlog"
)

// rewriteFiles decides what becomes of each file. Files that go as a whole are
// not read, unless their rows are wanted for the change data feed: a version has
// change data for all of its changes or for none.
func (r *rewrite) rewriteFiles(ctx context.Context) error {
	var read, asWhole []*candidate
	for _, f := range r.files {
		f.unit = nil
		switch {
		case r.goesWhole(f):
			asWhole = append(asWhole, f)
		case f.bySource || r.pairs.Count(f.index) > 0 && r.b.st.has(matched):
			read = append(read, f)
		}
	}
	if err := r.parallel(ctx, read, r.file); err != nil {
		return err
	}
	one := r.remove
	if r.cdf() && slices.ContainsFunc(r.files, func(f *candidate) bool { return f.unit != nil }) {
		one = r.file
	}
	return r.parallel(ctx, asWhole, one)
}

// goesWhole reports whether all rows of a file are deleted, as the log tells.
func (r *rewrite) goesWhole(f *candidate) bool {
	cs := r.b.clauses[bySource]
	return len(cs) == 1 && cs[0].action == actDelete && r.pairs.Count(f.index) == 0 && f.bySource && r.other.AllMatch(f.add)
}

// remove takes out a whole file without reading its rows.
func (r *rewrite) remove(ctx context.Context, f *candidate) error {
	live, err := r.live(ctx, f)
	if err != nil {
		return err
	}
	if live == 0 {
		return nil
	}
	u, err := r.unit(f)
	if err != nil {
		return err
	}
	u.remove, u.deleted = true, live
	f.unit = u
	return nil
}

// live is how many rows a file has that are not deleted.
func (r *rewrite) live(ctx context.Context, f *candidate) (int64, error) {
	rows, err := r.whole.Rows(ctx, f.add)
	if err == nil && f.add.DeletionVector != nil {
		rows -= f.add.DeletionVector.Cardinality
	}
	return rows, err
}

// unit begins what becomes of a file, if the operation may touch its partition.
func (r *rewrite) unit(f *candidate) (*unit, error) {
	if d := r.c.declared; d != nil && !d.has(f.add.PartitionValues) {
		return nil, &PartitionError{Partition: r.c.by.format(f.add.PartitionValues), Row: -1, Want: d.text}
	}
	return &unit{gone: dv.Of(), partition: r.c.by.format(f.add.PartitionValues)}, nil
}

// file decides about the rows of one file, and writes those that are new.
func (r *rewrite) file(ctx context.Context, f *candidate) error {
	p, err := r.pairsOf(f)
	if err != nil {
		return err
	}
	scan := r.some
	o := &reader.FileOptions{RowIDs: r.tracksRows()}
	switch {
	case !f.bySource:
		o.Rows = slices.Compact(slices.Clone(p.rows))
	case len(p.rows) == 0:
		scan = r.other
	}
	f.read = true
	w := &fileWork{r: r, f: f, pairs: p}
	w.u = &unit{gone: dv.Of(), partition: r.c.by.format(f.add.PartitionValues)}
	for b, err := range scan.ReadFile(ctx, f.add, o) {
		if err != nil {
			return err
		}
		if err := w.batch(ctx, b); err != nil {
			return fmt.Errorf("file %s: %w", f.add.Path, err)
		}
	}
	f.unit = w.u
	if w.u.gone.Cardinality() == 0 && w.u.unchanged == 0 && w.u.kept == 0 {
		f.unit = nil
		return nil
	}
	if w.u.gone.Cardinality() > 0 {
		if _, err := r.unit(f); err != nil { // its partition is not ours
			return err
		}
	}
	return r.settle(ctx, f)
}

// vectors reports whether rows may leave files by deletion vectors.
func (r *rewrite) vectors() bool { return r.c.o.Strategy != StrategyRewrite && r.c.vectors() }

// vectorShare is the share of a file's rows up to which a deletion vector is
// better than writing the other rows anew.
const vectorShare = 0.3

// settle chooses how the rows leave the file, and does it.
func (r *rewrite) settle(ctx context.Context, f *candidate) error {
	u := f.unit
	gone := u.gone.Cardinality()
	if gone == 0 {
		return nil
	}
	old, err := r.whole.Deleted(ctx, f.add)
	if err != nil {
		return err
	}
	live := f.rows
	if old != nil {
		live -= old.Cardinality()
	}
	switch {
	case gone == live:
		u.remove = true
	case r.vectors() && (r.c.o.Strategy == StrategyVectors || float64(gone) <= vectorShare*float64(live)):
		return r.mark(f, old)
	default:
		u.copied = live - gone
		return r.copyRows(ctx, f)
	}
	return nil
}

// mark gives the file a deletion vector that holds the old one.
func (r *rewrite) mark(f *candidate, old *dv.Bitmap) error {
	all := f.unit.gone.Clone()
	if old != nil {
		all.Union(old)
	}
	var err error
	f.unit.stats = looseStats(f.add, f.rows)
	f.unit.desc, err = r.vector.Add(all)
	return err
}

// looseStats are a file's statistics once rows of it are deleted: its bounds hold,
// and may be wider than they need be. What cannot be right is left out.
func looseStats(f *txlog.AddFile, rows int64) string {
	if text, err := stats.Loosen(f.Stats, rows); err == nil {
		return text
	}
	return stats.WithCount(rows)
}

// copyRows writes the rows that stay to a new file.
func (r *rewrite) copyRows(ctx context.Context, f *candidate) error {
	for b, err := range r.whole.ReadFile(ctx, f.add, &reader.FileOptions{Except: f.unit.gone, RowIDs: r.tracksRows()}) {
		if err != nil {
			return err
		}
		rows, err := r.rowsOf(b)
		if err != nil {
			return err
		}
		if err := r.out.write(r.old(rows), rows.ids, rows.commits, rows.pos); err != nil {
			return err
		}
	}
	return nil
}
