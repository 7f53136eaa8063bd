package txlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/internal/faultstore"
	"github.com/deltalog/deltalog/txlog/logstore"
)

// clock is an Env at a fixed time.
func clock(ms int64) *CheckpointOptions {
	return &CheckpointOptions{Env: &Env{Now: func() time.Time { return time.UnixMilli(ms) }}}
}

func (l *fakeLog) checkpoint(v Version) {
	l.t.Helper()
	_, err := l.load(&LoadOptions{Version: &v}).WriteCheckpoint(l.t.Context(), nil)
	require.NoError(l.t, err)
}

func (l *fakeLog) get(name string) []byte {
	l.t.Helper()
	data, err := l.Read(l.t.Context(), name, 0)
	require.NoError(l.t, err)
	return data
}

// same requires two snapshots to show one table, down to every field.
func same(t *testing.T, want, got *Snapshot) {
	t.Helper()
	require.Equal(t, want.Version(), got.Version())
	require.Equal(t, want.Protocol(), got.Protocol())
	require.Equal(t, want.Metadata(), got.Metadata())
	all := func(s *Snapshot) (files, removed map[FileKey]string, rest string) {
		files, removed = map[FileKey]string{}, map[FileKey]string{}
		for a, err := range s.Files(t.Context(), nil) {
			require.NoError(t, err)
			b := *a
			b.DataChange = false // a checkpoint does not keep it
			files[a.Key()] = string(AppendAction(nil, &b))
		}
		for r, err := range s.Tombstones(t.Context()) {
			require.NoError(t, err)
			q := *r
			q.DataChange, q.Stats, q.Tags = false, "", nil
			removed[r.Key()] = string(AppendAction(nil, &q))
		}
		txns, err := s.Txns(t.Context())
		require.NoError(t, err)
		domains, err := s.Domains(t.Context())
		require.NoError(t, err)
		var b []byte
		for _, x := range txns {
			b = AppendAction(b, x)
		}
		for _, x := range domains {
			b = AppendAction(b, x)
		}
		return files, removed, string(b)
	}
	f1, r1, x1 := all(want)
	f2, r2, x2 := all(got)
	require.Equal(t, f1, f2)
	require.Equal(t, r1, r2)
	require.Equal(t, x1, x2)
	n1, b1, err := want.NumFiles(t.Context())
	require.NoError(t, err)
	n2, b2, err := got.NumFiles(t.Context())
	require.NoError(t, err)
	require.Equal(t, [2]int64{n1, b1}, [2]int64{n2, b2})
	require.EqualValues(t, len(f1), n1)
}

// richLog has every kind of action and field that a table's state is made of.
func richLog(t *testing.T) *fakeLog {
	t.Helper()
	log := newFakeLog(t)
	var first, second []Action
	for _, a := range everyAction() {
		switch a := a.(type) {
		case *Protocol:
			a.WriterFeatures = append(a.WriterFeatures, "domainMetadata", "rowTracking", "clustering")
			first = append(first, a)
		case *Metadata, *SetTransaction:
			first = append(first, a)
		case *AddFile, *RemoveFile, *DomainMetadata:
			second = append(second, a)
		}
	}
	first = append(first, &DomainMetadata{Domain: "kept", Configuration: `{"x":1}`}, &DomainMetadata{Domain: "d", Configuration: "old"},
		&AddFile{Path: "plain", PartitionValues: map[string]*string{"p": ptr(""), "q": ptr("é")}, Size: 0, ModificationTime: 5},
		&AddFile{Path: "a%20b", PartitionValues: map[string]*string{}, Size: 3, ModificationTime: 5},
		&AddFile{Path: "odd", PartitionValues: map[string]*string{"p": nil, "other": ptr("x")}, Size: 1 << 60, ModificationTime: -5, Tags: map[string]string{}, Stats: "{}"},
		&SetTransaction{AppID: "no time", Version: -3})
	log.put(commitPath(0), string(EncodeActions(first)))
	log.put(commitPath(1), string(EncodeActions(second)))
	return log
}

