package pqread

import (
	"context"
	"errors"
	"hash/crc32"
	"sort"

	"github.com/parquet-go/parquet-go/format"
)

// nextPage enters the next data page.
func (l *leafReader) nextPage(ctx context.Context) error {
	h, body, err := l.readPage(ctx)
	if err != nil {
		return err
	}
	return l.enter(h, body)
}

// readPage reads the next page's header and body and moves past it. The body
// is not decompressed, and its checksum is right.
func (l *leafReader) readPage(ctx context.Context) (h pageHeader, body []byte, err error) {
	if l.pages != nil && !l.opened {
		if err := l.openDict(ctx); err != nil {
			return h, nil, err
		}
	}
	l.opened = true
	return l.readPageAt(ctx)
}

// openDict reads the dictionary page, when pages are entered out of order.
func (l *leafReader) openDict(ctx context.Context) error {
	next := l.off
	l.opened = true
	if l.off = l.chunk.start(); len(l.pages) == 0 || l.off >= l.pages[0].off || l.plan.bare {
		l.off = next
		return nil
	}
	h, body, err := l.readPageAt(ctx)
	if err != nil {
		return err
	}
	if h.typ != format.DictionaryPage {
		return corruptf("a page of type %v comes before the first that the offset index lists", h.typ)
	}
	if next != l.chunk.start() {
		l.off = next
	}
	return l.enterDict(h, body)
}

func (l *leafReader) readPageAt(ctx context.Context) (h pageHeader, body []byte, err error) {
	l.at = l.off
	if l.off >= l.end {
		return h, nil, corruptf("the chunk has fewer values than its row group has rows: %w", errShort)
	}
	if h, err = l.readHeader(ctx); err != nil {
		return h, nil, err
	}
	l.off += int64(h.length)
	switch size, plain := int64(h.size), int64(h.plain); {
	case size > l.end-l.off:
		return h, nil, corruptf("a page of %d bytes reaches beyond its chunk", size)
	case size > l.limit || plain > l.limit:
		return h, nil, corruptf("a page of %d bytes, %d uncompressed, exceeds the limit of %d", size, plain, l.limit)
	case plain > freeExpansion && plain/maxExpansion > size:
		return h, nil, corruptf("a page of %d bytes claims %d uncompressed", size, plain)
	}
	if body, err = l.src.bytes(ctx, l.off, int64(h.size)); err != nil {
		return h, nil, err
	}
	l.off += int64(h.size)
	if h.hasCRC && crc32.ChecksumIEEE(body) != h.crc {
		return h, nil, corruptf("the page's checksum does not match its bytes")
	}
	return h, body, nil
}

// Pages up to freeExpansion may compress as well as they like (a constant
// column does); larger ones by maxExpansion at most.
const (
	freeExpansion = 16 << 20
	maxExpansion  = 1000
)

// maxHeader bounds a page header. Statistics in it can hold whole values.
const maxHeader = 16 << 20

func (l *leafReader) readHeader(ctx context.Context) (pageHeader, error) {
	for want := int64(1 << 10); ; want *= 8 {
		b, err := l.src.bytes(ctx, l.off, min(want, l.end-l.off))
		if err != nil {
			return pageHeader{}, err
		}
		h, err := parsePageHeader(b)
		if err == nil {
			return h, nil
		}
		if !errors.Is(err, errShort) || want >= l.end-l.off || want > maxHeader {
			return h, corruptf("page header: %w", err)
		}
	}
}

// enter makes a page the current one, or loads it when it is a dictionary.
func (l *leafReader) enter(h pageHeader, body []byte) error {
	switch h.typ {
	case format.DictionaryPage:
		return l.enterDict(h, body)
	case format.DataPage, format.DataPageV2:
	default:
		return nil // index pages and kinds of the future hold no values
	}
	if err := l.count(h); err != nil {
		return err
	}
	if h.values == 0 {
		return nil
	}
	l.pageLeft = int(h.values)
	if h.typ == format.DataPage {
		return l.enterV1(h, body)
	}
	return l.enterV2(h, body)
}

// count takes a page's entries off what the chunk has left.
func (l *leafReader) count(h pageHeader) error {
	if l.pages != nil {
		return l.checkSpan(h)
	}
	if l.left -= int64(h.values); l.left < 0 {
		return corruptf("the pages have more values than their chunk states")
	}
	return nil
}

// checkSpan holds a page to what the offset index says about it: rows would be
// taken for others if it were wrong.
func (l *leafReader) checkSpan(h pageHeader) error {
	i := sort.Search(len(l.pages), func(i int) bool { return l.pages[i].off >= l.at })
	if i == len(l.pages) || l.pages[i].off != l.at {
		return corruptf("the offset index does not list this page")
	}
	rows, want := int64(-1), l.pages[i].end-l.pages[i].first
	if l.plan.node.maxRep == 0 {
		rows = int64(h.values)
	} else if h.typ == format.DataPageV2 {
		rows = int64(h.rows)
	}
	if rows >= 0 && rows != want {
		return corruptf("a page of %d rows, of which the offset index states %d", rows, want)
	}
	return nil
}

