package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore"
)

// A process is what a run of deltactl takes from outside.
type process struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(string) string
	terminal       bool // stderr is one
	signals        bool // listen for SIGINT and SIGTERM
}

// An app is one run: the process and the flags that all commands share.
type app struct {
	*process
	output    string // text, json
	quiet     bool
	verbose   bool
	logFormat string
	deadline  time.Duration

	exit int // set by commands that end with a code of their own

	// What hints are about.
	table, key string
	writes     bool // the command is one that writes
	noCreate   bool // the command makes no table
	asks       bool // status: a failure says neither yes nor no
}

// run runs one command line and returns the exit code.
func run(args []string, p *process) int {
	a := &app{process: p}
	root := a.root()
	root.SetArgs(args)
	root.SetIn(p.stdin)
	root.SetOut(p.stdout)
	root.SetErr(p.stderr)
	ctx, stop := a.context()
	defer stop()
	err := root.ExecuteContext(ctx)
	if err == nil {
		return a.exit
	}
	code := a.code(err)
	if a.asks && code == exitFailed {
		code = exitUnknown // status: neither yes nor no
	}
	a.report(err, code)
	return code
}

// context ends at the first SIGINT or SIGTERM; the second one kills, since the
// handler is gone by then.
func (a *app) context() (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	if !a.signals {
		return ctx, func() { cancel(nil) }
	}
	c := make(chan os.Signal, 1)
	signal.Notify(c, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		select {
		case <-c:
			signal.Stop(c)
			cancel(errInterrupted)
		case <-done:
		}
	}()
	return ctx, func() { close(done); signal.Stop(c); cancel(nil) }
}

var (
	errInterrupted = errors.New("interrupted")
	errDeadline    = errors.New("the deadline has passed")
)

// withDeadline applies --deadline.
func (a *app) withDeadline(ctx context.Context) (context.Context, context.CancelFunc) {
	if a.deadline <= 0 {
		return ctx, func() {}
	}
	return context.WithTimeoutCause(ctx, a.deadline, errDeadline)
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "deltactl",
		Short: "Write and read Delta Lake tables, exactly once",
		Long: `deltactl writes and reads Delta Lake tables on local disk, S3 and GCS.

Every write is one atomic commit. With a key it may be killed, retried or run
twice at once, and the table is as if it had run once. What it prints about a
write is true, also when the write failed.`,
		Example: `  deltactl append ./orders --from day.csv --create --partition-by ds --key orders/2026-01-05
  deltactl replace-partition s3://lake/orders --partition ds=2026-01-05 --from day.parquet --key-from airflow
  deltactl status s3://lake/orders --key orders/2026-01-05
  deltactl export ./orders@v12 --where "ds = '2026-01-05'" --format csv --to day.csv`,
		SilenceUsage: true, SilenceErrors: true,
		PersistentPreRunE: func(*cobra.Command, []string) error { return a.checkFlags() },
	}
	f := root.PersistentFlags()
	f.StringVarP(&a.output, "output", "o", "text", "what stdout is: text, or json (one object; lists one object a line)")
	f.BoolVarP(&a.quiet, "quiet", "q", false, "print no progress, no warnings of the log and no text about what was done")
	f.BoolVarP(&a.verbose, "verbose", "v", false, "log each request to the table's store on stderr")
	f.StringVar(&a.logFormat, "log-format", "text", "format of the log on stderr: text or json")
	f.DurationVar(&a.deadline, "deadline", 0, "end after this time (10m, 90s), exit code 124")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage(err) })
	root.CompletionOptions.HiddenDefaultCmd = false
	groups := []struct{ id, title string }{{"write", "Write:"}, {"rows", "Change rows:"}, {"read", "Read:"}, {"look", "Look:"}, {"care", "Care:"}}
	for _, g := range groups {
		root.AddGroup(&cobra.Group{ID: g.id, Title: g.title})
	}
	root.AddCommand(
		a.createCmd(), a.appendCmd(), a.replaceCmd(), a.reloadCmd(),
		a.mergeCmd(), a.replaceWhereCmd(), a.updateCmd(), a.deleteCmd(), a.insertNewCmd(),
		a.dedupCmd(), a.applyChangesCmd(), a.scd2Cmd(),
		a.headCmd(), a.exportCmd(), a.changesCmd(),
		a.inspectCmd(), a.historyCmd(), a.schemaCmd(), a.filesCmd(), a.partitionsCmd(), a.txnsCmd(), a.statusCmd(),
		a.checkpointCmd(), a.fsckCmd(), a.constraintCmd(), a.propertyCmd(), a.storeCmd(), a.conformanceCmd(), a.raceWorkerCmd(), a.demoCmd(), a.versionCmd(),
	)
	root.AddCommand(topics()...)
	for _, c := range root.Commands() {
		c.Args = named(c.Args)
	}
	return root
}

// named makes wrong numbers of arguments usage errors.
func named(check cobra.PositionalArgs) cobra.PositionalArgs {
	if check == nil {
		return nil
	}
	return func(c *cobra.Command, args []string) error {
		if err := check(c, args); err != nil {
			return usage(err)
		}
		return nil
	}
}

func (a *app) checkFlags() error {
	if a.output != "text" && a.output != "json" {
		return usagef("--output is %q, want text or json", a.output)
	}
	if a.logFormat != "text" && a.logFormat != "json" {
		return usagef("--log-format is %q, want text or json", a.logFormat)
	}
	if a.deadline < 0 {
		return usagef("--deadline is %s, want a time", a.deadline)
	}
	return nil
}

func (a *app) json() bool { return a.output == "json" }

// options are those of the library.
func (a *app) options() delta.Options {
	level := slog.LevelWarn
	if a.quiet {
		level = slog.LevelError
	}
	if a.verbose {
		level = slog.LevelDebug
	}
	o := &slog.HandlerOptions{Level: level}
	var h slog.Handler = slog.NewTextHandler(a.stderr, o)
	if a.logFormat == "json" {
		h = slog.NewJSONHandler(a.stderr, o)
	}
	return delta.Options{EngineInfo: "deltactl " + version(), Env: &txlog.Env{Logger: slog.New(h)}}
}

// optionsFor are those for the table at url: with --verbose each request to its
// store is logged.
func (a *app) optionsFor(ctx context.Context, url string) (delta.Options, error) {
	o := a.options()
	if !a.verbose {
		return o, nil
	}
	s, err := logstore.Open(ctx, url)
	if err != nil {
		return o, err
	}
	c, ok := s.(careful)
	o.Store = &loud{logstore.Traced(s, func(c logstore.Call) {
		o.Env.Logger.Debug("request", "verb", c.Verb, "object", c.Name, "bytes", c.Bytes, "error", c.Err)
	}), ok && c.NeedsProbe()}
	return o, nil
}

type careful interface{ NeedsProbe() bool }

// A loud store logs its requests, and is as careful as the store that it is.
type loud struct {
	logstore.Store
	careful bool
}

// Unwrap returns the store without the log.
func (l *loud) Unwrap() logstore.Store { return l.Store }

// NeedsProbe says whether the store is to be tested before the first write.
func (l *loud) NeedsProbe() bool { return l.careful }

func isTerminal(f *os.File) bool {
	st, err := f.Stat()
	return err == nil && st.Mode()&os.ModeCharDevice != 0
}
