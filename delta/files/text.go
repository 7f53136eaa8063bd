package files

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"

	"github.com/deltalog/deltalog/txlog/schema"
)

// A textAppender appends a value that is text.
type textAppender func(s string) error

// appenderOf returns the appender of a primitive type.
func appenderOf(t schema.DataType, b array.Builder) (textAppender, error) {
	switch t.Kind() {
	case schema.KindBoolean:
		return func(s string) error {
			v, ok := parseBool(s)
			if !ok {
				return notA(s, t)
			}
			b.(*array.BooleanBuilder).Append(v)
			return nil
		}, nil
	case schema.KindByte:
		return integer(t, 8, func(v int64) { b.(*array.Int8Builder).Append(int8(v)) }), nil
	case schema.KindShort:
		return integer(t, 16, func(v int64) { b.(*array.Int16Builder).Append(int16(v)) }), nil
	case schema.KindInteger:
		return integer(t, 32, func(v int64) { b.(*array.Int32Builder).Append(int32(v)) }), nil
	case schema.KindLong:
		return integer(t, 64, func(v int64) { b.(*array.Int64Builder).Append(v) }), nil
	case schema.KindFloat:
		return float(t, 32, func(v float64) { b.(*array.Float32Builder).Append(float32(v)) }), nil
	case schema.KindDouble:
		return float(t, 64, func(v float64) { b.(*array.Float64Builder).Append(v) }), nil
	case schema.KindDecimal:
		return decimal(t.(schema.Decimal), b.(*array.Decimal128Builder)), nil
	case schema.KindString:
		return func(s string) error { b.(*array.StringBuilder).Append(s); return nil }, nil
	case schema.KindBinary:
		return func(s string) error {
			v, err := base64.StdEncoding.DecodeString(s)
			if err != nil {
				return fmt.Errorf("%q is not base64, which binary is written in", clip(s))
			}
			b.(*array.BinaryBuilder).Append(v)
			return nil
		}, nil
	case schema.KindDate:
		return func(s string) error {
			v, ok := schema.ParseDate(s)
			if !ok {
				return notA(s, t)
			}
			b.(*array.Date32Builder).Append(arrow.Date32(v))
			return nil
		}, nil
	case schema.KindTimestamp:
		return timestamp(t, b, func(s string) (int64, bool) { return schema.ParseTimestamp(s, nil) }), nil
	case schema.KindTimestampNTZ:
		return timestamp(t, b, schema.ParseTimestampNTZ), nil
	}
	return nil, fmt.Errorf("a column of type %s cannot be read from text", t)
}

func integer(t schema.DataType, bits int, put func(int64)) textAppender {
	return func(s string) error {
		v, err := strconv.ParseInt(strings.TrimPrefix(s, "+"), 10, bits)
		if errors.Is(err, strconv.ErrRange) {
			return fmt.Errorf("%s is out of the range of %s", clip(s), t)
		}
		if err != nil {
			return notA(s, t)
		}
		put(v)
		return nil
	}
}

func float(t schema.DataType, bits int, put func(float64)) textAppender {
	return func(s string) error {
		v, ok := schema.ParseFloat(s, bits)
		if !ok {
			return notA(s, t)
		}
		put(v)
		return nil
	}
}

func decimal(t schema.Decimal, b *array.Decimal128Builder) textAppender {
	return func(s string) error {
		v, ok := t.Parse(s)
		if !ok {
			return fmt.Errorf("%s is no %s, or has more digits", quote(s), t)
		}
		b.Append(decimal128.New(v.Hi(), v.Lo()))
		return nil
	}
}

func timestamp(t schema.DataType, b array.Builder, parse func(string) (int64, bool)) textAppender {
	return func(s string) error {
		v, ok := parse(s)
		if !ok {
			return notA(s, t)
		}
		b.(*array.TimestampBuilder).Append(arrow.Timestamp(v))
		return nil
	}
}

func parseBool(s string) (v, ok bool) {
	switch strings.ToLower(s) {
	case "true", "t", "yes", "1":
		return true, true
	case "false", "f", "no", "0":
		return false, true
	}
	return false, false
}

func notA(s string, t schema.DataType) error { return fmt.Errorf("%s is no %s", quote(s), t) }

func quote(s string) string { return strconv.Quote(clip(s)) }

// clip keeps messages short.
func clip(s string) string {
	if len(s) > 60 {
		return s[:57] + "..."
	}
	return s
}

// A guess is what the texts of a column may be.
type guess struct {
	seen                                          bool
	notBool, notLong, notDouble, notDate, notTime bool
}

// see narrows the guess by one value that is not null.
func (g *guess) see(s string) {
	g.seen = true
	low := strings.ToLower(s)
	g.notBool = g.notBool || low != "true" && low != "false"
	if !g.notLong {
		_, err := strconv.ParseInt(s, 10, 64)
		// 007 and +1 are texts: as numbers they would not be the same when written.
		digits := strings.TrimPrefix(s, "-")
		g.notLong = err != nil || strings.HasPrefix(s, "+") || len(digits) > 1 && digits[0] == '0'
	}
	if !g.notDouble {
		_, err := strconv.ParseFloat(s, 64)
		digits := strings.TrimPrefix(s, "-")
		g.notDouble = err != nil || strings.ContainsAny(s, "_xXpP+") || len(digits) > 1 && digits[0] == '0' && digits[1] != '.' ||
			len(digits) > 17 && !strings.ContainsAny(s, ".eE")
	}
	if !g.notDate {
		_, ok := schema.ParseDate(s)
		g.notDate = !ok || len(s) != len("2006-01-02")
	}
	if !g.notTime {
		_, ok := schema.ParseTimestamp(s, nil)
		g.notTime = !ok || len(s) < len("2006-01-02 15:04:05")
	}
}

// kind returns the narrowest type that all values seen have.
func (g *guess) kind() schema.DataType {
	switch {
	case !g.seen:
		return schema.String
	case !g.notBool:
		return schema.Boolean
	case !g.notLong:
		return schema.Long
	case !g.notDouble:
		return schema.Double
	case !g.notDate:
		return schema.Date
	case !g.notTime:
		return schema.Timestamp
	}
	return schema.String
}
