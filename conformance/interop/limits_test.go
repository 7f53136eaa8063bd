package interop

import (
	"errors"
	"path"
	"testing"

	"github.com/stretchr/testify/require"
)

// A limit is what an engine cannot read of a table that is right by the
// protocol. It is asserted: an engine that learns to read the table fails the
// test, and its limit goes.
type limit struct {
	engine  string
	table   string // a name of a kind of table, or a path.Match pattern
	refuses string // part of its error
	differs string // or part of the difference between what it reads and what is there
	why     string
}

var limits = []limit{
	{
		engine: "deltars", table: "deltars-wrote-partition-raw", differs: `{"b64":"XHUwMDQx"}`,
		why: "delta-rs writes a binary partition value in the protocol's escapes and does not take them off again",
	},
	{
		engine: "deltars", table: "deltars-wrote-partition-text", differs: `extra [1,"","row 1"]`,
		why: "delta-rs stores an empty partition value as it is and reads it so; by the protocol it is null",
	},
	{
		engine: "deltars", table: "deltars-wrote-two-partitions", differs: `extra [10,null,"",2.5]`,
		why: "the same",
	},
	{
		engine: "duck", table: "mapped-name", differs: `"a/b"`,
		why: "DuckDB reads null from partition columns of tables with column mapping, of Spark's tables too",
	},
	{engine: "duck", table: "mapped-id", differs: `"a/b"`, why: "the same"},
	{engine: "duck", table: "all-features*", differs: `"2026-01-01"`, why: "the same"},
	{
		engine: "deltactl", table: "deltars-wrote-partition-raw", differs: `{"b64":"XHUwMDQx"}`,
		why: "we read the escapes as the text that they are, as Spark and delta-rs do: six bytes of that text are a value too",
	},
}

// readAs reads a table with an engine, or with deltactl.
func readAs(t *testing.T, name, table string, o *ReadOptions) (*Rows, error) {
	t.Helper()
	if name != "deltactl" {
		return engine(t, name).Read(table, o)
	}
	require.Nil(t, o)
	return export(t, table), nil
}

// judge requires that an engine reads exactly the wanted rows, or shows exactly
// the limit that is known of it.
func judge(t *testing.T, name, kind, table string, o *ReadOptions, want *Rows) {
	t.Helper()
	got, err := readAs(t, name, table, o)
	for _, l := range limits {
		if l.engine != name {
			continue
		}
		if ok, bad := path.Match(l.table, kind); bad != nil || !ok {
			require.NoError(t, bad)
			continue
		}
		if l.refuses != "" {
			var refused *EngineError
			require.True(t, errors.As(err, &refused), "%s reads %s now (%v): remove its limit: %s", name, kind, err, l.why)
			require.Contains(t, refused.Message, l.refuses, "%s on %s", name, kind)
			return
		}
		require.NoError(t, err)
		d := Diff(want, got)
		require.NotEmpty(t, d, "%s reads %s right now: remove its limit: %s", name, kind, l.why)
		require.Contains(t, d, l.differs, "%s on %s", name, kind)
		return
	}
	require.NoError(t, err, "%s on %s", name, kind)
	require.Empty(t, Diff(want, got), "%s on %s", name, kind)
}
