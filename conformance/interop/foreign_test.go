package interop

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// writers are the engines that write tables for us to read.
var writers = []string{"spark", "deltars"}

// A foreign table is one that another engine writes.
type foreign struct {
	name      string
	dataset   string
	args      Args
	partition []string
}

func foreigns() []foreign {
	all := []foreign{
		{name: "types", dataset: "types"},
		{name: "types-near", dataset: "types", args: Args{"far": false}},
		{name: "nulls", dataset: "nulls"},
		{name: "nested", dataset: "nested"},
		{name: "decimals", dataset: "all_decimals"},
		{name: "long-texts", dataset: "long_texts"},
		{name: "wide", dataset: "wide"},
		{name: "large", dataset: "large", args: Args{"n": 50_000}},
		{name: "two-partitions", dataset: "two_partitions", partition: []string{"day", "zone"}},
	}
	for _, p := range primitiveTypes {
		all = append(all, foreign{name: "partition-" + p, dataset: "partition_values", args: Args{"type": p}, partition: []string{"p"}})
	}
	return all
}

// TestWeReadWhatEnginesWrite has each engine write each kind of data, and
// requires that deltactl reads what was put in, as the writer itself does.
func TestWeReadWhatEnginesWrite(t *testing.T) {
	t.Parallel()
	for _, w := range writers {
		for _, f := range foreigns() {
			t.Run(w+"-"+f.name, func(t *testing.T) {
				t.Parallel()
				table := newTable(t)
				in := makeInput(t, "parquet", f.dataset, f.args)
				m := newModel(t, f.partition)
				m.append(in.rows)
				args := Args{"path": table, "source": in.path, "mode": "append", "partition_by": f.partition}
				if l := refusesToWrite(w, f.name); l != nil {
					var refused *EngineError
					require.ErrorAs(t, engine(t, w).Do("write", args, nil), &refused)
					require.Contains(t, refused.Message, l.refuses, "%s", l.why)
					return
				}
				require.NoError(t, engine(t, w).Do("write", args, nil))
				judge(t, w, w+"-wrote-"+f.name, table, nil, m.rows)
				judge(t, "deltactl", w+"-wrote-"+f.name, table, nil, m.rows)
			})
		}
	}
}

// writeLimits are tables that an engine does not write.
var writeLimits = []limit{
	{engine: "deltars", table: "partition-dec9", refuses: "Failed to parse value", why: "negative decimals as partition values"},
	{engine: "deltars", table: "partition-dec38", refuses: "Failed to parse value", why: "negative decimals as partition values"},
	{engine: "deltars", table: "partition-f64", refuses: "Unable to open file", why: "its directory for 5e-324 has a longer name than file systems allow"},
}

func refusesToWrite(engine, table string) *limit {
	for i, l := range writeLimits {
		if l.engine == engine && l.table == table {
			return &writeLimits[i]
		}
	}
	return nil
}

// TestEnginesAndWeWriteOneTable has deltactl, Spark and delta-rs write to one
// table in turn, each on what the others left.
func TestEnginesAndWeWriteOneTable(t *testing.T) {
	t.Parallel()
	p := product(t)
	for _, first := range []string{"us", "spark", "deltars"} {
		t.Run(first+"-first", func(t *testing.T) {
			t.Parallel()
			table := newTable(t)
			m := newModel(t, []string{"day"})
			n := 0
			put := func(who, verb string, days ...string) {
				n++
				ending := "parquet"
				in := makeInput(t, ending, "orders", Args{"days": days, "rows": 5, "tag": fmt.Sprint(n), "first": n * 1000})
				if who != "us" {
					args := Args{"path": table, "source": in.path, "mode": "append", "partition_by": []string{"day"}}
					require.NoError(t, engine(t, who).Do("write", args, nil))
					m.append(in.rows)
					return
				}
				args := []string{verb, table, "--from", in.path}
				if n == 1 {
					args = append(args, "--create", "--partition-by", "day")
				}
				w, err := p.Write(args...)
				require.NoError(t, err)
				require.EqualValues(t, n-1, w.Version)
				if verb == "append" {
					m.append(in.rows)
				} else {
					m.replace(in.rows)
				}
			}
			check := func() {
				require.Empty(t, Diff(m.rows, export(t, table)))
				for _, j := range judges {
					judge(t, j, "mixed", table, nil, m.rows)
				}
			}
			put(first, "append", "2026-01-01", "2026-01-02")
			put("us", "append", "2026-01-02")
			put("deltars", "append", "2026-01-01", "2026-01-03")
			put("us", "replace-partition", "2026-01-01")
			put("spark", "append", "2026-01-01")
			check()
			put("us", "replace-partition", "2026-01-01", "2026-01-04")
			for range 6 {
				put("us", "append", "2026-01-05")
			}
			put("spark", "append", "2026-01-05") // reads our checkpoint of version 10, if we wrote one
			put("deltars", "append", "2026-01-06")
			check()
		})
	}
}

