package vec_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/internal/vec/vectest"
)

// eachRandom runs f on many random shapes and values, each as a window of a
// longer column.
func eachRandom(t *testing.T, f func(t *testing.T, r *rand.Rand, s vectest.Shape, values []any, v *vec.Vec)) {
	t.Helper()
	for seed := range uint64(600) {
		r := rand.New(rand.NewPCG(seed, 1))
		s := vectest.RandomShape(r, 3)
		if seed < uint64(vec.Struct) {
			s = vectest.Shape{Kind: vec.Kind(seed)}
		}
		values := vectest.Random(r, s, r.IntN(300), r.IntN(3) > 0)
		v := vectest.Window(r, s, values...)
		require.NoError(t, vec.Check(v), "seed %d", seed)
		if !t.Run(fmt.Sprint("seed", seed), func(t *testing.T) { f(t, r, s, values, v) }) {
			return
		}
	}
}

func requireValues(t *testing.T, want []any, got *vec.Vec) {
	t.Helper()
	require.NoError(t, vec.Check(got))
	require.Equal(t, len(want), got.Len)
	for i, w := range want {
		require.Equal(t, w, vectest.Value(got, i), "value %d", i)
	}
}

func randomSet(r *rand.Rand, n int) *vec.Bitmap {
	b := vec.NewBitmap(n)
	switch r.IntN(5) {
	case 0:
		b.SetRange(0, n)
	case 1: // long runs
		for i := 0; i < n; i += 1 + r.IntN(150) {
			j := min(n, i+r.IntN(200))
			b.SetRange(i, j)
			i = j
		}
	case 2:
	default:
		p := r.Float64()
		for i := range n {
			if r.Float64() < p {
				b.Set(i)
			}
		}
	}
	return b
}

func TestFilterKeepsTheSelectedValuesOfEveryLayout(t *testing.T) {
	t.Parallel()
	eachRandom(t, func(t *testing.T, r *rand.Rand, s vectest.Shape, values []any, v *vec.Vec) {
		sel := randomSet(r, v.Len)
		want := []any{}
		for i, x := range values {
			if sel.Get(i) {
				want = append(want, x)
			}
		}
		got := vec.Filter(v, sel)
		requireValues(t, want, got)
		require.True(t, vec.Equal(vectest.New(s, want...), got))
	})
}

func TestTakePicksInOrderWithRepeatsAndNulls(t *testing.T) {
	t.Parallel()
	eachRandom(t, func(t *testing.T, r *rand.Rand, s vectest.Shape, values []any, v *vec.Vec) {
		withNulls := r.IntN(2) == 0
		want := []any{}
		var idx []int32
		for range r.IntN(400) {
			switch {
			case withNulls && r.IntN(4) == 0:
				idx, want = append(idx, int32(-1-r.IntN(3))), append(want, nil)
			case v.Len > 0:
				i := r.IntN(v.Len)
				idx, want = append(idx, int32(i)), append(want, values[i])
			}
		}
		got, err := vec.Take(v, idx)
		require.NoError(t, err)
		requireValues(t, want, got)
	})
}

func TestConcatOfPiecesIsTheWhole(t *testing.T) {
	t.Parallel()
	eachRandom(t, func(t *testing.T, r *rand.Rand, s vectest.Shape, values []any, v *vec.Vec) {
		var pieces []*vec.Vec
		want := []any{}
		for at := 0; at < v.Len; {
			n := min(1+r.IntN(120), v.Len-at)
			if r.IntN(6) == 0 { // a part without a layout is nulls
				pieces = append(pieces, &vec.Vec{Kind: vec.Null, Len: n})
				want = append(want, make([]any, n)...)
			} else {
				pieces = append(pieces, v.Slice(at, at+n))
				want = append(want, values[at:at+n]...)
			}
			at += n
		}
		pieces = append(pieces, &vec.Vec{Kind: s.Kind, Children: v.Slice(0, 0).Children})
		got, err := vec.Concat(pieces)
		require.NoError(t, err)
		requireValues(t, want, got)
	})
}

func TestCompactOwnsNoMoreThanItsWindow(t *testing.T) {
	t.Parallel()
	eachRandom(t, func(t *testing.T, r *rand.Rand, s vectest.Shape, values []any, v *vec.Vec) {
		got := vec.Compact(v)
		requireValues(t, values, got)
		requireExact(t, got)
		require.Same(t, got, vec.Compact(got), "compact already")

		own := vec.Copy(got)
		requireValues(t, values, own)
		requireExact(t, own)
		require.Equal(t, vec.MemorySize(got), vec.MemorySize(own))
		clear(got.Data)
		clear(got.Valid)
		requireValues(t, values, own)
	})
}

