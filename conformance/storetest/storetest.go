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
// The heart of it is a race. Many stores accept a conditional write, pass when
// two of them follow each other, and let two of them win when they are
// concurrent; a table on such a store loses commits, silently and rarely. So
// many writers put the same name at the same moment, many times over, from
// goroutines and from several processes, and each time exactly one may win, its
// bytes must be there for everybody at once, and all others must be told.
//
// A failure says what the store did and why that is wrong. [Verify] runs the same
// checks outside go test and returns the failures, for tools and for tests of the
// checks themselves.
package storetest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/deltalog/deltalog/txlog/logstore"
)

// A T is what checks report to; *testing.T is one.
type T interface {
	Helper()
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Failed() bool
	Cleanup(func())
	// Context is over when the check ends.
	Context() context.Context
}

// A Harness says how to reach the store under test, and how hard to test it.
type Harness struct {
	// Open returns a store whose root is empty and unlike that of any other call.
	// It may register clean-up; the suite closes the store.
	Open func(t T) logstore.Store

	// Command returns a command, not started, that runs [Worker] on a store with
	// the same root in another process; see [Main] and [Self]. A store that other
	// processes can reach must set it.
	Command func(t T, s logstore.Store) *exec.Cmd
	// OneProcess is for stores that no other process can reach, such as one in
	// memory: it says why, and stands in for Command.
	OneProcess string

	// Writers race for each name. The default is 32, the least that shows the races
	// of real stores.
	Writers int
	// Rounds is how often they race. The default is 1,000; the environment
	// variable STORETEST_ROUNDS overrides both.
	Rounds int
	// Processes race in a quarter of the rounds, each with its share of the
	// writers. The default is 4.
	Processes int
	// LargeBytes is the size of the object that is streamed. The default is 17
	// MiB, more than S3 drivers send in one request.
	LargeBytes int64
	// Overwrites is how often one object is replaced while it is being read. The
	// default is 100.
	Overwrites int
}

// A check tests one promise.
type check struct {
	name string
	run  func(t T, h *Harness)
}

// checks is every promise, cheap ones first.
var checks = []check{
	{"put and read back", checkPut},
	{"put if absent", checkPutIfAbsent},
	{"overwrite", checkOverwrite},
	{"objects do not share memory with the caller", checkAliasing},
	{"empty objects", checkEmpty},
	{"missing objects", checkMissing},
	{"ranges", checkRanges},
	{"read limit", checkLimit},
	{"stat", checkStat},
	{"delete", checkDelete},
	{"bad names are refused", checkBadNames},
	{"odd names are kept", checkOddNames},
	{"cancelled contexts", checkCancelled},
	{"list of nothing", checkListEmpty},
	{"list options", checkListOptions},
	{"list order in directories", checkListAwkward},
	{"list of many", checkListMany},
	{"list while written", checkListWhileWritten},
	{"list stops when told", checkListBreak},
	{"writer", checkWriter},
	{"writer aborted", checkWriterAbort},
	{"writer cancelled", checkWriterCancel},
	{"writer refuses a name in use", checkWriterExists},
	{"large object", checkLarge},
	{"overwritten while read", checkOverwriteRace},
	{"race of writers", checkRace},
	{"race of processes", checkProcessRace},
}

// Run tests a store; each promise is a subtest.
func Run(t *testing.T, h Harness) {
	t.Helper()
	if err := h.prepare(); err != nil {
		t.Fatal(err)
	}
	for _, c := range checks {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) { c.run(t, &h) })
	}
}

// A Failure is a promise that a store broke.
type Failure struct {
	Check   string
	Message string
}

func (f Failure) String() string { return f.Check + ": " + f.Message }

// Verify runs the checks whose name contains one of only (all, if there is none)
// and returns what failed. It stops early when ctx is over, which is a failure
// too. A panic of the store is a failure of its check.
func Verify(ctx context.Context, h Harness, only ...string) []Failure {
	if err := h.prepare(); err != nil {
		return []Failure{{Check: "harness", Message: err.Error()}}
	}
	var failures []Failure
	for _, c := range checks {
		if !chosen(c.name, only) {
			continue
		}
		r := &recorder{check: c.name}
		var cancel context.CancelFunc
		r.ctx, cancel = context.WithCancel(ctx)
		r.run(func() { c.run(r, &h) })
		cancel()
		r.cleanUp()
		failures = append(failures, r.failures...)
		if ctx.Err() != nil {
			return append(failures, Failure{Check: c.name, Message: "stopped: " + ctx.Err().Error()})
		}
	}
	return failures
}

func chosen(name string, only []string) bool {
	for _, o := range only {
		if strings.Contains(name, o) {
			return true
		}
	}
	return len(only) == 0
}

func (h *Harness) prepare() error {
	if h.Open == nil {
		return fmt.Errorf("storetest: Harness.Open is nil")
	}
	if h.Command == nil && h.OneProcess == "" {
		return fmt.Errorf("storetest: Harness.Command is nil: set it so that processes can race, or say in OneProcess why no other process can reach the store")
	}
	def := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	def(&h.Writers, 32)
	def(&h.Rounds, 1000)
	def(&h.Processes, 4)
	def(&h.Overwrites, 100)
	if h.LargeBytes == 0 {
		h.LargeBytes = 17 << 20
	}
	if env := os.Getenv("STORETEST_ROUNDS"); env != "" {
		n, err := strconv.Atoi(env)
		if err != nil || n < 1 {
			return fmt.Errorf("storetest: STORETEST_ROUNDS=%q, want a positive number", env)
		}
		h.Rounds = n
	}
	return nil
}

// open opens a store that is closed when the check ends.
func (h *Harness) open(t T) logstore.Store {
	t.Helper()
	s := h.Open(t)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close of the store failed: %v", err)
		}
	})
	return s
}

// A recorder is a T that keeps failures.
type recorder struct {
	check string
	ctx   context.Context

	mu       sync.Mutex
	failures []Failure
	cleanups []func()
}

// maxFailures bounds what one check says about a store that does nothing right.
const maxFailures = 20

// run calls f in a goroutine that Fatalf can end, and waits for it.
func (r *recorder) run(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if p := recover(); p != nil {
				r.Errorf("the store panicked: %v\n%s", p, debug.Stack())
			}
		}()
		f()
	}()
	<-done
}

func (r *recorder) cleanUp() {
	for len(r.cleanups) > 0 {
		last := len(r.cleanups) - 1
		f := r.cleanups[last]
		r.cleanups = r.cleanups[:last]
		r.run(f)
	}
}

func (r *recorder) Helper() {}

func (r *recorder) Logf(string, ...any) {}

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.failures) < maxFailures {
		r.failures = append(r.failures, Failure{Check: r.check, Message: fmt.Sprintf(format, args...)})
	}
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

func (r *recorder) Failed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.failures) > 0
}

func (r *recorder) Cleanup(f func()) { r.cleanups = append(r.cleanups, f) }

func (r *recorder) Context() context.Context { return r.ctx }
