package pqread

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand"
	"testing"

	"github.com/parquet-go/parquet-go/encoding/bitpacked"
	"github.com/parquet-go/parquet-go/encoding/delta"
	"github.com/parquet-go/parquet-go/encoding/rle"
	"github.com/parquet-go/parquet-go/format"
	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/internal/vec"
)

// padded gives b the bytes behind it that decoders may read, filled with noise.
func padded(b []byte) []byte {
	out := make([]byte, len(b)+padding)
	copy(out, b)
	for i := len(b); i < len(out); i++ {
		out[i] = 0xA5
	}
	return out[:len(b)]
}

// runsOf makes values below limit, in runs of different lengths.
func runsOf(r *rand.Rand, n int, limit uint64) []int32 {
	var out []int32
	for len(out) < n {
		v, k := int32(r.Uint64()%limit), 1
		if r.Intn(3) == 0 {
			k = r.Intn(100)
		}
		for range k {
			out = append(out, v)
		}
	}
	return out[:n]
}

func TestHybridReadsInPiecesOfAnySize(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewSource(1))
	for width := uint(0); width <= 32; width++ {
		want := runsOf(r, 3000, 1<<width)
		src, err := (&rle.Encoding{BitWidth: int(width)}).EncodeInt32(nil, want)
		require.NoError(t, err)
		for range 10 {
			h := newHybrid(padded(src), width)
			for at := 0; at < len(want); {
				n := min(len(want)-at, 1+r.Intn(300))
				switch mode := r.Intn(4); {
				case mode == 0:
					got := make([]int32, n)
					require.NoError(t, h.uints(got))
					require.Equal(t, want[at:at+n], got, "width %d at %d", width, at)
				case mode == 1 && width <= 8:
					got := make([]uint8, n)
					require.NoError(t, h.bytes(got))
					for i := range got {
						require.EqualValues(t, want[at+i], got[i], "width %d at %d", width, at+i)
					}
				case mode == 2 && width == 1:
					off := r.Intn(20)
					got := make([]byte, bitmapBytes(off+n))
					require.NoError(t, h.bits(got, off, n))
					for i := range n {
						require.Equal(t, want[at+i] == 1, bit(got, off+i))
					}
				case mode == 3 && width > 0:
					v := uint32(want[at])
					equal, err := h.skip(n, v)
					require.NoError(t, err)
					k := 0
					for _, w := range want[at : at+n] {
						if uint32(w) == v {
							k++
						}
					}
					require.Equal(t, k, equal, "width %d at %d", width, at)
				default:
					require.NoError(t, h.drop(n))
				}
				at += n
			}
		}
	}
}

func TestHybridSaysWhereARunIsConstant(t *testing.T) {
	t.Parallel()
	h := newHybrid(padded([]byte{10 << 1, 1, 1<<1 | 1, 0x0F}), 1) // ten ones, then 11110000
	v, ok, err := h.constant(10)
	require.NoError(t, err)
	require.True(t, ok)
	require.EqualValues(t, 1, v)
	_, ok, err = h.constant(11)
	require.NoError(t, err)
	require.False(t, ok, "the run has ten values")
	require.NoError(t, h.drop(10))
	_, ok, err = h.constant(4)
	require.NoError(t, err)
	require.False(t, ok, "packed runs are not looked into")
}

func TestHybridRefusesWhatIsNotThere(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		src   []byte
		width uint
	}{
		"nothing":                {nil, 3},
		"header cut":             {[]byte{0x80}, 3},
		"value of a run cut":     {[]byte{8 << 1}, 3},
		"packed run is empty":    {[]byte{1<<1 | 1}, 3},
		"value too wide":         {[]byte{100 << 1, 9}, 3},
		"run of 2^40 values":     {[]byte{0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1, 1}, 3},
		"run of 2^31 values":     {append(binary.AppendUvarint(nil, 1<<32), 1), 3},
		"only runs of no values": {[]byte{0, 1, 0, 1, 1}, 3},
	} {
		h := newHybrid(padded(c.src), c.width)
		require.Error(t, h.uints(make([]int32, 10)), name)
		h = newHybrid(padded(c.src), c.width)
		require.Error(t, h.bytes(make([]uint8, 10)), name)
		h = newHybrid(padded(c.src), c.width)
		require.Error(t, h.drop(10), name)
	}
}

// Writers may cut the unused bytes of the last group off.
func TestHybridReadsAPackedRunThatIsCut(t *testing.T) {
	t.Parallel()
	h := newHybrid(padded([]byte{1<<1 | 1, 0b11_010_001, 0b1}), 3) // 5 of 8 values
	got := make([]int32, 5)
	require.NoError(t, h.uints(got))
	require.Equal(t, []int32{1, 2, 7, 0, 0}, got)
	require.ErrorIs(t, h.uints(got[:1]), errShort)
}

