package schema_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/deltalog/deltalog/txlog/schema"
	"github.com/stretchr/testify/require"
)

func TestDatesAgreeWithTheTimePackage(t *testing.T) {
	t.Parallel()
	check := func(days int32) {
		text := string(schema.AppendDate(nil, days))
		back, ok := schema.ParseDate(text)
		require.True(t, ok, text)
		require.Equal(t, days, back, text)
		at := time.Unix(int64(days)*86400, 0).UTC()
		if y := at.Year(); y >= 0 && y <= 9999 {
			require.Equal(t, at.Format(time.DateOnly), text)
		} else if y > 9999 {
			require.Equal(t, "+"+at.Format("2006-01-02"), text)
		}
	}
	for days := int32(-800_000); days < 3_100_000; days += 37 { // before year 0 to after 10000
		check(days)
	}
	for _, days := range []int32{math.MinInt32, math.MaxInt32, 0, -1, -719163, -719162, 2932896, 2932897} {
		check(days)
	}
	for text, days := range map[string]int32{
		"1970-01-01": 0, "0001-01-01": -719162, "0000-12-31": -719163, "-0001-12-31": -719529, "9999-12-31": 2932896,
		"+10000-01-01": 2932897, "10000-01-01": 2932897, "2024-2-9": 19762, "+5881580-07-11": math.MaxInt32, "-5877641-06-23": math.MinInt32,
		"2000-02-29": 11016,
	} {
		got, ok := schema.ParseDate(text)
		require.True(t, ok, text)
		require.Equal(t, days, got, text)
	}
	for _, text := range []string{
		"", "2024", "2024-01", "2024-01-", "2024-00-01", "2024-13-01", "2024-01-00", "2024-01-32", "2023-02-29", "1900-02-29",
		"2024-04-31", "24-01-01", "2024/01/01", "2024-01-01T", "2024-01-01 00:00:00", " 2024-01-01", "+-2024-01-01", "2024-01-011", "2024--1-01",
		"+5881580-07-12", "-5877641-06-22", "99999999-01-01", "２０２４-01-01",
	} {
		_, ok := schema.ParseDate(text)
		require.False(t, ok, text)
	}
}

func TestTimestampsAgreeWithTheTimePackage(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(5, 6))
	for i := range 8_000 {
		us := rng.Int64N(2*253402300800_000000) - 62135596800_000000
		if i < 2000 {
			us = int64(i-1000) * 333_333
		}
		at := time.UnixMicro(us).UTC()
		text := string(schema.AppendTimestamp(nil, us))
		if y := at.Year(); y >= 0 && y <= 9999 {
			require.Equal(t, at.Format("2006-01-02T15:04:05.000000Z"), text)
			require.Equal(t, at.Format("2006-01-02T15:04:05.000"), string(schema.AppendDateTime(nil, us, 'T', 3)))
		}
		back, ok := schema.ParseTimestamp(text, nil)
		require.True(t, ok, text)
		require.Equal(t, us, back, text)
		ntz := string(schema.AppendTimestampNTZ(nil, us))
		back, ok = schema.ParseTimestampNTZ(ntz)
		require.True(t, ok, ntz)
		require.Equal(t, us, back, ntz)
	}
}

