package pqwrite

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// scalar returns a boxed value as a schema.Value.
func scalar(t schema.DataType, v any) schema.Value {
	switch v := v.(type) {
	case bool:
		return schema.BooleanValue(v)
	case int8:
		return schema.ByteValue(v)
	case int16:
		return schema.ShortValue(v)
	case int32:
		if t.Kind() == schema.KindDate {
			return schema.DateValue(v)
		}
		return schema.IntegerValue(v)
	case int64:
		switch t.Kind() {
		case schema.KindTimestamp:
			return schema.TimestampValue(v)
		case schema.KindTimestampNTZ:
			return schema.TimestampNTZValue(v)
		}
		return schema.LongValue(v)
	case float32:
		return schema.FloatValue(v)
	case float64:
		return schema.DoubleValue(v)
	case [16]byte:
		return schema.DecimalValue(schema.Decimal128FromLittleEndian(v), t.(schema.Decimal).Scale)
	case string:
		if t.Kind() == schema.KindBinary {
			return schema.BinaryValue(v)
		}
		return schema.StringValue(v)
	}
	panic(fmt.Sprintf("%T", v))
}

// wantLeaves counts nulls and finds bounds one value at a time.
func wantLeaves(s *schema.Struct, cols [][]any, path []string) []Leaf {
	var out []Leaf
	for i, f := range s.Fields {
		p := append(path[:len(path):len(path)], f.Name)
		if st, ok := f.Type.(*schema.Struct); ok {
			inner := make([][]any, len(st.Fields))
			for _, v := range cols[i] {
				for k := range st.Fields {
					if v == nil {
						inner[k] = append(inner[k], nil)
					} else {
						inner[k] = append(inner[k], v.([]any)[k])
					}
				}
			}
			out = append(out, wantLeaves(st, inner, p)...)
			continue
		}
		l := Leaf{Path: p, Type: f.Type}
		nested := f.Type.Kind() == schema.KindArray || f.Type.Kind() == schema.KindMap
		for _, v := range cols[i] {
			if v == nil {
				l.NullCount++
				continue
			}
			if nested {
				continue
			}
			x := scalar(f.Type, v)
			if !l.HasMinMax {
				l.HasMinMax, l.Min, l.Max = true, x, x
			}
			if less(x, l.Min) {
				l.Min = x
			}
			if less(l.Max, x) {
				l.Max = x
			}
		}
		out = append(out, l)
	}
	return out
}

func less(a, b schema.Value) bool { return schema.Compare(a, b) < 0 }

func TestLeavesOfRandomTables(t *testing.T) {
	t.Parallel()
	for seed := range uint64(80) {
		t.Run(fmt.Sprint("seed", seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 3))
			g := &gen{Rand: r, nulls: []float64{0, 0.3, 1}[r.IntN(3)], few: []int{0, 5}[r.IntN(2)], long: 4}
			s := g.structType(2, 1+r.IntN(5))
			cols := g.rows(s, r.IntN(300))
			_, info := writeFile(t, s, &Options{PageRows: 40, RowGroupRows: 150, Compat: r.IntN(2) == 0}, cols, 70, r)
			want := wantLeaves(s, cols, nil)
			require.Len(t, info.Leaves, len(want))
			for i, w := range want {
				got := info.Leaves[i]
				require.Equal(t, w.Path, got.Path)
				require.Equal(t, w.Type, got.Type)
				require.Equal(t, w.NullCount, got.NullCount, "%v of %s", w.Path, s)
				require.Equal(t, w.HasMinMax, got.HasMinMax, "%v of %s", w.Path, s)
				if w.HasMinMax {
					require.False(t, less(w.Min, got.Min) || less(got.Min, w.Min), "min %v: %v, want %v", w.Path, got.Min, w.Min)
					require.False(t, less(w.Max, got.Max) || less(got.Max, w.Max), "max %v: %v, want %v", w.Path, got.Max, w.Max)
				}
				require.False(t, got.HasNaN || got.MaxCut)
			}
		})
	}
}

