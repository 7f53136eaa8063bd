package schema

import (
	"math"
	"time"

	"github.com/deltalog/deltalog/internal/civil"
)

// The calendar is the proleptic Gregorian, as in Java's java.time and Parquet.

const (
	microsPerSecond = 1_000_000
	microsPerDay    = 86400 * microsPerSecond
)

// ParseDate reads yyyy-MM-dd as days since 1970-01-01. Month and day may have
// one digit; a year may have a sign and up to seven digits.
func ParseDate(text string) (days int32, ok bool) {
	d, n := scanDate(text)
	if n == 0 || n != len(text) || d < math.MinInt32 || d > math.MaxInt32 {
		return 0, false
	}
	return int32(d), true
}

// ParseTimestamp reads a date and a time as microseconds since
// 1970-01-01T00:00:00Z. The two are joined by T or a space; the time may be
// absent, and so may the seconds and their fraction, whose digits after the
// sixth are dropped. A text without a zone is in loc; nil is UTC. A zone is Z,
// UTC, GMT or an offset such as +01:00, +0100 or +01.
func ParseTimestamp(text string, loc *time.Location) (micros int64, ok bool) {
	t, n := scanDateTime(text)
	if n == 0 {
		return 0, false
	}
	offset, zoned, ok := parseZone(text[n:])
	switch {
	case !ok:
		return 0, false
	case zoned:
		t.seconds -= offset
	case loc != nil && loc != time.UTC:
		t.seconds = inLocation(t.seconds, loc)
	}
	return t.micros()
}

// ParseTimestampNTZ reads what [ParseTimestamp] does, without a zone. A Z, which
// some writers add, is passed over; an offset is an error.
func ParseTimestampNTZ(text string) (micros int64, ok bool) {
	t, n := scanDateTime(text)
	if n == 0 || n != len(text) && text[n:] != "Z" {
		return 0, false
	}
	return t.micros()
}

// inLocation turns the wall clock's seconds in loc into seconds since 1970. In
// an hour that happens twice it is one of the two, as [time.Date] chooses.
func inLocation(seconds int64, loc *time.Location) int64 {
	days := civil.FloorDiv(seconds, 86400)
	y, m, d := civil.Date(days)
	return time.Date(int(y), time.Month(m), int(d), 0, 0, int(seconds-days*86400), 0, loc).Unix()
}

// An instant is seconds and microseconds, separate because the seconds of a
// year that ParseTimestamp must refuse overflow as microseconds.
type instant struct{ seconds, fraction int64 }

func (t instant) micros() (int64, bool) {
	const limit = math.MaxInt64 / microsPerSecond
	switch {
	case t.seconds > limit || t.seconds < -limit-1:
		return 0, false
	case t.seconds >= 0:
		us := t.seconds*microsPerSecond + t.fraction
		return us, us >= 0
	default:
		us := (t.seconds+1)*microsPerSecond + t.fraction - microsPerSecond
		return us, us < 0
	}
}

// scanDate reads a date at the beginning of s, and returns how many bytes it
// took; 0 if there is none.
func scanDate(s string) (days int64, n int) {
	// yyyy-MM-dd, which nearly all are.
	if len(s) >= 10 && s[4] == '-' && s[7] == '-' && (len(s) == 10 || !isDigit(s[10])) {
		y1, y2 := twoDigits(s, 0), twoDigits(s, 2)
		month, day := twoDigits(s, 5), twoDigits(s, 8)
		if y1 >= 0 && y2 >= 0 && month >= 0 && day >= 0 {
			return scanned(y1*100+y2, month, day, 10)
		}
	}
	i, negative := 0, false
	if s != "" && (s[0] == '-' || s[0] == '+') {
		negative = s[0] == '-'
		i = 1
	}
	year, w := digits(s[i:], 7)
	i += w
	if w < 4 || i >= len(s) || s[i] != '-' {
		return 0, 0
	}
	i++
	if negative {
		year = -year
	}
	month, w := digits(s[i:], 2)
	i += w
	if w == 0 || i >= len(s) || s[i] != '-' {
		return 0, 0
	}
	i++
	day, w := digits(s[i:], 2)
	if w == 0 {
		return 0, 0
	}
	return scanned(year, month, day, i+w)
}

func scanned(year, month, day int64, n int) (int64, int) {
	if month < 1 || month > 12 || day < 1 || day > civil.DaysIn(year, month) {
		return 0, 0
	}
	return civil.Days(year, month, day), n
}

