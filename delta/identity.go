package delta

import (
	"context"
	"errors"
	"fmt"

	"github.com/deltalog/deltalog/internal/rules"
	"github.com/deltalog/deltalog/reader"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/schema"
	"github.com/deltalog/deltalog/writer"
)

// A write that gives values to an identity column takes those after the table's
// mark, and its commit moves the mark. Of two such writes one comes first; the
// other's values are taken then. It does not try its luck again: it reserves as
// many values as it has rows by a commit of its own that moves the mark and
// nothing else, gives its rows those, in new files, and commits them as a write
// that does not touch the mark. So a write is written at most twice, whatever the
// others do, and no value is given twice: values are only ever given between an old
// mark and the one that a commit has put in its place. What a reservation has taken
// and the write does not use, because it fails after all, is a gap.

// identityTag is how Spark says that a commit's metadata differs in marks only.
const identityTag = "delta.identity.schemaUpdate"

// opReserve is the operation of a commit that reserves values.
const opReserve = "RESERVE IDENTITY"

// reserveTries bounds how often a reservation is made again because another writer
// changed the metadata first.
const reserveTries = 256

// hasIdentity reports whether writes to the table may give numbers.
func hasIdentity(snap *txlog.Snapshot) bool {
	s, err := snap.Schema()
	if err != nil || !snap.Protocol().HasWriterFeature(txlog.FeatureIdentityColumns) {
		return false
	}
	for i := range s.Fields {
		if rules.IsIdentity(&s.Fields[i]) {
			return true
		}
	}
	return false
}

// ready makes sure that p's rows are what the table of w.snap promises, and their
// numbers free. It returns p, or what is to be committed in its place.
func (w *write) ready(ctx context.Context, p *Prepared) (*Prepared, error) {
	err := w.keeps(w.snap)
	if err == nil && !w.taken(p) {
		return p, nil
	}
	if k := w.keyOf(p); k != nil {
		if done, _, kerr := w.snap.CheckKey(ctx, k); done || kerr != nil {
			return p, kerr // the commit says so too, before it looks at anything else
		}
	}
	if err != nil {
		return nil, &ConflictError{
			Kind: txlog.MetadataChanged, Version: w.snap.Version(),
			Detail: "promises of rows what the files were not checked for", Err: err,
		}
	}
	return w.renumber(ctx, p)
}

// taken reports whether the values that p's rows have may be others' by now.
func (w *write) taken(p *Prepared) bool {
	s, err := w.snap.Schema()
	if err != nil {
		return true
	}
	for i := range p.Assigned {
		a := &p.Assigned[i]
		at := s.Index(a.Column)
		if at < 0 {
			return true
		}
		mark, ok := rules.Mark(&s.Fields[at])
		if ok != (a.Before != nil) || ok && mark != *a.Before {
			return true
		}
	}
	return false
}

// reserved says whether the values that were reserved are still the write's: a
// restored table may have an older mark, and give them again.
func (w *write) stillReserved(s *schema.Struct) error {
	for i := range w.reserved {
		a := &w.reserved[i]
		if at := s.Index(a.Column); at < 0 || !rules.Reaches(&s.Fields[at], a.Last) {
			return fmt.Errorf("the values %d to %d of identity column %s are no longer reserved", a.First, a.Last, a.Column)
		}
	}
	return nil
}

// marked returns meta with the marks that the table has, moved by what p's rows
// got; nil if there is nothing to change.
func (w *write) marked(p *Prepared, meta *txlog.Metadata) (*txlog.Metadata, error) {
	if meta == nil && len(p.Assigned) == 0 {
		return nil, nil
	}
	if meta == nil {
		m := *w.snap.Metadata()
		meta = &m
	}
	now, err := w.snap.Schema()
	if err != nil {
		return nil, err
	}
	marks := map[string]int64{}
	for i := range now.Fields {
		if mark, ok := rules.Mark(&now.Fields[i]); ok {
			marks[now.Fields[i].Name] = mark
		}
	}
	for _, a := range p.Assigned {
		marks[a.Column] = a.Last
	}
	if len(marks) == 0 {
		return meta, nil
	}
	s, err := schema.Parse(meta.SchemaString)
	if err != nil {
		return nil, err
	}
	meta.SchemaString = rules.WithMark(s, marks).JSON()
	return meta, nil
}

// sameButMarks reports whether two schemas differ at most in the marks of their
// identity columns.
func sameButMarks(a, b string) bool {
	if a == b {
		return true
	}
	s, err := schema.Parse(a)
	if err != nil {
		return false
	}
	t, err := schema.Parse(b)
	return err == nil && rules.WithoutMarks(s).JSON() == rules.WithoutMarks(t).JSON()
}

