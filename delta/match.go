package delta

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/deltalog/deltalog/internal/expr"
	"github.com/deltalog/deltalog/internal/join"
	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// A pairList is which source rows the rows of a file meet.
type pairList struct {
	rows, src []int64 // ascending by row, then by source row
	at        int     // how far it was read
}

func (r *rewrite) pairsOf(f *candidate) (*pairList, error) {
	p := &pairList{}
	var err error
	if f.findable && r.pairs.Count(f.index) > 0 {
		p.rows, p.src, err = r.pairs.File(f.index)
	}
	return p, err
}

// maxPairs bounds the pairs that are looked at at once; those of one row are never
// divided.
const maxPairs = 1 << 16

// next returns the pairs of the rows from row from on, as many rows as have about
// maxPairs of them: the number of each pair's row in the batch, and its source row.
// The next call begins with row upto.
func (p *pairList) next(positions []int64, from int) (at []int32, src []int64, upto int) {
	i := from
	for ; i < len(positions) && len(at) < maxPairs; i++ {
		for p.at < len(p.rows) && p.rows[p.at] < positions[i] {
			p.at++ // deleted since
		}
		for ; p.at < len(p.rows) && p.rows[p.at] == positions[i]; p.at++ {
			at, src = append(at, int32(i)), append(src, p.src[p.at])
		}
	}
	return at, src, i
}

// maxCross bounds the pairs that are compared at once where there is no key.
const maxCross = 1 << 20

// match finds, for each file that may hold such rows, the source rows that its
// rows meet.
func (r *rewrite) match(ctx context.Context) error {
	if r.find == nil {
		return nil
	}
	var todo []*candidate
	for _, f := range r.files {
		if f.findable && !f.found {
			todo = append(todo, f)
		}
	}
	for pass := 0; pass < r.c.src.Passes() && len(todo) > 0; pass++ {
		if err := r.c.src.StartPass(ctx, pass); err != nil {
			return err
		}
		err := r.parallel(ctx, todo, r.matchFile)
		if err != nil {
			return err
		}
	}
	for _, f := range todo {
		f.found = true
	}
	return r.meet(ctx)
}

// matchFile adds the pairs of one file and one pass.
func (r *rewrite) matchFile(ctx context.Context, f *candidate) error {
	skip, err := r.noneInBlooms(ctx, f)
	if skip || err != nil {
		f.bloomed = skip
		return err
	}
	f.read = true
	m := &join.Matches{}
	for b, err := range r.keys.ReadFile(ctx, f.add, nil) {
		if err != nil {
			return err
		}
		rows, err := r.rowsOf(b)
		if err != nil {
			return err
		}
		step := rows.n
		if len(r.b.keys) == 0 {
			step = int(max(1, maxCross/max(r.c.src.rows, 1)))
		}
		for from := 0; from < rows.n; from += step {
			part := rows.slice(from, min(from+step, rows.n))
			if err := r.probe(ctx, f, part, m); err != nil {
				return fmt.Errorf("file %s: %w", f.add.Path, err)
			}
		}
	}
	return nil
}

func (r *rewrite) probe(ctx context.Context, f *candidate, rows *rowSet, m *join.Matches) error {
	keys, err := r.b.keyValues(rows.cols, rows.n, func(k *boundKey) *expr.Value { return k.target })
	if err != nil {
		return placed(err, rows.pos, 0)
	}
	m.Reset()
	if err := r.c.src.Probe(keys, rows.n, m); err != nil {
		return err
	}
	at, src := m.Row, m.Source
	if r.c.src.dropped != nil {
		n := 0
		for i := range at {
			if r.c.src.live(src[i]) {
				at[n], src[n] = at[i], src[i]
				n++
			}
		}
		at, src = at[:n], src[:n]
	}
	if len(at) > 0 && r.b.residual != nil {
		if at, src, err = r.rest(ctx, rows, at, src); err != nil {
			return err
		}
	}
	if len(at) == 0 {
		return nil
	}
	pos := make([]int64, len(at))
	for i, a := range at {
		pos[i] = rows.pos[a]
	}
	return r.pairs.Add(f.index, pos, src)
}

// rest keeps the pairs for which the rest of the ON condition is true.
func (r *rewrite) rest(ctx context.Context, rows *rowSet, at []int32, src []int64) ([]int32, []int64, error) {
	pair, err := rows.take(at)
	if err != nil {
		return nil, nil, err
	}
	used := make([]bool, len(pair.cols))
	mark(used, r.b.residual.Columns())
	if err := r.gather(ctx, pair, used, src); err != nil {
		return nil, nil, err
	}
	yes, err := r.b.residual.Eval(pair.cols, pair.n)
	if err != nil {
		return nil, nil, placed(err, pair.pos, 0)
	}
	n := 0
	for i := range at {
		if yes.Get(i) {
			at[n], src[n] = at[i], src[i]
			n++
		}
	}
	return at[:n], src[:n], nil
}

// gather puts the source's columns beside rows of the table.
func (r *rewrite) gather(ctx context.Context, rows *rowSet, used []bool, src []int64) error {
	nt := len(r.b.table.Fields)
	var columns []int
	for i := range r.b.source.Fields {
		if used[nt+i] {
			columns = append(columns, i)
		}
	}
	if len(columns) == 0 {
		return nil
	}
	cols, err := r.c.src.Gather(ctx, src, columns)
	if err != nil {
		return err
	}
	for i, c := range columns {
		rows.cols[nt+c] = cols[i]
	}
	return nil
}

// noneInBlooms reports whether the file's bloom filters rule out every key.
func (r *rewrite) noneInBlooms(ctx context.Context, f *candidate) (bool, error) {
	for i, k := range r.b.keys {
		s := r.c.src.keys[i]
		if k.column == nil || s.Distinct == nil || k.nullSafe && s.Nulls > 0 || slices.Contains(r.c.by.names, k.column[0]) ||
			!schema.Equal(k.typ, k.target.Columns()[0].Type) {
			continue
		}
		may, err := r.find.MayContainAny(ctx, f.add, k.column, s.Distinct)
		if err != nil || !may {
			return !may && err == nil, err
		}
	}
	return false, nil
}

// meet notes which source rows meet a row that is still there.
func (r *rewrite) meet(ctx context.Context) error {
	if r.c.src.rows > math.MaxInt32*64 {
		return fmt.Errorf("the source has %d rows", r.c.src.rows)
	}
	r.matched = vec.NewBitmap(int(r.c.src.rows))
	for _, f := range r.files {
		if !f.findable || r.pairs.Count(f.index) == 0 {
			continue
		}
		p, err := r.pairsOf(f)
		if err != nil {
			return err
		}
		dead, err := r.whole.Deleted(ctx, f.add)
		if err != nil {
			return err
		}
		for i, src := range p.src {
			if dead == nil || !dead.Contains(p.rows[i]) {
				r.matched.Set(int(src))
			}
		}
	}
	return nil
}
