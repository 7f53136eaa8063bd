package join

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/internal/vec/vectest"
	"github.com/deltalog/deltalog/txlog/schema"
)

// requireRows checks that the columns hold the rows with the given ids.
func requireRows(t *testing.T, d *rowsOf, columns []int, ids []int64, cols []*vec.Vec) {
	t.Helper()
	require.Len(t, cols, len(columns))
	for k, c := range columns {
		require.NoError(t, vec.Check(cols[k]))
		require.Equal(t, len(ids), cols[k].Len)
		want := make([]any, len(ids))
		for i, id := range ids {
			want[i] = d.cols[c][id]
		}
		like := emptyOf(d.types[c])
		require.True(t, vec.Equal(vectest.New(shapeOf(like), want...), cols[k]), "column %d, %v", c, d.types[c])
	}
}

func TestRowsComeBackAsTheyWere(t *testing.T) {
	t.Parallel()
	spilled := map[string]int{}
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 4))
		types := []schema.DataType{columnTypes[seed%uint64(len(columnTypes))]}
		for range r.IntN(6) {
			types = append(types, columnTypes[r.IntN(len(columnTypes))])
		}
		d := randomRows(r, 1+r.IntN(5000), types, []KeyColumn{{Type: schema.Byte}}, 50)
		memory := []int64{0, 80<<10 + r.Int64N(300<<10), 80<<10 + r.Int64N(800<<10), 64 << 10}[seed%4]
		s := d.open(t, r, &Options{MaxMemory: memory, Dir: t.TempDir()}, allBits)
		switch s.rows.base {
		case 0:
			spilled["none"]++
		case s.n:
			spilled["all"]++
		default:
			spilled["some"]++
		}
		what := fmt.Sprintf("seed %d: %d rows of %v, memory %d, %d on disk", seed, d.n, types, memory, s.rows.base)
		for range 20 {
			columns := r.Perm(len(types))[:1+r.IntN(len(types))]
			ids := make([]int64, r.IntN(300))
			for i := range ids {
				ids[i] = r.Int64N(s.n)
			}
			switch r.IntN(4) {
			case 0:
				slices.Sort(ids)
			case 1:
				slices.Sort(ids)
				ids = slices.Compact(ids)
			case 2: // a stretch of rows
				from := r.Int64N(s.n)
				ids = ids[:0]
				for id := from; id < min(s.n, from+200); id++ {
					ids = append(ids, id)
				}
			}
			cols, err := s.Gather(t.Context(), ids, columns)
			require.NoError(t, err, what)
			requireRows(t, d, columns, ids, cols)
		}
		columns := r.Perm(len(types))
		next := int64(0)
		for b, err := range s.Scan(t.Context(), columns, 1+r.IntN(1000)) {
			require.NoError(t, err, what)
			require.Equal(t, next, b.First)
			var ids []int64
			for ; next < b.First+int64(b.N); next++ {
				ids = append(ids, next)
			}
			requireRows(t, d, columns, ids, b.Cols)
		}
		require.Equal(t, s.n, next, what)
	}
	t.Log("spilled:", spilled)
	require.Greater(t, spilled["some"], 10)
}

// TestRowsOfManySizes mixes rows much wider than a buffer with narrow ones.
func TestRowsOfManySizes(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5, 5))
	d := randomRows(r, 3000, []schema.DataType{schema.String, schema.Integer}, []KeyColumn{{Type: schema.String}}, 900)
	for i := range d.cols[0] {
		if r.IntN(100) == 0 {
			b := make([]byte, r.IntN(300<<10))
			for j := range b {
				b[j] = byte(r.Uint32())
			}
			d.cols[0][i] = string(b)
		}
		if r.IntN(200) == 0 {
			d.keyCol[0][i] = fmt.Sprintf("%0*d", 20000, r.IntN(5))
		}
	}
	s := d.open(t, r, &Options{MaxMemory: 600 << 10, Dir: t.TempDir()}, allBits)
	require.Equal(t, s.n, s.rows.base)
	probe := slices.Clone(d.keyCol[0])
	require.Equal(t, naiveJoin(d, [][]any{probe}, d.n), probeAll(t, r, s, [][]any{probe}, d.n))
	var all []int64
	for id := range s.n {
		all = append(all, id)
	}
	cols, err := s.Gather(t.Context(), all, []int{0, 1})
	require.NoError(t, err)
	requireRows(t, d, []int{0, 1}, all, cols)
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	cols, err = s.Gather(t.Context(), all[:500], []int{1, 0})
	require.NoError(t, err)
	requireRows(t, d, []int{1, 0}, all[:500], cols)
	n := 0
	for b, err := range s.Scan(t.Context(), []int{0}, 0) {
		require.NoError(t, err)
		n += b.N
	}
	require.Equal(t, d.n, n)
}

