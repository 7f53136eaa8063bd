package expr

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

func TestEvalAgreesWithTheReference(t *testing.T) {
	t.Parallel()
	selected := 0
	for seed := range uint64(1200) {
		r := rand.New(rand.NewPCG(seed, 1))
		rows := randomRows(r, r.IntN(100))
		e := generator{r}.cond(r.IntN(4))
		p, err := Bind(e, testSchema, nil)
		require.NoError(t, err, "seed %d: %v", seed, e)
		got, err := p.Eval(batchOf(r, rows), len(rows))
		require.NoError(t, err, "seed %d: %v", seed, e)
		require.Equal(t, len(rows), got.Len)
		for i, row := range rows {
			require.Equal(t, row.eval(e) == isYes, got.Get(i), "seed %d, row %d: %v with %v", seed, i, e, row)
		}
		selected += got.Count()
	}
	require.Greater(t, selected, 5_000, "the conditions are not trivial")
}

// Text made from a condition means the same condition.
func TestCanonicalTextMeansTheSame(t *testing.T) {
	t.Parallel()
	for seed := range uint64(600) {
		r := rand.New(rand.NewPCG(seed, 2))
		e := generator{r}.cond(r.IntN(5))
		again, p, err := Compile(e.String(), testSchema, nil)
		require.NoError(t, err, "seed %d: %v", seed, e)
		require.Equal(t, e.String(), again.String(), "seed %d", seed)
		rows := randomRows(r, 40)
		got, err := p.Eval(batchOf(r, rows), len(rows))
		require.NoError(t, err)
		for i, row := range rows {
			require.Equal(t, row.eval(e) == isYes, got.Get(i), "seed %d, row %d: %v", seed, i, e)
		}
	}
}

func TestConstantsStandForTheirColumns(t *testing.T) {
	t.Parallel()
	decided := 0
	for seed := range uint64(600) {
		r := rand.New(rand.NewPCG(seed, 3))
		e := generator{r}.cond(1 + r.IntN(3))
		p, err := Bind(e, testSchema, nil)
		require.NoError(t, err)
		rows := randomRows(r, 30)
		batch := batchOf(r, rows)
		constants := map[int]schema.Value{}
		for i, c := range p.Columns() {
			if r.IntN(2) == 0 && len(c.Path) == 1 {
				constants[i] = rows[0][key(c.Path)]
				for _, row := range rows {
					row[key(c.Path)] = constants[i]
				}
				batch[c.Index[0]] = nil
			}
		}
		p = p.WithConstants(constants)
		got, err := p.Eval(batch, len(rows))
		require.NoError(t, err, "seed %d: a constant column is not read: %v", seed, e)
		for i, row := range rows {
			require.Equal(t, row.eval(e) == isYes, got.Get(i), "seed %d, row %d: %v with %v", seed, i, e, row)
		}
		if m, ok := p.Constant(); ok {
			decided++
			require.Equal(t, map[Match]int{None: 0, All: len(rows)}[m], got.Count(), "seed %d: %v", seed, e)
			require.Equal(t, m, p.Prune(30, nil), "seed %d: %v", seed, e)
		} else {
			require.NotEqual(t, len(constants), len(p.Columns()), "seed %d: all are constant: %v", seed, e)
		}
	}
	require.Greater(t, decided, 100)
}

func bindText(t testing.TB, text string) *Predicate {
	t.Helper()
	_, p, err := Compile(text, testSchema, nil)
	require.NoError(t, err, text)
	return p
}

func TestBindErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, msg string }{
		{"nope = 1", "column nope does not exist; there are b, i8, i16, I32, i64, f32, f64, dec, big, s, bin, d, ts, ntz, st, t, j64"},
		{"st.nope = 1", "column st.nope does not exist; there are x, `y z`"},
		{"s.x = 1", "s.x does not exist: s is of type string, not a struct"},
		{"i64", "column i64 is not a condition: it is of type bigint"},
		{"5", "5 is not a condition: it is of type int"},
		{"'true'", "'true' is not a condition: it is of type string"},
		{"NOT s", "column s is not a condition: it is of type string"},
		{"i64 = 'abc'", "i64 = 'abc': 'abc' is not a valid bigint"},
		{"i64 = '1.5'", "i64 = '1.5': '1.5' is not a valid bigint"},
		{"i64 > ''", "i64 > '': '' is not a valid bigint"},
		{"dec = 'x'", "dec = 'x': x is not a decimal number of at most 38 digits"},
		{"d = '2026-02-30'", "d = '2026-02-30': '2026-02-30' is not a valid date"},
		{"d = '2026-01-01 10:00:00'", "d = '2026-01-01 10:00:00': '2026-01-01 10:00:00' is not a valid date"},
		{"ts < 'soon'", "ts < 'soon': 'soon' is not a valid timestamp"},
		{"b = 'maybe'", "b = 'maybe': 'maybe' is not a valid boolean"},
		{"b = 1", "b = 1: type boolean cannot be compared with type int"},
		{"s = 5", "s = 5: s is of type string, and the literal is of type int; write it in quotes"},
		{"5 < s", "5 < s: s is of type string, and the literal is of type int; write it in quotes"},
		{"s > DATE '2026-01-01'", "s > DATE '2026-01-01': s is of type string, and the literal is of type date; write it in quotes"},
		{"d = 20260101", "d = 20260101: type date cannot be compared with type int"},
		{"i64 = DATE '2026-01-01'", "i64 = DATE '2026-01-01': type bigint cannot be compared with type date"},
		{"i64 = b", "i64 = b: type bigint cannot be compared with type boolean"},
		{"d = i64", "d = i64: type date cannot be compared with type bigint"},
		{"st = 1", "st = 1: values of type struct<x:bigint,`y z`:string> cannot be compared"},
		{"i64 LIKE 'a%'", "LIKE wants a string, and i64 is of type bigint"},
		{"5 LIKE 'a%'", "LIKE wants a string, and 5 is of type int"},
		{"(b = b) = 5", "b = b = 5"},
		{"i64 IN (1, 'x')", "'x' is not a valid bigint"},
		{"i64 BETWEEN 1 AND 'x'", "'x' is not a valid bigint"},
		{"1 = 'x'", "'x' is not a valid int"},
		{"DATE '2026-01-01' = 5", "cannot be compared"},
	} {
		_, _, err := Compile(c.text, testSchema, nil)
		require.Error(t, err, c.text)
		var bad *Error
		require.ErrorAs(t, err, &bad)
		if c.text == "(b = b) = 5" {
			require.ErrorContains(t, err, "compares a condition with a value of type int")
			continue
		}
		require.Contains(t, bad.Msg, c.msg, c.text)
		require.Contains(t, err.Error(), "\n  "+c.text+"\n", "the text is shown")
	}
	two := &schema.Struct{Fields: []schema.Field{{Name: "a", Type: schema.Long}, {Name: "A", Type: schema.Long}}}
	_, _, err := Compile("a = 1", two, nil)
	require.ErrorContains(t, err, "a is ambiguous: it can be a or A")
	_, err = Bind(nil, testSchema, nil)
	require.Error(t, err)
	_, err = Bind(Column(), testSchema, nil)
	require.Error(t, err)
	_, err = Bind(Compare(Eq, Column("i64"), nil), testSchema, nil)
	require.Error(t, err)
	deep := Column("b")
	for range 5000 {
		deep = Not(deep)
	}
	_, err = Bind(deep, testSchema, nil)
	require.ErrorContains(t, err, "nested too deep")
}

// requireSelects evaluates text on a column of values.
func requireSelects(t *testing.T, text, name string, values []schema.Value, want []bool, o *Options) {
	t.Helper()
	_, p, err := Compile(text, testSchema, o)
	require.NoError(t, err, text)
	rows := make([]row, len(values))
	for i, v := range values {
		rows[i] = row{name: v}
	}
	got, err := p.Eval(batchOf(rand.New(rand.NewPCG(1, 1)), rows), len(rows))
	require.NoError(t, err)
	for i := range values {
		require.Equal(t, want[i], got.Get(i), "%s with %v", text, values[i])
	}
}

