package sdk

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"iter"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing/synctest"
)

// A scheduler chooses which of the requests that have arrived is carried out next,
// and what happens to it, by one seeded source.
type scheduler struct {
	w     *world
	rng   *rand.Rand
	armed []*armed
	calm  atomic.Bool    // no faults
	storm int            // that many requests more are refused
	fired map[string]int // by kind, and by what else befell requests
	met   map[string]int // faults by process
	kill  func(process string)
	done  chan struct{}
	ended chan struct{}
}

// An armed kind fires once, at the request that it has waited for.
type armed struct {
	kind
	after  int  // so many that fit pass first
	commit bool // only commits count
	fired  bool
}

// Names of what befalls requests beside the kinds of the table.
const (
	befellStorm    = "storm of 503 and 429"
	befellLost     = "left alone by its client, lost"
	befellLanded   = "left alone by its client, landed"
	befellLate     = "arrived late"
	befellKillPre  = "process killed before its request"
	befellKillPost = "process killed after its request"
	befellPause    = "time passed while requests waited"
)

var befalls = []string{befellStorm, befellLost, befellLanded, befellLate, befellKillPre, befellKillPost, befellPause}

// run schedules until stop is called and nothing waits any more.
func (s *scheduler) run() {
	defer close(s.ended)
	for {
		synctest.Wait()
		s.w.mu.Lock()
		waiting, late := len(s.w.parked), len(s.w.late)
		s.w.mu.Unlock()
		switch {
		case waiting == 0:
			select {
			case <-s.w.wake:
			case <-s.done:
				return
			}
		case late > 0 && s.rng.IntN(6) == 0:
			s.fired[befellLate]++
			s.w.release(s.rng.IntN(late))
		case !s.calm.Load() && s.rng.IntN(60) == 0:
			s.fired[befellPause]++
			s.w.wait(between(s.rng, 1, 70))
		default:
			s.release()
		}
	}
}

// stop ends the scheduler.
func (s *scheduler) stop() {
	close(s.done)
	<-s.ended
}

// release lets one request go on.
func (s *scheduler) release() {
	s.w.mu.Lock()
	slices.SortFunc(s.w.parked, func(a, b *request) int {
		return cmp.Or(cmp.Compare(a.process, b.process), cmp.Compare(a.verb, b.verb), cmp.Compare(a.key, b.key),
			cmp.Compare(a.part, b.part), cmp.Compare(a.n, b.n))
	})
	i := s.rng.IntN(len(s.w.parked))
	r := s.w.parked[i]
	s.w.parked = slices.Delete(s.w.parked, i, i+1)
	s.w.mu.Unlock()
	f := s.choose(r)
	if !f.none() {
		s.met[r.process]++
	}
	r.turn <- f
}

func (s *scheduler) choose(r *request) fault {
	if r.http.Context().Err() != nil || s.w.net.isDead(r.process) { // nobody waits for the answer
		if s.rng.IntN(2) == 0 {
			s.fired[befellLost]++
			return fault{name: befellLost, applied: never, answer: answerDrop}
		}
		s.fired[befellLanded]++
		return fault{name: befellLanded, answer: answerDrop}
	}
	switch {
	case s.calm.Load():
		return fault{}
	case s.storm > 0:
		s.storm--
		if s.rng.IntN(2) == 0 {
			return busy(503, "SlowDown")
		}
		return busy(429, "TooManyRequests")
	case s.rng.IntN(150) == 0:
		s.fired[befellStorm]++
		s.storm = 2 + s.rng.IntN(14)
	case s.rng.IntN(200) == 0:
		if process := r.process; s.rng.IntN(2) == 0 {
			s.fired[befellKillPre]++
			return fault{name: befellKillPre, applied: never, answer: answerDrop, run: func() { s.kill(process) }}
		}
		s.fired[befellKillPost]++
		return fault{name: befellKillPost, answer: answerKill}
	}
	for _, a := range s.armed {
		if a.fired || !a.fits(s.w.cloud, r) || a.commit && !isCommit(r.key) {
			continue
		}
		if a.after--; a.after < 0 {
			a.fired = true
			s.fired[a.name]++
			return a.make(s.rng, r)
		}
	}
	return fault{}
}

// arm chooses the kinds of faults that a history will meet.
func arm(rng *rand.Rand, c cloud, large bool) (out []*armed) {
	for range 5 + rng.IntN(8) {
		k := table[rng.IntN(len(table))]
		if k.cloud != "" && k.cloud != c.name() {
			continue
		}
		a := &armed{kind: k, after: rng.IntN(6)}
		if len(k.verbs) > 3 && large && rng.IntN(2) == 0 { // at one request of an upload
			v := largeVerbs[rng.IntN(len(largeVerbs))]
			if !has(c, v) || !slices.Contains(k.verbs, v) {
				continue
			}
			a.verbs, a.after = []string{v}, rng.IntN(3)
		} else if slices.Contains(k.verbs, verbPut) && rng.IntN(2) == 0 {
			a.commit = true
		}
		out = append(out, a)
	}
	if large { // what can only happen to uploads, soon
		kinds := slices.Collect(uploadKinds(c))
		for range 3 {
			out = append(out, &armed{kind: kinds[rng.IntN(len(kinds))]})
		}
		if c.name() == "s3" && rng.IntN(2) == 0 { // or there is nothing to abort
			i := slices.IndexFunc(table, func(k kind) bool { return k.name == "upload is gone" })
			out = append(out, &armed{kind: table[i]})
		}
	}
	return out
}

// uploadKinds yields the kinds of requests that only uploads of large objects make.
func uploadKinds(c cloud) iter.Seq[kind] {
	return func(yield func(kind) bool) {
		for _, k := range table {
			of := func(v string) bool { return v == verbPut || !slices.Contains(largeVerbs, v) }
			if (k.cloud == "" || k.cloud == c.name()) && !slices.ContainsFunc(k.verbs, of) && !yield(k) {
				return
			}
		}
	}
}

// trace is a hash of all that was done, in order.
func (w *world) trace() uint64 {
	h := fnv.New64a()
	for _, e := range w.events() {
		fmt.Fprintf(h, "%s|%s|%d\n", e.request, e.fault.name, e.status)
	}
	return h.Sum64()
}
