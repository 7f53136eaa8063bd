package delta

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/deltalog/deltalog/internal/arrowvec"
	"github.com/deltalog/deltalog/internal/expr"
	"github.com/deltalog/deltalog/internal/rules"
	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/reader"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/schema"
)

// AddConstraint makes a condition in SQL one that every row must satisfy from now
// on: it must be true, not null. All rows of the table are read first; if there are
// some that do not satisfy it, nothing is committed and the error, a
// [*ConstraintError], says how many and shows one. Rows that other writers add
// meanwhile are read too.
//
// Names of constraints are the same in any case, and are stored in lower case. The
// same constraint once more is no change (NoOp); another under a name that is taken
// is an error.
func (t *Table) AddConstraint(ctx context.Context, name, sql string, o *AlterOptions) (*Result, error) {
	c := &constraint{t: t, name: strings.ToLower(name), sql: strings.TrimSpace(sql)}
	return t.alter(ctx, opAddConstraint, o, c.add)
}

// A constraint is one that is being added.
type constraint struct {
	t         *Table
	name, sql string
	seen      *txlog.Snapshot // all of whose rows satisfy it
}

func (c *constraint) add(ctx context.Context, snap *txlog.Snapshot) (*alteration, error) {
	if c.name == "" || strings.ContainsAny(c.name, " \t\n\"'`=") {
		return nil, refused(fmt.Errorf("%q is no name for a constraint", c.name))
	}
	for name, sql := range snap.Properties().Constraints() {
		if !strings.EqualFold(name, c.name) {
			continue
		}
		if strings.TrimSpace(sql) == c.sql {
			return nil, nil
		}
		return nil, refused(fmt.Errorf("the table has another constraint %s: %s; drop that first", name, sql))
	}
	if err := c.verify(ctx, snap); err != nil {
		return nil, err
	}
	props := cloned(snap.Properties())
	props[rules.ConstraintPrefix+c.name] = c.sql
	return &alteration{
		operation:  "ADD CONSTRAINT",
		parameters: map[string]string{"name": quote(c.name), "expr": quote(c.sql)},
		properties: props, reads: true,
	}, nil
}

// verify reads the rows that it has not read of an older version.
func (c *constraint) verify(ctx context.Context, snap *txlog.Snapshot) error {
	part, err := since(ctx, c.seen, snap)
	if err != nil {
		return err
	}
	test, err := c.t.testConstraint(ctx, part, c.sql)
	if err != nil {
		return err
	}
	if test.Violations > 0 {
		return fmt.Errorf("%d of %d rows do not satisfy the constraint: %w", test.Violations, test.Rows, &ConstraintError{
			Constraint: c.name, Expression: c.sql, Row: test.FirstRow, Sample: test.Sample,
		})
	}
	c.seen = snap
	return nil
}

// since returns the table with those of snap's files only that seen has not; snap
// itself if seen is nil.
func since(ctx context.Context, seen, snap *txlog.Snapshot) (*txlog.Snapshot, error) {
	if seen == nil {
		return snap, nil
	}
	old := map[txlog.FileKey]bool{}
	for f, err := range seen.Files(ctx, nil) {
		if err != nil {
			return nil, err
		}
		old[txlog.FileKey{Path: f.Path, DVID: f.DeletionVector.ID()}] = true
	}
	var files []txlog.Action
	for f, err := range snap.Files(ctx, nil) {
		if err != nil {
			return nil, err
		}
		if !old[txlog.FileKey{Path: f.Path, DVID: f.DeletionVector.ID()}] {
			files = append(files, f)
		}
	}
	return holding(snap, snap.Metadata(), files)
}

// holding returns a table that is nowhere, and has snap's protocol, a metadata and
// just these files.
func holding(snap *txlog.Snapshot, meta *txlog.Metadata, files []txlog.Action) (*txlog.Snapshot, error) {
	s, err := txlog.NewTable(snap.Store(), snap.Protocol(), meta, nil)
	if err != nil {
		return nil, err
	}
	return s.AdvanceKnown(&txlog.Commit{Version: 0, Actions: append([]txlog.Action{snap.Protocol(), meta}, files...)})
}

