package fsck_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/delta/fsck"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
)

// A damage is done to a good table.
type damage struct {
	name string
	kind string // of the table; see kinds
	do   func(t *testing.T, st *memstore.Store)
	want []fsck.Code // all codes that are found, in order and each once
	path string      // of the first finding; empty: any
	says string      // what its detail has
	opts fsck.Options
}

// ordinary is an append after the first checkpoint.
const ordinary = 6

func checkpointFile(v int) string {
	return fmt.Sprintf("_delta_log/%020d.checkpoint.parquet", v)
}

func crcFile(v int) string { return fmt.Sprintf("_delta_log/%020d.crc", v) }

// line returns the line of a commit that holds an action.
func line(t *testing.T, st *memstore.Store, v int, action string) string {
	t.Helper()
	for l := range strings.Lines(read(t, st, commitFile(v))) {
		if strings.HasPrefix(l, `{"`+action+`"`) {
			return l
		}
	}
	t.Fatalf("version %d has no %s", v, action)
	return ""
}

var pathOf = regexp.MustCompile(`"path":"([^"]*)"`)

func addedBy(t *testing.T, st *memstore.Store, v int) string {
	t.Helper()
	return pathOf.FindStringSubmatch(line(t, st, v, "add"))[1]
}

// foreign makes a commit another engine's.
func foreign(t *testing.T, st *memstore.Store, v int) {
	t.Helper()
	edit(t, st, commitFile(v), `"engineInfo":"deltalog/`+txlog.Release+`"`, `"engineInfo":"other"`)
}

// appended adds lines to a commit.
func appended(t *testing.T, st *memstore.Store, v int, lines ...string) {
	t.Helper()
	write(t, st, commitFile(v), read(t, st, commitFile(v))+strings.Join(lines, ""))
}

// checkpointOf returns a checkpoint of another version.
func checkpointOf(t *testing.T, st *memstore.Store, v txlog.Version) string {
	t.Helper()
	return checkpointWith(t, st, v, env())
}

func checkpointWith(t *testing.T, st *memstore.Store, v txlog.Version, e *txlog.Env) string {
	t.Helper()
	c := st.Clone()
	drop(t, c, checkpointFile(4), checkpointFile(8), "_delta_log/_last_checkpoint")
	s, err := txlog.Load(t.Context(), c, &txlog.LoadOptions{Version: &v})
	require.NoError(t, err)
	_, err = s.WriteCheckpoint(t.Context(), &txlog.CheckpointOptions{Env: e})
	require.NoError(t, err)
	return read(t, c, checkpointFile(int(v)))
}

// editAdd changes the first add of a commit.
func editAdd(t *testing.T, st *memstore.Store, v int, pattern, to string) {
	t.Helper()
	add := line(t, st, v, "add")
	changed := regexp.MustCompile(pattern).ReplaceAllLiteralString(add, to)
	require.NotEqual(t, add, changed)
	edit(t, st, commitFile(v), add, changed)
}

func dropChecksums(t *testing.T, st *memstore.Store) {
	t.Helper()
	drop(t, st, names(st, func(n string) bool { return strings.HasSuffix(n, ".crc") })...)
}