func TestDecimalsAreExact(t *testing.T) {
	t.Parallel()
	parse := func(s string) schema.Value {
		u, ok := schema.Decimal{Precision: 38, Scale: 10}.Parse(s)
		require.True(t, ok)
		return schema.DecimalValue(u, 10)
	}
	values := []schema.Value{parse("9007199254740993.0000000001"), parse("9007199254740993"), parse("0.1")}
	requireSelects(t, "big = 9007199254740993", "big", values, []bool{false, true, false}, nil)
	requireSelects(t, "big > 9007199254740993", "big", values, []bool{true, false, false}, nil)
	requireSelects(t, "big = 0.1", "big", values, []bool{false, false, true}, nil)
	requireSelects(t, "big = '0.1000'", "big", values, []bool{false, false, true}, nil)
	requireSelects(t, "big > 0.09999999999999", "big", values, []bool{true, true, true}, nil)
	requireSelects(t, "big < 99999999999999999999999999999999999999", "big", values, []bool{true, true, true}, nil)
	requireSelects(t, "big > -99999999999999999999999999999999999999", "big", values, []bool{true, true, true}, nil)
	requireSelects(t, "big >= 0.1", "big", values, []bool{true, true, true}, nil)
	longs := []schema.Value{schema.LongValue(1 << 53), schema.LongValue(1<<53 + 1), schema.LongValue(-2)}
	requireSelects(t, "i64 = 9007199254740993", "i64", longs, []bool{false, true, false}, nil)
	requireSelects(t, "i64 < 9007199254740992.5", "i64", longs, []bool{true, false, true}, nil)
	requireSelects(t, "i64 <= -1.5", "i64", longs, []bool{false, false, true}, nil)
	requireSelects(t, "i64 = -1.5", "i64", longs, []bool{false, false, false}, nil)
	requireSelects(t, "i64 <> -1.5", "i64", longs, []bool{true, true, true}, nil)
	requireSelects(t, "i64 < 99999999999999999999", "i64", longs, []bool{true, true, true}, nil)
	requireSelects(t, "i64 >= -99999999999999999999", "i64", longs, []bool{true, true, true}, nil)
	// A double makes it a comparison of doubles, as in Spark.
	requireSelects(t, "i64 = 9007199254740992D", "i64", longs, []bool{true, true, false}, nil)
}

func TestFloatsHaveSparksOrder(t *testing.T) {
	t.Parallel()
	nan, _ := schema.ParseFloat("nan", 64)
	values := []schema.Value{schema.DoubleValue(nan), schema.DoubleValue(1), schema.DoubleValue(0), schema.Null(schema.Double)}
	requireSelects(t, "f64 = CAST('NaN' AS DOUBLE)", "f64", values, []bool{true, false, false, false}, nil)
	requireSelects(t, "f64 > 1e308", "f64", values, []bool{true, false, false, false}, nil)
	requireSelects(t, "f64 > CAST('Infinity' AS DOUBLE)", "f64", values, []bool{true, false, false, false}, nil)
	requireSelects(t, "f64 < CAST('NaN' AS DOUBLE)", "f64", values, []bool{false, true, true, false}, nil)
	requireSelects(t, "f64 >= CAST('NaN' AS DOUBLE)", "f64", values, []bool{true, false, false, false}, nil)
	requireSelects(t, "f64 = -0.0D", "f64", values, []bool{false, false, true, false}, nil)
	requireSelects(t, "f64 IN (CAST('NaN' AS DOUBLE), -0.0D)", "f64", values, []bool{true, false, true, false}, nil)
	requireSelects(t, "f32 = 0.1", "f32", []schema.Value{schema.FloatValue(0.1)}, []bool{false}, nil)
	requireSelects(t, "f32 = 0.1F", "f32", []schema.Value{schema.FloatValue(0.1)}, []bool{true}, nil)
	requireSelects(t, "f32 = '0.1'", "f32", []schema.Value{schema.FloatValue(0.1)}, []bool{true}, nil)
}

