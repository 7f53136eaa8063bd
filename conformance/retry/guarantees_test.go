package retry_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/conformance/retry"
	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/internal/faultstore"
	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
)

const taskKey = "pipeline/2026-01-05"

// A trial is a row of the table of guarantees under test.
type trial struct {
	retry.Guarantee
	op   op
	base *memstore.Store
	// opened is how many calls opening the table takes, begun which call is the
	// first after the key was looked up, and commit which is the commit.
	opened, begun, commit, calls int
}

func newTrial(t *testing.T, g retry.Guarantee) *trial {
	t.Helper()
	tr := &trial{Guarantee: g, op: ops[g.Op]}
	tr.base = tr.op.memory(t)
	dry := faultstore.New(tr.base.Clone(), nil)
	_, err := delta.Open(t.Context(), "mem://", &delta.Options{Store: dry, Env: virtual("dry")})
	require.NoError(t, err)
	tr.opened = dry.Calls()
	dry = faultstore.New(tr.base.Clone(), nil)
	res, err := tr.attempt(t.Context(), dry, "dry", "old")
	require.NoError(t, err)
	require.Equal(t, delta.Committed, res.State)
	for _, c := range dry.Trace() {
		if c.Verb == logstore.VerbPutIfAbsent && strings.HasSuffix(c.Name, ".json") {
			tr.commit = c.N
		}
		if tr.begun == 0 && c.N >= tr.opened && !strings.HasPrefix(c.Name, "_delta_log/") {
			tr.begun = c.N
		}
	}
	tr.calls = dry.Calls()
	require.Less(t, tr.begun, tr.commit)
	return tr
}

// attempt is one process that does the operation once.
func (tr *trial) attempt(ctx context.Context, st logstore.Store, process, content string) (*delta.Result, error) {
	tbl, err := delta.Open(ctx, "mem://", &delta.Options{Store: st, Env: virtual(process), CommitTimeout: 2 * time.Second})
	if err != nil {
		return &delta.Result{State: delta.NotCommitted, Version: delta.NoVersion}, err
	}
	o := delta.WriteOptions{Parallel: 1}
	if tr.Keyed {
		o.Key = taskKey
	}
	return tr.op.run(ctx, tbl, content, o)
}

// alone returns the rows after contents are applied one after the other, by processes
// that nothing happens to, and without a key.
func (tr *trial) alone(t *testing.T, contents string) []string {
	t.Helper()
	st := tr.base.Clone()
	keyless := *tr
	keyless.Keyed = false
	for i, content := range strings.Fields(contents) {
		_, err := keyless.attempt(t.Context(), st, fmt.Sprint("alone-", i), content)
		require.NoError(t, err)
	}
	return rowsIn(t, st)
}

// An ending is what an attempt was told.
type ending struct {
	res *delta.Result
	err error
}

// check checks the later attempt and the table against the promise.
func (tr *trial) check(t *testing.T, st *memstore.Store, s retry.Situation, first, second ending, msg string) {
	t.Helper()
	c := tr.Cells[s]
	msg = fmt.Sprintf("%s: first %s %v, second %s %v", msg, first.res.State, first.err, second.res.State, second.err)
	require.NoError(t, first.err, msg)
	require.Equal(t, delta.Committed, first.res.State, msg)
	require.Equal(t, c.Second, second.res.State, msg)
	require.Equal(t, tr.alone(t, c.Rows), rowsIn(t, st), msg)
	if c.Err == nil {
		require.NoError(t, second.err, msg)
	} else {
		require.ErrorIs(t, second.err, c.Err, msg)
		var ke *delta.KeyError
		require.ErrorAs(t, second.err, &ke, msg)
		require.Equal(t, c.Fenced, ke.Fenced, msg)
		require.Equal(t, first.res.Version, ke.Version, msg)
		require.False(t, second.res.Retryable, msg)
	}
	if c.Second == delta.AlreadyApplied {
		require.Equal(t, first.res.Version, second.res.Version, msg)
	}
	if tr.Keyed {
		want := []delta.Version{first.res.Version}
		if c.Second == delta.Committed {
			want = append(want, second.res.Version)
		}
		require.Equal(t, want, keys(t, st)[taskKey], msg)
	}
}

