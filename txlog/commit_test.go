package txlog

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
)

// errLost is a failure that leaves the outcome open.
var errLost = errors.New("connection reset by peer")

// A scripted store answers conditional Puts of the log, and reads of it, as a
// test says. The n-th Put (from 0) is given to put with a function that carries
// it out.
type scripted struct {
	*memstore.Store
	mu   sync.Mutex
	n    int
	put  func(n int, name string, apply func() error) error
	read func(name string, apply func() ([]byte, error)) ([]byte, error)
}

func (s *scripted) Put(ctx context.Context, name string, data []byte, mode logstore.PutMode) error {
	if mode != logstore.IfAbsent || s.put == nil {
		return s.Store.Put(ctx, name, data, mode)
	}
	s.mu.Lock()
	n := s.n
	s.n++
	s.mu.Unlock()
	return s.put(n, name, func() error { return s.Store.Put(context.WithoutCancel(ctx), name, data, mode) })
}

func (s *scripted) Read(ctx context.Context, name string, limit int64) ([]byte, error) {
	apply := func() ([]byte, error) { return s.Store.Read(context.WithoutCancel(ctx), name, limit) }
	if s.read == nil {
		return apply()
	}
	return s.read(name, apply)
}

// virtual is an Env whose clock moves only when somebody sleeps.
func virtual() *Env {
	var mu sync.Mutex
	now, ids := time.UnixMilli(1_700_000_000_000), 0
	return &Env{
		Now: func() time.Time { mu.Lock(); defer mu.Unlock(); return now },
		Sleep: func(ctx context.Context, d time.Duration) error {
			mu.Lock()
			defer mu.Unlock()
			now = now.Add(d + time.Millisecond)
			return ctx.Err()
		},
		NewID:  func() string { mu.Lock(); defer mu.Unlock(); ids++; return fmt.Sprintf("id-%d", ids) },
		Jitter: func() float64 { return 0.5 },
	}
}

// scriptedTable returns a table with version 0 in a store that is scripted from
// then on.
func scriptedTable(t *testing.T) (*scripted, *Snapshot) {
	t.Helper()
	s := &scripted{Store: memstore.New(nil)}
	require.NoError(t, s.Store.Put(t.Context(), commitPath(0), []byte(lineProtocol+"\n"+lineMetadata+"\n"), logstore.IfAbsent))
	snap, err := Load(t.Context(), s, nil)
	require.NoError(t, err)
	return s, snap
}

func file(path, p string) *AddFile {
	return &AddFile{Path: path, PartitionValues: map[string]*string{"p": &p}, Size: 10, DataChange: true, Stats: `{"numRecords":1}`}
}

func options(env *Env) *TxnOptions {
	return &TxnOptions{Operation: "WRITE", SkipPostCommit: true, Env: env, MaxElapsed: time.Minute, ResolveTimeout: time.Second}
}

// appendOne commits one file.
func appendOne(ctx context.Context, s *Snapshot, path string, o *TxnOptions) (*CommitResult, string, error) {
	txn := s.Begin(o)
	txn.Add(file(path, "a"))
	res, err := txn.Commit(ctx)
	return res, txn.Token(), err
}

// tokens returns the versions by the token of their commits.
func tokens(t *testing.T, s *memstore.Store) map[string][]Version {
	t.Helper()
	at := map[string][]Version{}
	for v := Version(0); ; v++ {
		data, err := s.Read(context.Background(), commitPath(v), 0)
		if errors.Is(err, logstore.ErrNotExist) {
			return at
		}
		require.NoError(t, err)
		c, err := ParseCommit(v, data)
		require.NoError(t, err)
		if ci := c.Info(); ci != nil {
			at[ci.TxnID] = append(at[ci.TxnID], v)
		}
	}
}

