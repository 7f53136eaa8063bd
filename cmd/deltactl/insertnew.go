package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/deltalog/deltalog/delta"
)

func (a *app) insertNewCmd() *cobra.Command {
	var by string
	c := a.rowCommand(&rowCmd{
		verb: "insert-new", use: "insert-new TABLE --from FILE --by COLS", short: "Add the rows whose key the table does not have",
		long: `Add those of the input's rows whose key the table does not have, in one commit: an
append that may be sent again. Rows that are there are left as they are. As in an
append the input may lack columns that can be null or have a default. A row with a
null in its key meets no other, and is added.`,
		example: `  deltactl insert-new ./events --from hour.ndjson --by event_id
  deltactl insert-new ./events --from hour.ndjson --by event_id --source-dup last-by=at`,
		flags: &rowFlags{input: &input{}}, grows: true,
		dups: "fail, last-by=COL[,COL]; default fail",
		check: func(*delta.ChangeOptions) error {
			if len(columns(by)) == 0 {
				return usagef("give the columns of the key with --by COLS")
			}
			return nil
		},
		run: func(ctx context.Context, t *delta.Table, src delta.Source, o *delta.ChangeOptions) (*delta.Result, error) {
			return t.InsertNew(ctx, src, columns(by), o)
		},
	})
	c.Flags().StringVar(&by, "by", "", "the columns of the key (a,b)")
	return c
}
