package schema_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/deltalog/deltalog/txlog/schema"
	"github.com/stretchr/testify/require"
)

func structOf(fields ...schema.Field) *schema.Struct { return &schema.Struct{Fields: fields} }

func col(name string, t schema.DataType) schema.Field {
	return schema.Field{Name: name, Type: t, Nullable: true}
}

func required(name string, t schema.DataType) schema.Field {
	return schema.Field{Name: name, Type: t}
}

func listOf(t schema.DataType) *schema.Array { return &schema.Array{Element: t, ContainsNull: true} }

func TestCanCastIsExactlyTheLosslessCasts(t *testing.T) {
	t.Parallel()
	types := append(allPrimitives(), schema.Void, schema.Variant, dec(3, 0), dec(5, 0), dec(10, 0), dec(19, 0), dec(12, 4), dec(11, 4), dec(12, 2))
	allowed := map[string]bool{}
	for from, tos := range map[string]string{
		"tinyint":       "smallint int bigint float double decimal(3,0) decimal(5,0) decimal(10,0) decimal(19,0) decimal(10,2) decimal(12,4) decimal(11,4) decimal(12,2) decimal(38,18)",
		"smallint":      "int bigint float double decimal(5,0) decimal(10,0) decimal(19,0) decimal(10,2) decimal(12,4) decimal(11,4) decimal(12,2) decimal(38,18)",
		"int":           "bigint double decimal(10,0) decimal(19,0) decimal(12,2) decimal(38,18)",
		"bigint":        "decimal(19,0) decimal(38,18)",
		"float":         "double",
		"date":          "timestamp_ntz",
		"decimal(3,0)":  "decimal(5,0) decimal(10,0) decimal(19,0) decimal(10,2) decimal(12,4) decimal(11,4) decimal(12,2) decimal(38,18)",
		"decimal(5,0)":  "decimal(10,0) decimal(19,0) decimal(10,2) decimal(12,4) decimal(11,4) decimal(12,2) decimal(38,18)",
		"decimal(10,0)": "decimal(19,0) decimal(12,2) decimal(38,18)",
		"decimal(19,0)": "decimal(38,18)",
		"decimal(10,2)": "decimal(12,4) decimal(12,2) decimal(38,18)",
		"decimal(12,2)": "decimal(38,18)",
		"decimal(12,4)": "decimal(38,18)",
		"decimal(11,4)": "decimal(12,4) decimal(38,18)",
	} {
		for to := range strings.FieldsSeq(tos) {
			allowed[from+" "+to] = true
		}
	}
	for _, from := range types {
		for _, to := range types {
			err := schema.CanCast(from, to)
			if from == to || from == schema.Void || allowed[from.String()+" "+to.String()] {
				require.NoError(t, err)
				continue
			}
			var mismatch *schema.MismatchError
			require.ErrorAs(t, err, &mismatch, "%s %s", from, to)
			require.Equal(t, &schema.MismatchError{Want: to, Got: from}, mismatch)
		}
	}
}

func TestCanCastOfNestedTypesNamesTheColumn(t *testing.T) {
	t.Parallel()
	table := structOf(
		required("id", schema.Long),
		col("s", structOf(col("x", schema.Double), required("y", schema.String))),
		col("l", listOf(structOf(col("z", schema.Long)))),
		col("m", &schema.Map{Key: schema.Long, Value: schema.Date}))
	ok := structOf(
		col("M", &schema.Map{Key: schema.Byte, Value: schema.Date, ValueContainsNull: true}),
		col("ID", schema.Integer),
		col("S", structOf(col("Y", schema.String))))
	require.NoError(t, schema.CanCast(ok, table))
	with := func(f schema.Field) *schema.Struct { return structOf(required("id", schema.Long), f) }
	for _, c := range []struct {
		in  *schema.Struct
		err schema.MismatchError
		say string
	}{
		{with(col("s", structOf(col("x", schema.String), col("y", schema.String)))), schema.MismatchError{Column: "s.x", Want: schema.Double, Got: schema.String}, "is double in the table, and string in the input"},
		{with(col("s", structOf(col("x", schema.Double)))), schema.MismatchError{Column: "s.y", Want: schema.String}, "not nullable"},
		{with(col("s", structOf(col("y", schema.String), col("n w", schema.Long)))), schema.MismatchError{Column: "s.`n w`", Got: schema.Long}, "not in the table"},
		{with(col("l", listOf(structOf(col("z", schema.Double))))), schema.MismatchError{Column: "l.element.z", Want: schema.Long, Got: schema.Double}, ""},
		{with(col("m", &schema.Map{Key: schema.String, Value: schema.Date})), schema.MismatchError{Column: "m.key", Want: schema.Long, Got: schema.String}, ""},
		{with(col("m", &schema.Map{Key: schema.Long, Value: schema.Long})), schema.MismatchError{Column: "m.value", Want: schema.Date, Got: schema.Long}, ""},
		{with(col("l", schema.Long)), schema.MismatchError{Column: "l", Want: listOf(structOf(col("z", schema.Long))), Got: schema.Long}, ""},
		{with(col("id2", schema.Long)), schema.MismatchError{Column: "id2", Got: schema.Long}, ""},
		{structOf(col("s", schema.Void)), schema.MismatchError{Column: "id", Want: schema.Long}, ""},
		{structOf(col("id", structOf())), schema.MismatchError{Column: "id", Want: schema.Long, Got: structOf()}, ""},
	} {
		err := schema.CanCast(c.in, table)
		var mismatch *schema.MismatchError
		require.ErrorAs(t, err, &mismatch)
		require.Equal(t, c.err, *mismatch)
		require.ErrorContains(t, err, "schema: column "+c.err.Column)
		require.ErrorContains(t, err, c.say)
	}
}

