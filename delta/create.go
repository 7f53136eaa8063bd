package delta

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/schema"
	"github.com/deltalog/deltalog/writer"
)

// CreateOptions describe a new table. Nil means defaults.
type CreateOptions struct {
	Options

	// PartitionBy names the partition columns, in order.
	PartitionBy []string
	// Properties are the table's: delta.* keys are checked, and turn on the table
	// features that they need; delta.feature.NAME = supported adds a feature.
	Properties  map[string]string
	Name        string
	Description string
	// IfNotExists opens the table if it exists, also if another writer makes it at
	// the same time. Its schema and properties are then its own. OpenOrCreate does
	// so anyway.
	IfNotExists bool
}

// Create makes a table without rows: its version 0. Of any number of concurrent
// creations one succeeds; the others get [ErrTableExists], and change nothing.
func Create(ctx context.Context, url string, s *schema.Struct, o *CreateOptions) (*Table, error) {
	if o == nil {
		o = &CreateOptions{}
	}
	t, err := newTable(ctx, url, &o.Options)
	if err != nil {
		return nil, err
	}
	if err := t.create(ctx, s, o); err != nil {
		return nil, errors.Join(fmt.Errorf("delta: create %s: %w", t.URL(), err), t.closeOwn(&o.Options))
	}
	return t, nil
}

func (t *Table) create(ctx context.Context, s *schema.Struct, o *CreateOptions) error {
	proto, meta, err := t.define(s, o)
	if err != nil {
		return err
	}
	snap, err := txlog.Load(ctx, t.store, t.loadOptions())
	switch {
	case err == nil && o.IfNotExists:
		t.snap = snap
		return snap.Flush(ctx)
	case err == nil:
		return fmt.Errorf("%w, at version %d", ErrTableExists, snap.Version())
	case !errors.Is(err, ErrTableNotFound):
		return err
	}
	if err := t.probe(ctx); err != nil {
		return err
	}
	txn := txlog.BeginCreate(t.store, &txlog.TxnOptions{
		Operation: "CREATE TABLE", Parameters: creation(meta),
		EngineInfo: t.opts.EngineInfo, MaxElapsed: t.opts.CommitTimeout, Env: t.opts.Env,
	})
	txn.Add(proto, meta)
	res, err := txn.Commit(ctx)
	if errors.Is(err, ErrTableExists) && o.IfNotExists {
		if t.snap, err = txlog.Load(ctx, t.store, t.loadOptions()); err == nil {
			err = t.snap.Flush(ctx)
		}
		return err
	}
	t.saw(res.Snapshot)
	return err
}

// creation returns the parameters of commitInfo where a table is made, as Spark's.
func creation(meta *txlog.Metadata) map[string]string {
	return map[string]string{
		"isManaged": quote("false"), "description": quote(meta.Description),
		"partitionBy": quote(text(meta.PartitionColumns)), "properties": quote(text(meta.Configuration)),
	}
}

// OpenOrCreate opens the table at a URL. Where there is none it returns a handle
// on the table that s and o define, and writes nothing: the first write through
// the handle makes the table and puts its rows in, in one commit, version 0. A
// write that is refused makes nothing. Until then what reads gives
// [ErrTableNotFound], and [Table.Exists] is false.
//
// If another writer makes the table meanwhile, by whatever way, its definition
// stays. The write then counts as one to that table: its key is looked for, and it
// is committed after the other's commits, if its files fit; otherwise it ends with
// a [*ConflictError], and can be made again.
//
// Requests: those of Open. The first write looks once more whether there is a
// table. Errors: those of Open but ErrTableNotFound, and mistakes in the definition,
// which is not looked at if there is a table.
func OpenOrCreate(ctx context.Context, url string, s *schema.Struct, o *CreateOptions) (*Table, error) {
	if o == nil {
		o = &CreateOptions{}
	}
	return open(ctx, url, &o.Options, func(t *Table) (*txlog.Snapshot, error) {
		proto, meta, err := t.define(s, o)
		if err != nil {
			return nil, fmt.Errorf("delta: define %s: %w", t.URL(), err)
		}
		return txlog.NewTable(t.store, proto, meta, t.loadOptions())
	})
}

