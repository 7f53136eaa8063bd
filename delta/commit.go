package delta

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/schema"
)

// evolveTries bounds how often a write that adds columns is planned again because
// another writer changed the metadata first.
const evolveTries = 16

// adopt makes w the write that p describes, prepared elsewhere.
func (w *write) adopt(ctx context.Context, p *Prepared) (err error) {
	if p.Format != preparedFormat {
		return fmt.Errorf("prepared write has format %d, this release knows %d", p.Format, preparedFormat)
	}
	w.res.Key, w.res.RowsIn = p.Key, p.RowsIn
	if w.schema, err = schema.Parse(p.Schema); err != nil {
		return err
	}
	w.promises = p.Promises
	if err := w.look(ctx); err != nil {
		return err
	}
	if p.Create != nil {
		if w.made, err = p.defined(w.t); err != nil {
			return err
		}
		if w.makes() { // as p says, not as the handle does
			w.snap = w.made
		}
	} else if w.makes() {
		return fmt.Errorf("%w: the write was prepared for a table that was there", ErrTableNotFound)
	}
	if err := w.belongs(p); err != nil {
		return err
	}
	if err := w.table(); err != nil {
		return err
	}
	if err := w.selection(p.Declared); err != nil {
		return err
	}
	return w.outdated(ctx, p)
}

// belongs says whether p may be committed to the table: it is the one that p was
// prepared for, or one that was made while p was on its way to make it.
func (w *write) belongs(p *Prepared) error {
	id := w.snap.Metadata().ID
	switch {
	case id == p.TableID:
		return nil
	case w.made == nil:
		return fmt.Errorf("the write was prepared for the table with id %s, this is %s", p.TableID, id)
	}
	if err := w.fits(w.made, w.snap); err != nil {
		return fmt.Errorf("another writer made the table first, and the prepared files do not fit it: %w", err)
	}
	return nil
}

// outdated refuses what the world has left behind since p was prepared: a re-run
// under a key that a later one, with other content, has used, and files that are to
// make a table and are not there, because a table that they made was deleted.
func (w *write) outdated(ctx context.Context, p *Prepared) error {
	prior, err := w.snap.Txn(ctx, p.Key)
	if err != nil {
		return err
	}
	if prior != nil {
		if p.Sequence || p.OnReplay != txlog.ReplayReplace || prior.Version == p.KeyVersion {
			return nil // the commit knows what to do
		}
		at, err := txlog.FindTxn(ctx, w.snap, prior)
		if err == nil && at > p.ReadAt {
			err = &KeyError{Key: p.Key, Version: at, Fenced: true}
		}
		return err
	}
	if w.made == nil || w.snap != w.made && w.snap.Metadata().ID == p.TableID {
		return nil
	}
	for i := range p.Files {
		name, err := p.Files[i].AddFile().ObjectName(w.t.URL())
		if err == nil {
			_, err = w.t.store.Stat(ctx, name)
		}
		if err != nil {
			return fmt.Errorf("prepared file %s: %w", p.Files[i].Path, err)
		}
	}
	return nil
}

// commit makes p part of the table, on the newest version that the handle knows;
// the transaction finds newer ones by itself.
func (w *write) commit(ctx context.Context, p *Prepared) (err error) {
	for try := 1; ; try++ {
		if err := w.belongs(p); err != nil {
			return err
		}
		if p, err = w.ready(ctx, p); err != nil {
			return err
		}
		txn, err := w.transaction(p)
		if err != nil {
			return err
		}
		var res *txlog.CommitResult
		if w.o.DryRun {
			res, err = txn.Plan(ctx)
		} else {
			res, err = txn.Commit(ctx)
		}
		w.report(p, res, err)
		w.t.saw(res.Snapshot)
		var ce *ConflictError
		again := p.Evolved || len(p.Assigned) > 0
		if !again || !errors.As(err, &ce) || ce.Kind != txlog.MetadataChanged || try == evolveTries {
			return err
		}
		if w.began == nil && p.Key != "" {
			prior, err := w.snap.Txn(ctx, p.Key)
			if err != nil {
				return err
			}
			w.began = &txlog.Look{Txn: prior}
		}
		if w.snap, err = w.t.refresh(ctx); err != nil {
			return err
		}
	}
}

