package join

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPairsComeBackSortedForEachFile(t *testing.T) {
	t.Parallel()
	type rowPair struct{ row, src int64 }
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 30))
		memory := []int64{0, 64 << 10, 8 << 10, 1}[seed%4]
		dir := t.TempDir()
		p := NewPairs(&Options{MaxMemory: memory, Dir: dir})
		want := map[int][]rowPair{}
		matched := map[int64]bool{}
		for range r.IntN(60) {
			file := r.IntN(1+r.IntN(30)) * 7
			var rows, src []int64
			for range r.IntN(2000) {
				x := rowPair{r.Int64N(5000), r.Int64N(3000)}
				if r.IntN(100) == 0 {
					x = rowPair{math.MaxUint32 - x.row, 100000 + x.src}
				}
				want[file] = append(want[file], x)
				rows, src = append(rows, x.row), append(src, x.src)
				matched[x.src] = true
			}
			require.NoError(t, p.Add(file, rows, src))
		}
		var files []int
		for f, pairs := range want {
			files = append(files, f)
			slices.SortFunc(pairs, func(a, b rowPair) int {
				return cmp.Or(cmp.Compare(a.row, b.row), cmp.Compare(a.src, b.src))
			})
			require.Equal(t, int64(len(pairs)), p.Count(f))
			rows, src, err := p.File(f)
			require.NoError(t, err)
			require.Len(t, rows, len(pairs))
			for i, x := range pairs {
				if x.row != rows[i] || x.src != src[i] {
					t.Fatalf("seed %d: file %d has %d,%d at %d, want %v", seed, f, rows[i], src[i], i, x)
				}
			}
		}
		slices.Sort(files)
		require.Equal(t, files, slices.Collect(p.Files()))
		for id := range int64(3000) {
			require.Equal(t, matched[id], p.Matched(id))
		}
		require.False(t, p.Matched(1<<40))
		require.False(t, p.Matched(-1))
		rows, _, err := p.File(3)
		require.NoError(t, err)
		require.Empty(t, rows)
		require.Zero(t, p.Count(3))
		if memory >= 64<<10 {
			require.LessOrEqual(t, p.budget.peak, p.budget.max)
		}
		if memory == 1 && len(files) > 0 {
			require.Positive(t, p.Spilled())
		}
		require.NoError(t, p.Close())
		require.NoError(t, p.Close())
		requireEmptyDir(t, dir)
		_, _, err = p.File(0)
		require.ErrorIs(t, err, errPairsClosed)
		require.ErrorIs(t, p.Add(0, nil, nil), errPairsClosed)
	}
}

func TestPairsOutOfRangeAreRefused(t *testing.T) {
	t.Parallel()
	p := NewPairs(nil)
	require.Error(t, p.Add(0, []int64{1 << 32}, []int64{0}))
	require.Error(t, p.Add(0, []int64{0}, []int64{-1}))
	require.Error(t, p.Add(0, []int64{0}, nil))
	require.Zero(t, p.Count(0))
	require.NoError(t, p.Close())
}

func TestPairsReportFailuresOfTheDisk(t *testing.T) {
	t.Parallel()
	rows := make([]int64, 4096)
	for n := range 4 {
		writes, reads := n, n
		p := NewPairs(&Options{MaxMemory: 8 << 10, Dir: t.TempDir()})
		p.disk.wrap = func(f file) file { return badFile{file: f, writes: &writes, reads: &reads, err: errDiskFull} }
		var err error
		for i := 0; i < 3 && err == nil; i++ {
			err = p.Add(0, rows, rows)
		}
		if err == nil {
			_, _, err = p.File(0)
		}
		var spill *SpillError
		require.ErrorAs(t, err, &spill)
		require.ErrorIs(t, err, errDiskFull)
		require.NoError(t, p.Close())
	}
}
