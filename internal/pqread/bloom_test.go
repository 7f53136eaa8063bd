package pqread

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/bloom/xxhash"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/txlog/schema"
)

// A bloomCase is a column that parquet-go writes a filter for.
type bloomCase struct {
	name   string
	node   parquet.Node
	want   schema.DataType
	random func(r *rand.Rand) (parquet.Value, schema.Value)
}

func bloomCases() []bloomCase {
	decimal := func(r *rand.Rand, n int) (parquet.Value, schema.Value) {
		d := schema.Decimal128FromInt64(r.Int63() - r.Int63())
		return parquet.FixedLenByteArrayValue(d.AppendBigEndian(nil, n)), schema.DecimalValue(d, 4)
	}
	return []bloomCase{
		{"int", parquet.Int(32), schema.Integer, func(r *rand.Rand) (parquet.Value, schema.Value) {
			n := int32(r.Uint32())
			return parquet.Int32Value(n), schema.IntegerValue(n)
		}},
		{"int as long", parquet.Int(32), schema.Long, func(r *rand.Rand) (parquet.Value, schema.Value) {
			n := int32(r.Uint32())
			return parquet.Int32Value(n), schema.LongValue(int64(n))
		}},
		{"long", parquet.Int(64), schema.Long, func(r *rand.Rand) (parquet.Value, schema.Value) {
			n := int64(r.Uint64())
			return parquet.Int64Value(n), schema.LongValue(n)
		}},
		{"byte", parquet.Int(8), schema.Byte, func(r *rand.Rand) (parquet.Value, schema.Value) {
			n := int8(r.Uint32())
			return parquet.Int32Value(int32(n)), schema.ByteValue(n)
		}},
		{"string", parquet.String(), schema.String, func(r *rand.Rand) (parquet.Value, schema.Value) {
			s := fmt.Sprintf("%x", r.Uint64()>>r.Intn(64))
			return parquet.ByteArrayValue([]byte(s)), schema.StringValue(s)
		}},
		{"float", parquet.Leaf(parquet.FloatType), schema.Float, func(r *rand.Rand) (parquet.Value, schema.Value) {
			f := float32(r.NormFloat64())
			if r.Intn(5) == 0 {
				return parquet.FloatValue(float32(math.Copysign(0, -1))), schema.FloatValue(0)
			}
			return parquet.FloatValue(f), schema.FloatValue(f)
		}},
		{"double", parquet.Leaf(parquet.DoubleType), schema.Double, func(r *rand.Rand) (parquet.Value, schema.Value) {
			f := r.NormFloat64()
			if r.Intn(5) == 0 {
				return parquet.DoubleValue(0), schema.DoubleValue(math.Copysign(0, -1))
			}
			return parquet.DoubleValue(f), schema.DoubleValue(f)
		}},
		{"date", parquet.Date(), schema.Date, func(r *rand.Rand) (parquet.Value, schema.Value) {
			n := int32(r.Uint32())
			return parquet.Int32Value(n), schema.DateValue(n)
		}},
		{"micros", parquet.Timestamp(parquet.Microsecond), schema.Timestamp, func(r *rand.Rand) (parquet.Value, schema.Value) {
			n := r.Int63()
			return parquet.Int64Value(n), schema.TimestampValue(n)
		}},
		{"millis", parquet.Timestamp(parquet.Millisecond), schema.Timestamp, func(r *rand.Rand) (parquet.Value, schema.Value) {
			n := r.Int63n(1 << 40)
			return parquet.Int64Value(n), schema.TimestampValue(n * 1000)
		}},
		{"decimal of 4 bytes", parquet.Decimal(2, 9, parquet.Int32Type), schema.Decimal{Precision: 9, Scale: 2}, func(r *rand.Rand) (parquet.Value, schema.Value) {
			n := r.Int31()
			return parquet.Int32Value(n), schema.DecimalValue(schema.Decimal128FromInt64(int64(n)), 2)
		}},
		{"decimal of 8 bytes, with more digits", parquet.Decimal(2, 16, parquet.Int64Type), schema.Decimal{Precision: 20, Scale: 4}, func(r *rand.Rand) (parquet.Value, schema.Value) {
			n := r.Int63n(1 << 50)
			return parquet.Int64Value(n), schema.DecimalValue(schema.Decimal128FromInt64(n*100), 4)
		}},
		{"decimal of 10 bytes", parquet.Decimal(4, 22, parquet.FixedLenByteArrayType(10)), schema.Decimal{Precision: 22, Scale: 4}, func(r *rand.Rand) (parquet.Value, schema.Value) {
			return decimal(r, 10)
		}},
	}
}

