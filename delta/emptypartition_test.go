package delta_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
)

// The empty text is null in a column that rows are partitioned by: the log cannot
// say otherwise. All that is decided about such rows is decided as it will be once
// they are there, so that the same work again is none.
func emptyParted(t *testing.T, properties map[string]string) *delta.Table {
	t.Helper()
	tbl, err := delta.Create(t.Context(), "mem://", stockSchema, &delta.CreateOptions{
		Options: delta.Options{Store: memstore.New(nil), Env: virtual("empty")}, PartitionBy: []string{"grp"}, Properties: properties,
	})
	require.NoError(t, err)
	return tbl
}

func TestMergeByAnEmptyPartitionValue(t *testing.T) {
	rows := []stock{stockOf(1, "", 1, "new"), stockOf(2, "a", 2, "new")}
	tbl := emptyParted(t, nil)
	_, err := tbl.Merge(stocks(t, rows)).OnColumns("grp", "id").Upsert().Run(t.Context(), nil)
	var keyless *delta.NullKeyError
	require.ErrorAs(t, err, &keyless)
	require.Equal(t, int64(1), keyless.Rows)
	require.True(t, keyless.Empty)
	require.ErrorContains(t, err, "the empty text, which is null in a partition column")

	merge := func() *delta.Result {
		res, err := tbl.Merge(stocks(t, rows)).On("t.grp <=> s.grp and t.id = s.id").
			WhenMatched().UpdateAll().WhenNotMatched().InsertAll().Run(t.Context(), nil)
		require.NoError(t, err)
		return res
	}
	require.Equal(t, int64(2), merge().Rows.Inserted)
	second := merge()
	require.Equal(t, delta.NoOp, second.State, "%+v", second.Rows)
	require.Equal(t, int64(2), second.Rows.Unchanged)
}

func TestUpdateToAnEmptyPartitionValue(t *testing.T) {
	tbl := emptyParted(t, map[string]string{"delta.enableChangeDataFeed": "true"})
	_, err := tbl.Append(t.Context(), stocks(t, []stock{stockOf(1, "a", 1, "x"), stockOf(2, "b", 2, "y")}), nil)
	require.NoError(t, err)
	update := func() *delta.Result {
		res, err := tbl.Update(t.Context(), delta.Set{"grp": "''"}, "", nil)
		require.NoError(t, err)
		return res
	}
	first := update()
	require.Equal(t, int64(2), first.Rows.Updated)
	require.Equal(t, delta.NoOp, update().State)

	c, err := tbl.Changes(t.Context(), delta.AtVersion(first.Version), delta.AtVersion(first.Version), &delta.ChangesOptions{Columns: []string{"grp", "_change_type"}})
	require.NoError(t, err)
	seen := 0
	for rec, err := range c.Batches(t.Context()) {
		require.NoError(t, err)
		for i := range int(rec.NumRows()) {
			if rec.Column(1).ValueStr(i) == delta.ChangeUpdatePostimage {
				require.True(t, rec.Column(0).IsNull(i))
				seen++
			}
		}
	}
	require.Equal(t, 2, seen)
}

func TestPromisesAboutAnEmptyPartitionValue(t *testing.T) {
	tbl := emptyParted(t, map[string]string{"delta.constraints.named": "grp is not null"})
	rows := stocks(t, []stock{stockOf(1, "", 1, "x")})
	_, err := tbl.Append(t.Context(), rows, nil)
	var broken *delta.ConstraintError
	require.ErrorAs(t, err, &broken)
	_, err = tbl.Merge(rows).On("t.id = s.id").WhenNotMatched().InsertAll().Run(t.Context(), nil)
	require.ErrorAs(t, err, &broken)
	_, err = tbl.Append(t.Context(), stocks(t, []stock{stockOf(1, "a", 1, "x")}), nil)
	require.NoError(t, err)
	_, err = tbl.Update(t.Context(), delta.Set{"grp": "''"}, "", nil)
	require.ErrorAs(t, err, &broken)
}
