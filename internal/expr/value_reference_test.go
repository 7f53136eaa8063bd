package expr

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// A second implementation of values, row by row and lazily, on longs, doubles,
// strings and booleans.

var errReference = errors.New("no value")

// calc is the reference: one row, left to right, and nothing that does not
// matter.
func (r row) calc(e Expr) (schema.Value, error) {
	switch e := e.(type) {
	case *column:
		return r[key(e.path)], nil
	case *literal:
		return e.value, nil
	case *arith:
		sides := []Expr{e.l, e.r}
		divides := e.op == opDiv || e.op == opMod || e.op == opIntDiv
		if divides { // the divisor comes first
			slices.Reverse(sides)
		}
		l, err := r.calc(sides[0])
		if err != nil || l.IsNull() {
			return nullOf(l, e), err
		}
		x, err := r.calc(sides[1])
		if err != nil || x.IsNull() {
			return nullOf(l, e), err
		}
		if divides {
			l, x = x, l
		}
		return arith3(e.op, l, x)
	case *negate:
		v, err := r.calc(e.x)
		if err != nil || v.IsNull() {
			return v, err
		}
		if v.Kind() == schema.KindDouble {
			return schema.DoubleValue(-v.Float64()), nil
		}
		return arith3(opSub, schema.LongValue(0), v)
	case *castTo:
		v, err := r.calc(e.x)
		if err != nil || v.IsNull() {
			return schema.Null(e.typ), err
		}
		out, err := cast3(v, e.typ)
		if err != nil && e.try {
			return schema.Null(e.typ), nil
		}
		return out, err
	case *caseWhen:
		for _, w := range e.whens {
			cond := w.cond
			if e.operand != nil {
				cond = Compare(Eq, e.operand, w.cond)
			}
			c, err := r.calc(cond)
			if err != nil {
				return c, err
			}
			if c.Bool() {
				return r.calc(w.then)
			}
		}
		if e.els == nil {
			return schema.Null(schema.Void), nil
		}
		return r.calc(e.els)
	case *call:
		return r.function(e)
	}
	return r.test3(e)
}

func nullOf(l schema.Value, e *arith) schema.Value {
	switch {
	case e.op == opConcat:
		return schema.Null(schema.String)
	case e.op == opDiv:
		return schema.Null(schema.Double)
	}
	return schema.Value{}
}

func (r row) function(e *call) (schema.Value, error) {
	switch e.name {
	case "if":
		return r.calc(&caseWhen{whens: []when{{e.args[0], e.args[1]}}, els: e.args[2]})
	case "coalesce":
		for _, x := range e.args {
			if v, err := r.calc(x); err != nil || !v.IsNull() {
				return v, err
			}
		}
		return schema.Value{}, nil
	case "nullif":
		return r.calc(&caseWhen{whens: []when{{Compare(Eq, e.args[0], e.args[1]), Literal(schema.Value{})}}, els: e.args[0]})
	case "greatest", "least":
		var best schema.Value
		for _, x := range e.args {
			v, err := r.calc(x)
			if err != nil {
				return v, err
			}
			if c := schema.Compare(v, best); !v.IsNull() && (best.IsNull() || e.name == "greatest" && c > 0 || e.name == "least" && c < 0) {
				best = v
			}
		}
		return best, nil
	}
	panic(e.name)
}

func cast3(v schema.Value, t schema.DataType) (schema.Value, error) {
	switch v.Kind() {
	case schema.KindString:
		n, err := strconv.ParseInt(v.Text(), 10, 64)
		if err != nil {
			return v, errReference
		}
		return schema.LongValue(n), nil
	case schema.KindDouble:
		f := v.Float64()
		if f != f || f >= 1<<63 || f < -1<<63 {
			return v, errReference
		}
		return schema.LongValue(int64(f)), nil
	}
	switch t {
	case schema.String:
		return schema.StringValue(v.String()), nil
	case schema.Double:
		return schema.DoubleValue(float64(v.Int64())), nil
	case schema.Byte:
		if n := v.Int64(); n != int64(int8(n)) {
			return v, errReference
		}
	}
	return schema.LongValue(v.Int64()), nil
}

func arith3(op arithOp, l, r schema.Value) (schema.Value, error) {
	if op == opConcat {
		return schema.StringValue(l.Text() + r.Text()), nil
	}
	if op == opDiv || l.Kind() == schema.KindDouble {
		x, y := float3(l), float3(r)
		switch op {
		case opAdd:
			return schema.DoubleValue(x + y), nil
		case opSub:
			return schema.DoubleValue(x - y), nil
		case opMul:
			return schema.DoubleValue(x * y), nil
		}
		switch {
		case y == 0:
			return l, errReference
		case op == opMod:
			return schema.DoubleValue(math.Mod(x, y)), nil
		}
		return schema.DoubleValue(x / y), nil
	}
	x, y, z := big.NewInt(l.Int64()), big.NewInt(r.Int64()), new(big.Int)
	switch op {
	case opAdd:
		z.Add(x, y)
	case opSub:
		z.Sub(x, y)
	case opMul:
		z.Mul(x, y)
	default:
		if y.Sign() == 0 {
			return l, errReference
		}
		if op == opMod {
			z.Rem(x, y)
		} else {
			z.Quo(x, y)
		}
	}
	if !z.IsInt64() {
		return l, errReference
	}
	return schema.LongValue(z.Int64()), nil
}

