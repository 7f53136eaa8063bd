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

// both judges a store in both ways.
func both(t *testing.T, h tabletest.Harness) {
	tabletest.Replacements(t, h)
	t.Run("first", func(t *testing.T) { tabletest.FirstWrites(t, h) })
}

func TestGoroutinesOnLocalDisk(t *testing.T) {
	both(t, tabletest.Harness{URL: filepath.Join(t.TempDir(), "table"), Writers: 16})
}

func TestProcessesOnLocalDisk(t *testing.T) {
	both(t, tabletest.Harness{URL: filepath.Join(t.TempDir(), "table"), Writers: 16, Processes: true})
}

func TestGoroutinesInMemory(t *testing.T) {
	var mu sync.Mutex
	tables := map[string]*memstore.Store{}
	both(t, tabletest.Harness{
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
