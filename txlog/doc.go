// Package txlog reads and writes the Delta transaction log.
//
// A table is what replaying its log gives. [Load] finds a checkpoint and the
// commits after it, and returns a [Snapshot]: the table at one version, immutable
// and safe for concurrent use, with files streamed when they are asked for.
// [Snapshot.Begin] starts a [Transaction], and [Transaction.Commit] makes it the
// next version through a [logstore.Store], whose conditional Put is all that
// writers share.
//
// A commit ends in one of three ways: it landed, it did not and never will, or
// the outcome is not known ([ErrCommitUnknown]); [CommitResult.State] says which.
// After the third nothing that the commit names may be deleted. A [Key] makes work
// idempotent: it is recorded with the work, and looked for in the table and in
// every commit that comes in between.
//
// Errors to act on: [*ConflictError], [*KeyError], [*CommitUnknownError],
// [*UnsupportedFeatureError], [ErrTableNotFound], [ErrVersionNotFound], and
// [ErrCorrupt], with [*CorruptError] saying where.
//
// The package opens no data file and knows nothing of rows. Rules are cited from
// the Delta protocol specification (PROTOCOL.md) by the titles of its sections.
package txlog
