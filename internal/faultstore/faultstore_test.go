package faultstore_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/conformance/storetest"
	"github.com/deltalog/deltalog/internal/faultstore"
	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
)

var errNet = errors.New("connection reset")

// Without a script the wrapper is invisible.
func TestConformance(t *testing.T) {
	storetest.Run(t, storetest.Harness{
		Open:       func(storetest.T) logstore.Store { return faultstore.New(memstore.New(nil), nil) },
		OneProcess: "the objects are in this process's memory",
		Rounds:     50,
	})
}

// task is an operation of every kind of call. It goes on after errors, as far as
// it can, to try to have an effect after a crash.
func task(ctx context.Context, s logstore.Store) error {
	var errs []error
	add := func(err error) { errs = append(errs, err) }
	_, err := s.Read(ctx, "old", 0)
	add(err)
	body, err := s.ReadRange(ctx, "old", 1, 2)
	add(err)
	if err == nil {
		_, err = io.ReadAll(body)
		add(err)
		body.Close()
	}
	_, err = s.Stat(ctx, "old")
	add(err)
	for _, err := range s.List(ctx, logstore.ListOptions{}) {
		add(err)
	}
	for _, name := range []string{"file1", "file2"} {
		w, err := s.Create(ctx, name)
		add(err)
		if err != nil {
			continue
		}
		_, err = w.Write([]byte(name))
		add(err)
		add(w.Close())
		w.Abort()
	}
	add(s.Put(ctx, "commit", []byte("commit"), logstore.IfAbsent))
	add(s.Put(ctx, "old", []byte("new"), logstore.Overwrite))
	add(s.Delete(ctx, "gone"))
	return errors.Join(errs...)
}

func start(t *testing.T) *memstore.Store {
	s := memstore.New(nil)
	require.NoError(t, s.Put(t.Context(), "old", []byte("old"), logstore.IfAbsent))
	require.NoError(t, s.Put(t.Context(), "gone", []byte("gone"), logstore.IfAbsent))
	return s
}

// state is everything that a new process can see.
func state(t *testing.T, s *memstore.Store) string {
	var b strings.Builder
	for _, name := range s.Names() {
		data, err := s.Read(t.Context(), name, 0)
		require.NoError(t, err)
		fmt.Fprintf(&b, "%s=%s ", name, data)
	}
	return strings.TrimSpace(b.String())
}

func TestTraceAndCounts(t *testing.T) {
	s := faultstore.New(start(t), nil)
	require.NoError(t, task(t.Context(), s))
	var lines []string
	for _, c := range s.Trace() {
		lines = append(lines, c.String())
	}
	require.Equal(t, []string{
		"READ old", "READ-RANGE old", "STAT old", "LIST ",
		"CREATE file1", "WRITE file1 5B", "CLOSE file1",
		"CREATE file2", "WRITE file2 5B", "CLOSE file2",
		"PUT-IF-ABSENT commit 6B", "OVERWRITE old 3B", "DELETE gone",
	}, lines)
	require.Equal(t, len(lines), s.Calls())
}

// A crash at each call leaves exactly what the calls before it did, and after it
// nothing has an effect.
func TestCrashAtEveryCall(t *testing.T) {
	// What the table is after each of the thirteen calls.
	after := []string{
		"gone=gone old=old", "gone=gone old=old", "gone=gone old=old", "gone=gone old=old",
		"gone=gone old=old", "gone=gone old=old", "file1=file1 gone=gone old=old",
		"file1=file1 gone=gone old=old", "file1=file1 gone=gone old=old", "file1=file1 file2=file2 gone=gone old=old",
		"commit=commit file1=file1 file2=file2 gone=gone old=old",
		"commit=commit file1=file1 file2=file2 gone=gone old=new",
		"commit=commit file1=file1 file2=file2 old=new",
	}
	for k, want := range after {
		for _, when := range []faultstore.Moment{faultstore.Before, faultstore.After} {
			if when == faultstore.Before {
				if k == 0 {
					continue
				}
				want = after[k-1]
			} else {
				want = after[k]
			}
			inner := start(t)
			s := faultstore.New(inner, faultstore.CrashAt(k, when))
			err := task(t.Context(), s)
			require.ErrorIs(t, err, faultstore.ErrCrashed, "%s call %d", when, k)
			require.True(t, s.Crashed())
			require.Equal(t, want, state(t, inner), "crash %s call %d", when, k)
			require.ErrorIs(t, s.Put(t.Context(), "late", nil, logstore.IfAbsent), faultstore.ErrCrashed)
			require.Equal(t, k+1, s.Calls())
		}
	}
}

