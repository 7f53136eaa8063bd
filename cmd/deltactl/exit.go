package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strings"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/delta/files"
	"github.com/deltalog/deltalog/internal/expr"
	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/txlog/schema"
)

// Exit codes: see topicExitCodes, which says what each means to a script.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitCheck       = 3
	exitPermission  = 4
	exitNotFound    = 5
	exitConflict    = 6
	exitKeyReused   = 7
	exitUnknown     = 8
	exitUnsupported = 9
	exitRejected    = 10
	exitDamaged     = 11
	exitDeadline    = 124
	exitInterrupted = 130
)

// A usageError is a mistake on the command line.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func usage(err error) error { return &usageError{err} }

func usagef(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }

// A codeError ends the run with a code of its own.
type codeError struct {
	code int
	err  error
}

func (e *codeError) Error() string { return e.err.Error() }
func (e *codeError) Unwrap() error { return e.err }

// code maps an error to the exit code. Unknown outcomes come first: whatever else
// went wrong, the script must know that the work may be there.
func (a *app) code(err error) int {
	var own *codeError
	switch {
	case errors.As(err, &own):
		return own.code
	case errors.Is(err, delta.ErrCommitUnknown):
		return exitUnknown
	case is[*delta.UnsupportedFeatureError](err), is[*schema.UnsupportedTypeError](err):
		return exitUnsupported
	case is[*usageError](err), is[*expr.Error](err), isUnknownCommand(err):
		return exitUsage
	case errors.Is(err, delta.ErrKeyReused):
		return exitKeyReused
	case errors.Is(err, errInterrupted): // what a broken off input looks like is no verdict on it
		return exitInterrupted
	case errors.Is(err, errDeadline):
		return exitDeadline
	case rejected(err):
		return exitRejected
	case is[*delta.StatementError](err):
		return exitUsage
	case errors.Is(err, delta.ErrTableNotFound), errors.Is(err, delta.ErrVersionNotFound):
		return exitNotFound
	case errors.Is(err, logstore.ErrPermission), errors.Is(err, fs.ErrPermission):
		return exitPermission
	case errors.Is(err, delta.ErrConflict), errors.Is(err, delta.ErrRetriesExhausted):
		return exitConflict
	case errors.Is(err, logstore.ErrUnsafe):
		return exitCheck
	}
	return exitFailed
}

func is[T error](err error) bool {
	_, ok := errors.AsType[T](err)
	return ok
}

// rejected reports whether the input is wrong: sending it again does not help.
func rejected(err error) bool {
	return errors.Is(err, delta.ErrEmptyInput) || is[*delta.PartitionError](err) || is[*delta.GuardError](err) ||
		is[*schema.MismatchError](err) || is[*delta.ConstraintError](err) || is[*files.InputError](err) || errors.Is(err, delta.ErrAppendOnly) ||
		is[*delta.DuplicateKeyError](err) || is[*delta.PredicateError](err) || is[*expr.EvalError](err)
}

// isUnknownCommand recognises what cobra says about the command line itself.
func isUnknownCommand(err error) bool {
	s := err.Error()
	return strings.HasPrefix(s, "unknown command") || strings.HasPrefix(s, "unknown flag") ||
		strings.HasPrefix(s, "unknown shorthand") || strings.Contains(s, "required flag(s)")
}

// cause joins what ended the context to an error that came of it.
func cause(ctx context.Context, err error) error {
	if err == nil || ctx.Err() == nil {
		return err
	}
	if c := context.Cause(ctx); c != nil && !errors.Is(err, c) {
		return fmt.Errorf("%w: %w", c, err)
	}
	return err
}

// report prints an error, and what to do about it.
func (a *app) report(err error, code int) {
	hint := a.hint(err, code)
	if a.json() {
		b, _ := json.Marshal(map[string]any{"error": err.Error(), "exit_code": code, "hint": hint})
		fmt.Fprintln(a.stderr, string(b))
		return
	}
	fmt.Fprintf(a.stderr, "deltactl: %v\n", err)
	if hint != "" {
		fmt.Fprintf(a.stderr, "hint: %s\n", hint)
	}
}

// hint is one line: what to do next, with this run's table and key.
func (a *app) hint(err error, code int) string {
	h := a.advice(err, code)
	if a.table != "" {
		h = strings.ReplaceAll(h, "TABLE", shellWord(a.table))
	}
	if a.key != "" {
		h = strings.ReplaceAll(h, "KEY", shellWord(a.key))
	}
	return h
}

// shellWord quotes what a shell would not take as one word.
func shellWord(s string) string {
	if plainWord.MatchString(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./:@%+,=-]+$`)

func (a *app) advice(err error, code int) string {
	switch {
	case errors.Is(err, delta.ErrEmptyInput):
		return "give --on-empty noop to accept an empty input, or --on-empty truncate to empty what is replaced"
	case is[*delta.PartitionError](err):
		return "check the input, or declare its partitions too with --partition"
	case is[*delta.GuardError](err):
		return "check the input; the limit is --min-rows or --max-shrink"
	case is[*expr.Error](err):
		return "see deltactl help expressions for what conditions and values may be"
	case is[*delta.DuplicateKeyError](err):
		return "correct the input, or keep the last row of each key with --source-dup last-by=COL"
	case is[*delta.PredicateError](err):
		return "check the input, or widen --where"
	case is[*delta.ConstraintError](err):
		return "nothing was committed; correct the input, or see what the table demands with deltactl constraint list TABLE"
	case code == exitCheck && !errors.Is(err, logstore.ErrUnsafe):
		return "correct those rows; deltactl constraint add refuses a condition that some break"
	case errors.Is(err, delta.ErrTableExists):
		return "leave the table, or use --if-not-exists"
	case is[*schema.MismatchError](err):
		return "see the table's columns with deltactl schema TABLE; --schema-mode merge lets it grow new columns"
	}
	if errors.Is(err, delta.ErrVersionNotFound) {
		return "deltactl history TABLE lists the versions"
	}
	if a.noCreate && code == exitNotFound {
		return reading[code]
	}
	if !a.writes && reading[code] != "" {
		return reading[code]
	}
	return hints[code]
}

// reading are the hints of commands that commit nothing anyway.
var reading = map[int]string{
	exitNotFound:    "check the path; deltactl create and --create make a table",
	exitUnsupported: "use an engine that has the feature, or drop it from the table",
	exitDeadline:    "run the command again with more time",
	exitInterrupted: "run the command again",
	exitFailed:      "mend what the message names, then run the command again",
	exitUnknown:     "run the command again when the table can be read",
}

var hints = map[int]string{
	exitUsage:       "see deltactl help, or the command with --help",
	exitCheck:       "use a store that honours conditional writes, or keep to one writer at a time on a store of your own",
	exitPermission:  "check the credentials (deltactl help environment) and the file modes or bucket policy",
	exitNotFound:    "check the path; --create makes the table",
	exitConflict:    "nothing was committed; run the command again",
	exitKeyReused:   "see deltactl status TABLE --key KEY; another key, or --on-replay, says that this is other work",
	exitUnknown:     "run the same command with the same key again: it is applied once; deltactl status TABLE --key KEY tells whether it landed",
	exitUnsupported: "nothing was touched; use an engine that has the feature, or drop it from the table",
	exitRejected:    "nothing was committed; correct the input",
	exitDeadline:    "nothing was committed; run the command again with more time",
	exitInterrupted: "nothing was committed; run the command again",
	exitFailed:      "nothing was committed; the same command may succeed later",
}
