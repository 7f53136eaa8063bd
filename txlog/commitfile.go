package txlog

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"
)

// A Commit is one version's object in the log: N.json.
type Commit struct {
	Version Version
	Actions []Action // in the object's order; unknown actions are left out
	// Modified is the object's time in the store; zero where it is not known.
	Modified time.Time
}

// Info returns the commit's provenance, or nil.
func (c *Commit) Info() *CommitInfo {
	for _, a := range c.Actions {
		if ci, ok := a.(*CommitInfo); ok {
			return ci
		}
	}
	return nil
}

// withoutInfo returns the actions that are not provenance.
func (c *Commit) withoutInfo() []Action {
	for i, a := range c.Actions {
		if _, ok := a.(*CommitInfo); ok {
			return slices.Concat(c.Actions[:i], c.Actions[i+1:])
		}
	}
	return c.Actions
}

// maxLine is the longest line of a commit that is read.
const maxLine = 64 << 20

// ParseCommit decodes a commit, whose bytes it takes over: what it returns
// shares their memory. Actions and fields that are not known are skipped.
//
// Errors match [ErrCorrupt] and say the line. Besides broken JSON, what makes a
// commit's meaning uncertain is refused: duplicate keys, numbers that do not fit
// in 64 bits, more than one protocol, metaData or commitInfo.
func ParseCommit(v Version, data []byte) (*Commit, error) {
	d := decoder{}
	return d.commit(v, commitPath(v), data, kindsAll)
}

// Text that an error gives besides what is wrong.
const (
	adviceEmpty = "the object is empty: the writer's store lost its content (a crash before it reached the disk, a copy that failed); restore it from a backup, or remove it if it is the newest version and its writer reported failure"
	adviceTorn  = "the last line is cut off, so the commit is not whole: restore the object, or remove it if it is the newest version and its writer reported failure"
)

// commit decodes the lines of a commit or of a compaction.
func (d *decoder) commit(v Version, path string, data []byte, want kinds) (*Commit, error) {
	corrupt := func(line int, err error) error { return &CorruptError{Path: path, Line: line, Err: err} }
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, corrupt(0, errors.New(adviceEmpty))
	}
	if !utf8.Valid(data) {
		return nil, corrupt(firstInvalid(data), errors.New("the text is not UTF-8"))
	}
	c := &Commit{Version: v, Actions: make([]Action, 0, 1+min(bytes.Count(data, []byte{'\n'}), 1<<16))}
	d.adds, d.block = nil, 0 // commits do not keep each other's memory alive
	var once kinds
	for n := 1; len(data) > 0; n++ {
		line := data
		end := bytes.IndexByte(data, '\n')
		if end >= 0 {
			line, data = data[:end], data[end+1:]
		} else {
			data = nil
		}
		if len(line) > maxLine {
			return nil, corrupt(n, fmt.Errorf("the line has %d bytes, more than %d", len(line), maxLine))
		}
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		a, err := d.line(line, want)
		if err != nil {
			if errors.Is(err, errTruncated) && len(bytes.TrimSpace(data)) == 0 {
				err = fmt.Errorf("%s: %w", adviceTorn, err)
			}
			return nil, corrupt(n, err)
		}
		if a == nil {
			continue
		}
		if k := single(a); k != kindNone {
			if once&k != 0 {
				return nil, corrupt(n, fmt.Errorf("a second %s in one commit", kindName(k)))
			}
			once |= k
		}
		c.Actions = append(c.Actions, a)
	}
	return c, nil
}

// firstInvalid returns the number of the first line that is not UTF-8.
func firstInvalid(data []byte) int {
	for n := 1; ; n++ {
		line, rest, more := bytes.Cut(data, []byte{'\n'})
		if !more || !utf8.Valid(line) {
			return n
		}
		data = rest
	}
}

// single returns the kind of an action that a commit has at most once.
func single(a Action) kinds {
	switch a.(type) {
	case *Protocol:
		return kindProtocol
	case *Metadata:
		return kindMetadata
	case *CommitInfo:
		return kindCommitInfo
	}
	return kindNone
}

func kindName(k kinds) string {
	switch k {
	case kindProtocol:
		return "protocol"
	case kindMetadata:
		return "metaData"
	default:
		return "commitInfo"
	}
}

// EncodeCommit returns the bytes of c, after [ValidateCommit].
func EncodeCommit(c *Commit) ([]byte, error) {
	if err := ValidateCommit(c); err != nil {
		return nil, err
	}
	b := EncodeActions(c.Actions)
	if len(b) > maxCommit {
		return nil, fmt.Errorf("txlog: commit %d has %d bytes, more than %d; split the work into several commits", c.Version, len(b), maxCommit)
	}
	return b, nil
}

