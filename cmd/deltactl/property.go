package main

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/txlog"
)

func (a *app) propertyCmd() *cobra.Command {
	c := &cobra.Command{
		Use: "property", Short: "Set, unset and list table properties", GroupID: "care",
		Long: `Table properties say how a table is written. Those that need a table feature turn it
on, and programs that do not have the feature refuse the table from then on.
delta.feature.NAME=supported turns on a feature by itself.`,
	}
	set := a.alterCommand(&alterCmd{
		verb: "property set", use: "set TABLE KEY=VALUE…", short: "Set properties",
		example: `  deltactl property set ./orders delta.enableDeletionVectors=true delta.deletedFileRetentionDuration="interval 14 days"`,
		args:    cobra.MinimumNArgs(2),
		run: func(ctx context.Context, t *delta.Table, args []string, o *delta.AlterOptions) (*delta.Result, error) {
			m := map[string]string{}
			for _, kv := range args {
				k, v, ok := strings.Cut(kv, "=")
				if _, twice := m[k]; !ok || k == "" || twice {
					return nil, usagef("%q: want KEY=VALUE, each key once", kv)
				}
				m[k] = v
			}
			return t.SetProperties(ctx, m, o)
		},
	})
	unset := a.alterCommand(&alterCmd{
		verb: "property unset", use: "unset TABLE KEY…", short: "Take properties away, so that their defaults hold",
		example: "  deltactl property unset ./orders delta.checkpointInterval",
		args:    cobra.MinimumNArgs(2), exists: true,
		run: func(ctx context.Context, t *delta.Table, args []string, o *delta.AlterOptions) (*delta.Result, error) {
			return t.UnsetProperties(ctx, args, o)
		},
	})
	list := a.look("list TABLE", "List the properties", "  deltactl property list ./orders", func(_ context.Context, _ *delta.Table, s *txlog.Snapshot) error {
		l := a.list("property", "value")
		all := s.Properties()
		for _, k := range slices.Sorted(maps.Keys(all)) {
			l.add(map[string]string{"property": k, "value": all[k]}, k, all[k])
		}
		l.end()
		return nil
	})
	return family(c, set, unset, list)
}
