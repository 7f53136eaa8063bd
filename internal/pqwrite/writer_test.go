package pqwrite

import (
	"bytes"
	"context"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

func TestStepsOfBatchesThatTakeNoMemory(t *testing.T) {
	t.Parallel()
	require.Equal(t, 1<<16, stepRows([]*vec.Vec{{Kind: vec.Null, Len: 1 << 16}}, 1<<16))
}

// TestRandomTablesReadBackAsTheyWere shreds random tables one value at a time and
// compares with what parquet-go reads from the file, levels and all.
func TestRandomTablesReadBackAsTheyWere(t *testing.T) {
	t.Parallel()
	codecs := []string{"", "ZSTD", "gzip", "none", "Uncompressed"}
	for seed := range uint64(150) {
		t.Run(fmt.Sprint("seed", seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 1))
			g := &gen{Rand: r, nulls: []float64{0, 0.05, 0.5, 1}[r.IntN(4)], few: []int{0, 3, 40}[r.IntN(3)], long: r.IntN(6)}
			s := g.structType(3, 1+r.IntN(4))
			rows := r.IntN(700)
			cols := g.rows(s, rows)
			o := &Options{
				Codec: codecs[r.IntN(len(codecs))], Compat: r.IntN(3) == 0, DataPageV2: r.IntN(2) == 0,
				PageRows: 1 + r.IntN(300), PageBytes: 1 + r.IntN(4000), DictionaryBytes: 1 + r.IntN(2000),
				RowGroupRows: 1 + r.IntN(1000), Parallel: 1 + r.IntN(4),
			}
			file, _ := writeFile(t, s, o, cols, 1+r.IntN(400), r)
			f, got := readFile(t, file)
			want := shredRows(s, cols)
			require.Equal(t, int64(rows), f.NumRows())
			for i := range want {
				require.Equal(t, len(want[i]), len(got[i]), "column %d of %s", i, s)
				for k := range want[i] {
					if want[i][k] != got[i][k] {
						require.Equal(t, want[i][k], got[i][k], "column %d of %s, entry %d, %+v", i, s, k, o)
					}
				}
			}
		})
	}
}

// TestBytesDependOnRowsNotOnBatchesOrParallelism writes one table in several ways.
func TestBytesDependOnRowsNotOnBatchesOrParallelism(t *testing.T) {
	t.Parallel()
	for seed := range uint64(25) {
		t.Run(fmt.Sprint("seed", seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 5))
			g := &gen{Rand: r, nulls: 0.2, few: []int{0, 40}[r.IntN(2)], long: 4}
			s := g.structType(2, 3)
			rows := 1 + r.IntN(900)
			cols := g.rows(s, rows)
			o := Options{PageRows: 1 + r.IntN(200), PageBytes: 100 + r.IntN(4000), DictionaryBytes: 400, RowGroupRows: 1 + r.IntN(600), Codec: "zstd"}
			var first []byte
			for i, size := range []int{rows, 1, 7, 64, 333} {
				o.Parallel = 1 + i
				file, _ := writeFile(t, s, &o, cols, size, r)
				if first == nil {
					first = file
				}
				require.True(t, bytes.Equal(first, file), "batches of %d rows of %s", size, s)
			}
		})
	}
}

func TestEveryPageHasAChecksumOfItsBytes(t *testing.T) {
	t.Parallel()
	g := &gen{Rand: rand.New(rand.NewPCG(1, 6)), nulls: 0.2, few: 9, long: 3}
	s := g.structType(2, 4)
	for _, v2 := range []bool{false, true} {
		file, _ := writeFile(t, s, &Options{DataPageV2: v2, PageRows: 50}, g.rows(s, 300), 300, nil)
		f, _ := readFile(t, file)
		pages := 0
		for _, c := range f.Metadata().RowGroups[0].Columns {
			start := c.MetaData.DataPageOffset
			if c.MetaData.DictionaryPageOffset > 0 {
				start = c.MetaData.DictionaryPageOffset
			}
			chunk := bytes.NewReader(file[start : start+c.MetaData.TotalCompressedSize])
			for chunk.Len() > 0 {
				var h format.PageHeader
				require.NoError(t, thrift.NewDecoder(new(thrift.CompactProtocol).NewReader(chunk)).Decode(&h))
				body := make([]byte, h.CompressedPageSize)
				_, err := io.ReadFull(chunk, body)
				require.NoError(t, err)
				require.Equal(t, int32(crc32.ChecksumIEEE(body)), h.CRC)
				pages++
			}
		}
		require.Greater(t, pages, 6*len(s.Fields))
	}
}