// TestCountsThatOverflow32Bits takes counts and sizes whose products do not fit an
// int of 32 bits: they are errors, or bounded by the bytes that are there.
func TestCountsThatOverflow32Bits(t *testing.T) {
	t.Parallel()
	got := make([]int32, 3)
	h := newHybrid(padded(append(binary.AppendUvarint(nil, 1<<30|1), 7, 8, 9)), 8) // 2^29 groups of 8 bytes
	require.NoError(t, h.uints(got))
	require.Equal(t, []int32{7, 8, 9}, got)
	require.ErrorIs(t, h.uints(got), errShort)
	h = newHybrid(padded(binary.AppendUvarint(nil, 1<<30|1)), 0) // 2^32 values of no bits
	require.NoError(t, h.uints(got))
	require.Equal(t, []int32{0, 0, 0}, got)
	_, err := fromBitPacked(make([]byte, 9), 7, math.MaxInt32)
	require.ErrorIs(t, err, errShort)

	wide := valueReader{typ: leafType{stored: 1 << 20}, src: []byte{1}, mode: modePlain}
	_, err = wide.takePlain(1 << 12)
	require.ErrorIs(t, err, errShort)
	require.ErrorIs(t, wide.fixedAsBytes(&column{kind: vec.Bytes}, make([]int32, 1<<12)), errTooWide)
	for _, n := range []uint32{1 << 31, math.MaxUint32 - 3, math.MaxUint32} {
		v := valueReader{leaf: &node{elem: element{typ: format.ByteArray}}, mode: modePlain, src: padded(binary.LittleEndian.AppendUint32(nil, n))}
		require.Zero(t, v.plainSize(1))
		require.ErrorIs(t, v.plainBytes(&column{kind: vec.Bytes}, make([]int32, 1)), errShort)
		require.ErrorIs(t, v.skip(1), errShort)
	}
	c := column{kind: vec.Decimal128, width: 16, memory: newBudget(1 << 30)}
	require.ErrorIs(t, c.reserve(1<<28), errTooWide)

	// Two values that are 2^31-1 bytes long each, and no bytes.
	var r lengthReader
	var src []byte
	for _, u := range []uint64{128, 4, 2, 2 * math.MaxInt32, 0} {
		src = binary.AppendUvarint(src, u)
	}
	require.NoError(t, r.init(padded(append(src, 0, 0, 0, 0))))
	_, _, err = r.next(2)
	require.ErrorIs(t, err, errShort)

	// A row group of 2^32 rows.
	f := &File{opt: (*Options)(nil).withDefaults(), meta: &fileMeta{groups: []groupMeta{{rows: 1 << 32}}}}
	s := scan{p: &Projection{file: f}, batchRows: 100}
	require.Equal(t, 100, s.firstBatch(&groupInput{}))
}

func TestBitPackedLevelsAreRead(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewSource(2))
	for width := 1; width <= 7; width++ {
		want := make([]uint8, 777)
		for i := range want {
			want[i] = uint8(r.Intn(1 << width))
		}
		src, err := (&bitpacked.Encoding{BitWidth: width}).EncodeLevels(nil, want)
		require.NoError(t, err)
		h, err := fromBitPacked(src, uint(width), len(want))
		require.NoError(t, err)
		got := make([]uint8, len(want))
		require.NoError(t, h.bytes(got))
		require.Equal(t, want, got, "width %d", width)
		_, err = fromBitPacked(src[:len(src)-1], uint(width), len(want))
		require.ErrorIs(t, err, errShort)
	}
}

func TestDeltaReadsInPiecesOfAnySize(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewSource(3))
	for _, n := range []int{0, 1, 2, 32, 33, 128, 129, 1000, 5000} {
		for spread := range 6 {
			w32, w64 := make([]int32, n), make([]int64, n)
			for i := range w32 {
				if spread == 5 { // steps of one size take no bits
					w64[i], w32[i] = int64(3*i), int32(-3*i)
					continue
				}
				w64[i] = []int64{7, int64(i), r.Int63n(100), int64(r.Uint64()), math.MinInt64 + int64(i&1)}[min(spread, r.Intn(5))]
				w32[i] = int32(w64[i] ^ w64[i]>>32)
			}
			b32, err := new(delta.BinaryPackedEncoding).EncodeInt32(nil, w32)
			require.NoError(t, err)
			b64, err := new(delta.BinaryPackedEncoding).EncodeInt64(nil, w64)
			require.NoError(t, err)
			checkDelta(t, r, b32, w32)
			checkDelta(t, r, b64, w64)
		}
	}
}

