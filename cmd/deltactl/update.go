package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/internal/expr"
)

// A selection is --where, or --all: which of the two must be said.
type selection struct {
	where string
	all   bool
}

func (s *selection) register(f *pflag.FlagSet, what string) {
	f.StringVar(&s.where, "where", "", "a condition: rows for which it is true are "+what)
	f.BoolVar(&s.all, "all", false, "all rows are "+what)
}

func (s *selection) check() error {
	switch {
	case s.all && s.where != "":
		return usagef("give --where or --all, not both")
	case s.all:
		return nil
	case strings.TrimSpace(s.where) == "":
		return usagef("say which rows: --where CONDITION, or --all")
	}
	return condition("--where", s.where)
}

func (a *app) updateCmd() *cobra.Command {
	var sel selection
	var set []string
	c := a.rowCommand(&rowCmd{
		verb: "update", use: "update TABLE --set COL=EXPR (--where EXPR | --all)", short: "Set columns of the rows that a condition selects",
		long: `Set columns to expressions over the row's own columns, in one commit. Rows that have
these values already are left alone. DEFAULT stands for the column's default.`,
		example: `  deltactl update ./orders --set "status='closed'" --set 'qty = qty + 1' --where "ds < '2026-01-01' and status = 'open'"
  deltactl update ./people --set email=NULL --where 'id in (17, 42)' --dry-run`,
		check: func(*delta.ChangeOptions) error {
			if len(set) == 0 {
				return usagef("say with --set what columns become: --set COL=EXPR")
			}
			for _, s := range set {
				if _, err := expr.ParseAssignments(s, nil); err != nil {
					return usage(fmt.Errorf("--set: %w", err))
				}
			}
			return sel.check()
		},
		run: func(ctx context.Context, t *delta.Table, _ delta.Source, o *delta.ChangeOptions) (*delta.Result, error) {
			return t.UpdateSQL(ctx, strings.Join(set, ", "), sel.where, o)
		},
	})
	sel.register(c.Flags(), "updated")
	c.Flags().StringArrayVar(&set, "set", nil, "COL=EXPR (repeatable)")
	return c
}
