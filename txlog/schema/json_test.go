package schema_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/deltalog/deltalog/txlog/schema"
	"github.com/stretchr/testify/require"
)

// corpus calls f with the schemas of tables that other engines wrote.
func corpus(t testing.TB, f func(table, schemaString string)) {
	t.Helper()
	files, err := filepath.Glob("testdata/schemas/*.tsv")
	require.NoError(t, err)
	n := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for line := range strings.Lines(string(text)) {
			table, s, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
			require.True(t, ok, file)
			f(filepath.Base(file)+" "+table, s)
			n++
		}
	}
	require.Greater(t, n, 100)
}

// metadataTexts returns the raw text of all field metadata values, in document
// order, as encoding/json sees them.
func metadataTexts(t *testing.T, raw json.RawMessage, path string, out map[string]string) {
	t.Helper()
	var o map[string]json.RawMessage
	if json.Unmarshal(raw, &o) != nil {
		return
	}
	var fields []json.RawMessage
	if json.Unmarshal(o["fields"], &fields) == nil {
		for _, f := range fields {
			var field struct {
				Name     string
				Type     json.RawMessage
				Metadata map[string]json.RawMessage
			}
			require.NoError(t, json.Unmarshal(f, &field))
			for k, v := range field.Metadata {
				out[path+"/"+field.Name+"#"+k] = string(v)
			}
			metadataTexts(t, field.Type, path+"/"+field.Name, out)
		}
	}
	for _, k := range []string{"elementType", "keyType", "valueType"} {
		metadataTexts(t, o[k], path+"/"+k, out)
	}
}

func TestSchemasOfOtherEnginesSurviveARoundTrip(t *testing.T) {
	t.Parallel()
	corpus(t, func(table, text string) {
		s, err := schema.Parse(text)
		require.NoError(t, err, table)
		out := s.JSON()
		require.JSONEq(t, text, out, table)

		want, got := map[string]string{}, map[string]string{}
		metadataTexts(t, json.RawMessage(text), "", want)
		metadataTexts(t, json.RawMessage(out), "", got)
		require.Equal(t, want, got, table)

		again, err := schema.Parse(out)
		require.NoError(t, err, table)
		require.True(t, schema.Equal(s, again), table)
		require.Equal(t, s, again, table)
		require.Equal(t, out, again.JSON(), table)
	})
}

func TestParseReadsEveryType(t *testing.T) {
	t.Parallel()
	s, err := schema.Parse(`{"type":"struct","fields":[
		{"name":"a","type":"boolean","nullable":true,"metadata":{}},
		{"name":"b","type":"decimal(38, 18)","nullable":false,"metadata":{"comment":"x"}},
		{"name":"c","type":"decimal","nullable":true},
		{"name":"d","type":{"type":"array","elementType":"timestamp_ntz","containsNull":false},"nullable":true,"metadata":null},
		{"name":"e","type":{"valueContainsNull":true,"keyType":"string","valueType":{"fields":[],"type":"struct"},"type":"map"},"nullable":true,"metadata":{}},
		{"name":"f","type":"null","nullable":true,"metadata":{}}]}`)
	require.NoError(t, err)
	require.Equal(t, &schema.Struct{Fields: []schema.Field{
		{Name: "a", Type: schema.Boolean, Nullable: true},
		{Name: "b", Type: schema.Decimal{Precision: 38, Scale: 18}, Metadata: schema.Metadata{"comment": `"x"`}},
		{Name: "c", Type: schema.Decimal{Precision: 10}, Nullable: true},
		{Name: "d", Type: &schema.Array{Element: schema.TimestampNTZ}, Nullable: true},
		{Name: "e", Type: &schema.Map{Key: schema.String, Value: &schema.Struct{Fields: []schema.Field{}}, ValueContainsNull: true}, Nullable: true},
		{Name: "f", Type: schema.Void, Nullable: true},
	}}, s)
	require.Equal(t, "struct<a:boolean,b:decimal(38,18) not null,c:decimal(10,0),d:array<timestamp_ntz>,e:map<string,struct<>>,f:void>", s.String())
	for _, name := range strings.Fields("boolean byte short integer long float double string binary date timestamp timestamp_ntz void variant") {
		s, err := schema.Parse(`{"type":"struct","fields":[{"name":"a","type":"` + name + `","nullable":true}]}`)
		require.NoError(t, err)
		require.Equal(t, name, s.Fields[0].Type.Kind().String())
	}
}

func TestParseKeepsMetadataTextAndPassesOverUnknownAttributes(t *testing.T) {
	t.Parallel()
	s, err := schema.Parse(`{"type":"struct","x":[1,{}],"fields":[{"later":{"a":[]},"metadata":{"k": 1.0e+05 ,"n":null,"s":"\u00e9\/","o":{ "a" : [ 1,2 ] }},"nullable":true,"type":"long","name":"a"}]}`)
	require.NoError(t, err)
	require.Equal(t, schema.Metadata{"k": "1.0e+05", "n": "null", "s": `"\u00e9\/"`, "o": `{ "a" : [ 1,2 ] }`}, s.Fields[0].Metadata)
	require.Equal(t, `{"type":"struct","fields":[{"name":"a","type":"long","nullable":true,"metadata":{"k":1.0e+05,"n":null,"o":{ "a" : [ 1,2 ] },"s":"\u00e9\/"}}]}`, s.JSON())
}

