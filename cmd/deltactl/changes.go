package main

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/reader"
)

// changesFlags choose changes.
type changesFlags struct {
	scanFlags
	from, to     string
	derived, net bool
}

func (a *app) changesCmd() *cobra.Command {
	var s changesFlags
	var to, format string
	c := &cobra.Command{
		Use: "changes TABLE", Short: "Write what versions changed to a file or stdout", GroupID: "read", Args: cobra.ExactArgs(1),
		Long: `Write the rows that versions inserted, updated and deleted, each with three more
columns: _change_type (insert, update_preimage, update_postimage, delete),
_commit_version and _commit_timestamp.

The table must have had its change data feed on in these versions: property
delta.enableChangeDataFeed. With --derived changes of other versions are told from
the files that they added and took out: an update then shows as a delete and an
insert, and so do rows that were moved to another file; --net leaves out those that
a version deletes and inserts alike.

A range that begins right after the newest version is empty: to follow a table,
ask from the version after the last one seen.`,
		Example: `  deltactl changes ./orders --from 12
  deltactl changes s3://lake/orders --from 2026-01-05 --to 2026-01-06 --to-file day.parquet
  deltactl changes ./orders --from 12 --to 20 --where "_change_type <> 'update_preimage'" --columns order_id,amount`,
		RunE: func(c *cobra.Command, args []string) error {
			ctx, cancel := a.withDeadline(c.Context())
			defer cancel()
			return cause(ctx, a.emit(ctx, "--to-file", to, format, func() (delta.Source, func(), error) {
				return a.changes(ctx, args[0], &s)
			}))
		},
	}
	f := c.Flags()
	s.register(f)
	f.StringVar(&s.from, "from", "", "the first version, or a time: the first version that is not older; default: the oldest in the log")
	f.StringVar(&s.to, "to", "", "the last version, or a time: the newest version that is not younger; default: the newest")
	f.BoolVar(&s.derived, "derived", false, "take versions without change data feed too")
	f.BoolVar(&s.net, "net", false, "leave out rows that a version deletes and inserts alike")
	f.Int64Var(&s.limit, "limit", 0, "end after so many rows; 0: no limit")
	f.StringVar(&to, "to-file", "-", "the file, or - for stdout")
	f.StringVar(&format, "format", "", "parquet, arrow, ndjson or csv; default by the file's name, ndjson for stdout")
	return c
}

// changes plans reading the changes of TABLE; done releases the table.
func (a *app) changes(ctx context.Context, arg string, s *changesFlags) (src delta.Source, done func(), err error) {
	t, err := parseTable(arg)
	if err != nil {
		return nil, nil, err
	}
	if t.pinned {
		return nil, nil, usagef("%s: give the versions with --from and --to", arg)
	}
	if s.limit < 0 {
		return nil, nil, usagef("--limit is %d, want 0 or more", s.limit)
	}
	o := &delta.ChangesOptions{Columns: s.columns, Derived: s.derived, Net: s.net, Limit: s.limit}
	if s.where != "" {
		if o.Where, err = reader.Parse(s.where); err != nil {
			return nil, nil, usage(err)
		}
	}
	from, err := parseAt("--from", s.from)
	if err != nil {
		return nil, nil, err
	}
	to, err := parseAt("--to", s.to)
	if err != nil {
		return nil, nil, err
	}
	a.table = t.url
	with, err := a.optionsFor(ctx, t.url)
	if err != nil {
		return nil, nil, err
	}
	tbl, err := delta.Open(ctx, t.url, &with)
	if err != nil {
		return nil, nil, err
	}
	done = func() { _ = tbl.Close() }
	if src, err = plannedChanges(ctx, tbl, from, to, o); err != nil {
		done()
		return nil, nil, err
	}
	return src, done, nil
}

func plannedChanges(ctx context.Context, tbl *delta.Table, from, to delta.At, o *delta.ChangesOptions) (delta.Source, error) {
	if len(o.Columns) > 0 {
		snap, err := tbl.Snapshot(ctx, to)
		if err != nil {
			return nil, err
		}
		own := []string{delta.ChangeTypeColumn, delta.CommitVersionColumn, delta.CommitTimestampColumn}
		err = known(snap, slices.DeleteFunc(slices.Clone(o.Columns), func(c string) bool {
			return slices.ContainsFunc(own, func(o string) bool { return strings.EqualFold(c, o) })
		}))
		if err != nil {
			return nil, err
		}
	}
	c, err := tbl.Changes(ctx, from, to, o)
	if err != nil {
		return nil, err
	}
	return delta.ChangesSource(c), nil
}

// parseAt reads a version (12, v12) or a time.
func parseAt(flag, text string) (delta.At, error) {
	if text == "" {
		return delta.At{}, nil
	}
	if v, err := strconv.ParseInt(strings.TrimPrefix(text, "v"), 10, 64); err == nil && v >= 0 {
		return delta.AtVersion(delta.Version(v)), nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02"} {
		if at, err := time.ParseInLocation(layout, text, time.UTC); err == nil {
			return delta.AtTime(at), nil
		}
	}
	return delta.At{}, usagef("%s is %q, want a version (12) or a time (2026-01-05, 2026-01-05T10:00:00Z)", flag, text)
}
