package txlog

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRemovedDomainsAreGone(t *testing.T) {
	t.Parallel()
	log := richLog(t)
	for _, checkpointed := range []bool{false, true} {
		s := log.load(nil)
		d, err := s.Domain(t.Context(), "d")
		require.NoError(t, err)
		require.Nil(t, d, "checkpoint: %v", checkpointed)
		d, err = s.Domain(t.Context(), "kept")
		require.NoError(t, err)
		require.Equal(t, `{"x":1}`, d.Configuration)
		_, err = s.WriteCheckpoint(t.Context(), clock(1))
		require.NoError(t, err)
	}
}

func TestTheLastTxnOfACommitCounts(t *testing.T) {
	t.Parallel()
	log := newFakeLog(t).table(0)
	log.commit(1, lineTxn("a", 9), lineTxn("a", 4))
	s := log.load(nil)
	x, err := s.Txn(t.Context(), "a")
	require.NoError(t, err)
	require.EqualValues(t, 4, x.Version)
	all, err := s.Txns(t.Context())
	require.NoError(t, err)
	require.Equal(t, []*SetTransaction{x}, all)
	x, err = s.Txn(t.Context(), "never seen")
	require.NoError(t, err)
	require.Nil(t, x)
}

func TestRowIDHighWaterMark(t *testing.T) {
	t.Parallel()
	log := newFakeLog(t).table(0)
	mark := func(configuration string) (int64, error) {
		log.put(commitPath(1), string(EncodeActions([]Action{&DomainMetadata{Domain: rowTrackingDomain, Configuration: configuration}})))
		return log.load(nil).RowIDHighWaterMark(t.Context())
	}
	n, err := log.load(nil).RowIDHighWaterMark(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, -1, n)
	n, err = mark(`{"other":[1],"rowIdHighWaterMark":9007199254740993}`)
	require.NoError(t, err)
	require.Equal(t, int64(9007199254740993), n)
	for _, bad := range []string{``, `{}`, `[]`, `{"rowIdHighWaterMark":1.5}`, `{"rowIdHighWaterMark":1,"rowIdHighWaterMark":2}`, `{"rowIdHighWaterMark":1`} {
		_, err := mark(bad)
		require.ErrorIs(t, err, ErrCorrupt, bad)
	}
}

func TestChecksumOfAmbiguousJSONIsRefused(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{`{"a":{"b":1,"b":1}}`, `{"a":1,"\u0061":2}`, `{"a":1`, `[[`} {
		_, err := hintChecksum([]byte(bad))
		require.Error(t, err, bad)
	}
}
