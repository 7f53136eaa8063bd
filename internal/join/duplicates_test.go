package join

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/internal/vec/vectest"
	"github.com/deltalog/deltalog/txlog/schema"
)

var memories = []int64{0, 300 << 10, 64 << 10, 40 << 10}

// masks are those of good hashes and of hashes that collide.
var masks = []uint64{allBits, 0xe0_0000_0000_0000_01, 0}

func TestDuplicatesAreExact(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 8))
		keys := randomKeyColumns(r)
		mask := masks[seed%3]
		n, memory := r.IntN(6000), memories[r.IntN(4)]
		if mask != allBits {
			n, memory = r.IntN(1500), memories[0] // hashes that collide cannot be parted
		}
		d := randomRows(r, n, nil, keys, []int{30, 3000}[r.IntN(2)])
		byKey := map[string]*Duplicate{}
		for i := range d.n {
			if k, ok := keyOf(keys, d.keyCol, i); ok {
				if byKey[k] == nil {
					byKey[k] = &Duplicate{First: int64(i)}
				}
				byKey[k].Count++
			}
		}
		var want []Duplicate
		rows := int64(0)
		for _, k := range byKey {
			if k.Count > 1 {
				want = append(want, *k)
				rows += k.Count
			}
		}
		slices.SortFunc(want, func(a, b Duplicate) int { return int(a.First - b.First) })
		s := d.open(t, r, &Options{MaxMemory: memory, Dir: t.TempDir()}, mask)
		gotKeys, gotRows, sample, err := s.Duplicates(t.Context(), 5)
		require.NoError(t, err)
		what := fmt.Sprintf("seed %d: %d rows, keys %v, memory %d, mask %x, %d passes", seed, n, keys, memory, mask, s.Passes())
		require.Equal(t, int64(len(want)), gotKeys, what)
		require.Equal(t, rows, gotRows, what)
		if len(want) == 0 {
			require.Empty(t, sample)
			continue
		}
		require.Equal(t, want[:min(5, len(want))], sample, what)
		_, _, sample, err = s.Duplicates(t.Context(), 0)
		require.NoError(t, err)
		require.Empty(t, sample)
	}
}

// latestNaively returns the surviving rows of each key as text, sorted.
func latestNaively(d *rowsOf, order []Order) []string {
	best := map[string]int{}
	var out []string
	for i := range d.n {
		k, ok := keyOf(d.keys, d.keyCol, i)
		if !ok {
			out = append(out, d.text(i))
			continue
		}
		if b, seen := best[k]; !seen || d.later(order, i, b) > 0 {
			best[k] = i
		}
	}
	for _, i := range best {
		out = append(out, d.text(i))
	}
	slices.Sort(out)
	return out
}

// text shows a row to the bit.
func (d *rowsOf) text(i int) string {
	out := ""
	for _, c := range d.cols {
		v := c[i]
		if f, ok := v.(float64); ok {
			v = fmt.Sprintf("%x", math.Float64bits(f))
		}
		out += fmt.Sprintf("%v|", v)
	}
	return out
}

// later compares rows whose columns are a double, a long and a string.
func (d *rowsOf) later(order []Order, i, j int) int {
	for _, o := range order {
		c := compareBoxed(d.cols[o.Column][i], d.cols[o.Column][j], false)
		if o.Desc {
			c = -c
		}
		if c != 0 {
			return c
		}
	}
	for _, col := range d.cols {
		if c := compareBoxed(col[i], col[j], true); c != 0 {
			return c
		}
	}
	return 0
}

func compareBoxed(a, b any, exact bool) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return -1
	case b == nil:
		return 1
	}
	switch x := a.(type) {
	case int64:
		return schema.Compare(schema.LongValue(x), schema.LongValue(b.(int64)))
	case string:
		return schema.Compare(schema.StringValue(x), schema.StringValue(b.(string)))
	}
	x, y := a.(float64), b.(float64)
	c := schema.Compare(schema.DoubleValue(x), schema.DoubleValue(y))
	if c != 0 || !exact || math.Float64bits(x) == math.Float64bits(y) {
		return c
	}
	// The sign bit makes the smaller one, then the other bits count.
	nx, ny := math.Signbit(x), math.Signbit(y)
	if nx != ny {
		if nx {
			return -1
		}
		return 1
	}
	if math.Float64bits(x) < math.Float64bits(y) {
		return -1
	}
	return 1
}

