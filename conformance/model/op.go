package model

import (
	"encoding/json"
	"fmt"
	"slices"
)

// A Kind is what an operation does.
type Kind string

// The kinds.
const (
	Create         Kind = "create"          // makes an empty table
	Append         Kind = "append"          // adds Rows
	InsertNew      Kind = "insert-new"      // adds those of Rows whose id the table does not have
	ReplaceDynamic Kind = "replace-dynamic" // the partitions of Rows hold Rows and no others
	ReplaceStatic  Kind = "replace-static"  // the partitions Parts hold Rows and no others
	ReplaceWhere   Kind = "replace-where"   // Rows in the place of those that Where selects
	Merge          Kind = "merge"           // upserts Rows by id, or by part and id
	Update         Kind = "update"          // Qty += Add where Where selects
	Delete         Kind = "delete"          // removes the rows that Where selects
	Reload         Kind = "reload"          // the table holds Rows and no others
	AddColumn      Kind = "add-column"      // adds the column Column, which is null everywhere
	Checkpoint     Kind = "checkpoint"      // changes nothing, and makes no version
	Optimize       Kind = "optimize"        // another engine moves rows to other files
	KeyOnly        Kind = "key-only"        // records Key and changes no row
)

// A Policy says what other content under a used key means; see package delta.
type Policy string

// The policies. The empty one is Verify for append and update, else Replace.
const (
	Default Policy = ""
	Verify  Policy = "verify"
	Skip    Policy = "skip"
	Replace Policy = "replace"
	Fail    Policy = "fail"
)

// Null is the partition value null.
const Null = "\x00null"

// A Row is a row of the table. Part is its partition; Tag says who wrote it, and
// has no meaning to any operation.
type Row struct {
	Part    string
	ID, Qty int64
	Tag     string
}

// A Range selects rows. The zero Range selects all of them. A null partition is
// in no list, so that a row with it is selected only if Parts is nil.
type Range struct {
	Parts        []string // nil: any
	ByID         bool     // MinID ≤ id < MaxID
	MinID, MaxID int64
}

// Holds reports whether the range selects a row.
func (r *Range) Holds(row Row) bool {
	if r.Parts != nil && (row.Part == Null || !slices.Contains(r.Parts, row.Part)) {
		return false
	}
	return !r.ByID || r.MinID <= row.ID && row.ID < r.MaxID
}

// An Op is one piece of work on a table. It is a value, and means the same each
// time that it is applied: who runs it again runs it with the same Op.
type Op struct {
	Kind Kind
	// Key names the logical work; empty: every time is another time.
	Key string
	// Seq, if greater than 0, makes Key a source that counts up: numbers not greater
	// than the recorded one have been applied.
	Seq      int64
	OnReplay Policy

	Rows   []Row
	ByPart bool     // InsertNew, Merge: rows meet by part and id, not by id alone
	Parts  []string // ReplaceStatic
	Where  Range    // ReplaceWhere, Update, Delete
	Add    int64    // Update
	Column string   // AddColumn
}

// String is one line for people.
func (op Op) String() string {
	text := string(op.Kind)
	if op.Key != "" {
		text += " key=" + op.Key
	}
	if op.Seq > 0 {
		text += fmt.Sprintf("@%d", op.Seq)
	}
	return text + " " + op.content()
}

// content is the work without its key: equal texts are equal work. The order of
// rows and of partitions is no part of it.
func (op Op) content() string {
	op.Key, op.Seq, op.OnReplay = "", 0, Default
	op.Rows, op.Parts = Sort(slices.Clone(op.Rows)), slices.Sorted(slices.Values(op.Parts))
	text, err := json.Marshal(op)
	if err != nil {
		panic(err) // there is no such value
	}
	return string(text)
}

// keyed reports whether the operation is done once under its key: work on rows is.
func (op Op) keyed() bool {
	switch op.Kind {
	case Create, AddColumn, Checkpoint, Optimize:
		return false
	}
	return op.Key != ""
}

func (op Op) policy() Policy {
	switch {
	case op.OnReplay != Default:
		return op.OnReplay
	case op.Kind == Append, op.Kind == Update, op.Kind == KeyOnly:
		return Verify
	}
	return Replace
}

// makes reports whether the operation makes a table that is not there.
func (op Op) makes() bool {
	switch op.Kind {
	case Create, Append, ReplaceDynamic, ReplaceStatic, ReplaceWhere, Reload:
		return true
	}
	return false
}
