package sdk

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// Verbs of requests. Those of Google's resumable uploads are session and chunk.
const (
	verbPut      = "put"
	verbGet      = "get"
	verbStat     = "stat"
	verbList     = "list"
	verbDelete   = "delete"
	verbCreate   = "create-upload"
	verbPart     = "part"
	verbComplete = "complete"
	verbAbort    = "abort"
	verbSession  = "session"
	verbChunk    = "chunk"
)

// A request is one that has arrived whole.
type request struct {
	n       int // counts the requests of the world from 1
	process string
	verb    string
	key     string
	upload  string // id
	part    int
	size    int // of the body
	bearer  string

	http *http.Request
	form url.Values
	body []byte
	turn chan fault
}

// writes says that the request may change something.
func (r *request) writes() bool {
	return r.verb != verbGet && r.verb != verbStat && r.verb != verbList
}

// publishes says that the request may make an object appear.
func (r *request) publishes() bool {
	return r.verb == verbPut || r.verb == verbComplete || r.verb == verbChunk
}

func (r *request) String() string {
	s := fmt.Sprintf("%s %s %s", r.process, r.verb, r.key)
	if r.part > 0 {
		s += fmt.Sprintf(" part %d", r.part)
	}
	return s
}

// An answer is what is sent back, whole.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// A cloud is one vendor's protocol.
type cloud interface {
	name() string
	// parse says what a request is; the error is an answer.
	parse(r *http.Request, body []byte) (*request, *answer)
	// apply carries a request out.
	apply(b *bucket, r *request) *answer
	// refuse is an error in the vendor's words.
	refuse(r *request, status int, code string) *answer
}

// A world is one bubble's server, its objects and the network to it.
type world struct {
	cloud cloud
	net   *network
	stop  chan struct{}
	http  *http.Server

	deciding sync.Mutex // scripts are asked one at a time

	mu     sync.Mutex
	bucket *bucket
	script func(*request) fault // without a scheduler: decides at once
	parks  bool                 // requests wait for the scheduler
	parked []*request
	wake   chan struct{}
	late   []lateRequest
	kill   func(process string) // for answerKill
	seen   []event
	count  int
}

// An event is a request and what was done to it.
type event struct {
	*request
	fault  fault
	status int // of the server's own answer; 0: it was not carried out
}

type lateRequest struct {
	request *request
	fault   fault
}

// newWorld starts a server. It must be closed in the same bubble.
func newWorld(c cloud) *world {
	w := &world{cloud: c, net: newNetwork(), stop: make(chan struct{}), bucket: newBucket(), wake: make(chan struct{}, 1)}
	w.http = &http.Server{
		Handler:  http.HandlerFunc(w.serve),
		ErrorLog: log.New(io.Discard, "", 0),
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, processKey{}, c.(*namedConn).process)
		},
	}
	go func() { _ = w.http.Serve(w.net) }()
	return w
}

type processKey struct{}

// close ends the server and every connection.
func (w *world) close() {
	close(w.stop)
	_ = w.http.Close()
}

// setScript replaces the script of a world without a scheduler.
func (w *world) setScript(s func(*request) fault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.script = s
}

// events returns what was seen since the start or the last reset.
func (w *world) events() []event {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]event(nil), w.seen...)
}

// reset forgets the events.
func (w *world) reset() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = nil
}

func (w *world) serve(rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client is gone; half a request is none
	}
	req, bad := w.cloud.parse(r, body)
	if bad != nil {
		bad.send(rw, len(bad.body))
		return
	}
	req.http, req.body, req.size = r, body, len(body)
	req.process, _ = r.Context().Value(processKey{}).(string)
	w.play(rw, req, w.admit(req))
}

// admit waits until the request is chosen, and returns what happens to it.
func (w *world) admit(r *request) fault {
	w.mu.Lock()
	w.count++
	r.n = w.count
	if !w.parks {
		script := w.script
		w.mu.Unlock()
		if script == nil {
			return fault{}
		}
		w.deciding.Lock()
		defer w.deciding.Unlock()
		return script(r)
	}
	r.turn = make(chan fault, 1)
	w.parked = append(w.parked, r)
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
	select {
	case f := <-r.turn:
		return f
	case <-w.stop:
		return fault{name: "the end", answer: answerDrop, applied: never}
	}
}