// TestPagesAndRowGroupsEndAtTheirLimits looks at rows, and at bytes of text.
func TestPagesAndRowGroupsEndAtTheirLimits(t *testing.T) {
	t.Parallel()
	var rows []any
	for i := range 1000 {
		rows = append(rows, fmt.Sprintf("%0*d", 50+i%50, i))
	}
	file, _ := writeFile(t, one(schema.String), &Options{PageBytes: 5000, RowGroupRows: 300, Codec: "none"}, [][]any{rows}, 130, nil)
	f, _ := readFile(t, file)
	require.Len(t, f.RowGroups(), 4)
	require.EqualValues(t, 300, f.RowGroups()[2].NumRows())
	for _, x := range f.OffsetIndexes() {
		require.Greater(t, len(x.PageLocations), 1)
		for _, p := range x.PageLocations {
			require.LessOrEqual(t, p.CompressedPageSize, int32(5100))
		}
	}
	file, _ = writeFile(t, one(schema.String), &Options{RowGroupBytes: 20_000, PageRows: 10, Codec: "none"}, [][]any{rows}, 100, nil)
	f, _ = readFile(t, file)
	require.Len(t, f.RowGroups(), 4, "80 kB in batches of 7.9 kB, three to a row group")
}

// TestMemoryIsBoundedByTheRowGroup: what is written out is not held.
func TestMemoryIsBoundedByTheRowGroup(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	var out bytes.Buffer
	w, err := NewWriter(&out, orders(), &Options{RowGroupBytes: 1 << 20, Codec: "none", Parallel: 2})
	require.NoError(t, err)
	cols := orderRows(25_000, 0)
	var most, last int64
	for range 40 {
		require.NoError(t, w.Write(ctx, cols, 25_000))
		most = max(most, w.Buffered())
		require.GreaterOrEqual(t, w.Size(), last)
		last = w.Size()
	}
	require.Less(t, most, int64(16<<20), "a row group, a batch, and pages to be filled")
	require.Greater(t, out.Len(), 40<<20)
	require.NoError(t, w.Flush(ctx))
	require.Zero(t, w.Buffered())
	require.EqualValues(t, out.Len(), w.Size())
}

func TestEmptyFiles(t *testing.T) {
	t.Parallel()
	g := &gen{Rand: rand.New(rand.NewPCG(2, 7)), long: 3}
	s := g.structType(3, 5)
	for _, batches := range []int{0, 2} {
		var buf bytes.Buffer
		w, err := NewWriter(&buf, s, nil)
		require.NoError(t, err)
		for range batches {
			require.NoError(t, w.Write(context.Background(), batch(nil, s, g.rows(s, 0), 0, 0), 0))
		}
		info, err := w.Close(context.Background())
		require.NoError(t, err)
		require.Zero(t, info.Rows)
		require.False(t, info.Leaves[0].HasMinMax)
		f, _ := readFile(t, buf.Bytes())
		require.Empty(t, f.RowGroups())
	}
}

func TestVoidColumnsAreLeftOut(t *testing.T) {
	t.Parallel()
	s := &schema.Struct{Fields: []schema.Field{
		{Name: "v", Type: schema.Void, Nullable: true},
		{Name: "s", Type: &schema.Struct{Fields: []schema.Field{
			{Name: "gone", Type: schema.Void, Nullable: true}, {Name: "kept", Type: schema.Long, Nullable: true},
		}}, Nullable: true},
	}}
	cols := [][]any{{nil, nil, nil}, {[]any{nil, int64(7)}, nil, []any{nil, nil}}}
	file, info := writeFile(t, s, nil, cols, 2, nil)
	f, got := readFile(t, file)
	require.Equal(t, [][]string{{"s", "kept"}}, f.Schema().Columns())
	require.Equal(t, shredRows(s, cols), got)
	require.Len(t, info.Leaves, 1)
	require.EqualValues(t, 2, info.Leaves[0].NullCount)

	w, err := NewWriter(io.Discard, s, nil) // the Vec of a void column may be missing
	require.NoError(t, err)
	require.NoError(t, w.Write(context.Background(), []*vec.Vec{nil, batch(nil, s, cols, 0, 3)[1]}, 3))
}

func TestVariantsAreTwoBinaries(t *testing.T) {
	t.Parallel()
	s := one(schema.Variant)
	cols := [][]any{{[]any{"m", "v"}, nil, []any{"", "vv"}}}
	file, info := writeFile(t, s, nil, cols, 3, nil)
	f, got := readFile(t, file)
	require.Equal(t, [][]string{{"c", "metadata"}, {"c", "value"}}, f.Schema().Columns())
	require.Equal(t, shredRows(s, cols), got)
	require.Len(t, info.Leaves, 1)
	require.EqualValues(t, 1, info.Leaves[0].NullCount)
	require.False(t, info.Leaves[0].HasMinMax)
}

