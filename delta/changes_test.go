package delta_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/internal/dv"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
	"github.com/deltalog/deltalog/txlog/schema"
)

var withFeed = map[string]string{"delta.enableChangeDataFeed": "true"}

// noted makes a table of notes whose change data feed is on.
func noted(t testing.TB, s *schema.Struct, properties map[string]string, partition ...string) (*delta.Table, *memstore.Store) {
	t.Helper()
	all := map[string]string{"delta.enableChangeDataFeed": "true"}
	for k, v := range properties {
		all[k] = v
	}
	return table(t, s, &delta.CreateOptions{Properties: all, PartitionBy: partition})
}

func appendJSON(t testing.TB, tbl *delta.Table, s *schema.Struct, json ...string) {
	t.Helper()
	_, err := tbl.Append(t.Context(), rows(t, s, json...), nil)
	require.NoError(t, err)
}

func texted(all []changedRow) []string {
	out := []string{}
	for _, c := range all {
		out = append(out, fmt.Sprintf("%d %s %s", c.version, c.kind, c.row))
	}
	slices.Sort(out)
	return out
}

func filesAt(t testing.TB, tbl *delta.Table, v delta.Version) (all []*txlog.AddFile) {
	t.Helper()
	s, err := tbl.Snapshot(t.Context(), delta.AtVersion(v))
	require.NoError(t, err)
	for f, err := range s.Files(t.Context(), nil) {
		require.NoError(t, err)
		all = append(all, f)
	}
	return all
}

// inlineVector returns a deletion vector of the rows.
func inlineVector(rows ...int64) *txlog.DVDescriptor {
	d := dv.NewInline(dv.Of(rows...))
	return &txlog.DVDescriptor{StorageType: d.StorageType, PathOrInlineDV: d.PathOrInlineDV, SizeInBytes: d.SizeInBytes, Cardinality: d.Cardinality}
}

// withVector is a file with another vector, whose statistics are loose then.
func withVector(f *txlog.AddFile, d *txlog.DVDescriptor) *txlog.AddFile {
	return f.WithDV(d, strings.Replace(f.Stats, "{", `{"tightBounds":false,`, 1))
}

// The rows that a file's deletion vector has more were deleted, those that it has
// less were restored, and none else, also if the vector comes with the file or the
// file goes with the vector.
func TestChangesOfDeletionVectors(t *testing.T) {
	t.Parallel()
	s := cols("n", schema.Long)
	tbl, st := noted(t, s, map[string]string{"delta.enableDeletionVectors": "true"})
	var lines []string
	for i := range 10 {
		lines = append(lines, fmt.Sprintf(`{"n":%d}`, i))
	}
	appendJSON(t, tbl, s, lines...)
	f := filesAt(t, tbl, 1)[0]
	now := int64(5)
	first := withVector(f, inlineVector(2, 3))
	second := withVector(f, inlineVector(3, 4, 9))
	commitBy(t, st, 2, f.Remove(now, true), first)
	commitBy(t, st, 3, first.Remove(now, true), second)
	commitBy(t, st, 4, second.Remove(now, true), withVector(f, nil))
	commitBy(t, st, 5, withVector(f, nil).Remove(now, true))
	commitBy(t, st, 6, first)
	commitBy(t, st, 7, first.Remove(now, true))
	got := texted(changesOf(t, tbl, delta.AtVersion(2), delta.AtVersion(4), nil))
	require.Equal(t, []string{
		"2 delete 2", "2 delete 3",
		"3 delete 4", "3 delete 9", "3 insert 2",
		"4 insert 3", "4 insert 4", "4 insert 9",
	}, got)
	require.Len(t, changesOf(t, tbl, delta.AtVersion(5), delta.AtVersion(5), nil), 10)
	for v := delta.Version(6); v <= 7; v++ {
		all := texted(changesOf(t, tbl, delta.AtVersion(v), delta.AtVersion(v), nil))
		require.Len(t, all, 8)
		require.NotContains(t, strings.Join(all, ","), "insert 2")
	}
	// Selected rows only, and no more of the file than they are in.
	where, err := delta.Where("n > 3 AND _change_type = 'insert'")
	require.NoError(t, err)
	got = texted(changesOf(t, tbl, delta.AtVersion(2), delta.AtVersion(4), &delta.ChangesOptions{Where: where}))
	require.Equal(t, []string{"4 insert 4", "4 insert 9"}, got)
}

