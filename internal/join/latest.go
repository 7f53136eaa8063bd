package join

import (
	"context"
	"fmt"
	"slices"

	"github.com/deltalog/deltalog/internal/vec"
)

// An Order says how the value of a column makes a row later than another.
type Order struct {
	Column int  // index of a column of the source
	Desc   bool // the smaller value is the later one
}

// Latest returns the rows that are the latest of their key: the last ones when
// sorted by the columns of order, nulls first and NaN last (all reversed for a
// column that is Desc). Among rows that are equal there the greatest by all
// columns is taken, so that which values survive does not depend on the order in
// which rows were added. Rows whose key matches nothing, for a null, all survive.
// It loads the keys of all passes, as [Source.Duplicates] does.
func (s *Source) Latest(ctx context.Context, order []Order) (*vec.Bitmap, error) {
	c := &contest{source: s, order: order, keep: vec.FullBitmap(int(s.n))}
	for _, o := range order {
		if err := s.check([]int{o.Column}); err != nil {
			return nil, fmt.Errorf("%w, by which the latest row is wanted", err)
		}
		c.orderColumns = append(c.orderColumns, o.Column)
	}
	for i := range s.like {
		c.all = append(c.all, i)
	}
	c.most = int(max(16, min(s.budget.max/8/s.rows.width(), 1<<16)))
	var ids []int64
	err := s.eachTable(ctx, func(t *table) error {
		for i := range t.slots {
			if t.slots[i].next == 0 {
				continue
			}
			ids = t.appendRows(ids[:0], &t.slots[i])
			if err := c.addKey(ctx, ids); err != nil {
				return err
			}
		}
		return c.decide(ctx)
	})
	if err != nil {
		return nil, err
	}
	return c.keep, nil
}

// A contest finds the latest of the rows of many keys together.
type contest struct {
	source       *Source
	order        []Order
	orderColumns []int
	all          []int // columns
	keep         *vec.Bitmap
	most         int     // rows at a time
	ids          []int64 // rows of keys, side by side
	ends         []int   // of each key
}

// addKey adds a key's rows; ids is changed. Of a key with many rows some are decided at once, and
// only their winner is compared with the others.
func (c *contest) addKey(ctx context.Context, ids []int64) error {
	for len(c.ids)+len(ids) > c.most {
		n := c.most - len(c.ids)
		if n < 2 {
			if err := c.decide(ctx); err != nil {
				return err
			}
			continue
		}
		part := ids[:n]
		c.ids = append(c.ids, part...)
		c.ends = append(c.ends, len(c.ids))
		if err := c.decide(ctx); err != nil {
			return err
		}
		winner := slices.IndexFunc(part, func(id int64) bool { return c.keep.Get(int(id)) })
		ids[n-1] = part[winner]
		ids = ids[n-1:]
	}
	c.ids = append(c.ids, ids...)
	c.ends = append(c.ends, len(c.ids))
	return nil
}

// decide clears all rows but the latest of each key and forgets the keys.
func (c *contest) decide(ctx context.Context) error {
	if len(c.ids) == 0 {
		return nil
	}
	cols, err := c.source.Gather(ctx, c.ids, c.orderColumns)
	if err != nil {
		return err
	}
	later := func(i, j int) int {
		for k, o := range c.order {
			if d := compareValues(cols[k], i, cols[k], j); d != 0 && !equalFloats(cols[k], i, j) {
				if o.Desc {
					return -d
				}
				return d
			}
		}
		return 0
	}
	// What is left of each key with more than one latest row.
	var ties []int64
	var tieEnds []int
	var best []int
	from := 0
	for _, end := range c.ends {
		best = c.best(best[:0], from, end, c.ids, later)
		if len(best) > 1 {
			for _, i := range best {
				ties = append(ties, c.ids[i])
			}
			tieEnds = append(tieEnds, len(ties))
		}
		from = end
	}
	c.ids, c.ends = c.ids[:0], c.ends[:0]
	return c.decideTies(ctx, ties, tieEnds)
}

// decideTies is decide by all columns.
func (c *contest) decideTies(ctx context.Context, ids []int64, ends []int) error {
	if len(ids) == 0 {
		return nil
	}
	cols, err := c.source.Gather(ctx, ids, c.all)
	if err != nil {
		return err
	}
	greater := func(i, j int) int {
		for _, v := range cols {
			if d := compareValues(v, i, v, j); d != 0 {
				return d
			}
		}
		return 0
	}
	var best []int
	from := 0
	for _, end := range ends {
		best = c.best(best[:0], from, end, ids, greater)
		for _, i := range best[1:] { // rows that are the same
			c.keep.Clear(int(ids[i]))
		}
		from = end
	}
	return nil
}

// best appends those of the rows from … end-1 that no other is after, in order,
// and clears the others.
func (c *contest) best(dst []int, from, end int, ids []int64, later func(i, j int) int) []int {
	dst = append(dst, from)
	for i := from + 1; i < end; i++ {
		switch d := later(i, dst[0]); {
		case d == 0:
			dst = append(dst, i)
			continue
		case d < 0:
			c.keep.Clear(int(ids[i]))
			continue
		}
		for _, k := range dst {
			c.keep.Clear(int(ids[k]))
		}
		dst = append(dst[:0], i)
	}
	return dst
}

// equalFloats says that two values of a column are floats that SQL calls equal:
// as an order, those tie.
func equalFloats(v *vec.Vec, i, j int) bool {
	switch v.Kind {
	case vec.Float32:
		return vec.CompareFloats(float64(vec.Values[float32](v)[i]), float64(vec.Values[float32](v)[j])) == 0 && v.IsNull(i) == v.IsNull(j)
	case vec.Float64:
		return vec.CompareFloats(vec.Values[float64](v)[i], vec.Values[float64](v)[j]) == 0 && v.IsNull(i) == v.IsNull(j)
	}
	return false
}