// requireExact checks that v's buffers are of exactly its window's size.
func requireExact(t *testing.T, v *vec.Vec) {
	t.Helper()
	require.Zero(t, v.Off)
	if v.Valid != nil {
		require.Len(t, v.Valid, vec.BitmapLen(v.Len))
	}
	n := v.Len
	switch v.Kind {
	case vec.Bytes:
		require.Len(t, v.Data, int(v.Offsets[v.Len]))
		fallthrough
	case vec.List, vec.Map:
		require.Len(t, v.Offsets, v.Len+1)
		require.Zero(t, v.Offsets[0])
		n = int(v.Offsets[v.Len])
	case vec.Bool:
		require.Len(t, v.Data, vec.BitmapLen(v.Len))
	default:
		require.Len(t, v.Data, v.Len*v.Kind.Width())
	}
	for _, c := range v.Children {
		require.Equal(t, n, c.Len)
		requireExact(t, c)
	}
}

func TestRepeatAndAllNull(t *testing.T) {
	t.Parallel()
	eachRandom(t, func(t *testing.T, r *rand.Rand, s vectest.Shape, values []any, v *vec.Vec) {
		n := r.IntN(200)
		nulls := vec.AllNull(v, n)
		requireValues(t, make([]any, n), nulls)
		if v.Len == 0 {
			return
		}
		i := r.IntN(v.Len)
		got, err := vec.Repeat(v, i, n)
		require.NoError(t, err)
		want := make([]any, n)
		for k := range want {
			want[k] = values[i]
		}
		requireValues(t, want, got)
		both, err := vec.Concat([]*vec.Vec{nulls, got})
		require.NoError(t, err)
		requireValues(t, append(make([]any, n), want...), both)
	})
}

func TestEqualSeesEveryDifference(t *testing.T) {
	t.Parallel()
	eachRandom(t, func(t *testing.T, r *rand.Rand, s vectest.Shape, values []any, v *vec.Vec) {
		other := vectest.Window(r, s, values...)
		require.True(t, vec.Equal(v, other))
		if v.Len == 0 || s.Kind == vec.Null {
			return
		}
		changed := append([]any(nil), values...)
		i := r.IntN(v.Len)
		changed[i] = vectest.Random(r, s, 1, true)[0]
		same := fmt.Sprintf("%#v", changed[i]) == fmt.Sprintf("%#v", values[i])
		require.Equal(t, same, vec.Equal(v, vectest.New(s, changed...)), "value %d: %v, %v", i, values[i], changed[i])
		require.False(t, vec.Equal(v, v.Slice(0, v.Len-1)))
	})
	ints := vectest.New(vectest.Shape{Kind: vec.Int64}, int64(1))
	require.False(t, vec.Equal(ints, vectest.New(vectest.Shape{Kind: vec.Float64}, math.Float64frombits(1))))
}

func TestEqualIgnoresWhatLiesUnderNulls(t *testing.T) {
	t.Parallel()
	a := vec.Of(vec.Int32, []int32{1, 2}, []bool{true, false})
	b := vec.Of(vec.Int32, []int32{1, 9}, []bool{true, false})
	require.True(t, vec.Equal(a, b))
	la := vec.OfLists(vec.List, []int32{0, 2, 2}, []bool{false, true}, a)
	lb := vec.OfLists(vec.List, []int32{0, 0, 0}, []bool{false, true}, b)
	require.True(t, vec.Equal(la, lb))
}

func TestFilterDropsElementsOfNullLists(t *testing.T) {
	t.Parallel()
	elems := vec.Of(vec.Int32, []int32{1, 2, 3, 4, 5}, nil)
	v := vec.OfLists(vec.List, []int32{0, 2, 4, 5}, []bool{true, false, true}, elems)
	got := vec.Filter(v, vec.BitmapOf(3, vec.Range{From: 1, To: 3}))
	require.Equal(t, []any{nil, []any{int32(5)}}, vectest.Values(got))
	require.Equal(t, 1, got.Children[0].Len)
	taken, err := vec.Take(v, []int32{1, 2})
	require.NoError(t, err)
	require.Equal(t, 1, taken.Children[0].Len)
}

func TestConcatRefusesDifferentLayouts(t *testing.T) {
	t.Parallel()
	ints, longs := vectest.Shape{Kind: vec.Int32}, vectest.Shape{Kind: vec.Int64}
	_, err := vec.Concat([]*vec.Vec{vectest.New(ints, int32(1)), vectest.New(longs, int64(1))})
	require.EqualError(t, err, "vec: concat int64 with 0 children after int32 with 0")
	one := vectest.Shape{Kind: vec.Struct, Children: []vectest.Shape{ints}}
	two := vectest.Shape{Kind: vec.Struct, Children: []vectest.Shape{ints, ints}}
	_, err = vec.Concat([]*vec.Vec{vectest.New(one, []any{nil}), vectest.New(two, []any{nil, nil})})
	require.Error(t, err)
	deep := vectest.Shape{Kind: vec.Struct, Children: []vectest.Shape{longs}}
	_, err = vec.Concat([]*vec.Vec{vectest.New(one, []any{nil}), vectest.New(deep, []any{nil})})
	require.Error(t, err)
}

// huge returns a Bytes or List vec of one value of n bytes or elements that
// takes no memory: its children are null, its bytes one shared zero page.
func huge(kind vec.Kind, n int32) *vec.Vec {
	v := &vec.Vec{Kind: kind, Len: 1, Offsets: []int32{0, n}}
	if kind == vec.List {
		v.Children = []*vec.Vec{{Kind: vec.Null, Len: int(n)}}
	}
	return v
}

