package delta

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/deltalog/deltalog/internal/arrowvec"
	"github.com/deltalog/deltalog/internal/dv"
	"github.com/deltalog/deltalog/internal/join"
	"github.com/deltalog/deltalog/internal/rules"
	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/reader"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/schema"
	"github.com/deltalog/deltalog/writer"
)

// RowCounts say what an operation did to rows. All are exact.
type RowCounts struct {
	Inserted  int64 // rows added
	Updated   int64 // rows that have other values now
	Deleted   int64 // rows removed
	Unchanged int64 // rows that were to be updated to what they are
	Copied    int64 // rows that were written anew because their file was
	Skipped   int64 // source rows that Dedupe left out
	Kept      int64 // rows that met a source row, and for which no clause was

	FilesScanned int64 // files whose rows were looked at
	FilesPruned  int64 // files that cannot hold a row of the operation
	// Of the files pruned those that their partition values, their statistics and
	// their bloom filters rule out. No file is needed where no row can be found.
	PrunedByPartition, PrunedByStats, PrunedByBloom int64

	Vectors int64 // files that lost rows by a deletion vector
	Spilled int64 // bytes of the source that went to disk
	Plans   int64 // how often it was planned: once, and again for each writer that it met
}

// A rewrite is what an operation makes of the table's files. It outlives attempts:
// which rows of a file source rows meet is found out once.
type rewrite struct {
	c    *change
	b    *binding
	snap *txlog.Snapshot

	find   *reader.Scan // finds the files that source rows can meet rows of; nil: none
	keys   *reader.Scan // reads the columns of the keys in them
	other  *reader.Scan // selects rows by the conditions of bySource clauses; nil: there are none
	some   *reader.Scan // reads the columns that clauses need, without a condition
	whole  *reader.Scan // reads everything, to copy rows
	rules  *rules.Rules
	fillMu sync.Mutex
	fill   *rules.Run // makes the columns that inserted rows lack
	arrow  *arrow.Schema

	files   []*candidate
	known   map[string]*candidate // by path, of all attempts
	seen    int                   // how many candidates there were
	pairs   *join.Pairs
	matched *vec.Bitmap // of source rows: those that meet a row of the table
	skipped int64       // files ruled out
	byParts int64       // of them, by their partition values
	byStats int64       // and by their statistics
	partial atomic.Bool // rows leave files that other rows stay in, or have new values
	outside outside     // source rows that do not belong to what is replaced

	// writing outlives the workers: what they begin to write is completed after
	// they have ended.
	writing context.Context

	out      *sink
	vector   *writer.DVWriter
	inserted int64 // source rows that meet no row
	clash    clashes
}

// A candidate is a file that may hold rows of the operation.
type candidate struct {
	add      *txlog.AddFile
	rows     int64 // that it has, deleted ones too; known once it was read
	index    int   // in pairs
	found    bool  // its pairs are in pairs
	findable bool  // may hold rows that source rows meet
	bySource bool  // may hold rows of a bySource clause
	read     bool  // its rows were looked at
	bloomed  bool  // its bloom filters say that no source row meets one of its rows
	unit     *unit
}

// A unit is what becomes of one file.
type unit struct {
	gone      *dv.Bitmap // rows that leave it
	remove    bool       // without another in its place
	stats     string     // of the file with its new deletion vector
	desc      *txlog.DVDescriptor
	partition string

	updated, deleted, unchanged, kept, inserted, copied int64
}

func newRewrite(c *change) *rewrite {
	return &rewrite{c: c, b: c.b, arrow: arrowvec.Schema(c.b.schema), known: map[string]*candidate{}, pairs: join.NewPairs(&join.Options{MaxMemory: c.maxMemory() / 8, Dir: c.o.SpillDir})}
}

// workers is how many files are worked on at once.
func (r *rewrite) workers() int {
	if r.c.o.Parallel > 0 {
		return r.c.o.Parallel
	}
	return runtime.GOMAXPROCS(0)
}

// plan decides, on the table that snap shows, what becomes of each file, and
// writes the rows that are new.
func (r *rewrite) plan(ctx context.Context, snap *txlog.Snapshot) error {
	r.writing = ctx
	if err := r.begin(ctx, snap); err != nil {
		return err
	}
	if r.c.dups != nil {
		if err := r.planDedup(ctx); err != nil {
			return err
		}
		return r.finish(ctx)
	}
	if err := r.list(ctx); err != nil {
		return err
	}
	if err := r.match(ctx); err != nil {
		return err
	}
	if err := r.rewriteFiles(ctx); err != nil {
		return err
	}
	if err := r.clash.err(ctx, r.c); err != nil {
		return err
	}
	if err := r.inserts(ctx); err != nil {
		return err
	}
	return r.finish(ctx)
}

