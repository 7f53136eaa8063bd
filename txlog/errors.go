package txlog

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Errors to test with errors.Is.
var (
	// ErrTableNotFound: there is no _delta_log with a commit or a checkpoint.
	ErrTableNotFound = errors.New("table not found")
	// ErrVersionNotFound: the table has no such version, or it can no longer be
	// put together from what is left of its log.
	ErrVersionNotFound = errors.New("version not found")
	// ErrCorrupt: bytes in storage break the format. See [CorruptError].
	ErrCorrupt = errors.New("corrupt table")
)

// A CorruptError says which object breaks the format, and where. It matches
// [ErrCorrupt].
type CorruptError struct {
	Path string // name of the object below the table's root
	Line int    // of a text object, counted from 1; 0: not known
	Err  error  // what is wrong, and what can be done
}

func (e *CorruptError) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("txlog: %s is corrupt at line %d: %v", e.Path, e.Line, e.Err)
	}
	return fmt.Sprintf("txlog: %s is corrupt: %v", e.Path, e.Err)
}

func (e *CorruptError) Unwrap() []error { return []error{ErrCorrupt, e.Err} }

// An UnsupportedFeatureError lists everything that a table needs and this
// package does not implement, before anything was read or written.
type UnsupportedFeatureError struct {
	Features []Feature // table features, by name and in order
	Write    bool      // they are needed to write; reading may be possible
	// Reasons has one sentence for what has no feature name or needs one:
	// protocol versions out of range, an expression that would have to be
	// evaluated.
	Reasons []string
}

func (e *UnsupportedFeatureError) Error() string {
	var b strings.Builder
	b.WriteString("cannot ")
	if e.Write {
		b.WriteString("write to")
	} else {
		b.WriteString("read")
	}
	b.WriteString(" this table: ")
	if len(e.Features) > 0 {
		names := make([]string, len(e.Features))
		for i, f := range e.Features {
			names[i] = string(f)
		}
		b.WriteString("it needs ")
		b.WriteString(strings.Join(names, ", "))
		b.WriteString(", which this version of deltalog does not support")
		if len(e.Reasons) > 0 {
			b.WriteString("; ")
		}
	}
	b.WriteString(strings.Join(e.Reasons, "; "))
	return b.String()
}

// add records a feature once, with an optional reason.
func (e *UnsupportedFeatureError) add(f Feature, reason string) {
	if f != "" && !slices.Contains(e.Features, f) {
		e.Features = append(e.Features, f)
	}
	if reason != "" {
		e.Reasons = append(e.Reasons, reason)
	}
}

// orNil returns e sorted, or nil when nothing was recorded.
func (e *UnsupportedFeatureError) orNil() error {
	if len(e.Features) == 0 && len(e.Reasons) == 0 {
		return nil
	}
	slices.Sort(e.Features)
	return e
}

// A PathError says that a path in the log does not name an object inside the
// table, and why. It matches [ErrCorrupt] unless the path is only elsewhere.
type PathError struct {
	Path   string // as in the log
	Reason string
	// Outside: the path is well-formed and absolute, and leads to another
	// place than the table's root (a shallow clone, for instance).
	Outside bool
}

func (e *PathError) Error() string {
	return fmt.Sprintf("txlog: path %q %s", e.Path, e.Reason)
}

// Is makes malformed paths match [ErrCorrupt].
func (e *PathError) Is(target error) bool { return target == ErrCorrupt && !e.Outside }
