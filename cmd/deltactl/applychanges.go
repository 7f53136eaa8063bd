package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/deltalog/deltalog/delta"
)

func (a *app) applyChangesCmd() *cobra.Command {
	var keys, deletes string
	o := &delta.ApplyOptions{}
	c := a.rowCommand(&rowCmd{
		verb: "apply-changes", use: "apply-changes TABLE --from FILE --keys COLS --order COL", short: "Apply the records of change data capture",
		long: `Apply inserts, updates and deletes of whole rows, several for one key and in any
order, in one commit. The latest record of each key wins, by --order, a column of
both sides. A record that is not later than its row changes nothing, so a batch may
be late and may be sent again.

A delete removes the row, and with it the knowledge of when: an older record that
comes after it brings the row back. --deleted-column COL marks the row instead.`,
		example: `  deltactl apply-changes ./customers --from cdc.ndjson --keys id --order lsn --op op --deletes d,delete
  kcat … | deltactl apply-changes ./customers --from - --format ndjson --keys id --order lsn --deleted-column gone`,
		flags: &rowFlags{input: &input{onlySeen: true}},
		check: func(*delta.ChangeOptions) error {
			if o.Keys, o.Deletes = columns(keys), columns(deletes); len(o.Keys) == 0 || o.Order == "" {
				return usagef("give the columns of the key with --keys, and the column of the order with --order")
			}
			return nil
		},
		run: func(ctx context.Context, t *delta.Table, src delta.Source, c *delta.ChangeOptions) (*delta.Result, error) {
			o.ChangeOptions = *c
			return t.ApplyChanges(ctx, src, o)
		},
	})
	f := c.Flags()
	f.StringVar(&keys, "keys", "", "the columns of the key (a,b)")
	f.StringVar(&o.Order, "order", "", "the column that says which record is later")
	f.StringVar(&o.Op, "op", "op", "the records' column that says what happened")
	f.StringVar(&deletes, "deletes", "d,delete", "the values of it that mean a delete, in any case")
	f.StringVar(&o.Deleted, "deleted-column", "", "a boolean column of the table to set for deleted rows, which then stay")
	return c
}
