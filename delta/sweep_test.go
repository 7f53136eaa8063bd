package delta_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/conformance/ops"
	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/internal/faultstore"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
)

// virtual is an Env of one process: its clock moves only when somebody sleeps.
func virtual(process string) *txlog.Env {
	return ops.Env(process)
}

// An operation of the sweep: what one process does to the table, under one key.
type operation struct {
	name string
	run  func(ctx context.Context, t *delta.Table) (*delta.Result, error)
	want map[string]int64 // rows by partition, afterwards

	first bool // the table is not there: the operation makes it
	rival bool // another process makes it just before this one would
}

func (op operation) prepared() bool { return strings.HasSuffix(op.name, "prepared") }

const sweepKey = "job/2026-01-06"

func operations() []operation {
	keyed := func(o delta.WriteOptions) *delta.WriteOptions { o.Key = sweepKey; return &o }
	before := map[string]int64{"/2026-01-05/eu": 8, "/2026-01-06/eu": 1}
	with := func(change map[string]int64) map[string]int64 {
		m := maps.Clone(before)
		for k, v := range change {
			if v == 0 {
				delete(m, k)
				continue
			}
			m[k] = v
		}
		return m
	}
	rows := []string{"2026-01-06 eu 1 a", "2026-01-06 eu 2 b", "2026-01-06 us 3 c"}
	ops := []operation{
		{name: "append", run: func(ctx context.Context, t *delta.Table) (*delta.Result, error) {
			return t.Append(ctx, orders(rows...), keyed(delta.WriteOptions{}))
		}, want: with(map[string]int64{"/2026-01-06/eu": 3, "/2026-01-06/us": 1})},
		{name: "replace-dynamic", run: func(ctx context.Context, t *delta.Table) (*delta.Result, error) {
			return t.ReplacePartitions(ctx, orders(rows...), keyed(delta.WriteOptions{}))
		}, want: with(map[string]int64{"/2026-01-06/eu": 2, "/2026-01-06/us": 1})},
		{name: "replace-declared", run: func(ctx context.Context, t *delta.Table) (*delta.Result, error) {
			return t.ReplacePartitions(ctx, orders(rows[:2]...), keyed(delta.WriteOptions{
				Partitions: []delta.Partition{delta.Part("ds", "2026-01-06"), delta.Part("ds", "2026-01-05")},
			}))
		}, want: with(map[string]int64{"/2026-01-06/eu": 2, "/2026-01-05/eu": 0})},
		{name: "replace-where", run: func(ctx context.Context, t *delta.Table) (*delta.Result, error) {
			return t.ReplaceWhere(ctx, "ds >= '2026-01-06'", orders(rows...), keyed(delta.WriteOptions{}))
		}, want: with(map[string]int64{"/2026-01-06/eu": 2, "/2026-01-06/us": 1})},
		{name: "reload", run: func(ctx context.Context, t *delta.Table) (*delta.Result, error) {
			return t.Reload(ctx, orders(rows...), keyed(delta.WriteOptions{}))
		}, want: map[string]int64{"/2026-01-06/eu": 2, "/2026-01-06/us": 1}},
		{name: "append-txn", run: func(ctx context.Context, t *delta.Table) (*delta.Result, error) {
			return t.Append(ctx, orders(rows...), &delta.WriteOptions{Txn: &delta.Txn{AppID: sweepKey, Version: 4}})
		}, want: with(map[string]int64{"/2026-01-06/eu": 3, "/2026-01-06/us": 1})},
		{name: "prepared", run: func(ctx context.Context, t *delta.Table) (*delta.Result, error) {
			p, res, err := t.Prepare(ctx, "append", "", orders(rows...), keyed(delta.WriteOptions{}))
			if err != nil || p == nil {
				return res, err
			}
			return t.Commit(ctx, p)
		}, want: with(map[string]int64{"/2026-01-06/eu": 3, "/2026-01-06/us": 1})},
	}
	for _, op := range slices.Clone(ops) {
		op.name, op.first = "first-"+op.name, true
		op.want = map[string]int64{"/2026-01-06/eu": 2, "/2026-01-06/us": 1}
		if op.name == "first-replace-declared" {
			delete(op.want, "/2026-01-06/us") // it brings no such row
		}
		ops = append(ops, op)
		switch op.name {
		case "first-append", "first-replace-dynamic", "first-reload", "first-prepared":
		default:
			continue
		}
		op.name, op.rival = strings.Replace(op.name, "first-", "second-", 1), true
		if op.name != "second-reload" { // which replaces the rival's row
			op.want = maps.Clone(op.want)
			op.want["/2026-01-05/eu"] = 1
		}
		ops = append(ops, op)
	}
	return ops
}

