package txlog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// build makes the commit after c.snap: the transaction's actions, what depends on
// the version, and their bytes. The same snapshot gives the same actions, but
// for the clock.
func (c *committer) build(ctx context.Context) (*Commit, []byte, error) {
	t, now := c.t, millis(c.t.opts.Env.Now())
	version, meta, proto := Version(0), find[*Metadata](t.actions), find[*Protocol](t.actions)
	if c.snap != nil {
		version = c.snap.Version() + 1
		if meta == nil {
			meta = c.snap.Metadata()
		}
		if proto == nil {
			proto = c.snap.Protocol()
		}
	}
	actions := slices.Clone(t.actions)
	if c.snap != nil && c.snap.version == NoVersion {
		actions = append(actions, c.definition()...)
	}
	if k := t.opts.Key; k != nil {
		actions = append(actions, &SetTransaction{AppID: k.AppID, Version: k.Version, LastUpdated: &now})
	}
	removed := sortedFiles(t.replaced)
	if t.guard != nil {
		if err := t.guard(removed); err != nil {
			return nil, nil, err
		}
	}
	for _, f := range removed {
		actions = append(actions, f.Remove(now, true))
	}
	if err := c.admissible(meta, actions); err != nil {
		return nil, nil, err
	}
	actions, err := c.trackRows(ctx, proto, meta, version, actions)
	if err != nil {
		return nil, nil, err
	}
	ci := t.commitInfo(now, t.opts.Isolation, c.snap, c.metrics(actions))
	if PropertiesOf(meta).InCommitTimestamps() {
		if err := c.stampCommit(ctx, ci, now); err != nil {
			return nil, nil, err
		}
	}
	slices.SortStableFunc(actions, func(a, b Action) int { return cmp.Compare(rank(a), rank(b)) })
	commit := &Commit{Version: version, Actions: append([]Action{ci}, actions...)}
	if err := ValidateCommit(commit); err != nil {
		return nil, nil, err
	}
	body, err := EncodeCommit(commit)
	return commit, body, err
}

// definition returns what version 0 of a table of [NewTable] defines it by, so far
// as the transaction does not say it itself.
func (c *committer) definition() (as []Action) {
	if find[*Protocol](c.t.actions) == nil {
		as = append(as, c.snap.protocol)
	}
	if find[*Metadata](c.t.actions) == nil {
		as = append(as, c.snap.metadata)
	}
	return as
}

// rank orders the actions of a commit for the people who read it.
func rank(a Action) int {
	switch a.(type) {
	case *Protocol:
		return 1
	case *Metadata:
		return 2
	case *SetTransaction:
		return 3
	case *DomainMetadata:
		return 4
	case *RemoveFile:
		return 5
	case *AddFile:
		return 6
	}
	return 7
}

// admissible checks actions against the table's own rules.
func (c *committer) admissible(meta *Metadata, actions []Action) error {
	appendOnly := PropertiesOf(meta).AppendOnly()
	for _, a := range actions {
		switch a := a.(type) {
		case *RemoveFile:
			if appendOnly && a.DataChange {
				return fmt.Errorf("%w: property delta.appendOnly is true, and this commit removes rows (file %s)", ErrAppendOnly, a.Path)
			}
		case *AddFile:
			if err := samePartitioning(meta, a); err != nil {
				return err
			}
			if a.Size <= 0 {
				return fmt.Errorf("file %s has a size of %d bytes", a.Path, a.Size)
			}
		}
	}
	return nil
}

// ErrAppendOnly: the table's property delta.appendOnly forbids removing rows.
var ErrAppendOnly = errors.New("table is append-only")

// samePartitioning checks that f has a value for each partition column and no other.
func samePartitioning(meta *Metadata, f *AddFile) error {
	names, err := physicalPartitionColumns(meta)
	if err != nil {
		return err
	}
	ok := len(f.PartitionValues) == len(names)
	for _, n := range names {
		if _, has := f.PartitionValues[n]; !has {
			ok = false
		}
	}
	if ok {
		return nil
	}
	var have []string
	for n := range f.PartitionValues {
		have = append(have, n)
	}
	slices.Sort(have)
	return fmt.Errorf("file %s is partitioned by (%s), the table by (%s)", f.Path, strings.Join(have, ", "), strings.Join(names, ", "))
}