// withFilters writes rows of a column in groups.
func withFilters(t testing.TB, node parquet.Node, optional bool, groups [][]parquet.Value) []byte {
	t.Helper()
	def := 0
	if optional {
		node, def = parquet.Optional(node), 1
	}
	var buf bytes.Buffer
	w := parquet.NewWriter(&buf, parquet.NewSchema("s", parquet.Group{"c": node}), parquet.BloomFilters(parquet.SplitBlockFilter(12, "c")))
	for _, g := range groups {
		for _, v := range g {
			d := def
			if v.IsNull() {
				d = 0
			}
			_, err := w.WriteRows([]parquet.Row{{v.Level(0, d, 0)}})
			require.NoError(t, err)
		}
		require.NoError(t, w.Flush())
	}
	require.NoError(t, w.Close())
	return buf.Bytes()
}

func bloomsOf(t testing.TB, data []byte, want schema.DataType) *Blooms {
	t.Helper()
	f, err := Open(t.Context(), &memory{b: data}, nil)
	require.NoError(t, err)
	p, err := f.Project(&schema.Struct{Fields: []schema.Field{{Name: "c", Type: want, Nullable: true}}}, ByName)
	require.NoError(t, err)
	return p.Blooms("c")
}

func contains(t testing.TB, b *Blooms, group int, v schema.Value) bool {
	t.Helper()
	hashes, ok := b.Hashes(nil, v)
	if !ok {
		return true
	}
	f, err := b.Group(t.Context(), group)
	require.NoError(t, err)
	require.NotNil(t, f)
	for _, h := range hashes {
		if f.MayContain(h) {
			return true
		}
	}
	return false
}

func TestBloomFiltersHaveEachValueAndFewOthers(t *testing.T) {
	t.Parallel()
	for i, c := range bloomCases() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewSource(int64(i)))
			const n = 200
			groups := make([][]parquet.Value, 3)
			held := make([][]schema.Value, 3)
			for g := range groups {
				for range n {
					p, v := c.random(r)
					if r.Intn(10) == 0 {
						groups[g] = append(groups[g], parquet.NullValue())
						continue
					}
					groups[g], held[g] = append(groups[g], p), append(held[g], v)
				}
			}
			b := bloomsOf(t, withFilters(t, c.node, true, groups), c.want)
			require.NotNil(t, b)
			wrong, asked := 0, 0
			for g := range groups {
				for _, v := range held[g] {
					require.True(t, contains(t, b, g, v), "group %d, %v", g, v)
				}
				for range n {
					_, v := c.random(r)
					here := false
					for _, h := range held[g] {
						here = here || h.Equal(v)
					}
					if !here {
						asked++
						if contains(t, b, g, v) {
							wrong++
						}
					}
				}
			}
			require.LessOrEqual(t, wrong*20, asked, "%d false of %d", wrong, asked)
		})
	}
}

