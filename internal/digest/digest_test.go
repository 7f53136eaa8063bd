package digest

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/internal/vec"
)

func ints(xs ...int64) *vec.Vec {
	return &vec.Vec{Kind: vec.Int64, Len: len(xs), Data: vec.BytesOf(xs)}
}

func texts(xs ...string) *vec.Vec {
	v := &vec.Vec{Kind: vec.Bytes, Len: len(xs), Offsets: []int32{0}}
	for _, x := range xs {
		v.Data = append(v.Data, x...)
		v.Offsets = append(v.Offsets, int32(len(v.Data)))
	}
	return v
}

func nulls(v *vec.Vec, at ...int) *vec.Vec {
	v.Valid = make([]byte, (v.Len+7)/8)
	for i := range v.Len {
		v.Valid[i>>3] |= 1 << (i & 7)
	}
	for _, i := range at {
		v.Valid[i>>3] &^= 1 << (i & 7)
	}
	return v
}

type cols map[string]*vec.Vec

func sum(t *testing.T, batches ...cols) int64 {
	t.Helper()
	var r Rows
	for _, b := range batches {
		var cs []Column
		n := 0
		for name, v := range b {
			cs, n = append(cs, Column{Seed(name), v}), v.Len
		}
		require.NoError(t, r.Add(n, cs))
	}
	s := r.Sum("append")
	require.GreaterOrEqual(t, s, int64(0))
	return s
}

// The digest is kept in tables for years: a change of these numbers is a change
// of Version.
func TestDigestIsPinned(t *testing.T) {
	require.Equal(t, int64(6342998936899246921), sum(t, cols{"a": ints(1, 2, 3), "b": texts("x", "", "a longer text than sixteen bytes")}))
}

func TestSameRowsSameDigest(t *testing.T) {
	want := sum(t, cols{"a": ints(1, 2, 3), "b": texts("x", "y", "z")})
	for name, batches := range map[string][]cols{
		"other order":    {{"a": ints(3, 1, 2), "b": texts("z", "x", "y")}},
		"split":          {{"a": ints(1), "b": texts("x")}, {"a": ints(2, 3), "b": texts("y", "z")}},
		"empty batch":    {{"a": ints(), "b": texts()}, {"a": ints(1, 2, 3), "b": texts("x", "y", "z")}},
		"all-null extra": {{"a": ints(1, 2, 3), "b": texts("x", "y", "z"), "c": nulls(ints(7, 8, 9), 0, 1, 2)}},
		"window":         {{"a": ints(0, 1, 2, 3, 4).Slice(1, 4), "b": texts("w", "x", "y", "z").Slice(1, 4)}},
	} {
		require.Equal(t, want, sum(t, batches...), name)
	}
}

func TestOtherRowsOtherDigest(t *testing.T) {
	seen := map[int64]string{}
	for name, b := range map[string][]cols{
		"base":          {{"a": ints(1, 2, 3), "b": texts("x", "y", "z")}},
		"one less":      {{"a": ints(1, 2), "b": texts("x", "y")}},
		"one twice":     {{"a": ints(1, 2, 3, 3), "b": texts("x", "y", "z", "z")}},
		"a row thrice":  {{"a": ints(1, 2, 3, 3, 3), "b": texts("x", "y", "z", "z", "z")}},
		"value":         {{"a": ints(1, 2, 4), "b": texts("x", "y", "z")}},
		"swapped rows":  {{"a": ints(1, 2, 3), "b": texts("y", "x", "z")}},
		"swapped names": {{"b": ints(1, 2, 3), "a": texts("x", "y", "z")}},
		"null":          {{"a": nulls(ints(1, 2, 3), 1), "b": texts("x", "y", "z")}},
		"other null":    {{"a": nulls(ints(1, 2, 3), 2), "b": texts("x", "y", "z")}},
		"empty text":    {{"a": ints(1, 2, 3), "b": texts("x", "y", "")}},
		"null text":     {{"a": ints(1, 2, 3), "b": nulls(texts("x", "y", ""), 2)}},
		"nothing":       {{"a": ints(), "b": texts()}},
	} {
		s := sum(t, b...)
		require.NotContains(t, seen, s, "%s and %s", name, seen[s])
		seen[s] = name
	}
	var r Rows
	require.NotEqual(t, r.Sum("append"), r.Sum("reload"))
}

func TestFloatsThatAreEqual(t *testing.T) {
	f := func(xs ...float64) cols {
		return cols{"f": {Kind: vec.Float64, Len: len(xs), Data: vec.BytesOf(xs)}}
	}
	require.Equal(t, sum(t, f(0, 1)), sum(t, f(math.Copysign(0, -1), 1)))
	require.Equal(t, sum(t, f(math.NaN())), sum(t, f(math.Float64frombits(0x7ff8000000000123))))
	require.NotEqual(t, sum(t, f(0, 1)), sum(t, f(1, 1)))
}

func TestMapOrderDoesNotCount(t *testing.T) {
	m := func(k, v *vec.Vec) cols {
		return cols{"m": {Kind: vec.Map, Len: 1, Offsets: []int32{0, int32(k.Len)}, Children: []*vec.Vec{k, v}}}
	}
	l := func(x *vec.Vec) cols {
		return cols{"l": {Kind: vec.List, Len: 1, Offsets: []int32{0, int32(x.Len)}, Children: []*vec.Vec{x}}}
	}
	require.Equal(t, sum(t, m(texts("a", "b"), ints(1, 2))), sum(t, m(texts("b", "a"), ints(2, 1))))
	require.NotEqual(t, sum(t, m(texts("a", "b"), ints(1, 2))), sum(t, m(texts("a", "b"), ints(2, 1))))
	require.NotEqual(t, sum(t, l(ints(1, 2))), sum(t, l(ints(2, 1))))
}

// No two of many small rows may share a hash: a weak mix shows up here first.
func TestNoCollisionsAmongSmallRows(t *testing.T) {
	seen := map[int64][2]int64{}
	for i := range 60_000 {
		x, y := int64(i%300), int64(i/300)
		s := sum(t, cols{"a": ints(x), "b": ints(y)})
		if p, dup := seen[s]; dup {
			require.Fail(t, "collision", "(%d,%d) and %v", x, y, p)
		}
		seen[s] = [2]int64{x, y}
	}
}

func TestMergeEqualsOne(t *testing.T) {
	var a, b, all Rows
	require.NoError(t, a.Add(2, []Column{{Seed("x"), ints(1, 2)}}))
	require.NoError(t, b.Add(1, []Column{{Seed("x"), ints(3)}}))
	require.NoError(t, all.Add(3, []Column{{Seed("x"), ints(3, 2, 1)}}))
	b.Merge(&a)
	require.Equal(t, all.Sum(""), b.Sum(""))
	require.Error(t, a.Add(2, []Column{{Seed("x"), ints(1)}}))
}

func BenchmarkAdd(b *testing.B) {
	n := 1 << 16
	xs, ss := make([]int64, n), make([]string, n)
	for i := range xs {
		xs[i], ss[i] = int64(i), "order-0123456789-abcdefgh"
	}
	cs := []Column{{Seed("a"), ints(xs...)}, {Seed("b"), texts(ss...)}}
	b.SetBytes(int64(n))
	for b.Loop() {
		var r Rows
		_ = r.Add(n, cs)
	}
}
