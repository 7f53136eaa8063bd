// Package delta reads and writes Delta Lake tables on local disk, S3 and GCS.
//
// Three types carry most of it. A [Table] is a handle on a table; [Open],
// [Create] and [OpenOrCreate], which leaves the making to the first write, give
// one. A [Source] is rows to write: Arrow batches, Go structs ([Rows], [Slice]),
// files (package delta/files). A [Result] says what a write did, and is true also
// when there is an error.
//
// Every write is one atomic commit: [Table.Append], [Table.ReplacePartitions],
// [Table.ReplaceWhere], [Table.Overwrite], [Table.Reload], and on rows
// [Table.Merge], [Table.Update], [Table.Delete], [Table.InsertNew], [Table.Dedup],
// [Table.ApplyChanges], [Table.SCD2]. With [WriteOptions.Key] a write may be killed,
// retried, or run twice at once, and the table is as if it had run once.
// [Table.Lookup] tells later whether it landed. [Table.Prepare] and [Table.Commit]
// split a write in two, so that one process can write files and another can commit
// them. [Table.Changes] reads what versions did.
//
// A Table is safe for concurrent use, also by other processes; what a
// [Table.Snapshot] shows never changes. Errors to act on: [ErrConflict],
// [ErrKeyReused], [ErrCommitUnknown] and the others of this package, which are
// txlog's under shorter names.
//
// S3 and GCS need a driver: import _ ".../delta/s3" or ".../delta/gcs".
package delta
