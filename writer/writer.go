package writer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/deltalog/deltalog/internal/digest"
	"github.com/deltalog/deltalog/internal/pqwrite"
	"github.com/deltalog/deltalog/internal/rules"
	"github.com/deltalog/deltalog/internal/vec"
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

// A Writer writes one input. It is used by one goroutine at a time. Uploads
// outlast the call that began them: the contexts given to its calls must live
// until Close returns, and the first that ends fails the write.
type Writer struct {
	t      *target
	caster *caster
	hidden *hiddenCaster // nil: not needed yet
	rules  *rules.Run
	split  *splitter
	seeds  []uint64 // of the columns, for the digest

	parts []*partition
	open  []*dataFile // in no order
	held  int64       // bytes of open
	peak  int64       // most bytes that were held at once
	named int         // files begun

	out  Output
	done finisher
	err  error // sticks
}

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
	w := &Writer{t: t, split: newSplitter(types), rules: t.Rules.Begin()}
	w.done.slots = make(chan struct{}, max(minFinishing, t.Parallel))
	w.done.ended = sync.NewCond(&w.done.mu)
	for i := range t.Schema.Fields {
		w.seeds = append(w.seeds, digest.Seed(t.Schema.Fields[i].Name))
	}
	return w, nil
}

// Write takes the batch's rows. The batch may be released afterwards.
//
// Columns are matched by name, in any case if need be; missing ones become what
// the table's rules say, else null. Values are converted to the table's types
// where that loses nothing.
//
// Errors: [*schema.MismatchError], [*NullError], [*ConstraintError], what
// Config.Admit returns, and the store's. After an error the input is lost: call
// Abort.
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
	rec, hidden, err := w.uncover(rec)
	if err != nil {
		return err
	}
	if w.caster == nil || !w.caster.in.Equal(rec.Schema()) {
		c, err := newCaster(rec.Schema(), w.t.Schema, w.t.Rules)
		if err != nil {
			return err
		}
		if err := w.rules.Expect(c.present); err != nil {
			return unsupported(err)
		}
		w.caster = c
	}
	cols, err := w.caster.cast(rec, w.out.Rows)
	if err != nil {
		return err
	}
	cols = append(cols, hidden...)
	rows := int(rec.NumRows())
	step := stepRows(cols, rows)
	for from := 0; from < rows; from += step {
		n := min(step, rows-from)
		part := cols
		if n < rows {
			part = make([]*vec.Vec, len(cols))
			for i, c := range cols {
				part[i] = c.Slice(from, from+n)
			}
		}
		if err := w.take(ctx, part, n); err != nil {
			return err
		}
	}
	w.progress()
	return w.done.failure()
}

// stepBytes is about how much of a batch is taken at once: it bounds the copy
// that is made to bring rows in order, and by how much a file passes its size.
const stepBytes = 32 << 20

func stepRows(cols []*vec.Vec, rows int) int {
	size := int64(0)
	for _, c := range cols {
		size += bytesOf(c)
	}
	return max(1, int(int64(rows)*stepBytes/max(size, stepBytes)))
}

// bytesOf returns about how many bytes v's window covers.
func bytesOf(v *vec.Vec) int64 {
	n := int64(v.Len)*int64(v.Kind.Width()) + int64(v.Len)/8
	switch v.Kind {
	case vec.Bytes:
		n += 4*int64(v.Len) + int64(v.Offsets[v.Off+v.Len]-v.Offsets[v.Off])
	case vec.Struct:
		for _, c := range v.Children {
			n += bytesOf(c.Slice(v.Off, v.Off+v.Len))
		}
	case vec.List, vec.Map:
		n += 4 * int64(v.Len)
		for _, c := range v.Children {
			n += bytesOf(c.Slice(int(v.Offsets[v.Off]), int(v.Offsets[v.Off+v.Len])))
		}
	}
	return n
}

// take writes rows that are of the table's types; hidden columns come last.
func (w *Writer) take(ctx context.Context, cols []*vec.Vec, rows int) error {
	table := cols[:len(w.t.Schema.Fields)]
	if w.t.Digest {
		if err := w.digest(table, rows); err != nil {
			return fmt.Errorf("writer: digest: %w", err)
		}
	}
	for _, c := range w.t.partCols {
		table[c] = vec.EmptyAsNull(table[c]) // the log cannot tell them apart
	}
	if err := w.promise(table, rows); err != nil {
		return err
	}
	parts := make([]*vec.Vec, len(w.t.partCols))
	for i, c := range w.t.partCols {
		parts[i] = cols[c]
	}
	runs, order := w.split.split(parts, rows)
	if err := w.admit(runs, parts); err != nil {
		return err
	}
	if !w.t.NoFiles {
		if err := w.distribute(ctx, cols, runs, order); err != nil {
			return err
		}
	}
	w.out.Rows += int64(rows)
	return nil
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
			return fmt.Errorf("writer: row %d: %w", row, err)
		}
		if w.t.Admit != nil {
			if err := w.t.Admit(p, row); err != nil {
				return err
			}
		}
		w.parts = append(w.parts, &partition{Partition: p, number: len(w.parts), dir: w.t.partitionDir(p)})
		w.out.Partitions = append(w.out.Partitions, p)
	}
	return nil
}

