package schema_test

import (
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/deltalog/deltalog/txlog/schema"
	"github.com/stretchr/testify/require"
)

// Real vectors: Spark's directories and add.path of tables in the corpora.
func TestPathsOfSpark(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, value, dir, path string }{
		{"p", "a:b c", "p=a%3Ab c", "p=a%253Ab%20c"},
		{"c2", "+ =%0", "c2=+ %3D%250", "c2=+%20%253D%25250"},
		{"letter", "/%20%f", "letter=%2F%2520%25f", "letter=%252F%252520%2525f"},
		{"ts", "2024-01-01 10:00:00", "ts=2024-01-01 10%3A00%3A00", "ts=2024-01-01%2010%253A00%253A00"},
		{"a=b", "x", "a%3Db=x", "a%253Db=x"},
		{"p", "é", "p=é", "p=%C3%A9"},
		{"p", "", "p=__HIVE_DEFAULT_PARTITION__", "p=__HIVE_DEFAULT_PARTITION__"},
		{"p", "\x01\x1f\x7f\"#%'*/:=?\\{[]^", "p=%01%1F%7F%22%23%25%27%2A%2F%3A%3D%3F%5C%7B%5B%5D%5E", "p=%2501%251F%257F%2522%2523%2525%2527%252A%252F%253A%253D%253F%255C%257B%255B%255D%255E"},
		{"p", "}|<>`~!@$&()_-+,.;", "p=}|<>`~!@$&()_-+,.;", "p=%7D%7C%3C%3E%60~!@$&()_-+,.;"},
		{"p", "..", "p=..", "p=.."},
	} {
		dir := schema.PartitionDir([]string{c.name}, map[string]*string{c.name: &c.value})
		require.Equal(t, c.dir, dir)
		require.Equal(t, c.path, schema.EncodePath(dir))
		back, err := schema.DecodePath(c.path)
		require.NoError(t, err)
		require.Equal(t, dir, back)
	}
	dir := schema.PartitionDir([]string{"a", "b", "c"}, map[string]*string{"a": ptr("1"), "b": nil})
	require.Equal(t, "a=1/b=__HIVE_DEFAULT_PARTITION__/c=__HIVE_DEFAULT_PARTITION__", dir)
	require.Empty(t, schema.PartitionDir(nil, nil))
}

func TestNamesOfOurOwnNeedNoEscape(t *testing.T) {
	t.Parallel()
	name := "part-00000-0f6b0b6e-7c1f-4f0e-9d5e-2f3a4b5c6d7e.c000.zstd.parquet"
	require.Equal(t, name, schema.EncodePath(name))
	require.Equal(t, name, schema.EscapePath(name))
}

func TestDecodePathDecodesOnce(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{"": "", "a+b": "a+b", "%2525": "%25", "a%2Fb": "a/b", "a%c3%A9": "aé", "é": "é"} {
		got, err := schema.DecodePath(path)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for _, path := range []string{"%", "a%2", "%zz", "%2g", "100%"} {
		_, err := schema.DecodePath(path)
		require.ErrorContains(t, err, path)
	}
}

// EncodePath's result is a relative URI for everyone: no scheme, query or fragment.
func requireRelativeURI(t *testing.T, name, path string) {
	t.Helper()
	u, err := url.Parse(path)
	require.NoError(t, err, path)
	require.Empty(t, u.Scheme+u.RawQuery+u.Fragment+u.Opaque, path)
	require.Equal(t, name, u.Path, path)
}

func FuzzPaths(f *testing.F) {
	for _, s := range []string{"a/b", "p=a%3Ab c/x.parquet", "a:b", "é\xff\x00", "+ =%0", "//x", "?#[]", "a%20b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		path := schema.EncodePath(name)
		back, err := schema.DecodePath(path)
		require.NoError(t, err)
		require.Equal(t, name, back)
		for _, c := range []byte(path) {
			require.True(t, c > ' ' && c < 0x7f, path)
		}
		if !strings.HasPrefix(name, "/") { // no relative name does
			requireRelativeURI(t, name, path)
		}

		escaped := schema.EscapePath(name)
		require.Equal(t, name, schema.UnescapePath(escaped))
		require.NotContains(t, escaped, "/")
		require.NotContains(t, escaped, "=")
		require.Equal(t, utf8.ValidString(name), utf8.ValidString(escaped))
		_, _ = schema.DecodePath(name)
		_ = schema.UnescapePath(name)
	})
}
