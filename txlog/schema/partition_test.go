package schema_test

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/deltalog/deltalog/txlog/schema"
	"github.com/stretchr/testify/require"
)

func ptr[T any](v T) *T { return &v }

func dec(precision, scale int) schema.Decimal {
	return schema.Decimal{Precision: precision, Scale: scale}
}

// allPrimitives are the types that a partition column can have.
func allPrimitives() []schema.DataType {
	return []schema.DataType{
		schema.Boolean, schema.Byte, schema.Short, schema.Integer, schema.Long, schema.Float, schema.Double,
		schema.String, schema.Binary, schema.Date, schema.Timestamp, schema.TimestampNTZ, dec(10, 2), dec(38, 18),
	}
}

func TestEmptyAndAbsentPartitionValuesAreNull(t *testing.T) {
	t.Parallel()
	for _, typ := range allPrimitives() {
		for _, s := range []*string{nil, ptr("")} {
			v, err := schema.ParsePartition(typ, s, nil)
			require.NoError(t, err)
			require.True(t, v.IsNull())
			require.Equal(t, typ.Kind(), v.Kind())
			back, err := schema.FormatPartition(v)
			require.NoError(t, err)
			require.Nil(t, back)
		}
	}
	for _, v := range []schema.Value{schema.StringValue(""), schema.BinaryValue("")} {
		s, err := schema.FormatPartition(v)
		require.NoError(t, err)
		require.Nil(t, s)
	}
}

func TestPartitionValuesOfEveryWriterAreRead(t *testing.T) {
	t.Parallel()
	const at = 1704103200_000000 // 2024-01-01T10:00:00Z
	for _, c := range []struct {
		t    schema.DataType
		text string
		want schema.Value
		out  string // as we write it; empty: the same
	}{
		{schema.Boolean, "true", schema.BooleanValue(true), ""},
		{schema.Boolean, "FALSE", schema.BooleanValue(false), "false"},
		{schema.Byte, "-128", schema.ByteValue(-128), ""},
		{schema.Short, "32767", schema.ShortValue(32767), ""},
		{schema.Integer, "+5", schema.IntegerValue(5), "5"},
		{schema.Integer, " 5 ", schema.IntegerValue(5), "5"},
		{schema.Long, "-9223372036854775808", schema.LongValue(math.MinInt64), ""},
		{schema.Float, "1.0", schema.FloatValue(1), ""},
		{schema.Float, "0.1", schema.FloatValue(0.1), ""},
		{schema.Double, "1.0E10", schema.DoubleValue(1e10), ""},
		{schema.Double, "1e10", schema.DoubleValue(1e10), "1.0E10"},
		{schema.Double, "1", schema.DoubleValue(1), "1.0"},
		{schema.Double, "NaN", schema.DoubleValue(math.NaN()), ""},
		{schema.Double, "Infinity", schema.DoubleValue(math.Inf(1)), ""},
		{schema.Float, "-Infinity", schema.FloatValue(float32(math.Inf(-1))), ""},
		{schema.Double, "-0.0", schema.DoubleValue(0), ""},
		{dec(10, 2), "12.00", decimalValue(t, "12.00"), ""},
		{dec(10, 2), "12", decimalValue(t, "12"), "12.00"},
		{dec(10, 2), "1.2E1", decimalValue(t, "12"), "12.00"},
		{dec(38, 18), "200.000000000000000000", decimalValue(t, "200"), ""},
		{dec(20, 5), "-0.00001", decimalValue(t, "-0.00001"), ""},
		{schema.String, "a %20/+ é", schema.StringValue("a %20/+ é"), ""},
		{schema.String, "__HIVE_DEFAULT_PARTITION__", schema.StringValue("__HIVE_DEFAULT_PARTITION__"), ""},
		{schema.Binary, "\x01\x02", schema.BinaryValue("\x01\x02"), ""},
		{schema.Date, "2024-01-01", schema.DateValue(19723), ""},
		{schema.Date, "-0001-01-01", schema.DateValue(-719893), ""},
		{schema.Date, "+10000-01-01", schema.DateValue(2932897), ""},
		{schema.Timestamp, "2024-01-01 10:00:00", schema.TimestampValue(at), "2024-01-01T10:00:00.000000Z"},
		{schema.Timestamp, "2024-01-01T10:00:00.000000Z", schema.TimestampValue(at), ""},
		{schema.Timestamp, "2024-01-01T02:00:00.000-08:00", schema.TimestampValue(at), "2024-01-01T10:00:00.000000Z"},
		{schema.TimestampNTZ, "2024-01-01 10:00:00", schema.TimestampNTZValue(at), ""},
		{schema.TimestampNTZ, "2024-01-01 10:00:00.5", schema.TimestampNTZValue(at + 500000), "2024-01-01 10:00:00.500000"},
	} {
		v, err := schema.ParsePartition(c.t, &c.text, nil)
		require.NoError(t, err, c.text)
		require.Equal(t, c.t.Kind(), v.Kind())
		require.Zero(t, schema.Compare(c.want, v), "%s: %s", c.text, v)
		out, err := schema.FormatPartition(v)
		require.NoError(t, err)
		if c.out == "" {
			c.out = c.text
		}
		require.Equal(t, c.out, *out)
	}
}

