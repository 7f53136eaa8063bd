package main

import (
	"context"
	"io"
)

// patient makes reads of stdin end with the context. A read that the system does
// not give back is left behind in its goroutine: nothing else can end it, and the
// process is about to.
type patient struct {
	ctx context.Context
	r   io.Reader
}

// Read reads, or returns what ended the context.
func (p patient) Read(b []byte) (int, error) {
	if p.ctx.Done() == nil {
		return p.r.Read(b)
	}
	if err := p.ctx.Err(); err != nil {
		return 0, err
	}
	type result struct {
		n   int
		err error
	}
	own := make([]byte, len(b)) // an abandoned read must not write into the caller's bytes
	done := make(chan result, 1)
	go func() {
		n, err := p.r.Read(own)
		done <- result{n, err}
	}()
	select {
	case r := <-done:
		return copy(b, own[:r.n]), r.err
	case <-p.ctx.Done():
		return 0, p.ctx.Err()
	}
}
