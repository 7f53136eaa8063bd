package pqwrite

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/format"
	"github.com/pierrec/lz4/v4"
	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/internal/vec"
	"github.com/deltalog/deltalog/txlog/schema"
)

// encodings returns the encodings of a column's data pages, in order.
func encodings(t *testing.T, file []byte, group, column int) []format.Encoding {
	t.Helper()
	f, _ := readFile(t, file)
	var out []format.Encoding
	for _, s := range f.Metadata().RowGroups[group].Columns[column].MetaData.EncodingStats {
		if s.PageType != format.DictionaryPage {
			out = append(out, slices.Repeat([]format.Encoding{s.Encoding}, int(s.Count))...)
		}
	}
	return out
}

// TestColumnsChooseTheirEncoding gives each type few and many distinct values.
func TestColumnsChooseTheirEncoding(t *testing.T) {
	t.Parallel()
	const (
		plain, delta, lengths, dict = format.Plain, format.DeltaBinaryPacked, format.DeltaLengthByteArray, format.RLEDictionary
	)
	for _, c := range []struct {
		typ               schema.DataType
		many, few, compat format.Encoding // compat of many
	}{
		{schema.Boolean, plain, plain, plain},
		{schema.Integer, delta, dict, plain},
		{schema.Long, delta, dict, plain},
		{schema.Timestamp, delta, dict, plain},
		{schema.Double, plain, dict, plain},
		{schema.String, lengths, dict, plain},
		{schema.Binary, lengths, dict, plain},
		{schema.Decimal{Precision: 9}, delta, dict, plain},
		{schema.Decimal{Precision: 18}, delta, dict, plain},
		{schema.Decimal{Precision: 20}, plain, dict, plain},
	} {
		t.Run(c.typ.String(), func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 12))
			many := &gen{Rand: r, long: 40}
			few := &gen{Rand: r, few: 5, long: 40}
			values := [][]any{many.values(c.typ, 1000, true)}
			if c.typ == schema.String || c.typ == schema.Binary {
				for i := range values[0] {
					values[0][i] = fmt.Sprint("value ", r.Int64())
				}
			}
			s := one(c.typ)
			file, _ := writeFile(t, s, nil, values, 300, nil)
			require.Equal(t, []format.Encoding{c.many}, encodings(t, file, 0, 0))
			file, _ = writeFile(t, s, &Options{Compat: true}, values, 300, nil)
			require.Equal(t, []format.Encoding{c.compat}, encodings(t, file, 0, 0))
			values = [][]any{few.values(c.typ, 1000, true)}
			file, _ = writeFile(t, s, nil, values, 300, nil)
			require.Equal(t, []format.Encoding{c.few}, encodings(t, file, 0, 0))
			file, _ = writeFile(t, s, &Options{DictionaryBytes: -1}, values, 300, nil)
			require.Equal(t, []format.Encoding{c.many}, encodings(t, file, 0, 0))
			file, _ = writeFile(t, s, nil, [][]any{values[0][:sampleMin-1]}, 300, nil)
			require.Equal(t, []format.Encoding{c.many}, encodings(t, file, 0, 0), "too few for a dictionary")
		})
	}
}

// TestDeltasThatAreSmallerThanNumbersOfADictionaryWin: a column that counts up in
// steps has few values on its first page only by chance.
func TestDeltasThatAreSmallerThanNumbersOfADictionaryWin(t *testing.T) {
	t.Parallel()
	var days []any
	for i := range 5000 {
		days = append(days, int32(i/100))
	}
	file, _ := writeFile(t, one(schema.Date), nil, [][]any{days}, 5000, nil)
	require.Equal(t, []format.Encoding{format.DeltaBinaryPacked}, encodings(t, file, 0, 0))
}

// TestDictionariesAreGivenUpMidway feeds a column that repeats itself at first
// and then never again.
func TestDictionariesAreGivenUpMidway(t *testing.T) {
	t.Parallel()
	for _, typ := range []schema.DataType{schema.String, schema.Long, schema.Double, schema.Float, schema.Decimal{Precision: 30}} {
		t.Run(typ.String(), func(t *testing.T) {
			t.Parallel()
			g := &gen{Rand: rand.New(rand.NewPCG(1, 13)), few: 7, nulls: 0.1, long: 9}
			values := g.values(typ, 1000, true)
			for i := range 3000 {
				switch typ.Kind() {
				case schema.KindString:
					values = append(values, fmt.Sprintf("unique %07d", i))
				case schema.KindLong:
					values = append(values, int64(i)<<20)
				case schema.KindDouble:
					values = append(values, float64(i)+0.5)
				case schema.KindFloat:
					values = append(values, float32(i)+0.5)
				default:
					values = append(values, dec(int64(i)<<20))
				}
			}
			values = append(values, values[:500]...)
			s := one(typ)
			o := &Options{PageRows: 100, DictionaryBytes: 3000, RowGroupRows: 4400, Parallel: 3}
			file, _ := writeFile(t, s, o, [][]any{values}, 450, nil)
			_, got := readFile(t, file)
			require.Equal(t, shredRows(s, [][]any{values}), got)
			enc := encodings(t, file, 0, 0)
			require.Len(t, enc, 44)
			require.Equal(t, format.RLEDictionary, enc[9])
			require.NotEqual(t, format.RLEDictionary, enc[30])
			require.NotEqual(t, format.RLEDictionary, enc[43], "it is not taken up again")
			require.Equal(t, format.RLEDictionary, encodings(t, file, 1, 0)[0], "but for the next row group")
		})
	}
}

