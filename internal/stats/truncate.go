package stats

import "unicode/utf8"

// DefaultPrefixLength is the default of delta.dataSkippingStringPrefixLength, in
// UTF-16 code units.
const DefaultPrefixLength = 32

// TruncateMin shortens the least string to a prefix of at most n UTF-16 code
// units. No character is split. The result shares s's memory.
func TruncateMin(s []byte, n int) []byte {
	if len(s) <= n {
		return s // a unit is at least one byte
	}
	return s[:prefix(s, n)]
}

// TruncateMax shortens the greatest string to at most about n UTF-16 code units,
// to one that is still not less than s: a prefix and a character greater than
// the one that follows it. Where that is impossible, since what follows is
// U+10FFFF, the prefix grows up to 2n units; beyond that there is no bound and
// the result is false. It is false too if the prefix is not UTF-8.
//
// The order is that of the bytes, which is that of the characters, and not of
// UTF-16 code units. The result shares s's memory only if it is s.
func TruncateMax(s []byte, n int) ([]byte, bool) {
	if len(s) <= n {
		return s, true
	}
	for end := prefix(s, n); ; {
		if end == len(s) {
			return s, true
		}
		r, size := utf8.DecodeRune(s[end:])
		if r == utf8.RuneError && size <= 1 || !utf8.Valid(s[:end]) {
			return nil, false
		}
		if r < utf8.MaxRune {
			tie := rune(utf8.MaxRune)
			if r < 0x7f {
				tie = 0x7f // one byte instead of four
			}
			out := make([]byte, end, end+utf8.UTFMax)
			copy(out, s)
			return utf8.AppendRune(out, tie), true
		}
		end += size
		if end > prefix(s, 2*n) {
			return nil, false
		}
	}
}

// prefix returns how many bytes of s are at most n UTF-16 code units.
func prefix(s []byte, n int) int {
	units := 0
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRune(s[i:])
		units++
		if r > 0xffff {
			units++
		}
		if units > n {
			return i
		}
		i += size
	}
	return len(s)
}
