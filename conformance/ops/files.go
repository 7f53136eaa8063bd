package ops

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/deltalog/deltalog/internal/dv"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore"
)

// files checks that all is there that the newest version names: data files with
// their sizes, deletion vectors, and the change data of the versions after base.
func (w *Witness) files(ctx context.Context, s *txlog.Snapshot) error {
	for f, err := range s.Files(ctx, nil) {
		if err != nil {
			return err
		}
		if err := w.there(ctx, f.Path, f.Size); err != nil {
			return fmt.Errorf("live file: %w", err)
		}
		name, err := w.vector(f)
		if err == nil && name != "" {
			_, err = w.st.Stat(ctx, name)
		}
		if err != nil {
			return fmt.Errorf("deletion vector of %s: %w", f.Path, err)
		}
	}
	for _, c := range w.commits {
		for _, f := range c.changes {
			if err := w.there(ctx, f.Path, f.Size); err != nil {
				return fmt.Errorf("change data of version %d: %w", c.Version, err)
			}
		}
	}
	return nil
}

// there looks for the object of a path in the log.
func (w *Witness) there(ctx context.Context, path string, size int64) error {
	name, err := txlog.ObjectName(w.st.URL(), path)
	if err != nil {
		return err
	}
	o, err := w.st.Stat(ctx, name)
	if err == nil && o.Size != size {
		err = fmt.Errorf("%s has %d bytes, the log says %d", name, o.Size, size)
	}
	return err
}

// vector returns the name of the object that holds a file's deletion vector; empty
// if there is none.
func (w *Witness) vector(f *txlog.AddFile) (string, error) {
	d := f.DeletionVector
	if d == nil || d.StorageType == "i" {
		return "", nil
	}
	return dv.Descriptor{StorageType: d.StorageType, PathOrInlineDV: d.PathOrInlineDV}.Key(
		func(uri string) (string, error) { return txlog.ObjectName(w.st.URL(), uri) })
}

// Orphans returns the objects outside of the log that no commit after base names,
// and that were not there before: what a process left that did not commit it.
// before are the names of the objects at base.
func (w *Witness) Orphans(ctx context.Context, before []string) (names []string, err error) {
	named := map[string]bool{}
	note := func(name string, e error) { named[name], err = true, errors.Join(err, e) }
	for _, c := range w.commits {
		for _, f := range c.changes {
			note(txlog.ObjectName(w.st.URL(), f.Path))
		}
		for _, f := range c.files {
			note(txlog.ObjectName(w.st.URL(), f.Path))
			note(w.vector(f))
		}
	}
	if err != nil {
		return nil, err
	}
	for o, err := range w.st.List(ctx, logstore.ListOptions{}) {
		if err != nil {
			return nil, err
		}
		if !named[o.Name] && !strings.HasPrefix(o.Name, "_delta_log/") && !slices.Contains(before, o.Name) {
			names = append(names, o.Name)
		}
	}
	return names, nil
}
