// Package diskcall describes the system calls with which the local driver changes
// a disk, for tests that record them, make them fail, or end the process at one.
//
// A test gives localstore.Store.Intercept a [Hook]. Outside of tests there is
// none, and no call is described to anybody.
package diskcall

// The calls. The file of a call is one that is being written: see Call.File.
const (
	Mkdir         = "mkdir"          // make the directory Path
	SyncDir       = "sync dir"       // flush the entries of the directory Path
	OpenAnonymous = "open anonymous" // make the file, without a name
	OpenTemp      = "open temp"      // make the file, with the name Temp
	Write         = "write"          // append Data to the file
	SyncFile      = "sync file"      // flush the file's content
	Link          = "link"           // give the file the name Path too, if it is free
	Rename        = "rename"         // give the file the name Path in place of Temp, if it is free
	Replace       = "replace"        // the same, also if another file has it
	RemoveTemp    = "remove temp"    // remove the name Temp
	Remove        = "remove"         // remove the name Path
)

// A Call is a system call that is about to be made.
type Call struct {
	Op string
	// Path is what the call is about: a directory, or the name that a file has or
	// will have. It has slashes, and is relative to the store's directory, unless it
	// is that of a directory outside it, or its own, which are absolute.
	Path string
	// Temp is the name that the file has until it is published, as Path is; "" if
	// it has none.
	Temp string
	// File identifies the file that is being written, by ==; nil for calls without.
	File any
	// Data is what Write appends. It must not be kept.
	Data []byte
}

// A Hook decides whether to make a call, and what its result is.
type Hook func(c Call, do func() error) error
