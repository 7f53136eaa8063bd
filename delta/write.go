package delta

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/deltalog/deltalog/internal/arrowvec"
	"github.com/deltalog/deltalog/internal/rules"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/schema"
	"github.com/deltalog/deltalog/writer"
)

// Append adds the source's rows. It conflicts with no other writer's rows.
func (t *Table) Append(ctx context.Context, src Source, o *WriteOptions) (*Result, error) {
	return t.write(ctx, opAppend, "", src, o)
}

// ReplacePartitions makes partitions hold the source's rows and no others: those
// of [WriteOptions.Partitions], or those that the source has rows for. Other
// partitions are not touched. Two replacements of one partition come one after
// the other, whatever they have seen of each other; a row appended meanwhile is
// replaced or kept as a whole commit, never by halves.
func (t *Table) ReplacePartitions(ctx context.Context, src Source, o *WriteOptions) (*Result, error) {
	return t.write(ctx, opReplacePartitions, "", src, o)
}

// ReplaceWhere puts the source's rows in the place of those for which predicate, in
// SQL, is true; all of the source's rows must be such rows.
//
// A predicate on partition columns only replaces whole partitions, and reads nothing;
// a row outside is a [*PartitionError]. Any other is a DELETE of the rows and an
// append in one commit: of the table those files are read that may hold such rows,
// and a row that another writer adds meanwhile is replaced too. A row outside, also
// one for which the predicate is null, is a [*PredicateError].
func (t *Table) ReplaceWhere(ctx context.Context, predicate string, src Source, o *WriteOptions) (*Result, error) {
	if c := t.replaceRows(predicate, src, o); c != nil {
		return c.run(ctx)
	}
	return t.write(ctx, opReplaceWhere, predicate, src, o)
}

// Overwrite makes the table hold the source's rows and no others.
func (t *Table) Overwrite(ctx context.Context, src Source, o *WriteOptions) (*Result, error) {
	return t.write(ctx, opOverwrite, "", src, o)
}

// Reload is Overwrite for small tables that are loaded anew each time (truncate
// and load in one commit): it differs in the name that the history shows, and in
// refusing a source without rows unless [WriteOptions.OnEmpty] allows it, as all
// writes do. [WriteOptions.MinRows] and MaxShrink guard against half a source.
func (t *Table) Reload(ctx context.Context, src Source, o *WriteOptions) (*Result, error) {
	return t.write(ctx, opReload, "", src, o)
}

// Prepare writes the source's rows as files for an operation ("append",
// "replace-partitions", "replace-where", "overwrite", "reload"), and commits
// nothing. Without a key the prepared write gets one of its own, so that
// [Table.Commit] applies it once however often it is called. predicate is for
// replace-where, else empty. The error of a write that is refused is the same
// that the write itself would return; its files are removed.
func (t *Table) Prepare(ctx context.Context, op, predicate string, src Source, o *WriteOptions) (*Prepared, *Result, error) {
	w := t.newWrite(operation(op), predicate, o)
	p, err := w.prepare(ctx, src)
	if err != nil {
		w.discard(ctx)
		return nil, w.res, w.wrap(err)
	}
	if p == nil {
		w.res.passedOver(ctx, t, w.o.Txn)
		return nil, w.res, nil
	}
	if p.Key == "" {
		p.Key, p.KeyVersion = "deltalog/prepared/"+t.opts.Env.NewID(), 0
	}
	return p, w.res, nil
}

// Commit commits what Prepare made, here or in another process. Calling it again
// is safe at any time: the result is then AlreadyApplied. It never deletes the
// prepared files; [Table.Discard] does. Where the table was not there when the
// write was prepared, open it with [OpenPrepared]; Commit makes it if it is still
// not there.
func (t *Table) Commit(ctx context.Context, p *Prepared) (*Result, error) {
	w := t.newWrite(operation(p.Operation), p.Predicate, &WriteOptions{MaxShrink: p.MaxShrink, UserMetadata: p.UserMetadata})
	err := w.adopt(ctx, p)
	if err == nil {
		err = t.probe(ctx)
	}
	if err == nil {
		err = w.commit(ctx, p)
	}
	if w.res.State != Committed && w.res.State != Unknown {
		w.discard(ctx) // files with other numbers, not those of p
	}
	if p.Sequence {
		w.res.passedOver(ctx, t, &Txn{AppID: p.Key, Version: p.KeyVersion})
	}
	return w.res, w.wrap(err)
}

