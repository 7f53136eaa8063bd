package pqread

import (
	"fmt"

	"github.com/deltalog/deltalog/internal/vec"
)

// A Range is the rows Start ≤ row < End.
type Range struct{ Start, End int64 }

// A Selection is a set of rows of one row group, counted from the group's
// first row: ranges in order, apart from each other. Nil stands for all rows;
// a Selection that is empty but not nil, for none.
type Selection []Range

func (sel Selection) check(rows int64) error {
	at := int64(0)
	for _, r := range sel {
		if r.Start < at || r.End <= r.Start || r.End > rows {
			return fmt.Errorf("selection: rows %d to %d after row %d, of %d rows; give ordered ranges inside the group", r.Start, r.End, at, rows)
		}
		at = r.End
	}
	return nil
}

// selectPages returns the ranges of the pages with a selected row, and of the
// dictionary.
func selectPages(sel Selection, pages []pageSpan, k *chunkMeta) (wanted []span) {
	if len(pages) > 0 && k.start() < pages[0].off {
		wanted = append(wanted, span{k.start(), pages[0].off - k.start()})
	}
	for _, page := range pages {
		for len(sel) > 0 && sel[0].End <= page.first {
			sel = sel[1:]
		}
		if len(sel) == 0 {
			break
		}
		if sel[0].Start >= page.end {
			continue
		}
		if n := len(wanted); n > 0 && wanted[n-1].off+wanted[n-1].n == page.off {
			wanted[n-1].n += page.size
			continue
		}
		wanted = append(wanted, span{page.off, page.size})
	}
	return wanted
}

// A place is somewhere in a selection.
type place struct {
	sel Selection
	i   int   // range
	row int64 // in it, if greater than its start
}

func (c place) done() bool { return c.i == len(c.sel) }

// A portion is what one batch has of a selection.
//
// Going to a row and reading it costs as much as decoding some rows more. So a
// selection in shreds, as a deletion vector leaves it, is decoded without its
// small gaps, and rows are dropped afterwards.
type portion struct {
	wanted Selection
	rows   int       // in wanted
	runs   Selection // to decode: wanted, or with small gaps filled
	span   int       // rows in runs
}

const (
	smallGap = 16 // rows
	// manyGaps is how many small gaps there must be for a thousand rows.
	manyGaps = 30
)

// take returns the first rows of what is left: at most the given number, those
// of small gaps included.
func (c place) take(rows int) (portion, place) {
	var p portion
	var filled Selection
	span, gaps := 0, 0
	for span < rows && !c.done() {
		r := c.sel[c.i]
		r.Start = max(r.Start, c.row)
		gap := int64(smallGap + 1)
		if n := len(filled); n > 0 {
			gap = r.Start - filled[n-1].End
		}
		if gap > smallGap {
			gap = 0
			filled = append(filled, Range{r.Start, r.Start})
		} else if span+int(gap) >= rows {
			break
		} else {
			gaps++
		}
		r.End = min(r.End, r.Start+int64(rows-span)-gap)
		filled[len(filled)-1].End = r.End
		p.wanted = append(p.wanted, r)
		p.rows += int(r.End - r.Start)
		span += int(r.End - r.Start + gap)
		if c.row = r.End; r.End == c.sel[c.i].End {
			c.i++
		}
	}
	p.runs, p.span = p.wanted, p.rows
	if int64(gaps)*1000 > int64(span)*manyGaps {
		p.runs, p.span = filled, span
	}
	return p, c
}

// keep returns the rows of the decoded span that are wanted; nil for all.
func (p *portion) keep() *vec.Bitmap {
	if p.span == p.rows {
		return nil
	}
	b := vec.NewBitmap(p.span)
	at, k := 0, 0 // rows before p.runs[k]
	for _, r := range p.wanted {
		for r.Start >= p.runs[k].End {
			at += int(p.runs[k].End - p.runs[k].Start)
			k++
		}
		from := at + int(r.Start-p.runs[k].Start)
		b.SetRange(from, from+int(r.End-r.Start))
	}
	return b
}
