package delta_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/internal/faultstore"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
	"github.com/deltalog/deltalog/txlog/schema"
)

// firstOrders is a handle on the table of orders, which is not there.
func firstOrders(t *testing.T, st logstore.Store, o *delta.CreateOptions) *delta.Table {
	t.Helper()
	if o == nil {
		o = &delta.CreateOptions{PartitionBy: []string{"ds", "region"}}
	}
	o.Store = st
	tbl, err := delta.OpenOrCreate(t.Context(), "mem://", ordersSchema, o)
	require.NoError(t, err)
	return tbl
}

func commitOf(t *testing.T, st logstore.Store, v delta.Version) *txlog.Commit {
	t.Helper()
	s, err := txlog.Load(t.Context(), st, nil)
	require.NoError(t, err)
	c, err := s.CommitAt(t.Context(), v)
	require.NoError(t, err)
	return c
}

// Version 0 holds all there is to the first write.
func TestFirstWriteMakesTheTable(t *testing.T) {
	st := memstore.New(nil)
	tbl := firstOrders(t, st, &delta.CreateOptions{
		PartitionBy: []string{"ds", "region"}, Description: "all of them",
		Properties: map[string]string{"delta.enableInCommitTimestamps": "true", "delta.enableRowTracking": "true", "delta.columnMapping.mode": "name"},
	})
	require.False(t, tbl.Exists())
	require.Empty(t, st.Names())
	res, err := tbl.Append(t.Context(), orders("2026-01-05 eu 1 a", "2026-01-05 us 2 b"), &delta.WriteOptions{Key: "k", UserMetadata: "u"})
	require.NoError(t, err)
	require.Equal(t, delta.Committed, res.State)
	require.Equal(t, delta.Version(0), res.Version)
	require.Equal(t, int64(2), res.RowsAdded)
	require.True(t, tbl.Exists())

	c := commitOf(t, st, 0)
	var kinds []string
	for _, a := range c.Actions {
		kinds = append(kinds, strings.TrimPrefix(fmt.Sprintf("%T", a), "*txlog."))
		if f, ok := a.(*txlog.AddFile); ok {
			require.NotNil(t, f.BaseRowID)
		}
	}
	require.Equal(t, []string{"CommitInfo", "Protocol", "Metadata", "SetTransaction", "DomainMetadata", "AddFile", "AddFile"}, kinds)
	ci := c.Info()
	require.Equal(t, "CREATE TABLE AS SELECT", ci.Operation)
	require.NotNil(t, ci.InCommitTimestamp)
	require.Nil(t, ci.ReadVersion)
	require.Equal(t, "2", ci.OperationMetrics["numOutputRows"])
	require.Equal(t, "u", ci.UserMetadata)
	require.Equal(t, `"false"`, ci.OperationParameters["isManaged"])
	require.Equal(t, `"all of them"`, ci.OperationParameters["description"])
	require.Equal(t, `"[\"ds\",\"region\"]"`, ci.OperationParameters["partitionBy"])
	require.Contains(t, ci.OperationParameters["properties"], `\"delta.columnMapping.mode\":\"name\"`)

	// The handle is one on a table like any other now, and so is another.
	res, err = tbl.Append(t.Context(), orders("2026-01-05 eu 3 c"), nil)
	require.NoError(t, err)
	require.Equal(t, delta.Version(1), res.Version)
	require.Equal(t, "WRITE", commitOf(t, st, 1).Info().Operation)
	other := firstOrders(t, st, &delta.CreateOptions{Properties: map[string]string{"delta.nonsense.mode": "x"}})
	require.True(t, other.Exists())
	res, err = other.Append(t.Context(), orders("2026-01-05 us 2 b", "2026-01-05 eu 1 a"), &delta.WriteOptions{Key: "k"})
	require.NoError(t, err)
	require.Equal(t, delta.AlreadyApplied, res.State)
	require.Equal(t, delta.Version(0), res.Version)
}

func TestReadsBeforeTheFirstWrite(t *testing.T) {
	st := memstore.New(nil)
	tbl := firstOrders(t, st, nil)
	reads := map[string]func() error{
		"scan":       func() error { _, err := tbl.Scan(t.Context(), nil); return err },
		"snapshot":   func() error { _, err := tbl.Snapshot(t.Context(), delta.At{}); return err },
		"version":    func() error { _, err := tbl.Snapshot(t.Context(), delta.AtVersion(0)); return err },
		"lookup":     func() error { _, err := tbl.Lookup(t.Context(), "k"); return err },
		"checkpoint": func() error { _, err := tbl.Checkpoint(t.Context()); return err },
		"history": func() error {
			for _, err := range tbl.History(t.Context(), nil) {
				return err
			}
			return nil
		},
	}
	for name, read := range reads {
		require.ErrorIs(t, read(), delta.ErrTableNotFound, name)
	}
	require.Empty(t, st.Names())

	// Another handle makes the table: this one sees it.
	_, err := firstOrders(t, st, nil).Append(t.Context(), orders("2026-01-05 eu 1 a"), &delta.WriteOptions{Key: "k"})
	require.NoError(t, err)
	for name, read := range reads {
		require.NoError(t, read(), name)
	}
	require.True(t, tbl.Exists())
}

