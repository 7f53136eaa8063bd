package stats_test

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/deltalog/deltalog/internal/stats"
	"github.com/stretchr/testify/require"
)

func units(s []byte) int { return len(utf16.Encode([]rune(string(s)))) }

func TestTruncate(t *testing.T) {
	t.Parallel()
	const top = "\U0010ffff"
	for _, c := range []struct{ in, min, max string }{ // n = 4
		{"", "", ""},
		{"abcd", "abcd", "abcd"},
		{"abcde", "abcd", "abcd\x7f"},
		{"abcd\x7e", "abcd", "abcd\x7f"},
		{"abcd\x7f", "abcd", "abcd" + top},
		{"abcdé", "abcd", "abcd" + top},
		{"éééé", "éééé", "éééé"},
		{"ééééa", "éééé", "éééé\x7f"},
		{"😀😀", "😀😀", "😀😀"},
		{"a😀😀", "a😀", "a😀" + top},
		{"abc😀", "abc", "abc" + top},
		{"abcd\U0010fffe", "abcd", "abcd" + top},
		{"abcd" + top + "a", "abcd", "abcd" + top + "\x7f"},
		{"abcd" + top, "abcd", "abcd" + top},
		{"abcd" + top + top, "abcd", "abcd" + top + top},
		{"abcd" + top + top + "a", "abcd", "abcd" + top + top + "\x7f"},
		{"abc" + top + top + "a", "abc", "abc" + top + top + "\x7f"},
	} {
		require.Equal(t, c.min, string(stats.TruncateMin([]byte(c.in), 4)), "%q", c.in)
		got, ok := stats.TruncateMax([]byte(c.in), 4)
		require.True(t, ok, "%q", c.in)
		require.Equal(t, c.max, string(got), "%q", c.in)
	}
	for _, in := range []string{"abcd" + strings.Repeat(top, 3), strings.Repeat(top, 10), "abcd\xffe", "a\xffcde", "abcd\xf5\x80\x80\x80"} {
		_, ok := stats.TruncateMax([]byte(in), 4)
		require.False(t, ok, "%q", in)
	}
	for _, in := range []string{"", "abc"} {
		require.Empty(t, stats.TruncateMin([]byte(in), 0))
	}
	long := []byte(strings.Repeat("x", 1000))
	require.Equal(t, strings.Repeat("x", 32), string(stats.TruncateMin(long, stats.DefaultPrefixLength)))
	got, ok := stats.TruncateMax(long, stats.DefaultPrefixLength)
	require.True(t, ok)
	require.Equal(t, strings.Repeat("x", 32)+"\x7f", string(got))
	require.Equal(t, 1000, bytes.Count(long, []byte("x")), "the input is not changed")
}

func TestTruncatedStringsAreBounds(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(12, 13))
	gaveUp := 0
	for range 30_000 {
		s := []byte(randomString(rng, 12))
		requireBounds(t, s, 1+rng.IntN(6), &gaveUp)
	}
	require.Positive(t, gaveUp)
}

func requireBounds(t *testing.T, s []byte, n int, gaveUp *int) {
	t.Helper()
	lo := stats.TruncateMin(s, n)
	require.True(t, bytes.HasPrefix(s, lo))
	hi, ok := stats.TruncateMax(s, n)
	if !ok {
		*gaveUp++
		require.True(t, !utf8.Valid(s) || bytes.Contains(s, []byte("\U0010ffff")), "%q", s)
		return
	}
	require.GreaterOrEqual(t, bytes.Compare(hi, s), 0, "%q %q", s, hi)
	if utf8.Valid(s) {
		require.True(t, utf8.Valid(lo) && utf8.Valid(hi))
		require.LessOrEqual(t, units(lo), n)
		require.LessOrEqual(t, units(hi), 2*n+2)
		require.True(t, units(lo) >= n-1 || len(lo) == len(s), "%q %q", s, lo)
	}
}

func FuzzTruncate(f *testing.F) {
	f.Add([]byte("abcd\U0010ffff\xff"), 4)
	f.Add([]byte("ééé😀"), 3)
	f.Fuzz(func(t *testing.T, s []byte, n int) {
		gaveUp := 0
		requireBounds(t, s, 1+int(uint(n)%40), &gaveUp)
	})
}

func BenchmarkTruncateMax(b *testing.B) {
	s := []byte(strings.Repeat("https://example.org/", 10))
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := stats.TruncateMax(s, 32); !ok {
			b.Fatal()
		}
	}
}
