package txlog

import (
	"context"

	"github.com/deltalog/deltalog/internal/pqread"
	"github.com/deltalog/deltalog/internal/vec"
)

// stateMarks are fields that are there wherever an action is.
var stateMarks = [][]string{
	{"protocol", "minReaderVersion"},
	{"metaData", "id"},
	{"txn", "appId"},
	{"domainMetadata", "domain"},
	{"checkpointMetadata", "version"},
	{"sidecar", "path"},
}

// readState reads the actions that are not about files. Row groups that have
// none, by the statistics of the footer, are passed over.
func (p *checkpointPart) readState(ctx context.Context) ([]Action, error) {
	proj, err := p.project(ctx, stateColumns)
	if err != nil {
		return nil, err
	}
	skip := make([]bool, p.file.NumRowGroups())
	for i := range skip {
		skip[i] = true
	}
	for _, path := range stateMarks {
		b := proj.GroupBounds(path...)
		for i := range skip {
			skip[i] = skip[i] && b != nil && b.Nulls[i] == p.file.RowGroup(i).Rows
		}
	}
	o := &pqread.ScanOptions{Select: func(group int) (pqread.Selection, error) {
		if skip[group] {
			return pqread.Selection{}, nil
		}
		return nil, nil
	}}
	var out []Action
	for b, err := range p.batches(ctx, stateColumns, o) {
		if err != nil {
			return nil, err
		}
		if out, err = appendState(out, b); err != nil {
			return nil, &CorruptError{Path: p.in.name, Err: err}
		}
	}
	return out, nil
}

// stateReaders are in the order of stateColumns.
var stateReaders = []func(r rows, i int) (Action, error){
	protocolAt, metadataAt, txnAt, domainAt, checkpointMetadataAt, sidecarAt,
}

func appendState(out []Action, b *pqread.Batch) ([]Action, error) {
	for k, v := range b.Columns {
		if v.Kind == vec.Null {
			continue
		}
		r := rowsOf(v)
		for i := nextValid(v, 0); i < b.Rows; i = nextValid(v, i+1) {
			a, err := stateReaders[k](r, i)
			if err != nil {
				return nil, err
			}
			out = append(out, a)
		}
	}
	return out, nil
}

// nextValid returns the first value from i on that is not null, v.Len if there
// is none. It skips bytes of nulls, which is most of these columns.
func nextValid(v *vec.Vec, i int) int {
	for ; i < v.Len; i++ {
		if v.Valid == nil {
			return i
		}
		at := v.Off + i
		if v.Valid[at>>3] == 0 {
			i += 7 - at&7
			continue
		}
		if v.Valid[at>>3]&(1<<(at&7)) != 0 {
			return i
		}
	}
	return v.Len
}

func protocolAt(r rows, i int) (Action, error) {
	reader, writer := intOf(r.children[0], i), intOf(r.children[1], i)
	if reader == nil || writer == nil {
		return nil, missing("protocol.minReaderVersion or minWriterVersion")
	}
	p := &Protocol{MinReaderVersion: int(*reader), MinWriterVersion: int(*writer)}
	// Some writers give empty lists where there are none.
	if p.MinReaderVersion >= maxReaderVersion {
		p.ReaderFeatures = featuresOf(r.children[2], i)
	}
	if p.MinWriterVersion >= maxWriterVersion {
		p.WriterFeatures = featuresOf(r.children[3], i)
	}
	return p, nil
}

func metadataAt(r rows, i int) (Action, error) {
	m := &Metadata{
		Name: textOf(r.children[1], i), Description: textOf(r.children[2], i), Format: Format{Provider: "parquet"},
		SchemaString: textOf(r.children[4], i), PartitionColumns: textListOf(r.children[5], i), CreatedTime: longOf(r.children[7], i),
	}
	var ok bool
	var err error
	if m.ID, ok = text(r.children[0], i); !ok {
		return nil, missing("metaData.id")
	}
	if f := rowsOf(r.children[3]); f.has(i) {
		m.Format.Provider = textOf(f.children[0], i)
		if m.Format.Options, err = textsOf(f.children[1], i); err != nil {
			return nil, err
		}
	}
	m.Configuration, err = textsOf(r.children[6], i)
	return m, err
}

func txnAt(r rows, i int) (Action, error) {
	id, ok := text(r.children[0], i)
	v := longOf(r.children[1], i)
	if !ok || v == nil {
		return nil, missing("txn.appId or version")
	}
	return &SetTransaction{AppID: id, Version: *v, LastUpdated: longOf(r.children[2], i)}, nil
}

func domainAt(r rows, i int) (Action, error) {
	name, ok := text(r.children[0], i)
	if !ok {
		return nil, missing("domainMetadata.domain")
	}
	return &DomainMetadata{Domain: name, Configuration: textOf(r.children[1], i), Removed: boolOf(r.children[2], i)}, nil
}

func checkpointMetadataAt(r rows, i int) (Action, error) {
	v := longOf(r.children[0], i)
	if v == nil {
		return nil, missing("checkpointMetadata.version")
	}
	tags, err := textsOf(r.children[1], i)
	return &CheckpointMetadata{Version: Version(*v), Tags: tags}, err
}

func sidecarAt(r rows, i int) (Action, error) {
	path, ok := text(r.children[0], i)
	size := longOf(r.children[1], i)
	if !ok || path == "" || size == nil || *size < 0 {
		return nil, missing("sidecar.path or sizeInBytes")
	}
	s := &Sidecar{Path: path, SizeInBytes: *size}
	if t := longOf(r.children[2], i); t != nil {
		s.ModificationTime = *t
	}
	tags, err := textsOf(r.children[3], i)
	s.Tags = tags
	return s, err
}

// adds returns the number of add actions by the statistics of the footers, if
// they tell.
func (c *checkpoint) adds() (n int64, known bool) {
	for _, p := range c.parts {
		if p.file == nil {
			return 0, false // a sidecar, which was not opened yet
		}
		proj, err := p.file.Project(structOf(col("add", fieldsOf(typeAdd, "path"))), pqread.ByName)
		if err != nil {
			return 0, false
		}
		b := proj.GroupBounds("add", "path")
		for i := range p.file.NumRowGroups() {
			if b == nil || b.Nulls[i] < 0 {
				return 0, false
			}
			n += p.file.RowGroup(i).Rows - b.Nulls[i]
		}
	}
	return n, len(c.inline) == 0
}
