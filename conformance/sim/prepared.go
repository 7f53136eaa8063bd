package sim

import (
	"context"
	"errors"
	"time"

	"github.com/deltalog/deltalog/conformance/model"
	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/txlog"
)

// A parcel is a prepared write on its way from the process that wrote the files to
// those that commit it. It is empty at first.
type parcel struct {
	data   []byte // delta.Prepared as bytes
	intent string
}

// A parcelRow has the columns of package ops.
type parcelRow struct {
	Part *string `parquet:"part"`
	ID   int64   `parquet:"id"`
	Qty  int64   `parquet:"qty"`
	Tag  string  `parquet:"tag"`
}

// inTwo reports whether the task is done in two steps.
func (t *Task) inTwo() bool {
	if t.Work == nil || t.Key == "" || t.Variant%4 != 0 {
		return false
	}
	return t.Work.Kind == model.Append || t.Work.Kind == model.ReplaceDynamic || t.Work.Kind == model.Reload
}

// prepare writes the files of a task, unless an earlier attempt has. It reports
// whether there is something to commit.
func (wk *worker) prepare(ctx context.Context, t Task, rec *Record) bool {
	rec.Plans++
	if wk.parcel.data != nil {
		rec.Intents = append(rec.Intents, wk.parcel.intent)
		return true
	}
	in := wk.intend(t, rec)
	var rows []parcelRow
	for _, r := range t.Work.Rows {
		row := parcelRow{ID: r.ID, Qty: r.Qty, Tag: r.Tag}
		if r.Part != model.Null {
			row.Part = &r.Part
		}
		rows = append(rows, row)
	}
	src, err := delta.Slice(rows)
	if err != nil {
		rec.Err = err
		return false
	}
	o := &delta.WriteOptions{UserMetadata: in.ID, Parallel: 1, OnEmpty: delta.EmptyTruncate}
	switch {
	case t.Seq > 0:
		o.Txn = &delta.Txn{AppID: t.Key, Version: t.Seq}
	default:
		o.Key, o.OnReplay = t.Key, map[txlog.ReplayPolicy]delta.ReplayPolicy{
			txlog.ReplayVerify: delta.ReplayVerify, txlog.ReplaySkip: delta.ReplaySkip,
			txlog.ReplayReplace: delta.ReplayReplace, txlog.ReplayFail: delta.ReplayFail,
		}[in.Policy]
	}
	verb := map[model.Kind]string{model.Append: "append", model.ReplaceDynamic: "replace-partitions", model.Reload: "reload"}[t.Work.Kind]
	p, res, err := wk.table.Delta.Prepare(ctx, verb, "", src, o)
	if p == nil {
		rec.told(res, err)
		return false
	}
	if wk.parcel.data, rec.Err = p.MarshalBinary(); rec.Err != nil {
		return false
	}
	wk.parcel.intent = in.ID
	return true
}

// told notes what package delta says of a write.
func (r *Record) told(res *delta.Result, err error) {
	r.State, r.Version, r.Recovered, r.Attempts, r.Err, r.Result = res.State, res.Version, res.Recovered, res.Attempts, err, res
}

// deliver commits what was prepared, as if it had come from another process.
func (wk *worker) deliver(ctx context.Context, t Task, rec *Record) {
	p := new(delta.Prepared)
	if rec.Err = p.UnmarshalBinary(wk.parcel.data); rec.Err != nil {
		return
	}
	table, err := delta.OpenPrepared(ctx, wk.p.store().URL(), p, &delta.Options{Store: wk.p.store(), Env: wk.p.env()})
	if err != nil {
		rec.Err = err
		return
	}
	res, err := table.Commit(ctx, p)
	rec.told(res, err)
	if rec.State == txlog.Committed || rec.State == txlog.AlreadyApplied {
		wk.p.w.met("committed in two steps")
		if t.Variant%8 == 0 {
			// What is in the table is not discarded, whoever asks for it.
			if err := table.Discard(ctx, p); err != nil && errors.Is(err, txlog.ErrCorrupt) {
				rec.Err = errors.Join(rec.Err, err)
			}
		}
		wk.loaded = time.Now()
	}
}

// openFor opens the table for a task: in two steps the second opens it for itself.
func (wk *worker) openFor(ctx context.Context, t Task) error {
	if t.inTwo() && wk.parcel.data != nil {
		return nil
	}
	return wk.open(ctx, t)
}