func TestCanCastOfNamesThatDifferInCaseUsesEachFieldOnce(t *testing.T) {
	t.Parallel()
	err := schema.CanCast(structOf(col("a", schema.Long), col("A", schema.Long)), structOf(col("a", schema.Long)))
	require.ErrorContains(t, err, "column A (bigint) is not in the table")
}

func TestCanWidenIsTheProtocolsList(t *testing.T) {
	t.Parallel()
	types := append(allPrimitives(), dec(12, 2), dec(13, 3), dec(20, 0), dec(22, 2), dec(11, 2), dec(10, 0))
	var got []string
	for _, from := range types {
		for _, to := range types {
			if schema.CanWiden(from, to) {
				got = append(got, from.String()+">"+to.String())
			}
		}
	}
	var want []string
	add := func(from, tos string) {
		for to := range strings.FieldsSeq(tos) {
			want = append(want, from+">"+to)
		}
	}
	add("tinyint", "smallint int bigint double decimal(38,18) decimal(12,2) decimal(13,3) decimal(20,0) decimal(22,2) decimal(10,0)")
	add("smallint", "int bigint double decimal(38,18) decimal(12,2) decimal(13,3) decimal(20,0) decimal(22,2) decimal(10,0)")
	add("int", "bigint double decimal(38,18) decimal(12,2) decimal(13,3) decimal(20,0) decimal(22,2) decimal(10,0)")
	add("bigint", "decimal(38,18) decimal(20,0) decimal(22,2)")
	add("float", "double")
	add("date", "timestamp_ntz")
	add("decimal(10,2)", "decimal(38,18) decimal(12,2) decimal(13,3) decimal(22,2) decimal(11,2)")
	add("decimal(12,2)", "decimal(38,18) decimal(13,3) decimal(22,2)")
	add("decimal(13,3)", "decimal(38,18)")
	add("decimal(20,0)", "decimal(38,18) decimal(22,2)")
	add("decimal(22,2)", "decimal(38,18)")
	add("decimal(11,2)", "decimal(38,18) decimal(12,2) decimal(13,3) decimal(22,2)")
	add("decimal(10,0)", "decimal(38,18) decimal(12,2) decimal(13,3) decimal(20,0) decimal(22,2)")
	require.ElementsMatch(t, want, got)
	require.False(t, schema.CanWiden(listOf(schema.Byte), listOf(schema.Long)))
}

