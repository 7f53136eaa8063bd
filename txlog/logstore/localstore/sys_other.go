//go:build !linux

package localstore

import (
	"errors"
	"io/fs"
	"os"
	"time"
)

func openAnonymous(*os.File, fs.FileMode) (*os.File, error) { return nil, errors.ErrUnsupported }

func noAnonymous(err error) bool { return errors.Is(err, errors.ErrUnsupported) }

func linkAnonymous(_, _ *os.File, _ string) error { return errors.ErrUnsupported }

// readDir calls each for every entry of a directory, in no order. The name may
// be kept only until each returns, and may be appended to.
func readDir(dir *os.File, each func(name []byte, kind fs.FileMode)) error {
	all, err := dir.ReadDir(-1)
	for _, d := range all {
		each([]byte(d.Name()), d.Type())
	}
	return err
}

// statAt returns what a listing needs of a file, without following links.
func statAt(root *os.Root, _ *os.File, dirName, base string) (size int64, modified time.Time, regular bool, err error) {
	info, err := root.Lstat(join(dirName, base))
	if err != nil {
		return 0, time.Time{}, false, err
	}
	return info.Size(), info.ModTime(), info.Mode().IsRegular(), nil
}

func startWriteback(*os.File, int64, int64) {}