func checkDelta[T int32 | int64](t *testing.T, r *rand.Rand, src []byte, want []T) {
	t.Helper()
	var d deltaReader[T]
	follow := append(append([]byte{}, src...), "what follows"...)
	require.NoError(t, d.init(padded(follow)))
	rest, err := d.rest()
	require.NoError(t, err)
	require.Equal(t, "what follows", string(rest))
	for at := 0; at < len(want); {
		n := min(len(want)-at, 1+r.Intn(200))
		if r.Intn(3) == 0 {
			require.NoError(t, d.skip(n))
		} else {
			got := make([]T, n)
			require.NoError(t, d.read(got))
			require.Equal(t, want[at:at+n], got)
		}
		at += n
	}
	require.ErrorIs(t, d.read(make([]T, 1)), errShort)
}

// Other writers use other block sizes than the 128 of parquet-go.
func TestDeltaReadsOtherBlockSizes(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewSource(4))
	for _, block := range []int{8, 64, 256, 4096} {
		for _, minis := range []int{1, 2, 4} {
			if block/minis%8 != 0 {
				continue
			}
			want := make([]int64, 10_000)
			for i := range want {
				want[i] = r.Int63n(1 << 20)
			}
			src := binary.AppendUvarint(nil, uint64(block))
			src = binary.AppendUvarint(src, uint64(minis))
			src = binary.AppendUvarint(src, uint64(len(want)))
			src = binary.AppendVarint(src, want[0])
			for at := 1; at < len(want); {
				src = binary.AppendVarint(src, -1<<20)
				for range minis {
					src = append(src, 24)
				}
				for i := range block {
					if i%(block/minis) == 0 && at == len(want) {
						break // mini-blocks without values are not stored
					}
					d := int64(0)
					if at < len(want) {
						d = want[at] - want[at-1] + 1<<20
						at++
					}
					src = append(src, byte(d), byte(d>>8), byte(d>>16))
				}
			}
			checkDelta(t, r, src, want)
		}
	}
}

func TestDeltaRefusesDamagedHeaders(t *testing.T) {
	t.Parallel()
	header := func(v ...uint64) (b []byte) {
		for _, u := range v {
			b = binary.AppendUvarint(b, u)
		}
		return b
	}
	for name, src := range map[string][]byte{
		"empty":                 nil,
		"cut":                   header(128, 4),
		"no block":              header(0, 4, 10, 0),
		"no mini-blocks":        header(128, 0, 10, 0),
		"uneven mini-blocks":    header(128, 3, 10, 0),
		"mini-blocks of 4":      header(16, 4, 10, 0),
		"huge blocks":           header(1<<20, 4, 10, 0),
		"too many values":       header(128, 4, 1<<40, 0),
		"more minis than block": header(128, 256, 10, 0),
	} {
		var d deltaReader[int64]
		require.Error(t, d.init(padded(src)), name)
	}
	var d deltaReader[int32]
	require.NoError(t, d.init(padded(append(header(128, 4, 40, 0), 0, 33, 0, 0, 0))))
	require.ErrorContains(t, d.read(make([]int32, 40)), "bit width 33 exceeds 32")
	require.NoError(t, d.init(padded(append(header(128, 4, 40, 0), 0, 32, 32, 0, 0))))
	require.ErrorIs(t, d.read(make([]int32, 40)), errShort)
}

func TestBitmapsAreCopiedAndCounted(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewSource(5))
	src := make([]byte, 100)
	r.Read(src)
	for range 20_000 {
		from, to, n := r.Intn(300), r.Intn(300), r.Intn(400)
		dst := make([]byte, 100)
		r.Read(dst)
		want := append([]byte{}, dst...)
		ones := 0
		for i := range n {
			want[(to+i)>>3] &^= 1 << ((to + i) & 7)
			if bit(src, from+i) {
				want[(to+i)>>3] |= 1 << ((to + i) & 7)
				ones++
			}
		}
		copyBits(dst, to, src, from, n)
		require.Equal(t, want, dst, "from %d to %d, %d bits", from, to, n)
		require.Equal(t, ones, countBits(src, from, n))
		v := r.Intn(2) == 0
		setBits(dst, to, n, v)
		for i := range n {
			want[(to+i)>>3] &^= 1 << ((to + i) & 7)
			if v {
				want[(to+i)>>3] |= 1 << ((to + i) & 7)
			}
		}
		require.Equal(t, want, dst, "set %d bits at %d", n, to)
	}
}

