package expr

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

type tokenKind uint8

const (
	tokenEnd    tokenKind = iota
	tokenWord             // name or keyword
	tokenQuoted           // `name`, text without the backticks
	tokenString           // 'text', unescaped
	tokenNumber           // digits, point, exponent, suffix
	tokenSymbol           // operator or punctuation
)

// A token is a piece of the text. For strings and quoted names, text is their
// content; for the others it is what is written.
type token struct {
	kind tokenKind
	text string
	pos  int
	end  int
}

// String describes a token for error messages.
func (t token) String() string {
	switch t.kind {
	case tokenEnd:
		return "the end"
	case tokenString:
		return "a string"
	case tokenQuoted:
		return "`" + clip(t.text) + "`"
	}
	return `"` + clip(t.text) + `"`
}

func clip(s string) string {
	const most = 40
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most]) + "…"
}

func (t token) is(symbol string) bool { return t.kind == tokenSymbol && t.text == symbol }

// word reports whether t is the given keyword, which is in upper case.
func (t token) word(keyword string) bool {
	return t.kind == tokenWord && len(t.text) == len(keyword) && strings.EqualFold(t.text, keyword)
}

type lexer struct {
	text string
	pos  int
}

func (l *lexer) errorf(pos int, format string, args ...any) error {
	return &Error{Msg: fmt.Sprintf(format, args...), Text: l.text, Pos: pos}
}

// next returns the next token.
func (l *lexer) next() (token, error) {
	for l.pos < len(l.text) && strings.IndexByte(" \t\r\n", l.text[l.pos]) >= 0 {
		l.pos++
	}
	start := l.pos
	if start == len(l.text) {
		return token{kind: tokenEnd, pos: start, end: start}, nil
	}
	t := token{pos: start}
	var err error
	switch c := l.text[start]; {
	case c == '\'' || c == '"':
		t.kind = tokenString
		t.text, err = l.str(false)
	case (c == 'r' || c == 'R') && start+1 < len(l.text) && (l.text[start+1] == '\'' || l.text[start+1] == '"'):
		l.pos++
		t.kind = tokenString
		t.text, err = l.str(true)
	case c == '`':
		t.kind = tokenQuoted
		t.text, err = l.quoted()
	case isDigit(c) || c == '.' && start+1 < len(l.text) && isDigit(l.text[start+1]):
		t.kind = l.number()
		t.text = l.text[start:l.pos]
	case l.wordLen() > 0:
		t.kind = tokenWord
		l.pos += l.wordLen()
		t.text = l.text[start:l.pos]
	default:
		t.kind = tokenSymbol
		t.text, err = l.symbol()
	}
	t.end = l.pos
	return t, err
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// wordLen returns the length of the letters, digits and underscores from here on.
func (l *lexer) wordLen() int {
	for i, r := range l.text[l.pos:] {
		if r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) {
			return i
		}
	}
	return len(l.text) - l.pos
}

// number passes over a number, or over a name that begins with digits.
func (l *lexer) number() tokenKind {
	start := l.pos
	digits := func() {
		for l.pos < len(l.text) && isDigit(l.text[l.pos]) {
			l.pos++
		}
	}
	digits()
	point := l.pos < len(l.text) && l.text[l.pos] == '.'
	if point {
		l.pos++
		digits()
	}
	if rest := l.text[l.pos:]; len(rest) > 1 && rest[0]|0x20 == 'e' {
		exp := rest[1:]
		if exp[0] == '+' || exp[0] == '-' {
			exp = exp[1:]
		}
		if exp != "" && isDigit(exp[0]) {
			l.pos = len(l.text) - len(exp)
			digits()
		}
	}
	n := l.wordLen()
	suffix := l.text[l.pos : l.pos+n]
	switch strings.ToUpper(suffix) {
	case "", "L", "S", "Y", "D", "F", "BD":
		l.pos += n
		return tokenNumber
	}
	l.pos += n
	if !point && !strings.ContainsAny(l.text[start:l.pos], "+-") {
		return tokenWord // 2024_sales
	}
	return tokenNumber // refused when it is parsed
}

