// Package txlog reads and writes the Delta transaction log.
//
// A table's state is the result of replaying its log. [Load] lists _delta_log,
// picks a checkpoint and the commits after it, and returns a [Snapshot], which
// is immutable and safe for concurrent use: protocol, metadata, schema and
// transactions are in memory, [Snapshot.Files] streams the live files.
// [Snapshot.Begin] starts a [Transaction]; [Transaction.Commit] writes the next
// version through a [logstore.Store], whose put-if-absent is the only
// synchronisation between writers.
//
// A commit ends in one of three ways: it landed, it did not ([ErrConflict] and
// other errors), or the outcome is not known ([ErrCommitUnknown]). Callers must
// not delete files after the third.
//
// Bytes in storage are not trusted. What breaks the format is a [*CorruptError]
// that says where; what this package does not implement is an
// [*UnsupportedFeatureError] that names it, before anything is read or written;
// a path that leads out of the table is a [*PathError]. Checkpoints, checksums
// and _last_checkpoint only make reading cheaper: damaged ones are left for the
// commits, with a warning.
//
// The package never opens data files. Rules are cited from the Delta protocol
// specification by section title.
package txlog
