package delta

import (
	"errors"
	"fmt"
	"strings"

	"github.com/deltalog/deltalog/internal/expr"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/schema"
)

// Names of txlog that callers of this package need.
type (
	// Version is the number of a commit.
	Version = txlog.Version
	// State says what became of a write.
	State = txlog.State
	// ConflictError, KeyError and CommitUnknownError are what a commit may end with.
	ConflictError      = txlog.ConflictError
	KeyError           = txlog.KeyError
	CommitUnknownError = txlog.CommitUnknownError
	// UnsupportedFeatureError lists table features that this library lacks.
	UnsupportedFeatureError = txlog.UnsupportedFeatureError
)

// The states of a write.
const (
	NotCommitted   = txlog.NotCommitted
	Committed      = txlog.Committed
	AlreadyApplied = txlog.AlreadyApplied
	NoOp           = txlog.NoOp
	Unknown        = txlog.Unknown
)

// NoVersion is the version before the first.
const NoVersion = txlog.NoVersion

// Errors to test with errors.Is.
var (
	ErrConflict         = txlog.ErrConflict
	ErrRetriesExhausted = txlog.ErrRetriesExhausted
	ErrCommitUnknown    = txlog.ErrCommitUnknown
	ErrKeyReused        = txlog.ErrKeyReused
	ErrTableExists      = txlog.ErrTableExists
	ErrTableNotFound    = txlog.ErrTableNotFound
	ErrVersionNotFound  = txlog.ErrVersionNotFound
	ErrCorrupt          = txlog.ErrCorrupt
	ErrAppendOnly       = txlog.ErrAppendOnly

	// ErrEmptyInput: the source had no rows, and WriteOptions.OnEmpty is EmptyError.
	ErrEmptyInput = errors.New("input has no rows")
)

// A StatementError says that what was asked for cannot be: SQL that cannot be read,
// a column that is not there, a clause that does not go with another. Nothing was
// committed, and the same call fails again.
type StatementError struct{ Err error }

// Error is that of Err, which it is about.
func (e *StatementError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *StatementError) Unwrap() error { return e.Err }

// refused makes err a StatementError, unless it says already what kind it is.
func refused(err error) error {
	if err == nil || rejected(err) || errors.Is(err, ErrCorrupt) || errors.Is(err, ErrTableNotFound) || isUnsupported(err) {
		return err
	}
	return &StatementError{err}
}

func isUnsupported(err error) bool {
	feature, typ := (*UnsupportedFeatureError)(nil), (*schema.UnsupportedTypeError)(nil)
	return errors.As(err, &feature) || errors.As(err, &typ)
}

// A PartitionError says that a row belongs to a partition that the write must
// not touch. Nothing was committed.
type PartitionError struct {
	Partition string   // "ds=2026-01-06"
	Row       int64    // the first such row of the input, from 0; -1: rows of the table
	Want      []string // the declared partitions, or the predicate
}

// Error names the partition, the row and what was declared.
func (e *PartitionError) Error() string {
	if e.Row < 0 {
		return fmt.Sprintf("rows of partition %s would be changed, outside the declared %s; nothing was committed", e.Partition, strings.Join(e.Want, "; "))
	}
	return fmt.Sprintf("row %d is in partition %s, outside the declared %s; nothing was committed", e.Row, e.Partition, strings.Join(e.Want, "; "))
}

// A GuardError says that a write was refused by one of its own limits
// (WriteOptions.MinRows, MaxShrink). Nothing was committed.
type GuardError struct {
	Limit string // "MinRows", "MaxShrink"
	Want  string
	Got   string
}

// Error names the limit and both numbers.
func (e *GuardError) Error() string {
	return fmt.Sprintf("%s: want %s, got %s; nothing was committed", e.Limit, e.Want, e.Got)
}

// rejected reports whether err says that the input, not the world, is wrong.
func rejected(err error) bool {
	if errors.Is(err, ErrEmptyInput) {
		return true
	}
	var (
		partition *PartitionError
		guard     *GuardError
		mismatch  *schema.MismatchError
		broken    *ConstraintError
		twice     *DuplicateKeyError
		keyless   *NullKeyError
		outside   *PredicateError
		failed    *expr.EvalError
	)
	return errors.As(err, &partition) || errors.As(err, &guard) || errors.As(err, &mismatch) || errors.As(err, &broken) ||
		errors.As(err, &twice) || errors.As(err, &keyless) || errors.As(err, &outside) || errors.As(err, &failed)
}
