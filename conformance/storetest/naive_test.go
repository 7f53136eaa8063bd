package storetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"
	"gocloud.dev/gcerrors"

	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/txlog/logstore/localstore"
)

func TestMain(m *testing.M) {
	// On one processor, goroutines take turns too well to show these races often.
	runtime.GOMAXPROCS(max(4, runtime.GOMAXPROCS(0)))
	Main(m, func(location string) (logstore.Store, error) {
		kind, dir, _ := strings.Cut(location, ":")
		switch kind {
		case "naive":
			return &naive{dir}, nil
		case "fileblob":
			return openFileBlob(dir)
		}
		return nil, fmt.Errorf("no such store: %s", location)
	})
}

// naive is how a local store is written at first: look whether the file is there,
// write a temporary one, rename it. A sequential test finds nothing wrong.
type naive struct{ dir string }

func (n *naive) path(name string) string { return filepath.Join(n.dir, filepath.FromSlash(name)) }

func (n *naive) URL() string { return "naive:" + n.dir }

func (n *naive) Close() error { return nil }

func (n *naive) Put(_ context.Context, name string, data []byte, mode logstore.PutMode) error {
	path := n.path(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return err
	}
	if _, err := os.Stat(path); err == nil && mode == logstore.IfAbsent {
		return logstore.ErrExist
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".*.tmp")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

func (n *naive) Read(_ context.Context, name string, _ int64) ([]byte, error) {
	data, err := os.ReadFile(n.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		err = logstore.ErrNotExist
	}
	return data, err
}

func (n *naive) ReadRange(context.Context, string, int64, int64) (io.ReadCloser, error) {
	return nil, logstore.ErrRefused
}

func (n *naive) Stat(context.Context, string) (logstore.Object, error) {
	return logstore.Object{}, logstore.ErrRefused
}

func (n *naive) List(context.Context, logstore.ListOptions) iter.Seq2[logstore.Object, error] {
	return func(yield func(logstore.Object, error) bool) {}
}

func (n *naive) Create(context.Context, string) (logstore.Writer, error) {
	return nil, logstore.ErrRefused
}

func (n *naive) Delete(context.Context, string) error { return nil }

// fileBlob is gocloud's local driver behind this contract, as far as the checks
// that it is to fail need it.
type fileBlob struct {
	naive
	bucket *blob.Bucket
}

func openFileBlob(dir string) (*fileBlob, error) {
	b, err := fileblob.OpenBucket(dir, &fileblob.Options{CreateDir: true, NoTempDir: true, Metadata: fileblob.MetadataDontWrite})
	if err != nil {
		return nil, err
	}
	return &fileBlob{naive{dir}, b}, nil
}

func (b *fileBlob) URL() string { return "fileblob:" + b.dir }

func (b *fileBlob) Close() error { return b.bucket.Close() }

func (b *fileBlob) Put(ctx context.Context, name string, data []byte, mode logstore.PutMode) error {
	err := b.bucket.WriteAll(ctx, name, data, &blob.WriterOptions{
		ContentType: "application/octet-stream", IfNotExist: mode == logstore.IfAbsent,
	})
	if gcerrors.Code(err) == gcerrors.FailedPrecondition {
		return fmt.Errorf("%w: %w", logstore.ErrExist, err)
	}
	return err
}

func (b *fileBlob) Read(ctx context.Context, name string, _ int64) ([]byte, error) {
	data, err := b.bucket.ReadAll(ctx, name)
	if gcerrors.Code(err) == gcerrors.NotFound {
		err = fmt.Errorf("%w: %w", logstore.ErrNotExist, err)
	}
	return data, err
}

func (b *fileBlob) List(ctx context.Context, o logstore.ListOptions) iter.Seq2[logstore.Object, error] {
	return func(yield func(logstore.Object, error) bool) {
		for it := b.bucket.List(&blob.ListOptions{Prefix: o.Prefix}); ; {
			obj, err := it.Next(ctx)
			if err == io.EOF {
				return
			}
			if err != nil {
				yield(logstore.Object{}, err)
				return
			}
			if obj.Key > o.StartAfter && !yield(logstore.Object{Name: obj.Key, Size: obj.Size, Modified: obj.ModTime}, nil) {
				return
			}
		}
	}
}

func inDirs(t *testing.T, open func(dir string) (logstore.Store, error)) Harness {
	return Harness{
		Open: func(c T) logstore.Store {
			s, err := open(t.TempDir())
			if err != nil {
				c.Fatalf("open: %v", err)
			}
			return s
		},
		Command: func(_ T, s logstore.Store) *exec.Cmd { return Self(s.URL()) },
		Rounds:  8000,
	}
}

// The race, and nothing less, finds a store that looks and then renames.
func TestNaiveStoreFails(t *testing.T) {
	h := inDirs(t, func(dir string) (logstore.Store, error) { return &naive{dir}, nil })
	requireTwoWinners(t, Verify(t.Context(), h, "race of writers"))
	requireTwoWinners(t, Verify(t.Context(), h, "race of processes"))
}

// gocloud's fileblob passes its own conformance suite, which puts twice in
// sequence.
func TestFileBlobFails(t *testing.T) {
	h := inDirs(t, func(dir string) (logstore.Store, error) { return openFileBlob(dir) })
	requireTwoWinners(t, Verify(t.Context(), h, "race of writers"))
	requireTwoWinners(t, Verify(t.Context(), h, "race of processes"))

	failures := Verify(t.Context(), h, "list order in directories")
	require.NotEmpty(t, failures, "fileblob was thought to list directory by directory")
}

func requireTwoWinners(t *testing.T, failures []Failure) {
	t.Helper()
	require.NotEmpty(t, failures, "the race did not find the race")
	require.Contains(t, failures[0].Message, "writers that put")
	t.Log(failures[0])
}

// storeEnv says which store TestStoreUnderTest is given, in a process of its own.
const storeEnv = "STORETEST_STORE_UNDER_TEST"

// TestStoreUnderTest is a store author's test. TestAuthorsUnderstand looks at
// what go test prints when the store is not what its author thinks.
func TestStoreUnderTest(t *testing.T) {
	rounds := 8000
	open := func(dir string) (logstore.Store, error) { return &naive{dir}, nil }
	switch os.Getenv(storeEnv) {
	case "fileblob":
		open = func(dir string) (logstore.Store, error) { return openFileBlob(dir) }
	case "":
		open = func(dir string) (logstore.Store, error) { return localstore.Open(dir, nil) }
		rounds = 20
	}
	h := inDirs(t, open)
	h.Rounds = rounds
	if os.Getenv(storeEnv) == "" {
		h.Command, h.OneProcess = nil, "the worker of this binary opens the broken stores"
	}
	Run(t, h)
}

// What go test says to the author of a store that is not safe: the promise, what
// was seen, and what follows.
func TestAuthorsUnderstand(t *testing.T) {
	for _, store := range []string{"naive", "fileblob"} {
		c := exec.Command(os.Args[0], "-test.run=^TestStoreUnderTest$/^(race_of_writers|list_order_in_directories)$")
		c.Env = append(os.Environ(), storeEnv+"="+store)
		out, err := c.CombinedOutput()
		require.Error(t, err, "%s passed:\n%s", store, out)
		for _, want := range []string{
			"the store broke a promise",
			"promise: of any number of goroutines that put one name at once with IfAbsent exactly one is told that it won",
			"seen:    ", "writers that put", "were told that they had won",
			"follows: two writers are both told that their commit is the next version, and one of the two is lost",
		} {
			require.Contains(t, string(out), want, store)
		}
		t.Logf("%s:\n%s", store, out)
	}
}
