package blobstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gocloud.dev/blob"

	"github.com/deltalog/deltalog/txlog/logstore"
)

const contentType = "application/octet-stream"

// Create streams an object in parts. The context governs the whole upload.
//
// The publishing request carries the condition that the name is free and, in the
// object's metadata, a token: the SDK may repeat requests, and when the end is
// not clear the token tells whether the object that is there is this one.
func (s *Store) Create(ctx context.Context, name string) (logstore.Writer, error) {
	key, err := s.key(name)
	if err != nil {
		return nil, err
	}
	w := &writer{store: s, ctx: ctx, name: name, token: s.conf.NewToken()}
	w.op = operation{verb: "create", name: name, conditional: true, writes: true}
	w.attempt, w.cancel = context.WithCancelCause(s.track(ctx, &w.op))
	before, published := s.driver.BeforeWrite(key)
	w.published = published
	w.w, err = s.bucket.NewWriter(w.attempt, key, &blob.WriterOptions{
		BufferSize:     s.conf.PartSize,
		MaxConcurrency: s.conf.Concurrency,
		ContentType:    contentType,
		Metadata:       map[string]string{TokenKey: w.token},
		IfNotExist:     true,
		BeforeWrite:    before,
	})
	if err != nil {
		defer w.cancel(nil)
		return nil, s.fail(w.attempt, &w.op, err)
	}
	return w, nil
}

type writer struct {
	store     *Store
	ctx       context.Context // of the caller; governs the upload by contract
	attempt   context.Context
	cancel    context.CancelCauseFunc
	w         *blob.Writer
	op        operation
	name      string
	token     string
	size      int64
	published func(int64) error
	err       error // the first
	done      bool
}

var errAborted = errors.New("the upload was aborted")

func (w *writer) Write(p []byte) (int, error) {
	if w.done {
		return 0, fmt.Errorf("%s: create %s: write after the end", w.store.conf.Name, w.store.show(w.name))
	}
	if w.err != nil {
		return 0, w.err
	}
	watch := w.watch(len(p))
	n, err := w.w.Write(p)
	watch.Stop()
	w.size += int64(n)
	if err != nil {
		w.err = w.store.fail(w.attempt, &w.op, err)
	}
	return n, w.err
}

// Close publishes. After a failed Write it aborts instead and repeats the error,
// so that no caller can publish half an object.
func (w *writer) Close() error {
	if w.done {
		return fmt.Errorf("%s: create %s: closed twice", w.store.conf.Name, w.store.show(w.name))
	}
	if w.err != nil {
		w.Abort()
		return w.err
	}
	w.done = true
	if err := w.attempt.Err(); err != nil {
		w.discard(err)
		return w.store.fail(w.attempt, &w.op, err)
	}
	watch := w.watch(0)
	err := w.w.Close()
	if perr := w.published(w.size); perr != nil {
		err = perr // what the portable layer was not told
	}
	watch.Stop()
	if err != nil {
		err = w.resolve(w.store.fail(w.attempt, &w.op, err))
	}
	w.cancel(nil)
	return err
}

// watch ends the upload unless it is stopped in the time that n bytes and the
// parts in flight may take: an SDK may repeat a request for ever.
func (w *writer) watch(n int) *time.Timer {
	inFlight := int64(w.store.conf.PartSize) * int64(w.store.conf.Concurrency+1)
	limit := retried * w.store.timeout(int64(n)+inFlight)
	return time.AfterFunc(limit, func() { w.cancel(&timeoutError{limit}) })
}

// resolve finds out by the token whether a publishing request that ended in
// failed was carried out.
func (w *writer) resolve(failed error) error {
	if w.ctx.Err() != nil || w.op.flight.sent.Load() == 0 {
		return failed
	}
	a, err := w.store.attributes(w.ctx, w.name)
	switch {
	case err != nil:
		return failed // not there, or nobody knows: as it was
	case a.Token != w.token:
		// A condition that has failed once cannot be met by a request that is
		// still under way, as long as the object stays.
		s := w.store
		return &opError{
			msg:   fmt.Sprintf("%s: create %s: another object has the name: %v", s.conf.Name, s.show(w.name), logstore.ErrExist),
			class: logstore.ErrExist, err: failed,
		}
	case a.Size != w.size:
		return fmt.Errorf("%s: create %s: %d bytes were written and the store has %d: %w",
			w.store.conf.Name, w.store.show(w.name), w.size, a.Size, failed)
	}
	return nil
}

// Abort ends the upload and waits until the parts that were sent are removed.
func (w *writer) Abort() {
	if w.done {
		return
	}
	w.done = true
	w.discard(errAborted)
}

// discard cancels before it closes: a plain Close would publish what there is.
func (w *writer) discard(cause error) {
	w.cancel(cause)
	_ = w.w.Close() // the error is the cancellation
}
