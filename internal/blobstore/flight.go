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

// maxHops is how many redirects of one request are followed. Amazon's client has
// no limit of its own.
const maxHops = 10

var (
	// errTooMany ends a client that would repeat a request for ever.
	errTooMany   = errors.New("too many requests for one operation")
	errRedirects = errors.New("redirected too often")
)

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
	ctx, cancel := context.WithCancelCause(req.Context())
	var hops atomic.Int32 // connections: one, or more after redirects
	trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) {
		switch n := hops.Add(1); {
		case n == 1:
			f.sent.Add(1)
		case n > maxHops:
			cancel(errRedirects)
		}
	}}
	late := &timeoutError{f.patience + time.Duration(max(req.ContentLength, 0)/slowest)*time.Second}
	if f.patience > 0 {
		// The transport cannot be trusted to give up: it may be the caller's.
		defer time.AfterFunc(late.d, func() { cancel(late) }).Stop()
	}
	resp, err := send(req.WithContext(httptrace.WithClientTrace(ctx, trace)))
	if cause := context.Cause(ctx); cause == late || cause == errRedirects { //nolint:errorlint // identity is meant
		if err == nil {
			resp.Body.Close()
		}
		err = cause
	}
	if hops.Load() > 0 && (err != nil || unclearStatus(resp.StatusCode)) {
		f.unclear.Add(1)
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
