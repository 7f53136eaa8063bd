package stats_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/deltalog/deltalog/internal/stats"
	"github.com/deltalog/deltalog/txlog/schema"
	"github.com/stretchr/testify/require"
)

func leaf(t schema.DataType, path ...string) stats.Leaf { return stats.Leaf{Path: path, Type: t} }

func dec(precision, scale int) schema.Decimal {
	return schema.Decimal{Precision: precision, Scale: scale}
}

func decimalValue(t testing.TB, text string) schema.Value {
	t.Helper()
	d, scale, ok := schema.ParseDecimal(text)
	require.True(t, ok, text)
	return schema.DecimalValue(d, scale)
}

// escape is text as the inside of a JSON string, with no escape but those needed.
func escape(text string) []byte {
	b, _ := json.Marshal(text)
	return []byte(strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(string(b[1 : len(b)-1])))
}

// parse reads text both ways, requires that they agree, and returns the file.
func parse(t testing.TB, l *stats.Layout, text string) (*stats.File, error) {
	t.Helper()
	var f, g stats.File
	err := l.Parse(text, &f)
	errEscaped := l.ParseEscaped(escape(text), &g)
	require.Equal(t, err == nil, errEscaped == nil, text)
	requireSame(t, &f, &g, text)
	return &f, err
}

func requireSame(t testing.TB, want, got *stats.File, what string) {
	t.Helper()
	require.Equal(t, want.NumRecords, got.NumRecords, what)
	require.Equal(t, want.TightBounds, got.TightBounds, what)
	require.Len(t, got.Columns, len(want.Columns), what)
	for i := range want.Columns {
		w, g := &want.Columns[i], &got.Columns[i]
		require.Equal(t, [3]any{w.HasMin, w.HasMax, w.NullCount}, [3]any{g.HasMin, g.HasMax, g.NullCount}, "%s: column %d", what, i)
		require.True(t, !w.HasMin || w.Min.Equal(g.Min), "%s: column %d: min %s, want %s", what, i, g.Min, w.Min)
		require.True(t, !w.HasMax || w.Max.Equal(g.Max), "%s: column %d: max %s, want %s", what, i, g.Max, w.Max)
	}
}

// bounds reads min and max of one column from one JSON value.
func bounds(t *testing.T, lf stats.Leaf, jsonValue string) stats.Column {
	t.Helper()
	lf.Path = []string{"a"}
	f, err := parse(t, stats.NewLayout([]stats.Leaf{lf}), `{"minValues":{"a":`+jsonValue+`},"maxValues":{"a":`+jsonValue+`}}`)
	require.NoError(t, err, jsonValue)
	return f.Columns[0]
}

func TestParseReadsTypicalStatistics(t *testing.T) {
	t.Parallel()
	f, err := parse(t, typicalLayout(), typical)
	require.NoError(t, err)
	column := func(lo, hi schema.Value, nulls int64) stats.Column {
		return stats.Column{Min: lo, Max: hi, HasMin: true, HasMax: true, NullCount: nulls}
	}
	requireSame(t, &stats.File{NumRecords: 33373, TightBounds: true, Columns: []stats.Column{
		column(schema.LongValue(1), schema.LongValue(9999999), 0),
		column(schema.StringValue("c000001"), schema.StringValue("c099999"), 0),
		column(schema.DoubleValue(0.01), schema.DoubleValue(999.99), 12),
		column(decimalValue(t, "12.50"), decimalValue(t, "99999.99"), 0),
		column(schema.DateValue(20468), schema.DateValue(20468), 0),
		column(schema.TimestampValue(1768435200_000000), schema.TimestampValue(1768521600_000000), 0),
	}}, f, typical)
}