// failing yields a batch and then an error.
type failing struct{ delta.Source }

func (f failing) Batches(ctx context.Context) iter.Seq2[arrow.RecordBatch, error] {
	return func(yield func(arrow.RecordBatch, error) bool) {
		for b := range f.Source.Batches(ctx) {
			if !yield(b, nil) {
				return
			}
		}
		yield(nil, errors.New("torn"))
	}
}

func TestRefusedFirstWriteMakesNothing(t *testing.T) {
	ctx := t.Context()
	row := func() delta.Source { return orders("2026-01-05 eu 1 a") }
	day := []delta.Partition{delta.Part("ds", "2026-01-06")}
	for name, write := range map[string]func(*delta.Table) (*delta.Result, error){
		"few rows": func(tbl *delta.Table) (*delta.Result, error) {
			return tbl.Append(ctx, row(), &delta.WriteOptions{MinRows: 2})
		},
		"no rows": func(tbl *delta.Table) (*delta.Result, error) { return tbl.Reload(ctx, orders(), nil) },
		"outside": func(tbl *delta.Table) (*delta.Result, error) {
			return tbl.ReplacePartitions(ctx, row(), &delta.WriteOptions{Partitions: day})
		},
		"outside the predicate": func(tbl *delta.Table) (*delta.Result, error) {
			return tbl.ReplaceWhere(ctx, "ds = '2026-01-06'", row(), nil)
		},
		"torn":   func(tbl *delta.Table) (*delta.Result, error) { return tbl.Append(ctx, failing{row()}, nil) },
		"column": func(tbl *delta.Table) (*delta.Result, error) { return tbl.Append(ctx, widerOrders(), nil) },
		"evolution": func(tbl *delta.Table) (*delta.Result, error) {
			return tbl.Append(ctx, widerOrders(), &delta.WriteOptions{EvolveSchema: true})
		},
		"options": func(tbl *delta.Table) (*delta.Result, error) {
			return tbl.Append(ctx, row(), &delta.WriteOptions{MinRows: -1})
		},
		"prepared": func(tbl *delta.Table) (*delta.Result, error) {
			_, res, err := tbl.Prepare(ctx, "append", "", row(), &delta.WriteOptions{MinRows: 2})
			return res, err
		},
	} {
		st := memstore.New(nil)
		res, err := write(firstOrders(t, st, nil))
		require.Error(t, err, name)
		require.Equal(t, delta.NotCommitted, res.State, name)
		require.Equal(t, delta.NoVersion, res.Version, name)
		require.Empty(t, st.Names(), name)
	}
	st := memstore.New(nil)
	_, err := delta.OpenOrCreate(ctx, "mem://", ordersSchema, &delta.CreateOptions{
		Options: delta.Options{Store: st}, PartitionBy: []string{"nope"},
	})
	require.ErrorContains(t, err, `"nope" is not in the schema`)
	_, err = firstOrders(t, st, &delta.CreateOptions{}).ReplacePartitions(ctx, row(), nil)
	require.ErrorContains(t, err, "not partitioned")
	require.Empty(t, st.Names())
}

// widerOrders has a column that the table of orders has not.
func widerOrders() delta.Source {
	type wider struct {
		ID    int64  `parquet:"id"`
		Other string `parquet:"other"`
	}
	src, err := delta.Slice([]wider{{1, "x"}})
	if err != nil {
		panic(err)
	}
	return src
}

