package expr

import (
	"math"
	"math/big"
	"math/bits"

	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// decimalArith returns the node of an operator on two decimals.
func decimalArith(e *arith, a, b schema.Decimal, l, r node) node {
	if e.op == opIntDiv {
		return strictApply(e, schema.Long, true, decimalIntDiv(a.Scale, b.Scale), l, r)
	}
	t := decimalResult(e.op, a, b)
	d := decimalOp{op: e.op, a: a.Scale, b: b.Scale, to: t}
	return strictApply(e, t, true, d.kernel, l, r)
}

// A decimalOp computes an operator on decimals of the scales a and b: exactly,
// then rounded half up to the type of the result.
type decimalOp struct {
	op   arithOp
	a, b int
	to   schema.Decimal
}

func (d decimalOp) kernel(b *batch) (*vec.Vec, error) {
	x, y := colOf[[16]byte](b.args[0]), colOf[[16]byte](b.args[1])
	out := make([][16]byte, b.n)
	var slow bigDecimals
	for i := range out {
		if !b.isValid(i) {
			continue
		}
		p, q := schema.Decimal128FromLittleEndian(x.at(i)), schema.Decimal128FromLittleEndian(y.at(i))
		if q.Sign() == 0 && (d.op == opDiv || d.op == opMod) {
			return nil, rowError(i, "%s %s 0: %w", p.Text(d.a), d.op, errDivideByZero)
		}
		r, ok := d.fast(p, q)
		if !ok {
			r, ok = slow.compute(d, p, q)
		}
		if !ok || !r.Fits(d.to.Precision) {
			return nil, rowError(i, "%s %s %s: %w of %v", p.Text(d.a), d.op, q.Text(d.b), errOverflow, d.to)
		}
		out[i] = r.LittleEndian()
	}
	return vec.Of(vec.Decimal128, out, nil), nil
}

// fast computes sums, and products of numbers below 2^63, if no digit is lost.
func (d decimalOp) fast(p, q schema.Decimal128) (r schema.Decimal128, ok bool) {
	switch d.op {
	case opAdd, opSub:
		scale := max(d.a, d.b)
		if d.to.Scale != scale {
			return r, false
		}
		if p, _, ok = p.Rescale(d.a, scale); !ok {
			return r, false
		}
		if q, _, ok = q.Rescale(d.b, scale); !ok {
			return r, false
		}
		if d.op == opSub {
			q = q.Neg()
		}
		return p.Add(q)
	case opMul:
		m, ok1 := p.Int64()
		n, ok2 := q.Int64()
		if !ok1 || !ok2 || d.to.Scale != d.a+d.b {
			return r, false
		}
		if product, ok := mulInt64(m, n); ok {
			return schema.Decimal128FromInt64(product), true
		}
	case opMod:
		m, ok1 := p.Int64()
		n, ok2 := q.Int64()
		if ok1 && ok2 && d.a == d.b && d.to.Scale == d.a {
			return schema.Decimal128FromInt64(m % n), true
		}
	case opDiv:
		m, ok1 := p.Int64()
		n, ok2 := q.Int64()
		if shift := d.to.Scale + d.b - d.a; ok1 && ok2 && shift >= 0 && shift < len(pow10Uint64) && d.to.Scale <= 20 {
			return divideInt64(m, n, pow10Uint64[shift])
		}
	}
	return r, false
}

// divideInt64 returns m·by/n, half away from zero, if it is below 2^63.
//
// Spark rounds to [divideScale] digits before it rounds to the scale of the
// result. For a divisor below 10^19 and a scale up to 20 that makes no
// difference: a quotient that is not halfway is further from it than the first
// rounding moves it.
func divideInt64(m, n int64, by uint64) (r schema.Decimal128, ok bool) {
	hi, lo := bits.Mul64(abs(m), by)
	divisor := abs(n)
	if hi >= divisor {
		return r, false
	}
	quotient, rest := bits.Div64(hi, lo, divisor)
	if rest >= divisor-rest {
		quotient++
	}
	if quotient > math.MaxInt64 {
		return r, false
	}
	r = schema.Decimal128FromInt64(int64(quotient))
	if (m < 0) != (n < 0) {
		r = r.Neg()
	}
	return r, true
}

func abs(n int64) uint64 {
	if n < 0 {
		return -uint64(n)
	}
	return uint64(n)
}

var pow10Uint64 = func() (t [20]uint64) {
	t[0] = 1
	for i := 1; i < len(t); i++ {
		t[i] = 10 * t[i-1]
	}
	return t
}()

// bigDecimals computes with numbers of any size. It keeps its memory from row to
// row.
type bigDecimals struct{ p, q, r, rem big.Int }

// divideScale is the digits after the point to which Spark divides before it
// rounds to the scale of the result.
const divideScale = schema.MaxPrecision + 1

func (c *bigDecimals) compute(d decimalOp, x, y schema.Decimal128) (schema.Decimal128, bool) {
	setBig(&c.p, x)
	setBig(&c.q, y)
	scale := max(d.a, d.b)
	switch d.op {
	case opMul:
		c.r.Mul(&c.p, &c.q)
		return c.round(d.a+d.b, d.to.Scale)
	case opDiv:
		// x·10^-a / (y·10^-b), with divideScale digits after the point.
		if shift := divideScale + d.b - d.a; shift >= 0 {
			c.p.Mul(&c.p, pow10(shift))
		} else {
			c.q.Mul(&c.q, pow10(-shift))
		}
		c.divide()
		return c.round(divideScale, d.to.Scale)
	}
	c.p.Mul(&c.p, pow10(scale-d.a))
	c.q.Mul(&c.q, pow10(scale-d.b))
	switch d.op {
	case opAdd:
		c.r.Add(&c.p, &c.q)
	case opSub:
		c.r.Sub(&c.p, &c.q)
	default:
		c.r.Rem(&c.p, &c.q)
	}
	return c.round(scale, d.to.Scale)
}

// round returns r, of one scale, in another.
func (c *bigDecimals) round(from, to int) (schema.Decimal128, bool) {
	if from <= to {
		c.r.Mul(&c.r, pow10(to-from))
	} else {
		c.p.Set(&c.r)
		c.q.Set(pow10(from - to))
		c.divide()
	}
	return fromBig(&c.r)
}

// divide sets r to p/q, half away from zero.
func (c *bigDecimals) divide() {
	negative := c.p.Sign()*c.q.Sign() < 0
	c.p.Abs(&c.p)
	c.q.Abs(&c.q)
	c.r.QuoRem(&c.p, &c.q, &c.rem)
	if c.rem.Lsh(&c.rem, 1).Cmp(&c.q) >= 0 {
		c.r.Add(&c.r, bigPow10[0])
	}
	if negative {
		c.r.Neg(&c.r)
	}
}

// pow10 returns 10^n for an n below 3·38. The result is shared.
func pow10(n int) *big.Int { return bigPow10[n] }

var bigPow10 = func() (t [3 * schema.MaxPrecision]*big.Int) {
	t[0] = big.NewInt(1)
	for i := 1; i < len(t); i++ {
		t[i] = new(big.Int).Mul(t[i-1], big.NewInt(10))
	}
	return t
}()

func setBig(z *big.Int, d schema.Decimal128) {
	negative := d.Sign() < 0
	if negative {
		d = d.Neg()
	}
	z.SetUint64(uint64(d.Hi()))
	z.Lsh(z, 64)
	var lo big.Int
	z.Or(z, lo.SetUint64(d.Lo()))
	if negative {
		z.Neg(z)
	}
}

// fromBig reports false if z has more than 127 bits.
func fromBig(z *big.Int) (schema.Decimal128, bool) {
	if z.BitLen() > 127 {
		return schema.Decimal128{}, false
	}
	var b [16]byte
	z.FillBytes(b[:])
	d, _ := schema.Decimal128FromBigEndian(b[:])
	if z.Sign() < 0 {
		d = d.Neg()
	}
	return d, true
}

// decimalIntDiv is DIV, whose result is a bigint.
func decimalIntDiv(aScale, bScale int) kernel {
	return func(b *batch) (*vec.Vec, error) {
		x, y := colOf[[16]byte](b.args[0]), colOf[[16]byte](b.args[1])
		out := make([]int64, b.n)
		var c bigDecimals
		for i := range out {
			if !b.isValid(i) {
				continue
			}
			p, q := schema.Decimal128FromLittleEndian(x.at(i)), schema.Decimal128FromLittleEndian(y.at(i))
			if q.Sign() == 0 {
				return nil, rowError(i, "%s DIV 0: %w", p.Text(aScale), errDivideByZero)
			}
			setBig(&c.p, p)
			setBig(&c.q, q)
			scale := max(aScale, bScale)
			c.p.Mul(&c.p, pow10(scale-aScale))
			c.q.Mul(&c.q, pow10(scale-bScale))
			c.r.Quo(&c.p, &c.q)
			if !c.r.IsInt64() {
				return nil, rowError(i, "%s DIV %s: %w of bigint", p.Text(aScale), q.Text(bScale), errOverflow)
			}
			out[i] = c.r.Int64()
		}
		return vec.Of(vec.Int64, out, nil), nil
	}
}
