package files

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/txlog/schema"
)

func TestCSVTypesAreInferredWithoutLoss(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ values, kind string }{
		{"1\n-2\n9223372036854775807", "bigint"},
		{"9223372036854775808\n1", "string"}, // no bigint, and no double has its digits
		{"1\n2.5\n1e3", "double"},
		{"9007199254740993\n0.5", "string"}, // 2^53+1 is no double
		{"9007199254740992\n0.5", "double"},
		{"0.12345678901234567891", "string"},
		{"1e-400", "string"},
		{"1e400", "string"},
		{"0.1\nNaN\n-inf", "double"},
		{"nan\ninf", "string"}, // names, for all that is known
		{"007\n1", "string"},
		{"+1\n1", "string"},
		{"0x1p3\n1", "string"},
		{"1_000\n1", "string"},
		{"0\n-0.5\n00.5", "string"},
		{"true\nFALSE", "boolean"},
		{"true\n1", "string"},
		{"2013-01-01\n1969-12-31", "date"},
		{"2013-1-1\n2013-01-02", "string"},
		{"2013-02-30", "string"},
		{"2013-01-01T10:00:00Z\n2013-01-01 10:00:00", "timestamp"},
		{"2013-01-01T10:00:00.123456Z", "timestamp"},
		{"2013-01-01T10:00:00.1234567Z", "string"},
		{"2013-01-01\n2013-01-01T10:00:00Z", "string"},
		{"x\n1", "string"},
		{`""`, "string"},
	} {
		out := readText(t, "x.csv", "a,b\n"+strings.ReplaceAll(c.values, "\n", ",0\n")+",0\n", nil)
		require.NoError(t, out.err, c.values)
		require.Equal(t, "struct<a:"+c.kind+",b:bigint>", out.types, c.values)
	}
}

func TestCSVReadsTheTablesTypes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		typ        schema.DataType
		text, want string
	}{
		{schema.Boolean, "TRUE", "true"},
		{schema.Byte, "-128", "-128"},
		{schema.Short, "32767", "32767"},
		{schema.Integer, "+2147483647", "2147483647"},
		{schema.Long, "-9223372036854775808", "-9223372036854775808"},
		{schema.Long, "007", "7"},
		{schema.Long, "1.0", "1"},
		{schema.Long, "1e3", "1000"},
		{schema.Long, "000000000000000000000000000000000000000000012", "12"},
		{schema.Float, "0.1", "0.1"},
		{schema.Double, "1e300", "1.0E300"},
		{schema.Double, "-Infinity", `"-Infinity"`},
		{schema.Double, "nan", `"NaN"`},
		{schema.Decimal{Precision: 38, Scale: 2}, "123456789012345678901234567890123456.78", "123456789012345678901234567890123456.78"},
		{schema.Decimal{Precision: 4, Scale: 2}, "-1.5", "-1.50"},
		{schema.String, "007", `"007"`},
		{schema.String, "äöü €", `"äöü €"`},
		{schema.Binary, "AAEC/w==", `"AAEC/w=="`},
		{schema.Date, "0001-01-01", `"0001-01-01"`},
		{schema.Timestamp, "2013-01-01 10:00:00", `"2013-01-01T10:00:00.000000Z"`},
		{schema.Timestamp, "2013-01-01T10:00:00.5+02:00", `"2013-01-01T08:00:00.500000Z"`},
		{schema.Timestamp, "2013-01-01T10:00:00.123456000Z", `"2013-01-01T10:00:00.123456Z"`},
		{schema.TimestampNTZ, "2013-01-01T10:00:00", `"2013-01-01T10:00:00.000000"`},
		{schema.Void, "", "null"},
		{table("x", schema.Long, "y", &schema.Array{Element: schema.Boolean, ContainsNull: true}), `"{""y"":[true,null]}"`, `{"x":null,"y":[true,null]}`},
		{&schema.Map{Key: schema.Integer, Value: schema.String, ValueContainsNull: true}, `"{""7"":""x""}"`, `{"7":"x"}`},
	} {
		out := readText(t, "x.csv", "i,a\n1,"+c.text+"\n", &Options{Schema: table("a", c.typ)})
		require.NoError(t, out.err, "%s %s", c.typ, c.text)
		require.Equal(t, []string{`{"i":1,"a":` + c.want + `}`}, out.rows, "%s", c.typ)
	}
}

