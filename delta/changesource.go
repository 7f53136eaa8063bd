package delta

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/deltalog/deltalog/internal/arrowvec"
	"github.com/deltalog/deltalog/internal/digest"
	"github.com/deltalog/deltalog/internal/expr"
	"github.com/deltalog/deltalog/internal/join"
	"github.com/deltalog/deltalog/internal/schemavec"
	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// A changeSource is the source of an operation, read once: every attempt sees the
// same rows.
type changeSource struct {
	*join.Source // nil: there is no source
	rows         int64
	digest       digest.Rows
	dropped      *vec.Bitmap // rows that Dedupe left out; nil: none
	keys         []join.KeyRange
}

func (s *changeSource) close() error {
	if s.Source == nil {
		return nil
	}
	return s.Source.Close()
}

// live reports whether a source row takes part.
func (s *changeSource) live(id int64) bool { return s.dropped == nil || !s.dropped.Get(int(id)) }

func sourceSchema(src Source) (*schema.Struct, error) {
	s, err := arrowvec.FromArrowSchema(src.Schema())
	if err != nil {
		return nil, err
	}
	seen := map[string]string{}
	for i := range s.Fields {
		lower := strings.ToLower(s.Fields[i].Name)
		if other, twice := seen[lower]; twice {
			return nil, fmt.Errorf("the source has columns %s and %s; names must differ in more than case", other, s.Fields[i].Name)
		}
		seen[lower] = s.Fields[i].Name
	}
	return s, nil
}

// read takes in the source.
func (c *change) read(ctx context.Context) error {
	c.src = &changeSource{}
	if c.rows == nil {
		return nil
	}
	var types []schema.DataType
	seeds := make([]uint64, len(c.b.source.Fields))
	for i := range c.b.source.Fields {
		types = append(types, c.b.source.Fields[i].Type)
		seeds[i] = digest.Seed(c.b.source.Fields[i].Name)
	}
	var keys []join.KeyColumn
	for _, k := range c.b.keys {
		keys = append(keys, join.KeyColumn{Type: k.typ, NullSafe: k.nullSafe})
	}
	src, err := join.NewSource(types, keys, &join.Options{MaxMemory: c.maxMemory() / 2, Dir: c.o.SpillDir})
	if err != nil {
		return err
	}
	c.src.Source = src
	for rec, err := range c.rows.Batches(ctx) {
		if err != nil {
			return fmt.Errorf("read the source after row %d: %w", c.src.rows, err)
		}
		n := int(rec.NumRows())
		cols := make([]*vec.Vec, len(types))
		sums := make([]digest.Column, len(types))
		for i := range cols {
			v, err := arrowvec.FromArray(rec.Column(i))
			if err != nil {
				return fmt.Errorf("source column %s: %w", c.b.source.Fields[i].Name, err)
			}
			v = schemavec.Typed(v, types[i])
			cols[i], sums[i] = v, digest.Column{Seed: seeds[i], Vec: v}
		}
		if err := c.src.digest.Add(n, sums); err != nil {
			return err
		}
		ks, err := c.b.sourceKeys(cols, n)
		if err != nil {
			return fmt.Errorf("source rows %d to %d: %w", c.src.rows, c.src.rows+int64(n)-1, err)
		}
		if err := src.Add(ctx, cols, ks, n); err != nil {
			return err
		}
		c.src.rows += int64(n)
		c.moved.read(c, c.src.rows)
	}
	if err := src.Build(ctx); err != nil {
		return err
	}
	c.src.keys = src.KeySummary(maxKeyList)
	return c.dedupe(ctx)
}

// maxKeyList is up to how many distinct values of a key are looked for one by one
// in partition values, statistics and bloom filters; beyond it their range is.
const maxKeyList = 1024

const defaultMaxMemory = 256 << 20

func (c *change) maxMemory() int64 {
	if c.o.MaxMemory > 0 {
		return max(c.o.MaxMemory, 8) // no part of it must be 0, which means the default
	}
	return defaultMaxMemory
}

