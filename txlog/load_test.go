package txlog

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
)

// hooked lets a test change listings and act before reads.
type hooked struct {
	logstore.Store
	list func(iter.Seq2[logstore.Object, error]) iter.Seq2[logstore.Object, error]
	read func(name string)
}

func (h *hooked) List(ctx context.Context, o logstore.ListOptions) iter.Seq2[logstore.Object, error] {
	seq := h.Store.List(ctx, o)
	if h.list != nil {
		return h.list(seq)
	}
	return seq
}

func (h *hooked) Read(ctx context.Context, name string, limit int64) ([]byte, error) {
	if h.read != nil {
		h.read(name)
	}
	return h.Store.Read(ctx, name, limit)
}

func TestOpenCostsFewRequests(t *testing.T) {
	t.Parallel()
	log := newFakeLog(t).table(25)
	count := func(o *LoadOptions) *logstore.Counts {
		store, counts := logstore.Counted(log.Store)
		s, err := Load(t.Context(), store, o)
		require.NoError(t, err)
		require.Equal(t, names("f", 0, int(s.Version())), paths(t, s, &FilesOptions{NoStats: true}))
		return counts
	}
	c := count(nil)
	require.EqualValues(t, 1, c.Lists.Load())
	require.EqualValues(t, 1+26, c.Reads.Load(), "_last_checkpoint, which is not there, and each commit")
	require.Zero(t, c.RangeReads.Load()+c.Stats.Load())

	_, err := log.load(&LoadOptions{Version: ptr(Version(20))}).WriteCheckpoint(t.Context(), nil)
	require.NoError(t, err)
	c = count(nil)
	require.EqualValues(t, 1, c.Lists.Load())
	require.EqualValues(t, 1+5, c.Reads.Load(), "_last_checkpoint and each commit since")
	require.EqualValues(t, 1, c.RangeReads.Load(), "a checkpoint that fits the first request for its footer")
	require.EqualValues(t, 6+1, c.Listed.Load()-1, "the listing starts at the checkpoint: its commit and five more, the checkpoint")
	c = count(&LoadOptions{Version: ptr(Version(22))})
	require.EqualValues(t, 1, c.Lists.Load())
	require.EqualValues(t, 2, c.Reads.Load(), "no hint is needed for a version")
}

func TestEveryVersionCanBeLoaded(t *testing.T) {
	t.Parallel()
	log := newFakeLog(t).table(12)
	for _, at := range []Version{4, 9} {
		_, err := log.load(&LoadOptions{Version: &at}).WriteCheckpoint(t.Context(), nil)
		require.NoError(t, err)
	}
	for v := range Version(13) {
		s := log.load(&LoadOptions{Version: &v})
		require.Equal(t, v, s.Version())
		require.Equal(t, names("f", 0, int(v)), paths(t, s, nil), "version %d", v)
	}
	for _, v := range []Version{-1, 13, 1 << 60} {
		_, err := Load(t.Context(), log.Store, &LoadOptions{Version: &v})
		require.ErrorIs(t, err, ErrVersionNotFound)
	}
	_, err := Load(t.Context(), log.Store, &LoadOptions{Version: ptr(Version(13))})
	require.EqualError(t, err, "txlog: version not found: mem://bucket/table has no version 13; it has versions 0 to 12")
	// Clean-up leaves the newest checkpoint before the cut and what follows.
	for v := range Version(9) {
		log.remove(commitPath(v))
	}
	log.remove(checkpointPath(4))
	for v := Version(9); v <= 12; v++ {
		require.Equal(t, names("f", 0, int(v)), paths(t, log.load(&LoadOptions{Version: &v}), nil))
	}
	_, err = Load(t.Context(), log.Store, &LoadOptions{Version: ptr(Version(8))})
	require.ErrorIs(t, err, ErrVersionNotFound)
	require.ErrorContains(t, err, "it has versions 9 to 12")
}

func TestNoTable(t *testing.T) {
	t.Parallel()
	log := newFakeLog(t)
	_, err := Load(t.Context(), log.Store, nil)
	require.ErrorIs(t, err, ErrTableNotFound)
	log.put("data.parquet", "x")
	log.put(lastCheckpointPath, `{"version":3,"size":1}`)
	_, err = Load(t.Context(), log.Store, nil)
	require.ErrorIs(t, err, ErrTableNotFound)
	_, err = Load(t.Context(), log.Store, &LoadOptions{Version: ptr(Version(0))})
	require.ErrorIs(t, err, ErrTableNotFound)
	_, err = Load(t.Context(), log.Store, &LoadOptions{AsOf: at(1)})
	require.ErrorIs(t, err, ErrTableNotFound)
}