func TestBloomFiltersAreAskedOnlyWhatTheyKnow(t *testing.T) {
	t.Parallel()
	long := bloomsOf(t, withFilters(t, parquet.Int(64), false, [][]parquet.Value{{parquet.Int64Value(1)}}), schema.Long)
	for _, v := range []schema.Value{{}, schema.Null(schema.Long), schema.StringValue("1"), schema.DoubleValue(1)} {
		_, ok := long.Hashes(nil, v)
		require.False(t, ok, v)
	}
	h, ok := long.Hashes(nil, schema.IntegerValue(1))
	require.True(t, ok)
	require.Len(t, h, 1)

	// Not in a column of 32 bits, nor of milliseconds, nor of two digits after the point.
	for _, c := range []struct {
		node parquet.Node
		want schema.DataType
		v    schema.Value
	}{
		{parquet.Int(32), schema.Long, schema.LongValue(1 << 40)},
		{parquet.Timestamp(parquet.Millisecond), schema.Timestamp, schema.TimestampValue(1_001)},
		{parquet.Decimal(2, 9, parquet.Int32Type), schema.Decimal{Precision: 12, Scale: 4}, schema.DecimalValue(schema.Decimal128FromInt64(1_234_567), 4)},
		{parquet.Decimal(2, 9, parquet.Int32Type), schema.Decimal{Precision: 12, Scale: 2}, schema.DecimalValue(schema.Decimal128FromInt64(1<<40), 2)},
		{parquet.Decimal(0, 4, parquet.FixedLenByteArrayType(2)), schema.Decimal{Precision: 12}, schema.DecimalValue(schema.Decimal128FromInt64(1<<40), 0)},
	} {
		v := parquet.ValueOf(int32(0))
		switch c.node.Type().Kind() {
		case parquet.Int64:
			v = parquet.Int64Value(0)
		case parquet.FixedLenByteArray:
			v = parquet.FixedLenByteArrayValue([]byte{0, 0})
		}
		b := bloomsOf(t, withFilters(t, c.node, false, [][]parquet.Value{{v}}), c.want)
		require.NotNil(t, b, c.want)
		h, ok := b.Hashes(nil, c.v)
		require.True(t, ok, c.v)
		require.Empty(t, h, c.v)
	}

	// One value, many forms; and values that are read as other ones.
	for _, c := range []struct {
		node  parquet.Node
		want  schema.DataType
		value parquet.Value
	}{
		{parquet.Timestamp(parquet.Nanosecond), schema.Timestamp, parquet.Int64Value(1)},
		{parquet.Decimal(2, 30, parquet.ByteArrayType), schema.Decimal{Precision: 30, Scale: 2}, parquet.ByteArrayValue([]byte{0, 0, 1})},
		{parquet.Leaf(parquet.FloatType), schema.Double, parquet.FloatValue(1)},
		{parquet.Int(32), schema.Double, parquet.Int32Value(1)},
		{parquet.Uint(32), schema.Long, parquet.Int32Value(-1)},
		{parquet.Date(), schema.TimestampNTZ, parquet.Int32Value(1)},
	} {
		require.Nil(t, bloomsOf(t, withFilters(t, c.node, false, [][]parquet.Value{{c.value}}), c.want), "%v", c.want)
	}
	double := bloomsOf(t, withFilters(t, parquet.Leaf(parquet.DoubleType), false, [][]parquet.Value{{parquet.DoubleValue(math.NaN())}}), schema.Double)
	_, ok = double.Hashes(nil, schema.DoubleValue(math.NaN()))
	require.False(t, ok)
}

// filterAt is a file whose only column has what the footer says is a filter.
func filterAt(t testing.TB, blob []byte, edit func(m *format.ColumnMetaData, at int64)) []byte {
	data := withFilters(t, parquet.Int(64), false, [][]parquet.Value{{parquet.Int64Value(7)}})
	var m format.FileMetaData
	length := int(binary.LittleEndian.Uint32(data[len(data)-8:]))
	require.NoError(t, thrift.Unmarshal(&compact, data[len(data)-8-length:len(data)-8], &m))
	body := data[: len(data)-8-length : len(data)-8-length]
	at := int64(len(body))
	c := &m.RowGroups[0].Columns[0].MetaData
	c.BloomFilterOffset, c.BloomFilterLength = at, int32(len(blob))
	if edit != nil {
		edit(c, at)
	}
	footer := marshal(t, &m)
	out := append(body, blob...)
	out = append(out, footer...)
	out = binary.LittleEndian.AppendUint32(out, uint32(len(footer)))
	return append(out, "PAR1"...)
}