func TestCSVRefusesWhatIsNoValue(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		typ  schema.DataType
		text string
		says string
	}{
		{schema.Boolean, "maybe", `"maybe" is no boolean`},
		{schema.Byte, "128", "out of the range of tinyint"},
		{schema.Short, "-32769", "out of the range of smallint"},
		{schema.Integer, "2147483648", "out of the range of int"},
		{schema.Long, "9223372036854775808", "out of the range of bigint"},
		{schema.Long, "99999999999999999999999999999999999999999999", "out of the range"},
		{schema.Long, "1.5", "it has a fraction"},
		{schema.Long, "-", "is no bigint"},
		{schema.Long, " 1", "is no bigint"},
		{schema.Long, "1a", "is no bigint"},
		{schema.Float, "1e39", "out of the range of float"},
		{schema.Double, "1e309", "out of the range of double"},
		{schema.Double, "1,5", "the line has 3 fields"},
		{schema.Decimal{Precision: 4, Scale: 2}, "1.234", "or has more digits"},
		{schema.Decimal{Precision: 4, Scale: 2}, "100", "or has more digits"},
		{schema.Binary, "not base64!", "want base64"},
		{schema.Date, "01/02/2013", "want yyyy-MM-dd"},
		{schema.Date, "2013-02-29", "is no date"},
		{schema.Timestamp, "yesterday", "is no timestamp"},
		{schema.Timestamp, "2013-01-01T10:00:00.1234567Z", "beyond the microsecond"},
		{schema.TimestampNTZ, "2013-01-01T10:00:00+01:00", "without a zone"},
		{schema.Void, "x", "only null is"},
		{schema.String, "caf\xe9", "is not UTF-8"},
		{&schema.Array{Element: schema.Long}, "[1", "has as JSON"},
		{&schema.Array{Element: schema.Long}, "[1] 2", "something after"},
		{&schema.Array{Element: schema.Long}, "{}", "an object"},
	} {
		out := readText(t, "x.csv", "i,a\n1,\n2,"+c.text+"\n", &Options{Schema: table("a", c.typ)})
		column := "a"
		if strings.Contains(c.says, "fields") {
			column = ""
		}
		requireInput(t, out.err, 3, column, c.says)
	}
	v := schema.Variant
	requireInput(t, readText(t, "x.csv", "a\n1\n", &Options{Schema: table("a", v)}).err, 0, "a", "variant")
}

func TestCSVNamesNAAndWhatToDo(t *testing.T) {
	t.Parallel()
	const text = "id,delay\n1,5\n2,NA\n"
	o := &Options{Schema: table("id", schema.Long, "delay", schema.Integer)}
	requireInput(t, readText(t, "x.csv", text, o).err, 3, "delay", `"NA" is no int`, "--null NA")

	o.Null = []string{"NA", "-"}
	out := readText(t, "x.csv", text+"3,-\n4,\"NA\"\n", o)
	require.NoError(t, out.err)
	require.Equal(t, []string{`{"id":1,"delay":5}`, `{"id":2,"delay":null}`, `{"id":3,"delay":null}`, `{"id":4,"delay":null}`}, out.rows)
}

func TestCSVAfterTheSampleTypesHold(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("a,b\n")
	for range sampleRows {
		b.WriteString("1,x\n")
	}
	b.WriteString("1.5,x\n")
	requireInput(t, readText(t, "x.csv", b.String(), nil).err, sampleRows+2, "a", `"1.5" is no bigint`, "first 10000 rows")
	out := readText(t, "x.csv", b.String(), &Options{Schema: table("a", schema.Double)})
	require.NoError(t, out.err)
	require.Len(t, out.rows, sampleRows+1)
}

func TestCSVNullsAndEmptyStrings(t *testing.T) {
	t.Parallel()
	out := readText(t, "x.csv", "s,i\n,\n\"\",\"\"\n\"NA\",1\nNA,2\n", &Options{Schema: table("s", schema.String, "i", schema.Long), Null: []string{"NA"}})
	require.NoError(t, out.err)
	require.Equal(t, []string{`{"s":null,"i":null}`, `{"s":"","i":null}`, `{"s":"NA","i":1}`, `{"s":null,"i":2}`}, out.rows)
}