// trackRows gives added files their row ids, where the table tracks rows.
//
// PROTOCOL.md, "Row Tracking": ids start after the high-water mark, and never
// overlap. Because they depend on the winners they are assigned on each attempt.
func (c *committer) trackRows(ctx context.Context, proto *Protocol, meta *Metadata, v Version, actions []Action) ([]Action, error) {
	if !proto.HasWriterFeature(FeatureRowTracking) || PropertiesOf(meta).RowTrackingSuspended() {
		return actions, nil
	}
	mark, err := c.rowMark(ctx)
	if err != nil {
		return nil, err
	}
	start := mark
	for i, a := range actions {
		f, ok := a.(*AddFile)
		if !ok || f.BaseRowID != nil {
			continue
		}
		n, err := f.NumRecords()
		if err != nil {
			return nil, fmt.Errorf("file %s: row tracking needs its row count: %w", f.Path, err)
		}
		g := *f
		base, at := mark+1, int64(v)
		g.BaseRowID, g.DefaultRowCommitVersion = &base, &at
		mark += n
		actions[i] = &g
	}
	if mark != start {
		actions = append(actions, &DomainMetadata{
			Domain:        rowTrackingDomain,
			Configuration: `{"rowIdHighWaterMark":` + strconv.FormatInt(mark, 10) + `}`,
		})
	}
	return actions, nil
}

func (c *committer) rowMark(ctx context.Context) (int64, error) {
	if c.snap == nil {
		return -1, nil
	}
	return c.snap.RowIDHighWaterMark(ctx)
}

// stampCommit sets the in-commit timestamp: later than the previous commit's.
func (c *committer) stampCommit(ctx context.Context, ci *CommitInfo, now int64) error {
	if c.snap != nil && c.snap.version != NoVersion {
		prev, err := c.snap.Timestamp(ctx)
		if err != nil {
			return fmt.Errorf("timestamp of version %d: %w", c.snap.Version(), err)
		}
		now = max(now, millis(prev)+1)
	}
	ci.InCommitTimestamp = &now
	return nil
}

// metrics counts what the commit does, by Spark's names.
func (c *committer) metrics(actions []Action) map[string]string {
	var files, rows, size, gone, goneSize int64
	known := true
	for _, a := range actions {
		switch a := a.(type) {
		case *AddFile:
			files++
			size += a.Size
			n, err := a.NumRecords()
			known = known && err == nil
			rows += n
		case *RemoveFile:
			gone++
			if a.Size != nil {
				goneSize += *a.Size
			}
		}
	}
	m := map[string]string{
		"numFiles":        strconv.FormatInt(files, 10),
		"numOutputBytes":  strconv.FormatInt(size, 10),
		"numRemovedFiles": strconv.FormatInt(gone, 10),
		"numRemovedBytes": strconv.FormatInt(goneSize, 10),
	}
	if known {
		m["numOutputRows"] = strconv.FormatInt(rows, 10)
	}
	for k, v := range c.t.opts.Metrics {
		m[k] = v
	}
	return m
}

// Remove returns the action that takes f out of the table at the time now, in
// milliseconds since 1970.
func (f *AddFile) Remove(now int64, dataChange bool) *RemoveFile {
	size := f.Size
	return &RemoveFile{
		Path: f.Path, DeletionTimestamp: &now, DataChange: dataChange,
		ExtendedFileMetadata: true, PartitionValues: f.PartitionValues, Size: &size, Tags: f.Tags,
		DeletionVector: f.DeletionVector, BaseRowID: f.BaseRowID, DefaultRowCommitVersion: f.DefaultRowCommitVersion,
	}
}

func sortedFiles(m map[FileKey]*AddFile) []*AddFile {
	fs := make([]*AddFile, 0, len(m))
	for _, f := range m {
		fs = append(fs, f)
	}
	slices.SortFunc(fs, func(a, b *AddFile) int { return strings.Compare(a.Path, b.Path) })
	return fs
}
