package writer_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/txlog/logstore/memstore"
	"github.com/deltalog/deltalog/txlog/schema"
	"github.com/deltalog/deltalog/writer"
)

func dec(p, s int) schema.Decimal { return schema.Decimal{Precision: p, Scale: s} }

// Every conversion that loses nothing, at its limits and with a null; at the top,
// in a struct, in a list and as a map's value; in rows that are reordered.
func TestLosslessCasts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		from, to schema.DataType
		in, want string
	}{
		{schema.Byte, schema.Short, `-128`, "-128"},
		{schema.Byte, schema.Integer, `127`, "127"},
		{schema.Byte, schema.Long, `-1`, "-1"},
		{schema.Byte, schema.Float, `-128`, "-128"},
		{schema.Byte, schema.Double, `7`, "7"},
		{schema.Byte, dec(3, 0), `-128`, "-128"},
		{schema.Short, schema.Integer, `-32768`, "-32768"},
		{schema.Short, schema.Long, `32767`, "32767"},
		{schema.Short, schema.Float, `-32768`, "-32768"},
		{schema.Short, schema.Double, `1`, "1"},
		{schema.Short, dec(7, 2), `-32768`, "-32768"},
		{schema.Integer, schema.Long, `-2147483648`, "-2147483648"},
		{schema.Integer, schema.Double, `2147483647`, "2.147483647e+09"},
		{schema.Integer, dec(10, 0), `-2147483648`, "-2147483648"},
		{schema.Integer, dec(38, 28), `2147483647`, "2147483647"},
		{schema.Long, dec(19, 0), `-9223372036854775808`, "-9223372036854775808"},
		{schema.Long, dec(38, 19), `9223372036854775807`, "9223372036854775807"},
		{schema.Float, schema.Double, `0.1`, "0.10000000149011612"},
		{dec(3, 1), dec(5, 3), `"-99.9"`, "-99.9"},
		{dec(9, 2), dec(38, 2), `"9999999.99"`, "9999999.99"},
		{dec(18, 0), dec(38, 20), `"-999999999999999999"`, "-999999999999999999"},
		{schema.Date, schema.TimestampNTZ, `"1969-12-31"`, "1969-12-31T00:00:00"},
	} {
		t.Run(c.from.String()+" to "+c.to.String(), func(t *testing.T) {
			t.Parallel()
			table := func(x schema.DataType) *schema.Struct {
				return fields("p", schema.Long, "x", x, "s", &schema.Struct{Fields: []schema.Field{{Name: "y", Type: x, Nullable: true}, {Name: "more", Type: schema.String, Nullable: x == c.to}}},
					"l", &schema.Array{Element: x, ContainsNull: true}, "m", &schema.Map{Key: schema.String, Value: x, ValueContainsNull: true})
			}
			in := table(c.from)
			in.Fields[2].Type.(*schema.Struct).Fields = in.Fields[2].Type.(*schema.Struct).Fields[:1]
			v := c.in
			st := memstore.New(nil)
			out := mustWrite(t, config(st, table(c.to), "p"), batch(t, arrowOf(in),
				`{"p":1,"x":`+v+`,"s":{"y":`+v+`},"l":[`+v+`,null],"m":[{"key":"k","value":`+v+`}]}`, `{"p":2,"x":null,"s":null,"l":null,"m":null}`,
				`{"p":1,"x":null,"s":{"y":null},"l":[],"m":[]}`, `{"p":2,"x":`+v+`,"s":{"y":`+v+`},"l":[null,`+v+`],"m":[{"key":"k","value":null}]}`))
			require.Len(t, out.Files, 2)
			got := allRows(t, st, out, fields("x", c.to))
			require.Equal(t, []string{c.want, "(null)", "(null)", c.want}, got)
			deep := allRows(t, st, out, &schema.Struct{Fields: table(c.to).Fields[2:]})
			require.Len(t, deep, 4)
			v, _, _ = strings.Cut(strings.TrimPrefix(deep[0], `{"more":null,"y":`), "}")
			require.NotContains(t, v, "null")
			require.Equal(t, []string{
				`{"more":null,"y":` + v + `} | [` + v + `,null] | [{"key":"k","value":` + v + `}]`, `{"more":null,"y":null} | [] | []`,
				`(null) | (null) | (null)`, `{"more":null,"y":` + v + `} | [null,` + v + `] | [{"key":"k","value":null}]`,
			}, deep)
		})
	}
}

// Every other pair of types is refused by name and both types.
func TestCastsThatAreRefused(t *testing.T) {
	t.Parallel()
	types := []schema.DataType{
		schema.Boolean, schema.Byte, schema.Short, schema.Integer, schema.Long, schema.Float, schema.Double, schema.String, schema.Binary,
		schema.Date, schema.Timestamp, schema.TimestampNTZ, dec(3, 0), dec(10, 2), dec(38, 0),
		&schema.Array{Element: schema.Long, ContainsNull: true}, fields("y", schema.Long),
		&schema.Map{Key: schema.String, Value: schema.Long, ValueContainsNull: true},
	}
	refused := 0
	for _, from := range types {
		for _, to := range types {
			if from == to || schema.CanCast(from, to) == nil {
				continue
			}
			refused++
			st := memstore.New(nil)
			_, err := write(t, config(st, fields("x", to)), batch(t, arrowOf(fields("x", from)), `{"x":null}`))
			var m *schema.MismatchError
			require.ErrorAs(t, err, &m, "%s to %s", from, to)
			require.Equal(t, "x", m.Column)
			require.Equal(t, from.String(), m.Got.String())
			require.Equal(t, to.String(), m.Want.String())
			require.Empty(t, published(st))
		}
	}
	require.Greater(t, refused, 250)
}

