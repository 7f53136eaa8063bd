package txlog

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/txlog/logstore/memstore"
)

// definition is a table without partitions, by a name of its own.
func definition(id string) (*Protocol, *Metadata) {
	return &Protocol{MinReaderVersion: 1, MinWriterVersion: 2}, &Metadata{
		ID: id, Format: Format{Provider: "parquet"},
		SchemaString: `{"type":"struct","fields":[{"name":"v","type":"long","nullable":true,"metadata":{}}]}`,
	}
}

func TestNewTable(t *testing.T) {
	st := memstore.New(nil)
	p, m := definition("mine")
	s, err := NewTable(st, p, m, &LoadOptions{Logger: slog.Default(), Parallel: 3})
	require.NoError(t, err)
	require.Equal(t, NoVersion, s.Version())
	same, err := s.Update(t.Context())
	require.NoError(t, err)
	require.Same(t, s, same)
	for range s.Files(t.Context(), nil) {
		require.Fail(t, "it has no files")
	}
	_, err = s.Begin(options(virtual())).Plan(t.Context())
	require.NoError(t, err)
	require.Empty(t, st.Names())

	// A transaction without actions makes the table.
	txn := s.Begin(options(virtual()))
	txn.NameFirst("CREATE", map[string]string{"a": "1"})
	res, err := txn.Commit(t.Context())
	require.NoError(t, err)
	require.Equal(t, Committed, res.State)
	require.Equal(t, Version(0), res.Version)
	require.Equal(t, "mine", res.Snapshot.Metadata().ID)
	ci := res.Snapshot.info
	require.Equal(t, "CREATE", ci.Operation)
	require.Equal(t, map[string]string{"a": "1"}, ci.OperationParameters)
	require.Equal(t, 3, res.Snapshot.parallel)
	require.Same(t, s.logger, res.Snapshot.logger)
	now, err := s.Update(t.Context())
	require.NoError(t, err)
	require.Equal(t, Version(0), now.Version())

	// The loser stops, unless it says that the winner's definition will do.
	p, other := definition("other")
	late, err := NewTable(st, p, other, nil)
	require.NoError(t, err)
	o := options(virtual())
	o.Env.NewID = func() string { return "late" }
	o.Operation = "LATE"
	txn = late.Begin(o)
	txn.Add(&AddFile{Path: "f", PartitionValues: map[string]*string{}, Size: 1, DataChange: true})
	res, err = txn.Commit(t.Context())
	var ce *ConflictError
	require.ErrorAs(t, err, &ce)
	require.Equal(t, MetadataChanged, ce.Kind)
	require.Equal(t, NotCommitted, res.State)

	txn = late.Begin(o)
	txn.NameFirst("CREATE", nil)
	txn.Add(&AddFile{Path: "f", PartitionValues: map[string]*string{}, Size: 1, DataChange: true})
	calls := 0
	txn.Revalidate(func(s *Snapshot) error {
		calls++
		require.Equal(t, "mine", s.Metadata().ID)
		return nil
	})
	res, err = txn.Commit(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, calls)
	require.Equal(t, Version(1), res.Version)
	require.Equal(t, "mine", res.Snapshot.Metadata().ID)
	require.Equal(t, "LATE", res.Snapshot.info.Operation)
	files, _, err := res.Snapshot.NumFiles(t.Context())
	require.NoError(t, err)
	require.Equal(t, int64(1), files)

	_, err = NewTable(st, &Protocol{MinReaderVersion: 9, MinWriterVersion: 9}, m, nil)
	require.ErrorAs(t, err, new(*UnsupportedFeatureError))
}