// _last_checkpoint is a hint: whatever it says, the table is the same.
func TestLastCheckpointIsOnlyAHint(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		hint string
		warn string
	}{
		"right":              {`{"version":8,"size":3}`, ""},
		"stale":              {`{"version":4,"size":3}`, ""},
		"missing checkpoint": {`{"version":9,"size":3}`, "listing the whole log"},
		"ahead":              {`{"version":900,"size":3}`, "listing the whole log"},
		"empty":              {``, "ignoring _last_checkpoint"},
		"torn":               {`{"version":8,"si`, "ignoring _last_checkpoint"},
		"garbage":            {"\x00\xff", "ignoring _last_checkpoint"},
		"no version":         {`{"size":3}`, "ignoring _last_checkpoint"},
		"negative":           {`{"version":-1,"size":3}`, "ignoring _last_checkpoint"},
		"a fraction":         {`{"version":8.5,"size":3}`, "ignoring _last_checkpoint"},
		"version twice":      {`{"version":4,"version":8,"size":3}`, "ignoring _last_checkpoint"},
		"wrong checksum":     {`{"version":8,"size":3,"checksum":"00"}`, "ignoring _last_checkpoint"},
		"size unknown":       {`{"version":8,"size":-1}`, ""},
		"parts of another":   {`{"version":8,"size":3,"parts":7}`, ""},
	} {
		log := newFakeLog(t).table(10)
		for _, at := range []Version{4, 8} {
			_, err := log.load(&LoadOptions{Version: &at}).WriteCheckpoint(t.Context(), nil)
			require.NoError(t, err)
		}
		log.put(lastCheckpointPath, c.hint)
		var w warnings
		s := log.load(&LoadOptions{Logger: w.logger()})
		require.Equal(t, Version(10), s.Version(), name)
		require.Equal(t, names("f", 0, 10), paths(t, s, nil), name)
		if c.warn == "" {
			require.Empty(t, w.text(), name)
		} else {
			require.Contains(t, w.text(), c.warn, name)
		}
	}
}

func TestLastCheckpointChecksum(t *testing.T) {
	t.Parallel()
	// The sample of the protocol's text, and of a table that Spark wrote.
	sample := `{"k0":"'v 0'","checksum":"adsaskfljadfkjadfkj","k1":{"k2":2,"k3":["v3",[1,2],{"k4":"v4","k5":["v5","v6","v7"]}]}}`
	sum, err := hintChecksum([]byte(sample))
	require.NoError(t, err)
	require.Equal(t, "6a92d155a59bf2eecbd4b4ec7fd1f875", sum)
	c := &LastCheckpoint{Version: 12, Size: 34, SizeInBytes: ptr(int64(5)), NumOfAddFiles: ptr(int64(6)), Parts: 2}
	back, err := parseLastCheckpoint(c.encode())
	require.NoError(t, err)
	require.Equal(t, c, back)
	_, err = parseLastCheckpoint([]byte(strings.Replace(string(c.encode()), "34", "35", 1)))
	require.ErrorIs(t, err, ErrCorrupt)
	require.ErrorContains(t, err, "checksum")
}

func FuzzLastCheckpoint(f *testing.F) {
	f.Add([]byte(`{"version":2,"size":9,"v2Checkpoint":{"path":"x","a":[1,{"b":null}]},"checksum":"00"}`))
	f.Add((&LastCheckpoint{Version: 12, Size: 34}).encode())
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := parseLastCheckpoint(data)
		if err != nil {
			require.ErrorIs(t, err, ErrCorrupt)
			return
		}
		back, err := parseLastCheckpoint(c.encode())
		require.NoError(t, err)
		require.Equal(t, c, back)
	})
}

// A listing may overlap with commits and miss the older of two: looked at again
// it is whole. What is missing twice is missing.
func TestGapInOneListingIsLookedAtAgain(t *testing.T) {
	t.Parallel()
	log := newFakeLog(t).table(5)
	lists := 0
	store := &hooked{Store: log.Store, list: func(seq iter.Seq2[logstore.Object, error]) iter.Seq2[logstore.Object, error] {
		lists++
		first := lists == 1
		return func(yield func(logstore.Object, error) bool) {
			for o, err := range seq {
				if first && o.Name == commitPath(3) {
					continue
				}
				if !yield(o, err) {
					return
				}
			}
		}
	}}
	s, err := Load(t.Context(), store, nil)
	require.NoError(t, err)
	require.Equal(t, names("f", 0, 5), paths(t, s, nil))
	require.Equal(t, 2, lists)
	log.remove(commitPath(3))
	lists = 1
	_, err = Load(t.Context(), store, nil)
	require.ErrorIs(t, err, ErrCorrupt)
	require.ErrorContains(t, err, "version 3 is missing from the log")
	require.Equal(t, 3, lists)
}

