package writer

import (
	"context"
	"fmt"
	"hash/fnv"
	"strings"

	"github.com/deltalog/deltalog/internal/pqwrite"
	"github.com/deltalog/deltalog/internal/stats"
	"github.com/deltalog/deltalog/internal/vec"
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
	rows  int64
	held  int64 // bytes, as last counted
	index int   // in Writer.open
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

func (s *sink) abort() {
	if s.w != nil {
		s.w.Abort()
		s.w = nil
	}
}

func (t *target) newFile(ctx context.Context, p *partition, number int) (*dataFile, error) {
	f := &dataFile{t: t, part: p, seq: p.files}
	p.files++
	f.name = fmt.Sprintf("part-%05d-%s-c000%s", number, t.Env.NewID(), extensions[t.codec])
	if p.dir != "" {
		f.name = p.dir + "/" + f.name
	}
	f.sink = &sink{ctx: ctx, store: t.Store, name: f.name}
	var err error
	f.pq, err = pqwrite.NewWriter(f.sink, t.data, &pqwrite.Options{
		Codec: t.codec, DataPageV2: t.Properties.DataPageV2(), CreatedBy: "deltalog version " + txlog.Release,
		FieldIDs: t.mode != schema.MappingNone, Parallel: t.Parallel,
		RowGroupBytes: min(defaultTargetFileSize, max(t.MaxMemory/2, 1<<20)),
	})
	return f, err
}

// write appends rows; cols are those of target.data.
func (f *dataFile) write(ctx context.Context, cols []*vec.Vec, rows int) error {
	if err := f.pq.Write(ctx, cols, rows); err != nil {
		return err
	}
	f.rows += int64(rows)
	f.held = f.pq.Buffered()
	return nil
}

// finish completes the file and publishes it.
func (f *dataFile) finish(ctx context.Context) (*DataFile, error) {
	info, err := f.pq.Close(ctx)
	if err != nil {
		f.sink.abort()
		return nil, err
	}
	w := f.sink.w
	f.sink.w = nil
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("writer: complete %s: %w", f.name, err)
	}
	f.pq = nil
	return &DataFile{
		Path: schema.EncodePath(f.name), PartitionValues: f.part.Raw, Size: info.Size, Rows: info.Rows,
		ModificationTime: f.t.Env.Now().UnixMilli(), Stats: f.t.statistics(info),
	}, nil
}

// statistics returns add.stats.
func (t *target) statistics(info *pqwrite.FileInfo) string {
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

// directory returns where a partition's files go. It is the conventional name
// where that is plain everywhere, and else a short hash: names that this library
// makes hold no character that a store or an engine escapes.
func (t *target) directory(p Partition) string {
	if t.Properties.RandomizeFilePrefixes() {
		id := strings.ReplaceAll(t.Env.NewID(), "-", "")
		return id[len(id)-min(len(id), t.Properties.RandomPrefixLength()):]
	}
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
