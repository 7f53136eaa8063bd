package tabletest

import (
	"iter"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/reader"
	"github.com/deltalog/deltalog/txlog"
)

func scan(t *testing.T, s *txlog.Snapshot) iter.Seq2[arrow.RecordBatch, error] {
	t.Helper()
	sc, err := reader.New(s, nil)
	require.NoError(t, err)
	return sc.Batches(t.Context())
}