// Clean-up may delete commits between the listing and the reading of them.
func TestCleanUpDuringLoad(t *testing.T) {
	t.Parallel()
	log := newFakeLog(t).table(9)
	done := false
	store := &hooked{Store: log.Store, read: func(name string) {
		if done || name == lastCheckpointPath {
			return
		}
		done = true
		_, err := log.load(&LoadOptions{Version: ptr(Version(7))}).WriteCheckpoint(t.Context(), nil)
		require.NoError(t, err)
		for v := range Version(7) {
			log.remove(commitPath(v))
		}
	}}
	s, err := Load(t.Context(), store, &LoadOptions{Parallel: 1})
	require.NoError(t, err)
	require.Equal(t, names("f", 0, 9), paths(t, s, nil))
}

func TestAdvanceAndUpdateEqualLoad(t *testing.T) {
	t.Parallel()
	log := newFakeLog(t).table(3)
	old := log.load(nil)
	log.commit(4, lineRemove("f1"), lineAdd("g", "x"), lineTxn("app", 7))
	log.commit(5, strings.Replace(lineMetadata, `"id":"m"`, `"id":"n"`, 1), `{"commitInfo":{"operation":"x"}}`)
	s := old
	for v := Version(4); v <= 5; v++ {
		c, err := old.CommitAt(t.Context(), v)
		require.NoError(t, err)
		s, err = s.Advance(c)
		require.NoError(t, err)
	}
	updated, err := old.Update(t.Context())
	require.NoError(t, err)
	for _, s := range []*Snapshot{s, updated, log.load(nil)} {
		require.Equal(t, Version(5), s.Version())
		require.Equal(t, []string{"f0", "f2", "f3", "g"}, paths(t, s, nil))
		require.Equal(t, "n", s.Metadata().ID)
		x, err := s.Txn(t.Context(), "app")
		require.NoError(t, err)
		require.Equal(t, int64(7), x.Version)
		n, bytes, err := s.NumFiles(t.Context())
		require.NoError(t, err)
		require.Equal(t, [2]int64{4, 40}, [2]int64{n, bytes})
	}
	require.Equal(t, []string{"f0", "f1", "f2", "f3"}, paths(t, old, nil), "a snapshot never changes")
	require.Equal(t, "m", old.Metadata().ID)
	same, err := updated.Update(t.Context())
	require.NoError(t, err)
	require.Same(t, updated, same)
	_, err = s.Advance(&Commit{Version: 9})
	require.Error(t, err)
}

func TestUpdateCostsOneListingAndTheNewCommits(t *testing.T) {
	t.Parallel()
	log := newFakeLog(t).table(3)
	store, counts := logstore.Counted(log.Store)
	s, err := Load(t.Context(), store, nil)
	require.NoError(t, err)
	lists, reads := counts.Lists.Load(), counts.Reads.Load()
	log.commit(4, lineAdd("f4", "0"))
	log.commit(5, lineAdd("f5", "0"))
	_, err = s.Update(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 1, counts.Lists.Load()-lists)
	require.EqualValues(t, 2, counts.Reads.Load()-reads)
}

// A snapshot so old that the commits after it were cleaned up starts afresh.
func TestUpdateAcrossCleanUp(t *testing.T) {
	t.Parallel()
	log := newFakeLog(t).table(2)
	old := log.load(nil)
	log.table(9)
	_, err := log.load(&LoadOptions{Version: ptr(Version(7))}).WriteCheckpoint(t.Context(), nil)
	require.NoError(t, err)
	for v := range Version(7) {
		log.remove(commitPath(v))
	}
	s, err := old.Update(t.Context())
	require.NoError(t, err)
	require.Equal(t, Version(9), s.Version())
	require.Equal(t, names("f", 0, 9), paths(t, s, nil))
}

func TestAdvanceToAnUnreadableTable(t *testing.T) {
	t.Parallel()
	s := newFakeLog(t).table(0).load(nil)
	_, err := s.Advance(&Commit{Version: 1, Actions: []Action{&Protocol{MinReaderVersion: 3, MinWriterVersion: 7, ReaderFeatures: []Feature{"x"}, WriterFeatures: []Feature{"x"}}}})
	var e *UnsupportedFeatureError
	require.ErrorAs(t, err, &e)
	require.Equal(t, []Feature{"x"}, e.Features)
}

