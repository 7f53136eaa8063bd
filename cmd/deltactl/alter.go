package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/deltalog/deltalog/delta"
)

// alterFlags are those of the commands that change what a table is, not its rows.
type alterFlags struct {
	ifExists bool
	dryRun   bool
	message  string
	noopCode int
}

// An alterCmd describes such a command: TABLE comes first, then its own arguments.
type alterCmd struct {
	verb, use, short, long, example string

	args   cobra.PositionalArgs
	exists bool // has --if-exists
	run    func(ctx context.Context, t *delta.Table, args []string, o *delta.AlterOptions) (*delta.Result, error)
}

func (a *app) alterCommand(r *alterCmd) *cobra.Command {
	w := &alterFlags{}
	c := &cobra.Command{
		Use: r.use, Short: r.short, Long: r.long, Example: r.example, Args: named(r.args),
		RunE: func(c *cobra.Command, args []string) error {
			a.noCreate = true
			res := &delta.Result{DryRun: w.dryRun}
			return a.commit(c.Context(), r.verb, res, w.noopCode, func(ctx context.Context, res **delta.Result) (err error) {
				tbl, err := a.openWritable(ctx, args[0])
				if err != nil {
					return err
				}
				defer func() { err = errors.Join(err, tbl.Close()) }()
				got, err := r.run(ctx, tbl, args[1:], &delta.AlterOptions{IfExists: w.ifExists, DryRun: w.dryRun, UserMetadata: w.message})
				if got != nil {
					*res = got
				}
				return err
			})
		},
	}
	f := c.Flags()
	if r.exists {
		f.BoolVar(&w.ifExists, "if-exists", false, "what is not there is no error, exit code 0")
	}
	f.BoolVar(&w.dryRun, "dry-run", false, "check all that the change needs, and commit nothing")
	f.StringVar(&w.message, "message", "", "text for the history (userMetadata)")
	f.IntVar(&w.noopCode, "noop-exit-code", 0, "exit code when there was nothing to do")
	return c
}

// alterVerbs are what the commands have done, for people.
var alterVerbs = map[string]string{
	"constraint add": "added the constraint", "constraint drop": "dropped the constraint",
	"property set": "set the properties", "property unset": "unset the properties",
	"schema add": "added the column", "schema rename": "renamed the column", "schema drop": "dropped the column",
	"schema widen": "widened the column", "schema set-default": "set the default", "schema drop-default": "dropped the default",
}

// family puts commands below one that does nothing by itself.
func family(c *cobra.Command, subs ...*cobra.Command) *cobra.Command {
	for _, s := range subs {
		s.GroupID = ""
		s.Args = named(s.Args)
	}
	c.AddCommand(subs...)
	c.Args = cobra.ArbitraryArgs
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return c.Help()
		}
		return usagef("there is no command %s %s", c.CommandPath(), args[0])
	}
	return c
}
