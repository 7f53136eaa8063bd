package localstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/deltalog/deltalog/txlog/logstore"
)

// A pending is a file that is being written and that nobody can see yet.
//
// Where the system can, it has no name at all, so that a process that dies leaves
// nothing behind; otherwise it has a temporary name that listings leave out.
type pending struct {
	s       *Store
	root    *os.Root
	dirName string
	base    string // the name it will have in the directory
	dir     *os.File
	file    *os.File
	temp    string // its name until then, relative to the root; "" for none
}

// begin makes the file, and the directory if need be. Named asks for a file with
// a temporary name, which a rename needs.
func (s *Store) begin(name string, named bool) (*pending, error) {
	root, err := s.makeRoot()
	if err != nil {
		return nil, err
	}
	p, err := s.beginIn(root, name, named)
	if missing(err) && s.moved(root) {
		if root, err = s.makeRoot(); err != nil {
			return nil, err
		}
		p, err = s.beginIn(root, name, named)
	}
	return p, err
}

func (s *Store) beginIn(root *os.Root, name string, named bool) (*pending, error) {
	p := &pending{s: s, root: root}
	p.dirName, p.base = split(name)
	var err error
	if p.dir, err = s.openDir(root, p.dirName); err != nil {
		return nil, err
	}
	if err := p.openTemp(named || s.onlyNamed()); err != nil {
		p.dir.Close()
		return nil, err
	}
	return p, nil
}

// name is the name that the file will have.
func (p *pending) name() string { return join(p.dirName, p.base) }

