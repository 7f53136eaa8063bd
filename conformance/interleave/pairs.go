package interleave

import (
	"github.com/deltalog/deltalog/conformance/model"
)

// A Pair is two operations that two processes do at once on one table, both with
// handles that have seen the same version of it.
type Pair struct {
	Name string
	A, B model.Op
	// Check, if not nil, says what else is wrong with the table afterwards.
	Check func(after *model.Table) error
}

// An operation of the pairs, as the process with this name does it: under a key of
// its own if key is true, with rows of its own.
type operation struct {
	name string
	make func(process string) model.Op
}

// operations returns the kinds of work that are paired. They meet on rows: those of
// partition a; on rows that are not there: id 5; on a partition that is not there: c.
func operations() []operation {
	rows := func(p string) []model.Row {
		return []model.Row{{Part: "a", ID: 2, Qty: 70, Tag: p}, {Part: "a", ID: 5, Qty: 71, Tag: p}, {Part: "c", ID: 31, Qty: 72, Tag: p}}
	}
	middle := model.Range{ByID: true, MinID: 3, MaxID: 12} // rows of a and b, not all of any file
	with := func(name string, op model.Op) operation {
		return operation{name, func(p string) model.Op {
			op := op
			if name != "truncate" {
				op.Rows = rows(p)
			}
			if op.Key != "" {
				op.Key = "key of " + p
			}
			return op
		}}
	}
	return []operation{
		with("append", model.Op{Kind: model.Append}),
		with("append-keyed", model.Op{Kind: model.Append, Key: "k"}),
		with("append-sequence", model.Op{Kind: model.Append, Key: "k", Seq: 3}),
		with("insert-new", model.Op{Kind: model.InsertNew, Key: "k"}),
		with("replace-dynamic", model.Op{Kind: model.ReplaceDynamic, Key: "k"}),
		{"replace-static", func(p string) model.Op { // c, which is not there, and b, which is emptied
			return model.Op{Kind: model.ReplaceStatic, Key: "key of " + p, Parts: []string{"b", "c"}, Rows: rows(p)[2:]}
		}},
		with("replace-partitions-where", model.Op{Kind: model.ReplaceWhere, Key: "k", Where: model.Range{Parts: []string{"a", "c"}}}),
		{"replace-rows-where", func(p string) model.Op {
			return model.Op{Kind: model.ReplaceWhere, Key: "key of " + p, Where: model.Range{ByID: true, MinID: 3, MaxID: 99}, Rows: rows(p)[1:]}
		}},
		with("merge", model.Op{Kind: model.Merge, Key: "k"}),
		with("merge-by-part", model.Op{Kind: model.Merge, ByPart: true}),
		{"update", func(p string) model.Op {
			return model.Op{Kind: model.Update, Key: "key of " + p, Add: 1 + int64(p[0]), Where: middle}
		}},
		{"delete", func(p string) model.Op {
			return model.Op{Kind: model.Delete, Key: "key of " + p, Where: middle}
		}},
		{"delete-partition", func(p string) model.Op {
			return model.Op{Kind: model.Delete, Where: model.Range{Parts: []string{"b"}}}
		}},
		with("reload", model.Op{Kind: model.Reload, Key: "k"}),
		with("truncate", model.Op{Kind: model.Reload}),
		{"checkpoint", func(string) model.Op { return model.Op{Kind: model.Checkpoint} }},
		{"add-column", func(string) model.Op { return model.Op{Kind: model.AddColumn, Column: "more"} }},
		{"optimize", func(string) model.Op { return model.Op{Kind: model.Optimize} }},
		{"key-only", func(p string) model.Op { return model.Op{Kind: model.KeyOnly, Key: "key of " + p, Seq: 1} }},
	}
}

// Pairs returns all ordered pairs of operations; then each operation with a key
// beside itself under the same key, and beside itself with other rows under that key.
func Pairs() (all []Pair) {
	for _, a := range operations() {
		for _, b := range operations() {
			all = append(all, Pair{Name: a.name + " ∥ " + b.name, A: a.make("A"), B: b.make("B")})
		}
	}
	for _, o := range operations() {
		a, other := o.make("A"), o.make("B")
		if a.Key == "" {
			continue
		}
		other.Key = a.Key
		all = append(all, Pair{Name: o.name + " ∥ the same", A: a, B: a})
		if a.Seq == 0 && a.Kind != model.Delete { // whose content is its condition
			all = append(all, Pair{Name: o.name + " ∥ other content", A: a, B: other})
		}
	}
	return all
}

// mayLose reports whether the documentation lets op be refused because of what the
// other one did: everything else must end as if it had come before or after.
//
//   - An operation on rows is refused when the columns are others now.
//   - So is a key alone, as another engine records it, when the metadata are others.
//   - One key for other content: the older of two attempts is fenced, and an append
//     or update is refused.
//   - The other engine's compaction gives up when a file that it moves was changed.
func mayLose(op, other model.Op) bool {
	switch op.Kind {
	case model.Merge, model.InsertNew, model.Update, model.Delete, model.KeyOnly:
		if other.Kind == model.AddColumn {
			return true
		}
	case model.ReplaceWhere:
		if other.Kind == model.AddColumn && op.Where.ByID {
			return true
		}
	case model.Optimize:
		return other.Kind != model.Append && other.Kind != model.Checkpoint && other.Kind != model.KeyOnly
	}
	return op.Key != "" && op.Key == other.Key && op.Seq == 0
}
