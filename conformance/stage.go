package conformance

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/deltalog/deltalog/txlog/logstore"
)

// A stage is where a scenario is played: one table, its clients, and what they were
// told. After the first problem everything that is asked of it does nothing, so
// that scenarios read as a story.
type stage struct {
	ctx   context.Context
	h     *Harness
	table Table
	store logstore.Store

	mu      sync.Mutex // hooks of faults run in goroutines of their own
	before  bag        // the rows when all was last settled
	all     []told     // since then
	clients []Client
	log     map[string][]byte // the commits that were seen
	spoilt  bool              // the log was changed so that only the judged engine is asked to cope
	failed  string
	broken  string
	notes   []string
}

func (s *stage) open() {
	var err error
	if s.table, err = s.h.Table(s.ctx); err != nil {
		s.wrong("a table: %v", err)
		return
	}
	if s.store, err = s.table.Store(s.ctx); err != nil {
		s.wrong("the table's store: %v", err)
	}
}

func (s *stage) close() {
	for _, c := range s.clients {
		if err := c.Close(); err != nil {
			s.wrong("end a client: %v", err)
		}
	}
	if s.store != nil {
		if err := s.store.Close(); err != nil {
			s.wrong("close the store: %v", err)
		}
	}
	if s.table != nil {
		if err := s.table.Close(); err != nil {
			s.wrong("close the table: %v", err)
		}
	}
}

func (s *stage) result() (Result, string) {
	switch notes := strings.Join(s.notes, "; "); {
	case s.broken != "":
		return Broken, s.broken
	case s.failed != "":
		return Fail, s.failed
	default:
		return Pass, notes
	}
}

// over says that there is nothing more to be played.
func (s *stage) over() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed != "" || s.broken != ""
}

// wrong says that the harness does not work.
func (s *stage) wrong(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken == "" {
		s.broken = fmt.Sprintf(format, args...)
	}
}

// fail says that the engine broke its promise.
func (s *stage) fail(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed == "" {
		s.failed = fmt.Sprintf(format, args...)
	}
}

func (s *stage) note(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.notes = append(s.notes, fmt.Sprintf(format, args...))
}

// client starts a client; nil when all is over.
func (s *stage) client() Client {
	if s.over() {
		return nil
	}
	c, err := s.table.Client(s.ctx)
	if err != nil {
		s.wrong("a client: %v", err)
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clients = append(s.clients, c)
	return c
}

// do lets a fresh client do an operation under a fault, and remembers what it was
// told.
func (s *stage) do(name string, op Op, f *Fault) Answer {
	a := s.attempt(name, op, f)
	if !s.over() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.all = append(s.all, told{name, op, a})
	}
	return a
}

func (s *stage) attempt(name string, op Op, f *Fault) Answer {
	c := s.client()
	if c == nil {
		return Answer{Said: Failed, Version: -1}
	}
	if f != nil {
		c.Inject(*f)
	}
	a, err := c.Do(s.ctx, op)
	switch {
	case s.ctx.Err() != nil:
		s.fail("%s (%s) did not come to an end in %s", name, op, scenarioTime)
	case err != nil:
		s.wrong("%s (%s): %v", name, op, err)
	case f != nil && !c.Fired():
		s.wrong("%s (%s): the request that the fault is about was never made; it was told %s", name, op, a)
	}
	s.remember(name)
	return a
}

// remember looks at the log: a version that was seen has the same bytes for ever.
func (s *stage) remember(after string) {
	if s.over() {
		return
	}
	now := map[string][]byte{}
	for o, err := range s.store.List(s.ctx, logstore.ListOptions{Prefix: "_delta_log/", Shallow: true}) {
		if err == nil && IsCommit(o.Name) {
			now[o.Name], err = s.store.Read(s.ctx, o.Name, 0)
		}
		if err != nil {
			s.wrong("look at the log: %v", err)
			return
		}
	}
	s.mu.Lock()
	old := s.log
	s.log = now
	s.mu.Unlock()
	for name, data := range old {
		v, _ := version(name)
		switch got, ok := now[name]; {
		case !ok:
			s.fail("version %d was in the log, and is gone after %s", v, after)
		case !bytes.Equal(got, data):
			s.fail("version %d was one commit, and is another one after %s: the first is lost, though its writer may have been told that it is there", v, after)
		}
	}
}

