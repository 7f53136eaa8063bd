package writer

import (
	"context"
	"fmt"
	"hash/fnv"
	"io"
	"path"
	"strings"

	"github.com/deltalog/deltalog/internal/pqwrite"
	"github.com/deltalog/deltalog/internal/stats"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/txlog/schema"
)

// A dataFile is a file being written. Its upload begins with its first row group,
// so that a small file holds nothing open before it is complete.
type dataFile struct {
	t     *target
	part  *partition
	seq   int // among the files of its partition
	name  string
	sink  *sink
	pq    *pqwrite.Writer
	held  int64 // bytes, as last counted
	index int   // in Writer.open

	cancel context.CancelFunc // ends the upload
}

// What a file costs beside its pages: the encoder's own state, and an open
// upload. Drivers for object stores hold a few parts of 8 MiB, the local one a
// write buffer.
const (
	fileCost         = 4 << 10
	columnCost       = 1 << 10
	localUploadCost  = 256 << 10
	remoteUploadCost = 32 << 20
)

func uploadCost(s logstore.Store) int64 {
	if s != nil {
		if scheme := logstore.Scheme(s.URL()); scheme != logstore.FileScheme && scheme != "mem" {
			return remoteUploadCost
		}
	}
	return localUploadCost
}

// holding returns the bytes of memory that f takes.
func (f *dataFile) holding() int64 {
	n := f.pq.Buffered() + fileCost + columnCost*int64(len(f.t.data.Fields))
	if f.sink.w != nil {
		n += f.t.uploadCost
	}
	return n
}

// A sink creates its object when the first bytes come.
type sink struct {
	ctx   context.Context
	store logstore.Store
	name  string
	w     logstore.Writer
}

func (s *sink) Write(p []byte) (int, error) {
	if s.w == nil {
		w, err := s.store.Create(s.ctx, s.name)
		if err != nil {
			return 0, fmt.Errorf("writer: create %s: %w", s.name, err)
		}
		s.w = w
	}
	n, err := s.w.Write(p)
	if err != nil {
		err = fmt.Errorf("writer: write %s: %w", s.name, err)
	}
	return n, err
}

// newFile begins a file; its upload's context ends with ctx, or by f.cancel.
func (t *target) newFile(ctx context.Context, p *partition, number int) (*dataFile, error) {
	f := &dataFile{t: t, part: p, seq: p.files}
	p.files++
	format := "part-%05d-%s-c000%s"
	if t.Directory != "" {
		format = "cdc-%05d-%s.c000%s"
	}
	f.name = fmt.Sprintf(format, number, t.Env.NewID(), extensions[t.codec])
	if dir := t.directory(p); dir != "" {
		f.name = dir + "/" + f.name
	}
	ctx, f.cancel = context.WithCancel(ctx)
	f.sink = &sink{ctx: ctx, store: t.Store, name: f.name}
	var err error
	if f.pq, err = t.encoder(f.sink); err != nil {
		f.cancel()
	}
	return f, err
}

// encoder returns a Parquet writer of the table's columns.
func (t *target) encoder(w io.Writer) (*pqwrite.Writer, error) {
	return pqwrite.NewWriter(w, t.data, &pqwrite.Options{
		Codec: t.codec, DataPageV2: t.Properties.DataPageV2(), CreatedBy: "deltalog version " + txlog.Release,
		FieldIDs: t.mode != schema.MappingNone, Extra: len(t.Hidden), Parallel: t.Parallel,
		RowGroupBytes: min(defaultTargetFileSize, max(t.MaxMemory/2, 1<<20)),
	})
}

// finish completes the file and publishes it. The upload ends with either
// context, that of its first row or ctx.
func (f *dataFile) finish(ctx context.Context) (*DataFile, error) {
	defer f.cancel()
	defer context.AfterFunc(ctx, f.cancel)()
	info, err := f.pq.Close(f.sink.ctx)
	if err != nil {
		f.abort()
		return nil, fmt.Errorf("writer: complete %s: %w", f.name, err)
	}
	w := f.sink.w
	f.sink.w, f.pq = nil, nil
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("writer: complete %s: %w", f.name, err)
	}
	return &DataFile{
		Path: schema.EncodePath(f.name), PartitionValues: f.part.Raw, Size: info.Size, Rows: info.Rows,
		ModificationTime: f.t.Env.Now().UnixMilli(), Stats: f.t.statistics(info),
	}, nil
}

// abort ends the upload; nothing of it is published.
func (f *dataFile) abort() {
	f.cancel()
	if f.sink.w != nil {
		f.sink.w.Abort()
		f.sink.w = nil
	}
}

// statistics returns add.stats.
func (t *target) statistics(info *pqwrite.FileInfo) string {
	if t.Directory != "" {
		return "" // nothing in the log has a place for them
	}
	leaves := map[string]*pqwrite.Leaf{}
	for i := range info.Leaves {
		leaves[strings.Join(info.Leaves[i].Path, "\x00")] = &info.Leaves[i]
	}
	var f stats.File
	f.Reset(len(t.layout.Leaves()))
	f.NumRecords = info.Rows
	for i, l := range t.layout.Leaves() {
		if leaf := leaves[strings.Join(l.Path, "\x00")]; leaf != nil {
			f.Columns[i] = t.column(leaf)
		}
	}
	return string(t.layout.Append(nil, &f))
}

func (t *target) column(l *pqwrite.Leaf) stats.Column {
	c := stats.Column{NullCount: l.NullCount}
	// A NaN is greater than all numbers to Spark, and not within Parquet's bounds.
	if !l.HasMinMax || l.HasNaN {
		return c
	}
	c.Min, c.Max, c.HasMin, c.HasMax = l.Min, l.Max, true, true
	if l.Type.Kind() != schema.KindString {
		return c
	}
	c.Min = schema.StringValue(string(stats.TruncateMin([]byte(l.Min.Text()), t.prefix)))
	last := []byte(l.Max.Text())
	cut, ok := stats.TruncateMax(last, t.prefix)
	if !ok || l.MaxCut && len(cut) == len(last) {
		c.Max, c.HasMax = schema.Value{}, false
		return c
	}
	c.Max = schema.StringValue(string(cut))
	return c
}

// directory returns where a file of p goes: a random prefix if the table wants
// that, else what all files of the partition have in common.
func (t *target) directory(p *partition) string {
	dir := p.dir
	if prefix := randomPrefix(t.Env, t.Properties); prefix != "" {
		dir = prefix
	}
	return path.Join(t.Directory, dir)
}

// partitionDir is the conventional name where that is plain everywhere, and else
// a short hash: names that this library makes hold no character that a store or
// an engine escapes.
func (t *target) partitionDir(p Partition) string {
	if len(t.physical) == 0 {
		return ""
	}
	dir := schema.PartitionDir(t.physical, p.Raw)
	if len(dir) <= 200 && strings.IndexFunc(dir, special) < 0 && dir[0] != '_' && dir[0] != '.' {
		return dir
	}
	h := fnv.New64a()
	h.Write([]byte(dir))
	return fmt.Sprintf("p-%016x", h.Sum64())
}

func special(r rune) bool {
	switch {
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
		return false
	}
	return !strings.ContainsRune("._-=/", r)
}
