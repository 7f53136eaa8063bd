package localstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/deltalog/deltalog/internal/diskcall"
	"github.com/deltalog/deltalog/txlog/logstore"
)

// A pending is a file that is being written and that nobody can see yet.
//
// Where the system can, it has no name at all, so that a process that dies leaves
// nothing behind; otherwise it has a temporary name that listings leave out.
type pending struct {
	s       *Store
	root    *os.Root
	name    string // that it will have
	dirName string
	base    string // the same, in the directory
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
	p := &pending{s: s, root: root, name: name}
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

// do makes a system call about the file.
func (p *pending) do(op string, data []byte, call func() error) error {
	return p.s.do(diskcall.Call{Op: op, Path: p.name, Temp: p.temp, File: p, Data: data}, call)
}

func (p *pending) openTemp(named bool) error {
	mode := p.s.opts.FileMode
	if !named {
		err := p.do(diskcall.OpenAnonymous, nil, func() (err error) {
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
		err := p.do(diskcall.OpenTemp, nil, func() (err error) {
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
	return p.do(diskcall.SyncFile, nil, p.file.Sync)
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
		if why := taken(p.root, p.name); errors.Is(why, logstore.ErrRefused) {
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
		return p.do(diskcall.Link, nil, func() error { return linkAnonymous(p.file, p.dir, p.base) })
	}
	err := p.do(diskcall.Link, nil, func() error { return p.root.Link(p.temp, p.name) })
	if err == nil || !isNoLink(err) || p.has() {
		return err
	}
	_, temp := split(p.temp)
	err = p.do(diskcall.Rename, nil, func() error { return renameNoReplace(p.dir, temp, p.base) })
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
	there, err := p.root.Lstat(p.name)
	return err == nil && os.SameFile(mine, there)
}

// settle is what remains after the name was given: drop the temporary one and
// make the directory survive a power cut.
func (p *pending) settle() error {
	p.removeTemp()
	if p.s.opts.NoSync {
		return nil
	}
	if err := p.s.flushDir(p.dirName, p.dir); err != nil {
		return fmt.Errorf("%w: flush the directory: %s", logstore.ErrNotDurable, err)
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
		_ = p.do(diskcall.RemoveTemp, nil, func() error { return p.root.Remove(p.temp) })
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
	err = p.do(diskcall.Replace, nil, func() error { return p.root.Rename(p.temp, name) })
	if err != nil && !p.has() {
		if why := taken(p.root, p.name); errors.Is(why, logstore.ErrRefused) {
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
	return p.do(diskcall.Write, data, func() error {
		_, err := p.file.Write(data)
		return err
	})
}
