package writer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/deltalog/deltalog/internal/digest"
	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/txlog/schema"
)

// A partition is one of the input's, and its open file.
type partition struct {
	Partition
	number int // in the order of first rows
	dir    string
	files  int
	file   *dataFile // nil: none open
}

// A Writer writes one input. It is used by one goroutine at a time, and all of
// its calls take contexts that live until Close returns: uploads outlast the
// call that began them.
type Writer struct {
	t      *target
	caster *caster
	split  *splitter
	seeds  []uint64 // of the columns, for the digest

	parts []*partition
	open  []*dataFile // in no order
	held  int64       // bytes of open
	named int         // files begun

	out  Output
	done finished
	err  error // sticks
}

// finished collects files that are completed in the background.
type finished struct {
	wg    sync.WaitGroup
	slots chan struct{} // bounds how many at once

	mu        sync.Mutex
	held      int64
	files     []orderedFile
	published []string // names of objects that may exist
	bytes     int64
	err       error
}

type orderedFile struct {
	partition, seq int
	DataFile
}

// uploadCost is what an open upload to an object store holds; see MaxMemory.
const uploadCost = 16 << 20

// New returns a Writer. It does no I/O.
func New(c *Config) (*Writer, error) {
	t, err := newTarget(c)
	if err != nil {
		return nil, err
	}
	types := make([]schema.DataType, len(t.partCols))
	for i, col := range t.partCols {
		types[i] = t.Schema.Fields[col].Type
	}
	w := &Writer{t: t, split: newSplitter(types)}
	w.done.slots = make(chan struct{}, max(2, t.Parallel))
	for i := range t.Schema.Fields {
		w.seeds = append(w.seeds, digest.Seed(t.Schema.Fields[i].Name))
	}
	return w, nil
}

// Write takes the batch's rows. The batch may be released afterwards.
//
// Columns are matched by name, in any case if need be; missing ones become null.
// Errors: [*schema.MismatchError], [*NullError], what Config.Admit returns, and
// the store's. After an error the input is lost: call Abort.
func (w *Writer) Write(ctx context.Context, rec arrow.RecordBatch) error {
	if w.err == nil {
		w.err = w.write(ctx, rec)
	}
	return w.err
}

func (w *Writer) write(ctx context.Context, rec arrow.RecordBatch) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if w.caster == nil || !w.caster.in.Equal(rec.Schema()) {
		c, err := newCaster(rec.Schema(), w.t.Schema)
		if err != nil {
			return err
		}
		w.caster = c
	}
	cols, err := w.caster.cast(rec, w.out.Rows)
	if err != nil {
		return err
	}
	rows := int(rec.NumRows())
	parts := make([]*vec.Vec, len(w.t.partCols))
	for i, c := range w.t.partCols {
		parts[i] = cols[c]
	}
	runs, order := w.split.split(parts, rows)
	if err := w.admit(runs, parts); err != nil {
		return err
	}
	if w.t.Digest {
		if err := w.digest(cols, rows); err != nil {
			return err
		}
	}
	if !w.t.NoFiles {
		if err := w.distribute(ctx, cols, runs, order); err != nil {
			return err
		}
	}
	w.out.Rows += int64(rows)
	w.progress()
	return w.done.failure()
}

// admit makes the partitions that the input had not held before.
func (w *Writer) admit(runs []run, parts []*vec.Vec) error {
	for _, r := range runs {
		// New partitions have the next numbers, and runs are ordered by number.
		if int(r.id) < len(w.parts) {
			continue
		}
		row := w.out.Rows + int64(r.first)
		p, err := w.t.partitionAt(parts, int(r.first))
		if err != nil {
			return fmt.Errorf("row %d: %w", row, err)
		}
		if w.t.Admit != nil {
			if err := w.t.Admit(p, row); err != nil {
				return err
			}
		}
		w.parts = append(w.parts, &partition{Partition: p, number: len(w.parts), dir: w.t.directory(p)})
		w.out.Partitions = append(w.out.Partitions, p)
	}
	return nil
}

func (w *Writer) digest(cols []*vec.Vec, rows int) error {
	cs := make([]digest.Column, len(cols))
	for i, c := range cols {
		cs[i] = digest.Column{Seed: w.seeds[i], Vec: c}
	}
	return w.out.Digest.Add(rows, cs)
}

// distribute appends each run's rows to its partition's file.
func (w *Writer) distribute(ctx context.Context, cols []*vec.Vec, runs []run, order []int32) error {
	data := make([]*vec.Vec, len(w.t.dataCols))
	for i, c := range w.t.dataCols {
		data[i] = cols[c]
		if order != nil {
			var err error
			if data[i], err = vec.Take(cols[c], order); err != nil {
				return fmt.Errorf("column %s: %w", w.t.Schema.Fields[c].Name, err)
			}
		}
	}
	window := make([]*vec.Vec, len(data))
	for _, r := range runs {
		for i, v := range data {
			window[i] = v.Slice(r.from, r.to)
		}
		if err := w.appendRows(ctx, w.parts[r.id], window, r.to-r.from); err != nil {
			return err
		}
	}
	return nil
}

