package delta_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
	"github.com/deltalog/deltalog/txlog/schema"
)

var ordersSchema = &schema.Struct{Fields: []schema.Field{
	{Name: "ds", Type: schema.Date, Nullable: true},
	{Name: "region", Type: schema.String, Nullable: true},
	{Name: "id", Type: schema.Long, Nullable: true},
	{Name: "note", Type: schema.String, Nullable: true},
}}

// order is a row of the test table: "2026-01-05 eu 1 text"; "-" is null.
func orders(rows ...string) delta.Source {
	s := arrow.NewSchema([]arrow.Field{
		{Name: "ds", Type: arrow.FixedWidthTypes.Date32, Nullable: true},
		{Name: "region", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "id", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
		{Name: "note", Type: arrow.BinaryTypes.String, Nullable: true},
	}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, s)
	for _, r := range rows {
		f := strings.SplitN(r, " ", 4)
		for i, v := range f {
			if v == "-" {
				b.Field(i).AppendNull()
				continue
			}
			if err := b.Field(i).AppendValueFromString(v); err != nil {
				panic(err)
			}
		}
	}
	return delta.Records(b.NewRecordBatch())
}

func newOrders(t *testing.T, o *delta.CreateOptions) (*delta.Table, *memstore.Store) {
	t.Helper()
	st := memstore.New(nil)
	if o == nil {
		o = &delta.CreateOptions{PartitionBy: []string{"ds", "region"}}
	}
	o.Store = st
	tbl, err := delta.Create(t.Context(), "mem://", ordersSchema, o)
	require.NoError(t, err)
	return tbl, st
}

// partitions returns the rows of each live partition, by the statistics.
func partitions(t *testing.T, st logstore.Store) map[string]int64 {
	t.Helper()
	s, err := txlog.Load(context.Background(), st, nil)
	require.NoError(t, err)
	got := map[string]int64{}
	for f, err := range s.Files(context.Background(), nil) {
		require.NoError(t, err)
		n, err := f.NumRecords()
		require.NoError(t, err)
		key := ""
		for _, c := range s.Metadata().PartitionColumns {
			v := "null"
			if p := f.PartitionValues[c]; p != nil {
				v = *p
			}
			key += fmt.Sprintf("/%s", v)
		}
		got[key] += n
	}
	return got
}

// dataFiles returns the names of the objects outside the log.
func dataFiles(st *memstore.Store) (names []string) {
	for _, n := range st.Names() {
		if !strings.HasPrefix(n, "_delta_log/") {
			names = append(names, n)
		}
	}
	return names
}

func TestAppendAndReplace(t *testing.T) {
	tbl, st := newOrders(t, nil)
	res, err := tbl.Append(t.Context(), orders("2026-01-05 eu 1 a", "2026-01-05 us 2 b", "2026-01-06 eu 3 c", "- eu 4 d"), nil)
	require.NoError(t, err)
	require.Equal(t, delta.Committed, res.State)
	require.Equal(t, delta.Version(1), res.Version)
	require.Equal(t, int64(4), res.RowsIn)
	require.Equal(t, int64(4), res.FilesAdded)
	require.Equal(t, []string{"ds=2026-01-05,region=eu", "ds=2026-01-05,region=us", "ds=2026-01-06,region=eu", "ds=__null__,region=eu"}, res.Partitions)

	// Dynamic: just the partitions that the input holds.
	res, err = tbl.ReplacePartitions(t.Context(), orders("2026-01-05 eu 10 x", "2026-01-05 eu 11 y", "- eu 12 z"), nil)
	require.NoError(t, err)
	require.Equal(t, int64(2), res.FilesRemoved)
	require.Equal(t, int64(2), res.RowsRemoved)
	require.Equal(t, map[string]int64{"/2026-01-05/eu": 2, "/2026-01-05/us": 1, "/2026-01-06/eu": 1, "/null/eu": 1}, partitions(t, st))

	// Declared, with some columns: every region of the day; the us rows go.
	day := []delta.Partition{delta.Part("ds", "2026-01-05")}
	res, err = tbl.ReplacePartitions(t.Context(), orders("2026-01-05 eu 20 x"), &delta.WriteOptions{Partitions: day})
	require.NoError(t, err)
	require.Equal(t, []string{"ds=2026-01-05,region=eu", "ds=2026-01-05,region=us"}, res.Partitions)
	require.Equal(t, map[string]int64{"/2026-01-05/eu": 1, "/2026-01-06/eu": 1, "/null/eu": 1}, partitions(t, st))

	// A row outside is refused, and leaves nothing behind.
	before := dataFiles(st)
	res, err = tbl.ReplacePartitions(t.Context(), orders("2026-01-05 eu 30 x", "2026-01-07 eu 31 y"), &delta.WriteOptions{Partitions: day})
	var pe *delta.PartitionError
	require.ErrorAs(t, err, &pe)
	require.Equal(t, int64(1), pe.Row)
	require.Equal(t, delta.NotCommitted, res.State)
	require.False(t, res.Retryable)
	require.Equal(t, before, dataFiles(st))

	_, err = tbl.ReplaceWhere(t.Context(), "ds >= '2026-01-06' AND region = 'eu'", orders("2026-01-08 eu 40 x"), nil)
	require.NoError(t, err)
	require.Equal(t, map[string]int64{"/2026-01-05/eu": 1, "/2026-01-08/eu": 1, "/null/eu": 1}, partitions(t, st))

	res, err = tbl.Reload(t.Context(), orders("2026-02-01 eu 50 x"), nil)
	require.NoError(t, err)
	require.Equal(t, int64(3), res.RowsRemoved)
	require.Equal(t, map[string]int64{"/2026-02-01/eu": 1}, partitions(t, st))
}

func TestEmptyInput(t *testing.T) {
	for _, test := range []struct {
		policy delta.EmptyPolicy
		state  delta.State
		is     error
		left   map[string]int64
	}{
		{delta.EmptyError, delta.NotCommitted, delta.ErrEmptyInput, map[string]int64{"/2026-01-05/eu": 1}},
		{delta.EmptyNoOp, delta.NoOp, nil, map[string]int64{"/2026-01-05/eu": 1}},
		{delta.EmptyTruncate, delta.Committed, nil, map[string]int64{}},
	} {
		tbl, st := newOrders(t, nil)
		_, err := tbl.Append(t.Context(), orders("2026-01-05 eu 1 a"), nil)
		require.NoError(t, err)
		o := &delta.WriteOptions{OnEmpty: test.policy, Partitions: []delta.Partition{delta.Part("ds", "2026-01-05", "region", "eu")}}
		res, err := tbl.ReplacePartitions(t.Context(), orders(), o)
		require.ErrorIs(t, err, test.is)
		require.Equal(t, test.state, res.State)
		require.Equal(t, test.left, partitions(t, st))
	}
}

func TestKeyedWritesHaveOneEffect(t *testing.T) {
	tbl, st := newOrders(t, nil)
	o := &delta.WriteOptions{Key: "load/2026-01-05"}
	a := []string{"2026-01-05 eu 1 a", "2026-01-05 us 2 b", "2026-01-06 eu 3 c"}
	res, err := tbl.Append(t.Context(), orders(a...), o)
	require.NoError(t, err)
	require.Equal(t, delta.Committed, res.State)
	files := dataFiles(st)

	// Again, in another order, through another handle, after a checkpoint.
	_, err = tbl.Checkpoint(t.Context())
	require.NoError(t, err)
	other, err := delta.Open(t.Context(), "mem://", &delta.Options{Store: st})
	require.NoError(t, err)
	res, err = other.Append(t.Context(), orders(a[2], a[0], a[1]), o)
	require.NoError(t, err)
	require.Equal(t, delta.AlreadyApplied, res.State)
	require.Equal(t, delta.Version(1), res.Version)
	require.Equal(t, files, dataFiles(st), "a replay leaves no files")

	// Other content: an error for append, a deliberate re-run for a replacement.
	res, err = tbl.Append(t.Context(), orders(a[0]), o)
	require.ErrorIs(t, err, delta.ErrKeyReused)
	require.Equal(t, delta.NotCommitted, res.State)
	require.Equal(t, files, dataFiles(st))
	res, err = tbl.ReplacePartitions(t.Context(), orders(a[0]), o)
	require.NoError(t, err)
	require.Equal(t, delta.Committed, res.State)

	applied, err := tbl.Lookup(t.Context(), "load/2026-01-05")
	require.NoError(t, err)
	require.Equal(t, delta.Version(2), applied.Version)
	applied, err = tbl.Lookup(t.Context(), "never")
	require.NoError(t, err)
	require.Nil(t, applied)
}

func TestGuards(t *testing.T) {
	tbl, st := newOrders(t, nil)
	_, err := tbl.Append(t.Context(), orders("2026-01-05 eu 1 a", "2026-01-05 eu 2 b", "2026-01-05 eu 3 c", "2026-01-05 eu 4 d"), nil)
	require.NoError(t, err)
	var ge *delta.GuardError
	_, err = tbl.Reload(t.Context(), orders("2026-01-05 eu 1 a"), &delta.WriteOptions{MinRows: 2})
	require.ErrorAs(t, err, &ge)
	_, err = tbl.Reload(t.Context(), orders("2026-01-05 eu 1 a", "2026-01-05 eu 2 b"), &delta.WriteOptions{MaxShrink: 0.4})
	require.ErrorAs(t, err, &ge)
	require.Len(t, dataFiles(st), 1)
	res, err := tbl.Reload(t.Context(), orders("2026-01-05 eu 1 a", "2026-01-05 eu 2 b"), &delta.WriteOptions{MaxShrink: 0.5, DryRun: true})
	require.NoError(t, err)
	require.True(t, res.DryRun)
	require.Equal(t, int64(2), res.RowsAdded)
	require.Equal(t, int64(4), res.RowsRemoved)
	require.Positive(t, res.BytesAdded)
	require.Len(t, dataFiles(st), 1)
	require.Equal(t, map[string]int64{"/2026-01-05/eu": 4}, partitions(t, st))
}

func TestPrepareAndCommit(t *testing.T) {
	tbl, st := newOrders(t, nil)
	p, _, err := tbl.Prepare(t.Context(), "append", "", orders("2026-01-05 eu 1 a"), nil)
	require.NoError(t, err)
	require.Empty(t, partitions(t, st))
	data, err := p.MarshalBinary()
	require.NoError(t, err)

	var q delta.Prepared
	require.NoError(t, q.UnmarshalBinary(data))
	other, err := delta.Open(t.Context(), "mem://", &delta.Options{Store: st})
	require.NoError(t, err)
	for i := range 3 {
		res, err := other.Commit(t.Context(), &q)
		require.NoError(t, err)
		require.Equal(t, map[bool]delta.State{true: delta.Committed, false: delta.AlreadyApplied}[i == 0], res.State)
		require.Equal(t, delta.Version(1), res.Version)
	}
	require.Equal(t, map[string]int64{"/2026-01-05/eu": 1}, partitions(t, st))
	require.ErrorContains(t, tbl.Discard(t.Context(), p), "is in the table")

	p, _, err = tbl.Prepare(t.Context(), "append", "", orders("2026-01-09 eu 1 a"), nil)
	require.NoError(t, err)
	require.Len(t, dataFiles(st), 2)
	require.NoError(t, tbl.Discard(t.Context(), p))
	require.Len(t, dataFiles(st), 1)
}

func TestSchemaGrows(t *testing.T) {
	for _, mode := range []string{"none", "name"} {
		t.Run(mode, func(t *testing.T) {
			st := memstore.New(nil)
			narrow := &schema.Struct{Fields: ordersSchema.Fields[:3]}
			tbl, err := delta.Create(t.Context(), "mem://", narrow, &delta.CreateOptions{
				Options: delta.Options{Store: st}, PartitionBy: []string{"ds", "region"},
				Properties: map[string]string{"delta.columnMapping.mode": mode},
			})
			require.NoError(t, err)
			stale, err := delta.Open(t.Context(), "mem://", &delta.Options{Store: st})
			require.NoError(t, err)
			var me *schema.MismatchError
			_, err = tbl.Append(t.Context(), orders("2026-01-05 eu 1 a"), nil)
			require.ErrorAs(t, err, &me)
			require.Equal(t, "note", me.Column)
			res, err := tbl.Append(t.Context(), orders("2026-01-05 eu 1 a"), &delta.WriteOptions{EvolveSchema: true})
			require.NoError(t, err)
			require.Equal(t, delta.Committed, res.State)

			// A handle that has not seen the new column: its files still fit.
			b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema([]arrow.Field{{Name: "id", Type: arrow.PrimitiveTypes.Int64, Nullable: true}}, nil))
			b.Field(0).(*array.Int64Builder).Append(7)
			res, err = stale.Append(t.Context(), delta.Records(b.NewRecordBatch()), nil)
			require.NoError(t, err)
			require.Equal(t, delta.Version(2), res.Version)

			s, err := tbl.Snapshot(t.Context(), delta.At{})
			require.NoError(t, err)
			now, err := s.Schema()
			require.NoError(t, err)
			require.Equal(t, 3, now.Index("note"))
		})
	}
}

