package delta_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/reader"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
)

// A changedRow is one change, its row as text.
type changedRow struct {
	version int64
	kind    string
	row     string
}

func cellText(a arrow.Array, i int) string {
	if a.IsNull(i) {
		return "-"
	}
	if s, ok := a.(*array.String); ok {
		return s.Value(i)
	}
	return a.ValueStr(i)
}

// changesOf reads changes, whose columns are the table's and then the three others.
func changesOf(t testing.TB, tbl *delta.Table, from, to delta.At, o *delta.ChangesOptions) []changedRow {
	t.Helper()
	c, err := tbl.Changes(t.Context(), from, to, o)
	require.NoError(t, err)
	all := []changedRow{}
	for rec, err := range c.Batches(t.Context()) {
		require.NoError(t, err)
		require.True(t, rec.Schema().Equal(c.Schema()))
		n := int(rec.NumCols()) - 3
		for i := range int(rec.NumRows()) {
			var cells []string
			for _, col := range rec.Columns()[:n] {
				cells = append(cells, cellText(col, i))
			}
			all = append(all, changedRow{
				version: rec.Column(n + 1).(*array.Int64).Value(i), kind: rec.Column(n).(*array.String).Value(i), row: strings.Join(cells, "/"),
			})
		}
	}
	return all
}

// rowsAt counts the rows of a version.
func rowsAt(t testing.TB, tbl *delta.Table, v delta.Version, columns ...string) map[string]int {
	t.Helper()
	s, err := tbl.Snapshot(t.Context(), delta.AtVersion(v))
	require.NoError(t, err)
	scan, err := reader.New(s, &reader.Options{Columns: columns})
	require.NoError(t, err)
	rows := map[string]int{}
	for rec, err := range scan.Batches(t.Context()) {
		require.NoError(t, err)
		for i := range int(rec.NumRows()) {
			var cells []string
			for _, col := range rec.Columns() {
				cells = append(cells, cellText(col, i))
			}
			rows[strings.Join(cells, "/")]++
		}
	}
	return rows
}

// difference is the rows of a that b has not, as often as it has them less.
func difference(a, b map[string]int) map[string]int {
	out := map[string]int{}
	for r, n := range a {
		if n > b[r] {
			out[r] = n - b[r]
		}
	}
	return out
}

// replayed applies changes to the rows before, and counts them by kind.
func replayed(t testing.TB, before map[string]int, changes []changedRow, msg string) (after map[string]int, kinds map[string]int, gone, come map[string]int) {
	t.Helper()
	after, kinds, gone, come = maps.Clone(before), map[string]int{}, map[string]int{}, map[string]int{}
	for _, c := range changes {
		kinds[c.kind]++
		switch c.kind {
		case delta.ChangeInsert, delta.ChangeUpdatePostimage:
			after[c.row]++
			come[c.row]++
		case delta.ChangeDelete, delta.ChangeUpdatePreimage:
			after[c.row]--
			gone[c.row]++
		default:
			t.Fatalf("%s: change type %q", msg, c.kind)
		}
	}
	for r, n := range after {
		require.GreaterOrEqual(t, n, 0, "%s: row %s goes more often than it was there", msg, r)
		if n == 0 {
			delete(after, r)
		}
	}
	return after, kinds, gone, come
}

// changeKinds are tables on which changes are read.
func changeKinds() []tableKind {
	var kinds []tableKind
	for _, feed := range []string{"true", "false"} {
		for _, vectors := range []string{"true", "false"} {
			for _, mode := range []string{"none", "name", "id"} {
				for _, part := range [][]string{nil, {"grp"}} {
					kinds = append(kinds, tableKind{
						name:      fmt.Sprintf("feed %s, vectors %s, mapped by %s, partitioned by %v", feed, vectors, mode, part),
						partition: part,
						properties: map[string]string{
							"delta.enableChangeDataFeed": feed, "delta.enableDeletionVectors": vectors, "delta.columnMapping.mode": mode,
						},
					})
				}
			}
		}
	}
	return kinds
}

// What each version changed makes its rows of those of the version before, and is no
// more than the difference where nothing else is recorded; and what a write says it
// did is what it changed.
func TestChangesLeadFromVersionToVersion(t *testing.T) {
	t.Parallel()
	for _, k := range changeKinds() {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(2) {
				changesModel(t, k, seed)
			}
		})
	}
}

