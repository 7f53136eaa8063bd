package writer_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/internal/rules"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
	"github.com/deltalog/deltalog/txlog/schema"
	"github.com/deltalog/deltalog/writer"
)

// promises returns a configuration with rules of every kind turned on.
func promises(t testing.TB, st *memstore.Store, s *schema.Struct, properties map[string]string, by ...string) *writer.Config {
	t.Helper()
	c := config(st, s, by...)
	c.Properties = properties
	p := &txlog.Protocol{MinReaderVersion: 1, MinWriterVersion: 7, WriterFeatures: []txlog.Feature{
		"checkConstraints", "invariants", "generatedColumns", "allowColumnDefaults", "identityColumns",
	}}
	var err error
	c.Rules, err = writer.Rules(p, s, properties, &rules.Options{Now: c.Env.Now()})
	require.NoError(t, err)
	return c
}

// with gives field i of s metadata.
func with(s *schema.Struct, i int, pairs ...string) *schema.Struct {
	for k := 0; k < len(pairs); k += 2 {
		s.Fields[i].Metadata = s.Fields[i].Metadata.With(pairs[k], pairs[k+1])
	}
	return s
}

var always = []string{"delta.identity.start", "1", "delta.identity.step", "1", "delta.identity.allowExplicitInsert", "false"}

func TestRowsThatBreakAConstraintAreRefusedByNumber(t *testing.T) {
	t.Parallel()
	s := fields("p", schema.String, "n", schema.Long)
	st := memstore.New(nil)
	c := promises(t, st, s, map[string]string{"delta.constraints.positive": "n > 0"}, "p")
	in := arrowOf(s)
	_, err := write(t, c,
		batch(t, in, `{"p":"b","n":1}`, `{"p":"a","n":2}`),
		batch(t, in, `{"p":"b","n":3}`, `{"p":"a","n":-4}`, `{"p":"a","n":-5}`))
	var e *writer.ConstraintError
	require.ErrorAs(t, err, &e)
	require.Equal(t, &writer.ConstraintError{Constraint: "positive", Expression: "n > 0", Row: 3, Sample: "n = -4"}, e)
	require.Empty(t, st.Names(), "no file is left")
}

// A large batch is taken in steps; the row's number is still that of the input.
func TestRowNumbersInLargeBatches(t *testing.T) {
	t.Parallel()
	s := fields("n", schema.Long, "pad", schema.String)
	var rows []string
	pad := fmt.Sprintf("%01048576d", 0)
	for i := range 70 {
		rows = append(rows, fmt.Sprintf(`{"n":%d,"pad":%q}`, 60-i, pad))
	}
	_, err := write(t, promises(t, memstore.New(nil), s, map[string]string{"delta.constraints.positive": "n > 0"}), batch(t, arrowOf(s), rows...))
	var e *writer.ConstraintError
	require.ErrorAs(t, err, &e)
	require.Equal(t, int64(60), e.Row)
}

func TestNullsAreConstraintsToo(t *testing.T) {
	t.Parallel()
	s := fields("s", fields("x!", schema.Long))
	_, err := write(t, config(memstore.New(nil), s), batch(t, arrowOf(s), `{"s":{"x":1}}`, `{"s":null}`, `{"s":{"x":null}}`))
	require.EqualError(t, err, "writer: column s.x is null in row 2, and not nullable in the table")
	var e *writer.ConstraintError
	require.ErrorAs(t, err, &e)
	require.Equal(t, &writer.ConstraintError{Constraint: "NOT NULL", Column: "s.x", Expression: "s.x IS NOT NULL", Row: 2}, e)
}

func TestRulesMayNotBeForgotten(t *testing.T) {
	t.Parallel()
	s := with(fields("id!", schema.Long, "n", schema.Long), 0, always...)
	_, err := writer.New(config(memstore.New(nil), s))
	require.ErrorContains(t, err, "Config needs Rules")
	c := config(memstore.New(nil), fields("n", schema.Long))
	c.Properties = map[string]string{"delta.constraints.x": "n > 0"}
	_, err = writer.New(c)
	require.ErrorContains(t, err, "Config needs Rules")
	c.Rules = rules.None(s)
	_, err = writer.New(c)
	require.ErrorContains(t, err, "another schema")
}

func TestRulesThatCannotBeKeptAreUnsupported(t *testing.T) {
	t.Parallel()
	s := with(fields("n", schema.Long), 0, "delta.generationExpression", `"no_such_function(1)"`)
	p := &txlog.Protocol{MinReaderVersion: 1, MinWriterVersion: 6}
	_, err := writer.Rules(p, s, map[string]string{"delta.constraints.c": "m > 0"}, nil)
	var e *txlog.UnsupportedFeatureError
	require.ErrorAs(t, err, &e)
	require.True(t, e.Write)
	require.Equal(t, []txlog.Feature{"checkConstraints", "generatedColumns"}, e.Features)
	require.ErrorContains(t, err, "the constraint c (m > 0) cannot be evaluated: column m does not exist")
	require.ErrorContains(t, err, "the generation expression of column n (no_such_function(1)) cannot be evaluated")
}

// Identity values are given in the order of the input, whatever the partitions, and
// are no part of the digest.
func TestIdentityValuesAreNoContent(t *testing.T) {
	t.Parallel()
	s := with(fields("id!", schema.Long, "p", schema.String, "n", schema.Long), 0, always...)
	in := arrowOf(fields("p", schema.String, "n", schema.Long))
	var sums []int64
	for _, mark := range []string{"100", "200"} {
		st := memstore.New(nil)
		c := promises(t, st, with(s, 0, "delta.identity.highWaterMark", mark), nil, "p")
		c.Digest = true
		out := mustWrite(t, c, batch(t, in, `{"p":"b","n":1}`, `{"p":"a","n":2}`), batch(t, in, `{"p":"b","n":3}`))
		sums = append(sums, out.Digest.Sum(""))
		require.Len(t, out.Assigned, 1)
		require.Equal(t, int64(3), out.Assigned[0].Rows)
		if mark == "100" {
			require.Equal(t, []string{"101 | (null) | 1", "103 | (null) | 3", "102 | (null) | 2"}, allRows(t, st, out, s))
		}
		count := *c
		count.NoFiles = true
		require.Equal(t, sums[0], mustWrite(t, &count, batch(t, in, `{"p":"b","n":3}`, `{"p":"b","n":1}`, `{"p":"a","n":2}`)).Digest.Sum(""))
	}
	require.Equal(t, sums[0], sums[1])
}
