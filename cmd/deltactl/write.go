package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/internal/arrowvec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// writeFlags are those of append, replace-partition and reload.
type writeFlags struct {
	input
	keys

	create      bool
	partitionBy []string
	properties  []string

	common

	maxShrink string
}

// common flags are those of every command that writes rows.
type common struct {
	partitions []string
	onEmpty    string
	minRows    int64
	schemaMode string
	dryRun     bool
	maxMemory  string
	fileSize   string
	message    string
	noopCode   int
}

// register adds those of the flags whose words are the same for all. A command that
// does not grow the table has no --schema-mode.
func (w *common) register(f *pflag.FlagSet, grows bool) {
	w.schemaMode = "strict"
	if grows {
		f.StringVar(&w.schemaMode, "schema-mode", "strict", "strict, or merge: add the input's new columns to the table")
	}
	f.BoolVar(&w.dryRun, "dry-run", false, "do all but write: print what would be done, with real counts")
	f.StringVar(&w.maxMemory, "max-memory", "", "bound on the bytes held: 512MiB")
	f.StringVar(&w.fileSize, "target-file-size", "", "size at which data files end: 128MiB")
	f.StringVar(&w.message, "message", "", "text for the history (userMetadata)")
	f.IntVar(&w.noopCode, "noop-exit-code", 0, "exit code when there was nothing to do (Airflow: 99 skips)")
}

// mode reads --schema-mode.
func (w *common) mode(o *delta.WriteOptions) error {
	switch w.schemaMode {
	case "strict":
	case "merge":
		o.EvolveSchema = true
	default:
		return usagef("--schema-mode is %q, want strict or merge", w.schemaMode)
	}
	return nil
}

// limits reads the sizes and --min-rows.
func (w *common) limits(o *delta.WriteOptions) (err error) {
	if o.MaxMemory, err = byteSize("--max-memory", w.maxMemory); err != nil {
		return err
	}
	if o.TargetFileSize, err = byteSize("--target-file-size", w.fileSize); err != nil {
		return err
	}
	if w.minRows < 0 {
		return usagef("--min-rows is %d, want 0 or more", w.minRows)
	}
	return nil
}

func (w *writeFlags) register(f *pflag.FlagSet, replaces bool) {
	w.input.register(f)
	w.keys.register(f)
	f.BoolVar(&w.create, "create", false, "make the table if it does not exist, with the input's columns")
	f.StringSliceVar(&w.partitionBy, "partition-by", nil, "with --create: partition columns (a,b)")
	f.StringArrayVar(&w.properties, "property", nil, "with --create: a table property, KEY=VALUE (repeatable)")
	f.StringArrayVar(&w.partitions, "partition", nil, "declare a partition: COL=VALUE, or A=1,B=2; null is __null__ (repeatable). Rows outside are refused")
	f.StringVar(&w.onEmpty, "on-empty", "error", "an input without rows: error, noop"+map[bool]string{true: ", or truncate what is replaced"}[replaces])
	f.Int64Var(&w.minRows, "min-rows", 0, "refuse an input with fewer rows")
	if replaces {
		f.StringVar(&w.maxShrink, "max-shrink", "", "refuse to replace rows by so many fewer: 20%")
	}
	w.common.register(f, true)
}

func (a *app) appendCmd() *cobra.Command {
	return a.writeCmd("append", `append TABLE --from FILE`, "Add rows", `Add the input's rows to the table, in one commit.

Without a key every run adds the rows again. With --key, --key-from or --txn the
same work is added once, however often and however concurrently it is sent.`,
		`  deltactl append ./orders --from day.csv --key orders/2026-01-05
  zcat day.ndjson.gz | deltactl append ./events --from - --format ndjson --key-from content`,
		false, func(ctx context.Context, t *delta.Table, src delta.Source, o *delta.WriteOptions) (*delta.Result, error) {
			return t.Append(ctx, src, o)
		})
}

func (a *app) replaceCmd() *cobra.Command {
	return a.writeCmd("replace-partition", "replace-partition TABLE --from FILE", "Replace partitions", `Replace partitions by the input's rows, in one commit (dbt: insert_overwrite).

With --partition the declared partitions are replaced: rows outside are refused,
and a declared partition without rows is emptied. A declaration may name some of
the partition columns only. Without it the partitions that the input has rows for
are replaced, and no others.`,
		`  deltactl replace-partition s3://lake/orders --partition ds=2026-01-05 --from day.parquet --key-from airflow
  deltactl replace-partition ./orders --from days/ --dry-run`,
		true, func(ctx context.Context, t *delta.Table, src delta.Source, o *delta.WriteOptions) (*delta.Result, error) {
			return t.ReplacePartitions(ctx, src, o)
		})
}

func (a *app) reloadCmd() *cobra.Command {
	return a.writeCmd("reload", "reload TABLE --from FILE", "Replace the whole table", `Replace all rows by the input's, in one commit (dbt: --full-refresh).

Readers see the old rows or the new ones. --min-rows and --max-shrink guard
against half an input.`,
		`  deltactl reload ./countries --from countries.csv --min-rows 190
  psql -At -c "copy (select row_to_json(c) from customers c) to stdout" | deltactl reload ./customers --from - --format ndjson --max-shrink 10%`,
		true, func(ctx context.Context, t *delta.Table, src delta.Source, o *delta.WriteOptions) (*delta.Result, error) {
			return t.Reload(ctx, src, o)
		})
}

