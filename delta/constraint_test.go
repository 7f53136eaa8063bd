package delta_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/internal/expr"
	"github.com/deltalog/deltalog/internal/faultstore"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
	"github.com/deltalog/deltalog/txlog/schema"
)

var pair = cols("n", schema.Long, "s", schema.String)

func TestAddTestAndDropConstraints(t *testing.T) {
	ctx := t.Context()
	tbl, st := table(t, pair, nil)
	_, err := tbl.Append(ctx, rows(t, pair, `{"n":1,"s":"a"}`, `{"n":-5,"s":"b"}`, `{"n":null,"s":"c"}`, `{"n":7,"s":null}`), nil)
	require.NoError(t, err)

	test, err := tbl.TestConstraint(ctx, "n > 0")
	require.NoError(t, err)
	require.Equal(t, &delta.ConstraintTest{Version: 1, Rows: 4, Violations: 2, FirstRow: 1, Sample: "n = -5"}, test)
	test, err = tbl.TestConstraint(ctx, "1 = 2")
	require.NoError(t, err)
	require.Equal(t, int64(4), test.Violations)
	_, err = tbl.TestConstraint(ctx, "1 / n > 0 OR n / 0 = 1")
	require.ErrorContains(t, err, "row 1 of the table (n = -5): n / 0: ")

	names := st.Names()
	res, err := tbl.AddConstraint(ctx, "Positive", "n > 0", nil)
	var broken *delta.ConstraintError
	require.ErrorAs(t, err, &broken)
	require.EqualError(t, err, "delta: add-constraint on mem://: 2 of 4 rows do not satisfy the constraint: row 1 breaks the constraint positive (n > 0): n = -5; nothing was committed")
	require.Equal(t, delta.NotCommitted, res.State)
	require.False(t, res.Retryable)
	require.Equal(t, names, st.Names())

	for sql, want := range map[string]string{"n >": "", "zzz > 0": "zzz does not exist", "n + 1": "not a condition"} {
		_, err = tbl.AddConstraint(ctx, "c", sql, nil)
		var wrong *expr.Error
		require.ErrorAs(t, err, &wrong, "a mistake of the caller, not of the table: %s", sql)
		require.ErrorContains(t, err, want)
	}
	_, err = tbl.AddConstraint(ctx, "a b", "n > 0", nil)
	require.ErrorContains(t, err, "no name")

	res, err = tbl.AddConstraint(ctx, "Small", " n < 100 OR n IS NULL ", &delta.AlterOptions{DryRun: true})
	require.NoError(t, err)
	require.Equal(t, delta.NotCommitted, res.State)
	require.Equal(t, names, st.Names())
	res, err = tbl.AddConstraint(ctx, "Small", " n < 100 OR n IS NULL ", &delta.AlterOptions{UserMetadata: "why"})
	require.NoError(t, err)
	require.Equal(t, delta.Committed, res.State)
	require.Equal(t, delta.Version(2), res.Version)
	snap, err := tbl.Snapshot(ctx, delta.At{})
	require.NoError(t, err)
	require.Equal(t, map[string]string{"small": "n < 100 OR n IS NULL"}, snap.Properties().Constraints())
	require.Equal(t, &txlog.Protocol{MinReaderVersion: 1, MinWriterVersion: 3}, snap.Protocol(), "as Spark's")
	info := newest(t, snap)
	require.Equal(t, "ADD CONSTRAINT", info.Operation)
	require.Equal(t, map[string]string{"name": `"small"`, "expr": `"n < 100 OR n IS NULL"`}, info.OperationParameters)
	require.Equal(t, "why", info.UserMetadata)
	require.False(t, *info.IsBlindAppend)

	res, err = tbl.AddConstraint(ctx, "SMALL", "n < 100 OR n IS NULL", nil)
	require.NoError(t, err)
	require.Equal(t, delta.NoOp, res.State)
	_, err = tbl.AddConstraint(ctx, "small", "n < 50", nil)
	require.ErrorContains(t, err, "the table has another constraint small: n < 100 OR n IS NULL")
	_, err = tbl.Append(ctx, rows(t, pair, `{"n":100}`), nil)
	require.ErrorAs(t, err, &broken)

	res, err = tbl.DropConstraint(ctx, "sMALL", nil)
	require.NoError(t, err)
	require.Equal(t, delta.Version(3), res.Version)
	_, err = tbl.DropConstraint(ctx, "small", nil)
	require.ErrorContains(t, err, "the table has no constraint small")
	res, err = tbl.DropConstraint(ctx, "small", &delta.AlterOptions{IfExists: true})
	require.NoError(t, err)
	require.Equal(t, delta.NoOp, res.State)
	_, err = tbl.Append(ctx, rows(t, pair, `{"n":100}`), nil)
	require.NoError(t, err)
}

func newest(t *testing.T, snap *txlog.Snapshot) *txlog.CommitInfo {
	t.Helper()
	for h, err := range snap.History(t.Context(), &txlog.HistoryOptions{}) {
		require.NoError(t, err)
		return h.Info
	}
	return nil
}