func TestOutcomeOfOnePut(t *testing.T) {
	other := func(s *scripted) {
		s.Store.Put(context.Background(), commitPath(1), []byte(`{"commitInfo":{"txnId":"other","isBlindAppend":true}}`+"\n"), logstore.IfAbsent)
	}
	for name, test := range map[string]struct {
		put       func(s *scripted, n int, apply func() error) error
		state     State
		version   Version
		recovered bool
		attempts  int
		is        error
	}{
		"success": {
			put:   func(_ *scripted, _ int, apply func() error) error { return apply() },
			state: Committed, version: 1, attempts: 1,
		},
		"applied, response lost": {
			put:   func(_ *scripted, _ int, apply func() error) error { _ = apply(); return errLost },
			state: Committed, version: 1, recovered: true, attempts: 1,
		},
		"applied, then 412 for our own object": {
			put: func(_ *scripted, _ int, apply func() error) error {
				_ = apply()
				return fmt.Errorf("put: %w", logstore.ErrExist)
			},
			state: Committed, version: 1, recovered: true, attempts: 1,
		},
		"not applied, response lost, then success": {
			put: func(_ *scripted, n int, apply func() error) error {
				if n < 3 {
					return errLost
				}
				return apply()
			},
			state: Committed, version: 1, attempts: 1,
		},
		"not applied, and another writer takes the version": {
			put: func(s *scripted, n int, apply func() error) error {
				if n == 0 {
					other(s)
					return errLost
				}
				return apply()
			},
			state: Committed, version: 2, attempts: 2,
		},
		"unavailable, then success": {
			put: func(_ *scripted, n int, apply func() error) error {
				if n < 2 {
					return logstore.ErrUnavailable
				}
				return apply()
			},
			state: Committed, version: 1, attempts: 1,
		},
		"exists, but cannot be read yet": {
			put: func(_ *scripted, n int, apply func() error) error {
				if n == 0 {
					return logstore.ErrExist
				}
				return apply()
			},
			state: Committed, version: 1, attempts: 1,
		},
		"no permission": {
			put:   func(*scripted, int, func() error) error { return logstore.ErrPermission },
			state: NotCommitted, version: NoVersion, attempts: 1, is: logstore.ErrPermission,
		},
		"disk full": {
			put:   func(*scripted, int, func() error) error { return logstore.ErrNoSpace },
			state: NotCommitted, version: NoVersion, attempts: 1, is: logstore.ErrNoSpace,
		},
		"always unavailable": {
			put:   func(*scripted, int, func() error) error { return logstore.ErrUnavailable },
			state: NotCommitted, version: NoVersion, attempts: 1, is: logstore.ErrUnavailable,
		},
		"always lost": {
			put:   func(*scripted, int, func() error) error { return errLost },
			state: Unknown, version: 1, attempts: 1, is: ErrCommitUnknown,
		},
		"lost, then no permission: still unknown": {
			put: func(_ *scripted, n int, _ func() error) error {
				if n == 0 {
					return errLost
				}
				return logstore.ErrPermission
			},
			state: Unknown, version: 1, attempts: 1, is: ErrCommitUnknown,
		},
		"lost, then unavailable: still unknown": {
			put: func(_ *scripted, n int, _ func() error) error {
				if n == 0 {
					return errLost
				}
				return logstore.ErrUnavailable
			},
			state: Unknown, version: 1, attempts: 1, is: ErrCommitUnknown,
		},
		"lost twice, then the first one lands": {
			put: func(_ *scripted, n int, apply func() error) error {
				if n == 2 {
					_ = apply()
				}
				return errLost
			},
			state: Committed, version: 1, recovered: true, attempts: 1,
		},
		"the version is torn": {
			put: func(s *scripted, _ int, _ func() error) error {
				_ = s.Store.Put(context.Background(), commitPath(1), nil, logstore.IfAbsent)
				return logstore.ErrExist
			},
			state: NotCommitted, version: NoVersion, attempts: 1, is: ErrCorrupt,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, snap := scriptedTable(t)
			s.put = func(n int, _ string, apply func() error) error { return test.put(s, n, apply) }
			res, token, err := appendOne(t.Context(), snap, "f", options(virtual()))
			if test.is == nil {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, test.is)
			}
			require.Equal(t, test.state, res.State)
			require.Equal(t, test.version, res.Version)
			require.Equal(t, test.recovered, res.Recovered)
			require.Equal(t, test.attempts, res.Attempts)
			if test.is == ErrCorrupt {
				return
			}
			want := map[State][]Version{Committed: {test.version}}[test.state]
			require.Equal(t, want, tokens(t, s.Store)[token])
		})
	}
}

