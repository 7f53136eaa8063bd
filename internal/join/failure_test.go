package join

import (
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/txlog/schema"
)

// A badFile fails after some writes or reads.
type badFile struct {
	file
	writes, reads *int // how many go well
	err           error
}

func (f badFile) WriteAt(p []byte, off int64) (int, error) {
	if *f.writes--; *f.writes < 0 {
		return len(p) / 2, f.err
	}
	return f.file.WriteAt(p, off)
}

func (f badFile) ReadAt(p []byte, off int64) (int, error) {
	if *f.reads--; *f.reads < 0 {
		return len(p) / 2, f.err
	}
	return f.file.ReadAt(p, off)
}

var errDiskFull = errors.New("no space left on device")

// use does everything with a source and returns the first error.
func use(t *testing.T, r *rand.Rand, d *rowsOf, s *Source) error {
	for i := 0; i < d.n; i += 500 {
		j := min(d.n, i+500)
		if err := s.Add(t.Context(), vecs(r, s.like, d.cols, i, j), vecs(r, s.coder.like, d.keyCol, i, j), j-i); err != nil {
			return err
		}
	}
	if err := s.Build(t.Context()); err != nil {
		return err
	}
	if _, _, _, err := s.Duplicates(t.Context(), 3); err != nil {
		return err
	}
	if _, err := s.Latest(t.Context(), nil); err != nil {
		return err
	}
	for i := range s.Passes() {
		if err := s.StartPass(t.Context(), i); err != nil {
			return err
		}
	}
	if _, err := s.Gather(t.Context(), []int64{s.n - 1, 0, s.n / 2}, []int{0}); err != nil {
		return err
	}
	for _, err := range s.Scan(t.Context(), []int{0}, 0) {
		if err != nil {
			return err
		}
	}
	return nil
}

// TestEveryFailureOfTheDiskIsReported lets each write and each read fail in turn.
func TestEveryFailureOfTheDiskIsReported(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 20))
	d := randomRows(r, 4000, []schema.DataType{schema.String}, []KeyColumn{{Type: schema.String}}, 3000)
	for _, cause := range []error{errDiskFull, nil, io.EOF} { // nil: less is written or read than asked for
		for _, failWrites := range []bool{true, false} {
			failures := 0
			for n := 0; ; n += 1 + n/3 {
				writes, reads := 1<<30, 1<<30
				if failWrites {
					writes = n
				} else {
					reads = n
				}
				dir := t.TempDir()
				s, err := NewSource(d.types, d.keys, &Options{MaxMemory: 100 << 10, Dir: dir})
				require.NoError(t, err)
				s.disk.wrap = func(f file) file { return badFile{file: f, writes: &writes, reads: &reads, err: cause} }
				err = use(t, r, d, s)
				require.NoError(t, s.Close())
				requireEmptyDir(t, dir)
				if err == nil {
					break
				}
				failures++
				var spill *SpillError
				require.ErrorAs(t, err, &spill)
				require.Equal(t, dir, spill.Dir)
				require.Contains(t, err.Error(), dir)
				if cause == errDiskFull {
					require.ErrorIs(t, err, errDiskFull)
				}
				if failWrites {
					require.Equal(t, "write", spill.Op)
					require.Contains(t, err.Error(), "free space")
				} else {
					require.Equal(t, "read", spill.Op)
				}
			}
			require.Greater(t, failures, 5)
		}
	}
}

func requireEmptyDir(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestSpillDirectoryThatIsNotThere(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "gone")
	r := rand.New(rand.NewPCG(1, 21))
	d := randomRows(r, 4000, []schema.DataType{schema.String}, []KeyColumn{{Type: schema.String}}, 3000)
	s, err := NewSource(d.types, d.keys, &Options{MaxMemory: 64 << 10, Dir: dir})
	require.NoError(t, err, "nothing is created before it is needed")
	err = use(t, r, d, s)
	var spill *SpillError
	require.ErrorAs(t, err, &spill)
	require.Equal(t, "create", spill.Op)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.Contains(t, err.Error(), dir)
	require.NoError(t, s.Close())

	p := NewPairs(&Options{MaxMemory: 1, Dir: dir})
	require.ErrorAs(t, p.Add(0, []int64{1}, []int64{1}), &spill)
	require.NoError(t, p.Close())
}

// TestSpillFilesAreNotFoundByOthers looks for them while they are in use.
func TestSpillFilesAreNotFoundByOthers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := rand.New(rand.NewPCG(1, 22))
	d := randomRows(r, 4000, []schema.DataType{schema.String}, []KeyColumn{{Type: schema.String}}, 3000)
	s := d.open(t, r, &Options{MaxMemory: 64 << 10, Dir: dir}, allBits)
	require.Positive(t, s.Spilled())
	if runtime.GOOS != "windows" {
		requireEmptyDir(t, dir)
	}
	require.NoError(t, s.Close())
	requireEmptyDir(t, dir)
}

