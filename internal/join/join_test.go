package join

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/internal/vec/vectest"
	"github.com/deltalog/deltalog/txlog/schema"
)

var keyTypes = []schema.DataType{
	schema.Boolean, schema.Byte, schema.Short, schema.Integer, schema.Long, schema.Float, schema.Double,
	schema.Decimal{Precision: 9, Scale: 2},
	schema.Decimal{Precision: 38},
	schema.String, schema.Binary,
	schema.Date, schema.Timestamp, schema.TimestampNTZ,
}

var columnTypes = append([]schema.DataType{
	schema.Void, schema.Variant,
	&schema.Struct{Fields: []schema.Field{{Name: "a", Type: schema.Long}, {Name: "b", Type: schema.String}, {Name: "c", Type: &schema.Struct{Fields: []schema.Field{{Name: "d", Type: schema.Boolean}}}}}},
	&schema.Array{Element: schema.Integer},
	&schema.Array{Element: schema.String},
	&schema.Array{Element: &schema.Array{Element: schema.Boolean}},
	&schema.Map{Key: schema.String, Value: schema.Double},
	&schema.Map{Key: schema.Long, Value: &schema.Struct{Fields: []schema.Field{{Name: "l", Type: &schema.Array{Element: schema.Short}}, {Name: "s", Type: schema.Binary}}}},
	&schema.Struct{Fields: []schema.Field{{Name: "m", Type: &schema.Map{Key: schema.Date, Value: schema.Decimal{Precision: 20, Scale: 3}}}}},
}, keyTypes...)

func shapeOf(v *vec.Vec) vectest.Shape {
	s := vectest.Shape{Kind: v.Kind}
	for _, c := range v.Children {
		s.Children = append(s.Children, shapeOf(c))
	}
	return s
}

// randomKey returns one of few values, some of them equal in SQL only.
func randomKey(r *rand.Rand, t schema.DataType, domain int) any {
	n := r.IntN(domain)
	switch emptyOf(t).Kind {
	case vec.Bool:
		return n%2 == 0
	case vec.Int8:
		return int8(n - 3)
	case vec.Int16:
		return int16(n*7 - 30)
	case vec.Int32:
		return int32(n*1000003 - 5)
	case vec.Int64:
		return int64(n)*0x100000001 - 7
	case vec.Float32:
		return float32(randomFloat(r, n))
	case vec.Float64:
		return randomFloat(r, n)
	case vec.Decimal128:
		d := schema.Decimal128FromInt64(int64(n) - 2)
		if n%3 == 0 {
			d = schema.NewDecimal128(int64(n), 1<<63)
		}
		return d.LittleEndian()
	}
	return []string{"", "a", "b\x00", "ein längerer Schlüssel als sechzehn Bytes "}[n%4] + fmt.Sprint(n/4)
}

func randomFloat(r *rand.Rand, n int) float64 {
	switch n {
	case 0:
		return 0
	case 1:
		return math.Copysign(0, -1)
	case 2:
		return math.NaN()
	case 3:
		return math.Float64frombits(math.Float64bits(math.NaN()) | 1<<40 | 1<<63)
	case 4:
		return math.Inf(-1)
	}
	return float64(n) / 4
}

// sqlKey returns text that is equal for equal keys.
func sqlKey(v any) string {
	switch x := v.(type) {
	case float32:
		return sqlKey(float64(x))
	case float64:
		if x == 0 {
			x = 0
		}
		return fmt.Sprintf("f%v", math.Abs(x)*sign(x))
	}
	return fmt.Sprintf("%T %q", v, fmt.Sprint(v))
}

func sign(x float64) float64 {
	if x < 0 {
		return -1
	}
	return 1
}

// A table of rows for tests; values are by column.
type rowsOf struct {
	types  []schema.DataType
	keys   []KeyColumn
	n      int
	cols   [][]any
	keyCol [][]any
}

