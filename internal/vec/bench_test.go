package vec_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/deltalog/deltalog/internal/vec"
)

const benchRows = 1 << 20

func benchColumns(b *testing.B) map[string]*vec.Vec {
	r := rand.New(rand.NewPCG(1, 1))
	ints := make([]int64, benchRows)
	strs := make([]string, benchRows)
	for i := range ints {
		ints[i] = r.Int64()
		strs[i] = fmt.Sprintf("name-%d", r.IntN(1e9))
	}
	s, err := vec.OfBytes(strs, nil)
	if err != nil {
		b.Fatal(err)
	}
	return map[string]*vec.Vec{"int64": vec.Of(vec.Int64, ints, nil), "string": s}
}

func perRow(b *testing.B) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchRows, "ns/row")
}

func BenchmarkFilter(b *testing.B) {
	half, runs := vec.NewBitmap(benchRows), vec.NewBitmap(benchRows)
	r := rand.New(rand.NewPCG(2, 2))
	for i := range benchRows {
		if r.IntN(2) == 0 {
			half.Set(i)
		}
	}
	for i := 0; i < benchRows; i += 1000 {
		runs.SetRange(i, min(i+500, benchRows))
	}
	for name, v := range benchColumns(b) {
		for sel, set := range map[string]*vec.Bitmap{"random": half, "runs": runs} {
			b.Run(name+"/"+sel, func(b *testing.B) {
				for b.Loop() {
					vec.Filter(v, set)
				}
				perRow(b)
			})
		}
	}
}

func BenchmarkTake(b *testing.B) {
	r := rand.New(rand.NewPCG(3, 3))
	random, sorted := make([]int32, benchRows), make([]int32, benchRows)
	for i := range random {
		random[i], sorted[i] = int32(r.IntN(benchRows)), int32(i)
	}
	for name, v := range benchColumns(b) {
		for order, idx := range map[string][]int32{"random": random, "sorted": sorted} {
			b.Run(name+"/"+order, func(b *testing.B) {
				for b.Loop() {
					if _, err := vec.Take(v, idx); err != nil {
						b.Fatal(err)
					}
				}
				perRow(b)
			})
		}
	}
}

func BenchmarkConcat(b *testing.B) {
	for name, v := range benchColumns(b) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := vec.Concat([]*vec.Vec{v.Slice(0, benchRows/2), v.Slice(benchRows/2, benchRows)}); err != nil {
					b.Fatal(err)
				}
			}
			perRow(b)
		})
	}
}