func TestMissingColumns(t *testing.T) {
	t.Parallel()
	s := fields("a!", schema.Long, "b", schema.Long)
	_, err := write(t, config(memstore.New(nil), s), batch(t, arrowOf(fields("b", schema.Long)), `{"b":1}`))
	var m *schema.MismatchError
	require.ErrorAs(t, err, &m)
	require.Equal(t, "a", m.Column)
	require.Nil(t, m.Got)
}

// The error names the column and the row of the input, whatever its partition.
func TestNulls(t *testing.T) {
	t.Parallel()
	strictStruct := &schema.Struct{Fields: []schema.Field{{Name: "y", Type: schema.Long}, {Name: "z", Type: schema.Long, Nullable: true}}}
	for _, c := range []struct {
		name   string
		typ    schema.DataType
		column string // of the error; empty: none
		rows   []string
	}{
		{"x!", schema.Long, "x", []string{`{"x":1}`, `{"x":null}`}},
		{"x!", schema.Long, "", []string{`{"x":1}`, `{"x":0}`}},
		{"x!", schema.String, "x", []string{`{"x":""}`, `{"x":null}`}},
		{"x", strictStruct, "x.y", []string{`{"x":{"y":1}}`, `{"x":{"y":null,"z":1}}`}},
		{"x", strictStruct, "", []string{`{"x":null}`, `{"x":{"y":1}}`}},
		{"x!", strictStruct, "x", []string{`{"x":{"y":1}}`, `{"x":null}`}},
		{"x", &schema.Array{Element: schema.Long}, "x.element", []string{`{"x":[1,2]}`, `{"x":[3,null]}`}},
		{"x", &schema.Array{Element: schema.Long}, "", []string{`{"x":[]}`, `{"x":null}`}},
		{"x", &schema.Array{Element: strictStruct, ContainsNull: true}, "x.element.y", []string{`{"x":[null,{"y":1}]}`, `{"x":[null,{"y":1},{"z":1}]}`}},
		{"x", &schema.Map{Key: schema.String, Value: schema.Long}, "x.value", []string{`{"x":[]}`, `{"x":[{"key":"k","value":null}]}`}},
		{"x", &schema.Map{Key: schema.String, Value: strictStruct, ValueContainsNull: true}, "x.value.y", []string{`{"x":[{"key":"k","value":null}]}`, `{"x":[{"key":"k","value":{"z":3}}]}`}},
		{
			"x", &schema.Struct{Fields: []schema.Field{{Name: "l", Type: &schema.Array{Element: strictStruct}, Nullable: true}}}, "x.l.element.y",
			[]string{`{"x":{"l":null}}`, `{"x":{"l":[{"y":1},{"y":null}]}}`},
		},
	} {
		s := fields("p", schema.Long, c.name, c.typ)
		in := arrowOf(s)
		st := memstore.New(nil)
		good := c.rows[0]
		_, err := write(t, config(st, s, "p"), batch(t, in, good, good), batch(t, in, good, c.rows[1]).NewSlice(1, 2))
		if c.column == "" {
			require.NoError(t, err, "%v", c.rows)
			continue
		}
		var n *writer.NullError
		require.ErrorAs(t, err, &n, "%v", c.rows)
		require.Equal(t, c.column, n.Column)
		require.Equal(t, int64(2), n.Row)
		require.ErrorContains(t, err, "is null in row 2")
		require.Empty(t, published(st))
	}
}

// A value that no file can hold is told by the row of the input, also when rows
// were brought into the order of their partitions.
func TestBadValuesNameTheRow(t *testing.T) {
	t.Parallel()
	s := fields("p", schema.Long, "b", schema.Binary, "x", schema.String)
	rec := batch(t, arrowOf(s), `{"p":1,"x":"a"}`, `{"p":2,"x":"b"}`, `{"p":1,"x":"c"}`, `{"p":2,"x":"qq"}`, `{"p":1,"x":"e"}`)
	data := rec.Column(2).Data().Buffers()[2].Bytes()
	data[3] = 0xff // of "qq"
	st := memstore.New(nil)
	_, err := write(t, config(st, s, "p"), batch(t, arrowOf(s), `{"p":1}`), rec)
	require.ErrorContains(t, err, "row 4: ")
	require.ErrorContains(t, err, "column x")
	require.ErrorContains(t, err, "UTF-8")
	require.Empty(t, published(st))
}

func TestPartitionValuesThatTheLogCannotHold(t *testing.T) {
	t.Parallel()
	s := fields("p!", schema.String, "n", schema.Long)
	_, err := write(t, config(memstore.New(nil), s, "p"), batch(t, arrowOf(s), `{"p":"x","n":1}`, `{"p":"","n":1}`))
	require.ErrorContains(t, err, "column p is null, or empty, which is null in a partition column, in row 1, and not nullable")
	b := fields("p", schema.Binary, "n", schema.Long)
	_, err = write(t, config(memstore.New(nil), b, "p"), batch(t, arrowOf(b), `{"p":"YQ=="}`, `{"p":"/w=="}`))
	require.ErrorContains(t, err, "row 1: column p: ")
	require.ErrorContains(t, err, "is not UTF-8")
}
