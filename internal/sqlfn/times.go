package sqlfn

import (
	"errors"
	"fmt"

	"github.com/deltalog/deltalog/internal/civil"
	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

func timeFuncs() []def {
	return []def{
		{"timestamp_seconds", resolveTimestampSeconds},
		{"timestamp_millis", fixed(schema.Timestamp, evalScaled(microsPerMilli), wantLong)},
		{"timestamp_micros", fixed(schema.Timestamp, evalSame, wantLong)},
		{"unix_seconds", fixed(schema.Long, evalFloor(microsPerSecond), wantTimestamp)},
		{"unix_millis", fixed(schema.Long, evalFloor(microsPerMilli), wantTimestamp)},
		{"unix_micros", fixed(schema.Long, evalSame, wantTimestamp)},
		{"make_timestamp", resolveMakeTimestamp},
	}
}

// evalScaled multiplies to microseconds.
func evalScaled(unit int64) evalFunc {
	return func(c *call) (*vec.Vec, error) {
		in := colOf[int64](c.args[0])
		return each(c, vec.Int64, func(i int) (int64, error) { return mulMicros(in.at(i), unit) })
	}
}

// evalFloor divides microseconds, towards the past.
func evalFloor(unit int64) evalFunc {
	return func(c *call) (*vec.Vec, error) {
		return all(c, vec.Int64, func(micros int64) int64 { return civil.FloorDiv(micros, unit) })
	}
}

// resolveTimestampSeconds takes fractions from decimals and floats.
func resolveTimestampSeconds(b *binding) (Signature, error) {
	to, err := b.cast([]want{{"a number", func(t schema.DataType) (schema.DataType, bool) {
		if isInteger(t.Kind()) {
			return schema.Long, true
		}
		if t.Kind() == schema.KindFloat {
			return schema.Double, true
		}
		return wantNumber.cast(t)
	}}}, 0)
	if err != nil {
		return Signature{}, err
	}
	switch t := to[0].(type) {
	case schema.Decimal:
		return strict(to, schema.Timestamp, func(c *call) (*vec.Vec, error) {
			in := colOf[[16]byte](c.args[0])
			return each(c, vec.Int64, func(i int) (int64, error) {
				d := schema.Decimal128FromLittleEndian(in.at(i))
				us, exact, ok := d.Rescale(t.Scale, 6)
				micros, fits := us.Int64()
				switch {
				case !ok || !fits:
					return 0, errRange
				case !exact:
					return 0, fmt.Errorf("%s has parts of a microsecond", d.Text(t.Scale))
				}
				return micros, nil
			})
		}), nil
	case schema.Primitive:
		if t == schema.Double {
			return strict(to, schema.Timestamp, func(c *call) (*vec.Vec, error) {
				in := colOf[float64](c.args[0])
				return each(c, vec.Int64, func(i int) (int64, error) {
					x := in.at(i)
					if x-x != 0 { // NaN, infinite
						return 0, errNull
					}
					return saturated(x * microsPerSecond), nil
				})
			}), nil
		}
	}
	return strict(to, schema.Timestamp, evalScaled(microsPerSecond)), nil
}

var secondType = schema.Decimal{Precision: 16, Scale: 6}

// resolveMakeTimestamp resolves make_timestamp(year, month, day, hour, minute,
// second[, zone]).
func resolveMakeTimestamp(b *binding) (Signature, error) {
	second := want{"a number", func(t schema.DataType) (schema.DataType, bool) { return implicit(t, secondType) }}
	to, err := b.cast([]want{wantInt, wantInt, wantInt, wantInt, wantInt, second, wantString}, 1)
	if err != nil {
		return Signature{}, err
	}
	return strict(to, schema.Timestamp, evalMakeTimestamp), nil
}

func evalMakeTimestamp(c *call) (*vec.Vec, error) {
	var part [5]col[int32]
	for k := range part {
		part[k] = colOf[int32](c.args[k])
	}
	second := colOf[[16]byte](c.args[5])
	zones := newTimeParser(c.env)
	var names text
	if len(c.args) == 7 {
		names = textOf(c.args[6])
	}
	return each(c, vec.Int64, func(i int) (int64, error) {
		t := clock{}
		for k := range part {
			t.part[k] = int64(part[k].at(i))
		}
		micros, ok := schema.Decimal128FromLittleEndian(second.at(i)).Int64()
		if !ok || micros < 0 || micros > 60*microsPerSecond {
			return 0, fmt.Errorf("second %s, want 0 to 60", schema.Decimal128FromLittleEndian(second.at(i)).Text(6))
		}
		t.part[6] = micros % microsPerSecond
		// The 60th second is the next minute's first, as PostgreSQL has it.
		extra := micros / (60 * microsPerSecond) * 60
		t.part[5] = micros/microsPerSecond - extra
		wall, ok := t.seconds()
		if !ok || t.part[3] < 0 || t.part[4] < 0 {
			return 0, errors.New("there is no such date or time of day")
		}
		z := zones.session
		if len(c.args) == 7 {
			if z, ok = zones.zone(string(names.at(i))); !ok {
				return 0, fmt.Errorf("there is no time zone %q", names.at(i))
			}
		}
		return microsOf(z.instant(wall+extra, noOffset), t.part[6])
	})
}
