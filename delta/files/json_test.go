package files

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/txlog/schema"
)

func TestNDJSONTypesAreInferredWithoutLoss(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ values, kind string }{
		{`1|-2|9223372036854775807`, "bigint"},
		{`1|2.5`, "double"},
		{`1|null|1e3`, "double"},
		{`true|false`, "boolean"},
		{`"2013-01-01"|null`, "date"},
		{`"2013-01-01T10:00:00Z"|"2013-01-01 10:00:00"`, "timestamp"},
		{`"2013-01-01"|"x"`, "string"},
		{`"1"|"2"`, "string"},
		{`"true"`, "string"},
		{`null|null`, "string"},
		{`1|"NaN"|"-Infinity"`, "double"},
		{`"NaN"|2`, "double"},
		{`"NaN"|"x"`, "string"},
		{`"NaN"|"2013-01-01"`, "string"},
		{`"NaN"`, "string"},
		{`[1]|[]|[null,2.5]`, "array<double>"},
		{`[]`, "array<string>"},
		{`{"x":1}|{"y":"z"}|{}`, "struct<x:bigint,y:string>"},
		{`[{"x":[1]},{"x":null}]`, "array<struct<x:array<bigint>>>"},
	} {
		text := ""
		for v := range strings.SplitSeq(c.values, "|") {
			text += `{"a":` + v + "}\n"
		}
		out := readText(t, "x.ndjson", text, nil)
		require.NoError(t, out.err, c.values)
		require.Equal(t, "struct<a:"+c.kind+">", out.types, c.values)
		require.Len(t, out.rows, strings.Count(text, "\n"))
	}
}

func TestNDJSONReadsTheTablesTypes(t *testing.T) {
	t.Parallel()
	list := &schema.Array{Element: schema.Integer, ContainsNull: true}
	for _, c := range []struct {
		typ        schema.DataType
		text, want string
	}{
		{schema.Boolean, "true", ""},
		{schema.Byte, "-128", ""},
		{schema.Long, "9223372036854775807", ""},
		{schema.Long, `"9223372036854775807"`, "9223372036854775807"},
		{schema.Long, "1.20e2", "120"},
		{schema.Float, "0.1", ""},
		{schema.Double, "1.0E300", ""},
		{schema.Double, `"NaN"`, ""},
		{schema.Double, "1", "1.0"},
		{schema.Double, "-0.0", ""},
		{schema.Decimal{Precision: 38}, "12345678901234567890123456789012345678", ""},
		{schema.Decimal{Precision: 10, Scale: 2}, `"12.5"`, "12.50"},
		{schema.String, `"a\"\\\n\u00e4ö"`, `"a\"\\\näö"`},
		{schema.Binary, `"AAEC"`, ""},
		{schema.Binary, `""`, ""},
		{schema.Date, `"2013-01-01"`, ""},
		{schema.Timestamp, `"2013-01-01T10:00:00.000001Z"`, ""},
		{schema.TimestampNTZ, `"2013-01-01T10:00:00.000000"`, ""},
		{schema.Void, "null", ""},
		{list, "[1,null,3]", ""},
		{list, "[]", ""},
		{list, "null", ""},
		{table("x", schema.Long, "y", list), `{"y":[1]}`, `{"x":null,"y":[1]}`},
		{&schema.Map{Key: schema.String, Value: list, ValueContainsNull: true}, `{"a":[1],"b":null}`, ""},
		{&schema.Map{Key: schema.Date, Value: schema.Long, ValueContainsNull: true}, `{"2013-01-01":1}`, ""},
	} {
		if c.want == "" {
			c.want = c.text
		}
		out := readText(t, "x.ndjson", `{"a":`+c.text+"}\n{\"a\":null}\n{}\n", &Options{Schema: table("a", c.typ)})
		require.NoError(t, out.err, "%s %s", c.typ, c.text)
		require.Equal(t, []string{`{"a":` + c.want + `}`, `{"a":null}`, `{"a":null}`}, out.rows, "%s", c.typ)
	}
}

