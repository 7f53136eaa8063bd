package expr

import (
	"maps"

	"github.com/deltalog/deltalog/txlog/schema"
)

// A cond is a bound condition.
type cond interface {
	// eval returns for which rows the condition is true and for which false. An
	// error is an [*EvalError] whose row is one of in.
	eval(in *inputs) (truth, error)
	// fallible reports whether eval may fail for a row. Such a condition is only
	// evaluated on rows that it decides.
	fallible() bool
	// prune returns which values the condition may have on rows of which only
	// bounds are known. It may name more than occur, never fewer.
	prune(known []known) outcomes
}

type (
	constCond struct{ is outcomes } // exactly one
	logicCond struct {
		or    bool
		args  []cond
		fails bool // one of args is fallible
	}
	notCond    struct{ x cond }
	isNullCond struct{ x cond }
	isTrueCond struct {
		x    cond
		want bool
	}
	boolCompare struct {
		op   Op
		x, y cond
	}

	boolColumn    struct{ i int } // a boolean column
	nullColumn    struct{ i int } // column IS NULL
	columnLiteral struct {        // column op literal
		i int
		normalOp
		to scalar
	}
	columnCompare struct { // column op column
		i, j   int
		op     normalOp
		domain domain
		scale  [2]int  // of decimals and integers, 0 for the latter
		days   [2]bool // dates that are compared with timestamps
	}
	likeColumn struct {
		i       int
		pattern *likePattern
	}
)

// newLogicCond returns the AND or OR of conditions.
func newLogicCond(or bool, args ...cond) logicCond {
	l := logicCond{or: or, args: args}
	for _, x := range args {
		l.fails = l.fails || x.fallible()
	}
	return l
}

func (constCond) fallible() bool     { return false }
func (c logicCond) fallible() bool   { return c.fails }
func (c notCond) fallible() bool     { return c.x.fallible() }
func (c isNullCond) fallible() bool  { return c.x.fallible() }
func (c isTrueCond) fallible() bool  { return c.x.fallible() }
func (c boolCompare) fallible() bool { return c.x.fallible() || c.y.fallible() }
func (boolColumn) fallible() bool    { return false }
func (nullColumn) fallible() bool    { return false }
func (columnLiteral) fallible() bool { return false }
func (columnCompare) fallible() bool { return false }
func (likeColumn) fallible() bool    { return false }
func (*setColumn) fallible() bool    { return false }

var isUnknown = constCond{mayNull}

func constant(v bool) cond { return constantOrNull(v, false) }

func constantOrNull(v, null bool) cond {
	switch {
	case null:
		return isUnknown
	case v:
		return constCond{mayTrue}
	}
	return constCond{mayFalse}
}

// A base is a comparison that has a kernel; the others are their negations.
type base uint8

const (
	never base = iota // true for no value
	less
	equal
	greater
)

// A normalOp is a base or its negation. If nullSafe, a null gives false before
// the negation, which then is not made: <=> with a literal is not null.
type normalOp struct {
	base     base
	negate   bool
	nullSafe bool
}

func normalize(op Op) normalOp {
	return [...]normalOp{
		Eq: {base: equal}, Ne: {base: equal, negate: true}, EqNullSafe: {base: equal, nullSafe: true},
		Lt: {base: less}, Ge: {base: less, negate: true},
		Gt: {base: greater}, Le: {base: greater, negate: true},
	}[op]
}

func newCompare(i int, op Op, to scalar) columnLiteral {
	return columnLiteral{i: i, normalOp: normalize(op), to: to}
}

// WithConstants returns p for rows in which columns have the given values, by
// their position in [Predicate.Columns]: partition columns of one file. It reads
// those columns from batches no more. A value that is not of its column's type
// is passed over, as if it were not given.
func (p *Predicate) WithConstants(values map[int]schema.Value) *Predicate {
	all := map[int]schema.Value{}
	if p.fixed != nil {
		maps.Copy(all, p.fixed.values)
	}
	maps.Copy(all, values)
	k := newConstants(p.columns, len(p.slots), all)
	return &Predicate{columns: p.columns, slots: p.slots, root: fold(p.root, k), fixed: k}
}

// Constant returns whether p has the same value for every row, because it reads
// no column that is not constant: [All] if true, [None] if false or null. If p
// cannot be computed, ok is false, and Eval says why, also of a batch without
// columns.
func (p *Predicate) Constant() (m Match, ok bool) {
	c, ok := p.root.(constCond)
	switch {
	case !ok:
		return Some, false
	case c.is == mayTrue:
		return All, true
	}
	return None, true
}

// fold returns c with the parts that read only constants evaluated.
func fold(c cond, k *constants) cond {
	switch c := c.(type) {
	case logicCond:
		return foldLogic(c, k)
	case notCond:
		return foldOver(notCond{fold(c.x, k)}, k)
	case isNullCond:
		return foldOver(isNullCond{fold(c.x, k)}, k)
	case isTrueCond:
		return foldOver(isTrueCond{fold(c.x, k), c.want}, k)
	case boolCompare:
		return foldOver(boolCompare{c.op, fold(c.x, k), fold(c.y, k)}, k)
	case constCond:
		return c
	case valueCond:
		return newValueCond(c.x.fold(k))
	case *letCond:
		return c.fold(k)
	case *nullValue:
		return newNullValue(c.x.fold(k))
	case *matchCond:
		return foldMatch(&matchCond{c.x.fold(k), c.m})
	case nestedCompare:
		if !k.has(c.i) || !k.has(c.j) {
			return c
		}
	case patternColumn:
		if !k.has(c.i) || !k.has(c.j) {
			return c
		}
	case columnCompare:
		if !k.has(c.i) || !k.has(c.j) {
			return c
		}
	case columnLiteral:
		if !k.has(c.i) {
			return c
		}
	case likeColumn:
		if !k.has(c.i) {
			return c
		}
	case *setColumn:
		if !k.has(c.i) {
			return c
		}
	case boolColumn:
		if !k.has(c.i) {
			return c
		}
	case nullColumn:
		if !k.has(c.i) {
			return c
		}
	}
	return k.eval(c)
}

// foldOver evaluates c if what it is made of are constants.
func foldOver(c cond, k *constants) cond {
	known := func(x cond) bool { _, is := x.(constCond); return is }
	all := false
	switch c := c.(type) {
	case notCond:
		all = known(c.x)
	case isNullCond:
		all = known(c.x)
	case isTrueCond:
		all = known(c.x)
	case boolCompare:
		all = known(c.x) && known(c.y)
	}
	if !all {
		return c
	}
	return k.eval(c)
}

// foldLogic drops terms that do not matter and stops at one that decides.
func foldLogic(c logicCond, k *constants) cond {
	neutral, decides := mayTrue, mayFalse
	if c.or {
		neutral, decides = mayFalse, mayTrue
	}
	var args []cond
	unknown := false
	for _, x := range c.args {
		x = fold(x, k)
		if is, isConst := x.(constCond); isConst {
			switch is.is {
			case decides:
				return is
			case neutral:
				continue
			}
			if unknown {
				continue
			}
			unknown = true
		}
		args = append(args, x)
	}
	switch len(args) {
	case 0:
		return constCond{neutral}
	case 1:
		return args[0]
	}
	return newLogicCond(c.or, args...)
}
