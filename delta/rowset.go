package delta

import (
	"errors"
	"fmt"

	"github.com/deltalog/deltalog/internal/arrowvec"
	"github.com/deltalog/deltalog/internal/expr"
	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/reader"
)

// A rowSet is some rows of both sides: their columns, those of the table first;
// nil where a column is not read.
type rowSet struct {
	n            int
	cols         []*vec.Vec
	pos          []int64  // in their file, or in the source
	ids, commits *vec.Vec // of row tracking; nil without it
}

// rowsOf turns what the reader gives into columns.
func (r *rewrite) rowsOf(b reader.FileBatch) (*rowSet, error) {
	rows := &rowSet{n: int(b.NumRows()), pos: b.Positions, cols: make([]*vec.Vec, len(r.b.table.Fields)+len(r.b.source.Fields))}
	for i, f := range b.Schema().Fields() {
		v, err := arrowvec.FromArray(b.Column(i))
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", f.Name, err)
		}
		switch at := r.b.table.Index(f.Name); {
		case at >= 0:
			rows.cols[at] = v
		case f.Name == reader.RowIDColumn:
			rows.ids = v
		case f.Name == reader.RowCommitVersionColumn:
			rows.commits = v
		}
	}
	return rows, nil
}

// each returns s with f applied to every column that is there.
func (s *rowSet) each(n int, f func(*vec.Vec) (*vec.Vec, error)) (*rowSet, error) {
	out := &rowSet{n: n, cols: make([]*vec.Vec, len(s.cols))}
	apply := func(v *vec.Vec) (*vec.Vec, error) {
		if v == nil {
			return nil, nil
		}
		return f(v)
	}
	var err error
	for i, v := range s.cols {
		if out.cols[i], err = apply(v); err != nil {
			return nil, err
		}
	}
	if out.ids, err = apply(s.ids); err != nil {
		return nil, err
	}
	out.commits, err = apply(s.commits)
	return out, err
}

func (s *rowSet) slice(from, to int) *rowSet {
	if from == 0 && to == s.n {
		return s
	}
	out, _ := s.each(to-from, func(v *vec.Vec) (*vec.Vec, error) { return v.Slice(from, to), nil })
	if s.pos != nil {
		out.pos = s.pos[from:to]
	}
	return out
}

// take returns the rows at idx, of which one may be there more than once.
func (s *rowSet) take(idx []int32) (*rowSet, error) {
	out, err := s.each(len(idx), func(v *vec.Vec) (*vec.Vec, error) { return vec.Take(v, idx) })
	if err != nil || s.pos == nil {
		return out, err
	}
	out.pos = make([]int64, len(idx))
	for i, at := range idx {
		out.pos[i] = s.pos[at]
	}
	return out, nil
}

func (s *rowSet) filter(sel *vec.Bitmap) *rowSet {
	n := sel.Count()
	if n == s.n {
		return s
	}
	out, _ := s.each(n, func(v *vec.Vec) (*vec.Vec, error) { return vec.Filter(v, sel), nil })
	if s.pos != nil {
		out.pos = make([]int64, 0, n)
		for r := range sel.Ranges() {
			out.pos = append(out.pos, s.pos[r.From:r.To]...)
		}
	}
	return out
}

// placed makes the row that an error names one of the file or the source: it counts
// rows at these positions, after so many others.
func placed(err error, pos []int64, before int64) error {
	at := func(row int64) int64 {
		if i := row - before; i >= 0 && i < int64(len(pos)) {
			return pos[i]
		}
		return row
	}
	var (
		eval  *expr.EvalError
		rule  *ConstraintError
		place *PartitionError
	)
	switch {
	case errors.As(err, &rule):
		e := *rule
		e.Row = at(e.Row)
		return &e
	case errors.As(err, &place):
		e := *place
		e.Row = at(e.Row)
		return &e
	case errors.As(err, &eval):
		e := *eval
		e.Row = at(e.Row)
		return &e
	}
	return err
}

// eachClause calls f with the rows of each clause: the first whose condition is
// true for a row has it.
func eachClause(cs []*boundClause, rows *rowSet, f func(*boundClause, *rowSet) error) error {
	for _, c := range cs {
		if rows.n == 0 {
			return nil
		}
		if c.cond == nil {
			return f(c, rows)
		}
		yes, err := c.cond.Eval(rows.cols, rows.n)
		if err != nil {
			return placed(err, rows.pos, 0)
		}
		k := yes.Count()
		if k > 0 {
			if err := f(c, rows.filter(yes)); err != nil {
				return err
			}
		}
		if k == rows.n {
			return nil
		}
		rest := vec.FullBitmap(rows.n)
		for i, w := range yes.Words {
			rest.Words[i] &^= w
		}
		rows = rows.filter(rest)
	}
	return nil
}
