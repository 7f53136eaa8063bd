package delta

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/schema"
)

func TestRowTrackingNamesItsColumns(t *testing.T) {
	t.Parallel()
	n := 0
	newID := func() string { n++; return fmt.Sprintf("id%d", n) }
	s := &schema.Struct{Fields: []schema.Field{{Name: "id", Type: schema.Long, Nullable: true}}}

	off := map[string]string{"delta.enableRowTracking": "false"}
	require.NoError(t, trackRows(off, s, newID))
	require.Len(t, off, 1)

	on := map[string]string{"delta.enableRowTracking": "true"}
	require.NoError(t, trackRows(on, s, newID))
	p := txlog.Properties(on)
	require.Equal(t, "_row-id-col-id1", p.MaterializedRowIDColumn())
	require.Equal(t, "_row-commit-version-col-id2", p.MaterializedRowCommitVersionColumn())

	again := map[string]string{"delta.enableRowTracking": "TRUE", rowIDColumnKey: "x"}
	require.NoError(t, trackRows(again, s, newID))
	require.Equal(t, "x", again[rowIDColumnKey], "a name that is given stays")

	for _, bad := range []map[string]string{
		{rowIDColumnKey: "id"}, {rowCommitVersionColumnKey: "id"}, {rowIDColumnKey: "x", rowCommitVersionColumnKey: "x"},
	} {
		bad["delta.enableRowTracking"] = "true"
		require.Error(t, trackRows(bad, s, newID), bad)
	}
}
