package join

import (
	"context"
	"fmt"
)

// A pass is a range of hashes whose keys fit in memory together.
type pass struct {
	hashRange
	keys  int64 // distinct ones
	rows  int64
	arena int64 // bytes of the distinct keys
}

// cost returns the memory that a pass takes, at most.
func (p *pass) cost() int64 { return tableBytes(p.keys, p.rows) + p.arena }

// build makes the table of all keys, or plans the passes if there are too many.
func (s *Source) build(ctx context.Context) error {
	l := s.log
	if l.parts == nil {
		// Rows make way for keys: reading them again from disk is cheaper than
		// reading the target again. In the worst case all keys but one are repeated
		// and each takes a slot's room and an entry's.
		need := tableBytes(l.rows, l.rows) + tableBytes(0, l.rows)
		if err := s.rows.makeRoom(ctx, need); err != nil {
			return err
		}
		if need <= s.budget.free() {
			return s.buildInMemory(ctx)
		}
		if err := l.spill(ctx, &s.disk); err != nil {
			return err
		}
	}
	if err := l.parts.flush(); err != nil {
		return err
	}
	if err := s.rows.spillAll(ctx); err != nil {
		return err
	}
	if err := s.plan(ctx); err != nil {
		return err
	}
	if len(s.passes) > 1 {
		return nil
	}
	if err := s.load(ctx, 0); err != nil {
		return err
	}
	return l.close()
}

func (s *Source) buildInMemory(ctx context.Context) error {
	l := s.log
	s.passes = []pass{{hashRange: allHashes}}
	t := newTable(&s.budget, l.arena, l.rows, allHashes)
	s.table, s.pass = t, 0
	if l.coder.words {
		return l.drain(ctx, func(seg *wordSegment) error {
			t.addWords(seg, l.coder.mask)
			return nil
		})
	}
	n := 0
	return l.arena.walk(func(ref, id uint32, key []byte) error {
		if n++; n&0xfff == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		t.addBytes(hashBytes(key)&l.coder.mask, key, id, ref, true)
		return nil
	})
}

// addWords adds a segment.
func (t *table) addWords(seg *wordSegment, mask uint64) {
	for i, w := range seg.words {
		t.addWord(w, hashWord(w)&mask, seg.id(i))
	}
}

// splitMost is how often a part of the keys is halved before it is given up: its
// file is read again for each piece.
const splitMost = 12

// plan counts the keys and puts as many neighbouring ranges of hashes into each
// pass as fit.
func (s *Source) plan(ctx context.Context) error {
	s.passes = nil
	p := s.log.parts
	limit := s.budget.free() - int64(p.buf) - int64(s.log.segment)
	for i := range 1 << p.bits {
		if err := s.planRange(ctx, p.whole(i), limit, 0); err != nil {
			return err
		}
	}
	if len(s.passes) == 0 {
		s.passes = []pass{{}}
	}
	s.passes[0].lo = 0
	for i := range s.passes[1:] {
		s.passes[i+1].lo = s.passes[i].hi + 1
	}
	s.passes[len(s.passes)-1].hi = ^uint64(0)
	return nil
}

func (s *Source) planRange(ctx context.Context, r hashRange, limit int64, depth int) error {
	next, ok, err := s.count(ctx, r)
	if err != nil {
		return err
	}
	if !ok || next.cost() > limit {
		if depth == splitMost || ok && next.keys <= 1 {
			return &BudgetError{
				What: fmt.Sprintf("the keys of a MERGE's source do not fit in memory even in parts; one part has %d rows with %d keys", next.rows, next.keys),
				Need: max(s.budget.max-limit+next.cost(), s.budget.max+1), Have: s.budget.max,
			}
		}
		mid := r.lo + (r.hi-r.lo)/2
		if err := s.planRange(ctx, hashRange{r.lo, mid}, limit, depth+1); err != nil {
			return err
		}
		return s.planRange(ctx, hashRange{mid + 1, r.hi}, limit, depth+1)
	}
	if next.rows == 0 {
		return nil
	}
	if n := len(s.passes); n > 0 {
		both := s.passes[n-1]
		both.hi = r.hi
		both.keys += next.keys
		both.rows += next.rows
		both.arena += next.arena
		if both.cost() <= limit {
			s.passes[n-1] = both
			return nil
		}
	}
	s.passes = append(s.passes, next)
	return nil
}

// countable returns how many keys a table for counting those of a range has room
// for at first: all of them if that is little memory.
func (s *Source) countable(r hashRange) int64 {
	p := s.log.parts
	if part := p.of(r.lo); r == p.whole(part) && tableBytes(p.rows[part], 0) < s.budget.free()/2 {
		return p.rows[part]
	}
	return 64
}

// count counts the keys of a range; not ok if not even that fits in memory.
func (s *Source) count(ctx context.Context, r hashRange) (p pass, ok bool, err error) {
	var a *arena
	if !s.coder.words {
		a = s.log.newArena()
	}
	t := newTable(&s.budget, a, s.countable(r), r)
	defer t.drop()
	t.counting = true
	ok = true
	err = s.log.parts.each(ctx, s.coder, r,
		func(word, hash uint64, id uint32) bool {
			t.addWord(word, hash, id)
			ok = t.grow(func(e *slot) uint64 { return hashWord(e.word) & s.coder.mask })
			return ok
		},
		func(hash uint64, key []byte, id uint32) bool {
			if a.full() || a.room(len(key)) > s.budget.free() {
				ok = false
				return false
			}
			t.addBytes(hash, key, id, 0, false)
			ok = t.grow(func(e *slot) uint64 { return e.word })
			return ok
		})
	p = pass{hashRange: r, keys: t.keys, rows: t.rows}
	if a != nil {
		p.arena = a.bytes
	}
	return p, ok, err
}

// load makes pass i's table.
func (s *Source) load(ctx context.Context, i int) error {
	s.table.drop()
	s.table, s.pass = nil, -1
	p := &s.passes[i]
	var a *arena
	if !s.coder.words {
		a = s.log.newArena()
	}
	t := newTable(&s.budget, a, p.keys, p.hashRange)
	err := s.log.parts.each(ctx, s.coder, p.hashRange,
		func(word, hash uint64, id uint32) bool {
			t.addWord(word, hash, id)
			return true
		},
		func(hash uint64, key []byte, id uint32) bool {
			t.addBytes(hash, key, id, 0, false)
			return true
		})
	if err != nil {
		t.drop()
		return err
	}
	s.table, s.pass = t, i
	return nil
}
