package interop

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
)

// onDuck runs the statements on a table of DuckDB's own.
func (c *statementCase) onDuck(duck *Engine) ([]outcome, error) {
	var steps []Args
	for _, s := range c.Steps {
		a := Args{"sql": s.sql("target", true), "source": s.Source, "source_rows": s.SourceRows, "ambiguous": ""}
		if s.Verb == "MERGE" {
			a["ambiguous"] = s.ambiguous("target")
		}
		if a["source_rows"] == nil || len(s.SourceRows) == 0 {
			a["source_rows"] = []cells{}
		}
		steps = append(steps, a)
	}
	rows := c.rows()
	if rows == nil {
		rows = []cells{}
	}
	var out []outcome
	if err := duck.Do("statements", Args{"columns": c.Columns, "rows": rows, "steps": steps}, &out); err != nil {
		return nil, err
	}
	for i := range out {
		var err error
		if out[i].Rows, err = lines(c.Columns, out[i].Rows); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// oneZero makes -0 of rows to 0: DuckDB keeps the old zero in updates of one to
// the other. Spark is asked about the sign.
func oneZero(rows []string) []string {
	out := slices.Clone(rows)
	for i := range out {
		values := strings.Split(out[i], " | ")
		for k, v := range values {
			if v == "-0" {
				values[k] = "0"
			}
		}
		out[i] = strings.Join(values, " | ")
	}
	slices.Sort(out)
	return out
}

// differ says at which step two engines left different rows, or one failed and
// the other did not; an empty text means that they agree. It returns the number of
// steps that were compared: a difference that is allowed ends the case, as the
// tables are not equal from there on.
func differ(c *statementCase, name string, want, got []outcome) (compared int, difference string) {
	for i := range c.Steps {
		if (want[i].Error == "") != (got[i].Error == "") {
			if allowed(name, want[i].Error, got[i].Error) != nil {
				return i, ""
			}
			return i, fmt.Sprintf("step %d: %s says %q, we say %q", i, name, want[i].Error, got[i].Error)
		}
		if slices.Equal(want[i].Rows, got[i].Rows) {
			continue
		}
		return i, fmt.Sprintf("step %d: rows differ (%s %d, we %d)\n%s", i, name, len(want[i].Rows), len(got[i].Rows), diffLines(want[i].Rows, got[i].Rows))
	}
	return len(c.Steps), ""
}

// An allowance is a difference in what fails that is known, and is no mistake of
// ours. Texts are parts of the errors; an empty one means that there is none.
type allowance struct {
	engine, theirs, ours string
	why                  string
}

var allowances = []allowance{
	{
		engine: "DuckDB", theirs: "Out of Range Error",
		why: "DuckDB computes the values of all clauses for all rows, whichever clause acts on them",
	},
	{engine: "DuckDB", theirs: "Conversion Error", why: "the same"},
	{
		engine: "DuckDB", ours: "out of range",
		why: "DuckDB turns x - 2 = 3 into x = 5, which cannot overflow",
	},
	{
		engine: "Spark", ours: "(at character",
		why: "a CAST of a literal text that fails is an error when it is bound, wherever it stands",
	},
}

func allowed(engine, theirs, ours string) *allowance {
	for i, a := range allowances {
		if a.engine == engine && (a.theirs == "") == (theirs == "") && (a.ours == "") == (ours == "") &&
			strings.Contains(theirs, a.theirs) && strings.Contains(ours, a.ours) {
			return &allowances[i]
		}
	}
	return nil
}

func diffLines(want, got []string) string {
	n := map[string]int{}
	for _, l := range want {
		n[l]++
	}
	for _, l := range got {
		n[l]--
	}
	var out []string
	for l, k := range n {
		if k > 0 {
			out = append(out, fmt.Sprintf("  missing %d × %s", k, l))
		} else if k < 0 {
			out = append(out, fmt.Sprintf("  extra %d × %s", -k, l))
		}
	}
	slices.Sort(out)
	return strings.Join(out[:min(len(out), 10)], "\n")
}

// againstDuck compares our outcomes of a case with DuckDB's.
func (c *statementCase) againstDuck(ctx context.Context, duck *Engine) (steps, failed int, difference string) {
	want, err := c.onDuck(duck)
	if err != nil {
		return 0, 0, "DuckDB: " + err.Error()
	}
	got, err := c.run(ctx, "mem:///case", delta.Options{Store: memstore.New(nil)})
	if err != nil {
		return 0, 0, "we: " + err.Error()
	}
	for i := range got {
		got[i].Rows, want[i].Rows = oneZero(got[i].Rows), oneZero(want[i].Rows)
	}
	steps, difference = differ(c, "DuckDB", want, got)
	for i := range steps {
		if got[i].Error != "" {
			failed++
		}
	}
	return steps, failed, difference
}

// replayed is the case in the file that the variable INTEROP_CASE names: what a
// failure printed.
func replayed(t *testing.T) *statementCase {
	name := os.Getenv("INTEROP_CASE")
	if name == "" {
		return nil
	}
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	var c statementCase
	require.NoError(t, json.Unmarshal(text, &c))
	return &c
}

// fail prints the smallest case that fails in the same way.
func (c *statementCase) fail(t *testing.T, tries int, difference string, again func(*statementCase) string) {
	t.Helper()
	small := c.shrink(tries, func(s *statementCase) bool { return kindOf(again(s)) == kindOf(difference) })
	var text strings.Builder
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	require.NoError(t, e.Encode(small))
	t.Errorf("seed %d: %s\nThe smallest such case, for INTEROP_CASE:\n%s%s", c.Seed, difference, text.String(), again(small))
}

// kindOf is a difference without what changes as the case shrinks.
func kindOf(difference string) string {
	if difference == "" {
		return ""
	}
	for _, kind := range []string{"rows differ", `says ""`, `we say ""`, "DuckDB: ", "Spark: "} {
		if strings.Contains(difference, kind) {
			return kind
		}
	}
	return "we"
}

// TestStatementsAsDuckDBRunsThem runs generated statements on our tables and on
// DuckDB's, and compares all rows after each.
func TestStatementsAsDuckDBRunsThem(t *testing.T) {
	t.Parallel()
	duck := engine(t, "duck")
	ctx := t.Context()
	again := func(c *statementCase) string {
		_, _, d := c.againstDuck(ctx, duck)
		return d
	}
	if c := replayed(t); c != nil {
		require.Empty(t, again(c))
		return
	}
	const cases, steps = 450, 5
	ran, failed, bad := 0, 0, 0
	for seed := range uint64(cases) {
		c := newCase(seed, setting{duck: true, constants: true, steps: steps})
		n, errs, d := c.againstDuck(ctx, duck)
		ran, failed = ran+n, failed+errs
		if d != "" {
			c.fail(t, 2000, d, again)
			if bad++; bad == 3 {
				t.Fatal("three cases failed; the others are not run")
			}
		}
	}
	t.Logf("%d statements, of which %d fail on both sides", ran, failed)
	require.GreaterOrEqual(t, ran, 2000)
	require.Greater(t, failed, 20, "errors are compared too")
}
