package delta_test

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/conformance/corpus"
	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/internal/arrowvec"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
	"github.com/deltalog/deltalog/txlog/schema"
)

// cols makes a schema of "name type" pairs; a name that ends in ! is not nullable.
func cols(pairs ...any) *schema.Struct {
	s := &schema.Struct{}
	for i := 0; i < len(pairs); i += 2 {
		name := pairs[i].(string)
		s.Fields = append(s.Fields, schema.Field{Name: strings.TrimSuffix(name, "!"), Type: pairs[i+1].(schema.DataType), Nullable: !strings.HasSuffix(name, "!")})
	}
	return s
}

// with gives the column metadata: pairs of key and JSON.
func with(s *schema.Struct, column string, pairs ...string) *schema.Struct {
	f := &s.Fields[s.Index(column)]
	for k := 0; k < len(pairs); k += 2 {
		f.Metadata = f.Metadata.With(pairs[k], pairs[k+1])
	}
	return s
}

func always(start, step int) []string {
	return []string{"delta.identity.start", fmt.Sprint(start), "delta.identity.step", fmt.Sprint(step), "delta.identity.allowExplicitInsert", "false"}
}

// loose lets every column be null: what the input holds is for the table to judge.
func loose(t schema.DataType) schema.DataType {
	switch t := t.(type) {
	case *schema.Struct:
		out := &schema.Struct{}
		for _, f := range t.Fields {
			out.Fields = append(out.Fields, schema.Field{Name: f.Name, Type: loose(f.Type), Nullable: true})
		}
		return out
	case *schema.Array:
		return &schema.Array{Element: loose(t.Element), ContainsNull: true}
	}
	return t
}

// rows returns a source of rows in JSON, with the columns of s.
func rows(t testing.TB, s *schema.Struct, json ...string) delta.Source {
	t.Helper()
	rec, _, err := array.RecordFromJSON(memory.DefaultAllocator, arrowvec.Schema(loose(s).(*schema.Struct)), strings.NewReader("["+strings.Join(json, ",")+"]"))
	require.NoError(t, err)
	return delta.Records(rec)
}

// table makes a table in memory.
func table(t testing.TB, s *schema.Struct, o *delta.CreateOptions) (*delta.Table, *memstore.Store) {
	t.Helper()
	if o == nil {
		o = &delta.CreateOptions{}
	}
	st := memstore.New(nil)
	o.Store = st
	tbl, err := delta.Create(t.Context(), "mem://", s, o)
	require.NoError(t, err)
	return tbl, st
}

// dump returns the table's rows as JSON, sorted.
func dump(t testing.TB, tbl *delta.Table) []string {
	t.Helper()
	scan, err := tbl.Scan(t.Context(), nil)
	require.NoError(t, err)
	all := []string{}
	for rec, err := range scan.Batches(t.Context()) {
		require.NoError(t, err)
		text, err := rec.MarshalJSON()
		require.NoError(t, err)
		for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
			line = strings.Trim(line, "[,]")
			if line != "" {
				all = append(all, line)
			}
		}
	}
	slices.Sort(all)
	return all
}

// aWrite is one of the ways to write rows.
type aWrite struct {
	name string
	do   func(tbl *delta.Table, src delta.Source, o *delta.WriteOptions) (*delta.Result, error)
}

func writes(ctx context.Context) []aWrite {
	return []aWrite{
		{"append", func(tbl *delta.Table, src delta.Source, o *delta.WriteOptions) (*delta.Result, error) {
			return tbl.Append(ctx, src, o)
		}},
		{"replace-partitions", func(tbl *delta.Table, src delta.Source, o *delta.WriteOptions) (*delta.Result, error) {
			return tbl.ReplacePartitions(ctx, src, o)
		}},
		{"replace-where", func(tbl *delta.Table, src delta.Source, o *delta.WriteOptions) (*delta.Result, error) {
			return tbl.ReplaceWhere(ctx, "p = 'a'", src, o)
		}},
		{"overwrite", func(tbl *delta.Table, src delta.Source, o *delta.WriteOptions) (*delta.Result, error) {
			return tbl.Overwrite(ctx, src, o)
		}},
		{"reload", func(tbl *delta.Table, src delta.Source, o *delta.WriteOptions) (*delta.Result, error) {
			return tbl.Reload(ctx, src, o)
		}},
		{"prepared", func(tbl *delta.Table, src delta.Source, o *delta.WriteOptions) (*delta.Result, error) {
			p, res, err := tbl.Prepare(ctx, "append", "", src, o)
			if err != nil {
				return res, err
			}
			data, err := p.MarshalBinary()
			if err != nil {
				return res, err
			}
			var q delta.Prepared
			if err := q.UnmarshalBinary(data); err != nil {
				return res, err
			}
			return tbl.Commit(ctx, &q)
		}},
	}
}

