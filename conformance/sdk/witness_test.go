package sdk

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/txlog"
)

// check compares everything that was told and read with the log, which is the
// witness: each version says by its userMetadata whose attempt it is.
func (h *history) check() {
	for _, a := range h.attempts {
		if a.err != nil {
			h.leaks(a.err)
		}
		for _, w := range a.result.Warnings {
			h.leaks(w)
		}
	}
	h.checkRecord()
	h.checkRequests()
	commits := h.commits()
	owner := map[string]delta.Version{} // userMetadata → version
	byJob := map[*job][]delta.Version{}
	attempts := map[string]*attempt{}
	for _, a := range h.attempts {
		attempts[a.meta] = a
	}
	states := [][]string{nil} // rows by version
	for _, c := range commits[1:] {
		meta := ""
		if ci := c.Info(); ci != nil {
			meta = ci.UserMetadata
		}
		a := attempts[meta]
		if a == nil {
			h.problem("version %d has the userMetadata %q, which nobody wrote", c.Version, meta)
			return
		}
		if v, twice := owner[meta]; twice {
			h.problem("the attempt %s is in version %d and in %d", meta, v, c.Version)
		}
		owner[meta] = c.Version
		byJob[a.job] = append(byJob[a.job], c.Version)
		states = append(states, a.job.apply(states[len(states)-1]))
	}
	for _, a := range h.attempts {
		h.checkOutcome(a, owner, byJob[a.job])
	}
	for _, r := range h.readings {
		if int(r.version) >= len(states) || !slices.Equal(r.rows, states[r.version]) {
			h.problem("a reader saw version %d as %v", r.version, r.rows)
		}
	}
	h.checkRows(states)
}

// apply is the model: what a job makes of the rows of a table.
func (b *job) apply(before []string) (after []string) {
	replaced := map[string]bool{}
	for _, r := range b.rows {
		replaced[r.Part+"/"] = b.op == opReplace
	}
	for _, r := range before {
		part, _, _ := strings.Cut(r, "/")
		if b.op != opReload && !replaced[part+"/"] {
			after = append(after, r)
		}
	}
	for _, r := range b.rows {
		after = append(after, r.String())
	}
	slices.Sort(after)
	return after
}

// checkOutcome: what an attempt was told is true.
func (h *history) checkOutcome(a *attempt, owner map[string]delta.Version, ofJob []delta.Version) {
	at, landed := owner[a.meta]
	say := func(what string) {
		h.problem("%s (%s): %s: told %s of version %d, error %v; it is in the log: %t, at %d; its job: %v",
			a.meta, a.job.op, what, a.result.State, a.result.Version, a.err, landed, at, ofJob)
	}
	if a.job.key != "" && len(ofJob) != 1 {
		say("a key has not exactly one effect")
	}
	if a.killed {
		return // nobody was told anything
	}
	switch a.result.State {
	case delta.Committed:
		if !landed || at != a.result.Version || a.err != nil {
			say("not committed as told")
		}
	case delta.NotCommitted:
		if landed || a.err == nil {
			say("committed against what was told")
		}
	case delta.AlreadyApplied:
		if landed || a.job.key == "" || !slices.Contains(ofJob, a.result.Version) {
			say("not applied before")
		}
	case delta.Unknown:
		if landed && at != a.result.Version {
			say("landed at another version than the one in question")
		}
	default:
		say("no state")
	}
}

// commits are the versions on the server.
func (h *history) commits() (all []*txlog.Commit) {
	for v := delta.Version(0); ; v++ {
		o := h.w.bucket.objects[fmt.Sprintf("t/_delta_log/%020d.json", v)]
		if o == nil {
			break
		}
		c, err := txlog.ParseCommit(v, bytes.Clone(o.data)) // which it takes apart in place
		if err != nil {
			h.problem("version %d: %v", v, err)
			break
		}
		all = append(all, c)
	}
	n := 0
	for k := range h.w.bucket.objects {
		if isCommit(k) {
			n++
		}
	}
	if n != len(all) || n == 0 {
		h.problem("the log has %d versions and %d without a gap", n, len(all))
	}
	return all
}

// checkRows: every version has the rows of the model, and the newest one also
// without checkpoints.
func (h *history) checkRows(states [][]string) {
	ctx := context.Background()
	m := h.w.copyOf()
	look := func(v int, what string) {
		o := tableOptions(m, 5)
		tbl, err := delta.Open(ctx, "mem://", &o)
		if err != nil {
			h.problem("open %s: %v", what, err)
			return
		}
		r, err := rowsAt(ctx, tbl, delta.AtVersion(delta.Version(v)))
		if err != nil {
			h.problem("read version %d %s: %v", v, what, err)
			return
		}
		if !slices.Equal(r.rows, states[v]) {
			h.problem("version %d %s has the rows %v, want %v", v, what, r.rows, states[v])
		}
	}
	for v := range states {
		look(v, "as it is")
	}
	for _, n := range m.Names() {
		if strings.Contains(n, "checkpoint") {
			if err := m.Delete(ctx, n); err != nil {
				h.problem("%v", err)
			}
		}
	}
	look(len(states)-1, "without checkpoints")
}

// checkRecord: what was done to the objects, over all time.
func (h *history) checkRecord() {
	bodies := map[string][]byte{}
	for _, c := range h.w.bucket.record {
		switch {
		case isCommit(c.key):
			if body, seen := bodies[c.key]; seen && !bytes.Equal(body, c.body) {
				h.problem("%s had two bodies", c.key)
			}
			bodies[c.key] = c.body
			if c.verb == "delete" || !c.conditional {
				h.problem("%s: %s by %s, conditional %t", c.key, c.verb, c.process, c.conditional)
			}
		case c.verb == "put" && !c.conditional && !strings.HasSuffix(c.key, "/_last_checkpoint"):
			h.problem("%s was written by %s without a condition", c.key, c.process)
		case c.verb == "put" && c.replaced && !strings.HasSuffix(c.key, "/_last_checkpoint"):
			h.problem("%s was overwritten by %s", c.key, c.process)
		}
	}
	for id, u := range h.w.bucket.uploads {
		if h.w.cloud.name() == "s3" && u.state == uploadOpen && u.excused == "" && !h.w.net.isDead(u.process) {
			h.problem("%s of %s, by %s, was neither finished nor aborted", id, u.key, u.process)
		}
	}
}

// checkRequests: no attempt has sent more than its faults and the log's length explain.
func (h *history) checkRequests() {
	versions := 0
	count := map[string]int{}
	for _, e := range h.w.events() {
		count[e.process]++
		if isCommit(e.key) && e.status == 200 && e.verb == verbPut {
			versions++
		}
	}
	for _, a := range h.attempts {
		a.requests = count[a.process]
		chunks := 0
		for _, r := range a.job.rows {
			chunks += len(r.Note) >> 17 // of GCS; each costs a request
		}
		most := min(requestsBase+requestsPerVersion*versions+requestsPerFault*h.sched.met[a.process], requestsMost) + chunks
		if a.requests > most {
			h.problem("%s sent %d requests, at most %d are explained by %d versions and %d faults", a.process, a.requests, most, versions, h.sched.met[a.process])
		}
	}
}

// What a write may cost: opening a table and writing a file or two, a look at each
// version that came in between and a lost race for it, and what the repetition
// after one fault takes: seconds of asking the log whether a request has landed.
const (
	requestsBase       = 24
	requestsPerVersion = 3
	requestsPerFault   = 10
	requestsMost       = 150 // whatever happens: about four times what was ever seen
)