// What is moved, and what only looks different, is no change.
func TestFilesThatChangeNoRowsAreNoChanges(t *testing.T) {
	t.Parallel()
	s := cols("n", schema.Long)
	tbl, st := noted(t, s, nil)
	appendJSON(t, tbl, s, `{"n":1}`)
	f := filesAt(t, tbl, 1)[0]
	moved := *f
	moved.Path, moved.DataChange = "moved.parquet", false
	body, err := st.Read(t.Context(), f.Path, 0)
	require.NoError(t, err)
	require.NoError(t, st.Put(t.Context(), "moved.parquet", body, logstore.IfAbsent))
	commitBy(t, st, 2, f.Remove(1, false), &moved)
	again := moved
	again.DataChange = true
	commitBy(t, st, 3, moved.Remove(1, true), &again) // the same file without another vector
	require.Equal(t, []string{"1 insert 1"}, texted(changesOf(t, tbl, delta.At{}, delta.At{}, nil)))
}

// Change data says all of its version: what the version adds and takes out beside it
// is how the table holds the same changes.
func TestChangeDataSaysAll(t *testing.T) {
	t.Parallel()
	s := cols("n", schema.Long)
	tbl, st := noted(t, s, nil)
	appendJSON(t, tbl, s, `{"n":1}`, `{"n":2}`, `{"n":3}`)
	_, err := tbl.Update(t.Context(), delta.Set{"n": "n * 10"}, "n = 2", nil)
	require.NoError(t, err)
	want := []string{"2 update_postimage 20", "2 update_preimage 2"}
	require.Equal(t, want, texted(changesOf(t, tbl, delta.AtVersion(2), delta.At{}, nil)))
	require.Equal(t, want, texted(changesOf(t, tbl, delta.AtVersion(2), delta.At{}, &delta.ChangesOptions{Derived: true, Net: true})))

	// Without it the rewritten file is all that is known.
	c := commitOf(t, st, 2)
	require.NoError(t, st.Delete(t.Context(), "_delta_log/00000000000000000002.json"))
	commitBy(t, st, 2, slices.DeleteFunc(c.Actions, func(a txlog.Action) bool {
		switch a.(type) {
		case *txlog.AddCDCFile, *txlog.CommitInfo:
			return true
		}
		return false
	})...)
	require.Equal(t, []string{"2 delete 1", "2 delete 2", "2 delete 3", "2 insert 1", "2 insert 20", "2 insert 3"},
		texted(changesOf(t, tbl, delta.AtVersion(2), delta.At{}, nil)))
	require.Equal(t, []string{"2 delete 2", "2 insert 20"},
		texted(changesOf(t, tbl, delta.AtVersion(2), delta.At{}, &delta.ChangesOptions{Net: true})))
}