func TestPartitionTimestampsAreInTheWritersZone(t *testing.T) {
	t.Parallel()
	loc := time.FixedZone("writer", -8*3600)
	o := &schema.PartitionOptions{Location: loc}
	v, err := schema.ParsePartition(schema.Timestamp, ptr("2024-01-01 02:00:00"), o)
	require.NoError(t, err)
	require.Equal(t, int64(1704103200_000000), v.Int64())
	v, err = schema.ParsePartition(schema.TimestampNTZ, ptr("2024-01-01 10:00:00"), o)
	require.NoError(t, err)
	require.Equal(t, int64(1704103200_000000), v.Int64())
}

func TestPartitionValuesThatDoNotParseAreErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		t    schema.DataType
		text string
	}{
		{schema.Boolean, "yes"},
		{schema.Byte, "128"},
		{schema.Short, "-32769"},
		{schema.Integer, "2147483648"},
		{schema.Integer, "1.5"},
		{schema.Long, "9223372036854775808"},
		{schema.Long, "0x10"},
		{schema.Float, "x"},
		{dec(3, 1), "100"},
		{dec(3, 1), "1.25"},
		{schema.Date, "2024-01-01x"},
		{schema.Timestamp, "now"},
		{schema.TimestampNTZ, "2024-01-01T00:00:00+01:00"},
		{schema.Variant, "{}"},
		{&schema.Struct{}, "x"},
		{schema.Void, "x"},
	} {
		v, err := schema.ParsePartition(c.t, &c.text, nil)
		require.Error(t, err, c.text)
		require.ErrorContains(t, err, c.t.String())
		require.True(t, v.IsNull())
	}
}

func TestFormatPartitionRefusesWhatTheLogCannotHold(t *testing.T) {
	t.Parallel()
	for _, v := range []schema.Value{schema.StringValue("a\xff"), schema.BinaryValue("\x80")} {
		_, err := schema.FormatPartition(v)
		require.ErrorContains(t, err, "not UTF-8")
	}
}

func TestPartitionKeysAreEqualForOnePartitionHoweverItIsWritten(t *testing.T) {
	t.Parallel()
	types := []schema.DataType{schema.Timestamp, dec(10, 2), schema.String}
	names := []string{"ts", "d", "s"}
	key := func(ts, d, s *string) string {
		k, err := schema.PartitionKey(types, map[string]*string{"ts": ts, "d": d, "s": s, "other": ptr("x")}, names)
		require.NoError(t, err)
		return k
	}
	a := key(ptr("2024-01-01 10:00:00"), ptr("1.0"), ptr(""))
	require.Equal(t, a, key(ptr("2024-01-01T10:00:00.000000Z"), ptr("1.00"), nil))
	require.NotEqual(t, a, key(ptr("2024-01-01 10:00:01"), ptr("1.0"), nil))
	require.NotEqual(t, a, key(ptr("2024-01-01 10:00:00"), ptr("1.01"), nil))
	require.NotEqual(t, a, key(ptr("2024-01-01 10:00:00"), ptr("1.0"), ptr("null")))
	require.NotEqual(t, a, key(nil, ptr("1.0"), nil))

	absent, err := schema.PartitionKey(types, nil, names)
	require.NoError(t, err)
	require.Equal(t, key(nil, nil, nil), absent)
	none, err := schema.PartitionKey(nil, nil, nil)
	require.NoError(t, err)
	require.Empty(t, none)
}

