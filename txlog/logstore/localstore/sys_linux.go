package localstore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// openAnonymous makes a file in dir that has no name and is gone when it is
// closed, unless [linkAnonymous] names it. Not every file system can.
func openAnonymous(dir *os.File, mode fs.FileMode) (*os.File, error) {
	fd, err := retry(func() (int, error) {
		return unix.Openat(int(dir.Fd()), ".", unix.O_TMPFILE|unix.O_WRONLY|unix.O_CLOEXEC, uint32(mode.Perm()))
	})
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), ""), nil
}

// noAnonymous reports whether an error of openAnonymous or linkAnonymous means
// that the file system, the kernel or a missing /proc rules such files out.
func noAnonymous(err error) bool {
	return errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EISDIR) ||
		errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOSYS) ||
		errors.Is(err, unix.EPERM) || errors.Is(err, unix.EXDEV)
}

func linkAnonymous(f, dir *os.File, base string) error {
	self := "/proc/self/fd/" + strconv.Itoa(int(f.Fd()))
	_, err := retry(func() (int, error) {
		return 0, unix.Linkat(unix.AT_FDCWD, self, int(dir.Fd()), base, unix.AT_SYMLINK_FOLLOW)
	})
	return err
}

// renameNoReplace gives a file another name in its directory if that is free.
func renameNoReplace(dir *os.File, from, to string) error {
	_, err := retry(func() (int, error) {
		return 0, unix.Renameat2(int(dir.Fd()), from, int(dir.Fd()), to, unix.RENAME_NOREPLACE)
	})
	return err
}

// readDir calls each for every entry of a directory, in no order. The name may
// be kept only until each returns, and may be appended to.
//
// Not os.File.ReadDir: of a directory opened through an os.Root, that asks for
// the attributes of every entry, which is most of the cost of listing the tail of
// a long log.
func readDir(dir *os.File, each func(name []byte, kind fs.FileMode)) error {
	const (
		recordLength = 16 // offsets in struct linux_dirent64
		recordKind   = 18
		recordName   = 19
	)
	fd := int(dir.Fd())
	buf := make([]byte, 64<<10)
	var scratch [256]byte
	for {
		n, err := retry(func() (int, error) { return unix.Getdents(fd, buf) })
		if err != nil || n == 0 {
			return err
		}
		for records := buf[:n]; len(records) > recordName; {
			length := int(binary.NativeEndian.Uint16(records[recordLength:]))
			if length <= recordName || length > len(records) {
				return fmt.Errorf("a directory record of %d bytes: %w", length, unix.EIO)
			}
			name, _, _ := bytes.Cut(records[recordName:length], []byte{0})
			kind, known := direntKinds[records[recordKind]]
			records = records[length:]
			if s := string(name); s == "." || s == ".." || s == "" {
				continue
			}
			name = append(scratch[:0], name...)
			if !known {
				kind, err = kindAt(fd, string(name))
				if errors.Is(err, unix.ENOENT) {
					continue
				}
				if err != nil {
					return err
				}
			}
			each(name, kind)
		}
	}
}

// direntKinds has the kinds that matter; some file systems tell none.
var direntKinds = map[byte]fs.FileMode{
	unix.DT_REG: 0, unix.DT_DIR: fs.ModeDir, unix.DT_LNK: fs.ModeSymlink,
	unix.DT_FIFO: fs.ModeNamedPipe, unix.DT_SOCK: fs.ModeSocket, unix.DT_CHR: fs.ModeCharDevice, unix.DT_BLK: fs.ModeDevice,
}

func kindAt(dir int, base string) (fs.FileMode, error) {
	var st unix.Stat_t
	_, err := retry(func() (int, error) { return 0, unix.Fstatat(dir, base, &st, unix.AT_SYMLINK_NOFOLLOW) })
	if err != nil {
		return 0, err
	}
	return direntKinds[byte(st.Mode&unix.S_IFMT>>12)], nil // the kinds are these bits
}

// statAt returns what a listing needs of a file, without following links.
func statAt(_ *os.Root, dir *os.File, _, base string) (size int64, modified time.Time, regular bool, err error) {
	var st unix.Stat_t
	_, err = retry(func() (int, error) {
		return 0, unix.Fstatat(int(dir.Fd()), base, &st, unix.AT_SYMLINK_NOFOLLOW)
	})
	if err != nil {
		return 0, time.Time{}, false, err
	}
	return st.Size, time.Unix(st.Mtim.Unix()), st.Mode&unix.S_IFMT == unix.S_IFREG, nil
}

// startWriteback asks the kernel to begin writing a range that will be flushed
// later. A hint: its failure means nothing.
func startWriteback(f *os.File, off, n int64) {
	_ = unix.SyncFileRange(int(f.Fd()), off, n, unix.SYNC_FILE_RANGE_WRITE)
}

func retry(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if err != unix.EINTR { //nolint:errorlint // a bare errno
			return n, err
		}
	}
}