// rival makes the table that the first writes of the sweep would make, unless it
// is there, with a row of its own.
func rival(st logstore.Store) {
	tbl, err := openOrCreate(st, "rival")
	if err == nil {
		_, err = tbl.Append(context.Background(), orders("2026-01-05 eu 7 rival"), &delta.WriteOptions{Key: "rival"})
	}
	if err != nil {
		panic(err)
	}
}

func openOrCreate(st logstore.Store, process string) (*delta.Table, error) {
	return delta.OpenOrCreate(context.Background(), "mem://", ordersSchema, &delta.CreateOptions{
		Options:     delta.Options{Store: st, Env: virtual(process), CommitTimeout: 2 * time.Second},
		PartitionBy: []string{"ds", "region"}, Description: "by " + process,
	})
}

// against is a script in which the rival comes, if there is one, when the table is
// about to be made.
func (op operation) against(st logstore.Store, script func(faultstore.Call) faultstore.Fault) func(faultstore.Call) faultstore.Fault {
	return func(c faultstore.Call) faultstore.Fault {
		f := faultstore.Pass
		if script != nil {
			f = script(c)
		}
		if op.rival && c.Verb == logstore.VerbPutIfAbsent && c.Nth == 1 && strings.HasSuffix(c.Name, "/00000000000000000000.json") {
			f.Run = func() { rival(st) }
		}
		return f
	}
}

// sweepBase is a table at version 9, so that the next commit is followed by a
// checksum and a checkpoint.
// The base of a first write is an empty store.
func sweepBase(t *testing.T, op operation) *memstore.Store {
	t.Helper()
	st := memstore.New(nil)
	if op.first {
		return st
	}
	tbl, err := delta.Create(t.Context(), "mem://", ordersSchema, &delta.CreateOptions{
		Options: delta.Options{Store: st, Env: virtual("base")}, PartitionBy: []string{"ds", "region"},
	})
	require.NoError(t, err)
	for i := range 9 {
		row := fmt.Sprintf("2026-01-05 eu %d x", i)
		if i == 8 {
			row = "2026-01-06 eu 100 old"
		}
		_, err := tbl.Append(t.Context(), orders(row), nil)
		require.NoError(t, err)
	}
	return st
}

// attempt is one process: it opens the table and does the operation.
func attempt(ctx context.Context, op operation, st logstore.Store, process string) (*delta.Result, error) {
	open := func() (*delta.Table, error) {
		return delta.Open(ctx, "mem://", &delta.Options{Store: st, Env: virtual(process), CommitTimeout: 2 * time.Second})
	}
	if op.first {
		open = func() (*delta.Table, error) { return openOrCreate(st, process) }
	}
	tbl, err := open()
	if err != nil {
		return &delta.Result{State: delta.NotCommitted, Version: delta.NoVersion}, err
	}
	return op.run(ctx, tbl)
}

// landed returns the versions whose commits carry the key.
func landed(t *testing.T, st logstore.Store) (vs []delta.Version) {
	t.Helper()
	s, err := txlog.Load(context.Background(), st, nil)
	if errors.Is(err, delta.ErrTableNotFound) {
		return nil
	}
	require.NoError(t, err)
	for v := delta.Version(0); v <= s.Version(); v++ {
		c, err := s.CommitAt(context.Background(), v)
		require.NoError(t, err)
		for _, a := range c.Actions {
			if x, ok := a.(*txlog.SetTransaction); ok && x.AppID == sweepKey {
				vs = append(vs, v)
			}
		}
	}
	return vs
}