func (l *leafReader) enterDict(h pageHeader, body []byte) error {
	if l.values.dict != nil {
		return corruptf("a second dictionary page")
	}
	if l.plan.bare {
		return nil
	}
	if h.encoding != format.Plain && h.encoding != plainDictionary {
		return corruptf("a dictionary page in encoding %v", h.encoding)
	}
	plain, err := l.plain(h, 0, body, true)
	if err != nil {
		return err
	}
	return l.values.loadDict(plain, int(h.values))
}

// plain returns a page's bytes, decompressed from byte skip on, with padding
// behind them.
func (l *leafReader) plain(h pageHeader, skip int, body []byte, compressed bool) ([]byte, error) {
	if l.chunk.codec == format.Uncompressed || !compressed {
		if h.size != h.plain {
			return nil, corruptf("an uncompressed page of %d bytes states %d", h.size, h.plain)
		}
		if cap(body)-len(body) >= padding {
			return body, nil
		}
		out, err := l.pageBuffer(len(body))
		copy(out, body)
		return out, err
	}
	out, err := l.pageBuffer(int(h.plain))
	if err != nil {
		return nil, err
	}
	copy(out[:skip], body)
	return out, decompress(l.chunk.codec, out[skip:], body[skip:])
}

func (l *leafReader) pageBuffer(n int) ([]byte, error) {
	if cap(l.scratch) < n+padding {
		if err := l.memory.take(int64(n - cap(l.scratch))); err != nil {
			return nil, corruptf("the pages of all columns need more memory at once than 8 times MaxPage")
		}
		l.scratch = make([]byte, n+padding)
	}
	return l.scratch[:n], nil
}

func (l *leafReader) enterV1(h pageHeader, body []byte) error {
	b, err := l.plain(h, 0, body, true)
	if err != nil {
		return err
	}
	n := l.plan.node
	var rep, def []byte
	if n.maxRep > 0 {
		if rep, b, err = l.levelsV1(h.repEncoding, b, n.maxRep); err != nil {
			return err
		}
	}
	if n.maxDef > 0 {
		if def, b, err = l.levelsV1(h.defEncoding, b, n.maxDef); err != nil {
			return err
		}
	}
	return l.enterPage(h, rep, def, b, h.repEncoding == format.BitPacked, h.defEncoding == format.BitPacked)
}

// levelsV1 cuts the levels off the front of a V1 page.
func (l *leafReader) levelsV1(enc format.Encoding, b []byte, maxLevel uint8) (levels, rest []byte, err error) {
	switch enc {
	case format.RLE:
		if len(b) < 4 {
			return nil, nil, errShort
		}
		n := uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24
		if n > uint64(len(b)-4) {
			return nil, nil, errShort
		}
		return b[4 : 4+n], b[4+n:], nil
	case format.BitPacked:
		n := (int64(l.pageLeft)*int64(levelWidth(maxLevel)) + 7) / 8
		if n > int64(len(b)) {
			return nil, nil, errShort
		}
		return b[:n], b[n:], nil
	}
	return nil, nil, corruptf("levels in encoding %v", enc)
}

func (l *leafReader) enterV2(h pageHeader, body []byte) error {
	rep, def := int(h.repBytes), int(h.defBytes)
	if rep > len(body) || def > len(body)-rep || rep+def > int(h.plain) {
		return corruptf("levels of %d and %d bytes in a page of %d", rep, def, len(body))
	}
	b, err := l.plain(h, rep+def, body, h.compressed)
	if err != nil {
		return err
	}
	return l.enterPage(h, b[:rep], b[rep:rep+def], b[rep+def:], false, false)
}

// enterPage prepares the levels and values of a page.
func (l *leafReader) enterPage(h pageHeader, rep, def, values []byte, repPacked, defPacked bool) (err error) {
	n := l.plan.node
	if n.maxRep > 0 {
		l.fresh, l.blockDef, l.blockRep = true, l.blockDef[:0], l.blockRep[:0]
		if l.rep, err = l.levelReader(rep, n.maxRep, repPacked); err != nil {
			return err
		}
	}
	if n.maxDef > 0 {
		if l.def, err = l.levelReader(def, n.maxDef, defPacked); err != nil {
			return err
		}
	}
	if l.plan.bare {
		return nil
	}
	return l.values.start(h.encoding, values)
}

func (l *leafReader) levelReader(src []byte, maxLevel uint8, packed bool) (hybrid, error) {
	width := levelWidth(maxLevel)
	if !packed {
		return newHybrid(src, width), nil
	}
	return fromBitPacked(src, width, l.pageLeft)
}
