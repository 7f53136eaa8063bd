package sim

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"

	"github.com/deltalog/deltalog/internal/faultstore"
	"github.com/deltalog/deltalog/txlog/logstore"
)

// Errors that faults are made of. Those that match no class of logstore leave the
// outcome open.
var (
	errCrashed = errors.New("sim: the process is over")
	errReset   = errors.New("sim: connection reset")
	errBroken  = errors.New("sim: the body ended early")
	errExpired = fmt.Errorf("sim: credentials have expired: %w", logstore.ErrPermission)
	errDenied  = fmt.Errorf("sim: access denied: %w", logstore.ErrPermission)
	errBusy    = fmt.Errorf("sim: slow down: %w", logstore.ErrUnavailable)
	errRace    = fmt.Errorf("sim: conditional request conflict: %w", logstore.ErrUnavailable)
)

// class names an error for traces.
func class(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, errCrashed):
		return "crashed"
	case errors.Is(err, logstore.ErrExist):
		return "exists"
	case errors.Is(err, logstore.ErrNotExist):
		return "absent"
	case errors.Is(err, logstore.ErrUnavailable):
		return "unavailable"
	case errors.Is(err, logstore.ErrPermission):
		return "denied"
	}
	return "failed"
}

// A handle is the store as one process sees it.
type handle struct {
	w *world
	p *proc
}

// do makes a call through the scheduler. answered says that the answer came, or
// that the process died before it.
func (h *handle) do(ctx context.Context, r *request) error {
	r.proc, r.done = h.p, make(chan struct{})
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("sim: %s %s: not begun (%w): %w", r.verb, r.name, logstore.ErrUnavailable, err)
	}
	if err := h.w.park(r); err != nil {
		return err
	}
	select {
	case <-r.done:
		return r.err
	case <-h.p.died:
		return errCrashed
	case <-ctx.Done():
	}
	return h.giveUp(ctx, r)
}

// giveUp is how a call ends whose context is over: at once, unless the process is
// paused and does not notice.
func (h *handle) giveUp(ctx context.Context, r *request) error {
	h.w.mu.Lock()
	if !r.answered && !h.p.stopped {
		r.abandoned = true
		h.w.mu.Unlock()
		h.w.signal()
		return fmt.Errorf("sim: %s %s: %w", r.verb, r.name, ctx.Err())
	}
	h.w.mu.Unlock()
	select {
	case <-r.done:
		return r.err
	case <-h.p.died:
		return errCrashed
	}
}

// URL implements [logstore.Store].
func (h *handle) URL() string { return h.w.store.URL() }

// Close implements [logstore.Store].
func (h *handle) Close() error { return nil }

// Read implements [logstore.Store].
func (h *handle) Read(ctx context.Context, name string, limit int64) ([]byte, error) {
	var data []byte
	r := &request{verb: logstore.VerbRead, name: name}
	r.call = func() {
		data, r.err = h.w.store.Read(context.Background(), name, limit)
		if r.err == nil {
			data = h.w.tamper(r, data)
		}
	}
	if err := h.do(ctx, r); err != nil {
		return nil, err
	}
	return h.w.lie(h.p, name, data), nil
}

// ReadRange implements [logstore.Store].
func (h *handle) ReadRange(ctx context.Context, name string, off, n int64) (io.ReadCloser, error) {
	var b *rangeBody
	r := &request{verb: logstore.VerbReadRange, name: name, from: off}
	r.call = func() {
		var rc io.ReadCloser
		if rc, r.err = h.w.store.ReadRange(context.Background(), name, off, n); r.err != nil {
			return
		}
		data, err := io.ReadAll(rc)
		if err != nil {
			r.err = err
			return
		}
		b = h.w.body(r, data)
	}
	if err := h.do(ctx, r); err != nil {
		return nil, err
	}
	b.ctx = ctx
	return b, nil
}

// A rangeBody is the content of a range; it may end early.
type rangeBody struct {
	ctx context.Context // governs the body as it does a response's
	r   *bytes.Reader
	err error // at its end; nil: io.EOF
}

func (b *rangeBody) Read(p []byte) (int, error) {
	if err := b.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := b.r.Read(p)
	if err == io.EOF && b.err != nil { //nolint:errorlint // a bytes.Reader's own
		err = b.err
	}
	return n, err
}

func (b *rangeBody) Close() error { return nil }

// Stat implements [logstore.Store].
func (h *handle) Stat(ctx context.Context, name string) (o logstore.Object, err error) {
	r := &request{verb: logstore.VerbStat, name: name}
	r.call = func() { o, r.err = h.w.store.Stat(context.Background(), name) }
	if err := h.do(ctx, r); err != nil {
		return logstore.Object{}, err
	}
	return o, nil
}

