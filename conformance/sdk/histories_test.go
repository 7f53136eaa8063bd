// The Google client takes its jitter from the process's source of randomness.
//go:debug randseednop=0

package sdk

import (
	"fmt"
	"maps"
	oldrand "math/rand"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/internal/effort"
)

// Numbers of histories for each cloud.
const (
	quickHistories = 20
	ciHistories    = 500
)

// counts is what happened in many histories.
type counts struct {
	mu                           sync.Mutex
	histories, requests, commits int
	fired, outcomes              map[string]int
	most                         int           // requests of one attempt
	virtual                      time.Duration // of all histories
}

func (c *counts) add(h *history) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.histories++
	c.requests += len(h.w.seen)
	c.virtual += h.virtual
	for k, n := range h.sched.fired {
		c.fired[k] += n
	}
	for _, a := range h.attempts {
		c.most = max(c.most, a.requests)
		switch {
		case a.killed:
			c.outcomes["killed"]++
		default:
			c.outcomes[a.result.State.String()]++
		}
		if a.result.Recovered {
			c.outcomes["found out by reading the log"]++
		}
		if a.result.State == delta.Committed {
			c.commits++
		}
	}
	c.outcomes["read"] += len(h.readings)
	c.outcomes["reading failed"] += h.failed
}

// wanted are the outcomes that must have been seen.
var wanted = []string{
	delta.Committed.String(), delta.NotCommitted.String(), delta.AlreadyApplied.String(), delta.Unknown.String(),
	"killed", "found out by reading the log", "read", "reading failed",
}

// unseen names the faults and outcomes that never were.
func (c *counts) unseen(cl cloud) (names []string) {
	for _, k := range table {
		if (k.cloud == "" || k.cloud == cl.name()) && c.fired[k.name] == 0 {
			names = append(names, k.name)
		}
	}
	for _, n := range befalls {
		if c.fired[n] == 0 {
			names = append(names, n)
		}
	}
	for _, n := range wanted {
		if c.outcomes[n] == 0 {
			names = append(names, n)
		}
	}
	return names
}

// cloudFor varies what servers may do differently.
func cloudFor(name string, seed uint64) cloud {
	pages := []int{0, 2, 5}[seed%3]
	if name == "gcs" {
		return gcsCloud{pages: pages}
	}
	return s3Cloud{pages: pages, repeats: seed%2 == 0}
}

// playSeed plays and checks one history. Histories of GCS are played one at a time,
// because they share the process's source of randomness.
func playSeed(t *testing.T, name string, seed uint64, prepare func(*history)) (h *history) {
	if name == "gcs" {
		//lint:ignore SA1019 the Google client's jitter cannot be injected
		oldrand.Seed(int64(seed))
	}
	inBubble(t, cloudFor(name, seed), func(t *testing.T, w *world) {
		h = newHistory(t.Context(), w, seed)
		if prepare != nil {
			prepare(h)
		}
		h.play()
		synctest.Wait()
		h.check()
	})
	return h
}

// TestHistories plays seeded histories through the real clients. A seed is played
// again alone by its name: -run 'TestHistories/s3/histories/seed-17$'.
func TestHistories(t *testing.T) {
	for _, name := range []string{"s3", "gcs"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := &counts{fired: map[string]int{}, outcomes: map[string]int{}}
			n := effort.Pick(quickHistories, ciHistories)
			began := time.Now()
			next := uint64(1)
			batch := func(n int) {
				first := next
				next += uint64(n)
				t.Run("histories", func(t *testing.T) {
					for seed := first; seed < first+uint64(n); seed++ {
						t.Run(fmt.Sprintf("seed-%d", seed), func(t *testing.T) {
							h := playSeed(t, name, seed, nil)
							c.add(h)
							require.Empty(t, h.problems, "%s, seed %d, trace %016x:\n%s", name, seed, h.w.trace(), strings.Join(h.problems, "\n"))
						})
					}
				})
			}
			batch(n)
			for end := time.Now().Add(effort.Soak()); time.Now().Before(end) && !t.Failed(); {
				batch(50)
			}
			took := time.Since(began)
			t.Logf("%s: %d histories, %d requests, %d commits, %d faults, %s of virtual time, at most %d requests of one process, in %s: %.0f histories a minute",
				name, c.histories, c.requests, c.commits, total(c.fired), c.virtual.Round(time.Second), c.most, took.Round(time.Millisecond), float64(c.histories)/took.Minutes())
			for _, k := range slices.Sorted(maps.Keys(c.outcomes)) {
				t.Logf("%6d %s", c.outcomes[k], k)
			}
			for _, k := range slices.Sorted(maps.Keys(c.fired)) {
				t.Logf("%6d × %s", c.fired[k], k)
			}
			if c.histories >= ciHistories { // not when single seeds are asked for
				require.Empty(t, c.unseen(cloudFor(name, 0)), "never happened: the run proves less than it says")
			}
		})
	}
}

func total(m map[string]int) (n int) {
	for _, k := range m {
		n += k
	}
	return n
}

// TestSameSeedSameHistory measures how far a seed decides. What it cannot fix is
// named in the package comment; a seed that failed must mostly fail again.
func TestSameSeedSameHistory(t *testing.T) {
	for _, name := range []string{"s3", "gcs"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const seeds = 6
			same := 0
			for seed := range uint64(seeds) {
				a, b := playSeed(t, name, 1000+seed, nil), playSeed(t, name, 1000+seed, nil)
				if a.w.trace() == b.w.trace() {
					same++
				}
			}
			t.Logf("%s: %d of %d seeds gave the same history twice", name, same, seeds)
			require.Greater(t, same, seeds/2)
		})
	}
}
