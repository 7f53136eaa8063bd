package expr

import (
	"encoding/hex"
	"fmt"
	"math"
	"strings"

	"github.com/deltalog/deltalog/txlog/schema"
)

// How tightly the forms bind, as in Spark's grammar. A form in a place that
// wants a tighter one is put in parentheses.
const (
	bindOr = iota
	bindAnd
	bindNot
	bindTest    // IS NULL, IN, BETWEEN, LIKE
	bindCompare // not chained
	bindSum
	bindProduct
	bindSigned
	bindPrimary
)

func (e *column) String() string  { return text(e) }
func (e *literal) String() string { return text(e) }
func (e *compare) String() string { return text(e) }
func (e *logic) String() string   { return text(e) }
func (e *not) String() string     { return text(e) }
func (e *in) String() string      { return text(e) }
func (e *between) String() string { return text(e) }
func (e *like) String() string    { return text(e) }
func (e *isNull) String() string  { return text(e) }
func (e *isTrue) String() string  { return text(e) }

func (e *arith) String() string    { return text(e) }
func (e *negate) String() string   { return text(e) }
func (e *call) String() string     { return text(e) }
func (e *caseWhen) String() string { return text(e) }
func (e *castTo) String() string   { return text(e) }
func (e *interval) String() string { return text(e) }
func (e *fieldOf) String() string  { return text(e) }
func (e *index) String() string    { return text(e) }
func (e *regex) String() string    { return text(e) }

func text(e Expr) string {
	var p printer
	p.expr(e, bindOr)
	return p.String()
}

type printer struct{ strings.Builder }

// expr writes e, in parentheses if it binds less tightly than want.
func (p *printer) expr(e Expr, want int) {
	if binding(e) < want {
		p.WriteByte('(')
		defer p.WriteByte(')')
	}
	negated := ""
	if n, isNot := e.(*not); isNot {
		if !isTest(n.x) {
			p.WriteString("NOT ")
			p.expr(n.x, bindNot)
			return
		}
		e, negated = n.x, "NOT "
	}
	switch e := e.(type) {
	case *column:
		p.column(e.path)
	case *literal:
		p.WriteString(literalText(e.value))
	case *compare:
		p.expr(e.l, bindSum)
		p.WriteString(" " + e.op.String() + " ")
		p.expr(e.r, bindSum)
	case *logic:
		p.logic(e)
	case *in, *between, *like, *regex, *isNull, *isTrue:
		p.test(e, negated)
	default:
		p.value(e)
	}
}

func binding(e Expr) int {
	switch e := e.(type) {
	case *logic:
		if e.or {
			return bindOr
		}
		return bindAnd
	case *not:
		if isTest(e.x) {
			return bindTest
		}
		return bindNot
	case *compare:
		return bindCompare
	case *in, *between, *like, *regex, *isNull, *isTrue:
		return bindTest
	case *arith:
		return e.op.binding()
	case *negate:
		return bindSigned
	case *literal:
		if strings.HasPrefix(literalText(e.value), "-") {
			return bindSigned
		}
	}
	return bindPrimary
}

// isTest reports whether the negation of e is written within it: IS NOT NULL.
func isTest(e Expr) bool {
	switch e.(type) {
	case *in, *between, *like, *regex, *isNull, *isTrue:
		return true
	}
	return false
}

func (p *printer) logic(e *logic) {
	op, want := " AND ", bindNot
	if e.or {
		op, want = " OR ", bindAnd
	}
	for i, x := range e.args {
		if i > 0 {
			p.WriteString(op)
		}
		p.expr(x, want)
	}
}

func (p *printer) test(e Expr, negated string) {
	switch e := e.(type) {
	case *in:
		p.expr(e.x, bindCompare)
		p.WriteString(" " + negated + "IN (")
		for i, x := range e.list {
			if i > 0 {
				p.WriteString(", ")
			}
			p.expr(x, bindOr)
		}
		p.WriteByte(')')
	case *between:
		p.expr(e.x, bindCompare)
		p.WriteString(" " + negated + "BETWEEN ")
		p.expr(e.lo, bindCompare)
		p.WriteString(" AND ")
		p.expr(e.hi, bindCompare)
	case *like:
		p.expr(e.x, bindCompare)
		p.WriteString(" " + negated)
		if e.fold {
			p.WriteByte('I')
		}
		p.WriteString("LIKE ")
		if e.by != nil {
			p.expr(e.by, bindSum)
		} else {
			p.WriteString(quote(e.pattern))
		}
		if e.escape != '\\' {
			p.WriteString(" ESCAPE " + quote(string(e.escape)))
		}
	case *regex:
		p.expr(e.x, bindCompare)
		p.WriteString(" " + negated + "RLIKE ")
		p.expr(e.pattern, bindSum)
	case *isNull:
		p.expr(e.x, bindCompare)
		p.WriteString(" IS " + negated + "NULL")
	case *isTrue:
		p.expr(e.x, bindCompare)
		p.WriteString(" IS " + negated + strings.ToUpper(fmt.Sprint(e.want)))
	}
}

func (p *printer) column(path []string) {
	for i, name := range path {
		if i > 0 {
			p.WriteByte('.')
		}
		p.name(name)
	}
}

func (p *printer) name(name string) {
	if plainName(name) {
		p.WriteString(name)
		return
	}
	p.WriteString("`" + strings.ReplaceAll(name, "`", "``") + "`")
}

// plainName reports whether a name is read as one without backticks.
func plainName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c != '_' && (c|0x20 < 'a' || c|0x20 > 'z') && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != "" && !reserved(s)
}

func literalText(v schema.Value) string {
	if v.IsNull() {
		return "NULL"
	}
	switch v.Kind() {
	case schema.KindBoolean:
		return strings.ToUpper(v.String())
	case schema.KindByte:
		return v.String() + "Y"
	case schema.KindShort:
		return v.String() + "S"
	case schema.KindLong:
		return v.String() + "L"
	case schema.KindFloat:
		return floatText(v, "F", "FLOAT")
	case schema.KindDouble:
		return floatText(v, "D", "DOUBLE")
	case schema.KindDecimal:
		return v.String() + "BD"
	case schema.KindString:
		return quote(v.Text())
	case schema.KindBinary:
		return "X'" + strings.ToUpper(hex.EncodeToString([]byte(v.Text()))) + "'"
	case schema.KindDate:
		return "DATE '" + v.String() + "'"
	case schema.KindTimestamp:
		return "TIMESTAMP '" + v.String() + "'"
	case schema.KindTimestampNTZ:
		return "TIMESTAMP_NTZ '" + v.String() + "'"
	}
	return v.String()
}

// floatText writes a number with its suffix; NaN and the infinities have no
// literal and are cast.
func floatText(v schema.Value, suffix, typ string) string {
	if f := v.Float64(); math.IsNaN(f) || math.IsInf(f, 0) {
		return "CAST('" + v.String() + "' AS " + typ + ")"
	}
	return v.String() + suffix
}

// quote writes a string literal with the escapes that every Spark reads.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('\'')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '\'' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\r':
			b.WriteString(`\r`)
		case c == '\t':
			b.WriteString(`\t`)
		case c < ' ' || c == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('\'')
	return b.String()
}