func changesModel(t *testing.T, k tableKind, seed uint64) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 11))
	tbl := newStocks(t, memstore.New(nil), k, randomStocks(r, 40, 30, false), 3)
	feed := k.properties["delta.enableChangeDataFeed"] == "true"
	names := []string{"grp", "id", "qty", "note"}
	results := map[int64]*delta.Result{}
	for range 8 {
		res := randomWrite(t, r, tbl, k)
		if res != nil && res.State == delta.Committed {
			results[int64(res.Version)] = res
		}
	}
	snap, err := tbl.Snapshot(t.Context(), delta.At{})
	require.NoError(t, err)
	last := int64(snap.Version())
	o := &delta.ChangesOptions{Columns: names, Derived: !feed, BatchRows: 1 + r.IntN(20), Parallel: 1 + r.IntN(4)}
	all := changesOf(t, tbl, delta.At{}, delta.At{}, o)
	require.True(t, slices.IsSortedFunc(all, func(a, b changedRow) int { return int(a.version - b.version) }))
	net := *o
	net.Net, net.MaxMemory = true, 1+int64(r.IntN(2))<<30 // many ranges of digests, and one
	allNet := changesOf(t, tbl, delta.At{}, delta.At{}, &net)

	before := map[string]int{}
	for v := range last + 1 {
		msg := fmt.Sprintf("seed %d, version %d", seed, v)
		of := func(rows []changedRow) (out []changedRow) {
			for _, c := range rows {
				if c.version == v {
					out = append(out, c)
				}
			}
			return out
		}
		want := rowsAt(t, tbl, delta.Version(v), names...)
		after, kinds, _, _ := replayed(t, before, of(all), msg)
		require.Equal(t, want, after, msg)
		require.Equal(t, kinds[delta.ChangeUpdatePreimage], kinds[delta.ChangeUpdatePostimage], msg)
		if n := results[v]; feed && n != nil && n.Rows != nil {
			require.EqualValues(t, n.Rows.Updated, kinds[delta.ChangeUpdatePostimage], msg)
			require.EqualValues(t, n.Rows.Inserted, kinds[delta.ChangeInsert], msg)
			require.EqualValues(t, n.Rows.Deleted, kinds[delta.ChangeDelete], msg)
		}
		after, kinds, gone, come := replayed(t, before, of(allNet), msg)
		require.Equal(t, want, after, msg)
		if kinds[delta.ChangeUpdatePreimage] == 0 && !feed {
			require.Equal(t, difference(before, want), gone, msg)
			require.Equal(t, difference(want, before), come, msg)
		}
		before = want
	}
	// A part of the range is a part of the changes, in which order ever.
	lo := int64(r.IntN(int(last) + 1))
	hi := lo + int64(r.IntN(int(last-lo)+1))
	part := changesOf(t, tbl, delta.AtVersion(delta.Version(lo)), delta.AtVersion(delta.Version(hi)), o)
	require.Equal(t, slices.DeleteFunc(slices.Clone(all), func(c changedRow) bool { return c.version < lo || c.version > hi }), part)
	checkWhere(t, tbl, o, all, seed)
}

// checkWhere selects changes, which is to give those that a look at all gives.
func checkWhere(t *testing.T, tbl *delta.Table, o *delta.ChangesOptions, all []changedRow, seed uint64) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 19))
	field := func(c changedRow, i int) string { return strings.Split(c.row, "/")[i] }
	for _, w := range []struct {
		sql  string
		keep func(changedRow) bool
	}{
		{"_change_type = 'insert'", func(c changedRow) bool { return c.kind == "insert" }},
		{"_change_type LIKE 'update%' OR _change_type = 'delete' AND _commit_version > 4", func(c changedRow) bool {
			return strings.HasPrefix(c.kind, "update") || c.kind == "delete" && c.version > 4
		}},
		{"_commit_version BETWEEN 2 AND 5 AND grp = 'a'", func(c changedRow) bool { return c.version >= 2 && c.version <= 5 && field(c, 0) == "a" }},
		{"note IS NULL AND _change_type <> 'insert'", func(c changedRow) bool { return field(c, 3) == "-" && c.kind != "insert" }},
		{"id = 7", func(c changedRow) bool { return field(c, 1) == "7" }},
		{"_commit_timestamp < TIMESTAMP '1900-01-01 00:00:00'", func(changedRow) bool { return false }},
	} {
		if r.IntN(2) == 0 {
			continue
		}
		p := *o
		var err error
		p.Where, err = delta.Where(w.sql)
		require.NoError(t, err)
		want := slices.DeleteFunc(slices.Clone(all), func(c changedRow) bool { return !w.keep(c) })
		got := changesOf(t, tbl, delta.At{}, delta.At{}, &p)
		require.Equal(t, want, got, "seed %d: %s", seed, w.sql)
		p.Limit = int64(len(want)+1) / 2
		if len(want) > 0 {
			require.Equal(t, want[:p.Limit], changesOf(t, tbl, delta.At{}, delta.At{}, &p), "seed %d: %s, limit", seed, w.sql)
		}
	}
}

