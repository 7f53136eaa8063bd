package join

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math"
	"slices"
	"sync"
)

// Pairs collects, for each file of the target, which of its rows matched which
// source rows, and forgets nothing: what does not fit in memory goes to disk. It
// is safe for concurrent use.
type Pairs struct {
	mu      sync.Mutex
	budget  budget
	disk    disk
	file    *spillFile
	files   map[int]*filePairs
	matched []uint64 // bitmap of source ids
	closed  bool
}

// A filePairs is the pairs of one file: runs on disk and a list in memory. A pair
// is one word, the row in its upper half, so that sorting words sorts pairs.
type filePairs struct {
	runs  []extent // each sorted
	words []uint64
	count int64
}

const (
	pairBytes     = 8
	filePairBytes = 96 // of an entry of files
)

// NewPairs returns an empty collection.
func NewPairs(o *Options) *Pairs {
	return &Pairs{budget: newBudget(o), disk: newDisk(o), files: map[int]*filePairs{}}
}

// Add appends pairs of a row position in the file and a source id. Files are
// numbered by the caller, from 0 on; they can come in any order, several times.
// Positions and ids are less than 1<<32.
func (p *Pairs) Add(file int, rows, src []int64) error {
	if len(rows) != len(src) {
		return fmt.Errorf("join: %d rows paired with %d", len(rows), len(src))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return errPairsClosed
	}
	for i := range rows {
		if uint64(rows[i]) > math.MaxUint32 || uint64(src[i]) > math.MaxUint32 {
			return fmt.Errorf("join: row %d paired with source row %d, both may be %d at most", rows[i], src[i], uint32(math.MaxUint32))
		}
	}
	// A piece at a time, so that no list grows past the budget.
	for len(rows) > 0 {
		n := min(len(rows), 4096)
		if err := p.add(file, rows[:n], src[:n]); err != nil {
			return err
		}
		rows, src = rows[n:], src[n:]
	}
	return nil
}

var errPairsClosed = errors.New("join: the pairs are closed")

func (p *Pairs) add(file int, rows, src []int64) error {
	f := p.files[file]
	if f == nil {
		f = &filePairs{}
		p.files[file] = f
		p.budget.take(filePairBytes)
	}
	for _, id := range src {
		p.mark(id)
	}
	if n := len(f.words) + len(rows); n > cap(f.words) {
		grown := int64(max(n, 2*cap(f.words))) * pairBytes
		if grown > p.budget.free() {
			if err := p.spill(); err != nil {
				return err
			}
			grown = int64(len(rows)) * pairBytes
		}
		words := make([]uint64, len(f.words), grown/pairBytes)
		copy(words, f.words)
		p.budget.take(grown)
		p.budget.give(int64(cap(f.words)) * pairBytes)
		f.words = words
	}
	for i, r := range rows {
		f.words = append(f.words, uint64(r)<<32|uint64(src[i]))
	}
	f.count += int64(len(rows))
	return nil
}

// mark adds a source row to those that matched.
func (p *Pairs) mark(id int64) {
	w := int(id >> 6)
	if w >= len(p.matched) {
		old := cap(p.matched)
		p.matched = append(p.matched, make([]uint64, w+1-len(p.matched))...)
		p.budget.take(int64(cap(p.matched)-old) * 8)
	}
	p.matched[w] |= 1 << (id & 63)
}

// spill moves all lists to disk.
func (p *Pairs) spill() error {
	if p.file == nil {
		f, err := p.disk.create()
		if err != nil {
			return err
		}
		p.file = f
	}
	buf := make([]byte, 0, p.budget.share(64, 4<<10, 256<<10))
	off := p.file.size
	flush := func() error {
		err := p.file.append(buf)
		off, buf = p.file.size, buf[:0]
		return err
	}
	for _, n := range slices.Sorted(maps.Keys(p.files)) {
		f := p.files[n]
		if len(f.words) == 0 {
			continue
		}
		if !slices.IsSorted(f.words) {
			slices.Sort(f.words)
		}
		run := extent{off: off + int64(len(buf)), n: int64(len(f.words)) * pairBytes}
		for _, w := range f.words {
			if len(buf)+pairBytes > cap(buf) {
				if err := flush(); err != nil {
					return err
				}
			}
			buf = binary.LittleEndian.AppendUint64(buf, w)
		}
		f.runs = append(f.runs, run)
		p.budget.take(extentBytes)
		p.budget.give(int64(cap(f.words)) * pairBytes)
		f.words = nil
	}
	return flush()
}

