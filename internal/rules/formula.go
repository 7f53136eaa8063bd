package rules

import (
	"errors"
	"time"

	"github.com/deltalog/deltalog/internal/expr"
	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// A formula computes the values of a column.
type formula struct {
	sql   string
	value *expr.Value // of the column's type
	err   error       // why there is no value
}

// newFormula compiles sql over the columns of s, for a column of type t.
func newFormula(sql string, s *schema.Struct, t schema.DataType, o *expr.Options) (*formula, error) {
	e, err := expr.Parse(sql, o)
	if err != nil {
		return nil, err
	}
	v, err := expr.BindValue(e, expr.OneScope(s), o)
	if err == nil {
		v, err = v.As(t)
	}
	if err != nil {
		return nil, err
	}
	return &formula{sql: sql, value: v}, nil
}

func (f *formula) columns() []expr.BoundColumn { return f.value.Columns() }

func (f *formula) eval(cols []*vec.Vec, n int) (*vec.Vec, error) { return f.value.Eval(cols, n) }

// session returns the options of expressions that may ask for the time.
func (o *Options) session() *expr.Options { return &expr.Options{Location: o.Location, Now: o.Now} }

// timeless returns those of expressions that must be the same at any time.
func (o *Options) timeless() *expr.Options {
	s := o.session()
	s.Now = time.Time{}
	return s
}

// failed makes broken the error about the row that err, of an evaluation, is about.
// An error that is about no row is returned as it is.
func (r *Run) failed(broken *ConstraintError, columns []expr.BoundColumn, cols []*vec.Vec, first int64, err error) error {
	e := (*expr.EvalError)(nil)
	if !errors.As(err, &e) {
		return err
	}
	broken.Row, broken.Err = first+e.Row, e.Err
	broken.Sample = Sample(columns, cols, int(e.Row))
	return broken
}
