package expr

import (
	"slices"

	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// A setColumn is column IN (literals of one domain).
type setColumn struct {
	i       int
	sorted  []scalar // distinct, ascending
	null    bool     // one of the literals is null
	ints    map[int64]struct{}
	floats  map[uint64]struct{}
	decs    map[schema.Decimal128]struct{}
	strings map[string]struct{}
}

// newSet turns terms column = literal, or'ed, into a set, if they are of one
// column and one domain.
func newSet(terms []cond) (*setColumn, bool) {
	c := &setColumn{i: -1}
	domain := domainNone
	for _, t := range terms {
		if t == cond(isUnknown) {
			c.null = true
			continue
		}
		eq, is := t.(columnLiteral)
		if !is || eq.negate {
			return nil, false
		}
		if c.i < 0 {
			c.i, domain = eq.i, eq.to.domain
		}
		if eq.i != c.i || eq.to.domain != domain {
			return nil, false
		}
		if eq.base == equal { // else a value that the column cannot have
			c.sorted = append(c.sorted, eq.to)
		}
	}
	if c.i < 0 {
		return nil, false
	}
	slices.SortFunc(c.sorted, scalar.compare)
	c.sorted = slices.CompactFunc(c.sorted, func(a, b scalar) bool { return a.compare(b) == 0 })
	c.index(domain)
	return c, true
}

func (c *setColumn) index(d domain) {
	switch d {
	case domainInt:
		c.ints = indexBy(c.sorted, func(s scalar) int64 { return s.i })
	case domainFloat:
		c.floats = indexBy(c.sorted, func(s scalar) uint64 { return vec.FloatBits(s.f) })
	case domainDecimal:
		c.decs = indexBy(c.sorted, func(s scalar) schema.Decimal128 { return s.d })
	default:
		c.strings = indexBy(c.sorted, func(s scalar) string { return s.b })
	}
}

func indexBy[K comparable](sorted []scalar, key func(scalar) K) map[K]struct{} {
	m := make(map[K]struct{}, len(sorted))
	for _, s := range sorted {
		m[key(s)] = struct{}{}
	}
	return m
}

func (c *setColumn) eval(in *inputs) (truth, error) {
	col := in.column(c.i)
	w := in.words()
	if col.v.Kind != vec.Null && len(c.sorted) > 0 {
		c.kernel(w, col.v)
	}
	t := finish(in, w, normalOp{}, col.valid, nil)
	if c.null { // what is not found might equal the null
		clear(t.no)
	}
	return t, nil
}

// A few literals are compared one after the other: faster than to hash.
const fewLiterals = 8

func (c *setColumn) kernel(w []uint64, v *vec.Vec) {
	if len(c.sorted) <= fewLiterals {
		one := make([]uint64, len(w))
		for _, s := range c.sorted {
			clear(one)
			columnLiteral{i: c.i, normalOp: normalOp{base: equal}, to: s}.kernel(one, v)
			for i, m := range one {
				w[i] |= m
			}
		}
		return
	}
	switch {
	case c.ints != nil:
		lo, hi := c.sorted[0].i, c.sorted[len(c.sorted)-1].i
		values := toInts(v, false)
		each(w, v.Len, func(i int) bool {
			x := values[i]
			if x < lo || x > hi {
				return false
			}
			_, found := c.ints[x]
			return found
		})
	case c.floats != nil:
		values := toFloats(v, c.sorted[0].scale)
		each(w, v.Len, func(i int) bool { _, found := c.floats[vec.FloatBits(values[i])]; return found })
	case c.decs != nil:
		values := vec.Values[[16]byte](v)
		each(w, v.Len, func(i int) bool {
			_, found := c.decs[schema.Decimal128FromLittleEndian(values[i])]
			return found
		})
	default:
		each(w, v.Len, func(i int) bool { _, found := c.strings[string(v.At(i))]; return found })
	}
}
