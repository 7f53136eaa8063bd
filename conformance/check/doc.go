// Package check judges histories of a table without looking at its log: by what
// clients asked for and what they were told, and by nothing that the code under
// test keeps for itself. It is the second opinion beside the checkers that take the
// log for a witness.
//
// A [History] is a list of [Event]s: each is one piece of work of one client, with
// the moments at which it was asked for and answered, what it read and what it was
// to change. Who drives a table fills it as the work goes on; see Event for how.
//
// Two checkers look at it, and neither trusts the other's reasoning:
//
//   - [Registers] takes each partition for a register and asks whether some order of
//     the operations explains what was read, each at some moment between its call
//     and its return (linearizability, by porcupine). It uses no version.
//   - [Isolation] orders the writes by the versions that clients were told, and looks
//     for cycles of dependencies: what is forbidden at [Serializable] or
//     [SnapshotIsolation] is named: lost update, dirty read, stale read, read skew,
//     long fork, write skew.
//
// [Puts] asks the first question of a bare store: whether its conditional Put is
// one register for each name. [Drive] makes a history of a store to ask it about.
//
// Both are necessary conditions on what is seen from outside. A history that passes
// may still be of a broken table if nobody read what is broken: let clients read
// often, and read everything at the end.
package check
