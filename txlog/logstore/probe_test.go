package logstore_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/internal/faultstore"
	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/txlog/logstore/localstore"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
)

func ids() io.Reader { return strings.NewReader("0123456789abcdef") }

func TestProbeAcceptsGoodStores(t *testing.T) {
	local, err := localstore.Open(t.TempDir()+"/table", nil)
	require.NoError(t, err)
	for _, s := range []logstore.Store{memstore.New(nil), local} {
		counted, counts := logstore.Counted(s)
		require.NoError(t, logstore.Probe(t.Context(), counted, ids()))
		for o := range s.List(t.Context(), logstore.ListOptions{}) {
			t.Errorf("the probe left %s", o.Name)
		}
		require.EqualValues(t, 18, counts.Puts.Load())
		require.EqualValues(t, 2, counts.Deletes.Load())
		require.LessOrEqual(t, counts.Reads.Load()+counts.Lists.Load(), int64(5))
	}
}

// A liar is a store that breaks the promise in one way.
type liar struct {
	*memstore.Store
	put  func(ctx context.Context, name string, data []byte) error
	list func(o logstore.ListOptions) []string
}

func (l *liar) Put(ctx context.Context, name string, data []byte, mode logstore.PutMode) error {
	if l.put == nil {
		return l.Store.Put(ctx, name, data, mode)
	}
	return l.put(ctx, name, data)
}

func (l *liar) List(ctx context.Context, o logstore.ListOptions) iter.Seq2[logstore.Object, error] {
	if l.list == nil {
		return l.Store.List(ctx, o)
	}
	return func(yield func(logstore.Object, error) bool) {
		for _, name := range l.list(o) {
			if !yield(logstore.Object{Name: name}, nil) {
				return
			}
		}
	}
}

func TestProbeRefusesLiars(t *testing.T) {
	for _, c := range []struct {
		name    string
		lie     func(l *liar)
		message string
	}{
		{"the condition is ignored", func(l *liar) {
			l.put = func(ctx context.Context, name string, data []byte) error {
				return l.Store.Put(ctx, name, data, logstore.Overwrite)
			}
		}, "a second put-if-absent of"},
		{"the condition is looked at, then the object written", func(l *liar) {
			var meet sync.WaitGroup
			meet.Add(16)
			l.put = func(ctx context.Context, name string, data []byte) error {
				_, err := l.Store.Stat(ctx, name)
				if strings.HasSuffix(name, "race") {
					meet.Done()
					meet.Wait() // all have looked
				}
				if err == nil {
					return logstore.ErrExist
				}
				return l.Store.Put(ctx, name, data, logstore.Overwrite)
			}
		}, "16 of 16 concurrent writers"},
		{"the loser is told and written", func(l *liar) {
			l.put = func(ctx context.Context, name string, data []byte) error {
				err := l.Store.Put(ctx, name, data, logstore.IfAbsent)
				if err != nil {
					_ = l.Store.Put(ctx, name, data, logstore.Overwrite)
				}
				return err
			}
		}, "told it had lost"},
		{"in a race the loser is told and written", func(l *liar) {
			var mu sync.Mutex
			writers := 0
			l.put = func(ctx context.Context, name string, data []byte) error {
				if strings.HasSuffix(name, "race") {
					mu.Lock()
					defer mu.Unlock()
					err := l.Store.Put(ctx, name, data, logstore.IfAbsent)
					if writers++; writers == 16 {
						_ = l.Store.Put(ctx, name, data, logstore.Overwrite)
					}
					return err
				}
				return l.Store.Put(ctx, name, data, logstore.IfAbsent)
			}
		}, "told it had lost"},
		{"written and not to be read", func(l *liar) {
			l.put = func(context.Context, string, []byte) error { return nil }
		}, "cannot be read"},
		{"everybody is told that it exists, and it does not", func(l *liar) {
			l.put = func(ctx context.Context, name string, data []byte) error {
				if strings.HasSuffix(name, "race") {
					return logstore.ErrExist
				}
				return l.Store.Put(ctx, name, data, logstore.IfAbsent)
			}
		}, "cannot be read"},
		{"a listing is late", func(l *liar) {
			l.list = func(logstore.ListOptions) []string { return nil }
		}, "a listing of"},
		{"a listing is not in order", func(l *liar) {
			l.list = func(o logstore.ListOptions) []string { return []string{o.Prefix + "twice", o.Prefix + "race"} }
		}, "a listing of"},
		{"a listing does not end", func(l *liar) {
			l.list = func(o logstore.ListOptions) []string { return make([]string, 1000) }
		}, "a listing of"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := &liar{Store: memstore.New(&memstore.Options{URL: "mem://liar"})}
			c.lie(l)
			err := logstore.Probe(t.Context(), l, ids())
			require.ErrorIs(t, err, logstore.ErrUnsafe)
			require.ErrorContains(t, err, "mem://liar")
			require.ErrorContains(t, err, c.message)
			require.Empty(t, l.Names(), "the probe cleans up after a liar too")
		})
	}
}

// A probe that cannot be completed is no verdict.
func TestProbeIsNotAVerdictWhenCallsFail(t *testing.T) {
	all := faultstore.New(memstore.New(nil), nil)
	require.NoError(t, logstore.Probe(t.Context(), all, ids()))
	reset := errors.New("connection reset")
	for n := range all.Calls() {
		inner := memstore.New(nil)
		s := faultstore.New(inner, func(c faultstore.Call) faultstore.Fault {
			if c.N == n {
				return faultstore.Fail(reset)
			}
			return faultstore.Pass
		})
		err := logstore.Probe(t.Context(), s, ids())
		require.NotErrorIs(t, err, logstore.ErrUnsafe, "call %d", n)
		racing := n >= 4 && n < 4+16 // one of sixteen may fail if another wins
		if !racing {
			require.ErrorIs(t, err, reset, "call %d of %v", n, s.Trace())
		}
		if s.Trace()[n].Verb != logstore.VerbDelete {
			require.Empty(t, inner.Names(), "call %d", n)
		}
	}
}

// Answers that are lost and repeated below us make everybody a loser, which is
// safe: commits resolve it by reading.
func TestProbeAcceptsLostAnswers(t *testing.T) {
	inner := memstore.New(nil)
	s := faultstore.New(inner, func(c faultstore.Call) faultstore.Fault {
		if c.Verb == logstore.VerbPutIfAbsent && strings.HasSuffix(c.Name, "race") {
			return faultstore.Fault{Twice: true}
		}
		return faultstore.Pass
	})
	require.NoError(t, logstore.Probe(t.Context(), s, ids()))
}

func TestProbeCleansUpWhenCancelled(t *testing.T) {
	inner := memstore.New(nil)
	ctx, cancel := context.WithCancel(t.Context())
	s := faultstore.New(inner, func(c faultstore.Call) faultstore.Fault {
		if c.Verb == logstore.VerbList {
			return faultstore.Fault{Run: cancel}
		}
		return faultstore.Pass
	})
	require.ErrorIs(t, logstore.Probe(ctx, s, ids()), context.Canceled)
	require.Empty(t, inner.Names())
}

func TestProbeNeedsRandomBytes(t *testing.T) {
	err := logstore.Probe(t.Context(), memstore.New(nil), bytes.NewReader([]byte("short")))
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
}
