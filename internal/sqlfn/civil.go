package sqlfn

import (
	"errors"
	"math"
)

// The calendar is the proleptic Gregorian.

const (
	microsPerMilli  = 1_000
	microsPerSecond = 1_000_000
	secondsPerDay   = 86_400
	microsPerDay    = secondsPerDay * microsPerSecond
)

var (
	errRange = errors.New("the result is out of the range of its type")
	errDate  = errors.New("there is no such date")
)

// daysFromCivil counts the days from 1970-01-01 in eras of 400 years, whose years
// begin in March so that the leap day is the last.
func daysFromCivil(year, month, day int64) int64 {
	if month <= 2 {
		year--
	}
	era := floorDiv(year, 400)
	yearOfEra := year - era*400
	dayOfYear := (153*((month+9)%12)+2)/5 + day - 1
	return era*146097 + yearOfEra*365 + yearOfEra/4 - yearOfEra/100 + dayOfYear - 719468
}

func civilFromDays(days int64) (year, month, day int64) {
	days += 719468
	era := floorDiv(days, 146097)
	dayOfEra := days - era*146097
	yearOfEra := (dayOfEra - dayOfEra/1460 + dayOfEra/36524 - dayOfEra/146096) / 365
	dayOfYear := dayOfEra - (365*yearOfEra + yearOfEra/4 - yearOfEra/100)
	m := (5*dayOfYear + 2) / 153
	day = dayOfYear - (153*m+2)/5 + 1
	month = m + 3
	if month > 12 {
		month -= 12
	}
	year = yearOfEra + era*400
	if month <= 2 {
		year++
	}
	return year, month, day
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func floorMod(a, b int64) int64 {
	if r := a % b; r < 0 {
		return r + b
	} else {
		return r
	}
}

func isLeap(year int64) bool { return year%4 == 0 && (year%100 != 0 || year%400 == 0) }

func daysIn(year, month int64) int64 {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if isLeap(year) {
			return 29
		}
		return 28
	}
	return 31
}

// civilDays returns the day number of a date, which need not exist.
func civilDays(year, month, day int64) (int64, error) {
	if month < 1 || month > 12 || day < 1 || day > daysIn(year, month) || year < -999_999_999 || year > 999_999_999 {
		return 0, errDate
	}
	return daysFromCivil(year, month, day), nil
}

func toDate(days int64) (int32, error) {
	if int64(int32(days)) != days {
		return 0, errRange
	}
	return int32(days), nil
}

// addMonths keeps the day of the month, or takes the month's last.
func addMonths(days, months int64) int64 {
	y, m, d := civilFromDays(days)
	total := y*12 + m - 1 + months
	y, m = floorDiv(total, 12), floorMod(total, 12)+1
	return daysFromCivil(y, m, min(d, daysIn(y, m)))
}

func lastDay(days int64) int64 {
	y, m, d := civilFromDays(days)
	return days + daysIn(y, m) - d
}

// weekday counts from 0, which is Monday.
func weekday(days int64) int64 { return floorMod(days+3, 7) }

func dayOfYear(days int64) int64 {
	y, _, _ := civilFromDays(days)
	return days - daysFromCivil(y, 1, 1) + 1
}

// isoWeek returns the week and the year that it belongs to: the one that has its
// Thursday.
func isoWeek(days int64) (year, week int64) {
	thursday := days - weekday(days) + 3
	year, _, _ = civilFromDays(thursday)
	return year, (thursday-daysFromCivil(year, 1, 1))/7 + 1
}

// mulMicros returns v·unit.
func mulMicros(v, unit int64) (int64, error) {
	if v > math.MaxInt64/unit || v < math.MinInt64/unit {
		return 0, errRange
	}
	return v * unit, nil
}

// microsOf returns seconds and micros (0 to 999999) as one number.
func microsOf(seconds, micros int64) (int64, error) {
	// The lowest seconds overflow, though the sum may not.
	if seconds < 0 && micros > 0 {
		us, err := mulMicros(seconds+1, microsPerSecond)
		if err != nil || us < math.MinInt64+microsPerSecond-micros {
			return 0, errRange
		}
		return us - microsPerSecond + micros, nil
	}
	us, err := mulMicros(seconds, microsPerSecond)
	if err != nil || us > math.MaxInt64-micros {
		return 0, errRange
	}
	return us + micros, nil
}
