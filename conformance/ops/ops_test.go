package ops

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/conformance/model"
	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/internal/effort"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
)

// Random histories, without faults and one operation after the other: package delta
// does what the model says, tells the caller the same, and every version is there
// with its rows and under its intent.
func TestTableIsTheModel(t *testing.T) {
	for _, v := range Variants() {
		for seed := range uint64(effort.Pick(12, 100)) {
			t.Run(fmt.Sprintf("%s/%d", v.Name, seed), func(t *testing.T) {
				t.Parallel()
				history(t, v, rand.New(rand.NewPCG(seed, 7)))
			})
		}
	}
}

func history(t *testing.T, v Variant, rnd *rand.Rand) {
	st := memstore.New(nil)
	open := func(process string) *Table {
		tbl, err := Open(t.Context(), Options{Store: st, Env: Env(process), Variant: v.With(map[string]string{"delta.checkpointInterval": "5"})})
		require.NoError(t, err)
		return tbl
	}
	tbl, fake := open("p"), &model.Fake{}
	witness, err := NewWitness(t.Context(), st, model.Absent())
	require.NoError(t, err)
	var done []model.Op
	for step := range 20 {
		if rnd.IntN(4) == 0 {
			tbl = open(fmt.Sprintf("p%d", step)) // another process
		}
		op := randomOp(rnd)
		if len(done) > 0 && rnd.IntN(4) == 0 {
			op = done[rnd.IntN(len(done))] // again
		}
		done = append(done, op)
		intent := fmt.Sprintf("step %d", step)
		res, err := tbl.Do(t.Context(), op, intent)
		e, want := fake.Commit(op)
		require.NoError(t, Told(op, res, err, e, want), "%s: %s: %v", intent, op, err)
		if e.Outcome == model.Applied {
			commits, err := History(t.Context(), st)
			require.NoError(t, err)
			require.Len(t, commits, int(e.Version)+1)
			if op.Kind != model.Create {
				require.Equal(t, intent, commits[e.Version].Intent)
			}
		}
	}
	require.NoError(t, witness.Follow(t.Context(), func(intent string) (model.Op, bool) {
		var step int
		_, err := fmt.Sscanf(intent, "step %d", &step)
		return done[step], err == nil
	}))
	if v.Name == Tracked.Name {
		require.NoError(t, witness.Changes(t.Context()))
	}
	for version := int64(0); fake.At(version) != nil; version++ {
		got, err := At(t.Context(), st, delta.Version(version))
		require.NoError(t, err)
		want := fake.At(version)
		require.Empty(t, model.Diff(want.Rows, got.Rows), "version %d, %s", version, fake.Op(version))
		require.True(t, want.Equal(got), "version %d", version)
	}
}

var parts = []string{"a", "b b", "c'\\%/", model.Null}

func randomOp(r *rand.Rand) model.Op {
	kinds := []model.Kind{
		model.Create, model.Append, model.Append, model.InsertNew, model.ReplaceDynamic, model.ReplaceStatic, model.ReplaceWhere, model.Merge,
		model.Update, model.Update, model.Delete, model.Delete, model.Reload, model.AddColumn, model.Checkpoint, model.Optimize, model.KeyOnly,
	}
	part := parts[r.IntN(len(parts))]
	op := model.Op{Kind: kinds[r.IntN(len(kinds))], Add: 1 + r.Int64N(2)}
	switch op.Kind {
	case model.AddColumn:
		op.Column = string(rune('x' + r.IntN(2)))
		return op
	case model.Create, model.Checkpoint, model.Optimize:
		return op
	case model.KeyOnly:
		op.Key, op.Seq = "seq", 1+r.Int64N(4)
		return op
	case model.ReplaceStatic:
		op.Parts = []string{part}
	case model.Update, model.Delete, model.ReplaceWhere:
		if r.IntN(2) == 0 && part != model.Null {
			op.Where.Parts = []string{part}
		}
		if r.IntN(2) == 0 {
			op.Where.ByID, op.Where.MinID, op.Where.MaxID = true, r.Int64N(9), r.Int64N(12)
		}
	}
	if r.IntN(2) == 0 {
		op.Key = fmt.Sprintf("key-%d", r.IntN(3))
		op.OnReplay = []model.Policy{model.Default, model.Default, model.Verify, model.Skip, model.Replace, model.Fail}[r.IntN(6)]
	}
	op.ByPart = r.IntN(2) == 0
	for range r.IntN(4) {
		p := part
		if r.IntN(3) == 0 {
			p = parts[r.IntN(len(parts))]
		}
		op.Rows = append(op.Rows, model.Row{Part: p, ID: r.Int64N(10), Qty: r.Int64N(3), Tag: "t"})
	}
	return op
}
