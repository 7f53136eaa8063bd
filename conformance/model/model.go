// Package model says what operations mean: an executable reference of a Delta
// table, without files, logs or I/O, small enough to be read in one sitting.
//
// A [Table] is a multiset of rows, the columns that were added, and the uses of
// idempotency keys. [Table.Apply] applies an [Op] to it, and says what package
// delta promises of the outcome: applied as the next version, nothing to do,
// applied before, or refused. Tables are values: Apply never changes its receiver,
// so that a history is a list of them. [Fake] keeps that list: it is the oracle of
// the other packages of the conformance suite, and an in-memory store for tests of
// checkers.
package model

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// NoVersion is the version of a table that is not there.
const NoVersion = -1

// Why an operation is refused; nothing has happened then.
var (
	ErrNoTable = errors.New("there is no table")
	ErrByID    = errors.New("a table that is not there is made by whole partitions only")
	ErrExists  = errors.New("the table exists")
	ErrEmpty   = errors.New("no rows")
	ErrOutside = errors.New("a row is outside of what is replaced")
	ErrTwice   = errors.New("several rows have one key")
	ErrNullKey = errors.New("a row has no key")
	ErrKeyUsed = errors.New("the key was used for other content")
	ErrFenced  = errors.New("another attempt used the key for other content after this one began")
)

// An Outcome says what an operation has done.
type Outcome string

// The outcomes.
const (
	Applied        Outcome = "applied"         // it is the next version
	NoOp           Outcome = "no-op"           // nothing to do, no version
	AlreadyApplied Outcome = "already-applied" // an earlier version holds it
	Refused        Outcome = "refused"         // no version, and an error
)

// An Effect is an outcome, with the numbers that a caller is told.
type Effect struct {
	Outcome Outcome
	// Version holds the work if it was applied now or before; else it is the version
	// of the table.
	Version int64
	// Inserted and Deleted rows; rows that are replaced are both. Updated rows have
	// other values now.
	Inserted, Updated, Deleted int64
}

// A Use is one use of a key: the commit that recorded it.
type Use struct {
	Version int64
	Seq     int64  // of a key that counts up; else 0
	Content string // of a key that does not: what was done under it
}

// A Table is a table at one version. Its parts must not be changed.
type Table struct {
	Version int64
	Rows    []Row            // in the order of [compareRows]
	Columns []string         // added ones, in the order of time
	Keys    map[string][]Use // in the order of versions
}

// Absent is a table that is not there.
func Absent() *Table { return absent }

var absent = &Table{Version: NoVersion}

// Apply applies an operation of an attempt that looks the key up now.
func (t *Table) Apply(op Op) (after *Table, e Effect, err error) { return t.ApplySince(op, t.Version) }

// ApplySince applies an operation of an attempt that looked the key up when the
// table had version saw, and has been on its way since. The table after it is the
// receiver, unless the operation was applied.
func (t *Table) ApplySince(op Op, saw int64) (after *Table, e Effect, err error) {
	none := Effect{Outcome: Refused, Version: t.Version}
	if t.Version == NoVersion && !op.makes() {
		return t, none, ErrNoTable
	}
	if use, err := t.used(op, saw); err != nil {
		return t, none, errors.Join(err, op.valid(t)) // either of them is the truth
	} else if use != nil {
		return t, Effect{Outcome: AlreadyApplied, Version: use.Version}, nil
	}
	if err := op.valid(t); err != nil {
		return t, none, err
	}
	after = &Table{Version: t.Version + 1, Columns: t.Columns, Keys: t.Keys}
	changed := after.fill(t, op, &e)
	if !changed && !op.keyed() {
		return t, Effect{Outcome: NoOp, Version: t.Version}, nil
	}
	slices.SortFunc(after.Rows, compareRows)
	if op.keyed() {
		after.Keys = maps.Clone(t.Keys)
		if after.Keys == nil {
			after.Keys = map[string][]Use{}
		}
		use := Use{Version: after.Version, Seq: op.Seq}
		if op.Seq == 0 {
			use.Content = op.content()
		}
		after.Keys[op.Key] = append(slices.Clip(t.Keys[op.Key]), use)
	}
	e.Outcome, e.Version = Applied, after.Version
	return after, e, nil
}

// used returns the use of the operation's key by the same work; an error if the
// use of it by other work forbids this one; nil if the operation is to be done.
//
// Among uses since the attempt began the same work counts, wherever it is: it has
// been done, whatever came after it. Of earlier ones only the last counts: the same
// work done again after other work is a re-run.
func (t *Table) used(op Op, saw int64) (*Use, error) {
	uses := t.Keys[op.Key]
	if !op.keyed() || len(uses) == 0 {
		return nil, nil
	}
	last := &uses[len(uses)-1]
	same := func(u *Use) bool { return u.Content == op.content() }
	switch {
	case op.Seq > 0:
		if last.Seq >= op.Seq {
			return last, nil
		}
		return nil, nil
	case op.policy() == Skip:
		return last, nil
	case op.policy() == Fail:
		return nil, ErrKeyUsed
	}
	for i := len(uses) - 1; i >= 0; i-- {
		if u := &uses[i]; (i == len(uses)-1 || u.Version > saw) && same(u) {
			return u, nil
		}
	}
	switch {
	case op.policy() == Verify:
		return nil, ErrKeyUsed
	case last.Version > saw:
		return nil, ErrFenced
	}
	return nil, nil
}

