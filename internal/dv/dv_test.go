package dv

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"hash/crc32"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A corpusCase is a deletion vector that another engine wrote.
type corpusCase struct {
	Table          string
	StorageType    string
	PathOrInlineDV string
	Offset         int32
	SizeInBytes    int32
	Cardinality    int64
	NumRecords     int64
	Key            string
	File           string
	Rows           []int64
}

func (c corpusCase) descriptor() Descriptor {
	return Descriptor{c.StorageType, c.PathOrInlineDV, c.Offset, c.SizeInBytes, c.Cardinality}
}

func (c corpusCase) framed(t testing.TB) []byte {
	file, err := base64.StdEncoding.DecodeString(c.File)
	require.NoError(t, err)
	off, n, err := c.descriptor().Span(c.NumRecords)
	require.NoError(t, err)
	return file[off : off+n]
}

func corpus(t testing.TB) []corpusCase {
	raw, err := os.ReadFile("testdata/corpus.json")
	require.NoError(t, err)
	var cases []corpusCase
	require.NoError(t, json.Unmarshal(raw, &cases))
	require.Len(t, cases, 96)
	return cases
}

func TestEveryVectorOfOtherEnginesIsRead(t *testing.T) {
	t.Parallel()
	for _, c := range corpus(t) {
		d := c.descriptor()
		key, err := d.Key(nil)
		require.NoError(t, err)
		require.Equal(t, c.Key, key)
		b, err := d.Decode(c.framed(t), c.NumRecords)
		require.NoError(t, err, "%s %s", c.Table, c.Key)
		require.Equal(t, c.Rows, slices.Collect(b.Rows(0, math.MaxInt64)), "%s %s", c.Table, c.Key)
		again, err := Parse(b.Append(nil))
		require.NoError(t, err)
		require.True(t, b.Equal(again))
	}
}

// Any changed byte of any file is noticed.
func TestDamagedFilesAreRefused(t *testing.T) {
	t.Parallel()
	for i, c := range corpus(t) {
		framed := c.framed(t)
		for at := range framed {
			bad := slices.Clone(framed)
			bad[at] ^= 1 << (i % 8)
			_, err := c.descriptor().Decode(bad, c.NumRecords)
			require.Error(t, err, "byte %d of %s", at, c.Key)
		}
		for cut := range framed {
			_, err := c.descriptor().Decode(framed[:cut], c.NumRecords)
			require.ErrorContains(t, err, "truncated")
		}
	}
}

func TestKeyVectorsOfTheSpecification(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"ab^-aqEH.-t@S}K{vb[*k^": "ab/deletion_vector_d2c639aa-8816-431a-aaf6-d3fe2512ff61.bin",
		"vBn[lx{q8@P<9BNH/isA":   "deletion_vector_61d16c75-6994-46b7-a15b-8b538852e50e.bin",
	} {
		key, err := Descriptor{StorageType: "u", PathOrInlineDV: path}.Key(nil)
		require.NoError(t, err)
		require.Equal(t, want, key)
	}
	id, err := hex.DecodeString("d2c639aa8816431aaaf6d3fe2512ff61")
	require.NoError(t, err)
	path, key, err := NewPath("ab", [16]byte(id))
	require.NoError(t, err)
	require.Equal(t, "ab^-aqEH.-t@S}K{vb[*k^", path)
	require.Equal(t, "ab/deletion_vector_d2c639aa-8816-431a-aaf6-d3fe2512ff61.bin", key)
}

