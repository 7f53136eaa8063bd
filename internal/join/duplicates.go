package join

import (
	"context"
	"slices"
)

// A Duplicate is a key that more than one source row has.
type Duplicate struct {
	First int64 // the first row with the key
	Count int64 // how many there are
}

// Duplicates counts the keys that more than one row has, and the rows that have
// them. The sample is those whose first rows come first, at most limit. Rows
// whose key matches nothing, for a null, do not count. It loads the keys of all
// passes, one after the other: no pass is started after it, unless there is
// only one.
func (s *Source) Duplicates(ctx context.Context, limit int) (keys, rows int64, sample []Duplicate, err error) {
	first := func(a, b Duplicate) int {
		if a.First < b.First {
			return -1
		}
		return 1
	}
	err = s.eachTable(ctx, func(t *table) error {
		for i := range t.slots {
			if i&0xffff == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
			if t.slots[i].next == 0 {
				continue
			}
			count := t.count(&t.slots[i])
			keys++
			rows += count
			if limit > 0 {
				sample = append(sample, Duplicate{First: t.first(&t.slots[i]), Count: count})
			}
			if len(sample) >= 2*limit+64 {
				slices.SortFunc(sample, first)
				sample = sample[:limit]
			}
		}
		return nil
	})
	if err != nil {
		return 0, 0, nil, err
	}
	slices.SortFunc(sample, first)
	return keys, rows, sample[:min(len(sample), max(0, limit))], nil
}

// count returns how many rows a key has.
func (t *table) count(e *slot) int64 {
	n := int64(1)
	for k := e.next; k != 0; n++ {
		k = t.more[(k-1)>>pageBits][(k-1)&(pageLen-1)].next
	}
	return n
}

// eachTable calls f with the table of every pass.
func (s *Source) eachTable(ctx context.Context, f func(t *table) error) error {
	for i := range s.Passes() {
		if err := s.StartPass(ctx, i); err != nil {
			return err
		}
		if err := f(s.table); err != nil {
			return err
		}
	}
	if len(s.passes) > 1 {
		s.table.drop()
		s.table, s.pass = nil, -1
	}
	return nil
}
