package delta_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/internal/faultstore"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
	"github.com/deltalog/deltalog/txlog/schema"
)

func upsert(t *testing.T, tbl *delta.Table, src delta.Source, o *delta.ChangeOptions, keys ...string) *delta.Result {
	t.Helper()
	res, err := tbl.Merge(src).OnColumns(keys...).Upsert().Run(t.Context(), o)
	require.NoError(t, err)
	return res
}

// NaN is a key like others: one of a few that are compared one by one, or beside
// so many that their range is.
func TestKeysThatAreNaN(t *testing.T) {
	s := cols("k", schema.Double, "n", schema.Long)
	for _, keys := range []int{3, 40} {
		tbl, _ := table(t, s, nil)
		var many []string
		for i := range keys {
			many = append(many, fmt.Sprintf(`{"k":%d.5,"n":1}`, i))
		}
		upsert(t, tbl, rows(t, s, append(many, `{"k":1000,"n":1}`)...), nil, "k")
		_, err := tbl.Update(t.Context(), delta.Set{"k": "CAST('NaN' AS DOUBLE)"}, "k = 1000", nil)
		require.NoError(t, err)
		// The table's own rows as the source: nothing is new.
		scan, err := tbl.Scan(t.Context(), nil)
		require.NoError(t, err)
		res := upsert(t, tbl, delta.Batches(scan.Schema(), scan.Batches(t.Context())), nil, "k")
		require.Equal(t, delta.NoOp, res.State, "%+v", res.Rows)
	}
}

func TestKeysThatAreAllNull(t *testing.T) {
	s := cols("k", schema.Long, "n", schema.Long)
	tbl, _ := table(t, s, nil)
	upsert(t, tbl, rows(t, s, `{"k":1,"n":1}`), nil, "k")
	// They meet nothing, and are added: each time, which is why Upsert refuses them.
	keyless := rows(t, s, `{"k":null,"n":1}`)
	res, err := tbl.Merge(keyless).OnColumns("k").WhenMatched().UpdateAll().WhenNotMatched().InsertAll().Run(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, int64(1), res.Rows.Inserted)
	var refused *delta.NullKeyError
	_, err = tbl.Merge(keyless).OnColumns("k").Upsert().Run(t.Context(), nil)
	require.ErrorAs(t, err, &refused)
	res, err = tbl.Merge(rows(t, s, `{"k":null,"n":5}`)).On("t.k <=> s.k").Upsert().Run(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, int64(1), res.Rows.Updated)
}

// Pairs that went to disk are gone from it afterwards.
func TestPairsOnDiskAreRemoved(t *testing.T) {
	s := cols("k", schema.Long, "n", schema.Long)
	tbl, _ := table(t, s, nil)
	var many []string
	for i := range 50000 {
		many = append(many, fmt.Sprintf(`{"k":%d,"n":1}`, i))
	}
	_, err := tbl.Append(t.Context(), rows(t, s, many...), nil)
	require.NoError(t, err)
	dir := t.TempDir()
	o := &delta.ChangeOptions{SpillDir: dir}
	o.MaxMemory = 2 << 20
	_, err = tbl.Merge(rows(t, s, many...)).OnColumns("k").WhenMatched().Update(delta.Set{"n": "s.n + 1"}).Run(t.Context(), o)
	require.NoError(t, err)
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
	fds, _ := os.ReadDir("/proc/self/fd") // where there is one
	for _, f := range fds {
		to, _ := os.Readlink("/proc/self/fd/" + f.Name())
		require.False(t, strings.HasPrefix(to, dir), to)
	}
}

// The same merge again finds the columns that it has added.
func TestMergeThatAddsColumnsAgain(t *testing.T) {
	tbl, _ := table(t, cols("k", schema.Long, "a", schema.Long), nil)
	in := cols("k", schema.Long, "b", schema.Long)
	o := &delta.ChangeOptions{}
	o.EvolveSchema = true
	upsert(t, tbl, rows(t, in, `{"k":1,"b":1}`), o, "k")
	res := upsert(t, tbl, rows(t, in, `{"k":1,"b":1}`), o, "k")
	require.Equal(t, delta.NoOp, res.State)
}

