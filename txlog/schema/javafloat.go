package schema

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

// AppendFloat writes a double (bits 64) or float (bits 32) as Java's toString does:
// 1.0, 0.001, 1.0E7, 1.0E-5, NaN, Infinity. The digits are the fewest, of two or
// more, that read back as f.
func AppendFloat(dst []byte, f float64, bits int) []byte {
	switch {
	case f != f:
		return append(dst, "NaN"...)
	case math.IsInf(f, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(f, -1):
		return append(dst, "-Infinity"...)
	}
	if a := math.Abs(f); a == 0 || a >= 1e-3 && a < 1e7 {
		start := len(dst)
		dst = strconv.AppendFloat(dst, f, 'f', -1, bits)
		if !hasByte(dst[start:], '.') {
			dst = append(dst, '.', '0')
		}
		return dst
	}
	var buf [32]byte
	text := strconv.AppendFloat(buf[:0], f, 'e', -1, bits) // d.ddde±dd
	if !hasByte(text, '.') {
		text = strconv.AppendFloat(buf[:0], f, 'e', 1, bits) // 4.9E-324 and not 5.0E-324
	}
	e := len(text) - 1
	for text[e] != 'e' {
		e--
	}
	dst = append(dst, text[:e]...)
	if !hasByte(text[:e], '.') {
		dst = append(dst, '.', '0')
	}
	dst = append(dst, 'E')
	sign, exp := text[e+1], text[e+2:]
	if sign == '-' {
		dst = append(dst, '-')
	}
	if exp[0] == '0' {
		exp = exp[1:]
	}
	return append(dst, exp...)
}

func hasByte(b []byte, c byte) bool {
	for _, x := range b {
		if x == c {
			return true
		}
	}
	return false
}

// ParseFloat reads a float (bits 32) or double (64) as engines write them:
// Java's forms, and those of other languages (1, 1e5, inf, nan). A number out
// of range is infinite, as in Java.
func ParseFloat(text string, bits int) (float64, bool) {
	if strings.ContainsAny(text, "xXpP_") {
		return 0, false // Go's own forms
	}
	f, err := strconv.ParseFloat(text, bits)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, false
	}
	return f, true
}
