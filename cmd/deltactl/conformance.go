package main

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/deltalog/deltalog/conformance/bucket"
	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/txlog/logstore/localstore"
)

// workerName is the hidden command that takes part in races in another process.
const workerName = "race-worker"

type conformanceFlags struct {
	store, prefix string
	maxTime       time.Duration
	maxRequests   int64
	maxMiB        int64
	processes     int
	parts         []string
	seed          uint64
	keep, dryRun  bool
}

func (a *app) conformanceCmd() *cobra.Command {
	f := &conformanceFlags{}
	var parts strings.Builder
	for _, p := range bucket.Parts {
		fmt.Fprintf(&parts, "  %-10s %s\n", p.Name, p.What)
	}
	c := &cobra.Command{
		Use: "conformance --store URL", Short: "Prove on a store of yours that retries stay exactly once", GroupID: "care", Args: cobra.NoArgs,
		Long: `Prove on a bucket or disk of yours, with this machine's network and credentials,
that writes stay exactly once. The parts:

` + parts.String() + `
Faults are injected on this side: the store is never harmed. Every table that is
made is checked by its bytes. Everything is written below a prefix of its own, which
must be empty, and deleted at the end, also after an interrupt or at a limit.
--dry-run says what would be done. A whole run asks about 15,000 requests, most of
them one after the other, and moves 120 MB.

Exit code 0: every promise was kept; 3: one was broken, and the report says which,
what was seen, and what follows; 1: not everything could be looked at.`,
		Example: `  deltactl conformance --store s3://lake/tmp --dry-run
  deltactl conformance --store s3://lake/tmp -o json
  deltactl conformance --store /mnt/nfs/tmp --part store --processes 4`,
		RunE: func(c *cobra.Command, _ []string) error {
			ctx, cancel := a.withDeadline(c.Context())
			defer cancel()
			return cause(ctx, a.conformance(ctx, f))
		},
	}
	c.Flags().StringVar(&f.store, "store", "", "URL below which the run has its prefix")
	c.Flags().StringVar(&f.prefix, "prefix", "", "name of the prefix (default: one that nobody has)")
	c.Flags().DurationVar(&f.maxTime, "max-time", bucket.DefaultMaxTime, "end after this time")
	c.Flags().Int64Var(&f.maxRequests, "max-requests", bucket.DefaultMaxRequests, "end after so many requests")
	c.Flags().Int64Var(&f.maxMiB, "max-mib", bucket.DefaultMaxBytes>>20, "end after so many MiB sent and received")
	c.Flags().IntVar(&f.processes, "processes", 2, "processes that take part in races beside this one; 0: none")
	c.Flags().StringArrayVar(&f.parts, "part", nil, "run this part only (can be repeated)")
	c.Flags().Uint64Var(&f.seed, "seed", 0, "choose the faults of the race as an earlier run did (default: random)")
	c.Flags().BoolVar(&f.keep, "keep", false, "leave what was written, to look at it")
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "say what would be done, and do nothing")
	_ = c.MarkFlagRequired("store")
	return c
}

// raceWorkerCmd is started by conformance itself.
func (a *app) raceWorkerCmd() *cobra.Command {
	return &cobra.Command{
		Use: workerName, Hidden: true, Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			return bucket.Worker(c.Context(), logstore.Open, args, a.stdin, a.stdout)
		},
	}
}

