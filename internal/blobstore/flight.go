package blobstore

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
)

// A flight counts what an operation has sent, below the SDK and its retries. It
// is what makes "definitely not carried out" a fact and not an opinion.
type flight struct {
	sent    atomic.Int32 // requests that got a connection
	unclear atomic.Int32 // of them, those whose effect is not known
	limit   atomic.Int32 // of sent; 0 is none
}

// errTooMany ends a client that would repeat a request for ever.
var errTooMany = errors.New("too many requests for one operation")

type flightKey struct{}

// track makes requests under the context count for the operation.
func (op *operation) track(ctx context.Context) context.Context {
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
	resp, err := send(req.WithContext(httptrace.WithClientTrace(req.Context(), trace)))
	if connected.Load() && (err != nil || unclearStatus(resp.StatusCode)) {
		f.unclear.Add(1)
	}
	return resp, err
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
