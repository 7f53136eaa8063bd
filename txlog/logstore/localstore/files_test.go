//go:build linux

package localstore

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/deltalog/deltalog/txlog/logstore"
)

func listed(t *testing.T, s *Store, o logstore.ListOptions) []string {
	t.Helper()
	var names []string
	for obj, err := range s.List(t.Context(), o) {
		require.NoError(t, err)
		names = append(names, obj.Name)
	}
	return names
}

func TestParseURL(t *testing.T) {
	for url, want := range map[string]string{
		"file:///a/b":               "/a/b",
		"file:/a/b":                 "/a/b",
		"file://localhost/a":        "/a",
		"file:///a%20b/%25/c%23%3F": "/a b/%/c#?",
		"file:///":                  "/",
	} {
		dir, err := ParseURL(url)
		require.NoError(t, err, url)
		require.Equal(t, want, dir)
	}
	for _, url := range []string{
		"", "/a", "a", "s3://b/a", "file:a", "file:", "file://host/a", "file://user@localhost/a", "file:///a?x=1", "file:///a?", "file:///a#b", "file:///%zz",
	} {
		_, err := ParseURL(url)
		require.Error(t, err, url)
	}
}

func TestURLRoundTrip(t *testing.T) {
	for _, dir := range []string{"/a/b", "/a b/%25/ä#?x", "/"} {
		s, err := Open(dir, nil)
		require.NoError(t, err)
		back, err := ParseURL(s.URL())
		require.NoError(t, err)
		require.Equal(t, dir, back)
	}
	s, err := Open("relative", nil)
	require.NoError(t, err)
	require.True(t, filepath.IsAbs(s.Dir()))
	_, err = Open("", nil)
	require.Error(t, err)
}

func TestModes(t *testing.T) {
	umask := syscall.Umask(0)
	defer syscall.Umask(umask)
	for _, c := range []struct {
		opts      *Options
		file, dir os.FileMode
	}{
		{nil, 0o640, 0o750},
		{&Options{FileMode: 0o664, DirMode: 0o775}, 0o664, 0o775},
	} {
		for _, named := range []bool{false, true} {
			s, err := Open(filepath.Join(t.TempDir(), "new", "table"), c.opts)
			require.NoError(t, err)
			s.named = named
			for _, action := range []string{"put", "overwrite", "write"} {
				require.NoError(t, act(s, action))
			}
			for name, want := range map[string]os.FileMode{
				commitName: c.file, hintName: c.file, dataName: c.file, "_delta_log": c.dir, "d=1": c.dir, ".": c.dir, "..": c.dir,
			} {
				info, err := os.Stat(filepath.Join(s.path, name))
				require.NoError(t, err)
				require.Equal(t, want, info.Mode().Perm(), name)
			}
		}
	}
}

// A table's directory may be reached through a link; nothing in it may lead out.
func TestSymbolicLinks(t *testing.T) {
	base := t.TempDir()
	outside := filepath.Join(base, "outside")
	require.NoError(t, os.MkdirAll(outside, 0o750))
	require.NoError(t, os.WriteFile(filepath.Join(outside, "secret"), []byte("secret"), 0o640))
	require.NoError(t, os.MkdirAll(filepath.Join(base, "real"), 0o750))
	require.NoError(t, os.Symlink("real", filepath.Join(base, "table")))
	s, err := Open(filepath.Join(base, "table"), nil)
	require.NoError(t, err)
	require.NoError(t, s.Put(t.Context(), "in/a", []byte("a"), logstore.IfAbsent))
	for link, target := range map[string]string{
		"out":         outside,
		"out-rel":     "../outside",
		"out-file":    filepath.Join(outside, "secret"),
		"in/out-file": "../../outside/secret",
		"in-file":     "in/a",
		"in-dir":      "in",
		"dangling":    "nowhere",
		"loop":        "loop",
	} {
		require.NoError(t, os.Symlink(target, filepath.Join(base, "real", link)))
	}
	ctx := t.Context()
	for _, name := range []string{"out/secret", "out-rel/secret", "out-file", "in/out-file", "loop", "loop/x"} {
		_, err := s.Read(ctx, name, 0)
		require.ErrorIs(t, err, logstore.ErrRefused, "Read %s", name)
		_, err = s.ReadRange(ctx, name, 0, -1)
		require.ErrorIs(t, err, logstore.ErrRefused, "ReadRange %s", name)
		_, err = s.Stat(ctx, name)
		require.ErrorIs(t, err, logstore.ErrRefused, "Stat %s", name)
	}
	for _, name := range []string{"out/new", "out-rel/new", "out/deeper/new", "loop/new"} {
		for _, mode := range []logstore.PutMode{logstore.IfAbsent, logstore.Overwrite} {
			require.ErrorIs(t, s.Put(ctx, name, nil, mode), logstore.ErrRefused, "Put %s", name)
		}
		_, err := s.Create(ctx, name)
		require.ErrorIs(t, err, logstore.ErrRefused, "Create %s", name)
	}
	require.ErrorIs(t, s.Delete(ctx, "out/secret"), logstore.ErrRefused)
	require.ErrorIs(t, s.Put(ctx, "out-file", []byte("x"), logstore.IfAbsent), logstore.ErrExist)
	require.ErrorIs(t, s.Put(ctx, "dangling", []byte("x"), logstore.IfAbsent), logstore.ErrExist)
	// Replacing and deleting are of the link itself.
	require.NoError(t, s.Put(ctx, "out-file", []byte("x"), logstore.Overwrite))
	require.NoError(t, s.Delete(ctx, "in/out-file"))
	secret, err := os.ReadFile(filepath.Join(outside, "secret"))
	require.NoError(t, err)
	require.Equal(t, "secret", string(secret))

	data, err := s.Read(ctx, "in-file", 0)
	require.NoError(t, err)
	require.Equal(t, "a", string(data))
	require.Equal(t, []string{"in-file", "in/a", "out-file"}, listed(t, s, logstore.ListOptions{}))
	for _, prefix := range []string{"out/", "out-rel/s"} {
		var failed error
		for _, err := range s.List(ctx, logstore.ListOptions{Prefix: prefix}) {
			failed = err
		}
		require.ErrorIs(t, failed, logstore.ErrRefused)
	}
	entries, err := os.ReadDir(outside)
	require.NoError(t, err)
	require.Len(t, entries, 1)
}

