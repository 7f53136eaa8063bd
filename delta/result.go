package delta

import (
	"context"
	"errors"
	"fmt"

	"github.com/deltalog/deltalog/internal/expr"
	"github.com/deltalog/deltalog/txlog"
)

// A Result says what a write did. It is filled, as far as things are known, also
// when the write returns an error, and everything in it is true.
type Result struct {
	Operation string // "append", "replace-partitions", "replace-where", "overwrite", "reload"
	State     State
	// Version holds the work if State is Committed or AlreadyApplied; NoVersion if
	// the commit is no longer in the log. It is the version attempted if Unknown,
	// and the one read if NoOp (NoVersion: there is no table).
	Version Version
	// Retryable says whether sending the same work again may help, and is safe.
	// With a key it is safe always; without one, only if nothing was committed.
	Retryable bool
	Attempts  int  // versions tried
	Recovered bool // the log, read back, told the outcome after the store had not
	DryRun    bool

	RowsIn       int64 // rows read from the source
	RowsAdded    int64 // rows in the files of the commit
	RowsRemoved  int64 // rows in the files taken out; -1 where their statistics do not say
	FilesAdded   int64
	FilesRemoved int64
	BytesAdded   int64
	BytesRemoved int64
	// Partitions are those that were written or emptied: "ds=2026-01-05".
	Partitions []string
	Key        string
	// Rows says what an operation on rows did to them (Merge, Update, Delete and the
	// like); nil for writes of files.
	Rows *RowCounts
	// Warnings are failures after the commit, or while removing staged files, and
	// work that was passed over under a [Txn] because its number is an old one; they
	// do not change the outcome.
	Warnings []error
}

func (r *Result) commit(c *txlog.CommitResult, err error) {
	r.State, r.Version, r.Attempts, r.Recovered = c.State, c.Version, c.Attempts, c.Recovered
	r.Warnings = append(r.Warnings, c.Warnings...)
	r.Retryable = retryable(r.State, err, r.Key != "")
}

// found takes what a look for the key gave: the work is done, in version at, or not.
func (r *Result) found(done bool, at Version, err error) (bool, error) {
	switch {
	case errors.Is(err, ErrCommitUnknown):
		r.State, r.Version = Unknown, at
	case done:
		r.State, r.Version = AlreadyApplied, at
	}
	return done, err
}

// passedOver warns if work was taken for applied because its number is older than the
// recorded one. A restart sends the last number again; older ones come from a job
// that was restored from an old state, or that counts from 0 again under an id that
// another has used, and then rows are missing.
func (r *Result) passedOver(ctx context.Context, t *Table, txn *Txn) {
	if r.State != AlreadyApplied || txn == nil {
		return
	}
	if at, err := t.known().Txn(ctx, txn.AppID); err == nil && at != nil && at.Version > txn.Version {
		r.Warnings = append(r.Warnings, fmt.Errorf(
			"delta: number %d of %q is older than %d, which the table has: what came with it was taken for applied and not looked at; a stream that counts anew needs an id of its own",
			txn.Version, txn.AppID, at.Version))
	}
}

// retryable says whether the same call may succeed later, and is safe to make.
func retryable(s State, err error, keyed bool) bool {
	if err == nil {
		return false
	}
	if s == Unknown {
		return keyed
	}
	wrong, sql := (*StatementError)(nil), (*expr.Error)(nil)
	switch {
	case errors.Is(err, ErrKeyReused), errors.Is(err, ErrTableExists), errors.Is(err, ErrAppendOnly), isUnsupported(err),
		errors.As(err, &wrong), errors.As(err, &sql):
		return false
	}
	return !rejected(err)
}
