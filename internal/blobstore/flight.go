package blobstore

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"
)

// A flight counts what an operation has sent, below the SDK and its retries. It
// is what makes "definitely not carried out" a fact and not an opinion.
type flight struct {
	sent    atomic.Int32 // requests that got a connection
	unclear atomic.Int32 // of them, those whose effect is not known
	limit   atomic.Int32 // of sent; 0 is none

	// patience is how long the answer to one request may take to begin, beside
	// what its body takes; 0 is without end.
	patience time.Duration
}

// errTooMany ends a client that would repeat a request for ever.
var errTooMany = errors.New("too many requests for one operation")

type flightKey struct{}

// track makes requests under the context count for the operation, and bounds each.
func (s *Store) track(ctx context.Context, op *operation) context.Context {
	op.flight.patience = s.conf.RequestTimeout
	return context.WithValue(ctx, flightKey{}, &op.flight)
}

// Transport counts requests for the operation in their context. Drivers put it
// directly above the transport that connects.
type Transport struct {
	Base interface {
		RoundTrip(*http.Request) (*http.Response, error)
	}
}

// RoundTrip counts and passes on.
func (t Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	return Observe(req, t.Base.RoundTrip)
}

// Observe sends req by send and counts it for the operation in its context.
func Observe(req *http.Request, send func(*http.Request) (*http.Response, error)) (*http.Response, error) {
	f, ok := req.Context().Value(flightKey{}).(*flight)
	if !ok {
		return send(req)
	}
	if limit := f.limit.Load(); limit > 0 && f.sent.Load() >= limit {
		return nil, errTooMany
	}
	var connected atomic.Bool
	trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) {
		if !connected.Swap(true) {
			f.sent.Add(1)
		}
	}}
	resp, err := f.bounded(req.WithContext(httptrace.WithClientTrace(req.Context(), trace)), send)
	if connected.Load() && (err != nil || unclearStatus(resp.StatusCode)) {
		f.unclear.Add(1)
	}
	return resp, err
}

// bounded sends req and gives up when the answer does not begin in time. The
// transport cannot be trusted to: it may be the caller's.
func (f *flight) bounded(req *http.Request, send func(*http.Request) (*http.Response, error)) (*http.Response, error) {
	if f.patience <= 0 {
		return send(req)
	}
	ctx, cancel := context.WithCancelCause(req.Context())
	late := &timeoutError{f.patience + time.Duration(max(req.ContentLength, 0)/slowest)*time.Second}
	watch := time.AfterFunc(late.d, func() { cancel(late) })
	resp, err := send(req.WithContext(ctx))
	if !watch.Stop() && context.Cause(ctx) == late { //nolint:errorlint // identity is meant
		if err == nil {
			resp.Body.Close()
		}
		return nil, late
	}
	if err != nil {
		cancel(nil)
		return nil, err
	}
	resp.Body = &governed{resp.Body, cancel}
	return resp, nil
}

// A governed body ends its request's context when it is closed.
type governed struct {
	io.ReadCloser
	cancel context.CancelCauseFunc
}

func (g *governed) Close() error {
	err := g.ReadCloser.Close()
	g.cancel(nil)
	return err
}

// unclearStatus says that the request may have been carried out, or may still be.
func unclearStatus(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, 499:
		return true
	case http.StatusNotImplemented, http.StatusInsufficientStorage:
		return false
	}
	return status >= 500
}
