package interop

import (
	"encoding/json"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDialects(t *testing.T) {
	t.Parallel()
	g := &generator{r: rand.New(rand.NewPCG(1, 1))}
	a, b := ref("integer", "t.a"), ref("integer", "s.b")
	for _, c := range []struct {
		e           *sqlText
		spark, duck string
	}{
		{g.nullSafe(a, b), "(t.a <=> s.b)", "(t.a IS NOT DISTINCT FROM s.b)"},
		{alike("integer", "(%s %% %s)", a, b), "(t.a % s.b)", "(t.a % s.b)"},
		{literalOf("string", `it's \`), `'it\'s \\'`, `'it''s \'`},
		{literalOf("integer", "-2147483648"), "(-2147483647 - 1)", "CAST(-2147483648 AS INTEGER)"},
		{literalOf("long", "5"), "(5L)", "CAST('5' AS BIGINT)"},
		{literalOf("double", "-0"), "(-0.0D)", "CAST('-0' AS DOUBLE)"},
		{literalOf("double", "NaN"), "CAST('NaN' AS DOUBLE)", "CAST('NaN' AS DOUBLE)"},
		{literalOf("double", "1e+300"), "(1e+300D)", "CAST('1e+300' AS DOUBLE)"},
		{literalOf("date", "2026-01-05"), "DATE '2026-01-05'", "CAST('2026-01-05' AS DATE)"},
		{literalOf("timestamp", "2026-01-05T10:00:00.000000"), "TIMESTAMP '2026-01-05 10:00:00.000000'", "CAST('2026-01-05T10:00:00.000000' AS TIMESTAMP)"},
	} {
		require.Equal(t, c.spark, c.e.Spark)
		require.Equal(t, c.duck, c.e.Duck)
	}
	divide := allForms["long"][3]
	require.Equal(t, "(%s // %s)", divide.duck, divide.spark)
	for typ, forms := range duckForms {
		for _, f := range forms {
			require.False(t, f.sparkOnly, "%s: %s", typ, f.spark)
		}
	}
}

func TestStatementsInBothDialects(t *testing.T) {
	t.Parallel()
	one, cond := ref("integer", "s.a"), alike("boolean", "(%s = %s)", ref("integer", "t.k"), ref("integer", "s.k"))
	columns := []Column{{"k", "integer"}, {"a", "integer"}}
	merge := &statement{Verb: "MERGE", Source: columns, On: cond, Clauses: []*clause{
		{Kind: "MATCHED", Cond: cond, Action: "UPDATE *"},
		{Kind: "NOT MATCHED", Action: "INSERT *"},
		{Kind: "NOT MATCHED BY SOURCE", Action: "DELETE"},
	}}
	require.Equal(t, "MERGE INTO x AS t USING s AS s ON (t.k = s.k) WHEN MATCHED AND (t.k = s.k) THEN UPDATE SET * "+
		"WHEN NOT MATCHED THEN INSERT * WHEN NOT MATCHED BY SOURCE THEN DELETE", merge.sql("x", false))
	require.Equal(t, "MERGE INTO x AS t USING s AS s ON (t.k = s.k) WHEN MATCHED AND (t.k = s.k) THEN UPDATE SET k = s.k, a = s.a "+
		"WHEN NOT MATCHED THEN INSERT (k, a) VALUES (s.k, s.a) WHEN NOT MATCHED BY SOURCE THEN DELETE", merge.sql("x", true))
	require.Contains(t, merge.ambiguous("x"), "CASE WHEN (t.k = s.k) THEN 1 ELSE 0 END = 1")
	gone := &statement{Verb: "MERGE", On: cond, Clauses: []*clause{{Kind: "MATCHED", Action: "DELETE"}}}
	require.Empty(t, gone.ambiguous("x"))
	update := &statement{Verb: "UPDATE", Clauses: []*clause{{Action: "UPDATE", Set: []*assignment{{"a", one}}, Cond: cond}}}
	require.Equal(t, "UPDATE x SET a = s.a WHERE (t.k = s.k)", update.sql("x", true))
}

// TestCasesAreThoseOfTheirSeeds is what makes a printed seed worth something; a
// case survives the way through JSON; and the search for a small one finds it.
func TestCasesAreThoseOfTheirSeeds(t *testing.T) {
	t.Parallel()
	for seed := range uint64(50) {
		text := func() string {
			b, err := json.Marshal(newCase(seed, setting{steps: 3}))
			require.NoError(t, err)
			return string(b)
		}
		first := text()
		require.Equal(t, first, text())
		var back statementCase
		require.NoError(t, json.Unmarshal([]byte(first), &back))
		again, err := json.Marshal(&back)
		require.NoError(t, err)
		require.Equal(t, first, string(again))
	}
	c := newCase(3, setting{duck: true, steps: 4})
	merges := func(c *statementCase) bool {
		for _, s := range c.Steps {
			if s.Verb == "MERGE" {
				return true
			}
		}
		return false
	}
	require.True(t, merges(c))
	small := c.shrink(2000, merges)
	require.Len(t, small.Steps, 1)
	require.Empty(t, small.rows())
	require.Len(t, small.Steps[0].Clauses, 1)
	require.Empty(t, small.Steps[0].SourceRows)
}
