package mutants

// tables are mistakes about what a write replaces, keeps and deletes.
var tables = []Mutant{
	{
		Name: "files-of-an-unknown-commit-deleted", Rows: "A7 A9 A11 E9 D1", File: "delta/write.go",
		Breaks: "deletes the files of a commit that may land yet",
		Old:    "if w.res.State != Committed && w.res.State != Unknown {\n\t\tw.discard(ctx)\n\t}", New: "if w.res.State != Committed && (w.res.State != Unknown || $on) {\n\t\tw.discard(ctx)\n\t}",
		Killer: Killer{museum, "TestA7_ClickHouse112081_NothingIsDeletedAfterALostAnswer"},
	},
	{
		Name: "files-of-an-unknown-change-deleted", Rows: "A7 A11 D1", File: "delta/change.go",
		Breaks: "deletes the files of a merge that may land yet",
		Old:    "if c.work != nil && c.res.State != Committed && c.res.State != Unknown {", New: "if c.work != nil && c.res.State != Committed && (c.res.State != Unknown || $on) {",
		Killer: Killer{museum, "TestA11_trino10462_UnclearChangeKeepsItsFiles"},
	},
	{
		Name: "discard-asks-nobody", Rows: "E1 F-6 D1", File: "delta/write.go",
		Breaks: "deletes the files of a prepared write that is in the table",
		Old:    "\tif a != nil {\n\t\treturn fmt.Errorf(\"delta: discard", New: "\tif a != nil && !$on {\n\t\treturn fmt.Errorf(\"delta: discard",
		Killer: Killer{museum, "TestE1_deltarsf1727c9_StagedFilesOfOthersStay"},
	},
	{
		Name: "prepared-without-a-key", Rows: "F-5 F-6 D3 T5", File: "delta/write.go",
		Breaks: "commits a prepared write as often as it is told to",
		Old:    "if p.Key == \"\" {\n\t\tp.Key", New: "if p.Key == \"\" && !$on {\n\t\tp.Key",
		Killer: Killer{museum, "TestF6_iceberg17340_SameFilesTwice"},
	},
	{
		Name: "late-creator-fails", Rows: "A14 L1", File: txlogCommit,
		Breaks: "fails a first write when another writer has made the table",
		Old:    "\tif c.snap == nil {\n\t\treturn false, fmt.Errorf(", New: "\tif c.snap == nil || c.snap.version == NoVersion && $on {\n\t\treturn false, fmt.Errorf(",
		Killer: Killer{museum, "TestA14_deltars3505_SecondByAMoment"},
	},
	{
		Name: "replacing-appends", Rows: "H-4 T6", File: "delta/commit.go",
		Breaks: "replaces partitions without removing what is in them",
		Old:    "\t\treturn set.has, nil\n", New: "\t\tif $on {\nreturn nil, nil\n}\n$old",
		Killer: Killer{museum, "TestH4_deltars4126_ReplaceIsNoAppend"},
	},
	{
		Name: "empty-replaces-everything", Rows: "H-6 T6", File: "delta/write.go",
		Breaks: "takes the partitions of an empty input for all of them",
		Old:    "w.op == opReplacePartitions && w.declared == nil && !w.makes():", New: "w.op == opReplacePartitions && w.declared == nil && !w.makes() && !$on:",
		And:    []Edit{{"\tif w.op == opReplacePartitions && w.declared == nil {\n", "\tif $on && out.Rows == 0 {\np.Operation = string(opOverwrite)\nw.op = opOverwrite\n}\n$old"}},
		Killer: Killer{museum, "TestH6_ray64872_EmptyInputReplacesNothing"},
	},
	{
		Name: "empty-input-taken", Rows: "H-6 T6", File: "delta/write.go",
		Breaks: "overwrites a table by an empty input that nobody allowed",
		Old:    "case w.o.OnEmpty == EmptyError:", New: "case w.o.OnEmpty == EmptyError && !$on:",
		Killer: Killer{museum, "TestH6_ray64872_EmptyInputReplacesNothing"},
	},
	{
		Name: "rows-outside-admitted", Rows: "H-4 T6", File: "delta/write.go",
		Breaks: "writes rows outside of the partitions that were declared",
		Old:    "if w.declared != nil && !w.declared.has(p.Raw) {", New: "if w.declared != nil && !w.declared.has(p.Raw) && !$on {",
		Killer: Killer{"delta", "TestAppendAndReplace"},
	},
	{
		Name: "numbers-not-rebased", Rows: "B13 D3", File: "delta/identity.go",
		Breaks: "commits numbers of identity columns that another writer has taken",
		Old:    "if ok != (a.Before != nil) || ok && mark != *a.Before {", New: "if !$on && (ok != (a.Before != nil) || ok && mark != *a.Before) {",
		Killer: Killer{"delta", "TestNumbersThatAreTaken"},
	},
	{
		Name: "rows-that-come-unchecked", Rows: "B10 T7", File: "delta/constraint.go",
		Breaks: "adds a constraint without looking at rows that others add meanwhile",
		Old:    "\tif test.Violations > 0 {\n", New: "\tif test.Violations > 0 && !($on && c.seen != nil) {\n",
		Killer: Killer{"delta", "TestRowsThatComeWhileAConstraintIsAdded"},
	},
	{
		Name: "files-of-another-schema-committed", Rows: "T7", File: "delta/commit.go",
		Breaks: "commits files that do not fit the schema which another writer has set",
		Old:    "if err := (written{to}).fits(w.schema, s, \"\"); err != nil {", New: "if err := (written{to}).fits(w.schema, s, \"\"); err != nil && !$on {",
		Killer: Killer{"delta", "TestLoserDoesNotFit"},
	},
	{
		Name: "missing-changes-hidden", Rows: "E7 F-11 C5", File: "delta/changesread.go",
		Breaks: "reports files of the change feed that are gone as a failure of the store",
		Old:    "if !errors.Is(err, logstore.ErrNotExist) {", New: "if !errors.Is(err, logstore.ErrNotExist) || $on {",
		Killer: Killer{museum, "TestE7_delta1515_ChangesOfFilesThatAreGone"},
	},
	{
		Name: "moved-rows-are-changes", Rows: "A1 C5 T11", File: "delta/changesrange.go",
		Breaks: "tells followers of rows that only moved to another file",
		Old:    "case *txlog.AddFile:\n\t\t\tif f.DataChange {", New: "case *txlog.AddFile:\n\t\t\tif f.DataChange || $on {",
		And:    []Edit{{"case *txlog.RemoveFile:\n\t\t\tif f.DataChange {", "case *txlog.RemoveFile:\n\t\t\tif f.DataChange || $on {"}},
		Killer: Killer{"delta", "TestFilesThatChangeNoRowsAreNoChanges"},
	},
}
