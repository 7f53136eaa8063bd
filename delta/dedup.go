package delta

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/deltalog/deltalog/internal/arrowvec"
	"github.com/deltalog/deltalog/internal/join"
	"github.com/deltalog/deltalog/internal/schemavec"
	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/reader"
	"github.com/deltalog/deltalog/txlog/schema"
)

// DedupOptions say which of several rows with one key stays.
type DedupOptions struct {
	ChangeOptions

	// By are the columns of the key. Nil: all columns, so that rows that are the
	// same in all of them are left once.
	By []string
	// LastBy are the columns whose greatest values say which row stays; nulls are
	// smallest. Where they are equal, or there are none, the greatest by all
	// columns stays, so that which one it is does not depend on files and their
	// order.
	LastBy []string
}

// Dedup removes from the table all rows but one of each key, in one commit. A row
// with a null in a column of By has no key, and stays, unless By is nil.
func (t *Table) Dedup(ctx context.Context, o *DedupOptions) (*Result, error) {
	if o == nil {
		o = &DedupOptions{}
	}
	c := t.newChange(&statement{op: opDedup}, nil, &o.ChangeOptions)
	c.dups = o
	return c.run(ctx)
}

// Latest returns the rows that a scan reads as a [Source] that has one row for
// each key: the last by the columns of order. Rows with a null in the key are all
// there. The rows are held within maxMemory bytes (0: 256 MiB), beyond it on local
// disk.
func Latest(s *reader.Scan, by, order []string, maxMemory int64) Source {
	return &batches{schema: s.Schema(), again: true, seq: func(ctx context.Context) iter.Seq2[arrow.RecordBatch, error] {
		return func(yield func(arrow.RecordBatch, error) bool) {
			more := true
			err := latest(ctx, s, by, order, maxMemory, func(r arrow.RecordBatch) bool { more = yield(r, nil); return more })
			if err != nil && more {
				yield(nil, fmt.Errorf("delta: latest rows: %w", err))
			}
		}
	}}
}

func latest(ctx context.Context, s *reader.Scan, by, order []string, maxMemory int64, yield func(arrow.RecordBatch) bool) (err error) {
	table, err := arrowvec.FromArrowSchema(s.Schema())
	if err != nil {
		return err
	}
	d, err := newDuplicates(table, by, order, false, &join.Options{MaxMemory: maxMemory})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.src.Close()) }()
	for rec, err := range s.Batches(ctx) {
		if err != nil {
			return err
		}
		cols := make([]*vec.Vec, rec.NumCols())
		for i := range cols {
			if cols[i], err = arrowvec.FromArray(rec.Column(i)); err != nil {
				return err
			}
		}
		if err := d.add(ctx, cols, int(rec.NumRows())); err != nil {
			return err
		}
	}
	kept, err := d.kept(ctx)
	if err != nil {
		return err
	}
	all := make([]int, len(table.Fields))
	for i := range all {
		all[i] = i
	}
	for b, err := range d.src.Scan(ctx, all, batchRows) {
		if err != nil {
			return err
		}
		sel := vec.NewBitmap(b.N)
		for i := range b.N {
			if kept.Get(int(b.First) + i) {
				sel.Set(i)
			}
		}
		n := sel.Count()
		if n == 0 {
			continue
		}
		arrays := make([]arrow.Array, len(b.Cols))
		for i, v := range b.Cols {
			if n < b.N {
				v = vec.Filter(v, sel)
			}
			if arrays[i], err = arrowvec.ToArray(v, s.Schema().Field(i).Type); err != nil {
				return err
			}
		}
		if !yield(array.NewRecordBatch(s.Schema(), arrays, int64(n))) {
			return nil
		}
	}
	return nil
}

// duplicates finds rows with one key.
type duplicates struct {
	table *schema.Struct
	by    []int
	order []join.Order
	src   *join.Source
}

