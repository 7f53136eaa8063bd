package sqlfn

import (
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/deltalog/deltalog/internal/civil"
)

// none is a field that a text did not have.
const none = -1 << 62

// fields is what a text says.
type fields struct {
	year, era, month, day, dayOfYear int64
	hour, hour12, ampm               int64 // hour 0 to 23, hour12 0 to 11
	minute, second, micro            int64
	zone                             *zone
	off                              int64 // seconds east of UTC, if there is no zone
}

var errMismatch = errors.New("the text does not match the datetime pattern")

// parse reads a whole text and returns its instant. What the text leaves out is
// that of 1970-01-01 00:00:00, and the zone is the session's.
func (p *timePattern) parse(s string, zones *timeParser) (micros int64, err error) {
	f := fields{
		year: none, era: none, month: none, day: none, dayOfYear: none, hour: none, hour12: none, ampm: none,
		minute: none, second: none, micro: none, off: none,
	}
	rest, ok := p.match(s, 0, len(p.items), &f, zones)
	if !ok || rest != "" {
		return 0, errMismatch
	}
	wall, err := f.wall(p.era)
	if err != nil {
		return 0, err
	}
	if f.off != none {
		return microsOf(wall-f.off, or(f.micro, 0))
	}
	z := zones.session
	if f.zone != nil {
		z = f.zone
	}
	return microsOf(z.instant(wall, noOffset), or(f.micro, 0))
}

func or(v, absent int64) int64 {
	if v == none {
		return absent
	}
	return v
}

// match reads the items [i, end). A section that does not match reads nothing.
func (p *timePattern) match(s string, i, end int, f *fields, zones *timeParser) (rest string, ok bool) {
	for i < end {
		it := &p.items[i]
		switch it.letter {
		case 0:
			if len(s) < len(it.text) || !strings.EqualFold(s[:len(it.text)], it.text) {
				return s, false
			}
			s = s[len(it.text):]
		case '[':
			inner := *f
			if after, ok := p.match(s, i+1, it.skip-1, &inner, zones); ok {
				s, *f = after, inner
			}
			i = it.skip
			continue
		default:
			if s, ok = it.read(s, f, zones); !ok {
				return s, false
			}
		}
		i++
	}
	return s, true
}

// read reads one field.
func (it *item) read(s string, f *fields, zones *timeParser) (rest string, ok bool) {
	switch it.letter {
	case 'G':
		names := []string{"BC", "AD"}
		if it.count == 4 {
			names = []string{"Before Christ", "Anno Domini"}
		}
		return readName(s, names, 0, 0, &f.era)
	case 'a':
		return readName(s, []string{"AM", "PM"}, 0, 0, &f.ampm)
	case 'M', 'L':
		if it.count > 2 {
			short := 0
			if it.count == 3 {
				short = 3
			}
			return readName(s, monthNames[:], short, 1, &f.month)
		}
	case 'S':
		return it.readFraction(s, f)
	case 'V', 'z', 'O', 'X', 'x', 'Z':
		return it.readZone(s, f, zones)
	}
	v, rest, ok := it.readNumber(s)
	if !ok {
		return s, false
	}
	switch it.letter {
	case 'y':
		if it.count == 2 {
			v += 2000
		}
		return rest, set(&f.year, v, -999_999_999, 999_999_999)
	case 'M', 'L':
		return rest, set(&f.month, v, 1, 12)
	case 'd':
		return rest, set(&f.day, v, 1, 31)
	case 'D':
		return rest, set(&f.dayOfYear, v, 1, 366)
	case 'H':
		return rest, set(&f.hour, v, 0, 23)
	case 'k':
		return rest, v >= 1 && v <= 24 && set(&f.hour, v%24, 0, 23)
	case 'K':
		return rest, set(&f.hour12, v, 0, 11)
	case 'h':
		return rest, v >= 1 && v <= 12 && set(&f.hour12, v%12, 0, 11)
	case 'm':
		return rest, set(&f.minute, v, 0, 59)
	case 's':
		return rest, set(&f.second, v, 0, 59)
	}
	return s, false
}

