// Package logstore is the seam between deltalog and storage: the one contract
// that every driver keeps, and the errors that callers act on.
//
// A [Store] is rooted at a table. It holds the log and the data files, and its
// conditional [Store.Put] is the only synchronisation between writers (what
// other Delta implementations call a LogStore). Drivers are in sub-packages:
// localstore, memstore, blobstore. conformance/storetest judges a driver.
//
// A Store never retries a conditional Put by itself: whoever asked decides what
// an unclear answer means.
package logstore

import (
	"context"
	"errors"
	"io"
	"iter"
	"time"
)

// A Store is the objects below one table's root.
//
// Names are slash-separated paths relative to the root, exactly as they are in
// storage: nothing is encoded or decoded. A name is valid by [CheckName]. A
// Store is safe for concurrent use.
//
// Every method returns errors that match one of the errors below ([ErrNotExist],
// [ErrExist], [ErrUnavailable]...) under errors.Is only when that is definite;
// anything else (time-outs, resets, 5xx, contexts cancelled on the way) matches
// none of them, and for Put, Delete and Close of a Writer means that the outcome
// is not known. A call whose context was over before anything was sent may match
// ErrUnavailable beside the context's error.
type Store interface {
	// URL names the root for people: scheme, bucket and path, never credentials.
	URL() string

	// Read returns the whole object and costs one request. An object larger
	// than limit bytes is an error that matches ErrTooLarge; limit ≤ 0 means
	// DefaultReadLimit.
	Read(ctx context.Context, name string, limit int64) ([]byte, error)

	// ReadRange returns a reader of n bytes from offset off; n < 0 means to the
	// end. A range that reaches beyond the end gives the bytes there are, which
	// may be none; a negative off is refused. The context governs the whole body. Costs one request; a body that breaks is
	// resumed where it broke a bounded number of times.
	ReadRange(ctx context.Context, name string, off, n int64) (io.ReadCloser, error)

	// Stat returns the size and time of an object without its content.
	Stat(ctx context.Context, name string) (Object, error)

	// List yields the objects (never directories) whose names start with
	// o.Prefix and are greater than o.StartAfter, in order of the names' bytes.
	// It sees every object whose Put or Close returned before List was called.
	// An absent root is an empty list. The sequence ends at the first error.
	List(ctx context.Context, o ListOptions) iter.Seq2[Object, error]

	// Put writes a whole object in one request, atomically: a reader sees all
	// of data or what was there before. With IfAbsent it fails with ErrExist if
	// the name exists, and of any number of concurrent calls at most one
	// returns nil. It makes one attempt. When it returns nil the object is
	// durable and visible to every later Read and List.
	Put(ctx context.Context, name string, data []byte, mode PutMode) error

	// Create starts a new object of unknown size, under a name that nobody else
	// uses. Nothing is visible before the Writer's Close is called, and all of it
	// is visible and durable when Close returns nil. The context governs the
	// Writer until then: once it is over, Write and Close fail and nothing is
	// published that was not already being published.
	Create(ctx context.Context, name string) (Writer, error)

	// Delete removes an object. Deleting one that does not exist is no error.
	Delete(ctx context.Context, name string) error

	// Close releases what the Store holds. It does not end open Writers.
	Close() error
}

// A Flusher is a Store that can show an object before it is known to survive a
// power cut, namely while the Put or Close that made it has not returned, and
// for ever if it was killed: the local file system does.
type Flusher interface {
	// Flush makes an object survive a power cut, whoever wrote it. A nil error
	// says that it does.
	Flush(ctx context.Context, name string) error
}

// Flush makes sure that an object which was found in a store, rather than written
// by the caller, survives a power cut. It is to be called before others are told to
// rely on it. It makes a request only of a [Flusher], found as by [As].
func Flush(ctx context.Context, s Store, name string) error {
	if f, ok := As[Flusher](s); ok {
		return f.Flush(ctx, name)
	}
	return nil
}

// As finds what can do T: the store itself, or one that is wrapped in it, which a
// store shows by a method Unwrap() Store.
func As[T any](s Store) (t T, ok bool) {
	for {
		if t, ok = s.(T); ok {
			return t, true
		}
		w, wraps := s.(interface{ Unwrap() Store })
		if !wraps {
			return t, false
		}
		s = w.Unwrap()
	}
}

// A Writer uploads one object in a stream.
//
// A Writer has one owner. Either Close or Abort must be called; Abort after Close
// does nothing, so it can be deferred.
type Writer interface {
	// Write takes the next bytes. After it has failed, Close publishes nothing
	// and fails too.
	io.Writer
	// Close publishes the object. Its error is the object's outcome: one that
	// matches ErrExist when the name was in use, none of the definite errors when
	// the outcome is not known.
	Close() error
	// Abort publishes nothing, and leaves nothing behind that the store can be
	// told to remove.
	Abort()
}

// A PutMode says what Put does when the name exists.
type PutMode uint8

// The modes.
const (
	IfAbsent  PutMode = iota // fail with ErrExist
	Overwrite                // replace it
)

// An Object is one entry of a listing.
type Object struct {
	Name     string
	Size     int64
	Modified time.Time
}

// ListOptions choose what List yields.
type ListOptions struct {
	Prefix     string // names start with this; not a directory: "_delta_log/0000" is fine
	StartAfter string // names are greater than this; drivers that can, skip at the server
	// Shallow leaves out names with a slash after Prefix. Drivers that can, do not descend.
	Shallow bool
}

// DefaultReadLimit is the largest object that Read returns unless told otherwise: 1 GiB.
const DefaultReadLimit = 1 << 30

// Errors to test with errors.Is. Each is definite: the request had no effect,
// ErrNotDurable apart.
var (
	ErrNotExist   = errors.New("object does not exist")
	ErrExist      = errors.New("object already exists")
	ErrPermission = errors.New("permission denied")
	ErrNoSpace    = errors.New("no space left")
	ErrTooLarge   = errors.New("object larger than the limit")
	ErrBadName    = errors.New("invalid object name")
	// ErrRefused: the store understood and refused the request for a reason of
	// its own (bad request, unsupported); it had no effect and a retry will not help.
	ErrRefused = errors.New("request refused")
	// ErrUnavailable: the request was definitely not carried out (throttled
	// before it was looked at, connection refused, conflict with a concurrent
	// request on the same name); a retry may help.
	ErrUnavailable = errors.New("store unavailable")
	// ErrNotDurable: the request had its effect, but it is not known whether that
	// survives a power cut. Sending it again does not help; a later [Flush] may.
	ErrNotDurable = errors.New("written, but perhaps not for good")
	// ErrUnsafe: the store does not keep the promise of IfAbsent (see Probe).
	ErrUnsafe = errors.New("store does not honour conditional writes")
)
