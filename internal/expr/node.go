package expr

import (
	"errors"
	"fmt"
	"strings"

	"github.com/deltalog/deltalog/internal/sqlfn"
	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// A node is a bound value.
type node interface {
	typ() schema.DataType
	// nullable reports whether a value may be null.
	nullable() bool
	// fallible reports whether eval may fail for a row. Such a node is only
	// evaluated on rows that need its value.
	fallible() bool
	// eval returns a vector of in.n rows in the layout of typ. An error is an
	// [*EvalError] whose row is one of in, or no row's.
	eval(in *inputs) (*vec.Vec, error)
	// each calls f for every column that the node reads.
	each(f func(i int))
	// fold returns the node with what reads only constants evaluated.
	fold(k *constants) node
}

// A columnNode is a column or a slot.
type columnNode struct {
	i    int
	t    schema.DataType
	null bool
}

func (c columnNode) typ() schema.DataType { return c.t }
func (c columnNode) nullable() bool       { return c.null }
func (columnNode) fallible() bool         { return false }

func (c columnNode) eval(in *inputs) (*vec.Vec, error) { return in.column(c.i).v, nil }

func (c columnNode) each(f func(int)) {
	if c.i < slotBase {
		f(c.i)
	}
}

func (c columnNode) fold(k *constants) node {
	if !k.has(c.i) {
		return c
	}
	return constNode{k.in.column(c.i).v, c.t}
}

// A constNode is a value, as a vector of one row.
type constNode struct {
	v *vec.Vec
	t schema.DataType
}

func (c constNode) typ() schema.DataType   { return c.t }
func (c constNode) nullable() bool         { return c.v.IsNull(0) }
func (constNode) fallible() bool           { return false }
func (constNode) each(func(int))           {}
func (c constNode) fold(k *constants) node { return c }

func (c constNode) eval(in *inputs) (*vec.Vec, error) { return vec.Repeat(c.v, 0, in.n) }

func nullNode(t schema.DataType) constNode { return constNode{vec.AllNull(emptyOf(t), 1), t} }

// A batch is what a kernel computes on.
type batch struct {
	args  []sqlfn.Arg
	n     int
	valid []byte // of strict nodes: the rows without a null argument; nil: all
}

// isValid reports whether no argument of row i is null.
func (b *batch) isValid(i int) bool { return b.valid == nil || b.valid[i>>3]&(1<<(i&7)) != 0 }

// A kernel computes n rows. That of a strict node need not look at nulls: what it
// returns for rows that are not valid does not count, but they must not fail.
type kernel func(b *batch) (*vec.Vec, error)

// rowError says that row i failed.
func rowError(i int, format string, args ...any) error {
	return &sqlfn.RowError{Row: i, Err: fmt.Errorf(format, args...)}
}

// An apply is a function of values.
type apply struct {
	src    Expr // for errors
	args   []node
	t      schema.DataType
	null   bool // may be null
	fails  bool // it or an argument may fail
	strict bool // null if an argument is
	last   bool // the last argument comes first, as Spark divides
	run    kernel
}

func (a *apply) typ() schema.DataType { return a.t }
func (a *apply) nullable() bool       { return a.null }
func (a *apply) fallible() bool       { return a.fails }

func (a *apply) each(f func(int)) {
	for _, x := range a.args {
		x.each(f)
	}
}

func (a *apply) fold(k *constants) node {
	out := *a
	out.args = make([]node, len(a.args))
	for i, x := range a.args {
		out.args[i] = x.fold(k)
	}
	return foldApply(&out)
}

// strictApply returns the node of a function that gives null for nulls. own says
// that it fails for some values.
func strictApply(src Expr, t schema.DataType, own bool, run kernel, args ...node) node {
	a := &apply{src: src, args: args, t: t, fails: own, strict: true, run: run}
	for _, x := range args {
		a.null = a.null || x.nullable()
		a.fails = a.fails || x.fallible()
	}
	return foldApply(a)
}

// foldApply evaluates a node whose arguments are constants; if that fails it
// stays, to fail for the rows that need it.
func foldApply(a *apply) node {
	for _, x := range a.args {
		if _, is := x.(constNode); !is {
			return a
		}
	}
	v, err := a.eval(&inputs{n: 1})
	if err != nil {
		return a
	}
	return constNode{v, a.t}
}

func (a *apply) eval(in *inputs) (*vec.Vec, error) {
	if in.n == 0 {
		return emptyOf(a.t), nil
	}
	b := &batch{n: in.n, args: make([]sqlfn.Arg, len(a.args))}
	for i := range a.args {
		if a.last {
			i = len(a.args) - 1 - i
		}
		x := a.args[i]
		if c, is := x.(constNode); is {
			if a.strict && c.v.IsNull(0) {
				return vec.AllNull(emptyOf(a.t), in.n), nil
			}
			b.args[i] = sqlfn.Arg{Vec: c.v, Const: true}
			continue
		}
		v, err := a.arg(x, in, b)
		if err != nil {
			return nil, err
		}
		b.args[i] = sqlfn.Arg{Vec: v}
		if a.strict {
			b.valid = meet(b.valid, v)
		}
	}
	out, err := a.run(b)
	if err != nil {
		return nil, a.error(err)
	}
	return withValid(out, b.valid, 0), nil
}

// arg evaluates an argument. If it can fail and those before it have nulls, for
// which its value does not matter, then only for the other rows.
func (a *apply) arg(x node, in *inputs, b *batch) (*vec.Vec, error) {
	if !a.strict || b.valid == nil || !x.fallible() {
		return x.eval(in)
	}
	return evalOn(x, in, wordsOf(b.valid, in.n))
}

// evalOn evaluates x on some rows; the others are null.
func evalOn(x node, in *inputs, rows []uint64) (*vec.Vec, error) {
	sub := in.only(rows)
	if sub.n == in.n {
		return x.eval(in)
	}
	v, err := x.eval(sub)
	if err != nil {
		return nil, sub.lift(err)
	}
	idx := make([]int32, in.n)
	for i := range idx {
		idx[i] = -1
	}
	sub.positions(idx, 0)
	return vec.Take(v, idx)
}

// error names what failed.
func (a *apply) error(err error) error {
	if row := (*sqlfn.RowError)(nil); errors.As(err, &row) {
		return &EvalError{int64(row.Row), show(a.src), row.Err}
	}
	return fmt.Errorf("expr: %s: %w", show(a.src), err)
}

// show returns an expression for an error message.
func show(e Expr) string {
	if e == nil {
		return "the expression"
	}
	const most = 200
	s := e.String()
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

// meet returns valid less the nulls of v. It takes valid over.
func meet(valid []byte, v *vec.Vec) []byte {
	if v.NullCount() == 0 {
		return valid
	}
	if valid == nil {
		valid = make([]byte, vec.BitmapLen(v.Len))
		vec.SetBits(valid, 0, v.Len)
	}
	for i := range valid {
		valid[i] &= byte(v.ValidWord(i << 3))
	}
	return valid
}

// wordsOf returns a bitmap's bits by 64.
func wordsOf(b []byte, n int) []uint64 {
	out := make([]uint64, (n+63)>>6)
	for i, c := range b[:vec.BitmapLen(n)] {
		out[i>>3] |= uint64(c) << (i & 7 << 3)
	}
	if r := n & 63; r != 0 {
		out[len(out)-1] &= 1<<r - 1
	}
	return out
}

// bytesOf is the inverse of wordsOf.
func bytesOf(w []uint64, n int) []byte {
	out := make([]byte, vec.BitmapLen(n))
	for i := range out {
		out[i] = byte(w[i>>3] >> (i & 7 << 3))
	}
	return out
}

// A col is the values of an argument, with an index mask that is 0 if it is a
// constant.
type col[T vec.Fixed] struct {
	v    []T
	mask int
}

func (c col[T]) at(i int) T { return c.v[i&c.mask] }

func colOf[T vec.Fixed](a sqlfn.Arg) col[T] {
	if a.Const {
		return col[T]{vec.Values[T](a.Vec), 0}
	}
	return col[T]{vec.Values[T](a.Vec), -1}
}

// all returns an argument as a vector of n rows.
func all(a sqlfn.Arg, n int) (*vec.Vec, error) {
	if a.Const {
		return vec.Repeat(a.Vec, 0, n)
	}
	return a.Vec, nil
}

// value returns a constant of a primitive type.
func (c constNode) value() (schema.Value, bool) { return valueOf(c.v, c.t) }
