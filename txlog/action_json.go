package txlog

import (
	"bytes"
	"errors"
	"fmt"
	"math/bits"
	"slices"
)

// A decoder turns lines of a commit into actions. It keeps what consecutive
// lines have in common (partition values, tags) so that equal maps are one map.
//
// Everything it returns shares the memory of the lines.
type decoder struct {
	scanner
	values intern[map[string]*string]
	tags   intern[map[string]string]
	adds   []AddFile // slab: what is left of the block that the next adds come from
	block  int       // adds in the slab's last block
}

// internLimit bounds the bytes of keys that an intern holds; beyond, it starts afresh.
const internLimit = 1 << 20

// An intern maps the text of a JSON object to its decoded form.
type intern[M any] struct {
	m    map[string]M
	size int
}

func (t *intern[M]) put(key string, m M) {
	if t.m == nil || t.size > internLimit {
		t.m, t.size = map[string]M{}, 0
	}
	t.m[key] = m
	t.size += len(key) + 64
}

// The fields of each action, in the order of their bits in a seen.
var (
	addFields        = []string{"path", "partitionValues", "size", "modificationTime", "dataChange", "stats", "tags", "deletionVector", "baseRowId", "defaultRowCommitVersion", "clusteringProvider"}
	removeFields     = []string{"path", "dataChange", "deletionTimestamp", "extendedFileMetadata", "partitionValues", "size", "stats", "tags", "deletionVector", "baseRowId", "defaultRowCommitVersion"}
	cdcFields        = []string{"path", "partitionValues", "size", "dataChange", "tags"}
	txnFields        = []string{"appId", "version", "lastUpdated"}
	domainFields     = []string{"domain", "configuration", "removed"}
	protocolFields   = []string{"minReaderVersion", "minWriterVersion", "readerFeatures", "writerFeatures"}
	metadataFields   = []string{"id", "format", "schemaString", "partitionColumns", "configuration", "name", "description", "createdTime"}
	formatFields     = []string{"provider", "options"}
	checkpointFields = []string{"version", "tags"}
	sidecarFields    = []string{"path", "sizeInBytes", "modificationTime", "tags"}
	dvFields         = []string{"storageType", "pathOrInlineDv", "sizeInBytes", "cardinality", "offset", "maxRowIndex"}
)

// seen is the set of the known keys that an object has shown, with a value and
// with null, which counts as absent.
type seen struct{ got, null uint32 }

// once marks bit n and fails if the key was there before.
func (s *scanner) once(set *seen, n uint) {
	if (set.got|set.null)&(1<<n) != 0 {
		s.fail(errTwice)
	}
	set.got |= 1 << n
}

// absent reads a null if there is one; k is the key that it belongs to.
func (s *scanner) absent(set *seen, fields []string, k string) bool {
	if !s.null() {
		return false
	}
	if n := slices.Index(fields, k); n >= 0 {
		if (set.got|set.null)&(1<<n) != 0 {
			s.fail(errTwice)
		}
		set.null |= 1 << n
	}
	return true
}

// require fails unless all of the keys were seen with a value.
func (s *scanner) require(set seen, need uint32, fields []string) {
	if miss := need &^ set.got; miss != 0 && s.err == nil {
		s.key = fields[bits.TrailingZeros32(miss)]
		s.fail(errors.New("the field is required and missing"))
	}
}

var errTwice = errors.New("the key appears twice in one object")

// kinds is a set of actions by name.
type kinds uint16

// The kinds of action.
const (
	kindAdd kinds = 1 << iota
	kindRemove
	kindCDC
	kindTxn
	kindDomain
	kindProtocol
	kindMetadata
	kindCommitInfo
	kindCheckpointMetadata
	kindSidecar

	kindNone kinds = 0
	kindsAll kinds = 1<<iota - 1
)

// line decodes one line: an object with one key that names the action. Unknown
// actions, and known ones that are not in want, are checked for their form only
// and give nil.
func (d *decoder) line(b []byte, want kinds) (Action, error) {
	d.reset(b)
	var (
		action Action
		found  kinds
	)
	d.open('{')
	for d.more('}') {
		kind := kindOf(d.field())
		d.key = ""
		if d.null() {
			continue
		}
		if kind == kindNone || kind&want == 0 {
			d.skip(0)
		} else {
			action = d.action(kind)
		}
		if kind != kindNone {
			if found != kindNone {
				d.key = ""
				d.fail(errors.New("the line holds more than one action"))
			}
			found = kind
		}
	}
	d.end()
	if d.err != nil {
		return nil, d.err
	}
	return action, nil
}

