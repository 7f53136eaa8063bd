package pqread

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"math"
	"math/rand"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// compareAt compares value i of a with value j of b.
func compareAt(a *vec.Vec, i int, b *vec.Vec, j int) int {
	switch a.Kind {
	case vec.Bool:
		x, y := a.Bool(i), b.Bool(j)
		switch {
		case x == y:
			return 0
		case y:
			return -1
		}
		return 1
	case vec.Int32:
		return cmp.Compare(vec.Values[int32](a)[i], vec.Values[int32](b)[j])
	case vec.Int64:
		return cmp.Compare(vec.Values[int64](a)[i], vec.Values[int64](b)[j])
	case vec.Float32:
		return cmp.Compare(vec.Values[float32](a)[i], vec.Values[float32](b)[j])
	case vec.Float64:
		return cmp.Compare(vec.Values[float64](a)[i], vec.Values[float64](b)[j])
	case vec.Bytes:
		return bytes.Compare(a.At(i), b.At(j))
	}
	panic("kind")
}

// checkBounds reads the rows of every entry and holds the bounds to them.
func checkBounds(t *testing.T, p *Projection, column int, b *Bounds, group int) (known int) {
	t.Helper()
	for i, rows := range b.Rows {
		o := &ScanOptions{Select: func(g int) (Selection, error) {
			switch {
			case group >= 0 && g == group:
				return Selection{rows}, nil
			case group < 0 && p.file.RowGroup(g).FirstRow == rows.Start:
				return nil, nil
			}
			return Selection{}, nil
		}}
		nulls := int64(0)
		for batch, err := range p.Batches(context.Background(), o) {
			require.NoError(t, err)
			v := batch.Columns[column]
			for k := range v.Len {
				if v.IsNull(k) {
					nulls++
					continue
				}
				if !b.Min.IsNull(i) {
					known++
					require.LessOrEqual(t, compareAt(b.Min, i, v, k), 0, "entry %d", i)
				}
				if !b.Max.IsNull(i) {
					require.GreaterOrEqual(t, compareAt(b.Max, i, v, k), 0, "entry %d of %s: max %s, value %s", i, p.want.Fields[column].Name, renderScalar(b.Max, p.want.Fields[column].Type, i), renderScalar(v, p.want.Fields[column].Type, k))
				}
			}
		}
		require.Equal(t, nulls, b.Nulls[i], "entry %d", i)
	}
	return known
}

func TestBoundsHoldForGroupsAndPages(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewSource(31))
	var cols []*shape
	for _, l := range everyLeaf() {
		if l.typ.Kind() != parquet.Int96 {
			cols = append(cols, l, opt(l))
		}
	}
	s := makeSample(t, r, cols, sampleOptions{rows: 300, version: 1, page: 400, group: 120, nulls: 0.4})
	f, err := Open(context.Background(), &memory{b: s.data}, nil)
	require.NoError(t, err)
	want, err := f.Schema()
	require.NoError(t, err)
	p, err := f.Project(want, ByName)
	require.NoError(t, err)
	for i, field := range want.Fields {
		b := p.GroupBounds(field.Name)
		require.Len(t, b.Rows, 3)
		require.Positive(t, checkBounds(t, p, i, b, -1), field.Name)
		pages, err := p.PageBounds(context.Background(), 1, []string{field.Name})
		require.NoError(t, err)
		require.Positive(t, checkBounds(t, p, i, pages[0], 1), field.Name)
	}
}

func TestBoundsAreOfTheWantedType(t *testing.T) {
	t.Parallel()
	c := crafted{typ: format.Int32, logical: decimalOf(5, 2), rows: 2, pages: []page{dataPage(2, format.Plain, plainInt32(-150, 999))}}
	c.edit = func(m *format.FileMetaData) {
		m.RowGroups[0].Columns[0].MetaData.Statistics = format.Statistics{MinValue: plainInt32(-150), MaxValue: plainInt32(999)}
	}
	b := groupBounds(t, c, dec(10, 4))
	require.Equal(t, []string{"c=-1.5000"}, renderBatch(&Batch{Rows: 1, Columns: []*vec.Vec{b.Min}}, oneField(dec(10, 4))))
	require.Equal(t, []string{"c=9.9900"}, renderBatch(&Batch{Rows: 1, Columns: []*vec.Vec{b.Max}}, oneField(dec(10, 4))))
	require.Equal(t, []int64{0}, b.Nulls)
	require.Equal(t, []Range{{0, 2}}, b.Rows)
}

func oneField(t schema.DataType) *schema.Struct {
	return &schema.Struct{Fields: []schema.Field{{Name: "c", Type: t}}}
}

