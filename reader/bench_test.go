package reader_test

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/reader"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore/localstore"
)

// benchTable is a table of 20 files in two partitions on disk. The variable
// DELTALOG_BENCH_ROWS says how many rows it has, DELTALOG_BENCH_DIR where it is
// kept, for other engines to read.
func benchTable(b *testing.B) (*txlog.Snapshot, int64) {
	b.Helper()
	n := int64(1_000_000)
	if v := os.Getenv("DELTALOG_BENCH_ROWS"); v != "" {
		var err error
		n, err = strconv.ParseInt(v, 10, 64)
		require.NoError(b, err)
	}
	dir := os.Getenv("DELTALOG_BENCH_DIR")
	if dir == "" {
		dir = b.TempDir()
	}
	dir = filepath.Join(dir, "table")
	_, err := os.Stat(dir)
	if os.IsNotExist(err) {
		require.NoError(b, os.MkdirAll(dir, 0o755))
		tbl, err := delta.Create(b.Context(), dir, rowType, &delta.CreateOptions{PartitionBy: []string{"day"}})
		require.NoError(b, err)
		const files = 20
		for i := range int64(files) {
			var parts []arrow.RecordBatch
			for at := i * n / files; at < (i+1)*n/files; at += 50_000 {
				parts = append(parts, rows([]string{"a", "b"}[i%2], at, min(at+50_000, (i+1)*n/files)))
			}
			_, err := tbl.Append(b.Context(), delta.Records(parts...), nil)
			require.NoError(b, err)
		}
	}
	st, err := localstore.Open(dir, nil)
	require.NoError(b, err)
	return load(b, st), n
}

func BenchmarkScan(b *testing.B) {
	snap, n := benchTable(b)
	for _, bench := range []struct {
		name    string
		columns []string
		where   string
		rows    int64
	}{
		{"all", nil, "", n},
		{"one-column", []string{"id"}, "", n},
		{"partition", []string{"id", "f"}, "day = 'b'", n / 2},
		{"point", nil, "id = 123456", 1},
		{"point-unordered", nil, "k = 123 AND f = 62061.5", 1},
		{"hundredth", nil, "k >= 100 AND k < 110", 0},
		{"half", nil, "k < 500", 0},
	} {
		b.Run(bench.name, func(b *testing.B) {
			o := &reader.Options{Columns: bench.columns}
			if bench.where != "" {
				o.Where = where(b, bench.where)
			}
			b.ReportAllocs()
			var last reader.Metrics
			for b.Loop() {
				s := scan(b, snap, o)
				got := int64(0)
				for rec, err := range s.Batches(b.Context()) {
					require.NoError(b, err)
					got += rec.NumRows()
				}
				if bench.rows > 0 {
					require.Equal(b, bench.rows, got)
				}
				last = s.Metrics()
			}
			b.ReportMetric(float64(last.Bytes), "fetched-B/op")
			b.ReportMetric(float64(last.Requests), "requests/op")
		})
	}
}