func TestTimestampSpellings(t *testing.T) {
	t.Parallel()
	const day = 1704067200_000000 // 2024-01-01
	for text, want := range map[string]int64{
		"2024-01-01T10:00:00.000000Z": day + 36000_000000, "2024-01-01 10:00:00": day + 36000_000000, "2024-01-01 10:00:00.1": day + 36000_100000,
		"2024-01-01T10:00:00.123456789Z": day + 36000_123456, "2024-1-1 1:2:3": day + 3723_000000, "2024-01-01T10:00": day + 36000_000000,
		"2024-01-01": day, "2024-01-01Z": day, "2024-01-01T00:00:00.000-08:00": day + 8*3600_000000, "2024-01-01T00:00:00+0530": day - 19800_000000,
		"2024-01-01T00:00:00+05": day - 18000_000000, "2024-01-01T00:00:00 UTC": day, "2024-01-01 00:00:00 +01:00": day - 3600_000000,
		"2024-01-01T00:00:00-00:00:01": day + 1_000000, "1969-12-31T23:59:59.999999Z": -1, "1969-12-31T23:59:59.9999999Z": -1,
		"2024-01-01T00:00:00.": day, "-290308-12-21T19:59:05.224192Z": math.MinInt64, "+294247-01-10T04:00:54.775807Z": math.MaxInt64,
	} {
		got, ok := schema.ParseTimestamp(text, nil)
		require.True(t, ok, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{
		"", "x", "2024-01-01T", "2024-01-01T10", "2024-01-01T24:00:00Z", "2024-01-01T10:60:00Z", "2024-01-01T10:00:60Z",
		"2024-01-01T10:00:00X", "2024-01-01T10:00:00+", "2024-01-01T10:00:00+1", "2024-01-01T10:00:00+19:00", "2024-01-01T10:00:00+01:60",
		"2024-01-01T10:00:00+01:", "2024-01-01T10:00:00+010", "2024-01-01T10:00:00 ", "2024-01-01T10:00:00Z ", "2024-02-30T00:00:00Z", "2024-01-01_10:00:00",
		"+294247-01-10T04:00:54.775808Z", "-290308-12-21T19:59:05.224191Z", "+9999999-01-01T00:00:00Z", "-9999999-01-01T00:00:00Z",
	} {
		_, ok := schema.ParseTimestamp(text, nil)
		require.False(t, ok, text)
	}
	got, ok := schema.ParseTimestampNTZ("2024-01-01T00:00:00.5Z")
	require.True(t, ok)
	require.Equal(t, int64(day+500000), got)
	_, ok = schema.ParseTimestampNTZ("2024-01-01T00:00:00+01:00")
	require.False(t, ok)
}

func TestTimestampsWithoutZoneAreInTheLocation(t *testing.T) {
	t.Parallel()
	loc := time.FixedZone("x", -8*3600)
	got, ok := schema.ParseTimestamp("2000-01-01 00:00:00", loc)
	require.True(t, ok)
	require.Equal(t, time.Date(2000, 1, 1, 0, 0, 0, 0, loc).UnixMicro(), got)
	got, ok = schema.ParseTimestamp("0001-01-01T00:00:00.000001", loc)
	require.True(t, ok)
	require.Equal(t, time.Date(1, 1, 1, 0, 0, 0, 1000, loc).UnixMicro(), got)
	zoned, ok := schema.ParseTimestamp("2000-01-01 00:00:00Z", loc)
	require.True(t, ok)
	require.Equal(t, int64(946684800_000000), zoned)
}

func FuzzParseTimestamp(f *testing.F) {
	for _, s := range []string{"2024-01-01T10:00:00.000000Z", "2024-1-1 1:2", "+10000-01-01T00:00:00.1-08:00", "-0001-12-31", "1969-12-31T23:59:59.9999999Z"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if us, ok := schema.ParseTimestamp(text, nil); ok {
			back, ok := schema.ParseTimestamp(string(schema.AppendTimestamp(nil, us)), nil)
			require.True(t, ok)
			require.Equal(t, us, back)
		}
		if at, err := time.Parse(time.RFC3339Nano, text); err == nil && at.Year() > 0 && !strings.Contains(text, ",") {
			us, ok := schema.ParseTimestamp(text, nil)
			if _, offset := at.Zone(); offset > 18*3600 || offset < -18*3600 {
				return
			}
			if len(text) > 10 && text[10] != 'T' {
				return
			}
			require.True(t, ok, text)
			require.Equal(t, at.UnixMicro(), us, text)
		}
		if days, ok := schema.ParseDate(text); ok {
			back, ok := schema.ParseDate(string(schema.AppendDate(nil, days)))
			require.True(t, ok)
			require.Equal(t, days, back)
		}
	})
}

func BenchmarkParseTimestamp(b *testing.B) {
	for b.Loop() {
		if _, ok := schema.ParseTimestamp("2024-01-01T10:00:00.000000Z", nil); !ok {
			b.Fatal()
		}
	}
}

func BenchmarkAppendTimestamp(b *testing.B) {
	buf := make([]byte, 0, 64)
	for b.Loop() {
		buf = schema.AppendTimestamp(buf[:0], 1704103200_123456)
	}
}
