// Package faultstore wraps a [logstore.Store] and makes its calls fail, in every
// way that calls to real stores do, where a test says so.
//
// [New] takes a function that is asked before each call what shall happen to it:
//
//	s := faultstore.New(memstore.New(nil), func(c faultstore.Call) faultstore.Fault {
//		if c.Verb == logstore.VerbPutIfAbsent && c.Nth == 1 {
//			return faultstore.Lose(io.ErrUnexpectedEOF) // done, and the answer is lost
//		}
//		return faultstore.Pass
//	})
//
// Simple scripts are made with [On] and [CrashAt]. The sweep that every operation
// must survive is: run it once to count its calls, then once for each call with
// CrashAt before it and after it, and look at what is left through the inner
// store, as the next process would.
package faultstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"sync"

	"github.com/deltalog/deltalog/txlog/logstore"
)

// Errors that injected faults are made of.
var (
	// ErrCrashed is what every call returns once the store has crashed: for the
	// code under test the process is over, and nothing it does has an effect.
	ErrCrashed = errors.New("faultstore: the process has crashed")
	// ErrInjected is the error of faults that were given none. It matches no class,
	// so the outcome of what failed with it is not known.
	ErrInjected = errors.New("faultstore: injected failure")
)

// A Call is a call that is about to be made.
type Call struct {
	// N counts all calls to the store from 0, those to its Writers and bodies
	// included. Nth counts those with this verb and name from 1.
	N, Nth int
	Verb   logstore.Verb
	Name   string // for VerbList the prefix
	Bytes  int    // of Put and Write
}

// String is one line of a trace.
func (c Call) String() string {
	if c.Bytes > 0 {
		return fmt.Sprintf("%s %s %dB", c.Verb, c.Name, c.Bytes)
	}
	return fmt.Sprintf("%s %s", c.Verb, c.Name)
}

// Mutates reports whether the call can change what others see in the store.
func (c Call) Mutates() bool {
	switch c.Verb {
	case logstore.VerbPutIfAbsent, logstore.VerbOverwrite, logstore.VerbDelete, logstore.VerbClose:
		return true
	}
	return false
}

// A Fault says what happens to a call. The zero Fault lets it pass.
//
// The steps are in this order: Run; the crash before; the failure without effect;
// the call itself, or its postponement; the crash after; the answer.
type Fault struct {
	// Run is called first: another writer's commit, a vacuum, a cancelled context
	// or a [Store.Release] at exactly this moment.
	Run func()
	// CrashBefore and CrashAfter end the process, before or after the call.
	CrashBefore, CrashAfter bool
	// Err is what the call returns. It decides nothing else: see Applied.
	Err error
	// Applied makes the call although Err is returned: the answer is lost.
	Applied bool
	// Delayed makes the call when [Store.Release] is called, while Err is returned
	// now: a request that is still on its way. Calls that do not mutate just fail.
	Delayed bool
	// Twice delivers the call two times, as a proxy that retries does, and returns
	// the second answer. It means nothing for calls other than Put and Delete.
	Twice bool
	// Mutate changes the bytes of Read, and those a body of ReadRange will give:
	// bit flips, truncation, an older version.
	Mutate func(data []byte) []byte
	// BreakAfter is after how many bytes a body of ReadRange, or of how many
	// objects a listing, ends with Err; Write writes only so many bytes. It counts
	// when Break is set.
	Break      bool
	BreakAfter int
	// Edit changes what a listing yields: late, missing, doubled, out of order.
	Edit func([]logstore.Object) []logstore.Object
}

// Pass lets a call through.
var Pass Fault

// Fail makes a call fail without effect. With an error that matches none of
// logstore's, the caller cannot know that there was none.
func Fail(err error) Fault { return Fault{Err: orInjected(err)} }

// Lose makes the call and loses its answer.
func Lose(err error) Fault { return Fault{Err: orInjected(err), Applied: true} }

// Delay returns the error now and makes the call at the next [Store.Release].
func Delay(err error) Fault { return Fault{Err: orInjected(err), Delayed: true} }

// Cut lets a body or a listing break after n bytes or objects, and a Write after
// n bytes.
func Cut(n int, err error) Fault { return Fault{Err: orInjected(err), Break: true, BreakAfter: n} }

func orInjected(err error) error {
	if err == nil {
		return ErrInjected
	}
	return err
}

// A Moment is a side of a call.
type Moment bool

// The moments.
const (
	Before Moment = false
	After  Moment = true
)