// scanDateTime reads a date and perhaps a time at the beginning of s.
func scanDateTime(s string) (t instant, n int) {
	days, n := scanDate(s)
	if n == 0 {
		return t, 0
	}
	t.seconds = days * 86400
	if n == len(s) || s[n] != 'T' && s[n] != ' ' {
		return t, n
	}
	n++
	var part [3]int64
	for k := range part {
		v, w := digits(s[n:], 2)
		if w == 0 || v > [3]int64{23, 59, 59}[k] {
			return t, 0
		}
		part[k] = v
		n += w
		if k == 2 {
			break
		}
		if n == len(s) || s[n] != ':' {
			if k == 0 {
				return t, 0 // an hour alone
			}
			break
		}
		n++
	}
	t.seconds += part[0]*3600 + part[1]*60 + part[2]
	if n < len(s) && s[n] == '.' {
		v, w := digits(s[n+1:], 6)
		for k := w; k < 6; k++ {
			v *= 10
		}
		t.fraction = v
		for n += 1 + w; n < len(s) && isDigit(s[n]); n++ {
		}
	}
	return t, n
}

// parseZone reads the rest of a timestamp: how many seconds east of UTC.
func parseZone(s string) (offset int64, zoned, ok bool) {
	switch s {
	case "":
		return 0, false, true
	case "Z", "z", " UTC", "UTC", " GMT", "GMT", " Z":
		return 0, true, true
	}
	if s[0] == ' ' {
		s = s[1:]
	}
	if s == "" || s[0] != '+' && s[0] != '-' {
		return 0, false, false
	}
	sign := int64(1)
	if s[0] == '-' {
		sign = -1
	}
	s = s[1:]
	var part [3]int64
	for k := range part {
		if s == "" && k > 0 {
			break
		}
		if k > 0 && s[0] == ':' {
			s = s[1:]
		}
		if len(s) == 1 || len(s) == 0 || twoDigits(s, 0) < 0 {
			return 0, false, false
		}
		part[k] = twoDigits(s, 0)
		s = s[2:]
	}
	if s != "" || part[0] > 18 || part[1] > 59 || part[2] > 59 {
		return 0, false, false
	}
	return sign * (part[0]*3600 + part[1]*60 + part[2]), true, true
}

func isDigit(c byte) bool { return c-'0' <= 9 }

// twoDigits returns the number at s[i:i+2], negative if it is none.
func twoDigits(s string, i int) int64 {
	a, b := s[i]-'0', s[i+1]-'0'
	if a > 9 || b > 9 {
		return -1
	}
	return int64(a)*10 + int64(b)
}

// digits reads at most limit digits and returns how many there were.
func digits(s string, limit int) (v int64, n int) {
	for n < len(s) && n < limit && isDigit(s[n]) {
		v = v*10 + int64(s[n]-'0')
		n++
	}
	return v, n
}

// AppendDate writes days since 1970-01-01 as yyyy-MM-dd. Years after 9999 have
// a plus sign, those before 0 a minus, as in Java.
func AppendDate(dst []byte, days int32) []byte {
	return appendCivil(dst, int64(days))
}

// AppendTimestamp writes yyyy-MM-ddTHH:mm:ss.SSSSSSZ, the form in partition
// values.
func AppendTimestamp(dst []byte, micros int64) []byte {
	return append(AppendDateTime(dst, micros, 'T', 6), 'Z')
}

// AppendTimestampNTZ writes yyyy-MM-dd HH:mm:ss, and .SSSSSS if that is not
// zero: the form in partition values.
func AppendTimestampNTZ(dst []byte, micros int64) []byte {
	fraction := 6
	if micros%microsPerSecond == 0 {
		fraction = 0
	}
	return AppendDateTime(dst, micros, ' ', fraction)
}

// AppendDateTime writes yyyy-MM-dd, sep, HH:mm:ss and fraction digits, 0 to 6.
// The digits beyond those are dropped, which is rounding towards the past.
func AppendDateTime(dst []byte, micros int64, sep byte, fraction int) []byte {
	days := civil.FloorDiv(micros, microsPerDay)
	rest := micros - days*microsPerDay
	dst = appendCivil(dst, days)
	seconds := rest / microsPerSecond
	dst = append(dst, sep)
	dst = append2(dst, seconds/3600)
	dst = append2(append(dst, ':'), seconds/60%60)
	dst = append2(append(dst, ':'), seconds%60)
	if fraction <= 0 {
		return dst
	}
	us := rest % microsPerSecond
	dst = append(dst, '.')
	for unit := int64(microsPerSecond / 10); fraction > 0 && unit > 0; fraction-- {
		dst = append(dst, byte('0'+us/unit%10))
		unit /= 10
	}
	return dst
}

func appendCivil(dst []byte, days int64) []byte {
	year, month, day := civil.Date(days)
	switch {
	case year < 0:
		dst = append(dst, '-')
		year = -year
	case year > 9999:
		dst = append(dst, '+')
	}
	unit := int64(1000)
	for year/unit >= 10 {
		unit *= 10
	}
	for ; unit > 0; unit /= 10 {
		dst = append(dst, byte('0'+year/unit%10))
	}
	dst = append2(append(dst, '-'), month)
	return append2(append(dst, '-'), day)
}

func append2(dst []byte, v int64) []byte {
	return append(dst, byte('0'+v/10), byte('0'+v%10))
}