// must is do for what has to work before the story begins.
func (s *stage) must(name string, op Op) {
	a := s.do(name, op, nil)
	if !s.over() && a.Said != Done {
		s.wrong("%s (%s), without any fault, was told %s", name, op, a)
	}
	s.settle()
}

// job does an operation as an orchestrator does: if the attempt under the fault
// ends with an error, the same job is run again, once, unless the engine said that
// the outcome is open and the work has no key that makes it safe to repeat.
func (s *stage) job(name string, op Op, f *Fault) Answer {
	first := s.attempt(name, op, f)
	if s.over() {
		return first
	}
	again := first.Said == Refused || first.Said == Failed || first.Said == Unknown && op.App != ""
	if first.Said == Unknown {
		s.note("%s was told that the outcome is open", name)
	}
	if !again {
		s.tell(name, op, first)
		return first
	}
	if first.Said == Refused {
		// Others of this story, and this one, which says that it did nothing.
		if err := s.check(append(s.soFar(), told{name, op, first})); err != nil {
			s.fail("%s (%s) was told %s, which is not true: %v (versions: %s)", name, op, first, err, operations(s.ctx, s.store))
			return first
		}
	}
	second := s.attempt(name+", run again", op, nil)
	if second.Said == Refused {
		second.Said = Failed // of the two attempts one may have done it
	}
	s.tell(fmt.Sprintf("%s, run again after %s,", name, first), op, second)
	if second.Said == Done || second.Said == Skipped {
		s.note("the job was told %s, and run again", brief(first.String()))
	}
	return second
}

func (s *stage) tell(name string, op Op, a Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, told{name, op, a})
}

func (s *stage) soFar() []told {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]told(nil), s.all...)
}

// check says whether the table is what everybody was told.
func (s *stage) check(all []told) error {
	rows, err := ReadRows(s.ctx, s.store)
	if err != nil {
		return fmt.Errorf("the table cannot be read: %w", err)
	}
	if err := explain(s.before, all, bagOf(rows)); err != nil {
		return err
	}
	return checkLog(s.ctx, s.store)
}

// settle judges what was told since it was last called. What is there now is what
// the next part of the story begins with.
func (s *stage) settle() {
	if s.over() {
		return
	}
	all := s.soFar()
	if err := s.check(all); err != nil {
		s.fail("%v; %s (versions: %s)", err, brief(list(all)), operations(s.ctx, s.store))
		return
	}
	rows, err := ReadRows(s.ctx, s.store)
	if err != nil {
		s.wrong("read the table a second time: %v", err)
		return
	}
	if s.h.Second != nil && len(rows) > 0 && !s.spoilt {
		second, err := s.h.Second(s.ctx, s.table.URL())
		switch {
		case err != nil:
			s.fail("a second engine cannot read the table: %v", err)
		case !bagOf(second).equal(bagOf(rows)):
			s.fail("a second engine reads other rows than deltalog: %s", bagOf(second).against(bagOf(rows)))
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before, s.all = bagOf(rows), nil
}

// reads lets a fresh client read the table, which must have the rows that this
// project's reader sees.
func (s *stage) reads(when string) {
	c := s.client()
	if c == nil {
		return
	}
	got, err := c.Read(s.ctx)
	switch {
	case err != nil:
		s.fail("%s the table cannot be read: %s", when, brief(err.Error()))
	case !bagOf(got).equal(s.before):
		s.fail("%s other rows are read: %s", when, bagOf(got).against(s.before))
	}
}

// brief is one line of a message.
func brief(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > 300 {
		text = text[:300] + "…"
	}
	return text
}
