package sqlfn

import (
	"bytes"
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/deltalog/deltalog/internal/schemavec"
	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

func concatFuncs() []def {
	return []def{
		{"concat", resolveConcat},
		{"concat_ws", resolveConcatWS},
	}
}

// resolveConcat joins binaries to a binary, and all else as strings.
func resolveConcat(b *binding) (Signature, error) {
	binary := len(b.args) > 0
	for _, t := range b.args {
		binary = binary && t.Kind() == schema.KindBinary
	}
	w, result := wantString, schema.String
	if binary {
		w, result = wantBinary, schema.Binary
	}
	params := make([]want, len(b.args))
	for i := range params {
		params[i] = w
	}
	to, err := b.cast(params, 0)
	if err != nil {
		return Signature{}, err
	}
	return strict(to, result, evalConcat), nil
}

// evalConcat knows the size of the result before it copies.
func evalConcat(c *call) (*vec.Vec, error) {
	offsets := make([]int32, c.n+1)
	in := make([]text, len(c.args))
	for k, a := range c.args {
		in[k] = textOf(a)
	}
	total := int64(0)
	for i := range c.n {
		if c.isValid(i) {
			for _, t := range in {
				k := i & t.mask
				total += int64(t.offsets[k+1] - t.offsets[k])
			}
		}
		if total > math.MaxInt32 {
			return nil, vec.ErrTooLarge
		}
		offsets[i+1] = int32(total)
	}
	data := make([]byte, 0, total)
	for i := range c.n {
		if c.isValid(i) {
			for _, t := range in {
				data = append(data, t.at(i)...)
			}
		}
	}
	return &vec.Vec{Kind: vec.Bytes, Len: c.n, Offsets: offsets, Data: data}, nil
}

// resolveConcatWS joins strings and the elements of arrays of strings, with a
// separator between them. Nulls are left out; only a null separator gives null.
func resolveConcatWS(b *binding) (Signature, error) {
	if len(b.args) == 0 {
		return Signature{}, b.countError(1, -1)
	}
	params := []want{wantString}
	for range b.args[1:] {
		params = append(params, want{"a string or an array of strings", func(t schema.DataType) (schema.DataType, bool) {
			if a, ok := t.(*schema.Array); ok {
				_, ok = implicit(a.Element, schema.String)
				return &schema.Array{Element: schema.String, ContainsNull: a.ContainsNull}, ok
			}
			return implicit(t, schema.String)
		}})
	}
	to, err := b.cast(params, 0)
	if err != nil {
		return Signature{}, err
	}
	return signature(to, schema.String, evalConcatWS), nil
}

func evalConcatWS(c *call) (*vec.Vec, error) {
	if c.args[0].Const && c.args[0].IsNull(0) {
		return vec.AllNull(schemavec.Empty(schema.String), c.n), nil
	}
	c.valid = validOf(c.args[:1], c.n)
	sep := textOf(c.args[0])
	v, err := eachText(c, func(dst []byte, i int) ([]byte, error) {
		first := true
		add := func(s []byte) {
			if !first {
				dst = append(dst, sep.at(i)...)
			}
			first = false
			dst = append(dst, s...)
		}
		for _, a := range c.args[1:] {
			k := i
			if a.Const {
				k = 0
			}
			switch {
			case a.IsNull(k):
			case a.Kind == vec.Bytes:
				add(a.At(k))
			default:
				for e := a.Offsets[a.Off+k]; e < a.Offsets[a.Off+k+1]; e++ {
					if !a.Children[0].IsNull(int(e)) {
						add(a.Children[0].At(int(e)))
					}
				}
			}
			if err := room(dst, 0); err != nil {
				return nil, err
			}
		}
		return dst, nil
	})
	if err != nil {
		return nil, err
	}
	return withValid(v, c.valid), nil
}

// evalTranslate replaces each character of the second argument by that at its
// place in the third, or takes it away if there is none.
func evalTranslate(c *call) (*vec.Vec, error) {
	s, from, to := textOf(c.args[0]), textOf(c.args[1]), textOf(c.args[2])
	var table map[rune][]byte
	var lastFrom, lastTo []byte
	return eachText(c, func(dst []byte, i int) ([]byte, error) {
		if f, t := from.at(i), to.at(i); table == nil || !bytes.Equal(f, lastFrom) || !bytes.Equal(t, lastTo) {
			table, lastFrom, lastTo = translation(f, t), f, t
		}
		for s := s.at(i); len(s) > 0; {
			r, n := utf8.DecodeRune(s)
			with, ok := table[r]
			if !ok {
				with = s[:n]
			}
			dst = append(dst, with...)
			s = s[n:]
		}
		return dst, nil
	})
}

func translation(from, to []byte) map[rune][]byte {
	table := map[rune][]byte{}
	for len(from) > 0 {
		r, n := utf8.DecodeRune(from)
		from = from[n:]
		var with []byte
		if len(to) > 0 {
			_, n := utf8.DecodeRune(to)
			with, to = to[:n], to[n:]
		}
		if _, ok := table[r]; !ok {
			table[r] = with
		}
	}
	return table
}

// resolvePad pads to a length, or cuts to it. A binary is padded with zero bytes
// if nothing else is said, a string with spaces.
func resolvePad(left bool) resolver {
	return func(b *binding) (Signature, error) {
		w := wantString
		if len(b.args) > 0 && b.args[0].Kind() == schema.KindBinary && (len(b.args) < 3 || b.args[2].Kind() == schema.KindBinary) {
			w = wantBinary
		}
		to, err := b.cast([]want{w, wantInt, w}, 1)
		if err != nil {
			return Signature{}, err
		}
		return strict(to, to[0], func(c *call) (*vec.Vec, error) { return evalPad(c, left) }), nil
	}
}

func evalPad(c *call, left bool) (*vec.Vec, error) {
	binary := c.result.Kind() == schema.KindBinary
	s, n := textOf(c.args[0]), colOf[int32](c.args[1])
	with := text{offsets: []int32{0, 1}, data: []byte{' '}}
	if binary {
		with.data = []byte{0}
	}
	if len(c.args) == 3 {
		with = textOf(c.args[2])
	}
	return eachText(c, func(dst []byte, i int) ([]byte, error) {
		s, with, n := s.at(i), with.at(i), int64(n.at(i))
		if binary && n < 0 {
			return nil, fmt.Errorf("length %d of a binary, want 0 or more", n)
		}
		missing := n - int64(count(s, binary))
		if missing <= 0 || len(with) == 0 {
			_, to := substring(s, 1, n, binary)
			return append(dst, s[:to]...), nil
		}
		if err := room(dst, int64(len(s))+missing); err != nil {
			return nil, err
		}
		if !left {
			dst = append(dst, s...)
		}
		whole := int64(count(with, binary))
		dst, err := repeat(dst, with, missing/whole)
		if err != nil {
			return nil, err
		}
		_, to := substring(with, 1, missing%whole, binary)
		dst = append(dst, with[:to]...)
		if left {
			dst = append(dst, s...)
		}
		return dst, nil
	})
}

// count returns the number of bytes of a binary, or of code points.
func count(s []byte, binary bool) int {
	if binary {
		return len(s)
	}
	return countPoints(s)
}
