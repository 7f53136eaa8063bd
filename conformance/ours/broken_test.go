package ours_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/conformance"
	"github.com/deltalog/deltalog/conformance/ours"
	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
)

// A liar ignores the condition of a commit, as some S3 servers do.
type liar struct{ logstore.Store }

func (l *liar) Put(ctx context.Context, name string, data []byte, _ logstore.PutMode) error {
	return l.Store.Put(ctx, name, data, logstore.Overwrite)
}

// A worse engine is ours with one thing done wrong, as real engines do it.
type worse struct {
	conformance.Client
	do func(ctx context.Context, c conformance.Client, op conformance.Op) (conformance.Answer, error)
}

func (w *worse) Do(ctx context.Context, op conformance.Op) (conformance.Answer, error) {
	return w.do(ctx, w.Client, op)
}

type worseTable struct {
	conformance.Table
	do func(ctx context.Context, c conformance.Client, op conformance.Op) (conformance.Answer, error)
}

func (w *worseTable) Client(ctx context.Context) (conformance.Client, error) {
	c, err := w.Table.Client(ctx)
	return &worse{c, w.do}, err
}

// Every scenario can fail: for each there is a way to be wrong that it finds.
func TestEveryScenarioCanFail(t *testing.T) {
	t.Parallel()
	harness := func(wrap func(logstore.Store) logstore.Store) *conformance.Harness {
		return ours.New("memory", func(context.Context) (ours.Place, error) {
			s := wrap(memstore.New(nil))
			return ours.Place{URL: "mem://table", Open: func(context.Context) (logstore.Store, error) { return s, nil }}, nil
		})
	}
	honest := func(s logstore.Store) logstore.Store { return s }
	engine := func(do func(ctx context.Context, c conformance.Client, op conformance.Op) (conformance.Answer, error)) *conformance.Harness {
		h := harness(honest)
		place := h.Table
		h.Table = func(ctx context.Context) (conformance.Table, error) {
			t, err := place(ctx)
			return &worseTable{t, do}, err
		}
		return h
	}
	first := func(op conformance.Op) bool { // what tables begin with must work
		return op.Verb == conformance.Create || op.Verb == conformance.Append && op.App == "" && op.Rows[0].ID != 4
	}
	wrong := map[string]*conformance.Harness{
		"a store that ignores the condition": harness(func(s logstore.Store) logstore.Store { return &liar{s} }),
		"an engine that does not know keys": engine(func(ctx context.Context, c conformance.Client, op conformance.Op) (conformance.Answer, error) {
			op.App = ""
			return c.Do(ctx, op)
		}),
		"an engine that skips in silence": engine(func(ctx context.Context, c conformance.Client, op conformance.Op) (conformance.Answer, error) {
			a, err := c.Do(ctx, op)
			a.Said = conformance.Done
			return a, err
		}),
		"an engine that says that it failed": engine(func(ctx context.Context, c conformance.Client, op conformance.Op) (conformance.Answer, error) {
			a, err := c.Do(ctx, op)
			if !first(op) && a.Said == conformance.Done {
				a = conformance.Answer{Said: conformance.Refused, Version: -1, Text: "conflict"}
			}
			return a, err
		}),
		"an engine that commits again when the answer is lost": engine(func(ctx context.Context, c conformance.Client, op conformance.Op) (conformance.Answer, error) {
			a, err := c.Do(ctx, op)
			if err == nil && c.Fired() && op.Verb == conformance.Append {
				op.App = ""
				a, err = c.Do(ctx, op)
			}
			return a, err
		}),
		"an engine that did nothing": engine(func(ctx context.Context, c conformance.Client, op conformance.Op) (conformance.Answer, error) {
			a, err := c.Do(ctx, op)
			if err == nil && !first(op) {
				_, err = c.Do(ctx, conformance.Op{Verb: conformance.Reload, Rows: []conformance.Row{{ID: -1, P: "z"}}})
				a = conformance.Answer{Said: conformance.Done, Version: -1}
			}
			return a, err
		}),
	}
	caught := map[string][]string{}
	for what, h := range wrong {
		for _, c := range conformance.Scenarios() {
			if v := c.Evaluate(t.Context(), h); v.Result == conformance.Fail {
				caught[c.Name] = append(caught[c.Name], what)
				require.NotEmpty(t, v.Seen)
			}
		}
	}
	var missing []string
	for _, c := range conformance.Scenarios() {
		if len(caught[c.Name]) == 0 && c.Name != "two processes on local disk" { // not applicable to a harness in one process
			missing = append(missing, c.Name)
		}
		t.Logf("%s is failed by %q", c.Name, caught[c.Name])
	}
	require.Empty(t, missing, "scenarios that nothing fails")
	for _, name := range []string{"two replacements of an absent partition", "two deletes of rows of one file", "two merges of one new key"} {
		require.Contains(t, caught[name], "a store that ignores the condition", name)
	}
	for _, name := range []string{"lost answer, append", "own 412, append", "resurrection", "failure after the commit", "409, append"} {
		require.Contains(t, caught[name], "an engine that commits again when the answer is lost", name)
	}
	require.Contains(t, caught["second attempt under a key"], "an engine that does not know keys")
	require.Contains(t, caught["older number, other rows"], "an engine that skips in silence")
}
