package txlog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/deltalog/deltalog/txlog/logstore"
)

// A logFile is a commit or a compaction that a listing has shown.
type logFile struct {
	first    Version // of a commit: the same as last
	last     Version
	size     int64
	modified int64 // milliseconds since 1970
}

func (f logFile) path() string {
	if f.first != f.last {
		return compactionPath(f.first, f.last)
	}
	return commitPath(f.last)
}

// A checkpointRef is a checkpoint that a listing has shown to be complete.
type checkpointRef struct {
	version Version
	kind    logKind
	files   []logstore.Object // one, or all parts in order
}

func (c *checkpointRef) String() string {
	if len(c.files) > 1 {
		return fmt.Sprintf("%s (%d parts)", c.files[0].Name, len(c.files))
	}
	return c.files[0].Name
}

// A listing is what one List of _delta_log has shown.
type listing struct {
	from        Version // objects of older versions may be missing
	commits     []logFile
	compactions []logFile
	checkpoints []*checkpointRef // the best first
	checksums   map[Version]int64
}

// listLog lists the log from version from on. Costs one List.
func listLog(ctx context.Context, store logstore.Store, from Version) (*listing, error) {
	l := &listing{from: max(from, 0), checksums: map[Version]int64{}}
	o := logstore.ListOptions{Prefix: logDir + "/", Shallow: true}
	if from > 0 {
		o.StartAfter = versionPrefix(from)
	}
	parts := map[[2]int64][]logstore.Object{}
	for obj, err := range store.List(ctx, o) {
		if err != nil {
			return nil, fmt.Errorf("txlog: list %s/%s: %w", store.URL(), logDir, err)
		}
		base := strings.TrimPrefix(obj.Name, logDir+"/")
		if base > ":" {
			break // after the last digit: no name of a version follows
		}
		l.add(parseLogName(base), obj, parts)
	}
	for key, objs := range parts {
		if int64(len(objs)) == key[1] {
			slices.SortFunc(objs, func(a, b logstore.Object) int { return strings.Compare(a.Name, b.Name) })
			l.checkpoints = append(l.checkpoints, &checkpointRef{Version(key[0]), logCheckpointPart, objs})
		}
	}
	slices.SortFunc(l.checkpoints, compareCheckpoints)
	return l, nil
}

func (l *listing) add(n logName, obj logstore.Object, parts map[[2]int64][]logstore.Object) {
	switch n.kind {
	case logCommit:
		l.commits = append(l.commits, logFile{n.version, n.version, obj.Size, millis(obj.Modified)})
	case logCompaction:
		l.compactions = append(l.compactions, logFile{n.version, n.last, obj.Size, millis(obj.Modified)})
	case logChecksum:
		l.checksums[n.version] = obj.Size
	case logCheckpoint, logCheckpointParquet, logCheckpointJSON:
		if obj.Size > 0 {
			l.checkpoints = append(l.checkpoints, &checkpointRef{n.version, n.kind, []logstore.Object{obj}})
		}
	case logCheckpointPart:
		if obj.Size > 0 {
			key := [2]int64{int64(n.version), int64(n.parts)}
			parts[key] = append(parts[key], obj)
		}
	}
}

// compareCheckpoints orders the best first: the newest; then one that needs the
// fewest requests. Any complete one may be used (PROTOCOL.md, "Checkpoints").
func compareCheckpoints(a, b *checkpointRef) int {
	rank := func(c *checkpointRef) int {
		switch c.kind {
		case logCheckpointParquet, logCheckpointJSON:
			return 0
		case logCheckpoint:
			return 1
		}
		return 1 + len(c.files)
	}
	return cmp.Or(cmp.Compare(b.version, a.version), cmp.Compare(rank(a), rank(b)),
		strings.Compare(b.files[0].Name, a.files[0].Name))
}

// latest returns the newest version that the listing shows, NoVersion for none.
func (l *listing) latest() Version {
	v := NoVersion
	if n := len(l.commits); n > 0 {
		v = l.commits[n-1].last
	}
	if len(l.checkpoints) > 0 {
		v = max(v, l.checkpoints[0].version)
	}
	return v
}

// earliest returns the oldest version that can be put together.
func (l *listing) earliest() Version {
	if len(l.commits) > 0 && l.commits[0].last == 0 {
		return 0
	}
	if n := len(l.checkpoints); n > 0 {
		return l.checkpoints[n-1].version
	}
	return NoVersion
}

// A segment is what has to be read for one version: a checkpoint, or none, and
// the commits after it.
type segment struct {
	version    Version
	checkpoint *checkpointRef
	deltas     []logFile // in order, without gaps
}

