package sqlfn

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"

	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

func roundFuncs() []def {
	return []def{
		{"round", resolveRound(halfUp)},
		{"bround", resolveRound(halfEven)},
		{"floor", resolveFloor(toFloor)},
		{"ceil ceiling", resolveFloor(toCeil)},
	}
}

// A rounding says what becomes of the digits that are cut off.
type rounding int

const (
	halfUp   rounding = iota // to the nearest; of two, to that farther from zero
	halfEven                 // to the nearest; of two, to the even one
	toFloor                  // down
	toCeil                   // up
)

// resolveRound resolves round(x) and round(x, scale). The scale is a constant,
// since the type depends on it.
func resolveRound(mode rounding) resolver {
	return func(b *binding) (Signature, error) {
		number := wantNumber
		if mode >= toFloor {
			number = wantDecimal
		}
		to, err := b.cast([]want{number, wantInt}, 1)
		if err != nil {
			return Signature{}, err
		}
		scale, null := 0, false
		if len(to) == 2 && b.args[1].Kind() != schema.KindVoid {
			if scale, null, err = b.constInt(1, "the scale"); err != nil {
				return Signature{}, err
			}
		}
		null = null || len(to) == 2 && b.args[1].Kind() == schema.KindVoid
		if null && mode >= toFloor {
			return Signature{}, errors.New("argument 2, the scale, is null")
		}
		result := to[0]
		if d, ok := result.(schema.Decimal); ok && !null {
			result = roundedType(d, scale)
		}
		return strict(to, result, func(c *call) (*vec.Vec, error) { return evalRound(c, scale, mode) }), nil
	}
}

// wantDecimal takes numbers as decimals that hold them, doubles with 15 digits
// before and after the point, as Spark does.
var wantDecimal = want{"a decimal", func(t schema.DataType) (schema.DataType, bool) {
	if d, ok := decimalOf(t); ok {
		return d, true
	}
	switch t.Kind() {
	case schema.KindFloat:
		return schema.Decimal{Precision: 14, Scale: 7}, true
	case schema.KindDouble:
		return schema.Decimal{Precision: 30, Scale: 15}, true
	case schema.KindString, schema.KindVoid:
		return schema.Decimal{Precision: 38, Scale: 18}, true
	}
	return nil, false
}}

// roundedType has room for the digit that rounding may carry.
func roundedType(d schema.Decimal, scale int) schema.Decimal {
	whole := d.Precision - d.Scale + 1
	if scale < 0 {
		return bounded(max(whole, 1-scale), 0)
	}
	scale = min(d.Scale, scale)
	return bounded(whole+scale, scale)
}

func evalRound(c *call, scale int, mode rounding) (*vec.Vec, error) {
	a := c.args[0]
	switch a.Kind {
	case vec.Int8:
		return roundInts[int8](c, scale, mode)
	case vec.Int16:
		return roundInts[int16](c, scale, mode)
	case vec.Int32:
		return roundInts[int32](c, scale, mode)
	case vec.Int64:
		return roundInts[int64](c, scale, mode)
	case vec.Float32:
		in := colOf[float32](a)
		return each(c, a.Kind, func(i int) (float32, error) { return float32(roundFloat(float64(in.at(i)), scale, mode)), nil })
	case vec.Float64:
		in := colOf[float64](a)
		return each(c, a.Kind, func(i int) (float64, error) { return roundFloat(in.at(i), scale, mode), nil })
	}
	return roundDecimals(c, scale, mode)
}

func roundInts[T int8 | int16 | int32 | int64](c *call, scale int, mode rounding) (*vec.Vec, error) {
	if scale >= 0 && !c.args[0].Const {
		return c.args[0].Vec, nil
	}
	scale = min(scale, 0)
	in := colOf[T](c.args[0])
	return each(c, c.args[0].Kind, func(i int) (T, error) {
		d, ok := roundDecimal(schema.Decimal128FromInt64(int64(in.at(i))), 0, scale, 0, mode)
		r, fits := d.Int64()
		if !ok || !fits || int64(T(r)) != r {
			return 0, fmt.Errorf("%d rounded to %d digits before the point is out of the range of %v", in.at(i), -scale, c.result)
		}
		return T(r), nil
	})
}

func roundDecimals(c *call, scale int, mode rounding) (*vec.Vec, error) {
	from, to := c.types[0].(schema.Decimal), c.result.(schema.Decimal)
	in := colOf[[16]byte](c.args[0])
	return each(c, vec.Decimal128, func(i int) ([16]byte, error) {
		d := schema.Decimal128FromLittleEndian(in.at(i))
		r, ok := roundDecimal(d, from.Scale, min(scale, from.Scale), to.Scale, mode)
		if !ok || !r.Fits(to.Precision) {
			return [16]byte{}, fmt.Errorf("%s rounded does not fit in %v", d.Text(from.Scale), to)
		}
		return r.LittleEndian(), nil
	})
}

// roundDecimal rounds a number of scale from to scale at ≤ from, and returns it
// with scale to ≥ at; ok is false if that does not fit in 38 digits.
func roundDecimal(d schema.Decimal128, from, at, to int, mode rounding) (r schema.Decimal128, ok bool) {
	r, exact, ok := d.Rescale(from, at)
	if !ok {
		return r, false
	}
	if !exact {
		step := int64(0)
		switch mode {
		case halfEven:
			// Rescale went away from zero if the rest was a half.
			if q, tie, _ := d.Rescale(from, at+1); tie && lastDigit(q) == 5 && r.Lo()&1 == 1 {
				step = -int64(d.Sign())
			}
		case toFloor:
			if schema.CompareDecimals(r, at, d, from) > 0 {
				step = -1
			}
		case toCeil:
			if schema.CompareDecimals(r, at, d, from) < 0 {
				step = 1
			}
		}
		if r, ok = r.Add(schema.Decimal128FromInt64(step)); !ok {
			return r, false
		}
	}
	r, _, ok = r.Rescale(at, to)
	return r, ok
}

