package expr

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/internal/stats"
	"github.com/deltalog/deltalog/txlog/schema"
)

// boundsOf returns what a writer may say about a column's values: all that is
// true of them, or less.
func boundsOf(r *rand.Rand, path []string, rows []row) Bounds {
	t := leafType(path)
	b := Bounds{HasNullCount: true, Exact: true}
	nan := false
	for _, row := range rows {
		v := row[key(path)]
		switch {
		case v.IsNull():
			b.NullCount++
		case isNaN(v):
			nan = true
		default:
			if b.Min.IsNull() || schema.Compare(v, b.Min) < 0 {
				b.Min = v
			}
			if b.Max.IsNull() || schema.Compare(v, b.Max) > 0 {
				b.Max = v
			}
		}
	}
	b.NoNaN = !nan && r.IntN(2) == 0
	if nan { // Spark writes it as the largest, others leave it out
		b.Exact = false
		if r.IntN(2) == 0 {
			b.Max = schema.DoubleValue(math.NaN())
		}
	}
	switch r.IntN(8) {
	case 0:
		b.Max = schema.Value{}
	case 1:
		b.Min = schema.Value{}
	case 2:
		b.HasNullCount = false
	case 3:
		return Bounds{}
	case 4: // bounds of more rows
		b.Exact, b.NullCount, b.HasNullCount = false, 0, b.NullCount == 0
		for range 3 {
			v := randomValue(r, t)
			if !b.Min.IsNull() && !isNaN(v) && schema.Compare(v, b.Min) < 0 {
				b.Min = v
			}
			if !b.Max.IsNull() && !isNaN(b.Max) && !isNaN(v) && schema.Compare(v, b.Max) > 0 {
				b.Max = v
			}
		}
	case 5: // truncated
		if t.Kind() == schema.KindString && !b.Min.IsNull() && len(b.Min.Text()) > 0 {
			b.Exact = false
			b.Min = schema.StringValue("")
			b.Max = schema.StringValue(b.Max.Text() + "\U0010ffff")
		}
	}
	return b
}

func TestPruningNeverLosesARow(t *testing.T) {
	t.Parallel()
	answers := map[Match]int{}
	for seed := range uint64(6000) {
		r := rand.New(rand.NewPCG(seed, 4))
		e := generator{r}.cond(r.IntN(3))
		p, err := Bind(e, testSchema, nil)
		require.NoError(t, err)
		for range 5 {
			rows := randomRows(r, r.IntN(4))
			var bounds []Bounds
			for _, c := range p.Columns() {
				bounds = append(bounds, boundsOf(r, c.Path, rows))
			}
			n := int64(len(rows))
			if r.IntN(8) == 0 {
				n = -1
			}
			got := p.Prune(n, bounds)
			answers[got]++
			for _, row := range rows {
				matches := row.eval(e) == isYes
				if got == None && matches || got == All && !matches {
					t.Fatalf("seed %d: %v is %v of %v by %+v, but a row is %v", seed, e, got, rows, bounds, matches)
				}
			}
		}
	}
	t.Log(answers)
	require.Greater(t, answers[None], 5000, "pruning does something")
	require.Greater(t, answers[All], 500)
}

func long(n int64) schema.Value { return schema.LongValue(n) }

