package ops

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/deltalog/deltalog/conformance/model"
	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
)

// A Base is a table that tests begin with, as objects that can be put into any
// store. It is at version 3, so that the next commit is followed by a checksum and a
// checkpoint. Partition a holds ids 2 to 4 and 6 to 9 in a file of which a row was
// deleted, and 41 and 42; partition b holds 11, 12 and 13, in two files; null 21.
type Base struct {
	Variant Variant
	Table   *model.Table
	objects map[string][]byte
}

// NewBase makes the table of a variant.
func NewBase(ctx context.Context, v Variant) (*Base, error) {
	b := &Base{Variant: v.With(map[string]string{"delta.checkpointInterval": "4"}), objects: map[string][]byte{}}
	st, fake := memstore.New(nil), &model.Fake{}
	t, err := Open(ctx, b.Options(st, "base"))
	if err != nil {
		return nil, err
	}
	old := func(part string, ids ...int64) (rows []model.Row) {
		for _, id := range ids {
			rows = append(rows, model.Row{Part: part, ID: id, Qty: id, Tag: "old"})
		}
		return rows
	}
	for _, op := range []model.Op{
		{Kind: model.Append, Rows: append(old("a", 1, 2, 3, 4, 6, 7, 8, 9), old("b", 11, 12)...)},
		{Kind: model.Append, Rows: append(old("b", 13), old(model.Null, 21)...)},
		{Kind: model.Append, Rows: old("a", 41, 42)},
		{Kind: model.Delete, Where: model.Range{ByID: true, MinID: 1, MaxID: 2}},
	} {
		if _, err := t.Do(ctx, op, "base"); err != nil {
			return nil, err
		}
		if _, err := fake.Commit(op); err != nil {
			return nil, err
		}
	}
	b.Table = fake.Latest()
	for _, name := range st.Names() {
		if b.objects[name], err = st.Read(ctx, name, 0); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// Put puts the table into a store that has none.
func (b *Base) Put(ctx context.Context, st logstore.Store) error {
	for _, name := range b.Names() {
		if err := st.Put(ctx, name, b.objects[name], logstore.Overwrite); err != nil {
			return err
		}
	}
	return nil
}

// Names returns the names of its objects, in order.
func (b *Base) Names() []string { return slices.Sorted(maps.Keys(b.objects)) }

// Options are those of one process.
func (b *Base) Options(st logstore.Store, process string) Options {
	return Options{Store: st, Env: Env(process), Variant: b.Variant, CommitTimeout: 2 * time.Second}
}
