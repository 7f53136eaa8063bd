package main

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/internal/expr"
)

// A mergeFlags says what a merge does: in clauses, or as one statement.
type mergeFlags struct {
	app  *app
	rows *rowFlags

	on                           string
	matched, notMatched, missing []string
	newer                        string
	file, sql                    string
}

func (a *app) mergeCmd() *cobra.Command {
	m := &mergeFlags{app: a, rows: &rowFlags{input: &input{onlySeen: true}}}
	c := a.rowCommand(&rowCmd{
		verb: "merge", use: "merge TABLE --from FILE --on COLS", short: "Update, insert and delete rows by what an input has",
		long: `Change the table by the input's rows, in one commit, and as Spark's MERGE INTO.

--on says which rows meet: columns that are equal on both sides (id or id,day), or
a condition in which the table is called t or target, and the input s or source.
Without clauses rows that meet are updated, all columns, and the others inserted.
With clauses the first whose condition is true acts, in the order in which they are
given; rows for which none is are left as they are:

  --when-matched               'update set * | update set A=EXPR,… | delete [if EXPR]'
  --when-not-matched           'insert * | insert (A,…) values (EXPR,…) [if EXPR]'
  --when-not-matched-by-source 'update set A=EXPR,… | delete [if EXPR]'

A row that would be updated to what it is already is left alone, so the same merge
again commits nothing. Keys that the input has twice are refused where the clauses
are the default ones, and elsewhere where two rows act on one row of the table;
--source-dup last-by=COL keeps the last row of each key.

-f and --sql take a whole MERGE INTO statement. Its target is TABLE, by whatever
name (but not another path); its source is the input, or if it is a path
(delta.` + "`path`" + `) that table.`,
		example: `  deltactl merge ./orders --from changes.csv --on order_id --newer updated_at --key orders/2026-01-05
  deltactl merge ./orders --from day.ndjson --on 't.order_id = s.order_id and t.ds = s.ds' \
    --when-matched 'delete if s.cancelled' --when-matched 'update set *' --when-not-matched 'insert * if not s.cancelled'
  deltactl merge ./orders --from day.parquet -f merge.sql --dry-run`,
		flags: m.rows, check: m.check, run: m.run, grows: true,
		dups:    "fail, allow (only where two act on one row it is an error), last-by=COL[,COL]; default fail without clauses, else allow",
		empties: ", or truncate: go on, --when-not-matched-by-source acts on all rows",
	})
	f := c.Flags()
	f.StringVar(&m.on, "on", "", "columns that are equal on both sides (a,b), or a condition")
	f.StringArrayVar(&m.matched, "when-matched", nil, "what becomes of rows that meet an input's row (repeatable)")
	f.StringArrayVar(&m.notMatched, "when-not-matched", nil, "what becomes of the input's rows that meet none (repeatable)")
	f.StringArrayVar(&m.missing, "when-not-matched-by-source", nil, "what becomes of the table's rows that meet none (repeatable)")
	f.StringVar(&m.newer, "newer", "", "without clauses: update only where the input's COL is greater, or the table's is null")
	f.StringVarP(&m.file, "file", "f", "", "a file with a MERGE INTO statement")
	f.StringVar(&m.sql, "sql", "", "a MERGE INTO statement")
	return c
}

// check reads what is in words, so that mistakes come before any work.
func (m *mergeFlags) check(o *delta.ChangeOptions) error {
	clauses := len(m.matched) + len(m.notMatched) + len(m.missing)
	if m.file != "" || m.sql != "" {
		if m.on != "" || clauses > 0 || m.newer != "" || m.file != "" && m.sql != "" {
			return usagef("give one of -f, --sql, and --on with its clauses")
		}
		return m.statement()
	}
	if m.on == "" {
		return usagef("say with --on which rows meet: columns (--on id), or a condition")
	}
	if m.newer != "" && clauses > 0 {
		return usagef("--newer goes without clauses; say in one: update set * if s.COL > t.COL")
	}
	if onColumns(m.on) == nil {
		if err := condition("--on", m.on); err != nil {
			return err
		}
	}
	for _, k := range []struct {
		flag    string
		kind    expr.ClauseKind
		clauses []string
	}{
		{"--when-matched", expr.WhenMatched, m.matched},
		{"--when-not-matched", expr.WhenNotMatched, m.notMatched},
		{"--when-not-matched-by-source", expr.WhenNotMatchedBySource, m.missing},
	} {
		for _, c := range k.clauses {
			if _, err := expr.ParseClause(k.kind, c, nil); err != nil {
				return usage(fmt.Errorf("%s: %w", k.flag, err))
			}
		}
	}
	if clauses == 0 && m.rows.sourceDup == "" {
		o.UniqueSource = true
	}
	return nil
}

// statement reads the MERGE INTO, and finds the source in it.
func (m *mergeFlags) statement() error {
	where := "--sql"
	if m.file != "" {
		text, err := os.ReadFile(m.file)
		if err != nil {
			return usage(err)
		}
		where, m.sql = m.file, string(text)
	}
	s, err := expr.ParseMerge(m.sql, nil)
	if err != nil {
		return usage(fmt.Errorf("%s: %w", where, err))
	}
	if p := s.Target.Path; p != "" && strings.TrimSuffix(p, "/") != strings.TrimSuffix(m.app.table, "/") {
		return usagef("%s: the target is %s, and the command is about %s", where, p, m.app.table)
	}
	if s.Source.Path == "" {
		return nil
	}
	if m.rows.given() {
		return usagef("%s: the source is the table %s: leave out --from, or give the source a name", where, s.Source.Path)
	}
	m.rows.fromTable = s.Source.Path
	return nil
}

func (m *mergeFlags) run(ctx context.Context, t *delta.Table, src delta.Source, o *delta.ChangeOptions) (*delta.Result, error) {
	if m.sql != "" {
		return t.MergeSQL(ctx, m.sql, src, o)
	}
	b := t.Merge(src)
	if cols := onColumns(m.on); cols != nil {
		b.OnColumns(cols...)
	} else {
		b.On(m.on)
	}
	for _, c := range m.matched {
		b.WhenMatchedSQL(c)
	}
	for _, c := range m.notMatched {
		b.WhenNotMatchedSQL(c)
	}
	for _, c := range m.missing {
		b.WhenNotMatchedBySourceSQL(c)
	}
	switch {
	case len(m.matched)+len(m.notMatched)+len(m.missing) > 0:
	case m.newer != "":
		col := expr.Column(m.newer).String()
		b.WhenMatchedSQL(fmt.Sprintf("update set * if s.%s > t.%s or t.%s is null", col, col, col)).WhenNotMatched().InsertAll()
	default:
		b.WhenMatched().UpdateAll().WhenNotMatched().InsertAll()
	}
	return b.Run(ctx, o)
}

var columnName = regexp.MustCompile("^(?:[\\pL_][\\pL\\pN_]*|`[^`]+`)$")

// onColumns returns the names in a,b; nil if it is a condition.
func onColumns(on string) []string {
	names := columns(on)
	for i, n := range names {
		if !columnName.MatchString(n) {
			return nil
		}
		if n[0] == '`' {
			names[i] = n[1 : len(n)-1]
		}
	}
	return names
}
