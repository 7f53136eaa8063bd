package txlog

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/txlog/logstore"
)

// cleanedLog is a table of versions 0 to 6 of which clean-up has left the checkpoint
// of version 6 and what comes with it, and a snapshot of version 2 from before.
func cleanedLog(t *testing.T) (*fakeLog, *Snapshot) {
	log := newFakeLog(t).table(6)
	two := Version(2)
	s := log.load(&LoadOptions{Version: &two})
	log.checkpoint(6)
	for v := range Version(6) {
		log.remove(commitPath(v))
	}
	return log, s
}

func newAdd(path, part string) *AddFile {
	return &AddFile{Path: path, PartitionValues: map[string]*string{"p": &part}, Size: 1, DataChange: true}
}

// A handle that slept for longer than the log is kept does not commit under the name
// of a version that was cleaned up, where nobody would ever find the commit. Found by
// conformance/sim.
func TestCommitOnACleanedUpVersionIsNotLost(t *testing.T) {
	log, s := cleanedLog(t)
	tx := s.Begin(nil)
	tx.Add(newAdd("mine", "a"))
	res, err := tx.Commit(t.Context())
	require.NoError(t, err)
	require.Equal(t, Committed, res.State)
	require.Equal(t, Version(7), res.Version)
	now := log.load(nil)
	require.Equal(t, Version(7), now.Version())
	require.Contains(t, paths(t, now, nil), "mine")
}

func TestReplaceOnACleanedUpVersionReplacesWhatIsThere(t *testing.T) {
	log, s := cleanedLog(t)
	tx := s.Begin(nil)
	tx.ReplaceWhere(func(map[string]*string) bool { return true })
	tx.Add(newAdd("mine", "a"))
	res, err := tx.Commit(t.Context())
	require.NoError(t, err)
	require.Equal(t, Version(7), res.Version)
	require.Equal(t, []string{"mine"}, paths(t, log.load(nil), nil))
}

func TestWhatWasReadOnACleanedUpVersionIsAConflict(t *testing.T) {
	for name, prepare := range map[string]func(*Transaction){
		"table":    func(tx *Transaction) { tx.ReadTable() },
		"file":     func(tx *Transaction) { tx.ReadFile("f1") },
		"txn":      func(tx *Transaction) { tx.ReadTxn("app") },
		"metadata": func(tx *Transaction) { m := *tx.base.Metadata(); tx.Add(&m) },
	} {
		t.Run(name, func(t *testing.T) {
			_, s := cleanedLog(t)
			tx := s.Begin(nil)
			tx.Add(newAdd("mine", "a"))
			prepare(tx)
			res, err := tx.Commit(t.Context())
			require.ErrorIs(t, err, ErrConflict)
			require.Equal(t, NotCommitted, res.State)
		})
	}
}

// The key of an old attempt still knows where it began.
func TestKeyOnACleanedUpVersion(t *testing.T) {
	log, s := cleanedLog(t)
	commit := func(s *Snapshot, version int64, policy ReplayPolicy) (*CommitResult, error) {
		tx := s.Begin(&TxnOptions{Key: &Key{AppID: "job", Version: version, OnReplay: policy}})
		tx.Add(newAdd("mine", "a"))
		return tx.Commit(t.Context())
	}
	res, err := commit(log.load(nil), 1, ReplayReplace)
	require.NoError(t, err)
	require.Equal(t, Version(7), res.Version)

	res, err = commit(s, 1, ReplayReplace)
	require.NoError(t, err)
	require.Equal(t, AlreadyApplied, res.State)
	_, err = commit(s, 2, ReplayReplace)
	var ke *KeyError
	require.ErrorAs(t, err, &ke)
	require.True(t, ke.Fenced, "an attempt that began before the other one was committed")
}

func TestMetadataChangedSinceACleanedUpVersion(t *testing.T) {
	log := newFakeLog(t).table(3)
	s := log.load(nil)
	tx := s.Begin(nil)
	m := *s.Metadata()
	m.Configuration = map[string]string{"user.note": "new"}
	tx.Add(&m)
	_, err := tx.Commit(t.Context())
	require.NoError(t, err)
	log.checkpoint(4)
	for v := range Version(5) {
		log.remove(commitPath(v))
	}

	plain := s.Begin(nil)
	plain.Add(newAdd("mine", "a"))
	_, err = plain.Commit(t.Context())
	require.ErrorIs(t, err, ErrConflict)

	asked := s.Begin(nil)
	asked.Add(newAdd("mine", "a"))
	asked.Revalidate(func(s *Snapshot) error {
		require.Equal(t, "new", s.Metadata().Configuration["user.note"])
		return errors.New("does not fit")
	})
	_, err = asked.Commit(t.Context())
	require.ErrorContains(t, err, "does not fit")

	fits := s.Begin(nil)
	fits.Add(newAdd("mine", "a"))
	fits.Revalidate(func(*Snapshot) error { return nil })
	res, err := fits.Commit(t.Context())
	require.NoError(t, err)
	require.Equal(t, Version(5), res.Version)
}

// Who is up to date pays nothing for it.
func TestYoungSnapshotIsNotLookedUpAgain(t *testing.T) {
	log := newFakeLog(t).table(3)
	now := time.UnixMilli(1_000_000)
	for _, age := range []time.Duration{14 * 24 * time.Hour, 16 * 24 * time.Hour} {
		store, counts := logstore.Counted(log.Store)
		s, err := Load(t.Context(), store, nil)
		require.NoError(t, err)
		before := counts.Lists.Load()
		tx := s.Begin(&TxnOptions{Env: &Env{Now: func() time.Time { return now.Add(age) }}, SkipPostCommit: true})
		tx.Add(newAdd("mine"+age.String(), "a"))
		_, err = tx.Commit(t.Context())
		require.NoError(t, err)
		require.Equal(t, age > 15*24*time.Hour, counts.Lists.Load() > before, "after %s", age)
		log.remove(commitPath(s.Version() + 1))
	}
	require.True(t, slices.Contains(log.Names(), commitPath(3)))
}

// A clock that stands still does not keep a commit from giving up.
func TestCommitGivesUpThoughTheClockStandsStill(t *testing.T) {
	log := newFakeLog(t).table(1)
	s := log.load(nil)
	slept := time.Duration(0)
	env := frozenEnv(&slept)
	tx := s.Begin(&TxnOptions{Env: env, MaxElapsed: time.Minute})
	tx.store = busyStore{log.Store}
	tx.Add(newAdd("mine", "a"))
	res, err := tx.Commit(t.Context())
	require.ErrorIs(t, err, logstore.ErrUnavailable)
	require.Equal(t, NotCommitted, res.State)
	require.InDelta(t, time.Minute.Seconds(), slept.Seconds(), 1)
}

// frozenEnv has a clock that stands still, and counts how long it was slept.
func frozenEnv(slept *time.Duration) *Env {
	return &Env{
		Now:    func() time.Time { return time.UnixMilli(1_000_000) },
		Sleep:  func(_ context.Context, d time.Duration) error { *slept += d; return nil },
		Jitter: func() float64 { return 0.5 },
	}
}

// A busyStore never takes a Put.
type busyStore struct{ logstore.Store }

func (busyStore) Put(context.Context, string, []byte, logstore.PutMode) error {
	return logstore.ErrUnavailable
}
