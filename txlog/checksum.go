package txlog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/deltalog/deltalog/txlog/logstore"
)

// A Checksum is the content of N.crc: a version's state in numbers, for others
// to compare with theirs. PROTOCOL.md, "Version Checksum File".
type Checksum struct {
	TxnID             string
	TableSizeBytes    int64
	NumFiles          int64
	InCommitTimestamp *int64
	Protocol          *Protocol
	Metadata          *Metadata
	// SetTransactions and DomainMetadata are nil where the file does not have
	// them, which does not mean that there are none.
	SetTransactions []*SetTransaction
	DomainMetadata  []*DomainMetadata
}

// maxChecksum is the largest checksum file that is read: Spark's list all files.
const maxChecksum = 256 << 20

var checksumFields = []string{
	"tableSizeBytes", "numFiles", "numMetadata", "numProtocol", "metadata", "protocol",
	"txnId", "inCommitTimestampOpt", "setTransactions", "domainMetadata",
}

// parseChecksum decodes N.crc, whose bytes it takes over. Histograms and lists of
// files are skipped.
func parseChecksum(v Version, data []byte) (*Checksum, error) {
	c := new(Checksum)
	if err := c.decode(data); err != nil {
		return nil, &CorruptError{Path: checksumPath(v), Err: err}
	}
	return c, nil
}

func (c *Checksum) decode(data []byte) error {
	if !utf8.Valid(data) {
		return errors.New("the text is not UTF-8")
	}
	d := decoder{}
	d.reset(data)
	var set seen
	d.open('{')
	for d.more('}') {
		k := d.field()
		if d.absent(&set, checksumFields, k) {
			continue
		}
		switch k {
		case "tableSizeBytes":
			d.once(&set, 0)
			c.TableSizeBytes = d.natural()
		case "numFiles":
			d.once(&set, 1)
			c.NumFiles = d.natural()
		case "numMetadata":
			d.once(&set, 2)
			d.one()
		case "numProtocol":
			d.once(&set, 3)
			d.one()
		case "metadata":
			d.once(&set, 4)
			c.Metadata = d.metadata()
		case "protocol":
			d.once(&set, 5)
			c.Protocol = d.protocol()
		case "txnId":
			d.once(&set, 6)
			c.TxnID = d.text()
		case "inCommitTimestampOpt":
			d.once(&set, 7)
			c.InCommitTimestamp = d.integerPtr()
		case "setTransactions":
			d.once(&set, 8)
			c.SetTransactions = listOf(&d.scanner, d.setTransaction)
		case "domainMetadata":
			d.once(&set, 9)
			c.DomainMetadata = listOf(&d.scanner, d.domainMetadata)
		default:
			d.skip(0)
		}
	}
	d.require(set, 0b111111, checksumFields)
	d.end()
	return d.err
}

// one reads the number 1.
func (s *scanner) one() {
	if n := s.integer(); n != 1 {
		s.fail(fmt.Errorf("it is %d and must be 1", n))
	}
}

// listOf reads an array; it is never nil.
func listOf[T any](s *scanner, read func() T) []T {
	l := []T{}
	s.open('[')
	for s.more(']') {
		l = append(l, read())
	}
	return l
}

func (c *Checksum) encode() []byte {
	var e encoder
	e.object(func() {
		e.textIf("txnId", c.TxnID)
		e.integer("tableSizeBytes", c.TableSizeBytes)
		e.integer("numFiles", c.NumFiles)
		e.integer("numMetadata", 1)
		e.integer("numProtocol", 1)
		e.integerIf("inCommitTimestampOpt", c.InCommitTimestamp)
		if c.SetTransactions != nil {
			objects(&e, "setTransactions", c.SetTransactions, e.setTransaction)
		}
		if c.DomainMetadata != nil {
			objects(&e, "domainMetadata", c.DomainMetadata, e.domainMetadata)
		}
		e.key("metadata")
		e.object(func() { e.metadata(c.Metadata) })
		e.key("protocol")
		e.object(func() { e.protocol(c.Protocol) })
	})
	return e.b
}

// objects writes an array of objects.
func objects[T any](e *encoder, key string, l []T, body func(T)) {
	e.key(key)
	e.b = append(e.b, '[')
	for i, x := range l {
		if i > 0 {
			e.b = append(e.b, ',')
		}
		e.object(func() { body(x) })
	}
	e.b = append(e.b, ']')
}

// ReadChecksum reads the checksum of the snapshot's version; nil if there is
// none. A file that cannot be read gives an error that matches [ErrCorrupt]:
// nothing depends on it.
func (s *Snapshot) ReadChecksum(ctx context.Context) (*Checksum, error) {
	data, err := s.store.Read(ctx, checksumPath(s.version), maxChecksum)
	switch {
	case errors.Is(err, logstore.ErrNotExist):
		return nil, nil
	case errors.Is(err, logstore.ErrTooLarge):
		return nil, &CorruptError{Path: checksumPath(s.version), Err: err}
	case err != nil:
		return nil, fmt.Errorf("txlog: read %s of %s: %w", checksumPath(s.version), s.url, err)
	}
	return parseChecksum(s.version, data)
}

