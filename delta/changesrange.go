package delta

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore"
)

// A commitLog is the commits that a listing has shown, and their times.
type commitLog struct {
	first Version // the oldest; NoVersion: there is none
	times map[Version]time.Time
}

// readLog lists the log. A commit whose object is not younger than the one before it
// counts as 1 ms younger, as every reader of the format has it; since that goes on
// from commit to commit, all are listed.
func (c *Changes) readLog(ctx context.Context) (*commitLog, error) {
	l := &commitLog{first: NoVersion, times: map[Version]time.Time{}}
	last := int64(0)
	const dir = "_delta_log/"
	for o, err := range c.t.store.List(ctx, logstore.ListOptions{Prefix: dir, Shallow: true}) {
		if err != nil {
			return nil, fmt.Errorf("list the log: %w", err)
		}
		digits, ok := strings.CutSuffix(strings.TrimPrefix(o.Name, dir), ".json")
		if !ok || len(digits) != 20 {
			continue
		}
		n, err := strconv.ParseUint(digits, 10, 63)
		if err != nil {
			continue
		}
		ms := o.Modified.UnixMilli()
		if l.first == NoVersion {
			l.first = Version(n)
		} else {
			ms = max(ms, last+1)
		}
		last = ms
		l.times[Version(n)] = time.UnixMilli(ms)
	}
	return l, nil
}

// resolve finds the range.
func (c *Changes) resolve(ctx context.Context, from, to At) (*commitLog, error) {
	var err error
	if c.end, err = c.t.Snapshot(ctx, to); err != nil {
		return nil, err
	}
	log, err := c.readLog(ctx)
	if err != nil {
		return nil, err
	}
	newest := to.version == nil && to.time == nil
	switch end := c.end.Version(); {
	case from.version != nil:
		c.from = *from.version
		if c.from > end+1 && newest {
			return nil, fmt.Errorf("%w: version %d; the newest is version %d", ErrVersionNotFound, c.from, end)
		}
		if c.from > end && to.version != nil {
			return nil, fmt.Errorf("the range begins at version %d and ends before it, at version %d", c.from, end)
		}
	case from.time != nil:
		if c.from, err = c.since(ctx, *from.time, log); err != nil {
			return nil, err
		}
	default:
		if c.from = log.first; c.from > end { // of the end only its checkpoint is left
			return nil, c.gone(end, log)
		}
	}
	if c.from > c.end.Version()+1 { // between two times there was no commit
		c.from = c.end.Version() + 1
	}
	switch {
	case c.from > c.end.Version():
		return log, nil
	case log.first == NoVersion:
		return nil, c.gone(max(c.from, 0), log)
	case c.from < 0:
		return nil, fmt.Errorf("%w: version %d", ErrVersionNotFound, c.from)
	case c.from < log.first:
		return nil, c.gone(c.from, log)
	}
	return log, nil
}

// since returns the first version that is not older than at.
func (c *Changes) since(ctx context.Context, at time.Time, log *commitLog) (Version, error) {
	s, err := c.t.Snapshot(ctx, AtTime(at))
	if errors.Is(err, ErrVersionNotFound) {
		return log.first, nil
	}
	if err != nil {
		return NoVersion, err
	}
	ts, err := s.Timestamp(ctx)
	if err != nil || !ts.Before(at) {
		return s.Version(), err
	}
	return s.Version() + 1, nil
}

// gone is the error for a commit that is not in the log.
func (c *Changes) gone(v Version, log *commitLog) error {
	left := "no commit is left"
	if log.first != NoVersion {
		left = fmt.Sprintf("the first that it still has is version %d", log.first)
	}
	return fmt.Errorf("%w: %w: the log does not have the commit of version %d any more; %s", ErrChangesUnavailable, ErrVersionNotFound, v, left)
}

// A step is one version of the range.
type step struct {
	version Version
	time    time.Time
	busy    bool           // it has changes
	kept    bool           // files holds them
	files   []txlog.Action // see fileActions
}

// An era is versions with one definition of the table.
type era struct {
	first Version
	meta  *txlog.Metadata
}

// maxKept is up to how many file actions of a range are held between planning and
// reading; beyond it commits are read again.
const maxKept = 1 << 14

// lookAhead is how many commits are read at once.
const lookAhead = 8

// look reads the commits of the range: what each holds, and how the table was defined.
func (c *Changes) look(ctx context.Context, log *commitLog) ([]era, error) {
	end := c.end.Version()
	if c.from > end {
		return nil, nil
	}
	start := c.end
	if c.from < end {
		var err error
		if start, err = c.t.Snapshot(ctx, AtVersion(c.from)); err != nil {
			return nil, fmt.Errorf("how version %d, the first of the range, defines the table: %w", c.from, err)
		}
	}
	eras := []era{{c.from, start.Metadata()}}
	kept := 0
	off := NoVersion // the last version without change data feed
	for first := c.from; first <= end; first += lookAhead {
		commits, err := c.commits(ctx, first, min(first+lookAhead-1, end), log)
		if err != nil {
			return nil, err
		}
		for _, commit := range commits {
			if commit.Version == c.from {
				eras, err = c.before(ctx, eras, commit)
			} else {
				eras, err = c.define(eras, commit)
			}
			if err != nil {
				return nil, err
			}
			p := txlog.PropertiesOf(eras[len(eras)-1].meta)
			if !p.ChangeDataFeed() {
				off = commit.Version
			}
			s := step{version: commit.Version}
			if s.time, err = commitTime(p, commit, log); err != nil {
				return nil, err
			}
			files := fileActions(commit)
			s.busy = len(files) > 0
			if kept += len(files); kept <= maxKept {
				s.kept, s.files = true, files
			}
			c.steps = append(c.steps, s)
		}
	}
	if off != NoVersion && !c.opts.Derived {
		return nil, c.feedOff(off)
	}
	return eras, nil
}

