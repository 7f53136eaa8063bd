package stats

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unsafe"
)

// maxDepth bounds the nesting of statistics. A schema's is at most 200.
const maxDepth = 256

// Parse reads the JSON text of a file's statistics into f, which it reuses.
// Strings in f share raw's memory.
//
// What the layout does not have is passed over. A bound is absent if it is null
// or cannot be read as a value of the column's type: a file is then not left
// out on its account. The max of a timestamp is one millisecond more than it
// says, since writers truncate it (PROTOCOL.md, "Per-file Statistics"). A
// timestamp without a zone is no bound, since its zone is not known.
//
// The error says that raw is not JSON. Nothing is known of the file then, and f
// is still good to use.
func (l *Layout) Parse(raw string, f *File) error {
	p := parser{s: raw, layout: l, file: f}
	return p.parse()
}

// ParseEscaped is [Layout.Parse] for the inside of the JSON string that the log
// has: {\"numRecords\":1}. If no key or value in it has an escape of its own
// nothing is copied, and strings in f share raw's memory: raw must not change
// while f is in use.
func (l *Layout) ParseEscaped(raw []byte, f *File) error {
	s := unsafe.String(unsafe.SliceData(raw), len(raw))
	p := parser{s: s, layout: l, file: f, escaped: true}
	err := p.parse()
	if err == nil {
		return nil
	}
	// An escape inside a string, or around the structure, or no JSON at all.
	var text string
	quoted := make([]byte, 0, len(raw)+2)
	quoted = append(append(append(quoted, '"'), raw...), '"')
	if json.Unmarshal(quoted, &text) != nil {
		return err
	}
	return l.Parse(text, f)
}

// A parser reads one text, once. Its methods return false where the text is not
// JSON, with i at the place.
type parser struct {
	s      string
	i      int
	layout *Layout
	file   *File
	// escaped: quotes are written \", and any other backslash is an error.
	escaped bool
}

func (p *parser) parse() error {
	p.file.Reset(len(p.layout.leaves))
	ok := p.top()
	if ok {
		p.space()
		ok = p.i == len(p.s)
	}
	if !ok {
		p.file.Reset(len(p.layout.leaves))
		return fmt.Errorf("stats: not valid JSON at byte %d", p.i)
	}
	return nil
}

// top reads the outermost object.
func (p *parser) top() bool {
	for first := true; ; first = false {
		key, more, ok := p.key(first)
		if !ok || !more {
			return ok
		}
		switch key {
		case "numRecords":
			p.file.NumRecords, ok = p.count()
		case "tightBounds":
			var t token
			t, ok = p.token(0)
			p.file.TightBounds = t.kind != tokenLiteral || t.text != "false"
		case "minValues":
			ok = p.columns(&p.layout.root, sectionMin, 1)
		case "maxValues":
			ok = p.columns(&p.layout.root, sectionMax, 1)
		case "nullCount":
			ok = p.columns(&p.layout.root, sectionNulls, 1)
		default:
			ok = p.skip(1)
		}
		if !ok {
			return false
		}
	}
}

// columns reads the object of one level of columns. Anything but an object,
// such as null, tells nothing.
func (p *parser) columns(n *node, s section, depth int) bool {
	p.space()
	if p.i == len(p.s) || p.s[p.i] != '{' || depth > maxDepth {
		return p.skip(depth)
	}
	guess := 0
	for first := true; ; first = false {
		k, more, ok := p.column(n, guess, first)
		if !ok || !more {
			return ok
		}
		if k < 0 {
			if !p.skip(depth + 1) {
				return false
			}
			continue
		}
		guess = k + 1
		switch kid := n.kids[k]; {
		case kid.leaf < 0:
			ok = p.columns(kid, s, depth+1)
		case s == sectionNulls:
			p.file.Columns[kid.leaf].NullCount, ok = p.count()
		default:
			ok = p.bound(kid, s, depth+1)
		}
		if !ok {
			return false
		}
	}
}

// column goes to the next member of an object of columns and says which column
// it is; -1: none of n's. Writers list columns in the table's order and without
// white space, so that the text mostly goes on with the column after guess's.
func (p *parser) column(n *node, guess int, first bool) (k int, more, ok bool) {
	if guess < len(n.kids) && p.i < len(p.s) {
		want := n.kids[guess].plain
		if p.escaped {
			want = n.kids[guess].escaped
		}
		open := byte(',')
		if first {
			open = '{'
		}
		if want != "" && p.s[p.i] == open && strings.HasPrefix(p.s[p.i+1:], want) {
			p.i += 1 + len(want)
			return guess, true, true
		}
	}
	key, more, ok := p.key(first)
	if !ok || !more {
		return -1, more, ok
	}
	return n.find(key, guess), true, true
}

func (p *parser) bound(n *node, s section, depth int) bool {
	t, ok := p.token(depth)
	if !ok {
		return false
	}
	c := &p.file.Columns[n.leaf]
	if s == sectionMin {
		c.HasMin = n.bound(&c.Min, t, false)
	} else {
		c.HasMax = n.bound(&c.Max, t, true)
	}
	return true
}

// count reads a number of rows; -1 if it is none.
func (p *parser) count() (int64, bool) {
	t, ok := p.token(0)
	if !ok {
		return -1, false
	}
	if n, isInt := parseInt(t.text); isInt && t.kind == tokenNumber && n >= 0 {
		return n, true
	}
	return -1, true
}

