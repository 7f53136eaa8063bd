package expr

import "strings"

func (o arithOp) binding() int {
	switch o {
	case opAdd, opSub, opConcat:
		return bindSum
	}
	return bindProduct
}

// value writes what is neither a condition nor a literal nor a column.
func (p *printer) value(e Expr) {
	switch e := e.(type) {
	case *arith:
		b := e.op.binding()
		p.expr(e.l, b) // of operators that bind as tightly the left is first
		p.WriteString(" " + e.op.String() + " ")
		p.expr(e.r, b+1)
	case *negate:
		p.WriteByte('-')
		switch e.x.(type) {
		case *literal, *negate: // -1 is a literal and -- a comment
			p.parenthesized(e.x)
		default:
			p.expr(e.x, bindSigned)
		}
	case *call:
		p.WriteString(e.name + "(")
		p.list(e.args)
		p.WriteByte(')')
	case *caseWhen:
		p.caseWhen(e)
	case *castTo:
		if e.try {
			p.WriteString("TRY_")
		}
		p.WriteString("CAST(")
		p.expr(e.x, bindOr)
		p.WriteString(" AS " + strings.ToUpper(typeText(e.typ)) + ")")
	case *interval:
		p.WriteString(e.span.String())
	case *fieldOf:
		switch e.x.(type) {
		case *column, *literal: // a.b is a column, 1.b a bad number
			p.parenthesized(e.x)
		default:
			p.expr(e.x, bindPrimary)
		}
		p.WriteByte('.')
		p.name(e.name)
	case *index:
		p.expr(e.x, bindPrimary)
		p.WriteByte('[')
		p.expr(e.i, bindOr)
		p.WriteByte(']')
	}
}

func (p *printer) parenthesized(e Expr) {
	p.WriteByte('(')
	p.expr(e, bindOr)
	p.WriteByte(')')
}

func (p *printer) list(xs []Expr) {
	for i, x := range xs {
		if i > 0 {
			p.WriteString(", ")
		}
		p.expr(x, bindOr)
	}
}

func (p *printer) caseWhen(e *caseWhen) {
	p.WriteString("CASE")
	if e.operand != nil {
		p.WriteByte(' ')
		p.expr(e.operand, bindOr)
	}
	for _, w := range e.whens {
		p.WriteString(" WHEN ")
		p.expr(w.cond, bindOr)
		p.WriteString(" THEN ")
		p.expr(w.then, bindOr)
	}
	if e.els != nil {
		p.WriteString(" ELSE ")
		p.expr(e.els, bindOr)
	}
	p.WriteString(" END")
}