func kindOf(key string) kinds {
	switch key {
	case "add":
		return kindAdd
	case "remove":
		return kindRemove
	case "cdc":
		return kindCDC
	case "txn":
		return kindTxn
	case "domainMetadata":
		return kindDomain
	case "protocol":
		return kindProtocol
	case "metaData":
		return kindMetadata
	case "commitInfo":
		return kindCommitInfo
	case "checkpointMetadata":
		return kindCheckpointMetadata
	case "sidecar":
		return kindSidecar
	}
	return kindNone
}

// action decodes the object of one action.
func (d *decoder) action(kind kinds) Action {
	switch kind {
	case kindAdd:
		return d.addFile()
	case kindRemove:
		return d.removeFile()
	case kindCDC:
		return d.cdcFile()
	case kindTxn:
		return d.setTransaction()
	case kindDomain:
		return d.domainMetadata()
	case kindProtocol:
		return d.protocol()
	case kindMetadata:
		return d.metadata()
	case kindCommitInfo:
		return d.commitInfo()
	case kindCheckpointMetadata:
		return d.checkpointMetadata()
	default:
		return d.sidecar()
	}
}

// newAdd takes an AddFile from the slab. Blocks double, so that a commit of one
// file does not pay for a thousand.
func (d *decoder) newAdd() *AddFile {
	if len(d.adds) == 0 {
		d.block = min(max(4, 2*d.block), 512)
		d.adds = make([]AddFile, d.block)
	}
	a := &d.adds[0]
	d.adds = d.adds[1:]
	return a
}

func (d *decoder) addFile() *AddFile {
	a := d.newAdd()
	*a = AddFile{}
	var set seen
	d.open('{')
	for d.more('}') {
		k := d.field()
		if d.absent(&set, addFields, k) {
			continue
		}
		switch k {
		case "path":
			d.once(&set, 0)
			a.Path = d.path()
		case "partitionValues":
			d.once(&set, 1)
			a.PartitionValues = d.partitionValues()
		case "size":
			d.once(&set, 2)
			a.Size = d.natural()
		case "modificationTime":
			d.once(&set, 3)
			a.ModificationTime = d.integer()
		case "dataChange":
			d.once(&set, 4)
			a.DataChange = d.boolean()
		case "stats":
			d.once(&set, 5)
			a.Stats = d.text()
		case "tags":
			d.once(&set, 6)
			a.Tags = d.sharedTexts()
		case "deletionVector":
			d.once(&set, 7)
			a.DeletionVector = d.deletionVector()
		case "baseRowId":
			d.once(&set, 8)
			a.BaseRowID = d.integerPtr()
		case "defaultRowCommitVersion":
			d.once(&set, 9)
			a.DefaultRowCommitVersion = d.integerPtr()
		case "clusteringProvider":
			d.once(&set, 10)
			a.ClusteringProvider = d.text()
		default:
			d.skip(0)
		}
	}
	d.require(set, 0b11111, addFields)
	return a
}

func (d *decoder) removeFile() *RemoveFile {
	a := new(RemoveFile)
	var set seen
	d.open('{')
	for d.more('}') {
		k := d.field()
		if d.absent(&set, removeFields, k) {
			continue
		}
		switch k {
		case "path":
			d.once(&set, 0)
			a.Path = d.path()
		case "dataChange":
			d.once(&set, 1)
			a.DataChange = d.boolean()
		case "deletionTimestamp":
			d.once(&set, 2)
			a.DeletionTimestamp = d.integerPtr()
		case "extendedFileMetadata":
			d.once(&set, 3)
			a.ExtendedFileMetadata = d.boolean()
		case "partitionValues":
			d.once(&set, 4)
			a.PartitionValues = d.partitionValues()
		case "size":
			d.once(&set, 5)
			n := d.natural()
			a.Size = &n
		case "stats":
			d.once(&set, 6)
			a.Stats = d.text()
		case "tags":
			d.once(&set, 7)
			a.Tags = d.sharedTexts()
		case "deletionVector":
			d.once(&set, 8)
			a.DeletionVector = d.deletionVector()
		case "baseRowId":
			d.once(&set, 9)
			a.BaseRowID = d.integerPtr()
		case "defaultRowCommitVersion":
			d.once(&set, 10)
			a.DefaultRowCommitVersion = d.integerPtr()
		default:
			d.skip(0)
		}
	}
	d.require(set, 0b11, removeFields)
	return a
}

