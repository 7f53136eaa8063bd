package delta

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/deltalog/deltalog/internal/expr"
	"github.com/deltalog/deltalog/txlog/schema"
)

// InsertNew adds the source's rows whose key the table does not have, in one
// commit: an append that may be sent again. As in an append the source may lack
// columns, and has none that the table lacks. Of source rows with one key
// [ChangeOptions.Dedupe] keeps the last; without it several are a
// [*DuplicateKeyError].
func (t *Table) InsertNew(ctx context.Context, src Source, keys []string, o *ChangeOptions) (*Result, error) {
	m := t.Merge(src).OnColumns(keys...).WhenNotMatched().InsertAll()
	m.st.unique, m.st.keyed, m.st.loads = true, true, true
	return m.Run(ctx, o)
}

// ApplyOptions say how change records are applied to a table.
type ApplyOptions struct {
	ChangeOptions

	// Keys are the columns by which a record finds its row.
	Keys []string
	// Order is a column of both the records and the table: a sequence number, a log
	// position, a time. A record acts only if it comes after what the row has
	// there, so that late and repeated records change nothing.
	Order string
	// Op is the records' column that says what happened. Default: op.
	Op string
	// Deletes are the values of Op that mean a delete, in any case. Default: d,
	// delete.
	Deletes []string
	// Deleted is a boolean column of the table that is set for deleted rows, which
	// then stay. Without it they are removed, and with them the knowledge of when:
	// a record older than the delete that comes after it brings the row back.
	Deleted string
}

// ApplyChanges applies a batch of change records, as change data capture gives
// them: inserts, updates and deletes of whole rows, several for one key, in any
// order. The latest of each key wins; all of it is one commit.
func (t *Table) ApplyChanges(ctx context.Context, src Source, o *ApplyOptions) (*Result, error) {
	m := t.Merge(src)
	if o == nil {
		o = &ApplyOptions{}
	}
	m.st.keyed = true
	opts := o.ChangeOptions
	opts.Dedupe = []string{o.Order}
	m.err = o.build(ctx, m)
	return m.Run(ctx, &opts)
}

func (o *ApplyOptions) build(ctx context.Context, m *Merge) error {
	if len(o.Keys) == 0 || o.Order == "" {
		return errors.New("ApplyOptions: Keys and Order are needed")
	}
	records, err := sourceSchema(m.src)
	if err != nil {
		return err
	}
	table, err := m.t.columns(ctx)
	if err != nil {
		return err
	}
	op := o.Op
	if op == "" {
		op = "op"
	}
	for _, name := range append([]string{op, o.Order}, o.Keys...) {
		if records.Find(name) < 0 {
			return fmt.Errorf("the records have no column %s; they have %s", name, strings.Join(columnNames(records), ", "))
		}
	}
	if table.Find(o.Order) < 0 {
		return fmt.Errorf("the table has no column %s: the order of the last record of each row must be kept there", o.Order)
	}
	m.OnColumns(o.Keys...)
	st := &m.st
	isDelete := expr.In(lower(st.sourceColumn(op)), texts(o.deletes())...)
	later := expr.Or(expr.IsNull(st.targetColumn(o.Order)), expr.Compare(expr.Gt, st.sourceColumn(o.Order), st.targetColumn(o.Order)))

	// What a record says of its row: the columns that both sides have.
	var all, dead []assignment
	for i := range table.Fields {
		name := table.Fields[i].Name
		if at := records.Find(name); at >= 0 && !strings.EqualFold(name, o.Deleted) {
			a := assignment{path: []string{name}, value: st.sourceColumn(records.Fields[at].Name)}
			all = append(all, a)
			if strings.EqualFold(name, o.Order) || contains(o.Keys, name) {
				dead = append(dead, a)
			}
		}
	}
	remove := &clause{kind: matched, cond: expr.And(later, isDelete), action: actDelete}
	if o.Deleted != "" {
		if table.Find(o.Deleted) < 0 {
			return fmt.Errorf("the table has no column %s", o.Deleted)
		}
		all = append(all, assignment{path: []string{o.Deleted}, value: expr.Literal(schema.BooleanValue(false))})
		dead = append(dead, assignment{path: []string{o.Deleted}, value: expr.True})
		remove.action, remove.set = actUpdate, dead
	}
	notDelete := expr.Or(expr.Not(isDelete), expr.IsNull(st.sourceColumn(op)))
	st.clauses = []*clause{
		remove,
		{kind: matched, cond: expr.And(later, notDelete), action: actUpdate, set: all},
		{kind: notMatched, cond: notDelete, action: actInsert, set: all},
	}
	if o.Deleted != "" {
		st.clauses = append(st.clauses, &clause{kind: notMatched, action: actInsert, set: dead})
	}
	return nil
}

func (o *ApplyOptions) deletes() []string {
	if len(o.Deletes) == 0 {
		return []string{"d", "delete"}
	}
	return o.Deletes
}

func texts(words []string) []schema.Value {
	var vs []schema.Value
	for _, w := range words {
		vs = append(vs, schema.StringValue(strings.ToLower(w)))
	}
	return vs
}

// lower is lower(e).
func lower(e expr.Expr) expr.Expr {
	l, err := expr.Parse("lower("+e.String()+")", nil)
	if err != nil {
		return e
	}
	return l
}

