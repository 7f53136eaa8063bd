// Package crash judges what is left of a table on local disk when a process or
// the machine stops, or the disk fails, at any moment.
//
// A power cut forgets what was not flushed. A [Disk] records every system call
// with which the real local driver changes a directory, and derives from the
// record the states in which a POSIX file system may come back: flushed content
// and flushed entries are there; of other content all, nothing, a part or blocks
// of zeros; of other entries of a directory the first few, or with [Unordered]
// any. [Disk.Crash] gives such a state, [Image.Write] makes it a directory, in
// which the real library then opens the table.
//
// The tests of this package do so after every system call of the life of a table,
// kill processes at random moments and at system calls, and let every system call
// fail. What they hold the library to: whatever was acknowledged is there, whole;
// nothing else is half there; and the work that was under way, done again under
// its key, has had one effect.
package crash