// TestNothingOfTheBatchesIsKept overwrites what was added.
func TestNothingOfTheBatchesIsKept(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(6, 6))
	d := randomRows(r, 700, columnTypes, []KeyColumn{{Type: schema.String}}, 900)
	s, err := NewSource(d.types, d.keys, nil)
	require.NoError(t, err)
	defer s.Close()
	for i := 0; i < d.n; i += 100 {
		cols, keys := vecs(r, s.like, d.cols, i, i+100), vecs(r, s.coder.like, d.keyCol, i, i+100)
		require.NoError(t, s.Add(t.Context(), cols, keys, 100))
		for _, v := range append(cols, keys...) {
			scribble(v)
		}
	}
	require.NoError(t, s.Build(t.Context()))
	require.Equal(t, naiveJoin(d, d.keyCol, d.n), probeAll(t, r, s, d.keyCol, d.n))
	ids := []int64{699, 3, 250}
	columns := make([]int, len(columnTypes))
	for i := range columns {
		columns[i] = i
	}
	cols, err := s.Gather(t.Context(), ids, columns)
	require.NoError(t, err)
	requireRows(t, d, columns, ids, cols)
}

func scribble(v *vec.Vec) {
	clear(v.Valid)
	clear(v.Data)
	clear(v.Offsets)
	for _, c := range v.Children {
		scribble(c)
	}
}

// TestRowsThatGetWider has chunks that turn out much larger than planned, so that
// they are moved to disk before they are complete.
func TestRowsThatGetWider(t *testing.T) {
	t.Parallel()
	for width := 30; width < 120; width += 10 {
		r := rand.New(rand.NewPCG(uint64(width), 42))
		d := randomRows(r, 9000, []schema.DataType{schema.String}, []KeyColumn{{Type: schema.Byte}}, 5)
		for i := range d.cols[0] {
			d.cols[0][i] = ""
			if i > 64 {
				d.cols[0][i] = fmt.Sprintf("%0*d", width, i)
			}
		}
		s, err := NewSource(d.types, d.keys, &Options{MaxMemory: 512 << 10, Dir: t.TempDir()})
		require.NoError(t, err)
		for i := 0; i < d.n; i += 100 {
			require.NoError(t, s.Add(t.Context(), vecs(r, s.like, d.cols, i, i+100), vecs(r, s.coder.like, d.keyCol, i, i+100), 100))
		}
		require.NoError(t, s.Build(t.Context()))
		require.LessOrEqual(t, s.budget.peak, s.budget.max)
		var ids []int64
		for id := range s.n {
			ids = append(ids, id)
		}
		cols, err := s.Gather(t.Context(), ids, []int{0})
		require.NoError(t, err)
		requireRows(t, d, []int{0}, ids, cols)
		require.NoError(t, s.Close())
	}
}

// A memFile is a file in memory.
type memFile struct{ b []byte }

func (f *memFile) WriteAt(p []byte, off int64) (int, error) {
	f.b = append(f.b[:off], p...)
	return len(p), nil
}

func (f *memFile) ReadAt(p []byte, off int64) (int, error) { return copy(p, f.b[off:]), nil }

func (f *memFile) Close() error { return nil }

// changedRows is a file with a few rows of all types.
func changedRows(t *testing.T, seed uint64) (*rowFile, *memFile) {
	r := rand.New(rand.NewPCG(seed, 7))
	d := randomRows(r, 10, columnTypes, nil, 10)
	var like []*vec.Vec
	for _, c := range d.types {
		like = append(like, emptyOf(c))
	}
	b := newBudget(nil)
	mem := &memFile{}
	dir := disk{parent: t.TempDir(), wrap: func(f file) file {
		require.NoError(t, f.Close())
		return mem
	}}
	f, err := newRowFile(&dir, &b, like)
	require.NoError(t, err)
	require.NoError(t, f.add(vecs(r, like, d.cols, 0, d.n), d.n))
	require.NoError(t, f.seal())
	return f, mem
}

// requireErrorOrRows reads all rows: that may give an error or wrong values, but
// nothing worse.
func requireErrorOrRows(t *testing.T, f *rowFile) (failed bool) {
	t.Helper()
	ids := make([]int64, f.n)
	for i := range ids {
		ids[i] = int64(i)
	}
	columns := make([]int, len(f.format.cols))
	for i := range columns {
		columns[i] = i
	}
	cols, err := f.gather(t.Context(), ids, columns)
	if err != nil {
		return true
	}
	for _, c := range cols {
		require.NoError(t, vec.Check(c))
	}
	return false
}

func TestChangedRowsAreNoPanic(t *testing.T) {
	t.Parallel()
	f, mem := changedRows(t, 1)
	require.False(t, requireErrorOrRows(t, f))
	failed := 0
	for i := range mem.b {
		for _, flip := range []byte{1, 0x80, 0xff} {
			mem.b[i] ^= flip
			if requireErrorOrRows(t, f) {
				failed++
			}
			mem.b[i] ^= flip
		}
	}
	require.Positive(t, failed)
	for n := range mem.b {
		f.file.f = &memFile{b: mem.b[:n]}
		require.True(t, requireErrorOrRows(t, f))
	}
}

func FuzzDecodingChangedRows(f *testing.F) {
	f.Add(uint64(1), uint16(9), byte(255))
	f.Add(uint64(2), uint16(4), byte(1))
	f.Fuzz(func(t *testing.T, seed uint64, at uint16, flip byte) {
		file, mem := changedRows(t, seed)
		mem.b[int(at)%len(mem.b)] ^= flip
		requireErrorOrRows(t, file)
	})
}