func TestBoundsOfEveryType(t *testing.T) {
	t.Parallel()
	big := "12345678901234567890.12345678"
	for _, c := range []struct {
		t    schema.DataType
		json string
		want schema.Value // of the min
	}{
		{schema.Byte, "-128", schema.ByteValue(-128)},
		{schema.Short, "32767", schema.ShortValue(32767)},
		{schema.Integer, "-2147483648", schema.IntegerValue(math.MinInt32)},
		{schema.Long, "9223372036854775807", schema.LongValue(math.MaxInt64)},
		{schema.Long, "-9223372036854775808", schema.LongValue(math.MinInt64)},
		{schema.Float, "0.1", schema.FloatValue(0.1)},
		{schema.Float, "0.10000000149011612", schema.FloatValue(0.1)},
		{schema.Double, "4.661261177E7", schema.DoubleValue(46612611.77)},
		{schema.Double, "5", schema.DoubleValue(5)},
		{schema.Double, `"-Infinity"`, schema.DoubleValue(math.Inf(-1))},
		{schema.Double, "-0.0", schema.DoubleValue(0)},
		{dec(10, 2), "12.50", decimalValue(t, "12.5")},
		{dec(10, 2), "12.5", decimalValue(t, "12.5")},
		{dec(28, 8), big, decimalValue(t, big)},
		{dec(10, 2), `"12.5"`, decimalValue(t, "12.5")},
		{dec(38, 0), strings.Repeat("9", 38), decimalValue(t, strings.Repeat("9", 38))},
		{dec(10, 2), "1E2", decimalValue(t, "100")},
		{dec(10, 1), "12.345", decimalValue(t, "12.345")},
		{schema.String, `""`, schema.StringValue("")},
		{schema.String, `"é😀"`, schema.StringValue("é😀")},
		{schema.String, `"a\"b\\c\/\n\u00e9\ud83d\ude00"`, schema.StringValue("a\"b\\c/\né😀")},
		{schema.Date, `"2024-02-29"`, schema.DateValue(19782)},
		{schema.Date, `"-0001-01-01"`, schema.DateValue(-719893)},
		{schema.Date, `"+10000-01-01"`, schema.DateValue(2932897)},
		{schema.Timestamp, `"1969-12-31T23:59:59.999Z"`, schema.TimestampValue(-1000)},
		{schema.Timestamp, `"2000-01-01T00:00:00.000-08:00"`, schema.TimestampValue(946713600_000000)},
		{schema.Timestamp, `"2000-01-01 00:00:00+00"`, schema.TimestampValue(946684800_000000)},
		{schema.Timestamp, `"2000-01-01T00:00:00.123456Z"`, schema.TimestampValue(946684800_123456)},
		{schema.TimestampNTZ, `"2000-01-01T00:00:00.001"`, schema.TimestampNTZValue(946684800_001000)},
		{schema.TimestampNTZ, `"2000-01-01 00:00:00"`, schema.TimestampNTZValue(946684800_000000)},
		{schema.TimestampNTZ, `"2000-01-01"`, schema.TimestampNTZValue(946684800_000000)},
		{schema.Boolean, "true", schema.BooleanValue(true)},
		{schema.Boolean, "false", schema.BooleanValue(false)},
	} {
		got := bounds(t, leaf(c.t), c.json)
		require.True(t, got.HasMin && got.HasMax, "%s %s", c.t, c.json)
		require.Zero(t, schema.Compare(c.want, got.Min), "%s %s: %s", c.t, c.json, got.Min)
		require.Equal(t, c.t.Kind(), got.Min.Kind())
		want := c.want
		switch c.t {
		case schema.Timestamp:
			want = schema.TimestampValue(want.Int64() + 1000)
		case schema.TimestampNTZ:
			want = schema.TimestampNTZValue(want.Int64() + 1000)
		}
		require.Zero(t, schema.Compare(want, got.Max), "%s %s: %s", c.t, c.json, got.Max)
	}
}

