package arrowvec

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/decimal256"
	"github.com/apache/arrow-go/v18/arrow/float16"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/internal/vec/vectest"
	"github.com/deltalog/deltalog/txlog/schema"
)

// typeOf returns an Arrow type of the shape's layout.
func typeOf(s vectest.Shape) arrow.DataType {
	switch s.Kind {
	case vec.Null:
		return arrow.Null
	case vec.Bool:
		return arrow.FixedWidthTypes.Boolean
	case vec.Int8:
		return arrow.PrimitiveTypes.Int8
	case vec.Int16:
		return arrow.PrimitiveTypes.Int16
	case vec.Int32:
		return arrow.FixedWidthTypes.Date32
	case vec.Int64:
		return arrow.FixedWidthTypes.Timestamp_us
	case vec.Float32:
		return arrow.PrimitiveTypes.Float32
	case vec.Float64:
		return arrow.PrimitiveTypes.Float64
	case vec.Decimal128:
		return &arrow.Decimal128Type{Precision: 38}
	case vec.Bytes:
		return arrow.BinaryTypes.String
	case vec.List:
		return arrow.ListOf(typeOf(s.Children[0]))
	case vec.Map:
		return arrow.MapOf(typeOf(s.Children[0]), typeOf(s.Children[1]))
	}
	var fields []arrow.Field
	for i, c := range s.Children {
		fields = append(fields, arrow.Field{Name: fmt.Sprint("f", i), Type: typeOf(c), Nullable: true})
	}
	return arrow.StructOf(fields...)
}

// typedKeys gives maps without a key type one.
func typedKeys(s vectest.Shape) vectest.Shape {
	for i, c := range s.Children {
		if s.Children[i] = typedKeys(c); s.Kind == vec.Map && i == 0 && c.Kind == vec.Null {
			s.Children[i].Kind = vec.Int32
		}
	}
	return s
}

func TestNullKeysAreAnErrorOnlyWhereAMapReaches(t *testing.T) {
	t.Parallel()
	keys := vec.Of(vec.Int32, []int32{1, 2, 3}, []bool{true, false, true})
	typ := arrow.MapOf(arrow.PrimitiveTypes.Int32, arrow.PrimitiveTypes.Int32)
	v := vec.OfLists(vec.Map, []int32{0, 1, 2, 3}, []bool{true, false, true}, keys, keys)
	a, err := ToArray(v, typ)
	require.NoError(t, err)
	require.Equal(t, 1, a.NullN())
	v.Valid = nil
	_, err = ToArray(v, typ)
	require.ErrorContains(t, err, "value 1 is a map with a null key")
}

// TestVecsThroughArrowAndBack also has arrow-go look at the arrays: it prints
// them, and slices them before the way back.
func TestVecsThroughArrowAndBack(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		t.Run(fmt.Sprint("seed", seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 2))
			s := typedKeys(vectest.RandomShape(r, 3))
			values := vectest.Random(r, s, r.IntN(50), true)
			v := vectest.Window(r, s, values...)
			a, err := ToArray(v, typeOf(s))
			require.NoError(t, err)
			require.Equal(t, v.Len, a.Len())
			for i := range values {
				require.Equal(t, values[i] == nil, a.IsNull(i) || s.Kind == vec.Null)
			}
			_ = a.String()

			back, err := FromArray(a)
			require.NoError(t, err)
			requireSame(t, values, back)

			from := r.IntN(len(values) + 1)
			to := from + r.IntN(len(values)-from+1)
			part, err := FromArray(array.NewSlice(a, int64(from), int64(to)))
			require.NoError(t, err)
			requireSame(t, values[from:to], part)
		})
	}
}

func requireSame(t *testing.T, want []any, v *vec.Vec) {
	t.Helper()
	require.Len(t, want, v.Len)
	for i, w := range want {
		require.Equal(t, w, vectest.Value(v, i), "value %d", i)
	}
}