// sweep makes call n of an operation fail in some way, for every n, and checks
// what the process was told; then the operation is run again, and again, under
// the same key, and must have had one effect.
func sweep(t *testing.T, op operation, fault func(n int) func(faultstore.Call) faultstore.Fault) {
	base := sweepBase(t, op)
	dryBase := base.Clone()
	dry := faultstore.New(dryBase, op.against(dryBase, nil))
	res, err := attempt(t.Context(), op, dry, "dry")
	require.NoError(t, err)
	require.Equal(t, delta.Committed, res.State)
	require.Greater(t, dry.Calls(), 8)
	for n := range dry.Calls() {
		st := base.Clone()
		fs := faultstore.New(st, op.against(st, fault(n)))
		res, err := attempt(t.Context(), op, fs, "first")
		msg := fmt.Sprintf("call %d (%s): %s, %v", n, dry.Trace()[n], res.State, err)
		at := landed(t, st)
		switch {
		case fs.Crashed() && res.State != delta.Committed:
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
			require.Fail(t, msg)
		}
		told := res.State
		if op.rival {
			rival(st) // it may not have come yet
		}
		again, err := attempt(t.Context(), op, st, "second")
		require.NoError(t, err, msg)
		if len(at) > 0 {
			require.Equal(t, delta.AlreadyApplied, again.State, msg)
		}
		require.Contains(t, []delta.State{delta.Committed, delta.AlreadyApplied}, again.State, msg)
		require.Equal(t, op.want, partitions(t, st), msg)

		_ = fs.Release() // what was on its way arrives, after everything else
		require.Equal(t, op.want, partitions(t, st), msg)
		require.Len(t, landed(t, st), 1, msg)
		if told == delta.NotCommitted {
			require.Equal(t, delta.Committed, again.State, msg)
		}
		third, err := attempt(t.Context(), op, st, "third")
		require.NoError(t, err, msg)
		require.Equal(t, delta.AlreadyApplied, third.State, msg)
		require.Equal(t, landed(t, st)[0], third.Version, msg)
		require.Equal(t, op.want, partitions(t, st), msg)
		allLiveFilesExist(t, st, msg)
	}
}

func allLiveFilesExist(t *testing.T, st *memstore.Store, msg string) {
	t.Helper()
	names := st.Names()
	s, err := txlog.Load(context.Background(), st, nil)
	require.NoError(t, err, msg)
	for f, err := range s.Files(context.Background(), nil) {
		require.NoError(t, err, msg)
		name, err := f.ObjectName(st.URL())
		require.NoError(t, err, msg)
		_, ok := slices.BinarySearch(names, name)
		require.True(t, ok, "%s: live file %s is gone", msg, name)
		o, err := st.Stat(context.Background(), name)
		require.NoError(t, err, msg)
		require.Equal(t, f.Size, o.Size, msg)
	}
}

// singleFaults are the ways in which call n of a process may fail.
func singleFaults() map[string]func(n int) func(faultstore.Call) faultstore.Fault {
	return map[string]func(n int) func(faultstore.Call) faultstore.Fault{
		"crash before": func(n int) func(faultstore.Call) faultstore.Fault { return faultstore.CrashAt(n, faultstore.Before) },
		"crash after":  func(n int) func(faultstore.Call) faultstore.Fault { return faultstore.CrashAt(n, faultstore.After) },
		"not applied":  at(faultstore.Fail(nil)),
		"lost":         at(faultstore.Lose(nil)),
		"delayed":      at(faultstore.Delay(nil), logstore.VerbPutIfAbsent, logstore.VerbOverwrite, logstore.VerbClose, logstore.VerbDelete),
		"unavailable":  at(faultstore.Fail(logstore.ErrUnavailable)),
		"no space":     at(faultstore.Fail(logstore.ErrNoSpace)),
		"own 412":      at(faultstore.Lose(logstore.ErrExist), logstore.VerbPutIfAbsent),
	}
}

