package join

import (
	"bytes"
	"errors"
	"math/bits"

	"github.com/deltalog/deltalog/internal/vec"
)

// Matches are pairs of a probed row and the id of a source row with the same
// key. The zero value is ready; one Matches serves one goroutine at a time.
type Matches struct {
	Row    []int32
	Source []int64

	batch keyBatch
	rows  []int32  // of the batch: those that may be in this pass
	group []uint64 // where each is looked for
	tags  []uint64 // what is there: tags of the whole group,
	slots []slot   // and a slot
}

// Reset forgets the pairs and keeps the memory.
func (m *Matches) Reset() { m.Row, m.Source = m.Row[:0], m.Source[:0] }

// Probe appends to m the pairs of the n probed rows and the source rows of this
// pass with the same key, in the order of the probed rows; several source rows
// for one probed row come in the order of their ids. Safe for concurrent use
// with different m.
func (s *Source) Probe(keys []*vec.Vec, n int, m *Matches) error {
	if err := s.want(built); err != nil {
		return err
	}
	if s.pass < 0 {
		return errors.New("join: no pass is started")
	}
	keys, err := conformAll(keys, s.coder.like, n, "key")
	if err != nil {
		return err
	}
	if m.rows == nil {
		m.rows, m.slots = make([]int32, keyRows), make([]slot, keyRows)
		m.group, m.tags = make([]uint64, keyRows), make([]uint64, keyRows)
	}
	b := &m.batch
	for from := 0; from < n; from += b.n {
		s.coder.encode(keys, from, n, b)
		found := s.look(b, m)
		if s.coder.words {
			s.matchWords(from, found, m)
		} else {
			s.matchBytes(from, found, m)
		}
	}
	return nil
}

// look finds the keys that may be in the table and reads one slot for each. It
// goes over the batch several times, and nothing that it reads for a key depends
// on what it read for the one before: so the processor fetches many at once.
func (s *Source) look(b *keyBatch, m *Matches) int {
	t := s.table
	n := 0
	if len(s.passes) == 1 && !b.anySkip {
		for i, h := range b.hashes {
			m.rows[i], m.group[i] = int32(i), t.place(h)
		}
		n = b.n
	} else {
		r := s.passes[s.pass].hashRange
		for i, h := range b.hashes {
			if r.has(h) && !b.skip[i] {
				m.rows[n], m.group[n] = int32(i), t.place(h)
				n++
			}
		}
	}
	for k, g := range m.group[:n] {
		m.tags[k] = t.tagsOf(g)
	}
	found := 0
	for k, i := range m.rows[:n] {
		tags, g := m.tags[k], m.group[k]
		f := fitting(tags, b.hashes[i])
		// Without a branch, which would often be guessed wrongly.
		m.rows[found], m.group[found], m.tags[found] = i, g, tags
		empty := ^tags & tagTops
		more := f | (empty|-empty)>>63 ^ 1 // a tag that fits, or a full group
		found += int((more | -more) >> 63)
	}
	for k, g := range m.group[:found] {
		f := fitting(m.tags[k], b.hashes[m.rows[k]])
		m.slots[k] = t.slots[g*8+uint64(bits.TrailingZeros64(f|1<<63)>>3)]
	}
	return found
}

// matchWords looks for the keys that look has found; their slots are near now. No
// empty slot is compared: look keeps a key if a tag fits, and reads the slot of
// that, or if the group is full.
func (s *Source) matchWords(from, found int, m *Matches) {
	t := s.table
	for k, i := range m.rows[:found] {
		w := m.batch.words[i]
		if m.slots[k].word == w {
			m.add(from+int(i), t, &m.slots[k])
			continue
		}
		hash := m.batch.hashes[i]
		if e := t.find(m.group[k], hash, w, nil); e != nil {
			m.add(from+int(i), t, e)
		}
	}
}

// matchBytes is matchWords for keys of bytes, whose hashes are in the slots. It
// goes to the arena for all keys with the right hash before it compares any.
func (s *Source) matchBytes(from, found int, m *Matches) {
	t := s.table
	for k, i := range m.rows[:found] {
		m.tags[k] = 0
		if m.slots[k].word == m.batch.words[i] {
			id, _ := t.arena.at(m.slots[k].row)
			m.tags[k] = uint64(id) + 1
		}
	}
	for k, i := range m.rows[:found] {
		key := m.batch.key(int(i))
		if m.tags[k] != 0 {
			if _, stored := t.arena.at(m.slots[k].row); bytes.Equal(stored, key) {
				m.add(from+int(i), t, &m.slots[k])
				continue
			}
		}
		if e := t.find(m.group[k], m.batch.hashes[i], m.batch.words[i], key); e != nil {
			m.add(from+int(i), t, e)
		}
	}
}

// find returns the slot of a key, or nil. Key is for tables of bytes.
func (t *table) find(group, hash, word uint64, key []byte) *slot {
	for ; ; group = t.next(group) {
		tags := t.tagsOf(group)
		for f := fitting(tags, hash); f != 0; f &= f - 1 {
			e := &t.slots[group*8+uint64(bits.TrailingZeros64(f)>>3)]
			if e.word != word {
				continue
			}
			if t.arena == nil {
				return e
			}
			if _, stored := t.arena.at(e.row); bytes.Equal(stored, key) {
				return e
			}
		}
		if ^tags&tagTops != 0 {
			return nil
		}
	}
}

// add appends the pairs of a probed row and a key's rows.
func (m *Matches) add(row int, t *table, e *slot) {
	from := len(m.Source)
	m.Source = t.appendRows(m.Source, e)
	for range len(m.Source) - from {
		m.Row = append(m.Row, int32(row))
	}
}