var checked = cols("p", schema.String, "n", schema.Long, "s", cols("x!", schema.Long))

// Every rule on every way to write: what keeps it is written, what does not is
// refused with the row's number, and leaves nothing.
func TestEveryWriteKeepsEveryRule(t *testing.T) {
	invariant := with(cols("p", schema.String, "n", schema.Long, "s", cols("x!", schema.Long)), "n", "delta.invariants", `"{\"expression\":{\"expression\":\"n < 100\"}}"`)
	for _, rule := range []struct {
		name       string
		schema     *schema.Struct
		properties map[string]string
		bad        map[string]string // row → error
	}{
		{"constraint", checked, map[string]string{"delta.constraints.positive": "n > 0"}, map[string]string{
			`{"p":"a","n":-1,"s":null}`:   "row 1 breaks the constraint positive (n > 0): n = -1; nothing was committed",
			`{"p":"a","n":null,"s":null}`: "row 1 breaks the constraint positive (n > 0): n = NULL; nothing was committed",
			`{"p":"a"}`:                   "row 1 breaks the constraint positive (n > 0): n = NULL; nothing was committed",
		}},
		{"nested constraint", checked, map[string]string{"delta.constraints.far": "s.x <> 7 OR s IS NULL"}, map[string]string{
			`{"p":"a","n":1,"s":{"x":7}}`: "row 1 breaks the constraint far (s.x <> 7 OR s IS NULL): s.x = 7, s = a struct; nothing was committed",
		}},
		{"partition constraint", checked, map[string]string{"delta.constraints.p": "p IN ('a', 'b')"}, map[string]string{
			`{"p":"z","n":1}`: "row 1 breaks the constraint p (p IN ('a', 'b')): p = 'z'; nothing was committed",
		}},
		{"invariant", invariant, nil, map[string]string{
			`{"p":"a","n":100}`: "row 1 breaks the invariant of column n (n < 100): n = 100; nothing was committed",
			`{"p":"a"}`:         "row 1 breaks the invariant of column n (n < 100): n = NULL; nothing was committed",
		}},
		{"not null", checked, nil, map[string]string{
			`{"p":"a","n":1,"s":{"x":null}}`: "column s.x is null in row 1, and not nullable in the table",
		}},
	} {
		for _, w := range writes(t.Context()) {
			t.Run(rule.name+"/"+w.name, func(t *testing.T) {
				tbl, st := table(t, rule.schema, &delta.CreateOptions{PartitionBy: []string{"p"}, Properties: rule.properties})
				good := `{"p":"a","n":1,"s":{"x":1}}`
				_, err := w.do(tbl, rows(t, rule.schema, good), nil)
				require.NoError(t, err)
				before, log := dump(t, tbl), len(st.Names())
				for row, want := range rule.bad {
					res, err := w.do(tbl, rows(t, rule.schema, good, row), nil)
					var broken *delta.ConstraintError
					require.ErrorAs(t, err, &broken)
					require.Equal(t, int64(1), broken.Row)
					require.ErrorContains(t, err, want)
					require.Equal(t, delta.NotCommitted, res.State)
					require.False(t, res.Retryable, "the input is wrong, not the world")
				}
				require.Equal(t, before, dump(t, tbl))
				require.Len(t, st.Names(), log, "nothing is left behind")
			})
		}
	}
}

