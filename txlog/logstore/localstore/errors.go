package localstore

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/deltalog/deltalog/txlog/logstore"
)

// wrap says what was done to which object, and adds the class of a system error.
// It returns nil for nil.
func (s *Store) wrap(verb, name string, err error) error {
	if err == nil {
		return nil
	}
	class := s.class(err)
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err // the path inside the root says no more than name does
	}
	if class == nil || errors.Is(err, class) {
		return fmt.Errorf("localstore: %s %q in %s: %w", verb, name, s.path, err)
	}
	return fmt.Errorf("localstore: %s %q in %s: %w: %w", verb, name, s.path, class, err)
}

// class returns which of logstore's errors a system error is, or nil. The
// system's answer is definite: the call that got it did nothing.
func (s *Store) class(err error) error {
	switch {
	case missing(err):
		return logstore.ErrNotExist
	case errors.Is(err, fs.ErrExist):
		return logstore.ErrExist
	case errors.Is(err, fs.ErrPermission), isReadOnly(err):
		return logstore.ErrPermission
	case isNoSpace(err):
		return logstore.ErrNoSpace
	case isTooManyFiles(err):
		return logstore.ErrUnavailable
	case s.escapes != nil && errors.Is(err, s.escapes), isBadPath(err), errors.Is(err, fs.ErrClosed):
		return logstore.ErrRefused
	}
	return nil
}

// missing reports whether a name, or a directory on the way to it, is not there.
func missing(err error) bool {
	return err != nil && (errors.Is(err, fs.ErrNotExist) || isNotDir(err))
}

// notPublished gives a class to an error from before an object was given its
// name: whatever it is, there was no effect.
func (s *Store) notPublished(err error) error {
	switch {
	case definite(err):
		return err
	case missing(err):
		// Not "the object does not exist": a file is where its directory should be,
		// or the directory was taken away meanwhile.
		return fmt.Errorf("cannot use its directory: %w: %s", logstore.ErrRefused, err)
	case s.class(err) != nil:
		return err // wrap adds it
	}
	return fmt.Errorf("not written (%w): %w", logstore.ErrUnavailable, err)
}

// definite reports whether err carries one of logstore's classes already.
func definite(err error) bool {
	for _, class := range []error{logstore.ErrUnavailable, logstore.ErrRefused, logstore.ErrExist, logstore.ErrPermission, logstore.ErrNoSpace} {
		if errors.Is(err, class) {
			return true
		}
	}
	return false
}
