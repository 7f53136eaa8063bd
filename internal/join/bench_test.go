package join

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

const benchBatch = 8192

// spread is a bijection that leaves no order between neighbouring numbers.
func spread(i int) int64 { return int64(uint64(i) * 0x9e3779b97f4a7c15) }

// longs returns batches of n keys from first on, as longs or as text of 36 bytes.
func longs(first, n int) *vec.Vec {
	xs := make([]int64, n)
	for i := range xs {
		xs[i] = spread(first + i)
	}
	return vec.Of(vec.Int64, xs, nil)
}

func texts(first, n int) *vec.Vec {
	xs := make([]string, n)
	for i := range xs {
		xs[i] = fmt.Sprintf("%036x", uint64(spread(first+i)))
	}
	v, err := vec.OfBytes(xs, nil)
	if err != nil {
		panic(err)
	}
	return v
}

type benchCase struct {
	name   string
	key    schema.DataType
	make   func(first, n int) *vec.Vec
	rows   int
	memory int64
}

var benchCases = []benchCase{
	{"int64/1M", schema.Long, longs, 1 << 20, 1 << 30},
	{"int64/10M", schema.Long, longs, 10 << 20, 1 << 30},
	{"int64/10M/256MiB", schema.Long, longs, 10 << 20, 0},
	{"text/1M", schema.String, texts, 1 << 20, 1 << 30},
	{"text/1M/64MiB", schema.String, texts, 1 << 20, 64 << 20},
}

func openBench(b *testing.B, c benchCase, batches []*vec.Vec) *Source {
	s, err := NewSource(nil, []KeyColumn{{Type: c.key}}, &Options{MaxMemory: c.memory, Dir: b.TempDir()})
	require.NoError(b, err)
	for _, k := range batches {
		require.NoError(b, s.Add(b.Context(), nil, []*vec.Vec{k}, k.Len))
	}
	require.NoError(b, s.Build(b.Context()))
	return s
}

func (c benchCase) batches(rows int) []*vec.Vec {
	var out []*vec.Vec
	for i := 0; i < rows; i += benchBatch {
		out = append(out, c.make(i, benchBatch))
	}
	return out
}

func live() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkBuild adds and builds sources of keys only.
func BenchmarkBuild(b *testing.B) {
	for _, c := range benchCases {
		batches := c.batches(c.rows)
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				before := live()
				b.StartTimer()
				s := openBench(b, c, batches)
				b.StopTimer()
				b.ReportMetric(float64(live()-before)/float64(c.rows), "B/row")
				b.ReportMetric(float64(s.budget.peak)/float64(c.rows), "peak-B/row")
				b.ReportMetric(float64(s.Passes()), "passes")
				require.NoError(b, s.Close())
				b.StartTimer()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(c.rows), "ns/row")
		})
	}
}

// BenchmarkProbe probes as many rows as the source has, of which half match.
func BenchmarkProbe(b *testing.B) {
	for _, c := range benchCases {
		s := openBench(b, c, c.batches(c.rows))
		for _, hits := range []int{0, 50, 100} {
			n := 1 << 20
			var batches []*vec.Vec
			r := rand.New(rand.NewPCG(1, 1))
			for range n / benchBatch {
				first := r.IntN(c.rows - benchBatch)
				if r.IntN(100) >= hits {
					first += c.rows * 3
				}
				batches = append(batches, c.make(first, benchBatch))
			}
			b.Run(fmt.Sprintf("%s/hits=%d", c.name, hits), func(b *testing.B) {
				var m Matches
				matched := 0
				for b.Loop() {
					for p := range s.Passes() {
						require.NoError(b, s.StartPass(b.Context(), p))
						for _, k := range batches {
							m.Reset()
							if err := s.Probe([]*vec.Vec{k}, k.Len, &m); err != nil {
								b.Fatal(err)
							}
							matched += len(m.Row)
						}
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/row")
			})
		}
		require.NoError(b, s.Close())
	}
}

// BenchmarkGather fetches rows of a long, a double and two strings by id.
func BenchmarkGather(b *testing.B) {
	types := []schema.DataType{schema.Long, schema.Double, schema.String, schema.String}
	const rows = 2 << 20
	for _, memory := range []int64{1 << 30, 16 << 20} {
		s, err := NewSource(types, []KeyColumn{{Type: schema.Long}}, &Options{MaxMemory: memory, Dir: b.TempDir()})
		require.NoError(b, err)
		for i := 0; i < rows; i += benchBatch {
			k := longs(i, benchBatch)
			cols := []*vec.Vec{k, {Kind: vec.Float64, Len: k.Len, Data: k.Data}, texts(i, benchBatch), texts(i+rows, benchBatch)}
			require.NoError(b, s.Add(b.Context(), cols, []*vec.Vec{k}, benchBatch))
		}
		require.NoError(b, s.Build(b.Context()))
		where := "memory"
		if s.Spilled() > 0 {
			where = "disk"
		}
		b.Run("scan/"+where, func(b *testing.B) {
			for b.Loop() {
				for _, err := range s.Scan(b.Context(), []int{0, 1, 2, 3}, 0) {
					require.NoError(b, err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
		})
		r := rand.New(rand.NewPCG(1, 1))
		ids := make([]int64, 64<<10)
		for _, order := range []string{"stretch", "sorted", "random"} {
			for i := range ids {
				ids[i] = r.Int64N(rows)
				if order == "stretch" {
					ids[i] = rows/3 + int64(i)
				}
			}
			if order == "sorted" {
				slices.Sort(ids)
			}
			b.Run("gather/"+where+"/"+order, func(b *testing.B) {
				for b.Loop() {
					if _, err := s.Gather(b.Context(), ids, []int{0, 1, 2, 3}); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(ids)), "ns/row")
			})
		}
		require.NoError(b, s.Close())
	}
}
