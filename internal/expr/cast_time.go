package expr

import (
	"math"
	"time"

	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// timeTo casts between dates and the two timestamps. A date is its midnight, and
// a timestamp without a zone is on the clock of the session's zone.
func timeTo(k, l schema.Kind, loc *time.Location) caster {
	return func(v *vec.Vec, f *failures) (*vec.Vec, error) {
		if k == schema.KindDate {
			out := make([]int64, v.Len)
			for i, d := range vec.Values[int32](v) {
				if n := int64(d); n > maxDays || n < -maxDays {
					if f.bad(i, "%s: %w of timestamp", string(schema.AppendDate(nil, d)), errOverflow) {
						break
					}
					continue
				}
				out[i] = int64(d) * microsPerDay
				if l == schema.KindTimestamp {
					out[i] = fromWall(out[i], loc)
				}
			}
			return vec.Of(vec.Int64, out, nil), nil
		}
		us := vec.Values[int64](v)
		if l == schema.KindDate {
			out := make([]int32, len(us))
			for i, x := range us {
				if k == schema.KindTimestamp {
					x = toWall(x, loc)
				}
				out[i] = int32(floorDiv(x, microsPerDay))
			}
			return vec.Of(vec.Int32, out, nil), nil
		}
		out := make([]int64, len(us))
		for i, x := range us {
			if l == schema.KindTimestamp {
				out[i] = fromWall(x, loc)
			} else {
				out[i] = toWall(x, loc)
			}
		}
		return vec.Of(vec.Int64, out, nil), nil
	}
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// secondsTo casts timestamps to the seconds since 1970.
func secondsTo(to schema.DataType) caster {
	return func(v *vec.Vec, f *failures) (*vec.Vec, error) {
		us := vec.Values[int64](v)
		switch l := to.Kind(); {
		case isFloat(l):
			out := make([]float64, len(us))
			for i, x := range us {
				out[i] = float64(x) / 1e6
			}
			return floatsOf(out, l), nil
		case l == schema.KindDecimal:
			return decimalsTo(toDecimals(v), 6, to, f), nil
		}
		out := make([]int64, len(us))
		for i, x := range us {
			out[i] = floorDiv(x, 1e6)
		}
		return intsTo(out, to, f), nil
	}
}

// numberToTimestamp casts seconds since 1970. Of an integer that is too large it
// makes the first or last timestamp, as Spark does.
func numberToTimestamp(from schema.DataType) caster {
	return func(v *vec.Vec, f *failures) (*vec.Vec, error) {
		out := make([]int64, v.Len)
		if isFloat(from.Kind()) {
			for i, x := range toFloats(v, 0) {
				us := x * 1e6
				if !(us < math.MaxInt64 && us > math.MinInt64) {
					if f.bad(i, "%s: %w of timestamp", floatString(x), errOverflow) {
						break
					}
					continue
				}
				out[i] = int64(us)
			}
			return vec.Of(vec.Int64, out, nil), nil
		}
		scale := scaleOf(from)
		for i, d := range toDecimals(v) {
			n, ok := schema.Decimal128{}, true
			if scale > 6 {
				n = truncateDecimal(d, scale-6)
			} else {
				n, _, ok = d.Rescale(0, 6-scale)
			}
			us, fits := n.Int64()
			if isInteger(from.Kind()) && (!ok || !fits) {
				us, ok, fits = math.MaxInt64, true, true
				if d.Sign() < 0 {
					us = math.MinInt64
				}
			}
			if (!ok || !fits) && f.bad(i, "%s: %w of timestamp", d.Text(scale), errOverflow) {
				break
			}
			out[i] = us
		}
		return vec.Of(vec.Int64, out, nil), nil
	}
}
