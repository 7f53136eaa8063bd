package delta

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/deltalog/deltalog/internal/arrowvec"
	"github.com/deltalog/deltalog/internal/expr"
	"github.com/deltalog/deltalog/internal/rules"
	"github.com/deltalog/deltalog/internal/schemavec"
	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/reader"
	"github.com/deltalog/deltalog/txlog/schema"
)

// A rowSet is some rows of both sides: their columns, those of the table first;
// nil where a column is not read.
type rowSet struct {
	n            int
	cols         []*vec.Vec
	pos          []int64  // in their file, or in the source
	ids, commits *vec.Vec // of row tracking; nil without it
}

// rowsOf turns what the reader gives into columns.
func (r *rewrite) rowsOf(b reader.FileBatch) (*rowSet, error) {
	rows := &rowSet{n: int(b.NumRows()), pos: b.Positions, cols: make([]*vec.Vec, len(r.b.table.Fields)+len(r.b.source.Fields))}
	for i, f := range b.Schema().Fields() {
		v, err := arrowvec.FromArray(b.Column(i))
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", f.Name, err)
		}
		switch at := r.b.table.Index(f.Name); {
		case at >= 0:
			rows.cols[at] = v
		case f.Name == reader.RowIDColumn:
			rows.ids = v
		case f.Name == reader.RowCommitVersionColumn:
			rows.commits = v
		}
	}
	return rows, nil
}

// each returns s with f applied to every column that is there.
func (s *rowSet) each(n int, f func(*vec.Vec) (*vec.Vec, error)) (*rowSet, error) {
	out := &rowSet{n: n, cols: make([]*vec.Vec, len(s.cols))}
	apply := func(v *vec.Vec) (*vec.Vec, error) {
		if v == nil {
			return nil, nil
		}
		return f(v)
	}
	var err error
	for i, v := range s.cols {
		if out.cols[i], err = apply(v); err != nil {
			return nil, err
		}
	}
	if out.ids, err = apply(s.ids); err != nil {
		return nil, err
	}
	out.commits, err = apply(s.commits)
	return out, err
}

func (s *rowSet) slice(from, to int) *rowSet {
	if from == 0 && to == s.n {
		return s
	}
	out, _ := s.each(to-from, func(v *vec.Vec) (*vec.Vec, error) { return v.Slice(from, to), nil })
	if s.pos != nil {
		out.pos = s.pos[from:to]
	}
	return out
}

// take returns the rows at idx, of which one may be there more than once.
func (s *rowSet) take(idx []int32) (*rowSet, error) {
	out, err := s.each(len(idx), func(v *vec.Vec) (*vec.Vec, error) { return vec.Take(v, idx) })
	if err != nil || s.pos == nil {
		return out, err
	}
	out.pos = make([]int64, len(idx))
	for i, at := range idx {
		out.pos[i] = s.pos[at]
	}
	return out, nil
}

func (s *rowSet) filter(sel *vec.Bitmap) *rowSet {
	n := sel.Count()
	if n == s.n {
		return s
	}
	out, _ := s.each(n, func(v *vec.Vec) (*vec.Vec, error) { return vec.Filter(v, sel), nil })
	if s.pos != nil {
		out.pos = make([]int64, 0, n)
		for r := range sel.Ranges() {
			out.pos = append(out.pos, s.pos[r.From:r.To]...)
		}
	}
	return out
}

// placed makes the row that an error names one of the file or the source: it counts
// rows at these positions, after so many others.
func placed(err error, pos []int64, before int64) error {
	at := func(row int64) int64 {
		if i := row - before; i >= 0 && i < int64(len(pos)) {
			return pos[i]
		}
		return row
	}
	var (
		eval  *expr.EvalError
		rule  *ConstraintError
		place *PartitionError
	)
	switch {
	case errors.As(err, &rule):
		e := *rule
		e.Row = at(e.Row)
		return &e
	case errors.As(err, &place):
		e := *place
		e.Row = at(e.Row)
		return &e
	case errors.As(err, &eval):
		e := *eval
		e.Row = at(e.Row)
		return &e
	}
	return err
}

