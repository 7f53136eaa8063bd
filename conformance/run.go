package conformance

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Scenario is a story that an engine must survive.
type Scenario struct {
	Name    string
	Promise string // one sentence
	// IDs are the bugs and invariants of docs/design that it stands for: A1, T4.
	IDs   []string
	Needs []Feature
	run   func(s *stage)
}

// A Result is how a scenario ended.
type Result string

// The results.
const (
	Pass          Result = "pass"
	Fail          Result = "fail"
	NotApplicable Result = "n/a"
	// Broken means that the harness could not tell the story: that is no verdict on
	// the engine.
	Broken Result = "broken"
)

// A Verdict is what came of a scenario with one engine.
type Verdict struct {
	Scenario string        `json:"scenario"`
	Result   Result        `json:"result"`
	Seen     string        `json:"seen"` // what was seen if it failed; why it is not applicable; a remark
	Took     time.Duration `json:"took_ns"`
}

func (v Verdict) String() string { return fmt.Sprintf("%s: %s: %s", v.Scenario, v.Result, v.Seen) }

// scenarioTime bounds a scenario: an engine that does not come to an end has
// failed it.
const scenarioTime = 4 * time.Minute

// Evaluate tells the story with an engine and judges what is left.
func (c Scenario) Evaluate(ctx context.Context, h *Harness) (v Verdict) {
	v.Scenario = c.Name
	for _, f := range c.Needs {
		if why, lacks := h.Lacks[f]; lacks {
			v.Result, v.Seen = NotApplicable, why
			return v
		}
	}
	start := time.Now()
	defer func() { v.Took = time.Since(start) }()
	ctx, cancel := context.WithTimeout(ctx, scenarioTime)
	defer cancel()
	s := &stage{ctx: ctx, h: h, before: bag{}}
	s.open()
	if !s.over() {
		c.run(s)
		s.settle()
	}
	s.close()
	v.Result, v.Seen = s.result()
	return v
}

// Scenarios returns all of them, in the order of the report.
func Scenarios() []Scenario { return slices.Clone(scenarios) }

// Testing is what [Run] needs of *testing.T.
type Testing[T any] interface {
	Helper()
	Context() context.Context
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	Run(name string, f func(T)) bool
}

// Run judges an engine under go test, each scenario in a subtest. A scenario fails
// if the engine does, or if the harness is broken; known names scenarios that the
// engine is known to fail, which fail the test when they pass.
func Run[T Testing[T]](t T, h *Harness, known ...string) {
	t.Helper()
	for _, c := range scenarios {
		t.Run(strings.ReplaceAll(c.Name, " ", "_"), func(t T) {
			t.Helper()
			v := c.Evaluate(t.Context(), h)
			bad := slices.Contains(known, c.Name)
			switch {
			case v.Result == Broken:
				t.Errorf("the harness of %s is broken: %s", h.Engine, v.Seen)
			case v.Result == Fail && !bad:
				t.Errorf("%s broke a promise: %s\n  seen: %s\n  see:  %s", h.Engine, c.Promise, v.Seen, strings.Join(c.IDs, ", "))
			case v.Result == Pass && bad:
				t.Errorf("%s passes now, and is no longer a known failure", h.Engine)
			default:
				t.Logf("%s %s", v.Result, v.Seen)
			}
		})
	}
}
