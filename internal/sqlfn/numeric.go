package sqlfn

import (
	"errors"
	"fmt"
	"math"

	"github.com/deltalog/deltalog/internal/schemavec"
	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

func numberFuncs() []def {
	return []def{
		{"abs", resolveAbs},
		{"sign signum", doubles(func(x float64) float64 {
			switch {
			case x > 0:
				return 1
			case x < 0:
				return -1
			}
			return x
		})},
		{"sqrt", doubles(math.Sqrt)},
		{"exp", doubles(javaExp)},
		{"ln", logarithm(math.Log)},
		{"log10", logarithm(javaLog10)},
		{"log2", logarithm(javaLog2)},
		{"power pow", fixed(schema.Double, func(c *call) (*vec.Vec, error) {
			x, y := colOf[float64](c.args[0]), colOf[float64](c.args[1])
			return each(c, vec.Float64, func(i int) (float64, error) { return power(x.at(i), y.at(i)), nil })
		}, wantDouble, wantDouble)},
		{"isnan", resolveIsNaN},
		{"nanvl", resolveNaNVL},
		{"mod", resolveMod(false)},
		{"pmod", resolveMod(true)},
	}
}

// doubles resolves a function that is defined for every double.
func doubles(f func(float64) float64) resolver {
	return fixed(schema.Double, func(c *call) (*vec.Vec, error) {
		in := colOf[float64](c.args[0])
		return each(c, vec.Float64, func(i int) (float64, error) { return f(in.at(i)), nil })
	}, wantDouble)
}

// logarithm gives null where there is none, as Spark does.
func logarithm(f func(float64) float64) resolver {
	return fixed(schema.Double, func(c *call) (*vec.Vec, error) {
		in := colOf[float64](c.args[0])
		return each(c, vec.Float64, func(i int) (float64, error) {
			if in.at(i) <= 0 {
				return 0, errNull
			}
			return f(in.at(i)), nil
		})
	}, wantDouble)
}

// power is Java's: NaN for 1 to the power of NaN or of an infinity, and for -1.
func power(x, y float64) float64 {
	if y != y || math.IsInf(y, 0) && math.Abs(x) == 1 {
		return math.NaN()
	}
	return math.Pow(x, y)
}

func resolveAbs(b *binding) (Signature, error) {
	to, err := b.cast([]want{wantNumber}, 0)
	if err != nil {
		return Signature{}, err
	}
	return strict(to, to[0], evalAbs), nil
}

func evalAbs(c *call) (*vec.Vec, error) {
	a := c.args[0]
	switch a.Kind {
	case vec.Int8:
		return absInts[int8](c, a.Kind)
	case vec.Int16:
		return absInts[int16](c, a.Kind)
	case vec.Int32:
		return absInts[int32](c, a.Kind)
	case vec.Int64:
		return absInts[int64](c, a.Kind)
	case vec.Float32:
		return all(c, a.Kind, func(x float32) float32 { return math.Float32frombits(math.Float32bits(x) &^ (1 << 31)) })
	case vec.Float64:
		return all(c, a.Kind, math.Abs)
	}
	return all(c, a.Kind, func(x [16]byte) [16]byte {
		d := schema.Decimal128FromLittleEndian(x)
		if d.Sign() < 0 {
			d = d.Neg()
		}
		return d.LittleEndian()
	})
}

func absInts[T int8 | int16 | int32 | int64](c *call, kind vec.Kind) (*vec.Vec, error) {
	in := vec.Values[T](c.args[0].Vec)
	out := make([]T, c.n)
	bad := false
	for i, x := range in {
		if x < 0 {
			x = -x
		}
		bad = bad || x < 0
		out[i] = x
	}
	if bad {
		for i, x := range out {
			if x < 0 && c.isValid(i) {
				return nil, at(i, fmt.Errorf("the absolute value of %d is out of the range of %v", x, c.result))
			}
		}
	}
	return &vec.Vec{Kind: kind, Len: c.n, Data: vec.BytesOf(out)}, nil
}

// wantFloat keeps floats and doubles.
var wantFloat = want{"a float or double", func(t schema.DataType) (schema.DataType, bool) {
	if t.Kind() == schema.KindFloat {
		return t, true
	}
	return implicit(t, schema.Double)
}}

// resolveIsNaN says false for null.
func resolveIsNaN(b *binding) (Signature, error) {
	to, err := b.cast([]want{wantFloat}, 0)
	if err != nil {
		return Signature{}, err
	}
	return signature(to, schema.Boolean, func(c *call) (*vec.Vec, error) {
		c.valid = validOf(c.args, c.n)
		if c.args[0].Const && c.args[0].IsNull(0) {
			return eachBool(c, func(int) bool { return false })
		}
		if c.args[0].Kind == vec.Float32 {
			in := colOf[float32](c.args[0])
			return eachBool(c, func(i int) bool { return in.at(i) != in.at(i) })
		}
		in := colOf[float64](c.args[0])
		return eachBool(c, func(i int) bool { return in.at(i) != in.at(i) })
	}), nil
}

// resolveNaNVL gives the second argument where the first is NaN. Elsewhere the
// second may be null.
func resolveNaNVL(b *binding) (Signature, error) {
	to, err := b.cast([]want{wantFloat, wantFloat}, 0)
	if err != nil {
		return Signature{}, err
	}
	common, _ := commonType(to[0], to[1])
	to = []schema.DataType{common, common}
	return signature(to, common, func(c *call) (*vec.Vec, error) {
		if c.args[0].Const && c.args[0].IsNull(0) {
			return vec.AllNull(schemavec.Empty(c.result), c.n), nil
		}
		c.valid = validOf(c.args[:1], c.n)
		var v *vec.Vec
		var err error
		if common.Kind() == schema.KindFloat {
			v, err = nanvl[float32](c, vec.Float32)
		} else {
			v, err = nanvl[float64](c, vec.Float64)
		}
		if err != nil {
			return nil, err
		}
		return withValid(v, c.valid), nil
	}), nil
}

func nanvl[T float32 | float64](c *call, kind vec.Kind) (*vec.Vec, error) {
	x, y := colOf[T](c.args[0]), colOf[T](c.args[1])
	return each(c, kind, func(i int) (T, error) {
		if r := x.at(i); r == r {
			return r, nil
		}
		if c.args[1].IsNull(i & y.mask) {
			return 0, errNull
		}
		return y.at(i), nil
	})
}

var errZero = errors.New("division by zero")

// resolveMod resolves the remainder: with the sign of the dividend for mod, not
// negative for pmod.
func resolveMod(positive bool) resolver {
	return func(b *binding) (Signature, error) {
		if len(b.args) != 2 {
			return Signature{}, b.countError(2, 2)
		}
		to, err := b.cast([]want{wantNumber, wantNumber}, 0)
		if err != nil {
			return Signature{}, err
		}
		for i, t := range b.args {
			// A string beside an integer is read as a long, else as a double.
			if t.Kind() == schema.KindString && isInteger(b.args[1-i].Kind()) {
				to[i] = schema.Long
			} else if t.Kind() == schema.KindVoid {
				to[i] = to[1-i]
			}
		}
		for i := range to {
			if d, ok := b.literalDecimal(i); ok && to[1-i].Kind() == schema.KindDecimal {
				to[i] = d
			}
		}
		common := commonNumber(to[0], to[1])
		result := common
		if common.Kind() == schema.KindDecimal {
			d, _ := decimalOf(to[0])
			e, _ := decimalOf(to[1])
			scale := max(d.Scale, e.Scale)
			result = bounded(min(d.Precision-d.Scale, e.Precision-e.Scale)+scale, scale)
		}
		return strict([]schema.DataType{common, common}, result, func(c *call) (*vec.Vec, error) { return evalMod(c, positive) }), nil
	}
}

// literalDecimal returns the decimal that is wide enough for argument i, an
// integer constant.
func (b *binding) literalDecimal(i int) (schema.Decimal, bool) {
	if !isInteger(b.args[i].Kind()) || b.consts[i] == nil || b.consts[i].IsNull(0) {
		return schema.Decimal{}, false
	}
	v := schemavec.Value(b.consts[i], b.args[i], 0).Int64()
	return schema.Decimal{Precision: schema.Decimal128FromInt64(v).Precision()}, true
}

func evalMod(c *call, positive bool) (*vec.Vec, error) {
	kind := c.args[0].Kind
	switch kind {
	case vec.Int8:
		return modInts[int8](c, kind, positive)
	case vec.Int16:
		return modInts[int16](c, kind, positive)
	case vec.Int32:
		return modInts[int32](c, kind, positive)
	case vec.Int64:
		return modInts[int64](c, kind, positive)
	case vec.Float32:
		return modFloats[float32](c, kind, positive)
	case vec.Float64:
		return modFloats[float64](c, kind, positive)
	}
	return modDecimals(c, positive)
}

func modInts[T int8 | int16 | int32 | int64](c *call, kind vec.Kind, positive bool) (*vec.Vec, error) {
	x, y := colOf[T](c.args[0]), colOf[T](c.args[1])
	return each(c, kind, func(i int) (T, error) {
		n := y.at(i)
		if n == 0 {
			return 0, errZero
		}
		r := x.at(i) % n
		if positive && r < 0 {
			if kind == vec.Int8 || kind == vec.Int16 {
				r = T((int32(r) + int32(n)) % int32(n)) // Java adds these as ints; ints and longs wrap
			} else {
				r = (r + n) % n
			}
		}
		return r, nil
	})
}

func modFloats[T float32 | float64](c *call, kind vec.Kind, positive bool) (*vec.Vec, error) {
	x, y := colOf[T](c.args[0]), colOf[T](c.args[1])
	return each(c, kind, func(i int) (T, error) {
		n := y.at(i)
		if n == 0 {
			return 0, errZero
		}
		r := T(math.Mod(float64(x.at(i)), float64(n)))
		if positive && r < 0 {
			r = T(math.Mod(float64(r+n), float64(n)))
		}
		return r, nil
	})
}

func modDecimals(c *call, positive bool) (*vec.Vec, error) {
	x, y := colOf[[16]byte](c.args[0]), colOf[[16]byte](c.args[1])
	from, to := c.types[0].(schema.Decimal), c.result.(schema.Decimal)
	return each(c, vec.Decimal128, func(i int) ([16]byte, error) {
		n := bigOf(schema.Decimal128FromLittleEndian(y.at(i)))
		if n.Sign() == 0 {
			return [16]byte{}, errZero
		}
		r := bigOf(schema.Decimal128FromLittleEndian(x.at(i)))
		r.Rem(r, n)
		if positive && r.Sign() < 0 {
			r.Rem(r.Add(r, n), n)
		}
		d, ok := decimalOfBig(r)
		if ok {
			d, _, ok = d.Rescale(from.Scale, to.Scale)
		}
		if !ok || !d.Fits(to.Precision) {
			return [16]byte{}, fmt.Errorf("the remainder does not fit in %v", to)
		}
		return d.LittleEndian(), nil
	})
}
