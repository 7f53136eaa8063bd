package rules

import (
	"errors"
	"fmt"
	"math/bits"

	"github.com/deltalog/deltalog/internal/expr"
	"github.com/deltalog/deltalog/internal/vec"
)

// A Run applies rules to the batches of one write. It is used by one goroutine at
// a time.
type Run struct {
	r       *Rules
	present []bool // columns that the batches have
	given   []int  // identity columns that they have and should not
	counted map[int]*Assigned
}

// An Assigned tells which values an identity column gave: Rows of them, from
// First to Last.
type Assigned struct {
	Column string `json:"column"`
	First  int64  `json:"first"`
	Last   int64  `json:"last"`
	Rows   int64  `json:"rows"`
	Before *int64 `json:"before,omitempty"` // the last value given before; nil: none
}

// Begin starts a write.
func (r *Rules) Begin() *Run { return &Run{r: r, counted: map[int]*Assigned{}} }

// Fills reports whether column i is made where the input lacks it.
func (r *Rules) Fills(i int) bool { return r.columns[i].fills() }

// Expect says which columns the next batches have. The error is an
// [*UnsupportedError]: a default that is needed, and cannot be computed.
func (r *Run) Expect(present []bool) error {
	r.present, r.given = present, nil
	bad := &UnsupportedError{}
	for i := range r.r.columns {
		c := &r.r.columns[i]
		switch {
		case c.fallback != nil && !present[i]:
			r.r.fallbackError(i, bad)
		case c.identity != nil && present[i] && !c.identity.explicit && !r.r.own:
			r.given = append(r.given, i)
		}
	}
	return bad.orNil()
}

// CheckDefaults returns an [*UnsupportedError] if there is a default that cannot be
// computed, whether or not any rows need it.
func (r *Rules) CheckDefaults() error {
	bad := &UnsupportedError{}
	for i := range r.columns {
		r.fallbackError(i, bad)
	}
	return bad.orNil()
}

func (r *Rules) fallbackError(i int, bad *UnsupportedError) {
	if f := r.columns[i].fallback; f != nil && f.err != nil {
		bad.add(featureDefaults, "the default of column %s (%s) cannot be evaluated: %s",
			r.schema.Fields[i].Name, clip(f.sql, 200), brief(f.err))
	}
}

// Complete makes the columns of cols, a batch of n rows, that the input lacks. Its
// first row is row first of the input. The error is a [*ConstraintError], or says
// that a column would be too large.
func (r *Run) Complete(cols []*vec.Vec, n int, first int64) error {
	if n == 0 {
		return nil
	}
	if len(r.given) > 0 {
		return &ConstraintError{
			Constraint: ofIdentity, Column: r.r.schema.Fields[r.given[0]].Name, Row: first,
			Err: errors.New("its values are GENERATED ALWAYS, and the input has some; leave the column out"),
		}
	}
	for i := range r.r.columns {
		c := &r.r.columns[i]
		var err error
		switch {
		case r.present[i]:
		case c.fallback != nil:
			cols[i], err = r.compute(c.fallback, ofDefault, i, cols, n, first)
		case c.identity != nil:
			cols[i], err = r.number(i, n)
		}
		if err != nil {
			return err
		}
	}
	// Generated columns read the others.
	for i := range r.r.columns {
		c := &r.r.columns[i]
		if c.generated == nil || r.present[i] {
			continue
		}
		v, err := r.compute(c.generated, ofGenerated, i, cols, n, first)
		if err != nil {
			return err
		}
		cols[i] = v
	}
	return nil
}

func (r *Run) compute(f *formula, what string, i int, cols []*vec.Vec, n int, first int64) (*vec.Vec, error) {
	v, err := f.eval(cols, n)
	if err != nil {
		return nil, r.failed(&ConstraintError{Constraint: what, Column: r.r.schema.Fields[i].Name, Expression: f.sql}, f.columns(), cols, first, err)
	}
	return v, nil
}