func one(t schema.DataType) *schema.Struct {
	return &schema.Struct{Fields: []schema.Field{{Name: "c", Type: t, Nullable: true}}}
}

func TestFloatBounds(t *testing.T) {
	t.Parallel()
	nan, inf, minus := math.NaN(), math.Inf(1), math.Copysign(0, -1)
	for _, c := range []struct {
		in       []any
		ok, nan  bool
		min, max float64
	}{
		{[]any{nan, nil, nan}, false, true, 0, 0},
		{[]any{nil, nil}, false, false, 0, 0},
		{[]any{3.5, nan, -1.0}, true, true, -1, 3.5},
		{[]any{0.0}, true, false, minus, 0},
		{[]any{minus, 5.0}, true, false, minus, 5},
		{[]any{-5.0, minus}, true, false, -5, 0},
		{[]any{inf}, true, false, inf, inf},
		{[]any{-inf, nan}, true, true, -inf, -inf},
		{[]any{inf, -inf}, true, false, -inf, inf},
	} {
		for _, rows := range []int{1, 100} { // each value on a page of its own, all on one
			_, info := writeFile(t, one(schema.Double), &Options{PageRows: rows}, [][]any{c.in}, 10, nil)
			l := info.Leaves[0]
			require.Equal(t, c.ok, l.HasMinMax, "%v", c.in)
			require.Equal(t, c.nan, l.HasNaN, "%v", c.in)
			if c.ok {
				require.Equal(t, math.Float64bits(c.min), math.Float64bits(l.Min.Float64()), "min of %v", c.in)
				require.Equal(t, math.Float64bits(c.max), math.Float64bits(l.Max.Float64()), "max of %v", c.in)
			}
		}
	}
}

// TestNaNsNeverGetIntoTheFile: readers would prune by them.
func TestNaNsNeverGetIntoTheFile(t *testing.T) {
	t.Parallel()
	nan := math.NaN()
	file, _ := writeFile(t, one(schema.Double), &Options{PageRows: 2}, [][]any{{nan, nan, 1.0, nan}}, 10, nil)
	f, _ := readFile(t, file)
	m := f.Metadata().RowGroups[0].Columns[0]
	require.Equal(t, 1.0, math.Float64frombits(binary.LittleEndian.Uint64(m.MetaData.Statistics.MinValue)))
	require.Zero(t, m.ColumnIndexOffset, "a page of NaNs alone has no bounds, so the chunk has no column index")
	require.NotZero(t, m.OffsetIndexOffset)

	file, _ = writeFile(t, one(schema.Double), &Options{PageRows: 2}, [][]any{{nan, 2.0, 1.0, nan}}, 10, nil)
	f, _ = readFile(t, file)
	x := f.ColumnIndexes()[0]
	require.Equal(t, 2.0, math.Float64frombits(binary.LittleEndian.Uint64(x.MinValues[0])))
	require.Equal(t, 1.0, math.Float64frombits(binary.LittleEndian.Uint64(x.MaxValues[1])))
}

func TestLongStringsAreCutInBounds(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", 3000)
	longer := long + "z"
	file, _ := writeFile(t, one(schema.String), &Options{PageRows: 1}, [][]any{{long, longer, "z"}}, 10, nil)
	f, _ := readFile(t, file)
	x := f.ColumnIndexes()[0]
	for i, v := range []string{long, longer, "z"} {
		lo, hi := string(x.MinValues[i]), string(x.MaxValues[i])
		require.LessOrEqual(t, len(lo), maxIndexBound)
		require.True(t, lo <= v && v <= hi, "page %d", i)
		require.True(t, utf8.ValidString(lo) && utf8.ValidString(hi))
	}
	s := f.Metadata().RowGroups[0].Columns[0].MetaData.Statistics
	require.True(t, string(s.MinValue) <= "z" && string(s.MaxValue) >= longer)

	_, info := writeFile(t, one(schema.String), nil, [][]any{{"a", longer, long}}, 1, nil)
	l := info.Leaves[0]
	require.True(t, l.MaxCut, "the bound is a prefix, and says so")
	require.Equal(t, schema.StringValue(longer[:maxBound]), l.Max)

	_, info = writeFile(t, one(schema.String), nil, [][]any{{"a" + long}}, 1, nil)
	require.Equal(t, schema.StringValue("a"+long[:maxBound-2]), info.Leaves[0].Max, "cut between runes")
}

