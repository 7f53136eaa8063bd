package pqread

import (
	"context"
	"errors"
	"hash/crc32"
	"sort"

	"github.com/parquet-go/parquet-go/format"
)

// A leafPlan is what a projection wants from one leaf of the file.
type leafPlan struct {
	node *node
	typ  leafType
	// levels says that definition and repetition levels are wanted, for the
	// structure of the groups around the leaf.
	levels bool
	// bare says that nothing but the levels is wanted.
	bare bool
	// slotDef is the definition level from which an entry is a slot of the
	// innermost list around the leaf; below it, that list is empty or null.
	slotDef uint8
}

// levelBlock is how many levels of a repeated column are decoded at a time.
const levelBlock = 8192

// A leafReader reads the pages of one column chunk.
type leafReader struct {
	plan  *leafPlan
	chunk *chunkMeta
	limit int64 // of a page's size
	src   chunkSource
	pages []pageSpan // from the offset index; nil when not known

	off    int64 // of the next page
	end    int64 // of the chunk
	left   int64 // entries in pages not yet entered; not kept with pages
	row    int64 // of the next row to read
	opened bool  // the dictionary, if any, is loaded

	at       int64 // of the current page, for errors
	pageLeft int   // entries left in the current page
	values   valueReader
	def, rep hybrid
	blockDef []uint8 // of a repeated column: levels decoded but not consumed
	blockRep []uint8
	slotDef  []uint8
	begun    bool // levels of the chunk were decoded
	fresh    bool // none of the page were
	scratch  []byte
	memory   *budget // for scratch
}

// A pageSpan is a data page's place, from the offset index.
type pageSpan struct {
	off, size int64
	first     int64 // row
	end       int64 // row
}

func (l *leafReader) init(plan *leafPlan, chunk *chunkMeta, limit int64, src chunkSource, pages []pageSpan, memory *budget) {
	*l = leafReader{
		plan: plan, chunk: chunk, limit: limit, src: src, pages: pages, memory: memory,
		scratch: l.scratch, blockDef: l.blockDef[:0], blockRep: l.blockRep[:0], slotDef: l.slotDef,
	}
	l.off, l.end, l.left = chunk.start(), chunk.start()+chunk.size, chunk.values
	l.at = l.off
	l.values.leaf, l.values.typ = plan.node, plan.typ
}

// readRows appends n rows to c and, if the plan wants them, to lv.
func (l *leafReader) readRows(ctx context.Context, n int, c *column, lv *levels) error {
	if l.plan.node.maxRep > 0 {
		return l.readNested(ctx, n, c, lv)
	}
	l.row += int64(n)
	for n > 0 {
		if l.pageLeft == 0 {
			if err := l.nextPage(ctx); err != nil {
				return err
			}
			continue
		}
		k := min(n, l.pageLeft)
		if err := l.readFlat(k, c, lv); err != nil {
			return err
		}
		n, l.pageLeft = n-k, l.pageLeft-k
	}
	return nil
}

// readFlat reads k entries of a column that is not repeated: one per row.
func (l *leafReader) readFlat(k int, c *column, lv *levels) error {
	if err := c.reserve(k); err != nil {
		return err
	}
	maxDef := l.plan.node.maxDef
	switch {
	case maxDef == 0:
		return l.appendValues(c, k, k)
	case maxDef > 1 || l.plan.levels:
		base := len(lv.def)
		lv.def = extend(lv.def, k)
		if err := l.def.bytes(lv.def[base:]); err != nil {
			return err
		}
		return l.appendDefined(c, lv.def[base:])
	}
	v, constant, err := l.def.constant(k)
	if err != nil {
		return err
	}
	if constant {
		if v > 0 && c.valid != nil {
			setBits(c.valid, c.n, k, true)
		}
		if v == 0 {
			c.bitmap()
		}
		if err := l.def.drop(k); err != nil {
			return err
		}
		return l.appendValues(c, k, k*int(v))
	}
	valid := c.bitmap()
	if err := l.def.bits(valid, c.n, k); err != nil {
		return err
	}
	return l.appendValues(c, k, countBits(valid, c.n, k))
}

// appendDefined appends a slot for every level of def.
func (l *leafReader) appendDefined(c *column, def []uint8) error {
	maxDef := l.plan.node.maxDef
	dense, over := countLevels(def, maxDef)
	if over {
		return corruptf("a definition level exceeds %d", maxDef)
	}
	if l.plan.bare {
		c.n += len(def)
		return nil
	}
	if dense < len(def) {
		markLevels(c.bitmap(), c.n, def, maxDef)
	} else if c.valid != nil {
		setBits(c.valid, c.n, len(def), true)
	}
	return l.appendValues(c, len(def), dense)
}

func (l *leafReader) appendValues(c *column, k, dense int) error {
	if l.plan.bare {
		c.n += k
		return nil
	}
	return l.values.append(c, k, dense)
}

// readNested reads n rows of a repeated column: the entries up to the next
// repetition level 0 after them.
func (l *leafReader) readNested(ctx context.Context, n int, c *column, lv *levels) error {
	return l.eachRecord(ctx, n, func(def, rep []uint8) error {
		if l.plan.levels {
			if err := lv.append(def, rep); err != nil {
				return err
			}
		}
		slots, _ := countSlots(def, l.plan.slotDef, l.plan.node.maxDef)
		if err := c.reserve(slots); err != nil {
			return err
		}
		if slots == len(def) {
			return l.appendDefined(c, def)
		}
		return l.appendDefined(c, l.onlySlots(def))
	})
}