// eachClause calls f with the rows of each clause: the first whose condition is
// true for a row has it.
func eachClause(cs []*boundClause, rows *rowSet, f func(*boundClause, *rowSet) error) error {
	for _, c := range cs {
		if rows.n == 0 {
			return nil
		}
		if c.cond == nil {
			return f(c, rows)
		}
		yes, err := c.cond.Eval(rows.cols, rows.n)
		if err != nil {
			return placed(err, rows.pos, 0)
		}
		k := yes.Count()
		if k > 0 {
			if err := f(c, rows.filter(yes)); err != nil {
				return err
			}
		}
		if k == rows.n {
			return nil
		}
		rest := vec.FullBitmap(rows.n)
		for i, w := range yes.Words {
			rest.Words[i] &^= w
		}
		rows = rows.filter(rest)
	}
	return nil
}

// A fileWork goes through the rows of one file.
type fileWork struct {
	r     *rewrite
	f     *candidate
	u     *unit
	pairs *pairList
}

// batch decides about some rows of the file.
func (w *fileWork) batch(ctx context.Context, b reader.FileBatch) error {
	rows, err := w.r.rowsOf(b)
	if err != nil {
		return err
	}
	w.f.rows = b.FileRows
	at, src := w.pairs.next(b.Positions)
	if len(at) > 0 && w.r.b.st.has(matched) {
		if err := w.matched(ctx, rows, at, src); err != nil {
			return err
		}
	}
	if !w.f.bySource {
		return nil
	}
	if len(at) > 0 {
		rest := vec.FullBitmap(rows.n)
		for _, i := range at {
			rest.Clear(int(i))
		}
		rows = rows.filter(rest)
	}
	return eachClause(w.r.b.clauses[bySource], rows, func(c *boundClause, rs *rowSet) error { return w.act(ctx, c, rs) })
}

// matched decides about rows that meet source rows.
func (w *fileWork) matched(ctx context.Context, rows *rowSet, at []int32, src []int64) error {
	pair := rows
	if !identity(at, rows.n) {
		var err error
		if pair, err = rows.take(at); err != nil {
			return err
		}
	}
	used := make([]bool, len(pair.cols))
	cs := w.r.b.clauses[matched]
	for _, c := range cs {
		c.reads(used)
	}
	if err := w.r.gather(ctx, pair, used, src); err != nil {
		return err
	}
	before := w.u.updated + w.u.unchanged + w.u.deleted
	several := false
	for i := 1; i < len(at); i++ {
		several = several || at[i] == at[i-1]
	}
	if several && (len(cs) != 1 || cs[0].action != actDelete || cs[0].cond != nil) {
		// Which of several source rows acts is not decided, unless only one does.
		if err := w.several(cs, pair, src); err != nil {
			return err
		}
	}
	if err := eachClause(cs, pair, func(c *boundClause, rs *rowSet) error { return w.act(ctx, c, rs) }); err != nil {
		return err
	}
	w.u.kept += distinct(at) - (w.u.updated + w.u.unchanged + w.u.deleted - before)
	return nil
}

// distinct counts the rows of pairs.
func distinct(at []int32) (n int64) {
	for i := range at {
		if i == 0 || at[i] != at[i-1] {
			n++
		}
	}
	return n
}

// several notes rows on which more than one source row acts.
func (w *fileWork) several(cs []*boundClause, pair *rowSet, src []int64) error {
	acts := map[int64]int64{}
	err := eachClause(cs, &rowSet{n: pair.n, cols: pair.cols, pos: pair.pos}, func(_ *boundClause, rs *rowSet) error {
		for _, p := range rs.pos {
			acts[p]++
		}
		return nil
	})
	if err != nil {
		return err
	}
	last := int64(-1)
	for i, p := range pair.pos {
		if n := acts[p]; n > 1 && p != last {
			w.r.clash.add(src[i], n)
		}
		last = p
	}
	return nil
}

func identity(at []int32, n int) bool {
	if len(at) != n {
		return false
	}
	for i, a := range at {
		if int(a) != i {
			return false
		}
	}
	return true
}

func (w *fileWork) act(ctx context.Context, c *boundClause, rows *rowSet) error {
	if c.action == actDelete {
		return w.delete(ctx, rows)
	}
	return w.update(ctx, c, rows)
}

