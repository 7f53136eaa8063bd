package expr

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// A target and a source with names in common.
var (
	targetSchema = &schema.Struct{Fields: []schema.Field{
		{Name: "id", Type: schema.Long},
		{Name: "day", Type: schema.Date, Nullable: true},
		{Name: "amount", Type: schema.Decimal{Precision: 10, Scale: 2}, Nullable: true},
		{Name: "s", Type: &schema.Struct{Fields: []schema.Field{{Name: "x", Type: schema.Integer, Nullable: true}}}, Nullable: true},
	}}
	sourceSchema = &schema.Struct{Fields: []schema.Field{
		{Name: "id", Type: schema.Integer, Nullable: true},
		{Name: "Day", Type: schema.String, Nullable: true},
		{Name: "delta", Type: schema.Double, Nullable: true},
		{Name: "x y", Type: schema.String, Nullable: true},
	}}
	mergeScope = &Scope{Relations: []Relation{
		{Names: []string{"t", "target"}, Schema: targetSchema},
		{Names: []string{"s", "source"}, Schema: sourceSchema},
	}}
)

func TestNamesAreFoundInRelations(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"t.id":           "id@0",
		"TARGET.ID":      "id@0",
		"s.id":           "id@4",
		"source.`x y`":   "x y@7",
		"`x y`":          "x y@7",
		"amount":         "amount@2",
		"delta":          "delta@6",
		"t.s.x":          "s.x@3.0",
		"s.x":            "s.x@3.0", // s is the source, but it has no x: the column s does
		"t.id + s.id":    "id@0 id@4",
		"s":              "s@3",
		"t.day = s.Day":  "day@1 Day@5",
		"target.s.x = 1": "s.x@3.0",
	} {
		e, err := Parse(text, nil)
		require.NoError(t, err)
		v, err := BindValue(e, mergeScope, nil)
		require.NoError(t, err, text)
		var got []string
		for _, c := range v.Columns() {
			index := ""
			for _, i := range c.Index {
				index += "." + itoa(i)
			}
			got = append(got, strings.Join(c.Path, ".")+"@"+index[1:])
		}
		require.Equal(t, want, strings.Join(got, " "), text)
	}
	require.Equal(t, 8, mergeScope.Fields())
	require.Equal(t, []int{0, 0, 1, -1}, []int{mergeScope.RelationOf(0), mergeScope.RelationOf(3), mergeScope.RelationOf(4), mergeScope.RelationOf(8)})
	for text, want := range map[string]string{
		"id = 1":        "id is ambiguous: it can be t.id or s.id",
		"Day = day":     "Day is ambiguous: it can be t.Day or s.Day",
		"nope":          "column nope does not exist; there are id, day, amount, s, delta, `x y`",
		"t.nope":        "column t.nope does not exist; there are id, day, amount, s",
		"s.nope":        "column s.nope does not exist; there are x",
		"source.amount": "column source.amount does not exist; there are id, Day, delta, `x y`",
		"u.id":          "column u does not exist; there are id, day, amount, s, delta, `x y`",
		"t.id.x":        "t.id.x does not exist: id is of type bigint, not a struct",
	} {
		e, err := Parse(text, nil)
		require.NoError(t, err)
		_, err = BindValue(e, mergeScope, nil)
		var bad *Error
		require.ErrorAs(t, err, &bad, text)
		require.Equal(t, want, bad.Msg, text)
	}
	e, err := Parse("a", nil)
	require.NoError(t, err)
	_, err = BindValue(e, noColumns, nil)
	require.ErrorContains(t, err, "column a does not exist; no columns may be used here")
	twice := &Scope{Relations: []Relation{{Names: []string{"t"}, Schema: targetSchema}, {Names: []string{"T"}, Schema: targetSchema}}}
	e, err = Parse("t.id", nil)
	require.NoError(t, err)
	_, err = BindValue(e, twice, nil)
	require.ErrorContains(t, err, "t.id is ambiguous: two relations are called t")
}