// test3 is calc for conditions.
func (r row) test3(e Expr) (schema.Value, error) {
	known := func(v value3, err error) (schema.Value, error) {
		if v == isNil {
			return schema.Null(schema.Boolean), err
		}
		return schema.BooleanValue(v == isYes), err
	}
	truth := func(x Expr) (value3, error) {
		v, err := r.calc(x)
		if v.IsNull() {
			return isNil, err
		}
		return truth3(v.Bool()), err
	}
	switch e := e.(type) {
	case *logic:
		all := isYes // of an OR: that all are false
		for _, x := range e.args {
			v, err := truth(x)
			if err != nil {
				return schema.Value{}, err
			}
			if e.or {
				v = invert3(v)
			}
			if all = and3(all, v); all == isFalse {
				break
			}
		}
		if e.or {
			all = invert3(all)
		}
		return known(all, nil)
	case *not:
		v, err := truth(e.x)
		return known(invert3(v), err)
	case *isTrue:
		v, err := truth(e.x)
		return known(truth3(v == truth3(e.want)), err)
	case *isNull:
		v, err := r.calc(e.x)
		return known(truth3(v.IsNull()), err)
	case *compare:
		l, err := r.calc(e.l)
		if err != nil || l.IsNull() && e.op != EqNullSafe {
			return known(isNil, err)
		}
		x, err := r.calc(e.r)
		if err != nil {
			return known(isNil, err)
		}
		return known(compare3(e.op, l, x), nil)
	case *between:
		return r.calc(And(Compare(Ge, e.x, e.lo), Compare(Le, e.x, e.hi)))
	case *in:
		var terms []Expr
		for _, x := range e.list {
			terms = append(terms, Compare(Eq, e.x, x))
		}
		return r.calc(&logic{or: true, args: terms})
	case *like:
		x, err := r.calc(e.x)
		if err != nil || x.IsNull() {
			return known(isNil, err)
		}
		p, err := schema.StringValue(e.pattern), error(nil)
		if e.by != nil {
			p, err = r.calc(e.by)
		}
		if err != nil || p.IsNull() {
			return known(isNil, err)
		}
		m, err := compileLike(p.Text(), e.escape)
		if err != nil {
			return known(isNil, err)
		}
		return known(truth3(m.match([]byte(x.Text()))), nil)
	}
	panic(fmt.Sprintf("%T", e))
}

// value returns a random expression of a kind.
func (g generator) value(k schema.Kind, depth int) Expr {
	if depth == 0 || g.IntN(6) == 0 {
		return g.leaf(k)
	}
	sub := func() Expr { return g.value(k, depth-1) }
	switch g.IntN(7) {
	case 0:
		return &caseWhen{whens: []when{{g.truth(depth - 1), sub()}, {g.truth(depth - 1), sub()}}, els: sub()}
	case 1:
		l := schema.KindLong
		return &caseWhen{operand: g.value(l, depth-1), whens: []when{{g.value(l, depth-1), sub()}}}
	case 2:
		name := []string{"coalesce", "nullif", "greatest", "least"}[g.IntN(4)]
		return &call{name: name, args: []Expr{sub(), sub()}}
	case 3:
		return &call{name: "if", args: []Expr{g.truth(depth - 1), sub(), sub()}}
	}
	switch k {
	case schema.KindString:
		if g.IntN(3) == 0 {
			return &castTo{x: g.value(schema.KindLong, depth-1), typ: schema.String}
		}
		return &arith{op: opConcat, l: sub(), r: sub()}
	case schema.KindDouble:
		switch g.IntN(4) {
		case 0:
			return &arith{op: opDiv, l: g.value(schema.KindLong, depth-1), r: sub()}
		case 1:
			return &negate{x: sub()}
		}
		return &arith{op: []arithOp{opAdd, opSub, opMul, opMod, opDiv}[g.IntN(5)], l: sub(), r: sub()}
	case schema.KindBoolean:
		return g.truth(depth)
	}
	switch g.IntN(6) {
	case 0:
		from := []schema.Kind{schema.KindString, schema.KindDouble}[g.IntN(2)]
		return &castTo{x: g.value(from, depth-1), typ: schema.Long, try: g.IntN(2) == 0}
	case 1:
		return &negate{x: sub()}
	}
	return &arith{op: []arithOp{opAdd, opSub, opMul, opMod, opIntDiv}[g.IntN(5)], l: sub(), r: sub()}
}

