// Package join holds the source of a MERGE and finds its rows by key.
//
// A [Source] takes the source's rows once, with [Source.Add], and keeps them
// within a budget of memory; what does not fit goes to files on local disk.
// After [Source.Build] target rows are looked up by their keys with
// [Source.Probe], which gives pairs of a target row and the id of a source row:
//
//	for pass := range s.Passes() {
//		s.StartPass(ctx, pass)
//		for each batch of the target {
//			m.Reset()
//			s.Probe(keys, n, &m)       // any number of goroutines
//			pairs.Add(file, rows, m.Source)
//		}
//	}
//
// When all keys fit in memory there is one pass. Otherwise each pass holds the
// keys of one range of hashes, and the caller scans its target once for each.
// A [Pairs] collects what the passes found, for each file of the target, and
// gives it back in the order of the file. [Source.Gather] then fetches the rows
// by id, and [Source.Scan] all rows in order, for those that matched nothing.
//
// Keys are equal as in SQL: a null equals nothing, unless its column is
// [KeyColumn.NullSafe]; NaN equals NaN and -0.0 equals 0.0; strings and binaries
// compare by bytes, decimals by value at one scale. Hashes only say where to
// look: two keys count as equal after they have been compared.
//
// Errors: [*BudgetError] when the memory allowed is too small for even one part
// of the keys, [*SpillError] when a file on local disk fails, and the context's
// error. A Source has one owner; only Probe, Gather and Scan may be called by
// several goroutines at once.
package join
