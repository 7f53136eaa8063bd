package expr

import (
	"fmt"

	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// A Value is an expression bound to a scope: what an assignment, a generated
// column or a default computes. It is immutable and safe for concurrent use.
type Value struct {
	columns []BoundColumn
}

// An EvalError says which row of a batch could not be computed and why: a
// division by zero, a number out of range, a text that is no date.
type EvalError struct {
	Row  int    // in the batch
	Expr string // the part that failed
	Err  error
}

func (e *EvalError) Error() string {
	return fmt.Sprintf("expr: row %d: %s: %v", e.Row, e.Expr, e.Err)
}

// Unwrap returns the reason.
func (e *EvalError) Unwrap() error { return e.Err }

// BindIn resolves e's columns in the relations of sc and checks its types. The
// Index of a column begins with its position among the fields of all relations,
// one after the other. A name without a qualifier that two relations have is an
// error.
func BindIn(e Expr, sc *Scope, o *Options) (*Predicate, error) {
	if len(sc.Relations) == 1 {
		return Bind(e, sc.Relations[0].Schema, o)
	}
	return nil, errorAt(e, "not built yet")
}

// BindValue is [BindIn] for an expression of any type.
func BindValue(e Expr, sc *Scope, o *Options) (*Value, error) {
	return nil, errorAt(e, "not built yet")
}

// Type returns the type of the values.
func (v *Value) Type() schema.DataType { return schema.Void }

// Nullable reports whether a value may be null.
func (v *Value) Nullable() bool { return true }

// Columns returns the distinct columns that v reads. Do not modify the result.
func (v *Value) Columns() []BoundColumn { return v.columns }

// Constant returns the value that v has for every row, if it reads no column, can
// be computed and is of a primitive type.
func (v *Value) Constant() (schema.Value, bool) { return schema.Value{}, false }

// Eval returns v for each of the n rows of a batch, in the layout of its type.
//
// batch[i] is the column of field i of the scope's relations, one after the
// other; it may be nil, and batch shorter, where v reads no such column. An
// [*EvalError] says which row failed; other errors that a vector is missing, is
// not of the layout of its type, or would be too large ([vec.ErrTooLarge]).
// The result may share memory with the batch.
func (v *Value) Eval(batch []*vec.Vec, n int) (*vec.Vec, error) {
	return nil, fmt.Errorf("expr: not built yet")
}

// As returns v for a column of type t: cast as Spark's store assignment does in
// ANSI mode. Numbers become other numbers, checked row by row, all primitive
// types strings, dates and timestamps each other; the fields of structs are
// matched by name. The error names both types. Nulls are not looked at.
func (v *Value) As(t schema.DataType) (*Value, error) {
	return nil, fmt.Errorf("expr: not built yet")
}