func TestCheckpointKeepsTheTable(t *testing.T) {
	t.Parallel()
	log := richLog(t)
	before := log.load(nil)
	after, err := before.WriteCheckpoint(t.Context(), clock(1))
	require.NoError(t, err)
	same(t, before, after)
	hint, err := readLastCheckpoint(t.Context(), log.Store)
	require.NoError(t, err)
	require.Equal(t, Version(1), hint.Version)
	require.EqualValues(t, 4, *hint.NumOfAddFiles)
	require.Equal(t, after.base.rows, hint.Size)
	require.EqualValues(t, len(log.get(checkpointPath(1))), *hint.SizeInBytes)
	log.remove(commitPath(0))
	log.remove(commitPath(1))
	fresh := log.load(nil)
	same(t, before, fresh)
	// One checkpoint on another, with a commit between them.
	log.commit(2, lineAdd("new", "1"), lineRemove("plain"), lineTxn("app", 99))
	before = log.load(nil)
	after, err = before.WriteCheckpoint(t.Context(), clock(1))
	require.NoError(t, err)
	same(t, before, after)
}

func TestExpiredTombstonesAndTransactionsAreLeftOut(t *testing.T) {
	t.Parallel()
	log := newFakeLog(t)
	day := int64(24 * time.Hour / time.Millisecond)
	meta := strings.Replace(lineMetadata, `"configuration":{}`, `"configuration":{"delta.deletedFileRetentionDuration":"interval 2 days","delta.setTransactionRetentionDuration":"interval 3 days"}`, 1)
	log.commit(0, lineProtocol, meta,
		`{"remove":{"path":"old","dataChange":true,"deletionTimestamp":0}}`, `{"remove":{"path":"edge","dataChange":true,"deletionTimestamp":`+fmt.Sprint(8*day)+`}}`,
		`{"remove":{"path":"young","dataChange":true,"deletionTimestamp":`+fmt.Sprint(8*day+1)+`}}`, `{"remove":{"path":"no time","dataChange":true}}`,
		`{"txn":{"appId":"old","version":1,"lastUpdated":0}}`, `{"txn":{"appId":"edge","version":1,"lastUpdated":`+fmt.Sprint(7*day)+`}}`,
		`{"txn":{"appId":"young","version":1,"lastUpdated":`+fmt.Sprint(7*day+1)+`}}`, `{"txn":{"appId":"no time","version":1}}`)
	s, err := log.load(nil).WriteCheckpoint(t.Context(), clock(10*day))
	require.NoError(t, err)
	var left []string
	for r, err := range s.Tombstones(t.Context()) {
		require.NoError(t, err)
		left = append(left, r.Path)
	}
	require.Equal(t, []string{"young"}, left)
	txns, err := s.Txns(t.Context())
	require.NoError(t, err)
	require.Len(t, txns, 1)
	require.Equal(t, "young", txns[0].AppID)
}

func TestACheckpointIsNotWrittenTwice(t *testing.T) {
	t.Parallel()
	log := newFakeLog(t).table(3)
	log.checkpoint(3)
	data := log.get(checkpointPath(3))
	store, counts := logstore.Counted(log.Store)
	s, err := Load(t.Context(), store, nil)
	require.NoError(t, err)
	_, err = s.WriteCheckpoint(t.Context(), nil)
	require.NoError(t, err)
	require.Zero(t, counts.Creates.Load())
	require.Equal(t, data, log.get(checkpointPath(3)))
}

func TestLastCheckpointNeverMovesBack(t *testing.T) {
	t.Parallel()
	log := newFakeLog(t).table(9)
	log.checkpoint(8)
	hint := log.get(lastCheckpointPath)
	log.checkpoint(4)
	require.Equal(t, hint, log.get(lastCheckpointPath))
	log.put(lastCheckpointPath, "garbage")
	log.checkpoint(4)
	require.Contains(t, string(log.get(lastCheckpointPath)), `"version":4`)
}

// Another writer's checkpoint of the version that has other files is not pointed to.
func TestAForeignCheckpointIsVerified(t *testing.T) {
	t.Parallel()
	log := newFakeLog(t).table(3)
	other := newFakeLog(t).table(2)
	other.commit(3, `{"commitInfo":{}}`)
	other.checkpoint(3)
	log.put(checkpointPath(3), string(other.get(checkpointPath(3))))
	s := log.load(&LoadOptions{Version: ptr(Version(2))})
	c, err := s.CommitAt(t.Context(), 3)
	require.NoError(t, err)
	s, err = s.Advance(c)
	require.NoError(t, err)
	_, err = s.WriteCheckpoint(t.Context(), nil)
	require.ErrorIs(t, err, ErrCorrupt)
	require.ErrorContains(t, err, "it has 3 files and the table has 4")
	_, err = log.Stat(t.Context(), lastCheckpointPath)
	require.ErrorIs(t, err, logstore.ErrNotExist)
}

