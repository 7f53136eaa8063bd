package txlog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/deltalog/deltalog/txlog/logstore"
)

// A timeline is what listings have shown of the commits' times.
type timeline struct {
	commits []logFile // in order; modified is made strictly increasing
}

// timeline returns the times of the listed commits.
//
// Store times may stand still or go back; as every reader of the format does, a
// commit that is not younger than the one before it counts as 1 ms younger.
func (l *listing) timeline() *timeline {
	return &timeline{commits: monotone(l.commits)}
}

func monotone(commits []logFile) []logFile {
	out := slices.Clone(commits)
	for i := 1; i < len(out); i++ {
		out[i].modified = max(out[i].modified, out[i-1].modified+1)
	}
	return out
}

// extend appends what a later listing has shown.
func (t *timeline) extend(later *timeline) *timeline {
	if t == nil {
		return later
	}
	all := slices.Clone(t.commits)
	for _, c := range later.commits {
		if n := len(all); n == 0 || c.last > all[n-1].last {
			all = append(all, c)
		}
	}
	return &timeline{commits: monotone(all)}
}

func (t *timeline) at(v Version) (int64, bool) {
	if t == nil {
		return 0, false
	}
	i, ok := slices.BinarySearchFunc(t.commits, v, func(f logFile, v Version) int { return cmp.Compare(f.last, v) })
	if !ok {
		return 0, false
	}
	return t.commits[i].modified, true
}

// Timestamp returns when the snapshot's version was committed: the commit's own
// time where the table has in-commit timestamps, else the time of its object.
// Costs nothing, or one request.
func (s *Snapshot) Timestamp(ctx context.Context) (time.Time, error) {
	if start, _ := s.Properties().InCommitTimestampStart(); s.Properties().InCommitTimestamps() && s.version >= start {
		return s.inCommitTimestamp(ctx)
	}
	if ms, ok := s.times.at(s.version); ok {
		return time.UnixMilli(ms), nil
	}
	obj, err := s.store.Stat(ctx, commitPath(s.version))
	if errors.Is(err, logstore.ErrNotExist) && s.base != nil && s.base.version == s.version {
		return s.base.modified, nil // the commit was cleaned up
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("txlog: time of version %d of %s: %w", s.version, s.url, err)
	}
	return obj.Modified, nil
}

func (s *Snapshot) inCommitTimestamp(ctx context.Context) (time.Time, error) {
	ci := s.info
	if ci == nil {
		c, err := s.CommitAt(ctx, s.version)
		if err != nil {
			return time.Time{}, err
		}
		ci = c.Info()
	}
	return commitTime(ci, s.version)
}

func commitTime(ci *CommitInfo, v Version) (time.Time, error) {
	if ci == nil || ci.InCommitTimestamp == nil {
		return time.Time{}, &CorruptError{Path: commitPath(v), Err: errors.New("the table has in-commit timestamps and this commit has none")}
	}
	return time.UnixMilli(*ci.InCommitTimestamp), nil
}

// versionAsOf returns the newest version that is not younger than at.
//
// PROTOCOL.md, "In-Commit Timestamps": versions from the one that turned them on
// are found by their own times, older ones by their objects'.
func (l *loader) versionAsOf(ctx context.Context, at time.Time) (Version, error) {
	latest, err := l.load(ctx)
	if err != nil {
		return 0, err
	}
	list, err := listLog(ctx, l.store, 0)
	if err != nil {
		return 0, err
	}
	commits := list.timeline().commits
	ms := at.UnixMilli()
	if p := latest.Properties(); p.InCommitTimestamps() {
		start, since := p.InCommitTimestampStart()
		i, _ := slices.BinarySearchFunc(commits, start, func(f logFile, v Version) int { return cmp.Compare(f.last, v) })
		if ms >= since {
			return latest.searchInCommit(ctx, commits[i:], ms)
		}
		commits = commits[:i]
	}
	i, found := slices.BinarySearchFunc(commits, ms, func(f logFile, ms int64) int { return cmp.Compare(f.modified, ms) })
	if !found {
		i--
	}
	if i < 0 {
		return 0, noVersionAsOf(latest.url, at, commits)
	}
	return commits[i].last, nil
}

// searchInCommit finds the newest of the commits whose own time is at most ms.
// It reads a logarithmic number of them.
func (s *Snapshot) searchInCommit(ctx context.Context, commits []logFile, ms int64) (Version, error) {
	lo, hi := 0, len(commits) // commits[:lo] are not younger than ms, commits[hi:] are
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		v := commits[mid].last
		c, err := s.CommitAt(ctx, v)
		if err != nil {
			return 0, err
		}
		t, err := commitTime(c.Info(), v)
		if err != nil {
			return 0, err
		}
		if t.UnixMilli() <= ms {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo == 0 {
		return 0, noVersionAsOf(s.url, time.UnixMilli(ms), commits)
	}
	return commits[lo-1].last, nil
}

func noVersionAsOf(url string, at time.Time, commits []logFile) error {
	if len(commits) == 0 {
		return fmt.Errorf("txlog: %w: the log of %s has no commit from %s or before", ErrVersionNotFound, url, at.UTC().Format(time.RFC3339Nano))
	}
	return fmt.Errorf("txlog: %w: %s is before version %d, the oldest of %s (%s)", ErrVersionNotFound,
		at.UTC().Format(time.RFC3339Nano), commits[0].last, url, time.UnixMilli(commits[0].modified).UTC().Format(time.RFC3339Nano))
}

// HistoryOptions choose what [Snapshot.History] yields. Nil means all.
type HistoryOptions struct {
	Limit int // at most so many entries; 0: no limit
}

// A HistoryEntry is one version's provenance.
type HistoryEntry struct {
	Version   Version
	Timestamp time.Time   // as in [Snapshot.Timestamp]
	Info      *CommitInfo // nil if the commit has none
}

// History yields the commits up to the snapshot's version that are still in the
// log, the newest first. Costs one listing, and one request for each commit,
// some ahead of the caller.
func (s *Snapshot) History(ctx context.Context, o *HistoryOptions) iter.Seq2[*HistoryEntry, error] {
	return func(yield func(*HistoryEntry, error) bool) {
		list, err := listLog(ctx, s.store, 0)
		if err != nil {
			yield(nil, err)
			return
		}
		files := list.timeline().commits
		files = slices.DeleteFunc(files, func(f logFile) bool { return f.last > s.version })
		slices.Reverse(files)
		if o != nil && o.Limit > 0 {
			files = files[:min(o.Limit, len(files))]
		}
		for n := 1; len(files) > 0; n = min(2*n, s.parallel) {
			block := files[:min(n, len(files))]
			files = files[len(block):]
			commits, err := readInfos(ctx, s.store, block, s.parallel)
			if err != nil {
				yield(nil, err)
				return
			}
			for i, c := range commits {
				e := &HistoryEntry{Version: c.Version, Timestamp: time.UnixMilli(block[i].modified), Info: c.Info()}
				if e.Info != nil && e.Info.InCommitTimestamp != nil {
					e.Timestamp = time.UnixMilli(*e.Info.InCommitTimestamp)
				}
				if !yield(e, nil) {
					return
				}
			}
		}
	}
}
