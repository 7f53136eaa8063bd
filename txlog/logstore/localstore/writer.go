package localstore

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/deltalog/deltalog/txlog/logstore"
)

const (
	// writeBuffer gathers small writes; larger ones go straight to the file.
	writeBuffer = 256 << 10
	// writebackEvery is how much is written before the kernel is asked to start
	// on it, so that the flush at the end finds little left to do.
	writebackEvery = 16 << 20
)

var buffers = sync.Pool{New: func() any { return bufio.NewWriterSize(nil, writeBuffer) }}

// Create implements [logstore.Store].
func (s *Store) Create(ctx context.Context, name string) (logstore.Writer, error) {
	if err := s.check(ctx, "create", name); err != nil {
		return nil, err
	}
	err := s.takenAlready(name)
	if err != nil {
		return nil, s.wrap("create", name, s.notPublished(err))
	}
	p, err := s.begin(name, false)
	if err != nil {
		return nil, s.wrap("create", name, s.notPublished(err))
	}
	w := &writer{ctx: ctx, name: name, p: p}
	w.buf = buffers.Get().(*bufio.Writer) //nolint:errcheck // holds nothing else
	w.buf.Reset(&w.file)
	w.file.p = p
	return w, nil
}

// A writer streams into a pending file.
type writer struct {
	ctx  context.Context // governs the upload from Create to Close
	name string
	p    *pending
	file fileWriter
	buf  *bufio.Writer
	err  error // why nothing can be published any more
}

// A fileWriter is the unbuffered side of a writer.
type fileWriter struct {
	p             *pending
	size, started int64
}

func (f *fileWriter) Write(data []byte) (int, error) {
	if err := f.p.write(data); err != nil {
		return 0, err
	}
	f.size += int64(len(data))
	if f.size-f.started >= writebackEvery && !f.p.s.opts.NoSync {
		startWriteback(f.p.file, f.started, f.size-f.started)
		f.started = f.size
	}
	return len(data), nil
}

func (w *writer) Write(data []byte) (int, error) {
	if w.err == nil {
		w.err = w.ctx.Err()
	}
	if w.err != nil {
		return 0, w.fail("write", w.err)
	}
	n, err := w.buf.Write(data)
	if err != nil {
		w.err = err
		return n, w.fail("write", err)
	}
	return n, nil
}

func (w *writer) Close() error {
	if w.p == nil {
		return w.fail("close", w.err)
	}
	defer w.end()
	if w.err == nil {
		w.err = w.ctx.Err()
	}
	if w.err == nil {
		w.err = w.buf.Flush()
	}
	if w.err == nil {
		w.err = w.p.flush()
	}
	if w.err == nil {
		w.err = w.ctx.Err() // a flush can take long
	}
	if w.err != nil {
		return w.fail("close", w.err)
	}
	err := w.p.publish()
	if err == nil {
		err = w.p.settle()
	}
	return w.p.s.wrap("close", w.name, err)
}

func (w *writer) Abort() {
	if w.p != nil {
		w.end()
	}
}

// fail is for errors from before the object is given its name.
func (w *writer) fail(verb string, err error) error {
	if w.p == nil {
		return fmt.Errorf("localstore: %s %q: %w", verb, w.name, err)
	}
	return w.p.s.wrap(verb, w.name, w.p.s.notPublished(err))
}

var errEnded = errors.New("the writer was closed or aborted before")

func (w *writer) end() {
	w.p.end()
	w.p = nil
	w.err = fmt.Errorf("%w: %w", errEnded, logstore.ErrRefused)
	w.buf.Reset(nil)
	buffers.Put(w.buf)
	w.buf = nil
}