// TestNullStandsForAnyType writes Null vecs at every level.
func TestNullStandsForAnyType(t *testing.T) {
	t.Parallel()
	g := &gen{Rand: rand.New(rand.NewPCG(3, 8)), long: 3}
	for range 50 {
		s := g.structType(3, 3)
		for i := range s.Fields {
			s.Fields[i].Nullable = true
		}
		var buf bytes.Buffer
		w, err := NewWriter(&buf, s, nil)
		require.NoError(t, err)
		null := &vec.Vec{Kind: vec.Null, Len: 9}
		require.NoError(t, w.Write(context.Background(), []*vec.Vec{null, null, null}, 9))
		info, err := w.Close(context.Background())
		require.NoError(t, err)
		_, got := readFile(t, buf.Bytes())
		nulls := make([]any, 9)
		require.Equal(t, shredRows(s, [][]any{nulls, nulls, nulls}), got)
		for _, l := range info.Leaves {
			require.EqualValues(t, 9, l.NullCount)
		}
	}
	inner := vec.OfLists(vec.List, []int32{0, 2, 2}, nil, &vec.Vec{Kind: vec.Null, Len: 2})
	s := one(&schema.Array{Element: schema.Long, ContainsNull: true})
	var buf bytes.Buffer
	w, err := NewWriter(&buf, s, nil)
	require.NoError(t, err)
	require.NoError(t, w.Write(context.Background(), []*vec.Vec{inner}, 2))
	_, err = w.Close(context.Background())
	require.NoError(t, err)
	_, got := readFile(t, buf.Bytes())
	require.Equal(t, shredRows(s, [][]any{{[]any{nil, nil}, []any{}}}), got)
}

func TestSchemaInTheFile(t *testing.T) {
	t.Parallel()
	id := func(n int) schema.Metadata { return schema.Metadata{"delta.columnMapping.id": fmt.Sprint(n)} }
	s := &schema.Struct{Fields: []schema.Field{
		{Name: "z", Type: schema.Byte, Metadata: id(1)},
		{Name: "a", Type: schema.Timestamp, Nullable: true, Metadata: id(9)},
		{Name: "n", Type: schema.TimestampNTZ, Nullable: true, Metadata: id(8)},
		{Name: "m", Type: &schema.Map{Key: schema.String, Value: schema.Decimal{Precision: 20, Scale: 2}, ValueContainsNull: true}, Metadata: id(4)},
		{Name: "l", Type: &schema.Array{Element: &schema.Struct{Fields: []schema.Field{
			{Name: "d", Type: schema.Date, Nullable: true, Metadata: id(6)},
		}}}, Nullable: true, Metadata: id(5)},
	}}
	g := &gen{Rand: rand.New(rand.NewPCG(4, 9)), long: 3}
	file, _ := writeFile(t, s, &Options{FieldIDs: true, CreatedBy: "x version 1", Metadata: map[string]string{"b": "2", "a": "1"}}, g.rows(s, 5), 5, nil)
	f, _ := readFile(t, file)
	m := f.Metadata()
	require.Equal(t, "x version 1", m.CreatedBy)
	require.Equal(t, []format.KeyValue{{Key: "a", Value: "1"}, {Key: "b", Value: "2"}}, []format.KeyValue(m.KeyValueMetadata))
	var got []string
	for _, e := range m.Schema[1:] {
		got = append(got, fmt.Sprint(e.Name, " ", e.RepetitionType.V, " ", e.FieldID, " ", e.ConvertedType.V, " ", e.LogicalType.String()))
	}
	require.Equal(t, []string{
		"z REQUIRED 1 15 INT(8,true)",
		"a OPTIONAL 9 10 TIMESTAMP(isAdjustedToUTC=true,unit=MICROS)",
		"n OPTIONAL 8 0 TIMESTAMP(isAdjustedToUTC=false,unit=MICROS)",
		"m REQUIRED 4 1 MAP", "key_value REPEATED 0 0 ", "key REQUIRED 0 0 STRING", "value OPTIONAL 0 5 DECIMAL(20,2)",
		"l OPTIONAL 5 3 LIST", "list REPEATED 0 0 ", "element REQUIRED 0 0 ", "d OPTIONAL 6 6 DATE",
	}, got)
	require.False(t, m.Schema[3].ConvertedType.Valid, "TIMESTAMP_MICROS would be UTC")

	s.Fields[0].Metadata = nil
	_, err := NewWriter(io.Discard, s, &Options{FieldIDs: true})
	require.ErrorContains(t, err, "column z: no delta.columnMapping.id")
	s.Fields[0].Metadata = schema.Metadata{"delta.columnMapping.id": "1e3"}
	_, err = NewWriter(io.Discard, s, &Options{FieldIDs: true})
	require.ErrorContains(t, err, "1e3")
}