func TestFirstWriteWithoutRows(t *testing.T) {
	declared := []delta.Partition{delta.Part("ds", "2026-01-05")}
	for _, test := range []struct {
		name  string
		state delta.State
		write func(*delta.Table) (*delta.Result, error)
	}{
		{"noop", delta.NoOp, func(tbl *delta.Table) (*delta.Result, error) {
			return tbl.Append(t.Context(), orders(), &delta.WriteOptions{OnEmpty: delta.EmptyNoOp, Key: "k"})
		}},
		{"reload", delta.Committed, func(tbl *delta.Table) (*delta.Result, error) {
			return tbl.Reload(t.Context(), orders(), &delta.WriteOptions{OnEmpty: delta.EmptyTruncate})
		}},
		{"declared", delta.Committed, func(tbl *delta.Table) (*delta.Result, error) {
			return tbl.ReplacePartitions(t.Context(), orders(), &delta.WriteOptions{OnEmpty: delta.EmptyTruncate, Partitions: declared})
		}},
		{"dynamic", delta.Committed, func(tbl *delta.Table) (*delta.Result, error) {
			return tbl.ReplacePartitions(t.Context(), orders(), &delta.WriteOptions{OnEmpty: delta.EmptyTruncate})
		}},
	} {
		st := memstore.New(nil)
		tbl := firstOrders(t, st, nil)
		res, err := test.write(tbl)
		require.NoError(t, err, test.name)
		require.Equal(t, test.state, res.State, test.name)
		if test.state == delta.NoOp {
			require.Equal(t, delta.NoVersion, res.Version)
			require.Empty(t, st.Names())
			require.False(t, tbl.Exists())
			continue
		}
		require.Equal(t, delta.Version(0), res.Version, test.name)
		require.Empty(t, partitions(t, st), test.name)
		require.True(t, tbl.Exists(), test.name)
	}
}

func TestFirstWriteDryRun(t *testing.T) {
	st := faultstore.New(memstore.New(nil), func(c faultstore.Call) faultstore.Fault {
		require.False(t, c.Mutates() || c.Verb == logstore.VerbCreate, c.String())
		return faultstore.Pass
	})
	tbl := firstOrders(t, st, nil)
	for op, write := range map[string]func() (*delta.Result, error){
		"append": func() (*delta.Result, error) {
			return tbl.Append(t.Context(), orders("2026-01-05 eu 1 a", "2026-01-06 eu 1 a"), &delta.WriteOptions{DryRun: true, Key: "k"})
		},
		"reload": func() (*delta.Result, error) {
			return tbl.Reload(t.Context(), orders("2026-01-05 eu 1 a", "2026-01-06 eu 1 a"), &delta.WriteOptions{DryRun: true, MaxShrink: 0.1})
		},
	} {
		res, err := write()
		require.NoError(t, err, op)
		require.Equal(t, delta.NotCommitted, res.State, op)
		require.Equal(t, delta.Version(0), res.Version, op)
		require.Equal(t, int64(2), res.FilesAdded, op)
		require.Equal(t, int64(2), res.RowsAdded, op)
		require.Len(t, res.Partitions, 2, op)
		require.False(t, tbl.Exists(), op)
	}
}

func TestFirstWriteProbesTheStore(t *testing.T) {
	st := liar{memstore.New(nil)}
	tbl := firstOrders(t, st, nil)
	_, err := tbl.Append(t.Context(), orders("2026-01-05 eu 1 a"), nil)
	require.ErrorIs(t, err, logstore.ErrUnsafe)
	require.Empty(t, st.Names(), "nothing is left of the write nor of the probe")

	honest := memstore.New(nil)
	p, _, err := firstOrders(t, honest, nil).Prepare(t.Context(), "append", "", orders("2026-01-05 eu 1 a"), nil)
	require.NoError(t, err)
	same := liar{honest}
	tbl, err = delta.OpenPrepared(t.Context(), "mem://", p, &delta.Options{Store: same})
	require.NoError(t, err)
	_, err = tbl.Commit(t.Context(), p)
	require.ErrorIs(t, err, logstore.ErrUnsafe, "a commit is a first write too")
}

// A gate lets the handles that go through it reach the first commit all at once.
type gate struct {
	logstore.Store
	at   *sync.WaitGroup
	once sync.Once
}

func (g *gate) Put(ctx context.Context, name string, data []byte, mode logstore.PutMode) error {
	if strings.HasSuffix(name, "/00000000000000000000.json") {
		g.once.Do(func() { g.at.Done(); g.at.Wait() })
	}
	return g.Store.Put(ctx, name, data, mode)
}

const racers = 16

// race lets handles make the table at once; each would give it a description of
// its own.
func race(t *testing.T, st logstore.Store, write func(i int, tbl *delta.Table) (*delta.Result, error)) ([]*delta.Result, []error) {
	t.Helper()
	var at, done sync.WaitGroup
	at.Add(racers)
	results, errs := make([]*delta.Result, racers), make([]error, racers)
	for i := range racers {
		tbl := firstOrders(t, &gate{Store: st, at: &at}, &delta.CreateOptions{
			Options:     delta.Options{Env: virtual(fmt.Sprint("racer", i))},
			PartitionBy: []string{"ds", "region"}, Description: fmt.Sprint("by ", i),
		})
		done.Go(func() { results[i], errs[i] = write(i, tbl) })
	}
	done.Wait()
	return results, errs
}

