package sweep

import (
	"os"
	"runtime/debug"
	"testing"
)

func TestMain(m *testing.M) {
	debug.SetGCPercent(400) // many small tables: collecting less often saves a third
	os.Exit(m.Run())
}
