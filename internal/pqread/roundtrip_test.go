package pqread

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/internal/pqwrite"
	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/internal/vec/vectest"
	"github.com/deltalog/deltalog/txlog/schema"
)

func randomType(r *rand.Rand, depth int) schema.DataType {
	leaves := []schema.DataType{
		schema.Boolean, schema.Byte, schema.Short, schema.Integer, schema.Long, schema.Float, schema.Double,
		schema.String, schema.Binary, schema.Date, schema.Timestamp, schema.TimestampNTZ, schema.Variant,
		schema.Decimal{Precision: 9, Scale: 2},
		schema.Decimal{Precision: 18},
		schema.Decimal{Precision: 38, Scale: 10},
	}
	kind := r.IntN(7)
	if depth == 0 || kind < 3 {
		return leaves[r.IntN(len(leaves))]
	}
	switch kind {
	case 3, 4:
		s := &schema.Struct{}
		for i := range 1 + r.IntN(3) {
			s.Fields = append(s.Fields, schema.Field{Name: fmt.Sprint("f", i), Type: randomType(r, depth-1), Nullable: true})
		}
		return s
	case 5:
		return &schema.Array{Element: randomType(r, depth-1), ContainsNull: true}
	}
	return &schema.Map{Key: schema.String, Value: randomType(r, depth-1), ValueContainsNull: true}
}

func shapeOf(t schema.DataType) vectest.Shape {
	switch t := t.(type) {
	case *schema.Struct:
		s := vectest.Shape{Kind: vec.Struct}
		for _, f := range t.Fields {
			s.Children = append(s.Children, shapeOf(f.Type))
		}
		return s
	case *schema.Array:
		return vectest.Shape{Kind: vec.List, Children: []vectest.Shape{shapeOf(t.Element)}}
	case *schema.Map:
		return vectest.Shape{Kind: vec.Map, Children: []vectest.Shape{shapeOf(t.Key), shapeOf(t.Value)}}
	}
	if t == schema.Variant {
		return vectest.Shape{Kind: vec.Struct, Children: []vectest.Shape{{Kind: vec.Bytes}, {Kind: vec.Bytes}}}
	}
	return vectest.Shape{Kind: kindOf[t.Kind()].kind}
}

// fit makes random values ones that the writer accepts: decimals of few digits,
// variants with both parts.
func fit(v any, t schema.DataType) any {
	if v == nil {
		return nil
	}
	switch t := t.(type) {
	case *schema.Struct:
		for i, f := range t.Fields {
			v.([]any)[i] = fit(v.([]any)[i], f.Type)
		}
	case *schema.Array:
		for i, e := range v.([]any) {
			v.([]any)[i] = fit(e, t.Element)
		}
	case *schema.Map:
		for i, e := range v.([][2]any) {
			v.([][2]any)[i] = [2]any{e[0], fit(e[1], t.Value)}
		}
	case schema.Decimal:
		d := v.([16]byte)
		return schema.Decimal128FromInt64(int64(int16(binary.LittleEndian.Uint16(d[:])))).LittleEndian()
	}
	if t == schema.Variant {
		for i, part := range v.([]any) {
			if part == nil {
				v.([]any)[i] = ""
			}
		}
	}
	return v
}

// What pqwrite writes, in all its ways, is read back.
func TestWrittenFilesAreReadBack(t *testing.T) {
	t.Parallel()
	for seed := range uint64(30) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 1))
			const rows = 700
			s := &schema.Struct{}
			var columns []*vec.Vec
			var values [][]any
			for i := range 4 {
				ty := randomType(r, 3)
				s.Fields = append(s.Fields, schema.Field{Name: fmt.Sprint("c", i), Type: ty, Nullable: true})
				v := vectest.Random(r, shapeOf(ty), rows, true)
				for k := range v {
					v[k] = fit(v[k], ty)
				}
				values = append(values, v)
				columns = append(columns, vectest.New(shapeOf(ty), v...))
			}
			o := &pqwrite.Options{
				Codec: []string{"snappy", "zstd", "gzip", "lz4_raw", "none"}[r.IntN(5)], Compat: r.IntN(2) == 0,
				DataPageV2: r.IntN(2) == 0, PageRows: 1 + r.IntN(200), RowGroupRows: 100 + r.IntN(500),
			}
			var out bytes.Buffer
			w, err := pqwrite.NewWriter(&out, s, o)
			require.NoError(t, err)
			require.NoError(t, w.Write(context.Background(), columns, rows))
			_, err = w.Close(context.Background())
			require.NoError(t, err)
			checkValues(t, r, out.Bytes(), s, values)
			if seed < 3 {
				checkFlips(t, r, out.Bytes(), s, values)
			}
		})
	}
}

func checkValues(t *testing.T, r *rand.Rand, data []byte, s *schema.Struct, values [][]any) {
	t.Helper()
	f, err := Open(context.Background(), &memory{b: data}, nil)
	require.NoError(t, err)
	p, err := f.Project(s, ByName)
	require.NoError(t, err)
	sels := make([]Selection, f.NumRowGroups())
	for g := range sels {
		rows := f.RowGroup(g).Rows
		for at := r.Int64N(40); at < rows; at += 1 + r.Int64N(90) {
			end := min(at+1+r.Int64N(60), rows)
			sels[g] = append(sels[g], Range{at, end})
			at = end
		}
	}
	for _, o := range []*ScanOptions{nil, {BatchRows: 1 + r.IntN(100), Select: func(g int) (Selection, error) { return sels[g], nil }}} {
		for b, err := range p.Batches(context.Background(), o) {
			require.NoError(t, err)
			for c, v := range b.Columns {
				require.NoError(t, vec.Check(v), "column %d", c)
				var want []any
				for _, pos := range b.Positions {
					want = append(want, values[c][pos.Start:pos.End]...)
				}
				require.Equal(t, want, vectest.Values(v), "column %d of %v", c, b.Positions)
			}
		}
	}
}

// Every page has a checksum: with any byte of the column chunks changed, a file
// is an error or reads as before (some bits of a page header mean nothing).
func checkFlips(t *testing.T, r *rand.Rand, data []byte, s *schema.Struct, values [][]any) {
	t.Helper()
	f, err := Open(context.Background(), &memory{b: data}, nil)
	require.NoError(t, err)
	errs := 0
	for range 200 {
		g := f.meta.groups[r.IntN(len(f.meta.groups))]
		k := g.chunks[r.IntN(len(g.chunks))]
		at := k.start() + r.Int64N(k.size)
		changed := bytes.Clone(data)
		changed[at] ^= 1 << r.IntN(8)
		f, err := Open(context.Background(), &memory{b: changed}, &Options{Parallel: 1})
		require.NoError(t, err)
		p, err := f.Project(s, ByName)
		require.NoError(t, err)
		for b, err := range p.Batches(context.Background(), nil) {
			if err != nil {
				errs++
				break
			}
			for c, v := range b.Columns {
				first := b.Positions[0].Start
				require.Equal(t, values[c][first:first+int64(b.Rows)], vectest.Values(v), "byte %d changed", at)
			}
		}
	}
	require.Greater(t, errs, 150)
}
