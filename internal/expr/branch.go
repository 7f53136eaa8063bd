package expr

import (
	"math"

	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

type (
	// A caseNode is CASE WHEN …: each value is computed only for the rows that it
	// is the value of, and each condition that can fail only for the rows that no
	// condition before it is true for.
	caseNode struct {
		whens []cond
		thens []node // one more than whens: the last is ELSE
		t     schema.DataType
	}
	// A coalesceNode is the first of its arguments that is not null.
	coalesceNode struct {
		args []node
		t    schema.DataType
	}
	// A letNode computes a value into a slot that body reads.
	letNode struct {
		slot    int
		x, body node
	}
)

func (c *caseNode) typ() schema.DataType { return c.t }

func (c *caseNode) nullable() bool { return anyNode(c.thens, node.nullable) }

func (c *caseNode) fallible() bool {
	for _, w := range c.whens {
		if w.fallible() {
			return true
		}
	}
	return anyNode(c.thens, node.fallible)
}

func anyNode(ns []node, f func(node) bool) bool {
	for _, n := range ns {
		if f(n) {
			return true
		}
	}
	return false
}

func (c *caseNode) each(f func(int)) {
	for _, w := range c.whens {
		eachColumn(w, f)
	}
	for _, n := range c.thens {
		n.each(f)
	}
}

// fold drops the branches that are never taken.
func (c *caseNode) fold(k *constants) node {
	out := &caseNode{t: c.t}
	for i, w := range c.whens {
		w = fold(w, k)
		if is, isConst := w.(constCond); isConst {
			if is.is != mayTrue {
				continue
			}
			out.thens = append(out.thens, c.thens[i].fold(k))
			break
		}
		out.whens = append(out.whens, w)
		out.thens = append(out.thens, c.thens[i].fold(k))
	}
	if len(out.thens) == len(out.whens) {
		out.thens = append(out.thens, c.thens[len(c.whens)].fold(k))
	}
	if len(out.whens) == 0 {
		return out.thens[0]
	}
	return out
}

func (c *caseNode) eval(in *inputs) (*vec.Vec, error) {
	m := newMerger(in)
	for i, w := range c.whens {
		t, err := undecided(w, in, complement(in, m.rest))
		if err != nil {
			return nil, err
		}
		hits := make([]uint64, len(m.rest))
		for j := range hits {
			hits[j] = m.rest[j] & t.yes[j]
		}
		if err := m.add(c.thens[i], hits); err != nil {
			return nil, err
		}
		if !anyBit(m.rest) {
			break
		}
	}
	if err := m.add(c.thens[len(c.whens)], m.rest); err != nil {
		return nil, err
	}
	return m.vec(c.t)
}

// A merger puts a column together from values of different rows.
type merger struct {
	in    *inputs
	rest  []uint64 // rows that have no value yet
	parts []*vec.Vec
	rows  int // of parts
	idx   []int32
}

func newMerger(in *inputs) *merger {
	m := &merger{in: in, rest: in.all(), idx: make([]int32, in.n)}
	for i := range m.idx {
		m.idx[i] = -1
	}
	return m
}

// add computes x for some of the rows that are left.
func (m *merger) add(x node, rows []uint64) error {
	if !anyBit(rows) {
		return nil
	}
	sub := m.in.only(append([]uint64(nil), rows...))
	if c, is := x.(constNode); is {
		for r := range sub.sel.Ranges() {
			for i := r.From; i < r.To; i++ {
				m.idx[i] = int32(m.rows)
			}
		}
		m.push(c.v)
	} else {
		var v *vec.Vec
		var err error
		if sub.n == m.in.n {
			v, err = x.eval(m.in)
		} else if v, err = x.eval(sub); err != nil {
			err = sub.lift(err)
		}
		if err != nil {
			return err
		}
		sub.positions(m.idx, m.rows)
		m.push(v)
	}
	for i, w := range rows {
		m.rest[i] &^= w
	}
	return nil
}

// put adds the values of v, a column of all rows, for some rows.
func (m *merger) put(v *vec.Vec, rows []uint64) {
	sub := m.in.only(append([]uint64(nil), rows...))
	sub.positions(m.idx, m.rows)
	m.push(vec.Filter(v, sub.sel))
	for i, w := range rows {
		m.rest[i] &^= w
	}
}

func (m *merger) push(v *vec.Vec) {
	m.parts = append(m.parts, v)
	m.rows += v.Len
}

// vec returns the column; rows without a value are null.
func (m *merger) vec(t schema.DataType) (*vec.Vec, error) {
	switch {
	case len(m.parts) == 0:
		return vec.AllNull(emptyOf(t), m.in.n), nil
	case m.rows > math.MaxInt32:
		return nil, vec.ErrTooLarge
	case len(m.parts) == 1 && m.rows == m.in.n && !anyBit(m.rest):
		return m.parts[0], nil
	}
	v, err := vec.Concat(m.parts)
	if err != nil {
		return nil, err
	}
	if v.Kind == vec.Null {
		return vec.AllNull(emptyOf(t), m.in.n), nil
	}
	return vec.Take(v, m.idx)
}

func (c *coalesceNode) typ() schema.DataType { return c.t }

func (c *coalesceNode) nullable() bool {
	for _, x := range c.args {
		if !x.nullable() {
			return false
		}
	}
	return true
}

func (c *coalesceNode) fallible() bool { return anyNode(c.args, node.fallible) }

func (c *coalesceNode) each(f func(int)) {
	for _, x := range c.args {
		x.each(f)
	}
}

func (c *coalesceNode) fold(k *constants) node {
	out := &coalesceNode{t: c.t}
	for _, x := range c.args {
		x = x.fold(k)
		one, is := x.(constNode)
		if is && one.v.IsNull(0) {
			continue
		}
		out.args = append(out.args, x)
		if is {
			break
		}
	}
	switch len(out.args) {
	case 0:
		return nullNode(c.t)
	case 1:
		return out.args[0]
	}
	return out
}

func (c *coalesceNode) eval(in *inputs) (*vec.Vec, error) {
	m := newMerger(in)
	for _, x := range c.args {
		if one, is := x.(constNode); is {
			if err := m.add(one, m.rest); err != nil {
				return nil, err
			}
			continue
		}
		v, err := evalOn(x, in, append([]uint64(nil), m.rest...))
		if err != nil {
			return nil, err
		}
		found := make([]uint64, len(m.rest))
		for i := range found {
			found[i] = m.rest[i] & v.ValidWord(i<<6)
		}
		if anyBit(found) {
			m.put(v, found)
		}
		if !anyBit(m.rest) {
			break
		}
	}
	return m.vec(c.t)
}

func (l *letNode) typ() schema.DataType { return l.body.typ() }
func (l *letNode) nullable() bool       { return l.body.nullable() }
func (l *letNode) fallible() bool       { return l.x.fallible() || l.body.fallible() }

func (l *letNode) each(f func(int)) {
	l.x.each(f)
	l.body.each(f)
}

func (l *letNode) fold(k *constants) node {
	x := l.x.fold(k)
	if one, is := x.(constNode); is {
		k.in.setSlot(l.slot, one.v)
	}
	body := l.body.fold(k)
	if isConst(body) {
		return body
	}
	return &letNode{l.slot, x, body}
}

func (l *letNode) eval(in *inputs) (*vec.Vec, error) {
	v, err := l.x.eval(in)
	if err != nil {
		return nil, err
	}
	in.setSlot(l.slot, v)
	return l.body.eval(in)
}

// let binds a value that reads x more than once.
func (b *binder) let(x operand, bind func(x operand) (node, error)) (node, error) {
	switch x.node.(type) {
	case constNode, columnNode:
		return bind(x)
	}
	i := b.newSlot(x.typ(), x.src)
	body, err := bind(operand{x.src, columnNode{i, x.typ(), x.nullable()}})
	if err != nil {
		return nil, err
	}
	return b.folded(&letNode{i, x.node, body}), nil
}

// folded evaluates what of n reads no columns.
func (b *binder) folded(n node) node { return n.fold(newConstants(b.columns, len(b.slots), nil)) }

// caseWhen binds CASE in both forms.
func (b *binder) caseWhen(e *caseWhen, depth int) (node, error) {
	thens := make([]Expr, 0, len(e.whens)+1)
	for _, w := range e.whens {
		thens = append(thens, w.then)
	}
	if e.els == nil {
		thens = append(thens, Literal(schema.Null(schema.Void)))
	} else {
		thens = append(thens, e.els)
	}
	values, err := b.common(e, thens, depth)
	if err != nil {
		return nil, err
	}
	c := &caseNode{thens: values, t: values[0].typ()}
	if e.operand == nil {
		for _, w := range e.whens {
			cond, err := b.cond(w.cond, depth)
			if err != nil {
				return nil, err
			}
			c.whens = append(c.whens, cond)
		}
		return b.folded(c), nil
	}
	x, err := b.value(e.operand, depth)
	if err != nil {
		return nil, err
	}
	return b.let(operand{e.operand, x}, func(x operand) (node, error) {
		for _, w := range e.whens {
			v, err := b.value(w.cond, depth)
			if err != nil {
				return nil, err
			}
			eq, err := b.compareNodes(&compare{e.at, Eq, e.operand, w.cond}, Eq, x, operand{w.cond, v})
			if err != nil {
				return nil, err
			}
			c.whens = append(c.whens, eq)
		}
		return b.folded(c), nil
	})
}

// common binds values that meet in one type.
func (b *binder) common(e Expr, xs []Expr, depth int) ([]node, error) {
	ns, err := b.values(xs, depth)
	if err != nil {
		return nil, err
	}
	return b.toCommon(e, ns)
}

func (b *binder) toCommon(e Expr, ns []node) ([]node, error) {
	var t schema.DataType = schema.Void
	for _, n := range ns {
		u, ok := commonType(t, n.typ())
		if !ok {
			return nil, errorAt(e, "%s: types %s and %s have no type in common", show(e), typeText(t), typeText(n.typ()))
		}
		t = u
	}
	for i, n := range ns {
		var err error
		if ns[i], err = b.castNode(e, n, t); err != nil {
			return nil, err
		}
	}
	return ns, nil
}

// coalesce binds COALESCE and its kin.
func (b *binder) coalesce(e *call, depth int) (node, error) {
	args, err := b.common(e, e.args, depth)
	if err != nil {
		return nil, err
	}
	return b.folded(&coalesceNode{args, args[0].typ()}), nil
}

// ifElse binds IF(cond, then, else).
func (b *binder) ifElse(e *call, depth int) (node, error) {
	return b.caseWhen(&caseWhen{at: e.at, whens: []when{{e.args[0], e.args[1]}}, els: e.args[2]}, depth)
}

// nullIf binds NULLIF(x, y): null where the two are equal.
func (b *binder) nullIf(e *call, depth int) (node, error) {
	xy, err := b.values(e.args, depth)
	if err != nil {
		return nil, err
	}
	return b.let(operand{e.args[0], xy[0]}, func(x operand) (node, error) {
		eq, err := b.compareNodes(e, Eq, x, operand{e.args[1], xy[1]})
		if err != nil {
			return nil, err
		}
		return b.folded(&caseNode{whens: []cond{eq}, thens: []node{nullNode(x.typ()), x.node}, t: x.typ()}), nil
	})
}
