package expr

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// describe writes a statement in one form.
func (m *MergeStatement) describe() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v into %s using %s on %v", m.SchemaEvolution, m.Target.describe(), m.Source.describe(), m.On)
	for _, c := range m.Clauses {
		b.WriteString("; " + c.describe())
	}
	return b.String()
}

func (t TableRef) describe() string {
	return fmt.Sprintf("%s|%s|%s", strings.Join(t.Name, "."), t.Path, t.Alias)
}

func (c *MergeClause) describe() string {
	var b strings.Builder
	b.WriteString(c.Kind.String())
	if c.Condition != nil {
		b.WriteString(" [" + c.Condition.String() + "]")
	}
	b.WriteString(" " + c.Action.String())
	if c.Star {
		b.WriteString(" *")
	}
	return b.String() + describeSet(c.Set)
}

func describeSet(set []Assignment) string {
	var b strings.Builder
	for _, a := range set {
		v := "DEFAULT"
		if a.Value != nil {
			v = a.Value.String()
		}
		fmt.Fprintf(&b, " %s:=%s", strings.Join(a.Path, "."), v)
	}
	return b.String()
}

func TestParseMerge(t *testing.T) {
	t.Parallel()
	for _, c := range [][2]string{
		{
			"MERGE INTO t USING s ON t.id = s.id WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *",
			"false into t|| using s|| on t.id = s.id; WHEN MATCHED UPDATE *; WHEN NOT MATCHED INSERT *",
		},
		{
			"merge with schema evolution into delta.`/data/t` as t using `s3://b/s` u on t.id <=> u.id\nwhen matched and u.x > 1 and t.y then delete;",
			"true into |/data/t|t using |s3://b/s|u on t.id <=> u.id; WHEN MATCHED [u.x > 1 AND t.y] DELETE",
		},
		{
			"MERGE INTO cat.db.t USING `a b` AS s ON TRUE " +
				"WHEN MATCHED THEN UPDATE SET t.a = s.a + 1, t.b.c = DEFAULT, d = default, e = x AND y " +
				"WHEN NOT MATCHED BY TARGET AND s.x IN (1, 2) THEN INSERT (a, b) VALUES (s.a, DEFAULT) " +
				"WHEN NOT MATCHED BY SOURCE AND t.d < current_date() - INTERVAL 7 DAYS THEN UPDATE SET old = TRUE " +
				"WHEN NOT MATCHED BY SOURCE THEN DELETE",
			"false into cat.db.t|| using a b||s on TRUE; WHEN MATCHED UPDATE t.a:=s.a + 1 t.b.c:=DEFAULT d:=DEFAULT e:=x AND y; " +
				"WHEN NOT MATCHED [s.x IN (1, 2)] INSERT a:=s.a b:=DEFAULT; " +
				"WHEN NOT MATCHED BY SOURCE [t.d < current_date() - INTERVAL '7' DAY] UPDATE old:=TRUE; WHEN NOT MATCHED BY SOURCE DELETE",
		},
		{
			"MERGE INTO t USING s ON a WHEN MATCHED THEN UPDATE SET a = CASE WHEN x THEN 1 END WHEN MATCHED THEN UPDATE SET a = default.b",
			"false into t|| using s|| on a; WHEN MATCHED UPDATE a:=CASE WHEN x THEN 1 END; WHEN MATCHED UPDATE a:=default.b",
		},
	} {
		m, err := ParseMerge(c[0], nil)
		require.NoError(t, err, c[0])
		require.Equal(t, c[1], m.describe())
	}
}

