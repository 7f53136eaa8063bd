package txlog

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/txlog/schema"
)

func TestPropertyDefaults(t *testing.T) {
	t.Parallel()
	for _, p := range []Properties{nil, PropertiesOf(nil), {"delta.checkpointInterval": "0", "delta.dataSkippingNumIndexedCols": "many", "delta.appendOnly": "", "delta.logRetentionDuration": "soon", "delta.isolationLevel": "none", "delta.targetFileSize": "-1"}} {
		require.False(t, p.AppendOnly())
		require.Equal(t, 10, p.CheckpointInterval())
		require.Equal(t, "classic", p.CheckpointPolicy())
		require.True(t, p.CheckpointStatsAsJSON())
		require.False(t, p.CheckpointStatsAsStruct())
		require.Equal(t, "Serializable", p.IsolationLevel())
		require.Equal(t, 32, p.NumIndexedColumns())
		require.Equal(t, 32, p.StatsStringPrefix())
		require.Equal(t, 30*24*time.Hour, p.LogRetention())
		require.Equal(t, 7*24*time.Hour, p.TombstoneRetention())
		require.Zero(t, p.TxnRetention())
		require.True(t, p.ExpiredLogCleanup())
		require.Equal(t, schema.MappingNone, p.MappingMode())
		require.Zero(t, p.TargetFileSize())
		require.Empty(t, p.Codec())
		require.Equal(t, 2, p.RandomPrefixLength())
	}
}

func TestPropertiesAreRead(t *testing.T) {
	t.Parallel()
	p := Properties{
		"delta.appendOnly": "TRUE", "delta.checkpointInterval": "100", "delta.checkpointPolicy": "v2",
		"delta.checkpoint.writeStatsAsJson": "false", "delta.isolationLevel": "writeserializable",
		"delta.columnMapping.mode": "id", "delta.dataSkippingNumIndexedCols": "-1", "delta.dataSkippingStatsColumns": "a,`b c`",
		"delta.parquet.compression.codec": "ZSTD", "delta.parquet.format.version": "2.9.0", "delta.targetFileSize": "128mb",
		"delta.setTransactionRetentionDuration": "interval 1 week 2 days", "delta.inCommitTimestampEnablementVersion": "7",
		"delta.inCommitTimestampEnablementTimestamp": "1700000000000", "delta.constraints.c": "a > 1", "my.key": "mine",
	}
	require.True(t, p.AppendOnly())
	require.Equal(t, 100, p.CheckpointInterval())
	require.Equal(t, "v2", p.CheckpointPolicy())
	require.False(t, p.CheckpointStatsAsJSON())
	require.Equal(t, "WriteSerializable", p.IsolationLevel())
	require.Equal(t, schema.MappingID, p.MappingMode())
	require.Equal(t, -1, p.NumIndexedColumns())
	require.Equal(t, "a,`b c`", p.StatsColumns())
	require.Equal(t, "zstd", p.Codec())
	require.True(t, p.DataPageV2())
	require.Equal(t, int64(128<<20), p.TargetFileSize())
	require.Equal(t, 9*24*time.Hour, p.TxnRetention())
	v, ms := p.InCommitTimestampStart()
	require.Equal(t, Version(7), v)
	require.Equal(t, int64(1700000000000), ms)
	require.Equal(t, min(int64(1)<<40, math.MaxInt), int64(Properties{"delta.checkpointInterval": "1099511627776"}.CheckpointInterval()))
	require.Equal(t, map[string]string{"c": "a > 1"}, p.Constraints())
	require.Equal(t, "mine", p["my.key"])
}

func TestIntervals(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]time.Duration{
		"interval 30 days": 30 * 24 * time.Hour, "INTERVAL 1 WEEK": 7 * 24 * time.Hour, "2 hours 30 minutes": 150 * time.Minute,
		"interval 0 seconds": 0, "interval 1 millisecond 5 microseconds": 1005 * time.Microsecond, "interval 9999999999 weeks": math.MaxInt64,
	} {
		got, err := parseInterval(in)
		require.NoError(t, err, in)
		require.Equal(t, want, got, in)
	}
	for _, in := range []string{"", "interval", "30", "days", "interval 1 month", "interval 1 year", "interval -1 days", "interval 1.5 days", "interval 1 days 2", "interval x days", "99999999999999999999 days"} {
		_, err := parseInterval(in)
		require.Error(t, err, in)
	}
}

func TestSizes(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]int64{"0": 0, "104857600": 104857600, "128mb": 128 << 20, "1 GB": 1 << 30, "2k": 2048, "5b": 5} {
		got, err := parseSize(in)
		require.NoError(t, err, in)
		require.Equal(t, want, got, in)
	}
	for _, in := range []string{"", "mb", "-1", "1.5gb", "9999999999tb"} {
		_, err := parseSize(in)
		require.Error(t, err, in)
	}
}

// A value that readers would not understand is refused before it is stored; one
// that is accepted is what its accessor returns.
func TestPropertiesThatWouldDoNothing(t *testing.T) {
	for key, bad := range map[string][]string{
		"delta.checkpointInterval":                   {"abc", "0", "-1", "1.5", ""},
		"delta.appendOnly":                           {"yes", "", "1"},
		"delta.checkpointPolicy":                     {"v3"},
		"delta.columnMapping.mode":                   {"names"},
		"delta.dataSkippingNumIndexedCols":           {"-2", "all"},
		"delta.logRetentionDuration":                 {"30", "1 month", "days 7"},
		"delta.setTransactionRetentionDuration":      {"-1 days"},
		"delta.targetFileSize":                       {"big", "-1"},
		"delta.isolationLevel":                       {"ReadCommitted"},
		"delta.CheckpointInterval":                   {"5"},
		"delta.enableDeletionvectors":                {"true"},
		"delta.inCommitTimestampEnablementTimestamp": {"today"},
	} {
		for _, v := range bad {
			require.ErrorContains(t, CheckProperty(key, v), key, "%q", v)
		}
	}
	for key, good := range map[string]string{
		"delta.checkpointInterval": "5", "delta.appendOnly": "TRUE", "delta.checkpointPolicy": "v2", "delta.columnMapping.mode": "Name",
		"delta.dataSkippingNumIndexedCols": "-1", "delta.logRetentionDuration": "interval 30 days", "delta.targetFileSize": "128mb",
		"delta.isolationLevel": "serializable", "delta.unknown": "?", "mine": "", "delta.constraints.x": "a > 1",
	} {
		require.NoError(t, CheckProperty(key, good), "%s = %s", key, good)
	}
}