// quoted reads a name in backticks, where two are one.
func (l *lexer) quoted() (string, error) {
	start := l.pos
	l.pos++
	var b strings.Builder
	for {
		n := strings.IndexByte(l.text[l.pos:], '`')
		if n < 0 {
			return "", l.errorf(start, "the backtick is not closed")
		}
		b.WriteString(l.text[l.pos : l.pos+n])
		l.pos += n + 1
		if l.pos == len(l.text) || l.text[l.pos] != '`' {
			break
		}
		b.WriteByte('`')
		l.pos++
	}
	if b.Len() == 0 {
		return "", l.errorf(start, "the name is empty")
	}
	return b.String(), nil
}

// str reads a string literal. Two quotes within it are one; a raw one has no
// escapes.
func (l *lexer) str(raw bool) (string, error) {
	start, quote := l.pos, l.text[l.pos]
	l.pos++
	var b strings.Builder
	for l.pos < len(l.text) {
		c := l.text[l.pos]
		switch {
		case c == quote && !raw && l.pos+1 < len(l.text) && l.text[l.pos+1] == quote:
			b.WriteByte(quote)
			l.pos += 2
		case c == quote:
			l.pos++
			return b.String(), nil
		case c == '\\' && !raw:
			if err := l.escape(&b); err != nil {
				return "", err
			}
		default:
			b.WriteByte(c)
			l.pos++
		}
	}
	return "", l.errorf(start, "the string is not closed: a %c is missing", quote)
}

// escape reads one backslash escape as Spark does.
func (l *lexer) escape(b *strings.Builder) error {
	start, rest := l.pos, l.text[l.pos+1:]
	if rest == "" {
		l.pos++
		return nil // the string is not closed
	}
	if n := map[byte]int{'u': 4, 'U': 8}[rest[0]]; n > 0 {
		r, ok := hexRune(rest[1:], n)
		if !ok {
			return l.errorf(start, `\%c needs %d hexadecimal digits of a character`, rest[0], n)
		}
		b.WriteRune(r)
		l.pos += 2 + n
		return nil
	}
	if len(rest) >= 3 && (rest[0] == '0' || rest[0] == '1') && isOctal(rest[1]) && isOctal(rest[2]) {
		b.WriteByte((rest[0]-'0')<<6 | (rest[1]-'0')<<3 | (rest[2] - '0'))
		l.pos += 4
		return nil
	}
	r, n := utf8.DecodeRuneInString(rest)
	l.pos += 1 + n
	switch r {
	case '0':
		b.WriteByte(0)
	case 'b':
		b.WriteByte('\b')
	case 'n':
		b.WriteByte('\n')
	case 'r':
		b.WriteByte('\r')
	case 't':
		b.WriteByte('\t')
	case 'Z':
		b.WriteByte(0x1a)
	case '%', '_': // kept for LIKE
		b.WriteByte('\\')
		b.WriteRune(r)
	default:
		b.WriteRune(r)
	}
	return nil
}

func isOctal(c byte) bool { return '0' <= c && c <= '7' }

func hexRune(s string, n int) (rune, bool) {
	if len(s) < n {
		return 0, false
	}
	var r rune
	for _, c := range []byte(s[:n]) {
		d := strings.IndexByte("0123456789abcdef", c|0x20)
		if d < 0 || c < '0' {
			return 0, false
		}
		if r = r<<4 | rune(d); r > unicode.MaxRune {
			return 0, false
		}
	}
	return r, utf8.ValidRune(r)
}

// symbol reads an operator or punctuation, the longest that fits.
func (l *lexer) symbol() (string, error) {
	rest := l.text[l.pos:]
	for _, s := range []string{"--", "/*"} {
		if strings.HasPrefix(rest, s) {
			return "", l.errorf(l.pos, "comments are not allowed in a condition")
		}
	}
	for _, s := range []string{
		"<=>", "==", "!=", "<>", "<=", ">=", "||", "::", "->",
		"=", "<", ">", "!", "(", ")", ",", ".", "+", "-", "*", "/", "%", "&", "|", "^", "~", "[", "]", ":", ";", "?",
	} {
		if strings.HasPrefix(rest, s) {
			l.pos += len(s)
			return s, nil
		}
	}
	r, _ := utf8.DecodeRuneInString(rest)
	return "", l.errorf(l.pos, "unexpected character %q", r)
}