func (m Moment) String() string {
	if m == After {
		return "after"
	}
	return "before"
}

// CrashAt ends the process at call n, counted from 0, before or after it.
func CrashAt(n int, when Moment) func(Call) Fault {
	return func(c Call) Fault {
		if c.N != n {
			return Pass
		}
		return Fault{CrashBefore: when == Before, CrashAfter: when == After}
	}
}

// On returns a script that gives the nth call (counted from 1; 0 means every one)
// with a verb, to a name that ends with suffix, the fault f.
func On(verb logstore.Verb, suffix string, nth int, f Fault) func(Call) Fault {
	var mu sync.Mutex
	seen := 0
	return func(c Call) Fault {
		if c.Verb != verb || !strings.HasSuffix(c.Name, suffix) {
			return Pass
		}
		mu.Lock()
		defer mu.Unlock()
		if seen++; nth != 0 && seen != nth {
			return Pass
		}
		return f
	}
}

// First asks each script in turn and takes the first fault. All of them see
// every call.
func First(scripts ...func(Call) Fault) func(Call) Fault {
	return func(c Call) Fault {
		var chosen Fault
		found := false
		for _, script := range scripts {
			if f := script(c); !found && !f.passes() {
				chosen, found = f, true
			}
		}
		return chosen
	}
}

func (f Fault) passes() bool {
	return f.Run == nil && !f.CrashBefore && !f.CrashAfter && f.Err == nil && !f.Twice &&
		f.Mutate == nil && !f.Break && f.Edit == nil
}

// A Store is a store whose calls a script can make fail. It is safe for
// concurrent use; the order of concurrent calls is the order in which they ask.
type Store struct {
	inner  logstore.Store
	script func(Call) Fault

	mu      sync.Mutex
	crashed bool
	trace   []Call
	nth     map[nthKey]int
	delayed []func() error
}

type nthKey struct {
	verb logstore.Verb
	name string
}

// New wraps a store. A nil script lets every call pass: the store only counts and
// traces.
func New(inner logstore.Store, script func(Call) Fault) *Store {
	return &Store{inner: inner, script: script, nth: make(map[nthKey]int)}
}

// Calls returns how many calls were made, those that a crash kept from happening
// left out.
func (s *Store) Calls() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.trace)
}

// Trace returns the calls that were made, in order.
func (s *Store) Trace() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Call(nil), s.trace...)
}

// Crashed reports whether the process is over.
func (s *Store) Crashed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.crashed
}

// Crash ends the process now. Delayed calls are still on their way.
func (s *Store) Crash() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.crashed = true
}

// Release makes the delayed calls, in order, and returns their results. What was
// sent before a crash still arrives.
func (s *Store) Release() []error {
	s.mu.Lock()
	calls := s.delayed
	s.delayed = nil
	s.mu.Unlock()
	errs := make([]error, len(calls))
	for i, call := range calls {
		errs[i] = call()
	}
	return errs
}

// ask records a call and returns what shall happen to it, after Run and a crash
// before it.
func (s *Store) ask(verb logstore.Verb, name string, size int) (Fault, error) {
	s.mu.Lock()
	if s.crashed {
		s.mu.Unlock()
		return Fault{}, ErrCrashed
	}
	key := nthKey{verb, name}
	s.nth[key]++
	c := Call{N: len(s.trace), Nth: s.nth[key], Verb: verb, Name: name, Bytes: size}
	s.trace = append(s.trace, c)
	s.mu.Unlock()
	if s.script == nil {
		return Fault{}, nil
	}
	f := s.script(c) // not under the lock: it may look at the store
	f.Delayed = f.Delayed && c.Mutates()
	f.Twice = f.Twice && c.Mutates() && verb != logstore.VerbClose
	if f.Run != nil {
		f.Run()
	}
	if f.CrashBefore {
		s.Crash()
	}
	if s.Crashed() { // also when Run did it
		return f, ErrCrashed
	}
	return f, nil
}

// apply makes a call as the fault says. Late is how the call is made when it is
// delayed: its context may be over by then, the request is not.
func (s *Store) apply(f Fault, call, late func() error) error {
	if f.Delayed {
		s.mu.Lock()
		s.delayed = append(s.delayed, late)
		s.mu.Unlock()
		return f.Err
	}
	if f.Err != nil && !f.Applied {
		if f.CrashAfter {
			s.Crash()
			return ErrCrashed
		}
		return f.Err
	}
	err := call()
	if f.Twice {
		err = call()
	}
	if f.CrashAfter {
		s.Crash()
		return ErrCrashed
	}
	if f.Err != nil {
		return f.Err
	}
	return err
}

