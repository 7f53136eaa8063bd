package schema_test

import (
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/deltalog/deltalog/txlog/schema"
	"github.com/stretchr/testify/require"
)

func bigOf(d schema.Decimal128) *big.Int {
	b := new(big.Int).Lsh(big.NewInt(d.Hi()), 64)
	return b.Add(b, new(big.Int).SetUint64(d.Lo()))
}

func ofBig(t testing.TB, b *big.Int) schema.Decimal128 {
	t.Helper()
	lo := new(big.Int).And(b, new(big.Int).SetUint64(math.MaxUint64)).Uint64()
	hi := new(big.Int).Rsh(b, 64)
	require.True(t, hi.IsInt64())
	return schema.NewDecimal128(hi.Int64(), lo)
}

func tenTo(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }

// ratOf is d·10^-scale.
func ratOf(d schema.Decimal128, scale int) *big.Rat {
	if scale < 0 {
		return new(big.Rat).SetInt(new(big.Int).Mul(bigOf(d), tenTo(-scale)))
	}
	return new(big.Rat).SetFrac(bigOf(d), tenTo(scale))
}

// samples are decimals around every power of two and ten, and random ones.
func samples(t testing.TB) []schema.Decimal128 {
	t.Helper()
	var out []schema.Decimal128
	add := func(b *big.Int) {
		for d := int64(-1); d <= 1; d++ {
			x := new(big.Int).Add(b, big.NewInt(d))
			if new(big.Int).Abs(x).Cmp(tenTo(38)) < 0 {
				out = append(out, ofBig(t, x), ofBig(t, new(big.Int).Neg(x)))
			}
		}
	}
	for i := range 127 {
		add(new(big.Int).Lsh(big.NewInt(1), uint(i)))
	}
	for i := range 39 {
		add(tenTo(i))
		add(new(big.Int).Mul(big.NewInt(5), tenTo(i)))
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		b := new(big.Int).SetUint64(rng.Uint64())
		b.Lsh(b, 64).Add(b, new(big.Int).SetUint64(rng.Uint64()))
		add(b.Rsh(b, uint(1+rng.IntN(127))))
	}
	return out
}

func TestDecimalAgreesWithBigIntegers(t *testing.T) {
	t.Parallel()
	for _, d := range samples(t) {
		b := bigOf(d)
		require.Equal(t, b.Sign(), d.Sign(), b)
		require.Equal(t, len(new(big.Int).Abs(b).String()), d.Precision(), b)
		require.Equal(t, b.String(), d.Text(0))
		require.Zero(t, new(big.Int).Neg(b).Cmp(bigOf(d.Neg())))
		v, ok := d.Int64()
		require.Equal(t, b.IsInt64(), ok, b)
		if ok {
			require.Equal(t, b.Int64(), v)
			require.Equal(t, d, schema.Decimal128FromInt64(v))
		}
		for p := range 40 {
			require.Equal(t, p >= len(new(big.Int).Abs(b).String()) || b.Sign() == 0, d.Fits(p), "%s %d", b, p)
		}
		for _, scale := range []int{0, 1, 2, 10, 18, 19, 37, 38} {
			text := d.Text(scale)
			require.Zero(t, ratOf(d, scale).Cmp(mustRat(t, text)), text)
			_, fraction, _ := strings.Cut(text, ".")
			require.Len(t, fraction, scale)
			back, backScale, ok := schema.ParseDecimal(text)
			require.True(t, ok, text)
			require.Equal(t, d, back, text)
			require.Equal(t, scale, backScale, text)
			f, _ := ratOf(d, scale).Float64()
			require.Equal(t, math.Float64bits(f), math.Float64bits(d.Float64(scale)), text)
		}
		require.Equal(t, d, schema.Decimal128FromLittleEndian(d.LittleEndian()))
		for n := 16; n < 20; n++ {
			fill := byte(d.Hi() >> 63)
			bytes := append(slices.Repeat([]byte{fill}, n-16), d.AppendBigEndian(nil, 16)...)
			back, ok := schema.Decimal128FromBigEndian(bytes)
			require.True(t, ok)
			require.Equal(t, d, back)
		}
	}
}

func mustRat(t testing.TB, s string) *big.Rat {
	t.Helper()
	r, ok := new(big.Rat).SetString(s)
	require.True(t, ok, s)
	return r
}

