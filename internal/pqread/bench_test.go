package pqread

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/internal/pqwrite"
	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// ordersSchema is that of a table of orders; entries look like the adds of a
// checkpoint.
var (
	ordersSchema = &schema.Struct{Fields: []schema.Field{
		{Name: "id", Type: schema.Long, Nullable: true},
		{Name: "customer", Type: schema.Long, Nullable: true},
		{Name: "amount", Type: schema.Double, Nullable: true},
		{Name: "status", Type: schema.String, Nullable: true},
		{Name: "order_id", Type: schema.String, Nullable: true},
		{Name: "ts", Type: schema.Timestamp, Nullable: true},
		{Name: "day", Type: schema.Date, Nullable: true},
		{Name: "paid", Type: schema.Boolean, Nullable: true},
	}}
	addsSchema = &schema.Struct{Fields: []schema.Field{{Name: "add", Nullable: true, Type: &schema.Struct{Fields: []schema.Field{
		{Name: "path", Type: schema.String, Nullable: true},
		{Name: "partitionValues", Type: &schema.Map{Key: schema.String, Value: schema.String, ValueContainsNull: true}, Nullable: true},
		{Name: "size", Type: schema.Long, Nullable: true},
		{Name: "stats", Type: schema.String, Nullable: true},
	}}}}}
)

const benchRows = 500_000

func ordersFile(b *testing.B, o *pqwrite.Options, nulls bool) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	status := []string{"new", "paid", "shipped", "delivered", "returned", "cancelled"}
	id, customer, ts := make([]int64, benchRows), make([]int64, benchRows), make([]int64, benchRows)
	amount, day, paid := make([]float64, benchRows), make([]int32, benchRows), make([]bool, benchRows)
	state, order := make([]string, benchRows), make([]string, benchRows)
	at := int64(1_700_000_000_000_000)
	for i := range benchRows {
		at += r.Int64N(2_000_000)
		id[i], customer[i], ts[i] = int64(i)*3+r.Int64N(3), r.Int64N(200_000), at
		amount[i], day[i], paid[i] = float64(r.IntN(100_000))/100, int32(19_000+r.IntN(400)), r.IntN(2) == 0
		state[i], order[i] = status[r.IntN(6)], fmt.Sprintf("%016x-%016x", r.Uint64(), r.Uint64())
	}
	var valid []bool
	if nulls {
		valid = make([]bool, benchRows)
		for i := range valid {
			valid[i] = r.IntN(20) > 0
		}
	}
	states, err := vec.OfBytes(state, valid)
	require.NoError(b, err)
	orders, err := vec.OfBytes(order, valid)
	require.NoError(b, err)
	return writeBench(b, o, ordersSchema, []*vec.Vec{
		vec.Of(vec.Int64, id, valid), vec.Of(vec.Int64, customer, valid), vec.Of(vec.Float64, amount, valid), states, orders,
		vec.Of(vec.Int64, ts, valid), vec.Of(vec.Int32, day, valid), vec.OfBools(paid, valid),
	})
}

func addsFile(b *testing.B) []byte {
	path, stats, size := make([]string, benchRows), make([]string, benchRows), make([]int64, benchRows)
	keys, values := make([]string, 0, 2*benchRows), make([]string, 0, 2*benchRows)
	offsets := []int32{0}
	for i := range benchRows {
		path[i] = fmt.Sprintf("date=2024-01-%02d/part-%05d-4ad27870-ff0a-4fe5-b4c7-%012x-c000.snappy.parquet", i%28, i, i*7919)
		stats[i] = fmt.Sprintf(`{"numRecords":%d,"minValues":{"id":%d},"maxValues":{"id":%d},"nullCount":{"id":0}}`, i, i*7, i*9)
		size[i] = int64(i) * 1001
		keys, values = append(keys, "date", "region"), append(values, fmt.Sprintf("2024-01-%02d", i%28), fmt.Sprint("r", i%7))
		offsets = append(offsets, int32(len(keys)))
	}
	bytesOf := func(s []string) *vec.Vec {
		v, err := vec.OfBytes(s, nil)
		require.NoError(b, err)
		return v
	}
	return writeBench(b, nil, addsSchema, []*vec.Vec{vec.OfStruct(benchRows, nil, bytesOf(path),
		vec.OfLists(vec.Map, offsets, nil, bytesOf(keys), bytesOf(values)), vec.Of(vec.Int64, size, nil), bytesOf(stats))})
}

