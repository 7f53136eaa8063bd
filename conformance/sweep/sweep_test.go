package sweep

import (
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/conformance/ops"
	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/internal/effort"
	"github.com/deltalog/deltalog/txlog/logstore"
	"github.com/deltalog/deltalog/txlog/logstore/localstore"
)

// Every operation, every storage call, every fault; pairs of faults as many as the
// effort allows, in a soak all of them as far as its time allows.
func TestSweep(t *testing.T) {
	// Tracked has what Vectors has; Mapped and CopyOnWrite are what is left.
	o := Options{Seed: 5, Doubles: effort.Pick(4, 40), Cases: alone(), Variants: []ops.Variant{ops.Tracked}}
	if effort.Full() {
		o.Variants = append(o.Variants, ops.CopyOnWrite, ops.Mapped)
	}
	if d := effort.Soak(); d > 0 {
		o.Doubles, o.Seed, o.Variants, o.Cases = -1, uint64(time.Now().UnixNano()), nil, nil
		o.Share = d * time.Duration(runtime.GOMAXPROCS(0)) / time.Duration(len(Cases())*len(ops.Variants()))
	}
	began := time.Now()
	r := Run(t, o)
	t.Logf("%s in %s", r, time.Since(began).Round(time.Second))
	if r.Cases < len(alone()) {
		return // it has failed, or only some subtests were run
	}
	// A sweep in which something never happens has not tested it.
	for _, m := range Modes() {
		require.Positive(t, r.Modes[m], m)
	}
	for _, s := range []delta.State{delta.Committed, delta.NotCommitted, delta.Unknown, delta.NoOp, delta.AlreadyApplied} {
		require.Positive(t, r.Told[s], s)
	}
	require.Positive(t, r.Recovered)
	require.Positive(t, r.Crashed)
}

// The same beside a rival, who takes the version that the operation would get.
func TestSweepBeside(t *testing.T) {
	o := Options{Seed: 6, Doubles: effort.Pick(0, 40), Cases: beside(), Variants: []ops.Variant{ops.Tracked}}
	if !effort.Full() {
		o.Cases = named("append-beside", "merge-beside", "replace-dynamic-beside", "first-append-beside")
	}
	t.Log(Run(t, o))
}

// The same on a disk.
func TestSweepOnDisk(t *testing.T) {
	o := Options{
		Store: func(tb testing.TB) logstore.Store {
			st, err := localstore.Open(tb.TempDir(), nil)
			require.NoError(tb, err)
			return st
		},
		Variants: []ops.Variant{ops.Tracked}, Cases: named("append"),
	}
	if effort.Full() {
		o.Cases = named("append", "merge", "first-replace")
	}
	t.Log(Run(t, o))
}

func named(names ...string) (cs []Case) {
	for _, name := range names {
		for _, c := range Cases() {
			if c.Name == name {
				cs = append(cs, c)
			}
		}
	}
	return cs
}