// Discard deletes the files of a prepared write, unless its key says that it is
// in the table.
func (t *Table) Discard(ctx context.Context, p *Prepared) error {
	a, err := t.Lookup(ctx, p.Key)
	if err != nil && !errors.Is(err, ErrTableNotFound) {
		return err
	}
	if a != nil {
		return fmt.Errorf("delta: discard: the write is in the table, as version %d", a.Version)
	}
	return errors.Join(t.deleteFiles(ctx, p.Files)...)
}

func (t *Table) write(ctx context.Context, op operation, predicate string, src Source, o *WriteOptions) (*Result, error) {
	w := t.newWrite(op, predicate, o)
	p, err := w.prepare(ctx, src)
	if err == nil && p != nil {
		err = w.commit(ctx, p)
	}
	if w.res.State != Committed && w.res.State != Unknown {
		w.discard(ctx)
	}
	w.res.passedOver(ctx, t, w.o.Txn)
	return w.res, w.wrap(err)
}

// A write carries one write from the source to the commit.
type write struct {
	t         *Table
	op        operation
	predicate string
	o         WriteOptions
	snap      *txlog.Snapshot // of NoVersion: the write makes the table
	made      *txlog.Snapshot // a prepared write's own table, if it makes one
	by        *partitioning
	declared  *partitionSet  // nil: nothing declared
	where     *condition     // nil unless replace-where
	base      *schema.Struct // the table's, as known
	schema    *schema.Struct // that the files are written for
	evolved   bool
	promises  []string     // that the rows keep
	rules     *rules.Rules // what makes them
	reserved  []writer.Assigned
	began     *txlog.Look // at the key, before the first of several attempts; nil: there was one
	out       *writer.Writer
	res       *Result
}

func (t *Table) newWrite(op operation, predicate string, o *WriteOptions) *write {
	w := &write{t: t, op: op, predicate: predicate, o: o.withDefaults(), snap: t.known()}
	w.res = &Result{
		Operation: string(op), State: NotCommitted, Version: NoVersion,
		Key: w.o.Key, DryRun: w.o.DryRun,
	}
	if w.o.Txn != nil {
		w.res.Key = w.o.Txn.AppID
	}
	return w
}

func (w *write) wrap(err error) error {
	if err == nil {
		return nil
	}
	w.res.Retryable = retryable(w.res.State, err, w.res.Key != "")
	return fmt.Errorf("delta: %s to %s: %w", w.op, w.t.URL(), err)
}

// look makes sure, before the write begins, that a table that was not there is
// still not there, and that numbers of identity columns are likely to be free.
// Nothing else is looked up: what is newer than the handle knows the commit finds
// by itself, unless the write may end without one.
func (w *write) look(ctx context.Context) (err error) {
	if w.makes() || hasIdentity(w.snap) || w.judges() {
		w.snap, err = w.t.latest(ctx)
	}
	return err
}

// judges reports whether the write draws conclusions from what the table holds now
// that no commit may ever test: that there is nothing to empty, that the key's last
// use is this work, or that another use came after this one began.
func (w *write) judges() bool {
	k := w.o.key(w.op, 0)
	return w.o.OnEmpty == EmptyTruncate || k != nil && !k.Sequence && !w.o.ContentKey && k.OnReplay == txlog.ReplayReplace
}

// makes reports whether the write makes the table.
func (w *write) makes() bool { return w.snap.Version() == NoVersion }

// prepare writes the files. A nil Prepared without error means that there is
// nothing to commit, and that w.res says why.
func (w *write) prepare(ctx context.Context, src Source) (*Prepared, error) {
	if err := w.check(ctx, src); err != nil {
		return nil, err
	}
	if done, err := w.replayed(ctx, src); done || err != nil {
		return nil, err
	}
	if !w.o.DryRun {
		if err := w.t.probe(ctx); err != nil {
			return nil, err
		}
	}
	out, err := w.load(ctx, src, false)
	if err != nil {
		return nil, err
	}
	if out.Rows < w.o.MinRows {
		return nil, &GuardError{Limit: "MinRows", Want: fmt.Sprintf("%d rows", w.o.MinRows), Got: fmt.Sprintf("%d", out.Rows)}
	}
	if out.Rows == 0 {
		if done, err := w.empty(); done || err != nil {
			return nil, err
		}
	}
	return w.describe(out), nil
}