func TestPruneIsAsSharpAsItsBounds(t *testing.T) {
	t.Parallel()
	exact := func(min, max schema.Value) Bounds {
		return Bounds{Min: min, Max: max, HasNullCount: true, NoNaN: true, Exact: true}
	}
	ints := exact(long(10), long(20))
	text := exact(schema.StringValue("abc"), schema.StringValue("abz"))
	double := exact(schema.DoubleValue(1), schema.DoubleValue(2))
	for _, c := range []struct {
		text string
		b    Bounds
		want Match
	}{
		{"i64 < 10", ints, None},
		{"i64 < 11", ints, Some},
		{"i64 < 21", ints, All},
		{"i64 <= 9", ints, None},
		{"i64 <= 10", ints, Some},
		{"i64 <= 20", ints, All},
		{"i64 > 20", ints, None},
		{"i64 > 19", ints, Some},
		{"i64 > 9", ints, All},
		{"i64 >= 21", ints, None},
		{"i64 >= 10", ints, All},
		{"i64 = 9", ints, None},
		{"i64 = 10", ints, Some},
		{"i64 = 21", ints, None},
		{"i64 <> 9", ints, All},
		{"i64 <> 10", ints, Some},
		{"i64 <=> 9", ints, None},
		{"NOT i64 <=> 9", ints, All},
		{"i64 <=> NULL", ints, None},
		{"i64 = 10", exact(long(10), long(10)), All},
		{"i64 <> 10", exact(long(10), long(10)), None},
		{"i64 < 9.5", ints, None},
		{"i64 > 9.5", ints, All},
		{"i64 = 10.5", ints, None},
		{"i64 < 1e1", ints, None},
		{"i64 BETWEEN 21 AND 30", ints, None},
		{"i64 BETWEEN 10 AND 20", ints, All},
		{"i64 BETWEEN 15 AND 30", ints, Some},
		{"i64 NOT BETWEEN 5 AND 30", ints, None},
		{"i64 IN (1, 2, 30, 40)", ints, None},
		{"i64 IN (1, 15)", ints, Some},
		{"i64 IN (1,2,3,4,5,6,7,8,9,10)", ints, Some},
		{"i64 IN (1,2,3,4,5,6,7,8,9,21,22)", ints, None},
		{"i64 NOT IN (1, 2)", ints, All},
		{"i64 NOT IN (1, NULL)", ints, None},
		{"i64 IN (10, 1)", exact(long(10), long(10)), All},
		{"i64 IS NULL", ints, None},
		{"i64 IS NOT NULL", ints, All},
		{"NOT (i64 < 21)", ints, None},
		{"i64 < 10 OR i64 > 20", ints, None},
		{"i64 >= 10 AND i64 <= 20", ints, All},
		{"(i64 < 10) IS FALSE", ints, All},
		{"(i64 < 10) = TRUE", ints, None},
		{"(i64 < 10) IS NULL", ints, None},
		{"i64 < 10", Bounds{Min: long(10)}, None},
		{"i64 > 20", Bounds{Max: long(20)}, None},
		{"i64 > 9", Bounds{Min: long(10)}, Some},
		{"i64 IS NULL", Bounds{NullCount: 5, HasNullCount: true, Exact: true}, All},
		{"i64 IS NOT NULL", Bounds{NullCount: 5, HasNullCount: true}, None},
		{"i64 = 1", Bounds{NullCount: 5, HasNullCount: true}, None},
		{"i64 <> 1", Bounds{NullCount: 5, HasNullCount: true}, None},
		{"i64 > 9", Bounds{Min: long(10), Max: long(20), NullCount: 1, HasNullCount: true, Exact: true}, Some},
		{"i64 > 9", Bounds{Min: long(10), Max: long(20), HasNullCount: true}, Some}, // not exact: never all
		{"i64 > 9", Bounds{}, Some},
		{"s LIKE 'b%'", text, None},
		{"s LIKE 'ab%'", text, All},
		{"s LIKE 'abd%'", text, Some},
		{"s LIKE 'aa%'", text, None},
		{"s LIKE 'ac%'", text, None},
		{"s LIKE '%'", text, All},
		{"s LIKE '%x'", text, Some},
		{"s LIKE 'abc'", text, Some},
		{"s LIKE 'xyz'", text, None},
		{"s LIKE 'b%x_'", text, None},
		{"s NOT LIKE 'ab%'", text, None},
		{"s NOT LIKE 'b%'", text, All},
		{"f64 > 2", double, None},
		{"f64 < 1", double, None},
		{"f64 <= 2", double, All},
		{"b", exact(schema.BooleanValue(false), schema.BooleanValue(false)), None},
		{"b", exact(schema.BooleanValue(true), schema.BooleanValue(true)), All},
		{"NOT b", exact(schema.BooleanValue(false), schema.BooleanValue(false)), All},
		{"b = FALSE", exact(schema.BooleanValue(true), schema.BooleanValue(true)), None},
		{"d >= '2026-01-01'", exact(schema.DateValue(0), schema.DateValue(9)), None},
		{"d >= TIMESTAMP '1970-01-10 00:00:01'", exact(schema.DateValue(0), schema.DateValue(9)), None},
		{"dec > 5", exact(schema.DecimalValue(schema.Decimal128FromInt64(1), 2), schema.DecimalValue(schema.Decimal128FromInt64(500), 2)), None},
		// Bounds of a type that the column had before are not understood.
		{"i64 > 20", exact(schema.StringValue("1"), schema.StringValue("2")), Some},
		{"i64 > 20", exact(schema.IntegerValue(1), schema.IntegerValue(2)), None},
		// Bounds that contradict themselves are not believed.
		{"i64 = 15", exact(long(20), long(10)), Some},
	} {
		require.Equal(t, c.want, bindText(t, c.text).Prune(5, []Bounds{c.b}), "%s by %+v", c.text, c.b)
	}
	require.Equal(t, None, bindText(t, "i64 > 0").Prune(0, nil), "no rows")
	require.Equal(t, Some, bindText(t, "i64 > 0").Prune(3, nil))
	require.Equal(t, None, bindText(t, "i64 < j64").Prune(3, []Bounds{exact(long(10), long(20)), exact(long(1), long(10))}))
	require.Equal(t, All, bindText(t, "i64 >= j64").Prune(3, []Bounds{exact(long(10), long(20)), exact(long(1), long(10))}))
	require.Equal(t, None, bindText(t, "i64 = j64").Prune(3, []Bounds{exact(long(11), long(20)), exact(long(1), long(10))}))
	require.Equal(t, Some, bindText(t, "i64 = j64").Prune(3, []Bounds{exact(long(10), long(20)), exact(long(1), long(10))}))
}