func (g generator) leaf(k schema.Kind) Expr {
	columns := map[schema.Kind][]string{
		schema.KindLong: {"i64", "j64"}, schema.KindDouble: {"f64"}, schema.KindString: {"s", "t"}, schema.KindBoolean: {"b"},
	}[k]
	switch g.IntN(5) {
	case 0:
		return Literal(randomValue(g.Rand, schema.Primitive(k)))
	case 1:
		if k == schema.KindLong {
			return &castTo{x: Column("i8"), typ: schema.Long}
		}
	case 2:
		if g.IntN(3) == 0 {
			return &castTo{x: Literal(schema.Null(schema.Void)), typ: schema.Primitive(k)}
		}
	}
	return Column(columns[g.IntN(len(columns))])
}

// truth returns a random condition on values.
func (g generator) truth(depth int) Expr {
	if depth <= 0 {
		return g.leaf(schema.KindBoolean)
	}
	k := []schema.Kind{schema.KindLong, schema.KindDouble, schema.KindString}[g.IntN(3)]
	sub := func() Expr { return g.value(k, depth-1) }
	switch g.IntN(9) {
	case 0:
		return And(g.truth(depth-1), g.truth(depth-1), g.truth(depth-2))
	case 1:
		return Or(g.truth(depth-1), g.truth(depth-1))
	case 2:
		return Not(g.truth(depth - 1))
	case 3:
		return IsNull(sub())
	case 4:
		return &in{x: sub(), list: []Expr{sub(), sub(), sub()}}
	case 5:
		return Between(sub(), sub(), sub())
	case 6:
		s := schema.KindString
		return &like{x: g.value(s, depth-1), by: g.value(s, depth-1), escape: '!'}
	case 7:
		return &isTrue{x: g.truth(depth - 1), want: g.IntN(2) == 0}
	}
	return Compare(g.op(), sub(), sub())
}

func TestValuesAgreeWithTheReference(t *testing.T) {
	t.Parallel()
	var failed, compared, spared int
	for seed := range uint64(2500) {
		r := rand.New(rand.NewPCG(seed, 11))
		g := generator{r}
		k := []schema.Kind{schema.KindLong, schema.KindDouble, schema.KindString, schema.KindBoolean}[r.IntN(4)]
		e := g.value(k, 1+r.IntN(4))
		rows := randomRows(r, 1+r.IntN(80))
		v, err := BindValue(e, OneScope(testSchema), nil)
		require.NoError(t, err, "seed %d: %v", seed, e)
		got, err := v.Eval(batchOf(r, rows), len(rows))
		if bad := (*EvalError)(nil); errors.As(err, &bad) {
			_, want := rows[bad.Row].calc(e)
			require.Error(t, want, "seed %d: row %d of %v: %v; %v", seed, bad.Row, e, err, rows[bad.Row])
			failed++
			continue
		}
		require.NoError(t, err, "seed %d: %v", seed, e)
		require.NoError(t, vec.Check(got))
		for i := range rows {
			want, err := rows[i].calc(e)
			if err != nil { // a part that was found not to matter: x = NULL is null whatever x is
				spared++
				continue
			}
			one := "NULL"
			if !want.IsNull() {
				one = want.String()
			}
			require.Equal(t, one, render(t, got, v.Type(), i), "seed %d: row %d of %v: %v", seed, i, e, rows[i])
			compared++
		}
	}
	t.Log(failed, compared, spared)
	require.Less(t, spared, compared/100)
	require.Greater(t, compared, 40_000, "most have values")
	require.Greater(t, failed, 50, "some fail")
}

// What is a value's text means the same value.
func TestTextOfValuesMeansTheSame(t *testing.T) {
	t.Parallel()
	for seed := range uint64(1000) {
		r := rand.New(rand.NewPCG(seed, 12))
		e := generator{r}.value(schema.KindString, 1+r.IntN(4))
		again, err := Parse(e.String(), nil)
		if err != nil && strings.Contains(err.Error(), "is not a valid") {
			continue // the cast of a text that is written is refused at once
		}
		require.NoError(t, err, "seed %d: %v", seed, e)
		require.Equal(t, e.String(), again.String(), "seed %d", seed)
		rows := randomRows(r, 20)
		for i := range rows {
			want, err1 := rows[i].calc(e)
			got, err2 := rows[i].calc(again)
			require.Equal(t, err1 == nil, err2 == nil, "seed %d: %v", seed, e)
			if err1 == nil {
				require.True(t, want.Equal(got) || want.IsNull() && got.IsNull(), "seed %d: %v", seed, e)
			}
		}
	}
}
