package sweep

import (
	"strings"

	"github.com/deltalog/deltalog/conformance/model"
)

// A Case is an operation that is swept.
type Case struct {
	Name string
	Op   model.Op
	// First: there is no table, and the operation makes it.
	First bool
	// Rival, if it has a kind, is what another process does right before the first
	// attempt would commit: it takes the version that the attempt is about to get.
	Rival model.Op
}

// Cases returns all operations: each under a key where it can have one.
func Cases() []Case { return append(alone(), beside()...) }

// beside returns the operations that make a commit, with a rival that changes rows
// which they replace, change or read. The other engine's compaction, which would be
// refused, is left out.
func beside() (all []Case) {
	for _, c := range alone() {
		c.Name += "-beside"
		c.Rival = model.Op{Kind: model.Update, Add: 100, Where: model.Range{Parts: []string{"a", "b"}}}
		if c.First {
			c.Rival = other
		}
		switch c.Op.Kind {
		case model.Checkpoint, model.Optimize, model.Create:
		default:
			all = append(all, c)
		}
	}
	return all
}

func alone() []Case {
	rows := []model.Row{{Part: "a", ID: 2, Qty: 70, Tag: "new"}, {Part: "a", ID: 5, Qty: 71, Tag: "new"}, {Part: "c", ID: 31, Qty: 72, Tag: "new"}}
	all := []Case{
		{Name: "append", Op: model.Op{Kind: model.Append, Rows: rows}},
		{Name: "append-unkeyed", Op: model.Op{Kind: model.Append, Rows: rows}},
		{Name: "append-sequence", Op: model.Op{Kind: model.Append, Seq: 4, Rows: rows}},
		{Name: "insert-new", Op: model.Op{Kind: model.InsertNew, Rows: rows}},
		{Name: "replace-dynamic", Op: model.Op{Kind: model.ReplaceDynamic, Rows: rows}},
		{Name: "replace-static", Op: model.Op{Kind: model.ReplaceStatic, Rows: rows[:2], Parts: []string{"a", "b"}}},
		{Name: "replace-partitions-where", Op: model.Op{Kind: model.ReplaceWhere, Rows: rows, Where: model.Range{Parts: []string{"a", "c"}}}},
		{Name: "replace-rows-where", Op: model.Op{Kind: model.ReplaceWhere, Rows: rows[1:], Where: model.Range{ByID: true, MinID: 3, MaxID: 99}}},
		{Name: "merge", Op: model.Op{Kind: model.Merge, Rows: rows}},
		{Name: "merge-by-part", Op: model.Op{Kind: model.Merge, Rows: rows, ByPart: true}},
		{Name: "update", Op: model.Op{Kind: model.Update, Add: 7, Where: model.Range{ByID: true, MinID: 3, MaxID: 12}}},
		{Name: "delete", Op: model.Op{Kind: model.Delete, Where: model.Range{ByID: true, MinID: 4, MaxID: 12}}},
		{Name: "delete-partition", Op: model.Op{Kind: model.Delete, Where: model.Range{Parts: []string{"b"}}}},
		{Name: "delete-nothing", Op: model.Op{Kind: model.Delete, Where: model.Range{Parts: []string{"z"}}}},
		{Name: "reload", Op: model.Op{Kind: model.Reload, Rows: rows}},
		{Name: "truncate", Op: model.Op{Kind: model.Reload}},
		{Name: "add-column", Op: model.Op{Kind: model.AddColumn, Column: "more"}},
		{Name: "checkpoint", Op: model.Op{Kind: model.Checkpoint}},
		{Name: "optimize", Op: model.Op{Kind: model.Optimize}},
		{Name: "key-only", Op: model.Op{Kind: model.KeyOnly, Seq: 3}},
		{Name: "create", Op: model.Op{Kind: model.Create}, First: true},
		{Name: "first-append", Op: model.Op{Kind: model.Append, Rows: rows}, First: true},
		{Name: "first-replace", Op: model.Op{Kind: model.ReplaceDynamic, Rows: rows}, First: true},
		{Name: "first-reload", Op: model.Op{Kind: model.Reload, Rows: rows}, First: true},
	}
	for i := range all {
		if all[i].Name != "append-unkeyed" {
			all[i].Op.Key = "job/2026-01-06"
		}
	}
	return all
}

// other is what another process does in between.
var other = model.Op{Kind: model.Append, Rows: []model.Row{{Part: "b", ID: 99, Qty: 1, Tag: "other"}}}

func isCommit(name string) bool {
	return strings.HasPrefix(name, "_delta_log/") && strings.HasSuffix(name, ".json") && len(name) == len("_delta_log/00000000000000000000.json")
}
