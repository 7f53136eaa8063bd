package txlog

import (
	"errors"
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
