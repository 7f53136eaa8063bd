package sqlfn

import (
	"fmt"
	"strings"
	"time"

	"github.com/deltalog/deltalog/internal/civil"
)

// A zone turns instants into wall clocks and back. It keeps spans of time with one
// offset, since asking the location for one is slow. It is not safe for
// concurrent use.
type zone struct {
	loc   *time.Location // nil: UTC
	spans *[1024]span    // by 48 days
}

// A span is the seconds since 1970 in [from, to), off seconds east of UTC.
type span struct{ from, to, off int64 }

func newZone(loc *time.Location) *zone {
	if loc == nil || loc == time.UTC {
		return &zone{}
	}
	return &zone{loc: loc, spans: new([1024]span)}
}

// offset returns the seconds east of UTC at an instant.
func (z *zone) offset(seconds int64) int64 {
	if z.loc == nil {
		return 0
	}
	sp := &z.spans[seconds>>22&1023]
	if seconds < sp.from || seconds >= sp.to {
		t := time.Unix(seconds, 0).In(z.loc)
		_, off := t.Zone()
		*sp = span{seconds, seconds + 1, int64(off)}
		start, end := t.ZoneBounds()
		if !start.IsZero() {
			sp.from = start.Unix()
		}
		if !end.IsZero() {
			sp.to = end.Unix()
		}
	}
	return sp.off
}

// wall returns what the clock shows at an instant, as if it were UTC.
func (z *zone) wall(micros int64) int64 {
	if z.loc == nil {
		return micros
	}
	return micros + z.offset(civil.FloorDiv(micros, microsPerSecond))*microsPerSecond
}

// instant returns the seconds at which the clock shows wall. Of two it is the
// first, unless the second has the offset prefer. A wall clock that is left out
// is moved on by the length of the gap.
func (z *zone) instant(wall, prefer int64) int64 {
	if z.loc == nil {
		return wall
	}
	before, after := z.offset(wall-secondsPerDay), z.offset(wall+secondsPerDay)
	first, second := wall-before, wall-after
	switch {
	case before == after:
		// Nearly always; but two changes may be within the two days.
		if z.offset(first) == before {
			return first
		}
		return wall - z.offset(first)
	case z.offset(second) == after && (z.offset(first) != before || prefer == after):
		return second
	}
	return first
}

// noOffset is the prefer of an instant without a preference.
const noOffset = 1 << 40

// startOfDay returns the first instant of a date.
func (z *zone) startOfDay(days int64) (int64, error) {
	return microsOf(z.instant(days*secondsPerDay, noOffset), 0)
}

// shortZones are the names that Java has for compatibility.
var shortZones = map[string]string{
	"ACT": "Australia/Darwin", "AET": "Australia/Sydney", "AGT": "America/Argentina/Buenos_Aires", "ART": "Africa/Cairo",
	"AST": "America/Anchorage", "BET": "America/Sao_Paulo", "BST": "Asia/Dhaka", "CAT": "Africa/Harare",
	"CNT": "America/St_Johns", "CST": "America/Chicago", "CTT": "Asia/Shanghai", "EAT": "Africa/Addis_Ababa",
	"ECT": "Europe/Paris", "IET": "America/Indiana/Indianapolis", "IST": "Asia/Kolkata", "JST": "Asia/Tokyo",
	"MIT": "Pacific/Apia", "NET": "Asia/Yerevan", "NST": "Pacific/Auckland", "PLT": "Asia/Karachi",
	"PNT": "America/Phoenix", "PRT": "America/Puerto_Rico", "PST": "America/Los_Angeles", "SST": "Pacific/Guadalcanal",
	"VST": "Asia/Ho_Chi_Minh", "EST": "-05:00", "MST": "-07:00", "HST": "-10:00",
}

// LoadZone finds a time zone by any name that Spark takes: a region, Z, UTC, an
// offset such as +01:00, +1:00 or UTC+1, and Java's short names.
func LoadZone(name string) (*time.Location, error) {
	fail := fmt.Errorf("there is no time zone %q", name)
	text := name
	if long, ok := shortZones[text]; ok {
		text = long
	}
	switch text {
	case "Z", "UTC", "GMT", "UT":
		return time.UTC, nil
	case "", "Local":
		return nil, fail
	}
	rest := text
	for _, prefix := range []string{"UTC", "GMT", "UT"} {
		if after, ok := strings.CutPrefix(text, prefix); ok && after != "" && (after[0] == '+' || after[0] == '-') {
			rest = after
			break
		}
	}
	if rest[0] == '+' || rest[0] == '-' {
		off, ok := parseOffset(rest)
		if !ok {
			return nil, fail
		}
		if off == 0 {
			return time.UTC, nil
		}
		return time.FixedZone(string(appendOffset(nil, off, true, "")), off), nil
	}
	loc, err := time.LoadLocation(text)
	if err != nil {
		return nil, fail
	}
	return loc, nil
}

// parseOffset reads +h, +hh, +hh:mm, +h:mm, +hh:m, +hhmm, +hh:mm:ss or +hhmmss,
// at most 18 hours.
func parseOffset(s string) (seconds int, ok bool) {
	negative := s[0] == '-'
	s = s[1:]
	var part [3]int
	if strings.Contains(s, ":") {
		fields := strings.Split(s, ":")
		if len(fields) > 3 {
			return 0, false
		}
		for i, f := range fields {
			if len(f) < 1 || len(f) > 2 || len(f) == 1 && (i == 2 || i == 1 && len(fields) > 2) {
				return 0, false
			}
			if part[i], ok = number(f); !ok {
				return 0, false
			}
		}
	} else {
		switch len(s) {
		case 1, 2, 4, 6:
		default:
			return 0, false
		}
		for i := 0; s != ""; i++ {
			n := min(2, len(s))
			if part[i], ok = number(s[:n]); !ok {
				return 0, false
			}
			s = s[n:]
		}
	}
	seconds = part[0]*3600 + part[1]*60 + part[2]
	if part[1] > 59 || part[2] > 59 || seconds > 18*3600 {
		return 0, false
	}
	if negative {
		seconds = -seconds
	}
	return seconds, true
}

// number reads digits only.
func number(s string) (v int, ok bool) {
	for i := range len(s) {
		if s[i]-'0' > 9 {
			return 0, false
		}
		v = v*10 + int(s[i]-'0')
	}
	return v, s != ""
}

// appendOffset writes +hh:mm, and :ss if there are any; zero is what a zero
// offset is written as, if that is not empty.
func appendOffset(dst []byte, seconds int, colon bool, zero string) []byte {
	if seconds == 0 && zero != "" {
		return append(dst, zero...)
	}
	sign := byte('+')
	if seconds < 0 {
		sign, seconds = '-', -seconds
	}
	dst = appendPadded(append(dst, sign), int64(seconds/3600), 2)
	for rest, k := seconds%3600, 0; k < 2; k++ {
		if k == 1 && rest == 0 {
			break
		}
		if colon {
			dst = append(dst, ':')
		}
		if k == 0 {
			dst = appendPadded(dst, int64(rest/60), 2)
			rest %= 60
			continue
		}
		dst = appendPadded(dst, int64(rest), 2)
	}
	return dst
}

// appendPadded writes v ≥ 0 with at least width digits.
func appendPadded(dst []byte, v int64, width int) []byte {
	var buf [20]byte
	i := len(buf)
	for v > 0 || width > 0 {
		i--
		buf[i] = byte('0' + v%10)
		v /= 10
		width--
	}
	return append(dst, buf[i:]...)
}