// Net counts equal rows, and compares every type to the bit.
func TestNetIsTheDifferenceOfMultisets(t *testing.T) {
	t.Parallel()
	s := cols("n", schema.Double, "l", &schema.Array{Element: cols("a", schema.String, "b", schema.Boolean), ContainsNull: true}, "p", schema.String)
	tbl, _ := noted(t, s, nil, "p")
	appendJSON(t, tbl, s, `{"n":0.5,"p":"x"}`, `{"n":0.5,"p":"x"}`, `{"n":0.5,"p":"x"}`, `{"n":0.5}`, `{"n":0.0}`,
		`{"l":[]}`, `{"l":[null]}`, `{"l":[{"a":"x","b":true},{"a":"y"}]}`, `{"l":[{"a":"xy"}]}`, `{"l":null}`)
	_, err := tbl.Reload(t.Context(), rows(t, s, `{"n":0.5,"p":"x"}`, `{"n":0.5,"p":"y"}`, `{"n":0.5}`, `{"n":-0.0}`,
		`{"l":[{"a":null}]}`, `{"l":[null]}`, `{"l":[{"a":"x","b":true},{"a":"y","b":false}]}`, `{"l":[{"a":"xy"}]}`, `{"l":[]}`, `{"l":[]}`), nil)
	require.NoError(t, err)
	for _, memory := range []int64{0, 1} {
		all := texted(changesOf(t, tbl, delta.AtVersion(2), delta.At{}, &delta.ChangesOptions{Net: true, MaxMemory: memory, Columns: []string{"n", "l", "p"}}))
		require.Equal(t, []string{
			`2 delete -/-/-`,
			`2 delete -/[{"a":"x","b":true},{"a":"y","b":null}]/-`,
			`2 delete 0.5/-/x`, `2 delete 0.5/-/x`,
			`2 delete 0/-/-`,
			`2 insert -/[]/-`,
			`2 insert -/[{"a":"x","b":true},{"a":"y","b":false}]/-`,
			`2 insert -/[{"a":null,"b":null}]/-`,
			`2 insert -0/-/-`,
			`2 insert 0.5/-/y`,
		}, all)
	}
	// What is selected does not matter to what is left out.
	where, err := delta.Where("_change_type = 'insert' AND n IS NOT NULL")
	require.NoError(t, err)
	got := texted(changesOf(t, tbl, delta.AtVersion(2), delta.At{}, &delta.ChangesOptions{Net: true, Where: where, Columns: []string{"n"}}))
	require.Equal(t, []string{"2 insert -0", "2 insert 0.5"}, got)
}

// Old writers' removes say the path only.
func TestRemovesWithoutDetails(t *testing.T) {
	t.Parallel()
	for _, partition := range [][]string{nil, {"p"}} {
		s := cols("n", schema.Long, "p", schema.String)
		tbl, st := noted(t, s, nil, partition...)
		appendJSON(t, tbl, s, `{"n":1,"p":"a"}`, `{"n":2,"p":"b"}`, `{"n":3}`)
		appendJSON(t, tbl, s, `{"n":4,"p":"a"}`)
		var removes []txlog.Action
		for i, f := range filesAt(t, tbl, 2) {
			r := &txlog.RemoveFile{Path: f.Path, DataChange: true}
			if i == 0 {
				r.PartitionValues, r.ExtendedFileMetadata = map[string]*string{}, true
			}
			removes = append(removes, r)
		}
		commitBy(t, st, 3, removes...)
		require.Equal(t, []string{"3 delete 1/a", "3 delete 2/b", "3 delete 3/-", "3 delete 4/a"}, texted(changesOf(t, tbl, delta.AtVersion(3), delta.At{}, nil)))
	}
}

// The feed's absence is an error that says from when on it is there, and reading can
// be asked for all the same.
func TestChangesNeedTheFeed(t *testing.T) {
	t.Parallel()
	s := cols("n", schema.Long)
	tbl, _ := table(t, s, nil)
	appendJSON(t, tbl, s, `{"n":1}`)
	_, err := tbl.Changes(t.Context(), delta.At{}, delta.At{}, nil)
	require.ErrorIs(t, err, delta.ErrChangesUnavailable)
	require.ErrorContains(t, err, "in version 1 the table does not have the change data feed (delta.enableChangeDataFeed); it is off at the end")
	_, err = tbl.SetProperties(t.Context(), withFeed, nil)
	require.NoError(t, err)
	appendJSON(t, tbl, s, `{"n":2}`)
	_, err = tbl.Changes(t.Context(), delta.At{}, delta.At{}, nil)
	require.ErrorIs(t, err, delta.ErrChangesUnavailable)
	require.ErrorContains(t, err, "in version 1 the table does not have the change data feed (delta.enableChangeDataFeed); it is on from version 2")
	require.Equal(t, []string{"3 insert 2"}, texted(changesOf(t, tbl, delta.AtVersion(2), delta.At{}, nil)))
	require.Equal(t, []string{"1 insert 1", "3 insert 2"}, texted(changesOf(t, tbl, delta.At{}, delta.At{}, &delta.ChangesOptions{Derived: true})))
	_, err = tbl.UnsetProperties(t.Context(), []string{"delta.enableChangeDataFeed"}, nil)
	require.NoError(t, err)
	_, err = tbl.Changes(t.Context(), delta.AtVersion(2), delta.At{}, nil)
	require.ErrorIs(t, err, delta.ErrChangesUnavailable)
	require.Equal(t, []string{"3 insert 2"}, texted(changesOf(t, tbl, delta.AtVersion(2), delta.AtVersion(3), nil)))
}