func TestConditionsOverTwoRelations(t *testing.T) {
	t.Parallel()
	e, err := Parse("t.id = s.id AND amount + delta > 2 AND t.day = s.day", nil)
	require.NoError(t, err)
	p, err := BindIn(e, mergeScope, nil)
	require.NoError(t, err)
	days, err := vec.OfBytes([]string{"1970-01-02", "1970-01-02", "1970-01-03"}, nil)
	require.NoError(t, err)
	amount := func(n int64) [16]byte { return schema.Decimal128FromInt64(n).LittleEndian() }
	got, err := p.Eval([]*vec.Vec{
		vec.Of(vec.Int64, []int64{1, 2, 3}, nil),
		vec.Of(vec.Int32, []int32{1, 1, 1}, nil),
		vec.Of(vec.Decimal128, [][16]byte{amount(150), amount(150), amount(150)}, nil),
		nil,
		vec.Of(vec.Int32, []int32{1, 2, 3}, nil),
		days,
		vec.Of(vec.Float64, []float64{1, 0.25, 1}, nil),
	}, 3)
	require.NoError(t, err)
	require.Equal(t, []int32{0}, got.Indices(nil))
}

func TestJoinKeys(t *testing.T) {
	t.Parallel()
	show := func(es []Expr) string {
		var out []string
		for _, e := range es {
			out = append(out, e.String())
		}
		return strings.Join(out, "; ")
	}
	for _, c := range []struct{ text, keys, target, source, both string }{
		{"t.id = s.id", "t.id|s.id|bigint", "", "", ""},
		{"s.id = t.id", "t.id|s.id|bigint", "", "", ""},
		{"s.id <=> t.id", "t.id|s.id|bigint|null", "", "", ""},
		{"t.id = s.id AND t.day = s.day", "t.id|s.id|bigint; t.day|s.day|date", "", "", ""},
		{"t.id % 10 = s.id + 1", "t.id % 10|s.id + 1|bigint", "", "", ""},
		{"amount = delta", "amount|delta|double", "", "", ""},
		{
			"t.id = s.id AND t.day > '2026-01-01' AND s.delta > 0 AND t.id > s.id AND 1 = 1 + 0", "t.id|s.id|bigint",
			"t.day > '2026-01-01'", "s.delta > 0", "t.id > s.id; 1 = 1 + 0",
		},
		{"t.id = s.id OR t.id = 5", "", "", "", "t.id = s.id OR t.id = 5"},
		{"t.id + s.id = s.id", "", "", "", "t.id + s.id = s.id"},
		{"t.id = t.amount", "", "t.id = t.amount", "", ""},
		{"t.id = 5", "", "t.id = 5", "", ""},
		{"TRUE", "", "", "", ""},
		{"t.s = struct(s.id AS x)", "", "", "", "t.s = named_struct('x', s.id)"},
		{"t.day - DATE '2026-01-01' = s.day::date - DATE '2026-01-01'", "", "", "", "t.day - DATE '2026-01-01' = CAST(s.day AS DATE) - DATE '2026-01-01'"},
	} {
		e, err := Parse(c.text, nil)
		require.NoError(t, err)
		keys, target, source, both, err := JoinKeys(e, mergeScope, nil)
		require.NoError(t, err, c.text)
		var got []string
		for _, k := range keys {
			one := k.Target.String() + "|" + k.Source.String() + "|" + k.Type.String()
			if k.NullSafe {
				one += "|null"
			}
			require.Equal(t, k.Type, k.TargetKey.Type())
			require.Equal(t, k.Type, k.SourceKey.Type())
			require.Less(t, k.TargetKey.Columns()[0].Index[0], 4)
			require.GreaterOrEqual(t, k.SourceKey.Columns()[0].Index[0], 4)
			got = append(got, one)
		}
		require.Equal(t, c.keys, strings.Join(got, "; "), c.text)
		require.Equal(t, []string{c.target, c.source, c.both}, []string{show(target), show(source), show(both)}, c.text)
	}
	e, err := Parse("id = 1", nil)
	require.NoError(t, err)
	_, _, _, _, err = JoinKeys(e, mergeScope, nil)
	require.ErrorContains(t, err, "ambiguous")
}