// TestOfEqualPrefixesTheCutOneIsLarger: the order of pages does not matter.
func TestOfEqualPrefixesTheCutOneIsLarger(t *testing.T) {
	t.Parallel()
	whole := strings.Repeat("x", maxBound)
	for _, values := range [][]any{{whole, whole + "y"}, {whole + "y", whole}} {
		file, info := writeFile(t, one(schema.String), &Options{PageRows: 1}, [][]any{values}, 1, nil)
		require.True(t, info.Leaves[0].MaxCut)
		f, _ := readFile(t, file)
		require.Greater(t, string(f.Metadata().RowGroups[0].Columns[0].MetaData.Statistics.MaxValue), whole+"y")
	}
	_, info := writeFile(t, one(schema.String), &Options{PageRows: 1}, [][]any{{whole, whole}}, 1, nil)
	require.False(t, info.Leaves[0].MaxCut)
}

// TestBoundsWithoutASuccessorAreLeftOut: nothing is larger than this.
func TestBoundsWithoutASuccessorAreLeftOut(t *testing.T) {
	t.Parallel()
	top := strings.Repeat("\xff", 5000)
	file, info := writeFile(t, one(schema.Binary), nil, [][]any{{"a", top}}, 10, nil)
	require.True(t, info.Leaves[0].MaxCut)
	f, _ := readFile(t, file)
	m := f.Metadata().RowGroups[0].Columns[0]
	require.Nil(t, m.MetaData.Statistics.MaxValue)
	require.Equal(t, []byte("a"), m.MetaData.Statistics.MinValue)
	require.Zero(t, m.ColumnIndexOffset)
}

func TestSuccessorIsAboveEverythingThatBeginsSo(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.Bool().Draw(t, "text")
		var v, tail []byte
		if text {
			v = []byte(rapid.StringOf(rapid.RuneFrom([]rune{'a', 'z', 0x7f, 'é', 0xD7FF, 0xE000, 0xFFFF, 0x10FFFF})).Draw(t, "v"))
			tail = []byte(rapid.String().Draw(t, "tail"))
		} else {
			v = rapid.SliceOf(rapid.SampledFrom([]byte{0, 1, 0xfe, 0xff})).Draw(t, "v")
			tail = rapid.SliceOf(rapid.Byte()).Draw(t, "tail")
		}
		limit := rapid.IntRange(1, 20).Draw(t, "limit")
		whole := append(bytes.Clone(v), tail...)
		lo := cutBytes(whole, limit, text)
		require.True(t, bytes.Compare(lo, whole) <= 0 && len(lo) <= limit)
		hi := successor(lo, text)
		if hi == nil {
			return
		}
		require.Positive(t, bytes.Compare(hi, whole))
		require.LessOrEqual(t, len(hi), len(lo)+1)
		if text {
			require.True(t, utf8.Valid(hi) && utf8.Valid(lo))
		}
	})
}