// Structs that gain a field do so in rows that are copied, updated and in change data.
func TestMergeThatAddsFields(t *testing.T) {
	for _, feed := range []string{"false", "true"} {
		one := &schema.Struct{Fields: []schema.Field{{Name: "a", Type: schema.Long, Nullable: true}}}
		two := &schema.Struct{Fields: []schema.Field{{Name: "a", Type: schema.Long, Nullable: true}, {Name: "b", Type: schema.Long, Nullable: true}}}
		tbl, _ := table(t, cols("k", schema.Long, "s", one), &delta.CreateOptions{Properties: map[string]string{"delta.enableChangeDataFeed": feed}})
		_, err := tbl.Append(t.Context(), rows(t, cols("k", schema.Long, "s", one), `{"k":1,"s":{"a":1}}`, `{"k":2,"s":{"a":2}}`, `{"k":3,"s":null}`, `{"k":4,"s":{"a":4}}`), nil)
		require.NoError(t, err)
		in := cols("k", schema.Long, "s", two)
		o := &delta.ChangeOptions{}
		o.EvolveSchema = true
		upsert(t, tbl, rows(t, in, `{"k":1,"s":{"a":1,"b":7}}`, `{"k":4,"s":{"a":4,"b":null}}`, `{"k":9,"s":{"a":9,"b":9}}`), o, "k")
		require.Equal(t, []string{
			`{"k":1,"s":{"a":1,"b":7}}`, `{"k":2,"s":{"a":2,"b":null}}`, `{"k":3,"s":null}`, `{"k":4,"s":{"a":4,"b":null}}`, `{"k":9,"s":{"a":9,"b":9}}`,
		}, dump(t, tbl))
	}
}

// Clauses about rows that no source row meets are tried in order: what the second
// one cannot compute does not matter for rows of the first.
func TestLaterClausesDoNotSeeRowsOfEarlierOnes(t *testing.T) {
	s := cols("k", schema.Long, "n", schema.Long)
	tbl, _ := table(t, s, nil)
	_, err := tbl.Append(t.Context(), rows(t, s, `{"k":1,"n":0}`, `{"k":2,"n":5}`, `{"k":3,"n":10}`), nil)
	require.NoError(t, err)
	o := &delta.ChangeOptions{}
	_, err = tbl.Merge(rows(t, s, `{"k":77,"n":1}`)).OnColumns("k").
		WhenNotMatchedBySource("t.n = 0").Delete().
		WhenNotMatchedBySource("10 / t.n = 2").Update(delta.Set{"n": "-1"}).Run(t.Context(), o)
	require.NoError(t, err)
	require.Equal(t, []string{`{"k":2,"n":-1}`, `{"k":3,"n":10}`}, dump(t, tbl))
}

// A struct with the name of the table's side is no table.
func TestColumnWithTheNameOfASide(t *testing.T) {
	inner := &schema.Struct{Fields: []schema.Field{{Name: "id", Type: schema.Long, Nullable: true}}}
	s := cols("id", schema.Long, "t", inner)
	tbl, _ := table(t, s, nil)
	_, err := tbl.Append(t.Context(), rows(t, s, `{"id":1,"t":{"id":100}}`), nil)
	require.NoError(t, err)
	in := cols("x", schema.Long)
	res, err := tbl.Merge(rows(t, in, `{"x":100}`)).On("target.t.id = s.x").WhenMatched().Delete().Run(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, int64(1), res.Rows.Deleted)
}

func TestApplyWithoutOptions(t *testing.T) {
	s := cols("k", schema.Long, "n", schema.Long)
	tbl, _ := table(t, s, nil)
	require.NotPanics(t, func() {
		_, err := tbl.ApplyChanges(t.Context(), rows(t, s, `{"k":1,"n":0}`), nil)
		require.Error(t, err)
		_, err = tbl.SCD2(t.Context(), rows(t, s, `{"k":1,"n":0}`), nil)
		require.Error(t, err)
	})
}

// A handle that has not seen the newest columns applies changes to them as well.
func TestApplyChangesToColumnsOfOthers(t *testing.T) {
	s := cols("k", schema.Long, "n", schema.Long)
	tbl, st := table(t, s, nil)
	old, err := delta.Open(t.Context(), "mem://", &delta.Options{Store: st})
	require.NoError(t, err)
	_, err = tbl.AddColumns(t.Context(), cols("email", schema.String), nil)
	require.NoError(t, err)
	in := cols("k", schema.Long, "n", schema.Long, "email", schema.String, "op", schema.String)
	_, err = old.ApplyChanges(t.Context(), rows(t, in, `{"k":1,"n":1,"email":"x","op":"i"}`), &delta.ApplyOptions{Keys: []string{"k"}, Order: "n"})
	require.NoError(t, err)
	require.Equal(t, []string{`{"email":"x","k":1,"n":1}`}, dump(t, tbl))
}

