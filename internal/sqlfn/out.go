package sqlfn

import (
	"errors"
	"math"

	"github.com/deltalog/deltalog/internal/vec"
)

// errNull is what a row function returns for a null result.
var errNull = errors.New("null")

// failed makes row i null if err is errNull, and returns the row error if not.
func failed(v *vec.Vec, i int, err error) error {
	if !errors.Is(err, errNull) {
		return at(i, err)
	}
	if v.Valid == nil {
		v.Valid = make([]byte, vec.BitmapLen(v.Len))
		vec.SetBits(v.Valid, 0, v.Len)
	}
	v.Valid[i>>3] &^= 1 << (i & 7)
	return nil
}

// each computes a fixed-width result row by row. Rows with a null argument are
// passed over.
func each[R vec.Fixed](c *call, kind vec.Kind, f func(i int) (R, error)) (*vec.Vec, error) {
	out := make([]R, c.n)
	v := &vec.Vec{Kind: kind, Len: c.n, Data: vec.BytesOf(out)}
	for i := range out {
		if !c.isValid(i) {
			continue
		}
		r, err := f(i)
		if err == nil {
			out[i] = r
		} else if err = failed(v, i, err); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// all computes a fixed-width result from one argument, also where that is null:
// f must take any value.
func all[A, R vec.Fixed](c *call, kind vec.Kind, f func(a A) R) (*vec.Vec, error) {
	in := vec.Values[A](c.args[0].Vec)
	out := make([]R, c.n)
	for i, a := range in {
		out[i] = f(a)
	}
	return &vec.Vec{Kind: kind, Len: c.n, Data: vec.BytesOf(out)}, nil
}

// eachBool is each for booleans that cannot fail.
func eachBool(c *call, f func(i int) bool) (*vec.Vec, error) {
	out := make([]byte, vec.BitmapLen(c.n))
	for i := range c.n {
		if c.isValid(i) && f(i) {
			out[i>>3] |= 1 << (i & 7)
		}
	}
	return &vec.Vec{Kind: vec.Bool, Len: c.n, Data: out}, nil
}

// eachText computes strings or binaries row by row: f appends the result to dst.
func eachText(c *call, f func(dst []byte, i int) ([]byte, error)) (*vec.Vec, error) {
	v := &vec.Vec{Kind: vec.Bytes, Len: c.n, Offsets: make([]int32, c.n+1)}
	var data []byte
	for i := range c.n {
		if c.isValid(i) {
			next, err := f(data, i)
			switch {
			case err == nil:
				data = next
			case errors.Is(err, vec.ErrTooLarge):
				return nil, err
			default:
				if err = failed(v, i, err); err != nil {
					return nil, err
				}
			}
			if len(data) > math.MaxInt32 {
				return nil, vec.ErrTooLarge
			}
		}
		v.Offsets[i+1] = int32(len(data))
	}
	v.Data = data
	return v, nil
}

// spans returns the bytes [from, to) of each row of argument
// 0, where f says which.
func spans(c *call, f func(s []byte, i int) (from, to int)) (*vec.Vec, error) {
	in := textOf(c.args[0])
	return eachText(c, func(dst []byte, i int) ([]byte, error) {
		s := in.at(i)
		from, to := f(s, i)
		return append(dst, s[from:to]...), nil
	})
}

// room returns an error if dst cannot grow by n bytes.
func room(dst []byte, n int64) error {
	if n > math.MaxInt32-int64(len(dst)) {
		return vec.ErrTooLarge
	}
	return nil
}