// OpenPrepared opens the table that p was prepared for, also if it is p that makes
// it: see [OpenOrCreate]. Errors: those of Open.
func OpenPrepared(ctx context.Context, url string, p *Prepared, o *Options) (*Table, error) {
	if p.Create == nil {
		return open(ctx, url, o, nil)
	}
	return open(ctx, url, o, p.defined)
}

// define checks the definition and derives the protocol that it needs.
func (t *Table) define(s *schema.Struct, o *CreateOptions) (*txlog.Protocol, *txlog.Metadata, error) {
	props := maps.Clone(o.Properties)
	if props == nil {
		props = map[string]string{}
	}
	for _, k := range slices.Sorted(maps.Keys(props)) {
		if err := txlog.CheckProperty(k, props[k]); err != nil {
			return nil, nil, err
		}
	}
	mode, err := schema.ParseMappingMode(strings.ToLower(props["delta.columnMapping.mode"]))
	if err != nil {
		return nil, nil, err
	}
	if mode != schema.MappingNone {
		var last int32
		s, last = schema.AssignMapping(s, 0, func(*schema.Field) string { return "col-" + t.opts.Env.NewID() })
		props[maxColumnID] = strconv.Itoa(int(last))
	}
	if err := s.Validate(mode); err != nil {
		return nil, nil, err
	}
	if err := s.ValidateData(); err != nil {
		return nil, nil, err
	}
	by, err := partitionColumns(s, o.PartitionBy)
	if err != nil {
		return nil, nil, err
	}
	if err := trackRows(props, s, t.opts.Env.NewID); err != nil {
		return nil, nil, err
	}
	proto, err := protocolFor(s, props)
	if err != nil {
		return nil, nil, err
	}
	now := t.opts.Env.Now().UnixMilli()
	meta := &txlog.Metadata{
		ID: t.opts.Env.NewID(), Name: o.Name, Description: o.Description,
		Format: txlog.Format{Provider: "parquet", Options: map[string]string{}}, SchemaString: s.JSON(),
		PartitionColumns: by, CreatedTime: &now, Configuration: props,
	}
	if err := txlog.CheckWrite(proto, meta); err != nil {
		return nil, nil, err
	}
	return proto, meta, t.writable(s, proto, meta)
}

// writable refuses a table that no append could write to, such as one with an
// unknown codec or a constraint that cannot be evaluated, while it does not exist
// yet.
func (t *Table) writable(s *schema.Struct, proto *txlog.Protocol, meta *txlog.Metadata) error {
	rs, err := t.defined(s, proto, meta)
	if err != nil {
		return err
	}
	w, err := writer.New(&writer.Config{
		Rules:  rs,
		Schema: s, PartitionColumns: meta.PartitionColumns, Properties: txlog.PropertiesOf(meta), NoFiles: true, Env: t.opts.Env,
	})
	if err != nil {
		return err
	}
	return w.Abort(context.Background())
}

// partitionColumns resolves the names given to the schema's own spelling.
func partitionColumns(s *schema.Struct, names []string) ([]string, error) {
	by := []string{}
	for _, n := range names {
		i := s.Find(n)
		if i < 0 {
			return nil, fmt.Errorf("partition column %q is not in the schema", n)
		}
		f := &s.Fields[i]
		switch f.Type.Kind() {
		case schema.KindStruct, schema.KindArray, schema.KindMap, schema.KindVariant, schema.KindVoid:
			return nil, fmt.Errorf("column %s is a %s: a table cannot be partitioned by it", f.Name, f.Type)
		}
		if slices.Contains(by, f.Name) {
			return nil, fmt.Errorf("partition column %s is given twice", f.Name)
		}
		by = append(by, f.Name)
	}
	if len(by) > 0 && len(by) == len(s.Fields) {
		return nil, errors.New("every column is a partition column: a data file needs one column at least")
	}
	return by, nil
}

// featureFor maps properties to the table features that they turn on.
var featureFor = []struct {
	property string
	on       func(value string) bool
	features []txlog.Feature
}{
	{"delta.appendOnly", isTrue, []txlog.Feature{"appendOnly"}},
	{"delta.enableChangeDataFeed", isTrue, []txlog.Feature{"changeDataFeed"}},
	{"delta.enableDeletionVectors", isTrue, []txlog.Feature{"deletionVectors"}},
	{"delta.enableInCommitTimestamps", isTrue, []txlog.Feature{"inCommitTimestamp"}},
	{"delta.enableRowTracking", isTrue, []txlog.Feature{"rowTracking", "domainMetadata"}},
	{"delta.enableTypeWidening", isTrue, []txlog.Feature{"typeWidening"}},
	{"delta.columnMapping.mode", func(v string) bool { return v != "" && !strings.EqualFold(v, "none") }, []txlog.Feature{"columnMapping"}},
	{"delta.checkpointPolicy", func(v string) bool { return strings.EqualFold(v, "v2") }, []txlog.Feature{"v2Checkpoint"}},
}

