package expr

import "strings"

// ParseAssignments reads the list of an UPDATE SET: a = expr, b.c = DEFAULT. An
// error is an [*Error] with its position.
func ParseAssignments(text string, o *Options) ([]Assignment, error) {
	p, err := newParser(text, o)
	if err != nil {
		return nil, err
	}
	set := p.assignments()
	p.end("a comma or the end")
	if p.err != nil {
		return nil, p.err
	}
	return set, nil
}

// ParseMerge reads a MERGE statement:
//
//	MERGE [WITH SCHEMA EVOLUTION] INTO target [[AS] t] USING source [[AS] s] ON condition
//	  WHEN MATCHED [AND condition] THEN UPDATE SET * | UPDATE SET a = expr, … | DELETE
//	  WHEN NOT MATCHED [BY TARGET] [AND condition] THEN INSERT * | INSERT (a, …) VALUES (expr, …)
//	  WHEN NOT MATCHED BY SOURCE [AND condition] THEN UPDATE SET a = expr, … | DELETE
//
// with any number of clauses, and comments: -- to the end of the line, and /* */.
// An error is an [*Error] with its position.
func ParseMerge(text string, o *Options) (*MergeStatement, error) {
	text = withoutComments(text)
	p, err := newParser(text, o)
	if err != nil {
		return nil, err
	}
	m := p.merge()
	if p.err != nil {
		return nil, p.err
	}
	m.Text = text
	for _, c := range m.Clauses {
		c.Text = text
	}
	return m, nil
}

// withoutComments returns the text with blanks in place of its comments, so that
// positions stay what they are.
func withoutComments(text string) string {
	out := []byte(text)
	for i := 0; i < len(text); {
		rest, end := text[i:], 1
		switch {
		case rest[0] == '\'' || rest[0] == '"' || rest[0] == '`':
			for end < len(rest) && rest[end] != rest[0] {
				if rest[end] == '\\' && rest[0] != '`' {
					end++
				}
				end++
			}
			end++
		case strings.HasPrefix(rest, "--"):
			end = blank(out[i:], strings.IndexByte(rest, '\n'))
		case strings.HasPrefix(rest, "/*"):
			n := strings.Index(rest[2:], "*/")
			if n < 0 {
				return string(out) // the parser says that it does not end
			}
			end = blank(out[i:], n+4)
		}
		i += end
	}
	return string(out)
}

// blank writes blanks over the first n bytes, or over all if n is negative, but
// leaves ends of lines. It returns how many bytes that are.
func blank(b []byte, n int) int {
	if n < 0 {
		n = len(b)
	}
	for i := range b[:n] {
		if b[i] != '\n' {
			b[i] = ' '
		}
	}
	return n
}

// ParseClause reads one clause without its WHEN MATCHED: the action, and after
// it perhaps IF or WHERE and a condition; or as SQL has it, AND, the condition,
// THEN and the action:
//
//	update set a = s.a if s.x > 1
//	delete if t.old
//	insert (a, b) values (s.a, 1)
//	and s.x > 1 then update set *
//
// An error is an [*Error] with its position.
func ParseClause(kind ClauseKind, text string, o *Options) (*MergeClause, error) {
	p, err := newParser(text, o)
	if err != nil {
		return nil, err
	}
	c := &MergeClause{Kind: kind, Pos: p.tok.pos, Text: text}
	if p.accept("AND") {
		c.Condition = p.or()
		p.expect("THEN", "after the condition")
	} else {
		p.accept("THEN")
	}
	p.action(c)
	if c.Condition == nil && (p.accept("IF") || p.accept("WHERE")) {
		c.Condition = p.or()
	}
	p.end("IF and a condition, or the end")
	if p.err != nil {
		return nil, p.err
	}
	return c, nil
}

func (p *parser) expect(keyword, after string) {
	if !p.accept(keyword) {
		p.unexpected(keyword + " " + after)
	}
}

func (p *parser) merge() *MergeStatement {
	m := &MergeStatement{}
	p.expect("MERGE", "at the beginning")
	if p.accept("WITH") {
		p.expect("SCHEMA", "EVOLUTION after WITH")
		p.expect("EVOLUTION", "after WITH SCHEMA")
		m.SchemaEvolution = true
	}
	p.expect("INTO", "after MERGE")
	m.Target = p.table()
	p.expect("USING", "after the target")
	if p.tok.is("(") {
		p.fail(p.tok.pos, "the source must be a table; a query is not supported")
	}
	m.Source = p.table()
	p.expect("ON", "after the source")
	m.On = p.or()
	for p.accept("WHEN") {
		m.Clauses = append(m.Clauses, p.clause())
	}
	if len(m.Clauses) == 0 {
		p.unexpected("WHEN after the condition")
	}
	p.acceptSymbol(";")
	p.end("WHEN or the end")
	return m
}

