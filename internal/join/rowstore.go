package join

import (
	"context"

	"github.com/deltalog/deltalog/internal/vec"
)

// Rows in memory are in chunks of 1<<chunkBits, or fewer when rows are wide.
const chunkBits = 13

// A rowStore keeps the columns of the rows: the first ones on disk, the others in
// memory, as columns.
type rowStore struct {
	budget *budget
	disk   *disk
	like   []*vec.Vec
	file   *rowFile // rows 0 … base-1; nil if there are none
	base   int64
	shift  int     // a chunk has 1<<shift rows; -1 before the first row
	chunks []chunk // all but the last one are full, after finish
	tail   []chunk // rows that are no chunk yet
	tailN  int     // how many
	bytes  int64   // of all rows ever added, as they are in memory
	n      int64
	guess  int64 // of the bytes of a row, before the first one
}

type chunk struct {
	cols  []*vec.Vec
	n     int
	bytes int64
}

func newRowStore(b *budget, d *disk, like []*vec.Vec) *rowStore {
	return &rowStore{budget: b, disk: d, like: like, shift: -1}
}

// width returns the bytes of a row in memory, on average, at least 1.
func (r *rowStore) width() int64 {
	if r.n == 0 {
		return max(1, r.guess)
	}
	return max(1, r.bytes/r.n)
}

// add copies the rows of a batch.
func (r *rowStore) add(ctx context.Context, cols []*vec.Vec, n int) error {
	for at := 0; at < n; {
		if err := ctx.Err(); err != nil {
			return err
		}
		if r.shift < 0 {
			r.chooseChunk(cols, n)
		}
		k := min(n-at, 1<<r.shift-r.tailN)
		part := windows(cols, at, at+k)
		if err := r.makeRoom(ctx, copySize(part)); err != nil {
			return err
		}
		// Making room may have moved the tail, so that there is more to a chunk now;
		// then it takes one more turn.
		c := copyChunk(part, k)
		r.budget.take(c.bytes)
		r.tail = append(r.tail, c)
		r.tailN += k
		r.bytes += c.bytes
		r.n += int64(k)
		at += k
		if r.tailN == 1<<r.shift {
			if err := r.closeTail(ctx, false); err != nil {
				return err
			}
		}
	}
	return nil
}

// chooseChunk sets how many rows a chunk has, by the first rows: a chunk is not
// more than a sixteenth of the memory.
func (r *rowStore) chooseChunk(cols []*vec.Vec, n int) {
	k := min(n, 64)
	r.guess = copyChunk(windows(cols, 0, k), k).bytes / int64(k)
	for r.shift = chunkBits; r.shift > 4 && r.guess<<r.shift > r.budget.max/16; r.shift-- {
	}
}

func copyChunk(cols []*vec.Vec, n int) chunk {
	c := chunk{n: n}
	for _, v := range cols {
		w := vec.Copy(v)
		c.cols = append(c.cols, w)
		c.bytes += vec.MemorySize(w) + 8
	}
	return c
}

// closeTail makes the last rows a chunk, which is full unless it is the last one.
func (r *rowStore) closeTail(ctx context.Context, last bool) error {
	if len(r.tail) > 1 {
		// Both the pieces and the chunk are in memory for a moment.
		size := int64(0)
		for i := range r.tail {
			size += r.tail[i].bytes
		}
		if err := r.makeRoom(ctx, size); err != nil {
			return err
		}
	}
	if r.tailN == 0 || !last && r.tailN < 1<<r.shift {
		return nil // rows of the tail have been moved to disk
	}
	c := r.tail[0]
	if len(r.tail) > 1 {
		c = chunk{n: r.tailN, cols: make([]*vec.Vec, len(r.like))}
		parts := make([]*vec.Vec, len(r.tail))
		for k := range r.like {
			for i := range r.tail {
				parts[i] = r.tail[i].cols[k]
			}
			v, err := vec.Concat(parts)
			if err != nil {
				return err
			}
			c.cols[k] = v
			c.bytes += vec.MemorySize(v) + 8
		}
		r.budget.take(c.bytes)
		for i := range r.tail {
			r.budget.give(r.tail[i].bytes)
		}
	}
	r.chunks = append(r.chunks, c)
	r.tail, r.tailN = nil, 0
	return nil
}

// makeRoom moves the first rows to disk until need bytes are free, or none are
// left in memory. Once it has to move any it moves an eighth of the memory.
func (r *rowStore) makeRoom(ctx context.Context, need int64) error {
	if r.file == nil {
		need += int64(rowBuffer(r.budget))
	}
	if r.budget.free() >= need {
		return nil
	}
	need += r.budget.max / 8
	for r.budget.free() < need && len(r.chunks)+len(r.tail) > 0 {
		if err := r.spillFirst(ctx); err != nil {
			return err
		}
	}
	return nil
}

// spillAll moves all rows to disk and gives the write buffer back.
func (r *rowStore) spillAll(ctx context.Context) error {
	for len(r.chunks)+len(r.tail) > 0 {
		if err := r.spillFirst(ctx); err != nil {
			return err
		}
	}
	return r.finish(ctx)
}

// finish makes all rows readable. None can be added or moved after it.
func (r *rowStore) finish(ctx context.Context) error {
	if err := r.closeTail(ctx, true); err != nil {
		return err
	}
	if r.file == nil {
		return nil
	}
	return r.file.seal()
}

func (r *rowStore) spillFirst(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if r.file == nil {
		f, err := newRowFile(r.disk, r.budget, r.like)
		if err != nil {
			return err
		}
		r.file = f
	}
	from := &r.chunks
	if len(r.chunks) == 0 {
		from = &r.tail
	}
	c := (*from)[0]
	if err := r.file.add(c.cols, c.n); err != nil {
		return err
	}
	if from == &r.tail {
		r.tailN -= c.n
	}
	(*from)[0] = chunk{}
	*from = (*from)[1:]
	r.budget.give(c.bytes)
	r.base += int64(c.n)
	return nil
}

// onDisk says that row id is to be read from the file.
func (r *rowStore) onDisk(id int64) bool { return id < r.base }

// locate returns where a row in memory is.
func (r *rowStore) locate(id int64) (chunk, row int32) {
	at := id - r.base
	return int32(at >> r.shift), int32(at & (1<<r.shift - 1))
}

func (r *rowStore) close() error {
	r.chunks, r.tail = nil, nil
	if r.file == nil {
		return nil
	}
	return r.file.close()
}