// randomWrite does one thing to the table; nil: the model of the statement says that
// it is ambiguous.
func randomWrite(t *testing.T, r *rand.Rand, tbl *delta.Table, k tableKind) *delta.Result {
	t.Helper()
	ctx := t.Context()
	switch r.IntN(8) {
	case 0:
		res, err := tbl.Append(ctx, stocks(t, randomStocks(r, 1+r.IntN(10), 30, false)), nil)
		require.NoError(t, err)
		return res
	case 1: // an overwrite, often with much of what was there
		rows := randomStocks(rand.New(rand.NewPCG(uint64(r.IntN(2)), 3)), 30, 30, true)
		res, err := tbl.Reload(ctx, stocks(t, rows), nil)
		require.NoError(t, err)
		return res
	case 2:
		if len(k.partition) == 0 {
			return nil
		}
		res, err := tbl.ReplacePartitions(ctx, stocks(t, randomStocks(r, 1+r.IntN(6), 30, false)), nil)
		require.NoError(t, err)
		return res
	}
	cases := mergeCases()
	c := cases[r.IntN(len(cases))]
	var rows []stock
	if !c.noSource {
		rows = randomStocks(r, 1+r.IntN(20), 40, true)
	}
	o := &delta.ChangeOptions{Strategy: []delta.Strategy{delta.StrategyAuto, delta.StrategyRewrite}[r.IntN(2)]}
	res, err := c.run(ctx, tbl, stocks(t, rows), o)
	var dup *delta.DuplicateKeyError
	if errors.As(err, &dup) {
		return nil
	}
	require.NoError(t, err, c.name)
	return res
}

// A table that follows another by its changes has the same rows.
func TestATableFollowsAnother(t *testing.T) {
	t.Parallel()
	for _, vectors := range []string{"true", "false"} {
		r := rand.New(rand.NewPCG(5, 13))
		k := tableKind{properties: map[string]string{"delta.enableChangeDataFeed": "true", "delta.enableDeletionVectors": vectors}}
		from := newStocks(t, memstore.New(nil), k, randomStocks(r, 30, 30, true), 3)
		follower := newStocks(t, memstore.New(nil), tableKind{}, nil, 1)
		next := delta.Version(0)
		for range 12 {
			switch r.IntN(3) {
			case 0:
				_, err := from.Update(t.Context(), delta.Set{"qty": "coalesce(qty, 0) + 1"}, fmt.Sprintf("id %% 3 = %d", r.IntN(3)), nil)
				require.NoError(t, err)
			case 1:
				_, err := from.Delete(t.Context(), fmt.Sprintf("id %% 7 = %d", r.IntN(7)), nil)
				require.NoError(t, err)
			case 2:
				_, err := from.Merge(stocks(t, randomStocks(r, 8, 40, true))).On("t.id = s.id").
					WhenMatched().UpdateAll().WhenNotMatched().InsertAll().Run(t.Context(), nil)
				require.NoError(t, err)
			}
			if r.IntN(2) == 0 {
				continue
			}
			where, err := delta.Where("_change_type <> 'update_preimage'")
			require.NoError(t, err)
			c, err := from.Changes(t.Context(), delta.AtVersion(next), delta.At{}, &delta.ChangesOptions{Where: where})
			require.NoError(t, err)
			next = c.To() + 1
			_, err = follower.Merge(delta.ChangesSource(c)).On("t.id = s.id").
				WhenMatched("s._change_type = 'delete'").Delete().WhenMatched().UpdateAll().
				WhenNotMatched("s._change_type <> 'delete'").InsertAll().
				Run(t.Context(), &delta.ChangeOptions{
					WriteOptions: delta.WriteOptions{OnEmpty: delta.EmptyNoOp},
					Dedupe:       []string{delta.CommitVersionColumn, delta.ChangeTypeColumn},
				})
			require.NoError(t, err)
			require.Equal(t, stocksOf(t, from), stocksOf(t, follower))
		}
	}
}

// commitBy writes a commit as another writer might, who need not keep the rules.
func commitBy(t testing.TB, st *memstore.Store, v delta.Version, actions ...txlog.Action) {
	t.Helper()
	body := txlog.EncodeActions(append([]txlog.Action{&txlog.CommitInfo{Operation: "TEST"}}, actions...))
	require.NoError(t, st.Put(t.Context(), fmt.Sprintf("_delta_log/%020d.json", v), body, 0))
}