func TestMemoryIsShared(t *testing.T) {
	t.Parallel()
	b := array.NewInt64Builder(memory.DefaultAllocator)
	b.AppendValues([]int64{1, 2, 3}, nil)
	a := b.NewInt64Array()
	v, err := FromArray(a)
	require.NoError(t, err)
	require.Same(t, &a.Int64Values()[0], &vec.Values[int64](v)[0])
	back, err := ToArray(v, arrow.PrimitiveTypes.Int64)
	if err == nil {
		require.Same(t, &a.Int64Values()[0], &back.(*array.Int64).Int64Values()[0])
	}
	require.NoError(t, err)
}

// fill appends values to a builder of type typ; nil is null.
func fill(t *testing.T, typ arrow.DataType, values ...any) arrow.Array {
	t.Helper()
	b := array.NewBuilder(memory.DefaultAllocator, typ)
	for _, v := range values {
		if v == nil {
			b.AppendNull()
			continue
		}
		switch b := b.(type) {
		case *array.Uint8Builder:
			b.Append(v.(uint8))
		case *array.Uint16Builder:
			b.Append(v.(uint16))
		case *array.Uint32Builder:
			b.Append(v.(uint32))
		case *array.Uint64Builder:
			b.Append(v.(uint64))
		case *array.Float16Builder:
			b.Append(v.(float16.Num))
		case *array.Date64Builder:
			b.Append(arrow.Date64(v.(int64)))
		case *array.TimestampBuilder:
			b.Append(arrow.Timestamp(v.(int64)))
		case *array.Decimal256Builder:
			b.Append(v.(decimal256.Num))
		default:
			require.NoError(t, b.AppendValueFromString(v.(string)))
		}
	}
	return b.NewArray()
}

func dec(v int64) (d [16]byte) {
	n := decimal128.FromI64(v)
	return decimal(n.HighBits(), n.LowBits())
}

func TestTypesThatDeltaHasNot(t *testing.T) {
	t.Parallel()
	half := float16.New
	for _, c := range []struct {
		typ  arrow.DataType
		in   []any
		want []any
	}{
		{arrow.PrimitiveTypes.Uint8, []any{uint8(255), nil, uint8(0)}, []any{int16(255), nil, int16(0)}},
		{arrow.PrimitiveTypes.Uint16, []any{uint16(65535), nil}, []any{int32(65535), nil}},
		{arrow.PrimitiveTypes.Uint32, []any{nil, uint32(math.MaxUint32)}, []any{nil, int64(math.MaxUint32)}},
		{arrow.PrimitiveTypes.Uint64, []any{uint64(math.MaxUint64), nil}, []any{decimal(0, math.MaxUint64), nil}},
		{
			arrow.FixedWidthTypes.Float16,
			[]any{half(1.5), half(-0.0009765625), nil, half(float32(math.Inf(-1))), float16.FromBits(1)},
			[]any{float32(1.5), float32(-0.0009765625), nil, float32(math.Inf(-1)), float32(5.9604645e-8)},
		},
		{arrow.FixedWidthTypes.Date64, []any{int64(86400000), int64(-86400000), nil}, []any{int32(1), int32(-1), nil}},
		{arrow.FixedWidthTypes.Timestamp_s, []any{int64(-5), nil}, []any{int64(-5_000_000), nil}},
		{arrow.FixedWidthTypes.Timestamp_ms, []any{int64(7)}, []any{int64(7000)}},
		{arrow.FixedWidthTypes.Timestamp_ns, []any{int64(-3000), nil}, []any{int64(-3), nil}},
		{&arrow.Decimal32Type{Precision: 9, Scale: 1}, []any{"-1.5", nil}, []any{dec(-15), nil}},
		{&arrow.Decimal64Type{Precision: 18, Scale: 1}, []any{"-1.5", nil}, []any{dec(-15), nil}},
		{&arrow.Decimal256Type{Precision: 38, Scale: 1}, []any{decimal256.FromI64(-15), nil}, []any{dec(-15), nil}},
		{arrow.BinaryTypes.LargeString, []any{"a", nil, "bcd"}, []any{"a", nil, "bcd"}},
		{arrow.BinaryTypes.StringView, []any{"a", nil, "longer than twelve bytes"}, []any{"a", nil, "longer than twelve bytes"}},
		{
			&arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Uint16, ValueType: arrow.BinaryTypes.String},
			[]any{"x", nil, "y", "x"},
			[]any{"x", nil, "y", "x"},
		},
		{arrow.ListOf(arrow.PrimitiveTypes.Uint8), []any{"[1,2]", nil, "[]"}, []any{[]any{int16(1), int16(2)}, nil, []any{}}},
		{arrow.LargeListOf(arrow.PrimitiveTypes.Int8), []any{"[1,null]", nil, "[]"}, []any{[]any{int8(1), nil}, nil, []any{}}},
		{arrow.FixedSizeListOf(2, arrow.PrimitiveTypes.Int8), []any{"[1,2]", "[3,null]"}, []any{[]any{int8(1), int8(2)}, []any{int8(3), nil}}},
		{&arrow.FixedSizeBinaryType{ByteWidth: 3}, []any{"YWJj", nil, "ZGVm"}, []any{"abc", nil, "def"}},
	} {
		t.Run(c.typ.String(), func(t *testing.T) {
			a := fill(t, c.typ, c.in...)
			v, err := FromArray(a)
			require.NoError(t, err)
			requireSame(t, c.want, v)
			for from := range c.in { // windows count from elsewhere
				v, err := FromArray(array.NewSlice(a, int64(from), int64(len(c.in))))
				require.NoError(t, err)
				requireSame(t, c.want[from:], v)
			}
			s, err := FromArrowSchema(arrow.NewSchema([]arrow.Field{{Name: "c", Type: c.typ}}, nil))
			require.NoError(t, err)
			back, err := ToArray(v, Type(s.Fields[0].Type)) // the layout is the one that the type promises
			require.NoError(t, err)
			require.Equal(t, a.Len(), back.Len())
		})
	}
}

