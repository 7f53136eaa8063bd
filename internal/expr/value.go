package expr

import (
	"fmt"

	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// A Value is an expression bound to a scope: what an assignment, a generated
// column or a default computes. It is immutable and safe for concurrent use.
type Value struct {
	src     Expr
	options *Options
	columns []BoundColumn
	slots   []schema.DataType
	root    node
}

// An EvalError says which row of a batch could not be computed and why: a
// division by zero, a number out of range, a text that is no date.
type EvalError struct {
	Row  int64  // in the batch
	Expr string // the part that failed
	Err  error
}

func (e *EvalError) Error() string {
	return fmt.Sprintf("expr: row %d: %s: %v", e.Row, e.Expr, e.Err)
}

// Unwrap returns the reason.
func (e *EvalError) Unwrap() error { return e.Err }

// BindValue is [BindIn] for an expression of any type but an interval.
func BindValue(e Expr, sc *Scope, o *Options) (*Value, error) {
	b := newBinder(sc, o)
	root, err := b.value(e, 0)
	if err != nil {
		return nil, err
	}
	if isInterval(root.typ()) {
		return nil, errorAt(e, "%s is an interval, which cannot be stored", show(e))
	}
	return b.finish(e, root), nil
}

func (b *binder) finish(e Expr, root node) *Value {
	return &Value{src: e, options: b.options, columns: b.columns, slots: b.slots, root: b.folded(root)}
}

// Type returns the type of the values.
func (v *Value) Type() schema.DataType { return v.root.typ() }

// Nullable reports whether a value may be null.
func (v *Value) Nullable() bool { return v.root.nullable() }

// Columns returns the distinct columns that v reads. Do not modify the result.
func (v *Value) Columns() []BoundColumn { return v.columns }

// Constant returns the value that v has for every row, if it reads no column, can
// be computed and is of a primitive type.
func (v *Value) Constant() (schema.Value, bool) {
	c, is := v.root.(constNode)
	if !is {
		return schema.Value{}, false
	}
	return c.value()
}

// String returns the expression.
func (v *Value) String() string { return v.src.String() }

// Eval returns v for each of the n rows of a batch, in the layout of its type.
//
// batch[i] is the column of field i of the scope's relations, one after the
// other; it may be nil, and batch shorter, where v reads no such column. An
// [*EvalError] says which row failed; other errors that a vector is missing, is
// not of the layout of its type, or would be too large ([vec.ErrTooLarge]).
// The result may share memory with the batch.
func (v *Value) Eval(batch []*vec.Vec, n int) (*vec.Vec, error) {
	in, err := loadInputs(v.columns, v.slots, nil, batch, n, v.root.each)
	if err != nil {
		return nil, err
	}
	return v.root.eval(in)
}
