package check

import (
	"fmt"
	"slices"

	"github.com/deltalog/deltalog/conformance/model"
)

// Whole is the name of the one partition that a whole table is taken for when its
// operations cannot be told apart by partition.
const Whole = ""

// RowsOf gives rows as [Event.Reads] has them: of each of parts, or, if parts is
// nil, of the Whole table.
func RowsOf(rows []model.Row, parts []string) map[string][]string {
	if parts == nil {
		parts = []string{Whole}
	}
	m := map[string][]string{}
	for _, p := range parts {
		m[p] = []string{}
	}
	for _, r := range rows {
		p := r.Part
		if len(parts) == 1 && parts[0] == Whole {
			p = Whole
		}
		m[p] = append(m[p], rowText(r))
	}
	return m
}

// ChangesOf gives what an operation does as [Event.Changes] has it: to each of parts
// that it may change, or, if parts is nil, to the Whole table. It returns false if
// what the operation does to one partition depends on others (rows that meet by id
// alone): take the table whole then, for all events of the history.
func ChangesOf(op model.Op, parts []string) (map[string]Change, bool) {
	op.Key, op.Seq = "", 0 // attempts under one key are one event
	if parts == nil {
		return map[string]Change{Whole: {Func: func(rows []string) []string { return applied(op, rows) }}}, true
	}
	if (op.Kind == model.InsertNew || op.Kind == model.Merge) && !op.ByPart {
		return nil, false
	}
	m := map[string]Change{}
	for _, p := range parts {
		if touches(&op, p) {
			m[p] = Change{Func: func(rows []string) []string { return of(p, applied(op, rows)) }}
		}
	}
	return m, true
}

// touches reports whether an operation may change a partition.
func touches(op *model.Op, p string) bool {
	switch op.Kind {
	case model.Reload:
		return true
	case model.ReplaceStatic:
		return slices.Contains(op.Parts, p)
	case model.Update, model.Delete, model.ReplaceWhere:
		return op.Where.Parts == nil || slices.Contains(op.Where.Parts, p)
	}
	return slices.ContainsFunc(op.Rows, func(r model.Row) bool { return r.Part == p })
}

// applied returns the rows after an operation.
func applied(op model.Op, rows []string) []string {
	t := &model.Table{}
	for _, s := range rows {
		t.Rows = append(t.Rows, parseRow(s))
	}
	after, _, err := t.Apply(op)
	if err != nil {
		return rows // refused
	}
	out := make([]string, 0, len(after.Rows))
	for _, r := range after.Rows {
		out = append(out, rowText(r))
	}
	return out
}

func of(p string, rows []string) []string {
	return slices.DeleteFunc(rows, func(s string) bool { return parseRow(s).Part != p })
}

func rowText(r model.Row) string { return fmt.Sprintf("%q %d %d %q", r.Part, r.ID, r.Qty, r.Tag) }

func parseRow(s string) (r model.Row) {
	if _, err := fmt.Sscanf(s, "%q %d %d %q", &r.Part, &r.ID, &r.Qty, &r.Tag); err != nil {
		panic(fmt.Sprintf("check: %q is no row of a model: %v", s, err))
	}
	return r
}
