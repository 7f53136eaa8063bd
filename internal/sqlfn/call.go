package sqlfn

import (
	"github.com/deltalog/deltalog/internal/schemavec"
	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// A call is one evaluation.
type call struct {
	env    *Env
	args   []Arg
	types  []schema.DataType
	result schema.DataType
	n      int
	valid  []byte // rows without a null argument; nil: all
}

// An evalFunc computes the rows of a call that are valid; what it gives for the
// others does not count.
type evalFunc func(c *call) (*vec.Vec, error)

// strict returns the signature of a function that gives null for nulls.
func strict(args []schema.DataType, result schema.DataType, eval evalFunc) Signature {
	return signature(args, result, func(c *call) (*vec.Vec, error) {
		for _, a := range c.args {
			if a.Kind == vec.Null || a.Const && a.IsNull(0) {
				return vec.AllNull(schemavec.Empty(c.result), c.n), nil
			}
		}
		c.valid = validOf(c.args, c.n)
		v, err := eval(c)
		if err != nil {
			return nil, err
		}
		return withValid(v, c.valid), nil
	})
}

// signature returns the signature of a function that sees nulls. Calls with
// constants only are computed once.
func signature(args []schema.DataType, result schema.DataType, eval evalFunc) Signature {
	return Signature{Args: args, Result: result, Eval: func(env *Env, in []Arg, n int) (*vec.Vec, error) {
		if n == 0 {
			return schemavec.Empty(result), nil
		}
		constant := true
		for _, a := range in {
			constant = constant && a.Const
		}
		c := &call{env: env, args: in, types: args, result: result, n: n}
		if !constant || n == 1 {
			return eval(c)
		}
		c.n = 1
		v, err := eval(c)
		if err != nil {
			return nil, err
		}
		return vec.Repeat(v, 0, n)
	}}
}

// validOf returns the rows in which no argument is null.
func validOf(args []Arg, n int) []byte {
	var valid []byte
	for _, a := range args {
		if a.Const || a.Valid == nil {
			continue
		}
		if valid == nil {
			valid = make([]byte, vec.BitmapLen(n))
			vec.CopyBits(valid, 0, a.Valid, a.Off, n)
			continue
		}
		for i := range valid {
			valid[i] &= byte(a.ValidWord(i << 3))
		}
	}
	return valid
}

// withValid makes the rows that are not in valid null. It changes v, unless v is
// a window on another's memory.
func withValid(v *vec.Vec, valid []byte) *vec.Vec {
	if valid == nil || v.Kind == vec.Null {
		return v
	}
	if v.Valid != nil {
		b := make([]byte, vec.BitmapLen(v.Len))
		vec.CopyBits(b, 0, v.Valid, v.Off, v.Len)
		for i := range b {
			b[i] &= valid[i]
		}
		valid = b
	}
	if v.Off == 0 {
		w := *v
		w.Valid = valid
		return &w
	}
	b := make([]byte, vec.BitmapLen(v.Off+v.Len))
	vec.CopyBits(b, v.Off, valid, 0, v.Len)
	w := *v
	w.Valid = b
	return &w
}

// isValid reports whether no argument of row i is null.
func (c *call) isValid(i int) bool { return c.valid == nil || c.valid[i>>3]&(1<<(i&7)) != 0 }

// A col is the values of an argument; at works for a constant too.
type col[T vec.Fixed] struct {
	v    []T
	mask int // 0 for a constant, else -1
}

func (c col[T]) at(i int) T { return c.v[i&c.mask] }

func colOf[T vec.Fixed](a Arg) col[T] {
	if a.Const {
		return col[T]{vec.Values[T](a.Vec), 0}
	}
	return col[T]{vec.Values[T](a.Vec), -1}
}

// A text is the values of a string or binary argument.
type text struct {
	offsets []int32
	data    []byte
	mask    int
}

func (t text) at(i int) []byte {
	i &= t.mask
	return t.data[t.offsets[i]:t.offsets[i+1]]
}

func textOf(a Arg) text {
	t := text{a.Offsets[a.Off : a.Off+a.Len+1], a.Data, -1}
	if a.Const {
		t.mask = 0
	}
	return t
}

// at returns the row error of row i.
func at(i int, err error) error { return &RowError{i, err} }