func TestOffsetsThatWouldOverflowAreAnError(t *testing.T) {
	t.Parallel()
	for _, kind := range []vec.Kind{vec.Bytes, vec.List} {
		// Refused before anything is read or allocated.
		_, err := vec.Take(huge(kind, 1<<30), []int32{0, 0})
		require.ErrorIs(t, err, vec.ErrTooLarge)
		_, err = vec.Concat([]*vec.Vec{huge(kind, 1<<30), huge(kind, 1<<30)})
		require.ErrorIs(t, err, vec.ErrTooLarge)
		_, err = vec.Repeat(huge(kind, 1<<30), 0, 3)
		require.ErrorIs(t, err, vec.ErrTooLarge)
	}
	// Just as large as fits.
	got, err := vec.Concat([]*vec.Vec{huge(vec.List, 1<<30), huge(vec.List, 1<<30-1)})
	require.NoError(t, err)
	require.Equal(t, []int32{0, 1 << 30, math.MaxInt32}, got.Offsets)
	// Also when the rows are in a struct, where children overflow, and by count.
	inner := vec.OfStruct(1, nil, huge(vec.Bytes, 1<<30))
	_, err = vec.Concat([]*vec.Vec{inner, inner})
	require.ErrorIs(t, err, vec.ErrTooLarge)
	_, err = vec.Concat([]*vec.Vec{{Kind: vec.Null, Len: 1 << 30}, {Kind: vec.Null, Len: 1 << 30}})
	require.ErrorIs(t, err, vec.ErrTooLarge)
	large := strings.Repeat(" ", 1<<20)
	_, err = vec.OfBytes(slices.Repeat([]string{large}, 1<<12), nil)
	require.ErrorIs(t, err, vec.ErrTooLarge)
	if math.MaxInt == math.MaxInt32 { // elsewhere 2 GiB of fixed width are no error
		_, err = vec.Concat([]*vec.Vec{vec.Of(vec.Int64, []int64{1}, nil), {Kind: vec.Null, Len: 1 << 29}})
		require.ErrorIs(t, err, vec.ErrTooLarge)
	}
}

func TestCheckFindsWhatWouldBeReadOutside(t *testing.T) {
	t.Parallel()
	child := vec.Of(vec.Int8, []int8{1, 2}, nil)
	deep := &vec.Vec{Kind: vec.Struct}
	for range 300 {
		deep = &vec.Vec{Kind: vec.Struct, Children: []*vec.Vec{deep}}
	}
	for name, v := range map[string]*vec.Vec{
		"none":               nil,
		"kind":               {Kind: 99},
		"negative length":    {Kind: vec.Null, Len: -1},
		"negative offset":    {Kind: vec.Int8, Off: -1},
		"overflow":           {Kind: vec.Int64, Off: math.MaxInt, Len: 1},
		"far end":            {Kind: vec.Bytes, Off: math.MaxInt32, Len: math.MaxInt32, Offsets: []int32{0}},
		"last offset":        {Kind: vec.Bytes, Off: math.MaxInt32 - 1, Len: 1, Offsets: []int32{0}},
		"far data":           {Kind: vec.Int64, Off: 1 << 29, Len: 1, Data: make([]byte, 8)},
		"validity":           {Kind: vec.Int8, Len: 9, Data: make([]byte, 9), Valid: make([]byte, 1)},
		"data":               {Kind: vec.Int64, Len: 2, Data: make([]byte, 15)},
		"data after off":     {Kind: vec.Int16, Off: 1, Len: 2, Data: make([]byte, 4)},
		"bools":              {Kind: vec.Bool, Len: 9, Data: make([]byte, 1)},
		"bytes":              {Kind: vec.Bytes, Len: 1, Offsets: []int32{0, 2}, Data: make([]byte, 1)},
		"offsets":            {Kind: vec.Bytes, Len: 1, Offsets: []int32{0}},
		"falling offsets":    {Kind: vec.Bytes, Len: 2, Offsets: []int32{0, 2, 1}, Data: make([]byte, 2)},
		"negative start":     {Kind: vec.Bytes, Len: 1, Offsets: []int32{-1, 0}},
		"list child":         {Kind: vec.List, Len: 1, Offsets: []int32{0, 3}, Children: []*vec.Vec{child}},
		"list without child": {Kind: vec.List, Len: 1, Offsets: []int32{0, 0}},
		"map with one child": {Kind: vec.Map, Len: 1, Offsets: []int32{0, 0}, Children: []*vec.Vec{child}},
		"struct child":       {Kind: vec.Struct, Off: 1, Len: 2, Children: []*vec.Vec{child}},
		"bad child":          {Kind: vec.Struct, Len: 1, Children: []*vec.Vec{{Kind: vec.Int8, Len: 1}}},
		"int with child":     {Kind: vec.Int8, Children: []*vec.Vec{child}},
		"too deep":           deep,
	} {
		require.Error(t, vec.Check(v), name)
	}
}