// delete takes rows out. A row that meets several source rows is there as often.
func (w *fileWork) delete(ctx context.Context, rows *rowSet) error {
	first := vec.NewBitmap(rows.n)
	for i, p := range rows.pos {
		if i == 0 || rows.pos[i-1] != p {
			first.Set(i)
			w.u.gone.Add(p)
		}
	}
	rows = rows.filter(first)
	w.r.partial.Store(true)
	w.u.deleted += int64(rows.n)
	return w.r.out.changed("delete", w.r.old(rows), rows.n)
}

// old returns the table's columns of rows, as the rows written have them.
func (r *rewrite) old(rows *rowSet) []*vec.Vec {
	cols := make([]*vec.Vec, len(r.b.schema.Fields))
	copy(cols, rows.cols[:len(r.b.table.Fields)])
	for i := range r.b.table.Fields {
		if from, to := r.b.table.Fields[i].Type, r.b.schema.Fields[i].Type; r.b.evolved && cols[i] != nil && !schema.Equal(from, to) {
			cols[i] = grow(cols[i], from, to)
		}
	}
	return cols
}

// grow gives the structs in a column the fields that their type has gained: null.
func grow(v *vec.Vec, from, to schema.DataType) *vec.Vec {
	out := *v
	out.Children = slices.Clone(v.Children)
	switch to := to.(type) {
	case *schema.Struct:
		for i, f := range to.Fields {
			if old := from.(*schema.Struct); i < len(old.Fields) { // new fields come last
				out.Children[i] = grow(v.Children[i], old.Fields[i].Type, f.Type)
			} else {
				out.Children = append(out.Children, vec.AllNull(schemavec.Empty(f.Type), v.Off+v.Len))
			}
		}
	case *schema.Array:
		out.Children[0] = grow(v.Children[0], from.(*schema.Array).Element, to.Element)
	case *schema.Map:
		out.Children[0] = grow(v.Children[0], from.(*schema.Map).Key, to.Key)
		out.Children[1] = grow(v.Children[1], from.(*schema.Map).Value, to.Value)
	}
	return &out
}

// update gives rows new values; those that have them already stay where they are.
func (w *fileWork) update(ctx context.Context, c *boundClause, rows *rowSet) error {
	image := w.r.old(rows)
	old := slices.Clone(image)
	set := make([]bool, len(image))
	for _, s := range c.set {
		v, err := s.eval(rows, w.r.b.schema)
		if err != nil {
			return placed(err, rows.pos, 0)
		}
		if len(s.field) > 0 {
			if v, err = setField(image[s.column], s.field, v); err != nil {
				return err
			}
		}
		image[s.column], set[s.column] = v, true
	}
	diff := vec.NewBitmap(rows.n)
	for i := range image {
		if !set[i] {
			continue
		}
		was := old[i]
		if was == nil {
			was = &vec.Vec{Kind: vec.Null, Len: rows.n}
		}
		if err := vec.Differ(diff, was, image[i]); err != nil {
			return fmt.Errorf("column %s: %w", w.r.b.schema.Fields[i].Name, err)
		}
	}
	n := diff.Count()
	w.u.unchanged += int64(rows.n - n)
	if n == 0 {
		return nil
	}
	if n < rows.n {
		rows = rows.filter(diff)
		for i := range image {
			if image[i] != nil {
				image[i] = vec.Filter(image[i], diff)
			}
		}
	}
	for i := range image {
		if !set[i] && w.r.generated(i) {
			image[i] = nil // follows from the others
		}
	}
	for _, p := range rows.pos {
		w.u.gone.Add(p)
	}
	w.r.partial.Store(true)
	w.u.updated += int64(n)
	if err := complete(w.r.rules, w.r.rules.Begin(), image, n); err != nil {
		return placed(err, rows.pos, 0)
	}
	if err := w.r.out.write(image, rows.ids, nil, rows.pos); err != nil {
		return err
	}
	if err := w.r.out.changed("update_preimage", w.r.old(rows), n); err != nil {
		return err
	}
	if err := w.r.out.changed("update_postimage", image, n); err != nil {
		return err
	}
	if len(c.insert) > 0 {
		return w.insert(ctx, c.insert, rows)
	}
	return nil
}