func TestRunEndsAreDecoded(t *testing.T) {
	t.Parallel()
	ends := array.NewInt32Builder(memory.DefaultAllocator)
	ends.AppendValues([]int32{2, 3, 7}, nil)
	values := fill(t, arrow.BinaryTypes.String, "a", nil, "b")
	a := array.NewRunEndEncodedArray(ends.NewArray(), values, 7, 0)
	all := []any{"a", "a", nil, "b", "b", "b", "b"}
	for from := range all {
		v, err := FromArray(array.NewSlice(a, int64(from), 7))
		require.NoError(t, err)
		requireSame(t, all[from:], v)
	}
}

func TestLossIsAnError(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		typ   arrow.DataType
		value any
	}{
		{arrow.FixedWidthTypes.Timestamp_ns, int64(1500)},
		{arrow.FixedWidthTypes.Timestamp_s, int64(math.MaxInt64 / 1000)},
		{arrow.FixedWidthTypes.Timestamp_ms, int64(math.MinInt64)},
		{arrow.FixedWidthTypes.Date64, int64(1)},
		{arrow.FixedWidthTypes.Date64, int64(86400000 << 32)},
		{&arrow.Decimal256Type{Precision: 76}, decimal256.New(0, 1, 0, 0)},
		{&arrow.Decimal256Type{Precision: 76}, decimal256.New(0, 0, 1<<63, 0)},
		{arrow.FixedWidthTypes.Time64us, "01:02:03"},
	} {
		_, err := FromArray(fill(t, c.typ, nil, c.value))
		require.ErrorContains(t, err, "counterpart in a Delta table", "%s", c.typ)
	}
}