// DropConstraint takes a constraint away. The name is found in any case.
func (t *Table) DropConstraint(ctx context.Context, name string, o *AlterOptions) (*Result, error) {
	return t.alter(ctx, opDropConstraint, o, func(_ context.Context, snap *txlog.Snapshot) (*alteration, error) {
		props := cloned(snap.Properties())
		for _, have := range slices.Sorted(maps.Keys(snap.Properties().Constraints())) {
			if !strings.EqualFold(have, name) {
				continue
			}
			sql := props[rules.ConstraintPrefix+have]
			delete(props, rules.ConstraintPrefix+have)
			return &alteration{
				operation:  "DROP CONSTRAINT",
				parameters: map[string]string{"name": quote(have), "expr": quote(sql), "existed": "true"},
				properties: props,
			}, nil
		}
		if o != nil && o.IfExists {
			return nil, nil
		}
		return nil, fmt.Errorf("the table has no constraint %s", name)
	})
}

// A ConstraintTest says which rows of a table satisfy a condition.
type ConstraintTest struct {
	Version    Version // of the table that was read
	Rows       int64
	Violations int64  // rows for which the condition is false or null
	FirstRow   int64  // the first of them, in the order of a scan, from 0
	Sample     string // its values of the columns that the condition reads
}

// TestConstraint counts the rows of the newest version that a constraint would
// refuse, and commits nothing.
func (t *Table) TestConstraint(ctx context.Context, sql string) (*ConstraintTest, error) {
	snap, err := t.refresh(ctx)
	if err != nil {
		return nil, err
	}
	test, err := t.testConstraint(ctx, snap, sql)
	if err != nil {
		return nil, fmt.Errorf("delta: test a constraint on %s: %w", t.URL(), err)
	}
	return test, nil
}

func (t *Table) testConstraint(ctx context.Context, snap *txlog.Snapshot, sql string) (*ConstraintTest, error) {
	s, err := snap.Schema()
	if err != nil {
		return nil, err
	}
	o := &rules.Options{Now: t.opts.Env.Now()}
	whole, err := rules.Condition(sql, s, o)
	if err != nil {
		return nil, err
	}
	// Only the columns that it reads are fetched, one of them if it reads none.
	read, columns := &schema.Struct{}, []string{}
	for i := range s.Fields {
		used := slices.ContainsFunc(whole.Columns(), func(c expr.BoundColumn) bool { return c.Index[0] == i })
		if used || len(whole.Columns()) == 0 && len(columns) == 0 {
			read.Fields, columns = append(read.Fields, s.Fields[i]), append(columns, s.Fields[i].Name)
		}
	}
	test := &ConstraintTest{Version: snap.Version()}
	pred, err := rules.Condition(sql, read, o)
	if err != nil {
		return nil, err
	}
	scan, err := reader.New(snap, &reader.Options{Columns: columns, Env: t.opts.Env})
	if err != nil {
		return nil, err
	}
	for rec, err := range scan.Batches(ctx) {
		if err != nil {
			return nil, err
		}
		cols := make([]*vec.Vec, rec.NumCols())
		for i := range cols {
			if cols[i], err = arrowvec.FromArray(rec.Column(i)); err != nil {
				return nil, fmt.Errorf("column %s: %w", columns[i], err)
			}
		}
		if err := test.count(pred, cols, int(rec.NumRows())); err != nil {
			return nil, err
		}
	}
	return test, nil
}

// count adds a batch of n rows.
func (c *ConstraintTest) count(pred *expr.Predicate, cols []*vec.Vec, n int) error {
	holds, err := pred.Eval(cols, n)
	if failed := (*expr.EvalError)(nil); errors.As(err, &failed) {
		return fmt.Errorf("row %d of the table (%s): %s: %w", c.Rows+failed.Row, rules.Sample(pred.Columns(), cols, int(failed.Row)), failed.Expr, failed.Err)
	}
	if err != nil {
		return err
	}
	holds.Not()
	if bad := holds.Count(); bad > 0 {
		if c.Violations == 0 {
			first := int(holds.Indices(nil)[0])
			c.FirstRow, c.Sample = c.Rows+int64(first), rules.Sample(pred.Columns(), cols, first)
		}
		c.Violations += int64(bad)
	}
	c.Rows += int64(n)
	return nil
}

func cloned(p txlog.Properties) map[string]string {
	props := map[string]string{}
	maps.Copy(props, p)
	return props
}