func TestUnknownCarriesWhatIsNeededToResolveIt(t *testing.T) {
	s, snap := scriptedTable(t)
	var late func() error
	s.put = func(_ int, _ string, apply func() error) error { late = apply; return errLost }
	o := options(virtual())
	o.Key = &Key{AppID: "job/1", Version: 7}
	_, token, err := appendOne(t.Context(), snap, "f", o)
	var u *CommitUnknownError
	require.ErrorAs(t, err, &u)
	require.Equal(t, CommitUnknownError{Version: 1, Token: token, Key: "job/1", Err: u.Err}, *u)
	require.ErrorIs(t, err, errLost)

	require.NoError(t, late(), "the request was still on its way")
	now, err := snap.Update(t.Context())
	require.NoError(t, err)
	v, err := FindToken(t.Context(), now, token, u.Version)
	require.NoError(t, err)
	require.Equal(t, Version(1), v)

	s.put = nil
	res, _, err := appendOne(t.Context(), snap, "g", o)
	require.NoError(t, err)
	require.Equal(t, AlreadyApplied, res.State)
	require.Equal(t, Version(1), res.Version)
}

func TestCancel(t *testing.T) {
	for name, test := range map[string]struct {
		put   func(cancel func(), apply func() error) error
		state State
		is    error
	}{
		"applied":                    {func(cancel func(), apply func() error) error { _ = apply(); cancel(); return context.Canceled }, Committed, nil},
		"on its way":                 {func(cancel func(), _ func() error) error { cancel(); return context.Canceled }, Unknown, context.Canceled},
		"definitely not carried out": {func(cancel func(), _ func() error) error { cancel(); return logstore.ErrUnavailable }, NotCommitted, context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, snap := scriptedTable(t)
			ctx, cancel := context.WithCancel(t.Context())
			s.put = func(_ int, _ string, apply func() error) error { return test.put(cancel, apply) }
			res, token, err := appendOne(ctx, snap, "f", options(virtual()))
			require.Equal(t, test.state, res.State)
			if test.is == nil {
				require.NoError(t, err)
				require.Equal(t, []Version{1}, tokens(t, s.Store)[token])
				return
			}
			require.ErrorIs(t, err, test.is)
			require.Equal(t, test.state == Unknown, errors.Is(err, ErrCommitUnknown))
		})
	}
	t.Run("before the first request", func(t *testing.T) {
		s, snap := scriptedTable(t)
		s.put = func(int, string, func() error) error { panic("no request after the context's end") }
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		res, _, err := appendOne(ctx, snap, "f", options(virtual()))
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, NotCommitted, res.State)
	})
}

// Losing for ever ends when the time budget does, with nothing committed.
func TestRetriesEnd(t *testing.T) {
	s, snap := scriptedTable(t)
	s.put = func(_ int, name string, apply func() error) error {
		_ = s.Store.Put(context.Background(), name, []byte(`{"commitInfo":{"txnId":"other","operation":"BUSY"}}`+"\n"), logstore.IfAbsent)
		return apply()
	}
	res, token, err := appendOne(t.Context(), snap, "f", options(virtual()))
	require.ErrorIs(t, err, ErrRetriesExhausted)
	require.ErrorContains(t, err, "BUSY")
	require.Equal(t, NotCommitted, res.State)
	require.Greater(t, res.Attempts, 10)
	require.Empty(t, tokens(t, s.Store)[token])
}

