package sim

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// Shrink makes a failing script smaller as long as the history still breaks the
// rule that it broke first: actors are left out, then tasks, faults and switches.
// It plays at most limit histories.
func Shrink(t *testing.T, s *Script, rule string, b Broken, limit int) *Report {
	sh := &shrinker{t: t, rule: rule, broken: b, left: limit}
	best := Replay(t, s, b)
	if !best.breaks(rule) {
		return best
	}
	best = sh.search(best)
	for before := -1; before != best.size() && sh.left > 0; {
		before = best.size()
		best = sh.actors(best)
		best = sh.tasks(best)
		best = sh.faults(best)
		best = sh.switches(best)
		best = sh.simpler(best)
	}
	return best
}

// breaks reports whether the history breaks the rule.
func (r *Report) breaks(rule string) bool {
	return slices.ContainsFunc(r.Violations, func(v Violation) bool { return v.Rule == rule })
}

// size is how much there is to look at.
func (r *Report) size() int {
	n := len(r.Script.Faults) + len(r.Script.Switches) + r.Script.Plan.Table.Commits
	for _, a := range r.Script.Plan.Actors {
		n += 1 + len(a.Tasks)
		for _, t := range a.Tasks {
			n += t.Copies
		}
	}
	return n
}

type shrinker struct {
	t      *testing.T
	rule   string
	broken Broken
	left   int
}

// try plays a script, and returns its report if it still fails.
func (sh *shrinker) try(s *Script) (*Report, bool) {
	if sh.left <= 0 {
		return nil, false
	}
	sh.left--
	r := Replay(sh.t, s, sh.broken)
	return r, r.breaks(sh.rule)
}

// without leaves out pieces of n things, large ones first, and keeps what still
// fails. cut returns the script without the things from i to j.
func (sh *shrinker) without(best *Report, count func(*Script) int, cut func(s *Script, i, j int)) *Report {
	for size := count(&best.Script); size > 0; size /= 2 {
		for i := 0; i < count(&best.Script); {
			s := best.Script.clone()
			cut(s, i, min(i+size, count(s)))
			if r, fails := sh.try(s); fails {
				best = r
				continue
			}
			i += size
		}
	}
	return best
}

// search plays the plan that is left with few faults, in other orders: a history
// that is found anew is often smaller than what is left of the first.
func (sh *shrinker) search(best *Report) *Report {
	for most := range 3 {
		for seed := range uint64(25) {
			s := best.Script.clone()
			s.Plan.Most, s.Plan.Faults, s.Plan.Seed = most, 0.1, seed
			if sh.left--; sh.left <= 0 {
				return best
			}
			if r := Run(sh.t, &s.Plan, sh.broken); r.breaks(sh.rule) && r.size() < best.size() {
				best = r
				break
			}
		}
	}
	return best
}

func (sh *shrinker) actors(best *Report) *Report {
	return sh.without(best, func(s *Script) int { return len(s.Plan.Actors) }, func(s *Script, i, j int) {
		s.Plan.Actors = slices.Delete(s.Plan.Actors, i, j)
	})
}

// tasks makes tasks do nothing rather than leave them out: the names of processes
// stay the same.
func (sh *shrinker) tasks(best *Report) *Report {
	for a := range best.Script.Plan.Actors {
		for i := len(best.Script.Plan.Actors[a].Tasks) - 1; i >= 0; i-- {
			for _, change := range []func(ts []Task) []Task{
				func(ts []Task) []Task { return slices.Delete(ts, i, i+1) },
				func(ts []Task) []Task { ts[i].Copies = 0; return ts },
				func(ts []Task) []Task { ts[i].Wait = 0; return ts },
			} {
				s := best.Script.clone()
				act := &s.Plan.Actors[a]
				if i >= len(act.Tasks) {
					continue
				}
				act.Tasks = change(act.Tasks)
				if r, fails := sh.try(s); fails && r.size() <= best.size() {
					best = r
				}
			}
		}
	}
	return best
}

func (sh *shrinker) faults(best *Report) *Report {
	return sh.without(best, func(s *Script) int { return len(s.Faults) }, func(s *Script, i, j int) {
		s.Faults = slices.Delete(s.Faults, i, j)
	})
}

func (sh *shrinker) switches(best *Report) *Report {
	return sh.without(best, func(s *Script) int { return len(s.Switches) }, func(s *Script, i, j int) {
		s.Switches = slices.Delete(s.Switches, i, j)
	})
}

// simpler makes what is left plain: right clocks, fewer commits before, early
// starts.
func (sh *shrinker) simpler(best *Report) *Report {
	for _, change := range []func(p *Plan){
		func(p *Plan) { p.Table.Commits = min(p.Table.Commits, 1) },
		func(p *Plan) { p.Table.Commits = max(1, p.Table.Commits-1) },
		func(p *Plan) { p.Profile = S3 },
		func(p *Plan) {
			for i := range p.Actors {
				p.Actors[i].Skew, p.Actors[i].Frozen = 0, false
			}
		},
		func(p *Plan) {
			for i := range p.Actors {
				p.Actors[i].Start = 0
			}
		},
	} {
		s := best.Script.clone()
		change(&s.Plan)
		if r, fails := sh.try(s); fails {
			best = r
		}
	}
	return best
}

// clone returns a script that shares nothing that shrinking changes.
func (s *Script) clone() *Script {
	c := &Script{Plan: s.Plan, Faults: slices.Clone(s.Faults), Switches: slices.Clone(s.Switches)}
	c.Plan.Actors = slices.Clone(s.Plan.Actors)
	for i := range c.Plan.Actors {
		c.Plan.Actors[i].Tasks = slices.Clone(c.Plan.Actors[i].Tasks)
	}
	return c
}

// An Artefact is a failing history as it is kept.
type Artefact struct {
	Script     Script
	Broken     Broken `json:",omitempty"`
	Hash       uint64
	Violations []Violation
	Trace      []string
}

// Keep writes an artefact into dir, and returns its path. It plays the history
// once more to have its trace.
func Keep(t *testing.T, dir string, r *Report, b Broken) (string, error) {
	s := r.Script.clone()
	s.Plan.Trace = true
	r = Replay(t, s, b)
	data, err := json.MarshalIndent(Artefact{r.Script, b, r.Hash, r.Violations, r.Trace}, "", " ")
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	path := filepath.Join(dir, fmt.Sprintf("%s-%d.json", s.Plan.Tier, s.Plan.Seed))
	return path, os.WriteFile(path, data, 0o644)
}

// ReadArtefact reads what Keep wrote.
func ReadArtefact(path string) (*Artefact, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	a := new(Artefact)
	if err := json.Unmarshal(data, a); err != nil {
		return nil, fmt.Errorf("sim: %s: %w", path, err)
	}
	return a, nil
}
