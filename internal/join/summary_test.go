package join

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/internal/schemavec"
	"github.com/deltalog/deltalog/internal/vec/vectest"
	"github.com/deltalog/deltalog/txlog/schema"
)

func TestKeySummaryIsThatOfTheRowsThatCanMatch(t *testing.T) {
	t.Parallel()
	for seed := range uint64(80) {
		r := rand.New(rand.NewPCG(seed, 13))
		keys := randomKeyColumns(r)
		d := randomRows(r, r.IntN(3000), nil, keys, []int{4, 200, 3000}[r.IntN(3)])
		s := d.open(t, r, &Options{MaxMemory: memories[r.IntN(3)], Dir: t.TempDir()}, allBits)
		for k, got := range s.KeySummary(100) {
			v := vectest.New(shapeOf(s.coder.like[k]), d.keyCol[k]...)
			want := KeyRange{Type: keys[k].Type, Min: schema.Null(keys[k].Type), Max: schema.Null(keys[k].Type), Nulls: int64(v.NullCount())}
			var distinct []schema.Value
			for i := range d.n {
				if _, ok := keyOf(keys, d.keyCol, i); !ok || v.IsNull(i) {
					continue
				}
				x := schemavec.Value(v, keys[k].Type, i)
				distinct = append(distinct, x)
				if math.IsNaN(x.Float64()) {
					want.NaN = true
					continue
				}
				if want.Min.IsNull() || schema.Compare(x, want.Min) < 0 {
					want.Min = x
				}
				if want.Max.IsNull() || schema.Compare(x, want.Max) > 0 {
					want.Max = x
				}
			}
			slices.SortFunc(distinct, schema.Compare)
			distinct = slices.CompactFunc(distinct, schema.Value.Equal)
			require.Equal(t, want.NaN, got.NaN, "seed %d", seed)
			require.Equal(t, want.Nulls, got.Nulls, "seed %d", seed)
			require.True(t, want.Min.Equal(got.Min), "seed %d: %v %v", seed, want.Min, got.Min)
			require.True(t, want.Max.Equal(got.Max), "seed %d: %v %v", seed, want.Max, got.Max)
			if len(distinct) > 100 {
				require.Nil(t, got.Distinct)
				continue
			}
			require.NotNil(t, got.Distinct)
			require.True(t, slices.EqualFunc(distinct, got.Distinct, schema.Value.Equal), "seed %d: %v %v", seed, distinct, got.Distinct)
		}
	}
}

func TestManyDistinctValuesAreForgotten(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 14))
	d := randomRows(r, distinctMost+1, nil, []KeyColumn{{Type: schema.Long}}, 1)
	for i := range d.keyCol[0] {
		d.keyCol[0][i] = int64(i)
	}
	s := d.open(t, r, nil, allBits)
	require.Nil(t, s.KeySummary(1 << 20)[0].Distinct)
	d.n = distinctMost
	s = d.open(t, r, nil, allBits)
	require.Len(t, s.KeySummary(1 << 20)[0].Distinct, distinctMost)
}
