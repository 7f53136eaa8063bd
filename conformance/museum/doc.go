// Package museum keeps the bugs that have lost, doubled or damaged rows in systems
// like this one, each as a test of ours that would fail if we had it.
//
// [Catalogue] lists them with the threads in which they were told. A test is named
// for its row and thread, TestA1_delta7345_ResponseLost, sets up the situation in a
// few lines and requires what must be true of it; rows that cannot concern us say
// why. conformance/mutants plants the same mistakes in our own code.
package museum

import "strings"

// A Row is one entry of the catalogue.
type Row struct {
	ID     string // A1 … H-8
	Thread string // where it was told
	What   string // what happened
	// Not says why it cannot happen here; empty: there is a test of it.
	Not string
}

// TestPrefix returns how the names of the row's tests begin: "TestA1b_", "TestC3_".
func (r Row) TestPrefix() string { return "Test" + strings.ReplaceAll(r.ID, "-", "") + "_" }
