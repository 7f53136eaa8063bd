package sim

import (
	"time"

	"github.com/deltalog/deltalog/conformance/model"
)

// A Tier says what a history's tables are made of.
type Tier string

// The tiers.
const (
	// Log is transactions of package txlog on files that only have names.
	Log Tier = "log"
	// Parquet is package delta, with rows.
	Parquet Tier = "parquet"
)

// A Profile is a kind of store: which faults it has.
type Profile string

// The profiles.
const (
	// S3 answers 409 and 503 beside 412, and its clients send requests twice.
	S3 Profile = "s3"
	// GCS limits the rate of changes to one object.
	GCS Profile = "gcs"
	// Posix is a shared file system: it has no hidden retries, but runs full.
	Posix Profile = "posix"
	// Legacy is a store whose listings lag behind, against the contract of
	// logstore.Store. Reads may then be old, and must be right nevertheless; writes
	// keep all their promises.
	Legacy Profile = "legacy"
)

// A Plan is what the processes of a history are to do.
type Plan struct {
	Seed    uint64
	Tier    Tier
	Profile Profile
	Table   TableSpec
	Actors  []Actor
	// Switch is how likely another process goes on after a call.
	Switch float64
	// Faults is how likely a call is struck, and Most how many are, at most.
	Faults float64
	Most   int
	// Trace keeps a line for each call.
	Trace bool `json:",omitempty"`
}

// A TableSpec is the table that a history is about.
type TableSpec struct {
	// Absent leaves it to the actors to make the table.
	Absent     bool              `json:",omitempty"`
	Properties map[string]string `json:",omitempty"`
	// Commits is how many commits the table has before the history begins.
	Commits int
}

// An Actor does its tasks one after the other. It is a process, and another one
// after each crash.
type Actor struct {
	Name string
	// Start is when it begins.
	Start time.Duration
	// Skew is how wrong its clock is; Frozen that it stands still.
	Skew   time.Duration `json:",omitempty"`
	Frozen bool          `json:",omitempty"`
	Tasks  []Task
}

// A Task is a piece of work. With a key it is tried again until its outcome is
// known, also by a new process after a crash.
type Task struct {
	Op       OpKind
	Work     *model.Op     `json:",omitempty"` // of the tier with rows
	Parts    []string      `json:",omitempty"` // partitions
	Rows     int           `json:",omitempty"` // to be written
	Key      string        `json:",omitempty"` // idempotency key; empty: none
	Policy   int           `json:",omitempty"` // what its replay means: a txlog.ReplayPolicy
	Seq      int64         `json:",omitempty"` // > 0: the number in a sequence under Key
	Content  int           `json:",omitempty"` // tells apart works with one key
	Copies   int           `json:",omitempty"` // how many run it at once beside the first
	Isolate  string        `json:",omitempty"` // isolation level; empty: the table's
	Stale    bool          `json:",omitempty"` // begin with the snapshot at hand, without looking for a newer one
	Variant  int           `json:",omitempty"` // of the operation
	Wait     time.Duration `json:",omitempty"` // before it begins
	Parallel int           `json:",omitempty"` // requests at once
}

// An OpKind is what a task does.
type OpKind string

// The operations of writers.
const (
	OpCreate   OpKind = "create"
	OpAppend   OpKind = "append"
	OpReplace  OpKind = "replace"
	OpReload   OpKind = "reload"
	OpDelete   OpKind = "delete"
	OpUpdate   OpKind = "update"
	OpInsert   OpKind = "insert" // rows whose id the table does not have
	OpSchema   OpKind = "schema"
	OpOptimize OpKind = "optimize"
	OpWork     OpKind = "work" // on rows: see Task.Work
)

// The operations of others.
const (
	OpRead       OpKind = "read"
	OpTravel     OpKind = "travel"
	OpTail       OpKind = "tail"
	OpCheckpoint OpKind = "checkpoint"
	OpChecksum   OpKind = "checksum"
	OpCleanup    OpKind = "cleanup"
	OpForeign    OpKind = "foreign"
)

// writes reports whether the operation commits through the library.
func (k OpKind) writes() bool {
	switch k {
	case OpCreate, OpAppend, OpReplace, OpReload, OpDelete, OpUpdate, OpInsert, OpSchema, OpOptimize, OpWork:
		return true
	}
	return false
}

// makes reports whether the operation makes a table that is not there.
func (k OpKind) makes() bool {
	switch k {
	case OpCreate, OpAppend, OpReplace, OpReload:
		return true
	}
	return false
}

func (k OpKind) role() string {
	switch k {
	case OpRead, OpTravel, OpTail:
		return "reader"
	case OpCheckpoint, OpChecksum, OpCleanup:
		return "maintainer"
	case OpForeign:
		return "foreign"
	}
	return "writer"
}

// A Script is a plan and everything that was decided while it was played, so
// that it can be played again.
type Script struct {
	Plan     Plan
	Faults   []*Fault `json:",omitempty"`
	Switches []Switch `json:",omitempty"`
}

// A Switch says which process goes on after a call.
type Switch struct {
	After string // the process that was chosen last; empty: none was
	Ord   int    // how often that was chosen so far
	To    string
	Index int `json:",omitempty"` // of the calls of To that could be made
}

// A replay plays a script.
type replay struct {
	faults   map[callID]*Fault
	switches map[callID]Switch
}

type callID struct {
	proc string
	ord  int
}

func newReplay(s *Script) *replay {
	r := &replay{faults: map[callID]*Fault{}, switches: map[callID]Switch{}}
	for _, f := range s.Faults {
		r.faults[callID{f.Proc, f.Ord}] = f
	}
	for _, s := range s.Switches {
		r.switches[callID{s.After, s.Ord}] = s
	}
	return r
}

// choose returns which of the calls is made next. What the script does not say,
// or what cannot be, is as usual.
func (r *replay) choose(last callID, es []*request, usual int) int {
	s, ok := r.switches[last]
	if !ok {
		return usual
	}
	n := 0
	for i, e := range es {
		if e.proc.id != s.To {
			continue
		}
		if n == s.Index {
			return i
		}
		n++
	}
	return usual
}
