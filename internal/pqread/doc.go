// Package pqread reads Parquet files into Arrow-layout columns.
//
// [Open] reads a file's footer, usually with one request. [File.Project]
// resolves wanted Delta fields against the file's columns, at every nested
// level, and [Projection.Batches] decodes them into [vec.Vec] columns, one
// batch of rows at a time. A [Selection] restricts a scan to ranges of rows:
// pages without a selected row are neither fetched nor decompressed, and values
// outside the ranges are skipped rather than decoded. [Projection.GroupBounds]
// and [Projection.PageBounds] give the statistics a caller needs to choose one.
//
// Nothing a file says is trusted. Lengths and counts are checked against the
// bytes that are there before memory is set aside for them, sizes are capped by
// [Options], and a fault found while decoding is a [*CorruptError] that names
// the column, the row group and the place in the file. The package never panics
// on bytes it was given.
//
// A File and a Projection are immutable and safe for concurrent use.
//
// Rules are cited from the Apache Parquet format specification and from the
// Delta protocol specification, by section title.
package pqread
