package sqlfn

import (
	"fmt"
	"math"
	"strings"

	"github.com/deltalog/deltalog/internal/civil"
	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

func dateFuncs() []def {
	return []def{
		{"date_add dateadd", fixed(schema.Date, evalDays(func(d, n int32) (int32, error) { return d + n, nil }), wantDate, wantInt)},
		{"date_sub", fixed(schema.Date, evalDays(func(d, n int32) (int32, error) { return d - n, nil }), wantDate, wantInt)},
		{"datediff date_diff", fixed(schema.Integer, evalDays(func(a, b int32) (int32, error) { return a - b, nil }), wantDate, wantDate)},
		{"add_months", fixed(schema.Date, evalDays(func(d, n int32) (int32, error) { return toDate(addMonths(int64(d), int64(n))) }), wantDate, wantInt)},
		{"months_between", optional(1, schema.Double, evalMonthsBetween, wantTimestamp, wantTimestamp, wantBoolean)},
		{"last_day", fixed(schema.Date, func(c *call) (*vec.Vec, error) {
			in := colOf[int32](c.args[0])
			return each(c, vec.Int32, func(i int) (int32, error) { return toDate(lastDay(int64(in.at(i)))) })
		}, wantDate)},
		{"next_day", fixed(schema.Date, evalNextDay, wantDate, wantString)},
		{"make_date", fixed(schema.Date, evalMakeDate, wantInt, wantInt, wantInt)},
		{"unix_date", fixed(schema.Integer, evalSame, wantDate)},
		{"date_from_unix_date", fixed(schema.Date, evalSame, wantInt)},
	}
}

// evalDays computes from two columns of dates or ints. Sums wrap, as in Spark.
func evalDays(f func(a, b int32) (int32, error)) evalFunc {
	return func(c *call) (*vec.Vec, error) {
		a, b := colOf[int32](c.args[0]), colOf[int32](c.args[1])
		return each(c, vec.Int32, func(i int) (int32, error) { return f(a.at(i), b.at(i)) })
	}
}

// evalSame returns the only argument.
func evalSame(c *call) (*vec.Vec, error) { return c.args[0].Vec, nil }

// evalMonthsBetween takes the days as 31sts of a month, unless both are the same
// day of their month or its last.
func evalMonthsBetween(c *call) (*vec.Vec, error) {
	a, b := colOf[int64](c.args[0]), colOf[int64](c.args[1])
	z := newZone(c.env.location())
	return each(c, vec.Float64, func(i int) (float64, error) {
		round := len(c.args) < 3 || c.args[2].Const && c.args[2].Bool(0) || !c.args[2].Const && c.args[2].Bool(i)
		return monthsBetween(z, a.at(i), b.at(i), round)
	})
}

func monthsBetween(z *zone, a, b int64, round bool) (float64, error) {
	var months, day, last, second [2]int64
	for k, micros := range [2]int64{a, b} {
		days := civil.FloorDiv(z.wall(micros), microsPerDay)
		y, m, d := civil.Date(days)
		months[k], day[k], last[k] = y*12+m, d, civil.DaysIn(y, m)
		start, err := z.startOfDay(days)
		if err != nil {
			return 0, err
		}
		second[k] = (micros - start) / microsPerSecond
	}
	diff := float64(months[0] - months[1])
	if day[0] == day[1] || day[0] == last[0] && day[1] == last[1] {
		return diff, nil
	}
	seconds := (day[0]-day[1])*secondsPerDay + second[0] - second[1]
	diff += float64(seconds) / (31 * secondsPerDay)
	if round {
		diff = math.Floor(diff*1e8+0.5) / 1e8
	}
	return diff, nil
}

var weekdayNames = [7]string{"MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"}

// evalNextDay takes names of two or three letters or whole.
func evalNextDay(c *call) (*vec.Vec, error) {
	in, names := colOf[int32](c.args[0]), textOf(c.args[1])
	return each(c, vec.Int32, func(i int) (int32, error) {
		name := strings.ToUpper(string(names.at(i)))
		for k, full := range weekdayNames {
			if name == full || name == full[:2] || name == full[:3] {
				days := int64(in.at(i))
				return toDate(days + 1 + civil.FloorMod(int64(k)-weekday(days+1), 7))
			}
		}
		return 0, fmt.Errorf("%q is no day of the week", names.at(i))
	})
}

func evalMakeDate(c *call) (*vec.Vec, error) {
	y, m, d := colOf[int32](c.args[0]), colOf[int32](c.args[1]), colOf[int32](c.args[2])
	return each(c, vec.Int32, func(i int) (int32, error) {
		days, err := civilDays(int64(y.at(i)), int64(m.at(i)), int64(d.at(i)))
		if err != nil {
			return 0, fmt.Errorf("year %d, month %d, day %d: %w", y.at(i), m.at(i), d.at(i), err)
		}
		return toDate(days)
	})
}