// Stopped at any call, before or after it took effect, WriteCheckpoint leaves a
// table that is as before, and the next attempt succeeds.
func TestCheckpointCrashSweep(t *testing.T) {
	t.Parallel()
	want := names("f", 0, 12)
	for _, when := range []faultstore.Moment{faultstore.Before, faultstore.After} {
		for n := 1; ; n++ {
			log := newFakeLog(t).table(12)
			log.checkpoint(5)
			store := faultstore.New(log.Store, faultstore.CrashAt(n, when))
			s, err := Load(t.Context(), store, nil)
			if err == nil {
				_, err = s.WriteCheckpoint(t.Context(), nil)
			}
			crashed := store.Crashed()
			require.Equal(t, crashed, err != nil, "call %d", n)
			var w warnings
			again := log.load(&LoadOptions{Logger: w.logger()})
			require.Equal(t, want, paths(t, again, nil), "call %d", n)
			require.Empty(t, w.text())
			_, err = again.WriteCheckpoint(t.Context(), nil)
			require.NoError(t, err, "call %d", n)
			require.Contains(t, string(log.get(lastCheckpointPath)), `"version":12`)
			if !crashed {
				require.Greater(t, n, 10)
				break
			}
		}
	}
}

// An error while the files are read must not end in a checkpoint of some of them.
func TestNoCheckpointOfHalfATable(t *testing.T) {
	t.Parallel()
	log := newFakeLog(t).table(4)
	log.put(commitPath(5), string(addLines(5000)))
	log.checkpoint(5)
	log.commit(6, lineAdd("g", "1"))
	oops := errors.New("oops")
	for nth := 1; ; nth++ {
		bad := faultstore.New(log.Store, faultstore.On(logstore.VerbReadRange, checkpointPath(5), nth, faultstore.Fail(oops)))
		s, err := Load(t.Context(), bad, nil)
		if err == nil {
			_, err = s.WriteCheckpoint(t.Context(), nil)
		}
		if err == nil {
			require.Greater(t, nth, 3)
			break
		}
		require.ErrorIs(t, err, oops)
		_, err = log.Stat(t.Context(), checkpointPath(6))
		require.ErrorIs(t, err, logstore.ErrNotExist)
	}
}

func TestCorruptCheckpointsAreDoneWithout(t *testing.T) {
	t.Parallel()
	good := newFakeLog(t).table(9)
	good.checkpoint(8)
	whole := good.get(checkpointPath(8))
	noProtocol := checkpointWithout(t, "protocol")
	for name, data := range map[string]string{
		"empty": "", "garbage": "garbage", "truncated": string(whole[:len(whole)/2]), "no footer": string(whole[:len(whole)-1]),
		"torn at the front": string(whole[100:]), "no protocol": noProtocol, "no metadata": checkpointWithout(t, "metaData"),
		"another format": "PAR1" + strings.Repeat("\x00", 100) + "PAR1",
	} {
		for _, older := range []bool{false, true} {
			log := newFakeLog(t).table(9)
			if older {
				log.checkpoint(4)
				for v := range Version(4) {
					log.remove(commitPath(v))
				}
			}
			log.put(checkpointPath(8), data)
			log.put(lastCheckpointPath, `{"version":8,"size":3}`)
			var w warnings
			s := log.load(&LoadOptions{Logger: w.logger()})
			require.Equal(t, names("f", 0, 9), paths(t, s, nil), name)
			require.NotEmpty(t, w.text(), name)
			if data != "" {
				require.Contains(t, w.text(), checkpointPath(8), name)
			}
			require.Equal(t, older, s.base != nil)
		}
		// Nothing to fall back to.
		log := newFakeLog(t).table(9)
		log.put(checkpointPath(8), data)
		log.remove(commitPath(3))
		_, err := Load(t.Context(), log.Store, nil)
		require.ErrorIs(t, err, ErrCorrupt, name)
		require.ErrorContains(t, err, "version 3 is missing", name)
		if data != "" {
			require.ErrorContains(t, err, checkpointPath(8), name)
		}
	}
}