func TestBoundsThatCannotBeReadAreAbsent(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		t    schema.DataType
		json string
	}{
		{schema.Byte, "128"},
		{schema.Byte, "-129"},
		{schema.Short, "32768"},
		{schema.Integer, "2147483648"},
		{schema.Long, "9223372036854775808"},
		{schema.Long, "1.0"},
		{schema.Long, "1e3"},
		{schema.Long, `"1"`},
		{schema.Long, "null"},
		{schema.Long, "true"},
		{schema.Long, "{}"},
		{schema.Long, "[1]"},
		{schema.Long, `{"a":{"a":[1]}}`},
		{schema.Integer, `""`},
		{schema.Double, "1e999"},
		{schema.Double, "-1e999"},
		{schema.Double, `"x"`},
		{schema.Double, "false"},
		{schema.Double, `"0x10"`},
		{dec(3, 2), "1e999"},
		{dec(38, 10), strings.Repeat("9", 38)},
		{dec(38, 0), strings.Repeat("9", 39)},
		{dec(3, 2), `"x"`},
		{dec(3, 2), "null"},
		{schema.String, "1"},
		{schema.String, "null"},
		{schema.String, `"\ud800"`},
		{schema.String, `"a\udc00\u0041"`},
		{schema.String, `"\ufffd"`},
		{schema.Date, "19782"},
		{schema.Date, `"2024-02-30"`},
		{schema.Date, `""`},
		{schema.Date, `"2024-02-29T00:00:00Z"`},
		{schema.Timestamp, `"2000-01-01T00:00:00.000"`},
		{schema.Timestamp, `"2000-01-01 00:00:00"`},
		{schema.Timestamp, `"2000-01-01"`},
		{schema.Timestamp, "0"},
		{schema.Timestamp, `"-0001-01-01"`},
		{schema.TimestampNTZ, `"2000-01-01T00:00:00+01:00"`},
		{schema.Binary, `"abc"`},
		{schema.Boolean, `"true"`},
		{schema.Boolean, "1"},
		{schema.Boolean, "null"},
		{&schema.Array{Element: schema.Long}, "1"},
		{&schema.Map{Key: schema.Long, Value: schema.Long}, `"x"`},
		{schema.Variant, `"x"`},
		{schema.Void, "1"},
	} {
		got := bounds(t, leaf(c.t), c.json)
		require.False(t, got.HasMin, "%s %s: %s", c.t, c.json, got.Min)
		require.False(t, got.HasMax, "%s %s: %s", c.t, c.json, got.Max)
	}
}

func TestStringsThatAreNotUTF8AreNoBounds(t *testing.T) {
	t.Parallel()
	l := stats.NewLayout([]stats.Leaf{leaf(schema.String, "a")})
	for _, inside := range []string{"\xff", "a\xed\xa0\x80", "\xc3"} {
		var f stats.File
		require.NoError(t, l.Parse(`{"minValues":{"a":"`+inside+`"}}`, &f))
		require.False(t, f.Columns[0].HasMin)
		require.NoError(t, l.ParseEscaped([]byte(`{\"maxValues\":{\"a\":\"`+inside+`\"}}`), &f))
		require.False(t, f.Columns[0].HasMax)
	}
}

func TestNaNBoundsFromAboveOnly(t *testing.T) {
	t.Parallel()
	for _, typ := range []schema.DataType{schema.Float, schema.Double} {
		got := bounds(t, leaf(typ), `"NaN"`)
		require.False(t, got.HasMin)
		require.True(t, got.HasMax)
		require.True(t, math.IsNaN(got.Max.Float64()))
		got = bounds(t, leaf(typ), `"Infinity"`)
		require.True(t, got.HasMin && got.HasMax && math.IsInf(got.Min.Float64(), 1))
	}
}

func TestTimestampMaxSaturates(t *testing.T) {
	t.Parallel()
	got := bounds(t, leaf(schema.Timestamp), `"+294247-01-10T04:00:54.775Z"`)
	require.Equal(t, int64(math.MaxInt64-807), got.Min.Int64())
	require.Equal(t, int64(math.MaxInt64), got.Max.Int64())
}

// A float of 0.1 is more than the double 0.1. Statistics written before the
// column became a double say 0.1.
func TestBoundsOfAWidenedColumnCoverTheOldType(t *testing.T) {
	t.Parallel()
	widened := stats.Leaf{Type: schema.Double, Widened: true}
	for _, x := range []float32{0.1, 0.3, -0.1, -0.3, 1e-30, 16777216, 1.5} {
		text := string(schema.AppendFloat(nil, float64(x), 32))
		got := bounds(t, widened, text)
		require.LessOrEqual(t, got.Min.Float64(), float64(x), text)
		require.GreaterOrEqual(t, got.Max.Float64(), float64(x), text)
		y, _ := schema.ParseFloat(text, 64)
		require.LessOrEqual(t, got.Min.Float64(), y)
		require.GreaterOrEqual(t, got.Max.Float64(), y)
	}
	require.InDelta(t, 0.1, bounds(t, leaf(schema.Double), "0.1").Max.Float64(), 0)
}