func TestNotInWithNullSelectsNothing(t *testing.T) {
	t.Parallel()
	values := []schema.Value{schema.LongValue(1), schema.LongValue(2), schema.Null(schema.Long)}
	requireSelects(t, "i64 NOT IN (1, NULL)", "i64", values, []bool{false, false, false}, nil)
	requireSelects(t, "i64 IN (1, NULL)", "i64", values, []bool{true, false, false}, nil)
	requireSelects(t, "i64 NOT IN (1)", "i64", values, []bool{false, true, false}, nil)
	requireSelects(t, "i64 IN (NULL)", "i64", values, []bool{false, false, false}, nil)
	requireSelects(t, "i64 = NULL", "i64", values, []bool{false, false, false}, nil)
	requireSelects(t, "i64 <=> NULL", "i64", values, []bool{false, false, true}, nil)
	requireSelects(t, "i64 <=> 1", "i64", values, []bool{true, false, false}, nil)
	requireSelects(t, "NOT i64 <=> 1", "i64", values, []bool{false, true, true}, nil)
	requireSelects(t, "NULL <=> NULL", "i64", values, []bool{true, true, true}, nil)
	requireSelects(t, "DATE '2026-01-02' = '2026-1-2' AND '5' = 5L AND 1 < 1.5", "i64", values, []bool{true, true, true}, nil)
}

func TestTimesMeetInTheSessionsZone(t *testing.T) {
	t.Parallel()
	paris := &Options{Location: mustLoad(t, "Europe/Paris")}
	at := func(s string) int64 {
		us, ok := schema.ParseTimestamp(s, nil)
		require.True(t, ok, s)
		return us
	}
	midnight := schema.TimestampValue(at("2026-06-30T22:00:00Z")) // 2026-07-01 in Paris
	requireSelects(t, "ts = DATE '2026-07-01'", "ts", []schema.Value{midnight}, []bool{true}, paris)
	requireSelects(t, "ts = '2026-07-01'", "ts", []schema.Value{midnight}, []bool{true}, paris)
	requireSelects(t, "ts = '2026-07-01 00:00:00'", "ts", []schema.Value{midnight}, []bool{true}, paris)
	requireSelects(t, "ts = TIMESTAMP '2026-07-01 00:00:00'", "ts", []schema.Value{midnight}, []bool{true}, paris)
	requireSelects(t, "ts = TIMESTAMP_NTZ '2026-07-01 00:00:00'", "ts", []schema.Value{midnight}, []bool{true}, paris)
	requireSelects(t, "ts = '2026-06-30T22:00:00Z'", "ts", []schema.Value{midnight}, []bool{true}, paris)
	requireSelects(t, "ts = DATE '2026-07-01'", "ts", []schema.Value{midnight}, []bool{false}, nil)
	day := []schema.Value{schema.DateValue(20634), schema.DateValue(20635)} // 06-30, 07-01
	requireSelects(t, "d < TIMESTAMP '2026-07-01 00:00:01'", "d", day, []bool{true, true}, paris)
	requireSelects(t, "d >= TIMESTAMP '2026-07-01 00:00:01'", "d", day, []bool{false, false}, paris)
	requireSelects(t, "d >= TIMESTAMP '2026-06-30T22:00:00Z'", "d", day, []bool{false, true}, paris)
	requireSelects(t, "d = '2026-07-01 00:00:00'", "d", day, []bool{false, true}, paris)
	wall := []schema.Value{schema.TimestampNTZValue(at("2026-07-01T00:00:00Z"))}
	requireSelects(t, "ntz = TIMESTAMP '2026-06-30T22:00:00Z'", "ntz", wall, []bool{true}, paris)
	requireSelects(t, "ntz = DATE '2026-07-01'", "ntz", wall, []bool{true}, paris)
}

