package expr

import (
	"slices"

	"github.com/deltalog/deltalog/internal/vec"
)

func (c constCond) eval(in *inputs) (truth, error) {
	switch c.is {
	case mayTrue:
		return truth{in.all(), in.words()}, nil
	case mayFalse:
		return truth{in.words(), in.all()}, nil
	}
	return truth{in.words(), in.words()}, nil
}

func (c logicCond) eval(in *inputs) (truth, error) {
	// An AND is an OR with the roles of true and false exchanged.
	either, both := in.words(), in.all()
	all := in.all()
	for _, x := range c.args {
		if slices.Equal(either, all) {
			break // every row is decided
		}
		t, err := undecided(x, in, either)
		if err != nil {
			return truth{}, err
		}
		e, b := t.yes, t.no
		if !c.or {
			e, b = b, e
		}
		for i := range either {
			either[i] |= e[i]
			both[i] &= b[i]
		}
	}
	if c.or {
		return truth{either, both}, nil
	}
	return truth{both, either}, nil
}

// undecided evaluates c; if it can fail, only on the rows that are not decided.
func undecided(c cond, in *inputs, decided []uint64) (truth, error) {
	if !c.fallible() || !anyBit(decided) {
		return c.eval(in)
	}
	sub := in.only(complement(in, decided))
	t, err := c.eval(sub)
	if err != nil {
		return truth{}, sub.lift(err)
	}
	return truth{sub.spread(t.yes), sub.spread(t.no)}, nil
}

func anyBit(words []uint64) bool {
	for _, w := range words {
		if w != 0 {
			return true
		}
	}
	return false
}

func (c notCond) eval(in *inputs) (truth, error) {
	t, err := c.x.eval(in)
	return truth{t.no, t.yes}, err
}

func (c isNullCond) eval(in *inputs) (truth, error) {
	t, err := c.x.eval(in)
	if err != nil {
		return truth{}, err
	}
	no := in.words()
	for i := range no {
		no[i] = t.yes[i] | t.no[i]
	}
	return truth{complement(in, no), no}, nil
}

func (c isTrueCond) eval(in *inputs) (truth, error) {
	t, err := c.x.eval(in)
	if err != nil {
		return truth{}, err
	}
	yes := t.yes
	if !c.want {
		yes = t.no
	}
	return truth{yes, complement(in, yes)}, nil
}

// complement returns the rows that are not in words.
func complement(in *inputs, words []uint64) []uint64 {
	all := in.all()
	for i, w := range words {
		all[i] &^= w
	}
	return all
}

func (c boolCompare) eval(in *inputs) (truth, error) {
	x, err := c.x.eval(in)
	if err != nil {
		return truth{}, err
	}
	var skip []uint64 // rows that are null whatever y is
	if c.op != EqNullSafe && c.y.fallible() {
		skip = in.all()
		for i := range skip {
			skip[i] &^= x.yes[i] | x.no[i]
		}
	}
	y, err := undecided(c.y, in, skip)
	if err != nil {
		return truth{}, err
	}
	return c.of(in, x, y), nil
}

// of compares the outcomes of the two sides.
func (c boolCompare) of(in *inputs, x, y truth) truth {
	out := truth{in.words(), in.words()}
	for i := range out.yes {
		known := (x.yes[i] | x.no[i]) & (y.yes[i] | y.no[i])
		var w uint64
		switch c.op {
		case Eq, Ne, EqNullSafe:
			w = x.yes[i]&y.yes[i] | x.no[i]&y.no[i]
		case Lt, Ge:
			w = x.no[i] & y.yes[i]
		case Gt, Le:
			w = x.yes[i] & y.no[i]
		}
		if op := normalize(c.op); op.negate {
			w = known &^ w
		}
		out.yes[i], out.no[i] = w, known&^w
	}
	if c.op == EqNullSafe {
		for i, m := range in.all() {
			anyKnown := x.yes[i] | x.no[i] | y.yes[i] | y.no[i]
			out.yes[i] |= m &^ anyKnown // null <=> null
			out.no[i] = m &^ out.yes[i]
		}
	}
	return out
}

func (c nullColumn) eval(in *inputs) (truth, error) {
	valid := in.column(c.i).valid
	if valid == nil {
		return truth{in.words(), in.all()}, nil
	}
	return truth{complement(in, valid), valid}, nil
}

func (c boolColumn) eval(in *inputs) (truth, error) {
	col := in.column(c.i)
	w := in.words()
	if col.v.Kind != vec.Null {
		for i := range w {
			w[i] = col.v.BoolWord(i << 6)
		}
	}
	return finish(in, w, normalOp{}, col.valid, nil), nil
}

// finish turns the rows for which a comparison's base holds, and anything for
// nulls, into a truth. It takes w over. A second validity may be nil.
func finish(in *inputs, w []uint64, op normalOp, valid, valid2 []uint64) truth {
	no := in.all()
	for i, m := range no {
		v := m
		if valid != nil {
			v &= valid[i]
		}
		if valid2 != nil {
			v &= valid2[i]
		}
		if op.negate {
			w[i] = ^w[i]
		}
		w[i] &= v
		if op.nullSafe {
			v = m
		}
		no[i] = v &^ w[i]
	}
	return truth{w, no}
}