// newDuplicates makes one for rows of the table's columns, and after them, if
// placed, two numbers: which file, and which row in it.
func newDuplicates(table *schema.Struct, by, order []string, placed bool, o *join.Options) (*duplicates, error) {
	d := &duplicates{table: table}
	find := func(name string) (int, error) {
		i := table.Find(name)
		if i < 0 {
			return 0, fmt.Errorf("the table has no column %s; it has %s", name, strings.Join(columnNames(table), ", "))
		}
		return i, nil
	}
	all := by == nil
	if all {
		by = columnNames(table)
	}
	var keys []join.KeyColumn
	for _, name := range by {
		i, err := find(name)
		if err != nil {
			return nil, err
		}
		switch t := table.Fields[i].Type; t.Kind() {
		case schema.KindStruct, schema.KindArray, schema.KindMap, schema.KindVariant, schema.KindVoid:
			return nil, fmt.Errorf("column %s is of type %s, which cannot be a key", name, t)
		default:
			keys = append(keys, join.KeyColumn{Type: t, NullSafe: all})
		}
		d.by = append(d.by, i)
	}
	for _, name := range order {
		i, err := find(name)
		if err != nil {
			return nil, err
		}
		d.order = append(d.order, join.Order{Column: i})
	}
	var types []schema.DataType
	for i := range table.Fields {
		types = append(types, table.Fields[i].Type)
	}
	if placed {
		types = append(types, schema.Long, schema.Long)
	}
	var err error
	d.src, err = join.NewSource(types, keys, o)
	return d, err
}

func (d *duplicates) add(ctx context.Context, cols []*vec.Vec, n int) error {
	keys := make([]*vec.Vec, len(d.by))
	for i, c := range d.by {
		keys[i] = cols[c]
	}
	for i := range d.table.Fields {
		cols[i] = schemavec.Typed(cols[i], d.table.Fields[i].Type)
	}
	return d.src.Add(ctx, cols, keys, n)
}

func (d *duplicates) kept(ctx context.Context) (*vec.Bitmap, error) {
	if err := d.src.Build(ctx); err != nil {
		return nil, err
	}
	return d.src.Latest(ctx, d.order)
}

// planDedup is plan for Dedup: every row of the table is looked at.
func (r *rewrite) planDedup(ctx context.Context) (err error) {
	r.files = nil
	o := r.c.dups
	d, err := newDuplicates(r.b.table, o.By, o.LastBy, true, &join.Options{MaxMemory: r.c.maxMemory() / 2, Dir: r.c.o.SpillDir})
	if err != nil {
		return refused(err)
	}
	defer func() { err = errors.Join(err, d.src.Close()) }()
	for add, err := range r.snap.Files(ctx, nil) {
		if err != nil {
			return err
		}
		f := &candidate{add: add, index: len(r.files), bySource: true, read: true}
		r.files = append(r.files, f)
		r.known[add.Path] = f
		for b, err := range r.whole.ReadFile(ctx, add, nil) {
			if err != nil {
				return err
			}
			rows, err := r.rowsOf(b)
			if err != nil {
				return err
			}
			f.rows = b.FileRows
			file := make([]int64, rows.n)
			for i := range file {
				file[i] = int64(f.index)
			}
			cols := append(rows.cols[:len(r.b.table.Fields):len(r.b.table.Fields)],
				vec.Of(vec.Int64, file, nil), vec.Of(vec.Int64, rows.pos, nil))
			if err := d.add(ctx, cols, rows.n); err != nil {
				return err
			}
		}
	}
	kept, err := d.kept(ctx)
	if err != nil {
		return err
	}
	at := []int{len(r.b.table.Fields), len(r.b.table.Fields) + 1}
	for b, err := range d.src.Scan(ctx, at, batchRows) {
		if err != nil {
			return err
		}
		file, pos := vec.Values[int64](b.Cols[0]), vec.Values[int64](b.Cols[1])
		for i := range b.N {
			if kept.Get(int(b.First) + i) {
				continue
			}
			f := r.files[file[i]]
			if f.unit == nil {
				if f.unit, err = r.unit(f); err != nil {
					return err
				}
			}
			f.unit.gone.Add(pos[i])
			f.unit.deleted++
		}
	}
	return r.parallel(ctx, r.files, r.thin)
}

// thin takes the rows out of a file that are gone.
func (r *rewrite) thin(ctx context.Context, f *candidate) error {
	if f.unit == nil {
		return nil
	}
	if r.cdf() {
		o := &reader.FileOptions{}
		for p := range f.unit.gone.Rows(0, 1<<62) {
			o.Rows = append(o.Rows, p)
		}
		for b, err := range r.whole.ReadFile(ctx, f.add, o) {
			if err != nil {
				return err
			}
			rows, err := r.rowsOf(b)
			if err != nil {
				return err
			}
			if err := r.out.changed("delete", rows.cols[:len(r.b.table.Fields)], rows.n); err != nil {
				return err
			}
		}
	}
	return r.settle(ctx, f)
}
