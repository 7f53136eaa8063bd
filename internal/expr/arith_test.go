package expr

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/txlog/schema"
)

// What is computed fast is what is computed with numbers of any size.
func TestFastDecimalsAreTheSame(t *testing.T) {
	t.Parallel()
	fast := map[arithOp]int{}
	r := rand.New(rand.NewPCG(1, 13))
	number := func(p int) schema.Decimal128 {
		for {
			n := int64(r.Uint64()) >> r.IntN(64)
			if r.IntN(4) == 0 { // close to halves and powers
				n = []int64{5, 50, 500, 15, 25, 1, 2, 3, 9, 99, 999, -5, -15}[r.IntN(13)]
			}
			if d := schema.Decimal128FromInt64(n); d.Fits(p) {
				return d
			}
		}
	}
	for range 200_000 {
		p, q := 1+r.IntN(19), 1+r.IntN(19)
		a := schema.Decimal{Precision: p, Scale: r.IntN(p + 1)}
		b := schema.Decimal{Precision: q, Scale: r.IntN(q + 1)}
		op := []arithOp{opAdd, opSub, opMul, opDiv, opMod}[r.IntN(5)]
		x, y := number(p), number(q)
		if y.Sign() == 0 {
			continue
		}
		d := decimalOp{op: op, a: a.Scale, b: b.Scale, to: decimalResult(op, a, b)}
		got, ok := d.fast(x, y)
		if !ok {
			continue
		}
		fast[op]++
		var slow bigDecimals
		want, ok := slow.compute(d, x, y)
		require.True(t, ok)
		require.Equal(t, want, got, "%s %v %s as %v", x.Text(a.Scale), op, y.Text(b.Scale), d.to)
	}
	for _, op := range []arithOp{opAdd, opSub, opMul, opDiv, opMod} {
		require.Greater(t, fast[op], 500, "%v", op)
	}
}

func TestMulInt64(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(2, 13))
	for range 100_000 {
		a, b := int64(r.Uint64())>>r.IntN(64), int64(r.Uint64())>>r.IntN(64)
		got, ok := mulInt64(a, b)
		wide := new(bigDecimals)
		wide.p.SetInt64(a)
		wide.q.SetInt64(b)
		wide.r.Mul(&wide.p, &wide.q)
		require.Equal(t, wide.r.IsInt64(), ok, "%d * %d", a, b)
		if ok {
			require.Equal(t, wide.r.Int64(), got)
		}
	}
	_, ok := mulInt64(-1<<63, -1)
	require.False(t, ok)
	n, ok := mulInt64(-1<<63, 1)
	require.True(t, ok)
	require.Equal(t, int64(-1<<63), n)
}
