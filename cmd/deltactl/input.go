package main

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/pflag"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/delta/files"
	"github.com/deltalog/deltalog/reader"
	"github.com/deltalog/deltalog/txlog/schema"
)

// input flags say where rows come from.
type input struct {
	from      []string
	fromTable string
	format    string
	null      []string
	delimiter string
	noHeader  bool
	onlySeen  bool // columns that no row has are no columns
}

func (in *input) register(f *pflag.FlagSet) {
	f.StringArrayVar(&in.from, "from", nil, "input: a file, a directory, a glob, or - for stdin (repeatable)")
	f.StringVar(&in.fromTable, "from-table", "", "input: a Delta table, TABLE or TABLE@v12")
	f.StringVar(&in.format, "format", "", "parquet, csv, ndjson or arrow; by default told from name and content")
	f.StringArrayVar(&in.null, "null", nil, "in CSV, a text that means null beside the empty field (repeatable): --null NA")
	f.StringVar(&in.delimiter, "delimiter", "", "in CSV, the character between fields; default a comma, a tab for .tsv")
	f.BoolVar(&in.noHeader, "no-header", false, "in CSV, the first line is data; columns are those of the table, in order")
}

func (in *input) given() bool { return len(in.from) > 0 || in.fromTable != "" }

func (in *input) check() error {
	if !in.given() {
		return usagef("give the input with --from FILE, or --from - for stdin")
	}
	if len(in.from) > 0 && in.fromTable != "" {
		return usagef("give --from or --from-table, not both")
	}
	return nil
}

// A source is an open input.
type source interface {
	delta.Source
	Close() error
}

// openInput opens the input for a table's schema, which is nil if it is to be inferred.
func (a *app) openInput(ctx context.Context, in *input, s *schema.Struct) (source, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	if in.fromTable != "" {
		return a.openTable(ctx, in.fromTable)
	}
	if f := files.Format(in.format); f != "" && !f.Valid() {
		return nil, usagef("--format is %q, want parquet, csv, ndjson or arrow", in.format)
	}
	o := &files.Options{
		Format: files.Format(in.format), Schema: s, OnlySeen: in.onlySeen, Null: in.null, NoHeader: in.noHeader, Stdin: patient{ctx, a.stdin},
	}
	if in.delimiter != "" {
		r := []rune(strings.ReplaceAll(in.delimiter, `\t`, "\t"))
		if len(r) != 1 {
			return nil, usagef("--delimiter is %q, want one character", in.delimiter)
		}
		o.Delimiter = r[0]
	}
	src, err := files.Open(ctx, in.from, o)
	if err != nil {
		return nil, err
	}
	return src, nil
}

// A tableSource is all rows of one version of a table.
type tableSource struct {
	delta.Source
	table *delta.Table
}

// Repeatable says that the rows can be read again: a version does not change.
func (*tableSource) Repeatable() bool { return true }

// Close closes the table.
func (s *tableSource) Close() error { return s.table.Close() }

func (a *app) openTable(ctx context.Context, arg string) (source, error) {
	t, err := parseTable(arg)
	if err != nil {
		return nil, err
	}
	o, err := a.optionsFor(ctx, t.url)
	if err != nil {
		return nil, err
	}
	tbl, err := delta.Open(ctx, t.url, &o)
	if err != nil {
		return nil, err
	}
	snap, err := tbl.Snapshot(ctx, t.at)
	if err == nil {
		var scan *reader.Scan
		if scan, err = reader.New(snap, &reader.Options{Env: o.Env}); err == nil {
			return &tableSource{delta.ScanSource(scan), tbl}, nil
		}
	}
	return nil, errors.Join(err, tbl.Close())
}
