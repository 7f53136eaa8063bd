package join

import (
	"bytes"
	"errors"

	"github.com/deltalog/deltalog/internal/vec"
)

// Matches are pairs of a probed row and the id of a source row with the same
// key. The zero value is ready; one Matches serves one goroutine at a time.
type Matches struct {
	Row    []int32
	Source []int64

	batch keyBatch
	rows  []int32  // of the batch: those that may be in this pass
	at    []uint64 // the slot of each
	slots []slot   // what is there
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
	if m.at == nil {
		m.rows, m.at, m.slots = make([]int32, keyRows), make([]uint64, keyRows), make([]slot, keyRows)
	}
	b := &m.batch
	for from := 0; from < n; from += b.n {
		s.coder.encode(keys, from, n, b)
		s.look(b, m)
		if s.coder.words {
			s.matchWords(from, m)
		} else {
			s.matchBytes(from, m)
		}
	}
	return nil
}

// look reads the first slot of each key. Nothing there depends on what was read
// for the key before, so that the processor fetches many slots at once; comparing
// keys at the same time would have it wait for each.
func (s *Source) look(b *keyBatch, m *Matches) {
	size := uint64(len(s.table.slots))
	rows, at := m.rows[:keyRows], m.at[:keyRows]
	n := 0
	if len(s.passes) == 1 && !b.anySkip {
		for i, h := range b.hashes {
			rows[i], at[i] = int32(i), place(h, size)
		}
		n = b.n
	} else {
		r := s.passes[s.pass].hashRange
		for i, h := range b.hashes {
			if r.has(h) && !b.skip[i] {
				rows[n], at[n] = int32(i), place(h, size)
				n++
			}
		}
	}
	m.rows, m.at, m.slots = rows[:n], at[:n], m.slots[:n]
	for i, p := range m.at {
		m.slots[i] = s.table.slots[p]
	}
}

// matchWords finds the keys from the slots that look has read on.
func (s *Source) matchWords(from int, m *Matches) {
	t := s.table
	for k, i := range m.rows {
		e := &m.slots[k]
		w := m.batch.words[i]
		for p := m.at[k]; e.row != 0; e = &t.slots[p] {
			if e.word == w {
				m.add(from+int(i), t, e)
				break
			}
			if p++; p == uint64(len(t.slots)) {
				p = 0
			}
		}
	}
}

// matchBytes is matchWords for keys of bytes, whose hashes are in the slots. It
// goes to the arena for all keys with the right hash before it compares any.
func (s *Source) matchBytes(from int, m *Matches) {
	t := s.table
	n := 0
	for k, i := range m.rows {
		if p, ok := t.find(m.slots[k], m.at[k], m.batch.words[i]); ok {
			m.rows[n], m.at[n], m.slots[n] = i, p, t.slots[p]
			n++
		}
	}
	for k := range n {
		// Only to have the key's memory fetched: next is not used for it below.
		id, _ := t.arena.at(m.slots[k].row - 1)
		m.slots[k].word = uint64(id)
	}
	for k, i := range m.rows[:n] {
		e, p := m.slots[k], m.at[k]
		key, hash := m.batch.key(int(i)), m.batch.words[i]
		for {
			if _, stored := t.arena.at(e.row - 1); bytes.Equal(stored, key) {
				m.add(from+int(i), t, &e)
				break
			}
			var ok bool
			if p++; p == uint64(len(t.slots)) {
				p = 0
			}
			if p, ok = t.find(t.slots[p], p, hash); !ok {
				break
			}
			e = t.slots[p]
		}
	}
}

// find returns the next slot with the word, from slot p, which holds e, on.
func (t *table) find(e slot, p, word uint64) (uint64, bool) {
	for e.row != 0 {
		if e.word == word {
			return p, true
		}
		if p++; p == uint64(len(t.slots)) {
			p = 0
		}
		e = t.slots[p]
	}
	return 0, false
}

// add appends the pairs of a probed row and a key's rows.
func (m *Matches) add(row int, t *table, e *slot) {
	from := len(m.Source)
	m.Source = t.appendRows(m.Source, e)
	for range len(m.Source) - from {
		m.Row = append(m.Row, int32(row))
	}
}