func randomRows(r *rand.Rand, n int, types []schema.DataType, keys []KeyColumn, domain int) *rowsOf {
	d := &rowsOf{types: types, keys: keys, n: n}
	for _, t := range types {
		d.cols = append(d.cols, vectest.Random(r, shapeOf(emptyOf(t)), n, true))
	}
	d.keyCol = randomKeys(r, n, keys, domain)
	return d
}

func randomKeys(r *rand.Rand, n int, keys []KeyColumn, domain int) [][]any {
	out := make([][]any, len(keys))
	for k, c := range keys {
		for range n {
			var v any
			if r.IntN(12) > 0 {
				v = randomKey(r, c.Type, domain)
			}
			out[k] = append(out[k], v)
		}
	}
	return out
}

// vecs returns rows i … j-1 as windows of longer columns. Columns of nulls only
// are at times of the layout that stands for them; under other nulls there are at
// times values.
func vecs(r *rand.Rand, likes []*vec.Vec, values [][]any, i, j int) []*vec.Vec {
	var out []*vec.Vec
	for k, like := range likes {
		part := values[k][i:j]
		s := shapeOf(like)
		if !slices.ContainsFunc(part, func(v any) bool { return v != nil }) && r.IntN(2) == 0 {
			out = append(out, &vec.Vec{Kind: vec.Null, Len: j - i})
			continue
		}
		if s.Kind == vec.Null || r.IntN(2) == 0 {
			out = append(out, vectest.Window(r, s, part...))
			continue
		}
		hidden := vectest.Random(r, s, j-i, false)
		for k, v := range part {
			if v != nil {
				hidden[k] = v
			}
		}
		v := vectest.Window(r, s, hidden...)
		v.Valid = make([]byte, vec.BitmapLen(v.Off+v.Len))
		for k := range part {
			if part[k] != nil {
				vec.SetBits(v.Valid, v.Off+k, 1)
			}
		}
		out = append(out, v)
	}
	return out
}