// While somebody exchanges a directory for a link to another place and back,
// nothing is written or deleted there.
func TestDirectoryIsExchanged(t *testing.T) {
	base := t.TempDir()
	outside, table := filepath.Join(base, "outside"), filepath.Join(base, "table")
	require.NoError(t, os.MkdirAll(outside, 0o750))
	require.NoError(t, os.WriteFile(filepath.Join(outside, "keep"), nil, 0o640))
	s, err := Open(table, &Options{NoSync: true})
	require.NoError(t, err)
	require.NoError(t, s.Put(t.Context(), "d/x", nil, logstore.IfAbsent))
	require.NoError(t, os.Symlink(outside, filepath.Join(table, "link")))
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		d, link := filepath.Join(table, "d"), filepath.Join(table, "link")
		for {
			select {
			case <-stop:
				return
			default:
			}
			if err := unix.Renameat2(unix.AT_FDCWD, d, unix.AT_FDCWD, link, unix.RENAME_EXCHANGE); err != nil {
				t.Errorf("exchange: %v", err)
				return
			}
		}
	})
	for range 2000 {
		_ = s.Put(t.Context(), "d/new", []byte("x"), logstore.IfAbsent)
		_ = s.Put(t.Context(), "d/hint", []byte("x"), logstore.Overwrite)
		_ = s.Delete(t.Context(), "d/keep")
		_ = s.Delete(t.Context(), "d/new")
		_, _ = s.Sweep(t.Context(), time.Now())
	}
	close(stop)
	wg.Wait()
	entries, err := os.ReadDir(outside)
	require.NoError(t, err)
	require.Len(t, entries, 1)
	require.Equal(t, "keep", entries[0].Name())
}

// What is not a regular file is no object, and does not make anybody wait.
func TestNotRegularFiles(t *testing.T) {
	ctx := t.Context()
	s := opened(t, variantPlain)
	require.NoError(t, syscall.Mkfifo(filepath.Join(s.path, "pipe"), 0o640))
	require.NoError(t, os.MkdirAll(filepath.Join(s.path, "dir/below"), 0o750))
	_, err := s.Read(ctx, "pipe", 0)
	require.ErrorIs(t, err, logstore.ErrRefused)
	_, err = s.Stat(ctx, "pipe")
	require.ErrorIs(t, err, logstore.ErrRefused)
	require.ErrorIs(t, s.Put(ctx, "pipe", nil, logstore.IfAbsent), logstore.ErrExist)

	_, err = s.Read(ctx, "dir", 0)
	require.ErrorIs(t, err, logstore.ErrNotExist)
	for _, mode := range []logstore.PutMode{logstore.IfAbsent, logstore.Overwrite} {
		require.ErrorIs(t, s.Put(ctx, "dir", nil, mode), logstore.ErrRefused)
	}
	require.ErrorIs(t, s.Put(ctx, hintName+"/below", nil, logstore.IfAbsent), logstore.ErrRefused)
	_, err = s.Create(ctx, "dir")
	require.ErrorIs(t, err, logstore.ErrRefused)
	require.NoError(t, s.Delete(ctx, "dir/below"))
	require.DirExists(t, filepath.Join(s.path, "dir/below"), "deleting an object removes no directory")
	require.Equal(t, []string{hintName}, listed(t, s, logstore.ListOptions{}))
}