func TestKeysNeverLeadOutsideTheTable(t *testing.T) {
	t.Parallel()
	const id = "vBn[lx{q8@P<9BNH/isA"
	for _, prefix := range []string{
		".", "..", "...", "../", "../..", "/", "a/b", "a/../..", `\`, `..\`, "%2e%2e", "\x00", "a b", "ä", "file:", "~/x",
		strings.Repeat("a", 256),
	} {
		_, err := Descriptor{StorageType: "u", PathOrInlineDV: prefix + id}.Key(nil)
		require.Error(t, err, prefix)
		_, _, err = NewPath(prefix, [16]byte{})
		require.Error(t, err, prefix)
	}
	for _, d := range []Descriptor{
		{StorageType: "u", PathOrInlineDV: "short"},
		{StorageType: "u", PathOrInlineDV: ""},
		{StorageType: "u", PathOrInlineDV: "vBn[lx{q8@P<9BNH/i~A"},
		{StorageType: "u", PathOrInlineDV: "####################"}, // groups above 2^32
		{StorageType: "p", PathOrInlineDV: "s3://other/secret"},
		{StorageType: "r", PathOrInlineDV: id},
		{StorageType: "", PathOrInlineDV: id},
	} {
		_, err := d.Key(nil)
		require.Error(t, err, "%+v", d)
	}
	outside := errors.New("outside")
	p := Descriptor{StorageType: "p", PathOrInlineDV: "s3://b/t/x.bin"}
	key, err := p.Key(func(uri string) (string, error) { return strings.TrimPrefix(uri, "s3://b/t/"), nil })
	require.NoError(t, err)
	require.Equal(t, "x.bin", key)
	_, err = p.Key(func(string) (string, error) { return "", outside })
	require.ErrorIs(t, err, outside)
	key, err = Descriptor{StorageType: "i"}.Key(nil)
	require.NoError(t, err)
	require.Empty(t, key)
}

func TestDescriptorsThatCannotBeTrueAreRefusedBeforeReading(t *testing.T) {
	t.Parallel()
	good := Descriptor{StorageType: "u", Offset: 1, SizeInBytes: 34, Cardinality: 1}
	_, _, err := good.Span(10)
	require.NoError(t, err)
	for name, change := range map[string]func(*Descriptor){
		"negative offset":      func(d *Descriptor) { d.Offset = -1 },
		"negative size":        func(d *Descriptor) { d.SizeInBytes = -1 },
		"no room for a magic":  func(d *Descriptor) { d.SizeInBytes = 3 },
		"far too large":        func(d *Descriptor) { d.SizeInBytes = math.MaxInt32 },
		"negative cardinality": func(d *Descriptor) { d.Cardinality = -1 },
		"more than the rows":   func(d *Descriptor) { d.Cardinality = 11 },
	} {
		d := good
		change(&d)
		_, _, err := d.Span(10)
		require.Error(t, err, name)
		_, err = d.Decode(nil, 10)
		require.Error(t, err, name)
		d.StorageType = "i"
		_, err = d.Inline(10)
		require.Error(t, err, name)
	}
	_, _, err = good.Span(-1)
	require.Error(t, err)
	_, _, err = Descriptor{Offset: 1, SizeInBytes: math.MaxInt32}.Span(math.MaxInt64)
	require.NoError(t, err)
}

func TestFileHoldsManyBitmapsAtTheirOffsets(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 1))
	var f File
	var want []*Bitmap
	var ds []Descriptor
	for range 20 {
		b := randomBitmap(r, 300_000)
		d, err := f.Add("path", b)
		require.NoError(t, err)
		want, ds = append(want, b), append(ds, d)
	}
	for i, d := range ds {
		off, n, err := d.Span(300_000)
		require.NoError(t, err)
		got, err := d.Decode(f.Bytes()[off:off+n], 300_000)
		require.NoError(t, err)
		require.True(t, want[i].Equal(got))
		// A file version is read with the first only.
		require.Equal(t, i == 0, off == 0)
	}
	require.Equal(t, int32(1), ds[0].Offset)
}

func TestAbsentOffsetMeansTheFirst(t *testing.T) {
	t.Parallel()
	var f File
	d, err := f.Add("", Of(3))
	require.NoError(t, err)
	d.Offset = 0
	b, err := d.Decode(f.Bytes(), 4)
	require.NoError(t, err)
	require.True(t, Of(3).Equal(b))
}

func TestFullFileRefusesAndStaysAsItWas(t *testing.T) {
	t.Parallel()
	f := File{limit: 100}
	d, err := f.Add("p", Of(1, 2, 3))
	require.NoError(t, err)
	before := slices.Clone(f.Bytes())
	_, err = f.Add("p", Of(1, 2, 3, 1<<33, 1<<40, 1<<50))
	require.ErrorIs(t, err, ErrFileFull)
	require.Equal(t, before, f.Bytes())
	_, err = d.Decode(f.Bytes(), 4)
	require.NoError(t, err)
	_, err = f.Add("p", Of(7))
	require.NoError(t, err, "a smaller one still fits")

	var one File
	_, err = one.Add("p", Of(1, 2, 3))
	require.NoError(t, err)
	exact := File{limit: len(one.Bytes())}
	_, err = exact.Add("p", Of(1, 2, 3))
	require.NoError(t, err)
	short := File{limit: len(one.Bytes()) - 1}
	_, err = short.Add("p", Of(1, 2, 3))
	require.ErrorIs(t, err, ErrFileFull)
}

func TestVersionOfTheFileIsChecked(t *testing.T) {
	t.Parallel()
	var f File
	d, err := f.Add("", Of(0))
	require.NoError(t, err)
	f.buf[0] = 2
	_, err = d.Decode(f.Bytes(), 1)
	require.EqualError(t, err, "dv: file version 2, want 1")
}

func TestBitmapMustAgreeWithLogAndDataFile(t *testing.T) {
	t.Parallel()
	var f File
	d, err := f.Add("", Of(1, 5))
	require.NoError(t, err)
	_, err = d.Decode(f.Bytes(), 6)
	require.NoError(t, err)
	_, err = d.Decode(f.Bytes(), 5)
	require.EqualError(t, err, "dv: row 5 is deleted, but the data file has 5 rows")
	d.Cardinality = 1
	_, err = d.Decode(f.Bytes(), 6)
	require.EqualError(t, err, "dv: 2 rows are deleted, the log says 1")

	i := NewInline(Of(1, 5))
	_, err = i.Inline(5)
	require.Error(t, err)
	i.Cardinality = 3
	_, err = i.Inline(6)
	require.Error(t, err)
}

func TestInlineRoundTrip(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 2))
		b := randomBitmap(r, 1000)
		d := NewInline(b)
		got, err := d.Inline(1000)
		require.NoError(t, err, "seed %d", seed)
		require.True(t, b.Equal(got), "seed %d", seed)
		for _, bad := range []string{
			d.PathOrInlineDV[1:], d.PathOrInlineDV + "0", d.PathOrInlineDV + "00000", d.PathOrInlineDV[5:],
			"~" + d.PathOrInlineDV[1:], "#####" + d.PathOrInlineDV[5:], "",
		} {
			e := d
			e.PathOrInlineDV = bad
			_, err := e.Inline(1000)
			require.Error(t, err, "seed %d", seed)
		}
	}
	_, err := Descriptor{StorageType: "u"}.Inline(1)
	require.Error(t, err)
}

// The example of an inline vector in PROTOCOL.md is written in another byte
// order than its own text says, so that no reader of the format takes it.
func TestInlineExampleOfTheSpecificationIsRefused(t *testing.T) {
	t.Parallel()
	d := Descriptor{StorageType: "i", PathOrInlineDV: "wi5b=000010000siXQKl0rr91000f55c8Xg0@@D72lkbi5=-{L", SizeInBytes: 40, Cardinality: 6}
	_, err := d.Inline(100)
	require.ErrorContains(t, err, "magic number")
}

func TestZ85AgreesWithTheReferenceVector(t *testing.T) {
	t.Parallel()
	raw := []byte{0x86, 0x4F, 0xD2, 0x6F, 0xB5, 0x59, 0xF7, 0x5B}
	require.Equal(t, "HelloWorld", encodeZ85(raw))
	got := make([]byte, 8)
	require.NoError(t, decodeZ85(got, "HelloWorld"))
	require.Equal(t, raw, got)
	require.NoError(t, decodeZ85(got[:4], "%nSc0")) // 2^32-1
	require.Equal(t, uint32(math.MaxUint32), binary.BigEndian.Uint32(got))
	require.Error(t, decodeZ85(got[:4], "%nSc1"))
}

func FuzzDecode(f *testing.F) {
	for i, c := range corpus(f) {
		if i%12 == 0 {
			d := c.descriptor()
			f.Add(c.framed(f), d.Offset, d.SizeInBytes, d.Cardinality, c.NumRecords)
		}
	}
	f.Fuzz(func(t *testing.T, framed []byte, offset, size int32, cardinality, rows int64) {
		if n := len(framed); n >= 8 { // so that the checksum does not hide what lies behind
			body := framed[:n-4]
			if offset <= 1 {
				body = body[1:]
			}
			if len(body) >= 4 {
				binary.BigEndian.PutUint32(framed[n-4:], crc32.ChecksumIEEE(body[4:]))
			}
		}
		d := Descriptor{StorageType: "u", Offset: offset, SizeInBytes: size, Cardinality: cardinality}
		b, err := d.Decode(framed, rows)
		if err != nil {
			return
		}
		requireSound(t, b)
		last, ok := b.Max()
		require.True(t, !ok || last < rows)
	})
}

func FuzzInline(f *testing.F) {
	f.Add(NewInline(Of(1, 2, 3)).PathOrInlineDV, int32(30), int64(3))
	f.Fuzz(func(t *testing.T, text string, size int32, cardinality int64) {
		d := Descriptor{StorageType: "i", PathOrInlineDV: text, SizeInBytes: size, Cardinality: cardinality}
		if b, err := d.Inline(1 << 40); err == nil {
			requireSound(t, b)
		}
	})
}

func FuzzKey(f *testing.F) {
	f.Add("ab^-aqEH.-t@S}K{vb[*k^")
	f.Fuzz(func(t *testing.T, path string) {
		key, err := Descriptor{StorageType: "u", PathOrInlineDV: path}.Key(nil)
		if err != nil {
			return
		}
		dir, name, nested := strings.Cut(key, "/")
		if !nested {
			dir, name = "x", key
		}
		require.NotContains(t, name, "/")
		require.NotContains(t, []string{"", ".", ".."}, dir)
		require.Regexp(t, `^deletion_vector_[0-9a-f-]{36}\.bin$`, name)
	})
}