// Decimals that no decimal of 38 digits holds are compared exactly, and are no keys.
func TestJoinKeysLoseNoDigit(t *testing.T) {
	t.Parallel()
	a := &schema.Struct{Fields: []schema.Field{{Name: "a", Type: schema.Decimal{Precision: 38}}}}
	b := &schema.Struct{Fields: []schema.Field{{Name: "b", Type: schema.Decimal{Precision: 10, Scale: 10}}}}
	e, err := Parse("a = b", nil)
	require.NoError(t, err)
	keys, _, _, both, err := JoinKeys(e, &Scope{Relations: []Relation{{Schema: a}, {Schema: b}}}, nil)
	require.NoError(t, err)
	require.Empty(t, keys)
	require.Len(t, both, 1)
}

func TestStoreAssignment(t *testing.T) {
	t.Parallel()
	ab := func(a, b schema.DataType) *schema.Struct {
		return &schema.Struct{Fields: []schema.Field{{Name: "a", Type: a, Nullable: true}, {Name: "b", Type: b, Nullable: true}}}
	}
	for _, c := range []struct {
		text string
		to   schema.DataType
		want string
	}{
		{"5", schema.Byte, "5"},
		{"300", schema.Byte, "error: 300: the result is out of range of tinyint"},
		{"5L", schema.Integer, "5"},
		{"5", schema.Double, "5.0"},
		{"1.9D", schema.Integer, "1"},
		{"1.239", schema.Decimal{Precision: 5, Scale: 2}, "1.24"},
		{"1000", schema.Decimal{Precision: 5, Scale: 2}, "error: 1000: the result is out of range of decimal(5,2)"},
		{"5", schema.String, "5"},
		{"TRUE", schema.String, "true"},
		{"DATE '2026-01-05'", schema.Timestamp, "2026-01-05 00:00:00"},
		{"TIMESTAMP '2026-01-05 10:00:00'", schema.Date, "2026-01-05"},
		{"NULL", schema.Date, "NULL"},
		{"NULL", ab(schema.Long, schema.Long), "NULL"},
		{"'5'", schema.Integer, "bind: '5' is of type string, which cannot be stored as int; write CAST(… AS int)"},
		{"'2026-01-05'", schema.Date, "bind: '2026-01-05' is of type string, which cannot be stored as date; write CAST(… AS date)"},
		{"TRUE", schema.Integer, "bind: TRUE is of type boolean, which cannot be stored as int"},
		{"1", schema.Boolean, "bind: 1 is of type int, which cannot be stored as boolean"},
		{"1", schema.Timestamp, "bind: 1 is of type int, which cannot be stored as timestamp"},
		{"struct(1 AS a, 2 AS b)", ab(schema.Long, schema.String), "{a:1, b:2}"},
		{"struct(1 AS B, 2 AS A)", ab(schema.Long, schema.String), "{a:2, b:1}"},
		{"struct(1 AS a, 300 AS b)", ab(schema.Long, schema.Byte), "error: 300: the result is out of range of tinyint"},
		{"struct(1 AS a, NULL AS b)", ab(schema.Long, schema.Byte), "{a:1, b:NULL}"},
		{"struct(1 AS a)", ab(schema.Long, schema.String), "bind: named_struct('a', 1) is of type struct<a:int not null>, which cannot be stored as struct<a:bigint,b:string>"},
		{"struct(1, 2)", ab(schema.Long, schema.String), "bind: named_struct('col1', 1, 'col2', 2) is of type struct<col1:int not null,col2:int not null>, which cannot be stored as struct<a:bigint,b:string>"},
		{"array(1, NULL)", &schema.Array{Element: schema.Long, ContainsNull: true}, "[1, NULL]"},
		{"array()", &schema.Array{Element: schema.Long, ContainsNull: true}, "[]"},
		{"array(1, 300)", &schema.Array{Element: schema.Byte}, "error: 300: the result is out of range of tinyint"},
		{"array(struct(1 AS b, 2 AS a))", &schema.Array{Element: ab(schema.Long, schema.String)}, "[{a:2, b:1}]"},
		{"map(1, 2)", &schema.Map{Key: schema.Long, Value: schema.String}, "[1→2]"},
		{"map('a', 2)", &schema.Map{Key: schema.Long, Value: schema.String}, "bind: map('a', 2) is of type map<string,int>, which cannot be stored as map<bigint,string>"},
	} {
		e, err := Parse(c.text, nil)
		require.NoError(t, err)
		v, err := BindValue(e, noColumns, nil)
		require.NoError(t, err, c.text)
		v, err = v.As(c.to)
		if err != nil {
			require.Equal(t, c.want, "bind: "+err.(*Error).Msg, c.text)
			continue
		}
		require.Equal(t, c.to, v.Type())
		got, err := v.Eval(nil, 2)
		if err != nil {
			require.Equal(t, c.want, "error: "+err.(*EvalError).Err.Error(), c.text)
			continue
		}
		require.NoError(t, vec.Check(got))
		require.Equal(t, c.want, render(t, got, c.to, 1), c.text)
	}
}

