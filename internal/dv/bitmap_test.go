package dv

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/internal/vec"
)

// randomBitmap mixes scattered rows, runs and dense stretches below rows.
func randomBitmap(r *rand.Rand, rows int64) *Bitmap {
	b := &Bitmap{}
	for range r.IntN(6) {
		from := r.Int64N(rows)
		to := min(rows, from+1+r.Int64N(rows/4))
		switch r.IntN(3) {
		case 0:
			b.AddRange(from, to)
		case 1:
			for row := from; row < to; row += 1 + r.Int64N(3) {
				b.Add(row)
			}
		default:
			for range 50 {
				b.Add(r.Int64N(rows))
			}
		}
	}
	return b
}

// requireSound uses a bitmap in every way and checks that the answers agree.
func requireSound(t *testing.T, b *Bitmap) {
	t.Helper()
	if b.Cardinality() > 1<<20 {
		return // a few bytes of runs stand for billions of rows
	}
	last := int64(-1)
	n := int64(0)
	for row := range b.Rows(0, math.MaxInt64) {
		if row <= last || !b.Contains(row) {
			t.Fatalf("row %d after %d, contained: %v", row, last, b.Contains(row))
		}
		last, n = row, n+1
	}
	require.Equal(t, n, b.Cardinality())
	most, ok := b.Max()
	require.Equal(t, n > 0, ok)
	if ok {
		require.Equal(t, last, most)
	}
	again, err := Parse(b.Append(nil))
	require.NoError(t, err)
	require.True(t, b.Equal(again))
	both := b.Clone()
	both.Union(again)
	require.True(t, b.Equal(both))
}

func TestBitmapAgreesWithASetOfRows(t *testing.T) {
	t.Parallel()
	for seed := range uint64(24) {
		r := rand.New(rand.NewPCG(seed, 1))
		const rows = 150_000
		base := []int64{0, 1<<32 - rows/2, 5 << 32, math.MaxInt64 - rows}[seed%4]
		b := &Bitmap{}
		set := make([]bool, rows)
		for range 1 + r.IntN(8) {
			from := r.IntN(rows)
			to := min(rows, from+r.IntN(40_000))
			if r.IntN(2) == 0 {
				b.AddRange(base+int64(from), base+int64(to))
				for i := from; i < to; i++ {
					set[i] = true
				}
				continue
			}
			for range 100 {
				i := r.IntN(rows)
				b.Add(base + int64(i))
				set[i] = true
			}
		}
		if r.IntN(2) == 0 { // as read from storage
			parsed, err := Parse(b.Append(nil))
			require.NoError(t, err)
			b = parsed
		}
		requireSound(t, b)
		var want []int64
		for i, in := range set {
			if in {
				want = append(want, base+int64(i))
			}
		}
		require.Equal(t, want, slices.Collect(b.Rows(0, math.MaxInt64)), "seed %d", seed)
		require.Equal(t, int64(len(want)), b.Cardinality())
		for range 6 {
			from := r.IntN(rows)
			to := from + r.IntN(rows-from+1)
			requireWindow(t, b, base, set, from, to)
		}
		requireWindow(t, b, base, set, 0, rows)
		requireWindow(t, b, base, set, 9, 9)
	}
}

func requireWindow(t *testing.T, b *Bitmap, base int64, set []bool, from, to int) {
	t.Helper()
	want := vec.NewBitmap(to - from)
	for i := from; i < to; i++ {
		if !set[i] {
			want.Set(i - from)
		}
	}
	require.Equal(t, want, b.Keep(base+int64(from), to-from))
	ranges := slices.Collect(b.KeepRanges(base+int64(from), base+int64(to)))
	var wanted []Range
	for r := range want.Ranges() {
		wanted = append(wanted, Range{From: int64(r.From), To: int64(r.To)})
	}
	require.Equal(t, wanted, ranges)
}

func TestEmptyBitmapKeepsEverything(t *testing.T) {
	t.Parallel()
	var b Bitmap
	require.Zero(t, b.Cardinality())
	require.Equal(t, []Range{{From: 0, To: 7}}, slices.Collect(b.KeepRanges(3, 10)))
	require.Equal(t, []Range{{From: 0, To: 1 << 40}}, slices.Collect(b.KeepRanges(3, 1<<40+3)))
	require.False(t, b.Contains(0))
	require.False(t, b.Contains(-1))
	parsed, err := Parse(b.Append(nil))
	require.NoError(t, err)
	require.True(t, b.Equal(parsed))
	b.AddRange(5, 5)
	require.True(t, b.Equal(parsed), "an empty range adds nothing")
	for range b.KeepRanges(0, 0) {
		t.Fatal("a range of an empty window")
	}
}