func TestCSVStructure(t *testing.T) {
	t.Parallel()
	two := func(rows ...string) []string { return rows }
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"CRLF", "a,b\r\n1,x\r\n2,y\r\n", two(`{"a":1,"b":"x"}`, `{"a":2,"b":"y"}`)},
		{"no line end", "a,b\n1,x", two(`{"a":1,"b":"x"}`)},
		{"CR at the end", "a,b\n1,x\r", two(`{"a":1,"b":"x"}`)},
		{"quoted at the end", "a,b\n1,\"x\"", two(`{"a":1,"b":"x"}`)},
		{"quoted, CR at the end", "a,b\n1,\"x\"\r", two(`{"a":1,"b":"x"}`)},
		{"null at the end", "a,b\n1,", two(`{"a":1,"b":null}`)},
		{"BOM", "\ufeffa,b\n1,x\n", two(`{"a":1,"b":"x"}`)},
		{"BOM and quotes", "\ufeff\"a\",\"b\"\n1,x\n", two(`{"a":1,"b":"x"}`)},
		{"blank lines", "\n\na,b\n\n1,x\n\r\n\n", two(`{"a":1,"b":"x"}`)},
		{"quotes", "a,b\n1,\"x, \"\"y\"\"\"\n", two(`{"a":1,"b":"x, \"y\""}`)},
		{"only quotes", "a,b\n1,\"\"\"\"\n", two(`{"a":1,"b":"\""}`)},
		{"line breaks", "a,b\n1,\"x\r\ny\n\"\n2,z\n", two(`{"a":1,"b":"x\r\ny\n"}`, `{"a":2,"b":"z"}`)},
		{"CR inside", "a,b\n1,x\ry\n", two(`{"a":1,"b":"x\ry"}`)},
		{"header in quotes", "\"a\",\"b\"\"c\"\n1,x\n", two(`{"a":1,"b\"c":"x"}`)},
		{"no rows", "a,b\n", nil},
		{"one column", "a\n1\n\n2\n", two(`{"a":1}`, `{"a":null}`, `{"a":2}`)},
	} {
		out := readText(t, "x.csv", c.text, nil)
		require.NoError(t, out.err, c.name)
		require.Equal(t, c.want, append([]string(nil), out.rows...), c.name)
	}
}

func TestCSVBrokenStructureNamesTheLine(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, text string
		line       int64
		says       string
	}{
		{"too few", "a,b\n1,2\n3\n", 3, "has 1 fields, where there are 2"},
		{"too many", "a,b\n1,2\n3,4,5\n", 3, "has 3 fields"},
		{"after a quoted line break", "a,b\n1,\"x\ny\"\n2\n", 4, "has 1 fields"},
		{"bare quote", "a,b\n1,x\"y\n", 2, "does not begin with one"},
		{"text after a quote", "a,b\n1,\"x\"y\n", 2, "text after the quote"},
		{"open quote", "a,b\n1,x\n2,\"y\n3,z\n", 3, "not closed"},
		{"empty", "", 0, "no header line"},
		{"only blank lines", "\n\n", 0, "no header line"},
		{"name twice", "a,b,A\n", 1, `"A" twice`},
		{"no name", "a,,c\n", 1, "column 2"},
		{"header not UTF-8", "a\xff,b\n", 1, "not UTF-8"},
		{"UTF-16", "\xff\xfea\x00,\x00b\x00\n\x00", 1, "not UTF-8"},
		{"header after blanks", "\n\n\"a\nb\",c\n1\n", 5, "1 fields"},
	} {
		out := readText(t, "x.csv", c.text, nil)
		requireInput(t, out.err, c.line, "", c.says)
	}
	many := strings.Repeat("a,", maxColumns) + "b"
	requireInput(t, readText(t, "x.csv", many, nil).err, 1, "", "twice")
}

func TestCSVOptions(t *testing.T) {
	t.Parallel()
	want := []string{`{"a":1,"b":"x,y"}`}
	require.Equal(t, want, readText(t, "x.tsv", "a\tb\n1\tx,y\n", nil).rows)
	require.Equal(t, want, readText(t, "x.csv", "a;b\n1;x,y\n", &Options{Delimiter: ';'}).rows)

	o := &Options{NoHeader: true, Schema: table("a", schema.Long, "b", schema.String)}
	require.Equal(t, []string{`{"a":1,"b":"x"}`}, readText(t, "x.csv", "\ufeff1,x\n", o).rows)
	require.NoError(t, readText(t, "x.csv", "", o).err)
	requireInput(t, readText(t, "x.csv", "1,x\n", &Options{NoHeader: true}).err, 0, "", "without a header")

	for _, r := range []rune{'"', '\n', '\r', 'é', -1} {
		_, err := Open(context.Background(), []string{"x.csv"}, &Options{Delimiter: r})
		require.ErrorContains(t, err, "delimiter")
		require.NotErrorAs(t, err, new(*InputError), "an option is no input")
	}
}