func TestKeys(t *testing.T) {
	const mine, other = 11, 22
	type want struct {
		state  State
		err    bool
		fenced bool
	}
	already, committed := want{state: AlreadyApplied}, want{state: Committed}
	refused, fenced := want{state: NotCommitted, err: true}, want{state: NotCommitted, err: true, fenced: true}
	for _, test := range []struct {
		name  string
		key   Key
		prior int64
		// before: the other use was committed when this one looked the key up.
		// during: it was committed after that.
		before, during want
	}{
		{"verify, same", Key{Version: mine}, mine, already, already},
		{"verify, other", Key{Version: mine}, other, refused, fenced},
		{"skip, same", Key{Version: mine, OnReplay: ReplaySkip}, mine, already, already},
		{"skip, other", Key{Version: mine, OnReplay: ReplaySkip}, other, already, already},
		{"replace, same", Key{Version: mine, OnReplay: ReplayReplace}, mine, already, already},
		{"replace, other", Key{Version: mine, OnReplay: ReplayReplace}, other, committed, fenced},
		{"fail, same", Key{Version: mine, OnReplay: ReplayFail}, mine, refused, fenced},
		{"fail, other", Key{Version: mine, OnReplay: ReplayFail}, other, refused, fenced},
		{"sequence, equal", Key{Version: mine, Sequence: true}, mine, already, already},
		{"sequence, newer there", Key{Version: mine, Sequence: true}, mine + 1, already, already},
		{"sequence, older there", Key{Version: mine, Sequence: true}, mine - 1, committed, committed},
	} {
		for when, want := range map[string]want{"before": test.before, "during": test.during} {
			t.Run(test.name+"/"+when, func(t *testing.T) {
				t.Parallel()
				_, snap := scriptedTable(t)
				o := options(virtual())
				o.Key = &Key{AppID: "k", Version: test.prior}
				_, _, err := appendOne(t.Context(), snap, "first", o)
				require.NoError(t, err)
				if when == "before" {
					snap, err = snap.Update(t.Context())
					require.NoError(t, err)
				}
				key := test.key
				key.AppID, o.Key = "k", &key
				res, _, err := appendOne(t.Context(), snap, "second", o)
				require.Equal(t, want.state, res.State)
				var ke *KeyError
				require.Equal(t, want.err, errors.As(err, &ke), "%v", err)
				switch {
				case want.err:
					require.ErrorIs(t, err, ErrKeyReused)
					require.Equal(t, want.fenced, ke.Fenced)
					require.Equal(t, Version(1), ke.Version)
				case want.state == AlreadyApplied:
					require.NoError(t, err)
					require.Equal(t, Version(1), res.Version)
				default:
					require.NoError(t, err)
					require.Equal(t, Version(2), res.Version)
				}
			})
		}
	}
}

// The same work may be there although a commit before it is in conflict with it.
func TestKeyIsLookedForBeforeConflicts(t *testing.T) {
	s, snap := scriptedTable(t)
	o := options(virtual())
	o.Key = &Key{AppID: "k", Version: 5}
	other := strings.Replace(lineMetadata, `\"long\"`, `\"string\"`, 1)
	require.NotEqual(t, lineMetadata, other)
	require.NoError(t, s.Store.Put(t.Context(), commitPath(1), []byte(other+"\n"), logstore.IfAbsent))
	require.NoError(t, s.Store.Put(t.Context(), commitPath(2), []byte(lineTxn("k", 5)+"\n"), logstore.IfAbsent))
	res, _, err := appendOne(t.Context(), snap, "f", o)
	require.NoError(t, err)
	require.Equal(t, AlreadyApplied, res.State)
	require.Equal(t, Version(2), res.Version)
}

// A commit that is not in the log any more still counts, without its version.
func TestKeyOfCleanedUpCommit(t *testing.T) {
	s, snap := scriptedTable(t)
	o := options(virtual())
	o.Key = &Key{AppID: "k", Version: 5}
	res, _, err := appendOne(t.Context(), snap, "f", o)
	require.NoError(t, err)
	require.NoError(t, s.Delete(t.Context(), commitPath(1)))
	res, _, err = appendOne(t.Context(), res.Snapshot, "g", o)
	require.NoError(t, err)
	require.Equal(t, AlreadyApplied, res.State)
	require.Equal(t, NoVersion, res.Version)
}

