package sqlfn

import (
	"time"

	"github.com/deltalog/deltalog/internal/civil"
)

// ParseDate reads a date as CAST does: yyyy, yyyy-M or yyyy-M-d, the last
// perhaps followed by a space or T and anything; a sign before; up to seven
// digits of the year. Space around it is passed over.
func ParseDate(s string) (days int32, ok bool) {
	s = trimSpace(s)
	negative, part, i := false, [3]int64{1, 1, 1}, 0
	if s != "" && (s[0] == '-' || s[0] == '+') {
		negative = s[0] == '-'
		s = s[1:]
	}
	for k := range part {
		v, n := digitsOf(s[i:])
		if k == 0 && (n < 4 || n > 7) || k > 0 && (n < 1 || n > 2) {
			return 0, false
		}
		part[k] = v
		i += n
		if i == len(s) || k == 2 {
			break
		}
		if s[i] != '-' {
			return 0, false
		}
		i++
	}
	if i < len(s) && s[i] != ' ' && s[i] != 'T' {
		return 0, false
	}
	if negative {
		part[0] = -part[0]
	}
	d, err := civilDays(part[0], part[1], part[2])
	if err != nil {
		return 0, false
	}
	days, err = toDate(d)
	return days, err == nil
}

// ParseTimestamp reads a timestamp as CAST does, in microseconds. A text without
// a zone is in the session's, and one without a date is today's.
func ParseTimestamp(s string, env *Env) (micros int64, ok bool) {
	return newTimeParser(env).parse(s)
}

// ParseTimestampNTZ reads a wall clock as CAST does. A zone is passed over.
func ParseTimestampNTZ(s string) (micros int64, ok bool) {
	var t clock
	if !t.scan(s) || t.timeOnly {
		return 0, false
	}
	if t.zone != "" {
		if _, err := LoadZone(t.zone); err != nil {
			return 0, false
		}
	}
	seconds, ok := t.seconds()
	if !ok {
		return 0, false
	}
	micros, err := microsOf(seconds, t.part[6])
	return micros, err == nil
}

// A timeParser parses the texts of a column. It keeps the last zone.
type timeParser struct {
	env      *Env
	session  *zone
	lastName string
	last     *zone
}

func newTimeParser(env *Env) *timeParser {
	return &timeParser{env: env, session: newZone(env.location())}
}

func (p *timeParser) parse(s string) (micros int64, ok bool) {
	var t clock
	if !t.scan(s) {
		return 0, false
	}
	z := p.session
	if t.zone != "" {
		if z, ok = p.zone(t.zone); !ok {
			return 0, false
		}
	}
	if t.timeOnly {
		now := time.Time{}
		if p.env != nil {
			now = p.env.Now
		}
		y, m, d := civil.Date(civil.FloorDiv(z.wall(now.UnixMicro()), microsPerDay))
		t.part[0], t.part[1], t.part[2] = y, m, d
	}
	seconds, ok := t.seconds()
	if !ok {
		return 0, false
	}
	micros, err := microsOf(z.instant(seconds, noOffset), t.part[6])
	return micros, err == nil
}

func (p *timeParser) zone(name string) (*zone, bool) {
	if p.last == nil || p.lastName != name {
		loc, err := LoadZone(name)
		if err != nil {
			return nil, false
		}
		p.last, p.lastName = newZone(loc), name
	}
	return p.last, true
}

// A clock is the parts of a timestamp's text: year, month, day, hour, minute,
// second, microsecond.
type clock struct {
	part     [7]int64
	zone     string
	timeOnly bool
}

// scan reads [[+-]yyyy[-M[-d]]][ |T][H[:m[:s[.S…]]]][zone]: every part may be
// the last, and the zone comes after the seconds. A time without a date begins
// with T or has a colon.
func (t *clock) scan(s string) bool {
	s = trimSpace(s)
	t.part = [7]int64{1, 1, 1}
	if s == "" {
		return false
	}
	k, sign, signed := 0, int64(1), false
	switch s[0] {
	case '-':
		sign, signed, s = -1, true, s[1:]
	case '+':
		signed, s = true, s[1:]
	case 'T':
		t.timeOnly, k, s = true, 3, s[1:]
	}
	for {
		v, n := digitsOf(s)
		s = s[n:]
		if k == 6 {
			t.part[6] = v
			for ; n < 6; n++ {
				t.part[6] *= 10
			}
			for n = min(n, 18); n > 6; n-- {
				t.part[6] /= 10
			}
			t.zone = trimSpace(s)
			return s == "" || t.zone != ""
		}
		if k == 0 && s != "" && s[0] == ':' && !signed {
			t.timeOnly, k = true, 3
		}
		if k == 0 && (n < 4 || n > 6) || k > 0 && (n < 1 || n > 2) {
			return false
		}
		t.part[k] = v
		if k == 0 {
			t.part[0] *= sign
		}
		if s == "" {
			return true
		}
		switch {
		case k < 2 && s[0] == '-', k == 2 && (s[0] == ' ' || s[0] == 'T'), (k == 3 || k == 4) && s[0] == ':', k == 5 && s[0] == '.':
			k++
			s = s[1:]
		case k == 5:
			t.zone = trimSpace(s)
			return t.zone != ""
		default:
			return false
		}
	}
}

// seconds returns the wall clock; ok is false if there is no such time.
func (t *clock) seconds() (int64, bool) {
	if t.part[3] > 23 || t.part[4] > 59 || t.part[5] > 59 {
		return 0, false
	}
	days, err := civilDays(t.part[0], t.part[1], t.part[2])
	if err != nil {
		return 0, false
	}
	return days*secondsPerDay + t.part[3]*3600 + t.part[4]*60 + t.part[5], true
}

// digitsOf reads the digits that s begins with; of more than 18 the first count.
func digitsOf(s string) (v int64, n int) {
	for n < len(s) && s[n]-'0' <= 9 {
		if n < 18 {
			v = v*10 + int64(s[n]-'0')
		}
		n++
	}
	return v, n
}

// trimSpace takes ASCII space and control characters from both ends.
func trimSpace(s string) string {
	isSpace := func(b byte) bool { return b <= ' ' || b == 0x7F }
	for s != "" && isSpace(s[0]) {
		s = s[1:]
	}
	for s != "" && isSpace(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	return s
}
