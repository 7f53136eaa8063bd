package stats

import (
	"math"
	"strings"
	"unicode/utf8"

	"github.com/deltalog/deltalog/txlog/schema"
)

// bound reads a bound of the column n into v. It returns false for null and for
// what is no value of the column's type.
func (n *node) bound(v *schema.Value, t token, isMax bool) bool {
	switch t.kind {
	case tokenNested:
		return false
	case tokenLiteral:
		*v = schema.BooleanValue(t.text == "true")
		return n.kind == schema.KindBoolean && t.text != "null"
	case tokenEscaped:
		var ok bool
		// A replacement character may stand for half a surrogate pair.
		if t.text, ok = unquote(t.text); !ok || strings.ContainsRune(t.text, utf8.RuneError) {
			return false
		}
		t.kind = tokenString
	}
	switch n.kind {
	case schema.KindFloat, schema.KindDouble:
		return n.floatBound(v, t, isMax)
	case schema.KindDecimal:
		return n.decimalBound(v, t, isMax)
	}
	if t.kind == tokenNumber {
		return n.integerBound(v, t.text)
	}
	return n.textBound(v, t.text, isMax)
}

func (n *node) integerBound(v *schema.Value, text string) bool {
	i, ok := parseInt(text)
	if !ok {
		return false
	}
	switch n.kind {
	case schema.KindLong:
		*v = schema.LongValue(i)
	case schema.KindInteger:
		*v = schema.IntegerValue(int32(i))
	case schema.KindShort:
		*v = schema.ShortValue(int16(i))
	case schema.KindByte:
		*v = schema.ByteValue(int8(i))
	default:
		return false
	}
	return v.Int64() == i
}

func (n *node) textBound(v *schema.Value, text string, isMax bool) bool {
	switch n.kind {
	case schema.KindString:
		*v = schema.StringValue(text)
		return utf8.ValidString(text)
	case schema.KindDate:
		days, ok := schema.ParseDate(text)
		*v = schema.DateValue(days)
		return ok
	case schema.KindTimestamp:
		us, ok := schema.ParseTimestamp(text, nil)
		*v = schema.TimestampValue(afterTruncation(us, isMax))
		return ok && zoned(text)
	case schema.KindTimestampNTZ:
		us, ok := schema.ParseTimestampNTZ(text)
		*v = schema.TimestampNTZValue(afterTruncation(us, isMax))
		return ok
	}
	return false
}

// zoned reports whether a valid timestamp has a zone.
func zoned(text string) bool {
	if strings.HasSuffix(text, "Z") {
		return true
	}
	clock := text[strings.IndexAny(text, "T ")+1:]
	return len(clock) < len(text) && strings.ContainsAny(clock, "z+-UG")
}

// afterTruncation gives a max back what truncation to milliseconds may have
// taken from it.
func afterTruncation(us int64, isMax bool) int64 {
	if !isMax {
		return us
	}
	if us > math.MaxInt64-1000 {
		return math.MaxInt64
	}
	return us + 1000
}

// floatBound reads a number, or a string: Java writers put NaN and infinities
// in quotes. A NaN is an upper bound of all values, in Spark's order; as a min it
// says nothing, since some writers make it of any values with a NaN among them.
func (n *node) floatBound(v *schema.Value, t token, isMax bool) bool {
	bits := 64
	if n.kind == schema.KindFloat {
		bits = 32
	}
	f, ok := schema.ParseFloat(t.text, bits)
	if !ok || f != f && !isMax || math.IsInf(f, 0) && t.kind == tokenNumber {
		return false
	}
	if n.kind == schema.KindFloat {
		*v = schema.FloatValue(float32(f))
		return true
	}
	if n.widened {
		// Of a column that was a float when the file was written: 0.1 meant the
		// float nearest to it.
		if g := float64(float32(f)); isMax && g > f || !isMax && g < f {
			f = g
		}
	}
	*v = schema.DoubleValue(f)
	return true
}

// Doubles tell decimals of 14 digits apart even after a few wrong roundings, and
// are printed with at most 17.
var (
	max14Digits = schema.Decimal128FromInt64(1e14 - 1)
	max17Digits = schema.Decimal128FromInt64(1e17 - 1)
)

// decimalBound reads a number with all of its digits.
//
// Some writers, such as delta-rs, pass decimals through a double and so round
// the long ones, even inwards; delta-rs divides by a power of ten that is itself
// rounded, and may take the next double towards zero then. A bound that may have been a double is moved
// outwards by more than a double can be wrong.
func (n *node) decimalBound(v *schema.Value, t token, isMax bool) bool {
	d, scale, ok := schema.ParseDecimal(t.text)
	if !ok {
		return false
	}
	u, exact, ok := d.Rescale(scale, n.decimal.Scale)
	if !ok {
		return false
	}
	switch {
	case (longer(d, max14Digits) || longer(u, max14Digits)) && n.maybeDouble(u, scale, t.text):
		if u, ok = outward(u, isMax); !ok {
			return false
		}
	case !exact:
		*v = schema.DecimalValue(d, scale) // a writer's scale was larger
		return true
	}
	*v = schema.DecimalValue(u, n.decimal.Scale)
	return true
}

// longer reports whether |d| is more than limit.
func longer(d, limit schema.Decimal128) bool {
	return d.Cmp(limit) > 0 || d.Neg().Cmp(limit) > 0
}

// maybeDouble reports whether the text could be a double's. It is not if it has
// the type's digits after the point and more than 17 in all, unless it ends as a
// double does, in 0 or .0.
func (n *node) maybeDouble(u schema.Decimal128, scale int, text string) bool {
	return scale != n.decimal.Scale || !longer(u, max17Digits) ||
		strings.ContainsAny(text, "eE") || scale <= 1 && strings.HasSuffix(text, "0")
}

// outward moves a bound by one part in 2^48, which is 32 times what rounding to
// a double costs, and by one unit, for the rounding to the type's scale.
func outward(u schema.Decimal128, isMax bool) (schema.Decimal128, bool) {
	magnitude := u
	if u.Sign() < 0 {
		magnitude = u.Neg()
	}
	hi, lo := magnitude.Hi(), magnitude.Lo()
	step, _ := schema.NewDecimal128(hi>>48, uint64(hi)<<16|lo>>48).Add(schema.Decimal128FromInt64(1))
	if !isMax {
		step = step.Neg()
	}
	return u.Add(step)
}
