package txlog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/deltalog/deltalog/internal/pqwrite"
	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/logstore"
)

// CheckpointOptions say how a checkpoint is written. Nil means defaults.
type CheckpointOptions struct {
	// Env gives the clock that decides which tombstones and transactions have
	// expired.
	Env *Env
}

// WriteCheckpoint writes a checkpoint of the snapshot's version, unless there is
// one, and moves _last_checkpoint to it. It returns the same table standing on
// the checkpoint, which needs no commit before it any more.
//
// The checkpoint is a classic one, which every reader knows, whatever the
// table's policy. Files are streamed into it; memory is bounded by a row group.
// Nothing is published before the number of files written is that of the table,
// and _last_checkpoint is not touched before the object was opened again. An
// error leaves the table as it was: a checkpoint only makes reading cheaper.
//
// PROTOCOL.md, "Checkpoints". Left out are tombstones older than
// delta.deletedFileRetentionDuration, and transactions older than
// delta.setTransactionRetentionDuration, if that is set.
func (s *Snapshot) WriteCheckpoint(ctx context.Context, o *CheckpointOptions) (*Snapshot, error) {
	var env *Env
	if o != nil {
		env = o.Env
	}
	w := checkpointWriter{s: s, now: env.WithDefaults().Now()}
	t, err := w.run(ctx)
	if err != nil {
		return nil, fmt.Errorf("txlog: checkpoint of version %d of %s: %w", s.version, s.url, err)
	}
	return t, nil
}

// Sizes of a checkpoint's parts. A row group is held in memory, encoded.
const (
	checkpointBatch      = 8192
	checkpointBatchBytes = 16 << 20
	checkpointGroupRows  = 128 << 10
	checkpointGroupBytes = 32 << 20
)

type checkpointWriter struct {
	s    *Snapshot
	now  time.Time
	pq   *pqwrite.Writer
	adds int64
	rows int64

	groupRows int // of a row group; 0: checkpointGroupRows
}

func (w *checkpointWriter) run(ctx context.Context) (*Snapshot, error) {
	s := w.s
	if err := CheckWrite(s.protocol, nil); err != nil {
		return nil, err
	}
	if least := s.Properties().integer("delta.requireCheckpointProtectionBeforeVersion", 0, 0); int64(s.version) < least &&
		s.protocol.HasWriterFeature(FeatureCheckpointProtection) {
		return nil, fmt.Errorf("checkpoints before version %d are protected", least)
	}
	if err := w.recount(ctx); err != nil {
		return nil, err
	}
	name := checkpointPath(s.version)
	obj, err := s.store.Stat(ctx, name)
	switch {
	case err == nil && obj.Size > 0:
		// Another writer was faster; what it wrote is judged like ours.
	case err != nil && !errors.Is(err, logstore.ErrNotExist):
		return nil, err
	default:
		err := w.write(ctx, name, w.protocol, w.metadata, w.txns, w.domains, w.files, w.tombstones)
		if err != nil && !errors.Is(err, logstore.ErrExist) {
			return nil, err
		}
		if obj, err = s.store.Stat(ctx, name); err != nil {
			return nil, err
		}
	}
	base, files, err := w.verify(ctx, obj)
	if err != nil {
		return nil, err
	}
	hint := &LastCheckpoint{Version: s.version, Size: base.rows, SizeInBytes: &obj.Size, NumOfAddFiles: &files}
	if err := moveLastCheckpoint(ctx, s.store, hint); err != nil {
		return nil, err
	}
	return s.on(base), nil
}

// recount counts the files, to compare with. A number that came from a checksum,
// which another writer may have got wrong, is not enough here.
func (w *checkpointWriter) recount(ctx context.Context) error {
	s := w.s
	files, bytes, err := s.countFiles(ctx)
	if err != nil {
		return err
	}
	if f, b, known := s.totals.get(); known && (f != files || b != bytes) {
		s.logger.WarnContext(ctx, "txlog: the number of files is not what a checksum says",
			"table", s.url, "version", s.version, "checksum", f, "counted", files)
	}
	s.totals.set(files, bytes)
	return nil
}

