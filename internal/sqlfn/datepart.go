package sqlfn

import (
	"fmt"
	"strings"

	"github.com/deltalog/deltalog/internal/civil"
	"github.com/deltalog/deltalog/internal/schemavec"
	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

func datePartFuncs() []def {
	return []def{
		{"year", fixed(schema.Integer, evalDay(yearOf), wantDate)},
		{"quarter", fixed(schema.Integer, evalDay(quarterOf), wantDate)},
		{"month", fixed(schema.Integer, evalDay(monthOf), wantDate)},
		{"day dayofmonth", fixed(schema.Integer, evalDay(dayOf), wantDate)},
		{"dayofweek", fixed(schema.Integer, evalDay(dayOfWeekOf), wantDate)},
		{"weekday", fixed(schema.Integer, evalDay(weekdayOf), wantDate)},
		{"dayofyear", fixed(schema.Integer, evalDay(dayOfYearOf), wantDate)},
		{"weekofyear", fixed(schema.Integer, evalDay(weekOf), wantDate)},
		{"hour", clockPart(hourOf)},
		{"minute", clockPart(minuteOf)},
		{"second", clockPart(secondOf)},
		{"date_part datepart extract", resolveDatePart},
	}
}

func yearOf(days int64) int32       { y, _, _ := civil.Date(days); return int32(y) }
func monthOf(days int64) int32      { _, m, _ := civil.Date(days); return int32(m) }
func quarterOf(days int64) int32    { return (monthOf(days) + 2) / 3 }
func dayOf(days int64) int32        { _, _, d := civil.Date(days); return int32(d) }
func weekdayOf(days int64) int32    { return int32(weekday(days)) }
func dayOfYearOf(days int64) int32  { return int32(dayOfYear(days)) }
func weekOf(days int64) int32       { _, w := isoWeek(days); return int32(w) }
func weekYearOf(days int64) int32   { y, _ := isoWeek(days); return int32(y) }
func isoWeekdayOf(days int64) int32 { return int32(weekday(days)) + 1 }

// dayOfWeekOf counts from 1, which is Sunday.
func dayOfWeekOf(days int64) int32 { return int32(weekday(days)+1)%7 + 1 }

func hourOf(second int64) int32   { return int32(second / 3600) }
func minuteOf(second int64) int32 { return int32(second / 60 % 60) }
func secondOf(second int64) int32 { return int32(second % 60) }

// evalDay computes a part of dates.
func evalDay(part func(days int64) int32) evalFunc {
	return func(c *call) (*vec.Vec, error) {
		return all(c, vec.Int32, func(days int32) int32 { return part(int64(days)) })
	}
}

// clockPart resolves a part of the time of day, of which part gets the second.
func clockPart(part func(second int64) int32) resolver {
	return fixed(schema.Integer, evalClock(part), wantAnyTimestamp)
}

func evalClock(part func(second int64) int32) evalFunc {
	return func(c *call) (*vec.Vec, error) {
		z := c.zone(0)
		return all(c, vec.Int32, func(micros int64) int32 {
			return part(civil.FloorMod(civil.FloorDiv(z.wall(micros), microsPerSecond), secondsPerDay))
		})
	}
}

// zone returns the session's time zone for an argument that is a timestamp, and
// UTC for one without a zone.
func (c *call) zone(arg int) *zone {
	if c.types[arg].Kind() == schema.KindTimestampNTZ {
		return newZone(nil)
	}
	return newZone(c.env.location())
}

// dayParts and clockParts are the fields of EXTRACT.
var dayParts = map[string]func(days int64) int32{
	"YEAR Y YEARS YR YRS":   yearOf,
	"YEAROFWEEK":            weekYearOf,
	"QUARTER QTR":           quarterOf,
	"MONTH MON MONS MONTHS": monthOf,
	"WEEK W WEEKS":          weekOf,
	"DAY D DAYS":            dayOf,
	"DAYOFWEEK DOW":         dayOfWeekOf,
	"DAYOFWEEK_ISO DOW_ISO": isoWeekdayOf,
	"DOY":                   dayOfYearOf,
}

var clockParts = map[string]func(second int64) int32{
	"HOUR H HOURS HR HRS":       hourOf,
	"MINUTE M MIN MINS MINUTES": minuteOf,
	"SECOND S SEC SECONDS SECS": nil, // with its fraction
}

func field[T any](fields map[string]T, name string) (f T, ok bool) {
	for names, f := range fields {
		for n := range strings.FieldsSeq(names) {
			if strings.EqualFold(n, name) {
				return f, true
			}
		}
	}
	return f, false
}

// resolveDatePart resolves date_part(field, source), whose type depends on the
// field: seconds are a decimal.
func resolveDatePart(b *binding) (Signature, error) {
	if len(b.args) != 2 {
		return Signature{}, b.countError(2, 2)
	}
	name, null, err := b.constString(0, "the field")
	if err != nil {
		return Signature{}, err
	}
	if null {
		return strict([]schema.DataType{schema.String, b.args[1]}, schema.Double, func(c *call) (*vec.Vec, error) {
			return vec.AllNull(schemavec.Empty(c.result), c.n), nil
		}), nil
	}
	source, result, eval := wantDate, schema.DataType(schema.Integer), evalFunc(nil)
	if f, ok := field(dayParts, name); ok {
		eval = evalDay(f)
	} else if f, ok := field(clockParts, name); ok {
		source, eval = wantAnyTimestamp, evalClock(f)
		if f == nil {
			result, eval = schema.Decimal{Precision: 8, Scale: 6}, evalSeconds
		}
	} else {
		return Signature{}, fmt.Errorf("a date or timestamp has no field %q", name)
	}
	to, ok := source.cast(b.args[1])
	if !ok {
		return Signature{}, fmt.Errorf("argument 2 is %v, want %s", b.args[1], source.name)
	}
	return strict([]schema.DataType{schema.String, to}, result, func(c *call) (*vec.Vec, error) {
		// The field is in the kernel; what is left is a function of the source.
		one := *c
		one.args, one.types = c.args[1:], c.types[1:]
		if one.args[0].Const && c.n > 1 {
			one.n = 1
			v, err := eval(&one)
			if err != nil {
				return nil, err
			}
			return vec.Repeat(v, 0, c.n)
		}
		return eval(&one)
	}), nil
}

func evalSeconds(c *call) (*vec.Vec, error) {
	z := c.zone(0)
	return all(c, vec.Decimal128, func(micros int64) [16]byte {
		return schema.Decimal128FromInt64(civil.FloorMod(z.wall(micros), 60*microsPerSecond)).LittleEndian()
	})
}
