package expr

import (
	"cmp"
	"math"
	"strings"

	"github.com/deltalog/deltalog/internal/stats"
	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// A Match says how many of a file's rows satisfy a condition.
type Match uint8

// The answers of [Predicate.Prune].
const (
	Some Match = iota // some, perhaps none, perhaps all: look
	None              // certainly none: pass the file over
	All               // certainly all: no need to look
)

func (m Match) String() string { return [...]string{"some", "none", "all"}[m] }

// Bounds are what is known about one column's values in a file, a row group or a
// page. The zero Bounds say nothing.
type Bounds struct {
	// Min and Max bound the values that are not null, NaN apart; they need not
	// occur. Null where nothing is known. They are of the column's type.
	Min, Max schema.Value

	// NullCount is the number of nulls; it counts if HasNullCount is set. At 0 and
	// at the number of rows or above (math.MaxInt64 if that is not known) it says
	// that none and all are null; in between it says nothing more than that, so
	// that it may count rows that are deleted.
	NullCount    int64
	HasNullCount bool

	// NoNaN says that no value is NaN. Bounds of floats are taken from files whose
	// writers left NaN out of them, so it is not assumed.
	NoNaN bool

	// Exact says that Min and Max are values of the rows themselves, neither
	// truncated nor widened nor those of a larger set. Without it no answer is All.
	Exact bool
}

// Constant returns the bounds of a column in which every row has the value v,
// which may be null: a partition column.
func Constant(v schema.Value) Bounds {
	if v.IsNull() {
		return Bounds{NullCount: math.MaxInt64, HasNullCount: true, NoNaN: true, Exact: true}
	}
	return Bounds{
		Min: v, Max: v, HasNullCount: true, Exact: true,
		NoNaN: !isFloat(v.Kind()) || !math.IsNaN(v.Float64()),
	}
}

// FromStats returns the bounds that a file's statistics give for a column of
// type t. tight is [stats.File.TightBounds]. Bounds of strings may be truncated
// and those of timestamps rounded, so that they are never exact.
func FromStats(c *stats.Column, t schema.DataType, tight bool) Bounds {
	b := Bounds{NullCount: c.NullCount, HasNullCount: c.NullCount >= 0}
	if c.HasMin {
		b.Min = c.Min
	}
	if c.HasMax {
		b.Max = c.Max
	}
	switch k := t.Kind(); {
	case isNumber(k), k == schema.KindDate, k == schema.KindBoolean:
		b.Exact = tight
	}
	return b
}

// Prune returns how many of the rows p can be true for, by what is known about
// its columns: bounds[i] is about column i of [Predicate.Columns]; a shorter
// bounds leaves the others unknown. rows is the number of rows, negative if not
// known.
//
// The answer is never wrong if the bounds are right: None only if p is true for
// no row, All only if it is true for every row.
func (p *Predicate) Prune(rows int64, bounds []Bounds) Match {
	if rows == 0 {
		return None
	}
	columns := make([]known, len(p.columns))
	for i := range columns {
		var b Bounds
		if p.isFixed(i) {
			b = Constant(p.fixed.values[i])
		} else if i < len(bounds) {
			b = bounds[i]
		}
		columns[i] = newKnown(p.columns[i].Type, rows, b)
	}
	switch may := p.root.prune(columns); {
	case may&mayTrue == 0:
		return None
	case may == mayTrue && p.exact(bounds):
		return All
	}
	return Some
}

// exact reports whether the bounds of all columns that p reads are exact.
func (p *Predicate) exact(bounds []Bounds) bool {
	exact := true
	eachColumn(p.root, func(i int) {
		exact = exact && (p.isFixed(i) || i < len(bounds) && bounds[i].Exact)
	})
	return exact
}

func (p *Predicate) isFixed(i int) bool { return p.fixed != nil && p.fixed.has(i) }

// outcomes is a set of the values that a condition may have.
type outcomes uint8

const (
	mayTrue outcomes = 1 << iota
	mayFalse
	mayNull
)

// single returns the outcome of a truth of one row.
func single(t truth) outcomes {
	return outcome(t.yes[0] != 0, t.no[0] != 0, t.yes[0]|t.no[0] == 0)
}

// truth returns the truth of one row with a single outcome.
func (o outcomes) truth() truth {
	return truth{[]uint64{bit(o == mayTrue)}, []uint64{bit(o == mayFalse)}}
}

func outcome(canTrue, canFalse, canNull bool) outcomes {
	return outcomes(bit(canTrue)) | outcomes(bit(canFalse))<<1 | outcomes(bit(canNull))<<2
}

// known is a column's bounds, made sense of.
type known struct {
	min, max schema.Value // null: none
	nulls    bool         // there may be nulls
	values   bool         // there may be values that are not null
	nan      bool         // there may be NaN beyond max
}

func newKnown(t schema.DataType, rows int64, b Bounds) known {
	k := known{nulls: true, values: true, nan: isFloat(t.Kind()) && !b.NoNaN}
	if b.HasNullCount {
		k.nulls = b.NullCount != 0
		k.values = b.NullCount < rows || rows < 0 && b.NullCount != math.MaxInt64
	}
	if sameLine(t, b.Min) && !isNaN(b.Min) { // a NaN bounds nothing: it may stand for itself only
		k.min = b.Min
	}
	if sameLine(t, b.Max) && !isNaN(b.Max) {
		k.max = b.Max
	}
	if !k.min.IsNull() && !k.max.IsNull() && schema.Compare(k.min, k.max) > 0 {
		k.min, k.max = schema.Value{}, schema.Value{} // nonsense
	}
	return k
}

func isNaN(v schema.Value) bool { return isFloat(v.Kind()) && math.IsNaN(v.Float64()) }

// sameLine reports whether v is a value that a column of type t is compared as.
func sameLine(t schema.DataType, v schema.Value) bool {
	if v.IsNull() {
		return false
	}
	k, l := t.Kind(), v.Kind()
	return k == l || isInteger(k) && isInteger(l) || isFloat(k) && isFloat(l)
}

// knownAt returns what is known of a column; of what is computed that is nothing.
func knownAt(ks []known, i int) known {
	if i >= slotBase {
		return known{nulls: true, values: true, nan: true}
	}
	return ks[i]
}

// result adds null to what a comparison can be on values.
func (k known) result(canTrue, canFalse bool) outcomes {
	return outcome(canTrue && k.values, canFalse && k.values, k.nulls)
}

func (c constCond) prune([]known) outcomes { return c.is }

func (c logicCond) prune(ks []known) outcomes {
	all := c.args[0].prune(ks)
	for _, x := range c.args[1:] {
		all = conjoin(all, x.prune(ks), c.or)
	}
	return all
}

// conjoin returns what x AND y (or: x OR y) can be.
func conjoin(x, y outcomes, or bool) outcomes {
	if or { // by De Morgan
		return invert(conjoin(invert(x), invert(y), false))
	}
	both := x & y & mayTrue
	either := (x | y) & mayFalse
	var null outcomes
	if x&mayNull != 0 && y&(mayNull|mayTrue) != 0 || y&mayNull != 0 && x&mayTrue != 0 {
		null = mayNull
	}
	return both | either | null
}

func invert(x outcomes) outcomes {
	return outcome(x&mayFalse != 0, x&mayTrue != 0, x&mayNull != 0)
}

func (c notCond) prune(ks []known) outcomes { return invert(c.x.prune(ks)) }

func (c isNullCond) prune(ks []known) outcomes {
	x := c.x.prune(ks)
	return outcome(x&mayNull != 0, x&^mayNull != 0, false)
}

func (c isTrueCond) prune(ks []known) outcomes {
	x, want := c.x.prune(ks), mayTrue
	if !c.want {
		want = mayFalse
	}
	return outcome(x&want != 0, x&^want != 0, false)
}

// prune tries every pair of values that the sides can have.
func (c boolCompare) prune(ks []known) outcomes {
	x, y := c.x.prune(ks), c.y.prune(ks)
	in := &inputs{n: 1}
	var may outcomes
	for a := mayTrue; a <= mayNull; a <<= 1 {
		for b := mayTrue; b <= mayNull; b <<= 1 {
			if x&a == 0 || y&b == 0 {
				continue
			}
			may |= single(boolCompare{op: c.op}.of(in, a.truth(), b.truth()))
		}
	}
	return may
}

func (c nullColumn) prune(ks []known) outcomes {
	return outcome(knownAt(ks, c.i).nulls, knownAt(ks, c.i).values, false)
}

func (c boolColumn) prune(ks []known) outcomes {
	k := knownAt(ks, c.i)
	canTrue, canFalse := true, true
	if !k.max.IsNull() {
		canTrue = k.max.Bool()
	}
	if !k.min.IsNull() {
		canFalse = !k.min.Bool()
	}
	return k.result(canTrue, canFalse)
}

// compare returns the order of two scalars of one domain.
func (s scalar) compare(t scalar) int {
	switch s.domain {
	case domainInt:
		return cmp.Compare(s.i, t.i)
	case domainFloat:
		return vec.CompareFloats(s.f, t.f)
	case domainDecimal:
		return schema.CompareDecimals(s.d, s.scale, t.d, t.scale)
	}
	return strings.Compare(s.b, t.b)
}

// of returns v, a value of the column that s is compared with, in s's domain.
// The turn never changes the order of two values, though it may make them equal.
func (s scalar) of(v schema.Value) scalar {
	t := scalar{domain: s.domain}
	switch s.domain {
	case domainInt:
		t.i = v.Int64()
	case domainFloat:
		t.f = toFloat(v)
	case domainDecimal:
		t.d, t.scale = v.Decimal()
	case domainBytes:
		t.b = v.Text()
	}
	return t
}

// ends compares a column's bounds with a scalar; what is not known is below or
// above it.
func (k known) ends(s scalar) (min, max int) {
	min, max = -1, 1
	if !k.min.IsNull() {
		min = s.of(k.min).compare(s)
	}
	if !k.max.IsNull() {
		max = s.of(k.max).compare(s)
	}
	return min, max
}

func (c columnLiteral) prune(ks []known) outcomes {
	k := knownAt(ks, c.i)
	canTrue, canFalse := false, true
	if c.base != never {
		canTrue, canFalse = c.possible(k)
	}
	if c.negate {
		canTrue, canFalse = canFalse, canTrue
	}
	may := k.result(canTrue, canFalse)
	if c.nullSafe && may&mayNull != 0 {
		may = may&^mayNull | mayFalse
	}
	return may
}

// possible returns whether the base can be true and can be false for a value
// within the bounds, or for a NaN.
func (c columnLiteral) possible(k known) (canTrue, canFalse bool) {
	min, max := k.ends(c.to)
	switch c.base {
	case less:
		canTrue, canFalse = min < 0, max >= 0
	case equal:
		canTrue, canFalse = min <= 0 && max >= 0, min != 0 || max != 0
	case greater:
		canTrue, canFalse = max > 0, min <= 0
	}
	if k.nan {
		nan := vec.CompareFloats(math.NaN(), c.to.f)
		canTrue = canTrue || holds(c.base, nan)
		canFalse = canFalse || !holds(c.base, nan)
	}
	return canTrue, canFalse
}

func (c *setColumn) prune(ks []known) outcomes {
	k := knownAt(ks, c.i)
	canTrue, canFalse := false, true
	for _, s := range c.within(k) {
		t, f := columnLiteral{normalOp: normalOp{base: equal}, to: s}.possible(k)
		canTrue, canFalse = canTrue || t, canFalse && f
	}
	may := k.result(canTrue, canFalse)
	if c.null && may&mayFalse != 0 {
		may = may&^mayFalse | mayNull
	}
	return may
}

// within returns the literals that can lie in k's bounds, found by bisection. A
// NaN is the last and always among them.
func (c *setColumn) within(k known) []scalar {
	s := c.sorted
	if !k.min.IsNull() {
		s = s[search(s, func(x scalar) bool { return x.of(k.min).compare(x) <= 0 }):]
	}
	if !k.max.IsNull() && !k.nan {
		s = s[:search(s, func(x scalar) bool { return x.of(k.max).compare(x) < 0 })]
	}
	// One literal decides whether the condition can be true, two whether it can be
	// false; the last may be a NaN.
	if len(s) > 3 {
		s = []scalar{s[0], s[1], s[len(s)-1]}
	}
	return s
}

// search returns the first position at which f is true.
func search(s []scalar, f func(scalar) bool) int {
	lo, hi := 0, len(s)
	for lo < hi {
		if mid := (lo + hi) / 2; f(s[mid]) {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return lo
}

// prune knows of the start that all matching strings have.
func (c likeColumn) prune(ks []known) outcomes {
	k := knownAt(ks, c.i)
	text := string(c.pattern.text)
	switch c.pattern.shape {
	case likeExact:
		return columnLiteral{i: c.i, normalOp: normalOp{base: equal}, to: scalar{domain: domainBytes, b: text}}.prune(ks)
	case likeSuffix, likeInfix:
		return k.result(true, true)
	}
	canTrue, canFalse := true, true
	if !k.max.IsNull() && k.max.Text() < text || !k.min.IsNull() && beyondPrefix(k.min.Text(), text) {
		canTrue = false // all below the prefix, or all above what begins with it
	}
	if c.pattern.shape == likePrefix && (text == "" ||
		!k.min.IsNull() && !k.max.IsNull() && strings.HasPrefix(k.min.Text(), text) && strings.HasPrefix(k.max.Text(), text)) {
		canFalse = false // what lies between two strings with a prefix has it too
	}
	return k.result(canTrue, canFalse)
}

// beyondPrefix reports whether s is greater than every string with the prefix.
func beyondPrefix(s, prefix string) bool { return s > prefix && !strings.HasPrefix(s, prefix) }

// prune compares the bounds of two columns of the same kind.
func (c columnCompare) prune(ks []known) outcomes {
	x, y := knownAt(ks, c.i), knownAt(ks, c.j)
	nulls := x.nulls || y.nulls
	canTrue, canFalse := true, true
	if c.domain != domainFloat && c.days == [2]bool{} {
		xBelow := certainly(x.max, y.min, -1, c) // every x < every y
		xAbove := certainly(x.min, y.max, 1, c)
		switch c.op.base {
		case less:
			canFalse = !xBelow
			canTrue = !xAbove && !certainly(x.min, y.max, 0, c)
		case greater:
			canFalse = !xAbove
			canTrue = !xBelow && !certainly(x.max, y.min, 0, c)
		case equal:
			canTrue = !xBelow && !xAbove
		}
	}
	if c.op.negate {
		canTrue, canFalse = canFalse, canTrue
	}
	values := x.values && y.values
	if c.op.nullSafe {
		return outcome(canTrue && values || x.nulls && y.nulls, canFalse && values || nulls, false)
	}
	return outcome(canTrue && values, canFalse && values, nulls)
}

// certainly reports whether both bounds are known and compare as want.
func certainly(a, b schema.Value, want int, c columnCompare) bool {
	if a.IsNull() || b.IsNull() {
		return false
	}
	if c.domain == domainDecimal {
		return schema.Compare(asDecimal(a), asDecimal(b)) == want
	}
	s := scalar{domain: c.domain}
	return s.of(a).compare(s.of(b)) == want
}

func asDecimal(v schema.Value) schema.Value {
	if v.Kind() == schema.KindDecimal {
		return v
	}
	return schema.DecimalValue(schema.Decimal128FromInt64(v.Int64()), 0)
}
