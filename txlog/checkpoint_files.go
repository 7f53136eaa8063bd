package txlog

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"iter"
	"sync"

	"github.com/deltalog/deltalog/internal/pqread"
	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// A place is where in a checkpoint a file action stands, and what came before.
type place struct {
	part int
	row  int64
	sum  uint64 // of the files up to here, in their order
}

// pass adds a file to the sum.
func (p *place) pass(path string, dv *DVDescriptor) {
	p.sum = p.sum*0x100000001b3 + maphash.String(placeSeed, path)
	if dv != nil {
		p.sum = p.sum*0x100000001b3 + maphash.String(placeSeed, dv.ID())
	}
}

var placeSeed = maphash.MakeSeed()

func (p place) after(q place) bool { return p.part > q.part || p.part == q.part && p.row > q.row }

// baseFiles yields the checkpoint's files that seen does not have.
//
// A checkpoint that turns out corrupt on the way is left, and the rest of the
// files comes from what else the log has: the files that were passed before are
// known, because the order is fixed.
func (s *Snapshot) baseFiles(ctx context.Context, o *FilesOptions, seen *keySet, yield func(*AddFile, error) bool) {
	var at place
	for a, err := range s.base.files(ctx, o, seen, &at) {
		if err != nil {
			if errors.Is(err, ErrCorrupt) && ctx.Err() == nil {
				s.otherFiles(ctx, o, seen, at, err, yield)
			} else {
				yield(nil, err)
			}
			return
		}
		if !yield(a, nil) {
			return
		}
	}
}

// otherFiles goes on without the checkpoint, from after the place last.
func (s *Snapshot) otherFiles(ctx context.Context, o *FilesOptions, seen *keySet, last place, cause error, yield func(*AddFile, error) bool) {
	l := loader{store: s.store, logger: s.logger, parallel: s.parallel, target: s.version, bad: map[string]error{s.base.ref.files[0].Name: cause}}
	l.warn(ctx, "doing without a checkpoint that cannot be used", cause)
	other, err := l.load(ctx)
	if err != nil {
		yield(nil, errors.Join(cause, err))
		return
	}
	// What was passed is left out, and so is what the tail has decided.
	passed, err := s.base.passed(ctx, o, seen, last, s.url)
	if err != nil {
		yield(nil, errors.Join(cause, err))
		return
	}
	rest := *o
	rest.Keep = func(a *AddFile) bool {
		return !passed.has(a.Path, a.DeletionVector) && !seen.has(a.Path, a.DeletionVector) && (o.Keep == nil || o.Keep(a))
	}
	for a, err := range other.Files(ctx, &rest) {
		if !yield(a, err) || err != nil {
			return
		}
	}
}

// passed returns the files up to the place last, by reading them once more. It
// is an error if they are not the same as before: somebody has replaced the
// object, and nobody can tell what was yielded.
func (c *checkpoint) passed(ctx context.Context, o *FilesOptions, seen *keySet, last place, url string) (*keySet, error) {
	keys := newKeySet(url)
	var at place
	var sum uint64
	for a, err := range c.files(ctx, &FilesOptions{NoStats: true, Partitions: o.Partitions}, seen, &at) {
		if err != nil || at.after(last) {
			break
		}
		keys.add(a.Path, a.DeletionVector)
		sum = at.sum
	}
	if sum != last.sum {
		return nil, &CorruptError{Path: c.ref.files[0].Name, Err: errors.New("the object changed while it was read; load the table again")}
	}
	return keys, nil
}