func (d *decoder) cdcFile() *AddCDCFile {
	a := new(AddCDCFile)
	var set seen
	d.open('{')
	for d.more('}') {
		k := d.field()
		if d.absent(&set, cdcFields, k) {
			continue
		}
		switch k {
		case "path":
			d.once(&set, 0)
			a.Path = d.path()
		case "partitionValues":
			d.once(&set, 1)
			a.PartitionValues = d.partitionValues()
		case "size":
			d.once(&set, 2)
			a.Size = d.natural()
		case "dataChange":
			d.once(&set, 3)
			a.DataChange = d.boolean()
		case "tags":
			d.once(&set, 4)
			a.Tags = d.sharedTexts()
		default:
			d.skip(0)
		}
	}
	d.require(set, 0b111, cdcFields)
	return a
}

func (d *decoder) setTransaction() *SetTransaction {
	a := new(SetTransaction)
	var set seen
	d.open('{')
	for d.more('}') {
		k := d.field()
		if d.absent(&set, txnFields, k) {
			continue
		}
		switch k {
		case "appId":
			d.once(&set, 0)
			a.AppID = d.text()
		case "version":
			d.once(&set, 1)
			a.Version = d.integer()
		case "lastUpdated":
			d.once(&set, 2)
			a.LastUpdated = d.integerPtr()
		default:
			d.skip(0)
		}
	}
	d.require(set, 0b11, txnFields)
	return a
}

func (d *decoder) domainMetadata() *DomainMetadata {
	a := new(DomainMetadata)
	var set seen
	d.open('{')
	for d.more('}') {
		k := d.field()
		if d.absent(&set, domainFields, k) {
			continue
		}
		switch k {
		case "domain":
			d.once(&set, 0)
			a.Domain = d.text()
		case "configuration":
			d.once(&set, 1)
			a.Configuration = d.text()
		case "removed":
			d.once(&set, 2)
			a.Removed = d.boolean()
		default:
			d.skip(0)
		}
	}
	d.require(set, 0b101, domainFields)
	return a
}

func (d *decoder) protocol() *Protocol {
	a := new(Protocol)
	var set seen
	d.open('{')
	for d.more('}') {
		k := d.field()
		if d.absent(&set, protocolFields, k) {
			continue
		}
		switch k {
		case "minReaderVersion":
			d.once(&set, 0)
			a.MinReaderVersion = int(d.integer32())
		case "minWriterVersion":
			d.once(&set, 1)
			a.MinWriterVersion = int(d.integer32())
		case "readerFeatures":
			d.once(&set, 2)
			a.ReaderFeatures = d.features()
		case "writerFeatures":
			d.once(&set, 3)
			a.WriterFeatures = d.features()
		default:
			d.skip(0)
		}
	}
	d.require(set, 0b11, protocolFields)
	return a
}

func (d *decoder) features() []Feature {
	fs := []Feature{}
	d.open('[')
	for d.more(']') {
		fs = append(fs, Feature(d.text()))
	}
	return fs
}

func (d *decoder) metadata() *Metadata {
	a := new(Metadata)
	var set seen
	d.open('{')
	for d.more('}') {
		k := d.field()
		if d.absent(&set, metadataFields, k) {
			continue
		}
		switch k {
		case "id":
			d.once(&set, 0)
			a.ID = d.text()
		case "format":
			d.once(&set, 1)
			a.Format = d.format()
		case "schemaString":
			d.once(&set, 2)
			a.SchemaString = d.text()
		case "partitionColumns":
			d.once(&set, 3)
			a.PartitionColumns = d.textList()
		case "configuration":
			d.once(&set, 4)
			a.Configuration = d.texts()
		case "name":
			d.once(&set, 5)
			a.Name = d.text()
		case "description":
			d.once(&set, 6)
			a.Description = d.text()
		case "createdTime":
			d.once(&set, 7)
			a.CreatedTime = d.integerPtr()
		default:
			d.skip(0)
		}
	}
	d.require(set, 0b1001, metadataFields) // Spark leaves schemaString out of a table without columns
	if set.got&0b10 == 0 {
		a.Format.Provider = "parquet"
	}
	return a
}

func (d *decoder) format() Format {
	var f Format
	var set seen
	d.open('{')
	for d.more('}') {
		k := d.field()
		if d.absent(&set, formatFields, k) {
			continue
		}
		switch k {
		case "provider":
			d.once(&set, 0)
			f.Provider = d.text()
		case "options":
			d.once(&set, 1)
			f.Options = d.texts()
		default:
			d.skip(0)
		}
	}
	d.require(set, 0b1, formatFields)
	return f
}

func (d *decoder) checkpointMetadata() *CheckpointMetadata {
	a := new(CheckpointMetadata)
	var set seen
	d.open('{')
	for d.more('}') {
		k := d.field()
		if d.absent(&set, checkpointFields, k) {
			continue
		}
		switch k {
		case "version":
			d.once(&set, 0)
			a.Version = Version(d.natural())
		case "tags":
			d.once(&set, 1)
			a.Tags = d.texts()
		default:
			d.skip(0)
		}
	}
	d.require(set, 0b1, checkpointFields)
	return a
}

