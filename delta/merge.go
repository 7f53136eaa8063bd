package delta

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/deltalog/deltalog/internal/expr"
)

// A Set says what columns become: name (a.b for a field of a struct) → SQL
// expression over the columns of both sides. DEFAULT stands for the column's
// default value.
type Set map[string]string

// A Merge is a MERGE statement that is being put together: which source row meets
// which row of the table, and what becomes of both. Clauses are tried in the order
// in which they were added, and the first whose condition is true is the one that
// acts. Run does the work. A mistake in the text is reported by Run.
//
// Conditions and expressions are Spark SQL. Columns of the table are called
// target.NAME or t.NAME, those of the source source.NAME or s.NAME; a name that
// only one side has needs no prefix.
type Merge struct {
	t   *Table
	src Source
	st  statement
	err error
}

// Merge begins a MERGE of the source's rows into the table.
func (t *Table) Merge(src Source) *Merge {
	m := &Merge{t: t, src: src}
	m.st = statement{op: opMerge, target: []string{"target", "t"}, source: []string{"source", "s"}}
	return m
}

// As names the two sides: their names in conditions.
func (m *Merge) As(target, source string) *Merge {
	m.st.target, m.st.source = []string{target}, []string{source}
	return m
}

// On gives the condition under which a source row and a row of the table meet.
// Equalities between the two sides are what makes it fast.
func (m *Merge) On(condition string) *Merge {
	m.st.on, m.st.onText = m.condition(condition), condition
	return m
}

// OnColumns is On for columns that are equal on both sides.
func (m *Merge) OnColumns(columns ...string) *Merge {
	var all []expr.Expr
	for _, c := range columns {
		all = append(all, expr.Compare(expr.Eq, m.st.targetColumn(c), m.st.sourceColumn(c)))
	}
	if len(all) == 0 {
		m.fail(errors.New("OnColumns: no column is given"))
		return m
	}
	m.st.on, m.st.onText = expr.And(all...), ""
	return m
}

func (m *Merge) condition(text string) expr.Expr {
	if text == "" {
		return nil
	}
	e, err := expr.Parse(text, nil)
	m.fail(err)
	return e
}

func (m *Merge) fail(err error) {
	if m.err == nil {
		m.err = err
	}
}

func (m *Merge) clause(kind expr.ClauseKind, condition []string) *clause {
	c := &clause{kind: kind}
	switch len(condition) {
	case 0:
	case 1:
		c.cond, c.text = m.condition(condition[0]), condition[0]
	default:
		m.fail(fmt.Errorf("a clause takes one condition, got %d; join them with AND", len(condition)))
	}
	return c
}

func (m *Merge) add(c *clause, a expr.ClauseAction, set Set, all bool) *Merge {
	c.action, c.all = a, all
	for _, name := range slices.Sorted(maps.Keys(set)) {
		a, err := assign(name, set[name])
		m.fail(err)
		c.set = append(c.set, a)
	}
	if !all && a != actDelete && len(set) == 0 {
		m.fail(errors.New("a clause sets no column"))
	}
	m.st.clauses = append(m.st.clauses, c)
	return m
}

// assign reads name = value.
func assign(name, value string) (assignment, error) {
	column, err := expr.Parse(quoteName(name), nil)
	if err != nil {
		return assignment{}, fmt.Errorf("column %s: %w", name, err)
	}
	paths := expr.Columns(column)
	if len(paths) != 1 {
		return assignment{}, fmt.Errorf("%q is no column", name)
	}
	a := assignment{path: paths[0], text: value, at: -1}
	if strings.EqualFold(strings.TrimSpace(value), "DEFAULT") {
		return a, nil
	}
	if a.value, err = expr.Parse(value, nil); err != nil {
		return a, fmt.Errorf("column %s: %w", name, err)
	}
	return a, nil
}

// quoteName makes a name of a Set what the parser reads as a name: parts that are
// no plain words get backticks, unless the caller has put them there.
func quoteName(name string) string {
	if strings.Contains(name, "`") {
		return name
	}
	parts := strings.Split(name, ".")
	for i, p := range parts {
		parts[i] = "`" + p + "`"
	}
	return strings.Join(parts, ".")
}

// A MatchedClause is about rows of the table that a source row meets.
type MatchedClause struct {
	m *Merge
	c *clause
}

