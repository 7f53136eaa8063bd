package conformance

import (
	"context"
	"fmt"

	"github.com/deltalog/deltalog/txlog/logstore"
)

// A Harness says how an engine is driven.
type Harness struct {
	// Engine is its name and version: "delta-rs 1.6.6 (Python)".
	Engine string
	// Storage is where its tables are and what injects faults there.
	Storage string
	// Settings are those of the engine that are not its defaults, for the report.
	Settings []string
	// Lacks says why scenarios that need a feature are not applicable. A verb
	// that the engine does not have is lacked under its own name.
	Lacks map[Feature]string

	// Table returns a fresh place for a table, of which there is nothing yet.
	Table func(ctx context.Context) (Table, error)
	// Second reads the rows of a table by an engine that is neither the judged one
	// nor this project's reader, or a stage of it: nil if there is none. url is
	// Table.URL.
	Second func(ctx context.Context, url string) ([]Row, error)
}

// A Feature is what a scenario needs of an engine and of what injects faults. Verbs
// are features.
type Feature string

// The features that are not verbs.
const (
	Keys          Feature = "keys"          // Op.App: work that is applied once
	Reads         Feature = "reads"         // Client.Read by the engine's own reader
	LostAnswer    Feature = "lost answer"   // Fault.Answer = AnswerLost
	Interleave    Feature = "interleave"    // Fault.Before and After
	Duplicate     Feature = "duplicate"     // Fault.Deliver = 2
	Conflict409   Feature = "409"           // Fault.Answer = Answer409
	FailLater     Feature = "fail later"    // Fault.Then = ThenFailWrites
	Death         Feature = "death"         // Fault.Then = ThenDie
	SharedDisk    Feature = "shared disk"   // the table is on a local disk that several processes write
	ManyProcesses Feature = "own processes" // each client is a process of its own
)

// A Table is a place for one table.
type Table interface {
	// URL is the table as the engine calls it.
	URL() string
	// Store opens the table's storage directly, without faults. The judge reads it.
	Store(ctx context.Context) (logstore.Store, error)
	// Client starts a client of the engine that knows nothing of the table yet.
	Client(ctx context.Context) (Client, error)
	// Close ends what the table's clients left running.
	Close() error
}

// A Client is a process of the engine, or what comes nearest to one: it shares
// nothing with other clients but storage.
type Client interface {
	// Do does an operation to its end. The error is that of the harness and ends
	// the scenario; what the engine said, also when it failed, is the Answer.
	Do(ctx context.Context, op Op) (Answer, error)
	// Read returns all rows as this engine reads them now; an engine's own refusal
	// is an error.
	Read(ctx context.Context) ([]Row, error)
	// Inject sets what happens to a coming write of a commit by this client.
	// Fired says afterwards whether it has happened.
	Inject(f Fault)
	Fired() bool
	// Close ends the client, whatever it is doing.
	Close() error
}

// A Said is what an engine told its caller, as far as a job can act on it.
type Said uint8

// What is said.
const (
	Done    Said = iota // success
	Skipped             // success, and said to have been applied before
	Refused             // an error that says that nothing was committed, such as a conflict
	Unknown             // an error that says that the outcome is open
	Failed              // an error that says neither, such as the storage's own
)

func (s Said) String() string {
	return [...]string{"done", "already applied", "refused", "outcome unknown", "failed"}[s]
}

// An Answer is what an engine told its caller.
type Answer struct {
	Said    Said
	Version int64  // of the commit, as told; -1 if it was not
	Text    string // of an error: its class and message
}

func (a Answer) String() string {
	switch {
	case a.Text != "":
		return fmt.Sprintf("%s: %s", a.Said, a.Text)
	case a.Version >= 0:
		return fmt.Sprintf("%s in version %d", a.Said, a.Version)
	}
	return a.Said.String()
}

// A Fault is what happens to one request of a client: the one that would make the
// next version of the table (PUT-if-absent of N.json, or what the engine does in
// its place). The steps are in the order of the fields.
type Fault struct {
	// Nth is the how manieth such request of the client since Inject it is, from 1.
	// 0 is 1.
	Nth int
	// Before is called while the request waits on its way to the store.
	Before func()
	// Deliver is how often the store gets the request: 0 is once, 2 is twice, as a
	// proxy that retries does, -1 never.
	Deliver int
	// After is called when the store has acted and the client waits for an answer.
	After func()
	// Answer is what the client is told.
	Answer AnswerFault
	// Then is what happens to the client's later requests.
	Then Then
}

// An AnswerFault is what a client is told about a request.
type AnswerFault uint8

// The answers.
const (
	AnswerTrue AnswerFault = iota // what the store said last
	AnswerLost                    // nothing: the connection breaks, or an error of no class
	Answer409                     // "409 ConditionalRequestConflict" of S3: nothing was done, try again
)

// Then is what happens to the requests that follow.
type Then uint8

// What happens then.
const (
	ThenGoOn       Then = iota
	ThenFailWrites      // every later write fails without effect
	ThenDie             // nothing of the client reaches the store again: its process is dead
)
