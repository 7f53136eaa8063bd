// Package expr parses, binds and evaluates SQL expressions on rows, in the words
// and with the meaning of Spark SQL in ANSI mode: conditions (--where,
// ReplaceWhere, the WHEN of a merge, constraints) and values (assignments,
// generated columns, defaults).
//
// [Parse] turns text into an [Expr]; [Column], [Compare], [And] and the other
// constructors build one without text. A [Scope] says which columns there are:
// those of one table, or of the target and the source of a merge.
//
// [Bind] and [BindIn] resolve names and types and give a [Predicate], which
// evaluates column vectors ([Predicate.Eval]) and decides by statistics whether a
// file, row group or page can be passed over ([Predicate.Prune]). [BindValue]
// gives a [Value]; [Value.As] casts it to the type of the column that it is
// assigned to. Batches of both are the fields of the scope's relations, one after
// the other. [JoinKeys] takes a join condition apart. [ParseMerge],
// [ParseClause] and [ParseAssignments] read statements; what they give is bound
// by the caller.
//
// # Meaning
//
// Conditions have three values, true, false and null (unknown); only rows for
// which one is true are selected. NaN equals itself and is greater than all
// other numbers; strings compare by bytes. Overflow, division by zero, a text
// that is no number, a position outside an array are errors, [*EvalError], of the
// row that needs the value: AND, OR, CASE, IF, COALESCE and an operator with a
// null on its left (a division: on its right) leave what does not matter alone.
//
// A literal beside a column is cast to the type of the column; where that is not
// possible Bind returns an error rather than a condition that is never true.
// What reads no column is evaluated when it is bound, so that a comparison with it
// is one with a literal and prunes. The time of the operation comes from
// [Options.Now]. Functions that differ from one evaluation to the next are
// refused. Functions of scalars are those of package sqlfn.
//
// # Differences from Spark
//
//   - A string literal is compared with a decimal column as the exact decimal that
//     it is, a decimal with another or with an integer exactly too, and IN compares
//     with each of its elements as = does, not with all of them in one common type.
//   - A string column is not compared with a literal number or date without quotes.
//   - Intervals can be computed with but are not values; months and days do not mix.
//   - Regular expressions are RE2's.
//   - current_date, current_timestamp, current_user and localtimestamp without
//     parentheses are never columns.
//   - CAST of a literal text that fails is an error at once, wherever it stands.
//   - CAST knows types without parts only. LIKE ANY and ALL, bit operators,
//     lambdas, subqueries and comments are not there.
//
// An Expr, a Predicate and a Value are immutable and safe for concurrent use. Work
// on text is linear in its length and bounded in depth.
package expr
