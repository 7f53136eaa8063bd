package stats_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/deltalog/deltalog/internal/stats"
	"github.com/deltalog/deltalog/txlog/schema"
	"github.com/stretchr/testify/require"
)

// written is the JSON of one column's bounds.
func written(t *testing.T, typ schema.DataType, lo, hi schema.Value) string {
	t.Helper()
	l := stats.NewLayout([]stats.Leaf{leaf(typ, "a")})
	return string(l.Append(nil, &stats.File{NumRecords: -1, TightBounds: true, Columns: []stats.Column{{Min: lo, Max: hi, HasMin: true, HasMax: true, NullCount: -1}}}))
}

func both(lo, hi string) string {
	return `{"minValues":{"a":` + lo + `},"maxValues":{"a":` + hi + `}}`
}

func TestAppendWritesEveryType(t *testing.T) {
	t.Parallel()
	same := func(v schema.Value) [2]schema.Value { return [2]schema.Value{v, v} }
	big := "-" + strings.Repeat("9", 37) + ".5"
	for _, c := range []struct {
		t      schema.DataType
		v      [2]schema.Value
		lo, hi string
	}{
		{schema.Byte, same(schema.ByteValue(-128)), "-128", "-128"},
		{schema.Short, same(schema.ShortValue(7)), "7", "7"},
		{schema.Integer, same(schema.IntegerValue(math.MinInt32)), "-2147483648", "-2147483648"},
		{schema.Long, same(schema.LongValue(math.MaxInt64)), "9223372036854775807", "9223372036854775807"},
		{schema.Double, same(schema.DoubleValue(0.1)), "0.1", "0.1"},
		{schema.Double, same(schema.DoubleValue(1e300)), "1.0E300", "1.0E300"},
		// A reader that takes a float for a double sees all of it.
		{schema.Float, same(schema.FloatValue(0.1)), "0.10000000149011612", "0.10000000149011612"},
		{schema.Double, same(schema.DoubleValue(0)), "-0.0", "0.0"},
		{schema.Double, same(schema.DoubleValue(math.Copysign(0, -1))), "-0.0", "0.0"},
		{dec(10, 2), same(decimalValue(t, "12.50")), "12.50", "12.50"},
		{dec(38, 1), same(decimalValue(t, big)), big, big},
		{schema.String, same(schema.StringValue("a\"\\\n\x00é😀/<")), `"a\"\\\u000a\u0000é😀/<"`, `"a\"\\\u000a\u0000é😀/<"`},
		{schema.String, same(schema.StringValue("")), `""`, `""`},
		{schema.Date, same(schema.DateValue(19782)), `"2024-02-29"`, `"2024-02-29"`},
		{schema.Date, [2]schema.Value{schema.DateValue(-719162), schema.DateValue(2932896)}, `"0001-01-01"`, `"9999-12-31"`},
		// Down for a min, up for a max.
		{schema.Timestamp, same(schema.TimestampValue(1_500_001)), `"1970-01-01T00:00:01.500Z"`, `"1970-01-01T00:00:01.501Z"`},
		{schema.Timestamp, same(schema.TimestampValue(1_500_000)), `"1970-01-01T00:00:01.500Z"`, `"1970-01-01T00:00:01.500Z"`},
		{schema.Timestamp, same(schema.TimestampValue(-1)), `"1969-12-31T23:59:59.999Z"`, `"1970-01-01T00:00:00.000Z"`},
		{schema.TimestampNTZ, same(schema.TimestampNTZValue(-999_999)), `"1969-12-31T23:59:59.000"`, `"1969-12-31T23:59:59.001"`},
		{schema.Timestamp, same(schema.TimestampValue(253402300799_999999)), `"9999-12-31T23:59:59.999Z"`, `"9999-12-31T23:59:59.999Z"`},
		{schema.Timestamp, same(schema.TimestampValue(253402300799_999000)), `"9999-12-31T23:59:59.999Z"`, `"9999-12-31T23:59:59.999Z"`},
	} {
		got := written(t, c.t, c.v[0], c.v[1])
		require.Equal(t, both(c.lo, c.hi), got)
		require.True(t, json.Valid([]byte(got)), got)
	}
}

func TestAppendLeavesOutWhatReadersCouldMisread(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		t schema.DataType
		v schema.Value
	}{
		{schema.Double, schema.DoubleValue(math.NaN())},
		{schema.Double, schema.DoubleValue(math.Inf(1))},
		{schema.Float, schema.FloatValue(float32(math.Inf(-1)))},
		{schema.String, schema.StringValue("a\xff")},
		{schema.Date, schema.DateValue(-719163)},
		{schema.Date, schema.DateValue(2932897)},
		{schema.Timestamp, schema.TimestampValue(-62135596800_000001)},
		{schema.TimestampNTZ, schema.TimestampNTZValue(253402300800_000000)},
		{schema.Timestamp, schema.TimestampValue(math.MaxInt64)},
		{schema.Timestamp, schema.TimestampValue(math.MinInt64)},
		{schema.Boolean, schema.BooleanValue(true)},
		{schema.Binary, schema.BinaryValue("x")},
		{schema.Long, schema.Null(schema.Long)},
		{schema.Long, schema.IntegerValue(1)},
		{schema.Long, schema.Value{}},
		{schema.Void, schema.Null(schema.Void)},
		{&schema.Array{Element: schema.Long}, schema.LongValue(1)},
	} {
		require.Equal(t, "{}", written(t, c.t, c.v, c.v), "%s %s", c.t, c.v)
	}
}

