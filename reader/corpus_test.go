package reader_test

import (
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/conformance/corpus"
	"github.com/deltalog/deltalog/internal/arrowvec"
	"github.com/deltalog/deltalog/internal/expr"
	"github.com/deltalog/deltalog/internal/schemavec"
	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/reader"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore/localstore"
	"github.com/deltalog/deltalog/txlog/schema"
)

// TestTablesOfOtherEngines reads every table of the corpus, at every version of
// which Spark's rows are known, and compares values.
func TestTablesOfOtherEngines(t *testing.T) {
	t.Parallel()
	tables, err := corpus.Tables()
	require.NoError(t, err)
	root := t.TempDir()
	require.NoError(t, corpus.Extract(root))
	compared := 0
	for _, table := range tables {
		for _, v := range append(table.Older, table.Version) {
			content, err := corpus.Expected(table.Name, v)
			if err == nil {
				compared++
			} else {
				require.ErrorIs(t, err, fs.ErrNotExist)
			}
			t.Run(table.Name, func(t *testing.T) {
				t.Parallel()
				snap, all, err := readTable(t, filepath.Join(root, filepath.FromSlash(table.Name)), v)
				if slices.ContainsFunc(table.Features, isVariant) {
					require.Error(t, err)
					return
				}
				if table.Rows < 0 {
					return // Spark refuses it: there is nothing to compare with
				}
				require.NoError(t, err)
				if content != nil {
					want, got := expected(t, content), lines(t, all)
					if table.Name == "spark-4.2/primitives/delta" {
						padded(want) // it has a CHAR(5), which Spark pads when it reads
						padded(got)
					}
					slices.Sort(want)
					slices.Sort(got)
					require.Equal(t, want, got)
				} else if v == table.Version {
					rows := int64(0)
					for _, b := range all {
						rows += b.NumRows()
					}
					require.EqualValues(t, table.Rows, rows)
				}
				predicatesAgree(t, snap, all)
			})
		}
	}
	require.Greater(t, compared, 150)
}

func padded(rows []string) {
	for i, r := range rows {
		for n := 0; n != len(r); {
			n, r = len(r), strings.ReplaceAll(r, " \"", "\"")
		}
		rows[i] = r
	}
}

func isVariant(feature string) bool {
	return feature == "variantType" || feature == "variantType-preview" || feature == "variantShredding-preview"
}

func readTable(t *testing.T, dir string, v int64) (*txlog.Snapshot, []arrow.RecordBatch, error) {
	t.Helper()
	st, err := localstore.Open(dir, nil)
	require.NoError(t, err)
	version := txlog.Version(v)
	snap, err := txlog.Load(t.Context(), st, &txlog.LoadOptions{Version: &version})
	if err != nil {
		return nil, nil, err
	}
	all, err := read(t, snap, nil)
	return snap, all, err
}

// read runs a scan and checks what holds of all scans: the batches have the
// scan's schema, and counting counts them.
func read(t *testing.T, snap *txlog.Snapshot, o *reader.Options) (out []arrow.RecordBatch, err error) {
	t.Helper()
	s, err := reader.New(snap, o)
	if err != nil {
		return nil, err
	}
	rows := int64(0)
	for rec, err := range s.Batches(t.Context()) {
		if err != nil {
			return nil, err
		}
		require.True(t, rec.Schema().Equal(s.Schema()))
		require.Positive(t, rec.NumRows())
		rows += rec.NumRows()
		out = append(out, rec)
	}
	n, err := s.Count(t.Context())
	require.NoError(t, err)
	require.Equal(t, rows, n)
	return out, nil
}

func lines(t *testing.T, batches []arrow.RecordBatch) (out []string) {
	t.Helper()
	for _, b := range batches {
		out = append(out, render(t, b)...)
	}
	return out
}

// predicatesAgree compares scans with predicates, which leave out what they can,
// with the same predicates on the whole table's rows. The values compared with
// are those of a row in the middle.
func predicatesAgree(t *testing.T, snap *txlog.Snapshot, all []arrow.RecordBatch) {
	t.Helper()
	rows := int64(0)
	for _, b := range all {
		rows += b.NumRows()
	}
	if rows == 0 || rows > 1000 {
		return
	}
	table, err := snap.Schema()
	require.NoError(t, err)
	mid := all[len(all)/2]
	tried := 0
	for i := range table.Fields {
		f := &table.Fields[i]
		if _, primitive := f.Type.(schema.Primitive); !primitive && f.Type.Kind() != schema.KindDecimal || f.Type.Kind() == schema.KindVoid {
			continue
		}
		if tried++; tried > 4 {
			return
		}
		column, err := arrowvec.FromArray(mid.Column(i))
		require.NoError(t, err)
		c := reader.Col(f.Name)
		preds := []reader.Predicate{c.IsNull(), c.NotNull()}
		if v := schemavec.Value(column, f.Type, column.Len/2); !v.IsNull() {
			preds = append(preds, c.Eq(v), reader.Not(c.Le(v)))
		}
		for _, p := range preds {
			require.Equal(t, filtered(t, p, table, all), selected(t, snap, p), "%s", p)
		}
	}
}

func selected(t *testing.T, snap *txlog.Snapshot, p reader.Predicate) []string {
	t.Helper()
	got, err := read(t, snap, &reader.Options{Where: p})
	require.NoError(t, err, "%s", p)
	return lines(t, got)
}

// filtered evaluates a predicate on rows that were read without it.
func filtered(t *testing.T, p reader.Predicate, table *schema.Struct, all []arrow.RecordBatch) (out []string) {
	t.Helper()
	e, err := expr.Parse(p.String(), nil)
	require.NoError(t, err)
	bound, err := expr.Bind(e, table, nil)
	require.NoError(t, err)
	for _, b := range all {
		cols := make([]*vec.Vec, b.NumCols())
		for i := range cols {
			cols[i], err = arrowvec.FromArray(b.Column(i))
			require.NoError(t, err)
		}
		sel, err := bound.Eval(cols, int(b.NumRows()))
		require.NoError(t, err)
		rows := render(t, b)
		for _, i := range sel.Indices(nil) {
			out = append(out, rows[i])
		}
	}
	return out
}
