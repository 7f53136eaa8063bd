package pqread

import (
	"errors"
	"fmt"
	"strings"
)

// A CorruptError says that bytes of a file do not follow the Parquet format, or
// exceed a limit of [Options].
//
// Reading the same bytes again fails again: the file must be restored or
// written anew, and until then the rows in it cannot be read.
type CorruptError struct {
	Column   string // dotted path in the file, "" when no column is concerned
	RowGroup int    // -1 when no row group is concerned
	Offset   int64  // of the page or structure in the file, -1 when not known
	Err      error
}

func (e *CorruptError) Error() string {
	var b strings.Builder
	b.WriteString("parquet: damaged file")
	if e.RowGroup >= 0 {
		fmt.Fprintf(&b, ", row group %d", e.RowGroup)
	}
	if e.Column != "" {
		fmt.Fprintf(&b, ", column %q", e.Column)
	}
	if e.Offset >= 0 {
		fmt.Fprintf(&b, ", at byte %d", e.Offset)
	}
	b.WriteString(": ")
	b.WriteString(e.Err.Error())
	b.WriteString("; restore the file or write it anew")
	return b.String()
}

// Unwrap returns the cause.
func (e *CorruptError) Unwrap() error { return e.Err }

// An inputError is an error of the [Input], which is not the file's fault.
type inputError struct {
	off, n int64
	err    error
}

func (e *inputError) Error() string {
	return fmt.Sprintf("parquet: reading bytes %d to %d: %v", e.off, e.off+e.n, e.err)
}

func (e *inputError) Unwrap() error { return e.err }

var (
	errShort   = errors.New("data ends too early")
	errTooWide = errors.New("one row needs more memory than the batch limit")
)

// corruptf makes the cause of a [CorruptError]; the boundary that knows the
// place wraps it.
func corruptf(format string, args ...any) error { return fmt.Errorf(format, args...) }

// An unsupportedError says that a file uses what this package does not read. It
// is not the file's fault.
type unsupportedError struct{ what string }

func (e *unsupportedError) Error() string {
	return e.what + ", which is not supported; write the file anew without it"
}

// wrap says where err happened: a [*CorruptError], unless err is not about
// damage.
func wrap(column string, group int, off int64, err error) error {
	var un *unsupportedError
	if !errors.As(err, &un) {
		return &CorruptError{Column: column, RowGroup: group, Offset: off, Err: err}
	}
	if column == "" {
		return fmt.Errorf("parquet: %w", un)
	}
	return fmt.Errorf("parquet: column %q: %w", column, un)
}

// panicError turns what a dependency panicked with into an error.
func panicError(v any) error {
	if err, ok := v.(error); ok {
		return fmt.Errorf("decoder fault: %w", err)
	}
	return fmt.Errorf("decoder fault: %v", v)
}
