package logstore

import (
	"fmt"
	"runtime"
	"strings"
)

// MaxNameBytes is the longest name that a Store takes, the limit of S3 and GCS.
const MaxNameBytes = 1024

// CheckName says whether name may be given to a Store; its error matches
// [ErrBadName].
//
// A name is bytes, not text: names that other programs made are used as they
// are, so percent signs, spaces, control characters and bytes that are not
// UTF-8 pass (stores that cannot hold one refuse it themselves). What is refused
// is what could lead outside the root or mean two things: an empty name or
// segment, a leading or trailing slash, the segments "." and "..", NUL, on
// Windows a backslash, and more than [MaxNameBytes] bytes.
func CheckName(name string) error {
	if name == "" {
		return badName(name, "is empty")
	}
	if err := checkBytes(name); err != nil {
		return err
	}
	for rest, more := name, true; more; {
		var segment string
		segment, rest, more = strings.Cut(rest, "/")
		if err := checkSegment(name, segment); err != nil {
			return err
		}
	}
	return nil
}

// CheckPrefix is CheckName for [ListOptions].Prefix: the empty prefix is valid,
// and what follows the last slash may be any beginning of a name.
func CheckPrefix(prefix string) error {
	if err := checkBytes(prefix); err != nil {
		return err
	}
	for rest := prefix; ; {
		segment, after, more := strings.Cut(rest, "/")
		if !more {
			return nil
		}
		if err := checkSegment(prefix, segment); err != nil {
			return err
		}
		rest = after
	}
}

func checkBytes(name string) error {
	switch {
	case len(name) > MaxNameBytes:
		return badName(name, fmt.Sprintf("has %d bytes, more than %d", len(name), MaxNameBytes))
	case strings.IndexByte(name, 0) >= 0:
		return badName(name, "contains a zero byte")
	case runtime.GOOS == "windows" && strings.IndexByte(name, '\\') >= 0:
		return badName(name, "contains a backslash")
	}
	return nil
}

func checkSegment(name, segment string) error {
	switch segment {
	case "":
		return badName(name, "has an empty segment")
	case ".", "..":
		return badName(name, "has the segment "+segment)
	}
	return nil
}

func badName(name, what string) error {
	const shown = 128
	if len(name) > shown {
		name = name[:shown] + "..."
	}
	return fmt.Errorf("logstore: name %q %s: %w", name, what, ErrBadName)
}