// do is ask and apply for a call that is the same now and late.
func (s *Store) do(ctx context.Context, verb logstore.Verb, name string, size int, call func(context.Context) error) error {
	f, err := s.ask(verb, name, size)
	if err != nil {
		return err
	}
	return s.apply(f,
		func() error { return call(ctx) },
		func() error { return call(context.WithoutCancel(ctx)) })
}

// URL implements [logstore.Store].
func (s *Store) URL() string { return s.inner.URL() }

// Unwrap returns the inner store, for [logstore.As]: flushes are not calls that
// a script sees.
func (s *Store) Unwrap() logstore.Store { return s.inner }

// Close implements [logstore.Store]. The inner store stays open: the next process
// uses it.
func (s *Store) Close() error { return nil }

// Read implements [logstore.Store].
func (s *Store) Read(ctx context.Context, name string, limit int64) (data []byte, err error) {
	f, err := s.ask(logstore.VerbRead, name, 0)
	if err != nil {
		return nil, err
	}
	err = s.apply(f, func() (err error) {
		data, err = s.inner.Read(ctx, name, limit)
		return err
	}, nil)
	if err != nil {
		return nil, err
	}
	if f.Mutate != nil {
		data = f.Mutate(data)
	}
	return data, nil
}

// ReadRange implements [logstore.Store].
func (s *Store) ReadRange(ctx context.Context, name string, off, n int64) (io.ReadCloser, error) {
	f, err := s.ask(logstore.VerbReadRange, name, 0)
	if err != nil {
		return nil, err
	}
	broken := f
	if f.Break {
		f.Err = nil // the body fails, not the call
	}
	var body io.ReadCloser
	err = s.apply(f, func() (err error) {
		body, err = s.inner.ReadRange(ctx, name, off, n)
		return err
	}, nil)
	if err != nil {
		if body != nil {
			body.Close()
		}
		return nil, err
	}
	return s.faultyBody(broken, body)
}

// Stat implements [logstore.Store].
func (s *Store) Stat(ctx context.Context, name string) (o logstore.Object, err error) {
	err = s.do(ctx, logstore.VerbStat, name, 0, func(ctx context.Context) (err error) {
		o, err = s.inner.Stat(ctx, name)
		return err
	})
	if err != nil {
		return logstore.Object{}, err
	}
	return o, nil
}

// List implements [logstore.Store].
func (s *Store) List(ctx context.Context, o logstore.ListOptions) iter.Seq2[logstore.Object, error] {
	return func(yield func(logstore.Object, error) bool) {
		f, err := s.ask(logstore.VerbList, o.Prefix, 0)
		broken := f
		if f.Break {
			f.Err = nil // the listing fails on the way
		}
		var all []logstore.Object
		if err == nil {
			err = s.apply(f, func() (err error) {
				all, err = Collect(s.inner.List(ctx, o))
				return err
			}, nil)
		}
		if err == ErrCrashed { //nolint:errorlint // our own, bare: nothing was seen
			all = nil
		}
		if f.Edit != nil {
			all = f.Edit(all)
		}
		if broken.Break {
			all = all[:min(broken.BreakAfter, len(all))]
			err = broken.Err
		}
		for _, obj := range all {
			if !yield(obj, nil) {
				return
			}
		}
		if err != nil {
			yield(logstore.Object{}, err)
		}
	}
}

// Collect returns what a listing yields before it ends or fails.
func Collect(seq iter.Seq2[logstore.Object, error]) (all []logstore.Object, err error) {
	for o, err := range seq {
		if err != nil {
			return all, err
		}
		all = append(all, o)
	}
	return all, nil
}

// Put implements [logstore.Store].
func (s *Store) Put(ctx context.Context, name string, data []byte, mode logstore.PutMode) error {
	data = append([]byte(nil), data...) // a delayed call must not see later changes
	return s.do(ctx, logstore.PutVerb(mode), name, len(data), func(ctx context.Context) error {
		return s.inner.Put(ctx, name, data, mode)
	})
}

// Delete implements [logstore.Store].
func (s *Store) Delete(ctx context.Context, name string) error {
	return s.do(ctx, logstore.VerbDelete, name, 0, func(ctx context.Context) error {
		return s.inner.Delete(ctx, name)
	})
}
