package txlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"
)

// maxDepth is the deepest nesting of JSON that is accepted anywhere in the log.
const maxDepth = 200

// errTruncated says that the text ended inside a value.
var errTruncated = errors.New("the text ends in the middle of a value: the object was cut off while it was written or copied")

// A scanner reads one JSON text strictly: exact keys, no duplicates that
// matter, exact integers, no trailing bytes.
//
// It owns its bytes: strings are unescaped in place and share their memory.
// The first error sticks, and every method after it returns a zero value, so
// that callers test err once.
type scanner struct {
	b     []byte
	i     int
	first bool   // no element of the innermost open container was read yet
	key   string // the last key read, for messages
	err   error
}

func (s *scanner) reset(b []byte) { *s = scanner{b: b} }

// fail records the first error and moves to the end, which ends all loops.
func (s *scanner) fail(err error) {
	if s.err == nil {
		if s.key != "" {
			err = fmt.Errorf("near field %q (byte %d): %w", s.key, min(s.i, len(s.b)), err)
		} else {
			err = fmt.Errorf("byte %d: %w", min(s.i, len(s.b)), err)
		}
		s.err = err
	}
	s.i = len(s.b)
}

// want fails with what was expected here.
func (s *scanner) want(what string) {
	if s.i >= len(s.b) {
		s.fail(errTruncated)
		return
	}
	s.fail(fmt.Errorf("found %q where %s is needed", s.b[s.i], what))
}

// peek skips white space and returns the next byte, 0 at the end.
func (s *scanner) peek() byte {
	for s.i < len(s.b) {
		switch c := s.b[s.i]; c {
		case ' ', '\t', '\r', '\n':
			s.i++
		default:
			return c
		}
	}
	return 0
}

// end requires that nothing but white space is left.
func (s *scanner) end() {
	if c := s.peek(); s.err == nil && s.i < len(s.b) {
		s.fail(fmt.Errorf("found %q after the end of the value", c))
	}
}

// open reads the bracket that starts a container.
func (s *scanner) open(c byte) {
	if s.peek() != c {
		if c == '{' {
			s.want("an object")
		} else {
			s.want("an array")
		}
		return
	}
	s.i++
	s.first = true
}

// more reports whether the innermost container has another element, and reads
// its closing bracket if not.
func (s *scanner) more(closing byte) bool {
	c := s.peek()
	if c == closing && s.err == nil {
		s.i++
		s.first = false
		return false
	}
	if !s.first {
		if c != ',' {
			s.want("a comma or the closing bracket")
			return false
		}
		s.i++
	}
	s.first = false
	return s.err == nil
}

// field reads a key and its colon.
func (s *scanner) field() string {
	if s.peek() != '"' {
		s.want("a key in quotes")
		return ""
	}
	k := s.text()
	if s.peek() != ':' {
		s.want("a colon")
		return ""
	}
	s.i++
	s.key = k
	return k
}

// null reads a null if there is one.
func (s *scanner) null() bool {
	if s.peek() == 'n' {
		s.literal("null")
		return s.err == nil
	}
	return false
}

func (s *scanner) literal(l string) {
	if len(s.b)-s.i < len(l) {
		s.fail(errTruncated)
		return
	}
	if string(s.b[s.i:s.i+len(l)]) != l {
		s.want("a JSON value")
		return
	}
	s.i += len(l)
}

// boolean reads true or false.
func (s *scanner) boolean() bool {
	switch s.peek() {
	case 't':
		s.literal("true")
		return s.err == nil
	case 'f':
		s.literal("false")
	default:
		s.want("true or false")
	}
	return false
}

// integer reads an integer exactly: no fraction, no exponent, no overflow.
func (s *scanner) integer() int64 {
	neg := false
	if s.peek() == '-' {
		neg = true
		s.i++
	}
	start := s.i
	var u uint64
	for s.i < len(s.b) && s.b[s.i]-'0' <= 9 {
		d := uint64(s.b[s.i] - '0')
		if s.i-start >= 19 || u > (math.MaxUint64-d)/10 {
			s.fail(errors.New("the number does not fit in 64 bits"))
			return 0
		}
		u = u*10 + d
		s.i++
	}
	switch {
	case s.i == start:
		s.want("an integer")
		return 0
	case s.b[start] == '0' && s.i-start > 1:
		s.fail(errors.New("the number has a leading zero"))
		return 0
	case s.i < len(s.b) && (s.b[s.i] == '.' || s.b[s.i]|0x20 == 'e'):
		s.fail(errors.New("the number is not an integer"))
		return 0
	case neg && u <= 1<<63:
		return -int64(u)
	case neg || u > math.MaxInt64:
		s.fail(errors.New("the number does not fit in 64 bits"))
		return 0
	}
	return int64(u)
}

