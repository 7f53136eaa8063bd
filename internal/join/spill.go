package join

import (
	"errors"
	"io"
	"os"
	"path/filepath"
)

// A disk makes spill files. Each is in a directory of its own, which nobody else
// can read, and where the system allows it both are gone from the file system as
// soon as the file is open, so that not even a killed process leaves one behind.
type disk struct {
	parent  string // where the directories go; "": the system's place for such
	written int64
	// wrap replaces files as they are made, for tests of disks that fail.
	wrap func(file) file
}

type file interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
}

// A spillFile is written at its end and read anywhere.
type spillFile struct {
	disk *disk
	f    file
	dir  string // what Close removes; "" if it is gone already
	size int64
}

func newDisk(o *Options) disk {
	if o == nil {
		return disk{}
	}
	return disk{parent: o.Dir}
}

// place is the directory to name in errors.
func (d *disk) place() string {
	if d.parent == "" {
		return os.TempDir()
	}
	return d.parent
}

func (d *disk) fail(op string, err error) error {
	return &SpillError{Dir: d.place(), Op: op, Err: err}
}

func (d *disk) create() (*spillFile, error) {
	dir, err := os.MkdirTemp(d.parent, "deltalog-spill-")
	if err != nil {
		return nil, d.fail("create", err)
	}
	name := filepath.Join(dir, "rows")
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, d.fail("create", errors.Join(err, os.RemoveAll(dir)))
	}
	s := &spillFile{disk: d, f: f, dir: dir}
	// Windows does not remove open files; Close does it there.
	if os.Remove(name) == nil && os.Remove(dir) == nil {
		s.dir = ""
	}
	if d.wrap != nil {
		s.f = d.wrap(f)
	}
	return s, nil
}

// append writes p at the end.
func (s *spillFile) append(p []byte) error {
	n, err := s.f.WriteAt(p, s.size)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	if err != nil {
		return s.disk.fail("write", err)
	}
	s.size += int64(n)
	s.disk.written += int64(n)
	return nil
}

// read fills p from the bytes at off.
func (s *spillFile) read(p []byte, off int64) error {
	n, err := s.f.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return s.disk.fail("read", err)
}

// corrupt is the error for bytes that were not written so.
func (s *spillFile) corrupt() error {
	return s.disk.fail("read", errors.New("its contents have changed"))
}

// close closes and removes the file. A nil file has nothing to close.
func (s *spillFile) close() error {
	if s == nil {
		return nil
	}
	err := s.f.Close()
	if s.dir != "" {
		err = errors.Join(err, os.RemoveAll(s.dir))
	}
	if err != nil {
		return s.disk.fail("remove", err)
	}
	return nil
}