func TestAsOfByObjectTimes(t *testing.T) {
	t.Parallel()
	// Version 2 is older than version 1, and version 3 as old: clocks go back.
	times := []int64{1000, 2000, 1500, 2000, 5000}
	n := 0
	store := memstore.New(&memstore.Options{Now: func() time.Time { return time.UnixMilli(times[n]) }})
	log := &fakeLog{store, t}
	for i := range times {
		n = i
		if i == 0 {
			log.commit(0, lineProtocol, lineMetadata, lineAdd("f0", "0"))
			continue
		}
		log.commit(Version(i), lineAdd(fmt.Sprint("f", i), "0"))
	}
	for ms, want := range map[int64]Version{1000: 0, 1999: 0, 2000: 1, 2001: 2, 2002: 3, 4999: 3, 5000: 4, 1 << 50: 4} {
		s := log.load(&LoadOptions{AsOf: at(ms)})
		require.Equal(t, want, s.Version(), "as of %d", ms)
		got, err := s.Timestamp(t.Context())
		require.NoError(t, err)
		require.LessOrEqual(t, got.UnixMilli(), ms)
	}
	_, err := Load(t.Context(), store, &LoadOptions{AsOf: at(999)})
	require.ErrorIs(t, err, ErrVersionNotFound)
	require.ErrorContains(t, err, "is before version 0")
	_, err = Load(t.Context(), store, &LoadOptions{AsOf: at(2000), Version: ptr(Version(1))})
	require.Error(t, err)
}

func TestAsOfByInCommitTimestamps(t *testing.T) {
	t.Parallel()
	log := newFakeLog(t) // object times are 1, 2, 3, … ms
	log.commit(0, lineProtocol, lineMetadata)
	log.commit(1, lineAdd("f1", "0"))
	on := strings.Replace(lineMetadata, `"configuration":{}`, `"configuration":{"delta.enableInCommitTimestamps":"true","delta.inCommitTimestampEnablementVersion":"2","delta.inCommitTimestampEnablementTimestamp":"5000"}`, 1)
	log.commit(2, `{"commitInfo":{"inCommitTimestamp":5000}}`, `{"protocol":{"minReaderVersion":1,"minWriterVersion":7,"writerFeatures":["inCommitTimestamp"]}}`, on)
	log.commit(3, `{"commitInfo":{"inCommitTimestamp":6000}}`, lineAdd("f3", "0"))
	log.commit(4, `{"commitInfo":{"inCommitTimestamp":7000}}`, lineAdd("f4", "0"))
	for ms, want := range map[int64]Version{1: 0, 2: 1, 4999: 1, 5000: 2, 5999: 2, 6000: 3, 9000: 4} {
		s := log.load(&LoadOptions{AsOf: at(ms)})
		require.Equal(t, want, s.Version(), "as of %d", ms)
	}
	for v, want := range map[Version]int64{0: 1, 1: 2, 2: 5000, 4: 7000} {
		got, err := log.load(&LoadOptions{Version: &v}).Timestamp(t.Context())
		require.NoError(t, err)
		require.Equal(t, want, got.UnixMilli(), "version %d", v)
	}
	log.commit(5, lineAdd("f5", "0"))
	_, err := log.load(nil).Timestamp(t.Context())
	require.ErrorIs(t, err, ErrCorrupt, "a commit without the time that the table promises")
}

func TestHistory(t *testing.T) {
	t.Parallel()
	log := newFakeLog(t)
	log.commit(0, lineProtocol, lineMetadata)
	for v := Version(1); v < 40; v++ {
		log.commit(v, fmt.Sprintf(`{"commitInfo":{"operation":"op %d"}}`, v), lineAdd(fmt.Sprint(v), "0"))
	}
	s := log.load(&LoadOptions{Version: ptr(Version(30))})
	next := Version(30)
	for e, err := range s.History(t.Context(), nil) {
		require.NoError(t, err)
		require.Equal(t, next, e.Version)
		require.Equal(t, int64(next)+1, e.Timestamp.UnixMilli())
		if next == 0 {
			require.Nil(t, e.Info)
		} else {
			require.Equal(t, fmt.Sprint("op ", next), e.Info.Operation)
		}
		next--
	}
	require.Equal(t, Version(-1), next)
	n := 0
	for range s.History(t.Context(), &HistoryOptions{Limit: 7}) {
		n++
	}
	require.Equal(t, 7, n)
	log.put(commitPath(28), "{")
	for e, err := range s.History(t.Context(), nil) {
		if err != nil {
			require.ErrorIs(t, err, ErrCorrupt)
			n = -1
			break
		}
		require.Greater(t, e.Version, Version(27))
	}
	require.Equal(t, -1, n)
}