// Rows that come while the table is read are read too, and only those.
func TestRowsThatComeWhileAConstraintIsAdded(t *testing.T) {
	for _, bad := range []bool{false, true} {
		st := memstore.New(nil)
		tbl, err := delta.Create(t.Context(), "mem://", pair, &delta.CreateOptions{Options: delta.Options{Store: st}})
		require.NoError(t, err)
		_, err = tbl.Append(t.Context(), rows(t, pair, `{"n":1}`), nil)
		require.NoError(t, err)
		first := dataFiles(st)
		// Another writer comes just before the commit.
		row, n, reads := `{"n":2}`, 0, 0
		if bad {
			row = `{"n":-2}`
		}
		racing := faultstore.New(st, func(c faultstore.Call) faultstore.Fault {
			if c.Name == first[0] && c.Verb == logstore.VerbReadRange {
				reads++
			}
			if c.Name == "_delta_log/00000000000000000002.json" && c.Verb == logstore.VerbPutIfAbsent && n == 0 {
				n++
				_, err := tbl.Append(context.Background(), rows(t, pair, row), nil)
				require.NoError(t, err)
			}
			return faultstore.Fault{}
		})
		h, err := delta.Open(t.Context(), "mem://", &delta.Options{Store: racing, SkipProbe: true})
		require.NoError(t, err)
		res, err := h.AddConstraint(t.Context(), "positive", "n > 0", nil)
		require.Equal(t, 1, n)
		if bad {
			require.ErrorContains(t, err, "1 of 1 rows do not satisfy the constraint: row 0 breaks the constraint positive (n > 0): n = -2")
			require.Equal(t, delta.NotCommitted, res.State)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, delta.Version(3), res.Version)
		once := reads
		require.Positive(t, once)
		_, err = h.TestConstraint(t.Context(), "n > 0")
		require.NoError(t, err)
		require.Equal(t, 2*once, reads, "the rows that it knew were not read again")
	}
}

// However constraint and rows race: a table that has the constraint has no row
// that breaks it.
func TestConstraintsAndWritersRace(t *testing.T) {
	for round := range 8 {
		tbl, st := table(t, pair, nil)
		var wg sync.WaitGroup
		for w := range 6 {
			wg.Go(func() {
				h, err := delta.Open(t.Context(), "mem://", &delta.Options{Store: st})
				if err != nil {
					t.Error(err)
					return
				}
				for i := range 3 {
					n := 1
					if (w+i+round)%5 == 0 {
						n = -1
					}
					_, err := h.Append(t.Context(), rows(t, pair, fmt.Sprintf(`{"n":%d}`, n)), nil)
					var broken *delta.ConstraintError
					if err != nil && !errors.As(err, &broken) && !errors.Is(err, delta.ErrConflict) {
						t.Error(err)
					}
				}
			})
		}
		wg.Go(func() {
			h, err := delta.Open(t.Context(), "mem://", &delta.Options{Store: st})
			if err != nil {
				t.Error(err)
				return
			}
			_, err = h.AddConstraint(t.Context(), "positive", "n > 0", nil)
			var broken *delta.ConstraintError
			if err != nil && !errors.As(err, &broken) {
				t.Error(err)
			}
		})
		wg.Wait()
		snap, err := tbl.Snapshot(t.Context(), delta.At{})
		require.NoError(t, err)
		test, err := tbl.TestConstraint(t.Context(), "n > 0")
		require.NoError(t, err)
		if len(snap.Properties().Constraints()) > 0 {
			require.Zero(t, test.Violations, "round %d", round)
		} else {
			require.Positive(t, test.Violations, "round %d: it was refused for a reason", round)
		}
	}
}

// A fault at every call, before and after it takes effect: the result tells the
// truth, and the same call made again gets there.
func TestAddConstraintSurvivesFaults(t *testing.T) {
	base := func() *memstore.Store {
		tbl, st := table(t, pair, nil)
		_, err := tbl.Append(t.Context(), rows(t, pair, `{"n":1}`), nil)
		require.NoError(t, err)
		return st
	}
	add := func(st logstore.Store, process string) (*delta.Result, error) {
		h, err := delta.Open(t.Context(), "mem://", &delta.Options{Store: st, Env: virtual(process), SkipProbe: true})
		if err != nil {
			return nil, err
		}
		return h.AddConstraint(t.Context(), "positive", "n > 0", nil)
	}
	counting := faultstore.New(base(), nil)
	_, err := add(counting, "count")
	require.NoError(t, err)
	calls := counting.Calls()
	require.Greater(t, calls, 4)
	for n := range calls + 1 {
		for name, fault := range map[string]func(faultstore.Call) faultstore.Fault{
			"fail":         only(n, faultstore.Fail(nil)),
			"lose":         only(n, faultstore.Lose(nil)),
			"crash before": faultstore.CrashAt(n, faultstore.Before),
			"crash after":  faultstore.CrashAt(n, faultstore.After),
		} {
			st := base()
			res, err := add(faultstore.New(st, fault), "first")
			h, openErr := delta.Open(t.Context(), "mem://", &delta.Options{Store: st})
			require.NoError(t, openErr)
			snap, openErr := h.Snapshot(t.Context(), delta.At{})
			require.NoError(t, openErr)
			there := len(snap.Properties().Constraints()) == 1
			msg := fmt.Sprintf("%s at call %d: %v", name, n, err)
			switch {
			case err == nil:
				require.True(t, there, msg)
				require.Equal(t, delta.Committed, res.State, msg)
			case res != nil && res.State != delta.Unknown:
				require.False(t, there, msg)
			}
			require.Equal(t, []string{`{"n":1,"s":null}`}, dump(t, h), msg)
			again, err := add(st, "second")
			require.NoError(t, err, msg)
			require.Equal(t, there, again.State == delta.NoOp, msg)
		}
	}
}

// only makes one call fail.
func only(n int, f faultstore.Fault) func(faultstore.Call) faultstore.Fault {
	return func(c faultstore.Call) faultstore.Fault {
		if c.N == n {
			return f
		}
		return faultstore.Fault{}
	}
}
