package delta

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/deltalog/deltalog/internal/arrowvec"
	"github.com/deltalog/deltalog/internal/dv"
	"github.com/deltalog/deltalog/internal/expr"
	"github.com/deltalog/deltalog/internal/join"
	"github.com/deltalog/deltalog/internal/rules"
	"github.com/deltalog/deltalog/internal/stats"
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
	r.c.discard(ctx)
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

func (r *rewrite) scans() (err error) {
	used := make([]bool, len(r.b.table.Fields)+len(r.b.source.Fields))
	for _, k := range r.b.keys {
		mark(used, k.target.Columns())
	}
	if r.b.residual != nil {
		mark(used, r.b.residual.Columns())
	}
	if r.b.st.on != nil && r.c.src.rows > 0 {
		if r.find, err = r.keyScan(used, maxKeyList); err != nil {
			return err
		}
		if r.keys, err = r.keyScan(used, fewKeys); err != nil {
			return err
		}
	}
	all := r.cdf()
	clear(used)
	for _, cs := range r.b.clauses {
		for _, c := range cs {
			c.reads(used)
			all = all || c.action == actUpdate
		}
	}
	columns := r.names(used)
	if all {
		columns = nil
	}
	if r.some, err = r.scan(columns, nil); err != nil {
		return err
	}
	if r.whole, err = r.scan(nil, nil); err != nil {
		return err
	}
	if !r.b.st.has(bySource) {
		return nil
	}
	var conds []expr.Expr
	for _, c := range r.b.clauses[bySource] {
		if c.clause.cond == nil {
			conds = nil
			break
		}
		conds = append(conds, c.clause.cond)
	}
	var where expr.Expr
	if conds != nil {
		where = expr.Or(conds...)
	}
	r.other, err = r.scan(columns, where)
	return err
}

func (r *rewrite) names(used []bool) []string {
	names := []string{}
	for i := range r.b.table.Fields {
		if used[i] {
			names = append(names, r.b.table.Fields[i].Name)
		}
	}
	return names
}

func (r *rewrite) scan(columns []string, where expr.Expr) (*reader.Scan, error) {
	o := &reader.Options{
		Columns: columns, Names: r.b.st.target, Now: r.c.opts.Now,
		Parallel: r.workers(), MaxMemory: r.c.maxMemory() / 4, Env: r.c.t.opts.Env,
	}
	if where != nil && where != expr.True {
		o.Where = reader.Where(where)
	}
	return reader.New(r.snap, o)
}

// fewKeys is up to how many keys it is worth to compare each row with them before
// it is looked up; for files, row groups and pages more are.
const fewKeys = 16

// keyScan reads the columns of the keys, where the source may have such keys.
func (r *rewrite) keyScan(used []bool, list int) (*reader.Scan, error) {
	where := r.keyRange(list)
	if r.b.fixed != nil {
		where = append(where, r.b.fixed)
	}
	return r.scan(r.names(used), expr.And(where...))
}

// keyRange is what the keys of the source say about rows that can meet one of
// them, as conditions on columns of the table: up to so many values one by one,
// more as their range.
func (r *rewrite) keyRange(list int) []expr.Expr {
	var where []expr.Expr
	for i, k := range r.b.keys {
		if k.column == nil {
			continue
		}
		col := r.b.st.targetColumn(k.column...) // a column may have the name of a side
		s := r.c.src.keys[i]
		var e expr.Expr
		switch {
		case s.Distinct != nil && len(s.Distinct) <= list:
			e = expr.In(col, s.Distinct...)
		case !s.NaN && !s.Min.IsNull() && !s.Max.IsNull():
			e = expr.Between(col, expr.Literal(s.Min), expr.Literal(s.Max))
		default:
			continue
		}
		if k.nullSafe && s.Nulls > 0 {
			e = expr.Or(e, expr.IsNull(col))
		}
		where = append(where, e)
	}
	return where
}