func TestDecimalBigEndianNeedsAsManyBytesAsTheType(t *testing.T) {
	t.Parallel()
	// The widths in Parquet's specification of DECIMAL.
	for p := 1; p <= 38; p++ {
		width := int(math.Ceil((float64(p)*math.Log2(10) + 1) / 8))
		typ := schema.Decimal{Precision: p}
		require.Equal(t, width, typ.ByteWidth(), p)
		largest := ofBig(t, new(big.Int).Sub(tenTo(p), big.NewInt(1)))
		for _, d := range []schema.Decimal128{largest, largest.Neg(), {}, schema.Decimal128FromInt64(-1)} {
			back, ok := schema.Decimal128FromBigEndian(d.AppendBigEndian(nil, width))
			require.True(t, ok)
			require.Equal(t, d, back, p)
		}
	}
	d, ok := schema.Decimal128FromBigEndian(nil)
	require.True(t, ok)
	require.Zero(t, d)
	for _, b := range [][]byte{
		append([]byte{1}, make([]byte, 16)...),
		append([]byte{0, 0x80}, make([]byte, 15)...),                   // 2^127
		append([]byte{0xff, 0x7f}, slices.Repeat([]byte{0xff}, 15)...), // -2^127-1
		append([]byte{0xff, 0, 0xff}, slices.Repeat([]byte{0}, 15)...), // fill byte in the middle
	} {
		_, ok := schema.Decimal128FromBigEndian(b)
		require.False(t, ok, b)
	}
}

func TestCompareDecimalsAcrossScales(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 4))
	ds := samples(t)
	scales := []int{-1000, -40, -3, 0, 1, 2, 18, 19, 20, 38, 39, 77, 1000}
	for range 20_000 {
		a, b := ds[rng.IntN(len(ds))], ds[rng.IntN(len(ds))]
		as, bs := scales[rng.IntN(len(scales))], scales[rng.IntN(len(scales))]
		if rng.IntN(3) == 0 { // nearly equal
			if r, _, ok := a.Rescale(as, bs); ok {
				b = r
			}
		}
		require.Equal(t, ratOf(a, as).Cmp(ratOf(b, bs)), schema.CompareDecimals(a, as, b, bs), "%s·10^%d %s·10^%d", a.Text(0), -as, b.Text(0), -bs)
	}
}

func TestRescaleRoundsHalfAwayFromZero(t *testing.T) {
	t.Parallel()
	for _, d := range samples(t) {
		for _, c := range [][2]int{{0, 1}, {1, 0}, {2, 0}, {0, 19}, {20, 0}, {38, 0}, {39, 0}, {40, 0}, {200, 0}, {0, 38}, {38, 38}, {-5, 2}, {2, -5}} {
			r, exact, ok := d.Rescale(c[0], c[1])
			want := new(big.Rat).Mul(ratOf(d, c[0]), ratOf(schema.Decimal128FromInt64(1), -c[1]))
			rounded := roundHalfUp(want)
			fits := new(big.Int).Abs(rounded).Cmp(tenTo(38)) < 0
			require.Equal(t, fits, ok, "%s %v", d.Text(0), c)
			if ok {
				require.Zero(t, rounded.Cmp(bigOf(r)), "%s %v", d.Text(0), c)
				require.Equal(t, want.IsInt(), exact, "%s %v", d.Text(0), c)
			}
		}
	}
}

func roundHalfUp(r *big.Rat) *big.Int {
	twice := new(big.Rat).Mul(new(big.Rat).Abs(r), big.NewRat(2, 1))
	twice.Add(twice, big.NewRat(1, 1))
	q := new(big.Int).Quo(twice.Num(), new(big.Int).Mul(twice.Denom(), big.NewInt(2)))
	if r.Sign() < 0 {
		q.Neg(q)
	}
	return q
}

func TestAddSeesOverflow(t *testing.T) {
	t.Parallel()
	most := schema.NewDecimal128(math.MaxInt64, math.MaxUint64)
	least := schema.NewDecimal128(math.MinInt64, 0)
	_, ok := most.Add(schema.Decimal128FromInt64(1))
	require.False(t, ok)
	_, ok = least.Add(schema.Decimal128FromInt64(-1))
	require.False(t, ok)
	sum, ok := most.Add(least)
	require.True(t, ok)
	require.Equal(t, schema.Decimal128FromInt64(-1), sum)
	ds := samples(t)
	for i := range len(ds) - 1 {
		if sum, ok := ds[i].Add(ds[i+1]); ok {
			require.Zero(t, new(big.Int).Add(bigOf(ds[i]), bigOf(ds[i+1])).Cmp(bigOf(sum)))
		}
	}
}

