package tabletest_test

import (
	"context"
	"path/filepath"
	"sync"
	"testing"

	"github.com/deltalog/deltalog/conformance/tabletest"
	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/txlog/logstore/memstore"
)

func TestMain(m *testing.M) { tabletest.Main(m) }

// judge judges a store with writes and with changes.
func judge(t *testing.T, h tabletest.Harness) {
	tabletest.Replacements(t, h)
	t.Run("first", func(t *testing.T) { tabletest.FirstWrites(t, h) })
	t.Run("changes", func(t *testing.T) { tabletest.Changes(t, h) })
}

func TestManyPartitionsOnLocalDisk(t *testing.T) {
	t.Parallel()
	tabletest.DisjointChanges(t, tabletest.Harness{URL: filepath.Join(t.TempDir(), "table"), Writers: 64})
}

func TestGoroutinesOnLocalDisk(t *testing.T) {
	t.Parallel()
	judge(t, tabletest.Harness{URL: filepath.Join(t.TempDir(), "table"), Writers: 16})
}

func TestProcessesOnLocalDisk(t *testing.T) {
	t.Parallel()
	judge(t, tabletest.Harness{URL: filepath.Join(t.TempDir(), "table"), Writers: 16, Processes: true})
}

func TestGoroutinesInMemory(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	tables := map[string]*memstore.Store{}
	judge(t, tabletest.Harness{
		URL: "mem://table", Writers: 16,
		Open: func(_ context.Context, url string) (logstore.Store, error) {
			mu.Lock()
			defer mu.Unlock()
			if tables[url] == nil {
				tables[url] = memstore.New(&memstore.Options{URL: url})
			}
			return tables[url], nil
		},
	})
}
