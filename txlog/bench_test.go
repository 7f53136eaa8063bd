package txlog

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/txlog/logstore/localstore"
)

// The benchmarks' tables are made once for each size in a directory of the
// system's, which DELTALOG_BENCH_DIR overrides, and kept. DELTALOG_BENCH_COMMITS
// and DELTALOG_BENCH_FILES set the sizes; the defaults are small, so that
// running all benchmarks is quick. The goals are for 20,000 and 1,000,000.

func benchSize(b *testing.B, name string, otherwise int) int {
	b.Helper()
	v := os.Getenv(name)
	if v == "" {
		return otherwise
	}
	n, err := strconv.Atoi(v)
	require.NoError(b, err)
	return n
}

func benchDir(b *testing.B, name string) (dir string, made bool) {
	b.Helper()
	root := os.Getenv("DELTALOG_BENCH_DIR")
	if root == "" {
		root = filepath.Join(os.TempDir(), "deltalog-bench")
	}
	dir = filepath.Join(root, name)
	_, err := os.Stat(filepath.Join(dir, "done"))
	return dir, err == nil
}

func benchStore(b *testing.B, dir string) logstore.Store {
	b.Helper()
	require.NoError(b, os.MkdirAll(filepath.Join(dir, logDir), 0o750))
	s, err := localstore.Open(dir, &localstore.Options{NoSync: true})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, s.Close()) })
	return s
}

const benchMetadata = `{"metaData":{"id":"bench","format":{"provider":"parquet","options":{}},"schemaString":"{\"type\":\"struct\",\"fields\":[{\"name\":\"id\",\"type\":\"long\",\"nullable\":true,\"metadata\":{}},{\"name\":\"date\",\"type\":\"date\",\"nullable\":true,\"metadata\":{}}]}","partitionColumns":["date"],"configuration":{}}}`

// jsonLog makes a table of n commits with 5 files each.
func jsonLog(b *testing.B, n int) logstore.Store {
	b.Helper()
	dir, made := benchDir(b, fmt.Sprintf("json-%d", n))
	s := benchStore(b, dir)
	if made {
		return s
	}
	for v := range n {
		var buf bytes.Buffer
		fmt.Fprintf(&buf, `{"commitInfo":{"timestamp":%d,"operation":"WRITE","operationParameters":{"mode":"Append","partitionBy":"[\"date\"]"},"isBlindAppend":true,"operationMetrics":{"numFiles":"5"},"engineInfo":"bench","txnId":"6c0a9a2e-6a3f-4a6e-8d2e-%012d"}}`+"\n", v, v)
		if v == 0 {
			buf.WriteString(lineProtocol + "\n" + benchMetadata + "\n")
		}
		for i := range 5 {
			fmt.Fprintf(&buf, addLine, v%28+1, v*5+i, v%28+1, 1000+i, i, i, i+5)
		}
		require.NoError(b, os.WriteFile(filepath.Join(dir, commitPath(Version(v))), buf.Bytes(), 0o600))
	}
	require.NoError(b, os.WriteFile(filepath.Join(dir, "done"), nil, 0o600))
	return s
}

// checkpointLog makes a table of n files in one checkpoint and five commits since.
func checkpointLog(b *testing.B, n int) logstore.Store {
	b.Helper()
	dir, made := benchDir(b, fmt.Sprintf("checkpoint-%d", n))
	s := benchStore(b, dir)
	if made {
		return s
	}
	write := func(v Version, data []byte) {
		require.NoError(b, os.WriteFile(filepath.Join(dir, commitPath(v)), data, 0o600))
	}
	lines := addLines(n)
	write(0, append([]byte(lineProtocol+"\n"+benchMetadata+"\n"), lines...))
	snap, err := Load(b.Context(), s, nil)
	require.NoError(b, err)
	_, err = snap.WriteCheckpoint(b.Context(), nil)
	require.NoError(b, err)
	for v := 1; v <= 5; v++ {
		var buf bytes.Buffer
		for i := range 3 {
			fmt.Fprintf(&buf, addLine, v, n+v*5+i, v, 1000+i, i, i, i+5)
		}
		write(Version(v), buf.Bytes())
	}
	require.NoError(b, os.WriteFile(filepath.Join(dir, "done"), nil, 0o600))
	return s
}

// peak reports the memory that is in use at the end of f.
func peak(b *testing.B) {
	b.Helper()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	b.ReportMetric(float64(m.Sys)/(1<<20), "sys-MB")
}

func BenchmarkLoadJSONCommits(b *testing.B) {
	n := benchSize(b, "DELTALOG_BENCH_COMMITS", 1000)
	s := jsonLog(b, n)
	b.ReportAllocs()
	for b.Loop() {
		snap, err := Load(b.Context(), s, nil)
		require.NoError(b, err)
		files := 0
		for _, err := range snap.Files(b.Context(), nil) {
			require.NoError(b, err)
			files++
		}
		require.Equal(b, 5*n, files)
	}
	peak(b)
}

func BenchmarkCheckpoint(b *testing.B) {
	n := benchSize(b, "DELTALOG_BENCH_FILES", 50_000)
	s := checkpointLog(b, n)
	load := func(b *testing.B) *Snapshot {
		snap, err := Load(b.Context(), s, nil)
		require.NoError(b, err)
		return snap
	}
	list := func(b *testing.B, o *FilesOptions) {
		snap := load(b)
		b.ReportAllocs()
		for b.Loop() {
			files := 0
			for _, err := range snap.Files(b.Context(), o) {
				if err != nil {
					b.Fatal(err)
				}
				files++
			}
			b.ReportMetric(float64(files), "files")
		}
		peak(b)
	}
	b.Run("open", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			load(b)
		}
		peak(b)
	})
	b.Run("count", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			files, _, err := load(b).NumFiles(b.Context())
			require.NoError(b, err)
			require.EqualValues(b, n+15, files)
		}
		peak(b)
	})
	b.Run("list", func(b *testing.B) { list(b, nil) })
	b.Run("list-nostats", func(b *testing.B) { list(b, &FilesOptions{NoStats: true}) })
	b.Run("partition", func(b *testing.B) {
		list(b, &FilesOptions{Partitions: func(m map[string]*string) bool { return *m["date"] == "2024-01-07" }})
	})
	b.Run("write", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			snap := load(b)
			w := checkpointWriter{s: snap}
			require.NoError(b, w.write(b.Context(), "scratch.parquet", w.protocol, w.metadata, w.files))
			require.NoError(b, s.Delete(b.Context(), "scratch.parquet"))
		}
		peak(b)
	})
}
