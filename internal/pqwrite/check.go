package pqwrite

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"unicode/utf8"

	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// check says why a batch cannot be written, having changed nothing.
func (w *Writer) check(ctx context.Context, cols []*vec.Vec, rows int) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("pqwrite: %w", err)
	}
	if len(cols) != len(w.fields) || rows < 0 {
		return fmt.Errorf("pqwrite: a batch of %d columns and %d rows for a schema of %d columns", len(cols), rows, len(w.fields))
	}
	for i, f := range w.fields {
		if f.node == nil {
			continue
		}
		if cols[i] != nil && cols[i].Len != rows {
			return fmt.Errorf("pqwrite: column %s has %d values in a batch of %d rows", f.name, cols[i].Len, rows)
		}
		if err := f.node.checkKind(cols[i]); err != nil {
			return err
		}
	}
	var s shredder
	for _, c := range w.cols {
		if err := c.check(&s, cols, rows); err != nil {
			return err
		}
	}
	return nil
}

// checkKind compares layouts with types. That buffers are as long as they should
// be, and offsets in order, is for the Vec's maker to check.
func (n *node) checkKind(v *vec.Vec) error {
	switch {
	case v == nil:
		return fmt.Errorf("pqwrite: column %s: no values", pathName(n.path))
	case v.Kind == vec.Null:
		return nil
	}
	if v.Kind != n.kind {
		return fmt.Errorf("pqwrite: column %s of type %s: the values are %v, want %v", pathName(n.path), n.typ, v.Kind, n.kind)
	}
	want := len(n.children)
	if t, ok := n.typ.(*schema.Struct); ok {
		want = len(t.Fields) // void fields too
	}
	if n.col == nil && len(v.Children) != want {
		return fmt.Errorf("pqwrite: column %s of type %s: the values have %d children, want %d", pathName(n.path), n.typ, len(v.Children), want)
	}
	for _, c := range n.children {
		if err := c.checkKind(v.Children[c.index]); err != nil {
			return err
		}
	}
	return nil
}

// check looks for nulls where there must be none on the way to the leaf, and for
// values that the file could not hold. What lies under a null is not looked at.
func (c *column) check(s *shredder, cols []*vec.Vec, rows int) error {
	if rows == 0 {
		return nil
	}
	for k := range c.steps {
		n := c.steps[k].node
		if n.optional || n.first != c {
			continue // another column has looked, or will
		}
		v := c.vecAt(cols, k)
		if v == nil || v.Kind != vec.Null && v.Valid == nil {
			continue
		}
		s.walk(c.steps[:k+1], cols, 0, rows)
		for _, r := range s.runs {
			w := vec.Vec{Kind: v.Kind, Len: r.n, Off: v.Off + r.from, Valid: v.Valid}
			if nulls := w.NullCount(); nulls > 0 {
				return fmt.Errorf("pqwrite: column %s is not nullable, but the batch has nulls in it (%d in the first place); nothing of the batch was written", pathName(n.path), nulls)
			}
		}
	}
	return c.checkValues(s, cols, rows)
}

// vecAt returns the Vec of step k, or nil if all is null above it.
func (c *column) vecAt(cols []*vec.Vec, k int) *vec.Vec {
	v := cols[c.steps[0].index]
	for _, st := range c.steps[1 : k+1] {
		if v.Kind == vec.Null {
			return nil
		}
		v = v.Children[st.index]
	}
	return v
}

// checkValues looks at all memory that the rows reach first, which is fast, and at
// single values only if something is wrong there: it may be under a null.
func (c *column) checkValues(s *shredder, cols []*vec.Vec, rows int) error {
	v, at, n, _ := c.reach(cols, 0, rows)
	if v == nil || n == 0 {
		return nil
	}
	var ok func(v *vec.Vec, from, n int) bool
	var what string
	switch kind := c.node.typ.Kind(); kind {
	case schema.KindString:
		ok, what = textOK, "text that is not UTF-8"
	case schema.KindDecimal:
		hi, lo := pow10(c.precision)
		ok = func(v *vec.Vec, from, n int) bool { return decimalsOK(v, from, n, hi, lo) }
		what = fmt.Sprintf("a value of more than %d digits", c.precision)
	default:
		return nil
	}
	if ok(v, at, n) {
		return nil
	}
	s.walk(c.steps, cols, 0, rows)
	for _, r := range s.runs {
		if ok(v, r.from, r.n) {
			continue
		}
		for i := range r.n {
			if !ok(v, r.from+i, 1) {
				return fmt.Errorf("pqwrite: column %s of type %s holds %s; nothing of the batch was written", c.name, c.node.typ, what)
			}
		}
	}
	return nil
}

// textOK reports whether n values are valid UTF-8: they are together, and none
// begins within a rune.
func textOK(v *vec.Vec, from, n int) bool {
	offsets := v.Offsets[v.Off+from : v.Off+from+n+1]
	data := v.Data[offsets[0]:offsets[n]]
	if isASCII(data) {
		return true
	}
	if !utf8.Valid(data) {
		return false
	}
	for _, o := range offsets[:n] {
		if i := int(o - offsets[0]); i < len(data) && !utf8.RuneStart(data[i]) {
			return false
		}
	}
	return true
}

func isASCII(b []byte) bool {
	for len(b) >= 32 {
		w := binary.LittleEndian.Uint64(b) | binary.LittleEndian.Uint64(b[8:]) |
			binary.LittleEndian.Uint64(b[16:]) | binary.LittleEndian.Uint64(b[24:])
		if w&0x8080808080808080 != 0 {
			return false
		}
		b = b[32:]
	}
	return bytes.IndexFunc(b, func(r rune) bool { return r >= utf8.RuneSelf }) < 0
}

// decimalsOK reports whether the unscaled values are within ±(10^p - 1), 10^p
// being hi and lo.
func decimalsOK(v *vec.Vec, from, n int, hi, lo uint64) bool {
	w := vec.Vec{Kind: v.Kind, Len: n, Off: v.Off + from, Data: v.Data}
	for _, d := range vec.Values[[16]byte](&w) {
		l, h := binary.LittleEndian.Uint64(d[:]), binary.LittleEndian.Uint64(d[8:])
		if int64(h) < 0 { // negate
			l = -l
			h = ^h
			if l == 0 {
				h++
			}
		}
		if h > hi || h == hi && l >= lo {
			return false
		}
	}
	return true
}
