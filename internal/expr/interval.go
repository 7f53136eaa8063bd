package expr

import (
	"math"
	"math/bits"
	"strconv"
	"strings"

	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// Intervals are no type of Delta's: an expression may compute with them, but
// its value is never one. Their values are int64, months or microseconds.
const (
	intervalMonths = schema.Primitive(200) // years and months
	intervalDays   = schema.Primitive(201) // days only, as the difference of two dates
	intervalMicros = schema.Primitive(202) // days and less
)

func isInterval(t schema.DataType) bool {
	return t == intervalMonths || t == intervalDays || t == intervalMicros
}

// A span is the literal of an interval.
type span struct {
	typ schema.Primitive
	n   int64
}

// typeText returns a type as Spark prints it.
func typeText(t schema.DataType) string {
	switch t {
	case intervalMonths:
		return "interval year to month"
	case intervalDays:
		return "interval day"
	case intervalMicros:
		return "interval day to second"
	}
	if t == nil {
		return "nothing"
	}
	return t.String()
}

// String returns the literal.
func (s span) String() string {
	switch s.typ {
	case intervalMonths:
		return "INTERVAL '" + strconv.FormatInt(s.n, 10) + "' MONTH"
	case intervalDays:
		return "INTERVAL '" + strconv.FormatInt(s.n/microsPerDay, 10) + "' DAY"
	}
	seconds, rest := s.n/1e6, s.n%1e6
	text := strconv.FormatInt(seconds, 10)
	if rest != 0 {
		if rest < 0 {
			rest = -rest
			if seconds == 0 {
				text = "-0"
			}
		}
		text += "." + strconv.FormatInt(1e6+rest, 10)[1:]
	}
	return "INTERVAL '" + text + "' SECOND"
}

// A unit is what an interval is counted in.
type unit struct {
	months, micros int64
}

var units = map[string]unit{
	"YEAR": {months: 12}, "MONTH": {months: 1},
	"WEEK": {micros: 7 * microsPerDay}, "DAY": {micros: microsPerDay}, "HOUR": {micros: 3600e6},
	"MINUTE": {micros: 60e6}, "SECOND": {micros: 1e6}, "MILLISECOND": {micros: 1e3}, "MICROSECOND": {micros: 1},
}

func unitOf(word string) (unit, string, bool) {
	word = strings.ToUpper(word)
	if u, ok := units[word]; ok {
		return u, word, true
	}
	word = strings.TrimSuffix(word, "S")
	u, ok := units[word]
	return u, word, ok
}

// interval reads what follows INTERVAL: pairs of a number and a unit, one text
// with all of them, or a text with a range of units.
func (p *parser) interval(pos at) Expr {
	var sum spanSum
	if p.tok.kind == tokenString {
		text := p.tok
		p.advance()
		u, name, ok := unit{}, "", false
		if p.tok.kind == tokenWord {
			u, name, ok = unitOf(p.tok.text)
		}
		switch {
		case !ok:
			p.intervalText(&sum, text)
		default:
			p.advance()
			if p.accept("TO") {
				_, to, _ := unitOf(p.tok.text)
				if !sum.addRange(text.text, name, to) {
					p.fail(text.pos, "%s is not a valid interval from %s to %s", quote(clip(text.text)), name, strings.ToUpper(clip(p.tok.text)))
				}
				p.advance()
				return p.span(pos, sum)
			}
			if !sum.add(text.text, u, name) {
				p.fail(text.pos, "%s is not a valid number of the unit %s", quote(clip(text.text)), name)
			}
		}
	}
	for p.err == nil {
		next := p.tok
		sign := ""
		if (next.is("-") || next.is("+")) && !sum.any {
			sign = next.text
			p.advance()
		}
		if p.tok.kind != tokenNumber && (p.tok.kind != tokenString || !sum.any) {
			break
		}
		number := p.tok
		p.advance()
		u, name, ok := unitOf(p.tok.text)
		if p.tok.kind != tokenWord || !ok {
			p.unexpected("a unit such as DAY after " + number.String())
			break
		}
		if !sum.add(sign+number.text, u, name) {
			p.fail(number.pos, "%s is not a valid number of the unit %s", clip(sign+number.text), name)
		}
		p.advance()
	}
	if !sum.any {
		p.unexpected("a number and a unit after INTERVAL")
	}
	return p.span(pos, sum)
}

// intervalText reads INTERVAL '1 day 2 hours'.
func (p *parser) intervalText(sum *spanSum, text token) {
	words := strings.Fields(text.text)
	if len(words) > 0 && strings.EqualFold(words[0], "interval") {
		words = words[1:]
	}
	ok := len(words) > 0 && len(words)%2 == 0
	for i := 0; ok && i < len(words); i += 2 {
		u, name, known := unitOf(words[i+1])
		ok = known && sum.add(words[i], u, name)
	}
	if !ok {
		p.fail(text.pos, "%s is not a valid interval; write INTERVAL '1' DAY", quote(clip(text.text)))
	}
}

func (p *parser) span(pos at, sum spanSum) Expr {
	e := &interval{at: pos}
	if p.err != nil {
		return e
	}
	switch {
	case sum.hasMonths && sum.hasMicros:
		p.fail(int(pos)-1, "an interval of both months and days has no fixed length; add the two one after the other")
	case sum.hasMonths:
		e.span = span{intervalMonths, sum.months}
	case sum.daysOnly:
		e.span = span{intervalDays, sum.micros}
	default:
		e.span = span{intervalMicros, sum.micros}
	}
	return e
}

// A spanSum adds the parts of an interval up.
type spanSum struct {
	months, micros       int64
	hasMonths, hasMicros bool
	any, daysOnly        bool
}

// add adds a number of units. Only seconds may have a fraction.
func (s *spanSum) add(text string, u unit, name string) bool {
	if !s.any {
		s.any, s.daysOnly = true, true
	}
	if name != "DAY" && name != "WEEK" {
		s.daysOnly = false
	}
	whole, fraction, point := strings.Cut(strings.TrimSpace(text), ".")
	negative := strings.HasPrefix(whole, "-")
	n, err := strconv.ParseInt(strings.TrimPrefix(whole, "+"), 10, 64)
	if err != nil || point && (name != "SECOND" || len(fraction) > 9) {
		return false
	}
	if u.months != 0 {
		s.hasMonths = true
		n, ok := mulInt64(n, u.months)
		if !ok {
			return false
		}
		s.months, ok = addInt64(s.months, n)
		return ok && s.months == int64(int32(s.months))
	}
	s.hasMicros = true
	n, ok := mulInt64(n, u.micros)
	if !ok {
		return false
	}
	if point {
		f, err := strconv.ParseUint((fraction + "000000")[:6], 10, 64)
		if err != nil || strings.Trim(fraction, "0123456789") != "" {
			return false
		}
		if negative {
			f = -f
		}
		if n, ok = addInt64(n, int64(f)); !ok {
			return false
		}
	}
	s.micros, ok = addInt64(s.micros, n)
	return ok
}

// addRange reads '1-2' as YEAR TO MONTH and '1 02:03:04.5' as DAY TO SECOND, or
// the part of that between two units.
func (s *spanSum) addRange(text, from, to string) bool {
	text = strings.TrimSpace(text)
	sign := ""
	if strings.HasPrefix(text, "-") || strings.HasPrefix(text, "+") {
		sign, text = text[:1], text[1:]
	}
	if from == "YEAR" && to == "MONTH" {
		y, m, ok := strings.Cut(text, "-")
		months, err := strconv.Atoi(m)
		return ok && err == nil && months < 12 && isDigits(y) && isDigits(m) &&
			s.add(sign+y, units["YEAR"], "YEAR") && s.add(sign+m, units["MONTH"], "MONTH")
	}
	order := []string{"DAY", "HOUR", "MINUTE", "SECOND"}
	first, last := -1, -1
	for i, name := range order {
		if name == from {
			first = i
		}
		if name == to {
			last = i
		}
	}
	if first < 0 || last <= first {
		return false
	}
	pieces := strings.Split(strings.Replace(text, " ", ":", 1), ":")
	if len(pieces) != last-first+1 {
		return false
	}
	for i, piece := range pieces {
		name := order[first+i]
		whole, _, _ := strings.Cut(piece, ".")
		n, err := strconv.Atoi(whole)
		if err != nil || !isDigits(whole) || i > 0 && n > map[string]int{"HOUR": 23, "MINUTE": 59, "SECOND": 59}[name] {
			return false
		}
		if !s.add(sign+piece, units[name], name) {
			return false
		}
	}
	s.daysOnly = false
	return true
}

func isDigits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

func addInt64(a, b int64) (int64, bool) {
	sum := a + b
	return sum, (a^sum)&(b^sum) >= 0
}

func mulInt64(a, b int64) (int64, bool) {
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	// The unsigned product, made signed.
	if a < 0 {
		hi -= uint64(b)
	}
	if b < 0 {
		hi -= uint64(a)
	}
	return int64(lo), int64(hi) == int64(lo)>>63 && !(a == math.MinInt64 && b == -1)
}

func intervalNode(s span) node {
	return constNode{vec.Of(vec.Int64, []int64{s.n}, nil), s.typ}
}