func TestReplacementsSerialise(t *testing.T) {
	const writers = 16
	s, snap := scriptedTable(t)
	var wg sync.WaitGroup
	results := make([]*CommitResult, writers)
	for i := range writers {
		wg.Go(func() {
			txn := snap.Begin(options(nil))
			txn.Add(file(fmt.Sprintf("new-%d", i), "p"), file(fmt.Sprintf("own-%d", i), fmt.Sprint(i)))
			mine := fmt.Sprint(i)
			txn.ReplaceWhere(func(v map[string]*string) bool { return *v["p"] == "p" || *v["p"] == mine })
			res, err := txn.Commit(context.Background())
			if err == nil {
				results[i] = res
			}
		})
	}
	wg.Wait()
	last := 0
	for i, r := range results {
		require.NotNil(t, r, "writer %d failed", i)
		if r.Version > results[last].Version {
			last = i
		}
	}
	now, err := Load(t.Context(), s, nil)
	require.NoError(t, err)
	require.Equal(t, Version(writers), now.Version())
	perPartition := map[string][]string{}
	for f, err := range now.Files(t.Context(), nil) {
		require.NoError(t, err)
		perPartition[*f.PartitionValues["p"]] = append(perPartition[*f.PartitionValues["p"]], f.Path)
	}
	require.Len(t, perPartition, writers+1)
	require.Equal(t, []string{fmt.Sprintf("new-%d", last)}, perPartition["p"], "the last replacement's file and no other")
}

// Two writers empty a partition at once. The second finds it empty, and writes no
// version; with a key it does, to record the key.
func TestTruncationsSerialise(t *testing.T) {
	for _, key := range []*Key{nil, {AppID: "k"}} {
		s, snap := scriptedTable(t)
		first := snap.Begin(options(virtual()))
		first.Add(file("f", "p"))
		res, err := first.Commit(t.Context())
		require.NoError(t, err)
		snap = res.Snapshot
		truncate := func(id string, key *Key) *CommitResult {
			o := options(virtual())
			o.Key, o.Env.NewID = key, func() string { return id }
			txn := snap.Begin(o)
			txn.ReplaceWhere(func(v map[string]*string) bool { return *v["p"] == "p" })
			res, err := txn.Commit(t.Context())
			require.NoError(t, err)
			return res
		}
		one, two := truncate("one", nil), truncate("two", key)
		require.Equal(t, Committed, one.State)
		now, err := Load(t.Context(), s, nil)
		require.NoError(t, err)
		if key == nil {
			require.Equal(t, NoOp, two.State)
			require.Equal(t, one.Version, two.Version)
			require.Equal(t, one.Version, now.Version())
			continue
		}
		require.Equal(t, Committed, two.State)
		require.Equal(t, one.Version+1, now.Version())
	}
}

func TestCreateRace(t *testing.T) {
	s := &scripted{Store: memstore.New(nil)}
	create := func(id string) (*CommitResult, error) {
		o := options(virtual())
		o.Env.NewID = func() string { return id }
		txn := BeginCreate(s, o)
		txn.Add(&Protocol{MinReaderVersion: 1, MinWriterVersion: 2}, &Metadata{ID: id, Format: Format{Provider: "parquet"}, SchemaString: `{"type":"struct","fields":[]}`})
		return txn.Commit(t.Context())
	}
	s.put = func(_ int, _ string, apply func() error) error { _ = apply(); return errLost }
	res, err := create("first")
	require.NoError(t, err)
	require.Equal(t, Committed, res.State)
	res, err = create("second")
	require.ErrorIs(t, err, ErrTableExists)
	require.Equal(t, NotCommitted, res.State)
	snap, err := Load(t.Context(), s, nil)
	require.NoError(t, err)
	require.Equal(t, "first", snap.Metadata().ID)
}

