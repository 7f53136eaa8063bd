package txlog

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/deltalog/deltalog/txlog/schema"
)

// Properties are a table's properties: metaData.configuration, with typed
// accessors that know the defaults. A value that does not parse counts as the
// default for readers; [CheckWrite] refuses it. Keys without an accessor are
// kept and looked up like those of any map. Read-only.
type Properties map[string]string

// PropertiesOf returns m's properties; none for nil.
func PropertiesOf(m *Metadata) Properties {
	if m == nil {
		return nil
	}
	return m.Configuration
}

// AppendOnly: rows must not be removed (delta.appendOnly; default false).
func (p Properties) AppendOnly() bool { return p.boolean("delta.appendOnly", false) }

// CheckpointInterval is the number of commits between checkpoints
// (delta.checkpointInterval; default 10).
func (p Properties) CheckpointInterval() int {
	return p.count("delta.checkpointInterval", 10, 1)
}

// CheckpointPolicy is "classic" or "v2" (delta.checkpointPolicy; default classic).
func (p Properties) CheckpointPolicy() string {
	return p.text("delta.checkpointPolicy", "classic")
}

// CheckpointStatsAsJSON: checkpoints have add.stats
// (delta.checkpoint.writeStatsAsJson; default true).
func (p Properties) CheckpointStatsAsJSON() bool {
	return p.boolean("delta.checkpoint.writeStatsAsJson", true)
}

// CheckpointStatsAsStruct: checkpoints have add.stats_parsed
// (delta.checkpoint.writeStatsAsStruct; default false, as in the protocol's text).
func (p Properties) CheckpointStatsAsStruct() bool {
	return p.boolean("delta.checkpoint.writeStatsAsStruct", false)
}

// IsolationLevel is "Serializable" or "WriteSerializable"
// (delta.isolationLevel; default Serializable).
func (p Properties) IsolationLevel() string {
	if l := p["delta.isolationLevel"]; strings.EqualFold(l, "WriteSerializable") {
		return "WriteSerializable"
	} else if strings.EqualFold(l, "SnapshotIsolation") {
		return "SnapshotIsolation"
	}
	return "Serializable"
}

// ChangeDataFeed: changes are recorded (delta.enableChangeDataFeed; default false).
func (p Properties) ChangeDataFeed() bool { return p.boolean("delta.enableChangeDataFeed", false) }

// DeletionVectors: new ones may be written (delta.enableDeletionVectors; default false).
func (p Properties) DeletionVectors() bool { return p.boolean("delta.enableDeletionVectors", false) }

// ColumnMapping is "none", "name" or "id" (delta.columnMapping.mode; default none).
func (p Properties) ColumnMapping() string {
	return strings.ToLower(p.text("delta.columnMapping.mode", "none"))
}

// MappingMode is [Properties.ColumnMapping] as the schema package has it. A mode
// that is not known counts as none; [Snapshot.Schema] refuses it.
func (p Properties) MappingMode() schema.MappingMode {
	m, err := schema.ParseMappingMode(p.ColumnMapping())
	if err != nil {
		return schema.MappingNone
	}
	return m
}

// NumIndexedColumns is how many leaf columns have statistics, -1 for all
// (delta.dataSkippingNumIndexedCols; default 32).
func (p Properties) NumIndexedColumns() int {
	return p.count("delta.dataSkippingNumIndexedCols", 32, -1)
}

// StatsColumns lists the columns that have statistics; empty: the first ones
// (delta.dataSkippingStatsColumns).
func (p Properties) StatsColumns() string { return p["delta.dataSkippingStatsColumns"] }

// StatsStringPrefix is how many characters of a string statistics keep
// (delta.dataSkippingStringPrefixLength; default 32).
func (p Properties) StatsStringPrefix() int {
	return p.count("delta.dataSkippingStringPrefixLength", 32, 1)
}

// Codec is the compression of new Parquet files, in lower case; empty: the
// writer's choice (delta.parquet.compression.codec).
func (p Properties) Codec() string {
	return strings.ToLower(p["delta.parquet.compression.codec"])
}

// DataPageV2: new Parquet files have pages of version 2
// (delta.parquet.format.version is 2.x; default false).
func (p Properties) DataPageV2() bool {
	return strings.HasPrefix(p["delta.parquet.format.version"], "2.")
}

// InCommitTimestamps: commits carry their own time
// (delta.enableInCommitTimestamps; default false).
func (p Properties) InCommitTimestamps() bool {
	return p.boolean("delta.enableInCommitTimestamps", false)
}

// InCommitTimestampStart returns the first version with its own time, and that
// time in milliseconds since 1970; 0, 0 when all versions have one.
func (p Properties) InCommitTimestampStart() (Version, int64) {
	return Version(p.integer("delta.inCommitTimestampEnablementVersion", 0, 0)),
		p.integer("delta.inCommitTimestampEnablementTimestamp", 0, 0)
}

