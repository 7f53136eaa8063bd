package storecheck

import (
	"context"
	"fmt"
	"io"
	"iter"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
)

func TestMain(m *testing.M) {
	// On one processor, goroutines take turns too well to show races often.
	runtime.GOMAXPROCS(max(4, runtime.GOMAXPROCS(0)))
	os.Exit(m.Run())
}

// A broken store is a correct one with one method done wrong.
type broken struct {
	*memstore.Store
	put    func(ctx context.Context, name string, data []byte, mode logstore.PutMode) error
	read   func(ctx context.Context, name string, limit int64) ([]byte, error)
	ranged func(ctx context.Context, name string, off, n int64) (io.ReadCloser, error)
	stat   func(ctx context.Context, name string) (logstore.Object, error)
	list   func(ctx context.Context, o logstore.ListOptions) iter.Seq2[logstore.Object, error]
	create func(ctx context.Context, name string) (logstore.Writer, error)
	remove func(ctx context.Context, name string) error
}

func (b *broken) Put(ctx context.Context, name string, data []byte, mode logstore.PutMode) error {
	if b.put != nil {
		return b.put(ctx, name, data, mode)
	}
	return b.Store.Put(ctx, name, data, mode)
}

func (b *broken) Read(ctx context.Context, name string, limit int64) ([]byte, error) {
	if b.read != nil {
		return b.read(ctx, name, limit)
	}
	return b.Store.Read(ctx, name, limit)
}

func (b *broken) ReadRange(ctx context.Context, name string, off, n int64) (io.ReadCloser, error) {
	if b.ranged != nil {
		return b.ranged(ctx, name, off, n)
	}
	return b.Store.ReadRange(ctx, name, off, n)
}

func (b *broken) Stat(ctx context.Context, name string) (logstore.Object, error) {
	if b.stat != nil {
		return b.stat(ctx, name)
	}
	return b.Store.Stat(ctx, name)
}

func (b *broken) List(ctx context.Context, o logstore.ListOptions) iter.Seq2[logstore.Object, error] {
	if b.list != nil {
		return b.list(ctx, o)
	}
	return b.Store.List(ctx, o)
}

func (b *broken) Create(ctx context.Context, name string) (logstore.Writer, error) {
	if b.create != nil {
		return b.create(ctx, name)
	}
	return b.Store.Create(ctx, name)
}

func (b *broken) Delete(ctx context.Context, name string) error {
	if b.remove != nil {
		return b.remove(ctx, name)
	}
	return b.Store.Delete(ctx, name)
}

// A brokenWriter gathers everything and publishes it when told by its hooks.
type brokenWriter struct {
	logstore.Writer
	write func([]byte) (int, error)
	close func() error
	abort func()
}

func (w *brokenWriter) Write(p []byte) (int, error) {
	if w.write != nil {
		return w.write(p)
	}
	return w.Writer.Write(p)
}

func (w *brokenWriter) Close() error {
	if w.close != nil {
		return w.close()
	}
	return w.Writer.Close()
}

func (w *brokenWriter) Abort() {
	if w.abort != nil {
		w.abort()
		return
	}
	w.Writer.Abort()
}

// Each check fails for a store that breaks its promise, and says how.
func TestDefectsAreFound(t *testing.T) {
	for _, d := range defects {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			failures := Verify(t.Context(), Harness{
				Open: func(T) logstore.Store {
					b := &broken{Store: memstore.New(nil)}
					d.breakIt(b)
					return b
				},
				OneProcess: "in memory",
				Overwrites: 2000,
				Rounds:     1000,
			}, d.check)
			require.NotEmpty(t, failures, "no check failed")
			var text strings.Builder
			for _, f := range failures {
				fmt.Fprintln(&text, f)
			}
			require.Contains(t, text.String(), d.message)
		})
	}
}

// Every check has a store that fails it.
func TestEveryCheckCanFail(t *testing.T) {
	covered := map[string]bool{
		"race of processes": true, // storetest.TestFileBlobFails
	}
	for _, c := range All() {
		for _, d := range defects {
			if c.Name == d.check {
				covered[c.Name] = true
			}
		}
	}
	var missing []string
	for _, c := range All() {
		if !covered[c.Name] {
			missing = append(missing, c.Name)
		}
	}
	require.Empty(t, missing, "checks that no defect makes fail")
}

func TestCorrectStorePasses(t *testing.T) {
	t.Parallel()
	require.Empty(t, Verify(t.Context(), Harness{
		Open:       func(T) logstore.Store { return memstore.New(nil) },
		OneProcess: "in memory",
	}))
}

// A harness cannot leave out the race of processes by forgetting it.
func TestHarnessMustSayWhyOneProcess(t *testing.T) {
	t.Parallel()
	failures := Verify(t.Context(), Harness{Open: func(T) logstore.Store { return memstore.New(nil) }})
	require.Len(t, failures, 1)
	require.Contains(t, failures[0].String(), "Harness.Command is nil")
	failures = Verify(t.Context(), Harness{OneProcess: "x"})
	require.Len(t, failures, 1)
	require.Contains(t, failures[0].String(), "Harness.Open is nil")
}

// A verification that was stopped has not passed.
func TestStoppedIsNotPassed(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NotEmpty(t, Verify(ctx, Harness{
		Open:       func(T) logstore.Store { return memstore.New(nil) },
		OneProcess: "in memory",
	}))
}
