package writer_test

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
	"github.com/deltalog/deltalog/txlog/schema"
	"github.com/deltalog/deltalog/writer"
)

var everyType = fields(
	"b", schema.Boolean, "i8", schema.Byte, "i16", schema.Short, "i32", schema.Integer, "i64", schema.Long,
	"f32", schema.Float, "f64", schema.Double, "s", schema.String, "bin", schema.Binary, "d", schema.Date,
	"ts", schema.Timestamp, "ntz", schema.TimestampNTZ, "dec9", schema.Decimal{Precision: 9, Scale: 2},
	"dec18", schema.Decimal{Precision: 18, Scale: 3}, "dec38", schema.Decimal{Precision: 38, Scale: 10},
)

const (
	someValues = `{"b":true,"i8":-128,"i16":-32768,"i32":-2147483648,"i64":-9223372036854775808,"f32":1.5,"f64":-2.5,"s":"ü ","bin":"AAE=","d":"1969-12-31",` +
		`"ts":"2026-01-05T01:02:03.456789Z","ntz":"2026-01-05T01:02:03.456789","dec9":"-1.25","dec18":"123456789012345.678","dec38":"1234567890123456789012345678.0123456789"}`
	otherValues = `{"b":false,"i8":127,"i16":32767,"i32":2147483647,"i64":9223372036854775807,"f32":-0.0,"f64":0.1,"s":"","bin":"","d":"9999-12-31",` +
		`"ts":"1969-12-31T23:59:59.999999Z","ntz":"0001-01-01T00:00:00","dec9":"9999999.99","dec18":"0.001","dec38":"-0.0000000001"}`
)

func TestEveryTypeAsData(t *testing.T) {
	t.Parallel()
	for _, codec := range []string{"", "snappy", "zstd", "gzip", "lz4", "lz4_raw", "none", "uncompressed", "ZSTD"} {
		for _, version := range []string{"1.0.0", "2.6.0"} {
			st := memstore.New(nil)
			c := config(st, everyType)
			c.Properties = txlog.Properties{"delta.parquet.format.version": version}
			if codec != "" {
				c.Properties["delta.parquet.compression.codec"] = codec
			}
			out := mustWrite(t, c, batch(t, arrowOf(everyType), someValues, otherValues, `{}`))
			require.Equal(t, int64(3), out.Rows)
			require.Equal(t, []string{
				"true | -128 | -32768 | -2147483648 | -9223372036854775808 | 1.5 | -2.5 | ü  | AAE= | 1969-12-31 | 2026-01-05T01:02:03.456789Z | 2026-01-05T01:02:03.456789 | -1.25 | 123456789012345.678 | 1234567890123456789012345678.0123456789",
				"false | 127 | 32767 | 2147483647 | 9223372036854775807 | -0 | 0.1 |  |  | 9999-12-31 | 1969-12-31T23:59:59.999999Z | 0001-01-01T00:00:00 | 9999999.99 | 0.001 | -1e-10",
				strings.TrimSuffix(strings.Repeat("(null) | ", 15), " | "),
			}, allRows(t, st, out, everyType))
		}
	}
}

func TestFileNamesTellTheCodec(t *testing.T) {
	t.Parallel()
	for codec, want := range map[string]string{
		"snappy": "part-00000-id-0001-c000.snappy.parquet", "zstd": "part-00000-id-0001-c000.zstd.parquet",
		"gzip": "part-00000-id-0001-c000.gz.parquet", "none": "part-00000-id-0001-c000.parquet",
	} {
		c := config(memstore.New(nil), everyType)
		c.Properties = txlog.Properties{"delta.parquet.compression.codec": codec}
		out := mustWrite(t, c, batch(t, arrowOf(everyType), someValues))
		require.Equal(t, want, out.Files[0].Path)
	}
	c := config(memstore.New(nil), everyType)
	c.Properties = txlog.Properties{"delta.parquet.compression.codec": "brotli"}
	_, err := writer.New(c)
	require.ErrorContains(t, err, `delta.parquet.compression.codec is "brotli"`)
}

