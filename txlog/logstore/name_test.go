package logstore_test

import (
	"path"
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/txlog/logstore"
)

func TestCheckName(t *testing.T) {
	for _, name := range []string{
		"a", "_delta_log/00000000000000000000.json", "...", "..a", "a..", ".a", "a/.../b", " ", "a b/%2e%2e/c", "a%2Fb", "é/中", "a\nb", "\xff\xfe",
		"C:", "a:b", "~", "-", strings.Repeat("x", logstore.MaxNameBytes), strings.Repeat("d/", 511) + "xx",
	} {
		require.NoError(t, logstore.CheckName(name), "%q", name)
		require.NoError(t, logstore.CheckPrefix(name), "%q", name)
	}
	for _, name := range []string{
		"", "/", "//", "/a", "a/", "a//b", ".", "..", "./a", "../a", "a/.", "a/..", "a/./b", "a/../b", "\x00", "a\x00/b",
		strings.Repeat("x", logstore.MaxNameBytes+1), strings.Repeat("d/", 512) + "x",
	} {
		err := logstore.CheckName(name)
		require.ErrorIs(t, err, logstore.ErrBadName, "%q", name)
		require.Less(t, len(err.Error()), 1000, "the message repeats a name of any length")
	}
	for _, prefix := range []string{"", "a/", ".", "..", "a/.", "a/..", "a/b/"} {
		require.NoError(t, logstore.CheckPrefix(prefix), "%q", prefix)
	}
	for _, prefix := range []string{"/", "//", "a//", "./", "../", "../a", "a/../", "\x00", strings.Repeat("x", logstore.MaxNameBytes+1)} {
		require.ErrorIs(t, logstore.CheckPrefix(prefix), logstore.ErrBadName, "%q", prefix)
	}
	if err := logstore.CheckName(`a\b`); runtime.GOOS == "windows" {
		require.ErrorIs(t, err, logstore.ErrBadName)
	} else {
		require.NoError(t, err)
	}
}

// FuzzCheckName: a name that passes is one that path.Clean leaves alone and that
// stays below the root.
func FuzzCheckName(f *testing.F) {
	for _, name := range []string{"a", "a/b", "", "/", "..", "a/../b", "a//b", ".", "a/", "\x00", "a/..b/c", "\xff", "a\\..\\b"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if err := logstore.CheckName(name); err != nil {
			require.ErrorIs(t, err, logstore.ErrBadName)
			return
		}
		require.Equal(t, name, path.Clean(name))
		require.False(t, path.IsAbs(name) || name == "." || name == ".." || strings.HasPrefix(name, "../"))
		require.NotContains(t, name, "\x00")
		require.LessOrEqual(t, len(name), logstore.MaxNameBytes)
		for i := range len(name) + 1 { // every beginning of a name is a prefix
			require.NoError(t, logstore.CheckPrefix(name[:i]), "%q (valid text: %t)", name[:i], utf8.ValidString(name[:i]))
		}
	})
}
