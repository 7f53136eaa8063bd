package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/internal/expr"
	"github.com/deltalog/deltalog/txlog/schema"
)

// schemaChanges are the commands below schema. A column may be a field of a struct:
// a.b; `a.b` is a column with a dot in its name.
func (a *app) schemaChanges() []*cobra.Command {
	onColumn := func(r *alterCmd, run func(context.Context, *delta.Table, []string, []string, *delta.AlterOptions) (*delta.Result, error)) *cobra.Command {
		r.run = func(ctx context.Context, t *delta.Table, args []string, o *delta.AlterOptions) (*delta.Result, error) {
			path, err := columnPath(args[0])
			if err != nil {
				return nil, err
			}
			return run(ctx, t, path, args[1:], o)
		}
		return a.alterCommand(r)
	}
	return []*cobra.Command{
		a.addColumnCmd(),
		onColumn(&alterCmd{
			verb: "schema rename", use: "rename TABLE COLUMN NAME", short: "Give a column another name",
			long: `Give a column, or a field of a struct (a.b), another name. The table needs the property
delta.columnMapping.mode=name; no file is written. A column that constraints, other
columns, the partitioning or properties refer to is refused.`,
			example: "  deltactl schema rename ./orders qty quantity", args: cobra.ExactArgs(3),
		}, func(ctx context.Context, t *delta.Table, path, rest []string, o *delta.AlterOptions) (*delta.Result, error) {
			return t.RenameColumn(ctx, path, rest[0], o)
		}),
		onColumn(&alterCmd{
			verb: "schema drop", use: "drop TABLE COLUMN", short: "Drop a column",
			long: `Take a column, or a field of a struct (a.b), out of the table. The table needs the
property delta.columnMapping.mode=name; the data files keep the values.`,
			example: "  deltactl schema drop ./orders note", args: cobra.ExactArgs(2), exists: true,
		}, func(ctx context.Context, t *delta.Table, path, _ []string, o *delta.AlterOptions) (*delta.Result, error) {
			return t.DropColumn(ctx, path, o)
		}),
		onColumn(&alterCmd{
			verb: "schema widen", use: "widen TABLE COLUMN TYPE", short: "Give a column a wider type",
			long: `Give a column a type that all of its values have without loss: integers wider ones,
doubles or decimals, float double, decimals more digits, date timestamp_ntz. The
table needs the property delta.enableTypeWidening=true; no file is written. The
column may be a field of a struct (a.b), or in an array or map (a.element, a.key,
a.value).`,
			example: "  deltactl schema widen ./orders qty bigint", args: cobra.ExactArgs(3),
		}, func(ctx context.Context, t *delta.Table, path, rest []string, o *delta.AlterOptions) (*delta.Result, error) {
			typ, err := expr.ParseType(rest[0])
			if err != nil {
				return nil, usage(err)
			}
			return t.WidenColumn(ctx, path, typ, o)
		}),
		a.alterCommand(&alterCmd{
			verb: "schema set-default", use: "set-default TABLE COLUMN EXPR", short: "Give a column a default",
			long:    `Rows whose input lacks the column get the value from now on. Rows that are there do not change.`,
			example: `  deltactl schema set-default ./orders status "'open'"`, args: cobra.ExactArgs(3),
			run: func(ctx context.Context, t *delta.Table, args []string, o *delta.AlterOptions) (*delta.Result, error) {
				return t.SetDefault(ctx, args[0], args[1], o)
			},
		}),
		a.alterCommand(&alterCmd{
			verb: "schema drop-default", use: "drop-default TABLE COLUMN", short: "Take a column's default away",
			example: "  deltactl schema drop-default ./orders status", args: cobra.ExactArgs(2), exists: true,
			run: func(ctx context.Context, t *delta.Table, args []string, o *delta.AlterOptions) (*delta.Result, error) {
				return t.DropDefault(ctx, args[0], o)
			},
		}),
	}
}

func (a *app) addColumnCmd() *cobra.Command {
	var file string
	c := a.alterCommand(&alterCmd{
		verb: "schema add", use: "add TABLE (COLUMN TYPE | --schema FILE)", short: "Add columns",
		long: `Add a column at the end, in which rows that are there have null; or a field of a struct
(a.b). --schema adds the columns of a schema in Delta's JSON form that the table does
not have. Columns that it has with these types are no change.`,
		example: `  deltactl schema add ./orders discount 'decimal(10,2)'
  deltactl schema add ./orders --schema orders.json`,
		args: cobra.RangeArgs(1, 3),
		run: func(ctx context.Context, t *delta.Table, args []string, o *delta.AlterOptions) (*delta.Result, error) {
			if (len(args) == 2) == (file != "") || len(args) == 1 {
				return nil, usagef("give COLUMN and TYPE, or --schema FILE")
			}
			more, err := newColumns(file, args)
			if err != nil {
				return nil, err
			}
			return t.AddColumns(ctx, more, o)
		},
	})
	c.Flags().StringVar(&file, "schema", "", "a file with a schema in Delta's JSON form")
	return c
}

func newColumns(file string, args []string) (*schema.Struct, error) {
	if file != "" {
		return readSchema(file)
	}
	path, err := columnPath(args[0])
	if err != nil {
		return nil, err
	}
	typ, err := expr.ParseType(args[1])
	if err != nil {
		return nil, usage(err)
	}
	for len(path) > 1 {
		last := len(path) - 1
		typ = &schema.Struct{Fields: []schema.Field{{Name: path[last], Type: typ, Nullable: true}}}
		path = path[:last]
	}
	return &schema.Struct{Fields: []schema.Field{{Name: path[0], Type: typ, Nullable: true}}}, nil
}
