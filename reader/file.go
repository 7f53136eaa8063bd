package reader

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"runtime"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/deltalog/deltalog/internal/arrowvec"
	"github.com/deltalog/deltalog/internal/body"
	"github.com/deltalog/deltalog/internal/dv"
	"github.com/deltalog/deltalog/internal/expr"
	"github.com/deltalog/deltalog/internal/pqread"
	"github.com/deltalog/deltalog/internal/schemavec"
	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore"
)

// An input is a data file as the Parquet reader sees it.
type input struct {
	s    *Scan
	name string
	size int64
}

func (in *input) Size() int64 { return in.size }

// ReadRange returns bytes that the caller must not change.
func (in *input) ReadRange(ctx context.Context, off, n int64) ([]byte, error) {
	if kept := in.s.opts.Tails.find(in.name, off, n); kept != nil {
		return kept, nil
	}
	in.s.metrics.requests.Add(1)
	r, err := in.s.snap.Store().ReadRange(ctx, in.name, off, n)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	buf := make([]byte, n)
	got, err := body.ReadFull(r, buf)
	in.s.metrics.bytes.Add(int64(got))
	if errors.Is(err, body.ErrShort) {
		return nil, damaged(fmt.Errorf("the object ends before byte %d, the log says that it has %d bytes", off+n, in.size))
	}
	if err == nil && off+n == in.size {
		in.s.opts.Tails.keep(in.name, off, buf)
	}
	return buf, err
}

// A fileScan reads one file.
type fileScan struct {
	s     *Scan
	add   *txlog.AddFile
	opts  *FileOptions
	where *expr.Predicate // with this file's partition values; nil: all rows
	head  int64           // rows that are still wanted, without a where; -1: all
	at    bool            // batches have positions
	file  *pqread.File
	proj  *pqread.Projection
	test  *pqread.Projection // where's columns only; nil: there is none
	prune *pruner
	dead  *dv.Bitmap // rows left out: deleted, or those of FileOptions.Except
	parts []partColumn
}

// A partColumn is a partition column, the same value in each row of the file.
type partColumn struct {
	col   int
	value *vec.Vec // as long as the longest batch so far
}

// wrap names the file.
func (s *Scan) wrap(add *txlog.AddFile, err error) error {
	if err == nil {
		return nil
	}
	hint := ""
	if bad := (*pqread.CorruptError)(nil); errors.As(err, &bad) {
		err = damaged(err)
	}
	if errors.Is(err, logstore.ErrNotExist) {
		hint = "; the file is gone, though version %d of the table needs it: it was deleted by hand, or vacuumed while this version was still in use"
		hint = fmt.Sprintf(hint, s.snap.Version())
	}
	return fmt.Errorf("reader: %s: file %s: %w%s", s.snap.Store().URL(), add.Path, err, hint)
}

// damaged says of an error that bytes in storage are wrong.
func damaged(err error) error { return fmt.Errorf("%w: %w", txlog.ErrCorrupt, err) }

// openFile reads the footer and the deletion vector. A nil fileScan means that no
// row of the file is wanted.
func (s *Scan) openFile(ctx context.Context, add *txlog.AddFile, o *FileOptions) (*fileScan, error) {
	f := &fileScan{s: s, add: add, opts: o, head: -1}
	name, err := add.ObjectName(s.snap.Store().URL())
	if err != nil {
		return nil, err
	}
	if s.where != nil {
		if f.where, err = s.whereFor(add.PartitionValues); err != nil {
			return nil, err
		}
		if m, ok := f.where.Constant(); ok && m != expr.All {
			return nil, nil
		} else if ok {
			f.where = nil
		}
	}
	if err := f.partitions(); err != nil {
		return nil, err
	}
	s.metrics.filesScanned.Add(1)
	if f.file, err = s.open(ctx, name, add.Size); err != nil {
		return nil, err
	}
	data := s.data
	if o.RowIDs {
		data = s.ids.data
	}
	if f.proj, err = f.file.Project(data, s.mapping); err != nil {
		return nil, err
	}
	if f.where != nil {
		f.prune = s.newPruner(f.where, f.proj)
		if len(s.whereData.Fields) < len(s.data.Fields) {
			if f.test, err = f.file.Project(s.whereData, s.mapping); err != nil {
				return nil, err
			}
		}
	}
	if err := f.rowCount(); err != nil {
		return nil, err
	}
	if add.DeletionVector != nil {
		if f.dead, err = s.deletionVector(ctx, add, f.file.Rows()); err != nil {
			return nil, err
		}
	}
	return f, f.choose()
}

