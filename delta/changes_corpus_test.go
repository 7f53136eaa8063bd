package delta_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/conformance/corpus"
	"github.com/deltalog/deltalog/delta"
)

// Tables of other engines: what each version changed makes its rows of those before.
func TestChangesOfForeignTables(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, corpus.Extract(dir, "delta-rs-data", "spark-4.2"))
	for _, c := range []struct {
		table    string
		from, to delta.Version
	}{
		{"spark-4.2/cdf_enabled/delta", 0, 5},
		{"delta-rs-data/cdf-table", 0, 3},
		{"delta-rs-data/cdf-table-non-partitioned", 0, 3},
		{"delta-rs-data/simple_table_with_cdc", 0, 2},
		{"delta-rs-data/cdf-table-with-cdc-and-dvs", 1, 24},
	} {
		tbl, err := delta.Open(t.Context(), path.Join(dir, c.table), nil)
		require.NoError(t, err)
		s, err := tbl.Snapshot(t.Context(), delta.AtVersion(c.to))
		require.NoError(t, err)
		table, err := s.Schema()
		require.NoError(t, err)
		var names []string
		for _, f := range table.Fields {
			names = append(names, f.Name)
		}
		all := changesOf(t, tbl, delta.AtVersion(c.from), delta.AtVersion(c.to), nil)
		require.NotEmpty(t, all)
		before := map[string]int{}
		if c.from > 0 {
			before = rowsAt(t, tbl, c.from-1, names...)
		}
		for v := c.from; v <= c.to; v++ {
			of := slices.DeleteFunc(slices.Clone(all), func(x changedRow) bool { return x.version != int64(v) })
			msg := fmt.Sprintf("%s, version %d", c.table, v)
			after, kinds, _, _ := replayed(t, before, of, msg)
			before = rowsAt(t, tbl, v, names...)
			require.Equal(t, before, after, msg)
			require.Equal(t, kinds[delta.ChangeUpdatePreimage], kinds[delta.ChangeUpdatePostimage], msg)
		}
		_ = tbl.Close()
	}
}

// The same changes as Spark's table_changes gives.
func TestChangesAreSparks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, corpus.Extract(dir, "spark-4.2"))
	text, err := os.ReadFile(filepath.Join(dir, "spark-4.2", "cdf_enabled", "expected.json"))
	require.NoError(t, err)
	var spark struct {
		Extra struct {
			CDF struct {
				Columns []string `json:"columns"`
				Rows    [][]any  `json:"rows"`
			} `json:"cdf"`
		} `json:"extra"`
	}
	require.NoError(t, json.Unmarshal(text, &spark))
	require.Equal(t, []string{"id", "name", "v", "p", "_change_type", "_commit_version"}, spark.Extra.CDF.Columns)
	var want []string
	for _, r := range spark.Extra.CDF.Rows {
		cells := []string{}
		for _, v := range r {
			if v == nil {
				v = "-"
			}
			cells = append(cells, fmt.Sprint(v))
		}
		want = append(want, fmt.Sprintf("%s %s %s", cells[5], cells[4], strings.Join(cells[:4], "/")))
	}
	slices.Sort(want)
	tbl, err := delta.Open(t.Context(), filepath.Join(dir, "spark-4.2", "cdf_enabled", "delta"), nil)
	require.NoError(t, err)
	defer tbl.Close()
	require.Equal(t, want, texted(changesOf(t, tbl, delta.At{}, delta.At{}, nil)))
}