func TestConcurrentFirstWrites(t *testing.T) {
	row := func(i int) delta.Source {
		return orders(fmt.Sprintf("2026-01-05 eu %d a", i), fmt.Sprintf("2026-01-06 r%d %d b", i, i))
	}
	each := map[string]int64{"/2026-01-05/eu": racers}
	for i := range racers {
		each[fmt.Sprintf("/2026-01-06/r%d", i)] = 1
	}
	replaced := map[string]int64{"/2026-01-05/eu": 1}
	for i := range racers {
		replaced[fmt.Sprintf("/2026-01-06/r%d", i)] = 1
	}
	for _, test := range []struct {
		name  string
		write func(i int, tbl *delta.Table) (*delta.Result, error)
		want  map[string]int64 // nil: of one writer
		once  bool             // all are one piece of work
	}{
		{"append without key", func(_ int, tbl *delta.Table) (*delta.Result, error) {
			return tbl.Append(t.Context(), orders("2026-01-05 eu 1 a"), nil)
		}, map[string]int64{"/2026-01-05/eu": racers}, false},
		{"append", func(i int, tbl *delta.Table) (*delta.Result, error) {
			return tbl.Append(t.Context(), row(i), &delta.WriteOptions{Key: fmt.Sprint("job/", i)})
		}, each, false},
		{"append with one key", func(_ int, tbl *delta.Table) (*delta.Result, error) {
			return tbl.Append(t.Context(), row(1), &delta.WriteOptions{Key: "job"})
		}, map[string]int64{"/2026-01-05/eu": 1, "/2026-01-06/r1": 1}, true},
		{"replace", func(i int, tbl *delta.Table) (*delta.Result, error) {
			return tbl.ReplacePartitions(t.Context(), row(i), &delta.WriteOptions{Key: fmt.Sprint("job/", i)})
		}, replaced, false},
		{"reload", func(i int, tbl *delta.Table) (*delta.Result, error) {
			return tbl.Reload(t.Context(), row(i), nil)
		}, nil, false},
		{"prepared", func(i int, tbl *delta.Table) (*delta.Result, error) {
			p, res, err := tbl.Prepare(t.Context(), "append", "", row(i), nil)
			if err != nil {
				return res, err
			}
			return tbl.Commit(t.Context(), p)
		}, each, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			st := memstore.New(nil)
			results, errs := race(t, st, test.write)
			first := -1
			var versions []delta.Version
			for i, res := range results {
				require.NoError(t, errs[i])
				if test.once && res.State == delta.AlreadyApplied {
					require.Equal(t, delta.Version(0), res.Version)
					continue
				}
				require.Equal(t, delta.Committed, res.State)
				if versions = append(versions, res.Version); res.Version == 0 {
					first = i
				}
			}
			slices.Sort(versions)
			n := map[bool]int{true: 1, false: racers}[test.once]
			require.Len(t, versions, n)
			for i, v := range versions {
				require.Equal(t, delta.Version(i), v, "each version was promised once")
			}
			s, err := txlog.Load(t.Context(), st, nil)
			require.NoError(t, err)
			require.Equal(t, fmt.Sprint("by ", first), s.Metadata().Description, "the definition is the first one's")
			for v := range n {
				c := commitOf(t, st, delta.Version(v))
				defines := slices.ContainsFunc(c.Actions, func(a txlog.Action) bool {
					_, meta := a.(*txlog.Metadata)
					_, proto := a.(*txlog.Protocol)
					return meta || proto
				})
				require.Equal(t, v == 0, defines, "version %d", v)
				require.Equal(t, v == 0, c.Info().Operation == "CREATE TABLE AS SELECT", "version %d", v)
			}
			got := partitions(t, st)
			if test.want == nil {
				require.Len(t, got, 2)
				require.Equal(t, int64(1), got["/2026-01-05/eu"])
			} else {
				require.Equal(t, test.want, got)
			}
			allLiveFilesExist(t, st, test.name)
			if test.once {
				require.Len(t, dataFiles(st), 2, "the files of those who came too late are gone")
			}
		})
	}
}