// errPartial says that a listing that did not begin at the beginning does not
// show enough.
var errPartial = errors.New("the listing is not enough")

// segment chooses what to read for version target, NoVersion for the newest.
// Checkpoints in bad, by their first name, are not used.
func (l *listing) segment(url string, target Version, bad map[string]error) (*segment, error) {
	latest := l.latest()
	switch {
	case latest == NoVersion && l.from > 0:
		return nil, errPartial
	case latest == NoVersion:
		return nil, fmt.Errorf("txlog: %w: %s has no commit in %s", ErrTableNotFound, url, logDir)
	case target > latest:
		if l.from > 0 && latest < l.from {
			return nil, errPartial
		}
		return nil, versionNotFound(url, target, l.earliest(), latest)
	case target == NoVersion:
		target = latest
	}
	s := &segment{version: target}
	for _, c := range l.checkpoints {
		if c.version <= target && bad[c.files[0].Name] == nil {
			s.checkpoint = c
			break
		}
	}
	next := Version(0)
	if s.checkpoint != nil {
		next = s.checkpoint.version + 1
	} else if l.from > 0 {
		return nil, errPartial
	}
	var err error
	if s.deltas, err = l.deltas(next, target); err != nil {
		if l.from > 0 {
			return nil, errPartial
		}
		return nil, l.unreachable(url, s, target, bad, err)
	}
	return s, nil
}

// deltas returns the commits first … last, with compactions in their place
// where there are any.
func (l *listing) deltas(first, last Version) ([]logFile, error) {
	var out []logFile
	i, _ := slices.BinarySearchFunc(l.commits, first, func(f logFile, v Version) int { return cmp.Compare(f.last, v) })
	for v := first; v <= last; {
		if c, ok := l.compaction(v, last); ok {
			out = append(out, c)
			v = c.last + 1
			continue
		}
		for i < len(l.commits) && l.commits[i].last < v {
			i++
		}
		if i == len(l.commits) || l.commits[i].last != v {
			gapEnd := last
			if i < len(l.commits) {
				gapEnd = min(last, l.commits[i].last-1)
			}
			return nil, &gapError{v, gapEnd}
		}
		out = append(out, l.commits[i])
		v++
	}
	return out, nil
}

// compaction returns the longest one that begins at v and does not pass last.
func (l *listing) compaction(v, last Version) (best logFile, ok bool) {
	for _, c := range l.compactions {
		if c.first == v && c.last <= last && c.size > 0 && (!ok || c.last > best.last) {
			best, ok = c, true
		}
	}
	return best, ok
}

// A gapError says which commits are missing.
type gapError struct{ first, last Version }

func (e *gapError) Error() string {
	if e.first == e.last {
		return fmt.Sprintf("version %d is missing from the log", e.first)
	}
	return fmt.Sprintf("versions %d to %d are missing from the log", e.first, e.last)
}

// unreachable says why target cannot be put together.
func (l *listing) unreachable(url string, s *segment, target Version, bad map[string]error, gap error) error {
	if names := sortedKeys(bad); len(names) > 0 {
		return fmt.Errorf("txlog: %s: %w, and without that checkpoint %w", url, bad[names[len(names)-1]], gap)
	}
	// Clean-up removes old commits: what is before the oldest checkpoint is gone.
	if e := l.earliest(); s.checkpoint == nil && e != NoVersion && target < e {
		return versionNotFound(url, target, e, l.latest())
	}
	if e := l.cleaned(gap, target); e != NoVersion {
		return versionNotFound(url, target, e, l.latest())
	}
	return &CorruptError{Path: logDir, Err: fmt.Errorf("table %s cannot be read at version %d: %w", url, target, gap)}
}

// cleaned returns the oldest version after target that can be put together, if the
// commits that are missing were taken by clean-up, and NoVersion if they were not:
// nothing older is there but a checkpoint, which a writer may have written late, and
// a newer checkpoint stands for them.
func (l *listing) cleaned(gap error, target Version) Version {
	g, ok := gap.(*gapError)
	if !ok || len(l.commits) > 0 && l.commits[0].last <= g.last {
		return NoVersion
	}
	oldest := NoVersion
	for _, c := range l.checkpoints { // the newest first
		if c.version > target {
			oldest = c.version
		}
	}
	return oldest
}

func versionNotFound(url string, v, earliest, latest Version) error {
	return fmt.Errorf("txlog: %w: %s has no version %d; it has versions %d to %d", ErrVersionNotFound, url, v, earliest, latest)
}
