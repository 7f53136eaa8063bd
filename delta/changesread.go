package delta

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/deltalog/deltalog/internal/dv"
	"github.com/deltalog/deltalog/internal/inorder"
	"github.com/deltalog/deltalog/reader"
	"github.com/deltalog/deltalog/txlog"
	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/txlog/schema"
)

// A piece is what one file tells of a version.
type piece struct {
	step *step
	kind string // "": the file's column has it
	file *txlog.AddFile
	// now, if not nil, is the file as the version left it, with another deletion
	// vector: rows that this one has and file's has not were deleted, the others
	// restored.
	now    *txlog.AddFile
	only   *dv.Bitmap // positions; nil: all live rows
	except *dv.Bitmap // positions that are left out
}

// pieces returns the files of a step: what goes before what comes.
//
// PROTOCOL.md, "Add CDC File": without change data, an add is inserts and a remove
// is deletes. Both for one file put another deletion vector in its place.
func (c *Changes) pieces(ctx context.Context, s *step) ([]*piece, error) {
	actions, err := c.actions(ctx, s)
	if err != nil {
		return nil, err
	}
	gone, come := []*piece{}, []*piece{}
	added := map[string]*piece{}
	for _, a := range actions {
		switch f := a.(type) {
		case *txlog.AddCDCFile:
			come = append(come, c.piece(s, "", &txlog.AddFile{Path: f.Path, PartitionValues: f.PartitionValues, Size: f.Size}))
		case *txlog.AddFile:
			p := c.piece(s, ChangeInsert, f)
			added[c.name(f.Path)] = p
			come = append(come, p)
		}
	}
	var partial []*txlog.AddFile
	for _, a := range actions {
		r, ok := a.(*txlog.RemoveFile)
		if !ok {
			continue
		}
		f := &txlog.AddFile{Path: r.Path, PartitionValues: r.PartitionValues, Size: -1, Stats: r.Stats, DeletionVector: r.DeletionVector}
		if r.Size != nil {
			f.Size = *r.Size
		}
		with := added[c.name(r.Path)]
		if with != nil {
			f.PartitionValues, f.Size = with.file.PartitionValues, with.file.Size
			come = slices.DeleteFunc(come, func(p *piece) bool { return p == with })
		}
		if !c.complete(f) {
			partial = append(partial, f)
		}
		p := &piece{step: s, kind: ChangeDelete, file: f}
		if with != nil {
			p.now = with.file
		}
		gone = append(gone, p)
	}
	if err := c.recall(ctx, s.version, partial); err != nil {
		return nil, err
	}
	for _, p := range gone {
		p.file = c.piece(s, p.kind, p.file).file
	}
	return append(gone, come...), nil
}

// name is what tells files apart, however their paths are written.
func (c *Changes) name(path string) string {
	if name, err := txlog.ObjectName(c.t.URL(), path); err == nil {
		return name
	}
	return txlog.CanonicalPath(path)
}

// piece returns a file with the columns of changes as partition values.
func (c *Changes) piece(s *step, kind string, f *txlog.AddFile) *piece {
	g := *f
	g.PartitionValues = make(map[string]*string, len(f.PartitionValues)+3)
	maps.Copy(g.PartitionValues, f.PartitionValues)
	delete(g.PartitionValues, ChangeTypeColumn)
	if kind != "" {
		g.PartitionValues[ChangeTypeColumn] = &kind
	}
	version, _ := schema.FormatPartition(schema.LongValue(int64(s.version)))
	at, _ := schema.FormatPartition(schema.TimestampValue(s.time.UnixMicro()))
	g.PartitionValues[CommitVersionColumn], g.PartitionValues[CommitTimestampColumn] = version, at
	return &piece{step: s, kind: kind, file: &g}
}