// One handle, many goroutines: column mapping too, since all have one definition.
func TestConcurrentFirstWritesThroughOneHandle(t *testing.T) {
	st := memstore.New(nil)
	var at, done sync.WaitGroup
	at.Add(1)
	tbl := firstOrders(t, &gate{Store: st, at: &at}, &delta.CreateOptions{
		Options:     delta.Options{Env: virtual("one")},
		PartitionBy: []string{"ds"}, Properties: map[string]string{"delta.columnMapping.mode": "name"},
	})
	errs := make([]error, racers)
	for i := range racers {
		done.Go(func() { _, errs[i] = tbl.Append(t.Context(), orders(fmt.Sprintf("2026-01-05 eu %d a", i)), nil) })
	}
	done.Wait()
	require.NoError(t, errors.Join(errs...))
	s, err := tbl.Snapshot(t.Context(), delta.At{})
	require.NoError(t, err)
	require.Equal(t, delta.Version(racers-1), s.Version())
	sc, err := tbl.Scan(t.Context(), nil)
	require.NoError(t, err)
	rows := int64(0)
	for b, err := range sc.Batches(t.Context()) {
		require.NoError(t, err)
		rows += b.NumRows()
	}
	require.Equal(t, int64(racers), rows)
}

// beaten is a handle whose first commit comes just after first has run.
func beaten(t *testing.T, st logstore.Store, first func()) *delta.Table {
	t.Helper()
	return firstOrders(t, faultstore.New(st, faultstore.On(logstore.VerbPutIfAbsent, "_delta_log/00000000000000000000.json", 1, faultstore.Fault{Run: first})), nil)
}

// The winner's definition stays, whatever the loser's is.
func TestLoserDoesNotFit(t *testing.T) {
	with := func(change func(*schema.Struct)) *schema.Struct {
		s := &schema.Struct{Fields: slices.Clone(ordersSchema.Fields)}
		change(s)
		return s
	}
	by := []string{"ds", "region"}
	for _, test := range []struct {
		name string
		s    *schema.Struct
		o    delta.CreateOptions
		want string
	}{
		{"fewer columns", with(func(s *schema.Struct) { s.Fields = s.Fields[:3] }), delta.CreateOptions{PartitionBy: by}, "column note is gone"},
		{"another type", with(func(s *schema.Struct) { s.Fields[2].Type = schema.Integer }), delta.CreateOptions{PartitionBy: by}, "column id changed its type from bigint to int"},
		{"not null", with(func(s *schema.Struct) { s.Fields[2].Nullable = false }), delta.CreateOptions{PartitionBy: by}, "column id is not nullable"},
		{"partitioning", ordersSchema, delta.CreateOptions{PartitionBy: by[:1]}, `the files are partitioned by ["ds" "region"], the table by ["ds"]`},
		{"column mapping", ordersSchema, delta.CreateOptions{PartitionBy: by, Properties: map[string]string{"delta.columnMapping.mode": "name"}}, "the files have column mapping none, the table name"},
	} {
		t.Run(test.name, func(t *testing.T) {
			st := memstore.New(nil)
			winner := func() {
				o := test.o
				o.Store = st
				_, err := delta.Create(t.Context(), "mem://", test.s, &o)
				require.NoError(t, err)
			}
			tbl := beaten(t, st, winner)
			res, err := tbl.Append(t.Context(), orders("2026-01-05 eu 1 a"), &delta.WriteOptions{Key: "k"})
			var ce *delta.ConflictError
			require.ErrorAs(t, err, &ce)
			require.ErrorContains(t, err, "made the table first")
			require.ErrorContains(t, err, test.want)
			require.Equal(t, delta.NotCommitted, res.State)
			require.True(t, res.Retryable)
			require.Empty(t, dataFiles(st), "staged files were left")
			s, err := txlog.Load(t.Context(), st, nil)
			require.NoError(t, err)
			require.Equal(t, delta.Version(0), s.Version())

			// A prepared write says the same.
			p, _, err := firstOrders(t, memstore.New(nil), nil).Prepare(t.Context(), "append", "", orders("2026-01-05 eu 1 a"), nil)
			require.NoError(t, err)
			late, err := delta.OpenPrepared(t.Context(), "mem://", p, &delta.Options{Store: st})
			require.NoError(t, err)
			_, err = late.Commit(t.Context(), p)
			require.ErrorContains(t, err, test.want)

			// Made again, the write is one to the table as it is.
			_, err = tbl.Append(t.Context(), orders("2026-01-05 eu 1 a"), &delta.WriteOptions{Key: "k", EvolveSchema: true})
			if test.name != "another type" && test.name != "not null" {
				require.NoError(t, err)
				require.Len(t, dataFiles(st), 1)
			}
		})
	}
}