func TestFailLoseDelay(t *testing.T) {
	for _, c := range []struct {
		verb   logstore.Verb
		name   string
		effect string // the state when the call is the only one to fail and is made
		not    string // and when it is not
	}{
		{logstore.VerbPutIfAbsent, "commit", "commit=commit file1=file1 file2=file2 old=new", "file1=file1 file2=file2 old=new"},
		{logstore.VerbOverwrite, "old", "commit=commit file1=file1 file2=file2 old=new", "commit=commit file1=file1 file2=file2 old=old"},
		{logstore.VerbClose, "file2", "commit=commit file1=file1 file2=file2 old=new", "commit=commit file1=file1 old=new"},
		{logstore.VerbDelete, "gone", "commit=commit file1=file1 file2=file2 old=new", "commit=commit file1=file1 file2=file2 gone=gone old=new"},
	} {
		t.Run(string(c.verb), func(t *testing.T) {
			inner := start(t)
			s := faultstore.New(inner, faultstore.On(c.verb, c.name, 1, faultstore.Fail(errNet)))
			require.ErrorIs(t, task(t.Context(), s), errNet)
			require.Equal(t, c.not, state(t, inner), "failed without effect")

			inner = start(t)
			s = faultstore.New(inner, faultstore.On(c.verb, c.name, 1, faultstore.Lose(errNet)))
			require.ErrorIs(t, task(t.Context(), s), errNet)
			require.Equal(t, c.effect, state(t, inner), "answer lost")

			inner = start(t)
			s = faultstore.New(inner, faultstore.On(c.verb, c.name, 1, faultstore.Delay(errNet)))
			ctx, cancel := context.WithCancel(t.Context())
			require.ErrorIs(t, task(ctx, s), errNet)
			require.Equal(t, c.not, state(t, inner), "still on its way")
			cancel()  // the request was sent before that
			s.Crash() // and before that
			require.Equal(t, []error{nil}, s.Release())
			require.Equal(t, c.effect, state(t, inner), "landed late")
			require.Empty(t, s.Release())
		})
	}
}

// A delayed conditional put that arrives after another writer's loses.
func TestDelayedPutCanLose(t *testing.T) {
	inner := memstore.New(nil)
	s := faultstore.New(inner, faultstore.On(logstore.VerbPutIfAbsent, "commit", 1, faultstore.Delay(nil)))
	require.ErrorIs(t, s.Put(t.Context(), "commit", []byte("mine"), logstore.IfAbsent), faultstore.ErrInjected)
	require.NoError(t, inner.Put(t.Context(), "commit", []byte("theirs"), logstore.IfAbsent))
	errs := s.Release()
	require.Len(t, errs, 1)
	require.ErrorIs(t, errs[0], logstore.ErrExist)
	require.Equal(t, "commit=theirs", state(t, inner))
}

// The delayed bytes are those of the call, whatever the caller does with its buffer.
func TestDelayedPutCopies(t *testing.T) {
	inner := memstore.New(nil)
	s := faultstore.New(inner, faultstore.On(logstore.VerbPutIfAbsent, "commit", 1, faultstore.Delay(nil)))
	data := []byte("mine")
	require.Error(t, s.Put(t.Context(), "commit", data, logstore.IfAbsent))
	copy(data, "XXXX")
	s.Release()
	require.Equal(t, "commit=mine", state(t, inner))
}

// A put that is delivered twice is told that its own object exists.
func TestTwice(t *testing.T) {
	inner := memstore.New(nil)
	s := faultstore.New(inner, faultstore.On(logstore.VerbPutIfAbsent, "commit", 0, faultstore.Fault{Twice: true}))
	require.ErrorIs(t, s.Put(t.Context(), "commit", []byte("mine"), logstore.IfAbsent), logstore.ErrExist)
	require.Equal(t, "commit=mine", state(t, inner))
}

func TestRunAtAMoment(t *testing.T) {
	inner := memstore.New(nil)
	ctx, cancel := context.WithCancel(t.Context())
	s := faultstore.New(inner, faultstore.First(
		faultstore.On(logstore.VerbPutIfAbsent, "1", 1, faultstore.Fault{Run: func() {
			require.NoError(t, inner.Put(ctx, "1", []byte("other"), logstore.IfAbsent))
		}}),
		faultstore.On(logstore.VerbPutIfAbsent, "2", 1, faultstore.Fault{Run: cancel}),
	))
	require.ErrorIs(t, s.Put(ctx, "1", []byte("mine"), logstore.IfAbsent), logstore.ErrExist)
	require.ErrorIs(t, s.Put(ctx, "2", []byte("mine"), logstore.IfAbsent), context.Canceled)
	require.Equal(t, "1=other", state(t, inner))
}