func (f *conformanceFlags) options() (bucket.Options, error) {
	o := bucket.Options{
		URL: strings.TrimRight(f.store, "/"), Prefix: f.prefix, Open: logstore.Open, Processes: f.processes,
		MaxTime: f.maxTime, MaxRequests: f.maxRequests, MaxBytes: f.maxMiB << 20, Seed: f.seed, Parts: f.parts, Keep: f.keep,
	}
	if f.store == "" || o.URL == "" {
		return o, usagef("--store is %q, want a URL or directory below which the run may write", f.store)
	}
	if t, err := parseTable(f.store); err != nil || t.pinned {
		return o, errors.Join(err, usagef("--store is %q, want a URL without version or parameters", f.store))
	}
	if f.maxTime <= 0 || f.maxRequests <= 0 || f.maxMiB <= 0 || f.processes < 0 {
		return o, usagef("limits and --processes must be positive")
	}
	for _, p := range f.parts {
		if !slices.ContainsFunc(bucket.Parts, func(b bucket.Part) bool { return b.Name == p }) {
			return o, usagef("--part is %q, want store, scenarios, sweep or race", p)
		}
	}
	var random [16]byte
	if _, err := rand.Read(random[:]); err != nil {
		return o, err
	}
	if o.Prefix == "" {
		o.Prefix = "deltactl-conformance-" + hex.EncodeToString(random[:8])
	}
	if err := logstore.CheckName(o.Prefix); err != nil {
		return o, usage(fmt.Errorf("--prefix: %w", err))
	}
	if o.Seed == 0 {
		o.Seed = binary.LittleEndian.Uint64(random[8:])
	}
	if f.processes > 0 {
		exe, err := os.Executable()
		if err != nil {
			return o, err
		}
		o.Worker = func() *exec.Cmd {
			c := exec.Command(exe, workerName)
			c.Args[0] = os.Args[0]
			return c
		}
	}
	return o, nil
}

func (a *app) conformance(ctx context.Context, f *conformanceFlags) error {
	o, err := f.options()
	if err != nil {
		return err
	}
	if f.dryRun {
		a.conformancePlan(o)
		return nil
	}
	if !a.quiet && !a.json() {
		fmt.Fprintf(a.stderr, "writing below %s/%s only, at most %s requests, %d MiB and %s\n", o.URL, o.Prefix, count(o.MaxRequests), o.MaxBytes>>20, o.MaxTime)
	}
	made := madeDirs(o)
	p := a.conformanceProgress()
	o.Progress = p.update
	report, err := bucket.Run(ctx, o)
	p.stop()
	if !o.Keep && !errors.Is(err, bucket.ErrNotEmpty) {
		made.remove()
	}
	if report == nil {
		return err
	}
	a.printConformance(report, o)
	switch {
	case report.Failed > 0:
		if err != nil {
			fmt.Fprintf(a.stderr, "warning: %v\n", err)
		}
		a.exit = exitCheck
		return nil
	case err != nil:
		return err
	case report.NotRun > 0 && ctx.Err() == nil:
		return fmt.Errorf("%d checks were not run: %s; give more with --max-time, --max-requests and --max-mib", report.NotRun, report.Stopped)
	}
	return ctx.Err()
}

// conformancePlan is --dry-run.
func (a *app) conformancePlan(o bucket.Options) {
	if a.json() {
		a.printJSON(map[string]any{
			"dry_run": true, "store": o.URL, "prefix": o.URL + "/" + o.Prefix, "max_seconds": o.MaxTime.Seconds(),
			"max_requests": o.MaxRequests, "max_bytes": o.MaxBytes, "processes": o.Processes, "checks": bucket.Plan(o), "keep": o.Keep,
		})
		return
	}
	fmt.Fprintf(a.stdout, "[DRY RUN] would write below %s/%s only, which must be empty, and delete it at the end%s\n",
		o.URL, o.Prefix, map[bool]string{true: " (not: --keep)"}[o.Keep])
	fmt.Fprintf(a.stdout, "at most %s requests (--max-requests), %d MiB (--max-mib) and %s (--max-time), in this process and %d others\n",
		count(o.MaxRequests), o.MaxBytes>>20, o.MaxTime, o.Processes)
	part := ""
	for _, c := range bucket.Plan(o) {
		if c.Part != part {
			part = c.Part
			fmt.Fprintf(a.stdout, "\n%s\n", part)
		}
		fmt.Fprintf(a.stdout, "  %s\n", c.Name)
	}
}

