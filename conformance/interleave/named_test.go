package interleave

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/conformance/model"
	"github.com/deltalog/deltalog/conformance/ops"
	"github.com/deltalog/deltalog/internal/effort"
)

// Pairs in which other engines have lost or doubled rows: all schedules, with what
// must hold said in so many words, beside what the model says. Processes stop at the
// calls of the log, or, where the effort allows, at every call.

func rowsBy(tag, part string, ids ...int64) (rows []model.Row) {
	for _, id := range ids {
		rows = append(rows, model.Row{Part: part, ID: id, Qty: 1, Tag: tag})
	}
	return rows
}

// count returns how many rows are so.
func count(t *model.Table, is func(model.Row) bool) (n int) {
	for _, r := range t.Rows {
		if is(r) {
			n++
		}
	}
	return n
}

func hasID(id int64) func(model.Row) bool { return func(r model.Row) bool { return r.ID == id } }

func wantRows(t *model.Table, what string, want int, is func(model.Row) bool) error {
	if n := count(t, is); n != want {
		return fmt.Errorf("%s: %d rows, want %d", what, n, want)
	}
	return nil
}

func runNamed(t *testing.T, v ops.Variant, pairs ...Pair) {
	t.Helper()
	o := Options{Variant: v, EveryCall: effort.Full(), Pairs: pairs}
	r := Run(t, o)
	require.Equal(t, len(pairs), r.Pairs)
	t.Log(r)
}

// H7, hudi#19720, delta#9, delta-rs#3622: two replacements of a partition that is
// not there remove nothing, so that a comparison of files finds no conflict. The
// rows of exactly one of them may remain.
func TestH7ReplaceOfAnAbsentPartition(t *testing.T) {
	one := func(after *model.Table) error {
		byA := count(after, func(r model.Row) bool { return r.Part == "new" && r.Tag == "A" })
		byB := count(after, func(r model.Row) bool { return r.Part == "new" && r.Tag == "B" })
		if byA+byB != 2 || byA*byB != 0 {
			return fmt.Errorf("partition new holds %d rows of A and %d of B, want 2 of one of them", byA, byB)
		}
		return nil
	}
	ops3 := map[string]func(rows []model.Row) model.Op{
		"dynamic": func(rows []model.Row) model.Op { return model.Op{Kind: model.ReplaceDynamic, Rows: rows} },
		"static": func(rows []model.Row) model.Op {
			return model.Op{Kind: model.ReplaceStatic, Parts: []string{"new"}, Rows: rows}
		},
		"where": func(rows []model.Row) model.Op {
			return model.Op{Kind: model.ReplaceWhere, Where: model.Range{Parts: []string{"new"}}, Rows: rows}
		},
		"rows-where": func(rows []model.Row) model.Op {
			return model.Op{Kind: model.ReplaceWhere, Where: model.Range{Parts: []string{"new"}, ByID: true, MinID: 50, MaxID: 60}, Rows: rows}
		},
	}
	var pairs []Pair
	for a, opA := range ops3 {
		for b, opB := range ops3 {
			pairs = append(pairs, Pair{Name: a + " ∥ " + b, A: opA(rowsBy("A", "new", 50, 51)), B: opB(rowsBy("B", "new", 52, 53)), Check: one})
		}
	}
	runNamed(t, ops.CopyOnWrite, pairs...)
}

// B1, delta#7163: two deletes of rows of one file, by deletion vectors: neither row
// comes back, and no other row is there twice.
func TestB1DeleteDelete(t *testing.T) {
	id := func(id int64) model.Op {
		return model.Op{Kind: model.Delete, Where: model.Range{ByID: true, MinID: id, MaxID: id + 1}}
	}
	check := func(after *model.Table) error {
		for _, gone := range []int64{6, 7} {
			if err := wantRows(after, fmt.Sprintf("deleted id %d", gone), 0, hasID(gone)); err != nil {
				return err
			}
		}
		return wantRows(after, "id 8, beside them", 1, hasID(8))
	}
	for _, v := range []ops.Variant{ops.Vectors, ops.CopyOnWrite} {
		runNamed(t, v, Pair{Name: "delete ∥ delete", A: id(6), B: id(7), Check: check})
	}
}