// RowTracking: all files have row ids (delta.enableRowTracking; default false).
func (p Properties) RowTracking() bool { return p.boolean("delta.enableRowTracking", false) }

// RowTrackingSuspended: no row ids are assigned (delta.rowTrackingSuspended; default false).
func (p Properties) RowTrackingSuspended() bool {
	return p.boolean("delta.rowTrackingSuspended", false)
}

// MaterializedRowIDColumn is the data files' column for ids of rows that have
// moved; empty: none (delta.rowTracking.materializedRowIdColumnName).
func (p Properties) MaterializedRowIDColumn() string {
	return p["delta.rowTracking.materializedRowIdColumnName"]
}

// MaterializedRowCommitVersionColumn is the data files' column for the versions of
// rows that have moved; empty: none
// (delta.rowTracking.materializedRowCommitVersionColumnName).
func (p Properties) MaterializedRowCommitVersionColumn() string {
	return p["delta.rowTracking.materializedRowCommitVersionColumnName"]
}

// LogRetention is how long commits are kept (delta.logRetentionDuration; default 30 days).
func (p Properties) LogRetention() time.Duration {
	return p.interval("delta.logRetentionDuration", 30*24*time.Hour)
}

// TombstoneRetention is how long removed files are kept
// (delta.deletedFileRetentionDuration; default 7 days).
func (p Properties) TombstoneRetention() time.Duration {
	return p.interval("delta.deletedFileRetentionDuration", 7*24*time.Hour)
}

// TxnRetention is how long application versions are remembered; 0: for ever
// (delta.setTransactionRetentionDuration).
func (p Properties) TxnRetention() time.Duration {
	return p.interval("delta.setTransactionRetentionDuration", 0)
}

// ExpiredLogCleanup: writers may delete old commits
// (delta.enableExpiredLogCleanup; default true).
func (p Properties) ExpiredLogCleanup() bool { return p.boolean("delta.enableExpiredLogCleanup", true) }

// RandomizeFilePrefixes: files go to random directories
// (delta.randomizeFilePrefixes; default false).
func (p Properties) RandomizeFilePrefixes() bool {
	return p.boolean("delta.randomizeFilePrefixes", false)
}

// RandomPrefixLength is the length of the directories' names
// (delta.randomPrefixLength; default 2).
func (p Properties) RandomPrefixLength() int { return p.count("delta.randomPrefixLength", 2, 1) }

// TargetFileSize is the wanted size of data files in bytes; 0: the writer's
// choice (delta.targetFileSize, a number with an optional unit: 128mb).
func (p Properties) TargetFileSize() int64 {
	n, err := parseSize(p["delta.targetFileSize"])
	if err != nil {
		return 0
	}
	return n
}

// Constraints returns the table's CHECK constraints: name → SQL.
func (p Properties) Constraints() map[string]string {
	var m map[string]string
	for k, v := range p {
		if name, ok := strings.CutPrefix(k, constraintPrefix); ok {
			if m == nil {
				m = map[string]string{}
			}
			m[name] = v
		}
	}
	return m
}

func (p Properties) text(key, otherwise string) string {
	if v := p[key]; v != "" {
		return v
	}
	return otherwise
}

func (p Properties) boolean(key string, otherwise bool) bool {
	switch strings.ToLower(p[key]) {
	case "true":
		return true
	case "false":
		return false
	}
	return otherwise
}

func (p Properties) integer(key string, otherwise, least int64) int64 {
	n, err := strconv.ParseInt(p[key], 10, 64)
	if err != nil || n < least {
		return otherwise
	}
	return n
}

// count is integer for what is counted in memory; an int holds what it can of
// larger numbers.
func (p Properties) count(key string, otherwise, least int64) int {
	return int(min(p.integer(key, otherwise, least), math.MaxInt))
}

func (p Properties) interval(key string, otherwise time.Duration) time.Duration {
	d, err := parseInterval(p[key])
	if err != nil {
		return otherwise
	}
	return d
}

// A meaning reads a property's value, and says what is wrong with it.
type meaning func(v string) error

// meanings are the properties whose values are read here, with what they may be.
var meanings = map[string]meaning{
	"delta.appendOnly":                           isBoolean,
	"delta.checkpointInterval":                   isCount(1),
	"delta.checkpointPolicy":                     isOneOf("classic", "v2"),
	"delta.checkpoint.writeStatsAsJson":          isBoolean,
	"delta.checkpoint.writeStatsAsStruct":        isBoolean,
	"delta.columnMapping.mode":                   isOneOf("none", "name", "id"),
	"delta.dataSkippingNumIndexedCols":           isCount(-1),
	"delta.dataSkippingStringPrefixLength":       isCount(1),
	"delta.deletedFileRetentionDuration":         isInterval,
	"delta.enableChangeDataFeed":                 isBoolean,
	"delta.enableDeletionVectors":                isBoolean,
	"delta.enableExpiredLogCleanup":              isBoolean,
	"delta.enableInCommitTimestamps":             isBoolean,
	"delta.enableRowTracking":                    isBoolean,
	"delta.enableTypeWidening":                   isBoolean,
	"delta.inCommitTimestampEnablementTimestamp": isCount(0),
	"delta.inCommitTimestampEnablementVersion":   isCount(0),
	"delta.isolationLevel":                       isOneOf("Serializable", "WriteSerializable", "SnapshotIsolation"),
	"delta.logRetentionDuration":                 isInterval,
	"delta.randomPrefixLength":                   isCount(1),
	"delta.randomizeFilePrefixes":                isBoolean,
	"delta.rowTrackingSuspended":                 isBoolean,
	"delta.setTransactionRetentionDuration":      isInterval,
	"delta.targetFileSize":                       func(v string) error { _, err := parseSize(v); return err },
}

