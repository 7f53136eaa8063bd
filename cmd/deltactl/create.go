package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/txlog/schema"
)

func (a *app) createCmd() *cobra.Command {
	var (
		in          input
		schemaFile  string
		partitionBy []string
		props       []string
		name, about string
		ifNot       bool
	)
	c := &cobra.Command{
		Use: "create TABLE (--schema FILE | --from FILE)", Short: "Make an empty table", GroupID: "write", Args: cobra.ExactArgs(1),
		Long: `Make a table without rows: version 0 of its log.

The columns come from a schema in Delta's JSON form (as deltactl schema -o json
prints it), or from those of an input file, all of them nullable then. Of several
processes that make a table at once one succeeds, and the others change nothing.`,
		Example: `  deltactl create ./orders --from day.parquet --partition-by ds
  deltactl create s3://lake/orders --schema orders.json --partition-by ds --property delta.checkpointInterval=50`,
		RunE: func(c *cobra.Command, args []string) error {
			ctx, cancel := a.withDeadline(c.Context())
			defer cancel()
			url, err := a.writable(args[0])
			if err != nil {
				return err
			}
			s, err := a.columns(ctx, schemaFile, &in)
			if err != nil {
				return err
			}
			m, err := properties(props)
			if err != nil {
				return err
			}
			if err := partitionColumns(s, partitionBy); err != nil {
				return err
			}
			o, err := a.optionsFor(ctx, url)
			if err != nil {
				return err
			}
			tbl, err := delta.Create(ctx, url, s, &delta.CreateOptions{
				Options: o, PartitionBy: partitionBy, Properties: m,
				Name: name, Description: about, IfNotExists: ifNot,
			})
			if err != nil {
				return cause(ctx, err)
			}
			defer tbl.Close()
			snap, err := tbl.Snapshot(ctx, delta.At{})
			if err != nil {
				return err
			}
			if a.json() {
				a.printJSON(map[string]any{"operation": "create", "version": snap.Version(), "id": snap.Metadata().ID, "url": tbl.URL()})
			} else if !a.quiet {
				fmt.Fprintf(a.stdout, "table %s at version %d\n", tbl.URL(), snap.Version())
			}
			return nil
		},
	}
	f := c.Flags()
	in.register(f)
	f.StringVar(&schemaFile, "schema", "", "a file with the schema in Delta's JSON form")
	f.StringSliceVar(&partitionBy, "partition-by", nil, "partition columns (a,b)")
	f.StringArrayVar(&props, "property", nil, "a table property, KEY=VALUE (repeatable)")
	f.StringVar(&name, "name", "", "the table's name")
	f.StringVar(&about, "description", "", "the table's description")
	f.BoolVar(&ifNot, "if-not-exists", false, "leave a table that exists as it is, exit code 0")
	return c
}

// columns reads the schema from a file, or from an input's columns.
func (a *app) columns(ctx context.Context, file string, in *input) (*schema.Struct, error) {
	if file == "" && !in.given() {
		return nil, usagef("give the columns with --schema FILE or --from FILE")
	}
	if file != "" && in.given() {
		return nil, usagef("give --schema or --from, not both")
	}
	if file != "" {
		return readSchema(file)
	}
	src, err := a.openInput(ctx, in, nil)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	return nullable(src)
}

// readSchema reads the file of --schema.
func readSchema(file string) (*schema.Struct, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, usage(err)
	}
	if !json.Valid(data) {
		return nil, usagef("--schema %s is not JSON", file)
	}
	return schema.Parse(string(data))
}
