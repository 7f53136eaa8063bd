package schema

import (
	"encoding/binary"
	"math/bits"
	"strconv"
)

// MaxPrecision is the largest number of digits a decimal can have.
const MaxPrecision = 38

// A Decimal128 is a 128-bit signed integer: the unscaled value of a decimal,
// whose scale is its column's. 12.34 in a decimal(10,2) is 1234.
//
// In memory it is 16 bytes, low word first: on little-endian machines Arrow's
// decimal128. The zero value is 0.
type Decimal128 struct {
	lo uint64
	hi int64
}

// NewDecimal128 returns hi·2^64 + lo.
func NewDecimal128(hi int64, lo uint64) Decimal128 { return Decimal128{lo: lo, hi: hi} }

// Decimal128FromInt64 returns v.
func Decimal128FromInt64(v int64) Decimal128 { return Decimal128{lo: uint64(v), hi: v >> 63} }

// Decimal128FromLittleEndian reads Arrow's form.
func Decimal128FromLittleEndian(b [16]byte) Decimal128 {
	return Decimal128{lo: binary.LittleEndian.Uint64(b[:8]), hi: int64(binary.LittleEndian.Uint64(b[8:]))}
}

// Decimal128FromBigEndian reads Parquet's form: two's complement, most
// significant byte first, of any length. It reports false if the value needs
// more than 128 bits. No bytes are 0.
func Decimal128FromBigEndian(b []byte) (Decimal128, bool) {
	var fill uint64
	if len(b) > 0 && b[0]&0x80 != 0 {
		fill = ^uint64(0)
	}
	for ; len(b) > 16; b = b[1:] {
		if b[0] != byte(fill) || (b[1]^byte(fill))&0x80 != 0 {
			return Decimal128{}, false
		}
	}
	if len(b) == 16 {
		return Decimal128{lo: binary.BigEndian.Uint64(b[8:]), hi: int64(binary.BigEndian.Uint64(b))}, true
	}
	hi, lo := fill, fill
	for _, c := range b {
		hi, lo = hi<<8|lo>>56, lo<<8|uint64(c)
	}
	return Decimal128{lo: lo, hi: int64(hi)}, true
}

// Hi returns the high 64 bits, with the sign.
func (d Decimal128) Hi() int64 { return d.hi }

// Lo returns the low 64 bits.
func (d Decimal128) Lo() uint64 { return d.lo }

// LittleEndian returns Arrow's form.
func (d Decimal128) LittleEndian() (b [16]byte) {
	binary.LittleEndian.PutUint64(b[:8], d.lo)
	binary.LittleEndian.PutUint64(b[8:], uint64(d.hi))
	return b
}

// AppendBigEndian appends the low n bytes of d, 0 ≤ n ≤ 16, most significant
// first. n = 16 holds every value; [Decimal.ByteWidth] is enough for a type.
func (d Decimal128) AppendBigEndian(dst []byte, n int) []byte {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(d.hi))
	binary.BigEndian.PutUint64(b[8:], d.lo)
	return append(dst, b[16-n:]...)
}

// ByteWidth returns how many bytes Parquet's FIXED_LEN_BYTE_ARRAY needs for the
// type: 1 to 16.
func (d Decimal) ByteWidth() int {
	n := 1
	for n < 16 && !(Decimal128{lo: pow10[d.Precision].lo - 1, hi: int64(pow10[d.Precision].hi)}).fitsBytes(n) {
		n++
	}
	return n
}

func (d Decimal128) fitsBytes(n int) bool {
	r, _ := Decimal128FromBigEndian(d.AppendBigEndian(nil, n))
	return r == d
}

// Int64 returns d if it fits.
func (d Decimal128) Int64() (v int64, ok bool) {
	return int64(d.lo), d.hi == int64(d.lo)>>63
}

// Sign returns -1, 0 or 1.
func (d Decimal128) Sign() int {
	switch {
	case d.hi < 0:
		return -1
	case d.hi == 0 && d.lo == 0:
		return 0
	default:
		return 1
	}
}

