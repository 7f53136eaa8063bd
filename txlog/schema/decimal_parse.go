package schema

// ParseDecimal reads a decimal number with all of its digits: what Java's
// BigDecimal reads. The result is d·10^-scale; scale is the number of digits
// after the point, and negative for 1E3. ok is false if text is not a number or
// if its digits (zeros at either end not counted) are more than 38.
func ParseDecimal(text string) (d Decimal128, scale int, ok bool) {
	s, negative := text, false
	if s != "" && (s[0] == '-' || s[0] == '+') {
		negative = s[0] == '-'
		s = s[1:]
	}
	if v, scale, ok := parseShort(s); ok {
		return uint128{lo: v}.signed(negative), scale, true
	}
	var m mantissa
	i, ok := m.read(s)
	if !ok {
		return Decimal128{}, 0, false
	}
	exp, ok := exponent(s[i:])
	if !ok {
		return Decimal128{}, 0, false
	}
	u, scale := m.value()
	return u.signed(negative), scale - exp, true
}

// parseShort is the fast path: at most 19 digits, which 64 bits hold, and no
// exponent.
func parseShort(s string) (v uint64, scale int, ok bool) {
	if len(s) > 19 {
		return 0, 0, false
	}
	point, digits := -1, 0
	for i := 0; i < len(s); i++ {
		c := s[i] - '0'
		switch {
		case c <= 9:
			v = v*10 + uint64(c)
			digits++
		case s[i] == '.' && point < 0:
			point = i
		default:
			return 0, 0, false
		}
	}
	if digits == 0 {
		return 0, 0, false
	}
	if point >= 0 {
		scale = len(s) - point - 1
	}
	return v, scale, true
}

// Parse reads a value of type d. It is exact: ok is false if text is not a
// number, has digits beyond d's scale that are not zero, or too many digits.
func (d Decimal) Parse(text string) (v Decimal128, ok bool) {
	v, scale, ok := ParseDecimal(text)
	if !ok {
		return Decimal128{}, false
	}
	v, exact, ok := v.Rescale(scale, d.Scale)
	if !ok || !exact || !v.Fits(d.Precision) {
		return Decimal128{}, false
	}
	return v, true
}

// A mantissa gathers digits. Zeros are held back until another digit follows
// them, so that the zeros at the end of a long number cost no precision.
type mantissa struct {
	u        uint128
	digits   int // in u
	zeros    int // held back
	fraction int // digits after the point, with the zeros held back
}

// read takes the digits at the beginning of s and returns what it took.
func (m *mantissa) read(s string) (n int, ok bool) {
	any, point := false, false
	for ; n < len(s); n++ {
		c := s[n]
		if c == '.' && !point {
			point = true
			continue
		}
		if c < '0' || c > '9' {
			break
		}
		any = true
		if point {
			m.fraction++
		}
		if c == '0' {
			if m.digits > 0 {
				m.zeros++
			}
			continue
		}
		if !m.push(c - '0') {
			return n, false
		}
	}
	return n, any
}

// push adds a digit after the zeros held back.
func (m *mantissa) push(digit byte) bool {
	m.digits += m.zeros + 1
	if m.digits > MaxPrecision {
		return false
	}
	for m.zeros++; m.zeros > maxPow64; m.zeros -= maxPow64 {
		m.u, _ = m.u.mul(pow10[maxPow64].lo, 0)
	}
	m.u, _ = m.u.mul(pow10[m.zeros].lo, uint64(digit))
	m.zeros = 0
	return true
}

// value returns the number and its scale, with the zeros at its end if there
// is room for all of them, else with none.
func (m *mantissa) value() (uint128, int) {
	if m.digits == 0 {
		return uint128{}, m.fraction
	}
	if m.digits+m.zeros <= MaxPrecision {
		u, _ := m.u.mulPow10(m.zeros)
		return u, m.fraction
	}
	return m.u, m.fraction - m.zeros
}

// maxExponent is far beyond every decimal, and small enough that printing a
// value in full is no attack.
const maxExponent = 1000

// exponent reads e, E, an optional sign and digits; nothing is 0.
func exponent(s string) (int, bool) {
	if s == "" {
		return 0, true
	}
	if s[0]|0x20 != 'e' {
		return 0, false
	}
	s = s[1:]
	negative := false
	if s != "" && (s[0] == '-' || s[0] == '+') {
		negative = s[0] == '-'
		s = s[1:]
	}
	if s == "" {
		return 0, false
	}
	n := 0
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		if n = n*10 + int(s[i]-'0'); n > maxExponent {
			return 0, false
		}
	}
	if negative {
		n = -n
	}
	return n, true
}