// open adds the rows in batches and builds the source.
func (d *rowsOf) open(t testing.TB, r *rand.Rand, o *Options, mask uint64) *Source {
	s, err := NewSource(d.types, d.keys, o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	s.coder.mask = mask
	d.add(t, r, s)
	require.NoError(t, s.Build(t.Context()))
	require.Equal(t, int64(d.n), s.Rows())
	require.Len(t, s.passes, s.Passes())
	next := uint64(0)
	for _, p := range s.passes {
		require.Equal(t, next, p.lo, "passes follow each other")
		next = p.hi + 1
	}
	require.Zero(t, next, "the last pass ends with the last hash")
	return s
}

func (d *rowsOf) add(t testing.TB, r *rand.Rand, s *Source) {
	for i := 0; i < d.n; {
		j := min(d.n, i+1+r.IntN(1500))
		require.NoError(t, s.Add(t.Context(), vecs(r, s.like, d.cols, i, j), vecs(r, s.coder.like, d.keyCol, i, j), j-i))
		i = j
	}
}

// key returns a row's key, not ok if it matches nothing.
func keyOf(keys []KeyColumn, values [][]any, i int) (key string, ok bool) {
	for k, c := range keys {
		if values[k][i] == nil && !c.NullSafe {
			return "", false
		}
		key += sqlKey(values[k][i]) + "|"
	}
	return key, true
}

type pair struct {
	row    int
	source int64
}

func naiveJoin(d *rowsOf, probe [][]any, n int) []pair {
	byKey := map[string][]int64{}
	for i := range d.n {
		if k, ok := keyOf(d.keys, d.keyCol, i); ok {
			byKey[k] = append(byKey[k], int64(i))
		}
	}
	var out []pair
	for i := range n {
		if k, ok := keyOf(d.keys, probe, i); ok {
			for _, id := range byKey[k] {
				out = append(out, pair{i, id})
			}
		}
	}
	return out
}

// probeAll probes in batches, in every pass.
func probeAll(t testing.TB, r *rand.Rand, s *Source, probe [][]any, n int) []pair {
	byRow := make([][]int64, n)
	var m Matches
	for pass := range s.Passes() {
		require.NoError(t, s.StartPass(t.Context(), pass))
		seen := make([]bool, n)
		for i := 0; i < n; {
			j := min(n, i+1+r.IntN(2500))
			m.Reset()
			require.NoError(t, s.Probe(vecs(r, s.coder.like, probe, i, j), j-i, &m))
			require.Len(t, m.Source, len(m.Row))
			for k, row := range m.Row {
				at := i + int(row)
				switch {
				case k > 0 && m.Row[k-1] > row:
					t.Fatal("rows are not in order")
				case k > 0 && m.Row[k-1] == row && m.Source[k-1] >= m.Source[k]:
					t.Fatal("source rows are not in order")
				case (k == 0 || m.Row[k-1] != row) && (seen[at] || len(byRow[at]) > 0):
					t.Fatal("the matches of a row are not in one pass")
				}
				seen[at] = true
				byRow[at] = append(byRow[at], m.Source[k])
			}
			i = j
		}
	}
	var out []pair
	for i, ids := range byRow {
		for _, id := range ids {
			out = append(out, pair{i, id})
		}
	}
	return out
}

func randomKeyColumns(r *rand.Rand) []KeyColumn {
	var keys []KeyColumn
	for range 1 + r.IntN(3) {
		keys = append(keys, KeyColumn{Type: keyTypes[r.IntN(len(keyTypes))], NullSafe: r.IntN(4) == 0})
	}
	return keys
}

const allBits = math.MaxUint64

func TestProbeFindsWhatANaiveJoinFinds(t *testing.T) {
	t.Parallel()
	passes := map[int]int{}
	for seed := range uint64(120) {
		r := rand.New(rand.NewPCG(seed, 2))
		keys := randomKeyColumns(r)
		if seed < uint64(len(keyTypes)) {
			keys = []KeyColumn{{Type: keyTypes[seed]}}
		}
		n := r.IntN(6000)
		domain := []int{3, 40, 4000, 40000}[r.IntN(4)]
		if domain < 40 {
			n = min(n, 300)
		}
		d := randomRows(r, n, []schema.DataType{schema.Long}, keys, domain)
		probe := randomKeys(r, 3000, keys, domain)
		want := naiveJoin(d, probe, 3000)
		memory := []int64{0, 400 << 10, 64 << 10, 40 << 10}[r.IntN(4)]
		mask := []uint64{allBits, allBits, 0xfff0_0000_0000_0000}[r.IntN(3)]
		s := d.open(t, r, &Options{MaxMemory: memory, Dir: t.TempDir()}, mask)
		passes[min(3, s.Passes())]++
		require.Equal(t, want, probeAll(t, r, s, probe, 3000), "seed %d: keys %v, %d rows, memory %d, mask %x, %d passes", seed, keys, n, memory, mask, s.Passes())
	}
	t.Log("passes:", passes)
	for n := 1; n <= 3; n++ {
		require.Positive(t, passes[n], "sources of %d passes", n)
	}
}

func TestSourceWithoutKeysMatchesEverything(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 1))
	d := randomRows(r, 20, []schema.DataType{schema.Long}, nil, 1)
	s := d.open(t, r, nil, allBits)
	require.Equal(t, naiveJoin(d, nil, 3), probeAll(t, r, s, nil, 3))
}

func TestEmptySource(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 1))
	keys := []KeyColumn{{Type: schema.String}}
	d := randomRows(r, 0, []schema.DataType{schema.Long}, keys, 1)
	s := d.open(t, r, nil, allBits)
	require.Equal(t, 1, s.Passes())
	require.Empty(t, probeAll(t, r, s, randomKeys(r, 10, keys, 3), 10))
	for range s.Scan(t.Context(), []int{0}, 0) {
		t.Fatal("there are no rows")
	}
	latest, err := s.Latest(t.Context(), nil)
	require.NoError(t, err)
	require.Zero(t, latest.Len)
	cols, err := s.Gather(t.Context(), nil, []int{0})
	require.NoError(t, err)
	require.Zero(t, cols[0].Len)
	require.Zero(t, s.Spilled())
}

