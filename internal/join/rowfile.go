package join

import (
	"context"
	"encoding/binary"
	"sort"
	"sync"

	"github.com/deltalog/deltalog/internal/vec"
)

// Rows in a file are found through the start of every group of rows; a group ends
// with the first row that makes it this long.
const groupBytes = 4 << 10

// A read takes groups that are at most readGap apart together, up to readMost.
const (
	readGap  = 16 << 10
	readMost = 256 << 10
)

// A rowFile holds rows in the order of their ids, from 0 on.
type rowFile struct {
	budget  *budget
	file    *spillFile
	format  *rowFormat
	encoder rowEncoder
	buf     []byte // rows that are not written yet
	most    int    // bytes of buf
	n       int64  // rows
	groups  []group
	counted int64 // bytes of groups taken from the budget
	readers sync.Pool
}

// A group is where some rows start. One more after the last says where it ends.
type group struct{ row, off int64 }

const groupSize = 16

func rowBuffer(b *budget) int { return b.share(64, 4<<10, 256<<10) }

func newRowFile(d *disk, b *budget, like []*vec.Vec) (*rowFile, error) {
	f, err := d.create()
	if err != nil {
		return nil, err
	}
	r := &rowFile{budget: b, file: f, format: newRowFormat(like), most: rowBuffer(b)}
	r.encoder.format = r.format
	r.buf = make([]byte, 0, r.most)
	b.take(int64(r.most))
	r.readers.New = func() any { return &rowReader{} }
	return r, nil
}

// add appends n rows.
func (r *rowFile) add(cols []*vec.Vec, n int) error {
	for from := 0; from < n; from += encodeRows {
		k := min(n-from, encodeRows)
		if err := r.encoder.measure(cols, from, k); err != nil {
			return err
		}
		if err := r.addMeasured(cols, from, k); err != nil {
			return err
		}
	}
	clear(r.encoder.vars) // no longer look at the caller's memory
	if c := int64(cap(r.groups)) * groupSize; c != r.counted {
		r.budget.take(c - r.counted)
		r.counted = c
	}
	return nil
}

// addMeasured encodes the rows at hand, as many at a time as the buffer takes.
func (r *rowFile) addMeasured(cols []*vec.Vec, from, n int) error {
	ends := r.encoder.ends
	start := int64(0)
	for skip := 0; skip < n; {
		room := int64(r.most - len(r.buf))
		k := sort.Search(n-skip, func(i int) bool { return ends[skip+i]-start > room })
		if k == 0 && len(r.buf) > 0 {
			if err := r.write(); err != nil {
				return err
			}
			continue
		}
		k = max(k, 1) // a row longer than the buffer goes alone
		at := len(r.buf)
		size := int(ends[skip+k-1] - start)
		if at+size <= r.most {
			r.buf = r.buf[:at+size]
			clear(r.buf[at:])
		} else {
			r.buf = make([]byte, size)
		}
		r.encoder.encode(r.buf[at:], cols, from, skip, k)
		for i := range k {
			off := r.file.size + int64(at) + r.encoder.startOf(skip+i) - start
			if g := len(r.groups); g == 0 || off-r.groups[g-1].off >= groupBytes {
				r.groups = append(r.groups, group{row: r.n, off: off})
			}
			r.n++
		}
		if len(r.buf) > r.most {
			if err := r.write(); err != nil {
				return err
			}
			r.buf = make([]byte, 0, r.most)
		}
		start = ends[skip+k-1]
		skip += k
	}
	return nil
}

func (e *rowEncoder) startOf(i int) int64 {
	if i == 0 {
		return 0
	}
	return e.ends[i-1]
}

func (r *rowFile) write() error {
	err := r.file.append(r.buf)
	r.buf = r.buf[:0]
	return err
}

