package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/internal/expr"
)

// rowFlags are those of the commands that change some rows of a table.
type rowFlags struct {
	*input // nil: the command has none
	keys

	common

	sourceDup string
	strategy  string
}

// A rowCmd describes a command that changes rows.
type rowCmd struct {
	verb, use, short, long, example string

	flags *rowFlags
	// check settles what needs no table.
	check func(*delta.ChangeOptions) error
	run   func(context.Context, *delta.Table, delta.Source, *delta.ChangeOptions) (*delta.Result, error)
	// empties: the command can go on without rows of input.
	empties string
	// dups: what --source-dup is without the flag; empty: there is no such flag.
	dups string
	// grows: the command may add columns.
	grows bool
	// plain: its options are those of every write.
	plain bool
}

func (a *app) rowCommand(r *rowCmd) *cobra.Command {
	if r.flags == nil {
		r.flags = &rowFlags{}
	}
	c := &cobra.Command{
		Use: r.use, Short: r.short, Long: r.long, Example: r.example, GroupID: "rows", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			w := r.flags
			res := &delta.Result{Key: w.key, DryRun: w.dryRun, Rows: &delta.RowCounts{}}
			a.noCreate = true
			return a.commit(c.Context(), r.verb, res, w.noopCode, func(ctx context.Context, res **delta.Result) error {
				return a.changeRows(ctx, r, args[0], res)
			})
		},
	}
	r.register(c.Flags())
	return c
}

func (r *rowCmd) register(f *pflag.FlagSet) {
	w := r.flags
	if w.input != nil {
		w.input.register(f)
		f.StringVar(&w.onEmpty, "on-empty", "error", "an input without rows: error, noop"+r.empties)
		f.Int64Var(&w.minRows, "min-rows", 0, "refuse an input with fewer rows")
	}
	if r.dups != "" {
		f.StringVar(&w.sourceDup, "source-dup", "", "several rows of the input with one key: "+r.dups)
	}
	w.keys.register(f)
	f.Lookup("on-replay").Usage = "other content under a used key: verify (an error), skip, replace, fail; default " + map[bool]string{true: "verify", false: "replace"}[r.verb == "update"]
	f.StringArrayVar(&w.partitions, "partition", nil, "declare a partition: COL=VALUE, or A=1,B=2 (repeatable). A change of rows outside is refused")
	w.strategy = "auto"
	if !r.plain {
		f.StringVar(&w.strategy, "strategy", "auto", "how rows leave files: auto, cow (write files anew) or dv (deletion vectors)")
	}
	w.common.register(f, r.grows)
}

var strategies = map[string]delta.Strategy{"auto": delta.StrategyAuto, "cow": delta.StrategyRewrite, "dv": delta.StrategyVectors}

// options turns flags into options, as far as that needs no table.
func (r *rowCmd) options(a *app) (*delta.ChangeOptions, error) {
	w := r.flags
	o := &delta.ChangeOptions{WriteOptions: delta.WriteOptions{MinRows: w.minRows, DryRun: w.dryRun, UserMetadata: w.message}}
	var ok bool
	if o.Strategy, ok = strategies[w.strategy]; !ok {
		return nil, usagef("--strategy is %q, want auto, cow or dv", w.strategy)
	}
	switch {
	case w.onEmpty == "" || w.onEmpty == "error":
	case w.onEmpty == "noop":
		o.OnEmpty = delta.EmptyNoOp
	case w.onEmpty == "truncate" && r.empties != "":
		o.OnEmpty = delta.EmptyTruncate
	default:
		return nil, usagef("--on-empty is %q, want error, noop%s", w.onEmpty, map[bool]string{true: " or truncate"}[r.empties != ""])
	}
	if err := w.mode(&o.WriteOptions); err != nil {
		return nil, err
	}
	if err := w.duplicates(o); err != nil {
		return nil, err
	}
	if err := w.limits(&o.WriteOptions); err != nil {
		return nil, err
	}
	if err := w.keys.check(); err != nil {
		return nil, err
	}
	if r.check != nil {
		if err := r.check(o); err != nil {
			return nil, err
		}
	}
	if w.input != nil {
		if err := w.input.check(); err != nil {
			return nil, err
		}
	}
	// The orchestrator's variables are looked for before anything is read.
	return o, w.keys.apply(a, &o.WriteOptions)
}