func TestUnionLeavesItsArgumentAlone(t *testing.T) {
	t.Parallel()
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 4))
		x, y := randomBitmap(r, 200_000), randomBitmap(r, 200_000)
		y.AddRange(7<<32, 7<<32+10)
		if seed%2 == 0 {
			var err error
			x, err = Parse(x.Append(nil))
			require.NoError(t, err)
			y, err = Parse(y.Append(nil))
			require.NoError(t, err)
		}
		before := y.Append(nil)
		u := x.Clone()
		xBefore := x.Append(nil)
		u.Union(y)
		for _, row := range []int64{0, 65535, 65536, 199_999, 7<<32 + 50} {
			u.Add(row)
		}
		u.AddRange(0, 70_000)
		require.Equal(t, before, y.Append(nil), "seed %d", seed)
		require.Equal(t, xBefore, x.Append(nil), "seed %d", seed)
		for _, in := range []*Bitmap{x, y} {
			for row := range in.Rows(0, math.MaxInt64) {
				if !u.Contains(row) {
					t.Fatalf("seed %d: row %d is lost", seed, row)
				}
			}
		}
	}
}

// A retried delete must write the same bytes, whatever way the set came about.
func TestSameSetSameBytes(t *testing.T) {
	t.Parallel()
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 5))
		b := randomBitmap(r, 200_000)
		rows := slices.Collect(b.Rows(0, math.MaxInt64))
		r.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
		require.Equal(t, b.Append(nil), Of(rows...).Append(nil), "seed %d", seed)
		parsed, err := Parse(b.Append(nil))
		require.NoError(t, err)
		require.Equal(t, b.Append(nil), parsed.Append(nil), "seed %d", seed)
	}
}

func TestNegativeRowsPanic(t *testing.T) {
	t.Parallel()
	require.Panics(t, func() { Of(-1) })
	require.Panics(t, func() { new(Bitmap).AddRange(-5, 5) })
}

// A builder writes the roaring format by hand, right or wrong.
type builder []byte

func (b builder) u16(vs ...int) builder {
	for _, v := range vs {
		b = binary.LittleEndian.AppendUint16(b, uint16(v))
	}
	return b
}

func (b builder) u32(vs ...int) builder {
	for _, v := range vs {
		b = binary.LittleEndian.AppendUint32(b, uint32(v))
	}
	return b
}

