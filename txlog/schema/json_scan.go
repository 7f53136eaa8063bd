package schema

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth bounds the nesting of types, and of JSON inside field metadata.
const maxDepth = 200

// A scanner reads JSON from s, strictly: no duplicate keys, no invalid UTF-8,
// nothing after the value. Positions in its errors are byte offsets.
type scanner struct {
	s string
	i int
}

func (p *scanner) errorf(format string, args ...any) error {
	return fmt.Errorf("at byte %d: "+format, append([]any{p.i}, args...)...)
}

func (p *scanner) space() {
	for p.i < len(p.s) {
		switch p.s[p.i] {
		case ' ', '\t', '\n', '\r':
			p.i++
		default:
			return
		}
	}
}

// peek returns the next byte that is not white space, or 0 at the end.
func (p *scanner) peek() byte {
	p.space()
	if p.i < len(p.s) {
		return p.s[p.i]
	}
	return 0
}

func (p *scanner) expect(c byte) error {
	if got := p.peek(); got != c {
		return p.unexpected(strconv.QuoteRune(rune(c)))
	}
	p.i++
	return nil
}

func (p *scanner) unexpected(want string) error {
	if p.i >= len(p.s) {
		return p.errorf("want %s, got the end of the text", want)
	}
	r, _ := utf8.DecodeRuneInString(p.s[p.i:])
	return p.errorf("want %s, got %q", want, r)
}

// object reads an object and calls visit for each key, with the position at
// the value, which visit must consume.
func (p *scanner) object(visit func(key string) error) error {
	if err := p.expect('{'); err != nil {
		return err
	}
	if p.peek() == '}' {
		p.i++
		return nil
	}
	var seen keySet
	for {
		p.space()
		at := p.i
		key, err := p.str()
		if err != nil {
			return err
		}
		if !seen.add(key) {
			p.i = at
			return p.errorf("key %q stands twice in one object", key)
		}
		if err := p.expect(':'); err != nil {
			return err
		}
		p.space()
		if err := visit(key); err != nil {
			return err
		}
		switch p.peek() {
		case ',':
			p.i++
		case '}':
			p.i++
			return nil
		default:
			return p.unexpected("',' or '}'")
		}
	}
}

// array reads an array and calls visit at each element.
func (p *scanner) array(visit func() error) error {
	if err := p.expect('['); err != nil {
		return err
	}
	if p.peek() == ']' {
		p.i++
		return nil
	}
	for {
		p.space()
		if err := visit(); err != nil {
			return err
		}
		switch p.peek() {
		case ',':
			p.i++
		case ']':
			p.i++
			return nil
		default:
			return p.unexpected("',' or ']'")
		}
	}
}

// raw skips one value and returns its text as it stands.
func (p *scanner) raw(depth int) (string, error) {
	p.space()
	start := p.i
	if err := p.skip(depth); err != nil {
		return "", err
	}
	return p.s[start:p.i], nil
}

func (p *scanner) skip(depth int) error {
	if depth > maxDepth {
		return p.errorf("nested deeper than %d", maxDepth)
	}
	switch c := p.peek(); {
	case c == '{':
		return p.object(func(string) error { return p.skip(depth + 1) })
	case c == '[':
		return p.array(func() error { return p.skip(depth + 1) })
	case c == '"':
		_, err := p.str()
		return err
	case c == '-' || '0' <= c && c <= '9':
		return p.number()
	case c == 't':
		return p.literal("true")
	case c == 'f':
		return p.literal("false")
	case c == 'n':
		return p.literal("null")
	default:
		return p.unexpected("a value")
	}
}

func (p *scanner) literal(word string) error {
	if !strings.HasPrefix(p.s[p.i:], word) {
		return p.unexpected(word)
	}
	p.i += len(word)
	return nil
}

func (p *scanner) boolean() (bool, error) {
	if p.peek() == 't' {
		return true, p.literal("true")
	}
	return false, p.literal("false")
}

func (p *scanner) number() error {
	if p.s[p.i] == '-' {
		p.i++
	}
	if p.i < len(p.s) && p.s[p.i] == '0' {
		p.i++
	} else if !p.digits() {
		return p.unexpected("a digit")
	}
	if p.i < len(p.s) && p.s[p.i] == '.' {
		p.i++
		if !p.digits() {
			return p.unexpected("a digit")
		}
	}
	if p.i < len(p.s) && p.s[p.i]|0x20 == 'e' {
		p.i++
		if p.i < len(p.s) && (p.s[p.i] == '+' || p.s[p.i] == '-') {
			p.i++
		}
		if !p.digits() {
			return p.unexpected("a digit")
		}
	}
	return nil
}

