package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/deltalog/deltalog/delta/fsck"
	"github.com/deltalog/deltalog/txlog/logstore"
)

// An fsckRun is the flags of one check.
type fsckRun struct {
	stats, quick, history bool
	findings, orphans     int
}

func (a *app) fsckCmd() *cobra.Command {
	var r fsckRun
	c := &cobra.Command{
		Use: "fsck TABLE", Short: "Check a table by the bytes in storage", GroupID: "care", Args: cobra.ExactArgs(1),
		Long: `Check a table by the bytes in storage. Nothing is changed.

The whole log is read: every version has one commit, which is whole and keeps the
rules of the format; every checkpoint is what replaying the commits gives. Every
live file is there, with its size and its number of rows; deletion vectors can be
read. With --stats all rows are read too: the files' statistics are true, and the
rows keep NOT NULL, constraints and generated columns.

TABLE@v12 checks the files of version 12, and the whole log. Objects that no version
names (of writers that were killed, or are at work now) are listed by age, and left.

Exit code 0: sound, perhaps with warnings; 11: damaged.`,
		Example: `  deltactl fsck s3://lake/orders
  deltactl fsck ./orders --stats --history
  deltactl fsck ./orders --quick -o json | jq .errors`,
		RunE: func(c *cobra.Command, args []string) error {
			if r.stats && r.quick {
				return usagef("--stats and --quick exclude each other")
			}
			if r.findings < 1 || r.orphans < 1 {
				return usagef("--max-findings and --max-orphans are at least 1")
			}
			ctx, cancel := a.withDeadline(c.Context())
			defer cancel()
			return cause(ctx, a.fsck(ctx, args[0], &r))
		},
	}
	f := c.Flags()
	f.BoolVar(&r.stats, "stats", false, "read all rows: statistics, constraints, NOT NULL")
	f.BoolVar(&r.quick, "quick", false, "do not open data files: compare them with a listing only")
	f.BoolVar(&r.history, "history", false, "look for the files that older versions and recorded changes need, too")
	f.IntVar(&r.findings, "max-findings", 100, "list so many findings of one code; all are counted")
	f.IntVar(&r.orphans, "max-orphans", 1000, "list so many orphans, the oldest; all are counted")
	return c
}

func (a *app) fsck(ctx context.Context, arg string, r *fsckRun) error {
	t, err := parseTable(arg)
	if err != nil {
		return err
	}
	a.table = t.url
	o, err := a.optionsFor(ctx, t.url)
	if err != nil {
		return err
	}
	store := o.Store
	if store == nil {
		if store, err = logstore.Open(ctx, t.url); err != nil {
			return err
		}
	}
	defer store.Close()
	p := &fsckProgress{}
	stop := a.spinner(p.line)
	report, err := fsck.Run(ctx, store, &fsck.Options{
		Version: t.version, AsOf: t.time, Depth: r.depth(), History: r.history,
		MaxFindings: r.findings, MaxOrphans: r.orphans, Progress: p.update, Env: o.Env,
	})
	stop()
	if err != nil {
		return err
	}
	if report.Errors > 0 {
		a.exit = exitDamaged
	}
	if a.json() {
		a.printJSON(struct {
			*fsck.Report
			ExitCode int `json:"exit_code"`
		}{report, a.exit})
		return nil
	}
	a.printReport(report)
	return nil
}

func (r *fsckRun) depth() fsck.Depth {
	switch {
	case r.stats:
		return fsck.Rows
	case r.quick:
		return fsck.Listing
	}
	return fsck.Footers
}

// printReport prints findings always, and the rest unless --quiet.
func (a *app) printReport(r *fsck.Report) {
	w := a.stdout
	for _, f := range r.Findings {
		fmt.Fprintf(w, "%s\n  to do: %s\n", f, f.Do)
	}
	for _, c := range fsck.Codes() {
		listed := int64(0)
		for _, f := range r.Findings {
			if f.Code == c.Code {
				listed++
			}
		}
		if n := r.Counts[c.Code]; n > listed {
			fmt.Fprintf(w, "%s: %s more\n", c.Code, count(n-listed))
		}
	}
	if a.quiet {
		return
	}
	for _, n := range r.NotChecked {
		fmt.Fprintf(w, "not checked: %s\n", n)
	}
	a.printOrphans(w, r)
	fmt.Fprintln(w, checkedText(r))
	fmt.Fprintln(w, verdictText(r))
}

func (a *app) printOrphans(w io.Writer, r *fsck.Report) {
	if r.OrphanFiles == 0 {
		return
	}
	fmt.Fprintf(w, "%s that no version names, %s (killed writers, writers at work now, what vacuum has not removed yet):\n",
		plural(r.OrphanFiles, "object"), size(r.OrphanBytes))
	l := a.list("modified", "age", "size", "name")
	for _, o := range r.Orphans {
		l.add(o, o.Modified.UTC().Format(time.RFC3339), age(time.Since(o.Modified)), size(o.Bytes), o.Name)
	}
	l.end()
	if n := r.OrphanFiles - int64(len(r.Orphans)); n > 0 {
		fmt.Fprintf(w, "and %s younger\n", count(n))
	}
}

// age writes a time span for people.
func age(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%dd", int(d.Hours()/24))
	case d >= time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return fmt.Sprintf("%dm", int(d.Minutes()))
}

func checkedText(r *fsck.Report) string {
	c := &r.Checked
	parts := []string{plural(c.Commits, "commit")}
	for _, p := range []struct {
		n    int64
		what string
	}{
		{c.Checkpoints, "checkpoint"},
		{c.Compactions, "compaction"},
		{c.Checksums, "checksum"},
		{c.Files, "live file"},
		{c.Footers, "footer"},
		{c.Vectors, "deletion vector"},
		{c.Rows, "row"},
	} {
		if p.n > 0 {
			parts = append(parts, plural(p.n, p.what))
		}
	}
	return fmt.Sprintf("looked at versions %d to %d, and the files of version %d: %s (%s); %s",
		r.Oldest, r.Newest, r.Version, strings.Join(parts, ", "), size(c.Bytes), plural(c.Requests, "request"))
}

func verdictText(r *fsck.Report) string {
	switch {
	case r.Errors > 0:
		return fmt.Sprintf("damaged: %s, %s", plural(r.Errors, "error"), plural(r.Warnings, "warning"))
	case r.Warnings > 0:
		return "sound, with " + plural(r.Warnings, "warning")
	case len(r.NotChecked) > 0:
		return "sound, as far as it was checked"
	}
	return "sound"
}

// fsckProgress says how far a check is.
type fsckProgress struct {
	mu   sync.Mutex
	last fsck.Progress
}

func (p *fsckProgress) update(d fsck.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if d.Phase != p.last.Phase || d.Done > p.last.Done {
		p.last = d
	}
}

func (p *fsckProgress) line() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	what := map[string]string{"log": "commits", "listing": "objects listed", "files": "files"}[p.last.Phase]
	if p.last.Total > 0 {
		return fmt.Sprintf("%s of %s %s", count(p.last.Done), count(p.last.Total), what)
	}
	return fmt.Sprintf("%s %s", count(p.last.Done), what)
}
