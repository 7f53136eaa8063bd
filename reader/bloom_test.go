package reader_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/reader"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
	"github.com/deltalog/deltalog/txlog/schema"
)

type inner struct {
	Key string `parquet:"key"`
}

type bloomRow struct {
	ID   int64  `parquet:"id"`
	Text string `parquet:"text,optional"`
	In   inner  `parquet:"in"`
	Bare int64  `parquet:"bare"`
}

// filteredTable has a file of three row groups with filters of id, text and in.key.
func filteredTable(t testing.TB, r *rand.Rand, mapped bool) (*memstore.Store, *txlog.AddFile, []bloomRow) {
	t.Helper()
	var all []bloomRow
	var buf bytes.Buffer
	w := parquet.NewGenericWriter[bloomRow](&buf, parquet.BloomFilters(
		parquet.SplitBlockFilter(12, "id"), parquet.SplitBlockFilter(12, "text"), parquet.SplitBlockFilter(12, "in", "key")))
	for range 3 {
		var rows []bloomRow
		for range 1 + r.IntN(200) {
			x := bloomRow{ID: r.Int64(), In: inner{fmt.Sprint(r.IntN(1 << 30))}, Bare: r.Int64()}
			if r.IntN(3) > 0 {
				x.Text = fmt.Sprint("t", r.IntN(1<<30))
			}
			rows = append(rows, x)
		}
		_, err := w.Write(rows)
		require.NoError(t, err)
		require.NoError(t, w.Flush())
		all = append(all, rows...)
	}
	require.NoError(t, w.Close())
	st := memstore.New(nil)
	require.NoError(t, st.Put(t.Context(), "f.parquet", buf.Bytes(), logstore.IfAbsent))
	table := &schema.Struct{Fields: []schema.Field{
		{Name: "id", Type: schema.Long, Nullable: true},
		{Name: "text", Type: schema.String, Nullable: true},
		{Name: "in", Type: &schema.Struct{Fields: []schema.Field{{Name: "key", Type: schema.String, Nullable: true}}}, Nullable: true},
		{Name: "bare", Type: schema.Long, Nullable: true},
		{Name: "later", Type: schema.Long, Nullable: true},
		{Name: "p", Type: schema.String, Nullable: true},
	}}
	props := map[string]string{}
	if mapped { // the names in the table are others than those in the file
		table, _ = schema.AssignMapping(table, 0, func(f *schema.Field) string { return f.Name })
		for i := range table.Fields {
			table.Fields[i].Name += "_now"
		}
		table.Fields[2].Type.(*schema.Struct).Fields[0].Name += "_now"
		props["delta.columnMapping.mode"], props["delta.columnMapping.maxColumnId"] = "name", "7"
	}
	part := "a"
	m := &fileModel{store: st, add: &txlog.AddFile{Path: "f.parquet", Size: int64(buf.Len()), PartitionValues: map[string]*string{"p": &part}}}
	if mapped {
		table.Fields[5].Name = "p"
	}
	m.commit(t, table, props)
	return st, m.add, all
}

// TestBloomFiltersNeverRuleOutWhatIsThere asks for sets of values with one that is
// there and without, in any row group.
func TestBloomFiltersNeverRuleOutWhatIsThere(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 11))
		mapped := r.IntN(2) == 0
		st, add, rows := filteredTable(t, r, mapped)
		s := scan(t, load(t, st), nil)
		suffix := ""
		if mapped {
			suffix = "_NOW"
		}
		columns := map[string]struct {
			path  []string
			value func(x bloomRow) schema.Value
		}{
			"id":   {[]string{"ID" + suffix}, func(x bloomRow) schema.Value { return schema.LongValue(x.ID) }},
			"text": {[]string{"text" + suffix}, func(x bloomRow) schema.Value { return schema.StringValue(x.Text) }},
			"key":  {[]string{"in" + suffix, "Key" + suffix}, func(x bloomRow) schema.Value { return schema.StringValue(x.In.Key) }},
		}
		for name, c := range columns {
			ask := func(values ...schema.Value) bool {
				may, err := s.MayContainAny(t.Context(), add, c.path, values)
				require.NoError(t, err, name)
				return may
			}
			others := func(n int) (out []schema.Value) {
				for range n {
					out = append(out, c.value(bloomRow{ID: r.Int64(), Text: fmt.Sprint("u", r.Uint64()), In: inner{fmt.Sprint("u", r.Uint64())}}))
				}
				return out
			}
			for range 30 {
				x := rows[r.IntN(len(rows))]
				if name == "text" && x.Text == "" {
					continue // null
				}
				values := append(others(r.IntN(3)), c.value(x))
				require.True(t, ask(values...), "seed %d: %s of %+v", seed, name, x)
			}
			wrong := 0
			for range 50 {
				if ask(others(1)...) {
					wrong++
				}
			}
			require.Less(t, wrong, 15, "seed %d: %s", seed, name)
			require.True(t, ask(append(others(2), schema.Null(schema.Long))...), "a null is not in filters")
			require.False(t, ask(), "no value is not there")
		}
	}
}

func TestColumnsWithoutFiltersMayHoldEverything(t *testing.T) {
	t.Parallel()
	st, add, _ := filteredTable(t, rand.New(rand.NewPCG(1, 1)), false)
	s := scan(t, load(t, st), &reader.Options{Columns: []string{"id"}})
	for _, column := range [][]string{{"bare"}, {"later"}, {"p"}, {"in"}} {
		may, err := s.MayContainAny(t.Context(), add, column, []schema.Value{schema.LongValue(1)})
		require.NoError(t, err, column)
		require.True(t, may, column)
	}
	for _, column := range [][]string{{"none"}, {"in", "none"}, {"id", "none"}, {}} {
		may, err := s.MayContainAny(t.Context(), add, column, []schema.Value{schema.LongValue(1)})
		require.Error(t, err, column)
		require.True(t, may, column)
	}
	empty := *add
	empty.Path = "gone.parquet"
	may, err := s.MayContainAny(t.Context(), &empty, []string{"id"}, []schema.Value{schema.LongValue(1)})
	require.ErrorIs(t, err, logstore.ErrNotExist)
	require.ErrorContains(t, err, "gone.parquet")
	require.True(t, may)
}
