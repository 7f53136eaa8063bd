// Package interop judges deltalog by other engines: Spark with Delta, delta-rs
// and DuckDB read what we wrote, and we read what they wrote.
//
// The product is driven through its command, deltactl, as a user would; only
// generated statements and expressions, of which there are thousands, go to
// packages delta and internal/expr in this process. DuckDB and Spark run the same
// ones on their own tables (cases_test.go). A failure prints its seed and the
// smallest case that fails alike, as JSON; with INTEROP_CASE naming a file of it
// the tests run that case alone.
//
// Each engine is one process (engines/*.py) that answers requests for the length
// of the test run, as Spark takes longer to start than to read a table. All rows
// are compared in one canonical text form (engines/canon.py), with the names of
// their types, as multisets.
//
// What an engine cannot read is listed in limits_test.go with the error that it
// gives, and the error is checked: nothing is skipped. ./setup.sh installs the
// engines.
package interop
