package fsck

import (
	"context"
	"errors"
	"io"
	"iter"
	"strings"
	"sync"

	"github.com/deltalog/deltalog/txlog/logstore"
)

// A watched store remembers the first request that failed, so that what a failure
// looks like to those who decode bytes is not taken for a fault of the table. That
// an object is not there is an answer, no failure.
type watched struct {
	logstore.Store
	mu  sync.Mutex
	err error
}

func (w *watched) failed() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// note remembers an error, unless it came of the caller's own ending.
func (w *watched) note(ctx context.Context, err error) {
	if err == nil || errors.Is(err, logstore.ErrNotExist) || errors.Is(err, logstore.ErrTooLarge) || errors.Is(err, logstore.ErrBadName) || ctx.Err() != nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = err
	}
}

func (w *watched) Read(ctx context.Context, name string, limit int64) ([]byte, error) {
	b, err := w.Store.Read(ctx, name, limit)
	w.note(ctx, err)
	return b, err
}

func (w *watched) Stat(ctx context.Context, name string) (logstore.Object, error) {
	o, err := w.Store.Stat(ctx, name)
	w.note(ctx, err)
	return o, err
}

func (w *watched) List(ctx context.Context, o logstore.ListOptions) iter.Seq2[logstore.Object, error] {
	return func(yield func(logstore.Object, error) bool) {
		for obj, err := range w.Store.List(ctx, o) {
			w.note(ctx, err)
			if !yield(obj, err) {
				return
			}
		}
	}
}

func (w *watched) ReadRange(ctx context.Context, name string, off, n int64) (io.ReadCloser, error) {
	r, err := w.Store.ReadRange(ctx, name, off, n)
	w.note(ctx, err)
	if err != nil {
		return nil, err
	}
	return &watchedBody{r, w, ctx}, nil
}

type watchedBody struct {
	io.ReadCloser
	w   *watched
	ctx context.Context
}

func (b *watchedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if !errors.Is(err, io.EOF) {
		b.w.note(b.ctx, err)
	}
	return n, err
}

// only is a store in which a listing shows some objects of the log and no others:
// the table as they alone make it. It notes what else is read.
type only struct {
	logstore.Store
	objects []logstore.Object // in the order of names

	mu   sync.Mutex
	read map[string]struct{}
}

func (o *only) note(name string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.read == nil {
		o.read = map[string]struct{}{}
	}
	o.read[name] = struct{}{}
}

func (o *only) Read(ctx context.Context, name string, limit int64) ([]byte, error) {
	o.note(name)
	return o.Store.Read(ctx, name, limit)
}

func (o *only) ReadRange(ctx context.Context, name string, off, n int64) (io.ReadCloser, error) {
	o.note(name)
	return o.Store.ReadRange(ctx, name, off, n)
}

func (o *only) List(_ context.Context, l logstore.ListOptions) iter.Seq2[logstore.Object, error] {
	return func(yield func(logstore.Object, error) bool) {
		for _, obj := range o.objects {
			if strings.HasPrefix(obj.Name, l.Prefix) && obj.Name > l.StartAfter && !yield(obj, nil) {
				return
			}
		}
	}
}
