package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/delta/files"
	"github.com/deltalog/deltalog/reader"
	"github.com/deltalog/deltalog/txlog"
)

// scanFlags choose rows and columns.
type scanFlags struct {
	where   string
	columns []string
	limit   int64
}

func (s *scanFlags) register(f *pflag.FlagSet) {
	f.StringVar(&s.where, "where", "", "SQL condition on the rows")
	f.StringSliceVar(&s.columns, "columns", nil, "columns, in this order (a,b)")
}

// scan plans a scan of TABLE; close releases the table.
func (a *app) scan(ctx context.Context, arg string, s *scanFlags) (sc *reader.Scan, done func(), err error) {
	where, err := reader.Predicate{}, error(nil)
	if s.where != "" {
		if where, err = reader.Parse(s.where); err != nil {
			return nil, nil, usage(err)
		}
	}
	if s.limit < 0 {
		return nil, nil, usagef("the number of rows is %d, want 0 or more", s.limit)
	}
	tbl, snap, err := a.open(ctx, arg)
	if err != nil {
		return nil, nil, err
	}
	o := a.options()
	if err := known(snap, s.columns); err != nil {
		_ = tbl.Close()
		return nil, nil, err
	}
	sc, err = reader.New(snap, &reader.Options{Columns: s.columns, Where: where, Limit: s.limit, Env: o.Env})
	if err != nil {
		_ = tbl.Close()
		return nil, nil, err
	}
	return sc, func() { _ = tbl.Close() }, nil
}

// known finds mistakes in --columns.
func known(snap *txlog.Snapshot, columns []string) error {
	table, err := snap.Schema()
	if err != nil {
		return err
	}
	for _, c := range columns {
		if table.Find(c) < 0 {
			return usagef("--columns %s: the table has no such column", c)
		}
	}
	return nil
}

func (a *app) exportCmd() *cobra.Command {
	var s scanFlags
	var to, format string
	c := &cobra.Command{
		Use: "export TABLE --to FILE", Short: "Write a table's rows to a file or stdout", GroupID: "read", Args: cobra.ExactArgs(1),
		Long: `Write rows as Parquet, Arrow, NDJSON or CSV. A file is complete or not there: it
gets its name when the last row is written.`,
		Example: `  deltactl export ./orders@v12 --where "ds = '2026-01-05' AND amount > 100" --to day.parquet
  deltactl export s3://lake/orders --to - --format ndjson --columns order_id,amount --limit 10`,
		RunE: func(c *cobra.Command, args []string) error {
			ctx, cancel := a.withDeadline(c.Context())
			defer cancel()
			return cause(ctx, a.export(ctx, args[0], &s, to, format))
		},
	}
	s.register(c.Flags())
	c.Flags().Int64Var(&s.limit, "limit", 0, "end after so many rows; 0: no limit")
	c.Flags().StringVar(&to, "to", "-", "the file, or - for stdout")
	c.Flags().StringVar(&format, "format", "", "parquet, arrow, ndjson or csv; default by the file's name, ndjson for stdout")
	return c
}

func (a *app) export(ctx context.Context, arg string, s *scanFlags, to, format string) error {
	return a.emit(ctx, "--to", to, format, func() (delta.Source, func(), error) { return a.scan(ctx, arg, s) })
}

// emit writes rows to a file, which the flag of this name gives, or to stdout.
func (a *app) emit(ctx context.Context, flag, to, format string, open func() (delta.Source, func(), error)) error {
	f := files.Format(format)
	if f == "" {
		if f = files.FormatOf(to); f == "" || to == "-" {
			f = files.NDJSON
		}
	}
	if !f.Valid() {
		return usagef("--format is %q, want parquet, arrow, ndjson or csv", format)
	}
	src, done, err := open()
	if err != nil {
		return err
	}
	defer done()
	if to == "-" {
		return writeRows(ctx, a.stdout, f, "", src)
	}
	z := files.CompressionOf(to)
	if f == files.Parquet && z != files.Uncompressed {
		return usagef(flag+" %s: Parquet is compressed inside, not as a whole", to)
	}
	return intoFile(to, func(w io.Writer) error { return writeRows(ctx, w, f, z, src) })
}

func writeRows(ctx context.Context, w io.Writer, f files.Format, z files.Compression, src delta.Source) error {
	out, err := files.NewWriter(w, f, src.Schema(), &files.WriterOptions{Compression: z})
	if err != nil {
		return err
	}
	for rec, err := range src.Batches(ctx) {
		if err == nil {
			err = out.Write(rec)
		}
		if err != nil {
			return err
		}
	}
	return out.Close()
}

// intoFile makes a file with what write writes, or none. A device or a named pipe
// is written as it is.
func intoFile(name string, write func(io.Writer) error) (err error) {
	if st, err := os.Stat(name); err == nil && !st.Mode().IsRegular() {
		return intoDevice(name, write)
	}
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*.tmp")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	if err := write(f); err != nil {
		return err
	}
	if err := f.Chmod(0o644); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

func intoDevice(name string, write func(io.Writer) error) error {
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return errors.Join(write(f), f.Close())
}

func (a *app) headCmd() *cobra.Command {
	var s scanFlags
	c := &cobra.Command{
		Use: "head TABLE", Short: "Show some rows", GroupID: "read", Args: cobra.ExactArgs(1),
		Example: `  deltactl head ./orders
  deltactl head ./orders@v3 -n 5 --where "region = 'eu'"`,
		RunE: func(c *cobra.Command, args []string) error {
			ctx, cancel := a.withDeadline(c.Context())
			defer cancel()
			return cause(ctx, a.head(ctx, args[0], &s))
		},
	}
	s.register(c.Flags())
	c.Flags().Int64VarP(&s.limit, "rows", "n", 10, "how many rows")
	return c
}

func (a *app) head(ctx context.Context, arg string, s *scanFlags) error {
	sc, done, err := a.scan(ctx, arg, s)
	if err != nil {
		return err
	}
	defer done()
	if a.json() {
		return writeRows(ctx, a.stdout, files.NDJSON, "", sc)
	}
	var columns []string
	for _, f := range sc.Schema().Fields() {
		columns = append(columns, f.Name)
	}
	l := a.list(columns...)
	for rec, err := range sc.Batches(ctx) {
		if err != nil {
			return err
		}
		for i := range int(rec.NumRows()) {
			cells := make([]any, rec.NumCols())
			for c := range cells {
				cells[c] = rec.Column(c).ValueStr(i)
			}
			l.add(nil, cells...)
		}
	}
	l.end()
	return nil
}
