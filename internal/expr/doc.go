// Package expr parses, binds and evaluates conditions on rows: what --where,
// ReplaceWhere and constraints say, in the words and with the meaning of Spark
// SQL.
//
// [Parse] turns text into an [Expr]; [Column], [Compare], [And] and the other
// constructors build one without text. [Bind] resolves its names and types
// against a schema and gives a [Predicate], which evaluates column vectors
// ([Predicate.Eval]) and decides by statistics whether a file, row group or page
// can be passed over ([Predicate.Prune]).
//
// Conditions have three values, true, false and null (unknown); only rows for
// which one is true are selected. NaN equals itself and is greater than all
// other numbers; strings compare by bytes. A literal is cast to the type of the
// column that it is compared with; where that is not possible Bind returns an
// error rather than a condition that is never true.
//
// Two things differ from Spark, which goes through doubles there and can take
// different numbers for equal: a string literal is compared with a decimal column
// as the exact decimal that it is, and IN compares with each of its elements as =
// does, not with all of them in one common type.
//
// An Expr and a Predicate are immutable and safe for concurrent use. Work on
// text is linear in its length and bounded in depth.
package expr