func TestMergeAddsNullableColumnsAtTheEnd(t *testing.T) {
	t.Parallel()
	table := structOf(
		schema.Field{Name: "Id", Type: schema.Long, Metadata: schema.Metadata{"delta.columnMapping.id": "1"}},
		col("s", structOf(col("x", schema.Long))),
		col("l", &schema.Array{Element: structOf(col("x", schema.Long))}),
		col("m", &schema.Map{Key: schema.String, Value: structOf(col("x", schema.Long))}))
	input := structOf(
		schema.Field{
			Name: "n", Type: &schema.Array{Element: structOf(required("q", &schema.Map{Key: schema.String, Value: schema.Long}))},
			Metadata: schema.Metadata{"comment": `"c"`, "delta.invariants": "{}", "delta.columnMapping.id": "1"},
		},
		col("M", &schema.Map{Key: schema.String, Value: structOf(required("y", schema.String), col("X", schema.Integer))}),
		col("l", listOf(structOf(required("y", schema.Date)))),
		col("S", structOf(required("y", schema.Byte))),
		required("id", schema.Short))
	before := table.JSON()
	got, err := schema.Merge(table, input)
	require.NoError(t, err)
	want := structOf(
		table.Fields[0],
		col("s", structOf(col("x", schema.Long), col("y", schema.Byte))),
		col("l", &schema.Array{Element: structOf(col("x", schema.Long), col("y", schema.Date))}),
		col("m", &schema.Map{Key: schema.String, Value: structOf(col("x", schema.Long), col("y", schema.String))}),
		schema.Field{
			Name: "n", Nullable: true, Metadata: schema.Metadata{"comment": `"c"`},
			Type: listOf(structOf(col("q", &schema.Map{Key: schema.String, Value: schema.Long, ValueContainsNull: true}))),
		})
	require.Equal(t, want, got)
	require.Equal(t, before, table.JSON(), "the table's schema is immutable")
	_, err = schema.Merge(table, structOf(input.Fields[3]))
	require.NoError(t, err)
	require.Equal(t, before, table.JSON(), "the table's schema is immutable")

	again, err := schema.Merge(got, input)
	require.NoError(t, err)
	require.Same(t, got, again, "nothing new")
}

func TestMergeRefuses(t *testing.T) {
	t.Parallel()
	table := structOf(col("a", schema.Long), col("s", structOf(col("x", schema.Long))), col("l", listOf(schema.Long)), col("m", &schema.Map{Key: schema.Long, Value: schema.Long}))
	for message, input := range map[string]*schema.Struct{
		"column a is bigint in the table, and string": structOf(col("A", schema.String)),
		"column s.x is bigint":                        structOf(col("s", structOf(col("x", schema.Double)))),
		"column s is struct":                          structOf(col("s", schema.Long)),
		"column l.element is bigint":                  structOf(col("l", listOf(schema.String))),
		"column m.key is bigint":                      structOf(col("m", &schema.Map{Key: schema.String, Value: schema.Long})),
		"column m.value is bigint":                    structOf(col("m", &schema.Map{Key: schema.Long, Value: schema.String})),
		"the input has the name twice":                structOf(col("n", schema.String), col("N", schema.String)),
		"column A: the input has":                     structOf(col("a", schema.Long), col("A", schema.Long)),
	} {
		got, err := schema.Merge(table, input)
		require.ErrorContains(t, err, message)
		require.Nil(t, got)
	}
}

func TestMergedSchemasTakeTheInput(t *testing.T) {
	t.Parallel()
	corpus(t, func(_, a string) {
		s, err := schema.Parse(a)
		require.NoError(t, err)
		same, err := schema.Merge(s, s)
		require.NoError(t, err)
		require.Same(t, s, same)
		require.NoError(t, schema.CanCast(s, s))
		grown, err := schema.Merge(structOf(col("only in the table", schema.Long)), s)
		require.NoError(t, err)
		require.NoError(t, schema.CanCast(s, grown))
		require.Len(t, grown.Fields, len(s.Fields)+1)
	})
}

func TestWalkAndLeaves(t *testing.T) {
	t.Parallel()
	s := structOf(
		col("a", schema.Long),
		col("s", structOf(col("t", structOf(col("x", schema.Long))), col("u", listOf(structOf(col("y", schema.Long)))))),
		col("m", &schema.Map{Key: structOf(col("k", schema.Long)), Value: listOf(structOf(col("v", schema.Long)))}),
		col("b", schema.Long))
	var walk, leaves []string
	for path, f := range s.Walk() {
		require.Equal(t, f.Name, path[len(path)-1])
		walk = append(walk, schema.ColumnPath(path))
	}
	for path := range s.Leaves() {
		leaves = append(leaves, schema.ColumnPath(path))
	}
	require.Equal(t, strings.Fields("a s s.t s.t.x s.u s.u.element.y m m.key.k m.value.element.v b"), walk)
	require.Equal(t, strings.Fields("a s.t.x s.u m b"), leaves)
	for stop := range walk {
		n := 0
		for range s.Walk() {
			if n++; n > stop {
				break
			}
		}
		require.Equal(t, stop+1, n)
	}
	for range s.Leaves() {
		break
	}
}

func TestIndexAndFind(t *testing.T) {
	t.Parallel()
	s := structOf(col("a", schema.Long), col("Ab", schema.Long), col("ab", schema.Long))
	require.Equal(t, 2, s.Index("ab"))
	require.Equal(t, -1, s.Index("AB"))
	require.Equal(t, 2, s.Find("ab"))
	require.Equal(t, 1, s.Find("AB"))
	require.Equal(t, -1, s.Find("c"))
}

