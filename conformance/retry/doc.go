// Package retry says what becomes of a table when a scheduler sends work again,
// sends it twice at once, or loses sight of a worker that goes on later; and its
// tests show that it is so.
//
// [Guarantees] is the table of the README as data: for each operation and each
// [Situation] the words that people read and what is asserted. The tests run every
// cell of it at every storage call, and check that the README says the same:
//
//	go test ./conformance/retry -run TestReadme -update
//
// writes it. The other tests play schedulers and streams with lost workers, late
// workers, backfills, rebalances and restores, in virtual time and in random order.
package retry
