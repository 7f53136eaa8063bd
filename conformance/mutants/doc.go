// Package mutants plants mistakes in our own code, one at a time, and shows that a
// named test notices each of them: a suite that no mistake turns red proves nothing.
//
// A [Mutant] is data, not code of the product: a file, the text that is there now,
// and the text that a mistaken author could have written. [Build] compiles the
// packages with every mutant in place, each behind a switch that a process reads
// from its environment once, so that one compilation serves all of them; nothing
// of it is written into the source tree (go build -overlay). [Killer.Run] then runs
// one test with one mutant switched on. A mutant is killed if that test fails by
// its own judgement, and the mutants are neutral: with none switched on every
// killer passes.
//
// docs/conformance-mutants.md is the table of them, written by
//
//	go run ./conformance/mutants/cmd/mutants -doc docs/conformance-mutants.md
package mutants