// checkpointWithout returns a checkpoint of version 8 that lacks an action.
func checkpointWithout(t *testing.T, what string) string {
	t.Helper()
	log := newFakeLog(t).table(8)
	s := log.load(nil)
	w := checkpointWriter{s: s}
	parts := map[string]func(context.Context) error{"protocol": w.protocol, "metaData": w.metadata, "files": w.files}
	delete(parts, what)
	require.Len(t, parts, 2)
	require.NoError(t, w.write(t.Context(), "x", slices.Collect(maps.Values(parts))...))
	return string(log.get("x"))
}

// Damage anywhere in a checkpoint is found, and made up for from the commits; or
// it changes nothing. The table is never another one.
func TestFlippedBytesNeverChangeTheTable(t *testing.T) {
	t.Parallel()
	log := newFakeLog(t)
	log.commit(0, lineProtocol, lineMetadata)
	for v := Version(1); v < 6; v++ {
		lines := []string{}
		for i := range 300 {
			lines = append(lines, lineAdd(fmt.Sprintf("part-%d-%d.parquet", v, i), fmt.Sprint(i%7)))
		}
		log.commit(v, lines...)
	}
	log.commit(6, lineRemove("part-1-1.parquet"), lineAdd("last", "1"))
	log.checkpoint(5)
	want := paths(t, log.load(nil), nil)
	require.Len(t, want, 1500)
	good := log.get(checkpointPath(5))
	footer := len(good) - 8 - int(good[len(good)-8]) - int(good[len(good)-7])<<8
	rng := rand.New(rand.NewPCG(1, 2))
	fellBack := 0
	for range 60 {
		bad := bytes.Clone(good)
		// Pages are covered by checksums; the footer is covered by nothing, and
		// there only the absence of panics and wrong sets of paths is asked for.
		i := 4 + rng.IntN(footer-4)
		bad[i] ^= byte(1 + rng.IntN(255))
		log.put(checkpointPath(5), string(bad))
		var w warnings
		s := log.load(&LoadOptions{Logger: w.logger()})
		require.Equal(t, want, paths(t, s, nil), "byte %d", i)
		n, _, err := s.NumFiles(t.Context())
		require.NoError(t, err)
		require.EqualValues(t, len(want), n)
		if w.text() != "" {
			fellBack++
		}
	}
	require.Greater(t, fellBack, 8, "some of the damage must have been in what was read")
	for range 100 {
		bad := bytes.Clone(good)
		i := footer + rng.IntN(len(good)-footer)
		bad[i] ^= byte(1 + rng.IntN(255))
		log.put(checkpointPath(5), string(bad))
		s, err := Load(t.Context(), log.Store, nil)
		require.NoError(t, err)
		for _, err := range s.Files(t.Context(), nil) {
			require.NoError(t, err, "byte %d", i)
		}
	}
}

// brokenHalfWay lists a table whose checkpoint loses the bytes of a part of it,
// once the caller has seen a number of files.
func brokenHalfWay(t *testing.T, log *fakeLog, data []byte, o *FilesOptions, after int, from, to float64) (got []string, w *warnings, err error) {
	t.Helper()
	log.put(checkpointPath(1), string(data))
	w = new(warnings)
	s := log.load(&LoadOptions{Logger: w.logger()})
	require.NotNil(t, s.base)
	for f, err := range s.Files(t.Context(), o) {
		if err != nil {
			return got, w, err
		}
		if got = append(got, f.Path); len(got) == after {
			bad := bytes.Clone(data)
			for i := int(from * float64(len(bad))); i < int(to*float64(len(bad))); i++ {
				bad[i] ^= 0x5a
			}
			log.put(checkpointPath(1), string(bad))
		}
	}
	return got, w, nil
}

