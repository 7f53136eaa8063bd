package sqlfn

import (
	"errors"
	"math"

	"github.com/deltalog/deltalog/internal/civil"
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

// civilDays returns the day number of a date, which need not exist.
func civilDays(year, month, day int64) (int64, error) {
	if month < 1 || month > 12 || day < 1 || day > civil.DaysIn(year, month) || year < -999_999_999 || year > 999_999_999 {
		return 0, errDate
	}
	return civil.Days(year, month, day), nil
}

func toDate(days int64) (int32, error) {
	if int64(int32(days)) != days {
		return 0, errRange
	}
	return int32(days), nil
}

// addMonths keeps the day of the month, or takes the month's last.
func addMonths(days, months int64) int64 {
	y, m, d := civil.Date(days)
	total := y*12 + m - 1 + months
	y, m = civil.FloorDiv(total, 12), civil.FloorMod(total, 12)+1
	return civil.Days(y, m, min(d, civil.DaysIn(y, m)))
}

func lastDay(days int64) int64 {
	y, m, d := civil.Date(days)
	return days + civil.DaysIn(y, m) - d
}

// weekday counts from 0, which is Monday.
func weekday(days int64) int64 { return civil.FloorMod(days+3, 7) }

func dayOfYear(days int64) int64 {
	y, _, _ := civil.Date(days)
	return days - civil.Days(y, 1, 1) + 1
}

// isoWeek returns the week and the year that it belongs to: the one that has its
// Thursday.
func isoWeek(days int64) (year, week int64) {
	thursday := days - weekday(days) + 3
	year, _, _ = civil.Date(thursday)
	return year, (thursday-civil.Days(year, 1, 1))/7 + 1
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
