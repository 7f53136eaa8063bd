package rules_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/internal/rules"
	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

var day = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func generated(name string, t schema.DataType, sql string) schema.Field {
	return field(name, t, "delta.generationExpression", sql)
}

func TestGeneratedColumns(t *testing.T) {
	t.Parallel()
	tbl := &rules.Table{Has: all, Schema: structOf(
		field("id", schema.Long),
		generated("twice", schema.Integer, `"id * 2"`),
		generated("f", schema.Double, `"CAST(id AS DOUBLE) * 0"`),
	)}
	run := start(t, tbl, true, false, false)
	cols := []*vec.Vec{ints(1, null, 3), vec.AllNull(vec.Of(vec.Int32, []int32{}, nil), 3), vec.AllNull(vec.Of(vec.Float64, []float64{}, nil), 3)}
	require.NoError(t, run.Complete(cols, 3, 0))
	require.NoError(t, run.Check(cols, 3, 0))
	twice := vec.Values[int32](cols[1])
	require.Equal(t, int32(2), twice[0])
	require.True(t, cols[1].IsNull(1))
	require.Equal(t, int32(6), twice[2])

	// A value that the column's type has not is an error of the row.
	err := run.Complete([]*vec.Vec{ints(1, 1<<40), cols[1], cols[2]}, 2, 10)
	var e *rules.ConstraintError
	require.ErrorAs(t, err, &e)
	require.Equal(t, int64(11), e.Row)
	require.Equal(t, "generated column", e.Constraint)
	require.Equal(t, "twice", e.Column)
	require.Equal(t, "id = 1099511627776", e.Sample)
	require.Error(t, e.Err)

	// What the input gives must agree, nulls too; 0 and −0 do.
	given := start(t, tbl)
	negative := vec.Of(vec.Float64, []float64{0, 0, 0}, nil)
	vec.Values[float64](negative)[0] *= -1
	same := []*vec.Vec{ints(1, null, 3), vec.Of(vec.Int32, []int32{2, 0, 6}, []bool{true, false, true}), vec.Of(vec.Float64, []float64{0, 0, 0}, []bool{true, false, true})}
	require.NoError(t, given.Complete(same, 3, 0))
	require.NoError(t, given.Check(same, 3, 0))
	for name, bad := range map[string]*vec.Vec{
		"row 1 breaks the rule of generated column twice (id * 2): twice = 0, id = NULL; nothing was committed": vec.Of(vec.Int32, []int32{2, 0, 6}, nil),
		"row 2 breaks the rule of generated column twice (id * 2): twice = 7, id = 3; nothing was committed":    vec.Of(vec.Int32, []int32{2, 0, 7}, []bool{true, false, true}),
		"row 0 breaks the rule of generated column twice (id * 2): twice = NULL, id = 1; nothing was committed": vec.Of(vec.Int32, []int32{2, 0, 6}, []bool{false, false, true}),
	} {
		require.EqualError(t, given.Check([]*vec.Vec{same[0], bad, same[2]}, 3, 0), name)
	}
}

func TestGenerationExpressionsThatAreRefused(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string]string{
		`"b + 1"`:               "it reads column b, which is generated itself",
		`"zzz"`:                 "column zzz does not exist",
		`"current_timestamp()"`: "current_timestamp",
		`"rand()"`:              "rand",
		`"array(id)"`:           "",
		`7`:                     "is no text",
		`"id +"`:                "",
	} {
		_, err := rules.New(&rules.Table{Has: all, Schema: structOf(
			field("id", schema.Long), generated("a", schema.Long, sql), generated("b", schema.Long, `"id"`),
		)}, &rules.Options{Now: day})
		var e *rules.UnsupportedError
		require.ErrorAs(t, err, &e, sql)
		require.ErrorContains(t, err, "generation expression of column a", sql)
		require.ErrorContains(t, err, want, sql)
	}
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	tbl := &rules.Table{Has: all, Schema: structOf(
		field("id", schema.Long),
		field("s", schema.String, "CURRENT_DEFAULT", `"'dflt'"`),
		field("d", schema.Date, "CURRENT_DEFAULT", `"date'2026-01-01'"`),
		field("at", schema.Timestamp, "CURRENT_DEFAULT", `"current_timestamp()"`),
		field("n", schema.Short, "CURRENT_DEFAULT", `"42"`),
		generated("len", schema.Integer, `"length(s)"`),
	)}
	r, err := rules.New(tbl, &rules.Options{Now: day})
	require.NoError(t, err)
	run := r.Begin()
	require.NoError(t, run.Expect([]bool{true, false, false, false, false, false}))
	cols := []*vec.Vec{ints(1, 2), nil, nil, nil, nil, nil}
	require.NoError(t, run.Complete(cols, 2, 0))
	require.Equal(t, "dflt", string(cols[1].At(1)))
	require.Equal(t, int32(20454), vec.Values[int32](cols[2])[1])
	require.Equal(t, day.UnixMicro(), vec.Values[int64](cols[3])[1])
	require.Equal(t, int16(42), vec.Values[int16](cols[4])[1])
	require.Equal(t, int32(4), vec.Values[int32](cols[5])[1], "a generated column reads what others are filled with")

	// A null that the input gives stays.
	require.NoError(t, run.Expect([]bool{true, true, true, true, true, true}))
	given := []*vec.Vec{ints(1), vec.AllNull(texts(t), 1), nil, nil, nil, vec.AllNull(vec.Of(vec.Int32, []int32{}, nil), 1)}
	require.NoError(t, run.Complete(given, 1, 0))
	require.True(t, given[1].IsNull(0))
}

// A default is compiled for those who need it: others may write to a table whose
// default is in a dialect that is not ours.
func TestDefaultsThatCannotBeComputed(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string]string{
		`"nonsense()"`: "nonsense", `"id"`: "id", `"'x'"`: "", `3`: "is no text",
	} {
		r, err := rules.New(&rules.Table{Has: all, Schema: structOf(field("id", schema.Long), field("n", structOf(field("x", schema.Long)), "CURRENT_DEFAULT", sql))}, nil)
		require.NoError(t, err, sql)
		require.NoError(t, r.Begin().Expect([]bool{true, true}))
		err = r.Begin().Expect([]bool{true, false})
		var e *rules.UnsupportedError
		require.ErrorAs(t, err, &e, sql)
		require.ErrorContains(t, err, "the default of column n", sql)
		require.ErrorContains(t, err, want)
		require.Error(t, r.CheckDefaults())
	}
}
