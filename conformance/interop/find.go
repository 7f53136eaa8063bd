package interop

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
)

// FindTables returns the names of the Delta tables below a directory, with
// slashes, sorted. A directory of another's _delta_log is none.
func FindTables(root string) ([]string, error) {
	var names []string
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && d.Name() == "_delta_log" {
			names = append(names, path.Dir(name))
			return fs.SkipDir
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("interop: %w", err)
	}
	// Golden tables without a log at all.
	for _, name := range []string{"golden-tables/no-delta-log-folder"} {
		if _, err := os.Stat(path.Join(root, name)); err == nil {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, strings.Compare)
	return names, nil
}