// check settles everything that needs no row.
func (w *write) check(ctx context.Context, src Source) (err error) {
	if err := w.o.validate(w.op); err != nil {
		return err
	}
	if err := w.look(ctx); err != nil {
		return err
	}
	meta := w.snap.Metadata()
	if err := txlog.CheckWrite(w.snap.Protocol(), meta); err != nil {
		return err
	}
	if w.op.replaces() && w.snap.Properties().AppendOnly() {
		return fmt.Errorf("%w: property delta.appendOnly is true", ErrAppendOnly)
	}
	if err := w.table(); err != nil {
		return err
	}
	if w.op == opReplacePartitions && len(w.by.names) == 0 {
		return errors.New("the table is not partitioned: use reload to replace all of it")
	}
	if err := w.selection(w.o.Partitions); err != nil {
		return err
	}
	if err := w.fit(src.Schema()); err != nil {
		return err
	}
	return w.promise()
}

// table reads what the snapshot says of columns and partitions.
func (w *write) table() (err error) {
	if w.base, err = w.snap.Schema(); err == nil {
		w.by, err = partitioningOf(w.snap)
	}
	return err
}

// selection binds the declared partitions and the predicate.
func (w *write) selection(declared []Partition) (err error) {
	if len(declared) > 0 {
		if w.declared, err = w.by.set(declared); err != nil {
			return err
		}
	}
	switch {
	case w.op != opReplaceWhere && w.predicate != "":
		return fmt.Errorf("a predicate is for %s only", opReplaceWhere)
	case w.op == opReplaceWhere:
		w.where, err = w.by.condition(w.predicate, w.base)
	}
	return err
}

// fit settles the schema that the files are written for.
func (w *write) fit(in *arrow.Schema) error {
	w.schema = w.base
	if !w.o.EvolveSchema || w.makes() {
		return nil
	}
	input, err := arrowvec.FromArrowSchema(in)
	if err != nil {
		return err
	}
	merged, err := schema.Merge(w.schema, input)
	if err != nil {
		return err
	}
	if merged == w.schema {
		return nil // nothing new
	}
	if merged, err = gained(w.snap, merged, w.t.opts.Env.NewID); err != nil {
		return err
	}
	w.schema, w.evolved = merged, true
	return nil
}

// replayed looks whether the key is used up, as far as that can be told without
// writing files: always for a sequence and for policies that do not look at the
// content; else by a first reading of a source that can be read twice.
func (w *write) replayed(ctx context.Context, src Source) (done bool, err error) {
	k := w.o.key(w.op, 0)
	if k == nil || w.o.ContentKey {
		return false, nil // a content's key is known when the content is
	}
	prior, err := w.snap.Txn(ctx, k.AppID)
	if err != nil || prior == nil {
		return false, err
	}
	if !k.Sequence && k.OnReplay != txlog.ReplaySkip && k.OnReplay != txlog.ReplayFail {
		r, ok := src.(Repeatable)
		if !ok || !r.Repeatable() {
			return false, nil
		}
		out, err := w.load(ctx, src, true)
		if err != nil {
			return false, err
		}
		k = w.o.key(w.op, w.digest(out))
	}
	return w.res.found(w.snap.CheckKey(ctx, k))
}

// load reads the source once: into files, or only to count and digest its rows.
func (w *write) load(ctx context.Context, src Source, countOnly bool) (*writer.Output, error) {
	c := &writer.Config{
		Store: w.t.store, Schema: w.schema, PartitionColumns: w.by.names, Properties: w.snap.Properties(),
		TargetFileSize: w.o.TargetFileSize, MaxMemory: w.o.MaxMemory, Parallel: w.o.Parallel,
		Admit: w.admit, Digest: w.digests(), NoFiles: countOnly, Rules: w.rules,
		Env: w.t.opts.Env,
	}
	if w.o.DryRun {
		c.Store = discardStore{w.t.store}
	}
	if w.o.Progress != nil && !countOnly {
		c.Progress = func(p writer.Progress) { w.o.Progress(Progress{p.Rows, p.Bytes, p.Files}) }
	}
	out, err := writer.New(c)
	if err != nil {
		return nil, err
	}
	if !countOnly {
		w.out = out
	}
	w.res.RowsIn = 0
	for rec, err := range src.Batches(ctx) {
		if err != nil {
			return nil, fmt.Errorf("read the source after row %d: %w", w.res.RowsIn, err)
		}
		if err := out.Write(ctx, rec); err != nil {
			return nil, err
		}
		w.res.RowsIn += rec.NumRows()
	}
	return out.Close(ctx)
}

