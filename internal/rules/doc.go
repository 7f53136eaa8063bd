// Package rules keeps what a table promises of its rows: CHECK constraints,
// invariants and generated columns are checked, columns that the input lacks are
// computed, filled with their default or numbered.
//
// [New] compiles the promises of one schema and its properties; what cannot be
// compiled is an [*UnsupportedError] that names it, before there is a row. A
// [Run] applies them to the batches of one write: [Run.Expect] says which
// columns the batches have, [Run.Complete] makes the others, [Run.Check] refuses
// the first row that breaks a promise with a [*ConstraintError].
//
// NOT NULL is not here: package writer looks for nulls, between Complete and
// Check.
//
// A [Rules] is immutable and safe for concurrent use; a Run belongs to one
// goroutine. Rules are cited from the Delta protocol specification by section
// title: "Column Invariants", "CHECK Constraints", "Generated Columns",
// "Default Columns", "Identity Columns".
package rules
