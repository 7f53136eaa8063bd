package localstore

import (
	"os"

	"golang.org/x/sys/unix"
)

// renameNoReplace gives a file another name in its directory if that is free.
func renameNoReplace(dir *os.File, from, to string) error {
	return unix.RenameatxNp(int(dir.Fd()), from, int(dir.Fd()), to, unix.RENAME_EXCL)
}
