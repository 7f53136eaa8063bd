package pqread

import (
	"context"
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