func TestCreateRaces(t *testing.T) {
	tbl, st := newOrders(t, nil)
	_, err := delta.Create(t.Context(), "mem://", ordersSchema, &delta.CreateOptions{Options: delta.Options{Store: st}})
	require.ErrorIs(t, err, delta.ErrTableExists)
	again, err := delta.Create(t.Context(), "mem://", ordersSchema, &delta.CreateOptions{Options: delta.Options{Store: st}, IfNotExists: true})
	require.NoError(t, err)
	a, err := tbl.Snapshot(t.Context(), delta.At{})
	require.NoError(t, err)
	b, err := again.Snapshot(t.Context(), delta.At{})
	require.NoError(t, err)
	require.Equal(t, a.Metadata().ID, b.Metadata().ID)
}

func TestCreateRefusesWhatNoAppendCouldWriteTo(t *testing.T) {
	st := memstore.New(nil)
	_, err := delta.Create(t.Context(), "mem://", ordersSchema, &delta.CreateOptions{
		Options:    delta.Options{Store: st},
		Properties: map[string]string{"delta.parquet.compression.codec": "brotli"},
	})
	require.ErrorContains(t, err, `"brotli"`)
	_, err = delta.Open(t.Context(), "mem://", &delta.Options{Store: st})
	require.ErrorIs(t, err, delta.ErrTableNotFound, "nothing was made")
}

