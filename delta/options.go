package delta

import (
	"errors"
	"fmt"
	"time"

	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore"
)

// Options belong to a handle on a table. Nil means defaults.
type Options struct {
	// Settings.

	// CommitTimeout is the time budget for getting a version against other
	// writers. Default: 2 minutes. Contexts hold as well.
	CommitTimeout time.Duration
	// EngineInfo names the program in commits. Default: "deltalog/RELEASE".
	EngineInfo string
	// SkipProbe leaves out the test, before the first write through a handle on
	// an object store, that the store honours conditional writes.
	SkipProbe bool

	// Components.

	// Store is used in place of the driver for the URL.
	Store logstore.Store
	// Env is clock, randomness, identities and logger.
	Env *txlog.Env
}

func (o *Options) withDefaults() Options {
	var d Options
	if o != nil {
		d = *o
	}
	if d.EngineInfo == "" {
		d.EngineInfo = "deltalog/" + txlog.Release
	}
	d.Env = d.Env.WithDefaults()
	return d
}

// An EmptyPolicy says what a write does when its source has no rows.
type EmptyPolicy uint8

// The policies. The zero value refuses: an empty input is more often a failure
// upstream than the truth.
const (
	EmptyError    EmptyPolicy = iota // ErrEmptyInput, nothing is committed
	EmptyNoOp                        // state NoOp, nothing is committed
	EmptyTruncate                    // what is to be replaced is emptied; a table that is not there is made
)

// A Txn is Spark's pair of txnAppId and txnVersion: a source that counts up. A
// version not greater than the recorded one has been applied before.
type Txn struct {
	AppID   string
	Version int64 // ≥ 0
	// After is the recorded version that this work goes on from, -1 for none: see
	// [Table.Lookup]. If the table has another one by the time of the commit, which
	// does not cover the work, somebody else has moved the stream, and the work is
	// refused ([ErrKeyReused]). With it batches may be cut anywhere; without it (nil)
	// those that overlap must end alike.
	After *int64
}

// Replay policies, for [WriteOptions.OnReplay].
const (
	// ReplayDefault is ReplayVerify for Append and Update, ReplayReplace for all else.
	ReplayDefault ReplayPolicy = iota
	// ReplayVerify: equal content is already applied, other content is ErrKeyReused.
	ReplayVerify
	// ReplaySkip: already applied, whatever the content was.
	ReplaySkip
	// ReplayReplace: equal content is already applied, other content is applied.
	ReplayReplace
	// ReplayFail: the second use of a key is ErrKeyReused.
	ReplayFail
)

// A ReplayPolicy says what other content under a used key means.
type ReplayPolicy uint8

// policy is p for an operation, whose default depends on what it does twice.
func (p ReplayPolicy) policy(op operation) txlog.ReplayPolicy {
	switch p {
	case ReplayVerify:
		return txlog.ReplayVerify
	case ReplaySkip:
		return txlog.ReplaySkip
	case ReplayReplace:
		return txlog.ReplayReplace
	case ReplayFail:
		return txlog.ReplayFail
	}
	if op == opUpdate { // x = x + 1 is not to be applied for other words
		return txlog.ReplayVerify
	}
	if op.replaces() {
		return txlog.ReplayReplace
	}
	return txlog.ReplayVerify
}