// List implements [logstore.Store]. A listing takes time: what is written while
// it runs may be in it or not, which a fault makes use of.
func (h *handle) List(ctx context.Context, o logstore.ListOptions) iter.Seq2[logstore.Object, error] {
	return func(yield func(logstore.Object, error) bool) {
		var first, second []logstore.Object
		r := &request{verb: logstore.VerbList, name: o.Prefix, after: o.StartAfter}
		r.call = func() {
			first, r.err = faultstore.Collect(h.w.store.List(context.Background(), o))
			if n := len(first); h.w.broken == StaleListing && n > 1 && h.w.step%2 == 0 {
				first = first[:n-1]
			}
		}
		err := h.do(ctx, r)
		if err == nil && r.fault.is("F12") {
			p := &request{verb: logstore.VerbList, name: o.Prefix, after: o.StartAfter, phase: 1}
			p.call = func() { second, p.err = faultstore.Collect(h.w.store.List(context.Background(), o)) }
			if err = h.do(ctx, p); err == nil {
				first = h.w.overlap(r, first, second)
			}
		}
		if r.fault.is("F8") && err == nil {
			first, err = first[:len(first)*r.fault.N/100], errBroken
		}
		for _, obj := range first {
			if !yield(obj, nil) {
				return
			}
		}
		if err != nil {
			yield(logstore.Object{}, err)
		}
	}
}

// Put implements [logstore.Store].
func (h *handle) Put(ctx context.Context, name string, data []byte, mode logstore.PutMode) error {
	r := &request{verb: logstore.PutVerb(mode), name: name, data: bytes.Clone(data)}
	r.call = func() { r.err = h.w.put(r, mode) }
	err := h.do(ctx, r)
	if err != nil && h.w.broken == NoReadBack && isCommit(name) && class(err) == "failed" {
		err = fmt.Errorf("%w: %w", logstore.ErrRefused, err)
	}
	return err
}

// Delete implements [logstore.Store].
func (h *handle) Delete(ctx context.Context, name string) error {
	r := &request{verb: logstore.VerbDelete, name: name}
	r.call = func() { r.err = h.w.delete(r) }
	return h.do(ctx, r)
}

// Create implements [logstore.Store].
func (h *handle) Create(ctx context.Context, name string) (logstore.Writer, error) {
	r := &request{verb: logstore.VerbCreate, name: name, cut: -1}
	r.call = func() {}
	if err := h.do(ctx, r); err != nil {
		return nil, err
	}
	return &upload{h: h, ctx: ctx, name: name, cut: r.cut}, nil
}

// An upload is a Writer: its bytes are on their way when Close is called.
type upload struct {
	h    *handle
	ctx  context.Context // governs the upload from Create to Close
	name string
	cut  int // breaks after so many bytes; -1: it does not
	data []byte
	err  error // why nothing can be published any more
}

func (u *upload) Write(p []byte) (int, error) {
	if u.err == nil {
		u.err = u.ctx.Err()
	}
	if u.err != nil {
		return 0, u.err
	}
	if u.cut >= 0 && len(u.data)+len(p) > u.cut {
		u.err = errReset
		return 0, u.err
	}
	u.data = append(u.data, p...)
	return len(p), nil
}

func (u *upload) Close() error {
	if u.err != nil {
		return u.err
	}
	r := &request{verb: logstore.VerbClose, name: u.name, data: u.data}
	r.call = func() { r.err = u.h.w.put(r, logstore.IfAbsent) }
	u.Abort()
	return u.h.do(u.ctx, r)
}

func (u *upload) Abort() {
	if u.err == nil {
		u.err = fmt.Errorf("sim: write %q: the writer is closed: %w", u.name, logstore.ErrRefused)
	}
}

// put stores an object and keeps its history.
func (w *world) put(r *request, mode logstore.PutMode) error {
	if mode == logstore.IfAbsent && isCommit(r.name) && w.broken == IgnoresCondition {
		mode = logstore.Overwrite
	}
	err := w.store.Put(context.Background(), r.name, r.data, mode)
	if err != nil {
		return err
	}
	switch {
	case isCommit(r.name):
		w.stored(r)
	case mode == logstore.Overwrite:
		w.objects[r.name] = append(w.objects[r.name], r.data)
	}
	return nil
}

func (w *world) delete(r *request) error {
	if isCommit(r.name) {
		w.deleted[r.name] = true
	}
	return w.store.Delete(context.Background(), r.name)
}

const logPrefix = "_delta_log/"

// isCommit reports whether name is that of a version.
func isCommit(name string) bool {
	base, ok := strings.CutPrefix(name, logPrefix)
	return ok && len(base) == 25 && strings.HasSuffix(base, ".json")
}

func newRangeBody(data []byte) *rangeBody { return &rangeBody{r: bytes.NewReader(data)} }
