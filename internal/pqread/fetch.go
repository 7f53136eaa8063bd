package pqread

import (
	"context"
	"sort"

	"golang.org/x/sync/errgroup"
)

const (
	maxRequest = 16 << 20 // bytes of one request; larger ranges are split
	maxGap     = 64 << 10 // unwanted bytes read to save a request
	maxInFly   = 8        // requests at once
)

// A segment is a piece of the file in memory.
type segment struct {
	off  int64
	data []byte
}

// A chunkSource gives a leaf reader the bytes of its chunk, from memory where
// they were fetched ahead, and else piece by piece.
type chunkSource struct {
	file    *File
	end     int64 // of the chunk
	grab    int64 // how much to read at a time
	ahead   []segment
	current segment
}

func (s *chunkSource) find(off int64) []byte {
	in := func(g *segment) bool { return off >= g.off && off < g.off+int64(len(g.data)) }
	if in(&s.current) {
		return s.current.data[off-s.current.off:]
	}
	i := sort.Search(len(s.ahead), func(i int) bool { return s.ahead[i].off > off }) - 1
	if i >= 0 && in(&s.ahead[i]) {
		s.current = s.ahead[i]
		return s.current.data[off-s.current.off:]
	}
	return nil
}

// bytes returns n bytes from off on, which must be inside the chunk. They stay
// as they are for as long as they are referred to.
func (s *chunkSource) bytes(ctx context.Context, off, n int64) ([]byte, error) {
	b := s.find(off)
	if int64(len(b)) >= n {
		return b[:n], nil
	}
	if len(b) == 0 {
		if err := s.load(ctx, off, n); err != nil {
			return nil, err
		}
		return s.current.data[:n], nil
	}
	out := make([]byte, n, n+padding)
	for at := copy(out, b); int64(at) < n; {
		b := s.find(off + int64(at))
		if len(b) == 0 {
			if err := s.load(ctx, off+int64(at), n-int64(at)); err != nil {
				return nil, err
			}
			b = s.current.data
		}
		at += copy(out[at:], b)
	}
	return out, nil
}

func (s *chunkSource) load(ctx context.Context, off, n int64) error {
	n = min(max(n, s.grab), s.end-off)
	b, err := s.file.readRange(ctx, off, n)
	if err != nil {
		return &inputError{off, n, err}
	}
	s.current = segment{off, b}
	return nil
}