// table reads a name or a path, and its alias.
func (p *parser) table() TableRef {
	t := TableRef{Pos: p.tok.pos}
	quoted := p.tok.kind == tokenQuoted
	if p.tok.kind != tokenWord && !quoted {
		p.unexpected("a table's name or path")
		return t
	}
	name := p.name(p.here()).(*column).path
	switch {
	case len(name) == 2 && strings.EqualFold(name[0], "delta"):
		t.Path = name[1]
	case len(name) == 1 && quoted && strings.ContainsAny(name[0], "/:\\"):
		t.Path = name[0]
	default:
		t.Name = name
	}
	if p.accept("AS") && p.tok.kind != tokenWord && p.tok.kind != tokenQuoted {
		p.unexpected("a name after AS")
	}
	if p.tok.kind == tokenQuoted || p.tok.kind == tokenWord && !p.tok.word("USING") && !p.tok.word("ON") {
		t.Alias = p.tok.text
		p.advance()
	}
	return t
}

// clause reads a clause, whose WHEN is read.
func (p *parser) clause() *MergeClause {
	c := &MergeClause{Pos: p.tok.pos}
	if p.accept("NOT") {
		c.Kind = WhenNotMatched
	}
	p.expect("MATCHED", "after WHEN")
	if c.Kind == WhenNotMatched && p.accept("BY") {
		switch {
		case p.accept("SOURCE"):
			c.Kind = WhenNotMatchedBySource
		case !p.accept("TARGET"):
			p.unexpected("TARGET or SOURCE after BY")
		}
	}
	if p.accept("AND") {
		c.Condition = p.or()
	}
	p.expect("THEN", "after "+c.Kind.String())
	p.action(c)
	return c
}

// action reads what a clause does, if its kind may do that.
func (p *parser) action(c *MergeClause) {
	pos := p.tok.pos
	switch {
	case p.accept("DELETE"):
		c.Action = Delete
	case p.accept("UPDATE"):
		c.Action = Update
		p.expect("SET", "after UPDATE")
		if c.Star = p.acceptSymbol("*"); !c.Star {
			c.Set = p.assignments()
		}
	case p.accept("INSERT"):
		c.Action = Insert
		if c.Star = p.acceptSymbol("*"); !c.Star {
			c.Set = p.insert()
		}
	default:
		p.unexpected("UPDATE, DELETE or INSERT")
		return
	}
	if (c.Action == Insert) != (c.Kind == WhenNotMatched) {
		p.fail(pos, "%s does not go with %s", c.Action, c.Kind)
	}
	if c.Star && c.Kind == WhenNotMatchedBySource {
		p.fail(pos, "UPDATE SET * needs a row of the source, which %s has not", c.Kind)
	}
}

// assignments reads a = expr, b.c = DEFAULT.
func (p *parser) assignments() []Assignment {
	var set []Assignment
	for {
		a := p.target()
		if !p.acceptSymbol("=") && !p.acceptSymbol("==") {
			p.unexpected(`"=" after the column`)
		}
		a.Value = p.valueOrDefault()
		set = append(set, a)
		if p.err != nil || !p.acceptSymbol(",") {
			return set
		}
	}
}

// target reads the column of an assignment.
func (p *parser) target() Assignment {
	a := Assignment{Pos: p.tok.pos}
	if p.tok.kind == tokenWord && reserved(p.tok.text) || p.tok.kind != tokenWord && p.tok.kind != tokenQuoted {
		p.unexpected("a column")
		return a
	}
	a.Path = p.name(p.here()).(*column).path
	return a
}

// valueOrDefault returns nil for DEFAULT.
func (p *parser) valueOrDefault() Expr {
	if p.tok.word("DEFAULT") {
		rest := *p
		p.advance()
		if p.tok.kind == tokenEnd || p.tok.is(",") || p.tok.is(")") || p.tok.kind == tokenWord {
			return nil
		}
		*p = rest // a column or function of that name
	}
	return p.or()
}

// insert reads (a, b) VALUES (expr, DEFAULT).
func (p *parser) insert() []Assignment {
	var set []Assignment
	p.expectSymbol("(", "or * after INSERT")
	for p.err == nil {
		set = append(set, p.target())
		if !p.acceptSymbol(",") {
			break
		}
	}
	p.expectSymbol(")", "or a comma in the columns of INSERT")
	p.expect("VALUES", "after the columns")
	pos := p.tok.pos
	p.expectSymbol("(", "after VALUES")
	n := 0
	for p.err == nil {
		v := p.valueOrDefault()
		if n < len(set) {
			set[n].Value = v
		}
		n++
		if !p.acceptSymbol(",") {
			break
		}
	}
	p.expectSymbol(")", "or a comma in the values of INSERT")
	if n != len(set) {
		p.fail(pos, "%d columns and %d values", len(set), n)
	}
	return set
}
