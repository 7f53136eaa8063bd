package rules_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/internal/rules"
	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

func all(string) bool { return true }

func only(features ...string) func(string) bool {
	return func(f string) bool {
		for _, g := range features {
			if f == g {
				return true
			}
		}
		return false
	}
}

func field(name string, t schema.DataType, metadata ...string) schema.Field {
	f := schema.Field{Name: name, Type: t, Nullable: true}
	for i := 0; i < len(metadata); i += 2 {
		f.Metadata = f.Metadata.With(metadata[i], metadata[i+1])
	}
	return f
}

func structOf(fs ...schema.Field) *schema.Struct { return &schema.Struct{Fields: fs} }

func ints(values ...int64) *vec.Vec {
	valid := make([]bool, len(values))
	for i, v := range values {
		valid[i] = v != null
	}
	return vec.Of(vec.Int64, values, valid)
}

const null = int64(-1 << 63)

func texts(t *testing.T, values ...string) *vec.Vec {
	t.Helper()
	v, err := vec.OfBytes(values, nil)
	require.NoError(t, err)
	return v
}

func start(t *testing.T, tbl *rules.Table, present ...bool) *rules.Run {
	t.Helper()
	r, err := rules.New(tbl, nil)
	require.NoError(t, err)
	run := r.Begin()
	for len(present) < len(tbl.Schema.Fields) {
		present = append(present, true)
	}
	require.NoError(t, run.Expect(present))
	return run
}

var orders = structOf(
	field("id", schema.Long),
	field("s", structOf(field("n", schema.Long), field("t", schema.String))),
)

// batch has the rows (id, s.n, s.t).
func batch(t *testing.T, id, n *vec.Vec, text *vec.Vec, valid []bool) []*vec.Vec {
	t.Helper()
	return []*vec.Vec{id, vec.OfStruct(id.Len, valid, n, text)}
}

func TestCheckConstraintsMustBeTrue(t *testing.T) {
	t.Parallel()
	tbl := &rules.Table{Schema: orders, Has: all, Properties: map[string]string{
		"delta.constraints.positive": "id > 0", "delta.constraints.small": "s.n < 10 OR s.t = 'big'", "delta.appendOnly": "true",
	}}
	run := start(t, tbl)
	abc := texts(t, "a", "big", "c")
	require.NoError(t, run.Check(batch(t, ints(1, 2, 3), ints(1, 50, 9), abc, nil), 3, 0))

	for name, test := range map[string]struct {
		id, n *vec.Vec
		valid []bool
		want  string
		row   int64
	}{
		"false":  {ints(1, -2, 3), ints(1, 1, 1), nil, "row 101 breaks the constraint positive (id > 0): id = -2; nothing was committed", 101},
		"null":   {ints(1, 2, null), ints(1, 1, 1), nil, "row 102 breaks the constraint positive (id > 0): id = NULL; nothing was committed", 102},
		"nested": {ints(1, 2, 3), ints(99, 1, 1), nil, "row 100 breaks the constraint small (s.n < 10 OR s.t = 'big'): s.n = 99, s.t = 'a'; nothing was committed", 100},
		"null struct": {
			ints(1, 2, 3), ints(1, 1, 1),
			[]bool{true, false, true},
			"row 101 breaks the constraint small (s.n < 10 OR s.t = 'big'): s.n = NULL, s.t = NULL; nothing was committed", 101,
		},
		// The first row that breaks any rule, not the first rule.
		"two": {ints(1, 2, -3), ints(1, null, 1), nil, "row 102 breaks the constraint positive (id > 0): id = -3; nothing was committed", 102},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := start(t, tbl).Check(batch(t, test.id, test.n, abc, test.valid), 3, 100)
			var e *rules.ConstraintError
			require.ErrorAs(t, err, &e)
			require.EqualError(t, e, test.want)
			require.Equal(t, test.row, e.Row)
			require.Empty(t, e.Column)
		})
	}
}

func TestRulesHoldWhereTheProtocolSaysSo(t *testing.T) {
	t.Parallel()
	tbl := &rules.Table{
		Schema:     structOf(field("id", schema.Long, "delta.invariants", `"{\"expression\":{\"expression\":\"id < 5\"}}"`)),
		Properties: map[string]string{"delta.constraints.positive": "id > 0"},
	}
	for _, test := range []struct {
		has  func(string) bool
		want []bool // whether -1 and 9 are refused
	}{
		{only(), []bool{false, false}},
		{only("checkConstraints"), []bool{true, false}},
		{only("invariants"), []bool{false, true}},
	} {
		tbl.Has = test.has
		run := start(t, tbl)
		for i, v := range []int64{-1, 9} {
			require.Equal(t, test.want[i], run.Check([]*vec.Vec{ints(v)}, 1, 0) != nil, "%d", v)
		}
	}
}

func TestInvariantsOfColumnsInStructs(t *testing.T) {
	t.Parallel()
	tbl := &rules.Table{Has: all, Schema: structOf(field("s", structOf(
		field("n", schema.Long, "delta.invariants", `"{\"expression\":{\"expression\":\"s.n <> 7\"}}"`),
	)))}
	run := start(t, tbl)
	column := func(n *vec.Vec) []*vec.Vec { return []*vec.Vec{vec.OfStruct(n.Len, nil, n)} }
	require.NoError(t, run.Check(column(ints(1, 2)), 2, 0))
	require.EqualError(t, run.Check(column(ints(1, 7)), 2, 0), "row 1 breaks the invariant of column s.n (s.n <> 7): s.n = 7; nothing was committed")
	require.Error(t, run.Check(column(ints(null)), 1, 0), "null is not true")
}

