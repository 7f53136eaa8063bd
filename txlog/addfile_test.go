package txlog_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/txlog"
)

func TestFileWithAnotherDeletionVectorKeepsItsRowIDs(t *testing.T) {
	t.Parallel()
	base, version, value := int64(5), int64(2), "x"
	f := txlog.AddFile{
		Path: "f", PartitionValues: map[string]*string{"p": &value}, Size: 9, ModificationTime: 7, Stats: "{}",
		Tags: map[string]string{"k": "v"}, BaseRowID: &base, DefaultRowCommitVersion: &version, ClusteringProvider: "c",
	}
	before := f
	d := &txlog.DVDescriptor{StorageType: "u", PathOrInlineDV: "x", Cardinality: 1}
	got := f.WithDV(d, `{"numRecords":3}`)
	require.Equal(t, before, f)
	want := f
	want.DeletionVector, want.Stats, want.DataChange = d, `{"numRecords":3}`, true
	require.Equal(t, &want, got)
}
