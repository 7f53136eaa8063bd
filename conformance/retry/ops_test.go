package retry_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	bridge "github.com/deltalog/deltalog/conformance/ops"
	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/reader"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
	"github.com/deltalog/deltalog/writer"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// Rows of the tables.
type (
	item struct {
		ID   int64  `parquet:"id"`
		Part string `parquet:"part"`
		Qty  int64  `parquet:"qty"`
	}
	// A record is a change to an item, in order of Seq; a version one of a dimension.
	record struct {
		ID  int64  `parquet:"id"`
		Qty int64  `parquet:"qty"`
		Seq int64  `parquet:"seq"`
		Op  string `parquet:"op"`
	}
	sequenced struct {
		ID  int64 `parquet:"id"`
		Qty int64 `parquet:"qty"`
		Seq int64 `parquet:"seq"`
	}
	dimension struct {
		ID        int64  `parquet:"id"`
		Price     int64  `parquet:"price"`
		ValidFrom int64  `parquet:"valid_from"`
		ValidTo   *int64 `parquet:"valid_to"`
		Current   bool   `parquet:"is_current"`
	}
	price struct {
		ID    int64 `parquet:"id"`
		Price int64 `parquet:"price"`
		At    int64 `parquet:"at"`
	}
)

func rowsOf[T any](rows ...T) delta.Source { return must(delta.Slice(rows)) }

// An op does an operation with content that is "old" or "new".
type op struct {
	base func(t *testing.T, st logstore.Store)
	run  func(ctx context.Context, t *delta.Table, content string, o delta.WriteOptions) (*delta.Result, error)
}

// pick returns the content's choice.
func pick[T any](content string, old, new T) T {
	if content == "old" {
		return old
	}
	return new
}

func baseOf[T any](rows ...T) func(t *testing.T, st logstore.Store) {
	return func(t *testing.T, st logstore.Store) {
		t.Helper()
		o := &delta.CreateOptions{Options: delta.Options{Store: st, Env: virtual("base")}}
		if _, ok := any(rows).([]item); ok {
			o.PartitionBy = []string{"part"}
		}
		tbl, err := delta.Create(t.Context(), "mem://", must(writer.SchemaOf[T]()), o)
		require.NoError(t, err)
		_, err = tbl.Append(t.Context(), rowsOf(rows...), nil)
		require.NoError(t, err)
	}
}

// Contents of writes of rows: the old and the new ones have the same keys.
var (
	baseItems = []item{{1, "a", 1}, {2, "a", 2}, {3, "b", 3}}
	oldItems  = []item{{1, "a", 10}, {4, "a", 40}}
	newItems  = []item{{1, "a", 11}, {4, "a", 41}}
)

func itemsOf(content string) delta.Source { return rowsOf(pick(content, oldItems, newItems)...) }

