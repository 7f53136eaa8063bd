package join

import (
	"context"
)

// A keyLog keeps the keys of all rows that can match, in the order of the rows,
// until the table is built: in memory at first, after [keyLog.spill] in parts on
// disk.
type keyLog struct {
	budget  *budget
	coder   *keyCoder
	segment int // bytes of memory taken at a time
	rows    int64
	arena   *arena        // keys of bytes
	segs    []wordSegment // keys of words
	parts   *parts        // on disk
}

// A wordSegment is keys of one word each. Ids is nil while the rows follow each
// other.
type wordSegment struct {
	first uint32
	ids   []uint32
	words []uint64
}

func newKeyLog(b *budget, c *keyCoder) *keyLog {
	l := &keyLog{budget: b, coder: c, segment: b.share(256, 1<<10, segmentMost)}
	if !c.words {
		l.arena = l.newArena()
	}
	return l
}

func (l *keyLog) newArena() *arena { return &arena{budget: l.budget, segment: l.segment} }

// size returns at least the memory that adding the batch takes.
func (l *keyLog) size(b *keyBatch) int64 {
	if l.parts != nil {
		return 0
	}
	if l.coder.words {
		return int64(b.n)*12 + int64(l.segment)
	}
	n := int64(0)
	for i := range b.n {
		n += int64(entrySize(len(b.key(i))))
	}
	return n + int64(l.segment)
}

// add appends the keys of a batch whose first row has the given id.
func (l *keyLog) add(b *keyBatch, first int64) error {
	for i := range b.n {
		if b.anySkip && b.skip[i] {
			continue
		}
		id := uint32(first + int64(i))
		l.rows++
		switch {
		case l.parts != nil && l.coder.words:
			if err := l.parts.addWord(b.hashes[i], b.words[i], id); err != nil {
				return err
			}
		case l.parts != nil:
			if err := l.parts.addBytes(b.hashes[i], b.key(i), id); err != nil {
				return err
			}
		case l.coder.words:
			l.addWord(b.words[i], id)
		default:
			l.arena.add(id, b.key(i))
		}
	}
	return nil
}

func (l *keyLog) addWord(word uint64, id uint32) {
	last := len(l.segs) - 1
	if last < 0 || len(l.segs[last].words) == cap(l.segs[last].words) {
		l.segs = append(l.segs, wordSegment{first: id, words: make([]uint64, 0, l.segment/8)})
		l.budget.take(int64(l.segment))
		last++
	}
	s := &l.segs[last]
	if s.ids == nil && id != s.first+uint32(len(s.words)) {
		s.ids = make([]uint32, 0, cap(s.words))
		l.budget.take(int64(l.segment / 2))
		for i := range s.words {
			s.ids = append(s.ids, s.first+uint32(i))
		}
	}
	if s.ids != nil {
		s.ids = append(s.ids, id)
	}
	s.words = append(s.words, word)
}

func (s *wordSegment) id(i int) uint32 {
	if s.ids == nil {
		return s.first + uint32(i)
	}
	return s.ids[i]
}

// drain calls f with the segments of words in order and gives back the memory of
// each after it.
func (l *keyLog) drain(ctx context.Context, f func(s *wordSegment) error) error {
	for i := range l.segs {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := f(&l.segs[i]); err != nil {
			return err
		}
		l.budget.give(int64(l.segment))
		if l.segs[i].ids != nil {
			l.budget.give(int64(l.segment / 2))
		}
		l.segs[i] = wordSegment{}
	}
	l.segs = nil
	return nil
}

// spill moves the keys to disk, where the following ones go too.
func (l *keyLog) spill(ctx context.Context, d *disk) error {
	if l.parts != nil {
		return nil
	}
	p, err := newParts(d, l.budget, l.coder.words)
	if err != nil {
		return err
	}
	l.parts = p
	if l.coder.words {
		return l.drain(ctx, func(s *wordSegment) error {
			for i, w := range s.words {
				if err := p.addWord(hashWord(w)&l.coder.mask, w, s.id(i)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	n := 0
	err = l.arena.walk(func(_, id uint32, key []byte) error {
		if n++; n&0xfff == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		return p.addBytes(hashBytes(key)&l.coder.mask, key, id)
	})
	l.arena.drop()
	return err
}

// full says that the keys can no longer be kept in memory.
func (l *keyLog) full() bool { return l.arena != nil && l.arena.full() }

func (l *keyLog) close() error {
	if l.parts == nil {
		return nil
	}
	return l.parts.close()
}
