package expr

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/deltalog/deltalog/txlog/schema"
)

// Limits on the text of a condition.
const (
	MaxText   = 1 << 20 // bytes
	MaxDepth  = 200     // parentheses and NOTs within each other
	maxTokens = 1 << 18
)

// Options are for [Parse] and [Bind]. Nil is the defaults.
type Options struct {
	// Location is the session's time zone: the zone of timestamps written without
	// one. Nil is UTC.
	Location *time.Location
	// Now is the time of the operation: what current_timestamp and current_date
	// are, in every row and at every retry. Without it Bind refuses them.
	Now time.Time
	// User is what current_user is. Without it Bind refuses that.
	User string
}

func (o *Options) location() *time.Location {
	if o == nil || o.Location == nil {
		return time.UTC
	}
	return o.Location
}

// Parse reads an expression in Spark's SQL. An error is an [*Error] with the
// position of what is wrong.
//
// The language: literals (NULL, TRUE, 1, 1L, 1S, 1Y, 1.5, 1.5BD, 1e3, 1.5D,
// 1.5F, 'text', "text", DATE '…', TIMESTAMP '…', TIMESTAMP_NTZ '…', X'1F',
// INTERVAL '1' DAY, INTERVAL 2 HOURS 5 MINUTES, INTERVAL '1-2' YEAR TO MONTH);
// columns (name, `any name`, table.struct.field); + - * / % DIV || and signs;
// = == <=> <> != < <= > >= AND OR NOT ! IN BETWEEN LIKE and ILIKE … ESCAPE,
// RLIKE, REGEXP, IS [NOT] NULL, TRUE, FALSE, UNKNOWN and DISTINCT FROM; CASE in
// both forms; CAST, TRY_CAST and x::type; functions; x[i] and x.field;
// parentheses.
func Parse(text string, o *Options) (Expr, error) {
	p, err := newParser(text, o)
	if err != nil {
		return nil, err
	}
	e := p.or()
	p.end("AND, OR or the end")
	if p.err != nil {
		return nil, p.err
	}
	return e, nil
}

// newParser returns a parser at the first token of a text.
func newParser(text string, o *Options) (*parser, error) {
	if len(text) > MaxText {
		return nil, &Error{Msg: "the condition is longer than 1 MiB", Pos: -1}
	}
	if !utf8.ValidString(text) {
		return nil, &Error{Msg: "the condition is not UTF-8", Pos: -1}
	}
	p := &parser{lexer: lexer{text: text}, loc: o.location()}
	p.advance()
	return p, nil
}

// end fails if the text goes on.
func (p *parser) end(want string) {
	if p.err == nil && p.tok.kind != tokenEnd {
		p.unexpected(want)
	}
}

// A parser reads by precedence. After an error it sees only the end of the text,
// so that every function returns soon; what they return then is not used.
type parser struct {
	lexer
	tok    token
	loc    *time.Location
	depth  int
	tokens int
	err    error
}

func (p *parser) advance() {
	if p.tokens++; p.tokens > maxTokens {
		p.fail(p.pos, "the condition has more than %d words and symbols", maxTokens)
	}
	if p.err != nil {
		p.tok = token{kind: tokenEnd, pos: len(p.text)}
		return
	}
	t, err := p.next()
	if err != nil {
		p.err = err
		t = token{kind: tokenEnd, pos: len(p.text)}
	}
	p.tok = t
}

func (p *parser) fail(pos int, format string, args ...any) {
	if p.err == nil {
		p.err = p.errorf(pos, format, args...)
		p.tok = token{kind: tokenEnd, pos: len(p.text)}
	}
}

// unexpected fails at the token in hand, and says what should be there.
func (p *parser) unexpected(want string) {
	if later := p.later(); later != "" {
		p.fail(p.tok.pos, "%s is not supported in conditions yet", later)
		return
	}
	p.fail(p.tok.pos, "expected %s, found %v", want, p.tok)
}

// later names what Spark has and this package does not, if the token in hand is
// that.
func (p *parser) later() string {
	switch p.tok.kind {
	case tokenSymbol:
		switch s := p.tok.text; s {
		case "&", "|", "^", "~", "->":
			return s
		}
	case tokenWord:
		if p.tok.word("EXISTS") {
			return "EXISTS"
		}
	}
	return ""
}

// accept passes over the token in hand if it is the keyword.
func (p *parser) accept(keyword string) bool {
	if !p.tok.word(keyword) {
		return false
	}
	p.advance()
	return true
}

func (p *parser) acceptSymbol(s string) bool {
	if !p.tok.is(s) {
		return false
	}
	p.advance()
	return true
}

func (p *parser) expectSymbol(s, after string) {
	if !p.acceptSymbol(s) {
		p.unexpected(`"` + s + `" ` + after)
	}
}

// enter counts a level of nesting, leave ends it.
func (p *parser) enter() bool {
	if p.depth++; p.depth > MaxDepth {
		p.fail(p.tok.pos, "the condition is nested more than %d deep", MaxDepth)
	}
	return p.err == nil
}

func (p *parser) leave() { p.depth-- }

func (p *parser) here() at { return at(p.tok.pos + 1) }

func (p *parser) or() Expr { return p.list(true, "OR", p.and) }

func (p *parser) and() Expr { return p.list(false, "AND", p.not) }

func (p *parser) list(or bool, op string, term func() Expr) Expr {
	pos := p.here()
	args := []Expr{term()}
	for p.accept(op) {
		args = append(args, term())
	}
	if len(args) == 1 {
		return args[0]
	}
	return newLogic(pos, or, args)
}

func (p *parser) not() Expr {
	pos := p.here()
	if !p.accept("NOT") && !p.acceptSymbol("!") {
		return p.test()
	}
	defer p.leave()
	if !p.enter() {
		return True
	}
	return &not{pos, p.not()}
}

