package check

import (
	"maps"
	"slices"
)

// maxTrials bounds how many ways to place changes are tried.
const maxTrials = 5000

// A placing looks for the versions of changes of which no client knows the version:
// of the versions that nobody holds, those at which they explain most of what was
// read.
type placing struct {
	c      *cycles
	open   []*Event
	holes  []int64
	best   map[*Event]int64
	least  int
	trials int
}

// place gives versions to the changes that have none, where that explains more of
// what was read.
func (c *cycles) place(open []*Event) {
	if len(open) == 0 {
		return
	}
	p := &placing{c: c, open: open, holes: c.holes(len(open)), best: maps.Clone(c.version)}
	p.least = c.distance(Never)
	p.from(0)
	c.version = p.best
}

// from tries all ways to fill the holes from the i-th on.
func (p *placing) from(i int) {
	if p.least == 0 || p.trials >= maxTrials {
		return
	}
	p.trials++
	until := Never
	if i < len(p.holes) {
		until = p.holes[i] - 1
	}
	d := p.c.distance(until)
	if d >= p.least {
		return
	}
	if i == len(p.holes) {
		p.least, p.best = d, maps.Clone(p.c.version)
		return
	}
	for _, u := range p.open {
		if _, placed := p.c.version[u]; placed || !p.c.anyTime && p.holes[i] < p.c.earliest(u) {
			continue
		}
		p.c.version[u] = p.holes[i]
		p.from(i + 1)
		delete(p.c.version, u)
	}
	p.from(i + 1)
}

// earliest returns the first version that is after those of all events that were
// answered before u was called.
func (c *cycles) earliest(u *Event) int64 {
	first := int64(0)
	for e, v := range c.version {
		if e.Return < u.Call {
			first = max(first, v+1)
		}
	}
	for _, e := range c.h.Events {
		if e.Return < u.Call && e.Outcome == Done && e.Version != NoVersion {
			first = max(first, e.Version+1)
		}
	}
	return first
}

// holes returns the versions that no event holds, up to n after the last.
func (c *cycles) holes(n int) (vs []int64) {
	taken, last := map[int64]bool{}, NoVersion
	for _, v := range c.version {
		taken[v], last = true, max(last, v)
	}
	for _, e := range c.h.Events {
		last = max(last, e.Version)
	}
	for v := int64(0); v <= last+int64(n); v++ {
		if !taken[v] {
			vs = append(vs, v)
		}
	}
	return vs
}

// distance is by how many rows the reads of versions up to one differ from what the
// versions that are given would show. Reads of which no version is known count if
// all others do.
func (c *cycles) distance(until int64) (n int) {
	writers := slices.SortedFunc(maps.Keys(c.version), func(a, b *Event) int { return int(c.version[a] - c.version[b]) })
	for _, p := range c.h.partitions() {
		t := c.timeline(p, writers, nil)
		for _, e := range c.h.Events {
			rows, reads := e.Reads[p]
			if !reads || e.Outcome != Done {
				continue
			}
			if len(e.Changes) == 0 && e.Version != NoVersion {
				if e.Version <= until {
					n += apart(t.states[c.at(t, e.Version)], rows)
				}
				continue
			}
			if until != Never {
				continue
			}
			least := len(rows) + 1
			for _, s := range t.states {
				least = min(least, apart(s, rows))
			}
			n += least
		}
	}
	return n
}

// apart counts the rows that only one of two lists has.
func apart(a, b []string) (n int) {
	left := map[string]int{}
	for _, r := range a {
		left[r]++
	}
	for _, r := range b {
		left[r]--
	}
	for _, k := range left {
		n += max(k, -k)
	}
	return n
}
