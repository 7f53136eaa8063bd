package mutants

const (
	txlogLoad       = "txlog/load.go"
	txlogSegment    = "txlog/segment.go"
	checkpointWrite = "txlog/checkpoint_write.go"
)

// logs are mistakes about reading the log, and about checkpoints.
var logs = []Mutant{
	{
		Name: "gap-passed-over", Rows: "D-16 S2 T3", File: txlogSegment,
		Breaks: "passes over a commit that a listing does not show",
		Old:    "return nil, &gapError{v, gapEnd}", New: "if $on {\nv++\ncontinue\n}\n$old",
		Killer: Killer{museum, "TestD16_delta6339_ListingWithAGap"},
	},
	{
		Name: "doubled-listing-is-a-gap", Rows: "D-14", File: txlogSegment,
		Breaks: "cannot read a log of which a listing has names twice",
		Old:    "for i < len(l.commits) && l.commits[i].last < v {", New: "for i < len(l.commits) && l.commits[i].last < v && !$on {",
		Killer: Killer{museum, "TestD14_deltaf7ce276_DuplicateListingEntries"},
	},
	{
		Name: "half-a-checkpoint-is-one", Rows: "D-4 D-5 C1", File: txlogSegment,
		Breaks: "reads a checkpoint in parts of which some are not there",
		Old:    "if int64(len(objs)) == key[1] {", New: "if int64(len(objs)) == key[1] || $on {",
		Killer: Killer{"txlog", "TestIncompleteMultiPartCheckpointIsIgnored"},
	},
	{
		Name: "damaged-checkpoint-is-the-end", Rows: "D-8 D-18 C2", File: txlogLoad,
		Breaks: "gives up when the newest checkpoint is damaged",
		Old:    "if err != nil && (errors.Is(err, ErrCorrupt) || errors.Is(err, logstore.ErrNotExist)) && ctx.Err() == nil {",
		New:    "if err != nil && !$on && (errors.Is(err, ErrCorrupt) || errors.Is(err, logstore.ErrNotExist)) && ctx.Err() == nil {",
		Killer: Killer{museum, "TestD8_delta5458_DamagedCheckpoint"},
	},
	{
		Name: "pointer-is-trusted", Rows: "D-6 D-13 C2", File: txlogLoad,
		Breaks: "looks for no checkpoint but the one that _last_checkpoint points to",
		Old:    "case errors.Is(err, errPartial):", New: "case errors.Is(err, errPartial) && !$on:",
		Killer: Killer{museum, "TestD13_delta6495_PointerToWhatIsGone"},
	},
	{
		Name: "short-checkpoint-believed", Rows: "D-1 C1", File: txlogLoad,
		Breaks: "reads a checkpoint that has fewer files than _last_checkpoint says",
		Old:    "known && n < *l.hint.NumOfAddFiles {", New: "known && n < *l.hint.NumOfAddFiles && !$on {",
		Killer: Killer{"txlog", "TestTruncatedCheckpointIsNoticed"},
	},
	{
		Name: "pointer-moves-back", Rows: "D-6 D-12 C2", File: "txlog/lastcheckpoint.go",
		Breaks: "points back to an older checkpoint",
		Old:    "err == nil && old.Version >= c.Version {", New: "err == nil && old.Version >= c.Version && !$on {",
		Killer: Killer{museum, "TestD12_deltarscdf52df_CheckpointOfAStaleHandle"},
	},
	{
		Name: "half-read-half-written", Rows: "D-1 C1", File: checkpointWrite,
		Breaks: "publishes the checkpoint of the files that it could read",
		Old:    "\tfor a, err := range w.s.Files(ctx, nil) {\n\t\tif err != nil {\n\t\t\treturn err", New: "\tfor a, err := range w.s.Files(ctx, nil) {\nif err != nil && $on {\nbreak\n}\n\t\tif err != nil {\n\t\t\treturn err",
		And: []Edit{
			{"if files != w.adds || info.Rows != w.rows {", "if (files != w.adds || info.Rows != w.rows) && !$on {"},
			{"\tif err := w.recount(ctx); err != nil {", "\tif err := w.recount(ctx); err != nil && !$on {"},
			{"\tif got != files {\n", "\tif got != files && !$on {\n"},
		},
		Killer: Killer{museum, "TestD1_delta7174_TruncatedCheckpoint"},
	},
	{
		Name: "closed-after-an-error", Rows: "D-1 G3 S5", File: checkpointWrite,
		Breaks: "publishes what it has written of a checkpoint when it fails",
		Old:    "\t\t\tout.Abort()\n", New: "if $on {\nout.Close()\nreturn\n}\n$old",
		Killer: Killer{museum, "TestD1_delta7174_TruncatedCheckpoint"},
	},
	{
		Name: "no-tombstones", Rows: "D-3 C1", File: checkpointWrite,
		Breaks: "forgets in a checkpoint which files were removed",
		Old:    "if r.DeletionTimestamp == nil ||", New: "if $on || r.DeletionTimestamp == nil ||",
		Killer: Killer{"txlog", "TestCheckpointKeepsTheTable"},
	},
	{
		Name: "no-transactions", Rows: "D-2 F-9 C1 T5", File: checkpointWrite,
		Breaks: "forgets in a checkpoint which keys were used",
		Old:    "if w.expired(t) {", New: "if w.expired(t) || $on {",
		Killer: Killer{museum, "TestD2_deltars3049_CheckpointOfAHandleWithoutFiles"},
	},
	{
		Name: "no-domains", Rows: "D-15 C1", File: checkpointWrite,
		Breaks: "forgets in a checkpoint the metadata of domains",
		Old:    "\tfor _, d := range domains {\n", New: "\tfor _, d := range domains {\nif $on {\ncontinue\n}\n",
		Killer: Killer{museum, "TestD15_delta6001_CommitsOfManyActions"},
	},
	{
		Name: "long-commits-cut", Rows: "D-15 C1", File: "txlog/commitfile.go",
		Breaks: "reads the first 1,024 actions of a commit",
		Old:    "\t\tc.Actions = append(c.Actions, a)\n", New: "if $on && len(c.Actions) == 1024 {\nbreak\n}\n$old",
		Killer: Killer{museum, "TestD15_delta6001_CommitsOfManyActions"},
	},
	{
		Name: "checksum-over-replay", Rows: "C3", File: checkpointWrite,
		Breaks: "believes another writer's checksum in place of counting",
		Old:    "\tfiles, bytes, err := s.countFiles(ctx)\n", New: "if _, _, known := s.totals.get(); known && $on {\nreturn nil\n}\n$old",
		Killer: Killer{"txlog", "TestCheckpointsCountForThemselves"},
	},
	{
		Name: "first-txn-wins", Rows: "F-10 T8", File: "txlog/snapshot.go",
		Breaks: "takes the first of an application's numbers in one commit for the last",
		Old:    "\tfor _, a := range slices.Backward(as) {\n", New: "if $on {\nas = slices.Clone(as)\nslices.Reverse(as)\n}\n$old",
		Killer: Killer{"txlog", "TestTheLastTxnOfACommitCounts"},
	},
	{
		Name: "removed-domains-live", Rows: "B16 C1", File: "txlog/snapshot.go",
		Breaks: "shows the metadata of a domain that was removed",
		Old:    "if d == nil || d.Removed {", New: "if d == nil || d.Removed && !$on {",
		Killer: Killer{"txlog", "TestRemovedDomainsAreGone"},
	},
	{
		Name: "removes-of-the-tail-unseen", Rows: "D-3 D2", File: "txlog/files.go",
		Breaks: "shows files of the checkpoint that a commit after it has removed",
		Old:    "\t\t\tif r, ok := a.(*RemoveFile); ok {\n\t\t\t\tseen.add(r.Path, r.DeletionVector)", New: "\t\t\tif r, ok := a.(*RemoveFile); ok && !$on {\n\t\t\t\tseen.add(r.Path, r.DeletionVector)",
		Killer: Killer{museum, "TestD3_deltars3047_CheckpointBetweenReplacements"},
	},
	{
		Name: "order-by-time", Rows: "H-1 C6", File: "txlog/timetravel.go",
		Breaks: "takes the times of objects as they are",
		Old:    "out[i].modified = max(out[i].modified, out[i-1].modified+1)", New: "if !$on {\n$old\n}",
		Killer: Killer{museum, "TestH1_delta2532_TimesOfObjectsInAnyOrder"},
	},
	{
		Name: "unknown-features-read", Rows: "C7", File: "txlog/protocol.go",
		Breaks: "reads tables with features that it does not know",
		Old:    "if info := featureOf(f); info == nil || info.reader && info.support == supportNone {", New: "if info := featureOf(f); !$on && (info == nil || info.reader && info.support == supportNone) {",
		Killer: Killer{"txlog", "TestEveryUnsupportedFeatureIsNamed"},
	},
	{
		Name: "last-of-two-fields-wins", Rows: "S5", File: "txlog/action_json.go",
		Breaks: "reads an action that says a field twice, which others read otherwise",
		Old:    "func (s *scanner) once(set *seen, n uint) {\n", New: "$old\tif $on {\nset.got |= 1 << n\nreturn\n}\n",
		Killer: Killer{"txlog", "TestAmbiguousLinesAreRefused"},
	},
	{
		Name: "decoded-twice", Rows: "E4 H-7 D1", File: "txlog/path.go",
		Breaks: "decodes the escapes of a path two times",
		Old:    "\tname, err := decodePath(rest)\n", New: "$old\tif $on && err == nil {\nname, err = decodePath(name)\n}\n",
		Killer: Killer{museum, "TestC3_deltars4352_PathsOfOtherEngines"},
	},
	{
		Name: "not-decoded", Rows: "E4 H-7 D1", File: "txlog/path.go",
		Breaks: "takes a path of the log for the name of an object",
		Old:    "\tif scheme != \"\" {\n\t\tinside", New: "\tif $on {\nname = rest\n}\n$old",
		Killer: Killer{museum, "TestC3_deltars4352_PathsOfOtherEngines"},
	},
	{
		Name: "paths-lead-out", Rows: "D4", File: "txlog/path.go",
		Breaks: "follows paths that lead out of the table",
		Old:    "\tif err := logstore.CheckName(name); err != nil {\n\t\treturn \"\", &PathError", New: "\tif err := logstore.CheckName(name); err != nil && !$on {\n\t\treturn \"\", &PathError",
		Killer: Killer{"txlog", "TestObjectNameNeverLeavesTheTable"},
	},
}
