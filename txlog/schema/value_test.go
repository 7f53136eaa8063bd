package schema_test

import (
	"math"
	"testing"

	"github.com/deltalog/deltalog/txlog/schema"
	"github.com/stretchr/testify/require"
)

func decimalValue(t testing.TB, text string) schema.Value {
	t.Helper()
	d, scale, ok := schema.ParseDecimal(text)
	require.True(t, ok, text)
	return schema.DecimalValue(d, scale)
}

// classes are lists of values that compare with each other, in order; values in
// one group are equal.
func classes(t testing.TB) [][][]schema.Value {
	f, d := schema.FloatValue, schema.DoubleValue
	dec := func(s string) schema.Value { return decimalValue(t, s) }
	return [][][]schema.Value{
		{{schema.BooleanValue(false)}, {schema.BooleanValue(true)}},
		{
			{schema.LongValue(math.MinInt64)},
			{schema.ByteValue(-128), schema.LongValue(-128)},
			{schema.ByteValue(-1), schema.ShortValue(-1), schema.IntegerValue(-1)},
			{schema.LongValue(0)},
			{schema.ByteValue(1), schema.ShortValue(1), schema.IntegerValue(1), schema.LongValue(1)},
			{schema.LongValue(math.MaxInt64)},
		},
		{
			{d(math.Inf(-1)), f(float32(math.Inf(-1)))},
			{d(-1)},
			{d(math.Copysign(0, -1)), d(0), f(0), f(float32(math.Copysign(0, -1)))},
			{d(0.1)},
			{f(0.1), d(float64(float32(0.1)))},
			{d(math.MaxFloat64)},
			{d(math.Inf(1))},
			{d(math.NaN()), f(float32(math.NaN())), d(math.Float64frombits(0xfff8000000000001)), d(math.Float64frombits(0x7ff0000000000001))},
		},
		{
			{dec("-1E38"), dec("-100E36")},
			{dec("-1.5"), dec("-1.50"), dec("-15E-1")},
			{dec("0"), dec("-0.000"), dec("0E5")},
			{dec("0.99")},
			{dec("1"), dec("1.00"), dec("1.00000000000000000000000000000000000")},
			{dec("10"), dec("1E1"), dec("10.0")},
			{dec("99999999999999999999999999999999999999")},
			{dec("1E38")},
		},
		{{schema.StringValue("")}, {schema.StringValue("A")}, {schema.StringValue("a")}, {schema.StringValue("a\x00")}, {schema.StringValue("aa")}, {schema.StringValue("é")}, {schema.StringValue("\uffff")}, {schema.StringValue("😀")}},
		{{schema.BinaryValue("")}, {schema.BinaryValue("a")}, {schema.BinaryValue("\xff")}},
		{{schema.DateValue(-1)}, {schema.DateValue(0)}, {schema.DateValue(1)}},
		{{schema.TimestampValue(-1)}, {schema.TimestampValue(1)}},
		{{schema.TimestampNTZValue(-1)}, {schema.TimestampNTZValue(1)}},
	}
}

