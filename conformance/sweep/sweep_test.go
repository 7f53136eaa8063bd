package sweep

import (
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
// effort allows, in a soak all of them.
func TestSweep(t *testing.T) {
	o := Options{Seed: 5, Doubles: effort.Pick(4, 40)}
	if !effort.Full() {
		o.Variants = []ops.Variant{ops.Tracked} // it has what the others have, but the plain rewriting of files
	}
	if d := effort.Soak(); d > 0 {
		o.Doubles, o.Until, o.Variants = -1, time.Now().Add(d), nil
	}
	began := time.Now()
	r := Run(t, o)
	t.Logf("%s in %s", r, time.Since(began).Round(time.Second))
	if r.Cases < len(Cases()) {
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
		o.Cases = named("append", "merge", "first-replace", "delete")
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
