package storecheck

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/deltalog/deltalog/txlog/logstore"
)

// slowly lets the others run, also on one processor.
func slowly() {
	for range 100 {
		runtime.Gosched()
	}
}

// defects are stores that do one thing wrong, and which check must say so.
var defects = []struct {
	name    string
	breakIt func(b *broken)
	check   string // the check that must fail
	message string // part of what it says
}{
	{"ignores the condition", func(b *broken) {
		b.put = func(ctx context.Context, name string, data []byte, _ logstore.PutMode) error {
			return b.Store.Put(ctx, name, data, logstore.Overwrite)
		}
	}, "race of writers", "32 of 32 writers"},
	{"ignores the condition, in sequence", func(b *broken) {
		b.put = func(ctx context.Context, name string, data []byte, _ logstore.PutMode) error {
			return b.Store.Put(ctx, name, data, logstore.Overwrite)
		}
	}, "put if absent", "returned no error"},
	{"looks, then writes", func(b *broken) {
		b.put = func(ctx context.Context, name string, data []byte, mode logstore.PutMode) error {
			if _, err := b.Store.Stat(ctx, name); err == nil && mode == logstore.IfAbsent {
				return logstore.ErrExist
			}
			slowly()
			return b.Store.Put(ctx, name, data, logstore.Overwrite)
		}
	}, "race of writers", "in two steps"},
	{"a loser's bytes stay", func(b *broken) {
		b.put = func(ctx context.Context, name string, data []byte, mode logstore.PutMode) error {
			err := b.Store.Put(ctx, name, data, mode)
			if errors.Is(err, logstore.ErrExist) {
				_ = b.Store.Put(ctx, name, data, logstore.Overwrite)
			}
			return err
		}
	}, "race of writers", "a loser's bytes are in storage"},
	{"a loser leaves litter", func(b *broken) {
		b.put = func(ctx context.Context, name string, data []byte, mode logstore.PutMode) error {
			err := b.Store.Put(ctx, name, data, mode)
			if errors.Is(err, logstore.ErrExist) {
				_ = b.Store.Put(ctx, name+".tmp", data, logstore.Overwrite)
			}
			return err
		}
	}, "race of writers", "which it should not"},
	{"losers are told something else", func(b *broken) {
		b.put = func(ctx context.Context, name string, data []byte, mode logstore.PutMode) error {
			err := b.Store.Put(ctx, name, data, mode)
			if errors.Is(err, logstore.ErrExist) {
				return errors.New("precondition failed")
			}
			return err
		}
	}, "race of writers", `told "precondition failed"`},
	{"nobody wins", func(b *broken) {
		var mu sync.Mutex
		seen := map[string]bool{}
		b.put = func(ctx context.Context, name string, data []byte, mode logstore.PutMode) error {
			mu.Lock()
			defer mu.Unlock()
			if !seen[name] {
				seen[name] = true
				_ = b.Store.Put(ctx, name, data, mode)
			}
			return logstore.ErrExist
		}
	}, "race of writers", "none of 32 writers"},
	{"the name exists before its bytes do", func(b *broken) {
		var mu sync.Mutex
		reserved := map[string]bool{}
		b.put = func(ctx context.Context, name string, data []byte, mode logstore.PutMode) error {
			mu.Lock()
			taken := reserved[name]
			reserved[name] = true
			mu.Unlock()
			if taken {
				return logstore.ErrExist
			}
			slowly()
			return b.Store.Put(ctx, name, data, mode)
		}
	}, "race of writers", "could not be read"},
	{"overwrites in two steps", func(b *broken) {
		b.put = func(ctx context.Context, name string, data []byte, mode logstore.PutMode) error {
			if mode == logstore.Overwrite {
				_ = b.Store.Put(ctx, name, data[:len(data)/2], mode)
				slowly()
			}
			return b.Store.Put(ctx, name, data, mode)
		}
	}, "overwritten while read", "half of a Put"},
	{"overwrites by deleting first", func(b *broken) {
		b.put = func(ctx context.Context, name string, data []byte, mode logstore.PutMode) error {
			if mode == logstore.Overwrite {
				_ = b.Store.Delete(ctx, name)
				slowly()
			}
			return b.Store.Put(ctx, name, data, mode)
		}
	}, "overwritten while read", "could not be read"},
	{"serves an old version from a cache", func(b *broken) {
		var mu sync.Mutex
		cache := map[string][]byte{}
		reads := 0
		b.read = func(ctx context.Context, name string, limit int64) ([]byte, error) {
			mu.Lock()
			defer mu.Unlock()
			reads++
			if old, ok := cache[name]; ok && reads%3 == 0 {
				return old, nil
			}
			data, err := b.Store.Read(ctx, name, limit)
			if err == nil && cache[name] == nil {
				cache[name] = data
			}
			return data, err
		}
	}, "overwrite", "gave"},
	{"keeps the caller's slice", func(b *broken) {
		kept := map[string][]byte{}
		b.put = func(ctx context.Context, name string, data []byte, mode logstore.PutMode) error {
			kept[name] = data
			return b.Store.Put(ctx, name, data, mode)
		}
		b.read = func(ctx context.Context, name string, limit int64) ([]byte, error) {
			if data, ok := kept[name]; ok {
				return data, nil
			}
			return b.Store.Read(ctx, name, limit)
		}
	}, "objects do not share memory with the caller", "gave"},
	{"a read of nothing is empty", func(b *broken) {
		b.read = func(ctx context.Context, name string, limit int64) ([]byte, error) {
			data, err := b.Store.Read(ctx, name, limit)
			if errors.Is(err, logstore.ErrNotExist) {
				err = nil
			}
			return data, err
		}
	}, "missing objects", "returned no error"},
	{"a refused permission is a missing object", func(b *broken) {
		b.stat = func(context.Context, string) (logstore.Object, error) {
			return logstore.Object{}, fmt.Errorf("%w: %w", logstore.ErrPermission, logstore.ErrNotExist)
		}
	}, "missing objects", "no other class"},
	{"a range behind the end is an error", func(b *broken) {
		b.ranged = func(ctx context.Context, name string, off, n int64) (io.ReadCloser, error) {
			if o, err := b.Store.Stat(ctx, name); err == nil && off >= o.Size && off > 0 {
				return nil, errors.New("416 range not satisfiable")
			}
			return b.Store.ReadRange(ctx, name, off, n)
		}
	}, "ranges", "416"},
	{"a range of nothing is one byte", func(b *broken) {
		b.ranged = func(ctx context.Context, name string, off, n int64) (io.ReadCloser, error) {
			if n == 0 {
				n = 1
			}
			return b.Store.ReadRange(ctx, name, off, n)
		}
	}, "ranges", "want \"\""},
	{"no limit", func(b *broken) {
		b.read = func(ctx context.Context, name string, _ int64) ([]byte, error) {
			return b.Store.Read(ctx, name, 0)
		}
	}, "read limit", "returned no error"},
	{"reads up to the limit", func(b *broken) {
		b.read = func(ctx context.Context, name string, limit int64) ([]byte, error) {
			data, err := b.Store.Read(ctx, name, 0)
			if limit > 0 && int64(len(data)) > limit {
				data = data[:limit]
			}
			return data, err
		}
	}, "read limit", "returned no error"},
	{"the size is wrong", func(b *broken) {
		b.stat = func(ctx context.Context, name string) (logstore.Object, error) {
			o, err := b.Store.Stat(ctx, name)
			o.Size++
			return o, err
		}
	}, "put and read back", "Stat of"},
	{"deleting nothing is an error", func(b *broken) {
		b.remove = func(ctx context.Context, name string) error {
			if _, err := b.Store.Stat(ctx, name); err != nil {
				return err
			}
			return b.Store.Delete(ctx, name)
		}
	}, "delete", "it is no error"},
	{"deletes by prefix", func(b *broken) {
		b.remove = func(ctx context.Context, name string) error {
			if err := b.Store.Delete(ctx, name); err != nil {
				return err
			}
			for _, n := range b.Names() {
				if strings.HasPrefix(n, name) {
					_ = b.Store.Delete(ctx, n)
				}
			}
			return nil
		}
	}, "delete", `Read of "dir/ab"`},
	{"takes bad names", func(b *broken) {
		clean := func(name string) string { return strings.Trim(strings.ReplaceAll(name, "..", ""), "/.\x00") + "x" }
		b.put = func(ctx context.Context, name string, data []byte, mode logstore.PutMode) error {
			if logstore.CheckName(name) != nil {
				name = clean(name)[:1]
			}
			return b.Store.Put(ctx, name, data, mode)
		}
	}, "bad names are refused", "returned no error"},
	{"decodes names", func(b *broken) {
		b.put = func(ctx context.Context, name string, data []byte, mode logstore.PutMode) error {
			if d, err := url.PathUnescape(name); err == nil {
				name = d
			}
			return b.Store.Put(ctx, name, data, mode)
		}
	}, "odd names are kept", "%"},
	{"encodes names in listings", func(b *broken) {
		b.list = func(ctx context.Context, o logstore.ListOptions) iter.Seq2[logstore.Object, error] {
			return func(yield func(logstore.Object, error) bool) {
				for obj, err := range b.Store.List(ctx, o) {
					obj.Name = strings.ReplaceAll(obj.Name, " ", "%20")
					if !yield(obj, err) {
						return
					}
				}
			}
		}
	}, "odd names are kept", "lacks"},
	{"writes although the context is over", func(b *broken) {
		b.put = func(_ context.Context, name string, data []byte, mode logstore.PutMode) error {
			return b.Store.Put(context.Background(), name, data, mode)
		}
	}, "cancelled contexts", "want an error that matches context.Canceled"},
	{"a body ignores its context", func(b *broken) {
		b.ranged = func(ctx context.Context, name string, off, n int64) (io.ReadCloser, error) {
			return b.Store.ReadRange(context.WithoutCancel(ctx), name, off, n)
		}
	}, "cancelled contexts", "ReadRange with a context"},
	{"an absent root is an error", func(b *broken) {
		b.list = func(ctx context.Context, o logstore.ListOptions) iter.Seq2[logstore.Object, error] {
			if len(b.Names()) == 0 {
				return func(yield func(logstore.Object, error) bool) { yield(logstore.Object{}, logstore.ErrNotExist) }
			}
			return b.Store.List(ctx, o)
		}
	}, "list of nothing", "does not exist"},
	{"lists one page", edited(func(all []logstore.Object, _ logstore.ListOptions) []logstore.Object {
		return all[:min(len(all), 1000)]
	}), "list of many", "lacks"},
	{"drops an object at a page's edge", edited(func(all []logstore.Object, _ logstore.ListOptions) []logstore.Object {
		if len(all) > 1000 {
			return slices.Delete(all, 1000, 1001)
		}
		return all
	}), "list of many", "lacks"},
	{"repeats an object at a page's edge", edited(func(all []logstore.Object, _ logstore.ListOptions) []logstore.Object {
		if len(all) > 1000 {
			return slices.Insert(all, 1000, all[999])
		}
		return all
	}), "list of many", "2 times"},
	{"lists late", edited(func(all []logstore.Object, _ logstore.ListOptions) []logstore.Object {
		return all[:max(0, len(all)-1)]
	}), "list of many", "lacks"},
	{"lists from a cache", func(b *broken) {
		var mu sync.Mutex
		var kept []logstore.Object
		n := 0
		edited(func(all []logstore.Object, _ logstore.ListOptions) []logstore.Object {
			mu.Lock()
			defer mu.Unlock()
			if n++; n%2 == 1 {
				kept = all
			}
			slowly()
			return kept
		})(b)
	}, "list while written", "before a listing began"},
	{"lists directory by directory", edited(func(all []logstore.Object, _ logstore.ListOptions) []logstore.Object {
		slices.SortFunc(all, func(a, b logstore.Object) int {
			return slices.Compare(strings.Split(a.Name, "/"), strings.Split(b.Name, "/"))
		})
		return all
	}), "list order in directories", "not in order"},
	{"starts at, not after", func(b *broken) {
		b.list = func(ctx context.Context, o logstore.ListOptions) iter.Seq2[logstore.Object, error] {
			if o.StartAfter != "" {
				o.StartAfter = o.StartAfter[:len(o.StartAfter)-1]
			}
			return b.Store.List(ctx, o)
		}
	}, "list options", "which it should not"},
	{"ignores Shallow", func(b *broken) {
		b.list = func(ctx context.Context, o logstore.ListOptions) iter.Seq2[logstore.Object, error] {
			o.Shallow = false
			return b.Store.List(ctx, o)
		}
	}, "list options", "which it should not"},
	{"takes the prefix for a directory", func(b *broken) {
		b.list = func(ctx context.Context, o logstore.ListOptions) iter.Seq2[logstore.Object, error] {
			if o.Prefix != "" && !strings.HasSuffix(o.Prefix, "/") {
				o.Prefix += "/"
			}
			return b.Store.List(ctx, o)
		}
	}, "list options", "lacks"},
	{"goes on after break", func(b *broken) {
		b.list = func(ctx context.Context, o logstore.ListOptions) iter.Seq2[logstore.Object, error] {
			return func(yield func(logstore.Object, error) bool) {
				for obj, err := range b.Store.List(ctx, o) {
					yield(obj, err)
				}
			}
		}
	}, "list stops when told", "panicked"},
	{"a Writer is visible at once", func(b *broken) {
		b.create = func(ctx context.Context, name string) (logstore.Writer, error) {
			var buf bytes.Buffer
			return &brokenWriter{
				write: func(p []byte) (int, error) {
					buf.Write(p)
					return len(p), b.Store.Put(ctx, name, buf.Bytes(), logstore.Overwrite)
				},
				close: func() error { return nil },
				abort: func() { _ = b.Store.Delete(ctx, name) },
			}, nil
		}
	}, "writer", "is not closed yet"},
	{"Abort publishes", writing(func(_ context.Context, w logstore.Writer) *brokenWriter {
		return &brokenWriter{Writer: w, abort: func() { _ = w.Close() }}
	}), "writer aborted", "was aborted"},
	{"Close publishes after Abort", func(b *broken) {
		b.create = func(ctx context.Context, name string) (logstore.Writer, error) {
			w, err := b.Store.Create(ctx, name)
			return &brokenWriter{Writer: w, abort: func() {}}, err
		}
	}, "writer aborted", "Close after Abort"},
	{"Close publishes what a cancelled context cut off", func(b *broken) {
		b.create = func(ctx context.Context, name string) (logstore.Writer, error) {
			w, err := b.Store.Create(context.WithoutCancel(ctx), name)
			return &brokenWriter{Writer: w, write: func(p []byte) (int, error) {
				if err := ctx.Err(); err != nil {
					return 0, err
				}
				return w.Write(p)
			}}, err
		}
	}, "writer cancelled", "Close after a Write that failed"},
	{"a Writer replaces", func(b *broken) {
		b.create = func(ctx context.Context, name string) (logstore.Writer, error) {
			var buf bytes.Buffer
			return &brokenWriter{
				write: buf.Write,
				close: func() error { return b.Store.Put(ctx, name, buf.Bytes(), logstore.Overwrite) },
				abort: func() {},
			}, nil
		}
	}, "writer refuses a name in use", "returned no error"},
	{"a Writer keeps the caller's slice", func(b *broken) {
		b.create = func(ctx context.Context, name string) (logstore.Writer, error) {
			var parts [][]byte
			return &brokenWriter{
				write: func(p []byte) (int, error) { parts = append(parts, p); return len(p), nil },
				close: func() error { return b.Store.Put(ctx, name, bytes.Join(parts, nil), logstore.IfAbsent) },
			}, nil
		}
	}, "objects do not share memory with the caller", "gave"},
	{"a large object loses its last part", func(b *broken) {
		b.create = func(ctx context.Context, name string) (logstore.Writer, error) {
			w, err := b.Store.Create(ctx, name)
			sent := 0
			return &brokenWriter{Writer: w, write: func(p []byte) (int, error) {
				if sent += len(p); sent > 16<<20 {
					return len(p), nil
				}
				return w.Write(p)
			}}, err
		}
	}, "large object", "gave"},
	{"refuses empty objects", func(b *broken) {
		b.put = func(ctx context.Context, name string, data []byte, mode logstore.PutMode) error {
			if len(data) == 0 {
				return logstore.ErrRefused
			}
			return b.Store.Put(ctx, name, data, mode)
		}
	}, "empty objects", "failed"},
	{"an empty object counts as absent", func(b *broken) {
		b.put = func(ctx context.Context, name string, data []byte, mode logstore.PutMode) error {
			if o, err := b.Store.Stat(ctx, name); err == nil && o.Size == 0 {
				mode = logstore.Overwrite
			}
			return b.Store.Put(ctx, name, data, mode)
		}
	}, "empty objects", "returned no error"},
	{"no time", func(b *broken) {
		b.stat = func(ctx context.Context, name string) (logstore.Object, error) {
			o, err := b.Store.Stat(ctx, name)
			o.Modified = time.Time{}
			return o, err
		}
	}, "stat", "no modification time"},
	{"sizes in listings are wrong", edited(func(all []logstore.Object, _ logstore.ListOptions) []logstore.Object {
		for i := range all {
			all[i].Size = 0
		}
		return all
	}), "stat", "where Stat says"},
	{"refuses to overwrite", func(b *broken) {
		b.put = func(ctx context.Context, name string, data []byte, _ logstore.PutMode) error {
			return b.Store.Put(ctx, name, data, logstore.IfAbsent)
		}
	}, "overwrite", "Put with Overwrite failed"},
	{"panics", func(b *broken) {
		b.put = func(context.Context, string, []byte, logstore.PutMode) error { panic("nil writer") }
	}, "put and read back", "panicked: nil writer"},
}

// edited is a store whose listings go through f.
func edited(f func([]logstore.Object, logstore.ListOptions) []logstore.Object) func(*broken) {
	return func(b *broken) {
		b.list = func(ctx context.Context, o logstore.ListOptions) iter.Seq2[logstore.Object, error] {
			var all []logstore.Object
			for obj, err := range b.Store.List(ctx, o) {
				if err != nil {
					return func(yield func(logstore.Object, error) bool) { yield(obj, err) }
				}
				all = append(all, obj)
			}
			return func(yield func(logstore.Object, error) bool) {
				for _, obj := range f(all, o) {
					if !yield(obj, nil) {
						return
					}
				}
			}
		}
	}
}

// writing is a store whose Writers go through f.
func writing(f func(context.Context, logstore.Writer) *brokenWriter) func(*broken) {
	return func(b *broken) {
		b.create = func(ctx context.Context, name string) (logstore.Writer, error) {
			w, err := b.Store.Create(ctx, name)
			if err != nil {
				return nil, err
			}
			return f(ctx, w), nil
		}
	}
}
