//go:build !linux && !darwin

package localstore

import (
	"errors"
	"os"
)

func renameNoReplace(*os.File, string, string) error { return errors.ErrUnsupported }