func TestLevelsAreMarked(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewSource(6))
	for range 2000 {
		lv := make([]uint8, r.Intn(100))
		equal, over := 0, false
		for i := range lv {
			lv[i] = uint8(r.Intn(4))
			if lv[i] == 2 {
				equal++
			}
			over = over || lv[i] == 3
		}
		off := r.Intn(20)
		dst := make([]byte, 20)
		r.Read(dst)
		before := append([]byte{}, dst...)
		markLevels(dst, off, lv, 2)
		for i := range 8 * len(dst) {
			if i < off || i >= off+len(lv) {
				require.Equal(t, bit(before, i), bit(dst, i), "bit %d is outside", i)
				continue
			}
			require.Equal(t, lv[i-off] == 2, bit(dst, i))
		}
		gotEqual, gotOver := countLevels(lv, 2)
		require.Equal(t, equal, gotEqual)
		require.Equal(t, over, gotOver)
	}
}

func TestDenseValuesAreSpreadOverNulls(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewSource(7))
	for _, c := range []struct {
		kind  vec.Kind
		width int
	}{{vec.Bool, 0}, {vec.Int8, 1}, {vec.Int16, 2}, {vec.Int32, 4}, {vec.Int64, 8}, {vec.Decimal128, 16}, {vec.Bytes, 0}} {
		for range 300 {
			col := column{kind: c.kind, width: c.width}
			before, k := r.Intn(20), r.Intn(90)
			require.NoError(t, col.reset(before+k))
			col.n = before
			col.valid = make([]byte, bitmapBytes(col.room))
			var want []string
			dense := 0
			for i := range k {
				ok := r.Intn(3) > 0
				setBits(col.valid, before+i, 1, ok)
				if !ok {
					want = append(want, "null")
					continue
				}
				at := before + dense
				switch c.kind {
				case vec.Bool:
					v := r.Intn(2) == 0
					setBits(col.data, at, 1, v)
					want = append(want, fmt.Sprint(v))
				case vec.Bytes:
					col.data = append(col.data, fmt.Sprint(i)...)
					col.offsets[at+1] = int32(len(col.data))
					want = append(want, fmt.Sprint(i))
				default:
					col.data[at*c.width] = byte(i)
					want = append(want, fmt.Sprint(i))
				}
				dense++
			}
			col.spread(k, dense)
			col.n += k
			col.nulls = k - dense
			v := col.vec().Slice(before, before+k)
			for i := range k {
				got := "null"
				if !v.IsNull(i) {
					switch c.kind {
					case vec.Bool:
						got = fmt.Sprint(v.Bool(i))
					case vec.Bytes:
						got = string(v.At(i))
					default:
						got = fmt.Sprint(v.Data[(v.Off+i)*c.width])
					}
				}
				require.Equal(t, want[i], got, "kind %d slot %d", c.kind, i)
			}
		}
	}
}

func TestThriftSkipsWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	// A struct of: bool true, list of 2 bools, map of i32 to binary, double,
	// set of i64, nested struct, then field 20 of i32 = 7.
	b := []byte{
		0x11, 0x19, 0x21, 1, 2, 0x1B, 1, 0x58, 6, 3, 'a', 'b', 'c',
		0x17, 1, 2, 3, 4, 5, 6, 7, 8, 0x1A, 0x16, 0x80, 0x01, 0x1C, 0x15, 8, 0, 0x05, 40, 14, 0,
	}
	c := &cursor{b: b}
	got := int32(0)
	for f := (fieldIter{}); f.next(c); {
		if f.is(20, tI32) {
			got = c.i32()
			continue
		}
		c.skip(f.typ)
	}
	require.NoError(t, c.err)
	require.EqualValues(t, 7, got)
	require.Equal(t, len(b), c.i)
	for cut := range len(b) {
		c := &cursor{b: b[:cut]}
		c.skip(tStruct)
		require.ErrorIs(t, c.err, errShort, "cut at %d", cut)
	}
}

func TestThriftBoundsWhatItReads(t *testing.T) {
	t.Parallel()
	deep := make([]byte, 10_000)
	for i := range deep {
		deep[i] = 0x1C // a struct in a struct
	}
	c := &cursor{b: deep}
	c.skip(tStruct)
	require.ErrorContains(t, c.err, "nested more than")
	c = &cursor{b: []byte{0xFC, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F}}
	require.Zero(t, c.list(tStruct))
	require.ErrorIs(t, c.err, errShort)
	c = &cursor{b: []byte{0xFF, 0xFF, 0xFF, 0xFF, 0x0F, 1}}
	require.Nil(t, c.binary())
	require.ErrorIs(t, c.err, errShort)
	c = &cursor{b: []byte{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}}
	c.uvarint()
	require.ErrorContains(t, c.err, "more than 64 bits")
}