func groupBounds(t *testing.T, c crafted, want schema.DataType) *Bounds {
	f, err := Open(context.Background(), &memory{b: c.build(t)}, nil)
	require.NoError(t, err)
	p, err := f.Project(oneField(want), ByName)
	require.NoError(t, err)
	return p.GroupBounds("c")
}

func le64(f float64) []byte { return binary.LittleEndian.AppendUint64(nil, math.Float64bits(f)) }

// Bounds that some writer gets wrong, or whose order is not known, are not
// given: using them would lose rows.
func TestBoundsThatCannotBeTrustedAreNotGiven(t *testing.T) {
	t.Parallel()
	typeOrder := []format.ColumnOrder{{Value: &format.TypeDefinedOrder{}}}
	two := func(lo, hi []byte) format.Statistics {
		return format.Statistics{MinValue: lo, MaxValue: hi, NullCount: 1}
	}
	old := func(lo, hi []byte) format.Statistics { return format.Statistics{Min: lo, Max: hi} }
	day := int96(0, julianEpoch)
	for name, c := range map[string]struct {
		typ     format.Type
		logical format.LogicalType
		length  int32
		stats   format.Statistics
		order   []format.ColumnOrder
		creator string
		want    schema.DataType
		given   bool
	}{
		"numbers":                          {typ: format.Int64, stats: two(plainInt64(1), plainInt64(2)), want: schema.Long, given: true},
		"numbers, deprecated":              {typ: format.Int64, stats: old(plainInt64(1), plainInt64(2)), want: schema.Long, given: true},
		"numbers of another size":          {typ: format.Int64, stats: two(plainInt32(1), plainInt32(2)), want: schema.Long},
		"strings":                          {typ: format.ByteArray, stats: two([]byte("a"), []byte("b")), order: typeOrder, want: schema.String, given: true},
		"strings of no order":              {typ: format.ByteArray, stats: two([]byte("a"), []byte("b")), want: schema.String},
		"strings, deprecated":              {typ: format.ByteArray, stats: old([]byte("a"), []byte("b")), order: typeOrder, want: schema.String},
		"unsigned numbers, deprecated":     {typ: format.Int32, logical: logical(&format.IntType{BitWidth: 32}), stats: old(plainInt32(1), plainInt32(2)), order: typeOrder, want: schema.Long},
		"unsigned numbers":                 {typ: format.Int32, logical: logical(&format.IntType{BitWidth: 32}), stats: two(plainInt32(1), plainInt32(2)), order: typeOrder, want: schema.Long, given: true},
		"decimals in bytes":                {typ: format.FixedLenByteArray, length: 2, logical: decimalOf(4, 2), stats: two([]byte{255, 0}, []byte{0, 1}), order: typeOrder, want: dec(4, 2), given: true},
		"decimals in bytes, by parquet-go": {typ: format.FixedLenByteArray, length: 2, logical: decimalOf(4, 2), stats: two([]byte{255, 0}, []byte{0, 1}), order: typeOrder, creator: "github.com/parquet-go/parquet-go version 0.32.0", want: dec(4, 2)},
		"INT96":                            {typ: format.Int96, stats: two(day, day), order: typeOrder, want: schema.Timestamp},
		"a maximum that has no next":       {typ: format.ByteArray, stats: two(nil, []byte{255, 255}), order: typeOrder, want: schema.String},
		"NaN":                              {typ: format.Double, stats: two(le64(1), le64(math.NaN())), order: typeOrder, want: schema.Double},
	} {
		file := crafted{typ: c.typ, rep: format.Optional, logical: c.logical, length: c.length, rows: 2}
		file.edit = func(m *format.FileMetaData) {
			m.RowGroups[0].Columns[0].MetaData.Statistics = c.stats
			m.ColumnOrders = c.order
			m.CreatedBy = c.creator
		}
		b := groupBounds(t, file, c.want)
		require.Equal(t, c.given, !b.Min.IsNull(0), name)
		require.Equal(t, c.given, !b.Max.IsNull(0), name)
	}
}

// 0 and -0 are equal in every predicate, but writers may give either as bound.
func TestZeroBoundsIncludeBothZeros(t *testing.T) {
	t.Parallel()
	c := crafted{typ: format.Double, rows: 1}
	c.edit = func(m *format.FileMetaData) {
		m.RowGroups[0].Columns[0].MetaData.Statistics = format.Statistics{MinValue: le64(0), MaxValue: le64(math.Copysign(0, -1))}
	}
	b := groupBounds(t, c, schema.Double)
	require.True(t, math.Signbit(vec.Values[float64](b.Min)[0]))
	require.False(t, math.Signbit(vec.Values[float64](b.Max)[0]))
}