func TestPartitionText(t *testing.T) {
	cols := []string{"ds", "region"}
	for text, want := range map[string]delta.Partition{
		"ds=2026-01-05":           delta.Part("ds", "2026-01-05"),
		"ds=2026-01-05,region=eu": delta.Part("ds", "2026-01-05", "region", "eu"),
		"region=a,b=c,ds=1":       delta.Part("region", "a,b=c", "ds", "1"),
		"region=x=y, z":           delta.Part("region", "x=y, z"),
		"region=__null__":         {"region": nil},
		"REGION=eu":               delta.Part("region", "eu"),
	} {
		p, err := delta.ParsePartition(text, cols)
		require.NoError(t, err, text)
		require.Equal(t, want, p, text)
	}
	for _, text := range []string{"", "ds", "foo=1", "ds=1,ds=2", "=1"} {
		_, err := delta.ParsePartition(text, cols)
		require.Error(t, err, text)
	}
}

// A liar takes every conditional write, and says so of itself.
type liar struct{ *memstore.Store }

func (liar) NeedsProbe() bool { return true }
func (l liar) Put(ctx context.Context, name string, data []byte, _ logstore.PutMode) error {
	return l.Store.Put(ctx, name, data, logstore.Overwrite)
}

func TestStoreThatIgnoresTheConditionIsRefused(t *testing.T) {
	st := liar{memstore.New(nil)}
	_, err := delta.Create(t.Context(), "mem://", ordersSchema, &delta.CreateOptions{Options: delta.Options{Store: st}})
	require.ErrorIs(t, err, logstore.ErrUnsafe)
	require.Empty(t, st.Names(), "nothing is left of the probe")

	tbl, err := delta.Create(t.Context(), "mem://", ordersSchema, &delta.CreateOptions{Options: delta.Options{Store: st, SkipProbe: true}})
	require.NoError(t, err)
	require.NoError(t, tbl.Close())
	again, err := delta.Open(t.Context(), "mem://", &delta.Options{Store: st})
	require.NoError(t, err)
	_, err = again.Append(t.Context(), orders("2026-01-05 eu 1 a"), nil)
	require.ErrorIs(t, err, logstore.ErrUnsafe)
}

