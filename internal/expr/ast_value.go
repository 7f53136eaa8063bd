package expr

import (
	"slices"

	"github.com/deltalog/deltalog/txlog/schema"
)

// An arithOp is an operator between two values.
type arithOp uint8

const (
	opAdd arithOp = iota
	opSub
	opMul
	opDiv
	opMod
	opIntDiv
	opConcat
)

func (o arithOp) String() string { return [...]string{"+", "-", "*", "/", "%", "DIV", "||"}[o] }

type (
	arith struct {
		at
		op   arithOp
		l, r Expr
	}
	negate struct {
		at
		x Expr
	}
	call struct {
		at
		name string // as written, in lower case
		args []Expr
	}
	caseWhen struct {
		at
		operand Expr // nil: the whens are conditions
		whens   []when
		els     Expr // nil: null
	}
	when   struct{ cond, then Expr }
	castTo struct {
		at
		x   Expr
		typ schema.DataType
		try bool // null where it fails
	}
	interval struct {
		at
		span span
	}
	fieldOf struct { // of what is not a column
		at
		x    Expr
		name string
	}
	index struct { // x[i]
		at
		x, i Expr
	}
	regex struct { // x RLIKE pattern
		at
		x, pattern Expr
	}
)

// parts returns the expressions that e is made of, in the order in which they
// are written.
func parts(e Expr) []Expr {
	switch e := e.(type) {
	case *compare:
		return []Expr{e.l, e.r}
	case *logic:
		return e.args
	case *not:
		return []Expr{e.x}
	case *in:
		return append([]Expr{e.x}, e.list...)
	case *between:
		return []Expr{e.x, e.lo, e.hi}
	case *like:
		if e.by != nil {
			return []Expr{e.x, e.by}
		}
		return []Expr{e.x}
	case *isNull:
		return []Expr{e.x}
	case *isTrue:
		return []Expr{e.x}
	case *arith:
		return []Expr{e.l, e.r}
	case *negate:
		return []Expr{e.x}
	case *call:
		return e.args
	case *caseWhen:
		var all []Expr
		if e.operand != nil {
			all = append(all, e.operand)
		}
		for _, w := range e.whens {
			all = append(all, w.cond, w.then)
		}
		if e.els != nil {
			all = append(all, e.els)
		}
		return all
	case *castTo:
		return []Expr{e.x}
	case *fieldOf:
		return []Expr{e.x}
	case *index:
		return []Expr{e.x, e.i}
	case *regex:
		return []Expr{e.x, e.pattern}
	}
	return nil
}

// Columns returns the distinct columns that e refers to, as written, in the
// order of their first appearance.
func Columns(e Expr) [][]string {
	var paths [][]string
	walk(e, func(c *column) {
		for _, p := range paths {
			if slices.Equal(p, c.path) {
				return
			}
		}
		paths = append(paths, c.path)
	})
	return paths
}

// walk calls f for every column in e.
func walk(e Expr, f func(*column)) {
	if c, is := e.(*column); is {
		f(c)
		return
	}
	for _, x := range parts(e) {
		walk(x, f)
	}
}
