package expr

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

const benchRows = 1 << 16 // a batch

func benchBatch(b *testing.B, nulls bool) []*vec.Vec {
	r := rand.New(rand.NewPCG(1, 1))
	ints, floats, names := make([]int64, benchRows), make([]float64, benchRows), make([]string, benchRows)
	days, decs := make([]int32, benchRows), make([][16]byte, benchRows)
	var valid []bool
	for i := range ints {
		ints[i], floats[i], days[i] = r.Int64N(1000), r.Float64()*1000, r.Int32N(1000)
		names[i] = fmt.Sprintf("name-%d", r.IntN(1000))
		decs[i] = schema.Decimal128FromInt64(r.Int64N(100_000)).LittleEndian()
		if nulls {
			valid = append(valid, r.IntN(10) > 0)
		}
	}
	s, err := vec.OfBytes(names, valid)
	if err != nil {
		b.Fatal(err)
	}
	batch := make([]*vec.Vec, len(testSchema.Fields))
	for name, v := range map[string]*vec.Vec{
		"i64": vec.Of(vec.Int64, ints, valid), "f64": vec.Of(vec.Float64, floats, valid), "s": s,
		"d": vec.Of(vec.Int32, days, valid), "dec": vec.Of(vec.Decimal128, decs, valid), "j64": vec.Of(vec.Int64, ints, valid),
	} {
		batch[testSchema.Index(name)] = v
	}
	return batch
}

func BenchmarkEval(b *testing.B) {
	batch, nullable := benchBatch(b, false), benchBatch(b, true)
	for _, text := range []string{
		"i64 < 500", "i64 = 500", "f64 < 500D", "d < '1971-01-01'", "dec < 500", "s = 'name-500'", "s < 'name-500'",
		"s LIKE 'name-5%'", "s LIKE '%50%'", "i64 IN (1,2,3)", "i64 IN (1,2,3,4,5,6,7,8,9,10,500)",
		"s IN ('a','b','c','d','e','f','g','h','i','name-500')", "i64 = j64",
		"i64 >= 100 AND i64 < 900 AND s <> 'x'",
	} {
		p := bindText(b, text)
		run := func(b *testing.B, batch []*vec.Vec) {
			for b.Loop() {
				if _, err := p.Eval(batch, benchRows); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchRows, "ns/row")
		}
		b.Run(text, func(b *testing.B) { run(b, batch) })
		if text == "i64 < 500" {
			b.Run(text+" with nulls", func(b *testing.B) { run(b, nullable) })
		}
	}
}

func BenchmarkPrune(b *testing.B) {
	p := bindText(b, "i64 >= 100 AND i64 < 900 AND d = '1971-01-01' AND s IN ('a', 'b')")
	bounds := []Bounds{
		{Min: long(0), Max: long(500), HasNullCount: true},
		Constant(schema.DateValue(365)),
		{Min: schema.StringValue("a"), Max: schema.StringValue("z"), HasNullCount: true},
	}
	for b.Loop() {
		if p.Prune(100, bounds) != Some {
			b.Fatal()
		}
	}
}

func BenchmarkValue(b *testing.B) {
	batch, nullable := benchBatch(b, false), benchBatch(b, true)
	for _, text := range []string{
		"i64 + j64", "i64 * 2 + 1", "i64 / (j64 + 1)", "f64 * 2D", "dec + dec", "dec * dec", "dec / 3", "-i64",
		"CASE WHEN i64 > 500 THEN f64 ELSE 0D END", "coalesce(i64, j64)", "CAST(i64 AS INT)", "CAST(i64 AS STRING)",
		"CAST(CAST(i64 AS STRING) AS BIGINT)", "s || '-' || s", "upper(s)", "d + INTERVAL 1 MONTH", "array(i64, j64)[1]",
		"if(i64 % 10 = 0, NULL, 100 / (i64 % 10))", "greatest(i64, j64)",
	} {
		e, err := Parse(text, nil)
		if err != nil {
			b.Fatal(err)
		}
		v, err := BindValue(e, OneScope(testSchema), nil)
		if err != nil {
			b.Fatal(err)
		}
		run := func(b *testing.B, batch []*vec.Vec) {
			for b.Loop() {
				if _, err := v.Eval(batch, benchRows); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchRows, "ns/row")
		}
		b.Run(text, func(b *testing.B) { run(b, batch) })
		if text == "coalesce(i64, j64)" {
			b.Run(text+" with nulls", func(b *testing.B) { run(b, nullable) })
		}
	}
}
