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

// makePath makes the directory at an absolute path, parents first, and flushes
// each directory that gets a new entry.
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
	if err != nil {
		if info, statErr := os.Stat(path); statErr == nil && info.IsDir() {
			return nil // another writer was faster, or it was there
		}
		return err
	}
	return s.syncPath(filepath.Dir(path))
}

func (s *Store) syncPath(path string) error {
	if s.opts.NoSync {
		return nil
	}
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
		s.forget(root, name)
	}
	return err
}

// forget drops what was known of a directory that had the identity of this new one.
func (s *Store) forget(root *os.Root, name string) {
	if info, err := root.Lstat(name); err == nil {
		if id, ok := identity(info); ok {
			s.mu.Lock()
			delete(s.durable, id)
			s.mu.Unlock()
		}
	}
}

// maxDurable bounds the memory of directories that were flushed.
const maxDurable = 1 << 16

// keepDir flushes the directories above one, once for each that this store meets:
// whoever made it may have been killed before doing so.
func (s *Store) keepDir(root *os.Root, name string, info fs.FileInfo) error {
	id, ok := identity(info)
	if !ok || s.opts.NoSync {
		return nil
	}
	s.mu.Lock()
	_, done := s.durable[id]
	s.mu.Unlock()
	if done {
		return nil
	}
	if err := s.syncParent(root, name); err != nil {
		return fmt.Errorf("flush the directory above %s: %w", name, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.durable == nil || len(s.durable) >= maxDurable {
		s.durable = make(map[fileID]struct{})
	}
	s.durable[id] = struct{}{}
	return nil
}

func (s *Store) syncParent(root *os.Root, name string) error {
	if name == "." {
		err := s.syncPath(filepath.Dir(s.path))
		if errors.Is(err, fs.ErrPermission) {
			return nil // not ours to read, so it was not made by us either
		}
		return err
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
	return s.do(diskcall.Call{Op: diskcall.SyncDir, Path: parent}, func() error { return syncDir(dir) })
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
		return s.do(diskcall.Call{Op: diskcall.SyncDir, Path: dirName}, func() error { return syncDir(dir) })
	})
	return s.wrap("flush", name, err)
}

// syncDir flushes a directory's entries. Windows has no such call.
func syncDir(dir *os.File) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	return dir.Sync()
}
