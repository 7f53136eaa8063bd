package sqlfn

import (
	"strings"

	"github.com/deltalog/deltalog/internal/civil"
	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

func truncFuncs() []def {
	return []def{
		{"date_trunc", fixed(schema.Timestamp, evalDateTrunc, wantString, wantTimestamp)},
		{"trunc", fixed(schema.Date, evalTrunc, wantDate, wantString)},
	}
}

// A unit is what date_trunc cuts to.
type unit uint8

const (
	unitNone unit = iota
	unitMicro
	unitMilli
	unitSecond
	unitMinute
	unitHour
	unitDay
	unitWeek
	unitMonth
	unitQuarter
	unitYear
)

func unitOf(name []byte) unit {
	switch strings.ToUpper(string(name)) {
	case "MICROSECOND":
		return unitMicro
	case "MILLISECOND":
		return unitMilli
	case "SECOND":
		return unitSecond
	case "MINUTE":
		return unitMinute
	case "HOUR":
		return unitHour
	case "DAY", "DD":
		return unitDay
	case "WEEK":
		return unitWeek
	case "MONTH", "MM", "MON":
		return unitMonth
	case "QUARTER":
		return unitQuarter
	case "YEAR", "YYYY", "YY":
		return unitYear
	}
	return unitNone
}

// units returns the unit of each row, from names that are mostly all the same.
func units(a Arg) func(i int) unit {
	names := textOf(a)
	last, u := "", unitNone
	return func(i int) unit {
		if name := names.at(i); string(name) != last {
			last, u = string(name), unitOf(name)
		}
		return u
	}
}

func truncDay(days int64, u unit) int64 {
	y, m, _ := civil.Date(days)
	switch u {
	case unitWeek:
		return days - weekday(days)
	case unitMonth:
		return civil.Days(y, m, 1)
	case unitQuarter:
		return civil.Days(y, (m-1)/3*3+1, 1)
	case unitYear:
		return civil.Days(y, 1, 1)
	}
	return days
}

// evalTrunc gives null for units that dates do not have, and for days.
func evalTrunc(c *call) (*vec.Vec, error) {
	in, unitAt := colOf[int32](c.args[0]), units(c.args[1])
	return each(c, vec.Int32, func(i int) (int32, error) {
		u := unitAt(i)
		if u < unitWeek {
			return 0, errNull
		}
		return toDate(truncDay(int64(in.at(i)), u))
	})
}

// evalDateTrunc gives null for units that there are not.
func evalDateTrunc(c *call) (*vec.Vec, error) {
	in, unitAt := colOf[int64](c.args[1]), units(c.args[0])
	z := newZone(c.env.location())
	return each(c, vec.Int64, func(i int) (int64, error) { return truncMicros(in.at(i), unitAt(i), z) })
}

func truncMicros(micros int64, u unit, z *zone) (int64, error) {
	switch u {
	case unitNone:
		return 0, errNull
	case unitMicro:
		return micros, nil
	case unitMilli:
		return below(micros, microsPerMilli)
	case unitSecond:
		return below(micros, microsPerSecond)
	}
	seconds := civil.FloorDiv(micros, microsPerSecond)
	off := z.offset(seconds)
	wall := seconds + off
	switch u {
	case unitMinute:
		wall -= civil.FloorMod(wall, 60)
	case unitHour:
		wall -= civil.FloorMod(wall, 3600)
	case unitDay:
		wall -= civil.FloorMod(wall, secondsPerDay)
	default:
		return z.startOfDay(truncDay(civil.FloorDiv(wall, secondsPerDay), u))
	}
	// In an hour that happens twice, the result is in the same one.
	return microsOf(z.instant(wall, off), 0)
}

// below returns the multiple of unit at or before micros.
func below(micros, unit int64) (int64, error) {
	r := micros - civil.FloorMod(micros, unit)
	if r > micros {
		return 0, errRange
	}
	return r, nil
}