// open reads the footer of a file.
func (s *Scan) open(ctx context.Context, name string, size int64) (*pqread.File, error) {
	// Held at once: the bytes of two row groups, or of three while a predicate's
	// columns are read before the others; and a batch each that is being decoded,
	// waiting and in use.
	return pqread.Open(ctx, &input{s: s, name: name, size: size}, &pqread.Options{
		Parallel:    max(1, runtime.GOMAXPROCS(0)/s.opts.Parallel),
		MaxBuffered: max(s.opts.share()/6, 1<<20), BatchBytes: max(s.opts.share()/8, 1<<20),
	})
}

// partitions makes the partition columns.
func (f *fileScan) partitions() error {
	for _, i := range f.s.parts {
		c := &f.s.cols[i]
		v, err := f.s.partitionValue(c, f.add.PartitionValues)
		if err != nil {
			return fmt.Errorf("partition column %s: %w", c.field.Name, err)
		}
		one, err := schemavec.Constant(v, c.field.Type, 1)
		if err != nil {
			return err
		}
		f.parts = append(f.parts, partColumn{col: i, value: one})
	}
	return nil
}

// batchRows keeps batches small where partition values are long: each row has
// them.
func (f *fileScan) batchRows() int {
	long := int64(1)
	for _, p := range f.parts {
		long += int64(len(p.value.Data))
	}
	return int(max(min(int64(f.s.opts.BatchRows), f.s.opts.share()/8/long), 1))
}

// rowCount compares the file with what the log says. A deletion vector counts
// positions, so there the rows must be those that it was made for.
func (f *fileScan) rowCount() error {
	want, err := f.add.NumRecords()
	if err != nil || want == f.file.Rows() {
		return nil
	}
	msg := fmt.Sprintf("the file has %d rows, its statistics say %d", f.file.Rows(), want)
	if f.add.DeletionVector != nil {
		return errors.New(msg + ", so that its deletion vector cannot be applied")
	}
	f.s.opts.Env.Logger.Warn("reader: "+msg, "table", f.s.snap.Store().URL(), "file", f.add.Path)
	return nil
}

// deletionVector reads which rows are deleted.
func (s *Scan) deletionVector(ctx context.Context, add *txlog.AddFile, rows int64) (*dv.Bitmap, error) {
	d := add.DeletionVector
	desc := dv.Descriptor{
		StorageType: d.StorageType, PathOrInlineDV: d.PathOrInlineDV,
		SizeInBytes: d.SizeInBytes, Cardinality: d.Cardinality,
	}
	if d.Offset != nil {
		desc.Offset = *d.Offset
	}
	if d.StorageType == dv.StorageInline {
		b, err := desc.Inline(rows)
		if err != nil {
			return nil, damaged(err)
		}
		return b, nil
	}
	root := s.snap.Store().URL()
	name, err := desc.Key(func(uri string) (string, error) { return txlog.ObjectName(root, uri) })
	if err != nil {
		return nil, err
	}
	off, n, err := desc.Span(rows)
	if err != nil {
		return nil, damaged(err)
	}
	s.metrics.requests.Add(1)
	r, err := s.snap.Store().ReadRange(ctx, name, off, n)
	if err != nil {
		return nil, fmt.Errorf("deletion vector %s: %w", name, err)
	}
	defer r.Close()
	framed, err := io.ReadAll(io.LimitReader(r, n))
	s.metrics.bytes.Add(int64(len(framed)))
	if err != nil {
		return nil, fmt.Errorf("deletion vector %s: %w", name, err)
	}
	b, err := desc.Decode(framed, rows)
	if err != nil {
		return nil, fmt.Errorf("deletion vector %s: %w", name, damaged(err))
	}
	return b, nil
}