// duplicates reads --source-dup.
func (w *rowFlags) duplicates(o *delta.ChangeOptions) error {
	by, last := strings.CutPrefix(w.sourceDup, "last-by=")
	switch {
	case w.sourceDup == "" || w.sourceDup == "allow":
	case w.sourceDup == "fail":
		o.UniqueSource = true
	case last && by != "":
		o.Dedupe = columns(by)
	default:
		return usagef("--source-dup is %q, want fail, allow or last-by=COL", w.sourceDup)
	}
	return nil
}

// columns splits a,b.
func columns(list string) (names []string) {
	for _, n := range strings.Split(list, ",") {
		if n = strings.TrimSpace(n); n != "" {
			names = append(names, n)
		}
	}
	return names
}

func (a *app) changeRows(ctx context.Context, r *rowCmd, arg string, res **delta.Result) (err error) {
	w := r.flags
	url, err := a.writable(arg)
	if err != nil {
		return err
	}
	o, err := r.options(a)
	if err != nil {
		return err
	}
	opts, err := a.optionsFor(ctx, url)
	if err != nil {
		return err
	}
	tbl, err := delta.Open(ctx, url, &opts)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, tbl.Close()) }()
	s, err := tbl.Snapshot(ctx, delta.At{})
	if err != nil {
		return err
	}
	by, err := s.PartitionColumns()
	if err != nil {
		return err
	}
	if o.Partitions, err = declared(w.partitions, by); err != nil {
		return err
	}
	if err := w.keys.apply(a, &o.WriteOptions); err != nil {
		return err
	}
	var rows delta.Source
	if w.input != nil {
		table, err := s.Schema()
		if err != nil {
			return err
		}
		src, err := a.openInput(ctx, w.input, table)
		if err != nil {
			return err
		}
		defer src.Close()
		rows = src
	}
	p := a.progress()
	defer p.stop()
	o.Progress = p.update
	got, err := r.run(ctx, tbl, rows, o)
	if got != nil {
		*res = got
	}
	return err
}

// condition finds mistakes in a condition before anything is read.
func condition(flag, sql string) error {
	if _, err := expr.Parse(sql, nil); err != nil {
		return usage(fmt.Errorf("%s: %w", flag, err))
	}
	return nil
}

// columnPath reads a column's name: a.b is the field b of a, `a.b` is a column.
func columnPath(text string) ([]string, error) {
	e, err := expr.Parse(text, nil)
	if err != nil {
		e, err = expr.Parse("`"+text+"`", nil) // a name that is no plain word
	}
	if err != nil {
		return nil, usagef("%q is no column", text)
	}
	paths := expr.Columns(e)
	if len(paths) != 1 || e.String() != expr.Column(paths[0]...).String() {
		return nil, usagef("%q is no column", text)
	}
	return paths[0], nil
}

// rowsJSON are the fields that a change of rows adds to its result.
type rowsJSON struct {
	Inserted  int64 `json:"rows_inserted"`
	Updated   int64 `json:"rows_updated"`
	Deleted   int64 `json:"rows_deleted"`
	Unchanged int64 `json:"rows_unchanged"`
	Copied    int64 `json:"rows_copied"`
	Skipped   int64 `json:"rows_skipped"`
	Kept      int64 `json:"rows_kept"`

	Scanned     int64 `json:"files_scanned"`
	Pruned      int64 `json:"files_pruned"`
	ByPartition int64 `json:"files_pruned_by_partition"`
	ByStats     int64 `json:"files_pruned_by_statistics"`
	ByBloom     int64 `json:"files_pruned_by_bloom_filter"`
	Vectors     int64 `json:"deletion_vectors"`
	Plans       int64 `json:"plans"`
	Spilled     int64 `json:"spilled_bytes"`
}