func filterBlob(t testing.TB, bytes int32, bits []byte, edit func(h *format.BloomFilterHeader)) []byte {
	h := format.BloomFilterHeader{NumBytes: bytes}
	h.Algorithm.Value = &format.SplitBlockAlgorithm{}
	h.Hash.Value = &format.XxHash{}
	h.Compression.Value = &format.BloomFilterUncompressed{}
	if edit != nil {
		edit(&h)
	}
	return append(marshal(t, &h), bits...)
}

func TestHostileBloomFilters(t *testing.T) {
	t.Parallel()
	full := bytes.Repeat([]byte{0xFF}, 64)
	good := filterBlob(t, 64, full, nil)
	for name, c := range map[string]struct {
		blob []byte
		edit func(m *format.ColumnMetaData, at int64)
		want string // an error, or: "filter", "none"
	}{
		"good":              {good, nil, "filter"},
		"length not stated": {good, func(m *format.ColumnMetaData, _ int64) { m.BloomFilterLength = 0 }, "filter"},
		"all zero":          {filterBlob(t, 64, make([]byte, 64), nil), nil, "filter"},
		"long, length not stated": {filterBlob(t, 1<<20, make([]byte, 1<<20), nil), func(m *format.ColumnMetaData, _ int64) {
			m.BloomFilterLength = 0
		}, "filter"},
		"gzip": {filterBlob(t, 64, full, func(h *format.BloomFilterHeader) { h.Compression.Value = &format.BloomFilterGzip{} }), nil, "none"},
		"no hash": {filterBlob(t, 64, full, func(h *format.BloomFilterHeader) {
			h.Hash.Value = nil
		}), nil, "none"},
		"no bytes":       {filterBlob(t, 0, full, nil), nil, "a bloom filter of 0 bytes"},
		"negative":       {filterBlob(t, -32, full, nil), nil, "a bloom filter of -32 bytes"},
		"half a block":   {filterBlob(t, 48, full, nil), nil, "a bloom filter of 48 bytes"},
		"beyond length":  {filterBlob(t, 96, full, nil), nil, "is said to take"},
		"beyond the end": {filterBlob(t, 1<<20, full, nil), func(m *format.ColumnMetaData, _ int64) { m.BloomFilterLength = 0 }, "not inside the file"},
		"huge":           {filterBlob(t, 1<<30, full, nil), func(m *format.ColumnMetaData, _ int64) { m.BloomFilterLength = 0 }, "none"},
		"huge length":    {good, func(m *format.ColumnMetaData, _ int64) { m.BloomFilterLength = math.MaxInt32 }, "not inside the file"},
		"negative length": {good, func(m *format.ColumnMetaData, _ int64) {
			m.BloomFilterLength = -5
		}, "not inside the file"},
		"offset beyond":   {good, func(m *format.ColumnMetaData, _ int64) { m.BloomFilterOffset = 1 << 50 }, "not inside the file"},
		"in the footer":   {good, func(m *format.ColumnMetaData, at int64) { m.BloomFilterOffset = at + int64(len(good)) }, "bloom filter"},
		"not thrift":      {bytes.Repeat([]byte{0xEE}, 80), nil, "bloom filter"},
		"nothing":         {[]byte{}, func(m *format.ColumnMetaData, _ int64) { m.BloomFilterOffset = 0 }, "no filters"},
		"negative offset": {good, func(m *format.ColumnMetaData, _ int64) { m.BloomFilterOffset = -4 }, "no filters"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := bloomsOf(t, filterAt(t, c.blob, c.edit), schema.Long)
			if c.want == "no filters" {
				require.Nil(t, b)
				return
			}
			require.NotNil(t, b)
			f, err := b.Group(t.Context(), 0)
			switch c.want {
			case "filter":
				require.NoError(t, err)
				require.Equal(t, name == "good" || name == "length not stated", f.MayContain(xxhash.Sum64([]byte{7, 0, 0, 0, 0, 0, 0, 0})))
			case "none":
				require.NoError(t, err)
				require.Nil(t, f)
			default:
				require.ErrorContains(t, err, c.want)
				var corrupt *CorruptError
				require.ErrorAs(t, err, &corrupt)
				require.Equal(t, "c", corrupt.Column)
			}
		})
	}
	require.True(t, (&Bloom{}).MayContain(1))
}