// ops are the operations of the table of guarantees.
var ops = map[string]op{
	"append": {baseOf(baseItems...), func(ctx context.Context, t *delta.Table, content string, o delta.WriteOptions) (*delta.Result, error) {
		return t.Append(ctx, itemsOf(content), &o)
	}},
	"replace-partition": {baseOf(baseItems...), func(ctx context.Context, t *delta.Table, content string, o delta.WriteOptions) (*delta.Result, error) {
		return t.ReplacePartitions(ctx, itemsOf(content), &o)
	}},
	"reload": {baseOf(baseItems...), func(ctx context.Context, t *delta.Table, content string, o delta.WriteOptions) (*delta.Result, error) {
		return t.Reload(ctx, itemsOf(content), &o)
	}},
	"replace --where": {baseOf(baseItems...), func(ctx context.Context, t *delta.Table, content string, o delta.WriteOptions) (*delta.Result, error) {
		return t.ReplaceWhere(ctx, "id in (1, 4)", itemsOf(content), &o)
	}},
	"merge": {baseOf(baseItems...), func(ctx context.Context, t *delta.Table, content string, o delta.WriteOptions) (*delta.Result, error) {
		return t.Merge(itemsOf(content)).OnColumns("id").Upsert().Run(ctx, &delta.ChangeOptions{WriteOptions: o})
	}},
	"update": {baseOf(baseItems...), func(ctx context.Context, t *delta.Table, content string, o delta.WriteOptions) (*delta.Result, error) {
		return t.Update(ctx, delta.Set{"qty": pick(content, "qty + 1", "qty + 100")}, "part = 'a'", &delta.ChangeOptions{WriteOptions: o})
	}},
	"delete": {baseOf(baseItems...), func(ctx context.Context, t *delta.Table, content string, o delta.WriteOptions) (*delta.Result, error) {
		return t.Delete(ctx, pick(content, "id = 1", "id = 2"), &delta.ChangeOptions{WriteOptions: o})
	}},
	"insert-new": {baseOf(baseItems...), func(ctx context.Context, t *delta.Table, content string, o delta.WriteOptions) (*delta.Result, error) {
		return t.InsertNew(ctx, itemsOf(content), []string{"id"}, &delta.ChangeOptions{WriteOptions: o})
	}},
	"dedup": {baseOf(item{1, "a", 1}, item{1, "a", 2}, item{1, "b", 1}, item{2, "b", 7}), func(ctx context.Context, t *delta.Table, content string, o delta.WriteOptions) (*delta.Result, error) {
		by := pick(content, []string{"id", "part"}, []string{"id"})
		return t.Dedup(ctx, &delta.DedupOptions{ChangeOptions: delta.ChangeOptions{WriteOptions: o}, By: by, LastBy: []string{"qty"}})
	}},
	"apply-changes": {baseOf(sequenced{1, 1, 1}, sequenced{2, 2, 2}), func(ctx context.Context, t *delta.Table, content string, o delta.WriteOptions) (*delta.Result, error) {
		src := pick(content, rowsOf(record{1, 10, 11, "u"}, record{3, 30, 12, "c"}), rowsOf(record{1, 11, 21, "u"}, record{3, 31, 22, "c"}))
		return t.ApplyChanges(ctx, src, &delta.ApplyOptions{ChangeOptions: delta.ChangeOptions{WriteOptions: o}, Keys: []string{"id"}, Order: "seq"})
	}},
	"scd2": {baseOf(dimension{1, 10, 1, nil, true}, dimension{2, 20, 1, nil, true}), func(ctx context.Context, t *delta.Table, content string, o delta.WriteOptions) (*delta.Result, error) {
		src := pick(content, rowsOf(price{1, 11, 7}), rowsOf(price{1, 12, 9}))
		return t.SCD2(ctx, src, &delta.SCD2Options{ChangeOptions: delta.ChangeOptions{WriteOptions: o}, Keys: []string{"id"}, Effective: "at"})
	}},
}

// virtual is an Env of one process: its clock moves only when somebody sleeps.
func virtual(process string) *txlog.Env {
	return bridge.Env(process)
}

// rowsIn reads every column of every row, as sorted texts.
func rowsIn(t *testing.T, st logstore.Store) []string {
	t.Helper()
	s, err := txlog.Load(context.Background(), st, nil)
	require.NoError(t, err)
	return rowsAt(t, s)
}

func rowsAt(t *testing.T, s *txlog.Snapshot) []string {
	t.Helper()
	scan, err := reader.New(s, &reader.Options{Parallel: 1})
	require.NoError(t, err)
	var rows []string
	for rec, err := range scan.Batches(context.Background()) {
		require.NoError(t, err)
		for i := range int(rec.NumRows()) {
			var f []string
			for _, c := range rec.Columns() {
				v := "-"
				if !c.IsNull(i) {
					v = c.ValueStr(i)
				}
				f = append(f, v)
			}
			rows = append(rows, strings.Join(f, "/"))
		}
	}
	slices.Sort(rows)
	return rows
}

// keys returns the versions whose commits carry each key.
func keys(t *testing.T, st logstore.Store) map[string][]delta.Version {
	t.Helper()
	at := map[string][]delta.Version{}
	s, err := txlog.Load(context.Background(), st, nil)
	require.NoError(t, err)
	for v := delta.Version(0); v <= s.Version(); v++ {
		c, err := s.CommitAt(context.Background(), v)
		require.NoError(t, err)
		for _, a := range c.Actions {
			if x, ok := a.(*txlog.SetTransaction); ok {
				at[x.AppID] = append(at[x.AppID], v)
			}
		}
	}
	return at
}

func (o op) memory(t *testing.T) *memstore.Store {
	t.Helper()
	st := memstore.New(nil)
	o.base(t, st)
	return st
}