// Every storage call of every operation × every single fault.
func TestSweep(t *testing.T) {
	for _, op := range operations() {
		for name, fault := range singleFaults() {
			t.Run(op.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				sweep(t, op, fault)
			})
		}
	}
}

// at gives call n the fault; if there are verbs, and n is another one, it fails
// without effect.
func at(f faultstore.Fault, verbs ...logstore.Verb) func(n int) func(faultstore.Call) faultstore.Fault {
	return func(n int) func(faultstore.Call) faultstore.Fault {
		return func(c faultstore.Call) faultstore.Fault {
			switch {
			case c.N != n:
				return faultstore.Pass
			case len(verbs) > 0 && !slices.Contains(verbs, c.Verb):
				return faultstore.Fail(nil)
			}
			return f
		}
	}
}

// The context ends at every call.
func TestSweepCancel(t *testing.T) {
	for _, op := range operations() {
		t.Run(op.name, func(t *testing.T) {
			t.Parallel()
			base := sweepBase(t, op)
			dryBase := base.Clone()
			dry := faultstore.New(dryBase, op.against(dryBase, nil))
			_, err := attempt(t.Context(), op, dry, "dry")
			require.NoError(t, err)
			for n := range dry.Calls() {
				st := base.Clone()
				ctx, cancel := context.WithCancel(t.Context())
				fs := faultstore.New(st, op.against(st, func(c faultstore.Call) faultstore.Fault {
					if c.N == n {
						cancel()
					}
					return faultstore.Pass
				}))
				res, err := attempt(ctx, op, fs, "first")
				cancel()
				msg := fmt.Sprintf("call %d (%s): %s, %v", n, dry.Trace()[n], res.State, err)
				at := landed(t, st)
				switch res.State {
				case delta.Committed:
					require.Len(t, at, 1, msg)
				case delta.NotCommitted:
					require.Empty(t, at, msg)
					require.True(t, errors.Is(err, context.Canceled), msg)
					if !op.prepared() { // its files are the caller's
						require.Equal(t, othersFiles(base), othersFiles(st), msg+": staged files were left")
					}
				case delta.Unknown:
				default:
					require.Fail(t, msg)
				}
				if op.rival {
					rival(st)
				}
				again, err := attempt(t.Context(), op, st, "second")
				require.NoError(t, err, msg)
				require.Contains(t, []delta.State{delta.Committed, delta.AlreadyApplied}, again.State, msg)
				require.Equal(t, op.want, partitions(t, st), msg)
				require.Len(t, landed(t, st), 1, msg)
			}
		})
	}
}

// othersFiles returns the data files that no process "first" has written.
func othersFiles(st *memstore.Store) []string {
	return append([]string{}, slices.DeleteFunc(dataFiles(st), func(n string) bool { return strings.Contains(n, "rival") })...)
}

// A commit that may still land keeps its files, and the same key finds it.
func TestUnknownOutcomeKeepsFiles(t *testing.T) {
	for _, op := range operations() {
		if op.rival {
			continue // its row is not what this is about
		}
		base := sweepBase(t, op)
		fs := faultstore.New(base, func(c faultstore.Call) faultstore.Fault {
			if c.Verb == logstore.VerbPutIfAbsent {
				return faultstore.Delay(nil)
			}
			return faultstore.Pass
		})
		res, err := attempt(t.Context(), op, fs, "first")
		require.ErrorIs(t, err, delta.ErrCommitUnknown, op.name)
		require.Equal(t, delta.Unknown, res.State, op.name)
		require.True(t, res.Retryable, op.name)
		require.Empty(t, landed(t, base), op.name)
		_ = fs.Release()
		require.Equal(t, op.want, partitions(t, base), op.name)
		allLiveFilesExist(t, base, op.name)
		again, err := attempt(t.Context(), op, base, "second")
		require.NoError(t, err, op.name)
		require.Equal(t, delta.AlreadyApplied, again.State, op.name)
	}
}
