package reader

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/internal/pqread"
	"github.com/deltalog/deltalog/internal/vec"
)

// randomRows returns ranges below n that do not touch.
func randomRows(r *rand.Rand, n int64) pqread.Selection {
	sel := pqread.Selection{}
	for at := r.Int64N(3); at < n; at += 1 + r.Int64N(40) {
		end := min(at+1+r.Int64N(100), n)
		sel = append(sel, pqread.Range{Start: at, End: end})
		at = end
	}
	return sel
}

func set(sel pqread.Selection) map[int64]bool {
	m := map[int64]bool{}
	for _, r := range sel {
		for i := r.Start; i < r.End; i++ {
			m[i] = true
		}
	}
	return m
}

// TestSurvivorsAreSelectedRows: what is read late has all rows that passed and
// none that was not selected, such as a deleted one.
func TestSurvivorsAreSelectedRows(t *testing.T) {
	t.Parallel()
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 1))
		const begin = 1000
		selected := randomRows(r, 600)
		passed := map[int64]bool{}
		left := pqread.Selection{}
		for rest := selected; len(rest) > 0; { // in batches
			var batch []pqread.Range
			rows := int64(0)
			for take := 1 + r.Int64N(150); take > 0 && len(rest) > 0; {
				n := min(take, rest[0].End-rest[0].Start)
				batch = append(batch, pqread.Range{Start: begin + rest[0].Start, End: begin + rest[0].Start + n})
				rows, take = rows+n, take-n
				rest = append(pqread.Selection{{Start: rest[0].Start + n, End: rest[0].End}}, rest[1:]...)
				if rest[0].Start == rest[0].End {
					rest = rest[1:]
				}
			}
			keep := vec.NewBitmap(int(rows))
			i := 0
			for _, at := range batch {
				for row := at.Start; row < at.End; row++ {
					if r.IntN(1+int(seed%90)) == 0 {
						keep.Set(i)
						passed[row-begin] = true
					}
					i++
				}
			}
			left = appendRows(left, batch, begin, keep)
		}
		in, got, last := set(selected), set(left), int64(-1)
		for row := range passed {
			require.True(t, got[row], "seed %d: row %d was lost", seed, row)
		}
		for row := range got {
			require.True(t, in[row], "seed %d: row %d was not selected", seed, row)
		}
		for _, x := range left {
			require.True(t, x.Start > last && x.End > x.Start, "seed %d: %v", seed, left)
			last = x.End - 1
		}
	}
}

func TestSetsOfRows(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 2))
		a, b := randomRows(r, 300), randomRows(r, 300)
		both := intersect(a, b)
		want := map[int64]bool{}
		for row := range set(a) {
			if set(b)[row] {
				want[row] = true
			}
		}
		require.Equal(t, want, set(both), "seed %d", seed)
		require.EqualValues(t, len(want), count(both), "seed %d", seed)
		require.Equal(t, a, intersect(nil, a))
		require.Equal(t, a, intersect(a, nil))
		n := r.Int64N(400)
		head := first(a, n)
		require.Equal(t, min(n, count(a)), count(head), "seed %d", seed)
		require.Equal(t, head, intersect(head, a), "seed %d", seed)
	}
}
