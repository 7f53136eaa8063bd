package interleave

import (
	"os"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/conformance/ops"
	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/internal/effort"
)

func TestMain(m *testing.M) {
	debug.SetGCPercent(400) // many small tables: collecting less often saves a third
	os.Exit(m.Run())
}

// All pairs of operations. With two preemptions at calls of the log all schedules,
// on the variant of a table in which most can go wrong; at every call a sample, on
// the others. In a soak all schedules at every call, as far as time allows.
func TestInterleave(t *testing.T) {
	if d := effort.Soak(); d > 0 {
		seed := uint64(time.Now().UnixNano())
		for _, v := range ops.Variants() {
			t.Logf("%s, stops at every call, seed %d: %s", v.Name, seed,
				Run(t, Options{Variant: v, EveryCall: true, Seed: seed, Time: d / time.Duration(len(ops.Variants()))}))
		}
		return
	}
	began := time.Now()
	all := Run(t, Options{Variant: ops.Tracked, Sample: effort.Pick(2, 0), Seed: 5})
	t.Logf("%s: %s in %s", ops.Tracked.Name, all, time.Since(began).Round(time.Second))
	if effort.Full() {
		for _, v := range []ops.Variant{ops.CopyOnWrite, ops.Vectors, ops.Mapped} {
			t.Logf("%s, stops at every call: %s", v.Name, Run(t, Options{Variant: v, EveryCall: true, Sample: 3, Seed: 5}))
		}
	}
	require.Positive(t, all.Replanned)
	if !effort.Full() || all.Pairs < len(Pairs()) {
		return // it is a sample, it has failed, or only some subtests were run
	}
	// A run in which nobody ever meets another has tested nothing.
	for _, s := range []delta.State{delta.Committed, delta.AlreadyApplied, delta.NoOp, delta.NotCommitted} {
		require.Positive(t, all.Told[s], s)
	}
	for _, reason := range []string{"MetadataChanged", "fenced", "key reused"} {
		require.Positive(t, all.Refused[reason], reason)
	}
}

// The two operations of a pair can be told apart by their rows, and those of one key
// by their content.
func TestPairsDiffer(t *testing.T) {
	names := map[string]bool{}
	for _, p := range Pairs() {
		require.False(t, names[p.Name], p.Name)
		names[p.Name] = true
		for i := range p.A.Rows {
			if len(p.B.Rows) == len(p.A.Rows) && !strings.HasSuffix(p.Name, "the same") {
				require.NotEqual(t, p.A.Rows[i], p.B.Rows[i], p.Name)
			}
		}
		if strings.HasSuffix(p.Name, "other content") {
			require.Equal(t, p.A.Key, p.B.Key)
			require.NotEqual(t, p.A, p.B, p.Name)
		}
	}
}