func TestStoreErrorsPassThrough(t *testing.T) {
	t.Parallel()
	log := newFakeLog(t).table(3)
	ctx, cancel := context.WithCancel(t.Context())
	store := &hooked{Store: log.Store, read: func(name string) {
		if name == commitPath(2) {
			cancel()
		}
	}}
	_, err := Load(ctx, store, nil)
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorIs(t, err, ErrCorrupt)
}

func TestFilesFilters(t *testing.T) {
	t.Parallel()
	log := newFakeLog(t).table(20)
	_, err := log.load(&LoadOptions{Version: ptr(Version(15))}).WriteCheckpoint(t.Context(), nil)
	require.NoError(t, err)
	s := log.load(nil)
	want := []string{}
	for i := 1; i <= 20; i += 3 {
		want = append(want, fmt.Sprint("f", i))
	}
	one := func(m map[string]*string) bool { return *m["p"] == "1" }
	require.Equal(t, sortedStrings(want), paths(t, s, &FilesOptions{Partitions: one}))
	require.Equal(t, sortedStrings(want), paths(t, s, &FilesOptions{Keep: func(a *AddFile) bool { return one(a.PartitionValues) }}))
	require.Equal(t, []string{"f13", "f4"}, paths(t, s, &FilesOptions{Partitions: one, Keep: func(a *AddFile) bool { return a.Path == "f13" || a.Path == "f4" || a.Path == "f5" }}))
	for f, err := range s.Files(t.Context(), &FilesOptions{Partitions: one}) {
		require.NoError(t, err)
		require.Equal(t, `{"numRecords":1}`, f.Stats)
		n, err := f.NumRecords()
		require.NoError(t, err)
		require.EqualValues(t, 1, n)
	}
	n := 0
	for range s.Files(t.Context(), nil) {
		if n++; n == 7 {
			break
		}
	}
	require.Equal(t, 7, n)
}

// A compaction that reaches beyond the wanted version is of no use for it.
func TestCompactionsAreUsedWhereTheyFit(t *testing.T) {
	t.Parallel()
	log := newFakeLog(t).table(6)
	log.put(compactionPath(2, 4), lineAdd("f2", "2")+"\n"+lineAdd("f3", "0")+"\n"+lineAdd("f4", "1"))
	log.put(compactionPath(2, 3), "never read: a longer one fits, or it ends too late for the version wanted")
	log.put(compactionPath(5, 9), "never read: it reaches beyond the table")
	for _, v := range []Version{2, 4, 5, 6} {
		store, counts := logstore.Counted(log.Store)
		s, err := Load(t.Context(), store, &LoadOptions{Version: &v})
		require.NoError(t, err, "version %d", v)
		require.Equal(t, names("f", 0, int(v)), paths(t, s, nil), "version %d", v)
		want := int64(v) + 1
		if v >= 4 {
			want -= 2
		}
		require.Equal(t, want, counts.Reads.Load(), "version %d", v)
	}
}

// A writer that was held up writes the checkpoint of a version whose successors were
// cleaned up meanwhile. What lies between that and the newer checkpoint is gone, as it
// was before; nothing is corrupt. A gap that clean-up does not make still is.
func TestCheckpointWrittenAfterCleanUp(t *testing.T) {
	t.Parallel()
	log := newFakeLog(t).table(8)
	for _, v := range []Version{1, 5} {
		_, err := log.load(&LoadOptions{Version: &v}).WriteCheckpoint(t.Context(), nil)
		require.NoError(t, err)
	}
	for v := range Version(5) {
		require.NoError(t, log.Delete(t.Context(), commitPath(v)))
	}
	for v := Version(2); v < 5; v++ {
		_, err := Load(t.Context(), log.Store, &LoadOptions{Version: &v})
		require.ErrorIs(t, err, ErrVersionNotFound, "version %d", v)
		require.NotErrorIs(t, err, ErrCorrupt)
	}
	for _, v := range []Version{1, 5, 8} {
		_, err := Load(t.Context(), log.Store, &LoadOptions{Version: &v})
		require.NoError(t, err, "version %d", v)
	}
	require.NoError(t, log.Delete(t.Context(), commitPath(6)))
	v := Version(7)
	_, err := Load(t.Context(), log.Store, &LoadOptions{Version: &v})
	require.ErrorIs(t, err, ErrCorrupt, "no checkpoint stands for version 6")
	_, err = Load(t.Context(), log.Store, nil)
	require.ErrorIs(t, err, ErrCorrupt)
}
