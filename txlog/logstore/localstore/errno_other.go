//go:build !unix

package localstore

import (
	"errors"
	"io/fs"
	"syscall"
)

const openNonblock = 0

// Windows error codes that package syscall has no name for.
const (
	errorHandleDiskFull     = syscall.Errno(39)
	errorNotSupported       = syscall.Errno(50)
	errorDiskFull           = syscall.Errno(112)
	errorInvalidName        = syscall.Errno(123)
	errorInvalidFunction    = syscall.Errno(1)
	errorWriteProtect       = syscall.Errno(19)
	errorFilenameExcedRange = syscall.Errno(206)
	errorTooManyLinks       = syscall.Errno(1142)
)

func isNotDir(err error) bool { return errors.Is(err, syscall.ENOTDIR) }

func isReadOnly(err error) bool { return errors.Is(err, errorWriteProtect) }

func isNoSpace(err error) bool {
	return errors.Is(err, errorDiskFull) || errors.Is(err, errorHandleDiskFull)
}

func isTooManyFiles(error) bool { return false }

func isBadPath(err error) bool {
	return errors.Is(err, errorInvalidName) || errors.Is(err, errorFilenameExcedRange)
}

func isNoLink(err error) bool {
	return errors.Is(err, errorNotSupported) || errors.Is(err, errorInvalidFunction) ||
		errors.Is(err, errorTooManyLinks)
}

// isNoRename: the system cannot rename without replacing.
func isNoRename(err error) bool { return errors.Is(err, errors.ErrUnsupported) }

// A fileID is not to be had cheaply here, and directories are not flushed.
type fileID struct{}

func identity(fs.FileInfo) (fileID, bool) { return fileID{}, false }

func sameDevice(fs.FileInfo, fs.FileInfo) bool { return false }