// begin makes the scans, and forgets what was made for an older snapshot.
func (r *rewrite) begin(ctx context.Context, snap *txlog.Snapshot) error {
	r.snap = snap
	r.c.res.cleanUp(ctx, r.abort)
	r.clash, r.outside, r.inserted = clashes{}, outside{}, 0
	r.partial.Store(false)
	table, err := snap.Schema()
	if err != nil {
		return err
	}
	marks := map[string]int64{} // others may have used numbers since
	for i := range table.Fields {
		if n, ok := rules.Mark(&table.Fields[i]); ok {
			marks[table.Fields[i].Name] = n
		}
	}
	r.b.schema = rules.WithMark(r.b.schema, marks)
	if r.rules, err = r.promises(); err != nil {
		return err
	}
	r.fill = r.rules.Begin()
	if err := r.scans(); err != nil {
		return err
	}
	r.out = &sink{r: r}
	r.vector = writer.NewDVWriter(r.store(), r.c.t.opts.Env, r.snap.Properties())
	return nil
}

// promises compiles what the table promises of its rows.
func (r *rewrite) promises() (*rules.Rules, error) {
	return writer.Rules(r.snap.Protocol(), r.b.schema, r.snap.Properties(), &rules.Options{Now: r.c.opts.Now, Own: true})
}

// list finds the files that may hold rows of the operation.
func (r *rewrite) list(ctx context.Context) error {
	r.files = nil
	var all, byParts, byStats atomic.Int64
	keep := func(f *txlog.AddFile) bool {
		all.Add(1)
		findable, bySource := r.mayTouch(f)
		switch {
		case findable || bySource:
			return true
		case r.find == nil && r.other == nil:
		case (r.find == nil || r.find.OutsidePartition(f)) && (r.other == nil || r.other.OutsidePartition(f)):
			byParts.Add(1)
		default:
			byStats.Add(1)
		}
		return false
	}
	for add, err := range r.snap.Files(ctx, &txlog.FilesOptions{Keep: keep}) {
		if err != nil {
			return fmt.Errorf("files of version %d: %w", r.snap.Version(), err)
		}
		f := r.known[add.Path]
		if f == nil || f.add.DeletionVector != nil && f.add.DeletionVector.ID() != add.DeletionVector.ID() {
			// Rows that were deleted may be back, by a restore.
			f = &candidate{index: r.seen}
			r.known[add.Path] = f
			r.seen++
		}
		f.add = add
		f.findable, f.bySource = r.mayTouch(add)
		r.files = append(r.files, f)
	}
	r.skipped, r.byParts, r.byStats = all.Load()-int64(len(r.files)), byParts.Load(), byStats.Load()
	slices.SortFunc(r.files, func(a, b *candidate) int { return strings.Compare(a.add.Path, b.add.Path) })
	return nil
}

// mayGain reports whether a file may have rows now that were deleted before. Its
// deletion vector only grows, unless an older version of the table is restored.
func mayGain(was, is *txlog.AddFile) bool {
	old, now := was.DeletionVector, is.DeletionVector
	return old != nil && (now == nil || now.ID() != old.ID() && now.Cardinality <= old.Cardinality)
}

// weight is how much memory reading a file may take, of budget: a scan gives a file
// no more than its share, and small files need less.
func (r *rewrite) weight(f *candidate, budget int64) int64 {
	const most, growth = 32 << 20, 8 // see reader.Options.Parallel; decoded, rows are larger than their file
	share := budget / max(1, min(int64(r.workers()), budget/most))
	return min(share, max(f.add.Size, 0)*growth)
}

// parallel calls f for each file, several at a time: as many as there is memory for.
func (r *rewrite) parallel(ctx context.Context, files []*candidate, f func(context.Context, *candidate) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	next := make(chan *candidate)
	budget := r.c.maxMemory() / 4
	var mu sync.Mutex
	left, done := budget, sync.NewCond(&mu)
	give := func(n int64) {
		mu.Lock()
		defer mu.Unlock()
		left += n
		done.Signal()
	}
	for range min(r.workers(), len(files)) {
		wg.Go(func() {
			for c := range next {
				if ctx.Err() == nil {
					if err := f(ctx, c); err != nil {
						cancel(err)
					}
				}
				give(r.weight(c, budget))
			}
		})
	}
	for _, c := range files {
		mu.Lock()
		for w := r.weight(c, budget); left < w; {
			done.Wait()
		}
		left -= r.weight(c, budget)
		mu.Unlock()
		next <- c
	}
	close(next)
	wg.Wait()
	return context.Cause(ctx)
}