// Parquet's writers, and delta-rs with them, leave NaN out of min and max.
func TestNaNBeyondTheBoundsIsFound(t *testing.T) {
	t.Parallel()
	b := Bounds{Min: schema.DoubleValue(1), Max: schema.DoubleValue(2), HasNullCount: true, Exact: true}
	for text, want := range map[string]Match{
		"f64 > 5":                                 Some, // NaN is greater
		"f64 >= CAST('NaN' AS DOUBLE)":            Some,
		"f64 = CAST('NaN' AS DOUBLE)":             Some,
		"f64 IN (7D, CAST('NaN' AS DOUBLE))":      Some,
		"f64 IN (7D,8D,9D,CAST('NaN' AS DOUBLE))": Some,
		"f64 <> CAST('NaN' AS DOUBLE)":            Some,
		"f64 <= 2":                                Some, // not all
		"f64 > 0":                                 All,  // NaN too
		"f64 < 1":                                 None, // NaN neither
		"f64 = 5":                                 None,
		"f64 IN (5D, 6D)":                         None,
		"NOT f64 > 0":                             None,
	} {
		require.Equal(t, want, bindText(t, text).Prune(5, []Bounds{b}), text)
	}
	known := b
	known.NoNaN = true
	require.Equal(t, None, bindText(t, "f64 > 5").Prune(5, []Bounds{known}))
	require.Equal(t, None, bindText(t, "f64 = CAST('NaN' AS DOUBLE)").Prune(5, []Bounds{known}))
	spark := b
	spark.Max = schema.DoubleValue(math.NaN())
	require.Equal(t, Some, bindText(t, "f64 > 5").Prune(5, []Bounds{spark}))
	require.Equal(t, None, bindText(t, "f64 < 1").Prune(5, []Bounds{spark}))
	spark.NoNaN = true // contradicts its maximum
	require.Equal(t, Some, bindText(t, "f64 > 5").Prune(5, []Bounds{spark}))
}

