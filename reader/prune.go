package reader

import (
	"context"
	"math"
	"slices"
	"sync"

	"github.com/deltalog/deltalog/internal/expr"
	"github.com/deltalog/deltalog/internal/pqread"
	"github.com/deltalog/deltalog/internal/schemavec"
	"github.com/deltalog/deltalog/internal/stats"
	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/schema"
)

// files returns the options that leave out files without wanted rows, and count
// them in m.
func (s *Scan) files(m *counters) *txlog.FilesOptions {
	if s.where == nil {
		return &txlog.FilesOptions{}
	}
	pool := sync.Pool{New: func() any { return new(stats.File) }}
	return &txlog.FilesOptions{
		Partitions: func(values map[string]*string) bool {
			p, err := s.whereFor(values)
			if err != nil {
				return true // reading the file reports it
			}
			match, constant := p.Constant()
			keep := !constant || match == expr.All
			if !keep {
				m.partitions.Add(1)
			}
			return keep
		},
		Keep: func(a *txlog.AddFile) bool {
			f := pool.Get().(*stats.File)
			defer pool.Put(f)
			keep := s.mayMatch(a, f)
			if !keep {
				m.filesStats.Add(1)
			}
			return keep
		},
	}
}

// whereFor returns the predicate for files with these partition values.
func (s *Scan) whereFor(values map[string]*string) (*expr.Predicate, error) {
	constants := map[int]schema.Value{}
	for i, col := range s.whereParts {
		if col < 0 {
			continue
		}
		v, err := s.partitionValue(&s.cols[col], values)
		if err != nil {
			return nil, err
		}
		constants[i] = v
	}
	if len(constants) == 0 {
		return s.where, nil
	}
	return s.where.WithConstants(constants), nil
}

func (s *Scan) partitionValue(c *column, values map[string]*string) (schema.Value, error) {
	return schema.ParsePartition(c.field.Type, values[c.physical], &schema.PartitionOptions{Location: s.opts.PartitionZone})
}

// mayMatch reports whether a file may hold rows for which the predicate is true,
// by its statistics. Whatever is not understood says that it may.
func (s *Scan) mayMatch(a *txlog.AddFile, f *stats.File) bool {
	p, err := s.whereFor(a.PartitionValues)
	return err != nil || s.prune(p, a, f) != expr.None
}

// prune decides by the statistics of a file, for which f is room.
func (s *Scan) prune(p *expr.Predicate, a *txlog.AddFile, f *stats.File) expr.Match {
	if a.Stats == "" || s.layout.Parse(a.Stats, f) != nil {
		return expr.Some
	}
	bounds := make([]expr.Bounds, len(s.leafOf))
	for i, leaf := range s.leafOf {
		if leaf < 0 {
			continue // folded into p
		}
		c := &f.Columns[leaf]
		if f.NumRecords >= 0 && c.NullCount > f.NumRecords {
			c.NullCount = -1 // nonsense
		}
		bounds[i] = expr.FromStats(c, s.layout.Leaves()[leaf].Type, f.TightBounds)
	}
	rows := f.NumRecords
	if a.DeletionVector != nil && rows == 0 {
		rows = -1
	}
	return p.Prune(rows, bounds)
}

// A pruner leaves out row groups and pages of one file.
type pruner struct {
	p      *expr.Predicate
	proj   *pqread.Projection
	groups []*pqread.Bounds // of where's columns; nil: not known
	paths  [][]string       // nil for partition columns
}

func (s *Scan) newPruner(p *expr.Predicate, proj *pqread.Projection) *pruner {
	r := &pruner{p: p, proj: proj}
	for _, leaf := range s.leafOf {
		var path []string
		var b *pqread.Bounds
		if leaf >= 0 {
			path = s.layout.Leaves()[leaf].Path
			b = proj.GroupBounds(path...)
		}
		r.paths, r.groups = append(r.paths, path), append(r.groups, b)
	}
	return r
}

// match decides about one entry of each column's bounds: at[k] of all[k].
func (r *pruner) match(rows int64, all []*pqread.Bounds, at []int) expr.Match {
	bounds := make([]expr.Bounds, len(all))
	for k, b := range all {
		if b == nil {
			continue
		}
		t := r.p.Columns()[k].Type
		nulls, span := b.Nulls[at[k]], b.Rows[at[k]]
		if nulls == span.End-span.Start {
			nulls = math.MaxInt64 // all, whatever rows is
		}
		bounds[k] = expr.Bounds{NullCount: nulls, HasNullCount: nulls >= 0}
		if b.Min.Kind != vec.Null {
			bounds[k].Min, bounds[k].Max = schemavec.Value(b.Min, t, at[k]), schemavec.Value(b.Max, t, at[k])
		}
	}
	return r.p.Prune(rows, bounds)
}

// group reports whether row group i may hold wanted rows.
func (r *pruner) group(i int, rows int64) bool {
	at := make([]int, len(r.groups))
	for k := range at {
		at[k] = i
	}
	return r.match(rows, r.groups, at) != expr.None
}

// pageRows is from how many rows on the pages of a row group are looked at.
const pageRows = 30_000

// pages returns the rows of group i that are in pages that may hold wanted rows;
// nil for all of them.
func (r *pruner) pages(ctx context.Context, i int, rows int64) (pqread.Selection, error) {
	if rows < pageRows {
		return nil, nil
	}
	var paths [][]string
	var column []int
	for k, p := range r.paths {
		if p != nil && r.groups[k] != nil {
			paths, column = append(paths, p), append(column, k)
		}
	}
	if len(paths) == 0 {
		return nil, nil
	}
	pages, err := r.proj.PageBounds(ctx, i, paths...)
	if err != nil {
		return nil, err
	}
	var sel pqread.Selection
	for j, b := range pages {
		if b != nil {
			sel = intersect(sel, r.mayMatch(i, rows, column[j], b))
		}
	}
	return sel, nil
}

// mayMatch returns the rows of the pages of column k that may match, as far as
// that column tells.
func (r *pruner) mayMatch(group int, rows int64, k int, pages *pqread.Bounds) pqread.Selection {
	all, at := slices.Clone(r.groups), make([]int, len(r.groups))
	for j := range at {
		at[j] = group
	}
	all[k] = pages
	sel := pqread.Selection{}
	for at[k] = range pages.Rows {
		p := pages.Rows[at[k]]
		// The other columns' bounds are those of the whole group, so that their null
		// counts are not about the rows of this page.
		if r.match(-1, all, at) == expr.None {
			continue
		}
		if n := len(sel); n > 0 && sel[n-1].End == p.Start {
			sel[n-1].End = p.End
			continue
		}
		sel = append(sel, p)
	}
	return sel
}
