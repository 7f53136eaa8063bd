package fsck

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore"
)

// Names in the log. PROTOCOL.md, "File Types".
const (
	logDir   = "_delta_log/"
	hintName = logDir + "_last_checkpoint"
)

var (
	versionName = regexp.MustCompile(`^(\d{20})\.(json|crc|checkpoint\.parquet|checkpoint\.\d{10}\.\d{10}\.parquet|checkpoint\.[0-9a-fA-F-]{36}\.(?:parquet|json)|\d{20}\.compacted\.json)$`)
	stagedName  = regexp.MustCompile(`^_staged_commits/(\d{20})\.[0-9a-fA-F-]{36}\.json$`)
)

// A checkpoint is one, of one file or of all its parts.
type checkpoint struct {
	version txlog.Version
	files   []logstore.Object
}

func (k *checkpoint) name() string { return k.files[0].Name }

// A compaction stands for the commits first … last.
type compaction struct {
	first, last txlog.Version
	obj         logstore.Object
}

// A logListing is what a listing of the log shows.
type logListing struct {
	commits     []logstore.Object // in order; versions are parallel
	versions    []txlog.Version
	checksums   map[txlog.Version]logstore.Object
	checkpoints map[txlog.Version][]*checkpoint // the complete ones
	compactions []compaction
	staged      map[txlog.Version][]logstore.Object
	sidecars    []logstore.Object
	loose       []logstore.Object // parts of incomplete checkpoints, and temporary files
	hint        bool
}

// listLog lists the log.
func (c *checker) listLog(ctx context.Context) error {
	l := &logListing{
		checksums: map[txlog.Version]logstore.Object{}, checkpoints: map[txlog.Version][]*checkpoint{},
		staged: map[txlog.Version][]logstore.Object{},
	}
	parts := map[string][]logstore.Object{} // by version and number of parts
	last := ""
	for obj, err := range c.store.List(ctx, logstore.ListOptions{Prefix: logDir}) {
		if err != nil {
			return fmt.Errorf("list the log: %w", err)
		}
		if obj.Name <= last {
			continue // a listing that says it twice
		}
		last = obj.Name
		l.add(obj, parts)
	}
	for key, objs := range parts {
		if n, err := strconv.Atoi(key[21:]); err == nil && n == len(objs) {
			v := versionOf(objs[0].Name)
			l.checkpoints[v] = append(l.checkpoints[v], &checkpoint{v, objs})
			continue
		}
		c.add(CheckpointPartial, versionOf(objs[0].Name), objs[0].Name, "%d of %s parts are there", len(objs), strings.TrimLeft(key[21:], "0"))
		l.loose = append(l.loose, objs...)
	}
	for _, obj := range l.loose {
		if obj.Size == 0 && versionName.MatchString(strings.TrimPrefix(obj.Name, logDir)) {
			c.add(CheckpointPartial, versionOf(obj.Name), obj.Name, "it is empty")
		}
	}
	if len(l.commits) == 0 && len(l.checkpoints) == 0 {
		return fmt.Errorf("%w: there is no commit in %s", txlog.ErrTableNotFound, logDir)
	}
	c.log = l
	return nil
}

// versionOf returns the version that a name in the log begins with.
func versionOf(name string) txlog.Version {
	n, err := strconv.ParseInt(strings.TrimPrefix(name, logDir)[:20], 10, 64)
	if err != nil {
		return txlog.NoVersion // more than 63 bits: no version of a table
	}
	return txlog.Version(n)
}

func (l *logListing) add(obj logstore.Object, parts map[string][]logstore.Object) {
	base := strings.TrimPrefix(obj.Name, logDir)
	if m := stagedName.FindStringSubmatch(base); m != nil {
		v := versionOf(logDir + m[1])
		l.staged[v] = append(l.staged[v], obj)
		return
	}
	m := versionName.FindStringSubmatch(base)
	switch {
	case base == "_last_checkpoint":
		l.hint = true
		return
	case strings.HasPrefix(base, "_sidecars/"):
		if !strings.HasPrefix(base, "_sidecars/.") { // what Hadoop keeps beside them
			l.sidecars = append(l.sidecars, obj)
		}
		return
	case m == nil:
		if strings.HasSuffix(base, ".tmp") {
			l.loose = append(l.loose, obj)
		}
		return // other programs keep things here
	}
	v := versionOf(obj.Name)
	if v < 0 {
		return
	}
	switch kind := m[2]; {
	case kind == "json":
		l.commits, l.versions = append(l.commits, obj), append(l.versions, v)
	case kind == "crc":
		l.checksums[v] = obj
	case strings.HasSuffix(kind, ".compacted.json"):
		last := versionOf(logDir + kind)
		if last > v {
			l.compactions = append(l.compactions, compaction{v, last, obj})
		}
	case obj.Size == 0:
		l.loose = append(l.loose, obj)
	case len(kind) == len("checkpoint.0000000001.0000000002.parquet"):
		key := m[1] + "." + kind[len("checkpoint.0000000001."):len(kind)-len(".parquet")]
		parts[key] = append(parts[key], obj)
	default:
		l.checkpoints[v] = append(l.checkpoints[v], &checkpoint{v, []logstore.Object{obj}})
	}
}

// newest returns the newest version that is listed.
func (l *logListing) newest() txlog.Version {
	v := txlog.NoVersion
	if n := len(l.versions); n > 0 {
		v = l.versions[n-1]
	}
	return max(v, l.newestCheckpoint())
}

func (l *logListing) newestCheckpoint() txlog.Version {
	v := txlog.NoVersion
	for k := range l.checkpoints {
		v = max(v, k)
	}
	return v
}

// oldest returns the oldest version that can be put together: that of the first
// commit, or of the first checkpoint.
func (l *logListing) oldest() txlog.Version {
	if len(l.versions) > 0 && l.versions[0] == 0 {
		return 0
	}
	v := txlog.NoVersion
	for k := range l.checkpoints {
		if v == txlog.NoVersion || k < v {
			v = k
		}
	}
	return v
}

// steps returns the versions that have a commit or a checkpoint, in order.
func (l *logListing) steps() []txlog.Version {
	all := slices.Clone(l.versions)
	for v := range l.checkpoints {
		if _, found := slices.BinarySearch(l.versions, v); !found {
			all = append(all, v)
		}
	}
	slices.Sort(all)
	return all
}
