package pqread

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"

	"github.com/deltalog/deltalog/internal/vec"
)

// ScanOptions say what a scan reads. Nil and the zero value read everything.
type ScanOptions struct {
	// BatchRows is the most rows a batch has. Default 65,536.
	BatchRows int
	// Select returns the rows wanted of a row group. It is called once per
	// group, in order, before the group's data is fetched. Nil wants all rows
	// of all groups.
	Select func(group int) (Selection, error)
}

// A Batch is some rows of a file, in file order.
type Batch struct {
	// Columns has a vec for each wanted field, in the order of the fields.
	Columns []*vec.Vec
	Rows    int
	// Positions says which rows of the file these are: Rows of them in all,
	// counted from the file's first row, whatever row group they are in. This
	// is the position that deletion vectors refer to.
	Positions []Range
	Group     int // the row group they are in
}

// Batches decodes the wanted columns, batch by batch. Batches do not span row
// groups. Their memory belongs to the caller.
//
// While one row group is decoded the next one's bytes are fetched, where
// [Options.MaxBuffered] allows. The iteration ends after the first error, which
// is a [*CorruptError], ctx's error or the input's. Work that is under way when
// the loop is left is finished or cancelled before the loop ends.
func (p *Projection) Batches(ctx context.Context, o *ScanOptions) iter.Seq2[*Batch, error] {
	return func(yield func(*Batch, error) bool) {
		s := newScan(p, o)
		if err := s.all(ctx, yield); err != nil && !errors.Is(err, errStopped) {
			yield(nil, err)
		}
	}
}

func newScan(p *Projection, o *ScanOptions) *scan {
	n := len(p.leaves)
	s := &scan{
		p: p, batchRows: 1 << 16,
		readers: make([]leafReader, n), columns: make([]column, n), levels: make([]levels, n),
		groups: make([]group, p.groups), errs: make([]error, n),
		pages: newBudget(8 * p.file.opt.MaxPage),
	}
	if o != nil {
		s.sel = o.Select
		if o.BatchRows > 0 {
			s.batchRows = min(o.BatchRows, 1<<30-1)
		}
	}
	return s
}

var errStopped = errors.New("the caller left the loop")

// A scan is the state of one iteration.
type scan struct {
	p         *Projection
	sel       func(group int) (Selection, error)
	batchRows int

	ready   sync.WaitGroup // of fetching ahead
	readers []leafReader
	columns []column
	levels  []levels
	groups  []group
	errs    []error
	pages   *budget // of uncompressed pages
}

// A groupInput is a row group with the bytes to decode.
type groupInput struct {
	group   int
	sel     Selection
	pages   [][]pageSpan
	wanted  [][]span
	bytes   int64
	ahead   [][]segment // nil when the group is read piece by piece
	fetched chan error  // has one value when fetching is done; nil before it began
}

func (s *scan) all(ctx context.Context, yield func(*Batch, error) bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer s.ready.Wait()
	defer cancel()
	next, err := s.plan(ctx, 0)
	if err != nil {
		return err
	}
	for next != nil {
		in := next
		s.fetch(ctx, in)
		if err := <-in.fetched; err != nil {
			return err
		}
		if next, err = s.plan(ctx, in.group+1); err != nil {
			return err
		}
		if next != nil && in.bytes+next.bytes <= 2*s.p.file.opt.MaxBuffered {
			s.fetch(ctx, next)
		}
		if err := s.group(ctx, in, yield); err != nil {
			return err
		}
	}
	return nil
}

// plan returns what is to be read of the next group with a selected row, from
// the given one on; nil after the last.
func (s *scan) plan(ctx context.Context, from int) (*groupInput, error) {
	f := s.p.file
	for i := from; i < len(f.meta.groups); i++ {
		g := &f.meta.groups[i]
		in := &groupInput{group: i, sel: Selection{{0, g.rows}}}
		if s.sel != nil {
			sel, err := s.sel(i)
			if err != nil {
				return nil, err
			}
			if err := sel.check(g.rows); err != nil {
				return nil, fmt.Errorf("parquet: row group %d: %w", i, err)
			}
			if sel != nil {
				in.sel = sel
			}
		}
		if g.rows == 0 || len(in.sel) == 0 {
			continue
		}
		if in.sel[0] != (Range{0, g.rows}) {
			var err error
			if in.pages, err = s.p.offsetIndexes(ctx, i); err != nil {
				return nil, err
			}
		}
		in.want(s.p, g)
		return in, nil
	}
	return nil, nil
}

// want lists the byte ranges to read, by leaf.
func (in *groupInput) want(p *Projection, g *groupMeta) {
	in.wanted = make([][]span, len(p.leaves))
	for i := range p.leaves {
		k := &g.chunks[p.leaves[i].node.column]
		if in.pages == nil || in.pages[i] == nil {
			in.wanted[i] = []span{{k.start(), k.size}}
		} else {
			in.wanted[i] = selectPages(in.sel, in.pages[i], k)
		}
		for _, w := range in.wanted[i] {
			in.bytes += w.n
		}
	}
}

// fetch begins to read a group's bytes, unless that was done or they are more
// than may be held.
func (s *scan) fetch(ctx context.Context, in *groupInput) {
	if in.fetched != nil {
		return
	}
	in.fetched = make(chan error, 1)
	if in.bytes > s.p.file.opt.MaxBuffered {
		in.fetched <- nil
		return
	}
	s.ready.Go(func() {
		var err error
		in.ahead, err = s.p.file.fetch(ctx, in.wanted)
		in.fetched <- err
	})
}

