package mutants

// found are the mistakes that we had made, and that the conformance suite, or work
// on it, has found: each is planted again.
var found = []Mutant{
	{
		Name: "name-that-was-cleaned-up", Rows: "D-9 S1 T4", File: "txlog/catchup.go",
		Breaks: "commits, after a long pause, under the name of a version that was cleaned up",
		Old:    "if !old.outdated(t.opts.Env.Now()) {", New: "if $on || !old.outdated(t.opts.Env.Now()) {",
		Killer: Killer{"txlog", "TestCommitOnACleanedUpVersionIsNotLost"},
	},
	{
		Name: "clock-that-stands-still", Rows: "H-3 L1 L2", File: txlogCommit, Hangs: true,
		Breaks: "never gives up where the clock stands still",
		Old:    "\tc.waited += d // counts", New: "\tif $on {\nc.waited -= d\n}\n$old",
		Killer: Killer{"txlog", "TestCommitGivesUpThoughTheClockStandsStill"},
	},
	{
		Name: "second-truncation-commits", Rows: "H-6 T12", File: txlogCommit,
		Breaks: "makes a version of nothing when another writer has emptied the table first",
		Old:    "\treturn c.nothing(ctx) // the winners", New: "\tif $on {\nreturn false, nil\n}\n$old",
		Killer: Killer{"txlog", "TestTruncationsSerialise"},
	},
	{
		Name: "found-and-not-flushed", Rows: "G4 T4 S5", File: txlogCommit,
		Breaks: "tells of a commit that it has found in the log, and that a power cut may still take away",
		Old:    "\terr := logstore.Flush(ctx, store, commitPath(v))\n", New: "\tif $on {\nreturn nil\n}\n$old",
		Killer: Killer{"delta", "TestWhatIsFoundIsFlushedFirst"},
	},
	{
		Name: "stale-handle-judges", Rows: "F-7 T5", File: "delta/write.go",
		Breaks: "takes what a handle saw long ago for the newest use of a key",
		Old:    "if w.makes() || hasIdentity(w.snap) || w.judges() {", New: "if w.makes() || hasIdentity(w.snap) || w.judges() && !$on {",
		Killer: Killer{"delta", "TestRerunThroughStaleHandle"},
	},
	{
		Name: "broken-connection-is-damage", Rows: "D-8 C2", File: "internal/body/body.go",
		Breaks: "takes a connection that breaks for an object that is damaged",
		Old:    "\t\tif err != nil {\n", New: "\t\tif err != nil && $on {\nreturn n, ErrShort\n}\n$old",
		Killer: Killer{"delta", "TestBrokenConnectionsAreNotCorruption"},
	},
	{
		Name: "directories-of-the-dead", Rows: "G4 S5", File: localstore + "/dirs.go",
		Breaks: "does not flush directories that a process which died has made",
		Old:    "if s.kept(info) || !sameDevice(info, above) {", New: "if $on || s.kept(info) || !sameDevice(info, above) {",
		Killer: Killer{localstore, "TestDirectoriesOfTheDeadAreFlushed"},
	},
	{
		Name: "too-many-files-is-unclear", Rows: "T4 L1", File: localstore + "/errors.go",
		Breaks: "does not know that a call which got no open file did nothing",
		Old:    "case isTooManyFiles(err):", New: "case isTooManyFiles(err) && !$on:",
		Killer: Killer{localstore, "TestEveryCallFails"},
	},
	{
		Name: "old-numbers-in-silence", Rows: "F-3 F-4 T5", File: "delta/result.go",
		Breaks: "does not warn when it passes over work whose number is an old one",
		Old:    "at.Version > txn.Version {", New: "at.Version > txn.Version && !$on {",
		Killer: Killer{museum, "TestF4_foreachBatch_NewStreamWithAnOldName"},
	},
	{
		Name: "lost-partition-not-fenced", Rows: "F-7 T5", File: txlogKey,
		Breaks: "commits what a consumer goes on with that has lost its partition to another",
		Old:    "if k.After == nil || *k.After == recorded {", New: "if k.After == nil || *k.After == recorded || $on {",
		Killer: Killer{"delta", "TestTxnAfter"},
	},
}