// Truth under random faults: whatever the store does to requests, what each
// writer is told holds for ever, also after requests that were given up land.
func TestTruthfulOutcomes(t *testing.T) {
	for seed := range uint64(1500) {
		if !t.Run(fmt.Sprint(seed), func(t *testing.T) { truthful(t, seed) }) {
			return
		}
	}
}

func truthful(t *testing.T, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 1))
	var mu sync.Mutex
	roll := func(n int) int { mu.Lock(); defer mu.Unlock(); return rng.IntN(n) }
	s, snap := scriptedTable(t)
	var late []func() error
	s.put = func(_ int, _ string, apply func() error) error {
		switch roll(8) {
		case 0:
			_ = apply()
			return errLost
		case 1:
			return errLost
		case 2:
			mu.Lock()
			late = append(late, apply)
			mu.Unlock()
			return errLost
		case 3:
			_ = apply()
			return apply() // a hidden retry: 412 for our own
		case 4:
			return logstore.ErrUnavailable
		case 5:
			if roll(4) == 0 {
				return logstore.ErrPermission
			}
		}
		return apply()
	}
	s.read = func(_ string, apply func() ([]byte, error)) ([]byte, error) {
		if roll(6) == 0 {
			return nil, errLost
		}
		return apply()
	}
	type outcome struct {
		token string
		res   *CommitResult
		err   error
	}
	var outcomes []outcome
	for i := range 6 {
		ctx, cancel := context.WithCancel(t.Context())
		if roll(5) == 0 {
			cancel()
		}
		o := options(virtual())
		o.Env.NewID = func() string { return fmt.Sprintf("token-%d", i) }
		o.MaxElapsed = time.Duration(roll(400)) * time.Millisecond
		res, token, err := appendOne(ctx, snap, fmt.Sprintf("f-%d", i), o)
		cancel()
		outcomes = append(outcomes, outcome{token, res, err})
		if roll(3) == 0 {
			if n, err := snap.Update(t.Context()); err == nil {
				snap = n
			}
		}
	}
	for _, apply := range late {
		_ = apply()
	}
	at := tokens(t, s.Store)
	for i, o := range outcomes {
		msg := fmt.Sprintf("seed %d, writer %d: %s, %v", seed, i, o.res.State, o.err)
		require.LessOrEqual(t, len(at[o.token]), 1, msg)
		switch o.res.State {
		case Committed:
			require.NoError(t, o.err, msg)
			require.Equal(t, []Version{o.res.Version}, at[o.token], msg)
		case NotCommitted:
			require.Error(t, o.err, msg)
			require.Empty(t, at[o.token], msg)
		case Unknown:
			require.ErrorIs(t, o.err, ErrCommitUnknown, msg)
		default:
			require.Fail(t, msg)
		}
	}
}

// In-commit timestamps rise although the clock stands still, or runs back, and
// although others commit in between.
func TestInCommitTimestampsRise(t *testing.T) {
	s := memstore.New(nil)
	now := time.UnixMilli(5000)
	env := virtual()
	env.Now = func() time.Time { return now }
	create := BeginCreate(s, options(env))
	create.Add(&Protocol{MinReaderVersion: 1, MinWriterVersion: 7, WriterFeatures: []Feature{"inCommitTimestamp"}}, &Metadata{
		ID: "m", Format: Format{Provider: "parquet"}, SchemaString: `{"type":"struct","fields":[{"name":"p","type":"string","nullable":true,"metadata":{}}]}`,
		PartitionColumns: []string{"p"}, Configuration: map[string]string{"delta.enableInCommitTimestamps": "true"},
	})
	res, err := create.Commit(t.Context())
	require.NoError(t, err)
	stale := res.Snapshot
	for i := range 4 {
		now = now.Add(-time.Second)
		o := options(env)
		o.Env.NewID = func() string { return fmt.Sprint("id-", i) }
		res, _, err = appendOne(t.Context(), stale, fmt.Sprint("f", i), o) // always behind
		require.NoError(t, err)
	}
	for v := range Version(5) {
		c, err := res.Snapshot.CommitAt(t.Context(), v)
		require.NoError(t, err)
		require.Equal(t, int64(5000+v), *c.Info().InCommitTimestamp)
		require.IsType(t, &CommitInfo{}, c.Actions[0], "commitInfo is the first action")
	}
}

