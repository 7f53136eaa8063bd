package pqwrite

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// orders is the table that the project measures itself with: eight nullable
// columns of an order book.
func orders() *schema.Struct {
	s := &schema.Struct{}
	for _, f := range []schema.Field{
		{Name: "id", Type: schema.Long},
		{Name: "customer", Type: schema.Long},
		{Name: "amount", Type: schema.Double},
		{Name: "status", Type: schema.String},
		{Name: "order_id", Type: schema.String},
		{Name: "ts", Type: schema.Timestamp},
		{Name: "day", Type: schema.Date},
		{Name: "paid", Type: schema.Boolean},
	} {
		f.Nullable = true
		s.Fields = append(s.Fields, f)
	}
	return s
}

// orderRows returns rows of the table; nulls is the fraction of nulls in every column.
func orderRows(rows int, nulls float64) []*vec.Vec {
	r := rand.New(rand.NewPCG(1, 2))
	ids, customers, amounts := make([]int64, rows), make([]int64, rows), make([]float64, rows)
	times, days := make([]int64, rows), make([]int32, rows)
	paid := make([]byte, vec.BitmapLen(rows))
	words := []string{"new", "paid", "packed", "shipped", "delivered", "returned"}
	status := &vec.Vec{Kind: vec.Bytes, Len: rows, Offsets: make([]int32, 1, rows+1)}
	order := &vec.Vec{Kind: vec.Bytes, Len: rows, Offsets: make([]int32, 1, rows+1)}
	t := int64(1_767_225_600_000_000)
	for i := range rows {
		ids[i] = int64(i) + 1_000_000
		customers[i] = r.Int64N(200_000)
		amounts[i] = float64(r.IntN(1_000_000)) / 100
		t += r.Int64N(40_000)
		times[i] = t
		days[i] = int32(t / 86_400_000_000)
		paid[i>>3] |= byte(r.IntN(2)) << (i & 7)
		status.Data = append(status.Data, words[r.IntN(len(words))]...)
		status.Offsets = append(status.Offsets, int32(len(status.Data)))
		var u [16]byte
		binary.LittleEndian.PutUint64(u[:], r.Uint64())
		binary.LittleEndian.PutUint64(u[8:], r.Uint64())
		order.Data = fmt.Appendf(order.Data, "%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
		order.Offsets = append(order.Offsets, int32(len(order.Data)))
	}
	cols := []*vec.Vec{
		vec.Of(vec.Int64, ids, nil), vec.Of(vec.Int64, customers, nil), vec.Of(vec.Float64, amounts, nil), status, order,
		vec.Of(vec.Int64, times, nil), vec.Of(vec.Int32, days, nil),
		{Kind: vec.Bool, Len: rows, Data: paid},
	}
	if nulls > 0 {
		for _, c := range cols {
			c.Valid = make([]byte, vec.BitmapLen(rows))
			for i := range rows {
				if r.Float64() >= nulls {
					c.Valid[i>>3] |= 1 << (i & 7)
				}
			}
		}
	}
	return cols
}

func BenchmarkOrders(b *testing.B) {
	const rows = 1_000_000
	for _, nulls := range []float64{0, 0.05} {
		cols := orderRows(rows, nulls)
		for _, o := range []Options{
			{Codec: "snappy", Parallel: 1},
			{Codec: "snappy", Parallel: 2},
			{Codec: "none", Parallel: 1},
			{Codec: "zstd", Parallel: 1},
			{Codec: "zstd", Parallel: 2},
			{Codec: "snappy", Compat: true, Parallel: 1},
		} {
			name := fmt.Sprintf("nulls=%v/%s/compat=%v/parallel=%d", nulls, o.Codec, o.Compat, o.Parallel)
			b.Run(name, func(b *testing.B) { benchWrite(b, orders(), &o, cols, rows, rows) })
		}
	}
}

// BenchmarkOrdersInBatches writes batches smaller than a page, which are copied.
func BenchmarkOrdersInBatches(b *testing.B) {
	const rows = 200_000
	cols := orderRows(rows, 0)
	for _, size := range []int{1000, 8192, 65536} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			benchWrite(b, orders(), &Options{Parallel: 1}, cols, rows, size)
		})
	}
}

func benchWrite(b *testing.B, s *schema.Struct, o *Options, cols []*vec.Vec, rows, size int) {
	ctx := context.Background()
	b.ReportAllocs()
	var written int64
	for b.Loop() {
		w, err := NewWriter(io.Discard, s, o)
		require.NoError(b, err)
		for from := 0; from < rows; from += size {
			to := min(from+size, rows)
			part := make([]*vec.Vec, len(cols))
			for i, c := range cols {
				part[i] = c.Slice(from, to)
			}
			require.NoError(b, w.Write(ctx, part, to-from))
		}
		info, err := w.Close(ctx)
		require.NoError(b, err)
		written = info.Size
	}
	b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
	b.ReportMetric(float64(written)/float64(rows), "B/row")
}

// BenchmarkNested writes lists of structs and maps, three elements a row on average.
func BenchmarkNested(b *testing.B) {
	const rows = 100_000
	r := rand.New(rand.NewPCG(3, 4))
	offsets, valid := []int32{0}, make([]byte, vec.BitmapLen(rows))
	var longs []int64
	texts := &vec.Vec{Kind: vec.Bytes, Offsets: []int32{0}}
	for i := range rows {
		if r.IntN(10) > 0 {
			valid[i>>3] |= 1 << (i & 7)
			for range r.IntN(7) {
				longs = append(longs, r.Int64N(1<<40))
				texts.Data = fmt.Appendf(texts.Data, "item %d", r.IntN(1_000_000))
				texts.Offsets = append(texts.Offsets, int32(len(texts.Data)))
			}
		}
		offsets = append(offsets, int32(len(longs)))
	}
	texts.Len = len(longs)
	ints := vec.Of(vec.Int64, longs, nil)
	items := vec.OfLists(vec.List, offsets, nil, vec.OfStruct(len(longs), nil, ints, texts))
	attrs := vec.OfLists(vec.Map, offsets, nil, texts, ints)
	items.Valid, attrs.Valid = valid, valid
	item := &schema.Struct{Fields: []schema.Field{
		{Name: "n", Type: schema.Long, Nullable: true}, {Name: "name", Type: schema.String, Nullable: true},
	}}
	s := &schema.Struct{Fields: []schema.Field{
		{Name: "items", Type: &schema.Array{Element: item, ContainsNull: true}, Nullable: true},
		{Name: "attrs", Type: &schema.Map{Key: schema.String, Value: schema.Long, ValueContainsNull: true}, Nullable: true},
	}}
	benchWrite(b, s, &Options{Parallel: 1}, []*vec.Vec{items, attrs}, rows, rows)
}

// BenchmarkWideText has one column that is nearly all of the table.
func BenchmarkWideText(b *testing.B) {
	const rows = 100_000
	r := rand.New(rand.NewPCG(5, 6))
	v := &vec.Vec{Kind: vec.Bytes, Len: rows, Offsets: []int32{0}}
	for range rows {
		for range 40 {
			v.Data = fmt.Appendf(v.Data, "%x ", r.Uint32())
		}
		v.Offsets = append(v.Offsets, int32(len(v.Data)))
	}
	for _, parallel := range []int{1, 2} {
		b.Run(fmt.Sprint("parallel=", parallel), func(b *testing.B) {
			benchWrite(b, one(schema.String), &Options{Codec: "zstd", Parallel: parallel}, []*vec.Vec{v}, rows, rows)
		})
	}
}
