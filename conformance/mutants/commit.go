package mutants

const (
	txlogCommit = "txlog/commit.go"
	onePut      = "TestOutcomeOfOnePut/"
)

// commit are mistakes about the outcome of one commit.
var commit = []Mutant{
	{
		Name: "commit-overwrites", Rows: "A17 G1 S1", File: txlogCommit,
		Breaks: "puts a version whether or not there is one",
		Old:    `return c.t.store.Put(ctx, name, body, logstore.IfAbsent)`,
		New:    "if $on {\nreturn c.t.store.Put(ctx, name, body, logstore.Overwrite)\n}\n$old",
		Killer: Killer{"txlog", "TestCreateRace"},
	},
	{
		Name: "skip-read-back", Rows: "A1 A13 L1", File: txlogCommit,
		Breaks: "does not read the log back after an unclear answer",
		Old:    "if open {", New: "if open && !$on {",
		Killer: Killer{"txlog", onePut + "not_applied,_and_another_writer_takes_the_version"},
	},
	{
		Name: "own-version-is-a-loss", Rows: "A1 A5 A6 A8 T4", File: txlogCommit,
		Breaks: "takes a version that is there for another writer's, and commits once more",
		Old:    `if bytes.Equal(data, body) {`, New: `if bytes.Equal(data, body) && !$on {`,
		And:    []Edit{{`ci != nil && ci.TxnID == c.t.token {`, `ci != nil && ci.TxnID == c.t.token && !$on {`}},
		Killer: Killer{museum, "TestA5_trino27402_OwnObjectExists"},
	},
	{
		Name: "unknown-is-not-committed", Rows: "A3 A4 T4", File: txlogCommit,
		Breaks: "takes a lost answer for a failure",
		Old:    "\t\t\topen = true\n", New: "\t\t\tif $on && !errors.Is(err, logstore.ErrExist) {\nreturn nil, err\n}\n$old",
		Killer: Killer{"txlog", onePut + "applied,_response_lost"},
	},
	{
		Name: "next-version-unasked", Rows: "A1 A1b T4 T5", File: txlogCommit,
		Breaks: "goes on to N+1 without knowing whose N is",
		Old:    "w, mine, rerr :=", New: "if $on {\nreturn &Commit{Version: v}, nil\n}\n$old",
		Killer: Killer{museum, "TestA1b_derived_Resurrection"},
	},
	{
		Name: "refusal-closes-what-is-open", Rows: "A9 T4", File: txlogCommit,
		Breaks: "takes a refusal of the second request for the outcome of the first",
		Old:    "\t\t\tif !open {\n", New: "\t\t\tif !open || $on {\n",
		Killer: Killer{"txlog", onePut + "lost,_then_no_permission:_still_unknown"},
	},
	{
		Name: "absence-is-proof", Rows: "A9 A11 T4", File: txlogCommit,
		Breaks: "takes a version that is not there yet for one that will never be",
		Old:    "\t\t// Absence proves nothing:", New: "\t\tif $on && errors.Is(err, logstore.ErrNotExist) {\nreturn nil, cause\n}\n$old",
		Killer: Killer{"txlog", onePut + "always_lost"},
	},
	{
		Name: "winner-not-readable-yet", Rows: "A16 L1", File: txlogCommit,
		Breaks: "gives up when the version that exists cannot be read yet",
		Old:    "case errors.Is(rerr, ErrCorrupt):", New: "case errors.Is(rerr, ErrCorrupt), $on && errors.Is(rerr, logstore.ErrNotExist):",
		Killer: Killer{"txlog", onePut + "exists,_but_cannot_be_read_yet"},
	},
	{
		Name: "warning-fails-the-commit", Rows: "A1c T4", File: txlogCommit,
		Breaks: "reports a failure after the commit as the commit's",
		Old:    "c.landed(ctx, commit)\n", New: "$old if $on && len(c.res.Warnings) > 0 {\nreturn c.res.Warnings[0]\n}\n",
		Killer: Killer{museum, "TestA1c_deltars_PostCommitFailure"},
	},
	{
		Name: "checkpoint-error-fails-the-commit", Rows: "A1c T4", File: "txlog/postcommit.go",
		Breaks: "says that nothing was committed when the checkpoint fails",
		Old:    `c.warn("write the checkpoint", err)`, New: "if $on {\nc.res.State = NotCommitted\n}\n$old",
		Killer: Killer{museum, "TestA1c_deltars_PostCommitFailure"},
	},
	{
		Name: "cancelled-asks-nobody", Rows: "A4 T4 L3", File: txlogCommit,
		Breaks: "asks the log for the outcome of a request with a context that is over",
		Old:    `context.WithTimeout(context.WithoutCancel(ctx), c.t.opts.ResolveTimeout)`,
		New:    `context.WithTimeout(map[bool]context.Context{true: ctx, false: context.WithoutCancel(ctx)}[$on], c.t.opts.ResolveTimeout)`,
		Killer: Killer{museum, "TestA4_deltars2279_CancelledAfterItLanded"},
	},
	{
		Name: "refusals-repeated", Rows: "A13 L2", File: txlogCommit,
		Breaks: "asks again for what was refused for good",
		Old:    "\tfor _, e := range []error{\n", New: "\tif $on {\nreturn false\n}\n$old",
		Killer: Killer{museum, "TestA13_slatedb766_RetriesEnd"},
	},
	{
		Name: "retries-without-end", Rows: "A13 L1 L2", File: txlogCommit, Hangs: true,
		Breaks: "goes on trying after its time budget",
		Old:    "\td := c.backoff(try)\n", New: "$old\tif $on {\nreturn env.Sleep(ctx, d)\n}\n",
		Killer: Killer{"txlog", onePut + "always_unavailable"},
	},
}