// An append through a live handle: the files, the commit, the checksum. Opening:
// the hint, a listing, each commit since.
func TestRequests(t *testing.T) {
	_, st := newOrders(t, nil)
	counted, n := logstore.Counted(st)
	tbl, err := delta.Open(t.Context(), "mem://", &delta.Options{Store: counted})
	require.NoError(t, err)
	require.Equal(t, []int64{2, 1}, []int64{n.Reads.Load(), n.Lists.Load()})
	logCalls := func() int64 {
		return n.Puts.Load() + n.Overwrites.Load() + n.Reads.Load() + n.RangeReads.Load() + n.Stats.Load() + n.Lists.Load() + n.Deletes.Load()
	}
	for i := range 3 {
		before := logCalls()
		_, err = tbl.Append(t.Context(), orders("2026-01-05 eu 1 a"), nil)
		require.NoError(t, err)
		require.Equal(t, int64(i+1), n.Published.Load(), "one data file")
		require.Equal(t, int64(2), logCalls()-before, "the commit and the checksum")
	}
}

// An older interval under its own key is applied, whatever came in between.
func TestBackfill(t *testing.T) {
	tbl, st := newOrders(t, nil)
	for _, ds := range []string{"2026-01-06", "2026-01-07", "2026-01-05"} {
		res, err := tbl.ReplacePartitions(t.Context(), orders(ds+" eu 1 a"), &delta.WriteOptions{Key: "orders/" + ds})
		require.NoError(t, err)
		require.Equal(t, delta.Committed, res.State, ds)
	}
	require.Equal(t, map[string]int64{"/2026-01-05/eu": 1, "/2026-01-06/eu": 1, "/2026-01-07/eu": 1}, partitions(t, st))
}

