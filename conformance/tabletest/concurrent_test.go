package tabletest_test

import (
	"path/filepath"
	"testing"

	"github.com/deltalog/deltalog/conformance/tabletest"
)

func TestMain(m *testing.M) { tabletest.Main(m) }

func TestGoroutinesOnLocalDisk(t *testing.T) {
	tabletest.Replacements(t, filepath.Join(t.TempDir(), "table"), 16, false)
}

func TestProcessesOnLocalDisk(t *testing.T) {
	tabletest.Replacements(t, filepath.Join(t.TempDir(), "table"), 16, true)
}
