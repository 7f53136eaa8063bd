package txlog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/txlog/schema"
)

// A Snapshot is a table at one version. It never changes and is safe for
// concurrent use.
//
// Loading one reads the commits since the checkpoint and, of the checkpoint,
// what is not about files; files are streamed from the store when they are asked
// for.
type Snapshot struct {
	store    logstore.Store
	url      string
	logger   *slog.Logger
	parallel int

	version  Version
	protocol *Protocol
	metadata *Metadata
	info     *CommitInfo // of the version's own commit; nil where it was not read or has none
	tail     *layer      // the newest commit after the checkpoint; nil: there is none
	base     *checkpoint // nil: the tail goes back to version 0
	times    *timeline   // what is known of commits' times; may be nil

	schema func() (*schema.Struct, error)
	totals *totals
}

// A layer is one commit, or a compaction of several, above older ones. Layers
// are shared between snapshots.
type layer struct {
	commit *Commit
	state  []Action // the commit's transactions and domains
	first  Version  // of a compaction; else the commit's version
	older  *layer
	depth  int // layers from here down
}

func newLayer(c *Commit, first Version, older *layer) *layer {
	l := &layer{commit: c, first: first, older: older, depth: 1}
	for _, a := range c.Actions {
		switch a.(type) {
		case *SetTransaction, *DomainMetadata:
			l.state = append(l.state, a)
		}
	}
	if older != nil {
		l.depth += older.depth
	}
	return l
}

// newSnapshot returns the table that the commit of version 0 makes.
func newSnapshot(store logstore.Store, c *Commit) (*Snapshot, error) {
	if c.Version != 0 {
		return nil, fmt.Errorf("txlog: a table does not begin with version %d", c.Version)
	}
	return beforeFirst(store).AdvanceKnown(c)
}

func beforeFirst(store logstore.Store) *Snapshot {
	s := &Snapshot{
		store: store, url: store.URL(), version: NoVersion, totals: new(totals),
		logger: slog.New(slog.DiscardHandler), parallel: defaultParallel,
	}
	s.totals.set(0, 0)
	return s
}

// NewTable returns a table that is not there yet, before its version 0, by the
// definition that it is to get. It has no files, no transactions and no commits;
// Update looks whether somebody has made it. A transaction that is begun on it
// makes the table: its commit is version 0, and holds p and m beside what the
// transaction adds. If another writer makes the table first, that writer's
// definition stays, and the transaction goes on after it as after any commit that
// changes protocol and metadata; see [Transaction.Revalidate].
//
// Of o, Logger and Parallel hold, for what Update and the commit return too.
// NewTable does no I/O. The error is what [CheckWrite] says of p and m.
func NewTable(store logstore.Store, p *Protocol, m *Metadata, o *LoadOptions) (*Snapshot, error) {
	if err := CheckWrite(p, m); err != nil {
		return nil, err
	}
	s := beforeFirst(store)
	s.protocol, s.metadata, s.schema = p, m, parseOnce(m)
	if o != nil && o.Logger != nil {
		s.logger = o.Logger
	}
	if o != nil && o.Parallel > 0 {
		s.parallel = o.Parallel
	}
	return s, nil
}

// with returns the table after the commit on top of tail.
func (s *Snapshot) with(tail *layer) (*Snapshot, error) {
	t := *s
	t.version, t.tail, t.totals, t.info = tail.commit.Version, tail, new(totals), tail.commit.Info()
	if s.version == NoVersion {
		t.protocol, t.metadata, t.schema = nil, nil, nil // version 0 defines the table, not s
	}
	changed := false
	for _, a := range tail.commit.Actions {
		switch a := a.(type) {
		case *Protocol:
			t.protocol = a
		case *Metadata:
			t.metadata, changed = a, true
		}
	}
	if err := t.complete(); err != nil {
		return nil, err
	}
	if changed || t.schema == nil {
		t.schema = parseOnce(t.metadata)
	}
	return &t, nil
}

// complete checks that s is a table that this package can read.
func (s *Snapshot) complete() error {
	for _, missing := range []struct {
		yes  bool
		what string
	}{{s.protocol == nil, "protocol"}, {s.metadata == nil, "metaData"}} {
		if missing.yes {
			return &CorruptError{Path: logDir, Err: fmt.Errorf("there is no %s action up to version %d of %s", missing.what, s.version, s.url)}
		}
	}
	if err := CheckRead(s.protocol); err != nil {
		return fmt.Errorf("txlog: version %d of %s: %w", s.version, s.url, err)
	}
	return nil
}