func isTrue(v string) bool { return strings.EqualFold(v, "true") }

const featurePrefix = "delta.feature."

// protocolFor returns the least protocol that the schema and the properties need,
// and takes delta.feature.* out of the properties: they are instructions, and are
// not stored.
func protocolFor(s *schema.Struct, props map[string]string) (*txlog.Protocol, error) {
	need := map[txlog.Feature]bool{}
	for _, f := range featureFor {
		if f.on(props[f.property]) {
			for _, n := range f.features {
				need[n] = true
			}
		}
	}
	if usesNTZ(s) {
		need["timestampNtz"] = true
	}
	for _, f := range promisedFeatures(s, props) {
		need[f] = true
	}
	explicit := false
	for _, k := range slices.Sorted(maps.Keys(props)) {
		if name, ok := strings.CutPrefix(k, featurePrefix); ok {
			if v := props[k]; v != "supported" && v != "enabled" {
				return nil, fmt.Errorf("property %s is %q, want supported", k, v)
			}
			need[txlog.Feature(name)], explicit = true, true
			delete(props, k)
		}
	}
	return leastProtocol(need, explicit), nil
}

// legacy are the features that protocol versions before table features can say.
var legacy = map[txlog.Feature][2]int{
	"appendOnly": {1, 2}, "invariants": {1, 2}, "checkConstraints": {1, 3},
	"changeDataFeed": {1, 4}, "generatedColumns": {1, 4}, "columnMapping": {2, 5}, "identityColumns": {1, 6},
}

// readerFeatures need the reader to know them.
var readerFeatures = map[txlog.Feature]bool{
	"columnMapping": true, "deletionVectors": true, "timestampNtz": true, "v2Checkpoint": true,
	"vacuumProtocolCheck": true, "typeWidening": true,
}

// leastProtocol returns a table-features protocol when some feature needs one,
// and otherwise the old numbers, which every reader knows.
func leastProtocol(need map[txlog.Feature]bool, explicit bool) *txlog.Protocol {
	p := &txlog.Protocol{MinReaderVersion: 1, MinWriterVersion: 2}
	modern := explicit
	for f := range need {
		v, old := legacy[f]
		modern = modern || !old || v[1] > 2
		p.MinReaderVersion, p.MinWriterVersion = max(p.MinReaderVersion, v[0]), max(p.MinWriterVersion, v[1])
	}
	if !modern {
		return p
	}
	// A legacy number above 2 would switch on all that it stands for; naming the
	// features asks less of readers and writers.
	need["appendOnly"], need["invariants"] = true, true
	p = &txlog.Protocol{MinReaderVersion: 1, MinWriterVersion: 7}
	for _, f := range slices.Sorted(maps.Keys(need)) {
		p.WriterFeatures = append(p.WriterFeatures, f)
		if readerFeatures[f] {
			p.MinReaderVersion = 3
			p.ReaderFeatures = append(p.ReaderFeatures, f)
		}
	}
	return p
}

func usesNTZ(s *schema.Struct) bool {
	return containsKind(s, schema.KindTimestampNTZ)
}

func containsKind(t schema.DataType, k schema.Kind) bool {
	switch t := t.(type) {
	case *schema.Struct:
		return slices.ContainsFunc(t.Fields, func(f schema.Field) bool { return containsKind(f.Type, k) })
	case *schema.Array:
		return containsKind(t.Element, k)
	case *schema.Map:
		return containsKind(t.Key, k) || containsKind(t.Value, k)
	}
	return t.Kind() == k
}

// missingFeature names a table feature that the schema needs and p lacks.
func missingFeature(p *txlog.Protocol, s *schema.Struct) txlog.Feature {
	if usesNTZ(s) && !p.HasReaderFeature("timestampNtz") {
		return "timestampNtz"
	}
	return ""
}
