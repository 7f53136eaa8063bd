package txlog

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/txlog/logstore"
)

func TestCanonicalPathJoinsSpellings(t *testing.T) {
	t.Parallel()
	for _, same := range [][]string{
		{"a b", "a%20b", "%61%20%62"},
		{"p=ä/x", "p=%C3%A4/x", "p=%c3%a4/x"},
		{"/t/a", "file:/t/a", "file:///t/a", "FILE:///t/a", "file:///t/%61"},
		{"s3://b/a", "s3a://b/a", "s3n://b/a", "S3://b/a"},
		{"gs://b/a b", "gs://b/a%20b"},
		{"ts=2024-01-01 10:00", "ts=2024-01-01%2010%3A00"},
	} {
		for _, p := range same {
			require.Equal(t, CanonicalPath(same[0]), CanonicalPath(p), p)
		}
	}
	for _, differ := range [][2]string{
		{"a%2520b", "a%20b"}, {"a", "A"}, {"a+b", "a%20b"}, {"s3://b/a", "s3://c/a"}, {"s3://b/a", "gs://b/a"}, {"a", "/a"}, {"a//b", "a/b"},
	} {
		require.NotEqual(t, CanonicalPath(differ[0]), CanonicalPath(differ[1]), differ)
	}
	require.Equal(t, "a%2", CanonicalPath("a%2"), "a broken escape stands for itself")
}

func TestObjectNameDecodesOnce(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"a/b.parquet":                    "a/b.parquet",
		"p=a%253Ab%20c/x":                "p=a%3Ab c/x",
		"c2=+%20%253D%25250/f":           "c2=+ %3D%250/f",
		"letter=%252F%252520%2525f/f":    "letter=%2F%2520%25f/f",
		"ts=2024-01-01%2010%253A00/f":    "ts=2024-01-01 10%3A00/f",
		"p=%C3%A4/é":                     "p=ä/é",
		"s3://bucket/the%20table/a%2520": "a%20",
		"s3a://bucket/the table/a":       "a",
		"a:b/c":                          "a:b/c",
		"..a/b..":                        "..a/b..",
	} {
		got, err := ObjectName("s3://bucket/the table", path)
		require.NoError(t, err, path)
		require.Equal(t, want, got, path)
	}
	for _, root := range []string{"file:///data/my table", "file:///data/my%20table", "file:/data/my table/", "/data/my table"} {
		for _, path := range []string{"file:///data/my%20table/x/y", "/data/my table/x/y", "file:/data/my%20table/x/y"} {
			got, err := ObjectName(root, path)
			require.NoError(t, err, "%s in %s", path, root)
			require.Equal(t, "x/y", got)
		}
	}
}

// evilPaths are paths that must never become a name.
var evilPaths = []string{
	"", "..", ".", "../x", "a/../x", "a/..", "%2e%2e/x", "a/%2E%2e/x", ".%2e/x", "%2e/x", "a/./b", "a//b", "a/", "%2fetc/passwd",
	"a%2f%2fb", "a%00b", "a\x00b", "%", "a%2", "a%zz", "a%+1", "a%-1b", "..%2fx", "a/..%2f..%2fx", "%2e%2e%2fx",
	"a/%2e%2e", "x/%2E", strings.Repeat("a/", 600) + "b", strings.Repeat("a", 1025),
	// Elsewhere.
	"/etc/passwd", "/", "//x", "file:///etc/passwd", "file:/etc/passwd", "http://h/x", "https://h/x", "gs://bucket/table/x",
	"s3://other/table/x", "s3://bucket/tablex/y", "s3://bucket/table", "s3://bucket/table/", "s3://bucket/table/../x",
	"s3://bucket/table/%2e%2e/x", "s3://bucket/table/a/%2e%2e/%2e%2e/x", "s3://bucket@evil/table/x", "s3://bucket/x",
	"S3://bucket/TABLE/x", "s3:/bucket/table/x", "s3:///table/x", "s3://bucket//table/x", "s3://bucket/table//x",
	"javascript:/x", "c:/windows", "s3://bucket/table/a%00",
}

func TestObjectNameNeverLeavesTheTable(t *testing.T) {
	t.Parallel()
	for _, path := range evilPaths {
		name, err := ObjectName("s3://bucket/table", path)
		require.Error(t, err, "%q became %q", path, name)
		var pe *PathError
		require.ErrorAs(t, err, &pe, path)
		require.Equal(t, !pe.Outside, errors.Is(err, ErrCorrupt), path)
	}
}

func TestPathsOutsideAreToldFromMalformedOnes(t *testing.T) {
	t.Parallel()
	_, err := ObjectName("s3://bucket/table", "s3://other/table/x")
	var pe *PathError
	require.ErrorAs(t, err, &pe)
	require.True(t, pe.Outside)
	require.NotErrorIs(t, err, ErrCorrupt)
	_, err = ObjectName("s3://bucket/table", "../x")
	require.ErrorIs(t, err, ErrCorrupt)
}

func FuzzObjectName(f *testing.F) {
	for _, p := range evilPaths {
		f.Add(p)
	}
	f.Add("p=a%253Ab%20c/x")
	f.Fuzz(func(t *testing.T, path string) {
		CanonicalPath(path)
		name, err := ObjectName("s3://bucket/table", path)
		if err != nil {
			return
		}
		require.NoError(t, logstore.CheckName(name))
		for _, seg := range strings.Split(name, "/") {
			require.NotContains(t, []string{"", ".", ".."}, seg)
		}
	})
}

func TestDeletionVectorID(t *testing.T) {
	t.Parallel()
	require.Empty(t, (*DVDescriptor)(nil).ID())
	require.Equal(t, "uabc", (&DVDescriptor{StorageType: "u", PathOrInlineDV: "abc"}).ID())
	require.Equal(t, "uabc@0", (&DVDescriptor{StorageType: "u", PathOrInlineDV: "abc", Offset: ptr(int32(0))}).ID())
}