// TestCollidingValuesEndADictionary: values made for one slot of the table must
// not take time in their square.
func TestCollidingValuesEndADictionary(t *testing.T) {
	t.Parallel()
	const inverse = 0xf1de83e19937733d // of the multiplier, modulo 2^64
	require.Equal(t, uint64(1), func() uint64 { x := uint64(inverse); return x * 0x9e3779b97f4a7c15 }())
	d := newDictionary(&column{width: 8, phys: format.Int64}, 1<<20)
	var v []uint64
	for i := range uint64(1000) {
		v = append(v, i*inverse) // all have the high half 0 that chooses the slot
	}
	_, ok := d.add(nil, &values{n: len(v), fixed: vec.BytesOf(v)})
	require.False(t, ok)
	require.Zero(t, d.n, "as before the call")
}

func TestDictionariesNumberEachValueOnce(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 14))
	for _, typ := range []schema.DataType{schema.String, schema.Long, schema.Integer, schema.Decimal{Precision: 25}} {
		c := &column{}
		require.NoError(t, c.setType(typ))
		c.steps = []step{{&node{typ: typ}, 0}}
		g := &gen{Rand: r, few: 5000, long: 30}
		boxed := g.values(typ, 20_000, false)
		var s shredder
		var p values
		cols := batch(nil, one(typ), [][]any{boxed}, 0, len(boxed))
		p.add(c, &s, cols, 0, len(boxed), true)
		d := newDictionary(c, 1<<20)
		idx, ok := d.add(nil, &p)
		require.True(t, ok)
		seen := map[any]int32{}
		for i, v := range boxed {
			if n, ok := seen[v]; ok {
				require.Equal(t, n, idx[i])
				continue
			}
			require.EqualValues(t, len(seen), idx[i])
			seen[v] = idx[i]
		}
		require.Equal(t, len(seen), d.n)
	}
}

// TestCodecsAreUnderstoodByTheirDecoders includes pages that are not worth compressing.
func TestCodecsAreUnderstoodByTheirDecoders(t *testing.T) {
	t.Parallel()
	unzip := func(b []byte) ([]byte, error) {
		r, err := gzip.NewReader(bytes.NewReader(b))
		if err != nil {
			return nil, err
		}
		return io.ReadAll(r)
	}
	dec, err := zstd.NewReader(nil)
	require.NoError(t, err)
	r := rand.New(rand.NewPCG(1, 15))
	for name, decode := range map[string]func([]byte, int) ([]byte, error){
		"snappy": func(b []byte, _ int) ([]byte, error) { return snappy.Decode(nil, b) },
		"zstd":   func(b []byte, _ int) ([]byte, error) { return dec.DecodeAll(b, nil) },
		"gzip":   func(b []byte, _ int) ([]byte, error) { return unzip(b) },
		"lz4_raw": func(b []byte, n int) ([]byte, error) {
			out := make([]byte, n)
			n, err := lz4.UncompressBlock(b, out)
			return out[:n], err
		},
		"none": func(b []byte, _ int) ([]byte, error) { return b, nil },
	} {
		c, err := codecFor(name)
		require.NoError(t, err)
		var dst []byte
		for _, size := range []int{1, 20, 255, 256, 5000, 3 * probeSize, 131072, 131073, 700_000} {
			for _, distinct := range []int{1, 3, 256} {
				src := make([]byte, size)
				for i := range src {
					src[i] = byte(r.IntN(distinct))
				}
				for _, packed := range []bool{false, true} {
					out, err := c.compress(dst, src, packed)
					require.NoError(t, err)
					got, err := decode(out, size)
					require.NoError(t, err, "%s of %d bytes", name, size)
					require.True(t, bytes.Equal(src, got), "%s of %d bytes", name, size)
					if name == "zstd" && packed && distinct == 256 && size == 700_000 {
						require.Equal(t, size+9+3*6, len(out), "raw blocks")
					}
					if c.encode != nil {
						dst = out
					}
				}
			}
		}
	}
	for _, name := range []string{"", "SNAPPY", "Zstd", "LZ4", "None", "uncompressed"} {
		_, err := codecFor(name)
		require.NoError(t, err)
	}
}
