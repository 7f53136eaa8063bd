package localstore

import (
	"bytes"
	"testing"

	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/stretchr/testify/require"
)

func TestSmoke(t *testing.T) {
	s, err := Open(t.TempDir()+"/a/b", nil)
	require.NoError(t, err)
	ctx := t.Context()
	for _, err := range s.List(ctx, logstore.ListOptions{}) {
		require.NoError(t, err)
	}
	require.NoError(t, s.Put(ctx, "_delta_log/0", []byte("x"), logstore.IfAbsent))
	require.ErrorIs(t, s.Put(ctx, "_delta_log/0", []byte("x"), logstore.IfAbsent), logstore.ErrExist)
	require.NoError(t, s.Put(ctx, "_delta_log/_last", []byte("xy"), logstore.Overwrite))
	require.NoError(t, s.Put(ctx, "_delta_log/_last", []byte("xyz"), logstore.Overwrite))
	w, err := s.Create(ctx, "d=1/f.parquet")
	require.NoError(t, err)
	_, err = w.Write(bytes.Repeat([]byte("abc"), 1<<20))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	w.Abort()
	var names []string
	for o, err := range s.List(ctx, logstore.ListOptions{}) {
		require.NoError(t, err)
		names = append(names, o.Name)
	}
	require.Equal(t, []string{"_delta_log/0", "_delta_log/_last", "d=1/f.parquet"}, names)
	_, err = s.Read(ctx, "_delta_log", 0)
	require.ErrorIs(t, err, logstore.ErrNotExist)
	require.NoError(t, logstore.Probe(ctx, s, bytes.NewReader(make([]byte, 16))))
}