func (p *pending) openTemp(named bool) error {
	mode := p.s.opts.FileMode
	if !named {
		err := p.s.do("open anonymous", p.base, func() (err error) {
			p.file, err = openAnonymous(p.dir, mode)
			return err
		})
		if err == nil || !noAnonymous(err) {
			return err
		}
		p.s.useNamed()
	}
	for {
		p.temp = join(p.dirName, p.s.tempName(p.base))
		err := p.s.do("open temp", p.base, func() (err error) {
			p.file, err = p.root.OpenFile(p.temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
			return err
		})
		if !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
}

func (s *Store) onlyNamed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.named
}

func (s *Store) useNamed() {
	s.mu.Lock()
	s.named = true
	s.mu.Unlock()
}

// Temporary names are .NAME.ID.tmp, where ID is 16 hexadecimal digits; a long
// NAME is cut so that the whole fits the 255 bytes that file systems allow.
const (
	tempID      = 16
	tempSuffix  = ".tmp"
	tempKeep    = 200
	tempMinimum = 1 + 1 + tempID + len(tempSuffix)
)

// tempName returns a name that no other call in this process returns soon. One
// that another process or host has taken is passed over when it is opened.
func (s *Store) tempName(base string) string {
	return fmt.Sprintf(".%s.%08x%08x%s", base[:min(len(base), tempKeep)], uint32(os.Getpid()), s.temps.Add(1), tempSuffix)
}

// isTemp reports whether a file's own name is one that tempName makes.
func isTemp(base string) bool {
	if len(base) <= tempMinimum || base[0] != '.' || !strings.HasSuffix(base, tempSuffix) {
		return false
	}
	base = strings.TrimSuffix(base, tempSuffix)
	id := base[len(base)-tempID:]
	return base[len(base)-tempID-1] == '.' && strings.Trim(id, "0123456789abcdef") == ""
}

// flush makes the content survive a power cut, while it has no name yet.
func (p *pending) flush() error {
	if p.s.opts.NoSync {
		return nil
	}
	return p.s.do("sync file", p.base, p.file.Sync)
}

// taken returns an error if the name is in use. Link decides; a look beforehand
// spares the losers of a race what a flush costs.
func taken(root *os.Root, name string) error {
	info, err := root.Lstat(name)
	switch {
	case missing(err):
		return nil
	case err != nil:
		return err
	case info.IsDir():
		return fmt.Errorf("a directory has this name: %w", logstore.ErrRefused)
	}
	return logstore.ErrExist
}

// takenAlready is taken before anything is made, not even the root.
func (s *Store) takenAlready(name string) error {
	err := s.inRoot(func(root *os.Root) error { return taken(root, name) })
	if missing(err) {
		return nil
	}
	return err
}

// errNoAnonymous: the file could not be named because it is anonymous. Its
// content must be written again to a named one.
var errNoAnonymous = errors.New("cannot name an anonymous file here")

// publish gives the file its name if that is free. It returns nil when this file
// has it, an error that matches a class when it certainly has not, and any other
// error when that is not known.
func (p *pending) publish() error {
	err := p.link()
	if err == nil || p.has() {
		return nil
	}
	switch {
	case errors.Is(err, fs.ErrExist):
		// Not a bare ErrExist: a directory is no object.
		if why := taken(p.root, p.name()); errors.Is(why, logstore.ErrRefused) {
			return why
		}
		return logstore.ErrExist
	case p.temp == "" && noAnonymous(err):
		p.s.useNamed()
		return fmt.Errorf("%w: %w: %w", logstore.ErrUnavailable, errNoAnonymous, err)
	case missing(err):
		return fmt.Errorf("its directory was taken away: %w: %s", logstore.ErrRefused, err)
	}
	return err
}

func (p *pending) link() error {
	if p.temp == "" {
		return p.s.do("link", p.base, func() error { return linkAnonymous(p.file, p.dir, p.base) })
	}
	err := p.s.do("link", p.base, func() error { return p.root.Link(p.temp, p.name()) })
	if err == nil || !isNoLink(err) || p.has() {
		return err
	}
	_, temp := split(p.temp)
	err = p.s.do("rename", p.base, func() error { return renameNoReplace(p.dir, temp, p.base) })
	if err == nil {
		p.temp = "" // there is nothing left to remove
		return nil
	}
	if isNoRename(err) {
		return fmt.Errorf("this file system can neither link nor rename without replacing, so concurrent commits could be lost: %w: %w",
			logstore.ErrRefused, err)
	}
	return err
}

// has reports whether the name is this file's: a link that failed may have been
// made all the same, when the reply of a file server was lost.
func (p *pending) has() bool {
	mine, err := p.file.Stat()
	if err != nil {
		return false
	}
	there, err := p.root.Lstat(p.name())
	return err == nil && os.SameFile(mine, there)
}

// settle is what remains after the name was given: drop the temporary one and
// make the directory survive a power cut.
func (p *pending) settle() error {
	p.removeTemp()
	if p.s.opts.NoSync {
		return nil
	}
	if err := p.s.do("sync dir", p.dirName, func() error { return syncDir(p.dir) }); err != nil {
		return fmt.Errorf("written and visible, but not known to survive a power cut: flush the directory: %s", err)
	}
	return nil
}

// end closes what is open; of a file that was not published nothing remains.
func (p *pending) end() {
	p.removeTemp()
	p.file.Close()
	p.dir.Close()
}

func (p *pending) removeTemp() {
	if p.temp != "" {
		// One that cannot be removed is litter, which Sweep finds; not a failure.
		_ = p.s.do("remove temp", p.base, func() error { return p.root.Remove(p.temp) })
		p.temp = ""
	}
}

// Put implements [logstore.Store]. An error from before the object is given its
// name always matches a definite class.
func (s *Store) Put(ctx context.Context, name string, data []byte, mode logstore.PutMode) error {
	if err := s.check(ctx, "put", name); err != nil {
		return err
	}
	if mode == logstore.Overwrite {
		return s.wrap("overwrite", name, s.overwrite(ctx, name, data))
	}
	done, err := s.turns.take(ctx, name)
	if err != nil {
		return s.wrap("put", name, s.notPublished(err))
	}
	defer done()
	err = s.putAbsent(ctx, name, data, false)
	if errors.Is(err, errNoAnonymous) {
		err = s.putAbsent(ctx, name, data, true)
	}
	return s.wrap("put", name, err)
}

func (s *Store) putAbsent(ctx context.Context, name string, data []byte, named bool) error {
	if err := s.takenAlready(name); err != nil {
		return s.notPublished(err)
	}
	p, err := s.begin(name, named)
	if err != nil {
		return s.notPublished(err)
	}
	defer p.end()
	if err := p.fill(ctx, data); err != nil {
		return s.notPublished(err)
	}
	if err := taken(p.root, name); err != nil { // while this one was written
		return s.notPublished(err)
	}
	if err := p.flush(); err != nil {
		return s.notPublished(err)
	}
	if err := ctx.Err(); err != nil {
		return s.notPublished(err)
	}
	if err := p.publish(); err != nil {
		return err
	}
	return p.settle()
}

func (s *Store) overwrite(ctx context.Context, name string, data []byte) error {
	p, err := s.begin(name, true)
	if err != nil {
		return s.notPublished(err)
	}
	defer p.end()
	if err := p.fill(ctx, data); err != nil {
		return s.notPublished(err)
	}
	if err := p.flush(); err != nil {
		return s.notPublished(err)
	}
	if err := s.remove(p.root, join(p.dirName, checksumName(p.base))); err != nil {
		return s.notPublished(fmt.Errorf("remove its old checksum: %w", err))
	}
	if err := ctx.Err(); err != nil {
		return s.notPublished(err)
	}
	err = s.do("replace", p.base, func() error { return p.root.Rename(p.temp, name) })
	if err != nil && !p.has() {
		if why := taken(p.root, p.name()); errors.Is(why, logstore.ErrRefused) {
			return why
		}
		return err
	}
	p.temp = ""
	return p.settle()
}

// fill writes the content.
func (p *pending) fill(ctx context.Context, data []byte) error {
	const step = 8 << 20 // how much is written between looks at the context
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := min(step, len(data))
		if err := p.write(data[:n]); err != nil {
			return err
		}
		if data = data[n:]; len(data) == 0 {
			return nil
		}
	}
}

func (p *pending) write(data []byte) error {
	return p.s.do("write", p.base, func() error {
		_, err := p.file.Write(data)
		return err
	})
}

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
		return s.do("mkdir", path, func() error { return os.Mkdir(path, s.opts.DirMode) })
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
	return s.do("sync dir", path, func() error {
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
	err := s.do("mkdir", name, func() error { return root.Mkdir(name, s.opts.DirMode) })
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
	return s.do("sync dir", parent, func() error { return syncDir(dir) })
}

// syncDir flushes a directory's entries. Windows has no such call.
func syncDir(dir *os.File) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	return dir.Sync()
}