// Each value of a type is a partition; rows keep their order in it.
func TestEveryTypeAsPartition(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		typ    schema.DataType
		values []string // in JSON
		want   []string // partitions in order of first rows
	}{
		{schema.Boolean, []string{`true`, `null`, `false`, `true`}, []string{"true", "null", "false"}},
		{schema.Byte, []string{`-128`, `127`, `null`}, []string{"-128", "127", "null"}},
		{schema.Short, []string{`null`, `-32768`, `0`}, []string{"null", "-32768", "0"}},
		{schema.Integer, []string{`1`, `2`, `1`, `-2147483648`}, []string{"1", "2", "-2147483648"}},
		{schema.Long, []string{`9223372036854775807`, `0`}, []string{"9223372036854775807", "0"}},
		{schema.Float, []string{`-0.0`, `0.0`, `"NaN"`, `1.5`, `"NaN"`, `"+Inf"`}, []string{"0.0", "NaN", "1.5", "Infinity"}},
		{schema.Double, []string{`"NaN"`, `0.0`, `-0.0`, `1e10`, `"-Inf"`}, []string{"NaN", "0.0", "1.0E10", "-Infinity"}},
		{schema.String, []string{`"a"`, `""`, `null`, `" x/y=%20"`, `"日本"`, `"a"`, `"A"`}, []string{"a", "null", " x/y=%20", "日本", "A"}},
		{schema.Binary, []string{`"AQI="`, `""`, `null`, `"YQ=="`}, []string{"\x01\x02", "null", "a"}},
		{schema.Date, []string{`"2026-01-05"`, `"1969-12-31"`, `null`}, []string{"2026-01-05", "1969-12-31", "null"}},
		{schema.Timestamp, []string{`"2026-01-05T01:02:03.456789Z"`, `"1969-12-31T23:59:59Z"`}, []string{"2026-01-05T01:02:03.456789Z", "1969-12-31T23:59:59.000000Z"}},
		{schema.TimestampNTZ, []string{`"2026-01-05T01:02:03"`, `null`}, []string{"2026-01-05 01:02:03", "null"}},
		{schema.Decimal{Precision: 5, Scale: 2}, []string{`"1.00"`, `"-0.01"`, `"1.0"`}, []string{"1.00", "-0.01"}},
		{schema.Decimal{Precision: 38, Scale: 0}, []string{`"99999999999999999999999999999999999999"`, `"0"`}, []string{"99999999999999999999999999999999999999", "0"}},
	} {
		t.Run(c.typ.String(), func(t *testing.T) {
			t.Parallel()
			s := fields("p", c.typ, "n", schema.Long)
			var rows []string
			for i, v := range c.values {
				rows = append(rows, fmt.Sprintf(`{"n":%d,"p":%s}`, i, v))
			}
			st := memstore.New(nil)
			out := mustWrite(t, config(st, s, "p"), batch(t, arrowOf(s), rows...))
			var got []string
			n := 0
			plain := regexp.MustCompile(`^[A-Za-z0-9._=/-]+$`)
			for i, p := range out.Partitions {
				f := &out.Files[i]
				got = append(got, raw(p.Raw["p"]))
				require.Equal(t, p.Raw, f.PartitionValues)
				require.Regexp(t, plain, f.Path)
				read := rowsOf(t, st, f, fields("n", schema.Long))
				n += len(read)
				require.IsIncreasing(t, read) // of one digit
				// What is in the log means the value that was written.
				v, err := schema.ParsePartition(c.typ, p.Raw["p"], nil)
				require.NoError(t, err)
				require.True(t, v.Equal(p.Values[0]))
			}
			require.Equal(t, c.want, got)
			require.Len(t, out.Files, len(c.want))
			require.Equal(t, len(c.values), n)
		})
	}
}

func TestDirectories(t *testing.T) {
	t.Parallel()
	s := fields("a", schema.String, "b", schema.String, "n", schema.Long)
	row := func(a, b string) string { return fmt.Sprintf(`{"a":%q,"b":%q,"n":1}`, a, b) }
	dir := func(r string) string {
		c := config(memstore.New(nil), s, "b", "a")
		out := mustWrite(t, c, batch(t, arrowOf(s), r))
		d, _, _ := strings.Cut(out.Files[0].Path, "/part-")
		return d
	}
	require.Equal(t, "b=2026-01-05/a=eu", dir(row("eu", "2026-01-05")))
	require.Equal(t, "b=x/a=__HIVE_DEFAULT_PARTITION__", dir(row("", "x")))
	// Whatever is escaped somewhere gets a name of its own, the same each time.
	seen := map[string]bool{}
	for _, v := range []string{"a b", "a%20b", "a+b", "ä", "a:b", "..\\", strings.Repeat("x", 300)} {
		d := dir(row("x", v))
		require.Regexp(t, `^p-[0-9a-f]{16}$`, d)
		require.False(t, seen[d])
		require.Equal(t, d, dir(row("x", v)))
		seen[d] = true
	}
	// Names lead nowhere else.
	require.Equal(t, "p-", dir(row("x", "../../up"))[:2])
	hidden := fields("_h", schema.String, "n", schema.Long)
	out := mustWrite(t, config(memstore.New(nil), hidden, "_h"), batch(t, arrowOf(hidden), `{"_h":"x","n":1}`))
	require.Regexp(t, `^p-[0-9a-f]{16}/`, out.Files[0].Path)
}

