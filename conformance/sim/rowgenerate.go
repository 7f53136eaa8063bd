package sim

import (
	"fmt"
	"maps"

	"github.com/deltalog/deltalog/conformance/model"
	"github.com/deltalog/deltalog/conformance/ops"
)

// rowParts are the partitions of tables with rows.
var rowParts = []string{"a", "b b", `c'\%/`, model.Null}

// rowTable makes a table of one of the variants.
func (g *generator) rowTable() TableSpec {
	t := TableSpec{Absent: g.rng.IntN(6) == 0, Commits: 1 + g.rng.IntN(4)}
	t.Properties = maps.Clone(oneOf(g, ops.Variants()).Properties)
	if t.Properties == nil {
		t.Properties = map[string]string{}
	}
	t.Properties["delta.checkpointInterval"] = oneOf(g, []string{"3", "5", "100"})
	t.Properties[retention] = retentionText
	if g.rng.IntN(4) == 0 {
		t.Properties["delta.enableInCommitTimestamps"] = "true"
	}
	return t
}

var workKinds = []model.Kind{
	model.Append, model.Append, model.InsertNew, model.ReplaceDynamic, model.ReplaceDynamic, model.ReplaceStatic, model.ReplaceWhere,
	model.Merge, model.Merge, model.Update, model.Update, model.Delete, model.Reload, model.AddColumn, model.Optimize, model.Create, model.KeyOnly,
}

// work makes a task on rows.
func (g *generator) work() Task {
	t := g.task(OpWork)
	part := oneOf(g, rowParts)
	op := &model.Op{Kind: oneOf(g, workKinds)}
	t.Work = op
	switch op.Kind {
	case model.AddColumn:
		op.Column = oneOf(g, []string{"x", "y"})
		return t
	case model.Create, model.Optimize:
		return t
	case model.ReplaceStatic:
		op.Parts = []string{part}
	case model.Update, model.Delete, model.ReplaceWhere:
		if g.rng.IntN(2) == 0 && part != model.Null {
			op.Where.Parts = []string{part}
		}
		if g.rng.IntN(2) == 0 {
			op.Where.ByID, op.Where.MinID, op.Where.MaxID = true, g.rng.Int64N(4), 4+g.rng.Int64N(8)
		}
	}
	if op.Kind == model.Update {
		op.Add = 1 + g.rng.Int64N(2)
	}
	g.rows(op, part)
	switch {
	case op.Kind == model.KeyOnly || g.rng.IntN(6) == 0:
		g.seq++
		op.Key, op.Seq = "stream", g.seq
	case g.rng.IntN(4) > 0:
		n := g.rng.IntN(6)
		op.Key, op.OnReplay = fmt.Sprintf("job%d", n), []model.Policy{model.Verify, model.Skip, model.Replace, model.Fail}[n%4]
		t.Copies = oneOf(g, []int{0, 0, 0, 1, 2})
	}
	t.Key, t.Seq = op.Key, op.Seq
	return t
}

// rows gives an operation rows that fit it.
func (g *generator) rows(op *model.Op, part string) {
	if op.Kind == model.InsertNew || op.Kind == model.Merge {
		op.ByPart = g.rng.IntN(2) == 0
	}
	seen := map[int64]bool{}
	for range 1 + g.rng.IntN(3) {
		p, id := part, g.rng.Int64N(10)
		if g.rng.IntN(3) == 0 && op.Kind != model.ReplaceStatic {
			p = oneOf(g, rowParts)
		}
		if op.ByPart && p == model.Null {
			p = "a"
		}
		if w := op.Where; op.Kind == model.ReplaceWhere {
			if len(w.Parts) > 0 {
				p = w.Parts[0]
			}
			if w.ByID {
				id = w.MinID + id%(w.MaxID-w.MinID)
			}
		}
		if seen[id] {
			continue
		}
		seen[id] = true
		op.Rows = append(op.Rows, model.Row{Part: p, ID: id, Qty: g.rng.Int64N(3), Tag: fmt.Sprintf("t%d", g.rng.IntN(3))})
	}
	switch op.Kind {
	case model.Update, model.Delete, model.KeyOnly:
		op.Rows = nil
	case model.ReplaceStatic, model.Reload:
		if g.rng.IntN(5) == 0 {
			op.Rows = nil
		}
	}
}
