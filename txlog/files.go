package txlog

import (
	"context"
	"errors"
	"iter"
	"strings"
	"sync"
)

// FilesOptions choose what [Snapshot.Files] yields. Nil means all live files,
// with everything that is known of them.
//
// The functions are called from several goroutines at once and must be pure.
type FilesOptions struct {
	// Partitions says whether files with these partition values are wanted. It
	// is asked before a file's other fields are decoded, and, where it can be
	// told, once for each partition. It must not change or keep the map.
	Partitions func(values map[string]*string) bool
	// Keep says whether a file is wanted.
	Keep func(*AddFile) bool
	// NoStats leaves AddFile.Stats empty where that saves reading them.
	NoStats bool
}

// keep reports whether the file is wanted.
func (o *FilesOptions) keep(a *AddFile) bool {
	return (o.Partitions == nil || o.Partitions(a.PartitionValues)) && (o.Keep == nil || o.Keep(a))
}

// Files yields the live files: those of the commits since the checkpoint, the
// newest first, then those of the checkpoint, in its order. The order is the
// same each time. Memory is bounded by the commits since the checkpoint, not by
// the number of files. Files that are yielded may be kept, and must not be
// changed: they share maps.
//
// The sequence ends at the first error.
func (s *Snapshot) Files(ctx context.Context, o *FilesOptions) iter.Seq2[*AddFile, error] {
	if o == nil {
		o = &FilesOptions{}
	}
	return func(yield func(*AddFile, error) bool) {
		seen := newKeySet(s.url)
		if !s.tailFiles(seen, func(a *AddFile) bool { return !o.keep(a) || yield(a, nil) }) {
			return
		}
		if s.base != nil {
			s.baseFiles(ctx, o, seen, yield)
		}
	}
}

// tailFiles calls f for each live file of the tail, and notes all files that the
// tail says anything about: what is older does not count. It returns false when
// f did.
//
// PROTOCOL.md, "Action Reconciliation": a file is its path and the id of its
// deletion vector; the newest action wins. Actions of one commit have no order:
// its adds win over its removes.
func (s *Snapshot) tailFiles(seen *keySet, f func(*AddFile) bool) bool {
	for l := s.tail; l != nil; l = l.older {
		for _, a := range l.commit.Actions {
			if add, ok := a.(*AddFile); ok && seen.add(add.Path, add.DeletionVector) && !f(add) {
				return false
			}
		}
		for _, a := range l.commit.Actions {
			if r, ok := a.(*RemoveFile); ok {
				seen.add(r.Path, r.DeletionVector)
			}
		}
	}
	return true
}

// Tombstones yields the files that were removed and are still remembered, in the
// order of [Snapshot.Files].
func (s *Snapshot) Tombstones(ctx context.Context) iter.Seq2[*RemoveFile, error] {
	return func(yield func(*RemoveFile, error) bool) {
		seen := newKeySet(s.url)
		for l := s.tail; l != nil; l = l.older {
			for _, a := range l.commit.Actions {
				if add, ok := a.(*AddFile); ok {
					seen.add(add.Path, add.DeletionVector)
				}
			}
			for _, a := range l.commit.Actions {
				if r, ok := a.(*RemoveFile); ok && seen.add(r.Path, r.DeletionVector) && !yield(r, nil) {
					return
				}
			}
		}
		if s.base != nil {
			s.base.tombstones(ctx, seen, yield)
		}
	}
}

// A keySet is the set of the files that were seen.
type keySet struct {
	root string
	m    map[FileKey]struct{}
}

func newKeySet(root string) *keySet { return &keySet{root: root, m: map[FileKey]struct{}{}} }

func (k *keySet) key(path string, dv *DVDescriptor) FileKey {
	return FileKey{Path: canonicalIn(k.root, path), DVID: dv.ID()}
}

// add notes a file and reports whether it is new.
func (k *keySet) add(path string, dv *DVDescriptor) bool {
	key := k.key(path, dv)
	if _, ok := k.m[key]; ok {
		return false
	}
	k.m[key] = struct{}{}
	return true
}

func (k *keySet) has(path string, dv *DVDescriptor) bool {
	if len(k.m) == 0 {
		return false
	}
	_, ok := k.m[k.key(path, dv)]
	return ok
}

// canonicalIn is [CanonicalPath], with absolute paths below the table's root
// made relative.
func canonicalIn(root, path string) string {
	if strings.HasPrefix(path, "/") || strings.Contains(path, ":/") {
		if name, err := ObjectName(root, path); err == nil {
			return name
		}
	}
	return CanonicalPath(path)
}

// totals are what counting the files has found, once.
type totals struct {
	counting sync.Mutex // held while the files are counted
	mu       sync.Mutex
	known    bool
	files    int64
	bytes    int64
}

func (t *totals) get() (files, bytes int64, known bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.files, t.bytes, t.known
}

func (t *totals) set(files, bytes int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.files, t.bytes, t.known = files, bytes, true
}

// NumFiles returns the number of live files and the sum of their sizes in bytes.
// The first call counts them, which reads paths and sizes of the checkpoint.
func (s *Snapshot) NumFiles(ctx context.Context) (files, bytes int64, err error) {
	s.totals.counting.Lock()
	defer s.totals.counting.Unlock()
	if files, bytes, known := s.totals.get(); known {
		return files, bytes, nil
	}
	files, bytes, err = s.countFiles(ctx)
	if err == nil {
		s.totals.set(files, bytes)
	}
	return files, bytes, err
}

// countFiles counts whatever is believed to be known.
func (s *Snapshot) countFiles(ctx context.Context) (n, sum int64, err error) {
	seen := newKeySet(s.url)
	s.tailFiles(seen, func(a *AddFile) bool {
		n++
		sum += a.Size
		return true
	})
	if s.base != nil {
		files, bytes, err := s.countBase(ctx, seen)
		if err != nil {
			return 0, 0, err
		}
		n, sum = n+files, sum+bytes
	}
	return n, sum, nil
}

// countBase counts the checkpoint's files that seen does not have, some other
// way if the checkpoint is corrupt.
func (s *Snapshot) countBase(ctx context.Context, seen *keySet) (files, bytes int64, err error) {
	files, bytes, err = s.base.count(ctx, seen)
	if !errors.Is(err, ErrCorrupt) {
		return files, bytes, err
	}
	files, bytes = 0, 0
	var oops error
	s.otherFiles(ctx, &FilesOptions{NoStats: true}, seen, place{}, err, func(a *AddFile, err error) bool {
		if err != nil {
			oops = err
			return false
		}
		files++
		bytes += a.Size
		return true
	})
	return files, bytes, oops
}
