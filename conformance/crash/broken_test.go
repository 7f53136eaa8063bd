package crash_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/conformance/crash"
	"github.com/deltalog/deltalog/internal/diskcall"
	"github.com/deltalog/deltalog/txlog/logstore"
)

// forgetting leaves out the calls that a driver which is wrong forgets.
func forgetting(forget func(diskcall.Call) bool) func(diskcall.Hook) diskcall.Hook {
	return func(h diskcall.Hook) diskcall.Hook {
		return func(c diskcall.Call, do func() error) error {
			if forget(c) {
				return nil
			}
			return h(c, do)
		}
	}
}

// brokenDrivers are drivers that are wrong, and what is then seen after a power cut.
var brokenDrivers = map[string]struct {
	system func(diskcall.Hook) diskcall.Hook
	seen   string
}{
	"content is not flushed": {
		forgetting(func(c diskcall.Call) bool { return c.Op == diskcall.SyncFile }), "half of a file has the name of a whole one",
	},
	"data files are not flushed": {
		forgetting(func(c diskcall.Call) bool { return c.Op == diskcall.SyncFile && strings.HasSuffix(c.Path, ".parquet") }), "half of a file",
	},
	"directories are not flushed": {
		forgetting(func(c diskcall.Call) bool { return c.Op == diskcall.SyncDir }), "table not found",
	},
	"the log's directory is not flushed": {
		forgetting(func(c diskcall.Call) bool { return c.Op == diskcall.SyncDir && c.Path == "_delta_log" }), "table not found",
	},
	"partitions' directories are not flushed": {
		forgetting(func(c diskcall.Call) bool { return c.Op == diskcall.SyncDir && strings.HasPrefix(c.Path, "part=") }), "live file",
	},
	"the table's directory is not flushed": {
		forgetting(func(c diskcall.Call) bool { return c.Op == diskcall.SyncDir && c.Path == "." }), "table not found",
	},
	"the directories above the table are not flushed": {
		forgetting(func(c diskcall.Call) bool { return c.Op == diskcall.SyncDir && strings.HasPrefix(c.Path, "/") }), "table not found",
	},
	"files are flushed after they have their name": {lateFlush, "half of a file"},
}

// lateFlush flushes a file's content when its directory is flushed.
func lateFlush(h diskcall.Hook) diskcall.Hook {
	var late []diskcall.Call
	nothing := func() error { return nil }
	return func(c diskcall.Call, do func() error) error {
		switch c.Op {
		case diskcall.SyncFile:
			late = append(late, c)
			return nil
		case diskcall.SyncDir:
			for _, c := range late {
				if err := h(c, nothing); err != nil {
					return err
				}
			}
			late = nil
		}
		return h(c, do)
	}
}

// The suite of power cuts fails on drivers that are wrong.
func TestPowerCutCatchesBrokenDrivers(t *testing.T) {
	for name, b := range brokenDrivers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := record(t, lives["created"], b.system)
			_, err := powerCuts(r.disk, t.TempDir(), 0, 1, true, func(k int, img *crash.Image, top string) error {
				return r.afterPowerCut(t.Context(), k, img, top)
			})
			require.ErrorContains(t, err, b.seen)
		})
	}
}

// A blunt store does not let anybody flush what others have written.
type blunt struct{ logstore.Store }

// A process that says of work which it finds in the log that it is done, without
// flushing it, is caught.
func TestPowerCutCatchesUnflushedAnswers(t *testing.T) {
	var err error
	for n := 0; err == nil; n++ {
		m, met := fight(t, duels[1], n, true, func(st logstore.Store) logstore.Store { return blunt{st} })
		require.True(t, met, "nobody noticed")
		_, err = powerCuts(m.disk, t.TempDir(), m.from, 1, false, func(k int, img *crash.Image, top string) error {
			return m.afterPowerCut(t.Context(), k, img, top)
		})
	}
	require.ErrorContains(t, err, "was acknowledged, and the newest is")
}
