package txlog

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const someUUID = "6374b053-df23-479b-b2cf-c9c550132b49"

func TestLogNames(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]logName{
		"00000000000000000000.json":                                     {kind: logCommit},
		"00000000000000000123.json":                                     {kind: logCommit, version: 123},
		"09223372036854775807.json":                                     {kind: logCommit, version: 9223372036854775807},
		"00000000000000000010.crc":                                      {kind: logChecksum, version: 10},
		"00000000000000000010.checkpoint.parquet":                       {kind: logCheckpoint, version: 10},
		"00000000000000000010.checkpoint.0000000002.0000000003.parquet": {kind: logCheckpointPart, version: 10, part: 2, parts: 3},
		"00000000000000000010.checkpoint." + someUUID + ".parquet":      {kind: logCheckpointParquet, version: 10, id: someUUID},
		"00000000000000000010.checkpoint." + someUUID + ".json":         {kind: logCheckpointJSON, version: 10, id: someUUID},
		"00000000000000000001.00000000000000000009.compacted.json":      {kind: logCompaction, version: 1, last: 9},
	} {
		require.Equal(t, want, parseLogName(name), name)
	}
	for _, name := range []string{
		"", ".", "_last_checkpoint", "1.json", "0000000000000000000.json", "000000000000000000000.json",
		"00000000000000000000.JSON", "00000000000000000000.json.tmp", ".00000000000000000000.json.crc",
		"-0000000000000000001.json", "+0000000000000000001.json", "0000000000000000001x.json", "99999999999999999999.json",
		"00000000000000000010.checkpoint.0000000000.0000000003.parquet", "00000000000000000010.checkpoint.0000000004.0000000003.parquet",
		"00000000000000000010.checkpoint.2.3.parquet", "00000000000000000010.checkpoint.not-a-uuid.parquet",
		"00000000000000000010.checkpoint." + strings.Replace(someUUID, "6", "g", 1) + ".json", "00000000000000000010.checkpoint.json",
		"00000000000000000009.00000000000000000001.compacted.json", "00000000000000000001.00000000000000000001.compacted.json",
		"00000000000000000001.compacted.json", "00000000000000000001..compacted.json",
	} {
		require.Equal(t, logName{}, parseLogName(name), name)
	}
}

func TestLogNamesRoundTrip(t *testing.T) {
	t.Parallel()
	for _, v := range []Version{0, 1, 999, 1 << 40, 9223372036854775807} {
		for path, kind := range map[string]logKind{commitPath(v): logCommit, checksumPath(v): logChecksum, checkpointPath(v): logCheckpoint} {
			base, ok := strings.CutPrefix(path, logDir+"/")
			require.True(t, ok)
			require.Equal(t, logName{kind: kind, version: v}, parseLogName(base))
		}
	}
	base := strings.TrimPrefix(compactionPath(3, 17), logDir+"/")
	require.Equal(t, logName{kind: logCompaction, version: 3, last: 17}, parseLogName(base))
}

func FuzzLogName(f *testing.F) {
	for _, s := range []string{"00000000000000000010.checkpoint.0000000002.0000000003.parquet", "00000000000000000001.00000000000000000009.compacted.json", "00000000000000000010.json"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		n := parseLogName(name)
		if n.kind == notLog {
			require.Equal(t, logName{}, n)
			return
		}
		require.GreaterOrEqual(t, n.version, Version(0))
		switch n.kind {
		case logCommit:
			require.Equal(t, logDir+"/"+name, commitPath(n.version))
		case logCompaction:
			require.Equal(t, logDir+"/"+name, compactionPath(n.version, n.last))
			require.Less(t, n.version, n.last)
		case logCheckpointPart:
			require.True(t, 1 <= n.part && n.part <= n.parts)
		}
	})
}