func parseOnce(m *Metadata) func() (*schema.Struct, error) {
	return sync.OnceValues(func() (*schema.Struct, error) {
		if _, err := schema.ParseMappingMode(PropertiesOf(m).ColumnMapping()); err != nil {
			return nil, err
		}
		return parseSchema(m)
	})
}

// parseSchema reads m's schema. A table that was made without columns has none.
func parseSchema(m *Metadata) (*schema.Struct, error) {
	if m.SchemaString == "" {
		return new(schema.Struct), nil
	}
	return schema.Parse(m.SchemaString)
}

// Advance returns the table after c, which must be the commit of the next
// version, without any I/O. Its cost is that of the commit, not of the table.
//
// The error matches [ErrCorrupt] or is an [*UnsupportedFeatureError] if c makes
// the table one that this package cannot read.
func (s *Snapshot) Advance(c *Commit) (*Snapshot, error) {
	if c.Version != s.version+1 {
		return nil, fmt.Errorf("txlog: version %d does not follow version %d", c.Version, s.version)
	}
	return s.with(newLayer(c, c.Version, s.tail))
}

// Flush makes sure that the version survives a power cut. Whoever tells others to
// rely on what is in it, or starts on it what lives elsewhere, calls it first: on a
// local disk a version can be seen a moment before its writer has flushed it, and
// for ever if the writer was killed. On other stores it does nothing.
func (s *Snapshot) Flush(ctx context.Context) error { return flushed(ctx, s.store, s.version) }

// Store returns the store that the table is in.
func (s *Snapshot) Store() logstore.Store { return s.store }

// Version returns the table's version.
func (s *Snapshot) Version() Version { return s.version }

// Protocol returns the table's protocol; read-only.
func (s *Snapshot) Protocol() *Protocol { return s.protocol }

// Metadata returns the table's metadata; read-only.
func (s *Snapshot) Metadata() *Metadata { return s.metadata }

// Properties returns the table's properties.
func (s *Snapshot) Properties() Properties { return PropertiesOf(s.metadata) }

// Schema returns the table's schema, with logical names. It is parsed once. A
// schema with types that are not supported gives an error that names the column.
func (s *Snapshot) Schema() (*schema.Struct, error) {
	t, err := s.schema()
	if err != nil {
		return nil, fmt.Errorf("txlog: schema of version %d of %s: %w", s.version, s.url, err)
	}
	return t, nil
}

// PartitionColumns returns the fields that the table is partitioned by, in
// order. Files' partition values are keyed by their physical names.
func (s *Snapshot) PartitionColumns() ([]schema.Field, error) {
	t, err := s.Schema()
	if err != nil {
		return nil, err
	}
	return partitionFields(t, s.metadata.PartitionColumns)
}

func partitionFields(t *schema.Struct, names []string) ([]schema.Field, error) {
	fields := make([]schema.Field, len(names))
	for i, n := range names {
		j := t.Find(n)
		if j < 0 {
			return nil, &CorruptError{Path: logDir, Err: fmt.Errorf("the schema has no column for the partition column %q", n)}
		}
		fields[i] = t.Fields[j]
	}
	return fields, nil
}

// Txn returns how far the application has got, nil if the table does not know
// it. Expired entries are forgotten when a checkpoint is written, not before.
func (s *Snapshot) Txn(ctx context.Context, appID string) (*SetTransaction, error) {
	for l := s.tail; l != nil; l = l.older {
		if t := lastTxn(l.state, appID); t != nil {
			return t, nil
		}
	}
	if s.base != nil {
		return s.base.txns[appID], nil
	}
	return nil, nil
}

// lastTxn returns the last entry of the application: PROTOCOL.md, "Action
// Reconciliation": the last seen wins, not the greatest.
func lastTxn(as []Action, appID string) *SetTransaction {
	for _, a := range slices.Backward(as) {
		if t, ok := a.(*SetTransaction); ok && t.AppID == appID {
			return t
		}
	}
	return nil
}

