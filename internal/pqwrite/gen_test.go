package pqwrite

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/internal/vec/vectest"
	"github.com/deltalog/deltalog/txlog/schema"
)

// leafTypes are all types that are one column of a file.
var leafTypes = []schema.DataType{
	schema.Boolean, schema.Byte, schema.Short, schema.Integer, schema.Long, schema.Float, schema.Double,
	schema.String, schema.Binary, schema.Date, schema.Timestamp, schema.TimestampNTZ,
	schema.Decimal{Precision: 7, Scale: 2},
	schema.Decimal{Precision: 18, Scale: 0},
	schema.Decimal{Precision: 20, Scale: 3},
	schema.Decimal{Precision: 38, Scale: 10},
}

// shape returns the layout of a type's Vecs.
func shape(t schema.DataType) vectest.Shape {
	switch t := t.(type) {
	case *schema.Struct:
		s := vectest.Shape{Kind: vec.Struct}
		for _, f := range t.Fields {
			s.Children = append(s.Children, shape(f.Type))
		}
		return s
	case *schema.Array:
		return vectest.Shape{Kind: vec.List, Children: []vectest.Shape{shape(t.Element)}}
	case *schema.Map:
		return vectest.Shape{Kind: vec.Map, Children: []vectest.Shape{shape(t.Key), shape(t.Value)}}
	}
	switch t.Kind() {
	case schema.KindBoolean:
		return vectest.Shape{Kind: vec.Bool}
	case schema.KindByte:
		return vectest.Shape{Kind: vec.Int8}
	case schema.KindShort:
		return vectest.Shape{Kind: vec.Int16}
	case schema.KindInteger, schema.KindDate:
		return vectest.Shape{Kind: vec.Int32}
	case schema.KindLong, schema.KindTimestamp, schema.KindTimestampNTZ:
		return vectest.Shape{Kind: vec.Int64}
	case schema.KindFloat:
		return vectest.Shape{Kind: vec.Float32}
	case schema.KindDouble:
		return vectest.Shape{Kind: vec.Float64}
	case schema.KindDecimal:
		return vectest.Shape{Kind: vec.Decimal128}
	case schema.KindString, schema.KindBinary:
		return vectest.Shape{Kind: vec.Bytes}
	case schema.KindVariant:
		b := vectest.Shape{Kind: vec.Bytes}
		return vectest.Shape{Kind: vec.Struct, Children: []vectest.Shape{b, b}}
	}
	return vectest.Shape{Kind: vec.Null}
}

// dec returns a decimal's unscaled value in a Vec's layout.
func dec(v int64) (d [16]byte) {
	binary.LittleEndian.PutUint64(d[:], uint64(v))
	binary.LittleEndian.PutUint64(d[8:], uint64(v>>63))
	return d
}

// A gen makes values of which some repeat, so that dictionaries come and go.
type gen struct {
	*rand.Rand
	nulls float64 // of nullable values
	few   int     // distinct values; 0: no limit
	long  int     // largest list and longest string
}

func (g *gen) values(t schema.DataType, n int, nullable bool) []any {
	out := make([]any, n)
	for i := range out {
		if nullable && g.Float64() < g.nulls {
			continue
		}
		out[i] = g.value(t)
	}
	return out
}

func (g *gen) value(t schema.DataType) any {
	switch t := t.(type) {
	case *schema.Struct:
		var fields []any
		for _, f := range t.Fields {
			fields = append(fields, g.values(f.Type, 1, f.Nullable)[0])
		}
		return fields
	case *schema.Array:
		return g.values(t.Element, g.IntN(g.long+1), t.ContainsNull)
	case *schema.Map:
		entries := [][2]any{}
		for range g.IntN(g.long + 1) {
			entries = append(entries, [2]any{g.value(t.Key), g.values(t.Value, 1, t.ValueContainsNull)[0]})
		}
		return entries
	case schema.Decimal:
		// At the edges of the precision every now and then.
		hi, lo := pow10(t.Precision)
		if g.few == 0 && g.IntN(4) == 0 {
			if lo--; lo == math.MaxUint64 {
				hi--
			}
			if g.IntN(2) == 0 {
				lo, hi = -lo, ^hi
			}
			var d [16]byte
			binary.LittleEndian.PutUint64(d[:], lo)
			binary.LittleEndian.PutUint64(d[8:], hi)
			return d
		}
		return dec(g.number(1e6) - 5e5)
	case schema.Primitive:
	}
	n := g.number(1 << 40)
	switch t.Kind() {
	case schema.KindBoolean:
		return n&1 == 1
	case schema.KindByte:
		return int8(n)
	case schema.KindShort:
		return int16(n)
	case schema.KindInteger, schema.KindDate:
		return int32(n)
	case schema.KindFloat:
		return float32(g.float(n))
	case schema.KindDouble:
		return g.float(n)
	case schema.KindString:
		return strings.Repeat(fmt.Sprint(n%97, "é"), int(n%int64(g.long+1)))
	case schema.KindBinary:
		return strings.Repeat(string([]byte{byte(n), 0xff}), int(n%int64(g.long+1)))
	case schema.KindVariant:
		return []any{"meta", fmt.Sprint(n)}
	}
	return n - 1<<39
}

func (g *gen) number(limit int64) int64 {
	if g.few > 0 {
		return g.Int64N(int64(g.few)) * 7919
	}
	return g.Int64N(limit)
}

func (g *gen) float(n int64) float64 {
	switch n % 13 {
	case 0:
		return math.Copysign(0, -1)
	case 1:
		return 0
	}
	return float64(n) / 8
}

// dataType returns a random type, nested at most depth deep.
func (g *gen) dataType(depth int) schema.DataType {
	k := g.IntN(len(leafTypes) + 6)
	if depth == 0 || k < len(leafTypes) {
		return leafTypes[k%len(leafTypes)]
	}
	switch k % 3 {
	case 0:
		return g.structType(depth-1, 1+g.IntN(3))
	case 1:
		return &schema.Array{Element: g.dataType(depth - 1), ContainsNull: g.IntN(3) > 0}
	}
	return &schema.Map{Key: g.dataType(0), Value: g.dataType(depth - 1), ValueContainsNull: g.IntN(3) > 0}
}

func (g *gen) structType(depth, fields int) *schema.Struct {
	s := &schema.Struct{}
	for i := range fields {
		s.Fields = append(s.Fields, schema.Field{
			Name: fmt.Sprintf("c%d", i), Type: g.dataType(depth), Nullable: g.IntN(4) > 0,
		})
	}
	return s
}

// rows returns n values of each field of s.
func (g *gen) rows(s *schema.Struct, n int) [][]any {
	var cols [][]any
	for _, f := range s.Fields {
		cols = append(cols, g.values(f.Type, n, f.Nullable))
	}
	return cols
}
