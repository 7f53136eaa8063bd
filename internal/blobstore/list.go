package blobstore

import (
	"context"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"

	"gocloud.dev/blob"

	"github.com/deltalog/deltalog/txlog/logstore"
)

// pageSize is the most entries that S3 and GCS return for one request.
const pageSize = 1000

// List costs one request for each 1000 entries. A shallow listing does not count
// what is in directories, only the directories.
func (s *Store) List(ctx context.Context, o logstore.ListOptions) iter.Seq2[logstore.Object, error] {
	return func(yield func(logstore.Object, error) bool) {
		if err := logstore.CheckPrefix(o.Prefix); err != nil {
			yield(logstore.Object{}, err)
			return
		}
		l := lister{store: s, opts: s.listOptions(o), after: o.StartAfter, last: s.conf.Prefix + o.StartAfter}
		for token := blob.FirstPageToken; len(token) > 0; {
			var page []logstore.Object
			var err error
			if page, token, err = l.page(ctx, token); err != nil {
				yield(logstore.Object{}, err)
				return
			}
			for _, obj := range page {
				if !yield(obj, nil) {
					return
				}
			}
		}
	}
}

func (s *Store) listOptions(o logstore.ListOptions) *blob.ListOptions {
	prefix, after := s.conf.Prefix+o.Prefix, ""
	if o.StartAfter != "" && s.conf.Prefix+o.StartAfter > prefix {
		after = s.conf.Prefix + o.StartAfter
	}
	opts := &blob.ListOptions{Prefix: prefix, BeforeList: s.driver.BeforeList(prefix, after)}
	if o.Shallow {
		opts.Delimiter = "/"
	}
	return opts
}

// A lister turns pages into objects and holds the service to its order.
type lister struct {
	store *Store
	opts  *blob.ListOptions
	after string // name
	last  string // key of the object before, or the key to start after
	any   bool   // last is an object's
}

func (l *lister) page(ctx context.Context, token []byte) ([]logstore.Object, []byte, error) {
	s := l.store
	op := operation{verb: "list", name: strings.TrimPrefix(l.opts.Prefix, s.conf.Prefix)}
	ctx, cancel := s.begin(ctx, &op, retried*s.timeout(0))
	defer cancel()
	entries, next, err := s.bucket.ListPage(ctx, token, pageSize, l.opts)
	if err != nil && err != io.EOF {
		return nil, nil, s.fail(ctx, &op, err)
	}
	objects := make([]logstore.Object, 0, len(entries))
	respelt := false
	for _, e := range entries {
		if e.IsDir {
			continue
		}
		key := s.driver.Key(e)
		respelt = respelt || key != e.Key
		name, ok := strings.CutPrefix(key, s.conf.Prefix)
		if !ok || !strings.HasPrefix(key, l.opts.Prefix) {
			return nil, nil, fmt.Errorf("%s: list %s: the service returned %q, which is outside the listed prefix", s.conf.Name, s.show(op.name), key)
		}
		// What no Store would take as a name is no object of the table, such as
		// the empty "directory/" objects that consoles and Hadoop leave behind.
		if name <= l.after || logstore.CheckName(name) != nil {
			continue
		}
		objects = append(objects, logstore.Object{Name: name, Size: e.Size, Modified: e.ModTime})
	}
	if respelt { // the portable layer ordered the page by its own spelling
		slices.SortFunc(objects, func(a, b logstore.Object) int { return strings.Compare(a.Name, b.Name) })
	}
	return objects, next, l.ordered(objects)
}

// ordered refuses a service that lists out of order or twice: replay and tip
// finding would miss commits.
func (l *lister) ordered(objects []logstore.Object) error {
	for _, o := range objects {
		key := l.store.conf.Prefix + o.Name
		if l.any && key <= l.last {
			return fmt.Errorf("%s: list %s: the service listed %q after %q; a store must list in the order of bytes (S3 directory buckets do not)",
				l.store.conf.Name, l.store.conf.URL, key, l.last)
		}
		l.last, l.any = key, true
	}
	return nil
}