// File returns the file's pairs, sorted by row and then by source id. A row with
// more than one source row has several entries, side by side. All of them are in
// memory at once, 32 bytes a pair while they are sorted and 16 afterwards.
func (p *Pairs) File(file int) (rows, src []int64, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, nil, errPairsClosed
	}
	f := p.files[file]
	if f == nil || f.count == 0 {
		return nil, nil, nil
	}
	words := make([]uint64, 0, f.count)
	var ends []int // of sorted runs
	buf := make([]byte, 64<<10)
	for _, run := range f.runs {
		for at := int64(0); at < run.n; {
			b := buf[:min(int64(len(buf)), run.n-at)]
			if err := p.file.read(b, run.off+at); err != nil {
				return nil, nil, err
			}
			for i := 0; i < len(b); i += pairBytes {
				words = append(words, binary.LittleEndian.Uint64(b[i:]))
			}
			at += int64(len(b))
		}
		ends = append(ends, len(words))
	}
	if len(f.words) > 0 {
		words = append(words, f.words...)
		if tail := words[len(words)-len(f.words):]; !slices.IsSorted(tail) {
			slices.Sort(tail)
		}
		ends = append(ends, len(words))
	}
	words = mergeRuns(words, ends)
	rows, src = make([]int64, len(words)), make([]int64, len(words))
	for i, w := range words {
		rows[i], src[i] = int64(w>>32), int64(uint32(w))
	}
	return rows, src, nil
}

// mergeRuns sorts words, of which runs with the given ends are sorted.
func mergeRuns(words []uint64, ends []int) []uint64 {
	if len(ends) < 2 || slices.IsSorted(words) {
		return words
	}
	other := make([]uint64, len(words))
	for len(ends) > 1 {
		var merged []int
		from := 0
		for i := 0; i < len(ends); i += 2 {
			mid, end := ends[i], ends[min(i+1, len(ends)-1)]
			mergeTwo(other[from:end], words[from:mid], words[mid:end])
			merged = append(merged, end)
			from = end
		}
		words, other, ends = other, words, merged
	}
	return words
}

func mergeTwo(dst, a, b []uint64) {
	for len(a) > 0 && len(b) > 0 {
		if a[0] <= b[0] {
			dst[0], a = a[0], a[1:]
		} else {
			dst[0], b = b[0], b[1:]
		}
		dst = dst[1:]
	}
	copy(dst[copy(dst, a):], b)
}

// Files yields the files that have pairs, ascending.
func (p *Pairs) Files() iter.Seq[int] {
	p.mu.Lock()
	defer p.mu.Unlock()
	var files []int
	for n, f := range p.files {
		if f.count > 0 {
			files = append(files, n)
		}
	}
	slices.Sort(files)
	return slices.Values(files)
}

// Count returns how many pairs the file has.
func (p *Pairs) Count(file int) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if f := p.files[file]; f != nil {
		return f.count
	}
	return 0
}

// Matched reports whether the source row with this id is in any pair.
func (p *Pairs) Matched(id int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	w := id >> 6
	return w >= 0 && w < int64(len(p.matched)) && p.matched[w]&(1<<(id&63)) != 0
}

// Spilled returns the bytes written to spill files.
func (p *Pairs) Spilled() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.disk.written
}

// Close removes the spill files. The pairs cannot be used after it. Closing again
// does nothing.
func (p *Pairs) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil
	}
	p.closed = true
	p.files = nil
	return p.file.close()
}
