package join

import (
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/internal/vec/vectest"
)

func TestCopySizeIsThatOfTheCopy(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 41))
		s := vectest.RandomShape(r, 3)
		v := vectest.Window(r, s, vectest.Random(r, s, r.IntN(100), true)...)
		require.Equal(t, vec.MemorySize(vec.Copy(v))+8, copySize([]*vec.Vec{v}), "seed %d: %v", seed, s)
	}
}

func TestOtherLayoutsAreRefused(t *testing.T) {
	t.Parallel()
	for _, typ := range columnTypes[2:] {
		like := emptyOf(typ)
		for _, other := range columnTypes[2:] {
			v := emptyOf(other)
			_, err := conform(v, like)
			if reflect.DeepEqual(shapeOf(v), shapeOf(like)) {
				require.NoError(t, err)
			} else {
				require.Error(t, err, "%v as %v", other, typ)
			}
		}
		out, err := conform(&vec.Vec{Kind: vec.Null, Len: 5}, like)
		require.NoError(t, err)
		require.Equal(t, 5, out.NullCount())
	}
	// Nulls of no layout inside.
	like := emptyOf(columnTypes[2])
	v := vec.OfStruct(3, nil, vec.Of(vec.Int64, []int64{1, 2, 3}, nil), &vec.Vec{Kind: vec.Null, Len: 3}, &vec.Vec{Kind: vec.Null, Len: 3})
	out, err := conform(v, like)
	require.NoError(t, err)
	require.NoError(t, vec.Check(out))
	require.Equal(t, vec.Struct, out.Children[2].Kind)
	require.Equal(t, vec.Null, v.Children[2].Kind, "the caller's vector is as it was")
}