// renumber writes p's rows again with reserved values. What p's files held is read
// back from them: a source can be read once, and they are all there.
func (w *write) renumber(ctx context.Context, p *Prepared) (*Prepared, error) {
	before, err := w.reserve(ctx, p)
	if err != nil {
		return nil, fmt.Errorf("another writer has got the values of an identity column first, and no others could be reserved: %w", err)
	}
	src, err := w.staged(p)
	if err != nil {
		return nil, err
	}
	s, err := before.Schema()
	if err != nil {
		return nil, err
	}
	marks := map[string]int64{}
	for i := range s.Fields {
		if mark, ok := rules.Mark(&s.Fields[i]); ok {
			marks[s.Fields[i].Name] = mark
		}
	}
	old := w.out
	w.schema = rules.WithMark(w.schema, marks)
	if w.rules, err = w.t.rulesFor(before, w.schema, false); err != nil {
		return nil, err
	}
	rows := w.res.RowsIn
	out, err := w.load(ctx, src, false)
	w.res.RowsIn = rows
	if old != nil {
		w.drop(ctx, old)
	}
	if err != nil {
		return nil, fmt.Errorf("give rows the reserved values of identity columns: %w", err)
	}
	again := *p
	again.Files, again.Assigned, w.reserved = out.Files, nil, out.Assigned
	if len(p.Dynamic) > 0 { // a partition may be generated from a number
		again.Dynamic = nil
		for _, part := range out.Partitions {
			again.Dynamic = append(again.Dynamic, part.Raw)
		}
	}
	return &again, nil
}

// reserve moves the marks by as many values as p's rows need. It returns the table
// before that.
func (w *write) reserve(ctx context.Context, p *Prepared) (*txlog.Snapshot, error) {
	for try := 1; ; try++ {
		before := w.snap
		if err := w.suits(p, before); err != nil {
			return nil, err
		}
		meta, err := moved(before, p.Assigned)
		if err != nil {
			return nil, err
		}
		txn := before.Begin(&txlog.TxnOptions{
			Operation: opReserve, Parameters: map[string]string{"rows": quote(fmt.Sprint(p.RowsIn))},
			Tags:       map[string]string{identityTag: "true"},
			EngineInfo: w.t.opts.EngineInfo, MaxElapsed: w.t.opts.CommitTimeout, Env: w.t.opts.Env,
		})
		txn.Add(meta)
		res, err := txn.Commit(ctx)
		w.t.saw(res.Snapshot)
		if err == nil {
			if w.snap = res.Snapshot; w.snap == nil {
				if w.snap, err = w.t.refresh(ctx); err == nil {
					err = w.suits(p, w.snap)
				}
			}
			return before, err
		}
		var ce *ConflictError
		if !errors.As(err, &ce) || try == reserveTries {
			// Whatever became of the marks, the rows are not in the table.
			return nil, errors.New(err.Error())
		}
		if w.snap, err = w.t.refresh(ctx); err != nil {
			return nil, err
		}
	}
}

// suits says whether p's rows can go into the table of now. Columns that p adds are
// not there yet; whether they can be added is for [write.evolve] to say.
func (w *write) suits(p *Prepared, now *txlog.Snapshot) error {
	if p.Evolved {
		return w.keeps(now)
	}
	return w.fits(now, now)
}

// moved returns the metadata with marks moved by the rows that were numbered.
func moved(snap *txlog.Snapshot, assigned []writer.Assigned) (*txlog.Metadata, error) {
	s, err := snap.Schema()
	if err != nil {
		return nil, err
	}
	marks := map[string]int64{}
	for _, a := range assigned {
		at := s.Index(a.Column)
		if at < 0 {
			return nil, fmt.Errorf("identity column %s is gone", a.Column)
		}
		if marks[a.Column], err = rules.Reserve(&s.Fields[at], a.Rows); err != nil {
			return nil, err
		}
	}
	meta := *snap.Metadata()
	meta.SchemaString = rules.WithMark(s, marks).JSON()
	return &meta, nil
}

// staged returns the rows of p's files, which no commit names, without the columns
// that are made anew: those numbered, and those generated.
func (w *write) staged(p *Prepared) (Source, error) {
	meta := *w.snap.Metadata()
	meta.SchemaString = p.Schema
	var files []txlog.Action
	for i := range p.Files {
		files = append(files, p.Files[i].AddFile())
	}
	snap, err := holding(w.snap, &meta, files)
	if err != nil {
		return nil, err
	}
	s, err := snap.Schema()
	if err != nil {
		return nil, err
	}
	numbered := map[string]bool{}
	for _, a := range p.Assigned {
		numbered[a.Column] = true
	}
	own, err := w.t.rulesFor(snap, s, false)
	if err != nil {
		return nil, err
	}
	var columns []string
	for i := range s.Fields {
		if !numbered[s.Fields[i].Name] && !own.Generates(i) {
			columns = append(columns, s.Fields[i].Name)
		}
	}
	scan, err := reader.New(snap, &reader.Options{Columns: columns, MaxMemory: w.o.MaxMemory, Env: w.t.opts.Env})
	if err != nil {
		return nil, err
	}
	return ScanSource(scan), nil
}
