package ops

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/deltalog/deltalog/conformance/model"
	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/schema"
)

// Do does an operation, once, and says what the caller is told. intent names this
// attempt at it, in the commit that it makes.
//
// A checkpoint has no commit: its result is NoOp if it was written.
func (t *Table) Do(ctx context.Context, op model.Op, intent string) (*delta.Result, error) {
	switch op.Kind {
	case model.Create:
		return t.create(ctx)
	case model.AddColumn:
		more := &schema.Struct{Fields: []schema.Field{{Name: op.Column, Type: schema.Long, Nullable: true}}}
		return t.Delta.AddColumns(ctx, more, &delta.AlterOptions{UserMetadata: intent})
	case model.Checkpoint:
		v, err := t.Delta.Checkpoint(ctx)
		if err != nil {
			return nothing(op), err
		}
		return &delta.Result{Operation: string(op.Kind), State: delta.NoOp, Version: v}, nil
	case model.Optimize:
		return t.optimize(ctx, intent)
	case model.KeyOnly:
		return t.keyOnly(ctx, op, intent)
	}
	w := options(op, intent)
	src, err := source(op.Rows)
	if err != nil {
		return nothing(op), err
	}
	change := &delta.ChangeOptions{WriteOptions: w, UniqueSource: op.Kind == model.Merge}
	switch op.Kind {
	case model.Append:
		return t.Delta.Append(ctx, src, &w)
	case model.ReplaceDynamic:
		return t.Delta.ReplacePartitions(ctx, src, &w)
	case model.ReplaceStatic:
		w.OnEmpty = delta.EmptyTruncate
		for _, p := range op.Parts {
			w.Partitions = append(w.Partitions, delta.Partition{"part": partition(p)})
		}
		return t.Delta.ReplacePartitions(ctx, src, &w)
	case model.ReplaceWhere:
		w.OnEmpty = delta.EmptyTruncate
		where := SQL(op.Where)
		if where == "" {
			where = "true"
		}
		return t.Delta.ReplaceWhere(ctx, where, src, &w)
	case model.Reload:
		w.OnEmpty = delta.EmptyTruncate
		return t.Delta.Reload(ctx, src, &w)
	case model.InsertNew:
		return t.Delta.InsertNew(ctx, src, meetBy(op), change)
	case model.Merge:
		return upsert(t.Delta.Merge(src).OnColumns(meetBy(op)...), op).Run(ctx, change)
	case model.Update:
		return t.Delta.Update(ctx, delta.Set{"qty": "qty + " + strconv.FormatInt(op.Add, 10)}, SQL(op.Where), change)
	case model.Delete:
		return t.Delta.Delete(ctx, SQL(op.Where), change)
	}
	return nothing(op), fmt.Errorf("ops: %q is no operation", op.Kind)
}

func nothing(op model.Op) *delta.Result {
	return &delta.Result{Operation: string(op.Kind), State: delta.NotCommitted, Version: delta.NoVersion}
}

func options(op model.Op, intent string) delta.WriteOptions {
	// One goroutine, so that storage calls have an order that is the same each time.
	o := delta.WriteOptions{UserMetadata: intent, Parallel: 1}
	switch {
	case op.Seq > 0:
		o.Txn = &delta.Txn{AppID: op.Key, Version: op.Seq}
	case op.Key != "":
		o.Key, o.OnReplay = op.Key, policies[op.OnReplay]
	}
	return o
}

var policies = map[model.Policy]delta.ReplayPolicy{
	model.Default: delta.ReplayDefault, model.Verify: delta.ReplayVerify, model.Skip: delta.ReplaySkip,
	model.Replace: delta.ReplayReplace, model.Fail: delta.ReplayFail,
}

func source(rows []model.Row) (delta.Source, error) {
	all := make([]row, len(rows))
	for i, r := range rows {
		all[i] = row{Part: partition(r.Part), ID: r.ID, Qty: r.Qty, Tag: r.Tag}
	}
	return delta.Slice(all)
}

func partition(p string) *string {
	if p == model.Null {
		return nil
	}
	return &p
}

func meetBy(op model.Op) []string {
	if op.ByPart {
		return []string{"part", "id"}
	}
	return []string{"id"}
}

// upsert is Merge.Upsert for a table that may have more columns than the source. By
// part and id it is that itself, which refuses rows without a part.
func upsert(m *delta.Merge, op model.Op) *delta.Merge {
	if slices.ContainsFunc(op.Rows, func(r model.Row) bool { return op.ByPart && r.Part == model.Null }) {
		return m.Upsert()
	}
	all := delta.Set{"part": "source.part", "id": "source.id", "qty": "source.qty", "tag": "source.tag"}
	return m.WhenMatched().Update(all).WhenNotMatched().Insert(all)
}

// SQL returns the condition that selects a range; empty for all rows.
func SQL(r model.Range) string {
	var all []string
	if r.Parts != nil {
		quoted := make([]string, len(r.Parts))
		for i, p := range r.Parts {
			quoted[i] = "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(p) + "'"
		}
		all = append(all, "part IN ("+strings.Join(quoted, ", ")+")")
	}
	if r.ByID {
		all = append(all, fmt.Sprintf("id >= %d AND id < %d", r.MinID, r.MaxID))
	}
	return strings.Join(all, " AND ")
}

// create makes an empty table. The commit names no intent: there is no place for it.
func (t *Table) create(ctx context.Context) (*delta.Result, error) {
	res := &delta.Result{Operation: "create", State: delta.NotCommitted, Version: delta.NoVersion}
	made, err := delta.Create(ctx, t.o.Store.URL(), Schema(), t.o.create())
	if err != nil {
		if errors.Is(err, delta.ErrCommitUnknown) {
			res.State, res.Version = delta.Unknown, 0
		}
		return res, err
	}
	t.Delta, res.State, res.Version = made, delta.Committed, 0
	return res, nil
}

// keyOnly records a key, as Spark does for a batch without rows.
func (t *Table) keyOnly(ctx context.Context, op model.Op, intent string) (*delta.Result, error) {
	s, err := t.Delta.Snapshot(ctx, delta.At{})
	if err != nil {
		return nothing(op), err
	}
	k := &txlog.Key{AppID: op.Key, Version: op.Seq, Sequence: op.Seq > 0}
	return t.result(s.Begin(&txlog.TxnOptions{
		Operation: "WRITE", UserMetadata: intent, Key: k, MaxElapsed: t.o.CommitTimeout, Env: t.o.Env,
	}).Commit(ctx))
}

func (t *Table) result(c *txlog.CommitResult, err error) (*delta.Result, error) {
	return &delta.Result{State: c.State, Version: c.Version, Attempts: c.Attempts, Recovered: c.Recovered, Warnings: c.Warnings}, err
}
