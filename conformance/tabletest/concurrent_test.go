package tabletest_test

import (
	"path/filepath"
	"testing"

	"github.com/deltalog/deltalog/conformance/tabletest"
)

func TestMain(m *testing.M) { tabletest.Main(m) }

func TestGoroutinesOnLocalDisk(t *testing.T) {
	tabletest.Replacements(t, tabletest.Harness{URL: filepath.Join(t.TempDir(), "table"), Writers: 16})
}

func TestProcessesOnLocalDisk(t *testing.T) {
	tabletest.Replacements(t, tabletest.Harness{URL: filepath.Join(t.TempDir(), "table"), Writers: 16, Processes: true})
}
