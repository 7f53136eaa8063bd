package interop

import (
	"fmt"
	"slices"
	"strings"
)

// text is the expression in a dialect.
func (e *sqlText) in(duck bool) string {
	if duck {
		return e.Duck
	}
	return e.Spark
}

// sql is the statement in a dialect: on the given name of the table, with the
// source's rows in a table or view s.
func (s *statement) sql(table string, duck bool) string {
	var b strings.Builder
	set := func(c *clause) string {
		var parts []string
		for _, a := range c.Set {
			parts = append(parts, a.Column+" = "+a.Value.in(duck))
		}
		return " SET " + strings.Join(parts, ", ")
	}
	switch s.Verb {
	case "UPDATE", "DELETE":
		b.WriteString(map[string]string{"UPDATE": "UPDATE ", "DELETE": "DELETE FROM "}[s.Verb] + table)
		if s.Verb == "UPDATE" {
			b.WriteString(set(s.Clauses[0]))
		}
		if c := s.Clauses[0].Cond; c != nil {
			b.WriteString(" WHERE " + c.in(duck))
		}
		return b.String()
	}
	fmt.Fprintf(&b, "MERGE INTO %s AS t USING s AS s ON %s", table, s.On.in(duck))
	for _, c := range s.Clauses {
		b.WriteString(" WHEN " + c.Kind)
		if c.Cond != nil {
			b.WriteString(" AND " + c.Cond.in(duck))
		}
		b.WriteString(" THEN ")
		switch c.Action {
		case "UPDATE":
			b.WriteString("UPDATE" + set(c))
		case "UPDATE *":
			b.WriteString("UPDATE SET *")
			if duck { // its star goes by position and has no such form for all cases
				b.Reset()
				return s.spelled().sql(table, duck)
			}
		case "INSERT *":
			if duck {
				return s.spelled().sql(table, duck)
			}
			b.WriteString("INSERT *")
		case "INSERT":
			var names, values []string
			for _, a := range c.Set {
				names, values = append(names, a.Column), append(values, a.Value.in(duck))
			}
			b.WriteString("INSERT (" + strings.Join(names, ", ") + ") VALUES (" + strings.Join(values, ", ") + ")")
		default:
			b.WriteString(c.Action)
		}
	}
	return b.String()
}

// spelled is the statement with the columns named in place of stars.
func (s *statement) spelled() *statement {
	out := *s
	out.Clauses = nil
	for _, c := range s.Clauses {
		copied := *c
		if action, star := strings.CutSuffix(c.Action, " *"); star {
			copied.Action = action
			for _, col := range s.Source {
				copied.Set = append(copied.Set, &assignment{col.Name, ref(col.Type, "s."+col.Name)})
			}
		}
		out.Clauses = append(out.Clauses, &copied)
	}
	return &out
}

// ambiguous is a query in DuckDB's dialect for the number of rows of the table on
// which several source rows act, which DuckDB's MERGE itself does not refuse in
// all cases. It is empty where that is allowed: with one clause that deletes
// whatever meets, or without clauses about rows that meet.
func (s *statement) ambiguous(table string) string {
	var matched []*clause
	for _, c := range s.Clauses {
		if c.Kind == "MATCHED" {
			matched = append(matched, c)
		}
	}
	if len(matched) == 0 || len(matched) == 1 && matched[0].Cond == nil && matched[0].Action == "DELETE" {
		return ""
	}
	acts := "CASE"
	for _, c := range matched {
		cond := "true"
		if c.Cond != nil {
			cond = c.Cond.Duck
		}
		acts += " WHEN " + cond + " THEN 1"
	}
	return fmt.Sprintf("SELECT count(*) FROM (SELECT t.rowid FROM %s AS t JOIN s AS s ON %s WHERE %s ELSE 0 END = 1 GROUP BY t.rowid HAVING count(*) > 1)", table, s.On.Duck, acts)
}