// selection returns the rows of a row group that are read: those of pages that may
// match, without the deleted ones.
func (f *fileScan) selection(ctx context.Context, group int) (sel pqread.Selection, err error) {
	g := f.file.RowGroup(group)
	f.s.metrics.groups.Add(1)
	var picked pqread.Selection // nil: all
	if f.opts.Rows != nil {
		if picked = f.picked(g); len(picked) == 0 {
			return pqread.Selection{}, nil
		}
	}
	if f.prune != nil {
		if !f.prune.group(group, g.Rows) {
			return pqread.Selection{}, nil
		}
		if sel, err = f.prune.pages(ctx, group, g.Rows); err != nil {
			return nil, err
		}
	}
	f.s.metrics.groupsRead.Add(1)
	if picked != nil {
		sel = intersect(sel, picked) // without the dead ones
	} else if f.dead != nil {
		live := pqread.Selection{}
		for r := range f.dead.KeepRanges(g.FirstRow, g.FirstRow+g.Rows) {
			live = append(live, pqread.Range{Start: r.From, End: r.To})
		}
		sel = intersect(sel, live)
	}
	if f.head >= 0 {
		sel = first(all(sel, g.Rows), f.head)
		f.head -= count(sel)
	}
	f.s.metrics.rowsRead.Add(count(all(sel, g.Rows)))
	if f.test != nil && f.sparse(g) {
		return f.survivors(ctx, group, all(sel, g.Rows))
	}
	return sel, nil
}

// batches yields the file's wanted rows.
func (f *fileScan) batches(ctx context.Context) iter.Seq2[FileBatch, error] {
	return func(yield func(FileBatch, error) bool) {
		choose := func(group int) (pqread.Selection, error) { return f.selection(ctx, group) }
		for b, err := range f.proj.Batches(ctx, &pqread.ScanOptions{BatchRows: f.batchRows(), Select: choose}) {
			if err != nil {
				yield(FileBatch{}, err)
				return
			}
			rec, err := f.assemble(b)
			if err != nil || rec.RecordBatch != nil {
				if !yield(rec, err) || err != nil {
					return
				}
			}
		}
	}
}

// assemble filters a batch and puts its columns in order; without a record batch
// if no row is left.
func (f *fileScan) assemble(b *pqread.Batch) (out FileBatch, err error) {
	cols := make([]*vec.Vec, len(f.s.cols))
	for i := range f.s.cols {
		if c := &f.s.cols[i]; !c.part {
			cols[i] = schemavec.Typed(b.Columns[c.data], c.field.Type) // a column that the file lacks has no layout
		}
	}
	rows := b.Rows
	var sel *vec.Bitmap // nil: all rows
	if f.where != nil {
		if sel, err = f.where.Eval(cols, rows); err != nil {
			return out, placed(err, b.Positions)
		}
		rows = sel.Count()
		f.s.metrics.tested.Add(int64(b.Rows))
		f.s.metrics.passed.Add(int64(rows))
		if rows == 0 {
			return out, nil
		}
		if rows == b.Rows {
			sel = nil
		}
	}
	arrays := make([]arrow.Array, f.s.wanted, f.s.wanted+2)
	for i := range arrays {
		v := cols[i]
		if f.s.cols[i].part {
			if v, err = f.partition(i, rows); err != nil {
				return out, err
			}
		} else if sel != nil {
			v = vec.Filter(v, sel)
		}
		if arrays[i], err = arrowvec.ToArray(v, f.s.out.Field(i).Type); err != nil {
			return out, fmt.Errorf("column %s: %w", f.s.cols[i].field.Name, err)
		}
	}
	if f.at || f.opts.RowIDs {
		out.Positions, out.FileRows = positions(b.Positions, sel, rows), f.file.Rows()
	}
	names := f.s.out
	if f.opts.RowIDs {
		ids, err := f.rowIDs(b, sel, out.Positions)
		if err != nil {
			return out, err
		}
		arrays, names = append(arrays, ids...), f.s.ids.out
	}
	out.RecordBatch = array.NewRecordBatch(names, arrays, int64(rows))
	return out, nil
}

// placed makes the row that an expression failed on one of the file instead of a
// batch, whose rows are at the given positions.
func placed(err error, at []pqread.Range) error {
	bad := (*expr.EvalError)(nil)
	if !errors.As(err, &bad) {
		return err
	}
	e, left := *bad, bad.Row
	for _, r := range at {
		if n := r.End - r.Start; left >= n {
			left -= n
			continue
		}
		e.Row = r.Start + left
		break
	}
	return &e
}

// partition returns a partition column of n rows.
func (f *fileScan) partition(col, n int) (*vec.Vec, error) {
	for i := range f.parts {
		p := &f.parts[i]
		if p.col != col {
			continue
		}
		if p.value.Len < n {
			v, err := vec.Repeat(p.value, 0, n)
			if err != nil {
				return nil, err
			}
			p.value = v
		}
		return p.value.Slice(0, n), nil
	}
	return nil, fmt.Errorf("column %s is no partition column", f.s.cols[col].field.Name)
}
