package logstore

import (
	"context"
	"io"
	"iter"
	"sync/atomic"
)

// A Verb names a call of a [Store] or of a [Writer].
type Verb string

// The verbs. A Put is one of the first two, by its mode.
const (
	VerbPutIfAbsent Verb = "PUT-IF-ABSENT"
	VerbOverwrite   Verb = "OVERWRITE"
	VerbRead        Verb = "READ"
	VerbReadRange   Verb = "READ-RANGE"
	VerbStat        Verb = "STAT"
	VerbList        Verb = "LIST"
	VerbDelete      Verb = "DELETE"
	VerbCreate      Verb = "CREATE"
	VerbWrite       Verb = "WRITE" // of a Writer
	VerbClose       Verb = "CLOSE" // of a Writer
	VerbAbort       Verb = "ABORT" // of a Writer
)

// PutVerb returns the verb of a Put with this mode.
func PutVerb(mode PutMode) Verb {
	if mode == IfAbsent {
		return VerbPutIfAbsent
	}
	return VerbOverwrite
}

// A Call is one call that a traced store has answered.
type Call struct {
	Verb Verb
	// Name is the object, or for VerbList the prefix.
	Name string
	// Off and N are the range that VerbReadRange asked for.
	Off, N int64
	// Bytes counts what was sent (Put, Write; Close: the whole object) or
	// received (Read; ReadRange reports when its body is closed).
	Bytes int64
	// Objects counts what VerbList yielded.
	Objects int64
	Err     error
}

// Traced returns a store that does what s does and reports each call to f when
// it is over. f is called by whichever goroutine made the call, at times by
// several at once. It may not call the store.
func Traced(s Store, f func(Call)) Store { return &traced{store: s, report: f} }

// Counts are totals of the calls to a store. They may be read while the store is
// in use.
type Counts struct {
	Puts, Overwrites, Reads, RangeReads, Stats, Lists, Deletes, Creates atomic.Int64
	// Published counts Writers closed without error.
	Published atomic.Int64
	// BytesRead and BytesWritten count content; BytesWritten includes objects
	// that were refused or aborted.
	BytesRead, BytesWritten atomic.Int64
	// Listed counts the objects that listings yielded.
	Listed atomic.Int64
	// Errors counts the calls that failed for any reason.
	Errors atomic.Int64
}

// Counted returns a store that does what s does, and the counts of its calls.
func Counted(s Store) (Store, *Counts) {
	c := new(Counts)
	return Traced(s, c.add), c
}

func (c *Counts) add(call Call) {
	if call.Err != nil {
		c.Errors.Add(1)
	}
	switch call.Verb {
	case VerbPutIfAbsent:
		c.Puts.Add(1)
		c.BytesWritten.Add(call.Bytes)
	case VerbOverwrite:
		c.Overwrites.Add(1)
		c.BytesWritten.Add(call.Bytes)
	case VerbRead:
		c.Reads.Add(1)
		c.BytesRead.Add(call.Bytes)
	case VerbReadRange:
		c.RangeReads.Add(1)
		c.BytesRead.Add(call.Bytes)
	case VerbStat:
		c.Stats.Add(1)
	case VerbList:
		c.Lists.Add(1)
		c.Listed.Add(call.Objects)
	case VerbDelete:
		c.Deletes.Add(1)
	case VerbCreate:
		c.Creates.Add(1)
	case VerbWrite:
		c.BytesWritten.Add(call.Bytes)
	case VerbClose:
		if call.Err == nil {
			c.Published.Add(1)
		}
	}
}

type traced struct {
	store  Store
	report func(Call)
}

func (t *traced) URL() string { return t.store.URL() }

// Unwrap is for [As].
func (t *traced) Unwrap() Store { return t.store }

func (t *traced) Close() error { return t.store.Close() }

func (t *traced) Read(ctx context.Context, name string, limit int64) ([]byte, error) {
	data, err := t.store.Read(ctx, name, limit)
	t.report(Call{Verb: VerbRead, Name: name, Bytes: int64(len(data)), Err: err})
	return data, err
}

func (t *traced) ReadRange(ctx context.Context, name string, off, n int64) (io.ReadCloser, error) {
	body, err := t.store.ReadRange(ctx, name, off, n)
	call := Call{Verb: VerbReadRange, Name: name, Off: off, N: n, Err: err}
	if err != nil {
		t.report(call)
		return nil, err
	}
	return &tracedBody{body: body, call: call, report: t.report}, nil
}

func (t *traced) Stat(ctx context.Context, name string) (Object, error) {
	o, err := t.store.Stat(ctx, name)
	t.report(Call{Verb: VerbStat, Name: name, Err: err})
	return o, err
}

func (t *traced) List(ctx context.Context, o ListOptions) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		call := Call{Verb: VerbList, Name: o.Prefix}
		defer func() { t.report(call) }()
		for obj, err := range t.store.List(ctx, o) {
			if err != nil {
				call.Err = err
			} else {
				call.Objects++
			}
			if !yield(obj, err) {
				return
			}
		}
	}
}

func (t *traced) Put(ctx context.Context, name string, data []byte, mode PutMode) error {
	err := t.store.Put(ctx, name, data, mode)
	t.report(Call{Verb: PutVerb(mode), Name: name, Bytes: int64(len(data)), Err: err})
	return err
}

func (t *traced) Create(ctx context.Context, name string) (Writer, error) {
	w, err := t.store.Create(ctx, name)
	t.report(Call{Verb: VerbCreate, Name: name, Err: err})
	if err != nil {
		return nil, err
	}
	return &tracedWriter{w: w, name: name, report: t.report}, nil
}

func (t *traced) Delete(ctx context.Context, name string) error {
	err := t.store.Delete(ctx, name)
	t.report(Call{Verb: VerbDelete, Name: name, Err: err})
	return err
}

type tracedBody struct {
	body   io.ReadCloser
	call   Call
	report func(Call)
	closed bool
}

func (b *tracedBody) Read(p []byte) (int, error) {
	n, err := b.body.Read(p)
	b.call.Bytes += int64(n)
	if err != nil && err != io.EOF {
		b.call.Err = err
	}
	return n, err
}

func (b *tracedBody) Close() error {
	err := b.body.Close()
	if !b.closed {
		b.closed = true
		b.report(b.call)
	}
	return err
}

type tracedWriter struct {
	w      Writer
	name   string
	bytes  int64
	report func(Call)
}

func (w *tracedWriter) Write(p []byte) (int, error) {
	n, err := w.w.Write(p)
	w.bytes += int64(n)
	w.report(Call{Verb: VerbWrite, Name: w.name, Bytes: int64(n), Err: err})
	return n, err
}

func (w *tracedWriter) Close() error {
	err := w.w.Close()
	w.report(Call{Verb: VerbClose, Name: w.name, Bytes: w.bytes, Err: err})
	return err
}

func (w *tracedWriter) Abort() {
	w.w.Abort()
	w.report(Call{Verb: VerbAbort, Name: w.name, Bytes: w.bytes})
}
