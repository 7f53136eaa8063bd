package delta

import (
	"github.com/deltalog/deltalog/internal/expr"
	"github.com/deltalog/deltalog/reader"
	"github.com/deltalog/deltalog/txlog"
)

func (r *rewrite) scans() (err error) {
	used := make([]bool, len(r.b.table.Fields)+len(r.b.source.Fields))
	for _, k := range r.b.keys {
		mark(used, k.target.Columns())
	}
	if r.b.residual != nil {
		mark(used, r.b.residual.Columns())
	}
	if r.b.st.on != nil && r.c.src.rows > 0 {
		if r.find, err = r.keyScan(used, maxKeyList); err != nil {
			return err
		}
		if r.keys, err = r.keyScan(used, fewKeys); err != nil {
			return err
		}
	}
	all := r.cdf()
	clear(used)
	for _, cs := range r.b.clauses {
		for _, c := range cs {
			c.reads(used)
			all = all || c.action == actUpdate
		}
	}
	columns := r.names(used)
	if all {
		columns = nil
	}
	if r.some, err = r.scan(columns, nil); err != nil {
		return err
	}
	if r.whole, err = r.scan(nil, nil); err != nil {
		return err
	}
	if !r.b.st.has(bySource) {
		return nil
	}
	var conds []expr.Expr
	for _, c := range r.b.clauses[bySource] {
		if c.clause.cond == nil {
			conds = nil
			break
		}
		conds = append(conds, c.clause.cond)
	}
	var where expr.Expr
	if conds != nil {
		where = expr.Or(conds...)
	}
	r.other, err = r.scan(columns, where)
	return err
}

func (r *rewrite) names(used []bool) []string {
	names := []string{}
	for i := range r.b.table.Fields {
		if used[i] {
			names = append(names, r.b.table.Fields[i].Name)
		}
	}
	return names
}

func (r *rewrite) scan(columns []string, where expr.Expr) (*reader.Scan, error) {
	o := &reader.Options{
		Columns: columns, Names: r.b.st.target, Now: r.c.opts.Now,
		Parallel: r.workers(), MaxMemory: r.c.maxMemory() / 4, Tails: r.c.tails, Env: r.c.t.opts.Env,
	}
	if where != nil && where != expr.True {
		o.Where = reader.Where(where)
	}
	return reader.New(r.snap, o)
}

// fewKeys is up to how many keys it is worth to compare each row with them before
// it is looked up; for files, row groups and pages more are.
const fewKeys = 16

// keyScan reads the columns of the keys, where the source may have such keys.
func (r *rewrite) keyScan(used []bool, list int) (*reader.Scan, error) {
	where := r.keyRange(list)
	if r.b.fixed != nil {
		where = append(where, r.b.fixed)
	}
	return r.scan(r.names(used), expr.And(where...))
}

// keyRange is what the keys of the source say about rows that can meet one of
// them, as conditions on columns of the table: up to so many values one by one,
// more as their range.
func (r *rewrite) keyRange(list int) []expr.Expr {
	var where []expr.Expr
	for i, k := range r.b.keys {
		if k.column == nil {
			continue
		}
		col := r.b.st.targetColumn(k.column...) // a column may have the name of a side
		s := r.c.src.keys[i]
		var e expr.Expr
		switch {
		case s.Distinct != nil && len(s.Distinct) <= list:
			e = expr.In(col, s.Distinct...)
		case !s.NaN && !s.Min.IsNull() && !s.Max.IsNull():
			e = expr.Between(col, expr.Literal(s.Min), expr.Literal(s.Max))
		default:
			continue
		}
		if k.nullSafe && s.Nulls > 0 {
			e = expr.Or(e, expr.IsNull(col))
		}
		where = append(where, e)
	}
	return where
}

// mayTouch reports whether a file can hold rows that the operation depends on. It
// is a pure function, for the conflict check.
func (r *rewrite) mayTouch(f *txlog.AddFile) (findable, bySource bool) {
	return r.find != nil && r.find.MayMatch(f), r.other != nil && r.other.MayMatch(f)
}
