package pqwrite

import (
	"github.com/parquet-go/parquet-go/format"

	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// A step is a node on the way from a top-level field to a leaf, and where its Vec
// is among its parent's children.
type step struct {
	node  *node
	index int
}

// A column is a leaf: a column of the file, and the state of its chunk in the row
// group being built.
type column struct {
	node      *node
	opts      *Options
	name      string
	path      []string
	steps     []step
	kind      vec.Kind
	phys      format.Type
	width     int // bytes of a physical value; 0: bits or byte arrays
	precision int // of a decimal
	maxDef    int
	maxRep    int

	pend    *values // rows that do not fill a page yet; nil: none
	size    int64   // their extent
	decided bool    // whether there is a dictionary
	dict    *dictionary
	dictOK  bool // the dictionary still takes values
	pages   []page

	// Of the file so far.
	nulls  []int64 // entries for each definition level
	bounds bounds
}

// A page is an encoded data page.
type page struct {
	rows, entries, n int
	enc              format.Encoding
	size, rawSize    int // with the header; compressed and not
	segments         [][]byte
	bounds           bounds
	levels           []int64 // entries for each definition level; nil: a flat column
}

// flat reports whether the column is a field of the table itself, so that its
// validity bitmap is its definition levels.
func (c *column) flat() bool { return len(c.steps) == 1 }

// text reports whether values are UTF-8.
func (c *column) text() bool { return c.node.typ.Kind() == schema.KindString }

// encoding returns how values are encoded that are not in a dictionary.
func (c *column) encoding() format.Encoding {
	// Polars (2.1) fails on delta encodings of a required column under a nullable
	// struct, whoever wrote it, when they go over several pages.
	inNullable := !c.node.optional && c.maxDef > 0 && c.maxRep == 0
	if c.opts.Compat || inNullable {
		return format.Plain
	}
	switch c.phys {
	case format.Int32, format.Int64:
		return format.DeltaBinaryPacked
	case format.ByteArray:
		return format.DeltaLengthByteArray
	}
	return format.Plain
}

// cut returns how many of left rows from row from on go to the page that so far
// has rows rows of size bytes, and whether the page is full with them. The same
// rows end up on the same pages however they come in.
func (c *column) cut(cols []*vec.Vec, from, left, rows int, size int64) (n int, full bool) {
	limit := min(left, c.opts.PageRows-rows)
	budget := int64(c.opts.PageBytes) - size
	if rows > 0 && extent(c, cols, from, 1) > budget {
		return 0, true
	}
	n = span(c, cols, from, limit, budget)
	return n, n < left || rows+n == c.opts.PageRows
}

// held returns how many rows wait for their page to fill up.
func (c *column) held() int {
	if c.pend == nil {
		return 0
	}
	return c.pend.rows
}

// hold adds rows that may leave the page open.
func (c *column) hold(s *shredder, cols []*vec.Vec, from, n int) {
	if n == 0 {
		return
	}
	if c.pend == nil {
		c.pend = valuesPool.Get().(*values)
	}
	c.size += extent(c, cols, from, n)
	c.pend.add(c, s, cols, from, n, false)
}

// prime adds rows to the first page of a row group and, once it is full, decides
// how the column is encoded and encodes it. It returns how many rows it took.
func (c *column) prime(e *encoder, cols []*vec.Vec, from, n int) (int, error) {
	k, full := c.cut(cols, from, n, c.held(), c.size)
	c.hold(&e.shred, cols, from, k)
	if !full {
		return k, nil
	}
	return k, c.finish(e)
}

// finish encodes the rows held, if any, as a page.
func (c *column) finish(e *encoder) error {
	if c.pend == nil {
		return nil
	}
	c.decide()
	p, err := e.next(c, c.pend)
	if err != nil {
		return err
	}
	c.pages = append(c.pages, p)
	c.pend.recycle()
	c.pend, c.size = nil, 0
	return nil
}

// decide looks at the first page of the row group.
func (c *column) decide() {
	if c.decided {
		return
	}
	c.decided = true
	if c.dictOK = c.worthDictionary(c.pend); c.dictOK {
		c.dict = newDictionary(c, c.opts.DictionaryBytes)
	}
}

// follow encodes rows page by page, as a dictionary has to be built.
func (c *column) follow(e *encoder, cols []*vec.Vec, from, n int) error {
	for end := from + n; from < end; {
		k, full := c.cut(cols, from, end-from, c.held(), c.size)
		if !full || c.pend != nil {
			c.hold(&e.shred, cols, from, k)
			if full {
				if err := c.finish(e); err != nil {
					return err
				}
			}
		} else {
			e.direct.reset()
			e.direct.add(c, &e.shred, cols, from, k, true)
			p, err := e.next(c, &e.direct)
			if err != nil {
				return err
			}
			c.pages = append(c.pages, p)
		}
		from += k
	}
	return nil
}

// endGroup forgets the chunk; the file's counts stay.
func (c *column) endGroup() {
	clear(c.pages)
	c.pages = c.pages[:0]
	c.dict, c.dictOK, c.decided = nil, false, false
}
