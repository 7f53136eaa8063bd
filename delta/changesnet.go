package delta

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/deltalog/deltalog/internal/arrowvec"
	"github.com/deltalog/deltalog/internal/dv"
	"github.com/deltalog/deltalog/internal/vec"
)

// net leaves out rows of one version that it deletes and inserts alike.
//
// Rows are compared by a digest of all their columns. The digests of the rows that
// are inserted are counted; each row that is deleted takes one of an equal row away,
// and what was taken is then left out among the rows inserted. If the counts of all
// digests are too much for the memory, that is done for one range of digests after
// the other.
func (c *Changes) net(ctx context.Context, pieces []*piece) ([]*piece, error) {
	var all []*piece
	for _, p := range pieces {
		if p.kind == "" {
			return pieces, nil // recorded
		}
		parts, err := c.split(ctx, p)
		if err != nil {
			return nil, err
		}
		all = append(all, parts...)
	}
	n := netting{c: c}
	for _, p := range all {
		if p.kind == ChangeDelete {
			n.gone = append(n.gone, p)
		} else {
			n.come = append(n.come, p)
		}
	}
	if len(n.gone) == 0 || len(n.come) == 0 {
		return all, nil
	}
	rows := int64(0)
	for _, p := range n.come {
		r, err := c.rows(ctx, p)
		if err != nil {
			return nil, err
		}
		rows += r
	}
	ranges := rows*countBytes/max(c.opts.MaxMemory/4, 1<<16) + 1
	for i := range ranges {
		n.from, n.to = uint64(i)*(1<<32)/uint64(ranges), uint64(i+1)*(1<<32)/uint64(ranges)
		if err := n.cancel(ctx); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// rows returns how many rows a piece has at most.
func (c *Changes) rows(ctx context.Context, p *piece) (int64, error) {
	if p.only != nil {
		return p.only.Cardinality(), nil
	}
	n, err := c.whole.Rows(ctx, p.file)
	if err != nil {
		return 0, c.unreadable(p, bare(err))
	}
	return n, nil
}

// A rowDigest stands for a row's content: a part of its SHA-256, so that rows with
// one digest are the same also where somebody would like others to be taken for it.
type rowDigest [16]byte

// countBytes is about what a digest and its counts take in two maps.
const countBytes = 96

type netting struct {
	c          *Changes
	gone, come []*piece
	from, to   uint64 // the range of digests, by their first four bytes
}

// cancel leaves out the rows of one range of digests.
func (n *netting) cancel(ctx context.Context) error {
	inserted := map[rowDigest]uint32{}
	err := n.each(ctx, n.come, func(_ *piece, _ int64, d rowDigest) { inserted[d]++ })
	if err != nil {
		return err
	}
	both := map[rowDigest]uint32{}
	err = n.each(ctx, n.gone, func(p *piece, row int64, d rowDigest) {
		if inserted[d] > both[d] {
			both[d]++
			p.leaveOut(row)
		}
	})
	if err != nil {
		return err
	}
	return n.each(ctx, n.come, func(p *piece, row int64, d rowDigest) {
		if both[d] > 0 {
			both[d]--
			p.leaveOut(row)
		}
	})
}

func (p *piece) leaveOut(row int64) {
	if p.except == nil {
		p.except = dv.Of()
	}
	p.except.Add(row)
}

// each calls f for the rows whose digests are in the range. Rows that f leaves out
// are those of ranges that came before, or of the same reading.
func (n *netting) each(ctx context.Context, pieces []*piece, f func(p *piece, row int64, d rowDigest)) error {
	var buf []byte
	for _, p := range pieces {
		whole := *p
		whole.except = nil // it grows meanwhile
		for b, err := range n.c.read(ctx, n.c.whole, &whole) {
			if err != nil {
				return err
			}
			cols := make([]*vec.Vec, len(n.c.table.Fields))
			for i := range cols {
				if cols[i], err = arrowvec.FromArray(b.Column(i)); err != nil {
					return n.c.unreadable(p, fmt.Errorf("column %s: %w", n.c.table.Fields[i].Name, err))
				}
			}
			for i, row := range b.Positions {
				buf = buf[:0]
				for _, v := range cols {
					buf = appendContent(buf, v, i)
				}
				sum := sha256.Sum256(buf)
				d := rowDigest(sum[:])
				if at := uint64(binary.BigEndian.Uint32(d[:])); at >= n.from && at < n.to {
					f(p, row, d)
				}
			}
		}
	}
	return ctx.Err()
}

// appendContent appends value i, so that no two values that differ give the same
// bytes for one type.
func appendContent(dst []byte, v *vec.Vec, i int) []byte {
	if v.IsNull(i) {
		return append(dst, 0)
	}
	dst = append(dst, 1)
	at := v.Off + i
	switch v.Kind {
	case vec.Bool:
		if v.Bool(i) {
			return append(dst, 1)
		}
		return append(dst, 0)
	case vec.Bytes:
		b := v.At(i)
		return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
	case vec.Struct:
		for _, child := range v.Children {
			dst = appendContent(dst, child, at)
		}
		return dst
	case vec.List, vec.Map:
		from, to := int(v.Offsets[at]), int(v.Offsets[at+1])
		dst = binary.AppendUvarint(dst, uint64(to-from))
		for e := from; e < to; e++ {
			for _, child := range v.Children {
				dst = appendContent(dst, child, e)
			}
		}
		return dst
	}
	w := v.Kind.Width()
	return append(dst, v.Data[at*w:(at+1)*w]...)
}