// A rule that cannot be evaluated refuses the table before the source is read.
func TestRulesThatCannotBeKeptRefuseTheWrite(t *testing.T) {
	tbl, st := table(t, checked, nil)
	s, err := tbl.Snapshot(t.Context(), delta.At{})
	require.NoError(t, err)
	meta := *s.Metadata()
	meta.Configuration = map[string]string{"delta.constraints.odd": "nonsense(n) > 0", "delta.constraints.gone": "zzz IS NULL"}
	txn := s.Begin(&txlog.TxnOptions{Operation: "ADD CONSTRAINT"})
	txn.Add(&meta, &txlog.Protocol{MinReaderVersion: 1, MinWriterVersion: 3})
	_, err = txn.Commit(t.Context())
	require.NoError(t, err)
	tbl, err = delta.Open(t.Context(), "mem://", &delta.Options{Store: st})
	require.NoError(t, err)
	res, err := tbl.Append(t.Context(), rows(t, checked, `{"p":"a"}`), nil)
	var e *delta.UnsupportedFeatureError
	require.ErrorAs(t, err, &e)
	require.Equal(t, []txlog.Feature{"checkConstraints"}, e.Features)
	require.ErrorContains(t, err, "the constraint gone (zzz IS NULL) cannot be evaluated: column zzz does not exist")
	require.ErrorContains(t, err, "the constraint odd (nonsense(n) > 0) cannot be evaluated")
	require.False(t, res.Retryable)

	_, err = delta.Create(t.Context(), "mem://", checked, &delta.CreateOptions{
		Options: delta.Options{Store: memstore.New(nil)}, Properties: map[string]string{"delta.constraints.gone": "zzz IS NULL"},
	})
	require.ErrorAs(t, err, &e, "and no such table is made")
}

// Files that were checked before a constraint was added do not go in after it.
func TestConstraintsOfOthersAreNoticed(t *testing.T) {
	for _, prepared := range []bool{false, true} {
		t.Run(fmt.Sprint(prepared), func(t *testing.T) {
			tbl, st := table(t, checked, nil)
			other, err := delta.Open(t.Context(), "mem://", &delta.Options{Store: st})
			require.NoError(t, err)
			p, _, err := tbl.Prepare(t.Context(), "append", "", rows(t, checked, `{"p":"a","n":-1}`), nil)
			require.NoError(t, err)
			_, err = other.AddConstraint(t.Context(), "positive", "n > 0", nil)
			require.NoError(t, err)
			if prepared { // the handle knows of it before the commit begins
				_, err = tbl.Snapshot(t.Context(), delta.At{})
				require.NoError(t, err)
			}
			res, err := tbl.Commit(t.Context(), p)
			require.ErrorIs(t, err, delta.ErrConflict)
			require.ErrorContains(t, err, "it has now constraint positive: n > 0")
			require.Equal(t, delta.NotCommitted, res.State)
			require.Empty(t, dump(t, tbl))

			// One less is no harm.
			p, _, err = tbl.Prepare(t.Context(), "append", "", rows(t, checked, `{"p":"a","n":1}`), nil)
			require.NoError(t, err)
			_, err = other.DropConstraint(t.Context(), "positive", nil)
			require.NoError(t, err)
			res, err = tbl.Commit(t.Context(), p)
			require.NoError(t, err)
			require.Equal(t, delta.Committed, res.State)

			// Nor is one that comes after the work is in the table.
			_, err = other.AddConstraint(t.Context(), "small", "n < 5", nil)
			require.NoError(t, err)
			res, err = tbl.Commit(t.Context(), p)
			require.NoError(t, err)
			require.Equal(t, delta.AlreadyApplied, res.State)
		})
	}
}

// corpusTable opens a table that Spark wrote, in a directory of the test's own.
func corpusTable(t *testing.T, name string) *delta.Table {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, corpus.Extract(dir, "spark-4.2"))
	tbl, err := delta.Open(t.Context(), path.Join(dir, "spark-4.2", name, "delta"), nil)
	require.NoError(t, err)
	t.Cleanup(func() { _ = tbl.Close() })
	return tbl
}