// set sets a field, which must be in its range and, if the text has it twice,
// the same.
func set(field *int64, v, from, to int64) bool {
	if v < from || v > to || *field != none && *field != v {
		return false
	}
	*field = v
	return true
}

// readName reads one of the names, or their first short letters, in any case.
func readName(s string, names []string, short int, first int64, field *int64) (rest string, ok bool) {
	for k, name := range names {
		if short > 0 {
			name = name[:short]
		}
		if len(s) >= len(name) && strings.EqualFold(s[:len(name)], name) {
			return s[len(name):], set(field, first+int64(k), 0, 12)
		}
	}
	return s, false
}

// readNumber reads the digits of a field, and leaves those that the numbers right
// after it need.
func (it *item) readNumber(s string) (v int64, rest string, ok bool) {
	least, most, _ := it.width()
	sign := byte(0)
	t := s
	if t != "" && (t[0] == '-' || t[0] == '+') {
		// Only years written with one or with four or more letters have signs;
		// other numbers of no fixed width may be negative, but then out of range.
		if sign = t[0]; least == most || sign == '+' && (it.letter != 'y' || it.count < 4) {
			return 0, s, false
		}
		t = t[1:]
	}
	n := 0
	for n < len(t) && n < most+it.reserve && t[n]-'0' <= 9 {
		n++
	}
	n = min(max(n-it.reserve, least), most, n)
	if n < least || n == 0 {
		return 0, s, false
	}
	if it.letter == 'y' && it.count >= 4 {
		// A plus sign says that there are more digits than letters.
		if sign == '+' && n <= least || sign == 0 && n > least {
			return 0, s, false
		}
	}
	v, _ = digitsOf(t[:n])
	if n > 18 {
		return 0, s, false
	}
	if sign == '-' {
		v = -v
	}
	return v, t[n:], sign != '-' || v != 0
}

// readFraction reads at least one digit and at most as many as there are letters.
func (it *item) readFraction(s string, f *fields) (rest string, ok bool) {
	v, n := digitsOf(s[:min(len(s), it.count)])
	if n == 0 {
		return s, false
	}
	for k := n; k < 6; k++ {
		v *= 10
	}
	for k := n; k > 6; k-- {
		v /= 10
	}
	return s[n:], set(&f.micro, v, 0, 999_999)
}

// readZone reads an offset or the name of a zone, as long as it can be.
func (it *item) readZone(s string, f *fields, zones *timeParser) (rest string, ok bool) {
	var off, n int
	switch n = it.count; {
	case it.letter == 'X', it.letter == 'Z' && n == 5:
		if s != "" && (s[0] == 'Z' || s[0] == 'z') {
			return s[1:], set(&f.off, 0, 0, 0)
		}
		off, rest, ok = readOffset(s, n)
	case it.letter == 'x':
		off, rest, ok = readOffset(s, n)
	case it.letter == 'Z' && n < 4:
		off, rest, ok = readOffset(s, 2)
	case it.letter == 'O', it.letter == 'Z':
		off, rest, ok = readGMT(s, it.letter == 'Z' || n == 4)
	default:
		return it.readZoneName(s, f, zones)
	}
	if !ok {
		return s, false
	}
	return rest, set(&f.off, int64(off), -18*3600, 18*3600)
}

// readOffset reads what appendISO writes for n letters.
func readOffset(s string, n int) (off int, rest string, ok bool) {
	if len(s) < 3 || s[0] != '+' && s[0] != '-' {
		return 0, s, false
	}
	rest = s[1:]
	var part [3]int
	for k := range part {
		next := rest
		if k > 0 && (n == 3 || n == 5) {
			if next == "" || next[0] != ':' {
				next = ""
			} else {
				next = next[1:]
			}
		}
		v, isNumber := 0, false
		if len(next) >= 2 {
			v, isNumber = number(next[:2])
		}
		if !isNumber || k > 0 && v > 59 {
			if k == 0 || k == 1 && n > 1 {
				return 0, s, false
			}
			break
		}
		part[k], rest = v, next[2:]
		if k == 1 && n < 4 {
			break
		}
	}
	off = part[0]*3600 + part[1]*60 + part[2]
	if off > 18*3600 {
		return 0, s, false
	}
	if s[0] == '-' {
		off = -off
	}
	return off, rest, true
}

