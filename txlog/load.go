package txlog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/deltalog/deltalog/txlog/logstore"
)

// LoadOptions choose what [Load] loads, and how. Nil means defaults: the newest
// version.
type LoadOptions struct {
	// Version is the version to load. Default: the newest.
	Version *Version
	// AsOf selects the newest version that is not younger. Costs a listing of
	// the whole log. Not together with Version.
	AsOf *time.Time

	// Parallel bounds the requests for commits under way at once, and the
	// goroutines that decode a checkpoint. Default: 16.
	Parallel int

	// Logger takes warnings: what was ignored or fallen back from. Default: discard.
	Logger *slog.Logger
}

const defaultParallel = 16

// Load reads the log and returns the table at a version.
//
// Requests: one for _last_checkpoint (not with Version), one listing, one for
// each commit since the checkpoint, and a few for the checkpoint. Checkpoints,
// _last_checkpoint and listings that turn out unusable are replaced by older
// checkpoints or by more commits, with a warning, where the log has them.
//
// Errors match [ErrTableNotFound], [ErrVersionNotFound], [ErrCorrupt] (a
// [*CorruptError] says where), are an [*UnsupportedFeatureError], or are the
// store's.
func Load(ctx context.Context, store logstore.Store, o *LoadOptions) (*Snapshot, error) {
	l := loader{store: store, target: NoVersion, bad: map[string]error{}}
	if o != nil {
		l.parallel, l.logger = o.Parallel, o.Logger
		if o.Version != nil {
			l.target = *o.Version
		}
		if o.Version != nil && o.AsOf != nil {
			return nil, errors.New("txlog: LoadOptions.Version and AsOf exclude each other")
		}
		if o.Version != nil && *o.Version < 0 {
			return nil, fmt.Errorf("txlog: %w: version %d", ErrVersionNotFound, *o.Version)
		}
	}
	l.withDefaults()
	if o != nil && o.AsOf != nil {
		v, err := l.versionAsOf(ctx, *o.AsOf)
		if err != nil {
			return nil, err
		}
		l.target = v
	}
	return l.load(ctx)
}

// A loader holds what one load has learnt about the log.
type loader struct {
	store    logstore.Store
	logger   *slog.Logger
	parallel int
	target   Version          // NoVersion: the newest
	bad      map[string]error // checkpoints, by their first name, that cannot be used
	hint     *LastCheckpoint  // nil: there is none that can be read
	doubted  []string         // those in bad that can be used if there is nothing else
}

func (l *loader) withDefaults() {
	if l.parallel <= 0 {
		l.parallel = defaultParallel
	}
	if l.logger == nil {
		l.logger = slog.New(slog.DiscardHandler)
	}
}

func (l *loader) warn(ctx context.Context, msg string, err error) {
	l.logger.WarnContext(ctx, "txlog: "+msg, "table", l.store.URL(), "error", err)
}

// maxTries bounds how often a load begins again because the log changed under it
// or a checkpoint was bad.
const maxTries = 8

func (l *loader) load(ctx context.Context) (*Snapshot, error) {
	from := l.start(ctx)
	var last error
	for range maxTries {
		l.settleDoubts(last)
		list, err := listLog(ctx, l.store, from)
		if err != nil {
			return nil, err
		}
		s, err := l.attempt(ctx, list)
		if err == nil {
			return s, nil
		}
		var gap *gapError
		switch {
		case errors.Is(err, errPartial):
			l.warn(ctx, "listing the whole log: what _last_checkpoint points to is not there", nil)
		case errors.Is(err, errBadCheckpoint):
			l.warn(ctx, "doing without a checkpoint that cannot be used", err)
		case errors.Is(err, logstore.ErrNotExist), errors.As(err, &gap):
			// Clean-up may have removed what the listing showed, and a listing that
			// overlaps with commits may miss the older of two. Seen twice it is true.
			if last != nil && last.Error() == err.Error() && len(l.doubted) == 0 {
				return nil, err
			}
		default:
			return nil, err
		}
		last, from = err, 0
	}
	return nil, last
}

// start returns the version to begin the listing with.
func (l *loader) start(ctx context.Context) Version {
	if l.target != NoVersion {
		return 0
	}
	hint, err := readLastCheckpoint(ctx, l.store)
	if err != nil {
		l.warn(ctx, "ignoring _last_checkpoint", err)
	}
	if hint == nil || err != nil {
		return 0
	}
	l.hint = hint
	return hint.Version
}

// settleDoubts takes back the doubts about a checkpoint if the attempt without
// it has failed.
func (l *loader) settleDoubts(last error) {
	if last == nil || errors.Is(last, errBadCheckpoint) || errors.Is(last, errPartial) {
		return
	}
	for _, name := range l.doubted {
		delete(l.bad, name)
		l.hint = nil
	}
	l.doubted = nil
}

// errBadCheckpoint: the load can be tried again without that checkpoint.
var errBadCheckpoint = errors.New("checkpoint cannot be used")