func TestBoundsAreFoundByPath(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewSource(32))
	num := leafShape(parquet.Int64Type, nil, someInt64)
	cols := []*shape{opt(structOf(opt(num), opt(structOf(num)))), opt(listOf(num))}
	s := makeSample(t, r, cols, sampleOptions{rows: 50, version: 1, page: 400, group: 120, nulls: 0.4})
	f, err := Open(context.Background(), &memory{b: s.data}, nil)
	require.NoError(t, err)
	want, err := f.Schema()
	require.NoError(t, err)
	want.Fields = append(want.Fields, schema.Field{Name: "missing", Type: schema.Date})
	p, err := f.Project(want, ByName)
	require.NoError(t, err)
	require.False(t, p.GroupBounds("f0000", "f0000").Min.IsNull(0))
	require.False(t, p.GroupBounds("f0000", "f0001", "f0000").Min.IsNull(0))
	require.Equal(t, []int64{50}, p.GroupBounds("missing").Nulls)
	require.Equal(t, []int64{50}, p.GroupBounds("missing", "anything").Nulls)
	for _, path := range [][]string{{}, {"f0000"}, {"f0001"}, {"f0001", "element"}, {"nowhere"}, {"f0000", "nowhere"}, {"f0000", "f0000", "x"}} {
		require.Nil(t, p.GroupBounds(path...), "%v", path)
		pages, err := p.PageBounds(context.Background(), 0, path)
		require.NoError(t, err)
		require.Nil(t, pages[0], "%v", path)
	}
	pages, err := p.PageBounds(context.Background(), 0, []string{"missing"})
	require.NoError(t, err)
	require.Equal(t, []int64{50}, pages[0].Nulls)
}

func TestDamagedIndexesAreErrors(t *testing.T) {
	t.Parallel()
	k := &chunkMeta{dataOffset: 4, size: 100}
	location := func(off, size, row int64) format.PageLocation {
		return format.PageLocation{Offset: off, CompressedPageSize: int32(size), FirstRowIndex: row}
	}
	for want, pages := range map[string][]format.PageLocation{
		"no pages":                       nil,
		"page 0 of 200 bytes at 4 is no": {location(4, 200, 0)},
		"page 0 of 10 bytes at 3 is not": {location(3, 10, 0)},
		"page 1 of 10 bytes at 10 is no": {location(4, 10, 0), location(10, 10, 5)},
		"page 0 begins with row 1":       {location(4, 10, 1)},
		"page 2 begins with row 4":       {location(4, 10, 0), location(14, 10, 5), location(24, 10, 4)},
		"page 1 begins with row 21":      {location(4, 10, 0), location(14, 10, 21)},
	} {
		_, err := parseOffsetIndex(marshal(t, &format.OffsetIndex{PageLocations: pages}), k, 20)
		require.ErrorContains(t, err, want)
	}
	_, err := parseOffsetIndex([]byte{0x19}, k, 20)
	require.ErrorIs(t, err, errShort)
}

// An offset index that is well-formed but wrong would give rows for others.
func TestAnOffsetIndexThatLiesIsFoundOut(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewSource(33))
	s := makeSample(t, r, []*shape{opt(leafShape(parquet.Int64Type, &parquet.Plain, someInt64))}, sampleOptions{rows: 400, version: 1, page: 400, group: 400, nulls: 0.1})
	f, err := Open(context.Background(), &memory{b: s.data}, nil)
	require.NoError(t, err)
	p := project(t, f, "f0000")
	spans, err := p.offsetIndexes(context.Background(), 0)
	require.NoError(t, err)
	require.Greater(t, len(spans[0]), 3)
	var index format.OffsetIndex
	for _, s := range spans[0] {
		index.PageLocations = append(index.PageLocations, format.PageLocation{Offset: s.off, CompressedPageSize: int32(s.size), FirstRowIndex: s.first})
	}
	index.PageLocations[2].FirstRowIndex++
	raw := marshal(t, &index)
	at := f.meta.groups[0].chunks[0].offsetIdx
	require.EqualValues(t, at.n, len(raw))
	data := bytes.Clone(s.data)
	copy(data[at.off:], raw)
	f, err = Open(context.Background(), &memory{b: data}, nil)
	require.NoError(t, err)
	row := spans[0][2].first + 3
	o := &ScanOptions{Select: func(int) (Selection, error) { return Selection{{row, row + 1}}, nil }}
	for _, err := range project(t, f, "f0000").Batches(context.Background(), o) {
		require.ErrorContains(t, err, "of which the offset index states")
	}
}
