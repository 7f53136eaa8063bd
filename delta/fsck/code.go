package fsck

// A Code names a kind of finding. Codes are stable: programs may match them.
type Code string

// The codes. [Codes] says what each means and what to do about it.
const (
	LogGap          Code = "log.gap"
	LogStray        Code = "log.stray"
	LogContradicts  Code = "log.contradicts"
	LogTwoBodies    Code = "log.two_bodies"
	LogStaged       Code = "log.staged"
	LogUnusable     Code = "log.unusable"
	CommitBad       Code = "commit.unreadable"
	CommitDuplicate Code = "commit.duplicate"
	CommitBoth      Code = "commit.add_and_remove"
	CommitAbsent    Code = "commit.removes_absent"
	CommitAgain     Code = "commit.adds_live"
	CommitDoubled   Code = "commit.doubles_file"
	CommitTime      Code = "commit.timestamp"

	CheckpointBad     Code = "checkpoint.unreadable"
	CheckpointPartial Code = "checkpoint.incomplete"
	CheckpointDiffers Code = "checkpoint.differs"
	CompactionBad     Code = "compaction.unreadable"
	CompactionDiffers Code = "compaction.differs"
	ChecksumBad       Code = "checksum.unreadable"
	ChecksumDiffers   Code = "checksum.differs"
	HintBad           Code = "hint.unreadable"
	HintStale         Code = "hint.stale"
	ReaderFallback    Code = "reader.fallback"

	DataPath       Code = "data.path"
	DataOutside    Code = "data.outside"
	DataMissing    Code = "data.missing"
	DataSize       Code = "data.size"
	DataUnreadable Code = "data.unreadable"
	DataRows       Code = "data.rows"
	VectorMissing  Code = "dv.missing"
	VectorBad      Code = "dv.unreadable"
	PartitionBad   Code = "partition.value"
	RowIDMissing   Code = "rowid.missing"
	RowIDOverlap   Code = "rowid.overlap"
	RowIDMark      Code = "rowid.mark"
	StatsBad       Code = "stats.unreadable"
	StatsBounds    Code = "stats.bounds"
	StatsNulls     Code = "stats.nulls"
	RuleBroken     Code = "rule.broken"
	HistoryMissing Code = "history.missing"
	HistoryVacuum  Code = "history.vacuumed"
	ChangesMissing Code = "changes.missing"
)

// A Severity says how bad a finding is.
type Severity string

// The severities.
const (
	// Error: bytes are lost or contradict each other.
	Error Severity = "error"
	// Warning: odd, but no reader gives wrong rows because of it.
	Warning Severity = "warning"
)

// A CodeInfo explains a code.
type CodeInfo struct {
	Code Code
	// Severity is that of the code's findings. Some warnings are errors where the
	// commit is deltalog's own, which never writes such a thing.
	Severity Severity
	Meaning  string
	Do       string // what to do about it
}

// Codes lists all codes, in the order of the checks.
func Codes() []CodeInfo { return codes }

const (
	doRestoreCommit = "restore the commit from a backup or from the store's versions; until then only versions from the next checkpoint on can be read"
	doCheckpoint    = "find out which is true by comparing both with another copy of the table; if the commits are, delete the checkpoint and write it again (deltactl checkpoint)"
	doRewriteHint   = "nothing: readers do without it; the next checkpoint (deltactl checkpoint) writes it again"
	doReport        = "report it to the writer's makers; rows may be doubled or lost since that version: compare with the source and load the affected partitions again"
	doRestoreFile   = "restore the file from a backup or from the store's versions, or load the partition again (deltactl replace-partition)"
	doStats         = "queries with filters may miss rows of the file: rewrite it, by loading its partition again"
)