// WhenMatched begins a clause about rows that meet, under an optional condition.
func (m *Merge) WhenMatched(condition ...string) MatchedClause {
	return MatchedClause{m, m.clause(matched, condition)}
}

// Update sets columns.
func (c MatchedClause) Update(set Set) *Merge { return c.m.add(c.c, actUpdate, set, false) }

// UpdateAll sets every column to the source's column of that name. The source
// must have all of them, apart from generated columns.
func (c MatchedClause) UpdateAll() *Merge { return c.m.add(c.c, actUpdate, nil, true) }

// Delete removes the row.
func (c MatchedClause) Delete() *Merge { return c.m.add(c.c, actDelete, nil, false) }

// A NotMatchedClause is about source rows that meet no row of the table.
type NotMatchedClause struct {
	m *Merge
	c *clause
}

// WhenNotMatched begins a clause about source rows that meet no row of the table.
func (m *Merge) WhenNotMatched(condition ...string) NotMatchedClause {
	return NotMatchedClause{m, m.clause(notMatched, condition)}
}

// Insert adds a row with these columns; others get their default, or null.
func (c NotMatchedClause) Insert(set Set) *Merge { return c.m.add(c.c, actInsert, set, false) }

// InsertAll adds the source row.
func (c NotMatchedClause) InsertAll() *Merge { return c.m.add(c.c, actInsert, nil, true) }

// A NotMatchedBySourceClause is about rows of the table that no source row meets.
type NotMatchedBySourceClause struct {
	m *Merge
	c *clause
}

// WhenNotMatchedBySource begins a clause about rows of the table that no source
// row meets. Its condition says which files have to be read: without one all of
// the table is.
func (m *Merge) WhenNotMatchedBySource(condition ...string) NotMatchedBySourceClause {
	return NotMatchedBySourceClause{m, m.clause(bySource, condition)}
}

// Update sets columns, to expressions over the table's columns.
func (c NotMatchedBySourceClause) Update(set Set) *Merge { return c.m.add(c.c, actUpdate, set, false) }

// Delete removes the row.
func (c NotMatchedBySourceClause) Delete() *Merge { return c.m.add(c.c, actDelete, nil, false) }

// Upsert is WhenMatched().UpdateAll() and WhenNotMatched().InsertAll(), for a
// source that has one row for each key: more are a [*DuplicateKeyError], whether
// the table has the key or not, and rows without a key a [*NullKeyError].
func (m *Merge) Upsert() *Merge {
	m.st.unique, m.st.keyed = true, true
	return m.WhenMatched().UpdateAll().WhenNotMatched().InsertAll()
}

// Run does the merge, in one commit.
//
// The source is read once, and kept within MaxMemory, beyond it on local disk. Of
// the table those files are read that can hold a key of the source, by partition
// values, statistics and bloom filters; a row that would be updated to what it is
// already is left alone, so that the same merge again commits nothing. Losing to
// another writer means to look at the files that it touched, and at no others.
//
// Errors, beside those of every write: [*DuplicateKeyError], [*ConstraintError], and
// [*StatementError] for what is written wrong.
func (m *Merge) Run(ctx context.Context, o *ChangeOptions) (*Result, error) {
	c := m.t.newChange(&m.st, m.src, o)
	if m.err == nil {
		m.err = m.st.check()
	}
	if m.err != nil {
		return c.res, c.wrap(refused(m.err))
	}
	return c.run(ctx)
}

// Update sets columns of the rows for which where is true; of all rows if it is
// empty. Rows that have these values already are left alone.
func (t *Table) Update(ctx context.Context, set Set, where string, o *ChangeOptions) (*Result, error) {
	m := &Merge{t: t, st: statement{op: opUpdate}}
	return m.rows(where).Update(set).Run(ctx, o)
}

// Delete removes the rows for which where is true; all rows if it is empty. Where
// whole files go, by partition or by statistics, no file is read.
func (t *Table) Delete(ctx context.Context, where string, o *ChangeOptions) (*Result, error) {
	m := &Merge{t: t, st: statement{op: opDelete}}
	return m.rows(where).Delete().Run(ctx, o)
}

func (m *Merge) rows(where string) NotMatchedBySourceClause {
	if where == "" {
		return m.WhenNotMatchedBySource()
	}
	return m.WhenNotMatchedBySource(where)
}
