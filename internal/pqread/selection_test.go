package pqread

import (
	"math/rand"
	"testing"

	"github.com/stretchr/testify/require"
)

// Taking a selection in portions gives every row once, in order, whether or not
// gaps are filled, and keep tells which of the decoded rows they are.
func TestPortionsCoverASelection(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewSource(41))
	filled, whole := 0, 0
	for range 3000 {
		var sel Selection
		gap, run := 1+r.Intn(40), 1+r.Intn(40)
		for at := r.Int63n(50); at < 2000; {
			end := at + 1 + r.Int63n(int64(run))
			sel = append(sel, Range{at, end})
			at = end + r.Int63n(int64(gap)+1)
		}
		rows := 1 + r.Intn(500)
		var got Selection
		for at := (place{sel: sel}); !at.done(); {
			p, next := at.take(rows)
			require.LessOrEqual(t, p.span, rows)
			require.Positive(t, p.rows)
			var decoded []int64
			for _, run := range p.runs {
				require.Less(t, run.Start, run.End)
				for row := run.Start; row < run.End; row++ {
					decoded = append(decoded, row)
				}
			}
			require.Len(t, decoded, p.span)
			keep := p.keep()
			var kept []int64
			for i, row := range decoded {
				if keep == nil || keep.Get(i) {
					kept = append(kept, row)
				}
			}
			var wanted []int64
			for _, run := range p.wanted {
				for row := run.Start; row < run.End; row++ {
					wanted = append(wanted, row)
				}
			}
			require.Equal(t, wanted, kept)
			require.Len(t, wanted, p.rows)
			if keep != nil {
				filled++
			} else {
				whole++
			}
			got = append(got, p.wanted...)
			at = next
		}
		require.Equal(t, rowsOf(sel), rowsOf(got))
	}
	require.Positive(t, filled)
	require.Positive(t, whole)
}

func rowsOf(sel Selection) (rows []int64) {
	for _, r := range sel {
		for row := r.Start; row < r.End; row++ {
			rows = append(rows, row)
		}
	}
	return rows
}
