package fsck_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/delta/fsck"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
	"github.com/deltalog/deltalog/txlog/schema"
)

// noon is the time of all tests.
var noon = time.Date(2026, 1, 6, 12, 0, 0, 0, time.UTC)

func env() *txlog.Env {
	n := 0
	return &txlog.Env{
		Now:    func() time.Time { return noon },
		Sleep:  func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
		NewID:  func() string { n++; return fmt.Sprintf("00000000-0000-4000-8000-%012d", n) },
		Jitter: func() float64 { return 0.5 },
	}
}

func newStore() *memstore.Store {
	return memstore.New(&memstore.Options{Now: func() time.Time { return noon }})
}

// A row of the test tables.
type row struct {
	DS   string `delta:"ds"`
	ID   int64  `delta:"id"`
	Name string `delta:"name"`
	// Extra is always null.
	Extra *int64 `delta:"extra"`
}

var rowSchema = &schema.Struct{Fields: []schema.Field{
	{Name: "ds", Type: schema.String, Nullable: true},
	{Name: "id", Type: schema.Long, Nullable: true},
	{Name: "name", Type: schema.String, Nullable: true},
	{Name: "extra", Type: schema.Long, Nullable: true},
}}

func rows(t testing.TB, ds string, ids ...int64) delta.Source {
	t.Helper()
	var rs []row
	for _, id := range ids {
		rs = append(rs, row{DS: ds, ID: id, Name: fmt.Sprintf("name-%d", id)})
	}
	src, err := delta.Slice(rs)
	require.NoError(t, err)
	return src
}

func span(from, n int64) (ids []int64) {
	for i := range n {
		ids = append(ids, from+i)
	}
	return ids
}

// kinds of good tables, by their properties.
var kinds = map[string]map[string]string{
	"plain":          {},
	"partitioned":    {},
	"vectors":        {"delta.enableDeletionVectors": "true"},
	"mapped by name": {"delta.columnMapping.mode": "name", "delta.enableDeletionVectors": "true"},
	"mapped by id":   {"delta.columnMapping.mode": "id"},
	"changes":        {"delta.enableChangeDataFeed": "true"},
	"row tracking":   {"delta.enableRowTracking": "true", "delta.enableDeletionVectors": "true"},
	"timestamps":     {"delta.enableInCommitTimestamps": "true"},
	"constraints":    {"delta.constraints.positive": "id >= 0"},
}

// good makes a table of a kind: some commits with adds and removes, a checkpoint in
// the middle and one at the end, checksums, keys.
func good(t testing.TB, kind string) *memstore.Store {
	t.Helper()
	ctx := t.Context()
	props := maps.Clone(kinds[kind])
	props["delta.checkpointInterval"] = "4"
	o := &delta.CreateOptions{Options: delta.Options{Store: newStore(), Env: env()}, Properties: props}
	if kind != "plain" {
		o.PartitionBy = []string{"ds"}
	}
	tbl, err := delta.Create(ctx, "mem://", rowSchema, o)
	require.NoError(t, err)
	for i := range int64(6) {
		_, err := tbl.Append(ctx, rows(t, fmt.Sprintf("d%d", i%3), span(100*i, 30)...), &delta.WriteOptions{Key: fmt.Sprintf("job/%d", i)})
		require.NoError(t, err)
	}
	_, err = tbl.Delete(ctx, "id = 101", nil)
	require.NoError(t, err)
	if kind == "plain" {
		_, err = tbl.Append(ctx, rows(t, "d2", 7, 8), nil)
	} else {
		_, err = tbl.ReplacePartitions(ctx, rows(t, "d2", 7, 8), &delta.WriteOptions{Key: "replace"})
	}
	require.NoError(t, err)
	_, err = tbl.UpdateSQL(ctx, "name = 'other'", "id = 401", nil)
	require.NoError(t, err)
	st := o.Store.(*memstore.Store)
	r := run(t, st, &fsck.Options{Depth: fsck.Rows, History: true})
	require.Empty(t, r.Findings)
	require.Empty(t, r.NotChecked)
	require.Empty(t, r.Orphans)
	return st
}

func run(t testing.TB, st logstore.Store, o *fsck.Options) *fsck.Report {
	t.Helper()
	if o == nil {
		o = &fsck.Options{}
	}
	o.Env = env()
	r, err := fsck.Run(t.Context(), st, o)
	require.NoError(t, err)
	return r
}

func read(t testing.TB, st logstore.Store, name string) string {
	t.Helper()
	b, err := st.Read(t.Context(), name, 0)
	require.NoError(t, err, name)
	return string(b)
}

func write(t testing.TB, st logstore.Store, name, content string) {
	t.Helper()
	require.NoError(t, st.Put(t.Context(), name, []byte(content), logstore.Overwrite))
}

func drop(t testing.TB, st logstore.Store, names ...string) {
	t.Helper()
	for _, n := range names {
		require.Contains(t, st.(*memstore.Store).Names(), n)
		require.NoError(t, st.Delete(t.Context(), n))
	}
}

// edit replaces a text that must be there.
func edit(t testing.TB, st logstore.Store, name, from, to string) {
	t.Helper()
	s := read(t, st, name)
	require.Contains(t, s, from, name)
	write(t, st, name, strings.Replace(s, from, to, 1))
}