// keyOf returns p's idempotency key, nil if there is none. On a snapshot that is
// newer than the first it tells what was there at first from newer attempts.
func (w *write) keyOf(p *Prepared) *txlog.Key {
	k := p.key()
	if k != nil {
		k.Look = w.began
	}
	return k
}

// transaction builds p's transaction on w.snap.
func (w *write) transaction(p *Prepared) (*txlog.Transaction, error) {
	o := &txlog.TxnOptions{
		Operation: "WRITE", Parameters: w.parameters(p),
		UserMetadata: w.o.UserMetadata, EngineInfo: w.t.opts.EngineInfo,
		MaxElapsed: w.t.opts.CommitTimeout, NewFiles: w.out != nil, Env: w.t.opts.Env,
	}
	o.Key = w.keyOf(p)
	meta, err := w.metadata(p)
	if err != nil {
		return nil, err
	}
	if len(p.Assigned) > 0 && !p.Evolved {
		o.Tags = map[string]string{identityTag: "true"}
	}
	txn := w.snap.Begin(o)
	txn.NameFirst("CREATE TABLE AS SELECT", creation(w.snap.Metadata()))
	if meta != nil {
		txn.Add(meta)
	}
	for i := range p.Files {
		txn.Add(p.Files[i].AddFile())
	}
	match, err := w.replaced(p)
	if err != nil {
		return nil, err
	}
	if match != nil {
		txn.ReplaceWhere(match)
		txn.GuardReplaced(func(removed []*txlog.AddFile) error {
			if w.where != nil && w.where.err() != nil {
				return w.where.err() // it may be that more is to be replaced
			}
			return w.shrink(p, removed)
		})
	}
	txn.Revalidate(func(s *txlog.Snapshot) error { return w.stillFits(s) })
	return txn, nil
}

// replaced returns which live files the write takes out; nil for none.
func (w *write) replaced(p *Prepared) (func(map[string]*string) bool, error) {
	switch {
	case w.op == opAppend:
		return nil, nil
	case w.op == opOverwrite, w.op == opReload:
		return func(map[string]*string) bool { return true }, nil
	case w.op == opReplaceWhere:
		return w.where.holds, nil
	case w.op == opReplacePartitions:
		set := w.declared
		if set == nil {
			set, _ = w.by.set(nil)
			for _, raw := range p.Dynamic {
				if err := set.addRaw(raw); err != nil {
					return nil, err
				}
			}
		}
		return set.has, nil
	}
	return nil, fmt.Errorf("%q is no operation", w.op)
}

// shrink refuses to replace many rows by few.
func (w *write) shrink(p *Prepared, removed []*txlog.AddFile) error {
	if w.o.MaxShrink == 0 || len(removed) == 0 {
		return nil
	}
	before, after := rowsOf(removed), int64(0)
	for i := range p.Files {
		after += p.Files[i].Rows
	}
	want := fmt.Sprintf("a loss of at most %g %% of %d rows", w.o.MaxShrink*100, before)
	if before < 0 {
		return &GuardError{Limit: "MaxShrink", Want: want, Got: "files whose statistics do not say how many rows they hold"}
	}
	if float64(after) < float64(before)*(1-w.o.MaxShrink) {
		return &GuardError{Limit: "MaxShrink", Want: want, Got: fmt.Sprintf("%d rows in their place", after)}
	}
	return nil
}

// rowsOf counts the rows of live files; -1 if the statistics of one do not say.
func rowsOf(files []*txlog.AddFile) (rows int64) {
	for _, f := range files {
		n, err := f.NumRecords()
		if err != nil {
			return -1
		}
		if f.DeletionVector != nil {
			n -= f.DeletionVector.Cardinality
		}
		rows += n
	}
	return rows
}

// stillFits says whether files written for w.schema are right for the table
// after another writer changed its metadata or protocol.
func (w *write) stillFits(s *txlog.Snapshot) error {
	if id := s.Metadata().ID; id != w.snap.Metadata().ID && !w.makes() {
		return fmt.Errorf("the table has been replaced: its id is now %s", id)
	}
	return w.fits(w.snap, s)
}