// WriteOptions belong to one write. Nil means defaults.
type WriteOptions struct {
	// Key names the logical work (pipeline and partition, or interval), never the
	// attempt or the run. The same key with equal content is applied once, however
	// often and however concurrently it is sent. Empty: every call is applied.
	Key string
	// ContentKey makes the content its own key: the same rows are applied once by
	// the same operation. Not together with Key or Txn.
	ContentKey bool
	// OnReplay says what other content under the same key means.
	OnReplay ReplayPolicy
	// Txn is the alternative to Key for streams that count up.
	Txn *Txn

	// Partitions declares what ReplacePartitions replaces: rows outside are
	// refused, a declared partition without rows is emptied. A declaration may
	// name some of the partition columns only. Nil: the input's own partitions.
	// For other operations it declares where rows may go.
	Partitions []Partition
	// OnEmpty says what to do when the source has no rows at all.
	OnEmpty EmptyPolicy
	// MinRows refuses a source with fewer rows. 0: no limit.
	MinRows int64
	// MaxShrink refuses to replace rows by so many fewer: 0.2 allows a loss of 20 %.
	// 0: no limit.
	MaxShrink float64

	// EvolveSchema adds the source's new columns to the table, nullable. It has no
	// meaning for a write that makes the table, whose columns are given.
	EvolveSchema bool
	// DryRun does all but write: the result has real counts, and no file or commit
	// is made.
	DryRun bool

	// TargetFileSize is the size at which files are rolled, in bytes. 0: the table's
	// delta.targetFileSize, else 128 MiB.
	TargetFileSize int64
	// MaxMemory bounds the bytes held for rows and pages. 0: 256 MiB.
	MaxMemory int64
	// Parallel bounds the cores used. 0: all.
	Parallel int
	// UserMetadata is free text for the commit.
	UserMetadata string
	// Progress is called now and then while rows are written.
	Progress func(Progress)
}

// key returns the idempotency key of an operation on content with this digest, or
// nil.
func (o *WriteOptions) key(op operation, content int64) *txlog.Key {
	switch {
	case o.Txn != nil:
		return &txlog.Key{AppID: o.Txn.AppID, Version: o.Txn.Version, Sequence: true, After: o.Txn.After}
	case o.ContentKey:
		return &txlog.Key{AppID: fmt.Sprintf("content/%016x", content), Version: content, OnReplay: o.OnReplay.policy(op)}
	case o.Key != "":
		return &txlog.Key{AppID: o.Key, Version: content, OnReplay: o.OnReplay.policy(op)}
	}
	return nil
}

// Progress counts what a write has done so far.
type Progress struct{ Rows, Bytes, Files int64 }

func (o *WriteOptions) withDefaults() WriteOptions {
	if o == nil {
		return WriteOptions{}
	}
	return *o
}

func (o *WriteOptions) validate(op operation) error {
	var errs []error
	bad := func(field string, format string, args ...any) {
		errs = append(errs, fmt.Errorf("delta: WriteOptions.%s: %s", field, fmt.Sprintf(format, args...)))
	}
	if o.Key != "" && o.Txn != nil || o.ContentKey && (o.Key != "" || o.Txn != nil) {
		bad("Key", "give one of Key, ContentKey and Txn")
	}
	if o.Txn != nil && (o.Txn.AppID == "" || o.Txn.Version < 0) {
		bad("Txn", "want a name and a version ≥ 0, got %q and %d", o.Txn.AppID, o.Txn.Version)
	}
	if o.Txn != nil && o.Txn.After != nil && (*o.Txn.After < -1 || *o.Txn.After >= o.Txn.Version) {
		bad("Txn", "After is %d, want -1 or a version below %d", *o.Txn.After, o.Txn.Version)
	}
	if o.OnReplay != ReplayDefault && o.Key == "" && !o.ContentKey {
		bad("OnReplay", "has no meaning without Key")
	}
	if o.OnReplay > ReplayFail {
		bad("OnReplay", "%d is no policy", o.OnReplay)
	}
	if o.OnEmpty > EmptyTruncate {
		bad("OnEmpty", "%d is no policy", o.OnEmpty)
	}
	if o.OnEmpty == EmptyTruncate && !op.replaces() {
		bad("OnEmpty", "an append replaces nothing that could be emptied")
	}
	if o.MinRows < 0 {
		bad("MinRows", "is %d, want ≥ 0", o.MinRows)
	}
	if o.MaxShrink < 0 || o.MaxShrink > 1 {
		bad("MaxShrink", "is %g, want a share from 0 to 1", o.MaxShrink)
	}
	if o.MaxShrink > 0 && !op.replaces() {
		bad("MaxShrink", "an append replaces nothing that could shrink")
	}
	if o.TargetFileSize < 0 || o.MaxMemory < 0 || o.Parallel < 0 {
		bad("TargetFileSize, MaxMemory, Parallel", "want ≥ 0")
	}
	return errors.Join(errs...)
}
