package join

import (
	"context"
	"iter"

	"github.com/deltalog/deltalog/internal/vec"
)

// A Batch is rows First … First+N-1 of a source.
type Batch struct {
	First int64
	Cols  []*vec.Vec
	N     int
}

const (
	scanRows  = 8192
	scanBytes = 16 << 20 // of a batch that is read from disk
)

// Scan yields all rows in the order of their ids, in batches of at most batch
// rows (0 means 8192), with the wanted columns; batches of wide rows are shorter.
// The vectors may be the source's own: they are not to be written to, and are
// good until [Source.Close]. Scan stops after an error. Safe for concurrent use
// after [Source.Build].
func (s *Source) Scan(ctx context.Context, columns []int, batch int) iter.Seq2[Batch, error] {
	return func(yield func(Batch, error) bool) {
		if batch <= 0 {
			batch = scanRows
		}
		err := s.check(columns)
		for id := int64(0); id < s.n && err == nil; {
			if err = ctx.Err(); err != nil {
				break
			}
			var b Batch
			if b, err = s.scanAt(ctx, id, columns, batch); err != nil {
				break
			}
			if !yield(b, nil) {
				return
			}
			id += int64(b.N)
		}
		if err != nil {
			yield(Batch{}, err)
		}
	}
}

// scanAt returns some rows from id on.
func (s *Source) scanAt(ctx context.Context, id int64, columns []int, batch int) (Batch, error) {
	if !s.rows.onDisk(id) {
		part, row := s.rows.locate(id)
		c := &s.rows.chunks[part]
		n := min(batch, c.n-int(row))
		b := Batch{First: id, N: n, Cols: make([]*vec.Vec, len(columns))}
		for i, col := range columns {
			b.Cols[i] = c.cols[col]
			if n < c.n {
				b.Cols[i] = b.Cols[i].Slice(int(row), int(row)+n)
			}
		}
		return b, nil
	}
	f := s.rows.file
	n := min(int64(batch), s.rows.base-id, max(1, scanBytes/max(1, f.file.size/f.n)))
	g := f.groupOf(id, 0)
	for n > 1 && f.end(f.groupOf(id+n-1, g))-f.groups[g].off > 2*scanBytes {
		n /= 2 // here rows are much wider than on average
	}
	ids := make([]int64, n)
	for i := range ids {
		ids[i] = id + int64(i)
	}
	cols, err := f.gather(ctx, ids, columns)
	if err != nil {
		return Batch{}, err
	}
	return Batch{First: id, Cols: cols, N: int(n)}, nil
}
