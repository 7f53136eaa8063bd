package interleave

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/conformance/model"
	"github.com/deltalog/deltalog/conformance/ops"
	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/txlog/logstore"
)

// What the schedules are there to see, they show: each of these is wrong in one way.
func TestInterleaveSees(t *testing.T) {
	blind := func(st logstore.Store, process string) logstore.Store {
		if process != "B" {
			return st
		}
		return &blindStore{Store: st}
	}
	for _, c := range []struct {
		name, pair string
		wrap       func(logstore.Store, string) logstore.Store
		perform    func(*ops.Table, context.Context, model.Op, string) (*delta.Result, error)
		says       string
	}{
		{name: "no conflict is seen, updates", pair: "update ∥ update", wrap: blind, says: "is not what it makes"},
		{name: "no conflict is seen, deletes", pair: "delete ∥ delete", wrap: blind, says: "version 5"},
		{name: "no conflict is seen, inserts", pair: "insert-new ∥ insert-new", wrap: blind, says: "too many"},
		{name: "no conflict is seen, replacements of what is there", pair: "replace-dynamic ∥ replace-dynamic", wrap: blind, says: "too many"},
		{name: "no conflict is seen, a key", pair: "append-keyed ∥ the same", wrap: blind, says: "should not be"},
		{name: "the key is looked up before the commit only", pair: "append-sequence ∥ the same", says: "should not be", perform: keyBefore},
		{name: "the condition is ignored", pair: "append ∥ append", says: "version", wrap: func(st logstore.Store, _ string) logstore.Store {
			return &lyingStore{Store: st}
		}},
		{name: "appends are refused", pair: "append ∥ reload", says: "was refused", perform: func(tbl *ops.Table, ctx context.Context, op model.Op, intent string) (*delta.Result, error) {
			s, err := tbl.Delta.Snapshot(ctx, delta.At{})
			if err == nil && s.Version() > 3 && op.Kind == model.Append {
				return &delta.Result{State: delta.NotCommitted, Version: delta.NoVersion}, delta.ErrConflict
			}
			return tbl.Do(ctx, op, intent)
		}},
		{name: "a zombie is let through", pair: "reload ∥ other content", says: "the first, overtaken by the second", perform: func(tbl *ops.Table, ctx context.Context, op model.Op, intent string) (*delta.Result, error) {
			if _, err := tbl.Delta.Snapshot(ctx, delta.At{}); err == nil && intent == "A" {
				op.Key = ""
			}
			return tbl.Do(ctx, op, intent)
		}},
		{name: "a re-run is taken for a zombie", pair: "reload ∥ other content", says: "B, one after the other", perform: func(tbl *ops.Table, ctx context.Context, op model.Op, intent string) (*delta.Result, error) {
			if intent == "B" {
				s, err := tbl.Delta.Snapshot(ctx, delta.At{})
				if err == nil && s.Version() > 3 {
					return &delta.Result{State: delta.NotCommitted, Version: delta.NoVersion}, delta.ErrKeyReused
				}
			}
			return tbl.Do(ctx, op, intent)
		}},
		{name: "a loser's files are left", pair: "update ∥ update", says: "has left", wrap: func(st logstore.Store, _ string) logstore.Store {
			return &keepingStore{Store: st}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			v := ops.CopyOnWrite
			o := Options{Variant: v}.withDefaults()
			base, err := ops.NewBase(t.Context(), v)
			require.NoError(t, err)
			r := newRunner(t, &o, pairNamed(c.pair), base)
			if c.wrap != nil {
				r.wrap = c.wrap
			}
			if c.perform != nil {
				r.perform = c.perform
			}
			err = r.all(t.Context())
			require.ErrorContains(t, err, c.says)
			t.Log(strings.SplitN(err.Error(), "\n", 2)[0])
		})
	}
}

func pairNamed(name string) Pair {
	for _, p := range Pairs() {
		if p.Name == name {
			return p
		}
	}
	panic(name)
}

// keyBefore looks the key up first, and then commits without it.
func keyBefore(tbl *ops.Table, ctx context.Context, op model.Op, intent string) (*delta.Result, error) {
	if a, err := tbl.Delta.Lookup(ctx, op.Key); err != nil || a != nil {
		return &delta.Result{State: delta.AlreadyApplied, Version: a.Version}, err
	}
	op.Key, op.Seq = "", 0
	return tbl.Do(ctx, op, intent)
}

// A blindStore shows of other writers' commits after the base only that they were.
type blindStore struct{ logstore.Store }

func (s *blindStore) Read(ctx context.Context, name string, limit int64) ([]byte, error) {
	data, err := s.Store.Read(ctx, name, limit)
	if err != nil || !strings.HasSuffix(name, ".json") || name < "_delta_log/00000000000000000004" {
		return data, err
	}
	var kept [][]byte
	for line := range bytes.Lines(data) {
		if bytes.HasPrefix(line, []byte(`{"commitInfo"`)) {
			kept = append(kept, line)
		}
	}
	return bytes.Join(kept, nil), nil
}

// A lyingStore ignores the condition of a Put.
type lyingStore struct{ logstore.Store }

func (s *lyingStore) Put(ctx context.Context, name string, data []byte, _ logstore.PutMode) error {
	return s.Store.Put(ctx, name, data, logstore.Overwrite)
}

// A keepingStore deletes nothing.
type keepingStore struct{ logstore.Store }

func (s *keepingStore) Delete(context.Context, string) error { return nil }