// admit refuses rows outside the declared partitions, before any is committed.
func (w *write) admit(p writer.Partition, row int64) error {
	if w.declared != nil && !w.declared.has(p.Raw) {
		return &PartitionError{Partition: w.by.format(p.Raw), Row: row, Want: w.declared.text}
	}
	if w.where != nil && !w.where.holds(p.Raw) {
		if err := w.where.err(); err != nil {
			return err
		}
		return &PartitionError{Partition: w.by.format(p.Raw), Row: row, Want: []string{w.predicate}}
	}
	return nil
}

// empty applies the policy for a source without rows.
func (w *write) empty() (done bool, err error) {
	switch {
	case w.o.OnEmpty == EmptyError:
		return false, ErrEmptyInput
	case w.o.OnEmpty == EmptyNoOp, w.op == opReplacePartitions && w.declared == nil && !w.makes():
		w.res.State, w.res.Version = NoOp, w.snap.Version()
		return true, nil
	}
	return false, nil
}

// digests reports whether the key needs the content's digest.
func (w *write) digests() bool { return w.o.Key != "" || w.o.ContentKey }

// digest fingerprints the work: the rows, and what is done with them.
func (w *write) digest(out *writer.Output) int64 {
	if !w.digests() {
		return 0
	}
	context := []string{string(w.op), w.predicate}
	if w.declared != nil {
		context = append(context, w.declared.sorted()...)
	}
	return out.Digest.Sum(strings.Join(context, "\x00"))
}

func (w *write) describe(out *writer.Output) *Prepared {
	p := &Prepared{
		Format: preparedFormat, TableID: w.snap.Metadata().ID, Operation: string(w.op), ReadAt: w.snap.Version(),
		RowsIn: out.Rows, Schema: w.schema.JSON(), Evolved: w.evolved,
		Promises: w.promises, Assigned: out.Assigned,
		Declared: w.o.Partitions, Predicate: w.predicate, MaxShrink: w.o.MaxShrink,
		UserMetadata: w.o.UserMetadata, Files: out.Files,
	}
	if w.evolved {
		p.BaseSchema = w.snap.Metadata().SchemaString
	}
	if w.makes() {
		p.define(w.snap)
	}
	if k := w.o.key(w.op, w.digest(out)); k != nil {
		p.Key, p.KeyVersion, p.Sequence, p.After, p.OnReplay = k.AppID, k.Version, k.Sequence, k.After, k.OnReplay
		w.res.Key = k.AppID
	}
	if w.op == opReplacePartitions && w.declared == nil {
		for _, part := range out.Partitions {
			p.Dynamic = append(p.Dynamic, part.Raw)
		}
	}
	return p
}

// discard removes files that no commit names, within a time of its own, because
// the context may be what ended the write.
func (w *write) discard(ctx context.Context) {
	if w.out != nil {
		w.drop(ctx, w.out)
	}
	w.out = nil
}

func (w *write) drop(ctx context.Context, out *writer.Writer) { w.res.cleanUp(ctx, out.Abort) }

// cleanUp removes staged files that no commit names, within a time of its own: the
// context may be what ended the work. What is left is a warning.
func (r *Result) cleanUp(ctx context.Context, abort func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTimeout)
	defer cancel()
	if err := abort(ctx); err != nil {
		r.Warnings = append(r.Warnings, fmt.Errorf("delta: staged files were left for vacuum: %w", err))
	}
}

const cleanUpTimeout = 30 * time.Second

func (t *Table) deleteFiles(ctx context.Context, files []writer.DataFile) (errs []error) {
	for i := range files {
		name, err := files[i].AddFile().ObjectName(t.URL())
		if err == nil {
			err = t.store.Delete(ctx, name)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("delta: delete %s: %w", files[i].Path, err))
		}
	}
	return errs
}