// delta-rs makes a double of a decimal, and takes the next one towards zero if
// rounding made it too long for the type.
func TestDecimalBoundsThatWentThroughADoubleAreWidened(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(7, 8))
	for i := range 10_000 {
		typ := dec(16+rng.IntN(23), 0)
		typ.Scale = rng.IntN(typ.Precision + 1)
		u := schema.Decimal128FromInt64(rng.Int64() >> rng.IntN(20)) // 13 digits and more
		if i%2 == 0 {
			u = schema.NewDecimal128(int64(rng.Uint64()>>(1+rng.IntN(63))), rng.Uint64())
		}
		if rng.IntN(2) == 0 {
			u = u.Neg()
		}
		if !u.Fits(typ.Precision) {
			continue
		}
		actual := schema.DecimalValue(u, typ.Scale)
		f := u.Float64(0) / powi(10, typ.Scale)
		for range 2 {
			text, _ := json.Marshal(f)
			if !strings.ContainsAny(string(text), ".e") {
				text = append(text, ".0"...)
			}
			got := bounds(t, leaf(typ), string(text))
			require.True(t, !got.HasMin || schema.Compare(got.Min, actual) <= 0, "seed 7,8 case %d: %s: %s > %s", i, typ, got.Min, actual)
			require.True(t, !got.HasMax || schema.Compare(got.Max, actual) >= 0, "seed 7,8 case %d: %s: %s < %s", i, typ, got.Max, actual)
			f = math.Float64frombits(math.Float64bits(f) - 1)
		}
	}
	// Short decimals take that step too, where the sign or the zero before the
	// point counts as a digit.
	for _, c := range []struct {
		t            schema.Decimal
		actual, text string
	}{{dec(3, 1), "12.3600000000000001", "12.3600000000000001"}, {dec(3, 1), "12.3400000000000001", "12.3400000000000001"}, {dec(1, 0), "-5", "-4.999999999999999"}, {dec(3, 3), "0.125", "0.12499999999999999"}, {dec(1, 0), "-5", "-5.0"}} {
		got := bounds(t, leaf(c.t), c.text)
		require.LessOrEqual(t, schema.Compare(got.Min, decimalValue(t, c.actual)), 0, c.text)
		require.GreaterOrEqual(t, schema.Compare(got.Max, decimalValue(t, c.actual)), 0, c.text)
	}
	// Spark writes all digits: nothing to widen.
	for text, typ := range map[string]schema.Decimal{"123456789012345678901.50": dec(30, 2), "99999999999.123": dec(20, 3), "-12345678901234567890": dec(20, 0), "100000000000000000.01": dec(20, 2)} {
		got := bounds(t, leaf(typ), text)
		if typ.Scale > 0 {
			require.Zero(t, schema.Compare(decimalValue(t, text), got.Min), text)
			require.Zero(t, schema.Compare(decimalValue(t, text), got.Max), text)
		}
		require.True(t, got.HasMin && got.HasMax)
	}
}

// powi is the power as compilers unroll it: the squares are rounded from 10^23 on.
func powi(x float64, n int) float64 {
	r := 1.0
	for ; n > 0; n >>= 1 {
		if n&1 != 0 {
			r *= x
		}
		x *= x
	}
	return r
}

