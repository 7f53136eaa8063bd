package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/deltalog/deltalog/delta"
)

func (a *app) deleteCmd() *cobra.Command {
	var sel selection
	c := a.rowCommand(&rowCmd{
		verb: "delete", use: "delete TABLE (--where EXPR | --all)", short: "Delete the rows that a condition selects",
		long: `Delete the rows for which the condition is true, in one commit. Where whole files go,
by partition or by statistics, no file is read. The rows stay in older versions of
the table until those are vacuumed.`,
		example: `  deltactl delete ./orders --where "customer = 4711" --message 'request 812'
  deltactl delete ./events --where 'at < current_date() - interval 400 days' --dry-run`,
		check: func(*delta.ChangeOptions) error { return sel.check() },
		run: func(ctx context.Context, t *delta.Table, _ delta.Source, o *delta.ChangeOptions) (*delta.Result, error) {
			return t.Delete(ctx, sel.where, o)
		},
	})
	sel.register(c.Flags(), "deleted")
	return c
}