// A loser that fits: a column more, other properties, another order.
func TestLoserFits(t *testing.T) {
	st := memstore.New(nil)
	wide := &schema.Struct{Fields: append([]schema.Field{{Name: "more", Type: schema.String, Nullable: true}}, ordersSchema.Fields...)}
	tbl := beaten(t, st, func() {
		_, err := delta.Create(t.Context(), "mem://", wide, &delta.CreateOptions{
			Options: delta.Options{Store: st}, PartitionBy: []string{"ds", "region"}, Description: "winner",
			Properties: map[string]string{"delta.enableInCommitTimestamps": "true", "delta.enableRowTracking": "true"},
		})
		require.NoError(t, err)
	})
	res, err := tbl.ReplacePartitions(t.Context(), orders("2026-01-05 eu 1 a"), &delta.WriteOptions{Key: "k"})
	require.NoError(t, err)
	require.Equal(t, delta.Version(1), res.Version)
	require.Equal(t, 2, res.Attempts)
	c := commitOf(t, st, 1)
	require.Equal(t, "WRITE", c.Info().Operation)
	require.Equal(t, delta.Version(0), *c.Info().ReadVersion)
	require.NotNil(t, c.Info().InCommitTimestamp, "the winner's features are honoured")
	for _, a := range c.Actions {
		if f, ok := a.(*txlog.AddFile); ok {
			require.NotNil(t, f.BaseRowID)
		}
	}
	s, err := tbl.Snapshot(t.Context(), delta.At{})
	require.NoError(t, err)
	require.Equal(t, "winner", s.Metadata().Description)
}

func TestLoserWithTheSameKey(t *testing.T) {
	mine, other := "2026-01-05 eu 1 a", "2026-01-05 eu 2 corrected"
	for _, test := range []struct {
		name, first string
		replace     bool
		state       delta.State
		is          error
		fenced      bool
	}{
		{"append, same rows", mine, false, delta.AlreadyApplied, nil, false},
		{"append, other rows", other, false, delta.NotCommitted, delta.ErrKeyReused, true},
		{"replace, same rows", mine, true, delta.AlreadyApplied, nil, false},
		{"replace, other rows", other, true, delta.NotCommitted, delta.ErrKeyReused, true},
	} {
		write := func(tbl *delta.Table, row string) (*delta.Result, error) {
			if test.replace {
				return tbl.ReplacePartitions(t.Context(), orders(row), &delta.WriteOptions{Key: "k"})
			}
			return tbl.Append(t.Context(), orders(row), &delta.WriteOptions{Key: "k"})
		}
		st := memstore.New(nil)
		more := func() {
			tbl := firstOrders(t, st, nil)
			_, err := write(tbl, test.first)
			require.NoError(t, err)
			_, err = tbl.Append(t.Context(), orders("2026-01-07 eu 3 later"), nil)
			require.NoError(t, err)
		}
		res, err := write(beaten(t, st, more), mine)
		require.ErrorIs(t, err, test.is, test.name)
		require.Equal(t, test.state, res.State, test.name)
		if test.state == delta.AlreadyApplied {
			require.Equal(t, delta.Version(0), res.Version, test.name)
		}
		var ke *delta.KeyError
		if errors.As(err, &ke) {
			require.Equal(t, test.fenced, ke.Fenced, test.name)
			require.Equal(t, delta.Version(0), ke.Version, test.name)
		}
		require.Len(t, dataFiles(st), 2, test.name+": staged files were left")

		// The same between Prepare and Commit.
		st = memstore.New(nil)
		late := firstOrders(t, st, nil)
		op := map[bool]string{true: "replace-partitions", false: "append"}[test.replace]
		p, _, err := late.Prepare(t.Context(), op, "", orders(mine), &delta.WriteOptions{Key: "k"})
		require.NoError(t, err)
		more()
		again, err := delta.OpenPrepared(t.Context(), "mem://", p, &delta.Options{Store: st})
		require.NoError(t, err)
		for _, tbl := range []*delta.Table{late, again} {
			res, err = tbl.Commit(t.Context(), p)
			require.ErrorIs(t, err, test.is, test.name)
			require.Equal(t, test.state, res.State, test.name)
			if errors.As(err, &ke) && test.replace {
				require.True(t, ke.Fenced, test.name)
			}
		}
	}
}

// A deliberate re-run that another process prepared is fenced as well.
func TestPreparedIsFencedAcrossProcesses(t *testing.T) {
	tbl, st := newOrders(t, nil)
	o := &delta.WriteOptions{Key: "k"}
	p, _, err := tbl.Prepare(t.Context(), "reload", "", orders("2026-01-05 eu 1 old"), o)
	require.NoError(t, err)
	_, err = tbl.Reload(t.Context(), orders("2026-01-05 eu 2 corrected"), o)
	require.NoError(t, err)
	next, _, err := tbl.Prepare(t.Context(), "reload", "", orders("2026-01-05 eu 3 re-run"), o)
	require.NoError(t, err)

	other, err := delta.Open(t.Context(), "mem://", &delta.Options{Store: st})
	require.NoError(t, err)
	res, err := other.Commit(t.Context(), p)
	var ke *delta.KeyError
	require.ErrorAs(t, err, &ke)
	require.True(t, ke.Fenced)
	require.Equal(t, delta.Version(1), ke.Version)
	require.Equal(t, delta.NotCommitted, res.State)
	res, err = other.Commit(t.Context(), next)
	require.NoError(t, err)
	require.Equal(t, delta.Version(2), res.Version)
}