func TestAppendMirrorsStructsAndOmitsWhatIsUnknown(t *testing.T) {
	t.Parallel()
	l := stats.NewLayout([]stats.Leaf{leaf(schema.Boolean, "b"), leaf(schema.Long, "s", "t", "x"), leaf(schema.Long, "a\"q"), leaf(schema.Long, "s", "y"), leaf(schema.Void, "v")})
	var f stats.File
	f.Reset(5)
	require.Equal(t, "{}", string(l.Append(nil, &f)))
	f.NumRecords = 7
	require.Equal(t, `{"numRecords":7,"minValues":{},"maxValues":{},"nullCount":{}}`, string(l.Append(nil, &f)))
	f.TightBounds = false
	f.Columns[0].NullCount, f.Columns[1].NullCount, f.Columns[4].NullCount = 3, 0, 7
	f.Columns[3].Max, f.Columns[3].HasMax = schema.LongValue(5), true
	f.Columns[2].Min, f.Columns[2].HasMin = schema.LongValue(1), true
	require.Equal(t, `x{"numRecords":7,"minValues":{"a\"q":1},"maxValues":{"s":{"y":5}},"nullCount":{"b":3,"s":{"t":{"x":0}}},"tightBounds":false}`, string(l.Append([]byte("x"), &f)))
	f.NumRecords = -1
	for i := range f.Columns {
		f.Columns[i] = stats.Column{NullCount: -1}
	}
	require.Equal(t, `{"tightBounds":false}`, string(l.Append(nil, &f)))
}

// Whatever the values are, the bounds that come back are not inside them.
func TestBoundsWrittenAndReadCoverTheValues(t *testing.T) {
	t.Parallel()
	const seed1, seed2 = 10, 11
	rng := rand.New(rand.NewPCG(seed1, seed2))
	bits := func() int64 { return int64(rng.Uint64()) >> rng.IntN(64) }
	makers := map[schema.DataType]func() schema.Value{
		schema.Byte: func() schema.Value { return schema.ByteValue(int8(bits())) }, schema.Integer: func() schema.Value { return schema.IntegerValue(int32(bits())) }, schema.Long: func() schema.Value { return schema.LongValue(bits()) },
		schema.Float:        func() schema.Value { return schema.FloatValue(math.Float32frombits(uint32(rng.Uint64()))) },
		schema.Double:       func() schema.Value { return schema.DoubleValue(math.Float64frombits(rng.Uint64())) },
		dec(38, 10):         func() schema.Value { return schema.DecimalValue(schema.NewDecimal128(bits()>>2, rng.Uint64()), 10) },
		schema.String:       func() schema.Value { return schema.StringValue(randomString(rng, 6)) },
		schema.Date:         func() schema.Value { return schema.DateValue(int32(bits())) },
		schema.Timestamp:    func() schema.Value { return schema.TimestampValue(bits()) },
		schema.TimestampNTZ: func() schema.Value { return schema.TimestampNTZValue(bits()) },
	}
	for typ, next := range makers {
		l := stats.NewLayout([]stats.Leaf{leaf(typ, "s", "a b")})
		n := 0
		for range 2000 {
			lo, hi := next(), next()
			if schema.Compare(lo, hi) > 0 {
				lo, hi = hi, lo
			}
			text := l.Append(nil, &stats.File{NumRecords: 5, Columns: []stats.Column{{Min: lo, Max: hi, HasMin: true, HasMax: true, NullCount: 2}}})
			f, err := parse(t, l, string(text))
			require.NoError(t, err)
			c := f.Columns[0]
			if c.HasMin {
				require.LessOrEqual(t, schema.Compare(c.Min, lo), 0, "seeds %d %d: %s %s", seed1, seed2, typ, text)
				n++
			}
			if c.HasMax {
				require.GreaterOrEqual(t, schema.Compare(c.Max, hi), 0, "seeds %d %d: %s %s", seed1, seed2, typ, text)
				n++
			}
			require.False(t, f.TightBounds)
			require.EqualValues(t, 2, c.NullCount)
		}
		require.Greater(t, n, 600, typ)
	}
}

// randomString has characters of every length in UTF-8 and UTF-16, those at the
// ends of their ranges most of all.
func randomString(rng *rand.Rand, maxRunes int) string {
	alphabet := []rune{0, 'a', 0x7e, 0x7f, 0x80, 'é', 0x7ff, 0x800, '日', 0xd7ff, 0xe000, 0xffff, 0x10000, '😀', 0x10fffe, 0x10ffff, 0x10ffff}
	out := make([]rune, rng.IntN(maxRunes+1))
	for i := range out {
		out[i] = alphabet[rng.IntN(len(alphabet))]
	}
	return string(out)
}
