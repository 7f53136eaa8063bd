// Package memstore keeps a table in memory: for tests, simulations and examples.
//
// It keeps the whole contract of [logstore.Store], starts no goroutine and reads
// no clock. Many simulated histories can share one beginning: [Store.Clone] is a
// snapshot that costs one map copy and no content.
package memstore

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/deltalog/deltalog/txlog/logstore"
)

// Options change how a Store behaves; nil is the default for every field.
type Options struct {
	// URL is what Store.URL returns. The default is "mem://".
	URL string
	// Now gives the modification times. The default counts: the n-th object
	// written is modified n milliseconds after the Unix epoch.
	Now func() time.Time
}

// A Store is a set of objects in memory. It is safe for concurrent use.
type Store struct {
	url string
	now func() time.Time

	mu      sync.RWMutex
	objects map[string]object
	names   []string // the keys of objects in order
	writes  int64
}

// An object's data is never changed once it is stored, so that clones and
// open bodies can share it.
type object struct {
	data     []byte
	modified time.Time
}

// New returns an empty store.
func New(opts *Options) *Store {
	s := &Store{url: "mem://", objects: make(map[string]object)}
	if opts != nil {
		s.now = opts.Now
		if opts.URL != "" {
			s.url = opts.URL
		}
	}
	return s
}

// Clone returns a store with the same objects, times and options. Afterwards
// neither sees what is done to the other. It costs O(objects), not bytes.
func (s *Store) Clone() *Store {
	s.mu.RLock()
	defer s.mu.RUnlock()
	c := &Store{url: s.url, now: s.now, writes: s.writes, names: slices.Clone(s.names)}
	c.objects = make(map[string]object, len(s.objects))
	for name, o := range s.objects {
		c.objects[name] = o
	}
	return c
}

// Names returns the names of all objects, in order.
func (s *Store) Names() []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Clone(s.names)
}

// URL implements [logstore.Store].
func (s *Store) URL() string { return s.url }

// Close implements [logstore.Store]. The objects stay.
func (s *Store) Close() error { return nil }

// Read implements [logstore.Store].
func (s *Store) Read(ctx context.Context, name string, limit int64) ([]byte, error) {
	o, err := s.get(ctx, "read", name)
	if err != nil {
		return nil, err
	}
	if limit <= 0 {
		limit = logstore.DefaultReadLimit
	}
	if int64(len(o.data)) > limit {
		return nil, fmt.Errorf("memstore: read %q: %d bytes, limit %d: %w", name, len(o.data), limit, logstore.ErrTooLarge)
	}
	return append(make([]byte, 0, len(o.data)), o.data...), nil
}

// ReadRange implements [logstore.Store].
func (s *Store) ReadRange(ctx context.Context, name string, off, n int64) (io.ReadCloser, error) {
	o, err := s.get(ctx, "read range", name)
	if err != nil {
		return nil, err
	}
	if off < 0 {
		return nil, fmt.Errorf("memstore: read range of %q: offset %d is negative: %w", name, off, logstore.ErrRefused)
	}
	data := o.data[min(off, int64(len(o.data))):]
	if n >= 0 && n < int64(len(data)) {
		data = data[:n]
	}
	return &body{ctx: ctx, r: bytes.NewReader(data)}, nil
}

// A body is an object's content as it was when the read began.
type body struct {
	ctx context.Context // governs the body as it does a response's
	r   *bytes.Reader
}

func (b *body) Read(p []byte) (int, error) {
	if err := b.ctx.Err(); err != nil {
		return 0, fmt.Errorf("memstore: read body: %w", err)
	}
	return b.r.Read(p)
}

func (b *body) Close() error { return nil }

// Stat implements [logstore.Store].
func (s *Store) Stat(ctx context.Context, name string) (logstore.Object, error) {
	o, err := s.get(ctx, "stat", name)
	if err != nil {
		return logstore.Object{}, err
	}
	return logstore.Object{Name: name, Size: int64(len(o.data)), Modified: o.modified}, nil
}

func (s *Store) get(ctx context.Context, verb, name string) (object, error) {
	if err := check(ctx, verb, name); err != nil {
		return object{}, err
	}
	s.mu.RLock()
	o, ok := s.objects[name]
	s.mu.RUnlock()
	if !ok {
		return object{}, fmt.Errorf("memstore: %s %q: %w", verb, name, logstore.ErrNotExist)
	}
	return o, nil
}

// check refuses bad names and contexts that are over. Nothing has happened yet,
// which the error says by matching a definite class.
func check(ctx context.Context, verb, name string) error {
	if err := logstore.CheckName(name); err != nil {
		return fmt.Errorf("memstore: %s: %w", verb, err)
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("memstore: %s %q: not begun (%w): %w", verb, name, logstore.ErrUnavailable, err)
	}
	return nil
}

