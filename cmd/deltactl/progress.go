package main

import (
	"fmt"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/deltalog/deltalog/delta"
)

// A progress shows how far a write has got, on a terminal only.
type progress struct {
	stop  func()
	start time.Time

	mu   sync.Mutex
	last delta.Progress
}

func (a *app) progress() *progress {
	p := &progress{start: time.Now()}
	p.stop = a.spinner(p.line)
	return p
}

// spinner shows a line that is asked for again and again, on a terminal only, until
// stop is called.
func (a *app) spinner(line func() string) (stop func()) {
	_, stop = a.bar(mpb.SpinnerStyle(), line)
	return stop
}

// bar is a spinner of another style; nil where there is no terminal to show it on.
func (a *app) bar(style mpb.BarFillerBuilder, line func() string) (bar *mpb.Bar, stop func()) {
	if !a.terminal || a.quiet || a.json() {
		return nil, func() {}
	}
	bars := mpb.New(mpb.WithOutput(a.stderr), mpb.WithAutoRefresh(), mpb.WithRefreshRate(200*time.Millisecond))
	bar = bars.New(0, style, mpb.BarRemoveOnComplete(), mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return line() })))
	return bar, sync.OnceFunc(func() {
		bar.Abort(true)
		bars.Wait()
	})
}

func (p *progress) line() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	rate := float64(p.last.Rows) / max(time.Since(p.start).Seconds(), 0.001)
	return fmt.Sprintf("%s rows  %s  %d files  %s rows/s", count(p.last.Rows), size(p.last.Bytes), p.last.Files, count(int64(rate)))
}

func (p *progress) update(d delta.Progress) {
	p.mu.Lock()
	p.last = d
	p.mu.Unlock()
}
