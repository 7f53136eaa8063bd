package check

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A hop is one edge of a cycle.
type hop struct {
	from int
	edge
}

// kindOrder is which of several dependencies of one event on another is told.
var kindOrder = []string{"ww", "wr", "rt", "rw"}

// find reports forbidden cycles, the shortest first, and of those that share an
// event only the first.
func (c *cycles) find() {
	for i := range c.out {
		slices.SortStableFunc(c.out[i], func(a, b edge) int {
			return cmp.Compare(slices.Index(kindOrder, a.kind), slices.Index(kindOrder, b.kind))
		})
	}
	var all [][]hop
	for i := range c.nodes {
		for _, afterRW := range []bool{false, true} {
			if cycle := c.shortest(i, afterRW); cycle != nil {
				all = append(all, cycle)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b []hop) int {
		return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(countKind(a, "rw"), countKind(b, "rw")))
	})
	told := map[int]bool{}
	for _, cycle := range all {
		if slices.ContainsFunc(cycle, func(h hop) bool { return told[h.from] }) {
			continue
		}
		for _, h := range cycle {
			told[h.from] = true
		}
		c.tell(cycle)
	}
}

func countKind(cycle []hop, kind string) (n int) {
	for _, h := range cycle {
		if h.kind == kind {
			n++
		}
	}
	return n
}

// A spot is an event on the way of a search, and whether the way came to it over an
// rw dependency, after which SnapshotIsolation's searches do not take another.
type spot struct {
	node    int
	afterRW bool
}

// shortest returns the shortest forbidden cycle through a node; nil if there is
// none.
func (c *cycles) shortest(node int, afterRW bool) []hop {
	start := spot{node, afterRW}
	if afterRW && c.level == Serializable {
		return nil // there it makes no difference
	}
	type way struct {
		from spot
		hop  hop
	}
	came := map[spot]way{}
	queue := []spot{start}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		for _, e := range c.out[at.node] {
			next := spot{e.to, false}
			if c.level == SnapshotIsolation {
				if at.afterRW && e.kind == "rw" {
					continue
				}
				next.afterRW = e.kind == "rw"
			}
			if _, seen := came[next]; seen {
				continue
			}
			came[next] = way{at, hop{at.node, e}}
			if next != start {
				queue = append(queue, next)
				continue
			}
			var cycle []hop
			for back := start; ; {
				w := came[back]
				cycle = append(cycle, w.hop)
				if back = w.from; back == start {
					slices.Reverse(cycle)
					return cycle
				}
			}
		}
	}
	return nil
}

// tell names a cycle.
func (c *cycles) tell(cycle []hop) {
	var events []*Event
	var b strings.Builder
	for _, h := range cycle {
		e := c.nodes[h.from]
		events = append(events, e)
		fmt.Fprintf(&b, "%s —%s", e, h.kind)
		if h.part != "" {
			fmt.Fprintf(&b, " %s", h.part)
		}
		b.WriteString("→ ")
	}
	fmt.Fprintf(&b, "%s", events[0])
	part := cycle[0].part
	for _, h := range cycle {
		if h.part != "" && part == "" {
			part = h.part
		}
		if h.part != "" && h.part != part {
			part = ""
			break
		}
	}
	c.report(name(cycle), part, events, "%s", b.String())
}

// name says which anomaly a cycle is.
func name(cycle []hop) Anomaly {
	rws, timed := countKind(cycle, "rw"), countKind(cycle, "rt") > 0
	switch {
	case rws == 0 && timed:
		return RealTime
	case rws == 0:
		return Circular
	case rws == 1 && countKind(cycle, "ww") == len(cycle)-1:
		return LostUpdate
	case timed:
		return StaleRead
	case rws == 1:
		return ReadSkew
	}
	for i, h := range cycle {
		if h.kind == "rw" && cycle[(i+1)%len(cycle)].kind == "rw" {
			return WriteSkew
		}
	}
	return LongFork
}