// mayTouch reports whether a file can hold rows that the operation depends on. It
// is a pure function, for the conflict check.
func (r *rewrite) mayTouch(f *txlog.AddFile) (findable, bySource bool) {
	return r.find != nil && r.find.MayMatch(f), r.other != nil && r.other.MayMatch(f)
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

// rewriteFiles decides what becomes of each file. Files that go as a whole are
// not read, unless their rows are wanted for the change data feed: a version has
// change data for all of its changes or for none.
func (r *rewrite) rewriteFiles(ctx context.Context) error {
	var read, asWhole []*candidate
	for _, f := range r.files {
		f.unit = nil
		switch {
		case r.goesWhole(f):
			asWhole = append(asWhole, f)
		case f.bySource || r.pairs.Count(f.index) > 0 && r.b.st.has(matched):
			read = append(read, f)
		}
	}
	if err := r.parallel(ctx, read, r.file); err != nil {
		return err
	}
	one := r.remove
	if r.cdf() && slices.ContainsFunc(r.files, func(f *candidate) bool { return f.unit != nil }) {
		one = r.file
	}
	return r.parallel(ctx, asWhole, one)
}

// goesWhole reports whether all rows of a file are deleted, as the log tells.
func (r *rewrite) goesWhole(f *candidate) bool {
	cs := r.b.clauses[bySource]
	return len(cs) == 1 && cs[0].action == actDelete && r.pairs.Count(f.index) == 0 && f.bySource && r.other.AllMatch(f.add)
}

// remove takes out a whole file without reading its rows.
func (r *rewrite) remove(ctx context.Context, f *candidate) error {
	live, err := r.live(ctx, f)
	if err != nil {
		return err
	}
	if live == 0 {
		return nil
	}
	u, err := r.unit(f)
	if err != nil {
		return err
	}
	u.remove, u.deleted = true, live
	f.unit = u
	return nil
}

// live is how many rows a file has that are not deleted.
func (r *rewrite) live(ctx context.Context, f *candidate) (int64, error) {
	rows, err := r.whole.Rows(ctx, f.add)
	if err == nil && f.add.DeletionVector != nil {
		rows -= f.add.DeletionVector.Cardinality
	}
	return rows, err
}

// unit begins what becomes of a file, if the operation may touch its partition.
func (r *rewrite) unit(f *candidate) (*unit, error) {
	if d := r.c.declared; d != nil && !d.has(f.add.PartitionValues) {
		return nil, &PartitionError{Partition: r.c.by.format(f.add.PartitionValues), Row: -1, Want: d.text}
	}
	return &unit{gone: dv.Of(), partition: r.c.by.format(f.add.PartitionValues)}, nil
}

// file decides about the rows of one file, and writes those that are new.
func (r *rewrite) file(ctx context.Context, f *candidate) error {
	p, err := r.pairsOf(f)
	if err != nil {
		return err
	}
	scan := r.some
	o := &reader.FileOptions{RowIDs: r.tracksRows()}
	switch {
	case !f.bySource:
		o.Rows = slices.Compact(slices.Clone(p.rows))
	case len(p.rows) == 0:
		scan = r.other
	}
	f.read = true
	w := &fileWork{r: r, f: f, pairs: p}
	w.u = &unit{gone: dv.Of(), partition: r.c.by.format(f.add.PartitionValues)}
	for b, err := range scan.ReadFile(ctx, f.add, o) {
		if err != nil {
			return err
		}
		if err := w.batch(ctx, b); err != nil {
			return fmt.Errorf("file %s: %w", f.add.Path, err)
		}
	}
	f.unit = w.u
	if w.u.gone.Cardinality() == 0 && w.u.unchanged == 0 && w.u.kept == 0 {
		f.unit = nil
		return nil
	}
	if w.u.gone.Cardinality() > 0 {
		if _, err := r.unit(f); err != nil { // its partition is not ours
			return err
		}
	}
	return r.settle(ctx, f)
}

// vectors reports whether rows may leave files by deletion vectors.
func (r *rewrite) vectors() bool { return r.c.o.Strategy != StrategyRewrite && r.c.vectors() }

// vectorShare is the share of a file's rows up to which a deletion vector is
// better than writing the other rows anew.
const vectorShare = 0.3

// settle chooses how the rows leave the file, and does it.
func (r *rewrite) settle(ctx context.Context, f *candidate) error {
	u := f.unit
	gone := u.gone.Cardinality()
	if gone == 0 {
		return nil
	}
	old, err := r.whole.Deleted(ctx, f.add)
	if err != nil {
		return err
	}
	live := f.rows
	if old != nil {
		live -= old.Cardinality()
	}
	switch {
	case gone == live:
		u.remove = true
	case r.vectors() && (r.c.o.Strategy == StrategyVectors || float64(gone) <= vectorShare*float64(live)):
		return r.mark(f, old)
	default:
		u.copied = live - gone
		return r.copyRows(ctx, f)
	}
	return nil
}

// mark gives the file a deletion vector that holds the old one.
func (r *rewrite) mark(f *candidate, old *dv.Bitmap) error {
	all := f.unit.gone.Clone()
	if old != nil {
		all.Union(old)
	}
	var err error
	f.unit.stats = looseStats(f.add, f.rows)
	f.unit.desc, err = r.vector.Add(all)
	return err
}

// looseStats are a file's statistics once rows of it are deleted: its bounds hold,
// and may be wider than they need be. What cannot be right is left out.
func looseStats(f *txlog.AddFile, rows int64) string {
	if text, err := stats.Loosen(f.Stats, rows); err == nil {
		return text
	}
	return stats.WithCount(rows)
}

// copyRows writes the rows that stay to a new file.
func (r *rewrite) copyRows(ctx context.Context, f *candidate) error {
	for b, err := range r.whole.ReadFile(ctx, f.add, &reader.FileOptions{Except: f.unit.gone, RowIDs: r.tracksRows()}) {
		if err != nil {
			return err
		}
		rows, err := r.rowsOf(b)
		if err != nil {
			return err
		}
		if err := r.out.write(r.old(rows), rows.ids, rows.commits, rows.pos); err != nil {
			return err
		}
	}
	return nil
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

// A pairList is which source rows the rows of a file meet.
type pairList struct {
	rows, src []int64 // ascending by row, then by source row
	at        int     // how far it was read
}

func (r *rewrite) pairsOf(f *candidate) (*pairList, error) {
	p := &pairList{}
	var err error
	if f.findable && r.pairs.Count(f.index) > 0 {
		p.rows, p.src, err = r.pairs.File(f.index)
	}
	return p, err
}

// next returns the pairs of rows at these positions: the number of the row in the
// batch, and the source row.
func (p *pairList) next(positions []int64) (at []int32, src []int64) {
	for i, pos := range positions {
		for p.at < len(p.rows) && p.rows[p.at] < pos {
			p.at++ // deleted since
		}
		for ; p.at < len(p.rows) && p.rows[p.at] == pos; p.at++ {
			at, src = append(at, int32(i)), append(src, p.src[p.at])
		}
	}
	return at, src
}

// maxCross bounds the pairs that are compared at once where there is no key.
const maxCross = 1 << 20

// match finds, for each file that may hold such rows, the source rows that its
// rows meet.
func (r *rewrite) match(ctx context.Context) error {
	if r.find == nil {
		return nil
	}
	var todo []*candidate
	for _, f := range r.files {
		if f.findable && !f.found {
			todo = append(todo, f)
		}
	}
	for pass := 0; pass < r.c.src.Passes() && len(todo) > 0; pass++ {
		if err := r.c.src.StartPass(ctx, pass); err != nil {
			return err
		}
		err := r.parallel(ctx, todo, r.matchFile)
		if err != nil {
			return err
		}
	}
	for _, f := range todo {
		f.found = true
	}
	return r.meet(ctx)
}

// matchFile adds the pairs of one file and one pass.
func (r *rewrite) matchFile(ctx context.Context, f *candidate) error {
	skip, err := r.noneInBlooms(ctx, f)
	if skip || err != nil {
		f.bloomed = skip
		return err
	}
	f.read = true
	m := &join.Matches{}
	for b, err := range r.keys.ReadFile(ctx, f.add, nil) {
		if err != nil {
			return err
		}
		rows, err := r.rowsOf(b)
		if err != nil {
			return err
		}
		step := rows.n
		if len(r.b.keys) == 0 {
			step = int(max(1, maxCross/max(r.c.src.rows, 1)))
		}
		for from := 0; from < rows.n; from += step {
			part := rows.slice(from, min(from+step, rows.n))
			if err := r.probe(ctx, f, part, m); err != nil {
				return fmt.Errorf("file %s: %w", f.add.Path, err)
			}
		}
	}
	return nil
}

func (r *rewrite) probe(ctx context.Context, f *candidate, rows *rowSet, m *join.Matches) error {
	keys, err := r.b.keyValues(rows.cols, rows.n, func(k *boundKey) *expr.Value { return k.target })
	if err != nil {
		return placed(err, rows.pos, 0)
	}
	m.Reset()
	if err := r.c.src.Probe(keys, rows.n, m); err != nil {
		return err
	}
	at, src := m.Row, m.Source
	if r.c.src.dropped != nil {
		n := 0
		for i := range at {
			if r.c.src.live(src[i]) {
				at[n], src[n] = at[i], src[i]
				n++
			}
		}
		at, src = at[:n], src[:n]
	}
	if len(at) > 0 && r.b.residual != nil {
		if at, src, err = r.rest(ctx, rows, at, src); err != nil {
			return err
		}
	}
	if len(at) == 0 {
		return nil
	}
	pos := make([]int64, len(at))
	for i, a := range at {
		pos[i] = rows.pos[a]
	}
	return r.pairs.Add(f.index, pos, src)
}

// rest keeps the pairs for which the rest of the ON condition is true.
func (r *rewrite) rest(ctx context.Context, rows *rowSet, at []int32, src []int64) ([]int32, []int64, error) {
	pair, err := rows.take(at)
	if err != nil {
		return nil, nil, err
	}
	used := make([]bool, len(pair.cols))
	mark(used, r.b.residual.Columns())
	if err := r.gather(ctx, pair, used, src); err != nil {
		return nil, nil, err
	}
	yes, err := r.b.residual.Eval(pair.cols, pair.n)
	if err != nil {
		return nil, nil, placed(err, pair.pos, 0)
	}
	n := 0
	for i := range at {
		if yes.Get(i) {
			at[n], src[n] = at[i], src[i]
			n++
		}
	}
	return at[:n], src[:n], nil
}

// gather puts the source's columns beside rows of the table.
func (r *rewrite) gather(ctx context.Context, rows *rowSet, used []bool, src []int64) error {
	nt := len(r.b.table.Fields)
	var columns []int
	for i := range r.b.source.Fields {
		if used[nt+i] {
			columns = append(columns, i)
		}
	}
	if len(columns) == 0 {
		return nil
	}
	cols, err := r.c.src.Gather(ctx, src, columns)
	if err != nil {
		return err
	}
	for i, c := range columns {
		rows.cols[nt+c] = cols[i]
	}
	return nil
}

// noneInBlooms reports whether the file's bloom filters rule out every key.
func (r *rewrite) noneInBlooms(ctx context.Context, f *candidate) (bool, error) {
	for i, k := range r.b.keys {
		s := r.c.src.keys[i]
		if k.column == nil || s.Distinct == nil || k.nullSafe && s.Nulls > 0 || slices.Contains(r.c.by.names, k.column[0]) ||
			!schema.Equal(k.typ, k.target.Columns()[0].Type) {
			continue
		}
		may, err := r.find.MayContainAny(ctx, f.add, k.column, s.Distinct)
		if err != nil || !may {
			return !may && err == nil, err
		}
	}
	return false, nil
}

// meet notes which source rows meet a row that is still there.
func (r *rewrite) meet(ctx context.Context) error {
	if r.c.src.rows > math.MaxInt32*64 {
		return fmt.Errorf("the source has %d rows", r.c.src.rows)
	}
	r.matched = vec.NewBitmap(int(r.c.src.rows))
	for _, f := range r.files {
		if !f.findable || r.pairs.Count(f.index) == 0 {
			continue
		}
		p, err := r.pairsOf(f)
		if err != nil {
			return err
		}
		dead, err := r.whole.Deleted(ctx, f.add)
		if err != nil {
			return err
		}
		for i, src := range p.src {
			if dead == nil || !dead.Contains(p.rows[i]) {
				r.matched.Set(int(src))
			}
		}
	}
	return nil
}