func (d *decoder) sidecar() *Sidecar {
	a := new(Sidecar)
	var set seen
	d.open('{')
	for d.more('}') {
		k := d.field()
		if d.absent(&set, sidecarFields, k) {
			continue
		}
		switch k {
		case "path":
			d.once(&set, 0)
			a.Path = d.path()
		case "sizeInBytes":
			d.once(&set, 1)
			a.SizeInBytes = d.natural()
		case "modificationTime":
			d.once(&set, 2)
			a.ModificationTime = d.integer()
		case "tags":
			d.once(&set, 3)
			a.Tags = d.texts()
		default:
			d.skip(0)
		}
	}
	d.require(set, 0b11, sidecarFields)
	return a
}

func (d *decoder) deletionVector() *DVDescriptor {
	a := new(DVDescriptor)
	var set seen
	d.open('{')
	for d.more('}') {
		k := d.field()
		if d.absent(&set, dvFields, k) {
			continue
		}
		switch k {
		case "storageType":
			d.once(&set, 0)
			a.StorageType = d.text()
		case "pathOrInlineDv":
			d.once(&set, 1)
			a.PathOrInlineDV = d.text()
		case "sizeInBytes":
			d.once(&set, 2)
			a.SizeInBytes = d.integer32()
		case "cardinality":
			d.once(&set, 3)
			a.Cardinality = d.natural()
		case "offset":
			d.once(&set, 4)
			n := d.integer32()
			a.Offset = &n
		case "maxRowIndex":
			d.once(&set, 5)
			a.MaxRowIndex = d.integerPtr()
		default:
			d.skip(0)
		}
	}
	d.require(set, 0b1111, dvFields)
	if d.err == nil && (a.SizeInBytes < 0 || a.Offset != nil && *a.Offset < 0) {
		d.fail(errors.New("a deletion vector's size or offset is negative"))
	}
	return a
}

// path reads a path, which is never empty.
func (d *decoder) path() string {
	p := d.text()
	if p == "" && d.err == nil {
		d.fail(errors.New("the path is empty"))
	}
	return p
}

// natural reads an integer that must not be negative.
func (s *scanner) natural() int64 {
	n := s.integer()
	if n < 0 {
		s.fail(fmt.Errorf("%d is negative", n))
		return 0
	}
	return n
}

func (s *scanner) integerPtr() *int64 {
	n := s.integer()
	return &n
}

// textList reads an array of strings; it is never nil.
func (s *scanner) textList() []string {
	l := []string{}
	s.open('[')
	for s.more(']') {
		l = append(l, s.text())
	}
	return l
}

// texts reads an object of strings. Nulls count as absent. It is never nil.
func (s *scanner) texts() map[string]string {
	m := map[string]string{}
	s.open('{')
	for s.more('}') {
		k := s.field()
		if s.null() {
			continue
		}
		if _, dup := m[k]; dup {
			s.fail(errTwice)
		}
		m[k] = s.text()
	}
	return m
}

// sharedTexts is texts for maps that repeat from line to line.
func (d *decoder) sharedTexts() map[string]string {
	start, key := d.i, d.key
	raw := d.raw()
	if d.err != nil {
		return nil
	}
	if m, ok := d.tags.m[string(raw)]; ok {
		return m
	}
	text := string(raw) // before unescaping changes it
	d.i, d.key = start, key
	m := d.texts()
	if d.err == nil {
		d.tags.put(text, m)
	}
	return m
}

// noValues is the partition values of every file of an unpartitioned table.
var noValues = map[string]*string{}

// partitionValues reads an object of strings and nulls. It is never nil.
func (d *decoder) partitionValues() map[string]*string {
	d.peek()
	if bytes.HasPrefix(d.b[d.i:], []byte("{}")) {
		d.i += 2
		return noValues
	}
	start, key := d.i, d.key
	raw := d.raw()
	if d.err != nil {
		return nil
	}
	if m, ok := d.values.m[string(raw)]; ok {
		return m
	}
	text := string(raw) // before unescaping changes it
	d.i, d.key = start, key
	m := map[string]*string{}
	d.open('{')
	for d.more('}') {
		k := d.field()
		if _, dup := m[k]; dup {
			d.fail(errTwice)
		}
		if d.null() {
			m[k] = nil
			continue
		}
		v := d.text()
		m[k] = &v
	}
	if d.err == nil {
		d.values.put(text, m)
	}
	return m
}