func TestParseNamesTheTypeAndColumnItDoesNotSupport(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ field, name, column string }{
		{`{"name":"a","type":"geometry(OGC:CRS84)","nullable":true,"metadata":{}}`, "geometry(OGC:CRS84)", "a"},
		{`{"name":"a","type":"interval year to month","nullable":true,"metadata":{}}`, "interval year to month", "a"},
		{`{"type":"timestamp_nanos","nullable":true,"name":"late name"}`, "timestamp_nanos", "`late name`"},
		{`{"name":"a","type":"Integer","nullable":true,"metadata":{}}`, "Integer", "a"},
		{`{"name":"a","type":{"type":"udt","class":"x"},"nullable":true,"metadata":{}}`, "udt", "a"},
		{`{"name":"a","type":{"type":"array","elementType":{"type":"struct","fields":[{"name":"b","type":{"type":"map","keyType":"string","valueType":"geography","valueContainsNull":true},"nullable":true}]},"containsNull":true},"nullable":true,"metadata":{}}`, "geography", "a.element.b.value"},
	} {
		_, err := schema.Parse(`{"type":"struct","fields":[` + c.field + `]}`)
		var unsupported *schema.UnsupportedTypeError
		require.ErrorAs(t, err, &unsupported)
		require.Equal(t, &schema.UnsupportedTypeError{Type: c.name, Column: c.column}, unsupported)
		require.ErrorContains(t, err, c.name)
	}
}

func TestParseRefusesWhatCouldBeReadInTwoWays(t *testing.T) {
	t.Parallel()
	field := func(attrs string) string { return `{"type":"struct","fields":[{` + attrs + `}]}` }
	for text, message := range map[string]string{
		"":                                "the end of the text",
		"null":                            "want a type",
		`{"type":"struct","fields":[]} x`: "want the end of the text",
		"{\"type\":\"struct\",\"fields\":[]}\x00": "want the end of the text",
		`"long"`:            "must be a struct",
		`{"type":"struct"}`: `no attribute "fields"`,
		`{"fields":[]}`:     `no attribute "type"`,
		`{"type":"struct","type":"struct","fields":[]}`:                                            `key "type" stands twice`,
		`{"type":"struct","fields":[],}`:                                                           `want '"'`,
		`{"type":"struct","fields":[null]}`:                                                        `want '{'`,
		field(`"name":"a","Type":"long","nullable":true`):                                          `column a: at byte 69: field has no attribute "type"`,
		field(`"name":"a","type":"long","nullable":"true"`):                                        "want false",
		field(`"name":"a","type":"long"`):                                                          `no attribute "nullable"`,
		field(`"type":"long","nullable":true`):                                                     `no attribute "name"`,
		field(`"name":"a","name":"b","type":"long","nullable":true`):                               `key "name" stands twice`,
		field(`"name":"a","type":"long","nullable":true,"metadata":{"x":1,"x":2}`):                 `key "x" stands twice`,
		field(`"name":"a","type":"long","nullable":true,"metadata":[]`):                            `want '{'`,
		field(`"name":"a","type":"long","nullable":true,"metadata":{"x":01}`):                      "want ',' or '}'",
		field(`"name":"a","type":"long","nullable":true,"metadata":{"x":+1}`):                      "want a value",
		field(`"name":"a","type":"long","nullable":true,"metadata":{"x":1.}`):                      "want a digit",
		field(`"name":"a","type":"long","nullable":true,"metadata":{"x":-}`):                       "want a digit",
		field(`"name":"a","type":"long","nullable":true,"metadata":{"x":"\x"}`):                    "unknown escape",
		field(`"name":"a","type":"decimal(39,0)","nullable":true`):                                 "not a valid decimal",
		field(`"name":"a","type":"decimal(5,6)","nullable":true`):                                  "not a valid decimal",
		field(`"name":"a","type":"decimal(5,-1)","nullable":true`):                                 "not a valid decimal",
		field(`"name":"a","type":"decimal(0,0)","nullable":true`):                                  "not a valid decimal",
		field(`"name":"a","type":{"type":"array","elementType":"long"},"nullable":true`):           `no attribute "containsNull"`,
		field(`"name":"a","type":{"type":"map","keyType":"long","valueType":"long"},"nullable":1`): `no attribute "valueContainsNull"`,
		field(`"name":"\ud800","type":"long","nullable":true`):                                     "half a surrogate",
		field(`"name":"\ud800\u0041","type":"long","nullable":true`):                               "half a surrogate",
		field("\"name\":\"\xff\",\"type\":\"long\",\"nullable\":true"):                             "not valid UTF-8",
		field("\"name\":\"a\n\",\"type\":\"long\",\"nullable\":true"):                              "control character",
		field(`"name":"\u12`): "four hexadecimal digits",
		field(`"name":"a`):    "want '\"', got the end",
	} {
		s, err := schema.Parse(text)
		require.Error(t, err, text)
		require.Nil(t, s)
		require.ErrorContains(t, err, message, text)
		require.True(t, strings.HasPrefix(err.Error(), "schema: "), err.Error())
	}
}

