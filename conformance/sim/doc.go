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
// A history that violates something is made smaller by [Shrink] and kept as a
// file, which [Replay] plays again.
package sim
