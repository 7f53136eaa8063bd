package sim

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
	"time"

	"github.com/deltalog/deltalog/conformance/model"
	"github.com/deltalog/deltalog/conformance/ops"
	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore"
)

// The tier with rows: work is a [model.Op], done by package delta.

// number tells works under one key apart.
func workNumber(op *model.Op) int64 {
	if op.Seq > 0 {
		return op.Seq
	}
	w := *op
	w.Key, w.OnReplay = "", model.Default
	h := fnv.New64a()
	fmt.Fprintf(h, "%+v", w)
	return int64(h.Sum64() >> 12)
}

// workPolicy is what a replay of the work means.
func workPolicy(op *model.Op) txlog.ReplayPolicy {
	switch op.OnReplay {
	case model.Verify:
		return txlog.ReplayVerify
	case model.Skip:
		return txlog.ReplaySkip
	case model.Replace:
		return txlog.ReplayReplace
	case model.Fail:
		return txlog.ReplayFail
	}
	if op.Kind == model.Append || op.Kind == model.Update || op.Kind == model.KeyOnly {
		return txlog.ReplayVerify
	}
	return txlog.ReplayReplace
}

// open gives the worker a handle on the table, or lets it keep the one it has.
func (wk *worker) open(ctx context.Context, t Task) (err error) {
	if wk.table != nil && wk.mayBeOld(t) {
		return nil
	}
	o := ops.Options{Store: wk.p.store(), Env: wk.p.env(), Variant: ops.Variant{Properties: wk.p.w.plan.Table.Properties}}
	for range 3 {
		at := time.Now()
		if wk.table, err = ops.Open(ctx, o); err == nil {
			wk.loaded = at
			return nil
		}
		if ctx.Err() != nil || wk.p.env().Sleep(ctx, 50*time.Millisecond) != nil {
			break
		}
	}
	return err
}

// work does a task on rows.
func (wk *worker) work(ctx context.Context, t Task, rec *Record) {
	if rec.Err = wk.openFor(ctx, t); rec.Err != nil {
		return
	}
	if t.inTwo() {
		if wk.prepare(ctx, t, rec) {
			wk.deliver(ctx, t, rec)
		}
		return
	}
	rec.Plans++
	in := wk.intend(t, rec)
	res, err := wk.table.Do(ctx, *t.Work, in.ID)
	rec.told(res, err)
	if res.State == txlog.Committed {
		wk.loaded = time.Now()
	}
	if errors.Is(err, txlog.ErrConflict) {
		wk.p.w.conflict(err)
	}
}

