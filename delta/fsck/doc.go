// Package fsck checks a table by the bytes that are in storage, and changes
// nothing.
//
// [Run] reads the whole log and says where it contradicts itself, and where it
// and the data files contradict each other:
//
//   - the log: every version from the oldest that is retained has one commit,
//     which is whole and breaks no rule of the protocol; the files that a commit
//     removes were live; in-commit timestamps grow.
//   - what is derived from it: every checkpoint and every compaction is what
//     replaying the commits gives; _last_checkpoint and checksums agree with them.
//   - the data: every live file is there with its size and its number of rows;
//     deletion vectors can be read and fit; partition values have their types.
//     With [Rows], all rows are read too: statistics are true, and rows keep NOT
//     NULL, constraints and generated columns.
//   - orphans: objects that no retained version names.
//
// What is found is in a [Report], each [Finding] with a stable [Code]. An error
// of Run says that the table could not be looked at, never that it is damaged: a
// request that failed is no finding, and a Report without errors is a promise
// about all that it says was checked. [Report.Err] makes an error of what was found.
//
// Memory grows with the number of files that the log names, about 150 bytes for
// each, not with their sizes or with the length of the log. Commits and data
// files are read a bounded number at a time.
//
// Rules are cited from the Delta protocol specification (PROTOCOL.md) by the
// titles of its sections.
package fsck
