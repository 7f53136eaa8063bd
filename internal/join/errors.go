package join

import "fmt"

// A BudgetError says that the memory allowed is too small for what cannot be
// split any further.
type BudgetError struct {
	What string // what does not fit
	Need int64  // bytes that would have been needed, at least
	Have int64  // [Options.MaxMemory]
}

// Error names what does not fit and what to do.
func (e *BudgetError) Error() string {
	return fmt.Sprintf("join: %s: %d bytes of memory needed, %d allowed; allow more memory", e.What, e.Need, e.Have)
}

// A SpillError says that a spill file could not be made, written or read.
type SpillError struct {
	Dir string // the directory of the file
	Op  string // create, write, read, remove
	Err error
}

// Error names the directory and what to do.
func (e *SpillError) Error() string {
	hint := "check that it exists and is writable, or choose another spill directory"
	switch e.Op {
	case "write":
		hint = "free space there, choose a spill directory on a larger disk, or allow more memory"
	case "read":
		hint = "the files there must not be touched while they are in use"
	case "remove":
		hint = "what is left there can be deleted"
	}
	return fmt.Sprintf("join: %s spill file in %s: %v (%s)", e.Op, e.Dir, e.Err, hint)
}

// Unwrap returns the operating system's error.
func (e *SpillError) Unwrap() error { return e.Err }
