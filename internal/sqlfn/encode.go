package sqlfn

import (
	"encoding/base64"
	"errors"
	"math/bits"
	"unicode/utf8"

	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

func encodeFuncs() []def {
	return []def{
		{"hex", resolveHex},
		{"unhex", fixed(schema.Binary, evalUnhex, wantString)},
		{"base64", fixed(schema.String, evalBase64, wantBinary)},
		{"unbase64", fixed(schema.Binary, evalUnbase64, wantString)},
		{"ascii", fixed(schema.Integer, evalASCII, wantString)},
		{"chr char", fixed(schema.String, evalChr, wantLong)},
	}
}

const hexDigits = "0123456789ABCDEF"

// resolveHex writes strings and binaries byte by byte, and all numbers as longs.
func resolveHex(b *binding) (Signature, error) {
	to, err := b.cast([]want{{"a number, string or binary", func(t schema.DataType) (schema.DataType, bool) {
		if isNumber(t.Kind()) || t.Kind() == schema.KindVoid {
			return schema.Long, true
		}
		return wantBytes.cast(t)
	}}}, 0)
	if err != nil {
		return Signature{}, err
	}
	if to[0].Kind() == schema.KindLong {
		return strict(to, schema.String, func(c *call) (*vec.Vec, error) {
			in := colOf[int64](c.args[0])
			return eachText(c, func(dst []byte, i int) ([]byte, error) {
				u := uint64(in.at(i))
				for k := max(1, (bits.Len64(u)+3)/4) - 1; k >= 0; k-- {
					dst = append(dst, hexDigits[u>>(4*k)&15])
				}
				return dst, nil
			})
		}), nil
	}
	return strict(to, schema.String, func(c *call) (*vec.Vec, error) {
		in := textOf(c.args[0])
		return eachText(c, func(dst []byte, i int) ([]byte, error) {
			if err := room(dst, 2*int64(len(in.at(i)))); err != nil {
				return nil, err
			}
			for _, b := range in.at(i) {
				dst = append(dst, hexDigits[b>>4], hexDigits[b&15])
			}
			return dst, nil
		})
	}), nil
}

// evalUnhex reads an odd number of digits as if a 0 came first, and gives null
// for what is no digit.
func evalUnhex(c *call) (*vec.Vec, error) {
	in := textOf(c.args[0])
	return eachText(c, func(dst []byte, i int) ([]byte, error) {
		s := in.at(i)
		odd := len(s) & 1
		var b byte
		for k, x := range s {
			d, ok := hexDigit(x)
			if !ok {
				return nil, errNull
			}
			b = b<<4 | d
			if (k+odd)&1 == 1 {
				dst = append(dst, b)
				b = 0
			}
		}
		return dst, nil
	})
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case c-'0' <= 9:
		return c - '0', true
	case c-'a' < 6:
		return c - 'a' + 10, true
	case c-'A' < 6:
		return c - 'A' + 10, true
	}
	return 0, false
}

func evalBase64(c *call) (*vec.Vec, error) {
	in := textOf(c.args[0])
	return eachText(c, func(dst []byte, i int) ([]byte, error) {
		if err := room(dst, int64(len(in.at(i)))/3*4+4); err != nil {
			return nil, err
		}
		return base64.StdEncoding.AppendEncode(dst, in.at(i)), nil
	})
}

func evalUnbase64(c *call) (*vec.Vec, error) {
	in := textOf(c.args[0])
	return eachText(c, func(dst []byte, i int) ([]byte, error) { return appendUnbase64(dst, in.at(i)) })
}

// appendUnbase64 decodes as MIME has it: what is outside the alphabet is passed
// over. The padding may be absent, but if begun must be whole.
func appendUnbase64(dst, s []byte) ([]byte, error) {
	var word uint32
	digits, i := 0, 0
	for ; i < len(s) && s[i] != '='; i++ {
		d, ok := base64Digit(s[i])
		if !ok {
			continue
		}
		word = word<<6 | uint32(d)
		if digits++; digits == 4 {
			dst = append(dst, byte(word>>16), byte(word>>8), byte(word))
			word, digits = 0, 0
		}
	}
	padded := i < len(s)
	if padded && (digits < 2 || digits == 2 && (i+1 == len(s) || s[i+1] != '=')) {
		return nil, errors.New("base64 text with = at a wrong place")
	}
	switch digits {
	case 1:
		return nil, errors.New("base64 text whose last character is one alone")
	case 2:
		dst = append(dst, byte(word>>4))
	case 3:
		dst = append(dst, byte(word>>10), byte(word>>2))
	}
	if padded {
		for i += 4 - digits; i < len(s); i++ {
			if _, ok := base64Digit(s[i]); ok {
				return nil, errors.New("base64 text that goes on after its padding")
			}
		}
	}
	return dst, nil
}

func base64Digit(c byte) (byte, bool) {
	switch {
	case c-'A' < 26:
		return c - 'A', true
	case c-'a' < 26:
		return c - 'a' + 26, true
	case c-'0' < 10:
		return c - '0' + 52, true
	case c == '+':
		return 62, true
	case c == '/':
		return 63, true
	}
	return 0, false
}

// evalASCII returns the code point of the first character, 0 for "".
func evalASCII(c *call) (*vec.Vec, error) {
	in := textOf(c.args[0])
	return each(c, vec.Int32, func(i int) (int32, error) {
		if len(in.at(i)) == 0 {
			return 0, nil
		}
		r, _ := utf8.DecodeRune(in.at(i))
		return r, nil
	})
}

// evalChr returns the character of the low eight bits, "" for a negative number.
func evalChr(c *call) (*vec.Vec, error) {
	in := colOf[int64](c.args[0])
	return eachText(c, func(dst []byte, i int) ([]byte, error) {
		n := in.at(i)
		if n < 0 {
			return dst, nil
		}
		return utf8.AppendRune(dst, rune(n&0xFF)), nil
	})
}