// printConformance prints the report: what failed with all that is known about it,
// what passed in one line each.
func (a *app) printConformance(r *bucket.Report, o bucket.Options) {
	if a.json() {
		a.printJSON(r)
		return
	}
	l := a.list("part", "check", "result", "seconds")
	for _, c := range r.Checks {
		l.add(nil, c.Part, c.Name, strings.ReplaceAll(c.Result, "_", " "), fmt.Sprintf("%.1f", c.Seconds))
	}
	if !a.quiet {
		l.end()
		fmt.Fprintln(a.stdout)
	}
	follows := map[string]bool{}
	for _, c := range r.Checks {
		if c.Result != "fail" {
			continue
		}
		fmt.Fprintf(a.stdout, "FAILED %s: %s\n  promise: %s\n  seen:    %s\n", c.Part, c.Name, c.Promise, c.Seen)
		if !follows[c.Follows] {
			fmt.Fprintf(a.stdout, "  follows: %s\n", c.Follows)
			follows[c.Follows] = true
		}
	}
	fmt.Fprintf(a.stdout, "%s: %d of %d checks passed", r.Store, r.Passed, len(r.Checks))
	if r.Failed > 0 {
		fmt.Fprintf(a.stdout, ", %d FAILED", r.Failed)
	}
	if r.NotRun > 0 {
		fmt.Fprintf(a.stdout, ", %d were not run (%s)", r.NotRun, r.Stopped)
	}
	fmt.Fprintf(a.stdout, "\n%s requests, %s written, %s read, %.1f s; %s commits, half of them within %.1f ms, 99 %% within %.1f ms; seed %d\n",
		count(r.Requests), size(r.BytesOut), size(r.BytesIn), r.Seconds, count(int64(r.Commits)), r.CommitP50, r.CommitP99, r.Seed)
	switch {
	case o.Keep:
		fmt.Fprintf(a.stdout, "kept %s below %s\n", plural(int64(r.Left), "object"), r.Prefix)
	case r.Left > 0:
		fmt.Fprintf(a.stdout, "%s are LEFT below %s\n", plural(int64(r.Left), "object"), r.Prefix)
	default:
		fmt.Fprintln(a.stdout, "everything that was written is deleted again")
	}
	switch storeBroken(r) {
	case true:
		fmt.Fprintln(a.stdout, "Do not let several writers commit to tables on this store: it breaks a promise that commits rest on.")
	case false:
		if r.Failed == 0 && r.NotRun == 0 {
			fmt.Fprintln(a.stdout, "Jobs may be killed, retried and run at once on this store.")
		}
	}
}

// storeBroken says that a check of the store itself failed.
func storeBroken(r *bucket.Report) bool {
	return slices.ContainsFunc(r.Checks, func(c bucket.Check) bool { return c.Part == "store" && c.Result == "fail" })
}

// madeDirs are the directories that a run on local disk makes: deleting objects
// leaves them there, with what a killed process has not given its name yet.
type madeDirsOf struct {
	prefix string   // empty: it was there before, and stays
	above  []string // those above the prefix that were not there, the lowest first
}

func madeDirs(o bucket.Options) (m madeDirsOf) {
	if logstore.Scheme(o.URL) != logstore.FileScheme {
		return m
	}
	root := o.URL
	if strings.Contains(root, "://") {
		var err error
		if root, err = localstore.ParseURL(o.URL); err != nil {
			return m
		}
	}
	prefix := filepath.Join(root, filepath.FromSlash(o.Prefix))
	if _, err := os.Lstat(prefix); !errors.Is(err, os.ErrNotExist) {
		return m
	}
	m.prefix = prefix
	for dir := filepath.Dir(prefix); ; dir = filepath.Dir(dir) {
		if _, err := os.Lstat(dir); !errors.Is(err, os.ErrNotExist) || dir == filepath.Dir(dir) {
			return m
		}
		m.above = append(m.above, dir)
	}
}

// remove removes the prefix, and of the directories above it those that were made
// for it and are empty.
func (m madeDirsOf) remove() {
	if m.prefix == "" {
		return
	}
	_ = os.RemoveAll(m.prefix)
	for _, d := range m.above {
		_ = os.Remove(d)
	}
}
