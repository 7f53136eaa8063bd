package expr

import (
	"strings"

	"github.com/deltalog/deltalog/txlog/schema"
)

// call reads the arguments of a function, whose name is read. Forms with words
// between the arguments become calls of the function that they stand for.
func (p *parser) call(pos at, name token) Expr {
	p.advance()
	if !p.enter() {
		return True
	}
	defer p.leave()
	lower := strings.ToLower(name.text)
	switch lower {
	case "cast", "try_cast":
		return p.cast(pos, lower == "try_cast")
	case "extract":
		return p.extract(pos)
	case "trim":
		if e := p.trim(pos); e != nil {
			return e
		}
	case "struct":
		return p.structOf(pos)
	}
	e := &call{pos, lower, nil}
	if p.acceptSymbol(")") {
		return e
	}
	switch {
	case p.tok.is("*"):
		p.fail(p.tok.pos, "%s(*) is not a function of one row", lower)
	case p.tok.word("DISTINCT"):
		p.fail(p.tok.pos, "%s(DISTINCT …) is not a function of one row", lower)
	}
	if lower == "position" { // whose IN is no comparison
		e.args = append(e.args, p.sum())
	} else {
		e.args = append(e.args, p.or())
	}
	switch {
	case lower == "position" && p.accept("IN"):
		e.args = append(e.args, p.sum())
	case (lower == "substring" || lower == "substr") && p.accept("FROM"):
		e.args = append(e.args, p.or())
		if p.accept("FOR") {
			e.args = append(e.args, p.or())
		}
	default:
		for p.acceptSymbol(",") {
			e.args = append(e.args, p.or())
		}
		unitFirst(e)
	}
	p.expectSymbol(")", "or a comma after the arguments of "+lower)
	return e
}

// unitFirst makes the unit of date_add(DAY, 1, d), which is a bare word, a
// string, and the function the one that takes it.
func unitFirst(e *call) {
	name := map[string]string{
		"date_add": "timestampadd", "dateadd": "timestampadd", "timestampadd": "timestampadd",
		"date_diff": "timestampdiff", "datediff": "timestampdiff", "timestampdiff": "timestampdiff",
	}[e.name]
	if name == "" || len(e.args) != 3 {
		return
	}
	if unit, is := e.args[0].(*column); is && len(unit.path) == 1 {
		e.name, e.args[0] = name, &literal{unit.at, schema.StringValue(strings.ToUpper(unit.path[0]))}
	}
}

// cast reads CAST(x AS type), of which CAST( is read.
func (p *parser) cast(pos at, try bool) Expr {
	x := p.or()
	if !p.accept("AS") {
		p.unexpected("AS")
	}
	typ := p.typeName()
	p.expectSymbol(")", "after the type")
	return p.castTo(pos, x, typ, try)
}

// extract reads EXTRACT(unit FROM x).
func (p *parser) extract(pos at) Expr {
	unit := p.tok
	if unit.kind != tokenWord && unit.kind != tokenString {
		p.unexpected("a unit such as YEAR in EXTRACT")
		return True
	}
	p.advance()
	if !p.accept("FROM") {
		p.unexpected("FROM after the unit of EXTRACT")
	}
	x := p.or()
	p.expectSymbol(")", "after EXTRACT(")
	return &call{pos, "date_part", []Expr{&literal{at(unit.pos + 1), schema.StringValue(strings.ToUpper(unit.text))}, x}}
}

// trim reads TRIM(BOTH 'x' FROM s); nil if it is a function like others.
func (p *parser) trim(pos at) Expr {
	name := ""
	switch {
	case p.tok.word("BOTH"):
		name = "btrim"
	case p.tok.word("LEADING"):
		name = "ltrim"
	case p.tok.word("TRAILING"):
		name = "rtrim"
	default:
		return nil
	}
	p.advance()
	var args []Expr
	if !p.tok.word("FROM") {
		args = append(args, p.or())
	}
	if !p.accept("FROM") {
		p.unexpected("FROM in TRIM")
	}
	s := p.or()
	p.expectSymbol(")", "after TRIM(")
	switch {
	case len(args) == 0:
		args = []Expr{s}
	case name == "btrim": // takes what to trim last
		args = []Expr{s, args[0]}
	default:
		args = append(args, s)
	}
	return &call{pos, name, args}
}

// structOf reads STRUCT(a, b AS name, …), of which STRUCT( is read.
func (p *parser) structOf(pos at) Expr {
	e := &call{pos, "named_struct", nil}
	if p.acceptSymbol(")") {
		return e
	}
	for i := 1; ; i++ {
		x := p.or()
		name := "col" + itoa(i)
		switch c := x.(type) {
		case *column:
			name = c.path[len(c.path)-1]
		case *fieldOf:
			name = c.name
		}
		if p.accept("AS") {
			if p.tok.kind != tokenWord && p.tok.kind != tokenQuoted {
				p.unexpected("a name after AS")
			}
			name = p.tok.text
			p.advance()
		}
		e.args = append(e.args, &literal{pos, schema.StringValue(name)}, x)
		if p.err != nil || !p.acceptSymbol(",") {
			break
		}
	}
	p.expectSymbol(")", "or a comma after the fields of STRUCT")
	return e
}