// Ranges by version and by time, and what is outside of the log.
func TestChangesRanges(t *testing.T) {
	t.Parallel()
	s := cols("n", schema.Long)
	tbl, st := noted(t, s, nil)
	for i := range 5 {
		appendJSON(t, tbl, s, fmt.Sprintf(`{"n":%d}`, i+1))
	}
	at := func(v delta.Version) time.Time {
		snap, err := tbl.Snapshot(t.Context(), delta.AtVersion(v))
		require.NoError(t, err)
		ts, err := snap.Timestamp(t.Context())
		require.NoError(t, err)
		return ts
	}
	span := func(from, to delta.At) string {
		c, err := tbl.Changes(t.Context(), from, to, nil)
		require.NoError(t, err)
		n := 0
		for rec, err := range c.Batches(t.Context()) {
			require.NoError(t, err)
			n += int(rec.NumRows())
		}
		return fmt.Sprintf("%d-%d: %d", c.From(), c.To(), n)
	}
	ms := time.Millisecond
	require.Equal(t, "0-5: 5", span(delta.At{}, delta.At{}))
	require.Equal(t, "2-3: 2", span(delta.AtVersion(2), delta.AtVersion(3)))
	require.Equal(t, "2-5: 4", span(delta.AtTime(at(2)), delta.At{}))
	require.Equal(t, "3-5: 3", span(delta.AtTime(at(2).Add(time.Microsecond)), delta.At{}))
	require.Equal(t, "0-2: 2", span(delta.AtTime(at(0).Add(-time.Hour)), delta.AtTime(at(2))))
	require.Equal(t, "0-1: 1", span(delta.At{}, delta.AtTime(at(2).Add(-ms))))
	require.Equal(t, "6-5: 0", span(delta.AtVersion(6), delta.At{}))
	require.Equal(t, "6-5: 0", span(delta.AtTime(at(5).Add(ms)), delta.At{}))
	require.Equal(t, "6-5: 0", span(delta.AtTime(at(5).Add(ms)), delta.AtTime(at(5).Add(2*ms))))

	_, err := tbl.Changes(t.Context(), delta.AtVersion(7), delta.At{}, nil)
	require.ErrorIs(t, err, delta.ErrVersionNotFound)
	_, err = tbl.Changes(t.Context(), delta.AtVersion(0), delta.AtVersion(9), nil)
	require.ErrorIs(t, err, delta.ErrVersionNotFound)
	_, err = tbl.Changes(t.Context(), delta.AtVersion(3), delta.AtVersion(2), nil)
	require.ErrorContains(t, err, "begins at version 3 and ends before it")

	// A log that was cleaned up.
	_, err = tbl.Checkpoint(t.Context())
	require.NoError(t, err)
	appendJSON(t, tbl, s, `{"n":6}`)
	for v := range 5 {
		require.NoError(t, st.Delete(t.Context(), fmt.Sprintf("_delta_log/%020d.json", v)))
	}
	require.Equal(t, "5-6: 2", span(delta.At{}, delta.At{}))
	_, err = tbl.Changes(t.Context(), delta.AtVersion(3), delta.At{}, nil)
	require.ErrorIs(t, err, delta.ErrVersionNotFound)
	require.ErrorIs(t, err, delta.ErrChangesUnavailable)
	require.ErrorContains(t, err, "the first that it still has is version 5")
}

