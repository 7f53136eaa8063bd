package txlog

import (
	"errors"
	"fmt"
	"strings"
)

// A State says what became of a piece of work.
type State uint8

// The states. A commit ends in exactly one of them.
const (
	// NotCommitted: definitely not in the table, and it will not be there later.
	NotCommitted State = iota
	// Committed: in the table, by this call.
	Committed
	// AlreadyApplied: in the table, by an earlier or concurrent call with the same key.
	AlreadyApplied
	// NoOp: there was nothing to do, and no version was written.
	NoOp
	// Unknown: the store did not say, and could not be asked, whether the commit
	// is there. It may also appear later. Nothing it refers to may be deleted.
	Unknown
)

var stateNames = [...]string{"not_committed", "committed", "already_applied", "no_op", "unknown"}

// String returns the state as deltactl prints it: committed, already_applied,
// no_op, not_committed or unknown.
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return "invalid"
}

// MarshalText returns String's text.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// A CommitResult says what a commit did. It is filled as far as things are known
// also when Commit returns an error.
type CommitResult struct {
	State State
	// Version holds the work if State is Committed or AlreadyApplied (NoVersion
	// for work so old that its commit is no longer in the log). It is the version
	// read if State is NoOp, the one attempted if Unknown, else NoVersion.
	Version Version
	// Attempts counts the versions that were tried.
	Attempts int
	// Recovered is true if it was the log, read back, that told the outcome,
	// after the store had not.
	Recovered bool
	// Snapshot is the table at Version if State is Committed.
	Snapshot *Snapshot
	// Removed lists the files that [Transaction.ReplaceWhere] took out.
	Removed []*AddFile
	// Warnings are failures after the commit (checkpoint, checksum). They do not
	// change the outcome.
	Warnings []error
}

// Errors to test with errors.Is.
var (
	// ErrConflict: another writer's commit contradicts this one; nothing was
	// committed. See ConflictError.
	ErrConflict = errors.New("conflict with a concurrent commit")
	// ErrRetriesExhausted: other writers were faster until the time budget was
	// used up; nothing was committed.
	ErrRetriesExhausted = errors.New("no free version within the time budget")
	// ErrCommitUnknown: see CommitUnknownError.
	ErrCommitUnknown = errors.New("commit outcome unknown")
	// ErrKeyReused: see KeyError.
	ErrKeyReused = errors.New("idempotency key already used")
	// ErrTableExists: the table was there before, or another writer made it first.
	ErrTableExists = errors.New("table already exists")
)

// A ConflictKind says which rule a [ConflictError] broke. The names are Spark's.
type ConflictKind string

// The kinds of conflict.
const (
	ProtocolChanged        ConflictKind = "ProtocolChanged"
	MetadataChanged        ConflictKind = "MetadataChanged"
	ConcurrentAppend       ConflictKind = "ConcurrentAppend"
	ConcurrentDeleteRead   ConflictKind = "ConcurrentDeleteRead"
	ConcurrentDeleteDelete ConflictKind = "ConcurrentDeleteDelete"
	ConcurrentTransaction  ConflictKind = "ConcurrentTransaction"
)

// A ConflictError says which commit stood in the way. It matches [ErrConflict].
// Nothing was committed; the caller may plan its work again on a new snapshot.
type ConflictError struct {
	Kind      ConflictKind
	Version   Version // the winning commit
	Operation string  // what that commit did; may be empty
	Path      string  // the file they met on; may be empty
	Detail    string
	Err       error // why, where another error says it; may be nil
}

// Error returns one line that names the winning version and its operation.
func (e *ConflictError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: version %d", e.Kind, e.Version)
	if e.Operation != "" {
		fmt.Fprintf(&b, " (%s)", e.Operation)
	}
	b.WriteByte(' ')
	b.WriteString(e.Detail)
	if e.Path != "" {
		fmt.Fprintf(&b, ": file %s", e.Path)
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	return b.String()
}

// Is matches ErrConflict.
func (e *ConflictError) Is(target error) bool { return target == ErrConflict }

// Unwrap returns the cause.
func (e *ConflictError) Unwrap() error { return e.Err }

// A CommitUnknownError says that the store did not tell whether a commit landed.
// It matches [ErrCommitUnknown] and what the last request failed with. The work
// is safe to send again under the same key; without a key, look for Token with
// [FindToken] first. Delete no file of it.
type CommitUnknownError struct {
	Version Version
	Token   string // commitInfo.txnId of the attempt
	Key     string // the idempotency key; may be empty
	Err     error
}

// Error returns one line with all that is needed to find out later.
func (e *CommitUnknownError) Error() string {
	s := fmt.Sprintf("outcome of the commit of version %d is unknown (txnId %s", e.Version, e.Token)
	if e.Key != "" {
		s += fmt.Sprintf(", key %q", e.Key)
	}
	return fmt.Sprintf("%s): %v", s, e.Err)
}

// Is matches ErrCommitUnknown.
func (e *CommitUnknownError) Is(target error) bool { return target == ErrCommitUnknown }

// Unwrap returns what the last request failed with.
func (e *CommitUnknownError) Unwrap() error { return e.Err }

// A KeyError says that a key was used before, for other content or, under
// [ReplayFail], at all. It matches [ErrKeyReused]. Nothing was committed.
type KeyError struct {
	Key     string
	Version Version // the commit that holds the key, or NoVersion if it is no longer in the log
	// Fenced is true if the other use was committed after this one had looked
	// the key up: this is the older of two overlapping attempts.
	Fenced bool
	// Moved: the key is a sequence, and does not stand at Key.After.
	Moved bool
	// SameContent is true if the other use had equal content (ReplayFail only).
	SameContent bool
}

// Error returns one line that names key and version.
func (e *KeyError) Error() string {
	where := "a version that is no longer in the log"
	if e.Version != NoVersion {
		where = fmt.Sprintf("version %d", e.Version)
	}
	switch {
	case e.Moved && e.Version == NoVersion:
		return fmt.Sprintf("sequence %q does not stand where this work goes on", e.Key)
	case e.Moved:
		return fmt.Sprintf("sequence %q does not stand where this work goes on: it was moved by %s", e.Key, where)
	case e.SameContent:
		return fmt.Sprintf("key %q was already used by %s", e.Key, where)
	case e.Fenced:
		return fmt.Sprintf("key %q: another attempt committed other content as %s after this one began", e.Key, where)
	}
	return fmt.Sprintf("key %q was already used for other content by %s", e.Key, where)
}

// Is matches ErrKeyReused.
func (e *KeyError) Is(target error) bool { return target == ErrKeyReused }
