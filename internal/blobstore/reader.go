package blobstore

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"gocloud.dev/blob"
)

const (
	// maxResumes is how often a body may break before resumeProgress more bytes
	// have arrived.
	maxResumes     = 4
	resumeProgress = 8 << 20
	// maxRequests bounds what an SDK may send for one of our requests: Google's
	// resumes bodies by itself, without a limit.
	maxRequests = 8
)

// A rangeReader reads bytes off to end of an object. When a body breaks or
// stands still it asks for the rest, of the same version of the object.
type rangeReader struct {
	store     *Store
	ctx       context.Context // of the caller; governs the whole body by contract
	op        operation
	key       string
	off, end  int64 // what is left; end is unknown (-1) before the first answer
	version   string
	size      int64
	body      *blob.Reader
	cancel    context.CancelCauseFunc
	attempt   context.Context
	watch     *time.Timer
	resumes   int
	sinceLast int64
	err       error // sticks
}

func (s *Store) open(ctx context.Context, name string, off, n int64) (*rangeReader, error) {
	key, err := s.key(name)
	if err != nil {
		return nil, err
	}
	r := &rangeReader{store: s, ctx: ctx, key: key, off: off, end: -1, op: operation{verb: "read", name: name}}
	if err := r.request(n); err != nil {
		return nil, err
	}
	return r, nil
}

// left is the number of bytes that are still to come.
func (r *rangeReader) left() int64 { return r.end - r.off }

// request asks for n bytes from the current offset; n < 0 means to the end.
func (r *rangeReader) request(n int64) error {
	s := r.store
	r.op.flight.limit.Store(r.op.flight.sent.Load() + maxRequests)
	attempt, cancel := context.WithCancelCause(s.track(r.ctx, &r.op))
	giveUp := func(d time.Duration) *time.Timer {
		return time.AfterFunc(d, func() { cancel(&timeoutError{d}) })
	}
	watch := giveUp(retried * s.conf.RequestTimeout)
	body, err := s.bucket.NewRangeReader(attempt, r.key, r.off, max(n, -1), &blob.ReaderOptions{
		BeforeRead: s.driver.BeforeRead(r.key, r.version),
	})
	watch.Stop()
	if err != nil {
		defer cancel(nil)
		if s.driver.Reply(err).Status == http.StatusRequestedRangeNotSatisfiable && r.version == "" {
			r.end, r.size = r.off, r.off // the object exists and ends before the offset
			return nil
		}
		return s.fail(attempt, &r.op, err)
	}
	if r.end < 0 { // first answer
		if r.version, err = s.driver.Version(body); err != nil {
			cancel(nil)
			body.Close()
			return fmt.Errorf("%s: read %s: %w", s.conf.Name, s.show(r.op.name), err)
		}
		r.size = body.Size()
		r.end = max(r.size, r.off)
		if n >= 0 {
			r.end = min(r.end, r.off+min(n, r.end-r.off))
		}
	} else if body.Size() != r.size {
		cancel(nil)
		body.Close()
		return s.changed(&r.op)
	}
	r.body, r.attempt, r.cancel = body, attempt, cancel
	r.watch = giveUp(s.conf.RequestTimeout)
	return nil
}

func (s *Store) changed(op *operation) error {
	return fmt.Errorf("%s: read %s: the object was replaced while it was read; read it again", s.conf.Name, s.show(op.name))
}

// Read reads on, over breaks.
func (r *rangeReader) Read(p []byte) (int, error) {
	for {
		switch {
		case r.err != nil:
			return 0, r.err
		case r.off >= r.end:
			r.err = io.EOF
			r.drop()
			return 0, io.EOF
		case len(p) == 0:
			return 0, nil
		case r.body == nil:
			if r.err = r.request(r.end - r.off); r.err != nil {
				return 0, r.err
			}
			if r.body == nil { // 416 on a resumed read without a version
				r.err = r.store.changed(&r.op)
				continue
			}
		}
		n, err := r.readBody(p)
		if n > 0 {
			return n, nil
		}
		if err != nil {
			r.err = r.broken(err)
		}
	}
}

// readBody reads from the current body, which is nil afterwards if it broke.
func (r *rangeReader) readBody(p []byte) (int, error) {
	p = p[:min(int64(len(p)), r.end-r.off)]
	r.watch.Reset(r.store.conf.RequestTimeout)
	n, err := r.body.Read(p)
	r.watch.Stop()
	r.off += int64(n)
	if r.sinceLast += int64(n); r.sinceLast >= resumeProgress {
		r.resumes = 0
	}
	if err == io.EOF && r.off < r.end {
		err = io.ErrUnexpectedEOF
	}
	if n > 0 || err == nil {
		return n, nil // an error that came with bytes comes again without them
	}
	return 0, err
}

// broken decides about a body that ended with err: nil means to go on.
func (r *rangeReader) broken(err error) error {
	attempt := r.attempt
	if r.ctx.Err() == nil && r.resumes < maxResumes {
		r.drop()
		r.resumes++
		r.sinceLast = 0
		return nil
	}
	err = r.store.fail(attempt, &r.op, fmt.Errorf("the body broke at byte %d of %d: %w", r.off, r.size, err))
	r.drop()
	return err
}

// drop ends the current request.
func (r *rangeReader) drop() {
	if r.body == nil {
		return
	}
	r.watch.Stop()
	r.cancel(nil)
	r.body.Close() // an abandoned body has nothing to say
	r.body = nil
}

// Close ends the read. Later Reads fail.
func (r *rangeReader) Close() error {
	r.drop()
	if r.err == nil || r.err == io.EOF {
		r.err = fmt.Errorf("%s: read %s: the reader is closed", r.store.conf.Name, r.store.show(r.op.name))
	}
	return nil
}

var _ io.ReadCloser = (*rangeReader)(nil)
