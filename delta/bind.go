package delta

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/deltalog/deltalog/internal/expr"
	"github.com/deltalog/deltalog/internal/rules"
	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/schema"
)

// A binding is a statement bound to a table's columns and a source's. Columns are
// numbered through: those of the table first, then the source's.
type binding struct {
	st     *statement
	table  *schema.Struct
	source *schema.Struct // without columns if there is no source
	scope  *expr.Scope
	sides  [3]*expr.Scope // by the kind of clause: what its rows have
	opts   *expr.Options

	keys     []boundKey
	residual *expr.Predicate // of the ON condition, what keys do not say; nil: nothing
	fixed    expr.Expr       // of residual, what reads the table only; nil: nothing

	clauses [3][]*boundClause
	schema  *schema.Struct // of the rows written: table, with columns that it gains
	parts   []bool         // of table's columns: rows are partitioned by it
	evolve  bool           // columns that the source has, or lacks, are no mistake
	evolved bool
}

// A boundKey is an equality between the two sides.
type boundKey struct {
	target, source *expr.Value
	typ            schema.DataType
	nullSafe       bool
	column         []string // of the table, if the target's side is just that
	text           string   // the target's side
}

// A boundClause is a clause bound.
type boundClause struct {
	*clause
	cond   *expr.Predicate // nil: always
	set    []boundSet
	insert []boundSet
}

// A boundSet gives a column of the rows written a value.
type boundSet struct {
	column int   // of binding.schema
	field  []int // within it; nil: all of it
	value  *expr.Value
}

// bind resolves the statement. If evolve, columns that the source has and the
// table lacks are added; newID names them in files, on tables with column mapping.
func bind(st *statement, snap *txlog.Snapshot, source *schema.Struct, evolve bool, newID func() string, o *expr.Options) (*binding, error) {
	table, err := snap.Schema()
	if err != nil {
		return nil, err
	}
	b := &binding{st: st, table: table, source: source, schema: table, evolve: evolve, opts: o, parts: make([]bool, len(table.Fields))}
	for i := range table.Fields {
		b.parts[i] = contains(snap.Metadata().PartitionColumns, table.Fields[i].Name)
	}
	side := func(target, source bool) *expr.Scope {
		return &expr.Scope{Relations: []expr.Relation{
			{Names: st.target, Schema: b.table, Hidden: !target}, {Names: st.source, Schema: b.source, Hidden: !source},
		}}
	}
	b.scope = side(true, true)
	b.sides = [3]*expr.Scope{matched: b.scope, notMatched: side(false, true), bySource: side(true, false)}
	if evolve {
		if err := b.grow(snap, newID); err != nil {
			return nil, err
		}
	}
	if err := b.on(); err != nil {
		return nil, fmt.Errorf("condition %v: %w", st.on, inText(err, st.onText))
	}
	if st.loads {
		if err := b.loaded(); err != nil {
			return nil, err
		}
	}
	for _, c := range st.clauses {
		bc, err := b.clause(c)
		if err = inText(err, c.text); err != nil && (st.op == opMerge || st.op == opReplaceWhere && c.kind == notMatched) {
			return nil, fmt.Errorf("%s … THEN %s: %w", c.kind, c.action, err)
		} else if err != nil {
			return nil, err
		}
		b.clauses[c.kind] = append(b.clauses[c.kind], bc)
	}
	return b, nil
}

// grow adds to the rows written what the source has and the table lacks, where
// a clause takes all of the source, or names such a column.
func (b *binding) grow(snap *txlog.Snapshot, newID func() string) error {
	wanted := &schema.Struct{}
	for i := range b.source.Fields {
		f := &b.source.Fields[i]
		takes := slices.ContainsFunc(b.st.clauses, func(c *clause) bool {
			return c.kind != bySource && (c.all || b.assigns(c.set, f.Name) || b.assigns(c.insert, f.Name))
		})
		if takes {
			wanted.Fields = append(wanted.Fields, *f)
		}
	}
	merged, err := schema.Merge(b.table, wanted)
	if err != nil {
		return err
	}
	if merged == b.table {
		return nil
	}
	if merged, err = gained(snap, merged, newID); err != nil {
		return err
	}
	b.schema, b.evolved = merged, true
	return nil
}

func (b *binding) assigns(set []assignment, column string) bool {
	return slices.ContainsFunc(set, func(a assignment) bool { return strings.EqualFold(b.stripTarget(a.path)[0], column) })
}