// files yields the checkpoint's files that seen does not have, and keeps at on
// the place of the file that is looked at.
func (c *checkpoint) files(ctx context.Context, o *FilesOptions, seen *keySet, at *place) iter.Seq2[*AddFile, error] {
	return func(yield func(*AddFile, error) bool) {
		for i, a := range c.inline {
			add, ok := a.(*AddFile)
			if !ok || seen.has(add.Path, add.DeletionVector) {
				continue
			}
			at.part, at.row = 0, int64(i)+1
			at.pass(add.Path, add.DeletionVector)
			if o.keep(add) && !yield(add, nil) {
				return
			}
		}
		var ahead sync.WaitGroup
		defer ahead.Wait()
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		for i, p := range c.parts {
			if i+1 < len(c.parts) {
				// Its error comes up again when the part's turn has come.
				ahead.Go(func() { _, _ = c.parts[i+1].open(ctx) })
			}
			r := addReader{part: p, o: o, seen: seen, at: at, index: i + 1}
			if !r.all(ctx, yield) {
				return
			}
		}
	}
}

// An addReader turns the add column of one Parquet file into AddFiles.
type addReader struct {
	part  *checkpointPart
	o     *FilesOptions
	seen  *keySet
	at    *place
	index int   // of the part, from 1
	row   int64 // that is looked at

	values  valuesReader
	stats   *statsWriter // nil: statistics are text
	columns struct {
		path, values, size, time, tags, dv, base, version, provider, stats *vec.Vec
	}
	sizes, times []int64
}

// all returns false when the loop is to end: the caller left it, or an error.
func (r *addReader) all(ctx context.Context, yield func(*AddFile, error) bool) bool {
	want, err := r.wanted(ctx)
	if err != nil {
		yield(nil, err)
		return false
	}
	var scan pqread.ScanOptions
	if r.o.Partitions != nil {
		scan.Select = func(group int) (pqread.Selection, error) { return r.selectPartitions(ctx, group) }
	}
	for b, err := range r.part.batches(ctx, structOf(col("add", want)), &scan) {
		if err != nil {
			yield(nil, err)
			return false
		}
		more, err := r.batch(b, yield)
		if err != nil {
			yield(nil, &CorruptError{Path: r.part.in.name, Err: fmt.Errorf("row %d: %w", r.row, err)})
			return false
		}
		if !more {
			return false
		}
	}
	return true
}

// addColumns are the fields of add that every use needs, in the order of columns.
var addColumns = []string{
	"path", "partitionValues", "size", "modificationTime", "tags", "deletionVector", "baseRowId", "defaultRowCommitVersion", "clusteringProvider",
}

// wanted returns the type of the add column to read.
func (r *addReader) wanted(ctx context.Context) (*schema.Struct, error) {
	want := fieldsOf(typeAdd, addColumns...)
	if r.o.NoStats {
		return want, nil
	}
	f, err := r.part.open(ctx)
	if err != nil {
		return nil, err
	}
	if parsed := parsedStats(f); parsed != nil {
		r.stats = &statsWriter{typ: parsed}
		want.Fields = append(want.Fields, col("stats_parsed", parsed))
	} else {
		want.Fields = append(want.Fields, col("stats", schema.String))
	}
	return want, nil
}

// selectPartitions returns the rows of a row group whose partition values are
// wanted. It decodes that one column.
func (r *addReader) selectPartitions(ctx context.Context, group int) (pqread.Selection, error) {
	sel := pqread.Selection{}
	o := &pqread.ScanOptions{Select: func(g int) (pqread.Selection, error) {
		if g == group {
			return nil, nil
		}
		return pqread.Selection{}, nil
	}}
	first := r.part.file.RowGroup(group).FirstRow
	for b, err := range r.part.batches(ctx, structOf(col("add", fieldsOf(typeAdd, "partitionValues"))), o) {
		if err != nil {
			return nil, err
		}
		add := rowsOf(b.Columns[0])
		if add.v.Kind == vec.Null {
			continue
		}
		at := b.Positions[0].Start - first
		for i := nextValid(add.v, 0); i < b.Rows; i = nextValid(add.v, i+1) {
			p, err := r.values.at(add.children[0], i)
			if err != nil {
				return nil, &CorruptError{Path: r.part.in.name, Err: err}
			}
			if !p.is(r.o.Partitions) {
				continue
			}
			row := at + int64(i)
			if n := len(sel); n > 0 && sel[n-1].End == row {
				sel[n-1].End++
			} else {
				sel = append(sel, pqread.Range{Start: row, End: row + 1})
			}
		}
	}
	return sel, nil
}