var damages = []damage{
	{name: "a commit is missing", kind: "plain", do: func(t *testing.T, st *memstore.Store) {
		drop(t, st, commitFile(2), crcFile(2))
	}, want: []fsck.Code{fsck.LogGap}},
	{name: "a commit after the last checkpoint is missing", kind: "plain", do: func(t *testing.T, st *memstore.Store) {
		drop(t, st, checkpointFile(8), "_delta_log/_last_checkpoint", commitFile(6), crcFile(6))
	}, want: []fsck.Code{fsck.LogGap, fsck.LogUnusable}},
	{name: "the first commits are missing", kind: "plain", do: func(t *testing.T, st *memstore.Store) {
		drop(t, st, checkpointFile(4), checkpointFile(8), "_delta_log/_last_checkpoint", commitFile(0), commitFile(1))
	}, want: []fsck.Code{fsck.LogGap, fsck.LogUnusable}},
	{name: "clean-up was killed", kind: "plain", do: func(t *testing.T, st *memstore.Store) {
		drop(t, st, commitFile(0), crcFile(0), commitFile(2), crcFile(2), commitFile(3), crcFile(3))
	}, want: []fsck.Code{fsck.LogStray}, path: commitFile(1)},
	{name: "a delayed request made a cleaned up commit again, with another body", kind: "plain", do: func(t *testing.T, st *memstore.Store) {
		for v := range 3 {
			drop(t, st, commitFile(v), crcFile(v))
		}
		drop(t, st, crcFile(3))
		write(t, st, commitFile(3), strings.ReplaceAll(read(t, st, commitFile(3)), addedBy(t, st, 3), "loser.parquet"))
	}, want: []fsck.Code{fsck.LogContradicts}, path: checkpointFile(4)},
	{name: "a checksum of another body", kind: "plain", do: func(t *testing.T, st *memstore.Store) {
		edit(t, st, crcFile(6), `"txnId":"0`, `"txnId":"1`)
	}, want: []fsck.Code{fsck.LogTwoBodies}, path: crcFile(6)},
	{name: "a staged commit that was not published", kind: "plain", do: func(t *testing.T, st *memstore.Store) {
		write(t, st, "_delta_log/_staged_commits/"+fmt.Sprintf("%020d", 6)+".11111111-1111-4111-8111-111111111111.json", read(t, st, commitFile(5)))
	}, want: []fsck.Code{fsck.LogStaged}},
	{name: "a commit is cut off", kind: "plain", do: func(t *testing.T, st *memstore.Store) {
		s := read(t, st, commitFile(2))
		write(t, st, commitFile(2), s[:len(s)-20])
	}, want: []fsck.Code{fsck.CommitBad}, path: commitFile(2)},
	{name: "the newest commit is empty", kind: "plain", do: func(t *testing.T, st *memstore.Store) {
		drop(t, st, checkpointFile(8), "_delta_log/_last_checkpoint")
		write(t, st, commitFile(8), "")
	}, want: []fsck.Code{fsck.CommitBad, fsck.LogUnusable}, path: commitFile(8)},
	{name: "a commit adds a file twice", kind: "plain", do: func(t *testing.T, st *memstore.Store) {
		appended(t, st, ordinary, line(t, st, ordinary, "add"))
	}, want: []fsck.Code{fsck.CommitDuplicate}},
	{name: "a commit sets an application twice", kind: "plain", do: func(t *testing.T, st *memstore.Store) {
		appended(t, st, ordinary, line(t, st, ordinary, "txn"))
	}, want: []fsck.Code{fsck.CommitDuplicate}},
	{name: "a commit adds and removes a file", kind: "plain", do: func(t *testing.T, st *memstore.Store) {
		foreign(t, st, ordinary)
		appended(t, st, ordinary, `{"remove":{"path":"`+addedBy(t, st, ordinary)+`","dataChange":true}}`)
	}, want: []fsck.Code{fsck.CommitBoth, fsck.CommitAbsent}},
	{name: "our commit removes what is not there", kind: "plain", do: func(t *testing.T, st *memstore.Store) {
		appended(t, st, ordinary, `{"remove":{"path":"nothing.parquet","deletionTimestamp":0,"dataChange":true}}`)
	}, want: []fsck.Code{fsck.CommitAbsent}, path: "nothing.parquet"},
	{name: "a commit adds a live file again", kind: "plain", do: func(t *testing.T, st *memstore.Store) {
		write(t, st, commitFile(9), strings.ReplaceAll(read(t, st, commitFile(5)), `{"txn"`, `{"other"`))
		drop(t, st, crcFile(9))
	}, want: []fsck.Code{fsck.CommitAgain}},
	{name: "a file is live twice", kind: "vectors", do: func(t *testing.T, st *memstore.Store) {
		add := line(t, st, 7, "add")
		require.Contains(t, add, "deletionVector")
		s := read(t, st, commitFile(7))
		write(t, st, commitFile(7), strings.Replace(s, line(t, st, 7, "remove"), "", 1))
		drop(t, st, checkpointFile(8), "_delta_log/_last_checkpoint")
		dropChecksums(t, st)
	}, want: []fsck.Code{fsck.CommitDoubled}},
	{name: "in-commit timestamps stand still", kind: "timestamps", do: func(t *testing.T, st *memstore.Store) {
		s := read(t, st, commitFile(5))
		at := regexp.MustCompile(`"inCommitTimestamp":\d+`)
		write(t, st, commitFile(ordinary), at.ReplaceAllString(read(t, st, commitFile(ordinary)), at.FindString(s)))
		drop(t, st, crcFile(ordinary))
	}, want: []fsck.Code{fsck.CommitTime}, path: commitFile(ordinary)},
	{name: "a commit has no in-commit timestamp", kind: "timestamps", do: func(t *testing.T, st *memstore.Store) {
		edit(t, st, commitFile(ordinary), `"inCommitTimestamp"`, `"other"`)
	}, want: []fsck.Code{fsck.CommitTime}},
	{name: "commitInfo is not first", kind: "timestamps", do: func(t *testing.T, st *memstore.Store) {
		info := line(t, st, ordinary, "commitInfo")
		write(t, st, commitFile(ordinary), strings.Replace(read(t, st, commitFile(ordinary)), info, "", 1)+info)
	}, want: []fsck.Code{fsck.CommitTime}},

	{name: "a checkpoint is cut off", kind: "plain", do: func(t *testing.T, st *memstore.Store) {
		write(t, st, checkpointFile(8), read(t, st, checkpointFile(8))[:500])
	}, want: []fsck.Code{fsck.CheckpointBad, fsck.HintStale, fsck.ReaderFallback}, path: checkpointFile(8)},
	{name: "half of a checkpoint", kind: "plain", do: func(t *testing.T, st *memstore.Store) {
		write(t, st, "_delta_log/00000000000000000006.checkpoint.0000000001.0000000002.parquet", "half")
	}, want: []fsck.Code{fsck.CheckpointPartial}},
	{name: "an empty checkpoint", kind: "plain", do: func(t *testing.T, st *memstore.Store) {
		write(t, st, checkpointFile(5), "")
	}, want: []fsck.Code{fsck.CheckpointPartial}, path: checkpointFile(5)},
	{name: "a checkpoint of another version", kind: "plain", do: func(t *testing.T, st *memstore.Store) {
		write(t, st, checkpointFile(6), read(t, st, checkpointFile(4)))
	}, want: []fsck.Code{fsck.CheckpointDiffers}, path: checkpointFile(6)},
	{name: "a checkpoint that has more than the commits", kind: "plain", do: func(t *testing.T, st *memstore.Store) {
		write(t, st, checkpointFile(4), checkpointOf(t, st, 6))
	}, want: []fsck.Code{fsck.CheckpointDiffers}, path: checkpointFile(4), says: "it has files that were removed or never added (2): part-"},
	{name: "a checkpoint that has less than the commits", kind: "plain", do: func(t *testing.T, st *memstore.Store) {
		write(t, st, checkpointFile(4), checkpointOf(t, st, 2))
	}, want: []fsck.Code{fsck.CheckpointDiffers}, path: checkpointFile(4), says: "lacking are part-"},
	{name: "a checkpoint without a tombstone that has not expired", kind: "plain", do: func(t *testing.T, st *memstore.Store) {
		late := env()
		late.Now = func() time.Time { return noon.AddDate(0, 1, 0) }
		write(t, st, checkpointFile(8), checkpointWith(t, st, 8, late))
		drop(t, st, "_delta_log/_last_checkpoint")
	}, want: []fsck.Code{fsck.CheckpointDiffers}, path: checkpointFile(8), says: "it lacks tombstones of 1 removed file"},
	{name: "a checkpoint that lacks a file, after clean-up", kind: "plain", do: func(t *testing.T, st *memstore.Store) {
		write(t, st, checkpointFile(8), checkpointOf(t, st, 6))
		for v := range 4 {
			drop(t, st, commitFile(v), crcFile(v))
		}
	}, want: []fsck.Code{fsck.CheckpointDiffers, fsck.HintStale, fsck.ReaderFallback}, path: checkpointFile(8), says: "replaying the commits"},
	{name: "a commit that was changed under a checkpoint", kind: "partitioned", do: func(t *testing.T, st *memstore.Store) {
		edit(t, st, commitFile(3), `"size":`, `"size":9`)
		dropChecksums(t, st)
	}, want: []fsck.Code{fsck.CheckpointDiffers}, path: checkpointFile(4), says: "something else of 1 file"},
	{name: "a compaction that lacks a commit", kind: "plain", do: func(t *testing.T, st *memstore.Store) {
		write(t, st, "_delta_log/00000000000000000005.00000000000000000006.compacted.json", line(t, st, 5, "add")+line(t, st, 5, "txn"))
	}, want: []fsck.Code{fsck.CompactionDiffers}},
	{name: "a compaction that lacks a file", kind: "plain", do: func(t *testing.T, st *memstore.Store) {
		write(t, st, "_delta_log/00000000000000000005.00000000000000000006.compacted.json", line(t, st, 5, "add")+line(t, st, 5, "txn")+line(t, st, 6, "txn"))
	}, want: []fsck.Code{fsck.CompactionDiffers}, says: "1 file action of the commits it does not have"},
	{name: "a compaction that is not JSON", kind: "plain", do: func(t *testing.T, st *memstore.Store) {
		write(t, st, "_delta_log/00000000000000000001.00000000000000000002.compacted.json", "{")
	}, want: []fsck.Code{fsck.CompactionBad}},
	{name: "a checksum that is not JSON", kind: "plain", do: func(t *testing.T, st *memstore.Store) {
		write(t, st, crcFile(3), "nothing")
	}, want: []fsck.Code{fsck.ChecksumBad}},
	{name: "a checksum that counts other files", kind: "plain", do: func(t *testing.T, st *memstore.Store) {
		edit(t, st, crcFile(3), `"numFiles":3`, `"numFiles":2`)
	}, want: []fsck.Code{fsck.ChecksumDiffers}},
	{name: "a hint that is cut off", kind: "plain", do: func(t *testing.T, st *memstore.Store) {
		write(t, st, "_delta_log/_last_checkpoint", `{"version"`)
	}, want: []fsck.Code{fsck.HintBad, fsck.ReaderFallback}},
	{name: "a hint to a checkpoint that is not there", kind: "plain", do: func(t *testing.T, st *memstore.Store) {
		write(t, st, "_delta_log/_last_checkpoint", `{"version":3,"size":1}`)
	}, want: []fsck.Code{fsck.HintStale}},
	{name: "a hint to an older checkpoint", kind: "plain", do: func(t *testing.T, st *memstore.Store) {
		write(t, st, "_delta_log/_last_checkpoint", `{"version":4,"size":-1}`)
	}, want: []fsck.Code{fsck.HintStale}},

	{name: "a file is missing", kind: "plain", do: func(t *testing.T, st *memstore.Store) {
		drop(t, st, addedBy(t, st, ordinary))
	}, want: []fsck.Code{fsck.DataMissing}},
	{name: "a file is cut off", kind: "plain", do: func(t *testing.T, st *memstore.Store) {
		name := addedBy(t, st, ordinary)
		write(t, st, name, read(t, st, name)[:100])
	}, want: []fsck.Code{fsck.DataSize, fsck.DataUnreadable}},
	{name: "a file is not Parquet", kind: "plain", do: func(t *testing.T, st *memstore.Store) {
		name := addedBy(t, st, ordinary)
		write(t, st, name, strings.Repeat("x", len(read(t, st, name))))
	}, want: []fsck.Code{fsck.DataUnreadable}},
	{name: "a file has other rows than the log says", kind: "plain", do: func(t *testing.T, st *memstore.Store) {
		edit(t, st, commitFile(9), `\"numRecords\":30`, `\"numRecords\":31`)
	}, want: []fsck.Code{fsck.DataRows}},
	{name: "statistics are not JSON", kind: "plain", do: func(t *testing.T, st *memstore.Store) {
		edit(t, st, commitFile(9), `"stats":"{`, `"stats":"`)
	}, want: []fsck.Code{fsck.StatsBad}},
	{name: "a path that leads out of the table", kind: "plain", do: func(t *testing.T, st *memstore.Store) {
		appended(t, st, 9, `{"add":{"path":"../x","partitionValues":{},"size":1,"modificationTime":0,"dataChange":true}}`)
		drop(t, st, crcFile(9))
	}, want: []fsck.Code{fsck.DataPath}, path: "../x"},
	{name: "a file of another table", kind: "plain", do: func(t *testing.T, st *memstore.Store) {
		appended(t, st, 9, `{"add":{"path":"s3://other/x","partitionValues":{},"size":1,"modificationTime":0,"dataChange":true}}`)
		drop(t, st, crcFile(9))
	}, want: []fsck.Code{fsck.DataOutside}, path: "s3://other/x"},
	{name: "a deletion vector is missing", kind: "vectors", do: func(t *testing.T, st *memstore.Store) {
		drop(t, st, names(st, func(n string) bool { return strings.HasSuffix(n, ".bin") })...)
	}, want: []fsck.Code{fsck.VectorMissing}},
	{name: "a deletion vector is damaged", kind: "vectors", do: func(t *testing.T, st *memstore.Store) {
		for _, n := range names(st, func(n string) bool { return strings.HasSuffix(n, ".bin") }) {
			write(t, st, n, strings.Repeat("x", len(read(t, st, n))))
		}
	}, want: []fsck.Code{fsck.VectorBad}},
	{name: "a partition value of another type", kind: "partitioned", do: func(t *testing.T, st *memstore.Store) {
		edit(t, st, commitFile(0), `\"name\":\"ds\",\"type\":\"string\"`, `\"name\":\"ds\",\"type\":\"date\"`)
		drop(t, st, checkpointFile(4), checkpointFile(8), "_delta_log/_last_checkpoint")
		dropChecksums(t, st)
	}, want: []fsck.Code{fsck.PartitionBad}},
	{name: "a file without its partition value", kind: "partitioned", do: func(t *testing.T, st *memstore.Store) {
		editAdd(t, st, 9, `"partitionValues":{"ds":"d1"}`, `"partitionValues":{}`)
	}, want: []fsck.Code{fsck.PartitionBad}},
	{name: "a file without row ids", kind: "row tracking", do: func(t *testing.T, st *memstore.Store) {
		editAdd(t, st, 9, `"baseRowId":\d+,`, ``)
	}, want: []fsck.Code{fsck.RowIDMissing}},
	{name: "row ids twice", kind: "row tracking", do: func(t *testing.T, st *memstore.Store) {
		editAdd(t, st, 9, `"baseRowId":\d+`, `"baseRowId":0`)
	}, want: []fsck.Code{fsck.RowIDOverlap}},
	{name: "row ids beyond the mark", kind: "row tracking", do: func(t *testing.T, st *memstore.Store) {
		editAdd(t, st, 9, `"baseRowId":\d+`, `"baseRowId":1000`)
	}, want: []fsck.Code{fsck.RowIDMark}},
	{name: "a bound that a value is beyond", kind: "plain", opts: fsck.Options{Depth: fsck.Rows}, do: func(t *testing.T, st *memstore.Store) {
		editAdd(t, st, 9, `\\"id\\":429`, `\"id\":428`)
	}, want: []fsck.Code{fsck.StatsBounds}},
	{name: "a wrong number of nulls", kind: "plain", opts: fsck.Options{Depth: fsck.Rows}, do: func(t *testing.T, st *memstore.Store) {
		editAdd(t, st, 9, `\\"extra\\":30`, `\"extra\":29`)
	}, want: []fsck.Code{fsck.StatsNulls}},
	{name: "rows that break a constraint", kind: "constraints", opts: fsck.Options{Depth: fsck.Rows}, do: func(t *testing.T, st *memstore.Store) {
		edit(t, st, commitFile(0), `"delta.constraints.positive":"id >= 0"`, `"delta.constraints.positive":"id > 7"`)
		drop(t, st, checkpointFile(4), checkpointFile(8), "_delta_log/_last_checkpoint")
		dropChecksums(t, st)
	}, want: []fsck.Code{fsck.RuleBroken}},
	{name: "a null where there must be none", kind: "plain", opts: fsck.Options{Depth: fsck.Rows}, do: func(t *testing.T, st *memstore.Store) {
		edit(t, st, commitFile(0), `\"name\":\"extra\",\"type\":\"long\",\"nullable\":true`, `\"name\":\"extra\",\"type\":\"long\",\"nullable\":false`)
		drop(t, st, checkpointFile(4), checkpointFile(8), "_delta_log/_last_checkpoint")
		dropChecksums(t, st)
	}, want: []fsck.Code{fsck.RuleBroken}},
	{name: "a file of an older version is missing", kind: "plain", opts: fsck.Options{History: true}, do: func(t *testing.T, st *memstore.Store) {
		drop(t, st, pathOf.FindStringSubmatch(line(t, st, 7, "remove"))[1])
	}, want: []fsck.Code{fsck.HistoryMissing}},
	{name: "a file of an older version was vacuumed", kind: "plain", opts: fsck.Options{History: true}, do: func(t *testing.T, st *memstore.Store) {
		rm := line(t, st, 7, "remove")
		drop(t, st, pathOf.FindStringSubmatch(rm)[1], checkpointFile(8), "_delta_log/_last_checkpoint")
		edit(t, st, commitFile(7), regexp.MustCompile(`"deletionTimestamp":\d+`).FindString(rm), `"deletionTimestamp":1000`)
	}, want: []fsck.Code{fsck.HistoryVacuum}},
	{name: "recorded changes are missing", kind: "changes", opts: fsck.Options{History: true}, do: func(t *testing.T, st *memstore.Store) {
		drop(t, st, pathOf.FindStringSubmatch(line(t, st, 9, "cdc"))[1])
	}, want: []fsck.Code{fsck.ChangesMissing}},
}

