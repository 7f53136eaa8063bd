package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/deltalog/deltalog/delta"
)

func (a *app) replaceWhereCmd() *cobra.Command {
	var where, shrink string
	r := &rowCmd{
		verb: "replace", use: "replace TABLE --where EXPR --from FILE", short: "Replace the rows that a condition selects",
		long: `Put the input's rows in the place of the rows for which the condition is true, in
one commit. Rows of the input for which it is false or null are refused (exit code
10), and nothing is committed.

Where the condition reads partition columns only, whole partitions are replaced and
no file is read. Otherwise files that may hold such rows are, and rows that another
writer adds meanwhile are replaced too.`,
		example: `  deltactl replace ./orders --where "ds = '2026-01-05' and source = 'shop'" --from shop.csv --key shop/2026-01-05
  deltactl replace ./events --where "at >= '2026-01-01' and at < '2026-02-01'" --from january/ --max-shrink 20% --dry-run`,
		flags: &rowFlags{input: &input{}}, grows: true, plain: true, empties: ", or truncate: the rows are deleted",
	}
	r.check = func(o *delta.ChangeOptions) (err error) {
		if where == "" {
			return usagef("say with --where which rows are replaced; deltactl reload replaces all")
		}
		if o.MaxShrink, err = share(shrink); err != nil {
			return err
		}
		return condition("--where", where)
	}
	r.run = func(ctx context.Context, t *delta.Table, src delta.Source, o *delta.ChangeOptions) (*delta.Result, error) {
		res, err := t.ReplaceWhere(ctx, where, src, &o.WriteOptions)
		if res != nil && res.Rows == nil { // whole partitions
			res.Rows = &delta.RowCounts{Inserted: res.RowsAdded, Deleted: max(res.RowsRemoved, 0)}
		}
		return res, err
	}
	c := a.rowCommand(r)
	c.Flags().StringVar(&where, "where", "", "which rows are replaced; all rows of the input must be such")
	c.Flags().StringVar(&shrink, "max-shrink", "", "refuse to replace rows by so many fewer: 20%")
	return c
}
