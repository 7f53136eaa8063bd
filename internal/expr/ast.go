package expr

import (
	"slices"

	"github.com/deltalog/deltalog/txlog/schema"
)

// An Expr is a condition or a value: a column, a literal, or what is computed
// from those.
type Expr interface {
	// String returns the expression as Spark SQL, in one canonical form: parsed
	// again it is the same expression, unless a literal is a string that is not
	// UTF-8 or a typed null.
	String() string
	// Pos returns the byte position in the parsed text; -1 if there is none.
	Pos() int
	node()
}

// at is a position, plus one so that the zero value is none.
type at int

func (p at) Pos() int { return int(p) - 1 }
func (at) node()      {}

// An Op is a comparison.
type Op uint8

// The comparisons.
const (
	Eq         Op = iota // =
	Ne                   // <>
	Lt                   // <
	Le                   // <=
	Gt                   // >
	Ge                   // >=
	EqNullSafe           // <=>, which is true for two nulls and never null
)

func (o Op) String() string {
	return [...]string{"=", "<>", "<", "<=", ">", ">=", "<=>"}[o]
}

// flip returns the comparison with its sides exchanged.
func (o Op) flip() Op {
	return [...]Op{Eq, Ne, Gt, Ge, Lt, Le, EqNullSafe}[o]
}

type (
	column struct {
		at
		path []string
	}
	literal struct {
		at
		value schema.Value
	}
	compare struct {
		at
		op   Op
		l, r Expr
	}
	logic struct { // n-ary, so that a long list of terms is not deep
		at
		or   bool
		args []Expr // two or more; none a logic of the same kind
	}
	not struct {
		at
		x Expr
	}
	in struct {
		at
		x    Expr
		list []Expr
	}
	between struct {
		at
		x, lo, hi Expr
	}
	like struct {
		at
		x       Expr
		pattern string
		by      Expr // the pattern, if it is not a literal
		escape  rune
		fold    bool // ILIKE
	}
	isNull struct {
		at
		x Expr
	}
	isTrue struct { // IS TRUE, IS FALSE
		at
		x    Expr
		want bool
	}
)

// True is the condition that every row satisfies.
var True Expr = Literal(schema.BooleanValue(true))

// Column returns a column; more than one name leads into nested structs.
func Column(path ...string) Expr { return &column{path: slices.Clone(path)} }

// Literal returns a constant.
func Literal(v schema.Value) Expr { return &literal{value: v} }

// Compare returns l op r.
func Compare(op Op, l, r Expr) Expr { return &compare{op: op, l: l, r: r} }

// And returns the conjunction of xs; [True] if there are none.
func And(xs ...Expr) Expr { return newLogic(0, false, xs) }

// Or returns the disjunction of xs; false if there are none.
func Or(xs ...Expr) Expr { return newLogic(0, true, xs) }

func newLogic(p at, or bool, xs []Expr) Expr {
	args := make([]Expr, 0, len(xs))
	for _, x := range xs {
		if l, same := x.(*logic); same && l.or == or {
			args = append(args, l.args...)
			continue
		}
		args = append(args, x)
	}
	switch len(args) {
	case 0:
		return Literal(schema.BooleanValue(!or))
	case 1:
		return args[0]
	}
	return &logic{p, or, args}
}

// Not returns the negation of x.
func Not(x Expr) Expr { return &not{x: x} }

// In returns x IN (values…): true when x equals one of them, null when it does
// not and one of them is null.
func In(x Expr, values ...schema.Value) Expr {
	e := &in{x: x}
	for _, v := range values {
		e.list = append(e.list, Literal(v))
	}
	return e
}

// IsNull returns x IS NULL.
func IsNull(x Expr) Expr { return &isNull{x: x} }

// Between returns x BETWEEN lo AND hi; both ends are included.
func Between(x, lo, hi Expr) Expr { return &between{x: x, lo: lo, hi: hi} }

// Prefix returns the condition that the string x begins with prefix.
func Prefix(x Expr, prefix string) Expr {
	return &like{x: x, pattern: escapeLike(prefix) + "%", escape: '\\'}
}