// The columns are those of the range's end: what came later is null before, what has
// another name has the last one, wider types are read.
func TestChangesAcrossDefinitions(t *testing.T) {
	t.Parallel()
	s := cols("p", schema.String, "a", schema.Integer, "b", schema.String)
	tbl, _ := noted(t, s, map[string]string{"delta.columnMapping.mode": "name", "delta.enableTypeWidening": "true"}, "p")
	appendJSON(t, tbl, s, `{"p":"p","a":1,"b":"x"}`)
	_, err := tbl.RenameColumn(t.Context(), []string{"b"}, "c", nil)
	require.NoError(t, err)
	_, err = tbl.WidenColumn(t.Context(), []string{"a"}, schema.Long, nil)
	require.NoError(t, err)
	_, err = tbl.AddColumns(t.Context(), cols("d", schema.Date), nil)
	require.NoError(t, err)
	wide := cols("p", schema.String, "a", schema.Long, "c", schema.String, "d", schema.Date)
	appendJSON(t, tbl, wide, `{"a":5000000000,"c":"y","d":"2026-01-05"}`)
	_, err = tbl.Delete(t.Context(), "a = 1", nil)
	require.NoError(t, err)
	require.Equal(t, []string{"1 insert p/1/x/-", "5 insert -/5000000000/y/2026-01-05", "6 delete p/1/x/-"},
		texted(changesOf(t, tbl, delta.At{}, delta.At{}, nil)))
	require.Equal(t, []string{"1 insert p/1/x"}, texted(changesOf(t, tbl, delta.At{}, delta.AtVersion(1), nil)))

	_, err = tbl.DropColumn(t.Context(), []string{"d"}, nil)
	require.NoError(t, err)
	_, err = tbl.Changes(t.Context(), delta.At{}, delta.At{}, nil)
	require.ErrorContains(t, err, "version 7 changed the table so that earlier changes do not have the columns of version 7: column d is gone; "+
		"read the changes up to version 6 and those from version 7 on apart")
	require.Len(t, changesOf(t, tbl, delta.AtVersion(7), delta.At{}, nil), 0)
	require.Len(t, changesOf(t, tbl, delta.At{}, delta.AtVersion(3), nil), 1)
}

// A version that defines the table anew takes out files of the definition before.
func TestChangesOfAVersionThatDefinesTheTableAnew(t *testing.T) {
	t.Parallel()
	s := cols("a", schema.Integer, "b", schema.String)
	tbl, st := noted(t, s, nil)
	appendJSON(t, tbl, s, `{"a":1,"b":"x"}`)
	snap, err := tbl.Snapshot(t.Context(), delta.At{})
	require.NoError(t, err)
	meta := *snap.Metadata()
	meta.SchemaString = cols("a", schema.String).JSON()
	f := filesAt(t, tbl, 1)[0]
	commitBy(t, st, 2, &meta, f.Remove(1, true))
	_, err = tbl.Snapshot(t.Context(), delta.At{})
	require.NoError(t, err)
	appendJSON(t, tbl, cols("a", schema.String), `{"a":"z"}`)
	for _, from := range []delta.Version{1, 2} {
		_, err = tbl.Changes(t.Context(), delta.AtVersion(from), delta.At{}, nil)
		require.ErrorContains(t, err, "version 2 changed the table")
		require.ErrorContains(t, err, "column a was int and is string")
	}
	require.Len(t, changesOf(t, tbl, delta.AtVersion(3), delta.At{}, nil), 1)

	// Nulls of before are allowed for, though the end allows none.
	meta.SchemaString = cols("a!", schema.String).JSON()
	commitBy(t, st, 4, &meta)
	c, err := tbl.Changes(t.Context(), delta.AtVersion(3), delta.At{}, nil)
	require.NoError(t, err)
	require.True(t, c.Schema().Field(0).Nullable)
	c, err = tbl.Changes(t.Context(), delta.AtVersion(4), delta.At{}, nil)
	require.NoError(t, err)
	require.False(t, c.Schema().Field(0).Nullable)
}