// Neg returns -d. The smallest value is its own negative, as for int64.
func (d Decimal128) Neg() Decimal128 {
	lo, borrow := bits.Sub64(0, d.lo, 0)
	hi, _ := bits.Sub64(0, uint64(d.hi), borrow)
	return Decimal128{lo: lo, hi: int64(hi)}
}

// Add returns d+e; ok is false if it does not fit in 128 bits.
func (d Decimal128) Add(e Decimal128) (sum Decimal128, ok bool) {
	lo, carry := bits.Add64(d.lo, e.lo, 0)
	hi, _ := bits.Add64(uint64(d.hi), uint64(e.hi), carry)
	sum = Decimal128{lo: lo, hi: int64(hi)}
	return sum, (d.hi < 0) != (e.hi < 0) || (sum.hi < 0) == (d.hi < 0)
}

// Cmp compares two values of one scale. See [CompareDecimals].
func (d Decimal128) Cmp(e Decimal128) int {
	switch {
	case d.hi < e.hi:
		return -1
	case d.hi > e.hi:
		return 1
	case d.lo < e.lo:
		return -1
	case d.lo > e.lo:
		return 1
	default:
		return 0
	}
}

// abs returns the magnitude, which fits in unsigned 128 bits always.
func (d Decimal128) abs() uint128 {
	if d.hi < 0 {
		d = d.Neg()
	}
	return uint128{hi: uint64(d.hi), lo: d.lo}
}

// Precision returns the number of d's digits; 1 for 0. It is 39 for values that
// no decimal can have.
func (d Decimal128) Precision() int { return d.abs().digits() }

// Fits reports whether d has at most precision digits.
func (d Decimal128) Fits(precision int) bool {
	return precision >= MaxPrecision+1 || precision >= 0 && d.abs().less(pow10[precision])
}

// Rescale changes the scale of a value, half away from zero (Spark's HALF_UP)
// where digits are lost; exact is false then. ok is false if the result does
// not fit in 38 digits.
func (d Decimal128) Rescale(from, to int) (r Decimal128, exact, ok bool) {
	if from == to {
		return d, true, d.Fits(MaxPrecision)
	}
	u := d.abs()
	exact, ok = true, true
	if to > from {
		u, ok = u.mulPow10(to - from)
	} else {
		u, exact = u.divPow10(from - to)
	}
	if !ok || !u.less(pow10[MaxPrecision]) {
		return Decimal128{}, false, false
	}
	return u.signed(d.hi < 0), exact, true
}

// CompareDecimals compares a·10^-aScale with b·10^-bScale exactly.
func CompareDecimals(a Decimal128, aScale int, b Decimal128, bScale int) int {
	if aScale == bScale {
		return a.Cmp(b)
	}
	sign := a.Sign()
	if s := b.Sign(); sign != s {
		if sign < s {
			return -1
		}
		return 1
	}
	if sign == 0 {
		return 0
	}
	x, y := a.abs(), b.abs()
	var ok bool
	if aScale < bScale {
		if x, ok = x.mulPow10(bScale - aScale); !ok {
			return sign
		}
	} else {
		if y, ok = y.mulPow10(aScale - bScale); !ok {
			return -sign
		}
	}
	switch {
	case x.less(y):
		return -sign
	case y.less(x):
		return sign
	default:
		return 0
	}
}

// Float64 returns the double nearest to d·10^-scale.
func (d Decimal128) Float64(scale int) float64 {
	if v, ok := d.Int64(); ok && v > -1<<53 && v < 1<<53 && scale >= 0 && scale < len(float10) {
		return float64(v) / float10[scale] // both are exact, so the quotient is rounded once
	}
	var buf [64]byte
	b := append(d.Append(buf[:0], 0), 'e')
	f, _ := strconv.ParseFloat(string(strconv.AppendInt(b, -int64(scale), 10)), 64)
	return f
}

var float10 = [...]float64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
}