func TestParseMergeErrors(t *testing.T) {
	t.Parallel()
	const head = "MERGE INTO t USING s ON a "
	for _, c := range [][2]string{
		{"", "expected MERGE at the beginning, found the end"},
		{"MERGE t", `expected INTO after MERGE, found "t"`},
		{"MERGE INTO 5", `expected a table's name or path, found "5"`},
		{"MERGE INTO t USING (SELECT 1) ON a", "the source must be a table; a query is not supported"},
		{"MERGE INTO t USING s", "expected ON after the source, found the end"},
		{head, "expected WHEN after the condition, found the end"},
		{head + "WHEN MATCHED DELETE", `expected THEN after WHEN MATCHED, found "DELETE"`},
		{head + "WHEN MATCHED THEN INSERT *", "INSERT does not go with WHEN MATCHED"},
		{head + "WHEN NOT MATCHED THEN DELETE", "DELETE does not go with WHEN NOT MATCHED"},
		{head + "WHEN NOT MATCHED BY SOURCE THEN UPDATE SET *", "UPDATE SET * needs a row of the source, which WHEN NOT MATCHED BY SOURCE has not"},
		{head + "WHEN NOT MATCHED BY x THEN DELETE", `expected TARGET or SOURCE after BY, found "x"`},
		{head + "WHEN NOT MATCHED THEN INSERT (a, b) VALUES (1)", "2 columns and 1 values"},
		{head + "WHEN NOT MATCHED THEN INSERT (a) VALUES (1, 2)", "1 columns and 2 values"},
		{head + "WHEN NOT MATCHED THEN INSERT VALUES (1)", `expected "(" or * after INSERT, found "VALUES"`},
		{head + "WHEN MATCHED THEN UPDATE SET", "expected a column, found the end"},
		{head + "WHEN MATCHED THEN UPDATE SET a > 1", `expected "=" after the column, found ">"`},
		{head + "WHEN MATCHED THEN UPDATE SET a = 1 b", `expected WHEN or the end, found "b"`},
		{head + "WHEN MATCHED THEN UPDATE SET null = 1", `expected a column, found "null"`},
		{head + "WHEN MATCHED THEN MOVE", `expected UPDATE, DELETE or INSERT, found "MOVE"`},
	} {
		_, err := ParseMerge(c[0], nil)
		var bad *Error
		require.ErrorAs(t, err, &bad, c[0])
		require.Equal(t, c[1], bad.Msg, c[0])
		require.LessOrEqual(t, bad.Pos, len(c[0]))
	}
}

func TestParseClause(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind       ClauseKind
		text, want string
	}{
		{WhenMatched, "update set *", "WHEN MATCHED UPDATE *"},
		{WhenMatched, "UPDATE SET * IF s.x > 1", "WHEN MATCHED [s.x > 1] UPDATE *"},
		{WhenMatched, "update set a = s.a, b = if(s.x, 1, 2) if s.x > 1 and t.y", "WHEN MATCHED [s.x > 1 AND t.y] UPDATE a:=s.a b:=if(s.x, 1, 2)"},
		{WhenMatched, "update set a = s.a where (s.x)", "WHEN MATCHED [s.x] UPDATE a:=s.a"},
		{WhenMatched, "and s.x > 1 then update set a = b and c", "WHEN MATCHED [s.x > 1] UPDATE a:=b AND c"},
		{WhenMatched, "delete if t.old", "WHEN MATCHED [t.old] DELETE"},
		{WhenNotMatchedBySource, "delete", "WHEN NOT MATCHED BY SOURCE DELETE"},
		{WhenNotMatched, "insert *", "WHEN NOT MATCHED INSERT *"},
		{WhenNotMatched, "insert (a, `b c`) values (s.a, 1 + 2) if s.a is not null", "WHEN NOT MATCHED [s.a IS NOT NULL] INSERT a:=s.a b c:=1 + 2"},
	} {
		got, err := ParseClause(c.kind, c.text, nil)
		require.NoError(t, err, c.text)
		require.Equal(t, c.want, got.describe())
	}
	for text, want := range map[string]string{
		"":                         "expected UPDATE, DELETE or INSERT, found the end",
		"insert *":                 "INSERT does not go with WHEN MATCHED",
		"delete if":                "expected a column or a value, found the end",
		"delete x":                 `expected IF and a condition, or the end, found "x"`,
		"and a delete":             `expected THEN after the condition, found "delete"`,
		"and a then delete if b":   `expected IF and a condition, or the end, found "if"`,
		"update set a = 1 if b, c": `expected IF and a condition, or the end, found ","`,
	} {
		_, err := ParseClause(WhenMatched, text, nil)
		var bad *Error
		require.ErrorAs(t, err, &bad, text)
		require.Equal(t, want, bad.Msg, text)
	}
}