func FuzzBloom(f *testing.F) {
	full := bytes.Repeat([]byte{0xFF}, 64)
	f.Add(filterBlob(f, 64, full, nil), int32(0), uint64(1))
	f.Add(filterBlob(f, 32, full, nil), int32(50), uint64(math.MaxUint64))
	f.Add([]byte{}, int32(-1), uint64(1)<<63)
	f.Fuzz(func(t *testing.T, blob []byte, length int32, hash uint64) {
		data := filterAt(t, blob, func(m *format.ColumnMetaData, _ int64) { m.BloomFilterLength = length })
		b := bloomsOf(t, data, schema.Long)
		if b == nil {
			return
		}
		filter, err := b.Group(context.Background(), 0)
		if err == nil && filter != nil {
			filter.MayContain(hash)
		}
	})
}

// TestFiltersOfOtherWriters: of each column, the files have 40 values i steps
// apart.
func TestFiltersOfOtherWriters(t *testing.T) {
	t.Parallel()
	want := &schema.Struct{Fields: []schema.Field{
		{Name: "id", Type: schema.Long},
		{Name: "k", Type: schema.Integer},
		{Name: "text", Type: schema.String},
		{Name: "d", Type: schema.Decimal{Precision: 9, Scale: 2}},
		{Name: "day", Type: schema.Date},
		{Name: "f", Type: schema.Double},
		{Name: "big", Type: schema.Decimal{Precision: 25, Scale: 2}},
		{Name: "ts", Type: schema.TimestampNTZ},
	}}
	values := func(i int64) []schema.Value {
		d := schema.DecimalValue(schema.Decimal128FromInt64(125*i), 2)
		return []schema.Value{
			schema.LongValue(i * 1000), schema.IntegerValue(int32(i * 7)), schema.StringValue(fmt.Sprintf("v%d", i*3)), d,
			schema.DateValue(int32(18262 + i)), schema.DoubleValue(float64(i) / 4), d,
			schema.TimestampNTZValue((18262*24 + i) * 3_600_000_000),
		}
	}
	for path, columns := range map[string]int{"testdata/bloom/duckdb.parquet": 7, "testdata/bloom/pyarrow.parquet": 8} {
		f, err := openFile(path)
		require.NoError(t, err)
		p, err := f.Project(want, ByName)
		require.NoError(t, err)
		found := 0
		for c := range want.Fields {
			b := p.Blooms(want.Fields[c].Name)
			if b == nil {
				continue
			}
			found++
			for g := range f.NumRowGroups() {
				wrong := 0
				for i := range int64(400) {
					may := contains(t, b, g, values(i)[c])
					require.True(t, may || i >= 40, "%s: %s %d", path, want.Fields[c].Name, i)
					if may && i >= 40 {
						wrong++
					}
				}
				require.Less(t, wrong, 60, "%s: %s", path, want.Fields[c].Name)
			}
		}
		require.Equal(t, columns, found, path)
	}
}
