package expr

import (
	"strings"

	"github.com/deltalog/deltalog/txlog/schema"
)

// isAtomic reports whether a type has no parts, intervals and variants apart.
func isAtomic(k schema.Kind) bool {
	return k == schema.KindBoolean || isNumber(k) || isTime(k) || isBytes(k)
}

// rank orders the integers.
func rank(k schema.Kind) int {
	switch k {
	case schema.KindByte:
		return 1
	case schema.KindShort:
		return 2
	case schema.KindInteger:
		return 3
	}
	return 4
}

// decimalOf returns the decimal type that holds every value of a number type
// that is no float.
func decimalOf(t schema.DataType) schema.Decimal {
	switch t.Kind() {
	case schema.KindByte:
		return schema.Decimal{Precision: 3}
	case schema.KindShort:
		return schema.Decimal{Precision: 5}
	case schema.KindInteger:
		return schema.Decimal{Precision: 10}
	case schema.KindLong:
		return schema.Decimal{Precision: 20}
	}
	return t.(schema.Decimal)
}

// commonNumber returns the type in which two numbers meet. An integer and a
// float meet in double, as in Spark's ANSI mode.
func commonNumber(a, b schema.DataType) schema.DataType {
	k, l := a.Kind(), b.Kind()
	switch {
	case k == schema.KindFloat && l == schema.KindFloat:
		return schema.Float
	case isFloat(k) || isFloat(l):
		return schema.Double
	case k == schema.KindDecimal || l == schema.KindDecimal:
		return widerDecimal(decimalOf(a), decimalOf(b))
	case rank(k) >= rank(l):
		return a
	}
	return b
}

// widerDecimal returns the decimal that holds both, as far as 38 digits go: the
// digits before the point come first.
func widerDecimal(a, b schema.Decimal) schema.Decimal {
	scale := max(a.Scale, b.Scale)
	precision := max(a.Precision-a.Scale, b.Precision-b.Scale) + scale
	if over := precision - schema.MaxPrecision; over > 0 {
		precision, scale = schema.MaxPrecision, max(0, scale-over)
	}
	return schema.Decimal{Precision: precision, Scale: scale}
}

// commonType returns the type in which values of two types meet: in CASE,
// COALESCE, arrays. ok is false if there is none.
func commonType(a, b schema.DataType) (t schema.DataType, ok bool) {
	k, l := a.Kind(), b.Kind()
	switch {
	case k == schema.KindVoid:
		return b, true
	case l == schema.KindVoid:
		return a, true
	case isInterval(a) || isInterval(b):
		return commonInterval(a, b)
	case isNumber(k) && isNumber(l):
		return commonNumber(a, b), true
	case k == l && isAtomic(k):
		return a, true
	case isTime(k) && isTime(l):
		if k == schema.KindTimestamp || l == schema.KindTimestamp {
			return schema.Timestamp, true
		}
		return schema.TimestampNTZ, true
	case k == schema.KindString && isAtomic(l):
		return withText(b), true
	case l == schema.KindString && isAtomic(k):
		return withText(a), true
	}
	switch a := a.(type) {
	case *schema.Array:
		if b, is := b.(*schema.Array); is {
			e, ok := commonType(a.Element, b.Element)
			return &schema.Array{Element: e, ContainsNull: a.ContainsNull || b.ContainsNull}, ok
		}
	case *schema.Map:
		if b, is := b.(*schema.Map); is {
			key, ok1 := commonType(a.Key, b.Key)
			v, ok2 := commonType(a.Value, b.Value)
			return &schema.Map{Key: key, Value: v, ValueContainsNull: a.ValueContainsNull || b.ValueContainsNull}, ok1 && ok2
		}
	case *schema.Struct:
		if b, is := b.(*schema.Struct); is {
			return commonStruct(a, b)
		}
	default:
		if k == l && schema.Equal(a, b) {
			return a, true
		}
	}
	return nil, false
}

func commonInterval(a, b schema.DataType) (schema.DataType, bool) {
	if a == b {
		return a, true
	}
	if !isInterval(a) || !isInterval(b) || a == intervalMonths || b == intervalMonths {
		return nil, false
	}
	return intervalMicros, true
}

// withText returns the type in which a text meets a value of type t.
func withText(t schema.DataType) schema.DataType {
	switch k := t.Kind(); {
	case isInteger(k):
		return schema.Long
	case isNumber(k):
		return schema.Double
	}
	return t
}

func commonStruct(a, b *schema.Struct) (schema.DataType, bool) {
	if len(a.Fields) != len(b.Fields) {
		return nil, false
	}
	out := &schema.Struct{}
	for i := range a.Fields {
		f, g := &a.Fields[i], &b.Fields[i]
		t, ok := commonType(f.Type, g.Type)
		if !ok || !strings.EqualFold(f.Name, g.Name) {
			return nil, false
		}
		out.Fields = append(out.Fields, schema.Field{Name: f.Name, Type: t, Nullable: f.Nullable || g.Nullable})
	}
	return out, true
}

// The types of decimal results, by Spark's rules with
// spark.sql.decimalOperations.allowPrecisionLoss, which is its default: where
// the exact type would have more than 38 digits, digits after the point are
// given up, down to 6 of them.
func decimalResult(op arithOp, a, b schema.Decimal) schema.Decimal {
	p1, s1, p2, s2 := a.Precision, a.Scale, b.Precision, b.Scale
	switch op {
	case opAdd, opSub:
		scale := max(s1, s2)
		return adjustDecimal(max(p1-s1, p2-s2)+scale+1, scale)
	case opMul:
		return adjustDecimal(p1+p2+1, s1+s2)
	case opDiv:
		scale := max(6, s1+p2+1)
		return adjustDecimal(p1-s1+s2+scale, scale)
	default: // %
		scale := max(s1, s2)
		return adjustDecimal(min(p1-s1, p2-s2)+scale, scale)
	}
}

func adjustDecimal(precision, scale int) schema.Decimal {
	if precision <= schema.MaxPrecision {
		return schema.Decimal{Precision: max(precision, 1), Scale: scale}
	}
	whole := precision - scale
	least := min(scale, 6)
	return schema.Decimal{Precision: schema.MaxPrecision, Scale: max(schema.MaxPrecision-whole, least)}
}
