package delta_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
	"github.com/deltalog/deltalog/txlog/schema"
)

// A stock is a row of the tables that merges are tested on. Pointers may be nil.
type stock struct {
	ID   *int64  `parquet:"id"`
	Grp  *string `parquet:"grp"`
	Qty  *int32  `parquet:"qty"`
	Note *string `parquet:"note"`
}

func (s stock) String() string {
	return fmt.Sprintf("%s/%s/%s/%s", show(s.Grp), show(s.ID), show(s.Qty), show(s.Note))
}

func show[T any](p *T) string {
	if p == nil {
		return "-"
	}
	return fmt.Sprint(*p)
}

func ptr[T any](v T) *T { return &v }

var stockSchema = &schema.Struct{Fields: []schema.Field{
	{Name: "id", Type: schema.Long, Nullable: true},
	{Name: "grp", Type: schema.String, Nullable: true},
	{Name: "qty", Type: schema.Integer, Nullable: true},
	{Name: "note", Type: schema.String, Nullable: true},
}}

func stocks(t *testing.T, rows []stock) delta.Source {
	t.Helper()
	src, err := delta.Slice(rows)
	require.NoError(t, err)
	return src
}

func eq[T comparable](a, b *T) bool { return a != nil && b != nil && *a == *b }

func same(a, b stock) bool { return a.String() == b.String() }

// A model is what a merge does, row by row, in the plainest way.
type model struct {
	on         func(t, s stock) bool
	matched    []modelClause // of t and s
	notMatched []modelClause // of s
	bySource   []modelClause // of t
}

type modelClause struct {
	when   func(t, s stock) bool // nil: always
	update func(t, s stock) stock
	delete bool
	insert func(s stock) stock
}

var errAmbiguous = errors.New("several source rows act on one row")

type modelCounts struct{ inserted, updated, deleted, unchanged int64 }

func (m *model) apply(table, source []stock) (out []stock, n modelCounts, err error) {
	met := make([]bool, len(source))
	for _, t := range table {
		var acting []func(stock) (stock, bool) // new row, and whether it stays
		hit := false
		for i, s := range source {
			if m.on == nil || !m.on(t, s) {
				continue
			}
			met[i], hit = true, true
			if c := first(m.matched, t, s); c != nil {
				acting = append(acting, func(t stock) (stock, bool) {
					if c.delete {
						return t, false
					}
					return c.update(t, s), true
				})
			}
		}
		if !hit {
			if c := first(m.bySource, t, stock{}); c != nil {
				acting = append(acting, func(t stock) (stock, bool) {
					if c.delete {
						return t, false
					}
					return c.update(t, stock{}), true
				})
			}
		}
		onlyDelete := len(m.matched) == 1 && m.matched[0].delete && m.matched[0].when == nil
		if len(acting) > 1 && !onlyDelete {
			return nil, n, errAmbiguous
		}
		if len(acting) == 0 {
			out = append(out, t)
			continue
		}
		image, stays := acting[0](t)
		switch {
		case !stays:
			n.deleted++
		case same(image, t):
			n.unchanged++
			out = append(out, t)
		default:
			n.updated++
			out = append(out, image)
		}
	}
	for i, s := range source {
		if met[i] {
			continue
		}
		if c := first(m.notMatched, stock{}, s); c != nil {
			n.inserted++
			out = append(out, c.insert(s))
		}
	}
	return out, n, nil
}

func first(cs []modelClause, t, s stock) *modelClause {
	for i := range cs {
		if cs[i].when == nil || cs[i].when(t, s) {
			return &cs[i]
		}
	}
	return nil
}

// A mergeCase is one statement, as SQL and as a model.
type mergeCase struct {
	name string
	run  func(ctx context.Context, t *delta.Table, src delta.Source, o *delta.ChangeOptions) (*delta.Result, error)
	model
	noSource bool
	again    bool // the second run finds nothing to do
}

