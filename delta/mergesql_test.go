package delta_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
)

func TestMergeSQL(t *testing.T) {
	t.Parallel()
	tbl := newStocks(t, memstore.New(nil), tableKind{}, []stock{
		{ID: ptr(int64(1)), Qty: ptr(int32(1)), Note: ptr("a")},
		{ID: ptr(int64(2)), Qty: ptr(int32(2)), Note: ptr("b")},
		{ID: ptr(int64(3)), Qty: ptr(int32(3)), Note: ptr("c")},
	}, 1)
	src := []stock{{ID: ptr(int64(1)), Qty: ptr(int32(0))}, {ID: ptr(int64(2)), Qty: ptr(int32(20))}, {ID: ptr(int64(4)), Qty: ptr(int32(40))}}
	// Names of the tables are theirs; a clause of one side knows that side's names only.
	res, err := tbl.MergeSQL(t.Context(), `MERGE INTO shop.stock USING changes -- of today
		ON stock.id = changes.id
		WHEN MATCHED AND changes.qty = 0 THEN DELETE
		WHEN MATCHED THEN UPDATE SET stock.qty = stock.qty + changes.qty, note = '/* no comment */'
		WHEN NOT MATCHED AND qty > 1 THEN INSERT (id, qty, note) VALUES (id, qty, DEFAULT)
		WHEN NOT MATCHED BY SOURCE AND qty = 3 THEN UPDATE SET note = concat(note, '!')`, stocks(t, src), nil)
	require.NoError(t, err)
	require.Equal(t, []string{"-/2/22//* no comment */", "-/3/3/c!", "-/4/40/-"}, stocksOf(t, tbl))
	require.Equal(t, [3]int64{1, 2, 1}, [3]int64{res.Rows.Inserted, res.Rows.Updated, res.Rows.Deleted})
}

// What is written wrong is a StatementError that shows where, and is not to be sent
// again.
func TestStatementsThatAreWrong(t *testing.T) {
	t.Parallel()
	tbl := newStocks(t, memstore.New(nil), tableKind{}, []stock{{ID: ptr(int64(1))}}, 1)
	src := []stock{{ID: ptr(int64(1))}}
	merge := func() *delta.Merge { return tbl.Merge(stocks(t, src)).OnColumns("id") }
	for name, c := range map[string]struct {
		run  func() (*delta.Result, error)
		want string
	}{
		"condition": {func() (*delta.Result, error) {
			return tbl.Merge(stocks(t, src)).On("t.id = s.nope").Upsert().Run(t.Context(), nil)
		}, "\n  t.id = s.nope\n         ^"},
		"clause": {func() (*delta.Result, error) {
			return merge().WhenMatchedSQL("update set qty = 1, nope = 2").Run(t.Context(), nil)
		}, "\n  update set qty = 1, nope = 2\n                      ^"},
		"value": {func() (*delta.Result, error) {
			return merge().WhenMatched().Update(delta.Set{"qty": "1 + nope"}).Run(t.Context(), nil)
		}, "\n  1 + nope\n      ^"},
		"column": {func() (*delta.Result, error) {
			return merge().WhenMatched().Update(delta.Set{"nope": "1"}).Run(t.Context(), nil)
		}, "no column nope"},
		"side": {func() (*delta.Result, error) {
			return merge().WhenNotMatchedSQL("insert (id) values (t.id)").Run(t.Context(), nil)
		}, "these rows are not in the table (at character 21)"},
		"other side": {func() (*delta.Result, error) {
			return merge().WhenNotMatchedBySourceSQL("delete if s.id = 1").Run(t.Context(), nil)
		}, "no source row meets these rows (at character 11)"},
		"no clause": {func() (*delta.Result, error) { return merge().Run(t.Context(), nil) }, "no clause"},
		"dedupe": {func() (*delta.Result, error) {
			return merge().Upsert().Run(t.Context(), &delta.ChangeOptions{Dedupe: []string{"nope"}})
		}, "no column nope"},
		"update":  {func() (*delta.Result, error) { return tbl.UpdateSQL(t.Context(), "qty = 1", "nope = 1", nil) }, "\n  nope = 1\n  ^"},
		"delete":  {func() (*delta.Result, error) { return tbl.Delete(t.Context(), "id >", nil) }, "\n  id >\n      ^"},
		"nothing": {func() (*delta.Result, error) { return tbl.UpdateSQL(t.Context(), " ", "", nil) }, "nothing is set"},
		"dedup": {func() (*delta.Result, error) {
			return tbl.Dedup(t.Context(), &delta.DedupOptions{By: []string{"nope"}})
		}, "no column nope"},
		"statement": {func() (*delta.Result, error) {
			return tbl.MergeSQL(t.Context(), "MERGE INTO a USING b ON", stocks(t, src), nil)
		}, "(at character 24)"},
		"drop column": {func() (*delta.Result, error) { return tbl.DropColumn(t.Context(), []string{"nope"}, nil) }, "no column nope"},
	} {
		res, err := c.run()
		var wrong *delta.StatementError
		require.ErrorAs(t, err, &wrong, name)
		require.ErrorContains(t, err, c.want, name)
		require.False(t, res.Retryable, name)
		require.Equal(t, delta.NotCommitted, res.State, name)
	}
}

// Where files were ruled out, it is said by what; the time of the operation is the
// same in conditions and in what they rule out.
func TestWhyFilesAreRuledOut(t *testing.T) {
	t.Parallel()
	var rows []stock
	for i := range 4 {
		rows = append(rows, stock{ID: ptr(int64(i)), Grp: ptr([]string{"x", "y"}[i/2]), Qty: ptr(int32(10 * i))})
	}
	tbl := newStocks(t, memstore.New(nil), tableKind{partition: []string{"grp"}}, rows[:2], 2)
	_, err := tbl.Append(t.Context(), stocks(t, rows[2:]), nil)
	require.NoError(t, err)
	res, err := tbl.UpdateSQL(t.Context(), "note = 'n'", "grp = 'x' and qty = 10 and current_timestamp() > timestamp '2020-01-01 00:00:00'", nil)
	require.NoError(t, err)
	c := res.Rows
	require.EqualValues(t, 1, c.Updated)
	require.Equal(t, []int64{1, c.FilesPruned, 1, c.FilesPruned - 1, 0}, []int64{c.FilesScanned, c.FilesPruned, c.PrunedByPartition, c.PrunedByStats, c.PrunedByBloom})
	require.Positive(t, c.FilesPruned)
}
