package delta

import (
	"context"
	"errors"
	"strings"

	"github.com/deltalog/deltalog/internal/expr"
)

// MergeSQL runs a MERGE statement as Spark has it, on this table and with this
// source, in one commit:
//
//	MERGE INTO orders t USING changes s ON t.id = s.id
//	  WHEN MATCHED AND s.gone THEN DELETE
//	  WHEN MATCHED THEN UPDATE SET *
//	  WHEN NOT MATCHED THEN INSERT *
//
// The names of the two tables say nothing about where they are: they, or their
// aliases, are what conditions call them. WITH SCHEMA EVOLUTION is
// [WriteOptions.EvolveSchema]. Everything else is as for [Merge.Run].
func (t *Table) MergeSQL(ctx context.Context, sql string, src Source, o *ChangeOptions) (*Result, error) {
	m := t.Merge(src)
	opts := o.withDefaults()
	s, err := expr.ParseMerge(sql, nil)
	if err != nil {
		m.fail(err)
		return m.Run(ctx, &opts)
	}
	m.st.target, m.st.source = names(&s.Target, m.st.target), names(&s.Source, m.st.source)
	m.st.on, m.st.onText = s.On, s.Text
	for _, c := range s.Clauses {
		m.when(c, nil)
	}
	opts.EvolveSchema = opts.EvolveSchema || s.SchemaEvolution
	return m.Run(ctx, &opts)
}

// names are what conditions may call a table of a statement.
func names(t *expr.TableRef, otherwise []string) []string {
	switch {
	case t.Alias != "":
		return []string{t.Alias}
	case len(t.Name) > 0:
		return []string{t.Name[len(t.Name)-1]}
	}
	return otherwise
}

// WhenMatchedSQL adds a clause about rows that meet, in words:
//
//	update set *
//	update set qty = t.qty + s.qty, seen = s.at if s.at > t.seen
//	delete if s.gone
func (m *Merge) WhenMatchedSQL(clause string) *Merge {
	return m.when(expr.ParseClause(expr.WhenMatched, clause, nil))
}

// WhenNotMatchedSQL adds a clause about source rows that meet no row of the table,
// in words:
//
//	insert *
//	insert (id, qty) values (s.id, 0) if not s.gone
func (m *Merge) WhenNotMatchedSQL(clause string) *Merge {
	return m.when(expr.ParseClause(expr.WhenNotMatched, clause, nil))
}

// WhenNotMatchedBySourceSQL adds a clause about rows of the table that no source row
// meets, in words:
//
//	delete if day >= '2026-01-01'
//	update set active = false
func (m *Merge) WhenNotMatchedBySourceSQL(clause string) *Merge {
	return m.when(expr.ParseClause(expr.WhenNotMatchedBySource, clause, nil))
}

// when adds a clause that was parsed.
func (m *Merge) when(p *expr.MergeClause, err error) *Merge {
	if err != nil {
		m.fail(err)
		return m
	}
	m.st.clauses = append(m.st.clauses, &clause{
		kind: p.Kind, action: p.Action, cond: p.Condition, text: p.Text,
		all: p.Star, set: assignments(p.Set, p.Text),
	})
	return m
}

func assignments(set []expr.Assignment, text string) (all []assignment) {
	for _, a := range set {
		all = append(all, assignment{path: a.Path, value: a.Value, text: text, at: a.Pos})
	}
	return all
}

// UpdateSQL is [Table.Update] with what is set as SQL has it: "qty = qty + 1, note =
// DEFAULT".
func (t *Table) UpdateSQL(ctx context.Context, set, where string, o *ChangeOptions) (*Result, error) {
	m := &Merge{t: t, st: statement{op: opUpdate}}
	c := m.rows(where).c
	if strings.TrimSpace(set) == "" {
		m.fail(errors.New("nothing is set"))
	} else {
		parsed, err := expr.ParseAssignments(set, nil)
		m.fail(err)
		c.set = assignments(parsed, set)
	}
	m.st.clauses = append(m.st.clauses, c)
	return m.Run(ctx, o)
}
