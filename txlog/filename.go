package txlog

import (
	"fmt"
	"strconv"
	"strings"
)

// Names in the log. PROTOCOL.md, "File Types".
const (
	logDir             = "_delta_log"
	sidecarDir         = logDir + "/_sidecars"
	lastCheckpointPath = logDir + "/_last_checkpoint"
	versionDigits      = 20
	partDigits         = 10
)

func versionPrefix(v Version) string { return fmt.Sprintf("%s/%020d", logDir, int64(v)) }

func commitPath(v Version) string     { return versionPrefix(v) + ".json" }
func checksumPath(v Version) string   { return versionPrefix(v) + ".crc" }
func checkpointPath(v Version) string { return versionPrefix(v) + ".checkpoint.parquet" }
func compactionPath(first, last Version) string {
	return fmt.Sprintf("%s.%020d.compacted.json", versionPrefix(first), int64(last))
}

// A logKind says what an object in the log is, by its name.
type logKind uint8

const (
	notLog               logKind = iota
	logCommit                    // N.json
	logChecksum                  // N.crc
	logCheckpoint                // N.checkpoint.parquet: classic, or V2 under a classic name
	logCheckpointPart            // N.checkpoint.O.P.parquet
	logCheckpointParquet         // N.checkpoint.UUID.parquet
	logCheckpointJSON            // N.checkpoint.UUID.json
	logCompaction                // X.Y.compacted.json
)

// A logName is a parsed name of an object in the log.
type logName struct {
	kind    logKind
	version Version // of a compaction: the first
	last    Version // of a compaction
	part    int     // of a multi-part checkpoint, from 1
	parts   int
	id      string // of a V2 checkpoint: its UUID
}

// parseLogName tells what name, without the directory, is. Names that this
// package does not know are notLog: readers leave them alone.
func parseLogName(name string) logName {
	v, rest, ok := cutVersion(name)
	if !ok {
		return logName{}
	}
	switch rest {
	case ".json":
		return logName{kind: logCommit, version: v}
	case ".crc":
		return logName{kind: logChecksum, version: v}
	case ".checkpoint.parquet":
		return logName{kind: logCheckpoint, version: v}
	}
	if rest, ok := strings.CutPrefix(rest, ".checkpoint."); ok {
		return parseCheckpointName(v, rest)
	}
	if rest, ok := strings.CutPrefix(rest, "."); ok {
		last, rest, ok := cutVersion(rest)
		if ok && rest == ".compacted.json" && last > v {
			return logName{kind: logCompaction, version: v, last: last}
		}
	}
	return logName{}
}

// parseCheckpointName reads what follows "N.checkpoint.".
func parseCheckpointName(v Version, rest string) logName {
	if stem, ok := strings.CutSuffix(rest, ".parquet"); ok {
		if len(stem) == 2*partDigits+1 && stem[partDigits] == '.' {
			part, ok1 := digits(stem[:partDigits])
			parts, ok2 := digits(stem[partDigits+1:])
			if ok1 && ok2 && 1 <= part && part <= parts {
				return logName{kind: logCheckpointPart, version: v, part: int(part), parts: int(parts)}
			}
			return logName{}
		}
		if isUUID(stem) {
			return logName{kind: logCheckpointParquet, version: v, id: stem}
		}
	}
	if stem, ok := strings.CutSuffix(rest, ".json"); ok && isUUID(stem) {
		return logName{kind: logCheckpointJSON, version: v, id: stem}
	}
	return logName{}
}

// parseCommitName returns the version of a commit's name, without the directory.
func parseCommitName(name string) (Version, bool) {
	n := parseLogName(name)
	return n.version, n.kind == logCommit
}

func cutVersion(s string) (Version, string, bool) {
	if len(s) < versionDigits {
		return 0, "", false
	}
	v, ok := digits(s[:versionDigits])
	return Version(v), s[versionDigits:], ok
}

// digits reads a decimal number of digits only.
func digits(s string) (int64, bool) {
	for i := range len(s) {
		if s[i]-'0' > 9 {
			return 0, false
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}

// isUUID reports whether s has the form of a UUID.
func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if c-'0' > 9 && c|0x20-'a' > 5 {
				return false
			}
		}
	}
	return true
}