// on divides the ON condition into keys, which find the rows that meet, and a
// rest, which is evaluated on what the keys find.
func (b *binding) on() error {
	if b.st.on == nil {
		return nil
	}
	pairs, target, source, both, err := expr.JoinKeys(b.st.on, b.scope, b.opts)
	if err != nil {
		return err
	}
	for _, p := range pairs {
		k := boundKey{target: p.TargetKey, source: p.SourceKey, typ: p.Type, nullSafe: p.NullSafe, text: p.Target.String()}
		if cols := k.target.Columns(); len(cols) == 1 && sameColumn(p.Target, cols[0].Path, b.st.target) {
			k.column = cols[0].Path
		}
		b.keys = append(b.keys, k)
	}
	if len(target) > 0 {
		b.fixed = expr.And(target...)
	}
	if rest := slices.Concat(target, source, both); len(rest) > 0 {
		b.residual, err = expr.BindIn(expr.And(rest...), b.scope, b.opts)
	}
	return err
}

// sameColumn reports whether e is the column at path, with or without a relation's
// name before it.
func sameColumn(e expr.Expr, path []string, names []string) bool {
	text := e.String()
	if strings.EqualFold(text, expr.Column(path...).String()) {
		return true
	}
	return slices.ContainsFunc(names, func(n string) bool {
		return strings.EqualFold(text, expr.Column(append([]string{n}, path...)...).String())
	})
}

func (b *binding) clause(c *clause) (*boundClause, error) {
	bc := &boundClause{clause: c}
	var err error
	if c.cond != nil {
		bc.cond, err = expr.BindIn(c.cond, b.sides[c.kind], b.opts)
		if err := b.allowed(c.cond, c.kind, err); err != nil {
			return nil, err
		}
	}
	if c.all {
		bc.set, err = b.setAll(c)
	} else {
		bc.set, err = b.sets(c.kind, c.set)
	}
	if err != nil {
		return nil, err
	}
	bc.insert, err = b.sets(notMatched, c.insert)
	return bc, err
}

// loaded refuses source columns that an append would.
func (b *binding) loaded() error {
	for i := range b.source.Fields {
		if f := &b.source.Fields[i]; b.schema.Find(f.Name) < 0 {
			return &schema.MismatchError{Column: f.Name, Got: f.Type}
		}
	}
	return nil
}

// allowed explains why e could not be bound to what a clause's rows have: it may name
// a column of the side that they lack.
func (b *binding) allowed(e expr.Expr, k expr.ClauseKind, err error) error {
	if err == nil {
		return nil
	}
	v, other := expr.BindValue(e, b.scope, b.opts)
	if other != nil {
		return err
	}
	for _, c := range v.Columns() {
		ofSource, name := c.Index[0] >= len(b.table.Fields), schema.ColumnPath(c.Path)
		if k == bySource && ofSource {
			return &expr.Error{Msg: fmt.Sprintf("column %s is the source's, and no source row meets these rows", name), Pos: position(err)}
		}
		if k == notMatched && !ofSource {
			return &expr.Error{Msg: fmt.Sprintf("column %s is the table's, and these rows are not in the table", name), Pos: position(err)}
		}
	}
	return err
}

// position is where an error of binding is.
func position(err error) int {
	if bad := (*expr.Error)(nil); errors.As(err, &bad) {
		return bad.Pos
	}
	return -1
}

// setAll is UPDATE SET * and INSERT *.
func (b *binding) setAll(c *clause) ([]boundSet, error) {
	var sets []boundSet
	var missing []string
	for i := range b.schema.Fields {
		f := &b.schema.Fields[i]
		at := b.source.Find(f.Name)
		if rules.IsGeneratedAlways(f) {
			if at >= 0 && c.action == actInsert {
				return nil, fmt.Errorf("column %s is GENERATED ALWAYS AS IDENTITY, and the source has values for it; leave the column out", f.Name)
			}
			continue
		}
		if at < 0 {
			if !rules.Fills(f) && !b.evolve && !b.st.loads {
				missing = append(missing, f.Name)
			}
			continue
		}
		s, err := b.value(i, nil, b.st.sourceColumn(b.source.Fields[at].Name), c.kind)
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", f.Name, err)
		}
		sets = append(sets, s)
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("the source has no column %s; * wants all columns of the table (%s); name those that it has instead",
			strings.Join(missing, ", "), strings.Join(columnNames(b.source), ", "))
	}
	if len(sets) == 0 {
		return nil, errors.New("the source has no column of the table")
	}
	return sets, nil
}

// contains reports whether a list has a name, in any case.
func contains(names []string, name string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) })
}

func columnNames(s *schema.Struct) []string {
	names := make([]string, len(s.Fields))
	for i := range s.Fields {
		names[i] = s.Fields[i].Name
	}
	return names
}