// B2, delta#3981: a compaction beside a delete by deletion vector: the row stays
// deleted, whichever comes first.
func TestB2OptimizeDelete(t *testing.T) {
	del := model.Op{Kind: model.Delete, Where: model.Range{ByID: true, MinID: 6, MaxID: 7}}
	check := func(after *model.Table) error { return wantRows(after, "deleted id 6", 0, hasID(6)) }
	runNamed(t, ops.Vectors,
		Pair{Name: "optimize ∥ delete", A: model.Op{Kind: model.Optimize}, B: del, Check: check},
		Pair{Name: "delete ∥ optimize", A: del, B: model.Op{Kind: model.Optimize}, Check: check})
}

// B6, paimon#7595, and H-3 of upserts: what is appended beside a replacement by
// condition, or beside an overwrite, is there or replaced as a whole.
func TestB6ReplaceAppend(t *testing.T) {
	appended := model.Op{Kind: model.Append, Rows: rowsBy("A", "a", 60, 61)}
	whole := func(after *model.Table) error {
		if n := count(after, func(r model.Row) bool { return r.Tag == "A" }); n == 1 {
			return fmt.Errorf("one row of an append of two is there")
		}
		return nil
	}
	runNamed(t, ops.Vectors,
		Pair{Name: "append ∥ rows-where", A: appended, B: model.Op{Kind: model.ReplaceWhere, Where: model.Range{ByID: true, MinID: 9, MaxID: 70}, Rows: rowsBy("B", "a", 10)}, Check: whole},
		Pair{Name: "append ∥ replace", A: appended, B: model.Op{Kind: model.ReplaceDynamic, Rows: rowsBy("B", "a", 10)}, Check: whole},
		Pair{Name: "append ∥ delete", A: appended, B: model.Op{Kind: model.Delete, Where: model.Range{ByID: true, MinID: 9, MaxID: 70}}, Check: whole})
}

// B8, the finding in Iceberg's merge-on-read: a row that is updated by one and
// deleted by the other does not survive, if both are told that they are done.
func TestB8UpdateDelete(t *testing.T) {
	row := model.Range{ByID: true, MinID: 6, MaxID: 7}
	update, del := model.Op{Kind: model.Update, Where: row, Add: 5}, model.Op{Kind: model.Delete, Where: row}
	check := func(after *model.Table) error { return wantRows(after, "deleted id 6", 0, hasID(6)) }
	for _, v := range []ops.Variant{ops.Vectors, ops.CopyOnWrite} {
		runNamed(t, v,
			Pair{Name: "update ∥ delete", A: update, B: del, Check: check},
			Pair{Name: "delete ∥ update", A: del, B: update, Check: check})
	}
}

// B16, delta#4712: all rows are replaced while the table changes otherwise: both
// have happened.
func TestB16ReloadBesideColumn(t *testing.T) {
	reload := model.Op{Kind: model.Reload, Key: "k", Rows: rowsBy("A", "a", 1, 2)}
	column := model.Op{Kind: model.AddColumn, Column: "more"}
	check := func(after *model.Table) error {
		if !slices.Contains(after.Columns, "more") {
			return fmt.Errorf("the column is not there")
		}
		if len(after.Keys["k"]) != 1 {
			return fmt.Errorf("the key is not there")
		}
		return wantRows(after, "the reload's", len(after.Rows), func(r model.Row) bool { return r.Tag == "A" })
	}
	for _, v := range []ops.Variant{ops.CopyOnWrite, ops.Mapped} {
		runNamed(t, v,
			Pair{Name: "reload ∥ add-column", A: reload, B: column, Check: check},
			Pair{Name: "add-column ∥ reload", A: column, B: reload, Check: check})
	}
}

// C-5, hudi#9831: two writers insert one natural key, into different files.
func TestC5InsertNewTwice(t *testing.T) {
	op := func(tag, part string) model.Op {
		return model.Op{Kind: model.InsertNew, Rows: rowsBy(tag, part, 77)}
	}
	check := func(after *model.Table) error { return wantRows(after, "id 77", 1, hasID(77)) }
	runNamed(t, ops.CopyOnWrite,
		Pair{Name: "one partition", A: op("A", "a"), B: op("B", "a"), Check: check},
		Pair{Name: "two partitions", A: op("A", "new"), B: op("B", "b"), Check: check})
}