// complete reports whether a remove says what is needed to read its file. Old
// writers leave out all but the path, and Spark accepts an empty map of values.
func (c *Changes) complete(f *txlog.AddFile) bool {
	if f.Size < 0 {
		return false
	}
	for _, name := range c.parts {
		if _, ok := f.PartitionValues[name]; !ok {
			return false
		}
	}
	return true
}

// recall fills in what removes of a version leave out: from the store if that is the
// size only, else from the version before, whose files are all looked at.
func (c *Changes) recall(ctx context.Context, v Version, files []*txlog.AddFile) error {
	want := map[string]*txlog.AddFile{}
	for _, f := range files {
		if len(c.parts) > 0 {
			want[c.name(f.Path)] = f
			continue
		}
		name, err := f.ObjectName(c.t.URL())
		if err != nil {
			return fmt.Errorf("version %d: %w", v, err)
		}
		o, err := c.t.store.Stat(ctx, name)
		if err != nil {
			return c.unreadable(&piece{step: &step{version: v}, kind: ChangeDelete, file: f}, err)
		}
		f.Size = o.Size
	}
	if len(want) == 0 {
		return nil
	}
	before, err := c.t.Snapshot(ctx, AtVersion(v-1))
	if err != nil {
		return fmt.Errorf("version %d takes out files without saying their partition, for which the version before it is needed: %w", v, err)
	}
	for add, err := range before.Files(ctx, &txlog.FilesOptions{NoStats: true}) {
		if err != nil {
			return fmt.Errorf("version %d takes out files without saying their partition: files of the version before it: %w", v, err)
		}
		name := c.name(add.Path)
		if f := want[name]; f != nil {
			f.PartitionValues, f.Size = add.PartitionValues, add.Size
			delete(want, name)
		}
	}
	for _, f := range want {
		return fmt.Errorf("%w: version %d takes out file %s, which the version before it does not have", ErrCorrupt, v, f.Path)
	}
	return nil
}

// split turns a file with another deletion vector into the rows that it lost and
// those that it got back.
func (c *Changes) split(ctx context.Context, p *piece) ([]*piece, error) {
	if p.now == nil {
		return []*piece{p}, nil
	}
	was, err := c.files.Deleted(ctx, p.file)
	if err != nil {
		return nil, c.unreadable(p, bare(err))
	}
	is, err := c.files.Deleted(ctx, p.now)
	if err != nil {
		return nil, c.unreadable(p, bare(err))
	}
	var out []*piece
	for _, d := range []struct {
		kind string
		in   *txlog.AddFile // whose statistics hold for these rows
		a, b *dv.Bitmap
	}{{ChangeDelete, p.file, is, was}, {ChangeInsert, p.now, was, is}} {
		rows := minus(d.a, d.b)
		if rows == nil {
			continue
		}
		one := c.piece(p.step, d.kind, d.in)
		one.file.DeletionVector, one.only = nil, rows
		out = append(out, one)
	}
	return out, nil
}

// minus returns the rows of a that b has not; nil if there are none.
func minus(a, b *dv.Bitmap) (out *dv.Bitmap) {
	if a == nil {
		return nil
	}
	end, _ := a.Max()
	for row := range a.Rows(0, end+1) {
		if b == nil || !b.Contains(row) {
			if out == nil {
				out = dv.Of()
			}
			out.Add(row)
		}
	}
	return out
}

// maxPicked is how many positions of a file are asked for at a time.
const maxPicked = 1 << 20

// read yields the rows of a piece that has no now.
func (c *Changes) read(ctx context.Context, s *reader.Scan, p *piece) iter.Seq2[reader.FileBatch, error] {
	return func(yield func(reader.FileBatch, error) bool) {
		for o := range p.portions() {
			for b, err := range s.ReadFile(ctx, p.file, o) {
				if err != nil {
					err = c.unreadable(p, bare(err))
				}
				if !yield(b, err) || err != nil {
					return
				}
			}
		}
	}
}

