package delta

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/deltalog/deltalog/internal/expr"
)

// The operations on rows.
const (
	opMerge  operation = "merge"
	opUpdate operation = "update"
	opDelete operation = "delete"
	opDedup  operation = "dedup"
)

// A statement is an operation on rows as it was written: nothing of it is bound
// to a table yet. UPDATE and DELETE are merges without a source: what they select
// are rows that no source row meets.
type statement struct {
	op             operation
	target, source []string  // names of the two sides
	on             expr.Expr // nil: nothing meets
	onText         string    // as it was written, for the positions in errors
	clauses        []*clause
	unique         bool // the source must have one row for each key
	keyed          bool // every source row must have a key
	// loads says that rows are inserted as an append has it: the source may lack
	// columns, and has none that the table lacks.
	loads bool
	where string // of a replacement: which rows are replaced
}

// The kinds of clauses by the rows they are about, and what they do.
const (
	matched    = expr.WhenMatched            // a row of the table, and a source row
	notMatched = expr.WhenNotMatched         // a source row
	bySource   = expr.WhenNotMatchedBySource // a row of the table

	actUpdate = expr.Update
	actDelete = expr.Delete
	actInsert = expr.Insert
)

// A clause says what becomes of some rows.
type clause struct {
	kind   expr.ClauseKind
	cond   expr.Expr // nil: always
	text   string    // as it was written, for the positions in errors
	action expr.ClauseAction
	all    bool // UPDATE SET *, INSERT *
	set    []assignment
	// insert, of a matched clause that updates, adds the source row as well: the
	// next version of a row whose validity the update ends.
	insert []assignment
}

// An assignment gives a column, or a field in it, a value; nil is its default.
type assignment struct {
	path  []string
	value expr.Expr
	// text is where the value's positions are; at is the column's there, -1 if the
	// column was given by itself.
	text string
	at   int
}

// inText completes an error about something that was parsed with its text.
func inText(err error, text string) error {
	if bad := (*expr.Error)(nil); errors.As(err, &bad) && bad.Text == "" {
		bad.Text = text
	}
	return err
}

func (st *statement) targetColumn(name ...string) expr.Expr {
	return expr.Column(append([]string{st.target[0]}, name...)...)
}

func (st *statement) sourceColumn(name ...string) expr.Expr {
	return expr.Column(append([]string{st.source[0]}, name...)...)
}

// check refuses statements that say too little, or what cannot be meant.
func (st *statement) check() error {
	if len(st.clauses) == 0 {
		return errors.New("the merge has no clause: nothing would be done")
	}
	if st.op == opMerge && st.on == nil {
		return errors.New("the merge has no condition: say with On which rows meet")
	}
	open := [3]bool{}
	for _, c := range st.clauses {
		if open[c.kind] {
			return fmt.Errorf("a %s clause without a condition must be the last of its kind", c.kind)
		}
		open[c.kind] = c.cond == nil
	}
	return nil
}

func (st *statement) has(kind expr.ClauseKind) bool {
	for _, c := range st.clauses {
		if c.kind == kind {
			return true
		}
	}
	return false
}

// text is the statement in one canonical form, for the digest of an idempotency
// key: the same words are the same work.
func (st *statement) text() string {
	var b strings.Builder
	b.WriteString(string(st.op))
	if st.on != nil {
		fmt.Fprintf(&b, " ON %v", st.on)
	}
	for _, c := range st.clauses {
		fmt.Fprintf(&b, "\n%v", c)
	}
	return b.String()
}

// String is the clause as SQL.
func (c *clause) String() string {
	var b strings.Builder
	b.WriteString(c.kind.String())
	if c.cond != nil {
		fmt.Fprintf(&b, " AND %v", c.cond)
	}
	b.WriteString(" THEN " + c.action.String())
	if c.all {
		b.WriteString(" *")
	}
	writeSet(&b, c.set)
	if len(c.insert) > 0 {
		b.WriteString(" AND INSERT")
		writeSet(&b, c.insert)
	}
	return b.String()
}

func writeSet(b *strings.Builder, set []assignment) {
	for i, a := range set {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(b, " %v = ", expr.Column(a.path...))
		if a.value == nil {
			b.WriteString("DEFAULT")
			continue
		}
		fmt.Fprintf(b, "%v", a.value)
	}
}

// operationNames are what Spark calls the operations in the history.
var operationNames = map[operation]string{
	opMerge: "MERGE", opUpdate: "UPDATE", opDelete: "DELETE", opReplaceWhere: "WRITE", opDedup: "DELETE",
}

// parameters describe the statement in the history, as Spark does.
func (st *statement) parameters() map[string]string {
	if st.op == opReplaceWhere {
		return map[string]string{"mode": quote("Overwrite"), "predicate": quote(text([]string{st.where}))}
	}
	if st.op != opMerge {
		predicates := []string{}
		for _, c := range st.clauses {
			if c.kind == bySource && c.cond != nil {
				predicates = append(predicates, c.cond.String())
			}
		}
		return map[string]string{"predicate": quote(text(predicates))}
	}
	type predicate struct {
		Predicate string `json:"predicate,omitempty"`
		Action    string `json:"actionType"`
	}
	by := [3][]predicate{{}, {}, {}}
	for _, c := range st.clauses {
		p := predicate{Action: strings.ToLower(c.action.String())}
		if c.cond != nil {
			p.Predicate = c.cond.String()
		}
		by[c.kind] = append(by[c.kind], p)
	}
	on := []string{}
	if st.on != nil {
		on = append(on, st.on.String())
	}
	list := func(k expr.ClauseKind) string {
		b, err := json.Marshal(by[k])
		if err != nil {
			return `"[]"`
		}
		return quote(string(b))
	}
	return map[string]string{
		"predicate": quote(text(on)), "matchedPredicates": list(matched),
		"notMatchedPredicates": list(notMatched), "notMatchedBySourcePredicates": list(bySource),
	}
}