// integer32 reads an integer of 32 bits.
func (s *scanner) integer32() int32 {
	n := s.integer()
	if n != int64(int32(n)) {
		s.fail(errors.New("the number does not fit in 32 bits"))
		return 0
	}
	return int32(n)
}

const (
	lsb = 0x0101010101010101
	msb = 0x8080808080808080
)

// special has the lowest bit set in the first byte of x that cannot stand for
// itself in a JSON string: a quote, a backslash or a control character. Bits
// above the lowest may be wrong.
func special(x uint64) uint64 {
	q := x ^ '"'*lsb
	e := x ^ '\\'*lsb
	return ((q-lsb)&^q | (e-lsb)&^e | (x-0x20*lsb)&^x) & msb
}

// text reads a string and returns it unescaped, sharing the scanner's memory.
func (s *scanner) text() string {
	if s.peek() != '"' {
		s.want("a string")
		return ""
	}
	b, start := s.b, s.i+1
	i := start
	for i+8 <= len(b) {
		if m := special(binary.LittleEndian.Uint64(b[i:])); m != 0 {
			i += bits.TrailingZeros64(m) >> 3
			break
		}
		i += 8
	}
	for i < len(b) && b[i] != '"' && b[i] != '\\' && b[i] >= 0x20 {
		i++
	}
	if i < len(b) && b[i] == '"' {
		s.i = i + 1
		return view(b[start:i])
	}
	return s.escaped(start, i)
}

// escaped goes on with a string whose first escape (or fault) is at i. What is
// unescaped never gets longer, so it is written over what was read.
func (s *scanner) escaped(start, i int) string {
	b, w := s.b, i
	for i < len(b) {
		switch c := b[i]; {
		case c == '"':
			s.i = i + 1
			return view(b[start:w])
		case c < 0x20:
			s.i = i
			s.fail(fmt.Errorf("the control character %#02x stands unescaped in a string", c))
			return ""
		case c == '\\':
			if i+1 < len(b) && (b[i+1] == '"' || b[i+1] == '\\' || b[i+1] == '/') {
				b[w] = b[i+1]
				w, i = w+1, i+2
				break
			}
			dw, di := s.escape(b[w:], b[i:])
			if di == 0 {
				return ""
			}
			w, i = w+dw, i+di
		default:
			b[w] = c
			w, i = w+1, i+1
		}
		// Move the run up to the next special byte, eight at a time. Only bytes
		// that were read may be overwritten, so the last word is blended in.
		for i+8 <= len(b) {
			x := binary.LittleEndian.Uint64(b[i:])
			m := special(x)
			if m == 0 {
				binary.LittleEndian.PutUint64(b[w:], x)
				w, i = w+8, i+8
				continue
			}
			n := bits.TrailingZeros64(m) >> 3
			keep := ^uint64(0) << (8 * n)
			y := binary.LittleEndian.Uint64(b[w:])
			binary.LittleEndian.PutUint64(b[w:], y&keep|x&^keep)
			w, i = w+n, i+n
			break
		}
	}
	s.i = len(b)
	s.fail(errTruncated)
	return ""
}

// escape decodes the escape at the start of src into dst, which may be the same
// memory. It returns how much was written and read; 0, 0 after an error.
func (s *scanner) escape(dst, src []byte) (int, int) {
	if len(src) < 2 {
		s.fail(errTruncated)
		return 0, 0
	}
	switch src[1] {
	case 'b':
		dst[0] = '\b'
	case 'f':
		dst[0] = '\f'
	case 'n':
		dst[0] = '\n'
	case 'r':
		dst[0] = '\r'
	case 't':
		dst[0] = '\t'
	case 'u':
		return s.escapeU(dst, src)
	default:
		s.fail(fmt.Errorf("\\%c is no escape in JSON", src[1]))
		return 0, 0
	}
	return 1, 2
}

