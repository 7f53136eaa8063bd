package sqlfn

import (
	"unicode"
	"unicode/utf8"

	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

func caseFuncs() []def {
	return []def{
		{"lower lcase", fixed(schema.String, evalCase('A', 'Z', appendLower), wantString)},
		{"upper ucase", fixed(schema.String, evalCase('a', 'z', appendUpper), wantString)},
		{"initcap", fixed(schema.String, func(c *call) (*vec.Vec, error) {
			s := textOf(c.args[0])
			return eachText(c, func(dst []byte, i int) ([]byte, error) { return appendTitle(dst, s.at(i)), nil })
		}, wantString)},
	}
}

// evalCase turns a column that is all ASCII at once, flipping the letters from
// first to last; else each row.
func evalCase(first, last byte, slow func(dst, s []byte) []byte) evalFunc {
	return func(c *call) (*vec.Vec, error) {
		in := textOf(c.args[0])
		base := in.offsets[0]
		all := in.data[base:in.offsets[len(in.offsets)-1]]
		if !isASCII(all) {
			return eachText(c, func(dst []byte, i int) ([]byte, error) { return slow(dst, in.at(i)), nil })
		}
		v := &vec.Vec{Kind: vec.Bytes, Len: c.n, Offsets: in.offsets, Data: make([]byte, len(all))}
		for i, b := range all {
			if b-first <= last-first {
				b ^= 0x20
			}
			v.Data[i] = b
		}
		if base != 0 {
			v.Offsets = make([]int32, len(in.offsets))
			for i, o := range in.offsets {
				v.Offsets[i] = o - base
			}
		}
		return v, nil
	}
}

// appendLower writes s in lower case by Unicode's full mapping: İ becomes two
// code points, and Σ depends on whether it ends a word.
func appendLower(dst, s []byte) []byte { return appendLowerFrom(dst, s, 0) }

// appendLowerFrom writes s from byte i on.
func appendLowerFrom(dst, s []byte, i int) []byte {
	for i < len(s) {
		r, n := utf8.DecodeRune(s[i:])
		switch {
		case r < utf8.RuneSelf:
			if 'A' <= r && r <= 'Z' {
				r += 'a' - 'A'
			}
			dst = append(dst, byte(r))
		case r == utf8.RuneError && n == 1:
			dst = append(dst, s[i])
		case r == 'İ':
			dst = append(dst, "i̇"...)
		case r == 'Σ' && endsWord(s, i, n):
			dst = append(dst, "ς"...)
		default:
			dst = utf8.AppendRune(dst, unicode.ToLower(r))
		}
		i += n
	}
	return dst
}

// endsWord reports whether a letter comes before the n bytes at i and none after,
// points that case ignores left out.
func endsWord(s []byte, i, n int) bool {
	before := false
	for rest := s[:i]; len(rest) > 0; {
		r, n := utf8.DecodeLastRune(rest)
		rest = rest[:len(rest)-n]
		if !ignoredByCase(r) {
			before = isCased(r)
			break
		}
	}
	if !before {
		return false
	}
	for rest := s[i+n:]; len(rest) > 0; {
		r, n := utf8.DecodeRune(rest)
		rest = rest[n:]
		if !ignoredByCase(r) {
			return !isCased(r)
		}
	}
	return true
}

func isCased(r rune) bool {
	return unicode.In(r, unicode.Lu, unicode.Ll, unicode.Lt, unicode.Other_Lowercase, unicode.Other_Uppercase)
}

func ignoredByCase(r rune) bool {
	switch r {
	case '\'', '.', ':', '·', '‘', '’', '․', '﹕', '：', '﹒', '＇', '．':
		return true
	}
	return unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf, unicode.Lm, unicode.Sk)
}

// appendUpper writes s in upper case by Unicode's full mapping: ß becomes SS.
func appendUpper(dst, s []byte) []byte {
	for len(s) > 0 {
		r, n := utf8.DecodeRune(s)
		switch {
		case r < utf8.RuneSelf:
			if 'a' <= r && r <= 'z' {
				r -= 'a' - 'A'
			}
			dst = append(dst, byte(r))
		case r == utf8.RuneError && n == 1:
			dst = append(dst, s[0])
		default:
			if long, ok := upperSpecial[r]; ok {
				dst = append(dst, long...)
			} else {
				dst = utf8.AppendRune(dst, unicode.ToUpper(r))
			}
		}
		s = s[n:]
	}
	return dst
}

// appendTitle writes s in lower case, but the first character of each word, which
// is what a space ends, in title case.
func appendTitle(dst, s []byte) []byte {
	for len(s) > 0 {
		r, n := utf8.DecodeRune(s)
		switch {
		case r == utf8.RuneError && n == 1:
			dst = append(dst, s[0])
		default:
			if long, ok := titleSpecial[r]; ok {
				dst = append(dst, long...)
			} else {
				dst = utf8.AppendRune(dst, unicode.ToTitle(r))
			}
		}
		end := n
		for r != ' ' && end < len(s) && s[end] != ' ' {
			end++
		}
		dst = appendLowerFrom(dst, s[:end], n)
		s = s[end:]
	}
	return dst
}
