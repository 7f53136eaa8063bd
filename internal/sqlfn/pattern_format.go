package sqlfn

import (
	"time"

	"github.com/deltalog/deltalog/internal/civil"
)

var (
	monthNames = [12]string{
		"January", "February", "March", "April", "May", "June",
		"July", "August", "September", "October", "November", "December",
	}
	dayNames     = [7]string{"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"}
	quarterNames = [4]string{"1st quarter", "2nd quarter", "3rd quarter", "4th quarter"}
)

// A moment is an instant taken apart.
type moment struct {
	year, month, day int64
	days             int64
	second           int64 // of the day
	micro            int64
	instant          int64 // seconds
	off              int   // seconds east of UTC
}

func momentOf(micros int64, z *zone) moment {
	t := moment{instant: civil.FloorDiv(micros, microsPerSecond)}
	t.micro = micros - t.instant*microsPerSecond
	t.off = int(z.offset(t.instant))
	wall := t.instant + int64(t.off)
	t.days = civil.FloorDiv(wall, secondsPerDay)
	t.second = wall - t.days*secondsPerDay
	t.year, t.month, t.day = civil.Date(t.days)
	return t
}

// format writes a moment of z.
func (p *timePattern) format(dst []byte, t moment, z *zone) []byte {
	for i := range p.items {
		it := &p.items[i]
		switch it.letter {
		case 0:
			dst = append(dst, it.text...)
		case '[', ']':
		default:
			dst = it.format(dst, t, z, p.era)
		}
	}
	return dst
}

func (it *item) format(dst []byte, t moment, z *zone, era bool) []byte {
	n := it.count
	switch it.letter {
	case 'G':
		return append(dst, eraName(t.year, n)...)
	case 'y':
		y := t.year
		if era && y <= 0 {
			y = 1 - y
		}
		return appendYear(dst, y, n)
	case 'M', 'L':
		return appendNamed(dst, t.month, n, monthNames[t.month-1], 3)
	case 'Q', 'q':
		q := (t.month + 2) / 3
		if n == 3 {
			return append(dst, 'Q', byte('0'+q))
		}
		return appendNamed(dst, q, n, quarterNames[q-1], 0)
	case 'E':
		name := dayNames[weekday(t.days)]
		if n < 4 {
			name = name[:3]
		}
		return append(dst, name...)
	case 'd':
		return appendPadded(dst, t.day, n)
	case 'D':
		return appendPadded(dst, dayOfYear(t.days), n)
	case 'F':
		return appendPadded(dst, (t.day-1)%7+1, n)
	case 'a':
		return append(dst, [2]string{"AM", "PM"}[t.second/43200]...)
	case 'H':
		return appendPadded(dst, t.second/3600, n)
	case 'k':
		return appendPadded(dst, (t.second/3600+23)%24+1, n)
	case 'K':
		return appendPadded(dst, t.second/3600%12, n)
	case 'h':
		return appendPadded(dst, (t.second/3600+11)%12+1, n)
	case 'm':
		return appendPadded(dst, t.second/60%60, n)
	case 's':
		return appendPadded(dst, t.second%60, n)
	case 'S':
		for unit := int64(100_000); n > 0; n-- {
			d := int64(0)
			if unit > 0 {
				d = t.micro / unit % 10
			}
			dst = append(dst, byte('0'+d))
			unit /= 10
		}
		return dst
	}
	return it.formatZone(dst, t, z)
}

func eraName(year int64, n int) string {
	switch {
	case n == 4 && year > 0:
		return "Anno Domini"
	case n == 4:
		return "Before Christ"
	case year > 0:
		return "AD"
	}
	return "BC"
}

// appendYear writes two digits for yy. From four letters on a year with more
// digits has a plus sign.
func appendYear(dst []byte, y int64, n int) []byte {
	if n == 2 {
		return appendPadded(dst, max(y, -y)%100, 2)
	}
	limit := int64(1)
	for range n {
		limit *= 10
	}
	switch {
	case y < 0:
		dst, y = append(dst, '-'), -y
	case n >= 4 && y >= limit:
		dst = append(dst, '+')
	}
	return appendPadded(dst, y, n)
}

// appendNamed writes one or two letters as a number, three as the first letters
// of a name, more as all of it.
func appendNamed(dst []byte, v int64, n int, name string, short int) []byte {
	switch {
	case n <= 2:
		return appendPadded(dst, v, n)
	case n == 3:
		name = name[:short]
	}
	return append(dst, name...)
}

func (it *item) formatZone(dst []byte, t moment, z *zone) []byte {
	n := it.count
	switch it.letter {
	case 'V':
		return append(dst, z.name()...)
	case 'z':
		if z.loc == nil {
			return append(dst, "UTC"...)
		}
		return append(dst, z.abbreviation(t.instant)...)
	case 'O':
		return appendGMT(dst, t.off, n == 4)
	case 'X':
		return appendISO(dst, t.off, n, "Z")
	case 'x':
		return appendISO(dst, t.off, n, "")
	}
	switch n { // Z
	case 4:
		return appendGMT(dst, t.off, true)
	case 5:
		return appendISO(dst, t.off, 5, "Z")
	}
	return appendISO(dst, t.off, 2, "")
}

// abbreviation returns the short name, also for the time before there was one.
func (z *zone) abbreviation(instant int64) string {
	name, _ := time.Unix(instant, 0).In(z.loc).Zone()
	for month := time.January; name == "LMT" && month <= time.July; month += 6 {
		if t := time.Date(2000, month, 1, 0, 0, 0, 0, z.loc); !t.IsDST() {
			name, _ = t.Zone()
		}
	}
	return name
}

func (z *zone) name() string {
	if z.loc == nil {
		return "UTC"
	}
	return z.loc.String()
}

// appendISO writes an offset with n letters of X: hours, and minutes unless n is
// 1 and they are 0; seconds from 4 on, unless 0; colons for 3 and 5.
func appendISO(dst []byte, off, n int, zero string) []byte {
	if off == 0 && zero != "" {
		return append(dst, zero...)
	}
	sign := byte('+')
	if off < 0 {
		sign, off = '-', -off
	}
	dst = appendPadded(append(dst, sign), int64(off/3600), 2)
	minutes, seconds := off/60%60, off%60
	colon := n == 3 || n == 5
	if n > 1 || minutes != 0 {
		if colon {
			dst = append(dst, ':')
		}
		dst = appendPadded(dst, int64(minutes), 2)
	}
	if n > 3 && seconds != 0 {
		if colon {
			dst = append(dst, ':')
		}
		dst = appendPadded(dst, int64(seconds), 2)
	}
	return dst
}

// appendGMT writes GMT+1 or, if full, GMT+01:00; GMT alone for no offset.
func appendGMT(dst []byte, off int, full bool) []byte {
	dst = append(dst, "GMT"...)
	if off == 0 {
		return dst
	}
	if full {
		return appendISO(dst, off, 5, "")
	}
	sign := byte('+')
	if off < 0 {
		sign, off = '-', -off
	}
	dst = appendPadded(append(dst, sign), int64(off/3600), 1)
	if off%3600 != 0 {
		dst = appendPadded(append(dst, ':'), int64(off/60%60), 2)
	}
	if off%60 != 0 {
		dst = appendPadded(append(dst, ':'), int64(off%60), 2)
	}
	return dst
}