// escapeU decodes \uXXXX, or two of them that make a surrogate pair. Half a
// pair stands for no character: two different names could become one, so it
// is refused.
func (s *scanner) escapeU(dst, src []byte) (int, int) {
	r, ok := s.hex4(src)
	if !ok {
		return 0, 0
	}
	n := 6
	if utf16.IsSurrogate(r) {
		var lo rune
		if len(src) >= 12 && src[6] == '\\' && src[7] == 'u' {
			lo, _ = s.hex4(src[6:])
		}
		if r = utf16.DecodeRune(r, lo); r == utf8.RuneError {
			s.fail(errors.New("half a surrogate pair stands alone in a string"))
			return 0, 0
		}
		n = 12
	}
	return utf8.EncodeRune(dst[:n:n], r), n
}

// hex4 reads the digits of \uXXXX.
func (s *scanner) hex4(src []byte) (rune, bool) {
	if len(src) < 6 {
		s.fail(errTruncated)
		return 0, false
	}
	var r rune
	for _, c := range src[2:6] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			s.fail(errors.New("\\u is not followed by four hexadecimal digits"))
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// raw reads one value of any kind, checks its form, and returns its text
// unchanged, sharing the scanner's memory.
func (s *scanner) raw() []byte {
	s.peek()
	start, key := s.i, s.key
	s.skip(0)
	if s.err != nil {
		return nil
	}
	s.key = key
	return s.b[start:s.i]
}

// skip passes over one value, checking its form.
func (s *scanner) skip(depth int) {
	if depth > maxDepth {
		s.fail(fmt.Errorf("values are nested more than %d deep", maxDepth))
		return
	}
	switch c := s.peek(); c {
	case '{':
		s.open('{')
		for s.more('}') {
			if s.peek() != '"' {
				s.want("a key in quotes")
				return
			}
			s.skipText()
			if s.peek() != ':' {
				s.want("a colon")
				return
			}
			s.i++
			s.skip(depth + 1)
		}
	case '[':
		s.open('[')
		for s.more(']') {
			s.skip(depth + 1)
		}
	case '"':
		s.skipText()
	case 't':
		s.literal("true")
	case 'f':
		s.literal("false")
	case 'n':
		s.literal("null")
	default:
		s.skipNumber()
	}
	s.first = false
}

// skipText passes over a string without unescaping it.
func (s *scanner) skipText() {
	b, i := s.b, s.i+1
	for i < len(b) {
		if i+8 <= len(b) {
			m := special(binary.LittleEndian.Uint64(b[i:]))
			if m == 0 {
				i += 8
				continue
			}
			i += bits.TrailingZeros64(m) >> 3
		}
		switch c := b[i]; {
		case c == '"':
			s.i = i + 1
			return
		case c < 0x20:
			s.i = i
			s.fail(fmt.Errorf("the control character %#02x stands unescaped in a string", c))
			return
		case c == '\\':
			s.i = i
			n := s.skipEscape(b[i:])
			if n == 0 {
				return
			}
			i += n
		default:
			i++
		}
	}
	s.i = len(b)
	s.fail(errTruncated)
}

// skipEscape checks the form of an escape and returns its length; half a
// surrogate pair is of no consequence in what nobody reads. 0 after an error.
func (s *scanner) skipEscape(src []byte) int {
	if len(src) < 2 {
		s.fail(errTruncated)
		return 0
	}
	switch src[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if _, ok := s.hex4(src); ok {
			return 6
		}
		return 0
	}
	s.fail(fmt.Errorf("\\%c is no escape in JSON", src[1]))
	return 0
}

// skipNumber passes over a number by JSON's grammar.
func (s *scanner) skipNumber() {
	if s.i < len(s.b) && s.b[s.i] == '-' {
		s.i++
	}
	start := s.i
	if !s.digits() {
		s.want("a JSON value")
		return
	}
	if s.b[start] == '0' && s.i-start > 1 {
		s.fail(errors.New("a number has a leading zero"))
		return
	}
	if s.i < len(s.b) && s.b[s.i] == '.' {
		s.i++
		if !s.digits() {
			s.want("a digit")
			return
		}
	}
	if s.i < len(s.b) && s.b[s.i]|0x20 == 'e' {
		s.i++
		if s.i < len(s.b) && (s.b[s.i] == '+' || s.b[s.i] == '-') {
			s.i++
		}
		if !s.digits() {
			s.want("a digit")
		}
	}
}

func (s *scanner) digits() bool {
	start := s.i
	for s.i < len(s.b) && s.b[s.i]-'0' <= 9 {
		s.i++
	}
	return s.i > start
}

// view returns b's memory as a string. The bytes must not change any more.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
