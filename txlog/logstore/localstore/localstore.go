// Package localstore keeps a table in a directory of a local file system.
//
// [Open] gives a [Store]. Every object is a file of the same name; nothing is
// encoded. An object is written under no name or a temporary one, flushed to the
// disk, and then given its name with link(2), which fails if the name is taken:
// of any number of processes that put one name exactly one wins, and a reader
// sees a whole object or none, also after a power cut.
//
// All access goes through an [os.Root]: no name and no symbolic link leads
// outside the table's directory.
//
// File systems that have no hard links are used through renameat2(2) with
// RENAME_NOREPLACE; those that have neither are refused. On NFS a link whose
// reply was lost is recognised as won.
//
// Other programs that write the same table must give names atomically too.
// delta-rs does. Spark checks and then renames, which excludes only writers in
// the same JVM: do not commit from Spark and from here at once.
package localstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/deltalog/deltalog/internal/diskcall"
	"github.com/deltalog/deltalog/txlog/logstore"
)

// Options change how a Store behaves; nil is the default for every field.
type Options struct {
	// FileMode and DirMode are the permissions of new files and directories,
	// before the umask. The defaults are 0640 and 0750.
	FileMode, DirMode fs.FileMode
	// NoSync leaves out every flush to the disk. Objects are still atomic for
	// live processes, but a power cut can lose or empty what was reported as
	// written. For tests and scratch tables only.
	NoSync bool
}

// A Store is a directory. It is safe for concurrent use, also beside other
// processes that use the same directory.
type Store struct {
	path    string // absolute
	url     string
	opts    Options
	escapes error // what os.Root answers when a name leads outside

	temps atomic.Uint32 // counts temporary names
	turns turns

	mu      sync.Mutex
	root    *os.Root            // nil until the directory exists
	durable map[fileID]struct{} // directories known to survive a power cut
	grown   map[string]struct{} // absolute paths of those above it in which it made one
	closed  bool
	named   bool // anonymous temporary files do not work here

	// hook, in tests, stands between the store and each system call that changes
	// something.
	hook diskcall.Hook
}

// Open returns a store rooted at a directory. It makes no request: the directory
// need not exist until it is written to, and is then made with its parents. A
// symbolic link to a directory is followed, here only.
func Open(dir string, opts *Options) (*Store, error) {
	if dir == "" {
		return nil, errors.New("localstore: open: the directory is empty")
	}
	path, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("localstore: open %s: %w", dir, err)
	}
	s := &Store{path: path, url: pathURL(path)}
	if opts != nil {
		s.opts = *opts
	}
	if s.opts.FileMode == 0 {
		s.opts.FileMode = 0o640
	}
	if s.opts.DirMode == 0 {
		s.opts.DirMode = 0o750
	}
	return s, nil
}

// ParseURL returns the directory that a file URL names: file:///a/b, also
// file:/a/b and file://localhost/a/b. Percent escapes are decoded. Another host,
// a query and a fragment are refused.
func ParseURL(rawURL string) (dir string, err error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return "", fmt.Errorf("localstore: %w", err)
	}
	switch {
	case u.Scheme != "file":
		return "", fmt.Errorf("localstore: %q: scheme is not file", rawURL)
	case u.User != nil || u.Host != "" && u.Host != "localhost":
		return "", fmt.Errorf("localstore: %q names the host %q; write file:///directory", rawURL, u.Host)
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return "", fmt.Errorf("localstore: %q has a query or a fragment; write ? as %%3F and # as %%23", rawURL)
	case !strings.HasPrefix(u.Path, "/"):
		return "", fmt.Errorf("localstore: %q has no absolute path", rawURL)
	}
	dir = u.Path
	if runtime.GOOS == "windows" {
		dir = strings.TrimPrefix(dir, "/")
	}
	return filepath.FromSlash(dir), nil
}

func pathURL(path string) string {
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	return (&url.URL{Scheme: "file", Path: path}).String()
}

// URL implements [logstore.Store].
func (s *Store) URL() string { return s.url }

// Dir returns the directory's absolute path.
func (s *Store) Dir() string { return s.path }

// Close implements [logstore.Store].
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.root == nil {
		return nil
	}
	root := s.root
	s.root = nil
	return root.Close()
}