// What is folded to a constant prunes as a literal does.
func TestFoldedExpressionsPrune(t *testing.T) {
	t.Parallel()
	day := func(n int32) schema.Value { return schema.DateValue(n) }
	exact := func(min, max schema.Value) []Bounds {
		return []Bounds{{Min: min, Max: max, HasNullCount: true, NoNaN: true, Exact: true}}
	}
	const jan5 = 20458
	micros := func(d int64) schema.Value { return schema.TimestampValue(d * microsPerDay) }
	for _, c := range []struct {
		text   string
		bounds []Bounds
		want   Match
	}{
		{"d = CAST('2026-01-05' AS DATE)", exact(day(jan5), day(jan5)), All},
		{"d = CAST('2026-01-05' AS DATE)", exact(day(jan5+1), day(jan5+9)), None},
		{"d >= current_date() - INTERVAL 3 DAYS", exact(day(jan5-9), day(jan5-4)), None},
		{"d >= current_date() - INTERVAL 3 DAYS", exact(day(jan5-9), day(jan5-3)), Some},
		{"d < date_add(to_date('2026-01-04'), 1)", exact(day(jan5), day(jan5+1)), None},
		{"ts > current_timestamp() - INTERVAL 1 DAY", exact(micros(jan5-3), micros(jan5-2)), None},
		{"ts > current_timestamp() - INTERVAL 1 DAY", exact(micros(jan5), micros(jan5+1)), All},
		{"i64 = 2 + 3 * 4", exact(long(15), long(20)), None},
		{"i64 IN (1 + 1, 2 * 4)", exact(long(9), long(20)), None},
		{"i64 BETWEEN 1 + 1 AND 10 - 1", exact(long(10), long(20)), None},
		{"-5 + 10 < i64", exact(long(1), long(5)), None},
		{"s = upper('a')", exact(schema.StringValue("B"), schema.StringValue("C")), None},
		{"CASE WHEN TRUE THEN i64 ELSE 1 END > 20", exact(long(1), long(20)), None},
		{"IF(1 = 2, FALSE, i64 > 20)", exact(long(1), long(20)), None},
		{"i64 > 20 AND 1 / 0 = 1", exact(long(1), long(20)), None},
		{"i64 + 1 > 30", exact(long(1), long(20)), Some},
		{"upper(s) = 'A' OR s LIKE s", exact(schema.StringValue("B"), schema.StringValue("C")), Some},
		{"coalesce(i64, 1) IS NULL", exact(long(1), long(2)), Some},
		{"i64 > 20 AND i64 + 1 > 0", exact(long(1), long(20)), None},
	} {
		_, p, err := Compile(c.text, testSchema, testOptions)
		require.NoError(t, err, c.text)
		require.Equal(t, c.want, p.Prune(5, c.bounds), c.text)
	}
	// With the values of partition columns whole expressions are decided.
	_, p, err := Compile("upper(s) = 'A' AND year(d) = 2026 AND i64 > 5", testSchema, nil)
	require.NoError(t, err)
	a := p.WithConstants(map[int]schema.Value{0: schema.StringValue("a"), 1: day(jan5)})
	require.Equal(t, None, a.Prune(5, []Bounds{{}, {}, exact(long(1), long(5))[0]}))
	require.Equal(t, Some, a.Prune(5, nil))
	m, ok := p.WithConstants(map[int]schema.Value{0: schema.StringValue("b")}).Constant()
	require.True(t, ok)
	require.Equal(t, None, m)
}