// seal writes what is buffered and gives the buffer back. Rows can be read after
// it, and none be added.
func (r *rowFile) seal() error {
	if r.buf == nil {
		return nil
	}
	if len(r.buf) > 0 {
		if err := r.write(); err != nil {
			return err
		}
	}
	r.budget.give(int64(r.most))
	r.buf = nil
	return nil
}

func (r *rowFile) close() error {
	if r.buf != nil {
		r.budget.give(int64(r.most))
	}
	r.budget.give(r.counted)
	r.groups, r.counted, r.buf = nil, 0, nil
	return r.file.close()
}

// groupOf returns the group of a row, which is in group at or a later one.
func (r *rowFile) groupOf(id int64, at int) int {
	step := 1
	lo := at
	for lo+step < len(r.groups) && r.groups[lo+step].row <= id {
		lo += step
		step *= 2
	}
	hi := min(lo+step, len(r.groups)) // its row is greater than id
	return lo + sort.Search(hi-lo-1, func(i int) bool { return r.groups[lo+1+i].row > id })
}

// end returns where a group ends.
func (r *rowFile) end(g int) int64 {
	if g+1 < len(r.groups) {
		return r.groups[g+1].off
	}
	return r.file.size
}

// A rowReader is the memory that reading takes.
type rowReader struct {
	buf []byte
	at  []int
}

// gather returns the given columns of rows with ascending, different ids.
func (r *rowFile) gather(ctx context.Context, ids []int64, columns []int) ([]*vec.Vec, error) {
	builders := make([]*builder, len(columns))
	for i, c := range columns {
		builders[i] = newBuilder(r.format.cols[c].like, len(ids))
	}
	rd := r.readers.Get().(*rowReader)
	defer func() {
		if cap(rd.buf) <= readMost {
			r.readers.Put(rd)
		}
	}()
	g := 0
	for len(ids) > 0 {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		n, last, err := r.read(rd, ids, g)
		if err != nil {
			return nil, err
		}
		for i, c := range columns {
			ok, err := builders[i].addRows(r.format.cols[c], rd.buf, rd.at, r.format.head)
			if err != nil {
				return nil, err
			}
			if !ok {
				return nil, r.file.corrupt()
			}
		}
		ids, g = ids[n:], last
	}
	out := make([]*vec.Vec, len(columns))
	for i, b := range builders {
		out[i] = b.vec()
	}
	return out, nil
}

// read reads the first n of the rows, n ≥ 1, whose groups are g or later, and
// sets where each starts. It returns the group of the last one.
func (r *rowFile) read(rd *rowReader, ids []int64, g int) (n, last int, err error) {
	g = r.groupOf(ids[0], g)
	from, to := r.groups[g].off, r.end(g)
	last = g
	for n = 1; n < len(ids); n++ {
		if last+1 == len(r.groups) || ids[n] < r.groups[last+1].row {
			continue // in the same group
		}
		next := r.groupOf(ids[n], last)
		if r.groups[next].off-to > readGap || r.end(next)-from > readMost {
			break
		}
		last, to = next, r.end(next)
	}
	if int64(cap(rd.buf)) < to-from {
		rd.buf = make([]byte, max(to-from, min(readMost, r.file.size)))
	}
	rd.buf = rd.buf[:to-from]
	if err := r.file.read(rd.buf, from); err != nil {
		return 0, 0, err
	}
	rd.at = rd.at[:0]
	row, at := r.groups[g].row, 0
	for _, id := range ids[:n] {
		for g < last && r.groups[g+1].row <= id {
			g++
			row, at = r.groups[g].row, int(r.groups[g].off-from)
		}
		for {
			if len(rd.buf)-at < r.format.head {
				return 0, 0, r.file.corrupt()
			}
			size := int(binary.LittleEndian.Uint32(rd.buf[at:]))
			if size < r.format.head || size > len(rd.buf)-at {
				return 0, 0, r.file.corrupt()
			}
			if row == id {
				break
			}
			row++
			at += size
		}
		rd.at = append(rd.at, at)
	}
	return n, last, nil
}