func (p *scanner) digits() bool {
	start := p.i
	for p.i < len(p.s) && '0' <= p.s[p.i] && p.s[p.i] <= '9' {
		p.i++
	}
	return p.i > start
}

// str reads a string. The result shares the text's memory if nothing in it is
// escaped.
func (p *scanner) str() (string, error) {
	if err := p.expect('"'); err != nil {
		return "", err
	}
	start := p.i
	for p.i < len(p.s) {
		switch c := p.s[p.i]; {
		case c == '"':
			out := p.s[start:p.i]
			if !utf8.ValidString(out) {
				return "", p.errorf("string is not valid UTF-8")
			}
			p.i++
			return out, nil
		case c == '\\':
			return p.escaped(start)
		case c < 0x20:
			return "", p.errorf("control character %q in a string", c)
		default:
			p.i++
		}
	}
	return "", p.unexpected("'\"'")
}

// escaped goes on with a string that began at start, at its first backslash.
func (p *scanner) escaped(start int) (string, error) {
	out := []byte(p.s[start:p.i])
	for p.i < len(p.s) {
		switch c := p.s[p.i]; {
		case c == '"':
			if !utf8.Valid(out) {
				return "", p.errorf("string is not valid UTF-8")
			}
			p.i++
			return string(out), nil
		case c < 0x20:
			return "", p.errorf("control character %q in a string", c)
		case c != '\\':
			out = append(out, c)
			p.i++
		default:
			var err error
			if out, err = p.escape(out); err != nil {
				return "", err
			}
		}
	}
	return "", p.unexpected("'\"'")
}

// escape decodes one escape sequence. Half a surrogate pair is an error: a name
// that holds one cannot be written back.
func (p *scanner) escape(out []byte) ([]byte, error) {
	if p.i+1 >= len(p.s) {
		return nil, p.unexpected("an escaped character")
	}
	c := p.s[p.i+1]
	if k := strings.IndexByte(`"\/bfnrt`, c); k >= 0 {
		p.i += 2
		return append(out, "\"\\/\b\f\n\r\t"[k]), nil
	}
	if c != 'u' {
		return nil, p.errorf("unknown escape \\%c", c)
	}
	r, ok := hex4(p.s, p.i+2)
	if !ok {
		return nil, p.errorf("\\u needs four hexadecimal digits")
	}
	n := 6
	if utf16.IsSurrogate(r) {
		low, ok := rune(0), false
		if strings.HasPrefix(p.s[p.i+6:], `\u`) {
			low, ok = hex4(p.s, p.i+8)
		}
		if r = utf16.DecodeRune(r, low); !ok || r == utf8.RuneError {
			return nil, p.errorf("half a surrogate pair")
		}
		n = 12
	}
	p.i += n
	return utf8.AppendRune(out, r), nil
}

func hex4(s string, i int) (rune, bool) {
	if i+4 > len(s) {
		return 0, false
	}
	var r rune
	for _, c := range []byte(s[i : i+4]) {
		switch {
		case '0' <= c && c <= '9':
			r = r<<4 | rune(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return r, true
}

// A keySet finds duplicate keys: in a list while there are few, as in nearly
// every object, and in a map after that.
type keySet struct {
	list []string
	more map[string]bool
	buf  [8]string
}

func (k *keySet) add(key string) bool {
	if k.more != nil {
		if k.more[key] {
			return false
		}
		k.more[key] = true
		return true
	}
	for _, s := range k.list {
		if s == key {
			return false
		}
	}
	if k.list == nil {
		k.list = k.buf[:0]
	}
	if len(k.list) < len(k.buf) {
		k.list = append(k.list, key)
		return true
	}
	k.more = make(map[string]bool, 4*len(k.buf))
	for _, s := range k.list {
		k.more[s] = true
	}
	k.more[key] = true
	return true
}

// appendQuoted writes s as a JSON string, escaping no more than JSON asks for.
// Bytes that are not UTF-8 become U+FFFD.
func appendQuoted(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c >= utf8.RuneSelf:
			r, n := utf8.DecodeRuneInString(s[i:])
			dst = utf8.AppendRune(dst, r)
			i += n
			continue
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c >= 0x20:
			dst = append(dst, c)
		default:
			if k := strings.IndexByte("\b\f\n\r\t", c); k >= 0 {
				dst = append(dst, '\\', "bfnrt"[k])
			} else {
				dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
			}
		}
		i++
	}
	return append(dst, '"')
}