func TestPreparedFirstWrite(t *testing.T) {
	st := memstore.New(nil)
	o := &delta.Options{Store: st}
	prepared := func(op, row string) *delta.Prepared {
		p, res, err := firstOrders(t, st, nil).Prepare(t.Context(), op, "", orders(row), nil)
		require.NoError(t, err)
		require.Equal(t, delta.NotCommitted, res.State)
		data, err := p.MarshalBinary()
		require.NoError(t, err)
		var q delta.Prepared
		require.NoError(t, q.UnmarshalBinary(data))
		return &q
	}
	p, second := prepared("append", "2026-01-05 eu 1 a"), prepared("replace-partitions", "2026-01-05 eu 2 b")
	_, err := delta.Open(t.Context(), "mem://", o)
	require.ErrorIs(t, err, delta.ErrTableNotFound)
	dropped := prepared("append", "2026-01-05 eu 3 c")
	require.NoError(t, firstOrders(t, st, nil).Discard(t.Context(), dropped))
	require.Len(t, dataFiles(st), 2)

	for i := range 3 {
		tbl, err := delta.OpenPrepared(t.Context(), "mem://", p, o)
		require.NoError(t, err)
		require.Equal(t, i > 0, tbl.Exists())
		for j := range 2 {
			res, err := tbl.Commit(t.Context(), p)
			require.NoError(t, err)
			require.Equal(t, map[bool]delta.State{true: delta.Committed, false: delta.AlreadyApplied}[i+j == 0], res.State)
			require.Equal(t, delta.Version(0), res.Version)
		}
		require.ErrorContains(t, tbl.Discard(t.Context(), p), "is in the table")
	}
	s, err := txlog.Load(t.Context(), st, nil)
	require.NoError(t, err)
	require.Equal(t, p.TableID, s.Metadata().ID, "the table is the one that was prepared")
	require.Equal(t, map[string]int64{"/2026-01-05/eu": 1}, partitions(t, st))

	// The other one comes second, and replaces.
	tbl, err := delta.OpenPrepared(t.Context(), "mem://", second, o)
	require.NoError(t, err)
	res, err := tbl.Commit(t.Context(), second)
	require.NoError(t, err)
	require.Equal(t, delta.Version(1), res.Version)
	require.Equal(t, int64(1), res.RowsRemoved)
	require.Equal(t, map[string]int64{"/2026-01-05/eu": 1}, partitions(t, st))

	// A write to a table that was there is for that table only.
	own, _, err := tbl.Prepare(t.Context(), "append", "", orders("2026-01-05 eu 4 d"), nil)
	require.NoError(t, err)
	require.Empty(t, own.Create)
	elsewhere := firstOrders(t, memstore.New(nil), nil)
	_, err = elsewhere.Commit(t.Context(), own)
	require.ErrorIs(t, err, delta.ErrTableNotFound)
	_, err = delta.OpenPrepared(t.Context(), "mem://", own, &delta.Options{Store: memstore.New(nil)})
	require.ErrorIs(t, err, delta.ErrTableNotFound)
	_, err = elsewhere.Append(t.Context(), orders("2026-01-05 eu 4 d"), nil)
	require.NoError(t, err)
	_, err = elsewhere.Commit(t.Context(), own)
	require.ErrorContains(t, err, "was prepared for the table with id")
}

// The table that a prepared write made was deleted, with its files: it is not made
// again from files that are not there.
func TestPreparedFirstWriteAfterTheTableWasDeleted(t *testing.T) {
	st := memstore.New(nil)
	p, _, err := firstOrders(t, st, nil).Prepare(t.Context(), "append", "", orders("2026-01-05 eu 1 a"), nil)
	require.NoError(t, err)
	commit := func() (*delta.Result, error) {
		tbl, err := delta.OpenPrepared(t.Context(), "mem://", p, &delta.Options{Store: st})
		require.NoError(t, err)
		return tbl.Commit(t.Context(), p)
	}
	_, err = commit()
	require.NoError(t, err)
	for _, n := range st.Names() {
		require.NoError(t, st.Delete(t.Context(), n))
	}
	res, err := commit()
	require.ErrorIs(t, err, logstore.ErrNotExist)
	require.Equal(t, delta.NotCommitted, res.State)
	require.Empty(t, st.Names())
	_, err = firstOrders(t, st, nil).Append(t.Context(), orders("2026-01-05 eu 2 b"), nil)
	require.NoError(t, err)
	_, err = commit()
	require.ErrorIs(t, err, logstore.ErrNotExist)
	require.Len(t, dataFiles(st), 1)
}