type writeFunc func(context.Context, *delta.Table, delta.Source, *delta.WriteOptions) (*delta.Result, error)

func (a *app) writeCmd(verb, use, short, long, example string, replaces bool, write writeFunc) *cobra.Command {
	w := &writeFlags{}
	c := &cobra.Command{
		Use: use, Short: short, Long: long, Example: example, GroupID: "write", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return a.write(c.Context(), verb, args[0], w, write) },
	}
	w.register(c.Flags(), replaces)
	return c
}

func (a *app) write(ctx context.Context, verb, arg string, w *writeFlags, write writeFunc) error {
	res := &delta.Result{Key: w.key, DryRun: w.dryRun}
	return a.commit(ctx, verb, res, w.noopCode, func(ctx context.Context, res **delta.Result) error {
		return a.doWrite(ctx, verb, arg, w, write, res)
	})
}

// commit does what ends with at most one commit, and prints its result, which is res
// if do does not come to have one.
func (a *app) commit(ctx context.Context, verb string, res *delta.Result, noopCode int, do func(context.Context, **delta.Result) error) error {
	ctx, cancel := a.withDeadline(ctx)
	defer cancel()
	a.key = res.Key
	res.State, res.Version = delta.NotCommitted, delta.NoVersion
	before := res
	err := cause(ctx, do(ctx, &res))
	res.Operation = verb
	code := exitDone
	if err != nil {
		code = a.code(err)
	} else if res.State == delta.NoOp || res.State == delta.AlreadyApplied {
		code = noopCode
	}
	if res.Key != "" {
		a.key = res.Key
	}
	res.Retryable = retryable(res.Retryable || res == before, code)
	a.exit = code
	if err == nil && res.State == delta.NoOp && res.Version == delta.NoVersion && !a.json() {
		if !a.quiet {
			fmt.Fprintln(a.stdout, "nothing to do: the input has no rows, and no table was made")
		}
		return nil
	}
	a.printResult(res, err, code)
	return err
}

// retryable corrects what the library says, which does not know the input's own
// errors, nor those from before the write began.
func retryable(maybe bool, code int) bool {
	switch code {
	case exitFailed, exitConflict, exitUnknown, exitDeadline, exitInterrupted:
		return maybe
	}
	return false
}

func (a *app) doWrite(ctx context.Context, verb, arg string, w *writeFlags, write writeFunc, res **delta.Result) error {
	url, err := a.writable(arg)
	if err != nil {
		return err
	}
	o, err := w.options(a, verb)
	if err != nil {
		return err
	}
	opts, err := a.optionsFor(ctx, url)
	if err != nil {
		return err
	}
	t, err := a.target(ctx, url, &opts, w)
	if err != nil {
		return err
	}
	defer t.close()
	if err := w.finish(a, verb, t.by, o); err != nil {
		return err
	}
	p := a.progress()
	defer p.stop()
	o.Progress = p.update
	r, err := write(ctx, t.table, t.src, o)
	if r != nil {
		*res = r
	}
	return err
}

// A target is what a write goes from and to.
type target struct {
	table *delta.Table // perhaps one that the write makes
	src   source
	by    []schema.Field // the partition columns
}

func (t *target) close() {
	if t.src != nil {
		_ = t.src.Close()
	}
	if t.table != nil {
		_ = t.table.Close()
	}
}

// target opens the table and the input. With --create a table that is not there is
// defined by the input's columns; the write makes it.
func (a *app) target(ctx context.Context, url string, o *delta.Options, w *writeFlags) (*target, error) {
	t := &target{}
	var err error
	t.table, err = delta.Open(ctx, url, o)
	switch {
	case err == nil:
		err = a.existing(ctx, t, w)
	case errors.Is(err, delta.ErrTableNotFound) && w.create:
		err = a.define(ctx, t, url, o, w)
	}
	if err != nil {
		t.close()
		return nil, err
	}
	return t, nil
}

// existing opens the input for a table that is there, unless it is open.
func (a *app) existing(ctx context.Context, t *target, w *writeFlags) error {
	s, err := t.table.Snapshot(ctx, delta.At{})
	if err != nil {
		return err
	}
	if t.by, err = s.PartitionColumns(); err != nil || t.src != nil {
		return err
	}
	columns, err := s.Schema()
	if err != nil {
		return err
	}
	t.src, err = a.openInput(ctx, &w.input, columns)
	return err
}