func TestParseDecodesNames(t *testing.T) {
	t.Parallel()
	s, err := schema.Parse(`{"type":"struct","fields":[{"name":"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00é😀","type":"long","nullable":true}]}`)
	require.NoError(t, err)
	require.Equal(t, "\"\\/\b\f\n\r\té😀é😀", s.Fields[0].Name)
	again, err := schema.Parse(s.JSON())
	require.NoError(t, err)
	require.Equal(t, s, again)
}

// nested returns a schema with n arrays in each other.
func nested(n int) string {
	return `{"type":"struct","fields":[{"name":"a","type":` + strings.Repeat(`{"type":"array","containsNull":true,"elementType":`, n) + `"long"` +
		strings.Repeat("}", n) + `,"nullable":true}]}`
}

func TestParseLimitsDepthAndSize(t *testing.T) {
	t.Parallel()
	_, err := schema.Parse(nested(199))
	require.NoError(t, err)
	_, err = schema.Parse(nested(200))
	require.ErrorContains(t, err, "deeper than 200")
	_, err = schema.Parse(nested(1_000_000))
	require.ErrorContains(t, err, "deeper than 200")
	_, err = schema.Parse(`{"type":"struct","fields":[{"name":"a","metadata":{"x":` + strings.Repeat("[", 1_000_000))
	require.ErrorContains(t, err, "deeper than 200")
	inMetadata := func(n int) string {
		return `{"type":"struct","fields":[{"name":"a","type":"long","nullable":true,"metadata":{"x":` + strings.Repeat("[", n) + strings.Repeat("]", n) + `}}]}`
	}
	_, err = schema.Parse(inMetadata(201))
	require.NoError(t, err)
	_, err = schema.Parse(inMetadata(202))
	require.ErrorContains(t, err, "deeper than 200")
	_, err = schema.Parse(strings.Repeat(`{"x":`, 1_000_000))
	require.ErrorContains(t, err, "deeper than 200")
	_, err = schema.Parse(strings.Repeat(" ", 64<<20+1))
	require.ErrorContains(t, err, "more than the limit")
}

func TestParseIsNotQuadraticInHostileText(t *testing.T) {
	t.Parallel()
	// Names after types, nested: each level's name is looked for behind the error.
	var b strings.Builder
	for range 150 {
		b.WriteString(`{"type":"struct","fields":[{"type":`)
	}
	b.WriteString(`"nonsense"` + strings.Repeat(" ", 8<<20))
	_, err := schema.Parse(b.String())
	require.ErrorContains(t, err, "nonsense")
	// Many distinct keys in one object.
	b.Reset()
	b.WriteString(`{"type":"struct","fields":[],"k":0`)
	for i := range 200_000 {
		fmt.Fprintf(&b, `,"%d":0`, i)
	}
	b.WriteString(`,"k":1}`)
	_, err = schema.Parse(b.String())
	require.ErrorContains(t, err, `key "k" stands twice`)
}

func FuzzParse(f *testing.F) {
	corpus(f, func(_, s string) { f.Add(s) })
	f.Add(nested(3))
	f.Add(`{"type":"struct","fields":[{"name":"\ud83d\ude00","type":"decimal( 3 , 1 )","nullable":false,"metadata":{"x":[1e5,{}]}}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		s, err := schema.Parse(text)
		if err != nil {
			require.Nil(t, s)
			return
		}
		require.True(t, json.Valid([]byte(text)), "encoding/json refuses what Parse took")
		out := s.JSON()
		require.True(t, json.Valid([]byte(out)), out)
		again, err := schema.Parse(out)
		require.NoError(t, err)
		require.Equal(t, out, again.JSON())
		require.True(t, schema.Equal(s, again))
		for _, field := range s.Walk() {
			for k, raw := range field.Metadata {
				require.Equal(t, raw, string(bytes.TrimSpace([]byte(raw))), k)
			}
		}
	})
}

func BenchmarkParseSchema(b *testing.B) {
	var fields []string
	for i := range 100 {
		fields = append(fields, fmt.Sprintf(`{"name":"column_%d","type":"long","nullable":true,"metadata":{"delta.columnMapping.id":%d,"delta.columnMapping.physicalName":"col-%d"}}`, i, i, i))
	}
	text := `{"type":"struct","fields":[` + strings.Join(fields, ",") + `]}`
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := schema.Parse(text); err != nil {
			b.Fatal(err)
		}
	}
}