// portions yields what to ask for at a time.
func (p *piece) portions() iter.Seq[*reader.FileOptions] {
	return func(yield func(*reader.FileOptions) bool) {
		if p.only == nil {
			yield(&reader.FileOptions{Except: p.except})
			return
		}
		end, _ := p.only.Max()
		rows := make([]int64, 0, min(p.only.Cardinality(), maxPicked))
		for row := range p.only.Rows(0, end+1) {
			rows = append(rows, row)
			if len(rows) == maxPicked {
				if !yield(&reader.FileOptions{Rows: rows, Except: p.except}) {
					return
				}
				rows = rows[:0]
			}
		}
		if len(rows) > 0 {
			yield(&reader.FileOptions{Rows: rows, Except: p.except})
		}
	}
}

// unreadable names the version and the file, and says why a file may be gone.
func (c *Changes) unreadable(p *piece, err error) error {
	what := map[string]string{"": "change data of version %d", ChangeDelete: "rows that version %d deleted", ChangeInsert: "rows that version %d inserted"}[p.kind]
	what = fmt.Sprintf(what, p.step.version)
	if !errors.Is(err, logstore.ErrNotExist) {
		return fmt.Errorf("%s: file %s: %w", what, p.file.Path, err)
	}
	return fmt.Errorf("%w: %s: file %s is gone: vacuum deletes files that are no part of the newest version, and change data, "+
		"when they are older than the table's retention (delta.deletedFileRetentionDuration), or it was deleted by hand: %w", ErrChangesUnavailable, what, p.file.Path, err)
}

// run yields the changes. Files are read ahead, some at once, and each gives its
// batches in its turn.
func (c *Changes) run(ctx context.Context) iter.Seq2[arrow.RecordBatch, error] {
	o := inorder.Options{Parallel: c.opts.Parallel, Ahead: c.opts.Parallel, Limit: c.opts.Limit}
	return inorder.Batches(ctx, o, c.all(ctx), c.deliver)
}

// all yields the pieces that are to be read.
func (c *Changes) all(ctx context.Context) iter.Seq2[*piece, error] {
	return func(yield func(*piece, error) bool) {
		for i := range c.steps {
			pieces, err := c.pieces(ctx, &c.steps[i])
			if err == nil && c.opts.Net {
				pieces, err = c.net(ctx, pieces)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			for _, p := range pieces {
				if c.wanted(p) && !yield(p, nil) {
					return
				}
			}
		}
	}
}

// wanted reports whether a piece can have a change that is selected, by what the log
// says of its file. Rows that a deletion vector took away were rows of the file as it
// was, whose statistics hold for them; those that came back are rows of the new one.
func (c *Changes) wanted(p *piece) bool {
	if p.kind == "" {
		return c.cdc.MayMatch(p.file)
	}
	return c.files.MayMatch(p.file) || p.now != nil && c.files.MayMatch(p.now)
}

// deliver reads a piece.
func (c *Changes) deliver(ctx context.Context, p *piece) iter.Seq2[arrow.RecordBatch, error] {
	return func(yield func(arrow.RecordBatch, error) bool) {
		parts, err := c.split(ctx, p)
		if err != nil {
			yield(nil, err)
			return
		}
		for _, p := range parts {
			if !c.wanted(p) {
				continue
			}
			s := c.files
			if p.kind == "" {
				s = c.cdc
			}
			for b, err := range c.read(ctx, s, p) {
				if err == nil {
					err = c.named(p, b)
				}
				if !yield(b.RecordBatch, err) || err != nil {
					return
				}
			}
		}
	}
}

// named checks that change data says what happened to each row.
func (c *Changes) named(p *piece, b reader.FileBatch) error {
	if p.kind != "" || b.Column(c.kind).NullN() == 0 {
		return nil
	}
	return c.unreadable(p, fmt.Errorf("%w: it has rows without %s", ErrCorrupt, ChangeTypeColumn))
}