func commitFile(v int) string { return fmt.Sprintf("_delta_log/%020d.json", v) }

// names returns the objects that a function selects.
func names(st *memstore.Store, is func(string) bool) []string {
	return slices.DeleteFunc(st.Names(), func(n string) bool { return !is(n) })
}

func TestGoodTablesAreGood(t *testing.T) {
	t.Parallel()
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			st := good(t, kind)
			for v := range txlog.Version(8) {
				r := run(t, st, &fsck.Options{Version: &v, Depth: fsck.Rows, History: true})
				require.Empty(t, r.Findings)
				require.Equal(t, v, r.Version)
			}
		})
	}
}

// Tombstones that have expired are not in checkpoints; compactions that are right are
// no finding.
func TestWhatMayBeLeftOut(t *testing.T) {
	t.Parallel()
	now, e := noon, env()
	e.Now = func() time.Time { return now }
	st := memstore.New(&memstore.Options{Now: e.Now})
	props := map[string]string{"delta.setTransactionRetentionDuration": "interval 10 days"}
	tbl, err := delta.Create(t.Context(), "mem://", rowSchema, &delta.CreateOptions{Options: delta.Options{Store: st, Env: e}, Properties: props})
	require.NoError(t, err)
	_, err = tbl.Append(t.Context(), rows(t, "a", 1, 2), &delta.WriteOptions{Key: "k"})
	require.NoError(t, err)
	_, err = tbl.Delete(t.Context(), "id = 1", nil)
	require.NoError(t, err)
	now = now.AddDate(0, 1, 0)
	_, err = tbl.Checkpoint(t.Context())
	require.NoError(t, err)
	s, err := txlog.Load(t.Context(), st, nil)
	require.NoError(t, err)
	for range s.Tombstones(t.Context()) {
		require.Fail(t, "the tombstone has expired")
	}
	write(t, st, "_delta_log/00000000000000000001.00000000000000000002.compacted.json",
		lines(t, st, 1, "txn")+lines(t, st, 2, "add")+lines(t, st, 2, "remove"))
	r := run(t, st, nil)
	require.Equal(t, int64(1), r.Checked.Compactions)
	require.Empty(t, r.Findings)
}

// A store that counts its own time does not say what had expired when a checkpoint
// was written.
func TestTimesOfAnotherClock(t *testing.T) {
	t.Parallel()
	st := memstore.New(nil) // 1970
	tbl, err := delta.Create(t.Context(), "mem://", rowSchema, &delta.CreateOptions{Options: delta.Options{Store: st, Env: env()}})
	require.NoError(t, err)
	_, err = tbl.Append(t.Context(), rows(t, "a", 1, 2), nil)
	require.NoError(t, err)
	remove := strings.Replace(lines(t, st, 1, "add"), `{"add":`, `{"remove":`, 1)
	write(t, st, commitFile(2), strings.Replace(remove, `"modificationTime":`, `"deletionTimestamp":1,"was":`, 1))
	_, err = tbl.Checkpoint(t.Context())
	require.NoError(t, err)
	r := run(t, st, nil)
	require.Equal(t, int64(1), r.Checked.Checkpoints)
	require.Empty(t, r.Findings)
}

// lines returns the lines of a commit that hold an action.
func lines(t *testing.T, st *memstore.Store, v int, action string) (all string) {
	t.Helper()
	for l := range strings.Lines(read(t, st, commitFile(v))) {
		if strings.HasPrefix(l, `{"`+action+`"`) {
			all += l
		}
	}
	return all
}

// Other writers write the null of a partition as an empty text.
func TestEmptyTextIsNull(t *testing.T) {
	t.Parallel()
	st := newStore()
	tbl, err := delta.Create(t.Context(), "mem://", rowSchema, &delta.CreateOptions{Options: delta.Options{Store: st, Env: env()}, PartitionBy: []string{"ds"}})
	require.NoError(t, err)
	_, err = tbl.Append(t.Context(), rows(t, "", 1, 2), nil)
	require.NoError(t, err)
	_, err = tbl.Checkpoint(t.Context())
	require.NoError(t, err)
	edit(t, st, commitFile(1), `"partitionValues":{"ds":null}`, `"partitionValues":{"ds":""}`)
	require.Empty(t, run(t, st, &fsck.Options{Depth: fsck.Rows}).Findings)
}

// One table of 20 commits and 20 files, looked at without its data.
func BenchmarkListing(b *testing.B) {
	st := twenty(b)
	b.ResetTimer()
	for b.Loop() {
		r := run(b, st, &fsck.Options{Depth: fsck.Listing})
		require.Zero(b, r.Errors)
	}
}

func twenty(t testing.TB) *memstore.Store {
	st := newStore()
	tbl, err := delta.Create(t.Context(), "mem://", rowSchema, &delta.CreateOptions{Options: delta.Options{Store: st, Env: env()}, PartitionBy: []string{"ds"}})
	require.NoError(t, err)
	for i := range int64(20) {
		_, err := tbl.Append(t.Context(), rows(t, "d", i), &delta.WriteOptions{Key: fmt.Sprintf("job/%d", i)})
		require.NoError(t, err)
	}
	return st
}
