package main

import (
	"fmt"
	"sync"

	"github.com/vbauerster/mpb/v8"

	"github.com/deltalog/deltalog/conformance/bucket"
)

// A checkProgress shows which check is running: as a bar on a terminal, elsewhere
// by a line for each part.
type checkProgress struct {
	a    *app
	bar  *mpb.Bar // nil: there is no terminal
	stop func()

	mu   sync.Mutex
	last bucket.Progress
}

func (a *app) conformanceProgress() *checkProgress {
	p := &checkProgress{a: a}
	p.bar, p.stop = a.bar(mpb.BarStyle(), p.line)
	return p
}

func (p *checkProgress) line() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return fmt.Sprintf("%d/%d  %s requests  %s: %s", p.last.Done, p.last.Total, count(p.last.Requests), p.last.Part, p.last.Check)
}

func (p *checkProgress) update(now bucket.Progress) {
	p.mu.Lock()
	before := p.last
	p.last = now
	p.mu.Unlock()
	switch {
	case p.bar != nil:
		p.bar.SetTotal(int64(now.Total), false)
		p.bar.SetCurrent(int64(now.Done))
	case before.Part != now.Part && !p.a.quiet && !p.a.json():
		fmt.Fprintf(p.a.stderr, "%s: check %d of %d\n", now.Part, now.Done+1, now.Total)
	}
}
