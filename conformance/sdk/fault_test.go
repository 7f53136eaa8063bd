package sdk

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// A fault is what happens to one request. The zero fault is none.
type fault struct {
	name    string
	applied applied
	answer  answering
	status  int // for answerStatus
	code    string
	header  map[string]string
	cut     int           // for answerCut and answerStall: bytes of the body that arrive
	before  time.Duration // virtual time before the server acts
	after   time.Duration // and before it answers
	run     func()        // first of all
	edit    func(*request, *answer)
}

type applied uint8

const (
	now applied = iota
	never
	twice
	later // at release
)

type answering uint8

const (
	answerServer answering = iota // what the server says
	answerStatus                  // another status
	answerDrop                    // the connection is reset
	answerClose                   // the connection is closed
	answerKill                    // the process is killed
	answerHang                    // nothing, until the client gives up
	answerCut                     // the server's, the body ends early
	answerStall                   // the server's, the body stands still
)

func (f fault) none() bool { return f.name == "" }

// excuses says that after the fault the client cannot be expected to clean up
// what the request is about.
func (f fault) excuses(r *request) bool {
	return !f.none() && (r.verb == verbCreate || r.verb == verbAbort || r.verb == verbSession || f.applied == later)
}

func dropBefore() fault { return fault{name: "drop before", applied: never, answer: answerDrop} }
func closeAfter() fault { return fault{name: "closed after", answer: answerClose} }
func dropAfter() fault  { return fault{name: "drop after", answer: answerDrop} }
func hangBefore() fault { return fault{name: "hang before", applied: never, answer: answerHang} }
func hangAfter() fault  { return fault{name: "hang after", answer: answerHang} }
func duplicate() fault  { return fault{name: "duplicate", applied: twice} }

// lateDrop closes the connection, lateHang says nothing; the request takes effect at release.
func lateDrop() fault { return fault{name: "late, dropped", applied: later, answer: answerDrop} }
func lateHang() fault { return fault{name: "late, hanging", applied: later, answer: answerHang} }

func slow(d time.Duration) fault { return fault{name: "slow", after: d} }

// slowTo acts only after d, when the client may have given up.
func slowTo(d time.Duration) fault { return fault{name: "slow to act", before: d} }

func cut(n int) fault   { return fault{name: "cut", answer: answerCut, cut: n} }
func stall(n int) fault { return fault{name: "stall", answer: answerStall, cut: n} }

func statusBefore(status int, code string) fault {
	return fault{name: fmt.Sprintf("%d %s before", status, code), applied: never, answer: answerStatus, status: status, code: code}
}

func statusAfter(status int, code string) fault {
	return fault{name: fmt.Sprintf("%d %s after", status, code), answer: answerStatus, status: status, code: code}
}

// busy is a refusal that asks for a pause.
func busy(status int, code string) fault {
	f := statusBefore(status, code)
	f.name += ", Retry-After"
	f.header = map[string]string{"Retry-After": "1"}
	return f
}

// redirect sends the client to another host, which is the same server here.
func redirect(status int, to string) fault {
	f := statusBefore(status, "TemporaryRedirect")
	if status == http.StatusMovedPermanently {
		f = statusBefore(status, "PermanentRedirect")
		f.header = map[string]string{"X-Amz-Bucket-Region": "eu-west-9"}
	} else {
		f.header = map[string]string{"Location": to}
	}
	return f
}

// body changes an answer's body and keeps its status.
func body(name string, applied applied, f func([]byte) []byte) fault {
	edit := func(_ *request, a *answer) {
		a.body = f(a.body)
		a.header.Del("Content-Length")
	}
	if applied == never {
		// There is nothing to change: the answer is made from nothing.
		return fault{name: name, applied: never, answer: answerStatus, status: http.StatusOK, code: rawBody + string(f(nil))}
	}
	return fault{name: name, edit: edit}
}

// rawBody marks a code that is the whole body.
const rawBody = "body:"

func emptyBody(a applied) fault {
	return body("empty 200", a, func([]byte) []byte { return nil })
}

func garbageBody(a applied) fault {
	return body("garbage 200", a, func([]byte) []byte { return []byte("<html><body>Please log in") })
}

// halfBody is a document that ends in the middle, at a length that agrees.
func halfBody() fault {
	return body("half a document", now, func(b []byte) []byte { return b[:len(b)/2] })
}

// nth gives f to the n-th request (from 1) that match accepts.
func nth(n int, f fault, match func(*request) bool) func(*request) fault {
	seen := 0
	return func(r *request) fault {
		if !match(r) {
			return fault{}
		}
		if seen++; seen == n {
			return f
		}
		return fault{}
	}
}

// first gives the n-th request that match accepts the n-th of these.
func first(match func(*request) bool, fs ...fault) func(*request) fault {
	seen := 0
	return func(r *request) fault {
		if !match(r) || seen == len(fs) {
			return fault{}
		}
		seen++
		return fs[seen-1]
	}
}

// every gives f to all that match accepts.
func every(f fault, match func(*request) bool) func(*request) fault {
	return func(r *request) fault {
		if match(r) {
			return f
		}
		return fault{}
	}
}

func verb(v string) func(*request) bool { return func(r *request) bool { return r.verb == v } }

// isCommit says that a key is a version of a log.
func isCommit(key string) bool {
	_, name, ok := strings.Cut(key, "_delta_log/")
	return ok && len(name) == 25 && strings.HasSuffix(name, ".json")
}
