package sweep

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/conformance/model"
	"github.com/deltalog/deltalog/conformance/ops"
	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
)

// What the sweep is there to see, it sees: each of these is wrong in one way, and
// the sweep of the operation says so.
func TestSweepSees(t *testing.T) {
	told := func(change func(*delta.Result)) performer {
		return func(tbl *ops.Table, ctx context.Context, op model.Op, intent string) (*delta.Result, error) {
			res, err := tbl.Do(ctx, op, intent)
			change(res)
			return res, err
		}
	}
	for _, c := range []struct {
		name, op string
		perform  performer
		store    func(*memstore.Store) logstore.Store
		says     string
	}{
		{name: "the key is forgotten", op: "append", says: "told committed, want already-applied", perform: func(tbl *ops.Table, ctx context.Context, op model.Op, intent string) (*delta.Result, error) {
			op.Key = ""
			return tbl.Do(ctx, op, intent)
		}},
		{name: "the outcome of a lost answer is called a failure", op: "append-unkeyed", says: "was told not_committed", perform: told(func(r *delta.Result) {
			if r.State == delta.Unknown || r.Recovered {
				r.State = delta.NotCommitted
			}
		})},
		{name: "a failure is called a success", op: "reload", says: "told committed", perform: func(tbl *ops.Table, ctx context.Context, op model.Op, intent string) (*delta.Result, error) {
			res, err := tbl.Do(ctx, op, intent)
			if err != nil && res.State == delta.NotCommitted {
				res.State, res.Version, err = delta.Committed, 4, nil
			}
			return res, err
		}},
		{name: "work that was done before is called done now", op: "delete", says: "told committed, want already-applied", perform: told(func(r *delta.Result) {
			if r.State == delta.AlreadyApplied {
				r.State = delta.Committed
			}
		})},
		{name: "a row too many is counted", op: "update", says: "rows in and", perform: told(func(r *delta.Result) { r.RowsAdded++ })},
		{name: "the wrong rows are written", op: "replace-dynamic", says: "missing 1 ×", perform: func(tbl *ops.Table, ctx context.Context, op model.Op, intent string) (*delta.Result, error) {
			op.Rows = append([]model.Row{{Part: "a", ID: 2, Qty: 0, Tag: "new"}}, op.Rows[1:]...)
			return tbl.Do(ctx, op, intent)
		}},
		{name: "the store ignores the condition", op: "append", says: "two bodies for one version", store: func(st *memstore.Store) logstore.Store {
			return &broken{Store: st, put: func(ctx context.Context, name string, data []byte, _ logstore.PutMode) error {
				return st.Put(ctx, name, data, logstore.Overwrite)
			}}
		}},
		{name: "the store loses files", op: "merge", says: "read version 4", store: func(st *memstore.Store) logstore.Store {
			return &broken{Store: st, create: func(ctx context.Context, name string) (logstore.Writer, error) {
				return st.Create(ctx, name+".lost")
			}}
		}},
		{name: "the store cuts files short", op: "append", says: "4", store: func(st *memstore.Store) logstore.Store {
			return &broken{Store: st, create: func(ctx context.Context, name string) (logstore.Writer, error) {
				w, err := st.Create(ctx, name)
				return &cutShort{Writer: w}, err
			}}
		}},
		{name: "files of a commit that may still land are deleted", op: "append", says: "does not exist", perform: func(tbl *ops.Table, ctx context.Context, op model.Op, intent string) (*delta.Result, error) {
			res, err := tbl.Do(ctx, op, intent)
			if res.State == delta.Unknown {
				dropFiles(tbl, intent)
			}
			return res, err
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := Options{Seed: 1}.withDefaults()
			if c.store != nil {
				o.Store = func(testing.TB) logstore.Store { return c.store(memstore.New(nil)) }
			}
			b, err := ops.NewBase(t.Context(), ops.CopyOnWrite)
			require.NoError(t, err)
			s := newSweeper(t, &o, named(c.op)[0], b)
			if c.perform != nil {
				s.perform = c.perform
			}
			err = s.all(t.Context())
			require.ErrorContains(t, err, c.says)
			t.Log(strings.SplitN(err.Error(), "\n", 2)[0])
		})
	}
}

// dropFiles deletes the data files that an attempt has written.
func dropFiles(tbl *ops.Table, intent string) {
	ctx, st := context.Background(), tbl.Delta.Store()
	for o, err := range st.List(ctx, logstore.ListOptions{}) {
		if err == nil && strings.Contains(o.Name, intent) && strings.HasSuffix(o.Name, ".parquet") {
			_ = st.Delete(ctx, o.Name)
		}
	}
}

// A broken store is a right one with one method done wrong.
type broken struct {
	*memstore.Store
	put    func(ctx context.Context, name string, data []byte, mode logstore.PutMode) error
	create func(ctx context.Context, name string) (logstore.Writer, error)
}

func (b *broken) Put(ctx context.Context, name string, data []byte, mode logstore.PutMode) error {
	if b.put != nil {
		return b.put(ctx, name, data, mode)
	}
	return b.Store.Put(ctx, name, data, mode)
}

func (b *broken) Create(ctx context.Context, name string) (logstore.Writer, error) {
	if b.create != nil && strings.HasSuffix(name, ".parquet") && !strings.HasPrefix(name, "_delta_log/") {
		return b.create(ctx, name)
	}
	return b.Store.Create(ctx, name)
}

// A cutShort loses the end of what is written.
type cutShort struct{ logstore.Writer }

func (w *cutShort) Write(p []byte) (int, error) {
	if n, err := w.Writer.Write(p[:len(p)-1]); err != nil {
		return n, err
	}
	return len(p), nil
}
