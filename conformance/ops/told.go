package ops

import (
	"errors"
	"fmt"

	"github.com/deltalog/deltalog/conformance/model"
	"github.com/deltalog/deltalog/delta"
)

// outcomes are the states by which package delta tells the model's outcomes.
var outcomes = map[model.Outcome]delta.State{
	model.Applied: delta.Committed, model.NoOp: delta.NoOp,
	model.AlreadyApplied: delta.AlreadyApplied, model.Refused: delta.NotCommitted,
}

// reasons are the errors by which package delta tells the model's. Those that it
// has no error for, that errors.Is would find, are nil.
var reasons = map[error]error{
	model.ErrNoTable: delta.ErrTableNotFound, model.ErrExists: delta.ErrTableExists, model.ErrEmpty: delta.ErrEmptyInput,
	model.ErrKeyUsed: delta.ErrKeyReused, model.ErrFenced: delta.ErrKeyReused,
	model.ErrByID: nil, model.ErrOutside: nil, model.ErrTwice: nil, model.ErrNullKey: nil,
}

// explains reports whether err is one of those that want allows.
func explains(err, want error) bool {
	for m, d := range reasons {
		if err != nil && errors.Is(want, m) && (d == nil || errors.Is(err, d)) {
			return true
		}
	}
	return err == nil && want == nil
}

// Told says in what a caller was told other than the model says, for an operation
// that nobody disturbed; nil if in nothing.
func Told(op model.Op, res *delta.Result, err error, e model.Effect, want error) error {
	switch {
	case res.State != outcomes[e.Outcome]:
		return fmt.Errorf("told %s, want %s (%v; %v)", res.State, e.Outcome, err, want)
	case !explains(err, want):
		return fmt.Errorf("told the error %v, want %v", err, want)
	case e.Outcome != model.Refused && int64(res.Version) != e.Version:
		return fmt.Errorf("told version %d, want %d", res.Version, e.Version)
	case e.Outcome == model.Applied:
		return Counts(op, res, e)
	}
	return nil
}

// Counts says in which counts of rows a result differs from what was applied; nil
// if in none.
func Counts(op model.Op, res *delta.Result, e model.Effect) error {
	switch op.Kind {
	case model.Create, model.AddColumn, model.Checkpoint, model.Optimize, model.KeyOnly:
		return nil // these have none
	}
	if in, out := e.Inserted+e.Updated, e.Deleted+e.Updated; res.RowsAdded != in || res.RowsRemoved != out {
		return fmt.Errorf("told %d rows in and %d out, want %d and %d", res.RowsAdded, res.RowsRemoved, in, out)
	}
	if want := int64(len(op.Rows)); res.RowsIn != want && op.Kind != model.Update && op.Kind != model.Delete {
		return fmt.Errorf("told %d rows of input, want %d", res.RowsIn, want)
	}
	if r := res.Rows; r != nil && (r.Inserted != e.Inserted || r.Updated != e.Updated || r.Deleted != e.Deleted) {
		return fmt.Errorf("told %d inserted, %d updated, %d deleted; want %+v", r.Inserted, r.Updated, r.Deleted, e)
	}
	return nil
}
