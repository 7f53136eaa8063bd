package txlog

import "time"

// A Version is the number of a commit; the first is 0. NoVersion means none.
type Version int64

// NoVersion is the version before the first.
const NoVersion Version = -1

// An Action is one line of a commit: [*CommitInfo], [*Protocol], [*Metadata],
// [*AddFile], [*RemoveFile], [*AddCDCFile], [*SetTransaction],
// [*DomainMetadata], [*CheckpointMetadata] or [*Sidecar].
//
// PROTOCOL.md, "Actions".
type Action interface{ action() }

// Protocol says which versions and features a reader and a writer need.
// Features are nil unless the version is 3 (reader) or 7 (writer).
type Protocol struct {
	MinReaderVersion int
	MinWriterVersion int
	ReaderFeatures   []Feature
	WriterFeatures   []Feature
}

// Metadata is the table's schema, partitioning and properties. It replaces the
// previous one whole.
type Metadata struct {
	ID               string
	Name             string // empty: absent
	Description      string // empty: absent
	Format           Format
	SchemaString     string
	PartitionColumns []string
	CreatedTime      *int64 // milliseconds since 1970
	Configuration    map[string]string
}

// Format is the encoding of the data files; always parquet.
type Format struct {
	Provider string
	Options  map[string]string
}

// An AddFile says that a data file is part of the table.
//
// Path is as in the log: percent-encoded, relative to the table's root unless
// absolute. [AddFile.ObjectName] gives the name in the store.
type AddFile struct {
	Path             string
	PartitionValues  map[string]*string // physical column name → serialised value, nil: null
	Size             int64              // bytes
	ModificationTime int64              // milliseconds since 1970
	DataChange       bool
	// Stats is the statistics' JSON text, unescaped; empty: none. See internal/stats.
	Stats                   string
	Tags                    map[string]string
	DeletionVector          *DVDescriptor
	BaseRowID               *int64
	DefaultRowCommitVersion *int64
	ClusteringProvider      string
}

// A RemoveFile says that a data file is no longer part of the table. It is kept
// as a tombstone until DeletionTimestamp is older than the retention.
type RemoveFile struct {
	Path                    string
	DeletionTimestamp       *int64 // milliseconds since 1970; nil counts as 0
	DataChange              bool
	ExtendedFileMetadata    bool // PartitionValues, Size and Tags are present
	PartitionValues         map[string]*string
	Size                    *int64
	Stats                   string
	Tags                    map[string]string
	DeletionVector          *DVDescriptor
	BaseRowID               *int64
	DefaultRowCommitVersion *int64
}

// An AddCDCFile names a file of change data. It never adds rows to the table.
type AddCDCFile struct {
	Path            string
	PartitionValues map[string]*string
	Size            int64
	DataChange      bool // always false
	Tags            map[string]string
}

// A SetTransaction records how far an application has got.
type SetTransaction struct {
	AppID       string
	Version     int64
	LastUpdated *int64 // milliseconds since 1970
}

// DomainMetadata is one domain's configuration. Removed is a tombstone.
type DomainMetadata struct {
	Domain        string
	Configuration string
	Removed       bool
}

// CheckpointMetadata is in V2 checkpoints only.
type CheckpointMetadata struct {
	Version Version
	Tags    map[string]string
}

// A Sidecar names a file with a part of a V2 checkpoint's file actions.
type Sidecar struct {
	Path             string
	SizeInBytes      int64
	ModificationTime int64
	Tags             map[string]string
}

// A DVDescriptor says which rows of a data file are deleted, or where to read it.
type DVDescriptor struct {
	StorageType    string // "u", "p" or "i"
	PathOrInlineDV string
	Offset         *int32
	SizeInBytes    int32
	Cardinality    int64
	MaxRowIndex    *int64
}

// CommitInfo is a commit's provenance. Only fields that this package acts on or
// writes are here; the others of a commit read from storage are in Other.
type CommitInfo struct {
	InCommitTimestamp   *int64 // milliseconds since 1970
	Timestamp           *int64 // milliseconds since 1970
	Operation           string
	OperationParameters map[string]string // name → JSON text
	ReadVersion         *Version
	IsolationLevel      string
	IsBlindAppend       *bool
	OperationMetrics    map[string]string
	UserMetadata        string
	Tags                map[string]string
	EngineInfo          string
	TxnID               string // the token of the attempt; unique for each commit
	// Other holds the fields that have no place above (and those above whose JSON
	// type is not the usual one): name → raw JSON.
	Other map[string]string
}

func (*Protocol) action()           {}
func (*Metadata) action()           {}
func (*AddFile) action()            {}
func (*RemoveFile) action()         {}
func (*AddCDCFile) action()         {}
func (*SetTransaction) action()     {}
func (*DomainMetadata) action()     {}
func (*CheckpointMetadata) action() {}
func (*Sidecar) action()            {}
func (*CommitInfo) action()         {}

// A FileKey identifies a logical file: PROTOCOL.md, "Action Reconciliation".
type FileKey struct {
	Path string // canonical: see CanonicalPath
	DVID string // empty: no deletion vector
}

// A Feature is the name of a table feature.
type Feature string

// millis returns t as the log writes it.
func millis(t time.Time) int64 { return t.UnixMilli() }
