package join

import "encoding/binary"

// An arena holds keys of bytes, each with the id of the row it came from, in
// segments that never move. A key is named by a word of 32 bits: its segment and
// its place there, in units of eight bytes.
type arena struct {
	budget  *budget
	segment int
	segs    [][]byte
	bytes   int64 // taken from the budget
}

const (
	segmentBits = 17                      // of a reference, for the place in a segment
	segmentMost = 1 << (segmentBits + 3)  // bytes
	segmentsTop = 1 << (32 - segmentBits) // more segments than that have no reference
	entryHead   = 8                       // id and length before a key
)

func entrySize(key int) int { return (entryHead + key + 7) &^ 7 }

// room returns the bytes that have to be allocated for the next key.
func (a *arena) room(key int) int64 {
	size := entrySize(key)
	if n := len(a.segs); n > 0 && len(a.segs[n-1])+size <= cap(a.segs[n-1]) {
		return 0
	}
	return int64(max(size, a.segment))
}

// full says that no more keys can be named.
func (a *arena) full() bool { return len(a.segs) >= segmentsTop }

// add copies a key and returns its reference.
func (a *arena) add(id uint32, key []byte) uint32 {
	size := entrySize(len(key))
	if n := a.room(len(key)); n > 0 {
		a.segs = append(a.segs, make([]byte, 0, n))
		a.bytes += n
		a.budget.take(n)
	}
	last := len(a.segs) - 1
	seg := a.segs[last]
	at := len(seg)
	seg = seg[:at+size]
	binary.LittleEndian.PutUint32(seg[at:], id)
	binary.LittleEndian.PutUint32(seg[at+4:], uint32(len(key)))
	copy(seg[at+entryHead:], key)
	a.segs[last] = seg
	return uint32(last)<<segmentBits | uint32(at>>3)
}

// at returns a key and its row.
func (a *arena) at(ref uint32) (id uint32, key []byte) {
	p := a.segs[ref>>segmentBits][ref&(1<<segmentBits-1)<<3:]
	n := binary.LittleEndian.Uint32(p[4:])
	return binary.LittleEndian.Uint32(p), p[entryHead : entryHead+n : entryHead+n]
}

// walk calls f with all keys in order.
func (a *arena) walk(f func(ref, id uint32, key []byte) error) error {
	for s, seg := range a.segs {
		for at := 0; at < len(seg); {
			ref := uint32(s)<<segmentBits | uint32(at>>3)
			id, key := a.at(ref)
			if err := f(ref, id, key); err != nil {
				return err
			}
			at += entrySize(len(key))
		}
	}
	return nil
}

// drop forgets everything.
func (a *arena) drop() {
	a.budget.give(a.bytes)
	a.segs, a.bytes = nil, 0
}