// verify opens what was published and compares it with the table.
func (w *checkpointWriter) verify(ctx context.Context, obj logstore.Object) (*checkpoint, int64, error) {
	s := w.s
	base, err := openCheckpoint(ctx, s.store, &checkpointRef{s.version, logCheckpoint, []logstore.Object{obj}}, s.parallel)
	if err != nil {
		return nil, 0, err
	}
	if base.metadata.ID != s.metadata.ID {
		return nil, 0, &CorruptError{Path: obj.Name, Err: fmt.Errorf("it is of table %s, not %s", base.metadata.ID, s.metadata.ID)}
	}
	files, _, err := s.NumFiles(ctx)
	if err != nil {
		return nil, 0, err
	}
	got, _, err := base.count(ctx, newKeySet(s.url))
	if err != nil {
		return nil, 0, err
	}
	if got != files {
		return nil, 0, &CorruptError{Path: obj.Name, Err: fmt.Errorf("it has %d files and the table has %d", got, files)}
	}
	return base, files, nil
}

// on returns the table standing on a checkpoint of its version.
func (s *Snapshot) on(base *checkpoint) *Snapshot {
	t := *s
	t.base, t.tail = base, nil
	return &t
}

// write writes the object, part by part. Nothing is visible unless it returns nil.
func (w *checkpointWriter) write(ctx context.Context, name string, parts ...func(context.Context) error) error {
	out, err := w.s.store.Create(ctx, name)
	if err != nil {
		return err
	}
	done := false
	defer func() {
		if !done {
			out.Abort()
		}
	}()
	columns := structOf(col("txn", typeTxn), col("add", checkpointAdd), col("remove", typeRemove),
		col("metaData", typeMetadata), col("protocol", typeProtocol), col("domainMetadata", typeDomain))
	w.pq, err = pqwrite.NewWriter(out, columns, &pqwrite.Options{
		Codec: w.s.Properties().Codec(), RowGroupRows: cmp.Or(w.groupRows, checkpointGroupRows), RowGroupBytes: checkpointGroupBytes,
		CreatedBy: "deltalog version " + Release, Compat: true,
	})
	if err != nil {
		return err
	}
	for _, part := range parts {
		if err := part(ctx); err != nil {
			return err
		}
	}
	info, err := w.pq.Close(ctx)
	if err != nil {
		return err
	}
	files, _, err := w.s.NumFiles(ctx)
	if err != nil {
		return err
	}
	if files != w.adds || info.Rows != w.rows {
		return fmt.Errorf("%d files and %d rows were written, and %d files of the table and %d rows were to be", w.adds, info.Rows, files, w.rows)
	}
	done = true
	return out.Close()
}

// checkpointAdd is the add column of checkpoints that are written.
var checkpointAdd = fieldsOf(typeAdd, "path", "partitionValues", "size", "modificationTime", "dataChange", "tags",
	"deletionVector", "baseRowId", "defaultRowCommitVersion", "clusteringProvider", "stats")

// The positions of the columns.
const (
	columnTxn = iota
	columnAdd
	columnRemove
	columnMetadata
	columnProtocol
	columnDomain
	numColumns
)

// emit writes a batch in which one column has rows and the others are null.
func (w *checkpointWriter) emit(ctx context.Context, column int, b *builder) error {
	n := b.v.Len
	if n == 0 {
		return nil
	}
	cols := make([]*vec.Vec, numColumns)
	for i := range cols {
		cols[i] = &vec.Vec{Kind: vec.Null, Len: n}
	}
	cols[column] = b.vec()
	if err := w.pq.Write(ctx, cols, n); err != nil {
		return err
	}
	w.rows += int64(n)
	b.reset()
	return nil
}

// emitFull is emit once a batch is full.
func (w *checkpointWriter) emitFull(ctx context.Context, column int, b *builder) error {
	if !b.full() {
		return nil
	}
	return w.emit(ctx, column, b)
}

// full reports whether a batch is large enough to be written.
func (b *builder) full() bool {
	if b.v.Len >= checkpointBatch {
		return true
	}
	for _, c := range b.children {
		if len(c.v.Data) >= checkpointBatchBytes {
			return true
		}
	}
	return false
}

func (w *checkpointWriter) protocol(ctx context.Context) error {
	p, b := w.s.protocol, newBuilder(typeProtocol)
	b.next(true)
	b.children[0].integer(int64(p.MinReaderVersion))
	b.children[1].integer(int64(p.MinWriterVersion))
	b.children[2].features(p.ReaderFeatures)
	b.children[3].features(p.WriterFeatures)
	return w.emit(ctx, columnProtocol, b)
}

func (w *checkpointWriter) metadata(ctx context.Context) error {
	b := newBuilder(typeMetadata)
	b.metadata(w.s.metadata)
	return w.emit(ctx, columnMetadata, b)
}

