package localstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/deltalog/deltalog/internal/diskcall"
	"github.com/deltalog/deltalog/txlog/logstore"
)

// makeRoot is openRoot that makes the directory, and its parents.
func (s *Store) makeRoot() (*os.Root, error) {
	root, err := s.openRoot()
	if !errors.Is(err, fs.ErrNotExist) {
		return root, err
	}
	if err := s.makePath(s.path); err != nil {
		return nil, err
	}
	return s.openRoot()
}

// makePath makes the directory at an absolute path, parents first. They are flushed
// by keepPath, before anything in them is reported.
func (s *Store) makePath(path string) error {
	mkdir := func() error {
		return s.do(diskcall.Call{Op: diskcall.Mkdir, Path: filepath.ToSlash(path)}, func() error { return os.Mkdir(path, s.opts.DirMode) })
	}
	err := mkdir()
	if parent := filepath.Dir(path); errors.Is(err, fs.ErrNotExist) && parent != path {
		if err := s.makePath(parent); err != nil {
			return err
		}
		err = mkdir()
	}
	info, statErr := os.Stat(path)
	if err != nil {
		if statErr == nil && info.IsDir() {
			return nil // another writer was faster, or it was there
		}
		return err
	}
	if statErr == nil {
		s.forget(info)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.grown == nil {
		s.grown = make(map[string]struct{})
	}
	s.grown[filepath.Dir(path)] = struct{}{}
	return nil
}

// keepPath flushes the directories above one at an absolute path, up to the root
// of its file system, once for each that this store meets: whoever made them may
// have been killed before doing so.
func (s *Store) keepPath(path string) error {
	parent := filepath.Dir(path)
	info, err := os.Stat(path)
	if err != nil || parent == path {
		return err
	}
	above, err := os.Stat(parent)
	if err != nil {
		return err
	}
	if s.kept(info) || !sameDevice(info, above) {
		return nil
	}
	if err := s.keepPath(parent); err != nil {
		return err
	}
	err = s.syncPath(parent)
	if errors.Is(err, fs.ErrPermission) && !s.madeIn(parent) {
		err = nil // not ours to read, so what is in it was not made by us either
	}
	if err == nil {
		s.keep(info)
	}
	return err
}

// madeIn reports whether this store has made a directory in one.
func (s *Store) madeIn(path string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, made := s.grown[path]
	return made
}

func (s *Store) syncPath(path string) error {
	return s.do(diskcall.Call{Op: diskcall.SyncDir, Path: filepath.ToSlash(path)}, func() error {
		dir, err := os.Open(path)
		if err != nil {
			return err
		}
		defer dir.Close()
		return syncDir(dir)
	})
}

// openDir opens a directory below the root and makes it if need be. When it
// returns, the directory itself survives a power cut.
func (s *Store) openDir(root *os.Root, name string) (*os.File, error) {
	dir, err := root.Open(name)
	if errors.Is(err, fs.ErrNotExist) && name != "." {
		if err := s.makeDir(root, name); err != nil {
			return nil, err
		}
		dir, err = root.Open(name)
	}
	if err != nil {
		return nil, err
	}
	info, err := dir.Stat()
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%s is not a directory: %w", name, logstore.ErrRefused)
	}
	if err == nil {
		err = s.keepDir(root, name, info)
	}
	if err != nil {
		dir.Close()
		return nil, err
	}
	return dir, nil
}

func (s *Store) makeDir(root *os.Root, name string) error {
	if parent, _ := split(name); parent != "." {
		if _, err := root.Lstat(parent); errors.Is(err, fs.ErrNotExist) {
			if err := s.makeDir(root, parent); err != nil {
				return err
			}
		}
	}
	err := s.do(diskcall.Call{Op: diskcall.Mkdir, Path: name}, func() error { return root.Mkdir(name, s.opts.DirMode) })
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err == nil {
		if info, err := root.Lstat(name); err == nil {
			s.forget(info)
		}
	}
	return err
}

// maxDurable bounds the memory of directories that were flushed.
const maxDurable = 1 << 16

// keep remembers that a directory survives a power cut.
func (s *Store) keep(info fs.FileInfo) {
	id, ok := identity(info)
	if !ok {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.durable == nil || len(s.durable) >= maxDurable {
		s.durable = make(map[fileID]struct{})
	}
	s.durable[id] = struct{}{}
}

// kept reports whether a directory is known to survive a power cut.
func (s *Store) kept(info fs.FileInfo) bool {
	id, ok := identity(info)
	s.mu.Lock()
	defer s.mu.Unlock()
	_, done := s.durable[id]
	return ok && done
}

// forget drops what was known of a directory that had the identity of this new one.
func (s *Store) forget(info fs.FileInfo) {
	if id, ok := identity(info); ok {
		s.mu.Lock()
		delete(s.durable, id)
		s.mu.Unlock()
	}
}

// keepDir flushes the directories above one, once for each that this store meets:
// whoever made it may have been killed before doing so.
func (s *Store) keepDir(root *os.Root, name string, info fs.FileInfo) error {
	if _, ok := identity(info); !ok || s.opts.NoSync || s.kept(info) {
		return nil
	}
	if err := s.syncParent(root, name); err != nil {
		return fmt.Errorf("flush the directory above %s: %w", name, err)
	}
	s.keep(info)
	return nil
}

func (s *Store) syncParent(root *os.Root, name string) error {
	if name == "." {
		return s.keepPath(s.path)
	}
	parent, _ := split(name)
	dir, err := root.Open(parent)
	if err != nil {
		return err
	}
	defer dir.Close()
	info, err := dir.Stat()
	if err != nil {
		return err
	}
	if err := s.keepDir(root, parent, info); err != nil {
		return err
	}
	return s.flushDir(parent, dir)
}

// Flush implements [logstore.Flusher]. It flushes the directories on the way to an
// object, and not its content: that was flushed before the object had its name.
func (s *Store) Flush(ctx context.Context, name string) error {
	if err := s.check(ctx, "flush", name); err != nil {
		return err
	}
	if s.opts.NoSync {
		return nil
	}
	err := s.inRoot(func(root *os.Root) error {
		if _, err := root.Lstat(name); err != nil {
			return err
		}
		dirName, _ := split(name)
		dir, err := s.openDir(root, dirName)
		if err != nil {
			return err
		}
		defer dir.Close()
		return s.flushDir(dirName, dir)
	})
	return s.wrap("flush", name, err)
}

// flushDir flushes the entries of an open directory below the root.
func (s *Store) flushDir(name string, dir *os.File) error {
	return s.do(diskcall.Call{Op: diskcall.SyncDir, Path: name}, func() error { return syncDir(dir) })
}

// syncDir flushes a directory's entries. Windows has no such call.
func syncDir(dir *os.File) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	return dir.Sync()
}