// readGMT reads what appendGMT writes.
func readGMT(s string, full bool) (off int, rest string, ok bool) {
	if len(s) < 3 || !strings.EqualFold(s[:3], "GMT") {
		return 0, s, false
	}
	rest = s[3:]
	if rest == "" || rest[0] != '+' && rest[0] != '-' {
		return 0, rest, true
	}
	if full {
		return readOffset(rest, 5)
	}
	end := 1
	for end < len(rest) && (rest[end]-'0' <= 9 || rest[end] == ':') {
		end++
	}
	off, ok = parseOffset(rest[:end])
	return off, rest[end:], ok
}

// abbreviations are the zones that short names in texts mean.
var abbreviations = map[string]string{
	"PST": "America/Los_Angeles", "PDT": "America/Los_Angeles", "MST": "America/Denver", "MDT": "America/Denver",
	"CST": "America/Chicago", "CDT": "America/Chicago", "EST": "America/New_York", "EDT": "America/New_York",
	"AKST": "America/Anchorage", "AKDT": "America/Anchorage", "WET": "Europe/Lisbon", "WEST": "Europe/Lisbon",
	"CET": "Europe/Paris", "CEST": "Europe/Paris", "EET": "Europe/Bucharest", "EEST": "Europe/Bucharest",
}

// readZoneName reads the longest name or offset that is a zone's.
func (it *item) readZoneName(s string, f *fields, zones *timeParser) (rest string, ok bool) {
	end := 0
	for end < min(len(s), 40) { // each length is looked up, and no zone's name is longer
		r, n := utf8.DecodeRuneInString(s[end:])
		if !(r < utf8.RuneSelf && (r-'0' <= 9 && r >= '0' || r|0x20 >= 'a' && r|0x20 <= 'z' || strings.ContainsRune("+-:_/~.", r))) {
			break
		}
		end += n
	}
	for ; end > 0; end-- {
		name := s[:end]
		if long, ok := abbreviations[name]; ok && it.letter == 'z' {
			name = long
		}
		if z, ok := zones.zone(name); ok {
			f.zone = z
			return s[end:], true
		}
	}
	return s, false
}

// wall returns the wall clock, with what is absent taken from the first of
// January 1970, and AM for the half of the day.
func (f *fields) wall(hasEra bool) (int64, error) {
	year := or(f.year, 1970)
	if hasEra && f.year != none {
		if year < 1 {
			return 0, errDate
		}
		if f.era == 0 {
			year = 1 - year
		}
	}
	var days int64
	var err error
	if f.dayOfYear != none && f.year != none {
		if days, err = civilDays(year, 1, 1); err != nil {
			return 0, err
		}
		days += f.dayOfYear - 1
		y, m, d := civil.Date(days)
		if y != year || f.month != none && f.month != m || f.day != none && f.day != d {
			return 0, errDate
		}
	} else if days, err = civilDays(year, or(f.month, 1), or(f.day, 1)); err != nil {
		return 0, err
	}
	hour := f.hour
	if f.hour12 != none {
		h := f.hour12 + 12*or(f.ampm, 0)
		if hour != none && (hour%12 != f.hour12 || f.ampm != none && hour != h) {
			return 0, errMismatch
		}
		if hour == none {
			hour = h
		}
	} else if f.ampm != none {
		if hour != none && hour/12 != f.ampm {
			return 0, errMismatch
		}
		if hour == none {
			hour = 12 * f.ampm
		}
	}
	return days*secondsPerDay + or(hour, 0)*3600 + or(f.minute, 0)*60 + or(f.second, 0), nil
}