func TestDryRunCountsFiles(t *testing.T) {
	s := cols("k", schema.Long, "n", schema.Long)
	tbl, _ := table(t, s, nil)
	_, err := tbl.Append(t.Context(), rows(t, s, `{"k":1,"n":0}`, `{"k":2,"n":5}`, `{"k":3,"n":10}`), nil)
	require.NoError(t, err)
	dry := &delta.ChangeOptions{}
	dry.DryRun = true
	plan, err := tbl.Delete(t.Context(), "k = 1", dry)
	require.NoError(t, err)
	res, err := tbl.Delete(t.Context(), "k = 1", nil)
	require.NoError(t, err)
	require.Equal(t, res.FilesAdded, plan.FilesAdded)
	require.Equal(t, res.RowsRemoved, plan.RowsRemoved)
}

// meanwhile runs op with another writer between its plan and its commit: the table
// is as if op had come after that one.
func meanwhile(t *testing.T, kind tableKind, op operation, between func(*testing.T, *memstore.Store, *delta.Table)) {
	t.Helper()
	st := memstore.New(nil)
	changeBase(t, st, "mem://", kind)
	serial := st.Clone()
	open := func(st logstore.Store) *delta.Table {
		return must(delta.Open(t.Context(), "mem://", &delta.Options{Store: st, Env: virtual("between")}))
	}
	between(t, serial, open(serial))
	_, err := attempt(t.Context(), op, serial, "serial")
	require.NoError(t, err)
	_, err = attempt(t.Context(), op, faultstore.New(st, paused(4, func() { between(t, st, open(st)) }, nil)), "op")
	require.NoError(t, err)
	require.Equal(t, rowsIn(t, serial), rowsIn(t, st))
}

func insertOnlyOp(ids ...int64) operation {
	return operation{run: func(ctx context.Context, t *delta.Table) (*delta.Result, error) {
		var rows []stock
		for _, id := range ids {
			rows = append(rows, stockOf(id, "a", 70, "new"))
		}
		return t.InsertNew(ctx, must(delta.Slice(rows)), []string{"id"}, keyedChange())
	}}
}

// A row that was matched is moved, and then deleted where it is now.
func TestMovedAndThenDeleted(t *testing.T) {
	meanwhile(t, sweptCow, insertOnlyOp(5, 50), func(t *testing.T, st *memstore.Store, tbl *delta.Table) {
		moveFiles(t, st, nil)
		_, err := tbl.Delete(t.Context(), "id >= 0", nil)
		require.NoError(t, err)
	})
}

// A restore brings a row back, and another commit deletes more than it brought.
func TestRestoredAndThenDeletedMore(t *testing.T) {
	meanwhile(t, sweptDV, insertOnlyOp(0, 5, 50), func(t *testing.T, st *memstore.Store, tbl *delta.Table) {
		undelete(t, st, tbl)
		_, err := tbl.Delete(t.Context(), "id = 1 OR id = 2", nil)
		require.NoError(t, err)
	})
}

// A plan that takes longer than the time for a commit is made again after a loss.
func TestLongPlanIsMadeAgain(t *testing.T) {
	st := memstore.New(nil)
	changeBase(t, st, "mem://", sweptCow)
	env := virtual("op")
	between := func() {
		require.NoError(t, env.Sleep(t.Context(), time.Hour))
		_, err := must(delta.Open(t.Context(), "mem://", &delta.Options{Store: st, Env: virtual("between")})).Delete(t.Context(), "id = 7", nil)
		require.NoError(t, err)
	}
	first := true
	slow := faultstore.New(st, func(c faultstore.Call) (f faultstore.Fault) {
		if first && c.Verb == logstore.VerbReadRange && strings.HasSuffix(c.Name, ".parquet") {
			first = false
			f.Run = between
		}
		return f
	})
	tbl := must(delta.Open(t.Context(), "mem://", &delta.Options{Store: slow, Env: env}))
	res, err := upsertOf(0, stockOf(1, "a", 70, "new")).run(t.Context(), tbl)
	require.NoError(t, err)
	require.Equal(t, int64(2), res.Rows.Plans)
}

