// Package sqlfn holds the scalar functions of SQL expressions: what types they
// take and give, and how they are computed on column vectors.
//
// [Lookup] finds a [Func] by name. [Func.Bind] picks a [Signature] for the types
// of the arguments: the types that the arguments must be cast to first, by
// Spark's implicit casts, the type of the result, and the kernel. Signatures are
// immutable and safe for concurrent use.
//
// Results are Spark's in ANSI mode: what cannot be computed is an error, which
// names the row ([RowError]), and null arguments give null unless Spark says
// otherwise. Functions that differ from call to call (rand, uuid) are not here;
// those of the session (current_timestamp) take it from [Env].
//
// Time zones come from [Env.Location] and from names in format patterns, which
// need the zone data of the system or of a program that embeds it.
package sqlfn
