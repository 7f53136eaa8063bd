package expr

import (
	"github.com/deltalog/deltalog/internal/schemavec"
	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

type (
	// A condNode is a condition as a value.
	condNode struct{ c cond }
	// A valueCond is a boolean value as a condition.
	valueCond struct{ x node }
	// A nullValue is value IS NULL.
	nullValue struct{ x node }
	// A letCond computes a value into a slot and then decides a condition that
	// reads it like a column.
	letCond struct {
		slot  int
		x     node
		guard int // a column or slot: where it is null, x does not matter; negative: none
		body  cond
	}
)

func newCondNode(c cond) node {
	switch c := c.(type) {
	case constCond:
		if c.is == mayNull {
			return nullNode(schema.Boolean)
		}
		return constNode{vec.OfBools([]bool{c.is == mayTrue}, nil), schema.Boolean}
	case valueCond:
		return c.x
	case boolColumn:
		return columnNode{c.i, schema.Boolean, true}
	}
	return condNode{c}
}

func (condNode) typ() schema.DataType     { return schema.Boolean }
func (condNode) nullable() bool           { return true }
func (c condNode) fallible() bool         { return c.c.fallible() }
func (c condNode) each(f func(int))       { eachColumn(c.c, f) }
func (c condNode) fold(k *constants) node { return newCondNode(fold(c.c, k)) }

func (c condNode) eval(in *inputs) (*vec.Vec, error) {
	t, err := c.c.eval(in)
	if err != nil {
		return nil, err
	}
	return t.vec(in.n), nil
}

// vec returns a truth as a column.
func (t truth) vec(n int) *vec.Vec {
	v := &vec.Vec{Kind: vec.Bool, Len: n, Data: bytesOf(t.yes, n)}
	known := make([]uint64, len(t.yes))
	for i := range known {
		known[i] = t.yes[i] | t.no[i]
	}
	v.Valid = bytesOf(known, n)
	if v.NullCount() == 0 {
		v.Valid = nil
	}
	return v
}

// truthOf returns a boolean column as a truth.
func truthOf(v *vec.Vec) truth {
	n := (v.Len + 63) >> 6
	t := truth{make([]uint64, n), make([]uint64, n)}
	if v.Kind == vec.Null {
		return t
	}
	for i := range n {
		valid, is := v.ValidWord(i<<6), v.BoolWord(i<<6)
		t.yes[i], t.no[i] = valid&is, valid&^is
	}
	return t
}

// newValueCond returns a boolean value as a condition.
func newValueCond(x node) cond {
	switch x := x.(type) {
	case constNode:
		return constantOrNull(!x.v.IsNull(0) && x.v.Bool(0), x.v.IsNull(0))
	case condNode:
		return x.c
	case columnNode:
		return boolColumn{x.i}
	}
	return valueCond{x}
}

func (c valueCond) fallible() bool         { return c.x.fallible() }
func (c valueCond) prune([]known) outcomes { return mayTrue | mayFalse | mayNull }

func (c valueCond) eval(in *inputs) (truth, error) {
	v, err := c.x.eval(in)
	if err != nil {
		return truth{}, err
	}
	return truthOf(v), nil
}

// newNullValue returns x IS NULL.
func newNullValue(x node) cond {
	switch x := x.(type) {
	case constNode:
		return constant(x.v.IsNull(0))
	case condNode:
		return isNullCond{x.c}
	case columnNode:
		return nullColumn{x.i}
	}
	return &nullValue{x}
}

func (c *nullValue) fallible() bool         { return c.x.fallible() }
func (c *nullValue) prune([]known) outcomes { return mayTrue | mayFalse }

func (c *nullValue) eval(in *inputs) (truth, error) {
	v, err := c.x.eval(in)
	if err != nil {
		return truth{}, err
	}
	no := in.words()
	for i := range no {
		no[i] = v.ValidWord(i << 6)
	}
	return truth{complement(in, no), no}, nil
}

func (c *letCond) fallible() bool            { return c.x.fallible() || c.body.fallible() }
func (c *letCond) prune(ks []known) outcomes { return c.body.prune(ks) }

func (c *letCond) eval(in *inputs) (truth, error) {
	var v *vec.Vec
	var err error
	if valid := c.guardedBy(in); valid != nil {
		v, err = evalOn(c.x, in, valid)
	} else {
		v, err = c.x.eval(in)
	}
	if err != nil {
		return truth{}, err
	}
	in.setSlot(c.slot, v)
	return c.body.eval(in)
}

// guardedBy returns the rows for which x matters; nil: all.
func (c *letCond) guardedBy(in *inputs) []uint64 {
	if c.guard < 0 || !c.x.fallible() {
		return nil
	}
	return in.column(c.guard).valid
}

func (c *letCond) fold(k *constants) cond {
	x := c.x.fold(k)
	if one, is := x.(constNode); is {
		k.in.setSlot(c.slot, one.v)
	}
	body := fold(c.body, k)
	if _, is := body.(constCond); is {
		return body
	}
	return &letCond{c.slot, x, c.guard, body}
}

// valueOf returns the value of a column of one row, if its type is primitive.
func valueOf(v *vec.Vec, t schema.DataType) (schema.Value, bool) {
	switch k := t.Kind(); {
	case k == schema.KindVoid:
		return schema.Null(t), true
	case k == schema.KindBoolean || isNumber(k) || isTime(k) || isBytes(k):
		return schemavec.Value(v, t, 0), true
	}
	return schema.Value{}, false
}