func TestWhatCannotBeCompiledIsNamed(t *testing.T) {
	t.Parallel()
	tbl := &rules.Table{
		Schema: structOf(
			field("a", schema.Long, "delta.invariants", `"no json"`),
			field("b", schema.Long, "delta.invariants", `3`),
			field("c", schema.Long, "delta.identity.start", `1`, "delta.identity.step", `0`, "delta.identity.allowExplicitInsert", `false`),
			field("d", &schema.Array{Element: structOf(field("x", schema.Long, "CURRENT_DEFAULT", `"1"`))}),
		),
		Properties: map[string]string{"delta.constraints.gone": "zzz > 0", "delta.constraints.odd": "a >"},
		Has:        all,
	}
	_, err := rules.New(tbl, nil)
	var e *rules.UnsupportedError
	require.ErrorAs(t, err, &e)
	require.Equal(t, []string{"checkConstraints", "invariants", "identityColumns", "allowColumnDefaults"}, e.Features)
	for _, want := range []string{
		"the constraint gone (zzz > 0) cannot be evaluated: column zzz does not exist",
		"the constraint odd (a >) cannot be evaluated: ",
		"the invariant of column a cannot be evaluated: delta.invariants: invalid character",
		"the invariant of column b cannot be evaluated: delta.invariants is no JSON string",
		"the identity of column c cannot be read: delta.identity.step is 0",
		"column d.element.x has CURRENT_DEFAULT, which only whole columns can have",
	} {
		require.Contains(t, e.Error(), want)
	}
	tbl.Has = only()
	_, err = rules.New(tbl, nil)
	require.NoError(t, err, "nothing is promised")
}

func TestIdentityColumnsAreNumbered(t *testing.T) {
	t.Parallel()
	identity := func(extra ...string) schema.Field {
		return field("id", schema.Long, append([]string{"delta.identity.start", "10", "delta.identity.step", "-5", "delta.identity.allowExplicitInsert", "false"}, extra...)...)
	}
	run := start(t, &rules.Table{Schema: structOf(identity(), field("x", schema.Long)), Has: all}, false)
	cols := []*vec.Vec{vec.AllNull(ints(), 2), ints(1, 2)}
	require.Empty(t, run.Assigned())
	require.NoError(t, run.Complete(cols, 2, 0))
	require.Equal(t, []int64{10, 5}, vec.Values[int64](cols[0]))
	cols = []*vec.Vec{vec.AllNull(ints(), 1), ints(3)}
	require.NoError(t, run.Complete(cols, 1, 2))
	require.Equal(t, []int64{0}, vec.Values[int64](cols[0]))
	require.Equal(t, []rules.Assigned{{Column: "id", First: 10, Last: 0, Rows: 3}}, run.Assigned())

	// Beyond the mark; not past the last number there is.
	run = start(t, &rules.Table{Schema: structOf(identity("delta.identity.highWaterMark", "-20")), Has: all}, false)
	cols = []*vec.Vec{vec.AllNull(ints(), 1)}
	require.NoError(t, run.Complete(cols, 1, 0))
	require.Equal(t, []int64{-25}, vec.Values[int64](cols[0]))
	require.Equal(t, int64(-20), *run.Assigned()[0].Before)
	run = start(t, &rules.Table{Schema: structOf(identity("delta.identity.highWaterMark", "-9223372036854775804")), Has: all}, false)
	require.ErrorContains(t, run.Complete(cols, 1, 0), "has not 1 values left")

	// GENERATED ALWAYS takes no values of the input, but the table's own.
	tbl := &rules.Table{Schema: structOf(identity()), Has: all}
	err := start(t, tbl).Complete([]*vec.Vec{ints(1)}, 1, 7)
	require.EqualError(t, err, "row 7 breaks the rule of identity column id: its values are GENERATED ALWAYS, and the input has some; leave the column out; nothing was committed")
	own, err := rules.New(tbl, &rules.Options{Own: true})
	require.NoError(t, err)
	run = own.Begin()
	require.NoError(t, run.Expect([]bool{true}))
	require.NoError(t, run.Complete([]*vec.Vec{ints(1)}, 1, 0))
	require.Empty(t, run.Assigned())

	// GENERATED BY DEFAULT takes them, and they do not move the mark.
	tbl.Schema = structOf(identity("delta.identity.allowExplicitInsert", "true"))
	run = start(t, tbl)
	cols = []*vec.Vec{ints(1000)}
	require.NoError(t, run.Complete(cols, 1, 0))
	require.Equal(t, []int64{1000}, vec.Values[int64](cols[0]))
	require.Empty(t, run.Assigned())
}

func TestMarks(t *testing.T) {
	t.Parallel()
	s := structOf(field("id", schema.Long, "delta.identity.start", "1"), field("x", schema.Long))
	moved := rules.WithMark(s, map[string]int64{"id": 7})
	n, ok := rules.Mark(&moved.Fields[0])
	require.True(t, ok)
	require.Equal(t, int64(7), n)
	_, ok = rules.Mark(&s.Fields[0])
	require.False(t, ok, "the schema given is not changed")
	require.Equal(t, s.JSON(), rules.WithoutMarks(moved).JSON())
}