// SCD2Options say how a table of versions is kept: a slowly changing dimension
// of type 2.
type SCD2Options struct {
	ChangeOptions

	// Keys are the columns that say what a version is of.
	Keys []string
	// Effective is the source's column that says from when on a row is valid.
	Effective string
	// ValidFrom, ValidTo and Current are the table's columns of validity: the time
	// from which on a version is valid, the time at which it ended (null: it has
	// not), and whether it is the latest. Defaults: valid_from, valid_to,
	// is_current.
	ValidFrom, ValidTo, Current string
	// Track are the columns whose change makes a new version. Nil: all that both
	// sides have, apart from keys and validity.
	Track []string
	// Delete is a condition on the source's columns under which a row ends its
	// version without a new one.
	Delete string
}

// SCD2 keeps every version of a row: one that has changed is ended, and the next
// one added, in one commit. Rows that are as they were, that come late, or that
// come again change nothing.
//
// The source has one row for each key; [ChangeOptions.Dedupe] keeps the last of
// several, and loses those between.
func (t *Table) SCD2(ctx context.Context, src Source, o *SCD2Options) (*Result, error) {
	m := t.Merge(src)
	m.st.unique, m.st.keyed = true, true
	if o == nil {
		o = &SCD2Options{}
	}
	m.err = o.withDefaults().build(ctx, m)
	return m.Run(ctx, &o.ChangeOptions)
}

// columns are the table's columns in its newest version: others may have added some.
func (t *Table) columns(ctx context.Context) (*schema.Struct, error) {
	s, err := t.refresh(ctx)
	if err != nil {
		return nil, err
	}
	return s.Schema()
}

func (o *SCD2Options) withDefaults() *SCD2Options {
	d := *o
	for _, f := range []struct {
		p *string
		v string
	}{{&d.ValidFrom, "valid_from"}, {&d.ValidTo, "valid_to"}, {&d.Current, "is_current"}} {
		if *f.p == "" {
			*f.p = f.v
		}
	}
	return &d
}

func (o *SCD2Options) build(ctx context.Context, m *Merge) error {
	if len(o.Keys) == 0 || o.Effective == "" {
		return errors.New("SCD2Options: Keys and Effective are needed")
	}
	rows, err := sourceSchema(m.src)
	if err != nil {
		return err
	}
	table, err := m.t.columns(ctx)
	if err != nil {
		return err
	}
	if rows.Find(o.Effective) < 0 {
		return fmt.Errorf("the source has no column %s; it has %s", o.Effective, strings.Join(columnNames(rows), ", "))
	}
	validity := []string{o.ValidFrom, o.ValidTo, o.Current}
	for _, name := range validity {
		if table.Find(name) < 0 {
			return fmt.Errorf("the table has no column %s; it has %s", name, strings.Join(columnNames(table), ", "))
		}
	}
	st := &m.st
	var next []assignment
	var changed []expr.Expr
	for i := range table.Fields {
		name := table.Fields[i].Name
		at := rows.Find(name)
		if at < 0 || contains(validity, name) {
			continue
		}
		next = append(next, assignment{path: []string{name}, value: st.sourceColumn(rows.Fields[at].Name)})
		if !contains(o.Keys, name) && (o.Track == nil && !strings.EqualFold(name, o.Effective) || contains(o.Track, name)) {
			changed = append(changed, expr.Not(expr.Compare(expr.EqNullSafe, st.targetColumn(name), st.sourceColumn(rows.Fields[at].Name))))
		}
	}
	for _, name := range o.Track {
		if table.Find(name) < 0 || rows.Find(name) < 0 {
			return fmt.Errorf("column %s is tracked, and not on both sides", name)
		}
	}
	next = append(next, assignment{path: []string{o.ValidFrom}, value: st.sourceColumn(o.Effective)},
		assignment{path: []string{o.ValidTo}, value: expr.Literal(schema.Null(schema.Void))}, assignment{path: []string{o.Current}, value: expr.True})
	end := []assignment{{path: []string{o.ValidTo}, value: st.sourceColumn(o.Effective)}, {path: []string{o.Current}, value: expr.Literal(schema.BooleanValue(false))}}

	// A row that is older than the end of some version is late: it meets that
	// version, and no clause acts.
	m.OnColumns(o.Keys...)
	st.on = expr.And(st.on, expr.Or(st.targetColumn(o.Current), expr.Compare(expr.Gt, st.targetColumn(o.ValidTo), st.sourceColumn(o.Effective))))
	later := expr.And(st.targetColumn(o.Current), expr.Compare(expr.Gt, st.sourceColumn(o.Effective), st.targetColumn(o.ValidFrom)))
	insert := &clause{kind: notMatched, action: actInsert, set: next}
	st.clauses = nil
	if o.Delete != "" {
		gone := m.condition(o.Delete)
		if m.err != nil {
			return m.err
		}
		st.clauses = append(st.clauses,
			&clause{kind: matched, cond: expr.And(later, gone), text: o.Delete, action: actUpdate, set: end},
			&clause{kind: matched, cond: gone, text: o.Delete, action: actUpdate, set: []assignment{{path: []string{o.Current}, value: st.targetColumn(o.Current)}}})
		insert.cond = expr.Or(expr.Not(gone), expr.IsNull(gone))
	}
	st.clauses = append(st.clauses,
		&clause{kind: matched, cond: expr.And(later, expr.Or(changed...)), action: actUpdate, set: end, insert: next}, insert)
	if len(changed) == 0 {
		return errors.New("there is no column whose change would make a new version")
	}
	return nil
}
