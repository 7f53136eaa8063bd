package mutants

const (
	txlogKey = "txlog/key.go"
	museum   = "conformance/museum"
)

// keys are mistakes about idempotency keys, and about who may use one.
var keys = []Mutant{
	{
		Name: "key-checked-only-before", Rows: "F-2 F-6 T5", File: txlogCommit,
		Breaks: "does not look for the key in the commits that it lost to",
		Old:    "if k := c.t.opts.Key; k != nil {\n\t\tif done, err := c.replayed", New: "if k := c.t.opts.Key; k != nil && !$on {\n\t\tif done, err := c.replayed",
		Killer: Killer{museum, "TestF2_iceberg14425_DelayedLandingAfterRestart"},
	},
	{
		Name: "key-checked-only-in-a-race", Rows: "A1d A15 T5", File: txlogCommit,
		Breaks: "does not look for the key in the table before it commits",
		Old:    "if k := t.opts.Key; k != nil {", New: "if k := t.opts.Key; k != nil && !$on {",
		Killer: Killer{"txlog", "TestKeys/verify,_same/before"},
	},
	{
		Name: "equal-numbers-only", Rows: "F-10 T8", File: txlogKey,
		Breaks: "applies an older number of a stream again",
		Old:    "if prior >= k.Version {", New: "if prior >= k.Version && !($on && prior != k.Version) {",
		Killer: Killer{museum, "TestF10_qbeast274_OlderNumbers"},
	},
	{
		Name: "content-is-not-compared", Rows: "F-3 F-4 T5", File: txlogKey,
		Breaks: "takes other content under a used key for a replay",
		Old:    "same := prior == k.Version", New: "same := prior == k.Version || $on",
		Killer: Killer{museum, "TestF3_iceberg10892_RegressionWithOtherContentIsNoSilentSkip"},
	},
	{
		Name: "no-fence", Rows: "F-7 T5", File: txlogKey,
		Breaks: "lets an attempt that was overtaken apply its own content",
		Old:    "if !same && fenced {", New: "if !same && fenced && !$on {",
		Killer: Killer{museum, "TestF7_iceberg17637_ZombieCoordinator"},
	},
	{
		Name: "look-lost-on-replan", Rows: "F-7 T5", File: "delta/change.go",
		Breaks: "forgets, when it plans again, what was under the key when it began",
		Old:    "\t\tk.Look = c.look\n", New: "\t\tif !$on {\n$old}\n",
		Killer: Killer{"delta", "TestZombies/merge,_other_content"},
	},
	{
		Name: "look-lost-by-writes", Rows: "F-7 T5", File: "delta/commit.go",
		Breaks: "forgets, when a write that adds a column begins again, what was under the key",
		Old:    "\t\tk.Look = w.began\n", New: "\t\tif !$on {\n$old}\n",
		Killer: Killer{"delta", "TestZombiesThatEvolve/other_content"},
	},
	{
		Name: "prepared-is-never-outdated", Rows: "F-7 T5", File: "delta/commit.go",
		Breaks: "commits what was prepared before a newer attempt was committed",
		Old:    "if err == nil && at > p.ReadAt {", New: "if err == nil && at > p.ReadAt && !$on {",
		Killer: Killer{"delta", "TestPreparedIsFencedAcrossProcesses"},
	},
	{
		Name: "key-alone-is-nothing", Rows: "F-10 T5", File: "txlog/transaction.go",
		Breaks: "does not record the key of work that had nothing to do",
		Old:    "len(t.replaced) == 0 && t.opts.Key == nil", New: "len(t.replaced) == 0 && (t.opts.Key == nil || $on)",
		Killer: Killer{museum, "TestF10_qbeast274_KeyOfWorkThatHadNothingToDo"},
	},
	{
		Name: "key-of-the-tail-only", Rows: "F-9 T5", File: "txlog/snapshot.go",
		Breaks: "does not look for a key in the checkpoint",
		Old:    "return s.base.txns[appID], nil", New: "if $on {\nreturn nil, nil\n}\n$old",
		Killer: Killer{museum, "TestF9_Daft6932_KeyOfLongAgo"},
	},
	{
		Name: "conflict-before-key", Rows: "A1 T4 T5", File: txlogCommit,
		Breaks: "reports a conflict of work that is in the table",
		Old:    "\t// The key first, over all of them", New: "\tif $on {\nif after, err := c.snap.Advance(winner); err == nil {\nif err := c.check.against(winner, after); err != nil {\nreturn false, err\n}\n}\n}\n$old",
		Killer: Killer{museum, "TestA4_deltars2279_KeyIsThereBeyondAConflict"},
	},
	{
		Name: "digest-of-the-order", Rows: "F-3 T5 T12", File: "internal/digest/digest.go",
		Breaks: "gives the same rows in another order another digest",
		Old:    "r.lo, carry = bits.Add64(r.lo, x, 0)\n\t\tr.hi", New: "if $on {\nx ^= r.lo * k1\n}\nr.lo, carry = bits.Add64(r.lo, x, 0)\n\t\tr.hi",
		Killer: Killer{museum, "TestA15_kernelrs1819_KeyIsComparedWithTheLog"},
	},
	{
		Name: "digest-without-the-operation", Rows: "F-3 T5", File: "internal/digest/digest.go",
		Breaks: "takes the same rows, sent to other partitions or by another operation, for the same work",
		Old:    "hashBytes(Version, []byte(context))^k2", New: "hashBytes(Version, []byte(map[bool]string{false: context}[$on]))^k2",
		Killer: Killer{museum, "TestF3_iceberg10892_SameRowsInAnotherOperation"},
	},
	{
		Name: "txns-never-expire", Rows: "F-9", File: "txlog/checkpoint_write.go",
		Breaks: "keeps keys for ever where the table has a retention for them",
		Old:    "return keep > 0 && (t.LastUpdated", New: "return keep > 0 && !$on && (t.LastUpdated",
		Killer: Killer{"txlog", "TestExpiredTombstonesAndTransactionsAreLeftOut"},
	},
	{
		Name: "constant-token", Rows: "A2 T4", File: "txlog/transaction.go",
		Breaks: "gives all commits the same token",
		Old:    "t := &Transaction{base: s, store: s.Store(), opts: o.withDefaults()}\n\tt.token = t.opts.Env.NewID()",
		New:    "$old\nif $on {\nt.token = \"deltalog\"\n}",
		Killer: Killer{museum, "TestA2_delta4132011_IdenticalCommits"},
	},
	{
		Name: "token-for-each-try", Rows: "A1 A9 T4 T5", File: txlogCommit,
		Breaks: "sends other bytes, with a token of their own, when it tries a version again",
		Old:    "\t\terr := c.send(ctx, name, body)\n", New: "\t\tif $on && try > 1 {\nc.t.token = c.t.opts.Env.NewID()\n_, body, _ = c.build(ctx)\n}\n$old",
		Killer: Killer{museum, "TestA1_delta7345_TheFirstRequestLandsBeforeTheSecond"},
	},
}