// Names that are kept for temporary files cannot be used, so that listings hide
// nothing that was put.
func TestTemporaryNames(t *testing.T) {
	s := opened(t, variantPlain)
	temp := s.tempName("part-00000.parquet")
	require.True(t, isTemp(temp))
	require.True(t, isTemp(s.tempName(strings.Repeat("x", 250))))
	require.LessOrEqual(t, len(s.tempName(strings.Repeat("x", 1000))), 255)
	for _, name := range []string{
		"x.0123456789abcdef.tmp", ".x.0123456789abcde.tmp", ".x.0123456789abcdeg.tmp", ".x0123456789abcdef.tmp", ".x.0123456789abcdef.tmp2",
		".0123456789abcdef.tmp", "..0123456789abcdef.tmp", ".tmp", "", ".", ".x.0123456789ABCDEF.tmp",
	} {
		require.False(t, isTemp(name), name)
	}
	for _, name := range []string{temp, "d=1/" + temp} {
		require.ErrorIs(t, s.Put(t.Context(), name, nil, logstore.IfAbsent), logstore.ErrBadName)
		_, err := s.Create(t.Context(), name)
		require.ErrorIs(t, err, logstore.ErrBadName)
	}
}

func TestSweep(t *testing.T) {
	ctx := t.Context()
	s := opened(t, variantPlain)
	old, young := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 1, 9, 0, 0, 0, 0, time.UTC)
	require.NoError(t, s.Put(ctx, "d=1/keep.tmp", nil, logstore.IfAbsent))
	make := func(name string, at time.Time) {
		path := filepath.Join(s.path, name)
		require.NoError(t, os.WriteFile(path, nil, 0o640))
		require.NoError(t, os.Chtimes(path, at, at))
	}
	make("d=1/"+s.tempName("a"), old)
	make(s.tempName("b"), old)
	make("_delta_log/"+s.tempName("c"), young)
	make("_delta_log/.c.json.crc", old)
	require.NoError(t, os.Chtimes(filepath.Join(s.path, hintName), old, old))
	left, err := s.Leftovers(ctx)
	require.NoError(t, err)
	require.Len(t, left, 3)
	for _, o := range left {
		require.True(t, isTemp(filepath.Base(o.Name)), o.Name)
		require.Contains(t, []time.Time{old, young}, o.Modified.UTC())
	}
	n, err := s.Sweep(ctx, time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC))
	require.NoError(t, err)
	require.Equal(t, 2, n)
	_, temps := files(t, s.path)
	require.Len(t, temps, 1)
	require.Equal(t, []string{"_delta_log/.c.json.crc", hintName, "d=1/keep.tmp"}, listed(t, s, logstore.ListOptions{}))

	none, err := Open(filepath.Join(t.TempDir(), "none"), nil)
	require.NoError(t, err)
	left, err = none.Leftovers(ctx)
	require.NoError(t, err)
	require.Empty(t, left)
	n, err = none.Sweep(ctx, young)
	require.NoError(t, err)
	require.Zero(t, n)
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	_, err = s.Sweep(cancelled, young)
	require.ErrorIs(t, err, context.Canceled)
}

// Hadoop would verify the new content against the old checksum.
func TestChecksumOfHadoopGoesToo(t *testing.T) {
	ctx := t.Context()
	s := opened(t, variantPlain)
	sum := filepath.Join(s.path, "_delta_log/._last_checkpoint.crc")
	require.NoError(t, os.WriteFile(sum, nil, 0o640))
	require.NoError(t, s.Put(ctx, hintName, []byte("new"), logstore.Overwrite))
	require.NoFileExists(t, sum)
	require.NoError(t, os.WriteFile(sum, nil, 0o640))
	require.NoError(t, s.Delete(ctx, hintName))
	require.NoFileExists(t, sum)
}

