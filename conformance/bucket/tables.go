package bucket

import (
	"context"
	"fmt"

	"github.com/deltalog/deltalog/conformance"
	"github.com/deltalog/deltalog/conformance/ours"
	"github.com/deltalog/deltalog/delta/fsck"
	"github.com/deltalog/deltalog/txlog/logstore"
)

// followsTable is what a broken promise about a table means.
const followsTable = "jobs that are retried or run beside each other can lose or double rows on this store; " +
	"if the checks of the store passed, this is a bug of deltalog: please report it with the seed and the output of this run"

// planScenarios plans the scenarios of package conformance with this engine.
func (r *run) planScenarios() {
	n := 0
	var last ours.Place
	h := ours.New("this store", func(context.Context) (ours.Place, error) {
		n++
		last = r.place(fmt.Sprintf("scenarios/%03d", n))
		return last, nil
	})
	for _, c := range conformance.Scenarios() {
		if !applies(c, h) {
			continue
		}
		r.plan = append(r.plan, planned{
			Check: Check{Part: "scenarios", Name: c.Name, Promise: c.Promise},
			run: func(ctx context.Context) (seen []string, follows string) {
				v := c.Evaluate(ctx, h)
				if v.Result != conformance.Pass {
					return []string{v.Seen}, followsTable
				}
				// The last scenarios spoil what leads to the checkpoint themselves.
				return r.fsck(ctx, last, spoils(c)), followsTable
			},
		})
	}
}

func applies(c conformance.Scenario, h *conformance.Harness) bool {
	for _, f := range c.Needs {
		if _, lacks := h.Lacks[f]; lacks {
			return false
		}
	}
	return true
}

func spoils(c conformance.Scenario) bool {
	for _, f := range c.Needs {
		if f == conformance.Reads {
			return true
		}
	}
	return false
}

func (r *run) place(name string) ours.Place {
	return ours.Place{URL: r.url(name), Open: func(ctx context.Context) (logstore.Store, error) { return r.open(ctx, name) }}
}

// fsck says what is wrong with the bytes of a table. Where a scenario has spoilt
// checkpoints and what points to them, only what is wrong with anything else.
func (r *run) fsck(ctx context.Context, p ours.Place, spoilt bool) []string {
	s, err := p.Open(ctx)
	if err != nil {
		return []string{err.Error()}
	}
	defer s.Close()
	rep, err := fsck.Run(ctx, s, &fsck.Options{Depth: fsck.Rows, History: true})
	if err != nil {
		return []string{"the table cannot be checked: " + err.Error()}
	}
	var seen []string
	for _, f := range rep.Findings {
		switch f.Code {
		case fsck.CheckpointBad, fsck.CheckpointPartial, fsck.HintBad, fsck.HintStale, fsck.ReaderFallback:
			if spoilt {
				continue
			}
		}
		if f.Severity == fsck.Error {
			seen = append(seen, "fsck: "+f.String())
		}
	}
	return seen
}