func TestNDJSONRefusesWhatIsNoValue(t *testing.T) {
	t.Parallel()
	list := &schema.Array{Element: schema.Integer, ContainsNull: true}
	for _, c := range []struct {
		typ          schema.DataType
		text, column string
		says         string
	}{
		{schema.Boolean, `"true"`, "a", "want true or false"},
		{schema.Boolean, "1", "a", "is no boolean"},
		{schema.Byte, "128", "a", "out of the range of tinyint"},
		{schema.Integer, "1.5", "a", "it has a fraction"},
		{schema.Integer, `"x"`, "a", "is no int"},
		{schema.Integer, "true", "a", "a boolean, the type int"},
		{schema.Integer, "[]", "a", "an array, the type int"},
		{schema.Long, "9223372036854775808", "a", "out of the range of bigint"},
		{schema.Double, "1e999", "a", "out of the range"},
		{schema.Decimal{Precision: 4, Scale: 2}, "1.234", "a", "or has more digits"},
		{schema.String, "1", "a", "needs text in quotes"},
		{schema.String, "{}", "a", "an object, the type string"},
		{schema.Binary, `"*"`, "a", "want base64"},
		{schema.Date, "15706", "a", "needs text in quotes"},
		{schema.Timestamp, `"x"`, "a", "is no timestamp"},
		{schema.Void, "1", "a", "needs text"},
		{list, "{}", "a", "an object, the type array<int>"},
		{list, `[1,"x"]`, "a.element", "is no int"},
		{table("x", list), `{"x":[[1]]}`, "a.x.element", "an array, the type int"},
		{table("x", list), `[]`, "a", "an array, the type struct"},
		{&schema.Map{Key: schema.Integer, Value: schema.Long}, `{"x":1}`, "a.key", "is no int"},
		{&schema.Map{Key: schema.Integer, Value: schema.Long}, `{"1":"x"}`, "a.value", "is no bigint"},
	} {
		out := readText(t, "x.ndjson", "{\"a\":null}\n\n{\"a\":"+c.text+"}\n", &Options{Schema: table("a", c.typ)})
		requireInput(t, out.err, 3, c.column, c.says)
	}
	for _, bad := range []schema.DataType{schema.Variant, &schema.Map{Key: list, Value: list}} {
		// No key can give such a column a value, but others can be written.
		o := &Options{Schema: table("id", schema.Long, "a", table("b", bad))}
		out := readText(t, "x.ndjson", "{\"id\":1}\n", o)
		require.NoError(t, out.err)
		require.Equal(t, []string{`{"id":1}`}, out.rows)
		requireInput(t, readText(t, "x.csv", "id,a\n1,\n", o).err, 0, "a.b", "use parquet or arrow")
	}
}

func TestNDJSONBrokenNamesTheLine(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, line, says string }{
		{"array", `[{"a":1}]`, "jq -c"},
		{"scalar", `1`, "is no object"},
		{"half", `{"a":`, "each object needs one line"},
		{"half a string", `{"a":"x`, "each object needs one line"},
		{"two", `{"a":1} {"a":2}`, "a line of its own"},
		{"garbage after", `{"a":1}}`, "not valid JSON at byte 8"},
		{"comma", `{"a":1,}`, "not valid JSON"},
		{"single quotes", `{'a':1}`, "not valid JSON at byte 2"},
		{"NaN", `{"a":NaN}`, "not valid JSON"},
		{"leading zero", `{"a":01}`, "not valid JSON"},
		{"key twice", `{"a":1,"a":2}`, `"a" is there twice`},
		{"key twice, escaped", `{"a":1,"\u0061":2}`, `"a" is there twice`},
		{"nested twice", `{"b":{"c":1,"c":2}}`, `"c" is there twice`},
		{"UTF-8", "{\"a\":\"\xff\"}", "UTF-8"},
		{"UTF-8 key", "{\"\xff\":1}", "UTF-8"},
		{"half a surrogate", `{"a":"\ud800"}`, "not valid JSON"},
		{"deep", `{"b":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}`, "nested more than 64"},
		{"very deep", `{"b":` + strings.Repeat("[", 100_000), ""},
		{"control character", "{\"a\":\"x\x01\"}", "not valid JSON"},
	} {
		for _, s := range []*schema.Struct{nil, table("a", schema.String, "z", schema.Long)} {
			out := readText(t, "x.ndjson", "{\"z\":1}\n"+c.line+"\n", &Options{Schema: s})
			var e *InputError
			require.ErrorAs(t, out.err, &e, c.name)
			require.Equal(t, int64(2), e.Line, c.name)
			require.ErrorContains(t, out.err, c.says, c.name)
		}
	}
}

func TestNDJSONKindsDoNotMix(t *testing.T) {
	t.Parallel()
	requireInput(t, readText(t, "x.ndjson", "{\"a\":1}\n{\"a\":\"x\"}\n", nil).err, 2, "a", "a string, and was a number")
	requireInput(t, readText(t, "x.ndjson", "{\"a\":[1,{}]}\n", nil).err, 1, "a.element", "an object, and was a number")
	requireInput(t, readText(t, "x.ndjson", "{\"a\":18446744073709551616}\n", nil).err, 0, "a", "decimal")
	requireInput(t, readText(t, "x.ndjson", "{\"a\":{}}\n", nil).err, 0, "a", "a struct needs a field")
}

func TestNDJSONKeysBecomeColumns(t *testing.T) {
	t.Parallel()
	// A key that the table lacks is there for the writer to refuse, nested too.
	o := &Options{Schema: table("id", schema.Long, "s", table("x", schema.Integer), "rare", schema.Date)}
	out := readText(t, "x.ndjson", `{"ID":1,"s":{"x":1,"new":true},"more":2.5}`+"\n", o)
	require.NoError(t, out.err)
	require.Equal(t, "struct<id:bigint,s:struct<x:int,new:boolean>,rare:date,more:double>", out.types)
	require.Equal(t, []string{`{"id":1,"s":{"x":1,"new":true},"rare":null,"more":2.5}`}, out.rows)

	requireInput(t, readText(t, "x.ndjson", `{"id":1,"ID":2}`+"\n", o).err, 1, "id", "differ in case only")

	late := strings.Repeat("{\"id\":1}\n", sampleRows) + "{\"late\":1}\n"
	requireInput(t, readText(t, "x.ndjson", late, o).err, sampleRows+1, "late", "first seen here")
	late = strings.Repeat("{\"id\":1}\n", sampleRows) + "{\"id\":1.5}\n"
	requireInput(t, readText(t, "x.ndjson", late, nil).err, sampleRows+1, "id", "first 10000 rows")
}