func (b builder) u64(vs ...uint64) builder {
	for _, v := range vs {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	return b
}

// portable begins a portable bitmap of one bucket.
func portable() builder { return builder{}.u32(magicPortable).u64(1).u32(0) }

func TestHandWrittenBitmaps(t *testing.T) {
	t.Parallel()
	array := builder{}.u32(cookieNoRuns, 1).u16(2, 1).u32(16).u16(3, 9) // rows 2<<16 + {3, 9}
	runs := builder{}.u32(cookieRuns)                                   // one container
	runs = append(runs, 1).u16(0, 6).u16(2, 5, 2, 8, 3)                 // 5–7, 8–11: runs that touch
	for name, c := range map[string]struct {
		data builder
		want []int64
	}{
		"array":          {append(portable(), array...), []int64{2<<16 + 3, 2<<16 + 9}},
		"runs":           {append(portable(), runs...), []int64{5, 6, 7, 8, 9, 10, 11}},
		"bucket 3":       {append(builder{}.u32(magicPortable).u64(1).u32(3), array...), []int64{3<<32 + 2<<16 + 3, 3<<32 + 2<<16 + 9}},
		"native":         {append(builder{}.u32(magicNative, 1, len(array)), array...), []int64{2<<16 + 3, 2<<16 + 9}},
		"native, second": {append(builder{}.u32(magicNative, 2, 8, cookieNoRuns, 0, len(array)), array...), []int64{1<<32 + 2<<16 + 3, 1<<32 + 2<<16 + 9}},
		"native, empty":  {builder{}.u32(magicNative, 0), nil},
	} {
		b, err := Parse(c.data)
		require.NoError(t, err, name)
		require.Equal(t, c.want, slices.Collect(b.Rows(0, math.MaxInt64)), name)
		requireSound(t, b)
		for cut := range c.data {
			_, err := Parse(c.data[:cut])
			require.Error(t, err, "%s cut at %d", name, cut)
		}
		_, err = Parse(append(slices.Clone(c.data), 0))
		require.Error(t, err, "%s and a byte", name)
	}
}

func TestBrokenBitmapsAreRefused(t *testing.T) {
	t.Parallel()
	dense := make([]byte, bitmapBytes)
	for i := range 5000 {
		dense[i>>3] |= 1 << (i & 7)
	}
	runs := func(card int, rs ...int) builder {
		b := portable().u32(cookieRuns)
		return append(b, 1).u16(0, card-1).u16(len(rs) / 2).u16(rs...)
	}
	good := append(portable().u32(cookieNoRuns, 1).u16(0, 4999).u32(16), dense...)
	_, err := Parse(good)
	require.NoError(t, err)
	for name, data := range map[string]builder{
		"magic":                  builder{}.u32(1681511378).u64(0),
		"big-endian magic":       {0x64, 0x39, 0xd3, 0xd1, 0, 0, 0, 0, 0, 0, 0, 0},
		"cookie":                 portable().u32(12345, 0),
		"too many containers":    portable().u32(cookieNoRuns, 1<<16+1),
		"containers not there":   portable().u32(cookieNoRuns, 1<<16),
		"buckets not there":      builder{}.u32(magicPortable).u64(math.MaxUint64),
		"negative bucket":        builder{}.u32(magicPortable).u64(1).u32(math.MinInt32, cookieNoRuns, 0),
		"buckets out of order":   builder{}.u32(magicPortable).u64(2).u32(1, cookieNoRuns, 0, 1, cookieNoRuns, 0),
		"containers unordered":   portable().u32(cookieNoRuns, 2).u16(1, 0, 1, 0).u32(24, 26).u16(1, 1),
		"values unordered":       portable().u32(cookieNoRuns, 1).u16(0, 1).u32(16).u16(9, 3),
		"values twice":           portable().u32(cookieNoRuns, 1).u16(0, 1).u32(16).u16(3, 3),
		"dense of another count": append(portable().u32(cookieNoRuns, 1).u16(0, 5000).u32(16), dense...),
		"runs unordered":         runs(2, 9, 0, 3, 0),
		"runs that overlap":      runs(8, 3, 3, 6, 3),
		"run past the end":       runs(10, 65530, 9),
		"runs of another count":  runs(5, 3, 3),
		"no runs":                runs(1),
		"native count":           builder{}.u32(magicNative, -1),
		"native count not there": builder{}.u32(magicNative, math.MaxInt32),
		"native length":          builder{}.u32(magicNative, 1, -1, cookieNoRuns, 0),
		"native length too long": builder{}.u32(magicNative, 1, 9, cookieNoRuns, 0),
		"native length short":    append(builder{}.u32(magicNative, 1, 9, cookieNoRuns, 0), 0),
	} {
		_, err := Parse(data)
		require.Error(t, err, name)
	}
}

func FuzzParse(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 9))
	f.Add(randomBitmap(r, 1000).Append(nil))
	f.Add(Of(1, 2, 3, 1<<33).Append(nil))
	f.Add([]byte(append(portable().u32(cookieRuns), 1).u16(0, 6).u16(2, 5, 2, 8, 3)))
	f.Add([]byte(builder{}.u32(magicNative, 1, 8, cookieNoRuns, 0)))
	f.Fuzz(func(t *testing.T, data []byte) {
		if b, err := Parse(data); err == nil {
			requireSound(t, b)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	set := &Bitmap{}
	r := rand.New(rand.NewPCG(1, 1))
	for range 1_000_000 {
		set.Add(r.Int64N(10_000_000))
	}
	data := set.Append(nil)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := Parse(data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkKeep(b *testing.B) {
	const rows, window = 10_000_000, 64 << 10
	set := &Bitmap{}
	r := rand.New(rand.NewPCG(1, 1))
	for range rows / 10 {
		set.Add(r.Int64N(rows))
	}
	for b.Loop() {
		for from := int64(0); from < rows; from += window {
			set.Keep(from, window)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
}

func TestParseKeepsNoReferenceToItsInput(t *testing.T) {
	t.Parallel()
	want := Of(1, 70_000, 1<<33)
	want.AddRange(100, 9000)
	data := want.Append(nil)
	got, err := Parse(data)
	require.NoError(t, err)
	clear(data)
	require.True(t, want.Equal(got))
}

// Serialising does not change the bitmap, so readers may share it (run with -race).
func TestReadersMayShareABitmap(t *testing.T) {
	t.Parallel()
	b := &Bitmap{}
	for row := range int64(3000) { // an array container, which compresses to one run
		b.Add(row)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			b.Append(nil)
			b.Clone().AddRange(5, 100_000)
			b.Keep(0, 5000)
		})
	}
	wg.Wait()
	require.False(t, b.buckets[0].low.HasRunCompression(), "the bitmap was changed by serialising it")
}
