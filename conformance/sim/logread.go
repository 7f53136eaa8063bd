package sim

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/deltalog/deltalog/internal/faultstore"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore"
)

// read does what a reader's task says, and notes what it saw.
func (wk *worker) read(ctx context.Context, t Task) error {
	switch t.Op {
	case OpTravel:
		return wk.travel(ctx, t)
	case OpTail:
		return wk.tail(ctx, t)
	}
	call := wk.p.w.now()
	if err := wk.latest(ctx, t); err != nil {
		return err
	}
	want := txlog.NoVersion
	if t.Stale {
		want = wk.snap.Version()
	}
	return wk.see(ctx, wk.snap, &Read{Proc: wk.p.id, Call: call, Want: want})
}

// travel loads an older version.
func (wk *worker) travel(ctx context.Context, t Task) error {
	if err := wk.latest(ctx, t); err != nil {
		return err
	}
	call := wk.p.w.now()
	v := wk.snap.Version() * txlog.Version(t.Variant%5) / 4
	s, err := txlog.Load(ctx, wk.p.store(), &txlog.LoadOptions{Version: &v, Parallel: max(1, t.Parallel)})
	if errors.Is(err, txlog.ErrVersionNotFound) {
		return wk.p.w.gone(v, err)
	}
	if err != nil {
		return err
	}
	return wk.see(ctx, s, &Read{Proc: wk.p.id, Call: call, Want: v})
}

// gone notes that a version could not be had; clean-up is the only excuse.
func (w *world) gone(v txlog.Version, err error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.deleted) == 0 && w.plan.Profile != Legacy {
		w.violate("C4", "version %d is not found, and nothing was cleaned up: %v", v, err)
	}
	return nil
}

