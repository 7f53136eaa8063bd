package files

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/stretchr/testify/require"
)

const benchRows = 100_000

// benchBatches are rows like those of the flights of 2013: small integers with
// nulls, short strings, a timestamp, a double.
func benchBatches(b *testing.B) []arrow.RecordBatch {
	b.Helper()
	var buf bytes.Buffer
	buf.WriteString("year,month,day,dep_time,dep_delay,arr_time,arr_delay,carrier,flight,tailnum,origin,dest,air_time,distance,speed,time_hour\n")
	for i := range benchRows {
		delay := fmt.Sprint(i%97 - 20)
		if i%31 == 0 {
			delay = ""
		}
		fmt.Fprintf(&buf, "2013,%d,%d,%d,%s,%d,%s,UA,%d,N%05d,EWR,IAH,%d,%d,%d.25,2013-%02d-%02dT%02d:00:00Z\n",
			i%12+1, i%28+1, i%2400, delay, (i+130)%2400, delay, i%8000, i%4000, i%600, i%3000, i%700, i%12+1, i%28+1, i%24)
	}
	s, err := Open(context.Background(), []string{"-"}, &Options{Format: CSV, Stdin: &buf})
	require.NoError(b, err)
	var recs []arrow.RecordBatch
	for rec, err := range s.Batches(context.Background()) {
		require.NoError(b, err)
		recs = append(recs, rec)
	}
	return recs
}

func BenchmarkRead(b *testing.B) {
	recs := benchBatches(b)
	for _, f := range []Format{CSV, NDJSON, Arrow, Parquet} {
		var buf bytes.Buffer
		w, err := NewWriter(&buf, f, recs[0].Schema(), nil)
		require.NoError(b, err)
		for _, r := range recs {
			require.NoError(b, w.Write(r))
		}
		require.NoError(b, w.Close())
		path := filepath.Join(b.TempDir(), "x."+string(f))
		require.NoError(b, os.WriteFile(path, buf.Bytes(), 0o600))
		b.Run(string(f), func(b *testing.B) {
			b.SetBytes(int64(buf.Len()))
			b.ReportAllocs()
			for b.Loop() {
				s, err := Open(context.Background(), []string{path}, nil)
				require.NoError(b, err)
				n := int64(0)
				for rec, err := range s.Batches(context.Background()) {
					require.NoError(b, err)
					n += rec.NumRows()
				}
				require.Equal(b, int64(benchRows), n)
			}
			b.ReportMetric(float64(benchRows*b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

func BenchmarkWrite(b *testing.B) {
	recs := benchBatches(b)
	for _, f := range []Format{CSV, NDJSON, Arrow, Parquet} {
		b.Run(string(f), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				w, err := NewWriter(io.Discard, f, recs[0].Schema(), nil)
				require.NoError(b, err)
				for _, r := range recs {
					require.NoError(b, w.Write(r))
				}
				require.NoError(b, w.Close())
			}
			b.ReportMetric(float64(benchRows*b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