// sourceKeys evaluates the keys of source rows.
func (b *binding) sourceKeys(source []*vec.Vec, n int) ([]*vec.Vec, error) {
	batch := make([]*vec.Vec, len(b.table.Fields)+len(source))
	copy(batch[len(b.table.Fields):], source)
	return b.keyValues(batch, n, func(k *boundKey) *expr.Value { return k.source })
}

func (b *binding) keyValues(batch []*vec.Vec, n int, side func(*boundKey) *expr.Value) ([]*vec.Vec, error) {
	out := make([]*vec.Vec, len(b.keys))
	for i := range b.keys {
		v, err := side(&b.keys[i]).Eval(batch, n)
		if err != nil {
			return nil, err
		}
		out[i] = schemavec.Typed(v, b.keys[i].typ)
		if b.emptiesNull(&b.keys[i]) {
			out[i] = vec.EmptyAsNull(out[i])
		}
	}
	return out, nil
}

// order finds the columns of Dedupe.
func (c *change) order() error {
	for _, name := range c.o.Dedupe {
		i := c.b.source.Find(name)
		if i < 0 {
			return refused(fmt.Errorf("the source has no column %s, by which the last of its rows would be chosen; it has %s",
				name, strings.Join(columnNames(c.b.source), ", ")))
		}
		c.last = append(c.last, join.Order{Column: i})
	}
	return nil
}

// dedupe keeps the last row of each key, or finds that there are several.
func (c *change) dedupe(ctx context.Context) error {
	if err := c.keyless(); err != nil {
		return err
	}
	if len(c.last) > 0 {
		kept, err := c.src.Latest(ctx, c.last)
		if err != nil {
			return err
		}
		kept.Not()
		c.src.dropped = kept
		c.counts.Skipped = int64(kept.Count())
		return nil
	}
	if !c.o.UniqueSource && !c.st.unique || len(c.b.keys) == 0 {
		return nil
	}
	keys, rows, sample, err := c.src.Duplicates(ctx, sampleKeys)
	if err != nil || keys == 0 {
		return err
	}
	e := &DuplicateKeyError{Keys: keys, Rows: rows}
	for _, d := range sample {
		text, err := c.keyText(ctx, d.First)
		if err != nil {
			return err
		}
		e.Sample = append(e.Sample, KeyCount{text, d.Count})
	}
	return e
}

// keyless refuses source rows without a key, for operations that would insert them
// again each time.
func (c *change) keyless() error {
	if !c.st.keyed {
		return nil
	}
	for i, k := range c.b.keys {
		if n := c.src.keys[i].Nulls; n > 0 && !k.nullSafe {
			return &NullKeyError{Column: k.text, Rows: n, Empty: c.b.emptiesNull(&k)}
		}
	}
	return nil
}

const sampleKeys = 5

// keyText shows the key of a source row.
func (c *change) keyText(ctx context.Context, id int64) (string, error) {
	all := make([]int, len(c.b.source.Fields))
	for i := range all {
		all[i] = i
	}
	cols, err := c.src.Gather(ctx, []int64{id}, all)
	if err != nil {
		return "", err
	}
	keys, err := c.b.sourceKeys(cols, 1)
	if err != nil {
		return "", err
	}
	parts := []string{}
	for i, k := range c.b.keys {
		name := k.text
		if k.column != nil {
			name = schema.ColumnPath(k.column)
		}
		parts = append(parts, name+"="+clip(valueText(schemavec.Value(keys[i], k.typ, 0))))
	}
	slices.Sort(parts)
	if len(parts) == 0 {
		return fmt.Sprintf("source row %d", id), nil
	}
	return strings.Join(parts, ","), nil
}

// valueText is a value as a partition would have it.
func valueText(v schema.Value) string {
	text, err := schema.FormatPartition(v)
	if err != nil || text == nil {
		return NullPartition
	}
	return *text
}

func clip(s string) string {
	const most = 80
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
