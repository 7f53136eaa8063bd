package delta_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/internal/dv"
	"github.com/deltalog/deltalog/internal/faultstore"
	"github.com/deltalog/deltalog/reader"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
	"github.com/deltalog/deltalog/writer"
)

// A changeOp is an operation on rows, as one process does it under the sweep's key.
type changeOp struct {
	operation
	kind tableKind
	// base makes the table; nil: that of [changeBase].
	base func(t *testing.T, st logstore.Store, url string)
	full bool // under every fault; others under those that differ most
}

// The ways to keep a table that changes are swept on.
var (
	sweptCow = tableKind{name: "cow"}
	sweptDV  = tableKind{name: "vectors", properties: map[string]string{"delta.enableDeletionVectors": "true"}}
	sweptAll = tableKind{name: "all", partition: []string{"grp"}, properties: map[string]string{
		"delta.enableDeletionVectors": "true", "delta.enableChangeDataFeed": "true", "delta.enableRowTracking": "true",
	}}
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func stockOf(id int64, grp string, qty int32, note string) stock {
	return stock{ID: &id, Grp: &grp, Qty: &qty, Note: &note}
}

// changeRows are the rows of the table before the operation: two files of a group.
func changeRows(grp string) (rows []stock) {
	from := map[string]int64{"a": 0, "b": 100}[grp]
	for i := range int64(8) {
		rows = append(rows, stockOf(from+i, grp, int32(i), "old"))
	}
	return rows
}

// source is what upserts bring: one row of each group that changes, one that is as
// it was, and one that is new.
func changeSourceRows() []stock {
	return []stock{stockOf(1, "a", 70, "new"), stockOf(102, "b", 71, "new"), stockOf(3, "a", 3, "old"), stockOf(50, "a", 72, "new")}
}

func keyedChange() *delta.ChangeOptions {
	return &delta.ChangeOptions{WriteOptions: delta.WriteOptions{Key: sweepKey, Parallel: 1}}
}

// changeProps are the properties of swept tables: the next commit after the base is
// followed by a checksum and a checkpoint.
func changeProps(k tableKind) map[string]string {
	p := maps.Clone(k.properties)
	if p == nil {
		p = map[string]string{}
	}
	p["delta.checkpointInterval"] = "4"
	return p
}

// changeBase makes a table at version 3: two files, and in the first of them, where
// the table has them, a deletion vector.
func changeBase(t *testing.T, st logstore.Store, url string, k tableKind) {
	t.Helper()
	tbl, err := delta.Create(t.Context(), url, stockSchema, &delta.CreateOptions{
		Options: delta.Options{Store: st, Env: virtual("base")}, PartitionBy: k.partition, Properties: changeProps(k),
	})
	require.NoError(t, err)
	for _, grp := range []string{"a", "b"} {
		_, err = tbl.Append(t.Context(), stocks(t, changeRows(grp)), nil)
		require.NoError(t, err)
	}
	_, err = tbl.Delete(t.Context(), "id = 0", nil)
	require.NoError(t, err)
}

type dimension struct {
	ID        int64   `parquet:"id"`
	Price     int32   `parquet:"price"`
	ValidFrom int32   `parquet:"valid_from"`
	ValidTo   *int32  `parquet:"valid_to"`
	Current   bool    `parquet:"is_current"`
	Note      *string `parquet:"note"`
}

type dimensionChange struct {
	ID    int64  `parquet:"id"`
	Price int32  `parquet:"price"`
	At    int32  `parquet:"at"`
	Note  string `parquet:"note"`
}

type record struct {
	ID  int64  `parquet:"id"`
	Qty int32  `parquet:"qty"`
	Seq int64  `parquet:"seq"`
	Op  string `parquet:"op"`
}

type applied struct {
	ID  int64 `parquet:"id"`
	Qty int32 `parquet:"qty"`
	Seq int64 `parquet:"seq"`
}

type widerStock struct {
	ID    int64  `parquet:"id"`
	Grp   string `parquet:"grp"`
	Qty   int32  `parquet:"qty"`
	Note  string `parquet:"note"`
	Extra string `parquet:"extra"`
}

// baseOf makes a table of the rows' type that holds them, in two files.
func baseOf[T any](k tableKind, rows []T) func(*testing.T, logstore.Store, string) {
	return func(t *testing.T, st logstore.Store, url string) {
		t.Helper()
		tbl, err := delta.Create(t.Context(), url, must(writer.SchemaOf[T]()), &delta.CreateOptions{
			Options: delta.Options{Store: st, Env: virtual("base")}, PartitionBy: k.partition, Properties: changeProps(k),
		})
		require.NoError(t, err)
		_, err = tbl.SetProperties(t.Context(), map[string]string{"note": "so that the next version but two has a checkpoint"}, nil)
		require.NoError(t, err)
		for part := range slices.Chunk(rows, (len(rows)+1)/2) {
			_, err = tbl.Append(t.Context(), must(delta.Slice(part)), nil)
			require.NoError(t, err)
		}
	}
}

func changeOps() []changeOp {
	type in = context.Context
	op := func(name string, k tableKind, run func(ctx in, t *delta.Table) (*delta.Result, error)) changeOp {
		return changeOp{operation: operation{name: name, run: run}, kind: k}
	}
	upsert := func(ctx in, t *delta.Table) (*delta.Result, error) {
		return t.Merge(must(delta.Slice(changeSourceRows()))).OnColumns("id").Upsert().Run(ctx, keyedChange())
	}
	plusOne := func(ctx in, t *delta.Table) (*delta.Result, error) {
		return t.Update(ctx, delta.Set{"qty": "qty + 1"}, "id = 2 OR id = 103", keyedChange())
	}
	deleteSome := func(ctx in, t *delta.Table) (*delta.Result, error) {
		return t.Delete(ctx, "qty = 4", keyedChange())
	}
	ops := []changeOp{
		op("merge-upsert", sweptCow, upsert),
		op("merge-upsert-all", sweptAll, upsert),
		op("update-plus-one", sweptDV, plusOne),
		op("update-plus-one-all", sweptAll, plusOne),
		op("delete-cow", sweptCow, deleteSome),
		op("delete-vectors", sweptAll, deleteSome),
		op("delete-files", sweptAll, func(ctx in, t *delta.Table) (*delta.Result, error) {
			return t.Delete(ctx, "grp = 'b'", keyedChange())
		}),
		op("insert-new", sweptCow, func(ctx in, t *delta.Table) (*delta.Result, error) {
			return t.InsertNew(ctx, must(delta.Slice(changeSourceRows())), []string{"id"}, keyedChange())
		}),
		op("merge-evolve", sweptCow, func(ctx in, t *delta.Table) (*delta.Result, error) {
			o := keyedChange()
			o.EvolveSchema = true
			src := must(delta.Slice([]widerStock{{1, "a", 70, "new", "x"}, {51, "b", 71, "new", "y"}}))
			return t.Merge(src).OnColumns("id").Upsert().Run(ctx, o)
		}),
		op("dedup", sweptDV, func(ctx in, t *delta.Table) (*delta.Result, error) {
			return t.Dedup(ctx, &delta.DedupOptions{ChangeOptions: *keyedChange(), By: []string{"id"}, LastBy: []string{"seq"}})
		}),
		op("apply-changes", sweptCow, func(ctx in, t *delta.Table) (*delta.Result, error) {
			src := must(delta.Slice([]record{{1, 9, 11, "u"}, {1, 8, 10, "u"}, {2, 0, 12, "d"}, {7, 7, 13, "c"}, {3, 1, 1, "u"}}))
			return t.ApplyChanges(ctx, src, &delta.ApplyOptions{ChangeOptions: *keyedChange(), Keys: []string{"id"}, Order: "seq"})
		}),
		op("scd2", sweptDV, func(ctx in, t *delta.Table) (*delta.Result, error) {
			src := must(delta.Slice([]dimensionChange{{1, 11, 7, "x"}, {2, 20, 7, "y"}, {9, 90, 7, "z"}}))
			return t.SCD2(ctx, src, &delta.SCD2Options{ChangeOptions: *keyedChange(), Keys: []string{"id"}, Effective: "at", Track: []string{"price"}})
		}),
	}
	for i := range ops {
		switch o := &ops[i]; o.name {
		case "merge-upsert-all", "update-plus-one", "delete-cow":
			o.full = true
		case "dedup":
			rows := []applied{}
			for i := range int64(10) {
				rows = append(rows, applied{i % 9, int32(i), i})
			}
			o.base = baseOf(o.kind, append(rows, rows[2]))
		case "apply-changes":
			o.base = baseOf(o.kind, []applied{{1, 1, 1}, {2, 2, 2}, {3, 3, 3}, {4, 4, 4}})
		case "scd2":
			o.base = baseOf(o.kind, []dimension{{1, 10, 1, nil, true, nil}, {2, 20, 1, nil, true, nil}, {3, 30, 1, nil, true, nil}, {4, 40, 1, nil, true, nil}})
		}
		if ops[i].base == nil {
			k := ops[i].kind
			ops[i].base = func(t *testing.T, st logstore.Store, url string) { changeBase(t, st, url, k) }
		}
	}
	return ops
}

func (op changeOp) memory(t *testing.T) *memstore.Store {
	t.Helper()
	st := memstore.New(nil)
	op.base(t, st, "mem://")
	return st
}

// rowsIn reads every column of every row, as sorted texts.
func rowsIn(t *testing.T, st logstore.Store) []string {
	t.Helper()
	s, err := txlog.Load(context.Background(), st, nil)
	require.NoError(t, err)
	return rowsOfSnapshot(t, s)
}

func rowsOfSnapshot(t *testing.T, s *txlog.Snapshot) []string {
	t.Helper()
	scan, err := reader.New(s, &reader.Options{Parallel: 1})
	require.NoError(t, err)
	rows := []string{}
	for rec, err := range scan.Batches(context.Background()) {
		require.NoError(t, err)
		for i := range int(rec.NumRows()) {
			var f []string
			for _, c := range rec.Columns() {
				if c.IsNull(i) {
					f = append(f, "-")
					continue
				}
				f = append(f, c.ValueStr(i))
			}
			rows = append(rows, strings.Join(f, "/"))
		}
	}
	slices.Sort(rows)
	return rows
}

// named returns the objects that some commit of the log names, and those that the
// newest version needs: files that are live, their vectors, and all change data.
func named(t *testing.T, st logstore.Store, msg string) (ever, needed map[string]bool) {
	t.Helper()
	ctx := context.Background()
	s, err := txlog.Load(ctx, st, nil)
	require.NoError(t, err, msg)
	ever, needed = map[string]bool{}, map[string]bool{}
	note := func(into map[string]bool, path string, d *txlog.DVDescriptor) {
		name, err := txlog.ObjectName(st.URL(), path)
		require.NoError(t, err, msg)
		into[name] = true
		if d != nil && d.StorageType != "i" {
			name, err := dv.Descriptor{StorageType: d.StorageType, PathOrInlineDV: d.PathOrInlineDV}.Key(
				func(uri string) (string, error) { return txlog.ObjectName(st.URL(), uri) })
			require.NoError(t, err, msg)
			into[name] = true
		}
	}
	for v := delta.Version(0); v <= s.Version(); v++ {
		c, err := s.CommitAt(ctx, v)
		require.NoError(t, err, msg)
		for _, a := range c.Actions {
			switch a := a.(type) {
			case *txlog.AddFile:
				note(ever, a.Path, a.DeletionVector)
			case *txlog.AddCDCFile:
				note(ever, a.Path, nil)
				note(needed, a.Path, nil)
			}
		}
	}
	for f, err := range s.Files(ctx, nil) {
		require.NoError(t, err, msg)
		note(needed, f.Path, f.DeletionVector)
	}
	return ever, needed
}

// noOrphans checks that the store holds no object outside the log that no commit
// names, and everything that the newest version needs.
func noOrphans(t *testing.T, st *memstore.Store, msg string) {
	t.Helper()
	ever, _ := named(t, st, msg)
	for _, name := range dataFiles(st) {
		require.True(t, ever[name], "%s: %s was left", msg, name)
	}
	allNeeded(t, st, msg)
}

func allNeeded(t *testing.T, st *memstore.Store, msg string) {
	t.Helper()
	_, needed := named(t, st, msg)
	names := st.Names()
	for name := range needed {
		_, there := slices.BinarySearch(names, name)
		require.True(t, there, "%s: %s is gone", msg, name)
	}
}

// told checks what a process was told of its operation against the log.
func told(t *testing.T, res *delta.Result, err error, at []delta.Version, crashed bool, msg string) {
	t.Helper()
	switch {
	case crashed && res.State != delta.Committed:
		// Nobody was told anything; the next attempt finds out.
	case res.State == delta.Committed:
		require.NoError(t, err, msg)
		require.Equal(t, []delta.Version{res.Version}, at, msg)
	case res.State == delta.NotCommitted:
		require.Error(t, err, msg)
		require.Empty(t, at, msg)
	case res.State == delta.Unknown:
		require.ErrorIs(t, err, delta.ErrCommitUnknown, msg)
	default:
		require.Fail(t, "no such state here", msg)
	}
}

// sweepChange is sweep for an operation on rows: the rows are compared one by one,
// and what is left in the store.
func sweepChange(t *testing.T, op changeOp, mode string, fault func(n int) func(faultstore.Call) faultstore.Fault) {
	base := op.memory(t)
	before, dryBase := rowsIn(t, base), base.Clone()
	dry := faultstore.New(dryBase, nil)
	res, err := attempt(t.Context(), op.operation, dry, "dry")
	require.NoError(t, err)
	require.Equal(t, delta.Committed, res.State)
	want := rowsIn(t, dryBase)
	require.NotEqual(t, before, want)
	noOrphans(t, dryBase, "without a fault")
	holds := func(part string) bool {
		return slices.ContainsFunc(dry.Trace(), func(c faultstore.Call) bool { return strings.Contains(c.Name, part) && c.Mutates() })
	}
	require.True(t, holds(".checkpoint.parquet"))
	if op.kind.name == sweptAll.name && op.name != "delete-files" {
		require.True(t, holds("deletion_vector_") && holds("_change_data/"), "%v", dry.Trace())
	}
	require.Greater(t, dry.Calls(), 8)
	for n := range dry.Calls() {
		st := base.Clone()
		fs := faultstore.New(st, fault(n))
		res, err := attempt(t.Context(), op.operation, fs, "first")
		msg := fmt.Sprintf("call %d (%s): %s, %v", n, dry.Trace()[n], res.State, err)
		at := landed(t, st)
		told(t, res, err, at, fs.Crashed(), msg)
		if res.State == delta.NotCommitted && !fs.Crashed() {
			require.Equal(t, before, rowsIn(t, st), msg)
			noOrphans(t, st, msg)
		}
		again, err := attempt(t.Context(), op.operation, st, "second")
		require.NoError(t, err, msg)
		if len(at) > 0 {
			require.Equal(t, delta.AlreadyApplied, again.State, msg)
		} else {
			require.Equal(t, delta.Committed, again.State, msg)
		}
		require.Equal(t, want, rowsIn(t, st), msg)

		_ = fs.Release() // what was on its way arrives, after everything else
		require.Len(t, landed(t, st), 1, msg)
		third, err := attempt(t.Context(), op.operation, st, "third")
		require.NoError(t, err, msg)
		require.Equal(t, delta.AlreadyApplied, third.State, msg)
		require.Equal(t, landed(t, st)[0], third.Version, msg)
		require.Equal(t, want, rowsIn(t, st), msg)
		if fs.Crashed() || mode == "delayed" {
			allNeeded(t, st, msg) // the dead leave files, and so does what comes late
		} else {
			noOrphans(t, st, msg)
		}
	}
}

// Every storage call of every operation on rows × every single fault.
func TestSweepChanges(t *testing.T) {
	for _, op := range changeOps() {
		for mode, fault := range singleFaults() {
			if !op.full && !slices.Contains([]string{"crash before", "not applied", "lost"}, mode) {
				continue
			}
			t.Run(op.name+"/"+mode, func(t *testing.T) {
				t.Parallel()
				sweepChange(t, op, mode, fault)
			})
		}
	}
}

// The context ends at every call.
func TestSweepChangesCancel(t *testing.T) {
	for _, op := range changeOps() {
		t.Run(op.name, func(t *testing.T) {
			t.Parallel()
			base := op.memory(t)
			before, dryBase := rowsIn(t, base), base.Clone()
			dry := faultstore.New(dryBase, nil)
			_, err := attempt(t.Context(), op.operation, dry, "dry")
			require.NoError(t, err)
			want := rowsIn(t, dryBase)
			for n := range dry.Calls() {
				st := base.Clone()
				ctx, cancel := context.WithCancel(t.Context())
				fs := faultstore.New(st, func(c faultstore.Call) faultstore.Fault {
					if c.N == n {
						cancel()
					}
					return faultstore.Pass
				})
				res, err := attempt(ctx, op.operation, fs, "first")
				cancel()
				msg := fmt.Sprintf("call %d (%s): %s, %v", n, dry.Trace()[n], res.State, err)
				told(t, res, err, landed(t, st), false, msg)
				if res.State == delta.NotCommitted {
					require.True(t, errors.Is(err, context.Canceled), msg)
					require.Equal(t, before, rowsIn(t, st), msg)
				}
				noOrphans(t, st, msg)
				again, err := attempt(t.Context(), op.operation, st, "second")
				require.NoError(t, err, msg)
				require.Contains(t, []delta.State{delta.Committed, delta.AlreadyApplied}, again.State, msg)
				require.Equal(t, want, rowsIn(t, st), msg)
				require.Len(t, landed(t, st), 1, msg)
				noOrphans(t, st, msg)
			}
		})
	}
}

// underWay runs a change whose commit is on its way when time is up. It returns the
// store, one like it in which the change was made without trouble, the store as the
// change sees it, which holds the commit back, and what the change was told.
func underWay(t *testing.T, op changeOp) (base, dryBase *memstore.Store, fs *faultstore.Store, res *delta.Result) {
	t.Helper()
	base = op.memory(t)
	dryBase = base.Clone()
	_, err := attempt(t.Context(), op.operation, dryBase, "dry")
	require.NoError(t, err)
	fs = faultstore.New(base, func(c faultstore.Call) faultstore.Fault {
		if c.Verb == logstore.VerbPutIfAbsent && strings.HasPrefix(c.Name, "_delta_log/") {
			return faultstore.Delay(nil)
		}
		return faultstore.Pass
	})
	res, err = attempt(t.Context(), op.operation, fs, "first")
	require.ErrorIs(t, err, delta.ErrCommitUnknown)
	require.Equal(t, delta.Unknown, res.State)
	return base, dryBase, fs, res
}

// A change whose commit may still land keeps its files, vectors and change data,
// and the same key finds it.
func TestUnknownChangeKeepsFiles(t *testing.T) {
	for _, op := range changeOps() {
		t.Run(op.name, func(t *testing.T) {
			t.Parallel()
			base, dryBase, fs, res := underWay(t, op)
			require.True(t, res.Retryable)
			require.Empty(t, landed(t, base))
			_ = fs.Release()
			require.Equal(t, rowsIn(t, dryBase), rowsIn(t, base))
			noOrphans(t, base, "after the commit has arrived")
			again, err := attempt(t.Context(), op.operation, base, "second")
			require.NoError(t, err)
			require.Equal(t, delta.AlreadyApplied, again.State)
			require.Equal(t, landed(t, base)[0], again.Version)
		})
	}
}

// A commit that may still land, and the same work done by another process before
// it does: the late one comes too late, and what it had staged is not in the table.
func TestUnknownChangeAndAgain(t *testing.T) {
	for _, op := range changeOps() {
		t.Run(op.name, func(t *testing.T) {
			t.Parallel()
			base, dryBase, fs, _ := underWay(t, op)
			again, err := attempt(t.Context(), op.operation, base, "second")
			require.NoError(t, err)
			require.Equal(t, delta.Committed, again.State)
			_ = fs.Release()
			require.Equal(t, rowsIn(t, dryBase), rowsIn(t, base))
			require.Equal(t, []delta.Version{again.Version}, landed(t, base))
			allNeeded(t, base, "after the late commit")
		})
	}
}
