package sqlfn

import (
	"fmt"
	"strings"
)

// Patterns for dates and times are those of Java's DateTimeFormatter in English,
// as far as Spark has them: letters, 'quoted text' and [optional sections].

// An item is a letter repeated, text, or the begin or end of a section.
type item struct {
	letter  byte // 0: text; '[' and ']'
	count   int
	text    string
	skip    int // '[': index of the item after the section
	reserve int // digits that adjacent numbers after this one need
}

// A pattern that has been understood.
type timePattern struct {
	text  string
	items []item
	era   bool // has G, so y is the year of the era
}

const (
	// formatLetters can be written, parseLetters also read.
	formatLetters = "GyMLdDFEQqahKkHmsSVzOXxZ"
	parseLetters  = "GyMLdDahKkHmsSVzOXxZ"
)

// parsePattern understands a pattern; what it cannot do is an error that names
// the letter.
func parsePattern(text string, parsing bool) (*timePattern, error) {
	p := &timePattern{text: text}
	fail := func(format string, args ...any) (*timePattern, error) {
		return nil, fmt.Errorf("datetime pattern %q: %s", text, fmt.Sprintf(format, args...))
	}
	var open []int
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case c == '\'':
			lit, n, ok := quoted(text[i:])
			if !ok {
				return fail("a quote is not closed")
			}
			p.literal(lit)
			i += n
		case c == '[':
			open = append(open, len(p.items))
			p.items = append(p.items, item{letter: c})
			i++
		case c == ']':
			if len(open) == 0 {
				return fail("] without [")
			}
			p.items = append(p.items, item{letter: c})
			p.items[open[len(open)-1]].skip = len(p.items)
			open = open[:len(open)-1]
			i++
		case c == '{' || c == '}' || c == '#':
			return fail("the character %q is reserved", c)
		case 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z':
			n := 1
			for i+n < len(text) && text[i+n] == c {
				n++
			}
			if why := checkLetter(c, n, parsing); why != "" {
				return fail("%s", why)
			}
			p.era = p.era || c == 'G'
			p.items = append(p.items, item{letter: c, count: n})
			i += n
		default:
			p.literal(text[i : i+1])
			i++
		}
	}
	for k := len(open) - 1; k >= 0; k-- { // the end of the pattern closes sections
		p.items = append(p.items, item{letter: ']'})
		p.items[open[k]].skip = len(p.items)
	}
	p.reserveDigits()
	return p, nil
}

func (p *timePattern) literal(s string) {
	if k := len(p.items) - 1; k >= 0 && p.items[k].letter == 0 {
		p.items[k].text += s
		return
	}
	p.items = append(p.items, item{text: s})
}

// quoted reads 'text', in which ” is a quote, as it is on its own.
func quoted(s string) (text string, n int, ok bool) {
	for n = 1; n < len(s); n++ {
		if s[n] != '\'' {
			text += s[n : n+1]
			continue
		}
		if n+1 < len(s) && s[n+1] == '\'' {
			text += "'"
			n++
			continue
		}
		if n == 1 {
			text = "'"
		}
		return text, n + 1, true
	}
	return "", 0, false
}

// maxCount is how often a letter may be repeated.
var maxCount = map[byte]int{
	'G': 4, 'y': 10, 'M': 4, 'L': 4, 'd': 2, 'D': 3, 'F': 1, 'E': 4, 'Q': 4, 'q': 4, 'a': 1, 'h': 2, 'K': 2, 'k': 2, 'H': 2,
	'm': 2, 's': 2, 'S': 9, 'V': 2, 'z': 3, 'O': 4, 'X': 5, 'x': 5, 'Z': 5,
}

func checkLetter(c byte, n int, parsing bool) string {
	switch {
	case !strings.ContainsRune(formatLetters, rune(c)):
		return fmt.Sprintf("letter %q is not supported", c)
	case parsing && !strings.ContainsRune(parseLetters, rune(c)):
		return fmt.Sprintf("letter %q can be written, but not read", c)
	case n > maxCount[c]:
		return fmt.Sprintf("letter %q %d times, want at most %d", c, n, maxCount[c])
	case c == 'V' && n != 2, c == 'O' && n != 1 && n != 4:
		return fmt.Sprintf("letter %q %d times is not supported", c, n)
	}
	return ""
}

// width returns how many digits a numeric item takes; ok is false for others.
func (it *item) width() (least, most int, ok bool) {
	switch it.letter {
	case 'y':
		if it.count == 2 {
			return 2, 2, true
		}
		return it.count, 19, true
	case 'M', 'L', 'Q', 'q':
		if it.count > 2 {
			return 0, 0, false
		}
	case 'd', 'h', 'K', 'k', 'H', 'm', 's':
	case 'D':
		if it.count > 1 {
			return it.count, 3, true
		}
	default:
		return 0, 0, false
	}
	if it.count == 2 {
		return 2, 2, true
	}
	return it.count, 19, true
}

// reserveDigits has a number leave the digits that the fixed numbers right after
// it need: yyyyMMdd.
func (p *timePattern) reserveDigits() {
	base := -1
	for i := range p.items {
		t := &p.items[i]
		least, most, ok := t.width()
		if t.letter == 'S' && t.count == 1 {
			least, most, ok = 1, 1, true
		}
		switch {
		case !ok:
			base = -1
		case base >= 0 && least == most:
			p.items[base].reserve += most
		default:
			base = i
		}
	}
}
