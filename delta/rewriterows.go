package delta

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/deltalog/deltalog/internal/rules"
	"github.com/deltalog/deltalog/internal/schemavec"
	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/reader"
	"github.com/deltalog/deltalog/txlog/schema"
)

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
	rest := vec.FullBitmap(rows.n) // rows that meet no source row
	for from := 0; from < rows.n; {
		var at []int32
		var src []int64
		at, src, from = w.pairs.next(b.Positions, from)
		for _, i := range at {
			rest.Clear(int(i))
		}
		if len(at) == 0 || !w.r.b.st.has(matched) {
			continue
		}
		if err := w.matched(ctx, rows, at, src); err != nil {
			return err
		}
	}
	if !w.f.bySource {
		return nil
	}
	if rest.Count() < rows.n {
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
		image[s.column], set[s.column] = w.r.b.stored(s.column, v), true
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
		image[s.column] = w.r.b.stored(s.column, v)
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
	return schemavec.Typed(v, s.typeIn(table)), nil
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
