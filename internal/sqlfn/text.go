package sqlfn

import (
	"bytes"
	"errors"
	"unicode/utf8"

	"github.com/deltalog/deltalog/internal/schemavec"
	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// Strings are counted in code points, binaries in bytes. Bytes that are not
// UTF-8 are passed through.

func textFuncs() []def {
	return []def{
		{"length len char_length character_length", fixed(schema.Integer, evalLength, wantBytes)},
		{"octet_length", fixed(schema.Integer, evalOctets(1), wantBytes)},
		{"bit_length", fixed(schema.Integer, evalOctets(8), wantBytes)},
		{"trim", resolveTrim(true, true, true)},
		{"ltrim", resolveTrim(true, false, true)},
		{"rtrim", resolveTrim(false, true, true)},
		{"btrim", resolveTrim(true, true, false)},
		{"substring substr", resolveSubstring},
		{"left", resolveLeft},
		{"right", fixed(schema.String, evalRight, wantString, wantInt)},
		{"replace", optional(1, schema.String, evalReplace, wantString, wantString, wantString)},
		{"split_part", fixed(schema.String, evalSplitPart, wantString, wantString, wantInt)},
		{"starts_with startswith", bytesPair(bytes.HasPrefix)},
		{"ends_with endswith", bytesPair(bytes.HasSuffix)},
		{"contains", bytesPair(bytes.Contains)},
		{"instr", fixed(schema.Integer, evalInstr, wantString, wantString)},
		{"locate position", resolveLocate},
		{"repeat", fixed(schema.String, evalRepeat, wantString, wantInt)},
		{"reverse", resolveReverse},
		{"translate", fixed(schema.String, evalTranslate, wantString, wantString, wantString)},
		{"lpad", resolvePad(true)},
		{"rpad", resolvePad(false)},
		{"space", fixed(schema.String, evalSpace, wantInt)},
	}
}

// bytesPair resolves a predicate on two strings or two binaries.
func bytesPair(f func(s, t []byte) bool) resolver {
	return func(b *binding) (Signature, error) {
		w := wantString
		if len(b.args) == 2 && b.args[0].Kind() == schema.KindBinary && b.args[1].Kind() == schema.KindBinary {
			w = wantBinary
		}
		to, err := b.cast([]want{w, w}, 0)
		if err != nil {
			return Signature{}, err
		}
		return strict(to, schema.Boolean, func(c *call) (*vec.Vec, error) {
			s, t := textOf(c.args[0]), textOf(c.args[1])
			return eachBool(c, func(i int) bool { return f(s.at(i), t.at(i)) })
		}), nil
	}
}

// countPoints returns the number of code points. Every byte that does not go on
// with one begins one.
func countPoints(s []byte) int {
	n := 0
	for _, b := range s {
		if b&0xC0 != 0x80 {
			n++
		}
	}
	return n
}

// isASCII reports whether s has no byte above 0x7F.
func isASCII(s []byte) bool {
	for len(s) >= 8 {
		if (s[0]|s[1]|s[2]|s[3]|s[4]|s[5]|s[6]|s[7])&0x80 != 0 {
			return false
		}
		s = s[8:]
	}
	for _, b := range s {
		if b&0x80 != 0 {
			return false
		}
	}
	return true
}

// pointAt returns where code point n of s begins, at most len(s). A negative n
// is 0.
func pointAt(s []byte, n int64) int {
	if n <= 0 {
		return 0
	}
	if n >= int64(len(s)) {
		return len(s)
	}
	i := 0
	for ; n > 0 && i < len(s); n-- {
		for i++; i < len(s) && s[i]&0xC0 == 0x80; i++ {
		}
	}
	return i
}

func evalLength(c *call) (*vec.Vec, error) {
	s := textOf(c.args[0])
	if c.types[0].Kind() == schema.KindBinary {
		return each(c, vec.Int32, func(i int) (int32, error) { return int32(len(s.at(i))), nil })
	}
	return each(c, vec.Int32, func(i int) (int32, error) { return int32(countPoints(s.at(i))), nil })
}

func evalOctets(times int32) evalFunc {
	return func(c *call) (*vec.Vec, error) {
		s := textOf(c.args[0])
		return each(c, vec.Int32, func(i int) (int32, error) { return int32(len(s.at(i))) * times, nil })
	}
}

// resolveTrim resolves trim(s) and the forms with the characters to take away:
// before the string for trim, ltrim and rtrim, after it for btrim.
func resolveTrim(left, right, charsFirst bool) resolver {
	return optional(1, schema.String, func(c *call) (*vec.Vec, error) {
		source, chars := c.args[0], Arg{}
		if len(c.args) == 2 {
			chars = c.args[1]
			if charsFirst {
				source, chars = chars, source
			}
		}
		s, set := textOf(source), text{}
		if chars.Vec != nil {
			set = textOf(chars)
		}
		return eachText(c, func(dst []byte, i int) ([]byte, error) {
			if chars.Vec == nil {
				return append(dst, trim(s.at(i), []byte{' '}, left, right)...), nil
			}
			return append(dst, trim(s.at(i), set.at(i), left, right)...), nil
		})
	}, wantString, wantString)
}

// trim takes the characters in set from the ends of s.
func trim(s, set []byte, left, right bool) []byte {
	for left && len(s) > 0 {
		_, n := utf8.DecodeRune(s)
		if !bytes.Contains(set, s[:n]) {
			break
		}
		s = s[n:]
	}
	for right && len(s) > 0 {
		_, n := utf8.DecodeLastRune(s)
		if !bytes.Contains(set, s[len(s)-n:]) {
			break
		}
		s = s[:len(s)-n]
	}
	return s
}

func resolveSubstring(b *binding) (Signature, error) {
	to, err := b.cast([]want{wantBytes, wantInt, wantInt}, 1)
	if err != nil {
		return Signature{}, err
	}
	return strict(to, to[0], evalSubstring), nil
}

func resolveLeft(b *binding) (Signature, error) {
	to, err := b.cast([]want{wantBytes, wantInt}, 0)
	if err != nil {
		return Signature{}, err
	}
	return strict(to, to[0], func(c *call) (*vec.Vec, error) {
		n, binary := colOf[int32](c.args[1]), to[0].Kind() == schema.KindBinary
		return spans(c, func(s []byte, i int) (int, int) { return substring(s, 1, int64(n.at(i)), binary) })
	}), nil
}

func evalSubstring(c *call) (*vec.Vec, error) {
	pos, n, binary := colOf[int32](c.args[1]), col[int32]{[]int32{1<<31 - 1}, 0}, c.types[0].Kind() == schema.KindBinary
	if len(c.args) == 3 {
		n = colOf[int32](c.args[2])
	}
	return spans(c, func(s []byte, i int) (int, int) { return substring(s, int64(pos.at(i)), int64(n.at(i)), binary) })
}

// substring returns the bytes that n characters from position pos on take.
// Position 1 is the first character, as is 0; -1 is the last.
func substring(s []byte, pos, n int64, binary bool) (from, to int) {
	binary = binary || isASCII(s)
	start := pos - 1
	switch {
	case pos == 0:
		start = 0
	case pos < 0 && binary:
		start = int64(len(s)) + pos
	case pos < 0:
		start = int64(countPoints(s)) + pos
	}
	end := start + n
	if end <= start || end <= 0 {
		return 0, 0
	}
	start = max(start, 0)
	if binary {
		from, to = int(min(start, int64(len(s)))), int(min(end, int64(len(s))))
		return from, to
	}
	from = pointAt(s, start)
	return from, from + pointAt(s[from:], end-start)
}

func evalRight(c *call) (*vec.Vec, error) {
	n := colOf[int32](c.args[1])
	return spans(c, func(s []byte, i int) (int, int) {
		if n.at(i) <= 0 {
			return 0, 0
		}
		return substring(s, -int64(n.at(i)), 1<<31-1, false)
	})
}

func evalReplace(c *call) (*vec.Vec, error) {
	s, search := textOf(c.args[0]), textOf(c.args[1])
	with := text{offsets: []int32{0, 0}}
	if len(c.args) == 3 {
		with = textOf(c.args[2])
	}
	return eachText(c, func(dst []byte, i int) ([]byte, error) {
		s, old, with := s.at(i), search.at(i), with.at(i)
		for len(old) > 0 {
			k := bytes.Index(s, old)
			if k < 0 {
				break
			}
			if err := room(dst, int64(len(s)+len(with))); err != nil {
				return nil, err
			}
			dst = append(append(dst, s[:k]...), with...)
			s = s[k+len(old):]
		}
		return append(dst, s...), nil
	})
}

func evalSplitPart(c *call) (*vec.Vec, error) {
	delim, part := textOf(c.args[1]), colOf[int32](c.args[2])
	s := textOf(c.args[0])
	return eachText(c, func(dst []byte, i int) ([]byte, error) {
		k := int(part.at(i))
		if k == 0 {
			return nil, errors.New("the index of a part is 0, want 1 for the first or -1 for the last")
		}
		return append(dst, splitPart(s.at(i), delim.at(i), k)...), nil
	})
}

// splitPart returns part k of s, from the end if k is negative.
func splitPart(s, delim []byte, k int) []byte {
	if len(delim) == 0 {
		if k == 1 || k == -1 {
			return s
		}
		return nil
	}
	if k < 0 {
		// Parts are split from the left, which matters if the delimiter overlaps itself.
		k += bytes.Count(s, delim) + 2
	}
	for ; k > 1; k-- {
		at := bytes.Index(s, delim)
		if at < 0 {
			return nil
		}
		s = s[at+len(delim):]
	}
	if k < 1 {
		return nil
	}
	if at := bytes.Index(s, delim); at >= 0 {
		s = s[:at]
	}
	return s
}

// locate returns the 1-based position of sub in s from code point start on, 0 if
// there is none. An empty sub is at 1.
func locate(s, sub []byte, start int64) int32 {
	if len(sub) == 0 {
		return 1
	}
	from := pointAt(s, start)
	k := bytes.Index(s[from:], sub)
	if k < 0 {
		return 0
	}
	return int32(countPoints(s[:from+k]) + 1)
}

func evalInstr(c *call) (*vec.Vec, error) {
	s, sub := textOf(c.args[0]), textOf(c.args[1])
	return each(c, vec.Int32, func(i int) (int32, error) { return locate(s.at(i), sub.at(i), 0), nil })
}

// resolveLocate has a null position give 0, unlike a null string.
func resolveLocate(b *binding) (Signature, error) {
	to, err := b.cast([]want{wantString, wantString, wantInt}, 1)
	if err != nil {
		return Signature{}, err
	}
	return signature(to, schema.Integer, func(c *call) (*vec.Vec, error) {
		strings := call{args: c.args[:2], n: c.n}
		for _, a := range strings.args {
			if a.Const && a.IsNull(0) {
				return vec.AllNull(schemavec.Empty(schema.Integer), c.n), nil
			}
		}
		strings.valid = validOf(strings.args, c.n)
		sub, s := textOf(c.args[0]), textOf(c.args[1])
		start := func(int) int32 { return 1 }
		if len(c.args) == 3 {
			pos := colOf[int32](c.args[2])
			start = func(i int) int32 {
				if c.args[2].IsNull(i & pos.mask) {
					return 0
				}
				return pos.at(i)
			}
		}
		v, err := each(&strings, vec.Int32, func(i int) (int32, error) {
			from := start(i)
			if from < 1 {
				return 0, nil
			}
			return locate(s.at(i), sub.at(i), int64(from)-1), nil
		})
		if err != nil {
			return nil, err
		}
		return withValid(v, strings.valid), nil
	}), nil
}

func evalRepeat(c *call) (*vec.Vec, error) {
	s, n := textOf(c.args[0]), colOf[int32](c.args[1])
	return eachText(c, func(dst []byte, i int) ([]byte, error) { return repeat(dst, s.at(i), int64(n.at(i))) })
}

func evalSpace(c *call) (*vec.Vec, error) {
	n := colOf[int32](c.args[0])
	return eachText(c, func(dst []byte, i int) ([]byte, error) { return repeat(dst, []byte{' '}, int64(n.at(i))) })
}

func repeat(dst, s []byte, n int64) ([]byte, error) {
	if n <= 0 || len(s) == 0 {
		return dst, nil
	}
	if err := room(dst, n*int64(len(s))); err != nil {
		return nil, err
	}
	return append(dst, bytes.Repeat(s, int(n))...), nil
}

func appendReversed(dst, s []byte) []byte {
	for len(s) > 0 {
		_, n := utf8.DecodeLastRune(s)
		dst = append(dst, s[len(s)-n:]...)
		s = s[:len(s)-n]
	}
	return dst
}
