// Package faultproxy is an HTTP reverse proxy that loses requests and answers, so
// that a client is tested through its real SDK against a real server.
//
// A script decides for each request what happens to it: whether it reaches the
// server at all, once or twice, now or later; and what the client is told. What
// matters for a commit is the difference between the two.
//
// It is for tests: bodies are held in memory.
package faultproxy

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
)

// A Request is what a script decides on.
type Request struct {
	N      int // counts all requests of the proxy, from 1
	Method string
	Path   string // not decoded
	Query  url.Values
	Header http.Header
	Bytes  int // of the body
}

// Conditional says that the request writes only if the object is absent, in the
// words of S3 or of GCS.
func (r Request) Conditional() bool {
	return r.Header.Get("If-None-Match") == "*" || r.Query.Get("ifGenerationMatch") == "0"
}

// Writes says that the request may change something.
func (r Request) Writes() bool { return r.Method != http.MethodGet && r.Method != http.MethodHead }

// A Fault is what happens to one request. The zero Fault is none.
type Fault struct {
	name    string
	deliver int  // how often the server gets it
	late    bool // delivered at Release only
	answer  answer
	status  int // for answerStatus
	code    string
	cut     int // for answerCut and answerStall: bytes of the body that arrive
}

type answer uint8

const (
	answerServer answer = iota // what the server said, the last time
	answerStatus               // an error of this proxy's making
	answerDrop                 // the connection is closed without an answer
	answerHang                 // none, until the client gives up
	answerCut                  // the server's, the body ends early
	answerStall                // the server's, the body stands still
)

func (f Fault) String() string {
	if f.name == "" {
		return "none"
	}
	return f.name
}

// DropBefore closes the connection; the server never sees the request.
func DropBefore() Fault { return Fault{name: "drop before", answer: answerDrop} }

// DropAfter lets the server act and closes the connection instead of answering.
func DropAfter() Fault { return Fault{name: "drop after", deliver: 1, answer: answerDrop} }

// StatusBefore answers with an error status and code; the server never sees the request.
func StatusBefore(status int, code string) Fault {
	return Fault{name: fmt.Sprintf("%d %s before", status, code), answer: answerStatus, status: status, code: code}
}

// StatusAfter lets the server act and answers with an error status and code.
func StatusAfter(status int, code string) Fault {
	return Fault{name: fmt.Sprintf("%d %s after", status, code), deliver: 1, answer: answerStatus, status: status, code: code}
}

// Duplicate delivers the request twice and gives the second answer: for a
// conditional write that took effect, that the object exists.
func Duplicate() Fault { return Fault{name: "duplicate", deliver: 2} }

// HangBefore never answers; the server never sees the request.
func HangBefore() Fault { return Fault{name: "hang before", answer: answerHang} }

// HangAfter lets the server act and never answers.
func HangAfter() Fault { return Fault{name: "hang after", deliver: 1, answer: answerHang} }

// Late closes the connection now; the server gets the request at [Proxy.Release].
func Late() Fault { return Fault{name: "late", late: true, answer: answerDrop} }

// Cut gives the answer with only the first n bytes of its body and closes the connection.
func Cut(n int) Fault { return Fault{name: "cut", deliver: 1, answer: answerCut, cut: n} }

// Stall gives the first n bytes of the answer's body and then nothing more.
func Stall(n int) Fault { return Fault{name: "stall", deliver: 1, answer: answerStall, cut: n} }

// A Script decides about a request. It is called by one request at a time.
type Script func(Request) Fault

// Nth gives f to the n-th request (from 1) that match accepts, and none to others.
func Nth(n int, f Fault, match func(Request) bool) Script {
	seen := 0
	return func(r Request) Fault {
		if !match(r) {
			return Fault{}
		}
		if seen++; seen == n {
			return f
		}
		return Fault{}
	}
}

// Every gives f to every request that match accepts.
func Every(f Fault, match func(Request) bool) Script {
	return func(r Request) Fault {
		if match(r) {
			return f
		}
		return Fault{}
	}
}

// An Event is a request that was seen and what was done to it.
type Event struct {
	Request
	Fault Fault
}

// A Proxy is a running proxy.
type Proxy struct {
	URL string // http://127.0.0.1:port

	upstream  *url.URL
	transport *http.Transport
	server    *httptest.Server
	stop      chan struct{}

	mu        sync.Mutex
	script    Script
	delivered func(Request)
	events    []Event
	late      []func() error
}

// New starts a proxy of the server at upstream (http://host:port) on a loopback
// port. A nil script passes everything.
func New(upstream string, script Script) (*Proxy, error) {
	u, err := url.Parse(upstream)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("faultproxy: upstream %q is not http://host:port", upstream)
	}
	p := &Proxy{upstream: u, transport: &http.Transport{MaxIdleConnsPerHost: 128}, stop: make(chan struct{}), script: script}
	p.server = httptest.NewServer(http.HandlerFunc(p.serve))
	p.URL = p.server.URL
	return p, nil
}

