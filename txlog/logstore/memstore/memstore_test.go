package memstore_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/conformance/storetest"
	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
)

func TestConformance(t *testing.T) {
	storetest.Run(t, storetest.Harness{
		Open:       func(storetest.T) logstore.Store { return memstore.New(nil) },
		OneProcess: "the objects are in this process's memory",
	})
}

func TestCloneIsIndependent(t *testing.T) {
	ctx := t.Context()
	s := memstore.New(&memstore.Options{URL: "mem://a"})
	require.NoError(t, s.Put(ctx, "both", []byte("1"), logstore.IfAbsent))
	c := s.Clone()
	require.Equal(t, "mem://a", c.URL())
	require.NoError(t, c.Delete(ctx, "both"))
	require.Equal(t, []string{"both"}, s.Names())
	require.NoError(t, s.Put(ctx, "both", []byte("2"), logstore.Overwrite))
	require.NoError(t, s.Put(ctx, "first", nil, logstore.IfAbsent))
	require.NoError(t, c.Put(ctx, "second", nil, logstore.IfAbsent))
	require.Equal(t, []string{"both", "first"}, s.Names())
	require.Equal(t, []string{"second"}, c.Names())
	data, err := s.Read(ctx, "both", 0)
	require.NoError(t, err)
	require.Equal(t, "2", string(data))
}

func TestTimes(t *testing.T) {
	ctx := t.Context()
	modified := func(s *memstore.Store, name string) time.Time {
		require.NoError(t, s.Put(ctx, name, nil, logstore.Overwrite))
		o, err := s.Stat(ctx, name)
		require.NoError(t, err)
		return o.Modified
	}
	s := memstore.New(nil)
	require.Equal(t, time.UnixMilli(1), modified(s, "a"))
	require.Equal(t, time.UnixMilli(2), modified(s, "b"))
	require.Equal(t, time.UnixMilli(3), modified(s.Clone(), "a"))

	fixed := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	s = memstore.New(&memstore.Options{Now: func() time.Time { return fixed }})
	require.Equal(t, fixed, modified(s, "a"))
}

// A body is the object as it was when the read began.
func TestBodyOutlivesItsObject(t *testing.T) {
	ctx := t.Context()
	s := memstore.New(nil)
	require.NoError(t, s.Put(ctx, "a", []byte("old"), logstore.IfAbsent))
	body, err := s.ReadRange(ctx, "a", 0, -1)
	require.NoError(t, err)
	require.NoError(t, s.Put(ctx, "a", []byte("new"), logstore.Overwrite))
	buf := make([]byte, 3)
	_, err = body.Read(buf)
	require.NoError(t, err)
	require.Equal(t, "old", string(buf))
}

// A listing holds no lock, so its loop may use the store.
func TestListAllowsWrites(t *testing.T) {
	ctx := t.Context()
	s := memstore.New(nil)
	for _, name := range []string{"a", "b", "c"} {
		require.NoError(t, s.Put(ctx, name, nil, logstore.IfAbsent))
	}
	for o, err := range s.List(ctx, logstore.ListOptions{}) {
		require.NoError(t, err)
		require.NoError(t, s.Delete(ctx, o.Name))
	}
	require.Empty(t, s.Names())
}

func BenchmarkPut(b *testing.B) {
	s := memstore.New(nil)
	data := make([]byte, 1000)
	names := make([]string, b.N)
	for i := range names {
		names[i] = "_delta_log/" + time.UnixMilli(int64(i)).UTC().Format("20060102150405.000") + ".json"
	}
	b.ReportAllocs()
	b.ResetTimer()
	for _, name := range names {
		if err := s.Put(b.Context(), name, data, logstore.IfAbsent); err != nil {
			b.Fatal(err)
		}
	}
}