func rowsOf(c *delta.RowCounts) *rowsJSON {
	if c == nil {
		return nil
	}
	return &rowsJSON{
		Inserted: c.Inserted, Updated: c.Updated, Deleted: c.Deleted, Unchanged: c.Unchanged, Copied: c.Copied,
		Skipped: c.Skipped, Kept: c.Kept, Scanned: c.FilesScanned, Pruned: c.FilesPruned,
		ByPartition: c.PrunedByPartition, ByStats: c.PrunedByStats, ByBloom: c.PrunedByBloom,
		Vectors: c.Vectors, Plans: c.Plans, Spilled: c.Spilled,
	}
}

// duplicatesJSON are keys that several source rows have.
type duplicatesJSON struct {
	Keys   int64          `json:"keys"`
	Rows   int64          `json:"rows"`
	Sample []keyCountJSON `json:"sample"`
}

type keyCountJSON struct {
	Key  string `json:"key"`
	Rows int64  `json:"rows"`
}

func duplicatesOf(err error) *duplicatesJSON {
	twice, ok := errors.AsType[*delta.DuplicateKeyError](err)
	if !ok {
		return nil
	}
	d := &duplicatesJSON{Keys: twice.Keys, Rows: twice.Rows, Sample: []keyCountJSON{}}
	for _, s := range twice.Sample {
		d.Sample = append(d.Sample, keyCountJSON(s))
	}
	return d
}

var rowVerbs = map[string]string{
	"merge": "merged", "replace": "replaced", "update": "updated", "delete": "deleted", "dedup": "deduplicated",
	"apply-changes": "applied changes", "scd2": "kept versions", "insert-new": "inserted what is new",
}

// rowsText says what a change of rows did.
func rowsText(r *delta.Result) string {
	c := r.Rows
	rows := tally("", "no rows", ", ", counted{c.Inserted, "inserted"}, counted{c.Updated, "updated"}, counted{c.Deleted, "deleted"}, counted{c.Unchanged, "unchanged"},
		counted{c.Kept, "kept"}, counted{c.Skipped, "skipped"})
	if r.State == delta.NoOp {
		return fmt.Sprintf("nothing to do: version %d is as it would be (%s)", r.Version, rows)
	}
	verb := rowVerbs[r.Operation]
	if r.DryRun {
		verb = "would have " + verb
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s%s in version %d: %s", verb, some(r.Partitions), r.Version, rows)
	why := tally(" (", "", ", ", counted{c.PrunedByPartition, "by partition"}, counted{c.PrunedByStats, "by statistics"}, counted{c.PrunedByBloom, "by bloom filter"})
	if why != "" {
		why += ")"
	}
	fmt.Fprintf(&b, "\n  looked at %s, ruled out %s%s; wrote %s, %s; took out %s",
		plural(c.FilesScanned, "file"), count(c.FilesPruned), why, plural(r.FilesAdded, "file"), size(r.BytesAdded), plural(r.FilesRemoved, "file"))
	if c.Copied > 0 {
		b.WriteString("; copied " + plural(c.Copied, "row"))
	}
	if c.Vectors > 0 {
		b.WriteString("; marked rows in " + plural(c.Vectors, "file"))
	}
	if c.Plans > 1 {
		fmt.Fprintf(&b, "; planned %d times, because of other writers", c.Plans)
	}
	return b.String()
}

type counted struct {
	n    int64
	what string
}

// tally lists what there is of things.
func tally(before, none, sep string, all ...counted) string {
	var parts []string
	for _, c := range all {
		if c.n > 0 {
			parts = append(parts, count(c.n)+" "+c.what)
		}
	}
	if len(parts) == 0 {
		return none
	}
	return before + strings.Join(parts, sep)
}