// batch yields the files of one batch. It returns false when the caller left.
func (r *addReader) batch(b *pqread.Batch, yield func(*AddFile, error) bool) (bool, error) {
	add := rowsOf(b.Columns[0])
	if add.v.Kind == vec.Null {
		return true, nil
	}
	r.bind(add)
	filtered := r.o.Keep != nil || r.o.Partitions != nil
	var block []AddFile
	var scratch AddFile
	span, before := 0, int64(0) // of b.Positions, and the rows before it
	for i := nextValid(add.v, 0); i < b.Rows; i = nextValid(add.v, i+1) {
		for p := b.Positions[span]; int64(i)-before >= p.End-p.Start; p = b.Positions[span] {
			before += p.End - p.Start
			span++
		}
		r.row = b.Positions[span].Start + int64(i) - before
		if r.columns.path.IsNull(i) || r.columns.size.IsNull(i) {
			return false, missing("add.path or size")
		}
		a := &scratch
		if !filtered {
			if len(block) == 0 {
				block = make([]AddFile, min(b.Rows-i, 1024))
			}
			a, block = &block[0], block[1:]
		}
		hidden, err := r.key(a, i)
		if err != nil {
			return false, err
		}
		if hidden {
			continue
		}
		if err := r.fill(a, i); err != nil {
			return false, err
		}
		r.at.part, r.at.row = r.index, r.row+1
		r.at.pass(a.Path, a.DeletionVector)
		if filtered {
			if r.o.Keep != nil && !r.o.Keep(a) {
				continue
			}
			a = detach(a)
		}
		if !yield(a, nil) {
			return false, nil
		}
	}
	return true, nil
}

func (r *addReader) bind(add rows) {
	c, v := &r.columns, add.children
	c.path, c.values, c.size, c.time, c.tags = v[0], v[1], v[2], v[3], v[4]
	c.dv, c.base, c.version, c.provider = v[5], v[6], v[7], v[8]
	c.stats = nil
	if len(v) > 9 {
		c.stats = v[9]
	}
	r.sizes, r.times = longs(c.size), longs(c.time)
	if r.stats != nil {
		r.stats.bind(c.stats)
	}
}

// longs returns the values of a column of longs, nil if the file does not have it.
func longs(v *vec.Vec) []int64 {
	if v.Kind == vec.Null {
		return nil
	}
	return vec.Values[int64](v)
}

// key reads what identifies the file, and reports whether something newer hides it.
func (r *addReader) key(a *AddFile, i int) (hidden bool, err error) {
	a.Path = view(r.columns.path.At(i))
	if a.Path == "" {
		return false, errors.New("add.path is empty")
	}
	if a.DeletionVector, err = dvOf(r.columns.dv, i); err != nil {
		return false, err
	}
	return r.seen.has(a.Path, a.DeletionVector), nil
}

// fill reads the other fields. Texts share the batch's memory.
func (r *addReader) fill(a *AddFile, i int) (err error) {
	c := &r.columns
	a.Size = r.sizes[i]
	if a.Size < 0 {
		return fmt.Errorf("add.size is %d", a.Size)
	}
	a.ModificationTime = 0
	if !c.time.IsNull(i) {
		a.ModificationTime = r.times[i]
	}
	p, err := r.values.at(c.values, i)
	if err != nil {
		return err
	}
	a.PartitionValues = p.m
	if a.Tags, err = textsOf(c.tags, i); err != nil {
		return err
	}
	a.BaseRowID, a.DefaultRowCommitVersion = longOf(c.base, i), longOf(c.version, i)
	a.ClusteringProvider = textOf(c.provider, i)
	a.Stats = ""
	switch {
	case c.stats == nil || c.stats.IsNull(i):
	case r.stats != nil:
		a.Stats = r.stats.text(i)
	default:
		a.Stats = view(c.stats.At(i))
	}
	return nil
}