// openRoot returns the directory's handle, or an error that is fs.ErrNotExist.
// A handle is kept while its directory stays at the path.
func (s *Store) openRoot() (*os.Root, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, fmt.Errorf("the store is closed: %w", fs.ErrClosed)
	}
	if s.root != nil {
		return s.root, nil
	}
	root, err := os.OpenRoot(s.path)
	if err != nil {
		return nil, err
	}
	s.root = root
	if s.escapes == nil {
		s.escapes = escapeError(root)
	}
	return root, nil
}

// escapeError learns the error with which os.Root refuses names that lead out of it.
func escapeError(root *os.Root) error {
	_, err := root.Lstat("..")
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// moved reports whether root is no longer the directory at the store's path: it
// was deleted or replaced, as when a table is dropped and made again. The next
// openRoot opens what is there now.
func (s *Store) moved(root *os.Root) bool {
	there, err := os.Stat(s.path)
	if err == nil {
		if here, err := root.Stat("."); err == nil && os.SameFile(here, there) {
			return false
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.root == root {
		s.root = nil // collected, and closed, when the calls that use it are over
	}
	return true
}

// inRoot calls f with the root, and once more if f found something missing
// because the root had been replaced.
func (s *Store) inRoot(f func(*os.Root) error) error {
	root, err := s.openRoot()
	if err != nil {
		return err
	}
	err = f(root)
	if missing(err) && s.moved(root) {
		if root, err = s.openRoot(); err != nil {
			return err
		}
		err = f(root)
	}
	return err
}

// check refuses bad names and contexts that are over, before anything is done.
func (s *Store) check(ctx context.Context, verb, name string) error {
	if err := logstore.CheckName(name); err != nil {
		return fmt.Errorf("localstore: %s: %w", verb, err)
	}
	if !filepath.IsLocal(filepath.FromSlash(name)) {
		return fmt.Errorf("localstore: %s %q: not a file name on this system: %w", verb, name, logstore.ErrBadName)
	}
	if _, base := split(name); isTemp(base) {
		return fmt.Errorf("localstore: %s %q: names like this are kept for temporary files: %w", verb, name, logstore.ErrBadName)
	}
	if err := ctx.Err(); err != nil {
		return s.wrap(verb, name, fmt.Errorf("not begun (%w): %w", logstore.ErrUnavailable, err))
	}
	return nil
}

// split cuts a name after its last slash. The directory is "." for none.
func split(name string) (dir, base string) {
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		return name[:i], name[i+1:]
	}
	return ".", name
}

// Read implements [logstore.Store].
func (s *Store) Read(ctx context.Context, name string, limit int64) ([]byte, error) {
	f, size, err := s.open(ctx, "read", name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if limit <= 0 {
		limit = logstore.DefaultReadLimit
	}
	if size > limit {
		return nil, s.tooLarge(name, size, limit)
	}
	data, err := readAll(ctx, f, size, limit)
	if err != nil {
		return nil, s.wrap("read", name, err)
	}
	if int64(len(data)) > limit { // it grew: another program appends to it
		return nil, s.tooLarge(name, int64(len(data)), limit)
	}
	return data, nil
}

func (s *Store) tooLarge(name string, size, limit int64) error {
	return s.wrap("read", name, fmt.Errorf("%d bytes, limit %d: %w", size, limit, logstore.ErrTooLarge))
}

// readAll reads a file that is said to have size bytes; of one that has more, at
// least one byte more than limit.
func readAll(ctx context.Context, f *os.File, size, limit int64) ([]byte, error) {
	const step = 8 << 20 // how much is read between looks at the context
	data := make([]byte, 0, size+1)
	for int64(len(data)) <= limit {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if len(data) == cap(data) {
			data = slices.Grow(data, 4096)
		}
		n, err := f.Read(data[len(data):min(len(data)+step, cap(data))])
		data = data[:len(data)+n]
		if err == io.EOF {
			return data, nil
		}
		if err != nil {
			return nil, err
		}
	}
	return data, nil
}

// ReadRange implements [logstore.Store].
func (s *Store) ReadRange(ctx context.Context, name string, off, n int64) (io.ReadCloser, error) {
	if off < 0 {
		return nil, s.wrap("read range", name, fmt.Errorf("offset %d is negative: %w", off, logstore.ErrRefused))
	}
	f, size, err := s.open(ctx, "read range", name)
	if err != nil {
		return nil, err
	}
	off = min(off, size)
	if n < 0 || n > size-off {
		n = size - off
	}
	return &body{ctx: ctx, store: s, name: name, file: f, SectionReader: io.NewSectionReader(f, off, n)}, nil
}

// A body is a range of an open file.
type body struct {
	ctx   context.Context // governs the body as it does a response's
	store *Store
	name  string
	file  *os.File
	*io.SectionReader
}

func (b *body) Read(p []byte) (int, error) {
	if err := b.ctx.Err(); err != nil {
		return 0, b.store.wrap("read range", b.name, err)
	}
	n, err := b.SectionReader.Read(p)
	if err != nil && err != io.EOF {
		err = b.store.wrap("read range", b.name, err)
	}
	return n, err
}

func (b *body) Close() error { return b.file.Close() }

// open opens a regular file for reading and returns its size. Anything else at
// the name is not an object.
func (s *Store) open(ctx context.Context, verb, name string) (*os.File, int64, error) {
	if err := s.check(ctx, verb, name); err != nil {
		return nil, 0, err
	}
	var f *os.File
	err := s.inRoot(func(root *os.Root) (err error) {
		// Without O_NONBLOCK, opening a named pipe would wait for its writer.
		f, err = root.OpenFile(name, os.O_RDONLY|openNonblock, 0)
		return err
	})
	if err != nil {
		return nil, 0, s.wrap(verb, name, err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = notAFile(info.Mode())
	}
	if err != nil {
		f.Close()
		return nil, 0, s.wrap(verb, name, err)
	}
	return f, info.Size(), nil
}

// notAFile is the answer for what is there but is no object. A directory is only
// the beginning of other names.
func notAFile(mode fs.FileMode) error {
	if mode.IsDir() {
		return fmt.Errorf("is a directory: %w", logstore.ErrNotExist)
	}
	return fmt.Errorf("is not a regular file (%s): %w", mode.Type(), logstore.ErrRefused)
}

// Stat implements [logstore.Store].
func (s *Store) Stat(ctx context.Context, name string) (logstore.Object, error) {
	if err := s.check(ctx, "stat", name); err != nil {
		return logstore.Object{}, err
	}
	var info fs.FileInfo
	err := s.inRoot(func(root *os.Root) (err error) {
		info, err = root.Stat(name)
		return err
	})
	if err == nil && !info.Mode().IsRegular() {
		err = notAFile(info.Mode())
	}
	if err != nil {
		return logstore.Object{}, s.wrap("stat", name, err)
	}
	return logstore.Object{Name: name, Size: info.Size(), Modified: info.ModTime()}, nil
}

// Delete implements [logstore.Store]. It also removes the checksum that Hadoop
// keeps beside a file. Directories stay. The removal of a name is not flushed to
// the disk: after a power cut an object may be back.
func (s *Store) Delete(ctx context.Context, name string) error {
	if err := s.check(ctx, "delete", name); err != nil {
		return err
	}
	err := s.inRoot(func(root *os.Root) error {
		dir, base := split(name)
		if err := s.remove(root, join(dir, checksumName(base))); err != nil {
			return err
		}
		return s.remove(root, name)
	})
	if missing(err) {
		return nil
	}
	return s.wrap("delete", name, err)
}

// remove removes a file if there is one; never a directory, for which os.Root
// would do if it is empty.
func (s *Store) remove(root *os.Root, name string) error {
	info, err := root.Lstat(name)
	if missing(err) || err == nil && info.IsDir() {
		return nil
	}
	if err != nil {
		return err
	}
	err = s.do(diskcall.Call{Op: diskcall.Remove, Path: name}, func() error { return root.Remove(name) })
	if missing(err) {
		return nil
	}
	return err
}

// checksumName is where Hadoop's local file system keeps a file's checksum. It
// would verify a file that we replaced against the old one.
func checksumName(base string) string { return "." + base + ".crc" }

func join(dir, base string) string {
	if dir == "." {
		return base
	}
	return dir + "/" + base
}

// Intercept lets a hook stand between the store and each system call that changes
// something: for tests of what a power cut, a full disk or a kill leaves. It is to
// be called before the store is used.
func (s *Store) Intercept(hook diskcall.Hook) { s.hook = hook }

// do makes a system call that changes something.
func (s *Store) do(c diskcall.Call, call func() error) error {
	if s.hook != nil {
		return s.hook(c, call)
	}
	return call()
}