func TestPreparedThatDefinesNoTable(t *testing.T) {
	st := memstore.New(nil)
	p, _, err := firstOrders(t, st, nil).Prepare(t.Context(), "append", "", orders("2026-01-05 eu 1 a"), nil)
	require.NoError(t, err)
	for name, break_ := range map[string]func(*delta.Prepared){
		"half":       func(p *delta.Prepared) { p.Create = p.Create[:1] },
		"other id":   func(p *delta.Prepared) { p.TableID = "another" },
		"no actions": func(p *delta.Prepared) { p.Create = append(slices.Clone(p.Create), []byte(`[]`)) },
	} {
		q := *p
		break_(&q)
		_, err := delta.OpenPrepared(t.Context(), "mem://", &q, &delta.Options{Store: st})
		require.Error(t, err, name)
		_, err = firstOrders(t, st, nil).Commit(t.Context(), &q)
		require.Error(t, err, name)
	}
	_, err = txlog.Load(t.Context(), st, nil)
	require.ErrorIs(t, err, delta.ErrTableNotFound)
}

// A pending handle that is used long after: the table has grown meanwhile, and its
// first versions are gone from the log.
func TestFirstWriteLooksAgain(t *testing.T) {
	st := memstore.New(nil)
	late := firstOrders(t, st, nil)
	p, _, err := late.Prepare(t.Context(), "append", "", orders("2026-01-05 eu 1 prepared"), nil)
	require.NoError(t, err)
	tbl := firstOrders(t, st, &delta.CreateOptions{PartitionBy: []string{"ds", "region"}, Description: "winner"})
	for i := range 3 {
		_, err := tbl.Append(t.Context(), orders(fmt.Sprintf("2026-01-05 eu %d a", i)), nil)
		require.NoError(t, err)
	}
	_, err = tbl.Checkpoint(t.Context())
	require.NoError(t, err)
	for v := range 2 {
		require.NoError(t, st.Delete(t.Context(), fmt.Sprintf("_delta_log/%020d.json", v)))
	}
	other, err := delta.OpenPrepared(t.Context(), "mem://", p, &delta.Options{Store: st})
	require.NoError(t, err)
	res, err := other.Commit(t.Context(), p)
	require.NoError(t, err)
	require.Equal(t, delta.Version(3), res.Version)
	res, err = late.Append(t.Context(), orders("2026-01-05 eu 9 z"), nil)
	require.NoError(t, err)
	require.Equal(t, delta.Version(4), res.Version)
	require.Equal(t, map[string]int64{"/2026-01-05/eu": 5}, partitions(t, st))
	_, err = st.Stat(t.Context(), "_delta_log/00000000000000000000.json")
	require.ErrorIs(t, err, logstore.ErrNotExist, "version 0 is not written again")
}

// A log whose version 0 is damaged is no table, and none is made over it.
func TestFirstWriteOverADamagedLog(t *testing.T) {
	const name = "_delta_log/00000000000000000000.json"
	for what, text := range map[string]string{
		"empty": "", "torn": `{"commitInfo":{"time`, "without a table": `{"add":{"path":"a","partitionValues":{"ds":"2026-01-05","region":"eu"},"size":1,"modificationTime":1,"dataChange":true}}` + "\n",
	} {
		st := memstore.New(nil)
		damage := func() { require.NoError(t, st.Put(t.Context(), name, []byte(text), logstore.IfAbsent)) }
		tbl := beaten(t, st, damage)
		res, err := tbl.Append(t.Context(), orders("2026-01-05 eu 1 a"), nil)
		require.ErrorIs(t, err, delta.ErrCorrupt, what)
		require.Equal(t, delta.NotCommitted, res.State, what)
		require.Equal(t, []string{name}, st.Names(), what)
		_, err = tbl.Append(t.Context(), orders("2026-01-05 eu 1 a"), nil)
		require.ErrorIs(t, err, delta.ErrCorrupt, what)
		_, err = delta.OpenOrCreate(t.Context(), "mem://", ordersSchema, &delta.CreateOptions{Options: delta.Options{Store: st}})
		require.ErrorIs(t, err, delta.ErrCorrupt, what)
	}
}