func (w *checkpointWriter) txns(ctx context.Context) error {
	txns, err := w.s.Txns(ctx)
	if err != nil {
		return err
	}
	b := newBuilder(typeTxn)
	for _, t := range txns {
		if w.expired(t) {
			continue
		}
		b.next(true)
		b.children[0].text(t.AppID)
		b.children[1].integer(t.Version)
		b.children[2].integerPtr(t.LastUpdated)
		if err := w.emitFull(ctx, columnTxn, b); err != nil {
			return err
		}
	}
	return w.emit(ctx, columnTxn, b)
}

func (w *checkpointWriter) domains(ctx context.Context) error {
	domains, err := w.s.Domains(ctx)
	if err != nil {
		return err
	}
	b := newBuilder(typeDomain)
	for _, d := range domains {
		b.next(true)
		b.children[0].text(d.Domain)
		b.children[1].text(d.Configuration)
		b.children[2].boolean(false)
		if err := w.emitFull(ctx, columnDomain, b); err != nil {
			return err
		}
	}
	return w.emit(ctx, columnDomain, b)
}

// expired reports whether a transaction is to be forgotten. As in Spark, one
// without a time is, once a retention is set.
func (w *checkpointWriter) expired(t *SetTransaction) bool {
	keep := w.s.Properties().TxnRetention()
	return keep > 0 && (t.LastUpdated == nil || *t.LastUpdated <= millis(w.now.Add(-keep)))
}

func (b *builder) metadata(m *Metadata) {
	b.next(true)
	c := b.children
	c[0].text(m.ID)
	c[1].textIf(m.Name)
	c[2].textIf(m.Description)
	c[3].next(true)
	c[3].children[0].text(m.Format.Provider)
	c[3].children[1].texts(orEmpty(m.Format.Options))
	c[4].textIf(m.SchemaString)
	c[5].textList(m.PartitionColumns)
	c[6].texts(orEmpty(m.Configuration))
	c[7].integerPtr(m.CreatedTime)
}

func orEmpty(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}

// files streams the live files.
func (w *checkpointWriter) files(ctx context.Context) error {
	order, err := physicalPartitionColumns(w.s.metadata)
	if err != nil {
		return err
	}
	b := newBuilder(checkpointAdd)
	for a, err := range w.s.Files(ctx, nil) {
		if err != nil {
			return err
		}
		b.addFile(a, order)
		w.adds++
		if err := w.emitFull(ctx, columnAdd, b); err != nil {
			return err
		}
	}
	return w.emit(ctx, columnAdd, b)
}

func (b *builder) addFile(a *AddFile, order []string) {
	b.next(true)
	c := b.children
	c[0].text(a.Path)
	c[1].partitionValues(a.PartitionValues, order)
	c[2].integer(a.Size)
	c[3].integer(a.ModificationTime)
	c[4].boolean(false)
	c[5].texts(a.Tags)
	c[6].deletionVector(a.DeletionVector)
	c[7].integerPtr(a.BaseRowID)
	c[8].integerPtr(a.DefaultRowCommitVersion)
	c[9].textIf(a.ClusteringProvider)
	c[10].textIf(a.Stats)
}

// tombstones streams the removed files that have not expired.
func (w *checkpointWriter) tombstones(ctx context.Context) error {
	since := millis(w.now.Add(-w.s.Properties().TombstoneRetention()))
	b := newBuilder(typeRemove)
	for r, err := range w.s.Tombstones(ctx) {
		if err != nil {
			return err
		}
		if r.DeletionTimestamp == nil || *r.DeletionTimestamp <= since {
			continue
		}
		b.removeFile(r)
		if err := w.emitFull(ctx, columnRemove, b); err != nil {
			return err
		}
	}
	return w.emit(ctx, columnRemove, b)
}

func (b *builder) removeFile(r *RemoveFile) {
	b.next(true)
	c := b.children
	c[0].text(r.Path)
	c[1].integerPtr(r.DeletionTimestamp)
	c[2].boolean(false)
	c[3].boolean(r.ExtendedFileMetadata)
	if r.PartitionValues == nil {
		c[4].null()
	} else {
		c[4].partitionValues(r.PartitionValues, nil)
	}
	c[5].integerPtr(r.Size)
	c[6].deletionVector(r.DeletionVector)
	c[7].integerPtr(r.BaseRowID)
	c[8].integerPtr(r.DefaultRowCommitVersion)
}