func TestStatisticsMirrorNestedStructs(t *testing.T) {
	t.Parallel()
	l := stats.NewLayout([]stats.Leaf{
		leaf(schema.Long, "s", "x"), leaf(schema.Long, "s", "t", "y"), leaf(&schema.Array{Element: schema.Long}, "s", "l"), leaf(schema.Long, "z"), leaf(schema.Long, "absent"),
	})
	f, err := parse(t, l, `{"maxValues":{"z":9,"s":{"unknown":{"x":1},"t":{"y":8},"x":7,"l":[1,{"x":2}]}},"nullCount":{"s":{"l":3,"x":1,"t":5},"z":2,"absent":-1},"other":{"numRecords":5},"numRecords":11}`)
	require.NoError(t, err)
	require.EqualValues(t, 11, f.NumRecords)
	for i, want := range []struct {
		max   int64
		nulls int64
	}{{7, 1}, {8, -1}, {0, 3}, {9, 2}, {0, -1}} {
		require.Equal(t, want.max != 0, f.Columns[i].HasMax, i)
		require.Equal(t, want.max, f.Columns[i].Max.Int64())
		require.Equal(t, want.nulls, f.Columns[i].NullCount)
		require.False(t, f.Columns[i].HasMin)
	}
	for _, text := range []string{`{"minValues":{"s":null,"z":1}}`, `{"minValues":{"s":5,"z":1}}`, `{"minValues":{"s":[],"z":1}}`, `{"minValues":{"s":{"t":null},"z":1}}`} {
		f, err := parse(t, l, text)
		require.NoError(t, err)
		require.True(t, f.Columns[3].HasMin, text)
		require.False(t, f.Columns[0].HasMin)
	}
}

func TestParseForgetsTheFileBefore(t *testing.T) {
	t.Parallel()
	l := typicalLayout()
	var f stats.File
	require.NoError(t, l.Parse(strings.Replace(typical, `"tightBounds":true`, `"tightBounds":false`, 1), &f))
	require.False(t, f.TightBounds)
	empty := &stats.File{}
	empty.Reset(6)
	for _, text := range []string{"{}", `{"numRecords":null,"tightBounds":null,"minValues":null,"maxValues":[],"nullCount":7}`, `{"numRecords":-1}`, `{"numRecords":1.5}`, `{"numRecords":"1"}`} {
		require.NoError(t, l.Parse(typical, &f))
		require.NoError(t, l.Parse(text, &f), text)
		requireSame(t, empty, &f, text)
	}
	one := stats.NewLayout([]stats.Leaf{leaf(schema.Date, "day")})
	require.NoError(t, one.Parse(typical, &f))
	require.Len(t, f.Columns, 1)
	require.True(t, f.Columns[0].HasMin)
}

func TestTextThatIsNotJSONTellsNothing(t *testing.T) {
	t.Parallel()
	l := typicalLayout()
	empty := &stats.File{}
	empty.Reset(6)
	texts := []string{
		"", " ", "null", "1", "[]", "{", `{"numRecords"`, `{"numRecords":}`, `{"numRecords":1,}`, `{"numRecords":1 "a":2}`, `{numRecords:1}`, `{"a":1}}`, `{"a":[1,]}`, `{"a":[1}`, `{"a":tru}`,
		"{\"a\":\"x\ny\"}", `{"a":"x`, `{"minValues":{"order_id":1}`, `{"minValues":{"order_id"}}`, `{"a":` + strings.Repeat("[", 50_000), strings.Repeat(`{"a":`, 50_000), `{"minValues":` + strings.Repeat(`{"order_id":`, 50_000),
	}
	for i := range len(typical) {
		texts = append(texts, typical[:i])
	}
	for _, text := range texts {
		f, err := parse(t, l, text)
		require.ErrorContains(t, err, "stats: not valid JSON at byte ", text)
		requireSame(t, empty, f, text)
	}
}

func TestNestingIsLimited(t *testing.T) {
	t.Parallel()
	for n, ok := range map[int]bool{200: true, 300: false} {
		for _, text := range []string{
			`{"a":` + strings.Repeat("[", n) + strings.Repeat("]", n) + "}",
			`{"minValues":{"order_id":` + strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n) + "}}",
		} {
			_, err := parse(t, typicalLayout(), text)
			require.Equal(t, ok, err == nil, "%d: %v", n, err)
		}
	}
}

