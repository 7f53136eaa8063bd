package localstore

import (
	"errors"
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