// smaller returns the cases that are one step simpler than c.
func (c *statementCase) smaller() []*statementCase {
	var out []*statementCase
	add := func(change func(c *statementCase)) {
		next := c.clone()
		change(next)
		out = append(out, next)
	}
	for i := len(c.Steps) - 1; i >= 0 && len(c.Steps) > 1; i-- {
		add(func(c *statementCase) { c.Steps = slices.Delete(c.Steps, i, i+1) })
	}
	for name := range c.Properties {
		add(func(c *statementCase) { delete(c.Properties, name) })
	}
	for i := range c.Files {
		if len(c.Files) > 1 {
			add(func(c *statementCase) { c.Files = slices.Delete(c.Files, i, i+1) })
		}
		for _, n := range []int{len(c.Files[i]) / 2, 1} {
			for from := 0; n > 0 && from < len(c.Files[i]); from += n {
				add(func(c *statementCase) {
					c.Files[i] = slices.Delete(c.Files[i], from, min(from+n, len(c.Files[i])))
				})
			}
		}
	}
	for i, s := range c.Steps {
		for _, n := range []int{len(s.SourceRows) / 2, 1} {
			for from := 0; n > 0 && from < len(s.SourceRows); from += n {
				add(func(c *statementCase) {
					s := c.Steps[i]
					s.SourceRows = slices.Delete(s.SourceRows, from, min(from+n, len(s.SourceRows)))
				})
			}
		}
		if s.On != nil {
			for _, p := range simpler(s.On) {
				add(func(c *statementCase) { c.Steps[i].On = p })
			}
		}
		for k, cl := range s.Clauses {
			if len(s.Clauses) > 1 {
				add(func(c *statementCase) { c.Steps[i].Clauses = slices.Delete(c.Steps[i].Clauses, k, k+1) })
			}
			if cl.Cond != nil {
				add(func(c *statementCase) { c.Steps[i].Clauses[k].Cond = nil })
				for _, p := range simpler(cl.Cond) {
					add(func(c *statementCase) { c.Steps[i].Clauses[k].Cond = p })
				}
			}
			for m, a := range cl.Set {
				if len(cl.Set) > 1 {
					add(func(c *statementCase) {
						c.Steps[i].Clauses[k].Set = slices.Delete(c.Steps[i].Clauses[k].Set, m, m+1)
					})
				}
				for _, p := range simpler(a.Value) {
					add(func(c *statementCase) { c.Steps[i].Clauses[k].Set[m].Value = p })
				}
			}
		}
	}
	return out
}

// simpler are the parts of an expression, and theirs, that have its type.
func simpler(e *sqlText) []*sqlText {
	var out []*sqlText
	for _, p := range e.parts {
		if p.typ == e.typ {
			out = append(out, p)
		}
		if len(p.parts) > 0 {
			for _, deep := range simpler(p) {
				if deep.typ == e.typ {
					out = append(out, deep)
				}
			}
		}
	}
	return out
}

// clone copies what smaller changes.
func (c *statementCase) clone() *statementCase {
	out := *c
	out.Properties = map[string]string{}
	for k, v := range c.Properties {
		out.Properties[k] = v
	}
	out.Files = slices.Clone(c.Files)
	for i := range out.Files {
		out.Files[i] = slices.Clone(out.Files[i])
	}
	out.Steps = slices.Clone(c.Steps)
	for i, s := range out.Steps {
		copied := *s
		copied.SourceRows = slices.Clone(s.SourceRows)
		copied.Clauses = slices.Clone(s.Clauses)
		for k, cl := range copied.Clauses {
			one := *cl
			one.Set = slices.Clone(cl.Set)
			for m, a := range one.Set {
				assigned := *a
				one.Set[m] = &assigned
			}
			copied.Clauses[k] = &one
		}
		out.Steps[i] = &copied
	}
	return &out
}

// shrink returns the smallest case it finds, by greedy steps and so many tries,
// that fails still.
func (c *statementCase) shrink(most int, fails func(*statementCase) bool) *statementCase {
	for tries := 0; tries < most; {
		next := (*statementCase)(nil)
		for _, s := range c.smaller() {
			if tries++; tries > most {
				break
			}
			if fails(s) {
				next = s
				break
			}
		}
		if next == nil {
			break
		}
		c = next
	}
	return c
}