// TestDeletionVectorsAndMappingOfSpark reads and appends to tables with features
// that deltactl does not turn on by itself.
func TestDeletionVectorsAndMappingOfSpark(t *testing.T) {
	t.Parallel()
	spark := engine(t, "spark")
	for name, statements := range map[string][]string{
		"deletion vectors": {
			"CREATE TABLE {t} (id BIGINT, p INT, s STRING) USING DELTA PARTITIONED BY (p) TBLPROPERTIES ('delta.enableDeletionVectors'='true')",
			"INSERT INTO {t} SELECT id, CAST(id % 3 AS INT), concat('s', id) FROM range(3000)",
			"DELETE FROM {t} WHERE id % 7 = 0",
			"DELETE FROM {t} WHERE id BETWEEN 1000 AND 1400",
			"UPDATE {t} SET s = 'changed' WHERE id % 11 = 0",
		},
		"column mapping by name": {
			"CREATE TABLE {t} (`a b` BIGINT, st STRUCT<`x y`: INT, z: ARRAY<STRUCT<q: STRING>>>, p STRING) USING DELTA PARTITIONED BY (p) TBLPROPERTIES ('delta.columnMapping.mode'='name')",
			"INSERT INTO {t} VALUES (1, named_struct('x y', 1, 'z', array(named_struct('q', 'v'), NULL)), 'a/b'), (NULL, NULL, NULL)",
			"ALTER TABLE {t} RENAME COLUMN `a b` TO `c;d`",
			"ALTER TABLE {t} ADD COLUMN added DATE",
			"INSERT INTO {t} (`c;d`, st, p, added) VALUES (2, NULL, 'x', date'2026-01-01')",
			"ALTER TABLE {t} DROP COLUMN st",
		},
		"column mapping by id": {
			"CREATE TABLE {t} (a BIGINT, st STRUCT<x: INT, y: STRING>) USING DELTA TBLPROPERTIES ('delta.columnMapping.mode'='id')",
			"INSERT INTO {t} VALUES (1, named_struct('x', 1, 'y', 'why'))",
			"ALTER TABLE {t} RENAME COLUMN st.x TO renamed",
			"INSERT INTO {t} VALUES (2, named_struct('renamed', 2, 'y', NULL))",
		},
		"version 2 checkpoints": {
			"CREATE TABLE {t} (id BIGINT) USING DELTA TBLPROPERTIES ('delta.checkpointPolicy'='v2', 'delta.checkpointInterval'='2')",
			"INSERT INTO {t} VALUES (1)", "INSERT INTO {t} VALUES (2)", "INSERT INTO {t} VALUES (3)",
		},
		"in-commit timestamps and row tracking": {
			"CREATE TABLE {t} (id BIGINT) USING DELTA TBLPROPERTIES ('delta.enableInCommitTimestamps'='true', 'delta.enableRowTracking'='true')",
			"INSERT INTO {t} VALUES (1), (2)", "DELETE FROM {t} WHERE id = 1",
		},
		"restored": {
			"CREATE TABLE {t} (id BIGINT) USING DELTA", "INSERT INTO {t} VALUES (1)", "INSERT INTO {t} VALUES (2)", "RESTORE TABLE {t} TO VERSION AS OF 1",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			table := newTable(t)
			require.NoError(t, spark.Do("sql", Args{"statements": in(table, statements)}, nil))
			want, err := spark.Read(table, nil)
			require.NoError(t, err)
			require.NotEmpty(t, want.Lines)
			require.Empty(t, Diff(want, export(t, table)))
			// What we read, added again and once more, is there three times for Spark too.
			again := filepath.Join(t.TempDir(), "again.arrow")
			r, err := product(t).Run("export", table, "--to", again)
			require.NoError(t, err)
			require.Equal(t, ExitOK, r.Code, "%s", r)
			for _, key := range []string{"one", "two"} {
				_, err = product(t).Write("append", table, "--from", again, "--key", key)
				require.NoError(t, err)
			}
			want = Concat(want, want, want)
			require.Empty(t, Diff(want, export(t, table)))
			judge(t, "spark", name, table, nil, want)
		})
	}
}

// in puts the table into statements.
func in(table string, statements []string) []string {
	out := make([]string, len(statements))
	for i, s := range statements {
		out[i] = strings.ReplaceAll(s, "{t}", "delta.`"+table+"`")
	}
	return out
}

// TestSequencesAreSharedWithSpark uses one application id from both sides: who
// comes second with a version that was committed writes nothing.
func TestSequencesAreSharedWithSpark(t *testing.T) {
	t.Parallel()
	p, spark := product(t), engine(t, "spark")
	table := newTable(t)
	m := newModel(t, nil)
	delivery := func(n int) input {
		return makeInput(t, "parquet", "orders", Args{"days": []string{"2026-01-01"}, "rows": 4, "first": n})
	}
	ours := func(in input, version int) string {
		args := []string{"append", table, "--from", in.path, "--txn", "stream:" + strconv.Itoa(version)}
		if version == 1 {
			args = append(args, "--create")
		}
		w, err := p.Write(args...)
		require.NoError(t, err)
		return w.State
	}
	theirs := func(in input, version int) {
		options := Args{"txnAppId": "stream", "txnVersion": strconv.Itoa(version)}
		require.NoError(t, spark.Do("write", Args{"path": table, "source": in.path, "mode": "append", "options": options}, nil))
	}
	a, b, c := delivery(0), delivery(100), delivery(200)
	require.Equal(t, "committed", ours(a, 1))
	m.append(a.rows)
	theirs(b, 1) // already there: Spark leaves it out
	require.Empty(t, Diff(m.rows, export(t, table)))
	theirs(b, 2)
	m.append(b.rows)
	require.Equal(t, "already_applied", ours(b, 2))
	require.Empty(t, Diff(m.rows, export(t, table)))
	require.Equal(t, "committed", ours(c, 3))
	m.append(c.rows)
	require.Empty(t, Diff(m.rows, export(t, table)))
	judge(t, "spark", "sequences", table, nil, m.rows)
}
