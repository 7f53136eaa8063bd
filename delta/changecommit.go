package delta

import (
	"context"
	"maps"
	"slices"
	"strconv"

	"github.com/deltalog/deltalog/internal/rules"
	"github.com/deltalog/deltalog/txlog"
)

// commit makes what was planned the next version. done means that there is no
// more to do, with the error of it.
func (c *change) commit(ctx context.Context) (done bool, err error) {
	w := c.work
	w.counts(c.counts)
	if err := c.shrinks(); err != nil {
		return true, err
	}
	txn, err := c.transaction(ctx)
	if err != nil {
		return true, err
	}
	if c.o.DryRun {
		res, err := txn.Plan(ctx)
		c.report(res, err)
		return true, err
	}
	attempts, recovered := c.res.Attempts, c.res.Recovered
	res, err := txn.Commit(ctx)
	c.report(res, err)
	c.res.Attempts += attempts
	c.res.Recovered = c.res.Recovered || recovered
	if res.Snapshot != nil {
		c.t.saw(res.Snapshot)
	}
	return err == nil, err
}

func (c *change) report(res *txlog.CommitResult, err error) {
	c.res.commit(res, err)
	if res.State != Committed && !(c.o.DryRun && err == nil && res.State == NotCommitted) {
		return
	}
	w := c.work
	r := c.res
	r.RowsAdded, r.RowsRemoved = c.counts.Inserted+c.counts.Updated, c.counts.Deleted+c.counts.Updated
	r.FilesAdded, r.FilesRemoved, r.BytesAdded, r.BytesRemoved = 0, 0, 0, 0
	parts := map[string]struct{}{}
	add := func(s *sink) {
		for i := range s.files {
			f := &s.files[i]
			r.FilesAdded++
			r.BytesAdded += f.Size
			parts[c.by.format(f.PartitionValues)] = struct{}{}
		}
	}
	for _, f := range w.units() {
		parts[f.unit.partition] = struct{}{}
		if f.unit.desc == nil {
			r.FilesRemoved++
			r.BytesRemoved += f.add.Size
		}
	}
	add(w.out)
	if len(c.by.names) > 0 {
		r.Partitions = slices.Sorted(maps.Keys(parts))
	}
}

// transaction is the commit of what was planned, on the snapshot of the plan.
func (c *change) transaction(ctx context.Context) (*txlog.Transaction, error) {
	w := c.work
	o := &txlog.TxnOptions{
		Operation: operationNames[c.st.op], Parameters: c.st.parameters(), Metrics: c.metrics(),
		UserMetadata: c.o.UserMetadata, EngineInfo: c.t.opts.EngineInfo,
		MaxElapsed: c.t.opts.CommitTimeout, Env: c.t.opts.Env, Key: c.key(c.digest()),
	}
	if w.tracksRows() {
		o.Tags = map[string]string{"delta.rowTracking.preserved": "true"}
	}
	units := w.units()
	o.NewFiles = !slices.ContainsFunc(units, func(f *candidate) bool { return f.unit.desc != nil })
	txn := c.snap.Begin(o)
	meta, err := c.metadata()
	if err != nil {
		return nil, err
	}
	now := c.t.opts.Env.Now().UnixMilli()
	for _, f := range units {
		txn.Add(f.add.Remove(now, true))
		if f.unit.desc != nil {
			txn.Add(f.add.WithDV(f.unit.desc, f.unit.stats))
		}
	}
	addFiles(txn, w.out)
	if len(units) == 0 && len(w.out.files) == 0 {
		// Nothing is to be changed: a key is still recorded, so that a later
		// attempt with other content is told from this one.
		if o.Key == nil {
			return txn, nil
		}
	} else if meta != nil {
		txn.Add(meta)
	}
	c.reads(txn)
	txn.Revalidate(c.stillFits)
	return txn, nil
}

func addFiles(txn *txlog.Transaction, s *sink) {
	for i := range s.files {
		txn.Add(s.files[i].AddFile())
	}
	for i := range s.changes {
		txn.Add(s.changes[i].AddCDCFile())
	}
}

// reads says what the plan depends on: files in which rows met source rows, and
// files that others may add in which such rows can be. Files that were looked at
// and hold none can only lose rows, as long as no older version is restored.
func (c *change) reads(txn *txlog.Transaction) {
	w := c.work
	if c.dups != nil {
		txn.ReadTable()
		return
	}
	looked := make(map[string]*txlog.AddFile, len(w.files))
	for _, f := range w.files {
		looked[f.add.Path] = f.add
		if w.pairs.Count(f.index) > 0 || f.unit != nil {
			txn.ReadFile(f.add.Path)
		}
	}
	txn.ReadWhere(func(f *txlog.AddFile) bool {
		if was := looked[f.Path]; was != nil && !mayGain(was, f) {
			return false
		}
		findable, bySource := w.mayTouch(f)
		return findable || bySource
	})
}

// metadata is the metaData action that the operation needs: for columns that it
// adds, and for the numbers that identity columns gave. Nil: none.
func (c *change) metadata() (*txlog.Metadata, error) {
	given := c.work.fill.Assigned()
	if !c.b.evolved && len(given) == 0 {
		return nil, nil
	}
	meta := *c.snap.Metadata()
	s := c.b.schema
	if c.b.evolved {
		meta.Configuration = withColumnIDs(c.snap.Properties(), s)
	}
	if len(given) > 0 {
		marks := map[string]int64{}
		for _, a := range given {
			marks[a.Column] = a.Last
		}
		s = rules.WithMark(s, marks)
	}
	meta.SchemaString = s.JSON()
	return &meta, nil
}

// metrics are what Spark shows in the history.
func (c *change) metrics() map[string]string {
	n := func(v int64) string { return strconv.FormatInt(v, 10) }
	r := c.counts
	m := map[string]string{"numDeletionVectorsAdded": n(r.Vectors)}
	switch c.st.op {
	case opMerge:
		m["numSourceRows"] = n(c.src.rows)
		m["numTargetRowsInserted"], m["numTargetRowsUpdated"] = n(r.Inserted), n(r.Updated)
		m["numTargetRowsDeleted"], m["numTargetRowsCopied"] = n(r.Deleted), n(r.Copied)
	case opUpdate:
		m["numUpdatedRows"], m["numCopiedRows"] = n(r.Updated), n(r.Copied)
	case opReplaceWhere:
		m["numOutputRows"], m["numDeletedRows"], m["numCopiedRows"] = n(r.Inserted), n(r.Deleted), n(r.Copied)
	default:
		m["numDeletedRows"], m["numCopiedRows"] = n(r.Deleted), n(r.Copied)
	}
	return m
}