func mergeCases() []mergeCase {
	type in = context.Context
	type tbl = *delta.Table
	type rows = delta.Source
	type opts = *delta.ChangeOptions
	type out = *delta.Result
	byID := func(t, s stock) bool { return eq(t.ID, s.ID) }
	byBoth := func(t, s stock) bool { return eq(t.ID, s.ID) && eq(t.Grp, s.Grp) }
	takeAll := func(_, s stock) stock { return s }
	insertAll := func(s stock) stock { return s }
	more := func(t, s stock) bool { return t.Qty != nil && s.Qty != nil && *s.Qty > *t.Qty }
	return []mergeCase{
		{
			name: "upsert by id", again: true,
			run: func(ctx in, t tbl, s rows, o opts) (out, error) {
				return t.Merge(s).On("t.id = s.id").WhenMatched().UpdateAll().WhenNotMatched().InsertAll().Run(ctx, o)
			},
			model: model{on: byID, matched: []modelClause{{update: takeAll}}, notMatched: []modelClause{{insert: insertAll}}},
		},
		{
			name: "upsert by partition and id", again: true,
			run: func(ctx in, t tbl, s rows, o opts) (out, error) {
				return t.Merge(s).OnColumns("grp", "id").WhenMatched().UpdateAll().WhenNotMatched().InsertAll().Run(ctx, o)
			},
			model: model{on: byBoth, matched: []modelClause{{update: takeAll}}, notMatched: []modelClause{{insert: insertAll}}},
		},
		{
			name: "newer wins, zero deletes", again: true,
			run: func(ctx in, t tbl, s rows, o opts) (out, error) {
				return t.Merge(s).On("t.id = s.id").
					WhenMatched("s.qty = 0").Delete().
					WhenMatched("s.qty > t.qty").Update(delta.Set{"qty": "s.qty", "note": "'newer'"}).
					WhenNotMatched("s.qty > 0").Insert(delta.Set{"id": "s.id", "qty": "s.qty", "grp": "s.grp"}).Run(ctx, o)
			},
			model: model{
				on: byID,
				matched: []modelClause{
					{when: func(_, s stock) bool { return s.Qty != nil && *s.Qty == 0 }, delete: true},
					{when: more, update: func(t, s stock) stock { t.Qty, t.Note = s.Qty, ptr("newer"); return t }},
				},
				notMatched: []modelClause{{
					when:   func(_, s stock) bool { return s.Qty != nil && *s.Qty > 0 },
					insert: func(s stock) stock { s.Note = nil; return s },
				}},
			},
		},
		{
			name: "insert only", again: true,
			run: func(ctx in, t tbl, s rows, o opts) (out, error) {
				return t.Merge(s).On("t.id <=> s.id AND t.grp = s.grp").WhenNotMatched().InsertAll().Run(ctx, o)
			},
			model: model{
				on: func(t, s stock) bool {
					return (eq(t.ID, s.ID) || t.ID == nil && s.ID == nil) && eq(t.Grp, s.Grp)
				},
				notMatched: []modelClause{{insert: insertAll}},
			},
		},
		{
			name: "delete what matches", again: true,
			run: func(ctx in, t tbl, s rows, o opts) (out, error) {
				return t.Merge(s).On("t.id = s.id").WhenMatched().Delete().Run(ctx, o)
			},
			model: model{on: byID, matched: []modelClause{{delete: true}}},
		},
		{
			name: "mirror",
			run: func(ctx in, t tbl, s rows, o opts) (out, error) {
				return t.Merge(s).On("t.id = s.id").WhenMatched().UpdateAll().WhenNotMatched().InsertAll().
					WhenNotMatchedBySource("t.qty > 5").Update(delta.Set{"qty": "t.qty - 1"}).
					WhenNotMatchedBySource().Delete().Run(ctx, o)
			},
			model: model{
				on: byID, matched: []modelClause{{update: takeAll}}, notMatched: []modelClause{{insert: insertAll}},
				bySource: []modelClause{
					{
						when:   func(t, _ stock) bool { return t.Qty != nil && *t.Qty > 5 },
						update: func(t, _ stock) stock { t.Qty = ptr(*t.Qty - 1); return t },
					},
					{delete: true},
				},
			},
		},
		{
			name: "by a range, with conditions on each side", again: true,
			run: func(ctx in, t tbl, s rows, o opts) (out, error) {
				return t.Merge(s).On("t.id = s.id AND s.qty >= t.qty AND t.grp <> 'b' AND s.note IS NOT NULL").
					WhenMatched().Update(delta.Set{"note": "concat(s.note, '!')"}).Run(ctx, o)
			},
			model: model{
				on: func(t, s stock) bool {
					return byID(t, s) && t.Qty != nil && s.Qty != nil && *s.Qty >= *t.Qty && t.Grp != nil && *t.Grp != "b" && s.Note != nil
				},
				matched: []modelClause{{update: func(t, s stock) stock { t.Note = ptr(*s.Note + "!"); return t }}},
			},
		},
		{
			name: "without a key",
			run: func(ctx in, t tbl, s rows, o opts) (out, error) {
				return t.Merge(s).On("t.qty < s.qty AND s.id < 3").WhenMatched().Delete().WhenNotMatched().InsertAll().Run(ctx, o)
			},
			model: model{
				on:      func(t, s stock) bool { return more(t, s) && s.ID != nil && *s.ID < 3 },
				matched: []modelClause{{delete: true}}, notMatched: []modelClause{{insert: insertAll}},
			},
		},
		{
			name: "rows move to another partition",
			run: func(ctx in, t tbl, s rows, o opts) (out, error) {
				return t.Merge(s).On("t.id = s.id").WhenMatched("s.grp IS NOT NULL").Update(delta.Set{"grp": "upper(s.grp)"}).Run(ctx, o)
			},
			model: model{on: byID, matched: []modelClause{{
				when:   func(_, s stock) bool { return s.Grp != nil },
				update: func(t, s stock) stock { t.Grp = ptr(strings.ToUpper(*s.Grp)); return t },
			}}},
			again: true,
		},
		{
			name: "update", noSource: true, again: true,
			run: func(ctx in, t tbl, _ rows, o opts) (out, error) {
				return t.Update(ctx, delta.Set{"note": "'small'"}, "qty < 4", o)
			},
			model: model{bySource: []modelClause{{
				when:   func(t, _ stock) bool { return t.Qty != nil && *t.Qty < 4 },
				update: func(t, _ stock) stock { t.Note = ptr("small"); return t },
			}}},
		},
		{
			name: "update all", noSource: true,
			run: func(ctx in, t tbl, _ rows, o opts) (out, error) {
				return t.Update(ctx, delta.Set{"qty": "qty + 1"}, "", o)
			},
			model: model{bySource: []modelClause{{update: func(t, _ stock) stock {
				if t.Qty != nil {
					t.Qty = ptr(*t.Qty + 1)
				}
				return t
			}}}},
		},
		{
			name: "delete rows", noSource: true, again: true,
			run: func(ctx in, t tbl, _ rows, o opts) (out, error) { return t.Delete(ctx, "qty > 6 OR note IS NULL", o) },
			model: model{bySource: []modelClause{{
				when: func(t, _ stock) bool { return t.Qty != nil && *t.Qty > 6 || t.Note == nil }, delete: true,
			}}},
		},
		{
			name: "delete a partition", noSource: true, again: true,
			run:   func(ctx in, t tbl, _ rows, o opts) (out, error) { return t.Delete(ctx, "grp = 'a'", o) },
			model: model{bySource: []modelClause{{when: func(t, _ stock) bool { return eq(t.Grp, ptr("a")) }, delete: true}}},
		},
	}
}