func writeBench(b *testing.B, o *pqwrite.Options, s *schema.Struct, columns []*vec.Vec) []byte {
	var out bytes.Buffer
	w, err := pqwrite.NewWriter(&out, s, o)
	require.NoError(b, err)
	require.NoError(b, w.Write(context.Background(), columns, benchRows))
	_, err = w.Close(context.Background())
	require.NoError(b, err)
	return out.Bytes()
}

func benchScan(b *testing.B, data []byte, want *schema.Struct, o *ScanOptions) {
	b.Helper()
	b.ReportAllocs()
	rows := 0
	for b.Loop() {
		f, err := Open(context.Background(), &memory{b: data}, &Options{Parallel: 1})
		require.NoError(b, err)
		p, err := f.Project(want, ByName)
		require.NoError(b, err)
		for batch, err := range p.Batches(context.Background(), o) {
			require.NoError(b, err)
			rows += batch.Rows
		}
	}
	b.ReportMetric(float64(rows)/1e6/b.Elapsed().Seconds(), "Mrows/s")
}

func fields(s *schema.Struct, at ...int) *schema.Struct {
	out := &schema.Struct{}
	for _, i := range at {
		out.Fields = append(out.Fields, s.Fields[i])
	}
	return out
}

// every selects one row of n in each row group.
func every(n int64) *ScanOptions {
	return &ScanOptions{Select: func(int) (Selection, error) {
		var sel Selection
		for at := int64(0); at < benchRows; at += n {
			sel = append(sel, Range{at, at + 1})
		}
		return sel, nil
	}}
}

func BenchmarkScan(b *testing.B) {
	snappy := ordersFile(b, nil, false)
	compat := ordersFile(b, &pqwrite.Options{Compat: true}, false)
	b.Run("orders", func(b *testing.B) { benchScan(b, snappy, ordersSchema, nil) })
	b.Run("orders, zstd", func(b *testing.B) {
		benchScan(b, ordersFile(b, &pqwrite.Options{Codec: "zstd"}, false), ordersSchema, nil)
	})
	b.Run("orders, plain encodings", func(b *testing.B) { benchScan(b, compat, ordersSchema, nil) })
	b.Run("orders, 5% nulls", func(b *testing.B) { benchScan(b, ordersFile(b, nil, true), ordersSchema, nil) })
	b.Run("orders, two columns", func(b *testing.B) { benchScan(b, snappy, fields(ordersSchema, 1, 2), nil) })
	b.Run("orders, 1% in one range", func(b *testing.B) {
		benchScan(b, snappy, ordersSchema, &ScanOptions{Select: func(int) (Selection, error) { return Selection{{200_000, 205_000}}, nil }})
	})
	b.Run("orders, every 2nd row", func(b *testing.B) { benchScan(b, snappy, ordersSchema, every(2)) })
	b.Run("orders, every 100th row", func(b *testing.B) { benchScan(b, snappy, ordersSchema, every(100)) })
	adds := addsFile(b)
	b.Run("adds", func(b *testing.B) { benchScan(b, adds, addsSchema, nil) })
	b.Run("adds, path", func(b *testing.B) {
		one := fields(addsSchema.Fields[0].Type.(*schema.Struct), 0)
		benchScan(b, adds, &schema.Struct{Fields: []schema.Field{{Name: "add", Type: one}}}, nil)
	})
}
