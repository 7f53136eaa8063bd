package localstore

import (
	"context"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/deltalog/deltalog/txlog/logstore"
)

// maxListed bounds how deep a listing goes: other programs can nest directories
// further than any name that a Store takes.
const maxListed = 4 * logstore.MaxNameBytes

// List implements [logstore.Store]. It reads the directories that can hold a
// match, each one whole, and holds one open for each level it is in. Left out
// are temporary files, whatever is not a regular file, and what is behind a
// symbolic link to a directory; a link to a file inside the root is listed.
func (s *Store) List(ctx context.Context, o logstore.ListOptions) iter.Seq2[logstore.Object, error] {
	return func(yield func(logstore.Object, error) bool) {
		fail := func(err error) { yield(logstore.Object{}, s.wrap("list", o.Prefix, err)) }
		if err := logstore.CheckPrefix(o.Prefix); err != nil {
			fail(err)
			return
		}
		l := &lister{ctx: ctx, s: s, o: o, yield: yield}
		err := s.inRoot(func(root *os.Root) error {
			l.root = root
			return l.start()
		})
		if err != nil && !missing(err) && !l.stopped {
			fail(err)
		}
	}
}

// A lister is one listing under way.
type lister struct {
	ctx     context.Context
	s       *Store
	o       logstore.ListOptions
	root    *os.Root
	yield   func(logstore.Object, error) bool
	stopped bool // the caller has had enough
	steps   int
	dirs    int // that were opened
}

// An entry is what a directory has. Its key is its name, for a directory with the
// slash that every name below has next: so keys sort as whole names do, and
// "a-b" comes before "a/c".
type entry struct {
	key  string
	kind fs.FileMode
}

// start lists from the directory that the prefix is in.
func (l *lister) start() error {
	return l.walk(l.o.Prefix[:strings.LastIndexByte(l.o.Prefix, '/')+1])
}

// walk lists a directory; at is its name and a slash, or "" for the root.
func (l *lister) walk(at string) error {
	if len(at) > maxListed {
		return fmt.Errorf("directories are nested too deep at %.64q...: %w", at, logstore.ErrRefused)
	}
	dirName := strings.TrimSuffix(at, "/")
	if dirName == "" {
		dirName = "."
	}
	dir, err := l.root.OpenFile(dirName, os.O_RDONLY|openNonblock, 0)
	if err != nil {
		return err
	}
	defer dir.Close()
	l.dirs++
	entries, err := l.read(dir, at)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if l.steps++; l.steps%512 == 0 {
			if err := l.ctx.Err(); err != nil {
				return err
			}
		}
		if e.kind.IsDir() {
			// One that has gone since is empty.
			if err := l.walk(at + e.key); err != nil && !missing(err) {
				return err
			}
		} else if err := l.file(dir, dirName, at, e); err != nil {
			return err
		}
		if l.stopped {
			return nil
		}
	}
	return nil
}

// read returns the entries that can hold matches, in order.
func (l *lister) read(dir *os.File, at string) ([]entry, error) {
	if err := l.ctx.Err(); err != nil {
		return nil, err
	}
	// What the options ask of a name, said of its part in this directory.
	prefix := l.o.Prefix[min(len(at), len(l.o.Prefix)):]
	after, inside := strings.CutPrefix(l.o.StartAfter, at)
	if !inside {
		if l.o.StartAfter > at {
			return nil, nil // every name below is smaller
		}
		after = ""
	}
	var entries []entry
	err := readDir(dir, func(name []byte, kind fs.FileMode) {
		if kind.IsDir() {
			if l.o.Shallow {
				return
			}
			name = append(name, '/')
		}
		if len(name) < len(prefix) || string(name[:len(prefix)]) != prefix {
			return
		}
		if string(name) <= after && !(kind.IsDir() && len(after) >= len(name) && after[:len(name)] == string(name)) {
			return
		}
		if e := (entry{key: string(name), kind: kind}); !isTemp(e.key) {
			entries = append(entries, e)
		}
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.key, b.key) })
	return entries, nil
}

// file yields one file.
func (l *lister) file(dir *os.File, dirName, at string, e entry) error {
	o := logstore.Object{Name: at + e.key}
	var regular bool
	var err error
	switch {
	case e.kind&fs.ModeSymlink != 0:
		o.Size, o.Modified, regular = l.follow(o.Name)
	case e.kind.IsRegular():
		o.Size, o.Modified, regular, err = statAt(l.root, dir, dirName, e.key)
	}
	if missing(err) {
		return nil // deleted since the directory was read
	}
	if err != nil {
		return err
	}
	if regular && !l.yield(o, nil) {
		l.stopped = true
	}
	return nil
}

// follow is what Read would find behind a symbolic link: a file inside the root,
// or nothing.
func (l *lister) follow(name string) (size int64, modified time.Time, regular bool) {
	info, err := l.root.Stat(name)
	if err != nil || !info.Mode().IsRegular() {
		return 0, time.Time{}, false
	}
	return info.Size(), info.ModTime(), true
}

// Sweep removes the temporary files that writers which were killed have left
// anywhere below the root and that were last written before a time, and returns
// how many. Choose a time that no upload still under way can have begun before,
// such as a week ago; a writer whose file is swept fails, and publishes nothing.
func (s *Store) Sweep(ctx context.Context, before time.Time) (removed int, err error) {
	err = s.inRoot(func(root *os.Root) error {
		return eachTemp(ctx, root, func(name string, info fs.FileInfo) error {
			if !info.ModTime().Before(before) {
				return nil
			}
			err := s.remove(root, name)
			if err == nil {
				removed++
			}
			return err
		})
	})
	if missing(err) {
		err = nil // no root
	}
	return removed, s.wrap("sweep", ".", err)
}

// Leftovers returns the temporary files below the root: of writers that were killed,
// which Sweep removes, and of uploads that are under way. Listings leave them out.
func (s *Store) Leftovers(ctx context.Context) (objs []logstore.Object, err error) {
	err = s.inRoot(func(root *os.Root) error {
		return eachTemp(ctx, root, func(name string, info fs.FileInfo) error {
			objs = append(objs, logstore.Object{Name: name, Size: info.Size(), Modified: info.ModTime()})
			return nil
		})
	})
	if missing(err) {
		err = nil // no root
	}
	return objs, s.wrap("look for temporary files", ".", err)
}

// eachTemp calls f for each temporary file below the root.
func eachTemp(ctx context.Context, root *os.Root, f func(name string, info fs.FileInfo) error) error {
	return fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		if missing(err) {
			return nil
		}
		if err != nil || !d.Type().IsRegular() || !isTemp(d.Name()) {
			return err
		}
		info, err := root.Lstat(name)
		if missing(err) {
			return nil
		}
		if err != nil {
			return err
		}
		return f(name, info)
	})
}
