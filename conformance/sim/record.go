package sim

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/deltalog/deltalog/conformance/model"
	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/txlog"
)

// A Row is what tables hold: an id, the partition, and a number that updates
// count up. A file of the log-only tier lists its rows in its tags.
type Row struct {
	ID, P string
	N     int
}

// An Intent is what one attempt wants to do to the table, noted before it sends
// anything. The commit refers to it in its userMetadata.
type Intent struct {
	ID    string
	Task  string // equal for all attempts of one piece of work
	Op    OpKind
	Parts []string
	Rows  []Row
	Key   string
	Seq   bool
	Work  *model.Op // of the tier with rows
	// Number is what is recorded under Key.
	Number int64
	Policy txlog.ReplayPolicy
	Token  string
	// Base is the version that the attempt was planned on, and Level how much it
	// may have missed since.
	Base  txlog.Version
	Level txlog.Isolation
	// Property is set to Value by a change of metadata.
	Property, Value string
	Foreign         bool
}

// A Record is one call of one attempt: what was asked, and what the caller was
// told.
type Record struct {
	Intents   []string // of its plans, in order
	Task      string
	Op        OpKind
	Proc      string
	Call      int // step at which it was called
	Return    int // step at which it returned
	Crashed   bool
	State     txlog.State
	Version   txlog.Version
	Recovered bool
	Attempts  int
	Err       error
	Key       string
	Seq       bool
	Number    int64
	Calls     int // to the store
	FirstPut  int // step at which the first commit was sent; 0: none was
	Result    *delta.Result
	ids       [2]int64 // of the process, before and after
	Struck    int      // faults
	Took      time.Duration
	Delayed   time.Duration // by faults
	Plans     int
}

// A Read is what one reader saw.
type Read struct {
	Proc         string
	Call, Return int
	// Want is what was asked for: NoVersion for the newest.
	Want    txlog.Version
	Version txlog.Version
	Rows    map[Row]int
	Files   int64
	Txns    map[string]int64
	Props   map[string]string
	// Tail is set for a follower. It read the commit of Version, which has this
	// Token; or with rows the changes of the versions From to Version.
	Tail    bool
	Token   string
	From    txlog.Version
	Changes map[Change]int
	Table   *model.Table
}

// A Violation is something that must not be.
type Violation struct {
	Rule string // of the invariants: S1, T4 …
	Text string
}

func (v Violation) String() string { return v.Rule + ": " + v.Text }

// Counts are what happened, over one history or many.
type Counts struct {
	Histories  int            `json:"histories"`
	Operations int            `json:"operations"`
	Calls      int            `json:"calls"`
	Commits    int            `json:"commits"`
	Reads      int            `json:"reads"`
	Judged     int            `json:"judged_without_log"` // histories
	Fscked     int            `json:"looked_at_by_fsck"`  // histories
	Late       int            `json:"late_commits"`       // commits that landed after their answer
	Faults     map[string]int `json:"faults"`
	Outcomes   map[string]int `json:"outcomes"`
	Violations int            `json:"violations"`
}

func (c *Counts) hit(fault string) {
	if c.Faults == nil {
		c.Faults = map[string]int{}
	}
	c.Faults[fault]++
}

func (c *Counts) outcome(name string) {
	if c.Outcomes == nil {
		c.Outcomes = map[string]int{}
	}
	c.Outcomes[name]++
}

// Add adds what another history counted.
func (c *Counts) Add(o *Counts) {
	c.Histories += o.Histories
	c.Operations += o.Operations
	c.Calls += o.Calls
	c.Commits += o.Commits
	c.Reads += o.Reads
	c.Late += o.Late
	c.Judged += o.Judged
	c.Fscked += o.Fscked
	c.Violations += o.Violations
	for k, n := range o.Faults {
		c.hit(k)
		c.Faults[k] += n - 1
	}
	for k, n := range o.Outcomes {
		c.outcome(k)
		c.Outcomes[k] += n - 1
	}
}

// Total is how many faults struck.
func (c *Counts) Total() int {
	n := 0
	for _, k := range c.Faults {
		n += k
	}
	return n
}

// String is a table of all counters.
func (c *Counts) String() string {
	s := fmt.Sprintf("histories %d (%d of them judged without the log too, %d looked at by fsck), operations %d, calls %d, commits %d (%d of them late), reads %d, faults %d, violations %d\n",
		c.Histories, c.Judged, c.Fscked, c.Operations, c.Calls, c.Commits, c.Late, c.Reads, c.Total(), c.Violations)
	for _, k := range slices.Sorted(maps.Keys(c.Faults)) {
		s += fmt.Sprintf("  fault   %-24s %9d\n", k, c.Faults[k])
	}
	for _, k := range slices.Sorted(maps.Keys(c.Outcomes)) {
		s += fmt.Sprintf("  outcome %-24s %9d\n", k, c.Outcomes[k])
	}
	return s
}

// A Broken is a defect to plant, to see it found.
type Broken string

// The defects.
const (
	// IgnoresCondition is a store that overwrites commits.
	IgnoresCondition Broken = "ignores-condition"
	// NoReadBack is a writer that takes every error of a commit for failure.
	NoReadBack Broken = "no-read-back"
	// NextVersion is a writer that goes on at the next version without asking who
	// owns the one that failed.
	NextVersion Broken = "next-version"
	// KeyBefore is a writer that looks for its key only before it commits.
	KeyBefore Broken = "key-before"
	// StaleListing is a store that does not list what was just written.
	StaleListing Broken = "stale-listing"
	// StaleReplace is a writer that replaces the files it saw, and no others.
	StaleReplace Broken = "stale-replace"
)

// A Report is what a history came to.
type Report struct {
	Script     Script
	Hash       uint64 // of every call in order, and of what was told
	Violations []Violation
	Counts     Counts
	Trace      []string
	Records    []*Record
	Reads      []*Read
	Intents    map[string]*Intent
}