// detach returns a copy of a that does not keep its batch's memory alive.
func detach(a *AddFile) *AddFile {
	b := *a
	buf := make([]byte, 0, len(a.Path)+len(a.Stats))
	buf = append(append(buf, a.Path...), a.Stats...)
	b.Path, b.Stats = view(buf[:len(a.Path)]), view(buf[len(a.Path):])
	return &b
}

// count returns the number and size of the checkpoint's files that seen does not
// have.
func (c *checkpoint) count(ctx context.Context, seen *keySet) (files, bytes int64, err error) {
	for _, a := range c.inline {
		if add, ok := a.(*AddFile); ok && !seen.has(add.Path, add.DeletionVector) {
			files++
			bytes += add.Size
		}
	}
	want := fieldsOf(typeAdd, "size")
	if len(seen.m) > 0 {
		want = fieldsOf(typeAdd, "size", "path", "deletionVector")
	}
	for _, p := range c.parts {
		for b, err := range p.batches(ctx, structOf(col("add", want)), nil) {
			if err != nil {
				return 0, 0, err
			}
			add := rowsOf(b.Columns[0])
			if add.v.Kind == vec.Null {
				continue
			}
			sizes := longs(add.children[0])
			for i := nextValid(add.v, 0); i < b.Rows; i = nextValid(add.v, i+1) {
				if add.children[0].IsNull(i) || sizes[i] < 0 {
					return 0, 0, &CorruptError{Path: p.in.name, Err: missing("add.size")}
				}
				if len(seen.m) > 0 {
					dv, err := dvOf(add.children[2], i)
					if err != nil {
						return 0, 0, &CorruptError{Path: p.in.name, Err: err}
					}
					if !add.children[1].IsNull(i) && seen.has(view(add.children[1].At(i)), dv) {
						continue
					}
				}
				files++
				bytes += sizes[i]
			}
		}
	}
	return files, bytes, nil
}

// tombstones yields the checkpoint's removes that seen does not have.
func (c *checkpoint) tombstones(ctx context.Context, seen *keySet, yield func(*RemoveFile, error) bool) {
	for _, a := range c.inline {
		r, ok := a.(*RemoveFile)
		if ok && !seen.has(r.Path, r.DeletionVector) && !yield(r, nil) {
			return
		}
	}
	for _, p := range c.parts {
		var values valuesReader
		for b, err := range p.batches(ctx, structOf(col("remove", typeRemove)), nil) {
			if err != nil {
				yield(nil, err)
				return
			}
			r := rowsOf(b.Columns[0])
			if r.v.Kind == vec.Null {
				continue
			}
			for i := nextValid(r.v, 0); i < b.Rows; i = nextValid(r.v, i+1) {
				a, err := removeAt(r, i, &values)
				if err != nil {
					yield(nil, &CorruptError{Path: p.in.name, Err: err})
					return
				}
				if !seen.has(a.Path, a.DeletionVector) && !yield(a, nil) {
					return
				}
			}
		}
	}
}

func removeAt(r rows, i int, values *valuesReader) (*RemoveFile, error) {
	path, ok := text(r.children[0], i)
	if !ok || path == "" {
		return nil, missing("remove.path")
	}
	a := &RemoveFile{
		Path: path, DeletionTimestamp: longOf(r.children[1], i), DataChange: boolOf(r.children[2], i),
		ExtendedFileMetadata: boolOf(r.children[3], i), Size: longOf(r.children[5], i),
		BaseRowID: longOf(r.children[7], i), DefaultRowCommitVersion: longOf(r.children[8], i),
	}
	var err error
	if !r.children[4].IsNull(i) {
		p, err := values.at(r.children[4], i)
		if err != nil {
			return nil, err
		}
		a.PartitionValues = p.m
	}
	a.DeletionVector, err = dvOf(r.children[6], i)
	return a, err
}
