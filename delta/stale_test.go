package delta_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
)

// staleHandles returns two handles on one table with a partition "2026-01-05/eu";
// what one does the other has not seen.
func staleHandles(t *testing.T) (st *memstore.Store, a, b *delta.Table) {
	t.Helper()
	st = memstore.New(nil)
	_, err := delta.Create(t.Context(), "mem://", ordersSchema, &delta.CreateOptions{
		Options: delta.Options{Store: st, Env: virtual("base")}, PartitionBy: []string{"ds", "region"},
	})
	require.NoError(t, err)
	open := func(process string) *delta.Table {
		tbl, err := delta.Open(t.Context(), "mem://", &delta.Options{Store: st, Env: virtual(process)})
		require.NoError(t, err)
		return tbl
	}
	return st, open("a"), open("b")
}

// A handle that has not seen the rows empties the partition all the same: what was
// committed before the call is there.
func TestTruncateThroughStaleHandle(t *testing.T) {
	for name, truncate := range map[string]func(*delta.Table) (*delta.Result, error){
		"replace": func(tbl *delta.Table) (*delta.Result, error) {
			return tbl.ReplacePartitions(t.Context(), orders(), &delta.WriteOptions{
				OnEmpty: delta.EmptyTruncate, Partitions: []delta.Partition{delta.Part("ds", "2026-01-05")},
			})
		},
		"where": func(tbl *delta.Table) (*delta.Result, error) {
			return tbl.ReplaceWhere(t.Context(), "ds = '2026-01-05'", orders(), &delta.WriteOptions{OnEmpty: delta.EmptyTruncate})
		},
		"reload": func(tbl *delta.Table) (*delta.Result, error) {
			return tbl.Reload(t.Context(), orders(), &delta.WriteOptions{OnEmpty: delta.EmptyTruncate})
		},
		"overwrite": func(tbl *delta.Table) (*delta.Result, error) {
			return tbl.Overwrite(t.Context(), orders(), &delta.WriteOptions{OnEmpty: delta.EmptyTruncate})
		},
	} {
		st, a, b := staleHandles(t)
		_, err := b.Append(t.Context(), orders("2026-01-05 eu 1 x"), nil)
		require.NoError(t, err)
		res, err := truncate(a)
		require.NoError(t, err, name)
		require.Equal(t, delta.Committed, res.State, name)
		require.Equal(t, map[string]int64{}, partitions(t, st), name)
	}
}

// A re-run with new data under a key that another process has used meanwhile begins
// after it, and so is neither done already nor overtaken.
func TestRerunThroughStaleHandle(t *testing.T) {
	st, a, b := staleHandles(t)
	write := func(tbl *delta.Table, rows ...string) *delta.Result {
		res, err := tbl.ReplacePartitions(t.Context(), orders(rows...), &delta.WriteOptions{Key: "k"})
		require.NoError(t, err)
		return res
	}
	x, y := "2026-01-05 eu 1 x", []string{"2026-01-05 eu 1 y", "2026-01-05 eu 2 y"}
	require.Equal(t, delta.Committed, write(a, x).State)
	require.Equal(t, delta.Committed, write(b, y...).State, "not overtaken: b's handle is older than a's write, its work is not")
	res := write(a, x)
	require.Equal(t, delta.Committed, res.State, "not done already: the partition holds y")
	require.Equal(t, delta.Version(3), res.Version)
	require.Equal(t, map[string]int64{"/2026-01-05/eu": 1}, partitions(t, st))
	require.Equal(t, delta.AlreadyApplied, write(b, x).State)
}