// open makes the leaf readers of a group, at its first row.
func (s *scan) open(in *groupInput) {
	f := s.p.file
	g := &f.meta.groups[in.group]
	grab := min(max(f.opt.MaxBuffered/int64(max(len(s.p.leaves), 1)), 256<<10), maxRequest)
	for i := range s.readers {
		k := &g.chunks[s.p.leaves[i].node.column]
		src := chunkSource{file: f, end: k.start() + k.size, grab: grab}
		if in.ahead != nil {
			src.ahead = in.ahead[i]
		}
		var spans []pageSpan
		if in.pages != nil {
			spans = in.pages[i]
		}
		if c := &s.columns[i]; c.expect == 0 {
			c.expect = max(float64(k.plainSize)/float64(k.values+1), 0)
		}
		s.readers[i].init(&s.p.leaves[i], k, f.opt.MaxPage, src, spans, s.pages)
	}
}

// group decodes one row group. When a batch turns out to need too much memory
// the group is begun again, from the batch's first row and with fewer rows.
func (s *scan) group(ctx context.Context, in *groupInput, yield func(*Batch, error) bool) error {
	first := s.p.file.meta.groups[in.group].first
	rows := s.firstBatch(in)
	s.open(in)
	for at := (place{sel: in.sel}); !at.done(); {
		part, rest := at.take(rows)
		size, err := s.decode(ctx, in.group, part.runs, part.span)
		if errors.Is(err, errTooWide) {
			if part.span == 1 {
				return fmt.Errorf("parquet: row %d: %w; raise MaxBatchBytes to read it", first+part.wanted[0].Start, err)
			}
			rows = max(part.span/2, 1)
			s.open(in)
			continue
		}
		if err != nil {
			return err
		}
		if !yield(s.batch(in.group, first, part), nil) {
			return errStopped
		}
		at = rest
		rows = s.nextBatch(rows, int64(part.span), size)
	}
	return nil
}

// batch makes a Batch of what was decoded.
func (s *scan) batch(group int, first int64, part portion) *Batch {
	b := &Batch{Rows: part.rows, Group: group, Positions: make([]Range, len(part.wanted))}
	for i, r := range part.wanted {
		b.Positions[i] = Range{first + r.Start, first + r.End}
	}
	keep := part.keep()
	for _, f := range s.p.fields {
		v := f.assemble(part.span, s.columns, s.groups)
		if keep != nil {
			v = vec.Filter(v, keep)
		}
		b.Columns = append(b.Columns, v)
	}
	return b
}

// firstBatch estimates how many rows make a batch of the wanted size.
func (s *scan) firstBatch(in *groupInput) int {
	g := &s.p.file.meta.groups[in.group]
	var size int64
	for i := range s.p.leaves {
		size += max(g.chunks[s.p.leaves[i].node.column].plainSize, 0)
	}
	return s.nextBatch(s.batchRows, max(g.rows, 1), size)
}

// nextBatch returns how many rows to decode next when n rows took size bytes.
// The number does not jump: one batch may be unlike the others.
func (s *scan) nextBatch(rows int, n, size int64) int {
	fit := s.batchRows
	if perRow := size / n; perRow > 0 {
		fit = int(min(int64(fit), max(s.p.file.opt.BatchBytes/perRow, 1)))
	}
	return min(max(fit, rows/4, 1), 2*rows, s.batchRows)
}

// decode reads the rows of a batch into s.columns and s.groups, columns in
// parallel, and returns how many bytes they take.
func (s *scan) decode(ctx context.Context, group int, runs Selection, rows int) (size int64, err error) {
	memory := newBudget(s.p.file.opt.MaxBatchBytes)
	var next atomic.Int64
	work := func() {
		for {
			i := int(next.Add(1)) - 1
			if i >= len(s.readers) || ctx.Err() != nil {
				return
			}
			s.errs[i] = s.decodeLeaf(ctx, i, runs, rows, memory)
		}
	}
	clear(s.errs)
	if workers := min(s.p.file.opt.Parallel, len(s.readers)); workers > 1 {
		var wg sync.WaitGroup
		for range workers {
			wg.Go(work)
		}
		wg.Wait()
	} else {
		work()
	}
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	for i, err := range s.errs {
		if err != nil {
			return 0, s.fault(group, i, err)
		}
	}
	for _, f := range s.p.fields {
		if err := f.check(rows, s.columns, s.groups); err != nil {
			return 0, &CorruptError{RowGroup: group, Offset: -1, Err: err}
		}
	}
	for i := range s.columns {
		size += s.columns[i].size()
	}
	return size, nil
}

// fault says where an error of a leaf reader happened. Errors of the input and
// of ctx are not the file's fault.
func (s *scan) fault(group, leaf int, err error) error {
	var in *inputError
	if errors.As(err, &in) || errors.Is(err, errTooWide) {
		return err
	}
	r := &s.readers[leaf]
	return wrap(r.plan.node.path, group, r.at, err)
}

func (s *scan) decodeLeaf(ctx context.Context, i int, runs Selection, rows int, memory *budget) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = panicError(v)
		}
	}()
	plan, r, c, lv := &s.p.leaves[i], &s.readers[i], &s.columns[i], &s.levels[i]
	c.kind, c.width, c.memory = plan.typ.kind, plan.typ.width, memory
	lv.def, lv.rep, lv.memory = lv.def[:0], lv.rep[:0], memory
	if err := c.reset(rows); err != nil {
		return err
	}
	for _, run := range runs {
		if err := r.seek(ctx, run.Start); err != nil {
			return err
		}
		if err := r.readRows(ctx, int(run.End-run.Start), c, lv); err != nil {
			return err
		}
	}
	for _, o := range s.p.owned[i] {
		if err := s.groups[o.group].build(o, lv, plan.node.maxRep > 0, memory); err != nil {
			return err
		}
	}
	return nil
}