// Row ids never overlap, also those of a writer that lost and came after.
func TestRowIDsFollowTheWinner(t *testing.T) {
	s := memstore.New(nil)
	create := BeginCreate(s, options(virtual()))
	create.Add(&Protocol{MinReaderVersion: 1, MinWriterVersion: 7, WriterFeatures: []Feature{"rowTracking", "domainMetadata"}}, &Metadata{
		ID: "m", Format: Format{Provider: "parquet"}, SchemaString: `{"type":"struct","fields":[{"name":"p","type":"string","nullable":true,"metadata":{}}]}`,
		PartitionColumns: []string{"p"},
	})
	res, err := create.Commit(t.Context())
	require.NoError(t, err)
	for i := range 3 {
		o := options(virtual())
		o.Env.NewID = func() string { return fmt.Sprint("id-", i) }
		txn := res.Snapshot.Begin(o)
		f := file(fmt.Sprint("f", i), "a")
		f.Stats = fmt.Sprintf(`{"numRecords":%d}`, 10+i)
		txn.Add(f)
		last, err := txn.Commit(t.Context())
		require.NoError(t, err)
		require.Equal(t, Version(1+i), last.Version)
	}
	snap, err := Load(t.Context(), s, nil)
	require.NoError(t, err)
	got := map[string][2]int64{}
	for f, err := range snap.Files(t.Context(), nil) {
		require.NoError(t, err)
		got[f.Path] = [2]int64{*f.BaseRowID, *f.DefaultRowCommitVersion}
	}
	require.Equal(t, map[string][2]int64{"f0": {0, 1}, "f1": {10, 2}, "f2": {21, 3}}, got)
	mark, err := snap.RowIDHighWaterMark(t.Context())
	require.NoError(t, err)
	require.Equal(t, int64(32), mark)

	o := options(virtual())
	txn := snap.Begin(o)
	f := file("uncounted", "a")
	f.Stats = ""
	txn.Add(f)
	_, err = txn.Commit(t.Context())
	require.ErrorContains(t, err, "row count")
}

func TestAppendOnlyTablesKeepTheirRows(t *testing.T) {
	s := memstore.New(nil)
	create := BeginCreate(s, options(virtual()))
	create.Add(&Protocol{MinReaderVersion: 1, MinWriterVersion: 2}, &Metadata{
		ID: "m", Format: Format{Provider: "parquet"}, SchemaString: `{"type":"struct","fields":[]}`, Configuration: map[string]string{"delta.appendOnly": "true"},
	})
	res, err := create.Commit(t.Context())
	require.NoError(t, err)
	for dataChange, want := range map[bool]error{true: ErrAppendOnly, false: nil} {
		txn := res.Snapshot.Begin(options(virtual()))
		txn.Add(&RemoveFile{Path: "f", DataChange: dataChange})
		_, err := txn.Plan(t.Context())
		require.ErrorIs(t, err, want)
	}
}

// What the checkpoint or the checksum cannot do is a warning, never the outcome.
func TestAfterTheCommitNothingFailsIt(t *testing.T) {
	s, snap := scriptedTable(t)
	o := options(virtual())
	o.SkipPostCommit = false
	o.NewFiles = true
	s.put = func(_ int, name string, apply func() error) error {
		if name != commitPath(snap.Version()+1) {
			return logstore.ErrPermission
		}
		return apply()
	}
	for range 12 {
		res, _, err := appendOne(t.Context(), snap, fmt.Sprint("f", snap.Version()), o)
		require.NoError(t, err)
		require.Equal(t, Committed, res.State)
		require.NotEmpty(t, res.Warnings)
		snap = res.Snapshot
	}
}