// Statistics that say fewer rows than there are do not make rows go with others.
func TestFileWithMoreRowsThanItsStatistics(t *testing.T) {
	for _, kind := range []tableKind{sweptCow, sweptDV} {
		st := memstore.New(nil)
		changeBase(t, st, "mem://", kind)
		foreign(t, st, "LIE", func(s *txlog.Snapshot, add func(...txlog.Action)) {
			f := *liveFiles(t, s, holdsID("100"))[0]
			old := f
			f.Stats = strings.Replace(f.Stats, `"numRecords":8`, `"numRecords":2`, 1)
			require.NotEqual(t, old.Stats, f.Stats)
			add(&f)
		})
		tbl := must(delta.Open(t.Context(), "mem://", &delta.Options{Store: st, Env: virtual("op")}))
		_, err := tbl.Delete(t.Context(), "id = 102 OR note = 'x' OR id = 104", nil)
		if err != nil {
			require.ErrorContains(t, err, "rows")
			require.Len(t, rowsIn(t, st), 15, kind.name)
			continue
		}
		require.Len(t, rowsIn(t, st), 13, kind.name)
	}
}

// Statistics that nobody can read do not keep rows from leaving.
func TestFileWithStrangeStatistics(t *testing.T) {
	for _, stats := range []string{"", "{}", "{", "[]", "null", `{"numRecords":"8"}`, `{"numRecords":-1}`, `{"numRecords":8,"minValues":7}`} {
		st := memstore.New(nil)
		changeBase(t, st, "mem://", sweptDV)
		foreign(t, st, "LIE", func(s *txlog.Snapshot, add func(...txlog.Action)) {
			f := *liveFiles(t, s, holdsID("100"))[0]
			f.Stats = stats
			add(&f)
		})
		tbl := must(delta.Open(t.Context(), "mem://", &delta.Options{Store: st, Env: virtual("op")}))
		res, err := tbl.Delete(t.Context(), "id = 102", nil)
		if err != nil {
			t.Errorf("%q: %v", stats, err)
			continue
		}
		require.Equal(t, int64(1), res.Rows.Vectors)
		require.Len(t, rowsIn(t, st), 14, stats)
	}
}

// changes reads the change data of a version.
func changes(t *testing.T, st *memstore.Store, v delta.Version) []string {
	t.Helper()
	s, err := txlog.Load(t.Context(), st, &txlog.LoadOptions{Version: &v})
	require.NoError(t, err)
	c, err := s.CommitAt(t.Context(), v)
	require.NoError(t, err)
	meta := *s.Metadata()
	sc, err := s.Schema()
	require.NoError(t, err)
	f := schema.Field{Name: "_change_type", Type: schema.String, Nullable: true}
	f.Metadata = f.Metadata.With("delta.columnMapping.id", "999").With("delta.columnMapping.physicalName", `"_change_type"`)
	wide := &schema.Struct{Fields: append(slices.Clone(sc.Fields), f)}
	meta.SchemaString = wide.JSON()
	meta.Configuration = maps.Clone(meta.Configuration)
	out := st.Clone()
	require.NoError(t, deleteLog(t, out))
	txn := txlog.BeginCreate(out, &txlog.TxnOptions{})
	txn.Add(s.Protocol(), &meta)
	n := 0
	for _, a := range c.Actions {
		if x, ok := a.(*txlog.AddCDCFile); ok {
			require.False(t, strings.Contains(x.Path, "_delta_log"))
			n++
			txn.Add(&txlog.AddFile{Path: x.Path, PartitionValues: x.PartitionValues, Size: x.Size, DataChange: true, Stats: `{"numRecords":1}`})
		}
	}
	_, err = txn.Commit(t.Context())
	require.NoError(t, err)
	if n == 0 {
		return nil
	}
	return dump(t, must(delta.Open(t.Context(), "mem://", &delta.Options{Store: out})))
}

func deleteLog(t *testing.T, st *memstore.Store) error {
	var errs []error
	for o, err := range st.List(t.Context(), logstore.ListOptions{Prefix: "_delta_log/"}) {
		errs = append(errs, err)
		errs = append(errs, st.Delete(t.Context(), o.Name))
	}
	return errors.Join(errs...)
}

