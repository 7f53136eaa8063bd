package bucket

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/deltalog/deltalog/conformance/storecheck"
	"github.com/deltalog/deltalog/txlog/logstore"
)

// planStore plans the checks of the store's contract, smaller than a driver's
// author would run them, each below a prefix of its own.
func (r *run) planStore() {
	n := 0
	h := &storecheck.Harness{
		Open: func(t storecheck.T) logstore.Store {
			n++
			s, err := r.open(t.Context(), fmt.Sprintf("store/%03d", n))
			if err != nil {
				t.Fatalf("open the store: %v", err)
			}
			return s
		},
		Writers: 16, Rounds: 40, Processes: r.o.Processes, LargeBytes: 12 << 20, Overwrites: 20, Sample: 40, Pace: 10 * time.Millisecond,
	}
	if r.o.Worker == nil {
		h.OneProcess = "no other process takes part in this run"
	} else {
		h.Command = func(_ storecheck.T, s logstore.Store) *exec.Cmd {
			// What a worker asks at most: each of its writers puts once and reads once.
			_ = r.m.ask(int64(2 * h.Writers / h.Processes * h.Rounds / 4))
			cmd := r.o.Worker()
			cmd.Args = append(cmd.Args, "store", s.URL())
			return cmd
		}
	}
	if err := h.Prepare(); err != nil {
		panic(err) // a harness that is written here
	}
	for _, c := range storecheck.All() {
		if h.Command == nil && c.Name == "race of processes" {
			continue
		}
		r.plan = append(r.plan, planned{
			Check: Check{Part: "store", Name: c.Name, Promise: c.Promise},
			run: func(ctx context.Context) (seen []string, follows string) {
				for _, f := range c.Verify(ctx, h) {
					seen = append(seen, strings.TrimSpace(f.Message))
				}
				return seen, c.Follows
			},
		})
	}
}
