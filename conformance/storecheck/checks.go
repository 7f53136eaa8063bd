package storecheck

import (
	"fmt"
	"sync/atomic"
)

// A Check tests one promise.
type Check struct {
	Name    string
	Promise string // what a store promises, in one sentence
	Follows string // what happens to a table on a store that does not keep it
	run     func(t T, h *Harness)
}

// Run runs the check; h must have been prepared. Failures are reported to t with
// the promise and what follows.
func (c Check) Run(t T, h *Harness) {
	t.Helper()
	c.run(&explained{T: t, check: c}, h)
}

// An explained T says with the first failure which promise was broken, and does
// not go on for ever about one.
type explained struct {
	T
	check Check
	told  atomic.Int32
}

// mostTold is how many failures of one check are shown.
const mostTold = 5

// tell returns the text of a failure, "" if enough has been said.
func (e *explained) tell(format string, args []any) string {
	seen := fmt.Sprintf(format, args...)
	switch n := e.told.Add(1); {
	case n == 1:
		return "the store broke a promise\n" + Failure{
			Check: e.check.Name, Promise: e.check.Promise, Message: seen, Follows: e.check.Follows,
		}.String()
	case n < mostTold:
		return "also seen: " + seen
	case n == mostTold:
		return "also seen: " + seen + " (what else was seen is not shown)"
	}
	return ""
}

func (e *explained) Errorf(format string, args ...any) {
	e.Helper()
	if text := e.tell(format, args); text != "" {
		e.T.Errorf("%s", text)
	}
}

func (e *explained) Fatalf(format string, args ...any) {
	e.Helper()
	e.T.Fatalf("%s", e.tell(format, args))
}

// What follows for a table, where several promises have the same consequence.
const (
	losesCommits = "two writers are both told that their commit is the next version, and one of the two is lost without an error anywhere; " +
		"no table may be written on this store by more than one process at a time"
	losesSight  = "a writer does not see versions or files that are there, and a reader sees a table without its newest rows"
	publishHalf = "a writer that is killed or fails leaves half a file under its final name, which a table then reads"
	misleads    = "an error is taken for another one, and a writer tells its caller something about a commit that is not true"
	corrupts    = "rows are read that nobody wrote, or a table cannot be read"
)

// All returns every check, cheap ones first.
func All() []Check {
	return append([]Check(nil), checks...)
}

var checks = []Check{
	{"put and read back", "an object that was put is there whole, by every way of reading it", corrupts, checkPut},
	{"put if absent", "a Put with IfAbsent of a name that exists fails with ErrExist and changes nothing", losesCommits, checkPutIfAbsent},
	{"overwrite", "a Put with Overwrite replaces the object, and reads after it see the new one", losesSight, checkOverwrite},
	{"objects do not share memory with the caller", "an object does not change when the caller re-uses its bytes", corrupts, checkAliasing},
	{"empty objects", "an object may have no bytes, and exists all the same", corrupts, checkEmpty},
	{"missing objects", "reading what is not there fails with ErrNotExist", misleads, checkMissing},
	{"ranges", "a range gives the bytes that were asked for, as far as there are any", corrupts, checkRanges},
	{"read limit", "an object above the limit is refused with ErrTooLarge and not read into memory", "a hostile object ends the process by its size", checkLimit},
	{"stat", "Stat gives an object's size and time", misleads, checkStat},
	{"delete", "a deleted object is gone at once, and deleting what is not there is no error", losesSight, checkDelete},
	{"bad names are refused", "names that could lead outside the root are refused", "files outside the table are read or written", checkBadNames},
	{"odd names are kept", "names are bytes, and listings give them as they were put", "files of partitions with odd values are not found, or are taken for others", checkOddNames},
	{"cancelled contexts", "a call whose context is over has no effect and says so", misleads, checkCancelled},
	{"list of nothing", "a root or prefix without objects is an empty list, no error", misleads, checkListEmpty},
	{"list options", "prefix, start and depth select exactly what they say", losesSight, checkListOptions},
	{"list order in directories", "a listing is in order of the names' bytes, also across directories", losesSight, checkListAwkward},
	{"list of many", "a listing has every object once, across pages", losesSight, checkListMany},
	{"list while written", "a listing has every object whose Put returned before it began", losesSight, checkListWhileWritten},
	{"list stops when told", "a listing may be left early and ranged over again", "a process leaks, or sees old listings", checkListBreak},
	{"writer", "a streamed object is there whole once Close has returned, and not before", publishHalf, checkWriter},
	{"writer aborted", "an aborted stream leaves no object", publishHalf, checkWriterAbort},
	{"writer cancelled", "a stream whose context is over leaves no object", publishHalf, checkWriterCancel},
	{"writer refuses a name in use", "a stream does not replace an object of its name", corrupts, checkWriterExists},
	{"large object", "an object larger than one request is whole", corrupts, checkLarge},
	{"overwritten while read", "a reader sees an object before or after it is replaced, never a mixture", corrupts, checkOverwriteRace},
	{"race of writers", "of any number of goroutines that put one name at once with IfAbsent exactly one is told that it won, and its bytes stay", losesCommits, checkRace},
	{"race of processes", "of any number of processes that put one name at once with IfAbsent exactly one is told that it won, and its bytes stay", losesCommits, checkProcessRace},
}
