// Package writer turns rows into complete Parquet files below a table's root:
// split by partition, rolled by size, with statistics.
//
// A [Writer] takes Arrow record batches ([Writer.Write]) and gives [DataFile]
// values ([Writer.Close]), which a commit may then name, here or in another
// process. Nothing is visible in the table before that. [Appender] and [Records]
// take Go structs.
//
// A Writer has one owner; what it does in parallel it does inside its calls, or
// ends before Close or Abort returns. After an error only Abort is of use, which
// removes what was published. Memory is bounded by Config.MaxMemory.
//
// The rules for statistics are those of the Delta protocol specification,
// "Per-file Statistics"; for partition values "Partition Value Serialization".
package writer
