package faultstore

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/deltalog/deltalog/txlog/logstore"
)

// faultyBody gives a body the faults of its call.
func (s *Store) faultyBody(f Fault, body io.ReadCloser) (io.ReadCloser, error) {
	if f.Mutate != nil {
		data, err := io.ReadAll(body)
		body.Close()
		if err != nil {
			return nil, err
		}
		body = io.NopCloser(bytes.NewReader(f.Mutate(data)))
	}
	b := &faulty{store: s, body: body, left: -1}
	if f.Break {
		b.left, b.err = f.BreakAfter, f.Err
	}
	return b, nil
}

// A faulty body breaks after some bytes, and with the process.
type faulty struct {
	store *Store
	body  io.ReadCloser
	left  int // -1: does not break
	err   error
}

func (b *faulty) Read(p []byte) (int, error) {
	switch {
	case b.store.Crashed():
		return 0, ErrCrashed
	case b.left == 0:
		return 0, b.err
	case b.left > 0 && len(p) > b.left:
		p = p[:b.left]
	}
	n, err := b.body.Read(p)
	if b.left > 0 {
		b.left -= n
	}
	return n, err
}

func (b *faulty) Close() error { return b.body.Close() }

// Create implements [logstore.Store].
func (s *Store) Create(ctx context.Context, name string) (logstore.Writer, error) {
	f, err := s.ask(logstore.VerbCreate, name, 0)
	if err != nil {
		return nil, err
	}
	w := &writer{store: s, name: name}
	// The inner Writer must live on when the caller's context is over, because a
	// delayed Close is a request that was sent before that.
	w.ctx = ctx
	err = s.apply(f, func() (err error) {
		w.inner, err = s.inner.Create(context.WithoutCancel(ctx), name)
		return err
	}, nil)
	if err != nil {
		if w.inner != nil && !s.Crashed() {
			w.inner.Abort() // the answer is lost: nobody can use it
		}
		return nil, err
	}
	return w, nil
}

// A writer is a Writer whose calls a script can make fail. After a crash it
// leaves behind what a process that is killed leaves behind.
type writer struct {
	ctx   context.Context // the caller's, from Create to Close
	store *Store
	name  string
	inner logstore.Writer
	err   error // why nothing can be published any more
}

var errEnded = errors.New("faultstore: the writer was closed or aborted before")

func (w *writer) Write(p []byte) (n int, err error) {
	if err := w.over(); err != nil {
		return 0, err
	}
	f, err := w.store.ask(logstore.VerbWrite, w.name, len(p))
	if err != nil {
		return 0, err
	}
	if f.Break {
		n, err = w.inner.Write(p[:min(f.BreakAfter, len(p))])
		if err == nil {
			err = f.Err
		}
	} else {
		err = w.store.apply(f, func() (err error) {
			n, err = w.inner.Write(p)
			return err
		}, nil)
	}
	if err != nil {
		w.err = err
	}
	return n, err
}

func (w *writer) Close() error {
	if err := w.over(); err != nil {
		w.abandon()
		return err
	}
	f, err := w.store.ask(logstore.VerbClose, w.name, 0)
	if err != nil {
		return err
	}
	if err := w.over(); err != nil { // Run may have cancelled
		w.abandon()
		return err
	}
	w.err = errEnded
	if f.Err != nil && !f.Applied && !f.Delayed {
		defer w.abandon()
	}
	return w.store.apply(f, w.inner.Close, w.inner.Close)
}

func (w *writer) Abort() {
	if w.err == errEnded { //nolint:errorlint // our own, bare
		return
	}
	f, err := w.store.ask(logstore.VerbAbort, w.name, 0)
	w.err = errEnded
	if err != nil {
		return
	}
	_ = w.store.apply(f, func() error { w.inner.Abort(); return nil }, nil)
}

func (w *writer) over() error {
	if w.store.Crashed() {
		return ErrCrashed
	}
	if w.err != nil {
		return w.err
	}
	return w.ctx.Err()
}

// abandon frees the inner Writer of one that can publish nothing, unless the
// process is over, which frees nothing.
func (w *writer) abandon() {
	if !w.store.Crashed() {
		w.inner.Abort()
	}
	w.err = errEnded
}
