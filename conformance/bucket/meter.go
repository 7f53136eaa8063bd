package bucket

import (
	"context"
	"fmt"
	"io"
	"iter"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/deltalog/deltalog/conformance"
	"github.com/deltalog/deltalog/txlog/logstore"
)

// A meter counts what the run's stores are asked, and ends the run at its limits.
type meter struct {
	maxRequests, maxBytes      int64
	requests, written, readOut atomic.Int64
	stop                       context.CancelCauseFunc

	mu      sync.Mutex
	commits []time.Duration
}

func newMeter(o Options) *meter {
	return &meter{maxRequests: o.MaxRequests, maxBytes: o.MaxBytes, stop: func(error) {}}
}

// ask counts a request before it is made; there is none beyond the limit.
func (m *meter) ask(n int64) error {
	if all := m.requests.Add(n); all > m.maxRequests {
		m.requests.Add(-n)
		return m.ended(fmt.Sprintf("%d requests", m.maxRequests))
	}
	if m.written.Load()+m.readOut.Load() > m.maxBytes {
		return m.ended(fmt.Sprintf("%d bytes", m.maxBytes))
	}
	return nil
}

func (m *meter) ended(what string) error {
	err := fmt.Errorf("%w: %s", ErrLimit, what)
	m.stop(err)
	return err
}

// fill puts the numbers into the report.
func (m *meter) fill(r *Report) {
	r.Requests, r.BytesOut, r.BytesIn = m.requests.Load(), m.written.Load(), m.readOut.Load()
	m.mu.Lock()
	defer m.mu.Unlock()
	slices.Sort(m.commits)
	r.Commits = len(m.commits)
	if n := len(m.commits); n > 0 {
		at := func(q float64) float64 { return float64(m.commits[int(q*float64(n-1))].Microseconds()) / 1000 }
		r.CommitP50, r.CommitP99 = at(0.5), at(0.99)
	}
}

func (m *meter) wrap(s logstore.Store) logstore.Store { return &metered{s, m} }

type metered struct {
	logstore.Store
	m *meter
}

func (s *metered) Read(ctx context.Context, name string, limit int64) ([]byte, error) {
	if err := s.m.ask(1); err != nil {
		return nil, err
	}
	data, err := s.Store.Read(ctx, name, limit)
	s.m.readOut.Add(int64(len(data)))
	return data, err
}

func (s *metered) ReadRange(ctx context.Context, name string, off, n int64) (io.ReadCloser, error) {
	if err := s.m.ask(1); err != nil {
		return nil, err
	}
	body, err := s.Store.ReadRange(ctx, name, off, n)
	if err != nil {
		return nil, err
	}
	return &counted{body, s.m}, nil
}

type counted struct {
	io.ReadCloser
	m *meter
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.m.readOut.Add(int64(n))
	return n, err
}

func (s *metered) Stat(ctx context.Context, name string) (logstore.Object, error) {
	if err := s.m.ask(1); err != nil {
		return logstore.Object{}, err
	}
	return s.Store.Stat(ctx, name)
}

// listPage is how many objects a store gives in one answer.
const listPage = 1000

func (s *metered) List(ctx context.Context, o logstore.ListOptions) iter.Seq2[logstore.Object, error] {
	return func(yield func(logstore.Object, error) bool) {
		if err := s.m.ask(1); err != nil {
			yield(logstore.Object{}, err)
			return
		}
		n := 0
		for obj, err := range s.Store.List(ctx, o) {
			if n++; n%listPage == 0 && err == nil {
				err = s.m.ask(1)
			}
			if !yield(obj, err) || err != nil {
				return
			}
		}
	}
}

func (s *metered) Put(ctx context.Context, name string, data []byte, mode logstore.PutMode) error {
	if err := s.m.ask(1); err != nil {
		return err
	}
	s.m.written.Add(int64(len(data)))
	start := time.Now()
	err := s.Store.Put(ctx, name, data, mode)
	if err == nil && mode == logstore.IfAbsent && conformance.IsCommit(name) {
		s.m.mu.Lock()
		s.m.commits = append(s.m.commits, time.Since(start))
		s.m.mu.Unlock()
	}
	return err
}

func (s *metered) Create(ctx context.Context, name string) (logstore.Writer, error) {
	if err := s.m.ask(1); err != nil {
		return nil, err
	}
	w, err := s.Store.Create(ctx, name)
	if err != nil {
		return nil, err
	}
	return &meteredWriter{w, s.m}, nil
}

type meteredWriter struct {
	logstore.Writer
	m *meter
}

// partBytes is how much of a stream a driver sends in one request.
const partBytes = 8 << 20

func (w *meteredWriter) Write(p []byte) (int, error) {
	if err := w.m.ask(int64(len(p) / partBytes)); err != nil {
		return 0, err
	}
	w.m.written.Add(int64(len(p)))
	return w.Writer.Write(p)
}

func (s *metered) Delete(ctx context.Context, name string) error {
	if err := s.m.ask(1); err != nil {
		return err
	}
	return s.Store.Delete(ctx, name)
}
