// Package bucket proves on a user's own store, below a prefix of its own, what the
// project promises: it is what deltactl conformance runs.
//
// It has four parts. The store's contract (conformance/storecheck); the scenarios
// of package conformance with this project's engine on that store; a sweep, in
// which a process dies or loses an answer at every one of its requests; and a race
// of writers under keys, in goroutines and in processes. Faults are injected on
// the client's side: the store itself is never harmed. Every table that is made is
// checked by delta/fsck.
//
// Requests, bytes and time are bounded, everything that was written is deleted at
// the end, also when it was interrupted, and a prefix that has anything in it is
// refused.
package bucket

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"time"

	"github.com/deltalog/deltalog/txlog/logstore"
)

// Options say what is run and how much of it.
type Options struct {
	// URL is below which the run has its prefix. Prefix is its name there.
	URL, Prefix string
	// Open opens a store whose root is a URL.
	Open func(ctx context.Context, url string) (logstore.Store, error)
	// Worker returns a command, not started, that runs [Worker] in another process.
	// Nil: no other process can reach the store, or none is wanted.
	Worker func() *exec.Cmd
	// Processes take part in races. 0 is 2.
	Processes int

	// MaxTime, MaxRequests and MaxBytes (sent and received) end the run early.
	MaxTime     time.Duration
	MaxRequests int64
	MaxBytes    int64
	// Seed chooses the faults of the race.
	Seed uint64
	// Parts are those to run: "store", "scenarios", "sweep", "race". Nil: all.
	Parts []string
	// Keep leaves what was written.
	Keep bool
	// Progress is called at the beginning of each check.
	Progress func(Progress)
}

// Defaults of the limits.
const (
	DefaultMaxTime     = 10 * time.Minute
	DefaultMaxRequests = 25_000
	DefaultMaxBytes    = 512 << 20
)

// Parts are the parts of a run, in order, with what they do.
var Parts = []Part{
	{"store", "the store's contract: conditional writes under a race, listings, reads, streams"},
	{"scenarios", "one to three writers and one fault at one request: lost answers, killed processes, competitors, stale hints"},
	{"sweep", "a keyed write that is killed, or loses the answer, at every one of its requests, and is run again"},
	{"race", "keyed writers in goroutines and processes, each job tried twice at once, with lost answers and delays"},
}

// A Part is one of [Parts].
type Part struct{ Name, What string }

// A Progress says how far a run is.
type Progress struct {
	Part, Check string
	Done, Total int // of the checks of the run
	Requests    int64
}

// A Check is one thing that was looked at.
type Check struct {
	Part    string  `json:"part"`
	Name    string  `json:"name"`
	Promise string  `json:"promise"`
	Result  string  `json:"result"` // pass, fail, not_run
	Seen    string  `json:"seen,omitempty"`
	Follows string  `json:"follows,omitempty"`
	Seconds float64 `json:"seconds"`
}

// A Report is what a run found.
type Report struct {
	Store    string  `json:"store"`
	Prefix   string  `json:"prefix"`
	Verdict  string  `json:"verdict"` // pass, fail, incomplete
	Checks   []Check `json:"checks"`
	Passed   int     `json:"passed"`
	Failed   int     `json:"failed"`
	NotRun   int     `json:"not_run"`
	Stopped  string  `json:"stopped,omitempty"` // why it ended early
	Requests int64   `json:"requests"`
	BytesOut int64   `json:"bytes_written"`
	BytesIn  int64   `json:"bytes_read"`
	Seconds  float64 `json:"seconds"`
	// Commits are those whose request was answered without a fault, in this process;
	// the times are from the request to the answer, in milliseconds.
	Commits   int     `json:"commits"`
	CommitP50 float64 `json:"commit_p50_ms"`
	CommitP99 float64 `json:"commit_p99_ms"`
	Seed      uint64  `json:"seed"`
	// Left are objects that could not be deleted, or were to be kept.
	Left int `json:"objects_left"`
}

// Errors of runs that could not begin or end.
var (
	ErrNotEmpty = errors.New("the prefix is not empty")
	ErrLimit    = errors.New("a limit of this run was reached")
)

// cleanUpTime bounds the deletes after a run that was interrupted.
const cleanUpTime = 2 * time.Minute