// TestKeysThatFitInNoPart has one key with so many rows that no pass can hold it.
func TestKeysThatFitInNoPart(t *testing.T) {
	t.Parallel()
	for _, key := range []schema.DataType{schema.Long, schema.String} {
		r := rand.New(rand.NewPCG(1, 23))
		d := randomRows(r, 20000, nil, []KeyColumn{{Type: key}}, 1)
		s, err := NewSource(d.types, d.keys, &Options{MaxMemory: 40 << 10, Dir: t.TempDir()})
		require.NoError(t, err)
		d.add(t, r, s)
		err = s.Build(t.Context())
		var budget *BudgetError
		require.ErrorAs(t, err, &budget)
		require.Greater(t, budget.Need, budget.Have)
		require.Equal(t, int64(40<<10), budget.Have)
		require.ErrorIs(t, s.Build(t.Context()), errFailed)
		require.NoError(t, s.Close())
	}
}

// TestMemoryStaysWithinTheBudget looks at what was counted, for sources many times
// larger than the memory.
func TestMemoryStaysWithinTheBudget(t *testing.T) {
	t.Parallel()
	for seed := range uint64(24) {
		r := rand.New(rand.NewPCG(seed, 24))
		types := []schema.DataType{columnTypes[r.IntN(len(columnTypes))], schema.String}
		d := randomRows(r, 12000, types, randomKeyColumns(r), 40000)
		memory := []int64{64 << 10, 128 << 10, 256 << 10, 512 << 10}[seed%4]
		s := d.open(t, r, &Options{MaxMemory: memory, Dir: t.TempDir()}, allBits)
		for range s.Passes() {
			_, _, _, err := s.Duplicates(t.Context(), 1)
			require.NoError(t, err)
		}
		require.LessOrEqual(t, s.budget.peak, memory, "seed %d: keys %v", seed, d.keys)
		require.Positive(t, s.Spilled())
		require.NoError(t, s.Close())
	}
}

// TestMemoryIsGivenBack checks that counting adds up.
func TestMemoryIsGivenBack(t *testing.T) {
	t.Parallel()
	for seed := range uint64(12) {
		r := rand.New(rand.NewPCG(seed, 25))
		d := randomRows(r, 6000, []schema.DataType{schema.String}, randomKeyColumns(r), 40000)
		s := d.open(t, r, &Options{MaxMemory: memories[seed%4], Dir: t.TempDir()}, allBits)
		for i := range s.Passes() {
			require.NoError(t, s.StartPass(t.Context(), i))
		}
		rows := int64(0)
		for _, c := range s.rows.chunks {
			rows += c.bytes
		}
		require.NoError(t, s.Close())
		require.Equal(t, rows, s.budget.used, "only the rows in memory are not counted down")
	}
}

// TestConcurrentUse probes, gathers and scans at once, for the race detector.
func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	for _, memory := range []int64{0, 100 << 10} {
		r := rand.New(rand.NewPCG(1, 26))
		d := randomRows(r, 5000, []schema.DataType{schema.String, columnTypes[7]}, []KeyColumn{{Type: schema.String}, {Type: schema.Integer}}, 60)
		s := d.open(t, r, &Options{MaxMemory: memory, Dir: t.TempDir()}, allBits)
		pairs := NewPairs(&Options{MaxMemory: 4 << 10, Dir: t.TempDir()})
		want := naiveJoin(d, d.keyCol, d.n)
		keys := vecs(r, s.coder.like, d.keyCol, 0, d.n)
		for pass := range s.Passes() {
			require.NoError(t, s.StartPass(t.Context(), pass))
			var wg sync.WaitGroup
			for g := range 4 {
				r := rand.New(rand.NewPCG(uint64(g), 27))
				wg.Go(func() {
					var m Matches
					for from := g * 1250; from < (g+1)*1250; from += 250 {
						m.Reset()
						if err := s.Probe(windows(keys, from, from+250), 250, &m); err != nil {
							t.Error(err)
							return
						}
						rows := make([]int64, len(m.Row))
						for i, row := range m.Row {
							rows[i] = int64(from) + int64(row)
						}
						if err := pairs.Add(g, rows, m.Source); err != nil {
							t.Error(err)
						}
						if _, err := s.Gather(t.Context(), []int64{r.Int64N(5000), r.Int64N(5000)}, []int{1, 0}); err != nil {
							t.Error(err)
						}
					}
					for _, err := range s.Scan(t.Context(), []int{0}, 0) {
						if err != nil {
							t.Error(err)
						}
					}
				})
			}
			wg.Wait()
		}
		var got []pair
		for f := range pairs.Files() {
			rows, src, err := pairs.File(f)
			require.NoError(t, err)
			for i := range rows {
				got = append(got, pair{int(rows[i]), src[i]})
			}
		}
		require.Equal(t, want, got)
		require.NoError(t, pairs.Close())
	}
}