// test reads a value and at most one IS, IN, BETWEEN or LIKE after it.
func (p *parser) test() Expr {
	pos := p.here()
	x := p.comparison()
	if p.accept("IS") {
		return p.is(pos, x)
	}
	negated := p.accept("NOT")
	var e Expr
	switch {
	case p.accept("IN"):
		e = p.in(pos, x)
	case p.accept("BETWEEN"):
		lo := p.comparison()
		if !p.accept("AND") {
			p.unexpected("AND after BETWEEN")
		}
		e = &between{pos, x, lo, p.comparison()}
	case p.accept("LIKE"):
		e = p.like(pos, x, false)
	case p.accept("ILIKE"):
		e = p.like(pos, x, true)
	case p.accept("RLIKE"), p.accept("REGEXP"):
		e = &regex{pos, x, p.sum()}
	case negated:
		p.unexpected("IN, BETWEEN or LIKE after NOT")
		return x
	default:
		return x
	}
	if negated {
		return &not{pos, e}
	}
	return e
}

func (p *parser) is(pos at, x Expr) Expr {
	negated := p.accept("NOT")
	var e Expr
	switch {
	case p.accept("NULL"), p.accept("UNKNOWN"):
		e = &isNull{pos, x}
	case p.accept("TRUE"):
		e = &isTrue{pos, x, true}
	case p.accept("FALSE"):
		e = &isTrue{pos, x, false}
	case p.accept("DISTINCT"):
		if !p.accept("FROM") {
			p.unexpected("FROM after DISTINCT")
		}
		e = &compare{pos, EqNullSafe, x, p.sum()}
		negated = !negated
	default:
		p.unexpected("NULL, TRUE, FALSE, UNKNOWN or DISTINCT FROM after IS")
		return x
	}
	if negated {
		return &not{pos, e}
	}
	return e
}

func (p *parser) in(pos at, x Expr) Expr {
	e := &in{at: pos, x: x}
	p.expectSymbol("(", "after IN")
	if !p.enter() {
		return True
	}
	defer p.leave()
	for {
		e.list = append(e.list, p.or())
		if !p.acceptSymbol(",") {
			break
		}
	}
	p.expectSymbol(")", "or a comma in the list of IN")
	return e
}

func (p *parser) like(pos at, x Expr, fold bool) Expr {
	e := &like{at: pos, x: x, escape: '\\', fold: fold}
	if p.tok.word("ANY") || p.tok.word("ALL") || p.tok.word("SOME") {
		p.fail(p.tok.pos, "LIKE %s is not supported in conditions yet", strings.ToUpper(p.tok.text))
	}
	e.by = p.sum()
	if p.accept("ESCAPE") {
		r, n := utf8.DecodeRuneInString(p.tok.text)
		if p.tok.kind != tokenString || n == 0 || n != len(p.tok.text) {
			p.unexpected("a string of one character after ESCAPE")
			return e
		}
		e.escape = r
		p.advance()
	}
	if l, is := e.by.(*literal); is && l.value.Kind() == schema.KindString {
		e.pattern, e.by = l.value.Text(), nil
		if _, err := compileLike(e.pattern, e.escape); err != nil {
			p.fail(l.Pos(), "%v", err)
		}
	}
	return e
}

var compareOps = map[string]Op{
	"=": Eq, "==": Eq, "<>": Ne, "!=": Ne, "<": Lt, "<=": Le, ">": Gt, ">=": Ge, "<=>": EqNullSafe,
}

func (p *parser) compareOp() (Op, bool) {
	if p.tok.kind != tokenSymbol {
		return 0, false
	}
	op, ok := compareOps[p.tok.text]
	return op, ok
}

func (p *parser) comparison() Expr {
	pos := p.here()
	l := p.sum()
	op, ok := p.compareOp()
	if !ok {
		return l
	}
	p.advance()
	e := &compare{pos, op, l, p.sum()}
	if _, again := p.compareOp(); again {
		p.fail(p.tok.pos, "a comparison cannot follow a comparison; write a < b AND b < c, or parentheses")
	}
	return e
}

// name reads a column: names joined by points.
func (p *parser) name(pos at) Expr {
	c := &column{at: pos}
	for {
		if p.tok.kind != tokenWord && p.tok.kind != tokenQuoted {
			p.unexpected("a name after the point")
			return c
		}
		c.path = append(c.path, p.tok.text)
		p.advance()
		if len(c.path) > MaxDepth {
			p.fail(p.tok.pos, "the name has more than %d parts", MaxDepth)
		}
		if !p.acceptSymbol(".") {
			return c
		}
	}
}

// typed reads a literal such as DATE '2026-01-31', whose first word is read.
func (p *parser) typed(pos at, first token) Expr {
	types := map[string]schema.DataType{
		"DATE": schema.Date, "TIMESTAMP": schema.Timestamp, "TIMESTAMP_LTZ": schema.Timestamp,
		"TIMESTAMP_NTZ": schema.TimestampNTZ, "X": schema.Binary,
	}
	typ, ok := types[strings.ToUpper(first.text)]
	if !ok {
		p.unexpected("an operator after " + first.String())
		return True
	}
	text := p.tok
	p.advance()
	if typ == schema.Binary {
		return p.binary(pos, text)
	}
	return p.fromText(pos, text, typ)
}

// fromText returns the literal of a type that a string stands for.
func (p *parser) fromText(pos at, text token, typ schema.DataType) Expr {
	v, err := castText(text.text, typ, p.loc)
	if err != nil {
		p.fail(text.pos, "%v", err)
	}
	return &literal{pos, v}
}