// tail follows the versions one by one.
func (wk *worker) tail(ctx context.Context, t Task) error {
	if err := wk.latest(ctx, t); err != nil {
		return err
	}
	for range 2 + t.Variant%3 {
		seen := wk.snap.Version()
		call := wk.p.w.now()
		s, err := wk.snap.Update(ctx)
		if err != nil {
			return err
		}
		wk.snap, wk.loaded = s, time.Now()
		if err := wk.see(ctx, s, &Read{Proc: wk.p.id, Call: call, Want: txlog.NoVersion}); err != nil {
			return err
		}
		for v := seen + 1; v <= s.Version(); v++ {
			c, err := s.CommitAt(ctx, v)
			if errors.Is(err, txlog.ErrVersionNotFound) {
				if err := wk.p.w.gone(v, err); err != nil {
					return err
				}
				continue
			}
			if err != nil {
				return err
			}
			r := &Read{Proc: wk.p.id, Call: call, Return: wk.p.w.now(), Want: v, Version: c.Version, Tail: true}
			if ci := c.Info(); ci != nil {
				r.Token = ci.UserMetadata
			}
			wk.p.w.saw(r)
		}
		if err := wk.p.env().Sleep(ctx, 40*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// see notes all that a snapshot shows.
func (wk *worker) see(ctx context.Context, s *txlog.Snapshot, r *Read) error {
	r.Version = s.Version()
	if err := snapshotOf(ctx, s, r); err != nil {
		return err
	}
	r.Return = wk.p.w.now()
	wk.p.w.saw(r)
	return nil
}

func snapshotOf(ctx context.Context, s *txlog.Snapshot, r *Read) error {
	r.Rows, r.Txns, r.Props = map[Row]int{}, map[string]int64{}, s.Metadata().Configuration
	for f, err := range s.Files(ctx, nil) {
		if err != nil {
			return err
		}
		r.Files++
		for _, row := range decodeRows(f.Tags["rows"], partOf(f.PartitionValues)) {
			r.Rows[row]++
		}
	}
	txns, err := s.Txns(ctx)
	if err != nil {
		return err
	}
	for _, t := range txns {
		r.Txns[t.AppID] = t.Version
	}
	return nil
}

func (w *world) saw(r *Read) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reads = append(w.reads, r)
}

// maintain does a maintainer's task.
func (wk *worker) maintain(ctx context.Context, t Task) error {
	if t.Op == OpCleanup {
		return wk.cleanup(ctx)
	}
	if err := wk.latest(ctx, t); err != nil {
		return err
	}
	if t.Op == OpChecksum {
		if _, _, err := wk.snap.NumFiles(ctx); err != nil {
			return err
		}
		_, err := wk.snap.WriteChecksum(ctx)
		return err
	}
	s, err := wk.snap.WriteCheckpoint(ctx, &txlog.CheckpointOptions{Env: wk.p.env()})
	if err != nil {
		return err
	}
	wk.snap = s
	return nil
}

// keepLog is how long clean-up keeps commits, as the table's property says. It must
// be longer than a process may sleep over a commit that it has begun, or a request
// be on its way.
const (
	keepLog       = 3 * time.Hour
	retention     = "delta.logRetentionDuration"
	retentionText = "interval 3 hours"
)

// cleanup removes what is older than the newest checkpoint, the oldest first, as
// other engines do.
func (wk *worker) cleanup(ctx context.Context) error {
	if _, err := txlog.Load(ctx, wk.p.store(), nil); err != nil {
		return err // what cannot be read is not cleaned up
	}
	objs, err := faultstore.Collect(wk.p.store().List(ctx, logstore.ListOptions{Prefix: logPrefix}))
	if err != nil {
		return err
	}
	newest := ""
	for _, o := range objs {
		if strings.HasSuffix(o.Name, ".checkpoint.parquet") {
			newest = o.Name[:len(logPrefix)+20]
		}
	}
	for _, o := range objs {
		old := o.Modified.Before(time.Now().Add(-keepLog))
		if _, kind := logName(o.Name); o.Name >= newest || !old || kind == "" {
			continue
		}
		if err := wk.p.store().Delete(ctx, o.Name); err != nil {
			return err
		}
	}
	return nil
}

// foreign commits as another engine would: on what it read, or not at all.
func (wk *worker) foreign(ctx context.Context, t Task, rec *Record) error {
	t.Stale = false // it always looks first
	if err := wk.latest(ctx, t); err != nil {
		return err
	}
	live, err := wk.files(ctx)
	if err != nil {
		return err
	}
	rec.Plans++
	in := wk.intend(t, rec)
	in.Foreign, in.Key = true, ""
	now := wk.p.clock().UnixMilli()
	blind := false
	info := &txlog.CommitInfo{Timestamp: &now, UserMetadata: in.ID, EngineInfo: "Apache-Spark/4.0.0 Delta-Lake/4.0.0", IsBlindAppend: &blind}
	if wk.snap.Properties().InCommitTimestamps() {
		at, err := wk.snap.Timestamp(ctx)
		if err != nil {
			return err
		}
		ms := max(now, at.UnixMilli()+1)
		info.InCommitTimestamp = &ms
	}
	var rest []txlog.Action
	touched := slices.DeleteFunc(live, func(f *txlog.AddFile) bool { return !slices.Contains(t.Parts, partOf(f.PartitionValues)) })
	removes := func(change bool) {
		for _, f := range touched {
			rest = append(rest, f.Remove(now, change))
		}
	}
	switch t.Variant % 5 {
	case 0: // OPTIMIZE
		in.Op, info.Operation = OpOptimize, "OPTIMIZE"
		info.TxnID = wk.p.newID()
		var rows []Row
		for _, f := range touched {
			rows = append(rows, decodeRows(f.Tags["rows"], partOf(f.PartitionValues))...)
		}
		if len(rows) == 0 {
			return nil
		}
		removes(false)
		if err := wk.addTo(ctx, &rest, wk.byPart(rows, false)); err != nil {
			return err
		}
	case 1: // a Spark append, which claims to be blind
		in.Op, info.Operation, blind = OpAppend, "WRITE", true
		t.Key, t.Op = "", OpAppend
		in.Rows = t.rows(rec.Task + "." + wk.p.id)
		files := wk.byPart(in.Rows, true)
		for _, f := range files {
			f.add.Stats = "" // it has none
		}
		if err := wk.addTo(ctx, &rest, files); err != nil {
			return err
		}
	case 2: // DELETE of whole files, of an old version without txnId
		in.Op, info.Operation = OpDelete, "DELETE"
		removes(true)
	case 3: // a claim that is not true: it is no blind append
		in.Op, info.Operation, blind = OpReplace, "WRITE", true
		t.Key, t.Op = "", OpReplace
		in.Rows = t.rows(rec.Task + "." + wk.p.id)
		removes(true)
		if err := wk.addTo(ctx, &rest, wk.byPart(in.Rows, true)); err != nil {
			return err
		}
	case 4: // a change of properties
		in.Op, info.Operation = OpSchema, "SET TBLPROPERTIES"
		in.Property, in.Value = "sim.note", in.ID
		m := *wk.snap.Metadata()
		m.Configuration = withProperty(m.Configuration, in.Property, in.Value)
		rest = append(rest, &m)
	}
	wk.p.w.struck("F22")
	body := txlog.EncodeActions(append([]txlog.Action{info}, rest...))
	name := fmt.Sprintf("%s%020d.json", logPrefix, wk.snap.Version()+1)
	err = wk.p.store().Put(ctx, name, body, logstore.IfAbsent)
	return rec.put(err, wk.snap.Version()+1)
}

// put notes what a foreign engine is told of its commit. It does not try again, and
// cannot tell its own commit from another that was there first.
func (r *Record) put(err error, v txlog.Version) error {
	switch {
	case err == nil:
		r.State, r.Version = txlog.Committed, v
	case errors.Is(err, logstore.ErrExist):
		r.State = txlog.Unknown
		return nil
	default:
		r.State = txlog.Unknown
	}
	return err
}

// addTo stages files and adds them to a commit.
func (wk *worker) addTo(ctx context.Context, as *[]txlog.Action, files []file) error {
	if err := wk.stage(ctx, files); err != nil {
		return err
	}
	for _, f := range files {
		*as = append(*as, f.add)
	}
	return nil
}
