package fsck

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"github.com/deltalog/deltalog/internal/arrowvec"
	"github.com/deltalog/deltalog/internal/rules"
	"github.com/deltalog/deltalog/internal/stats"
	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/reader"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/schema"
)

// A rowCheck reads the rows of files, and compares them with the files' statistics
// and with what the table promises of its rows.
type rowCheck struct {
	d      *dataCheck
	table  *schema.Struct
	scan   *reader.Scan
	rules  *rules.Rules // nil: they cannot be evaluated
	layout *stats.Layout
	turns  chan struct{} // one for each file that is read
}

// newRowCheck returns nil if rows are not to be read, or cannot be.
func (d *dataCheck) newRowCheck() (*rowCheck, error) {
	if d.opts.Depth != Rows {
		return nil, nil
	}
	table, err := d.s.Schema()
	if err != nil {
		d.skip("rows: %v", err)
		return nil, nil
	}
	// A file that is read takes 32 MiB or more.
	at := int(max(min(int64(runtime.GOMAXPROCS(0)), d.opts.MaxMemory/(32<<20)), 1))
	r := &rowCheck{d: d, table: table, turns: make(chan struct{}, at)}
	if r.scan, err = reader.New(d.s, &reader.Options{Parallel: at, MaxMemory: d.opts.MaxMemory, Env: d.opts.Env}); err != nil {
		return nil, err
	}
	p := d.s.Protocol()
	r.rules, err = rules.New(&rules.Table{
		Schema: table, Properties: d.s.Properties(),
		Has: func(f string) bool { return p.HasWriterFeature(txlog.Feature(f)) },
	}, &rules.Options{Now: d.now, Own: true})
	if err != nil {
		d.skip("constraints: %v", err)
		r.rules = nil
	}
	r.layout = stats.NewLayout(stats.AllLeaves(table, d.mode))
	return r, nil
}

// file reads the live rows of a file.
func (r *rowCheck) file(ctx context.Context, a *txlog.AddFile) error {
	select {
	case r.turns <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-r.turns }()
	var f stats.File
	f.Reset(len(r.layout.Leaves()))
	if a.Stats != "" {
		if err := r.layout.Parse(a.Stats, &f); err != nil {
			r.d.add(StatsBad, r.d.s.Version(), a.Path, "%v", err)
		}
	}
	m := newMeasure(r.layout.Leaves(), r.d.partitionNames())
	w := &rowRun{rowCheck: r, a: a}
	if r.rules != nil {
		w.rules = r.rules.Begin()
		all := make([]bool, len(r.table.Fields))
		for i := range all {
			all[i] = true
		}
		if err := w.rules.Expect(all); err != nil {
			return err
		}
	}
	for b, err := range r.scan.ReadFile(ctx, a, nil) {
		if done, err := r.d.unreadable(DataUnreadable, a.Path, err); done {
			return err
		}
		cols := make([]*vec.Vec, b.NumCols())
		for i := range cols {
			if cols[i], err = arrowvec.FromArray(b.Column(i)); err != nil {
				return fmt.Errorf("column %s: %w", r.table.Fields[i].Name, err)
			}
		}
		if err := w.batch(cols, int(b.NumRows())); err != nil {
			return err
		}
		m.batch(r.table, r.d.mode, cols, int(b.NumRows()))
	}
	count(&r.d.r.Checked.Rows, w.rows)
	r.compare(a, &f, m, w.rows)
	return nil
}

// partitionNames are the physical names of the partition columns, which have no
// statistics.
func (d *dataCheck) partitionNames() map[string]bool {
	m := map[string]bool{}
	for i := range d.parts {
		m[d.parts[i].PhysicalName(d.mode)] = true
	}
	return m
}

// compare says where a file's statistics are not true.
//
// PROTOCOL.md, "Per-file Statistics".
func (r *rowCheck) compare(a *txlog.AddFile, f *stats.File, m *measure, rows int64) {
	v := r.d.s.Version()
	for i, l := range r.layout.Leaves() {
		c, is := &f.Columns[i], &m.columns[i]
		if !is.seen {
			continue
		}
		name := schema.ColumnPath(l.Path)
		if c.HasMin && is.ok && less(is.min, c.Min) {
			r.d.add(StatsBounds, v, a.Path, "column %s has %s, its min is said to be %s", name, is.min, c.Min)
		}
		if c.HasMax && is.ok && less(c.Max, is.max) {
			r.d.add(StatsBounds, v, a.Path, "column %s has %s, its max is said to be %s", name, is.max, c.Max)
		}
		loose := !f.TightBounds && c.NullCount != 0 && c.NullCount != f.NumRecords
		want := c.NullCount
		if !f.TightBounds && want == f.NumRecords {
			want = rows // all of those that are left
		}
		if c.NullCount >= 0 && !loose && want != is.nulls {
			r.d.add(StatsNulls, v, a.Path, "column %s has %d nulls, %d are said to be there", name, is.nulls, want)
		}
	}
}

// less reports whether a comes before b. Zeros of both signs are the same.
func less(a, b schema.Value) bool {
	if k := a.Kind(); k == schema.KindFloat || k == schema.KindDouble {
		return a.Float64() < b.Float64()
	}
	return schema.Compare(a, b) < 0
}

// A rowRun is the reading of one file.
type rowRun struct {
	*rowCheck
	a      *txlog.AddFile
	rules  *rules.Run
	rows   int64
	broken bool // one broken rule of a file is enough
}

func (w *rowRun) batch(cols []*vec.Vec, n int) error {
	first := w.rows
	w.rows += int64(n)
	if w.broken {
		return nil
	}
	for i := range w.table.Fields {
		f := &w.table.Fields[i]
		if name := nullIn(cols[i], f.Type, f.Nullable, f.Name, nil); name != "" {
			w.broken = true
			w.d.add(RuleBroken, w.d.s.Version(), w.a.Path, "%s is null in some row, and must not be", name)
			return nil
		}
	}
	if w.rules == nil {
		return nil
	}
	err := w.rules.Check(cols, n, first)
	var bad *rules.ConstraintError
	if errors.As(err, &bad) {
		w.broken = true
		w.d.add(RuleBroken, w.d.s.Version(), w.a.Path, "%v", err)
		return nil
	}
	return err
}
