package join

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"unsafe"
)

// A slot of a table is one key.
type slot struct {
	word uint64 // the key, or the hash of its bytes
	row  uint32 // the first row with the key; in a table of bytes where the arena has both
	next uint32 // 1 + where the last row with the key is among more; 0: there is only one
}

// An entry is one more row with a key that has a slot already.
type entry struct{ id, next uint32 }

const (
	slotBytes  = 16 + 1 // with its tag
	entryBytes = 8
	pageBits   = 9 // of entries
	pageLen    = 1 << pageBits
	pageBytes  = pageLen*entryBytes + 24
)

// A table finds the rows of a key. Slots are in groups of eight, and each has a
// tag of one byte, which is 0 while it is empty and otherwise has seven bits of
// the hash. A search reads the tags of a whole group as one word and goes to the
// slots only where a tag fits, so that most keys that are not there cost one
// access to memory; it ends in the first group that is not full. Groups fill from
// the front, and of all slots four fifths are taken at most: 21 bytes for each
// distinct key. The other rows of a key take eight bytes each in a list, last row
// first.
type table struct {
	budget *budget
	arena  *arena // the keys; nil when they are words
	tags   []byte
	slots  []slot
	groups uint64
	hashes hashRange
	scale  scale // of hashes to groups
	keys   int64 // slots taken
	rows   int64
	more   [][]entry
	// counting tables are only there to count the keys: they grow, and they keep
	// one row of each key.
	counting bool
}

// slotsFor returns how many slots a table of so many keys has. There are always
// more than keys, which ends every search.
func slotsFor(keys int64) int64 { return (keys*10/64 + 1) * 8 }

// tableBytes returns the memory of a table of so many keys and rows, without the
// bytes of the keys.
func tableBytes(keys, rows int64) int64 {
	pages := (rows - keys + pageLen - 1) >> pageBits
	return slotsFor(keys)*slotBytes + pages*pageBytes
}

func newTable(b *budget, a *arena, keys int64, r hashRange) *table {
	t := &table{budget: b, arena: a, hashes: r}
	t.allocate(slotsFor(keys))
	return t
}

func (t *table) allocate(slots int64) {
	t.tags = make([]byte, slots)
	t.slots = make([]slot, slots)
	t.groups = uint64(slots) / 8
	t.scale = t.hashes.scale(t.groups)
	preferHugePages(t.tags)
	preferHugePages(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(t.slots))), len(t.slots)*int(unsafe.Sizeof(slot{}))))
	t.budget.take(slots * slotBytes)
}

// place returns the first group of a hash. Groups are in the order of the hashes,
// so that keys that come in about that order, parts of a source that were on disk,
// fill the table from front to back.
func (t *table) place(hash uint64) uint64 { return t.scale.of(hash) }

const (
	tagOnes = 0x0101010101010101 // a one in each of eight tags
	tagTops = 0x8080808080808080 // the bit that tags of taken slots have
)

// tagsOf returns the tags of a group.
func (t *table) tagsOf(group uint64) uint64 {
	return binary.LittleEndian.Uint64(t.tags[group*8:])
}

// fitting returns the tops of those of eight tags that a hash may have; at times
// of others too.
func fitting(tags, hash uint64) uint64 {
	x := tags ^ (hash|0x80)&0xff*tagOnes
	return (x - tagOnes) &^ x & tagTops
}

// next returns the group after the given one.
func (t *table) next(group uint64) uint64 {
	if group++; group == t.groups {
		return 0
	}
	return group
}

// put takes the first empty slot of a group whose tags are given, if there is one.
func (t *table) put(group, tags, hash uint64, e slot) bool {
	empty := ^tags & tagTops
	if empty == 0 {
		return false
	}
	i := group*8 + uint64(bits.TrailingZeros64(empty)>>3)
	t.tags[i] = byte(hash | 0x80)
	t.slots[i] = e
	t.keys++
	return true
}

// drop gives the memory back.
func (t *table) drop() {
	if t == nil {
		return
	}
	t.budget.give(int64(len(t.slots))*slotBytes + int64(len(t.more))*pageBytes)
	t.slots, t.tags, t.more = nil, nil, nil
	if t.arena != nil {
		t.arena.drop()
	}
}

// addWord adds a row with a key of one word.
func (t *table) addWord(word, hash uint64, id uint32) {
	t.rows++
	for g := t.place(hash); ; g = t.next(g) {
		tags := t.tagsOf(g)
		for f := fitting(tags, hash); f != 0; f &= f - 1 {
			if e := &t.slots[g*8+uint64(bits.TrailingZeros64(f)>>3)]; e.word == word {
				t.chain(e, id)
				return
			}
		}
		if t.put(g, tags, hash, slot{word: word, row: id}) {
			return
		}
	}
}

// addBytes adds a row with a key of bytes. The key is copied to the arena if it
// is the first row with it, unless ref says that it is there already.
func (t *table) addBytes(hash uint64, key []byte, id uint32, ref uint32, stored bool) {
	t.rows++
	for g := t.place(hash); ; g = t.next(g) {
		tags := t.tagsOf(g)
		for f := fitting(tags, hash); f != 0; f &= f - 1 {
			e := &t.slots[g*8+uint64(bits.TrailingZeros64(f)>>3)]
			if e.word != hash {
				continue
			}
			if _, k := t.arena.at(e.row); bytes.Equal(k, key) {
				t.chain(e, id)
				return
			}
		}
		if ^tags&tagTops == 0 {
			continue
		}
		if !stored {
			ref = t.arena.add(id, key)
		}
		t.put(g, tags, hash, slot{word: hash, row: ref})
		return
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
func (t *table) grow(hash func(e *slot) uint64) bool {
	if t.keys*10 < int64(len(t.slots))*8 {
		return true
	}
	n := slotsFor(2 * t.keys)
	if n*slotBytes > t.budget.free() {
		return false
	}
	tags, slots := t.tags, t.slots
	t.allocate(n)
	t.keys = 0
	for i := range slots {
		if tags[i] == 0 {
			continue
		}
		h := hash(&slots[i])
		for g := t.place(h); !t.put(g, t.tagsOf(g), h, slots[i]); g = t.next(g) {
		}
	}
	t.budget.give(int64(len(slots)) * slotBytes)
	return true
}

// first returns the first row of a key.
func (t *table) first(s *slot) int64 {
	if t.arena == nil {
		return int64(s.row)
	}
	id, _ := t.arena.at(s.row)
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