func TestForeignMemoryThatIsTooShortIsAnError(t *testing.T) {
	t.Parallel()
	short := memory.NewBufferBytes(make([]byte, 8))
	for _, typ := range []arrow.DataType{
		arrow.PrimitiveTypes.Int64, arrow.PrimitiveTypes.Uint32, arrow.FixedWidthTypes.Timestamp_s,
		&arrow.FixedSizeBinaryType{ByteWidth: 9}, &arrow.Decimal256Type{Precision: 40},
	} {
		d := array.NewData(typ, 50, []*memory.Buffer{nil, short}, nil, 0, 3)
		v, err := fromData(d, maxDepth)
		if err == nil {
			err = vec.Check(v)
		}
		require.Error(t, err, "%s", typ)
	}
	wide := memory.NewBufferBytes(vec.BytesOf([]int64{0, 5, 3, 1 << 40}))
	for n := 2; n < 5; n++ {
		for _, typ := range []arrow.DataType{arrow.BinaryTypes.LargeString, arrow.LargeListOf(arrow.Null)} {
			child := array.NewData(arrow.Null, 4, []*memory.Buffer{nil}, nil, 4, 0)
			d := array.NewData(typ, n, []*memory.Buffer{nil, wide, short}, []arrow.ArrayData{child}, 0, 0)
			_, err := fromData(d, maxDepth)
			require.Error(t, err, "%s of %d", typ, n)
		}
	}
}

func TestLayoutsThatDisagreeAreAnError(t *testing.T) {
	t.Parallel()
	ints := vec.Of(vec.Int32, []int32{1}, nil)
	for _, typ := range []arrow.DataType{
		arrow.PrimitiveTypes.Int64, arrow.BinaryTypes.String, arrow.FixedWidthTypes.Timestamp_ms,
		arrow.ListOf(arrow.PrimitiveTypes.Int32), arrow.StructOf(), arrow.PrimitiveTypes.Uint32,
	} {
		_, err := ToArray(ints, typ)
		require.Error(t, err, "%s", typ)
	}
	_, err := ToArray(vec.OfStruct(1, nil, ints), arrow.StructOf())
	require.Error(t, err)
	_, err = ToArray(vec.OfStruct(1, nil, ints), arrow.StructOf(arrow.Field{Name: "a", Type: arrow.PrimitiveTypes.Int8}))
	require.ErrorContains(t, err, "a: ")
}

func TestSchemasThroughArrowAndBack(t *testing.T) {
	t.Parallel()
	inner := &schema.Struct{Fields: []schema.Field{
		{Name: "d", Type: schema.Decimal{Precision: 20, Scale: 3}, Nullable: true}, {Name: "b", Type: schema.Binary},
	}}
	s := &schema.Struct{}
	for i, typ := range []schema.DataType{
		schema.Boolean, schema.Byte, schema.Short, schema.Integer, schema.Long, schema.Float, schema.Double, schema.String,
		schema.Binary, schema.Date, schema.Timestamp, schema.TimestampNTZ, schema.Void, inner,
		&schema.Array{Element: inner, ContainsNull: true}, &schema.Array{Element: schema.Long},
		&schema.Map{Key: schema.String, Value: inner}, &schema.Map{Key: schema.Long, Value: schema.Date, ValueContainsNull: true},
	} {
		s.Fields = append(s.Fields, schema.Field{Name: fmt.Sprint("c", i), Type: typ, Nullable: i%2 == 0})
	}
	back, err := FromArrowSchema(Schema(s))
	require.NoError(t, err)
	require.Equal(t, s, back)
}

func TestTypesWithoutACounterpartNameTheColumn(t *testing.T) {
	t.Parallel()
	deep := arrow.DataType(arrow.PrimitiveTypes.Int8)
	for range maxDepth + 1 {
		deep = arrow.ListOf(deep)
	}
	for _, typ := range []arrow.DataType{
		arrow.FixedWidthTypes.Time32s, arrow.FixedWidthTypes.Duration_us, arrow.FixedWidthTypes.MonthInterval,
		&arrow.Decimal256Type{Precision: 40}, &arrow.Decimal128Type{Precision: 10, Scale: -2}, deep,
	} {
		nested := arrow.StructOf(arrow.Field{Name: "inner", Type: typ})
		_, err := FromArrowSchema(arrow.NewSchema([]arrow.Field{{Name: "outer", Type: nested}}, nil))
		require.ErrorContains(t, err, "column outer.inner", "%s", typ)
	}
}
