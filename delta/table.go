package delta

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/txlog/logstore/localstore"
)

func init() {
	logstore.Register(logstore.FileScheme, func(_ context.Context, url string) (logstore.Store, error) {
		dir := url
		if strings.HasPrefix(strings.ToLower(url), "file:") {
			var err error
			if dir, err = localstore.ParseURL(url); err != nil {
				return nil, err
			}
		}
		return localstore.Open(dir, nil)
	})
}

// A Table is a handle on a table, or on one that its first write makes: see
// [OpenOrCreate]. It remembers the newest version that it has seen, so that appends
// and replacements without a key need no look at the log first. It is safe for
// concurrent use.
type Table struct {
	store logstore.Store
	opts  Options

	mu     sync.Mutex
	snap   *txlog.Snapshot // of NoVersion: the table was not there
	probed bool
}

// Open opens the table at a URL: a path, file://, and with their drivers s3://
// (s3a:// too) and gs://. It reads the log: one request for _last_checkpoint,
// one listing, and one for each commit since the checkpoint.
//
// Errors: [ErrTableNotFound], [*UnsupportedFeatureError], [ErrCorrupt].
func Open(ctx context.Context, url string, o *Options) (*Table, error) {
	return open(ctx, url, o, nil)
}

// open opens the table; absent, if not nil, says what it is where there is none.
func open(ctx context.Context, url string, o *Options, absent func(*Table) (*txlog.Snapshot, error)) (*Table, error) {
	t, err := newTable(ctx, url, o)
	if err != nil {
		return nil, err
	}
	t.snap, err = txlog.Load(ctx, t.store, t.loadOptions())
	if absent != nil && errors.Is(err, ErrTableNotFound) {
		t.snap, err = absent(t)
	}
	if err != nil {
		return nil, errors.Join(err, t.closeOwn(o))
	}
	return t, nil
}

func newTable(ctx context.Context, url string, o *Options) (*Table, error) {
	t := &Table{opts: o.withDefaults()}
	if t.store = t.opts.Store; t.store == nil {
		var err error
		if t.store, err = logstore.Open(ctx, url); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// closeOwn closes a store that the handle opened itself.
func (t *Table) closeOwn(o *Options) error {
	if o != nil && o.Store != nil {
		return nil
	}
	return t.store.Close()
}

func (t *Table) loadOptions() *txlog.LoadOptions {
	return &txlog.LoadOptions{Logger: t.opts.Env.Logger}
}

// URL names the table for people, without credentials.
func (t *Table) URL() string { return t.store.URL() }

// Store returns the table's store.
func (t *Table) Store() logstore.Store { return t.store }

// Close releases the handle. Snapshots and scans of it must not be used after.
func (t *Table) Close() error { return t.store.Close() }

// An At chooses a version: At{} is the newest, AtVersion and AtTime older ones.
type At struct {
	version *Version
	time    *time.Time
}

// AtVersion chooses version v.
func AtVersion(v Version) At { return At{version: &v} }

// AtTime chooses the newest version that is not younger than t.
func AtTime(t time.Time) At { return At{time: &t} }

// Snapshot returns the table at some version, by default the newest there is. A
// newest snapshot costs one request more than there are commits since the handle
// looked last; an older one costs as much as Open. Errors: [ErrVersionNotFound],
// and [ErrTableNotFound] from a handle of [OpenOrCreate] before its first write.
func (t *Table) Snapshot(ctx context.Context, at At) (*txlog.Snapshot, error) {
	if at.version == nil && at.time == nil {
		return t.refresh(ctx)
	}
	o := t.loadOptions()
	o.Version, o.AsOf = at.version, at.time
	return txlog.Load(ctx, t.store, o)
}

// Exists reports whether the handle has seen the table. It is false only for a
// handle of [OpenOrCreate] or [OpenPrepared] on a table that was not there, and
// does no I/O.
func (t *Table) Exists() bool { return t.known().Version() != NoVersion }

// known returns the newest snapshot that the handle has seen, without I/O. It is
// of NoVersion as long as the table has not been there.
func (t *Table) known() *txlog.Snapshot {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.snap
}

func (t *Table) refresh(ctx context.Context) (*txlog.Snapshot, error) {
	s, err := t.latest(ctx)
	if err == nil && s.Version() == NoVersion {
		return nil, fmt.Errorf("delta: %w: %s has not been written to yet", ErrTableNotFound, t.URL())
	}
	return s, err
}

// latest is refresh, but returns a snapshot of NoVersion if there is no table.
func (t *Table) latest(ctx context.Context) (*txlog.Snapshot, error) {
	s, err := t.known().Update(ctx)
	if err != nil {
		return nil, err
	}
	return t.saw(s), nil
}

// saw remembers s if it is newer than what the handle knows, and returns the newer.
func (t *Table) saw(s *txlog.Snapshot) *txlog.Snapshot {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s != nil && (t.snap == nil || s.Version() > t.snap.Version()) {
		t.snap = s
	}
	return t.snap
}

// An Applied says where a key's work is.
type Applied struct {
	// Version is the commit that holds it; NoVersion if that is no longer in the log.
	Version Version
	// Recorded is the number under the key: a digest of the content, or the
	// version of a Txn.
	Recorded int64
	// At is when it was recorded; zero if the writer did not say.
	At time.Time
}

// Lookup tells whether work under a key (or a Txn's AppID) is in the newest
// version of the table; nil means that it is not. After an outcome that was
// unknown, nil means that it had not landed yet.
func (t *Table) Lookup(ctx context.Context, key string) (*Applied, error) {
	s, err := t.refresh(ctx)
	if err != nil {
		return nil, err
	}
	txn, err := s.Txn(ctx, key)
	if err != nil || txn == nil {
		return nil, err
	}
	v, err := txlog.FindTxn(ctx, s, txn)
	if err == nil {
		err = s.Flush(ctx)
	}
	if err != nil {
		return nil, err
	}
	a := &Applied{Version: v, Recorded: txn.Version}
	if txn.LastUpdated != nil {
		a.At = time.UnixMilli(*txn.LastUpdated).UTC()
	}
	return a, nil
}

// Checkpoint writes a checkpoint of the newest version, and returns that version.
func (t *Table) Checkpoint(ctx context.Context) (Version, error) {
	s, err := t.refresh(ctx)
	if err != nil {
		return NoVersion, err
	}
	on, err := s.WriteCheckpoint(ctx, &txlog.CheckpointOptions{Env: t.opts.Env})
	t.saw(on)
	return s.Version(), err
}

// A careful store does not promise by its nature that conditional writes work:
// an S3-compatible server at an endpoint of its own may ignore the condition.
type careful interface{ NeedsProbe() bool }

// probe tests a careful store before the first write through the handle.
func (t *Table) probe(ctx context.Context) error {
	c, ok := t.store.(careful)
	if t.opts.SkipProbe || !ok || !c.NeedsProbe() {
		return nil
	}
	t.mu.Lock()
	probed := t.probed
	t.mu.Unlock()
	if probed {
		return nil
	}
	if err := logstore.Probe(ctx, t.store, idReader{t.opts.Env}); err != nil {
		return fmt.Errorf("delta: %s: test of the store before the first write: %w", t.URL(), err)
	}
	t.mu.Lock()
	t.probed = true
	t.mu.Unlock()
	return nil
}

// idReader turns fresh ids into bytes for names.
type idReader struct{ env *txlog.Env }

func (r idReader) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		for _, c := range []byte(r.env.NewID()) {
			if n < len(p) && c != '-' {
				p[n] = c
				n++
			}
		}
	}
	return n, nil
}