func TestParseDecimalReadsEveryNotation(t *testing.T) {
	t.Parallel()
	nines := strings.Repeat("9", 38)
	for text, want := range map[string]struct {
		unscaled string
		scale    int
	}{
		"0": {"0", 0}, "-0": {"0", 0}, "+1": {"1", 0}, "1.": {"1", 0}, ".5": {"5", 1}, "-.5": {"-5", 1},
		"1.00": {"100", 2}, "0.00": {"0", 2}, "00012": {"12", 0}, "1E3": {"1", -3}, "1e+3": {"1", -3}, "12.5E-2": {"125", 3},
		nines: {nines, 0}, "-" + nines: {"-" + nines, 0}, "0." + nines: {nines, 38},
		"1" + strings.Repeat("0", 37):        {"1" + strings.Repeat("0", 37), 0},
		"1" + strings.Repeat("0", 50):        {"1", -50},
		"1." + strings.Repeat("0", 60):       {"1", 0},
		strings.Repeat("0", 60) + ".5":       {"5", 1},
		"0." + strings.Repeat("0", 60) + "5": {"5", 61},
		"1" + strings.Repeat("0", 36) + "1":  {"1" + strings.Repeat("0", 36) + "1", 0},
		"12.34" + strings.Repeat("0", 40):    {"1234", 2},
		"123456789012345678.1":               {"1234567890123456781", 1},
		"9999999999999999999":                {"9999999999999999999", 0}, "1234567890123456789": {"1234567890123456789", 0},
		"123456789012345678901234567890.12345678": {"12345678901234567890123456789012345678", 8},
	} {
		d, scale, ok := schema.ParseDecimal(text)
		require.True(t, ok, text)
		require.Equal(t, want.unscaled, d.Text(0), text)
		require.Equal(t, want.scale, scale, text)
	}
	for _, text := range []string{
		"", "-", "+", ".", "e5", "1e", "1e+", "1.2.3", "1,5", "0x10", "NaN", " 1", "1 ", "--1", "1_0",
		"1e1001", "1e-1001", "1e99999999999999999999", "1" + nines, nines + ".1", "1" + strings.Repeat("0", 38) + "1",
	} {
		_, _, ok := schema.ParseDecimal(text)
		require.False(t, ok, text)
	}
}

func TestDecimalTypeParsesExactly(t *testing.T) {
	t.Parallel()
	typ := schema.Decimal{Precision: 5, Scale: 2}
	for text, want := range map[string]int64{"1": 100, "1.5": 150, "1.50": 150, "1.5000": 150, "999.99": 99999, "-999.99": -99999, "1E2": 10000, "0": 0} {
		d, ok := typ.Parse(text)
		require.True(t, ok, text)
		require.Equal(t, schema.Decimal128FromInt64(want), d, text)
	}
	for _, text := range []string{"1.005", "1000", "999.995", "x", ""} {
		_, ok := typ.Parse(text)
		require.False(t, ok, text)
	}
}

func FuzzParseDecimal(f *testing.F) {
	for _, s := range []string{"0", "-1.50", "1E3", strings.Repeat("9", 38), "0." + strings.Repeat("0", 45) + "7", "1e-1000", "12345678901234567890.5"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 200 || strings.ContainsAny(text, "/_xXpPbBoOiInN") {
			return // big.Rat's own notations
		}
		d, scale, ok := schema.ParseDecimal(text)
		if exp := strings.IndexAny(text, "eE"); exp >= 0 {
			if e, err := strconv.Atoi(text[exp+1:]); err != nil || e > 1000 || e < -1000 {
				require.False(t, ok)
				return
			}
		}
		want, valid := new(big.Rat).SetString(text)
		if !valid {
			require.False(t, ok, text)
			return
		}
		if ok {
			require.Zero(t, want.Cmp(ratOf(d, scale)), text)
			return
		}
		// Refused only for more than 38 digits.
		digits := strings.TrimLeft(text, "+-")
		if exp := strings.IndexAny(digits, "eE"); exp >= 0 {
			digits = digits[:exp]
		}
		require.Greater(t, len(strings.Trim(strings.Replace(digits, ".", "", 1), "0")), 38, text)
	})
}

func BenchmarkParseDecimal(b *testing.B) {
	typ := schema.Decimal{Precision: 18, Scale: 2}
	for b.Loop() {
		if _, ok := typ.Parse("1234567.89"); !ok {
			b.Fatal()
		}
	}
}

func BenchmarkAppendDecimal38(b *testing.B) {
	d, _, _ := schema.ParseDecimal("12345678901234567890.123456789012345678")
	buf := make([]byte, 0, 64)
	for b.Loop() {
		buf = d.Append(buf[:0], 18)
	}
}
