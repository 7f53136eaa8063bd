package txlog

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestChecksumsOfOtherEnginesAgree(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/tables/*/_delta_log/*.crc")
	require.NoError(t, err)
	n := 0
	for _, f := range files {
		name := parseLogName(filepath.Base(f))
		log := memCopy(t, filepath.Dir(filepath.Dir(f)))
		s, err := Load(t.Context(), log.Store, &LoadOptions{Version: &name.version})
		if err != nil {
			continue // a feature that is not supported
		}
		c, err := s.ReadChecksum(t.Context())
		require.NoError(t, err, f)
		require.NoError(t, s.Check(t.Context(), c), f)
		n++
	}
	require.Greater(t, n, 20)
}

func TestChecksumRoundTrip(t *testing.T) {
	t.Parallel()
	log := richLog(t)
	s := log.load(nil)
	wrote, err := s.WriteChecksum(t.Context())
	require.NoError(t, err)
	require.False(t, wrote, "the number of files is not known")
	n, bytes, err := s.NumFiles(t.Context())
	require.NoError(t, err)
	wrote, err = s.WriteChecksum(t.Context())
	require.NoError(t, err)
	require.True(t, wrote)
	c, err := s.ReadChecksum(t.Context())
	require.NoError(t, err)
	require.Equal(t, n, c.NumFiles)
	require.Equal(t, bytes, c.TableSizeBytes)
	require.Equal(t, s.Metadata(), c.Metadata)
	require.Equal(t, s.Protocol(), c.Protocol)
	require.Len(t, c.SetTransactions, 2)
	require.Len(t, c.DomainMetadata, 1)
	require.NoError(t, s.Check(t.Context(), c))
	// A file that is there is left alone.
	log.put(checksumPath(1), "x")
	wrote, err = s.WriteChecksum(t.Context())
	require.NoError(t, err)
	require.True(t, wrote)
	require.Equal(t, "x", string(log.get(checksumPath(1))))
	_, err = s.ReadChecksum(t.Context())
	require.ErrorIs(t, err, ErrCorrupt)
	log.remove(checksumPath(1))
	c, err = s.ReadChecksum(t.Context())
	require.NoError(t, err)
	require.Nil(t, c)
}

func TestCheckNamesEachDifference(t *testing.T) {
	t.Parallel()
	s := newFakeLog(t).table(3).load(nil)
	c, err := s.Checksum(t.Context())
	require.NoError(t, err)
	require.NoError(t, s.Check(t.Context(), c))
	for want, change := range map[string]func(c *Checksum){
		"number of files is 5 by the checksum and 4": func(c *Checksum) { c.NumFiles = 5 },
		"size in bytes": func(c *Checksum) { c.TableSizeBytes-- },
		"metadata":      func(c *Checksum) { m := *c.Metadata; m.ID = "other"; c.Metadata = &m },
		"protocol":      func(c *Checksum) { c.Protocol = &Protocol{MinReaderVersion: 2, MinWriterVersion: 2} },
	} {
		bad := *c
		change(&bad)
		err := s.Check(t.Context(), &bad)
		require.ErrorIs(t, err, ErrCorrupt)
		require.ErrorContains(t, err, want)
	}
}

func TestAdvanceKnownCounts(t *testing.T) {
	t.Parallel()
	log := newFakeLog(t).table(3)
	s := log.load(nil)
	next := &Commit{Version: 4, Actions: []Action{
		&AddFile{Path: "a", Size: 100}, &AddFile{Path: "b", Size: 10}, &RemoveFile{Path: "f1", Size: ptr(int64(10)), DataChange: true},
	}}
	unknown, err := s.AdvanceKnown(next)
	require.NoError(t, err)
	_, _, known := unknown.totals.get()
	require.False(t, known)
	_, _, err = s.NumFiles(t.Context())
	require.NoError(t, err)
	counted, err := s.AdvanceKnown(next)
	require.NoError(t, err)
	files, bytes, known := counted.totals.get()
	require.True(t, known)
	require.Equal(t, [2]int64{5, 140}, [2]int64{files, bytes})
	files, bytes, err = unknown.NumFiles(t.Context())
	require.NoError(t, err)
	require.Equal(t, [2]int64{5, 140}, [2]int64{files, bytes}, "counting comes to the same")
	// A remove without a size leaves the sum open.
	open, err := counted.AdvanceKnown(&Commit{Version: 5, Actions: []Action{&RemoveFile{Path: "a"}}})
	require.NoError(t, err)
	_, _, known = open.totals.get()
	require.False(t, known)
	first, err := newSnapshot(log.Store, &Commit{Version: 0, Actions: []Action{s.Protocol(), s.Metadata(), &AddFile{Path: "x", Size: 7}}})
	require.NoError(t, err)
	files, bytes, known = first.totals.get()
	require.True(t, known)
	require.Equal(t, [2]int64{1, 7}, [2]int64{files, bytes})
}

const someChecksum = `{"txnId":"t","tableSizeBytes":10,"numFiles":1,"numMetadata":1,"numProtocol":1,"inCommitTimestampOpt":5,"setTransactions":[{"appId":"a","version":1}],"domainMetadata":[],"metadata":{"id":"m","format":{"provider":"parquet","options":{}},"schemaString":"{}","partitionColumns":[],"configuration":{}},"protocol":{"minReaderVersion":1,"minWriterVersion":2},"histogramOpt":{"a":[1]},"allFiles":[{"path":"x"}]}`

func TestBadChecksums(t *testing.T) {
	t.Parallel()
	_, err := parseChecksum(1, []byte(someChecksum))
	require.NoError(t, err)
	for _, r := range [][2]string{
		{`"numFiles":1`, `"numFiles":-1`},
		{`"numFiles":1`, `"numFiles":1.0`},
		{`"numFiles":1,`, ``},
		{`"numFiles":1`, `"numFiles":1,"numFiles":2`},
		{`"numMetadata":1`, `"numMetadata":2`},
		{`"numProtocol":1`, `"numProtocol":0`},
		{`"protocol":{`, `"protokoll":{`},
		{`"minReaderVersion":1,`, ``},
		{`"tableSizeBytes":10`, `"tableSizeBytes":"10"`},
		{`]}]}`, `]}]`},
		{someChecksum, ""},
		{someChecksum, "\xff"},
		{someChecksum, "null"},
	} {
		bad := strings.Replace(someChecksum, r[0], r[1], 1)
		require.True(t, bad != someChecksum || r[0] == `]}]}`, r)
		if bad == someChecksum {
			bad = bad[:len(bad)-1]
		}
		_, err := parseChecksum(3, []byte(bad))
		require.ErrorIs(t, err, ErrCorrupt, fmt.Sprint(r))
		require.ErrorContains(t, err, "_delta_log/00000000000000000003.crc")
	}
}

func FuzzChecksum(f *testing.F) {
	f.Add([]byte(someChecksum))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := parseChecksum(1, data)
		if err != nil {
			require.ErrorIs(t, err, ErrCorrupt)
			return
		}
		back, err := parseChecksum(1, c.encode())
		require.NoError(t, err)
		require.Equal(t, string(c.encode()), string(back.encode()))
	})
}

// A wrong number, believed from another writer's checksum, does not get into a
// checkpoint, nor keep one from being written.
func TestCheckpointsCountForThemselves(t *testing.T) {
	t.Parallel()
	log := newFakeLog(t).table(5)
	var w warnings
	s := log.load(&LoadOptions{Logger: w.logger()})
	s.totals.set(77, 1)
	after, err := s.WriteCheckpoint(t.Context(), nil)
	require.NoError(t, err)
	require.Contains(t, w.text(), "checksum=77 counted=6")
	n, _, err := after.NumFiles(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 6, n)
	require.Contains(t, string(log.get(lastCheckpointPath)), `"numOfAddFiles":6`)
}
