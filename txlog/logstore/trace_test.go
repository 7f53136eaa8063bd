package logstore_test

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/conformance/storetest"
	"github.com/deltalog/deltalog/internal/faultstore"
	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
)

// The wrapper is invisible.
func TestTracedConformance(t *testing.T) {
	storetest.Run(t, storetest.Harness{
		Open: func(storetest.T) logstore.Store {
			s, _ := logstore.Counted(memstore.New(nil))
			return s
		},
		OneProcess: "the objects are in this process's memory",
		Rounds:     50,
	})
}

func TestTracedAndCounted(t *testing.T) {
	ctx := t.Context()
	broken := errors.New("broken")
	inner := faultstore.New(memstore.New(nil), faultstore.On(logstore.VerbReadRange, "a", 2, faultstore.Cut(1, broken)))
	counted, counts := logstore.Counted(inner)
	var lines []string
	s := logstore.Traced(counted, func(c logstore.Call) {
		lines = append(lines, fmt.Sprintf("%s %s off=%d n=%d bytes=%d objects=%d err=%t", c.Verb, c.Name, c.Off, c.N, c.Bytes, c.Objects, c.Err != nil))
	})
	require.Equal(t, "mem://", s.URL())
	require.NoError(t, s.Put(ctx, "a", []byte("abc"), logstore.IfAbsent))
	require.Error(t, s.Put(ctx, "a", []byte("abcd"), logstore.IfAbsent))
	require.NoError(t, s.Put(ctx, "a", []byte("abcde"), logstore.Overwrite))
	_, err := s.Read(ctx, "a", 0)
	require.NoError(t, err)
	for range 2 {
		body, err := s.ReadRange(ctx, "a", 1, 3)
		require.NoError(t, err)
		_, _ = io.ReadAll(body)
		require.NoError(t, body.Close())
		require.NoError(t, body.Close()) // twice is reported once
	}
	_, err = s.Stat(ctx, "b")
	require.Error(t, err)
	w, err := s.Create(ctx, "w")
	require.NoError(t, err)
	_, err = w.Write([]byte("12"))
	require.NoError(t, err)
	_, err = w.Write([]byte("345"))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	w, err = s.Create(ctx, "x")
	require.NoError(t, err)
	w.Abort()
	for range s.List(ctx, logstore.ListOptions{}) {
		break
	}
	for _, err := range s.List(ctx, logstore.ListOptions{Prefix: "/"}) {
		require.Error(t, err)
	}
	require.NoError(t, s.Delete(ctx, "a"))
	require.NoError(t, s.Close())
	require.Equal(t, []string{
		"PUT-IF-ABSENT a off=0 n=0 bytes=3 objects=0 err=false",
		"PUT-IF-ABSENT a off=0 n=0 bytes=4 objects=0 err=true",
		"OVERWRITE a off=0 n=0 bytes=5 objects=0 err=false",
		"READ a off=0 n=0 bytes=5 objects=0 err=false",
		"READ-RANGE a off=1 n=3 bytes=3 objects=0 err=false",
		"READ-RANGE a off=1 n=3 bytes=1 objects=0 err=true",
		"STAT b off=0 n=0 bytes=0 objects=0 err=true",
		"CREATE w off=0 n=0 bytes=0 objects=0 err=false",
		"WRITE w off=0 n=0 bytes=2 objects=0 err=false",
		"WRITE w off=0 n=0 bytes=3 objects=0 err=false",
		"CLOSE w off=0 n=0 bytes=5 objects=0 err=false",
		"CREATE x off=0 n=0 bytes=0 objects=0 err=false",
		"ABORT x off=0 n=0 bytes=0 objects=0 err=false",
		"LIST  off=0 n=0 bytes=0 objects=1 err=false",
		"LIST / off=0 n=0 bytes=0 objects=0 err=true",
		"DELETE a off=0 n=0 bytes=0 objects=0 err=false",
	}, lines)
	for name, c := range map[string]struct{ got, want int64 }{
		"Puts": {counts.Puts.Load(), 2}, "Overwrites": {counts.Overwrites.Load(), 1}, "Reads": {counts.Reads.Load(), 1},
		"RangeReads": {counts.RangeReads.Load(), 2}, "Stats": {counts.Stats.Load(), 1}, "Lists": {counts.Lists.Load(), 2},
		"Deletes": {counts.Deletes.Load(), 1}, "Creates": {counts.Creates.Load(), 2}, "Published": {counts.Published.Load(), 1},
		"BytesRead": {counts.BytesRead.Load(), 9}, "BytesWritten": {counts.BytesWritten.Load(), 17}, "Listed": {counts.Listed.Load(), 1},
		"Errors": {counts.Errors.Load(), 4},
	} {
		require.Equal(t, c.want, c.got, name)
	}
}

// A wrapped store is found through any number of wrappers that show it; what none of
// them can do is not found.
func TestAs(t *testing.T) {
	type named interface{ Names() []string }
	inner := memstore.New(nil)
	counted, _ := logstore.Counted(inner)
	twice, _ := logstore.Counted(counted)
	for _, s := range []logstore.Store{inner, counted, twice} {
		got, ok := logstore.As[named](s)
		require.True(t, ok)
		require.Same(t, inner, got)
	}
	_, ok := logstore.As[logstore.Flusher](twice)
	require.False(t, ok)
	_, ok = logstore.As[named](struct{ logstore.Store }{inner})
	require.False(t, ok, "a wrapper that shows nothing")
}
