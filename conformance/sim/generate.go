package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/deltalog/deltalog/conformance/model"
	"github.com/deltalog/deltalog/txlog"
)

// parts are the partitions of the tables; some have names that must be encoded.
var parts = []string{"a", "c d", nullPart}

// Generate makes a plan of a seed.
func Generate(tier Tier, seed uint64) *Plan {
	g := &generator{rng: rand.New(rand.NewPCG(seed, 2))}
	p := &Plan{Seed: seed, Tier: tier, Profile: oneOf(g, []Profile{S3, S3, GCS, Posix, Legacy})}
	g.tier = tier
	if p.Table = g.table(); tier == Parquet {
		p.Table = g.rowTable()
	}
	p.Switch = oneOf(g, []float64{0.05, 0.3, 0.3, 0.8})
	p.Faults = oneOf(g, []float64{0, 0.01, 0.03, 0.06, 0.1})
	p.Most = oneOf(g, []int{2, 4, 8, 20})
	for i := range 2 + g.rng.IntN(4) {
		p.Actors = append(p.Actors, g.actor(i))
	}
	if p.Table.Absent { // somebody makes it soon, several at once now and then
		p.Actors[0].Tasks = slices.Insert(p.Actors[0].Tasks, 0, g.first())
		p.Actors[0].Start = 0
	}
	return p
}

// first makes a task that makes the table.
func (g *generator) first() Task {
	for {
		if t := g.write(); t.Op.makes() || t.Work != nil && (t.Work.Kind == model.Append || t.Work.Kind == model.Reload) {
			return t
		}
	}
}

type generator struct {
	rng  *rand.Rand
	tier Tier
	seq  int64 // of the sequence that the history has
}

func oneOf[T any](g *generator, xs []T) T { return xs[g.rng.IntN(len(xs))] }

func (g *generator) table() TableSpec {
	t := TableSpec{Absent: g.rng.IntN(6) == 0, Commits: 1 + g.rng.IntN(6)}
	t.Properties = map[string]string{"delta.checkpointInterval": oneOf(g, []string{"3", "5", "10", "100"}), retention: retentionText}
	if g.rng.IntN(4) == 0 {
		t.Properties["delta.isolationLevel"] = "WriteSerializable"
	}
	if g.rng.IntN(4) == 0 {
		t.Properties["delta.enableInCommitTimestamps"] = "true"
	}
	return t
}

// actor makes one of the kinds of actors.
func (g *generator) actor(i int) Actor {
	a := Actor{Name: fmt.Sprintf("p%d", i), Start: time.Duration(g.rng.IntN(200)) * time.Millisecond}
	switch g.rng.IntN(12) {
	case 0:
		a.Skew = oneOf(g, []time.Duration{-7 * 24 * time.Hour, -time.Hour, -time.Second, time.Second, time.Hour, 7 * 24 * time.Hour})
	case 1:
		a.Frozen = true
	}
	kind := g.rng.IntN(10)
	if i == 0 {
		kind = 0 // there is a writer
	}
	n := 1 + g.rng.IntN(4)
	switch {
	case kind < 6:
		for range n {
			a.Tasks = append(a.Tasks, g.write())
		}
	case kind == 6:
		for range n + 2 {
			a.Tasks = append(a.Tasks, g.task(oneOf(g, []OpKind{OpRead, OpRead, OpTravel, OpTail})))
		}
	case kind == 7:
		for range n {
			a.Tasks = append(a.Tasks, g.task(OpTail))
		}
	case kind == 8:
		for range n {
			a.Tasks = append(a.Tasks, g.task(oneOf(g, []OpKind{OpCheckpoint, OpCheckpoint, OpChecksum, OpCleanup})))
		}
	default:
		for range n {
			a.Tasks = append(a.Tasks, g.task(OpForeign))
		}
	}
	return a
}

// task makes a task of a kind, with what all kinds have.
func (g *generator) task(k OpKind) Task {
	t := Task{
		Op: k, Variant: g.rng.IntN(60), Stale: g.rng.IntN(4) == 0, Parallel: 1 + g.rng.IntN(2),
		Parts: []string{oneOf(g, parts)}, Rows: 1 + g.rng.IntN(3),
		Wait: time.Duration(g.rng.IntN(100)) * time.Millisecond,
	}
	if k == OpCleanup || g.rng.IntN(20) == 0 {
		t.Wait += 4 * time.Hour
	}
	return t
}

var writeKinds = []OpKind{
	OpAppend, OpAppend, OpAppend, OpReplace, OpReplace, OpReplace, OpReload,
	OpDelete, OpUpdate, OpUpdate, OpInsert, OpInsert, OpSchema, OpOptimize, OpCreate,
}

// write makes a task of a writer.
func (g *generator) write() Task {
	if g.tier == Parquet {
		return g.work()
	}
	t := g.task(oneOf(g, writeKinds))
	if g.rng.IntN(3) == 0 {
		t.Parts = append(t.Parts, oneOf(g, parts))
		if t.Parts[0] == t.Parts[1] {
			t.Parts = t.Parts[:1]
		}
	}
	if t.Op == OpReplace && g.rng.IntN(5) == 0 {
		t.Rows = 0
	}
	t.Content = g.rng.IntN(7)
	switch t.Op {
	case OpDelete, OpUpdate, OpInsert:
		if g.rng.IntN(5) == 0 {
			t.Isolate = string(oneOf(g, []txlog.Isolation{txlog.Serializable, txlog.WriteSerializable, txlog.SnapshotIsolation}))
		}
	case OpCreate, OpSchema, OpOptimize:
		return t
	}
	switch g.rng.IntN(5) {
	case 0: // no key
	case 1:
		g.seq++
		t.Key, t.Seq = "stream", g.seq
	default: // few names, so that they meet; a name's policy is always the same
		n := g.rng.IntN(6)
		t.Key, t.Policy, t.Content = fmt.Sprintf("job%d", n), n%4, 1+g.rng.IntN(2)
		t.Copies = oneOf(g, []int{0, 0, 0, 1, 2})
	}
	return t
}
