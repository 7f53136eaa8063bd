package join

import (
	"bytes"
)

// A slot of a table is one key. Row is 0 in an empty one.
type slot struct {
	word uint64 // the key, or the hash of its bytes
	row  uint32 // 1 + the id of the first row with the key; in a table of bytes 1 + where the arena has both
	next uint32 // 1 + where the last row with the key is among more; 0: there is only one
}

// An entry is one more row with a key that has a slot already.
type entry struct{ id, next uint32 }

const (
	slotBytes  = 16
	entryBytes = 8
	pageBits   = 9 // of entries
	pageLen    = 1 << pageBits
	pageBytes  = pageLen*entryBytes + 24
)

// A table finds the rows of a key: open addressing with linear probing, at most
// seven tenths full, 16 bytes a slot and so 23 bytes for each distinct key. All
// other rows of a key take eight bytes each in a list, last row first.
type table struct {
	budget *budget
	arena  *arena // the keys; nil when they are words
	slots  []slot
	keys   int64 // slots taken
	rows   int64
	more   [][]entry
	// counting tables are only there to count the keys: they grow, and they keep
	// one row of each key.
	counting bool
}

// slotsFor returns how many slots a table of so many keys has. One is always
// free, which ends every search.
func slotsFor(keys int64) int64 { return keys*10/7 + 2 }

// tableBytes returns the memory of a table of so many keys and rows, without the
// bytes of the keys.
func tableBytes(keys, rows int64) int64 {
	pages := (rows - keys + pageLen - 1) >> pageBits
	return slotsFor(keys)*slotBytes + pages*pageBytes
}

func newTable(b *budget, a *arena, keys int64) *table {
	t := &table{budget: b, arena: a, slots: make([]slot, slotsFor(keys))}
	b.take(int64(len(t.slots)) * slotBytes)
	return t
}

// drop gives the memory back.
func (t *table) drop() {
	if t == nil {
		return
	}
	t.budget.give(int64(len(t.slots))*slotBytes + int64(len(t.more))*pageBytes)
	t.slots, t.more = nil, nil
	if t.arena != nil {
		t.arena.drop()
	}
}

// addWord adds a row with a key of one word.
func (t *table) addWord(word, hash uint64, id uint32) {
	t.rows++
	i := place(hash, uint64(len(t.slots)))
	for {
		s := &t.slots[i]
		switch {
		case s.row == 0:
			*s = slot{word: word, row: id + 1}
			t.keys++
			return
		case s.word == word:
			t.chain(s, id)
			return
		}
		if i++; i == uint64(len(t.slots)) {
			i = 0
		}
	}
}

// addBytes adds a row with a key of bytes. The key is copied to the arena if it
// is the first row with it, unless ref says that it is there already.
func (t *table) addBytes(hash uint64, key []byte, id uint32, ref uint32, stored bool) {
	t.rows++
	i := place(hash, uint64(len(t.slots)))
	for {
		s := &t.slots[i]
		if s.row == 0 {
			if !stored {
				ref = t.arena.add(id, key)
			}
			*s = slot{word: hash, row: ref + 1}
			t.keys++
			return
		}
		if s.word == hash {
			if _, k := t.arena.at(s.row - 1); bytes.Equal(k, key) {
				t.chain(s, id)
				return
			}
		}
		if i++; i == uint64(len(t.slots)) {
			i = 0
		}
	}
}

// chain adds a row to a key that has one.
func (t *table) chain(s *slot, id uint32) {
	if t.counting {
		s.next = 1
		return
	}
	last := len(t.more) - 1
	if last < 0 || len(t.more[last]) == pageLen {
		t.more = append(t.more, make([]entry, 0, pageLen))
		t.budget.take(pageBytes)
		last++
	}
	t.more[last] = append(t.more[last], entry{id: id, next: s.next})
	s.next = uint32(last)<<pageBits + uint32(len(t.more[last]))
}

// grow doubles a counting table that is full, if so much memory may be used.
func (t *table) grow(hash func(s *slot) uint64) bool {
	if t.keys*10 < int64(len(t.slots)-2)*7 {
		return true
	}
	old := t.slots
	n := slotsFor(2 * t.keys)
	if n*slotBytes > t.budget.free() {
		return false
	}
	t.slots = make([]slot, n)
	t.budget.take(n * slotBytes)
	for k := range old {
		if old[k].row == 0 {
			continue
		}
		i := place(hash(&old[k]), uint64(n))
		for t.slots[i].row != 0 {
			if i++; i == uint64(n) {
				i = 0
			}
		}
		t.slots[i] = old[k]
	}
	t.budget.give(int64(len(old)) * slotBytes)
	return true
}

// first returns the first row of a key.
func (t *table) first(s *slot) int64 {
	if t.arena == nil {
		return int64(s.row - 1)
	}
	id, _ := t.arena.at(s.row - 1)
	return int64(id)
}

// appendRows appends all rows of a key, ascending.
func (t *table) appendRows(dst []int64, s *slot) []int64 {
	dst = append(dst, t.first(s))
	if s.next == 0 {
		return dst
	}
	from := len(dst)
	for n := s.next; n != 0; {
		e := t.more[(n-1)>>pageBits][(n-1)&(pageLen-1)]
		dst = append(dst, int64(e.id))
		n = e.next
	}
	for i, j := from, len(dst)-1; i < j; i, j = i+1, j-1 {
		dst[i], dst[j] = dst[j], dst[i]
	}
	return dst
}