func TestEvalRefusesBatchesThatDoNotFit(t *testing.T) {
	t.Parallel()
	p := bindText(t, "i8 = 1 AND st.x = 2")
	batch := make([]*vec.Vec, len(testSchema.Fields))
	fail := func(msg string) {
		t.Helper()
		_, err := p.Eval(batch, 2)
		require.ErrorContains(t, err, msg)
	}
	fail("expr: column i8 is not in the batch")
	batch[1] = vec.Of(vec.Int8, []int8{1, 2, 3}, nil)
	fail("expr: column i8 has 3 values, the batch 2 rows")
	batch[1] = vec.Of(vec.Int64, []int64{1, 2}, nil)
	fail("expr: column i8 of type tinyint is a int64 vector, want int8")
	batch[1] = &vec.Vec{Kind: vec.Null, Len: 2}
	batch[14] = vec.Of(vec.Int64, []int64{1, 2}, nil)
	fail("expr: column st.x: a int64 vector without that field")
	batch[14] = vec.OfStruct(2, nil)
	fail("expr: column st.x: a struct vector without that field")
	batch[14] = vec.OfStruct(2, nil, vec.Of(vec.Int64, []int64{2, 2}, nil))
	got, err := p.Eval(batch, 2)
	require.NoError(t, err)
	require.Zero(t, got.Count(), "a column that the file does not have is null")
	_, err = p.Eval(nil, 2)
	require.Error(t, err)
	empty, err := p.Eval([]*vec.Vec{1: {Kind: vec.Int8}, 14: {Kind: vec.Null}}, 0)
	require.NoError(t, err)
	require.Zero(t, empty.Len)
}

func TestColumnsAreListedOnceAsTheSchemaSpellsThem(t *testing.T) {
	t.Parallel()
	p := bindText(t, "i32 = 1 AND ST.X > 2 AND I32 < 5 AND b")
	var paths [][]string
	for _, c := range p.Columns() {
		paths = append(paths, c.Path)
	}
	require.Equal(t, [][]string{{"I32"}, {"st", "x"}, {"b"}}, paths)
	require.Equal(t, []int{14, 0}, p.Columns()[1].Index)
	require.Equal(t, schema.Long, p.Columns()[1].Type)
}

func TestLikeTakesLinearTimeInEachSubject(t *testing.T) {
	t.Parallel()
	p, err := compileLike("%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%b_", '\\')
	require.NoError(t, err)
	subject := slices.Repeat([]byte("a"), 20_000)
	require.False(t, p.match(subject)) // exponential if it went back
	require.True(t, p.match(append(subject, "bé"...)))
}

func mustLoad(t *testing.T, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	require.NoError(t, err)
	return loc
}

func TestLiteralsOutOfAColumnsRange(t *testing.T) {
	t.Parallel()
	values := []schema.Value{schema.ByteValue(-128), schema.ByteValue(0), schema.ByteValue(127), schema.Null(schema.Byte)}
	no, all := []bool{false, false, false, false}, []bool{true, true, true, false}
	for text, want := range map[string][]bool{
		"i8 < 128": all, "i8 <= 200": all, "i8 > 128": no, "i8 >= 128": no, "i8 = 256": no, "i8 <> 256": all,
		"i8 > -129": all, "i8 >= -200": all, "i8 < -129": no, "i8 <= -129": no, "i8 = -256": no, "i8 IN (128, -129)": no,
		"i8 <=> 256": no, "i8 < 9223372036854775808": all, "i8 > -99999999999999999999.5": all, "i8 < -99999999999999999999.5": no,
		"i8 <= 127": all, "i8 >= -128": all, "i8 = -128": {true, false, false, false}, "i8 > 126": {false, false, true, false},
		"i8 BETWEEN -1000 AND 1000": all,
	} {
		requireSelects(t, text, "i8", values, want, nil)
	}
}
