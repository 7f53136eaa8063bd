package compare

import (
	"net/http"
	"net/url"
	"sync"

	"github.com/deltalog/deltalog/conformance"
	"github.com/deltalog/deltalog/conformance/faultproxy"
)

// A port is the way of one client to the S3 server: a proxy of its own that does
// what a conformance.Fault says.
type port struct {
	proxy *faultproxy.Proxy
	// kill ends the client's process.
	kill func()

	mu    sync.Mutex
	fault *conformance.Fault
	seen  int
	fired bool
	after func()
}

func newPort(upstream string) (*port, error) {
	p := &port{kill: func() {}}
	var err error
	if p.proxy, err = faultproxy.New(upstream, p.script); err != nil {
		return nil, err
	}
	p.proxy.SetDelivered(p.delivered)
	return p, nil
}

// Inject implements conformance.Client for those that embed a port.
func (p *port) Inject(f conformance.Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault, p.seen, p.fired, p.after = &f, 0, false, f.After
}

// Fired implements conformance.Client.
func (p *port) Fired() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fired
}

func (p *port) script(r faultproxy.Request) faultproxy.Fault {
	f, mine := p.take(r)
	switch {
	case f == nil:
		return faultproxy.Fault{}
	case !mine && f.Then == conformance.ThenFailWrites && r.Writes():
		return faultproxy.StatusBefore(http.StatusForbidden, "AccessDenied")
	case !mine && f.Then == conformance.ThenDie:
		return faultproxy.DropBefore()
	case !mine:
		return faultproxy.Fault{}
	}
	if f.Before != nil {
		f.Before()
	}
	if f.Then == conformance.ThenDie && f.Deliver < 0 {
		p.kill()
	}
	switch {
	case f.Deliver == 2:
		return faultproxy.Duplicate()
	case f.Answer == conformance.Answer409:
		return faultproxy.StatusBefore(http.StatusConflict, "ConditionalRequestConflict")
	case f.Deliver < 0:
		return faultproxy.DropBefore()
	case f.Answer == conformance.AnswerLost:
		return faultproxy.DropAfter()
	}
	return faultproxy.Fault{}
}

// take returns the fault if it has begun, and whether this request is the one.
func (p *port) take(r faultproxy.Request) (f *conformance.Fault, mine bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fault == nil || p.fired {
		return p.fault, false
	}
	path, err := url.PathUnescape(r.Path)
	if err != nil || r.Method != http.MethodPut || !conformance.IsCommit(path) {
		return nil, false
	}
	if p.seen++; p.seen < max(1, p.fault.Nth) {
		return nil, false
	}
	p.fired = true
	return p.fault, true
}

func (p *port) delivered(faultproxy.Request) {
	p.mu.Lock()
	var after func()
	if p.fired {
		after, p.after = p.after, nil
	}
	p.mu.Unlock()
	if after != nil {
		after()
	}
}