func (b *binding) sets(k expr.ClauseKind, set []assignment) ([]boundSet, error) {
	var sets []boundSet
	for _, a := range set {
		path := b.stripTarget(a.path)
		wrong := func(format string, args ...any) error {
			return &expr.Error{Msg: fmt.Sprintf(format, args...), Text: a.text, Pos: a.at}
		}
		column, field, err := b.find(path)
		if err != nil {
			return nil, wrong("%v", err)
		}
		for _, other := range sets {
			if other.column == column && within(other.field, field) {
				return nil, wrong("column %s is set twice", schema.ColumnPath(path))
			}
		}
		if f := &b.schema.Fields[column]; rules.IsGeneratedAlways(f) {
			return nil, wrong("column %s is GENERATED ALWAYS AS IDENTITY: it cannot be set", f.Name)
		}
		if k == notMatched && len(field) > 0 {
			return nil, wrong("column %s: an insert sets whole columns; give the struct", schema.ColumnPath(path))
		}
		if a.value == nil {
			if len(field) > 0 {
				return nil, wrong("column %s: a field of a struct has no default", schema.ColumnPath(path))
			}
			v, err := b.defaultOf(&b.schema.Fields[column], column)
			if err != nil {
				return nil, err
			}
			sets = append(sets, v)
			continue
		}
		s, err := b.value(column, field, a.value, k)
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", schema.ColumnPath(path), inText(err, a.text))
		}
		sets = append(sets, s)
	}
	return sets, nil
}

// within reports whether one of two fields of a column is the other, or in it.
func within(a, b []int) bool {
	n := min(len(a), len(b))
	return slices.Equal(a[:n], b[:n])
}

// defaultOf is the column's DEFAULT, null without one.
func (b *binding) defaultOf(f *schema.Field, column int) (boundSet, error) {
	e := expr.Literal(schema.Null(schema.Void))
	if sql, ok := rules.Default(f); ok {
		var err error
		if e, err = expr.Parse(sql, b.opts); err != nil {
			return boundSet{}, fmt.Errorf("default of column %s: %w", f.Name, err)
		}
	}
	return b.value(column, nil, e, bySource)
}

// stripTarget takes the table's name off a column that is set.
func (b *binding) stripTarget(path []string) []string {
	if len(path) > 1 && b.schema.Find(path[0]) < 0 && contains(b.st.target, path[0]) {
		return path[1:]
	}
	return path
}

func (b *binding) find(path []string) (column int, field []int, err error) {
	s, ok := b.schema, true
	for depth, name := range path {
		if !ok {
			return 0, nil, fmt.Errorf("column %s is no struct, so that %s cannot be set", schema.ColumnPath(path[:depth]), schema.ColumnPath(path))
		}
		i := s.Find(name)
		if i < 0 {
			return 0, nil, fmt.Errorf("the table has no column %s; it has %s", schema.ColumnPath(path[:depth+1]), strings.Join(columnNames(s), ", "))
		}
		if depth == 0 {
			column = i
		} else {
			field = append(field, i)
		}
		s, ok = s.Fields[i].Type.(*schema.Struct)
	}
	return column, field, nil
}

// value binds what a column is set to, as a value of its type.
func (b *binding) value(column int, field []int, e expr.Expr, k expr.ClauseKind) (boundSet, error) {
	s := boundSet{column: column, field: field}
	v, err := expr.BindValue(e, b.sides[k], b.opts)
	if err := b.allowed(e, k, err); err != nil {
		return boundSet{}, err
	}
	s.value, err = v.As(s.typeIn(b.schema))
	return s, err
}

// stored returns values as the column has them once they are written: the empty
// text is null in a column that rows are partitioned by.
//
// PROTOCOL.md, "Partition Value Serialization".
func (b *binding) stored(column int, v *vec.Vec) *vec.Vec {
	if column < len(b.parts) && b.parts[column] {
		return vec.EmptyAsNull(v)
	}
	return v
}

// emptiesNull reports whether a key is a text column by which rows are partitioned.
func (b *binding) emptiesNull(k *boundKey) bool {
	return k.column != nil && b.parts[b.table.Find(k.column[0])] && (k.typ.Kind() == schema.KindString || k.typ.Kind() == schema.KindBinary)
}

// typeIn returns the type of what is set, in the schema of the rows written.
func (s *boundSet) typeIn(table *schema.Struct) schema.DataType {
	typ := table.Fields[s.column].Type
	for _, i := range s.field {
		typ = typ.(*schema.Struct).Fields[i].Type
	}
	return typ
}

// reads marks in used the columns, of both sides, that p and the sets read.
func (c *boundClause) reads(used []bool) {
	if c.cond != nil {
		mark(used, c.cond.Columns())
	}
	for _, s := range slices.Concat(c.set, c.insert) {
		mark(used, s.value.Columns())
	}
}

func mark(used []bool, cols []expr.BoundColumn) {
	for _, c := range cols {
		used[c.Index[0]] = true
	}
}
