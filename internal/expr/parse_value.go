package expr

import (
	"strings"
	"unicode/utf8"

	"github.com/deltalog/deltalog/txlog/schema"
)

// sum reads + - and || and what binds more tightly.
func (p *parser) sum() Expr {
	pos := p.here()
	x := p.product()
	for {
		var op arithOp
		switch {
		case p.acceptSymbol("+"):
			op = opAdd
		case p.acceptSymbol("-"):
			op = opSub
		case p.acceptSymbol("||"):
			op = opConcat
		default:
			return x
		}
		x = &arith{pos, op, x, p.product()}
	}
}

func (p *parser) product() Expr {
	pos := p.here()
	x := p.signed()
	for {
		var op arithOp
		switch {
		case p.acceptSymbol("*"):
			op = opMul
		case p.acceptSymbol("/"):
			op = opDiv
		case p.acceptSymbol("%"):
			op = opMod
		case p.accept("DIV"):
			op = opIntDiv
		default:
			return x
		}
		x = &arith{pos, op, x, p.signed()}
	}
}

// signed reads a value with an optional sign. The sign of a number belongs to
// the literal, so that the smallest numbers can be written.
func (p *parser) signed() Expr {
	pos, sign := p.here(), p.tok
	if !sign.is("-") && !sign.is("+") {
		return p.postfix(pos, p.primary())
	}
	p.advance()
	if n := p.tok; n.kind == tokenNumber {
		npos := p.here()
		p.advance()
		if !p.tok.is("::") && !p.tok.is("[") && !p.tok.is(".") {
			return p.number(pos, sign.text+n.text)
		}
		return signedBy(pos, sign, p.postfix(npos, p.number(npos, n.text)))
	}
	if !p.enter() {
		return True
	}
	defer p.leave()
	return signedBy(pos, sign, p.signed())
}

func signedBy(pos at, sign token, x Expr) Expr {
	if sign.is("+") {
		return x
	}
	return &negate{pos, x}
}

// postfix reads the ::type, [i] and .field after a value.
func (p *parser) postfix(pos at, x Expr) Expr {
	for {
		switch {
		case p.acceptSymbol("::"):
			x = p.castTo(pos, x, p.typeName(), false)
		case p.acceptSymbol("["):
			if !p.enter() {
				return True
			}
			i := p.or()
			p.leave()
			p.expectSymbol("]", "after the index")
			x = &index{pos, x, i}
		case p.acceptSymbol("."):
			if p.tok.kind != tokenWord && p.tok.kind != tokenQuoted {
				p.unexpected("a name after the point")
				return True
			}
			x = &fieldOf{pos, x, p.tok.text}
			p.advance()
		default:
			return x
		}
	}
}

// castTo returns the cast of x. That of a text is a literal, but for a decimal
// with fewer digits than its type has.
func (p *parser) castTo(pos at, x Expr, typ schema.DataType, try bool) Expr {
	if p.err != nil {
		return True
	}
	if l, is := x.(*literal); is && !try && l.value.Kind() == schema.KindString && !l.value.IsNull() {
		v, err := castLiteral(l.value.Text(), typ, p.loc)
		if err != nil {
			p.fail(l.Pos(), "%v", err)
			return True
		}
		if literalType(v) == typ {
			return &literal{pos, v}
		}
	}
	return &castTo{pos, x, typ, try}
}

// primary reads a literal, a column, a function, or what is in parentheses.
func (p *parser) primary() Expr {
	pos, t := p.here(), p.tok
	switch t.kind {
	case tokenString:
		p.advance()
		return &literal{pos, schema.StringValue(t.text)}
	case tokenNumber:
		p.advance()
		return p.number(pos, t.text)
	case tokenQuoted:
		return p.name(pos)
	case tokenWord:
		return p.word(pos)
	}
	if !p.acceptSymbol("(") {
		p.unexpected("a column or a value")
		return True
	}
	if !p.enter() {
		return True
	}
	defer p.leave()
	if p.tok.word("SELECT") {
		p.fail(p.tok.pos, "subqueries are not supported")
	}
	e := p.or()
	if !p.acceptSymbol(")") {
		p.unexpected(`")" for the ( at character ` + itoa(utf8.RuneCountInString(p.text[:t.pos])+1))
	}
	return e
}

// reserved reports whether a word is never a name unless in backticks.
func reserved(word string) bool {
	switch strings.ToUpper(word) {
	case "AND", "OR", "NOT", "IN", "BETWEEN", "LIKE", "ESCAPE", "IS", "NULL", "TRUE", "FALSE",
		"DIV", "CASE", "ILIKE", "RLIKE", "REGEXP", "INTERVAL", "EXISTS",
		"CURRENT_DATE", "CURRENT_TIMESTAMP", "CURRENT_USER", "SESSION_USER", "LOCALTIMESTAMP":
		return true
	}
	return false
}

