//go:build unix

package localstore

import (
	"errors"
	"io/fs"
	"syscall"
)

const openNonblock = syscall.O_NONBLOCK

func isNotDir(err error) bool { return errors.Is(err, syscall.ENOTDIR) }

func isReadOnly(err error) bool { return errors.Is(err, syscall.EROFS) }

func isNoSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// isTooManyFiles: this process, or the system, has no more open files to give.
func isTooManyFiles(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}

// isBadPath: what will fail again however often it is tried.
func isBadPath(err error) bool {
	return errors.Is(err, syscall.ENAMETOOLONG) || errors.Is(err, syscall.ELOOP) ||
		errors.Is(err, syscall.EISDIR) || errors.Is(err, syscall.EILSEQ) ||
		errors.Is(err, syscall.EFBIG) || errors.Is(err, syscall.EXDEV)
}

// isNoLink: the file system has no hard links.
func isNoLink(err error) bool {
	return errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOTSUP) ||
		errors.Is(err, syscall.EOPNOTSUPP) || errors.Is(err, syscall.ENOSYS) ||
		errors.Is(err, syscall.EMLINK)
}

// isNoRename: the file system or kernel cannot rename without replacing.
func isNoRename(err error) bool {
	return errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOSYS) ||
		errors.Is(err, syscall.ENOTSUP) || errors.Is(err, syscall.EOPNOTSUPP) ||
		errors.Is(err, errors.ErrUnsupported)
}

// A fileID is a file's identity while it exists.
type fileID struct{ dev, ino uint64 }

// sameDevice reports whether two files are in one file system.
func sameDevice(a, b fs.FileInfo) bool {
	x, okX := identity(a)
	y, okY := identity(b)
	return okX && okY && x.dev == y.dev
}

func identity(info fs.FileInfo) (fileID, bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fileID{}, false
	}
	return fileID{uint64(st.Dev), uint64(st.Ino)}, true //nolint:unconvert // their types differ by system
}