// A checkpoint that breaks after some of its files were yielded: each file comes
// exactly once, or there is an error.
func TestCheckpointThatBreaksHalfWay(t *testing.T) {
	t.Parallel()
	log := newFakeLog(t)
	log.commit(0, lineProtocol, lineMetadata)
	lines := []string{}
	for i := range 30_000 {
		lines = append(lines, lineAdd(fmt.Sprintf("f%d", i), fmt.Sprint(i%5)))
	}
	log.commit(1, lines...)
	w := checkpointWriter{s: log.load(nil), groupRows: 2000}
	require.NoError(t, w.write(t.Context(), checkpointPath(1), w.protocol, w.metadata, w.files))
	log.commit(2, lineRemove("f29999"), lineRemove("f0"), lineAdd("f1", "9"))
	data := log.get(checkpointPath(1))
	want := paths(t, log.load(nil), nil)
	require.Len(t, want, 30_000-2)
	require.Greater(t, len(data), 200_000, "the last 64 KiB are read with the footer, once")
	for _, o := range []*FilesOptions{nil, {NoStats: true}, {Keep: func(*AddFile) bool { return true }}, {Partitions: func(map[string]*string) bool { return true }}} {
		for _, after := range []int{1, 2, 3000, 7000} {
			got, w, err := brokenHalfWay(t, log, data, o, after, 0.4, 0.6)
			require.NoError(t, err)
			require.True(t, slices.Equal(want, sortedStrings(got)), "%d files, want %d", len(got), len(want))
			require.Contains(t, w.text(), "doing without a checkpoint")

			got, _, err = brokenHalfWay(t, log, data, o, after, 0, 0.9)
			if after == 1 { // the file of the tail: nothing of the checkpoint was passed
				require.NoError(t, err)
				require.True(t, slices.Equal(want, sortedStrings(got)))
				continue
			}
			require.ErrorIs(t, err, ErrCorrupt)
			require.ErrorContains(t, err, "changed while it was read")
		}
	}
}

func TestIncompleteMultiPartCheckpointIsIgnored(t *testing.T) {
	t.Parallel()
	log := newFakeLog(t).table(6)
	part := func(i, n int) string { return fmt.Sprintf("%s.checkpoint.%010d.%010d.parquet", versionPrefix(4), i, n) }
	w := checkpointWriter{s: log.load(&LoadOptions{Version: ptr(Version(4))})}
	require.NoError(t, w.write(t.Context(), "x", w.protocol, w.metadata, w.files))
	log.put(part(1, 3), string(log.get("x")))
	log.put(part(3, 3), string(log.get("x")))
	log.put(part(2, 2), string(log.get("x")))
	s := log.load(nil)
	require.Nil(t, s.base)
	require.Equal(t, names("f", 0, 6), paths(t, s, nil))
	log.put(part(1, 1), string(log.get("x")))
	s = log.load(nil)
	require.NotNil(t, s.base)
	require.Equal(t, names("f", 0, 6), paths(t, s, nil))
}

func TestCheckpointV2InJSON(t *testing.T) {
	t.Parallel()
	name := versionPrefix(3) + ".checkpoint." + someUUID + ".json"
	proto := `{"protocol":{"minReaderVersion":3,"minWriterVersion":7,"readerFeatures":["v2Checkpoint"],"writerFeatures":["v2Checkpoint"]}}`
	side := newFakeLog(t).table(2)
	w := checkpointWriter{s: side.load(nil)}
	require.NoError(t, w.write(t.Context(), "x", w.files))
	file := string(side.get("x"))
	inline := proto + "\n" + lineMetadata + "\n" + `{"checkpointMetadata":{"version":3}}` + "\n" + lineTxn("a", 1) + "\n"
	for name2, c := range map[string]struct {
		body, err string
		want      []string
	}{
		"inline":           {inline + lineAdd("x", "1") + "\n" + lineAdd("y", "2") + "\n" + lineRemove("z"), "", []string{"f4", "x", "y"}},
		"sidecar":          {inline + fmt.Sprintf(`{"sidecar":{"path":"s%%20p.parquet","sizeInBytes":%d,"modificationTime":0}}`, len(file)), "", []string{"f0", "f1", "f2", "f4"}},
		"absolute sidecar": {inline + fmt.Sprintf(`{"sidecar":{"path":"mem://bucket/table/_delta_log/_sidecars/s%%20p.parquet","sizeInBytes":%d,"modificationTime":0}}`, len(file)), "", []string{"f0", "f1", "f2", "f4"}},
		"evil sidecar":     {inline + `{"sidecar":{"path":"../../../etc/passwd","sizeInBytes":1,"modificationTime":0}}`, "does not name a file inside the table", nil},
		"foreign sidecar":  {inline + `{"sidecar":{"path":"s3://other/x","sizeInBytes":1,"modificationTime":0}}`, "not below the table's root", nil},
		"wrong version":    {strings.Replace(inline, `"version":3`, `"version":4`, 1), "of version 4", nil},
		"two protocols":    {inline + proto, "a second protocol", nil},
		"two domains":      {inline + strings.Repeat(`{"domainMetadata":{"domain":"d","configuration":"","removed":false}}`+"\n", 2), "a second domain", nil},
		"torn":             {inline + `{"add":{"path":`, "cut off", nil},
	} {
		log := newFakeLog(t)
		log.put(name, c.body)
		log.put(sidecarDir+"/s p.parquet", file)
		log.commit(4, lineAdd("f4", "1"))
		s, err := Load(t.Context(), log.Store, nil)
		if c.err != "" {
			require.ErrorContains(t, err, c.err, name2)
			require.ErrorIs(t, err, ErrCorrupt, name2)
			continue
		}
		require.NoError(t, err, name2)
		require.Equal(t, c.want, paths(t, s, nil), name2)
		n, _, err := s.NumFiles(t.Context())
		require.NoError(t, err)
		require.EqualValues(t, len(c.want), n)
		x, err := s.Txn(t.Context(), "a")
		require.NoError(t, err)
		require.EqualValues(t, 1, x.Version)
	}
}

