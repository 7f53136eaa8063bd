package stats_test

import (
	"strings"
	"testing"

	"github.com/deltalog/deltalog/internal/stats"
	"github.com/deltalog/deltalog/txlog/schema"
)

const typical = `{"numRecords":33373,"minValues":{"order_id":1,"customer":"c000001","amount":0.01,"price":12.50,"day":"2026-01-15","ts":"2026-01-15T00:00:00.000Z"},"maxValues":{"order_id":9999999,"customer":"c099999","amount":999.99,"price":99999.99,"day":"2026-01-15","ts":"2026-01-15T23:59:59.999Z"},"nullCount":{"order_id":0,"customer":0,"amount":12,"price":0,"day":0,"ts":0},"tightBounds":true}`

func typicalLayout() *stats.Layout {
	return stats.NewLayout([]stats.Leaf{
		{Path: []string{"order_id"}, Type: schema.Long},
		{Path: []string{"customer"}, Type: schema.String},
		{Path: []string{"amount"}, Type: schema.Double},
		{Path: []string{"price"}, Type: schema.Decimal{Precision: 10, Scale: 2}},
		{Path: []string{"day"}, Type: schema.Date},
		{Path: []string{"ts"}, Type: schema.Timestamp},
	})
}

func BenchmarkParse(b *testing.B) {
	l := typicalLayout()
	var f stats.File
	b.ReportAllocs()
	b.SetBytes(int64(len(typical)))
	for b.Loop() {
		if err := l.Parse(typical, &f); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseEscaped(b *testing.B) {
	l := typicalLayout()
	raw := []byte(strings.ReplaceAll(typical, `"`, `\"`))
	var f stats.File
	b.ReportAllocs()
	b.SetBytes(int64(len(raw)))
	for b.Loop() {
		if err := l.ParseEscaped(raw, &f); err != nil {
			b.Fatal(err)
		}
	}
}

// One column of six, as a predicate needs.
func BenchmarkParseOneColumn(b *testing.B) {
	l := stats.NewLayout([]stats.Leaf{{Path: []string{"day"}, Type: schema.Date}})
	var f stats.File
	b.ReportAllocs()
	b.SetBytes(int64(len(typical)))
	for b.Loop() {
		if err := l.Parse(typical, &f); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	l := typicalLayout()
	var f stats.File
	if err := l.Parse(typical, &f); err != nil {
		b.Fatal(err)
	}
	buf := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		buf = l.Append(buf[:0], &f)
	}
}