// A task sleeps before its commit; its successor corrects the rows under the same
// key; the task wakes.
func TestZombie(t *testing.T) {
	day := []delta.Partition{delta.Part("ds", "2026-01-05")}
	for _, test := range []struct {
		successor string
		state     delta.State
		is        error
	}{
		{"2026-01-05 eu 1 old", delta.AlreadyApplied, nil},
		{"2026-01-05 eu 2 corrected", delta.NotCommitted, delta.ErrKeyReused},
	} {
		zombie, st := newOrders(t, nil)
		p, _, err := zombie.Prepare(t.Context(), "replace-partitions", "", orders("2026-01-05 eu 1 old"), &delta.WriteOptions{Key: "k", Partitions: day})
		require.NoError(t, err)

		next, err := delta.Open(t.Context(), "mem://", &delta.Options{Store: st})
		require.NoError(t, err)
		res, err := next.ReplacePartitions(t.Context(), orders(test.successor), &delta.WriteOptions{Key: "k", Partitions: day})
		require.NoError(t, err)
		require.Equal(t, delta.Version(1), res.Version)

		late, err := zombie.Commit(t.Context(), p)
		require.ErrorIs(t, err, test.is)
		require.Equal(t, test.state, late.State)
		s, err := next.Snapshot(t.Context(), delta.At{})
		require.NoError(t, err)
		require.Equal(t, delta.Version(1), s.Version())
	}
}
