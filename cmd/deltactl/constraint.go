package main

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/txlog"
)

func (a *app) constraintCmd() *cobra.Command {
	c := &cobra.Command{
		Use: "constraint", Short: "Add, drop, test and list CHECK constraints", GroupID: "care",
		Long: `A constraint is a condition that every row must satisfy: it must be true, not null.
Whoever writes to the table checks it, other programs too.`,
	}
	test := &cobra.Command{
		Use: "test TABLE [NAME EXPR]", Short: "Count the rows that break a constraint", Args: named(cobra.RangeArgs(1, 3)),
		Long: `Count the rows for which a condition is false or null, and show the first: of each
constraint that the table has, or of one that it could get. Nothing is written. Exit
code 3: there are some.`,
		Example: `  deltactl constraint test ./orders
  deltactl constraint test ./orders positive "amount > 0"`,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 2 {
				return usagef("give NAME and EXPR, or neither")
			}
			ctx, cancel := a.withDeadline(c.Context())
			defer cancel()
			return cause(ctx, a.testConstraints(ctx, args))
		},
	}
	list := a.look("list TABLE", "List the constraints", "  deltactl constraint list ./orders", func(_ context.Context, _ *delta.Table, s *txlog.Snapshot) error {
		l := a.list("name", "expression")
		all := s.Properties().Constraints()
		for _, name := range slices.Sorted(maps.Keys(all)) {
			l.add(map[string]string{"name": name, "expression": all[name]}, name, all[name])
		}
		l.end()
		return nil
	})
	return family(c, a.addConstraintCmd(), a.dropConstraintCmd(), test, list)
}

func (a *app) addConstraintCmd() *cobra.Command {
	return a.alterCommand(&alterCmd{
		verb: "constraint add", use: "add TABLE NAME EXPR", short: "Add a constraint",
		long: `Make a condition one that every row must satisfy from now on. All rows of the table
are read first, those too that other writers add meanwhile; if some break it, nothing
is committed (exit code 10). The same constraint once more changes nothing.`,
		example: `  deltactl constraint add ./orders positive "amount > 0"`,
		args:    cobra.ExactArgs(3),
		run: func(ctx context.Context, t *delta.Table, args []string, o *delta.AlterOptions) (*delta.Result, error) {
			return t.AddConstraint(ctx, args[0], args[1], o)
		},
	})
}

func (a *app) dropConstraintCmd() *cobra.Command {
	return a.alterCommand(&alterCmd{
		verb: "constraint drop", use: "drop TABLE NAME", short: "Drop a constraint",
		example: "  deltactl constraint drop ./orders positive --if-exists",
		args:    cobra.ExactArgs(2), exists: true,
		run: func(ctx context.Context, t *delta.Table, args []string, o *delta.AlterOptions) (*delta.Result, error) {
			return t.DropConstraint(ctx, args[0], o)
		},
	})
}

type constraintTest struct {
	Name       string `json:"name"`
	Expression string `json:"expression"`
	Version    int64  `json:"version"`
	Rows       int64  `json:"rows"`
	Violations int64  `json:"violations"`
	FirstRow   *int64 `json:"first_row,omitempty"`
	Sample     string `json:"sample,omitempty"`
}

func (a *app) testConstraints(ctx context.Context, args []string) (err error) {
	tbl, snap, err := a.open(ctx, args[0])
	if err != nil {
		return err
	}
	defer tbl.Close()
	if t, err := parseTable(args[0]); err != nil || t.pinned {
		return usagef("%s: constraints are tested on the newest version", args[0])
	}
	all := snap.Properties().Constraints()
	if len(args) == 3 {
		all = map[string]string{args[1]: args[2]}
	}
	l := a.list("constraint", "expression", "rows", "violations", "first")
	broken := 0
	for _, name := range slices.Sorted(maps.Keys(all)) {
		test, err := tbl.TestConstraint(ctx, all[name])
		if err != nil {
			return err
		}
		e := &constraintTest{Name: name, Expression: all[name], Version: int64(test.Version), Rows: test.Rows, Violations: test.Violations, Sample: test.Sample}
		first := ""
		if test.Violations > 0 {
			broken++
			e.FirstRow, first = &test.FirstRow, test.Sample
		}
		l.add(e, name, all[name], count(test.Rows), count(test.Violations), first)
	}
	l.end()
	if broken > 0 {
		return &codeError{exitCheck, fmt.Errorf("rows of %s break %s", args[0], plural(int64(broken), "constraint"))}
	}
	return nil
}