func TestReads(t *testing.T) {
	inner := start(t)
	ctx := t.Context()
	flip := func(data []byte) []byte { data[0] ^= 1; return data }
	s := faultstore.New(inner, faultstore.First(
		faultstore.On(logstore.VerbRead, "old", 1, faultstore.Fault{Mutate: flip}),
		faultstore.On(logstore.VerbReadRange, "old", 1, faultstore.Cut(2, errNet)),
		faultstore.On(logstore.VerbReadRange, "old", 2, faultstore.Fault{Mutate: flip}),
		faultstore.On(logstore.VerbReadRange, "old", 3, faultstore.Fail(errNet)),
		faultstore.On(logstore.VerbStat, "old", 1, faultstore.Lose(errNet)),
	))
	data, err := s.Read(ctx, "old", 0)
	require.NoError(t, err)
	require.Equal(t, "nld", string(data))
	data, err = s.Read(ctx, "old", 0)
	require.NoError(t, err)
	require.Equal(t, "old", string(data))

	body, err := s.ReadRange(ctx, "old", 0, -1)
	require.NoError(t, err)
	data, err = io.ReadAll(body)
	require.ErrorIs(t, err, errNet)
	require.Equal(t, "ol", string(data))
	body, err = s.ReadRange(ctx, "old", 0, -1)
	require.NoError(t, err)
	data, err = io.ReadAll(body)
	require.NoError(t, err)
	require.Equal(t, "nld", string(data))
	_, err = s.ReadRange(ctx, "old", 0, -1)
	require.ErrorIs(t, err, errNet)
	_, err = s.Stat(ctx, "old")
	require.ErrorIs(t, err, errNet)

	body, err = s.ReadRange(ctx, "old", 0, -1)
	require.NoError(t, err)
	s.Crash()
	_, err = io.ReadAll(body)
	require.ErrorIs(t, err, faultstore.ErrCrashed)
}

func TestListings(t *testing.T) {
	inner := memstore.New(nil)
	for i := range 5 {
		require.NoError(t, inner.Put(t.Context(), fmt.Sprint(i), nil, logstore.IfAbsent))
	}
	list := func(f faultstore.Fault) (names string, err error) {
		s := faultstore.New(inner, faultstore.On(logstore.VerbList, "", 1, f))
		for o, e := range s.List(t.Context(), logstore.ListOptions{}) {
			names += o.Name
			err = e
		}
		return names, err
	}
	names, err := list(faultstore.Cut(3, errNet))
	require.ErrorIs(t, err, errNet)
	require.Equal(t, "012", names)
	names, err = list(faultstore.Fail(errNet))
	require.ErrorIs(t, err, errNet)
	require.Empty(t, names)
	names, err = list(faultstore.Fault{Edit: func(all []logstore.Object) []logstore.Object {
		return append(all[:3:3], all[2:]...)
	}})
	require.NoError(t, err)
	require.Equal(t, "012234", names)
	names, err = list(faultstore.Fault{CrashAfter: true})
	require.ErrorIs(t, err, faultstore.ErrCrashed)
	require.Empty(t, names)
}

func TestBrokenWrite(t *testing.T) {
	inner := memstore.New(nil)
	s := faultstore.New(inner, faultstore.On(logstore.VerbWrite, "f", 2, faultstore.Cut(1, errNet)))
	w, err := s.Create(t.Context(), "f")
	require.NoError(t, err)
	_, err = w.Write([]byte("abc"))
	require.NoError(t, err)
	n, err := w.Write([]byte("def"))
	require.ErrorIs(t, err, errNet)
	require.Equal(t, 1, n)
	require.ErrorIs(t, w.Close(), errNet)
	w.Abort()
	require.Empty(t, inner.Names())
}

// A sweep may give every call the same fault.
func TestDelayOfACallThatDoesNotMutateFails(t *testing.T) {
	inner := start(t)
	s := faultstore.New(inner, func(faultstore.Call) faultstore.Fault { return faultstore.Delay(errNet) })
	require.ErrorIs(t, task(t.Context(), s), errNet)
	require.Equal(t, "gone=gone old=old", state(t, inner))
	require.Equal(t, []error{nil, nil, nil}, s.Release()) // the two puts and the delete
	require.Equal(t, "commit=commit old=new", state(t, inner))
}