// onlySlots returns the levels of entries that are slots.
func (l *leafReader) onlySlots(def []uint8) []uint8 {
	l.slotDef = extend(l.slotDef[:0], len(def))
	slots, n := l.slotDef, 0
	for _, d := range def {
		slots[n] = d
		if d >= l.plan.slotDef {
			n++
		}
	}
	return slots[:n]
}

// eachRecord hands the entries of the next n rows to f, page by page.
func (l *leafReader) eachRecord(ctx context.Context, n int, f func(def, rep []uint8) error) error {
	l.row += int64(n)
	for {
		if l.pageLeft == 0 {
			// A row may go on in the next page, unless the offset index is
			// there: then pages begin with a row.
			if n == 0 && (l.pages != nil || l.left == 0) {
				return nil
			}
			if err := l.nextPage(ctx); err != nil {
				return err
			}
			continue
		}
		if len(l.blockRep) == 0 {
			if err := l.nextBlock(); err != nil {
				return err
			}
		}
		q := 0
		for q < len(l.blockRep) {
			if l.blockRep[q] == 0 {
				if n == 0 {
					break
				}
				n--
			}
			q++
		}
		if q == 0 {
			return nil
		}
		if err := f(l.blockDef[:q], l.blockRep[:q]); err != nil {
			return err
		}
		l.blockDef, l.blockRep = l.blockDef[q:], l.blockRep[q:]
		l.pageLeft -= q
	}
}

// nextBlock decodes the next levels of the page.
func (l *leafReader) nextBlock() error {
	n := l.plan.node
	k := min(l.pageLeft, levelBlock)
	l.blockDef, l.blockRep = extend(l.blockDef[:0], k), extend(l.blockRep[:0], k)
	if err := l.rep.bytes(l.blockRep); err != nil {
		return corruptf("repetition levels: %w", err)
	}
	if err := l.def.bytes(l.blockDef); err != nil {
		return corruptf("definition levels: %w", err)
	}
	_, over := countLevels(l.blockRep, n.maxRep)
	if over {
		return corruptf("a repetition level exceeds %d", n.maxRep)
	}
	if _, over := countLevels(l.blockDef, n.maxDef); over {
		return corruptf("a definition level exceeds %d", n.maxDef)
	}
	if first := !l.begun || l.pages != nil && l.fresh; first && l.blockRep[0] != 0 {
		return corruptf("a page begins inside a row")
	}
	l.begun, l.fresh = true, false
	return nil
}

// seek moves to a row, forward. Pages in between are not decompressed where
// their rows are known, and not read where the offset index says where to go.
func (l *leafReader) seek(ctx context.Context, row int64) error {
	if l.pages != nil && row > l.row {
		l.jump(row)
	}
	for l.row < row {
		n := int(min(row-l.row, 1<<30))
		if l.plan.node.maxRep > 0 {
			if err := l.eachRecord(ctx, n, func(def, _ []uint8) error { return l.skipValues(def) }); err != nil {
				return err
			}
			continue
		}
		if l.pageLeft == 0 {
			skipped, err := l.skipPage(ctx, n)
			if err != nil {
				return err
			}
			l.row += int64(skipped)
			continue
		}
		n = min(n, l.pageLeft)
		if err := l.skipFlat(n); err != nil {
			return err
		}
		l.row += int64(n)
		l.pageLeft -= n
	}
	return nil
}

// jump enters the page that holds row, if it is not the current one.
func (l *leafReader) jump(row int64) {
	lo := sort.Search(len(l.pages), func(i int) bool { return l.pages[i].end > row })
	if lo < len(l.pages) && l.pages[lo].first > l.row {
		l.off, l.row, l.pageLeft = l.pages[lo].off, l.pages[lo].first, 0
		l.blockDef, l.blockRep = l.blockDef[:0], l.blockRep[:0]
	}
}

func (l *leafReader) skipFlat(n int) error {
	dense := n
	if maxDef := l.plan.node.maxDef; maxDef > 0 {
		var err error
		if dense, err = l.def.skip(n, uint32(maxDef)); err != nil {
			return err
		}
	}
	if l.plan.bare {
		return nil
	}
	return l.values.skip(dense)
}

func (l *leafReader) skipValues(def []uint8) error {
	if l.plan.bare {
		return nil
	}
	dense, _ := countLevels(def, l.plan.node.maxDef)
	return l.values.skip(dense)
}

// skipPage passes over the next page if it has at most n rows, and else enters
// it. It is for columns that are not repeated.
func (l *leafReader) skipPage(ctx context.Context, n int) (skipped int, err error) {
	h, body, err := l.readPage(ctx)
	if err != nil {
		return 0, err
	}
	if (h.typ == format.DataPage || h.typ == format.DataPageV2) && int(h.values) <= n {
		return int(h.values), l.count(h)
	}
	return 0, l.enter(h, body)
}

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
	if h.encoding != format.Plain && h.encoding != format.PlainDictionary {
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
		if err := l.memory.take(n - cap(l.scratch)); err != nil {
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
		n := (l.pageLeft*int(levelWidth(maxLevel)) + 7) / 8
		if n > len(b) {
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