// Run runs the parts and returns the report, which is there also with an error if
// anything was begun. An error says that the run could not be done or that
// something was left behind, never that a promise was broken.
func Run(ctx context.Context, o Options) (*Report, error) {
	if o.Processes == 0 {
		o.Processes = 2
	}
	r := &run{o: o, m: newMeter(o), report: &Report{Store: o.URL, Prefix: o.URL + "/" + o.Prefix, Seed: o.Seed}}
	if err := r.begin(ctx); err != nil {
		return nil, err
	}
	start := time.Now()
	work, cancel := context.WithTimeoutCause(ctx, o.MaxTime, fmt.Errorf("%w: %s have passed", ErrLimit, o.MaxTime))
	defer cancel()
	work, stop := context.WithCancelCause(work)
	defer stop(nil)
	r.m.stop = stop
	r.checks(work)
	if work.Err() != nil {
		r.report.Stopped = context.Cause(work).Error()
	}
	r.report.Seconds = time.Since(start).Seconds()
	r.m.fill(r.report)
	err := r.cleanUp(ctx)
	r.verdict()
	return r.report, err
}

type run struct {
	o      Options
	m      *meter
	report *Report
	plan   []planned
}

// A planned check is one that is to be run.
type planned struct {
	Check
	run func(ctx context.Context) (seen []string, follows string)
}

// open opens the store below the run's prefix.
func (r *run) open(ctx context.Context, name string) (logstore.Store, error) {
	s, err := r.o.Open(ctx, r.url(name))
	if err != nil {
		return nil, err
	}
	return r.m.wrap(s), nil
}

func (r *run) url(name string) string {
	url := r.o.URL + "/" + r.o.Prefix
	if name != "" {
		url += "/" + name
	}
	return url
}

// begin refuses a prefix that is in use.
func (r *run) begin(ctx context.Context) error {
	s, err := r.o.Open(ctx, r.url(""))
	if err != nil {
		return err
	}
	defer s.Close()
	for o, err := range s.List(ctx, logstore.ListOptions{}) {
		if err != nil {
			return fmt.Errorf("look below %s: %w", r.url(""), err)
		}
		return fmt.Errorf("%w: %s has %s", ErrNotEmpty, r.url(""), o.Name)
	}
	r.report.Store = s.URL()
	return nil
}

func (r *run) wants(part string) bool { return len(r.o.Parts) == 0 || slices.Contains(r.o.Parts, part) }

// Plan returns the checks that Run would run, and does nothing.
func Plan(o Options) []Check {
	r := &run{o: o, m: newMeter(o), report: &Report{}}
	r.makePlan()
	all := make([]Check, len(r.plan))
	for i, p := range r.plan {
		all[i] = p.Check
		all[i].Result = "not_run"
	}
	return all
}

func (r *run) makePlan() {
	if r.wants("store") {
		r.planStore()
	}
	if r.wants("scenarios") {
		r.planScenarios()
	}
	if r.wants("sweep") {
		r.planSweep()
	}
	if r.wants("race") {
		r.planRace()
	}
}

func (r *run) checks(ctx context.Context) {
	r.makePlan()
	for i, p := range r.plan {
		c := p.Check
		if ctx.Err() == nil {
			if r.o.Progress != nil {
				r.o.Progress(Progress{Part: p.Part, Check: p.Name, Done: i, Total: len(r.plan), Requests: r.m.requests.Load()})
			}
			start := time.Now()
			seen, follows := p.run(ctx)
			c.Seconds = time.Since(start).Seconds()
			c.Result = "pass"
			if len(seen) > 0 {
				c.Result, c.Seen, c.Follows = "fail", seen[0], follows
				if len(seen) > 1 {
					c.Seen += fmt.Sprintf(" (and %d more)", len(seen)-1)
				}
			}
		}
		if ctx.Err() != nil { // what was cut off shows nothing
			c.Result, c.Seen, c.Follows = "not_run", "", ""
		}
		r.report.Checks = append(r.report.Checks, c)
	}
}

func (r *run) verdict() {
	for _, c := range r.report.Checks {
		switch c.Result {
		case "pass":
			r.report.Passed++
		case "fail":
			r.report.Failed++
		default:
			r.report.NotRun++
		}
	}
	switch {
	case r.report.Failed > 0:
		r.report.Verdict = "fail"
	case r.report.NotRun > 0:
		r.report.Verdict = "incomplete"
	default:
		r.report.Verdict = "pass"
	}
}
