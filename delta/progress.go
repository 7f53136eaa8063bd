package delta

import (
	"sync"

	"github.com/deltalog/deltalog/writer"
)

// A progress adds up what the parts of a change have done.
type progress struct {
	mu   sync.Mutex
	all  Progress
	rows int64 // of the source
}

func (p *progress) read(c *change, rows int64) {
	if c.o.Progress == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all.Rows += rows - p.rows
	p.rows = rows
	c.o.Progress(p.all)
}

// writes returns what one writer reports to; nil if nobody wants to know.
func (p *progress) writes(c *change) func(writer.Progress) {
	if c.o.Progress == nil {
		return nil
	}
	var last writer.Progress
	return func(now writer.Progress) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.all.Rows += now.Rows - last.Rows
		p.all.Bytes += now.Bytes - last.Bytes
		p.all.Files += now.Files - last.Files
		last = now
		c.o.Progress(p.all)
	}
}