func TestParseAssignments(t *testing.T) {
	t.Parallel()
	set, err := ParseAssignments("a = b + 1, `c d`.e = DEFAULT, f = 'x,y', g = x IS NULL OR y", nil)
	require.NoError(t, err)
	require.Equal(t, " a:=b + 1 c d.e:=DEFAULT f:='x,y' g:=x IS NULL OR y", describeSet(set))
	require.Equal(t, 11, set[1].Pos)
	for text, want := range map[string]string{
		"":           "expected a column, found the end",
		"a = 1,":     "expected a column, found the end",
		"a = 1 b":    `expected a comma or the end, found "b"`,
		"a":          `expected "=" after the column, found the end`,
		"a.b(1) = 2": `expected "=" after the column, found "("`,
	} {
		_, err := ParseAssignments(text, nil)
		var bad *Error
		require.ErrorAs(t, err, &bad, text)
		require.Equal(t, want, bad.Msg, text)
	}
}

func FuzzParseMerge(f *testing.F) {
	f.Add("MERGE INTO t USING s ON t.id = s.id WHEN MATCHED AND s.d THEN DELETE WHEN NOT MATCHED THEN INSERT (a) VALUES (1)")
	f.Add("MERGE WITH SCHEMA EVOLUTION INTO delta.`/x` t USING s ON a WHEN NOT MATCHED BY SOURCE THEN UPDATE SET a = DEFAULT")
	f.Add("update set a = s.a if s.x > 1")
	f.Fuzz(func(t *testing.T, text string) {
		if m, err := ParseMerge(text, nil); err == nil {
			_ = m.describe()
		} else {
			_ = err.Error()
		}
		for kind := range ClauseKind(3) {
			if c, err := ParseClause(kind, text, nil); err == nil {
				_ = c.describe()
			}
		}
		if set, err := ParseAssignments(text, nil); err == nil {
			_ = describeSet(set)
		}
	})
}

func TestStatementsMayHaveComments(t *testing.T) {
	t.Parallel()
	m, err := ParseMerge("-- it's one\nMERGE INTO t /* of\nmany */ USING s ON t.id = s.id AND s.x <> '-- it''s none' AND `a--b` = \"/*\"\nWHEN MATCHED THEN DELETE -- all", nil)
	require.NoError(t, err)
	require.Equal(t, "t.id = s.id AND s.x <> '-- it\\'s none' AND `a--b` = '/*'", m.On.String())
	require.Equal(t, WhenMatched, m.Clauses[0].Kind)
	require.Equal(t, "MATCHED", m.Clauses[0].Text[m.Clauses[0].Pos:][:7], "positions are those of the text")
	for _, text := range []string{"MERGE INTO t /* USING s", "MERGE INTO t USING s ON t.x = 'open -- ", "/*", "--", "'\\"} {
		_, err := ParseMerge(text, nil)
		require.Error(t, err, text)
	}
}

func TestParseType(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"int": "int", " Decimal(10, 2) ": "decimal(10,2)", "TIMESTAMP_NTZ": "timestamp_ntz"} {
		typ, err := ParseType(text)
		require.NoError(t, err, text)
		require.Equal(t, want, typ.String())
	}
	for _, text := range []string{"", "int int", "array<int>", "decimal(0)", "'int'"} {
		_, err := ParseType(text)
		bad := (*Error)(nil)
		require.ErrorAs(t, err, &bad, text)
	}
}

// A relation out of sight keeps its place, and nothing of it is found.
func TestHiddenRelations(t *testing.T) {
	t.Parallel()
	hidden := &Scope{Relations: []Relation{mergeScope.Relations[0], mergeScope.Relations[1]}}
	hidden.Relations[0].Hidden = true
	for text, want := range map[string]int{"id": 4, "s.id": 4, "delta": 6} {
		e, err := Parse(text, nil)
		require.NoError(t, err)
		v, err := BindValue(e, hidden, nil)
		require.NoError(t, err, text)
		require.Equal(t, want, v.Columns()[0].Index[0], text)
	}
	for _, text := range []string{"t.id", "amount", "s.x"} {
		e, err := Parse(text, nil)
		require.NoError(t, err)
		_, err = BindValue(e, hidden, nil)
		require.ErrorContains(t, err, "does not exist", text)
		require.NotContains(t, err.Error(), "amount,", text)
	}
}