func TestEscapedTextWithEscapesInside(t *testing.T) {
	t.Parallel()
	l := stats.NewLayout([]stats.Leaf{leaf(schema.String, `na"me`), leaf(schema.String, "b")})
	for _, raw := range []string{
		`{\"minValues\":{\"na\\\"me\":\"x\\\\y\",\"b\":\"é\"}}`,
		`{\n\"minValues\" : {\"na\\u0022me\":\"x\\u005cy\",\"b\":\"\u00e9\"}}`,
		`{\u0022minValues\u0022:{\"na\\\"me\":\"x\\\\y\",\"b\":\"\\u00e9\"}}`,
	} {
		var f stats.File
		require.NoError(t, l.ParseEscaped([]byte(raw), &f), raw)
		require.Equal(t, `x\y`, f.Columns[0].Min.Text())
		require.Equal(t, "é", f.Columns[1].Min.Text())
	}
	for _, raw := range []string{`{"numRecords":1}`, `{\"numRecords\":1}\`, `{\"a\":\"\x\"}`, `\`, `"`, `{\"`} {
		var f stats.File
		require.Error(t, l.ParseEscaped([]byte(raw), &f), raw)
		require.Len(t, f.Columns, 2)
		require.EqualValues(t, -1, f.NumRecords)
	}
}

func TestParseDoesNotAllocate(t *testing.T) {
	l := typicalLayout()
	raw := escape(typical)
	var f stats.File
	require.Zero(t, testing.AllocsPerRun(100, func() {
		if l.Parse(typical, &f) != nil || l.ParseEscaped(raw, &f) != nil {
			panic("error")
		}
	}))
	buf := make([]byte, 0, 4096)
	require.Zero(t, testing.AllocsPerRun(100, func() { buf = l.Append(buf[:0], &f) }))
}

func TestManyColumnsInAnyOrder(t *testing.T) {
	t.Parallel()
	var leaves []stats.Leaf
	var parts []string
	for i := range 100 {
		name := "column" + string(rune('a'+i/10)) + string(rune('a'+i%10))
		leaves = append(leaves, leaf(schema.Long, name))
		parts = append(parts, `"`+name+`":`+string(rune('1'+i%9)))
	}
	l := stats.NewLayout(leaves)
	rand.New(rand.NewPCG(9, 9)).Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
	f, err := parse(t, l, `{"minValues":{`+strings.Join(parts, " ,\t")+`}}`)
	require.NoError(t, err)
	for i := range leaves {
		require.EqualValues(t, 1+i%9, f.Columns[i].Min.Int64())
	}
}

func TestColumnsThatNoSchemaHasAreIgnored(t *testing.T) {
	t.Parallel()
	l := stats.NewLayout([]stats.Leaf{leaf(schema.Long, "a"), leaf(schema.Long, "a"), leaf(schema.Long, "a", "b"), leaf(schema.Long, "c", "d"), leaf(schema.Long, "c"), leaf(schema.Long)})
	f, err := parse(t, l, `{"nullCount":{"a":1,"c":{"d":2}}}`)
	require.NoError(t, err)
	var nulls []int64
	for _, c := range f.Columns {
		nulls = append(nulls, c.NullCount)
	}
	require.Equal(t, []int64{1, -1, -1, 2, -1, -1}, nulls)
	require.JSONEq(t, `{"nullCount":{"a":1,"c":{"d":2}}}`, string(l.Append(nil, f)))
	require.Len(t, l.Leaves(), 6)
}

// corpus calls f with the statistics of files that other engines wrote.
func corpus(t testing.TB, f func(name string, s *schema.Struct, mode schema.MappingMode, escaped string)) {
	t.Helper()
	files, err := filepath.Glob("testdata/*.tsv")
	require.NoError(t, err)
	n := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for line := range strings.Lines(string(text)) {
			part := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
			require.Len(t, part, 4)
			mode, err := schema.ParseMappingMode(part[1])
			require.NoError(t, err)
			var schemaString string
			require.NoError(t, json.Unmarshal([]byte(part[2]), &schemaString))
			s, err := schema.Parse(schemaString)
			require.NoError(t, err)
			f(filepath.Base(file)+" "+part[0], s, mode, part[3][1:len(part[3])-1])
			n++
		}
	}
	require.Greater(t, n, 300)
}

// lookup finds what encoding/json has at the path of a column.
func lookup(root map[string]any, section string, path []string) (any, bool) {
	var v any
	v = root[section]
	for _, name := range path {
		o, ok := v.(map[string]any)
		if !ok {
			return nil, false
		}
		v = o[name]
	}
	return v, v != nil
}

func TestStatisticsOfOtherEngines(t *testing.T) {
	t.Parallel()
	found := map[schema.Kind]int{}
	corpus(t, func(name string, s *schema.Struct, mode schema.MappingMode, escaped string) {
		var text string
		require.NoError(t, json.Unmarshal([]byte(`"`+escaped+`"`), &text))
		decoder := json.NewDecoder(strings.NewReader(text))
		decoder.UseNumber()
		var want map[string]any
		require.NoError(t, decoder.Decode(&want))

		leaves := stats.AllLeaves(s, mode)
		l := stats.NewLayout(leaves)
		var f, g stats.File
		require.NoError(t, l.Parse(text, &f), name)
		require.NoError(t, l.ParseEscaped([]byte(escaped), &g), name)
		requireSame(t, &f, &g, name)
		require.EqualValues(t, want["numRecords"], json.Number(schema.LongValue(f.NumRecords).String()))
		require.Equal(t, want["tightBounds"] != false, f.TightBounds)
		for i, lf := range leaves {
			c := &f.Columns[i]
			lo, hasMin := lookup(want, "minValues", lf.Path)
			hi, hasMax := lookup(want, "maxValues", lf.Path)
			nulls, hasNulls := lookup(want, "nullCount", lf.Path)
			if lf.Type.Kind() == schema.KindVariant { // z85, of no use here
				hasMin, hasMax = false, false
			}
			if lo == "NaN" {
				hasMin = false
			}
			if ts, _ := lo.(string); lf.Type == schema.Timestamp && len(ts) == len("2024-01-01 10:00:00") {
				hasMin, hasMax = false, false // no zone
			}
			require.Equal(t, hasMin, c.HasMin, "%s %v: %v", name, lf.Path, lo)
			require.Equal(t, hasMax, c.HasMax, "%s %v: %v", name, lf.Path, hi)
			require.Equal(t, hasNulls, c.NullCount >= 0, "%s %v: %v", name, lf.Path, nulls)
			if hasMin && hasMax {
				found[lf.Type.Kind()]++
				require.LessOrEqual(t, schema.Compare(c.Min, c.Max), 0, "%s %v: %s, %s", name, lf.Path, c.Min, c.Max)
			}
			if x, ok := lo.(string); ok && hasMin && lf.Type == schema.String {
				require.Equal(t, x, c.Min.Text())
			}
			if x, ok := hi.(json.Number); ok && hasMax && c.Max.Kind() == schema.KindLong {
				require.Equal(t, x.String(), c.Max.String())
			}
		}
		again, err := parse(t, l, string(l.Append(nil, &f)))
		require.NoError(t, err)
		for i := range leaves {
			require.Equal(t, f.Columns[i].NullCount, again.Columns[i].NullCount)
		}
	})
	for _, k := range []schema.Kind{
		schema.KindByte, schema.KindShort, schema.KindInteger, schema.KindLong, schema.KindFloat, schema.KindDouble, schema.KindDecimal, schema.KindString,
		schema.KindDate, schema.KindTimestamp, schema.KindTimestampNTZ,
	} {
		require.Positive(t, found[k], k)
	}
}

func FuzzParse(f *testing.F) {
	corpus(f, func(_ string, _ *schema.Struct, _ schema.MappingMode, escaped string) {
		if len(escaped) < 600 {
			var text string
			_ = json.Unmarshal([]byte(`"`+escaped+`"`), &text)
			f.Add(text)
		}
	})
	f.Add(typical)
	f.Add(`{"numRecords":1,"minValues":{"s":{"x":1,"t":"a\u0000b"},"d":1.50,"f":"NaN"},"tightBounds":false}`)
	l := stats.NewLayout([]stats.Leaf{
		leaf(schema.Long, "id"), leaf(schema.Long, "s", "x"), leaf(schema.String, "s", "t"), leaf(dec(20, 2), "d"), leaf(schema.Double, "f"),
		leaf(schema.Timestamp, "ts"), leaf(schema.Date, "date"), leaf(schema.Boolean, "b"), leaf(schema.String, "value"),
	})
	f.Fuzz(func(t *testing.T, text string) {
		var got, escaped stats.File
		err := l.Parse(text, &got)
		errEscaped := l.ParseEscaped(escape(text), &escaped)
		_ = l.ParseEscaped([]byte(text), &escaped)
		require.Len(t, escaped.Columns, 9)
		if err != nil {
			require.EqualValues(t, -1, got.NumRecords)
		}
		var want map[string]any
		decoder := json.NewDecoder(strings.NewReader(text))
		decoder.UseNumber()
		if !json.Valid([]byte(text)) || decoder.Decode(&want) != nil || want == nil || strings.Count(text, "{")+strings.Count(text, "[") > 200 {
			return
		}
		require.NoError(t, err, text)
		require.NoError(t, errEscaped, text)
		requireNotMoreThan(t, l, want, &got, text)
	})
}

// requireNotMoreThan checks that what was read is what encoding/json reads.
// encoding/json merges objects of one name where Parse lets the last win in
// part, so that texts with duplicate keys are left out.
func requireNotMoreThan(t *testing.T, l *stats.Layout, want map[string]any, got *stats.File, text string) {
	t.Helper()
	if n, ok := want["numRecords"].(json.Number); ok && strings.Count(text, "numRecords") == 1 {
		if v, err := n.Int64(); err == nil && v >= 0 {
			require.Equal(t, v, got.NumRecords)
		}
	}
	for _, section := range []string{"minValues", "maxValues", "nullCount"} {
		if strings.Count(text, section) > 1 || strings.ContainsAny(text, `\`) {
			return
		}
	}
	for i, lf := range l.Leaves() {
		name := `"` + lf.Path[len(lf.Path)-1] + `"`
		if strings.Count(text, name) > 3 || strings.Count(text, `"s"`) > 3 {
			continue
		}
		c := &got.Columns[i]
		if v, ok := lookup(want, "minValues", lf.Path); c.HasMin {
			require.True(t, ok, "%s: %v", text, lf.Path)
			requireValue(t, v, c.Min)
		} else if s, isString := v.(string); isString && lf.Type == schema.String && strings.ToValidUTF8(text, "") == text && !strings.Contains(s, "\ufffd") {
			require.Fail(t, "a string was not found", "%s: %v", text, lf.Path)
		}
		if v, ok := lookup(want, "nullCount", lf.Path); c.NullCount >= 0 {
			require.True(t, ok, text)
			require.Equal(t, v.(json.Number).String(), schema.LongValue(c.NullCount).String())
		}
	}
}

func requireValue(t *testing.T, want any, got schema.Value) {
	t.Helper()
	switch got.Kind() {
	case schema.KindString:
		require.Equal(t, want, got.Text())
	case schema.KindLong:
		n, err := want.(json.Number).Int64()
		require.NoError(t, err)
		require.Equal(t, n, got.Int64())
	case schema.KindBoolean:
		require.Equal(t, want, got.Bool())
	case schema.KindDouble:
		if n, ok := want.(json.Number); ok {
			f, err := n.Float64()
			require.NoError(t, err)
			require.Zero(t, schema.Compare(schema.DoubleValue(f), got))
		}
	}
}

func TestResetReusesColumns(t *testing.T) {
	t.Parallel()
	var f stats.File
	f.Reset(3)
	f.Columns[0] = stats.Column{HasMin: true, NullCount: 4}
	first := &f.Columns[0]
	f.Reset(2)
	require.Same(t, first, &f.Columns[0])
	require.False(t, slices.ContainsFunc(f.Columns, func(c stats.Column) bool { return c.HasMin || c.HasMax || c.NullCount != -1 }))
}