func TestLatestDependsOnTheRowsAndNotTheirOrder(t *testing.T) {
	t.Parallel()
	types := []schema.DataType{schema.Double, schema.Long, schema.String}
	orders := [][]Order{nil, {{Column: 1}}, {{Column: 0, Desc: true}, {Column: 1}}, {{Column: 0}}, {{Column: 2, Desc: true}}}
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 9))
		d := randomRows(r, 1+r.IntN(4000), nil, randomKeyColumns(r), []int{2, 30, 3000}[r.IntN(3)])
		d.types = types
		d.cols = randomKeys(r, d.n, []KeyColumn{{Type: schema.Double}, {Type: schema.Long}, {Type: schema.String}}, 8)
		order := orders[seed%uint64(len(orders))]
		want := latestNaively(d, order)
		for range 2 {
			memory := memories[r.IntN(3)]
			s := d.open(t, r, &Options{MaxMemory: memory, Dir: t.TempDir()}, allBits)
			keep, err := s.Latest(t.Context(), order)
			require.NoError(t, err)
			var got []string
			for i := range d.n {
				if keep.Get(i) {
					got = append(got, d.text(i))
				}
			}
			slices.Sort(got)
			require.Equal(t, want, got, "seed %d: %d rows, order %v, memory %d", seed, d.n, order, memory)
			require.Equal(t, len(want), keep.Count())
			d.shuffle(r)
		}
	}
}

func (d *rowsOf) shuffle(r *rand.Rand) {
	r.Shuffle(d.n, func(i, j int) {
		for _, c := range append(slices.Clone(d.cols), d.keyCol...) {
			c[i], c[j] = c[j], c[i]
		}
	})
}

// TestLatestOfOneKeyWithManyRows has a key with more rows than are compared at a
// time.
func TestLatestOfOneKeyWithManyRows(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 10))
	d := randomRows(r, 5000, []schema.DataType{schema.Long, columnTypes[7]}, []KeyColumn{{Type: schema.Boolean}}, 2)
	s := d.open(t, r, &Options{MaxMemory: 200 << 10, Dir: t.TempDir()}, allBits)
	require.Positive(t, s.Spilled())
	keep, err := s.Latest(t.Context(), []Order{{Column: 0}})
	require.NoError(t, err)
	for _, b := range []bool{false, true} {
		want, got := int64(math.MinInt64), []int64{}
		for i := range d.n {
			v, _ := d.cols[0][i].(int64)
			if d.keyCol[0][i] != b {
				continue
			}
			if d.cols[0][i] != nil {
				want = max(want, v)
			}
			if keep.Get(i) {
				got = append(got, v)
			}
		}
		require.Equal(t, []int64{want}, got)
	}
}

func TestLatestRefusesColumnsThatAreNotThere(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 11))
	s := randomRows(r, 5, []schema.DataType{schema.Long}, nil, 2).open(t, r, nil, allBits)
	_, err := s.Latest(t.Context(), []Order{{Column: 1}})
	require.Error(t, err)
}

// TestCompareIsATotalOrder checks the order of all types by sorting.
func TestCompareIsATotalOrder(t *testing.T) {
	t.Parallel()
	for seed, typ := range columnTypes {
		r := rand.New(rand.NewPCG(uint64(seed), 12))
		s := shapeOf(emptyOf(typ))
		values := vectest.Random(r, s, 60, true)
		if emptyOf(typ).Children == nil && typ != schema.Void {
			for range 60 {
				values = append(values, randomKey(r, typ, 12))
			}
		}
		v := vectest.Window(r, s, values...)
		for range 20000 {
			i, j, k := r.IntN(v.Len), r.IntN(v.Len), r.IntN(v.Len)
			ij, jk, ik := compareValues(v, i, v, j), compareValues(v, j, v, k), compareValues(v, i, v, k)
			if ij != -compareValues(v, j, v, i) || compareValues(v, i, v, i) != 0 {
				t.Fatalf("%v: %d and %d", typ, i, j)
			}
			if ij <= 0 && jk <= 0 && (ik > 0 || ik == 0 && (ij < 0 || jk < 0)) {
				t.Fatalf("%v: %v, %v, %v", typ, vectest.Value(v, i), vectest.Value(v, j), vectest.Value(v, k))
			}
		}
	}
}