// fits says whether files written for w.schema and for the table that was are
// right for the one that is now.
func (w *write) fits(was, now *txlog.Snapshot) error {
	if from, to := was.Metadata().PartitionColumns, now.Metadata().PartitionColumns; !slices.Equal(from, to) {
		return fmt.Errorf("the files are partitioned by %q, the table by %q", from, to)
	}
	from, to := was.Properties().MappingMode(), now.Properties().MappingMode()
	if from != to {
		return fmt.Errorf("the files have column mapping %s, the table %s", from, to)
	}
	s, err := now.Schema()
	if err != nil {
		return err
	}
	if err := (written{to}).fits(w.schema, s, ""); err != nil {
		return err
	}
	return w.keeps(now)
}

// metadata returns the metadata of the commit: with the columns that the write adds
// and the numbers that it gave; nil if there are none.
func (w *write) metadata(p *Prepared) (meta *txlog.Metadata, err error) {
	if p.Evolved {
		if meta, err = w.evolve(p); err != nil {
			return nil, err
		}
	}
	return w.marked(p, meta)
}

// evolve returns the metadata with the columns that the write adds.
//
// On a table with column mapping the files carry physical names that were made
// when they were written, so there the schema must still be the one they know.
func (w *write) evolve(p *Prepared) (*txlog.Metadata, error) {
	meta := *w.snap.Metadata()
	if w.snap.Properties().MappingMode() != schema.MappingNone {
		if !sameButMarks(meta.SchemaString, p.BaseSchema) {
			return nil, errors.New("another writer changed the columns of a table with column mapping; prepare the write again")
		}
		meta.Configuration, meta.SchemaString = withColumnIDs(w.snap.Properties(), w.schema), p.Schema
		return &meta, nil
	}
	now, err := w.snap.Schema()
	if err != nil {
		return nil, err
	}
	merged, err := schema.Merge(now, w.schema)
	if err != nil {
		return nil, err
	}
	meta.SchemaString = merged.JSON()
	return &meta, nil
}

func (w *write) parameters(p *Prepared) map[string]string {
	mode := "Append"
	if w.op.replaces() {
		mode = "Overwrite"
	}
	by := w.by.names
	if by == nil {
		by = []string{}
	}
	ps := map[string]string{"mode": quote(mode), "partitionBy": quote(text(by))}
	switch {
	case w.op == opReplaceWhere:
		ps["predicate"] = quote(text([]string{w.predicate}))
	case w.op == opReplacePartitions && w.declared == nil:
		ps["isDynamicPartitionOverwrite"] = quote("true")
	case w.declared != nil:
		ps["partitions"] = quote(text(w.declared.text))
	}
	return ps
}

// text returns v as JSON; quote returns s as a JSON string.
func text(v any) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // a < b is to be read as that
	if err := e.Encode(v); err != nil {
		return `""`
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func quote(s string) string { return text(s) }

// report fills the result from what the commit did.
func (w *write) report(p *Prepared, c *txlog.CommitResult, err error) {
	w.res.commit(c, err)
	w.res.RowsIn = p.RowsIn
	done := c.State == Committed || w.o.DryRun && err == nil && c.State == NotCommitted
	if !done {
		return
	}
	parts := map[string]struct{}{}
	for i := range p.Files {
		f := &p.Files[i]
		w.res.RowsAdded += f.Rows
		w.res.BytesAdded += f.Size
		parts[w.by.format(f.PartitionValues)] = struct{}{}
	}
	w.res.FilesAdded = int64(len(p.Files))
	for _, f := range c.Removed {
		w.res.BytesRemoved += f.Size
		parts[w.by.format(f.PartitionValues)] = struct{}{}
	}
	w.res.FilesRemoved, w.res.RowsRemoved = int64(len(c.Removed)), rowsOf(c.Removed)
	if len(w.by.names) > 0 {
		w.res.Partitions = slices.Sorted(maps.Keys(parts))
	}
}