// CheckProperty says what is wrong with a value that a property is to be given.
// Readers take the default in its place, so that it would do nothing. Properties
// that this package does not read may have any value.
func CheckProperty(key, value string) error {
	m, ok := meanings[key]
	if !ok {
		for k := range meanings {
			if strings.EqualFold(k, key) {
				return fmt.Errorf("property %s is written %s", key, k)
			}
		}
		return nil
	}
	if err := m(value); err != nil {
		return fmt.Errorf("property %s: %w", key, err)
	}
	return nil
}

func isBoolean(v string) error { return isOneOf("true", "false")(v) }

func isOneOf(words ...string) meaning {
	return func(v string) error {
		if slices.ContainsFunc(words, func(w string) bool { return strings.EqualFold(w, v) }) {
			return nil
		}
		return fmt.Errorf("%q is not %s", v, strings.Join(words, " or "))
	}
}

func isCount(least int64) meaning {
	return func(v string) error {
		if n, err := strconv.ParseInt(v, 10, 64); err != nil || n < least {
			return fmt.Errorf("%q is no whole number from %d on", v, least)
		}
		return nil
	}
}

func isInterval(v string) error {
	_, err := parseInterval(v)
	return err
}

// strict are the properties whose values a writer must not guess the meaning of.
var strict = []string{
	"delta.appendOnly", "delta.enableChangeDataFeed", "delta.enableInCommitTimestamps", "delta.enableRowTracking",
	"delta.rowTrackingSuspended", "delta.enableDeletionVectors", "delta.isolationLevel", "delta.columnMapping.mode",
	"delta.setTransactionRetentionDuration",
}

// check refuses tables whose strict properties cannot be understood.
func (p Properties) check() error {
	var errs []error
	for _, k := range strict {
		v, ok := p[k]
		if !ok || v == "" && k == "delta.columnMapping.mode" { // there, empty is none
			continue
		}
		errs = append(errs, CheckProperty(k, v))
	}
	return errors.Join(errs...)
}

var intervalUnits = map[string]time.Duration{
	"nanosecond": time.Nanosecond, "microsecond": time.Microsecond, "millisecond": time.Millisecond,
	"second": time.Second, "minute": time.Minute, "hour": time.Hour,
	"day": 24 * time.Hour, "week": 7 * 24 * time.Hour,
}

// parseInterval reads Spark's calendar intervals of fixed length: "interval 30
// days", "7 days 12 hours". Months and years have none and are refused.
func parseInterval(s string) (time.Duration, error) {
	words := strings.Fields(strings.ToLower(s))
	if len(words) > 0 && words[0] == "interval" {
		words = words[1:]
	}
	if len(words) == 0 || len(words)%2 != 0 {
		return 0, fmt.Errorf("%q is no interval such as \"interval 7 days\"", s)
	}
	var sum time.Duration
	for i := 0; i < len(words); i += 2 {
		n, err := strconv.ParseInt(words[i], 10, 64)
		unit, ok := intervalUnits[strings.TrimSuffix(words[i+1], "s")]
		if err != nil || !ok || n < 0 {
			return 0, fmt.Errorf("%q is no interval such as \"interval 7 days\"", s)
		}
		if n > int64((math.MaxInt64-sum)/unit) {
			return math.MaxInt64, nil
		}
		sum += time.Duration(n) * unit
	}
	return sum, nil
}

// parseSize reads a number of bytes with an optional unit of 1024s.
func parseSize(s string) (int64, error) {
	t := strings.ToLower(strings.TrimSpace(s))
	shift := 0
	for _, u := range []struct {
		suffix string
		shift  int
	}{{"tb", 40}, {"gb", 30}, {"mb", 20}, {"kb", 10}, {"t", 40}, {"g", 30}, {"m", 20}, {"k", 10}, {"b", 0}} {
		if rest, ok := strings.CutSuffix(t, u.suffix); ok {
			t, shift = strings.TrimSpace(rest), u.shift
			break
		}
	}
	n, err := strconv.ParseInt(t, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64>>shift {
		return 0, fmt.Errorf("%q is no number of bytes", s)
	}
	return n << shift, nil
}
