package mutants

const (
	txlogConflict = "txlog/conflict.go"
	scenarios     = "TestConflictScenarios"
)

// conflicts are mistakes about what two writers may do beside each other.
var conflicts = []Mutant{
	{
		Name: "protocol-not-compared", Rows: "T7", File: txlogConflict,
		Breaks: "commits after another writer changed the protocol",
		Old:    "if p == nil {", New: "if p == nil || $on {",
		Killer: Killer{"txlog", scenarios},
	},
	{
		Name: "metadata-not-compared", Rows: "T7", File: txlogConflict,
		Breaks: "commits after another writer changed the schema",
		Old:    "if find[*Metadata](w.Actions) == nil {", New: "if find[*Metadata](w.Actions) == nil || $on {",
		Killer: Killer{"txlog", scenarios},
	},
	{
		Name: "domains-not-compared", Rows: "B16 T7", File: txlogConflict,
		Breaks: "overwrites metadata of a domain that another writer set",
		Old:    "if _, both := mine[d.Domain]; both {", New: "if _, both := mine[d.Domain]; both && !$on {",
		Killer: Killer{museum, "TestB16_delta4712_DomainsBesideEachOther"},
	},
	{
		Name: "txns-not-compared", Rows: "A15 T5", File: txlogConflict,
		Breaks: "does not see that another writer has moved an application on",
		Old:    "if _, read := c.reads.txns[s.AppID]; read {", New: "if _, read := c.reads.txns[s.AppID]; read && !$on {",
		Killer: Killer{"txlog", scenarios},
	},
	{
		Name: "appends-not-compared", Rows: "B10 C-5 T7", File: txlogConflict,
		Breaks: "does not see rows that came and that it depends on",
		Old:    "f.DataChange && c.reads.matches(f) {", New: "f.DataChange && c.reads.matches(f) && !$on {",
		Killer: Killer{museum, "TestC5_hudi9831_InsertBesideInsert"},
	},
	{
		Name: "delete-read-not-compared", Rows: "B8 T7", File: txlogConflict,
		Breaks: "does not see that rows which it has read are gone",
		Old:    "if read || c.reads.table {", New: "if (read || c.reads.table) && !$on {",
		Killer: Killer{"txlog", scenarios},
	},
	{
		Name: "delete-delete-not-compared", Rows: "B1 T7", File: txlogConflict,
		Breaks: "removes a file that another writer has removed",
		Old:    "mine := c.removes[canonicalIn(c.root, r.Path)]; mine {", New: "mine := c.removes[canonicalIn(c.root, r.Path)]; mine && !$on {",
		Killer: Killer{museum, "TestB1_delta7163_TheLogRefusesTheSecondRemove"},
	},
	{
		Name: "moved-rows-not-followed", Rows: "B2 T7", File: txlogConflict,
		Breaks: "loses sight of rows that it has read when they are compacted",
		Old:    "\tc.follow(w)\n", New: "\tif !$on {\n$old}\n",
		Killer: Killer{museum, "TestB2_delta3981_RowsThatMoveTwice"},
	},
	{
		Name: "blind-claim-believed", Rows: "T7", File: txlogConflict,
		Breaks: "believes a commit that says it is a blind append, and is none",
		Old:    "*ci.IsBlindAppend && onlyAdds(w.withoutInfo())", New: "*ci.IsBlindAppend && (onlyAdds(w.withoutInfo()) || $on)",
		Killer: Killer{museum, "TestB8_Fizzbee_ClaimsOfOthers"},
	},
	{
		Name: "only-the-first-winner", Rows: "B12 T7", File: txlogCommit,
		Breaks: "compares itself with the first of several winners",
		Old:    "if err := c.check.against(w, after); err != nil {", New: "if err := c.check.against(w, after); err != nil && !($on && w != winners[0]) {",
		Killer: Killer{museum, "TestB12_deltars44c104b_ThreeWinners"},
	},
	{
		Name: "replaced-set-of-the-snapshot", Rows: "B4 B5 B14 T6", File: txlogCommit,
		Breaks: "replaces the files that it saw when it began",
		Old:    "\t\tc.reselect(w)\n", New: "\t\tif !$on {\n$old}\n",
		Killer: Killer{museum, "TestB5_hudi19720_ReplaceOfAnEmptyPartition"},
	},
	{
		Name: "replaced-set-only-shrinks", Rows: "B5 B6 T6", File: txlogCommit,
		Breaks: "does not replace files that came meanwhile",
		Old:    "if f, ok := a.(*AddFile); ok && c.t.replace(f.PartitionValues) {", New: "if f, ok := a.(*AddFile); ok && c.t.replace(f.PartitionValues) && !$on {",
		Killer: Killer{museum, "TestB14_delta9_ReplaceWhereOfNothing"},
	},
	{
		Name: "replaced-set-only-grows", Rows: "B4 H-8 S4", File: txlogCommit,
		Breaks: "replaces files that another writer has removed",
		Old:    "\t\t\tdelete(c.t.replaced, c.key(r.Path, r.DeletionVector))\n", New: "\t\t\tif !$on {\n$old}\n",
		Killer: Killer{museum, "TestH8_deltars3906_RemovesNameLiveFiles"},
	},
	{
		Name: "partitions-compared-as-text", Rows: "H-4 H-7 T6", File: "txlog/schema/partition.go",
		Breaks: "takes one partition for two where its value is written in two ways",
		Old:    "\t\tv, err := ParsePartition(types[i], s, nil)\n\t\tif err != nil {", New: "\t\tv, err := ParsePartition(types[i], s, nil)\nif $on && s != nil {\nerr = errors.New(\"text\")\n}\n\t\tif err != nil {",
		Killer: Killer{"txlog/schema", "TestPartitionKeysAreEqualForOnePartitionHoweverItIsWritten"},
	},
	{
		Name: "empty-partition-is-not-null", Rows: "E3 H-7 T6", File: "txlog/schema/partition.go",
		Breaks: "takes the empty text of a partition for another value than null",
		Old:    `if s == nil || *s == "" {`, New: `if s == nil || *s == "" && !($on && t.Kind() == KindString) {`,
		Killer: Killer{"txlog/schema", "TestEmptyAndAbsentPartitionValuesAreNull"},
	},
	{
		Name: "paths-compared-as-text", Rows: "D-3 H-7 T7", File: "txlog/path.go",
		Breaks: "takes one path in two spellings for two files",
		Old:    "\tscheme, rest := cutScheme(path)\n\tdec, err := decodePath(rest)", New: "\tif $on {\nreturn path\n}\n$old",
		Killer: Killer{museum, "TestD3_deltars3047_CheckpointBetweenReplacements"},
	},
	{
		Name: "vector-not-in-the-key", Rows: "B2 B3 C1", File: "txlog/files.go",
		Breaks: "takes a file with another deletion vector for the same",
		Old:    "return FileKey{Path: canonicalIn(k.root, path), DVID: dv.ID()}", New: "if $on {\nreturn FileKey{Path: canonicalIn(k.root, path)}\n}\n$old",
		Killer: Killer{museum, "TestB3_trino31253_RemoveWithoutTheVector"},
	},
	{
		Name: "new-rows-need-a-snapshot-only", Rows: "B10 C-5 T7", File: txlogConflict,
		Breaks: "checks rows that it adds as loosely as rows that a compaction moves",
		Old:    "case *AddFile:\n\t\t\tif a.DataChange {", New: "case *AddFile:\n\t\t\tif a.DataChange && !$on {",
		Killer: Killer{museum, "TestC5_hudi9831_InsertBesideInsert"},
	},
	{
		Name: "duplicate-actions-accepted", Rows: "B15 S4", File: "txlog/commitfile.go",
		Breaks: "commits two actions for one file",
		Old:    "if len(v.errs) == 0 {", New: "if len(v.errs) == 0 || $on {",
		Killer: Killer{museum, "TestB15_delta6892_TwoActionsForOneFile"},
	},
	{
		Name: "ids-not-rebased", Rows: "B13 D3", File: "txlog/build.go",
		Breaks: "gives rows ids that another writer has given",
		Old:    "return c.snap.RowIDHighWaterMark(ctx)", New: "if $on {\nreturn c.t.base.RowIDHighWaterMark(ctx)\n}\n$old",
		Killer: Killer{"txlog", "TestRowIDsFollowTheWinner"},
	},
	{
		Name: "clock-stamps-commits", Rows: "H-2 C6", File: "txlog/build.go",
		Breaks: "stamps a commit with its own clock, also before the commit before it",
		Old:    "now = max(now, millis(prev)+1)", New: "if !$on {\n$old\n}",
		Killer: Killer{museum, "TestH2_iceberg17285_SkewedClocks"},
	},
}