// number gives the next n values of identity column i.
func (r *Run) number(i, n int) (*vec.Vec, error) {
	id, a := r.r.columns[i].identity, r.counted[i]
	if a == nil {
		a = &Assigned{Column: r.r.schema.Fields[i].Name, Before: id.mark}
		r.counted[i] = a
	}
	mark := id.mark
	if a.Rows > 0 {
		mark = &a.Last
	}
	first, last, err := id.next(a.Column, mark, int64(n))
	if err != nil {
		return nil, err
	}
	values := make([]int64, n)
	for k := range values {
		values[k] = first + int64(k)*id.step
	}
	if a.Rows == 0 {
		a.First = first
	}
	a.Last, a.Rows = last, a.Rows+int64(n)
	return vec.Of(vec.Int64, values, nil), nil
}

// Assigned returns the values given so far, by column.
func (r *Run) Assigned() []Assigned {
	var all []Assigned
	for i := range r.r.columns {
		if a := r.counted[i]; a != nil && a.Rows > 0 {
			all = append(all, *a)
		}
	}
	return all
}

// Check refuses a batch with a row that breaks a rule: it returns a
// [*ConstraintError] about the first. All columns are there.
func (r *Run) Check(cols []*vec.Vec, n int, first int64) error {
	var worst *ConstraintError
	keep := func(err error) error {
		e := (*ConstraintError)(nil)
		if !errors.As(err, &e) {
			return err
		}
		if worst == nil || e.Row < worst.Row {
			worst = e
		}
		return nil
	}
	for _, c := range r.r.checks {
		if err := keep(r.check(c, cols, n, first)); err != nil {
			return err
		}
	}
	for i := range r.r.columns {
		if r.r.columns[i].generated == nil || !r.present[i] {
			continue
		}
		if err := keep(r.agrees(i, cols, n, first)); err != nil {
			return err
		}
	}
	if worst != nil {
		return worst
	}
	return nil
}

func (r *Run) check(c *check, cols []*vec.Vec, n int, first int64) error {
	broken := &ConstraintError{Constraint: c.name, Column: c.column, Expression: c.sql}
	holds, err := c.pred.Eval(cols, n)
	if err != nil {
		return r.failed(broken, c.pred.Columns(), cols, first, err)
	}
	row := firstNot(holds)
	if row < 0 {
		return nil
	}
	broken.Row, broken.Sample = first+int64(row), Sample(c.pred.Columns(), cols, row)
	return broken
}

// firstNot returns the first row that is not in the set, -1 if all are.
func firstNot(b *vec.Bitmap) int {
	for i, w := range b.Words {
		if row := i<<6 + bits.TrailingZeros64(^w); ^w != 0 {
			if row >= b.Len {
				return -1
			}
			return row
		}
	}
	return -1
}

// agrees checks the values that the input has for generated column i.
func (r *Run) agrees(i int, cols []*vec.Vec, n int, first int64) error {
	f, field := r.r.columns[i].generated, &r.r.schema.Fields[i]
	broken := &ConstraintError{Constraint: ofGenerated, Column: field.Name, Expression: f.sql}
	want, err := f.eval(cols, n)
	if err != nil {
		return r.failed(broken, f.columns(), cols, first, err)
	}
	differ := vec.NewBitmap(n)
	if err := vec.Differ(differ, cols[i], want); err != nil {
		return fmt.Errorf("rules: generated column %s: %w", field.Name, err)
	}
	for _, row := range differ.Indices(nil) {
		if bothZero(cols[i], want, int(row)) {
			continue
		}
		own := []expr.BoundColumn{{Path: []string{field.Name}, Index: []int{i}, Type: field.Type}}
		broken.Row = first + int64(row)
		broken.Sample = Sample(append(own, f.columns()...), cols, int(row))
		return broken
	}
	return nil
}

// bothZero reports whether two floats differ in the sign of zero only, which SQL
// calls equal.
func bothZero(a, b *vec.Vec, i int) bool {
	if a.IsNull(i) || b.IsNull(i) {
		return false
	}
	switch a.Kind {
	case vec.Float32:
		return vec.Values[float32](a)[i] == 0 && vec.Values[float32](b)[i] == 0
	case vec.Float64:
		return vec.Values[float64](a)[i] == 0 && vec.Values[float64](b)[i] == 0
	}
	return false
}