func (c *Changes) feedOff(off Version) error {
	then := fmt.Sprintf("it is on from version %d", off+1)
	if off == c.end.Version() {
		then = "it is off at the end of the range too"
	}
	return fmt.Errorf("%w: in version %d the table does not have the change data feed (delta.enableChangeDataFeed); %s. "+
		"changes can be derived from the files that versions add and take out (Derived)", ErrChangesUnavailable, off, then)
}

// before puts the definition before that of the first version, if this one sets
// another and takes out files, which are of the definition before it.
func (c *Changes) before(ctx context.Context, eras []era, commit *txlog.Commit) ([]era, error) {
	takesOut, sets := false, false
	for _, a := range commit.Actions {
		switch a := a.(type) {
		case *txlog.RemoveFile:
			takesOut = takesOut || a.DataChange
		case *txlog.Metadata:
			sets = true
		}
	}
	if !sets || !takesOut || commit.Version == 0 {
		return eras, nil
	}
	earlier, err := c.t.Snapshot(ctx, AtVersion(commit.Version-1))
	if err != nil {
		return nil, fmt.Errorf("version %d defines the table anew and takes files out, for which the version before it is needed: %w", commit.Version, err)
	}
	return append([]era{{commit.Version - 1, earlier.Metadata()}}, eras...), nil
}

// define notes what a commit after the first makes of the table.
func (c *Changes) define(eras []era, commit *txlog.Commit) ([]era, error) {
	for _, a := range commit.Actions {
		switch a := a.(type) {
		case *txlog.Protocol:
			if err := txlog.CheckRead(a); err != nil {
				return nil, fmt.Errorf("version %d: %w", commit.Version, err)
			}
		case *txlog.Metadata:
			eras = append(eras, era{commit.Version, a})
		}
	}
	return eras, nil
}

// commits reads versions, some at once.
func (c *Changes) commits(ctx context.Context, first, last Version, log *commitLog) ([]*txlog.Commit, error) {
	out := make([]*txlog.Commit, last-first+1)
	errs := make([]error, len(out))
	var wg sync.WaitGroup
	for i := range out {
		wg.Go(func() { out[i], errs[i] = c.end.CommitAt(ctx, first+Version(i)) })
	}
	wg.Wait()
	for i, err := range errs {
		if errors.Is(err, ErrVersionNotFound) {
			return nil, c.gone(first+Version(i), log)
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// commitTime returns when a version was committed: see [txlog.Snapshot.Timestamp].
func commitTime(p txlog.Properties, commit *txlog.Commit, log *commitLog) (time.Time, error) {
	if start, _ := p.InCommitTimestampStart(); p.InCommitTimestamps() && commit.Version >= start {
		ci := commit.Info()
		if ci == nil || ci.InCommitTimestamp == nil {
			return time.Time{}, fmt.Errorf("%w: version %d has no in-commit timestamp, and the table has them", ErrCorrupt, commit.Version)
		}
		return time.UnixMilli(*ci.InCommitTimestamp), nil
	}
	t, ok := log.times[commit.Version]
	if !ok {
		return time.Time{}, fmt.Errorf("%w: the listing of the log lacks version %d, which can be read", ErrVersionNotFound, commit.Version)
	}
	return t, nil
}

// fileActions returns the actions that are changes of rows: those of change data if
// there are any, and else files that came and went.
//
// PROTOCOL.md, "Add CDC File": a version that has such actions says all with them.
func fileActions(commit *txlog.Commit) []txlog.Action {
	var cdc, files []txlog.Action
	for _, a := range commit.Actions {
		switch f := a.(type) {
		case *txlog.AddCDCFile:
			cdc = append(cdc, a)
		case *txlog.AddFile:
			if f.DataChange {
				files = append(files, a)
			}
		case *txlog.RemoveFile:
			if f.DataChange {
				files = append(files, a)
			}
		}
	}
	if cdc != nil {
		return cdc
	}
	return files
}

// actions returns the changes of a step.
func (c *Changes) actions(ctx context.Context, s *step) ([]txlog.Action, error) {
	if s.kept || !s.busy {
		return s.files, nil
	}
	commit, err := c.end.CommitAt(ctx, s.version)
	if errors.Is(err, ErrVersionNotFound) {
		return nil, fmt.Errorf("%w: %w: the commit of version %d was cleaned up while the changes were being read", ErrChangesUnavailable, ErrVersionNotFound, s.version)
	}
	if err != nil {
		return nil, err
	}
	return fileActions(commit), nil
}
