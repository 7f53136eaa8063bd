// Package conformance judges engines that write Delta tables: it proves, or
// disproves, that concurrent and repeated work leaves a table as if it had been
// done once, and that a writer was told the truth about what it did.
//
// # What is proven
//
// A [Scenario] is a story of one to three writers in which something goes wrong at
// exactly one request: the answer of a commit is lost, a competitor commits first,
// a process dies, a hint in the log is stale. It has a name, the promise in one
// sentence, and the ids of the bugs and invariants that it stands for. Its
// [Verdict] comes from the bytes of the table, read by this project's reader and
// where there is one by a second engine, and never from the word of the engine
// that is judged: what it said ([Answer]) is compared with what is there.
//
// The rule is the same for all: there is an order of the operations, each done
// once, that gives the rows that are there; an operation that was acknowledged is
// in it, one that was refused is not, and one whose writer was told nothing
// definite may be either. A job whose writer fails is run again once, as an
// orchestrator does, unless the engine said itself that the outcome is open.
//
// # How the packages fit together
//
//   - conformance (this package): scenarios, judge, and [Run] for go test.
//   - conformance/ours: the harness of this project's own engine, in this process
//     on any store and as the command deltactl.
//   - conformance/storetest and storecheck: the contract of a store, below any
//     engine; for authors of drivers.
//   - conformance/tabletest: concurrent writers of package delta on a store.
//   - conformance/bucket: what deltactl conformance runs on a user's own store.
//   - conformance/faultproxy: an HTTP proxy that loses requests and answers, for
//     engines that reach storage by their own client.
//   - conformance/compare (a module of its own): harnesses of delta-rs and of Spark,
//     and the command that writes docs/conformance-engines.md.
//
// # How to use it
//
// Give [Run] a [Harness]: how to get a fresh table, how a client of the engine does
// an operation and reads, and how a fault is injected between a client and its
// storage. What an engine or its storage cannot do is named in Harness.Lacks with
// the reason, and the scenarios that need it are "not applicable". An example is
// in conformance/ours; docs/guide/conformance.md explains each step.
package conformance
