package mutants

const (
	localstore = "txlog/logstore/localstore"
	blobstore  = "internal/blobstore"
)

// stores are mistakes of the drivers.
var stores = []Mutant{
	{
		Name: "rename-over-a-version", Rows: "G1 G6 G7 S1", File: localstore + "/publish.go",
		Breaks: "gives a file its name whether or not the name is taken",
		Old:    "\treturn logstore.ErrExist\n}\n\n// takenAlready", New: "\tif $on {\nreturn nil\n}\n$old",
		And:    []Edit{{"return p.do(diskcall.Link, nil, func() error { return linkAnonymous(p.file, p.dir, p.base) })", "if $on {\n_ = p.root.Remove(p.name)\n}\n$old"}},
		Killer: Killer{museum, "TestG1_ClickHouse112077_ProcessesOnLocalDisk"},
	},
	{
		Name: "content-not-flushed", Rows: "G4 S5", File: localstore + "/publish.go",
		Breaks: "does not flush the content of a file before it has a name",
		Old:    "\treturn p.do(diskcall.SyncFile, nil, p.file.Sync)\n", New: "\tif $on {\nreturn nil\n}\n$old",
		Killer: Killer{localstore, "TestOrderOfCalls"},
	},
	{
		Name: "name-not-flushed", Rows: "G4 S5", File: localstore + "/publish.go",
		Breaks: "reports an object whose name may not survive a power cut",
		Old:    "\tp.removeTemp()\n\tif p.s.opts.NoSync {", New: "\tp.removeTemp()\n\tif p.s.opts.NoSync || $on {",
		Killer: Killer{localstore, "TestOrderOfCalls"},
	},
	{
		Name: "new-directories-not-flushed", Rows: "G4 S5", File: localstore + "/dirs.go",
		Breaks: "does not flush the directories above a new one",
		Old:    "\treturn s.do(diskcall.Call{Op: diskcall.SyncDir, Path: filepath.ToSlash(path)}, func() error {", New: "\tif $on {\nreturn nil\n}\n$old",
		Killer: Killer{localstore, "TestNewDirectoriesAreFlushed"},
	},
	{
		Name: "temporary-names-listed", Rows: "G5 D2", File: localstore + "/list.go",
		Breaks: "lists files that are being written",
		Old:    "!isTemp(e.key) {", New: "!isTemp(e.key) || $on {",
		Killer: Killer{museum, "TestG4_cockroach60477_TemporaryNamesAreNoObjects"},
	},
	{
		Name: "failed-upload-published", Rows: "G2 G3 D1 S5", File: localstore + "/writer.go",
		Breaks: "publishes a file although a write of it failed or its context is over",
		Old:    "\tif w.err != nil {\n\t\treturn w.fail(\"close\", w.err)\n\t}\n\terr := w.p.publish()", New: "\tif w.err != nil && !$on {\n\t\treturn w.fail(\"close\", w.err)\n\t}\n\terr := w.p.publish()",
		Killer: Killer{museum, "TestG3_delta782_EndedContextPublishesNothing"},
	},
	{
		Name: "links-lead-out", Rows: "D4", File: localstore + "/localstore.go",
		Breaks: "follows a symbolic link out of the table's directory",
		Old:    "\t\tf, err = root.OpenFile(name, os.O_RDONLY|openNonblock, 0)\n\t\treturn err\n", New: "\t\tif $on {\nf, err = os.Open(filepath.Join(s.path, filepath.FromSlash(name)))\nreturn err\n}\n$old",
		Killer: Killer{localstore, "TestSymbolicLinks"},
	},
	{
		Name: "lost-reply-is-a-loss", Rows: "G1 T4", File: localstore + "/publish.go",
		Breaks: "takes a name whose link reported a failure for another writer's",
		Old:    "return err == nil && os.SameFile(mine, there)", New: "return err == nil && os.SameFile(mine, there) && !$on",
		Killer: Killer{localstore, "TestEveryCallFails"},
	},
	{
		Name: "overwritten-in-place", Rows: "G5 S5", File: localstore + "/publish.go",
		Breaks: "overwrites an object where readers see it",
		Old:    "\t\treturn s.wrap(\"overwrite\", name, s.overwrite(ctx, name, data))\n", New: "\t\tif $on {\nreturn os.WriteFile(s.path+\"/\"+name, data, s.opts.FileMode)\n}\n$old",
		Killer: Killer{museum, "TestG5_delta2893_ReadersOfWhatIsOverwritten"},
	},
	{
		Name: "cancelled-put-published", Rows: "G3 L3", File: localstore + "/publish.go",
		Breaks: "publishes an object after its context has ended",
		Old:    "\tif err := ctx.Err(); err != nil {\n\t\treturn s.notPublished(err)\n\t}\n\tif err := p.publish()", New: "\tif err := ctx.Err(); err != nil && !$on {\n\t\treturn s.notPublished(err)\n\t}\n\tif err := p.publish()",
		Killer: Killer{localstore, "TestCancelAtEveryCall"},
	},
	{
		Name: "conflict-is-exists", Rows: "A12 T4 L1", File: blobstore + "/errors.go",
		Breaks: "reads 409, where nothing landed, as: it exists",
		Old:    "repeat\n\t\treturn logstore.ErrUnavailable", New: "repeat\n\t\tif $on {\nreturn logstore.ErrExist\n}\n\t\treturn logstore.ErrUnavailable",
		Killer: Killer{"conformance/sdk", "TestA12_ConflictIsNotExists"},
	},
	{
		Name: "exists-is-definite", Rows: "A5 A6 T4", File: blobstore + "/errors.go",
		Breaks: "takes 412 for another writer's object although a request before had no answer",
		Old:    "case reply.Status == 0 || unclear && op.writes:", New: "case reply.Status == 0 || unclear && op.writes && !$on:",
		Killer: Killer{blobstore, "TestUnclearAttemptsWeakenClaims"},
	},
	{
		Name: "closed-before-cancelled", Rows: "D-1 G3 S5", File: blobstore + "/writer.go",
		Breaks: "closes an upload to end it, which publishes it",
		Old:    "\tw.cancel(cause)\n\t_ = w.w.Close()", New: "\tif $on {\n_ = w.w.Close()\n}\n$old",
		Killer: Killer{"conformance/sdk", "TestH6_ClosingAfterAnErrorPublishesNothing"},
	},
	{
		Name: "condition-not-sent", Rows: "A17 G8 S1", File: blobstore + "/store.go",
		Breaks: "puts versions without the condition that there is none",
		Old:    "return s.fail(ctx, &op, s.driver.Put(ctx, key, data, mode == logstore.IfAbsent))", New: "return s.fail(ctx, &op, s.driver.Put(ctx, key, data, mode == logstore.IfAbsent && !$on))",
		Killer: Killer{blobstore, "TestPutsCarryTheCondition"},
	},
	{
		Name: "short-body-accepted", Rows: "F-11 D1", File: blobstore + "/reader.go",
		Breaks: "takes the end of a broken body for the end of the object",
		Old:    "\t\t\tr.err = r.broken(err)\n", New: "\t\t\tif $on {\nr.err = io.EOF\ncontinue\n}\n$old",
		Killer: Killer{"conformance/sdk", "TestReads"},
	},
	{
		Name: "own-upload-is-a-loss", Rows: "A5 A8 T4", File: blobstore + "/writer.go",
		Breaks: "takes its own upload, whose answer was lost, for another's",
		Old:    "case a.Token != w.token:", New: "case a.Token != w.token || $on:",
		Killer: Killer{"conformance/sdk", "TestA5_OwnPreconditionFailed"},
	},
	{
		Name: "replaced-while-read", Rows: "T3 D1", File: blobstore + "/reader.go",
		Breaks: "puts together the halves of two objects of one name",
		Old:    "BeforeRead: s.driver.BeforeRead(r.key, r.version),", New: "BeforeRead: s.driver.BeforeRead(r.key, map[bool]string{false: r.version}[$on]),",
		Killer: Killer{"conformance/sdk", "TestReplacedWhileRead"},
	},
	{
		Name: "liars-not-found-out", Rows: "G8 S1", File: "delta/table.go",
		Breaks: "writes to a store without asking whether it honours the condition",
		Old:    "if t.opts.SkipProbe || !ok ||", New: "if t.opts.SkipProbe || $on || !ok ||",
		Killer: Killer{museum, "TestG8_versitygw2183_StoresThatIgnoreTheCondition"},
	},
}