// randomStocks returns rows whose ids are from 0 to ids-1; unique ones if asked.
func randomStocks(r *rand.Rand, n, ids int, unique bool) []stock {
	var rows []stock
	perm := r.Perm(ids)
	for i := range n {
		var s stock
		id := int64(r.IntN(ids))
		if unique {
			if i == len(perm) {
				break
			}
			id = int64(perm[i])
		}
		if unique || r.IntN(12) > 0 {
			s.ID = &id
		}
		if r.IntN(10) > 0 {
			s.Grp = ptr(string(rune('a' + r.IntN(3))))
		}
		if r.IntN(10) > 0 {
			s.Qty = ptr(int32(r.IntN(10)))
		}
		if r.IntN(6) > 0 {
			s.Note = ptr(fmt.Sprint("n", r.IntN(3)))
		}
		rows = append(rows, s)
	}
	return rows
}

// A tableKind is a way to keep a table.
type tableKind struct {
	name       string
	partition  []string
	properties map[string]string
}

func tableKinds() []tableKind {
	dv := map[string]string{"delta.enableDeletionVectors": "true"}
	return []tableKind{
		{name: "plain"},
		{name: "partitioned", partition: []string{"grp"}},
		{name: "vectors", properties: dv},
		{name: "partitioned, vectors, changes", partition: []string{"grp"}, properties: map[string]string{
			"delta.enableDeletionVectors": "true", "delta.enableChangeDataFeed": "true",
		}},
		{name: "changes, row ids", properties: map[string]string{"delta.enableChangeDataFeed": "true", "delta.enableRowTracking": "true"}},
		{name: "mapped by name, vectors, row ids", partition: []string{"grp"}, properties: map[string]string{
			"delta.enableDeletionVectors": "true", "delta.columnMapping.mode": "name", "delta.enableRowTracking": "true",
		}},
		{name: "mapped by id", properties: map[string]string{"delta.columnMapping.mode": "id"}},
	}
}

// newStocks makes a table of several files that holds rows.
func newStocks(t *testing.T, st logstore.Store, k tableKind, rows []stock, files int) *delta.Table {
	t.Helper()
	tbl, err := delta.Create(t.Context(), "mem://", stockSchema, &delta.CreateOptions{
		Options: delta.Options{Store: st}, PartitionBy: k.partition, Properties: k.properties,
	})
	require.NoError(t, err)
	for part := range slices.Chunk(rows, max(1, (len(rows)+files-1)/files)) {
		_, err := tbl.Append(t.Context(), stocks(t, part), nil)
		require.NoError(t, err)
	}
	return tbl
}