func (w *Writer) appendRows(ctx context.Context, p *partition, cols []*vec.Vec, rows int) error {
	if p.file == nil {
		f, err := w.t.newFile(ctx, p, w.named)
		if err != nil {
			return err
		}
		w.named++
		p.file, f.index = f, len(w.open)
		w.open = append(w.open, f)
	}
	f := p.file
	w.held -= f.held
	err := f.write(ctx, cols, rows)
	w.held += f.held
	if err != nil {
		return err
	}
	if f.pq.Size() >= w.t.TargetFileSize {
		w.finish(ctx, f)
	}
	return w.relieve(ctx)
}

// relieve keeps the memory within its bound: the file that holds most is written
// out, as a row group if that leaves room, else as a whole.
func (w *Writer) relieve(ctx context.Context) error {
	for w.held+w.uploads()+w.done.holding() > w.t.MaxMemory {
		if len(w.open) == 0 {
			if !w.done.wait(ctx) {
				return w.done.failure()
			}
			continue
		}
		f := slices.MaxFunc(w.open, func(a, b *dataFile) int { return cmp.Compare(a.held, b.held) })
		if f.held > uploadCost && w.uploads() < w.t.MaxMemory/2 {
			w.held -= f.held
			err := f.pq.Flush(ctx)
			f.held = f.pq.Buffered()
			w.held += f.held
			if err != nil {
				return err
			}
			continue
		}
		w.finish(ctx, f)
	}
	return nil
}

// uploads returns what open uploads hold, where the store is not this machine's.
func (w *Writer) uploads() (n int64) {
	if s := logstore.Scheme(w.t.Store.URL()); s == logstore.FileScheme || s == "mem" {
		return 0
	}
	for _, f := range w.open {
		if f.sink.w != nil {
			n += uploadCost
		}
	}
	return n
}

// finish completes f in the background.
func (w *Writer) finish(ctx context.Context, f *dataFile) {
	f.part.file = nil
	last := len(w.open) - 1
	w.open[f.index] = w.open[last]
	w.open[f.index].index = f.index
	w.open = w.open[:last]
	w.held -= f.held
	w.done.add(ctx, f)
}

func (d *finished) add(ctx context.Context, f *dataFile) {
	d.mu.Lock()
	d.held += f.held
	d.published = append(d.published, f.name)
	d.mu.Unlock()
	d.slots <- struct{}{} // waits while enough are under way
	d.wg.Go(func() {
		file, err := f.finish(ctx)
		d.mu.Lock()
		d.held -= f.held
		if err != nil {
			d.err = errors.Join(d.err, err)
		} else {
			d.files = append(d.files, orderedFile{f.part.number, f.seq, *file})
			d.bytes += file.Size
		}
		d.mu.Unlock()
		<-d.slots
	})
}

func (d *finished) holding() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.held
}

func (d *finished) failure() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.err
}

// wait waits for a file under way; false if there was none, or all failed.
func (d *finished) wait(context.Context) bool {
	before := d.holding()
	d.wg.Wait()
	return before > d.holding()
}

func (w *Writer) progress() {
	if w.t.Progress == nil {
		return
	}
	w.done.mu.Lock()
	p := Progress{Rows: w.out.Rows, Bytes: w.done.bytes, Files: int64(len(w.done.files))}
	w.done.mu.Unlock()
	for _, f := range w.open {
		p.Bytes += f.pq.Size()
	}
	w.t.Progress(p)
}

// Close completes and publishes every file. When it returns without error they
// are durable; no commit names them yet. After an error call Abort.
func (w *Writer) Close(ctx context.Context) (*Output, error) {
	if w.err == nil {
		for len(w.open) > 0 {
			w.finish(ctx, w.open[len(w.open)-1])
		}
		w.done.wg.Wait()
		w.err = w.done.failure()
	}
	if w.err != nil {
		return nil, w.err
	}
	w.err = errClosed
	slices.SortFunc(w.done.files, func(a, b orderedFile) int {
		return cmp.Or(cmp.Compare(a.partition, b.partition), cmp.Compare(a.seq, b.seq))
	})
	for _, f := range w.done.files {
		w.out.Files = append(w.out.Files, f.DataFile)
	}
	w.progress()
	return &w.out, nil
}

var errClosed = errors.New("writer: closed")

// Abort ends the writer and deletes every object that it has published or may
// have published. It must not be called once a commit may name them. The error
// lists objects that could not be deleted; vacuum finds them.
func (w *Writer) Abort(ctx context.Context) error {
	w.done.wg.Wait()
	w.err = errors.Join(errClosed, w.err)
	for _, f := range w.open {
		f.sink.abort()
	}
	w.open = nil
	var errs []error
	for _, name := range w.done.published {
		if err := w.t.Store.Delete(ctx, name); err != nil {
			errs = append(errs, fmt.Errorf("writer: delete %s: %w", name, err))
		}
	}
	w.done.published = nil
	return errors.Join(errs...)
}