func TestConstantBoundsDecidePartitions(t *testing.T) {
	t.Parallel()
	p := bindText(t, "d = '1970-01-02' AND s IN ('x', 'y')")
	day := Constant(schema.DateValue(1))
	require.Equal(t, All, p.Prune(9, []Bounds{day, Constant(schema.StringValue("x"))}))
	require.Equal(t, None, p.Prune(9, []Bounds{day, Constant(schema.StringValue("z"))}))
	require.Equal(t, None, p.Prune(9, []Bounds{day, Constant(schema.Null(schema.String))}))
	require.Equal(t, Some, p.Prune(9, []Bounds{day}))
	require.Equal(t, None, p.WithConstants(map[int]schema.Value{0: schema.DateValue(2)}).Prune(9, nil))
	require.Equal(t, Some, p.WithConstants(map[int]schema.Value{0: schema.DateValue(1)}).Prune(9, nil))
	require.Equal(t, All, p.WithConstants(map[int]schema.Value{0: schema.DateValue(1)}).
		WithConstants(map[int]schema.Value{1: schema.StringValue("y")}).Prune(9, nil))
	nulls := bindText(t, "s IS NULL")
	require.Equal(t, All, nulls.Prune(-1, []Bounds{Constant(schema.Null(schema.String))}))
	nan := bindText(t, "f64 = CAST('NaN' AS DOUBLE)")
	require.NotEqual(t, None, nan.Prune(3, []Bounds{Constant(schema.DoubleValue(math.NaN()))}))
	require.Equal(t, Some, bindText(t, "s = 'x'").WithConstants(map[int]schema.Value{0: schema.LongValue(5)}).Prune(3, nil),
		"a value of another type is not taken for null")
}

func TestBoundsFromStatistics(t *testing.T) {
	t.Parallel()
	c := stats.Column{Min: long(1), Max: long(9), HasMin: true, HasMax: true}
	b := FromStats(&c, schema.Long, true)
	require.Equal(t, All, bindText(t, "i64 < 10").Prune(5, []Bounds{b}))
	require.Equal(t, None, bindText(t, "i64 > 10").Prune(5, []Bounds{b}))
	b = FromStats(&c, schema.Long, false)
	require.Equal(t, Some, bindText(t, "i64 < 10").Prune(5, []Bounds{b}), "wide bounds are never all")
	require.Equal(t, None, bindText(t, "i64 > 10").Prune(5, []Bounds{b}))
	c = stats.Column{Min: schema.StringValue("a"), Max: schema.StringValue("b"), HasMin: true, HasMax: true, NullCount: 2}
	b = FromStats(&c, schema.String, true)
	require.Equal(t, Some, bindText(t, "s < 'c' OR s IS NULL").Prune(5, []Bounds{b}), "strings are truncated")
	require.Equal(t, None, bindText(t, "s > 'c'").Prune(5, []Bounds{b}))
	c = stats.Column{NullCount: -1, Min: long(1), Max: long(2)}
	b = FromStats(&c, schema.Long, true)
	require.Equal(t, Some, bindText(t, "i64 > 10").Prune(5, []Bounds{b}), "no bounds")
	require.Equal(t, Some, bindText(t, "i64 IS NULL").Prune(5, []Bounds{b}), "no count")
	c.NullCount = 5
	require.Equal(t, None, bindText(t, "i64 > 0").Prune(5, []Bounds{FromStats(&c, schema.Long, false)}), "all null")
}

// Whatever is written, what binds evaluates, and pruning agrees with it.
func FuzzCompile(f *testing.F) {
	for _, text := range []string{
		"i64 = 1 AND s LIKE 'a%'", "f32 > '1e3' OR NOT b", "st.x IN (1, 2.5, NULL)", "d BETWEEN '2026-01-01' AND ts",
		"big >= 1.5BD AND dec <> '-0.10'", "(i8 < 1) <=> (ntz > '2026')", "bin <= X'00ff' AND 1 < 2.5D",
	} {
		f.Add(text, uint64(1))
	}
	f.Fuzz(func(t *testing.T, text string, seed uint64) {
		_, p, err := Compile(text, testSchema, nil)
		if err != nil {
			_ = err.Error()
			return
		}
		r := rand.New(rand.NewPCG(seed, 5))
		rows := randomRows(r, 1+r.IntN(4))
		var bounds []Bounds
		for _, c := range p.Columns() {
			if c.Type.Kind() == schema.KindStruct {
				bounds = append(bounds, Bounds{})
				continue
			}
			bounds = append(bounds, boundsOf(r, c.Path, rows))
		}
		got, err := p.Eval(batchOf(r, rows), len(rows))
		if bad := (*EvalError)(nil); errors.As(err, &bad) {
			require.Less(t, bad.Row, int64(len(rows)))
			return
		}
		require.NoError(t, err)
		switch p.Prune(int64(len(rows)), bounds) {
		case None:
			require.Zero(t, got.Count())
		case All:
			require.Equal(t, len(rows), got.Count())
		}
	})
}
