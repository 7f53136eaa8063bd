// Package sim runs the real code of this library in seeded, random histories of
// many processes on one table, under faults, and checks all that they did.
//
// A history is played in a testing/synctest bubble: time is virtual. Every call
// to the store of every process parks at one scheduler, which waits until nothing
// moves, orders what is parked, and lets one seeded random choice decide which
// call is made, which fault strikes it, and how much time goes by. The same
// [Script] gives the same history, call by call.
//
// [Generate] makes a plan of processes and their work from a seed, [Run] plays it
// and returns a [Report]: what was done, what struck, and the [Violation]s that
// the checkers found. The checkers take the log as the witness: they replay it
// with a decoder and a model of their own, and hold against it every version,
// every read and everything that a caller was told.
//
// Histories that they can judge are also given to package check, which looks at no
// log: see [Report.History].
//
// A history that violates something is made smaller by [Shrink] and kept as a
// file, which [Replay] plays again.
//
// # Faults
//
// The ids are those of the fault table in docs/conformance.md. Each strikes one call
// of one process, is counted when it does, and must have been met in a run of some
// length (see [Counts.Unreached]):
//
//	F1   the process crashes before a call       F2   it crashes after the call
//	F3   done, and the answer is lost            F4   not done, and an error
//	F5   an error now, and it lands later: after retries, other commits, the end
//	F6   delivered twice; the second answer, or a late second delivery
//	F7   409, not done                           F8   an upload, a body or a listing breaks off
//	F9   some calls are told to slow down        F10  a stall, shorter or longer than time-outs
//	F11  an old _last_checkpoint or checksum     F12  a listing that overlaps with writes; of
//	                                                  the legacy profile one that lags
//	F14  no space (posix)                        F15  no permission, on a prefix or at all
//	F16  clocks: wrong by up to 7 days, still, jumping
//	F17  a pause, also longer than a lease: a zombie goes on beside its successor
//	F18  copies of a task, at once               F19  maintenance between the calls of a writer
//	F20  cancelled: before, after and while a call is on its way
//	F21  flipped, cut, missing and zero bytes of hints, checksums and checkpoints
//	F22  foreign commits, legal ones and one with false claims
//	F23  credentials expire                      F24  a data file is removed
//	F26  a lifecycle rule removes hints
//
// Not here: F13 (torn writes of a file system) needs one, see conformance/crash. F25
// (a memory budget) is not seen in a store. Of F12, listings with doubled entries or
// out of order: they are against the contract, to which conformance/storecheck holds
// drivers. Of F21, damaged commits and data files, from which nobody promises to
// recover, and a checksum in which a digit has become another: it would be believed,
// and counted on from. Of F6, the hidden retries of real clients: see conformance/sdk.
//
// # What is assumed
//
// Clean-up of the log keeps what is younger than the table says. No process sleeps
// over a commit that it has begun, and no request is on its way, for that long; a
// snapshot that is older is noticed as long as the clock is less wrong than half of
// it. Tombstones are forgotten by the clock.
package sim