// Checksum returns what the checksum file of the snapshot's version must say. It
// counts the files, unless that was done.
func (s *Snapshot) Checksum(ctx context.Context) (*Checksum, error) {
	files, bytes, err := s.NumFiles(ctx)
	if err != nil {
		return nil, err
	}
	c := &Checksum{NumFiles: files, TableSizeBytes: bytes, Protocol: s.protocol, Metadata: s.metadata}
	if c.SetTransactions, err = s.Txns(ctx); err != nil {
		return nil, err
	}
	if c.DomainMetadata, err = s.Domains(ctx); err != nil {
		return nil, err
	}
	if s.info != nil {
		c.TxnID = s.info.TxnID
	}
	if start, _ := s.Properties().InCommitTimestampStart(); s.Properties().InCommitTimestamps() && s.version >= start {
		t, err := s.inCommitTimestamp(ctx)
		if err != nil {
			return nil, err
		}
		c.InCommitTimestamp = new(int64)
		*c.InCommitTimestamp = millis(t)
	}
	return c, nil
}

// WriteChecksum writes the checksum file of the snapshot's version, unless there
// is one, if the number of files is known: it was counted, or is by
// [Snapshot.AdvanceKnown] from a snapshot of which it was. Otherwise it does
// nothing: a wrong checksum is worse than none. It reports whether there is a
// file now. Costs one request.
func (s *Snapshot) WriteChecksum(ctx context.Context) (bool, error) {
	if _, _, known := s.totals.get(); !known {
		return false, nil
	}
	c, err := s.Checksum(ctx)
	if err != nil {
		return false, err
	}
	err = s.store.Put(ctx, checksumPath(s.version), c.encode(), logstore.IfAbsent)
	if err != nil && !errors.Is(err, logstore.ErrExist) {
		return false, fmt.Errorf("txlog: write %s of %s: %w", checksumPath(s.version), s.url, err)
	}
	return true, nil
}

// Check compares a checksum with the table. It returns nil or an error that
// matches [ErrCorrupt] and names each difference: a commit was lost or changed,
// or the checksum's writer was wrong.
func (s *Snapshot) Check(ctx context.Context, c *Checksum) error {
	own, err := s.Checksum(ctx)
	if err != nil {
		return err
	}
	var errs []error
	differ := func(what string, theirs, ours any) {
		errs = append(errs, fmt.Errorf("%s is %v by the checksum and %v by the log", what, theirs, ours))
	}
	if c.NumFiles != own.NumFiles {
		differ("the number of files", c.NumFiles, own.NumFiles)
	}
	if c.TableSizeBytes != own.TableSizeBytes {
		differ("the size in bytes", c.TableSizeBytes, own.TableSizeBytes)
	}
	if c.Metadata.ID != own.Metadata.ID || c.Metadata.SchemaString != own.Metadata.SchemaString || !slices.Equal(c.Metadata.PartitionColumns, own.Metadata.PartitionColumns) {
		differ("the metadata", c.Metadata.ID, own.Metadata.ID)
	}
	if !slices.Equal(c.Protocol.Features(), own.Protocol.Features()) || c.Protocol.MinReaderVersion != own.Protocol.MinReaderVersion || c.Protocol.MinWriterVersion != own.Protocol.MinWriterVersion {
		differ("the protocol", c.Protocol.Features(), own.Protocol.Features())
	}
	if c.InCommitTimestamp != nil && own.InCommitTimestamp != nil && *c.InCommitTimestamp != *own.InCommitTimestamp {
		differ("the in-commit timestamp", *c.InCommitTimestamp, *own.InCommitTimestamp)
	}
	if errs == nil {
		return nil
	}
	return &CorruptError{Path: checksumPath(s.version), Err: errors.Join(errs...)}
}

// AdvanceKnown is [Snapshot.Advance] for a commit of the caller's own, of which
// it knows that each file it adds was not in the table and each that it removes
// was, with the size that the remove says. The number of files, if it was known
// before, is then known after.
func (s *Snapshot) AdvanceKnown(c *Commit) (*Snapshot, error) {
	t, err := s.Advance(c)
	if err != nil {
		return nil, err
	}
	files, bytes, known := s.totals.get()
	if !known {
		return t, nil
	}
	for _, a := range c.Actions {
		switch a := a.(type) {
		case *AddFile:
			files, bytes = files+1, bytes+a.Size
		case *RemoveFile:
			if a.Size == nil {
				return t, nil
			}
			files, bytes = files-1, bytes-*a.Size
		}
	}
	if files >= 0 && bytes >= 0 {
		t.totals.set(files, bytes)
	}
	return t, nil
}