// stocksOf reads the table.
func stocksOf(t *testing.T, tbl *delta.Table) []string {
	t.Helper()
	scan, err := tbl.Scan(t.Context(), &delta.ScanOptions{Columns: []string{"grp", "id", "qty", "note"}})
	require.NoError(t, err)
	rows := []string{}
	for rec, err := range scan.Batches(t.Context()) {
		require.NoError(t, err)
		for i := range int(rec.NumRows()) {
			var f []string
			for _, c := range rec.Columns() {
				if c.IsNull(i) {
					f = append(f, "-")
					continue
				}
				switch c := c.(type) {
				case *array.String:
					f = append(f, c.Value(i))
				default:
					f = append(f, c.ValueStr(i))
				}
			}
			rows = append(rows, strings.Join(f, "/"))
		}
	}
	slices.Sort(rows)
	return rows
}

func texts(rows []stock) []string {
	out := []string{}
	for _, r := range rows {
		out = append(out, r.String())
	}
	slices.Sort(out)
	return out
}

// Every statement, on every kind of table, does what the model does, counts it,
// and finds nothing to do where it is run again.
func TestChangesDoWhatTheModelDoes(t *testing.T) {
	t.Parallel()
	for _, k := range tableKinds() {
		for _, c := range mergeCases() {
			t.Run(k.name+"/"+c.name, func(t *testing.T) {
				t.Parallel()
				for seed := range uint64(12) {
					checkCase(t, k, c, seed)
				}
			})
		}
	}
}

func checkCase(t *testing.T, k tableKind, c mergeCase, seed uint64) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 7))
	before := randomStocks(r, r.IntN(60), 30, false)
	var source []stock
	if !c.noSource {
		source = randomStocks(r, 1+r.IntN(20), 40, seed%3 > 0)
	}
	want, n, merr := c.apply(before, source)
	tbl := newStocks(t, memstore.New(nil), k, before, 1+r.IntN(5))
	o := &delta.ChangeOptions{Strategy: []delta.Strategy{delta.StrategyAuto, delta.StrategyRewrite}[r.IntN(2)]}

	dry := *o
	dry.DryRun = true
	planned, derr := c.run(t.Context(), tbl, stocks(t, source), &dry)
	res, err := c.run(t.Context(), tbl, stocks(t, source), o)
	if merr != nil {
		var dup *delta.DuplicateKeyError
		require.ErrorAs(t, err, &dup, "seed %d", seed)
		require.ErrorAs(t, derr, &dup, "seed %d", seed)
		require.Equal(t, delta.NotCommitted, res.State)
		require.Equal(t, texts(before), stocksOf(t, tbl))
		return
	}
	require.NoError(t, derr, "seed %d", seed)
	require.NoError(t, err, "seed %d", seed)
	require.Equal(t, texts(want), stocksOf(t, tbl), "seed %d", seed)
	got := modelCounts{res.Rows.Inserted, res.Rows.Updated, res.Rows.Deleted, res.Rows.Unchanged}
	require.Equal(t, n, got, "seed %d", seed)
	planCounts := modelCounts{planned.Rows.Inserted, planned.Rows.Updated, planned.Rows.Deleted, planned.Rows.Unchanged}
	require.Equal(t, n, planCounts, "seed %d, dry run", seed)
	if n.inserted+n.updated+n.deleted == 0 {
		require.Equal(t, delta.NoOp, res.State, "seed %d", seed)
	}
	if !c.again {
		return
	}
	_, n2, merr := c.apply(want, source)
	if merr != nil || n2.inserted+n2.updated+n2.deleted > 0 {
		return // keys that are null are inserted again
	}
	version := res.Version
	res, err = c.run(t.Context(), tbl, stocks(t, source), o)
	require.NoError(t, err, "seed %d, again", seed)
	require.Equal(t, delta.NoOp, res.State, "seed %d, again", seed)
	require.Equal(t, version, res.Version)
}

// A predicate that cannot be told for some partition replaces nothing: it does not
// pass for false.
func TestReplaceWhereFailsWithItsPredicate(t *testing.T) {
	t.Parallel()
	tbl := newStocks(t, memstore.New(nil), tableKind{partition: []string{"qty"}}, []stock{{ID: ptr(int64(1)), Qty: ptr(int32(0))}, {ID: ptr(int64(2)), Qty: ptr(int32(5))}}, 1)
	res, err := tbl.ReplaceWhere(t.Context(), "10 / qty = 2", stocks(t, []stock{{ID: ptr(int64(3)), Qty: ptr(int32(5))}}), nil)
	require.ErrorContains(t, err, "partition qty=0")
	require.Equal(t, delta.NotCommitted, res.State)
	require.Len(t, stocksOf(t, tbl), 2)
}
