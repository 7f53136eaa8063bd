package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/deltalog/deltalog/delta"
)

func (a *app) dedupCmd() *cobra.Command {
	var by, keep string
	var wholeRow bool
	o := &delta.DedupOptions{}
	c := a.rowCommand(&rowCmd{
		verb: "dedup", use: "dedup TABLE (--by COLS | --whole-row)", short: "Leave one row of each key",
		long: `Delete all rows but one of each key, in one commit. Which one stays does not depend
on files and their order: --keep last-by=COL says by which columns it is the last,
and where these are equal, or are not given, it is the greatest by all columns. A row
with a null in its key has no key, and stays.

--whole-row leaves rows once that are the same in all columns.`,
		example: `  deltactl dedup ./orders --by order_id --keep last-by=updated_at,line --dry-run
  deltactl dedup ./events --whole-row`,
		check: func(*delta.ChangeOptions) error {
			if o.By = columns(by); (len(o.By) == 0) != wholeRow {
				return usagef("give --by COLS or --whole-row")
			}
			last, ok := strings.CutPrefix(keep, "last-by=")
			if keep != "" && (!ok || len(columns(last)) == 0) {
				return usagef("--keep is %q, want last-by=COL[,COL]", keep)
			}
			o.LastBy = columns(last)
			return nil
		},
		run: func(ctx context.Context, t *delta.Table, _ delta.Source, c *delta.ChangeOptions) (*delta.Result, error) {
			o.ChangeOptions = *c
			return t.Dedup(ctx, o)
		},
	})
	f := c.Flags()
	f.StringVar(&by, "by", "", "the columns of the key (a,b)")
	f.BoolVar(&wholeRow, "whole-row", false, "all columns are the key")
	f.StringVar(&keep, "keep", "", "which row stays: last-by=COL[,COL]")
	return c
}
