package interop

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// A step is one write to a table.
type step struct {
	verb       string // append, replace-partition, reload
	dataset    string
	args       Args
	flags      []string
	partitions [][]string // what a static replacement declares, as canonical JSON; flags say the same to deltactl
}

// A kind is a kind of table that deltactl writes.
type kind struct {
	name      string
	partition []string
	create    []string // flags of the first write besides --create and --partition-by
	steps     []step
	// after changes the log between the last write and the reads.
	after func(t *testing.T, table string)
	// gone is the first version that can be read after after. The first write is
	// version 0.
	gone int64
}

func days(d ...string) Args { return Args{"days": append([]string{}, d...)} }

func with(a Args, more Args) Args {
	out := Args{}
	for k, v := range a {
		out[k] = v
	}
	for k, v := range more {
		out[k] = v
	}
	return out
}

var primitiveTypes = []string{"flag", "i8", "i16", "i32", "i64", "f32", "f64", "dec9", "dec18", "dec38", "text", "raw", "day", "at", "wall"}

func kinds() []kind {
	all := []kind{
		{name: "types", steps: []step{{verb: "append", dataset: "types"}, {verb: "append", dataset: "types", args: Args{"first": 60}}}},
		{name: "types-near", steps: []step{{verb: "append", dataset: "types", args: Args{"far": false}}}},
		{name: "nulls", steps: []step{{verb: "append", dataset: "nulls"}, {verb: "append", dataset: "types", args: Args{"far": false}}}},
		{name: "nested", steps: []step{{verb: "append", dataset: "nested"}, {verb: "append", dataset: "nested", args: Args{"first": 100}}}},
		{name: "decimals", steps: []step{{verb: "append", dataset: "all_decimals"}}},
		{name: "long-texts", steps: []step{{verb: "append", dataset: "long_texts"}}},
		{name: "names", steps: []step{{verb: "append", dataset: "names"}}},
		{name: "wide", steps: []step{{verb: "append", dataset: "wide"}}},
		{name: "large", steps: []step{{verb: "append", dataset: "large"}}},
		{name: "reloaded", steps: []step{
			{verb: "append", dataset: "orders", args: days("2026-01-01", "2026-01-02")},
			{verb: "reload", dataset: "orders", args: with(days("2026-01-03"), Args{"tag": "all new"})},
			{verb: "append", dataset: "orders", args: days("2026-01-01")},
		}},
		{name: "replaced", partition: []string{"day"}, steps: []step{
			{verb: "append", dataset: "orders", args: with(days("2026-01-01", "2026-01-02", "2026-01-03"), Args{"days_null": 3})},
			{verb: "replace-partition", dataset: "orders", args: with(days("2026-01-02", "2026-01-04"), Args{"tag": "again", "rows": 7})},
			{
				verb: "replace-partition", dataset: "orders", args: with(days("2026-01-03"), Args{"tag": "static"}),
				flags: []string{"--partition", "day=2026-01-03", "--partition", "day=2026-01-01"}, partitions: [][]string{{`"2026-01-03"`}, {`"2026-01-01"`}},
			},
			{
				verb: "replace-partition", dataset: "orders", args: with(days(), Args{"tag": "null", "days_null": 5}),
				flags: []string{"--partition", "day=__null__"}, partitions: [][]string{{`null`}},
			},
			{verb: "reload", dataset: "orders", args: with(days("2026-02-01", "2026-02-02"), Args{"tag": "reloaded", "days_null": 1})},
		}},
		{name: "two-partitions", partition: []string{"day", "zone"}, steps: []step{
			{verb: "append", dataset: "two_partitions"},
			{verb: "replace-partition", dataset: "two_partitions", args: Args{"first": 500}},
			{verb: "append", dataset: "two_partitions", args: Args{"first": 900}},
		}},
		{name: "evolved", partition: []string{"day"}, steps: []step{
			{verb: "append", dataset: "orders", args: days("2026-01-01")},
			{verb: "append", dataset: "orders", args: with(days("2026-01-02"), Args{"extra": true}), flags: []string{"--schema-mode", "merge"}},
			{verb: "append", dataset: "orders", args: days("2026-01-03")},
		}},
		{name: "checkpointed", partition: []string{"day"}, steps: append([]step{
			{verb: "append", dataset: "orders", args: days("2026-01-01", "2026-01-02")},
			{verb: "replace-partition", dataset: "orders", args: with(days("2026-01-02"), Args{"tag": "again"})},
		}, appends(11)...), after: removeBeforeCheckpoint, gone: 10},
		{name: "checkpointed-types", steps: []step{{verb: "append", dataset: "types", args: Args{"far": false}}, {verb: "append", dataset: "types", args: Args{"far": false}}}, after: checkpointAndRemove, gone: 1},
		{name: "checkpointed-nested", steps: []step{{verb: "append", dataset: "nested"}, {verb: "append", dataset: "nested"}}, after: checkpointAndRemove, gone: 1},
	}
	for _, mode := range []string{"name", "id"} {
		mapped := []string{"--property", "delta.columnMapping.mode=" + mode}
		all = append(all,
			kind{name: "mapped-" + mode, partition: []string{"part of: a/b"}, create: mapped, steps: []step{
				{verb: "append", dataset: "odd_names"},
				{verb: "append", dataset: "odd_names", args: Args{"first": 10, "extra": true}, flags: []string{"--schema-mode", "merge"}},
				{verb: "replace-partition", dataset: "odd_names", args: Args{"first": 20, "parts": []string{"a/b"}}},
			}},
			kind{name: "mapped-types-" + mode, create: mapped, steps: []step{{verb: "append", dataset: "types", args: Args{"far": false}}}},
			kind{name: "mapped-nested-" + mode, create: mapped, steps: []step{{verb: "append", dataset: "nested"}, {verb: "reload", dataset: "nested", args: Args{"first": 50}}}, after: checkpointAndRemove, gone: 1},
		)
	}
	for name, properties := range map[string][]string{
		"in-commit-timestamps": {"delta.enableInCommitTimestamps=true"},
		"row-tracking":         {"delta.enableRowTracking=true"},
		"checkpoints-v2":       {"delta.checkpointPolicy=v2"},
		"vectors-allowed":      {"delta.enableDeletionVectors=true"},
		"all-features":         {"delta.enableInCommitTimestamps=true", "delta.enableRowTracking=true", "delta.checkpointPolicy=v2", "delta.enableDeletionVectors=true", "delta.columnMapping.mode=name"},
	} {
		k := kind{name: name, partition: []string{"day"}, steps: []step{
			{verb: "append", dataset: "orders", args: days("2026-01-01", "2026-01-02")},
			{verb: "replace-partition", dataset: "orders", args: with(days("2026-01-02"), Args{"tag": "again"})},
			{verb: "append", dataset: "orders", args: days("2026-01-03")},
		}}
		for _, p := range properties {
			k.create = append(k.create, "--property", p)
		}
		all = append(all, k)
		k.name, k.after, k.gone = name+"-checkpointed", checkpointAndRemove, int64(len(k.steps)-1)
		all = append(all, k)
	}
	for _, codec := range []string{"uncompressed", "snappy", "gzip", "zstd", "lz4_raw"} {
		all = append(all, kind{name: "codec-" + codec, create: []string{"--property", "delta.parquet.compression.codec=" + codec}, steps: []step{
			{verb: "append", dataset: "large", args: Args{"n": 3000}},
		}})
	}
	for _, p := range primitiveTypes {
		all = append(all, kind{name: "partition-" + p, partition: []string{"p"}, steps: []step{
			{verb: "append", dataset: "partition_values", args: Args{"type": p}},
			{verb: "replace-partition", dataset: "partition_values", args: Args{"type": p, "first": 1000, "copies": 1}},
		}})
	}
	return all
}