// look does a reader's task on rows.
func (wk *worker) look(ctx context.Context, t Task) error {
	if err := wk.open(ctx, t); err != nil {
		return err
	}
	if t.Op == OpTail {
		return wk.follow(ctx, t)
	}
	call := wk.p.w.now()
	s, err := wk.table.Delta.Snapshot(ctx, delta.At{})
	if errors.Is(err, delta.ErrTableNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	r := &Read{Proc: wk.p.id, Call: call, Want: txlog.NoVersion}
	if t.Op == OpTravel {
		v := s.Version() * txlog.Version(t.Variant%5) / 4
		if s, err = wk.table.Delta.Snapshot(ctx, delta.AtVersion(v)); errors.Is(err, txlog.ErrVersionNotFound) {
			return wk.p.w.gone(v, err)
		}
		if err != nil {
			return err
		}
		r.Want = v
	}
	return wk.seeRows(ctx, s, r)
}

func (wk *worker) seeRows(ctx context.Context, s *txlog.Snapshot, r *Read) (err error) {
	if r.Table, err = ops.Read(ctx, s); err != nil {
		return err
	}
	return wk.see(ctx, s, r)
}

// follow reads the changes of version after version.
func (wk *worker) follow(ctx context.Context, t Task) error {
	s, err := wk.table.Delta.Snapshot(ctx, delta.At{})
	if errors.Is(err, delta.ErrTableNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	next := max(0, s.Version()-2)
	for range 1 + t.Variant%3 {
		call := wk.p.w.now()
		cs, err := wk.table.Delta.Changes(ctx, delta.AtVersion(next), delta.At{}, &delta.ChangesOptions{Derived: true, Net: true, Parallel: 1})
		if errors.Is(err, txlog.ErrVersionNotFound) {
			return wk.p.w.gone(next, err)
		}
		if err != nil {
			return err
		}
		r := &Read{Proc: wk.p.id, Call: call, Want: cs.To(), Version: cs.To(), From: cs.From(), Tail: true}
		if r.Changes, err = changesOf(ctx, cs); err != nil {
			return err
		}
		r.Return = wk.p.w.now()
		wk.p.w.saw(r)
		next = cs.To() + 1
		if err := wk.p.env().Sleep(ctx, 40*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// A Change is what one version did to the number of some row.
type Change struct {
	Version txlog.Version
	Row     model.Row
}

// changesOf adds up changes: how many more of each row a version made.
func changesOf(ctx context.Context, cs *delta.Changes) (map[Change]int, error) {
	sum := map[Change]int{}
	for rec, err := range cs.Batches(ctx) {
		if err != nil {
			return nil, err
		}
		col := map[string]int{}
		for i, f := range rec.Schema().Fields() {
			col[f.Name] = i
		}
		text := func(name string, i int) string { return rec.Column(col[name]).ValueStr(i) }
		for i := range int(rec.NumRows()) {
			c := Change{Row: model.Row{Part: text("part", i), Tag: text("tag", i)}}
			if rec.Column(col["part"]).IsNull(i) {
				c.Row.Part = model.Null
			}
			var v int64
			for name, to := range map[string]*int64{"id": &c.Row.ID, "qty": &c.Row.Qty, delta.CommitVersionColumn: &v} {
				if *to, err = strconv.ParseInt(text(name, i), 10, 64); err != nil {
					return nil, err
				}
			}
			c.Version = txlog.Version(v)
			switch text(delta.ChangeTypeColumn, i) {
			case delta.ChangeInsert, delta.ChangeUpdatePostimage:
				sum[c]++
			default:
				sum[c]--
			}
		}
	}
	for c, n := range sum {
		if n == 0 {
			delete(sum, c)
		}
	}
	return sum, nil
}

// upkeep does a maintainer's task on a table with rows.
func (wk *worker) upkeep(ctx context.Context, t Task) error {
	if t.Op == OpCleanup {
		return wk.cleanup(ctx)
	}
	if err := wk.open(ctx, t); err != nil {
		return err
	}
	_, err := wk.table.Do(ctx, model.Op{Kind: model.Checkpoint}, "")
	return err
}

// wipe is a DELETE without a condition by an engine that names no attempts.
func (wk *worker) wipe(ctx context.Context, t Task, rec *Record) error {
	t.Stale = false // it always looks first
	if err := wk.latest(ctx, t); err != nil {
		return err
	}
	rec.Plans++
	t.Work = &model.Op{Kind: model.Delete}
	in := wk.intend(t, rec)
	in.Foreign = true
	live, err := wk.files(ctx)
	if err != nil || len(live) == 0 {
		return err
	}
	wk.p.w.struck("F22")
	now, blind := wk.p.clock().UnixMilli(), false
	as := []txlog.Action{&txlog.CommitInfo{
		Timestamp: &now, InCommitTimestamp: wk.stamp(ctx, now), Operation: "DELETE", UserMetadata: in.ID, IsBlindAppend: &blind,
	}}
	for _, f := range live {
		as = append(as, f.Remove(now, true))
	}
	return rec.put(wk.next(ctx, as), wk.snap.Version()+1)
}

// stamp is the time of the next commit, where the table has such times.
func (wk *worker) stamp(ctx context.Context, now int64) *int64 {
	if !wk.snap.Properties().InCommitTimestamps() {
		return nil
	}
	if at, err := wk.snap.Timestamp(ctx); err == nil {
		now = max(now, at.UnixMilli()+1)
	}
	return &now
}

// next puts the version after the one that was read, if nobody else has.
func (wk *worker) next(ctx context.Context, as []txlog.Action) error {
	name := fmt.Sprintf("%s%020d.json", logPrefix, wk.snap.Version()+1)
	return wk.p.store().Put(ctx, name, txlog.EncodeActions(as), logstore.IfAbsent)
}

// setupRows makes the table that a history with rows is about.
func (w *world) setupRows() {
	p := w.newProc("setup", 0)
	ctx := context.Background()
	t, err := ops.Open(ctx, ops.Options{Store: w.store, Env: p.env(), Variant: ops.Variant{Properties: w.plan.Table.Properties}})
	must(err)
	for i := range w.plan.Table.Commits {
		op := model.Op{Kind: model.Append, Rows: []model.Row{
			{Part: rowParts[i%len(rowParts)], ID: int64(i), Qty: 1, Tag: "s"}, {Part: rowParts[i%len(rowParts)], ID: int64(i + 3), Qty: 2, Tag: "s"},
		}}
		id := fmt.Sprintf("setup/%d", i)
		w.intents[id] = &Intent{ID: id, Task: id, Op: OpWork, Work: &op}
		_, err := t.Do(ctx, op, id)
		must(err)
	}
}

// lostFile removes a data file behind everybody's back, and reports which.
func (w *world) lostFile(n int) string {
	var names []string
	for _, name := range w.store.Names() {
		if !strings.HasPrefix(name, logPrefix) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	name := names[n%len(names)]
	must(w.store.Delete(context.Background(), name))
	w.lost[name] = true
	return name
}
