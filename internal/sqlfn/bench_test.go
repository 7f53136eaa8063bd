package sqlfn

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

func BenchmarkFunctions(b *testing.B) {
	const n = 8192
	r := rand.New(rand.NewPCG(1, 1))
	ints, times, days, floats := make([]int64, n), make([]int64, n), make([]int32, n), make([]float64, n)
	texts := make([]string, n)
	for i := range n {
		ints[i] = r.Int64() - 1<<62
		times[i] = r.Int64N(1 << 51)
		days[i] = r.Int32N(20000)
		floats[i] = r.NormFloat64() * 1000
		texts[i] = fmt.Sprintf("Customer#%09d", r.IntN(1e9))
	}
	text, err := vec.OfBytes(texts, nil)
	require.NoError(b, err)
	one := func(s string) Arg { v, _ := vec.OfBytes([]string{s}, nil); return Arg{v, true} }
	number := func(i int32) Arg { return Arg{vec.Of(vec.Int32, []int32{i}, nil), true} }
	long := Arg{vec.Of(vec.Int64, ints, nil), false}
	for _, c := range []struct {
		name  string
		types []schema.DataType
		args  []Arg
	}{
		{"hash", []schema.DataType{schema.Long}, []Arg{long}},
		{"hash", []schema.DataType{schema.String}, []Arg{{text, false}}},
		{"xxhash64", []schema.DataType{schema.Long}, []Arg{long}},
		{"xxhash64", []schema.DataType{schema.String}, []Arg{{text, false}}},
		{"md5", []schema.DataType{schema.Binary}, []Arg{{text, false}}},
		{"concat", []schema.DataType{schema.String, schema.String, schema.String}, []Arg{{text, false}, one("-"), {text, false}}},
		{"lower", []schema.DataType{schema.String}, []Arg{{text, false}}},
		{"substring", []schema.DataType{schema.String, schema.Integer, schema.Integer}, []Arg{{text, false}, number(3), number(6)}},
		{"length", []schema.DataType{schema.String}, []Arg{{text, false}}},
		{"year", []schema.DataType{schema.Date}, []Arg{{vec.Of(vec.Int32, days, nil), false}}},
		{"hour", []schema.DataType{schema.Timestamp}, []Arg{{vec.Of(vec.Int64, times, nil), false}}},
		{"date_trunc", []schema.DataType{schema.String, schema.Timestamp}, []Arg{one("day"), {vec.Of(vec.Int64, times, nil), false}}},
		{"abs", []schema.DataType{schema.Long}, []Arg{long}},
		{"round", []schema.DataType{schema.Double, schema.Integer}, []Arg{{vec.Of(vec.Float64, floats, nil), false}, number(2)}},
	} {
		for _, zone := range []string{"UTC", "America/Los_Angeles"} {
			if zone != "UTC" && c.name != "hour" && c.name != "date_trunc" {
				continue
			}
			b.Run(fmt.Sprintf("%s/%v/%s", c.name, c.types[len(c.types)-1], zone), func(b *testing.B) {
				f, _ := Lookup(c.name)
				consts := make([]*vec.Vec, len(c.args))
				for i, a := range c.args {
					if a.Const {
						consts[i] = a.Vec
					}
				}
				s, err := f.Bind(c.types, consts)
				require.NoError(b, err)
				env := envIn(b, zone)
				for b.Loop() {
					if _, err := s.Eval(env, c.args, n); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/row")
			})
		}
	}
}