func TestNDJSONColumnsAreBounded(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for i := range maxColumns + 1 {
		fmt.Fprintf(&b, `,"k%d":1`, i)
	}
	requireInput(t, readText(t, "x.ndjson", "{"+b.String()[1:]+"}\n", nil).err, 1, "k20000", "more than 20000 columns")
}

func TestNDJSONShape(t *testing.T) {
	t.Parallel()
	want := []string{`{"a":1,"b":2}`, `{"a":3,"b":4}`}
	for _, text := range []string{
		"{\"a\":1,\"b\":2}\n{\"a\":3,\"b\":4}\n",
		"\ufeff{\"a\":1,\"b\":2}\r\n\r\n  {\"b\":4 , \"a\":3}  ",
		"\n\n{\"a\":1,\"\\u0062\":2}\n{\"b\":4,\"a\":3}",
	} {
		out := readText(t, "x.jsonl", text, nil)
		require.NoError(t, out.err)
		require.Equal(t, want, out.rows)
	}
	for _, text := range []string{"", "\n", "\ufeff", " \r\n\n"} {
		out := readText(t, "x.jsonl", text, &Options{Schema: table("a", schema.Long)})
		require.NoError(t, out.err)
		require.Empty(t, out.rows)
		require.Equal(t, "struct<a:bigint>", out.types)
	}
}

func TestLinesAreBoundedAndWhole(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 100)
	l := &lineReader{r: bufio.NewReaderSize(strings.NewReader(long+"\ny\n"+long), 16), max: 1000}
	for _, want := range []string{long, "y", long} {
		line, err := l.next()
		require.NoError(t, err)
		require.Equal(t, want, string(line))
	}
	_, err := l.next()
	require.ErrorIs(t, err, io.EOF)

	l = &lineReader{r: bufio.NewReaderSize(strings.NewReader(strings.Repeat("x", 10_000)), 16), max: 100}
	_, err = l.next()
	require.ErrorContains(t, err, "longer than 100 bytes")
	require.Less(t, cap(l.long), 1000)
}

func TestNDJSONHugeStringsMakeSmallBatches(t *testing.T) {
	t.Parallel()
	big := strings.Repeat("x", 4<<20)
	text := strings.Repeat(`{"a":"`+big+"\"}\n", 20)
	s, err := Open(context.Background(), []string{"-"}, &Options{Stdin: strings.NewReader(text)})
	require.NoError(t, err)
	rows, batches := int64(0), 0
	for rec, err := range s.Batches(context.Background()) {
		require.NoError(t, err)
		rows += rec.NumRows()
		batches++
	}
	require.Equal(t, int64(20), rows)
	require.Equal(t, 3, batches)
	require.NoError(t, s.Close())
}

// A table's column that no row has is not one that is null in all of them, where that
// was asked for; and a row that has it after all is an error.
func TestOnlySeen(t *testing.T) {
	t.Parallel()
	table := &schema.Struct{Fields: []schema.Field{
		{Name: "id", Type: schema.Integer, Nullable: true},
		{Name: "name", Type: schema.String, Nullable: true},
		{Name: "at", Type: schema.Date, Nullable: true},
	}}
	columns := func(o Options, patterns ...string) (names []string) {
		o.Schema = table
		src, err := Open(t.Context(), patterns, &o)
		require.NoError(t, err)
		defer src.Close()
		for _, f := range src.Schema().Fields() {
			names = append(names, f.Name+" "+f.Type.String())
		}
		return names
	}
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	part := write("part.ndjson", `{"ID":1,"op":"u","at":null}`+"\n")
	require.Equal(t, []string{"id int32", "name utf8", "at date32", "op utf8"}, columns(Options{}, part))
	require.Equal(t, []string{"id int32", "at date32", "op utf8"}, columns(Options{OnlySeen: true}, part))
	csv := write("more.csv", "name\nx\n")
	require.Equal(t, []string{"id int32", "name utf8", "at date32", "op utf8"}, columns(Options{OnlySeen: true}, part, csv))
	none := write("none.ndjson", "")
	require.Equal(t, []string{"id int32", "name utf8", "at date32"}, columns(Options{OnlySeen: true}, none))

	late := write("late.ndjson", strings.Repeat(`{"id":1}`+"\n", 10_001)+`{"id":2,"name":"late"}`+"\n")
	src, err := Open(t.Context(), []string{late}, &Options{Schema: table, OnlySeen: true})
	require.NoError(t, err)
	defer src.Close()
	for _, err = range src.Batches(t.Context()) {
		if err != nil {
			break
		}
	}
	require.ErrorContains(t, err, "name")
}