// The change data feed has every change of a merge or none, on tables of every kind.
func TestChangeDataIsComplete(t *testing.T) {
	for _, mapping := range []string{"none", "name", "id"} {
		for _, part := range [][]string{nil, {"p"}, {"ts"}, {"p", "ts"}} {
			s := cols("k", schema.Long, "p", schema.String, "ts", schema.Timestamp, "n", schema.Long)
			tbl, st := table(t, s, &delta.CreateOptions{PartitionBy: part, Properties: map[string]string{
				"delta.enableChangeDataFeed": "true", "delta.columnMapping.mode": mapping, "delta.enableRowTracking": "true",
			}})
			_, err := tbl.Append(t.Context(), rows(t, s,
				`{"k":1,"p":"a b/c=%20","ts":"2024-01-01T10:00:00.123456Z","n":1}`, `{"k":2,"p":"a b/c=%20","ts":"2024-01-01T10:00:00.123456Z","n":2}`,
				`{"k":3,"p":"é:?#","ts":null,"n":3}`, `{"k":4,"p":null,"ts":"1969-12-31T23:59:59.999999Z","n":4}`), nil)
			require.NoError(t, err)
			src := []string{
				`{"k":1,"p":"a b/c=%20","ts":"2024-01-01T10:00:00.123456Z","n":1}`,
				`{"k":2,"p":"a b/c=%20","ts":"2024-01-01T10:00:00.123456Z","n":20}`,
				`{"k":3,"p":"moved/é","ts":"2024-01-01T10:00:00.123457Z","n":3}`,
				`{"k":9,"p":"%2F","ts":"2024-01-01T10:00:00.5Z","n":9}`,
			}
			run := func() *delta.Result {
				res, err := tbl.Merge(rows(t, s, src...)).OnColumns("k").Upsert().WhenNotMatchedBySource().Delete().Run(t.Context(), nil)
				require.NoError(t, err)
				return res
			}
			res := run()
			require.Len(t, changes(t, st, res.Version), 6)
			require.Equal(t, delta.NoOp, run().State)
			res, err = tbl.Delete(t.Context(), "ts = TIMESTAMP '2024-01-01 10:00:00.123457'", nil)
			require.NoError(t, err)
			require.Equal(t, int64(1), res.Rows.Deleted)
		}
	}
}

// Each row of the table meets each of many source rows: more pairs than are looked
// at at once.
func TestManyRowsMeetMany(t *testing.T) {
	const rows, sources = 700, 300
	var old, source []stock
	for i := range int64(rows) {
		old = append(old, stockOf(i, "a", int32(i%sources), "old"))
	}
	for i := range int32(sources) {
		source = append(source, stockOf(int64(i), "a", i, "new"))
	}
	begin := func(t *testing.T) *delta.Table {
		tbl, err := delta.Create(t.Context(), "mem://", stockSchema, &delta.CreateOptions{
			Options: delta.Options{Store: memstore.New(nil), Env: virtual("many")},
		})
		require.NoError(t, err)
		_, err = tbl.Append(t.Context(), stocks(t, old), nil)
		require.NoError(t, err)
		return tbl
	}
	t.Run("one of them acts", func(t *testing.T) {
		res, err := begin(t).Merge(stocks(t, source)).On("t.grp = s.grp").
			WhenMatched("t.qty = s.qty").Update(delta.Set{"note": "concat(s.note, s.id)"}).
			WhenNotMatchedBySource().Delete().Run(t.Context(), nil)
		require.NoError(t, err)
		require.Equal(t, int64(rows), res.Rows.Updated)
		require.Zero(t, res.Rows.Deleted)
	})
	t.Run("all delete", func(t *testing.T) {
		res, err := begin(t).Merge(stocks(t, source)).On("t.grp = s.grp").WhenMatched().Delete().Run(t.Context(), nil)
		require.NoError(t, err)
		require.Equal(t, int64(rows), res.Rows.Deleted)
	})
	t.Run("none meets", func(t *testing.T) {
		res, err := begin(t).Merge(stocks(t, source)).On("t.grp = s.grp and t.id >= 650").
			WhenMatched().Delete().WhenNotMatchedBySource().Update(delta.Set{"note": "'left'"}).Run(t.Context(), nil)
		require.NoError(t, err)
		require.Equal(t, int64(50), res.Rows.Deleted)
		require.Equal(t, int64(650), res.Rows.Updated)
	})
	t.Run("several act", func(t *testing.T) {
		_, err := begin(t).Merge(stocks(t, source)).On("t.grp = s.grp").
			WhenMatched("s.qty < 2").Update(delta.Set{"qty": "s.qty"}).Run(t.Context(), nil)
		var dup *delta.DuplicateKeyError
		require.ErrorAs(t, err, &dup)
		require.Equal(t, int64(rows), dup.Keys)
	})
}