// insert adds rows.
func (w *fileWork) insert(ctx context.Context, set []boundSet, rows *rowSet) error {
	if rows.n == 0 {
		return nil
	}
	image := make([]*vec.Vec, len(w.r.b.schema.Fields))
	for _, s := range set {
		v, err := s.eval(rows, w.r.b.schema)
		if err != nil {
			return placed(err, rows.pos, 0)
		}
		image[s.column] = v
	}
	w.u.inserted += int64(rows.n)
	if err := w.r.complete(image, rows.n); err != nil {
		return placed(err, rows.pos, 0)
	}
	if err := w.r.outside.look(w.r, image, rows); err != nil {
		return placed(err, rows.pos, 0)
	}
	if err := w.r.out.write(image, nil, nil, rows.pos); err != nil {
		return err
	}
	return w.r.out.changed("insert", image, rows.n)
}

// generated reports whether the table computes a column.
func (r *rewrite) generated(column int) bool {
	_, ok := rules.Generation(&r.b.schema.Fields[column])
	return ok
}

// complete makes the columns that inserted rows lack. Identity columns count over
// all of them.
func (r *rewrite) complete(image []*vec.Vec, n int) error {
	r.fillMu.Lock()
	defer r.fillMu.Unlock()
	return complete(r.rules, r.fill, image, n)
}

func complete(all *rules.Rules, run *rules.Run, image []*vec.Vec, n int) error {
	present := make([]bool, len(image))
	for i := range image {
		present[i] = image[i] != nil
	}
	if !slices.Contains(present, false) {
		return nil
	}
	if err := run.Expect(present); err != nil {
		return err
	}
	// What a formula reads must be there.
	for i := range image {
		if image[i] == nil && !all.Fills(i) {
			image[i] = &vec.Vec{Kind: vec.Null, Len: n}
		}
	}
	return run.Complete(image, n, 0)
}

// eval returns the values that the column or field is set to.
func (s *boundSet) eval(rows *rowSet, table *schema.Struct) (*vec.Vec, error) {
	v, err := s.value.Eval(rows.cols, rows.n)
	if err != nil {
		return nil, err
	}
	if v.Kind == vec.Null {
		typ := table.Fields[s.column].Type
		for _, i := range s.field {
			typ = typ.(*schema.Struct).Fields[i].Type
		}
		v = vec.AllNull(schemavec.Empty(typ), rows.n)
	}
	return v, nil
}

// setField replaces a field of a struct. A null struct becomes one whose other
// fields are null.
func setField(v *vec.Vec, path []int, field *vec.Vec) (*vec.Vec, error) {
	if len(path) == 0 {
		return field, nil
	}
	if v == nil || v.Kind != vec.Struct {
		return nil, errors.New("a field is set of a column that was not read as a struct")
	}
	var under []int32 // the rows of a struct, -1 where it is null
	if v.NullCount() > 0 {
		under = make([]int32, v.Len)
		for i := range under {
			if under[i] = int32(i); v.IsNull(i) {
				under[i] = -1
			}
		}
	}
	out := &vec.Vec{Kind: vec.Struct, Len: v.Len}
	for i, c := range v.Children {
		c = c.Slice(v.Off, v.Off+v.Len)
		var err error
		if under != nil {
			if c, err = vec.Take(c, under); err != nil {
				return nil, err
			}
		}
		if i == path[0] {
			if c, err = setField(c, path[1:], field); err != nil {
				return nil, err
			}
		}
		out.Children = append(out.Children, c)
	}
	return out, nil
}

// clashes are rows of the table on which several source rows act.
type clashes struct {
	mu     sync.Mutex
	keys   int64
	rows   int64
	sample []clash
}

type clash struct{ src, n int64 }

func (c *clashes) add(src, n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keys++
	c.rows += n
	// The smallest source rows, whichever file is looked at first.
	c.sample = append(c.sample, clash{src, n})
	slices.SortFunc(c.sample, func(a, b clash) int { return cmp.Compare(a.src, b.src) })
	c.sample = c.sample[:min(len(c.sample), sampleKeys)]
}

func (c *clashes) err(ctx context.Context, ch *change) error {
	if c.keys == 0 {
		return nil
	}
	e := &DuplicateKeyError{Keys: c.keys, Rows: c.rows}
	for _, s := range c.sample {
		text, err := ch.keyText(ctx, s.src)
		if err != nil {
			return err
		}
		e.Sample = append(e.Sample, KeyCount{text, s.n})
	}
	return e
}