// A sidecar that is gone, or that claims to be huge, is an error of the files;
// where the commits are still there they make up for it.
func TestBadSidecars(t *testing.T) {
	t.Parallel()
	proto := `{"protocol":{"minReaderVersion":3,"minWriterVersion":7,"readerFeatures":["v2Checkpoint"],"writerFeatures":["v2Checkpoint"]}}`
	for _, size := range []int64{100, 1 << 40, 1<<63 - 1} {
		log := newFakeLog(t)
		log.commit(0, proto, lineMetadata, lineAdd("f0", "0"))
		log.commit(1, lineAdd("f1", "0"))
		log.put(versionPrefix(1)+".checkpoint."+someUUID+".json", proto+"\n"+lineMetadata+"\n"+fmt.Sprintf(`{"sidecar":{"path":"s.parquet","sizeInBytes":%d,"modificationTime":0}}`, size))
		for _, content := range []string{"", strings.Repeat("PAR1", 1000)} {
			if content != "" {
				log.put(sidecarDir+"/s.parquet", content)
			}
			s := log.load(nil)
			require.Equal(t, []string{"f0", "f1"}, paths(t, s, nil))
			n, _, err := s.NumFiles(t.Context())
			require.NoError(t, err)
			require.EqualValues(t, 2, n)
		}
		log.remove(commitPath(0))
		n := 0
		for _, err := range log.load(nil).Files(t.Context(), nil) {
			require.ErrorIs(t, err, ErrCorrupt)
			n++
		}
		require.Equal(t, 1, n)
	}
}

func TestProtectedVersionsGetNoCheckpoint(t *testing.T) {
	t.Parallel()
	log := newFakeLog(t)
	log.commit(0, `{"protocol":{"minReaderVersion":1,"minWriterVersion":7,"writerFeatures":["checkpointProtection"]}}`,
		strings.Replace(lineMetadata, `"configuration":{}`, `"configuration":{"delta.requireCheckpointProtectionBeforeVersion":"2"}`, 1))
	log.commit(1, lineAdd("a", "1"))
	_, err := log.load(nil).WriteCheckpoint(t.Context(), nil)
	require.ErrorContains(t, err, "protected")
	log.commit(2, lineAdd("b", "1"))
	_, err = log.load(nil).WriteCheckpoint(t.Context(), nil)
	require.NoError(t, err)
}

// A checkpoint that is well-formed and has fewer files than _last_checkpoint
// says is left for the commits; if they are gone it is what there is.
func TestTruncatedCheckpointIsNoticed(t *testing.T) {
	t.Parallel()
	log := newFakeLog(t).table(9)
	log.checkpoint(8)
	half := newFakeLog(t).table(4)
	for v := Version(5); v <= 8; v++ {
		half.commit(v, `{"commitInfo":{}}`)
	}
	half.checkpoint(8)
	log.put(checkpointPath(8), string(half.get(checkpointPath(8))))
	var w warnings
	s := log.load(&LoadOptions{Logger: w.logger()})
	require.Equal(t, names("f", 0, 9), paths(t, s, nil))
	require.Contains(t, w.text(), "it has 5 files, and _last_checkpoint says 9")
	log.remove(commitPath(0))
	w = warnings{}
	s = log.load(&LoadOptions{Logger: w.logger()})
	require.Equal(t, []string{"f0", "f1", "f2", "f3", "f4", "f9"}, paths(t, s, nil))
	require.Contains(t, w.text(), "it has 5 files")
}