// fetch reads ranges, given by leaf, with as few requests as is sensible.
func (f *File) fetch(ctx context.Context, wanted [][]span) ([][]segment, error) {
	requests := coalesce(wanted)
	got := make([]segment, len(requests))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(maxInFly)
	for i, r := range requests {
		if b := f.fromTail(r); b != nil {
			got[i] = segment{r.off, b}
			continue
		}
		g.Go(func() error {
			b, err := f.readRange(ctx, r.off, r.n)
			if err != nil {
				return &inputError{r.off, r.n, err}
			}
			got[i] = segment{r.off, b}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	out := make([][]segment, len(wanted))
	for i, spans := range wanted {
		for _, w := range spans {
			out[i] = append(out[i], cut(got, w)...)
		}
	}
	return out, nil
}

// fromTail returns the bytes of r if Open has read them already.
func (f *File) fromTail(r span) []byte {
	if r.off < f.tailOff {
		return nil
	}
	return f.tail[r.off-f.tailOff:][:r.n]
}

// coalesce returns the requests that cover the wanted ranges, in file order.
func coalesce(wanted [][]span) []span {
	var all []span
	for _, spans := range wanted {
		for _, w := range spans {
			for ; w.n > maxRequest; w.off, w.n = w.off+maxRequest, w.n-maxRequest {
				all = append(all, span{w.off, maxRequest})
			}
			if w.n > 0 {
				all = append(all, w)
			}
		}
	}
	sort.Slice(all, func(i, j int) bool { return all[i].off < all[j].off })
	var out []span
	for _, w := range all {
		if len(out) > 0 {
			last := &out[len(out)-1]
			end := max(last.off+last.n, w.off+w.n)
			if w.off <= last.off+last.n+maxGap && end-last.off <= maxRequest {
				last.n = end - last.off
				continue
			}
		}
		out = append(out, w)
	}
	return out
}

// cut returns the parts of the segments, which are in file order, that make up
// w. Segments may overlap.
func cut(got []segment, w span) (parts []segment) {
	i := sort.Search(len(got), func(i int) bool { return got[i].off+int64(len(got[i].data)) > w.off })
	for ; i < len(got) && got[i].off < w.off+w.n; i++ {
		g := got[i]
		from, to := max(g.off, w.off), min(g.off+int64(len(g.data)), w.off+w.n)
		if from < to {
			parts = append(parts, segment{from, g.data[from-g.off : to-g.off]})
		}
	}
	return parts
}

// offsetIndexes reads the offset indexes of a row group's leaves; an entry is
// nil where there is none.
func (p *Projection) offsetIndexes(ctx context.Context, group int) ([][]pageSpan, error) {
	g := &p.file.meta.groups[group]
	wanted := make([][]span, len(p.leaves))
	for i := range p.leaves {
		s := g.chunks[p.leaves[i].node.column].offsetIdx
		if s.n > 0 && p.file.inside(s) {
			wanted[i] = []span{s}
		}
	}
	got, err := p.file.fetch(ctx, wanted)
	if err != nil {
		return nil, err
	}
	out := make([][]pageSpan, len(p.leaves))
	for i := range p.leaves {
		if wanted[i] == nil {
			continue
		}
		leaf := p.leaves[i].node
		out[i], err = parseOffsetIndex(join(got[i]), &g.chunks[leaf.column], g.rows)
		if err != nil {
			return nil, &CorruptError{Column: leaf.path, RowGroup: group, Offset: wanted[i][0].off, Err: err}
		}
	}
	return out, nil
}

// inside reports whether a span that the footer states is in the file and not
// larger than an index may be.
func (f *File) inside(s span) bool {
	return s.off >= 0 && s.n > 0 && s.n <= f.opt.MaxFooter && s.off <= f.in.Size()-s.n
}

func join(parts []segment) []byte {
	if len(parts) == 1 {
		return parts[0].data
	}
	var b []byte
	for _, p := range parts {
		b = append(b, p.data...)
	}
	return b
}

func parseOffsetIndex(b []byte, k *chunkMeta, rows int64) ([]pageSpan, error) {
	c := &cursor{b: b}
	var pages []pageSpan
	for f := (fieldIter{}); f.next(c); {
		if !f.is(1, tList) {
			c.skip(f.typ)
			continue
		}
		n := c.list(tStruct)
		for i := 0; i < n && c.err == nil; i++ {
			pages = append(pages, parsePageLocation(c))
		}
	}
	if c.err != nil {
		return nil, corruptf("offset index: %w", c.err)
	}
	at, row := k.start(), int64(0)
	for i := range pages {
		p := &pages[i]
		if p.size <= 0 || p.off < at || p.off > k.start()+k.size || p.size > k.start()+k.size-p.off {
			return nil, corruptf("offset index: page %d of %d bytes at %d is not inside its chunk", i, p.size, p.off)
		}
		if p.first < row || p.first > rows || i == 0 && p.first != 0 {
			return nil, corruptf("offset index: page %d begins with row %d", i, p.first)
		}
		at, row = p.off+p.size, p.first
		p.end = rows
		if i > 0 {
			pages[i-1].end = p.first
		}
	}
	if len(pages) == 0 && rows > 0 {
		return nil, corruptf("offset index: no pages")
	}
	return pages, nil
}

func parsePageLocation(c *cursor) (p pageSpan) {
	for f := (fieldIter{}); f.next(c); {
		switch {
		case f.is(1, tI64):
			p.off = c.i64()
		case f.is(2, tI32):
			p.size = int64(c.i32())
		case f.is(3, tI64):
			p.first = c.i64()
		default:
			c.skip(f.typ)
		}
	}
	return p
}