func TestCSVColumnsAreTheTablesByName(t *testing.T) {
	t.Parallel()
	// In any case; what the table lacks is inferred, what the file lacks is not there.
	out := readText(t, "x.csv", "ID,extra\n007,1\n", &Options{Schema: table("id", schema.String, "other", schema.Long)})
	require.NoError(t, out.err)
	require.Equal(t, "struct<id:string,extra:bigint>", out.types)
	require.Equal(t, []string{`{"id":"007","extra":1}`}, out.rows)
}

func TestCSVRecordsDoNotDependOnTheBuffer(t *testing.T) {
	t.Parallel()
	const text = "a,b\r\n\"x\"\"\"\"\ny\",1\r\n\n\"\",\r\n\"q\"\"\",\"\"\"\"\n,last\r"
	all := func(size int, r io.Reader) (records [][]string, lines []int64) {
		s := newCSVScanner(r, ',')
		s.buf = make([]byte, size)
		for {
			err := s.scan()
			if errors.Is(err, io.EOF) {
				return records, append(lines, s.line)
			}
			require.NoError(t, err)
			var rec []string
			for _, f := range s.fields {
				rec = append(rec, string(f.text))
			}
			records, lines = append(records, rec), append(lines, s.line)
		}
	}
	want, lines := all(1<<10, strings.NewReader(text))
	require.Equal(t, [][]string{{"a", "b"}, {"x\"\"\ny", "1"}, {"", ""}, {`q"`, `"`}, {"", "last"}}, want)
	require.Equal(t, []int64{1, 2, 5, 6, 7}, lines[:5])
	for size := 1; size < 40; size++ {
		for _, r := range []io.Reader{strings.NewReader(text), iotest.OneByteReader(strings.NewReader(text)), iotest.DataErrReader(strings.NewReader(text))} {
			got, at := all(size, r)
			require.Equal(t, want, got, "buffer of %d", size)
			require.Equal(t, lines, at, "buffer of %d", size)
		}
	}
}

func TestCSVRecordsAreBounded(t *testing.T) {
	t.Parallel()
	s := newCSVScanner(strings.NewReader("a,b\n1,\""+strings.Repeat("x\n", 5000)), ',')
	s.buf, s.max = make([]byte, 64), 4096
	require.NoError(t, s.scan())
	err := s.scan()
	require.ErrorContains(t, err, "longer than 4096 bytes")
	var e *csvError
	require.ErrorAs(t, err, &e)
	require.Equal(t, int64(2), e.line)
	require.LessOrEqual(t, len(s.buf), 8192)
}

func TestCSVReaderThatGivesNothingEnds(t *testing.T) {
	t.Parallel()
	s := newCSVScanner(iotest.ErrReader(nil), ',')
	require.ErrorIs(t, s.scan(), io.ErrNoProgress)
}

func TestCSVHugeFieldsMakeSmallBatches(t *testing.T) {
	t.Parallel()
	big := strings.Repeat("x", 4<<20)
	text := "a,b\n" + strings.Repeat("1,"+big+"\n", 20)
	s, err := Open(context.Background(), []string{"-"}, &Options{Stdin: strings.NewReader(text), Format: CSV, Schema: table("a", schema.Long, "b", schema.String)})
	require.NoError(t, err)
	rows, batches := int64(0), 0
	for rec, err := range s.Batches(context.Background()) {
		require.NoError(t, err)
		require.LessOrEqual(t, rec.NumRows()*int64(len(big)), int64(batchBytes+len(big)))
		rows += rec.NumRows()
		batches++
	}
	require.Equal(t, int64(20), rows)
	require.Equal(t, 3, batches)
	require.NoError(t, s.Close())
}

func TestWideRowsMakeSmallBatches(t *testing.T) {
	t.Parallel()
	c, err := newColumn("", table("a", table("b", schema.Long, "c", schema.Long)))
	require.NoError(t, err)
	require.Equal(t, batchValues/4, c.batchRows(1<<30))
	require.Equal(t, 7, c.batchRows(7))
}

func TestBatchRows(t *testing.T) {
	t.Parallel()
	rec := batchOf(t, nil, strings.Repeat(`{"a":1,"b":2}`+"\n", 10))
	for _, f := range []Format{Parquet, CSV, NDJSON, Arrow} {
		out := read(t, &Options{BatchRows: 4}, write(t, "x."+string(f), encode(t, f, nil, rec)))
		require.Equal(t, 3, out.batches, f)
		require.Len(t, out.rows, 10)
	}
}

func TestSingleQuotes(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"": "", `""`: `"`, `a""b""""c`: `a"b""c`} {
		require.Equal(t, want, string(single([]byte(in))))
	}
	require.True(t, bytes.Equal(bom, []byte{0xef, 0xbb, 0xbf}))
}
