package delta

import (
	"cmp"
	"context"
	"slices"
	"sync"
)

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