// play does to a request what the fault says.
func (w *world) play(rw http.ResponseWriter, r *request, f fault) {
	if f.run != nil {
		f.run()
	}
	if f.before > 0 {
		w.wait(f.before)
	}
	a := w.act(r, f)
	if f.after > 0 {
		w.wait(f.after)
	}
	if f.edit != nil && a != nil && a.status < 300 {
		f.edit(r, a)
	}
	switch f.answer {
	case answerServer:
		a.send(rw, len(a.body))
	case answerStatus:
		a := w.cloud.refuse(r, f.status, f.code)
		for k, v := range f.header {
			a.header.Set(k, v)
		}
		a.send(rw, len(a.body))
	case answerDrop:
		drop(rw)
	case answerClose:
		hangUp(rw, false)
	case answerKill:
		w.kill(r.process)
		drop(rw)
	case answerHang:
		w.hang(r)
		drop(rw)
	case answerCut:
		a.send(rw, f.cut)
		drop(rw)
	case answerStall:
		a.send(rw, f.cut)
		w.hang(r)
		drop(rw)
	}
}

// act carries the request out as often as the fault says, or keeps it for later.
func (w *world) act(r *request, f fault) *answer {
	w.mu.Lock()
	defer w.mu.Unlock()
	e := event{request: r, fault: f}
	var a *answer
	switch f.applied {
	case now, twice:
		a = w.cloud.apply(w.bucket, r)
		if f.applied == twice {
			a = w.cloud.apply(w.bucket, r)
		}
		e.status = a.status
	case later:
		w.late = append(w.late, lateRequest{r, f})
	case never:
	}
	if f.applied != later {
		r.body = nil // the event lives on
	}
	if f.excuses(r) {
		w.excuse(r, f.name)
	}
	w.seen = append(w.seen, e)
	return a
}

// excuse notes why the upload that a request is about, or has begun, may stay.
func (w *world) excuse(r *request, why string) {
	for id, u := range w.bucket.uploads {
		if id == r.upload || r.upload == "" && u.key == r.key && u.process == r.process {
			u.excused = why
		}
	}
}

// release carries out request i of those that are late.
func (w *world) release(i int) *answer {
	w.mu.Lock()
	defer w.mu.Unlock()
	l := w.late[i]
	w.late = append(w.late[:i:i], w.late[i+1:]...)
	a := w.cloud.apply(w.bucket, l.request)
	l.request.body = nil
	w.excuse(l.request, l.fault.name)
	w.seen = append(w.seen, event{request: l.request, fault: fault{name: "arrives late"}, status: a.status})
	return a
}

// releaseAll carries out all late requests, in order, and returns their number.
func (w *world) releaseAll() (n int) {
	for {
		w.mu.Lock()
		left := len(w.late)
		w.mu.Unlock()
		if left == 0 {
			return n
		}
		w.release(0)
		n++
	}
}

// wait lets virtual time pass.
func (w *world) wait(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-w.stop:
	}
}

// hang waits for the client to give up.
func (w *world) hang(r *request) {
	select {
	case <-r.http.Context().Done():
	case <-w.stop:
	}
}

// send answers with the first n bytes of the body under the headers of all.
func (a *answer) send(rw http.ResponseWriter, n int) {
	h := rw.Header()
	for k, v := range a.header {
		h[k] = v
	}
	if h.Get("Content-Length") == "" && a.status != http.StatusNoContent {
		h.Set("Content-Length", fmt.Sprint(len(a.body)))
	}
	rw.WriteHeader(a.status)
	_, _ = rw.Write(a.body[:min(n, len(a.body))]) // the client may be gone
	_ = http.NewResponseController(rw).Flush()
}

// drop resets the connection without an answer, or in the middle of one.
func drop(rw http.ResponseWriter) { hangUp(rw, true) }

func hangUp(rw http.ResponseWriter, reset bool) {
	conn, _, err := http.NewResponseController(rw).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	conn.(*namedConn).reset.Store(reset)
	conn.Close()
}
