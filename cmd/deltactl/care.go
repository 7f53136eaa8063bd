package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/deltalog/deltalog/txlog/logstore"
)

func (a *app) checkpointCmd() *cobra.Command {
	return &cobra.Command{
		Use: "checkpoint TABLE", Short: "Write a checkpoint of the newest version", GroupID: "care", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			ctx, cancel := a.withDeadline(c.Context())
			defer cancel()
			tbl, err := a.openWritable(ctx, args[0])
			if err != nil {
				return cause(ctx, err)
			}
			defer tbl.Close()
			v, err := tbl.Checkpoint(ctx)
			if err != nil {
				return cause(ctx, err)
			}
			if a.json() {
				a.printJSON(map[string]any{"operation": "checkpoint", "version": v})
			} else if !a.quiet {
				fmt.Fprintf(a.stdout, "checkpoint at version %d\n", v)
			}
			return nil
		},
	}
}

func (a *app) storeCmd() *cobra.Command {
	c := &cobra.Command{Use: "store", Short: "Check a store", GroupID: "care"}
	c.AddCommand(&cobra.Command{
		Use: "check URL", Short: "Test whether a store is safe for concurrent writers", Args: named(cobra.ExactArgs(1)),
		Long: `Test whether a store keeps the promise that commits rest on: a conditional write
fails if the name exists, of 16 writers at once exactly one wins, and what was
written is read and listed at once. It writes two small objects below _delta_log
of the URL and deletes them. Exit code 0: safe; 3: not safe.`,
		Example: "  deltactl store check s3://lake/tmp",
		RunE: func(c *cobra.Command, args []string) error {
			ctx, cancel := a.withDeadline(c.Context())
			defer cancel()
			return cause(ctx, a.checkStore(ctx, args[0]))
		},
	})
	return c
}

func (a *app) checkStore(ctx context.Context, url string) error {
	s, err := logstore.Open(ctx, url)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := logstore.Probe(ctx, s, rand.Reader); err != nil {
		return err
	}
	if a.json() {
		a.printJSON(map[string]any{"url": s.URL(), "safe": true})
	} else if !a.quiet {
		fmt.Fprintf(a.stdout, "%s is safe for concurrent writers\n", s.URL())
	}
	return nil
}

func (a *app) versionCmd() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version of deltactl", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if a.json() {
				a.printJSON(map[string]any{"version": buildVersion(), "schemes": logstore.Schemes()})
				return nil
			}
			fmt.Fprintf(a.stdout, "deltactl %s (%s)\n", buildVersion(), strings.Join(logstore.Schemes(), ", "))
			return nil
		},
	}
}

// buildVersion is what the Go tool recorded of the build.
func buildVersion() string {
	if b, ok := debug.ReadBuildInfo(); ok && b.Main.Version != "" {
		return b.Main.Version
	}
	return "(devel)"
}