// valid says whether the operation's rows are such that it can be done.
func (op Op) valid(t *Table) error {
	switch op.Kind {
	case Create:
		if t.Version != NoVersion {
			return ErrExists
		}
		return nil
	case Append, ReplaceDynamic:
		if len(op.Rows) == 0 {
			return ErrEmpty
		}
	case InsertNew, Merge:
		if len(op.Rows) == 0 {
			return ErrEmpty
		}
		seen := map[string]bool{}
		for _, r := range op.Rows {
			if op.ByPart && r.Part == Null {
				return ErrNullKey
			}
			if k := op.key(r); seen[k] {
				return ErrTwice
			} else {
				seen[k] = true
			}
		}
	case ReplaceStatic:
		for _, r := range op.Rows {
			if !slices.Contains(op.Parts, r.Part) {
				return ErrOutside
			}
		}
	case ReplaceWhere:
		if t.Version == NoVersion && op.Where.ByID {
			return ErrByID
		}
		for _, r := range op.Rows {
			if !op.Where.Holds(r) {
				return ErrOutside
			}
		}
	case Update, Delete, Reload, AddColumn, Checkpoint, Optimize, KeyOnly:
	default:
		return fmt.Errorf("%q is no operation", op.Kind)
	}
	return nil
}

// key is what rows of InsertNew and Merge meet by.
func (op Op) key(r Row) string {
	if op.ByPart {
		return fmt.Sprintf("%d %s", r.ID, r.Part)
	}
	return fmt.Sprint(r.ID)
}

// fill makes t what from is after the operation, apart from keys and order,
// and counts. It reports whether there was anything to do.
func (t *Table) fill(from *Table, op Op, e *Effect) (changed bool) {
	switch op.Kind {
	case Create:
		return true
	case Append:
		t.Rows = slices.Clone(from.Rows)
		t.insert(op.Rows, e)
	case ReplaceDynamic:
		parts := map[string]bool{}
		for _, r := range op.Rows {
			parts[r.Part] = true
		}
		t.keep(from, e, func(r Row) bool { return !parts[r.Part] })
		t.insert(op.Rows, e)
	case ReplaceStatic:
		t.keep(from, e, func(r Row) bool { return !slices.Contains(op.Parts, r.Part) })
		t.insert(op.Rows, e)
	case ReplaceWhere:
		t.keep(from, e, func(r Row) bool { return !op.Where.Holds(r) })
		t.insert(op.Rows, e)
	case Reload:
		t.keep(from, e, func(Row) bool { return false })
		t.insert(op.Rows, e)
	case Delete:
		t.keep(from, e, func(r Row) bool { return !op.Where.Holds(r) })
	case InsertNew, Merge:
		t.upsert(from, op, e)
	case Update:
		t.Rows = slices.Clone(from.Rows)
		for i, r := range t.Rows {
			if op.Where.Holds(r) && op.Add != 0 {
				t.Rows[i].Qty += op.Add
				e.Updated++
			}
		}
	case AddColumn:
		t.Rows = from.Rows
		if slices.Contains(from.Columns, op.Column) {
			return false
		}
		t.Columns = append(slices.Clip(from.Columns), op.Column)
		return true
	case Optimize:
		t.Rows = from.Rows
		return len(from.Rows) > 0
	case Checkpoint, KeyOnly:
		t.Rows = from.Rows
	}
	return e.Inserted+e.Updated+e.Deleted > 0 || from.Version == NoVersion
}

func (t *Table) insert(rows []Row, e *Effect) {
	t.Rows = append(t.Rows, rows...)
	e.Inserted += int64(len(rows))
}

// keep takes over the rows of from that stay.
func (t *Table) keep(from *Table, e *Effect, stays func(Row) bool) {
	for _, r := range from.Rows {
		if stays(r) {
			t.Rows = append(t.Rows, r)
		}
	}
	e.Deleted += int64(len(from.Rows) - len(t.Rows))
}

// upsert gives rows that meet one of the operation's its values, all of them if
// there are several (InsertNew leaves them alone), and adds the others.
func (t *Table) upsert(from *Table, op Op, e *Effect) {
	byKey := map[string]Row{}
	for _, r := range op.Rows {
		byKey[op.key(r)] = r
	}
	t.Rows = slices.Clone(from.Rows)
	met := map[string]bool{}
	for i, r := range t.Rows {
		k := op.key(r)
		to, ok := byKey[k]
		if !ok {
			continue
		}
		met[k] = true
		if op.Kind == Merge && r != to {
			t.Rows[i] = to
			e.Updated++
		}
	}
	for _, r := range op.Rows {
		if !met[op.key(r)] {
			t.insert([]Row{r}, e)
		}
	}
}

// Equal reports whether both tables hold the same rows and columns.
func (t *Table) Equal(o *Table) bool {
	return slices.Equal(t.Rows, o.Rows) && slices.Equal(t.Columns, o.Columns)
}

// Diff says in which rows got differs from want, for people; empty if in none.
func Diff(want, got []Row) string {
	left := map[Row]int{}
	for _, r := range want {
		left[r]++
	}
	for _, r := range got {
		left[r]--
	}
	rows := slices.SortedFunc(maps.Keys(left), compareRows)
	var b strings.Builder
	for _, r := range rows {
		switch n := left[r]; {
		case n > 0:
			fmt.Fprintf(&b, "missing %d × %v\n", n, r)
		case n < 0:
			fmt.Fprintf(&b, "too many %d × %v\n", -n, r)
		}
	}
	return b.String()
}

// Sort brings rows into the order that [Table.Rows] has.
func Sort(rows []Row) []Row {
	slices.SortFunc(rows, compareRows)
	return rows
}

func compareRows(a, b Row) int {
	return cmp.Or(strings.Compare(a.Part, b.Part), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Qty, b.Qty), strings.Compare(a.Tag, b.Tag))
}