// define opens the input and defines the table by its columns. Another process may
// make the table first; then that one's definition holds.
func (a *app) define(ctx context.Context, t *target, url string, o *delta.Options, w *writeFlags) (err error) {
	if t.src, err = a.openInput(ctx, &w.input, nil); err != nil {
		return err
	}
	s, err := nullable(t.src)
	if err != nil {
		return err
	}
	props, err := properties(w.properties)
	if err != nil {
		return err
	}
	if err := partitionColumns(s, w.partitionBy); err != nil {
		return err
	}
	t.table, err = delta.OpenOrCreate(ctx, url, s, &delta.CreateOptions{Options: *o, PartitionBy: w.partitionBy, Properties: props})
	if err != nil {
		return err
	}
	if t.table.Exists() {
		if !slices.Contains(w.from, "-") { // stdin cannot be begun again
			_ = t.src.Close()
			t.src = nil
		}
		return a.existing(ctx, t, w)
	}
	for _, n := range w.partitionBy {
		t.by = append(t.by, s.Fields[s.Find(n)])
	}
	return nil
}

// nullable returns the input's columns, all of them nullable.
func nullable(src delta.Source) (*schema.Struct, error) {
	s, err := arrowvec.FromArrowSchema(src.Schema())
	if err != nil {
		return nil, err
	}
	for i := range s.Fields {
		s.Fields[i].Nullable = true
	}
	return s, nil
}

// partitionColumns finds mistakes in --partition-by.
func partitionColumns(s *schema.Struct, names []string) error {
	for _, n := range names {
		if s.Find(n) < 0 {
			return usagef("--partition-by %s: the input has no such column", n)
		}
	}
	return nil
}

func properties(kvs []string) (map[string]string, error) {
	m := map[string]string{}
	for _, kv := range kvs {
		k, v, ok := strings.Cut(kv, "=")
		if !ok || k == "" {
			return nil, usagef("--property %q: want KEY=VALUE", kv)
		}
		m[k] = v
	}
	return m, nil
}

// options turns flags into options, as far as that needs no table.
func (w *writeFlags) options(a *app, verb string) (*delta.WriteOptions, error) {
	o := &delta.WriteOptions{MinRows: w.minRows, DryRun: w.dryRun, UserMetadata: w.message}
	switch w.onEmpty {
	case "error":
	case "noop":
		o.OnEmpty = delta.EmptyNoOp
	case "truncate":
		if verb == "append" {
			return nil, usagef("--on-empty truncate: an append replaces nothing that could be emptied")
		}
		o.OnEmpty = delta.EmptyTruncate
	default:
		return nil, usagef("--on-empty is %q, want error, noop or truncate", w.onEmpty)
	}
	if err := w.mode(o); err != nil {
		return nil, err
	}
	var err error
	if o.MaxShrink, err = share(w.maxShrink); err != nil {
		return nil, err
	}
	if err := w.limits(o); err != nil {
		return nil, err
	}
	if err := w.input.check(); err != nil {
		return nil, err
	}
	if err := w.keys.check(); err != nil {
		return nil, err
	}
	// The orchestrator's variables are looked for before anything is made.
	return o, w.keys.apply(a, o)
}

// finish adds what depends on the table: declared partitions and the key.
func (w *writeFlags) finish(a *app, verb string, by []schema.Field, o *delta.WriteOptions) error {
	if verb == "replace-partition" && len(by) == 0 {
		return usagef("the table is not partitioned: deltactl reload replaces all of it")
	}
	var err error
	if o.Partitions, err = declared(w.partitions, by); err != nil {
		return err
	}
	return w.keys.apply(a, o)
}

// declared reads --partition.
func declared(texts []string, by []schema.Field) (ps []delta.Partition, err error) {
	names := make([]string, len(by))
	for i := range by {
		names[i] = by[i].Name
	}
	for _, p := range texts {
		d, err := delta.ParsePartition(p, names)
		if err != nil {
			return nil, usage(err)
		}
		for i := range by {
			if _, err := schema.ParsePartition(by[i].Type, d[by[i].Name], nil); err != nil {
				return nil, usagef("--partition %s: column %s: %w", p, by[i].Name, err)
			}
		}
		ps = append(ps, d)
	}
	return ps, nil
}

// share reads "20%" or "0.2".
func share(s string) (float64, error) {
	if s == "" {
		return 0, nil
	}
	n, percent := strings.CutSuffix(strings.TrimSpace(s), "%")
	f, err := strconv.ParseFloat(n, 64)
	if percent {
		f /= 100
	}
	if err != nil || !(f >= 0 && f <= 1) {
		return 0, usagef("--max-shrink is %q, want a share such as 20%%", s)
	}
	return f, nil
}

// byteSize reads 512MiB, 128mb, 1g or a number of bytes.
func byteSize(flag, s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	digits := strings.TrimRight(strings.ToLower(s), "kmgtib ")
	unit := strings.TrimSpace(strings.ToLower(s)[len(digits):])
	scale, ok := map[string]int64{"": 1, "b": 1, "k": 1 << 10, "kb": 1 << 10, "kib": 1 << 10, "m": 1 << 20, "mb": 1 << 20, "mib": 1 << 20, "g": 1 << 30, "gb": 1 << 30, "gib": 1 << 30}[unit]
	n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
	if err != nil || !ok || n <= 0 || n > 1<<62/scale {
		return 0, usagef("%s is %q, want a size such as 512MiB", flag, s)
	}
	return n * scale, nil
}

func version() string { return buildVersion() }