// maxCommit is the largest commit that is read or written.
const maxCommit = 1 << 30

// ValidateCommit checks a commit that is about to be written against the rules
// on one commit's actions. It returns all violations, joined.
//
// PROTOCOL.md, "Actions" and "Action Reconciliation". Foreign commits that break
// the rules on files are read nevertheless, by the rules of replay.
func ValidateCommit(c *Commit) error {
	v := validator{adds: map[FileKey]struct{}{}, paths: map[string]struct{}{}, removed: map[string]struct{}{}, named: map[string]struct{}{}}
	if c.Version < 0 {
		v.bad("version %d is negative", c.Version)
	}
	for i, a := range c.Actions {
		v.action(i, a)
	}
	for _, a := range c.Actions {
		if r, ok := a.(*RemoveFile); ok {
			if _, both := v.adds[r.Key()]; both {
				v.bad("file %s is both added and removed", r.Path)
			}
		}
	}
	if len(v.errs) == 0 {
		return nil
	}
	return fmt.Errorf("txlog: commit %d is not valid: %w", c.Version, errors.Join(v.errs...))
}

type validator struct {
	errs    []error
	once    kinds
	adds    map[FileKey]struct{}
	paths   map[string]struct{}
	removed map[string]struct{}
	named   map[string]struct{} // txn and domain names, with their kind
}

func (v *validator) bad(format string, args ...any) {
	v.errs = append(v.errs, fmt.Errorf(format, args...))
}

func (v *validator) unique(set map[string]struct{}, name, what string) {
	if _, dup := set[name]; dup {
		v.bad("%s twice", what)
	}
	set[name] = struct{}{}
}

func (v *validator) action(i int, a Action) {
	if k := single(a); k != kindNone {
		if v.once&k != 0 {
			v.bad("more than one %s", kindName(k))
		}
		v.once |= k
	}
	switch a := a.(type) {
	case *AddFile:
		v.path("add", a.Path)
		v.unique(v.paths, CanonicalPath(a.Path), "file "+a.Path+" is added")
		v.adds[a.Key()] = struct{}{}
		if a.Size < 0 {
			v.bad("file %s has the size %d", a.Path, a.Size)
		}
	case *RemoveFile:
		v.path("remove", a.Path)
		v.unique(v.removed, CanonicalPath(a.Path), "file "+a.Path+" is removed")
	case *AddCDCFile:
		v.path("cdc", a.Path)
		if a.DataChange {
			v.bad("change data file %s has dataChange true", a.Path)
		}
	case *SetTransaction:
		v.unique(v.named, "txn "+a.AppID, fmt.Sprintf("application %q is set", a.AppID))
	case *DomainMetadata:
		v.unique(v.named, "domain "+a.Domain, fmt.Sprintf("domain %q is set", a.Domain))
	case *CommitInfo:
		if i != 0 && a.InCommitTimestamp != nil {
			v.bad("commitInfo with an inCommitTimestamp is not the first action")
		}
	case *Protocol:
		v.protocol(a)
	case *Metadata:
		if a.ID == "" || a.SchemaString == "" || a.Format.Provider == "" {
			v.bad("metaData needs an id, a format and a schema")
		}
	case *CheckpointMetadata, *Sidecar:
		v.bad("%T belongs in checkpoints", a)
	}
}

func (v *validator) path(kind, p string) {
	if p == "" || !utf8.ValidString(p) {
		v.bad("%s has the path %q", kind, p)
	}
}

// protocol checks that feature lists are there exactly where versions 3 and 7 need them.
func (v *validator) protocol(p *Protocol) {
	if (p.ReaderFeatures != nil) != (p.MinReaderVersion == 3) || (p.WriterFeatures != nil) != (p.MinWriterVersion == 7) {
		v.bad("protocol (%d, %d): readerFeatures belongs to reader version 3 and writerFeatures to writer version 7", p.MinReaderVersion, p.MinWriterVersion)
	}
	if p.MinReaderVersion == 3 && p.MinWriterVersion != 7 {
		v.bad("protocol (%d, %d): reader version 3 needs writer version 7", p.MinReaderVersion, p.MinWriterVersion)
	}
	for _, f := range p.ReaderFeatures {
		if !slices.Contains(p.WriterFeatures, f) {
			v.bad("protocol: reader feature %s is not among the writer features", f)
		}
	}
}
