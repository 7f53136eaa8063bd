// Package storecheck has the checks of a store's promises, as code that needs no
// testing package: conformance/storetest runs them under go test, and deltactl
// conformance on a user's own bucket.
//
// The heart of it is a race. Many stores accept a conditional write, pass when
// two of them follow each other, and let two of them win when they are
// concurrent; a table on such a store loses commits, silently and rarely. So
// many writers put the same name at the same moment, many times over, from
// goroutines and from several processes, and each time exactly one may win, its
// bytes must be there for everybody at once, and all others must be told.
//
// A failure says which promise it is about, what was seen, and what follows for a
// table. [Verify] runs the checks and returns the failures; [All] has them one by
// one.
package storecheck

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
	"time"

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
	// the same root in another process; see conformance/storetest.Main and Self. A store that other
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
	// Sample is of how many combinations of list options one is tried, there being
	// 1,600, each a request. The default is 1: all.
	Sample int
	// Pace is how long those wait between two looks who look again and again while
	// others write. The default is 0: as fast as the store answers.
	Pace time.Duration
}

// pace waits for h.Pace, or until the check is over.
func (h *Harness) pace(t T) {
	if h.Pace == 0 {
		return
	}
	timer := time.NewTimer(h.Pace)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.Context().Done():
	}
}

// A Failure is a promise that a store broke.
type Failure struct {
	Check   string
	Promise string // what a store promises
	Message string // what was seen
	Follows string // what it means for a table
}

func (f Failure) String() string {
	return fmt.Sprintf("%s\n  promise: %s\n  seen:    %s\n  follows: %s", f.Check, f.Promise, f.Message, f.Follows)
}

// Verify runs the checks whose name contains one of only (all, if there is none)
// and returns what failed. It stops early when ctx is over, which is a failure
// too. A panic of the store is a failure of its check.
func Verify(ctx context.Context, h Harness, only ...string) []Failure {
	if err := h.Prepare(); err != nil {
		return []Failure{{Check: "harness", Message: err.Error()}}
	}
	var failures []Failure
	for _, c := range All() {
		if !chosen(c.Name, only) {
			continue
		}
		failures = append(failures, c.Verify(ctx, &h)...)
		if ctx.Err() != nil {
			return append(failures, Failure{Check: c.Name, Message: "stopped: " + ctx.Err().Error()})
		}
	}
	return failures
}

// Verify runs the check outside go test and returns what failed.
func (c Check) Verify(ctx context.Context, h *Harness) []Failure {
	r := &recorder{check: c}
	var cancel context.CancelFunc
	r.ctx, cancel = context.WithCancel(ctx)
	r.run(func() { c.run(r, h) })
	cancel()
	r.cleanUp()
	return r.failures
}

func chosen(name string, only []string) bool {
	for _, o := range only {
		if strings.Contains(name, o) {
			return true
		}
	}
	return len(only) == 0
}

// Prepare gives what is not set its default, and says what is missing.
func (h *Harness) Prepare() error {
	if h.Open == nil {
		return fmt.Errorf("storecheck: Harness.Open is nil")
	}
	if h.Command == nil && h.OneProcess == "" {
		return fmt.Errorf("storecheck: Harness.Command is nil: set it so that processes can race, or say in OneProcess why no other process can reach the store")
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
	def(&h.Sample, 1)
	if h.LargeBytes == 0 {
		h.LargeBytes = 17 << 20
	}
	if env := os.Getenv("STORETEST_ROUNDS"); env != "" {
		n, err := strconv.Atoi(env)
		if err != nil || n < 1 {
			return fmt.Errorf("storecheck: STORETEST_ROUNDS=%q, want a positive number", env)
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
	check Check
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
		r.failures = append(r.failures, Failure{
			Check: r.check.Name, Promise: r.check.Promise, Message: fmt.Sprintf(format, args...), Follows: r.check.Follows,
		})
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