var codes = []CodeInfo{
	{LogGap, Error, "commits are missing between versions that are there", doRestoreCommit},
	{LogStray, Warning, "commits are left below a gap that a checkpoint covers: by a clean-up that was killed, or put by a request that was delayed", "nothing: readers ignore them; the next log clean-up removes them"},
	{LogContradicts, Error, "a commit is not what a checkpoint after it says: one of the two was written for another history, for instance by a delayed request that made an old commit again", doCheckpoint},
	{LogTwoBodies, Error, "a version had two bodies: what was written beside it is about another commit of the same version", "the store may not honour conditional writes: test it with deltactl store check, and look whether rows of the lost commit must be loaded again"},
	{LogStaged, Warning, "no staged commit of a version has the bytes that were published for it", "nothing, if another writer's proposal was refused; else compare the two"},
	{CommitBad, Error, "a commit is cut off, empty, or not what the format asks for", doRestoreCommit},
	{CommitDuplicate, Error, "a commit says something twice: adds or removes one file, or sets an application's version or a domain", doReport},
	{CommitBoth, Error, "a commit adds and removes the same file", doReport},
	{CommitAbsent, Warning, "a commit removes a file that was not live before it", "nothing, if the writer is known to do so; else another writer's commit was not noticed: compare with the source"},
	{CommitAgain, Warning, "a commit adds a file as new data that was live already: readers of changes see its rows twice", doReport},
	{CommitDoubled, Error, "a file is live twice, with different deletion vectors: its rows are read twice", doReport},
	{CommitTime, Error, "a commit of a table with in-commit timestamps has none, not as its first action, or not a later one than the commit before", "travel in time by version instead of by timestamp; report it to the writer's makers"},

	{CheckpointBad, Error, "a checkpoint cannot be read", "delete it if the commits before it are all there, and write it again (deltactl checkpoint); else restore it from a backup"},
	{CheckpointPartial, Warning, "parts of a checkpoint are missing, or it is empty: its writer was killed", "nothing: readers ignore it; delete the parts"},
	{CheckpointDiffers, Error, "a checkpoint is not what replaying the commits gives", doCheckpoint},
	{CompactionBad, Error, "a compaction of commits cannot be read", "delete it: the commits are there"},
	{CompactionDiffers, Error, "a compaction is not what its commits give", "delete it: the commits are the truth"},
	{ChecksumBad, Warning, "a checksum file cannot be read", "nothing: no reader depends on it; delete it"},
	{ChecksumDiffers, Warning, "a checksum file is not what the log gives", "find out whether a commit was lost (see other findings); if not, delete the file"},
	{HintBad, Warning, "_last_checkpoint cannot be read", doRewriteHint},
	{HintStale, Warning, "_last_checkpoint does not describe the newest checkpoint", doRewriteHint},
	{ReaderFallback, Warning, "loading the table had to work around something", "see the other findings about the log"},
	{LogUnusable, Error, "the version cannot be put together from the log", "see the other findings about the log"},

	{DataPath, Error, "a path in the log does not name a file", doReport},
	{DataOutside, Warning, "a live file is outside of the table (a shallow clone), where it is not looked for", "check that the table that it belongs to is not vacuumed"},
	{DataMissing, Error, "a live file is not there", doRestoreFile},
	{DataSize, Error, "a live file has another size than the log says", doRestoreFile},
	{DataUnreadable, Error, "a live file is not Parquet that can be read", doRestoreFile},
	{DataRows, Error, "a live file has another number of rows than its statistics say", doRestoreFile},
	{VectorMissing, Error, "the file of a deletion vector is not there", "restore it from a backup; without it the deleted rows come back: delete them again"},
	{VectorBad, Error, "a deletion vector cannot be read, or is not what the log says", "restore its file from a backup; without it the deleted rows come back: delete them again"},
	{PartitionBad, Error, "a file's partition values are not the partition columns', or not of their types", doRestoreFile},
	{RowIDMissing, Error, "a file of a table with row tracking has no row ids", doReport},
	{RowIDOverlap, Error, "two files have the same row ids", doReport},
	{RowIDMark, Error, "row ids are in use that the table's high-water mark will give out again", doReport},
	{StatsBad, Warning, "a file's statistics cannot be read", "nothing: readers do without; rewrite the file to have them"},
	{StatsBounds, Error, "a file has values outside of the bounds that its statistics say", doStats},
	{StatsNulls, Error, "a file has another number of nulls than its statistics say", doStats},
	{RuleBroken, Error, "a row breaks what the table promises: NOT NULL, a CHECK constraint, an invariant or a generated column", "correct the rows (deltactl update), or drop the constraint"},
	{HistoryMissing, Error, "a file that an older version needs was deleted before the table's retention", "restore the file, or do without the versions; find out what deleted it"},
	{HistoryVacuum, Warning, "files that older versions need were deleted after the table's retention (vacuum)", "nothing: these versions can no longer be read"},
	{ChangesMissing, Warning, "files of recorded changes are not there any more (vacuum)", "nothing: the changes of these versions can no longer be read"},
}

var codeInfo = func() map[Code]*CodeInfo {
	m := map[Code]*CodeInfo{}
	for i := range codes {
		m[codes[i].Code] = &codes[i]
	}
	return m
}()
