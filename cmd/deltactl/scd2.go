package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/deltalog/deltalog/delta"
)

func (a *app) scd2Cmd() *cobra.Command {
	var keys, track string
	o := &delta.SCD2Options{}
	c := a.rowCommand(&rowCmd{
		verb: "scd2", use: "scd2 TABLE --from FILE --keys COLS --effective COL", short: "Keep every version of a row (slowly changing dimension, type 2)",
		long: `For each row of the input whose tracked columns have changed, end its current version
and add the next, in one commit. The table has three columns more than the input:
from when on a version is valid, when it ended (null: it has not), and whether it is
the current one. Rows that are as they were, that come late, or that come again
change nothing.`,
		example: `  deltactl scd2 ./customers --from day.csv --keys id --effective updated_at --track name,city
  deltactl scd2 ./customers --from day.csv --keys id --effective at --delete "s.op = 'd'" --valid-from since --valid-to until --current live`,
		flags: &rowFlags{input: &input{onlySeen: true}},
		dups:  "fail, last-by=COL[,COL]; default fail",
		check: func(*delta.ChangeOptions) error {
			if o.Keys, o.Track = columns(keys), columns(track); len(o.Keys) == 0 || o.Effective == "" {
				return usagef("give the columns of the key with --keys, and the column from when on a row is valid with --effective")
			}
			if o.Delete == "" {
				return nil
			}
			return condition("--delete", o.Delete)
		},
		run: func(ctx context.Context, t *delta.Table, src delta.Source, c *delta.ChangeOptions) (*delta.Result, error) {
			o.ChangeOptions = *c
			return t.SCD2(ctx, src, o)
		},
	})
	f := c.Flags()
	f.StringVar(&keys, "keys", "", "the columns that say what a version is of (a,b)")
	f.StringVar(&o.Effective, "effective", "", "the input's column that says from when on a row is valid")
	f.StringVar(&track, "track", "", "columns whose change makes a version (a,b); default all")
	f.StringVar(&o.Delete, "delete", "", "a condition on the input: the version ends, and there is no next")
	f.StringVar(&o.ValidFrom, "valid-from", "valid_from", "the table's column: valid from when on")
	f.StringVar(&o.ValidTo, "valid-to", "valid_to", "the table's column: valid until")
	f.StringVar(&o.Current, "current", "is_current", "the table's column: whether it is the current version")
	return c
}