func (w *Writer) digest(cols []*vec.Vec, rows int) error {
	cs := make([]digest.Column, len(cols))
	for i, c := range cols {
		cs[i] = digest.Column{Seed: w.seeds[i], Vec: c}
	}
	cs = append(cs, w.absent(rows)...)
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
				return fmt.Errorf("writer: column %s: %w", w.t.name(c), err)
			}
		}
	}
	window := make([]*vec.Vec, len(data))
	for _, r := range runs {
		for i, v := range data {
			window[i] = v.Slice(r.from, r.to)
		}
		err := w.appendRows(ctx, w.parts[r.id], window, r.to-r.from)
		if err == nil {
			continue
		}
		// The message of the encoder does not know the row.
		if i := w.t.refused(window, r.to-r.from); i >= 0 {
			row := int64(r.from + i)
			if order != nil {
				row = int64(order[row])
			}
			return fmt.Errorf("writer: row %d: %w", w.out.Rows+row, err)
		}
		return err
	}
	return nil
}

// refused returns the first row that the encoder does not take, or -1.
func (t *target) refused(cols []*vec.Vec, rows int) int {
	pq, err := pqwrite.NewWriter(io.Discard, t.data, &pqwrite.Options{Parallel: 1})
	if err != nil {
		return -1
	}
	row := make([]*vec.Vec, len(cols))
	for i := range rows {
		for k, c := range cols {
			row[k] = c.Slice(i, i+1)
		}
		if pq.Write(context.Background(), row, 1) != nil {
			return i
		}
	}
	return -1
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
	err := f.pq.Write(ctx, cols, rows)
	w.count(f)
	if err != nil {
		return err
	}
	if f.pq.Size() >= w.t.TargetFileSize {
		w.finish(ctx, f)
	}
	return w.relieve(ctx)
}

// count brings w.held up to date with what f holds.
func (w *Writer) count(f *dataFile) {
	w.held -= f.held
	f.held = f.holding()
	w.held += f.held
}

// relieve keeps the memory within its bound. Files that are being completed free
// theirs without help; only where open files hold nearly all of it is the one
// that holds most written out.
func (w *Writer) relieve(ctx context.Context) error {
	for {
		total := w.held + w.done.holding()
		w.peak = max(w.peak, total)
		switch {
		case total <= w.t.MaxMemory:
			return nil
		case w.held <= w.t.MaxMemory/8*7 && w.done.wait():
			if err := w.done.failure(); err != nil {
				return err
			}
		case len(w.open) == 0:
			if !w.done.wait() {
				return w.done.failure()
			}
		default:
			if err := w.writeOut(ctx); err != nil {
				return err
			}
		}
	}
}

// minGroup is the least that is worth a row group of its own.
const minGroup = 4 << 20

// writeOut frees what the largest file holds: it ends its row group if that is
// large, and if an upload that stays open can be afforded; else the file ends.
func (w *Writer) writeOut(ctx context.Context) error {
	f := slices.MaxFunc(w.open, func(a, b *dataFile) int { return cmp.Compare(a.held, b.held) })
	pages := f.pq.Buffered()
	if pages < minGroup || f.sink.w == nil && (pages < w.t.uploadCost || w.uploads()+w.t.uploadCost > w.t.MaxMemory/2) {
		w.finish(ctx, f)
		return nil
	}
	err := f.pq.Flush(ctx)
	w.count(f)
	return err
}

// uploads returns what the open uploads hold beside pages.
func (w *Writer) uploads() (n int64) {
	for _, f := range w.open {
		if f.sink.w != nil {
			n += w.t.uploadCost
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
	w.open[last] = nil
	w.open = w.open[:last]
	w.held -= f.held
	w.done.add(ctx, f)
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
// are durable; no commit names them yet. After an error call Abort. A second
// Close is an error.
func (w *Writer) Close(ctx context.Context) (*Output, error) {
	if w.err == nil {
		for len(w.open) > 0 && w.done.failure() == nil {
			w.finish(ctx, w.open[len(w.open)-1])
		}
	}
	w.done.wg.Wait()
	if w.err == nil {
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
	w.out.Assigned = w.rules.Assigned()
	w.progress()
	return &w.out, nil
}

var errClosed = errors.New("writer: closed")

// Abort ends the writer, stops its uploads and deletes every object that it has
// published or may have published, those that Close returned among them: it must
// not be called once a commit may name them. The error lists objects that could
// not be deleted; another call tries those again, and vacuum finds them. The
// context must be alive, also if another one's end is why Abort is called.
func (w *Writer) Abort(ctx context.Context) error {
	w.done.cancel()
	w.done.wg.Wait()
	w.err = errors.Join(errClosed, w.err)
	for _, f := range w.open {
		f.abort()
	}
	w.open, w.held = nil, 0
	var errs []error
	var left []string
	for _, name := range w.done.published {
		if err := w.t.Store.Delete(ctx, name); err != nil {
			left = append(left, name)
			errs = append(errs, fmt.Errorf("writer: delete %s: %w", name, err))
		}
	}
	w.done.published = left
	return errors.Join(errs...)
}