// Columns of change data that the table has itself are refused.
func TestChangesOfTablesWithTheirColumns(t *testing.T) {
	t.Parallel()
	tbl, _ := table(t, cols("_Change_Type", schema.String), nil)
	_, err := tbl.Changes(t.Context(), delta.At{}, delta.At{}, &delta.ChangesOptions{Derived: true})
	require.ErrorContains(t, err, "the table has a column _Change_Type of its own")
}

func TestChangesColumns(t *testing.T) {
	t.Parallel()
	s := cols("a", schema.Integer, "b", schema.String)
	tbl, _ := noted(t, s, nil)
	appendJSON(t, tbl, s, `{"a":1,"b":"x"}`)
	names := func(columns ...string) (out []string) {
		c, err := tbl.Changes(t.Context(), delta.At{}, delta.At{}, &delta.ChangesOptions{Columns: columns})
		require.NoError(t, err)
		for _, f := range c.Schema().Fields() {
			out = append(out, f.Name)
		}
		require.Equal(t, arrow.INT64, c.Schema().Field(slices.Index(out, "_commit_version")).Type.ID())
		return out
	}
	require.Equal(t, []string{"a", "b", "_change_type", "_commit_version", "_commit_timestamp"}, names([]string(nil)...))
	require.Equal(t, []string{"_commit_version", "b", "_change_type", "_commit_timestamp"}, names("_COMMIT_VERSION", "B"))
	require.Equal(t, []string{"_change_type", "_commit_version", "_commit_timestamp"}, names([]string{}...))
	_, err := tbl.Changes(t.Context(), delta.At{}, delta.At{}, &delta.ChangesOptions{Columns: []string{"z"}})
	require.ErrorContains(t, err, `delta: changes of mem://: column "z" is not in the table; it has a, b, _change_type`)
	where, err := delta.Where("z = 1")
	require.NoError(t, err)
	_, err = tbl.Changes(t.Context(), delta.At{}, delta.At{}, &delta.ChangesOptions{Where: where})
	require.ErrorContains(t, err, "z")
	_, err = tbl.Changes(t.Context(), delta.At{}, delta.At{}, &delta.ChangesOptions{Limit: -1})
	require.ErrorContains(t, err, "Limit is -1")
}

// Times of changes are those of the versions: of objects, or of the commits themselves.
func TestChangesTimes(t *testing.T) {
	t.Parallel()
	for _, properties := range []map[string]string{withFeed, {"delta.enableChangeDataFeed": "true", "delta.enableInCommitTimestamps": "true"}} {
		s := cols("n", schema.Long)
		still := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC) // the store's clock
		st := memstore.New(&memstore.Options{Now: func() time.Time { return still }})
		tbl, err := delta.Create(t.Context(), "mem://", s, &delta.CreateOptions{Options: delta.Options{Store: st}, Properties: properties})
		require.NoError(t, err)
		appendJSON(t, tbl, s, `{"n":1}`)
		appendJSON(t, tbl, s, `{"n":2}`)
		want := map[int64]int64{}
		for e, err := range tbl.History(t.Context(), nil) {
			require.NoError(t, err)
			want[int64(e.Version)] = e.Timestamp.UnixMicro()
		}
		c, err := tbl.Changes(t.Context(), delta.At{}, delta.At{}, nil)
		require.NoError(t, err)
		n := 0
		for rec, err := range c.Batches(t.Context()) {
			require.NoError(t, err)
			v := rec.Column(2).(interface{ Value(int) int64 }).Value(0)
			at := rec.Column(3).(interface {
				Value(int) arrow.Timestamp
			}).Value(0)
			require.Equal(t, want[v], int64(at), "version %d", v)
			n++
		}
		require.Equal(t, 2, n)
	}
}