// Text returns d with scale digits after the point: 1234 with scale 2 is 12.34.
// A negative scale appends zeros.
func (d Decimal128) Text(scale int) string {
	var buf [48]byte
	return string(d.Append(buf[:0], scale))
}

// Append appends [Decimal128.Text] to dst.
func (d Decimal128) Append(dst []byte, scale int) []byte {
	var buf [40]byte
	digits := d.abs().appendDigits(buf[:0])
	if d.hi < 0 {
		dst = append(dst, '-')
	}
	if scale <= 0 {
		dst = append(dst, digits...)
		for ; scale < 0 && d.Sign() != 0; scale++ {
			dst = append(dst, '0')
		}
		return dst
	}
	whole := len(digits) - scale
	if whole <= 0 {
		dst = append(dst, '0', '.')
		for ; whole < 0; whole++ {
			dst = append(dst, '0')
		}
		return append(dst, digits...)
	}
	dst = append(append(dst, digits[:whole]...), '.')
	return append(dst, digits[whole:]...)
}

// A uint128 is a magnitude.
type uint128 struct{ hi, lo uint64 }

func (u uint128) less(v uint128) bool { return u.hi < v.hi || u.hi == v.hi && u.lo < v.lo }

func (u uint128) signed(negative bool) Decimal128 {
	d := Decimal128{lo: u.lo, hi: int64(u.hi)}
	if negative {
		return d.Neg()
	}
	return d
}

// mul returns u·m+a, and false if it needs more than 128 bits.
func (u uint128) mul(m, a uint64) (uint128, bool) {
	hi, lo := bits.Mul64(u.lo, m)
	over, mid := bits.Mul64(u.hi, m)
	lo, carry := bits.Add64(lo, a, 0)
	hi, carry = bits.Add64(hi, mid, carry)
	return uint128{hi, lo}, over == 0 && carry == 0
}

func (u uint128) mulPow10(n int) (r uint128, ok bool) {
	if u.hi == 0 && u.lo == 0 {
		return u, true
	}
	for ok = true; ok && n > 0; {
		step := min(n, maxPow64)
		u, ok = u.mul(pow10[step].lo, 0)
		n -= step
	}
	return u, ok
}

func (u uint128) div(m uint64) (q uint128, rem uint64) {
	q.hi, rem = bits.Div64(0, u.hi, m)
	q.lo, rem = bits.Div64(rem, u.lo, m)
	return q, rem
}

// divPow10 returns u/10^n, half up, and whether it divides.
func (u uint128) divPow10(n int) (q uint128, exact bool) {
	if n > MaxPrecision+1 {
		return uint128{}, u == uint128{}
	}
	exact = true
	var rem uint64
	for n--; n > 0; {
		step := min(n, maxPow64)
		u, rem = u.div(pow10[step].lo)
		exact = exact && rem == 0
		n -= step
	}
	u, rem = u.div(10)
	if rem >= 5 {
		u, _ = u.mul(1, 1)
	}
	return u, exact && rem == 0
}

func (u uint128) digits() int {
	n := 1
	if u.hi != 0 {
		n = maxPow64 + 1
	}
	for n < len(pow10) && !u.less(pow10[n]) {
		n++
	}
	return n
}

func (u uint128) appendDigits(dst []byte) []byte {
	if u.hi == 0 {
		return strconv.AppendUint(dst, u.lo, 10)
	}
	q, low := u.div(pow10[maxPow64].lo)
	dst = q.appendDigits(dst)
	n := len(dst)
	dst = append(dst, "0000000000000000000"...)
	for i := len(dst) - 1; i >= n; i-- {
		dst[i] = byte('0' + low%10)
		low /= 10
	}
	return dst
}

// maxPow64 is the largest power of ten in 64 bits.
const maxPow64 = 19

var pow10 = func() (t [MaxPrecision + 1]uint128) {
	t[0].lo = 1
	for i := 1; i < len(t); i++ {
		t[i], _ = t[i-1].mul(10, 0)
	}
	return t
}()