func (r *rewrite) cdf() bool { return r.snap.Properties().ChangeDataFeed() }

// tracksRows reports whether rows keep their ids when they move.
func (r *rewrite) tracksRows() bool {
	p := r.snap.Properties()
	return p.RowTracking() && p.MaterializedRowIDColumn() != "" && p.MaterializedRowCommitVersionColumn() != ""
}

// hidden are the columns of row ids that files of rewritten rows carry.
func (r *rewrite) hidden() []schema.Field {
	if !r.tracksRows() {
		return nil
	}
	p := r.snap.Properties()
	return []schema.Field{
		{Name: p.MaterializedRowIDColumn(), Type: schema.Long, Nullable: true},
		{Name: p.MaterializedRowCommitVersionColumn(), Type: schema.Long, Nullable: true},
	}
}

// inserts adds the source rows that meet no row of the table.
func (r *rewrite) inserts(ctx context.Context) error {
	if !r.b.st.has(notMatched) || r.c.src.Source == nil {
		return nil
	}
	nt := len(r.b.table.Fields)
	used := make([]bool, nt+len(r.b.source.Fields))
	for _, c := range r.b.clauses[notMatched] {
		c.reads(used)
	}
	var columns []int
	for i := range r.b.source.Fields {
		if used[nt+i] {
			columns = append(columns, i)
		}
	}
	w := &fileWork{r: r, u: &unit{}}
	for b, err := range r.c.src.Scan(ctx, columns, batchRows) {
		if err != nil {
			return err
		}
		sel := vec.NewBitmap(b.N)
		for i := range b.N {
			if id := b.First + int64(i); r.c.src.live(id) && (r.matched == nil || !r.matched.Get(int(id))) {
				sel.Set(i)
			}
		}
		rows := &rowSet{n: b.N, cols: make([]*vec.Vec, len(used)), pos: make([]int64, b.N)}
		for i := range rows.pos {
			rows.pos[i] = b.First + int64(i)
		}
		for i, c := range columns {
			rows.cols[nt+c] = b.Cols[i]
		}
		rows = rows.filter(sel)
		err := eachClause(r.b.clauses[notMatched], rows, func(c *boundClause, rs *rowSet) error { return w.insert(ctx, c.set, rs) })
		if err != nil {
			return fmt.Errorf("source: %w", err)
		}
	}
	r.inserted = w.u.inserted
	return r.outside.err(r.c)
}

const batchRows = 1 << 16

// units yields what becomes of the files, in the order of their paths.
func (r *rewrite) units() []*candidate {
	var us []*candidate
	for _, f := range r.files {
		if f.unit != nil && (f.unit.remove || f.unit.gone.Cardinality() > 0) {
			us = append(us, f)
		}
	}
	slices.SortFunc(us, func(a, b *candidate) int { return cmp.Compare(a.add.Path, b.add.Path) })
	return us
}

// finish completes all files.
func (r *rewrite) finish(ctx context.Context) error {
	if err := r.out.close(ctx); err != nil {
		return err
	}
	if r.c.o.DryRun {
		return nil
	}
	return r.vector.Close(ctx)
}

// abort deletes everything that was written. No commit may name it.
func (r *rewrite) abort(ctx context.Context) error {
	var errs []error
	if r.out != nil {
		errs = append(errs, r.out.abort(ctx))
	}
	if r.vector != nil {
		errs = append(errs, r.vector.Abort(ctx))
	}
	r.out, r.vector = nil, nil
	return errors.Join(errs...)
}

// counts adds up what the units did.
func (r *rewrite) counts(into *RowCounts) {
	into.Inserted, into.Updated, into.Deleted, into.Unchanged, into.Kept, into.Copied, into.Vectors = r.inserted, 0, 0, 0, 0, 0, 0
	into.FilesScanned, into.FilesPruned = 0, r.skipped
	into.PrunedByPartition, into.PrunedByStats, into.PrunedByBloom = r.byParts, r.byStats, 0
	for _, f := range r.files {
		switch {
		case f.read:
			into.FilesScanned++
		case f.bloomed && f.unit == nil:
			into.FilesPruned++
			into.PrunedByBloom++
		}
		if u := f.unit; u != nil {
			into.Inserted += u.inserted
			into.Updated += u.updated
			into.Deleted += u.deleted
			into.Unchanged += u.unchanged
			into.Kept += u.kept
			into.Copied += u.copied
			if u.desc != nil {
				into.Vectors++
			}
		}
	}
	if r.c.src.Source != nil {
		into.Spilled = r.c.src.Spilled()
	}
}