func (l *loader) attempt(ctx context.Context, list *listing) (*Snapshot, error) {
	seg, err := list.segment(l.store.URL(), l.target, l.bad)
	if err != nil {
		return nil, err
	}
	s := &Snapshot{
		store: l.store, url: l.store.URL(), logger: l.logger, parallel: l.parallel,
		version: seg.version, times: list.timeline(), totals: new(totals),
	}
	if seg.checkpoint != nil {
		if s.base, err = l.openCheckpoint(ctx, seg.checkpoint); err != nil {
			return nil, err
		}
		s.protocol, s.metadata = s.base.protocol, s.base.metadata
	}
	commits, err := readCommits(ctx, l.store, seg.deltas, l.parallel)
	if err != nil {
		return nil, err
	}
	for i, c := range commits {
		s.tail, s.info = newLayer(c, seg.deltas[i].first, s.tail), c.Info()
		for _, a := range c.Actions {
			switch a := a.(type) {
			case *Protocol:
				s.protocol = a
			case *Metadata:
				s.metadata = a
			}
		}
	}
	if err := s.complete(); err != nil {
		return nil, err
	}
	s.schema = parseOnce(s.metadata)
	return s, nil
}

// openCheckpoint opens a checkpoint, and remembers one that is bad.
func (l *loader) openCheckpoint(ctx context.Context, ref *checkpointRef) (*checkpoint, error) {
	c, err := openCheckpoint(ctx, l.store, ref, l.parallel)
	if err != nil && (errors.Is(err, ErrCorrupt) || errors.Is(err, logstore.ErrNotExist)) && ctx.Err() == nil {
		l.bad[ref.files[0].Name] = err
		return nil, fmt.Errorf("%w: %w", errBadCheckpoint, err)
	}
	if err != nil {
		return nil, err
	}
	if err := l.truncated(c); err != nil {
		name := ref.files[0].Name
		l.bad[name], l.doubted = err, append(l.doubted, name)
		return nil, fmt.Errorf("%w: %w", errBadCheckpoint, err)
	}
	return c, nil
}

// truncated says that a checkpoint has fewer files than _last_checkpoint says it
// has. A writer that stops at an error can leave one that is well-formed; the
// number of files of a version is the same for all writers.
func (l *loader) truncated(c *checkpoint) error {
	if l.hint == nil || l.hint.Version != c.version || l.hint.NumOfAddFiles == nil {
		return nil
	}
	if n, known := c.adds(); known && n < *l.hint.NumOfAddFiles {
		return &CorruptError{Path: c.ref.files[0].Name, Err: fmt.Errorf("it has %d files, and _last_checkpoint says %d", n, *l.hint.NumOfAddFiles)}
	}
	return nil
}

// kindsTail are the actions that replay needs.
const kindsTail = kindAdd | kindRemove | kindTxn | kindDomain | kindProtocol | kindMetadata

// readCommits reads and decodes files, in parallel, and returns them in order.
// Provenance is decoded for the last one only.
func readCommits(ctx context.Context, store logstore.Store, files []logFile, parallel int) ([]*Commit, error) {
	return readAll(ctx, store, files, parallel, func(i int) kinds {
		if i == len(files)-1 {
			return kindsAll
		}
		return kindsTail
	})
}

func readAll(ctx context.Context, store logstore.Store, files []logFile, parallel int, want func(i int) kinds) ([]*Commit, error) {
	commits := make([]*Commit, len(files))
	g, ctx := errgroup.WithContext(ctx)
	var next atomic.Int64
	for range min(parallel, len(files)) {
		g.Go(func() error {
			d := new(decoder)
			for {
				i := int(next.Add(1)) - 1
				if i >= len(files) || ctx.Err() != nil {
					return ctx.Err()
				}
				c, err := readCommit(ctx, store, d, files[i], want(i))
				if err != nil {
					return err
				}
				c.Modified = time.UnixMilli(files[i].modified)
				commits[i] = c
			}
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return commits, nil
}

// Update returns the newest version of the table, which is s itself if nothing
// was committed since. Costs one listing of what is new, and one request for
// each new commit; nothing of s is read again.
func (s *Snapshot) Update(ctx context.Context) (*Snapshot, error) {
	l := loader{store: s.store, logger: s.logger, parallel: s.parallel, target: NoVersion, bad: map[string]error{}}
	list, err := listLog(ctx, s.store, s.version+1)
	if err != nil {
		return nil, err
	}
	latest := list.latest()
	if latest == NoVersion {
		return s, nil
	}
	if s.version == NoVersion {
		return l.load(ctx)
	}
	deltas, err := list.deltas(s.version+1, latest)
	if err != nil || s.depth()+len(deltas) > maxDepthOfTail(list) {
		// Cleaned up, or so long a tail that a newer checkpoint is worth it.
		return l.load(ctx)
	}
	commits, err := readCommits(ctx, s.store, deltas, s.parallel)
	if errors.Is(err, logstore.ErrNotExist) {
		return l.load(ctx)
	}
	if err != nil {
		return nil, err
	}
	t := s
	for i, c := range commits {
		if t, err = t.with(newLayer(c, deltas[i].first, t.tail)); err != nil {
			return nil, err
		}
	}
	t.times = t.times.extend(list.timeline())
	return t, nil
}

func (s *Snapshot) depth() int {
	if s.tail == nil {
		return 0
	}
	return s.tail.depth
}

// maxDepthOfTail is how many commits a live snapshot may pile up before it moves
// to the checkpoint that list shows, if it shows one.
func maxDepthOfTail(list *listing) int {
	if len(list.checkpoints) == 0 {
		return 1 << 30
	}
	return 256
}

// decodeWorkers is how many goroutines decode, which cores bound, not requests.
func decodeWorkers(parallel int) int { return max(1, min(parallel, runtime.GOMAXPROCS(0))) }

// readInfos reads the commits and decodes their provenance only.
func readInfos(ctx context.Context, store logstore.Store, files []logFile, parallel int) ([]*Commit, error) {
	return readAll(ctx, store, files, parallel, func(int) kinds { return kindCommitInfo })
}