func TestPartitionKeyOfAnUnreadableValueIsItsText(t *testing.T) {
	t.Parallel()
	types, names := []schema.DataType{schema.Integer, schema.Date}, []string{"i", "my day"}
	key := func(i, d string) (string, error) {
		return schema.PartitionKey(types, map[string]*string{"i": &i, "my day": &d}, names)
	}
	a, err := key("1x", "soon")
	require.ErrorContains(t, err, "partition column i: ")
	require.ErrorContains(t, err, "partition column `my day`: ")
	b, err := key("1x", "soon")
	require.Error(t, err)
	require.Equal(t, a, b)
	c, err := key("1x", "later")
	require.Error(t, err)
	require.NotEqual(t, a, c)
	d, err := key("1", "2024-01-01")
	require.NoError(t, err)
	require.NotEqual(t, a, d)
	raw, err := schema.PartitionKey(types[:1], map[string]*string{"i": ptr("1x")}, names[:1])
	require.Error(t, err)
	typed, err := schema.PartitionKey([]schema.DataType{schema.String}, map[string]*string{"i": ptr("1x")}, names[:1])
	require.NoError(t, err)
	require.NotEqual(t, raw, typed)
}

func TestPartitionValuesOfOtherEngines(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/partitions/*.tsv")
	require.NoError(t, err)
	n := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for line := range strings.Lines(string(text)) {
			part := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
			require.Len(t, part, 3)
			s, err := schema.Parse(`{"type":"struct","fields":[{"name":"p","nullable":true,"type":"` + part[1] + `"}]}`)
			require.NoError(t, err, line)
			var value string
			require.NoError(t, json.Unmarshal([]byte(part[2]), &value))
			v, err := schema.ParsePartition(s.Fields[0].Type, &value, nil)
			require.NoError(t, err, line)
			require.Equal(t, value == "", v.IsNull(), line)
			out, err := schema.FormatPartition(v)
			require.NoError(t, err, line)
			back, err := schema.ParsePartition(s.Fields[0].Type, out, nil)
			require.NoError(t, err, line)
			require.True(t, v.Equal(back), line)
			if out != nil && !strings.HasPrefix(part[1], "timestamp") && value != "1.17549435E-38" {
				require.Equal(t, value, *out, "written as Spark does")
			}
			n++
		}
	}
	require.Greater(t, n, 100)
}

func FuzzPartitionValue(f *testing.F) {
	for i, s := range []string{"true", "-1", "1.0E10", "NaN", "12.00", "2024-01-01", "2024-01-01 10:00:00", "\x01\x02", "+10000-01-01T00:00:00Z"} {
		f.Add(i, s)
	}
	types := allPrimitives()
	f.Fuzz(func(t *testing.T, k int, text string) {
		typ := types[uint(k)%uint(len(types))]
		v, err := schema.ParsePartition(typ, &text, nil)
		if err != nil {
			return
		}
		s, err := schema.FormatPartition(v)
		if err != nil {
			return
		}
		back, err := schema.ParsePartition(typ, s, nil)
		require.NoError(t, err)
		require.True(t, v.Equal(back), "%q: %s, %s", text, v, back)
		require.Equal(t, v.AppendKey(nil), back.AppendKey(nil))
	})
}

func BenchmarkPartitionKey(b *testing.B) {
	types, names := []schema.DataType{schema.Date, schema.String}, []string{"day", "region"}
	values := map[string]*string{"day": ptr("2024-01-01"), "region": ptr("eu-west-1")}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := schema.PartitionKey(types, values, names); err != nil {
			b.Fatal(err)
		}
	}
}