// word reads what begins with a word: a keyword's literal, a typed literal, a
// form of its own, a function, or a column.
func (p *parser) word(pos at) Expr {
	switch first := p.tok; {
	case p.accept("NULL"):
		return &literal{pos, schema.Null(schema.Void)}
	case p.accept("TRUE"):
		return &literal{pos, schema.BooleanValue(true)}
	case p.accept("FALSE"):
		return &literal{pos, schema.BooleanValue(false)}
	case p.accept("CASE"):
		return p.caseWhen(pos)
	case p.accept("INTERVAL"):
		return p.interval(pos)
	case first.word("CURRENT_DATE"), first.word("CURRENT_TIMESTAMP"), first.word("CURRENT_USER"),
		first.word("SESSION_USER"), first.word("LOCALTIMESTAMP"):
		p.advance()
		if p.acceptSymbol("(") {
			p.expectSymbol(")", "after "+first.text+"(")
		}
		return &call{pos, strings.ToLower(first.text), nil}
	case reserved(first.text):
		p.unexpected("a column or a value")
		return True
	}
	first := p.tok
	e := p.name(pos)
	if p.err != nil {
		return e
	}
	one := len(e.(*column).path) == 1
	switch {
	case one && p.tok.kind == tokenString:
		return p.typed(pos, first)
	case one && p.tok.is("("):
		return p.call(pos, first)
	case p.tok.is("("):
		p.fail(first.pos, "function %s is not supported in conditions yet", clip(strings.TrimSpace(p.text[first.pos:p.tok.pos])))
	}
	return e
}

// caseWhen reads CASE … END, of which CASE is read.
func (p *parser) caseWhen(pos at) Expr {
	if !p.enter() {
		return True
	}
	defer p.leave()
	e := &caseWhen{at: pos}
	if !p.tok.word("WHEN") {
		e.operand = p.or()
	}
	for p.accept("WHEN") {
		cond := p.or()
		if !p.accept("THEN") {
			p.unexpected("THEN after WHEN")
			return True
		}
		e.whens = append(e.whens, when{cond, p.or()})
	}
	if len(e.whens) == 0 {
		p.unexpected("WHEN after CASE")
		return True
	}
	if p.accept("ELSE") {
		e.els = p.or()
	}
	if !p.accept("END") {
		p.unexpected("WHEN, ELSE or END of the CASE")
	}
	return e
}

var typeNames = map[string]schema.DataType{
	"BOOLEAN": schema.Boolean, "BYTE": schema.Byte, "TINYINT": schema.Byte, "SHORT": schema.Short,
	"SMALLINT": schema.Short, "INT": schema.Integer, "INTEGER": schema.Integer, "LONG": schema.Long,
	"BIGINT": schema.Long, "FLOAT": schema.Float, "REAL": schema.Float, "DOUBLE": schema.Double,
	"STRING": schema.String, "BINARY": schema.Binary, "DATE": schema.Date, "TIMESTAMP": schema.Timestamp,
	"TIMESTAMP_LTZ": schema.Timestamp, "TIMESTAMP_NTZ": schema.TimestampNTZ,
}

// ParseType reads a type without parts, as CAST has it: BIGINT, decimal(10,2). An
// error is an [*Error] with its position.
func ParseType(text string) (schema.DataType, error) {
	p, err := newParser(text, nil)
	if err != nil {
		return nil, err
	}
	t := p.typeName()
	p.end("the end")
	if p.err != nil {
		return nil, p.err
	}
	return t, nil
}

func (p *parser) typeName() schema.DataType {
	name := strings.ToUpper(p.tok.text)
	if typ, ok := typeNames[name]; ok && p.tok.kind == tokenWord {
		p.advance()
		return typ
	}
	if p.tok.kind != tokenWord || name != "DECIMAL" && name != "DEC" && name != "NUMERIC" {
		p.unexpected("a type without parts, such as BIGINT")
		return schema.Void
	}
	p.advance()
	d := schema.Decimal{Precision: 10}
	if !p.acceptSymbol("(") {
		return d
	}
	pos := p.tok.pos
	d.Precision = p.small()
	if p.acceptSymbol(",") {
		d.Scale = p.small()
	}
	p.expectSymbol(")", "after the precision and scale")
	if d.Precision < 1 || d.Precision > 38 || d.Scale > d.Precision {
		p.fail(pos, "want 1 ≤ precision ≤ 38 and 0 ≤ scale ≤ precision")
	}
	return d
}

// small reads an integer of one or two digits.
func (p *parser) small() int {
	t := p.tok
	if t.kind != tokenNumber || len(t.text) > 2 || !isDigit(t.text[0]) || !isDigit(t.text[len(t.text)-1]) {
		p.unexpected("an integer up to 38")
		return 0
	}
	n := 0
	for _, c := range []byte(t.text) {
		n = n*10 + int(c-'0')
	}
	p.advance()
	return n
}
