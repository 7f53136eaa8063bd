package sqlfn

import (
	"github.com/deltalog/deltalog/txlog/schema"
)

// commonType returns the type that both are cast to when two values are computed
// with each other: Spark's least common type in ANSI mode, without that of a string
// and something else.
func commonType(a, b schema.DataType) (schema.DataType, bool) {
	x, y := a.Kind(), b.Kind()
	switch {
	case schema.Equal(a, b), y == schema.KindVoid:
		return a, true
	case x == schema.KindVoid:
		return b, true
	case isNumber(x) && isNumber(y):
		return commonNumber(a, b), true
	case isTime(x) && isTime(y):
		if x == schema.KindTimestamp || y == schema.KindTimestamp {
			return schema.Timestamp, true
		}
		return schema.TimestampNTZ, true
	}
	return nil, false
}

// order is the numbers from narrow to wide.
var order = map[schema.Kind]int{
	schema.KindByte: 1, schema.KindShort: 2, schema.KindInteger: 3, schema.KindLong: 4, schema.KindFloat: 5, schema.KindDouble: 6,
}

func commonNumber(a, b schema.DataType) schema.DataType {
	x, y := a.Kind(), b.Kind()
	if x == schema.KindDecimal || y == schema.KindDecimal {
		d, ok := decimalOf(a)
		e, too := decimalOf(b)
		if !ok || !too {
			return schema.Double
		}
		scale := max(d.Scale, e.Scale)
		return bounded(max(d.Precision-d.Scale, e.Precision-e.Scale)+scale, scale)
	}
	if order[x] < order[y] {
		a, b, x, y = b, a, y, x
	}
	if x == schema.KindFloat && y != schema.KindFloat {
		return schema.Double // a float does not hold every int
	}
	return a
}

// decimalOf returns the decimal type that holds every value of an exact type.
func decimalOf(t schema.DataType) (schema.Decimal, bool) {
	switch t.Kind() {
	case schema.KindByte:
		return schema.Decimal{Precision: 3}, true
	case schema.KindShort:
		return schema.Decimal{Precision: 5}, true
	case schema.KindInteger:
		return schema.Decimal{Precision: 10}, true
	case schema.KindLong:
		return schema.Decimal{Precision: 20}, true
	}
	d, ok := t.(schema.Decimal)
	return d, ok
}

// bounded returns a decimal type, cut to what there is.
func bounded(precision, scale int) schema.Decimal {
	return schema.Decimal{Precision: min(precision, schema.MaxPrecision), Scale: min(scale, schema.MaxPrecision)}
}