func TestRandomPrefixes(t *testing.T) {
	t.Parallel()
	s := fields("p", schema.Long, "n", schema.Long)
	c := config(memstore.New(nil), s, "p")
	c.Properties = txlog.Properties{"delta.randomizeFilePrefixes": "true", "delta.randomPrefixLength": "3"}
	out := mustWrite(t, c, batch(t, arrowOf(s), `{"p":1,"n":1}`, `{"p":2,"n":2}`))
	require.Equal(t, "002/part-00000-id-0001-c000.snappy.parquet", out.Files[0].Path)
	require.Equal(t, "004/part-00001-id-0003-c000.snappy.parquet", out.Files[1].Path)
}

func TestRowsAfterEmptyAndColumnlessBatches(t *testing.T) {
	t.Parallel()
	s := fields("p", schema.String, "n", schema.Long)
	st := memstore.New(nil)
	none := batch(t, arrowOf(s))
	require.Zero(t, none.NumRows())
	nothing := arrow.NewSchema(nil, nil)
	c := config(st, s, "p")
	c.Digest = true
	rec := array.NewRecordBatch(nothing, nil, 2)
	require.Equal(t, int64(2), rec.NumRows())
	out := mustWrite(t, c, none, rec, none, batch(t, arrowOf(s), `{"p":"x","n":1}`), none)
	require.Equal(t, int64(3), out.Rows)
	require.Equal(t, []string{"(null)", "(null)", "1"}, allRows(t, st, out, fields("n", schema.Long)))

	out = mustWrite(t, config(st, s, "p"), none)
	require.Empty(t, out.Files)
	require.Zero(t, out.Rows)
	require.Empty(t, mustWrite(t, config(st, s, "p")).Files)
}

func TestColumnsByName(t *testing.T) {
	t.Parallel()
	s := fields("a", schema.Long, "b", schema.String, "c", schema.Date, "v", schema.Void)
	st := memstore.New(nil)
	in := fields("B", schema.String, "a", schema.Integer)
	out := mustWrite(t, config(st, s), batch(t, arrowOf(in), `{"B":"x","a":7}`))
	require.Equal(t, []string{"7 | x | (null)"}, allRows(t, st, out, fields("a", schema.Long, "b", schema.String, "c", schema.Date)))
	require.Equal(t, `{"numRecords":1,"minValues":{"a":7,"b":"x"},"maxValues":{"a":7,"b":"x"},"nullCount":{"a":0,"b":0,"c":1}}`, out.Files[0].Stats)

	_, err := write(t, config(st, s), batch(t, arrowOf(fields("a", schema.Long, "A", schema.Long)), `{}`))
	require.ErrorContains(t, err, "columns a and A; names must differ in more than case")
	_, err = write(t, config(st, s), batch(t, arrowOf(fields("z", schema.Long)), `{}`))
	var m *schema.MismatchError
	require.ErrorAs(t, err, &m)
	require.Equal(t, "z", m.Column)
	require.ErrorContains(t, err, "let the schema grow")
}

// A schema that changes from batch to batch is cast anew.
func TestBatchesOfDifferentSchemas(t *testing.T) {
	t.Parallel()
	s := fields("a", schema.Long, "b", schema.Double)
	st := memstore.New(nil)
	out := mustWrite(t, config(st, s),
		batch(t, arrowOf(fields("a", schema.Byte, "b", schema.Float)), `{"a":1,"b":0.5}`),
		batch(t, arrowOf(fields("b", schema.Integer, "a", schema.Short)), `{"a":2,"b":3}`),
		batch(t, arrowOf(fields("a", schema.Void)), `{"a":null}`))
	require.Equal(t, []string{"1 | 0.5", "2 | 3", "(null) | (null)"}, allRows(t, st, out, s))
}

func TestConfigsThatAreRefused(t *testing.T) {
	t.Parallel()
	s := fields("p", schema.Long, "x", &schema.Array{Element: schema.Long}, "v", schema.Void)
	st := memstore.New(nil)
	for want, c := range map[string]*writer.Config{
		"needs a Schema and a Store":         {Store: st},
		"needs a Schema and a Store ":        {Schema: s},
		"negative limit":                     {Store: st, Schema: s, MaxMemory: -1},
		`"q" is not in the schema`:           {Store: st, Schema: s, PartitionColumns: []string{"q"}},
		`"p" is not in the schema, or named`: {Store: st, Schema: s, PartitionColumns: []string{"p", "p"}},
		"x cannot be a partition column":     {Store: st, Schema: s, PartitionColumns: []string{"x"}},
		"v cannot be a partition column":     {Store: st, Schema: s, PartitionColumns: []string{"v"}},
		"no column":                          {Store: st, Schema: fields("p", schema.Long), PartitionColumns: []string{"p"}},
		"array":                              {Store: st, Schema: fields("p", schema.Long, "a", &schema.Array{Element: schema.Void})},
	} {
		_, err := writer.New(c)
		require.ErrorContains(t, err, strings.TrimSpace(want))
	}
	require.Empty(t, published(st))
}

