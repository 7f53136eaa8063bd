package expr

import (
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/deltalog/deltalog/txlog/schema"
)

func itoa(n int) string { return strconv.Itoa(n) }

// number returns the literal of a number with an optional sign and suffix.
func (p *parser) number(pos at, text string) Expr {
	if p.err != nil {
		return True
	}
	v, err := parseNumber(text)
	if err != nil {
		p.fail(int(pos)-1, "%v", err)
	}
	return &literal{pos, v}
}

func parseNumber(text string) (schema.Value, error) {
	upper := strings.ToUpper(text)
	for _, s := range []struct {
		suffix string
		typ    schema.DataType
	}{
		{"BD", nil}, {"L", schema.Long}, {"S", schema.Short}, {"Y", schema.Byte}, {"D", schema.Double}, {"F", schema.Float},
	} {
		if digits, has := strings.CutSuffix(upper, s.suffix); has {
			if s.typ == nil {
				return parseDecimal(digits)
			}
			return castText(digits, s.typ, time.UTC)
		}
	}
	switch {
	case strings.Contains(upper, "E"):
		return castText(upper, schema.Double, time.UTC)
	case strings.Contains(upper, "."):
		return parseDecimal(upper)
	}
	n, err := strconv.ParseInt(upper, 10, 64)
	switch {
	case err != nil:
		return parseDecimal(upper)
	case n == int64(int32(n)):
		return schema.IntegerValue(int32(n)), nil
	}
	return schema.LongValue(n), nil
}

func parseDecimal(text string) (schema.Value, error) {
	d, scale, ok := schema.ParseDecimal(strings.TrimSpace(text))
	if ok && scale < 0 {
		d, _, ok = d.Rescale(scale, 0)
		scale = 0
	}
	if !ok || scale > 38 || !d.Fits(38) {
		return schema.Value{}, fmt.Errorf("%s is not a decimal number of at most 38 digits", clip(text))
	}
	return schema.DecimalValue(d, scale), nil
}

func (p *parser) binary(pos at, text token) Expr {
	digits := text.text
	if len(digits)%2 == 1 {
		digits = "0" + digits
	}
	b, err := hex.DecodeString(digits)
	if err != nil {
		p.fail(text.pos, "X'…' wants hexadecimal digits")
	}
	return &literal{pos, schema.BinaryValue(string(b))}
}

// castText returns the value of a type that text stands for, as Spark's ANSI
// CAST, but for decimals, of which it loses no digit.
func castText(text string, typ schema.DataType, loc *time.Location) (schema.Value, error) {
	v, ok := schema.Value{}, false
	trimmed := strings.TrimSpace(text)
	switch kind := typ.Kind(); kind {
	case schema.KindString:
		return schema.StringValue(text), nil
	case schema.KindBinary:
		return schema.BinaryValue(text), nil
	case schema.KindBoolean:
		switch strings.ToLower(trimmed) {
		case "true", "t", "yes", "y", "1":
			v, ok = schema.BooleanValue(true), true
		case "false", "f", "no", "n", "0":
			v, ok = schema.BooleanValue(false), true
		}
	case schema.KindByte, schema.KindShort, schema.KindInteger, schema.KindLong:
		v, ok = parseInteger(trimmed, kind)
	case schema.KindFloat:
		var f float64
		f, ok = schema.ParseFloat(trimmed, 32)
		v = schema.FloatValue(float32(f))
	case schema.KindDouble:
		var f float64
		f, ok = schema.ParseFloat(trimmed, 64)
		v = schema.DoubleValue(f)
	case schema.KindDecimal:
		d := typ.(schema.Decimal)
		var u schema.Decimal128
		u, ok = d.Parse(trimmed)
		v = schema.DecimalValue(u, d.Scale)
	case schema.KindDate:
		var days int32
		days, ok = parseDate(trimmed)
		v = schema.DateValue(days)
	case schema.KindTimestamp:
		var us int64
		us, ok = schema.ParseTimestamp(trimmed, loc)
		v = schema.TimestampValue(us)
	case schema.KindTimestampNTZ:
		var us int64
		us, ok = schema.ParseTimestampNTZ(trimmed)
		v = schema.TimestampNTZValue(us)
	}
	if !ok {
		return schema.Value{}, fmt.Errorf("%s is not a valid %s", quote(clip(text)), typ)
	}
	return v, nil
}

func parseInteger(text string, kind schema.Kind) (schema.Value, bool) {
	bits := map[schema.Kind]int{schema.KindByte: 8, schema.KindShort: 16, schema.KindInteger: 32, schema.KindLong: 64}[kind]
	n, err := strconv.ParseInt(text, 10, bits)
	if err != nil {
		return schema.Value{}, false
	}
	return integerValue(kind, n), true
}

// integerValue returns the value of an integer kind.
func integerValue(kind schema.Kind, n int64) schema.Value {
	switch kind {
	case schema.KindByte:
		return schema.ByteValue(int8(n))
	case schema.KindShort:
		return schema.ShortValue(int16(n))
	case schema.KindInteger:
		return schema.IntegerValue(int32(n))
	}
	return schema.LongValue(n)
}

// parseDate reads a date. A time after it must be midnight: Spark drops it, so
// that a comparison would be true for other times than the one that is written.
func parseDate(text string) (days int32, ok bool) {
	if days, ok := schema.ParseDate(text); ok {
		return days, true
	}
	us, ok := schema.ParseTimestampNTZ(text)
	if !ok || us%microsPerDay != 0 {
		return 0, false
	}
	if us /= microsPerDay; us < math.MinInt32 || us > math.MaxInt32 {
		return 0, false
	}
	return int32(us), true
}