// A table that is dropped and made again, by anybody, is found again.
func TestRootIsReplaced(t *testing.T) {
	ctx := t.Context()
	for _, action := range []string{"put", "overwrite", "write"} {
		s := opened(t, variantPlain)
		require.NoError(t, os.RemoveAll(s.path))
		require.Empty(t, listed(t, s, logstore.ListOptions{}))
		_, err := s.Read(ctx, hintName, 0)
		require.ErrorIs(t, err, logstore.ErrNotExist)
		require.NoError(t, s.Delete(ctx, hintName))
		require.NoError(t, act(s, action))
		require.Len(t, listed(t, s, logstore.ListOptions{}), 1)

		require.NoError(t, os.Rename(s.path, s.path+"-old"))
		require.NoError(t, os.MkdirAll(filepath.Join(s.path, "_delta_log"), 0o750))
		require.NoError(t, os.WriteFile(filepath.Join(s.path, "_delta_log/other"), []byte("other"), 0o640))
		data, err := s.Read(ctx, "_delta_log/other", 0)
		require.NoError(t, err)
		require.Equal(t, "other", string(data))
		require.Equal(t, []string{"_delta_log/other"}, listed(t, s, logstore.ListOptions{}))
	}
}

func TestClosed(t *testing.T) {
	s := opened(t, variantPlain)
	require.NoError(t, s.Close())
	require.NoError(t, s.Close())
	_, err := s.Read(t.Context(), hintName, 0)
	require.ErrorIs(t, err, logstore.ErrRefused)
	require.ErrorIs(t, act(s, "put"), logstore.ErrRefused)
}

// Names that other programs made are bytes, and are kept.
func TestNamesThatAreNotText(t *testing.T) {
	ctx := t.Context()
	s := opened(t, variantPlain)
	names := []string{"latin1=\xe9/x", "newline=a\nb/x", "control=\x01\x1f\x7f/x"}
	for _, name := range names {
		require.NoError(t, s.Put(ctx, name, []byte(name), logstore.IfAbsent))
		data, err := s.Read(ctx, name, 0)
		require.NoError(t, err)
		require.Equal(t, name, string(data))
	}
	require.ElementsMatch(t, append(names, hintName), listed(t, s, logstore.ListOptions{}))
	require.ErrorIs(t, s.Put(ctx, strings.Repeat("x", 256), nil, logstore.IfAbsent), logstore.ErrRefused, "longer than file systems allow")
}

// A file that another program appends to is read whole, up to the limit.
func TestGrowingFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	require.NoError(t, os.WriteFile(path, []byte(strings.Repeat("x", 100_000)), 0o640))
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	data, err := readAll(t.Context(), f, 100, 200_000) // it had 100 bytes when it was asked
	require.NoError(t, err)
	require.Len(t, data, 100_000)
	_, err = f.Seek(0, 0)
	require.NoError(t, err)
	data, err = readAll(t.Context(), f, 100, 5000)
	require.NoError(t, err)
	require.Greater(t, len(data), 5000)
	require.Less(t, len(data), 50_000, "not much more than the limit is read")
}

// Directories that nobody could name are refused, not followed for ever.
func TestDepthOfListings(t *testing.T) {
	s := opened(t, variantPlain)
	root, err := os.OpenRoot(s.path)
	require.NoError(t, err)
	deep := strings.Repeat(strings.Repeat("d", 200)+"/", 25)
	dir := root
	for range 25 {
		require.NoError(t, dir.Mkdir(deep[:200], 0o750))
		next, err := dir.OpenRoot(deep[:200])
		require.NoError(t, err)
		dir.Close()
		dir = next
	}
	dir.Close()
	var failed error
	for _, err := range s.List(t.Context(), logstore.ListOptions{}) {
		failed = err
	}
	require.ErrorIs(t, failed, logstore.ErrRefused)
	require.ErrorContains(t, failed, "nested too deep")
}

// A listing does not read directories that cannot hold a match.
func TestListingReadsOnlyWhatCanMatch(t *testing.T) {
	s := opened(t, variantPlain)
	for _, name := range []string{"a/x", "b/x", "c/y/x", "d/x"} {
		require.NoError(t, s.Put(t.Context(), name, nil, logstore.IfAbsent))
	}
	for o, want := range map[logstore.ListOptions]int{
		{Prefix: "_delta_log/", Shallow: true}: 1,
		{Prefix: "c/y/x"}:                      1,
		{Prefix: "c"}:                          3,
		{Shallow: true}:                        1,
		{StartAfter: "c/y/a"}:                  4,
		{StartAfter: "zz"}:                     1,
		{Prefix: "c/", StartAfter: "d"}:        1,
		{}:                                     7,
	} {
		root, err := s.openRoot()
		require.NoError(t, err)
		l := &lister{ctx: t.Context(), s: s, o: o, root: root, yield: func(logstore.Object, error) bool { return true }}
		require.NoError(t, l.start())
		require.Equal(t, want, l.dirs, "%+v", o)
	}
}