func (tr *trial) one(t *testing.T, st logstore.Store, process, content string) ending {
	res, err := tr.attempt(t.Context(), st, process, content)
	return ending{res, err}
}

// overlap lets another attempt do all of its work before call n of the first.
func (tr *trial) overlap(t *testing.T, st *memstore.Store, n int, other string) (first, second ending) {
	t.Helper()
	fs := faultstore.New(st, func(c faultstore.Call) (f faultstore.Fault) {
		if c.N == n {
			f.Run = func() { second = tr.one(t, st, "other", other) }
		}
		return f
	})
	first = tr.one(t, fs, "first", "old")
	return first, second
}

func (tr *trial) retried(t *testing.T) {
	st := tr.base.Clone()
	first := tr.one(t, st, "first", "old")
	tr.check(t, st, retry.Retried, first, tr.one(t, st, "second", "old"), "after one that was done")
	if !tr.Keyed {
		return
	}
	// Killed before and after every call.
	for n := range tr.calls {
		for _, when := range []faultstore.Moment{faultstore.Before, faultstore.After} {
			msg := fmt.Sprintf("killed %s call %d", when, n)
			st := tr.base.Clone()
			tr.one(t, faultstore.New(st, faultstore.CrashAt(n, when)), "first", "old")
			landed := keys(t, st)[taskKey]
			second := tr.one(t, st, "second", "old")
			if len(landed) == 1 {
				done := ending{&delta.Result{State: delta.Committed, Version: landed[0]}, nil}
				tr.check(t, st, retry.Retried, done, second, msg)
			}
			tr.check(t, st, retry.Retried, ending{&delta.Result{State: delta.Committed, Version: second.res.Version}, second.err}, tr.one(t, st, "third", "old"), msg)
		}
	}
}

func (tr *trial) atOnce(t *testing.T) {
	for n := range tr.calls {
		st := tr.base.Clone()
		first, second := tr.overlap(t, st, n, "old")
		if first.res.State == tr.Cells[retry.AtOnce].Second && second.res.State == delta.Committed {
			first, second = second, first
		}
		tr.check(t, st, retry.AtOnce, first, second, fmt.Sprintf("the other before call %d of the one", n))
	}
}

func (tr *trial) zombie(t *testing.T) {
	for n := tr.begun; n <= tr.commit; n++ {
		st := tr.base.Clone()
		zombie, successor := tr.overlap(t, st, n, "new")
		tr.check(t, st, retry.Zombie, successor, zombie, fmt.Sprintf("the zombie was paused before call %d", n))
	}
	// With the same content it is one of two at once, see atOnce. One that had not
	// begun is a re-run: what it was told does not depend on when it had opened the
	// table.
	for n := tr.opened; n < tr.begun; n++ {
		st, after := tr.base.Clone(), tr.base.Clone()
		late, _ := tr.overlap(t, st, n, "new")
		tr.one(t, after, "other", "new")
		rerun := tr.one(t, after, "first", "old")
		require.Equal(t, rerun.res.State, late.res.State)
		require.Equal(t, rerun.err == nil, late.err == nil)
		require.Equal(t, rowsIn(t, after), rowsIn(t, st))
	}
}

func (tr *trial) newData(t *testing.T) {
	st := tr.base.Clone()
	first := tr.one(t, st, "first", "old")
	tr.check(t, st, retry.NewData, first, tr.one(t, st, "second", "new"), "after one that was done")
}

// Every cell of the table of guarantees, at every storage call.
func TestGuarantees(t *testing.T) {
	for _, g := range retry.Guarantees {
		for s, run := range []func(*trial, *testing.T){(*trial).retried, (*trial).atOnce, (*trial).zombie, (*trial).newData} {
			t.Run(fmt.Sprintf("%s/key %t/%s", g.Op, g.Keyed, retry.Situations[s]), func(t *testing.T) {
				t.Parallel()
				run(newTrial(t, g), t)
			})
		}
	}
}
