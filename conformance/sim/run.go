package sim

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sort"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
)

// Run plays a plan: what it leaves open is drawn from its seed.
func Run(t *testing.T, p *Plan, b Broken) *Report {
	return play(t, &Script{Plan: *p}, nil, b)
}

// Replay plays a script.
func Replay(t *testing.T, s *Script, b Broken) *Report {
	return play(t, &Script{Plan: s.Plan, Faults: s.Faults, Switches: s.Switches}, newReplay(s), b)
}

// stuck is how much real time a history may take: one that takes more does not
// end, which virtual time cannot tell.
const stuck = 2 * time.Minute

func play(t *testing.T, s *Script, r *replay, b Broken) *Report {
	warmUp()
	watch := time.AfterFunc(stuck, func() {
		panic(fmt.Sprintf("sim: the history of seed %d (%s, %s) does not move: a lock is held over a call to the store?",
			s.Plan.Seed, s.Plan.Tier, s.Plan.Profile))
	})
	defer watch.Stop()
	var rep *Report
	synctest.Test(t, func(*testing.T) { rep = playIn(s, r, b) })
	rep.second() // outside of the bubble: it takes real time
	return rep
}

// playIn plays a script in a bubble.
func playIn(s *Script, r *replay, b Broken) *Report {
	w := &world{
		plan: &s.Plan, script: s, replay: r, broken: b,
		rng:   rand.New(rand.NewPCG(s.Plan.Seed, 1)),
		procs: map[string]*proc{}, wake: make(chan struct{}, 1), budget: s.Plan.Most,
		objects: map[string][][]byte{}, bodies: map[string][]body{}, deleted: map[string]bool{}, lost: map[string]bool{}, intents: map[string]*Intent{},
	}
	w.store = memstore.New(&memstore.Options{Now: time.Now})
	w.setup()
	w.live = len(s.Plan.Actors)
	for _, spec := range s.Plan.Actors {
		a := &actor{w: w, spec: spec}
		if spec.Skew != 0 || spec.Frozen {
			w.counts.hit("F16")
		}
		go a.run()
	}
	w.schedule()
	for _, p := range w.allProcs() {
		p.end()
	}
	synctest.Wait()
	w.settleOrder()
	w.check()
	w.counts.Histories = 1
	w.counts.Calls = w.step
	w.counts.Violations = len(w.checks)
	for _, r := range w.records {
		w.hash.add(fmt.Sprintf("%s %s %s %d %t", r.Proc, r.Op, r.State, r.Version, r.Crashed))
	}
	return &Report{
		Script: *s, Hash: uint64(w.hash), Violations: w.checks, Counts: w.counts, Trace: w.trace,
		Records: w.records, Reads: w.reads, Intents: w.intents,
	}
}

// settleOrder puts what was noted at one step by several goroutines into an order
// that does not depend on them.
func (w *world) settleOrder() {
	sort.SliceStable(w.records, func(i, j int) bool {
		a, b := w.records[i], w.records[j]
		return a.Return < b.Return || a.Return == b.Return && a.Proc < b.Proc
	})
	sort.SliceStable(w.reads, func(i, j int) bool {
		a, b := w.reads[i], w.reads[j]
		return a.Return < b.Return || a.Return == b.Return && a.Proc < b.Proc
	})
}

// setup makes the table that the history is about.
func (w *world) setup() {
	if w.plan.Table.Absent {
		return
	}
	if w.plan.Tier == Parquet {
		w.setupRows()
	} else {
		w.setupLog()
	}
	ctx := context.Background()
	for _, n := range w.store.Names() {
		data, err := w.store.Read(ctx, n, 0)
		must(err)
		switch {
		case isCommit(n):
			w.bodies[n] = []body{{data, 0, time.Now()}}
		case isHint(n):
			w.objects[n] = [][]byte{data}
		}
	}
}

// setupLog makes it of files that only have names.
func (w *world) setupLog() {
	ctx := context.Background()
	p := w.newProc("setup", 0)
	props := w.plan.Table.Properties
	var snap *txlog.Snapshot
	for i := range w.plan.Table.Commits {
		id := fmt.Sprintf("setup/%d", i)
		o := &txlog.TxnOptions{Operation: "WRITE", UserMetadata: id, Env: p.env(), NewFiles: true}
		in := &Intent{ID: id, Op: OpAppend, Task: id}
		wk := &worker{p: p, snap: snap}
		var tx *txlog.Transaction
		if snap == nil {
			tx = txlog.BeginCreate(w.store, o)
			tx.Add(protocol(props), metadata("table", props))
			in.Op = OpCreate
		} else {
			tx = snap.Begin(o)
			in.Rows = []Row{{ID: fmt.Sprintf("s%d", i), P: parts[i%len(parts)]}, {ID: fmt.Sprintf("s%d.b", i), P: parts[i%len(parts)]}}
			for _, f := range wk.byPart(in.Rows, true) {
				tx.Add(f.add)
				must(w.store.Put(ctx, strings.ReplaceAll(f.add.Path, "%20", " "), f.data, 0))
			}
		}
		w.intents[id] = in
		res, err := tx.Commit(ctx)
		must(err)
		snap = res.Snapshot
	}
}

// must is for what cannot fail.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// stored notes that a version has come to be.
func (w *world) stored(r *request) {
	w.bodies[r.name] = append(w.bodies[r.name], body{r.data, w.step, time.Now()})
}

// maintained counts maintenance while a writer is at work.
func (w *world) maintained() {
	for _, r := range w.parked {
		if r.proc.role == "writer" {
			w.counts.hit("F19")
			return
		}
	}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func sortedJoin(s []string) string {
	slices.Sort(s)
	return strings.Join(s, "; ")
}