func TestEqualLooksAtNamesTypesAndNullability(t *testing.T) {
	t.Parallel()
	variants := []schema.DataType{
		schema.Long, schema.Integer, dec(10, 2), dec(10, 3), structOf(), structOf(col("a", schema.Long)), structOf(col("A", schema.Long)), structOf(required("a", schema.Long)),
		structOf(col("a", schema.Date)), structOf(col("a", schema.Long), col("b", schema.Long)), listOf(schema.Long), listOf(schema.Date), &schema.Array{Element: schema.Long},
		&schema.Map{Key: schema.Long, Value: schema.Long}, &schema.Map{Key: schema.Date, Value: schema.Long}, &schema.Map{Key: schema.Long, Value: schema.Date}, &schema.Map{Key: schema.Long, Value: schema.Long, ValueContainsNull: true},
	}
	for i, a := range variants {
		for j, b := range variants {
			require.Equal(t, i == j, schema.Equal(a, b), "%s %s", a, b)
		}
	}
	f := col("a", schema.Long)
	f.Metadata = schema.Metadata{"comment": `"x"`}
	require.True(t, schema.Equal(structOf(f), structOf(col("a", schema.Long))))
}

func TestValidate(t *testing.T) {
	t.Parallel()
	require.NoError(t, structOf(col("a", schema.Long), col("ä.b", listOf(structOf(col("a", dec(38, 38)))))).Validate(schema.MappingNone))
	for message, s := range map[string]*schema.Struct{
		"column A: name is used twice in one struct (a)": structOf(col("a", schema.Long), col("A", schema.Long)),
		"column b: name is used twice":                   structOf(col("B", schema.Long), col("b", schema.Long)),
		"column l.element.É: name is used twice":         structOf(col("l", listOf(structOf(col("é", schema.Long), col("É", schema.Long))))),
		"column ``: name is empty":                       structOf(col("", schema.Long)),
		"column a: decimal(39,0)":                        structOf(col("a", dec(39, 0))),
		"column m.key: decimal(2,3)":                     structOf(col("m", &schema.Map{Key: dec(2, 3), Value: schema.Long})),
		"column m.value: decimal(0,0)":                   structOf(col("m", &schema.Map{Key: schema.Long, Value: dec(0, 0)})),
		"column a: field has no type":                    structOf(col("a", nil)),
		"column a: type struct is not a primitive":       structOf(col("a", schema.Primitive(schema.KindStruct))),
	} {
		require.ErrorContains(t, s.Validate(schema.MappingNone), message)
	}
	deep := schema.DataType(schema.Long)
	for range 201 {
		deep = listOf(deep)
	}
	require.ErrorContains(t, structOf(col("a", deep)).Validate(schema.MappingNone), "column a: nested deeper than 200")
	for _, c := range " ,;{}()\n\t=" {
		s := structOf(col("a"+string(c), schema.Long))
		require.ErrorContains(t, s.Validate(schema.MappingNone), fmt.Sprintf("%q", c))
		mapped, _ := schema.AssignMapping(s, 0, func(*schema.Field) string { return "x" })
		require.NoError(t, mapped.Validate(schema.MappingName))
	}
	// All problems at once.
	err := structOf(col("a b", dec(0, 0)), col("", schema.Long)).Validate(schema.MappingNone)
	require.Len(t, strings.Split(err.Error(), "\n"), 3)
}

func TestValidateDataRefusesWhatAFileCannotHold(t *testing.T) {
	t.Parallel()
	a := col("a", schema.Long)
	require.NoError(t, structOf(a, col("v", schema.Void), col("s", structOf(a, col("v", schema.Void))), col("l", listOf(listOf(schema.Long)))).ValidateData())
	for message, s := range map[string]*schema.Struct{
		"the table has no column":              structOf(col("v", schema.Void)),
		"schema: the table":                    structOf(),
		"column s: the struct has no column":   structOf(a, col("s", structOf(col("v", schema.Void)))),
		"column l: the array's element":        structOf(a, col("l", listOf(schema.Void))),
		"column s.l: the array's element":      structOf(a, col("s", structOf(a, col("l", listOf(listOf(schema.Void)))))),
		"column m: the map's value":            structOf(a, col("m", &schema.Map{Key: schema.Long, Value: schema.Void})),
		"column m: the map's key":              structOf(a, col("m", &schema.Map{Key: structOf(), Value: schema.Long})),
		"column l.element.m: the array's elem": structOf(a, col("l", listOf(structOf(a, col("m", &schema.Map{Key: schema.Long, Value: listOf(schema.Void)}))))),
	} {
		require.ErrorContains(t, s.ValidateData(), message)
	}
}