// key goes to the next member of an object, whose opening brace it reads the
// first time. more is false at the end of the object.
func (p *parser) key(first bool) (key string, more, ok bool) {
	p.space()
	if first {
		if !p.accept('{') {
			return "", false, false
		}
		p.space()
		if p.accept('}') {
			return "", false, true
		}
	} else {
		if p.accept('}') {
			return "", false, true
		}
		if !p.accept(',') {
			return "", false, false
		}
		p.space()
	}
	key, escape, ok := p.str()
	if !ok {
		return "", false, false
	}
	if escape {
		if key, ok = unquote(key); !ok {
			return "", false, false
		}
	}
	p.space()
	return key, true, p.accept(':')
}

// A token is a value that is not an object or array, or a placeholder for one.
type token struct {
	text string
	kind tokenKind
}

type tokenKind uint8

const (
	tokenNumber  tokenKind = iota
	tokenString            // the text is the value
	tokenEscaped           // the text is what stands between the quotes
	tokenLiteral           // true, false, null
	tokenNested            // an object or array, passed over
)

func (p *parser) token(depth int) (token, bool) {
	p.space()
	if p.i == len(p.s) {
		return token{}, false
	}
	start := p.i
	switch c := p.s[p.i]; {
	case c == '-' || c-'0' <= 9:
		for p.i++; p.i < len(p.s) && numeric(p.s[p.i]); p.i++ {
		}
		return token{p.s[start:p.i], tokenNumber}, true
	case c == '"' || c == '\\':
		s, escape, ok := p.str()
		if escape {
			return token{s, tokenEscaped}, ok
		}
		return token{s, tokenString}, ok
	case c == '{' || c == '[':
		return token{kind: tokenNested}, p.skip(depth)
	}
	for _, word := range [...]string{"null", "true", "false"} {
		if strings.HasPrefix(p.s[p.i:], word) {
			p.i += len(word)
			return token{word, tokenLiteral}, true
		}
	}
	return token{}, false
}

func numeric(c byte) bool {
	return c-'0' <= 9 || c == '.' || c == 'e' || c == 'E' || c == '+' || c == '-'
}

// skip passes over a value. It does not check numbers and escapes in strings:
// what nobody looks at may be wrong.
func (p *parser) skip(depth int) bool {
	if depth > maxDepth {
		return false
	}
	p.space()
	if p.i == len(p.s) {
		return false
	}
	switch p.s[p.i] {
	case '{':
		for first := true; ; first = false {
			_, more, ok := p.key(first)
			if !ok || !more {
				return ok
			}
			if !p.skip(depth + 1) {
				return false
			}
		}
	case '[':
		return p.skipArray(depth)
	default:
		_, ok := p.token(depth)
		return ok
	}
}

func (p *parser) skipArray(depth int) bool {
	p.i++
	p.space()
	if p.accept(']') {
		return true
	}
	for p.skip(depth + 1) {
		p.space()
		if p.accept(']') {
			return true
		}
		if !p.accept(',') {
			return false
		}
	}
	return false
}

// str reads a string: what stands between its quotes, and whether that has an
// escape.
func (p *parser) str() (s string, escape, ok bool) {
	if p.escaped {
		s, ok = p.strEscaped()
		return s, false, ok
	}
	if !p.accept('"') {
		return "", false, false
	}
	start := p.i
	for i := start; i < len(p.s); i++ {
		switch c := p.s[i]; {
		case c == '"':
			p.i = i + 1
			return p.s[start:i], escape, true
		case c == '\\':
			escape = true
			i++
		case c < ' ':
			p.i = i
			return "", false, false
		}
	}
	p.i = len(p.s)
	return "", false, false
}

// strEscaped reads a string between quotes that are written \".
func (p *parser) strEscaped() (string, bool) {
	if !strings.HasPrefix(p.s[p.i:], `\"`) {
		return "", false
	}
	start := p.i + 2
	for i := start; i < len(p.s); i++ {
		switch c := p.s[i]; {
		case c == '\\':
			p.i = i
			if i+1 == len(p.s) || p.s[i+1] != '"' {
				return "", false
			}
			p.i += 2
			return p.s[start:i], true
		case c == '"' || c < ' ':
			p.i = i
			return "", false
		}
	}
	p.i = len(p.s)
	return "", false
}

func (p *parser) space() {
	for p.i < len(p.s) && p.s[p.i] <= ' ' {
		switch p.s[p.i] {
		case ' ', '\t', '\n', '\r':
			p.i++
		default:
			return
		}
	}
}

func (p *parser) accept(c byte) bool {
	if p.i < len(p.s) && p.s[p.i] == c {
		p.i++
		return true
	}
	return false
}

// unquote decodes the inside of a JSON string.
func unquote(s string) (string, bool) {
	var out string
	err := json.Unmarshal([]byte(`"`+s+`"`), &out)
	return out, err == nil
}

// parseInt reads a decimal integer.
func parseInt(s string) (int64, bool) {
	digits := s
	if s != "" && s[0] == '-' {
		digits = s[1:]
	}
	if digits == "" {
		return 0, false
	}
	if len(digits) > 18 {
		n, err := strconv.ParseInt(s, 10, 64)
		return n, err == nil
	}
	var n int64
	for i := 0; i < len(digits); i++ {
		c := digits[i] - '0'
		if c > 9 {
			return 0, false
		}
		n = n*10 + int64(c)
	}
	if len(digits) != len(s) {
		n = -n
	}
	return n, true
}