func TestAdmitComesBeforeFiles(t *testing.T) {
	t.Parallel()
	s := fields("p", schema.String, "n", schema.Long)
	st := memstore.New(nil)
	no := errors.New("no")
	var seen []string
	c := config(st, s, "p")
	c.TargetFileSize = 1 // each run of rows is a file
	c.Admit = func(p writer.Partition, row int64) error {
		require.NotContains(t, published(st), "p="+raw(p.Raw["p"]))
		seen = append(seen, fmt.Sprint(raw(p.Raw["p"]), row))
		if p.Values[0].Text() == "bad" {
			return no
		}
		return nil
	}
	w, err := writer.New(c)
	require.NoError(t, err)
	a := arrowOf(s)
	require.NoError(t, w.Write(t.Context(), batch(t, a, `{"p":"x"}`, `{"p":"y"}`, `{"p":"x"}`)))
	err = w.Write(t.Context(), batch(t, a, `{"p":"y"}`, `{"p":"z"}`, `{"p":"bad"}`, `{"p":"never"}`))
	require.ErrorIs(t, err, no)
	require.Equal(t, []string{"x0", "y1", "z4", "bad5"}, seen)
	require.ErrorIs(t, w.Write(t.Context(), batch(t, a, `{"p":"x"}`)), no, "errors stick")
	_, err = w.Close(t.Context())
	require.ErrorIs(t, err, no)
	require.NoError(t, w.Abort(t.Context()))
	require.Empty(t, published(st))
}

func TestNoFiles(t *testing.T) {
	t.Parallel()
	s := fields("p", schema.String, "n", schema.Long)
	rec := batch(t, arrowOf(s), `{"p":"x","n":1}`, `{"p":"y","n":2}`)
	count := config(nil, s, "p")
	count.NoFiles, count.Digest = true, true
	a := mustWrite(t, count, rec)
	full := config(memstore.New(nil), s, "p")
	full.Digest = true
	b := mustWrite(t, full, rec)
	require.Empty(t, a.Files)
	require.Len(t, b.Files, 2)
	require.Equal(t, b.Rows, a.Rows)
	require.Equal(t, b.Partitions, a.Partitions)
	require.Equal(t, b.Digest.Sum(""), a.Digest.Sum(""))
}

func TestCloseAndAbortTwice(t *testing.T) {
	t.Parallel()
	s := fields("n", schema.Long)
	st := memstore.New(nil)
	w, err := writer.New(config(st, s))
	require.NoError(t, err)
	require.NoError(t, w.Write(t.Context(), batch(t, arrowOf(s), `{"n":1}`)))
	out, err := w.Close(t.Context())
	require.NoError(t, err)
	require.Len(t, published(st), 1)
	_, err = w.Close(t.Context())
	require.ErrorContains(t, err, "closed")
	require.Error(t, w.Write(t.Context(), batch(t, arrowOf(s), `{"n":1}`)))
	require.Len(t, published(st), 1, "a second Close takes nothing away")
	require.Len(t, out.Files, 1)
	require.NoError(t, w.Abort(t.Context()))
	require.Empty(t, published(st), "whoever has no commit may take files back")
	require.NoError(t, w.Abort(t.Context()))
}

func TestProgressGoesUp(t *testing.T) {
	t.Parallel()
	s := fields("p", schema.Long, "n", schema.Long)
	c := config(memstore.New(nil), s, "p")
	c.TargetFileSize = 1
	var last writer.Progress
	c.Progress = func(p writer.Progress) {
		require.GreaterOrEqual(t, p.Rows, last.Rows)
		require.GreaterOrEqual(t, p.Files, last.Files)
		last = p
	}
	var recs []arrow.RecordBatch
	for i := range 20 {
		recs = append(recs, batch(t, arrowOf(s), fmt.Sprintf(`{"p":%d,"n":1}`, i)))
	}
	out := mustWrite(t, c, recs...)
	var size int64
	for _, f := range out.Files {
		size += f.Size
	}
	require.Equal(t, writer.Progress{Rows: 20, Bytes: size, Files: 20}, last)
}

func TestDataFileIsAnAdd(t *testing.T) {
	t.Parallel()
	s := fields("p", schema.String, "n", schema.Long)
	out := mustWrite(t, config(memstore.New(nil), s, "p"), batch(t, arrowOf(s), `{"p":"x","n":1}`))
	add := out.Files[0].AddFile()
	require.Equal(t, "p=x/part-00000-id-0001-c000.snappy.parquet", add.Path)
	require.Equal(t, int64(1_770_000_000_000), add.ModificationTime)
	require.True(t, add.DataChange)
	require.Equal(t, out.Files[0].Size, add.Size)
	require.Equal(t, "x", *add.PartitionValues["p"])
}
