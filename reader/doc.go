// Package reader reads a snapshot of a table as a stream of Arrow record batches.
//
// [New] plans a [Scan]: which columns, and which rows by a [Predicate].
// [Scan.Batches] runs it. Files are passed over by their partition values and
// statistics, row groups and pages by their own; deleted rows are left out;
// partition values come from the log, missing columns are null. Files are read
// by several goroutines at once, ahead of the consumer, within a memory budget,
// and delivered in the snapshot's order.
//
// A Scan is immutable and safe for concurrent use; so is the snapshot, so that
// two runs of one scan give the same rows.
//
// A file that the log names and that is not there, is shorter than the log says,
// or holds other than Parquet is an error that names it. Bytes read from storage
// never panic or lead outside of the table.
package reader