func lastDigit(d schema.Decimal128) int {
	if d.Sign() < 0 {
		d = d.Neg()
	}
	// 2^64 is 6 more than a multiple of 10.
	return int((uint64(d.Hi())%10*6 + d.Lo()%10) % 10)
}

// roundFloat rounds the shortest decimal that reads back as x.
func roundFloat(x float64, scale int, mode rounding) float64 {
	if x-x != 0 { // NaN, infinite
		return x
	}
	if scale >= 0 && scale < len(exact10) {
		if y := x * exact10[scale]; math.Abs(y) < 1<<51 {
			// The product is off by less than margin, so the nearest integer is
			// certain unless y is about half-way. The quotient is rounded once.
			whole := math.Floor(y)
			if half := y - whole - 0.5; math.Abs(half) > math.Abs(y)*0x1p-50+0x1p-1000 {
				if half > 0 {
					whole++
				}
				return whole/exact10[scale] + 0
			}
		}
	}
	return roundDigits(x, scale, mode)
}

var exact10 = [...]float64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
}

// roundDigits is roundFloat by the digits.
func roundDigits(x float64, scale int, mode rounding) float64 {
	var buf [32]byte
	text := strconv.AppendFloat(buf[:0], x, 'e', -1, 64)
	// text is [-]d[.ddd]e±xx.
	var digits []byte
	i := 0
	negative := text[0] == '-'
	if negative {
		i++
	}
	for ; text[i] != 'e'; i++ {
		if text[i] != '.' {
			digits = append(digits, text[i])
		}
	}
	exp, _ := strconv.Atoi(string(text[i+1:]))
	keep := exp + 1 + scale // digits that stay
	if keep >= len(digits) {
		return x + 0
	}
	if keep < 0 {
		return 0
	}
	up := digits[keep] >= '5'
	if mode == halfEven && digits[keep] == '5' && keep+1 == len(digits) {
		up = keep > 0 && digits[keep-1]&1 == 1
	}
	digits = digits[:keep]
	out := make([]byte, 0, 32)
	if negative {
		out = append(out, '-')
	}
	out = append(out, '0')
	first := len(out)
	out = append(out, digits...)
	if up {
		k := len(out) - 1
		for ; k >= first && out[k] == '9'; k-- {
			out[k] = '0'
		}
		out[k]++
	}
	out = strconv.AppendInt(append(out, 'e'), -int64(scale), 10)
	r, _ := strconv.ParseFloat(string(out), 64)
	return r + 0
}

// resolveFloor resolves floor(x), of doubles and integers to long and of
// decimals to decimals, and floor(x, scale) of decimals.
func resolveFloor(mode rounding) resolver {
	return func(b *binding) (Signature, error) {
		if len(b.args) == 2 {
			return resolveRound(mode)(b)
		}
		to, err := b.cast([]want{{"a number", func(t schema.DataType) (schema.DataType, bool) {
			switch {
			case t.Kind() == schema.KindDecimal:
				return t, true
			case isInteger(t.Kind()):
				return schema.Long, true
			}
			return implicit(t, schema.Double)
		}}}, 1)
		if err != nil {
			return Signature{}, err
		}
		switch d, ok := to[0].(schema.Decimal); {
		case ok && d.Scale == 0:
			return strict(to, d, func(c *call) (*vec.Vec, error) { return c.args[0].Vec, nil }), nil
		case ok:
			result := bounded(d.Precision-d.Scale+1, 0)
			return strict(to, result, func(c *call) (*vec.Vec, error) { return roundDecimals(c, 0, mode) }), nil
		case to[0].Kind() == schema.KindLong:
			return strict(to, schema.Long, func(c *call) (*vec.Vec, error) { return c.args[0].Vec, nil }), nil
		}
		return strict(to, schema.Long, func(c *call) (*vec.Vec, error) {
			in := colOf[float64](c.args[0])
			return each(c, vec.Int64, func(i int) (int64, error) {
				if mode == toFloor {
					return saturated(math.Floor(in.at(i))), nil
				}
				return saturated(math.Ceil(in.at(i))), nil
			})
		}), nil
	}
}

// saturated is Java's conversion: NaN is 0, and what is out of range the nearest
// long.
func saturated(x float64) int64 {
	switch {
	case x != x:
		return 0
	case x >= 1<<63:
		return math.MaxInt64
	case x <= -1<<63:
		return math.MinInt64
	}
	return int64(x)
}

func bigOf(d schema.Decimal128) *big.Int {
	negative := d.Sign() < 0
	if negative {
		d = d.Neg()
	}
	b := new(big.Int).SetUint64(uint64(d.Hi()))
	b.Lsh(b, 64).Or(b, new(big.Int).SetUint64(d.Lo()))
	if negative {
		b.Neg(b)
	}
	return b
}

func decimalOfBig(b *big.Int) (schema.Decimal128, bool) {
	if b.BitLen() > 127 {
		return schema.Decimal128{}, false
	}
	var buf [16]byte
	d, _ := schema.Decimal128FromBigEndian(new(big.Int).Abs(b).FillBytes(buf[:]))
	if b.Sign() < 0 {
		d = d.Neg()
	}
	return d, true
}