// List implements [logstore.Store]. Objects written while a listing runs may
// appear in it; it holds no lock while it yields.
func (s *Store) List(ctx context.Context, o logstore.ListOptions) iter.Seq2[logstore.Object, error] {
	return func(yield func(logstore.Object, error) bool) {
		if err := logstore.CheckPrefix(o.Prefix); err != nil {
			yield(logstore.Object{}, fmt.Errorf("memstore: list: %w", err))
			return
		}
		const page = 256
		buf := make([]logstore.Object, 0, page)
		// after is the last name seen; the empty string is below every name.
		for after := o.StartAfter; ; {
			if err := ctx.Err(); err != nil {
				yield(logstore.Object{}, fmt.Errorf("memstore: list %q: %w", o.Prefix, err))
				return
			}
			var more bool
			buf, after, more = s.page(buf[:0], o, after)
			for _, obj := range buf {
				if !yield(obj, nil) {
					return
				}
			}
			if !more {
				return
			}
		}
	}
}

// page appends to buf up to its capacity of the objects that o chooses and that
// are greater than after. It returns where to go on and whether there may be more.
func (s *Store) page(buf []logstore.Object, o logstore.ListOptions, after string) (_ []logstore.Object, next string, more bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	i, found := slices.BinarySearch(s.names, max(after, o.Prefix))
	if found && s.names[i] == after {
		i++
	}
	for ; i < len(s.names); i++ {
		name := s.names[i]
		if !strings.HasPrefix(name, o.Prefix) {
			return buf, "", false
		}
		if o.Shallow {
			if slash := strings.IndexByte(name[len(o.Prefix):], '/'); slash >= 0 {
				// Go on behind the directory: '0' follows '/'.
				behind := name[:len(o.Prefix)+slash] + "0"
				i, _ = slices.BinarySearch(s.names, behind)
				i--
				continue
			}
		}
		if len(buf) == cap(buf) {
			return buf, buf[len(buf)-1].Name, true
		}
		obj := s.objects[name]
		buf = append(buf, logstore.Object{Name: name, Size: int64(len(obj.data)), Modified: obj.modified})
	}
	return buf, "", false
}

// Put implements [logstore.Store].
func (s *Store) Put(ctx context.Context, name string, data []byte, mode logstore.PutMode) error {
	if err := check(ctx, "put", name); err != nil {
		return err
	}
	return s.put("put", name, append(make([]byte, 0, len(data)), data...), mode)
}

// put stores data, which it keeps.
func (s *Store) put(verb, name string, data []byte, mode logstore.PutMode) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, exists := s.objects[name]
	if exists && mode == logstore.IfAbsent {
		return fmt.Errorf("memstore: %s %q: %w", verb, name, logstore.ErrExist)
	}
	s.writes++
	modified := time.UnixMilli(s.writes)
	if s.now != nil {
		modified = s.now()
	}
	s.objects[name] = object{data: data, modified: modified}
	if !exists {
		i, _ := slices.BinarySearch(s.names, name)
		s.names = slices.Insert(s.names, i, name)
	}
	return nil
}

// Delete implements [logstore.Store].
func (s *Store) Delete(ctx context.Context, name string) error {
	if err := check(ctx, "delete", name); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.objects[name]; !ok {
		return nil
	}
	delete(s.objects, name)
	i, _ := slices.BinarySearch(s.names, name)
	s.names = slices.Delete(s.names, i, i+1)
	return nil
}

// Create implements [logstore.Store].
func (s *Store) Create(ctx context.Context, name string) (logstore.Writer, error) {
	if err := check(ctx, "create", name); err != nil {
		return nil, err
	}
	return &writer{ctx: ctx, store: s, name: name}, nil
}

type writer struct {
	ctx   context.Context // governs the upload from Create to Close
	store *Store
	name  string
	data  []byte
	err   error // why nothing can be published any more
}

func (w *writer) Write(p []byte) (int, error) {
	if w.err == nil {
		if err := w.ctx.Err(); err != nil {
			w.err = fmt.Errorf("memstore: write %q: %w", w.name, err)
		}
	}
	if w.err != nil {
		return 0, w.err
	}
	w.data = append(w.data, p...)
	return len(p), nil
}

func (w *writer) Close() error {
	if w.err != nil {
		return w.err
	}
	if err := check(w.ctx, "close", w.name); err != nil {
		w.end()
		return err
	}
	data := w.data
	w.end()
	return w.store.put("close", w.name, data, logstore.IfAbsent)
}

func (w *writer) Abort() { w.end() }

func (w *writer) end() {
	w.data = nil
	if w.err == nil {
		w.err = fmt.Errorf("memstore: write %q: the writer is closed: %w", w.name, logstore.ErrRefused)
	}
}