func appends(n int) []step {
	var all []step
	for i := range n {
		all = append(all, step{verb: "append", dataset: "orders", args: with(days(fmt.Sprintf("2026-01-%02d", 3+i)), Args{"rows": 3})})
	}
	return all
}

// removeBeforeCheckpoint deletes the JSON commits that the newest checkpoint covers.
func removeBeforeCheckpoint(t *testing.T, table string) {
	found, err := filepath.Glob(filepath.Join(table, "_delta_log", "*.checkpoint.parquet"))
	require.NoError(t, err)
	require.NotEmpty(t, found, "no checkpoint")
	newest := filepath.Base(slices.Max(found))[:20]
	commits, err := filepath.Glob(filepath.Join(table, "_delta_log", "*.json"))
	require.NoError(t, err)
	removed := 0
	for _, c := range commits {
		if filepath.Base(c)[:20] < newest {
			require.NoError(t, os.Remove(c))
			removed++
		}
	}
	require.NotZero(t, removed)
}

func checkpointAndRemove(t *testing.T, table string) {
	r, err := product(t).Run("checkpoint", table)
	require.NoError(t, err)
	require.Equal(t, ExitOK, r.Code, "%s", r)
	removeBeforeCheckpoint(t, table)
}

// write makes a table of a kind and returns what it should hold at each version.
func (k kind) write(t *testing.T, table string) *model {
	m := newModel(t, k.partition)
	m.oneZero = true
	for i, s := range k.steps {
		in := makeInput(t, "arrow", s.dataset, s.args)
		args := append([]string{s.verb, table, "--from", in.path}, s.flags...)
		if i == 0 {
			args = append(args, "--create")
			args = append(args, k.create...)
			for _, p := range k.partition {
				args = append(args, "--partition-by", p)
			}
		}
		w, err := product(t).Write(args...)
		require.NoError(t, err)
		require.Equal(t, "committed", w.State)
		require.EqualValues(t, i, w.Version)
		require.EqualValues(t, len(in.rows.Lines), w.RowsAdded)
		switch s.verb {
		case "append":
			m.append(in.rows)
		case "replace-partition":
			m.replace(in.rows, s.partitions...)
		case "reload":
			m.reload(in.rows)
		}
		m.commit(w.Version)
	}
	if k.after != nil {
		k.after(t, table)
	}
	return m
}

// TestEnginesReadWhatWeWrite compares, for every kind of table and every
// version of it, what deltactl and each engine read with what was put in.
func TestEnginesReadWhatWeWrite(t *testing.T) {
	t.Parallel()
	for _, k := range kinds() {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			table := newTable(t)
			m := k.write(t, table)
			newest := int64(len(k.steps) - 1)
			for v, want := range m.versions {
				if v < k.gone || v == newest {
					continue
				}
				require.Empty(t, Diff(want, export(t, fmt.Sprintf("%s@v%d", table, v))), "deltactl at version %d", v)
				for _, j := range judges {
					judge(t, j, k.name, table, At(v), want)
				}
			}
			require.Contains(t, m.versions, newest)
			require.Empty(t, Diff(m.versions[newest], export(t, table)))
			for _, j := range judges {
				judge(t, j, k.name, table, nil, m.versions[newest])
			}
		})
	}
}