// Txns returns all applications' entries, in the order of their names.
func (s *Snapshot) Txns(ctx context.Context) ([]*SetTransaction, error) {
	m := map[string]*SetTransaction{}
	for l := s.tail; l != nil; l = l.older {
		for _, a := range slices.Backward(l.state) {
			if t, ok := a.(*SetTransaction); ok && m[t.AppID] == nil {
				m[t.AppID] = t
			}
		}
	}
	if s.base != nil {
		for id, t := range s.base.txns {
			if m[id] == nil {
				m[id] = t
			}
		}
	}
	return sortedValues(m), nil
}

// Domain returns the domain's metadata, nil if there is none or it was removed.
func (s *Snapshot) Domain(ctx context.Context, domain string) (*DomainMetadata, error) {
	for l := s.tail; l != nil; l = l.older {
		for _, a := range slices.Backward(l.state) {
			if d, ok := a.(*DomainMetadata); ok && d.Domain == domain {
				return d.live(), nil
			}
		}
	}
	if s.base != nil {
		return s.base.domains[domain].live(), nil
	}
	return nil, nil
}

func (d *DomainMetadata) live() *DomainMetadata {
	if d == nil || d.Removed {
		return nil
	}
	return d
}

// Domains returns the metadata of all domains, in the order of their names.
func (s *Snapshot) Domains(ctx context.Context) ([]*DomainMetadata, error) {
	m := map[string]*DomainMetadata{}
	for l := s.tail; l != nil; l = l.older {
		for _, a := range slices.Backward(l.state) {
			if d, ok := a.(*DomainMetadata); ok && m[d.Domain] == nil {
				m[d.Domain] = d
			}
		}
	}
	if s.base != nil {
		for n, d := range s.base.domains {
			if m[n] == nil {
				m[n] = d
			}
		}
	}
	return slices.DeleteFunc(sortedValues(m), func(d *DomainMetadata) bool { return d.Removed }), nil
}

func sortedValues[V any](m map[string]V) []V {
	vs := make([]V, 0, len(m))
	for _, k := range sortedKeys(m) {
		vs = append(vs, m[k])
	}
	return vs
}

// rowTrackingDomain holds the highest row id that was given out.
const rowTrackingDomain = "delta.rowTracking"

// RowIDHighWaterMark returns the highest row id that was given out, −1 for none.
//
// PROTOCOL.md, "Row Tracking".
func (s *Snapshot) RowIDHighWaterMark(ctx context.Context) (int64, error) {
	d, err := s.Domain(ctx, rowTrackingDomain)
	if err != nil || d == nil {
		return -1, err
	}
	sc := scanner{b: []byte(d.Configuration)}
	mark, found := int64(-1), false
	sc.open('{')
	for sc.more('}') {
		if sc.field() == "rowIdHighWaterMark" {
			if found {
				sc.fail(errTwice)
			}
			mark, found = sc.integer(), true
		} else {
			sc.skip(0)
		}
	}
	if sc.end(); sc.err == nil && !found {
		sc.fail(errors.New("rowIdHighWaterMark is missing"))
	}
	if sc.err != nil {
		return 0, &CorruptError{Path: logDir, Err: fmt.Errorf("domain %s of version %d: %w", rowTrackingDomain, s.version, sc.err)}
	}
	return mark, nil
}

// CommitAt reads and decodes one commit. Costs one request. A version that is
// not in the log gives an error that matches [ErrVersionNotFound].
func (s *Snapshot) CommitAt(ctx context.Context, v Version) (*Commit, error) {
	if v < 0 {
		return nil, fmt.Errorf("txlog: %w: version %d", ErrVersionNotFound, v)
	}
	c, err := readCommit(ctx, s.store, new(decoder), logFile{first: v, last: v}, kindsAll)
	if errors.Is(err, logstore.ErrNotExist) {
		return nil, fmt.Errorf("txlog: %w: the log of %s has no commit %d (any more)", ErrVersionNotFound, s.url, v)
	}
	return c, err
}

// readCommit reads and decodes one commit or compaction.
func readCommit(ctx context.Context, store logstore.Store, d *decoder, f logFile, want kinds) (*Commit, error) {
	data, err := store.Read(ctx, f.path(), maxCommit)
	if errors.Is(err, logstore.ErrTooLarge) {
		return nil, &CorruptError{Path: f.path(), Err: fmt.Errorf("it is larger than %d bytes: %w", maxCommit, err)}
	}
	if err != nil {
		return nil, fmt.Errorf("txlog: read %s of %s: %w", f.path(), store.URL(), err)
	}
	return d.commit(f.last, f.path(), data, want)
}
