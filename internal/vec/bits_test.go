package vec_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/internal/vec/vectest"
)

func bit(b []byte, i int) bool { return b[i>>3]&(1<<(i&7)) != 0 }

func TestCopyCountAndSetBitsAgreeWithBitByBit(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 2))
		n := r.IntN(300)
		srcOff, dstOff := r.IntN(70), r.IntN(70)
		src := make([]byte, vec.BitmapLen(srcOff+n)) // not a byte to spare
		dst := make([]byte, vec.BitmapLen(dstOff+n))
		for i := range src {
			src[i] = byte(r.Uint32())
		}
		for i := range dst {
			dst[i] = byte(r.Uint32())
		}
		want := append([]byte(nil), dst...)
		count := 0
		for i := range n {
			mask := byte(1) << ((dstOff + i) & 7)
			want[(dstOff+i)>>3] &^= mask
			if bit(src, srcOff+i) {
				want[(dstOff+i)>>3] |= mask
				count++
			}
		}
		vec.CopyBits(dst, dstOff, src, srcOff, n)
		require.Equal(t, want, dst, "seed %d", seed)
		require.Equal(t, count, vec.CountBits(src, srcOff, n), "seed %d", seed)
		vec.SetBits(dst, dstOff, n)
		require.Equal(t, n, vec.CountBits(dst, dstOff, n), "seed %d", seed)
		for i := range dstOff {
			require.Equal(t, bit(want, i), bit(dst, i), "seed %d", seed)
		}
	}
}

func TestValidWordsAreTheValidity(t *testing.T) {
	t.Parallel()
	eachRandom(t, func(t *testing.T, _ *rand.Rand, _ vectest.Shape, values []any, v *vec.Vec) {
		nulls := 0
		for i, x := range values {
			require.Equal(t, x != nil, v.ValidWord(i&^63)>>(i&63)&1 == 1)
			require.Equal(t, x == nil, v.IsNull(i))
			if x == nil {
				nulls++
			} else if v.Kind == vec.Bool {
				require.Equal(t, x, v.BoolWord(i&^63)>>(i&63)&1 == 1)
			}
		}
		require.Equal(t, nulls, v.NullCount())
		require.Zero(t, v.ValidWord(v.Len))
		if v.Len&63 != 0 {
			require.Zero(t, v.ValidWord(v.Len&^63)>>(v.Len&63), "bits past the window")
		}
	})
}

func TestBitmapAgreesWithASetOfInts(t *testing.T) {
	t.Parallel()
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 3))
		n := r.IntN(300)
		a, b := randomSet(r, n), randomSet(r, n)
		and, or, not := vec.NewBitmap(n), vec.NewBitmap(n), vec.FullBitmap(n)
		and.Or(a)
		and.And(b)
		or.Or(a)
		or.Or(b)
		not.And(a)
		not.Not()
		count := 0
		for i := range n {
			require.Equal(t, a.Get(i) && b.Get(i), and.Get(i), "seed %d", seed)
			require.Equal(t, a.Get(i) || b.Get(i), or.Get(i), "seed %d", seed)
			require.Equal(t, !a.Get(i), not.Get(i), "seed %d", seed)
			if a.Get(i) {
				count++
			}
		}
		require.Equal(t, count, a.Count(), "seed %d", seed)
		require.Equal(t, n-count, not.Count(), "seed %d: bits past Len", seed)

		var ranges []vec.Range
		last := -1
		for g := range a.Ranges() {
			require.Greater(t, g.From, last, "seed %d: ranges touch", seed)
			require.Less(t, g.From, g.To, "seed %d", seed)
			ranges, last = append(ranges, g), g.To
		}
		require.Equal(t, a, vec.BitmapOf(n, ranges...), "seed %d", seed)
		again := vec.NewBitmap(n)
		for _, i := range a.Indices(nil) {
			again.Set(int(i))
		}
		require.Equal(t, a, again, "seed %d", seed)
		for _, i := range a.Indices(nil) {
			again.Clear(int(i))
		}
		require.Zero(t, again.Count(), "seed %d", seed)
	}
}

func TestEmptyAsNull(t *testing.T) {
	v := &vec.Vec{Kind: vec.Bytes, Len: 4, Off: 1, Data: []byte("abc"), Offsets: []int32{0, 1, 1, 2, 2, 3}, Valid: []byte{0b10111}}
	// The window is "", "b", null, "c".
	got := vec.EmptyAsNull(v)
	for i, null := range []bool{true, false, true, false} {
		if got.IsNull(i) != null {
			t.Errorf("value %d: null is %v, want %v", i, got.IsNull(i), null)
		}
	}
	if v.IsNull(0) {
		t.Error("the vec itself was changed")
	}
	v.Valid = nil
	if got := vec.EmptyAsNull(v); !got.IsNull(0) || got.IsNull(1) || !got.IsNull(2) || got.IsNull(3) {
		t.Error("empty values of a vec without nulls")
	}
	full := v.Slice(1, 2)
	if vec.EmptyAsNull(full) != full {
		t.Error("a copy was made for nothing")
	}
}
