// Package storetest judges drivers: it tests whether a [logstore.Store] keeps the
// contract that tables rest on.
//
// To test a store of your own, give [Run] a way to open it:
//
//	func TestMain(m *testing.M) { storetest.Main(m, open) }
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, storetest.Harness{
//			Open: func(t storetest.T) logstore.Store {
//				s, err := open("mystore://host/" + uniqueName())
//				if err != nil {
//					t.Fatalf("open: %v", err)
//				}
//				return s
//			},
//			Command: func(t storetest.T, s logstore.Store) *exec.Cmd { return storetest.Self(s.URL()) },
//		})
//	}
//
// The checks themselves, and what a failure says, are those of
// conformance/storecheck: which promise, what was seen, what follows for a table.
// [Verify] runs them outside go test and returns the failures.
package storetest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/deltalog/deltalog/conformance/storecheck"
	"github.com/deltalog/deltalog/txlog/logstore"
)

// Names of storecheck that authors of tests need.
type (
	// T is what checks report to; *testing.T is one.
	T = storecheck.T
	// A Harness says how to reach the store under test, and how hard to test it.
	Harness = storecheck.Harness
	// A Failure is a promise that a store broke.
	Failure = storecheck.Failure
)

// Run tests a store; each promise is a subtest.
func Run(t *testing.T, h Harness) {
	t.Helper()
	if err := h.Prepare(); err != nil {
		t.Fatal(err)
	}
	for _, c := range storecheck.All() {
		t.Run(strings.ReplaceAll(c.Name, " ", "_"), func(t *testing.T) { c.Run(t, &h) })
	}
}

// Verify runs the checks whose name contains one of only (all, if there is none)
// and returns what failed.
func Verify(ctx context.Context, h Harness, only ...string) []Failure {
	return storecheck.Verify(ctx, h, only...)
}

// workerEnv tells a test binary that it is a worker, and on which store.
const workerEnv = "STORETEST_WORKER"

// Main is for TestMain: it runs the tests, or, in a process that was started by a
// command from [Self], a [storecheck.Worker] on the store that open returns.
func Main(m *testing.M, open func(location string) (logstore.Store, error)) {
	location, ok := os.LookupEnv(workerEnv)
	if !ok {
		os.Exit(m.Run())
	}
	s, err := open(location)
	if err == nil {
		err = storecheck.Worker(context.Background(), s, os.Stdin, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// Self returns a command that runs this test binary, whose TestMain calls [Main],
// as a worker on a store.
func Self(location string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), workerEnv+"="+location)
	return cmd
}