func TestValueOfColumnsKnowsWhatItIs(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"t.id":                           "bigint false",
		"t.day":                          "date true",
		"t.id + 1":                       "bigint false",
		"t.id + s.id":                    "bigint true",
		"coalesce(s.id, t.id)":           "bigint false",
		"coalesce(s.id, NULL)":           "int true",
		"CASE WHEN delta > 0 THEN 1 END": "int true",
		"if(delta > 0, t.id, 1)":         "bigint false",
		"amount * 2":                     "decimal(12,2) true",
		"try_cast(t.id AS INT)":          "int true",
		"t.s.x":                          "int true",
	} {
		e, err := Parse(text, nil)
		require.NoError(t, err)
		v, err := BindValue(e, mergeScope, nil)
		require.NoError(t, err, text)
		require.Equal(t, want, v.Type().String()+" "+map[bool]string{true: "true", false: "false"}[v.Nullable()], text)
		require.Equal(t, e.String(), v.String())
	}
	e, err := Parse("1 + 2", nil)
	require.NoError(t, err)
	v, err := BindValue(e, mergeScope, nil)
	require.NoError(t, err)
	c, ok := v.Constant()
	require.True(t, ok)
	require.Equal(t, schema.IntegerValue(3), c)
}

// An error names the row of the batch, also through branches, and the part.
func TestEvalErrorNamesTheRow(t *testing.T) {
	t.Parallel()
	batch := make([]*vec.Vec, 17)
	batch[4] = vec.Of(vec.Int64, []int64{1, 2, 0, 4, 0}, []bool{true, true, false, true, true})
	batch[16] = vec.Of(vec.Int64, []int64{1, 0, 1, 1, 1}, nil)
	for text, want := range map[string]string{
		"10 / i64": "expr: row 4: 10 / i64: 10 / 0: division by zero",
		"CASE WHEN j64 = 0 THEN 1 ELSE 10 / i64 END":               "expr: row 4: 10 / i64: 10 / 0: division by zero",
		"CASE WHEN i64 > 1 THEN 1 / (i64 - 2) END":                 "expr: row 1: 1 / (i64 - 2): 1 / 0: division by zero",
		"i64 > 3 OR coalesce(NULLIF(i64, 1), 1 DIV (j64 - 1)) = 2": "expr: row 0: 1 DIV (j64 - 1): 1 DIV 0: division by zero",
		"i64 = 4 AND i64 / (j64 - 1) = 1":                          "expr: row 3: i64 / (j64 - 1): 4 / 0: division by zero",
		"array(1)[i64]":                                            "expr: row 0: array(1)[i64]: element 1 of an array of 1 elements: there is none",
	} {
		e, err := Parse(text, nil)
		require.NoError(t, err)
		v, err := BindValue(e, OneScope(testSchema), nil)
		require.NoError(t, err, text)
		_, err = v.Eval(batch, 5)
		require.EqualError(t, err, want, text)
		if v.Type() == schema.Boolean {
			p, err := Bind(e, testSchema, nil)
			require.NoError(t, err)
			_, err = p.Eval(batch, 5)
			require.EqualError(t, err, want, text)
		}
	}
	// Rows that do not need the value do not fail.
	for _, text := range []string{
		"CASE WHEN i64 = 0 THEN NULL ELSE 10 / i64 END", "i64 = 0 OR 10 / i64 > 1", "i64 <> 0 AND 10 / i64 > 1",
		"if(i64 > 0, 10 % i64, 0)", "coalesce(i64, 1 / (j64 - 1))", "NULLIF(i64, 0) + 10 / NULLIF(i64, 0)", "i64 <> 0 AND j64 BETWEEN 0 AND 1 / i64",
	} {
		e, err := Parse(text, nil)
		require.NoError(t, err)
		v, err := BindValue(e, OneScope(testSchema), nil)
		require.NoError(t, err, text)
		_, err = v.Eval(batch, 5)
		if text == "coalesce(i64, 1 / (j64 - 1))" {
			require.EqualError(t, err, "expr: row 2: 1 / (j64 - 1): 1 / 0: division by zero")
			continue
		}
		require.NoError(t, err, text)
	}
}
