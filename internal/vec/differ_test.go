package vec_test

import (
	"math"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/internal/vec/vectest"
)

// A column that shares some of another's values differs from it in the others.
func TestDiffer(t *testing.T) {
	eachRandom(t, func(t *testing.T, r *rand.Rand, s vectest.Shape, values []any, v *vec.Vec) {
		others := vectest.Random(r, s, len(values), true)
		for i := range others {
			if r.IntN(2) == 0 {
				others[i] = values[i]
			}
		}
		rows := vec.NewBitmap(len(values))
		w := vectest.Window(r, s, others...)
		require.NoError(t, vec.Differ(rows, v, w))
		for i := range values {
			a, b := vectest.Value(v, i), vectest.Value(w, i)
			if !nan(a) || !nan(b) {
				require.Equal(t, !reflect.DeepEqual(a, b), rows.Get(i), "value %d: %v and %v", i, a, b)
			}
		}
		none := vec.NewBitmap(len(values))
		require.NoError(t, vec.Differ(none, v, vectest.Window(r, s, values...)))
		require.Zero(t, none.Count())
	})
}

func nan(v any) bool {
	switch v := v.(type) {
	case float32:
		return v != v
	case float64:
		return v != v
	}
	return false
}

func TestDifferOfSpecialValues(t *testing.T) {
	negative := math.Copysign(0, -1)
	otherNaN := math.Float64frombits(math.Float64bits(math.NaN()) ^ 1)
	a := vec.Of(vec.Float64, []float64{0, math.NaN(), 1, 2}, []bool{true, true, true, false})
	b := vec.Of(vec.Float64, []float64{negative, otherNaN, 1, 3}, []bool{true, true, false, false})
	rows := vec.NewBitmap(4)
	require.NoError(t, vec.Differ(rows, a, b))
	require.Equal(t, []int32{0, 2}, rows.Indices(nil))

	rows = vec.NewBitmap(4)
	require.NoError(t, vec.Differ(rows, a, &vec.Vec{Kind: vec.Null, Len: 4}))
	require.Equal(t, []int32{0, 1, 2}, rows.Indices(nil))

	require.ErrorContains(t, vec.Differ(vec.NewBitmap(4), a, vec.Of(vec.Int64, make([]int64, 4), nil)), "layout")
	require.Error(t, vec.Differ(vec.NewBitmap(3), a, b))
}