// TestBytesBoundsAgreeWithBytesCompare looks at values that differ late, are
// prefixes of one another, or lie at the end of the memory.
func TestBytesBoundsAgreeWithBytesCompare(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.SliceOfN(rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 0x7f, 0x80, 0xff}), 0, 12), 1, 20).Draw(t, "values")
		v, err := vec.OfBytes(in, nil)
		require.NoError(t, err)
		b := bytesBounds(&values{n: v.Len, offsets: v.Offsets, data: v.Data})
		lo, hi := in[0], in[0]
		for _, x := range in {
			if bytes.Compare(x, lo) < 0 {
				lo = x
			}
			if bytes.Compare(x, hi) > 0 {
				hi = x
			}
		}
		require.True(t, bytes.Equal(lo, b.min.bytes) && bytes.Equal(hi, b.max.bytes), "%x … %x", b.min.bytes, b.max.bytes)
	})
}

// TestPageIndexesTellTheTruth checks row ranges, null counts, bounds and order of
// every page against the page itself.
func TestPageIndexesTellTheTruth(t *testing.T) {
	t.Parallel()
	for seed := range uint64(40) {
		t.Run(fmt.Sprint("seed", seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 4))
			g := &gen{Rand: r, nulls: 0.4, few: []int{0, 5}[r.IntN(2)], long: 3}
			s := g.structType(2, 3)
			cols := g.rows(s, 400)
			file, _ := writeFile(t, s, &Options{PageRows: 1 + r.IntN(60), RowGroupRows: 200, DataPageV2: seed%2 == 0}, cols, 90, r)
			f, _ := readFile(t, file)
			for gi, group := range f.RowGroups() {
				for ci, chunk := range group.ColumnChunks() {
					k := gi*len(group.ColumnChunks()) + ci
					checkPages(t, chunk, f.OffsetIndexes()[k].PageLocations, f.ColumnIndexes()[k])
				}
			}
		})
	}
}

func checkPages(t *testing.T, chunk parquet.ColumnChunk, at []format.PageLocation, x format.ColumnIndex) {
	t.Helper()
	pages := chunk.Pages()
	defer pages.Close()
	row := int64(0)
	var last [2]parquet.Value
	for i := range at {
		require.Equal(t, row, at[i].FirstRowIndex)
		p, err := pages.ReadPage()
		require.NoError(t, err)
		values := make([]parquet.Value, p.NumValues())
		n, _ := p.Values().ReadValues(values)
		require.EqualValues(t, p.NumValues(), n)
		require.Zero(t, values[0].RepetitionLevel(), "a page begins with a row")
		var lo, hi parquet.Value
		nulls := int64(0)
		for _, v := range values {
			if v.RepetitionLevel() == 0 {
				row++
			}
			if v.IsNull() {
				nulls++
				continue
			}
			if lo.IsNull() || compareValues(chunk, v, lo) < 0 {
				lo = v.Clone()
			}
			if hi.IsNull() || compareValues(chunk, v, hi) > 0 {
				hi = v.Clone()
			}
		}
		require.Equal(t, nulls, x.NullCounts[i])
		require.Equal(t, lo.IsNull(), x.NullPages[i])
		if !lo.IsNull() {
			kind := chunk.Type().Kind()
			require.Zero(t, compareValues(chunk, lo, kind.Value(x.MinValues[i])), "min of page %d", i)
			require.Zero(t, compareValues(chunk, hi, kind.Value(x.MaxValues[i])), "max of page %d", i)
			if !last[0].IsNull() {
				for b, v := range []parquet.Value{lo, hi} {
					c := compareValues(chunk, last[b], v)
					require.False(t, c > 0 && int(x.BoundaryOrder) == 1 || c < 0 && int(x.BoundaryOrder) == 2, "order")
				}
			}
			last = [2]parquet.Value{lo, hi}
		}
		parquet.Release(p)
	}
}

// compareValues orders values; decimals of bytes as signed, which parquet-go
// v0.32.0 does not.
func compareValues(chunk parquet.ColumnChunk, a, b parquet.Value) int {
	if chunk.Type().Kind() == parquet.FixedLenByteArray {
		c := &column{kind: vec.Decimal128}
		return c.compare(decimalBound(a.ByteArray()), decimalBound(b.ByteArray()))
	}
	return chunk.Type().Compare(a, b)
}
