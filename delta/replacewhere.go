package delta

import (
	"fmt"

	"github.com/deltalog/deltalog/internal/expr"
	"github.com/deltalog/deltalog/internal/rules"
	"github.com/deltalog/deltalog/internal/vec"
)

// A PredicateError says that rows of the input are not among those that the write
// replaces: the predicate is false for them, or null. Nothing was committed.
type PredicateError struct {
	Predicate string
	Rows      int64  // how many there are
	Row       int64  // the first of them in the input, from 0
	Sample    string // its values of the columns that the predicate reads
}

// Error says how many rows are outside, and shows the first.
func (e *PredicateError) Error() string {
	return fmt.Sprintf("%d rows of the input are outside of %s, the first is row %d (%s); nothing was committed", e.Rows, e.Predicate, e.Row, e.Sample)
}

// replaceRows returns the change that replaces the rows for which a predicate is
// true; nil if the predicate reads partition columns only, so that whole partitions
// are replaced, and no file has to be read.
func (t *Table) replaceRows(predicate string, src Source, o *WriteOptions) *change {
	snap := t.known()
	e, err := expr.Parse(predicate, nil)
	if err != nil || snap.Version() == NoVersion || expr.PartitionOnly(e, snap.Metadata().PartitionColumns) {
		return nil
	}
	st := &statement{
		op: opReplaceWhere, target: []string{"target", "t"}, source: []string{"source", "s"}, loads: true, where: predicate,
		clauses: []*clause{
			{kind: bySource, cond: e, text: predicate, action: actDelete},
			{kind: notMatched, action: actInsert, all: true},
		},
	}
	return t.newChange(st, src, &ChangeOptions{WriteOptions: o.withDefaults()})
}

// replaces binds what is replaced to the rows that are written.
func (c *change) replaces() (err error) {
	if c.st.op != opReplaceWhere {
		return nil
	}
	c.where, err = expr.BindIn(c.st.clauses[0].cond, expr.OneScope(c.b.schema, c.st.target...), c.opts)
	return refused(inText(err, c.st.where))
}

// An outside counts the rows of the source that do not belong to what is replaced.
type outside struct {
	rows   int64
	row    int64
	sample string
}

// look counts rows as they will be written.
func (o *outside) look(r *rewrite, image []*vec.Vec, rows *rowSet) error {
	p := r.c.where
	if p == nil {
		return nil
	}
	cols := append([]*vec.Vec(nil), image...)
	for i, v := range cols {
		if v == nil {
			cols[i] = &vec.Vec{Kind: vec.Null, Len: rows.n}
		}
	}
	in, err := p.Eval(cols, rows.n)
	if err != nil {
		return err
	}
	in.Not()
	bad := in.Count()
	if bad > 0 && o.rows == 0 {
		first := int(in.Indices(nil)[0])
		o.row, o.sample = rows.pos[first], rules.Sample(p.Columns(), cols, first)
	}
	o.rows += int64(bad)
	return nil
}

func (o *outside) err(c *change) error {
	if o.rows == 0 {
		return nil
	}
	return &PredicateError{Predicate: c.st.where, Rows: o.rows, Row: o.row, Sample: o.sample}
}

// shrinks refuses to replace many rows by few.
func (c *change) shrinks() error {
	before, after := c.counts.Deleted, c.counts.Inserted
	if c.o.MaxShrink == 0 || float64(after) >= float64(before)*(1-c.o.MaxShrink) {
		return nil
	}
	return &GuardError{
		Limit: "MaxShrink", Want: fmt.Sprintf("a loss of at most %g %% of %d rows", c.o.MaxShrink*100, before),
		Got: fmt.Sprintf("%d rows in their place", after),
	}
}