func TestDamage(t *testing.T) {
	t.Parallel()
	tables := map[string]*memstore.Store{}
	for _, d := range damages {
		if tables[d.kind] == nil {
			tables[d.kind] = good(t, d.kind)
		}
	}
	for _, d := range damages {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			st := tables[d.kind].Clone()
			d.do(t, st)
			r := run(t, st, &d.opts)
			var codes []fsck.Code
			for _, f := range r.Findings {
				if !slices.Contains(codes, f.Code) {
					codes = append(codes, f.Code)
				}
				require.NotEmpty(t, f.Detail)
				require.NotEmpty(t, f.Do)
			}
			require.Equal(t, d.want, codes, "%v", r.Findings)
			if d.path != "" {
				require.Equal(t, d.path, r.Findings[0].Path)
			}
			require.Contains(t, r.Findings[0].Detail, d.says)
			require.Equal(t, r.Errors > 0, r.Err() != nil)
			if err := r.Err(); err != nil {
				require.ErrorIs(t, err, txlog.ErrCorrupt)
			}
		})
	}
}

// Every code is found in some table that was damaged for it.
func TestEveryCodeIsFound(t *testing.T) {
	t.Parallel()
	for _, c := range fsck.Codes() {
		found := slices.ContainsFunc(damages, func(d damage) bool { return slices.Contains(d.want, c.Code) })
		require.True(t, found, "no table was damaged for %s", c.Code)
	}
}