func TestKeysThatCannotBeLookedUpAreRefused(t *testing.T) {
	t.Parallel()
	for _, k := range []schema.DataType{nil, schema.Void, schema.Variant, &schema.Array{Element: schema.Long}} {
		_, err := NewSource(nil, []KeyColumn{{Type: k}}, nil)
		require.Error(t, err)
	}
}

func TestMisuseIsAnError(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s, err := NewSource([]schema.DataType{schema.Long}, []KeyColumn{{Type: schema.Long}}, nil)
	require.NoError(t, err)
	longs := []*vec.Vec{vec.Of(vec.Int64, []int64{1, 2}, nil)}
	ints := []*vec.Vec{vec.Of(vec.Int32, []int32{1, 2}, nil)}
	var m Matches
	require.ErrorIs(t, s.Probe(longs, 2, &m), errNotBuilt)
	require.ErrorIs(t, s.StartPass(ctx, 0), errNotBuilt)
	_, err = s.Gather(ctx, nil, nil)
	require.ErrorIs(t, err, errNotBuilt)
	require.NoError(t, s.Add(ctx, longs, longs, 2))
	require.NoError(t, s.Build(ctx))
	require.ErrorIs(t, s.Build(ctx), errBuilt)
	require.ErrorIs(t, s.Add(ctx, longs, longs, 2), errBuilt)
	require.Error(t, s.StartPass(ctx, 1))
	require.Error(t, s.Probe(ints, 2, &m))
	require.Error(t, s.Probe(longs, 3, &m))
	require.Error(t, s.Probe(nil, 2, &m))
	for _, id := range []int64{-1, 2} {
		_, err = s.Gather(ctx, []int64{id}, []int{0})
		require.Error(t, err)
	}
	_, err = s.Gather(ctx, nil, []int{1})
	require.Error(t, err)
	require.NoError(t, s.Close())
	require.NoError(t, s.Close())
	require.ErrorIs(t, s.Probe(longs, 2, &m), errClosed)

	s, err = NewSource([]schema.DataType{schema.Long}, []KeyColumn{{Type: schema.Long}}, nil)
	require.NoError(t, err)
	require.Error(t, s.Add(ctx, ints, longs, 2))
	require.ErrorIs(t, s.Add(ctx, longs, longs, 2), errFailed, "part of a batch may be there")
	require.ErrorIs(t, s.Build(ctx), errFailed)
	require.NoError(t, s.Close())
}

// TestCancelledContexts stops each operation.
func TestCancelledContexts(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 3))
	keys := []KeyColumn{{Type: schema.Long}}
	d := randomRows(r, 5000, []schema.DataType{schema.Long}, keys, 3000)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, memory := range []int64{0, 64 << 10} {
		s := d.open(t, r, &Options{MaxMemory: memory, Dir: t.TempDir()}, allBits)
		_, err := s.Gather(cancelled, []int64{0}, []int{0})
		require.ErrorIs(t, err, context.Canceled)
		for _, err := range s.Scan(cancelled, []int{0}, 0) {
			require.ErrorIs(t, err, context.Canceled)
		}
		_, _, _, err = s.Duplicates(cancelled, 1)
		require.ErrorIs(t, err, context.Canceled)
		_, err = s.Latest(cancelled, nil)
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, s.StartPass(cancelled, 0), context.Canceled)

		s, err = NewSource(d.types, d.keys, &Options{MaxMemory: memory, Dir: t.TempDir()})
		require.NoError(t, err)
		d.add(t, r, s)
		require.ErrorIs(t, s.Build(cancelled), context.Canceled)
		require.NoError(t, s.Close())

		s, err = NewSource(d.types, d.keys, &Options{MaxMemory: memory, Dir: t.TempDir()})
		require.NoError(t, err)
		require.ErrorIs(t, s.Add(cancelled, vecs(r, s.like, d.cols, 0, 9), vecs(r, s.coder.like, d.keyCol, 0, 9), 9), context.Canceled)
		require.NoError(t, s.Close())
	}
}