func TestCompareIsSparksOrderAndKeysAgreeWithIt(t *testing.T) {
	t.Parallel()
	keys := map[string][2]int{}
	for c, groups := range classes(t) {
		for g, group := range groups {
			for _, v := range group {
				require.False(t, v.IsNull())
				for h, other := range groups {
					for _, w := range other {
						want := 0
						if g != h {
							want = 2*boolInt(g > h) - 1
						}
						require.Equal(t, want, schema.Compare(v, w), "%s %s", v, w)
						require.Equal(t, want == 0, v.Equal(w))
					}
				}
				key := string(v.AppendKey(nil))
				id := [2]int{c, g}
				if old, ok := keys[key]; ok {
					require.Equal(t, old, id, "key of %s %v", v, v.Kind())
				}
				keys[key] = id
				require.Equal(t, key, string(group[0].AppendKey(nil)), "%s", v)
				require.Positive(t, schema.Compare(v, schema.Null(schema.Long)))
				require.Negative(t, schema.Compare(schema.Null(schema.Long), v))
			}
		}
	}
	require.Zero(t, schema.Compare(schema.Null(schema.Long), schema.Null(schema.String)))
	require.Zero(t, schema.Compare(schema.Value{}, schema.Null(schema.String)))
	require.Equal(t, schema.Null(schema.Long).AppendKey(nil), schema.Value{}.AppendKey(nil))
	require.NotContains(t, keys, string(schema.Value{}.AppendKey(nil)))
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestKeysOfTuplesDelimitThemselves(t *testing.T) {
	t.Parallel()
	a := schema.StringValue("b").AppendKey(schema.StringValue("a").AppendKey(nil))
	b := schema.StringValue("").AppendKey(schema.StringValue("a\x05\x01b").AppendKey(nil))
	require.NotEqual(t, a, b)
	for c := range 256 { // whatever marks a string
		mark := string([]byte{byte(c)})
		a = schema.StringValue("b").AppendKey(schema.StringValue("a" + mark).AppendKey(nil))
		b = schema.StringValue(mark + "b").AppendKey(schema.StringValue("a").AppendKey(nil))
		require.NotEqual(t, a, b)
	}
	var all []schema.Value
	for _, groups := range classes(t) {
		for _, g := range groups {
			all = append(all, g[0])
		}
	}
	seen := map[string]bool{}
	for _, v := range all {
		for _, w := range all {
			key := string(w.AppendKey(v.AppendKey(nil)))
			require.False(t, seen[key], "%s %s", v, w)
			seen[key] = true
			single := v.AppendKey(nil)
			require.Equal(t, string(single), key[:len(single)])
		}
	}
}

func TestAccessorsGiveZeroForOtherKinds(t *testing.T) {
	t.Parallel()
	require.Equal(t, int64(-7), schema.ByteValue(-7).Int64())
	require.Equal(t, int64(5), schema.DateValue(5).Int64())
	require.InDelta(t, 0.5, schema.FloatValue(0.5).Float64(), 0)
	require.True(t, schema.BooleanValue(true).Bool())
	require.Equal(t, "x", schema.BinaryValue("x").Text())
	for _, v := range []schema.Value{{}, schema.Null(schema.Long), schema.StringValue("x")} {
		require.Zero(t, v.Int64())
		require.Zero(t, v.Float64())
		require.False(t, v.Bool())
		d, scale := v.Decimal()
		require.Zero(t, d)
		require.Zero(t, scale)
	}
	require.Empty(t, schema.LongValue(1).Text())
	require.False(t, schema.LongValue(1).Bool())
	require.Equal(t, schema.KindDate, schema.Null(schema.Date).Kind())
}

func TestValuesPrint(t *testing.T) {
	t.Parallel()
	for want, v := range map[string]schema.Value{
		"null": schema.Null(schema.Long), "true": schema.BooleanValue(true), "-5": schema.ShortValue(-5), "0.1": schema.FloatValue(0.1), "1.0E10": schema.DoubleValue(1e10),
		"-12.30": decimalValue(t, "-12.30"), "a b": schema.StringValue("a b"), "0x00ff": schema.BinaryValue("\x00\xff"), "1970-01-02": schema.DateValue(1),
		"1970-01-01T00:00:00.000001Z": schema.TimestampValue(1), "1970-01-01 00:00:01": schema.TimestampNTZValue(1_000_000), "1970-01-01 00:00:01.500000": schema.TimestampNTZValue(1_500_000),
	} {
		require.Equal(t, want, v.String())
	}
}

func TestFloatsAreWrittenAsJavaDoes(t *testing.T) {
	t.Parallel()
	for want, f := range map[string]float64{
		"0.0": 0, "-0.0": math.Copysign(0, -1), "1.0": 1, "100.0": 100, "0.001": 0.001, "9.999E-4": 0.0009999, "9999999.0": 9999999, "1.0E7": 1e7, "1.2345678E7": 12345678,
		"-1.5E-10": -1.5e-10, "1.7976931348623157E308": math.MaxFloat64, "4.9E-324": math.SmallestNonzeroFloat64, "NaN": math.NaN(), "Infinity": math.Inf(1), "-Infinity": math.Inf(-1),
	} {
		got := string(schema.AppendFloat(nil, f, 64))
		require.Equal(t, want, got)
		back, ok := schema.ParseFloat(got, 64)
		require.True(t, ok)
		require.Zero(t, schema.Compare(schema.DoubleValue(f), schema.DoubleValue(back)))
	}
	require.Equal(t, "3.4028235E38", string(schema.AppendFloat(nil, math.MaxFloat32, 32)))
	require.Equal(t, "0.1", string(schema.AppendFloat(nil, float64(float32(0.1)), 32)))
	for _, text := range []string{"", "x", "0x1p4", "1_0", "1e", "infx"} {
		_, ok := schema.ParseFloat(text, 64)
		require.False(t, ok, text)
	}
	f, ok := schema.ParseFloat("1e999", 64)
	require.True(t, ok)
	require.True(t, math.IsInf(f, 1))
}

func BenchmarkCompareDecimalsOneScale(b *testing.B) {
	x, y := decimalValue(b, "123456.78"), decimalValue(b, "123456.79")
	for b.Loop() {
		if schema.Compare(x, y) >= 0 {
			b.Fatal()
		}
	}
}