// Close ends hanging requests and the proxy. Late requests that were not
// released are lost.
func (p *Proxy) Close() {
	close(p.stop)
	p.server.CloseClientConnections()
	p.server.Close()
	p.transport.CloseIdleConnections()
}

// SetScript replaces the script.
func (p *Proxy) SetScript(s Script) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.script = s
}

// SetDelivered sets a function that is called each time the server has acted on a
// request, before the client is answered. It may not use the proxy.
func (p *Proxy) SetDelivered(f func(Request)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delivered = f
}

// Events returns what was seen since the start or the last Reset.
func (p *Proxy) Events() []Event {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]Event(nil), p.events...)
}

// Reset forgets the events and counts from 1 again.
func (p *Proxy) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.events = nil
}

// Release delivers the late requests in order and returns how many there were.
func (p *Proxy) Release() (int, error) {
	p.mu.Lock()
	late := p.late
	p.late = nil
	p.mu.Unlock()
	for i, deliver := range late {
		if err := deliver(); err != nil {
			return i, err
		}
	}
	return len(late), nil
}

func (p *Proxy) decide(r *http.Request, body []byte) (Request, Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	req := Request{
		N: len(p.events) + 1, Method: r.Method, Path: r.URL.EscapedPath(), Query: r.URL.Query(),
		Header: r.Header.Clone(), Bytes: len(body),
	}
	var f Fault
	if p.script != nil {
		f = p.script(req)
	}
	if f == (Fault{}) {
		f.deliver = 1
	}
	p.events = append(p.events, Event{req, f})
	return req, f
}

func (p *Proxy) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client is gone
	}
	req, f := p.decide(r, body)
	if f.late {
		p.mu.Lock()
		p.late = append(p.late, func() error { _, err := p.deliver(r, body); return err })
		p.mu.Unlock()
	}
	var resp *reply
	for range f.deliver {
		if resp, err = p.deliver(r, body); err != nil {
			http.Error(w, "faultproxy: "+err.Error(), http.StatusBadGateway)
			return
		}
	}
	p.mu.Lock()
	delivered := p.delivered
	p.mu.Unlock()
	if delivered != nil && f.deliver > 0 {
		delivered(req)
	}
	switch f.answer {
	case answerServer:
		resp.send(w, len(resp.body))
	case answerStatus:
		sendError(w, r, f.status, f.code)
	case answerDrop:
		drop(w)
	case answerHang:
		p.hang(r)
		drop(w)
	case answerCut:
		resp.send(w, f.cut)
		drop(w)
	case answerStall:
		resp.send(w, f.cut)
		p.hang(r)
		drop(w)
	}
}

// hang waits for the client to give up.
func (p *Proxy) hang(r *http.Request) {
	select {
	case <-r.Context().Done():
	case <-p.stop:
	}
}

// A reply is the server's answer, whole.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// deliver sends the request on, as the client made it: signatures cover the Host.
func (p *Proxy) deliver(r *http.Request, body []byte) (*reply, error) {
	out := r.Clone(context.WithoutCancel(r.Context()))
	out.RequestURI = ""
	out.URL.Scheme, out.URL.Host = p.upstream.Scheme, p.upstream.Host
	out.TransferEncoding = nil
	out.Body, out.ContentLength = http.NoBody, int64(len(body)) // not nil with length 0, which means chunks
	if len(body) > 0 {
		out.Body = io.NopCloser(bytes.NewReader(body))
	}
	out.Header.Del("Expect") // this proxy has said "continue" already
	resp, err := p.transport.RoundTrip(out)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	// An upload session lives at an address that the server makes: keep it here.
	if at := resp.Header.Get("Location"); at != "" {
		resp.Header.Set("Location", strings.Replace(at, p.upstream.String(), p.URL, 1))
	}
	if r.Method != http.MethodHead && resp.Header.Get("Content-Length") == "" {
		resp.Header.Set("Content-Length", fmt.Sprint(len(got)))
	}
	return &reply{resp.StatusCode, resp.Header, got}, nil
}

// send answers with the first n bytes of the body under the headers of all.
func (a *reply) send(w http.ResponseWriter, n int) {
	h := w.Header()
	for k, v := range a.header {
		h[k] = v
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body[:min(n, len(a.body))]) // the client may be gone
	_ = http.NewResponseController(w).Flush()
}

// drop closes the connection. After an answer has begun the handler's panic, which
// the server knows, does the same.
func drop(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.CloseWrite()
	}
	conn.Close()
}

// sendError answers in the words of S3 or of GCS.
func sendError(w http.ResponseWriter, r *http.Request, status int, code string) {
	const message = "injected by the test"
	if strings.Contains(r.URL.Path, "/storage/v1/") {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"error":{"code":%d,"message":%q,"errors":[{"reason":%q,"message":%q}]}}`, status, message, code, message)
		return
	}
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>%s</Code><Message>%s</Message></Error>`, code, message)
	}
}
